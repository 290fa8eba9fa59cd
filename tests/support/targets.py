#!/usr/bin/env python3
"""The ninja targets that the tests of some suites need: targets.py FOLDER SUITE...

What no test of them runs (benchmarks, tools of other suites) need not be built with sanitizers.
"""
import json, os, subprocess, sys


def introspect(folder, what):
    return json.loads(subprocess.run(["meson", "introspect", what, folder], check=True, capture_output=True, text=True).stdout)


def main(folder, *suites):
    files = {t["id"]: t["filename"] for t in introspect(folder, "--targets")}
    needed = set()
    for test in introspect(folder, "--tests"):
        if not suites or any(s.split(":")[-1] in suites for s in test["suite"]):
            for target in test["depends"]:
                needed.update(os.path.relpath(f, os.path.abspath(folder)) for f in files[target])
    print("\n".join(sorted(needed)))


if __name__ == "__main__":
    main(*sys.argv[1:])
