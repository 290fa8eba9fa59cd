// The seed flows with AWS's SDK for JavaScript, against a running weir; for tests/e2e/test_sdk.py.
//   node sdk_flow.mjs ENDPOINT KEY_ID SECRET      prints what it saw as JSON
import assert from "node:assert/strict";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.env.WR_NODE_MODULES, "x.js"));
const iot = require("@aws-sdk/client-iot");
const [endpoint, accessKeyId, secretAccessKey] = process.argv.slice(2);
const client = new iot.IoTClient({ endpoint, region: "eu-west-1", credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
const send = (name, input = {}) => client.send(new iot[`${name}Command`](input));
async function refused(code, name, input) {
  try {
    await send(name, input);
  } catch (error) {
    assert.equal(error.name, code, `${name}: ${error.message}`);
    return error;
  }
  return assert.fail(`${name} was expected to fail with ${code}`);
}
const ACCOUNT = "123456789012";
const seen = {};

// Things, types
assert.ok((await send("DescribeEndpoint", { endpointType: "iot:Data-ATS" })).endpointAddress);
await send("CreateThingType", { thingTypeName: "lamp", thingTypeProperties: { thingTypeDescription: "a lamp", searchableAttributes: ["room"] } });
await send("UpdateThingType", { thingTypeName: "lamp", thingTypeProperties: { thingTypeDescription: "a lamp", mqtt5Configuration: { propagatingAttributes: [{ userPropertyKey: "room", thingAttribute: "room" }] } } });
assert.equal((await send("DescribeThingType", { thingTypeName: "lamp" })).thingTypeProperties.thingTypeDescription, "a lamp");
const thing = await send("CreateThing", { thingName: "l1", thingTypeName: "lamp", attributePayload: { attributes: { room: "hall" } } });
assert.equal(thing.thingArn, `arn:aws:iot:eu-west-1:${ACCOUNT}:thing/l1`);
assert.equal((await refused("ResourceAlreadyExistsException", "CreateThing", { thingName: "l1" })).resourceArn, thing.thingArn);
const described = await send("DescribeThing", { thingName: "l1" });
assert.deepEqual([described.version, described.attributes, described.thingTypeName], [1, { room: "hall" }, "lamp"]);
await send("UpdateThing", { thingName: "l1", attributePayload: { attributes: { floor: "2" }, merge: true }, expectedVersion: 1 });
await refused("VersionConflictException", "UpdateThing", { thingName: "l1", expectedVersion: 1 });
assert.deepEqual((await send("DescribeThing", { thingName: "l1" })).attributes, { room: "hall", floor: "2" });

// Certificates and what they are attached to
const keys = await send("CreateKeysAndCertificate", { setAsActive: true });
assert.match(keys.keyPair.PrivateKey, /^-----BEGIN RSA PRIVATE KEY-----/);
await send("AttachThingPrincipal", { thingName: "l1", principal: keys.certificateArn });
assert.deepEqual((await send("ListThingPrincipals", { thingName: "l1" })).principals, [keys.certificateArn]);
assert.deepEqual((await send("ListThingPrincipalsV2", { thingName: "l1" })).thingPrincipalObjects, [{ principal: keys.certificateArn, thingPrincipalType: "NON_EXCLUSIVE_THING" }]);
assert.deepEqual((await send("ListPrincipalThingsV2", { principal: keys.certificateArn })).principalThingObjects, [{ thingName: "l1", thingPrincipalType: "NON_EXCLUSIVE_THING" }]);
const certificate = (await send("DescribeCertificate", { certificateId: keys.certificateId })).certificateDescription;
assert.equal(certificate.status, "ACTIVE");
assert.ok(certificate.creationDate instanceof Date && Math.abs(certificate.creationDate - Date.now()) < 300000, "a date");
await send("CreatePolicy", { policyName: "p", policyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "iot:*", Resource: "*" }] }) });
await send("AttachPolicy", { policyName: "p", target: keys.certificateArn });
assert.deepEqual((await send("ListAttachedPolicies", { target: keys.certificateArn })).policies.map((x) => x.policyName), ["p"]);
await refused("DeleteConflictException", "DeletePolicy", { policyName: "p" });
await refused("CertificateStateException", "DeleteCertificate", { certificateId: keys.certificateId });
await send("UpdateCertificate", { certificateId: keys.certificateId, newStatus: "INACTIVE" });

// Rules
const payload = { sql: "SELECT * FROM 'a/+' WHERE b > 1", awsIotSqlVersion: "2016-03-23", description: "d", ruleDisabled: false,
  actions: [{ republish: { roleArn: `arn:aws:iam::${ACCOUNT}:role/r`, topic: "out", qos: 1 } }], errorAction: { republish: { roleArn: `arn:aws:iam::${ACCOUNT}:role/r`, topic: "errors" } } };
await send("CreateTopicRule", { ruleName: "r", topicRulePayload: payload, tags: "team=a" });
await refused("ResourceAlreadyExistsException", "CreateTopicRule", { ruleName: "r", topicRulePayload: payload });
const rule = await send("GetTopicRule", { ruleName: "r" });
assert.deepEqual([rule.rule.sql, rule.rule.actions, rule.rule.errorAction, rule.rule.description, rule.ruleArn], [payload.sql, payload.actions, payload.errorAction, "d", `arn:aws:iot:eu-west-1:${ACCOUNT}:rule/r`]);
assert.match((await refused("SqlParseException", "CreateTopicRule", { ruleName: "bad", topicRulePayload: { ...payload, sql: "SELECT FROM" } })).message, /\d/);
await send("DisableTopicRule", { ruleName: "r" });
assert.equal((await send("GetTopicRule", { ruleName: "r" })).rule.ruleDisabled, true);
await send("EnableTopicRule", { ruleName: "r" });
await send("ReplaceTopicRule", { ruleName: "r", topicRulePayload: { ...payload, sql: "SELECT c FROM 'a/+'" } });
assert.equal((await send("GetTopicRule", { ruleName: "r" })).rule.sql, "SELECT c FROM 'a/+'");
assert.deepEqual((await send("ListTopicRules", { topic: "a/x" })).rules.map((x) => [x.ruleName, x.topicPattern, x.ruleDisabled]), [["r", "a/+", false]]);
assert.deepEqual((await send("ListTagsForResource", { resourceArn: rule.ruleArn })).tags, [{ Key: "team", Value: "a" }]);
await send("DeleteTopicRule", { ruleName: "r" });

// Away with it
await send("DetachPolicy", { policyName: "p", target: keys.certificateArn });
await send("DeletePolicy", { policyName: "p" });
await refused("DeleteConflictException", "DeleteCertificate", { certificateId: keys.certificateId, forceDelete: true });
await send("DetachThingPrincipal", { thingName: "l1", principal: keys.certificateArn });
await send("DeleteCertificate", { certificateId: keys.certificateId });
await refused("ResourceNotFoundException", "DescribeCertificate", { certificateId: keys.certificateId });
await send("DeleteThing", { thingName: "l1" });
await send("DeprecateThingType", { thingTypeName: "lamp" });
assert.match((await refused("InvalidRequestException", "DeleteThingType", { thingTypeName: "lamp" })).message, /Please wait for 5 minutes after deprecation and then retry/);
seen.things = (await send("ListThings")).things;
console.log(JSON.stringify(seen));
