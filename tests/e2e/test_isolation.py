#!/usr/bin/env python3
"""Two tenants: every operation that weir answers is tried across the border, with the other's names, ids and ARNs, and
gets nothing; nothing of the other's registry changes. The operations come from weir itself (GET /weir/v1/operations): one
with a member that VALUES does not know fails the test until it has a value there.

usage: test_isolation.py BUILD/weir [test_NAME]...
"""
import hashlib
import json
import os
import sqlite3
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from control import REGION, access_key, alone, client, own, port, sock
from http_client import ask
import support
from support import tap
from test_tenants import make

SECRET = "topsecret"  # in every value of the victim's that no call names


class Victim:
    """The tenant acme, with one of everything."""

    def __init__(self, weir):
        self.tenant = make(weir, "acme")
        iot = self.iot = client(weir, access_key(weir, "acme"))
        self.key = access_key(weir, "acme", role="viewer")
        self.token = own(weir, "POST", "/weir/v1/tenants/acme/tokens", {"name": SECRET}).json
        iot.create_thing_type(thingTypeName="vtype", thingTypeProperties={"thingTypeDescription": SECRET + " type"})
        iot.create_thing_group(thingGroupName="vgroup", thingGroupProperties={
            "thingGroupDescription": SECRET + " group"})
        iot.create_thing_group(thingGroupName=SECRET + "-child", parentGroupName="vgroup")
        iot.create_billing_group(billingGroupName="vbilling", billingGroupProperties={
            "billingGroupDescription": SECRET + " billing"})
        thing = iot.create_thing(thingName="vthing", thingTypeName="vtype", billingGroupName="vbilling",
                                 attributePayload={"attributes": {"word": SECRET}})
        iot.create_thing(thingName=SECRET + "-thing")
        iot.add_thing_to_thing_group(thingGroupName="vgroup", thingName="vthing")
        cert = iot.create_keys_and_certificate(setAsActive=True)
        document = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iot:*", "Resource": f"arn:aws:iot:*:*:topic/{SECRET}"}]})
        iot.create_policy(policyName="vpolicy", policyDocument=document)
        iot.attach_policy(policyName="vpolicy", target=cert["certificateArn"])
        iot.attach_thing_principal(thingName="vthing", principal=cert["certificateArn"])
        iot.create_role_alias(roleAlias="valias", roleArn=f"arn:aws:iam::123456789012:role/{SECRET}")
        iot.tag_resource(resourceArn=f"arn:aws:iot:{REGION}:{self.tenant['account']}:policy/vpolicy",
                         tags=[{"Key": SECRET, "Value": SECRET}])
        rule = {"sql": f"SELECT '{SECRET}' AS x FROM 'acme/a'", "actions": [
            {"republish": {"topic": f"acme/{SECRET}", "roleArn": "arn:aws:iam::123456789012:role/r"}}]}
        iot.create_topic_rule(ruleName="vrule", topicRulePayload=rule)
        self.transfer = iot.create_keys_and_certificate()
        self.arn = f"arn:aws:iot:{REGION}:{self.tenant['account']}:"
        self.cert = cert
        self.values = {
            "thingName": "vthing", "thingTypeName": "vtype", "thingGroupName": "vgroup", "billingGroupName": "vbilling",
            "certificateId": cert["certificateId"], "caCertificateId": cert["certificateId"], "policyName": "vpolicy",
            "policyVersionId": "1", "ruleName": "vrule", "roleAlias": "valias", "domainConfigurationName": "vdomain",
            "principal": cert["certificateArn"], "target": cert["certificateArn"], "resourceArn": self.arn + "policy/vpolicy",
            "thingArn": thing["thingArn"], "thingGroupArn": self.arn + "thinggroup/vgroup",
            "billingGroupArn": self.arn + "billinggroup/vbilling", "parentGroup": "vgroup", "parentGroupName": "vgroup",
            "thingGroupsToAdd": ["vgroup"], "thingGroupsToRemove": ["vgroup"], "certificatePem": cert["certificatePem"],
            "tenant": "acme", "id": self.key[0], "targetAwsAccount": self.tenant["account"], "attributeName": "word",
            "attributeValue": SECRET[:3], "usePrefixAttributeValue": True, "namePrefixFilter": SECRET[:3],
            "thingPrincipalType": "NON_EXCLUSIVE_THING",
            "newStatus": "INACTIVE", "forceDelete": True, "setAsActive": True, "recursive": True,
            "arn": self.arn + "ruledestination/http/00000000-0000-4000-8000-000000000000",
            "confirmationToken": "0" * 32, "status": "INACTIVE", "authInfos": [
                {"actionType": "PUBLISH", "resources": [self.arn + "topic/acme/a"]}],
            "policyDocument": "{}", "attributePayload": {"attributes": {"mine": "1"}}, "tags": [], "tagKeys": [SECRET],
            "topicRulePayload": {"sql": "SELECT * FROM 'beta/a'", "actions": []}, "topic": "acme/a",
            "name": "iot.quota.things", "feature": {"value": 1}, "features": {"iot.quota.things": 1},
            "roleArn": "arn:aws:iam::123456789012:role/mine", "queryString": SECRET[:3] + "*", "indexName": "AWS_Things",
            "thingGroupProperties": {}, "billingGroupProperties": {}, "policyNamesToAdd": ["vpolicy"],
            "defaultLogLevel": "INFO", "keyType": "P-256", "clientId": "vthing", "passphrase": "pass phrase",
            "destinationConfiguration": {"httpUrlConfiguration": {"confirmationUrl": "https://127.0.0.1:1/"}},
        }


# Members that say how, not what of whom: left out.
HOW = {"account", "after", "allowAutoRegistration", "applicationProtocol", "ascendingOrder", "authenticationType",
       "authorizerConfig", "caCertificate", "caCertificatePem", "certificateMode", "certificateSigningRequest",
       "clientCertificateConfig", "cognitoIdentityPoolId", "credentialDurationSeconds", "deleted", "disableAllLogs",
       "domainConfigurationStatus", "domainName", "endpointType", "eventConfigurations", "expectedVersion", "marker",
       "maxResults", "newAutoRegistrationStatus", "nextToken", "overrideDynamicGroups", "pageSize", "policyNamesToSkip",
       "registrationConfig", "rejectReason", "removeAuthorizerConfig", "removeAutoRegistration", "removeThingType", "role",
       "ruleDisabled", "serverCertificateArns", "serverCertificateConfig", "serviceType", "setAsDefault", "templateName",
       "thingTypeProperties", "tlsConfig", "transferMessage", "ttl", "undoDeprecate", "validationCertificateArn", "verbose",
       "verificationCertificate", "keyEscrow", "queryVersion", "thingIndexingConfiguration",
       "thingGroupIndexingConfiguration", "templateBody", "parameters", "includeSocketInformation", "last", "before"}


def text_of(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def request_of(op, values):
    """(target, headers, body) of a call with the victim's values."""
    path, query, headers, body = op["path"], {}, {}, {}
    payload = None
    for m in op["members"]:
        known = m["name"] in values or m["name"] in HOW
        tap.check(known, f"{op['name']} has a member {m['name']}, of which test_isolation.py knows nothing: give it a value")
        value = values.get(m["name"])
        if value is None:
            continue
        if m["in"] == "path":
            quoted = urllib.parse.quote(text_of(value), safe="")
            path = path.replace("{%s}" % m["wire"], quoted).replace("{%s+}" % m["wire"], quoted)
        elif m["in"] == "query":
            query[m["wire"]] = text_of(value)
        elif m["in"] == "header":
            headers[m["wire"]] = text_of(value) if not isinstance(value, list) else "a=b"
        elif m["in"] == "body":
            body[m["name"]] = value
        else:
            payload = value
    target = path + ("?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) if query else "")
    has_body = payload is not None or any(m["in"] == "body" for m in op["members"])
    return target, headers, json.dumps(payload if payload is not None else body) if has_body else None


def signed(at, key, method, target, headers, body):
    url = f"http://127.0.0.1:{at}{target}"
    request = botocore.awsrequest.AWSRequest(method, url, data=body or b"", headers={**headers, "Host": f"127.0.0.1:{at}"})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(*key), "iot", REGION).add_auth(request)
    return ask(at, method, target, body=body, headers=dict(request.headers.items()))


def registry_of(weir, account):
    """Everything that the registry has of a tenant: {table: rows}."""
    db = sqlite3.connect(f"file:{weir.state_dir}/registry.db?mode=ro", uri=True)
    tenant = db.execute("SELECT id FROM tenants WHERE account=?", (account,)).fetchone()[0]
    realms = "SELECT id FROM realms WHERE tenant=%d" % tenant
    out = {}
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%'").fetchall():
        columns = [x[1] for x in db.execute(f"PRAGMA table_info({table})")]
        shown = ", ".join(f'"{x}"' for x in columns if x != "used")  # when a key was used last
        if "realm" in columns:
            where = f"realm IN ({realms})"
        elif "tenant" in columns:
            where = "tenant=%d" % tenant
        elif table == "tenants":
            where = "id=%d" % tenant
        else:
            continue
        out[table] = sorted(map(repr, db.execute(f"SELECT {shown} FROM {table} WHERE {where}").fetchall()))
    db.close()
    return out


def digest(rows):
    return {k: hashlib.sha256("".join(v).encode()).hexdigest() for k, v in rows.items()}


def test_every_operation():
    """Every operation, across the border: nothing is told, nothing changes; on the own side the same calls are answered"""
    with alone({"region": REGION}) as weir:
        victim = Victim(weir)
        make(weir, "beta")
        key = access_key(weir, "beta")
        token = own(weir, "POST", "/weir/v1/tenants/beta/tokens", {"role": "admin"}).json["token"]
        at = port(weir)
        operations = own(weir, "GET", "/weir/v1/operations").json["operations"]
        tap.check(len(operations) > 100, f"{len(operations)} operations")
        before = registry_of(weir, victim.tenant["account"])
        tap.check(sum(map(len, before.values())) > 20, "the victim has something")
        # What no call of the thief's says: the victim's own words, ids of rows, keys.
        described = victim.iot.describe_thing(thingName="vthing")
        hidden = [SECRET, described["thingId"], victim.key[1], victim.token["token"],
                  victim.transfer["certificateId"], "PRIVATE KEY-----\\n" + victim.cert["keyPair"]["PrivateKey"][40:80]]
        leaks, own_leaks, answers = [], 0, {}
        # What deletes comes last: the thief's own things are in the way of nothing then.
        for op in sorted(operations, key=lambda o: o["method"] == "DELETE"):
            target, headers, body = request_of(op, victim.values)
            sent = target + json.dumps(headers) + (body or "")
            ways = [lambda: signed(at, key, op["method"], target, headers, body),
                    lambda: ask(at, op["method"], target, body=body,
                                headers={**headers, "Authorization": "Bearer " + token, "X-Weir-Region": REGION})]
            for way in ways:
                answer = way()
                answers[op["name"]] = answer.status
                seen = answer.text + json.dumps(answer.headers)
                found = [x for x in hidden if x in seen and x not in sent]
                if found or answer.status >= 500:
                    leaks.append((op["name"], answer.status, found, seen[:300]))
                if op["own"] and "{tenant}" in op["path"]:
                    tap.equal(answer.status, 403, f"{op['name']} of another tenant")
            # The path and the header of the other tenant do not help either.
            for more in ({"X-Weir-Tenant": "acme"}, {}):
                there = target if more else "/t/acme" + target
                answer = ask(at, op["method"], there, body=body,
                             headers={**headers, **more, "Authorization": "Bearer " + token})
                if not op["unsigned"]:
                    tap.equal(answer.status, 403, f"{op['name']} as acme's, with beta's token")
                    answer = signed(at, key, op["method"], "/t/acme" + target, headers, body)
                    tap.equal(answer.status, 403, f"{op['name']} at /t/acme, with beta's key")
        tap.equal(leaks, [], "what crossed the border")
        after = registry_of(weir, victim.tenant["account"])
        tap.equal([k for k in before if digest(before)[k] != digest(after)[k]], [], "tables of acme that have changed")
        # The test can see: for the victim itself the same reads tell its secrets.
        for op in operations:
            if not op["writes"] and not op["own"]:
                target, headers, body = request_of(op, victim.values)
                answer = ask(sock(weir), op["method"], target, body=body,
                             headers={**headers, "X-Weir-Tenant": "acme", "X-Weir-Region": REGION})
                own_leaks += any(x in answer.text for x in hidden)
        print(f"# {len(operations)} operations; {own_leaks} of the reads tell the owner something that is hidden from others")
        tap.check(own_leaks >= 10, f"{own_leaks}")
        tap.check(victim.iot.describe_thing(thingName="vthing")["attributes"] == {"word": SECRET}, "all is still there")


if __name__ == "__main__":
    support.main(globals())
