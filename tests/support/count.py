#!/usr/bin/env python3
"""Count the TAP cases in meson's testlog.json: prints "PASSED FAILED SKIPPED".

Every `ok` and `not ok` line at the start of a line is a case. A test that crashed, timed out, printed no
plan or another number of cases than planned, or failed without a `not ok` line, is one failure more.
What failed is named on standard error.
"""
import json, re, sys

CASE = re.compile(r"(not )?ok\b[ \t]*([0-9]*)(.*)")
PLAN = re.compile(r"1\.\.([0-9]+)(.*)")


def count(test):
    """(passed, failed, skipped, [why]) of one entry of the log."""
    passed = failed = skipped = 0
    planned, why = None, []
    for line in (test.get("stdout") or "").splitlines():
        plan, case = PLAN.match(line), CASE.match(line)
        if plan:
            planned = int(plan[1])
            if planned == 0:
                skipped += 1
        elif case and re.search(r"#\s*skip", case[3], re.I):
            skipped += 1
        elif case and case[1]:
            failed += 1
            why.append(line)
        elif case:
            passed += 1
    cases = passed + failed + skipped
    status = test.get("returncode") or 0
    trouble = None
    if test["result"] in ("TIMEOUT", "INTERRUPT"):
        trouble = "out of time" if test["result"] == "TIMEOUT" else "interrupted"
    elif status < 0 or status > 128:
        trouble = f"ended by signal {-status if status < 0 else status - 128}"
    elif planned is None:
        trouble = f"no TAP plan, exit status {status}"
    elif planned and cases != planned:
        trouble = f"{cases} cases, {planned} planned, exit status {status}"
    # A TAP test whose exit status is not 0 is an error to meson even when its `not ok` lines say why.
    elif test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and not failed:
        trouble = f"exit status {status}"
    if trouble:
        failed += 1
        why.append(trouble)
    return passed, failed, skipped, why


def main(path):
    totals = [0, 0, 0]
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            *numbers, why = count(test)
            totals = [a + b for a, b in zip(totals, numbers)]
            for reason in why[:10]:
                print(f"dev:   FAILED {test['name']}: {reason}", file=sys.stderr)
            if len(why) > 10:
                print(f"dev:   FAILED {test['name']}: {len(why) - 10} more", file=sys.stderr)
    print(*totals)


if __name__ == "__main__":
    main(sys.argv[1])
