#!/usr/bin/env python3
"""The sections of pages that are made from weir's own tables are in step with them. TAP: one case a section.

usage: pages.py ROOT WEIR [--write | --self-test]

A section stands between two lines; what is outside is written by hand:
  <!-- made by: weir help functions --markdown numbers -->
  <!-- end -->
--write makes every section anew (`./dev pages` does that). Families and topics that no page shows are failures
too, so that a new family of functions, or a new sink, needs its page.
"""
import json, pathlib, re, subprocess, sys, tempfile

BEGIN = re.compile(r"<!-- made by: weir ((?:help|check|sinks) [A-Za-z0-9 -]+?) -->$")
END = "<!-- end -->"
SKIPPED = re.compile(r"(^|/)(\.git|node_modules|build[^/]*|weir-demo|weir-data)(/|$)")


class Trouble(Exception):
    """What is wrong with a page."""


def made(weir, words):
    """The lines that weir prints."""
    ran = subprocess.run([str(weir), *words], capture_output=True, text=True, timeout=30)
    if ran.returncode != 0 or not ran.stdout.strip():
        raise Trouble(f"weir {' '.join(words)}: status {ran.returncode}: {ran.stderr.strip()}")
    return ran.stdout.rstrip("\n").split("\n")


def sections(lines):
    """(words, index of the first line inside, index of the end line) of each section."""
    at = 0
    while at < len(lines):
        match = BEGIN.match(lines[at])
        at += 1
        if match:
            start = at
            while at < len(lines) and lines[at] != END:
                if BEGIN.match(lines[at]):
                    raise Trouble(f"line {start}: the section does not end before the next")
                at += 1
            if at == len(lines):
                raise Trouble(f"line {start}: the section has no {END}")
            yield match[1].split(), start, at


def pages(root):
    for path in sorted(root.rglob("*.md")):
        if not SKIPPED.search(path.relative_to(root).as_posix()):
            yield path


def rewritten(weir, text):
    """The page with every section made anew."""
    lines, out, done = text.split("\n"), [], 0
    for words, start, end in sections(lines):
        out += lines[done:start] + made(weir, words)
        done = end
    return "\n".join(out + lines[done:])


def wanted(weir):
    """The sections that have to be somewhere: a family has its page."""
    names = re.search(r"a family: (.*)$", made(weir, ["help", "functions"])[-1])[1].split()
    sinks = [sink["name"] for sink in json.loads("\n".join(made(weir, ["sinks", "--json"])))]
    return [f"help functions --markdown {name}" for name in names] + [
        "help options --markdown", "help sql --markdown", "help metrics --markdown", "check --codes --markdown", "sinks --markdown"] + [
        f"sinks --markdown {name}" for name in sinks]


def cases(root, weir):
    """(title, None or lines of what is wrong)."""
    seen = set()
    for path in pages(root):
        name, lines = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8").split("\n")
        try:
            for words, start, end in sections(lines):
                seen.add(" ".join(words))
                now = made(weir, words)
                title = f"{name}:{start} weir {' '.join(words)}"
                if lines[start:end] == now:
                    yield title, None
                else:
                    first = next((i for i, (a, b) in enumerate(zip(lines[start:end], now)) if a != b),
                                 min(end - start, len(now)))
                    yield title, [f"out of step from line {start + first + 1} on; ./dev pages writes it"]
        except Trouble as error:
            yield name, [str(error)]
    for words in wanted(weir):
        yield f"a page shows weir {words}", None if words in seen else ["no page has that section"]


PARTS = {"what is sent": r"\*\*Sent\*\*|^## What is sent", "failures": r"\*\*[Ff]ailure\*\*|^## Failures|^## How it fails",
         "the local form": r"\*\*Local form\*\*|^## The local form", "differences from AWS": r"\*\*Differs from AWS\*\*|^## Differences from AWS"}


def parts(root):
    """Every action of AWS's has a page with the four parts that no table can say."""
    for path in sorted((root / "docs" / "actions").glob("*.md")):
        if path.stem not in ("README", "null"):
            text = path.read_text(encoding="utf-8")
            missing = [name for name, pattern in PARTS.items() if not re.search(pattern, text, re.M)]
            yield f"docs/actions/{path.name} has its parts", [f"no {name}" for name in missing] or None


def report(results):
    results, bad = list(results), False
    print(f"1..{len(results)}")
    for number, (title, why) in enumerate(results, 1):
        bad = bad or bool(why)
        print(f"{'not ' if why else ''}ok {number} - {title}")
        for line in why or []:
            print(f"#   {line}")
    return bad


# ---- does it fail where it should?

FAKE = """#!/bin/sh
case "$*" in
"sinks --json") echo '[{"name": "sink"}]' ;;
"help functions") echo "says more, of a function or a family: some" ;;
*some) echo "made line" ;;
*sink | "sinks --markdown") echo "made sink" ;;
*markdown) echo "made text"; echo "and more" ;;
*) exit 2 ;;
esac
"""
REST = """<!-- made by: weir help options --markdown -->
made text
and more
<!-- end -->
<!-- made by: weir help sql --markdown -->
made text
and more
<!-- end -->
<!-- made by: weir help metrics --markdown -->
made text
and more
<!-- end -->
<!-- made by: weir check --codes --markdown -->
made text
and more
<!-- end -->
<!-- made by: weir sinks --markdown sink -->
made sink
<!-- end -->
<!-- made by: weir sinks --markdown -->
made sink
<!-- end -->
"""
GOOD = "by hand\n<!-- made by: weir help functions --markdown some -->\nmade line\n<!-- end -->\nby hand\n"
SELF = [  # (page, is it in step)
    (GOOD + REST, True),
    (GOOD.replace("made line", "old line") + REST, False),
    (GOOD.replace("made line\n", "") + REST, False),
    (GOOD.replace("made line", "made line\nmore") + REST, False),
    (GOOD.replace("<!-- end -->", "") + REST, False),
    (GOOD.replace("some", "other") + REST, False),
    (REST, False),
    (GOOD, False),
]


def self_test():
    results = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        weir = root / "weir"
        weir.write_text(FAKE)
        weir.chmod(0o755)
        for number, (page, right) in enumerate(SELF, 1):
            (root / "a.md").write_text(page)
            good = not any(why for _, why in cases(root, weir))
            results.append((f"page {number} is {'' if right else 'not '}in step", None if good == right else [page]))
        old = SELF[1][0]
        (root / "docs" / "actions").mkdir(parents=True)
        whole = "**Sent**: a\n**Failure**: b\n**Local form**: c\n**Differs from AWS**: d\n"
        for text, right in ((whole, True), (whole.replace("**Sent**", "Sent"), False)):
            (root / "docs" / "actions" / "x.md").write_text(text)
            good = not any(why for _, why in parts(root))
            results.append((f"a page of an action {'with' if right else 'without'} its parts", None if good == right else [text]))
        results.append(("--write puts it right", None if rewritten(weir, old) == SELF[0][0] else [rewritten(weir, old)]))
    return report(results)


def write(root, weir):
    for path in pages(root):
        text = path.read_text(encoding="utf-8")
        new = rewritten(weir, text)
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(root)}", file=sys.stderr)
    return False


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        sys.exit(self_test())
    ROOT, WEIR = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    sys.exit(write(ROOT, WEIR) if "--write" in sys.argv else report([*cases(ROOT, WEIR), *parts(ROOT)]))
