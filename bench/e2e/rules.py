#!/usr/bin/env python3
"""Rule changes through the API: weir has many rules of files, and rules are created, replaced and deleted over the
admin socket as fast as they are answered, the replaced and deleted ones each twice: with filters of their own, which
the broker has to be asked for, and with one in common. Says how many a second, and weir's CPU for each.

usage: rules.py BUILD/weir [--rules N] [--calls N] [--limit S]

A call is answered when its change is on disk (calls that come together share a commit) and the rule runs. The broker is
away: what it would be asked for is planned, not sent.
"""
import argparse
import asyncio
import importlib.util
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("bench_control", os.path.join(HERE, "control.py"))
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)  # its head puts tests/e2e into the path

from control import alone, sock  # noqa: E402  (of tests/e2e)

FILLING = 64  # connections: so many changes share a commit


def payload(filter, above=30):
    return {"sql": f"SELECT device, temp FROM '{filter}' WHERE temp > {above}", "awsIotSqlVersion": "2016-03-23",
            "actions": [{"republish": {"topic": "out/${topic(3)}", "roleArn": "arn:aws:iam::123456789012:role/r"}}]}


def own(n):
    return f"fleet/{n // 100}/dev-{n}/state"


def requests(method, count, **more):
    for n in range(count):
        body = {k: v(n) for k, v in more.items()} or None
        yield bench.request(method, f"/rules/api_{n}", body and body["payload"])


async def measure(weir, options, clock):
    pid = weir.process.popen.pid
    print(f"{'call':44} {'a second':>9} {'CPU us':>7} {'RSS MiB':>8}", flush=True)

    async def row(what, calls):
        clock.what = what
        begin, used = time.perf_counter(), bench.cpu(pid)
        await bench.many(sock(weir), calls, clock, options.calls, FILLING)
        took, used = time.perf_counter() - begin, bench.cpu(pid) - used
        print(f"{what:44} {options.calls / took:9.0f} {used / options.calls * 1e6:7.0f} {bench.memory(pid)[0]:8.0f}",
              flush=True)
    n, at = options.calls, options.rules
    await row("CreateTopicRule, a filter each", requests("POST", n, payload=lambda i: payload(own(at + i))))
    await row("ReplaceTopicRule, the same filter", requests("PATCH", n, payload=lambda i: payload(own(at + i), 40)))
    await row("ReplaceTopicRule, another filter each", requests("PATCH", n, payload=lambda i: payload(own(at + n + i))))
    await row("DeleteTopicRule, a filter each", requests("DELETE", n))
    await row("CreateTopicRule, one filter", requests("POST", n, payload=lambda i: payload("fleet/+/dev-1/state", i)))
    await row("DeleteTopicRule, one filter", requests("DELETE", n))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weir")
    parser.add_argument("--rules", type=int, default=10_000, help="of files")
    parser.add_argument("--calls", type=int, default=2_000, help="of each row")
    parser.add_argument("--limit", type=float, default=600, help="seconds that all of it may take")
    options = parser.parse_args()
    clock = bench.Clock(options.limit)
    rules = {f"file_{n}": payload(own(n)) for n in range(options.rules)}
    with alone(rules=rules) as weir:
        try:
            asyncio.run(asyncio.wait_for(measure(weir, options, clock), options.limit))
        except asyncio.TimeoutError:
            clock.give_up()


if __name__ == "__main__":
    main()
