"""Another broker than mosquitto: aedes, which speaks MQTT 3.1.1 only and keeps everything in memory.

    test_aedes.py WEIR [test_…]
"""
import json
import os
import shutil
import sys

import support
from support import tap, wait_for
from weir import Weir, republish, rule, s3

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


class Aedes(support.Broker):
    """aedes in place of mosquitto; its own events (support/aedes.js) in place of a log."""

    def start(self):
        node = shutil.which("node") or shutil.which("nodejs")
        if not node:
            raise support.Skip("node is not installed")
        if not os.path.exists(os.path.join(TESTS, "node_modules", "aedes")):
            raise support.Skip("tests/node_modules has no aedes: ./dev test installs it")
        for _ in range(10):
            port = self.port or support.free_port()
            script = os.path.join(TESTS, "support", "aedes.js")
            process = support.Process([node, script, port], name="aedes", stdin=True)
            wait_for(lambda: not process.alive() or self.events(process, "listening"), "aedes to listen")
            if process.alive():
                self.port, self.process = port, process
                return self
            process.wait()
            if "EADDRINUSE" not in process.stderr:
                raise support.Failed("aedes did not start:\n" + process.stderr[-2000:])
        raise support.Failed("found no port for aedes")

    @staticmethod
    def events(process, kind):
        return [e for e in map(json.loads, list(process.lines)) if kind in e]

    def subscriber(self, *filters, **more):
        began = len(self.events(self.process, "subscribed"))
        process = support.Process(
            ["stdbuf", "-oL", "mosquitto_sub", "-h", support.HOST, "-p", self.port, "-V", "311", "-q", "1", "-i",
             "test-sub", *[x for f in filters for x in ("-t", f)], "-F", "%j"], name="mosquitto_sub")
        wait_for(lambda: len(self.events(self.process, "subscribed")) > began, "a subscription")
        return process

    def publish(self, topic, payload, version=311, **more):
        super().publish(topic, payload, version=version, **more)

    def held(self, client_id):
        """What weir has subscribed to."""
        held = set()
        for e in map(json.loads, list(self.process.lines)):
            if e.get("client") == client_id:
                held |= set(e.get("subscribed", ()))
                held -= set(e.get("unsubscribed", ()))
        return held


def rules():
    return {"keep": rule("SELECT n, topic(2) AS device FROM 'a/+'", s3("kept", "${n}")),
            "pass": rule("SELECT n * 2 AS double FROM 'a/+' WHERE n > 2", republish("out/${topic(2)}", qos=1)),
            "next": rule("SELECT * FROM 'out/#'", s3("passed", "${topic(2)}/${double}"))}


def begin(broker):
    return Weir(broker, rules(), {"mqtt": {"version": "3.1.1", "reconnect_min": "50ms", "reconnect_max": "200ms"}})


def test_messages():
    """QoS 0 and 1 through an object and a republish, which another rule takes"""
    with Aedes() as broker, begin(broker) as w:
        wait_for(lambda: broker.held(w.client_id) == {"a/+", "out/#", "$aws/rules/#"},
                 lambda: f"subscriptions, held are {broker.held(w.client_id)}")
        listener = broker.subscriber("out/#")
        for n in range(6):
            broker.publish("a/x", '{"n":%d}' % n, qos=n % 2)
        broker.publish("b/x", '{"n":9}')
        broker.publish("$aws/rules/keep/-/y", '{"n":7}')
        w.wait_settled(6 + 3 + 1)  # three of them come back from the republish
        wait_for(lambda: len(broker.messages(listener)) == 3, "republished messages")
        seen = [(m["topic"], m["qos"], m["payload"]) for m in broker.messages(listener)]
        tap.equal(sorted(seen), [("out/x", 1, '{"double":%d}' % d) for d in (10, 6, 8)], "republished messages")
        listener.stop()
        w.stop()
        want = {str(n): b'{"n":%d,"device":"x"}' % n for n in range(6)}
        tap.equal(w.objects("kept"), {**want, "7": b'{"n":7,"device":"y"}'}, "objects")
        tap.equal(w.objects("passed"), {f"x/{d}": b'{"double":%d}' % d for d in (6, 8, 10)}, "the second rule")
        acknowledged = [e["acknowledged"] for e in broker.events(broker.process, "acknowledged")
                        if e["client"] == w.client_id]
        tap.equal(sorted(acknowledged), ["$aws/rules/keep/-/y"] + ["a/x"] * 3 + ["out/x"] * 3,
                  "what came at QoS 1 is acknowledged, once")


def test_broker_restart():
    """the broker restarts and has forgotten everything: weir connects and subscribes again"""
    with Aedes() as broker, begin(broker) as w:
        broker.publish("a/x", '{"n":1}')
        wait_for(lambda: "1" in w.objects("kept"), "the first message")
        seen = len(w.process.err_lines)
        broker.kill()
        w.process.wait_line("source: ", start=seen)
        broker.start()
        wait_for(lambda: broker.held(w.client_id) == {"a/+", "out/#", "$aws/rules/#"}, "subscriptions")
        w.process.wait_line("publisher: connected", start=seen)
        broker.publish("a/x", '{"n":5}')
        wait_for(lambda: "5" in w.objects("kept") and "x/10" in w.objects("passed"), "the second message")
        w.stop()
        tap.equal(sorted(w.objects("kept")), ["1", "5"], "each message once")


def test_rules_change():
    """rules that come and go: subscriptions follow, also after a restart of weir"""
    with Aedes() as broker, begin(broker) as w:
        w.remove_rule("pass")
        w.remove_rule("next")
        wait_for(lambda: broker.held(w.client_id) == {"a/+", "$aws/rules/#"}, "fewer subscriptions")
        w.stop()
        w.remove_rule("keep")
        w.write_rule("other", rule("SELECT * FROM 'c/d'", s3("other", "x")))
        w.start()
        wait_for(lambda: broker.held(w.client_id) == {"c/d", "$aws/rules/#"}, "another subscription")
        broker.publish("c/d", "{}")
        wait_for(lambda: w.objects("other"), "a message")
        w.stop()


def test_version_5_is_refused():
    """MQTT 5, which aedes does not speak: a line that names mqtt.version"""
    with Aedes() as broker:
        w = Weir(broker, rules(), {"mqtt": {"version": "5"}}, start=False)
        w.start(wait=False)
        line = w.process.wait_line("source: ")
        tap.check("mqtt.version" in line, f"remedy: {line!r}")
        w.process.wait_line("started: pid")
        w.stop()


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
