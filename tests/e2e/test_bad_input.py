"""Bad input: configuration, rules, broker, state folder, statements. Each is a line that names the place
and what to do about it; a running weir comes back when the trouble is over.

    test_bad_input.py WEIR [test_…]
"""
import json
import os
import re
import sys

import support
from support import tap, wait_for
from weir import Weir, binary, rule, s3

ESCAPE = "\x1b"
STAMP = re.compile(r"^time=\d{4}-\d\d-\d\dT[\d:.]+Z level=(error|warn) ")


def weir(*args, cwd=None, env=None, stdin=None):
    return support.run([binary(), *args], cwd=cwd, env=env, stdin=stdin)


def grave(text):
    """The lines that complain: bare ones of a command, and warnings and errors of the log."""
    return [x for x in text.splitlines() if STAMP.match(x) or x.startswith("weir ")]


def folder(rules=None, config=None):
    """A working folder: rules/NAME.json and weir.yaml."""
    path = support.temp_dir()
    os.mkdir(os.path.join(path, "rules"))
    for name, document in (rules or {}).items():
        text = document if isinstance(document, str) else json.dumps(document)
        support.write_file(os.path.join(path, "rules", name + ".json"), text)
    if config is not None:
        support.write_file(os.path.join(path, "weir.yaml"), config)
    return path


def refused(what, words, *args, config=None, rules=None, code=2, cwd=None, lines=1):
    """`weir run ARGS` ends with `code` and `lines` lines of complaint that hold all the words."""
    cwd = cwd or folder(rules, config)
    got, out, err = weir("run", *args, cwd=cwd)
    tap.equal(got, code, f"{what}: exit status; it said {err!r}")
    tap.equal(out, "", f"{what}: nothing on stdout")
    complaints = grave(err)
    tap.equal(len(complaints), lines, f"{what}: lines of complaint in {err!r}")
    for word in words:
        tap.check(word in "\n".join(complaints), f"{what}: expected {word!r} in {complaints!r}")
    tap.check(ESCAPE not in err, f"{what}: colour in a file")
    return err


# ---- before anything runs

def test_config_file():
    """weir.yaml: unknown keys, wrong values, no YAML"""
    refused("unknown key", ["weir.yaml:2:3:", "mqtt.urll", 'did you mean "mqtt.url"'],
            config="mqtt:\n  urll: mqtt://localhost\n")
    refused("unknown section", ["weir.yaml:3:1:", "rulez"], config="\n# x\nrulez: {dir: a}\n")
    refused("out of range", ["weir.yaml:1:18:", "mqtt.keepalive", '"3"', "60..65535 s"],
            config="mqtt.keepalive:  3\n")
    refused("no choice", ["weir.yaml:1:6:", "ack", '"maybe"', "settled|received"], config="ack: maybe\n")
    refused("no YAML", ["weir.yaml:2:"], config="mqtt: {url: a\nstate_dir: }]\n")
    refused("a tab", ["weir.yaml:2:1:"], config="mqtt:\n\turl: a\n")
    refused("twice", ["weir.yaml:3:1:", "ack", "line 1"], config="ack: settled\nmode: local\nack: settled\n")
    refused("a list", ["weir.yaml:1:1:", "list"], config="- a\n- b\n")
    refused("bytes", ["weir.yaml:1:"], config=b"ack: \xff\xfe\x00\n")
    refused("unknown sink", ["weir.yaml:2:3:", "s4"], config="sinks:\n  s4: {}\n")
    refused("no such file", ["elsewhere.yaml", "No such file"], "-c", "elsewhere.yaml")
    refused("a folder", ["rules:", "directory"], "-c", "rules")


def test_options():
    """options and environment: unknown names, wrong values"""
    refused("unknown option", ["--mqtt-urll", "did you mean", "--mqtt-url"], "--mqtt-urll", "x")
    refused("unlike any option", ["--frobnicate", "weir help run"], "--frobnicate")
    refused("no option", ["sideways", "weir help run"], "sideways")
    refused("no value", ["--mqtt-url", "value"], "--mqtt-url")
    refused("wrong value", ["--drain", '"soon"'], "--drain", "soon")
    refused("no URL", ["--mqtt-url", "mqtt://"], "--mqtt-url", "http://127.0.0.1:1883")
    refused("half a certificate", ["mqtt.cert_file", "mqtt.key_file"], "--mqtt-cert-file", "a.pem")
    code, _, err = weir("run", cwd=folder(), env={"WEIR_MQTT_BATCH": "many"})
    tap.equal((code, len(grave(err))), (2, 1), "a wrong value in the environment")
    tap.check("WEIR_MQTT_BATCH" in err and '"many"' in err, f"place and value: {err!r}")
    code, _, err = weir("run", cwd=folder(), env={"WEIR_MQTT_BATHC": "1"})
    tap.equal((code, len(grave(err))), (2, 1), "an unknown name in the environment")
    tap.check("WEIR_MQTT_BATHC" in err, f"place: {err!r}")


def test_rules_check():
    """run --check: unknown action, bad SQL and the rest, a line each; good rules are counted"""
    good = rule("SELECT * FROM 'a/b'", s3("bucket", "k"))
    broken = {
        "action": ({**good, "actions": [{"s33": good["actions"][0]["s3"]}]}, ["s33", "s3"]),
        "sql": ({**good, "sql": "SELECT * FRO 'a'"}, ["sql:1:", "found", "expected"]),
        "function": ({**good, "sql": "SELECT uper(a) FROM 'a'"}, ["sql:1:8", "uper"]),
        "member": ({**good, "actions": [{"s3": {**good["actions"][0]["s3"], "kee": "x"}}]}, ["kee", "key"]),
        "missing": ({"sql": good["sql"], "actions": [{"s3": {"bucketName": "bucket"}}]}, ["s3"]),
        "template": ({"sql": good["sql"], "awsIotSqlVersion": "2016-03-23",
                      "actions": [{"s3": {**good["actions"][0]["s3"], "key": "${topic(}"}}]}, ["key"]),
        "version": ({**good, "awsIotSqlVersion": "2020-01-01"}, ["2020-01-01", "2016-03-23"]),
        "not-a-name": (good, ["not-a-name"]),
        "no_sql": ({"actions": good["actions"]}, ["sql"]),
        "eleven": ({**good, "actions": good["actions"] * 11}, ["actions", "10"]),
        "json": ('{"sql": "SELECT * FROM \'a\'",\n "actions": [}', [":2:"]),
        "empty": ("", [":1:"]),
        "list": ("[]", ["object"]),
    }
    rules = {name: document for name, (document, _) in broken.items()}
    code, out, err = weir("run", "--check", cwd=folder({**rules, "good": good}))
    tap.equal((code, err), (1, ""), "rules that are refused")
    lines = out.splitlines()
    tap.equal(lines[-1], f"rules accepted: 1, documents refused: {len(broken)}", "the sum")
    for name, (_, words) in broken.items():
        mine = [x for x in lines if f"/{name}.json:" in x]
        tap.equal(len(mine), 1, f"lines about {name}: {mine}")
        tap.check(mine[0].startswith("error: "), mine[0])
        for word in words:
            tap.check(word in mine[0], f"{name}: expected {word!r} in {mine[0]!r}")
    code, out, err = weir("run", "--check", cwd=folder({"good": good}))
    tap.equal((code, out, err), (0, "rules accepted: 1, documents refused: 0\n", ""), "good rules")


def test_no_rules_folder():
    """a rules folder that is missing, or no folder"""
    path = folder()
    os.rmdir(os.path.join(path, "rules"))
    words = ["rules", "No such file or directory", "rules.dir"]
    refused("missing", words, "--state-dir", "state", cwd=path)
    code, out, err = weir("run", "--check", cwd=path)
    tap.equal((code, out, len(grave(err))), (2, "", 1), "missing, with --check")
    support.write_file(os.path.join(path, "rules"), "")
    refused("a file", ["rules", "Not a directory", "rules.dir"], "--state-dir", "state", cwd=path)


def test_state_folder():
    """a state folder that cannot be made or written, and one in use"""
    path = folder()
    support.write_file(os.path.join(path, "file"), "")
    # Root may write anywhere, so: below a file, where nobody can make a folder, and below no folder.
    for where in ("file/state", "file", "/proc/weir-state", "/dev/null"):
        refused(where, ["state_dir", where.split("/")[-1] if where != "file/state" else "file"],
                "--state-dir", where, code=1, cwd=path)
    with support.Broker() as broker, Weir(broker) as first:
        words = ["state_dir", "in use", str(first.process.pid)]
        refused("in use", words, "--state-dir", first.state_dir, "--mqtt-url", broker.url, code=1)
        tap.check(first.process.alive(), "the first one runs on")


def test_certificates():
    """certificate files that are missing or no certificates"""
    path = folder()
    support.write_file(os.path.join(path, "text.pem"), "no certificate\n")
    base = ["--state-dir", "state", "--mqtt-url", "mqtts://127.0.0.1:1"]
    refused("no CA", ["mqtt.ca_file", "gone.pem", "No such file"], *base, "--mqtt-ca-file", "gone.pem", cwd=path)
    refused("no certificate", ["mqtt.cert_file", "gone.pem", "No such file"], *base, "--mqtt-cert-file",
            "gone.pem", "--mqtt-key-file", "text.pem", cwd=path)
    refused("no key", ["mqtt.key_file", "gone.pem", "No such file"], *base, "--mqtt-cert-file",
            "text.pem", "--mqtt-key-file", "gone.pem", cwd=path)
    refused("no password file", ["mqtt.password_file", "gone", "No such file"], *base, "--mqtt-username", "u",
            "--mqtt-password-file", "gone", cwd=path)


# ---- a running weir comes back

def delivered(broker, w, topic="a/b"):
    """One message through the rule that keeps a/# under its topic."""
    delivered.count += 1
    payload = b'{"n":%d}' % delivered.count
    broker.publish(topic, payload)
    wait_for(lambda: payload in w.objects("bucket").values(), "the object")


delivered.count = 0
KEEP = rule("SELECT * FROM 'a/#'", s3("bucket", "${topic()}/${newuuid()}"))
FAST = {"reconnect_min": "50ms", "reconnect_max": "200ms", "connect_timeout": "1s"}


def begin(broker, **mqtt):
    """weir with the rule KEEP, not waited for."""
    w = Weir(broker, {"keep": KEEP}, {"mqtt": {**FAST, **mqtt}}, start=False)
    w.start(wait=False)
    w.process.wait_line("started: pid")
    return w


def ready(w):
    wait_for(lambda: w.totals()["mqtt"]["connected"] and w.totals()["mqtt"]["subscribed"], "weir to connect")


def test_broker_away():
    """no broker at start: said once a connection, and weir connects when it is there"""
    broker = support.Broker(start=False, port=support.free_port())
    with begin(broker) as w:
        line = w.process.wait_line("source: cannot connect")
        for word in (f"127.0.0.1 port {broker.port}", "Connection refused", "mqtt.url"):
            tap.check(word in line, f"expected {word!r} in {line!r}")
        broker.start()
        ready(w)
        delivered(broker, w)
    broker.stop()


def test_port_in_use():
    """the port belongs to something that is no broker: said, and weir connects when a broker has it"""
    import socket
    with socket.socket() as other:
        other.bind((support.HOST, 0))
        other.listen(50)
        port = other.getsockname()[1]
        broker = support.Broker(start=False, port=port)
        w = begin(broker)
        line = w.process.wait_line("source: ")
        tap.check(f"port {port}" in line and "no answer" in line and "mqtt.url" in line, f"place and remedy: {line!r}")
    broker.start()
    ready(w)
    delivered(broker, w)
    w.stop()
    broker.stop()


def with_password(path, password):
    code, _, err = support.run(["mosquitto_passwd", "-b", "-c", path, "device", password])
    tap.equal(code, 0, err)


def test_wrong_password():
    """a wrong password: said with the option; when the broker takes it, weir connects"""
    passwords = os.path.join(support.temp_dir(), "passwords")
    with_password(passwords, "right")
    broker = support.Broker(anonymous=False, config=f"password_file {passwords}")
    broker.client_options = ["-u", "device", "-P", "right"]
    for version, word in (("5", "mqtt.username"), ("3.1.1", "mqtt.username")):
        with_password(passwords, "right")
        broker.restart()  # mosquitto 2.0.11 may crash when it reads the file again on SIGHUP while clients come
        with begin(broker, username="device", password="wrong", version=version) as w:
            line = w.process.wait_line("source: ")
            tap.check(word in line and "mqtt.password" in line, f"version {version}: {line!r}")
            tap.check("wrong" not in line, f"the password is no secret: {line!r}")
            with_password(passwords, "wrong")
            broker.client_options = ["-u", "device", "-P", "wrong"]
            broker.restart()
            ready(w)
            delivered(broker, w)
    broker.stop()


def test_tls_to_plain_port():
    """TLS to a plain port: said, and weir goes on trying"""
    with support.Broker() as broker:
        with begin(broker, url=f"mqtts://127.0.0.1:{broker.port}", verify=False) as w:
            line = w.process.wait_line("source: ")
            tap.check("TLS" in line and "mqtt://" in line, f"remedy: {line!r}")
            begun = len(broker.process.err_lines)
            wait_for(lambda: any("New connection" in x for x in broker.process.err_lines[begun:]),
                     "another attempt")
            tap.check(w.process.alive(), "weir runs on")


def test_plain_to_tls_port():
    """a plain connection to a TLS port, and a certificate nobody vouches for"""
    path = support.temp_dir()
    ca = support.make_ca(path)
    cert, key = support.make_certificate(path, "broker", ca)
    other, _ = support.make_ca(path, "other")
    listener = f"cafile {ca[0]}\ncertfile {cert}\nkeyfile {key}"
    with support.Broker(listener=listener) as broker:
        with begin(broker) as w:
            line = w.process.wait_line("source: ")
            tap.check(f"port {broker.port}" in line, f"place: {line!r}")
            tap.check(w.process.alive(), "weir runs on")
        url = f"mqtts://127.0.0.1:{broker.port}"
        with begin(broker, url=url, ca_file=other) as w:
            line = w.process.wait_line("source: ")
            tap.check("certificate" in line and "mqtt.ca_file" in line, f"remedy: {line!r}")
        text = support.write_file(os.path.join(path, "text.pem"), "no certificate\n")
        with begin(broker, url=url, ca_file=text) as w:
            line = w.process.wait_line("source: ")
            tap.check("PEM" in line and "mqtt.ca_file" in line, f"remedy: {line!r}")
        broker.client_options = ["--cafile", ca[0]]
        with begin(broker, url=url, ca_file=ca[0]) as w:
            ready(w)
            delivered(broker, w)


def test_broken_rule():
    """a rule that is broken while weir runs: said, the earlier version runs on, the next one is taken"""
    with support.Broker() as broker, Weir(broker, {"keep": KEEP}) as w:
        delivered(broker, w)
        w.write_rule("keep", {**KEEP, "sql": "SELECT * FROM 'a/#' WHERE"})
        line = w.process.wait_line("level=error room=rules")
        for word in ("keep.json", "sql:1:", "expected", "previous version keeps running"):
            tap.check(word in line, f"expected {word!r} in {line!r}")
        delivered(broker, w)
        w.write_rule("other", {**KEEP, "actions": [{"teleport": {}}]})
        line = w.process.wait_line("other.json")
        tap.check("teleport" in line, line)
        w.write_rule("other", rule("SELECT * FROM 'c/#'", s3("bucket", "c/${newuuid()}")))
        w.write_rule("keep", KEEP)
        w.process.wait_line(": 2, topic filters: 2")
        delivered(broker, w)
        delivered(broker, w, "c/d")


def test_not_json():
    """payloads that are not JSON: counted, a rule that reads them does not match, others do"""
    reads = rule("SELECT x FROM 'a/#' WHERE x > 0", s3("reads", "${newuuid()}"))
    with support.Broker() as broker, Weir(broker, {"keep": KEEP, "reads": reads}) as w:
        broker.publish("a/b", "{\"x\": 1")
        broker.publish("a/b", "{\"x\": 1}")
        wait_for(lambda: w.objects("reads"), "the object")
        wait_for(lambda: len(w.objects("bucket")) == 2, "both messages")
        tap.equal(list(w.objects("reads").values()), [b'{"x":1}'], "only JSON has attributes")


def test_state_not_writable_while_running():
    """state that cannot be written while weir runs: said, subscriptions wait, and go on when it can"""
    with support.Broker() as broker, begin(broker) as w:
        ready(w)
        # Root may write anywhere, but not a file where a folder is.
        in_the_way = os.path.join(w.state_dir, "source.json.new")
        os.mkdir(in_the_way)
        w.write_rule("other", rule("SELECT * FROM 'c/#'", s3("bucket", "c/${newuuid()}")))
        line = w.process.wait_line("level=error room=mqtt")
        for word in ("source.json", "Is a directory", "until it can be written"):
            tap.check(word in line, f"expected {word!r} in {line!r}")
        delivered(broker, w)
        os.rmdir(in_the_way)
        w.wait_filter("c/#")
        delivered(broker, w, "c/d")


def test_objects_not_writable_while_running():
    """objects that cannot be written: said with rule, action and place; the next ones are, when they can"""
    with support.Broker() as broker, begin(broker) as w:
        ready(w)
        delivered(broker, w)
        objects, aside = os.path.join(w.state_dir, "local", "s3"), os.path.join(w.dir, "aside")
        os.rename(objects, aside)
        support.write_file(objects, "in the way")
        broker.publish("a/lost", "{}")
        line = w.process.wait_line("rule keep")
        for word in ("action s3", objects + "/bucket", "not a directory"):
            tap.check(word in line, f"expected {word!r} in {line!r}")
        w.wait_settled(2)
        os.unlink(objects)
        os.rename(aside, objects)
        delivered(broker, w)
        counters = w.counters("keep")["actions"]["s3"]
        tap.equal((counters["success"], counters["failure"]), (2, 1), "counted")


# ---- the command line

def test_commands():
    """help, unknown commands, exit codes, the streams"""
    code, out, err = weir("help")
    tap.equal((code, err), (0, ""), "help")
    for command in ("run", "eval", "demo", "local", "sinks", "help", "version"):
        tap.check(re.search(rf"^  {command} ", out, re.M), f"help does not list {command}")
        code, one, err = weir("help", command)
        tap.equal((code, err), (0, ""), f"help {command}")
        tap.check(f"usage: weir {command}" in one, f"help {command} has no usage")
        tap.equal(weir(command, "--help"), (0, one, ""), f"{command} --help is help {command}")
    for args in ([], ["nosuch"], ["help", "nosuch"], ["help", "run", "eval"], ["version", "1"]):
        code, out, err = weir(*args)
        tap.equal((code, out), (2, ""), f"weir {args}: a usage error")
        tap.check(err, f"weir {args}: says nothing")
    tap.equal(weir("evel")[2], "weir: unknown command 'evel', did you mean 'eval'?\n", "a near miss")
    tap.equal(weir("--version")[1], weir("version")[1], "--version")
    code, _, err = support.run(["sh", "-c", f"'{binary()}' help > /dev/full"])
    tap.equal(code, 2, "results that could not be written")
    tap.check("standard output" in err, err)


def test_help_topics():
    """help functions, options, sql: names in any spelling, near misses, wrong usage; JSON that parses"""
    code, out, err = weir("help", "functions", "TRIM")
    tap.equal((code, err), (0, ""), "a function in any case")
    tap.check(out.startswith("trim(text String)\n"), out)
    for topic, members in (("functions", {"name", "signature", "examples"}), ("options", {"name", "default", "help"})):
        entries = json.loads(weir("help", topic, "--json")[1])
        tap.check(all(members <= entry.keys() for entry in entries), f"{topic}: members of the JSON")
        plain = weir("help", topic)[1].replace("--", "").replace("-", ".").replace("_", ".")
        for entry in entries:
            tap.check(entry["name"].replace("_", ".") in plain, f"help {topic} lists {entry['name']}")
    one = weir("help", "options", "mqtt.client_id")
    tap.equal(one[0], 0, "an option")
    for spelling in ("--mqtt-client-id", "WEIR_MQTT_CLIENT_ID"):
        tap.equal(weir("help", "options", spelling), one, spelling)
    tap.check("SET assign" in weir("help", "sql")[1], "the grammar")
    for args, said in ((("functions", "rtrm"), "did you mean 'rtrim'?"), (("functions", "string"), "did you mean 'strings'?"),
                       (("options", "mqtt.urk"), "did you mean 'mqtt.url'?"), (("functions", "--nope"), "--nope"),
                       (("functions", "trim", "ltrim"), "ltrim"), (("options", "a", "b"), "b"), (("sql", "x"), "x"),
                       (("functions", "--markdown"), "family"), (("functions", "--markdown", "nope"), "nope"),
                       (("functions", "--json", "x"), "x")):
        code, out, err = weir("help", *args)
        tap.equal((code, out), (2, ""), f"weir help {args}: a usage error")
        tap.check(said in err, f"weir help {args}: {err!r}")


def test_eval():
    """eval: exit codes 0, 1, 2; caret, found and expected; results apart from diagnostics"""
    tap.equal(weir("eval", "SELECT a.b AS c FROM 'x'", "-p", '{"a":{"b":1.5}}'), (0, '{"c":1.5}\n', ""),
              "a result")
    tap.equal(weir("eval", "SELECT x FROM 'x'", "-p", "-", stdin='{"x":"ü"}'), (0, '{"x":"ü"}\n', ""), "stdin")
    code, out, err = weir("eval", "SELECT x FROM 'a' WHERE x > 3", "-p", '{"x":1}')
    tap.equal((code, out), (1, ""), "no match")
    tap.check("x is 1" in err, f"why: {err!r}")
    code, out, err = weir("eval", "SELECT x FROM 'a'", "-t", "b")
    tap.equal((code, out), (1, ""), "another topic")
    tap.check("'b'" in err and "'a'" in err, err)
    code, out, err = weir("eval", "SELECT x FROM 'a'", "-p", "nope")
    tap.equal((code, out), (0, "{}\n"), "no JSON")
    tap.check("not a JSON" in err, err)
    for sql, column, words in (
            ("SELECT * FROM 'a' WHERE x =", 28, ["found the end", "expected"]),
            ("SELECT * FRM 'a'", 10, ["found", "expected"]),
            ("SELECT nosuch(x) FROM 'a'", 8, ["found", "nosuch"]),
            ("SELECT 'ü', (1 + FROM 'a'", 18, ["found", "expected"]),
            ("", 1, ["expected"]),
            ("SELECT \x01 FROM 'a'", 8, ["found"])):
        code, out, err = weir("eval", sql)
        tap.equal((code, out), (2, ""), f"{sql!r}: a mistake")
        lines = err.splitlines()
        tap.check(f"column {column}:" in lines[0], f"{sql!r}: column {column} in {lines[0]!r}")
        for word in words:
            tap.check(word in lines[0], f"{sql!r}: expected {word!r} in {lines[0]!r}")
        tap.equal(len(lines), 3, f"{sql!r}: a line, the statement, the caret: {err!r}")
        tap.equal(lines[2].index("^"), 2 + column - 1, f"{sql!r}: where the caret is")
        tap.check("\x01" not in err, "control characters are not passed on")
    sql = "SELECT *\nFROM 'a'\nWHERE x ==== 1"
    code, _, err = weir("eval", sql)
    tap.check(code == 2 and "line 3" in err and "WHERE x ====" in err, f"the line that matters: {err!r}")
    rows = '{"a":[%s]}' % ",".join(map(str, range(10000)))
    sql = "SET @a = a SELECT (SELECT VALUE (SELECT VALUE 1 FROM @a) FROM @a) AS r FROM 'a'"
    for args, reason in (([], "steps than its limit (fuel)"), (["--fuel", "200000"], "steps than its limit (fuel)"),
                         (["--memory", "64k"], "memory than its limit (message_memory)")):
        code, out, err = weir("eval", sql, "-p", "-", *args, stdin=rows)
        tap.equal((code, out), (1, ""), f"a limit {args}")
        tap.check("the evaluation took more " + reason in err, f"{args}: {err!r}")
    code, out, err = weir("eval", sql, "-p", "-", "--fuel", "10000000000", "--memory", "4G", stdin='{"a":[1,2,3]}')
    tap.equal((code, err, out[:11]), (0, "", '{"r":[[1,1,'), "with larger limits")
    for args in ([], ["--what"], ["a", "b"], ["SELECT 1", "--cases", "x"], ["SELECT 1", "--fuel", "0"],
                 ["SELECT 1", "--fuel", "1k"], ["SELECT 1", "--memory", "1k"], ["SELECT 1", "--memory", "-1"],
                 ["--cases", "gone.jsonl"],
                 ["SELECT x FROM 'a'", "-p", "@gone"], ["SELECT x FROM 'a'", "-p"],
                 ["SELECT x FROM 'a'", "--sql-version", "2020"], ["SELECT x FROM 'a'", "-t", "a/#"]):
        code, out, err = weir("eval", *args)
        tap.equal((code, out), (2, ""), f"eval {args}")
        tap.equal(len(err.splitlines()), 1, f"eval {args}: one line, not {err!r}")


def test_colour():
    """colour only on a terminal, and never with NO_COLOR"""
    for extra, sql in (({}, "SELECT * FRM 'a'"), ({"NO_COLOR": "1"}, "SELECT * FRM 'a'")):
        main_end, far_end = support.terminal()
        env = {**os.environ, "TERM": "xterm", **extra}
        if not extra:
            env.pop("NO_COLOR", None)
        import subprocess
        child = subprocess.Popen([binary(), "eval", sql], env=env, stdin=subprocess.DEVNULL, stdout=far_end,
                                 stderr=far_end)
        os.close(far_end)
        child.wait(support.TIMEOUT)
        text = b""
        try:
            while True:
                part = os.read(main_end, 4096)
                if not part:
                    break
                text += part
        except OSError:
            pass
        os.close(main_end)
        tap.check(b"expected" in text, f"it said {text!r}")
        if extra:
            tap.check(ESCAPE.encode() not in text, f"colour in spite of NO_COLOR: {text!r}")
    code, out, err = weir("eval", "SELECT * FRM 'a'", env={"TERM": "xterm", "FORCE_COLOR": "1"})
    tap.check(code == 2 and ESCAPE not in out + err, "colour in a pipe")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
