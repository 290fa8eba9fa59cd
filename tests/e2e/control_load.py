"""Many calls at once for the control plane's tests and its benchmark: bare HTTP over asyncio, certificates by the thousand."""
import asyncio
import base64
import hashlib
import json
import os
import subprocess
import tempfile


class Connection:
    """HTTP/1.1 with keep-alive, one request at a time."""

    async def open(self, where):
        self.reader, self.writer = await (asyncio.open_unix_connection(where) if isinstance(where, str)
                                          else asyncio.open_connection("127.0.0.1", where))
        return self

    async def ask(self, data):
        """(status, body); OSError or asyncio.IncompleteReadError when the server went away."""
        self.writer.write(data)
        head = await self.reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length:") + 15
        body = await self.reader.readexactly(int(head[at:head.index(b"\r\n", at)]))
        return int(head[9:12]), body

    def close(self):
        self.writer.close()


def request(method, target, body=None, headers=()):
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}",
             *(f"{k}: {v}" for k, v in headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def certificates():
    """Endless (id, PEM) of certificates that differ in their serial number: one is made, its 8 bytes are counted up.
    Nobody has signed them, which RegisterCertificateWithoutCA cannot see: it knows no CA."""
    with tempfile.TemporaryDirectory() as folder:
        pem = os.path.join(folder, "c.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", os.path.join(folder, "k.pem"), "-out", pem, "-days", "3650", "-subj", "/CN=load",
                        "-set_serial", "0x1122334455667788"], check=True, capture_output=True)
        with open(pem) as f:
            der = base64.b64decode("".join(line for line in f.read().splitlines() if "-" not in line))
    at = der.index(bytes.fromhex("1122334455667788"))
    n = 0x1122334455667788
    while True:
        n += 1
        changed = der[:at] + n.to_bytes(8, "big") + der[at + 8:]
        text = base64.encodebytes(changed).decode()
        yield hashlib.sha256(changed).hexdigest(), f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
