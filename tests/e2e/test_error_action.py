"""Error actions: the document, when it is sent and when not, where it can go.

    test_error_action.py WEIR [test_NAME]...
"""
import base64
import json
import os
import re
import time

import support
from support import Broker, tap, wait_for
from weir import EXAMPLES, Weir, dynamodb, dynamodb_v2, function, lambda_arn, republish, rule, s3

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NO_BUCKET = s3("${nosuch}", "k/${topic(2)}")  # an empty bucket name: refused at once
MEMBERS = ["ruleName", "topic", "cloudwatchTraceId", "clientId", "base64OriginalPayload", "failures"]


def only_object(weir, bucket):
    objects = weir.objects(bucket)
    tap.equal(len(objects), 1, f"objects in {bucket}: {list(objects)}")
    return json.loads(next(iter(objects.values())))


def check_document(document, name, topic, payload, actions):
    """Everything of a document but the messages; gives those."""
    tap.equal(list(document), MEMBERS, "members, in order")
    tap.equal((document["ruleName"], document["topic"]), (name, topic), "rule and topic")
    tap.check(re.fullmatch(UUID, document["cloudwatchTraceId"]), document["cloudwatchTraceId"])
    tap.equal(document["clientId"], "N/A", "a subscriber is not told who published")
    tap.equal(base64.b64decode(document["base64OriginalPayload"], validate=True), payload,
              "the original payload")
    for failure in document["failures"]:
        tap.equal(list(failure), ["failedAction", "failedResource", "errorMessage"], "members of a failure")
        tap.check(all(isinstance(x, str) for x in failure.values()), f"texts: {failure}")
    tap.equal([(f["failedAction"], f["failedResource"]) for f in document["failures"]], actions, "failures")
    return [f["errorMessage"] for f in document["failures"]]


def test_document():
    """the document, to the member"""
    payload = b'{"temp": 41, "text": "gr\xc3\xbc\xc3\x9fe"}'
    rules = {"hot": rule("SELECT temp FROM 'site/+/reading'", NO_BUCKET,
                         error=s3("failed", "${topic(2)}/${temp}.json"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("site/kiln/reading", payload)
        weir.wait_settled(1)
        tap.equal(list(weir.objects("failed")), ["kiln/41.json"], "templates see the original message")
        text, = check_document(only_object(weir, "failed"), "hot", "site/kiln/reading", payload, [("S3Action", "")])
        tap.check(re.fullmatch(
            r"Failed to put S3 object\. The error received was .+ \(Service: Amazon S3; Status Code: 400; "
            r"Error Code: InvalidBucketName; Request ID: .+\)\. Message arrived on: site/kiln/reading, "
            r'Action: s3, Bucket: , Key: "k/kiln"', text), text)


def test_binary_and_empty():
    """payloads that are no JSON, and none at all, are in the document"""
    rules = {"raw": rule("SELECT * FROM 'raw/+'", function("absent"), error=s3("failed", "${topic(2)}"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("raw/bytes", b"\x00\xff\xfe{")
        broker.publish("raw/none", b"")
        weir.wait_settled(2)
        for key, payload in (("bytes", b"\x00\xff\xfe{"), ("none", b"")):
            document = json.loads(weir.objects("failed")[key])
            check_document(document, "raw", "raw/" + key, payload, [("LambdaAction", lambda_arn("absent"))])


def test_two_failures():
    """two failing actions make one document; the others of the rule are done"""
    bad_key = dynamodb("rows", hashKeyField="id", hashKeyValue="x", rangeKeyField="n", rangeKeyType="NUMBER",
                       rangeKeyValue="${text}")
    rules = {"two": rule("SELECT * FROM 'two'", NO_BUCKET, s3("done", "ok"), bad_key, republish("a/${wild}", qos=1),
                         error=republish("errors/${topic(1)}", qos=1))}
    with Broker() as broker, Weir(broker, rules) as weir:
        seen = broker.subscriber("errors/#")
        broker.publish("two", '{"text": "no number", "wild": "#"}')
        weir.wait_settled(1)
        wait_for(lambda: Broker.messages(seen), "the document")
        message, = Broker.messages(seen)
        tap.equal((message["topic"], message["qos"], message["retain"]), ("errors/two", 1, 0), "the message")
        texts = check_document(json.loads(message["payload"]), "two", "two", b'{"text": "no number", "wild": "#"}',
                               [("S3Action", ""), ("DynamoAction", "rows"), ("RepublishAction", "a/#")])
        tap.check("Action: dynamo, Table: rows, HashKeyField: id, HashKeyValue: x, RangeKeyField: n, "
                  "RangeKeyValue: no number" in texts[1], texts[1])
        tap.check("wildcard" in texts[2] and "Action: republish, Topic: a/#" in texts[2], texts[2])
        tap.equal(list(weir.objects("done")), ["ok"], "the action between them")
        actions = weir.counters("two")["actions"]
        tap.equal({k: (v["success"], v["failure"], v["errorActionSuccess"], v["errorActionFailure"])
                   for k, v in actions.items()},
                  {"s3": (1, 1, 0, 0), "dynamoDB": (0, 1, 0, 0), "republish": (0, 1, 1, 0)}, "counters")


def test_targets():
    """error actions to DynamoDB and to a function"""
    here = os.path.dirname(os.path.abspath(__file__))
    config = {"sinks": {
        "dynamoDBv2": {"tables": {"errors": {"hash_key": "cloudwatchTraceId"}}},
        "lambda": {"functions": {"shell": {"command": "bash bootstrap", "cwd": os.path.join(
            here, "..", "..", "examples", "functions", "shell")}}}}}
    rules = {"table": rule("SELECT * FROM 'in'", NO_BUCKET, error=dynamodb_v2("errors")),
             "row": rule("SELECT * FROM 'in'", NO_BUCKET, error=dynamodb(
                 "rows", hashKeyField="topic", hashKeyValue="${topic()}", payloadField="doc")),
             "call": rule("SELECT * FROM 'in'", NO_BUCKET, error=function("shell"))}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("in", '{"a": 1}')
        weir.wait_settled(1)
        item, = weir.items("errors")
        tap.equal(set(item), set(MEMBERS), "columns")
        tap.equal((item["ruleName"], list(item["failures"])), ({"S": "table"}, ["L"]), "the item")
        tap.equal(weir.items("rows")[0]["doc"]["M"]["ruleName"], {"S": "row"}, "the document in one attribute")
        result, = weir.results("shell")
        check_document(result["event"], "call", "in", b'{"a": 1}', [("S3Action", "")])


def test_its_own_failure():
    """an error action that fails is counted and logged, and ends there"""
    rules = {"both": rule("SELECT * FROM 'in'", NO_BUCKET, error=s3("${nosuch}", "k")),
             "fine": rule("SELECT * FROM 'in'", s3("done", "fine"), error=s3("failed", "fine"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("in", "{}")
        totals = weir.wait_settled(1)
        tap.equal((totals["settled"], totals["mqtt"]["acknowledged"]), (1, 1), "settled and acknowledged")
        rows = weir.fresh_status()["rules"]
        want = {"success": 0, "failure": 1, "retries": 0, "errorActionSuccess": 0, "errorActionFailure": 1}
        tap.equal({k: rows["both"]["actions"]["s3"][k] for k in want}, want, "counters")
        tap.check("rule both: error action s3 failed on topic in" in weir.log, "a line in the log")
        tap.equal(rows["fine"]["actions"]["s3"]["errorActionSuccess"], 0, "not for an action that succeeded")
        tap.equal(os.listdir(os.path.join(weir.state_dir, "local", "s3")), ["done"], "buckets")


def test_retries_first():
    """retries come first: the error action runs after the last try, once"""
    config = {"sinks": {"null": {"verdict": "retry"}}, "retry": {"attempts": 4, "base": "5ms"}}
    rules = {"retry": rule("SELECT * FROM 'in'", {"null": {"name": "far-${topic()}"}}, error=s3("failed", "${newuuid()}"))}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("in", "{}")
        weir.wait_settled(1)
        check_document(only_object(weir, "failed"), "retry", "in", b"{}", [("NullAction", "far-in")])
        actions = weir.counters("retry")["actions"]
        tap.equal((actions["null"]["retries"], actions["null"]["failure"], actions["s3"]["errorActionSuccess"]),
                  (3, 1, 1), "retries, failures, error actions")


def test_tries_of_each_kind():
    """sinks.KIND.retry: a kind of action has its own number of tries, and its own longest time"""
    rules = {"count": rule("SELECT * FROM 'in'", {"null": {}}, error=s3("failed", "count"))}
    for own, want in (({"attempts": 6, "base": "1ms"}, 5), ({"attempts": 900, "budget": "300ms", "cap": "10ms"}, None)):
        config = {"sinks": {"null": {"verdict": "retry", "retry": {**own, "circuit": 0}}}, "retry": {"attempts": 2}}
        with Broker() as broker, Weir(broker, rules, config) as weir:
            began = time.monotonic()
            broker.publish("in", "{}")
            weir.wait_settled(1)
            retries = weir.counters("count")["actions"]["null"]["retries"]
            if want:
                tap.equal(retries, want, f"retries with {own}")
            else:
                tap.check(10 < retries < 900 and time.monotonic() - began < 40, f"{retries} retries, ended by the budget")
            check_document(only_object(weir, "failed"), "count", "in", b"{}", [("NullAction", "null")])


def test_time_outs():
    """an action that runs out of time is a failed action: its document, after its tries, and the others of the rule go on"""
    folder = support.temp_dir("wr-function-")
    support.write_file(folder + "/slow.py", "import time\n\n\ndef handler(event, context):\n    time.sleep(60)\n")
    support.write_file(folder + "/python_runtime.py", support.read_file(os.path.join(EXAMPLES, "functions", "python_runtime.py")))
    slow = {"command": "/usr/bin/python3 python_runtime.py", "cwd": folder, "handler": "slow.handler", "timeout": "1s", "retries": 0}
    rules = {"late": rule("SELECT * FROM 'in'", function("slow"), s3("done", "ok"), error=s3("failed", "late"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"lambda": {"functions": {"slow": slow}}}}) as weir:
        began = time.monotonic()
        broker.publish("in", '{"n": 1}')
        wait_for(lambda: weir.objects("done"), "the other action")
        weir.wait_settled(1)
        tap.check(0.9 < time.monotonic() - began < 45, "it waited for the time-out")
        text, = check_document(only_object(weir, "failed"), "late", "in", b'{"n": 1}', [("LambdaAction", lambda_arn("slow"))])
        tap.check("timed out" in text.lower() and "Action: lambda" in text, text)
        actions = weir.counters("late")["actions"]
        tap.equal((actions["lambda"]["failure"], actions["s3"]["success"], actions["s3"]["errorActionSuccess"]), (1, 1, 1), "counters")


def test_sql_failures():
    """SQL that fails or does not match never reaches the error action"""
    long = "SELECT (SELECT x FROM rows WHERE x > 1) AS r FROM 'in' WHERE NOT isUndefined(rows)"
    rules = {"where": rule("SELECT * FROM 'in' WHERE nosuch > 1", NO_BUCKET, error=s3("failed", "where")),
             "badjson": rule("SELECT temp FROM 'in' WHERE temp > 1", NO_BUCKET, error=s3("failed", "badjson")),
             "limit": rule(long, NO_BUCKET, error=s3("failed", "limit"))}
    with Broker() as broker, Weir(broker, rules, {"fuel": 1000}) as weir:
        broker.publish("in", "not json")
        broker.publish("in", json.dumps({"rows": [{"x": n} for n in range(5000)]}))
        weir.wait_settled(2)
        tap.equal(weir.objects("failed"), {}, "error documents")
        rows = weir.fresh_status()["rules"]
        tap.equal([rows[r]["matched"] for r in rules], [0, 0, 0], "matches")
        tap.equal(rows["badjson"]["parseError"], 1, "parseError")
        tap.equal(rows["limit"]["failed"]["fuel"], 1, "failed.fuel")


def test_template_failures():
    """a template that fails is a failed action; with templates.undefined: fail also an absent field"""
    rules = {"absent": rule("SELECT * FROM 'in'", s3("done", "x${nosuch}"), s3("done", "y"), error=s3("failed", "absent"))}
    with Broker() as broker:
        with Weir(broker, rules) as weir:
            broker.publish("in", "{}")
            weir.wait_settled(1)
            tap.equal((sorted(weir.objects("done")), weir.objects("failed")), (["x", "y"], {}), "empty is the default")
        with Weir(broker, rules, {"templates": {"undefined": "fail"}}) as weir:
            broker.publish("in", "{}")
            weir.wait_settled(1)
            tap.equal(sorted(weir.objects("done")), ["y"], "the other action")
            text, = check_document(only_object(weir, "failed"), "absent", "in", b"{}", [("S3Action", "done")])
            tap.check("key" in text, text)


def test_basic_ingest_topic():
    """the topic of a document is the one published to, Basic Ingest's prefix included"""
    rules = {"direct": rule("SELECT * FROM 'x'", NO_BUCKET, error=s3("failed", "${topic()}"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("$aws/rules/direct/dev/7", "{}")
        weir.wait_settled(1)
        tap.equal(list(weir.objects("failed")), ["dev/7"], "topic() in a template")
        tap.equal(only_object(weir, "failed")["topic"], "$aws/rules/direct/dev/7", "topic")


if __name__ == "__main__":
    support.main(globals())
