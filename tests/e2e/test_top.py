"""`weir top`: a running weir's counters as rates, on a terminal and as JSON.

    test_top.py WEIR [test_NAME]...
"""
import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import support
from support import Broker, Process, tap, wait_for
from weir import Weir, binary, republish, rule

RULES = {"hot": rule("SELECT * FROM 'in/+' WHERE temp > 50", republish("out/a", qos=1)),
         "all": rule("SELECT * FROM 'in/+'", republish("out/b", qos=1)),
         "bad": rule("SELECT * FROM 'in/+'", {"null": {"name": "x"}})}
CONFIG = {"sinks": {"null": {"verdict": "refused"}}, "metrics": {"sample": 1}}


class Load:
    """Messages at about 200 a second, while it is entered: every second one is hot."""

    def __init__(self, broker):
        self.broker, self.on = broker, True
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while self.on:
            self.broker.publish_lines("in/x", ['{"temp":60}', '{"temp":1}'] * 20)
            time.sleep(0.1)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.on = False
        self.thread.join()


def test_once_json():
    """--once --json: one object, whose rates and sums are those of what was sent"""
    with Broker() as broker, Weir(broker, RULES, CONFIG) as weir:
        with Load(broker):
            wait_for(lambda: weir.totals()["messages"] > 50, "messages")
            code, out, err = weir.run("top", "--once", "--json", "--interval", "2")
        tap.equal((code, err), (0, ""), "status")
        tap.equal(len(out.splitlines()), 1, "one line")
        top = json.loads(out)
        tap.check(1.9 < top["seconds"] < 10, f"the interval, {top['seconds']}")
        tap.check(top["messagesPerS"] > 10, f"messages, {top['messagesPerS']}")
        tap.equal((top["pid"], top["connected"], top["circuitsOpen"]), (weir.process.pid, True, 0), "the weir")
        rules = {x["rule"]: x for x in top["rules"]}
        tap.equal(set(rules), set(RULES), "rules")
        for name, part in (("hot", 0.5), ("all", 1), ("bad", 1)):
            r = rules[name]
            tap.check(abs(r["triedPerS"] / top["messagesPerS"] - 1) < 0.01, f"{name}: tried, {r}")
            tap.check(abs(r["matchedPerS"] / r["triedPerS"] - part) < 0.1, f"{name}: matched, {r}")
            tap.check(10 < r["costNs"] < 1e7, f"{name}: cost, {r}")
        tap.check(rules["bad"]["failuresPerS"] > 10 and rules["bad"]["deliveredPerS"] == 0, f"failures, {rules['bad']}")
        tap.check(rules["all"]["deliveredPerS"] > 10 and rules["all"]["failures"] == 0, f"delivered, {rules['all']}")
        tap.check(abs(top["matchedPerS"] - sum(r["matchedPerS"] for r in rules.values())) < 0.01, "the sum")
        tap.check(top["deadLetters"] > 0 and top["residentBytes"] > 1 << 20 and top["cpuPercent"] > 0, f"the process, {top}")
        tap.check(0 < top["messageCostNs"] < 1e7 and top["loopLagMs"] >= 0, "cost of a message")
        kinds = {x["kind"]: x for x in top["kinds"]}
        tap.equal(kinds["null"]["failures"], rules["bad"]["failures"], "kinds")
        # each sort, and the table
        for sort, first in (("failures", "bad"), ("messages", "all"), ("cost", None)):
            code, out, err = weir.run("top", "--once", "--interval", "0.2", "--sort", sort)
            tap.equal((code, err), (0, ""), sort)
            lines = out.splitlines()
            at = next(i for i, x in enumerate(lines) if x.startswith("rule "))
            tap.equal({x.split()[0] for x in lines[at + 1:]}, set(RULES), f"rules of\n{out}")
            tap.check(first is None or sort == "failures" or lines[at + 1].startswith(first), out)
            tap.check("\x1b" not in out, "no colour in a pipe")


def test_json_lines():
    """--json: an object an interval, until it is ended"""
    with Broker() as broker, Weir(broker, RULES, CONFIG) as weir:
        with Process([binary(), "top", "-c", weir.config_file, "--json", "--interval", "0.2"], name="top") as top:
            wait_for(lambda: len(top.lines) >= 3, "three objects")
            tap.equal([json.loads(x)["pid"] for x in top.lines[:3]], [weir.process.pid] * 3, "objects")
            tap.equal(top.stop(), 0, "status")


class Screen:
    """`weir top` on a pseudo terminal."""

    def __init__(self, weir, *words, size=(24, 120), env=None):
        self.main, self.other = support.terminal()
        self.resize(*size, tell=False)
        self.before = termios.tcgetattr(self.other)
        self.popen = subprocess.Popen([binary(), "top", "-c", weir.config_file, "--interval", "0.2", *words],
                                      stdin=self.other, stdout=self.other, stderr=self.other, start_new_session=True,
                                      env={**os.environ, "NO_COLOR": "", **(env or {})},
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.bytes = b""

    def resize(self, rows, columns, tell=True):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds=0.05):
        if select.select([self.main], [], [], seconds)[0]:
            self.bytes += os.read(self.main, 65536)
        return self.bytes.decode(errors="replace")

    def frame(self):
        """The lines of the last whole drawing."""
        frames = self.read().split("\x1b[H")
        whole = [x for x in frames[1:] if x.endswith("\x1b[K") or x is not frames[-1]]
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", whole[-1]).replace("\r", "").split("\n") if whole else []

    def key(self, text):
        os.write(self.main, text)

    def end(self):
        deadline = time.monotonic() + support.TIMEOUT
        while self.popen.poll() is None and time.monotonic() < deadline:
            self.read()
        self.read()
        after = termios.tcgetattr(self.other)
        os.close(self.main), os.close(self.other)
        return self.popen.poll(), after


def test_screen():
    """a terminal: the alternate screen, keys, another size, and all is as before at the end"""
    with Broker() as broker, Weir(broker, RULES, CONFIG) as weir, Load(broker):
        screen = Screen(weir)
        wait_for(lambda: any(x.startswith("hot ") for x in screen.frame()), "the table")
        text = screen.read()
        tap.check(text.startswith("\x1b[?1049h\x1b[?25l"), "the alternate screen")
        tap.equal(text.count("\x1b[2J"), 0, "never wiped as a whole: no flicker")
        wait_for(lambda: any(re.match(r"messages/s [1-9]", x) for x in screen.frame()), "a rate")
        wait_for(lambda: "\x1b[31m" in screen.read(), "colour: a rule that fails")
        screen.key(b"f")

        def first():
            lines = screen.frame()
            at = [i for i, x in enumerate(lines) if x.startswith("rule ")]
            return lines[at[0] + 1].split()[0] if at and len(lines) > at[0] + 1 else None
        wait_for(lambda: first() == "bad", "sorted by failures")
        screen.resize(12, 60)
        os.kill(screen.popen.pid, signal.SIGWINCH)
        wait_for(lambda: screen.frame() and max(map(len, screen.frame())) <= 60 and len(screen.frame()) <= 12, "the size")
        broker_lines = screen.frame()
        tap.check(broker_lines[-1].startswith("q ends"), f"the keys in the last line, {broker_lines}")
        screen.key(b"q")
        code, after = screen.end()
        tap.equal(code, 0, "status")
        tap.check(screen.bytes.endswith(b"\x1b[?25h\x1b[?1049l"), "cursor and screen are back")
        tap.equal(after, screen.before, "the terminal's modes")
        screen = Screen(weir, env={"NO_COLOR": "1"})
        wait_for(lambda: any(x.startswith("hot ") for x in screen.frame()), "the table")
        tap.check(not re.search(r"\x1b\[[0-9;]*m", screen.read()), "no colour")
        screen.key(b"\x03")  # Ctrl-C: the terminal makes a signal of it
        code, after = screen.end()
        tap.equal((code, after), (0, screen.before), "Ctrl-C")


def test_weir_goes_and_comes():
    """the weir ends and comes back: said on the screen, and it goes on"""
    with Broker() as broker, Weir(broker, RULES, CONFIG) as weir:
        screen = Screen(weir)
        wait_for(lambda: any(x.startswith("hot ") for x in screen.frame()), "the table")
        weir.stop()
        wait_for(lambda: any("no weir runs here" in x for x in screen.frame()[:1]), "what is wrong, in the first line")
        weir.start()
        wait_for(lambda: any(f"pid {weir.process.pid} " in x for x in screen.frame()[:1]), "the new one")
        screen.popen.terminate()
        code, after = screen.end()
        tap.equal((code, after), (0, screen.before), "SIGTERM restores the terminal too")


def test_wrong_usage():
    """wrong words, no terminal, no weir: one line"""
    for words, want, status in ((["x"], "unexpected argument x", 2), (["--sort", "name"], "found name", 2),
                                (["--interval", "0.01"], "found 0.01", 2), (["--nope"], "unknown option --nope", 2),
                                ([], "standard output is no terminal; see --once and --json", 2),
                                (["--once", "--state-dir", "/nonexistent"], "no weir runs here", 1)):
        code, out, err = support.run([binary(), "top", *words])
        tap.equal((code, out), (status, ""), f"{words}: {err}")
        tap.check(want in err and len(err.splitlines()) == 1, f"{words}: {err}")


if __name__ == "__main__":
    binary()
    support.main(globals())
