#!/usr/bin/env python3
"""The frame of the control plane: who is let in and for which tenant, how input is checked, how errors look, pages,
what lasts. Spoken to by Debian's boto3 and by raw HTTP.

usage: test_control.py BUILD/weir [test_NAME]...
"""
import os
import stat
import subprocess

from control import access_key, alone, client, own, pages, port, refused, sock
from http_client import ask, get
import support
from support import tap, wait_for
from weir import Weir


def test_signature():
    """A signed call is answered; a wrong secret, an unknown key and none are refused"""
    with alone() as weir:
        key = access_key(weir)
        iot = client(weir, key)
        made = iot.create_thing(thingName="lamp:1", attributePayload={"attributes": {"room": "a"}})
        tap.equal(made["thingArn"], "arn:aws:iot:eu-west-1:123456789012:thing/lamp:1", "ARN")
        tap.equal(iot.describe_thing(thingName="lamp:1")["attributes"], {"room": "a"}, "attributes")
        refused("InvalidSignatureException", 403, client(weir, (key[0], "wrong" * 8)).list_things)
        refused("UnrecognizedClientException", 403, client(weir, ("AKIANOSUCHKEY0000001", key[1])).list_things)
        answer = get(port(weir), "/things")
        tap.equal((answer.status, answer.headers["x-amzn-errortype"]), (403, "MissingAuthenticationTokenException"),
                  "unsigned")
        tap.check(answer.headers["x-amzn-requestid"], "request id")


def test_prefix():
    """/t/TENANT in front of the path must be the key's tenant"""
    with alone() as weir:
        key = access_key(weir)
        client(weir, key, prefix="/t/default").create_thing(thingName="a")
        tap.equal([x["thingName"] for x in client(weir, key).list_things()["things"]], ["a"], "things")
        refused("AccessDeniedException", 403, client(weir, key, prefix="/t/other").list_things)


def test_roles():
    """A viewer may read and not write; a key that was deleted or has expired is unknown"""
    with alone() as weir:
        viewer = access_key(weir, role="viewer")
        iot = client(weir, viewer)
        tap.equal(iot.list_things()["things"], [], "nothing")
        refused("AccessDeniedException", 403, iot.create_thing, thingName="a")
        tap.equal(own(weir, "DELETE", f"/weir/v1/tenants/default/access-keys/{viewer[0]}").status, 200, "deleted")
        refused("UnrecognizedClientException", 403, iot.list_things)
        short = client(weir, access_key(weir, ttl=1))
        short.list_things()

        def expired():
            try:
                short.list_things()
                return False
            except short.exceptions.ClientError as error:
                return error.response["Error"]["Code"] == "UnrecognizedClientException"
        wait_for(expired, "the key to expire", every=0.2)


def test_token():
    """A bearer token is let in; mode token lets nothing else in; over TCP weir's own calls want one"""
    with alone({"admin": {"mode": "token"}}) as weir:
        key = access_key(weir)
        made = own(weir, "POST", "/weir/v1/tenants/default/tokens", {"role": "admin", "name": "ci"}).json
        bearer = {"Authorization": "Bearer " + made["token"]}
        tap.equal(get(port(weir), "/things", headers=bearer).json, {"things": []}, "things")
        tap.equal(get(port(weir), "/weir/v1/tenants/default/tokens", headers=bearer).json["tokens"][0]["name"], "ci",
                  "listed, without the token itself")
        refused("MissingAuthenticationTokenException", 403, client(weir, key).list_things)
        wrong = {"Authorization": "Bearer " + made["token"][:-1] + "_"}
        tap.equal(get(port(weir), "/things", headers=wrong).status, 403, "a wrong one")
        tap.equal(own(weir, "DELETE", f"/weir/v1/tenants/default/tokens/{made['id']}").status, 200, "deleted")
        tap.equal(get(port(weir), "/things", headers=bearer).status, 403, "and gone")


def test_open():
    """Mode open: any key is the default tenant's, one of 12 digits makes its own tenant; loudly said"""
    with alone({"admin": {"mode": "open", "auto_tenants": True}}) as weir:
        weir.process.wait_line("admin.mode is open")
        client(weir, ("testing", "testing")).create_thing(thingName="a")
        other = client(weir, ("210987654321", "x"))
        tap.equal(other.list_things()["things"], [], "another tenant's")
        made = other.create_thing(thingName="b")
        tap.equal(made["thingArn"], "arn:aws:iot:eu-west-1:210987654321:thing/b", "its account")
        tap.equal([x["thingName"] for x in other.list_things()["things"]], ["b"], "its things")
        tap.equal(get(port(weir), "/things", headers={"Host": "evil.example"}).status, 421, "a name of its own")
    weir = Weir(None, config={"mqtt": {"url": "mqtt://127.0.0.1:1"}, "admin": {"mode": "open", "listen": "0.0.0.0:0"}},
                start=False)
    weir.start(wait=False)
    weir.process.wait_line("not a loopback address")
    tap.equal(weir.process.popen.wait(support.TIMEOUT), 2, "refuses to start")


def test_regions():
    """Two regions of a tenant have nothing in common"""
    with alone() as weir:
        key = access_key(weir)
        client(weir, key).create_thing(thingName="a")
        there = client(weir, key, region="us-east-1")
        tap.equal(there.list_things()["things"], [], "things")
        tap.equal(there.create_thing(thingName="a")["thingArn"], "arn:aws:iot:us-east-1:123456789012:thing/a", "ARN")


def test_validation():
    """Input is checked by the table of the operation, all faults at once, in AWS's words"""
    with alone() as weir:
        iot = client(weir)
        error = refused("InvalidRequestException", 400, iot.create_thing, thingName="a b")
        tap.equal(error["message"] if "message" in error else error["Error"]["Message"],
                  "1 validation error detected: Value 'a b' at 'thingName' failed to satisfy constraint: Member must "
                  "satisfy regular expression pattern: [a-zA-Z0-9:_-]+", "the text")
        refused("InvalidRequestException", 400, iot.create_thing, thingName="x" * 129)
        refused("InvalidRequestException", 400, iot.list_things, maxResults=0)
        refused("InvalidRequestException", 400, iot.list_things, maxResults=251)
        refused("InvalidRequestException", 400, iot.list_things, nextToken="AAAA")
        refused("InvalidRequestException", 400, iot.describe_endpoint, endpointType="iot:Nothing")
        two = ask(sock(weir), "POST", "/things/" + "y" * 129, body='{"thingTypeName": 5}')
        tap.check(two.message.startswith("2 validation errors detected: "), two.message)
        for body, want in (("{", "the body is not valid JSON: line 1"), ("[]", "the body must be a JSON object"),
                           ('{"a": 1, "a": 2}', "duplicate object key")):
            answer = ask(sock(weir), "POST", "/things/z", body=body)
            tap.equal(answer.status, 400, body)
            tap.check(want in answer.message, answer.message)
        strange = ask(sock(weir), "POST", "/things/z", body='{"colour": "red"}')
        tap.equal((strange.status, strange.headers["x-weir-warning"]), (200, "CreateThing has no member colour"),
                  "an unknown member is passed over, and said")
        answer = ask(sock(weir), "GET", "/no/such/operation")
        tap.equal((answer.status, answer.headers["x-amzn-errortype"]), (404, "UnknownOperationException"), "unknown")


def test_pages():
    """Pages by creation; a token of another listing or page size is checked"""
    with alone() as weir:
        iot = client(weir)
        names = [f"t{(i * 7) % 25}" for i in range(25)]
        for name in names:
            iot.create_thing(thingName=name)
        things, count = pages(iot.list_things, "things", maxResults=10)
        tap.equal(([x["thingName"] for x in things], count), (names, 3), "all, in order")
        first = iot.list_things(maxResults=10)
        iot.create_thing(thingName="later")
        tap.equal(len(iot.list_things(nextToken=first["nextToken"])["things"]), 16, "the rest")
        other = client(weir, region="us-east-1")
        refused("InvalidRequestException", 400, other.list_things, nextToken=first["nextToken"])


def test_files():
    """Registry and key are for weir alone; a damaged file and one of a newer weir are refused by name"""
    with alone() as weir:
        client(weir).create_thing(thingName="a")
        for name in ("registry.db", "secrets.key"):
            tap.equal(oct(stat.S_IMODE(os.stat(os.path.join(weir.state_dir, name)).st_mode)), "0o600", name)
        key = access_key(weir)
        with open(os.path.join(weir.state_dir, "registry.db"), "rb") as f:
            tap.check(key[1].encode() not in f.read(), "the secret is sealed")
        weir.stop()
        path = os.path.join(weir.state_dir, "registry.db")
        subprocess.run(["/usr/bin/python3", "-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); "
                        "c.execute('PRAGMA user_version=9999'); c.commit()", path], check=True)
        weir.start(wait=False)
        weir.process.wait_line("has version 9999")
        tap.equal(weir.process.popen.wait(support.TIMEOUT), 2, "refused")
        with open(path, "wb") as f:
            f.write(b"not a database, but long enough to be looked at as one" * 40)
        weir.start(wait=False)
        weir.process.wait_line("registry.db")
        tap.equal(weir.process.popen.wait(support.TIMEOUT), 2, "refused")
        weir.process = None


if __name__ == "__main__":
    support.main(globals())
