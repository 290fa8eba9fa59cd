// DevOps → IoT → Things.
import { all, ask, begin, enc, get, session } from "./api.js";
import { badge, confirm, facts, field, guard, h, json, menu, note, painted, pane, table, tabs } from "./ui.js";

export const again = () => document.dispatchEvent(new CustomEvent("weir-again"));
export const iotTabs = (at) => tabs("IoT", [["things", "Things"], ["certificates", "Certificates"], ["rules", "Topic Rules"], ["policies", "Policies"]].map(([to, text]) => [text, `iot/${to}`, at === to]));
// For a tenant that has an account at AWS: the address of a page of its console there; else null. Asked when the page has been painted:
// menus wait for it when they are opened.
export async function atAws() {
  await painted();
  const account = (await features())["iot.aws_account"], region = session.region;
  return account ? (page) => `https://${region}.console.aws.amazon.com/iot/home?region=${enc(region)}#/${page}` : null;
}
export const certId = (arn) => arn.split("/").pop();

// The tenant's settings: prefixes and the like; nothing of it is needed to go on.
export async function features() {
  try { return (await get(`/weir/v1/tenants/${enc(session.tenant)}`)).features || {}; } catch { return {}; }
}

const types = async () => { try { return (await all("/thing-types", "thingTypes")).filter((t) => !t.thingTypeMetadata?.deprecated).map((t) => t.thingTypeName); } catch { return []; } };
const certificateChoices = async () => (await all("/certificates", "certificates", {}, true)).filter((c) => ["ACTIVE", "INACTIVE"].includes(c.status));
const shortId = (c) => `${c.certificateId.slice(0, 16)}… (${c.status})`;

function attributesOf(text) {
  if (!text.trim()) return {};
  let value;
  try { value = JSON.parse(text); } catch (e) { throw Object.assign(new Error("Attributes: " + e.message), { fields: ["attributes"] }); }
  if (!value || typeof value !== "object" || Array.isArray(value) || Object.values(value).some((v) => typeof v !== "string"))
    throw Object.assign(new Error('Attributes: write an object of texts, like {"attr1": "75"}'), { fields: ["attributes"] });
  return value;
}

// What AWS takes, before it is sent.
function checkAttributes(value, type) {
  const wrong = (text) => { throw Object.assign(new Error(text), { fields: ["attributes"] }); };
  const names = Object.keys(value), most = type ? 50 : 3;
  if (names.length > most) wrong(`At most ${most} attributes ${type ? "with" : "without"} a type; these are ${names.length}.`);
  for (const k of names) {
    if (!/^[a-zA-Z0-9_.,@/:#-]{1,128}$/.test(k)) wrong(`Attribute ${k || "without a name"}: a name has 1 to 128 letters, digits and any of _ . , @ / : # -`);
    if (!/^[a-zA-Z0-9_.,@/:#=[\]-]{0,800}$/.test(value[k])) wrong(`Attribute ${k}: a value has at most 800 letters, digits and any of _ . , @ / : # = [ ] -`);
  }
  return value;
}

async function create() {
  const [f, typeNames, certs] = [await features(), await types(), await certificateChoices().catch(() => [])];
  const prefix = f["iot.thing_prefix"] || "", preset = f["iot.default_thing_type"] || "";
  const made = await pane({ title: "Create an IoT Thing", action: "Create", map: { attributes: "attributes", attributePayload: "attributes" }, body: [
    field({ name: "thingName", label: "Name", required: true, prefix, hint: "Letters, digits, : _ and -" }),
    field({ name: "certificate", label: "IoT Certificate", type: "select", options: [["", "None"], ...certs.map((c) => [c.certificateArn, shortId(c)])] }),
    field({ name: "thingTypeName", label: "IoT Thing Type", type: "select", value: typeNames.includes(preset) ? preset : "", options: [["", "None"], ...typeNames] }),
    field({ name: "attributes", label: "Attributes", type: "textarea", placeholder: '{"attr1": "75"}', hint: "An object of texts; three of them without a type, 50 with one." })],
  submit: async (v) => {
    if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(prefix + v.thingName)) throw Object.assign(new Error("The name has letters, digits, : _ and -, at most 128."), { fields: ["thingName"] });
    const attributes = attributesOf(v.attributes), name = prefix + v.thingName;
    if (f["iot.tenant_attribute"]) attributes[f["iot.tenant_attribute"]] = session.tenant;
    checkAttributes(attributes, v.thingTypeName);
    await ask("POST", `/things/${enc(name)}`, { body: { thingTypeName: v.thingTypeName || undefined, attributePayload: Object.keys(attributes).length ? { attributes } : undefined } });
    if (v.certificate) {
      try { await attach(name, v.certificate); } catch (error) {
        await ask("DELETE", `/things/${enc(name)}`); // both or neither
        throw error;
      }
    }
    return name;
  } });
  if (made) { note(`The thing ${made} has been created.`); location.hash = `iot/things/${enc(made)}`; }
}

const attach = (name, arn) => ask("PUT", `/things/${enc(name)}/principals`, { headers: { "x-amzn-principal": arn } });
const detach = (name, arn) => ask("DELETE", `/things/${enc(name)}/principals`, { headers: { "x-amzn-principal": arn } });
const principalsOf = (name) => all(`/things/${enc(name)}/principals`, "principals");

async function edit(name) {
  const [thing, typeNames] = [await get(`/things/${enc(name)}`), await types()];
  const list = thing.thingTypeName && !typeNames.includes(thing.thingTypeName) ? [thing.thingTypeName, ...typeNames] : typeNames;
  const done = await pane({ title: "Edit an IoT Thing", action: "Update", map: { attributePayload: "attributes" }, body: [
    field({ name: "thingName", label: "Name", value: name, readonly: true }),
    field({ name: "thingTypeName", label: "IoT Thing Type", type: "select", value: thing.thingTypeName || "", options: [["", "None"], ...list] }),
    field({ name: "attributes", label: "Attributes", type: "textarea", value: json(thing.attributes || {}), rows: 8 })],
  submit: (v) => ask("PATCH", `/things/${enc(name)}`, { body: { thingTypeName: v.thingTypeName || undefined, removeThingType: !v.thingTypeName && thing.thingTypeName ? true : undefined,
    attributePayload: { attributes: checkAttributes(attributesOf(v.attributes), v.thingTypeName), merge: false }, expectedVersion: thing.version } }) });
  if (done) { note(`The thing ${name} has been updated.`); again(); }
}

async function remove(name) {
  const principals = await principalsOf(name);
  const done = await confirm("Delete the thing?", [`${name} will be deleted.`, principals.length ? `${principals.length} certificate(s) are attached to it; they will be detached first and stay in the list of certificates.` : "No certificate is attached to it."], "Delete", async () => {
    for (const p of principals) await detach(name, p);
    await ask("DELETE", `/things/${enc(name)}`);
  });
  if (done) { note(`The thing ${name} has been deleted.`); if (location.hash === "#iot/things") again(); else location.hash = "iot/things"; }
}

async function attachPane(name) {
  const has = await principalsOf(name), choices = (await certificateChoices()).filter((c) => !has.includes(c.certificateArn));
  const why = choices.length ? null : "There is no active or inactive certificate that is not attached yet: create one under Certificates.";
  const done = await pane({ title: "Attach an IoT Certificate", action: "Attach", why, body: [h("p", { class: "muted" }, `To ${name}`), why ? null : field({ name: "certificate", label: "IoT Certificate", type: "select", required: true, options: choices.map((c) => [c.certificateArn, shortId(c)]) })],
    submit: (v) => attach(name, v.certificate) });
  if (done) { note("The certificate has been attached."); again(); }
}

async function download(name) {
  const principals = await principalsOf(name);
  const why = principals.length ? null : "The thing has no certificate: attach one first.";
  await pane({ title: "Download IoT Device Package", action: "Download", why, body: why ? [] : [
    principals.length > 1 ? h("p", {}, "The thing has several certificates: choose the one that the device shall use.") : null,
    principals.length === 1 ? h("p", {}, "Certificate ", h("code", {}, certId(principals[0]))) : field({ name: "certificate", label: "IoT Certificate", type: "select", options: principals.map((p) => [certId(p), certId(p).slice(0, 24) + "…"]) }),
    field({ name: "passphrase", label: "Passphrase for the private key", type: "password", hint: "Optional; the key in the package is encrypted with it." }),
    h("p", { class: "muted" }, "A kept private key can be fetched once: afterwards it is destroyed here.")],
  submit: async (v) => {
    const response = await ask("POST", `/weir/v1/things/${enc(name)}/device-package`, { body: { certificateId: v.certificate || certId(principals[0]), passphrase: v.passphrase || undefined }, raw: true });
    const url = URL.createObjectURL(await response.blob()), file = (response.headers.get("Content-Disposition") || "").match(/filename="([^"]+)"/)?.[1] || "device-package.zip";
    h("a", { href: url, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    note(`${file} has been handed over.`);
  } });
}

const menuOf = (name, aws) => [["Edit", () => edit(name)], ["Attach IoT Certificate", () => attachPane(name)], ["Download Device Package", () => download(name)], aws && ["Open at AWS", null, { href: aws(`thing/${enc(name)}`) }], ["Delete", () => remove(name), { danger: true }]];

export async function list() {
  const found = await begin("/things", "things"), aws = atAws();
  return { title: "Things", crumbs: [["DevOps"], ["IoT"], ["Things"]], body: h("div", {}, iotTabs("things"), h("h1", {}, "Things"), table({ caption: "Things", ...found, columns: [
    { title: "Name", value: (r) => r.thingName, cell: (r) => h("a", { href: `#iot/things/${enc(r.thingName)}` }, r.thingName) },
    { title: "Type", value: (r) => r.thingTypeName || "" },
    { title: "Attributes", value: (r) => Object.entries(r.attributes || {}).map(([k, v]) => `${k}=${v}`).join(", ") }],
  actions: async (r) => menuOf(r.thingName, await aws), tools: h("button", { class: "primary", type: "button", onclick: guard(create) }, "Add") })) };
}

export async function details(name, tab) {
  const thing = await get(`/things/${enc(name)}`), aws = atAws();
  const row = tabs("Thing", [["", "Details"], ["/principals", "IoT Principals"]].map(([to, text]) => [text, `iot/things/${enc(name)}${to}`, (tab ? "/principals" : "") === to]));
  let body;
  if (tab) {
    const rows = await principalsOf(name);
    body = table({ caption: "IoT principals", rows, empty: "No certificate is attached.", columns: [{ title: "Certificate ID", value: (r) => certId(r), cell: (r) => h("a", { class: "mono", href: `#iot/certificates/${certId(r)}` }, certId(r)) }],
      actions: (r) => [["Open certificate", () => { location.hash = `iot/certificates/${certId(r)}`; }], ["Detach", async () => { if (await confirm("Detach the certificate?", [`${certId(r)} will no longer belong to ${name}.`], "Detach", () => detach(name, r))) again(); }, { danger: true }]],
      tools: h("button", { class: "primary", type: "button", onclick: guard(() => attachPane(name)) }, "Attach IoT Certificate") });
  } else {
    body = h("div", { class: "panel" }, facts([["Version", thing.version], ["Default client id", thing.defaultClientId], ["Thing id", h("code", {}, thing.thingId)]]), h("h3", {}, "Attributes"), h("pre", {}, json(thing.attributes || {})));
  }
  return { title: name, crumbs: [["DevOps"], ["IoT", "iot/things"], ["Things", "iot/things"], [name]], body: h("div", {}, h("div", { class: "head" }, h("h1", {}, name), thing.thingTypeName ? badge(thing.thingTypeName) : null,
    h("span", { class: "push" }, menu("Actions", async () => menuOf(name, await aws)))), h("p", { class: "muted mono" }, thing.thingArn), row, body) };
}
