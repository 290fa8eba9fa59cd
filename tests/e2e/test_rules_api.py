#!/usr/bin/env python3
"""Topic rules made through the API: what Debian's boto3 is answered, and what the engine does with them.

usage: test_rules_api.py BUILD/weir [test_NAME]...
"""
import itertools
import json
import os
import sqlite3
import threading
import time

from control import access_key, alone, client, own, pages, refused, sock
from http_client import ask
import support
from support import Broker, tap, wait_for
from test_reload import Stream, numbers
from weir import ROLE, Weir, republish, rule, s3

HERE = {"region": "eu-west-1"}  # of the clients: names are short there
MS_100 = 0.1


def payload(topic="a/+", bucket="box", key="${topic(2)}", **members):
    return rule(f"SELECT * FROM '{topic}'", s3(bucket, key), **members)


def create(iot, name, what):
    return iot.create_topic_rule(ruleName=name, topicRulePayload=what)


def wait_object(weir, key, bucket="box"):
    return wait_for(lambda: weir.objects(bucket).get(key), f"the object {key}", every=0.01)


def raw(weir, method, target, body=None, headers=None):
    answer = ask(sock(weir), method, target, body=None if body is None else json.dumps(body), headers=headers)
    return answer


def test_life():
    """Created, it runs within 100 ms; read back as given; replaced, disabled, enabled, deleted; kill -9 keeps it"""
    with Broker() as broker, Weir(broker, config=HERE) as weir:
        key = access_key(weir)
        iot = client(weir, key)
        given = rule("SELECT temp, topic(2) AS device FROM 'a/+' WHERE temp > 30", s3("box", "v1/${topic(2)}"),
                     error=republish("failed"), description="hot ones", ruleDisabled=False)
        create(iot, "hot", given)
        broker.publish("a/x", '{"temp": 31}')
        wait_object(weir, "v1/x")
        times = []
        while not times or min(times) >= MS_100:  # what can be quick is quick; a busy machine keeps some of them waiting
            n = len(times)
            tap.check(n < 20, f"from the publication to the object: {times} s")
            create(iot, f"quick{n}", rule(f"SELECT * FROM 'q{n}/+'", s3("box", f"q{n}")))
            broker.publish(f"q{n}/x", "{}")
            began = time.monotonic()
            wait_object(weir, f"q{n}")
            times.append(time.monotonic() - began)
            iot.delete_topic_rule(ruleName=f"quick{n}")
        got = iot.get_topic_rule(ruleName="hot")
        tap.equal(got["ruleArn"], "arn:aws:iot:eu-west-1:123456789012:rule/hot", "ARN")
        created = got["rule"].pop("createdAt")
        tap.check(abs(created.timestamp() - time.time()) < 60, f"created {created}")
        tap.equal(got["rule"], {"ruleName": "hot", **given}, "as it was given")

        iot.replace_topic_rule(ruleName="hot", topicRulePayload=rule("SELECT * FROM 'a/#'", s3("box", "v2/${topic(2)}"),
                                                                     version="2015-10-08"))
        broker.publish("a/y/z", '{"temp": 1}')
        wait_object(weir, "v2/y")
        again = iot.get_topic_rule(ruleName="hot")["rule"]
        tap.equal(again["createdAt"], created, "createdAt stays")
        tap.check("description" not in again and "errorAction" not in again, f"nothing is left of the old one: {again}")

        for _ in range(2):  # idempotent
            iot.disable_topic_rule(ruleName="hot")
        tap.equal(iot.get_topic_rule(ruleName="hot")["rule"]["ruleDisabled"], True, "disabled")
        broker.publish("a/off", "{}")
        weir.kill()
        weir.start()
        iot = client(weir, key)
        tap.equal(iot.get_topic_rule(ruleName="hot")["rule"]["ruleDisabled"], True, "still, after kill -9")
        for _ in range(2):
            iot.enable_topic_rule(ruleName="hot")
        broker.publish("a/on", "{}")
        wait_object(weir, "v2/on")
        weir.kill()
        weir.start()
        broker.publish("a/after", "{}")
        wait_object(weir, "v2/after")
        tap.check("v2/off" not in weir.objects("box"), "what came while it was off is nowhere")
        tap.check("hot" in weir.fresh_status()["rules"], "its counters bear its name")
        iot = client(weir, key)
        iot.delete_topic_rule(ruleName="hot")
        refused("ResourceNotFoundException", 404, iot.get_topic_rule, ruleName="hot")
        tap.equal(iot.list_topic_rules()["rules"], [], "none")
        broker.publish("a/gone", "{}")
        support.stays(lambda: "v2/gone" not in weir.objects("box"), "nothing is done any more")
        weir.stop()
        weir.start()
        tap.equal(client(weir, key).list_topic_rules()["rules"], [], "none after a restart either")


def test_errors():
    """Every refusal: names, statements with their place, unions, members, sizes, what is not there"""
    with alone(HERE) as weir:
        iot = client(weir)
        create(iot, "taken", payload())
        error = refused("ResourceAlreadyExistsException", 409, iot.create_topic_rule, ruleName="taken",
                        topicRulePayload=payload())
        tap.equal(error["resourceArn"], "arn:aws:iot:eu-west-1:123456789012:rule/taken", "resourceArn")
        error = refused("InvalidRequestException", 400, iot.create_topic_rule, ruleName="a-b", topicRulePayload=payload())
        tap.check("Member must satisfy regular expression pattern: ^[a-zA-Z0-9_]+$" in error["Error"]["Message"],
                  error["Error"]["Message"])
        refused("InvalidRequestException", 400, iot.create_topic_rule, ruleName="x" * 129, topicRulePayload=payload())

        def bad(code, part, what, name="bad"):
            answer = raw(weir, "POST", "/rules/" + name, what, {"x-weir-region": "eu-west-1"})
            tap.equal((answer.status, answer.headers["x-amzn-errortype"]), (400, code), answer.text)
            tap.check(part in answer.message, f"{part!r} in {answer.message!r}")

        sql, invalid = "SqlParseException", "InvalidRequestException"
        bad(sql, "sql:1:8: ", rule("SELECT ! FROM 'a'", s3("bkt", "k")))
        bad(sql, "sql:2:1: ", rule("SELECT *\nFORM 'a'", s3("bkt", "k")))
        bad(sql, "sql:1:", rule("SELECT nosuch(1) FROM 'a'", s3("bkt", "k")))
        bad(invalid, "sql: missing", {"actions": []})
        bad(invalid, "actions: missing", {"sql": "SELECT * FROM 'a'"})
        bad(invalid, "awsIotSqlVersion", rule("SELECT * FROM 'a'", version="2017-01-01"))
        bad(invalid, "expected exactly one member", rule("SELECT * FROM 'a'", {**s3("bkt", "k"), **republish("t")}))
        bad(invalid, "expected exactly one member", rule("SELECT * FROM 'a'", {}))
        bad(invalid, "did you mean \"s3\"", rule("SELECT * FROM 'a'", {"S3": {}}))
        bad(invalid, "actions[0].s3.colour", rule("SELECT * FROM 'a'", s3("bkt", "k", colour="red")))
        bad(invalid, "actions[0].s3.bucketName: missing", rule("SELECT * FROM 'a'", {"s3": {"key": "k", "roleArn": ROLE}}))
        bad(invalid, "actions[0].s3.key", rule("SELECT * FROM 'a'", s3("bkt", "${nosuch(}")))
        bad(invalid, "at most 10 are allowed", rule("SELECT * FROM 'a'", *[s3("bkt", "k")] * 11))
        bad(invalid, "errorAction", rule("SELECT * FROM 'a'", error=[s3("bkt", "k")]))
        bad(invalid, "colour: there is no such member", rule("SELECT * FROM 'a'", colour="red"))
        bad(invalid, "at most 131072 are allowed", rule("SELECT * FROM 'a'", description="x" * 131072))
        create(iot, "empty", rule("SELECT * FROM 'a'"))
        create(iot, "large", rule("SELECT * FROM 'a'", description="x" * 130000))
        tap.equal(len(iot.get_topic_rule(ruleName="large")["rule"]["description"]), 130000, "the large one")
        refused(sql, 400, iot.replace_topic_rule, ruleName="empty", topicRulePayload=rule("SELECT FROM 'a'"))
        tap.equal(iot.get_topic_rule(ruleName="empty")["rule"]["sql"], "SELECT * FROM 'a'", "stays as it was")
        for call in (iot.get_topic_rule, iot.delete_topic_rule, iot.enable_topic_rule, iot.disable_topic_rule):
            refused("ResourceNotFoundException", 404, call, ruleName="nothing")
        refused("ResourceNotFoundException", 404, iot.replace_topic_rule, ruleName="nothing", topicRulePayload=payload())
        bare = raw(weir, "POST", "/rules/bare", {"sql": "SELECT * FROM 'a'", "actions": []})
        tap.equal(bare.status, 200, bare.text)
        got = raw(weir, "GET", "/rules/bare").json["rule"]
        del got["createdAt"]
        tap.equal(got, {"ruleName": "bare", "sql": "SELECT * FROM 'a'", "actions": [], "ruleDisabled": False,
                        "awsIotSqlVersion": "2015-10-08"}, "the API's default version; nothing is null")
        viewer = client(weir, access_key(weir, role="viewer"))
        viewer.get_topic_rule(ruleName="empty")
        refused("AccessDeniedException", 403, viewer.delete_topic_rule, ruleName="empty")


def test_unknown_rule():
    """admin.unknown_rule: unauthorized answers as AWS does"""
    with alone({**HERE, "admin": {"unknown_rule": "unauthorized"}}) as weir:
        iot = client(weir)
        for call in (iot.get_topic_rule, iot.delete_topic_rule, iot.enable_topic_rule, iot.disable_topic_rule):
            refused("UnauthorizedException", 401, call, ruleName="nothing")


def test_list():
    """Pages in the order of creation, the filters, tags from the header"""
    with alone(HERE) as weir:
        iot = client(weir)
        for i in range(12):
            create(iot, f"r{(i * 5) % 12}", payload(f"a/{i}/#" if i % 2 else "b/+", ruleDisabled=i % 3 == 0))
        rules, count = pages(iot.list_topic_rules, "rules", maxResults=5)
        tap.equal(([x["ruleName"] for x in rules], count), ([f"r{(i * 5) % 12}" for i in range(12)], 3), "in order")
        tap.equal({k: rules[1][k] for k in ("ruleArn", "topicPattern", "ruleDisabled")},
                  {"ruleArn": "arn:aws:iot:eu-west-1:123456789012:rule/r5", "topicPattern": "a/1/#",
                   "ruleDisabled": False}, "an item")
        tap.equal(len(iot.list_topic_rules()["rules"]), 12, "one page without being asked")

        def names(**filters):
            return [int(x["ruleName"][1:]) for x in iot.list_topic_rules(**filters)["rules"]]
        tap.equal(names(topic="b/x"), [(i * 5) % 12 for i in range(0, 12, 2)], "whose FROM matches")
        tap.equal(names(topic="a/3/x/y"), [3], "one")
        tap.equal(names(topic="c"), [], "none")
        tap.equal(names(ruleDisabled=True), [(i * 5) % 12 for i in range(0, 12, 3)], "disabled")
        tap.equal(names(ruleDisabled=False, topic="a/1/z"), [5], "both")
        for bad in ({"maxResults": 0}, {"maxResults": 10001}, {"nextToken": "AAAA"}):
            refused("InvalidRequestException", 400, iot.list_topic_rules, **bad)
        iot.create_topic_rule(ruleName="tagged", topicRulePayload=payload(), tags="team=field&x=a%20b")
        arn = iot.get_topic_rule(ruleName="tagged")["ruleArn"]
        tags = iot.list_tags_for_resource(resourceArn=arn)["tags"]
        tap.equal(sorted((t["Key"], t["Value"]) for t in tags), [("team", "field"), ("x", "a b")], "tags")
        iot.delete_topic_rule(ruleName="tagged")
        create(iot, "tagged", payload())
        tap.equal(iot.list_tags_for_resource(resourceArn=arn)["tags"], [], "a new one has none of them")


def test_files():
    """Rules of files beside the API's: shown, read-only, names are taken; SIGHUP keeps the API's"""
    with Broker() as broker, Weir(broker, {"filed": payload("f/+", "filed")}, HERE) as weir:
        key = access_key(weir)
        iot = client(weir, key)
        create(iot, "made", payload("f/+", "made"))
        tap.equal([x["ruleName"] for x in iot.list_topic_rules()["rules"]], ["filed", "made"], "both are listed")
        got = iot.get_topic_rule(ruleName="filed")
        tap.equal(got["rule"]["sql"], "SELECT * FROM 'f/+'", "shown")
        tap.equal(got["ruleArn"], "arn:aws:iot:eu-west-1:123456789012:rule/filed", "ARN")
        error = refused("ResourceAlreadyExistsException", 409, iot.create_topic_rule, ruleName="filed",
                        topicRulePayload=payload())
        tap.check("filed.json" in error["Error"]["Message"], error["Error"]["Message"])
        for call, more in ((iot.replace_topic_rule, {"topicRulePayload": payload()}), (iot.delete_topic_rule, {}),
                           (iot.enable_topic_rule, {}), (iot.disable_topic_rule, {})):
            error = refused("InvalidRequestException", 400, call, ruleName="filed", **more)
            tap.check("rules/filed.json" in error["Error"]["Message"] and "read-only" in error["Error"]["Message"],
                      error["Error"]["Message"])
        broker.publish("f/1", "{}")
        wait_object(weir, "1", "filed")
        wait_object(weir, "1", "made")
        there = client(weir, key, region="us-east-1")
        tap.equal(there.list_topic_rules()["rules"], [], "files belong to the region of weir.yaml")

        start = len(weir.process.err_lines)
        weir.write_rule("made", payload("f/+", "other"))
        weir.process.wait_line('is a rule made through the API already', start=start)
        weir.write_rule("more", payload("f/+", "more"))
        weir.reload()
        weir.wait_rules(3, refused=1)
        broker.publish("f/2", "{}")
        for bucket in ("filed", "made", "more"):
            wait_object(weir, "2", bucket)
        tap.equal(weir.objects("other"), {}, "the refused one does nothing")
        iot.delete_topic_rule(ruleName="made")
        weir.wait_rules(3, refused=0)
        broker.publish("f/3", "{}")
        wait_object(weir, "3", "other")
        tap.check("3" not in weir.objects("made"), "the file has the name now")


def test_swap():
    """Replaced, disabled and enabled while messages come: each by one version, none by two or none"""
    with Broker() as broker, Weir(broker, config=HERE) as weir:
        iot = client(weir)
        create(iot, "main", rule("SELECT n FROM 's/#'", s3("box", "v0/${n}")))
        create(iot, "watch", rule("SELECT n FROM 's/#'", s3("box", "all/${n}")))
        stream = Stream(broker, "s/t")
        versions = 12
        for n in range(1, versions):
            stream.reach(weir)
            iot.replace_topic_rule(ruleName="main", topicRulePayload=rule("SELECT n FROM 's/#'", s3("box", f"v{n}/" + "${n}")))
            stream.reach(weir)
            create(iot, f"beside{n}", rule("SELECT n FROM 'elsewhere/#'", s3("box", "never")))
        stream.reach(weir)
        iot.disable_topic_rule(ruleName="main")
        off = weir.totals()["messages"]
        stream.reach(weir)
        on = weir.totals()["messages"]
        iot.enable_topic_rule(ruleName="main")
        stream.reach(weir)
        count = stream.stop()
        weir.wait_settled(count)
        objects = weir.objects("box")
        tap.equal(numbers(objects, "all"), list(range(count)), "the other rule saw all")
        parts = [numbers(objects, f"v{n}") for n in range(versions)]
        tap.check(all(parts), f"every version had messages: {[len(p) for p in parts]}")
        seen = [n for p in parts for n in p]
        gap = [n for n in range(count) if n not in set(seen)]
        tap.equal(sorted(seen + gap), list(range(count)), "never by two")
        tap.equal(seen, sorted(seen), "never by an older one after a newer one")
        tap.equal(gap, list(range(gap[0], gap[-1] + 1)), "only while it was off, and then none")
        tap.check(gap[0] <= off and on <= gap[-1] + 1 + 30, f"off from {gap[0]} to {gap[-1]}, asked at {off} and {on}")


def test_conflict():
    """Two calls change a rule at once: one of them is told, and the rule is what the last one made it"""
    with alone(HERE) as weir:
        key = access_key(weir)
        create(client(weir, key), "r", payload())
        outcomes, told = [], threading.Event()
        end = time.monotonic() + support.TIMEOUT

        def change(n):
            iot = client(weir, key)
            for i in itertools.count():
                try:
                    iot.replace_topic_rule(ruleName="r", topicRulePayload=payload(description=f"{n}-{i}"))
                    outcomes.append(f"{n}-{i}")
                except iot.exceptions.ClientError as error:
                    outcomes.append(error.response["Error"]["Code"])
                    told.set()
                # Where the disk is quick two are seldom under way at once.
                if i >= 25 and (told.is_set() or time.monotonic() > end):
                    return
        threads = [threading.Thread(target=change, args=(n,)) for n in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        codes = {x for x in outcomes if "-" not in x}
        tap.equal(codes, {"ConflictingResourceUpdateException"}, "some were told")
        last = client(weir, key).get_topic_rule(ruleName="r")["rule"]["description"]
        tap.check(last in outcomes, f"{last} was acknowledged")
        weir.kill()
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        tap.equal(client(weir, key).get_topic_rule(ruleName="r")["rule"]["description"], last, "and is what was kept")


def test_regions():
    """Rules of all regions of a tenant see its messages; names say which is which"""
    with Broker() as broker, Weir(broker, config=HERE) as weir:
        key = access_key(weir)
        for region in ("eu-west-1", "us-east-1"):
            create(client(weir, key, region=region), "r",
                   rule("SELECT accountid() AS account FROM 'a/+'", s3(region, "${topic(2)}"), error=republish("e")))
        broker.publish("a/x", "{}")
        for region in ("eu-west-1", "us-east-1"):
            tap.equal(json.loads(wait_object(weir, "x", region)), {"account": "123456789012"}, region)
        tap.equal(sorted(weir.fresh_status()["rules"]), ["default/us-east-1/r", "r"], "names in the status")
        tap.equal(client(weir, key, region="us-east-1").get_topic_rule(ruleName="r")["ruleArn"],
                  "arn:aws:iot:us-east-1:123456789012:rule/r", "ARN")


def test_accounts():
    """admin.auto_tenants: a tenant's first call may create a rule; accountid() is the tenant's"""
    config = {**HERE, "admin": {"mode": "open", "auto_tenants": True}}
    with Broker() as broker, Weir(broker, config=config) as weir:
        for account in ("111122223333", "444455556666"):
            iot = client(weir, (account, "x"))
            made = rule("SELECT accountid() AS account FROM 'a/+'", s3(account, "${topic(2)}-${accountid()}"))
            create(iot, "r", made)
            error = refused("InvalidRequestException", 400, iot.create_topic_rule, ruleName="dollar",
                            topicRulePayload=payload("$aws/things/+/shadow/update"))
            tap.check("broker" in error["Error"]["Message"], error["Error"]["Message"])
        create(client(weir, ("x", "x")), "dollar", payload("$aws/things/+/shadow/update"))
        broker.publish("a/x", "{}")
        for account in ("111122223333", "444455556666"):
            tap.equal(json.loads(wait_object(weir, f"x-{account}", account)), {"account": account}, account)
        weir.kill()
        weir.start()
        broker.publish("a/y", "{}")
        for account in ("111122223333", "444455556666"):
            tap.equal(json.loads(wait_object(weir, f"y-{account}", account)), {"account": account}, "after kill -9")


def tenant(weir, name, **features):
    """A new one; its boto3 client."""
    answer = own(weir, "POST", "/weir/v1/tenants", {"name": name, "features": features})
    tap.equal(answer.status, 200, answer.text)
    tap.equal(put_feature(weir, name, "iot.enabled", True).status, 200, "enabled")
    wait_for(lambda: own(weir, "GET", f"/weir/v1/tenants/{name}").json["state"] == "ENABLED", f"{name} to be enabled")
    return client(weir, access_key(weir, name))


def put_feature(weir, name, feature, value):
    return own(weir, "PUT", f"/weir/v1/tenants/{name}/features/{feature}", {"value": value})


def test_prefix():
    """A tenant with a topic prefix: FROM and what republish publishes to lie below it"""
    with Broker() as broker, Weir(broker, config=HERE) as weir:
        acme = tenant(weir, "acme", **{"iot.topic_prefix": "acme/"})
        for topic in ("other/a", "acme", "acme/", "acmes/a", "+/a", "#", "$aws/things/+/shadow/update", "$SYS/#"):
            error = refused("InvalidRequestException", 400, acme.create_topic_rule, ruleName="r",
                            topicRulePayload=payload(topic))
            tap.check(f"FROM '{topic}'" in error["Error"]["Message"], error["Error"]["Message"])
        create(acme, "r", rule("SELECT * FROM 'acme/+/a'", republish("${topic(2)}/b"), republish("acme/${topic(2)}/b"),
                               error=s3("errors", "${topic(2)}")))
        create(acme, "got", payload("acme/+/b", "got"))
        refused("InvalidRequestException", 400, acme.replace_topic_rule, ruleName="got", topicRulePayload=payload("x/+/b"))
        create(client(weir), "spy", payload("#", "spy", "${replace(topic(), '/', '.')}"))
        broker.publish("acme/1/a", '{"n": 1}')
        wait_object(weir, "1", "got")
        failure = json.loads(wait_object(weir, "1", "errors"))
        tap.equal(failure["ruleName"], "r", "the rule's own name")
        tap.equal(len(failure["failures"]), 1, "one of the two")
        tap.check("1/b" in failure["failures"][0]["errorMessage"] and "acme/" in failure["failures"][0]["errorMessage"],
                  failure["failures"][0]["errorMessage"])
        for key in ("acme.1.a", "acme.1.b"):  # written side by side
            wait_object(weir, key, "spy")
        tap.equal(sorted(weir.objects("spy")), ["acme.1.a", "acme.1.b"], "nothing left the prefix")
        tap.check("acme/eu-west-1/r" in weir.fresh_status()["rules"], "whose it is in the status")

        tap.equal(put_feature(weir, "acme", "iot.topic_prefix", "else/").status, 200, "another prefix")
        weir.process.wait_line("the rule got of the API (tenant acme, eu-west-1) does not run: ")
        answer = raw(weir, "GET", "/rules/got", headers={"X-Weir-Tenant": "acme"})
        tap.check("does not run" in answer.headers["x-weir-warning"], "said by Get")
        broker.publish("acme/2/b", "{}")
        wait_object(weir, "acme.2.b", "spy")
        tap.equal(sorted(weir.objects("got")), ["1"], "it does not run")
        tap.equal(put_feature(weir, "acme", "iot.topic_prefix", "acme/").status, 200, "back")
        wait_for(lambda: (broker.publish("acme/3/b", "{}"), weir.objects("got").get("3"))[1], "it to run again")


def test_tenant_life():
    """Rules of a tenant that is not enabled do not run; quota and enforced names; a reset empties"""
    # Somebody else's rule wants the messages all the time: without one weir unsubscribes, and they do not come at all.
    with Broker() as broker, Weir(broker, {"witness": payload("acme/+", "seen")}, {**HERE, "admin": {"test": True}}) as weir:
        acme = tenant(weir, "acme", **{"iot.quota.rules": 2, "iot.rule_prefix": "acme_"})
        create(acme, "acme_a", payload("acme/+", "acme"))
        create(acme, "b", payload("acme/+", "acme"))
        refused("LimitExceededException", 410, acme.create_topic_rule, ruleName="c", topicRulePayload=payload("acme/+"))
        acme.delete_topic_rule(ruleName="b")
        tap.equal(put_feature(weir, "acme", "iot.enforce_prefix", True).status, 200, "enforced")
        error = refused("InvalidRequestException", 400, acme.create_topic_rule, ruleName="c", topicRulePayload=payload("acme/+"))
        tap.check("acme_" in error["Error"]["Message"], error["Error"]["Message"])
        tap.equal(own(weir, "PUT", "/weir/v1/tenants/acme/features/iot.enabled", {"value": False}).status, 200, "off")
        wait_for(lambda: weir.totals()["rulesLoaded"] == 1, "its rule to rest")
        broker.publish("acme/1", "{}")
        weir.kill()
        weir.start()
        broker.publish("acme/2", "{}")
        wait_object(weir, "1", "seen"), wait_object(weir, "2", "seen")
        weir.wait_settled(1)
        tap.equal(weir.objects("acme"), {}, "nothing")
        put_feature(weir, "acme", "iot.enabled", True)
        wait_for(lambda: weir.totals()["rulesLoaded"] == 2, "its rule to run")
        broker.publish("acme/3", "{}")
        wait_object(weir, "3", "acme")
        tap.equal(own(weir, "POST", "/weir/v1/tenants/acme/reset").status, 200, "reset")
        wait_for(lambda: weir.totals()["rulesLoaded"] == 1, "its rule to be gone")


def test_two_brokers():
    """A tenant with a broker of its own: its messages meet its rules, and nobody else's"""
    with Broker() as shared, Broker() as theirs:
        config = {**HERE, "brokers": {"acme": {"url": theirs.url, "client_id": "acme-weir"}}}
        with Weir(shared, {"filed": payload("#", "filed", "${replace(topic(), '/', '.')}")}, config) as weir:
            acme = tenant(weir, "acme", **{"iot.broker": "acme"})
            create(acme, "all", payload("#", "acme", "${replace(topic(), '/', '.')}"))
            create(acme, "shadow", payload("$aws/things/+/shadow/update", "shadow", "${topic(3)}"))
            create(acme, "filed", payload("never", "ingest", "${topic()}"))
            create(acme, "answer", rule("SELECT * FROM 'ask/+'", republish("answered/${topic(2)}")))
            weir.process.wait_line("brokers.acme: connected as 'acme-weir-source'")
            wait_for(lambda: (theirs.publish("up", "{}"), "up" in weir.objects("acme"))[1], "the subscription")
            shared.publish("a/1", "{}")
            theirs.publish("b/2", "{}")
            theirs.publish("ask/3", "{}")
            theirs.publish("$aws/things/lamp/shadow/update", "{}")
            theirs.publish("$aws/rules/filed/x", "{}")
            for key in ("b.2", "answered.3"):
                wait_object(weir, key, "acme")
            wait_object(weir, "lamp", "shadow")
            wait_object(weir, "x", "ingest")
            wait_object(weir, "a.1", "filed")
            tap.equal(sorted(weir.objects("filed")), ["a.1"], "the default tenant's rule")
            tap.equal(sorted(weir.objects("acme")), ["answered.3", "ask.3", "b.2", "up"], "the other's")
            weir.kill()
            theirs.publish("b/4", "{}")  # kept by its session
            weir.start()
            wait_object(weir, "b.4", "acme")
            other = tenant(weir, "other", **{"iot.broker": "acme"})
            error = refused("InvalidRequestException", 400, other.create_topic_rule, ruleName="r",
                            topicRulePayload=payload())
            tap.check("belongs to one tenant" in error["Error"]["Message"], error["Error"]["Message"])
            lost = tenant(weir, "lost", **{"iot.broker": "nosuch"})
            error = refused("InvalidRequestException", 400, lost.create_topic_rule, ruleName="r", topicRulePayload=payload())
            tap.check("brokers.nosuch" in error["Error"]["Message"], error["Error"]["Message"])


def test_kill():
    """kill -9 while clients create rules: every acknowledged one is there and runs, the rest absent"""
    with Broker() as broker, Weir(broker, config=HERE) as weir:
        key = access_key(weir)
        acknowledged, tried = [], []

        def write(n):
            iot = client(weir, key)
            for i in range(10000):
                tried.append(f"w{n}_{i}")
                try:
                    create(iot, f"w{n}_{i}", payload(f"k/{n}/{i}", "kill", f"{n}-{i}"))
                except Exception:
                    return
                acknowledged.append(f"w{n}_{i}")
        threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for t in threads:
            t.start()
        wait_for(lambda: len(acknowledged) > 150, "some rules")
        weir.kill()
        for t in threads:
            t.join()
        weir.start()
        there = {x["ruleName"] for x in client(weir, key).list_topic_rules()["rules"]}
        tap.equal([x for x in acknowledged if x not in there], [], "lost")
        tap.equal([x for x in there if x not in tried], [], "from nowhere")
        last = acknowledged[-1][1:].replace("_", "/")
        broker.publish("k/" + last, "{}")
        wait_object(weir, last.replace("/", "-"), "kill")


def test_many():
    """Thousands of rules in the registry are there soon after the start, and one more soon too"""
    count = 2000
    with Broker() as broker, Weir(broker, config=HERE) as weir:
        key = access_key(weir)
        create(client(weir, key), "first", payload())
        weir.stop()
        db = sqlite3.connect(os.path.join(weir.state_dir, "registry.db"))
        realm, = db.execute("SELECT realm FROM rules").fetchone()
        db.executemany("INSERT INTO rules(realm, name, payload, disabled, version, created) VALUES(?,?,?,0,1,0)",
                       [(realm, f"m{i}", json.dumps(payload(f"many/{i}/+", "many", f"{i}"))) for i in range(count)])
        db.commit()
        db.close()
        weir.start()
        line = weir.process.wait_line(f"rules of the API: {count + 1}, read in ")
        took = int(line.split("read in ")[1].split()[0])
        tap.check(took < 5000, f"compiled in {took} ms")
        iot = client(weir, key)
        tap.equal(len(iot.list_topic_rules()["rules"]), count + 1, "one page")
        began = time.monotonic()
        create(iot, "last", payload("last/+", "many", "last"))
        print(f"# {count} rules: compiled in {took} ms; one more in {(time.monotonic() - began) * 1000:.0f} ms")
        broker.publish(f"many/{count - 1}/x", "{}")
        broker.publish("last/x", "{}")
        wait_object(weir, f"{count - 1}", "many")
        wait_object(weir, "last", "many")


if __name__ == "__main__":
    support.main(globals())
