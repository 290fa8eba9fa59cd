#!/usr/bin/env python3
"""The control plane from the shell: weir thing and its kin ask a running weir over its admin socket.

usage: test_control_cli.py BUILD/weir [test_NAME]...
"""
import json
import os
import re
import subprocess
import threading
import zipfile

from control import access_key, alone, client
import support
from support import tap
import weir as weir_module


def cli(weir, *args, want=0):
    """A command that must end with this status: its output; its complaints when it must fail."""
    code, out, err = weir.run(*args)
    tap.equal(code, want, f"weir {' '.join(args)}: {out}{err}")
    return out if want == 0 else err


def test_thing():
    """weir thing: create, show, list; over pages; with names that need encoding"""
    with alone({"region": "eu-west-1"}) as weir:
        arn = cli(weir, "thing", "create", "lamp:1", "--attribute", "room=hall", "--attribute", "floor=2").strip()
        tap.equal(arn, "arn:aws:iot:eu-west-1:123456789012:thing/lamp:1", "the ARN")
        seen = client(weir).describe_thing(thingName="lamp:1")
        tap.equal(seen["attributes"], {"room": "hall", "floor": "2"}, "as boto3 sees it")
        shown = cli(weir, "thing", "show", "lamp:1")
        tap.check(f"ARN         {arn}\n" in shown and 'attributes  {"room":"hall","floor":"2"}' in shown, shown)
        tap.equal(json.loads(cli(weir, "thing", "show", "lamp:1", "--json"))["thingName"], "lamp:1", "as JSON")
        iot = client(weir)
        for i in range(120):
            iot.create_thing(thingName=f"t{i}")
        code, out, err = weir.run("thing", "list")
        lines = out.splitlines()
        tap.equal((code, len(lines), lines[0].split(), err), (0, 122, ["NAME", "TYPE", "ATTRIBUTES"], "121 things\n"),
                  "the table, of all pages")
        tap.equal(lines[-1].split(), ["t119", "{}"], "the last line")
        items = json.loads(cli(weir, "thing", "list", "--json"))["things"]
        tap.equal([x["thingName"] for x in items], ["lamp:1"] + [f"t{i}" for i in range(120)], "as JSON")
        tap.equal(cli(weir, "thing", "list", "--region", "us-east-1"), "", "another region")


def test_rule():
    """weir rule: made of a file or of options, shown, edited, disabled, enabled, deleted"""
    with alone({"region": "eu-west-1"}) as weir:
        action = '{"republish": {"topic": "hot", "roleArn": "arn:aws:iam::123456789012:role/r"}}'
        cli(weir, "rule", "create", "hot", "--sql", "SELECT * FROM 'a/+' WHERE t > 30", "--action", action,
            "--description", "hot ones")
        iot = client(weir)
        made = iot.get_topic_rule(ruleName="hot")["rule"]
        del made["createdAt"]
        tap.equal(made, {"ruleName": "hot", "sql": "SELECT * FROM 'a/+' WHERE t > 30", "actions": [json.loads(action)],
                         "description": "hot ones", "awsIotSqlVersion": "2016-03-23", "ruleDisabled": False}, "made")
        shown = cli(weir, "rule", "show", "hot")
        tap.check("SELECT * FROM 'a/+' WHERE t > 30\n" in shown and "hot ones" in shown, shown)
        cli(weir, "rule", "edit", "hot", "--description", "warm ones", "--error-action", action, "--disabled")
        seen = json.loads(cli(weir, "rule", "show", "hot", "--json"))["rule"]
        tap.equal((seen["description"], seen["errorAction"], seen["ruleDisabled"], seen["sql"]),
                  ("warm ones", json.loads(action), True, made["sql"]), "edited, the rest as it was")
        cli(weir, "rule", "enable", "hot")
        cli(weir, "rule", "disable", "hot")
        document = weir.dir + "/doc.json"
        support.write_file(document, json.dumps({"ruleName": "x", "topicRulePayload": {"sql": "SELECT a FROM 'b/#'",
                                                                                     "actions": []}}))
        cli(weir, "rule", "create", "filed", "--file", document)
        weir.write_rule("own", {"sql": "SELECT * FROM 'c'", "actions": []})
        weir.wait_rules(3)
        rows = [x.split() for x in cli(weir, "rule", "list").splitlines()]
        tap.equal([r[:3] for r in rows], [["NAME", "DISABLED", "TOPIC"], ["own", "no", "c"], ["hot", "yes", "a/+"],
                                          ["filed", "no", "b/#"]], "the table")
        tap.equal([x["ruleName"] for x in json.loads(cli(weir, "rule", "list", "--topic", "b/1", "--json"))["rules"]],
                  ["filed"], "whose FROM matches")
        cli(weir, "rule", "replace", "filed", "--file", document, "--sql", "SELECT b FROM 'b/#'")
        tap.equal(iot.get_topic_rule(ruleName="filed")["rule"]["sql"], "SELECT b FROM 'b/#'", "the option wins")
        tap.check("sql:1:" in (text := cli(weir, "rule", "create", "bad", "--sql", "SELECT FROM 'a'", want=2)), text)
        tap.check("--action" in (text := cli(weir, "rule", "create", "bad", "--sql", "SELECT * FROM 'a'", "--action", "{",
                                             want=2)), text)
        tap.check("--sql STATEMENT" in cli(weir, "rule", "create", "bad", want=2), "nothing to make it of")
        tap.check("read-only" in (text := cli(weir, "rule", "disable", "own", want=2)), text)
        cli(weir, "rule", "show", "none", want=1)
        cli(weir, "rule", "delete", "hot", "--yes")
        cli(weir, "rule", "show", "hot", want=1)


def test_thing_changes():
    """weir thing: update, attach, detach, delete; a certificate by the begin of its id; both or neither"""
    with alone({"region": "eu-west-1"}) as weir:
        cert = cli(weir, "cert", "create", "--active", "--key-type", "P-256", "--out", weir.dir).strip()
        iot = client(weir)
        cli(weir, "thing", "create", "a", "--attribute", "x=1", "--cert", cert[:10])
        tap.equal(iot.list_thing_principals(thingName="a")["principals"],
                  [f"arn:aws:iot:eu-west-1:123456789012:cert/{cert}"], "attached")
        tap.check(cert in cli(weir, "thing", "show", "a"), "shown")
        cli(weir, "thing", "create", "b", "--cert", "f" * 64, want=1)
        tap.equal([x["thingName"] for x in iot.list_things()["things"]], ["a"], "no certificate: no thing")
        cli(weir, "thing", "update", "a", "--attribute", "y=2")
        tap.equal(iot.describe_thing(thingName="a")["attributes"], {"x": "1", "y": "2"}, "merged")
        cli(weir, "thing", "update", "a", "--attribute", "x=")
        tap.equal(iot.describe_thing(thingName="a")["attributes"], {"y": "2"}, "removed")
        cli(weir, "thing", "update", "a", "--attribute", "z=3", "--replace")
        tap.equal(iot.describe_thing(thingName="a")["attributes"], {"z": "3"}, "replaced")
        tap.check("say --yes" in cli(weir, "thing", "delete", "a", want=2), "asks")
        cli(weir, "thing", "detach", "a", cert)
        tap.equal(iot.list_thing_principals(thingName="a")["principals"], [], "detached")
        cli(weir, "thing", "attach", "a", cert[:6], "--exclusive")
        cli(weir, "thing", "delete", "a", "--yes")
        tap.equal(iot.list_things()["things"], [], "deleted")
        tap.check("no certificate has an id" in cli(weir, "thing", "attach", "a", "00000000", want=1), "no such id")
        tap.check("at least the first 4" in cli(weir, "thing", "attach", "a", "xyz", want=2), "no id")


def test_cert():
    """weir cert: create into files that only their owner reads, show, states, delete; for a request"""
    with alone({"region": "eu-west-1"}) as weir:
        iot = client(weir)
        out = os.path.join(weir.dir, "keys")
        os.mkdir(out)
        cert = cli(weir, "cert", "create", "--key-type", "P-256", "--out", out).strip()
        tap.equal(sorted(os.listdir(out)), sorted(cert + x for x in (".cert.pem", ".private.key", ".public.key")), "files")
        tap.equal({oct(os.stat(os.path.join(out, x)).st_mode & 0o777) for x in os.listdir(out)}, {"0o600"}, "modes")
        subprocess.run(["openssl", "x509", "-in", f"{out}/{cert}.cert.pem", "-noout"], check=True)
        tap.equal(iot.describe_certificate(certificateId=cert)["certificateDescription"]["status"], "INACTIVE", "status")
        for verb, status in (("activate", "ACTIVE"), ("deactivate", "INACTIVE")):
            tap.equal(cli(weir, "cert", verb, cert[:8]), f"{cert} is {status}\n", verb)
            tap.equal(iot.describe_certificate(certificateId=cert)["certificateDescription"]["status"], status, verb)
        tap.equal(cli(weir, "cert", "list").splitlines()[1].split()[:2], [cert, "INACTIVE"], "list")
        tap.check(f"id          {cert}" in cli(weir, "cert", "show", cert), "show")
        csr = os.path.join(out, "a.csr")
        subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a", "-keyout",
                        csr + ".key", "-out", csr], check=True, capture_output=True)
        made = cli(weir, "cert", "create", "--csr", csr, "--active", "--out", out).strip()
        tap.check(os.path.exists(f"{out}/{made}.cert.pem") and not os.path.exists(f"{out}/{made}.private.key"), "no key")
        cli(weir, "cert", "delete", made, want=1)
        cli(weir, "cert", "revoke", made, "--yes")
        cli(weir, "cert", "delete", made)
        tap.equal(len(iot.list_certificates()["certificates"]), 1, "deleted")
        cli(weir, "cert", "create", "--csr", out + "/none", want=2)


def test_package():
    """weir thing package: with the key that weir keeps, once; weir cert renew is the way out"""
    folder = support.temp_dir()
    ca = support.make_ca(folder)
    escrow = os.path.join(folder, "escrow.key")
    support.write_file(escrow, os.urandom(32).hex() + "\n", 0o600)
    with alone({"region": "eu-west-1", "admin": {"escrow_key": escrow, "broker_ca": ca[0]}}) as weir:
        cert = cli(weir, "cert", "create", "--key-type", "P-256", "--escrow", "--active", "--out", weir.dir).strip()
        cli(weir, "thing", "create", "lamp1", "--cert", cert)
        first, second, third = (os.path.join(weir.dir, x) for x in ("1.zip", "2.zip", "3.zip"))
        support.write_file(first, "mine")
        tap.check("is there already" in cli(weir, "thing", "package", "lamp1", "--out", first, want=1), "not over a file")
        os.remove(first)
        tap.equal(cli(weir, "thing", "package", "lamp1", "--out", first), first + "\n", "fetched")
        with zipfile.ZipFile(first) as z, open(f"{weir.dir}/{cert}.cert.pem") as f:
            tap.check("lamp1.private.key" in z.namelist(), z.namelist())
            tap.equal(z.read("lamp1.cert.pem").decode().strip(), f.read().strip(), "the certificate")
        tap.equal(oct(os.stat(first).st_mode & 0o777), "0o600", "mode")
        cli(weir, "thing", "package", "lamp1", "--out", second)
        with zipfile.ZipFile(second) as z:
            tap.check("lamp1.private.key" not in z.namelist(), "the key is given once")
        renewed = cli(weir, "cert", "renew", cert[:10]).strip()
        tap.check(renewed != cert and len(renewed) == 64, renewed)
        support.write_file(folder + "/phrase", "open sesame\n")
        cli(weir, "thing", "package", "lamp1", "--cert", renewed[:12], "--out", third, "--passphrase-file", folder + "/phrase")
        with zipfile.ZipFile(third) as z:
            tap.check("ENCRYPTED PRIVATE KEY" in z.read("lamp1.private.key").decode(), "encrypted")
        tap.check("open sesame" not in support.read_file(os.path.join(weir.state_dir, "audit.log")), "not in the audit log")


def test_policy():
    """weir policy: create, versions, attach, delete"""
    with alone({"region": "eu-west-1"}) as weir:
        iot = client(weir)
        file = os.path.join(weir.dir, "p.json")
        first = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
        support.write_file(file, first)
        tap.equal(cli(weir, "policy", "create", "p", file), "arn:aws:iot:eu-west-1:123456789012:policy/p\n", "ARN")
        tap.equal(cli(weir, "policy", "show", "p"), first + "\n", "document")
        support.write_file(file, first.replace("Allow", "Deny"))
        tap.equal(cli(weir, "policy", "update", "p", file), "version 2 is the default\n", "update")
        tap.equal([x.split()[:2] for x in cli(weir, "policy", "versions", "p").splitlines()[1:]],
                  [["1", "no"], ["2", "yes"]], "versions")
        cli(weir, "policy", "default", "p", "1")
        tap.equal(cli(weir, "policy", "show", "p", "2"), first.replace("Allow", "Deny") + "\n", "version 2")
        cert = cli(weir, "cert", "create", "--key-type", "P-256", "--out", weir.dir).strip()
        cli(weir, "policy", "attach", "p", cert[:8])
        arn = f"arn:aws:iot:eu-west-1:123456789012:cert/{cert}"
        tap.equal([x["policyName"] for x in iot.list_attached_policies(target=arn)["policies"]], ["p"], "attached")
        tap.check(arn in cli(weir, "policy", "targets", "p"), "targets")
        tap.check('"policyName":"p"' in cli(weir, "cert", "show", cert), "seen at the certificate")
        cli(weir, "policy", "delete", "p", "--yes", want=1)
        cli(weir, "policy", "detach", "p", cert[:8])
        cli(weir, "policy", "delete", "p", "--yes")
        tap.equal(iot.list_policies()["policies"], [], "deleted")
        support.write_file(file, "not JSON")
        tap.check("MalformedPolicyException" in cli(weir, "policy", "create", "q", file, want=2), "no JSON")


def test_tenant():
    """weir tenant: life, features, keys and tokens; --tenant of the other commands"""
    with alone({"region": "eu-west-1"}) as weir:
        tap.check(re.fullmatch(r"acme has the account \d{12} and is DISABLED\n", cli(weir, "tenant", "create", "acme")), "made")
        tap.equal(cli(weir, "tenant", "enable", "acme"), "acme is ENABLED\n", "enabled")
        cli(weir, "tenant", "create", "beta", "--feature", "iot.quota.things=3", "--enable")
        tap.equal(cli(weir, "tenant", "feature", "beta", "iot.quota.things"), "iot.quota.things = 3\n", "a number")
        tap.equal([x.split()[0] for x in cli(weir, "tenant", "list").splitlines()], ["NAME", "default", "acme", "beta"], "list")
        cli(weir, "tenant", "feature", "acme", "iot.topic_prefix", "plant/7/")
        tap.check('iot.topic_prefix = "plant/7/"\n' in cli(weir, "tenant", "feature", "acme"), "features")
        cli(weir, "tenant", "feature", "acme", "iot.thing_prefix", "--unset")
        tap.check("iot.thing_prefix" not in cli(weir, "tenant", "feature", "acme"), "unset")
        tap.check("overlaps" in cli(weir, "tenant", "feature", "beta", "iot.topic_prefix", "plant/", want=1), "overlap")
        key = dict(x.split("=", 1) for x in cli(weir, "tenant", "key", "create", "acme", "--role", "admin",
                                                "--ttl", "1h").split())
        iot = client(weir, (key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"]))
        cli(weir, "thing", "create", "a", "--tenant", "acme")
        tap.equal([x["thingName"] for x in iot.list_things()["things"]], ["a"], "acme's thing")
        tap.equal(cli(weir, "thing", "list"), "", "not the default tenant's")
        tap.check(key["AWS_ACCESS_KEY_ID"] in cli(weir, "tenant", "key", "list", "acme"), "listed")
        cli(weir, "tenant", "key", "delete", "acme", key["AWS_ACCESS_KEY_ID"])
        tap.check(cli(weir, "tenant", "token", "create", "acme", "--name", "ci").startswith("weir_"), "token")
        tap.equal(cli(weir, "tenant", "token", "list", "acme").splitlines()[1].split()[:3], ["1", "ci", "operator"], "listed")
        cli(weir, "tenant", "token", "delete", "acme", "1")
        cli(weir, "tenant", "delete", "acme", "--yes", want=1)
        tap.equal(cli(weir, "tenant", "disable", "acme"), "acme is DISABLED\n", "disabled")
        cli(weir, "tenant", "delete", "acme", "--yes")
        tap.check("acme" in cli(weir, "tenant", "list", "--deleted"), "in the trash")
        tap.check("expected create NAME" in cli(weir, "tenant", "key", "make", "beta", want=2), "wrong word")
        tap.check("a time of at least a second" in cli(weir, "tenant", "key", "create", "beta", "--ttl", "soon", want=2), "ttl")


def test_refusals():
    """Wrong words end with 2, refusals of weir with 1, and say why; without a weir it says that"""
    with alone() as weir:
        tap.check("expected " in cli(weir, "thing", "paint", want=2), "verb")
        tap.check("expected show NAME" in cli(weir, "thing", "show", want=2), "words")
        tap.check("expected NAME=VALUE, found 'x'" in cli(weir, "thing", "create", "a", "--attribute", "x", want=2),
                  "a pair")
        tap.check("does not exist" in (text := cli(weir, "thing", "show", "none", want=1))
                  or "(ResourceNotFoundException)" in text, text)
        tap.check("InvalidRequestException" in cli(weir, "thing", "create", "a b", want=2), "bad input")
        tap.check("there is no tenant nobody" in cli(weir, "thing", "list", "--tenant", "nobody", want=1), "tenant")
        weir.stop()
        tap.check("no weir runs here" in cli(weir, "thing", "list", want=1), "no weir")


def test_backup():
    """weir admin backup: while clients write; the copy is whole, and a weir with it in place goes on from there"""
    with alone({"region": "eu-west-1"}) as weir:
        key = access_key(weir)
        written, stop = [], threading.Event()

        def write():
            iot = client(weir, key)
            while not stop.is_set():
                iot.create_thing(thingName=f"t{len(written)}")
                written.append(len(written))
        thread = threading.Thread(target=write)
        thread.start()
        support.wait_for(lambda: len(written) > 50, "some writes")
        before = len(written)
        copy = os.path.join(weir.dir, "copy.db")
        out = cli(weir, "admin", "backup", copy)
        tap.check(re.fullmatch(re.escape(copy) + r": \d+ bytes, 1 tenants, \d+ things; checked\n", out), out)
        tap.equal(oct(os.stat(copy).st_mode & 0o777), "0o600", "mode")
        tap.check("File exists" in cli(weir, "admin", "backup", copy, want=1), "never over a file")
        support.wait_for(lambda: len(written) > before + 50, "more writes")
        stop.set()
        thread.join()
        in_copy = int(re.search(r"(\d+) things", out)[1])
        tap.check(before <= in_copy <= len(written), f"{before} {in_copy} {len(written)}")
        weir.stop()
        for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
            if os.path.exists(os.path.join(weir.state_dir, name)):
                os.remove(os.path.join(weir.state_dir, name))
        os.rename(copy, os.path.join(weir.state_dir, "registry.db"))
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        names = json.loads(cli(weir, "thing", "list", "--json"))["things"]
        tap.equal([x["thingName"] for x in names], [f"t{i}" for i in range(in_copy)], "what was there then")
        client(weir, key).create_thing(thingName="later")
        tap.check("No such file" in cli(weir, "admin", "backup", copy, "--state-dir", weir.dir, want=1), "no registry")


def test_completion():
    """The completions know the verbs, the man page and the help their words"""
    def out(*args):
        return subprocess.run([weir_module.binary(), *args], capture_output=True, text=True, check=True).stdout
    for shell in ("bash", "zsh"):
        line = next(x for x in out("help", "completion", shell).splitlines() if x.startswith("    thing) "))
        for word in (" list", " show", " create", "--attribute", "--tenant", "--json"):
            tap.check(word in line, f"{shell}: {word}: {line}")
    tap.check("  create NAME [--type TYPE] [--attribute NAME=VALUE]... [--cert CERTIFICATE]\n" in out("help", "thing"), "help")
    tap.check("weir thing" in out("help", "man"), "man page")


if __name__ == "__main__":
    support.main(globals())
