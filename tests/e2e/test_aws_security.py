#!/usr/bin/python3
"""Secrets of AWS: in nothing that weir says, serves or keeps; not sent to others; https unless an endpoint says http.

    test_aws_security.py WEIR [test_NAME]...
"""
import re
import urllib.request

import aws
import support
from aws import aws_stub, recorded, said_everywhere
from support import Broker, tap, wait_for
from weir import ROLE, dynamodb, dynamodb_v2, function, republish, rule, s3

SECRET, TOKEN = "of-weir-yaml/Secret+0123456789abcdef", "token/of+weir.yaml=0123456789"
PIN = "pin-of-secrets-manager-87654321"


def rules():
    refused = s3("refused", "${topic(2)}")
    return {
        "all": rule("SELECT * FROM 'a/+'", s3("bucket", "${topic(2)}"), dynamodb_v2("table"), function("f"),
                    dynamodb("table", hashKeyField="id", hashKeyValue="${topic(2)}")),
        "fails": rule("SELECT * FROM 'a/+'", refused, error=republish("errors")),
        "dead": rule("SELECT * FROM 'a/+'", refused, error=s3("refused", "error")),
        "looks": rule(f"SELECT 'yes' AS known FROM 'a/+' WHERE get_secret('pin', 'SecretString', '{ROLE}') = '{PIN[:3]}' + '{PIN[3:]}'",
                      s3("bucket", "looked")),
        "missing": rule(f"SELECT 1 AS x FROM 'a/+'", s3("bucket", f"${{get_secret('none', 'SecretString', '{ROLE}')}}"), error=republish("errors")),
    }


def stub_with_refusals():
    stub = aws.Stub()
    stub.keys["AKIDWEIRYAML"] = (SECRET, TOKEN)
    stub.secrets["pin"] = PIN
    plain = stub.answer

    def answer(r):
        if r.path.startswith("/refused/") and r.service == "s3":
            return stub.error(r, 403, "AccessDenied", "Access Denied"), None
        return plain(r)
    stub.answer = answer
    return stub


def everything(weir):
    """All that a run says: output, files, metrics, dead letters, what --check and help say."""
    text = said_everywhere(weir)
    port = re.search(r"metrics: http://127\.0\.0\.1:(\d+)/metrics", weir.log)
    if port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/metrics", timeout=support.TIMEOUT) as answer:
            text += answer.read()
    for words in (("dead", "list", "--json"), ("dead", "show", "--all", "--json"), ("run", "--check"), ("sinks",)):
        code, out, err = support.run([weir.process.popen.args[0], words[0], *(["-c", weir.config_file] if words[0] != "sinks" else []),
                                      *words[1:]], cwd=weir.dir, env=weir.env)
        text += (out + err).encode()
    return text


def test_nowhere():
    """keys of weir.yaml, of an assumed role, a wrong key, a secret that SQL asked for: in nothing that weir says or keeps"""
    own = {"access_key_id": "AKIDWEIRYAML", "secret_access_key": SECRET, "session_token": TOKEN, "roles": {ROLE: "assume"}}
    with Broker() as broker, stub_with_refusals() as stub, broker.subscriber("errors") as errors, aws.weir(
            broker, stub, rules(), {"aws": own, "log": {"level": "debug"}}) as weir:
        for topic in ("one", "two"):
            broker.publish(f"a/{topic}", '{"id":"k"}')
        weir.wait_settled(2)
        wait_for(lambda: len(Broker.messages(errors)) == 4, "error documents")
        tap.equal(stub.objects[("bucket", "looked")][0], b'{"known":"yes"}', "the secret was used")
        tap.check(weir.totals()["deadLetters"]["entries"] > 0, "there are dead letters")
        given = [r for r in stub.seen("sts", "AssumeRole")]
        tap.check(given, "the role was assumed")
        text = everything(weir) + str(Broker.messages(errors)).encode()
        tap.check(b"AccessDenied" in text, "the failures are told")
        keys = [v for k in stub.keys.values() for v in k[:2] if isinstance(v, str)]
        tap.check(len(keys) >= 4, f"keys in use: {len(keys)}")
        for secret in (SECRET, TOKEN, PIN, *keys):
            tap.check(secret.encode() not in text, f"{secret} was told")
        tap.check(b"Signature=" not in text and b"AWS4-HMAC" not in text, "no signature either")


def test_redirects():
    """a redirect is a refusal: nothing goes to the other place"""
    with Broker() as broker, aws.Stub() as stub, aws.Stub() as other, broker.subscriber("errors") as errors:
        rule_ = rule("SELECT * FROM 'a/+'", dynamodb_v2("table"), error=republish("errors"))
        with aws.weir(broker, stub, {"r": rule_}) as weir:
            stub.fail("redirect", service="dynamodb", operation="PutItem", times=1, location=other.url + "/")
            broker.publish("a/b", '{"id":"k"}')
            weir.wait_settled(1)
            wait_for(lambda: Broker.messages(errors), "the error document")
            tap.check("redirect, which is not followed with credentials" in str(Broker.messages(errors)[0]["payload"]),
                      str(Broker.messages(errors)[0]["payload"])[:500])
            tap.equal(other.requests, [], "requests elsewhere")


def test_https():
    """without an endpoint everything goes to https, in the region of weir or of the ARN"""
    made = {"r": rule("SELECT * FROM 'a/+'", s3("bucket", "k"), s3("b.with.dots", "k"), dynamodb_v2("table"), function("f"))}
    with Broker() as broker, aws.Stub() as stub:
        with aws.weir(broker, stub, made, {"mode": "record", "region": "eu-central-1", "aws": {"endpoint": ""}}) as weir:
            broker.publish("a/b", '{"id":"k"}')
            weir.wait_settled(1)
            urls = sorted({r["url"] for kind in ("s3", "dynamoDBv2", "lambda") for r in recorded(weir, kind)})
            tap.equal(urls, ["https://bucket.s3.eu-central-1.amazonaws.com/k", "https://dynamodb.eu-central-1.amazonaws.com/",
                             "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012"
                             "%3Afunction%3Af/invocations", "https://s3.eu-central-1.amazonaws.com/b.with.dots/k"], "addresses")
            for kind in ("s3", "dynamoDBv2", "lambda"):
                names = {name.lower() for r in recorded(weir, kind) for name, _ in r["headers"]}
                tap.check(not names & {"authorization", "x-amz-security-token"}, f"{kind}: {names}")


if __name__ == "__main__":
    support.main(globals())
