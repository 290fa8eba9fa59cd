// Asking weir: the same calls that any client makes, with the session's cookie.
export const session = { current: null, tenant: null, region: null };

export function choose(tenant, region) {
  [session.tenant, session.region] = [tenant, region];
  sessionStorage.setItem("tenant", tenant);
  sessionStorage.setItem("region", region);
}

// A rule's name where those of all tenants stand side by side: in counters, traces and letters. And back.
export const labelOf = (name) => (session.tenant === "default" && session.region === session.current.region ? name : `${session.tenant}/${session.region}/${name}`);
export function ownerOf(label) {
  const [tenant, region, name] = label.split("/");
  return name === undefined ? { tenant: "default", region: session.current.region, name: label } : { tenant, region, name };
}

export class ApiError extends Error {
  constructor(status, code, message, body) {
    super(message);
    this.status = status;
    this.code = code;
    this.body = body;
  }
  // Names of members that the message complains of, for showing it at their field.
  get fields() {
    return [...this.message.matchAll(/ at '([^']+)'/g)].map((m) => m[1].split(".").pop());
  }
}

function headers(more) {
  const h = { ...more };
  if (session.current) {
    h["X-Weir-Csrf"] = session.current.csrf;
    if (session.current.allTenants && session.tenant) h["X-Weir-Tenant"] = session.tenant;
    if (session.region) h["X-Weir-Region"] = session.region;
  }
  return h;
}

async function failure(response) {
  let body = {};
  const text = await response.text();
  try { body = JSON.parse(text); } catch { body = { message: text }; }
  const code = (response.headers.get("x-amzn-ErrorType") || "").split(":")[0];
  if (response.status === 403 && /Unrecognized|MissingAuth/.test(code)) document.dispatchEvent(new CustomEvent("weir-login"));
  return new ApiError(response.status, code, body.message || response.statusText, body);
}

export async function ask(method, path, { body, query, headers: more, signal, raw } = {}) {
  const q = query ? "?" + new URLSearchParams(Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== "")) : "";
  const h = headers(more);
  if (body !== undefined) h["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path + q, { method, headers: h, body: body === undefined ? undefined : JSON.stringify(body), signal,
      credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "", "weir does not answer: is it running?");
  }
  if (!response.ok) throw await failure(response);
  if (raw) return response;
  const text = await response.text();
  return { ...(text ? JSON.parse(text) : {}), $warning: response.headers.get("x-weir-warning") };
}

export const get = (path, query) => ask("GET", path, { query });

export const LISTED_MAX = 20000; // items of a listing that a page takes

// A listing page by page; `marker`: it has markers, not tokens.
export async function* pages(path, member, marker = false, query = {}) {
  let token, count = 0;
  do {
    const page = await get(path, { ...query, [marker ? "pageSize" : "maxResults"]: 250, [marker ? "marker" : "nextToken"]: token });
    count += page[member]?.length || 0;
    yield page[member] || [];
    token = page[marker ? "nextMarker" : "nextToken"];
  } while (token && count < LISTED_MAX);
}

export async function all(path, member, query = {}, marker = false) {
  const items = [];
  for await (const page of pages(path, member, marker, query)) items.push(...page);
  return items;
}

// The first page at once, and the others for a table that fetches them when it is there: {rows, more}.
export async function begin(path, member, marker) {
  const more = pages(path, member, marker);
  return { rows: (await more.next()).value, more };
}

export const enc = encodeURIComponent;
