"""`weir run` under a service manager: readiness, reload, stop, watchdog; the unit; a process that may not make code."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import support
from support import Broker, Skip, tap, wait_for
from test_spool import Gate
from weir import Weir, binary, function, rule, s3

UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "systemd", "weir.service.in")
KEEP = rule("SELECT * FROM 'a/#'", s3("box", "${newuuid()}"))


class Manager:
    """What systemd is to a service of Type=notify: a socket, and a clock for its watchdog."""

    def __init__(self, abstract=False):
        self.folder = support.temp_dir()
        name = f"weir-test-{os.getpid()}-{time.monotonic_ns()}"
        self.name = "@" + name if abstract else os.path.join(self.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name if abstract else self.name)
        self.socket.setblocking(False)
        self.said = []  # (time, {KEY: VALUE})

    def env(self, **more):
        return {"NOTIFY_SOCKET": self.name, **more}

    def read(self):
        while True:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                return self.said
            self.said.append((time.monotonic(), dict(x.split("=", 1) for x in data.decode().split("\n"))))

    def all(self, key, start=0):
        return [m[key] for _, m in self.read()[start:] if key in m]

    def wait(self, key, value=None, start=0):
        return wait_for(lambda: [x for x in self.all(key, start) if value is None or value in x],
                        lambda: f"{key}={value}; told {self.said[start:]}")[0]


def life(abstract):
    manager = Manager(abstract)
    with Broker() as broker, Weir(broker, {"keep": KEEP}, env=manager.env()) as weir:
        manager.wait("READY", "1")
        tap.equal(list(manager.said[0][1]), ["EXTEND_TIMEOUT_USEC"], "more time, before anything else")
        tap.check("STATUS" not in manager.said[0][1], "and nothing that is not so yet")
        status = manager.wait("STATUS", "connected")
        tap.check("rules: 1" in status, status)
        seen = len(manager.read())
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        weir.reload()
        manager.wait("READY", "1", seen)
        told = [m for _, m in manager.said[seen:] if "STATUS" not in m]
        tap.equal([list(m) for m in told[:2]], [["RELOADING", "MONOTONIC_USEC"], ["READY"]], "a reload")
        at = int(told[0]["MONOTONIC_USEC"])
        tap.check(before <= at <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, f"{before} {at}")
        seen = len(manager.read())
        weir.stop()
        first = manager.read()[seen][1]
        tap.check(first["STOPPING"] == "1" and int(first["EXTEND_TIMEOUT_USEC"]) >= 10_000_000, f"{first}")
        tap.equal(manager.all("WATCHDOG"), [], "no watchdog was asked for")
        tap.equal(manager.all("READY", seen), [], "not ready any more")


def test_notify():
    """ready, reloading, stopping are told to NOTIFY_SOCKET, in this order"""
    life(abstract=False)


def test_notify_abstract():
    """the same in the abstract namespace"""
    life(abstract=True)


def test_ready_without_broker():
    """ready means that weir is: a broker that is away is in the status, and no reason to start weir again"""
    manager = Manager()
    with Broker(start=False) as broker:
        broker.port = support.free_port()
        weir = Weir(broker, {"keep": KEEP}, start=False, env=manager.env()).start(wait=False)
        manager.wait("READY", "1")
        manager.wait("STATUS", "waiting for the broker")
        broker.start()
        manager.wait("STATUS", "connected;")
        weir.stop()


def test_refused_start():
    """a start that fails is never ready"""
    manager = Manager()
    weir = Weir(None, {}, {"rules": {"dir": "/nowhere"}}, start=False, env=manager.env()).start(wait=False)
    tap.equal(weir.process.wait(), 2, "exit status")
    tap.equal(manager.all("READY"), [], "not ready")


def test_draining_asks_for_time():
    """a stop that drains asks for more time again and again, and ends within drain"""
    gate, manager = Gate(), Manager()
    with Broker() as broker, Weir(broker, {"r": rule("SELECT * FROM 'a'", function("gate"))},
                                  gate.config(drain="4s", ack="settled"), env=manager.env()) as weir:
        broker.publish("a", json.dumps({"hang": 1}))
        wait_for(lambda: weir.totals()["live"] == 1, "the message")
        seen, began = len(manager.read()), time.monotonic()
        weir.stop()
        took = time.monotonic() - began
        tap.check(3.5 < took < 40, f"{took} s")
        extensions = [int(x) for x in manager.all("EXTEND_TIMEOUT_USEC", seen)]
        tap.check(len(extensions) >= 3 and extensions[0] >= 4_000_000 and min(extensions) > 5_000_000, f"{extensions}")


def test_watchdog():
    """the watchdog is fed at half its interval, by the loop: when that stands still it starves, and is fed again"""
    manager = Manager()
    with Broker() as broker, Weir(broker, {"keep": KEEP}, env=manager.env(WATCHDOG_USEC="400000")) as weir:
        fed = wait_for(lambda: (w := manager.all("WATCHDOG")) and len(w) >= 5 and w, "five times")
        tap.check(set(fed) == {"1"}, f"{fed}")
        times = [t for t, m in manager.said if "WATCHDOG" in m]
        weir.process.signal(signal.SIGSTOP)  # a loop that is stuck
        time.sleep(0.3)  # what was on its way
        manager.read()
        seen = len(manager.said)
        time.sleep(1.2)  # three intervals
        tap.equal(manager.all("WATCHDOG", seen), [], "starved")
        weir.process.signal(signal.SIGCONT)
        manager.wait("WATCHDOG", "1", seen)
        tap.check(min(b - a for a, b in zip(times, times[1:])) < 0.3, "about every 200 ms")


def test_watchdog_of_another():
    """WATCHDOG_PID of another process: not for us. What weir starts does not get the variables."""
    gate, manager = Gate(), Manager()
    gate.settings["command"] = "bash -c 'env > env; exec /usr/bin/python3 python_runtime.py'"
    with Broker() as broker, Weir(broker, {"r": rule("SELECT * FROM 'a'", function("gate"))}, gate.config(),
                                  env=manager.env(WATCHDOG_USEC="200000", WATCHDOG_PID="1")) as weir:
        broker.publish("a", json.dumps({"n": 7}))
        weir.wait_settled(1)
        tap.equal(gate.answered(weir), {7: 1}, "the answer")
        tap.equal(manager.all("WATCHDOG"), [], "no watchdog")
        env = support.read_file(os.path.join(gate.folder, "env"))
        tap.check("AWS_LAMBDA" in env and not re.search("^(NOTIFY_SOCKET|WATCHDOG_)", env, re.M),
                  "the function's environment")


def test_bad_socket():
    """a NOTIFY_SOCKET that is none, or where nobody listens: said once, weir runs"""
    for name, words in (("relative/path", "expected /PATH or @NAME"), ("/nowhere/notify", "cannot be told")):
        with Broker() as broker, Weir(broker, {"keep": KEEP}, env={"NOTIFY_SOCKET": name}) as weir:
            broker.publish("a/b", "{}")
            weir.wait_settled(1)
            said = [x for x in weir.said() if words in x["msg"] and "eventType" not in x]
            tap.check(said and said[0]["level"] == "warn", f"{said}")


def test_unit_score():
    """the unit scores below 2.5 with systemd-analyze security, and has no errors"""
    if not shutil.which("systemd-analyze"):
        raise Skip("there is no systemd-analyze (package systemd)")
    folder = support.temp_dir()
    text = support.read_file(UNIT).replace("@bindir@", "/usr/bin")
    unit = support.write_file(os.path.join(folder, "weir.service"), text)
    code, out, err = support.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                                 env={"SYSTEMD_COLORS": "0", "LANG": "C.UTF-8"})
    found = re.search(r"Overall exposure level for weir.service: ([\d.]+)", out)
    tap.check(found, f"{code}: {out[-300:]} {err}")
    tap.note(f"systemd-analyze security: {found[1]}")
    tap.check(float(found[1]) < 2.5, found[0])
    tap.equal(err, "", "complaints about the unit")
    tap.check("Type=notify" in text and "MemoryDenyWriteExecute=yes" not in text, "notify, and room for PCRE2's JIT")


NO_EXEC = """
import ctypes, os, struct, sys
# A seccomp filter as systemd's MemoryDenyWriteExecute= makes it: mmap and mprotect with PROT_EXEC get EPERM.
BPF_LD, BPF_JEQ, BPF_JSET, BPF_RET = 0x20, 0x15, 0x45, 0x06
ARCH, MMAP, MPROTECT = {"x86_64": (0xC000003E, 9, 10), "aarch64": (0xC00000B7, 222, 226)}[os.uname().machine]
ALLOW, EPERM, WRITE, EXEC = 0x7FFF0000, 0x00050001, 2, 4
rows = [(BPF_LD, 0, 0, 4), (BPF_JEQ, 0, 8, ARCH), (BPF_LD, 0, 0, 0), (BPF_JEQ, 1, 0, MPROTECT), (BPF_JEQ, 0, 5, MMAP),
        (BPF_LD, 0, 0, 32), (BPF_JSET, 0, 3, EXEC), (BPF_JSET, 1, 0, WRITE), (BPF_JEQ, 0, 1, EXEC), (BPF_RET, 0, 0, EPERM),
        (BPF_RET, 0, 0, ALLOW)]
code = b"".join(struct.pack("=HBBI", *row) for row in rows)
held = ctypes.create_string_buffer(code, len(code))
program = struct.pack("@HxxxxxxP", len(rows), ctypes.addressof(held))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0):
    sys.exit(f"no seccomp: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_no_machine_code():
    """a process that may not make machine code says so once, and regular expressions work"""
    probe = support.run([sys.executable, "-c", NO_EXEC, "/bin/true"])
    if probe[0] != 0:
        raise Skip(f"this system has no seccomp filters: {probe[1:]}")
    folder = support.temp_dir()
    launcher = support.write_file(os.path.join(folder, "launch"), f"#!/bin/sh\nexec {sys.executable} {folder}/no_exec.py {binary()} \"$@\"\n", 0o755)
    support.write_file(os.path.join(folder, "no_exec.py"), NO_EXEC)
    match = rule("SELECT regexp_substr(v, '[0-9]+') AS n FROM 'a' WHERE regexp_matches(v, '^k[a-z]+[0-9]{2,3}$')", s3("box", "${regexp_substr(v, '[0-9]+')}"))
    for command, times in ((launcher, 1), (binary(), 0)):
        with Broker() as broker:
            weir = Weir(broker, {"r": match}, start=False)
            weir.process = support.Process([command, "run", "-c", weir.config_file, "--status-file", weir.status_file],
                                           name="weir", cwd=weir.dir)
            weir.process.wait_line("started: pid")
            wait_for(lambda: weir.totals()["mqtt"]["subscribed"], "weir to subscribe", every=0.05)
            for n in (1, 12, 123, 1234):
                broker.publish("a", json.dumps({"v": f"kiln{n}"}))
            weir.wait_settled(4)
            tap.equal(sorted(weir.objects("box")), ["12", "123"], "matches")
            weir.reload()
            weir.process.wait_line('msg="reload')
            weir.stop()
            tap.equal(sum("may not make machine code" in x["msg"] for x in weir.said()), times, "lines about it")


if __name__ == "__main__":
    binary()
    support.main(globals())
