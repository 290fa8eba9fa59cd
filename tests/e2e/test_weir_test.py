"""`weir test` as its users run it: real suites, real rules, what it prints, writes and answers.

    test_weir_test.py WEIR [test_…]
"""
import json
import os
import re
import select
import stat
import subprocess
import xml.etree.ElementTree as xml
from html.parser import HTMLParser

import support
from support import tap
from weir import EXAMPLES, ROLE, binary, lambda_arn, republish, rule, s3

SQL = "SELECT temp, upper(name) AS n FROM 'site/+/reading' WHERE temp > 30"


def weir(*args, cwd=None, env=None, stdin=None):
    return support.run([binary(), "test", *args], cwd=cwd, env=env, stdin=stdin)


def case(id, payload, expect, **members):
    made = {"id": id, "topic": "site/kiln/reading", "payload": payload, "expect": expect}
    if not members.keys() & {"sql", "rule", "template"}:
        made["rule"] = "../rules/hot.json"
    elif "rule" not in members:
        made["sqlVersion"] = "2016-03-23"
    made.update(members)
    return made


def folder(suites, rules=None):
    """A working folder with tests/NAME.jsonl and rules/NAME.json."""
    path = support.temp_dir()
    rules = rules if rules is not None else {"hot": rule(SQL, s3("hot", "${topic(2)}"))}
    for name, document in rules.items():
        support.write_file(os.path.join(path, "rules", name + ".json"), json.dumps(document))
    for name, cases in suites.items():
        text = cases if isinstance(cases, (str, bytes)) else "".join(json.dumps(c) + "\n" for c in cases)
        support.write_file(os.path.join(path, "tests", name + ".jsonl"), text)
    return path


GOOD = case("hot", {"temp": 31, "name": "a"}, {"json": {"temp": 31, "n": "A"}})
COLD = case("cold", {"temp": 30}, {"outcome": "nomatch"})
WRONG = case("wrong", {"temp": 31, "name": "kiln"}, {"json": {"temp": 31.5, "n": "KILN"}})
NOT_THERE = case("lost", {"temp": 1}, {"outcome": "nomatch"}, rule="../rules/none.json")


def expect(what, got, code, *, out=None, err=""):
    tap.equal(got[0], code, f"{what}: exit status; it said {got[1]!r} {got[2]!r}")
    if out is not None:
        tap.equal(got[1], out, f"{what}: standard output")
    if err is not None:
        tap.equal(got[2], err, f"{what}: standard error")


# ---- results

def test_examples():
    """the examples pass, and cover every example rule whole"""
    code, out, err = weir(os.path.join(EXAMPLES, "tests"), "--json", "--min-coverage", "100")
    tap.equal((code, err), (0, ""), "exit status and standard error")
    answer = json.loads(out)
    tap.equal((answer["failed"], answer["bad"]), (0, 0), "failed and bad cases")
    files = {os.path.basename(r["file"]) for r in answer["coverage"]["rules"] if r["file"]}
    tap.equal(files, set(os.listdir(os.path.join(EXAMPLES, "rules"))), "rules that are covered")
    tap.equal({r["percent"] for r in answer["coverage"]["rules"]}, {100.0}, "coverage of each rule")


def test_corpus():
    """the conformance cases are suites too, and all of them pass"""
    corpus = os.path.join(EXAMPLES, "..", "tests", "corpus")
    wanted = sum(1 for name in os.listdir(corpus) if name.endswith(".jsonl")
                 for line in open(os.path.join(corpus, name), "rb") if line.strip())
    expect("the corpus", weir(corpus), 0, out=f"{wanted} passed, 0 failed\n")


def test_exit_codes():
    """0 all passed, 1 one failed, 2 a case that is none or a suite that is none"""
    where = folder({"a": [GOOD, COLD]})
    expect("passes", weir("tests", cwd=where), 0, out="2 passed, 0 failed\n")
    where = folder({"a": [GOOD, WRONG, COLD]})
    expect("fails", weir("tests", cwd=where), 1, out="failed: wrong (tests/a.jsonl:2)\n"
           "    $.temp: expected 31.5, got 31\n2 passed, 1 failed\n")
    where = folder({"a": [NOT_THERE, WRONG]})
    code, out, err = weir("tests", cwd=where)
    tap.equal((code, err), (2, ""), "a rule that is not there")
    tap.equal(out.splitlines()[:2], ["bad case: lost (tests/a.jsonl:1)", "    rule: tests/../rules/none.json: No "
              "such file or directory; a path is seen from the folder of the suite"], "what is wrong")
    tap.equal(out.splitlines()[-1], "0 passed, 1 failed, 1 bad", "the sum")


def test_refused_rules():
    """a rule that is refused is the outcome invalid, with the place in its SQL"""
    rules = {"broken": rule("SELECT temp FROM 'a' WHERE", s3("hot", "k")), "unknown": "x"}
    where = folder({"a": [case("at", {}, {"outcome": "invalid", "at": "1:27"}, rule="../rules/broken.json"),
                          case("no", {}, {"json": {}}, rule="../rules/broken.json"),
                          case("shape", {}, {"json": {}}, rule="../rules/unknown.json")]}, rules)
    code, out, err = weir("tests", cwd=where)
    tap.equal((code, err), (1, ""), "exit status")
    lines = out.splitlines()
    tap.equal(lines[0:2], ["failed: no (tests/a.jsonl:2)", "    outcome: expected output, got invalid"], "the second")
    tap.check(lines[2].strip().startswith("rules/broken.json: sql:1:27: "), f"the place in {lines[2]!r}")
    tap.check(lines[5].strip().startswith("rules/unknown.json: line 1, column "), f"a document that is none: {lines[5]}")


def test_bad_suites():
    """every fault of every suite at once, each with its line"""
    where = folder({"a": [GOOD, {**COLD, "expcet": 1}, {**COLD, "topic": "a/+"}], "b": "hello\n\n{\"id\": 1}\n[",
                    "c": b"\xff\xfe\x00\n", "empty": ""})
    code, out, err = weir("tests", cwd=where)
    tap.equal((code, out), (2, ""), "exit status and results")
    tap.equal(err.splitlines(), [
        'weir test: tests/a.jsonl:2: cold: expcet: there is no such member; did you mean "expect"?',
        "weir test: tests/a.jsonl:3: cold: topic: found '+' in the topic: a topic to publish to has no wildcards",
        "weir test: tests/b.jsonl:1:1: malformed JSON; a suite has one case a line, a JSON object",
        "weir test: tests/b.jsonl:3: id: missing: a string that no other case has",
        "weir test: tests/b.jsonl:4:2: unexpected end of JSON text; a suite has one case a line, a JSON object",
        "weir test: tests/c.jsonl:1:1: malformed JSON; a suite has one case a line, a JSON object",
        "weir test: tests/empty.jsonl: no case in it; a suite has one case a line, a JSON object",
    ], "faults")
    where = folder({"a": "x\n" * 50})
    code, out, err = weir("tests", cwd=where)
    tap.equal(len(err.splitlines()), 21, "lines of 50 faults")
    tap.equal(err.splitlines()[-1], "weir test: and 30 more", "the last")


def test_arguments():
    """wrong usage is 2, with a word on what was expected"""
    where = folder({"a": [GOOD]})
    os.mkdir(os.path.join(where, "nothing"))
    for args, words in [
            ([], "expected the path of a suite or a folder"),
            (["nowhere"], "nowhere: No such file or directory"),
            (["nothing"], "nothing: no suite in it; suites are files *.jsonl"),
            (["tests", "--filter", "zz"], "none of 1 cases has an id that fits 'zz'"),
            (["tests", "--frob"], "unknown option --frob"),
            (["tests", "--junit"], "expected a value after --junit"),
            (["tests", "--min-coverage", "101"], "--min-coverage: expected a number from 0 to 100, found 101"),
            (["tests", "--min-coverage", "nan"], "--min-coverage: expected a number from 0 to 100, found nan"),
            (["tests", "--tap", "--json"], "--json and --tap are two forms of one output"),
            (["tests", "--yes"], "--yes answers --update, which is not given"),
            (["tests", "--update"], "--update asks, and standard input is no terminal: --yes answers for it"),
            (["tests", "--update", "--yes", "--tap"], "not with --tap or --json"),
            (["tests", "--junit", "no/folder/x"], "no/folder/x: No such file or directory"),
    ]:
        code, out, err = weir(*args, cwd=where)
        tap.equal(code, 2, f"{args}: exit status; it said {err!r}")
        tap.check(err.startswith("weir test: ") and words in err, f"{args}: expected {words!r} in {err!r}")


def test_folders_and_filter():
    """suites in folders of folders, each file once; --filter by part of the id or by pattern"""
    where = folder({"a": [GOOD], "deep/er/b": [COLD], ".hidden/c": [WRONG]},)
    support.write_file(os.path.join(where, "tests", "notes.txt"), "no suite\n")
    os.rename(os.path.join(where, "rules"), os.path.join(where, "tests", "rules"))
    for name in ("a", "deep/er/b"):
        path = os.path.join(where, "tests", name + ".jsonl")
        text = support.read_file(path).replace("../rules", "rules" if name == "a" else "../../rules")
        support.write_file(path, text)
    os.symlink("..", os.path.join(where, "tests", "deep", "loop"))
    expect("twice", weir("tests", "tests/a.jsonl", "./tests/", cwd=where), 0, out="2 passed, 0 failed\n")
    expect("part", weir("tests", "--filter", "ol", cwd=where), 0, out="1 passed, 0 failed\n")
    expect("pattern", weir("tests", "--filter", "h?t", cwd=where), 0, out="1 passed, 0 failed\n")
    expect("--", weir("--filter", "*o*", "--", "tests", cwd=where), 0, out="2 passed, 0 failed\n")
    support.write_file(os.path.join(where, "tests", "z.jsonl"), json.dumps(COLD) + "\n")
    code, out, err = weir("tests", cwd=where)
    tap.equal((code, err), (2, 'weir test: tests/z.jsonl:1: the id "cold" stands also at tests/deep/er/b.jsonl:1; '
                               'each case has its own\n'), "an id twice")


def test_standard_input():
    """a suite from standard input; its rules are seen from the working folder"""
    where = folder({})
    text = json.dumps({**GOOD, "rule": "rules/hot.json"}) + "\n" + json.dumps({**WRONG, "rule": "rules/hot.json"})
    code, out, err = weir("-", cwd=where, stdin=text)
    tap.equal((code, out.splitlines()[0]), (1, "failed: wrong (standard input:2)"), "a suite from there")
    code, out, err = weir("-", "--update", "--yes", cwd=where, stdin=text)
    tap.equal(code, 2, "exit status of --update")
    tap.check("standard input is none" in err, err)


def test_fail_fast():
    """--fail-fast ends at the first failure and says what did not run"""
    where = folder({"a": [GOOD, WRONG, COLD, NOT_THERE]})
    code, out, err = weir("tests", "--fail-fast", cwd=where)
    tap.equal(code, 1, "exit status")
    tap.equal(out.splitlines()[-1], "1 passed, 1 failed, 2 not run", "the sum")


# ---- forms

HOSTILE = 'a"<b>&]]> # TODO \\ é \u202e \u0085'


def test_tap():
    """--tap: a plan, a line a case, differences as diagnostics; ids cannot make directives"""
    where = folder({"a": [GOOD, {**WRONG, "id": HOSTILE}]})
    code, out, err = weir("tests", "--tap", "--coverage", cwd=where)
    tap.equal((code, err), (1, ""), "exit status")
    lines = out.splitlines()
    tap.equal(lines[0:2], ["1..2", "ok 1 - hot"], "plan and first case")
    tap.check(lines[2].startswith('not ok 2 - a"<b>&]]> \\# TODO \\\\ é '), f"the id in {lines[2]!r}")
    tap.check("\u0085" not in out, "a control character")
    tap.check(all(x.startswith("#") for x in lines[3:]), f"diagnostics in {lines[3:]}")
    tap.check("#   $.temp: expected 31.5, got 31" in lines, f"the difference in {lines}")


def test_json():
    """--json: cases, sums and coverage as one object"""
    where = folder({"a": [GOOD, {**WRONG, "id": HOSTILE}, NOT_THERE]})
    code, out, err = weir("tests", "--json", cwd=where)
    answer = json.loads(out)
    tap.equal((code, err), (2, ""), "exit status")
    tap.equal([(c["id"], c["file"], c["line"], c["state"]) for c in answer["cases"]],
              [("hot", "tests/a.jsonl", 1, "passed"), (HOSTILE, "tests/a.jsonl", 2, "failed"),
               ("lost", "tests/a.jsonl", 3, "bad")], "cases")
    tap.equal(answer["cases"][1]["differences"], ["$.temp: expected 31.5, got 31"], "differences")
    tap.equal((answer["passed"], answer["failed"], answer["bad"]), (1, 1, 1), "sums")
    tap.check("coverage" not in answer, "coverage that was not asked for")


def test_junit():
    """--junit: valid XML, counts that add up, hostile texts unharmed"""
    deep = case("long", {"temp": 31, "name": "x" * 300}, {"json": {"temp": 31, "n": "Y<&>\u0000\ufffe"}})
    where = folder({"a": [GOOD, {**WRONG, "id": HOSTILE}, NOT_THERE, deep], "b": [COLD]})
    code, out, err = weir("tests", "--junit", "out.xml", cwd=where)
    tap.equal((code, err), (2, ""), "exit status")
    root = xml.parse(os.path.join(where, "out.xml")).getroot()
    tap.equal({k: root.get(k) for k in ("tests", "failures", "errors")},
              {"tests": "5", "failures": "2", "errors": "1"}, "the sums")
    suites = [(s.get("name"), s.get("tests"), s.get("failures"), s.get("errors")) for s in root]
    tap.equal(suites, [("tests/a.jsonl", "4", "2", "1"), ("tests/b.jsonl", "1", "0", "0")], "suites")
    cases = root.findall("*/testcase")
    tap.equal([c.get("name") for c in cases],
              ["hot", HOSTILE, "lost", "long", "cold"], "names")
    failure = cases[1].find("failure")
    tap.equal((failure.get("message"), failure.text.strip()), ("$.temp: expected 31.5, got 31",) * 2, "a failure")
    tap.check(cases[2].find("error") is not None and cases[0].find("failure") is None, "error and success")
    times = sum(float(c.get("time")) for c in cases)
    tap.check(abs(times - float(root.get("time"))) < 1e-5, f"times {times} and {root.get('time')}")


def test_colour():
    """colours on a terminal only, never with NO_COLOR"""
    where = folder({"a": [WRONG]})
    code, out, err = weir("tests", cwd=where)
    tap.check("\x1b" not in out, "colour in a file")
    tap.check("\x1b[32m31.5\x1b[0m, got \x1b[31m31\x1b[0m" in on_terminal(["tests"], where)[1], "colour on a terminal")
    plain = on_terminal(["tests"], where, env={**os.environ, "NO_COLOR": "1"})[1]
    tap.check("\x1b" not in plain and "expected 31.5, got 31" in plain, f"NO_COLOR: {plain!r}")
    hostile = folder({"a": [case("x", {"temp": 31, "name": "\u001b[2J"}, {"text": "\u009b2J"})]})
    tap.check("\x1b[2J" not in on_terminal(["tests"], hostile)[1], "a payload that clears the screen")


def on_terminal(args, cwd, answer=None, env=None):
    """(exit status, output) of weir test on a terminal, which is given `answer`."""
    outer, inner = support.terminal()
    run = subprocess.Popen([binary(), "test", *args], cwd=cwd, env=env, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    said = b""
    while select.select([outer], [], [], support.TIMEOUT)[0]:
        try:
            part = os.read(outer, 65536)
        except OSError:  # the other end is closed
            break
        said += part
        if not part:
            break
        if answer is not None and b"[y/N] " in said:
            os.write(outer, answer.encode())
            answer = None
    code = run.wait(timeout=support.TIMEOUT)
    os.close(outer)
    return code, said.decode(errors="replace").replace("\r\n", "\n")


# ---- actions

def test_actions():
    """what each action would be sent, whatever weir can perform itself; failures and the error action"""
    sns = {"sns": {"roleArn": ROLE, "targetArn": "arn:aws:sns:eu-west-1:123456789012:t-${topic(2)}"}}
    rules = {"hot": rule(SQL, s3("hot", "${topic(2)}/${timestamp()}"), sns, {"lambda": {"functionArn": lambda_arn("f")}},
                         error=republish("failed/${name}"))}
    sent = {"temp": 31, "n": "A"}
    payload = {"temp": 31, "name": "a"}
    cases = [
        case("all", payload, {"actions": [
            {"s3": {"bucketName": "hot", "key": "kiln/1700000000000", "payload": sent}},
            {"sns": {"targetArn": "arn:aws:sns:eu-west-1:123456789012:t-kiln", "payloadText": '{"temp":31,"n":"A"}'}},
            {"lambda": {"functionArn": lambda_arn("f")}}], "errorAction": None},
             context={"timestamp": 1700000000000}),
        case("one-fails", payload, {"errorAction": {"republish": {"topic": "failed/a", "payload": {
            "ruleName": "hot", "topic": "site/kiln/reading", "clientId": "N/A",
            "base64OriginalPayload": "eyJ0ZW1wIjozMSwibmFtZSI6ImEifQ==",
            "failures": [{"failedAction": "SnsAction", "failedResource": {"matches": ":t-kiln$"},
                          "errorMessage": {"matches": "^Gone\\. Message arrived on: site/kiln/reading, Action: sns"}}]}}}},
             context={"failures": {"sns": "Gone"}}),
        case("error-action-fails-too", {"temp": 31, "name": "+"},
             {"errorAction": {"republish": {"fails": {"matches": "wildcard"}}}}, context={"failures": {"actions[0]": "x"}}),
        case("unnoticed", {"temp": 31, "name": "+"}, {"json": {"temp": 31, "n": "+"}}, context={"failures": {"s3": "x"}}),
        case("wrong-way", payload, {"actions": [{"sns": {}}, {"sns": {"targetArm": "x"}}, {"lambda": {}}]}),
    ]
    where = folder({"a": cases}, rules)
    code, out, err = weir("tests", cwd=where)
    tap.equal((code, err), (2, ""), f"exit status of {out}")
    tap.equal(out.splitlines(), [
        "failed: unnoticed (tests/a.jsonl:4)",
        "    errorAction.republish: it fails: Failed to perform the action. The error received was topic: a topic with "
        "a wildcard (+ or #)",
        "bad case: wrong-way (tests/a.jsonl:5)", "    actions[1].sns.targetArm: sns has no such member; did you mean "
        '"targetArn"?', "3 passed, 1 failed, 1 bad"], "results")


def test_look_ups():
    """look-ups are answered by the case's context; one that is not there is the outcome error"""
    sql = "SELECT get_secret('s', 'SecretString', 'k', 'arn:aws:iam::1:role/r') AS k FROM 'site/#'"
    where = folder({"a": [
        case("known", {}, {"json": {"k": "v"}}, sql=sql, context={"secrets": {"s": {"SecretString": '{"k":"v"}'}}}),
        case("unknown", {}, {"outcome": "error"}, sql=sql)]})
    expect("look-ups", weir("tests", cwd=where), 0, out="2 passed, 0 failed\n")


# ---- coverage

def test_coverage_text():
    """--coverage marks in the SQL what was not seen"""
    where = folder({"a": [case("a", {"temp": 31}, {"outcome": "output"})]},
                   {"hot": rule("SELECT temp,\n  name AS n\nFROM 'site/+/reading' WHERE temp > 30", s3("hot", "${name}"))})
    expect("coverage", weir("tests", "--coverage", cwd=where), 1, out="""\
failed: a (tests/a.jsonl:1)
    actions[0].s3: it fails: Failed to perform the action. The error received was key: must not be empty
0 passed, 1 failed

hot (rules/hot.json): 40.0% (2 of 5), 1 case
    SELECT temp,
      name AS n
      ~~~~
    FROM 'site/+/reading' WHERE temp > 30
                                ~~~~~~~~~
    1:8  temp: value 1, Undefined 0
  ~ 2:3  name: value 0, Undefined 1: never had a value
  ~ 3:29  temp > 30: true 1, false 0, Undefined 0: never false
  ~ actions[0].s3.key  ${name}: resolved 0, Undefined 1: never resolved
coverage: 40.0% (2 of 5)
""")


def test_min_coverage():
    """--min-coverage: at the minimum is enough, below it is exit 1"""
    where = folder({"a": [GOOD, COLD]}, {"hot": rule(SQL + " AND NOT kind = 'test'", s3("hot", "k"))})
    support.write_file(os.path.join(where, "tests", "a.jsonl"),
                       "".join(json.dumps(c) + "\n" for c in [case("a", {"temp": 31, "name": "a", "kind": "x"},
                                                                   {"json": {"temp": 31, "n": "A"}}), COLD]))
    # two items, temp > 30 both ways, kind = 'test' false only: 5 of 6
    expect("at", weir("tests", "--min-coverage", "83.3", cwd=where), 0,
           out="2 passed, 0 failed\ncoverage: 83.3% (5 of 6)\n")
    expect("below", weir("tests", "--min-coverage", "83.4", cwd=where), 1,
           out="2 passed, 0 failed\ncoverage: 83.3% (5 of 6)\n",
           err="weir test: coverage is below the minimum of 83.4%: 5 of 6\n")
    expect("zero", weir("tests", "--min-coverage", "0", cwd=where), 0, err="")


def test_shared_rules():
    """one document is one rule under all its paths; one statement is one rule; other actions are another"""
    sql = "SELECT a FROM 'site/#' WHERE b = 1"
    inline = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": []}
    cases = [
        case("one", {"temp": 31, "name": "a"}, {"outcome": "output"}),
        case("two", {"temp": 3}, {"outcome": "nomatch"}, rule="../tests/../rules/hot.json"),
        case("three", {"a": 1, "b": 1}, {"json": {"a": 1}}, sql=sql),
        case("four", {"b": 2}, {"outcome": "nomatch"}, sql=sql),
        case("five", {"a": 1, "b": 1}, {"json": {"a": 1}}, rule=inline),
        case("six", {"b": 2}, {"outcome": "nomatch"}, rule={**inline, "description": "another"}),
    ]
    where = folder({"a": cases})
    code, out, err = weir("tests", "--coverage-json", "c.json", cwd=where)
    tap.equal((code, err), (0, ""), "exit status")
    with open(os.path.join(where, "c.json"), encoding="utf-8") as f:
        answer = json.load(f)
    tap.equal([(r["name"], r["file"], r["cases"], r["covered"], r["total"]) for r in answer["rules"]],
              [("hot", "rules/hot.json", 2, 5, 5), ("the statement of three", None, 2, 3, 3),
               ("rule of five", None, 1, 2, 3), ("rule of six", None, 1, 1, 3)], "rules")
    where_place = answer["rules"][1]["places"][1]
    tap.equal(where_place, {"kind": "where", "line": 1, "column": 30, "source": "b = 1", "true": 1, "false": 1,
                            "undefined": 0, "failed": 0, "covered": 2, "total": 2}, "a place")
    tap.equal((answer["covered"], answer["total"]), (11, 14), "the sum")


class Page(HTMLParser):
    """Whether tags nest, what is fetched, the text, and the marked parts of the SQL."""

    VOID = {"meta"}

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text, self.marks = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [v for k, v in attributes.items() if k in ("src", "href")]
        if tag not in self.VOID:
            self.open.append((tag, attributes.get("class"), len(self.text)))

    def handle_endtag(self, tag):
        tap.check(self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open}")
        _, kind, at = self.open.pop()
        if "pre" in [t for t, _, _ in self.open]:
            self.marks.append((kind, "".join(self.text[at:])))

    def handle_data(self, data):
        self.text.append(data)


def test_coverage_html():
    """--coverage-html: one page without scripts and links elsewhere, hostile SQL escaped and marked"""
    sql = "SELECT a['</pre><script>alert(1)</script>'] AS x, 1 AS y FROM 'site/#' WHERE b < 2 AND (c > 1 OR d = '\"&')"
    where = folder({"a": [case(HOSTILE, {"b": 1, "c": 2, "d": "x"}, {"outcome": "output"}, sql=sql)]})
    code, out, err = weir("tests", "--coverage-html", "c.html", cwd=where)
    tap.equal((code, err), (0, ""), f"exit status of {out}")
    text = support.read_file(os.path.join(where, "c.html"))
    page = Page(text)
    tap.equal(page.open, [], "tags left open")
    tap.check("<script" not in text and "http://" not in text and "https://" not in text, "scripts and links")
    tap.check(all(link.startswith("#") for link in page.links), f"links {page.links}")
    tap.check("prefers-color-scheme" in text, "a dark form")
    tap.check(sql in "".join(page.text), "the SQL as it is written")
    tap.equal(page.marks, [("none", "a['</pre><script>alert(1)</script>']"), ("all", "1"), ("part", "b < 2"),
                           ("part", "c > 1"), ("part", "d = '\"&'")], "marks")


# ---- --update

TEXT = """\
{"id": "keep",  "rule":"../rules/hot.json", "topic":"site/kiln/reading", "payload":{"temp": 31, "name":"a"}, "expect" : { "json":{"n":"A","temp":31} } }\r

{"expect": {"json": {"temp": 3}, "actions": [{"s3": {"key": {"matches": "^k"}}}]}, "id":"change", "rule":"../rules/hot.json","topic":"site/kiln/reading","payload":{"temp":31.50}}
{"id":"other","rule":"../rules/hot.json","topic":"site/kiln/reading","payload":{"temp":3}, "expect":{"json":{}}, "note":"é"}"""
AFTER = TEXT.replace('{"temp": 3},', '{"temp":31.5},').replace('"expect":{"json":{}}', '"expect":{"outcome":"nomatch"}')


def test_update():
    """--update shows, asks, and changes what differs and nothing else; the second run passes"""
    where = folder({"a": TEXT, "same": [case("same", {"temp": 1}, {"outcome": "nomatch"})]})
    path = os.path.join(where, "tests", "a.jsonl")
    same = os.stat(os.path.join(where, "tests", "same.jsonl")).st_ino
    os.chmod(path, 0o640)
    code, said = on_terminal(["tests", "--update"], where, "n\n")
    tap.equal(code, 1, f"answered no: exit status of {said}")
    tap.check("nothing written" in said and support.read_file(path) == TEXT.replace("\r\n", "\n"), "answered no")
    code, said = on_terminal(["tests", "--update"], where, "y\n", env={**os.environ, "NO_COLOR": "1"})
    tap.equal(code, 0, f"answered yes: exit status of {said}")
    tap.check('tests/a.jsonl:3: change\n  - {"temp": 3}\n  + {"temp":31.5}\n' in said, f"what is shown in {said}")
    with open(path, "rb") as f:
        tap.equal(f.read(), AFTER.encode(), "the file")
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o640, "its permissions")
    tap.equal(os.stat(os.path.join(where, "tests", "same.jsonl")).st_ino, same, "a file without changes")
    tap.equal(sorted(os.listdir(os.path.join(where, "tests"))), ["a.jsonl", "same.jsonl"], "files left")
    expect("again", weir("tests", cwd=where), 0, out="4 passed, 0 failed\n")
    code, out, err = weir("tests", "--update", "--yes", cwd=where)
    tap.equal((code, out.splitlines()[-1]), (0, "nothing to update"), "nothing to do")


def test_update_through_a_link():
    """--update --yes writes the file behind a symbolic link, and leaves bad cases alone"""
    where = folder({"real": [WRONG, NOT_THERE]})
    os.rename(os.path.join(where, "tests", "real.jsonl"), os.path.join(where, "tests", "real.txt"))
    os.symlink("real.txt", os.path.join(where, "tests", "a.jsonl"))
    code, out, err = weir("tests", "--update", "--yes", cwd=where)
    tap.equal((code, err), (2, ""), "exit status: a bad case stays bad")
    tap.check("1 case updated" in out, out)
    tap.check(os.path.islink(os.path.join(where, "tests", "a.jsonl")), "the link")
    lines = support.read_file(os.path.join(where, "tests", "real.txt")).splitlines()
    tap.equal([json.loads(x)["expect"] for x in lines],
              [{"json": {"temp": 31, "n": "KILN"}}, NOT_THERE["expect"]], "what is expected now")


def test_update_of_a_changed_file():
    """a suite that changed while the question waited is left alone"""
    where = folder({"a": [WRONG]})
    path = os.path.join(where, "tests", "a.jsonl")
    outer, inner = support.terminal()
    run = subprocess.Popen([binary(), "test", "tests", "--update"], cwd=where, stdin=inner, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    os.close(inner)
    said = b""
    while b"[y/N] " not in said:
        said += os.read(run.stdout.fileno(), 65536)
    support.write_file(path, json.dumps(GOOD) + "\n")
    os.write(outer, b"y\n")
    _, err = run.communicate(timeout=support.TIMEOUT)
    os.close(outer)
    tap.equal(run.returncode, 2, "exit status")
    tap.equal(err.decode(), "weir test: tests/a.jsonl: changed since it was read, so it is left alone; run again\n",
              "what is said")
    tap.equal(support.read_file(path), json.dumps(GOOD) + "\n", "the file")


# ---- many

def test_many():
    """20,000 cases of 2,000 statements: quick, and counted right"""
    cases = [case(f"c{i}", {"x": i}, {"json": {"y": i + i % 2000}}, sql=f"SELECT x + {i % 2000} AS y FROM 'site/#'")
             for i in range(20000)]
    cases[7000]["expect"] = {"json": {"y": -1}}
    where = folder({"a": cases})
    code, out, err = weir("tests", "--json", "--coverage", cwd=where)
    answer = json.loads(out)
    tap.equal((code, answer["passed"], answer["failed"]), (1, 19999, 1), "sums")
    tap.equal((len(answer["coverage"]["rules"]), answer["coverage"]["percent"]), (2000, 100.0), "coverage")
    lines = [x for x in err.splitlines() if not re.fullmatch(r"\d+ of 20000 cases, [01] failed", x)]
    tap.equal(lines, [], "standard error, but for progress")


if __name__ == "__main__":
    support.main(globals())
