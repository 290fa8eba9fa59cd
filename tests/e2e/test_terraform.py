#!/usr/bin/env python3
"""What Terraform's AWS provider calls for its IoT resources, in its order (docs/terraform.md): create, plan (the read
finds what was written), update, import (the read with a given id), destroy. Through boto3; the calls that it does not
know yet are raw requests that botocore has signed.

usage: test_terraform.py BUILD/weir [test_NAME]...
"""
import datetime
import json
import os
import subprocess
import tempfile
import time
import urllib.parse

from botocore.exceptions import ClientError

from control import access_key, alone, client, refused
import support
from support import tap
from test_things import ARN, raw


class Provider:
    """Calls as the provider makes them. A state is what the read answers; None: the resource is gone."""

    def __init__(self, weir):
        self.weir, self.key = weir, access_key(weir)
        self.iot = client(weir, self.key)

    def not_found(self, call, **arguments):
        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None

    def tags(self, arn):
        tags, token = [], {}
        while True:
            page = self.iot.list_tags_for_resource(resourceArn=arn, **token)
            tags += page["tags"]
            if "nextToken" not in page:
                return {t["Key"]: t["Value"] for t in tags}
            token = {"nextToken": page["nextToken"]}

    def change_tags(self, arn, old, new):
        gone = [k for k in old if k not in new]
        come = [{"Key": k, "Value": v} for k, v in new.items() if old.get(k) != v]
        if gone:
            self.iot.untag_resource(resourceArn=arn, tagKeys=gone)
        if come:
            self.iot.tag_resource(resourceArn=arn, tags=come)


def tag_list(tags):
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def plan(read, want, what):
    """The read finds what was written, twice: no difference, and none between two plans."""
    tap.equal(read(), want, what + ": plan")
    tap.equal(read(), want, what + ": plan once more")


def test_thing():
    """aws_iot_thing: attributes and type, replaced whole; the type taken away; import; destroyed, also when gone"""
    with alone() as weir:
        p = Provider(weir)
        p.iot.create_thing_type(thingTypeName="lamp")

        def read(name="t"):
            got = p.not_found(p.iot.describe_thing, thingName=name)
            return got and {"name": got["thingName"], "arn": got["thingArn"], "client": got["defaultClientId"],
                            "type": got.get("thingTypeName", ""), "attributes": got["attributes"],
                            "version": got["version"]}

        want = {"name": "t", "arn": ARN + "thing/t", "client": "t", "type": "lamp", "attributes": {"a": "1", "b": "2"},
                "version": 1}
        p.iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload={"attributes": {"a": "1", "b": "2"}})
        plan(read, want, "created")
        p.iot.update_thing(thingName="t", attributePayload={"attributes": {"b": "3"}})
        want.update(attributes={"b": "3"}, version=2)
        plan(read, want, "attributes changed")
        p.iot.update_thing(thingName="t", attributePayload={"attributes": {}})
        want.update(attributes={}, version=3)
        plan(read, want, "attributes taken away")
        p.iot.update_thing(thingName="t", removeThingType=True)
        want.update(type="", version=4)
        plan(read, want, "type taken away")
        p.iot.update_thing(thingName="t", thingTypeName="lamp")
        want.update(type="lamp", version=5)
        plan(read, want, "type given")
        tap.equal(read("t"), want, "import")
        p.not_found(p.iot.delete_thing, thingName="t")
        tap.equal(read(), None, "destroyed")
        p.not_found(p.iot.delete_thing, thingName="t")
        p.iot.create_thing(thingName="bare")
        tap.equal((read("bare")["type"], read("bare")["attributes"]), ("", {}), "without anything")


def test_thing_type():
    """aws_iot_thing_type: tags, deprecated and back, destroyed by asking again while the text says to wait"""
    with alone({"admin": {"thing_type_delete_wait": "2s"}}) as weir:
        p = Provider(weir)

        def read():
            got = p.not_found(p.iot.describe_thing_type, thingTypeName="lamp")
            if not got:
                return None
            properties = got.get("thingTypeProperties", {})
            return {"arn": got["thingTypeArn"], "deprecated": got["thingTypeMetadata"]["deprecated"],
                    "description": properties.get("thingTypeDescription", ""),
                    "searchable": sorted(properties.get("searchableAttributes", [])), "tags": p.tags(got["thingTypeArn"])}

        want = {"arn": ARN + "thingtype/lamp", "deprecated": False, "description": "lit", "searchable": ["a", "b"],
                "tags": {"k": "v", "l": "w"}}
        p.iot.create_thing_type(thingTypeName="lamp", tags=tag_list(want["tags"]), thingTypeProperties={
            "thingTypeDescription": "lit", "searchableAttributes": ["b", "a"]})
        plan(read, want, "created")
        p.iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=False)
        p.change_tags(want["arn"], want["tags"], {"k": "x", "m": "y"})
        want.update(deprecated=True, tags={"k": "x", "m": "y"})
        plan(read, want, "deprecated, other tags")
        p.iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=True)
        want.update(deprecated=False)
        plan(read, want, "no longer deprecated")
        p.iot.deprecate_thing_type(thingTypeName="lamp")
        waited, until = 0, time.monotonic() + support.TIMEOUT
        while time.monotonic() < until:
            try:
                p.iot.delete_thing_type(thingTypeName="lamp")
                break
            except p.iot.exceptions.InvalidRequestException as error:
                if "Please wait for 5 minutes after deprecation and then retry" not in str(error):
                    raise
                waited += 1
                time.sleep(0.2)  # the provider's own pause between two tries
        tap.check(waited > 0, "it was told to wait")
        tap.equal(read(), None, "destroyed")


def csr(folder):
    key, request = os.path.join(folder, "k.pem"), os.path.join(folder, "r.pem")
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    key, "-out", request, "-subj", "/CN=device"], check=True, capture_output=True)
    with open(request) as f:
        return f.read()


def self_signed(folder):
    path = os.path.join(folder, "c.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    os.path.join(folder, "k2.pem"), "-out", path, "-subj", "/CN=own", "-days", "30"], check=True,
                   capture_output=True)
    with open(path) as f:
        return f.read()


def test_certificate():
    """aws_iot_certificate: made from a request, from nothing, or registered; switched on and off; destroyed"""
    with alone() as weir, tempfile.TemporaryDirectory() as folder:
        p = Provider(weir)

        def read(id):
            got = p.not_found(p.iot.describe_certificate, certificateId=id)
            return got and {"arn": got["certificateDescription"]["certificateArn"],
                            "active": got["certificateDescription"]["status"] == "ACTIVE",
                            "pem": got["certificateDescription"]["certificatePem"],
                            "ca": got["certificateDescription"].get("caCertificateId", "")}

        pem = self_signed(folder)
        made = [p.iot.create_certificate_from_csr(certificateSigningRequest=csr(folder), setAsActive=True),
                p.iot.create_keys_and_certificate(setAsActive=True),
                p.iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")]
        tap.check("BEGIN RSA PRIVATE KEY" in made[1]["keyPair"]["PrivateKey"], "the key, this once")
        for one in made:
            id = one["certificateId"]
            want = read(id)
            tap.equal((want["arn"], want["active"]), (one["certificateArn"], True), "created")
            tap.equal(want["pem"].split(), one.get("certificatePem", pem).split(), "the certificate")
            plan(lambda: read(id), want, "created")
            p.iot.update_certificate(certificateId=id, newStatus="INACTIVE")
            plan(lambda: read(id), {**want, "active": False}, "off")
            p.iot.update_certificate(certificateId=id, newStatus="ACTIVE")
            plan(lambda: read(id), want, "on")
            p.iot.update_certificate(certificateId=id, newStatus="INACTIVE")  # destroy
            p.iot.delete_certificate(certificateId=id)
            tap.equal(read(id), None, "destroyed")


def document(topic):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iot:Publish"], "Resource": [f"arn:aws:iot:*:*:topic/{topic}"]}]})


def test_policy():
    """aws_iot_policy: versions; the lowest goes when there are five; destroyed with its versions, again on conflict"""
    with alone() as weir:
        p = Provider(weir)

        def read():
            got = p.not_found(p.iot.get_policy, policyName="p")
            return got and {"arn": got["policyArn"], "document": json.loads(got["policyDocument"]),
                            "version": got["defaultVersionId"], "tags": p.tags(got["policyArn"])}

        def lowest():
            versions = p.iot.list_policy_versions(policyName="p")["policyVersions"]
            return min((int(v["versionId"]) for v in versions if not v["isDefaultVersion"]))

        want = {"arn": ARN + "policy/p", "document": json.loads(document("a0")), "version": "1", "tags": {"k": "v"}}
        p.iot.create_policy(policyName="p", policyDocument=document("a0"), tags=tag_list(want["tags"]))
        plan(read, want, "created")
        for n in range(1, 8):
            try:
                p.iot.create_policy_version(policyName="p", policyDocument=document(f"a{n}"), setAsDefault=True)
            except p.iot.exceptions.VersionsLimitExceededException:
                tap.check(n >= 5, "not before the sixth")
                p.iot.delete_policy_version(policyName="p", policyVersionId=str(lowest()))
                p.iot.create_policy_version(policyName="p", policyDocument=document(f"a{n}"), setAsDefault=True)
            want.update(document=json.loads(document(f"a{n}")), version=str(n + 1))
            plan(read, want, f"version {n + 1}")
        p.change_tags(want["arn"], {"k": "v"}, {})
        want["tags"] = {}
        plan(read, want, "tags taken away")
        cert = p.iot.create_keys_and_certificate(setAsActive=False)
        p.iot.attach_policy(policyName="p", target=cert["certificateArn"])

        def destroy():
            for version in p.iot.list_policy_versions(policyName="p")["policyVersions"]:
                if not version["isDefaultVersion"]:
                    p.iot.delete_policy_version(policyName="p", policyVersionId=version["versionId"])
            p.iot.delete_policy(policyName="p")

        refused("DeleteConflictException", 409, destroy)
        p.iot.detach_policy(policyName="p", target=cert["certificateArn"])
        destroy()
        tap.equal(read(), None, "destroyed")


def test_attachments():
    """aws_iot_policy_attachment, aws_iot_thing_principal_attachment: found by listing, gone after, tolerated when gone"""
    with alone() as weir:
        p = Provider(weir)
        cert = p.iot.create_keys_and_certificate(setAsActive=True)
        arn = cert["certificateArn"]
        p.iot.create_policy(policyName="p", policyDocument=document("a"))
        p.iot.create_thing(thingName="t")

        def policies():
            names, token = [], {}
            while True:
                page = p.iot.list_attached_policies(target=arn, pageSize=250, recursive=False, **token)
                names += [x["policyName"] for x in page["policies"]]
                if "nextMarker" not in page:
                    return names
                token = {"marker": page["nextMarker"]}

        def principals(kind):
            """Newer releases read with V2, older ones without."""
            if not kind:
                return p.iot.list_thing_principals(thingName="t")["principals"]
            found, token = [], ""
            while True:
                answer = raw(weir, p.key, "GET", "/things/t/principals-v2" + token)
                tap.equal(answer.status, 200, answer.text)
                found += [(x["principal"], x["thingPrincipalType"]) for x in answer.json["thingPrincipalObjects"]]
                if "nextToken" not in answer.json:
                    return found
                token = "?nextToken=" + urllib.parse.quote(answer.json["nextToken"], safe="")

        tap.equal(policies(), [], "none yet")
        p.iot.attach_policy(policyName="p", target=arn)
        plan(policies, ["p"], "policy attached")
        for kind in ("NON_EXCLUSIVE_THING", "EXCLUSIVE_THING"):
            tap.equal(raw(weir, p.key, "PUT", f"/things/t/principals?thingPrincipalType={kind}",
                          headers={"x-amzn-principal": arn}).status, 200, "attached")
            plan(lambda: principals(True), [(arn, kind)], "exactly one hit")
            tap.equal(principals(False), [arn], "as older releases read")
            thing, principal = f"t|{arn}".split("|", 1)  # import
            tap.equal((thing, principal in principals(False)), ("t", True), "import")
            p.not_found(p.iot.detach_thing_principal, thingName="t", principal=arn)
            tap.equal(principals(True), [], "destroyed")
        p.not_found(p.iot.detach_thing_principal, thingName="t", principal=arn)
        p.iot.detach_policy(policyName="p", target=arn)
        tap.equal(policies(), [], "destroyed")
        tap.equal(p.not_found(p.iot.list_thing_principals, thingName="gone"), None, "a thing that is gone")


def test_topic_rule():
    """aws_iot_topic_rule: found by listing, read, replaced, tags in the header at creation; destroyed"""
    with alone() as weir:
        p = Provider(weir)
        role = "arn:aws:iam::123456789012:role/weir"

        def payload(topic, **more):
            return {"sql": f"SELECT * FROM '{topic}'", "awsIotSqlVersion": "2016-03-23", "description": "d",
                    "ruleDisabled": False, "actions": [{"s3": {"roleArn": role, "bucketName": "box", "key": "${topic()}"}}],
                    **more}

        def read():
            token = {}
            while True:  # newer releases look for the rule in the list before they read it
                page = p.iot.list_topic_rules(**token)
                if any(r["ruleName"] == "r" for r in page["rules"]):
                    break
                if "nextToken" not in page:
                    return None
                token = {"nextToken": page["nextToken"]}
            got = p.iot.get_topic_rule(ruleName="r")
            rule = {k: v for k, v in got["rule"].items() if k not in ("ruleName", "createdAt")}
            tap.check(isinstance(got["rule"]["createdAt"], datetime.datetime), "created when")
            return {"arn": got["ruleArn"], "rule": rule, "tags": p.tags(got["ruleArn"])}

        want = {"arn": ARN + "rule/r", "rule": payload("a/+"), "tags": {"k": "v", "l": "w x"}}
        p.iot.create_topic_rule(ruleName="r", topicRulePayload=payload("a/+"),
                                tags=urllib.parse.urlencode(want["tags"]))
        plan(read, want, "created")
        error = {"errorAction": {"republish": {"roleArn": role, "topic": "failed", "qos": 1}}}
        p.iot.replace_topic_rule(ruleName="r", topicRulePayload=payload("b/#", **error))
        p.change_tags(want["arn"], want["tags"], {"k": "v"})
        want.update(rule=payload("b/#", **error), tags={"k": "v"})
        plan(read, want, "replaced")
        p.iot.replace_topic_rule(ruleName="r", topicRulePayload=payload("b/#", ruleDisabled=True))
        want.update(rule=payload("b/#", ruleDisabled=True))
        plan(read, want, "disabled")
        failed = refused("SqlParseException", 400, p.iot.replace_topic_rule, ruleName="r",
                         topicRulePayload=payload("b/#", sql="SELECT FROM"))
        tap.check("sts:AssumeRole" not in str(failed), "nothing that the provider would take for a role's delay")
        plan(read, want, "as before")
        p.iot.delete_topic_rule(ruleName="r")
        tap.equal(read(), None, "destroyed")


if __name__ == "__main__":
    support.main(globals())
