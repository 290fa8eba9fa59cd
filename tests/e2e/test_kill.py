#!/usr/bin/env python3
"""kill -9 while clients write to the control plane, at random moments, again and again: every acknowledged write is
there after the restart, what was not sent is absent, what was under way is there as a whole or not at all.

usage: test_kill.py BUILD/weir [test_NAME]...

WR_KILL_WRITES (10000) writes, WR_KILLS (6) kills, the moments by WR_KILL_SEED (random unless set, and said).
"""
import asyncio
import json
import os
import random
import sqlite3
import subprocess
import urllib.parse

from control import alone, pages, sock
from control_load import Connection, certificates, request
import support
from support import tap
from weir import binary

WRITES = int(os.environ.get("WR_KILL_WRITES", "10000"))
KILLS = int(os.environ.get("WR_KILLS", "6"))
CLIENTS = 64
NOT_SENT, SENT, ACKNOWLEDGED = range(3)


class Unit:
    """What one client makes, one write after the other: a thing, its certificate, an attachment, another version of
    the thing; for some a policy, attached too, and a rule. `states` says how far each write came."""

    def __init__(self, n, certificate):
        self.n, (self.id, self.pem) = n, certificate
        self.arn = f"arn:aws:iot:us-east-1:123456789012:cert/{self.id}"
        self.states = {}

    def attributes(self, version):
        return {"n": str(self.n), "version": version, f"only{version}": "x" * 50}

    def thing(self, version):
        return {"attributePayload": {"attributes": self.attributes(version)}}

    def policy(self):
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"arn:aws:iot:*:*:client/k{self.n}"}]})

    def rule(self):
        return {"sql": f"SELECT {self.n} AS n FROM 'k/{self.n}'", "description": f"rule {self.n}",
                "actions": [{"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": f"out/{self.n}"}}]}

    def writes(self):
        yield "thing", request("POST", f"/things/k{self.n}", self.thing("1"))
        yield "certificate", request("POST", "/certificate/register-no-ca",
                                     {"certificatePem": self.pem, "status": "ACTIVE"})
        yield "attachment", request("PUT", f"/things/k{self.n}/principals", headers=[("x-amzn-principal", self.arn)])
        if self.n % 4 == 0:
            yield "policy", request("POST", f"/policies/k{self.n}", {"policyDocument": self.policy()})
            yield "target", request("PUT", f"/target-policies/k{self.n}", {"target": self.arn})
        yield "update", request("PATCH", f"/things/k{self.n}", self.thing("2"))
        if self.n % 8 == 0:
            yield "rule", request("POST", f"/rules/k{self.n}", self.rule())

    def state(self, name):
        return self.states.get(name, NOT_SENT)


class Load:
    def __init__(self, weir, seed):
        self.weir, self.chance = weir, random.Random(seed)
        self.units, self.certificates = [], certificates()
        self.acknowledged = 0

    async def client(self, until):
        """Unit after unit until there are `until` writes, or weir is gone."""
        connection = await Connection().open(sock(self.weir))
        try:
            while self.acknowledged < until:
                unit = Unit(len(self.units), next(self.certificates))
                self.units.append(unit)
                for name, data in unit.writes():
                    unit.states[name] = SENT
                    status, body = await connection.ask(data)
                    tap.equal(status, 200, f"{name} of {unit.n}: {body[:300]}")
                    unit.states[name] = ACKNOWLEDGED
                    self.acknowledged += 1
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            connection.close()

    async def killer(self, at):
        while self.acknowledged < at:
            await asyncio.sleep(0.001)
        await asyncio.sleep(self.chance.random() * 0.02)
        self.weir.kill()

    async def round(self, kill_at, until):
        clients = [asyncio.create_task(self.client(until)) for _ in range(CLIENTS)]
        await self.killer(kill_at)
        await asyncio.gather(*clients)


async def ask_all(weir, requests):
    """Bodies of all answers that are 200, None for 404, in order."""
    answers, numbered = [None] * len(requests), iter(enumerate(requests))

    async def work():
        connection = await Connection().open(sock(weir))
        for n, data in numbered:
            status, body = await connection.ask(data)
            tap.check(status in (200, 404), f"{data[:100]}: {status} {body[:300]}")
            answers[n] = json.loads(body) if status == 200 else None
        connection.close()
    await asyncio.gather(*(work() for _ in range(16)))
    return answers


def listing(weir, target, key, **more):
    """All pages of a listing."""
    def call(**token):
        query = urllib.parse.urlencode({**more, **token})
        return asyncio.run(ask_all(weir, [request("GET", f"{target}?{query}")]))[0]
    return pages(call, key, token="marker" if "pageSize" in more else "nextToken")[0]


class Faults:
    def __init__(self):
        self.lost, self.strange = [], []

    def look(self, unit, name, there, right):
        """`there`: what the registry has, or None; `right`: what it may be."""
        state = unit.state(name)
        if there is None:
            if state == ACKNOWLEDGED:
                self.lost.append((unit.n, name))
        elif state == NOT_SENT:
            self.strange.append((unit.n, name, "from nowhere", there))
        elif not right:
            self.strange.append((unit.n, name, "half", there))


def check(weir, units):
    """Every write of `units`."""
    faults = Faults()
    things = {t["thingName"]: t for t in listing(weir, "/things", "things", maxResults=250)}
    ids = {c["certificateId"]: c for c in listing(weir, "/certificates", "certificates", pageSize=250)}
    policies = {p["policyName"] for p in listing(weir, "/policies", "policies", pageSize=250)}
    rules = {r["ruleName"]: r for r in listing(weir, "/rules", "rules", maxResults=10000)}
    tap.check(all(int(name[1:]) in range(units[-1].n + 1) for name in {*things, *policies, *rules}), "names")

    asked = []
    for u in units:
        asked.append(request("GET", f"/things/k{u.n}/principals"))
        asked.append(request("GET", f"/certificates/{u.id}"))
        asked.append(request("POST", "/attached-policies/" + urllib.parse.quote(u.arn, safe="")))
        asked.append(request("GET", f"/policies/k{u.n}"))
        asked.append(request("GET", f"/rules/k{u.n}"))
    answers = iter(asyncio.run(ask_all(weir, asked)))
    for u in units:
        principals, certificate, attached, policy, rule = (next(answers) for _ in range(5))
        thing = things.get(f"k{u.n}")
        version = thing and thing["attributes"].get("version")
        faults.look(u, "thing", thing, thing and thing["attributes"] == u.attributes(version))
        faults.look(u, "update", thing if version == "2" else None, thing and thing.get("version") == 2)
        described = (certificate or {}).get("certificateDescription")
        faults.look(u, "certificate", described, described and (described["status"], described["certificatePem"]) == (
            "ACTIVE", u.pem) and u.id in ids)
        faults.look(u, "attachment", (principals or {}).get("principals") or None, principals and principals["principals"] == [u.arn])
        faults.look(u, "policy", policy, policy and policy["policyDocument"] == u.policy() and f"k{u.n}" in policies)
        targets = (attached or {}).get("policies") or None
        faults.look(u, "target", targets, targets and [p["policyName"] for p in targets] == [f"k{u.n}"])
        document = rule and {k: rule["rule"].get(k) for k in ("sql", "description", "actions")}
        faults.look(u, "rule", document, document == u.rule() and f"k{u.n}" in rules)
    tap.equal(faults.lost, [], "lost")
    tap.equal(faults.strange, [], "not as they were written")


def check_file(weir):
    """What the API does not show: the file is whole, and its tables agree."""
    db = sqlite3.connect(os.path.join(weir.state_dir, "registry.db"))
    for what, sql in (("integrity", "SELECT * FROM pragma_integrity_check WHERE integrity_check<>'ok'"),
                      ("references", "PRAGMA foreign_key_check"),
                      ("attributes", "SELECT t.id, j.key FROM things t, json_each(t.attributes) j LEFT JOIN thing_attributes a "
                       "ON a.thing=t.id AND a.name=j.key AND a.value=j.value WHERE a.thing IS NULL"),
                      ("attributes of nothing", "SELECT a.* FROM thing_attributes a LEFT JOIN things t ON t.id=a.thing WHERE "
                       "t.id IS NULL OR json_extract(t.attributes, '$.\"'||a.name||'\"') IS NOT a.value"),
                      ("versions", "SELECT p.id FROM policies p LEFT JOIN policy_versions v ON v.policy=p.id AND "
                       "v.version=p.default_version WHERE v.policy IS NULL"),
                      ("principals", "SELECT p.id FROM thing_principals p LEFT JOIN certificates c ON c.cert_id=p.cert_id "
                       "WHERE c.id IS NULL")):
        tap.equal(db.execute(sql).fetchall(), [], what)
    db.close()


def test_kills():
    """10,000 mixed writes and kills at random moments: nothing acknowledged is lost, nothing is half"""
    seed = int(os.environ.get("WR_KILL_SEED") or random.SystemRandom().randrange(10**6))
    tap.note(f"seed {seed}: WR_KILL_SEED")
    with alone() as weir:
        load = Load(weir, seed)
        moments = sorted(load.chance.randrange(1, WRITES) for _ in range(KILLS - 1)) + [WRITES]
        for moment in moments:  # the last one when all is written
            first = len(load.units)
            asyncio.run(load.round(moment, WRITES))
            weir.start(wait=False)
            weir.process.wait_line("started: pid")
            check(weir, load.units[first if moment < WRITES else 0:])
        kinds = {}
        for unit in load.units:
            for name, state in unit.states.items():
                kinds.setdefault(name, [0, 0])[state == ACKNOWLEDGED] += 1
        tap.note("acknowledged: " + ", ".join(f"{v[1]} {k}" for k, v in sorted(kinds.items())) +
                 f"; under way when killed: {sum(v[0] for v in kinds.values())}")
        tap.check(load.acknowledged >= WRITES, "enough writes")
        weir.stop()
        check_file(weir)
        verify = subprocess.run([binary(), "audit", "verify", "--state-dir", weir.state_dir], capture_output=True, text=True)
        tap.equal(verify.returncode, 0, verify.stdout + verify.stderr)
        weir.process = None


if __name__ == "__main__":
    support.main(globals())
