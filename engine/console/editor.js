// A field for SQL: coloured, with errors underlined, terms marked, and functions completed.
import { get } from "./api.js";
import { h, id } from "./ui.js";

const WORDS = new Set("SELECT FROM WHERE AS AND OR NOT IN CASE WHEN THEN ELSE END IS NULL UNDEFINED TRUE FALSE VALUE SET EXISTS CAST LIKE".split(" "));
let functions = null; // asked for once
const knownFunctions = () => (functions ??= get("/weir/v1/functions").then((r) => Object.entries(r).filter(([k]) => k !== "$warning").map(([, v]) => v)).catch(() => { functions = null; return []; }));

// [{kind, from, to}]: k keyword, s text, n number, f function, c comment, w other word, p the rest
export function tokens(sql) {
  const out = [], re = /(--[^\n]*|\/\*[^]*?(?:\*\/|$))|('(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.)*"?)|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|(\s+)|([^])/g;
  for (const m of sql.matchAll(re)) {
    const from = m.index, to = from + m[0].length;
    let kind = "p";
    if (m[1]) kind = "c";
    else if (m[2]) kind = "s";
    else if (m[3]) kind = "n";
    else if (m[5]) kind = "b";
    else if (m[4]) kind = WORDS.has(m[4].toUpperCase()) && sql[from - 1] !== "." ? "k" : /^\s*\(/.test(sql.slice(to)) ? "f" : "w";
    out.push({ kind, from, to, text: m[0] });
  }
  return out;
}

// The statement's three parts; null when it has more than they can say (SET, a FROM without quotes, comments).
export function split(sql) {
  const list = tokens(sql).filter((t) => t.kind !== "b");
  if (list.some((t) => t.kind === "c") || !list.length || list[0].text.toUpperCase() !== "SELECT") return null;
  let depth = 0, from = null, where = null;
  for (const t of list) {
    if (t.text === "(" || t.text === "[" || t.text === "{") depth++;
    else if (t.text === ")" || t.text === "]" || t.text === "}") depth--;
    else if (depth === 0 && t.kind === "k" && t.text.toUpperCase() === "FROM" && !from) from = t;
    else if (depth === 0 && t.kind === "k" && t.text.toUpperCase() === "WHERE" && from && !where) where = t;
  }
  const topic = from && list[list.indexOf(from) + 1];
  if (!topic || topic.kind !== "s" || (where ? list[list.indexOf(topic) + 1] !== where : list[list.length - 1] !== topic)) return null;
  return { select: sql.slice(list[0].to, from.from).trim(), from: topic.text.slice(1, -1), where: where ? sql.slice(where.to).trim() : "" };
}
export const join = (p) => `SELECT ${p.select} FROM '${p.from}'${p.where.trim() ? ` WHERE ${p.where}` : ""}`;

// Line and column (1-based, in characters) to an offset.
export function offset(sql, line, column) {
  const lines = sql.split("\n");
  let at = 0;
  for (let i = 0; i < line - 1 && i < lines.length; i++) at += lines[i].length + 1;
  return Math.min(sql.length, at + [...(lines[line - 1] || "")].slice(0, column - 1).join("").length);
}

// {label, name, value, oninput, plain: part of a statement}
export function sqlField({ label, name, value = "", oninput, hint, rows = 2, required }) {
  const at = id("sql"), err = `${at}-e`, list = `${at}-l`;
  let marks = [], found = [], chosen = 0;
  const back = h("pre", { "aria-hidden": "true" });
  const text = h("textarea", { id: at, name, rows, spellcheck: "false", autocomplete: "off", autocapitalize: "off", required, "aria-describedby": err, role: "combobox", "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": list, "aria-haspopup": "listbox" }, value);
  const popup = h("ul", { class: "suggest", id: list, role: "listbox", "aria-label": "Functions", hidden: true });
  function paint() {
    const sql = text.value, cuts = new Set([0, sql.length]), toks = tokens(sql);
    for (const t of toks) cuts.add(t.from).add(t.to);
    for (const m of marks) cuts.add(Math.min(m.from, sql.length)).add(Math.min(m.to, sql.length));
    const edges = [...cuts].sort((a, b) => a - b), parts = [];
    for (let i = 0, k = 0; i + 1 < edges.length; i++) {
      const [a, b] = [edges[i], edges[i + 1]];
      while (k < toks.length && toks[k].to <= a) k++;
      const classes = [toks[k] && toks[k].from <= a && "ksnfc".includes(toks[k].kind) ? toks[k].kind : "", ...marks.filter((m) => m.from <= a && m.to >= b).map((m) => m.kind)].filter(Boolean);
      parts.push(classes.length ? h("span", { class: classes.join(" ") }, sql.slice(a, b)) : sql.slice(a, b));
    }
    back.replaceChildren(...parts, "\n");
    text.style.height = "auto";
    text.style.height = `${Math.max(text.scrollHeight, 40)}px`;
  }
  function close() { found = []; popup.hidden = true; text.setAttribute("aria-expanded", "false"); text.removeAttribute("aria-activedescendant"); }
  async function complete(asked) {
    const all = await knownFunctions(), word = text.value.slice(0, text.selectionStart).match(/[A-Za-z_][A-Za-z0-9_]*$/)?.[0] || "";
    if (document.activeElement !== text || (!asked && word.length < 2)) return close();
    found = all.filter((f) => f.name.startsWith(word.toLowerCase())).slice(0, 12);
    if (!found.length || (found.length === 1 && found[0].name === word)) return close();
    chosen = 0;
    list_();
  }
  function list_() {
    popup.replaceChildren(...found.map((f, i) => h("li", { role: "option", id: `${list}-${i}`, "aria-selected": String(i === chosen), onmousedown: (e) => { e.preventDefault(); take(i); } }, h("code", {}, f.signature), h("div", { class: "muted small" }, f.summary))));
    popup.hidden = false;
    text.setAttribute("aria-expanded", "true");
    text.setAttribute("aria-activedescendant", `${list}-${chosen}`);
    popup.children[chosen]?.scrollIntoView({ block: "nearest" });
  }
  function take(i) {
    const before = text.value.slice(0, text.selectionStart).replace(/[A-Za-z_][A-Za-z0-9_]*$/, ""), f = found[i], open = `${f.name}(`;
    const after = text.value.slice(text.selectionStart);
    text.value = before + open + (f.signature.endsWith("()") ? ")" : "") + after;
    text.selectionStart = text.selectionEnd = before.length + open.length + (f.signature.endsWith("()") ? 1 : 0);
    close();
    changed();
  }
  function changed() { marks = []; paint(); oninput?.(text.value); }
  text.addEventListener("input", () => { changed(); complete(false); });
  text.addEventListener("focus", knownFunctions);
  text.addEventListener("blur", close); // a choice by mouse does not blur
  text.addEventListener("keydown", (e) => {
    if (e.key === " " && e.ctrlKey) { e.preventDefault(); complete(true); return; }
    if (popup.hidden) return;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); chosen = (chosen + (e.key === "ArrowDown" ? 1 : found.length - 1)) % found.length; list_(); }
    else if (e.key === "Enter" || e.key === "Tab") { e.preventDefault(); take(chosen); }
    else if (e.key === "Escape") { e.preventDefault(); e.stopPropagation(); close(); }
  });
  const box = h("div", { class: "field", "data-field": name }, h("label", { for: at }, label, required ? h("span", { "aria-hidden": "true" }, " *") : null), h("div", { class: "editor" }, back, text, popup), hint ? h("div", { class: "hint" }, hint) : null,
    h("div", { class: "error", id: err, "aria-live": "polite" }));
  box.mark = (list2) => { marks = list2; paint(); };
  box.set = (v) => { if (text.value !== v) { text.value = v; marks = []; paint(); } };
  box.input = text;
  requestAnimationFrame(paint);
  return box;
}
