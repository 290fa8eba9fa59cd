// The frame: who is there, for which tenant, and which page.
import { ask, choose, get, session } from "./api.js";
import { h, note, field, fill, painted, values, showError, clearErrors } from "./ui.js";
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
  [/^tenants\/([^/]+)(?:\/(access-keys|tokens))?$/, tenants.details],
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
  return h("nav", { class: "pages", "aria-label": "Pages" }, SIDE.filter(([, , all]) => !all || session.current.allTenants).map(([title, links]) => [h("h2", {}, title),
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

// The first line; the names of other tenants come when weir has told them.
function top() {
  const s = session.current;
  const box = h("select", { "aria-label": "Tenant", onchange: (e) => {
    choose(e.target.value, session.region);
    const list = location.hash.match(/^#(iot\/[a-z]+)\//); // what is shown is the other tenant's: to the list of such
    if (list) location.hash = list[1]; else show();
  } }, h("option", { value: session.tenant }, session.tenant));
  box.tell = async () => {
    if (!s.allTenants) return;
    try {
      const names = (await get("/weir/v1/tenants")).tenants.map((t) => t.name);
      if (String(names) !== String([...box.options].map((o) => o.value))) box.replaceChildren(...names.map((n) => h("option", { value: n, selected: n === session.tenant }, n)));
    } catch { /* the box has the one */ }
  };
  const region = h("input", { "aria-label": "Region", value: session.region, size: "12", spellcheck: "false", onchange: (e) => {
    if (!/^[a-z0-9-]{1,31}$/.test(e.target.value)) { note("a region is written like eu-west-1", true); e.target.value = session.region; return; }
    choose(session.tenant, e.target.value);
    show();
  } });
  return [h("header", { class: "top" }, h("a", { class: "brand", href: "#" + home() }, h("img", { src: document.querySelector("link[rel=icon]").href, alt: "" }), "weir"),
    h("label", { class: "row" }, "Tenant", box), h("label", { class: "row" }, "Region", region), search(),
    h("span", { class: "push row small muted" }, h("span", {}, `${s.role}, weir ${s.version}`), h("button", { type: "button", onclick: logout }, "Log out"))), box, region];
}
const home = () => (session.current.allTenants ? "dashboard" : "iot/things");

async function logout() {
  try { await ask("POST", "/console/logout"); } catch { /* it is over in any case */ }
  session.current = null;
  location.hash = "";
  login();
}

// Header, side and an empty page; not in the document yet: the first page comes with them, which saves the browser a picture.
let frame = null;
function begun() {
  if (frame && frame.box.value === session.tenant && frame.region.value === session.region) return frame;
  const [header, box, region] = top(), nav = h("div", { class: "side" }), main = h("main", { id: "main", tabindex: "-1" });
  const all = h("div", {}, session.current.openMode ? h("p", { class: "banner", role: "note" }, "admin.mode is open: nobody's signature is checked here.") : null, header, h("div", { class: "frame" }, nav, main));
  return (frame = { nav, main, box, region, attach: () => { if (!all.isConnected) app.replaceChildren(all); } });
}

function login(text) {
  running?.();
  running = frame = null;
  closeDialogs();
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
  if (!location.hash || location.hash.startsWith("#login")) history.replaceState(null, "", "#" + home());
  await show();
}

function closeDialogs() { for (const d of document.querySelectorAll("dialog[open]")) d.close(); }

// Where the focus was, to be found again on a page that is made anew.
function focused(main) {
  const e = document.activeElement;
  if (!main.contains(e) || e === main) return () => null;
  const text = (x) => x.getAttribute("aria-label") || x.name || x.textContent, list = e.closest("[role=tablist]")?.getAttribute("aria-label"), row = e.closest("tbody tr")?.sectionRowIndex, was = [e.tagName, text(e)];
  return (moved) => {
    if (list) return main.querySelector(`[role=tablist][aria-label="${CSS.escape(list)}"] [aria-selected=true]`);
    const same = moved ? [] : [...main.querySelectorAll(was[0])].filter((x) => text(x) === was[1]);
    return same.find((x) => x.closest("tbody tr")?.sectionRowIndex === row) || same.at(-1);
  };
}

let turn = 0, shown = null;
async function show() {
  if (!session.current) return;
  const mine = ++turn, moved = shown !== location.hash;
  running?.();
  running = null;
  if (moved) closeDialogs();
  const path = location.hash.slice(1) || home();
  const found = PAGES.map(([re, page]) => [path.match(re), page]).find(([m]) => m);
  // Asked before the frame is made: weir answers meanwhile.
  const coming = (async () => {
    if (!found) throw new Error(`There is no page ${path}.`);
    return found[1](...found[0].slice(1).map((x) => (x === undefined ? x : decodeURIComponent(x))));
  })();
  const { nav, main, box, attach } = begun(), back = focused(main);
  shown = location.hash;
  fill(nav, side(path));
  main.setAttribute("aria-busy", "true");
  const seen = () => { attach(); painted().then(() => { if (mine === turn && session.current) box.tell(); }); };
  const slow = setTimeout(() => {
    if (mine !== turn) return;
    if (moved || !main.firstChild) fill(main, h("p", { class: "loading", role: "status" }, "Loading …"));
    seen();
  }, 300);
  try {
    const page = await coming;
    if (mine !== turn) { page.end?.(); return; }
    running = page.end || null;
    document.title = `${page.title} – weir`;
    main.setAttribute("aria-label", page.title);
    fill(main, h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, page.crumbs.map(([text, to], i) => [i ? " / " : "", to ? h("a", { href: "#" + to }, text) : h("span", { "aria-current": i === page.crumbs.length - 1 ? "page" : null }, text)])), page.body);
    if (moved) scrollTo(0, 0);
  } catch (error) {
    if (mine !== turn || !session.current) return;
    document.title = "weir";
    fill(main, h("div", { class: "panel", role: "alert" }, h("h1", {}, "This page cannot be shown"), h("p", { class: "error" }, error.message),
      h("button", { type: "button", onclick: show }, "Try again")));
  } finally {
    clearTimeout(slow);
    if (mine === turn && session.current) {
      main.removeAttribute("aria-busy");
      seen();
    }
  }
  nav.querySelector("[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  if (!document.querySelector("dialog[open]")) (back(moved) || main).focus({ preventScroll: true });
}

document.querySelector(".skip").addEventListener("click", (e) => { e.preventDefault(); document.getElementById("main")?.focus(); });
document.addEventListener("weir-login", () => { if (session.current) { session.current = null; login("The session is over; log in again."); } });
document.addEventListener("weir-again", show);
addEventListener("hashchange", () => { if (location.hash.startsWith("#login/")) start(); else show(); });

// The session is in the page when weir saw its cookie. It does not see it when the way here was a link of another site (SameSite): then
// the page asks.
function told() {
  const block = document.getElementById("session");
  block?.remove(); // it is true once
  return block && JSON.parse(block.textContent);
}

async function start() {
  try {
    if (location.hash.startsWith("#login/")) {
      const link = location.hash.slice(7);
      history.replaceState(null, "", "#");
      await begin(await ask("POST", "/console/login", { body: { link } }));
      return;
    }
    const s = told() || (await get("/console/session"));
    if (s.csrf) await begin(s);
    else if (s.openMode) await begin(await ask("POST", "/console/login", { body: {} }));
    else login();
  } catch (error) {
    login(error.message);
  }
}
start();
