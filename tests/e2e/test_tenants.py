#!/usr/bin/env python3
"""Tenants: made, enabled, changed, deleted; their features; who may administer whom; when keys were used.

usage: test_tenants.py BUILD/weir [test_NAME]...
"""
import asyncio
import json
import os
import sqlite3
import subprocess
import time

from control import access_key, alone, client, own, port, refused, sock
from control_load import Connection, request
from http_client import get, ask
import support
from prometheus import Page
from support import Broker, tap, wait_for
from weir import Weir, rule, s3


def make(weir, name, enable=True, **features):
    answer = own(weir, "POST", "/weir/v1/tenants", {"name": name, "features": features} if features else {"name": name})
    tap.equal(answer.status, 200, answer.text)
    if enable:
        tap.equal(feature(weir, name, "iot.enabled", True).status, 200, "enabled")
        wait_state(weir, name, "ENABLED")
    return answer.json


def feature(weir, tenant, name, value):
    return own(weir, "PUT", f"/weir/v1/tenants/{tenant}/features/{name}", {"value": value})


def tenant(weir, name):
    return own(weir, "GET", f"/weir/v1/tenants/{name}").json


def wait_state(weir, name, state):
    wait_for(lambda: tenant(weir, name)["state"] == state, lambda: f"{name} {state}: {tenant(weir, name)}")


def test_life():
    """A tenant is made, enabled, used, disabled, deleted; its account stays taken, its name does not"""
    with alone({"region": "eu-west-1"}) as weir:
        made = own(weir, "POST", "/weir/v1/tenants", {"name": "acme"}).json
        tap.equal((made["name"], made["state"]), ("acme", "DISABLED"), "made")
        tap.check(len(made["account"]) == 12 and made["account"].isdigit(), made["account"])
        tap.equal(made["features"], {"iot.topic_prefix": "acme/", "iot.thing_prefix": "acme-",
                                     "iot.rule_prefix": "acme_", "iot.default_thing_type": "WeirDefault",
                                     "iot.default_policy": "WeirDefault"}, "prefixes of its own")
        iot = client(weir, access_key(weir, "acme"))
        refused("AccessDeniedException", 403, iot.list_things)
        tap.check(feature(weir, "acme", "iot.enabled", True).json["state"] in ("ENABLING", "ENABLED"), "begins")
        wait_state(weir, "acme", "ENABLED")
        tap.equal(feature(weir, "acme", "iot.enabled", True).json["state"], "ENABLED", "again: nothing happens")
        tap.equal(iot.describe_thing_type(thingTypeName="WeirDefault")["thingTypeMetadata"]["deprecated"], False,
                  "the default thing type")
        ca = tenant(weir, "acme")["certificateAuthority"]
        tap.check("BEGIN CERTIFICATE" in ca["certificatePem"] and len(ca["certificateId"]) == 64, "a CA of its own")
        tap.equal([x["thingTypeName"] for x in iot.list_thing_types()["thingTypes"]], ["WeirDefault"],
                  "the default thing type")
        policy = iot.get_policy(policyName="WeirDefault")
        statements = json.loads(policy["policyDocument"])["Statement"]
        tap.equal([x["Resource"] for x in statements], ["arn:aws:iot:*:*:client/*", "arn:aws:iot:*:*:topic/acme/*",
                                                        "arn:aws:iot:*:*:topicfilter/acme/*"], "the default policy")
        arn = iot.create_thing(thingName="a")["thingArn"]
        tap.equal(arn, f"arn:aws:iot:eu-west-1:{made['account']}:thing/a", "its account")
        tap.equal(client(weir).list_things()["things"], [], "the default tenant has nothing of it")
        answer = own(weir, "DELETE", "/weir/v1/tenants/acme")
        tap.equal((answer.status, "switch iot.enabled off" in answer.message), (409, True), answer.text)
        tap.equal(own(weir, "DELETE", "/weir/v1/tenants/acme/features/iot.enabled").status, 200, "disabled")
        wait_state(weir, "acme", "DISABLED")
        refused("AccessDeniedException", 403, iot.list_things)
        feature(weir, "acme", "iot.enabled", True)
        wait_state(weir, "acme", "ENABLED")
        tap.equal([x["thingName"] for x in iot.list_things()["things"]], ["a"], "disabling keeps data")
        feature(weir, "acme", "iot.enabled", False)
        wait_state(weir, "acme", "DISABLED")
        tap.equal(own(weir, "DELETE", "/weir/v1/tenants/acme").status, 200, "deleted")
        tap.equal(own(weir, "GET", "/weir/v1/tenants/acme").status, 404, "gone")
        refused("UnrecognizedClientException", 403, iot.list_things)
        tap.equal([x["name"] for x in own(weir, "GET", "/weir/v1/tenants?deleted=true").json["tenants"]], ["acme"],
                  "in the trash")
        again = make(weir, "acme")
        tap.check(again["account"] != made["account"], "the name may be used again, with another account")
        tap.equal(client(weir, access_key(weir, "acme")).list_things()["things"], [], "and nothing of the old one")


def test_restart():
    """What was under way when weir ended is finished at the next start; all is kept"""
    with alone() as weir:
        made = make(weir, "acme")
        weir.stop()
        db = sqlite3.connect(weir.state_dir + "/registry.db")
        db.execute("UPDATE tenants SET state='DISABLING' WHERE name='acme'")
        db.commit()
        db.close()
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        wait_state(weir, "acme", "DISABLED")
        tap.equal(tenant(weir, "acme")["account"], made["account"], "the account")


def test_features():
    """Features are checked; prefixes of two tenants never overlap; what is not a feature is said"""
    with alone() as weir:
        make(weir, "acme", enable=False)
        for name, value, status in (("iot.topic_prefix", "plant/7/", 200), ("iot.topic_prefix", "plant/7", 400),
                                    ("iot.topic_prefix", "a/+/", 400), ("iot.topic_prefix", "$aws/", 400),
                                    ("iot.topic_prefix", 7, 400), ("iot.key_escrow", "keep", 200),
                                    ("iot.key_escrow", "always", 400), ("iot.quota.things", 2, 200),
                                    ("iot.quota.things", -1, 400), ("iot.enforce_prefix", "yes", 400),
                                    ("iot.aws_account", "123456789012", 200), ("iot.aws_account", "12345678901x", 400),
                                    ("iot.aws_account", 123456789012, 400), ("iot.tenant_attribute", "TENANT_NAME", 200),
                                    ("iot.tenant_attribute", "a b", 400),
                                    ("iot.colour", "red", 400), ("iot.default_policy", "a b", 400)):
            answer = feature(weir, "acme", name, value)
            tap.equal(answer.status, status, f"{name} {value}: {answer.text}")
        tap.equal(tenant(weir, "acme")["features"]["iot.topic_prefix"], "plant/7/", "set")
        for prefix in ("plant/7/", "plant/", "plant/7/x/"):
            answer = own(weir, "POST", "/weir/v1/tenants", {"name": "other", "features": {"iot.topic_prefix": prefix}})
            tap.equal((answer.status, "overlaps" in answer.message), (409, True), answer.text)
        tap.equal(own(weir, "GET", "/weir/v1/tenants/other").status, 404, "nothing of it was kept")
        make(weir, "other", enable=False, **{"iot.topic_prefix": "plant/70/"})
        tap.equal(own(weir, "DELETE", "/weir/v1/tenants/acme/features/iot.quota.things").status, 200, "unset")
        tap.check("iot.quota.things" not in tenant(weir, "acme")["features"], "is not there")
        answer = own(weir, "PATCH", "/weir/v1/tenants/acme",
                     {"features": {"iot.thing_prefix": "p-", "iot.key_escrow": None, "iot.aws_account": None, "iot.tenant_attribute": None}})
        tap.equal(answer.json["features"], {"iot.topic_prefix": "plant/7/", "iot.thing_prefix": "p-",
                                            "iot.rule_prefix": "acme_", "iot.default_thing_type": "WeirDefault",
                                            "iot.default_policy": "WeirDefault"}, "several at once")
        for name in ("Acme", "-a", "a" * 40, "a_b", ""):
            tap.equal(own(weir, "POST", "/weir/v1/tenants", {"name": name}).status, 400, f"name {name!r}")
        tap.equal(own(weir, "POST", "/weir/v1/tenants", {"name": "acme"}).status, 409, "there is one")
        tap.equal(own(weir, "DELETE", "/weir/v1/tenants/default").status, 400, "never the default one")


def test_regions():
    """The default thing type and policy are in every region that the tenant comes to, as its first write finds it"""
    with alone({"region": "eu-west-1"}) as weir:
        make(weir, "acme", enable=False)
        own(weir, "PUT", "/weir/v1/tenants/acme/features/iot.enabled", {"value": True})
        wait_state(weir, "acme", "ENABLED")
        key = access_key(weir, "acme")
        there = client(weir, key, region="us-east-1")
        there.create_thing(thingName="a", thingTypeName="WeirDefault")
        documents = [client(weir, key, region=r).get_policy(policyName="WeirDefault")["policyDocument"]
                     for r in ("eu-west-1", "us-east-1")]
        tap.equal(documents[0], documents[1], "the same policy")
        feature(weir, "acme", "iot.enabled", False)
        wait_state(weir, "acme", "DISABLED")
        feature(weir, "acme", "iot.default_thing_type", "Lamp")
        feature(weir, "acme", "iot.enabled", True)
        wait_state(weir, "acme", "ENABLED")
        for region in ("eu-west-1", "us-east-1"):
            tap.equal([x["thingTypeName"] for x in client(weir, key, region=region).list_thing_types()["thingTypes"]],
                      ["WeirDefault", "Lamp"], region)


def test_rotate():
    """A new CA signs from then on; the one before is known until the last certificate of its is gone"""
    with alone({"region": "eu-west-1", "broker": {"dir": "broker", "confirm_timeout": "100ms"}}) as weir:
        make(weir, "acme")
        iot = client(weir, access_key(weir, "acme"))

        def made():
            return iot.create_keys_and_certificate(setAsActive=True)

        def signed_by(certificate, ca):
            folder = support.temp_dir()
            for name, text in (("ca", ca), ("cert", certificate["certificatePem"])):
                support.write_file(os.path.join(folder, name), text)
            return subprocess.run(["openssl", "verify", "-CAfile", os.path.join(folder, "ca"), os.path.join(folder, "cert")],
                                  capture_output=True).returncode == 0

        def files():
            """What the broker may read; files come and go meanwhile."""
            folder, found = os.path.join(weir.dir, "broker", "ca"), []
            for name in os.listdir(folder):
                try:
                    found.append(support.read_file(os.path.join(folder, name)))
                except FileNotFoundError:
                    pass
            return found
        first, old = tenant(weir, "acme")["certificateAuthority"], made()
        code, out, err = weir.run("tenant", "rotate", "acme")
        tap.equal(code, 0, out + err)
        second, new = tenant(weir, "acme")["certificateAuthority"], made()
        tap.check(second["certificateId"] != first["certificateId"] and second["certificateId"] in out, out)
        pems = [first["certificatePem"], second["certificatePem"]]
        tap.equal([[signed_by(c, ca) for ca in pems] for c in (old, new)], [[True, False], [False, True]], "who signed")
        known = tenant(weir, "acme")["certificateAuthorities"]
        tap.equal([(x["certificateId"], x["signs"], x["certificates"]) for x in known],
                  [(second["certificateId"], True, 1), (first["certificateId"], False, 1)], "both are known")
        wait_for(lambda: set(pems) <= set(files()), "the broker knows both")
        tap.equal(iot.describe_certificate(certificateId=old["certificateId"])["certificateDescription"]["status"], "ACTIVE",
                  "the old one's certificate")
        iot.update_certificate(certificateId=old["certificateId"], newStatus="INACTIVE")
        iot.delete_certificate(certificateId=old["certificateId"])
        third = own(weir, "POST", "/weir/v1/tenants/acme/certificate-authority").json
        tap.equal([x["certificateId"] for x in third["certificateAuthorities"]],
                  [third["certificateAuthority"]["certificateId"], second["certificateId"]], "the first is forgotten")
        wait_for(lambda: pems[0] not in files() and pems[1] in files(), "the broker does not know it any more")
        tap.equal(own(weir, "POST", "/weir/v1/tenants/none/certificate-authority").status, 404, "no such tenant")


def test_purge():
    """The trash can be emptied: nothing of the deleted tenant is left but its account, also over a kill; others keep all"""
    with alone({"region": "eu-west-1", "admin": {"listen": "127.0.0.1:0", "test": True}}) as weir:
        accounts = {name: make(weir, name)["account"] for name in ("acme", "beta")}

        async def fill(name, numbers):
            connection = await Connection().open(sock(weir))
            for n in numbers:
                status, body = await connection.ask(request("POST", f"/t/{name}/things/{name}-{n}", {
                    "attributePayload": {"attributes": {f"a{i}": str(n) for i in range(3)}}}))
                tap.equal(status, 200, body)
            connection.close()

        async def fill_all():
            await asyncio.gather(fill("beta", range(10)), *(fill("acme", range(n, 2500, 50)) for n in range(50)))
        asyncio.run(fill_all())
        for name in accounts:
            iot = client(weir, access_key(weir, name))
            certificate = iot.create_keys_and_certificate(setAsActive=True)
            iot.attach_thing_principal(thingName=name + "-1", principal=certificate["certificateArn"])
            iot.attach_policy(policyName="WeirDefault", target=certificate["certificateArn"])
            iot.create_thing_group(thingGroupName="g")
            iot.add_thing_to_thing_group(thingGroupName="g", thingName=name + "-2")
        tap.equal(own(weir, "DELETE", f"/weir/v1/trash/{accounts['acme']}").status, 409, "not while it is there")
        tap.equal(own(weir, "DELETE", "/weir/v1/trash/999999999999").status, 404, "no such account")
        feature(weir, "acme", "iot.enabled", False)
        wait_state(weir, "acme", "DISABLED")
        tap.equal(own(weir, "DELETE", "/weir/v1/tenants/acme").status, 200, "deleted")
        code, out, err = weir.run("tenant", "purge", accounts["acme"], "--yes")
        tap.equal((code, out), (0, "acme is PURGING\n"), err)
        weir.kill()
        weir.start(wait=False)
        weir.process.wait_line("started: pid")

        def trash():
            return own(weir, "GET", "/weir/v1/tenants?deleted=true").json["tenants"]
        wait_for(lambda: trash()[0]["state"] == "PURGED", lambda: f"{trash()}")
        tap.equal([(x["name"], x["account"], x["features"]) for x in trash()], [("acme", accounts["acme"], {})], "what is left")
        tap.equal(own(weir, "DELETE", f"/weir/v1/trash/{accounts['acme']}").json["state"], "PURGED", "again: nothing happens")
        db = sqlite3.connect(f"file:{weir.state_dir}/registry.db?mode=ro", uri=True)
        left = {}
        for (table,) in db.execute("SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) p WHERE "
                                   "m.type='table' AND p.name='realm'").fetchall():
            left[table] = [db.execute(f"SELECT count(*) FROM {table} WHERE realm IN (SELECT r.id FROM realms r JOIN tenants t "
                                      "ON t.id=r.tenant WHERE t.name=?)", (name,)).fetchone()[0] for name in accounts]
        tap.equal({table: n[0] for table, n in left.items() if n[0]}, {}, "nothing of acme's")
        tap.equal([left[t][1] for t in ("things", "thing_attributes", "certificates", "thing_principals", "policies")],
                  [10, 30, 1, 1, 1], "all of beta's")
        tap.equal(db.execute("SELECT name FROM authorities a JOIN tenants t ON t.id=a.tenant").fetchall(), [("beta",)], "CAs")
        db.close()
        answer = own(weir, "POST", "/weir/v1/tenants", {"name": "acme", "account": accounts["acme"]})
        tap.equal(answer.status, 409, "the account stays taken")
        make(weir, "acme")


def test_rates():
    """Quotas of messages a second and of the rules' processor time: what is over them is not tried on the tenant's rules
    and counted; other tenants' rules have it all"""
    with Broker() as broker, Weir(broker, {"all": rule("SELECT n FROM 'acme/+'", s3("all", "${n}"))}) as weir:
        make(weir, "acme")
        heavy = "(SELECT x.v + 1 AS w FROM list AS x WHERE x.v > 1)"
        for name, what in (("one", rule("SELECT n FROM 'acme/+'", s3("acme", "${n}"))),
                           ("two", rule("SELECT n FROM 'acme/x/+'", s3("deep", "${n}"))),
                           ("heavy", rule(f"SELECT n, {heavy} AS a FROM 'acme/h/+'", s3("heavy", "${n}")))):
            answer = own(weir, "POST", f"/t/acme/rules/{name}", what)
            tap.equal(answer.status, 200, answer.text)
        tap.check("use" not in tenant(weir, "acme"), "without a quota nothing is counted")
        tap.equal(feature(weir, "acme", "iot.quota.messages_per_second", 40).status, 200, "set")

        def sample(name, **labels):
            return Page(get(sock(weir), "/metrics").text).samples.get((name, tuple(sorted(labels.items()))), 0)

        def throttled(reason):
            return int(sample("weir_tenant_throttled_total", tenant="acme", reason=reason))
        began = time.monotonic()
        broker.publish_lines("acme/a", (json.dumps({"n": n}) for n in range(400)))
        wait_for(lambda: len(weir.objects("all")) == 400, "all of them for the default tenant")
        took = time.monotonic() - began
        tap.equal(sample("weir_tenant_messages_total", tenant="acme"), 400, "counted")
        wait_for(lambda: len(weir.objects("acme")) == 400 - throttled("messages"), "those that are not throttled")
        got = len(weir.objects("acme"))
        tap.check(40 <= got <= 41 + 40 * took, f"{got} of 400 in {took:.1f} s")
        tap.equal(sample("weir_messages_dropped_total", reason="throttled"), 0, "each had a rule that took it")
        before = throttled("messages")
        broker.publish_lines("acme/x/a", (json.dumps({"n": n}) for n in range(400)))
        wait_for(lambda: sample("weir_tenant_messages_total", tenant="acme") == 800, "800")
        more = throttled("messages") - before
        tap.check(0 < more <= 360 + 40, f"{more} more")
        tap.equal(sample("weir_messages_dropped_total", reason="throttled"), more, "these had no other rule")
        wait_for(lambda: len(weir.objects("deep")) == 400 - more, "the rest")
        weir.process.wait_line("the tenant acme is over its quota (iot.quota.messages_per_second)")

        own(weir, "PATCH", "/weir/v1/tenants/acme", {"features": {"iot.quota.messages_per_second": None,
                                                                  "iot.quota.rule_cpu": 1}})
        payload = [{"v": n % 7} for n in range(4000)]
        broker.publish_lines("acme/h/a", (json.dumps({"n": n, "list": payload}) for n in range(100)))
        wait_for(lambda: sample("weir_tenant_messages_total", tenant="acme") == 900, "900")
        wait_for(lambda: len(weir.objects("heavy")) == 100 - throttled("cpu"), "those that there was time for")
        tap.check(1 <= len(weir.objects("heavy")) < 100, f"{len(weir.objects('heavy'))} of 100")
        use = tenant(weir, "acme")["use"]
        tap.equal((use["messages"], use["throttled"]), (900, {"messages": throttled("messages"), "cpu": throttled("cpu")}),
                  "what the tenant had")
        tap.note(f"{use}")
        tap.check(use["ruleCpuSeconds"] > 0.005, use)
        for name, value in (("iot.quota.rule_cpu", 101), ("iot.quota.rule_cpu", "1"), ("iot.quota.messages_per_second", -1)):
            tap.equal(feature(weir, "acme", name, value).status, 400, f"{name} {value}")


def test_pages():
    """Tenants are listed in pages, in the order they were made"""
    with alone() as weir:
        names = [f"t{(i * 7) % 25}" for i in range(25)]
        for name in names:
            make(weir, name, enable=False)
        seen, target = [], "/weir/v1/tenants?maxResults=10"
        while target:
            page = own(weir, "GET", target).json
            seen += [x["name"] for x in page["tenants"]]
            token = page.get("nextToken")
            target = token and "/weir/v1/tenants?maxResults=10&nextToken=" + token.replace("+", "%2B")
        tap.equal(seen, ["default"] + names, "all")


def test_reset():
    """Test mode: the account can be chosen, and the registry emptied; else neither"""
    with alone() as weir:
        make(weir, "acme")
        tap.equal(own(weir, "POST", "/weir/v1/tenants/acme/reset").status, 403, "reset")
        tap.equal(own(weir, "POST", "/weir/v1/tenants", {"name": "b", "account": "111122223333"}).status, 400, "account")
    with alone({"admin": {"test": True}}) as weir:
        tap.equal(own(weir, "POST", "/weir/v1/tenants", {"name": "b", "account": "111122223333"}).json["account"],
                  "111122223333", "chosen")
        tap.equal(own(weir, "POST", "/weir/v1/tenants", {"name": "c", "account": "111122223333"}).status, 409, "once")
        feature(weir, "b", "iot.enabled", True)
        wait_state(weir, "b", "ENABLED")
        iot, other = client(weir, access_key(weir, "b")), client(weir)
        iot.create_thing(thingName="x")
        other.create_thing(thingName="x")
        client(weir, access_key(weir, "b"), region="us-east-1").create_thing(thingName="y")
        tap.equal(own(weir, "POST", "/weir/v1/tenants/b/reset").status, 200, "reset")
        tap.equal(iot.list_things()["things"], [], "nothing left")
        tap.equal(client(weir, access_key(weir, "b"), region="us-east-1").list_things()["things"], [], "in no region")
        tap.equal(len(other.list_things()["things"]), 1, "others keep theirs")


def test_who():
    """A tenant's admin sees and manages the own keys only; settings are for the default tenant's admin"""
    with alone() as weir:
        make(weir, "acme")
        make(weir, "beta")

        def token(name, role="admin"):
            made = own(weir, "POST", f"/weir/v1/tenants/{name}/tokens", {"role": role}).json
            return {"Authorization": "Bearer " + made["token"]}
        acme, boss, viewer = token("acme"), token("default"), token("acme", "viewer")
        at = port(weir)
        body = '{"value": 1}'
        for who, method, target, status in (
                (acme, "GET", "/weir/v1/tenants/acme", 200), (acme, "GET", "/weir/v1/tenants/beta", 403),
                (acme, "GET", "/weir/v1/tenants/acme/access-keys", 200),
                (acme, "GET", "/weir/v1/tenants/beta/access-keys", 403),
                (acme, "POST", "/weir/v1/tenants/acme/access-keys", 200),
                (acme, "POST", "/weir/v1/tenants/beta/access-keys", 403),
                (acme, "POST", "/weir/v1/tenants/default/tokens", 403),
                (acme, "PUT", "/weir/v1/tenants/acme/features/iot.quota.things", 403),
                (acme, "POST", "/weir/v1/tenants", 403), (acme, "DELETE", "/weir/v1/tenants/beta", 403),
                (acme, "POST", "/weir/v1/tenants/acme/reset", 403),
                (viewer, "GET", "/weir/v1/tenants/acme", 200), (viewer, "GET", "/weir/v1/tenants/acme/access-keys", 403),
                (boss, "GET", "/weir/v1/tenants/beta", 200), (boss, "POST", "/weir/v1/tenants/beta/access-keys", 200),
                (boss, "PUT", "/weir/v1/tenants/acme/features/iot.quota.things", 200)):
            answer = ask(at, method, target, body=body if method == "PUT" else None, headers=who)
            tap.equal(answer.status, status, f"{method} {target}: {answer.text}")
        tap.equal([x["name"] for x in get(at, "/weir/v1/tenants", headers=acme).json["tenants"]], ["acme"], "its own")
        tap.equal(len(get(at, "/weir/v1/tenants", headers=boss).json["tenants"]), 3, "all")
        # The token's tenant stays its tenant, whatever path or header say.
        tap.equal(get(at, "/t/beta/things", headers=acme).status, 403, "another path")
        tap.equal(get(at, "/things", headers={**acme, "X-Weir-Tenant": "beta"}).status, 403, "another header")
        tap.equal(get(at, "/t/beta/things", headers=boss).status, 200, "the boss may")


def test_last_used():
    """Keys and tokens show when they were used last; unused ones do not"""
    with alone() as weir:
        key, unused = access_key(weir), access_key(weir)
        made = own(weir, "POST", "/weir/v1/tenants/default/tokens", {"role": "viewer"}).json
        client(weir, key).list_things()
        get(port(weir), "/things", headers={"Authorization": "Bearer " + made["token"]})

        def seen():
            keys = own(weir, "GET", "/weir/v1/tenants/default/access-keys").json["accessKeys"]
            tokens = own(weir, "GET", "/weir/v1/tenants/default/tokens").json["tokens"]
            return [("lastUsed" in x) for x in keys], ["lastUsed" in x for x in tokens]
        wait_for(lambda: seen() == ([True, False], [True]), lambda: f"last uses: {seen()}")
        tap.equal(unused[0] in [x["accessKeyId"] for x in
                                own(weir, "GET", "/weir/v1/tenants/default/access-keys").json["accessKeys"]], True, "listed")


if __name__ == "__main__":
    support.main(globals())
