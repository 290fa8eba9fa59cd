"""decode(x, 'proto', …): a rule that reads its descriptor file from the local form of S3 (sql.md 11.3).

    test_proto.py WEIR [test_NAME]...
"""
import base64
import json
import os
import sys

import support
from support import Broker, tap
from weir import Weir, rule, s3

HERE = os.path.dirname(os.path.abspath(__file__))
DESCRIPTOR = os.path.join(HERE, "..", "unit", "proto", "rich.desc")
PERSON = b"\x0a\x03Ann\x10\x07\x1a\x03a@b"
KEEP = rule("SELECT * FROM 'files/#'", s3("files", "${topic(2)}"))


def decode(x, key="rich.desc", proto="rich3", kind="Person"):
    return f"decode({x}, 'proto', 'files', '{key}', '{proto}', '{kind}')"


def with_descriptor(broker, weir):
    with open(DESCRIPTOR, "rb") as f:
        broker.publish("files/rich.desc", f.read())
    weir.wait_settled(1)


def test_descriptor_of_a_rule():
    """a descriptor that an action stored serves the messages after it: payloads, base64 members, WHERE"""
    rules = {
        "keep": KEEP,
        "whole": rule(f"SELECT VALUE {decode('*')} FROM 'whole/+'", s3("whole", "${topic(2)}")),
        "member": rule(f"SELECT {decode('p')}.name AS name, n FROM 'member/+' WHERE {decode('p')}.id > 5",
                       s3("member", "${topic(2)}")),
    }
    with Broker() as broker, Weir(broker, rules) as weir:
        with_descriptor(broker, weir)
        broker.publish("whole/a", PERSON)
        broker.publish("whole/b", b"")
        broker.publish("member/a", json.dumps({"n": 1, "p": base64.b64encode(PERSON).decode()}))
        broker.publish("member/b", json.dumps({"n": 2, "p": base64.b64encode(b"\x10\x05").decode()}))
        weir.wait_settled(5)
        got = {k: json.loads(v) for k, v in weir.objects("whole").items()}
        tap.equal(got, {"a": {"name": "Ann", "id": 7, "email": "a@b"}, "b": {}}, "payloads")
        got = {k: json.loads(v) for k, v in weir.objects("member").items()}
        tap.equal(got, {"a": {"name": "Ann", "n": 1}}, "members")


def test_failures():
    """whatever is wrong fails the rule: no action runs, the log and the counters say why"""
    rules = {
        "keep": KEEP,
        "none": rule(f"SELECT {decode('*', key='none')} AS p FROM 'none/+'", s3("out", "none")),
        "long": rule(f"SELECT {decode('*', key='long')} AS p FROM 'long/+'", s3("out", "long")),
        "type": rule(f"SELECT {decode('*', kind='Nobody')} AS p FROM 'type/+'", s3("out", "type")),
        "bytes": rule(f"SELECT {decode('*')} AS p FROM 'bytes/+'", s3("out", "bytes")),
        "default": rule(f"SELECT get_or_default({decode('*')}, 'no') AS p FROM 'bytes/+'", s3("out", "default")),
    }
    with Broker() as broker, Weir(broker, rules) as weir:
        with_descriptor(broker, weir)
        broker.publish("files/long", bytes(32 * 1024 + 1))
        weir.wait_settled(2)
        for topic in ("none/x", "long/x", "type/x"):
            broker.publish(topic, PERSON)
        broker.publish("bytes/x", b"\x10")
        weir.wait_settled(6)
        tap.equal(weir.objects("out"), {"default": b'{"p":"no"}'}, "only the default")
        for name in ("none", "long", "type", "bytes"):
            counters = weir.counters(name)
            tap.equal((counters["topicMatch"], counters["parseError"], counters["matched"]), (1, 1, 0), name)
        tap.check("decode: the bucket 'files' has no object 'none'" in weir.log, "the log says it")


def test_limits_at_creation():
    """a third call in one expression, and one in a template, are refused when the rule is loaded"""
    call = decode("a")
    rules = {
        "two": rule(f"SELECT {call} = {call} AS same, {call} AS more FROM 'a/+'", s3("out", "two")),
        "three": rule(f"SELECT [{call}, {call}, {call}] AS all FROM 'a/+'", s3("out", "three")),
        "template": rule("SELECT a FROM 'a/+'", s3("out", "${" + call + "}")),
    }
    with Broker() as broker, Weir(broker, rules) as weir:
        weir.wait_rules(1, refused=2)
        log = weir.log
        tap.check("more than 2 calls of decode(…, 'proto', …) in one expression" in log, "three calls")
        tap.check("decode(…, 'proto', …), which is not allowed in a template" in log, "a template")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
