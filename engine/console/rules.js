// DevOps → IoT → Topic Rules.
import { ask, begin, choose, enc, get, labelOf, ownerOf, session } from "./api.js";
import { badge, confirm, exact, facts, field, fill, guard, h, json, menu, note, number, table, tabs, time, values } from "./ui.js";
import { again, atAws, features, iotTabs } from "./things.js";
import { tailView } from "./tail.js";
import { join, offset, split, sqlField } from "./editor.js";

let sinks = null;
const kinds = async () => (sinks ??= Object.entries(await get("/weir/v1/sinks")).filter(([k]) => k !== "$warning").map(([, v]) => v).filter((s) => s.name !== "null"));
const ruleName = (tenant) => tenant.replaceAll("-", "_");

async function toggle(name, disabled) {
  await ask("POST", `/rules/${enc(name)}/${disabled ? "enable" : "disable"}`);
  note(`The rule ${name} is ${disabled ? "enabled" : "disabled"}.`);
  again();
}

async function remove(name) {
  if (await confirm("Delete the rule?", [`${name} will be deleted; messages that it has taken already are still delivered.`], "Delete", () => ask("DELETE", `/rules/${enc(name)}`))) {
    note(`The rule ${name} has been deleted.`);
    if (location.hash === "#iot/rules") again(); else location.hash = "iot/rules";
  }
}

const menuOf = (name, disabled, aws) => [["Edit", () => { location.hash = `iot/rules/${enc(name)}/edit`; }], [disabled ? "Enable" : "Disable", () => toggle(name, disabled)],
  ["Console", () => { location.hash = `iot/rules/${enc(name)}${session.current.allTenants ? "/live" : ""}`; }], aws && ["Open at AWS", null, { href: aws(`rule/${enc(name)}`) }], ["Delete", () => remove(name), { danger: true }]];

export async function list() {
  const found = await begin("/rules", "rules"), aws = atAws();
  return { title: "Topic Rules", crumbs: [["DevOps"], ["IoT"], ["Topic Rules"]], body: h("div", {}, iotTabs("rules"), h("h1", {}, "Topic Rules"), table({ caption: "Topic rules", ...found, columns: [
    { title: "Name", value: (r) => r.ruleName, cell: (r) => h("a", { href: `#iot/rules/${enc(r.ruleName)}` }, r.ruleName) },
    { title: "Enabled", value: (r) => (r.ruleDisabled ? "No" : "Yes"), cell: (r) => badge(r.ruleDisabled ? "No" : "Yes") },
    { title: "Topic Pattern", value: (r) => r.topicPattern || "", cell: (r) => h("code", {}, r.topicPattern || "–") }, { title: "Created At", value: (r) => r.createdAt, cell: (r) => time(r.createdAt) }],
  actions: async (r) => menuOf(r.ruleName, r.ruleDisabled, await aws), tools: h("a", { class: "button primary", href: "#iot/rules/new" }, "Add") })) };
}

export async function details(name, tab) {
  const answer = await get(`/rules/${enc(name)}`), rule = answer.rule, aws = atAws();
  const row = tabs("Rule", [["", "Details"], ["/actions", "Actions"], session.current.allTenants && ["/live", "Live"]].filter(Boolean).map(([to, text]) => [text, `iot/rules/${enc(name)}${to}`, (tab ? `/${tab}` : "") === to]));
  let body, end;
  if (tab === "actions") {
    body = h("div", {}, h("section", { class: "panel" }, h("h2", {}, "Actions"), rule.actions.length ? rule.actions.map((a) => h("pre", {}, json(a))) : h("p", { class: "muted" }, "None.")), h("section", { class: "panel" }, h("h2", {}, "Error Action"), rule.errorAction ? h("pre", {}, json(rule.errorAction)) : h("p", { class: "muted" }, "None defined")));
  } else if (tab === "live") {
    [body, end] = watch(name);
  } else {
    const sql = sqlField({ label: "AWS IoT SQL", name: "sql", value: rule.sql });
    sql.input.readOnly = true;
    body = h("div", { class: "panel" }, facts([["Description", rule.description || "–"], ["Created", time(rule.createdAt)]]), h("h3", {}, ""), sql);
  }
  return { title: name, end, crumbs: [["DevOps"], ["IoT", "iot/things"], ["Topic Rules", "iot/rules"], [name]], body: h("div", {}, h("div", { class: "head" }, h("h1", {}, name), badge(rule.ruleDisabled ? "Disabled" : "Enabled", rule.ruleDisabled ? "bad" : "good"), badge(rule.awsIotSqlVersion || "2015-10-08"),
    h("span", { class: "push" }, menu("Actions", async () => menuOf(name, rule.ruleDisabled, await aws)))), h("p", { class: "muted mono" }, answer.ruleArn), row, body) };
}

// ---- live: funnel, and what the rule does with messages

// A rule by its label, to its live page.
export function ruleLink(label) {
  const { tenant, region, name } = ownerOf(label);
  return h("a", { href: `#iot/rules/${enc(name)}/live`, onclick: () => choose(tenant, region) }, label);
}

export const sum = (o) => Object.values(o || {}).reduce((a, b) => a + b, 0);
// Of evaluating one message, in nanoseconds: the mean of those that were timed; null: none was.
export const cost = (r) => (r.samples ? r.sampledNs / r.samples : null);
export const costText = (r) => (r.samples ? `${(cost(r) / 1000).toFixed(1)} µs` : "–");

function funnel(r) {
  const of = [["tried: FROM matches", r.topicMatch], ["WHERE false", r.noMatch - r.undefined - r.leftOut], ["WHERE Undefined", r.undefined], ["left out by the index", r.leftOut], ["statement failed", sum(r.failed)], ["matched", r.matched],
    ["under way", sum(r.inFlight) + r.waiting + r.fetching], ["delivered", r.delivered], ["an action failed", r.broken], ["the error action took it", r.handled], ["dead letters", r.dead], ["lost: no room for it", r.unkept + r.damaged]].filter(([k, n]) => n || !/left out|lost/.test(k));
  const max = Math.max(1, ...of.map(([, n]) => n));
  return h("div", {}, h("div", { class: "funnel" }, of.map(([k, n]) => h("div", {}, h("span", {}, k), h("meter", { min: 0, max, value: n, "aria-label": k }), h("span", { class: "num" }, number(n))))),
    h("p", { class: "muted small" }, r.samples ? `A message costs ${costText(r)}: the mean of ${number(r.samples)} that were timed.` : "No message has been timed yet."));
}

const actionRows = (r) => Object.entries(r.actions || {}).map(([kind, a]) => ({ kind, ...a }));
const actionTable = (r) => table({ caption: "Actions", rows: actionRows(r), size: 10, empty: "No action has had a record yet.", columns: [{ title: "Action", value: (a) => a.kind },
  ...[["Records", "records"], ["Delivered", "success"], ["Failed", "failure"], ["Retries", "retries"], ["As error action", "errorRecords"]].map(([title, k]) => ({ title, value: (a) => a[k], cell: (a) => number(a[k]), num: true }))] });

function watch(name) {
  const place = h("div", {}, h("p", { class: "muted" }, "…")), actions = h("div", {}), box = h("section", { class: "panel" }, h("h2", {}, "Funnel since the start"), place, actions);
  let list = null;
  const look = async () => {
    try {
      const r = (await get("/weir/v1/status")).rules?.[labelOf(name)];
      fill(place, r ? funnel(r) : h("p", { class: "muted" }, "Nothing counted yet."));
      if (r && list) list.refresh(actionRows(r));
      else if (r) fill(actions, list = actionTable(r));
    } catch (error) { fill(place, h("p", { class: "error" }, error.message)); }
  };
  look();
  const timer = setInterval(look, 2000), [trace, end] = tailView(labelOf(name));
  return [h("div", {}, box, trace), () => { clearInterval(timer); end(); }];
}

// ---- the editor

const nested = (o, path) => path.split(".").reduce((x, k) => x?.[k], o);
function put(o, path, v) {
  const keys = path.split("."), last = keys.pop();
  for (const k of keys) o = o[k] ??= {};
  o[last] = v;
}

// One action: its kind, a form made of the sink's options, and the same as JSON.
function actionForm(all_kinds, action, title, changed, drop) {
  let kind = Object.keys(action || {})[0] || "republish", value = structuredClone(action?.[kind] || {}), asJson = false;
  const body = h("div", {}), pick = h("select", { "aria-label": `${title}: kind`, onchange: (e) => { kind = e.target.value; value = {}; draw(); changed(); } }, [...all_kinds.map((k) => k.name), ...(all_kinds.some((k) => k.name === kind) ? [] : [kind])].map((k) => h("option", { value: k, selected: k === kind }, k)));
  const view = h("button", { type: "button", onclick: () => { if (asJson && !take()) return; asJson = !asJson; draw(); } });
  let area = null;
  function take() {
    try {
      const v = JSON.parse(area.value), k = Object.keys(v);
      if (k.length !== 1 || (!all_kinds.some((x) => x.name === k[0]) && k[0] !== kind)) throw new Error("write one action, like {\"s3\": {…}}");
      [kind, value] = [k[0], v[k[0]]];
      pick.value = kind;
      return true;
    } catch (e) { body.querySelector(".error").textContent = e.message; return false; }
  }
  function one(o) {
    const current = nested(value, o.name), complex = ["pairs", "object", "list"].includes(o.type);
    const set = (v) => { if (v === "" || v === undefined) { const keys = o.name.split("."); const l = keys.pop(); const p = keys.length ? nested(value, keys.join(".")) : value; if (p) delete p[l]; } else put(value, o.name, v); changed(); };
    const common = { name: o.name, label: o.name, required: false, hint: `${o.help}${o.template ? " May hold ${…}." : ""}${o.ignored ? " weir passes it over." : ""}` };
    if (o.type === "choice") return field({ ...common, type: "select", value: current ?? "", options: [["", o.required ? "choose" : "–"], ...o.choices], onchange: (e) => set(e.target.value) });
    if (o.type === "boolean") return field({ ...common, type: "select", value: current === undefined ? "" : String(current), options: [["", "–"], "true", "false"], onchange: (e) => set(e.target.value === "" ? "" : e.target.value === "true") });
    if (complex) {
      const f = field({ ...common, type: "textarea", rows: 3, value: current === undefined ? "" : json(current), onchange: (e) => {
        try { set(e.target.value.trim() ? JSON.parse(e.target.value) : ""); f.querySelector(".error").textContent = ""; } catch (x) { f.querySelector(".error").textContent = x.message; }
      } });
      return f;
    }
    return field({ ...common, label: o.name + (o.required ? " *" : ""), value: current ?? "", oninput: (e) => set(o.type === "integer" && /^-?\d+$/.test(e.target.value) ? Number(e.target.value) : e.target.value) });
  }
  function draw() {
    const k = all_kinds.find((x) => x.name === kind);
    if (!k) asJson = true; // one that this weir does not offer: it stays as it is
    view.textContent = asJson ? "Form" : "JSON";
    if (asJson) {
      area = h("textarea", { rows: 8, "aria-label": `${title} as JSON`, class: "mono", oninput: () => { if (take()) changed(); } }, json({ [kind]: value }));
      body.replaceChildren(area, h("div", { class: "error", "aria-live": "polite" }));
    } else {
      area = null;
      const must = k.options.filter((o) => o.required), may = k.options.filter((o) => !o.required);
      body.replaceChildren(h("p", { class: "muted" }, k.help), must.map(one).reduce((g, f) => (g.append(f), g), h("div", { class: "two" })), may.length ? h("details", { open: may.some((o) => nested(value, o.name) !== undefined) }, h("summary", {}, "More parameters"), may.map(one).reduce((g, f) => (g.append(f), g), h("div", { class: "two" }))) : h("div", {}));
    }
  }
  draw();
  const box = h("fieldset", { class: "action" }, h("legend", {}, title), h("div", { class: "tools" }, pick, view, drop ? h("button", { type: "button", class: "danger push", onclick: drop }, "Remove") : null), body, h("div", { class: "error", "aria-live": "polite" }), h("div", { class: "small", "data-preview": "" }));
  box.value = () => ({ [kind]: value });
  box.preview = (list) => box.querySelector("[data-preview]").replaceChildren(...list);
  return box;
}

function term(node) {
  const cls = node.type === "Undefined" || node.state !== "value" ? "undef" : node.value === true ? "yes" : node.value === false ? "no" : "";
  return h("div", { class: `term ${cls}` }, node.role ? h("span", { class: "muted" }, node.role + " ") : null, h("code", {}, node.source), " is ", node.state === "value" ? h("span", {}, h("strong", {}, node.type), node.value !== undefined ? h("code", {}, " " + JSON.stringify(node.value).slice(0, 200)) : null) : h("strong", {}, node.state),
    node.decided ? [" ", badge("decided", "warn")] : null, node.note ? h("span", { class: "muted" }, ` – ${node.note}`) : null, (node.parts || []).map(term));
}

function marksOf(sql, nodes) {
  const out = [];
  const walk = (n) => {
    const inner = (n.parts || []).filter((p) => p.type === "Boolean" || (p.parts || []).length);
    const bool = n.type === "Boolean" || n.type === "Undefined";
    if (inner.length) inner.forEach(walk);
    else if (bool && n.line) { const from = offset(sql, n.line, n.column); out.push({ from, to: from + n.source.length, kind: n.type === "Undefined" ? "undef" : n.value ? "yes" : "no" }); }
  };
  nodes.forEach(walk);
  return out;
}

async function editor(name, rule) {
  const [f, known] = [await features(), await kinds()];
  const rulePrefix = name ? "" : f["iot.rule_prefix"] || "", topicPrefix = f["iot.topic_prefix"] || "";
  if (!name) rule.sql = `SELECT * FROM '${topicPrefix}'`;
  let parts = split(rule.sql), plain = !parts || !parts.from.startsWith(topicPrefix), timer = null;
  const serial = { check: 0, try: 0 }; // a later question of the same kind makes an earlier one's answer void
  const findings = h("div", { "aria-live": "polite" }), tried = h("div", { "aria-live": "polite" }), foot = h("div", { class: "error", "data-foot": "", role: "alert" });
  const select = sqlField({ label: "SELECT", name: "select", value: parts?.select || "", oninput: changed, required: true });
  const from = field({ name: "from", label: "FROM", prefix: `'${topicPrefix}`, suffix: "'", value: parts ? parts.from.slice(topicPrefix.length) : "", required: true, oninput: changed, hint: "A topic filter, without quotes: + stands for one level, # for the rest." });
  const where = sqlField({ label: "WHERE", name: "where", value: parts?.where || "", oninput: changed, hint: "Optional" });
  const sql = sqlField({ label: "AWS IoT SQL", name: "sql", value: rule.sql, oninput: changed, rows: 3, required: true });
  const three = h("div", {}, select, from, where), one = h("div", {}, sql);
  const swap = h("button", { type: "button", onclick: () => {
    if (plain) {
      parts = split(sql.input.value);
      if (!parts || !parts.from.startsWith(topicPrefix)) { note("This statement does not fit into three fields.", true); return; }
      select.set(parts.select); from.querySelector("input").value = parts.from.slice(topicPrefix.length); where.set(parts.where);
    } else sql.set(statement());
    plain = !plain;
    drawSql();
  } });
  const drawSql = () => { three.hidden = plain; one.hidden = !plain; swap.textContent = plain ? "Three fields" : "Plain SQL"; };
  function statement() {
    if (plain) return sql.input.value;
    const topic = from.querySelector("input").value;
    return join({ select: select.input.value, from: topicPrefix + topic, where: where.input.value });
  }
  const forms = h("div", {}), errorBox = h("div", {});
  const renumber = () => [...forms.children].forEach((x, i) => { x.querySelector("legend").textContent = `Action ${i + 1}`; });
  const addAction = (a) => { const x = actionForm(known, a, `Action ${forms.children.length + 1}`, changed, () => { x.remove(); renumber(); changed(); }); forms.append(x); };
  (rule.actions.length ? rule.actions : [undefined]).forEach(addAction);
  const hasError = field({ name: "hasError", label: "Define an Error Action", type: "checkbox", value: !!rule.errorAction, onchange: (e) => { drawError(e.target.checked ? rule.errorAction || { republish: {} } : null); changed(); } });
  const drawError = (a) => errorBox.replaceChildren(...(a ? [actionForm(known, a, "Error action", changed)] : []));
  drawError(rule.errorAction);
  const top = h("section", { class: "panel" }, field({ name: "ruleName", label: "Name", value: name || "", readonly: !!name, prefix: rulePrefix || undefined, required: true, hint: "Letters, digits and _" }), field({ name: "description", label: "Description", value: rule.description || "" }),
    h("div", { class: "row" }, h("h2", {}, "AWS IoT SQL"), swap), three, one, field({ name: "version", label: "AWS IoT SQL Version", type: "select", value: rule.awsIotSqlVersion || "2015-10-08", options: ["2016-03-23", "2015-10-08", "beta"], onchange: changed }),
    field({ name: "disabled", label: name ? "Disabled" : "Initially disabled", type: "checkbox", value: rule.ruleDisabled }), findings);
  function payload() {
    const v = values(top), out = { sql: statement(), description: v.description, awsIotSqlVersion: v.version, ruleDisabled: v.disabled, actions: [...forms.children].map((x) => x.value()) };
    if (errorBox.firstChild) out.errorAction = errorBox.firstChild.value();
    return out;
  }
  // Where an offset of the whole statement lies in the fields.
  function markSql(marks) {
    if (plain) { sql.mark(marks); return; }
    const s = statement(), end = 7 + select.input.value.length, b = s.length - where.input.value.length, hasWhere = where.input.value.trim() !== "";
    // An error behind SELECT's or WHERE's end, where something is missing, is shown at the last character.
    select.mark(marks.filter((m) => m.from >= 7 && (m.to <= end || (m.kind === "wrong" && m.from <= end + 1))).map((m) => ({ ...m, from: Math.min(m.from, end - 1) - 7, to: Math.min(m.to, end) - 7 })));
    where.mark(hasWhere ? marks.filter((m) => m.from >= b || (m.kind === "wrong" && m.to > b)).map((m) => ({ ...m, from: Math.max(0, m.from - b), to: m.to - b })) : []);
  }
  // The field of a path of the document, as actions[0].s3.key, or of a place in the statement.
  function fieldOf(x) {
    if (x.path === "sql" || !x.path) {
      if (plain || !x.within) return plain ? sql : select;
      const p = statement(), place = offset(p, x.within.line, x.within.column);
      return place <= 8 + select.input.value.length ? select : where.input.value.trim() && place >= p.length - where.input.value.length ? where : from;
    }
    const m = x.path.match(/^(?:actions\[(\d+)\]|(errorAction))(?:\.[A-Za-z0-9]+)?\.?(.*)$/), box = m && (m[2] ? errorBox.firstChild : forms.children[m[1]]);
    if (m) return box?.querySelector(`[data-field="${CSS.escape(m[3].replace(/\[.*$/, ""))}"]`) || box;
    return top.querySelector(`[data-field="${CSS.escape({ description: "description", awsIotSqlVersion: "version", ruleName: "ruleName" }[x.path] || "")}"]`);
  }
  // Once somebody has tried to save: what is wrong, at its field too.
  function showAtFields(list) {
    for (const e of form.querySelectorAll("[data-field] > .error, fieldset > .error")) e.textContent = "";
    for (const e of form.querySelectorAll("[aria-invalid]")) e.removeAttribute("aria-invalid");
    let first = null;
    for (const x of list) {
      const box = fieldOf(x), at = box?.querySelector(".error"), input = box?.querySelector("input,textarea,select");
      if (!at || at.textContent) continue;
      at.textContent = x.message;
      input?.setAttribute("aria-invalid", "true");
      first ??= input;
    }
    return first;
  }
  let saved = false;
  function changed() { clearTimeout(timer); timer = setTimeout(check, 400); }
  async function look(message) {
    const kind = message ? "try" : "check", mine = ++serial[kind], p = payload();
    const answer = await ask("POST", "/weir/v1/try", { body: { rule: p, ruleName: values(top).ruleName || undefined, message } });
    return mine === serial[kind] ? [answer, p] : [null, p];
  }
  function showFindings(answer, p) {
    const marks = [];
    for (const x of answer.findings) if (x.path === "sql" && x.within) {
      const at = offset(p.sql, x.within.line, x.within.column), rest = p.sql.slice(at).match(/^\w+|^\S/);
      if (x.severity === "error") marks.push({ from: Math.min(at, Math.max(0, p.sql.length - 1)), to: Math.min(p.sql.length, at + (rest ? rest[0].length : 1)), kind: "wrong" });
    }
    findings.replaceChildren(h("h3", {}, answer.findings.length ? "Findings" : "No findings"), ...answer.findings.slice(0, 20).map((x) => h("div", { class: `finding sev-${x.severity}` }, badge(`${x.severity} ${x.code}`, x.severity === "error" ? "bad" : x.severity === "warning" ? "warn" : ""), " ", x.path ? h("code", {}, x.path) : null, " ", x.message, h("div", { class: "muted small" }, x.remedy))));
    if (saved) showAtFields(answer.findings.filter((x) => x.severity === "error"));
    return marks;
  }
  async function check() {
    if (!statement().trim()) return;
    const tries = serial.try; // whose marks stay
    try { const [answer, p] = await look(); if (answer && serial.try === tries) markSql(showFindings(answer, p)); } catch (error) { findings.replaceChildren(h("p", { class: "error" }, error.message)); }
  }
  const topicOf = () => { const m = statement().match(/FROM\s+['"]([^'"]*)['"]/i); return m ? m[1].replaceAll("+", "a").replace(/#$/, "a") : "a"; };
  const sample = h("section", { class: "panel beside" }, h("div", { class: "tools" }, h("h2", {}, "Try it"), session.current.allTenants ? h("button", { type: "button", onclick: () => seen() }, "Use a message seen") : null), field({ name: "topic", label: "Topic", value: "" }), field({ name: "payload", label: "Payload", type: "textarea", rows: 6, value: '{"temperature": 21.5}' }), field({ name: "base64", label: "Given as Base64", type: "checkbox", hint: "for bytes that are no text" }),
    h("button", { type: "button", class: "primary", onclick: () => tryIt() }, "Try"), tried);
  async function seen() {
    try {
      const text = await (await ask("GET", "/weir/v1/messages", { query: { last: 10, filter: topicPrefix + from.querySelector("input").value || undefined }, raw: true })).text();
      const list = text.split("\n").filter(Boolean).map(exact);
      if (!list.length) { note("No message on a matching topic has been seen."); return; }
      tried.replaceChildren(h("h3", {}, "Messages seen last"), ...list.reverse().map((m) => h("p", {}, h("button", { type: "button", class: "plain", onclick: () => {
        sample.querySelector("[name=topic]").value = m.topic;
        sample.querySelector("[name=base64]").checked = m.payloadBase64 !== undefined;
        sample.querySelector("[name=payload]").value = m.payload !== undefined ? json(m.payload) : m.payloadText ?? m.payloadBase64;
        tryIt();
      } }, h("code", {}, m.topic + " "), JSON.stringify(m.payload ?? m.payloadText ?? m.payloadBase64).slice(0, 120)))));
    } catch (error) { note(error.message, true); }
  }
  async function tryIt() {
    const v = values(sample), message = { topic: v.topic || topicOf(), timestamp: Date.now(), [v.base64 ? "payloadBase64" : "payloadText"]: v.base64 ? v.payload.trim() : v.payload }; // to the byte: numbers too
    tried.replaceChildren(h("p", { class: "muted" }, "…"));
    clearTimeout(timer);
    try {
      const [answer, p] = await look(message);
      if (!answer) return;
      const wrong = showFindings(answer, p), m = answer.explained?.message;
      if (!m) { tried.replaceChildren(h("p", { class: "error" }, answer.fault || "The rule is not valid; see the findings.")); markSql(wrong); return; }
      const undefs = (m.select || []).filter((s) => s.type === "Undefined");
      markSql([...wrong, ...marksOf(p.sql, m.where || []), ...marksOf(p.sql, undefs)]);
      fill(tried, h("h3", {}, "Outcome"), h("p", {}, badge(m.outcome === "output" ? "matched" : m.outcome, m.outcome === "output" ? "good" : "bad"), " on topic ", h("code", {}, m.topic), m.topicMatches ? "" : ": FROM does not match it", m.stoppedBy ? h("span", {}, " because of ", h("code", {}, m.stoppedBy.source)) : null),
        m.output ? h("div", {}, h("h3", {}, "Outgoing payload"), h("pre", {}, m.output.json ? json(exact(m.output.text)) : m.output.text ?? m.output.base64 ?? "")) : null,
        (m.templates || []).length ? h("div", {}, h("h3", {}, "Parameters"), facts(m.templates.map((t) => [t.parameter, t.outcome === "output" ? h("code", {}, t.text) : h("span", { class: "error" }, t.outcome)]))) : null,
        (m.where || []).length ? h("div", {}, h("h3", {}, "Why"), m.where.map(term)) : null, undefs.length ? h("div", {}, h("h3", {}, "Undefined in SELECT, so left out"), undefs.map(term)) : null);
      [...forms.children].forEach((x, i) => x.preview((m.templates || []).filter((t) => t.parameter.startsWith(`actions[${i}].`)).map((t) => h("div", {}, h("span", { class: "muted" }, t.parameter.split(".").slice(2).join(".") + " → "), h("code", {}, t.text ?? t.outcome)))));
    } catch (error) { tried.replaceChildren(h("p", { class: "error" }, error.message)); }
  }
  async function save() {
    foot.textContent = "";
    for (const e of form.querySelectorAll("[data-field] > .error")) e.textContent = "";
    const v = values(top), full = name || rulePrefix + v.ruleName;
    if (!plain && /['"\\]/.test(from.querySelector("input").value)) { from.querySelector(".error").textContent = "A topic filter without quotes and backslashes."; from.querySelector("input").focus(); return; }
    if (!/^[a-zA-Z0-9_]{1,128}$/.test(full)) { const b = top.querySelector("[data-field=ruleName]"); b.querySelector(".error").textContent = "The name has letters, digits and _, at most 128."; b.querySelector("input").focus(); return; }
    try {
      const answer = await ask(name ? "PATCH" : "POST", `/rules/${enc(full)}`, { body: payload() });
      if (answer.$warning) note(answer.$warning, true);
      note(`The rule ${full} has been ${name ? "updated" : "created"}.`);
      location.hash = `iot/rules/${enc(full)}`;
    } catch (error) {
      foot.textContent = error.message;
      saved = true;
      await check();
      const first = [...form.querySelectorAll("[aria-invalid]")].find((e) => e.checkVisibility());
      if (first) first.focus(); else foot.scrollIntoView({ block: "center" });
    }
  }
  const form = h("form", { novalidate: true, onsubmit: (e) => { e.preventDefault(); save(); } }, h("div", { class: "two" }, h("div", {}, top, h("section", { class: "panel" }, h("div", { class: "tools" }, h("h2", {}, "Actions"), h("button", { type: "button", onclick: () => { if (forms.children.length < 10) addAction(); else note("A rule has at most 10 actions.", true); } }, "Add action")), forms), h("section", { class: "panel" }, hasError, errorBox),
    foot, h("div", { class: "row" }, h("button", { class: "primary", type: "submit" }, name ? "Update" : "Create"), h("a", { class: "button", href: name ? `#iot/rules/${enc(name)}` : "#iot/rules" }, "Cancel"))), sample));
  drawSql();
  sample.querySelector("[name=topic]").placeholder = topicOf();
  if (name) check(); // an empty form is not wrong yet
  return { title: name ? `Edit ${name}` : "Add a Topic Rule", end: () => clearTimeout(timer), crumbs: [["DevOps"], ["IoT", "iot/things"], ["Topic Rules", "iot/rules"], [name ? `Edit ${name}` : "Add"]], body: h("div", {}, h("h1", {}, name ? `Edit ${name}` : "Add a Topic Rule"), h("p", { class: "muted" }, `Tenant ${session.tenant}`), form) };
}

export const create = () => editor(null, { sql: "", actions: [], awsIotSqlVersion: "2016-03-23", description: "", ruleDisabled: false });
export const edit = async (name) => editor(name, (await get(`/rules/${enc(name)}`)).rule);
export { ruleName };
