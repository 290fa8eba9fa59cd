#!/usr/bin/env python3
"""Instructions a message, by generator of `weir bench`, counted by callgrind: figures without noise.

usage: bench/callgrind.py WEIR [--guard FILE [--update]] [NAME]...

Each case runs twice with one round and no warm-up; the instructions of the two are subtracted, so that loading
does not count. With --guard a count that is more than 3 % above the file's fails; --update writes them anew.
Exit 0: counted, and none is worse; 1: one is; 2: wrong usage, or a run failed.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

WORSE = 1.03
# name: arguments, messages of the two runs
CASES = {
    "small": (["small"], 1000, 3000),
    "wide": (["wide"], 1000, 3000),
    "passthrough": (["passthrough"], 1000, 3000),
    "functions": (["functions"], 1000, 3000),
    "arrays": (["arrays"], 1000, 3000),
    "fan-in, 10 rules": (["fan-in", "--generate-rules", "10"], 1000, 5000),
    "fan-in, 1,000 rules": (["fan-in", "--generate-rules", "1000"], 11000, 21000),
    "many, 10 rules": (["many", "--generate-rules", "10"], 1000, 5000),
    "many, 1,000 rules": (["many", "--generate-rules", "1000"], 1000, 5000),
}


def fail(text):
    print(f"callgrind.py: {text}", file=sys.stderr)
    sys.exit(2)


def collected(weir, arguments, count):
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", weir, "bench", "--generate",
                   *arguments, "--rounds", "1", "--count", str(count)]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        except FileNotFoundError:
            fail("valgrind is not installed: apt-get install valgrind")
        except subprocess.TimeoutExpired:
            fail(f"{' '.join(command)}: took more than 10 minutes")
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        fail(f"{' '.join(command)}: status {run.returncode}: {run.stderr[-400:]}")
    return int(found[1])


def main(arguments):
    guard, update, names = None, False, []
    if not arguments or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    weir, arguments = arguments[0], arguments[1:]
    while arguments:
        word = arguments.pop(0)
        if word == "--guard" and arguments:
            guard = arguments.pop(0)
        elif word == "--update" and guard:
            update = True
        elif word in CASES:
            names.append(word)
        else:
            fail(f"found {word!r}, expected --guard FILE, --update behind it, or one of: {', '.join(CASES)}")
    names = names or list(CASES)
    stored = {}
    if guard and os.path.exists(guard):
        with open(guard, encoding="utf-8") as file:
            stored = json.load(file)
    elif guard and not update:
        fail(f"{guard}: there is no such file; --update makes it")
    counts, worse = dict(stored), []
    for name in names:
        which, low, high = CASES[name]
        count = round((collected(weir, which, high) - collected(weir, which, low)) / (high - low))
        counts[name] = count
        note = ""
        if name in stored:
            note = f"  {count / stored[name] - 1:+.1%} against {stored[name]:,}"
        elif guard and not update:
            worse.append(name)
            note = "  not in the file"
        if name in stored and count > stored[name] * WORSE:
            worse.append(name)
            note += "  worse"
        print(f"{name:22} {count:9,} instructions a message{note}", flush=True)
    if update:
        with open(guard, "w", encoding="utf-8") as file:
            json.dump(counts, file, indent=2)
            file.write("\n")
        return 0
    if guard and worse:
        print(f"worse by more than {WORSE - 1:.0%}: {', '.join(worse)}; if it is worth it: --update", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
