"""weir explain: example rules, messages, message files, look-ups, versions; text and JSON.

    test_explain.py WEIR [test_…]
"""
import json
import os
import subprocess
import sys

import support
from support import tap
from weir import binary

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "examples", "rules")
HOT = os.path.join(RULES, "hot_readings.json")
ESCAPE = "\x1b"


def explain(*args, stdin=None, env=None):
    return support.run([binary(), "explain", *args], stdin=stdin, env=env, cwd=ROOT)


def as_json(*args, code=0):
    got, out, err = explain(*args, "--json")
    tap.equal(got, code, f"exit status of {args}; it said {err!r}")
    tap.equal(err, "", f"nothing on stderr of {args}")
    return json.loads(out)


def write(name, lines):
    path = os.path.join(support.temp_dir(), name)
    support.write_file(path, "".join(x if isinstance(x, str) else json.dumps(x) + "\n" for x in lines))
    return path


def flat(nodes):
    for node in nodes:
        yield node
        yield from flat(node.get("parts", []))


def by_source(nodes):
    return {node["source"]: node for node in flat(nodes) if "source" in node}


# ---- a rule

def test_every_example_rule():
    """every rule of examples/: text and JSON, exit 0"""
    for name in sorted(os.listdir(RULES)):
        path = os.path.join(RULES, name)
        code, out, err = explain(path)
        tap.equal((code, err), (0, ""), f"{name}: status and stderr")
        tap.check(out.startswith(f"rule {name[:-5]} ({path})\n"), f"{name} begins with {out[:80]!r}")
        for heading in ("\nreads from the payload\n", "\nwhat an index could use\n", "\nprogram: ", "\nlimits\n"):
            tap.check(heading in out, f"{name}: expected {heading!r} in {out!r}")
        tap.check(ESCAPE not in out, f"{name}: colour in a pipe")
        document = json.load(open(path))["topicRulePayload"]
        rule = as_json(path)["rule"]
        tap.equal(rule["sql"], document["sql"], f"{name}: sql")
        tap.equal(rule["effectiveVersion"], document["awsIotSqlVersion"], f"{name}: version")


def test_rule_as_json():
    """paths, index, templates, program of a rule"""
    rule = as_json(HOT)["rule"]
    tap.equal(rule["reads"], [{"path": "temp", "by": "WHERE, SELECT"}, {"path": "humidity", "by": "SELECT"}],
              "what it reads")
    tap.equal(rule["wholePayload"], False, "the whole payload is not needed")
    tap.equal(rule["index"]["atoms"], [{"kind": "range", "path": "temp", "sign": ">", "constant": "30"}], "atoms")
    tap.equal([x["parameter"] for x in rule["templates"]], ["actions[0].s3.key", "actions[1].republish.topic"],
              "templates")
    tap.equal(rule["levels"], ["site", "+", "reading"], "levels")
    required = [x for x in rule["program"] if x["opcode"] == "REQUIRE_GT"]
    tap.equal([(x["clause"], x["source"], x["does"]) for x in required],
              [("WHERE", "temp > 30", "Unless (r0 > r1) is true, end the program: no match.")], "the comparison")
    whole = as_json(os.path.join(RULES, "camera_frames.json"))["rule"]
    tap.equal((whole["wholePayload"], whole["index"]["atoms"][0]["kind"]), (True, "ALL"), "SELECT * without WHERE")


def test_documents():
    """bare and wrapped documents, versions, disabled and refused ones"""
    bare = {"sql": "SELECT * FROM 'a'", "actions": [{"republish": {"roleArn": "arn:aws:iam::1:role/r",
                                                                  "topic": "b/${upper(x)}"}}]}
    path = write("bare.json", [bare])
    rule = as_json(path)["rule"]
    tap.equal((rule["name"], rule["sqlVersion"], rule["effectiveVersion"]), ("bare", "", "2015-10-08"),
              "name of the file, default version")
    tap.check("2015-10-08" in rule["warnings"][0]["text"], f"a warning: {rule['warnings']}")
    rule = as_json(path, "--sql-version", "2016-03-23")["rule"]
    tap.equal((rule["sqlVersion"], rule["effectiveVersion"]), ("", "2016-03-23"), "another version")
    bare["ruleDisabled"] = True
    path = write("off.json", [{"topicRulePayload": bare}])
    code, out, _ = explain(path, "-p", "{}")
    tap.equal(code, 1, "a message does not reach a disabled rule")
    tap.check("disabled" in explain(path)[1], "it says that it is disabled")
    bare["sql"] = "SELECT FROM"
    code, out, err = explain(write("wrong.json", [bare]))
    tap.equal((code, out), (2, ""), "a statement that is wrong")
    tap.check("wrong.json: sql:1:8: " in err, f"it says {err!r}")


# ---- a message

def test_match():
    """a message that matches: values, payload and templates agree"""
    got = as_json(HOT, "-t", "site/kiln/reading", "-p", '{"temp":40.5,"humidity":30}')["message"]
    tap.equal((got["topicMatches"], got["outcome"]), (True, "output"), "it matches")
    payload = json.loads(got["output"]["text"])
    values = by_source(got["select"])
    tap.equal(values["timestamp()"]["value"], payload["seen"], "the time of the tree")
    tap.equal(payload, {"temp": 40.5, "humidity": 30, "device": "kiln", "seen": payload["seen"]}, "payload")
    key, topic = got["templates"]
    chance = by_source(key["parts"])["newuuid()"]["value"]
    tap.equal(key["text"], f"hot/kiln/{payload['seen']}-{chance}.json", "the key's parts make the key")
    tap.equal((topic["parameter"], topic["text"]), ("actions[1].republish.topic", "alerts/kiln"), "topic")


def test_no_match():
    """a message that does not match: the term, the nearest key, what else"""
    sql = "SELECT temp FROM 'site/+/reading' WHERE temprature > 30 AND kind = 'Oven' AND ok"
    got = as_json(sql, "-p", '{"temperature":35,"kind":"oven","ok":true}', code=1)["message"]
    tap.equal(got["outcome"], "nomatch", "outcome")
    tap.equal(got["stoppedBy"], {"source": "temprature > 30", "line": 1, "column": 41}, "stopped by")
    values = by_source(got["where"])
    tap.equal(values["temprature"]["note"], "not in the payload; did you mean temperature?", "nearest key")
    tap.equal([x["source"] for x in flat(got["where"]) if x.get("decided")],
              ["temprature > 30", "kind = 'Oven'"], "terms to blame")
    tap.equal(values["kind = 'Oven'"]["note"], "they differ in upper and lower case only", "why it is false")
    code, out, _ = explain(sql, "-p", '{"temperature":35,"kind":"oven","ok":true}')
    tap.equal(code, 1, "status of the text")
    tap.check("and if that were true, not true either\n    line 1, column 61: kind = 'Oven' → false" in out,
              f"the text says {out!r}")


def test_topics():
    """topics that nearly match, and Basic Ingest"""
    got = as_json(HOT, "-t", "site/kiln/readings", "-p", '{"temp":31}', code=1)["message"]
    tap.equal([x["how"] for x in got["levels"]], ["same", "plus", "different"], "levels")
    tap.equal(got["levels"][2]["note"], "'readings' is not 'reading': 1 letter apart", "the level")
    tap.equal(got["outcome"], "output", "what it would give is shown all the same")
    got = as_json("SELECT * FROM 'a/#'", "-t", "a", code=1)["message"]
    tap.check("does not match 'a' itself on AWS" in got["advice"], f"advice {got['advice']!r}")
    tap.check("outcome" not in got, "without a payload only the topic is explained")
    tap.equal(as_json(HOT, "-t", "$aws/rules/hot_readings/x/y", "-p", '{"temp":31}')["message"]["basicIngest"], True,
              "Basic Ingest")
    as_json(HOT, "-t", "$aws/rules/other/x", "-p", '{"temp":31}', code=1)
    code, _, err = explain(HOT, "-t", "a/#", "-p", "{}")
    tap.equal(code, 2, "no topic to publish to")
    tap.check("wildcards" in err, f"it says {err!r}")


def test_payloads():
    """payloads that are not JSON, large ones, deep ones"""
    got = as_json("SELECT a FROM 'x'", "-p", "{\"a\":1,\n 'b':2}")["message"]
    tap.equal(got["raw"], "it stops being JSON at line 2, column 2 (byte 9): found '''", "where it breaks")
    tap.equal(as_json("SELECT a FROM 'x'", "-p", "80")["message"]["raw"],
              "it is a bare scalar: only an Object or an Array has attributes", "scalar")
    blob = os.path.join(support.temp_dir(), "blob")
    with open(blob, "wb") as file:
        file.write(bytes(range(256)))
    got = as_json("SELECT * FROM 'x'", "-p", "@" + blob)["message"]
    tap.equal((got["output"]["bytes"], got["output"]["json"]), (256, False), "bytes pass")
    large = json.dumps({"l": list(range(50000)), "s": "x" * 200000})
    code, out, _ = explain("SELECT l, s, (SELECT VALUE v FROM l) AS q FROM 'x'", "-p", "-", stdin=large)
    tap.equal(code, 0, "a large payload")
    tap.check(len(out) < 40000, f"the output is bounded: {len(out)} bytes")
    tap.check("50000 rows" in out and "(200000 bytes)" in out, "with counts")
    code, out, _ = explain("SELECT a FROM 'x' WHERE a = 1", "-p", "[" * 5000 + "]" * 5000)
    tap.equal(code, 1, "deep JSON")
    tap.check("nested more than 512 deep" in out, f"it says {out[:400]!r}")


def test_message_files():
    """--message: lines of message files and of suites"""
    path = write("m.jsonl", [{"topic": "a/b", "payload": {"x": 1.0}, "clientId": "c1", "timestamp": 5},
                             {"topic": "a/c", "payloadText": "no"},
                             {"topic": "a/d", "payload": {}, "context": {"secrets": {"k": {"SecretString": "s"}}}}])
    sql = "SELECT x, clientid() AS c, timestamp() AS t FROM 'a/+'"
    got = as_json(sql, "--message", path)["message"]
    tap.equal(json.loads(got["output"]["text"]), {"x": 1, "c": "c1", "t": 5}, "the first line")
    tap.equal(as_json(sql, "--message", path + ":2")["message"]["topic"], "a/c", "the second line")
    sql = "SELECT get_secret('k', 'SecretString', 'r') AS s FROM 'a/+'"
    tap.equal(as_json(sql, "--message", path + ":3")["message"]["output"]["text"], '{"s":"s"}', "a case's context")
    code, _, err = explain(sql, "--message", path + ":9")
    tap.equal(code, 2, "no such line")
    tap.check("there is no line 9" in err, f"it says {err!r}")
    code, _, err = explain(sql, "--message", write("bad.jsonl", ["{\n"]))
    tap.equal(code, 2, "a line that is no JSON")
    tap.check("bad.jsonl: line 1: " in err, f"it says {err!r}")


def test_lookups():
    """look-ups: listed, not answered, answered by --context"""
    sql = "SELECT get_thing_shadow('t', 'r').v AS v, clientid() AS c FROM 'a'"
    tap.equal([x["function"] for x in as_json(sql)["rule"]["lookups"]], ["get_thing_shadow"], "listed")
    got = as_json(sql, "-p", "{}", code=1)["message"]
    tap.equal((got["outcome"], got["error"]), ("error", "get_thing_shadow() cannot be answered here"), "not answered")
    context = write("c.json", [{"shadows": {"t": {"v": 7}}, "clientId": "me"}])
    got = as_json(sql, "-p", "{}", "--context", context)["message"]
    tap.equal(got["output"]["text"], '{"v":7,"c":"me"}', "answered")
    tap.equal(by_source(got["select"])["get_thing_shadow('t', 'r')"]["value"], {"v": 7}, "in the tree as well")


# ---- another version

def test_versions():
    """--sql-version with --messages: what differs, what does not, what is not valid"""
    path = write("m.jsonl", [{"topic": "a", "payload": {"x": n + 0.5}} for n in range(15)] +
                 ["\n", {"topic": "a", "payload": {"x": 3}}, {"topic": "b", "payload": {}}])
    got = as_json("SELECT x * 2 AS y FROM 'a'", "--messages", path, "--sql-version", "2015-10-08", code=1)
    tap.equal({k: got[k] for k in ("messages", "matching", "same", "differ", "outputs", "valid")},
              {"messages": 17, "matching": 16, "same": 1, "differ": 15, "outputs": 15, "valid": True}, "counts")
    tap.equal(got["differences"][0], {"line": 1, "topic": "a", "own": '{"y":1}', "other": '{"y":1.0}'}, "the first")
    tap.equal(len(got["differences"]), 10, "the first ten are shown")
    code, out, _ = explain("SELECT x FROM 'a' WHERE x > 1", "--messages", path, "--sql-version", "2015-10-08")
    tap.equal(code, 0, f"nothing differs: {out}")
    got = as_json("SELECT length(s) AS y FROM 'a'", "--messages", path, "--sql-version", "2015-10-08", code=1)
    tap.equal(got["valid"], False, "the function is missing there")
    tap.check("length" in got["error"], f"it says {got['error']!r}")
    rule = write("r.json", [{"sql": "SELECT x FROM 'a'", "awsIotSqlVersion": "2016-03-23", "actions": [
        {"republish": {"roleArn": "arn:aws:iam::1:role/r", "topic": "t/${x * 2}"}}]}])
    path = write("n.jsonl", [{"topic": "a", "payload": {"x": 0.5}}])
    got = as_json(rule, "--messages", path, "--sql-version", "2015-10-08", code=1)
    tap.equal((got["templates"], got["differences"][0]["parameter"], got["differences"][0]["other"]),
              (1, "actions[0].republish.topic", "t/1.0"), "a template that differs")
    code, _, err = explain(rule, "--messages", path, "--sql-version", "2020-01-01")
    tap.equal(code, 2, "no such version")
    code, _, err = explain(rule, "--messages", write("x.jsonl", [{"topic": "a"}]), "--sql-version", "2015-10-08")
    tap.equal(code, 2, "a message without a payload")
    tap.check("x.jsonl:1: expected one of payload" in err, f"it says {err!r}")


# ---- the command

def test_usage():
    """wrong usage and bad input: status 2, a line on stderr"""
    for args, words in [([], "expected a statement"),
                        (["SELECT a FROM 'b'", "SELECT"], "found another: SELECT"),
                        (["--nope", "x"], "unknown option --nope"),
                        (["SELECT a FROM 'b'", "-p"], "expected a value after -p"),
                        (["SELECT a FROM 'b'", "-p", "{}", "--message", "x"], "does not go with -t and -p"),
                        (["SELECT a FROM 'b'", "--messages", "x"], "needs --sql-version"),
                        (["SELECT a FROM 'b'", "--context", "x"], "goes with a message"),
                        (["SELECT a FRM 'b'"], "line 1, column 10"),
                        (["SELECT a FROM 'b'", "--sql-version", "1"], "SQL version '1' is not known"),
                        (["SELECT a FROM 'b'", "-p", "@/none"], "/none: No such file"),
                        (["SELECT a FROM 'b'", "-p", "{}", "--context", "/none"], "/none: No such file"),
                        (["/none/rule.json"], "/none/rule.json: No such file"),
                        (["/"], "Is a directory")]:
        code, out, err = explain(*args)
        tap.equal((code, out), (2, ""), f"{args}: status and stdout")
        tap.check(words in err, f"{args}: expected {words!r} in {err!r}")
    context = write("c.json", ["[1]"])
    code, _, err = explain("SELECT a FROM 'b'", "-p", "{}", "--context", context)
    tap.check(code == 2 and "expected a JSON object" in err, f"a context that is no object: {code} {err!r}")
    code, out, _ = support.run([binary(), "help", "explain"])
    tap.check(code == 0 and "--sql-version" in out, "help")


def test_colour():
    """colour on a terminal, never with NO_COLOR"""
    for extra, wanted in [({}, True), ({"NO_COLOR": "1"}, False)]:
        main_end, far_end = support.terminal()
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        child = subprocess.Popen([binary(), "explain", HOT, "-p", '{"temp":1}'], stdout=far_end,
                                 env={**environment, **extra})
        os.close(far_end)
        text = b""
        try:
            while part := os.read(main_end, 65536):
                text += part
        except OSError:
            pass
        child.wait(support.TIMEOUT)
        os.close(main_end)
        tap.equal(ESCAPE.encode() in text, wanted, f"colour with {extra}")


def test_eval_says_the_nearest_key():
    """weir eval: its short form names the key that may have been meant"""
    code, _, err = support.run([binary(), "eval", "SELECT a FROM 'x' WHERE state.reported.t > 1", "-p",
                                '{"reported":{"t":5}}'])
    tap.equal(code, 1, "no match")
    tap.equal(err.splitlines()[-1], "    state.reported.t: not in the payload; did you mean reported.t?", "last line")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
