#!/usr/bin/env python3
"""clientid(), principal(), sourceip(): who published, as the broker's plugin says, and only as it says. usage: test_origin.py
PLUGIN STATUS_TOOL WEIR [test_...]"""
import json
import os
import sys

import support
from http_client import get
from plugin import PluginBroker
from support import tap, wait_for, write_file

PLUGIN, TOOL = sys.argv[1:3]
os.environ["WEIR"] = sys.argv[3]

from weir import Weir, republish, rule, s3  # noqa: E402: it looks for the binary

WHO = "SELECT clientid() AS client, principal() AS principal, sourceip() AS ip, get_user_properties('weir-origin') AS origin, " \
      "get_user_properties('mine') AS mine, * FROM 'o/+'"


def setting(key=None, rules=None, source="mqtt", **mqtt):
    b = PluginBroker(PLUGIN, TOOL)
    b.tenant("acme")
    c = b.certificate("c")
    b.write_table()
    weir = Weir(b, rules or {"who": rule(WHO, s3("who", "${topic(2)}"))},
                {"source": source, "mqtt": {"username": "weir", "password": "secret", "mac_key_file": key or b.key_file, **mqtt}})
    return b, c, weir


def seen(weir, count):
    weir.wait_settled(count)
    return {k: json.loads(v) for k, v in weir.objects("who").items()}


def test_who():
    """A device's client id, certificate and address; weir's own account; a publisher of MQTT 3.1.1"""
    for source in ("mqtt", "native"):
        who(source)


def who(source):
    b, c, weir = setting(source=source)
    with b, weir:
        b.device_pub(c, "pump 1", "o/five", '{"a":1}', options=("-D", "PUBLISH", "user-property", "mine", "yes"))
        b.device_pub(c, "pump 1", "o/three", "{}", version=311)
        b.publish("o/own", "{}")
        got = seen(weir, 3)
        tap.equal(got["five"], {"client": "pump 1", "principal": c.id, "ip": "127.0.0.1", "mine": ["yes"], "a": 1}, "a device")
        tap.equal({k: got["three"][k] for k in ("client", "principal", "ip")}, {"client": "pump 1", "principal": c.id, "ip": "127.0.0.1"}, "3.1.1")
        tap.equal((got["own"]["principal"], got["own"]["ip"]), ("weir", "127.0.0.1"), "an account")
        for row in got.values():
            tap.check("origin" not in row, f"the property itself is not there: {row}")
        page = metrics(weir)
        tap.equal((page["weir_mqtt_origins_total"], page["weir_mqtt_properties_stripped_total"]), (3, 0), "metrics")


def metrics(weir):
    text = get(os.path.join(weir.state_dir, "admin.sock"), "/metrics").text
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.startswith("weir_mqtt_")}


def test_forged():
    """A Will and another key: what they say is taken out and counted, and the functions have no value"""
    for source in ("mqtt", "native"):
        forged_will(source)


def forged_will(source):
    b, c, weir = setting(source=source)
    with b, weir:
        # A good property of another message, by a subscriber who saw it.
        sub = b.subscriber("o/seen", options=("-F", "%P"))
        b.device_pub(c, "victim", "o/seen", "{}")
        wait_for(lambda: sub.lines, "the message")
        stolen = sub.lines[0].split("weir-origin:", 1)[1]
        forged = "1 1795791917123 " + "0" * 64 + f" acme/{c.id} 10.0.0.1 victim"
        for name, value in (("stolen", stolen), ("forged", forged), ("empty", ""), ("garbage", "1 2 3")):
            live = b.device_sub(c, "liar", "x/#", options=("-F", "%t", "--will-topic", f"o/{name}", "--will-payload", '{"will":1}', "-D", "WILL",
                                                           "user-property", "weir-origin", value, "-D", "WILL", "user-property", "mine", name,
                                                           "-D", "WILL", "user-property", "weir-hops", "1000"))
            live.kill()
        got = seen(weir, 5)
        tap.equal(got["seen"]["client"], "victim", "the true one")
        for name in ("stolen", "forged", "empty", "garbage"):
            tap.equal(got[name], {"client": "n/a", "mine": [name], "will": 1}, name)
        weir.process.wait_line("without a good MAC")
        page = metrics(weir)
        tap.equal((page["weir_mqtt_origins_total"], page["weir_mqtt_properties_stripped_total"]), (1, 8), "counted")


def test_hops():
    """weir-hops ends loops when an account of the broker says it, and is not believed of a device's Will"""
    b, c, weir = setting(rules={"on": rule("SELECT * FROM 'h/+'", republish("out/${topic(2)}"))})
    with b, weir:
        sub = b.subscriber("out/#", options=("-F", "%t %P"))
        b.publish("h/own", "{}", properties=[("user-property", "weir-hops", "1000")])
        live = b.device_sub(c, "liar", "x/#", options=("-F", "%t", "--will-topic", "h/will", "--will-payload", "{}", "-D", "WILL",
                                                       "user-property", "weir-hops", "1000"))
        live.kill()
        b.device_pub(c, "dev", "h/dev", "{}", options=("-D", "PUBLISH", "user-property", "weir-hops", "1000"))
        wait_for(lambda: len(sub.lines) == 2, "two republished messages")
        tap.equal(sorted(x.split()[0] for x in sub.lines), ["out/dev", "out/will"], "which")
        tap.check(all("weir-hops:1" in x for x in sub.lines), f"one hop each: {sub.lines}")


def test_age():
    """A MAC older than mqtt.mac_max_age is not believed: messages that waited at the broker; counted apart"""
    b, c, weir = setting(mac_max_age="4s")
    with b, weir:
        b.device_pub(c, "dev", "o/fresh", "{}")
        weir.wait_settled(1)
        weir.stop()
        b.device_pub(c, "dev", "o/old", "{}")
        support.stays(lambda: True, "longer than that", seconds=4.3)
        weir.start()
        got = seen(weir, 1)
        tap.equal((got["fresh"]["client"], got["old"]["client"]), ("dev", "n/a"), "fresh and old")
        page = metrics(weir)
        tap.equal((page["weir_mqtt_properties_stripped_total"], page["weir_mqtt_origins_stale_total"]), (1, 1), "counted")
        # The default takes them.
        weir.stop()
        config = json.loads(support.read_file(weir.config_file))
        del config["mqtt"]["mac_max_age"]
        write_file(weir.config_file, json.dumps(config))
        b.device_pub(c, "dev", "o/late", "{}")
        weir.start()
        tap.equal(seen(weir, 1)["late"]["client"], "dev", "a day is soon enough")


def test_key():
    """A key that cannot be used: weir does not start and says what helps; another key than the broker's: nothing is believed"""
    folder = support.temp_dir()
    for key, want in ((write_file(os.path.join(folder, "open"), b"x" * 32, 0o644), "everybody may read"),
                      (write_file(os.path.join(folder, "short"), b"x", 0o600), "openssl rand"), (os.path.join(folder, "none"), "No such file")):
        weir = Weir(None, {}, {"mqtt": {"url": "mqtt://127.0.0.1:1", "mac_key_file": key}}, start=False)
        weir.start(wait=False)
        tap.equal(weir.process.wait(), 2, f"{key}: status")
        tap.check(want in weir.process.stderr and "mqtt.mac_key_file" in weir.process.stderr, f"{key}: {weir.process.stderr}")
    b, c, weir = setting(key=write_file(os.path.join(folder, "other"), os.urandom(32), 0o600))
    with b, weir:
        b.device_pub(c, "dev", "o/x", "{}")
        tap.equal(seen(weir, 1)["x"], {"client": "n/a"}, "another key")


if __name__ == "__main__":
    support.main(globals(), sys.argv[4:])
