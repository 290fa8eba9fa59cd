"""Payloads of every kind and size through the whole binary, from the broker to objects.

    test_payloads.py WEIR [test_…]
"""
import base64
import json
import sys

import support
from support import tap, wait_for
from weir import Weir, rule, s3

KIB, MIB = 1024, 1024 * 1024


def keep(sql="SELECT * FROM 'a/#'", bucket="kept"):
    return rule(sql, s3(bucket, "${topic(2)}"))


def big(size, marker):
    """A JSON object of exactly `size` bytes, without a blank."""
    frame = '{"m":"%s","x":""}' % marker
    return ('{"m":"%s","x":"%s"}' % (marker, "y" * (size - len(frame)))).encode()


# name: payload, everything that is not an Object or Array of strict JSON (sql.md 10)
RAW = {
    "empty": b"",
    "text": b"hello",
    "scalar": b"80",
    "string": b'"text"',
    "null": b"null",
    "open": b'{"x": 1',
    "close": b'{"x": 1}}',
    "comma": b'{"x": 1,}',
    "comment": b'{"x": 1} // no',
    "single": b"{'x': 1}",
    "nan": b'{"x": NaN}',
    "bom": b'\xef\xbb\xbf{"x": 1}',
    "latin1": '{"x": "ü"}'.encode("latin-1"),
    "surrogate": b'{"x": "\xed\xa0\x80"}',
    "overlong": b'{"x": "\xc0\xaf"}',
    "control": b'{"x": "a\nb"}',
    "nul": b"\0",
    "nuls": b"\0\0{\"x\": 1}\0",
    "nul-after": b'{"x": 1}\0',
    "bytes": bytes(range(256)),
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(i * 7 % 256 for i in range(20000)),
    "utf16": '{"x": 1}'.encode("utf-16"),
    "line": b"\n",
    "deep513": b'{"x":' * 513 + b"1" + b"}" * 513,
    "deep100000": b"[" * 100000,
}


def test_raw():
    """what is no JSON passes SELECT * byte for byte, has no attributes, and can be encoded"""
    rules = {"keep": keep(), "reads": keep("SELECT * FROM 'a/#' WHERE x > 0", "reads"),
             "names": keep("SELECT x, 1 AS one FROM 'a/#'", "names"),
             "codes": keep("SELECT encode(*, 'base64') AS data FROM 'a/#'", "codes")}
    with support.Broker() as broker, Weir(broker, rules) as w:
        for name, payload in RAW.items():
            broker.publish("a/" + name, payload)
        w.wait_settled(len(RAW))
        w.stop()
        kept = w.objects("kept")
        tap.equal(sorted(kept), sorted(RAW), "an object for each")
        for name, payload in RAW.items():
            tap.equal(kept[name], payload, f"the bytes of {name}")
        tap.equal(w.objects("reads"), {}, "no attribute to compare")
        tap.equal(w.objects("names"), {name: b'{"one":1}' for name in RAW}, "x is Undefined")
        for name, text in w.objects("codes").items():
            tap.equal(base64.b64decode(json.loads(text)["data"]), RAW[name], f"base64 of {name}")


def test_malformed_counted():
    """payloads that are no JSON are counted for the rule, and the rule's other messages go on"""
    with support.Broker() as broker, Weir(broker, {"reads": keep("SELECT x FROM 'a/#' WHERE x > 0", "reads")}) as w:
        for n in range(5):
            broker.publish(f"a/{n}", b'{"x":%d' % (n + 1) + (b"}" if n % 2 else b""))
        w.wait_settled(5)
        counters = w.counters("reads")
        tap.equal((counters["parseError"], counters["matched"]), (3, 2), "parse errors and matches")
        w.stop()
        tap.equal(w.objects("reads"), {"1": b'{"x":2}', "3": b'{"x":4}'}, "the others")


# name: (payload, what SELECT *, x AS again gives)
JSON = {
    "empty": (b"{}", b"{}"),
    "nul": (b'{"x":"a\\u0000b"}', b'{"x":"a\\u0000b","again":"a\\u0000b"}'),
    "utf8": ('{"x":"ü€😀"}'.encode(), '{"x":"ü€😀","again":"ü€😀"}'.encode()),
    "null": (b'{"x":null}', b'{"x":null,"again":null}'),
    "blanks": (b' \r\n\t{ "x" : 1 }\n', b'{"x":1,"again":1}'),
    "large": (b'{"x":12345678901234567890123}', b'{"x":12345678901234567890123,"again":12345678901234567890123}'),
    "fine": (b'{"x":0.1234567890123456789}', b'{"x":0.1234567890123456789,"again":0.1234567890123456789}'),
    "deep": (b'{"x":' * 400 + b"1" + b"}" * 400, None),
}


def test_json():
    """JSON: NUL in a text, UTF-8, numbers to their last digit, 400 levels"""
    rules = {"again": keep("SELECT *, x AS again FROM 'a/#'", "again"), "keep": keep()}
    with support.Broker() as broker, Weir(broker, rules) as w:
        for name, (payload, _) in JSON.items():
            broker.publish("a/" + name, payload)
        w.wait_settled(len(JSON))
        w.stop()
        again, kept = w.objects("again"), w.objects("kept")
        for name, (payload, want) in JSON.items():
            if want:
                tap.equal(again[name], want, f"SELECT *, x of {name}")
            tap.equal(json.loads(kept[name]), json.loads(payload), f"SELECT * of {name}")
        deep = json.loads(again["deep"])
        tap.equal(deep["again"], json.loads(JSON["deep"][0])["x"], "399 levels")


def sizes(limit, config):
    """Sizes around `limit`: what is over it is not evaluated, counted, logged once, and settled."""
    fine = {"half": 64 * KIB, "below": limit - 1, "exact": limit}
    over = {"one-more": limit + 1, "far": limit + 300 * KIB}
    with support.Broker() as broker, Weir(broker, {"keep": keep()}, config) as w:
        for name, size in {**fine, **over}.items():
            broker.publish("a/" + name, big(size, name))
        raw = b"\0" * limit
        broker.publish("a/raw", raw)
        broker.publish("a/raw-over", raw + b"\0")
        broker.publish("a/after", b'{"x":1}')
        totals = w.wait_settled(8)
        tap.equal(totals["dropped"]["payload_too_large"], 3, "counted")
        tap.equal(totals["mqtt"]["acknowledged"], 8, "all are acknowledged")
        w.stop()
        kept = w.objects("kept")
        tap.equal(sorted(kept), sorted([*fine, "raw", "after"]), "what was kept")
        for name, size in fine.items():
            tap.equal(kept[name] == big(size, name), True, f"the bytes of {name}")
        tap.equal(kept["raw"] == raw, True, "the bytes of raw")
        lines = [x for x in w.process.err_lines if "filter a/#" in x and f"{limit + 1} bytes" in x]
        tap.equal(len(lines), 1, f"one line about the topic filter: {lines}")


def test_limit_weir():
    """limits: weir takes 1 MiB and not a byte more"""
    sizes(MIB, {})


def test_limit_aws():
    """limits: aws takes 128 KiB and not a byte more"""
    sizes(128 * KIB, {"limits": "aws"})


def test_limit_own():
    """payload_max takes what it says"""
    sizes(200 * KIB, {"payload_max": "200k"})


def test_aws_topic_limits():
    """limits: aws refuses topics of nine levels or 257 bytes; limits: weir takes them"""
    levels = {"a/2/3/4/5/6/7/8": True, "a/2/3/4/5/6/7/8/9": False, "a/" + "x" * 254: True,
              "a/" + "x" * 255: False, "$aws/rules/keep/" + "/".join("12345678"): True,
              "$aws/rules/keep/" + "/".join("123456789"): False}
    rules = {"keep": rule("SELECT * FROM 'a/#'", s3("kept", "${n}"))}
    for limits in ("weir", "aws"):
        with support.Broker() as broker, Weir(broker, rules, {"limits": limits}) as w:
            for n, topic in enumerate(levels):
                broker.publish(topic, b'{"n":%d}' % n)
            totals = w.wait_settled(len(levels))
            w.stop()
            want = {str(n) for n, fine in enumerate(levels.values()) if fine or limits == "weir"}
            tap.equal(set(w.objects("kept")), want, f"limits: {limits}")
            dropped = totals["dropped"]
            tap.equal((dropped["topic_too_long"], dropped["topic_too_deep"]), (0, 0) if limits == "weir" else (1, 2),
                      f"counted with limits: {limits}")


def retained(version):
    """A retained message was published before: not handled when weir subscribes; a new one is, once."""
    with support.Broker() as broker:
        broker.publish("a/old", "{}", retain=True)
        rules = {"keep": rule("SELECT * FROM 'a/#'", s3("kept", "${topic(2)}/${newuuid()}"))}
        with Weir(broker, rules, {"mqtt": {"version": version}}) as w:
            broker.publish("a/new", "{}", retain=True)
            w.wait_settled(1)
            w.write_rule("wide", rule("SELECT * FROM '#'", s3("wide", "${topic()}/${newuuid()}")))
            w.wait_filter("#")
            broker.publish("a/last", "{}")
            wait_for(lambda: any(k.startswith("a/last") for k in w.objects("wide")), "the last message")
            w.stop()
            w.start()
            broker.publish("a/end", "{}")
            wait_for(lambda: any(k.startswith("a/end") for k in w.objects("wide")), "a message after the restart")
            w.stop()
            kept = sorted(k.split("/")[0] for k in w.objects("kept"))
            tap.equal(kept, ["end", "last", "new"], "publications, not retained copies")
            tap.equal(sorted(k.rsplit("/", 1)[0] for k in w.objects("wide")), ["a/end", "a/last"], "the new rule")


def test_retained_mqtt5():
    """retained messages over MQTT 5: a publication counts, the copy for a new subscription does not"""
    retained("5")


def test_retained_mqtt3():
    """retained messages over MQTT 3.1.1: a publication counts, the copy for a new subscription does not"""
    retained("3.1.1")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
