#!/usr/bin/env python3
"""The console in a real browser (Debian's chromium, playwright-core from npm) and by raw HTTP.

usage: test_console.py BUILD/weir [test_NAME]...
Screenshots go to BUILD/console-shots.
"""
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal

from control import access_key, alone, own, port, sock
from http_client import ask, get
import support
from support import tap
from test_tenants import make
from weir import Weir, binary, republish, rule

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(HERE, "..", "node_modules")
SHOTS = os.path.join(os.path.dirname(os.path.abspath(binary())) if os.path.sep in binary() else ".", "console-shots")
PAGES = ["dashboard", "live", "dead", "iot/things", "iot/certificates", "iot/policies", "iot/rules/new", "tenants", "tenants/default", "audit", "clients"]


def browse(weir, flow, **more):
    """Run one flow of console_flow.mjs; what it returned."""
    return browse_at(f"http://127.0.0.1:{port(weir)}", own(weir, "POST", "/weir/v1/console-links").json["path"], flow, **more)


def browse_at(base, path, flow, **more):
    node = shutil.which("node") or shutil.which("nodejs")
    chromium = shutil.which("chromium")
    if not node or not chromium:
        raise support.Skip("node or chromium is not installed")
    if not os.path.exists(os.path.join(MODULES, "playwright-core")):
        raise support.Skip("tests/node_modules has no playwright-core: ./dev test installs it")
    os.makedirs(SHOTS, exist_ok=True)
    code, out, err = support.run(
        [node, os.path.join(HERE, "..", "support", "console_flow.mjs"), flow, base, path,
         SHOTS, json.dumps({"chromium": chromium, **more})], env={"WR_NODE_MODULES": os.path.abspath(MODULES)}, timeout=240)
    tap.equal((code, err), (0, ""), flow)
    return json.loads(out)


def test_login():
    """By a link that works once, and by an access key, an administrator's and a tenant's; the cookie is HttpOnly and SameSite"""
    with alone() as weir:
        make(weir, "acme", **{"iot.topic_prefix": "acme/", "iot.thing_prefix": "acme-"})
        browse(weir, "login", key=access_key(weir), theirs=access_key(weir, tenant="acme", role="operator"))


def test_pages():
    """Each page at 360, 1280 and 1600 px, light and dark: nothing serious for axe, no scrolling sideways"""
    with alone() as weir:
        browse(weir, "pages", pages=PAGES)


def test_editor():
    """A rule tried on a sample: outcome, payload, parameters, terms; errors underlined; functions completed"""
    with alone() as weir:
        browse(weir, "editor")


def test_tail():
    """Live messages in the page: outcome and reason, pause, filters, bounds, a cut connection, the session's end"""
    with support.Broker() as broker, Weir(broker, {"hot": rule("SELECT * FROM 'in/+' WHERE temp > 50", republish("out/${topic(2)}", qos=1))}) as weir:
        browse(weir, "tail", broker=broker.port)
        history = own(weir, "GET", "/weir/v1/history").json
        now = dict(zip(history["members"], history["samples"][-1]))
        tap.equal((now["messages"] > 300, now["spool"]), (True, 0), f"what was in the spool is done: {now}")


def test_tables():
    """Search, sorting and pages of a table; a listing of more than the API's page; what was set is there when one comes back"""
    with alone() as weir:
        for n in range(600):
            tap.equal(own(weir, "POST", f"/things/t-{n:04}").status, 200, "a thing")
        browse(weir, "tables", count=600)


def test_keys():
    """By keys alone: a thing with attributes, tabs, menus, questions, a rule with a completed function; focus is always seen"""
    with alone() as weir:
        browse(weir, "keys")


class Events:
    """A stream of server-sent events, read by hand."""

    def __init__(self, at, target, headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", at, timeout=support.TIMEOUT)
        self.connection.request("GET", target, headers={"Accept": "text/event-stream", **headers})
        self.answer = self.connection.getresponse()

    def next(self, beat=False):
        """The next event's lines, joined, or with `beat` the next beat; "" at the end of the stream."""
        lines = []
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line:
                lines.append(line)
            elif not lines or (lines == [":"]) == beat:
                return "\n".join(lines)
            else:
                lines = []

    def close(self):
        self.connection.close()


def test_events():
    """GET /weir/v1/trace as server-sent events: type, retry, data, a beat, and its end with the session or the token"""
    with support.Broker() as broker, Weir(broker, {"hot": rule("SELECT * FROM 'in/+' WHERE temp > 50", republish("out/x"))}) as weir:
        at, key = port(weir), access_key(weir)
        answer = ask(at, "POST", "/console/login", body=json.dumps({"accessKeyId": key[0], "secretAccessKey": key[1]}))
        cookie = {"Cookie": answer.headers["set-cookie"].split(";")[0]}
        target = "/weir/v1/trace?rule=hot&why"
        one = Events(at, target, cookie)
        tap.equal((one.answer.status, one.answer.getheader("content-type"), one.answer.getheader("cache-control")),
                  (200, "text/event-stream", "no-store"), "a stream")
        tap.equal(one.next(), "retry: 1000", "how soon to come back")
        broker.publish("in/a", '{"temp": 1}')
        event = one.next()
        tap.check(event.startswith("data: {"), event)
        shown = json.loads(event[6:])
        tap.equal((shown["topic"], shown["outcome"], shown["reason"], shown["term"]), ("in/a", "noMatch", "false", "temp > 50"), "a line")
        tap.equal(one.next(beat=True), ":", "a beat while nothing happens")
        token = own(weir, "POST", "/weir/v1/tenants/default/tokens", {"role": "admin", "name": "tail"}).json
        two = Events(at, target, {"Authorization": "Bearer " + token["token"]})
        tap.equal(two.next(), "retry: 1000", "by a token")
        own(weir, "DELETE", f"/weir/v1/tenants/default/tokens/{token['id']}")
        tap.equal((two.next(), two.next()), ('event: end\ndata: {"reason":"session"}', ""), "the token's end")
        own(weir, "DELETE", f"/weir/v1/tenants/default/access-keys/{key[0]}")
        tap.equal((one.next(), one.next()), ('event: end\ndata: {"reason":"session"}', ""), "the key's end")
        tap.equal(Events(at, target, cookie).answer.status, 403, "and no other begins")
        lines = own(weir, "GET", "/weir/v1/trace?rule=none")
        tap.equal(lines.status, 404, "no such rule")


def test_files():
    """Under 300 KB, a strict policy that knows the page's style by its digest, nothing inline, what may be kept and how long"""
    with alone() as weir:
        at = port(weir)
        page = get(at, "/console/")
        script = re.search(r'<script defer src="(app\.js\?v=[0-9a-f]{16})"></script>', page.text)[1]
        style = re.findall(r"<style>(.*?)</style>", page.text, re.S)
        tap.equal(len(style), 1, "one style")
        digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
        total = len(page.text.encode())
        tap.equal((page.headers["cache-control"], "etag" in page.headers), ("no-store", False), "the page is not kept")
        for name in (script, "app.js", "app.js?v=0123456789abcdef", "icon.svg"):
            answer = get(at, "/console/" + name)
            tap.equal(answer.status, 200, name)
            total += len(answer.text.encode()) if name in (script, "icon.svg") else 0
            tap.equal(answer.headers["cache-control"], "max-age=31536000, immutable" if name == script else "no-cache", f"how long {name} is kept")
            again = get(at, "/console/" + name, headers={"If-None-Match": answer.headers["etag"]})
            tap.equal((again.status, again.text), (304, ""), "not modified")
            again = get(at, "/console/" + name, headers={"If-None-Match": '"another"'})
            tap.equal((again.status, again.text), (200, answer.text), "modified")
        for answer in (page, get(at, "/console/" + script)):
            policy = answer.headers["content-security-policy"]
            tap.equal(policy, f"default-src 'none'; script-src 'self'; style-src 'sha256-{digest}'; img-src 'self' data:; connect-src 'self'; "
                              "form-action 'self'; base-uri 'none'; frame-ancestors 'none'", "the policy")
            tap.equal((answer.headers["x-frame-options"], answer.headers["x-content-type-options"]), ("DENY", "nosniff"), "no frames, no guessing")
        tap.check(50 * 1024 < total < 300 * 1024, f"{total} bytes")
        tap.equal((re.findall("<script[^>]*>", page.text), "onclick" in page.text, "style=" in page.text, re.findall(r'(?:src|href)="(?!#|data:)([^"]*)"', page.text)),
                  ([f'<script defer src="{script}">'], False, False, [script]), "nothing inline, nothing else is asked for")
        for name in ("..%2fweir", "api.js", "app.css", "index.html"):
            tap.equal(get(at, "/console/" + name).status, 404, f"no other file: {name}")
        tap.equal(get(at, "/").headers["location"], "/console/", "where it is")


def test_page_session():
    """The page has its session in it for who shows the cookie: what GET /console/session says, as data; for others it has none"""
    with alone() as weir:
        at, key = port(weir), access_key(weir, role="viewer")

        def told(cookie):
            page = get(at, "/console/", headers=cookie)
            blocks = re.findall(r'<script type="application/json" id="session">(.*?)</script>', page.text, re.S)
            tap.equal((page.headers["cache-control"], len(re.findall("<script", page.text))), ("no-store", 1 + len(blocks)), "the page")
            return [json.loads(b) for b in blocks], page.text

        answer = ask(at, "POST", "/console/login", body=json.dumps({"accessKeyId": key[0], "secretAccessKey": key[1]}))
        cookie = {"Cookie": answer.headers["set-cookie"].split(";")[0]}
        found, with_it = told(cookie)
        tap.equal(found, [get(at, "/console/session", headers=cookie).json], "the session")
        tap.equal(found[0]["csrf"], answer.json["csrf"], "its word")
        without = get(at, "/console/").text
        tap.equal((told({})[0], told({"Cookie": "weir_session=" + "A" * 43})[0], answer.json["csrf"] in without), ([], [], False), "others")
        tap.check(with_it.index('id="session"') < with_it.index("</head>"), "in the head")
        own(weir, "DELETE", f"/weir/v1/tenants/default/access-keys/{key[0]}")
        tap.equal(told(cookie)[0], [], "it is over with its key")


def test_first():
    """A first view asks for nothing that it has: one script, kept; no call for the session, but by a link from another site; one style, one script may be"""
    with alone() as weir:
        tap.equal(own(weir, "POST", "/things/lamp").status, 200, "a thing")
        browse(weir, "first")


def test_sessions():
    """A session reads; it writes only with its word; it ends with its key, and with the logout"""
    with alone() as weir:
        at, key = port(weir), access_key(weir, role="viewer")
        answer = ask(at, "POST", "/console/login", body=json.dumps({"accessKeyId": key[0], "secretAccessKey": key[1]}))
        cookie = {"Cookie": answer.headers["set-cookie"].split(";")[0]}
        word = {"X-Weir-Csrf": answer.json["csrf"], **cookie}
        tap.equal(get(at, "/things", headers=cookie).json, {"things": []}, "reads")
        tap.equal(ask(at, "POST", "/things/a", headers=cookie).status, 403, "without the word")
        tap.equal(ask(at, "POST", "/things/a", headers=word).status, 403, "a viewer")
        tap.equal(get(at, "/weir/v1/status", headers=cookie).status, 403, "weir's own state is for administrators")
        tap.equal(get(at, "/things", headers={"Cookie": "weir_session=" + "A" * 43}).status, 403, "a made-up one")
        tap.equal(own(weir, "DELETE", f"/weir/v1/tenants/default/access-keys/{key[0]}").status, 200, "the key is gone")
        tap.equal(get(at, "/things", headers=cookie).status, 403, "and the session with it")
        admin = access_key(weir)
        answer = ask(at, "POST", "/console/login", body=json.dumps({"accessKeyId": admin[0], "secretAccessKey": admin[1]}))
        word = {"X-Weir-Csrf": answer.json["csrf"], "Cookie": answer.headers["set-cookie"].split(";")[0]}
        tap.equal(ask(at, "POST", "/things/a", headers=word).status, 200, "an admin writes")
        tap.equal(get(at, "/weir/v1/status", headers=word).status, 200, "and sees the status")
        tap.equal(ask(at, "POST", "/console/logout", headers=word).status, 200, "logout")
        tap.equal(get(at, "/things", headers=word).status, 403, "over")
        for _ in range(20):
            ask(at, "POST", "/console/login", body=json.dumps({"accessKeyId": admin[0], "secretAccessKey": "wrong"}))
        tap.equal(ask(at, "POST", "/console/login", body=json.dumps({"accessKeyId": admin[0], "secretAccessKey": admin[1]})).status,
                  429, "guessing is slowed down")


def test_command():
    """`weir console` prints a link; without a weir it says so"""
    with alone() as weir:
        code, out, err = support.run([binary(), "console", "--no-open", "--socket", sock(weir)])
        tap.equal((code, err), (0, ""), "exit status")
        tap.check(out.startswith(f"http://127.0.0.1:{port(weir)}/console/#login/"), out)
        weir.stop()
        code, out, err = support.run([binary(), "console", "--no-open", "--socket", sock(weir)])
        tap.equal((code, out), (1, ""), "no weir")
        tap.check("weir console: " in err, err)


def test_demo():
    """`weir demo` prints a link to its console and keeps running until Ctrl-C; its things, rules and traffic are there to be seen"""
    demo = support.Process([binary(), "demo"], name="demo")
    line = demo.wait_line("console  http", where="out")
    base, path = re.search(r"(http://127\.0\.0\.1:\d+)(/console/\S+)", line).groups()
    browse_at(base, path, "demo")
    tap.check(demo.alive(), "it goes on")
    demo.signal(signal.SIGINT)
    tap.equal(demo.wait(timeout=40), 0, "Ctrl-C")


if __name__ == "__main__":
    support.main(globals())
