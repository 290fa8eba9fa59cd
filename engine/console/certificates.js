// DevOps → IoT → Certificates.
import { all, ask, begin, enc, get, session } from "./api.js";
import { badge, confirm, facts, field, guard, h, menu, note, pane, table, tabs, time } from "./ui.js";
import { again, atAws, features, iotTabs } from "./things.js";

const NEXT = { ACTIVE: ["ACTIVE", "INACTIVE", "REVOKED"], INACTIVE: ["INACTIVE", "ACTIVE", "REVOKED"], REVOKED: ["REVOKED"], PENDING_ACTIVATION: ["PENDING_ACTIVATION", "ACTIVE", "INACTIVE", "REVOKED"], PENDING_TRANSFER: ["PENDING_TRANSFER"] };

function handOver(made) {
  const files = [["certificate.pem.crt", made.certificatePem], ["private.pem.key", made.keyPair?.PrivateKey], ["public.pem.key", made.keyPair?.PublicKey]].filter(([, text]) => text);
  return pane({ title: "The certificate has been created", body: [h("p", { class: "mono" }, made.certificateId), made.keyPair ? h("p", {}, "This is the only time that the private key is shown. Keep it safe.") : null,
    files.map(([name, text]) => h("p", {}, h("a", { class: "button", download: name, href: URL.createObjectURL(new Blob([text])) }, `Save ${name}`)))] });
}

async function create() {
  const keeps = session.current.keepsKeys && (await features())["iot.key_escrow"] !== "off";
  const made = await pane({ title: "Create an IoT Certificate", action: "Create", body: [
    field({ name: "active", label: "Activate the Certificate", type: "checkbox", value: true, hint: "Only an active certificate may connect." }),
    keeps ? field({ name: "keep", label: "Keep the private key for the device package", type: "checkbox", value: true, hint: "Sealed, for one download, for a limited time." })
      : h("p", { class: "hint" }, session.current.keepsKeys ? "The tenant keeps no private keys (Key escrow is off)" : "This weir keeps no private keys, for it has no key to seal them with (admin.escrow_key)", ": a device package will be without it."),
    field({ name: "csr", label: "Certificate signing request (PEM)", type: "textarea", hint: "Optional: the device keeps its own key, which is the safest way." })],
  submit: async (v) => (v.csr.trim() ? ask("POST", "/certificates", { query: { setAsActive: v.active }, body: { certificateSigningRequest: v.csr } }).catch((e) => { throw Object.assign(e.status === 400 ? new Error(e.message) : e, e.status === 400 ? { fields: ["csr"] } : {}); })
    : ask("POST", "/keys-and-certificate", { query: { setAsActive: v.active, keyEscrow: v.keep || undefined } })) });
  if (made) {
    if (made.$warning) note(made.$warning, true);
    await handOver(made);
    again();
  }
}

async function update(id, status) {
  const done = await pane({ title: "Update an IoT Certificate", action: "Update", map: { newStatus: "status" }, body: [h("p", { class: "mono small" }, id),
    field({ name: "status", label: "Status", type: "select", required: true, value: status, options: NEXT[status] || [status], hint: "REVOKED is final." })],
  submit: async (v) => {
    if (v.status === "REVOKED" && status !== "REVOKED" && !(await confirm("Revoke the certificate?", [h("p", { class: "mono small" }, id), "It can never be used again, and a device that is connected with it is cut off."], "Revoke", () => true))) return false;
    const answer = await ask("PUT", `/certificates/${id}`, { query: { newStatus: v.status } });
    if (answer.$warning) note(answer.$warning, true);
    return true;
  } });
  if (done) { note("The status has been changed."); again(); }
}

async function remove(id) {
  if (await confirm("Delete the certificate?", [h("p", { class: "mono small" }, id), "It must not be active, and no thing may be attached to it. Attached policies are detached."], "Delete", () => ask("DELETE", `/certificates/${id}`, { query: { forceDelete: true } }))) {
    note("The certificate has been deleted.");
    if (location.hash === "#iot/certificates") again(); else location.hash = "iot/certificates";
  }
}

const menuOf = (c, aws) => [["Edit", guard(() => update(c.certificateId, c.status))], ["Console", () => { location.hash = `iot/certificates/${c.certificateId}`; }], aws && ["Open at AWS", null, { href: aws(`certificate/${c.certificateId}`) }],
  c.status === "INACTIVE" ? ["Activate", guard(async () => { await ask("PUT", `/certificates/${c.certificateId}`, { query: { newStatus: "ACTIVE" } }); note("The certificate is active."); again(); })] : null,
  ["Delete", guard(() => remove(c.certificateId)), { danger: true, why: c.status === "ACTIVE" ? "it is active: set it to INACTIVE first" : null }]];

export async function list() {
  const found = await begin("/certificates", "certificates", true), aws = atAws();
  return { title: "Certificates", crumbs: [["DevOps"], ["IoT"], ["Certificates"]], body: h("div", {}, iotTabs("certificates"), h("h1", {}, "Certificates"), table({ caption: "Certificates", ...found, columns: [
    { title: "ID", value: (r) => r.certificateId, cell: (r) => h("a", { class: "mono", href: `#iot/certificates/${r.certificateId}` }, r.certificateId) },
    { title: "Status", value: (r) => r.status, cell: (r) => badge(r.status) },
    { title: "Created", value: (r) => r.creationDate, cell: (r) => time(r.creationDate) }], actions: async (r) => menuOf(r, await aws),
  tools: h("button", { class: "primary", type: "button", onclick: guard(create) }, "Add") })) };
}

// Subject and issuer of a certificate, which AWS's answer has not: the two names in its DER (RFC 5280, 4.1).
export function namesOf(pem) {
  const der = Uint8Array.from(atob(pem.replace(/-----[^-]+-----|\s/g, "")), (c) => c.charCodeAt(0));
  const read = (at) => { // tag, where its content begins and ends
    let length = der[at + 1], from = at + 2;
    if (length & 0x80) { const n = length & 0x7f; length = 0; for (let i = 0; i < n; i++) length = length * 256 + der[from++]; }
    return { tag: der[at], from, to: from + length };
  };
  const within = (x) => { const out = []; for (let at = x.from; at < x.to;) { const y = read(at); out.push(y); at = y.to; } return out; };
  const words = { 3: "CN", 6: "C", 7: "L", 8: "ST", 10: "O", 11: "OU", 5: "serialNumber" };
  const name = (x) => within(x).flatMap(within).map((pair) => {
    const [oid, text] = within(pair), x500 = der[oid.from] === 0x55 && der[oid.from + 1] === 4 && words[der[oid.from + 2]];
    return `${x500 || "other"}=${new TextDecoder(text.tag === 0x1e ? "utf-16be" : "utf-8").decode(der.slice(text.from, text.to))}`;
  }).join(", ");
  const parts = within(within(read(0))[0]), first = parts[0].tag === 0xa0 ? 1 : 0; // with a version, or without
  return { issuer: name(parts[first + 2]), subject: name(parts[first + 4]) };
}

async function attachPolicy(arn) {
  const names = (await all("/policies", "policies", {}, true)).map((p) => p.policyName);
  if (!names.length) { note("There is no policy yet; create one first.", true); return; }
  if (await pane({ title: "Attach a policy", action: "Attach", body: [field({ name: "policyName", label: "Policy", type: "select", required: true, options: names })], submit: (v) => ask("PUT", `/target-policies/${enc(v.policyName)}`, { body: { target: arn } }) })) again();
}

export async function details(id, tab) {
  const c = (await get(`/certificates/${id}`)).certificateDescription, aws = atAws();
  const row = tabs("Certificate", [["", "Details"], ["/policies", "Policies"], ["/things", "Things"]].map(([to, text]) => [text, `iot/certificates/${id}${to}`, (tab ? `/${tab}` : "") === to]));
  let body;
  if (tab === "policies") {
    const rows = [];
    let marker;
    do {
      const page = await ask("POST", `/attached-policies/${enc(c.certificateArn)}`, { query: { marker, pageSize: 250 } });
      rows.push(...page.policies);
      marker = page.nextMarker;
    } while (marker);
    body = table({ caption: "Policies", rows, empty: "No policy is attached: the broker's plugin lets the device do nothing.", columns: [{ title: "Policy", value: (r) => r.policyName, cell: (r) => h("a", { href: `#iot/policies/${enc(r.policyName)}` }, r.policyName) }],
      actions: (r) => [["Detach", async () => { if (await confirm("Detach the policy?", [`The device with this certificate may no longer do what ${r.policyName} allows.`, h("p", { class: "mono small" }, id)], "Detach", () => ask("POST", `/target-policies/${enc(r.policyName)}`, { body: { target: c.certificateArn } }))) again(); }, { danger: true }]],
      tools: h("button", { class: "primary", type: "button", onclick: guard(() => attachPolicy(c.certificateArn)) }, "Attach policy") });
  } else if (tab === "things") {
    const names = [];
    let nextToken;
    do {
      const page = await ask("GET", "/principals/things", { query: { nextToken, maxResults: 250 }, headers: { "x-amzn-principal": c.certificateArn } });
      names.push(...page.things);
      nextToken = page.nextToken;
    } while (nextToken);
    body = table({ caption: "Things", rows: names, empty: "No thing has this certificate.", columns: [{ title: "Thing", value: (r) => r, cell: (r) => h("a", { href: `#iot/things/${enc(r)}` }, r) }] });
  } else {
    let names = {};
    try { names = namesOf(c.certificatePem); } catch { /* shown as it is */ }
    body = h("div", { class: "panel" }, facts([["Status", badge(c.status)], ["Subject", names.subject ?? "–"], ["Issuer", names.issuer ?? "–"], ["Created", time(c.creationDate)], ["Last changed", time(c.lastModifiedDate)], ["Valid from", time(c.validity?.notBefore)], ["Expires", time(c.validity?.notAfter)],
      ["Mode", c.certificateMode], c.caCertificateId ? ["CA certificate", h("code", {}, c.caCertificateId)] : null, ["Owner", c.ownedBy]]),
    h("h3", {}, "Certificate"), h("pre", {}, c.certificatePem));
  }
  return { title: `Certificate ${id.slice(0, 12)}`, crumbs: [["DevOps"], ["IoT", "iot/things"], ["Certificates", "iot/certificates"], [id.slice(0, 16) + "…"]], body: h("div", {}, h("div", { class: "head" }, h("h1", { class: "mono" }, id), badge(c.status),
    h("span", { class: "push" }, menu("Actions", async () => menuOf(c, await aws)))), h("p", { class: "muted mono" }, c.certificateArn), row, body) };
}
