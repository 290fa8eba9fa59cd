#!/usr/bin/env python3
"""The portal's flows in a real browser, against a real mosquitto with weir's plugin: enable IoT for a tenant, a certificate,
a thing, its package, connect with it, a rule and its message, edit, disable, revoke and see the device dropped.

usage: test_console_seed.py PLUGIN STATUS_TOOL WEIR [test_NAME]...
Screenshots go to BUILD/console-shots.
"""
import json
import os
import sys
import zipfile

import support
from support import tap, temp_dir, wait_for

PLUGIN, TOOL = sys.argv[1:3]
os.environ["WEIR"] = sys.argv[3]

from control import access_key, client, own  # noqa: E402: it looks for the binary
from plugin import PluginBroker, allow  # noqa: E402
from test_console import browse  # noqa: E402
from test_enforcement import Setting, device  # noqa: E402
from weir import Weir, republish, rule  # noqa: E402


class Device:
    """What the package holds, as PluginBroker's devices want it."""

    def __init__(self, package):
        folder = temp_dir("wr-package-")
        with zipfile.ZipFile(package) as z:
            self.names = sorted(z.namelist())
            z.extractall(folder)
        one = {os.path.splitext(n)[1] if not n.endswith(".private.key") else ".key": n for n in self.names}
        self.cert = os.path.join(folder, next(n for n in self.names if n.endswith(".cert.pem")))
        self.key = os.path.join(folder, one[".key"])
        os.chmod(self.key, 0o600)


def test_seed_flow():
    """Tenant, certificate, thing, package, connection, rule, message, edit, revocation: each by clicking"""
    shared, to = os.path.join(temp_dir("wr-shared-"), "broker"), temp_dir("wr-download-")
    escrow = support.write_file(os.path.join(to, "escrow.key"), os.urandom(32), 0o600)
    broker = PluginBroker(PLUGIN, TOOL, shared=shared)
    with broker, Weir(broker, {}, {"broker": {"dir": shared}, "admin": {"escrow_key": escrow, "broker_ca": broker.server_ca},
                                   "mqtt": {"username": "weir", "password": "secret", "mac_key_file": broker.key_file}}) as weir:
        browse(weir, "tenant")
        tap.equal(own(weir, "GET", "/weir/v1/tenants/acme").json["state"], "ENABLED", "enabled")
        made = browse(weir, "devices", to=to)
        device = Device(os.path.join(to, "package.zip"))
        tap.check("config.json" in device.names and "connect.sh" in device.names, device.names)
        iot = client(weir, access_key(weir, tenant="acme"), region="us-east-1")
        arn = iot.describe_certificate(certificateId=made["id"])["certificateDescription"]["certificateArn"]
        iot.create_policy(policyName="devices", policyDocument=allow(("iot:*", "*")))
        iot.attach_policy(policyName="devices", target=arn)
        tap.check(broker.connects(device, "acme-lamp1"), "the package connects")
        browse(weir, "rules")
        out = broker.subscriber("acme/hot/#")
        code, said = broker.device_pub(device, "acme-lamp1", "acme/kiln/temp", '{"temperature": 31}')
        tap.equal(code, 0, said)
        wait_for(lambda: out.lines, "the rule's message")
        browse(weir, "edit_rule")
        sub = broker.device_sub(device, "acme-lamp1", "acme/x")
        browse(weir, "revoke", id=made["id"])
        wait_for(lambda: not sub.alive(), "the device to be dropped")
        tap.check(not broker.connects(device, "acme-lamp1"), "and it stays out")


EVIL = "<img src=x onerror=window.__xss=1>"


def test_hostile():
    """Topics, payloads, client ids, policies, rules, letters, prefixes, tokens, the audit log that look like HTML are text on every page"""
    with Setting(rules={"lost": rule("SELECT * FROM 'in/#'", {"null": {"name": EVIL}})}, sinks={"null": {"verdict": "refused"}}) as (broker, weir, iot):
        iot.create_policy(policyName="evil", policyDocument=allow(("iot:*", "*"), ("iot:Publish", "arn:aws:iot:*:*:topic/" + EVIL)))
        d = device(broker, iot, "d", "evil")
        iot.create_thing(thingName="lamp")
        iot.attach_thing_principal(thingName="lamp", principal=d.arn)
        iot.create_topic_rule(ruleName="evil", topicRulePayload={
            "description": EVIL, "awsIotSqlVersion": "2016-03-23", "sql": f"SELECT *, '{EVIL}' AS said FROM 'in/#' WHERE a <> '{EVIL}!'",
            "actions": [republish("out/" + EVIL + "/${topic(2)}")], "errorAction": republish("errors/" + EVIL)})
        tap.equal(own(weir, "POST", "/weir/v1/tenants", {"name": "evil", "features": {"iot.topic_prefix": EVIL + "/"}}).status, 200, "a prefix")
        tap.equal(own(weir, "POST", "/weir/v1/tenants/default/tokens", {"role": "viewer", "name": EVIL}).status, 200, "a token's name")
        sub = broker.device_sub(d, EVIL, "a/#")
        broker.publish("in/" + EVIL, json.dumps({"a": EVIL}))
        wait_for(lambda: weir.totals()["deadLetters"]["entries"] == 1, "the letter")
        feed = support.Process(["bash", "-c", f"while sleep 0.2; do echo '{json.dumps({'a': EVIL})}'; done | mosquitto_pub -l -t 'in/{EVIL}' -p {broker.port} "
                                + " ".join(broker.client_options)], name="feed")
        browse(weir, "hostile", evil=EVIL, region="eu-west-1", thing="lamp", certificate=d.id)
        feed.stop()
        sub.stop()


if __name__ == "__main__":
    support.main(globals(), sys.argv[4:])
