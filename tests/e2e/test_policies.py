#!/usr/bin/env python3
"""Policies, their versions and targets, and role aliases, by Debian's boto3.

usage: test_policies.py BUILD/weir [test_NAME]...
"""
import json

from control import alone, client, pages, refused
from http_client import ask
from control import sock
import support
from support import tap

ALLOW = json.dumps({"Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
OTHER = json.dumps({"Version": "2012-10-17",
                    "Statement": [{"Effect": "Deny", "Action": "iot:Publish", "Resource": "*"}]})


def names(items):
    return [x["policyName"] for x in items]


def test_policy():
    """Create, read, list, delete; the same name again; what is not there"""
    with alone() as weir:
        iot = client(weir)
        made = iot.create_policy(policyName="dev+1=,.@-_", policyDocument=ALLOW)
        tap.equal({k: made[k] for k in ("policyName", "policyArn", "policyDocument", "policyVersionId")},
                  {"policyName": "dev+1=,.@-_", "policyVersionId": "1", "policyDocument": ALLOW,
                   "policyArn": "arn:aws:iot:eu-west-1:123456789012:policy/dev+1=,.@-_"}, "created")
        error = refused("ResourceAlreadyExistsException", 409, iot.create_policy, policyName="dev+1=,.@-_",
                        policyDocument=OTHER)
        tap.equal(error["Error"]["Message"],
                  "Policy cannot be created - name already exists (name=dev+1=,.@-_)", "text")
        tap.equal(error["resourceArn"], made["policyArn"], "resourceArn")
        got = iot.get_policy(policyName="dev+1=,.@-_")
        tap.equal((got["policyDocument"], got["defaultVersionId"]), (ALLOW, "1"), "read")
        tap.check(got["creationDate"] and got["lastModifiedDate"] and got["generationId"], "dates")
        iot.create_policy(policyName="b", policyDocument=OTHER)
        iot.create_policy(policyName="c", policyDocument=OTHER)
        tap.equal(names(iot.list_policies()["policies"]), ["dev+1=,.@-_", "b", "c"], "list")
        tap.equal(names(pages(iot.list_policies, "policies", "marker", pageSize=1, ascendingOrder=False)[0]),
                  ["c", "b", "dev+1=,.@-_"], "the other way round, a page each")
        iot.delete_policy(policyName="b")
        for call in (iot.get_policy, iot.delete_policy, iot.list_policy_versions):
            refused("ResourceNotFoundException", 404, call, policyName="b")


def test_documents():
    """Not JSON is malformed; {} is taken with a warning unless policy_documents is strict; long ones are refused"""
    with alone() as weir:
        iot = client(weir)
        refused("MalformedPolicyException", 400, iot.create_policy, policyName="a", policyDocument="{")
        refused("MalformedPolicyException", 400, iot.create_policy, policyName="a", policyDocument="[]")
        refused("MalformedPolicyException", 400, iot.create_policy, policyName="a",
                policyDocument=json.dumps({"Statement": [], "x": "y" * 2048}))
        iot.create_policy(policyName="a", policyDocument=json.dumps({"Statement": []}) + " " * 3000)
        refused("InvalidRequestException", 400, iot.create_policy, policyName="a b", policyDocument=ALLOW)
        answer = ask(sock(weir), "POST", "/policies/empty", body=json.dumps({"policyDocument": "{}"}))
        tap.equal(answer.status, 200, answer.text)
        tap.check("x-weir-warning" in answer.headers, "a warning")
    with alone({"admin": {"policy_documents": "strict"}}) as weir:
        iot = client(weir)
        refused("MalformedPolicyException", 400, iot.create_policy, policyName="a", policyDocument="{}")
        iot.create_policy(policyName="a", policyDocument=ALLOW)


def test_versions():
    """Five versions at most, numbers are not used again, the default one stays"""
    with alone() as weir:
        iot = client(weir)
        iot.create_policy(policyName="p", policyDocument=ALLOW)
        second = iot.create_policy_version(policyName="p", policyDocument=OTHER, setAsDefault=True)
        tap.equal((second["policyVersionId"], second["isDefaultVersion"]), ("2", True), "second")
        for i in range(3):
            third = iot.create_policy_version(policyName="p", policyDocument=OTHER)
            tap.equal(third["isDefaultVersion"], False, "not the default")
        error = refused("VersionsLimitExceededException", 409, iot.create_policy_version, policyName="p",
                        policyDocument=OTHER)
        tap.equal(error["Error"]["Message"], "The policy p already has the maximum number of versions (5)", "text")
        tap.equal([(x["versionId"], x["isDefaultVersion"]) for x in
                   iot.list_policy_versions(policyName="p")["policyVersions"]],
                  [("1", False), ("2", True), ("3", False), ("4", False), ("5", False)], "versions")
        error = refused("InvalidRequestException", 400, iot.delete_policy_version, policyName="p", policyVersionId="2")
        tap.equal(error["Error"]["Message"], "Cannot delete the default version of a policy", "text")
        iot.delete_policy_version(policyName="p", policyVersionId="5")
        refused("ResourceNotFoundException", 404, iot.get_policy_version, policyName="p", policyVersionId="5")
        tap.equal(iot.create_policy_version(policyName="p", policyDocument=ALLOW)["policyVersionId"], "6", "never 5")
        iot.set_default_policy_version(policyName="p", policyVersionId="6")
        tap.equal(iot.get_policy(policyName="p")["policyDocument"], ALLOW, "the default one's document")
        tap.equal(iot.get_policy_version(policyName="p", policyVersionId="6")["isDefaultVersion"], True, "default")
        refused("ResourceNotFoundException", 404, iot.set_default_policy_version, policyName="p", policyVersionId="77")
        refused("DeleteConflictException", 409, iot.delete_policy, policyName="p")
        for version in "1", "2", "3", "4":
            iot.delete_policy_version(policyName="p", policyVersionId=version)
        iot.delete_policy(policyName="p")


def test_targets():
    """Attach and detach in the new and the old form; listings; limits; what does not exist"""
    with alone() as weir:
        iot = client(weir)
        cert = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
        for i in range(11):
            iot.create_policy(policyName=f"p{i}", policyDocument=ALLOW)
        iot.attach_policy(policyName="p0", target=cert)
        iot.attach_policy(policyName="p0", target=cert)
        iot.attach_principal_policy(policyName="p1", principal=cert)
        tap.equal(names(iot.list_attached_policies(target=cert)["policies"]), ["p0", "p1"], "attached")
        tap.equal(names(pages(iot.list_attached_policies, "policies", "marker", target=cert, pageSize=1)[0]),
                  ["p0", "p1"], "a page each")
        tap.equal(names(iot.list_principal_policies(principal=cert)["policies"]), ["p0", "p1"], "the old form")
        tap.equal(iot.list_targets_for_policy(policyName="p0")["targets"], [cert], "targets")
        tap.equal(iot.list_policy_principals(policyName="p1")["principals"], [cert], "principals")
        answer = ask(sock(weir), "POST", "/attached-policies/" + cert, headers={"X-Weir-Region": "eu-west-1"})
        tap.equal(names(answer.json["policies"]), ["p0", "p1"], "an ARN that is not encoded")
        for i in range(2, 10):
            iot.attach_policy(policyName=f"p{i}", target=cert)
        refused("LimitExceededException", 410, iot.attach_policy, policyName="p10", target=cert)
        refused("DeleteConflictException", 409, iot.delete_policy, policyName="p0")
        iot.detach_policy(policyName="p0", target=cert)
        iot.detach_principal_policy(policyName="p1", principal=cert)
        refused("ResourceNotFoundException", 404, iot.detach_policy, policyName="p0", target=cert)
        refused("ResourceNotFoundException", 404, iot.attach_policy, policyName="nosuch", target=cert)
        refused("ResourceNotFoundException", 404, iot.attach_policy, policyName="p0", target=cert[:-4] + "0000")
        refused("InvalidRequestException", 400, iot.attach_policy, policyName="p0", target="nonsense")
        refused("ResourceNotFoundException", 404, iot.list_targets_for_policy, policyName="nosuch")
        iot.attach_policy(policyName="p0", target="eu-west-1:12345678-1234-1234-1234-123456789012")
        top = iot.create_thing_group(thingGroupName="top")["thingGroupArn"]
        low = iot.create_thing_group(thingGroupName="low", parentGroupName="top")["thingGroupArn"]
        iot.attach_policy(policyName="p1", target=top)
        iot.attach_policy(policyName="p2", target=low)
        tap.equal(names(iot.list_attached_policies(target=low)["policies"]), ["p2"], "of the group")
        tap.equal(names(iot.list_attached_policies(target=low, recursive=True)["policies"]), ["p1", "p2"], "and above")
        iot.attach_policy(policyName="p3", target=low)
        refused("LimitExceededException", 410, iot.attach_policy, policyName="p4", target=low)


def test_authorization():
    """What a certificate may do, by its own policies and those of its things' groups"""
    with alone() as weir:
        iot = client(weir)
        cert = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
        top = iot.create_thing_group(thingGroupName="top")["thingGroupArn"]
        iot.create_thing_group(thingGroupName="low", parentGroupName="top")
        iot.create_thing(thingName="t")
        iot.add_thing_to_thing_group(thingGroupName="low", thingName="t")
        own = {"Effect": "Allow", "Action": ["iot:Publish", "iot:Connect"],
               "Resource": ["arn:aws:iot:*:*:topic/a/*", "arn:aws:iot:*:*:client/${iot:ClientId}"]}
        iot.create_policy(policyName="own", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": own}))
        iot.create_policy(policyName="all", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Deny", "Action": "iot:*", "Resource": "arn:aws:iot:*:*:topic/a/secret"}}))
        iot.attach_policy(policyName="own", target=cert)
        iot.attach_policy(policyName="all", target=top)
        tap.equal(names(iot.get_effective_policies(principal=cert)["effectivePolicies"]), ["own"], "its own")
        tap.equal(names(iot.get_effective_policies(principal=cert, thingName="t")["effectivePolicies"]), ["own", "all"],
                  "with those of a thing's groups")
        iot.attach_thing_principal(thingName="t", principal=cert)
        got = iot.get_effective_policies(principal=cert)["effectivePolicies"]
        tap.equal((names(got), json.loads(got[0]["policyDocument"])["Statement"]), (["own", "all"], own), "attached")

        def decide(kind, resource, **more):
            arn = f"arn:aws:iot:eu-west-1:123456789012:{resource}"
            result = iot.test_authorization(principal=cert, authInfos=[{"actionType": kind, "resources": [arn]}], **more)
            return result["authResults"][0]
        allowed = decide("PUBLISH", "topic/a/b")
        tap.equal((allowed["authDecision"], names(allowed["allowed"]["policies"])), ("ALLOWED", ["own"]), "allowed")
        denied = decide("PUBLISH", "topic/a/secret")
        tap.equal((denied["authDecision"], names(denied["denied"]["explicitDeny"]["policies"])), ("EXPLICIT_DENY", ["all"]),
                  "denied")
        tap.equal(decide("PUBLISH", "topic/a/secret", policyNamesToSkip=["all"])["authDecision"], "ALLOWED", "skipped")
        tap.equal(decide("SUBSCRIBE", "topicfilter/a/b")["authDecision"], "IMPLICIT_DENY", "nothing said")
        iot.create_policy(policyName="more", policyDocument=ALLOW)
        tap.equal(decide("SUBSCRIBE", "topicfilter/a/b", policyNamesToAdd=["more"])["authDecision"], "ALLOWED", "added")
        tap.equal(decide("CONNECT", "client/c1", clientId="c1")["authDecision"], "ALLOWED", "the client's id")
        tap.equal(decide("CONNECT", "client/c2", clientId="c1")["authDecision"], "IMPLICIT_DENY", "another's")
        refused("InvalidRequestException", 400, iot.test_authorization, principal=cert, authInfos=[])
        refused("ResourceNotFoundException", 404, iot.get_effective_policies, principal=cert, thingName="nosuch")


def test_role_aliases():
    """Create, describe, update, list, delete"""
    with alone() as weir:
        iot = client(weir)
        arn = "arn:aws:iam::123456789012:role/r"
        made = iot.create_role_alias(roleAlias="a=1", roleArn=arn)
        tap.equal(made["roleAliasArn"], "arn:aws:iot:eu-west-1:123456789012:rolealias/a=1", "ARN")
        refused("ResourceAlreadyExistsException", 409, iot.create_role_alias, roleAlias="a=1", roleArn=arn)
        refused("InvalidRequestException", 400, iot.create_role_alias, roleAlias="b", roleArn=arn,
                credentialDurationSeconds=1)
        iot.update_role_alias(roleAlias="a=1", credentialDurationSeconds=1800)
        got = iot.describe_role_alias(roleAlias="a=1")["roleAliasDescription"]
        tap.equal((got["roleArn"], got["credentialDurationSeconds"], got["owner"]), (arn, 1800, "123456789012"), "it")
        tap.equal(iot.list_role_aliases()["roleAliases"], ["a=1"], "list")
        iot.delete_role_alias(roleAlias="a=1")
        refused("ResourceNotFoundException", 404, iot.describe_role_alias, roleAlias="a=1")
        for i in range(100):
            iot.create_role_alias(roleAlias=f"n{i}", roleArn=arn)
        refused("LimitExceededException", 410, iot.create_role_alias, roleAlias="more", roleArn=arn)


def test_tags():
    """Tags at creation, added, changed, removed, listed; at most 50; gone with their resource"""
    with alone() as weir:
        iot = client(weir)
        arn = iot.create_policy(policyName="p", policyDocument=ALLOW, tags=[{"Key": "a", "Value": "1"}])["policyArn"]
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "b", "Value": ""}, {"Key": "a", "Value": "2"}])

        def tags():
            return [(x["Key"], x["Value"]) for x in pages(iot.list_tags_for_resource, "tags", resourceArn=arn)[0]]
        tap.equal(tags(), [("a", "2"), ("b", "")], "tags")
        iot.untag_resource(resourceArn=arn, tagKeys=["a", "nosuch"])
        tap.equal(tags(), [("b", "")], "one removed")
        refused("InvalidRequestException", 400, iot.tag_resource, resourceArn=arn, tags=[{"Key": "aws:x", "Value": "1"}])
        refused("InvalidRequestException", 400, iot.tag_resource, resourceArn=arn, tags=[{"Key": "a*", "Value": "1"}])
        refused("LimitExceededException", 410, iot.tag_resource, resourceArn=arn,
                tags=[{"Key": f"k{i}", "Value": "1"} for i in range(50)])
        tap.equal(tags(), [("b", "")], "all or nothing")
        iot.tag_resource(resourceArn=arn, tags=[{"Key": f"k{i}", "Value": "1"} for i in range(49)])
        refused("ResourceNotFoundException", 404, iot.list_tags_for_resource, resourceArn=arn + "x")
        refused("InvalidRequestException", 400, iot.list_tags_for_resource, resourceArn="arn:aws:s3:::b")
        iot.delete_policy(policyName="p")
        iot.create_policy(policyName="p", policyDocument=ALLOW)
        tap.equal(tags(), [], "gone with it")


def test_domains_and_logging():
    """Domain configurations and logging options are kept, and the answer says that nothing follows them"""
    with alone() as weir:
        iot = client(weir)
        made = iot.create_domain_configuration(domainConfigurationName="d", domainName="iot.example",
                                               serverCertificateArns=["arn:aws:acm:eu-west-1:1:certificate/x"])
        tap.check(made["domainConfigurationArn"].startswith(
            "arn:aws:iot:eu-west-1:123456789012:domainconfiguration/d/"), made["domainConfigurationArn"])
        tap.check("x-weir-warning" in made["ResponseMetadata"]["HTTPHeaders"], "a warning")
        refused("ResourceAlreadyExistsException", 409, iot.create_domain_configuration, domainConfigurationName="d")
        iot.create_domain_configuration(domainConfigurationName="jobs", serviceType="JOBS")
        got = iot.describe_domain_configuration(domainConfigurationName="d")
        tap.equal((got["domainName"], got["domainType"], got["domainConfigurationStatus"], got["serviceType"],
                   len(got["serverCertificates"])),
                  ("iot.example", "CUSTOMER_MANAGED", "ENABLED", "DATA", 1), "described")
        tap.equal([x["domainConfigurationName"] for x in
                   iot.list_domain_configurations(serviceType="JOBS")["domainConfigurations"]], ["jobs"], "filtered")
        refused("InvalidRequestException", 400, iot.delete_domain_configuration, domainConfigurationName="d")
        iot.update_domain_configuration(domainConfigurationName="d", domainConfigurationStatus="DISABLED")
        iot.delete_domain_configuration(domainConfigurationName="d")
        refused("ResourceNotFoundException", 404, iot.describe_domain_configuration, domainConfigurationName="d")
        refused("NotConfiguredException", 404, iot.get_v2_logging_options)
        iot.set_v2_logging_options(roleArn="arn:aws:iam::1:role/r", defaultLogLevel="INFO")
        iot.set_v2_logging_options(disableAllLogs=True)
        got = iot.get_v2_logging_options()
        tap.equal((got["roleArn"], got["defaultLogLevel"], got["disableAllLogs"]),
                  ("arn:aws:iam::1:role/r", "INFO", True), "logging")


if __name__ == "__main__":
    support.main(globals())
