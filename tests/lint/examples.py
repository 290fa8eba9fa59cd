#!/usr/bin/env python3
"""Run every example of every .md through weir, so that documentation cannot rot. TAP: one case an example.

usage: examples.py ROOT WEIR [--self-test]

What is an example:
  ```sql            each statement (blank lines separate them) must be valid: `weir eval` does not exit 2
  ```sql invalid    ... must be refused
  $ weir eval ...   in a fenced block without a language or of console, text: the lines behind it up to
                    the next `$` are what it prints, standard error included. A line `...` stands for
                    any lines. A command goes on in the next line after a backslash or inside quotes.
  weir eval ...     at the start of a line in a sh, bash or shell block: it must not exit 2
Commands run in ROOT with this build's weir first in PATH.
"""
import os, pathlib, re, subprocess, sys, tempfile

FENCE = re.compile(r"^( *)(`{3,}|~{3,})[ \t]*([^`]*)$")
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
        if re.search(r"\bweir eval\b", command):
            yield first, command, printed


def examples(root):
    """(place, kind, text, printed) of all examples below root."""
    for path in sorted(root.rglob("*.md")):
        name = path.relative_to(root).as_posix()
        if SKIPPED.search(name):
            continue
        for start, words, lines in blocks(path.read_text(encoding="utf-8")):
            language = words[0] if words else ""
            if language == "sql":
                kind = "invalid" if "invalid" in words[1:] else "valid"
                for number, text in statements(start, lines):
                    yield f"{name}:{number}", kind, text, []
            elif language in ("", "console", "text"):
                for number, text, printed in commands(start, lines, "$ "):
                    yield f"{name}:{number}", "prints", text, printed
            elif language in ("sh", "bash", "shell"):
                for number, text, _ in commands(start, lines, ""):
                    yield f"{name}:{number}", "runs", text, []


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
    command = [str(weir), "eval", text] if kind in ("valid", "invalid") else ["bash", "-c", text]
    try:
        ran = subprocess.run(command, cwd=root, env=environment, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, errors="replace")
    except subprocess.TimeoutExpired:
        return ["it does not end"]
    got = [line.rstrip() for line in ran.stdout.splitlines()]
    if kind == "invalid":
        return None if ran.returncode == 2 else [f"it is not refused (exit status {ran.returncode})"]
    if kind != "prints":
        return None if ran.returncode in (0, 1) else [f"exit status {ran.returncode}"] + got
    while printed and not printed[-1]:
        printed = printed[:-1]
    if ran.returncode not in (0, 1, 2):
        return [f"exit status {ran.returncode}"] + got
    if not same(got, printed):
        return ["it prints:"] + got + ["but the page says:"] + printed
    return None


def run(root, weir):
    cases = list(examples(root))
    if not cases:
        print("1..0 # SKIP no examples")
        return False
    print(f"1..{len(cases)}")
    bad = False
    for number, (place, kind, text, printed) in enumerate(cases, 1):
        why = trouble(root, weir, kind, text, printed)
        bad = bad or bool(why)
        title = " ".join(text.split()).replace("#", "\\#")[:70]
        print(f"{'not ' if why else ''}ok {number} - {place} {title}")
        for line in why or []:
            print(f"#   {line}")
    return bad


# A page, and which of its examples must fail with a weir that knows one statement.
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
"""
WANTED = ["a.md:2 ok", "a.md:4 fails", "a.md:7 ok", "a.md:10 ok", "a.md:13 ok", "a.md:16 fails", "a.md:21 fails"]
FAKE = """#!/bin/sh
case $2 in *good*) echo printed good ;; *) echo refused; exit 2 ;; esac
"""


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        weir = root / "bin" / "weir"
        weir.parent.mkdir()
        weir.write_text(FAKE)
        weir.chmod(0o755)
        (root / "a.md").write_text(PAGE)
        got = [f"{place} {'fails' if trouble(root, weir, kind, text, printed) else 'ok'}"
               for place, kind, text, printed in examples(root)]
    print("1..1")
    print(f"{'' if got == WANTED else 'not '}ok 1 - finds what does not hold in a page")
    if got != WANTED:
        print(f"# got    {got}\n# wanted {WANTED}")
    return got != WANTED


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        sys.exit(self_test())
    sys.exit(run(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()))
