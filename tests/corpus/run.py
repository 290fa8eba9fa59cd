#!/usr/bin/python3
"""Runs the conformance cases through a weir binary, one TAP line a case.

usage: run.py WEIR [FILE...]    (default: every *.jsonl beside this script)

The cases go to `WEIR eval --cases -` without their `expect`; answers are compared here, by the rules of
FORMAT.md. Cases in not-passing.txt (a line each: id, blank, reason) are expected to fail: such a case is
printed as a TODO, and one that passes is a failure, so that the list can only shrink on purpose.
"""
import base64
import decimal
import json
import pathlib
import re
import subprocess
import sys

decimal.getcontext().prec = 60
HERE = pathlib.Path(__file__).resolve().parent


def numbers(text):
    return json.loads(text, parse_int=decimal.Decimal, parse_float=decimal.Decimal)


def raw_members(text):
    """The members of a JSON object, each exactly as it was written."""
    decoder, found, at = json.JSONDecoder(), {}, text.index("{") + 1
    blank = re.compile(r"[\s,:]*")
    while text[at := blank.match(text, at).end()] != "}":
        key, at = json.decoder.scanstring(text, at + 1)
        start = blank.match(text, at).end()
        _, at = decoder.raw_decode(text, start)
        found[key] = text[start:at]
    return found


def same(actual, wanted, tolerance):
    """Equality of FORMAT.md: keys in any order, numbers by exact decimal value or within tolerance."""
    if isinstance(wanted, decimal.Decimal) and isinstance(actual, decimal.Decimal):
        if tolerance is None:
            return actual == wanted
        return abs(actual - wanted) <= tolerance * max(decimal.Decimal(1), abs(wanted))
    if isinstance(wanted, dict) and isinstance(actual, dict):
        return wanted.keys() == actual.keys() and all(
            same(actual[key], wanted[key], tolerance) for key in wanted)
    if isinstance(wanted, list) and isinstance(actual, list):
        return len(wanted) == len(actual) and all(
            same(a, w, tolerance) for a, w in zip(actual, wanted))
    return type(actual) is type(wanted) and actual == wanted


def wrong_output(want, raw, answer):
    """Why the answer is not the wanted output; None when it is."""
    if "payloadBase64" not in answer:
        return "no payloadBase64"
    payload = base64.b64decode(answer["payloadBase64"], validate=True)
    if "base64" in want:
        return None if payload == base64.b64decode(want["base64"]) else f"bytes {payload!r}"
    if "text" in want:
        return None if payload == want["text"].encode() else f"{payload!r}, wanted {want['text']!r}"
    if "matches" in want:
        found = re.search(want["matches"], payload.decode("utf-8", "replace"))
        return None if found else f"{payload!r} does not match {want['matches']}"
    try:
        actual = numbers(payload.decode())
    except ValueError as error:
        return f"not JSON: {payload!r} ({error})"
    tolerance = decimal.Decimal(str(want["tolerance"])) if "tolerance" in want else None
    if same(actual, numbers(raw["json"]), tolerance):
        return None
    return f"{payload.decode()}, wanted {raw['json']}"


def wrong(case, raw, answer):
    """Why the case does not pass; None when it does."""
    want = case["expect"]
    outcome = want.get("outcome", "output")
    if answer is None:
        return "no answer"
    if answer.get("outcome") != outcome:
        return f"outcome {answer.get('outcome')}, wanted {outcome}: {answer.get('message', '')}"
    if outcome == "invalid":
        if "at" in want and answer.get("at") != want["at"]:
            return f"at {answer.get('at')}, wanted {want['at']}: {answer.get('message', '')}"
        return None if answer.get("message") else "no message"
    if outcome != "output":
        return None
    if "template" in case:
        if answer.get("text") == want["text"]:
            return None
        return f"{answer.get('text')!r}, wanted {want['text']!r}"
    return wrong_output(want, raw_members(raw["expect"]), answer)


def read_cases(files):
    for file in files:
        for line in file.read_text("utf-8").split("\n"):
            if line.strip():
                yield json.loads(line), raw_members(line)


def known_failures():
    known = {}
    for line in (HERE / "not-passing.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            case, _, reason = line.partition(" ")
            known[case] = reason.strip()
    return known


def main():
    weir, names = sys.argv[1], sys.argv[2:]
    files = [pathlib.Path(name) for name in names] or sorted(HERE.glob("*.jsonl"))
    cases = list(read_cases(files))
    known = known_failures()
    sent = "".join("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in raw.items()
                                  if key not in ("expect", "note", "basis", "source")) + "}\n"
                   for _, raw in cases)
    run = subprocess.run([weir, "eval", "--cases", "-"], input=sent.encode(), capture_output=True,
                         timeout=600, check=False)
    answers = {}
    for line in run.stdout.decode("utf-8", "replace").splitlines():
        answer = json.loads(line)
        answers[answer["id"]] = answer
    print(f"1..{len(cases) + 1}")
    failures = 0
    for number, (case, raw) in enumerate(cases, 1):
        why = wrong(case, raw, answers.get(case["id"]))
        name, reason = case["id"], known.get(case["id"])
        if reason is not None and why:
            print(f"not ok {number} - {name} # TODO {reason}")
        elif reason is not None:
            failures += 1
            print(f"not ok {number} - {name}")
            print(f"# passes, but stands in not-passing.txt ({reason}): take it out")
        elif why:
            failures += 1
            print(f"not ok {number} - {name}")
            print(f"# {case.get('sql', case.get('template'))!r}: {why}")
        else:
            print(f"ok {number} - {name}")
    ended = run.returncode == 0
    print(f"{'ok' if ended else 'not ok'} {len(cases) + 1} - weir eval ends with status 0")
    if not ended:
        print(f"# status {run.returncode}: {run.stderr.decode('utf-8', 'replace')[-400:]}")
    return 1 if failures or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
