#!/usr/bin/env python3
"""The two listeners of a running weir: admin.sock with its roles, and the metrics listener, spoken to in real
HTTP; and `weir admin`, which asks from the shell.

usage: test_admin.py BUILD/weir [test_NAME]...
"""
import grp
import json
import os
import pwd
import shutil
import socket
import stat
import time

import http_client
import support
from http_client import ask, get
from support import Skip, tap, wait_for
from weir import Weir, binary, republish, rule

RULES = {"copy": rule("SELECT * FROM 'in/+'", republish("out/${topic(2)}"))}


def sock(weir):
    return os.path.join(weir.state_dir, "admin.sock")


def port_of(weir):
    return get(sock(weir), "/weir/v1/status").json["metricsPort"]


def need_root():
    if os.geteuid() != 0:
        raise Skip("only root may be somebody else")
    if not shutil.which("setpriv"):
        raise Skip("no setpriv here")


def as_user(uid, gid, weir, *words, groups=()):
    """`weir admin WORDS` by another user: (exit status, stdout, stderr)."""
    supplementary = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return support.run(["setpriv", "--reuid", str(uid), "--regid", str(gid), *supplementary, "--",
                        binary(), "admin", *words, "--socket", sock(weir)])


def test_status_over_the_socket():
    """GET /weir/v1/status is what the status file says, with the clocks for rates"""
    with support.Broker() as broker, Weir(broker, RULES) as weir:
        broker.publish("in/a", "{}")
        weir.wait_settled(1)
        answer = get(sock(weir), "/weir/v1/status")
        tap.equal(answer.status, 200, "status")
        tap.equal(answer.headers["content-type"], "application/json", "type")
        tap.check(answer.headers["server"].startswith("weir/"), "the server's name")
        first, file = answer.json, weir.fresh_status()
        tap.equal(set(first), set(file), "the members are those of the status file")
        tap.equal(first["messages"], 1, "messages")
        tap.equal(first["rules"]["copy"]["matched"], 1, "matched")
        tap.equal(first["pid"], weir.process.pid, "pid")
        second = get(sock(weir), "/weir/v1/status").json
        tap.check(second["monotonicUs"] > first["monotonicUs"], "the clock goes on")
        tap.check(abs(second["timeMs"] / 1000 - time.time()) < 60, "the time of day")


def test_modes():
    """State folder 0750, socket 0660 in the group; both are gone or taken over at the next start"""
    with support.Broker() as broker, Weir(broker, RULES) as weir:
        tap.equal(oct(os.stat(weir.state_dir).st_mode & 0o7777), oct(0o750), "the folder")
        st = os.stat(sock(weir))
        tap.check(stat.S_ISSOCK(st.st_mode), "a socket")
        tap.equal(oct(st.st_mode & 0o7777), oct(0o660), "the socket")
        names = [g.gr_name for g in grp.getgrall()]
        want = grp.getgrnam("weir-admin").gr_gid if "weir-admin" in names and os.geteuid() == 0 else os.getegid()
        tap.equal(st.st_gid, want, "its group")
        weir.kill()
        tap.check(os.path.exists(sock(weir)), "left by the one that was killed")
        weir.start()
        tap.equal(get(sock(weir), "/weir/v1/status").status, 200, "and taken over")
        weir.stop()
        tap.check(not os.path.exists(sock(weir)), "gone with the one that stopped")
        weir.start()


def test_roles_by_uid_and_group():
    """Whoever connects has the role that uid and groups give: nobody else has one"""
    need_root()
    nobody, daemon = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
    nogroup = nobody.pw_gid
    config = {"admin": {"group": str(nogroup), "users": "daemon = reader , 1234=operator",
                        "groups": f"{pwd.getpwnam('games').pw_gid}=admin"}}
    with support.Broker() as broker, Weir(broker, RULES, config) as weir:
        for path in (weir.dir, weir.state_dir):  # others reach the socket only through open folders
            os.chmod(path, 0o755)
        # (uid, gid, supplementary groups, exit status of /weir/v1/status)
        games = pwd.getpwnam("games").pw_gid
        cases = [("no role", nobody.pw_uid, nogroup, (), 1), ("a user", daemon.pw_uid, nogroup, (), 0),
                 ("a uid without a name", 1234, nogroup, (), 0),
                 ("a supplementary group", nobody.pw_uid, nogroup, (games,), 0)]
        for name, uid, gid, groups, want in cases:
            code, out, err = as_user(uid, gid, weir, "/weir/v1/status", groups=groups)
            tap.equal(code, want, f"{name}: {err}")
            if want == 0:
                tap.equal(json.loads(out)["pid"], weir.process.pid, f"{name}: the answer")
            else:
                tap.equal(err, "weir admin: 403: this needs the role reader; yours is none (admin.users, "
                          "admin.groups)\n", f"{name}: the complaint")
        code, out, err = as_user(nobody.pw_uid, nogroup, weir, "/healthz")
        tap.equal((code, out), (0, "ok\n"), "health is for all who may connect")
        code, out, err = as_user(nobody.pw_uid, daemon.pw_gid, weir, "/healthz")
        tap.equal((code, out), (1, ""), "outside the group")
        tap.equal(err, f"weir admin: {sock(weir)}: this user may not connect; weir's user, root and the "
                  "socket's group may\n", "it says who may")


def test_bad_roles():
    """Users, groups and roles that there are not are errors at the start"""
    cases = [({"users": "nobody-of-this-name=admin"}, 'admin.users: this system has no user "nobody-of-this-name"'),
             ({"users": "root=king"}, 'admin.users: root: found the role "king", expected admin, operator or reader'),
             ({"users": "root"}, 'admin.users: found "root", expected user=ROLE'),
             ({"groups": "no-such-group=reader"}, 'admin.groups: this system has no group "no-such-group"'),
             ({"group": "no-such-group"}, 'admin.group: this system has no group "no-such-group"')]
    with support.Broker() as broker:
        for config, want in cases:
            weir = Weir(broker, RULES, {"admin": config}, start=False).start(wait=False)
            tap.equal(weir.process.wait(), 2, f"{want}: exit status; {weir.log}")
            tap.check(want in weir.log, f"{want}; it said {weir.log}")


def test_router():
    """Paths, methods, escapes: 404, 405 with Allow, 400; HEAD has no body"""
    with support.Broker() as broker, Weir(broker, RULES) as weir:
        for where, target in ((sock(weir), "/weir/v1/status"), (port_of(weir), "/healthz")):
            head = ask(where, "HEAD", target)
            tap.equal((head.status, head.text), (200, ""), f"HEAD {target}")
            post = ask(where, "POST", target, body="{}")
            tap.equal((post.status, post.headers["allow"]), (405, "GET"), f"POST {target}")
            for missing in ("/", "/weir", target + "/", target + "/x", "/weir/v1/nothing"):
                answer = get(where, missing)
                tap.equal(answer.status, 404, missing)
                tap.equal(answer.message, f"nothing is at {missing}", missing)
        tap.equal(get(port_of(weir), "/weir/v1/status").status, 404, "internal calls are on the socket only")


def test_metrics_listener():
    """The metrics listener: port, health, ready and why not, host names, other ports"""
    with support.Broker() as broker, Weir(broker, RULES) as weir:
        port = port_of(weir)
        tap.check(f"metrics: http://127.0.0.1:{port}/metrics" in weir.log, "the log names the place")
        for where in (port, sock(weir)):
            tap.equal((get(where, "/healthz").status, get(where, "/healthz").text), (200, "ok\n"), "healthz")
            ready = wait_for(lambda: (a := get(where, "/readyz")).status == 200 and a, "readiness")
            tap.equal(ready.text, "ready\n", "readyz")
            tap.equal(get(where, "/metrics").status, 200, "metrics")
        tap.equal(get(port, "/healthz", headers={"Host": "weir.example"}).status, 421, "a name of a web page's")
        broker.stop()
        down = wait_for(lambda: (a := get(port, "/readyz")).status == 503 and a, "the broker's end")
        tap.equal(down.text, "the broker is not connected\n", "why")
        tap.equal(get(port, "/healthz").status, 200, "alive")
        broker.start()
        wait_for(lambda: get(port, "/readyz").status == 200, "readiness again")


def test_port_that_is_taken():
    """The default port taken: a warning; a port that the configuration names: an error; none: none"""
    with support.Broker() as broker, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        weir = Weir(broker, RULES, {"metrics": {"listen": f"127.0.0.1:{taken}"}}, start=False).start(wait=False)
        tap.equal(weir.process.wait(), 2, "exit status")
        tap.check(f"metrics.listen: cannot listen on 127.0.0.1 port {taken}" in weir.log, weir.log)
        with Weir(broker, RULES, {"metrics": {"listen": ""}}) as weir:
            tap.equal(port_of(weir), 0, "no listener")
        try:
            socket.create_server(("127.0.0.1", 9464)).close()
            held = socket.create_server(("127.0.0.1", 9464))
        except OSError:
            held = None  # somebody else has it, which serves as well
        with Weir(broker, RULES, {"metrics": None}) as weir:
            tap.equal(port_of(weir), 0, "no listener")
            tap.check("no metrics listener: cannot listen on 127.0.0.1 port 9464" in weir.log, weir.log)
        if held:
            held.close()


def test_bad_addresses():
    """metrics.listen that is none: one line with its place"""
    for text in ("localhost:9464", "127.0.0.1", "127.0.0.1:70000", "::1:9464", "[127.0.0.1]:1", ":9464", "x:"):
        with support.Broker() as broker:
            weir = Weir(broker, RULES, {"metrics": {"listen": text}}, start=False).start(wait=False)
            tap.equal(weir.process.wait(), 2, f"{text}: exit status")
            lines = weir.log.splitlines()
            tap.equal(len(lines), 1, f"{text}: one line: {weir.log}")
            tap.check("weir.yaml:" in lines[0] and f'found "{text}", expected a numeric address' in lines[0], lines[0])


def test_limits():
    """32 KiB of head, 1 MiB of body, 5 s for a head, 1,024 connections of which idle ones make room"""
    with support.Broker() as broker, Weir(broker, RULES) as weir:
        path = sock(weir)
        tap.equal(get(path, "/healthz", headers={"X": "a" * 31000}).status, 200, "31 kB of head")
        tap.equal(get(path, "/healthz", headers={"X": "a" * 33000}).status, 431, "33 kB of head")
        tap.equal(ask(path, "POST", "/weir/v1/status", body="a" * (1 << 20)).status, 405, "1 MiB of body")
        tap.equal(ask(path, "POST", "/weir/v1/status", body="a" * ((1 << 20) + 1)).status, 413, "more")
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(path)
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        slow.settimeout(20)
        began = time.monotonic()
        tap.check(slow.recv(1000).startswith(b"HTTP/1.1 408 "), "half a head")
        tap.check(4 < time.monotonic() - began < 30, "after five seconds")
        slow.close()
        idle = []
        for _ in range(1024):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            idle.append(s)
        tap.equal(get(path, "/healthz").status, 200, "one more is answered")
        idle[0].settimeout(10)
        tap.equal(idle[0].recv(1), b"", "the first of the idle ones was closed for it")
        idle[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        idle[-1].settimeout(10)
        tap.check(idle[-1].recv(1000).startswith(b"HTTP/1.1 200 "), "the last is still there")
        for s in idle:
            s.close()


def test_weir_admin():
    """`weir admin`: where the socket is, what is wrong when nobody or somebody else answers"""
    folder = support.temp_dir()
    with support.Broker() as broker:
        with Weir(broker, RULES) as weir:
            code, out, err = weir.run("admin", "/weir/v1/status")
            tap.equal((code, err), (0, ""), "by the configuration")
            tap.equal(json.loads(out)["pid"], weir.process.pid, "the answer")
            code, out, err = support.run([binary(), "admin", "GET", "/healthz", "--state-dir", weir.state_dir])
            tap.equal((code, out, err), (0, "ok\n", ""), "by the state folder")
            code, out, err = weir.run("admin", "DELETE", "/healthz")
            tap.equal((code, out), (1, ""), "a method")
            tap.equal(err, "weir admin: 405: this method is not for this path; see Allow\n", "what it says")
            weir.kill()
            code, out, err = weir.run("admin", "/healthz")
            tap.equal((code, err), (1, f"weir admin: no weir runs here: nobody listens at {sock(weir)}, which a weir "
                                    "that ended left\n"), "left behind")
            weir.start()
    path = os.path.join(folder, "admin.sock")
    code, out, err = support.run([binary(), "admin", "/healthz", "--state-dir", folder])
    tap.equal((code, err), (1, f"weir admin: no weir runs here: {path} does not exist\n"), "nothing")
    support.write_file(path, "")
    code, out, err = support.run([binary(), "admin", "/healthz", "--socket", path])
    tap.equal((code, err), (1, f"weir admin: {path} is not a socket\n"), "a file")
    os.unlink(path)
    with http_client.Stub(path):
        code, out, err = support.run([binary(), "admin", "/healthz", "--socket", path])
        tap.equal((code, out, err), (1, "", f"weir admin: {path}: what answers there is not a weir\n"), "another")
    for words in ((), ("status",), ("GET",), ("/a", "b", "c"), ("/healthz", "--nope")):
        code, out, err = support.run([binary(), "admin", *words])
        tap.equal((code, out), (2, ""), f"{words}: {err}")
        tap.check("weir help admin" in err, err)


def test_long_state_folder():
    """A state folder whose path is too long for a socket: weir runs, and says what to do"""
    with support.Broker() as broker:
        weir = Weir(broker, RULES, start=False)
        weir.state_dir = os.path.join(weir.dir, "s" * 100)
        weir.configure({})
        weir.start()
        tap.check("no admin socket: " in weir.log and "admin.socket can name another place" in weir.log, weir.log)
        weir.stop()
        short = os.path.join(support.temp_dir(), "a.sock")
        weir.configure({"admin": {"socket": short}})
        weir.start()
        tap.equal(get(short, "/healthz").status, 200, "another place")
        weir.stop()


if __name__ == "__main__":
    support.main(globals())
