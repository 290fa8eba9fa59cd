#!/usr/bin/env python3
"""The model against the conformance cases: all of them but those in areas it names as unsupported. TAP.

usage: corpus.py MODEL [CASES...]

MODEL is tests/model/model. A case it calls unsupported is a SKIP with its reason, and the reason must be one
of UNSUPPORTED: so that an area cannot drop out of the comparison unnoticed.
"""
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "corpus"))
import run as corpus  # noqa: E402: the comparison, the same as for weir

# Reason: the areas whose cases may give it.
UNSUPPORTED = {
    "look-ups": ["functions/aws_lambda", "functions/get_dynamodb", "functions/get_thing_shadow", "functions/get_secret",
                 "functions/get_registry_data", "functions/machinelearning_predict", "functions/get_or_default",
                 "template", "real-world", "set"],
    "Protobuf": ["functions/decode"],
    "time zones": ["functions/parse_time"],
    "rarer time patterns": ["functions/time_to_epoch"],
    "regular expressions outside the subset": ["functions/regexp"],
    "long regular expression matches": ["functions/regexp"],
}


def main():
    model, names = sys.argv[1], sys.argv[2:]
    files = [pathlib.Path(name) for name in names] or sorted(corpus.HERE.glob("*.jsonl"))
    cases = list(corpus.read_cases(files))
    sent = "".join("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in raw.items()
                                  if key not in ("expect", "note", "basis", "source")) + "}\n"
                   for _, raw in cases)
    ran = subprocess.run([model, "eval", "--cases", "-"], input=sent.encode(), capture_output=True, timeout=600,
                         check=False)
    answers = {}
    for line in ran.stdout.decode("utf-8", "replace").splitlines():
        answer = json.loads(line)
        answers[answer["id"]] = answer
    print(f"1..{len(cases) + 1}")
    failures, skipped = 0, collections.Counter()
    for number, (case, raw) in enumerate(cases, 1):
        answer = answers.get(case["id"])
        if answer and answer["outcome"] == "unsupported":
            reason = answer["message"]
            skipped[reason] += 1
            if case["area"] in UNSUPPORTED.get(reason, []):
                print(f"ok {number} - {case['id']} # SKIP the model does not do {reason}")
                continue
            why = f"unsupported ({reason}) in area {case['area']}"
        else:
            why = corpus.wrong(case, raw, answer)
        failures += bool(why)
        print(f"{'not ok' if why else 'ok'} {number} - {case['id']}")
        if why:
            print(f"# {case.get('sql', case.get('template'))!r}: {why}")
    ended = ran.returncode == 0
    print(f"{'ok' if ended else 'not ok'} {len(cases) + 1} - the model ends with status 0")
    if not ended:
        print(f"# status {ran.returncode}: {ran.stderr.decode('utf-8', 'replace')[-400:]}")
    print("# unsupported: " + ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items())))
    return 1 if failures or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
