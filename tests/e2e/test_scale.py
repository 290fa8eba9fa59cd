"""A thousand rules, ten thousand topics: every result is the right one, and none is missing.

    test_scale.py WEIR [test_…]
"""
import socket
import struct
import sys
import threading
import time

import support
from support import tap, wait_for
from weir import Weir, rule, s3

PLANTS, DEVICES = 1000, 10
WIDE = 10  # rules on one device of every plant; the others are a plant's own


# ---- a publisher for many topics over one connection: MQTT 3.1.1, QoS 1

def packet(kind, body):
    length, size = len(body), b""
    while True:
        length, low = divmod(length, 128)
        size += bytes([low | (128 if length else 0)])
        if not length:
            return bytes([kind]) + size + body


def text(data):
    return struct.pack("!H", len(data)) + data


def publish_all(port, messages):
    """Publish (topic, payload) pairs and wait until each is acknowledged."""
    messages = list(messages)
    assert len(messages) <= 65535  # packet identifiers
    with socket.create_connection((support.HOST, port), timeout=support.TIMEOUT) as s:
        s.sendall(packet(0x10, text(b"MQTT") + b"\x04\x02" + struct.pack("!H", 0) + text(b"test-many")))
        stream = s.makefile("rb")
        tap.equal(stream.read(4), b"\x20\x02\x00\x00", "CONNACK")
        failures = []

        def read_acks():
            try:
                for n in range(len(messages)):
                    if stream.read(4) != b"\x40\x02" + struct.pack("!H", n + 1):
                        failures.append(n)
                        return
            except OSError as error:
                failures.append(error)
        reader = threading.Thread(target=read_acks, daemon=True)
        reader.start()
        for n, (topic, payload) in enumerate(messages):
            s.sendall(packet(0x32, text(topic.encode()) + struct.pack("!H", n + 1) + payload))
        reader.join(support.TIMEOUT)
        tap.check(not reader.is_alive() and not failures, f"every message is acknowledged: {failures}")
        s.sendall(packet(0xE0, b""))


# ---- the rules and what they must give

def own_rule(plant):
    """A plant's own: every device, or every other value; in a few spellings of the same filter."""
    level = ("+", "#")[plant % 2]
    where = " WHERE n % 2 = 0" if plant % 3 == 0 else ""
    return rule(f"SELECT n + {plant} AS sum, topic(3) AS device FROM 'plant/{plant}/{level}'{where}",
                s3("own", "${topic(2)}/${topic(3)}"))


def wide_rule(device):
    return rule(f"SELECT n, '{device}' AS rule FROM 'plant/+/d{device}'",
                s3("wide", "d%d/${topic(2)}" % device))


def rules():
    own = {f"own_{p}": own_rule(p) for p in range(PLANTS - WIDE)}
    return {**own, **{f"wide_{d}": wide_rule(d) for d in range(WIDE)}}


def value(plant, device):
    return plant * 31 + device * 7


def want_own():
    rows = {}
    for p in range(PLANTS - WIDE):
        for d in range(DEVICES):
            n = value(p, d)
            if p % 3 or n % 2 == 0:
                rows[f"{p}/d{d}"] = b'{"sum":%d,"device":"d%d"}' % (n + p, d)
    return rows


def want_wide():
    return {f"d{d}/{p}": b'{"n":%d,"rule":"%d"}' % (value(p, d), d)
            for p in range(PLANTS) for d in range(WIDE)}


def differences(got, want):
    wrong = [f"{k}: got {got.get(k)}, want {want.get(k)}" for k in sorted({*got, *want}) if got.get(k) != want.get(k)]
    return f"{len(wrong)} objects differ: " + "; ".join(wrong[:5])


def run(version):
    topics = [(f"plant/{p}/d{d}", b'{"n":%d}' % value(p, d)) for d in range(DEVICES) for p in range(PLANTS)]
    began = time.monotonic()
    with support.Broker() as broker, Weir(broker, rules(), {"mqtt": {"version": version}}) as w:
        started = time.monotonic()
        publish_all(broker.port, topics)
        published = time.monotonic()
        totals = w.wait_settled(len(topics), timeout=support.TIMEOUT * 4)
        ended = time.monotonic()
        w.stop()
        tap.note(f"MQTT {version}: {PLANTS} rules loaded and subscribed in {started - began:.1f} s, {len(topics)} "
                 f"messages published in {published - started:.1f} s, settled in {ended - started:.1f} s "
                 f"({totals['records']} records, {totals['records'] / (ended - started):.0f} a second)")
        tap.equal(totals["rulesLoaded"], PLANTS, "rules")
        tap.equal(totals["messages"], len(topics), "each message once")
        for bucket, want in (("own", want_own()), ("wide", want_wide())):
            got = w.objects(bucket)
            tap.equal(len(got), len(want), f"objects in {bucket}")
            tap.check(got == want, differences(got, want))
        tap.equal(totals["records"], len(want_own()) + len(want_wide()), "each rule fired once a message")


def test_thousand_rules_mqtt5():
    """1,000 rules on 10,000 topics over MQTT 5: every result, once"""
    run("5")


def test_thousand_rules_mqtt3():
    """1,000 rules on 10,000 topics over MQTT 3.1.1: every result, once"""
    run("3.1.1")


def test_replace_thousand_rules():
    """1,000 rules are replaced while messages come: no message is lost or handled twice by one version"""
    with support.Broker() as broker, Weir(broker, rules()) as w:
        for d in range(WIDE):
            w.write_rule(f"wide_{d}", rule(f"SELECT n, 'new' AS rule FROM 'plant/+/d{d}'",
                                           s3("wide", "d%d/${topic(2)}" % d)))
        for p in range(PLANTS - WIDE):
            w.remove_rule(f"own_{p}")
        publish_all(broker.port, [(f"plant/{p}/d0", b'{"n":%d}' % value(p, 0)) for p in range(PLANTS)])
        w.process.wait_line(f"rules: {WIDE},")
        w.wait_filter("plant/+/d9")
        publish_all(broker.port, [(f"plant/{p}/d1", b'{"n":%d}' % value(p, 1)) for p in range(PLANTS)])
        wait_for(lambda: len(w.objects("wide")) == 2 * PLANTS, "2,000 objects", every=0.2)
        w.wait_settled(2 * PLANTS)
        w.stop()
        got = w.objects("wide")
        tap.equal({got[f"d1/{p}"] for p in range(PLANTS)},
                  {b'{"n":%d,"rule":"new"}' % value(p, 1) for p in range(PLANTS)}, "the new rules")
        old = {p: {b'{"n":%d,"rule":"%s"}' % (value(p, 0), v) for v in (b"0", b"new")} for p in range(PLANTS)}
        tap.check(all(got[f"d0/{p}"] in old[p] for p in range(PLANTS)), "old or new, and nothing else")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
