#!/usr/bin/python3
"""Aggregated objects of s3 (sinks.s3.aggregate): what is in them, when they are stored, failures, kills.

    test_s3_aggregate.py WEIR [test_NAME]...
"""
import gzip
import json
import re
import time

import aws
import support
from aws import all_signed
from support import Broker, tap, wait_for
from weir import republish, rule, s3

RULES = {"keep": rule("SELECT n FROM 'a/+'", s3("lines", "site/${topic(2)}"))}


def aggregate(bucket="lines", **settings):
    return {"sinks": {"s3": {"aggregate": {bucket: settings}}}}


def lines(stub, bucket="lines"):
    """Every line of every object in the bucket, by the object's key."""
    return {key: [json.loads(x) for x in (gzip.decompress(body) if key.endswith(".gz") else body).decode().splitlines()]
            for (b, key), (body, _) in dict(stub.objects).items() if b == bucket}


def numbers(stub, bucket="lines"):
    return sorted(x["n"] for part in lines(stub, bucket).values() for x in part)


def messages(count, first=0):
    return [json.dumps({"n": n}) for n in range(first, first + count)]


def test_objects():
    """objects by key, at most as large as told, in the order of their messages; keys with time; other buckets as always"""
    rules = {**RULES, "other": rule("SELECT n FROM 'a/x'", s3("plain", "${n}"))}
    config = aggregate(size="1k", age="1s", suffix="/%Y-%m-%d/%H%M%S%%-%u.json")
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules, config) as weir:
        broker.publish_lines("a/x", messages(500))
        broker.publish_lines("a/y", messages(50, 1000))
        weir.wait_settled(550)
        tap.equal(numbers(stub), [*range(500), *range(1000, 1050)], "each line once")
        for key, part in lines(stub).items():
            tap.check(re.fullmatch(r"site/[xy]/\d{4}-\d\d-\d\d/\d{6}%-[0-9a-f]{16}\.json", key), key)
            tap.equal(part, sorted(part, key=lambda x: x["n"]), "in order")
            tap.equal({x["n"] >= 1000 for x in part}, {"site/y" in key}, "one key an object")
        bodies = [body for (b, _), (body, _) in stub.objects.items() if b == "lines"]
        tap.check(all(len(body) <= 1024 for body in bodies) and len(bodies) <= 12, f"sizes: {[len(b) for b in bodies]}")
        tap.equal({r["headers"]["content-type"] for r in stub.seen("s3") if r["path"].startswith("/lines/")},
                  {"application/x-ndjson"}, "content type")
        tap.equal(len([1 for b, _ in stub.objects if b == "plain"]), 500, "the other bucket")
        all_signed(stub)


def test_gzip_and_age():
    """gzip; an object is stored when its first result has waited as long as told"""
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, RULES, aggregate(gzip=True, age="1500ms")) as weir:
        began = time.monotonic()
        broker.publish_lines("a/x", messages(100))
        support.stays(lambda: not stub.objects, "an object too early", seconds=0.7)
        weir.wait_settled(100)
        tap.check(1.2 < time.monotonic() - began < 40, f"after {time.monotonic() - began} s")
        tap.equal(numbers(stub), list(range(100)), "each line once")
        tap.equal([bool(re.fullmatch(r"site/x/\d{4}/\d\d/\d\d/\d\d/\d{4}-[0-9a-f]{16}\.jsonl\.gz", k)) for k in lines(stub)], [True],
                  f"one object: {list(lines(stub))}")
        tap.equal({r["headers"]["content-type"] for r in stub.seen("s3")}, {"application/gzip"}, "content type")


def test_engine_limits():
    """what the engine keeps in memory bounds the objects: nothing waits for records that cannot come"""
    config = {**aggregate(age="15m"), "spool": {"in_flight": 100}}
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, RULES, config) as weir:
        broker.publish_lines("a/x", messages(1000))
        wait_for(lambda: len(numbers(stub)) >= 900, lambda: f"{len(numbers(stub))} lines")
        began = time.monotonic()
        weir.stop()
        tap.check(time.monotonic() - began < 25, f"stopped after {time.monotonic() - began} s")
        tap.equal(numbers(stub), list(range(1000)), "the rest is stored at the end")


def test_failures():
    """the same object again until it is stored; refused: each message's error action; no JSON: refused"""
    rules = {"keep": rule("SELECT * FROM 'a/+'", s3("lines", "x"), error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, aggregate(age="300ms")) as weir:
        stub.fail("throttle", service="s3", times=1)
        stub.fail("reset", service="s3", times=1)
        broker.publish_lines("a/x", messages(10))
        weir.wait_settled(10)
        tap.equal(numbers(stub), list(range(10)), "each line once")
        tap.equal(len({(r["path"], r["body"]) for r in stub.seen("s3")}), 1, "the same request again")
        tap.equal(weir.counters("keep")["actions"]["s3"]["retries"], 0, "the engine has not seen it")
        stub.fail("error", service="s3", times=-1, status=403, code="AccessDenied", message="Access Denied")
        broker.publish_lines("a/x", messages(5, 100))
        weir.wait_settled(15)
        wait_for(lambda: len(Broker.messages(errors)) == 5, "five error documents")
        tap.check("Error Code: AccessDenied" in str(Broker.messages(errors)[0]["payload"]), "AWS's words")
        stub.failures.clear()
        broker.publish("a/x", b"\xff\0")
        weir.wait_settled(16)
        wait_for(lambda: len(Broker.messages(errors)) == 6, "the sixth")
        tap.check("the bucket's objects are JSON Lines" in str(Broker.messages(errors)[5]["payload"]), "why")


def test_kill():
    """kill -9 while results wait, and while an object is under way: after a restart every line is there"""
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, RULES, aggregate(age="15m")) as weir:
        broker.publish_lines("a/x", messages(200))
        wait_for(lambda: weir.totals().get("spool", {}).get("entries") == 200, "all in the spool", every=0.05)
        tap.equal(stub.objects, {}, "nothing is stored yet")
        weir.kill()
        weir.configure({**{"mode": "aws", "aws": {"endpoint": stub.url, "timeout": "20s"}}, **aggregate(age="500ms")})
        stub.fail("hang", service="s3", times=1, seconds=5)
        weir.start()
        wait_for(lambda: stub.failures[0]["times"] == 0, "the upload")
        weir.kill()
        weir.start()
        wait_for(lambda: set(numbers(stub)) == set(range(200)), lambda: f"{len(numbers(stub))} lines")
        wait_for(lambda: weir.totals()["spool"]["entries"] == 0, "an empty spool", every=0.05)
        tap.equal(set(numbers(stub)), set(range(200)), "every line")


def test_configuration():
    """wrong settings are named at the start"""
    for settings, words in (({"suffix": "/%Y.jsonl"}, "aggregate.lines.suffix: found no %u"),
                            ({"suffix": "/%j-%u"}, 'aggregate.lines.suffix: found "%j", expected one of'),
                            ({"size": "1"}, 'sinks.s3.aggregate.lines.size: found "1", expected 1024')):
        with Broker() as broker, aws.Stub() as stub, \
                aws.weir(broker, stub, RULES, aggregate(**settings), start=False) as weir:
            weir.start(wait=False)
            wait_for(lambda w=weir, x=words: x in w.log, lambda w=weir, x=words: f"{x}\nin\n{w.log[-1000:]}")
            weir.process.kill()


if __name__ == "__main__":
    support.main(globals())
