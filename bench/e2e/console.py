#!/usr/bin/env python3
"""The console's first view in a real browser (chromium, playwright-core): from the begin of the navigation to the first table
painted, on loopback, logged in, with an empty cache and with a warm one. Every round is a browser context of its own. The floor
beside it is a page of one request and no script from the same weir in the same browser. The CPU of all processes of the browser and
of weir until then stands beside it: other work on the machine changes it less, and it is an upper bound for a machine that is idle.

usage: console.py BUILD/weir [--things N] [--rounds N] [--limit MS]

Prints medians and the slowest. Exit 1 when a median of a first view is over --limit (200 ms); 2 when the floor alone is over a
quarter of that: the machine is too busy to say.
"""
import argparse
import json
import os
import shutil
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e"))
from control import alone, own, port  # noqa: E402
import support  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MODULES = os.path.abspath(os.path.join(ROOT, "tests", "node_modules"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weir")
    parser.add_argument("--things", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, default=200)
    given = parser.parse_args()
    os.environ["WEIR"] = given.weir
    node, chromium = shutil.which("node") or shutil.which("nodejs"), shutil.which("chromium")
    if not node or not chromium or not os.path.exists(os.path.join(MODULES, "playwright-core")):
        print("console.py: needs node, chromium and tests/node_modules (./dev test installs them)", file=sys.stderr)
        return 2
    with alone() as weir:
        print(f"{given.things} things are made …", file=sys.stderr, flush=True)
        for i in range(given.things):
            if own(weir, "POST", f"/things/thing-{i:05}").status != 200:
                raise support.Failed("a thing was refused")
        link = own(weir, "POST", "/weir/v1/console-links").json["path"]
        code, out, err = support.run(
            [node, os.path.join(ROOT, "tests", "support", "console_flow.mjs"), "first_view", f"http://127.0.0.1:{port(weir)}", link, "/nonexistent",
             json.dumps({"chromium": chromium, "rounds": given.rounds, "weir": weir.process.pid})], env={"WR_NODE_MODULES": MODULES}, timeout=600)
    if code != 0:
        print(err, file=sys.stderr)
        return 2
    rows = json.loads(out)
    print(f"{'from the begin of the navigation, ms':52} {'median':>8} {'slowest':>8}")
    for name, values in rows.items():
        print(f"{name:52} {statistics.median(values):8.1f} {max(values):8.1f}")
    if statistics.median(rows["floor"]) > given.limit / 4:
        return 2
    return int(any(statistics.median(v) > given.limit for name, v in rows.items() if "CPU" not in name))


if __name__ == "__main__":
    sys.exit(main())
