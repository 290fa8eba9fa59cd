"""The life of a `weir run`: what a reload takes, what it refuses, and what a stop leaves."""
import json
import os
import signal
import time

import support
from support import Broker, tap, wait_for
from test_spool import Gate
from weir import Weir, binary, function, republish, rule, s3

KEEP = rule("SELECT * FROM 'a/#'", s3("box", "${newuuid()}"))


def lines(weir, start=0):
    return [(x["level"], x["room"], x["msg"]) for x in weir.said(start)]


def reload(weir, more):
    """Write weir.yaml anew, SIGHUP, and the lines of the log up to the one about the reload."""
    seen = len(weir.process.err_lines)
    weir.configure(more)
    return hang_up(weir, seen)


def hang_up(weir, seen):
    weir.reload()
    weir.process.wait_line('msg="reload', start=seen)
    weir.totals()  # whatever it says about the reload has been said
    return [x for x in lines(weir, seen) if x[1] != "status"]


def test_live_options():
    """SIGHUP takes the live options of weir.yaml, names them, and those that need a restart, each once"""
    with Broker() as broker, Weir(broker, {"keep": KEEP}, {"payload_max": 100}) as weir:
        broker.publish("a/long", json.dumps("x" * 200))
        wait_for(lambda: weir.totals()["dropped"]["payload_too_large"] == 1, "the drop")
        said = reload(weir, {"payload_max": 1000, "retry": {"attempts": 7}, "log": {"level": "debug"},
                             "ack": "settled", "mqtt": {"keepalive": "2m"}, "sinks": {"s3": {"fsync": True}}})
        tap.equal([x for x in said if x[0] != "debug" and x[1] == "run"],
                  [("info", "run", "reload: payload_max, retry.attempts, log.level changed"),
                   ("warn", "run", "mqtt.keepalive changed: takes effect after a restart"),
                   ("warn", "run", "ack changed: takes effect after a restart"),
                   ("warn", "run", "sinks.s3.fsync changed: takes effect after a restart")], "what was said")
        broker.publish("a/long", json.dumps("x" * 200))
        wait_for(lambda: len(weir.objects("box")) == 1, "the object that is taken now")
        wait_for(lambda: any(x[0] == "debug" for x in lines(weir)), "lines of the new level")
        said = reload(weir, {"payload_max": 1000, "retry": {"attempts": 7}, "log": {"level": "debug"}})
        tap.equal([x for x in said if x[0] != "debug"], [("info", "run", "reload")], "as it is running: nothing to warn of")
        said = reload(weir, {})
        tap.equal([x for x in said if x[0] != "debug"],
                  [("info", "run", "reload: payload_max, retry.attempts, log.level changed")], "back to the defaults")


def test_retry_policy():
    """retry.* of a reload are those of the next failure: an action that would be tried for minutes fails at once"""
    rules = {"fails": rule("SELECT * FROM 'a'", s3("box", "k"), error=republish("failed"))}
    with Broker() as broker, Weir(broker, rules, {"retry": {"attempts": 1000, "budget": "10m", "base": "100ms"}}) as weir:
        os.makedirs(os.path.join(weir.state_dir, "local"), exist_ok=True)
        seen = broker.subscriber("failed")
        objects = os.path.join(weir.state_dir, "local", "s3")
        if os.path.isdir(objects):
            os.rename(objects, objects + ".away")
        support.write_file(objects, "in the way")
        broker.publish("a", "{}")
        wait_for(lambda: weir.counters("fails")["actions"]["s3"]["retries"] >= 1, "a retry")
        tap.equal(seen.lines, [], "it goes on trying")
        reload(weir, {"retry": {"attempts": 2, "budget": "10m"}})
        wait_for(lambda: seen.lines, "the error action")


def test_broken_file():
    """a configuration that is wrong changes nothing, and is reported with its place; the next one is taken"""
    with Broker() as broker, Weir(broker, {"keep": KEEP}) as weir:
        good = support.read_file(weir.config_file)
        for broken, place in ((good.replace('"rules"', '"ruels"', 1), "ruels: unknown key"),
                              ("log: {level: loud}\n", "weir.yaml:1:14: log.level: found \"loud\""),
                              ("retry: {attempts: 5, base: 1h}\nlog: [\n", "weir.yaml:"),
                              ("retry: {base: 2m, cap: 1m}\n", "retry.base is more than retry.cap"),
                              ("rules: {dir: /nowhere/at/all}\n", "/nowhere/at/all cannot be opened")):
            seen = len(weir.process.err_lines)
            support.write_file(weir.config_file, broken)
            # A rule that is new is not taken either: all or nothing.
            said = hang_up(weir, seen)
            tap.equal(len(said), 1, f"one line: {said}")
            level, room, msg = said[0]
            tap.equal((level, room), ("error", "run"), msg)
            tap.check(place in msg and msg.startswith("reload: ") and msg.endswith("; nothing has changed"), msg)
        os.unlink(weir.config_file)
        seen = len(weir.process.err_lines)
        said = hang_up(weir, seen)
        tap.check(len(said) == 1 and "No such file" in said[0][2], f"{said}")
        broker.publish("a/b", "{}")
        weir.wait_settled(1)
        tap.equal(len(weir.objects("box")), 1, "it runs as before")
        support.write_file(weir.config_file, good)
        seen = len(weir.process.err_lines)
        tap.equal(hang_up(weir, seen), [("info", "run", "reload")], "the good one")


def test_environment_and_options():
    """a reload reads the environment and the command line again, which still win over the file"""
    with Broker() as broker, Weir(broker, {"keep": KEEP}, {"drain": "5s"}, options=["--drain", "7s"],
                                  env={"WEIR_RETRY_ATTEMPTS": "9"}) as weir:
        said = reload(weir, {"drain": "6s", "retry": {"attempts": 4}})
        tap.equal(said, [("info", "run", "reload")], "neither has changed")
        weir.process.signal(signal.SIGTERM)
        tap.check("at most 7000 ms" in weir.process.wait_line("stopping:"), "the option")
        tap.equal(weir.process.wait(), 0, "exit status")


def test_rules_dir():
    """another rules.dir is read at a reload; the rules of the former one go"""
    with Broker() as broker, Weir(broker, {"keep": KEEP}) as weir:
        other = os.path.join(weir.dir, "other")
        os.mkdir(other)
        support.write_file(os.path.join(other, "new.json"),
                           json.dumps(rule("SELECT * FROM 'b'", s3("box", "from-b"))))
        reload(weir, {"rules": {"dir": "other"}})
        weir.wait_filter("b")
        weir.wait_rules(1)
        broker.publish("a/b", "{}")
        broker.publish("b", "{}")
        weir.wait_settled(1)
        wait_for(lambda: list(weir.objects("box")) == ["from-b"], "the new rule alone")
        # It is watched, and the former one is not any more.
        support.write_file(os.path.join(other, "more.json"),
                           json.dumps(rule("SELECT * FROM 'c'", s3("box", "from-c"))))
        weir.wait_rules(2)
        seen = len(weir.process.err_lines)
        os.unlink(os.path.join(weir.rules_dir, "keep.json"))
        reload(weir, {"rules": {"dir": "other"}})
        tap.equal([x for x in lines(weir, seen) if x[1] == "rules"], [], "nothing about the former folder")


def test_spool_limit():
    """a spool at its limit takes messages again when a reload raises spool.max"""
    gate, sent = Gate(), 0
    rules = {"slow": rule("SELECT n, hang FROM 'a'", function("gate"))}
    with Broker() as broker, Weir(broker, rules, gate.config(spool={"max": "64M"})) as weir:
        while sent < 400:
            broker.publish("a", json.dumps({"n": sent, "hang": 1, "x": "y" * 400000}))
            sent += 1
            if "nothing more is taken from the broker" in weir.log:
                break
        weir.process.wait_line("nothing more is taken from the broker")
        seen = len(weir.process.err_lines)
        reload(weir, gate.config(spool={"max": "256M"}))
        weir.process.wait_line("there is room again", start=seen)
        gate.open()
        wait_for(lambda: gate.answered(weir) == {n: 1 for n in range(sent)}, "every answer, once", every=0.2)


def stopped_with_dead_sink(end, drain="1s"):
    """Messages are acknowledged while their sink is dead; weir ends somehow; when the sink is back, it has all."""
    count = 50
    rules = {"keep": rule("SELECT n FROM 'a'", s3("box", "${n}"))}
    patient = {"retry": {"attempts": 1000, "budget": "1d", "base": "50ms", "throttled_base": "100ms", "cap": "200ms"}, "drain": drain}
    with Broker() as broker, Weir(broker, rules, patient) as weir:
        bucket = os.path.join(weir.state_dir, "local", "s3", "box")
        support.write_file(bucket, "in the way")
        broker.publish_lines("a", (json.dumps({"n": n}) for n in range(count)))
        wait_for(lambda: broker.log.count(f"Received PUBACK from {weir.client_id}") == count, "acknowledgements")
        end(weir)
        tap.equal(weir.process.alive(), False, "it has ended")
        weir.start()
        t = weir.totals()
        tap.equal(t["spool"]["recovered"], count, f"all is in the spool still: {t['spool']}")
        os.unlink(bucket)
        wait_for(lambda: len(weir.objects("box")) == count, lambda: f"{count} objects: {len(weir.objects('box'))}")
        tap.equal(weir.objects("box"), {str(n): b'{"n":%d}' % n for n in range(count)}, "objects")
        wait_for(lambda: weir.totals()["spool"]["entries"] == 0, "an empty spool")
        tap.equal(weir.totals()["messages"], 0, "nothing came from the broker again")


def begin_stop(weir):
    weir.process.signal(signal.SIGTERM)
    weir.process.wait_line("stopping:")


def test_stop_with_dead_sink():
    """SIGTERM while a sink is dead: drains within its limit, the rest is in the spool and delivered once the sink is back"""
    def end(weir):
        began = time.monotonic()
        weir.stop()
        took = time.monotonic() - began
        tap.check(0.9 < took < 30, f"{took} s, drain is 1 s")
        tap.check(any("the spool keeps them" in x["msg"] for x in weir.said()), "it says so")
    stopped_with_dead_sink(end)


def test_kill_while_draining():
    """kill -9 in the middle of a drain: nothing is lost"""
    def end(weir):
        begin_stop(weir)
        weir.kill()
    stopped_with_dead_sink(end)


def test_second_sigterm():
    """a second SIGTERM while it drains: ends at once, status 1, nothing is lost"""
    def end(weir):
        begin_stop(weir)
        began = time.monotonic()
        weir.process.signal(signal.SIGTERM)
        tap.equal(weir.process.wait(), 1, "exit status")
        tap.check(time.monotonic() - began < 30, "at once: drain is 60 s")
    stopped_with_dead_sink(end, "60s")


def test_kill_after_second_sigterm():
    """kill -9 right after the second SIGTERM: nothing is lost"""
    def end(weir):
        begin_stop(weir)
        weir.process.signal(signal.SIGTERM)
        weir.kill()
    stopped_with_dead_sink(end)


def test_many_reloads():
    """200 reloads under traffic: nothing is lost, nothing grows"""
    with Broker() as broker, Weir(broker, {"keep": KEEP}) as weir:
        def resident():
            text = support.read_file(f"/proc/{weir.process.pid}/status")
            return int(text.split("VmRSS:")[1].split()[0])
        sent = 0
        for n in range(200):
            if n == 40:
                before = resident()
            seen = len(weir.process.err_lines)
            weir.configure({"retry": {"attempts": 3 + n % 5}, "log": {"level": "debug" if n % 2 else "info"}})
            weir.reload()
            if n % 10 == 0:
                broker.publish_lines("a/b", ("{}" for _ in range(10)))
                sent += 10
            weir.process.wait_line('msg="reload', start=seen)
        weir.wait_settled(sent)
        tap.equal(len(weir.objects("box")), sent, "objects")
        grown = resident() - before
        with open(binary(), "rb") as f:
            sanitized = b"__asan_init" in f.read()  # it keeps what was freed
        tap.check(sanitized or grown < 4096, f"{grown} KiB more")


if __name__ == "__main__":
    binary()
    support.main(globals())
