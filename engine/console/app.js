// The frame: who is there, for which tenant, and which page.
import { ask, get, session } from "./api.js";
import { h, note, field, fill, values, showError, clearErrors } from "./ui.js";
import * as things from "./things.js";
import * as certificates from "./certificates.js";
import * as policies from "./policies.js";
import * as rules from "./rules.js";
import * as live from "./live.js";
import * as tenants from "./tenants.js";

const PAGES = [
  [/^dashboard$/, live.dashboard],
  [/^live$/, live.tail],
  [/^dead$/, live.dead],
  [/^clients$/, live.clients],
  [/^iot\/things$/, things.list],
  [/^iot\/things\/([^/]+)(?:\/(principals))?$/, things.details],
  [/^iot\/certificates$/, certificates.list],
  [/^iot\/certificates\/([^/]+)(?:\/(policies|things))?$/, certificates.details],
  [/^iot\/policies$/, policies.list],
  [/^iot\/policies\/([^/]+)$/, policies.details],
  [/^iot\/rules$/, rules.list],
  [/^iot\/rules\/new$/, rules.create],
  [/^iot\/rules\/([^/]+)\/edit$/, rules.edit],
  [/^iot\/rules\/([^/]+)(?:\/(actions|live))?$/, rules.details],
  [/^tenants$/, tenants.list],
  [/^tenants\/([^/]+)$/, tenants.details],
  [/^audit$/, tenants.audit],
];

const SIDE = [
  ["Overview", [["dashboard", "Dashboard"], ["live", "Live messages"], ["dead", "Dead letters"], ["clients", "Connected clients"]], true],
  ["DevOps", [["iot/things", "IoT: Things"], ["iot/certificates", "IoT: Certificates"], ["iot/rules", "IoT: Topic Rules"], ["iot/policies", "IoT: Policies"]]],
  ["Administrator", [["tenants", "Tenants"], ["audit", "Audit log"]], true],
];

const app = document.getElementById("app");
let running = null; // what the page under way wants to end with

function side(path) {
  return h("nav", { class: "side", "aria-label": "Pages" }, SIDE.filter(([, , all]) => !all || session.current.allTenants).map(([title, links]) => [h("h2", {}, title),
    links.map(([to, text]) => h("a", { href: `#${to}`, "aria-current": path === to || path.startsWith(to + "/") ? "page" : null }, text))]));
}

function search() {
  const links = SIDE.flatMap(([, l]) => l);
  const input = h("input", { list: "pages", placeholder: "Search menu", "aria-label": "Search menu", autocomplete: "off", onchange: () => {
    const to = links.find(([, t]) => t.toLowerCase() === input.value.toLowerCase()) || links.find(([, t]) => t.toLowerCase().includes(input.value.toLowerCase()));
    if (to && input.value) location.hash = to[0];
    input.value = "";
  } });
  return h("span", {}, input, h("datalist", { id: "pages" }, links.map(([, t]) => h("option", { value: t }))));
}

async function top() {
  const s = session.current;
  let names = [s.tenant];
  if (s.allTenants) {
    try { names = (await get("/weir/v1/tenants")).tenants.map((t) => t.name); } catch { /* the box has the one */ }
  }
  const box = h("select", { "aria-label": "Tenant", onchange: (e) => {
    session.tenant = e.target.value;
    sessionStorage.setItem("tenant", session.tenant);
    show();
  } }, names.map((n) => h("option", { value: n, selected: n === session.tenant }, n)));
  const region = h("input", { "aria-label": "Region", value: session.region, size: "12", onchange: (e) => {
    if (!/^[a-z0-9-]{1,31}$/.test(e.target.value)) { note("a region is written like eu-west-1", true); e.target.value = session.region; return; }
    session.region = e.target.value;
    sessionStorage.setItem("region", session.region);
    show();
  } });
  return h("header", { class: "top" }, h("a", { class: "brand", href: "#" + (s.allTenants ? "dashboard" : "iot/things") }, h("img", { src: "icon.svg", alt: "" }), "weir"),
    h("label", { class: "row" }, "Tenant", box), h("label", { class: "row" }, "Region", region), search(),
    h("span", { class: "push row small muted" }, `${s.role}, weir ${s.version}`, h("button", { type: "button", onclick: logout }, "Log out")));
}

async function logout() {
  try { await ask("POST", "/console/logout"); } catch { /* it is over in any case */ }
  session.current = null;
  location.hash = "";
  login();
}

function login(text) {
  running?.();
  running = null;
  const form = h("form", { class: "panel", novalidate: true, onsubmit: async (e) => {
    e.preventDefault();
    clearErrors(form);
    const v = values(form);
    try { await begin(await ask("POST", "/console/login", { body: { accessKeyId: v.accessKeyId.trim(), secretAccessKey: v.secretAccessKey.trim() } })); } catch (error) { showError(form, error); }
  } }, h("h1", {}, "Log in to weir"), h("p", { class: "muted" }, "With an access key, or with the link that the command ", h("code", {}, "weir console"), " prints."),
  field({ name: "accessKeyId", label: "Access key id", required: true }), field({ name: "secretAccessKey", label: "Secret access key", type: "password", required: true }),
  h("div", { class: "error", "data-foot": "", role: "alert" }, text || ""), h("button", { class: "primary", type: "submit" }, "Log in"));
  app.replaceChildren(h("main", { id: "main", class: "login" }, form));
  form.querySelector("input").focus();
}

async function begin(s) {
  session.current = s;
  session.tenant = (s.allTenants && sessionStorage.getItem("tenant")) || s.tenant;
  session.region = sessionStorage.getItem("region") || s.region;
  if (!location.hash || location.hash.startsWith("#login")) history.replaceState(null, "", "#" + (s.allTenants ? "dashboard" : "iot/things"));
  await show();
}

let turn = 0;
async function show() {
  if (!session.current) return;
  const mine = ++turn;
  running?.();
  running = null;
  const path = decodeURI(location.hash.slice(1)) || "dashboard";
  const found = PAGES.map(([re, page]) => [location.hash.slice(1).match(re), page]).find(([m]) => m);
  const main = h("main", { id: "main", tabindex: "-1" }, h("p", { class: "loading", role: "status" }, "Loading …"));
  const header = await top();
  if (mine !== turn) return;
  app.replaceChildren(h("div", {}, session.current.openMode ? h("p", { class: "banner", role: "note" }, "admin.mode is open: nobody's signature is checked here.") : null, header, h("div", { class: "frame" }, side(path), main)));
  try {
    if (!found) throw new Error(`There is no page ${path}.`);
    const page = await found[1](...found[0].slice(1).map((x) => (x === undefined ? x : decodeURIComponent(x))));
    if (mine !== turn) { page.end?.(); return; }
    running = page.end || null;
    document.title = `${page.title} – weir`;
    fill(main, h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, page.crumbs.map(([text, to], i) => [i ? " / " : "", to ? h("a", { href: "#" + to }, text) : h("span", { "aria-current": "page" }, text)])), page.body);
    main.focus({ preventScroll: true });
  } catch (error) {
    if (mine !== turn) return;
    if (!session.current) return;
    document.title = "weir";
    main.replaceChildren(h("div", { class: "panel", role: "alert" }, h("h1", {}, "This page cannot be shown"), h("p", { class: "error" }, error.message),
      h("button", { type: "button", onclick: show }, "Try again")));
  }
}

document.addEventListener("weir-login", () => { if (session.current) { session.current = null; login("The session is over; log in again."); } });
document.addEventListener("weir-again", show);
addEventListener("hashchange", () => { if (location.hash.startsWith("#login/")) start(); else show(); });

async function start() {
  try {
    if (location.hash.startsWith("#login/")) {
      const link = location.hash.slice(7);
      history.replaceState(null, "", "#");
      await begin(await ask("POST", "/console/login", { body: { link } }));
      return;
    }
    const s = await get("/console/session");
    if (s.csrf) await begin(s);
    else if (s.openMode) await begin(await ask("POST", "/console/login", { body: {} }));
    else login();
  } catch (error) {
    login(error.message);
  }
}
start();
