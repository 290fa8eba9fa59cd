#!/usr/bin/env python3
"""The control plane with many things: fills a registry over the admin socket (things, certificates registered without a
CA, each attached), then asks signed calls over TCP at a fixed rate, alone and while others write, and says how long
answers took, and how much memory weir has. Two floors stand beside them, from the same client in the same run: a bare
server that answers at once, and weir's /healthz, which asks nothing of the registry.

usage: control.py BUILD/weir [--things N] [--rate R] [--seconds S] [--limit S] [--json FILE]

Latencies are counted from the time a call was due, so that a stall counts for all that wait behind it. CPU is weir's
own, which other work on the machine hardly changes. A row is printed as soon as it is measured; progress goes to stderr.

Exit 1 when a p99 is at its limit (DescribeThing 20 ms, others 100 ms) or memory is; 2 when a p99 is and that of a floor
alone is more than half of that limit: the machine is too busy to say. 2 as well when --limit seconds were not enough.
"""
import argparse
import asyncio
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e"))
import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.credentials  # noqa: E402

from control import access_key, alone, port, sock  # noqa: E402
from control_load import Connection, certificates, request  # noqa: E402

CONNECTIONS = 32
FILLING = 128  # connections: so many writes share a commit
SAY_S = 3  # between lines of progress
DESCRIBE_MS, OTHERS_MS = 20, 100  # limits of the p99
MEMORY_MIB = 160  # whatever there is in the registry: two caches of 16 MiB, and what calls under way hold
ROOMS = 500
BARE = "(floor: a server that answers at once)"
HEALTH = "(floor: weir's /healthz)"
DESCRIBE = "DescribeThing"
TYPES = 20


class Clock:
    """How long all of it may take, and what is said meanwhile."""

    def __init__(self, seconds):
        self.seconds, self.begin = seconds, time.monotonic()
        self.said, self.what = self.begin, ""

    def left(self):
        return self.begin + self.seconds - time.monotonic()

    def say(self, text):
        self.said = time.monotonic()
        print(f"[{self.said - self.begin:5.0f} s] {text}", file=sys.stderr, flush=True)

    def progress(self, text):
        if time.monotonic() - self.said >= SAY_S:
            self.say("  " + text)

    def give_up(self):
        print(f"control.py: {self.seconds:.0f} s (--limit) were not enough; it was at: {self.what}", file=sys.stderr)
        sys.exit(2)


async def many(where, requests, clock, count, connections=CONNECTIONS, keep=None):
    """All of an iterable, as fast as they are answered. `keep(body)` of each, by number."""
    numbered = enumerate(requests)
    kept, done = {}, 0

    async def work():
        nonlocal done
        connection = await Connection().open(where)
        for n, data in numbered:
            status, body = await connection.ask(data)
            if status != 200:
                sys.exit(f"control.py: {data[:200]!r} was answered {status}: {body[:300]!r}")
            if keep:
                kept[n] = keep(body)
            done += 1
            clock.progress(f"{clock.what}: {done} of {count}")
        connection.close()
    await asyncio.gather(*(work() for _ in range(connections)))
    return kept


async def at_rate(where, requests, rate, clock):
    """Milliseconds of each, from when it was due."""
    connections = asyncio.Queue()
    for _ in range(CONNECTIONS):
        connections.put_nowait(await Connection().open(where))
    took = []

    async def one(due, data):
        connection = await connections.get()
        status, body = await connection.ask(data)
        if status != 200:
            sys.exit(f"control.py: {data[:200]!r} was answered {status}: {body[:300]!r}")
        took.append((time.perf_counter() - due) * 1000)
        connections.put_nowait(connection)

    begin = time.perf_counter() + 0.05
    tasks = []
    for n, data in enumerate(requests):
        due = begin + n / rate
        await asyncio.sleep(max(0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due, data)))
        clock.progress(f"{clock.what}: {n} of {len(requests)}")
    await asyncio.gather(*tasks)
    while not connections.empty():
        connections.get_nowait().close()
    return sorted(took)


def signed(key, region, host_port, method, target, body=None):
    data = b"" if body is None else json.dumps(body).encode()
    one = botocore.awsrequest.AWSRequest(method, f"http://127.0.0.1:{host_port}{target}", data=data)
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(*key), "iot", region).add_auth(one)
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{host_port}", f"Content-Length: {len(data)}",
             *(f"{k}: {v}" for k, v in one.headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def cpu(pid):
    """Seconds of the process's threads so far."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        fields = dict(line.split(":", 1) for line in f)
    return int(fields["VmRSS"].split()[0]) / 1024, int(fields["VmHWM"].split()[0]) / 1024


async def fill(weir, count, clock):
    where = sock(weir)
    await many(where, (request("POST", f"/thing-types/type{t}") for t in range(TYPES)), clock, TYPES)
    await many(where, (request("POST", f"/thing-groups/group{g}") for g in range(TYPES)), clock, TYPES)

    async def timed(what, n, requests, keep=None):
        clock.what = what
        begin, used = time.perf_counter(), cpu(weir.process.popen.pid)
        kept = await many(where, requests, clock, n, FILLING, keep)
        took, used = time.perf_counter() - begin, cpu(weir.process.popen.pid) - used
        clock.say(f"{what}: {n} at {n / took:.0f}/s, {used / n * 1e6:.0f} us of CPU each, "
                  f"RSS {memory(weir.process.popen.pid)[0]:.0f} MiB")
        return kept, n / took

    _, things = await timed("CreateThing", count, (request("POST", f"/things/thing{n}", {
        "thingTypeName": f"type{n % TYPES}",
        "attributePayload": {"attributes": {"room": f"r{n % ROOMS}", "serial": f"S{n:08}", "site": "Berlin"}},
    }) for n in range(count)))
    pems = certificates()
    arns, registered = await timed("RegisterCertificateWithoutCA", count, (
        request("POST", "/certificate/register-no-ca", {"certificatePem": next(pems)[1], "status": "ACTIVE"})
        for _ in range(count)), keep=lambda body: json.loads(body)["certificateArn"])
    await timed("AttachThingPrincipal", count, (
        request("PUT", f"/things/thing{n}/principals", headers=[("x-amzn-principal", arns[n])])
        for n in range(count)))
    await timed("AddThingToThingGroup", count // 10, (request("PUT", "/thing-groups/addThingToThingGroup", {
        "thingName": f"thing{n}", "thingGroupName": f"group{n % TYPES}"}) for n in range(0, count // 10 * 10, 10)))
    return arns, {"CreateThing": things, "RegisterCertificateWithoutCA": registered}


async def floor(requests, rate, clock):
    """The same client at the same rate against a server that answers at once."""
    async def answer(reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    took = await at_rate(server.sockets[0].getsockname()[1], requests, rate, clock)
    server.close()
    return took


class Writers:
    """Clients that change things while others ask: as fast as they are answered."""

    def __init__(self, weir, count):
        self.weir, self.count, self.written, self.ended, self.tasks = weir, count, 0, False, []

    async def work(self, number):
        connection = await Connection().open(sock(self.weir))
        some = random.Random(number)
        while not self.ended:
            status, body = await connection.ask(request("PATCH", f"/things/thing{some.randrange(self.count)}", {
                "attributePayload": {"attributes": {"room": f"r{some.randrange(ROOMS)}"}, "merge": True}}))
            if status != 200:
                sys.exit(f"control.py: UpdateThing was answered {status}: {body[:300]!r}")
            self.written += 1
        connection.close()

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(self.work(n)) for n in range(4)]
        return self

    async def __aexit__(self, *_):
        self.ended = True
        await asyncio.gather(*self.tasks)


def questions(count, arns):
    some = random.Random(1)

    def n():
        return some.randrange(count)
    return {
        DESCRIBE: lambda: ("GET", f"/things/thing{n()}"),
        "DescribeCertificate": lambda: ("GET", "/certificates/" + arns[n()].rsplit("/", 1)[1]),
        "ListThingPrincipals": lambda: ("GET", f"/things/thing{n()}/principals"),
        "ListThings": lambda: ("GET", "/things?maxResults=50"),
        "ListThings by type": lambda: ("GET", f"/things?maxResults=50&thingTypeName=type{some.randrange(TYPES)}"),
        "ListThings by attribute": lambda: ("GET", "/things?maxResults=50&attributeName=room&attributeValue=r"
                                            f"{some.randrange(ROOMS)}"),
        "ListThingsInThingGroup": lambda: ("GET", f"/thing-groups/group{some.randrange(TYPES)}/things"),
        "SearchIndex one attribute": lambda: ("POST", "/indices/search",
                                              {"queryString": f"attributes.serial:s{n():08}"}),
        "SearchIndex by prefix": lambda: ("POST", "/indices/search",
                                          {"queryString": f"thingName:thing{n()}* thingTypeName:type1*",
                                           "maxResults": 50}),
        "SearchIndex in the middle": lambda: ("POST", "/indices/search",
                                              {"queryString": f"thingName:*ing{n()}*", "maxResults": 50}),
        "SearchIndex in the middle of any": lambda: ("POST", "/indices/search",
                                                     {"queryString": f"*00{n():06}*", "maxResults": 50}),
        "SearchIndex any word": lambda: ("POST", "/indices/search", {"queryString": f"s{n():08}"}),
    }


HEAD = f"{'call':42} {'rate/s':>7} {'calls':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'CPU ms':>7}"


def show(figures, name, rate, used, took, limit=None):
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    figures[name] = {"rate": rate, "calls": len(took), "p50": p50, "p99": p99, "max": took[-1], "cpu": used,
                     "limit": limit}
    print(f"{name:42} {rate:7.0f} {len(took):6} {p50:8.2f} {p99:8.2f} {took[-1]:8.2f} {used:7.2f}", flush=True)


async def measure(weir, options, clock):
    key = access_key(weir)
    where = port(weir)
    figures = {"things": options.things, "load": os.getloadavg()[0]}
    arns, figures["filled per second"] = await fill(weir, options.things, clock)
    region = arns[0].split(":")[3]
    calls = int(options.rate * options.seconds)
    print(HEAD, flush=True)
    asks = questions(options.things, arns)

    def used():
        return cpu(weir.process.popen.pid) * 1000

    async def row(name, requests, rate, limit, to=where):
        clock.what = name
        before = used()
        took = await at_rate(to, requests, rate, clock)
        show(figures, name, rate, (used() - before) / len(took), took, limit)

    clock.what = BARE
    bare = [request("GET", f"/things/thing{n}") for n in range(calls)]
    show(figures, BARE, options.rate, 0, await floor(bare, options.rate, clock))
    await row(HEALTH, [request("GET", "/healthz")] * calls, options.rate, None, sock(weir))
    for name, make in asks.items():
        # Signatures are made before, so that the client has little to do while it measures.
        rate = options.rate / 20 if name.startswith("Search") else options.rate
        requests = [signed(key, region, where, *make()) for _ in range(max(100, int(rate * options.seconds)))]
        await row(name, requests, rate, DESCRIBE_MS if name == DESCRIBE else OTHERS_MS)
    requests = [signed(key, region, where, *asks[DESCRIBE]()) for _ in range(calls)]
    async with Writers(weir, options.things) as writers:
        name = DESCRIBE + ", others write"
        began = time.perf_counter()
        await row(name, requests, options.rate, OTHERS_MS)
        figures[name]["written per second"] = writers.written / (time.perf_counter() - began)
    now, peak = memory(weir.process.popen.pid)
    size = os.path.getsize(os.path.join(weir.state_dir, "registry.db")) / 2**20
    figures.update({"rss MiB": now, "peak MiB": peak, "registry.db MiB": size})
    print(f"written meanwhile: {figures[name]['written per second']:.0f} things a second")
    print(f"memory of weir: {now:.0f} MiB (at most {peak:.0f}); registry.db: {size:.0f} MiB; "
          f"load of the machine at the start: {figures['load']:.1f}")
    return figures


def judge(figures, say):
    """The exit code."""
    floor_p99 = max(figures[BARE]["p99"], figures[HEALTH]["p99"])
    code = 0
    for name, row in figures.items():
        limit = row.get("limit") if isinstance(row, dict) else None
        if not limit or row["p99"] < limit:
            continue
        busy = floor_p99 > limit / 2
        say(f"{name}: p99 is {row['p99']:.1f} ms, wanted is less than {limit} ms; a floor of the same run has "
            f"{floor_p99:.1f} ms" + (": this machine is too busy to say" if busy else ""))
        code = 1 if not busy or code == 1 else 2
    if figures["peak MiB"] >= MEMORY_MIB:
        say(f"memory: {figures['peak MiB']:.0f} MiB at most, wanted is less than {MEMORY_MIB} MiB")
        code = 1
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weir")
    parser.add_argument("--things", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=10, help="of each row")
    parser.add_argument("--limit", type=float, default=900, help="seconds that all of it may take")
    parser.add_argument("--json")
    options = parser.parse_args()
    clock = Clock(options.limit)
    with alone() as weir:
        try:
            figures = asyncio.run(asyncio.wait_for(measure(weir, options, clock), options.limit))
        except asyncio.TimeoutError:
            clock.give_up()
    if options.json:
        with open(options.json, "w") as f:
            json.dump(figures, f, indent=1)
    sys.exit(judge(figures, clock.say))


if __name__ == "__main__":
    main()
