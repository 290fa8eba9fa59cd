#!/usr/bin/env python3
"""Device keys in escrow, device packages and renewed certificates over the API: from CreateKeysAndCertificate to a
device that connects, and everything that must not happen on the way.

usage: test_devices.py BUILD/weir [test_NAME]...
"""
import io
import json
import os
import sqlite3
import stat
import subprocess
import zipfile

from control import access_key, alone, client, own, port, refused, sock
from http_client import ask
from pki import Folder, openssl
import support
from support import tap, wait_for
from weir import Weir

PKI = Folder()
PKI.authority("brokers")
PKI.signed("broker", "brokers", extension="subjectAltName=IP:127.0.0.1,DNS:localhost")
KEY = support.write_file(PKI.path("escrow.key"), os.urandom(32), 0o400)
OTHER_KEY = support.write_file(PKI.path("other.key"), os.urandom(32).hex() + "\n", 0o600)


def running(**admin):
    return alone({"region": "eu-west-1", "admin": {"escrow_key": KEY, "broker_ca": PKI.path("brokers.pem"), "endpoint": "127.0.0.1",
                            **admin}})


def made(iot, **query):
    """CreateKeysAndCertificate with weir's own query members."""
    def add(request, **_):
        request.url += "?" + "&".join(f"{k}={v}" for k, v in query.items())
    iot.meta.events.register("before-sign.iot.CreateKeysAndCertificate", add, unique_id="own")
    try:
        return iot.create_keys_and_certificate()
    finally:
        iot.meta.events.unregister("before-sign.iot.CreateKeysAndCertificate", unique_id="own")


def thing(iot, name, *certificates):
    iot.create_thing(thingName=name)
    for certificate in certificates:
        iot.attach_thing_principal(thingName=name, principal=certificate["certificateArn"])


def package(weir, name, body=None, where=None, headers=None):
    return ask(where or sock(weir), "POST", f"/weir/v1/things/{name}/device-package", headers=headers,
               body=None if body is None else json.dumps(body))


def files(answer):
    tap.equal(answer.status, 200, answer.text[:300])
    with zipfile.ZipFile(io.BytesIO(answer.body)) as z:
        return {e.filename: z.read(e).decode() for e in z.infolist()}


def unpacked(answer):
    folder = support.temp_dir("wr-package-")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as z:
        for entry in z.infolist():
            os.chmod(z.extract(entry, folder), stat.S_IMODE(entry.external_attr >> 16))
    return folder


def public(pem):
    return openssl("/", "pkey", "-pubout", text=pem)


def test_once():
    """A key that was kept is in the package once; then the package says why it has none"""
    with running() as weir:
        iot = client(weir)
        one = made(iot, keyEscrow="true", setAsActive="true")
        tap.check(one["keyPair"]["PrivateKey"].startswith("-----BEGIN RSA PRIVATE KEY"), "answered as always")
        thing(iot, "lamp:1", one)
        answer = package(weir, "lamp:1")
        got = files(answer)
        tap.equal((answer.headers["content-type"], answer.headers["content-disposition"], answer.headers["cache-control"]),
                  ("application/zip", 'attachment; filename="lamp_1.zip"', "no-store"), "headers")
        tap.equal(public(got["lamp_1.private.key"]), one["keyPair"]["PublicKey"], "the key")
        tap.equal(got["lamp_1.cert.pem"], one["certificatePem"], "the certificate")
        tap.equal(got["root-CA.crt"], PKI.read("brokers.pem"), "the broker's CA")
        config = json.loads(got["config.json"])
        tap.equal((config["endpoint"], config["port"], config["clientId"], config["certificateId"], config["tenant"],
                   config["region"], config["privateKey"]),
                  ("127.0.0.1", 8883, "lamp:1", one["certificateId"], "default", "eu-west-1", "lamp_1.private.key"), "config")
        again = package(weir, "lamp:1")
        got = files(again)
        tap.check("lamp_1.private.key" not in got and json.loads(got["config.json"])["privateKey"] is None, "once")
        tap.check("it was fetched on 20" in got["README.txt"], got["README.txt"])
        tap.check("no private key: it was fetched on" in again.headers["x-weir-warning"], "said")
        with sqlite3.connect(os.path.join(weir.state_dir, "registry.db")) as db:
            tap.equal(db.execute("SELECT state, key FROM escrow").fetchall(), [("FETCHED", None)], "destroyed")


def test_not_kept():
    """Without keyEscrow nothing is kept; CSR and registered certificates never have a key"""
    with running() as weir:
        iot = client(weir)
        plain = iot.create_keys_and_certificate(setAsActive=True)
        csr = iot.create_certificate_from_csr(certificateSigningRequest=PKI.request("csr"), setAsActive=True)
        for name, one in (("plain", plain), ("csr", csr)):
            thing(iot, name, one)
            got = files(package(weir, name))
            tap.check("weir never had it, or was not asked to keep it." in got["README.txt"], got["README.txt"])
            tap.check(f"{name}.private.key" not in got, "no key")


def test_passphrase():
    """With a pass phrase the key in the package is encrypted; a bad one costs nothing"""
    with running() as weir:
        iot = client(weir)
        one = made(iot, keyEscrow="true", keyType="P-256")
        thing(iot, "a", one)
        for bad in ("Zq7", "", "Zq7" * 400):
            answer = package(weir, "a", {"passphrase": bad})
            tap.equal((answer.status, "expected 4 to 1024" in answer.message, "Zq7" in answer.text), (400, True, False),
                      answer.text)
        got = files(package(weir, "a", {"passphrase": "open sesame"}))
        tap.check(got["a.private.key"].startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "PKCS#8, encrypted")
        opened = openssl("/", "pkey", "-passin", "pass:open sesame", "-pubout", text=got["a.private.key"])
        tap.equal(opened, one["keyPair"]["PublicKey"], "the pass phrase opens it")
        tap.check("open sesame" not in weir.process.stderr, "not in the log")


def test_connects():
    """The package's connect.sh connects to a real broker that trusts the tenant's CA"""
    with running() as weir:
        iot = client(weir)
        one = made(iot, keyEscrow="true", setAsActive="true")
        thing(iot, "dev", one)
        with sqlite3.connect(os.path.join(weir.state_dir, "registry.db")) as db:
            support.write_file(PKI.path("tenant.pem"), db.execute("SELECT pem FROM authorities").fetchone()[0])
        tls = "\n".join([f"cafile {PKI.path('tenant.pem')}", f"certfile {PKI.path('broker.pem')}",
                         f"keyfile {PKI.path('broker.key')}", "require_certificate true"])
        with support.Broker(listener=tls) as broker:
            weir.stop()
            weir.configure({"region": "eu-west-1", "mqtt": {"url": f"mqtts://127.0.0.1:{broker.port}", "ca_file": PKI.path("brokers.pem")},
                            "admin": {"escrow_key": KEY}})
            weir.start(wait=False)
            weir.process.wait_line("started: pid")
            folder = unpacked(package(weir, "dev"))
            done = subprocess.run([os.path.join(folder, "connect.sh")], capture_output=True, text=True, timeout=support.TIMEOUT)
            tap.equal(done.returncode, 0, done.stdout + done.stderr)
            tap.check(done.stdout.startswith('dev/hello {"hello":'), done.stdout)


def test_which():
    """Which certificate: the one that is said, the only one, or the only one that may connect"""
    with running() as weir:
        iot = client(weir)
        one, two = made(iot, keyEscrow="true"), made(iot, keyEscrow="true")
        three = made(iot, keyEscrow="true")
        thing(iot, "a", one, two)
        thing(iot, "empty")
        cases = (("none", None, 404, "Thing none not found"), ("empty", None, 400, "No certificate is attached"),
                 ("a", None, 400, "2 certificates are attached to the thing a, 0 of them ACTIVE"),
                 ("a", {"certificateId": three["certificateId"]}, 404, "is not attached to the thing a"),
                 ("a", {"certificateId": "ab"}, 400, "certificateId"))
        for name, body, status, text in cases:
            answer = package(weir, name, body)
            tap.equal((answer.status, text in answer.message), (status, True), answer.text)
        iot.update_certificate(certificateId=two["certificateId"], newStatus="ACTIVE")
        tap.equal(json.loads(files(package(weir, "a"))["config.json"])["certificateId"], two["certificateId"], "the active one")
        said = files(package(weir, "a", {"certificateId": one["certificateId"].upper()}))
        tap.equal(public(said["a.private.key"]), one["keyPair"]["PublicKey"], "the one that is said")
        iot.update_certificate(certificateId=two["certificateId"], newStatus="REVOKED")
        answer = package(weir, "a", {"certificateId": two["certificateId"]})
        tap.equal((answer.status, answer.headers["x-amzn-errortype"]), (406, "CertificateStateException"), answer.text)


def test_who():
    """Packages are for admins and device-packagers, over the socket or with a token"""
    with running() as weir:
        iot = client(weir)
        thing(iot, "a", made(iot, keyEscrow="true"))
        for role, want in (("viewer", 403), ("operator", 403), ("device-packager", 200)):
            token = own(weir, "POST", "/weir/v1/tenants/default/tokens", {"role": role, "name": role}).json["token"]
            answer = package(weir, "a", where=port(weir), headers={"Authorization": "Bearer " + token})
            tap.equal(answer.status, want, f"{role}: {answer.text[:200]}")
        tap.check("a.private.key" in files(answer), "with the key: refused calls had cost nothing")
        refused("AccessDeniedException", 403, client(weir, access_key(weir, role="device-packager")).create_thing,
                thingName="b")


def test_switched_off():
    """Nothing is kept without the operator's key, or when the tenant keeps none; keep gives it again and again"""
    with alone({"region": "eu-west-1", "admin": {"broker_ca": PKI.path("brokers.pem")}}) as weir:
        iot = client(weir)
        error = refused("InvalidRequestException", 400, made, iot=iot, keyEscrow="true")
        tap.check("admin.escrow_key" in str(error), str(error))
        tap.equal(iot.list_certificates()["certificates"], [], "nothing was made")
    with running() as weir:
        iot = client(weir)

        def feature(value):
            answer = own(weir, "PUT", "/weir/v1/tenants/default/features/iot.key_escrow", {"value": value})
            tap.equal(answer.status, 200, answer.text)
        feature("off")
        error = refused("InvalidRequestException", 400, made, iot=iot, keyEscrow="true")
        tap.check("iot.key_escrow is off" in str(error), str(error))
        feature("keep")
        thing(iot, "a", made(iot, keyEscrow="true"))
        for _ in range(3):
            tap.check("a.private.key" in files(package(weir, "a")), "kept")
    with alone({"region": "eu-west-1", "admin": {"escrow_key": KEY}}) as weir:
        iot = client(weir)
        thing(iot, "a", made(iot, keyEscrow="true"))
        answer = package(weir, "a")
        tap.equal((answer.status, "admin.broker_ca" in answer.message), (400, True), answer.text)
        weir.stop()
        weir.configure({"region": "eu-west-1", "mqtt": {"url": "mqtt://127.0.0.1:1"}, "admin": {"broker_ca": "/nonexistent", "escrow_key": KEY}})
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        answer = package(weir, "a")
        tap.equal((answer.status, "/nonexistent: No such file" in answer.message), (500, True), answer.text)


def test_own_broker():
    """A tenant with a broker of its own: its endpoint, port and CA"""
    own_ca = support.write_file(PKI.path("own-broker.pem"), PKI.authority("own-broker"))
    config = {"region": "eu-west-1", "admin": {"escrow_key": KEY, "broker_ca": PKI.path("brokers.pem")},
              "brokers": {"second": {"url": "mqtts://second.example:18883", "ca_file": own_ca}}}
    with alone(config) as weir:
        own(weir, "POST", "/weir/v1/tenants", {"name": "acme"})
        for name, value in (("iot.broker", "second"), ("iot.enabled", True)):
            answer = own(weir, "PUT", f"/weir/v1/tenants/acme/features/{name}", {"value": value})
            tap.equal(answer.status, 200, answer.text)
        wait_for(lambda: own(weir, "GET", "/weir/v1/tenants/acme").json["state"] == "ENABLED", "the tenant")
        iot = client(weir, access_key(weir, "acme"))
        tap.equal(iot.describe_endpoint()["endpointAddress"], "second.example", "its endpoint")
        tap.equal(client(weir).describe_endpoint()["endpointAddress"], "127.0.0.1", "the default tenant's")
        thing(iot, "acme-a", made(iot, keyEscrow="true"))
        got = files(ask(sock(weir), "POST", "/t/acme/weir/v1/things/acme-a/device-package"))
        config = json.loads(got["config.json"])
        tap.equal((config["endpoint"], config["port"], config["tenant"], config["topicPrefix"]),
                  ("second.example", 18883, "acme", "acme/"), "config.json")
        tap.equal(got["root-CA.crt"], PKI.read("own-broker.pem"), "its CA")
        tap.check("begin with acme/acme-a/" in got["README.txt"], got["README.txt"])
        tap.equal(package(weir, "acme-a").status, 404, "the default tenant has no such thing")


def test_expiry():
    """A key that nobody fetched in time is destroyed, also while nobody calls; so is a revoked certificate's"""
    with running(escrow_ttl="1s") as weir:
        iot = client(weir)
        one = made(iot, keyEscrow="true")
        thing(iot, "a", one)
        thing(iot, "b", made(iot, keyEscrow="true"))
        weir.stop()

        def rows():
            with sqlite3.connect(os.path.join(weir.state_dir, "registry.db")) as db:
                return db.execute("SELECT state, key IS NULL, expires_ms FROM escrow ORDER BY 1").fetchall()
        wait_for(lambda: max(r[2] for r in rows()) < support.time.time() * 1000, "the end")
        weir.start(wait=False)
        weir.process.wait_line("device keys that nobody fetched were destroyed: 2")
        tap.equal([r[:2] for r in rows()], [("EXPIRED", 1), ("EXPIRED", 1)], "destroyed")
        got = files(package(weir, "a"))
        tap.check("nobody fetched it until 20" in got["README.txt"] and "a.private.key" not in got, got["README.txt"])
    with running() as weir:
        iot = client(weir)
        one = made(iot, keyEscrow="true")
        iot.update_certificate(certificateId=one["certificateId"], newStatus="REVOKED")
        with sqlite3.connect(os.path.join(weir.state_dir, "registry.db")) as db:
            tap.equal(db.execute("SELECT state, key FROM escrow").fetchall(), [("REVOKED", None)], "destroyed")
        iot.delete_certificate(certificateId=one["certificateId"])
        with sqlite3.connect(os.path.join(weir.state_dir, "registry.db")) as db:
            tap.equal(db.execute("SELECT count(*) FROM escrow").fetchall(), [(0,)], "gone with the certificate")


def test_sealed():
    """What is kept is sealed: no file of weir's has the key, and another escrow key does not open it"""
    with running() as weir:
        iot = client(weir)
        one = made(iot, keyEscrow="true", keyType="P-256")
        thing(iot, "a", one)
        der = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], capture_output=True,
                             input=one["keyPair"]["PrivateKey"].encode(), timeout=support.TIMEOUT).stdout
        pem = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt"], capture_output=True, text=True,
                             input=one["keyPair"]["PrivateKey"], timeout=support.TIMEOUT).stdout.split("\n")[1]
        weir.stop()
        for folder, _, names in os.walk(weir.state_dir):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    content = f.read()
                tap.check(der[40:70] not in content and pem.encode() not in content, f"the key is in {name}")
        tap.check(pem not in weir.process.stderr if weir.process else True, "nor in the log")
        weir.configure({"region": "eu-west-1", "mqtt": {"url": "mqtt://127.0.0.1:1"},
                        "admin": {"escrow_key": OTHER_KEY, "broker_ca": PKI.path("brokers.pem")}})
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        answer = package(weir, "a")
        tap.equal((answer.status, "sealed with the key of id" in answer.message), (500, True), answer.text)
        weir.stop()
        weir.configure({"region": "eu-west-1", "mqtt": {"url": "mqtt://127.0.0.1:1"},
                        "admin": {"escrow_key": KEY, "broker_ca": PKI.path("brokers.pem")}})
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        tap.equal(public(files(package(weir, "a"))["a.private.key"]), one["keyPair"]["PublicKey"], "still there")


def test_key_files():
    """Escrow keys that others may read, that lie in the state folder, or are none: weir does not start, and says why"""
    cases = ((b"x" * 31, 0o600, "31 bytes that are no key"), (os.urandom(32), 0o644, "mode 0644 lets others at the key"))
    for content, mode, text in cases:
        path = support.write_file(PKI.path("bad.key"), content, mode)
        not_started(path, text)
    not_started("/nonexistent", "No such file")
    weir = Weir(None, config={"mqtt": {"url": "mqtt://127.0.0.1:1"}}, start=False)
    support.write_file(os.path.join(weir.state_dir, "my.key"), os.urandom(32), 0o600)
    not_started(os.path.join(weir.state_dir, "my.key"), "lies in the state folder", weir)


def not_started(path, text, weir=None):
    weir = weir or Weir(None, config={}, start=False)
    weir.configure({"region": "eu-west-1", "mqtt": {"url": "mqtt://127.0.0.1:1"}, "admin": {"escrow_key": path}})
    weir.start(wait=False)
    weir.process.wait_line(text)
    tap.equal(weir.process.popen.wait(support.TIMEOUT), 2, "status")
    tap.check("admin.escrow_key: " in weir.process.stderr, "which option")


def renew(weir, certificate_id, **body):
    return own(weir, "POST", f"/weir/v1/certificates/{certificate_id}/renew", body)


def test_renew():
    """Renewed: a new key and certificate on the same things and policies, the old one INACTIVE; then the package"""
    with running() as weir:
        iot = client(weir)
        old = made(iot, setAsActive="true")
        thing(iot, "a", old)
        iot.create_policy(policyName="p", policyDocument='{"Version":"2012-10-17","Statement":[]}')
        iot.attach_policy(policyName="p", target=old["certificateArn"])
        answer = renew(weir, old["certificateId"])
        tap.equal(answer.status, 200, answer.text)
        new = answer.json
        tap.equal(new["replaced"], {"certificateId": old["certificateId"], "status": "INACTIVE"}, "the old one")
        tap.check("keyPair" not in new and new["keyEscrowedUntil"] > support.time.time() + 6 * 86400, "kept, not answered")
        tap.equal(iot.describe_certificate(certificateId=old["certificateId"])["certificateDescription"]["status"], "INACTIVE",
                  "the old one")
        tap.equal(iot.describe_certificate(certificateId=new["certificateId"])["certificateDescription"]["status"], "ACTIVE",
                  "the new one")
        tap.equal(sorted(iot.list_thing_principals(thingName="a")["principals"]),
                  sorted([old["certificateArn"], new["certificateArn"]]), "on the thing")
        tap.equal([x["policyName"] for x in iot.list_attached_policies(target=new["certificateArn"])["policies"]], ["p"], "policy")
        got = files(package(weir, "a"))
        tap.equal(json.loads(got["config.json"])["certificateId"], new["certificateId"], "the package is the new one's")
        tap.equal(public(got["a.private.key"]), openssl("/", "x509", "-noout", "-pubkey", text=new["certificatePem"]), "its key")
        mine = renew(weir, new["certificateId"], keyEscrow=False, keyType="P-256").json
        tap.check(mine["keyPair"]["PrivateKey"].startswith("-----BEGIN EC"), "for who wants the key himself")
        asleep = renew(weir, old["certificateId"]).json
        tap.equal(asleep["replaced"]["status"], "INACTIVE", "it was")
        tap.equal(iot.describe_certificate(certificateId=asleep["certificateId"])["certificateDescription"]["status"],
                  "INACTIVE", "who was barred stays barred")
        iot.update_certificate(certificateId=mine["certificateId"], newStatus="REVOKED")
        tap.equal(renew(weir, mine["certificateId"], setAsActive=True).json["replaced"]["status"], "REVOKED", "final")
        tap.equal(renew(weir, "ab" * 32).status, 404, "unknown")
        viewer = own(weir, "POST", "/weir/v1/tenants/default/tokens", {"role": "viewer", "name": "v"}).json["token"]
        answer = ask(port(weir), "POST", f"/weir/v1/certificates/{old['certificateId']}/renew",
                     headers={"Authorization": "Bearer " + viewer})
        tap.equal(answer.status, 403, "not for viewers")


if __name__ == "__main__":
    support.main(globals())
