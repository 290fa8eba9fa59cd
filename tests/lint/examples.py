#!/usr/bin/env python3
"""Run every example of every .md through weir, so that documentation cannot rot. TAP: one case an example.

usage: examples.py ROOT WEIR [--self-test]

What is an example:
  ```sql            each statement (blank lines separate them) must be valid
  ```sql invalid    ... must be refused; with a place (`invalid 1:8`, line and column) there
  `SELECT ...`      a code span that begins with SELECT or SET @, in prose or in a table, must be valid, or
                    refused where its line says "invalid"; one with three points in it is no example
  | expression | payload | gives |
                    a table with such a head: each row is run. The first column is an `expression` (of SELECT
                    VALUE), a `statement` or a `template`; further ones may be `payload` (`{}` when empty;
                    "base64 `...`"; "empty"), `topic`, `version`, `context` (tests/corpus/FORMAT.md), and any
                    others for the reader. `gives` is the outgoing payload in a code span, or: Undefined or empty
                    (an empty payload), no match, error, invalid, "invalid at 1:8", "matches `REGEX`"
  $ weir eval ...   in a fenced block without a language or of console, text: the lines behind it up to
                    the next `$` are what it prints, standard error included. A line `...` stands for
                    any lines. A command goes on in the next line after a backslash or inside quotes.
                    `weir help`, `test`, `check`, `explain`, `replay`, `sinks` and `version` likewise
  weir eval ...     at the start of a line in a sh, bash or shell block: it must not exit 2
Commands run in ROOT with this build's weir first in PATH.
"""
import base64, json, os, pathlib, re, subprocess, sys, tempfile

FENCE = re.compile(r"^( *)(`{3,}|~{3,})[ \t]*([^`]*)$")
RUN = re.compile(r"\bweir (eval|help|test|check|explain|replay|sinks|version)\b")  # what ends by itself and needs nothing
SKIPPED = re.compile(r"(^|/)(\.git|node_modules|build[^/]*|weir-demo|weir-data)(/|$)")


def blocks(text):
    """(line number of the first line, words behind the fence, lines) of each fenced block."""
    open_fence = None
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if open_fence is None and match:
            open_fence, words, lines, start = match[2], match[3].split(), [], number + 1
            indent = len(match[1])
        elif match and match[2].startswith(open_fence) and not match[3].strip():
            yield start, words, lines
            open_fence = None
        elif open_fence is not None:
            lines.append(line[indent:] if not line[:indent].strip() else line)


def statements(start, lines):
    """(line number, statement)s, separated by blank lines."""
    part, first = [], start
    for number, line in enumerate(lines + [""], start):
        if line.strip():
            if not part:
                first = number
            part.append(line)
        elif part:
            yield first, "\n".join(part)
            part = []


def whole(command):
    """Whether bash would not read on after these lines."""
    if command.endswith("\\"):
        return False
    asked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
    return "unexpected EOF" not in asked.stderr


def commands(start, lines, prompt):
    """(line number, command, printed lines) of each command line."""
    at = 0
    while at < len(lines):
        line, first = lines[at], start + at
        at += 1
        if not line.startswith(prompt + "weir " if not prompt else prompt):
            continue
        command = line[len(prompt):]
        while not whole(command) and at < len(lines):
            command += "\n" + lines[at]
            at += 1
        printed = []
        while prompt and at < len(lines) and not lines[at].startswith(prompt):
            printed.append(lines[at].rstrip())
            at += 1
        if RUN.search(command):
            yield first, command, printed


# ---- statements, expressions and templates: cases of `weir eval --cases`

SPAN = re.compile(r"(?<!`)`((?:SELECT|SET @)[^`]*)`(?!`)")
PLACE = re.compile(r"\d+:\d+$")
VERSION = re.compile(r"\d{4}-\d\d-\d\d$|beta$")


def case(kind, text, **members):
    """A case; without a topic it comes by Basic Ingest, so that FROM is not asked."""
    made = {"sqlVersion": "2016-03-23", "topic": "$aws/rules/r/a/b", "payloadText": "{}", "context": {}}
    made.update(members)
    if made["topic"].startswith("$aws/rules/"):
        made["context"] = {**made["context"], "basicIngest": True, "ruleName": "r"}
    made["template" if kind == "template" else "sql"] = f"SELECT VALUE {text}" if kind == "expression" else text
    return made


def cells(line):
    """The cells of a table's row, or None."""
    line = line.strip()
    if not line.startswith("|") or not line.endswith("|") or len(line) < 2:
        return None
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line[1:-1])]


def code(cell):
    """What stands in the cell's code span, or None."""
    match = re.fullmatch(r"(`+)(.*)\1", cell)
    return match[2].strip(" ") if match and match[1] == "``" else match[2] if match else None


def row(head, values):
    """(text, case, wanted) of a row that is run. ValueError: it says something that is not known."""
    cell = dict(zip(head, values))
    members, kind = {}, head[0]
    text = code(cell[kind])
    if text is None:
        raise ValueError(f"{kind}: expected one code span, found {cell[kind]}")
    payload = cell.get("payload", "")
    if payload.startswith("base64 "):
        members["payloadBase64"], members["payloadText"] = code(payload[7:]), None
    elif payload:
        members["payloadText"] = "" if payload == "empty" else code(payload)
        if members["payloadText"] is None:
            raise ValueError(f"payload: expected a code span, base64 or empty, found {payload}")
    for column, member in (("topic", "topic"), ("version", "sqlVersion")):
        if cell.get(column):
            members[member] = code(cell[column]) or cell[column]
    if cell.get("context"):
        members["context"] = json.loads(code(cell["context"]) or "")
    members = {k: v for k, v in members.items() if v is not None}
    made = case(kind, text, **members)
    if "payloadBase64" in members:
        del made["payloadText"]
    return text, made, cell["gives"]


def tables(lines):
    """(line number, head, cells) of each row of tables that are run."""
    head = None
    for number, line in enumerate(lines, 1):
        found = cells(line)
        if not found:
            head = None
        elif head is None:
            names = [name.lower() for name in found]
            head = names if names[0] in ("expression", "statement", "template") else []
        elif head and not re.fullmatch(r"[|: -]+", line.strip()):
            yield number, head, found


def outside(text):
    """The lines of a page with those of fenced blocks emptied."""
    lines = text.splitlines()
    for start, _, inside in blocks(text):
        for number in range(start - 2, min(start + len(inside), len(lines))):
            lines[number] = ""
    return lines


def from_page(name, text):
    """(place, kind, text, what is wanted) of the examples of one page."""
    for start, words, lines in blocks(text):
        language = words[0] if words else ""
        if language == "sql":
            version = next((w for w in words[1:] if VERSION.match(w)), "2016-03-23")
            place = next((w for w in words[1:] if PLACE.match(w)), None)
            wanted = (f"invalid at {place}" if place else "invalid") if "invalid" in words[1:] else "valid"
            for number, sql in statements(start, lines):
                yield f"{name}:{number}", "case", sql, (case("statement", sql, sqlVersion=version), wanted)
        elif language in ("", "console", "text"):
            for number, command, printed in commands(start, lines, "$ "):
                yield f"{name}:{number}", "prints", command, printed
        elif language in ("sh", "bash", "shell"):
            for number, command, _ in commands(start, lines, ""):
                yield f"{name}:{number}", "runs", command, []
    lines, run = outside(text), set()
    for number, head, values in tables(lines):
        run.add(number)
        try:
            if "gives" not in head:
                raise ValueError("the table has no column gives")
            if len(values) != len(head):
                raise ValueError(f"{len(values)} cells below a head of {len(head)}")
            title, made, wanted = row(head, values)
            yield f"{name}:{number}", "case", title, (made, wanted)
        except ValueError as error:
            yield f"{name}:{number}", "broken", values[0], str(error)
    for number, line in enumerate(lines, 1):
        for match in SPAN.finditer(line) if number not in run else ():
            sql = match[1].replace("\\|", "|")
            if "..." not in sql and "…" not in sql:
                wanted = "invalid" if re.search(r"\binvalid\b", line) else "valid"
                yield f"{name}:{number}", "case", sql, (case("statement", sql), wanted)


def examples(root):
    """(place, kind, text, what is wanted) of all examples below root."""
    for path in sorted(root.rglob("*.md")):
        name = path.relative_to(root).as_posix()
        if not SKIPPED.search(name):
            yield from from_page(name, path.read_text(encoding="utf-8"))


def answers(weir, cases):
    """The answers of weir to cases by their number; what it complained about."""
    sent = "".join(json.dumps({"id": str(n), **made}) + "\n" for n, made in cases.items())
    ran = subprocess.run([str(weir), "eval", "--cases", "-"], input=sent.encode(), capture_output=True, timeout=120)
    found = {}
    for line in ran.stdout.decode("utf-8", "replace").splitlines():
        answer = json.loads(line)
        found[int(answer["id"])] = answer
    return found, ran.stderr.decode("utf-8", "replace").strip()


def came_out(answer):
    """An answer in the words of a page, and its bytes when it has some."""
    outcome = answer["outcome"]
    if outcome == "output":
        given = base64.b64decode(answer["payloadBase64"]).decode("utf-8", "replace") if "payloadBase64" in answer \
            else answer["text"]
        return "empty" if given == "" else f"`{given}`", given
    if outcome == "invalid":
        return f"invalid at {answer['at']}" if "at" in answer else "invalid", None
    return {"nomatch": "no match"}.get(outcome, outcome), None


def case_trouble(wanted, answer):
    """None, or lines saying what is wrong."""
    if answer is None:
        return ["weir gives no answer"]
    got, given = came_out(answer)
    pattern = code(wanted[8:]) if wanted.startswith("matches ") else None
    if wanted == "valid":
        right = answer["outcome"] != "invalid"
    elif wanted == "invalid":
        right = answer["outcome"] == "invalid"
    elif pattern is not None:
        right = given is not None and re.search(pattern, given) is not None
    elif wanted in ("empty", "Undefined"):
        right = got == "empty"
    elif code(wanted) is not None:
        right = given == code(wanted)
    else:
        right = got == wanted and not got.startswith("`")
    if right:
        return None
    return [f"it gives: {got} {answer.get('message', '')}".rstrip(), f"but the page says: {wanted}"]


# ---- commands

def same(printed, wanted):
    """Line by line; `...` in `wanted` stands for any lines."""
    if not wanted:
        return not printed
    if wanted[0] == "...":
        return any(same(printed[i:], wanted[1:]) for i in range(len(printed) + 1))
    return bool(printed) and printed[0] == wanted[0] and same(printed[1:], wanted[1:])


def trouble(root, weir, kind, text, printed):
    """None, or lines saying what is wrong."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WEIR_")}
    environment.update(NO_COLOR="1", PATH=f"{weir.parent}:{os.environ.get('PATH', '')}")
    try:
        ran = subprocess.run(["bash", "-c", text], cwd=root, env=environment, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, errors="replace")
    except subprocess.TimeoutExpired:
        return ["it does not end"]
    got = [line.rstrip() for line in ran.stdout.splitlines()]
    if kind == "runs":
        return None if ran.returncode in (0, 1) else [f"exit status {ran.returncode}"] + got
    while printed and not printed[-1]:
        printed = printed[:-1]
    if ran.returncode not in (0, 1, 2):
        return [f"exit status {ran.returncode}"] + got
    if not same(got, printed):
        return ["it prints:"] + got + ["but the page says:"] + printed
    return None


def judged(root, weir):
    """(place, text, None or what is wrong) of every example."""
    found = list(examples(root))
    cases = {n: wanted[0] for n, (_, kind, _, wanted) in enumerate(found) if kind == "case"}
    answered, complaint = answers(weir, cases)
    for number, (place, kind, text, wanted) in enumerate(found):
        if kind == "case":
            why = case_trouble(wanted[1], answered.get(number))
            yield place, text, why + [complaint] if why and complaint else why
        elif kind == "broken":
            yield place, text, [wanted]
        else:
            yield place, text, trouble(root, weir, kind, text, wanted)


def run(root, weir):
    results = list(judged(root, weir))
    if not results:
        print("1..0 # SKIP no examples")
        return False
    print(f"1..{len(results)}")
    bad = False
    for number, (place, text, why) in enumerate(results, 1):
        bad = bad or bool(why)
        title = " ".join(text.split()).replace("#", "\\#")[:70]
        print(f"{'not ' if why else ''}ok {number} - {place} {title}")
        for line in why or []:
            print(f"#   {line}")
    return bad


# A page, and which of its examples must fail with a weir that knows one statement and one expression.
PAGE = """\
```sql
SELECT good

SELECT bad
```
```sql invalid
SELECT bad
```
```console
$ weir eval 'SELECT good' \\
    -p '{}'
printed good
$ weir eval 'SELECT
good' | tail -1
...
$ weir eval 'SELECT good'
printed better
$ ls
```
~~~sh
weir eval 'SELECT bad'
~~~
```sql invalid 1:8
SELECT bad
```
```sql invalid 1:7
SELECT bad
```
```sql invalid
SELECT good
```
Prose with `SELECT good`, `SELECT ...` and `SELECT bad`.
`SELECT bad` is invalid.

| what | why |
|---|---|
| `SELECT bad` | a table that is not run |

| expression | payload | gives |
|---|---|---|
| `good` | | `1` |
| `good` | `[]` | `2` |
| `good` | | Undefined |
| `bad` | | invalid at 1:8 |
| `bad` | | no match |
| `good` | | matches `^.$` |
| `good` | | matches `^..$` |
| `good` | | `1` | |
| good | | `1` |

| expression | payload |
|---|---|
| `good` | |
"""
WANTED = ["2 ok", "4 fails", "7 ok", "10 ok", "13 ok", "16 fails", "21 fails", "24 ok", "27 fails", "30 fails",
          "41 ok", "42 fails", "43 fails", "44 ok", "45 fails", "46 ok", "47 fails", "48 fails", "49 fails",
          "53 fails",
          "32 ok", "32 fails", "33 ok", "37 fails"]
FAKE = """#!/usr/bin/python3
import json, sys
if sys.argv[2] != "--cases":
    print("printed good" if "good" in sys.argv[2] else "refused")
    sys.exit(0 if "good" in sys.argv[2] else 2)
for line in sys.stdin:
    case = json.loads(line)
    good = {"outcome": "output", "payloadBase64": "MQ=="}
    bad = {"outcome": "invalid", "at": "1:8", "message": "refused"}
    print(json.dumps({"id": case["id"], **(good if "good" in case["sql"] else bad)}))
"""


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        weir = root / "bin" / "weir"
        weir.parent.mkdir()
        weir.write_text(FAKE)
        weir.chmod(0o755)
        (root / "a.md").write_text(PAGE)
        got = [f"{place[5:]} {'fails' if why else 'ok'}" for place, _, why in judged(root, weir)]
    print("1..1")
    print(f"{'' if got == WANTED else 'not '}ok 1 - finds what does not hold in a page")
    if got != WANTED:
        print(f"# got    {got}\n# wanted {WANTED}")
    return got != WANTED


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        sys.exit(self_test())
    sys.exit(run(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()))
