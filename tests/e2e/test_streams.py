"""The AWS forms of sqs, sns, kinesis and firehose against the stub that checks signatures: the exact request, batches,
retries, refusals, entries that fail inside a 200, what a whole call's refusal becomes.

    test_streams.py WEIR [test_NAME]...
"""
import base64
import json
import urllib.parse

import aws
import support
from aws import all_signed, aws_stub, recorded, said_everywhere
from support import Broker, tap, wait_for
from weir import ROLE, republish, rule

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:"


class Kind:
    """One kind of action and its two operations."""

    def __init__(self, name, action, one, many, resource, failed, verb):
        self.name, self.action, self.one, self.many = name, action, one, many
        self.resource, self.failed, self.verb = resource, failed, verb

    def texts(self, request):
        """The entries of a request."""
        form = dict(urllib.parse.parse_qsl(request["body"])) if self.name == "sns" else None
        body = None if form else json.loads(request["body"])
        if self.name == "sns":
            if form["Action"] == "Publish":
                return [form["Message"]]
            return [form[f"PublishBatchRequestEntries.member.{i}.Message"] for i in range(1, 11)
                    if f"PublishBatchRequestEntries.member.{i}.Message" in form]
        if self.name == "sqs":
            return [body["MessageBody"]] if "MessageBody" in body else [e["MessageBody"] for e in body["Entries"]]
        if self.name == "kinesis":
            return [base64.b64decode(r["Data"]).decode() for r in body.get("Records", [body])]
        return [base64.b64decode(r["Data"]).decode() for r in body.get("Records", [body.get("Record")])]

    def seen(self, stub):
        return [r for r in stub.seen(self.name) if r["operation"] in (self.one, self.many)]

    def taken(self, stub):
        """Entries of requests that were answered with 200, one after the other."""
        return [t for r in self.seen(stub) if r["status"] == 200 for t in self.texts(r)]


KINDS = [
    Kind("sqs", {"sqs": {"roleArn": ROLE, "queueUrl": QUEUE + "q"}}, "SendMessage", "SendMessageBatch", QUEUE + "q", "SqsAction",
         "Failed to send SQS message"),
    Kind("sns", {"sns": {"roleArn": ROLE, "targetArn": TOPIC + "t"}}, "Publish", "PublishBatch", TOPIC + "t", "SnsAction",
         "Failed to publish SNS message"),
    Kind("kinesis", {"kinesis": {"roleArn": ROLE, "streamName": "s", "partitionKey": "${topic(2)}"}}, "PutRecord", "PutRecords", "s",
         "KinesisAction", "Failed to put Kinesis record"),
    Kind("firehose", {"firehose": {"roleArn": ROLE, "deliveryStreamName": "d", "separator": "\n"}}, "PutRecord", "PutRecordBatch", "d",
         "FirehoseAction", "Failed to put Firehose record"),
]
BY_NAME = {k.name: k for k in KINDS}


def rules(error=True):
    return {k.name: rule(f"SELECT n FROM '{k.name}/#'", k.action, **({"error": republish("errors/" + k.name)} if error else {}))
            for k in KINDS}


def failures(errors, kind):
    """The failures of the error documents of one kind."""
    found = []
    for m in Broker.messages(errors):
        if m["topic"] == "errors/" + kind.name:
            payload = m["payload"]
            found += (json.loads(payload) if isinstance(payload, str) else payload)["failures"]
    return found


def test_requests():
    """one record: the request as AWS documents it, byte by byte, for the region of URL and ARN"""
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules(), {"aws": {"region": "eu-central-1"}}) as weir:
        for k in KINDS:
            broker.publish(f"{k.name}/dev ü", '{"n":"ä&=%"}')
        weir.wait_settled(4)
        got = {k.name: stub.seen(k.name) for k in KINDS}
        tap.equal({k: len(v) for k, v in got.items()}, {k.name: 1 for k in KINDS}, "one request each")
        json_data = base64.b64encode('{"n":"ä&=%"}'.encode()).decode()
        line_data = base64.b64encode('{"n":"ä&=%"}\n'.encode()).decode()
        want = {
            "sqs": ("eu-west-1", "application/x-amz-json-1.0", "AmazonSQS.SendMessage",
                    '{"QueueUrl":"%sq","MessageBody":"{\\"n\\":\\"ä&=%%\\"}"}' % QUEUE),
            "sns": ("eu-west-1", "application/x-www-form-urlencoded; charset=utf-8", None,
                    "Action=Publish&Version=2010-03-31&TargetArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3At&Message="
                    "%7B%22n%22%3A%22%C3%A4%26%3D%25%22%7D"),
            "kinesis": ("eu-central-1", "application/x-amz-json-1.1", "Kinesis_20131202.PutRecord",
                        '{"StreamName":"s","Data":"%s","PartitionKey":"dev ü"}' % json_data),
            "firehose": ("eu-central-1", "application/x-amz-json-1.1", "Firehose_20150804.PutRecord",
                         '{"DeliveryStreamName":"d","Record":{"Data":"%s"}}' % line_data),
        }
        for name, (region, content_type, target, body) in want.items():
            r = got[name][0]
            tap.equal((r["method"], r["path"], r["region"], r["headers"]["content-type"], r["headers"].get("x-amz-target"), r["body"]),
                      ("POST", "/", region, content_type, target, body), name)
        all_signed(stub)


def burst(broker, kind, count, topic="one"):
    broker.publish_lines(f"{kind.name}/{topic}", [json.dumps({"n": n}) for n in range(count)])


def check_all(kind, stub, count):
    """Each record once, in order, and in batches."""
    got = [json.loads(t)["n"] for t in kind.taken(stub)]
    tap.equal(got, list(range(count)), f"{kind.name}: each once and in order")
    sizes = [len(kind.texts(r)) for r in kind.seen(stub)]
    tap.check(len(sizes) < count / 2, f"{kind.name}: {len(sizes)} requests for {count} records")
    tap.check(max(sizes) <= {"kinesis": 500, "firehose": 500}.get(kind.name, 10), f"{kind.name}: {max(sizes)} entries")


def test_batches():
    """what waits while a request is on its way goes together; each once, in its order; a default key; many topics"""
    count = 300
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules(), aws.PATIENT) as weir:
        for i, k in enumerate(KINDS, 1):
            aws.together(stub, weir, i * count, lambda k=k: burst(broker, k, count), service=k.name)
        weir.wait_settled(4 * count)
        for k in KINDS:
            check_all(k, stub, count)
        first = next(r for r in stub.seen("sns", "PublishBatch"))
        form = dict(urllib.parse.parse_qsl(first["body"]))
        tap.equal((form["TopicArn"], form["PublishBatchRequestEntries.member.1.Id"], form["PublishBatchRequestEntries.member.2.Id"]),
                  (TOPIC + "t", "0", "1"), "the form of a batch")
        entries = json.loads(stub.seen("sqs", "SendMessageBatch")[0]["body"])["Entries"]
        tap.equal([e["Id"] for e in entries], [str(i) for i in range(len(entries))], "ids")
        all_signed(stub)
        stub.reset()
        for k in KINDS:
            for device in range(6):
                burst(broker, k, 30, f"device-{device}")
        weir.wait_settled(4 * count + 4 * 180)
        for k in KINDS:
            tap.equal(sorted(json.loads(t)["n"] for t in k.taken(stub)), sorted(list(range(30)) * 6), f"{k.name}: many topics")
    keyless = {"k": rule("SELECT n FROM 'k'", {"kinesis": {"roleArn": ROLE, "streamName": "s"}})}
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, keyless) as weir:
        for _ in range(3):
            broker.publish("k", "{}")
        weir.wait_settled(3)
        keys = [k["PartitionKey"] for r in stub.seen("kinesis") for k in json.loads(r["body"]).get("Records", [json.loads(r["body"])])]
        tap.check(len(set(keys)) == 3 and all(len(k) == 36 for k in keys), f"random keys: {keys}")


def test_retry():
    """throttled, 500, reset, hanging, cut off, a 200 of somebody else: again until it is there"""
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors, \
            aws.weir(broker, stub, rules()) as weir:
        settled = 0
        for kind, more in (("throttle", {}), ("error", {"status": 500, "code": "InternalFailure"}), ("reset", {}), ("cut", {}),
                           ("status", {"status": 503}), ("status", {"status": 200, "body": b"<html>a portal</html>"}),
                           ("status", {"status": 200, "body": b"{}"}), ("hang", {"seconds": 4})):
            for k in KINDS:
                stub.fail(kind, service=k.name, times=1, **more)
            for k in KINDS:
                broker.publish(f"{k.name}/a", json.dumps({"n": [kind, settled]}))
            settled += len(KINDS)
            weir.wait_settled(settled)
            for k in KINDS:
                mine = [r for r in k.seen(stub) if json.loads(k.texts(r)[0]) == {"n": [kind, settled - len(KINDS)]}]
                tap.equal((len(mine), mine[-1]["status"], mine[-1]["failure"]), (2, 200, None), f"{k.name} {kind}")
        tap.equal(Broker.messages(errors), [], "no error action")
        all_signed(stub)


def test_refused():
    """a refusal is final: one request, the error action in AWS's words; a wrong secret is one after its second try"""
    codes = {"sqs": (400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."),
             "sns": (404, "NotFound", "Topic does not exist"),
             "kinesis": (400, "ResourceNotFoundException", "Stream s under account 123456789012 not found."),
             "firehose": (400, "ResourceNotFoundException", "Firehose d under account 123456789012 not found.")}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors, \
            aws.weir(broker, stub, rules()) as weir:
        for k in KINDS:
            status, code, message = codes[k.name]
            stub.fail("error", service=k.name, times=1, status=status, code=code, message=message)
            broker.publish(f"{k.name}/a", '{"n":1}')
        weir.wait_settled(4)
        for k in KINDS:
            wait_for(lambda k=k: failures(errors, k), f"the error document of {k.name}")
            f = failures(errors, k)[0]
            status, code, message = codes[k.name]
            tap.equal((f["failedAction"], f["failedResource"]), (k.failed, k.resource), k.name)
            for words in (f"{k.verb}. The error received was {message}", f"Status Code: {status}; Error Code: {code}; Request ID: "):
                tap.check(words in f["errorMessage"], f"{words} in {f['errorMessage']}")
            tap.equal(len(k.seen(stub)), 1, f"{k.name}: one request")
    secret = "wrong/Secret+of+this+test+0123456789"
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors, \
            aws.weir(broker, stub, rules(), secret=secret) as weir:
        for k in KINDS:
            broker.publish(f"{k.name}/a", '{"n":1}')
        weir.wait_settled(4)
        for k in KINDS:
            wait_for(lambda k=k: failures(errors, k), f"the error document of {k.name}")
            tap.check("Signature" in failures(errors, k)[0]["errorMessage"], failures(errors, k)[0]["errorMessage"])
        for key in (secret, aws_stub.SECRET):
            tap.check(key.encode() not in said_everywhere(weir), f"{key} was told")


def test_timeout():
    """a service that hangs at every try: the error action, by and by"""
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors, \
            aws.weir(broker, stub, rules(), {"aws": {"timeout": "300ms"}}) as weir:
        for k in KINDS:
            stub.fail("hang", service=k.name, times=3, seconds=1)
            broker.publish(f"{k.name}/a", '{"n":1}')
        weir.wait_settled(4)
        for k in KINDS:
            wait_for(lambda k=k: failures(errors, k), f"the error document of {k.name}")
            tap.check("300 ms" in failures(errors, k)[0]["errorMessage"] or "time" in failures(errors, k)[0]["errorMessage"].lower(),
                      failures(errors, k)[0]["errorMessage"])
            tap.equal(failures(errors, k)[0]["failedResource"], k.resource, k.name)


def test_partial():
    """entries that fail inside a 200: only they go again; one that is refused is the error action's, the others are there"""
    count = 40
    throttled = {"kinesis": "ProvisionedThroughputExceededException", "firehose": "ServiceUnavailableException",
                 "sqs": "InternalError", "sns": "InternalError"}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors, \
            aws.weir(broker, stub, rules(), aws.PATIENT) as weir:
        for i, k in enumerate(KINDS, 1):
            stub.fail("partial", service=k.name, operation=k.many, times=1, indexes=[1, 3], code=throttled[k.name])
            aws.together(stub, weir, i * count, lambda k=k: burst(broker, k, count), service=k.name, operation=k.one)
        weir.wait_settled(4 * count)
        for k in KINDS:
            asked = [json.loads(t)["n"] for r in k.seen(stub) for t in k.texts(r)]
            partial = next(r for r in k.seen(stub) if r["failure"] == "partial")
            again = [json.loads(t)["n"] for i, t in enumerate(k.texts(partial)) if i in (1, 3)]
            tap.equal(sorted(asked), sorted(list(range(count)) + again), f"{k.name}: only the failed entries went again")
        tap.equal(Broker.messages(errors), [], "no error action")
        for i, k in enumerate(KINDS[:2], 5):
            stub.fail("partial", service=k.name, operation=k.many, times=1, indexes=[2], code="InvalidParameterValue", sender=True)
            aws.together(stub, weir, i * count, lambda k=k: burst(broker, k, count), service=k.name, operation=k.one)
        weir.wait_settled(6 * count)
        for k in KINDS[:2]:
            wait_for(lambda k=k: failures(errors, k), f"the error document of {k.name}")
            f = failures(errors, k)
            tap.equal((len(f), f[0]["failedResource"]), (1, k.resource), f"{k.name}: one is refused")
            tap.check("Error Code: InvalidParameterValue" in f[0]["errorMessage"], f[0]["errorMessage"])


def test_divided():
    """a call that is refused as a whole for one bad entry is divided until the bad one is alone"""
    count = 60
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors:
        # The stub refuses every call that holds the bad one.
        real = aws_stub.ANSWERS[("kinesis", "PutRecords")]
        single = aws_stub.ANSWERS[("kinesis", "PutRecord")]
        bad = base64.b64encode(b'{"n":33}').decode()

        def refuse(answer):
            def handle(s, r, partial):
                if bad in r.body.decode():
                    return s.error(r, 400, "ValidationException", "1 validation error detected")
                return answer(s, r, partial)
            return handle
        aws_stub.ANSWERS[("kinesis", "PutRecords")] = refuse(real)
        aws_stub.ANSWERS[("kinesis", "PutRecord")] = refuse(single)
        try:
            with aws.weir(broker, stub, {"kinesis": rules()["kinesis"]}, aws.PATIENT) as weir:
                k = BY_NAME["kinesis"]
                aws.together(stub, weir, count, lambda: burst(broker, k, count), service="kinesis")
                weir.wait_settled(count)
                wait_for(lambda: failures(errors, k), "the error document")
                tap.equal(len(failures(errors, k)), 1, "one is refused")
                tap.equal([json.loads(t)["n"] for t in k.taken(stub)], [n for n in range(count) if n != 33], "the others, in order")
                tap.check(len(k.seen(stub)) < 30, f"{len(k.seen(stub))} requests")
        finally:
            aws_stub.ANSWERS[("kinesis", "PutRecords")] = real
            aws_stub.ANSWERS[("kinesis", "PutRecord")] = single


def test_firehose_elements():
    """firehose with batchMode: a record for each element; only elements that failed go again"""
    action = {"firehose": {"roleArn": ROLE, "deliveryStreamName": "d", "separator": ",", "batchMode": True}}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors, aws.weir(
            broker, stub, {"firehose": rule("SELECT VALUE list FROM 'f'", action, error=republish("errors/firehose"))}) as weir:
        k = BY_NAME["firehose"]
        stub.fail("partial", service="firehose", times=1, indexes=[1, 2], code="ServiceUnavailableException")
        broker.publish("f", '{"list":[1,{"a":"ü"},"x",4]}')
        weir.wait_settled(1)
        tap.equal([k.texts(r) for r in k.seen(stub)], [["1,", '{"a":"ü"},', '"x",', "4,"], ['{"a":"ü"},', '"x",']], "elements")
        broker.publish("f", json.dumps({"list": list(range(501))}))
        weir.wait_settled(2)
        wait_for(lambda: failures(errors, k), "the error document")
        tap.check("less than or equal to 500" in failures(errors, k)[0]["errorMessage"], str(failures(errors, k)))
        tap.equal(len(k.seen(stub)), 2, "nothing was sent")


def test_sqs_and_sns():
    """base64, messageFormat, endpoints of platforms; queues elsewhere; MD5 that differs; batch and order settings"""
    rule_set = {
        "bytes": rule("SELECT * FROM 'raw'", {"sqs": {"roleArn": ROLE, "queueUrl": QUEUE + "q", "useBase64": True}}),
        "json": rule("SELECT 'd' AS default, 'e' AS email FROM 'j'",
                     {"sns": {"roleArn": ROLE, "targetArn": TOPIC + "t", "messageFormat": "JSON"}}),
        "push": rule("SELECT n FROM 'p'", {"sns": {"roleArn": ROLE, "targetArn": TOPIC + "endpoint/GCM/app/0b2c"}}),
        "many": rule("SELECT n FROM 'm/#'", {"sqs": {"roleArn": ROLE, "queueUrl": QUEUE + "many"}}),
    }
    config = {"sinks": {"sqs": {"batch": False, "order": "none", "calls": 2}}}
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rule_set, config) as weir:
        broker.publish("raw", b"\xff\0")
        broker.publish("j", "{}")
        stub.fail("hang", service="sns", times=1, seconds=0.3)
        broker.publish_lines("p", [json.dumps({"n": n}) for n in range(5)])
        broker.publish_lines("m/1", [json.dumps({"n": n}) for n in range(20)])
        weir.wait_settled(27)
        tap.equal(json.loads(stub.seen("sqs", "SendMessage")[0]["body"])["MessageBody"], base64.b64encode(b"\xff\0").decode(), "base64")
        form = dict(urllib.parse.parse_qsl(stub.seen("sns")[0]["body"]))
        tap.equal((json.loads(form["Message"]), form["MessageStructure"]), ({"default": "d", "email": "e"}, "json"), "messageFormat")
        pushes = [dict(urllib.parse.parse_qsl(r["body"])) for r in stub.seen("sns")[1:]]
        tap.equal([(p["Action"], p["TargetArn"]) for p in pushes], [("Publish", TOPIC + "endpoint/GCM/app/0b2c")] * 5, "no batches")
        tap.equal(len(stub.seen("sqs", "SendMessage")), 21, "batch: false")
        tap.equal(stub.seen("sqs", "SendMessageBatch"), [], "batch: false")
    # An answer that is not of what was sent is tried again.
    real = aws_stub.ANSWERS[("sqs", "SendMessage")]
    wrong = []

    def handle(s, r, partial):
        answer = real(s, r, partial)
        if not wrong:
            wrong.append(1)
            answer = aws_stub.Answer(200, {"MessageId": "m", "MD5OfMessageBody": "0" * 32})
        return answer
    aws_stub.ANSWERS[("sqs", "SendMessage")] = handle
    try:
        with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, {"many": rule_set["many"]}) as weir:
            broker.publish("m/1", '{"n":1}')
            weir.wait_settled(1)
            tap.equal(len(stub.seen("sqs", "SendMessage")), 2, "tried again")
    finally:
        aws_stub.ANSWERS[("sqs", "SendMessage")] = real
    # Without an endpoint a device cannot choose the host.
    away = {"r": rule("SELECT * FROM 'x/+'", {"sqs": {"roleArn": ROLE, "queueUrl": "http://127.0.0.1:1/000000000000/${topic(2)}"}},
                      error=republish("errors/sqs"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors/#") as errors, aws.weir(
            broker, stub, away, {"aws": {"endpoint": ""}}) as weir:
        broker.publish("x/q", "{}")
        weir.wait_settled(1)
        wait_for(lambda: failures(errors, BY_NAME["sqs"]), "the error document")
        said = failures(errors, BY_NAME["sqs"])[0]["errorMessage"]
        tap.check("its host is none of AWS; sinks.sqs.endpoint says where an imitation is" in said, said)


def test_record_mode():
    """mode record: what would have gone out"""
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules(), {"mode": "record"}) as weir:
        for k in KINDS:
            broker.publish(f"{k.name}/a", '{"n":1}')
        weir.wait_settled(4)
        tap.equal(stub.requests, [], "nothing was sent")
        for k in KINDS:
            kept = recorded(weir, k.name)
            tap.equal((len(kept), kept[0]["method"], k.texts(kept[0])[0].strip()), (1, "POST", '{"n":1}'), k.name)


def test_stop():
    """SIGTERM with a request under way and records that wait: all is there after the next start, with a spool"""
    count = 50
    with Broker() as broker, aws.Stub() as stub:
        weir = aws.weir(broker, stub, {"kinesis": rules()["kinesis"]}, {"ack": "durable"})
        k = BY_NAME["kinesis"]
        stub.fail("hang", service="kinesis", times=1, seconds=1.5)
        burst(broker, k, count)
        wait_for(lambda: weir.totals()["messages"] >= count, "the messages")
        weir.stop()
        weir.start()
        wait_for(lambda: {json.loads(t)["n"] for t in k.taken(stub)} >= set(range(count)), "every record")
        weir.stop()


if __name__ == "__main__":
    support.main(globals())
