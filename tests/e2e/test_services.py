#!/usr/bin/python3
"""CloudWatch, Timestream, Step Functions, search and IoT actions: their AWS forms against the stub that checks
signatures, each with success, throttling, refusal, time-out, lost connection and partial failure; their local forms.

    test_services.py WEIR [test_NAME]...
"""
import base64
import json
import os
import re
import sqlite3
import time
import urllib.parse
import urllib.request

import aws
from aws import all_signed
from support import Broker, Process, tap, wait_for
from weir import EXAMPLES, ROLE, Weir, binary, republish, rule

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def act(kind, **members):
    return {kind: {"roleArn": ROLE, **members}}


def search(kind, endpoint):
    return act(kind, endpoint=endpoint, index="readings", type="_doc", id="${topic(2)}")


SITE = [{"propertyAlias": "/plant/${topic(2)}", "propertyValues": [
    {"value": {"doubleValue": "${t}"}, "quality": "GOOD",
     "timestamp": {"timeInSeconds": "${floor(timestamp() / 1E3)}", "offsetInNanos": "${(timestamp() % 1E3) * 1E6}"}}]}]

# kind: (action, service as it signs, operation, failed action, resource, begin of the error text)
ACTIONS = {
    "cloudwatchLogs": (act("cloudwatchLogs", logGroupName="group"), "logs", "PutLogEvents", "CloudwatchLogsAction", "group",
                       "Failed to put log events"),
    "cloudwatchMetric": (act("cloudwatchMetric", metricNamespace="plant", metricName="${topic(2)}", metricValue="${t}",
                             metricUnit="None"), "monitoring", "PutMetricData", "CloudwatchMetricAction", None,
                         "Failed to put metric data"),
    "cloudwatchAlarm": (act("cloudwatchAlarm", alarmName="hot", stateReason="${t}", stateValue="ALARM"), "monitoring",
                        "SetAlarmState", "CloudwatchAlarmAction", "hot", "Failed to set the state of the CloudWatch alarm"),
    "timestream": (act("timestream", databaseName="plant", tableName="readings",
                       dimensions=[{"name": "device", "value": "${topic(2)}"}]), "timestream", "WriteRecords",
                   "TimestreamAction", "readings", "Failed to write records to the Timestream table"),
    "stepFunctions": (act("stepFunctions", stateMachineName="machine", executionNamePrefix="run-"), "states", "StartExecution",
                      "StepFunctionsAction", "machine", "Failed to start the Step Functions execution"),
    "openSearch": (search("openSearch", "http://127.0.0.1:9"), "es", "PUT", "OpenSearchAction", "http://127.0.0.1:9",
                   "Failed to put the document"),
    "elasticsearch": (search("elasticsearch", "http://127.0.0.1:9"), "es", "PUT", "ElasticsearchAction", "http://127.0.0.1:9",
                      "Failed to put the document"),
    "iotSiteWise": (act("iotSiteWise", putAssetPropertyValueEntries=SITE), "iotsitewise", "BatchPutAssetPropertyValue",
                    "IotSiteWiseAction", None, "Failed to put asset property values"),
    "location": (act("location", trackerName="trucks", deviceId="${topic(2)}", latitude="${t}", longitude="-13.4"), "geo",
                 "BatchUpdateDevicePosition", "LocationAction", "trucks", "Failed to update the device position"),
    "iotEvents": (act("iotEvents", inputName="input"), "ioteventsdata", "BatchPutMessage", "IotEventsAction", "input",
                  "Failed to send the message to IoT Events"),
    "iotAnalytics": (act("iotAnalytics", channelName="channel"), "iotanalytics", "BatchPutMessage", "IotAnalyticsAction",
                     "channel", "Failed to send the message to IoT Analytics"),
}


def config(stub, kind):
    """Clusters have no endpoint that all share: theirs is the kind's."""
    return {"aws": {"timeout": "1s"},
            **({"sinks": {kind: {"endpoint": stub.url}}} if kind in ("openSearch", "elasticsearch") else {})}


def errors_of(subscriber, count):
    """The failures of `count` error documents, in the order of their topics."""
    wait_for(lambda: len(Broker.messages(subscriber)) >= count, f"{count} error documents")
    documents = [m["payload"] if isinstance(m["payload"], dict) else json.loads(m["payload"]) for m in Broker.messages(subscriber)]
    return [(d["topic"], d["failures"][0]) for d in sorted(documents, key=lambda d: d["topic"])]


def one_kind(kind):
    action, service, operation, failed_action, resource, words = ACTIONS[kind]
    rules = {"keep": rule("SELECT t, topic(2) AS device FROM 'a/+'", action, error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, config(stub, kind)) as weir:
        count = 0

        def send(device, t="1.5"):
            nonlocal count
            count += 1
            broker.publish(f"a/{device}", json.dumps({"t": t}))
            weir.wait_settled(count)

        send("good")
        tap.equal(weir.counters("keep")["actions"][kind]["success"], 1, f"{kind}: delivered; {weir.log[-500:]}")
        for name, fault in (("throttled", {"kind": "throttle"}), ("broken", {"kind": "status", "status": 503}),
                            ("reset", {"kind": "reset"}), ("cut", {"kind": "cut"}), ("hanging", {"kind": "hang", "seconds": 2})):
            before = len(stub.seen(service, operation))
            stub.fail(service=service, operation=operation, times=1, **fault)
            send(name)
            tap.check(len(stub.seen(service, operation)) - before == 2, f"{kind}, {name}: two requests")
        tap.equal(Broker.messages(errors), [], f"{kind}: no error action yet")
        stub.fail("error", service=service, operation=operation, status=403, code="AccessDeniedException",
                  message="You are not welcome", times=1)
        send("refused")
        (topic, failure), = errors_of(errors, 1)
        tap.equal((topic, failure["failedAction"]), ("a/refused", failed_action), f"{kind}: what failed")
        if resource:
            tap.equal(failure["failedResource"], resource, f"{kind}: the resource")
        for part in (words + ". The error received was You are not welcome (Service: ",
                     "; Status Code: 403; Error Code: AccessDeniedException; Request ID: "):
            tap.check(part in failure["errorMessage"], f"{kind}: {failure['errorMessage']}")
        counters = weir.counters("keep")["actions"][kind]
        tap.equal((counters["success"], counters["failure"]), (6, 1), f"{kind}: counters")
        # libcurl itself sends again what met a reset on a connection that it had kept.
        tap.check(counters["retries"] in (4, 5), f"{kind}: {counters['retries']} retries")
        all_signed(stub)
        return stub.seen(service, operation)


def test_logs():
    """cloudwatchLogs: success, throttle, 503, reset, cut, time-out, refusal"""
    first = one_kind("cloudwatchLogs")[0]
    body = json.loads(first["body"])
    tap.equal(first["headers"]["x-amz-target"], "Logs_20140328.PutLogEvents", "target")
    tap.equal([json.loads(e["message"]) for e in body["logEvents"]], [{"t": "1.5", "device": "good"}], "the event")
    tap.check(body["logStreamName"].startswith("keep/"), body["logStreamName"])


def test_metric():
    """cloudwatchMetric: success, throttle, 503, reset, cut, time-out, refusal"""
    body = json.loads(one_kind("cloudwatchMetric")[0]["body"])
    tap.equal((body["Namespace"], body["MetricData"][0]["MetricName"], body["MetricData"][0]["Value"]), ("plant", "good", 1.5), "the value")


def test_alarm():
    """cloudwatchAlarm: success, throttle, 503, reset, cut, time-out, refusal"""
    tap.equal(json.loads(one_kind("cloudwatchAlarm")[0]["body"]), {"AlarmName": "hot", "StateValue": "ALARM", "StateReason": "1.5"}, "request")


def test_timestream():
    """timestream: success, throttle, 503, reset, cut, time-out, refusal"""
    body = json.loads(one_kind("timestream")[0]["body"])
    tap.equal([(r["MeasureName"], r["MeasureValue"], r["MeasureValueType"], r["Dimensions"]) for r in body["Records"]],
              [("t", "1.5", "VARCHAR", [{"Name": "device", "Value": "good"}]),
               ("device", "good", "VARCHAR", [{"Name": "device", "Value": "good"}])], "records")


def test_steps():
    """stepFunctions: success, throttle, 503, reset, cut, time-out, refusal; one name at every try"""
    seen = one_kind("stepFunctions")
    names = [json.loads(r["body"])["name"] for r in seen]
    tap.check(all(UUID.fullmatch(n[4:]) and n.startswith("run-") for n in names), str(names))
    # The first alone, five in two tries each, the refused one.
    tap.equal([names.count(n) for n in dict.fromkeys(names)], [1, 2, 2, 2, 2, 2, 1], "names")


def test_open_search():
    """openSearch: success, throttle, 503, reset, cut, time-out, refusal"""
    first = one_kind("openSearch")[0]
    tap.equal((first["method"], first["path"], json.loads(first["body"])), ("PUT", "/readings/_doc/good", {"t": "1.5", "device": "good"}),
              "the document")


def test_elasticsearch():
    """elasticsearch: success, throttle, 503, reset, cut, time-out, refusal"""
    one_kind("elasticsearch")


def test_site_wise():
    """iotSiteWise: success, throttle, 503, reset, cut, time-out, refusal"""
    entry = json.loads(one_kind("iotSiteWise")[0]["body"])["entries"][0]
    value = entry["propertyValues"][0]
    tap.check(UUID.fullmatch(entry["entryId"]), entry["entryId"])
    tap.equal((entry["propertyAlias"], value["value"], value["quality"]), ("/plant/good", {"doubleValue": 1.5}, "GOOD"), "the entry")
    tap.check(abs(value["timestamp"]["timeInSeconds"] - time.time()) < 300 and 0 <= value["timestamp"]["offsetInNanos"] < 10**9, str(value))


def test_location():
    """location: success, throttle, 503, reset, cut, time-out, refusal"""
    first = one_kind("location")[0]
    update = json.loads(first["body"])["Updates"][0]
    tap.equal((first["path"], update["DeviceId"], update["Position"]), ("/tracking/v0/trackers/trucks/positions", "good", [-13.4, 1.5]), "the position")


def test_iot_events():
    """iotEvents: success, throttle, 503, reset, cut, time-out, refusal"""
    first = one_kind("iotEvents")[0]
    message = json.loads(first["body"])["messages"][0]
    tap.equal((first["path"], message["inputName"]), ("/inputs/messages", "input"), "the request")
    tap.check(UUID.fullmatch(message["messageId"]), message["messageId"])


def test_iot_analytics():
    """iotAnalytics: success, throttle, 503, reset, cut, time-out, refusal"""
    first = one_kind("iotAnalytics")[0]
    tap.equal((first["path"], json.loads(first["body"])["channelName"]), ("/messages/batch", "channel"), "the request")


# ---- failures inside an answer

def batch_rule(action):
    return {"keep": rule("SELECT * FROM 'b/+'", action, error=republish("errors"))}


def partial(kind, code, action=None, payload='{"t": 1.5}', **more):
    """One record whose entry fails once inside a 200 and is then sent again, and one that is refused there."""
    _, service, operation, _, _, words = ACTIONS[kind]
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, batch_rule(action or ACTIONS[kind][0])) as weir:
        stub.fail("partial", service=service, operation=operation, indexes=[0], times=1, code=more.get("later", "ThrottlingException"))
        broker.publish("b/later", payload)
        weir.wait_settled(1)
        tap.equal([r["status"] for r in stub.seen(service, operation)], [200, 200], f"{kind}: sent again")
        tap.equal(Broker.messages(errors), [], f"{kind}: no error action")
        stub.fail("partial", service=service, operation=operation, indexes=[0], times=1, code=code, message="nobody knows it")
        broker.publish("b/never", payload)
        weir.wait_settled(2)
        (_, failure), = errors_of(errors, 1)
        tap.check(f"{words}. The error received was nobody knows it (Service: " in failure["errorMessage"]
                  and f"Error Code: {code};" in failure["errorMessage"], failure["errorMessage"])
        all_signed(stub)


def test_partial_site_wise():
    """iotSiteWise: an entry that is throttled, and one that is refused, inside a 200"""
    partial("iotSiteWise", "ResourceNotFoundException")


def test_partial_location():
    """location: a position that is throttled, and one that is refused, inside a 200"""
    partial("location", "ResourceNotFoundError", later="ThrottlingError")


def test_partial_iot_events():
    """iotEvents: a message that is throttled, and one that is refused, inside a 200"""
    partial("iotEvents", "ResourceNotFoundException")


def test_partial_iot_analytics():
    """iotAnalytics: a message that is throttled, and one that is refused, inside a 200"""
    partial("iotAnalytics", "ResourceNotFoundException")


def test_only_failed_entries_again():
    """iotAnalytics, batchMode: of 250 elements in three messages only those that failed are sent again"""
    action = act("iotAnalytics", channelName="channel", batchMode=True)
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, batch_rule(action)) as weir:
        stub.fail("partial", service="iotanalytics", indexes=[1, 3], times=1, code="InternalFailureException")
        for size in (100, 90, 60):
            broker.publish("b/x", json.dumps([{"n": n} for n in range(size)]))
        weir.wait_settled(3)
        ids = [m["messageId"] for r in stub.seen("iotanalytics") for m in json.loads(r["body"])["messages"]]
        tap.equal((len(ids), len(set(ids))), (252, 250), "messages, and ids")
        tap.equal(sum(ids.count(i) == 2 for i in set(ids)), 2, "sent twice")


def test_refused_beside_retried():
    """iotEvents, batchMode: an entry that was refused is not sent again with one that was throttled, and fails the record"""
    action = act("iotEvents", inputName="input", batchMode=True)
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, aws.weir(broker, stub, batch_rule(action)) as weir:
        stub.fail("partial", service="ioteventsdata", indexes=[0, 2], codes=["ResourceNotFoundException", "ThrottlingException"], times=1,
                  message="in this answer")
        broker.publish("b/x", '[{"n": 0}, {"n": 1}, {"n": 2}]')
        weir.wait_settled(1)
        sent = [[json.loads(base64.b64decode(m["payload"]))["n"] for m in json.loads(r["body"])["messages"]] for r in stub.seen("ioteventsdata")]
        tap.equal(sent, [[0, 1, 2], [2]], "what was sent")
        (_, failure), = errors_of(errors, 1)
        tap.check("Error Code: ResourceNotFoundException" in failure["errorMessage"], failure["errorMessage"])


def test_logs_streams_and_rejections():
    """cloudwatchLogs: streams are made, a group is not; rejected events fail their record, others do not"""
    rules = {"keep": rule("SELECT * FROM 'b/+'", act("cloudwatchLogs", logGroupName="${topic(2)}"), error=republish("errors")),
             "many": rule("SELECT * FROM 'm/+'", act("cloudwatchLogs", logGroupName="there", batchMode=True), error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, {"sinks": {"cloudwatchLogs": {"instance": "here"}}}) as weir:
        stub.log_groups, stub.log_streams = {"there"}, set()
        broker.publish("b/there", '{"n": 1}')
        weir.wait_settled(1)
        tap.equal([r["operation"] for r in stub.seen("logs")], ["PutLogEvents", "CreateLogStream", "PutLogEvents"], "the stream is made")
        tap.equal(stub.log_streams, {("there", "keep/here")}, "its name")
        broker.publish("b/nowhere", '{"n": 2}')
        weir.wait_settled(2)
        (_, failure), = errors_of(errors, 1)
        tap.check("The specified log group does not exist." in failure["errorMessage"], failure["errorMessage"])
        now = int(time.time() * 1000)
        stub.fail("partial", service="logs", operation="PutLogEvents", info={"tooOldLogEventEndIndex": 1}, times=2)
        stub.log_streams = None
        broker.publish("m/old", json.dumps([{"timestamp": now, "message": "new"}, {"timestamp": now - 1000, "message": "old"}]))
        weir.wait_settled(3)
        (_, failure), = [e for e in errors_of(errors, 2) if e[0] == "m/old"]
        tap.check("older than 14 days" in failure["errorMessage"], failure["errorMessage"])
        stub.failures.clear()
        stub.fail("error", service="logs", status=400, code="DataAlreadyAcceptedException", times=1)
        broker.publish("b/there", '{"n": 3}')
        weir.wait_settled(4)
        tap.equal(len(Broker.messages(errors)), 2, "accepted already is a delivery")
        stub.fail("status", service="logs", status=400, times=1, body=b'{"__type":"InvalidSequenceTokenException","message":"no",'
                  b'"expectedSequenceToken":"49"}')  # as old imitations answer
        broker.publish("b/there", '{"n": 4}')
        weir.wait_settled(5)
        tap.equal([json.loads(r["body"]).get("sequenceToken") for r in stub.seen("logs")[-2:]], [None, "49"], "the token that it wants")
        days = 24 * 3600 * 1000
        before = len(stub.seen("logs"))
        broker.publish("m/span", json.dumps([{"timestamp": now - k * days, "message": str(k)} for k in range(3)]))
        weir.wait_settled(6)
        tap.equal([r["status"] for r in stub.seen("logs")[before:]], [200, 200], "two days in two requests, sorted")
        all_signed(stub)


def test_rounds():
    """cloudwatchLogs: messages that wait together and do not fit into one request: one is refused, the others are there"""
    rules = {"many": rule("SELECT * FROM 'm/+'", act("cloudwatchLogs", logGroupName="there", batchMode=True), error=republish("errors"))}
    now, day = int(time.time() * 1000), 24 * 3600 * 1000
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, aws.PATIENT) as weir:
        lines = [json.dumps([{"timestamp": now - days * day, "message": name}])
                 for name, days in (("first", 0), ("a", 0), ("b", 2), ("c", 4), ("d", 4))]
        stub.fail("hold", service="logs", times=1)  # what has not come yet waits together meanwhile
        stub.fail("error", service="logs", status=400, code="InvalidParameterException", message="not this one", times=1)
        broker.publish_lines("m/x", lines)
        wait_for(lambda: weir.totals()["records"] == 5, "all records")
        stub.release()
        weir.wait_settled(5)
        sent = [([e["message"] for e in json.loads(r["body"])["logEvents"]], r["status"]) for r in stub.seen("logs")]
        tap.equal([m for messages, _ in sent for m in messages], ["first", "a", "b", "c", "d"], f"each once, in order: {sent}")
        tap.equal([status for _, status in sent], [200, 400] + [200] * (len(sent) - 2), f"one is refused: {sent}")
        tap.check(len(sent) >= 3, f"days apart do not share a request: {sent}")
        (_, failure), = errors_of(errors, 1)
        tap.check("was not this one (Service: AWSLogs" in failure["errorMessage"], failure["errorMessage"])
        tap.equal(weir.counters("many")["actions"]["cloudwatchLogs"]["failure"], 1, "one failed")


def test_metric_query():
    """cloudwatchMetric: the query protocol of old, and its error documents"""
    rules = {"keep": rule("SELECT t FROM 'a/+'", ACTIONS["cloudwatchMetric"][0], error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, {"sinks": {"cloudwatchMetric": {"protocol": "query"}}}) as weir:
        broker.publish("a/x y", '{"t": -2.50}')
        weir.wait_settled(1)
        first = stub.seen("monitoring", "PutMetricData")[0]
        form = dict(urllib.parse.parse_qsl(first["body"]))
        tap.check(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", form.pop("MetricData.member.1.Timestamp")), first["body"])
        tap.equal(form, {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": "plant", "MetricData.member.1.MetricName": "x y",
                         "MetricData.member.1.Value": "-2.5", "MetricData.member.1.Unit": "None"}, "the form")
        stub.fail("error", service="monitoring", status=400, code="InvalidParameterValue", message="too <large> & old", times=1)
        broker.publish("a/bad", '{"t": 1}')
        weir.wait_settled(2)
        (_, failure), = errors_of(errors, 1)
        tap.check("was too <large> & old (Service: AmazonCloudWatch; Status Code: 400; Error Code: InvalidParameterValue" in
                  failure["errorMessage"], failure["errorMessage"])
        all_signed(stub)


def test_strange_answers():
    """Answers that make no sense: a 200 that names nothing that was sent is a delivery, one that is no JSON object is none"""
    bodies = [b"", b"[]", b"{", b"null", b"\xff\xfe", b"[" * 2000, b'{"errorEntries":5,"Errors":{},"rejectedLogEventsInfo":[1]}',
              b'{"errorEntries":[{"entryId":"nobody"},7,null,{"errors":[]}],"Errors":[{"DeviceId":"nobody","Error":3}],'
              b'"BatchPutMessageErrorEntries":[{"messageId":"nobody"},{}],"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":-5,'
              b'"tooNewLogEventStartIndex":1e30,"expiredLogEventEndIndex":"1"}}']
    kinds = ("cloudwatchLogs", "iotSiteWise", "location", "iotEvents", "timestream")
    rules = {kind: rule(f"SELECT t FROM '{kind}/+'", ACTIONS[kind][0], error=republish("errors")) for kind in kinds}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, aws.weir(broker, stub, rules) as weir:
        count = 0
        for kind in kinds:
            for body in bodies:
                stub.fail("status", service=ACTIONS[kind][1], status=200, body=body, times=1)
                broker.publish(f"{kind}/x", '{"t": 1.5}')
                count += 1
                weir.wait_settled(count)
                sent = [r["status"] for r in stub.seen(ACTIONS[kind][1])]
                tap.equal(len(sent), 1 if body[:1] == b"{" and body != b"{" or not body else 2, f"{kind} {body[:40]}: requests")
                stub.reset()
        status = weir.fresh_status()["rules"]
        for kind in kinds:
            tap.equal(status[kind]["actions"][kind]["success"], len(bodies), kind)
        tap.equal(Broker.messages(errors), [], "no error action")
        for body in (b"", b"{}", b'{"RejectedRecords":[{"RecordIndex":99},{"RecordIndex":"x"},4]}'):
            stub.fail("status", service="timestream", status=419, body=body, times=1,
                      headers=[("x-amzn-ErrorType", "RejectedRecordsException")])
            broker.publish("timestream/x", '{"t": 1.5}')
            count += 1
            weir.wait_settled(count)
        tap.equal(weir.counters("timestream")["actions"]["timestream"]["failure"], 3, "rejected without saying which: all")


def test_metric_batch_and_the_guilty():
    """cloudwatchMetric: many values in few requests; one that is refused fails alone"""
    rules = {"keep": rule("SELECT n FROM 'b/+'", act("cloudwatchMetric", metricNamespace="plant", metricName="${name}", metricValue="${n}",
                                                     metricUnit="Count"), error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, aws.PATIENT) as weir:
        stub.bad_names = {"bad"}
        lines = [json.dumps({"name": "bad" if n == 37 else "good", "n": n}) for n in range(200)]
        aws.together(stub, weir, 200, lambda: broker.publish_lines("b/x", lines), service="monitoring", times=50)  # the others wait for company
        weir.wait_settled(200)
        good = [d["Value"] for r in stub.seen("monitoring") if r["status"] == 200 for d in json.loads(r["body"])["MetricData"]]
        tap.equal(sorted(good), [n for n in range(200) if n != 37], "values that are there, once each")
        (_, failure), = errors_of(errors, 1)
        tap.check("The metric bad is not welcome." in failure["errorMessage"], failure["errorMessage"])
        tap.check(len(stub.seen("monitoring")) < 40, f"{len(stub.seen('monitoring'))} requests")
        before = len(stub.seen("monitoring"))
        stub.fail("error", service="monitoring", status=403, code="AccessDeniedException", times=100)
        broker.publish_lines("b/x", (json.dumps({"name": "good", "n": n}) for n in range(50)))
        weir.wait_settled(250)
        tap.equal(weir.counters("keep")["actions"]["cloudwatchMetric"]["failure"], 51, "all are refused")
        tap.check(len(stub.seen("monitoring")) - before <= 50, "a sender that is refused is not tried with halves")


def test_timestream_rejections_and_discovery():
    """timestream: rejected records fail their own record only; the endpoint is asked for once, and again when it is wrong"""
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, batch_rule(ACTIONS["timestream"][0]), {"sinks": {"timestream": {"discovery": "always"}}}) as weir:
        for n in range(3):
            broker.publish("b/x", '{"t": 1}')
            weir.wait_settled(n + 1)
        tap.equal([r["operation"] for r in stub.seen("timestream")], ["DescribeEndpoints"] + ["WriteRecords"] * 3, "asked once")
        stub.fail("error", service="timestream", operation="WriteRecords", status=421, code="InvalidEndpointException", times=1)
        broker.publish("b/x", '{"t": 1}')
        weir.wait_settled(4)
        tap.equal([r["operation"] for r in stub.seen("timestream")][4:], ["WriteRecords", "DescribeEndpoints", "WriteRecords"], "asked again")
        stub.fail("partial", service="timestream", operation="WriteRecords", indexes=[1], times=1, message="The type has changed")
        broker.publish("b/rejected", '{"t": 1, "u": 2.5, "v": true}')
        weir.wait_settled(5)
        (_, failure), = errors_of(errors, 1)
        tap.check("The error received was The type has changed (Service: AmazonTimestreamWrite; " in failure["errorMessage"]
                  and "Error Code: RejectedRecordsException" in failure["errorMessage"], failure["errorMessage"])
        all_signed(stub)


def test_timestream_types():
    """timestream: the type of 10.0 is BIGINT under 2016-03-23 and DOUBLE under 2015-10-08"""
    rules = {v[:4]: rule(f"SELECT w FROM 'v/{v[:4]}'", ACTIONS["timestream"][0], version=v) for v in ("2016-03-23", "2015-10-08")}
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules) as weir:
        for n, v in enumerate(("2016", "2015")):
            broker.publish(f"v/{v}", '{"w": 10.0}')
            weir.wait_settled(n + 1)
        records = [json.loads(r["body"])["Records"][0] for r in stub.seen("timestream")]
        tap.equal([(r["MeasureValue"], r["MeasureValueType"]) for r in records], [("10", "BIGINT"), ("10.0", "DOUBLE")], "types")


def test_steps_lost_answer():
    """stepFunctions: an execution whose answer was lost is not a failure, and runs once; without a try before it is one"""
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, batch_rule(ACTIONS["stepFunctions"][0])) as weir:
        stub.fail("cut", service="states", times=1)  # it was started; the answer is cut off
        broker.publish("b/x", '{"n": 1}')
        weir.wait_settled(1)
        tap.equal([r["status"] for r in stub.seen("states")], [200, 400], "started, then: exists already")
        tap.equal((len(stub.executions), Broker.messages(errors)), (1, []), "one execution, no error")
        stub.fail("error", service="states", code="ExecutionAlreadyExists", times=1)
        broker.publish("b/y", '{"n": 2}')
        weir.wait_settled(2)
        (_, failure), = errors_of(errors, 1)
        tap.check("ExecutionAlreadyExists" in failure["errorMessage"], failure["errorMessage"])


def test_search_paths_and_signing():
    """openSearch: each part is one segment of the path; what a cluster says stands in the error text"""
    action = act("openSearch", endpoint="http://127.0.0.1:9", index="readings-${topic(2)}", type="_doc", id="${id}")
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, batch_rule(action), {"sinks": {"openSearch": {"endpoint": stub.url}}}) as weir:
        for n, identity in enumerate(("a/b", "ü +%", "..a", "x" * 512)):
            broker.publish("b/kiln", json.dumps({"id": identity}))
            weir.wait_settled(n + 1)
        tap.equal(sorted(stub.documents), sorted("/readings-kiln/_doc/" + p for p in ("a%2Fb", "%C3%BC%20%2B%25", "..a", "x" * 512)), "paths")
        stub.fail("error", service="es", status=400, code="mapper_parsing_exception", message="failed to parse field [t]", times=1)
        broker.publish("b/kiln", '{"id": "1"}')
        weir.wait_settled(5)
        broker.publish("b/Kiln", '{"id": "1"}')
        weir.wait_settled(6)
        (_, first), (_, second) = errors_of(errors, 2)
        texts = sorted((first["errorMessage"], second["errorMessage"]))
        tap.check("was Invalid index name [readings-Kiln]: must be lowercase" in texts[0], texts[0])
        tap.check("was failed to parse field [t] (Service: " in texts[1] and "Error Code: mapper_parsing_exception" in texts[1], texts[1])
        all_signed(stub)


# ---- local forms

def test_local():
    """Every kind keeps locally what it would send"""
    rules = {kind: rule("SELECT t, topic(2) AS device FROM 'a/+'", a[0]) for kind, a in ACTIONS.items()}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"cloudwatchLogs": {"instance": "here"}}}) as weir:
        for device in ("one", "two"):
            broker.publish(f"a/{device}", json.dumps({"t": 1.5 if device == "one" else 2}))
        weir.wait_settled(2)
        local = os.path.join(weir.state_dir, "local")

        def lines(*path):
            with open(os.path.join(local, *path)) as f:
                return [json.loads(line) for line in f]

        def rows(file, sql):
            with sqlite3.connect(os.path.join(local, file)) as db:
                return db.execute(sql).fetchall()

        one, two = {"t": 1.5, "device": "one"}, {"t": 2, "device": "two"}
        tap.equal([json.loads(e["message"]) for e in lines("logs", "group", "cloudwatchLogs%2Fhere.ndjson")], [one, two], "log events")
        tap.equal([e["input"] for e in lines("stepfunctions", "machine.ndjson")], [one, two], "executions")
        for kind in ("opensearch", "elasticsearch"):
            tap.equal(lines(kind, "readings.ndjson"), [{"index": {"_index": "readings", "_id": "one"}}, one,
                                                       {"index": {"_index": "readings", "_id": "two"}}, two], kind)
        tap.equal([m["payload"] for m in lines("iotevents", "input.ndjson")], [one, two], "messages of events")
        tap.equal([m["payload"] for m in lines("iotanalytics", "channel.ndjson")], [one, two], "messages of analytics")
        tap.equal([(e["propertyAlias"], e["propertyValues"][0]["value"]) for e in lines("iotsitewise", "values.ndjson")],
                  [("/plant/one", {"doubleValue": 1.5}), ("/plant/two", {"doubleValue": 2})], "entries")
        tap.equal([(p["DeviceId"], p["Position"]) for p in lines("location", "trucks.ndjson")], [("one", [-13.4, 1.5]), ("two", [-13.4, 2])],
                  "positions")
        tap.equal(rows("metrics.db", "SELECT namespace, name, unit, count, sum, min, max, last FROM metrics ORDER BY name"),
                  [("plant", "one", "None", 1, 1.5, 1.5, 1.5, 1.5), ("plant", "two", "None", 1, 2, 2, 2, 2)], "metrics")
        tap.equal(rows("alarms.db", "SELECT name, state, reason FROM alarms"), [("hot", "ALARM", "2")], "alarms")
        tap.equal(rows("alarms.db", "SELECT name, before, state, reason FROM changes"), [("hot", None, "ALARM", "1.5")], "changes")
        tap.equal(rows("timestream.db", "SELECT database, name, measure, type, value FROM records ORDER BY seq"),
                  [("plant", "readings", "t", "DOUBLE", "1.5"), ("plant", "readings", "device", "VARCHAR", "one"),
                   ("plant", "readings", "t", "BIGINT", "2"), ("plant", "readings", "device", "VARCHAR", "two")], "records")


def test_weir_local():
    """weir local ls, cat and tail of every service, with names that are none of a file's"""
    rules = {kind: rule("SELECT t, topic(2) AS device FROM 'a/+'", a[0]) for kind, a in ACTIONS.items()}
    rules["paths"] = rule("SELECT t FROM 'a/one'", act("cloudwatchLogs", logGroupName="/aws/iot/paths"))
    with Broker() as broker, Weir(broker, rules, {"sinks": {"cloudwatchLogs": {"instance": "here"}}}) as weir:
        code, out, err = weir.run("local", "cat", "logs", "group")
        tap.equal((code, out), (1, ""), err)
        for n, device in enumerate(("one", "two")):
            broker.publish(f"a/{device}", json.dumps({"t": n + 1.5}))
            weir.wait_settled(n + 1)
        one, two = {"t": 1.5, "device": "one"}, {"t": 2.5, "device": "two"}

        def cat(*words):
            return [json.loads(line) for line in weir.local("cat", *words).splitlines()]

        def ls(service, *members):
            listed = [json.loads(line) for line in weir.local("ls", service, "--json").splitlines()]
            tap.equal(len(weir.local("ls", service).splitlines()), len(listed), f"lines of {service}")
            return [tuple(x[m] for m in members) for x in listed]

        tap.equal(ls("logs", "group", "stream"), [("/aws/iot/paths", "paths/here"), ("group", "cloudwatchLogs/here")], "groups")
        tap.equal([json.loads(e["message"]) for e in cat("logs", "group")], [one, two], "events of a group")
        tap.equal(len(cat("logs", "/aws/iot/paths", "paths/here")), 1, "events of a stream")
        for service, name, member in (("stepfunctions", "machine", "stateMachine"), ("opensearch", "readings", "index"),
                                      ("elasticsearch", "readings", "index"), ("iotevents", "input", "input"),
                                      ("iotanalytics", "channel", "channel"), ("iotsitewise", "values", "file"),
                                      ("location", "trucks", "tracker")):
            tap.equal(ls(service, member), [(name,)], service)
            tap.equal(len(cat(service, name)), 4 if "search" in service else 2, f"lines of {service}")
            code, out, err = weir.run("local", "cat", service, "nosuch")
            tap.equal((code, out, "nosuch: nothing has been sent to it" in err), (1, "", True), err)
        tap.equal(ls("metrics", "namespace", "metrics", "values"), [("plant", 2, 2)], "namespaces")
        tap.equal([(m["name"], m["last"]) for m in cat("metrics", "plant")], [("one", 1.5), ("two", 2.5)], "metrics")
        tap.equal([m["name"] for m in cat("metrics", "plant", "two")], ["two"], "one metric")
        tap.equal(ls("alarms", "alarm", "state", "reason"), [("hot", "ALARM", "2.5")], "alarms")
        tap.equal([(c["before"], c["state"]) for c in cat("alarms", "hot")], [(None, "ALARM")], "changes")
        tap.equal(ls("timestream", "database", "table", "records"), [("plant", "readings", 4)], "tables")
        tap.equal([r["value"] for r in cat("timestream", "plant", "readings")], ["1.5", "one", "2.5", "two"], "records")
        for service, name in (("metrics", "nosuch"), ("alarms", "nosuch"), ("timestream", "nosuch")):
            code, out, err = weir.run("local", "cat", service, name)
            tap.equal((code, out, "nosuch: nothing is there" in err), (1, "", True), err)
        tails = {words: Process([binary(), "local", "-c", weir.config_file, "tail", *words, "--for", "120"])
                 for words in (("logs", "group"), ("metrics", "plant"), ("timestream", "plant"))}
        def shown():  # once each has looked for the first time; what was there before is not shown
            broker.publish("a/three", '{"t": 3.5}')
            return all(any("three" in line for line in tail.lines) for tail in tails.values())
        wait_for(shown, lambda: "; ".join(f"{words}: {tail.stdout}{tail.stderr}" for words, tail in tails.items()), every=0.5)
        for words, tail in tails.items():
            tap.check(not any(re.search(r"\bone\b", line) for line in tail.lines), f"{words}: {tail.stdout}")
            tail.stop()
        code, _, err = weir.run("local", "ls", "nosuch")
        tap.check(code == 2 and "location" in err and "timestream" in err, err)


def test_local_metrics():
    """cloudwatchMetric: what the local form holds is in weir's own exposition"""
    action = act("cloudwatchMetric", metricNamespace="plant", metricName="temp \"${topic(2)}\"", metricValue="${t}", metricUnit="None")
    with Broker() as broker, Weir(broker, {"keep": rule("SELECT * FROM 'a/+'", action)}) as weir:
        url = re.search(r"http://[0-9.:]+/metrics", weir.log)[0]
        tap.check(b"weir_cloudwatch" not in urllib.request.urlopen(url).read(), "nothing before the first value")
        for n, t in enumerate((2, -1.5, 7)):
            broker.publish("a/kiln", json.dumps({"t": t}))
            weir.wait_settled(n + 1)
        lines = urllib.request.urlopen(url).read().decode().splitlines()
        labels = '{namespace="plant",name="temp \\"kiln\\"",unit="None"}'
        for family, value in (("values_total", 3), ("sum", 7.5), ("min", -1.5), ("max", 7), ("last", 7)):
            line, = [x for x in lines if x.startswith(f"weir_cloudwatch_{family}{{")]
            tap.equal((line.rpartition(" ")[0], float(line.rpartition(" ")[2])), (f"weir_cloudwatch_{family}{labels}", value), family)


def test_examples():
    """examples/actions: each rule is taken, and delivers what the example messages give it"""
    folder = os.path.join(EXAMPLES, "actions")
    rules = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as f:
            document = json.load(f)
        rules[document["ruleName"]] = document["topicRulePayload"]
        tap.equal(list(document["topicRulePayload"]["actions"][0]), [name[:-5]], "a file is named after its action")
    with open(os.path.join(EXAMPLES, "messages", "morning.jsonl")) as f:
        messages = [json.loads(line) for line in f]
    # What a rule cannot say: the key of a table, the command of a function.
    more = {"sinks": {}}
    if "example_dynamoDBv2" in rules:
        table = rules["example_dynamoDBv2"]["actions"][0]["dynamoDBv2"]["putItem"]["tableName"]
        more["sinks"]["dynamoDBv2"] = {"tables": {table: {"hash_key": "room"}}}
    if "example_lambda" in rules:
        name = rules["example_lambda"]["actions"][0]["lambda"]["functionArn"].split(":")[6]
        more["sinks"]["lambda"] = {"functions": {name: {"command": "/usr/bin/python3 python_runtime.py", "handler": "alarm.handler",
                                                        "cwd": os.path.abspath(os.path.join(EXAMPLES, "functions"))}}}
    with Broker() as broker, Weir(broker, rules, more) as weir:
        for m in messages:
            payload = json.dumps(m["payload"]) if "payload" in m else m.get("payloadText", "") or base64.b64decode(m["payloadBase64"])
            broker.publish(m["topic"], payload)
        weir.wait_settled(sum(m["topic"].startswith(("site/", "vehicles/")) for m in messages))
        status = weir.fresh_status()["rules"]
        for name, payload in rules.items():
            kind = list(payload["actions"][0])[0]
            c = status[name]["actions"][kind]
            tap.check(c["success"] >= 1 and c["failure"] == 0, f"{name}: {kind} {c}")


def test_local_killed():
    """A kill while lines are written: each message is there, as whole lines"""
    rules = {"keep": rule("SELECT n FROM 'a/b'", act("iotEvents", inputName="input"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish_lines("a/b", (json.dumps({"n": n}) for n in range(500)))
        file = os.path.join(weir.state_dir, "local", "iotevents", "input.ndjson")
        wait_for(lambda: os.path.exists(file) and os.path.getsize(file) > 1000, "lines")
        weir.kill()
        with open(file, "ab") as f:
            f.write(b'{"torn')  # as a power failure leaves it
        weir.start()
        wait_for(lambda: len({json.loads(x)["payload"]["n"] for x in open(file) if x.endswith("\n") and not x.startswith('{"torn')}) == 500,
                 "all messages")
        with open(file) as f:
            tap.check(all(json.loads(line) for line in f), "whole lines")


if __name__ == "__main__":
    import support
    support.main(globals())
