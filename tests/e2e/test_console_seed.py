#!/usr/bin/env python3
"""The portal's flows in a real browser, against a real mosquitto with weir's plugin: enable IoT for a tenant, a certificate,
a thing, its package, connect with it, a rule and its message, edit, disable, revoke and see the device dropped.

usage: test_console_seed.py PLUGIN STATUS_TOOL WEIR [test_NAME]...
Screenshots go to BUILD/console-shots.
"""
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


def test_hostile():
    """Topics and payloads that look like HTML are text on the live page"""
    with support.Broker() as broker, Weir(broker, {"copy": rule("SELECT * FROM 'in/#'", republish("out/x"))}) as weir:
        import threading
        stop = threading.Event()

        def publish():
            while not stop.wait(0.5):
                broker.publish("in/<img src=x onerror=alert(1)>", '{"a": "<script>alert(2)</script>"}')
        thread = threading.Thread(target=publish)
        thread.start()
        try:
            browse(weir, "hostile", rule="copy")
        finally:
            stop.set()
            thread.join()


if __name__ == "__main__":
    support.main(globals(), sys.argv[4:])
