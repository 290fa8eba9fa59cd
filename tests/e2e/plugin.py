"""mosquitto with weir-mosquitto.so: a TLS listener for devices, a plain one of the loopback for weir, a status table
that the test writes (status_tool), and what the plugin tells."""
import hashlib
import json
import os
import socket
import ssl
import subprocess
import threading

import support
from support import Failed, Process, temp_dir, wait_for, write_file

NEVER = 2524607999  # 2049-12-31
REGION, ACCOUNT = "eu-west-1", "000000000001"


def arn(resource, account=ACCOUNT):
    return f"arn:aws:iot:{REGION}:{account}:{resource}"


def allow(*rows, version="2012-10-17", effect="Allow", **members):
    """A policy: each row is (action or actions, resource or resources)."""
    return json.dumps({"Version": version, "Statement": [{"Effect": effect, "Action": a, "Resource": r, **members} for a, r in rows]})


ALL = allow(("iot:*", "*"))


class Certificate:
    """A device's certificate and key, made with openssl. subject: as -subj takes it."""

    def __init__(self, folder, name, ca, subject=None):
        self.cert, self.key = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
        csr = os.path.join(folder, name + ".csr")
        support._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject or f"/CN={name}",
                         "-keyout", self.key, "-out", csr)
        support._openssl("x509", "-req", "-in", csr, "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial", "-days", "2", "-out", self.cert)
        self.id = hashlib.sha256(ssl.PEM_cert_to_DER_cert(support.read_file(self.cert))).hexdigest()

    def row(self, tenant="acme", status="ACTIVE", policies=(ALL,), things=(), not_after=NEVER):
        return {"sha256": self.id, "tenant": tenant, "region": REGION, "status": status, "notAfter": not_after,
                "policies": list(policies), "things": list(things)}


class Events:
    """The unix datagram socket that weir would have."""

    def __init__(self, path):
        self.path, self.seen = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                self.seen.append(json.loads(self.socket.recv(65536)))
            except OSError:
                return

    def wait(self, event, start=0, **members):
        """The first event of this name and with these members."""
        def found():
            for e in list(self.seen[start:]):
                if e["event"] == event and all(e.get(k) == v for k, v in members.items()):
                    return e
            return None
        return wait_for(found, lambda: f"event {event} {members}, not in {self.seen[-10:]}")


class PluginBroker(support.Broker):
    """plugin: the .so; tool: status_tool. options: more lines of the plugin; config: more of the broker; identity: lines
    of the TLS listener instead of `use_identity_as_username false`. shared: weir's `broker.dir`: table, CAs and socket are
    weir's then, not the test's."""

    def __init__(self, plugin, tool, options="", config="", identity="use_identity_as_username false", key=True, start=True, shared=None):
        self.folder = temp_dir("wr-plugin-")
        self.tool, self.generation, self.tenants, self.rows = tool, 0, [], {}
        self.ca = support.make_ca(self.folder, "tenants")
        server = support.make_certificate(self.folder, "server", support.make_ca(self.folder, "server-ca"))
        capath = os.path.join(shared, "ca") if shared else os.path.join(self.folder, "capath")
        os.makedirs(capath, exist_ok=True)
        self.capath = capath
        self.status_file, self.socket_path = os.path.join(shared or self.folder, "status"), os.path.join(shared or self.folder, "events.sock")
        if not shared:
            self.add_ca(self.ca)
            self.events = Events(self.socket_path)
        self.key_file = write_file(os.path.join(self.folder, "mac.key"), os.urandom(32), 0o600)
        self.tls_port = support.free_port()
        password = os.path.join(self.folder, "passwords")
        code, _, err = support.run(["mosquitto_passwd", "-b", "-c", password, "weir", "secret"])
        support.tap.equal(code, 0, err)
        lines = [f"listener {self.tls_port} {support.HOST}", f"certfile {server[0]}", f"keyfile {server[1]}", f"capath {capath}",
                 "require_certificate true", identity, f"password_file {password}", f"plugin {plugin}",
                 f"plugin_opt_status_file {self.status_file}", f"plugin_opt_events_socket {self.socket_path}",
                 "plugin_opt_allow_user weir"]
        if key:
            lines.append(f"plugin_opt_mac_key_file {self.key_file}")
        self.server_ca = os.path.join(self.folder, "server-ca.crt")
        super().__init__(config="\n".join(lines + [options, config]), anonymous=False, start=start)
        self.client_options = ["-u", "weir", "-P", "secret"]

    def add_ca(self, ca):
        with open(ca[0], encoding="ascii") as f:
            write_file(os.path.join(self.capath, os.path.basename(ca[0])), f.read())
        support._openssl("rehash", self.capath)

    # ---- the table

    def tenant(self, name, account=ACCOUNT, prefix="", enabled=True):
        self.tenants = [t for t in self.tenants if t["name"] != name]
        self.tenants.append({"name": name, "account": account, "prefix": prefix, "enabled": enabled})

    def certificate(self, name, subject=None, ca=None, **row):
        """Make one, and put it into the table's rows."""
        c = Certificate(self.folder, name, ca or self.ca, subject)
        self.rows[c.id] = c.row(**row)
        return c

    def write_table(self, wait=True):
        """Write the table and wait until it is in force; the plugin's event."""
        self.generation += 1
        everything = {"generation": self.generation, "tenants": self.tenants, "certificates": list(self.rows.values())}
        done = subprocess.run([self.tool, self.status_file], input=json.dumps(everything), text=True, capture_output=True, check=False)
        support.tap.equal(done.returncode, 0, done.stderr)
        return self.events.wait("table", generation=self.generation) if wait else None

    # ---- devices

    def device_args(self, certificate, client, version=5):
        args = ["-h", support.HOST, "-p", self.tls_port, "--cafile", self.server_ca, "-V", "5" if version == 5 else "311"]
        args += ["-i", client] if client else []
        return args + (["--cert", certificate.cert, "--key", certificate.key] if certificate else [])

    def device_pub(self, certificate, client, topic, payload="x", version=5, options=()):
        """(exit status, what it said) of a device that publishes once."""
        args = ["mosquitto_pub", *self.device_args(certificate, client, version), "-t", topic, "-m", payload, "-q", 1, *options]
        code, out, err = support.run(args)
        return code, out + err

    def connects(self, certificate, client, version=5, options=()):
        """Whether a device gets in. It publishes to a topic that need not be allowed."""
        code, said = self.device_pub(certificate, client, "test/connects", version=version, options=(*options, "-q", "0"))
        # Refused, or cut off in the handshake or while mosquitto_pub was about to publish.
        if code and not any(x in said for x in ("authori", "connection was lost", "Protocol error")):
            raise Failed(f"mosquitto_pub: {code} {said}")
        return code == 0

    def device_sub(self, certificate, client, *filters, version=5, options=("-F", "%t %p")):
        """A device that stays: mosquitto_sub as a Process, once it has subscribed."""
        topics = [x for f in filters for x in ("-t", f)]
        start = len(self.process.err_lines)
        p = Process(["stdbuf", "-oL", "mosquitto_sub", *self.device_args(certificate, client, version), "-q", "1", *topics, *options],
                    name=f"device {client}")
        self.process.wait_line(f"Sending SUBACK to {client}", start=start)
        return p

    def receives(self, certificate, client, topic_filter, topic, version=5):
        """Whether a device that subscribes to `topic_filter` gets what weir publishes to `topic`; None: it may not subscribe."""
        sub = self.device_sub(certificate, client, topic_filter, version=version)
        probe = self.subscriber(topic)
        start = len(self.process.err_lines)
        self.publish(topic, "hello")
        wait_for(lambda: probe.lines, "weir's own copy")  # the broker has been through all subscribers
        wait_for(lambda: any("Sending PUBACK to" in x for x in self.process.err_lines[start:]), "the broker's log")
        sent = any(f"Sending PUBLISH to {client} " in x for x in self.process.err_lines[start:])
        try:
            support.wait_for(lambda: sub.lines or not sub.alive(), "a message or a refusal", timeout=None if sent else 3)
        except Failed:
            support.tap.check(not sent, "the message that the broker sent")
        refused = "denied" in sub.stderr.lower() or "not authori" in sub.stderr.lower()
        got = bool(sub.lines)
        sub.stop()
        probe.stop()
        return None if refused else got
