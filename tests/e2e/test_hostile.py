#!/usr/bin/env python3
"""Slow, malformed and greedy clients of the control plane's listener, with and without TLS: they are shown the door,
and a well-behaved client is served all the time. Cases of single bytes are in unit/test_httpd.c.

usage: test_hostile.py BUILD/weir [test_NAME]...
"""
import os
import resource
import select
import socket
import ssl
import subprocess
import threading
import time

from control import access_key, alone, client, own, port
import support
from support import tap, wait_for
from weir import Weir

CONNECTIONS_MAX = 1024  # engine/admin/admin.h


class Tls:
    """A CA, a server's certificate, and what weir.yaml says of it."""

    def __init__(self):
        self.folder = support.temp_dir()
        self.ca = support.make_ca(self.folder)
        self.cert, self.key = support.make_certificate(self.folder, "server", self.ca)
        os.chmod(self.key, 0o600)
        self.config = {"admin": {"tls_cert_file": self.cert, "tls_key_file": self.key}}

    def context(self):
        return ssl.create_default_context(cafile=self.ca[0])

    def connect(self, at, timeout=support.TIMEOUT):
        return self.context().wrap_socket(socket.create_connection(("127.0.0.1", at), timeout=timeout),
                                          server_hostname="localhost")


def connect(at, tls=None, timeout=support.TIMEOUT):
    return tls.connect(at, timeout) if tls else socket.create_connection(("127.0.0.1", at), timeout=timeout)


def read_all(s):
    """All that comes until the other side closes, or resets."""
    data = b""
    try:
        while True:
            piece = s.recv(65536)
            if not piece:
                return data
            data += piece
    except (ConnectionResetError, ssl.SSLError, BrokenPipeError):
        return data


def talk(at, raw, tls=None, half_close=False):
    """Send, and read until the end."""
    with connect(at, tls) as s:
        try:
            s.sendall(raw)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return read_all(s)


def statuses(data):
    """Of the answers in a stream."""
    return [int(x[:3]) for x in data.split(b"HTTP/1.1 ")[1:]]


GET = b"GET /endpoint HTTP/1.1\r\nHost: localhost\r\n"
END = b"Connection: close\r\n\r\n"

# What two readers of HTTP could take for different requests: one answer, refused, and nothing of the second request.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLING = [
    ("both lengths", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"0\r\n\r\n" + SMUGGLED),
    ("two lengths", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n" + SMUGGLED),
    ("a list of lengths", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0, 0\r\n\r\n" + SMUGGLED),
    ("a signed length", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: +0\r\n\r\n" + SMUGGLED),
    ("a negative length", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n" + SMUGGLED),
    ("a huge length", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n" + SMUGGLED),
    ("a hexadecimal length", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0x0\r\n\r\n" + SMUGGLED),
    ("another coding", b"POST /things/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a coding in disguise", b"POST /things/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a blank before the colon", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nabcde" + SMUGGLED),
    ("a folded header", b"POST /things/a HTTP/1.1\r\nHost: h\r\nX: a\r\n Content-Length: 5\r\n\r\n" + SMUGGLED),
    ("a bare carriage return", b"GET /endpoint HTTP/1.1\r\nHost: h\rX: y\r\n\r\n" + SMUGGLED),
    ("a NUL in a header", b"GET /endpoint HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n" + SMUGGLED),
    ("two hosts", b"GET /endpoint HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + SMUGGLED),
    ("no host", b"GET /endpoint HTTP/1.1\r\n\r\n" + SMUGGLED),
    ("a chunk's size with a sign", b"POST /things/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + SMUGGLED),
    ("a chunk longer than it says", b"POST /things/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" + SMUGGLED),
    ("HTTP/0.9", b"GET /endpoint\r\n" + SMUGGLED),
    ("HTTP/2's begin", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED),
    ("a tunnel", b"CONNECT example.com:443 HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED),
]


def check_alive(weir, iot):
    tap.check("endpointAddress" in iot.describe_endpoint(), "a well-behaved client is served")


def test_smuggling():
    """Requests that can be read in two ways are refused, and what is hidden behind them is never answered"""
    with alone() as weir:
        at, iot = port(weir), client(weir)
        for name, raw in SMUGGLING:
            got = statuses(talk(at, raw, half_close=True))
            tap.check(len(got) == 1 and 400 <= got[0] <= 505, f"{name}: {got}")
        check_alive(weir, iot)


def test_oversized():
    """A line, a header, many headers, a body, a chunk that is too long: 413 or 431, and the connection ends"""
    with alone() as weir:
        at, iot = port(weir), client(weir)
        over = b"x" * (33 << 10)
        for name, raw, want in (
                ("target", b"GET /" + over + b" HTTP/1.1\r\nHost: h\r\n\r\n", (431,)),
                ("header", GET + b"X: " + over + b"\r\n\r\n", (431,)),
                ("headers", GET + b"".join(b"X%d: y\r\n" % i for i in range(5000)) + b"\r\n", (431,)),
                ("many small headers", GET + b"".join(b"X%d: y\r\n" % i for i in range(500)) + b"\r\n", (400, 431)),
                ("body", b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n" + b"x" * 70000, (413,)),
                ("chunks", b"POST /things/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                           (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 17, (413,)),
                ("a chunk's size", b"POST /things/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                   b"f" * 40 + b"\r\n", (400, 413)),
                ("a chunk's extension", b"POST /things/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                                        b"e" * 70000 + b"\r\n", (400, 413, 431))):
            got = statuses(talk(at, raw))
            tap.check(len(got) == 1 and got[0] in want, f"{name}: {got}")
        whole = b"x" * (1 << 20)
        got = statuses(talk(at, b"POST /things/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n" +
                            whole))
        tap.equal(got, [403], "one of exactly the limit is read, and refused for its lack of a signature")
        check_alive(weir, iot)


def test_pipelining():
    """Requests sent ahead are answered one by one, in their order; 10,000 of them at once too"""
    with alone() as weir:
        at = port(weir)
        count = 10000
        raw = b"".join(b"GET /n%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % i for i in range(count))
        with connect(at) as s:
            threading.Thread(target=s.sendall, args=(raw,), daemon=True).start()
            data = b""
            while data.count(b"HTTP/1.1 404") < count:
                piece = s.recv(1 << 20)
                tap.check(piece, f"the connection ended after {data.count(b'HTTP/1.1 404')} answers")
                data += piece
        order = [int(x.split(b'"')[0].split(b" ")[0]) for x in data.split(b"nothing is at /n")[1:]]
        tap.equal(order, list(range(count)), "the order")


def test_half_close():
    """A client that closes its side after the request gets its answer; one that does so in the middle gets none"""
    with alone() as weir:
        at, iot = port(weir), client(weir)
        tap.equal(statuses(talk(at, b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", half_close=True)), [404], "answered")
        tap.equal(statuses(talk(at, b"GET /nothing HTTP/1.1\r\nHost: loc", half_close=True)), [], "in the head")
        tap.equal(statuses(talk(at, b"POST /things/a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc", half_close=True)),
                  [], "in the body")
        check_alive(weir, iot)


def slowloris(tls):
    config = tls.config if tls else {}
    with alone(config) as weir:
        at, key = port(weir), access_key(weir)
        iot = client(weir, key, **({"tls": tls} if tls else {}))
        slow = [connect(at, tls) for _ in range(40)]
        began = time.monotonic()
        for s in slow:
            s.sendall(b"GET /endpoint HTTP/1.1\r\n")
        done, waits = {}, []
        while len(done) < len(slow) and time.monotonic() - began < 40:
            for i, s in enumerate(slow):
                if i not in done:
                    try:
                        s.sendall(b"X")  # a byte now and then
                        ready = select.select([s], [], [], 0)[0]
                        if ready:
                            done[i] = (read_all(s), time.monotonic() - began)
                    except OSError:
                        done[i] = (b"", time.monotonic() - began)
            before = time.monotonic()
            check_alive(weir, iot)
            waits.append(time.monotonic() - before)
            time.sleep(0.2)
        tap.equal(len(done), len(slow), "all are thrown out")
        tap.check(all(4 < t < 35 for _, t in done.values()), f"after 5 s: {sorted(t for _, t in done.values())}")
        tap.check(any(b" 408 " in x for x, _ in done.values()), "and told 408")
        waits.sort()
        tap.check(waits[len(waits) // 2] < 2 and waits[-1] < 20,
                  f"the well-behaved client waited {waits[len(waits) // 2]:.2f} s, {waits[-1]:.2f} s at most")
        for s in slow:
            s.close()


def test_slowloris():
    """Heads a byte at a time: thrown out after 5 seconds with 408, whatever trickles in"""
    slowloris(None)


def test_slowloris_tls():
    """The same inside TLS, where handshakes have the same time"""
    tls = Tls()
    slowloris(tls)
    with alone(tls.config) as weir:
        at, began = port(weir), time.monotonic()
        with socket.create_connection(("127.0.0.1", at), timeout=support.TIMEOUT) as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")  # the begin of a hello, and never the rest
            tap.equal(read_all(s), b"", "closed")
            tap.check(4 < time.monotonic() - began < 30, "after 5 s")


def flood(weir, iot, wanted, tls=None):
    """Open `wanted` idle connections, and be served meanwhile."""
    at = port(weir)
    opened, times = [], []
    for i in range(wanted):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", at))
        opened.append(s)
        if i % 250 == 249:
            before = time.monotonic()
            check_alive(weir, iot)
            times.append(time.monotonic() - before)
    status = own(weir, "GET", "/weir/v1/status").json
    tap.check(status["pid"], "the socket is served too")
    poller = select.poll()
    for s in opened:
        poller.register(s, select.POLLIN)
    def files():
        return len(os.listdir(f"/proc/{weir.process.pid}/fd"))
    wait_for(lambda: files() < CONNECTIONS_MAX + 100, lambda: f"the oldest to be closed: {files()} files")
    alive = files()
    closed = len(poller.poll(0))  # a few never came further than the kernel's queue
    tap.check(closed > wanted - 2 * CONNECTIONS_MAX, f"{closed} closed")
    for s in opened:
        s.close()
    times.sort()
    print(f"# {wanted} idle connections: {closed} closed, {alive} files open in weir; answers within {times[-1]:.3f} s, median "
          f"{times[len(times) // 2]:.3f} s")
    return alive, times


def test_idle():
    """10,000 idle connections against the limit of 1,024: the oldest go, and somebody who asks is always served"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10000
    if soft < wanted + 500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted + 500), hard))
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500
    if room < wanted:
        print(f"# this system lets a process have {room + 500} files: {room} connections instead of {wanted}")
        wanted = room
    with alone() as weir:
        iot = client(weir)
        alive, times = flood(weir, iot, wanted)
        tap.check(alive > CONNECTIONS_MAX, "up to the limit they are kept")
        tap.check(times[len(times) // 2] < 2 and times[-1] < 20, f"{times}")
        check_alive(weir, iot)


def test_busy():
    """All connections in the middle of a request: a new one is refused with 503, and taken again when they are gone"""
    with alone() as weir:
        at = port(weir)
        held = []

        def hold():
            s = connect(at)
            s.sendall(b"GET /nothing HTTP/1.1\r\nHost: local")
            held.append(s)
        for _ in range(CONNECTIONS_MAX):
            hold()

        def asked():
            return statuses(talk(at, b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n" + END))

        def full():
            if asked() == [503]:
                return True
            hold()  # in the place of one whose bytes had not been read when the next came
            return False
        wait_for(full, "503")
        tap.check(own(weir, "GET", "/endpoint").status == 200, "the socket has connections of its own")
        wait_for(lambda: asked() == [404], "the slow ones to be thrown out, and to be served again", every=0.3)
        for s in held:
            s.close()


def test_garbage():
    """TLS to a plain listener, plain HTTP and garbage to a TLS listener: no answer, no harm"""
    tls = Tls()
    with alone() as weir:
        at, iot = port(weir), client(weir)
        try:
            connect(at, tls, timeout=5).close()
            tap.check(False, "a handshake with a plain listener")
        except (ssl.SSLError, OSError):
            pass
        check_alive(weir, iot)
    with alone(tls.config) as weir:
        at = port(weir)
        iot = client(weir, tls=tls)
        for name, raw in (("plain HTTP", GET + END), ("zeros", b"\0" * 5000), ("noise", os.urandom(5000)),
                          ("a long record", b"\x16\x03\x01\xff\xff" + b"x" * 70000),
                          ("an alert", b"\x15\x03\x03\x00\x02\x02\x28"),
                          ("SSL 2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"x" * 40)):
            with socket.create_connection(("127.0.0.1", at), timeout=support.TIMEOUT) as s:
                try:
                    s.sendall(raw)
                except OSError:
                    pass
                got = read_all(s)
                tap.check(b"HTTP/1.1" not in got and len(got) < 64, f"{name}: {got[:80]}")
        check_alive(weir, iot)
        # Bytes changed inside a session.
        plain = socket.create_connection(("127.0.0.1", at), timeout=support.TIMEOUT)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = tls.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        plain.sendall(outgoing.read())
        session.write(GET + END)
        record = bytearray(outgoing.read())
        record[-1] ^= 1
        plain.sendall(record)
        tap.check(b"HTTP" not in read_all(plain), "a forged record is not answered")
        plain.close()
        check_alive(weir, iot)


def test_tls_versions():
    """TLS 1.2 and 1.3, nothing older; the certificate is the one of the file, and SIGHUP reads it again"""
    tls = Tls()
    with alone(tls.config) as weir:
        weir.process.wait_line("control plane: https://127.0.0.1")
        at = port(weir)
        for version in ("1.3", "1.2"):
            context = tls.context()
            context.minimum_version = context.maximum_version = \
                {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}[version]
            with context.wrap_socket(socket.create_connection(("127.0.0.1", at)), server_hostname="localhost") as s:
                tap.equal(s.version(), "TLSv" + version, "version")
                s.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n" + END)
                tap.equal(statuses(read_all(s)), [404], "answered")
                first = s.getpeercert()["serialNumber"]
        old = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{at}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                             input=b"", capture_output=True, timeout=support.TIMEOUT)
        tap.check(old.returncode != 0, "TLS 1.1 is refused")
        iot = client(weir, tls=tls)
        check_alive(weir, iot)
        # A large body, and keep-alive over many requests.
        for i in range(30):
            iot.create_thing(thingName=f"t{i}", attributePayload={"attributes": {"a": "x" * 700}})
        tap.equal(len(iot.list_things()["things"]), 30, "over one connection")
        cert, key = support.make_certificate(tls.folder, "second", tls.ca)
        os.replace(cert, tls.cert)
        os.replace(key, tls.key)
        os.chmod(tls.key, 0o600)
        weir.reload()
        weir.process.wait_line("reload: certificate")
        with tls.connect(at) as s:
            tap.check(s.getpeercert()["serialNumber"] != first, "the new one")
        check_alive(weir, iot)
        support.write_file(tls.cert, "nothing\n")
        weir.reload()
        weir.process.wait_line("the certificate from before stays")
        with tls.connect(at) as s:
            tap.check(s.getpeercert()["serialNumber"] != first, "still served")


def test_tls_big():
    """Large requests and answers inside TLS arrive whole, read slowly and pipelined too"""
    tls = Tls()
    with alone({**tls.config, "admin": {**tls.config["admin"], "mode": "token"}}) as weir:
        made = own(weir, "POST", "/weir/v1/tenants/default/tokens", {"role": "admin"}).json
        for i in range(200):
            own(weir, "POST", f"/things/t{i}", {"attributePayload": {"attributes": {
                "a": "x" * 790, "b": "y" * 790, "c": "z" * 790}}})
        bearer = b"Authorization: Bearer " + made["token"].encode() + b"\r\n"
        ask = b"GET /things?maxResults=250 HTTP/1.1\r\nHost: localhost\r\n" + bearer
        with tls.connect(port(weir)) as s:
            s.sendall(ask + b"\r\n" + ask + b"\r\n" + ask + END)
            time.sleep(0.5)
            data = read_all(s)
        bodies = [x.split(b"\r\n\r\n", 1) for x in data.split(b"HTTP/1.1 200 OK")[1:]]
        tap.equal(len(bodies), 3, "three answers")
        tap.check(all(len(b) > 400000 and b.endswith(b"}") and b == bodies[0][1] for _, b in bodies), "the same, whole")
        body = b'{"attributePayload": {"attributes": {}}' + b" " * (1 << 20)
        body = body[:(1 << 20) - 1] + b"}"
        with tls.connect(port(weir)) as s:
            s.sendall(b"POST /things/big HTTP/1.1\r\nHost: localhost\r\n" + bearer +
                      b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            data = read_all(s)
        tap.equal(statuses(data), [200], "a megabyte: " + data[-200:].decode())


def test_reach():
    """Beyond loopback: only with TLS, never open; files that are not good are named"""
    tls = Tls()
    bad = os.path.join(tls.folder, "bad.pem")
    support.write_file(bad, "nothing\n")
    other = support.make_certificate(tls.folder, "other", tls.ca)
    os.chmod(other[1], 0o600)
    world = os.path.join(tls.folder, "world.key")
    support.write_file(world, support.read_file(tls.key))
    os.chmod(world, 0o644)
    for admin, text in (({"listen": "0.0.0.0:0"}, "that wants TLS"),
                        ({"listen": "0.0.0.0:0", "mode": "open", **tls.config["admin"]}, "not a loopback address"),
                        ({"tls_cert_file": tls.cert}, "go together"),
                        ({"tls_cert_file": bad, "tls_key_file": tls.key}, "bad.pem: holds no certificate"),
                        ({"tls_cert_file": tls.cert, "tls_key_file": bad}, "bad.pem"),
                        ({"tls_cert_file": tls.cert, "tls_key_file": other[1]}, "key values mismatch"),
                        ({"tls_cert_file": tls.cert, "tls_key_file": world}, "everybody may read"),
                        ({"tls_cert_file": bad + ".no", "tls_key_file": tls.key}, "No such file")):
        weir = Weir(None, config={"mqtt": {"url": "mqtt://127.0.0.1:1"}, "admin": admin}, start=False)
        weir.start(wait=False)
        weir.process.wait_line(text)
        tap.equal(weir.process.popen.wait(support.TIMEOUT), 2, f"refuses to start: {text}")
    with alone({"admin": {"listen": "0.0.0.0:0", **tls.config["admin"]}}) as weir:
        check_alive(weir, client(weir, tls=tls))


if __name__ == "__main__":
    support.main(globals())
