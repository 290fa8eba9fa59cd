#!/usr/bin/env python3
"""The console's first view in a real browser (chromium): from the begin of the navigation until the picture with the first table is on
the screen, by the browser's own account (its paint timing, in steps of 4 ms), on loopback, logged in, with an empty cache and with a
warm one. Every round has a browser context of its own, every view a new tab. Nothing else of the DevTools is on, since watching the
network costs what it watches. The floor is measured in the same way: a page of one request and no script from the same weir.

usage: console.py BUILD/weir [OTHER/weir ...] [--things N] [--rounds N] [--limit MS]

Prints medians and the slowest. Several builds take turns in every round, for comparing them. Exit 1 when a median of a first view is
over --limit (200 ms); 2 when the floor alone is over a half of that: the machine is too busy to say.
"""
import argparse
import contextlib
import json
import os
import select
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e"))
from control import access_key, alone, own, port  # noqa: E402
from http_client import ask  # noqa: E402
import support  # noqa: E402

# Where the first table is, and what is in it when it is there.
VIEWS = {"dashboard": ("console/#dashboard", "main .stat"), "things": ("console/#iot/things", "main tbody td a")}
FLOOR = ("console/icon.svg", "svg")
# When `wanted` is there; not painted yet.
WATCH = """(wanted => {
  const look = new MutationObserver(() => {
    if (!document.querySelector(wanted)) return;
    look.disconnect();
    window.there = performance.now();
  });
  look.observe(document, { childList: true, subtree: true });
})(%s)"""
# The first picture after that, by the browser's own account of when it came to the screen.
SHOWN = """new Promise((tell) => {
  const pictures = performance.getEntriesByName("first-contentful-paint"), done = () => tell(Math.min(...pictures.map((p) => p.startTime).filter((t) => t >= window.there)));
  new PerformanceObserver((list) => { pictures.push(...list.getEntries()); done(); }).observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(done, 50);
})"""


class Browser:
    """A chromium that is told what to do through a pipe (the DevTools protocol), by one call after the other."""

    def __init__(self, path, folder):
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()

        def ends():  # where chromium looks for them; by way of numbers that are neither
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            high = [os.dup2(a, 100), os.dup2(b, 101)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.popen = subprocess.Popen(
            [path, "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--mute-audio", f"--user-data-dir={folder}", "--window-size=1280,850", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=ends, start_new_session=True)
        os.close(theirs_in)
        os.close(theirs_out)
        self.out, self.input, self.text, self.serial = ours_out, ours_in, b"", 0

    def call(self, method, session=None, **params):
        self.serial += 1
        call = {"id": self.serial, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self.out, json.dumps(call).encode() + b"\0")
        end = time.monotonic() + support.TIMEOUT
        while True:
            line, nul, rest = self.text.partition(b"\0")
            if nul:
                self.text = rest
                answer = json.loads(line)
                if answer.get("id") == self.serial:
                    if "error" in answer:
                        raise support.Failed(f"{method}: {answer['error']}")
                    return answer["result"]
                continue
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                raise support.Failed(f"chromium does not answer {method}")
            more = os.read(self.input, 1 << 16)
            if not more:
                raise support.Failed("chromium has ended")
            self.text += more

    def close(self):
        self.call("Browser.close")
        self.popen.wait(timeout=support.TIMEOUT)
        os.close(self.out)
        os.close(self.input)


class Context:
    """No cache, and no cookies but the one given."""

    def __init__(self, browser, cookie, base):
        self.browser = browser
        self.id = browser.call("Target.createBrowserContext")["browserContextId"]
        name, value = cookie.split("=", 1)
        browser.call("Storage.setCookies", browserContextId=self.id, cookies=[{"name": name, "value": value, "url": base + "/", "httpOnly": True, "sameSite": "Strict"}])

    def view(self, address, wanted):
        """In a new tab, milliseconds from the begin of the navigation until `wanted` is on the screen."""
        target = self.browser.call("Target.createTarget", url="about:blank", browserContextId=self.id)["targetId"]
        session = self.browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.browser.call("Page.enable", session)
        self.browser.call("Page.addScriptToEvaluateOnNewDocument", session, source=WATCH % json.dumps(wanted))
        time.sleep(0.3)  # until the tab is there, and the one before is gone
        self.browser.call("Page.navigate", session, url=address)
        end = time.monotonic() + support.TIMEOUT
        while time.monotonic() < end:
            time.sleep(0.2)  # asking takes the browser's time: mostly it is asked once, when all is over
            shown = self.browser.call("Runtime.evaluate", session, expression=SHOWN, returnByValue=True, awaitPromise=True)["result"].get("value")
            if shown:  # null: infinity
                self.browser.call("Target.closeTarget", targetId=target)
                return shown
        raise support.Failed(f"{address} shows no {wanted}")

    def close(self):
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.id)


def furnish(weir, things):
    """The things; the cookie of a session."""
    for i in range(things):
        if own(weir, "POST", f"/things/thing-{i:05}").status != 200:
            raise support.Failed("a thing was refused")
    key = access_key(weir)
    answer = ask(port(weir), "POST", "/console/login", body=json.dumps({"accessKeyId": key[0], "secretAccessKey": key[1]}))
    return answer.headers["set-cookie"].split(";")[0]


def measure(browser, weirs, rounds):
    rows = {}
    for n in range(rounds + 1):
        for name, weir, cookie in weirs:
            base = f"http://127.0.0.1:{port(weir)}"
            for view, (where, wanted) in VIEWS.items():
                context = Context(browser, cookie, base)
                took = [("floor", context.view(f"{base}/{FLOOR[0]}", FLOOR[1]))]
                for cache in ("empty cache", "warm cache"):
                    took.append((f"{view}, {cache}", context.view(f"{base}/{where}", wanted)))
                context.close()
                for row, ms in took if n else []:  # the first is for the browser itself
                    rows.setdefault((name, row), []).append(ms)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weir", nargs="+")
    parser.add_argument("--things", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, default=200)
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    if not chromium:
        print("console.py: needs chromium", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        weirs = []
        for path in given.weir:
            os.environ["WEIR"] = path
            weir = stack.enter_context(alone())
            print(f"{path}: {given.things} things are made …", file=sys.stderr, flush=True)
            weirs.append((path, weir, furnish(weir, given.things)))
        browser = Browser(chromium, support.temp_dir("wr-chromium-"))
        stack.callback(browser.close)
        rows = measure(browser, weirs, given.rounds)
    print(f"{'from the begin of the navigation, ms':52} {'median':>8} {'slowest':>8}")
    for name, *_ in weirs:
        if len(weirs) > 1:
            print(name)
        for (of, row), values in rows.items():
            if of == name:
                print(f"{row:52} {statistics.median(values):8.1f} {max(values):8.1f}")
    slowest = {row: max(statistics.median(v) for (_, of), v in rows.items() if of == row) for _, row in rows}
    if slowest.pop("floor") > given.limit / 2:
        return 2
    return int(any(ms > given.limit for ms in slowest.values()))


if __name__ == "__main__":
    sys.exit(main())
