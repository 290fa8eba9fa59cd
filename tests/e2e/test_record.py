"""weir record and weir replay: from a broker to a file, and back into a broker or through rules."""
import base64
import gzip
import json
import os
import resource
import signal
import subprocess
import threading
import time

import support
from support import Failed, Process, tap, wait_for
from weir import Weir, binary, republish, rule, s3

BYTES = bytes(range(256))
PAYLOADS = {  # topic: payload; what tools tend to spoil
    "p/object": b'{"a":1.0,"b":[1E2,-0,0.10],"a":2}',
    "p/range": b'{"big":1e400,"long":123456789012345678901234567890.10}',
    "p/blanks": b'{ "a" : 1 }\r\n',
    "p/scalar": b'21.50',
    "p/text": "21 \u00b0C \u2028 \"quoted\"".encode(),
    "p/empty": b"",
    "p/bytes": BYTES,
    "p/bad-utf8": b'{"a":"\xc3"}',
    "p/nul": b"a\0b",
    "p/broken": b'{"a":',
    "p/escapes": b'{"\\u0041\\/":"\\ud83d\\ude00"}',
    "p/large": b"x" * 300000 + b"\xff",
}
PROPERTIES = [("user-property", "unit", "C"), ("user-property", "unit", ""),
              ("user-property", "weir-hops", "2"), ("content-type", "application/json"),
              ("response-topic", "answers/1"), ("correlation-data", "id-7"),
              ("payload-format-indicator", "1"), ("message-expiry-interval", "1000")]


def records(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def payload_of(line):
    """The bytes that a line stands for, from its text and not through a parser of numbers."""
    m = json.loads(line)
    if "payloadBase64" in m:
        return base64.b64decode(m["payloadBase64"])
    if "payloadText" in m:
        return m["payloadText"].encode()
    at = line.index('"payload":') + len('"payload":')
    return line[at:line.rstrip("\n").rindex("}")].encode()  # the last member


class Recorder:
    """`weir record` that is subscribed."""

    def __init__(self, broker, path, *options, wait=True):
        self.path = path
        self.process = Process([binary(), "record", "--url", broker.url, "-o", path, *options], name="record",
                               cwd=os.path.dirname(path))
        if wait:
            self.process.wait_line("recording from")

    def stop(self, want=0):
        tap.equal(self.process.stop(), want, "exit status; it said:\n" + self.process.stderr)
        return self

    def wait(self, want=0):
        tap.equal(self.process.wait(), want, "exit status; it said:\n" + self.process.stderr)
        return self

    def lines(self):
        with open(self.path, encoding="utf-8") as f:
            return f.readlines()


def weir(*args, want=0, cwd=None, timeout=None):
    """(stdout, stderr) of a command that must end with `want`."""
    code, out, err = support.run([binary(), *args], cwd=cwd, timeout=timeout)
    tap.equal(code, want, f"exit status of weir {' '.join(map(str, args))}; it said:\n{out}{err}")
    return out, err


def folder_of(rules, name):
    """A folder of rule documents, {name: payload}."""
    path = os.path.join(support.temp_dir("wr-rules-"), name)
    os.mkdir(path)
    for rule_name, payload in rules.items():
        support.write_file(os.path.join(path, rule_name + ".json"), json.dumps(payload))
    return path


def message(n=0, topic="t/x", **members):
    return json.dumps({"timestamp": 1795000000000 + n, "topic": topic, "payload": {"n": n}, **members}) + "\n"


# ---- record, replay into a broker

def record_known(path, *options):
    """All kinds of payloads and properties, recorded."""
    with support.Broker() as broker:
        broker.publish("kept/a", b"before", retain=True)
        recorder = Recorder(broker, path, *options)
        for topic, payload in PAYLOADS.items():
            broker.publish(topic, payload)
        broker.publish("q/0", b"{}", qos=0)
        broker.publish("q/props", b'{"v":1}', properties=PROPERTIES)
        broker.publish("q/live", b"live", retain=True)
        broker.publish("end", b"end")
        wait_for(lambda: b'"end"' in support_read(path), "the last message in the file")
        return recorder.stop()


def support_read(path):
    if path.endswith(".gz"):
        try:
            with gzip.open(path, "rb") as f:
                return f.read()
        except FileNotFoundError:
            return b""
    with open(path, "rb") as f:
        return f.read()


def check_recorded(lines):
    by_topic = {json.loads(x)["topic"]: x for x in lines}
    tap.equal(len(lines), len(PAYLOADS) + 5, "messages recorded")
    for topic, payload in PAYLOADS.items():
        tap.equal(payload_of(by_topic[topic]), payload, f"payload of {topic}")
    kept, live, props = (json.loads(by_topic[t]) for t in ("kept/a", "q/live", "q/props"))
    tap.equal((kept["retain"], kept["stored"]), (True, True), "what the broker had kept is marked")
    tap.check("retain" not in live and "stored" not in live, "a live message is none of those")
    tap.equal(json.loads(by_topic["q/0"])["qos"], 0, "QoS 0")
    tap.equal(props["qos"], 1, "QoS 1")
    tap.equal(props["userProperties"], [["unit", "C"], ["unit", ""], ["weir-hops", "2"]], "user properties")
    expiry = props["mqttProperties"].pop("messageExpiryInterval")
    tap.check(990 <= expiry <= 1000, f"expiry {expiry}")
    tap.equal(props["mqttProperties"],
              {"contentType": "application/json", "payloadFormatIndicator": "UTF8_DATA",
               "responseTopic": "answers/1", "correlationData": base64.b64encode(b"id-7").decode()},
              "properties")


def test_round_trip():
    """Record, replay into a second broker, record there: byte for byte the same, properties too."""
    folder = support.temp_dir()
    first, second = os.path.join(folder, "first.jsonl"), os.path.join(folder, "second.jsonl")
    record_known(first)
    with open(first, encoding="utf-8") as f:
        original = f.readlines()
    check_recorded(original)
    forms = {json.loads(x)["topic"]: next(k for k in json.loads(x) if k.startswith("payload")) for x in original}
    tap.equal([forms[t] for t in ("p/object", "p/range", "p/blanks", "p/nul")],
              ["payload", "payload", "payloadText", "payloadBase64"], "forms")
    with support.Broker() as broker:
        recorder = Recorder(broker, second, "--qos", "1", "--retain-as-published")
        out, _ = weir("replay", first, "--url", broker.url, "--speed", "max", "--json")
        result = json.loads(out)
        tap.equal((result["published"], result["acknowledged"], result["refused"], result["notPublished"]),
                  (len(original), len(original) - 1, 0, 0), "counts (one is of QoS 0)")
        wait_for(lambda: b'"end"' in support_read(second), "the last message in the second file")
        recorder.stop()
        again = recorder.lines()
    tap.equal(len(again), len(original), "messages")
    for before, after in zip(original, again):
        b, a = json.loads(before), json.loads(after)
        tap.equal(payload_of(after), payload_of(before), f"payload of {b['topic']}")
        for m in (a, b):
            m.pop("timestamp")
            m.pop("stored", None)
            m.get("mqttProperties", {}).pop("messageExpiryInterval", None)
        tap.equal(a, b, "topic, QoS, retain, properties")


def test_gzip_and_append():
    """.gz: the same lines; --append goes on, no file is overwritten."""
    path = os.path.join(support.temp_dir(), "m.jsonl.gz")
    record_known(path)
    with gzip.open(path, "rt", encoding="utf-8") as f:
        check_recorded(f.readlines())
    with support.Broker() as broker:
        code, _, err = support.run([binary(), "record", "--url", broker.url, "-o", path])
        tap.equal(code, 2, "a file that is there")
        tap.check("is there already: --append" in err, err)
        before = len(records(path))
        recorder = Recorder(broker, path, "--append", "--count", "2", "-f", "more/#")
        for n in range(3):
            broker.publish(f"more/{n}", b"{}")
            broker.publish("other", b"{}")
        recorder.wait()
    tap.equal([m["topic"] for m in records(path)[before:]], ["more/0", "more/1"], "appended")


def test_raw():
    """--raw: every payload in base64."""
    path = os.path.join(support.temp_dir(), "m.jsonl")
    for line in record_known(path, "--raw").lines():
        tap.check("payloadBase64" in json.loads(line), line[:100])
        topic = json.loads(line)["topic"]
        if topic in PAYLOADS:
            tap.equal(payload_of(line), PAYLOADS[topic], topic)


def test_overlapping_filters():
    """Filters that overlap: each message once, over MQTT 5 and 3.1.1; what was not asked for is left out."""
    for version in ("5", "3.1.1"):
        path = os.path.join(support.temp_dir(), "m.jsonl")
        with support.Broker() as broker:
            recorder = Recorder(broker, path, "-f", "a/+/c", "-f", "a/b/+", "-f", "a/b/c", "-f", "end",
                                "--mqtt-version", version)
            for topic in ("a/b/c", "a/x/c", "a/b/x", "a/x/x", "b", "end"):
                broker.publish(topic, b"{}")
            wait_for(lambda: b'"end"' in support_read(path), "the last message")
            recorder.stop()
        tap.equal([m["topic"] for m in records(path)], ["a/b/c", "a/x/c", "a/b/x", "end"], f"MQTT {version}")


def test_ends():
    """--count, --for, Ctrl-C; --json; no message makes no file."""
    folder = support.temp_dir()
    path = os.path.join(folder, "m.jsonl")
    with support.Broker() as broker:
        process = Process([binary(), "record", "--url", broker.url, "-o", path, "--count", "3", "--json"])
        process.wait_line("recording from")
        broker.publish_lines("t", ["{}"] * 10)
        tap.equal(process.wait(), 0, "--count")
        summary = json.loads(process.stdout)
        tap.equal((summary["messages"], summary["connectionsLost"]), (3, 0), "summary")
        tap.equal((len(records(path)), summary["bytes"]), (3, os.path.getsize(path)), "the file")
        empty = os.path.join(folder, "empty.jsonl")
        began = time.monotonic()
        _, err = weir("record", "--url", broker.url, "-o", empty, "--for", "0.5")
        tap.check(0.4 <= time.monotonic() - began < 30, "--for")
        tap.check("no message came" in err and not os.path.exists(empty), err)
        recorder = Recorder(broker, empty)
        broker.publish("t", b"{}")
        wait_for(lambda: os.path.getsize(empty), "the message in the file")
        os.kill(recorder.process.pid, signal.SIGINT)
        tap.equal(recorder.process.wait(), 0, "Ctrl-C")
        out = subprocess.Popen([binary(), "record", "--url", broker.url, "-o", "-", "--count", "1"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        tap.check("recording from" in out.stderr.readline(), "standard output: started")
        broker.publish("t", b"{}")
        text, _ = out.communicate(timeout=support.TIMEOUT)
        tap.equal(json.loads(text)["topic"], "t", "-o -")


def test_broker_lost():
    """The broker goes: it is told, connected again, and the exit status says that there is a gap."""
    path = os.path.join(support.temp_dir(), "m.jsonl")
    with support.Broker() as broker:
        broker.publish("kept", b"1", retain=True)
        recorder = Recorder(broker, path, "--mqtt-reconnect-max", "300ms")
        broker.publish("before", b"{}")
        wait_for(lambda: b'"before"' in support_read(path), "the first message")
        broker.stop()
        recorder.process.wait_line("messages are missing from here on")
        broker.start()
        recorder.process.wait_line("connected again; what was published in the")
        broker.publish("after", b"{}")
        wait_for(lambda: b'"after"' in support_read(path), "a message after that")
        recorder.stop(want=1)
    tap.check("the connection was lost 1 times: messages are missing" in recorder.process.stderr, "summary")
    tap.equal([m["topic"] for m in records(path)], ["kept", "before", "after"],
              "what the broker keeps is recorded once")


def test_cannot_start():
    """No broker, a refused filter, bad options: told at once."""
    folder = support.temp_dir()
    path = os.path.join(folder, "m.jsonl")
    nobody = f"mqtt://127.0.0.1:{support.free_port()}"
    _, err = weir("record", "--url", nobody, "-o", path, want=1)
    tap.check("cannot connect" in err and not os.path.exists(path), err)
    support.write_file(path, message(qos=1))
    _, err = weir("replay", path, "--url", nobody, want=1)
    tap.check("cannot connect" in err, err)
    for options, text in [((), "expected -o FILE"), (("-o", "x", "--qos", "2"), "--qos: expected 0 or 1"),
                          (("-o", "x", "--for", "0"), "--for: expected seconds"),
                          (("-o", "x", "--count", "x"), "--count: expected a number"),
                          (("-o", "x", "-f", "a/#/b"), "filter 'a/#/b'"),
                          (("-o", "x", "-f", "$share/g/a"), "shared subscription"),
                          (("-o", "x", "--nope"), "unknown option --nope"),
                          (("-o", "x", "--for"), "expected a value after --for"),
                          (("-o", "-", "--json"), "both are standard output"),
                          (("-o", "/nonexistent/x"), "cannot be opened")]:
        _, err = weir("record", "--url", nobody, *options, want=2)
        tap.check(text in err, f"{options}: {err}")
    acl = support.write_file(os.path.join(folder, "acl"), "topic read allowed/#\n")
    with support.Broker(config=f"acl_file {acl}") as broker:
        out, err = weir("replay", path, "--url", broker.url, "--speed", "max", want=1)
        tap.check(f"{path}:1: not published: " in err and "1 messages refused" in out, out + err)


def test_disk_full():
    """The file may not grow further: a clear error, and what is there are whole lines."""
    path = os.path.join(support.temp_dir(), "m.jsonl")
    with support.Broker() as broker:
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
        process = subprocess.Popen([binary(), "record", "--url", broker.url, "-o", path], preexec_fn=limit,
                                   stderr=subprocess.PIPE, text=True)
        try:
            tap.check("recording from" in process.stderr.readline(), "started")
            broker.publish_lines("t", ["x" * 500 for _ in range(1000)])
            _, err = process.communicate(timeout=support.TIMEOUT)
        finally:
            process.kill()
        tap.equal(process.returncode, 1, "exit status")
    tap.check("cannot be written: File too large; it ends with the last line that was whole" in err, err)
    lines = records(path)
    tap.check(100 < len(lines) < 200 and lines[-1]["payloadText"] == "x" * 500, f"{len(lines)} lines")


# ---- replay into a broker

def test_timing():
    """Original pace, twice as fast, without pauses; by time and by count; a prefix."""
    path = os.path.join(support.temp_dir(), "m.jsonl")
    support.write_file(path, "".join(message(n) for n in (0, 300, 900, 600, 1200)))  # one goes back
    with support.Broker() as broker:
        took = {}
        for speed, least in (("1", 1.2), ("2", 0.6), ("max", 0)):
            out, _ = weir("replay", path, "--url", broker.url, "--speed", speed, "--json")
            result = json.loads(out)
            tap.equal(result["published"], 5, "published")
            took[speed] = result["seconds"]
            tap.check(took[speed] >= least, f"speed {speed}: {took}")
        tap.check(took["max"] < took["2"] < took["1"] < 10, f"the faster, the shorter: {took}")
        sub = broker.subscriber("#")
        weir("replay", path, "--url", broker.url, "--speed", "1", "--from", "1795000000300",
             "--to", "2026-11-18T11:06:40.901Z", "--topic-prefix", "again/", "--qos", "0")
        wait_for(lambda: len(broker.messages(sub)) == 3, "three messages")
        got = broker.messages(sub)
        tap.equal([m["payload"] for m in got], ['{"n": 300}'.replace(" ", ""), '{"n":900}', '{"n":600}'], "payloads")
        tap.equal({(m["topic"], m["qos"]) for m in got}, {("again/t/x", 0)}, "topic and QoS")
        stamps = [float(m["tst"].split(":")[2][:9]) for m in got]
        tap.check(0.4 <= (stamps[1] - stamps[0]) % 60 <= 10, f"the pause between them: {stamps}")
        out, _ = weir("replay", path, path, "--url", broker.url, "--speed", "max", "--count", "7", "--json")
        tap.equal(json.loads(out)["published"], 7, "--count over two files")


def test_many():
    """20,000 messages of QoS 1 without pauses: all acknowledged, in order."""
    path = os.path.join(support.temp_dir(), "m.jsonl.gz")
    with gzip.open(path, "wt") as f:
        f.writelines(message(n, qos=1) for n in range(20000))
    with support.Broker() as broker:
        copy = os.path.join(support.temp_dir(), "copy.jsonl")
        recorder = Recorder(broker, copy, "--count", "20000")
        out, _ = weir("replay", path, "--url", broker.url, "--speed", "max", "--json", timeout=120)
        tap.equal(json.loads(out)["acknowledged"], 20000, "acknowledged")
        recorder.wait()
    tap.equal([m["payload"]["n"] for m in records(copy)], list(range(20000)), "recorded, in order")


def test_broker_lost_in_replay():
    """The broker goes in the middle: what it had not acknowledged is published again."""
    path = os.path.join(support.temp_dir(), "m.jsonl")
    support.write_file(path, "".join(message(5 * n, qos=1) for n in range(400)))
    with support.Broker() as broker:
        process = Process([binary(), "replay", path, "--url", broker.url, "--json", "--mqtt-reconnect-max", "300ms"])
        wait_for(lambda: "Received PUBLISH" in broker.log, "the first messages")
        broker.kill()
        process.wait_line("what is not acknowledged is published again")
        broker.start()
        process.wait_line("connected again")
        tap.equal(process.wait(), 0, process.stderr)
        result = json.loads(process.stdout)
        tap.equal((result["acknowledged"], result["notPublished"], result["connectionsLost"]), (400, 0, 1), "result")


def test_interrupted_replay():
    """Ctrl-C: what is under way is awaited, the rest is told, the exit status is 1."""
    path = os.path.join(support.temp_dir(), "m.jsonl")
    support.write_file(path, "".join(message(n * 60000, qos=1) for n in range(3)))
    with support.Broker() as broker:
        process = Process([binary(), "replay", path, "--url", broker.url])
        wait_for(lambda: "Sending PUBACK" in broker.log, "the first message")
        os.kill(process.pid, signal.SIGINT)
        tap.equal(process.wait(), 1, process.stderr)
    tap.check("1 messages published, 1 of them acknowledged" in process.stdout, process.stdout)
    tap.check("1 messages were read and not published" in process.stdout, process.stdout)


# ---- replay into rules

SOME = [("site/a/reading", {"temp": 10}), ("site/b/reading", {"temp": 35}), ("site/c/reading", {"temp": 40}),
        ("site/d/reading", {"temp": 50}), ("door/front", {"open": True})]


def some_messages(folder):
    text = "".join(json.dumps({"timestamp": 1795000000000 + n, "topic": t, "payload": p}) + "\n"
                   for n, (t, p) in enumerate(SOME))
    text += json.dumps({"topic": "site/e/reading", "payload": {"temp": 99}, "retain": True, "stored": True}) + "\n"
    text += json.dumps({"topic": "$aws/rules/doors/x", "payload": {"open": 1}}) + "\n"
    return support.write_file(os.path.join(folder, "m.jsonl"), text)


def rules_before():
    return {"hot": rule("SELECT temp, timestamp() AS seen, newuuid() AS id, rand() AS r FROM 'site/+/reading' "
                        "WHERE temp > 30", s3("readings", "${topic(2)}/${timestamp()}"), republish("hot/${topic(2)}")),
            "doors": rule("SELECT * FROM 'door/#'", s3("doors", "${topic(2)}")),
            "wrong": rule("SELECT get_thing_shadow('x', 'arn:aws:iam::123456789012:role/r') AS s FROM 'door/+'",
                          s3("shadows", "x"))}


def test_into_rules():
    """--rules: counts for each rule, the results with what each action would be sent; nothing else happens."""
    folder = support.temp_dir()
    path, rules = some_messages(folder), folder_of(rules_before(), "rules")
    results = os.path.join(folder, "results.jsonl")
    out, err = weir("replay", path, "--rules", rules, "--results", results, "--json", cwd=folder)
    tap.check("rule wrong" in err and "look-ups" in err, err)
    result = json.loads(out)
    zero = {"evaluated": 0, "matched": 0, "failed": 0, "records": 0, "notSent": 0}
    tap.equal(result, {"messages": 6, "noRule": 0, "storedLeftOut": 1, "rules": {
        "doors": {**zero, "evaluated": 2, "matched": 2, "records": 2},
        "hot": {**zero, "evaluated": 4, "matched": 3, "records": 6},
        "wrong": {**zero, "evaluated": 1, "failed": 1}}}, "counts")
    lines = records(results)
    tap.equal([(r["line"], r["rule"]) for r in lines],
              [(2, "hot"), (3, "hot"), (4, "hot"), (5, "doors"), (5, "wrong"), (7, "doors")], "lines")
    first = lines[0]
    tap.equal((first["topic"], first["payload"]["temp"], first["payload"]["seen"]),
              ("site/b/reading", 35, 1795000000001), "result")
    bucket = first["actions"][0]["s3"]
    tap.equal((bucket["bucketName"], bucket["key"]), ("readings", "b/1795000000001"), "s3")
    tap.equal(first["actions"][1]["republish"]["topic"], "hot/b", "republish")
    tap.check("shadow" in lines[4]["error"], lines[4])
    tap.equal(lines[5]["payload"], {"open": 1}, "Basic Ingest")
    tap.equal(sorted(os.listdir(folder)), ["m.jsonl", "results.jsonl"], "nothing else was written")
    again, _ = weir("replay", path, "--rules", rules, "--results", "-", cwd=folder)
    tap.equal(again, support.read_file(results), "the same each time")
    out, _ = weir("replay", path, "--rules", rules, "--count", "2")
    tap.check(out.splitlines()[0].split() == ["rule", "evaluated", "matched", "failed", "records", "not", "sent"], out)
    tap.equal([x.split() for x in out.splitlines() if x.startswith("hot")], [["hot", "2", "1", "0", "2", "0"]], "table")


def test_diff_same():
    """--diff with the same rules: nothing differs in spite of newuuid(), rand() and timestamp()."""
    folder = support.temp_dir()
    path, rules = some_messages(folder), folder_of(rules_before(), "rules")
    out, _ = weir("replay", path, "--diff", rules, rules)
    tap.equal(out.splitlines()[0], "0 of 6 messages come out differently", "text")


def test_diff():
    """--diff: what changed for each rule, examples, JSON; exit status 1."""
    folder = support.temp_dir()
    path, before = some_messages(folder), folder_of(rules_before(), "rules")
    after = rules_before()
    after["hot"] = rule("SELECT CASE temp WHEN 50 THEN 51 ELSE temp END AS temp, timestamp() AS seen, "
                        "newuuid() AS id, rand() AS r FROM 'site/+/reading' WHERE temp < 38 OR temp = 50",
                        s3("readings", "${topic(2)}/new"), republish("hot/${topic(2)}"))
    del after["doors"]
    after["fresh"] = rule("SELECT * FROM 'door/+'", s3("doors", "x"))
    after["unused"] = rule("SELECT * FROM 'nothing'")
    after["wrong"] = rule("SELECT 1 AS s FROM 'door/+'", s3("shadows", "x"))
    new = folder_of(after, "rules-new")
    out, _ = weir("replay", path, "--diff", before, new, "--json", want=1)
    result = json.loads(out)
    changes = {name: {k: v for k, v in r.items() if v and k not in ("examples", "status")}
               for name, r in result["rules"].items()}
    tap.equal((result["messages"], result["changed"]), (6, 6), "messages")
    tap.equal({n: r["status"] for n, r in result["rules"].items()},
              {"doors": "removed", "fresh": "added", "hot": "changed", "unused": "added", "wrong": "changed"}, "status")
    tap.equal(changes, {
        "doors": {"changed": 2, "matchedOld": 2, "noLongerMatches": 2},
        "fresh": {"changed": 1, "matchedNew": 1, "nowMatches": 1},
        "hot": {"changed": 4, "matchedOld": 3, "matchedNew": 3, "nowMatches": 1, "noLongerMatches": 1,
                "resultChanged": 1, "actionsChanged": 2},
        "unused": {}, "wrong": {"changed": 1, "matchedNew": 1, "noLongerFails": 1}}, "changes")
    last = result["rules"]["hot"]["examples"][-1]
    tap.equal((len(result["rules"]["hot"]["examples"]), last["line"], last["changes"]), (3, 3, ["noLongerMatches"]),
              "the first three examples")
    out, _ = weir("replay", path, "--diff", before, new, "--examples", "4", want=1)
    tap.check(f"  {path}:4  site/d/reading: result changed, actions changed\n"
              "      $.temp: was 50, now 51\n"
              '      actions[0].s3.key: was "d/1795000000003", now "d/new"\n' in out, out)
    tap.check("rule unused (added): no message comes out differently" in out, out)
    out, _ = weir("replay", path, "--diff", before, new, "--examples", "0", "--count", "1", want=1)
    tap.check("now matches" in out and path not in out, out)


def test_diff_spelling():
    """A result that is equal JSON and other bytes is told as that."""
    folder = support.temp_dir()
    path = support.write_file(os.path.join(folder, "m.jsonl"), message(1))
    old = folder_of({"r": rule("SELECT n, topic() AS t FROM '#'")}, "old")
    new = folder_of({"r": rule("SELECT topic() AS t, n FROM '#'")}, "new")
    out, _ = weir("replay", path, "--diff", old, new, want=1)
    tap.check("result spelt differently (equal JSON)" in out and "was" in out, out)


# ---- bad input

def test_bad_files():
    """Malformed, cut off, empty, missing: the place and the reason; exit status 2."""
    folder = support.temp_dir()
    rules = folder_of({"all": rule("SELECT * FROM '#'")}, "rules")
    whole = gzip.compress("".join(message(n) for n in range(100)).encode())
    for name, content, text in [
            ("bad.jsonl", message() + '{"topic":"t","payload":{}]\n', "bad.jsonl:2:26: malformed JSON"),
            ("member.jsonl", '{"topic":"t","paylaod":1}\n', "member.jsonl:1:14: a message has no member 'paylaod', did you"),
            ("cut.jsonl", message() + '{"topic":"t","pay', "cut.jsonl:2:18: the line ends within a JSON text (the file ends"),
            ("cut.jsonl.gz", whole[:-20], "cut.jsonl.gz: the gzip data ends early: the file was cut off"),
            ("bits.jsonl.gz", whole[:60] + bytes([whole[60] ^ 8]) + whole[61:], "bits.jsonl.gz: the gzip data is damaged"),
            ("plain.jsonl.gz", message(), "plain.jsonl.gz: found no gzip data"),
            ("packed.jsonl", whole, "packed.jsonl: is gzip data: give it a name that ends in .gz"),
            ("empty.jsonl", "", "empty.jsonl: holds no message"),
            ("no-time.jsonl", '{"topic":"t","payload":1}\n', "")]:
        path = support.write_file(os.path.join(folder, name), content)
        for form in (["--rules", rules], ["--diff", rules, rules]):
            _, err = weir("replay", path, *form, want=2 if text else 0)
            tap.check(text in err, f"{name}: {err}")
    _, err = weir("replay", os.path.join(folder, "no-time.jsonl"), "--rules", rules, "--from", "0", want=2)
    tap.check("no-time.jsonl:1:1: found no timestamp, which --from and --to need" in err, err)
    _, err = weir("replay", os.path.join(folder, "none"), "--rules", rules, want=2)
    tap.check("none: cannot be opened: No such file or directory" in err, err)
    good = support.write_file(os.path.join(folder, "good.jsonl"), message())
    bad_rules = folder_of({"all": rule("SELECT * FROM")}, "bad")
    for args, text in [((good, "--rules", bad_rules), "bad/all.json: sql:1:14: "), ((good, "--rules", folder), "holds no rule"),
                       ((good, "--rules", "nowhere"), "nowhere"), ((good,), "expected one of --url"),
                       (("--rules", rules), "expected a message file"), ((good, "--diff", rules), "expected two folders"),
                       ((good, f"--diff={rules}"), "expected two folders"),
                       ((good, "--diff", rules, rules, "--diff", rules, rules), "expected two folders of rules, once"),
                       ((good, "--rules", rules, "--url", "mqtt://x"), "expected one of --url"),
                       ((good, "--rules", rules, "--mqtt-url", "mqtt://x"), "expected one of --url"),
                       ((good, "--rules", rules, "--speed", "2"), "go with --url only"),
                       ((good, "--url", "x", "--speed", "fast"), "--speed: expected a factor"),
                       ((good, "--rules", rules, "--from", "yesterday"), "--from: expected a time"),
                       ((good, "--rules", rules, "--from", "2026-02-30"), "--from: expected a time"),
                       ((good, "--rules", rules, "--nope"), "unknown option --nope"),
                       ((good, "--rules", rules, "--topic-prefix", "a/#/"), "with --topic-prefix")]:
        _, err = weir("replay", *args, want=2)
        tap.check(text in err, f"{args}: {err}")


def test_progress_only_on_a_terminal():
    """The progress line is for terminals: a pipe sees none of it."""
    path = os.path.join(support.temp_dir(), "m.jsonl")
    support.write_file(path, message(0) + message(1500))
    with support.Broker() as broker:
        command = ["replay", path, "--url", broker.url]
        _, err = weir(*command)
        tap.equal(err, "", "standard error of a pipe")
        leader, follower = support.terminal()
        process = subprocess.Popen([binary(), *command], stdout=subprocess.DEVNULL, stderr=follower)
        os.close(follower)
        seen = b""
        try:
            while True:
                seen += os.read(leader, 65536)
        except OSError:  # the other end is closed
            pass
        finally:
            os.close(leader)
        tap.equal(process.wait(), 0, "exit status")
    tap.check(b"[####" in seen and b"%  " in seen and seen.endswith(b"\r\x1b[K"), repr(seen[-300:]))


# ---- from a running weir

def kept_payload_of(member):
    """The bytes of a line as an object, or None: JSON, whose text tells."""
    if "payloadBase64" in member:
        return base64.b64decode(member["payloadBase64"])
    return member["payloadText"].encode() if "payloadText" in member else None


def test_running():
    """--running: what came to a weir, byte for byte, with its properties; filters and --last; replay reads it"""
    rules = {"some": rule("SELECT * FROM 'p/object'", republish("out"))}
    folder = support.temp_dir()
    out = os.path.join(folder, "last.jsonl.gz")
    with support.Broker() as broker, Weir(broker, rules) as weir:
        weir.write_rule("all", rule("SELECT 1 AS one FROM 'p/#' WHERE topic(2) = 'none'", republish("out")))
        weir.wait_rules(2)
        weir.wait_filter("p/#")
        for topic, payload in PAYLOADS.items():
            broker.publish(topic, payload, options=[x for p in PROPERTIES for x in ("-D", "publish", *p)]
                           if topic == "p/object" else ())
        weir.wait_settled(len(PAYLOADS))
        code, text, err = weir.run("record", "--running", "-o", out, "--json")
        tap.equal((code, err), (0, ""), "record")
        tap.equal(json.loads(text)["messages"], len(PAYLOADS), "messages")
        lines = records(out)
        tap.equal([x["topic"] for x in lines], list(PAYLOADS), "topics, in order")
        with gzip.open(out, "rb") as f:
            raw = f.read().splitlines()
        for line, bytes_ in zip(lines, raw):
            want = PAYLOADS[line["topic"]]
            got = kept_payload_of(line)
            tap.check(got == want if got is not None else b'"payload":' + want + b"}" in bytes_, f"{line['topic']}: bytes")
            tap.check(abs(line["timestamp"] / 1000 - time.time()) < 60 and line["qos"] == 1, f"{line['topic']}: time, qos")
        tap.equal((lines[0]["userProperties"], lines[0]["mqttProperties"]["contentType"],
                   lines[0]["mqttProperties"]["correlationData"], lines[0]["mqttProperties"]["responseTopic"]),
                  ([["unit", "C"], ["unit", ""], ["weir-hops", "2"]], "application/json",
                   base64.b64encode(b"id-7").decode(), "answers/1"), "properties")
        for words, want in ((("--last", "3"), list(PAYLOADS)[-3:]), (("-f", "p/range", "-f", "p/+"), list(PAYLOADS)),
                            (("-f", "p/range", "-f", "p/text"), ["p/range", "p/text"]),
                            (("-f", "p/+", "--last", "1"), list(PAYLOADS)[-1:])):
            path = os.path.join(folder, "part.jsonl")
            code, text, err = weir.run("record", "--running", "-o", path, *words)
            tap.equal((code, text), (0, ""), f"{words}: {err}")
            tap.equal([x["topic"] for x in records(path)], want, f"{words}")
            os.unlink(path)
        code, text, err = weir.run("record", "--running", "-o", out, "-f", "none/#")
        tap.equal((code, text), (2, ""), "a file that is there")
        code, text, err = weir.run("record", "--running", "-o", os.path.join(folder, "none"), "-f", "none/#")
        tap.equal((code, err), (0, f"weir record: that weir has kept no such message, nothing is written to {folder}/none\n"),
                  "none")
        code, text, err = support.run([binary(), "replay", out, "--rules", weir.rules_dir])
        tap.equal(code, 0, f"replay: {err}")
        tap.equal([x.split()[1:3] for x in text.splitlines() if x.startswith(("some ", "all "))][1], ["1", "1"],
                  f"the rule some\n{text}")
        for words, want in ((["--count", "3"], "with --running go -f"), (["--last", "0"], "--last: expected"),
                            (["-f", "a/#/b"], "filter: ")):
            code, text, err = weir.run("record", "--running", "-o", os.path.join(folder, "x"), *words)
            tap.check(code in (1, 2) and text == "" and want in err, f"{words}: {code} {err}")
        code, text, err = weir.run("record", "--last", "3", "-o", os.path.join(folder, "x"))
        tap.equal(code, 2, "--last alone")
        tap.check("--running is missing before --last" in err, err)


def test_running_bounds():
    """ring.bytes bounds what is kept; 0 keeps none; only admins may ask"""
    rules = {"some": rule("SELECT * FROM 'in/#'", republish("out"))}
    folder = support.temp_dir()
    config = {"ring": {"bytes": "256K"}, "admin": {"group": str(os.getegid()), "users": "1234=operator"}}
    with support.Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("in/large", "x" * 100000)
        broker.publish_lines("in/a", [json.dumps({"n": n, "x": "y" * 900}) for n in range(1000)])
        weir.wait_settled(1001)
        path = os.path.join(folder, "a.jsonl")
        code, text, err = weir.run("record", "--running", "-o", path)
        tap.equal(code, 0, err)
        numbers = [x["payload"]["n"] for x in map(payload_json, records(path))]
        tap.equal(numbers, list(range(1000 - len(numbers), 1000)), "the last, in order, without a gap")
        tap.check(220 < len(numbers) < 290, f"as many as fit into 256 KiB: {len(numbers)}")
        if os.geteuid() == 0:
            for folder_ in (weir.dir, weir.state_dir):
                os.chmod(folder_, 0o755)
            code, text, err = support.run(["setpriv", "--reuid", "1234", "--regid", str(os.getegid()), "--clear-groups", "--",
                                           binary(), "record", "--running", "-o", "-", "--socket",
                                           os.path.join(weir.state_dir, "admin.sock")])
            tap.equal((code, text), (1, ""), "an operator")
            tap.check("needs the role admin; yours is operator" in err, err)
        weir.configure({"ring": {"bytes": 0}})
        weir.stop()
        weir.start()
        code, text, err = weir.run("record", "--running", "-o", os.path.join(folder, "b"))
        tap.equal((code, err), (1, "weir record: this weir keeps no messages: ring.bytes is 0\n"), "none")
        weir.stop()
        code, text, err = weir.run("record", "--running", "-o", os.path.join(folder, "b"))
        tap.check(code == 1 and "no weir runs here" in err, err)
        tap.equal(os.listdir(folder), ["a.jsonl"], "no file is left of what failed")
        weir.start()


def payload_json(line):
    return line if "payload" in line else {"payload": json.loads(kept_payload_of(line))}


if __name__ == "__main__":
    support.main(globals())
