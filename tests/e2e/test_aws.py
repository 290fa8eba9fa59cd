#!/usr/bin/python3
"""The AWS client (support/aws_tool.c) against the stub that checks signatures (support/aws_stub.py), and the stub
against boto3: every class of outcome, every provider of credentials, TLS, proxies, redirects.

test_aws.py TOOL [test_…]
"""
import base64
import http.server
import json
import os
import pathlib
import socket
import socketserver
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import support
from support import Skip, tap, wait_for

try:
    import aws_stub
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError as e:
    print(f"1..1\nok 1 - the AWS client # SKIP python3-boto3 is not installed ({e})")
    sys.exit(0)

TOOL = next((a for a in sys.argv[1:] if not a.startswith("test_")), "aws_tool")
KEYS = {"AWS_ACCESS_KEY_ID": aws_stub.KEY_ID, "AWS_SECRET_ACCESS_KEY": aws_stub.SECRET}
# What a machine may have set must not decide here.
for variable in [k for k in os.environ if k.startswith("AWS_") or k.lower().endswith("_proxy")]:
    del os.environ[variable]


class Tool:
    """aws_tool with an environment of its own."""

    def __init__(self, *options, env=None, home=None):
        self.home = home or support.temp_dir("wr-aws-")
        full = {"HOME": self.home, "AWS_EC2_METADATA_DISABLED": "true", **(env or {})}
        self.process = support.Process([TOOL, *options], env=full, stdin=True)
        self.last = 0

    def start(self, service="dynamodb", **call):
        self.last += 1
        defaults = {"dynamodb": {"method": "POST", "target": "DynamoDB_20120810.PutItem",
                                 "content_type": "application/x-amz-json-1.0", "body": b'{"TableName":"t","Item":{}}'},
                    "s3": {"method": "PUT", "bucket": "bucket", "path": "/key", "body": b"abc"},
                    "lambda": {"method": "POST", "path": "/2015-03-31/functions/f/invocations", "body": b"{}",
                               "headers": [["X-Amz-Invocation-Type", "Event"]]}}
        told = {"method": "POST", "id": self.last, "service": service, **defaults.get(service, {}), **call}
        if isinstance(told.get("body"), bytes):
            told["body"] = base64.b64encode(told["body"]).decode()
        self.process.say(json.dumps(told))
        return self.last

    def answer(self, number):
        def found():
            return next((m for m in map(json.loads, list(self.process.lines)) if m.get("id") == number), None)
        return wait_for(found, lambda: f"answer {number}; it said:\n{self.process.stderr[-2000:]}")

    def call(self, service="dynamodb", **call):
        return self.answer(self.start(service, **call))

    def state(self):
        before = len(self.process.lines)
        self.process.say('{"state":true}')
        line = wait_for(lambda: next((x for x in self.process.lines[before:] if x.startswith('{"states"')), None), "states")
        return json.loads(line)

    def end(self):
        """End its input: it must close everything and end with 0."""
        self.process.popen.stdin.close()
        tap.equal(self.process.wait(), 0, "exit status of the tool")

    @property
    def said(self):
        return self.process.stdout + self.process.stderr


def check_quiet(tool, *secrets):
    """No secret in anything it said."""
    for secret in (aws_stub.SECRET, "given/", "token+/", "web-identity-token", *secrets):
        tap.check(secret not in tool.said, f"the secret {secret} in the output:\n{tool.said}")


def all_right(stub):
    """Every signed request that came was right."""
    for r in stub.requests:
        tap.check(not r["why"], f"{r['method']} {r['path']}: {r['why']}")


# ---- the stub

def test_stub_and_boto3():
    """boto3's requests pass the stub, and fail with a wrong secret"""
    with aws_stub.Stub() as stub:
        def client(service, secret=aws_stub.SECRET):
            return boto3.client(service, endpoint_url=stub.url, region_name="eu-central-1", aws_access_key_id=aws_stub.KEY_ID,
                                aws_secret_access_key=secret, config=Config(retries={"max_attempts": 1}, proxies={}))
        s3 = client("s3")
        for key in ("plain", "a b/ü+%=/./x", "dir//double"):
            s3.put_object(Bucket="b", Key=key, Body=b"\0\1\2")
            tap.equal(s3.get_object(Bucket="b", Key=key)["Body"].read(), b"\0\1\2", key)
        client("dynamodb").put_item(TableName="table", Item={"id": {"S": "ü"}})
        tap.equal(client("dynamodb").get_item(TableName="table", Key={"id": {"S": "ü"}})["Item"], {"id": {"S": "ü"}}, "item")
        tap.equal(client("lambda").invoke(FunctionName="arn:aws:lambda:eu-central-1:123456789012:function:f",
                                          InvocationType="Event")["StatusCode"], 202, "lambda")
        client("sqs").send_message(QueueUrl=stub.url + "/000000000000/q", MessageBody="m")
        client("sns").publish(TopicArn="arn:aws:sns:eu-central-1:123456789012:t", Message="m ü")
        client("iot-data").publish(topic="a/b ü", qos=1, payload=b"x")
        client("logs").put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}])
        client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.5}])
        client("stepfunctions").start_execution(stateMachineArn="arn:aws:states:eu-central-1:123456789012:stateMachine:m")
        tap.equal(client("firehose").put_record_batch(DeliveryStreamName="d", Records=[{"Data": b"1"}])["FailedPutCount"], 0,
                  "firehose")
        stub.fail("partial", indexes=[1], code="ProvisionedThroughputExceededException")
        answer = client("kinesis").put_records(StreamName="k", Records=[{"Data": b"1", "PartitionKey": "1"}] * 3)
        tap.equal([r.get("ErrorCode") for r in answer["Records"]], [None, "ProvisionedThroughputExceededException", None],
                  "partial failure")
        role = client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")["Credentials"]
        tap.equal(len(role["SecretAccessKey"]) > 20, True, "credentials of a role")
        all_right(stub)
        for service, ask, code in (
                ("s3", lambda c: c.put_object(Bucket="b", Key="k", Body=b""), "SignatureDoesNotMatch"),
                ("dynamodb", lambda c: c.put_item(TableName="table", Item={}), "InvalidSignatureException"),
                ("sns", lambda c: c.publish(TopicArn="arn:aws:sns:eu-central-1:123456789012:t", Message="m"), "SignatureDoesNotMatch")):
            try:
                ask(client(service, "wrong"))
                tap.check(False, f"{service} took a wrong secret")
            except ClientError as e:
                tap.equal(e.response["Error"]["Code"], code, service)
        stub.fail("throttle", service="dynamodb", times=9)
        try:
            client("dynamodb").put_item(TableName="table", Item={})
            tap.check(False, "not throttled")
        except ClientError as e:
            tap.equal(e.response["Error"]["Code"], "ProvisionedThroughputExceededException", "throttle")


def test_stub_by_hand():
    """The stub as a process: told what to do, and asked what came, over HTTP"""
    import urllib.request
    process = support.Process([sys.executable, pathlib.Path(aws_stub.__file__)], name="aws_stub")
    url = "http://127.0.0.1:" + wait_for(lambda: process.lines and process.lines[0], "its port").split()[1]

    def tell(what, **members):
        with urllib.request.urlopen(f"{url}/_stub/{what}", json.dumps(members).encode() if members else None) as answer:
            return json.load(answer)
    tell("keys", AKIDOTHER=["other-secret", None])
    tell("fail", kind="throttle", service="s3", times=1)
    tool = Tool("--endpoint", url, env={"AWS_ACCESS_KEY_ID": "AKIDOTHER", "AWS_SECRET_ACCESS_KEY": "other-secret"})
    tap.equal([tool.call("s3")["code"], tool.call("s3")["class"]], ["SlowDown", "ok"], "told to throttle once")
    tap.equal([(r["operation"], r["status"], r["failure"], r["key_id"], r["body"]) for r in tell("requests")],
              [("PutObject", 503, "throttle", "AKIDOTHER", "abc"), ("PutObject", 200, None, "AKIDOTHER", "abc")], "what came")
    tell("set", clock=7200)
    tap.equal(tool.call()["class"], "ok", "another clock")
    tell("reset", all=True)
    tap.equal(tell("requests"), [], "forgotten")
    tool.end()
    process.stop()


# ---- outcomes

# (how it fails, service, class, verdict, status, code, part of the sentence)
OUTCOMES = [
    ({}, "dynamodb", "ok", "delivered", 200, "", ""),
    ({}, "s3", "ok", "delivered", 200, "", ""),
    ({}, "lambda", "ok", "delivered", 202, "", ""),
    ({"kind": "throttle"}, "dynamodb", "throttled", "retry", 400, "ProvisionedThroughputExceededException",
     "Failed to send. The error received was Rate exceeded (Service: AmazonDynamoDBv2; Status Code: 400; "
     "Error Code: ProvisionedThroughputExceededException; Request ID: "),
    ({"kind": "throttle"}, "s3", "throttled", "retry", 503, "SlowDown", "(Service: AmazonS3; Status Code: 503; Error Code: SlowDown; "),
    ({"kind": "throttle"}, "lambda", "throttled", "retry", 429, "TooManyRequestsException", "Rate exceeded (Service: AWSLambda; "),
    ({"kind": "throttle"}, "sqs", "throttled", "retry", 403, "RequestThrottled", ""),
    ({"kind": "throttle"}, "sns", "throttled", "retry", 400, "Throttling", ""),
    ({"kind": "status", "status": 500}, "dynamodb", "retry", "retry", 500, "", "Status Code: 500; Error Code: null; "),
    ({"kind": "status", "status": 502}, "s3", "retry", "retry", 502, "", ""),
    ({"kind": "status", "status": 503}, "lambda", "retry", "retry", 503, "", ""),
    ({"kind": "status", "status": 504, "body": b"<html>gateway"}, "s3", "retry", "retry", 504, "", ""),
    ({"kind": "status", "status": 509}, "lambda", "retry", "retry", 509, "", ""),
    ({"kind": "status", "status": 429}, "lambda", "throttled", "retry", 429, "", ""),
    ({"kind": "error", "status": 409, "code": "ResourceConflictException"}, "lambda", "retry", "retry", 409,
     "ResourceConflictException", ""),
    ({"kind": "error", "status": 409, "code": "ResourceConflictException"}, "dynamodb", "permanent", "refused", 409,
     "ResourceConflictException", ""),
    ({"kind": "error", "status": 400, "code": "TransactionConflictException"}, "dynamodb", "retry", "retry", 400,
     "TransactionConflictException", ""),
    ({"kind": "error", "status": 400, "code": "BadDigest"}, "s3", "retry", "retry", 400, "BadDigest", ""),
    ({"kind": "error", "status": 400, "code": "ValidationException", "message": "One or more \"parameters\" ü"}, "dynamodb",
     "permanent", "refused", 400, "ValidationException", "was One or more \"parameters\" ü (Service: AmazonDynamoDBv2; "),
    ({"kind": "error", "status": 403, "code": "AccessDenied", "message": "Access <Denied> & gone"}, "s3", "permanent", "refused", 403,
     "AccessDenied", "was Access <Denied> & gone (Service: AmazonS3; Status Code: 403; Error Code: AccessDenied; Request ID: "),
    ({"kind": "error", "status": 404, "code": "NoSuchBucket"}, "s3", "permanent", "refused", 404, "NoSuchBucket", ""),
    ({"kind": "error", "status": 404, "code": "NotFound"}, "sns", "permanent", "refused", 404, "NotFound", ""),
    ({"kind": "error", "status": 413, "code": "RequestTooLargeException"}, "lambda", "permanent", "refused", 413,
     "RequestTooLargeException", ""),
    ({"kind": "status", "status": 400, "body": b"{\"__type\":5}"}, "dynamodb", "permanent", "refused", 400, "", ""),
    ({"kind": "status", "status": 400, "body": b"<Error><Code>Unclosed"}, "s3", "permanent", "refused", 400, "", ""),
    ({"kind": "status", "status": 403, "body": b'<!DOCTYPE a [<!ENTITY x "SlowDown">]><Error><Code>&x;</Code></Error>'}, "s3",
     "permanent", "refused", 403, "", ""),
    ({"kind": "reset"}, "dynamodb", "retry", "retry", 0, "", ""),
    ({"kind": "cut"}, "dynamodb", "retry", "retry", 0, "", ""),
    ({"kind": "hang", "seconds": 1.5}, "dynamodb", "retry", "retry", 0, "", "timed out"),
    ({"kind": "slow", "seconds": 1.5}, "s3", "retry", "retry", 0, "", "timed out"),
    ({"kind": "damage"}, "dynamodb", "retry", "retry", 200, "", "checksum"),
    ({"kind": "redirect", "location": "/elsewhere"}, "dynamodb", "permanent", "refused", 301, "", "a redirect, which is not followed"),
    ({"kind": "redirect", "status": 307, "location": "/elsewhere"}, "s3", "permanent", "refused", 307, "", "not followed"),
]


def test_outcomes():
    """Every class of outcome, with AWS's words"""
    with aws_stub.Stub() as stub:
        tool = Tool("--endpoint", stub.url, "--timeout-ms", "700", env=KEYS)
        for told, service, *want, words in OUTCOMES:
            stub.reset()
            # libcurl asks once more by itself when a connection that was kept breaks.
            again = bool(told) and told["kind"] in ("reset", "cut")
            if told:
                stub.fail(**told, **({"times": 2} if again else {}))
            extra = {"sqs": {"target": "AmazonSQS.SendMessage", "content_type": "application/x-amz-json-1.0",
                             "headers": [["x-amzn-query-mode", "true"]], "body": b'{"QueueUrl":"q","MessageBody":"m"}'},
                     "sns": {"content_type": "application/x-www-form-urlencoded; charset=utf-8",
                             "body": b"Action=Publish&Message=m&TopicArn=t"}}.get(service, {})
            a = tool.call(service, **extra)
            name = f"{service} {told}"
            tap.equal([a["class"], a["verdict"], a["status"], a["code"]], want, name)
            tap.equal(a["throttled"], want[0] == "throttled", name)
            tap.check(words in a["why"], f"{name}: {words!r} in {a['why']!r}")
            tap.check(len(stub.requests) == 1 or again and len(stub.requests) == 2, f"{name}: {len(stub.requests)} requests")
            if service == "sqs":
                tap.equal(a["old_code"], "AWS.SimpleQueueService.RequestThrottled", "the code of the query protocol")
            if told.get("kind") in ("error", "throttle"):
                tap.equal(len(a["request_id"]), 36, name + ": request id")
            all_right(stub)
        tool.end()
        check_quiet(tool)


def test_retry_after():
    """x-amz-retry-after and Retry-After reach the engine"""
    with aws_stub.Stub() as stub:
        tool = Tool("--endpoint", stub.url, env=KEYS)
        for header, value, want in (("x-amz-retry-after", "1500", 1500), ("Retry-After", "7", 7000), ("Retry-After", "x", 0)):
            stub.fail("throttle", headers=[(header, value)])
            tap.equal(tool.call()["retry_at_ms"], want, header)
        tool.end()


def test_unreachable():
    """Nobody listens, no such name, no URL, too large: classes and sentences"""
    tool = Tool("--endpoint", f"http://127.0.0.1:{support.free_port()}", env=KEYS)
    a = tool.call()
    tap.equal([a["class"], a["status"]], ["retry", 0], "refused connection")
    a = tool.call(endpoint="http://no-such-host.invalid")
    tap.equal([a["class"], a["status"]], ["retry", 0], "unknown name")
    tap.check("no-such-host.invalid" in a["why"], a["why"])
    for url in ("ftp://a", "http://", "http://user@a", "http://a?b", "a"):
        a = tool.call(endpoint=url)
        tap.equal([a["class"], a["verdict"]], ["permanent", "refused"], url)
        tap.check("the endpoint is no URL" in a["why"], a["why"])
    tap.check("too many" in tool.call(headers=[[f"x-{i}", "1"] for i in range(48)], query="&".join("a" * 300))["why"] and
              "more than 48 headers" in tool.call(headers=[[f"x-{i}", "1"] for i in range(49)])["why"], "too many headers")
    tool.end()
    with aws_stub.Stub() as stub:
        tool = Tool("--endpoint", stub.url, env=KEYS)
        stub.lambdas["f"] = b"x" * 5000
        a = tool.call("lambda", headers=[], response_max=1000)
        tap.equal([a["class"], a["message"]], ["permanent", "the answer has more than 1000 bytes"], "large answer")
        a = Tool(env=KEYS).call("es", path="/index")
        tap.equal(a["class"], "permanent", "no endpoint known")
        tap.check("no endpoint of its own" in a["why"], a["why"])
        tool.end()
    tool = Tool("--endpoint-sqs", "nonsense", env=KEYS)
    tap.equal(tool.process.wait(), 2, "a wrong endpoint in the settings")
    tap.check("the endpoint of sqs: expected http://" in tool.process.stderr, tool.process.stderr)


def test_cancel_and_close():
    """Calls that are cancelled, or under way when everything closes, are answered"""
    with aws_stub.Stub() as stub:
        tool = Tool("--endpoint", stub.url, env=KEYS)
        tap.equal(tool.call()["class"], "ok", "first")
        stub.fail("hang", seconds=3, times=2)
        number = tool.start()
        wait_for(lambda: len(stub.requests) >= 2 or stub.failures[0]["times"] == 1, "the request")
        tool.process.say(json.dumps({"cancel": number}))
        a = tool.answer(number)
        tap.equal([a["class"], a["message"]], ["retry", "cancelled"], "cancelled")
        tool.end()
        # Waiting for credentials that take their time.
        script = support.write_file(os.path.join(tool.home, "slow.sh"), "#!/bin/sh\nsleep 60\n", 0o755)
        config = support.write_file(os.path.join(tool.home, "config"), f"[default]\ncredential_process = {script}\n")
        began = time.monotonic()
        tool = Tool("--endpoint", stub.url, env={"AWS_CONFIG_FILE": config})
        first, second = tool.start(), tool.start()
        tool.process.say(json.dumps({"cancel": first}))
        tap.equal(tool.answer(first)["message"], "cancelled", "cancelled while waiting")
        child = wait_for(lambda: support.children_of(tool.process.pid), "the process")
        tool.process.say('{"close":true}')
        tap.equal(tool.answer(second)["class"], "retry", "closed while waiting")
        tap.equal(tool.process.wait(), 0, "exit status")
        tap.check(not os.path.exists(f"/proc/{child[0]}"), "the process is left")
        tap.check(time.monotonic() - began < 55, "it took its time")
        # Requests that hang, one that cannot be sent, and one that waits for a role.
        stub.reset()
        stub.fail("hang", seconds=3, service="dynamodb", times=9)
        stub.fail("hang", seconds=3, service="sts", times=9)
        tool = Tool("--endpoint", stub.url, "--role", "*=assume", env=KEYS)
        numbers = [tool.start(), tool.start(), tool.start(role="arn:aws:iam::123456789012:role/r")]
        wait_for(lambda: sum(f["times"] for f in stub.failures) <= 15, "the requests")
        numbers.append(tool.start(endpoint="none"))
        tool.process.say('{"close":true}')
        tap.equal([tool.answer(n)["class"] for n in numbers][:3], ["retry"] * 3, "closed under way")
        tap.equal(tool.process.wait(), 0, "exit status")
        # At once, without a call.
        tool = Tool("--endpoint", stub.url, env=KEYS)
        tool.end()


# ---- refresh, clock, region

def test_refresh():
    """Expired and unknown keys: fetched anew once; then a state, and records that wait"""
    with aws_stub.Stub() as stub:
        home = support.temp_dir()
        path = os.path.join(home, "credentials")
        support.write_file(path, f"[default]\naws_access_key_id = OLD\naws_secret_access_key = old-secret-1234\n")
        tool = Tool("--endpoint", stub.url, "--poll-ms", "100", env={"AWS_SHARED_CREDENTIALS_FILE": path})
        a = tool.call()
        tap.equal([a["class"], a["verdict"], a["status"], a["code"]],
                  ["refresh", "retry", 403, "UnrecognizedClientException"], "an unknown key")
        tap.equal(len(stub.requests), 2, "two tries")
        state = tool.state()["states"][0]
        tap.equal([state["health"], state["provider"], state["why"]],
                  ["refused", "credentials file", "AWS does not take them (UnrecognizedClientException)"], "state")
        a = tool.call()
        tap.equal([a["class"], a["status"]], ["refresh", 0], "while they are known to be refused")
        tap.check("There are no AWS credentials: AWS does not take them" in a["why"], a["why"])
        tap.check(0 < a["retry_at_ms"] <= 1000, f"when to come back: {a['retry_at_ms']}")
        tap.equal(len(stub.requests), 2, "AWS is not asked")
        # The file is rotated: found by itself.
        support.write_file(path, f"[default]\naws_access_key_id = {aws_stub.KEY_ID}\naws_secret_access_key = {aws_stub.SECRET}\n")
        tap.equal(wait_for(lambda: (r := tool.call())["class"] == "ok" and r, "the new file")["status"], 200, "rotated")
        state = tool.state()["states"][0]
        tap.equal([state["health"], state["why"]], ["good", ""], "state")
        tap.check("warn: AWS credentials (default): AWS does not take them" in tool.process.stderr, tool.process.stderr)
        tap.check("info: AWS credentials (default) from credentials file are good" in tool.process.stderr, tool.process.stderr)
        tool.end()
        check_quiet(tool, "old-secret-1234")


def test_expired_token_refreshed():
    """ExpiredToken: one refresh, and the request goes through; many at once make one fetch"""
    with aws_stub.Stub() as stub:
        env = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": stub.url + "/creds"}
        tool = Tool("--endpoint", stub.url, env=env)
        numbers = [tool.start() for _ in range(20)]
        tap.equal({tool.answer(n)["class"] for n in numbers}, {"ok"}, "20 at once")
        tap.equal(stub.given, 1, "one fetch for all")
        for key in list(stub.keys):
            if key.startswith("ASIA"):
                secret, token, _ = stub.keys[key]
                stub.keys[key] = (secret, token, stub.now() - 1)  # by AWS's mind they have expired
        numbers = [tool.start() for _ in range(20)]
        tap.equal({tool.answer(n)["class"] for n in numbers}, {"ok"}, "20 at once again")
        tap.equal(stub.given, 2, "one fetch more for all")
        all_right(stub)
        tool.end()
        check_quiet(tool)


def test_renewed_before_expiry():
    """Credentials are renewed in the background before they expire"""
    with aws_stub.Stub() as stub:
        stub.session_seconds = 4
        tool = Tool("--endpoint", stub.url, env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": stub.url + "/creds"})
        tap.equal(tool.call()["class"], "ok", "first")
        wait_for(lambda: stub.given >= 2, "the renewal")
        # It has been asked for; until the answer is there the first keys serve.
        wait_for(lambda: tool.call()["class"] == "ok" and len({r["key_id"] for r in stub.seen("dynamodb")}) == 2, "two keys")
        tap.equal({r["status"] for r in stub.seen("dynamodb")}, {200}, "none was refused")
        # The provider is away: the old ones are used until their end, then requests come back as RETRY.
        stub.auth_token = "another"
        wait_for(lambda: tool.state()["states"][0]["health"] == "failed", "the failure")
        a = wait_for(lambda: (r := tool.call())["class"] == "refresh" and r, "the end of the old keys")
        tap.equal(a["verdict"], "retry", "waits")
        tap.check("the container endpoint gave no credentials: status 403" in a["why"], a["why"])
        stub.auth_token = None
        wait_for(lambda: tool.call()["class"] == "ok", "the return")
        tool.end()
        check_quiet(tool)


def test_clock():
    """AWS's clock is another one: its Date is adopted, for JSON and XML services"""
    for service, hours in (("dynamodb", 2), ("s3", -3)):
        with aws_stub.Stub() as stub:
            stub.clock = hours * 3600
            tool = Tool("--endpoint", stub.url, env=KEYS)
            tap.equal(tool.call(service)["class"], "ok", service)
            tap.equal([r["status"] for r in stub.requests], [403, 200], "one refusal")
            tap.equal(tool.call(service)["class"], "ok", service)
            tap.equal(len(stub.requests), 3, "and none after that")
            tap.check("AWS's clock is " in tool.process.stderr, tool.process.stderr)
            tool.end()


def test_s3_regions():
    """A bucket elsewhere: signed again for its region, once, and remembered; Location is not followed"""
    with aws_stub.Stub() as stub:
        stub.bucket_regions["far"] = "ap-southeast-2"
        tool = Tool("--endpoint", stub.url, env={**KEYS, "AWS_REGION": "eu-west-1"})
        a = tool.call("s3", bucket="far", path="/k")
        tap.equal([a["class"], a["status"]], ["ok", 200], "put")
        tap.equal([(r["region"], r["status"], r["path"]) for r in stub.requests],
                  [("eu-west-1", 301, "/far/k"), ("ap-southeast-2", 200, "/far/k")], "requests")
        tap.equal(tool.call("s3", bucket="far", path="/k2")["class"], "ok", "again")
        tap.equal(stub.requests[-1]["region"], "ap-southeast-2", "remembered")
        tap.equal(len(stub.requests), 3, "at once")
        stub.fail("error", status=301, code="PermanentRedirect", times=5, headers=[("x-amz-bucket-region", "us-west-1")])
        a = tool.call("s3", bucket="far", path="/k3")
        tap.equal([a["class"], a["code"]], ["permanent", "PermanentRedirect"], "sent from place to place: given up")
        tap.equal(len(stub.requests), 5, "after one more try")
        tool.end()


def test_s3_addresses():
    """Where the bucket stands, which keys arrive, and what is signed of the host"""
    with aws_stub.Stub() as stub:
        tool = Tool("--endpoint", stub.url + "/prefix/", env=KEYS)
        tap.equal(tool.call("s3", bucket="b", path="/a%20b/%C3%BC%2B%25/%3D//.././k", query="acl&x=%20")["class"], "ok", "put")
        tap.equal(stub.requests[-1]["path"] + "?" + stub.requests[-1]["query"],
                  "/prefix/b/a%20b/%C3%BC%2B%25/%3D//.././k?acl&x=%20", "as it is")
        tap.equal(tool.call("s3", bucket="b", path="/empty", body=b"")["class"], "ok", "0 bytes")
        tap.equal(tool.call("s3", bucket="b", path="/large", body=os.urandom(3 << 20))["class"], "ok", "3 MiB")
        all_right(stub)
        # By a proxy we see where it would go without an endpoint of its own.
        with Proxy(stub.port) as proxy:
            env = {**KEYS, "http_proxy": proxy.url}
            for endpoint, bucket, host in (("http://s3.eu-west-1.amazonaws.com", "my-bucket", "my-bucket.s3.eu-west-1.amazonaws.com"),
                                           ("http://s3.localhost.localstack.cloud:4566", "b", "b.s3.localhost.localstack.cloud:4566"),
                                           ("http://minio:9000", "b", "minio:9000"), ("http://minio:80", "b", "minio")):
                t = Tool("--endpoint", endpoint, env=env)
                a = t.call("s3", bucket=bucket, path="/k")
                tap.equal(a["class"], "ok", f"{endpoint}: {a}")
                tap.equal(stub.requests[-1]["headers"]["host"], host, endpoint)
                t.end()
        all_right(stub)
        tool.end()


# ---- proxies

class Proxy:
    """A forward proxy: absolute URLs and CONNECT, everything led to one port; remembers what it was asked."""

    def __init__(self, port):
        proxy = self
        self.asked = []

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = self.request.recv(4096)
                    if not piece:
                        return
                    head += piece
                line, _, rest = head.partition(b"\r\n")
                method, target, _ = line.decode().split(" ")
                proxy.asked.append(f"{method} {target}")
                with socket.create_connection(("127.0.0.1", port)) as up:
                    if method == "CONNECT":
                        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    else:
                        path = "/" + target.split("/", 3)[3]
                        up.sendall(f"{method} {path} HTTP/1.1\r\nConnection: close\r\n".encode() + rest)
                    back = threading.Thread(target=self.copy, args=(up, self.request), daemon=True)
                    back.start()
                    self.copy(self.request, up)
                    back.join(5)

            @staticmethod
            def copy(a, b):
                try:
                    while data := a.recv(65536):
                        b.sendall(data)
                    b.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_proxies():
    """The proxy variables count, NO_PROXY too, and metadata addresses never go through one"""
    with aws_stub.Stub() as stub, Proxy(stub.port) as proxy:
        env = {"http_proxy": proxy.url, "AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": stub.url}
        tool = Tool("--endpoint", "http://dynamodb.example:8000", env=env)
        tap.equal(tool.call()["class"], "ok", "through the proxy")
        tap.equal(proxy.asked, ["POST http://dynamodb.example:8000/"], "what the proxy saw: no metadata")
        tap.equal(stub.requests[-1]["headers"]["host"], "dynamodb.example:8000", "the host that was signed")
        tool.end()
        proxy.asked.clear()
        tool = Tool("--endpoint", stub.url, env={**KEYS, "http_proxy": proxy.url, "NO_PROXY": "127.0.0.1"})
        tap.equal(tool.call()["class"], "ok", "past the proxy")
        tap.equal(proxy.asked, [], "what the proxy saw")
        tool.end()
        tool = Tool("--endpoint", stub.url, env={**KEYS, "http_proxy": f"http://127.0.0.1:{support.free_port()}"})
        a = tool.call()
        tap.equal([a["class"], a["status"]], ["retry", 0], "no proxy there")
        tool.end()
    certs = Certificates()
    with aws_stub.Stub(tls=certs.good) as stub, Proxy(stub.port) as proxy:
        tool = Tool("--endpoint", f"https://localhost:{stub.port}", "--ca-file", certs.ca[0],
                    env={**KEYS, "HTTPS_PROXY": proxy.url})
        tap.equal(tool.call()["class"], "ok", "CONNECT")
        tap.equal(proxy.asked, [f"CONNECT localhost:{stub.port}"], "what the proxy saw")
        tool.end()


# ---- TLS

class Certificates:
    def __init__(self):
        self.dir = support.temp_dir("wr-tls-")
        self.ca = support.make_ca(self.dir)
        self.good = support.make_certificate(self.dir, "server", self.ca)
        self.elsewhere = support.make_certificate(self.dir, "other", self.ca, names="DNS:other.example")


def test_tls():
    """A private CA is accepted where it is named, by option, AWS_CA_BUNDLE or profile; nothing else is"""
    certs = Certificates()
    with aws_stub.Stub(tls=certs.good) as stub:
        profile = support.write_file(os.path.join(certs.dir, "config"), f"[default]\nca_bundle = {certs.ca[0]}\n")
        for options, env in ((["--ca-file", certs.ca[0]], {}), ([], {"AWS_CA_BUNDLE": certs.ca[0]}), ([], {"AWS_CONFIG_FILE": profile})):
            tool = Tool("--endpoint", stub.url, *options, env={**KEYS, **env})
            tap.equal(tool.call()["class"], "ok", f"{options} {env}")
            a = tool.call("s3", unsigned=True)
            tap.equal(a["class"], "ok", "s3")
            tap.equal(stub.requests[-1]["headers"]["x-amz-content-sha256"], "UNSIGNED-PAYLOAD", "over TLS the body may go unsigned")
            all_right(stub)
            tool.end()
        before = len(stub.requests)
        for env in ({}, {"AWS_CA_BUNDLE": support.make_ca(certs.dir, "another")[0]}):
            tool = Tool("--endpoint", stub.url, env={**KEYS, **env})
            a = tool.call()
            tap.equal([a["class"], a["status"]], ["retry", 0], "not trusted")
            tap.check("certificate" in a["why"], a["why"])
            tool.end()
        for options, env in ((["--ca-file", certs.dir + "/missing.pem"], {}), ([], {"AWS_CA_BUNDLE": certs.dir + "/missing.pem"}),
                             (["--iot-cert-file", certs.dir + "/missing.pem"], {})):
            tool = Tool("--endpoint", stub.url, *options, env={**KEYS, **env})
            tap.equal(tool.process.wait(), 2, "a file that is not there, at the start")
            tap.check("/missing.pem: No such file or directory" in tool.process.stderr, tool.process.stderr)
        empty = support.write_file(certs.dir + "/empty.pem", "nothing\n")
        tool = Tool("--endpoint", stub.url, "--ca-file", empty, env=KEYS)
        a = tool.call()
        tap.equal([a["class"], a["status"]], ["retry", 0], "no certificate in it")
        tap.check("empty.pem" in a["why"], a["why"])
        tool.end()
        tap.equal(len(stub.requests), before, "nothing was sent")
    with aws_stub.Stub(tls=certs.elsewhere) as stub:
        tool = Tool("--endpoint", stub.url, "--ca-file", certs.ca[0], env=KEYS)
        a = tool.call()
        tap.equal([a["class"], a["status"], len(stub.requests)], ["retry", 0, 0], "another host's certificate")
        tap.check("127.0.0.1" in a["why"], a["why"])
        tool.end()
    with aws_stub.Stub() as stub:
        tool = Tool("--endpoint", stub.url, env=KEYS)
        tool.call("s3", unsigned=True)
        tap.equal(len(stub.requests[-1]["headers"]["x-amz-content-sha256"]), 64, "over http the body is signed all the same")
        tool.end()


# ---- credentials

def provider_of(tool):
    return [(s["health"], s["provider"]) for s in tool.state()["states"]]


def test_environment():
    """Keys of the environment, with and without token; half of them is an error"""
    with aws_stub.Stub() as stub:
        stub.keys["ASIATOKEN"] = ("s" * 30, "to/ken+==")
        for env in ({**KEYS}, {"AWS_ACCESS_KEY_ID": "ASIATOKEN", "AWS_SECRET_ACCESS_KEY": "s" * 30, "AWS_SESSION_TOKEN": "to/ken+=="},
                    {"AWS_ACCESS_KEY_ID": "ASIATOKEN", "AWS_SECRET_ACCESS_KEY": "s" * 30, "AWS_SECURITY_TOKEN": "to/ken+=="}):
            tool = Tool("--endpoint", stub.url, env=env)
            tap.equal(tool.call()["class"], "ok", str(env.keys()))
            tap.equal(provider_of(tool), [("good", "environment")], "provider")
            tool.end()
        all_right(stub)
        before = len(stub.requests)
        for env, words in (({"AWS_ACCESS_KEY_ID": "A"}, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not"),
                           ({**KEYS, "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"}, "have expired"),
                           ({**KEYS, "AWS_CREDENTIAL_EXPIRATION": "soon"}, "AWS_CREDENTIAL_EXPIRATION: expected a time"),
                           ({}, "no credentials: neither in the environment (AWS_ACCESS_KEY_ID) nor in profile default"),
                           ({"AWS_PROFILE": "nobody"}, "there is no profile nobody")):
            tool = Tool("--endpoint", stub.url, env=env)
            a = tool.call()
            tap.equal([a["class"], a["verdict"]], ["refresh", "retry"], str(env))
            tap.check(words in a["why"], f"{words}: {a['why']}")
            tap.equal(tool.state()["states"][0]["health"], "failed", "state")
            tool.end()
            check_quiet(tool)
        tap.equal(len(stub.requests), before, "nothing was sent")
        tool = Tool("--endpoint", stub.url, "--access-key-id", aws_stub.KEY_ID, "--secret-access-key", aws_stub.SECRET,
                    env={"AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other"})
        tap.equal(tool.call()["class"], "ok", "weir's own settings win")
        tap.equal(provider_of(tool), [("good", "weir.yaml")], "provider")
        tool.end()


PROFILES = """
# comment
[default]
region = eu-west-3
[profile plain]
aws_access_key_id = %(id)s
aws_secret_access_key = %(secret)s
[profile role]
role_arn = arn:aws:iam::123456789012:role/one
source_profile = keys
external_id = ext=1&2
role_session_name = session-1
duration_seconds = 1800
[profile chained]
role_arn = arn:aws:iam::123456789012:role/two
source_profile = role
[profile own]
role_arn = arn:aws:iam::123456789012:role/own
source_profile = own
[profile env]
role_arn = arn:aws:iam::123456789012:role/env
credential_source = Environment
[profile box]
role_arn = arn:aws:iam::123456789012:role/box
credential_source = EcsContainer
[profile machine]
role_arn = arn:aws:iam::123456789012:role/machine
credential_source = Ec2InstanceMetadata
[profile web]
role_arn = arn:aws:iam::123456789012:role/web
web_identity_token_file = %(token)s
[profile loop]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = pool
[profile pool]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = loop
[profile both]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = keys
credential_source = Environment
[profile neither]
role_arn = arn:aws:iam::123456789012:role/b
[profile lost]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = nowhere
[profile odd]
role_arn = arn:aws:iam::123456789012:role/b
credential_source = Moon
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = keys
mfa_serial = x
[profile half]
aws_access_key_id = A
[profile sso]
sso_start_url = https://example.awsapps.com/start
"""


def profile_files(stub):
    home = support.temp_dir("wr-profiles-")
    token = support.write_file(os.path.join(home, "token"), "web-identity-token\n")
    values = {"id": aws_stub.KEY_ID, "secret": aws_stub.SECRET, "token": token}
    support.write_file(os.path.join(home, ".aws", "config"), PROFILES % values)
    support.write_file(os.path.join(home, ".aws", "credentials"),
                       "[keys]\naws_access_key_id=%(id)s\naws_secret_access_key = %(secret)s\n"
                       "[own]\naws_access_key_id = %(id)s\naws_secret_access_key = %(secret)s\n" % values)
    return home


def test_profiles():
    """Profiles: keys, roles by source_profile and credential_source, chains, web identity; and what is wrong in them"""
    with aws_stub.Stub() as stub:
        home = profile_files(stub)
        imds = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": stub.url}
        box = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": stub.url + "/creds"}
        for profile, env, provider, roles in (
                ("plain", {}, "config file", []), ("keys", {}, "credentials file", []),
                ("role", {}, "credentials file", ["one"]), ("chained", {}, "credentials file", ["one", "two"]),
                ("own", {}, "credentials file", ["own"]), ("env", KEYS, "environment", ["env"]),
                ("box", box, "container endpoint", ["box"]), ("machine", imds, "instance metadata", ["machine"]),
                ("web", {}, "web identity", ["web"])):
            for how in ("option", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
                if how != "option" and profile == "env":
                    continue  # the environment's keys come first then
                stub.reset()
                options = ["--profile", profile] if how == "option" else []
                tool = Tool("--endpoint", stub.url, *options, home=home, env={**env, **({how: profile} if how != "option" else {})})
                a = tool.call()
                tap.equal(a["class"], "ok", f"{profile} by {how}: {a}")
                tap.equal(provider_of(tool), [("good", provider)], profile)
                asked = [dict(urllib_parse(r["body"])) for r in stub.seen("sts")]
                tap.equal([x["RoleArn"].rpartition("/")[2] for x in asked], roles, profile)
                all_right(stub)
                if roles == ["one"]:
                    tap.equal({k: asked[0].get(k) for k in ("ExternalId", "RoleSessionName", "DurationSeconds", "Version")},
                              {"ExternalId": "ext=1&2", "RoleSessionName": "session-1", "DurationSeconds": "1800",
                               "Version": "2011-06-15"}, "what STS was asked")
                if roles:
                    tap.check(stub.seen("dynamodb")[0]["key_id"].startswith("ASIA"), "the role's keys")
                tool.end()
                check_quiet(tool)
        for profile, words in (
                ("loop", "source_profile leads back to it"), ("both", "has role_arn and both of"), ("neither", "and neither of"),
                ("lost", "there is no profile nowhere"), ("odd", "credential_source Moon is unknown"),
                ("mfa", "mfa_serial wants a person"), ("half", "has aws_access_key_id and no aws_secret_access_key"),
                ("sso", "uses SSO"), ("nobody", "there is no profile nobody"),
                ("env", "credential_source Environment has no credentials")):
            tool = Tool("--endpoint", stub.url, "--profile", profile, home=home)
            a = tool.call()
            tap.equal([a["class"], a["verdict"]], ["refresh", "retry"], profile)
            tap.check(words in a["why"], f"{profile}: {words!r} in {a['why']!r}")
            tool.end()
            check_quiet(tool)
        stub.fail("error", service="sts", status=403, code="AccessDenied", message="not authorized to perform: sts:AssumeRole", times=9)
        tool = Tool("--endpoint", stub.url, "--profile", "role", home=home)
        a = tool.call()
        tap.check("STS does not give the role arn:aws:iam::123456789012:role/one: not authorized to perform: sts:AssumeRole "
                  "(Service: AWSSecurityTokenService; Status Code: 403; Error Code: AccessDenied; Request ID: " in a["why"], a["why"])
        tool.end()
        support.write_file(os.path.join(home, ".aws", "config"), "[default]\nregion = x\naws_secret_access_key: hidden-7\n")
        tool = Tool("--endpoint", stub.url, home=home)
        tap.equal(tool.process.wait(), 2, "a file that cannot be read")
        tap.check("config: line 3: expected key = value" in tool.process.stderr and "hidden-7" not in tool.process.stderr,
                  tool.process.stderr)


def urllib_parse(text):
    from urllib.parse import parse_qsl
    return parse_qsl(text, keep_blank_values=True)


def test_web_identity():
    """AWS_WEB_IDENTITY_TOKEN_FILE: the token is read again each time, and goes unsigned to STS"""
    with aws_stub.Stub() as stub:
        home = support.temp_dir()
        token = support.write_file(os.path.join(home, "token"), "web-identity-token")
        env = {"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod", "AWS_ROLE_SESSION_NAME": "pod-7"}
        tool = Tool("--endpoint", stub.url, home=home, env=env)
        tap.equal(tool.call()["class"], "ok", "call")
        asked = stub.requests[0]
        form = dict(urllib_parse(asked["body"]))
        tap.equal([asked["signed"], form["Action"], form["RoleArn"], form["RoleSessionName"], form["WebIdentityToken"]],
                  [False, "AssumeRoleWithWebIdentity", env["AWS_ROLE_ARN"], "pod-7", "web-identity-token"], "what STS was asked")
        tool.end()
        check_quiet(tool)
        for change, words in (({"AWS_ROLE_ARN": ""}, "set AWS_ROLE_ARN"), ({"AWS_WEB_IDENTITY_TOKEN_FILE": home + "/none"}, "none: No such file"),
                              ({"AWS_WEB_IDENTITY_TOKEN_FILE": support.write_file(home + "/bad", "other-token-9")}, "The web identity token is invalid")):
            tool = Tool("--endpoint", stub.url, home=home, env={**env, **change})
            a = tool.call()
            tap.check(words in a["why"], f"{words}: {a['why']}")
            tool.end()
            check_quiet(tool, "other-token-9")


def test_container():
    """The container endpoint: authorization from a variable or a file that is read each time; http for loopback only"""
    with aws_stub.Stub() as stub:
        stub.auth_token = "Bearer abc"
        home = support.temp_dir()
        file = support.write_file(os.path.join(home, "auth"), "Bearer abc\n")
        uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": stub.url + "/creds?x=1"}
        for env in ({"AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer abc"}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file},
                    {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong"}):
            stub.reset()
            tool = Tool("--endpoint", stub.url, env={**uri, **env})
            tap.equal(tool.call()["class"], "ok", str(env))
            tap.equal([stub.requests[0]["path"], stub.requests[0]["query"], stub.requests[0]["headers"]["accept"]],
                      ["/creds", "x=1", "application/json"], "what was asked")
            tool.end()
            check_quiet(tool, "Bearer abc")
        two_lines = support.write_file(os.path.join(home, "two"), "Bearer abc\nX-Evil: 1")
        for env, words in (({"AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong"}, "gave no credentials: status 403"),
                           ({"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": two_lines}, "holds a line break"),
                           ({"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": home + "/none"}, "No such file"),
                           ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/creds"}, "http is for loopback addresses"),
                           ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "ftp://x"}, "expected http:// or https://")):
            tool = Tool("--endpoint", stub.url, env={**uri, **env})
            a = tool.call()
            tap.check(words in a["why"], f"{words}: {a['why']}")
            tool.end()
        stub.auth_token = None
        stub.fail("status", status=500, times=1)
        tool = Tool("--endpoint", stub.url, env=uri)
        tap.equal(tool.call()["class"], "ok", "a second attempt after 500")
        tool.end()


def test_imds():
    """Instance metadata: version 2, version 1 where it is allowed, region, switches"""
    with aws_stub.Stub() as stub:
        env = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": stub.url + "/"}
        tool = Tool("--endpoint", stub.url, env=env)
        tap.equal(tool.call()["class"], "ok", "version 2")
        tap.equal([(r["method"], r["path"]) for r in stub.requests[:4]],
                  [("PUT", "/latest/api/token"), ("GET", "/latest/meta-data/iam/security-credentials/"),
                   ("GET", "/latest/meta-data/iam/security-credentials/stub-role"), ("GET", "/latest/meta-data/placement/region")],
                  "what was asked")
        tap.equal([stub.requests[-1]["region"], tool.state()["region"]], ["eu-north-1", "eu-north-1"], "region")
        tool.end()
        check_quiet(tool)
        stub.imds_v2 = False
        tool = Tool("--endpoint", stub.url, env={**env, "AWS_REGION": "us-west-2"})
        tap.equal(tool.call()["class"], "ok", "version 1")
        tap.equal(stub.requests[-1]["region"], "us-west-2", "region")
        tool.end()
        for change, words in (({"AWS_EC2_METADATA_V1_DISABLED": "true"}, "gave no token: status 404"),
                              ({"AWS_EC2_METADATA_DISABLED": "true"}, "instance metadata is disabled"),
                              ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{support.free_port()}"}, "does not answer"),
                              ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "x"}, "AWS_EC2_METADATA_SERVICE_ENDPOINT: expected")):
            tool = Tool("--endpoint", stub.url, env={**env, **change})
            a = tool.call()
            tap.equal(a["class"], "refresh", str(change))
            tap.check(words in a["why"], f"{words}: {a['why']}")
            tool.end()
        stub.imds_v2, stub.imds_role = True, None
        tool = Tool("--endpoint", stub.url, env=env)
        tap.check("knows no role for this machine: status 404" in tool.call()["why"], "no role")
        tool.end()
        stub.imds_role, stub.session_seconds = "stub-role", -60
        tool = Tool("--endpoint", stub.url, env=env)
        tool.call()
        tap.check("have expired: they are used" in tool.process.stderr, "expired ones are used: " + tool.process.stderr)
        tool.end()


def test_process():
    """credential_process: words, output, version, status, limits"""
    with aws_stub.Stub() as stub:
        home = support.temp_dir()
        config = os.path.join(home, "config")
        good = json.dumps({"Version": 1, "AccessKeyId": aws_stub.KEY_ID, "SecretAccessKey": aws_stub.SECRET})
        script = support.write_file(os.path.join(home, "my keys.sh"), '#!/bin/sh\n[ "$1" = "a b" ] && [ "$2" = \'$HOME\' ] && '
                                    f"cat '{home}/out'\n", 0o755)
        out = os.path.join(home, "out")
        support.write_file(config, f"[default]\ncredential_process = \"{script}\" 'a b' \"\\$HOME\"\n".replace("\\$", "$"))
        env = {"AWS_CONFIG_FILE": config}
        support.write_file(out, good)
        tool = Tool("--endpoint", stub.url, env=env)
        tap.equal(tool.call()["class"], "ok", "call")
        tap.equal(provider_of(tool), [("good", "credential_process")], "provider")
        tool.end()
        check_quiet(tool)
        expires = aws_stub.iso(time.time() - 5)
        for text, words in (("{}", "a Version that is not 1"), ("nonsense secret-99", "not a JSON object"),
                            (good.replace("1,", "2,", 1), "a Version that is not 1"),
                            (good.replace("SecretAccessKey", "Other"), "answered without a secret"),
                            (good[:-1] + f', "Expiration": "{expires}"}}', "have expired already"),
                            (good[:-1] + ', "Expiration": "later"}', "an expiration that is no time"),
                            (" " * 70000 + good, "more than 65536 bytes")):
            support.write_file(out, text)
            tool = Tool("--endpoint", stub.url, env=env)
            a = tool.call()
            tap.equal(a["class"], "refresh", words)
            tap.check(words in a["why"], f"{words}: {a['why']}")
            tool.end()
            check_quiet(tool, "secret-99")
        for command, words in (("/bin/sh -c 'echo no login >&2; exit 7'", "ended with status 7: no login"),
                               ("/bin/sh -c 'kill -9 $$'", "ended with signal 9"), ("/no/such/program", "cannot be started: no such file"),
                               ("'unclosed", "quotes closed")):
            support.write_file(config, f"[default]\ncredential_process = {command}\n")
            tool = Tool("--endpoint", stub.url, env=env)
            a = tool.call()
            tap.check(words in a["why"], f"{words}: {a['why']}")
            tool.end()


def test_process_leaves_something():
    """credential_process: what it leaves behind holds nothing up"""
    with aws_stub.Stub() as stub:
        home = support.temp_dir()
        good = json.dumps({"Version": 1, "AccessKeyId": aws_stub.KEY_ID, "SecretAccessKey": aws_stub.SECRET})
        for name, start in (("child", "sleep 50 &"), ("daemon", "setsid sleep 50 &\nuntil [ \"$(cut -d' ' -f6 /proc/$!/stat)\" = $! ]; do :; done")):
            script = support.write_file(os.path.join(home, name), f"#!/bin/sh\n{start}\necho $! > {home}/pid\necho '{good}'\n", 0o755)
            support.write_file(os.path.join(home, "config"), f"[default]\ncredential_process = {script}\n")
            began = time.monotonic()
            tool = Tool("--endpoint", stub.url, env={"AWS_CONFIG_FILE": os.path.join(home, "config")})
            tap.equal(tool.call()["class"], "ok", name)
            tap.check(time.monotonic() - began < 45, f"{name}: it took its time")
            tool.end()
            pid = int(support.read_file(os.path.join(home, "pid")))
            if name == "child":
                wait_for(lambda: "sleep" not in support.read_file(f"/proc/{pid}/cmdline"), "the end of its child")
            else:
                tap.check("sleep" in support.read_file(f"/proc/{pid}/cmdline"), "a daemon lives on")
                os.kill(pid, 9)


def test_iot_provider():
    """The IoT credentials provider over mutual TLS, and what happens without a certificate"""
    certs = Certificates()
    device = support.make_certificate(certs.dir, "device", certs.ca)
    with aws_stub.Stub(tls=certs.good, client_ca=certs.ca[0]) as provider, aws_stub.Stub() as stub:
        stub.keys = provider.keys
        options = ["--iot-endpoint", provider.url, "--iot-role-alias", "my-alias", "--iot-thing", "thing-1", "--iot-ca-file", certs.ca[0]]
        tool = Tool("--endpoint", stub.url, *options, "--iot-cert-file", device[0], "--iot-key-file", device[1])
        tap.equal(tool.call()["class"], "ok", "call")
        tap.equal([provider.requests[0]["path"], provider.requests[0]["headers"]["x-amzn-iot-thingname"]],
                  ["/role-aliases/my-alias/credentials", "thing-1"], "what was asked")
        tap.equal(provider_of(tool), [("good", "IoT credentials provider")], "provider")
        tool.end()
        check_quiet(tool)
        tool = Tool("--endpoint", stub.url, *options)
        a = tool.call()
        tap.equal([a["class"], a["status"]], ["refresh", 0], "no certificate")
        tap.check("the IoT credentials provider gave no credentials" in a["why"], a["why"])
        tool.end()
        provider.fail("status", status=403, body=b'{"message":"Access Denied"}')
        tool = Tool("--endpoint", stub.url, *options, "--iot-cert-file", device[0], "--iot-key-file", device[1])
        tap.check("gave no credentials: status 403: Access Denied" in tool.call()["why"], "refused")
        tool.end()


def test_roles_of_rules():
    """roleArn of a rule: passed through, assumed (once for all who use it), or a profile"""
    with aws_stub.Stub() as stub:
        home = profile_files(stub)
        stub.keys["AKIDENV"] = ("env-secret", None)
        tool = Tool("--endpoint", stub.url, "--role", "arn:aws:iam::123456789012:role/as-*=assume",
                    "--role", "arn:aws:iam::*:role/p?=profile:plain", "--role", "*=passthrough", home=home,
                    env={"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "env-secret"})
        arn = "arn:aws:iam::123456789012:role/"
        tap.equal(tool.call(role=arn + "any")["class"], "ok", "passthrough")
        tap.equal(stub.requests[-1]["key_id"], "AKIDENV", "passthrough")
        numbers = [tool.start(role=arn + "as-1") for _ in range(10)] + [tool.start(role=arn + "as-2")]
        tap.equal({tool.answer(n)["class"] for n in numbers}, {"ok"}, "assumed")
        asked = [dict(urllib_parse(r["body"])) for r in stub.seen("sts")]
        tap.equal(sorted(x["RoleArn"] for x in asked), [arn + "as-1", arn + "as-2"], "each role once")
        tap.equal({r["key_id"] for r in stub.seen("sts")}, {"AKIDENV"}, "with the chain's credentials")
        tap.equal(len({r["key_id"] for r in stub.seen("dynamodb")}), 3, "three identities so far")
        tap.equal(tool.call(role=arn + "p1")["class"], "ok", "profile")
        tap.equal(stub.requests[-1]["key_id"], aws_stub.KEY_ID, "profile")
        tap.equal([s["name"] for s in tool.state()["states"]], ["default", arn + "as-1", arn + "as-2", "plain"], "states")
        all_right(stub)
        tool.end()
        check_quiet(tool, "env-secret")


def test_regions_and_endpoints():
    """Regions and endpoints by AWS's variables, profiles, and weir's own settings, in their order"""
    with aws_stub.Stub() as stub, aws_stub.Stub() as other:
        home = support.temp_dir()
        support.write_file(os.path.join(home, ".aws", "config"),
                           f"[default]\nregion = eu-west-3\nservices = mine\n[profile plain]\nendpoint_url = {stub.url}\n"
                           f"[services mine]\ndynamodb =\n  endpoint_url = {stub.url}\ns3 =\n  endpoint_url = {other.url}\n")
        for options, env, call, region, at in (
                ([], {}, {}, "eu-west-3", stub), ([], {"AWS_DEFAULT_REGION": "a-1"}, {}, "a-1", stub),
                ([], {"AWS_DEFAULT_REGION": "a-1", "AWS_REGION": "b-1"}, {}, "b-1", stub),
                (["--region", "c-1"], {"AWS_REGION": "b-1"}, {}, "c-1", stub), ([], {}, {"region": "d-1"}, "d-1", stub),
                ([], {"AWS_PROFILE": "plain"}, {}, "us-east-1", stub),
                ([], {"AWS_ENDPOINT_URL": other.url}, {}, "eu-west-3", other),
                ([], {"AWS_ENDPOINT_URL": stub.url, "AWS_ENDPOINT_URL_DYNAMODB": other.url}, {}, "eu-west-3", other),
                (["--endpoint", stub.url], {"AWS_ENDPOINT_URL_DYNAMODB": other.url}, {}, "eu-west-3", stub),
                (["--endpoint", stub.url, "--endpoint-dynamodb", other.url], {}, {}, "eu-west-3", other),
                (["--endpoint", stub.url], {}, {"endpoint": other.url}, "eu-west-3", other)):
            stub.reset(), other.reset()
            tool = Tool(*options, home=home, env={**KEYS, **env})
            a = tool.call(**call)
            tap.equal(a["class"], "ok", f"{options} {env} {call}: {a}")
            tap.equal([len(at.requests), at.requests[0]["region"]], [1, region], f"{options} {env} {call}")
            tool.end()
        with Proxy(stub.port) as proxy:
            env = {**KEYS, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": other.url, "https_proxy": proxy.url}
            tool = Tool(home=home, env=env)
            tool.call()
            tool.call("geo", region="cn-north-1")
            tool.call("s3", bucket="b")
            tool.call("s3", bucket="b.c")
            tool.call("timestream")
            tap.equal(proxy.asked, [f"CONNECT {h}:443" for h in (
                "dynamodb.eu-west-3.amazonaws.com", "tracking.geo.cn-north-1.amazonaws.com.cn", "b.s3.eu-west-3.amazonaws.com",
                "s3.eu-west-3.amazonaws.com", "ingest.timestream.eu-west-3.amazonaws.com")], "hosts of AWS")
            tool.end()


if __name__ == "__main__":
    support.main(globals())
