"""The log of `weir run`: real lines of real processes, read by parsers that take nothing else."""
import json
import os
import re
import signal
import subprocess

import support
from support import Broker, Skip, tap, wait_for
from weir import Weir, binary, republish, rule, s3

KEEP = rule("SELECT * FROM 'a/#'", s3("box", "${newuuid()}"))
# MQTT libraries let no control characters pass in topics; these come.
TOPIC = "a/level=error\u2028\u2029\u202e\ufeff\"x\" = \\"
# What a device can make an action's resource: not a topic, because of the #.
TARGET = "\n\x1b[31mlevel=error\r\u2028\u202e\"x\" = \\\x7f\u0085\x00#"
PAYLOAD = b"\n\r\t{" + b'"w":"\xc2\x9b", "v":' + json.dumps(TARGET).encode() + b"}"


def fails(**members):
    """An action that is refused on each message: the key is empty."""
    return rule("SELECT * FROM 'a/#'", s3("box", "${nothing}"), **members)


def events(lines, name):
    return [x for x in lines if x.get("eventType") == name]


def json_lines(weir):
    return [json.loads(x) for x in weir.process.err_lines]


def test_logfmt():
    """every line is logfmt with time, level, room and msg; what is AWS's event has AWS's members"""
    with Broker() as broker, Weir(broker, {"bad": fails()}) as weir:
        broker.publish("a/b", "{}")
        wait_for(lambda: events(weir.said(), "DeadLetter"), "the dead letter")
        weir.stop()
        lines = weir.said()
        for line in lines:
            tap.check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), f"{line}")
            tap.check(line["level"] in ("error", "warn", "info") and line["room"] and line["msg"], f"{line}")
        failed = events(lines, "RuleExecution")
        tap.equal(len(failed), 1, "lines about the failure")
        got = {k: failed[0].get(k) for k in ("level", "room", "status", "ruleName", "topicName", "ruleAction")}
        tap.equal(got, {"level": "error", "room": "flow", "status": "Failure", "ruleName": "bad",
                        "topicName": "a/b", "ruleAction": "S3Action"}, "its members")
        tap.check(failed[0]["details"] and failed[0]["details"] in failed[0]["msg"], f"{failed[0]}")
        tap.check(re.fullmatch(r"[0-9a-f-]{36}", failed[0]["traceId"]), "trace id")
        letter = events(lines, "DeadLetter")[0]
        tap.check(re.fullmatch(r"[0-9a-f]{32}", letter["deliveryId"]), f"{letter}")
        tap.equal(lines[-1]["msg"], "stopped", "the last line")


def test_json():
    """log.format: json: every line is one JSON object, counters are an object in it"""
    with Broker() as broker, Weir(broker, {"bad": fails()}, {"log": {"format": "json"}}, start=False) as weir:
        weir.start(wait=False)
        weir.process.wait_line('"msg":"publisher: connected"')
        weir.process.wait_line("source: connected")
        wait_for(lambda: (weir.status().get("mqtt") or {}).get("subscribed"), "the subscription")
        broker.publish("a/b", "{}")
        wait_for(lambda: events(json_lines(weir), "DeadLetter"), "the dead letter")
        weir.process.signal(signal.SIGUSR1)
        line = wait_for(lambda: [x for x in json_lines(weir) if x["msg"] == "counters"], "the counters")[0]
        tap.equal((line["counters"]["messages"], line["room"], line["level"]), (1, "status", "info"), "counters")
        rules = wait_for(lambda: [x for x in json_lines(weir) if x.get("rule") == "bad"], "a rule's counters")
        tap.equal(rules[0]["counters"]["bad"]["actions"]["s3"]["failure"], 1, "failures")
        weir.stop()
        tap.check(all(set(x) >= {"time", "level", "room", "msg"} for x in json_lines(weir)), "members")


def hostile(form, parse):
    rules = {"bad": rule("SELECT * FROM 'a/#'", republish("${v}"))}
    config = {"log": {"format": form, "payloads": True}}
    with Broker() as broker, Weir(broker, rules, config, start=False) as weir:
        # A file's name may be any bytes; its document is refused, so that the name is shown.
        path = os.path.join(os.fsencode(weir.rules_dir), b"x\n\x1b[2J\xff level=info.json")
        with open(path, "wb") as f:
            f.write(b"{")
        weir.start(wait=False)
        wait_for(lambda: (weir.status().get("mqtt") or {}).get("subscribed"), "the subscription")
        broker.publish(TOPIC, PAYLOAD)
        wait_for(lambda: any(x.get("eventType") == "DeadLetter" for x in parse(weir)), "the dead letter")
        weir.stop()
        lines = parse(weir)
        for raw in weir.process.err_lines:
            tap.check(not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ufeff]", raw), repr(raw))
        for name in ("RuleExecution", "DeadLetter"):
            line = events(lines, name)[0]
            tap.equal(line["topicName"], TOPIC, "the topic, read back")
            tap.equal(line["payload"], PAYLOAD.decode(errors="replace"), "the payload, read back")
        tap.equal(events(lines, "RuleExecution")[0]["resource"], TARGET, "the resource, read back")
        refused = [x for x in lines if x["level"] == "error" and x["room"] == "rules"]
        tap.equal(len(refused), 1, f"lines about the document: {refused}")
        tap.check("x\n\x1b[2J\ufffd level=info.json" in refused[0]["msg"], f"{refused}")


def test_hostile_logfmt():
    """line feeds, escapes, invalid UTF-8, bidi and separators in topics, payloads, file names: a line stays one (logfmt)"""
    hostile("logfmt", lambda weir: weir.said())


def test_hostile_json():
    """the same in JSON"""
    hostile("json", json_lines)


def test_payloads():
    """nothing of a payload is in the log; with log.payloads its begin is, and no more than 256 bytes"""
    payload = json.dumps({"secret": "hush-hush", "more": "x" * 1000})
    rules = {"bad": fails(), "cast": rule("SELECT secret + 1 AS n, cast(secret AS Decimal) AS d FROM 'a/#'", s3("box", "${n}"))}
    with Broker() as broker, Weir(broker, rules, {"log": {"level": "debug"}}) as weir:
        broker.publish("a/b", payload)
        wait_for(lambda: len(events(weir.said(), "RuleExecution")) >= 1, "the failure")
        weir.stop()
        tap.check("hush-hush" not in weir.log, "the payload is nowhere")
    with Broker() as broker, Weir(broker, {"bad": fails()}, {"log": {"payloads": True}}) as weir:
        broker.publish("a/b", payload)
        line = wait_for(lambda: events(weir.said(), "RuleExecution"), "the failure")[0]
        tap.equal(line["payload"], payload[:256] + "...", "its begin")
        weir.stop()


def test_limit():
    """a flood of failures: a line a second, every line that was held back is counted, also when nothing follows"""
    count = 5000
    with Broker() as broker, Weir(broker, {"bad": fails()}) as weir:
        broker.publish_lines("a/b", ("{}" for _ in range(count)))
        weir.wait_settled(count)
        # Nothing more is published: the rest is told without a further failure.

        def failures():
            return [x for x in weir.said() if x["room"] == "flow" and x["level"] == "error"
                    and "action s3 failed" in x["msg"]]

        def told():
            return sum(int(x.get("held_back", 0)) + ("eventType" in x) for x in failures())
        wait_for(lambda: told() == count, lambda: f"{count} failures, told {told()}")
        lines = failures()
        tap.check(len(lines) < count / 20, f"{len(lines)} lines")
        tap.check(lines[-1]["msg"].startswith("held back: ") and "rule bad: action s3 failed" in lines[-1]["msg"],
                  f"{lines[-1]}")
        weir.stop()
        tap.equal(told(), count, "the same at the end")


def test_connection_events():
    """connections and reloads: each is said exactly once"""
    with Broker() as broker, Weir(broker, {"keep": KEEP}) as weir:
        def count(text, start=0):
            return sum(text in x["msg"] for x in weir.said(start))
        for text in ("started: pid", "source: connected as", "publisher: connected", "rules from "):
            tap.equal(count(text), 1, text)
        seen = len(weir.said())
        weir.reload()
        weir.process.wait_line('msg="reload', start=seen)
        weir.wait_rules(1)
        weir.write_rule("more", rule("SELECT * FROM 'b'", s3("box", "k")))
        weir.wait_rules(2)
        weir.reload()
        wait_for(lambda: count('reload', seen) == 2, "the second reload")
        weir.totals()
        tap.equal((count("reload", seen), count("rules from ", seen)), (2, 1), "reloads, new rules")
        seen = len(weir.said())
        broker.restart()
        wait_for(lambda: count("source: connected as", seen) and count("publisher: connected", seen), "both again")
        wait_for(lambda: weir.totals()["mqtt"]["subscribed"], "the subscription")
        lines = [x["msg"] for x in weir.said(seen) if x["room"] == "mqtt"]
        for name in ("source", "publisher"):
            mine = [x for x in lines if x.startswith(name)]
            tap.equal(len([x for x in mine if "connected" in x]), 1, f"connected: {mine}")
            tap.equal(len(mine), len(set(mine)), f"no line twice: {mine}")
            tap.check(len(mine) <= 3, f"lost, refused, connected: {mine}")


def test_debug():
    """log.level debug: matches and deliveries, a sample of them, with what was held back"""
    with Broker() as broker, Weir(broker, {"keep": KEEP}, {"log": {"level": "debug"}}) as weir:
        broker.publish_lines("a/b", ("{}" for _ in range(500)))
        weir.wait_settled(500)

        def told(text):
            return sum(int(x.get("held_back", 0)) + ("eventType" in x) for x in weir.said() if text in x["msg"])
        wait_for(lambda: (told("matched on topic"), told("s3 delivered")) == (500, 500), "every one is counted")
        match = events(weir.said(), "RuleMatch")[0]
        tap.equal((match["ruleName"], match["topicName"], match["status"]), ("keep", "a/b", "Success"), f"{match}")
        done = events(weir.said(), "RuleExecution")[0]
        tap.equal((done["ruleAction"], done["status"]), ("S3Action", "Success"), f"{done}")


def test_journal():
    """stderr is the journal's socket (JOURNAL_STREAM): each line begins with its priority; else none does"""
    folder = support.temp_dir()
    support.write_file(os.path.join(folder, "weir.yaml"), json.dumps(
        {"mqtt": {"url": f"mqtt://127.0.0.1:{support.free_port()}"}, "rules": {"dir": "."}, "state_dir": "state"}))
    for mine in (True, False):
        read_end, write_end = os.pipe()
        st = os.fstat(write_end)
        env = dict(os.environ, JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino if mine else st.st_ino + 1}")
        process = subprocess.Popen([binary(), "run"], cwd=folder, env=env, stderr=write_end,
                                   stdin=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end, encoding="utf-8") as lines:
            for line in lines:
                if "source: cannot connect" in line:
                    process.terminate()
                prefix = re.match(r"<([0-7])>", line)
                tap.equal(bool(prefix), mine, f"a priority: {line}")
                level = support.log_fields(line[3 if mine else 0:].rstrip("\n"))["level"]
                if mine:
                    tap.equal(prefix[1], {"error": "3", "warn": "4", "info": "6"}[level], line)
        tap.equal(process.wait(support.TIMEOUT), 0, "exit status")


def test_terminal():
    """on a terminal: the plain form, colours unless NO_COLOR"""
    try:
        import pty
        outer, inner = pty.openpty()
    except (ImportError, OSError) as e:
        raise Skip(f"no pseudo terminal: {e}") from None
    folder = support.temp_dir()
    support.write_file(os.path.join(folder, "weir.yaml"), json.dumps(
        {"mqtt": {"url": f"mqtt://127.0.0.1:{support.free_port()}"}, "rules": {"dir": "."}, "state_dir": "state"}))
    for no_color in ("", "1"):
        process = subprocess.Popen([binary(), "run"], cwd=folder, env=dict(os.environ, NO_COLOR=no_color),
                                   stdin=subprocess.DEVNULL, stderr=inner)
        text = b""
        while b"cannot connect" not in text:
            text += os.read(outer, 4096)
        process.terminate()
        while b"stopped" not in text:
            text += os.read(outer, 4096)
        process.wait(support.TIMEOUT)
        line = next(x for x in text.decode().splitlines() if "started: pid" in x)
        want = r"\S+Z info  run: started: pid" if no_color else r"\S+Z \x1b\[32minfo \x1b\[0m run: started: pid"
        tap.check(re.match(want, line), repr(line))
        tap.check("level=" not in line, repr(line))


if __name__ == "__main__":
    binary()
    support.main(globals())
