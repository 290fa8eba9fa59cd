// Administrator: tenants, their settings and credentials, and the audit log.
import { ask, enc, get } from "./api.js";
import { badge, confirm, facts, field, guard, h, json, note, pane, table, time } from "./ui.js";
import { again } from "./things.js";

const FEATURES = [["iot.enabled", "Enable AWS IoT", "flag"], ["iot.topic_prefix", "AWS IoT Topic Prefix"], ["iot.thing_prefix", "AWS IoT Thing Prefix"], ["iot.rule_prefix", "AWS IoT Rule Prefix"], ["iot.default_thing_type", "Default thing type"], ["iot.default_policy", "Default policy"],
  ["iot.key_escrow", "Key escrow (off, once, keep)"], ["iot.enforce_prefix", "Enforce the prefixes in the API", "flag"]];

export async function list() {
  const rows = (await get("/weir/v1/tenants")).tenants;
  const create = async () => { if (await pane({ title: "Add a tenant", action: "Add", body: [field({ name: "name", label: "Name", required: true, hint: "Small letters, digits and -" })], submit: (v) => ask("POST", "/weir/v1/tenants", { body: { name: v.name.trim() } }) })) again(); };
  return { title: "Tenants", crumbs: [["Administrator"], ["Tenants"]], body: h("div", {}, h("h1", {}, "Tenants"), table({ caption: "Tenants", rows, columns: [{ title: "Name", value: (r) => r.name, cell: (r) => h("a", { href: `#tenants/${enc(r.name)}` }, r.name) }, { title: "Account", value: (r) => r.account, cell: (r) => h("code", {}, r.account) }, { title: "AWS IoT", value: (r) => r.state, cell: (r) => badge(r.state) }],
    tools: h("button", { class: "primary", type: "button", onclick: guard(create) }, "Add") })) };
}

async function addFeature(name, has) {
  const done = await pane({ title: "Add Tenant Feature", action: "Add", map: { value: "value" }, body: [field({ name: "feature", label: "Select Feature", type: "select", options: FEATURES.map(([k, t]) => [k, t]), onchange: (e) => draw(e.target.value) }), h("div", { id: "feature-value" })], submit: async (v) => {
    const flag = FEATURES.find(([k]) => k === v.feature)?.[2] === "flag";
    const answer = await ask("PUT", `/weir/v1/tenants/${enc(name)}/features/${enc(v.feature)}`, { body: { value: flag ? v.enable : v.value } });
    if (v.feature === "iot.enabled") await until(name);
    return answer;
  } });
  if (done) again();
}
function draw(feature) {
  const flag = FEATURES.find(([k]) => k === feature)?.[2] === "flag";
  document.getElementById("feature-value")?.replaceChildren(flag ? field({ name: "enable", label: "Enable", type: "checkbox", value: true }) : field({ name: "value", label: "Value", required: true }));
}

// While a tenant is being enabled or disabled.
async function until(name) {
  for (let i = 0; i < 60; i++) {
    const t = await get(`/weir/v1/tenants/${enc(name)}`);
    if (!/ING$/.test(t.state)) return;
    note(`${name}: ${t.state} …`);
    await new Promise((r) => setTimeout(r, 500));
  }
}

export async function details(name) {
  const t = await get(`/weir/v1/tenants/${enc(name)}`), keys = (await get(`/weir/v1/tenants/${enc(name)}/access-keys`)).accessKeys, tokens = (await get(`/weir/v1/tenants/${enc(name)}/tokens`)).tokens;
  const rows = Object.entries(t.features || {}).map(([k, v]) => ({ k, v }));
  const roles = ["admin", "operator", "viewer", "device-packager"];
  const credential = async (kind) => {
    const made = await pane({ title: kind === "tokens" ? "Add a token" : "Add an access key", action: "Add", body: [field({ name: "role", label: "Role", type: "select", options: roles, value: "operator" }), field({ name: "ttl", label: "Valid for, in seconds", type: "number", hint: "Empty: for ever" }), kind === "tokens" ? field({ name: "name", label: "Name" }) : null],
      submit: (v) => ask("POST", `/weir/v1/tenants/${enc(name)}/${kind}`, { body: { role: v.role, ttl: v.ttl ? Number(v.ttl) : undefined, name: v.name || undefined } }) });
    if (made) { await pane({ title: "Shown once", body: [h("p", {}, "Keep it safe: it cannot be shown again."), h("pre", {}, json({ ...made, $warning: undefined }))] }); again(); }
  };
  const remove = async () => { if (await confirm("Delete the tenant?", [`${name} and everything in it. Its account id is never used again. AWS IoT must be disabled first.`], "Delete", () => ask("DELETE", `/weir/v1/tenants/${enc(name)}`))) location.hash = "tenants"; };
  return { title: name, crumbs: [["Administrator"], ["Tenants", "tenants"], [name]], body: h("div", {}, h("div", { class: "head" }, h("h1", {}, name), badge(t.state), h("span", { class: "push" }, name === "default" ? null : h("button", { type: "button", class: "danger", onclick: guard(remove) }, "Delete"))), h("section", { class: "panel" }, facts([["Account", h("code", {}, t.account)], ["Created", time(t.created)]])),
    h("section", { class: "panel" }, h("h2", {}, "Settings"), table({ caption: "Features", rows, columns: [{ title: "Feature", value: (r) => r.k, cell: (r) => FEATURES.find(([k]) => k === r.k)?.[1] || r.k }, { title: "Value", value: (r) => String(r.v), cell: (r) => h("code", {}, typeof r.v === "string" ? r.v : JSON.stringify(r.v)) }],
      actions: (r) => [["Edit", guard(async () => { if (await pane({ title: r.k, action: "Update", body: typeof r.v === "boolean" ? field({ name: "value", label: r.k, type: "checkbox", value: r.v }) : field({ name: "value", label: r.k, value: String(r.v), required: true }), submit: (v) => ask("PUT", `/weir/v1/tenants/${enc(name)}/features/${enc(r.k)}`, { body: { value: typeof r.v === "number" ? Number(v.value) : v.value } }) })) { if (r.k === "iot.enabled") await until(name); again(); } })],
        ["Remove", guard(async () => { if (await confirm("Remove the feature?", [`${r.k} goes back to its default.`], "Remove", () => ask("DELETE", `/weir/v1/tenants/${enc(name)}/features/${enc(r.k)}`))) again(); }), { danger: true }]],
      tools: h("button", { class: "primary", type: "button", onclick: () => { addFeature(name).catch((e) => note(e.message, true)); draw("iot.enabled"); } }, "Add") })),
    h("section", { class: "panel" }, h("h2", {}, "Access keys"), table({ caption: "Access keys", rows: keys, empty: "No access key.", columns: [{ title: "Id", value: (r) => r.accessKeyId, cell: (r) => h("code", {}, r.accessKeyId) }, { title: "Role", value: (r) => r.role }, { title: "Created", value: (r) => r.created, cell: (r) => time(r.created) }, { title: "Expires", value: (r) => r.expires || 0, cell: (r) => (r.expires ? time(r.expires) : "never") }],
      actions: (r) => [["Delete", guard(async () => { if (await confirm("Delete the access key?", [`${r.accessKeyId} stops working at once.`], "Delete", () => ask("DELETE", `/weir/v1/tenants/${enc(name)}/access-keys/${r.accessKeyId}`))) again(); }), { danger: true }]], tools: h("button", { type: "button", onclick: guard(() => credential("access-keys")) }, "Add access key") })),
    h("section", { class: "panel" }, h("h2", {}, "Tokens"), table({ caption: "Tokens", rows: tokens, empty: "No token.", columns: [{ title: "Name", value: (r) => r.name }, { title: "Role", value: (r) => r.role }, { title: "Created", value: (r) => r.created, cell: (r) => time(r.created) }, { title: "Expires", value: (r) => r.expires || 0, cell: (r) => (r.expires ? time(r.expires) : "never") }],
      actions: (r) => [["Delete", guard(async () => { await ask("DELETE", `/weir/v1/tenants/${enc(name)}/tokens/${r.id}`); again(); }), { danger: true }]], tools: h("button", { type: "button", onclick: guard(() => credential("tokens")) }, "Add token") }))) };
}

export async function audit() {
  const text = await (await ask("GET", "/weir/v1/audit", { raw: true })).text();
  let rows;
  try { const v = JSON.parse(text); rows = v.lines || v.entries || (Array.isArray(v) ? v : [v]); } catch { rows = text.split("\n").filter(Boolean).map((l) => JSON.parse(l)); }
  rows.reverse();
  return { title: "Audit log", crumbs: [["Administrator"], ["Audit log"]], body: h("div", {}, h("h1", {}, "Audit log"), h("p", { class: "muted" }, "weir audit verify checks that no line is missing or changed."), table({ caption: "Audit log", rows, empty: "Nothing yet.", columns: [{ title: "Time", value: (r) => r.time, cell: (r) => (typeof r.time === "number" ? time(r.time / (r.time > 1e11 ? 1000 : 1)) : r.time) }, { title: "Tenant", value: (r) => r.tenant || "" }, { title: "Actor", value: (r) => r.actor || "" }, { title: "Operation", value: (r) => r.operation || "" }, { title: "Outcome", value: (r) => r.outcome || "", cell: (r) => badge(r.outcome || "", /^2|OK|ok/.test(String(r.outcome)) ? "good" : "") }],
    actions: (r) => [["Show", () => pane({ title: `Line ${r.sequence ?? ""}`, wide: true, body: h("pre", {}, json(r)) })]] })) };
}
