"""The MQTT source against a real mosquitto: every message once, none lost, none acknowledged early.

    test_source.py SOURCE_TOOL [test_name...]

WR_TEST_SOURCE=libmosquitto in the environment: with that instead of weir's own client."""
import json
import os
import re
import socket
import sys
import threading
import time

import support
from support import Broker, tap, wait_for

TOOL = sys.argv[1] if len(sys.argv) > 1 else ""
HOLD = ["--mqtt-hold-max", "600ms"]


class Source:
    """source_tool in a state folder of its own, or in `state`."""

    def __init__(self, broker, *filters, state=None, options=(), url=None, up=True, env=None):
        self.state = state or support.temp_dir("wr-source-")
        args = [TOOL, "--mqtt-url", url or broker.url, "--state-dir", self.state,
                "--mqtt-basic-ingest", "false", "--mqtt-reconnect-min", "50ms",
                "--mqtt-reconnect-max", "200ms", *support.source_options(), *options, *filters]
        self.process = support.Process(args, name="source_tool", stdin=True, env=env,
                                       cwd=self.state)
        if up:
            self.wait_subscribed()

    def rows(self, kind):
        return [json.loads(x)[kind] for x in list(self.process.lines) if x.startswith('{"' + kind)]

    def messages(self):
        return self.rows("message")

    def payloads(self):
        return [m["payload"] for m in self.messages()]

    def wait_subscribed(self, start=0):
        self.process.wait_line('"subscribed"', where="out", start=start)

    def wait_payloads(self, *want):
        """These, in any order, and nothing else for a while."""
        wait_for(lambda: len(self.payloads()) >= len(want), lambda: f"{want}, got {self.payloads()}")
        support.stays(lambda: len(self.payloads()) <= len(want),
                      f"{len(want)} messages, not more", seconds=0.4)
        tap.equal(sorted(self.payloads()), sorted(want), "messages delivered")

    def stats(self):
        seen = len(self.rows("stats"))
        self.process.say("stats")
        wait_for(lambda: len(self.rows("stats")) > seen, "stats")
        return self.rows("stats")[-1]

    def want(self, *filters):
        self.process.say("want " + " ".join(filters))

    def saved(self):
        """Filters in source.json that are not on their way out."""
        with open(os.path.join(self.state, "source.json"), encoding="utf-8") as f:
            return sorted(x["filter"] for x in json.load(f)["filters"])

    def wait_filters(self, *filters):
        want = sorted(filters)
        wait_for(lambda: self.saved() == want, lambda: f"filters {want}, saved are {self.saved()}")
        with open(os.path.join(self.state, "source.json"), encoding="utf-8") as f:
            tap.check(all(x["granted"] and not x["leaving"] for x in json.load(f)["filters"]),
                      "every filter granted")

    def quit(self):
        self.process.say("quit")
        tap.equal(self.process.wait(), 0, "source_tool's exit status\n" + self.process.stderr[-1500:])

    def kill(self):
        self.process.kill()


def state_mode(name):
    return {"mqtt5": (), "mqtt3": ("--mqtt-version", "3.1.1")}[name]


# ---- overlapping filters

def overlap(options):
    with Broker() as broker:
        source = Source(broker, "a/+/c", "a/b/+", "a/b/c", options=options)
        broker.publish("a/b/c", "both")
        broker.publish("a/x/c", "first")
        broker.publish("a/b/y", "second")
        broker.publish("a/b/c", "quick", qos=0)
        source.wait_payloads("both", "first", "second", "quick")
        source.quit()


def test_overlap_mqtt5():
    """overlapping filters deliver a message once over MQTT 5"""
    overlap(())


def test_overlap_mqtt3():
    """overlapping filters deliver a message once over MQTT 3.1.1"""
    overlap(("--mqtt-version", "3.1.1"))


def test_overlap_shared_group():
    """overlapping filters deliver a message once to a shared group of two processes"""
    with Broker() as broker:
        options = ("--mqtt-share-group", "g")
        pair = [Source(broker, "a/+/c", "a/b/+", options=options) for _ in range(2)]
        for i in range(20):
            broker.publish("a/b/c", f"m{i}")

        def both():
            return pair[0].payloads() + pair[1].payloads()
        wait_for(lambda: len(both()) >= 20, lambda: f"20 messages, got {both()}")
        support.stays(lambda: len(both()) == 20, "20 messages in the group")
        tap.equal(sorted(both()), sorted(f"m{i}" for i in range(20)), "messages of the group")
        tap.check(pair[0].payloads() and pair[1].payloads(), "both members have a share")
        for s in pair:
            s.quit()


def change_at_run_time(options):
    with Broker() as broker:
        source = Source(broker, "a/+/c", "a/b/+", options=options)
        broker.publish("a/b/c", "1")
        source.want("a/+/c", "a/b/+", "a/#")
        source.wait_filters("a/#")
        broker.publish("a/b/c", "2")
        broker.publish("a/q", "3")
        wait_for(lambda: len(source.payloads()) >= 3, "three messages")
        source.want("a/+/c", "a/b/+")
        if options:
            source.wait_filters("a/+/+")
        else:
            source.wait_filters("a/+/c", "a/b/+")
        broker.publish("a/b/c", "4")
        broker.publish("a/q", "not wanted any more")
        source.wait_payloads("1", "2", "3", "4")
        source.quit()


def test_change_mqtt5():
    """a/# added and removed at run time over MQTT 5"""
    change_at_run_time(())


def test_change_mqtt3():
    """a/# added and removed at run time over MQTT 3.1.1"""
    change_at_run_time(("--mqtt-version", "3.1.1"))


def test_change_under_traffic():
    """filters change while messages come: none lost"""
    with Broker() as broker:
        source = Source(broker, "a/+/c", "a/b/+")
        sender = threading.Thread(
            target=lambda: broker.publish_lines("a/b/c", [f"n{i}" for i in range(4000)]))
        sender.start()
        while sender.is_alive():
            source.want("a/+/c", "a/b/+", "a/#")
            time.sleep(0.15)
            source.want("a/+/c", "a/b/+")
            time.sleep(0.15)
        sender.join()
        want = {f"n{i}" for i in range(4000)}
        wait_for(lambda: want <= set(source.payloads()), lambda: f"{len(source.payloads())} of 4000")
        tap.note(f"duplicates: {len(source.payloads()) - 4000}")
        source.quit()


def change_over_restart(options, after):
    with Broker() as broker:
        source = Source(broker, "a/+/c", "a/b/+", options=options)
        broker.publish("a/b/c", "1")
        source.wait_payloads("1")
        source.quit()
        broker.publish("a/b/c", "while away")
        second = Source(broker, "a/+/c", "a/b/+", "a/#", "new/+", state=source.state,
                        options=options)
        second.wait_filters("a/#", "new/+")
        broker.publish("a/b/c", "2")
        broker.publish("new/x", "3")
        second.wait_payloads("while away", "2", "3")
        second.quit()
        broker.publish("a/b/c", "away again")
        third = Source(broker, "a/+/c", "a/b/+", state=source.state, options=options)
        third.wait_filters(*after)
        broker.publish("a/b/c", "4")
        broker.publish("new/x", "nobody wants it")
        broker.publish("a/q", "nobody wants it")
        third.wait_payloads("away again", "4")
        tap.check(f"Received UNSUBSCRIBE" in broker.log, "the broker saw an UNSUBSCRIBE")
        third.quit()


def test_restart_mqtt5():
    """filters changed across a restart, over MQTT 5, with messages queued meanwhile"""
    change_over_restart((), ("a/+/c", "a/b/+"))


def test_restart_mqtt3():
    """filters changed across a restart, over MQTT 3.1.1"""
    change_over_restart(("--mqtt-version", "3.1.1"), ("a/+/+",))


def test_version_changes():
    """another mqtt.version after a restart finds the session and its messages"""
    with Broker() as broker:
        source = Source(broker, "a/+/c", "a/b/+")
        source.quit()
        second = Source(broker, "a/+/c", "a/b/+", state=source.state,
                        options=("--mqtt-version", "3.1.1"))
        second.wait_filters("a/+/+")
        broker.publish("a/b/c", "1")
        second.wait_payloads("1")
        second.quit()
        third = Source(broker, "a/+/c", "a/b/+", state=source.state)
        third.wait_filters("a/+/c", "a/b/+")
        broker.publish("a/b/c", "2")
        third.wait_payloads("2")
        third.quit()


def test_basic_ingest():
    """$aws/rules/# is subscribed to, also beside #"""
    with Broker() as broker:
        for options in ((), ("--mqtt-version", "3.1.1")):
            source = Source(broker, "#", options=("--mqtt-basic-ingest", "true", *options))
            broker.publish("$aws/rules/r/x", "ingest")
            broker.publish("x", "plain")
            source.wait_payloads("ingest", "plain")
            source.quit()
        # mosquitto 2.0 gives shared groups no such messages; weir says so.
        source = Source(broker, "#", options=("--mqtt-basic-ingest", "true", "--mqtt-share-group", "g"))
        source.wait_filters("$share/g/#", "$share/g/$aws/rules/#")
        source.process.wait_line("Basic Ingest may get none")
        source.quit()


# ---- what a message carries

def test_properties():
    """properties, user properties in order, weir-hops taken out"""
    with Broker() as broker:
        source = Source(broker, "t")
        broker.publish("t", "x", properties=[
            ("user-property", "b", "1"), ("user-property", "weir-hops", "3"),
            ("user-property", "a", "2"), ("user-property", "b", "3"), ("content-type", "text/x"),
            ("response-topic", "r"), ("correlation-data", "cd"), ("payload-format-indicator", "1")])
        wait_for(source.messages, "the message")
        m = source.messages()[0]
        tap.equal(m["user"], [["b", "1"], ["a", "2"], ["b", "3"]], "user properties")
        tap.equal((m["hops"], m["contentType"], m["responseTopic"], m["correlationData"], m["format"]),
                  (3, "text/x", "r", "cd", 1), "properties")
        source.quit()


def test_large_payload():
    """a payload larger than the message's memory is handed on whole"""
    with Broker() as broker:
        source = Source(broker, "t", options=("--message-memory", "1M"))
        broker.publish("t", "x" * 3_000_000)
        wait_for(source.messages, "the message")
        tap.equal(source.messages()[0]["bytes"], 3_000_000, "bytes")
        source.quit()


def retained(options):
    with Broker() as broker:
        broker.publish("t", "before", retain=True)
        source = Source(broker, "t", options=options)
        broker.publish("t", "after", retain=True)
        source.wait_payloads("after")
        source.quit()


def test_retained_mqtt5():
    """what was retained before weir subscribed is no publication (MQTT 5)"""
    retained(())


def test_retained_mqtt3():
    """what was retained before weir subscribed is no publication (MQTT 3.1.1)"""
    retained(("--mqtt-version", "3.1.1"))


# ---- acknowledging

def acks(broker):
    return broker.log.count("Received PUBACK from weir-")


def test_ack_after_settlement():
    """nothing is acknowledged before all of a batch is settled"""
    with Broker() as broker:
        source = Source(broker, "t", options=("--manual",))
        broker.publish_lines("t", ["1", "2", "3"])
        wait_for(lambda: len(source.payloads()) >= 1, "the messages")
        support.stays(lambda: acks(broker) == 0, "no PUBACK before settlement")

        def settle():
            source.process.say("settle")
            return acks(broker) == 3
        wait_for(settle, "three PUBACKs", every=0.1)
        source.quit()


def test_ack_received():
    """ack: received acknowledges at once"""
    with Broker() as broker:
        source = Source(broker, "t", options=("--manual", "--ack", "received"))
        broker.publish("t", "1")
        broker.publish("t", "2")
        wait_for(lambda: acks(broker) == 2, "two PUBACKs")
        source.quit()


def test_qos0_is_not_held():
    """QoS 0 messages come in while others are unsettled only by their batch's hold"""
    with Broker() as broker:
        source = Source(broker, "t", options=("--manual",))
        for i in range(3):
            broker.publish("t", str(i), qos=0)
        source.wait_payloads("0", "1", "2")
        source.quit()


def needs_libmosquitto():
    if support.is_native():
        raise support.Skip("nothing is held")


def needs_native():
    if not support.is_native():
        raise support.Skip("only weir's own client acknowledges one by one")


def test_acknowledges_in_order():
    """messages are settled in any order; acknowledgements leave in that of arrival"""
    needs_native()
    with Broker() as broker:
        source = Source(broker, "t", options=("--manual",))
        for n in "123":
            broker.publish("t", n)
        source.wait_payloads("1", "2", "3")
        source.process.say("settle last")
        tap.equal(source.stats()["acknowledged"], 0, "acknowledged while the first is unsettled")
        broker.publish("t", "4")
        wait_for(lambda: "4" in source.payloads(), "the next one, though others are unsettled")
        tap.equal(acks(broker), 0, "PUBACKs")
        source.process.say("settle")
        wait_for(lambda: acks(broker) == 4, "four PUBACKs")
        mids = re.findall(r"Received PUBACK from weir-\w+ \(Mid: (\d+)", broker.log)
        tap.equal(mids, sorted(mids, key=int), "the order of the PUBACKs")
        source.quit()


def redelivered(options):
    with Broker() as broker:
        source = Source(broker, "t", options=("--manual", *options))
        broker.publish("t", "1")
        broker.publish("t", "2")
        source.wait_payloads("1", "2")
        source.process.say("settle last")  # 2 is done, and waits for 1
        tap.equal(source.stats()["acknowledged"], 0, "acknowledged")
        broker.restart()
        source.process.wait_line('"down"', where="out")
        broker.publish("t", "3")
        support.stays(lambda: source.stats()["connects"] == 1, "not connected while 1 is unsettled")
        source.process.say("settle")
        wait_for(lambda: "3" in source.payloads(), "the next message")
        tap.equal(source.payloads(), ["1", "2", "3"], "no message is handled twice")
        source.process.say("settle")
        wait_for(lambda: source.stats()["acknowledged"] == 3, "three acknowledgements")
        tap.equal(source.stats()["duplicates"], 2, "second deliveries")
        source.quit()


def test_redelivered_mqtt5():
    """a lost connection: what was settled and not acknowledged is not handled again"""
    needs_native()
    redelivered(())


def test_redelivered_mqtt3():
    """the same over MQTT 3.1.1"""
    needs_native()
    redelivered(("--mqtt-version", "3.1.1"))


def hold_too_long(options):
    with Broker() as broker:
        source = Source(broker, "t", options=("--manual", *HOLD, *options))
        broker.publish("t", "1")
        wait_for(lambda: source.payloads() == ["1"], "the message")
        source.process.wait_line("mqtt.hold_max", where="out")
        broker.publish("t", "2")
        support.stays(lambda: acks(broker) == 0 and len(source.payloads()) == 1,
                      "nothing is acknowledged and nothing comes while records are out", seconds=1)
        tap.equal(source.stats()["connects"], 1, "connections while records are out")
        source.process.say("settle")

        # The second delivery of 1 is known and acknowledged; 2 is new.
        wait_for(lambda: "2" in source.payloads(), "the next message")
        tap.equal(source.payloads(), ["1", "2"], "no message is handled twice")
        source.process.say("settle")
        wait_for(lambda: acks(broker) == 2, "both PUBACKs")
        stats = source.stats()
        tap.equal((stats["holdsBroken"], stats["duplicates"], stats["connects"]), (1, 1, 2), "counts")
        source.quit()


def test_hold_mqtt5():
    """a hold that takes too long ends the connection without acknowledging; nothing lost or doubled"""
    needs_libmosquitto()
    hold_too_long(())


def test_hold_mqtt3():
    """the same over MQTT 3.1.1"""
    needs_libmosquitto()
    hold_too_long(("--mqtt-version", "3.1.1"))


def test_slow_sink_makes_progress():
    """a sink slower than mqtt.hold_max gets every message once"""
    with Broker() as broker:
        source = Source(broker, "t", options=("--hold", "900", *HOLD, "--mqtt-batch", "2"))
        broker.publish_lines("t", [str(i) for i in range(6)])
        source.wait_payloads(*[str(i) for i in range(6)])
        wait_for(lambda: acks(broker) == 6, "six PUBACKs")
        source.quit()


def test_close_while_unsettled():
    """what is unsettled when weir stops is delivered again"""
    with Broker() as broker:
        source = Source(broker, "t", options=("--manual",))
        broker.publish("t", "1")
        wait_for(lambda: source.payloads() == ["1"], "the message")
        source.quit()
        tap.equal(acks(broker), 0, "PUBACKs")
        second = Source(broker, "t", state=source.state)
        second.wait_payloads("1")
        second.quit()


def test_close_waits_for_settlement():
    """stopping waits for records that are under way and then acknowledges"""
    with Broker() as broker:
        source = Source(broker, "t", options=("--hold", "700"))
        broker.publish("t", "1")
        wait_for(lambda: source.payloads() == ["1"], "the message")
        source.quit()
        wait_for(lambda: acks(broker) == 1, "the PUBACK")
        wait_for(lambda: "Received DISCONNECT from weir-" in broker.log, "the DISCONNECT")


def test_kill_loses_nothing():
    """kill -9 while 5,000 messages come: nothing lost"""
    with Broker() as broker:
        path = os.path.join(support.temp_dir(), "seen")
        options = ("--file", path, "--mqtt-batch", "64")
        source = Source(broker, "t", options=options)
        sender = threading.Thread(
            target=lambda: broker.publish_lines("t", [f"{i:05}" for i in range(5000)]))
        sender.start()
        want = {f"{i:05}" for i in range(5000)}

        def seen():
            return support.read_file(path).split()
        kills, before = 0, 0
        while kills < 8 and len(seen()) < 4800:
            wait_for(lambda: len(seen()) > before + 200 or len(set(seen())) >= 5000, "some messages")
            source.kill()
            kills += 1
            before = len(seen())
            source = Source(broker, "t", state=source.state, options=options, up=False)
        sender.join()
        wait_for(lambda: want <= set(seen()), lambda: f"all, {len(set(seen()))} of 5000 are there")
        tap.note(f"{kills} kills, {len(seen()) - 5000} duplicates")
        tap.check(kills >= 3, f"at least three kills, not {kills}")
        source.quit()


# ---- the broker

def test_broker_restart():
    """a broker restart: connects again, nothing lost"""
    with Broker() as broker:
        source = Source(broker, "t")
        broker.publish("t", "1")
        wait_for(lambda: source.payloads() == ["1"], "the first message")
        broker.process.wait_line("Received PUBACK from weir-")  # else it comes again
        broker.restart()
        broker.publish("t", "2")
        source.wait_payloads("1", "2")
        source.quit()


def test_broker_forgets_sessions():
    """a broker restart without persistence: subscribed again"""
    with Broker(persistence=False) as broker:
        source = Source(broker, "t", "a/+/c", "a/b/+")
        broker.restart()
        wait_for(lambda: source.process.lines.count(source.process.lines[0]) >= 1
                 and sum('"subscribed"' in x for x in source.process.lines) >= 2, "subscribed again")
        broker.publish("a/b/c", "1")
        source.wait_payloads("1")
        source.quit()


def test_wrong_password():
    """a wrong password is one clear line; the right one connects"""
    folder = support.temp_dir()
    passwords = os.path.join(folder, "passwords")
    code, _, err = support.run(["mosquitto_passwd", "-c", "-b", passwords, "weir", "right"])
    tap.equal(code, 0, "mosquitto_passwd: " + err)
    with Broker(anonymous=False, config=f"password_file {passwords}") as broker:
        broker.client_options = ["-u", "weir", "-P", "right"]
        for version in ("5", "3.1.1"):
            bad = Source(broker, "t", up=False, options=("--mqtt-username", "weir", "--mqtt-password",
                                                         "wrong", "--mqtt-version", version))
            line = bad.process.wait_line("refuses the connection")
            tap.check("mqtt.password_file" in line, line)
            wait_for(lambda: broker.log.count("not authorised") >= 3, "further attempts")
            lines = [x for x in bad.process.err_lines
                     if "refuses" in x and "debug" not in x.lower()]
            tap.equal(len(lines), 1, "lines in the log: " + "\n".join(lines))
            bad.quit()
        secret = support.write_file(os.path.join(folder, "secret"), "right\n", 0o600)
        good = Source(broker, "t", options=("--mqtt-username", "weir",
                                            "--mqtt-password-file", secret))
        broker.publish("t", "1")
        good.wait_payloads("1")
        good.quit()


def test_refused_filter():
    """a filter for which the broker ends the connection is an error line; the others work"""
    with Broker() as broker:
        deep = "/".join(["x"] * 210)  # mosquitto 2.0 calls more than 200 levels malformed
        source = Source(broker, "t", "a/+/c", deep, "zz", up=False)
        line = source.process.wait_line("refuses the subscription")
        tap.check(deep[:20] in line and "malformed" in line, line)
        source.wait_filters("t", "a/+/c", "zz")
        broker.publish("t", "1")
        broker.publish("zz", "2")
        source.wait_payloads("1", "2")
        source.quit()


def tls_broker(folder, ca, client_certificates):
    cert, key = support.make_certificate(folder, "broker", ca)
    listener = f"cafile {ca[0]}\ncertfile {cert}\nkeyfile {key}"
    if client_certificates:
        listener += "\nrequire_certificate true"
    return Broker(listener=listener)


def test_tls():
    """TLS with an own authority and a client certificate; over a broker restart"""
    folder = support.temp_dir()
    ca = support.make_ca(folder)
    cert, key = support.make_certificate(folder, "device", ca)
    with tls_broker(folder, ca, True) as broker:
        broker.client_options = ["--cafile", ca[0], "--cert", cert, "--key", key]
        url = f"mqtts://127.0.0.1:{broker.port}"
        files = ("--mqtt-ca-file", ca[0], "--mqtt-cert-file", cert, "--mqtt-key-file", key)
        for version in ("5", "3.1.1"):
            source = Source(broker, "t", url=url, options=(*files, "--mqtt-version", version))
            broker.publish("t", "1")
            broker.publish_lines("t", [f"x{i}" for i in range(2000)])
            wait_for(lambda: len(source.payloads()) == 2001, lambda: f"2001, got {len(source.payloads())}")
            broker.restart()
            broker.publish("t", "2")
            wait_for(lambda: source.payloads()[-1] == "2", "the message after the restart")
            broker.kill()
            source.process.wait_line("cannot connect")
            broker.start()
            broker.publish("t", "3")
            wait_for(lambda: source.payloads()[-1] == "3", "the message after the broker was away")
            source.quit()


def test_tls_refusals():
    """TLS failures name their remedy"""
    folder = support.temp_dir()
    ca, other = support.make_ca(folder), support.make_ca(folder, "other")
    with tls_broker(folder, ca, True) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}"
        cases = [(("--mqtt-ca-file", other[0]), "mqtt.ca_file"),
                 ((), "mqtt.ca_file"),
                 (("--mqtt-ca-file", ca[0]), "mqtt.cert_file")]
        for options, remedy in cases:
            source = Source(broker, "t", url=url, up=False, options=options)
            line = source.process.wait_line(remedy)
            tap.check("source" in line, line)
            source.quit()
    with Broker() as plain:
        source = Source(plain, "t", url=f"mqtts://127.0.0.1:{plain.port}", up=False,
                        options=("--mqtt-ca-file", ca[0]))
        source.process.wait_line("TLS")
        source.quit()


def test_unreachable():
    """a refused port, an unknown host and a silent server are told apart"""
    port = support.free_port()
    with socket.socket() as silent:
        silent.bind((support.HOST, 0))
        silent.listen()
        cases = [(f"mqtt://127.0.0.1:{port}", "Connection refused"),
                 ("mqtt://no-such-host.invalid", "check the host in mqtt.url"),
                 (f"mqtt://127.0.0.1:{silent.getsockname()[1]}", "no answer from")]
        for url, text in cases:
            source = Source(None, "t", url=url, up=False,
                            options=("--mqtt-connect-timeout", "500ms"))
            source.process.wait_line(text)
            source.quit()


def test_name_with_several_addresses():
    """localhost may mean ::1 first: the address where the broker listens is found, with TLS by that name too"""
    folder = support.temp_dir()
    ca = support.make_ca(folder)
    with Broker() as broker, tls_broker(folder, ca, False) as secure:
        source = Source(broker, "t", url=f"mqtt://localhost:{broker.port}")
        broker.publish("t", "1")
        source.wait_payloads("1")
        source.quit()
        source = Source(secure, "t", url=f"mqtts://localhost:{secure.port}", options=("--mqtt-ca-file", ca[0]))
        secure.client_options = ["--cafile", ca[0]]
        secure.publish("t", "2")
        source.wait_payloads("2")
        source.quit()


def test_faults_at_open():
    """what cannot ever work is said at the start"""
    state = support.temp_dir()
    base = [TOOL, "--state-dir", state, "t"]
    bad = support.temp_dir()
    support.write_file(os.path.join(bad, "source.json"), '{"version": 1, "client')
    cases = [([*base, "--mqtt-url", "http://x"], "mqtt://host[:"),
             ([*base, "--mqtt-url", "mqtt://::1"], "mqtt"),
             ([*base, "--mqtt-url", "mqtt://h:99999"], "65535"),
             ([*base, "--mqtt-url", "mqtt://u:p@h"], "mqtt"),
             ([*base, "--mqtt-hold-max", "40s"], "third of mqtt.keepalive"),
             ([*base, "--mqtt-url", "mqtts://h", "--mqtt-ca-file", "/no/such"], "/no/such"),
             ([*base, "--mqtt-url", "mqtts://h", "--mqtt-cert-file", TOOL], "mqtt.key_file"),
             ([TOOL, "--state-dir", bad, "t"], "is damaged")]
    for args, text in cases:
        if support.is_native() and "--mqtt-hold-max" in args:
            continue
        code, _, err = support.run([args[0], *support.source_options(), *args[1:]])
        tap.equal(code, 2, f"exit status of {args}: {err}")
        tap.check(text in err, f"'{text}' in: {err}")


def test_state_is_locked():
    """two of weir do not share a state folder"""
    with Broker() as broker:
        source = Source(broker, "t")
        code, _, err = support.run([TOOL, "--mqtt-url", broker.url, "--state-dir", source.state,
                                    *support.source_options(), "t"])
        tap.equal((code, "give each its own state_dir" in err), (2, True), err)
        source.quit()


# ---- publishing

def test_publisher():
    """the publisher: PUBACK, properties, weir-hops; BUSY while the broker is away"""
    with Broker() as broker:
        sub = broker.subscriber("out")
        source = Source(broker, "t")
        source.process.say("publish out early 1")  # opens it, so it is not connected yet
        wait_for(lambda: source.process.stdout.count('"published"') == 1, "an answer")
        tap.check("not connected" in source.process.stdout, "not connected")
        source.process.wait_line("publisher: connected")
        source.process.say("publish out text 2")
        source.process.say("publish out text0 0 0")
        wait_for(lambda: source.process.stdout.count('"published": 1') == 2, "two answers")
        wait_for(lambda: len(broker.messages(sub)) == 2, "two messages")
        first, second = broker.messages(sub)
        tap.equal(first["properties"]["user-properties"], {"k": "v", "weir-hops": "2"}, "user properties")
        tap.equal(first["properties"]["content-type"], "text/x", "content type")
        tap.equal((second["qos"], second["properties"]["user-properties"]), (0, {"k": "v"}), "QoS 0")
        source.quit()


def test_publisher_mqtt3():
    """over MQTT 3.1.1 the publisher drops properties and says so once"""
    with Broker() as broker:
        sub = broker.subscriber("out")
        source = Source(broker, "t", options=("--mqtt-version", "3.1.1"))
        source.process.say("publish out early")
        source.process.wait_line("publisher: connected")
        for i in range(3):
            source.process.say(f"publish out text{i} 1")
        wait_for(lambda: len(broker.messages(sub)) == 3, "three messages")
        tap.equal(source.process.stderr.count("has no properties"), 1, "lines in the log")
        source.quit()


if __name__ == "__main__":
    TOOL = os.path.abspath(TOOL)
    support.main(globals(), sys.argv[2:])
