// Administrator: tenants, their settings and credentials, and the audit log.
import { all, ask, enc, get } from "./api.js";
import { badge, confirm, facts, field, fill, guard, h, json, menu, note, pane, table, tabs, time } from "./ui.js";
import { again } from "./things.js";

// [name, label, kind: flag, number, or a list of choices; else text]
const FEATURES = [["iot.enabled", "Enable AWS IoT", "flag"], ["iot.topic_prefix", "AWS IoT Topic Prefix"], ["iot.thing_prefix", "AWS IoT Thing Prefix"], ["iot.rule_prefix", "AWS IoT Rule Prefix"], ["iot.enforce_prefix", "Enforce the prefixes in the API", "flag"],
  ["iot.default_thing_type", "Default thing type"], ["iot.default_policy", "Default policy"], ["iot.tenant_attribute", "Attribute with the tenant's name"], ["iot.key_escrow", "Key escrow", ["off", "once", "keep"]], ["iot.aws_account", "Account at AWS"], ["iot.broker", "Broker of its own"],
  ["iot.quota.things", "Things at most", "number"], ["iot.quota.certificates", "Certificates at most", "number"], ["iot.quota.rules", "Rules at most", "number"]];
const labelOf = (name) => FEATURES.find(([k]) => k === name)?.[1] || name;
const kindOf = (name) => FEATURES.find(([k]) => k === name)?.[2];

function valueField(name, value) {
  const kind = kindOf(name);
  if (kind === "flag") return field({ name: "value", label: "Enable", type: "checkbox", value: value ?? true, hint: name === "iot.enabled" ? "Makes the tenant's CA, its default type and its default policy. Off: its calls are refused and its devices are cut off; all data is kept." : undefined });
  if (Array.isArray(kind)) return field({ name: "value", label: "Value", type: "select", options: kind, value });
  return field({ name: "value", label: "Value", type: kind, value: value === undefined ? "" : String(value), required: true });
}

// While a tenant is being enabled or disabled. `tell` says how far it is.
async function until(name, tell) {
  for (;;) {
    const t = await get(`/weir/v1/tenants/${enc(name)}`);
    if (!/ING$/.test(t.state)) return;
    tell(`${name}: ${t.state} …`);
    await new Promise((r) => setTimeout(r, 300));
  }
}

const ASK_OFF = (name) => [`The calls of ${name} are refused from then on, and its devices are cut off.`, "Things, certificates and rules are kept."];
async function put(tenant, name, value, form) {
  if (name === "iot.enabled" && !value && !(await confirm("Disable AWS IoT?", ASK_OFF(tenant), "Disable", () => true))) return false;
  await ask("PUT", `/weir/v1/tenants/${enc(tenant)}/features/${enc(name)}`, { body: { value: kindOf(name) === "number" && /^\d+$/.test(value) ? Number(value) : value } });
  const told = form.querySelector("[data-told]");
  if (name === "iot.enabled") await until(tenant, (text) => { told.textContent = text; });
  return true;
}

async function addFeature(tenant, has) {
  const place = h("div", {}), draw = (name) => fill(place, valueField(name, has[name] || undefined));
  draw(FEATURES[0][0]);
  if (await pane({ title: "Add Tenant Feature", action: "Add", body: [field({ name: "feature", label: "Select Feature", type: "select", options: FEATURES.map(([k, t]) => [k, t]), onchange: (e) => draw(e.target.value) }), place, h("p", { "data-told": "", role: "status", class: "muted" })],
    submit: (v, form) => at("value", put(tenant, v.feature, v.value, form)) })) again();
}

async function editFeature(tenant, name, value) {
  if (await pane({ title: labelOf(name), action: "Update", body: [valueField(name, value), h("p", { "data-told": "", role: "status", class: "muted" })], submit: (v, form) => at("value", put(tenant, name, v.value, form)) })) again();
}

// What weir says against it belongs to this field.
const at = (name, promise) => promise.catch((e) => { throw Object.assign(new Error(e.message), { fields: [name] }); });

export async function list() {
  const rows = await all("/weir/v1/tenants", "tenants");
  const create = async () => { if (await pane({ title: "Add a tenant", action: "Add", body: [field({ name: "name", label: "Name", required: true, hint: "Small letters, digits and -" })], submit: (v) => ask("POST", "/weir/v1/tenants", { body: { name: v.name.trim() } }) })) again(); };
  return { title: "Tenants", crumbs: [["Administrator"], ["Tenants"]], body: h("div", {}, h("h1", {}, "Tenants"), table({ caption: "Tenants", rows, columns: [{ title: "Name", value: (r) => r.name, cell: (r) => h("a", { href: `#tenants/${enc(r.name)}` }, r.name) }, { title: "Account", value: (r) => r.account, cell: (r) => h("code", {}, r.account) },
    { title: "AWS IoT", value: (r) => r.state, cell: (r) => badge(r.state) }, { title: "Topic prefix", value: (r) => r.features?.["iot.topic_prefix"] || "", cell: (r) => h("code", {}, r.features?.["iot.topic_prefix"] || "–") }],
  tools: h("button", { class: "primary", type: "button", onclick: guard(create) }, "Add") })) };
}

function settings(tenant, t) {
  const rows = FEATURES.filter(([k]) => t.features?.[k] !== undefined).map(([k]) => ({ k, v: t.features[k] }));
  const remove = async (r) => {
    const off = r.k === "iot.enabled";
    if (await confirm(off ? "Disable AWS IoT?" : "Remove the feature?", off ? ASK_OFF(tenant) : [`${labelOf(r.k)} of ${tenant} goes back to its default.`], off ? "Disable" : "Remove", async () => {
      await ask("DELETE", `/weir/v1/tenants/${enc(tenant)}/features/${enc(r.k)}`);
      if (off) await until(tenant, note);
    })) again();
  };
  return table({ caption: "Features", rows, empty: "No feature is set.", columns: [{ title: "Feature", value: (r) => labelOf(r.k) }, { title: "Value", value: (r) => String(r.v), cell: (r) => (kindOf(r.k) === "flag" ? badge(r.v ? "Yes" : "No") : h("code", {}, String(r.v))) }, { title: "Name in the API", value: (r) => r.k, cell: (r) => h("code", { class: "muted" }, r.k) }],
    actions: (r) => [["Edit", () => editFeature(tenant, r.k, r.v)], ["Remove", () => remove(r), { danger: true }]], tools: h("button", { class: "primary", type: "button", onclick: guard(() => addFeature(tenant, t.features || {})) }, "Add") });
}

async function credential(tenant, kind) {
  const key = kind === "access-keys", what = key ? "access key" : "token";
  const made = await pane({ title: `Add ${key ? "an" : "a"} ${what}`, action: "Add", body: [key ? null : field({ name: "name", label: "Name" }), field({ name: "role", label: "Role", type: "select", options: ["admin", "operator", "viewer", "device-packager"], value: "operator" }), field({ name: "ttl", label: "Valid for, in seconds", type: "number", hint: "Empty: for ever" })],
    submit: (v) => ask("POST", `/weir/v1/tenants/${enc(tenant)}/${kind}`, { body: { role: v.role, ttl: v.ttl ? Number(v.ttl) : undefined, name: v.name || undefined } }) });
  if (!made) return;
  await pane({ title: `The ${what} is shown once`, body: [h("p", {}, "Keep it safe: it cannot be shown again."), facts(Object.entries(made).filter(([k]) => /secret|token|accessKeyId/i.test(k)).map(([k, v]) => [k, h("code", {}, v)])), h("details", {}, h("summary", {}, "All of the answer"), h("pre", {}, json({ ...made, $warning: undefined })))] });
  again();
}

async function credentials(tenant, kind) {
  const key = kind === "access-keys", what = key ? "access key" : "token", rows = (await get(`/weir/v1/tenants/${enc(tenant)}/${kind}`))[key ? "accessKeys" : "tokens"], idOf = (r) => (key ? r.accessKeyId : r.id), nameOf = (r) => (key ? r.accessKeyId : `${r.name || "without a name"} (${r.id})`);
  const remove = async (r) => { if (await confirm(`Delete the ${what}?`, [`${nameOf(r)} stops working at once, and the sessions that began with it end.`], "Delete", () => ask("DELETE", `/weir/v1/tenants/${enc(tenant)}/${kind}/${enc(idOf(r))}`))) again(); };
  return table({ caption: key ? "Access keys" : "Tokens", rows, empty: `No ${what}.`, columns: [key ? { title: "Id", value: (r) => r.accessKeyId, cell: (r) => h("code", {}, r.accessKeyId) } : { title: "Name", value: (r) => r.name || "" }, { title: "Role", value: (r) => r.role }, { title: "Created", value: (r) => r.created, cell: (r) => time(r.created) },
    { title: "Expires", value: (r) => r.expires || 0, cell: (r) => (r.expires ? time(r.expires) : "never") }, { title: "Last used", value: (r) => r.lastUsed || 0, cell: (r) => (r.lastUsed ? time(r.lastUsed) : "–") }],
  actions: (r) => [["Delete", () => remove(r), { danger: true }]], tools: h("button", { class: "primary", type: "button", onclick: guard(() => credential(tenant, kind)) }, `Add ${what}`) });
}

export async function details(name, tab) {
  const t = await get(`/weir/v1/tenants/${enc(name)}`);
  const row = tabs("Tenant", [["", "Settings"], ["/access-keys", "Access keys"], ["/tokens", "Tokens"]].map(([to, text]) => [text, `tenants/${enc(name)}${to}`, (tab ? `/${tab}` : "") === to]));
  const remove = async () => { if (await confirm("Delete the tenant?", [`${name} and everything in it. Its account id ${t.account} is never used again.`], "Delete", () => ask("DELETE", `/weir/v1/tenants/${enc(name)}`))) { note(`The tenant ${name} has been deleted.`); location.hash = "tenants"; } };
  const actions = name === "default" ? null : menu("Actions", () => [["Delete", remove, { danger: true, why: t.state === "DISABLED" ? null : "AWS IoT must be disabled first" }]]);
  const body = tab ? await credentials(name, tab) : h("div", {}, h("section", { class: "panel" }, facts([["Account", h("code", {}, t.account)], ["Created", time(t.created)], t.certificateAuthority ? ["CA valid until", time(t.certificateAuthority.notAfter)] : null])), settings(name, t));
  return { title: name, crumbs: [["Administrator"], ["Tenants", "tenants"], [name]], body: h("div", {}, h("div", { class: "head" }, h("h1", {}, name), badge(t.state), h("span", { class: "push" }, actions)), row, body) };
}

// The newest lines; older ones when asked for.
export async function audit() {
  const PAGE = 500, rows = [];
  let before, box = null;
  const older = h("button", { type: "button", onclick: guard(async () => { await more(); box.refresh(rows); }) }, "Older lines");
  async function more() {
    const page = await get("/weir/v1/audit", { last: PAGE, before });
    rows.push(...page.lines.reverse());
    before = page.before;
    older.hidden = before === undefined;
  }
  await more();
  const about = (r) => (r.arns || []).map((a) => a.split(":").slice(5).join(":")).join(", ") || r.subject || "";
  box = table({ caption: "Audit log", rows, empty: "Nothing yet.", columns: [{ title: "Time", value: (r) => r.time, cell: (r) => String(r.time).replace("T", " ").replace("Z", "") }, { title: "Tenant", value: (r) => r.tenant || "" }, { title: "Actor", value: (r) => r.actor || "" }, { title: "Operation", value: (r) => r.operation || "" }, { title: "About", value: about },
    { title: "Outcome", value: (r) => r.outcome || "", cell: (r) => badge(r.outcome || "", r.outcome === "OK" ? "good" : r.outcome === "BEGUN" ? "" : "bad") }],
  actions: (r) => [["Show", () => pane({ title: `Line ${r.seq}`, wide: true, body: h("pre", {}, json(r)) })]], tools: older });
  return { title: "Audit log", crumbs: [["Administrator"], ["Audit log"]], body: h("div", {}, h("h1", {}, "Audit log"), h("p", { class: "muted" }, "Times in UTC. The command weir audit verify checks that no line is missing or changed."), box) };
}
