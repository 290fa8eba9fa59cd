#!/usr/bin/env python3
"""From the AWS API to the broker: what weir's registry says is in force at mosquitto when the answer is there (control-plane.md 6).
usage: test_enforcement.py PLUGIN STATUS_TOOL WEIR [test_...]"""
import json
import os
import sys
import threading
import time

import support
from plugin import Certificate, PluginBroker, allow
from support import tap, wait_for, write_file

PLUGIN, TOOL = sys.argv[1:3]
os.environ["WEIR"] = sys.argv[3]

from control import client, own, sock  # noqa: E402: it looks for the binary
from http_client import get  # noqa: E402
from weir import Weir, rule, s3  # noqa: E402

ALL = allow(("iot:*", "*"))


class Device:
    """What the API gave: files as PluginBroker's devices want them."""

    def __init__(self, broker, made, name):
        self.arn, self.id = made["certificateArn"], made["certificateId"]
        self.cert = write_file(os.path.join(broker.folder, name + ".pem"), made["certificatePem"])
        self.key = write_file(os.path.join(broker.folder, name + ".key"), made["keyPair"]["PrivateKey"], 0o600)


class Setting:
    """mosquitto with the plugin, and a weir that keeps it up to date."""

    def __init__(self, rules=None, start=True, **config):
        self.shared = os.path.join(support.temp_dir("wr-shared-"), "broker")
        self.broker = PluginBroker(PLUGIN, TOOL, shared=self.shared)
        self.weir = Weir(self.broker, rules or {}, {"broker": {"dir": self.shared, **config.pop("broker", {})}, **config,
                                                    "mqtt": {"username": "weir", "password": "secret", "mac_key_file": self.broker.key_file}}, start=start)

    def __enter__(self):
        return self.broker, self.weir, client(self.weir)

    def __exit__(self, *_):
        self.weir.stop()
        self.broker.stop()


def device(broker, iot, name, policy=None, active=True):
    d = Device(broker, iot.create_keys_and_certificate(setAsActive=active), name)
    if policy:
        iot.attach_policy(policyName=policy, target=d.arn)
    return d


def metrics(weir):
    text = get(sock(weir), "/metrics").text
    return {x.split()[0]: float(x.split()[1]) for x in text.splitlines() if x.startswith("weir_broker_")}


def warning(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"].get("x-weir-warning")


def test_certificates():
    """A certificate of the API connects; INACTIVE, REVOKED, deleted are in force when the answer is there, and live sessions are gone"""
    with Setting() as (b, weir, iot):
        iot.create_policy(policyName="all", policyDocument=ALL)
        d = device(b, iot, "d")
        tap.check(not b.connects(d, "dev"), "no policy yet")
        answer = iot.attach_policy(policyName="all", target=d.arn)
        tap.equal(warning(answer), None, "confirmed")
        tap.check(b.connects(d, "dev"), "with a policy")
        other = device(b, iot, "other", "all")
        stays = b.device_sub(other, "other", "a/#")
        quick = []
        for status in ("INACTIVE",) * 3 + ("REVOKED",):
            live = b.device_sub(d, "dev", "a/#")
            start, began = len(b.process.err_lines), time.monotonic()
            answer = iot.update_certificate(certificateId=d.id, newStatus=status)
            took = time.monotonic() - began
            tap.note(f"{status}: answered after {took * 1000:.0f} ms")
            tap.equal(warning(answer), None, "confirmed")
            quick.append(took)
            wait_for(lambda: any("dev (default/" in x and "is dropped" in x for x in b.process.err_lines[start:]), "the broker to say it")
            tap.check(not b.connects(d, "dev"), f"{status}: refused")
            live.stop()
            if status == "INACTIVE":
                iot.update_certificate(certificateId=d.id, newStatus="ACTIVE")
                tap.check(b.connects(d, "dev"), "ACTIVE again")
        # What can be quick is quick; a busy machine may keep one of them waiting.
        tap.check(min(quick) < 1 and max(quick) < 20, f"answered after {quick} s")
        tap.check(stays.alive(), "another device is not touched")
        iot.detach_policy(policyName="all", target=other.arn)
        tap.check(not b.connects(other, "again"), "its policy taken away")
        page = metrics(weir)
        tap.equal(page["weir_broker_unconfirmed_total"], 0, "all confirmed")
        tap.check(page["weir_broker_confirmed_total"] >= 6 and page["weir_broker_dropped_total"] >= 2, str(page))
        tap.equal(page["weir_broker_certificates"], 2, "certificates")


def test_policy_versions():
    """A new default version holds at once, also for who is connected; who published is known to SQL"""
    rules = {"who": rule("SELECT clientid() AS client, principal() AS principal, * FROM 'up/+'", s3("who", "${topic(2)}"))}
    with Setting(rules) as (b, weir, iot):
        iot.create_policy(policyName="p", policyDocument=ALL)
        d = device(b, iot, "d", "p")
        live = b.device_sub(d, "dev", "down/#")
        b.publish("down/1", "1")
        wait_for(lambda: live.lines == ["down/1 1"], "a message")
        iot.create_policy_version(policyName="p", policyDocument=allow(("iot:Connect", "*"), ("iot:Publish", "arn:aws:iot:*:*:topic/up/a")),
                                  setAsDefault=True)
        b.publish("down/2", "2")
        for topic in ("up/a", "up/b"):
            b.device_pub(d, "pub", topic, "{}")
        weir.wait_settled(1)
        tap.equal({k: json.loads(v) for k, v in weir.objects("who").items()}, {"a": {"client": "pub", "principal": d.id}}, "what came through")
        iot.set_default_policy_version(policyName="p", policyVersionId="1")
        b.publish("down/3", "3")
        wait_for(lambda: len(live.lines) == 2, "the message after")
        tap.equal(live.lines, ["down/1 1", "down/3 3"], "what it may receive")


def test_things():
    """Attaching, detaching, types, attributes and groups of things are in force at once"""
    with Setting() as (b, weir, iot):
        iot.create_policy(policyName="thing", policyDocument=allow(
            ("iot:Connect", "*"), ("iot:Publish", ["arn:aws:iot:*:*:topic/name/${iot:Connection.Thing.ThingName}",
                                                   "arn:aws:iot:*:*:topic/type/${iot:Connection.Thing.ThingTypeName}",
                                                   "arn:aws:iot:*:*:topic/site/${iot:Connection.Thing.Attributes[site]}"])))
        iot.create_policy(policyName="group", policyDocument=allow(("iot:Publish", "arn:aws:iot:*:*:topic/group")))
        d = device(b, iot, "d", "thing")
        sub = b.subscriber("#")

        def published(client_id="pump-1"):
            start = len(sub.lines)
            for t in ("name/pump-1", "type/pump", "site/hall", "site/yard", "group"):
                b.device_pub(d, client_id, t)
            b.publish("done", "x")
            wait_for(lambda: any(json.loads(m)["topic"] == "done" for m in sub.lines[start:]), "the end")
            return [json.loads(m)["topic"] for m in sub.lines[start:]][:-1]
        tap.equal(published(), [], "no thing")
        iot.create_thing_type(thingTypeName="pump")
        iot.create_thing(thingName="pump-1", thingTypeName="pump", attributePayload={"attributes": {"site": "hall"}})
        tap.equal(published(), [], "not attached")
        answer = iot.attach_thing_principal(thingName="pump-1", principal=d.arn)
        tap.equal(warning(answer), None, "confirmed")
        tap.equal(published(), ["name/pump-1", "type/pump", "site/hall"], "attached")
        tap.equal(published("other"), [], "another client id")
        iot.update_thing(thingName="pump-1", attributePayload={"attributes": {"site": "yard"}, "merge": True})
        tap.equal(published(), ["name/pump-1", "type/pump", "site/yard"], "an attribute")
        iot.update_thing(thingName="pump-1", removeThingType=True)
        tap.equal(published(), ["name/pump-1", "site/yard"], "no type")
        parent = iot.create_thing_group(thingGroupName="all")
        iot.create_thing_group(thingGroupName="pumps", parentGroupName="all")
        iot.attach_policy(policyName="group", target=parent["thingGroupArn"])
        tap.equal(published(), ["name/pump-1", "site/yard"], "in no group")
        iot.add_thing_to_thing_group(thingGroupName="pumps", thingName="pump-1")
        tap.equal(published(), ["name/pump-1", "site/yard", "group"], "a policy of the group above")
        iot.remove_thing_from_thing_group(thingGroupName="pumps", thingName="pump-1")
        tap.equal(published(), ["name/pump-1", "site/yard"], "out of the group")
        iot.detach_thing_principal(thingName="pump-1", principal=d.arn)
        tap.equal(published(), [], "detached")
        before = metrics(weir)["weir_broker_tables_total"]
        iot.create_thing(thingName="another")
        iot.update_thing(thingName="another", attributePayload={"attributes": {"a": "b"}})
        tap.equal(metrics(weir)["weir_broker_tables_total"], before, "what the table does not depend on makes no table")


def test_tenants():
    """IoT switched off for a tenant drops its devices; its prefix holds"""
    with Setting() as (b, weir, iot):
        own(weir, "POST", "/weir/v1/tenants", {"name": "acme"})
        for name, value in (("iot.topic_prefix", "acme/"), ("iot.enabled", True)):
            answer = own(weir, "PUT", f"/weir/v1/tenants/acme/features/{name}", {"value": value})
            tap.check(answer.status == 200, f"{name}: {answer.status} {answer.text}")
        wait_for(lambda: own(weir, "GET", "/weir/v1/tenants/acme").json.get("state") == "ENABLED", "the tenant")
        from control import access_key
        acme = client(weir, access_key(weir, "acme"))
        acme.create_policy(policyName="all", policyDocument=ALL)
        d = device(b, acme, "d", "all")
        sub = b.subscriber("#")
        for topic in ("acme/x", "other/x"):
            b.device_pub(d, "dev", topic)
        b.publish("done", "x")
        wait_for(lambda: any(m["topic"] == "done" for m in b.messages(sub)), "the end")
        tap.equal([m["topic"] for m in b.messages(sub)], ["acme/x", "done"], "below its prefix")
        live = b.device_sub(d, "dev", "acme/#")
        answer = own(weir, "PUT", "/weir/v1/tenants/acme/features/iot.enabled", {"value": False})
        tap.check(answer.status == 200, answer.text)
        wait_for(lambda: not b.connects(d, "dev"), "its devices to be refused")
        b.process.wait_line("IoT is off for its tenant")
        live.stop()


def test_without_ca():
    """A certificate registered without a CA connects when it signed itself, while it is ACTIVE; one of an unknown CA is warned
    about, and connects once its CA is registered; neither opens the door to others"""
    with Setting() as (b, weir, iot):
        iot.create_policy(policyName="all", policyDocument=ALL)

        def register(cert):
            answer = iot.register_certificate_without_ca(certificatePem=support.read_file(cert), status="ACTIVE")
            iot.attach_policy(policyName="all", target=answer["certificateArn"])
            return answer

        class Own:
            def __init__(self, name, subject=None):
                self.cert, self.key = (os.path.join(b.folder, name + x) for x in (".crt", ".key"))
                support._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
                                 "-subj", "/CN=" + (subject or name), "-keyout", self.key, "-out", self.cert)
        first, second, third = Own("first"), Own("second"), Own("third")
        made = register(first.cert)
        tap.equal(warning(made), None, "no warning")
        tap.check(b.connects(first, "first"), "gets in")
        tap.check(not b.connects(second, "second"), "not registered")
        register(second.cert)
        tap.check(b.connects(second, "second") and b.connects(first, "first"), "both")
        iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
        tap.check(not b.connects(first, "first"), "INACTIVE")
        tap.check(b.connects(second, "second") and not b.connects(third, "third"), "the other one")
        twin = Own("twin", "second")
        tap.check("another certificate of the same subject" in warning(register(twin.cert)), "warned")
        b.restart()
        tap.check(b.connects(twin, "twin") and b.connects(second, "second"), "after a restart of the broker")
        # One that is a CA as well, as openssl makes them: what it signs is known to TLS, and to nobody else.
        child = Certificate(b.folder, "child", (second.cert, second.key))
        tap.check(not b.connects(child, "child"), "signed by a device")

        ca = support.make_ca(b.folder, "elsewhere")
        signed = Certificate(b.folder, "signed", ca)
        tap.check("does not know the CA" in warning(register(signed.cert)), "warned")
        tap.check(not b.connects(signed, "signed"), "TLS does not know who signed it")
        iot.register_ca_certificate(caCertificate=support.read_file(ca[0]), setAsActive=True, certificateMode="SNI_ONLY")
        tap.check(b.connects(signed, "signed"), "gets in")


def test_auto_registration():
    """A device of a registered CA that registers by itself is refused, its certificate PENDING_ACTIVATION, and a message says so,
    which a rule gets; made ACTIVE it gets in. Not without autoRegistrationStatus, nor for other tenants' rules"""
    rules = {"came": rule("SELECT * FROM '$aws/events/certificates/registered/+'", s3("came", "${certificateId}"))}
    with Setting(rules) as (b, weir, iot):
        iot.create_policy(policyName="all", policyDocument=ALL)
        ca, other = support.make_ca(b.folder, "maker"), support.make_ca(b.folder, "other")
        made = [iot.register_ca_certificate(caCertificate=support.read_file(x[0]), setAsActive=True, allowAutoRegistration=True,
                                            certificateMode="SNI_ONLY") for x in (ca, other)]
        tap.equal(warning(made[0]), None, "it is done")
        iot.update_ca_certificate(certificateId=made[1]["certificateId"], newAutoRegistrationStatus="DISABLE")
        d, e = Certificate(b.folder, "d", ca), Certificate(b.folder, "e", other)
        tap.check(not b.connects(d, "d") and not b.connects(e, "e"), "refused")
        known = wait_for(lambda: iot.list_certificates()["certificates"], "the certificate")
        tap.equal([(x["certificateId"], x["status"]) for x in known], [(d.id, "PENDING_ACTIVATION")], "one is registered")
        wait_for(lambda: weir.objects("came"), "the rule's object")
        event = json.loads(weir.objects("came")[d.id])
        tap.check(abs(event.pop("timestamp") / 1000 - time.time()) < 60 and event.pop("certificateRegistrationTimestamp"), event)
        tap.equal(event, {"certificateId": d.id, "caCertificateId": made[0]["certificateId"], "awsAccountId": "123456789012",
                          "certificateStatus": "PENDING_ACTIVATION"}, "the message")
        tap.check(not b.connects(d, "d"), "still refused")
        tap.equal([x["certificateId"] for x in iot.list_certificates_by_ca(caCertificateId=made[0]["certificateId"])["certificates"]],
                  [d.id], "by its CA")
        iot.attach_policy(policyName="all", target=known[0]["certificateArn"])
        iot.update_certificate(certificateId=d.id, newStatus="ACTIVE")
        tap.check(b.connects(d, "d"), "ACTIVE")
        # With a template the device has all that it needs when it comes again.
        body = {"Parameters": {f"AWS::IoT::Certificate::{x}": {"Type": "String"} for x in ("CommonName", "Id", "Country")}, "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {
                "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"},
                "AttributePayload": {"country": {"Ref": "AWS::IoT::Certificate::Country"}}}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}},
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "all"}}}}
        iot.update_ca_certificate(certificateId=made[1]["certificateId"], newAutoRegistrationStatus="ENABLE",
                                  registrationConfig={"templateBody": json.dumps(body), "roleArn": "arn:aws:iam::123456789012:role/r"})
        f = Certificate(b.folder, "f", other, subject="/C=DE/CN=lamp-7")
        tap.check(not b.connects(f, "lamp-7"), "refused at first")
        wait_for(lambda: b.connects(f, "lamp-7"), "the device to get in", every=0.2)
        tap.equal(iot.describe_thing(thingName="lamp-7")["attributes"], {"country": "DE"}, "its thing")
        wait_for(lambda: f.id in weir.objects("came"), "its message")
        tap.equal(json.loads(weir.objects("came")[f.id])["certificateStatus"], "ACTIVE", "its status")
        bad = Certificate(b.folder, "bad", other, subject="/CN=nowhere")
        b.connects(bad, "bad")
        weir.process.wait_line("is not registered: templateBody: AWS::IoT::Certificate::Country: parameters have no value")
        audit = [x for x in own(weir, "GET", "/weir/v1/audit?maxResults=1000").json["lines"] if x["operation"] == "AutoRegisterCertificate"]
        tap.equal((audit[0]["tenant"], audit[0]["actor"], audit[0]["arns"]), ("default", "weir", [known[0]["certificateArn"]]), "noted")
        tap.check(any(x.endswith("thing/lamp-7") for x in audit[1]["arns"]), audit)


def test_own_broker():
    """A tenant's own broker has a table of its own: its devices get in there, to all topics, and not at the shared one; what
    changes is in force there before the answer; who is connected is known; another tenant does not wait for it"""
    from control import access_key
    folder = os.path.join(support.temp_dir("wr-own-"), "broker")
    second = PluginBroker(PLUGIN, TOOL, shared=folder)
    brokers = {"beta": {"url": second.url, "username": "weir", "password": "secret", "dir": folder}}
    with Setting(brokers=brokers) as (b, weir, iot):
        for name in ("acme", "beta"):
            own(weir, "POST", "/weir/v1/tenants", {"name": name, "features": {"iot.broker": "beta"} if name == "beta" else {}})
            own(weir, "PUT", f"/weir/v1/tenants/{name}/features/iot.enabled", {"value": True})
            wait_for(lambda: own(weir, "GET", f"/weir/v1/tenants/{name}").json.get("state") == "ENABLED", "the tenant")
        acme, beta = (client(weir, access_key(weir, name)) for name in ("acme", "beta"))
        for one in (acme, beta):
            one.create_policy(policyName="all", policyDocument=ALL)
        mine, theirs = device(b, acme, "mine", "all"), device(second, beta, "theirs", "all")
        tap.equal([(x.connects(mine, "a"), x.connects(theirs, "b")) for x in (b, second)], [(True, False), (False, True)],
                  "where they get in")
        tap.equal(len([x for x in os.listdir(second.capath) if ".0" in x]), 1, "only the tenant's CA is known there")
        sub = second.subscriber("#")
        tap.equal(second.device_pub(theirs, "b", "any/topic", "x")[0], 0, "no prefix")
        wait_for(lambda: [m["topic"] for m in second.messages(sub)] == ["any/topic"], "its message")
        live = second.device_sub(theirs, "lamp", "a/#")
        own(weir, "POST", "/t/beta/things/lamp")
        wait_for(lambda: own(weir, "POST", "/t/beta/things/lamp/connectivity-data").json.get("connected"), "lamp is connected")
        answer = beta.update_certificate(certificateId=theirs.id, newStatus="INACTIVE")
        tap.equal(warning(answer), None, "confirmed by the tenant's broker")
        tap.check(not second.connects(theirs, "b"), "and in force")
        live.stop()
        second.stop()
        tap.equal(warning(acme.update_certificate(certificateId=mine.id, newStatus="INACTIVE")), None, "acme's broker is there")
        tap.check(not b.connects(mine, "a"), "in force")
        answer = beta.update_certificate(certificateId=theirs.id, newStatus="ACTIVE")
        tap.equal(warning(answer), "broker-not-confirmed", "beta's is not")
        second.start()
        wait_for(lambda: second.connects(theirs, "b"), "ACTIVE when it is back", every=0.1)
        second.stop()


def test_broker_away():
    """Without a broker a change is answered, with a warning and a metric, and holds when the broker is back; kill -9 changes nothing"""
    with Setting(broker={"confirm_timeout": "300ms"}) as (b, weir, iot):
        iot.create_policy(policyName="all", policyDocument=ALL)
        d = device(b, iot, "d", "all")
        tap.check(b.connects(d, "dev"), "in")
        b.stop()
        began = time.monotonic()
        answer = iot.update_certificate(certificateId=d.id, newStatus="INACTIVE")
        took = time.monotonic() - began
        tap.equal(warning(answer), "broker-not-confirmed", "the warning")
        tap.check(0.25 < took < 25, f"after {took:.2f} s")
        tap.check(metrics(weir)["weir_broker_unconfirmed_total"] >= 1, "the metric")
        weir.process.wait_line("no broker has confirmed the status table")
        b.start()
        tap.check(not b.connects(d, "dev"), "INACTIVE when it is back")
        answer = iot.update_certificate(certificateId=d.id, newStatus="ACTIVE")
        tap.equal(warning(answer), None, "confirmed again")
        weir.kill()
        tap.check(b.connects(d, "dev"), "weir is gone, the table is in force")
        os.unlink(os.path.join(b.capath, "..", "status"))
        tap.check(not b.connects(d, "dev"), "no table")
        weir.start()
        wait_for(lambda: b.connects(d, "dev"), "weir writes it at its start", every=0.1)


def test_crl():
    """broker.crl: a list that OpenSSL takes bars what is not ACTIVE, and nothing else"""
    with Setting(broker={"crl": True}) as (b, weir, iot):
        d, other = device(b, iot, "d"), device(b, iot, "other")
        crl = os.path.join(weir.broker.capath, "..", "crl.pem")

        def verified(x):
            code, out, err = support.run(["openssl", "verify", "-CApath", b.capath, "-crl_check", "-CRLfile", crl, x.cert])
            tap.check(code == 0 or "revoked" in out + err, out + err)
            return code == 0
        tap.check(verified(d) and verified(other), "ACTIVE")
        for status, want in (("INACTIVE", False), ("ACTIVE", True), ("REVOKED", False)):
            iot.update_certificate(certificateId=d.id, newStatus=status)
            tap.equal((verified(d), verified(other)), (want, True), status)
        _, text, _ = support.run(["openssl", "crl", "-in", crl, "-noout", "-text"])
        tap.check("Next Update" in text and "CRL Number" in text, text)


def test_together():
    """Many changes at once are written together, and every answer holds"""
    with Setting() as (b, weir, iot):
        iot.create_policy(policyName="all", policyDocument=ALL)
        made = [device(b, iot, f"d{i}", active=False) for i in range(12)]
        before = metrics(weir)
        answers = []

        def change(d):
            answers.append(warning(iot.update_certificate(certificateId=d.id, newStatus="ACTIVE")))
        threads = [threading.Thread(target=change, args=(d,)) for d in made]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        tap.equal(answers, [None] * 12, "all confirmed")
        after = metrics(weir)
        tables = after["weir_broker_tables_total"] - before["weir_broker_tables_total"]
        tap.note(f"12 changes, {tables:.0f} tables")
        tap.equal(after["weir_broker_confirmed_total"] - before["weir_broker_confirmed_total"], 12, "confirmed")
        tap.check(tables <= 12, "no more tables than changes")


def test_connectivity():
    """GetThingConnectivityData and the list of clients say who is connected, and why no more"""
    with Setting() as (broker, weir, iot):
        iot.create_policy(policyName="all", policyDocument=ALL)
        d = device(broker, iot, "t1", "all")
        iot.create_thing(thingName="t1")

        def asked(name="t1"):
            return own(weir, "POST", f"/things/{name}/connectivity-data", headers={"X-Weir-Region": "eu-west-1"})
        tap.equal(asked().json, {"thingName": "t1", "connected": False}, "never heard of")
        tap.equal(asked("nosuch").status, 404, "no such thing")
        sub = broker.device_sub(d, "t1", "x")
        wait_for(lambda: asked().json["connected"], "to be connected")
        tap.check(abs(asked().json["timestamp"] - time.time()) < 60, "since when")
        listed = own(weir, "GET", "/weir/v1/clients").json
        tap.equal([(c["client"], c["certificate"]) for c in listed["clients"]], [("t1", d.id)], "listed")
        iot.update_certificate(certificateId=d.id, newStatus="INACTIVE")
        wait_for(lambda: not sub.alive(), "to be dropped")
        wait_for(lambda: not asked().json["connected"], "to be gone")
        tap.equal(asked().json["disconnectReason"], "FORBIDDEN_ACCESS", "why")
        tap.equal(own(weir, "GET", "/weir/v1/clients").json["clients"], [], "nobody")


if __name__ == "__main__":
    support.main(globals(), sys.argv[4:])
