"""Topics through the whole binary: each message once however filters overlap, subscriptions that follow
the rules, shared groups, Basic Ingest, `a/#` and `a`.

    test_topics.py WEIR [test_…]
"""
import json
import re
import sys

import support
from support import tap, wait_for
from weir import Weir, rule, s3

BASIC_INGEST = "$aws/rules/#"


def keeps(topic_filter, bucket, version="2016-03-23"):
    """A rule with an object for each time it fires."""
    sql = f"SELECT *, topic() AS topic FROM '{topic_filter}'" if topic_filter else "SELECT *, topic() AS topic"
    return rule(sql, s3(bucket, "${newuuid()}"), version=version)


def fired(w, bucket):
    """[(topic, n)] of every time the bucket's rule fired, sorted."""
    rows = [json.loads(x) for x in w.objects(bucket).values()]
    return sorted((r["topic"], r["n"]) for r in rows)


def publish(broker, *messages):
    for topic, n in messages:
        broker.publish(topic, '{"n":%d}' % n)


def subscriptions(broker, client_id):
    """What the broker holds for a client, from its log: {filter}."""
    held = set()
    asks = None
    for line in broker.process.err_lines:
        text = line.split(": ", 1)[-1]
        begins = re.match(r"Received (SUBSCRIBE|UNSUBSCRIBE) from (.*)", text)
        if begins:
            asks = begins[1] if begins[2] == client_id else None
        elif asks == "SUBSCRIBE" and text.startswith("\t") and " (QoS " in text:
            held.add(text[1:].rsplit(" (QoS ", 1)[0])
        elif asks == "UNSUBSCRIBE" and text.startswith("\t"):
            held.discard(text[1:])
        elif "Sending CONNACK to " + client_id + " (0," in text:
            held.clear()  # no session
    return held


def wait_held(broker, client_id, want):
    wait_for(lambda: subscriptions(broker, client_id) == want,
             lambda: f"{want}, held are {subscriptions(broker, client_id)}")


# ---- once

def overlap_once(version):
    rules = {"one": keeps("a/+/c", "one-bucket"), "two": keeps("a/b/+", "two-bucket"),
             "both": keeps("a/#", "both-bucket")}
    with support.Broker() as broker, Weir(broker, rules, {"mqtt": {"version": version}}) as w:
        messages = [(t, n) for n, t in enumerate(["a/b/c", "a/x/c", "a/b/x", "a/b/c", "a/b/c/d", "b/b/c"])]
        publish(broker, *messages)
        publish(broker, ("a/end", 99))
        wait_for(lambda: ("a/end", 99) in fired(w, "both-bucket"), "the last message")
        w.stop()
        under_a = sorted(m for m in messages + [("a/end", 99)] if m[0].startswith("a/"))
        tap.equal(fired(w, "one-bucket"), [("a/b/c", 0), ("a/b/c", 3), ("a/x/c", 1)], "rule a/+/c")
        tap.equal(fired(w, "two-bucket"), [("a/b/c", 0), ("a/b/c", 3), ("a/b/x", 2)], "rule a/b/+")
        tap.equal(fired(w, "both-bucket"), under_a, "rule a/#")


def test_overlap_mqtt5():
    """a/+/c, a/b/+ and a/#: each rule fires once a message, over MQTT 5"""
    overlap_once("5")


def test_overlap_mqtt3():
    """a/+/c, a/b/+ and a/#: each rule fires once a message, over MQTT 3.1.1"""
    overlap_once("3.1.1")


def overlap_without_cover(version):
    rules = {"one": keeps("a/+/c", "one-bucket"), "two": keeps("a/b/+", "two-bucket")}
    with support.Broker() as broker, Weir(broker, rules, {"mqtt": {"version": version}}) as w:
        for n in range(20):
            publish(broker, ("a/b/c", n))
        publish(broker, ("a/x/c", 99), ("a/b/x", 98))
        w.wait_settled(22)
        w.stop()
        common = [("a/b/c", n) for n in range(20)]
        tap.equal(fired(w, "one-bucket"), common + [("a/x/c", 99)], "rule a/+/c")
        tap.equal(fired(w, "two-bucket"), common + [("a/b/x", 98)], "rule a/b/+")


def test_cross_mqtt5():
    """a/+/c and a/b/+, neither covers the other: once each, over MQTT 5"""
    overlap_without_cover("5")


def test_cross_mqtt3():
    """a/+/c and a/b/+, neither covers the other: once each, over MQTT 3.1.1"""
    overlap_without_cover("3.1.1")


def change_at_run_time(version):
    """Rules come and go; every message fires a rule at most once, and exactly once while both the rule
    and its subscription stay."""
    rules = {"one": keeps("a/+/c", "one-bucket"), "two": keeps("a/b/+", "two-bucket")}
    with support.Broker() as broker, Weir(broker, rules, {"mqtt": {"version": version}}) as w:
        client, n, want = w.client_id, 0, []

        def some(count=10):
            nonlocal n
            for _ in range(count):
                publish(broker, ("a/b/c", n))
                want.append(("a/b/c", n))
                n += 1

        some()
        w.write_rule("wide", keeps("a/#", "wide-bucket"))
        w.process.wait_line(": 3, topic filters: 3")
        some()  # while the subscriptions change
        wait_for(lambda: "a/#" in subscriptions(broker, client), "a/#")
        wait_held(broker, client, {"a/#", BASIC_INGEST})
        began = len(want)
        some()
        wait_for(lambda: set(want[began:]) <= set(fired(w, "wide-bucket")), "the rule a/#")
        tap.equal([m for m in fired(w, "wide-bucket") if m in want[began:]], sorted(want[began:]), "the rule a/#")
        w.stop()
        w.start()
        some()
        w.remove_rule("wide")
        some()
        apart = {"a/+/c", "a/b/+"} if version == "5" else {"a/+/+"}
        wait_held(broker, client, apart | {BASIC_INGEST})
        some()
        wait_for(lambda: len(fired(w, "one-bucket")) >= n and len(fired(w, "two-bucket")) >= n, f"{n} messages")
        w.stop()
        tap.equal(fired(w, "one-bucket"), sorted(want), "rule a/+/c")
        tap.equal(fired(w, "two-bucket"), sorted(want), "rule a/b/+")
        wide = fired(w, "wide-bucket")
        tap.equal(len(set(wide)), len(wide), "the rule a/# fires once a message")


def test_change_mqtt5():
    """a/# comes and goes, with a restart between: once each, over MQTT 5"""
    change_at_run_time("5")


def test_change_mqtt3():
    """a/# comes and goes, with a restart between: once each, over MQTT 3.1.1"""
    change_at_run_time("3.1.1")


def test_shared_group():
    """two weirs in a group, overlapping filters: each message is handled by exactly one"""
    rules = {"one": keeps("a/+/c", "one-bucket"), "two": keeps("a/b/+", "two-bucket")}

    def member(broker, name):
        return Weir(broker, rules, {"mqtt": {"share_group": "g", "client_id": name}})
    with support.Broker() as broker, member(broker, "left") as left, member(broker, "right") as right:
        for w in (left, right):
            wait_held(broker, w.client_id, {"$share/g/a/+/+", "$share/g/" + BASIC_INGEST})
        for n in range(40):
            publish(broker, ("a/b/c", n))
        wait_for(lambda: left.totals()["messages"] + right.totals()["messages"] >= 40, "40 messages")
        left.stop()
        right.stop()
        want = sorted(("a/b/c", n) for n in range(40))
        ones, twos = [fired(left, b) + fired(right, b) for b in ("one-bucket", "two-bucket")]
        tap.equal(sorted(ones), want, "rule a/+/c")
        tap.equal(sorted(twos), want, "rule a/b/+")
        tap.check(fired(left, "one-bucket") and fired(right, "one-bucket"), "both members work")
        # mosquitto 2.0.11 takes the shared subscription to $aws/rules/# and delivers nothing to it.
        tap.check("Basic Ingest" in left.log, "weir says that Basic Ingest may not work in a group")


# ---- subscriptions follow the rules

def test_unsubscribe():
    """a filter that no rule wants any more is unsubscribed, at run time and after a restart"""
    rules = {"one": keeps("a/+", "one-bucket"), "two": keeps("b/+", "two-bucket"), "three": keeps("c/+", "x-bucket")}
    with support.Broker() as broker, Weir(broker, rules) as w:
        client = w.client_id
        wait_held(broker, client, {"a/+", "b/+", "c/+", BASIC_INGEST})
        w.remove_rule("two")
        wait_held(broker, client, {"a/+", "c/+", BASIC_INGEST})
        w.write_rule("three", {**keeps("c/+", "x-bucket"), "ruleDisabled": True})
        wait_held(broker, client, {"a/+", BASIC_INGEST})
        w.stop()
        w.remove_rule("one")
        w.write_rule("four", keeps("d/#", "four-bucket"))
        publish(broker, ("a/x", 1))  # kept by the broker for a rule that is gone
        w.start()
        wait_held(broker, client, {"d/#", BASIC_INGEST})
        publish(broker, ("a/x", 2), ("d/x", 3))
        wait_for(lambda: fired(w, "four-bucket"), "the new rule")
        w.kill()  # without a goodbye
        w.remove_rule("four")
        w.start()
        wait_held(broker, client, {BASIC_INGEST})
        w.stop()
        tap.equal(fired(w, "four-bucket"), [("d/x", 3)], "the new rule")
        tap.equal(fired(w, "one-bucket") + fired(w, "two-bucket"), [], "rules that are gone")


def test_another_broker():
    """another broker at the next start: everything is subscribed there"""
    with support.Broker() as first, support.Broker() as second:
        w = Weir(first, {"one": keeps("a/+", "one-bucket")})
        w.stop()
        w.broker = second
        w.configure({})
        w.start()
        wait_held(second, w.client_id, {"a/+", BASIC_INGEST})
        publish(second, ("a/x", 1))
        wait_for(lambda: fired(w, "one-bucket") == [("a/x", 1)], "the message")
        w.stop()


# ---- what a filter means

def test_hash_is_not_its_parent():
    """a/# is not a, but a/ it is; + is one level, and not one of $"""
    rules = {"many": keeps("a/#", "many-bucket"), "one": keeps("+/b", "one-bucket"),
             "all": keeps("#", "all-bucket"), "dollar": keeps("$own/#", "dollar-bucket")}
    topics = ["a", "a/", "a/b", "a/b/c", "A/b", "/b", "b", "$own/b", "$own", "end"]
    with support.Broker() as broker, Weir(broker, rules) as w:
        publish(broker, *[(t, n) for n, t in enumerate(topics)])
        wait_for(lambda: ("end", 9) in fired(w, "all-bucket"), "the last message")
        w.stop()

        def seen(bucket):
            return [t for t, _ in fired(w, bucket)]
        tap.equal(seen("many-bucket"), ["a/", "a/b", "a/b/c"], "a/#")
        tap.equal(seen("one-bucket"), ["/b", "A/b", "a/b"], "+/b")
        tap.equal(seen("all-bucket"), sorted(t for t in topics if t[0] != "$"), "#")
        tap.equal(seen("dollar-bucket"), ["$own/b"], "$own/#")


def test_basic_ingest():
    """$aws/rules/RULE/…: that rule alone, without its filter; unknown and disabled ones are counted"""
    rules = {"one": keeps("a/+", "one-bucket"), "two": keeps("#", "two-bucket"), "none": keeps("", "none-bucket"),
             "off": {**keeps("a/+", "off-bucket"), "ruleDisabled": True}}
    with support.Broker() as broker, Weir(broker, rules) as w:
        publish(broker, ("$aws/rules/one/x/y", 1), ("$aws/rules/one", 2), ("$aws/rules/none/z", 3),
                ("$aws/rules/nobody/x", 4), ("$aws/rules/off/x", 5), ("$aws/rules/One/x", 6), ("a/b", 7))
        totals = w.wait_settled(7)
        tap.equal(totals["ruleNotFound"], 3, "unknown and disabled rules")
        tap.equal(totals["mqtt"]["acknowledged"], 7, "all are acknowledged")
        w.stop()
        tap.equal(fired(w, "one-bucket"), [("", 2), ("a/b", 7), ("x/y", 1)], "rule one")
        tap.equal(fired(w, "none-bucket"), [("z", 3)], "a rule without FROM")
        tap.equal(fired(w, "two-bucket"), [("a/b", 7)], "# does not see $aws")
        tap.equal(fired(w, "off-bucket"), [], "the disabled rule")
        tap.check("nobody" in w.log, "the log names the unknown rule")


def test_basic_ingest_off():
    """mqtt.basic_ingest: false leaves $aws/rules alone"""
    rules = {"one": keeps("a/+", "one-bucket")}
    with support.Broker() as broker, Weir(broker, rules, {"mqtt": {"basic_ingest": False}}) as w:
        wait_held(broker, w.client_id, {"a/+"})
        publish(broker, ("$aws/rules/one/x", 1), ("a/b", 2))
        w.wait_settled(1)
        w.stop()
        tap.equal(fired(w, "one-bucket"), [("a/b", 2)], "rule one")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
