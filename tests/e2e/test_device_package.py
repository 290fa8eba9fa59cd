#!/usr/bin/python3
"""Device packages (engine/admin/device_package.h): read by Python's zipfile and unzip, summed by sha256sum, and connect.sh
against a real mosquitto that wants client certificates.

test_device_package.py PACKAGE_TOOL [TEST]...: the tool is tests/support/package_tool.
"""
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile

from pki import Folder, openssl
import support
from support import tap

TOOL = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else None
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


class Authorities(Folder):
    """A CA for devices, one for the broker, the broker's certificate and a device's."""

    def __init__(self):
        super().__init__()
        self.authority("devices")
        self.authority("brokers")
        self.signed("broker", "brokers", extension="subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.signed("device", "devices")
        self.signed("stranger", "brokers")

    def broker(self, config=""):
        lines = "\n".join([f"cafile {self.path('devices.pem')}", f"certfile {self.path('broker.pem')}",
                           f"keyfile {self.path('broker.key')}", "require_certificate true"])
        return support.Broker(listener=lines, config=config)


PKI = Authorities()


def package(status=0, **values):
    """The zip's bytes, or with another status what the tool said."""
    given = {"thing": "dev1", "tenant": "acme", "region": "eu-west-1", "id": "ab" * 32, "endpoint": "127.0.0.1",
             "port": "8883", "prefix": "acme", "cert": PKI.path("device.pem"), "root": PKI.path("brokers.pem"), **values}
    done = subprocess.run([TOOL] + [f"{name}={value}" for name, value in given.items() if value is not None],
                          capture_output=True, timeout=support.TIMEOUT)
    tap.equal(done.returncode, status, f"status of package_tool: {done.stderr!r}")
    return done.stdout if status == 0 else done.stderr.decode()


def unpacked(content):
    """A folder with the files, modes included (zipfile's own extract leaves them out)."""
    folder = support.temp_dir("wr-package-")
    with zipfile.ZipFile(io.BytesIO(content)) as z:
        tap.equal(z.testzip(), None, "the CRCs")
        for entry in z.infolist():
            path = z.extract(entry, folder)
            os.chmod(path, stat.S_IMODE(entry.external_attr >> 16))
    return folder


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return f.read()


def sums(folder):
    return subprocess.run(["sha256sum", "--strict", "-c", "MANIFEST.sha256"], cwd=folder, capture_output=True, text=True,
                          timeout=support.TIMEOUT)


def connect(folder, status, environment=None, shell="sh"):
    done = subprocess.run([shell, os.path.join(folder, "connect.sh")], cwd="/", capture_output=True, text=True,
                          timeout=support.TIMEOUT, env={**CLEAN, **(environment or {})}, stdin=subprocess.DEVNULL)
    tap.equal(done.returncode, status, f"status of connect.sh, which said: {done.stdout}{done.stderr}")
    return done


def test_files():
    content = package(key=PKI.path("device.key"))
    with zipfile.ZipFile(io.BytesIO(content)) as z:
        modes = {e.filename: oct(stat.S_IMODE(e.external_attr >> 16)) for e in z.infolist()}
        deflated = {e.compress_type for e in z.infolist()}
    tap.equal(modes, {"dev1.cert.pem": "0o644", "dev1.private.key": "0o600", "root-CA.crt": "0o644",
                      "config.json": "0o644", "connect.sh": "0o755", "README.txt": "0o644",
                      "MANIFEST.sha256": "0o644"}, "files and modes")
    tap.equal(deflated, {zipfile.ZIP_DEFLATED}, "compression")
    folder = unpacked(content)
    checked = sums(folder)
    tap.equal(checked.returncode, 0, checked.stderr)
    tap.equal(sorted(checked.stdout.split("\n")[:-1]),
              sorted(f"{name}: OK" for name in modes if name != "MANIFEST.sha256"), "every file is summed")
    tap.equal(json.loads(read(folder, "config.json")),
              {"endpoint": "127.0.0.1", "port": 8883, "clientId": "dev1", "thingName": "dev1", "certificateId": "ab" * 32,
               "tenant": "acme", "topicPrefix": "acme", "region": "eu-west-1", "certificate": "dev1.cert.pem",
               "privateKey": "dev1.private.key", "rootCA": "root-CA.crt"}, "config.json")
    tap.equal(read(folder, "dev1.cert.pem"), read(PKI.dir, "device.pem"), "the certificate")
    tap.equal(read(folder, "root-CA.crt"), read(PKI.dir, "brokers.pem"), "the root")
    tap.check(read(folder, "dev1.private.key").startswith("-----BEGIN PRIVATE KEY-----\n"), "PKCS#8")
    tap.equal(openssl(folder, "pkey", "-in", "dev1.private.key", "-pubout"),
              openssl(folder, "x509", "-in", "dev1.cert.pem", "-noout", "-pubkey"), "the key is the certificate's")
    secret = read(folder, "dev1.private.key").split("\n")[1]
    for name in ("connect.sh", "config.json", "README.txt", "MANIFEST.sha256"):
        tap.check(secret not in read(folder, name), f"no secret in {name}")
    tap.check("PROTECT dev1.private.key" in read(folder, "README.txt"), "what to protect")


def test_unzip():
    path = support.write_file(os.path.join(support.temp_dir(), "p.zip"), package(key=PKI.path("device.key")))
    folder = support.temp_dir()
    done = subprocess.run(["unzip", "-q", path], cwd=folder, capture_output=True, text=True, timeout=support.TIMEOUT)
    tap.equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "unzip")
    tap.equal(stat.S_IMODE(os.stat(os.path.join(folder, "dev1.private.key")).st_mode), 0o600, "the key's mode")
    tap.equal(stat.S_IMODE(os.stat(os.path.join(folder, "connect.sh")).st_mode) & 0o100, 0o100, "can be run")
    tap.equal(sums(folder).returncode, 0, "sums")


def test_without_key():
    folder = unpacked(package(no_key="it was downloaded on 2026-11-27 already."))
    tap.equal(sorted(os.listdir(folder)), ["MANIFEST.sha256", "README.txt", "config.json", "connect.sh", "dev1.cert.pem",
                                           "root-CA.crt"], "no key file")
    config = json.loads(read(folder, "config.json"))
    tap.check("privateKey" in config and config["privateKey"] is None, "null, and there")
    tap.check("it was downloaded on 2026-11-27 already." in read(folder, "README.txt"), "the reason")
    tap.equal(sums(folder).returncode, 0, "sums")
    tap.check("has no private key" in connect(folder, 2).stderr, "connect.sh says so")


def test_passphrase():
    folder = unpacked(package(key=PKI.path("device.key"), passphrase="open sesame"))
    tap.check(read(folder, "dev1.private.key").startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "encrypted")
    tap.equal(openssl(folder, "pkey", "-in", "dev1.private.key", "-passin", "pass:open sesame", "-pubout"),
              openssl(folder, "x509", "-in", "dev1.cert.pem", "-noout", "-pubkey"), "the pass phrase opens it")
    wrong = subprocess.run(["openssl", "pkey", "-in", "dev1.private.key", "-passin", "pass:open", "-noout"], cwd=folder,
                           capture_output=True, timeout=support.TIMEOUT)
    tap.equal(wrong.returncode, 1, "another does not")
    tap.check("4 to 1024 bytes" in package(status=2, key=PKI.path("device.key"), passphrase="abc"), "too short")


def test_refused():
    tap.check("control characters" in package(status=2, endpoint="a\nb"), "a line break")
    tap.check("the topic prefix" in package(status=2, prefix="x" * 600), "too long")
    tap.check("the broker's name" in package(status=2, endpoint=None), "no endpoint")
    tap.check("CA of the broker's certificate" in package(status=2, root=None), "no root")


def test_names():
    """Names that a shell or another system could take for something else."""
    folder = unpacked(package(thing="-a:b_9", key=PKI.path("device.key"), prefix="it's $(id) `id` \\ \"q\"",
                              endpoint="no.such.invalid"))
    tap.check({"_a_b_9.cert.pem", "_a_b_9.private.key"} <= set(os.listdir(folder)), "characters that every system takes")
    tap.equal(json.loads(read(folder, "config.json"))["thingName"], "-a:b_9", "the thing keeps its name")
    tap.equal(subprocess.run(["sh", "-n", "connect.sh"], cwd=folder, timeout=support.TIMEOUT).returncode, 0, "still a script")
    lines = read(folder, "connect.sh").split("\n")
    constant = next(line for line in lines if line.startswith("prefix="))
    said = subprocess.run(["sh", "-c", constant + '\nprintf %s "$prefix"'], capture_output=True, text=True, timeout=support.TIMEOUT)
    tap.equal(said.stdout, "it's $(id) `id` \\ \"q\"", "one word, nothing run")


def test_connect():
    with PKI.broker() as broker:
        folder = unpacked(package(key=PKI.path("device.key"), port=broker.port, prefix="acme/"))
        done = connect(folder, 0)
        tap.check(re.search(r'^acme/dev1/hello \{"hello":"\d+-\d+"\}\n$', done.stdout), "the message that came back")
        tap.check("subscribed to acme/dev1/#" in done.stderr and "connected, published and received" in done.stderr,
                 done.stderr)
        tap.check("No connection" not in done.stderr and "once more" not in done.stderr, "at the first try")
        connect(folder, 0, shell="bash")
        left = subprocess.run(["pgrep", "-f", f"mosquitto_sub .*-p {broker.port} "], capture_output=True, text=True,
                              timeout=support.TIMEOUT)
        tap.equal(left.stdout, "", "no client is left")
        plain = unpacked(package(thing="dev2", key=PKI.path("device.key"), port=broker.port, prefix=None))
        tap.check(re.search(r'^dev2/hello \{', connect(plain, 0).stdout), "without a prefix")


def test_connect_encrypted():
    with PKI.broker() as broker:
        folder = unpacked(package(key=PKI.path("device.key"), port=broker.port, passphrase="a b'c"))
        scratch = support.temp_dir()
        connect(folder, 0, {"PASSPHRASE": "a b'c", "TMPDIR": scratch})
        tap.check("wrong pass phrase" in connect(folder, 1, {"PASSPHRASE": "other", "TMPDIR": scratch}).stderr, "wrong pass phrase")
        tap.equal(os.listdir(scratch), [], "no key is left behind")


def test_connect_own_key():
    with PKI.broker() as broker:
        folder = unpacked(package(port=broker.port, no_key="the device made it."))
        connect(folder, 0, {"KEY": PKI.path("device.key")})
        tap.check("cannot be read" in connect(folder, 2, {"KEY": "/nonexistent"}).stderr, "no such file")


def test_connect_one_client_id():
    """The policy allows the thing's name only: the second client's message does not arrive."""
    acl = support.write_file(os.path.join(support.temp_dir(), "acl"), "pattern readwrite acme/%c/#\n")
    os.chmod(acl, 0o600)
    with PKI.broker(f"acl_file {acl}") as broker:
        folder = unpacked(package(key=PKI.path("device.key"), port=broker.port))
        done = connect(folder, 0)
        tap.check("over one connection" in done.stderr, done.stderr)
        tap.check(re.search(r'^acme/dev1/hello \{"hello":"\d+-\d+"\}\n$', done.stdout), "the message that came back")


def test_connect_without_stdbuf():
    """A system with mosquitto's clients and a shell, and no coreutils' stdbuf."""
    tools = support.temp_dir("wr-tools-")
    for name in ("sh", "mosquitto_sub", "mosquitto_pub", "mosquitto_rr", "dirname", "mktemp", "rm", "grep", "date", "sleep",
                 "cat", "head", "cut"):
        os.symlink(shutil.which(name), os.path.join(tools, name))
    with PKI.broker() as broker:
        folder = unpacked(package(key=PKI.path("device.key"), port=broker.port))
        done = connect(folder, 0, {"PATH": tools}, shell="/bin/sh")
        tap.check(done.stdout.startswith("acme/dev1/hello {"), done.stdout)


def test_connect_refused():
    with PKI.broker() as broker:
        stranger = unpacked(package(cert=PKI.path("stranger.pem"), key=PKI.path("stranger.key"), port=broker.port))
        tap.check("is the certificate ACTIVE" in connect(stranger, 1).stderr, "a certificate of another CA")
        other_root = unpacked(package(key=PKI.path("device.key"), root=PKI.path("devices.pem"), port=broker.port))
        tap.check("no connection" in connect(other_root, 1).stderr, "a broker that is not the one")
    nobody = unpacked(package(key=PKI.path("device.key"), port=support.free_port()))
    tap.check("no connection" in connect(nobody, 1).stderr, "no broker at all")
    without = connect(nobody, 2, {"PATH": "/nonexistent"}, shell="/bin/sh")
    tap.check("mosquitto_sub is not installed" in without.stderr, without.stderr)


if __name__ == "__main__":
    support.main(globals())
