// Overview: the whole of this weir, live.
import { ask, get } from "./api.js";
import { badge, chart, confirm, field, h, json, note, number, pane, table } from "./ui.js";
import { again } from "./things.js";
import { cost, costText, ruleLink, sum } from "./rules.js";
import { tailView } from "./tail.js";

// weir keeps a sample every five seconds for an hour; rates are their differences.
async function hour() {
  const { members, samples } = await get("/weir/v1/history"), at = (k) => members.indexOf(k), out = [];
  for (let i = 1; i < samples.length; i++) {
    const [a, b] = [samples[i - 1], samples[i]], t = (b[at("uptimeMs")] - a[at("uptimeMs")]) / 1000;
    if (t <= 0) continue;
    const rate = (k) => Math.max(0, (b[at(k)] - a[at(k)]) / t);
    out.push({ messages: rate("messages"), matched: rate("matched"), delivered: rate("delivered"), failed: rate("broken"), live: b[at("live")], spool: b[at("spool")] });
  }
  return out;
}
let history = [];

const card = (title, key, unit) => {
  const values = history.map((x) => x[key]), now = values.at(-1) ?? 0;
  return h("section", { class: "panel" }, h("h2", {}, title), h("div", { class: "stat" }, number(unit === "a second" && now < 100 ? now.toFixed(1) : Math.round(now)), h("span", { class: "muted small" }, ` ${unit}`)), chart(values, `${title}, at most an hour; now ${now.toFixed(1)} ${unit}`));
};

export async function dashboard() {
  const cards = h("div", { class: "grid" }), rules = h("div", {}), facts = h("p", { class: "muted" });
  let tableBox = null;
  async function look() {
    const [s, samples] = await Promise.all([get("/weir/v1/status"), hour()]);
    history = samples;
    cards.replaceChildren(card("Messages", "messages", "a second"), card("Matches", "matched", "a second"), card("Deliveries", "delivered", "a second"), card("Errors", "failed", "a second"), card("Under way", "live", "messages"), card("Spool", "spool", "entries"));
    const rows = Object.entries(s.rules || {}).map(([name, r]) => ({ name, ...r }));
    if (tableBox) tableBox.refresh(rows);
    else rules.replaceChildren(tableBox = table({ caption: "Rules", rows, empty: "No rule has been asked for a message yet.", columns: [{ title: "Rule", value: (r) => r.name, cell: (r) => ruleLink(r.name) },
        ...[["Tried", (r) => r.topicMatch], ["Matched", (r) => r.matched], ["Failed", (r) => sum(r.failed) + r.broken], ["Delivered", (r) => r.delivered], ["Under way", (r) => sum(r.inFlight) + r.waiting + r.fetching], ["Dead letters", (r) => r.dead]].map(([title, value]) => ({ title, value, cell: (r) => number(value(r)), num: true })),
        { title: "Cost", value: (r) => cost(r) || 0, cell: (r) => costText(r), num: true }] }));
    facts.replaceChildren(s.mqtt?.connected === false ? badge("broker not connected", "bad") : badge("broker connected", "good"), ` weir ${s.version}, pid ${s.pid}, up ${number(Math.round(s.uptimeMs / 1000))} s, ${number(s.messages)} messages, ${number(s.rulesLoaded)} rules, sums ${s.sums}`);
  }
  await look();
  const timer = setInterval(() => look().catch((e) => { facts.textContent = e.message; }), 2000);
  return { title: "Dashboard", end: () => clearInterval(timer), crumbs: [["Overview"], ["Dashboard"]], body: h("div", {}, h("h1", {}, "Dashboard"), facts, cards, h("h2", {}, "Rules"), rules) };
}

export async function tail() {
  const names = Object.keys((await get("/weir/v1/status")).rules || {});
  const place = h("div", {});
  let end = () => {};
  const pick = field({ name: "rule", label: "Rule", type: "select", options: names, onchange: (e) => start(e.target.value) });
  function start(name) { end(); let view; [view, end] = tailView(name); place.replaceChildren(view); }
  if (names.length) start(names[0]);
  else place.replaceChildren(h("p", { class: "empty" }, "There are no rules yet."));
  return { title: "Live messages", end: () => end(), crumbs: [["Overview"], ["Live messages"]], body: h("div", {}, h("h1", {}, "Live messages"), names.length ? h("div", { class: "bar" }, pick) : null, place) };
}

export async function dead() {
  const text = await (await ask("GET", "/weir/v1/dead", { raw: true })).text();
  const rows = text.split("\n").filter(Boolean).map((l) => JSON.parse(l));
  const act = async (what, body, all) => {
    const words = what === "redrive" ? ["What failed is delivered again, under the old delivery id; what was delivered is not."] : ["What is purged is gone for good."];
    const done = await confirm(all ? `${what === "redrive" ? "Redrive" : "Purge"} all letters?` : `${what === "redrive" ? "Redrive" : "Purge"} this letter?`, words, what === "redrive" ? "Redrive" : "Purge", () => ask("POST", `/weir/v1/dead/${what}`, { body, raw: true }).then((r) => r.text()));
    if (!done) return;
    let count;
    try { count = Object.values(JSON.parse(done)).find((v) => typeof v === "number"); } catch { /* it is done in any case */ }
    note(`${what === "redrive" ? "Letters that are delivered again" : "Letters purged"}: ${number(count)}.`);
    again();
  };
  return { title: "Dead letters", crumbs: [["Overview"], ["Dead letters"]], body: h("div", {}, h("h1", {}, "Dead letters"), h("p", { class: "muted" }, "What neither an action nor the error action took; the first 500."), table({ caption: "Dead letters", rows, empty: "No dead letters.", columns: [
    { title: "Time", value: (r) => r.time, cell: (r) => String(r.time) }, { title: "Rule", value: (r) => r.rule, cell: (r) => ruleLink(r.rule) }, { title: "Topic", value: (r) => r.topic, cell: (r) => h("code", {}, r.topic) }, { title: "Reason", value: (r) => r.reason, cell: (r) => badge(r.reason, "bad") }],
  actions: (r) => [["Show", () => pane({ title: "Dead letter", wide: true, body: h("pre", {}, json(r)) })], ["Redrive", () => act("redrive", { ids: [r.id] })], ["Purge", () => act("purge", { ids: [r.id] }), { danger: true }]],
  tools: rows.length ? [h("button", { type: "button", onclick: () => act("redrive", {}, true) }, "Redrive all"), h("button", { type: "button", class: "danger", onclick: () => act("purge", {}, true) }, "Purge all")] : null })) };
}

// Devices that the broker's plugin has told of, of the chosen tenant.
export async function clients() {
  const answer = await get("/weir/v1/clients"), rows = answer.clients;
  return { title: "Connected clients", crumbs: [["Overview"], ["Connected clients"]], body: h("div", {}, h("h1", {}, "Connected clients"), answer.told ? h("p", { class: "muted" }, "As the broker's plugin tells; at most 1,000.") : h("p", {}, "The broker's plugin tells who is connected: set broker.dir (docs/broker-plugin.md)."),
    table({ caption: "Connected clients", rows, empty: "Nobody is connected.", columns: [{ title: "Client id", value: (r) => r.client, cell: (r) => h("code", {}, r.client) }, { title: "Since", value: (r) => r.at, cell: (r) => new Date(r.at).toISOString().replace("T", " ").slice(0, 19) + " UTC" }, { title: "Address", value: (r) => r.address || "" },
      { title: "Certificate", value: (r) => r.certificate || "", cell: (r) => (r.certificate ? h("a", { class: "mono", href: `#iot/certificates/${r.certificate}` }, r.certificate.slice(0, 16) + "…") : "–") }] })) };
}
