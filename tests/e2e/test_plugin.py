#!/usr/bin/env python3
"""weir-mosquitto.so in a real mosquitto: who may connect and do what (control-plane.md 7; the plugin's rows of its
measured table). usage: test_plugin.py PLUGIN STATUS_TOOL [test_...]"""
import json
import os
import sys
import time

import support
from plugin import ALL, Certificate, Events, PluginBroker, allow, arn
from support import tap, wait_for, write_file

PLUGIN, TOOL = sys.argv[1:3]


def broker(**options):
    b = PluginBroker(PLUGIN, TOOL, **options)
    b.tenant("acme")
    return b


def test_only_registered():
    """A certificate gets in when it is registered and ACTIVE, by MQTT 5 and 3.1.1; BASIC_AUTH comes without a username"""
    with broker() as b:
        good = b.certificate("good")
        unknown = Certificate(b.folder, "unknown", b.ca)
        tap.check(not b.connects(good, "c1"), "no table: nobody gets in")
        b.process.wait_line("c1 from 127.0.0.1 is refused")
        b.write_table()
        for version in (5, 311):
            tap.check(b.connects(good, "c1", version=version), f"registered, {version}")
            tap.check(not b.connects(unknown, "c1", version=version), f"not registered, {version}")
        b.events.wait("refused", certificate=unknown.id, why="its certificate is not registered")
        e = b.events.wait("connect", client="c1", certificate=good.id)
        tap.equal((e["tenant"], e["address"], e["protocol"]), ("acme", "127.0.0.1", 5), "what weir is told")
        b.events.wait("disconnect", client="c1", certificate=good.id, dropped=False)
        # A name that it gives itself says nothing: the plugin's own replaces it.
        tap.check(b.connects(good, "c1", options=("-u", "weir", "-P", "secret")), "a name beside the certificate")
        b.process.wait_line(f"u'acme/{good.id}'")
        # A certificate that no CA of the listener signed fails in the handshake.
        other = Certificate(b.folder, "other", support.make_ca(b.folder, "foreign"))
        b.rows[other.id] = other.row()
        b.write_table()
        tap.check(not b.connects(other, "c2"), "a CA that is not in capath")
        # A new CA in capath is taken without a signal.
        ca = support.make_ca(b.folder, "second")
        b.add_ca(ca)
        second = b.certificate("of-second", ca=ca)
        b.write_table()
        tap.check(b.connects(second, "c3"), "a CA added to capath")


def test_without_certificate():
    """Without a certificate only named accounts get in, from this machine, with their password"""
    with broker() as b:
        b.write_table()
        sub = b.subscriber("any/#")
        b.publish("any/topic", "from weir")
        wait_for(lambda: sub.lines, "weir's own message")
        for options, what in ((["-u", "weir", "-P", "wrong"], "a wrong password"), (["-u", "weir"], "no password"), ([], "no name"),
                              (["-u", "other", "-P", "secret"], "another name")):
            code, _, err = support.run(["mosquitto_pub", "-h", support.HOST, "-p", b.port, "-t", "any/x", "-m", "x", *options])
            tap.check(code != 0 and "authori" in err, f"{what}: {code} {err}")
        code, said = b.device_pub(None, "c1", "any/x")
        tap.check(code != 0, "no certificate at the TLS listener: " + said)
        tap.equal(len(sub.lines), 1, "messages")


def test_status():
    """INACTIVE drops a live session within a second and bars it; ACTIVE again lets it in; REVOKED, tenant off, removed too"""
    with broker() as b:
        c, other = b.certificate("c"), b.certificate("other")
        b.write_table()
        stays = b.device_sub(other, "other", "a/#")
        steps = [("INACTIVE", {"status": "INACTIVE"}), ("REVOKED", {"status": "REVOKED"}), ("tenant off", None), ("removed", ()),
                 ("PENDING_TRANSFER", {"status": "PENDING_TRANSFER"})]
        quick = []
        for name, change in steps:
            good = dict(b.rows[c.id])
            live = b.device_sub(c, "live", "a/#")
            start = len(b.events.seen)
            began = time.monotonic()
            if change is None:
                b.tenant("acme", enabled=False)
            elif change == ():
                del b.rows[c.id]
            else:
                b.rows[c.id].update(change)
            b.write_table()
            b.events.wait("disconnect", start=start, client="live", dropped=True)
            took = time.monotonic() - began
            tap.note(f"{name}: dropped {took * 1000:.0f} ms after the table was begun")
            quick.append(took)
            tap.check(not b.connects(c, "live"), f"{name}: not again")
            if change is None:
                wait_for(lambda: not stays.alive(), "the tenant's other device to be dropped too")
                b.tenant("acme")
                b.rows[c.id] = good
                b.write_table()
                stays = b.device_sub(other, "other", "a/#")
            b.rows[c.id] = good
            b.write_table()
            tap.check(b.connects(c, "live"), f"{name}: active again")
            live.stop()
        # What can be quick is quick; a busy machine may keep one of them waiting.
        tap.check(sorted(quick)[1] < 1 and max(quick) < 20, f"dropped after {quick} s")
        b.publish("a/b", "still here")
        wait_for(lambda: stays.lines, "the other device's message")
        # Only before its own end.
        b.rows[c.id]["notAfter"] = int(time.time()) - 1
        b.write_table()
        tap.check(not b.connects(c, "late"), "after its end")
        b.events.wait("refused", client="late", why="its certificate has expired")


def test_drops_without_will():
    """A device that is dropped leaves no Will; one that goes by itself does"""
    with broker() as b:
        c = b.certificate("c")
        b.write_table()
        sub = b.subscriber("will/#")
        options = ("-F", "%t", "--will-topic", "will/c", "--will-payload", "gone")
        live = b.device_sub(c, "live", "a/#", options=options)
        b.rows[c.id]["status"] = "INACTIVE"
        b.write_table()
        b.events.wait("disconnect", client="live", dropped=True)
        b.publish("will/marker", "x")
        wait_for(lambda: sub.lines, "the marker")
        tap.equal([json.loads(x)["topic"] for x in sub.lines], ["will/marker"], "no Will")
        live.stop()
        b.rows[c.id]["status"] = "ACTIVE"
        b.write_table()
        live = b.device_sub(c, "live", "a/#", options=options)
        live.kill()
        wait_for(lambda: len(sub.lines) == 2, "the Will")


def test_table_damaged():
    """A damaged table: the last good one for its time, then nobody new; a missing file: nobody new at once; mended: all again"""
    with broker(options="plugin_opt_damaged_grace 2") as b:
        c = b.certificate("c")
        b.write_table()
        good = open(b.status_file, "rb").read()
        live = b.device_sub(c, "live", "a/#")
        # Written in place, while it is in use.
        with open(b.status_file, "r+b") as f:
            f.seek(len(good) // 2)
            f.write(bytes([good[len(good) // 2] ^ 1]))
        b.process.wait_line("the status table is not usable")
        began = time.monotonic()
        tap.check(b.connects(c, "grace"), "the last good one serves")
        wait_for(lambda: not b.connects(c, "grace"), "the end of the grace", every=0.1)
        tap.check(1.5 < time.monotonic() - began < 30, f"after {time.monotonic() - began:.1f} s")
        tap.check(live.alive(), "who is in stays in")
        b.publish("a/b", "1")
        wait_for(lambda: live.lines, "its messages come")
        for name, content in (("empty", b""), ("half", good[:len(good) // 2]), ("another file", b"\0" * 5000), ("longer", good + b"x")):
            write_file(b.status_file, content)
            time.sleep(0.25)
            tap.check(not b.connects(c, "x"), name)
        os.unlink(b.status_file)
        tap.check(not b.connects(c, "x"), "missing")
        b.write_table()
        tap.check(b.connects(c, "x"), "mended")
        os.unlink(b.status_file)
        tap.check(not b.connects(c, "x"), "missing: no grace")
        tap.check(live.alive(), "who is in stays in")
        b.restart()
        tap.check(not b.connects(c, "x"), "started without a table")
        b.write_table()
        tap.check(b.connects(c, "x"), "and then there is one")


def test_policies():
    """iot:Connect, Publish, RetainPublish, Subscribe, Receive: allow, deny, wildcards, by MQTT 5 and 3.1.1"""
    with broker() as b:
        none = b.certificate("none", policies=())
        deny = b.certificate("deny", policies=(ALL, allow(("iot:Connect", arn("client/bad*")), effect="Deny")))
        c = b.certificate("c", policies=(allow(
            ("iot:Connect", arn("client/c?")), ("iot:Publish", [arn("topic/up/*"), arn("topic/one")]), ("iot:RetainPublish", arn("topic/up/keep")),
            ("iot:Subscribe", [arn("topicfilter/down/+"), arn("topicfilter/exact"), arn("topicfilter/mute/#")]),
            ("iot:Receive", [arn("topic/down/*"), arn("topic/exact")])),
            allow(("iot:Publish", arn("topic/up/no")), effect="Deny")))
        elsewhere = b.certificate("elsewhere", policies=(allow(("iot:*", arn("*", account="000000000009"))),))
        b.write_table()
        tap.check(not b.connects(none, "x"), "no policy")
        tap.check(not b.connects(elsewhere, "x"), "a policy of another account")
        tap.check(b.connects(deny, "good") and not b.connects(deny, "bad1"), "a Deny")
        tap.check(b.connects(c, "c1") and not b.connects(c, "c12"), "a client id that is not allowed")
        sub = b.subscriber("#")
        for version in (5, 311):
            for topic, retain in (("up/a", False), ("up/a/b", False), ("one", False), ("one/x", False), ("other", False), ("up/no", False),
                                  ("up/keep", True), ("up/lost", True)):
                b.device_pub(c, "c1", topic, payload=f"{version}{'r' if retain else ''}", version=version, options=("-r",) if retain else ())
            b.publish("done", str(version))
            wait_for(lambda: any(m["topic"] == "done" and str(m["payload"]) == str(version) for m in b.messages(sub)), "the end")
            got = [m["topic"] for m in b.messages(sub) if str(m["payload"]).startswith(str(version))]
            tap.equal(got, ["up/a", "up/a/b", "one", "up/keep", "done"], f"what was published by {version}")
        for version in (5, 311):
            tap.equal(b.receives(c, "c2", "down/x", "down/x", version), None, "a filter that is not allowed as such")
            tap.equal(b.receives(c, "c2", "exact", "exact", version), True, "allowed")
            tap.equal(b.receives(c, "c2", "mute/#", "mute/x", version), False, "subscribed, and not received")
        wild = b.device_sub(c, "c3", "down/+")
        b.publish("down/x", "1")
        wait_for(lambda: wild.lines == ["down/x 1"], "a wildcard subscription")
        # Taking iot:Receive away works on a standing subscription.
        b.rows[c.id]["policies"].append(allow(("iot:Receive", "*"), effect="Deny"))
        b.write_table()
        b.publish("down/x", "2")
        b.rows[c.id]["policies"].pop()
        b.write_table()
        b.publish("down/x", "3")
        wait_for(lambda: len(wild.lines) == 2, "the message after")
        tap.equal(wild.lines, ["down/x 1", "down/x 3"], "iot:Receive")


def test_tenants():
    """Two tenants on one broker: each below its prefix, whatever its policies say; a client id is not taken from the other"""
    with broker() as b:
        b.tenant("acme", prefix="acme/")
        b.tenant("acme-two", account="000000000002", prefix="acme-two")
        one, two = b.certificate("one"), b.certificate("two", tenant="acme-two")
        b.write_table()
        sub = b.subscriber("#")
        for c, name in ((one, "one"), (two, "two")):
            for topic in ("acme/x", "acme-two/x", "acme", "acme-twofold/x", "free", "$aws/rules/r/x"):
                b.device_pub(c, name, topic, payload=name)
        b.publish("done", "x")
        wait_for(lambda: any(m["topic"] == "done" for m in b.messages(sub)), "the end")
        tap.equal([(m["payload"], m["topic"]) for m in b.messages(sub)][:-1],
                  [("one", "acme/x"), ("one", "acme"), ("two", "acme-two/x")], "what came through")
        for f, want in (("acme/#", True), ("acme/+", True), ("acme-two/#", None), ("#", None), ("+/x", None), ("$share/g/acme/#", True),
                        ("$share/g/acme-two/#", None), ("$SYS/#", None)):
            live = b.device_sub(one, "one", f)
            b.publish("acme/x", "1")
            if want:
                wait_for(lambda: live.lines == ["acme/x 1"], f"a message by {f}")
            else:
                wait_for(lambda: "denied" in live.stderr or "not authori" in live.stderr.lower() or not live.alive(), f"the refusal of {f}")
            live.stop()
        # A tenant without a prefix has the rest.
        b.tenant("free", account="000000000003")
        three = b.certificate("three", tenant="free")
        b.write_table()
        start = len(sub.lines)
        for topic in ("acme/x", "acme-two/x", "acme", "acme-twofold/x", "elsewhere"):
            b.device_pub(three, "three", topic, payload="three")
        live = b.device_sub(three, "three", "#", "+/x")
        b.publish("acme/x", "secret")
        b.publish("elsewhere/x", "open")
        wait_for(lambda: "elsewhere/x open" in live.lines, "a message")
        tap.equal(sorted(set(live.lines)), ["elsewhere/x open"], "by a filter with wildcards nothing of the others")
        tap.equal([m["topic"] for m in b.messages(sub)[start:] if m["payload"] == "three"], ["acme-twofold/x", "elsewhere"], "what it may publish")
        live.stop()
        live = b.device_sub(three, "three", "acme/#")
        wait_for(lambda: "denied" in live.stderr or "not authori" in live.stderr.lower() or not live.alive(), "the refusal")
        live.stop()
        # The same client id: the one who is there stays.
        live = b.device_sub(one, "shared", "acme/#")
        tap.check(not b.connects(two, "shared"), "another tenant's client id")
        b.events.wait("refused", client="shared", why="a client of another tenant is connected with this client id")
        tap.check(live.alive(), "it is still there")
        live.stop()
        tap.check(b.connects(two, "shared"), "when it is free")
        # A session that waits for its device is not taken over either.
        for version, keep in ((5, ("-c", "-x", "3600")), (311, ("-c",))):
            client = f"away-{version}"
            start = len(b.events.seen)
            b.device_sub(one, client, "acme/#", version=version, options=("-F", "%t", *keep)).stop()
            b.events.wait("disconnect", start=start, client=client)
            tap.check(not b.connects(two, client), f"a session of another tenant, {version}")
            b.events.wait("refused", start=start, client=client, why="a device of another tenant has a session with this client id")
            tap.check(b.connects(one, client, version=version), "its own device")  # with a clean session
            tap.check(b.connects(two, client), "free again")
        # A certificate that goes to another tenant is dropped, and is its device then.
        live = b.device_sub(one, "moved", "acme/#")
        b.rows[one.id]["tenant"] = "acme-two"
        b.write_table()
        b.events.wait("disconnect", client="moved", dropped=True)
        live.stop()
        live = b.device_sub(one, "moved", "acme-two/#")
        b.publish("acme-two/y", "2")
        wait_for(lambda: live.lines == ["acme-two/y 2"], "a message of its new tenant")


def test_variables():
    """Policy variables: client id, thing (exclusive, or of the client's name), type, attributes, address, certificate"""
    with broker() as b:
        policy = allow(
            ("iot:Connect", "*"),
            ("iot:Publish", [arn("topic/id/${iot:ClientId}"), arn("topic/thing/${iot:Connection.Thing.ThingName}"),
                             arn("topic/type/${iot:Connection.Thing.ThingTypeName}"), arn("topic/site/${iot:Connection.Thing.Attributes[site]}"),
                             arn("topic/cn/${iot:Certificate.Subject.CommonName}"), arn("topic/ou/${iot:Certificate.Subject.OrganizationalUnit.1}"),
                             arn("topic/issuer/${iot:Certificate.Issuer.CommonName}"), arn("topic/ip/${aws:SourceIp}"),
                             arn("topic/attached/${iot:Connection.Thing.IsAttached}")]),
            ("iot:Subscribe", arn("topicfilter/own/${iot:ClientId}/#")), ("iot:Receive", "*"))
        subject = "/O=Works/OU=red/OU=green/CN=pump seven"
        thing = {"name": "pump-1", "type": "pump", "attributes": {"site": "hall-3"}}
        c = b.certificate("c", subject=subject, policies=(policy,), things=[thing, {"name": "pump-2", "type": "", "attributes": {}}])
        alone = b.certificate("alone", policies=(policy,), things=[{"name": "press", "type": "press", "exclusive": True, "attributes": {"site": "yard"}}])
        bound = b.certificate("bound", policies=(allow(("iot:*", "*"), Condition={"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}),),
                              things=[thing])
        b.write_table()
        sub = b.subscriber("#")

        def published(certificate, client, topics, version=5):
            start = len(sub.lines)
            for t in topics:
                b.device_pub(certificate, client, t, version=version)
            b.publish("done", "x")
            wait_for(lambda: any(json.loads(m)["topic"] == "done" for m in sub.lines[start:]), "the end")
            return [json.loads(m)["topic"] for m in sub.lines[start:]][:-1]
        topics = ["id/pump-1", "id/other", "thing/pump-1", "thing/pump-2", "type/pump", "site/hall-3", "site/yard", "cn/pump seven", "ou/green",
                  "ou/red", "issuer/test tenants", "ip/127.0.0.1", "attached/true", "attached/false", "thing/press", "site/yard"]
        for version in (5, 311):
            tap.equal(published(c, "pump-1", topics, version),
                      ["id/pump-1", "thing/pump-1", "type/pump", "site/hall-3", "cn/pump seven", "ou/green", "issuer/test tenants", "ip/127.0.0.1",
                       "attached/true"], f"the thing of the client's name, {version}")
        tap.equal(published(c, "other", topics), ["id/other", "cn/pump seven", "ou/green", "issuer/test tenants", "ip/127.0.0.1", "attached/false"],
                  "a client id that is no thing of the certificate")
        tap.equal(published(alone, "anything", ["id/anything", "thing/press", "site/yard", "thing/anything", "type/press"]),
                  ["id/anything", "thing/press", "site/yard", "type/press"], "a thing of its own, whatever the client id")
        tap.check(b.connects(bound, "pump-1") and not b.connects(bound, "pump-2"), "the condition IsAttached")
        # A client id with a wildcard grants no more than it says.
        tap.equal(b.receives(c, "dev", "own/dev/#", "own/dev/x"), True, "own topics")
        live = b.device_sub(c, "+", "own/+/#")
        wait_for(lambda: "denied" in live.stderr or "not authori" in live.stderr.lower(), "the refusal of a wildcard by client id")
        live.stop()
        # What changes in the registry holds for who is connected.
        live = b.device_sub(c, "dev", "own/dev/#")
        thing["attributes"]["site"] = "yard"
        b.write_table()
        tap.equal(published(c, "pump-1", ["site/hall-3", "site/yard"]), ["site/yard"], "an attribute that changed")


def test_origin():
    """Who published comes with a MAC; what a client sets itself under weir-… is taken away, also by 3.1.1; a Will is not touched"""
    with broker() as b:
        c = b.certificate("c")
        b.write_table()
        sub = b.subscriber("o/#", options=("-F", "%t|%p|%P|%C|%D|%R"))
        forged = ("-D", "PUBLISH", "user-property", "weir-origin", "1 1 00 acme/x 1.2.3.4 forged")
        more = ("-D", "PUBLISH", "user-property", "weir-hops", "99", "-D", "PUBLISH", "user-property", "mine", "yes",
                "-D", "PUBLISH", "content-type", "text/x", "-D", "PUBLISH", "response-topic", "o/answer", "-D", "PUBLISH", "correlation-data", "abc")
        b.device_pub(c, "dev 1", "o/a", "p1", options=(*forged, *more, *forged))
        b.device_pub(c, "dev 1", "o/b", "p2", version=311)
        b.publish("o/c", "p3", properties=[("user-property", "weir-hops", "3")])
        wait_for(lambda: len(sub.lines) == 3, "three messages")
        a, second, own = [x.split("|") for x in sub.lines]
        tap.check(a[2].startswith("mine:yes weir-origin:1 ") and a[2].endswith(f" acme/{c.id} 127.0.0.1 dev 1"), f"properties: {a[2]}")
        tap.equal(a[3:], ["text/x", "abc", "o/answer"], "the other properties")
        tap.check("forged" not in a[2] and "weir-hops" not in a[2], f"nothing of what the client said: {a[2]}")
        tap.check(second[2].endswith(f" acme/{c.id} 127.0.0.1 dev 1"), f"a publisher of 3.1.1: {second[2]}")
        tap.check("weir-hops:3" in own[2] and " weir 127.0.0.1 " in own[2], f"weir's own: {own[2]}")
        live = b.device_sub(c, "dev 2", "x/#", options=("-F", "%t", "--will-topic", "o/will", "--will-payload", "w",
                                                         "-D", "WILL", "user-property", "weir-origin", "forged"))
        live.kill()
        wait_for(lambda: len(sub.lines) == 4, "the Will")
        tap.equal(sub.lines[3].split("|")[:3], ["o/will", "w", "weir-origin:forged"], "a Will does not pass the plugin: weir must check")


def test_will_policies():
    """A Will is published only where the device may publish; also with variables of its certificate"""
    with broker() as b:
        b.tenant("acme", prefix="acme")
        c = b.certificate("c", policies=(allow(("iot:Connect", "*"), ("iot:Subscribe", "*"), ("iot:Receive", "*"),
                                               ("iot:Publish", arn("topic/acme/${iot:Certificate.Subject.CommonName}/*"))),))
        b.write_table()
        sub = b.subscriber("#")
        for topic in ("acme/other/will", "elsewhere/will", "acme/c/will"):
            live = b.device_sub(c, "c", "acme/#", options=("-F", "%t", "--will-topic", topic, "--will-payload", "w"))
            start = len(b.events.seen)
            live.kill()
            b.events.wait("disconnect", start=start, client="c", dropped=False)
        wait_for(lambda: sub.lines, "the allowed Will")
        tap.equal([m["topic"] for m in b.messages(sub)], ["acme/c/will"], "Wills")


def test_queued():
    """What waits for a device that is away is checked when it comes; a restart of the broker changes nothing"""
    with broker() as b:
        c = b.certificate("c")
        b.write_table()
        options = ("-F", "%t %p", "-c", "-x", "3600")
        live = b.device_sub(c, "away", "q/#", options=options)
        live.stop()
        b.events.wait("disconnect", client="away")
        b.publish("q/1", "one")
        b.restart()
        b.events.wait("table", start=len(b.events.seen) - 1)
        b.publish("q/2", "two")
        b.rows[c.id]["policies"] = [ALL, allow(("iot:Receive", arn("topic/q/1")), effect="Deny")]
        b.write_table()
        b.publish("q/3", "three")
        live = b.device_sub(c, "away", "q/#", options=options)
        wait_for(lambda: len(live.lines) == 2, lambda: f"two messages: {live.lines}")
        tap.equal(live.lines, ["q/2 two", "q/3 three"], "what is allowed now")


def test_reload():
    """SIGHUP: the broker asks about its clients again; nobody is lost, also while there is no table"""
    with broker() as b:
        c = b.certificate("c")
        b.write_table()
        live = b.device_sub(c, "live", "a/#")
        start = len(b.process.err_lines)
        b.process.signal(1)
        b.process.wait_line("Reloading config", start=start)
        b.publish("a/b", "1")
        wait_for(lambda: live.lines == ["a/b 1"], "a message")
        os.unlink(b.status_file)
        b.process.signal(1)
        b.process.wait_line("is not there")
        tap.check(not b.connects(c, "x"), "nobody new")
        b.publish("a/b", "2")
        wait_for(lambda: live.lines == ["a/b 1", "a/b 2"], "a message")


def test_bypass():
    """A broker that would pass by the plugin does not start; started all the same, its devices may do nothing"""
    for first, name in (("", "use_identity_as_username true"), ("per_listener_settings true", "use_identity_as_username false")):
        b = broker(identity=name, start=False)
        b.write_table(wait=False)
        path = b._write_config(support.free_port())
        write_file(path, first + "\n" + support.read_file(path))
        p = support.Process([support.find_mosquitto(), "-c", path], name="mosquitto")
        tap.check(p.wait() != 0, "it does not start")
        tap.check(any((first or name) in x and "mosquitto.conf:" in x and "set it to" in x for x in p.err_lines), f"and says why: {p.stderr}")
    # A configuration that can be read only once: the plugin sees it when the first of them does something.
    b = broker(identity="use_identity_as_username true", start=False)
    c = b.certificate("c")
    evil = b.certificate("evil", subject="/CN=weir")  # the broker takes it for weir's account
    b.write_table(wait=False)
    text = support.read_file(b._write_config(b.port or support.free_port()))
    b.port = int(text.split()[1])
    fifo = os.path.join(b.folder, "fifo")
    os.mkfifo(fifo)
    b.process = support.Process([support.find_mosquitto(), "-c", fifo], name="mosquitto")
    with open(fifo, "w", encoding="ascii") as f:
        f.write(text)
    wait_for(lambda: support.can_connect(b.tls_port), "mosquitto to listen")
    sub = b.subscriber("#")
    for device in (c, evil):
        b.device_pub(device, "dev", "a/b")
        live = b.device_sub(device, "dev", "a/#")
        wait_for(lambda: "denied" in live.stderr or "not authori" in live.stderr.lower(), "the refusal")
        live.stop()
    b.publish("done", "x")
    wait_for(lambda: sub.lines, "the end")
    tap.equal([m["topic"] for m in b.messages(sub)], ["done"], "nothing came through")
    b.process.wait_line("use_identity_as_username and use_subject_as_username must be false")


def test_events():
    """Events that nobody takes are counted; the table in force is told again until somebody listens"""
    with broker() as b:
        c = b.certificate("c")
        b.write_table()
        b.events.socket.close()
        os.unlink(b.socket_path)
        b.write_table(wait=False)
        wait_for(lambda: b.connects(c, "dev"), "a connection that nobody hears of")
        b.events = Events(b.socket_path)
        b.events.wait("table", generation=b.generation)
        lost = b.events.seen[0].get("lost", 0)
        tap.check(lost >= 1, f"lost: {b.events.seen[0]}")
        tap.check(b.connects(c, "dev"), "another")
        e = b.events.wait("connect", client="dev")
        tap.check("lost" not in e, f"none lost since: {e}")


def test_options():
    """Options that are wrong: the broker does not start and names them"""
    key = write_file(os.path.join(support.temp_dir(), "open.key"), b"x" * 32, 0o644)
    short = write_file(os.path.join(support.temp_dir(), "short.key"), b"x" * 31, 0o600)
    for options, want in (("plugin_opt_statusfile x", "plugin_opt_statusfile is no option"), ("plugin_opt_damaged_grace 61", "expected 0 to 60"),
                          ("plugin_opt_status_file x", "stands twice"), ("plugin_opt_allow_user a/b", "no name without"),
                          (f"plugin_opt_mac_key_file {key}", "everybody may read"), (f"plugin_opt_mac_key_file {short}", "has 31 bytes"),
                          ("plugin_opt_mac_key_file /none", "/none")):
        b = PluginBroker(PLUGIN, TOOL, options=options, key=False, start=False)
        p = support.Process([support.find_mosquitto(), "-c", b._write_config(support.free_port())], name="mosquitto")
        tap.check(p.wait() != 0, f"{options}: it does not start")
        tap.check(any(want in x for x in p.err_lines), f"{options}: {p.stderr}")


def test_manual():
    """The mosquitto.conf of the manual works as it stands there, other paths and ports apart"""
    text = support.read_file(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/broker-plugin.md"))
    config = text.split("## mosquitto.conf", 1)[1].split("```")[1]
    b = broker(start=False)
    c = b.certificate("c")
    b.write_table(wait=False)
    b.port = support.free_port()
    paths = {"/etc/mosquitto/weir.passwd": "passwords", "/var/lib/weir/broker/status": "status", "/var/lib/weir/broker/events.sock": "events.sock",
             "/etc/weir/mac.key": "mac.key", "/etc/mosquitto/certs/server.crt": "server.crt", "/etc/mosquitto/certs/server.key": "server.key",
             "/var/lib/weir/broker/ca": "capath"}
    for path, name in paths.items():
        tap.equal(config.count(path), 1, path)
        config = config.replace(path, os.path.join(b.folder, name))
    config = config.replace("/usr/local/lib/weir/weir-mosquitto.so", PLUGIN).replace("listener 1883 ", f"listener {b.port} ")
    config = config.replace("listener 8883\n", f"listener {b.tls_port} 127.0.0.1\n")
    path = write_file(os.path.join(b.dir, "manual.conf"), config + "\nlog_dest stderr\nlog_type all\n" + ("user root\n" if os.geteuid() == 0 else ""))
    b.process = support.Process([support.find_mosquitto(), "-c", path], name="mosquitto")
    wait_for(lambda: support.can_connect(b.port), "mosquitto to listen")
    sub = b.subscriber("a/#", options=("-F", "%t %P"))
    tap.equal(b.device_pub(c, "dev", "a/b")[0], 0, "a device")
    wait_for(lambda: sub.lines, "its message")
    tap.check(sub.lines[0].startswith("a/b weir-origin:1 ") and sub.lines[0].endswith(" dev"), sub.lines[0])
    b.rows[c.id]["status"] = "INACTIVE"
    b.write_table()
    tap.check(not b.connects(c, "dev"), "INACTIVE")


if __name__ == "__main__":
    support.main(globals(), sys.argv[3:])
