// DevOps → IoT → Policies: what certificates may do at the broker.
import { ask, begin, enc, get } from "./api.js";
import { badge, confirm, field, guard, h, json, menu, note, pane, table, time } from "./ui.js";
import { again, iotTabs } from "./things.js";

const START = json({ Version: "2012-10-17", Statement: [
  { Effect: "Allow", Action: "iot:Connect", Resource: "arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}" },
  { Effect: "Allow", Action: ["iot:Publish", "iot:Receive"], Resource: "arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}/*" },
  { Effect: "Allow", Action: "iot:Subscribe", Resource: "arn:aws:iot:*:*:topicfilter/${iot:Connection.Thing.ThingName}/*" }] });

function checked(text) {
  try { JSON.parse(text); } catch (e) { throw Object.assign(new Error("Document: " + e.message), { fields: ["policyDocument"] }); }
  return text;
}

async function create() {
  const made = await pane({ title: "Create a policy", action: "Create", wide: true, body: [field({ name: "policyName", label: "Name", required: true }), field({ name: "policyDocument", label: "Document", type: "textarea", rows: 16, value: START, required: true })],
    submit: (v) => ask("POST", `/policies/${enc(v.policyName)}`, { body: { policyDocument: checked(v.policyDocument) } }) });
  if (made) { if (made.$warning) note(made.$warning, true); location.hash = `iot/policies/${enc(made.policyName)}`; }
}

async function remove(name) {
  const versions = (await get(`/policies/${enc(name)}/version`)).policyVersions;
  if (await confirm("Delete the policy?", [`${name} will be deleted with its ${versions.length} version(s). It must not be attached to anything.`], "Delete", async () => {
    for (const v of versions) if (!v.isDefaultVersion) await ask("DELETE", `/policies/${enc(name)}/version/${v.versionId}`);
    await ask("DELETE", `/policies/${enc(name)}`);
  })) { note(`The policy ${name} has been deleted.`); if (location.hash === "#iot/policies") again(); else location.hash = "iot/policies"; }
}

export async function list() {
  const found = await begin("/policies", "policies", true);
  return { title: "Policies", crumbs: [["DevOps"], ["IoT"], ["Policies"]], body: h("div", {}, iotTabs("policies"), h("h1", {}, "Policies"), table({ caption: "Policies", ...found, columns: [
    { title: "Name", value: (r) => r.policyName, cell: (r) => h("a", { href: `#iot/policies/${enc(r.policyName)}` }, r.policyName) }, { title: "ARN", value: (r) => r.policyArn, cell: (r) => h("span", { class: "mono" }, r.policyArn) }],
  actions: (r) => [["Delete", guard(() => remove(r.policyName)), { danger: true }]], tools: h("button", { class: "primary", type: "button", onclick: guard(create) }, "Add") })) };
}

export async function details(name) {
  const p = await get(`/policies/${enc(name)}`), versions = (await get(`/policies/${enc(name)}/version`)).policyVersions;
  const targets = [];
  let marker;
  do {
    const page = await ask("POST", `/policy-targets/${enc(name)}`, { query: { pageSize: 250, marker } });
    targets.push(...page.targets);
    marker = page.nextMarker;
  } while (marker);
  const pretty = (text) => { try { return json(JSON.parse(text)); } catch { return text; } };
  const edit = async () => {
    if (await pane({ title: "New version", action: "Save as default", wide: true, body: [field({ name: "policyDocument", label: "Document", type: "textarea", rows: 16, value: pretty(p.policyDocument), required: true })],
      submit: (v) => ask("POST", `/policies/${enc(name)}/version`, { query: { setAsDefault: true }, body: { policyDocument: checked(v.policyDocument) } }) })) again();
  };
  return { title: name, crumbs: [["DevOps"], ["IoT", "iot/things"], ["Policies", "iot/policies"], [name]], body: h("div", {}, h("div", { class: "head" }, h("h1", {}, name), h("span", { class: "push" },
    menu("Actions", () => [["Edit (new version)", guard(edit)], ["Delete", guard(() => remove(name)), { danger: true }]]))), h("p", { class: "muted mono" }, p.policyArn),
  h("div", { class: "two" }, h("section", { class: "panel" }, h("h2", {}, `Document (version ${p.defaultVersionId})`), h("pre", {}, pretty(p.policyDocument))),
    h("section", { class: "panel" }, h("h2", {}, "Versions"), table({ caption: "Versions", rows: versions, size: 10, columns: [{ title: "Version", value: (r) => Number(r.versionId), num: true }, { title: "Created", value: (r) => r.createDate, cell: (r) => time(r.createDate) }, { title: "Default", value: (r) => (r.isDefaultVersion ? "default" : ""), cell: (r) => (r.isDefaultVersion ? badge("default", "good") : "") }],
      actions: (r) => [["Show", guard(async () => { const v = await get(`/policies/${enc(name)}/version/${r.versionId}`); await pane({ title: `Version ${r.versionId}`, wide: true, body: h("pre", {}, pretty(v.policyDocument)) }); })],
        ["Make default", async () => { if (await confirm("Make the version the default?", [`What ${name} is attached to may from then on do what version ${r.versionId} says.`], "Make default", () => ask("PATCH", `/policies/${enc(name)}/version/${r.versionId}`))) again(); }, { why: r.isDefaultVersion ? "it is the default" : null }],
        ["Delete", async () => { if (await confirm("Delete the version?", [`Version ${r.versionId} of ${name} will be deleted.`], "Delete", () => ask("DELETE", `/policies/${enc(name)}/version/${r.versionId}`))) again(); }, { danger: true, why: r.isDefaultVersion ? "it is the default: make another one that first" : null }]] }),
    h("h2", {}, "Attached to"), table({ caption: "Attached to", rows: targets, size: 10, empty: "Nothing: what it allows, nobody may.", columns: [{ title: "Target", value: (t) => t, cell: (t) => (t.includes(":cert/") ? h("a", { class: "mono", href: `#iot/certificates/${t.split("/").pop()}` }, t.split("/").pop()) : h("code", {}, t)) }] })))) };
}
