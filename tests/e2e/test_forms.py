#!/usr/bin/python3
"""The forms of actions: modes, the shared AWS client, recorders, what is refused; with s3 as the example.

    test_forms.py WEIR [test_NAME]...
"""
import base64
import json
import os

import aws
import support
from aws import all_signed, aws_stub, recorded, said_everywhere
from support import Broker, tap, wait_for
from weir import Weir, binary as weir_binary, republish, rule, s3

KEEP = {"keep": rule("SELECT * FROM 'a/#'", s3("bucket", "${topic(2)}"))}


def test_aws_and_local():
    """mode aws puts objects with a right signature; another kind stays as it is told"""
    rules = {"keep": rule("SELECT n FROM 'a/+'", s3("bucket", "k/${topic(2)}", cannedAcl="public-read"),
                          republish("out/${topic(2)}"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("out/#") as out, \
            aws.weir(broker, stub, rules, {"aws": {"region": "eu-central-1"}}) as weir:
        broker.publish("a/one", '{"n":1,"m":2}')
        totals = weir.wait_settled(1)
        got = stub.seen("s3", "PutObject")
        tap.equal(len(got), 1, "requests")
        tap.equal((got[0]["path"], got[0]["body"], got[0]["region"]), ("/bucket/k/one", '{"n":1}', "eu-central-1"), "the object")
        tap.equal((got[0]["headers"]["content-type"], got[0]["headers"]["x-amz-acl"]), ("application/json", "public-read"), "headers")
        wait_for(lambda: Broker.messages(out), "the republished message")
        tap.equal([(s["name"], s["health"], s["provider"]) for s in totals["aws"]], [("default", "good", "environment")],
                  "credentials in the status")
        tap.check(not os.path.exists(os.path.join(weir.state_dir, "local", "s3")), "nothing locally")
        all_signed(stub)


def test_override():
    """mode local with one kind of action for real, at its own endpoint"""
    with Broker() as broker, aws.Stub() as stub, aws.weir(
            broker, stub, KEEP, {"mode": "local", "aws": {"endpoint": "http://127.0.0.1:9"},
                                 "sinks": {"s3": {"mode": "aws", "endpoint": stub.url}}}) as weir:
        broker.publish("a/one", "{}")
        weir.wait_settled(1)
        tap.equal([r["path"] for r in stub.seen("s3")], ["/bucket/one"], "requests")


def test_record():
    """mode record keeps the request as it would have gone out, unsigned, and sends nothing"""
    rules = {**KEEP, "raw": rule("SELECT * FROM 'raw'", s3("bucket", "raw ü")), "out": rule("SELECT * FROM 'a/+'", republish("o"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("o") as out, aws.weir(
            broker, stub, rules, {"mode": "record"}, env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}) as weir:
        broker.publish("a/one", '{"n":1}')
        broker.publish("raw", b"\xff\0")
        weir.wait_settled(2)
        tap.equal(stub.requests, [], "nothing was sent")
        first, second = sorted(recorded(weir, "s3"), key=lambda r: len(r["url"]))
        tap.equal((first["method"], first["url"], first["body"]), ("PUT", stub.url + "/bucket/one", '{"n":1}'), "the request")
        tap.equal(first["headers"], [["Content-Type", "application/json"]], "headers")
        tap.equal((second["url"], base64.b64decode(second["bodyBase64"])), (stub.url + "/bucket/raw%20%C3%BC", b"\xff\0"), "bytes")
        tap.equal(os.stat(os.path.join(weir.state_dir, "local", "record", "s3.ndjson")).st_mode & 0o777, 0o600, "rights")
        kept = recorded(weir, "republish")
        tap.equal([(r["method"], r["topic"], r["qos"], r["body"]) for r in kept], [("PUBLISH", "o", 0, '{"n":1}')], "republish")
        tap.equal(Broker.messages(out), [], "nothing was published")


def test_blackhole():
    """mode blackhole takes everything and does nothing"""
    with Broker() as broker, Weir(broker, KEEP, {"mode": "blackhole"}) as weir:
        for _ in range(10):
            broker.publish("a/one", "{}")
        weir.wait_settled(10)
        tap.equal(weir.counters("keep")["actions"]["s3"]["success"], 10, "delivered")
        tap.check(not os.path.exists(os.path.join(weir.state_dir, "local", "s3")), "nothing there")


def test_retry_and_refusal():
    """throttled, 500, reset, hanging: again until it is there; refused: the error action"""
    rules = {"keep": rule("SELECT * FROM 'a/#'", s3("bucket", "${topic(2)}"), error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules) as weir:
        for number, (kind, more) in enumerate((("throttle", {}), ("error", {"status": 500, "code": "InternalError"}),
                                               ("reset", {}), ("hang", {"seconds": 4}), ("cut", {}),
                                               ("status", {"status": 503}))):
            stub.fail(kind, service="s3", times=1, **more)
            broker.publish(f"a/{kind}", "{}")
            weir.wait_settled(number + 1)
            tap.check(("bucket", kind) in stub.objects, f"{kind}: {list(stub.objects)}")
            tap.check(len([r for r in stub.seen("s3") if r["path"] == f"/bucket/{kind}"]) == 2, f"{kind}: two requests")
        tap.equal(Broker.messages(errors), [], "no error action yet")
        stub.fail("error", service="s3", status=404, code="NoSuchBucket", message="The specified bucket does not exist")
        broker.publish("a/refused", "{}")
        weir.wait_settled(7)
        wait_for(lambda: Broker.messages(errors), "the error document")
        failure = json.loads(Broker.messages(errors)[0]["payload"])["failures"][0] if isinstance(
            Broker.messages(errors)[0]["payload"], str) else Broker.messages(errors)[0]["payload"]["failures"][0]
        tap.equal((failure["failedAction"], failure["failedResource"]), ("S3Action", "bucket"), "what failed")
        for words in ("Failed to put S3 object. The error received was The specified bucket does not exist",
                      "Status Code: 404; Error Code: NoSuchBucket; Request ID: ", "Action: s3"):
            tap.check(words in failure["errorMessage"], failure["errorMessage"])
        tap.equal(len([r for r in stub.seen("s3") if r["path"] == "/bucket/refused"]), 1, "refused at once")


def test_wrong_secret():
    """a wrong secret: the error action, a state, a line in the log; the secret nowhere"""
    secret = "wrong/Secret+of+this+test+0123456789"
    rules = {"keep": rule("SELECT * FROM 'a/#'", s3("bucket", "${topic(2)}"), error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, secret=secret) as weir:
        broker.publish("a/one", "{}")
        weir.wait_settled(1)
        wait_for(lambda: Broker.messages(errors), "the error document")
        tap.check("SignatureDoesNotMatch" in str(Broker.messages(errors)[0]["payload"]), str(Broker.messages(errors)))
        for key in (secret, aws_stub.SECRET):
            tap.check(key.encode() not in said_everywhere(weir), f"{key} was told")


def test_no_credentials():
    """no credentials anywhere: a state and a line that says where they are looked for; no crash"""
    with Broker() as broker, aws.Stub() as stub, aws.weir(
            broker, stub, KEEP, env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}) as weir:
        broker.publish("a/one", "{}")
        state = wait_for(lambda: (s := weir.totals().get("aws")) and s[0]["health"] == "failed" and s[0], "the state")
        tap.check(state["failed"] >= 1 and state["why"], str(state))
        wait_for(lambda: "room=aws" in weir.log, "a line in the log")
        tap.equal(stub.requests, [], "nothing was sent")


def test_configuration():
    """wrong settings end weir with their name; --check sees them, and shows the modes"""
    cases = (
        ({"mode": "cloud"}, 'mode: found "cloud", expected one of local|aws|record|blackhole'),
        ({"sinks": {"s3": {"mode": "cloud"}}}, 'sinks.s3.mode: found "cloud", expected one of'),
        ({"aws": {"regoin": "x"}}, 'aws.regoin: unknown setting, did you mean "aws.region"?'),
        ({"mode": "aws", "aws": {"endpoints": {"s4": "http://x"}}}, 'aws.endpoints.s4: no such service, did you mean "s3"?'),
        ({"mode": "aws", "aws": {"endpoints": {"s3": "x"}}}, "aws.endpoints.s3: expected http://host[:port]"),
        ({"mode": "aws", "aws": {"roles": {"arn:*": "asume"}}}, "aws.roles.arn:*: expected passthrough, assume or profile:NAME"),
        ({"lookups": {"mode": "aws"}, "aws": {"endpoints": {"s3": "x"}}}, "aws.endpoints.s3: expected http://host[:port]"),
        ({"sinks": {"s3": {"endpoint": "http://me:pass@localhost"}}}, 'https://host[:port], found "one with a user"'),
        ({"sinks": {"s3": {"endpoint": "localhost:9000"}}}, 'sinks.s3.endpoint: expected http://host[:port] or https://'),
        ({"mode": "aws", "aws": {"ca_file": "/no/such.pem"}}, "/no/such.pem: No such file"),
        ({"mode": "aws", "aws": {"access_key_id": "AKID"}}, "aws.secret_access_key: missing, required beside aws.access_key_id"),
        ({"mode": "aws", "aws": {"timeout": "0"}}, 'aws.timeout: found "0", expected 1 to 600000 ms'),
    )
    for config, words in cases:
        weir = Weir(None, KEEP, config, start=False)
        code, out, err = weir.run("run", "--check")
        tap.equal(code, 2, f"{config}: {out}{err}")
        tap.check(words in err, f"{words}\nin\n{err}")
    weir = Weir(None, KEEP, {"mode": "record", "sinks": {"s3": {"mode": "aws"}, "null": {"mode": "local"}},
                             "aws": {"endpoints": {"s3": "http://localhost:9000"}, "roles": {"arn:aws:*": "profile:x"}}}, start=False)
    code, out, err = weir.run("run", "--check")
    tap.equal((code, err), (0, ""), out)
    tap.equal(out.splitlines()[1], "mode: record, null: local, s3: aws", "the modes")
    code, out, err = support.run([weir_binary(), "run", "--check", "-c", weir.config_file], cwd=weir.dir,
                                 env={"WEIR_AWS_TIMEOUT": "0", "WEIR_SINKS_S3_MODE": "aws"})
    tap.check(code == 2 and "WEIR_AWS_TIMEOUT" in err and "expected 1 to 600000 ms" in err, out + err)
    code, out, err = weir.run("run", "--check", "--aws-secret-access-key", "zz/Secret", "--aws-access-key-id=AKID")
    tap.equal((code, "zz/Secret" in out + err), (0, False), out + err)


if __name__ == "__main__":
    support.main(globals())
