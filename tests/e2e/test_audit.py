#!/usr/bin/env python3
"""The audit log: what gets a line, what is in it and what never is; the chain; damage; floods.

usage: test_audit.py BUILD/weir [test_NAME]...
"""
import asyncio
import hashlib
import json
import os
import re
import shutil
import stat
import threading

from control import access_key, alone, client, own, port, refused, sock
from control_load import Connection, request
from http_client import ask, get
import support
from support import tap, wait_for
from test_tenants import feature, make, wait_state


def log_file(weir):
    return os.path.join(weir.state_dir, "audit.log")


def lines(weir):
    with open(log_file(weir), "rb") as f:
        return [json.loads(x) for x in f.read().split(b"\n") if x]


def last(weir, operation):
    return next(x for x in reversed(lines(weir)) if x["operation"] == operation)


def verify(weir, want=0, *args):
    code, out, err = weir.run("audit", "verify", *args)
    tap.equal(code, want, out + err)
    return out if want == 0 else err


def test_lines():
    """Changes, secrets and refusals are there before or soon after the answer; reads are not; no secret is"""
    with alone() as weir:
        tap.equal(oct(stat.S_IMODE(os.stat(log_file(weir)).st_mode)), "0o640", "mode")
        key = access_key(weir)
        line = last(weir, "CreateAccessKey")  # on disk before the answer
        tap.check(re.fullmatch(r"uid \d+ pid \d+", line["actor"]), line)
        tap.equal((line["tenant"], line["subject"], line["from"], line["outcome"], line["arns"]),
                  ("default", "default", "socket", "OK", [key[0]]), line)
        iot = client(weir, key)
        iot.create_thing(thingName="a", attributePayload={"attributes": {"room": "x"}})
        iot.list_things()
        iot.describe_thing(thingName="a")
        line = wait_for(lambda: [x for x in lines(weir) if x["operation"] == "CreateThing"], "a line")
        line = last(weir, "CreateThing")
        tap.equal((line["actor"], line["region"], line["arns"], line["tenant"]),
                  ("key " + key[0], "eu-west-1", ["arn:aws:iot:eu-west-1:123456789012:thing/a"], "default"), line)
        tap.check(re.fullmatch(r"tcp 127\.0\.0\.1:\d+", line["from"]), line)
        tap.check(re.fullmatch(r"[0-9a-f-]{36}", line["request"]), line)
        refused("ResourceAlreadyExistsException", 409, iot.create_thing, thingName="a")
        refused("InvalidSignatureException", 403, client(weir, (key[0], "wrong" * 8)).list_things)
        viewer = client(weir, access_key(weir, role="viewer"))
        refused("AccessDeniedException", 403, viewer.create_thing, thingName="b")
        get(port(weir), "/things")
        wait_for(lambda: len([x for x in lines(weir) if x["outcome"] != "OK"]) == 4, lambda: f"four: {lines(weir)}")
        failed = [(x["outcome"], x["operation"], x["actor"].split()[0]) for x in lines(weir) if x["outcome"] != "OK"]
        tap.equal(failed, [("ResourceAlreadyExistsException", "CreateThing", "key"),
                           ("InvalidSignatureException", "GET /things", "key"),
                           ("AccessDeniedException", "POST /things/{thingName}", "key"),
                           ("MissingAuthenticationTokenException", "GET /things", "nobody")], "refused calls")
        tap.check(not [x for x in lines(weir) if x["operation"] in ("ListThings", "DescribeThing")], "reads")
        text = support.read_file(log_file(weir))
        tap.check(key[1] not in text and "wrong" not in text, "no secrets")
        tap.equal([x["seq"] for x in lines(weir)], list(range(1, len(lines(weir)) + 1)), "numbers")


def test_changes():
    """Old and new values of what changed; a tenant's states"""
    with alone() as weir:
        make(weir, "acme")
        feature(weir, "acme", "iot.topic_prefix", "plant/")
        line = last(weir, "PutTenantFeature")
        tap.equal((line["changes"], line["subject"]),
                  ({"iot.topic_prefix": {"old": "acme/", "new": "plant/"}}, "acme"), line)
        feature(weir, "acme", "iot.enabled", False)
        wait_state(weir, "acme", "DISABLED")
        wait_for(lambda: [x for x in lines(weir) if x["operation"] == "DisableTenant"], "the job's line")
        line = last(weir, "DisableTenant")
        tap.equal((line["changes"], line["actor"], line["tenant"]),
                  ({"state": {"old": "DISABLING", "new": "DISABLED"}}, "weir", "acme"), line)


def test_all():
    """audit: all has the reads too"""
    with alone({"audit": "all"}) as weir:
        iot = client(weir)
        iot.list_things()
        refused("ResourceNotFoundException", 404, iot.describe_thing, thingName="no")
        wait_for(lambda: [x["operation"] for x in lines(weir)][-2:] == ["ListThings", "DescribeThing"], "two reads")


def test_chain():
    """weir audit verify finds a changed, a missing, an added and a swapped line; the chain goes on after a restart"""
    with alone() as weir:
        for _ in range(3):
            access_key(weir)
        weir.stop()
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        for _ in range(3):
            access_key(weir)
        out = verify(weir)
        with open(log_file(weir), "rb") as f:
            raw = f.read()
        all_lines = raw.split(b"\n")[:-1]
        tap.equal(json.loads(all_lines[4])["previous"], hashlib.sha256(all_lines[3]).hexdigest(), "the sum")
        tap.equal(out, f"6 lines, the chain holds; last: 6, SHA-256 {hashlib.sha256(all_lines[5]).hexdigest()}\n",
                  "verify")
        copy = os.path.join(weir.dir, "copy.log")

        def case(name, wrong_line, what, changed):
            with open(copy, "wb") as f:
                f.write(b"".join(x + b"\n" for x in changed))
            err = verify(weir, 1, copy)
            tap.check(f"line {wrong_line}:" in err and what in err, f"{name}: {err}")
        x = all_lines
        case("changed", 4, "changed", x[:2] + [x[2].replace(b'"OK"', b'"ok"')] + x[3:])
        case("missing", 3, "changed", x[:2] + x[3:])
        case("first missing", 1, "changed", x[1:])
        case("twice", 4, "changed", x[:3] + x[2:])
        case("swapped", 2, "changed", [x[0], x[2], x[1]] + x[3:])
        case("garbage", 3, "damaged", x[:2] + [b"\0\xff garbage"] + x[3:])
        case("last changed", 6, "number", x[:5] + [x[5].replace(b'"seq":6', b'"seq":9')])
        with open(copy, "wb") as f:
            f.write(raw + b'{"seq":7,"ti')
        code, out, err = weir.run("audit", "verify", copy, "--json")
        tap.equal((code, json.loads(out)["torn"], "half a line" in err), (0, True, True), "torn")
        tap.equal(weir.run("audit", "verify", copy + ".no")[0], 2, "no such file")
        with open(copy, "wb"):
            pass
        tap.equal(json.loads(weir.run("audit", "verify", copy, "--json")[1])["lines"], 0, "empty")


def test_torn():
    """A half last line is cut off at the start and said; a damaged one stays, and verify tells"""
    with alone() as weir:
        access_key(weir)
        weir.stop()
        with open(log_file(weir), "ab") as f:
            f.write(b'{"seq":2,"time":"2026-')
        weir.start(wait=False)
        weir.process.wait_line("ended in the middle of a line")
        weir.process.wait_line("started: pid")
        access_key(weir)
        tap.equal([(x["seq"], x["operation"]) for x in lines(weir)],
                  [(1, "CreateAccessKey"), (2, "AuditLogTorn"), (3, "CreateAccessKey")], "lines")
        tap.equal(lines(weir)[1]["changes"], {"bytes": 22}, "how much")
        verify(weir)
        weir.stop()
        with open(log_file(weir), "ab") as f:
            f.write(b'{"seq":4,"operation":\x00\xff}\n')
        weir.start(wait=False)
        weir.process.wait_line("1 damaged lines")
        weir.process.wait_line("started: pid")
        access_key(weir)
        tap.check("line 4: is damaged" in verify(weir, 1), "said")
        with open(log_file(weir), "rb") as f:
            tap.equal(json.loads(f.read().split(b"\n")[4])["seq"], 5, "the next number")
        weir.stop()


def test_flood():
    """Thousands of refused calls: the first have lines, the rest are counted; the chain holds; changes are all there"""
    with alone() as weir:
        at = port(weir)
        before = len(lines(weir))

        def flood():
            for _ in range(500):
                get(at, "/things")
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for t in threads:
            t.start()
        for _ in range(20):
            access_key(weir)
        for t in threads:
            t.join()
        weir.stop()
        seen = lines(weir)[before:]
        tap.equal(len([x for x in seen if x["operation"] == "CreateAccessKey"]), 20, "changes")
        told = len([x for x in seen if x["outcome"] == "MissingAuthenticationTokenException"])
        counted = sum(x["changes"]["refused"] for x in seen if x["operation"] == "RefusedCallsCounted")
        tap.equal(told + counted, 2000, "all refused calls are told or counted")
        tap.check(told < 500, f"{told} lines")
        verify(weir)
        weir.process = None


def test_api():
    """GET /weir/v1/audit: pages, by tenant; a tenant's admin sees the own lines only"""
    with alone() as weir:
        make(weir, "acme")
        acme = own(weir, "POST", "/weir/v1/tenants/acme/tokens", {"role": "admin"}).json["token"]
        for i in range(5):
            own(weir, "POST", "/t/acme/things/x%d" % i)
            own(weir, "POST", "/things/y%d" % i)
        wait_for(lambda: len([x for x in lines(weir) if x["operation"] == "CreateThing"]) == 10, "ten lines")
        seen, after = [], 0
        while after is not None:
            page = own(weir, "GET", f"/weir/v1/audit?after={after}&maxResults=4").json
            seen += page["lines"]
            after = page.get("after")
        tap.equal(seen, lines(weir), "the whole log, page by page")
        seen, before = [], ""
        while before is not None:
            page = own(weir, "GET", f"/weir/v1/audit?last=4{before}").json
            tap.check(len(page["lines"]) <= 4, "as many as were asked for")
            seen = page["lines"] + seen
            before = f"&before={page['before']}" if "before" in page else None
        tap.equal(seen, lines(weir), "the whole log, from its end")
        tap.equal(own(weir, "GET", "/weir/v1/audit?last=3&tenant=acme").json["lines"],
                  [x for x in lines(weir) if "acme" in (x["tenant"], x.get("subject"))][-3:], "the newest of a tenant")
        mine = own(weir, "GET", "/weir/v1/audit?tenant=acme").json["lines"]
        tap.equal(mine, [x for x in lines(weir) if "acme" in (x["tenant"], x.get("subject"))], "of a tenant")
        tap.equal(len([x for x in mine if x["operation"] == "CreateThing"]), 5, "its things")
        bearer = {"Authorization": "Bearer " + acme}
        tap.equal(get(port(weir), "/weir/v1/audit", headers=bearer).json["lines"], mine, "the tenant's admin")
        tap.equal(get(port(weir), "/weir/v1/audit?tenant=default", headers=bearer).status, 403, "no other's")
        code, out, _ = weir.run("audit", "list", "--tenant", "acme", "--json")
        tap.equal((code, [json.loads(x) for x in out.splitlines()][:len(mine)]), (0, mine), "weir audit list")
        code, out, err = weir.run("audit", "list", "--after", "1")
        tap.equal((code, out.split()[0]), (0, "2"), out + err)


def test_long():
    """A log of 20,000 lines: the chain is walked, any place in it is found"""
    with alone() as weir:
        weir.stop()
        path, previous, count = os.path.join(weir.dir, "long.log"), "0" * 64, 20000
        with open(path, "wb") as f:
            for n in range(1, count + 1):
                line = (f'{{"seq":{n},"time":"2026-01-01T00:00:00.000Z","tenant":"{"acme" if n % 3 else "beta"}",'
                        f'"operation":"CreateThing","outcome":"OK","pad":"{"x" * (n % 700)}","previous":"{previous}"}}').encode()
                previous = hashlib.sha256(line).hexdigest()
                f.write(line + b"\n")
        tap.equal(verify(weir, 0, path), f"{count} lines, the chain holds; last: {count}, SHA-256 {previous}\n", "verify")
        for after in (0, 1, 2, 99, 7777, 12345, 19998, 19999, 20000, 30000):
            code, out, _ = weir.run("audit", "list", path, "--after", str(after), "--json", timeout=support.TIMEOUT)
            seen = [json.loads(x)["seq"] for x in out.splitlines()]
            tap.equal((code, seen == list(range(after + 1, count + 1))), (0, True), f"after {after}: {seen[:3]}…")
        code, out, _ = weir.run("audit", "list", path, "--after", "19000", "--tenant", "beta", "--json")
        tap.equal([json.loads(x)["seq"] for x in out.splitlines()], list(range(19002, count + 1, 3)), "of a tenant")
        # It is also what a weir that starts goes on from.
        os.replace(path, log_file(weir))
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        access_key(weir)
        tap.equal(json.loads(verify(weir, 0, "--json"))["last"], count + 1, "the next line")
        for last, before, want in ((1000, 20001, range(19001, 20001)), (3, 5, range(2, 5)), (3, 3, range(1, 3)), (1000, 7777, range(6777, 7777))):
            page = own(weir, "GET", f"/weir/v1/audit?last={last}&before={before}").json
            tap.equal([x["seq"] for x in page["lines"]], list(want), f"{last} before {before}")
            tap.equal(page.get("before"), want[0] if want[0] > 1 else None, "older ones")
        page = own(weir, "GET", "/weir/v1/audit?last=500&before=20001&tenant=beta").json
        tap.equal([x["seq"] for x in page["lines"]], list(range(3, 20001, 3))[-500:], "of a tenant, far back")


def kept(weir):
    """The numbers of the files that are kept, ascending."""
    return sorted(int(x.rsplit(".", 1)[1]) for x in os.listdir(weir.state_dir) if re.fullmatch(r"audit\.log\.\d+", x))


def fill(weir, files):
    """Calls until so many files have been kept."""
    async def work():
        connection = await Connection().open(sock(weir))
        n = 0
        while (kept(weir) or [0])[-1] < files:
            status, body = await connection.ask(request("POST", f"/things/f{n}", {
                "attributePayload": {"attributes": {"n": "x" * 700}}}))
            tap.equal(status, 200, body)
            status, body = await connection.ask(request("DELETE", f"/things/f{n}"))
            n += 1
        connection.close()
    asyncio.run(work())


def test_files():
    """Full files are kept, the oldest go and a line says so; the chain is walked through all of them; what was taken
    out of them by others is seen; a kill changes nothing"""
    with alone({"admin": {"listen": "127.0.0.1:0", "audit_file": "64k", "audit_files": 3}}) as weir:
        fill(weir, 1)
        first = kept(weir)
        tap.equal(len(first), 1, "one file")
        own(weir, "GET", "/weir/v1/audit")
        tap.equal(json.loads(verify(weir, 0, "--json"))["first"], 1, "from the first line on")
        weir.kill()
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        fill(weir, first[-1] * 5)
        access_key(weir)
        names = kept(weir)
        tap.equal(len(names), 3, f"{names}")
        sizes = [os.path.getsize(f"{log_file(weir)}.{n}") for n in names]
        tap.check(all(65536 <= s < 2 * 65536 for s in sizes), f"{sizes}")
        seen = json.loads(verify(weir, 0, "--json"))
        tap.check(seen["first"] > first[-1] and seen["lines"] == seen["last"] - seen["first"] + 1 and seen["files"] == 4, seen)
        tap.check(f"from number {seen['first']} on in 4 files" in verify(weir), "for people")
        code, out, _ = weir.run("audit", "list", "--json")
        numbers = [json.loads(x)["seq"] for x in out.splitlines()]
        tap.equal(numbers, list(range(seen["first"], seen["last"] + 1)), "all lines")
        gone = [json.loads(x) for x in out.splitlines() if "AuditLogFileRemoved" in x]
        tap.equal(gone[-1]["changes"]["last"], seen["first"] - 1, "what the chain begins from")
        after = names[1] - 2
        page = own(weir, "GET", f"/weir/v1/audit?after={after}&maxResults=5").json
        tap.equal([x["seq"] for x in page["lines"]], list(range(after + 1, after + 6)), "a page over two files")

        weir.stop()  # nothing at all is in the file that is written, as after a kill between two
        os.rename(log_file(weir), f"{log_file(weir)}.{seen['last']}")
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        access_key(weir)
        tap.equal(json.loads(verify(weir, 0, "--json"))["last"], seen["last"] + 1, "goes on")
        weir.stop()
        names = kept(weir)

        def case(name, change, *says):
            copy = os.path.join(weir.dir, "copy")
            shutil.copytree(weir.state_dir, copy, ignore=lambda _, names: [x for x in names if "audit" not in x])
            change(os.path.join(copy, "audit.log"))
            err = verify(weir, 1, os.path.join(copy, "audit.log"))
            shutil.rmtree(copy)
            tap.check(all(x in err for x in says), f"{name}: {err}")
        changed = "something was changed, taken out or put in"
        case("the oldest taken out", lambda log: os.remove(f"{log}.{names[0]}"), f".{names[1]}, line 1:", changed)
        case("one in the middle", lambda log: os.remove(f"{log}.{names[1]}"), f".{names[2]}, line 1:", changed)
        case("cut", lambda log: os.truncate(f"{log}.{names[1]}", 30000), f".{names[1]}, line ", "half a line")

        def one_byte(log):
            with open(f"{log}.{names[2]}", "r+b") as f:
                data = f.read()
                f.seek(data.index(b'"OK"') + 1)
                f.write(b"o")
        case("a byte", one_byte, f".{names[2]}, line 2:", changed)
        weir.process = None


def test_no_disk():
    """A log that cannot be synced: the secret is not handed out and weir says so; afterwards it goes on"""
    library = os.environ.get("WR_BREAK_SYNC")
    if not library:
        raise support.Skip("no library that breaks fdatasync() (WR_BREAK_SYNC)")
    broken = os.path.join(support.temp_dir(), "broken")
    env = {"LD_PRELOAD": library, "BREAK_SYNC": broken, "BREAK_SYNC_ONLY": "/audit.log"}
    with alone(env=env) as weir:
        key = access_key(weir)
        support.write_file(broken, "")
        answer = own(weir, "POST", "/weir/v1/tenants/default/access-keys", {})
        tap.equal((answer.status, "secretAccessKey" in answer.text), (500, False), answer.text)
        tap.check("audit log" in answer.message, answer.message)
        weir.process.wait_line("audit.log cannot be written: Input/output error")
        tap.check("the audit log cannot be written" in get(sock(weir), "/readyz").text, "weir is not ready")
        client(weir, key).list_things()
        os.remove(broken)
        access_key(weir)
        tap.check("audit log" not in get(sock(weir), "/readyz").text, "all is well again")
        verify(weir)


def test_link():
    """A link in the place of the log is refused"""
    with alone() as weir:
        weir.stop()
        os.remove(log_file(weir))
        os.symlink("/dev/full", log_file(weir))
        weir.start(wait=False)
        weir.process.wait_line("audit.log")
        tap.equal(weir.process.popen.wait(support.TIMEOUT), 2, "refused")
        weir.process = None


if __name__ == "__main__":
    support.main(globals())
