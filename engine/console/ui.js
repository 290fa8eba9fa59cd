import { LISTED_MAX, session } from "./api.js";

// What pages are made of. Every text goes through textContent: nothing that weir holds is ever read as HTML.
export function h(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") e[name] = value;
    else e.setAttribute(name, value === true ? "" : value);
  }
  add(e, children);
  return e;
}

export function add(e, children) {
  for (const c of children.flat(9)) if (c !== null && c !== undefined && c !== false) e.append(c instanceof Node ? c : String(c));
  return e;
}

// In place of what was there.
export function fill(e, ...children) {
  e.replaceChildren();
  return add(e, children);
}

// When what is in the document now has been painted: for all that is not seen in the first picture. At once where nobody looks.
export const painted = () => new Promise((done) => { if (document.hidden) setTimeout(done); else requestAnimationFrame(() => setTimeout(done)); });

let serial = 0;
export const id = (word) => `${word}-${++serial}`;

export function note(text, bad = false) {
  let box = document.getElementById("notes");
  if (!box) document.body.append(box = h("div", { id: "notes", role: "status", "aria-live": "polite" }));
  const one = h("div", { class: bad ? "note bad" : "note" }, text);
  box.append(one);
  setTimeout(() => one.remove(), bad ? 12000 : 5000);
}

export const time = (s) => (s ? new Date(s * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC" : "–");
// 12,345.678: as toLocaleString("en"), which has to wake the browser's tables of languages.
export function number(n) {
  if (n === undefined || n === null) return "–";
  const [whole, part] = String(Number.isInteger(Number(n)) ? Number(n) : Math.round(n * 1000) / 1000).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${part}` : "");
}
let collate = null; // made when something is sorted
const byText = (a, b) => (collate ??= new Intl.Collator("en", { numeric: true }).compare)(a, b);
export const json = (v) => JSON.stringify(v, null, 2);
// JSON.parse for what is only shown again: numbers stay as they were written (1.0, 12345678901234567890), where the browser can.
export const exact = (text) => JSON.parse(text, JSON.rawJSON && ((k, v, c) => (typeof v === "number" && c?.source && String(v) !== c.source ? JSON.rawJSON(c.source) : v)));

const GOOD = ["ACTIVE", "ENABLED", "Yes", "delivered", "matched"], BAD = ["REVOKED", "INACTIVE", "DISABLED", "No", "failed", "refused"];
export const badge = (text, kind) => h("span", { class: `badge ${kind || (GOOD.includes(text) ? "good" : BAD.includes(text) ? "bad" : "")}` }, text);

// ---- fields

// {name, label, hint, value, type: text|textarea|select|checkbox|fixed|password, options, prefix, suffix, required, placeholder}
export function field(f) {
  const at = id("f"), hint = f.hint ? `${at}-h` : null, err = `${at}-e`;
  const common = { id: at, name: f.name, required: f.required, "aria-describedby": [hint, err].filter(Boolean).join(" "), oninput: f.oninput, onchange: f.onchange,
    placeholder: f.placeholder, autocomplete: "off", spellcheck: "false" };
  let input;
  if (f.type === "textarea") input = h("textarea", { ...common, rows: f.rows || 5, class: "mono" }, f.value || "");
  else if (f.type === "select") input = h("select", common, f.options.map((o) => {
    const [v, t] = Array.isArray(o) ? o : [o, o];
    return h("option", { value: v, selected: v === f.value }, t);
  }));
  else if (f.type === "checkbox") input = h("input", { ...common, type: "checkbox", checked: !!f.value });
  else input = h("input", { ...common, type: ["password", "number", "search"].includes(f.type) ? f.type : "text", value: f.value ?? "", readonly: f.readonly });
  const label = f.type === "checkbox" ? h("label", { for: at }, input, f.label) : h("label", { for: at }, f.label, f.required ? h("span", { "aria-hidden": "true" }, " *") : null);
  const line = f.type === "checkbox" ? null : f.prefix || f.suffix ? h("div", { class: "fixed" }, f.prefix ? h("span", {}, f.prefix) : null, input, f.suffix ? h("span", {}, f.suffix) : null) : input;
  return h("div", { class: f.type === "checkbox" ? "field check" : "field", "data-field": f.name }, label, line, f.hint ? h("div", { class: "hint", id: hint }, f.hint) : null,
    h("div", { class: "error", id: err, "aria-live": "polite" }));
}

export function values(form) {
  const out = {};
  for (const e of form.querySelectorAll("[name]")) out[e.name] = e.type === "checkbox" ? e.checked : e.value;
  return out;
}

export function clearErrors(form) {
  for (const e of form.querySelectorAll(".error")) e.textContent = "";
  for (const e of form.querySelectorAll("[aria-invalid]")) e.removeAttribute("aria-invalid");
}

// At the fields it names, else at the foot of the form.
export function showError(form, error, map = {}) {
  let shown = false;
  for (const name of error.fields || []) {
    const box = form.querySelector(`[data-field="${CSS.escape(map[name] || name)}"]`);
    if (!box) continue;
    box.querySelector(".error").textContent = error.message;
    const input = box.querySelector("[name]");
    input.setAttribute("aria-invalid", "true");
    if (!shown) input.focus();
    shown = true;
  }
  const foot = form.querySelector("[data-foot]");
  if (!shown && foot) foot.textContent = error.message;
  else if (!shown) note(error.message, true);
}

// ---- panes and questions

// A form in a dialog. `submit(values, form)` may throw an ApiError; the pane stays open then. `why`: the action cannot be taken now.
export function pane({ title, body, action, submit, wide, map, danger, why }) {
  return new Promise((resolve) => {
    const back = document.activeElement;
    const foot = h("div", { class: "error", "data-foot": "", role: "alert" });
    const go = action ? h("button", { class: danger ? "danger" : "primary", type: "submit", disabled: !!why }, action) : null;
    const name = id("pane"), form = h("form", { novalidate: true }, h("h2", { id: name }, title), body, why ? h("p", { class: "warn" }, why) : null, foot,
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => d.close() }, action ? "Cancel" : "Close"), go));
    const d = h("dialog", { class: wide ? "wide" : null, "aria-labelledby": name }, form);
    let result, busy = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy || !submit) return;
      clearErrors(form);
      foot.textContent = "";
      const empty = [...form.querySelectorAll("[required]")].find((e) => !e.value.trim());
      if (empty) {
        const box = empty.closest("[data-field]");
        empty.setAttribute("aria-invalid", "true");
        box.querySelector(".error").textContent = `${box.querySelector("label").textContent.replace(" *", "")} is required.`;
        empty.focus();
        return;
      }
      busy = true;
      form.setAttribute("aria-busy", "true");
      try {
        result = (await submit(values(form), form)) ?? true;
        if (result !== false) d.close(); // false: asked again, and not meant
      } catch (error) {
        showError(form, error, map);
      } finally {
        busy = false;
        form.removeAttribute("aria-busy");
      }
    });
    d.addEventListener("close", () => {
      d.remove();
      // The browser has given the focus back; this comes later, when somebody may have gone on already.
      if (document.activeElement === document.body && back?.isConnected) back.focus();
      resolve(result);
    });
    // Round and round within: the browser's own way leads out to its bars.
    d.addEventListener("keydown", (e) => {
      if (e.key !== "Tab" || e.defaultPrevented) return;
      const list = [...d.querySelectorAll("a[href],button:not(:disabled),input:not(:disabled),select,textarea,summary,[tabindex='0']")].filter((x) => x.checkVisibility());
      const at = list.indexOf(document.activeElement);
      if (e.shiftKey ? at <= 0 : at === list.length - 1) { e.preventDefault(); list.at(e.shiftKey ? -1 : 0)?.focus(); }
    });
    document.body.append(d);
    d.showModal();
    (form.querySelector("input:not([readonly]),textarea,select,button.primary") || form).focus();
  });
}

export const confirm = (title, lines, action, submit) =>
  pane({ title, body: [lines].flat().map((x) => (x instanceof Node ? x : h("p", {}, x))), action, danger: true, submit });

// A button with a menu: arrow keys, Home and End within, Escape and Tab leave. items() gives, now or later, [[text, run, {danger, why,
// href}]]; `why` says why one cannot be chosen now. It is asked when the menu is opened first: a table has one in every row.
export function menu(label, items) {
  let made = null, pop, choices;
  const button = h("button", { type: "button", class: "opens", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label === "⋯" ? "Actions" : null, onclick: () => open(0) }, label, label === "⋯" ? null : h("span", { "aria-hidden": "true" }, " ▾"));
  const box = h("span", { class: "menubox" }, button);
  const choice = ([text, run, more]) => {
    const common = { role: "menuitem", tabindex: "-1", class: more?.danger ? "danger" : null, "aria-disabled": more?.why ? "true" : null };
    const words = [text, more?.why ? h("span", { class: "hint" }, more.why) : null];
    return more?.href ? h("a", { ...common, href: more.href, target: "_blank", rel: "noopener noreferrer" }, words)
      : h("button", { ...common, type: "button", onclick: () => { if (more?.why) return; pop.hidePopover(); button.focus(); guard(run)(); } }, words);
  };
  async function make() {
    choices = (await items()).filter(Boolean).map(choice);
    pop = h("div", { id: id("menu"), class: "menu", role: "menu", popover: "auto", "aria-label": "Actions" }, choices);
    pop.addEventListener("toggle", (e) => button.setAttribute("aria-expanded", String(e.newState === "open")));
    pop.addEventListener("keydown", (e) => {
      if (e.key === "Tab") { pop.hidePopover(); button.focus(); } else roam(e, choices, "ArrowUp", "ArrowDown");
    });
    button.setAttribute("aria-controls", pop.id);
    box.append(pop);
  }
  async function open(which) {
    await (made ??= make());
    if (!box.isConnected) return; // the page was made anew meanwhile
    if (!pop.matches(":popover-open")) pop.showPopover();
    const b = button.getBoundingClientRect(), p = pop.getBoundingClientRect();
    pop.style.left = `${Math.max(8, Math.min(b.right - p.width, innerWidth - p.width - 8))}px`;
    pop.style.top = `${b.bottom + p.height + 4 > innerHeight && b.top > p.height + 4 ? b.top - p.height - 4 : b.bottom + 4}px`;
    choices.at(which)?.focus();
  }
  button.addEventListener("keydown", (e) => { if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); open(e.key === "ArrowUp" ? -1 : 0); } });
  return box;
}

// Focus along a list by keys.
function roam(e, list, back, on) {
  const at = list.indexOf(document.activeElement), to = { [back]: (at + list.length - 1) % list.length, [on]: (at + 1) % list.length, Home: 0, End: list.length - 1 }[e.key];
  if (to === undefined || e.ctrlKey || e.altKey || e.metaKey) return;
  e.preventDefault();
  list[to].focus();
}

// Pages side by side: arrow keys go along, Enter or Space opens. list: [[text, address, chosen]]
export function tabs(label, list) {
  const all = list.map(([text, to, chosen]) => h("a", { role: "tab", href: `#${to}`, "aria-selected": String(!!chosen), tabindex: chosen ? "0" : "-1" }, text));
  return h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: (e) => {
    if (e.key === " ") { e.preventDefault(); document.activeElement.click(); } else roam(e, all, "ArrowLeft", "ArrowRight");
  } }, all);
}

// What goes wrong in what a button begins is told.
export const guard = (run) => () => Promise.resolve().then(run).catch((e) => note(e.message, true));

// ---- tables: search, sorting, paging

const TIMES = /^(Time|Created|Created At|Since|Expires|Last used)$/; // columns that are not broken
const looks = new Map(); // of tables that were shown: coming back finds them as they were

// columns: [{title, value(row) for sorting and search, cell(row), num}]; actions(row) → as menu()'s; size: rows of a page;
// more: an async iterator of further rows (api.js, begin)
export function table({ caption, columns, rows, more, actions, empty, tools, size = 25 }) {
  const place = `${session.tenant} ${session.region} ${location.hash} ${caption}`;
  let { search, sort, down, page, per } = looks.get(place) || { search: "", sort: -1, down: false, page: 0, per: size };
  const text = (c, r) => String(c.value ? c.value(r) ?? "" : "");
  const body = h("tbody"), foot = h("div", { class: "tools" }), total = h("span", { class: "muted", role: "status" });
  const heads = columns.map((c, i) => h("th", { scope: "col", class: c.num ? "num" : null }, c.value
    ? h("button", { class: "plain", type: "button", onclick: () => { down = sort === i && !down; sort = i; draw(); } }, c.title) : c.title));
  function shown() {
    const needle = search.trim().toLowerCase();
    const list = needle ? rows.filter((r) => columns.some((c) => text(c, r).toLowerCase().includes(needle))) : [...rows];
    if (sort >= 0) {
      const c = columns[sort];
      list.sort((a, b) => { const x = c.value(a), y = c.value(b); return typeof x === "number" && typeof y === "number" ? x - y : byText(text(c, a), text(c, b)); });
      if (down) list.reverse();
    }
    return list;
  }
  // The focus in a row, to be found again in the same row when it is made anew.
  function held() {
    const e = document.activeElement, row = body.contains(e) && e.closest("tr");
    if (!row) return () => {};
    const name = row.cells[0].textContent, index = row.sectionRowIndex, parts = (r) => [...r.querySelectorAll("a,button")], at = parts(row).indexOf(e);
    return () => { const now = [...body.rows].find((r) => r.cells[0].textContent === name) || body.rows[index]; if (now) parts(now)[at]?.focus({ preventScroll: true }); };
  }
  // The button that was pressed keeps the focus, or hands it to its neighbour at the end.
  const turn = (text, off, step) => h("button", { type: "button", disabled: off, onclick: () => {
    page += step;
    draw();
    const [previous, next] = foot.querySelectorAll("button"), same = step < 0 ? previous : next;
    (same.disabled ? (step < 0 ? next : previous) : same).focus();
  } }, text);
  function draw() {
    const list = shown(), pages = Math.max(1, Math.ceil(list.length / per));
    page = Math.min(page, pages - 1);
    looks.set(place, { search, sort, down, page, per });
    heads.forEach((th, i) => { if (i === sort) th.setAttribute("aria-sort", down ? "descending" : "ascending"); else th.removeAttribute("aria-sort"); });
    const back = held();
    body.replaceChildren(...list.slice(page * per, (page + 1) * per).map((r) => h("tr", {}, columns.map((c) =>
      h("td", { class: c.num ? "num" : TIMES.test(c.title) ? "keep" : null }, c.cell ? c.cell(r) : text(c, r))), actions ? h("td", { class: "actions" }, menu("⋯", () => actions(r))) : null)));
    if (!list.length) body.append(h("tr", {}, h("td", { colspan: columns.length + (actions ? 1 : 0), class: "empty" }, rows.length ? "Nothing matches the search." : empty || "No data to display")));
    back();
    total.textContent = `Total ${number(list.length)}${more ? ", more are coming …" : rows.length >= LISTED_MAX ? `: the first ${number(LISTED_MAX)}` : ""}`;
    foot.hidden = pages === 1;
    foot.replaceChildren(h("span", { class: "muted" }, `Page ${page + 1} of ${pages}`),
      turn("Previous", page === 0, -1), turn("Next", page >= pages - 1, 1));
  }
  const per_id = id("per"), search_id = id("search");
  const top = h("div", { class: "tools" }, h("label", { class: "row", for: search_id }, "Search", h("input", { id: search_id, type: "search", value: search, oninput: (e) => { search = e.target.value; page = 0; draw(); } })),
    h("label", { class: "row", for: per_id }, "Show", h("select", { id: per_id, onchange: (e) => { per = Number(e.target.value); page = 0; draw(); } },
      [10, 25, 50, 100, 250].map((n) => h("option", { value: n, selected: n === per }, n)))), total, h("span", { class: "push row" }, tools));
  draw();
  const box = h("div", {}, top, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, heads, actions ? h("th", { scope: "col", class: "num" }, "Actions") : null)), body)), foot);
  box.refresh = (next) => { rows = next; draw(); };
  async function rest() {
    let drawn = performance.now();
    for await (const page of more) {
      rows = [...rows, ...page];
      if (!box.isConnected) return;
      if (performance.now() - drawn > 300) { draw(); drawn = performance.now(); }
    }
    more = null;
    draw();
  }
  if (more) painted().then(() => rest().catch((e) => { more = null; draw(); note(e.message, true); }));
  return box;
}

export const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(Boolean).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]));

export function chart(points, label) {
  const ns = "http://www.w3.org/2000/svg", w = 300, hgt = 54;
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", `0 0 ${w} ${hgt}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "chart");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const max = Math.max(1e-9, ...points), n = Math.max(1, points.length - 1);
  const at = points.map((p, i) => `${((i / n) * w).toFixed(1)},${(hgt - 2 - (p / max) * (hgt - 6)).toFixed(1)}`);
  for (const [cls, d] of [["area", `M0,${hgt} L${at.join(" L")} L${w},${hgt} Z`], ["line", `M${at.join(" L")}`]]) {
    const path = document.createElementNS(ns, "path");
    path.setAttribute("class", cls);
    if (points.length > 1) path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
