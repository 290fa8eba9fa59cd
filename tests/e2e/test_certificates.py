#!/usr/bin/env python3
"""Certificates of the control plane: made, registered, changed, listed, transferred, with Debian's boto3 and openssl.

usage: test_certificates.py BUILD/weir [test_NAME]...
"""
import datetime
import hashlib
import json
import os
import sqlite3
import time

from control import REGION, access_key, alone, awscli, client, own, pages, refused
from pki import Folder, id_of, openssl
import support
from support import tap

ACCOUNT = "123456789012"
PKI = Folder()


def arn_of(certificate_id, account=ACCOUNT, kind="cert"):
    return f"arn:aws:iot:{REGION}:{account}:{kind}/{certificate_id}"


def described(iot, certificate_id):
    return iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]


def status_of(iot, certificate_id):
    return described(iot, certificate_id)["status"]


def public_key(pem):
    return openssl("/", "x509", "-noout", "-pubkey", text=pem)


def message(error):
    return error.get("message") or error["Error"]["Message"]


def sql(weir, text, *values):
    """What no call does: a state that only AWS IoT itself sets."""
    with sqlite3.connect(os.path.join(weir.state_dir, "registry.db"), timeout=support.TIMEOUT) as db:
        return db.execute(text, values).fetchall()


def is_now(when):
    return abs(when.timestamp() - time.time()) < 60


def test_create_keys():
    """CreateKeysAndCertificate: a key pair as AWS writes it, a certificate as AWS fills it"""
    with alone() as weir:
        iot = client(weir)
        made = iot.create_keys_and_certificate(setAsActive=True)
        pem, pair = made["certificatePem"], made["keyPair"]
        tap.equal(made["certificateId"], id_of(pem), "the id is the SHA-256 of the DER")
        tap.equal(made["certificateArn"], arn_of(made["certificateId"]), "ARN")
        tap.check(pair["PrivateKey"].startswith("-----BEGIN RSA PRIVATE KEY-----\n"), "PKCS#1")
        tap.check(pair["PublicKey"].startswith("-----BEGIN PUBLIC KEY-----\n"), "SPKI")
        tap.equal(openssl("/", "pkey", "-pubout", text=pair["PrivateKey"]), pair["PublicKey"], "a pair")
        tap.equal(public_key(pem), pair["PublicKey"], "the certificate's key")
        tap.check("(2048 bit" in openssl("/", "pkey", "-text", "-noout", text=pair["PrivateKey"]), "RSA-2048")
        text = openssl("/", "x509", "-noout", "-text", "-nameopt", "RFC2253", text=pem)
        for part in ("Version: 3", "Subject: CN=AWS IoT Certificate", "Issuer: CN=weir CA default ",
                     "Not After : Dec 31 23:59:59 2049 GMT", "X509v3 Basic Constraints: critical", "CA:FALSE",
                     "X509v3 Key Usage: critical", "Digital Signature", "X509v3 Subject Key Identifier",
                     "X509v3 Authority Key Identifier"):
            tap.check(part in text, f"{part} in {text}")
        got = described(iot, made["certificateId"])
        tap.equal((got["status"], got["certificatePem"], got["ownedBy"], got["certificateMode"], got["customerVersion"]),
                  ("ACTIVE", pem, ACCOUNT, "DEFAULT", 1), "described")
        tap.check(is_now(got["creationDate"]) and got["lastModifiedDate"] == got["creationDate"], "dates")
        tap.equal(got["validity"]["notAfter"], datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc),
                  "validity")
        tap.check(is_now(got["validity"]["notBefore"] + datetime.timedelta(seconds=120)), "valid from two minutes before")
        tap.check(got["generationId"] and got["transferData"] == {} and "caCertificateId" not in got, "the rest")
        tap.equal(status_of(iot, iot.create_keys_and_certificate()["certificateId"]), "INACTIVE", "unless asked for")
        key = pair["PrivateKey"].split("\n")[5]
        for name in os.listdir(weir.state_dir):
            path = os.path.join(weir.state_dir, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    tap.check(key.encode() not in f.read(), f"the private key is in {name}")
        tap.check(key not in weir.process.stderr, "the private key is in the log")


def test_create_p256():
    """weir's option keyType: a P-256 key"""
    with alone() as weir:
        iot = client(weir)

        def ask(value):
            def add(request, **_):
                request.url += ("&" if "?" in request.url else "?") + "keyType=" + value
            iot.meta.events.register("before-sign.iot.CreateKeysAndCertificate", add, unique_id="key")
        ask("P-256")
        made = iot.create_keys_and_certificate()
        tap.check(made["keyPair"]["PrivateKey"].startswith("-----BEGIN EC PRIVATE KEY-----\n"), "SEC 1")
        tap.check("prime256v1" in openssl("/", "pkey", "-text", "-noout", text=made["keyPair"]["PrivateKey"]), "P-256")
        tap.equal(public_key(made["certificatePem"]), made["keyPair"]["PublicKey"], "the certificate's")
        iot.meta.events.unregister("before-sign.iot.CreateKeysAndCertificate", unique_id="key")
        ask("P-384")
        refused("InvalidRequestException", 400, iot.create_keys_and_certificate)


def test_authority():
    """All certificates of a tenant have one issuer, which signed them; it lasts over a restart"""
    with alone() as weir:
        key = access_key(weir)
        iot = client(weir, key)
        first = iot.create_keys_and_certificate()["certificatePem"]
        weir.stop()
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        second = client(weir, key).create_keys_and_certificate()["certificatePem"]
        ca = sql(weir, "SELECT pem FROM authorities")
        tap.equal(len(ca), 1, "one CA")
        for name, pem in (("ca", ca[0][0]), ("first", first), ("second", second)):
            support.write_file(PKI.path(f"{name}.pem"), pem)
        said = PKI.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", "first.pem", "second.pem")
        tap.equal(said, "first.pem: OK\nsecond.pem: OK\n", "verified by openssl")


def test_csr():
    """CreateCertificateFromCsr: its key and subject; twice gives two; bad ones are refused with a reason"""
    with alone() as weir:
        iot = client(weir)
        for name, kind in (("rsa", ["rsa:2048"]), ("p256", None), ("p384", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
                           ("p521", ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"])):
            csr = PKI.request(name, f"/CN={name}/O=Example", kind)
            made = iot.create_certificate_from_csr(certificateSigningRequest=csr, setAsActive=name == "rsa")
            tap.equal(made["certificateId"], id_of(made["certificatePem"]), "id")
            tap.equal(public_key(made["certificatePem"]), PKI.openssl("req", "-in", f"{name}.csr", "-noout", "-pubkey"), "key")
            subject = openssl("/", "x509", "-noout", "-subject", "-nameopt", "RFC2253", text=made["certificatePem"])
            tap.equal(subject, f"subject=O=Example,CN={name}\n", "subject")
            tap.equal(status_of(iot, made["certificateId"]), "ACTIVE" if name == "rsa" else "INACTIVE", "status")
            tap.check("keyPair" not in made, "no key")
        again = iot.create_certificate_from_csr(certificateSigningRequest=csr)
        tap.check(again["certificateId"] != made["certificateId"], "two certificates of one request")
        old = PKI.request("old", "/CN=old", ["rsa:2048"], "-sha1")
        iot.create_certificate_from_csr(certificateSigningRequest=old)
        small = PKI.request("small", "/CN=small", ["rsa:1024"])
        cases = (("", "length greater than or equal to 1"), ("nonsense", "found no PEM block"),
                 (small, "an RSA key of 1024 bits"), (csr[:len(csr) // 2], "has no end"),
                 (csr.replace("REQUEST", "REQUESTS"), "expected '-----BEGIN CERTIFICATE"), ("x" * 4097, "equal to 4096"))
        for bad, text in cases:
            error = refused("InvalidRequestException", 400, iot.create_certificate_from_csr, certificateSigningRequest=bad)
            tap.check(text in message(error), message(error))
        refused("InvalidRequestException", 400, iot.create_certificate_from_csr)


def ca_of(iot, name, subject=None, key=None, **more):
    """A CA, registered as its owner would: with the registration code."""
    pem = PKI.authority(name, subject, key)
    code = iot.get_registration_code()["registrationCode"]
    proof = PKI.signed(f"{name}-proof", name, f"/CN={code}")
    return iot.register_ca_certificate(caCertificate=pem, verificationCertificate=proof, setAsActive=True, **more)


def test_registration_code():
    """GetRegistrationCode is stable until it is deleted"""
    with alone() as weir:
        iot = client(weir)
        refused("ResourceNotFoundException", 404, iot.delete_registration_code)
        code = iot.get_registration_code()["registrationCode"]
        tap.check(len(code) == 64 and set(code) <= set("0123456789abcdef"), code)
        tap.equal(iot.get_registration_code()["registrationCode"], code, "the same")
        iot.delete_registration_code()
        tap.check(iot.get_registration_code()["registrationCode"] != code, "another")


def test_register_ca():
    """RegisterCACertificate: with proof of its key, or for SNI_ONLY without; what is refused and why"""
    with alone() as weir:
        iot = client(weir)
        made = ca_of(iot, "own", allowAutoRegistration=True, tags=[{"Key": "site", "Value": "a"}],
                     registrationConfig={"templateName": "fleet", "roleArn": "arn:aws:iam::123456789012:role/fleet"})
        pem = PKI.read("own.pem")
        tap.equal((made["certificateId"], made["certificateArn"]), (id_of(pem), arn_of(id_of(pem), kind="cacert")), "ids")
        got = iot.describe_ca_certificate(certificateId=made["certificateId"])
        tap.equal(got["registrationConfig"], {"templateName": "fleet", "roleArn": "arn:aws:iam::123456789012:role/fleet"},
                  "registrationConfig")
        one = got["certificateDescription"]
        tap.equal((one["status"], one["autoRegistrationStatus"], one["certificatePem"], one["ownedBy"], one["certificateMode"],
                   one["customerVersion"]), ("ACTIVE", "ENABLE", pem, ACCOUNT, "DEFAULT", 1), "described")
        tap.check(is_now(one["creationDate"]) and one["validity"]["notAfter"] > one["validity"]["notBefore"], "dates")
        said = made["ResponseMetadata"]["HTTPHeaders"]["x-weir-warning"]
        tap.check("and there is none" in said and "templateName is kept and not used" in said, said)
        code = iot.get_registration_code()["registrationCode"]
        proof = PKI.read("own-proof.pem")
        error = refused("ResourceAlreadyExistsException", 409, iot.register_ca_certificate, caCertificate=pem,
                        verificationCertificate=proof)
        tap.equal((error["resourceId"], error["resourceArn"]), (made["certificateId"], made["certificateArn"]), "which")
        other, leaf = PKI.authority("other"), PKI.signed("leaf", "own")
        cases = (
            ("CertificateValidationException", other, proof, "not signed by caCertificate"),
            ("RegistrationCodeValidationException", other, PKI.signed("proof2", "other", f"/CN={code[:-1]}_"), "common name"),
            ("CertificateValidationException", "not PEM", proof, "found no PEM block"),
            ("CertificateValidationException", leaf, proof, "CA:TRUE"),
            ("CertificateValidationException", other, "not PEM", "verificationCertificate: line 1"),
            ("CertificateValidationException", other + pem, proof, "a second PEM block"),
            ("CertificateValidationException", old_authority(), proof, "has expired"),
        )
        for code_of_error, ca, verification, text in cases:
            error = refused(code_of_error, 400, iot.register_ca_certificate, caCertificate=ca,
                            verificationCertificate=verification)
            tap.check(text in message(error), message(error))
        refused("InvalidRequestException", 400, iot.register_ca_certificate, caCertificate=other)
        refused("InvalidRequestException", 400, iot.register_ca_certificate, caCertificate=other, certificateMode="SNI_ONLY",
                verificationCertificate=proof)
        refused("InvalidRequestException", 400, iot.register_ca_certificate)
        sni = iot.register_ca_certificate(caCertificate=other, certificateMode="SNI_ONLY")
        one = iot.describe_ca_certificate(certificateId=sni["certificateId"])["certificateDescription"]
        tap.equal((one["status"], one["certificateMode"], one["autoRegistrationStatus"]), ("INACTIVE", "SNI_ONLY", "DISABLE"),
                  "without proof")


def old_authority():
    PKI.authority("expired")
    PKI.openssl("x509", "-in", "expired.pem", "-signkey", "expired.key", "-days", "-1", "-out", "expired.pem")
    return PKI.read("expired.pem")


def test_ca_limit():
    """At most ten CAs of one subject"""
    with alone() as weir:
        iot = client(weir)
        for i in range(11):
            pem = PKI.authority(f"same{i}", "/CN=same")
            if i < 10:
                iot.register_ca_certificate(caCertificate=pem, certificateMode="SNI_ONLY")
        refused("LimitExceededException", 410, iot.register_ca_certificate, caCertificate=pem, certificateMode="SNI_ONLY")
        iot.register_ca_certificate(caCertificate=PKI.authority("else", "/CN=else"), certificateMode="SNI_ONLY")
        every, count = pages(iot.list_ca_certificates, "certificates", token="marker", pageSize=4)
        tap.equal((len(every), count), (11, 3), "pages")
        tap.equal(every[0]["certificateId"], id_of(PKI.read("else.pem")), "newest first")
        up, _ = pages(iot.list_ca_certificates, "certificates", token="marker", pageSize=4, ascendingOrder=True)
        tap.equal(up, every[::-1], "oldest first")


def test_change_ca():
    """UpdateCACertificate, ListCACertificates by template, DeleteCACertificate"""
    with alone() as weir:
        iot = client(weir)
        ca = ca_of(iot, "change", registrationConfig={"templateName": "one"})["certificateId"]
        ca_of(iot, "change2")
        of_one = iot.list_ca_certificates(templateName="one")["certificates"]
        tap.equal([(x["certificateId"], x["status"], x["certificateArn"]) for x in of_one],
                  [(ca, "ACTIVE", arn_of(ca, kind="cacert"))], "by template")
        error = refused("CertificateStateException", 406, iot.delete_ca_certificate, certificateId=ca)
        tap.check("INACTIVE before it is deleted" in message(error), message(error))
        iot.update_ca_certificate(certificateId=ca, newStatus="INACTIVE", newAutoRegistrationStatus="ENABLE",
                                  registrationConfig={"templateName": "two"})
        got = iot.describe_ca_certificate(certificateId=ca)
        tap.equal((got["certificateDescription"]["status"], got["certificateDescription"]["autoRegistrationStatus"],
                   got["registrationConfig"], got["certificateDescription"]["customerVersion"]),
                  ("INACTIVE", "ENABLE", {"templateName": "two"}, 2), "changed")
        iot.update_ca_certificate(certificateId=ca, removeAutoRegistration=True)
        got = iot.describe_ca_certificate(certificateId=ca)
        tap.equal((got["certificateDescription"]["autoRegistrationStatus"], "registrationConfig" in got), ("DISABLE", False),
                  "removed")
        refused("InvalidRequestException", 400, iot.update_ca_certificate, certificateId=ca, newStatus="DISABLE")
        refused("InvalidRequestException", 400, iot.update_ca_certificate, certificateId=ca, newStatus="REVOKED")
        refused("InvalidRequestException", 400, iot.update_ca_certificate, certificateId=ca,
                registrationConfig={"templateName": "not a name"})
        iot.delete_ca_certificate(certificateId=ca.upper())
        for call in (iot.describe_ca_certificate, iot.update_ca_certificate, iot.delete_ca_certificate):
            refused("ResourceNotFoundException", 404, call, certificateId=ca)
        refused("InvalidRequestException", 400, iot.describe_ca_certificate, certificateId=ca[:-1])
        tap.equal(len(iot.list_ca_certificates()["certificates"]), 1, "one is left")


def test_register():
    """RegisterCertificate: signed by a registered CA or the tenant's own; what is refused and why"""
    with alone() as weir:
        iot = client(weir)
        ca = ca_of(iot, "signer")["certificateId"]
        pem = PKI.signed("device", "signer")
        made = iot.register_certificate(certificatePem=pem)
        tap.equal((made["certificateId"], made["certificateArn"]), (id_of(pem), arn_of(id_of(pem))), "ids")
        got = described(iot, made["certificateId"])
        tap.equal((got["status"], got["caCertificateId"], got["certificatePem"], got["certificateMode"]),
                  ("INACTIVE", ca, pem, "DEFAULT"), "described")
        error = refused("ResourceAlreadyExistsException", 409, iot.register_certificate, certificatePem=pem)
        tap.equal((message(error), error["resourceId"], error["resourceArn"]),
                  ("The certificate is already provisioned or registered", made["certificateId"], made["certificateArn"]),
                  "the text")
        refused("ResourceAlreadyExistsException", 409, iot.register_certificate_without_ca, certificatePem=pem)
        for i, (more, want) in enumerate((({"setAsActive": True}, "ACTIVE"), ({"status": "ACTIVE"}, "ACTIVE"),
                                          ({"status": "REVOKED"}, "REVOKED"), ({"status": "INACTIVE"}, "INACTIVE"),
                                          ({"caCertificatePem": PKI.read("signer.pem")}, "INACTIVE"))):
            one = iot.register_certificate(certificatePem=PKI.signed(f"d{i}", "signer"), **more)
            tap.equal(status_of(iot, one["certificateId"]), want, str(more))
        pss = PKI.signed("pss", "signer", None, "basicConstraints=CA:FALSE", ["rsa:2048"])
        iot.register_certificate(certificatePem=pss)
        fresh = PKI.signed("fresh", "signer")
        for status in ("PENDING_TRANSFER", "PENDING_ACTIVATION", "REGISTER_INACTIVE", "NONE"):
            refused("InvalidRequestException", 400, iot.register_certificate, certificatePem=fresh, status=status)
        PKI.authority("stranger")
        stranger = PKI.signed("strange", "stranger")
        cases = ((stranger, {}, "not signed by a registered CA"), ("no PEM", {}, "found no PEM block"),
                 (fresh + stranger, {}, "a second PEM block"), (fresh + "x", {}, "text behind"),
                 (PKI.request("req"), {}, "found '-----BEGIN CERTIFICATE REQUEST-----'"),
                 (fresh, {"caCertificatePem": PKI.read("stranger.pem")}, "not a registered CA certificate that signed"),
                 (fresh, {"caCertificatePem": "x"}, "caCertificatePem"),
                 (PKI.signed("weak", "signer", None, "basicConstraints=CA:FALSE", ["rsa:1024"]), {}, "1024 bits"),
                 (PKI.signed("sha1", "signer", None, "basicConstraints=CA:FALSE", None, "-sha1"), {}, "signed with ecdsa-with-SHA1"),
                 (PKI.signed("gone", "signer", None, "basicConstraints=CA:FALSE", None, "-days", "-1"), {}, "expired"))
        for bad, more, text in cases:
            error = refused("CertificateValidationException", 400, iot.register_certificate, certificatePem=bad, **more)
            tap.check(text in message(error), message(error))
        refused("InvalidRequestException", 400, iot.register_certificate)
        refused("InvalidRequestException", 400, iot.register_certificate, certificatePem="x" * 65537)
        iot.update_ca_certificate(certificateId=ca, newStatus="INACTIVE")
        refused("CertificateStateException", 406, iot.register_certificate, certificatePem=fresh)
        # The tenant's own CA: what was deleted can come back.
        own = iot.create_keys_and_certificate()
        iot.delete_certificate(certificateId=own["certificateId"])
        back = iot.register_certificate(certificatePem=own["certificatePem"], status="ACTIVE")
        tap.equal(back["certificateId"], own["certificateId"], "the same id")


def test_register_conflict():
    """Two registered CAs of one subject and key: which one signed must be said"""
    with alone() as weir:
        iot = client(weir)
        first = ca_of(iot, "twin1", "/CN=twin")["certificateId"]
        ca_of(iot, "twin2-key", "/CN=other")
        second = PKI.authority("twin2", "/CN=twin", "twin1")
        iot.register_ca_certificate(caCertificate=second, certificateMode="SNI_ONLY", setAsActive=True)
        pem = PKI.signed("child", "twin1", None, "basicConstraints=CA:FALSE\nauthorityKeyIdentifier=none")
        error = refused("CertificateConflictException", 409, iot.register_certificate, certificatePem=pem)
        tap.check("caCertificatePem" in message(error), message(error))
        made = iot.register_certificate(certificatePem=pem, caCertificatePem=PKI.read("twin1.pem"))
        tap.equal(described(iot, made["certificateId"])["caCertificateId"], first, "the one that was said")
        tap.equal([x["certificateId"] for x in iot.list_certificates_by_ca(caCertificateId=first)["certificates"]],
                  [made["certificateId"]], "by CA")
        tap.equal(iot.list_certificates_by_ca(caCertificateId=id_of(second))["certificates"], [], "not by the other")


def test_register_without_ca():
    """RegisterCertificateWithoutCA: any issuer, mode SNI_ONLY; one certificate is in one registry only"""
    with alone() as weir:
        key = access_key(weir)
        iot = client(weir, key)
        PKI.authority("nowhere")
        pem = PKI.signed("free", "nowhere")
        made = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
        got = described(iot, made["certificateId"])
        tap.equal((got["status"], got["certificateMode"], "caCertificateId" in got), ("ACTIVE", "SNI_ONLY", False), "described")
        tap.equal(status_of(iot, iot.register_certificate_without_ca(certificatePem=PKI.signed("free2", "nowhere"))
                            ["certificateId"]), "INACTIVE", "unless asked for")
        refused("ResourceAlreadyExistsException", 409, iot.register_certificate_without_ca, certificatePem=pem)
        refused("CertificateValidationException", 400, iot.register_certificate_without_ca, certificatePem="x")
        refused("InvalidRequestException", 400, iot.register_certificate_without_ca, certificatePem=pem, status="PENDING_TRANSFER")
        there = client(weir, key, region="us-east-1")
        refused("CertificateConflictException", 409, there.register_certificate_without_ca, certificatePem=pem)
        tap.equal(there.list_certificates()["certificates"], [], "another region's list")
        refused("ResourceNotFoundException", 404, there.describe_certificate, certificateId=made["certificateId"])


def test_list():
    """ListCertificates: newest first unless asked otherwise, by pages, which stay whole while others come"""
    with alone() as weir:
        iot = client(weir)
        PKI.authority("many")
        ids = [iot.register_certificate_without_ca(certificatePem=PKI.signed(f"m{i}", "many"))["certificateId"]
               for i in range(7)]
        every, count = pages(iot.list_certificates, "certificates", token="marker", pageSize=3)
        tap.equal(([x["certificateId"] for x in every], count), (ids[::-1], 3), "newest first")
        tap.equal((every[0]["certificateArn"], every[0]["status"], every[0]["certificateMode"], is_now(every[0]["creationDate"])),
                  (arn_of(ids[6]), "INACTIVE", "SNI_ONLY", True), "one of them")
        up, _ = pages(iot.list_certificates, "certificates", token="marker", pageSize=3, ascendingOrder=True)
        tap.equal([x["certificateId"] for x in up], ids, "oldest first")
        first = iot.list_certificates(pageSize=3)
        iot.register_certificate_without_ca(certificatePem=PKI.signed("later", "many"))
        rest = iot.list_certificates(pageSize=3, marker=first["nextMarker"])["certificates"]
        tap.equal([x["certificateId"] for x in rest], ids[1:4][::-1], "the page after")
        refused("InvalidRequestException", 400, iot.list_certificates, marker=first["nextMarker"], ascendingOrder=True)
        refused("InvalidRequestException", 400, iot.list_certificates, marker="AAAA")
        refused("InvalidRequestException", 400, iot.list_certificates, marker="!")
        for size in (0, 251):
            refused("InvalidRequestException", 400, iot.list_certificates, pageSize=size)
        csr = PKI.request("page")
        for _ in range(20):
            iot.create_certificate_from_csr(certificateSigningRequest=csr)
        tap.equal(len(iot.list_certificates()["certificates"]), 25, "a page unless asked, as AWS documents")
        tap.equal(len(pages(iot.list_certificates, "certificates", token="marker")[0]), 28, "all")


STATUSES = ("ACTIVE", "INACTIVE", "REVOKED", "PENDING_TRANSFER", "REGISTER_INACTIVE", "PENDING_ACTIVATION")
# From: what asking for each of the six gives.
ASKED = {
    "ACTIVE": (200, 200, 200, 400, 400, 400),
    "INACTIVE": (200, 200, 200, 400, 400, 400),
    "REVOKED": (406, 406, 200, 400, 400, 400),
    "PENDING_ACTIVATION": (200, 200, 200, 400, 400, 400),
    "PENDING_TRANSFER": (406, 406, 406, 400, 400, 400),
}
DELETED = {"ACTIVE": 406, "INACTIVE": 200, "REVOKED": 200, "PENDING_ACTIVATION": 200, "PENDING_TRANSFER": 406}
CODES = {400: "InvalidRequestException", 406: "CertificateStateException"}


def test_status_table():
    """Every cell of the table of statuses: from, to, and deletion"""
    with alone() as weir:
        iot = client(weir)
        PKI.authority("table")
        one = iot.register_certificate_without_ca(certificatePem=PKI.signed("cell", "table"))["certificateId"]
        for before, row in ASKED.items():
            for after, want in zip(STATUSES, row):
                sql(weir, "UPDATE certificates SET status=? WHERE cert_id=?", before, one)
                version = described(iot, one)["customerVersion"]
                if want == 200:
                    iot.update_certificate(certificateId=one, newStatus=after)
                else:
                    refused(CODES[want], want, iot.update_certificate, certificateId=one, newStatus=after)
                got = described(iot, one)
                tap.equal(got["status"], after if want == 200 else before, f"{before} to {after}")
                tap.equal(got["customerVersion"], version + (want == 200 and before != after), f"version {before} to {after}")
        for before, want in DELETED.items():
            pem = PKI.signed("gone-" + before, "table")
            one = iot.register_certificate_without_ca(certificatePem=pem)["certificateId"]
            sql(weir, "UPDATE certificates SET status=? WHERE cert_id=?", before, one)
            if want == 200:
                iot.delete_certificate(certificateId=one)
                refused("ResourceNotFoundException", 404, iot.describe_certificate, certificateId=one)
                refused("ResourceNotFoundException", 404, iot.delete_certificate, certificateId=one)
            else:
                refused(CODES[want], want, iot.delete_certificate, certificateId=one, forceDelete=True)
                tap.equal(status_of(iot, one), before, "still there")
        refused("ResourceNotFoundException", 404, iot.update_certificate, certificateId="ab" * 32, newStatus="ACTIVE")
        refused("InvalidRequestException", 400, iot.update_certificate, certificateId=one, newStatus="DELETED")
        refused("InvalidRequestException", 400, iot.update_certificate, certificateId=one)
        refused("InvalidRequestException", 400, iot.update_certificate, certificateId="xyz", newStatus="ACTIVE")


def test_delete_conflicts():
    """DeleteCertificate: a policy is in the way unless forced; then it is detached"""
    with alone() as weir:
        iot = client(weir)
        made = iot.create_keys_and_certificate(setAsActive=True)
        one, arn = made["certificateId"], made["certificateArn"]
        iot.create_policy(policyName="p", policyDocument='{"Version":"2012-10-17","Statement":[]}')
        iot.attach_policy(policyName="p", target=arn)
        error = refused("CertificateStateException", 406, iot.delete_certificate, certificateId=one)
        tap.equal(message(error), "Certificate must be deactivated (not ACTIVE) before deletion.", "the text")
        iot.update_certificate(certificateId=one, newStatus="INACTIVE")
        error = refused("DeleteConflictException", 409, iot.delete_certificate, certificateId=one)
        tap.equal(message(error), f"Certificate policies must be detached before deletion (arn: {arn})", "the text")
        refused("DeleteConflictException", 409, iot.delete_policy, policyName="p")
        iot.delete_certificate(certificateId=one, forceDelete=True)
        tap.equal(iot.list_targets_for_policy(policyName="p")["targets"], [], "detached")
        iot.delete_policy(policyName="p")


def test_delete_attached():
    """DeleteCertificate: a thing is in the way, also when it is forced"""
    with alone() as weir:
        iot = client(weir)
        made = iot.create_keys_and_certificate()
        one, arn = made["certificateId"], made["certificateArn"]
        iot.create_thing(thingName="t")
        iot.attach_thing_principal(thingName="t", principal=arn)
        for force in (False, True):
            error = refused("DeleteConflictException", 409, iot.delete_certificate, certificateId=one, forceDelete=force)
            tap.equal(message(error), f"Things must be detached before deletion (arn: {arn})", "the text")
        iot.detach_thing_principal(thingName="t", principal=arn)
        iot.delete_certificate(certificateId=one)


def test_quota():
    """iot.quota.certificates: as many as the tenant may have, all regions together"""
    with alone() as weir:
        key = access_key(weir)
        iot = client(weir, key)
        answer = own(weir, "PUT", "/weir/v1/tenants/default/features/iot.quota.certificates", {"value": 2})
        tap.equal(answer.status, 200, answer.text)
        csr = PKI.request("quota")
        one = iot.create_certificate_from_csr(certificateSigningRequest=csr)["certificateId"]
        client(weir, key, region="us-east-1").create_certificate_from_csr(certificateSigningRequest=csr)
        error = refused("LimitExceededException", 410, iot.create_certificate_from_csr, certificateSigningRequest=csr)
        tap.check("iot.quota.certificates" in message(error), message(error))
        refused("LimitExceededException", 410, iot.create_keys_and_certificate)
        iot.delete_certificate(certificateId=one)
        iot.create_certificate_from_csr(certificateSigningRequest=csr)


def two_tenants():
    weir = alone({"admin": {"mode": "open", "auto_tenants": True}})
    return weir, client(weir, ("111111111111", "x")), client(weir, ("222222222222", "x"))


def test_ca_of_two():
    """A CA with DEFAULT mode is one account's in a region; with SNI_ONLY it may be several's"""
    weir, a, b = two_tenants()
    with weir:
        ca_of(a, "shared")
        pem = PKI.read("shared.pem")
        code = b.get_registration_code()["registrationCode"]
        proof = PKI.signed("shared-b", "shared", f"/CN={code}")
        error = refused("ResourceAlreadyExistsException", 409, b.register_ca_certificate, caCertificate=pem,
                        verificationCertificate=proof)
        tap.check("another account" in message(error) and "resourceId" not in error, message(error))
        refused("RegistrationCodeValidationException", 400, b.register_ca_certificate, caCertificate=PKI.authority("own-b"),
                verificationCertificate=PKI.signed("own-b-proof", "own-b", f"/CN={a.get_registration_code()['registrationCode']}"))
        there = client(weir, ("222222222222", "x"), region="us-east-1")
        code = there.get_registration_code()["registrationCode"]
        there.register_ca_certificate(caCertificate=pem, verificationCertificate=PKI.signed("shared-c", "shared", f"/CN={code}"))
        b.register_ca_certificate(caCertificate=pem, certificateMode="SNI_ONLY", setAsActive=True)
        b.register_certificate(certificatePem=PKI.signed("device-b", "shared"))
        refused("CertificateConflictException", 409, a.register_certificate, certificatePem=PKI.read("device-b.pem"))


def test_transfer():
    """A certificate goes to another tenant: offered, accepted, no longer here"""
    weir, a, b = two_tenants()
    with weir:
        b.list_certificates()
        made = a.create_keys_and_certificate()
        one, arn = made["certificateId"], made["certificateArn"]
        refused("ResourceNotFoundException", 404, b.describe_certificate, certificateId=one)
        answer = a.transfer_certificate(certificateId=one, targetAwsAccount="222222222222", transferMessage="take it")
        tap.equal(answer["transferredCertificateArn"], arn, "ARN")
        got = described(a, one)
        tap.equal((got["status"], got["ownedBy"], got["transferData"]["transferMessage"]),
                  ("PENDING_TRANSFER", "111111111111", "take it"), "here")
        tap.check(is_now(got["transferData"]["transferDate"]), "when")
        out = a.list_outgoing_certificates()["outgoingCertificates"]
        tap.equal([(x["certificateId"], x["certificateArn"], x["transferredTo"], x["transferMessage"]) for x in out],
                  [(one, arn, "222222222222", "take it")], "outgoing")
        tap.equal([(x["certificateId"], x["status"]) for x in b.list_certificates()["certificates"]],
                  [(one, "PENDING_TRANSFER")], "offered there")
        tap.equal(described(b, one)["ownedBy"], "111111111111", "not theirs yet")
        for who in (a, b):
            refused("CertificateStateException", 406, who.update_certificate, certificateId=one, newStatus="ACTIVE")
            refused("CertificateStateException", 406, who.delete_certificate, certificateId=one)
        refused("CertificateStateException", 406, a.transfer_certificate, certificateId=one, targetAwsAccount="222222222222")
        refused("ResourceNotFoundException", 404, a.accept_certificate_transfer, certificateId=one)
        refused("ResourceNotFoundException", 404, b.cancel_certificate_transfer, certificateId=one)
        b.accept_certificate_transfer(certificateId=one, setAsActive=True)
        got = described(b, one)
        tap.equal((got["status"], got["ownedBy"], got["previousOwnedBy"]), ("ACTIVE", "222222222222", "111111111111"), "theirs")
        tap.check(is_now(got["transferData"]["acceptDate"]), "when")
        refused("ResourceNotFoundException", 404, a.describe_certificate, certificateId=one)
        tap.equal((a.list_certificates()["certificates"], a.list_outgoing_certificates()["outgoingCertificates"]), ([], []),
                  "nothing is left here")
        for call in (b.accept_certificate_transfer, b.reject_certificate_transfer, a.cancel_certificate_transfer):
            refused("TransferAlreadyCompletedException", 410, call, certificateId=one)
        error = refused("CertificateConflictException", 409, a.register_certificate_without_ca,
                        certificatePem=made["certificatePem"])
        tap.check("another account" in message(error), message(error))


def test_transfer_back():
    """Rejected with a reason, or cancelled: INACTIVE and the owner's"""
    weir, a, b = two_tenants()
    with weir:
        b.list_certificates()
        one = a.create_keys_and_certificate()["certificateId"]
        a.transfer_certificate(certificateId=one, targetAwsAccount="222222222222")
        b.reject_certificate_transfer(certificateId=one, rejectReason="not ours")
        got = described(a, one)
        tap.equal((got["status"], got["transferData"]["rejectReason"]), ("INACTIVE", "not ours"), "rejected")
        refused("ResourceNotFoundException", 404, b.describe_certificate, certificateId=one)
        for call in (b.reject_certificate_transfer, b.accept_certificate_transfer, a.cancel_certificate_transfer):
            refused("TransferAlreadyCompletedException", 410, call, certificateId=one)
        a.transfer_certificate(certificateId=one, targetAwsAccount="222222222222")
        a.cancel_certificate_transfer(certificateId=one)
        tap.equal((status_of(a, one), described(a, one)["transferData"]), ("INACTIVE", {}), "cancelled")
        tap.equal(b.list_certificates()["certificates"], [], "no longer offered")
        for call in (b.accept_certificate_transfer, b.reject_certificate_transfer):
            refused("ResourceNotFoundException", 404, call, certificateId=one)
        refused("ResourceNotFoundException", 404, a.cancel_certificate_transfer, certificateId=one)
        a.transfer_certificate(certificateId=one, targetAwsAccount="222222222222")
        b.accept_certificate_transfer(certificateId=one)
        tap.equal(status_of(b, one), "INACTIVE", "unless asked for")


def test_transfer_refused():
    """Only INACTIVE certificates without policies, to an account that is there"""
    weir, a, b = two_tenants()
    with weir:
        b.list_certificates()
        made = a.create_keys_and_certificate(setAsActive=True)
        one = made["certificateId"]
        there = {"certificateId": one, "targetAwsAccount": "222222222222"}
        refused("CertificateStateException", 406, a.transfer_certificate, **there)
        a.update_certificate(certificateId=one, newStatus="INACTIVE")
        refused("InvalidRequestException", 400, a.transfer_certificate, certificateId=one, targetAwsAccount="333333333333")
        refused("InvalidRequestException", 400, a.transfer_certificate, certificateId=one, targetAwsAccount="111111111111")
        refused("InvalidRequestException", 400, a.transfer_certificate, certificateId=one, targetAwsAccount="22222222222")
        refused("InvalidRequestException", 400, a.transfer_certificate, transferMessage="x" * 129, **there)
        refused("ResourceNotFoundException", 404, b.transfer_certificate, certificateId=one, targetAwsAccount="111111111111")
        refused("ResourceNotFoundException", 404, a.transfer_certificate, certificateId="ab" * 32,
                targetAwsAccount="222222222222")
        for call in (a.accept_certificate_transfer, a.reject_certificate_transfer, a.cancel_certificate_transfer):
            refused("ResourceNotFoundException", 404, call, certificateId="ab" * 32)
        a.create_policy(policyName="p", policyDocument='{"Version":"2012-10-17","Statement":[]}')
        a.attach_policy(policyName="p", target=made["certificateArn"])
        error = refused("TransferConflictException", 409, a.transfer_certificate, **there)
        tap.check("Policies must be detached" in message(error), message(error))
        a.detach_policy(policyName="p", target=made["certificateArn"])
        a.create_thing(thingName="t")
        a.attach_thing_principal(thingName="t", principal=made["certificateArn"])
        error = refused("TransferConflictException", 409, a.transfer_certificate, **there)
        tap.check("Things must be detached" in message(error), message(error))
        a.detach_thing_principal(thingName="t", principal=made["certificateArn"])
        a.transfer_certificate(**there)


def test_awscli():
    """Every operation with Debian's awscli"""
    weir = alone({"admin": {"mode": "open", "auto_tenants": True}})
    with weir:
        a, b = ("111111111111", "x"), ("222222222222", "x")

        def aws(*arguments, key=a, **more):
            return awscli(weir, key, *arguments, **more)
        aws("list-certificates", key=b)
        made = aws("create-keys-and-certificate", "--set-as-active")
        one = ("--certificate-id", made["certificateId"])
        tap.equal(made["keyPair"]["PublicKey"], public_key(made["certificatePem"]), "a pair")
        aws("delete-certificate", *one, fails="CertificateStateException")
        aws("update-certificate", *one, "--new-status", "INACTIVE")
        tap.equal(aws("describe-certificate", *one)["certificateDescription"]["status"], "INACTIVE", "changed")
        PKI.request("cli", "/CN=cli")
        second = aws("create-certificate-from-csr", "--certificate-signing-request", f"file://{PKI.path('cli.csr')}")
        listed = [x["certificateId"] for x in aws("list-certificates")["certificates"]]
        tap.equal(listed, [second["certificateId"], one[1]], "newest first")
        tap.check("nextMarker" in aws("list-certificates", "--page-size", "1"), "a page")
        PKI.authority("cli-ca")
        code = aws("get-registration-code")["registrationCode"]
        PKI.signed("cli-proof", "cli-ca", f"/CN={code}")
        ca = aws("register-ca-certificate", "--ca-certificate", f"file://{PKI.path('cli-ca.pem')}", "--set-as-active",
                 "--verification-certificate", f"file://{PKI.path('cli-proof.pem')}")["certificateId"]
        tap.equal(aws("describe-ca-certificate", "--certificate-id", ca)["certificateDescription"]["status"], "ACTIVE", "CA")
        tap.equal([x["certificateId"] for x in aws("list-ca-certificates")["certificates"]], [ca], "CAs")
        PKI.signed("cli-device", "cli-ca")
        device = aws("register-certificate", "--certificate-pem", f"file://{PKI.path('cli-device.pem')}")["certificateId"]
        tap.equal([x["certificateId"] for x in aws("list-certificates-by-ca", "--ca-certificate-id", ca)["certificates"]],
                  [device], "by CA")
        aws("register-certificate-without-ca", "--certificate-pem", f"file://{PKI.path('cli-device.pem')}",
            fails="ResourceAlreadyExistsException")
        aws("update-ca-certificate", "--certificate-id", ca, "--new-status", "INACTIVE")
        aws("delete-ca-certificate", "--certificate-id", ca)
        aws("delete-registration-code")
        aws("transfer-certificate", *one, "--target-aws-account", b[0], "--transfer-message", "take it")
        tap.equal([x["transferredTo"] for x in aws("list-outgoing-certificates")["outgoingCertificates"]], [b[0]], "outgoing")
        aws("reject-certificate-transfer", *one, "--reject-reason", "no", key=b)
        aws("transfer-certificate", *one, "--target-aws-account", b[0])
        aws("cancel-certificate-transfer", *one)
        aws("transfer-certificate", *one, "--target-aws-account", b[0])
        aws("accept-certificate-transfer", *one, "--set-as-active", key=b)
        tap.equal(aws("describe-certificate", *one, key=b)["certificateDescription"]["status"], "ACTIVE", "theirs")
        aws("describe-certificate", *one, fails="ResourceNotFoundException")
        aws("delete-certificate", "--certificate-id", device)


def test_register_thing():
    """RegisterThing: thing, certificate and policy of a template, all or nothing; what is there already, by OverrideSettings"""
    with alone() as weir:
        iot = client(weir)
        iot.create_thing_type(thingTypeName="bulb")
        iot.create_thing_group(thingGroupName="WA")
        document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
        thing = {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Ref": "ThingName"}, "AttributePayload": {"version": "v1", "serial": {"Ref": "SerialNumber"}},
            "ThingTypeName": "bulb", "ThingGroups": [{"Ref": "Location"}]}}
        certificate = {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateSigningRequest": {"Ref": "CSR"}}}
        policy = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": document}}
        declared = {"ThingName": {"Type": "String"}, "SerialNumber": {"Type": "String"}, "CSR": {"Type": "String"},
                    "Location": {"Type": "String", "Default": "WA"}}

        def register(parameters, **resources):
            body = {"Parameters": declared, "Resources": resources}
            return {"templateBody": json.dumps(body), "parameters": parameters}
        csr = PKI.request("bulb")
        first = {"ThingName": "b1", "SerialNumber": "S1", "CSR": csr}
        made = iot.register_thing(**register(first, thing=thing, certificate=certificate, policy=policy))
        arns = made["resourceArns"]
        name = hashlib.sha256(document.encode()).hexdigest()
        tap.equal((arns["thing"], arns["policy"]), (arn_of("b1", kind="thing"), arn_of(name, kind="policy")), "ARNs")
        got = iot.describe_thing(thingName="b1")
        tap.equal((got["attributes"], got["thingTypeName"]), ({"version": "v1", "serial": "S1"}, "bulb"), "the thing")
        tap.equal(iot.list_thing_principals(thingName="b1")["principals"], [arns["certificate"]], "its certificate")
        tap.equal([x["groupName"] for x in iot.list_thing_groups_for_thing(thingName="b1")["thingGroups"]], ["WA"], "its group")
        there = described(iot, arns["certificate"].rsplit("/", 1)[1])
        tap.equal((there["status"], there["certificatePem"]), ("ACTIVE", made["certificatePem"]), "ACTIVE")
        tap.equal([x["policyName"] for x in iot.list_attached_policies(target=arns["certificate"])["policies"]], [name], "its policy")

        # Nothing of it stays when a part fails.
        before = len(iot.list_certificates()["certificates"])
        broken = {**thing, "Properties": {**thing["Properties"], "ThingName": "b2"}}
        wrong = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "nowhere"}}
        refused("ResourceRegistrationFailureException", 400, iot.register_thing,
                **register(first, thing=broken, certificate=certificate, policy=wrong))
        refused("ResourceNotFoundException", 404, iot.describe_thing, thingName="b2")
        tap.equal(len(iot.list_certificates()["certificates"]), before, "no certificate of it")
        # The same thing with other attributes is a conflict, unless the template says what to do.
        second = {**first, "SerialNumber": "S2"}
        refused("ConflictingResourceUpdateException", 409, iot.register_thing, **register(second, thing=thing))
        for setting, want in (("DO_NOTHING", {"version": "v1", "serial": "S1", "more": "x"}),
                              ("MERGE", {"version": "v1", "serial": "S2", "more": "x"}),
                              ("REPLACE", {"version": "v1", "serial": "S2"})):
            iot.update_thing(thingName="b1", attributePayload={"attributes": {"version": "v1", "serial": "S1", "more": "x"}})
            iot.register_thing(**register(second, thing={**thing, "OverrideSettings": {"AttributePayload": setting}}))
            tap.equal(iot.describe_thing(thingName="b1")["attributes"], want, setting)
        by_id = {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": there["certificateId"], "Status": "INACTIVE"}}
        again = iot.register_thing(**register(first, certificate=by_id))
        tap.equal((again["resourceArns"], described(iot, there["certificateId"])["status"]),
                  ({"certificate": arns["certificate"]}, "INACTIVE"), "by id")
        for body, says in (("{", "is not a JSON object"), ("[]", "is not a JSON object"), ("{}", "Resources"),
                           (json.dumps({"Resources": {"x": {"Type": "AWS::S3::Bucket"}}}), "expected a Type"),
                           (json.dumps({"Resources": {"t": thing}}), "is not declared"),
                           (json.dumps({"Parameters": declared, "Resources": {"t": thing}}), "have no value"),
                           (json.dumps({"Resources": {"t": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "a b"}}}}), "thingName"),
                           (json.dumps({"Resources": {"t": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Fn::Join": ["", []]}}}}}),
                            "expected a string, or"),
                           (json.dumps({"Resources": {"a": by_id, "b": by_id}}), "second of its type")):
            error = refused("InvalidRequestException", 400, iot.register_thing, templateBody=body)
            tap.check(says in error["Error"]["Message"], f"{body}: {error['Error']['Message']}")


if __name__ == "__main__":
    support.main(globals())
