// The console in a real browser: one flow a run, for tests/e2e/test_console.py.
//   node console_flow.mjs FLOW BASE LINK FOLDER [JSON]     prints a JSON object; throws when something does not hold
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.env.WR_NODE_MODULES, "x.js"));
const { chromium } = require("playwright-core");
const [flow, weir, link, folder, more] = process.argv.slice(2);
let base = weir;
const given = more ? JSON.parse(more) : {};
const problems = [];
const browser = await chromium.launch({ executablePath: given.chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 850 }, acceptDownloads: true, ...(given.context || {}) });
if (given.region) await context.addInitScript((r) => sessionStorage.setItem("region", r), given.region);
const page = await context.newPage();
page.setDefaultTimeout(given.timeout || 30000);
page.on("pageerror", (e) => problems.push("page: " + e.message));
page.on("request", (r) => { if (!r.url().startsWith(base) && !/^(data|blob):/.test(r.url())) problems.push("asks elsewhere: " + r.url()); });
page.on("console", (m) => { if (/Content Security Policy|Refused/.test(m.text())) problems.push("console: " + m.text()); });
page.on("dialog", (d) => { problems.push("dialog: " + d.message()); d.dismiss(); });

function check(good, what) { if (!good) throw new Error(what); }
const same = (got, want, what) => check(JSON.stringify(got) === JSON.stringify(want), `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
const main = page.locator("main");
async function open(where, heading) {
  await page.goto(`${base}/console/#${where}`);
  await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
}
const shot = (name) => page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
async function login() {
  await page.goto(base + link);
  await page.getByRole("banner").waitFor();
}
const pane = () => page.getByRole("dialog");
async function press(scope, name) { await scope.getByRole("button", { name, exact: true }).click(); }
async function menu(scope, label, item) {
  await scope.locator("[aria-haspopup=menu]").filter({ hasText: label }).first().click();
  await scope.getByRole("menuitem", { name: item, exact: true }).click();
}
async function axe(where) {
  if (!(await page.evaluate(() => !!window.axe))) await page.evaluate(fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const found = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
  check(!bad.length, `${where}: ${bad.join("\n")}`);
}

// A line is a message on this topic; given.broker is its port.
function publisher(topic) {
  const p = spawn("mosquitto_pub", ["-h", "127.0.0.1", "-p", String(given.broker), "-q", "1", "-l", "-t", topic], { stdio: ["pipe", "inherit", "inherit"] });
  children.push(p);
  return (...lines) => p.stdin.write(lines.map((l) => l + "\n").join(""));
}
const children = [];
// Between browser and weir from now on: a way that can be cut.
async function detour() {
  const sockets = new Set(), way = { cut: false };
  const server = net.createServer((near) => {
    if (way.cut) { near.destroy(); return; }
    const far = net.connect(new URL(weir).port, "127.0.0.1");
    for (const [s, other] of [[near, far], [far, near]]) {
      sockets.add(s);
      s.on("error", () => {}).on("close", () => { sockets.delete(s); other.destroy(); });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((r) => server.listen(0, "127.0.0.1", r));
  way.set = (cut) => { way.cut = cut; if (cut) for (const s of sockets) s.destroy(); };
  base = `http://127.0.0.1:${server.address().port}`;
  children.push({ kill: () => { server.close(); way.set(true); } });
  return way;
}
async function until(what, holds) {
  for (const end = Date.now() + (given.timeout || 30000); Date.now() < end;) {
    if (await holds()) return;
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`waited too long for ${what}`);
}

// No scrolling sideways at the narrowest and the widest, and nothing serious for axe.
async function fits(where) {
  const size = page.viewportSize();
  for (const width of [360, 1600]) {
    await page.setViewportSize({ width, height: 850 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(wide <= 0, `${where} scrolls sideways by ${wide} at ${width}`);
  }
  await page.setViewportSize(size);
  await axe(where);
}

const flows = {
  // The link works once; a wrong key is refused; logging out ends the session; the page does not scroll sideways.
  async login() {
    await login();
    same(await page.title().then((t) => /weir/.test(t)), true, "a title");
    check(!page.url().includes("login"), "the link is gone from the address");
    const cookies = await context.cookies();
    same(cookies.map((c) => [c.name, c.httpOnly, c.sameSite]), [["weir_session", true, "Strict"]], "the cookie");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in to weir" }).waitFor();
    await page.goto(base + link);
    await page.getByText("the link has been used").waitFor();
    await page.getByLabel("Access key id").fill("AKIANOSUCHKEY0000001");
    await page.getByLabel("Secret access key").fill("x".repeat(40));
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("key id and secret do not fit").waitFor();
    await shot("login");
    await page.getByLabel("Access key id").fill(given.key[0]);
    await page.getByLabel("Secret access key").fill(given.key[1]);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("banner").waitFor();
    // A tenant's own people: their tenant, and nothing of weir as a whole.
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Access key id").fill(given.theirs[0]);
    await page.getByLabel("Secret access key").fill(given.theirs[1]);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: "Things" }).waitFor();
    same(await page.getByRole("banner").getByLabel("Tenant").locator("option").allTextContents(), ["acme"], "tenants to choose from");
    same(await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents(), ["IoT: Things", "IoT: Certificates", "IoT: Topic Rules", "IoT: Policies"], "pages");
    await press(main, "Add");
    await pane().getByLabel("Name").fill("one");
    await press(pane(), "Create");
    await page.getByRole("heading", { level: 1, name: "acme-one" }).waitFor();
    await open("iot/rules/new", "Add a Topic Rule");
    await page.getByLabel("Name *").fill("r");
    await page.getByLabel("FROM").fill("in");
    await page.getByLabel("topic *", { exact: true }).fill("acme/out");
    await page.getByLabel("roleArn *").fill("arn:aws:iam::123456789012:role/r");
    await press(page, "Try");
    await page.getByText("Outgoing payload").waitFor();
    await press(page, "Create");
    await page.getByRole("heading", { level: 1, name: "acme_r" }).waitFor();
    same(await main.getByRole("tab").allTextContents(), ["Details", "Actions"], "no live page");
  },

  // Every page, in every width and both schemes: no serious finding of axe, no scrolling sideways.
  async pages() {
    await login();
    for (const where of given.pages) {
      await page.setViewportSize({ width: 1280, height: 850 });
      await page.emulateMedia({ colorScheme: "light" });
      await page.goto(`${base}/console/#${where}`);
      await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("main[aria-busy]"));
      check(!(await page.getByText("This page cannot be shown").count()), `${where} cannot be shown: ${await main.textContent()}`);
      for (const [width, scheme] of [[1280, "light"], [1600, "light"], [360, "dark"]]) {
        await page.setViewportSize({ width, height: 850 });
        await page.emulateMedia({ colorScheme: scheme });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        check(wide <= 0, `${where} scrolls sideways by ${wide} at ${width}`);
        if (width === 1600) continue; // as 1280 but for the room
        await axe(`${where} ${width} ${scheme}`);
        await shot(`${where.replaceAll("/", "-")}-${width}`);
      }
    }
  },

  // Write a rule, see what it does on a sample, and where it is wrong.
  async editor() {
    await login();
    await open("iot/rules/new", "Add a Topic Rule");
    await page.getByLabel("SELECT").fill("upper(name) AS n, temperature");
    await page.getByLabel("FROM").fill("site/+/temp");
    await page.getByLabel("WHERE").fill("temperature > 30 AND door.open = true");
    await page.getByLabel("topic *", { exact: true }).fill("out/${topic(2)}");
    await page.getByLabel("roleArn *").fill("arn:aws:iam::123456789012:role/r");
    const sample = page.locator("section", { has: page.getByRole("heading", { name: "Try it" }) });
    await sample.getByLabel("Topic").fill("site/kiln/temp");
    await sample.getByLabel("Payload").fill('{"name": "k", "temperature": 31, "door": {"open": true}}');
    await press(sample, "Try");
    await sample.getByText("Outgoing payload").waitFor();
    same(JSON.parse(await sample.locator("pre").first().textContent()), { n: "K", temperature: 31 }, "the payload");
    check((await sample.textContent()).includes("out/kiln"), "the expanded topic");
    same(await page.locator(".editor .yes").count() > 0, true, "terms that held are marked");
    await shot("try-matched");
    await sample.getByLabel("Payload").fill('{"name": "k", "temperature": 29}');
    await press(sample, "Try");
    await sample.getByText("because of").waitFor();
    check((await sample.textContent()).includes("not in the payload"), "which path was Undefined");
    same([await page.locator(".editor .no").count() > 0, await page.locator(".editor .undef").count() > 0], [true, true], "marks");
    await shot("try-not-matched");
    await page.getByLabel("SELECT").fill("temperature, door.open AS o");
    await press(sample, "Try");
    await until("the mark", async () => (await page.locator("[data-field=select] .editor .undef").allTextContents()).join("") === "door.open");
    await fits("what was tried");
    await page.getByLabel("SELECT").fill("uper(name)");
    await page.locator(".editor .wrong").first().waitFor();
    await shot("editor-error");
    await page.getByLabel("SELECT").fill("");
    await page.getByLabel("SELECT").pressSequentially("upp");
    const choice = page.getByRole("option").filter({ hasText: "upper(" });
    await choice.waitFor();
    await page.keyboard.press("Enter");
    same(await page.getByLabel("SELECT").inputValue(), "upper(", "completed");
    // What keeps it from being saved stands at its field, and there the focus goes.
    await page.getByLabel("Name *").fill("hot");
    await page.getByLabel("SELECT").fill("");
    await page.getByLabel("topic *", { exact: true }).fill("out/#");
    await press(page, "Create");
    const at = (name) => page.locator(`[data-field=${name}] > .error`);
    await at("select").getByText("expected").waitFor();
    await at("topic").first().getByText("wildcard").waitFor();
    await until("the focus on what is wrong", () => page.evaluate(() => document.activeElement.getAttribute("aria-invalid") === "true"));
    await shot("editor-refused");
    await page.getByLabel("topic *", { exact: true }).fill("out/${topic(2)}");
    await page.getByLabel("SELECT").fill("*");
    await until("the errors to go", async () => (await at("select").textContent()) + (await at("topic").first().textContent()) === "");
    await press(page, "Plain SQL");
    same(await page.getByLabel("AWS IoT SQL", { exact: false }).first().inputValue(), "SELECT * FROM 'site/+/temp' WHERE temperature > 30 AND door.open = true", "the same statement");
  },

  // Administrator → Tenants: a tenant, its prefixes, IoT enabled; access key. Then everything as that tenant.
  async tenant() {
    await login();
    await open("tenants", "Tenants");
    await press(main, "Add");
    await pane().getByLabel("Name").fill("acme");
    await press(pane(), "Add");
    await main.getByRole("link", { name: "acme" }).click();
    await page.getByRole("heading", { level: 1, name: "acme" }).waitFor();
    for (const [feature, value] of [["AWS IoT Topic Prefix", "acme/"], ["AWS IoT Thing Prefix", "acme-"], ["Attribute with the tenant's name", "TENANT"], ["Account at AWS", "210987654321"]]) {
      await press(main, "Add");
      await pane().getByLabel("Select Feature").selectOption({ label: feature });
      await pane().getByLabel("Value").fill(value);
      await press(pane(), "Add");
      await main.getByText(feature, { exact: true }).waitFor();
    }
    await press(main, "Add");
    await pane().getByLabel("Select Feature").selectOption({ label: "Enable AWS IoT" });
    await press(pane(), "Add");
    await main.locator(".head .badge").filter({ hasText: "ENABLED" }).waitFor();
    await shot("tenant");
    return {};
  },

  // Certificate, thing with attributes, attach, package; the certificate's own page; edit; conflicts shown.
  async devices() {
    await login();
    await page.getByRole("banner").getByLabel("Tenant").selectOption("acme");
    await open("iot/certificates", "Certificates");
    await press(main, "Add");
    await press(pane(), "Create");
    const saved = pane().getByRole("link", { name: "Save private.pem.key" });
    await saved.waitFor();
    const id = (await pane().locator("p.mono").textContent()).trim();
    await shot("certificate-created");
    await press(pane(), "Close");
    await main.getByRole("link", { name: id }).waitFor();
    await shot("certificates");
    await open("iot/things", "Things");
    await main.getByText("No data to display").waitFor();
    await press(main, "Add");
    await pane().getByLabel("Name").fill("lamp 1");
    await press(pane(), "Create");
    await pane().getByText("letters, digits").first().waitFor();
    same(await pane().locator("[data-field=thingName] input").getAttribute("aria-invalid"), "true", "the field is marked");
    await pane().getByLabel("Name").fill("lamp1");
    await pane().getByLabel("IoT Certificate").selectOption({ index: 1 });
    await pane().getByLabel("Attributes").fill("{");
    await press(pane(), "Create");
    await pane().getByText("Attributes:").waitFor();
    await pane().getByLabel("Attributes").fill('{"a b": "1"}');
    await press(pane(), "Create");
    await pane().getByText("Attribute a b:").waitFor();
    await pane().getByLabel("Attributes").fill('{"attr1": "75"}');
    await shot("thing-create");
    await fits("a pane");
    await press(pane(), "Create");
    await page.getByRole("heading", { level: 1, name: "acme-lamp1" }).waitFor();
    same(JSON.parse(await main.locator("pre").textContent()), { attr1: "75", TENANT: "acme" }, "attributes, and the tenant's own");
    await shot("thing");
    await fits("a thing");
    await page.getByRole("tab", { name: "IoT Principals" }).click();
    await main.getByRole("link", { name: id }).waitFor();
    await menu(main, "Actions", "Download Device Package");
    const [file] = await Promise.all([page.waitForEvent("download"), press(pane(), "Download")]);
    await file.saveAs(path.join(given.to, "package.zip"));
    await menu(main, "Actions", "Edit");
    await pane().getByLabel("Attributes").fill('{"attr1": "76"}');
    await press(pane(), "Update");
    // The page is made anew now: a button that goes between press and release is not clicked.
    await until("the thing's details", async () => {
      if (!page.url().endsWith("/acme-lamp1")) await page.getByRole("tab", { name: "Details" }).click();
      return main.getByText('"attr1": "76"').isVisible();
    });
    await open(`iot/certificates/${id}`, id);
    await main.getByText("CN=AWS IoT Certificate").waitFor();
    await main.locator("[aria-haspopup=menu]").click();
    same(await page.getByRole("menuitem", { name: "Open at AWS" }).evaluate((a) => [a.href, a.rel]), [`https://us-east-1.console.aws.amazon.com/iot/home?region=us-east-1#/certificate/${id}`, "noopener noreferrer"], "the way to AWS");
    await page.keyboard.press("Escape");
    await shot("certificate");
    await page.getByRole("tab", { name: "Things", exact: true }).click();
    await main.getByRole("link", { name: "acme-lamp1" }).waitFor();
    await fits("a certificate");
    return { id, file: file.suggestedFilename() };
  },

  // A rule with an error action, seen, edited, disabled, enabled.
  async rules() {
    await login();
    await page.getByRole("banner").getByLabel("Tenant").selectOption("acme");
    await open("iot/rules", "Topic Rules");
    await main.getByRole("link", { name: "Add" }).click();
    await page.getByRole("heading", { level: 1, name: "Add a Topic Rule" }).waitFor();
    await page.getByLabel("Name *").fill("hot");
    await page.getByLabel("Description").fill("<img src=x onerror=alert(1)>");
    await page.getByLabel("SELECT").fill("*, topic(2) AS device");
    await page.getByLabel("FROM").fill("+/temp'");
    await page.getByLabel("WHERE").fill("temperature > 30");
    await page.getByLabel("roleArn *").fill("arn:aws:iam::123456789012:role/r");
    await page.getByLabel("topic *", { exact: true }).fill("acme/hot/${topic(2)}");
    await page.getByLabel("Define an Error Action").check();
    const error = page.getByRole("group", { name: "Error action" });
    await error.getByRole("button", { name: "JSON" }).click();
    await error.getByLabel("Error action as JSON").fill('{"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": "acme/errors", "qos": 1}}');
    await press(page, "Create");
    await page.getByText("without quotes and backslashes").waitFor();
    await page.getByLabel("FROM").fill("+/temp");
    await press(page, "Create");
    await page.getByRole("heading", { level: 1, name: "acme_hot", exact: true }).waitFor();
    check((await main.textContent()).includes("<img src=x onerror=alert(1)>"), "the description is text");
    await shot("rule");
    await page.getByRole("tab", { name: "Actions", exact: true }).click();
    await main.getByText("acme/errors").waitFor();
    await fits("a rule");
    await page.getByRole("tab", { name: "Live", exact: true }).click();
    await main.getByText("live", { exact: true }).waitFor();
    await main.locator(".funnel").waitFor();
    await shot("rule-live");
    await fits("a rule, live");
    await open("iot/rules", "Topic Rules");
    check((await main.textContent()).includes("acme/+/temp"), "the pattern");
    await menu(main.getByRole("row", { name: /hot/ }), "⋯", "Disable");
    await main.getByRole("row", { name: /hot/ }).getByText("No", { exact: true }).waitFor();
    await menu(main.getByRole("row", { name: /hot/ }), "⋯", "Enable");
    await main.getByRole("row", { name: /hot/ }).getByText("Yes", { exact: true }).waitFor();
    await shot("rules");
    return {};
  },

  async edit_rule() {
    await login();
    await page.getByRole("banner").getByLabel("Tenant").selectOption("acme");
    await open("iot/rules/acme_hot/edit", "Edit acme_hot");
    await page.getByLabel("WHERE").fill("temperature > 50");
    await press(page, "Update");
    await page.getByRole("heading", { level: 1, name: "acme_hot", exact: true }).waitFor();
    check((await page.getByLabel("AWS IoT SQL").inputValue()).includes("> 50"), "the new statement");
    return {};
  },

  async revoke() {
    await login();
    await page.getByRole("banner").getByLabel("Tenant").selectOption("acme");
    await open(`iot/certificates/${given.id}`, given.id);
    await menu(main, "Actions", "Edit");
    await pane().getByLabel("Status").selectOption("REVOKED");
    await press(pane(), "Update");
    await press(page.getByRole("dialog").last(), "Revoke");
    await main.locator(".badge").filter({ hasText: "REVOKED" }).first().waitFor();
    await shot("revoked");
    return {};
  },

  // Live messages: outcome and reason; pause, filter, bounds, a cut connection, and the end of the session.
  async tail() {
    const way = await detour();
    await login();
    // What is drawn anew every two seconds keeps the focus.
    await open("dashboard", "Dashboard");
    await main.getByRole("link", { name: "hot" }).focus();
    const was = await main.getByRole("link", { name: "hot" }).elementHandle();
    await until("the table to be drawn again", () => was.evaluate((e) => !e.isConnected));
    same(await page.evaluate(() => document.activeElement.textContent), "hot", "the focus");
    await open("live", "Live messages");
    await page.getByLabel("Rule", { exact: true }).selectOption("hot");
    await main.getByText("live", { exact: true }).waitFor();
    const [a, b] = [publisher("in/a"), publisher("in/b")], log = main.getByRole("log"), lines = log.locator(".line");
    a('{"temp": 12}');
    await log.getByText("because of temp > 50").waitFor();
    b('{"temp": 99, "id": 12345678901234567890}');
    const matched = lines.filter({ hasText: "matched" }), delivered = lines.filter({ hasText: "delivered" });
    await delivered.first().waitFor();
    check((await matched.first().textContent()).includes("12345678901234567890"), "numbers stay as they are: " + await matched.first().textContent());
    check((await delivered.first().textContent()).includes("republish"), "by which action");
    await press(main, "Pause");
    same(await lines.count(), 3, "no match, matched, delivered");
    a('{"temp": 13}', '{"temp": 14}');
    await main.getByText("paused: 2 more since").waitFor();
    same(await lines.count(), 3, "nothing moves while it is paused");
    await press(main, "Go on");
    await until("what came meanwhile", async () => (await lines.count()) === 5);
    await main.getByLabel("Outcome").selectOption("noMatch");
    same(await lines.count(), 3, "only what did not match");
    await main.getByLabel("Outcome").selectOption("");
    await main.getByLabel("Filter", { exact: true }).fill("IN/B");
    same(await lines.count(), 2, "only this topic");
    await main.getByLabel("Filter", { exact: true }).fill("");
    b(...Array(300).fill('{"temp": 1}'));
    await main.getByText(/^3\d\d seen/).waitFor();
    await until("the last line", async () => (await main.getByRole("status").first().textContent()).startsWith("305 seen"));
    same(await lines.count(), 200, "as many lines as are kept on the page");
    way.set(true);
    await main.getByText("connection lost").waitFor();
    way.set(false);
    await main.getByText("live", { exact: true }).waitFor();
    await log.getByText("what happened meanwhile is not here").waitFor();
    a('{"temp": 15}');
    await until("a line after that", async () => (await lines.first().textContent()).includes("temp > 50"));
    await shot("live");
    await axe("live");
    await main.getByLabel("Topic filter").fill("in/#/x");
    await main.getByLabel("Topic filter").press("Enter");
    await main.locator("[data-field=topic] .error").getByText("topic:").waitFor();
    await main.getByLabel("Topic filter").fill("in/b");
    await main.getByLabel("Payloads too").check();
    await main.getByText("live", { exact: true }).waitFor();
    a('{"temp": 16}');
    b('{"temp": 17}');
    await log.getByText('{"temp": 17}').waitFor();
    check(!(await log.textContent()).includes('{"temp": 16}'), "only what the topic filter takes");
    const word = (await (await context.request.get(base + "/console/session")).json()).csrf;
    await context.request.post(base + "/console/logout", { headers: { "X-Weir-Csrf": word } });
    await page.getByText("The session is over; log in again.").waitFor();
    return {};
  },

  // Search, sorting, pages; what is set stays when one comes back; more than a page of the API.
  async tables() {
    await login();
    await open("iot/things", "Things");
    await main.getByText(`Total ${given.count}`, { exact: true }).waitFor();
    const names = () => main.locator("tbody tr td:first-child").allTextContents(), name = (n) => `t-${String(n).padStart(4, "0")}`;
    same([(await names()).length, (await names())[0]], [25, name(0)], "the first page");
    await main.getByLabel("Show").selectOption("10");
    await press(main, "Next");
    same((await names()).length, 10, "rows of a page");
    await main.getByText(`Page 2 of ${given.count / 10}`).waitFor();
    const sort = main.getByRole("columnheader", { name: "Name" });
    await press(sort, "Name");
    await press(sort, "Name");
    same([await sort.getAttribute("aria-sort"), (await names())[0]], ["descending", name(given.count - 11)], "sorted, on the second page");
    await main.getByLabel("Search").fill("T-01");
    await main.getByText("Total 100", { exact: true }).waitFor();
    same((await names())[0], name(199), "found, and sorted");
    await main.getByRole("link", { name: name(199) }).click();
    await page.getByRole("heading", { level: 1, name: name(199) }).waitFor();
    await page.goBack();
    await main.getByText("Total 100", { exact: true }).waitFor();
    same([await main.getByLabel("Search").inputValue(), await sort.getAttribute("aria-sort"), (await names()).length], ["T-01", "descending", 10], "as it was left");
    await main.getByLabel("Search").fill("nothing like it");
    await main.getByText("Nothing matches the search.").waitFor();
    // What cannot be done is said, and why; what somebody else has changed meanwhile is not overwritten.
    await open(`iot/things/${name(1)}`, name(1));
    for (const [item, why, action] of [["Download Device Package", "The thing has no certificate", "Download"], ["Attach IoT Certificate", "create one under Certificates", "Attach"]]) {
      await menu(main, "Actions", item);
      await pane().getByText(why).waitFor();
      check(await pane().getByRole("button", { name: action }).isDisabled(), `${action} is off`);
      await page.keyboard.press("Escape");
    }
    await menu(main, "Actions", "Edit");
    await pane().getByLabel("Attributes").fill('{"mine": "1"}');
    const word = (await (await context.request.get(base + "/console/session")).json()).csrf;
    same((await context.request.patch(`${base}/things/${name(1)}`, { headers: { "X-Weir-Csrf": word }, data: { attributePayload: { attributes: { theirs: "1" } } } })).status(), 200, "somebody else");
    await press(pane(), "Update");
    await pane().locator(".error").getByText(/version/i).waitFor();
    await page.keyboard.press("Escape");
    return {};
  },

  // By keys alone: focus is always seen, goes into panes and comes back, and is kept nowhere else.
  async keys() {
    const key = (...names) => names.reduce((p, n) => p.then(() => page.keyboard.press(n)), Promise.resolve());
    // What has the focus; and whether it can be seen there.
    const here = () => page.evaluate(() => {
      const e = document.activeElement, look = getComputedStyle(e), at = e.getBoundingClientRect();
      const name = e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.textContent).join(" ") || e.textContent || e.name || "";
      return { name: name.trim(), tag: e.tagName, role: e.getAttribute("role"), within: !!e.closest("dialog"), chosen: e.getAttribute("aria-selected"),
        seen: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && at.width > 0 && at.bottom > 0 && at.top < innerHeight && at.right > 0 && at.left < innerWidth };
    });
    async function to(name, what = "Tab") {
      const passed = [];
      for (let n = 0; n < 80; n++) {
        await key(what);
        const at = await here();
        if (at.tag !== "BODY") check(at.seen, `the focus is not seen at ${JSON.stringify(at)}`);
        if (at.name === name) return;
        passed.push(at.name.slice(0, 30));
      }
      throw new Error(`${what} never comes to ${name}: ${passed.join(" | ")}`);
    }
    const on = async (name, what) => until(`the focus on ${name} (${what}): ${JSON.stringify(await here())}`, async () => (await here()).name === name);
    const heading = (name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    await login();
    await heading("Dashboard");
    await page.evaluate(() => document.activeElement.blur());
    await to("Skip to content");
    await key("Enter");
    same((await here()).tag, "MAIN", "to the content");
    await page.evaluate(() => document.activeElement.blur());
    await to("IoT: Things");
    await key("Enter");
    await heading("Things");
    // A thing with attributes; the pane holds the focus until it is left, then gives it back.
    await to("Add");
    await key("Enter");
    await pane().waitFor();
    check((await here()).within, "the focus is in the pane");
    for (const what of ["Tab", "Shift+Tab"]) {
      const names = new Set();
      for (let n = 0; n < 9; n++) { await key(what); const at = await here(); check(at.within && at.seen, `${what} leaves the pane for ${at.name}`); names.add(at.name); }
      check(names.size >= 5, `${what} goes round: ${[...names]}`);
    }
    await key("Escape");
    await pane().waitFor({ state: "detached" });
    await on("Add", "after Escape");
    await key("Enter");
    await pane().waitFor();
    await page.keyboard.type("lamp 1");
    await key("Enter");
    await pane().getByText("letters, digits, : _ and -, at most").waitFor();
    await on("Name *", "the wrong field");
    await key("ControlOrMeta+a");
    await page.keyboard.type("lamp1");
    await to("Attributes");
    await page.keyboard.type('{"attr1": "75"}');
    await to("Create");
    await key("Enter");
    await heading("lamp1");
    check((await main.textContent()).includes('"attr1": "75"'), "attributes");
    // Tabs by arrow keys.
    await to("Details");
    await key("ArrowRight");
    await on("IoT Principals", "arrow right");
    await key("ArrowRight");
    await on("Details", "round");
    await key("End", "Enter");
    await main.getByRole("tab", { name: "IoT Principals", selected: true }).waitFor();
    await main.getByText("No certificate is attached.").waitFor();
    await on("IoT Principals", "the tab that was chosen");
    // A menu, and a question that is answered with no, then with yes.
    await to("Actions ▾", "Shift+Tab");
    await key("Enter");
    await on("Edit", "the menu's first");
    await key("Escape");
    await on("Actions ▾", "after Escape");
    for (const answer of ["Cancel", "Delete"]) {
      await on("Actions ▾", "before the menu");
      await key("ArrowDown");
      await on("Edit", "arrow down");
      await key("End");
      await on("Delete", "End");
      await key("Enter");
      await pane().getByRole("heading", { name: "Delete the thing?" }).waitFor();
      check((await pane().textContent()).includes("lamp1 will be deleted"), "what will happen");
      await on("Cancel", "the safe answer");
      if (answer !== "Cancel") await to(answer);
      await key("Enter");
      await pane().waitFor({ state: "detached" });
    }
    await heading("Things");
    await main.getByText("No data to display").waitFor();
    // A rule, with a completed function.
    await page.evaluate(() => document.activeElement.blur());
    await to("IoT: Topic Rules");
    await key("Enter");
    await heading("Topic Rules");
    await to("Add");
    await key("Enter");
    await heading("Add a Topic Rule");
    await to("Name *");
    await page.keyboard.type("kiln");
    await to("SELECT *");
    await key("ControlOrMeta+a");
    await page.keyboard.type("temp, upp");
    await page.getByRole("option").filter({ hasText: "upper(" }).waitFor();
    await key("Enter");
    await page.keyboard.type("name) AS n, to");
    await page.getByRole("listbox").getByRole("option").first().waitFor();
    await key("ArrowDown", "ArrowUp", "Escape");
    await until("the list to close", async () => !(await page.getByRole("listbox").count()));
    await key("Backspace", "Backspace");
    await page.keyboard.type("site");
    await to("FROM *");
    await to("SELECT *", "Shift+Tab");
    await to("FROM *");
    await page.keyboard.type("kiln/temp");
    await to("WHERE");
    await page.keyboard.type("temp > 50");
    await key("Escape");
    await to("roleArn *");
    await page.keyboard.type("arn:aws:iam::123456789012:role/r");
    await to("topic *", (await page.getByLabel("topic *", { exact: true }).evaluate((t) => t.compareDocumentPosition(document.activeElement) & 2)) ? "Tab" : "Shift+Tab");
    await page.keyboard.type("hot");
    await to("Create");
    await key("Enter");
    await heading("kiln");
    same(await main.getByLabel("AWS IoT SQL").inputValue(), "SELECT temp, upper(name) AS n, site FROM 'kiln/temp' WHERE temp > 50", "the statement");
    // Sorting, and from row to row.
    await page.evaluate(() => document.activeElement.blur());
    await to("IoT: Topic Rules");
    await key("Enter");
    await heading("Topic Rules");
    await to("Name");
    await key("Enter");
    await main.locator("th[aria-sort=ascending]").waitFor();
    await to("Actions");
    await key("Enter", "End", "Enter");
    await pane().getByText("kiln will be deleted").waitFor();
    await to("Delete");
    await key("Enter");
    await main.getByText("No data to display").waitFor();
    return {};
  },

  // What a first view asks for; and that the page's policy refuses what is not its own.
  async first() {
    await login();
    const cookies = await context.storageState();
    const asked = async (tab) => tab.evaluate(() => performance.getEntriesByType("resource").filter((r) => !/^data:/.test(r.name)).map((r) => [new URL(r.name).pathname, r.deliveryType === "cache" || r.transferSize === 0]));
    const names = (list) => list.map(([n]) => n);
    const tab = await (await browser.newContext({ storageState: cookies })).newPage();
    const table = () => tab.getByRole("link", { name: "lamp" }).waitFor();
    for (const kept of [false, true]) {
      await tab.goto("about:blank");
      await tab.goto(`${base}/console/#iot/things`);
      await table();
      const list = await asked(tab);
      same(names(list).slice(0, 2), ["/console/app.js", "/things"], "first the script, then what is shown");
      same(list[0][1], kept, "the script is kept");
      same(names(list).filter((n) => n.startsWith("/console/")), ["/console/app.js"], "of the console itself nothing else");
      await until("what is not seen at first", async () => names(await asked(tab)).includes("/weir/v1/tenants") && names(await asked(tab)).includes("/weir/v1/tenants/default"));
      same(await tab.evaluate(() => document.getElementById("session")), null, "the session's data are not left in the page");
      same(await tab.evaluate(() => [getComputedStyle(document.querySelector(".skip")).position, document.querySelector(".brand img").naturalWidth > 0]), ["absolute", true], "style and icon are there");
    }
    // A link of another site: the browser keeps the cookie back (SameSite), and the page asks.
    await tab.route("http://elsewhere.example/", (r) => r.fulfill({ contentType: "text/html", body: `<a href="${base}/console/#iot/things">go</a>` }));
    await tab.goto("http://elsewhere.example/");
    await tab.getByText("go").click();
    await table();
    check(names(await asked(tab)).includes("/console/session"), "the page asks for its session");
    // The same page with more in it than weir has put there, and with its own style changed.
    const refused = [];
    tab.on("console", (m) => { if (/Content Security Policy|Refused/.test(m.text())) refused.push(m.text()); });
    await tab.route(`${base}/console/`, async (route) => {
      const response = await route.fetch(), text = await response.text();
      check(text.includes("</body>") && text.includes("<style>"), "the page is as this test knows it");
      await route.fulfill({ response, body: text.replace("<style>", "<style>/**/").replace("</body>", '<script>window.ran = 1;</script><p id="x" style="color: red" onclick="window.ran = 2">x</p></body>') });
    });
    await tab.goto("about:blank");
    await tab.goto(`${base}/console/#iot/things`);
    await table();
    await tab.locator("#x").click();
    same(await tab.evaluate(() => [window.ran, getComputedStyle(document.querySelector(".skip")).position, document.getElementById("x").style.color]), [undefined, "static", ""], "what the policy lets through");
    check(refused.length >= 3, `refused: ${refused.join("; ")}`);
    return {};
  },

  // The demo's things, rules and traffic.
  async demo() {
    await login();
    await page.getByRole("heading", { level: 1, name: "Dashboard" }).waitFor();
    const row = main.getByRole("row", { name: /hot_readings/ }), tried = async () => Number(await row.locator("td").nth(1).textContent());
    await row.waitFor();
    const before = await tried();
    await until("traffic on the dashboard", async () => (await tried()) > before);
    await shot("demo");
    await open("iot/things", "Things");
    await main.getByRole("link", { name: "thermometer-kiln" }).waitFor();
    await main.getByRole("row", { name: /door-front/ }).getByText("side=street").waitFor();
    await open("iot/rules", "Topic Rules");
    await main.getByRole("row", { name: /reading_intake/ }).getByText("site/+/reading").waitFor();
    await open("iot/rules/hot_readings/live", "hot_readings");
    await main.getByRole("log").locator(".line").first().waitFor();
    return {};
  },

  // What others have written is text, wherever it is shown: first what weir really holds, then with every text of every answer
  // made hostile, as if no name were checked.
  async hostile() {
    const { evil, thing, certificate } = given;
    // Nothing ran, nothing came into the page; `shown`: and the text is there to be read.
    async function clean(where, shown = true) {
      await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector("main[aria-busy]"));
      const look = () => page.evaluate(() => ({ ran: window.__xss,
        injected: [...document.querySelectorAll("body *")].filter((e) => e.hasAttribute("onerror") || /^(SCRIPT|IFRAME|OBJECT|EMBED|STYLE|BASE)$/.test(e.tagName) || (e.tagName === "IMG" && !e.closest(".brand"))).map((e) => e.outerHTML.slice(0, 100)),
        text: document.body.innerText + [...document.querySelectorAll("input,textarea")].map((e) => e.value).join(" ") + [...document.querySelectorAll("option")].map((e) => e.textContent).join(" ") }));
      if (shown) await until(`${where} to show ${evil}`, async () => (await look()).text.includes(evil));
      const { ran, injected } = await look();
      same([ran, injected], [undefined, []], where);
    }
    async function visit(where, shown) {
      await page.goto(`${base}/console/#${where}`);
      await clean(where, shown);
      check(!(await page.getByText("This page cannot be shown").count()), `${where} cannot be shown: ${await main.textContent()}`);
    }
    await login();
    await visit("live");
    for (const where of ["dashboard", "iot/things", "iot/certificates", "tenants/default", "tenants/evil/access-keys", "iot/rules"]) await visit(where, false);
    await visit("iot/rules/evil/live");
    await main.getByText("live", { exact: true }).waitFor();
    await main.locator(".funnel").waitFor();
    await visit("iot/policies/evil");
    await shot("policy");
    await fits("a policy");
    for (const where of ["dead", "clients", "iot/rules/evil", "iot/rules/evil/actions", "tenants", "tenants/evil", "tenants/default/tokens"]) await visit(where);
    await visit("audit", false);
    await main.getByLabel("Search").fill("CreateTenant");
    await menu(main.getByRole("row", { name: "CreateTenant" }), "⋯", "Show");
    await clean("a line of the audit log");
    await page.keyboard.press("Escape");
    await visit("dead");
    await menu(main, "⋯", "Show");
    await clean("a letter");
    await page.keyboard.press("Escape");
    for (const [item, said] of [["Redrive", "Letters that are delivered again: 1."], ["Purge", "Letters purged: 1."]]) {
      await menu(main, "⋯", item);
      await press(pane(), item);
      await page.getByText(said).waitFor();
      await page.waitForFunction(() => !document.querySelector("main[aria-busy]")); // the table is made anew
    }
    await visit("iot/rules/evil/edit");
    await press(main, "Use a message seen");
    await main.getByRole("button", { name: "in/" + evil }).first().click();
    await main.getByRole("heading", { name: "Outcome" }).waitFor();
    await clean("try it");
    await page.getByLabel("WHERE").fill(`${evil} =`);
    await main.locator(".finding").first().waitFor();
    await press(page, "Update");
    await main.locator("[data-foot]").getByText(/./).waitFor();
    await clean("findings");
    await visit("tenants");
    await press(main, "Add");
    await pane().getByLabel("Name").fill(evil);
    await press(pane(), "Add");
    await pane().locator(".error").getByText(/./).first().waitFor();
    await clean("an error");
    await page.keyboard.press("Escape");

    const kept = new Set(["csrf", "certificateArn", "nextToken", "nextMarker"]);
    const spoil = (v, k) => (typeof v === "string" ? (kept.has(k) ? v : v + evil) : Array.isArray(v) ? v.map((x) => spoil(x, k)) : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([n, x]) => [n, spoil(x, n)])) : v);
    await page.route((url) => url.href.startsWith(base) && !/^\/(console\/|weir\/v1\/(trace|sinks|functions))/.test(url.pathname), async (route) => {
      try {
        const response = await route.fetch(), text = await response.text();
        if (!/json/.test(response.headers()["content-type"] || "")) { await route.fulfill({ response, body: text }); return; }
        const whole = (t) => JSON.stringify(spoil(JSON.parse(t)));
        let body;
        try { body = whole(text); } catch { body = text.split("\n").filter(Boolean).map(whole).join("\n"); } // JSON Lines
        await route.fulfill({ response, body });
      } catch (error) { await route.abort().catch(() => {}); }
    });
    await page.reload();
    // Panes and questions that menus open, with what they say.
    async function menus(where, ...items) {
      for (const item of items) {
        await page.locator("main [aria-haspopup=menu]").last().click();
        await page.getByRole("menuitem", { name: item, exact: true }).click();
        await page.waitForFunction(() => document.querySelector("dialog[open], .note.bad"));
        await clean(`${where}: ${item}`);
        await page.keyboard.press("Escape");
        await page.evaluate(() => document.querySelectorAll(".note").forEach((e) => e.remove()));
      }
    }
    for (const [where, ...items] of [["dashboard"], ["live"], ["dead", "Show", "Purge"], ["clients"], ["iot/things", "Delete"], [`iot/things/${thing}`, "Edit", "Attach IoT Certificate", "Download Device Package", "Delete"], [`iot/things/${thing}/principals`, "Detach"],
      ["iot/certificates"], [`iot/certificates/${certificate}`, "Edit", "Delete"], [`iot/certificates/${certificate}/policies`, "Detach"], [`iot/certificates/${certificate}/things`], ["iot/policies", "Delete"], ["iot/policies/evil", "Show"], ["iot/rules"], ["iot/rules/evil", "Delete"],
      ["iot/rules/evil/actions"], ["iot/rules/evil/edit"], ["tenants"], ["tenants/evil", "Edit", "Remove"], ["tenants/default/tokens", "Delete"], ["audit", "Show"]]) {
      await visit(where, where !== "live");
      await menus(where, ...items);
    }
    return {};
  },
};

let out;
try {
  out = await flows[flow]();
  check(!problems.length, problems.join("\n"));
} catch (error) {
  await shot(`failed-${flow}`).catch(() => {});
  console.error(`${error.message}\nproblems: ${problems.join("; ")}\nat ${page.url()}`);
  process.exitCode = 1;
} finally {
  for (const c of children) c.kill();
  await browser.close();
}
console.log(JSON.stringify(out ?? {}));
