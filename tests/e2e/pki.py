"""Certificates that tests make with openssl: CAs, and what they sign, in a folder of their own."""
import os
import subprocess
import tempfile

import support

EC = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


class Folder:
    """Files NAME.key, NAME.csr, NAME.pem in a folder that ends with the process."""

    def __init__(self):
        self.held = tempfile.TemporaryDirectory(prefix="wr-pki-")
        self.dir = self.held.name

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def openssl(self, *arguments):
        return openssl(self.dir, *arguments)

    def authority(self, name, subject=None, key=None):
        """A CA signed by itself; `key` of another: the same key again."""
        new = ["-key", f"{key}.key"] if key else ["-newkey", *EC, "-noenc", "-keyout", f"{name}.key"]
        self.openssl("req", "-x509", "-new", *new, "-out", f"{name}.pem", "-days", "3650", "-subj", subject or f"/CN={name}",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        return self.read(f"{name}.pem")

    def request(self, name, subject=None, kind=None, *more):
        """A key and a signing request."""
        self.openssl("req", "-new", "-newkey", *(kind or EC), "-noenc", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                     "-subj", subject or f"/CN={name}", *more)
        return self.read(f"{name}.csr")

    def signed(self, name, by, subject=None, extension="basicConstraints=critical,CA:FALSE", kind=None, *more):
        """A certificate that the CA `by` signed."""
        self.request(name, subject, kind)
        support.write_file(self.path("ext.cnf"), extension + "\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-days", "3650",
                     "-extfile", "ext.cnf", "-out", f"{name}.pem", *more)
        return self.read(f"{name}.pem")


def openssl(folder, *arguments, text=None):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=support.TIMEOUT, input=text)
    if done.returncode:
        raise support.Failed(f"openssl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def id_of(pem):
    """A certificate's id: SHA-256 of the DER."""
    text = openssl("/", "x509", "-noout", "-fingerprint", "-sha256", text=pem)
    return text.strip().split("=")[1].replace(":", "").lower()
