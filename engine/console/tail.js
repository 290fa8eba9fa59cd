// What a rule does with messages, live: server-sent events, bounded here to the last KEPT.
import { ask, session } from "./api.js";
import { badge, clearErrors, exact, field, h, number } from "./ui.js";

const KEPT = 500, SHOWN = 200; // events kept for the filters; lines on the page
const OUTCOMES = ["matched", "noMatch", "failed", "dropped", "delivered", "retry", "undelivered", "dead"];

// Comes back by itself when the way is cut, until close(). state(word, text): live, lost, over, refused.
function stream(path, query, each, state) {
  const at = path + "?" + new URLSearchParams(Object.entries(query).filter(([, v]) => v !== undefined && v !== ""));
  let source, timer, closed = false;
  // A stream that was refused says not why: a call does.
  async function why() {
    const stop = new AbortController();
    try {
      await ask("GET", path, { query, signal: stop.signal, raw: true });
      stop.abort();
      again();
    } catch (error) {
      if (closed) return;
      if (error.status) state("refused", error.message);
      else again();
    }
  }
  function again() { if (!closed) timer = setTimeout(open, 1000); }
  function open() {
    if (closed) return;
    source = new EventSource(at);
    source.onopen = () => state("live");
    source.onmessage = (e) => each(exact(e.data));
    source.addEventListener("end", (e) => {
      source.close();
      const { reason } = JSON.parse(e.data);
      state("over", reason === "session" ? "the session is over" : "the stream is over");
      if (reason === "session") document.dispatchEvent(new CustomEvent("weir-login"));
    });
    source.onerror = () => {
      if (closed) return;
      state("lost");
      if (source.readyState === EventSource.CLOSED) why();
    };
  }
  open();
  return () => { closed = true; clearTimeout(timer); source.close(); };
}

function wordsOf(e) {
  return [e.topic, e.outcome, e.reason, e.term, e.message, e.action, e.resource, e.resultText, e.result && JSON.stringify(e.result), e.payloadText, e.payload && JSON.stringify(e.payload)]
    .filter(Boolean).join(" ").toLowerCase();
}

const cut = (e, name) => {
  const text = e[name] !== undefined ? JSON.stringify(e[name]) : e[`${name}Text`] ?? e[`${name}Base64`];
  return text === undefined ? null : h("code", { class: name }, text.length > 300 || e[`${name}Cut`] ? text.slice(0, 300) + " …" : text);
};

function line(e) {
  if (e.gap) return h("div", { class: "line gap" }, `The connection was lost for ${e.gap.toFixed(1)} s: what happened meanwhile is not here.`);
  return h("div", { class: "line" }, h("time", { class: "muted" }, new Date(e.time).toISOString().slice(11, 23)), badge(e.outcome, e.outcome === "matched" || e.outcome === "delivered" ? "good" : e.outcome === "noMatch" ? "" : e.outcome === "retry" ? "warn" : "bad"), h("code", {}, e.topic),
    e.reason ? h("span", {}, e.reason) : null, e.term ? h("span", {}, "because of ", h("code", {}, e.term)) : null, e.action ? h("span", {}, `${e.errorAction ? "error action " : ""}${e.action} ${e.resource || ""}${e.attempt > 1 ? `, attempt ${e.attempt}` : ""}`) : null,
    e.message ? h("span", { class: "error" }, e.message) : null, cut(e, "result"), cut(e, "payload"));
}

// [element, end]
export function tailView(rule) {
  const box = h("div", { class: "tail", tabindex: "0", role: "log", "aria-live": "off", "aria-label": `Messages of ${rule}` }), status = h("span", { class: "muted small", role: "status" }), led = h("span", {}, badge("connecting"));
  const filterBox = field({ name: "text", label: "Filter", type: "search", hint: "what is shown here", oninput: () => draw(true) }), filter = filterBox.querySelector("input");
  const outcomeBox = field({ name: "outcome", label: "Outcome", type: "select", options: [["", "all"], ...OUTCOMES], onchange: () => draw(true) }), outcome = outcomeBox.querySelector("select");
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => { paused = !paused; pause.textContent = paused ? "Go on" : "Pause"; pause.setAttribute("aria-pressed", String(paused)); draw(true); } }, "Pause");
  const clear = h("button", { type: "button", onclick: () => { kept = []; fresh = 0; draw(true); } }, "Clear");
  const more = h("form", { class: "bar", novalidate: true, onsubmit: (e) => { e.preventDefault(); begin(); } }, field({ name: "topic", label: "Topic filter", placeholder: "#", hint: "what weir sends", onchange: () => begin() }), filterBox, outcomeBox,
    session.current.role === "admin" ? field({ name: "payload", label: "Payloads too", type: "checkbox", onchange: () => begin() }) : null);
  let kept = [], fresh = 0, seen = 0, left = 0, paused = false, waits = false, lostAt = 0, close = () => {};

  const fits = (e) => (!outcome.value || e.outcome === outcome.value) && (!filter.value || e.gap !== undefined || wordsOf(e).includes(filter.value.trim().toLowerCase()));
  function say() {
    status.textContent = `${number(seen)} seen${left ? `, ${number(left)} left out because this page was too slow` : ""}${paused ? `, paused: ${number(fresh)} more since` : ""}`;
  }
  // All of them, or those that came since; newest first.
  function draw(all) {
    waits = false;
    say();
    if (paused && !all) return;
    const shown = paused ? kept.slice(0, kept.length - fresh) : kept;
    const list = (all ? shown : shown.slice(shown.length - fresh)).filter(fits).slice(-SHOWN).reverse().map(line);
    if (all) box.replaceChildren(...list);
    else box.prepend(...list);
    while (box.children.length > SHOWN) box.lastChild.remove();
    if (!paused) fresh = 0;
  }
  function soon() { if (!waits) { waits = true; setTimeout(() => draw(false), 50); } }
  function add(e) {
    kept.push(e);
    fresh++;
    if (kept.length > KEPT) kept = kept.slice(-KEPT);
    fresh = Math.min(fresh, kept.length);
    soon();
  }
  function each(e) {
    if (e.dropped) { left += e.dropped; soon(); return; }
    seen++;
    add(e);
  }
  function state(word, text) {
    if (word === "live" && lostAt) { add({ gap: (Date.now() - lostAt) / 1000 }); lostAt = 0; }
    if (word === "lost" && !lostAt) lostAt = Date.now();
    led.replaceChildren(badge({ live: "live", lost: "connection lost; trying again …", over: text, refused: "refused" }[word], { live: "good", lost: "warn", over: "", refused: "bad" }[word]));
    more.querySelector("[data-field=topic] .error").textContent = word === "refused" ? text : "";
  }
  function begin() {
    close();
    lostAt = 0;
    clearErrors(more);
    led.replaceChildren(badge("connecting"));
    close = stream("/weir/v1/trace", { rule, why: 1, topic: more.querySelector("[name=topic]").value.trim(), payload: more.querySelector("[name=payload]")?.checked ? 1 : undefined }, each, state);
  }
  begin();
  say();
  return [h("section", { class: "panel" }, h("div", { class: "tools" }, h("h2", {}, "Messages"), led, status, h("span", { class: "push row" }, pause, clear)), more, box), () => close()];
}
