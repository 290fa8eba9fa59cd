"""What every end-to-end test shares: TAP, temporary folders, processes that end with the test, free
ports, a real mosquitto, waiting on conditions. Standard library only.

    import support
    from support import tap, wait_for

    def test_something():
        with support.Broker() as broker:
            broker.publish("a/b", "{}")
            wait_for(lambda: ..., "the file")
            tap.equal(got, want, "what must hold")

    if __name__ == "__main__":
        support.main(globals())
"""
import atexit
import codecs
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback

HOST = "127.0.0.1"
# Seconds. What is green does not wait for it, and a machine may be busy with other things for long.
TIMEOUT = float(os.environ.get("WR_TEST_TIMEOUT", "90"))
KEEP = os.environ.get("WR_TEST_KEEP")  # a folder: what a failed test leaves is moved there
KEEP_BYTES = 64 << 20  # of one test; more would be a disk full of objects

SOURCE = os.environ.get("WR_TEST_SOURCE", "mqtt")  # or libmosquitto; mqtt is the default


def source_options():
    """For a command line of weir: the source that is asked for."""
    return ["--source", SOURCE]


def is_native():
    """Whether messages come through weir's own MQTT client."""
    return SOURCE != "libmosquitto"


class Skip(Exception):
    """A test that cannot run here; the text says why."""


def terminal():
    """Both ends of a pseudo terminal, the far one second. Some bare systems have none."""
    try:
        return os.openpty()
    except OSError as error:
        raise Skip(f"no pseudo terminal here: {error}") from error


class Failed(AssertionError):
    """An expectation that did not hold."""


# ---- TAP

class Tap:
    """One line for each test; details as diagnostics."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, name):
        self.count += 1
        print(f"ok {self.count} - {name}", flush=True)

    def not_ok(self, name, why):
        self.count += 1
        self.failed += 1
        print(f"not ok {self.count} - {name}", flush=True)
        self.note(why)

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    @staticmethod
    def note(text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    # Expectations inside a test.
    @staticmethod
    def check(condition, what):
        if not condition:
            raise Failed(what)

    @staticmethod
    def equal(got, want, what):
        if got != want:
            raise Failed(f"{what}:\n  got  {shorten(got)}\n  want {shorten(want)}")


tap = Tap()


def shorten(value, limit=2000):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + f"... ({len(text)} characters)"


def main(names, argv=None):
    """Run every test_… of `names` (a module's globals()) in order of definition and end the process.
    Arguments that start with "test_" choose some; "part=2/3" every third, from the second on: a file that
    takes long is run in parts, at the same time."""
    argv = sys.argv[1:] if argv is None else argv
    chosen = [a for a in argv if a.startswith("test_")]
    tests = [(n, f) for n, f in names.items() if n.startswith("test_") and callable(f)]
    for part in (a[len("part="):] for a in argv if a.startswith("part=")):
        first, step = (int(x) for x in part.split("/"))
        tests = tests[first - 1::step]
    tests = [(n, f) for n, f in tests if not chosen or n in chosen]
    print(f"1..{len(tests)}", flush=True)
    for name, test in tests:
        title = (test.__doc__ or name).strip().splitlines()[0]
        began = time.monotonic()
        try:
            test()
            tap.ok(title)
        except Skip as why:
            tap.skip(title, why)
        except Failed as why:
            tap.not_ok(title, f"{name}: {why}")
            tap.note(place_of(why))
            show_logs(name)
        except Exception:  # a broken test is a failed test, and the next one still runs
            tap.not_ok(title, f"{name}: {traceback.format_exc()}")
            show_logs(name)
        finally:
            end_all()
        tap.note(f"{name}: {time.monotonic() - began:.1f} s")
    sys.exit(1 if tap.failed else 0)


def place_of(error):
    """Where in the test an expectation failed."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [f for f in frames if os.path.basename(f.filename) != "support.py"]
    return f"at {outside[-1].filename}:{outside[-1].lineno}" if outside else ""


# ---- waiting

def wait_for(condition, what, timeout=None, every=0.02):
    """Poll until `condition()` is true and give its value; Failed after `timeout` seconds."""
    end = time.monotonic() + (TIMEOUT if timeout is None else timeout)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed(f"waited in vain for {what() if callable(what) else what}")
        time.sleep(every)


def stays(condition, what, seconds=0.5, every=0.02):
    """`condition()` holds all the time: for things that must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise Failed(f"did not stay so: {what}")
        time.sleep(every)


# ---- folders, ports

_folders = []


def temp_dir(prefix="wr-test-"):
    """A folder that is deleted when the test ends."""
    path = tempfile.mkdtemp(prefix=prefix)
    _folders.append(path)
    return path


def write_file(path, content, mode=None):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb" if isinstance(content, bytes) else "w") as f:
        f.write(content)
    if mode is not None:
        os.chmod(path, mode)
    return path


def read_file(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return default


def _own_ports():
    """Ports that the system gives to nobody by itself: below those of connections."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
            low = int(f.read().split()[0])
    except (OSError, ValueError):
        low = 32768
    return (10000, low) if low > 12000 else (61000, 65536)


_port_locks = []  # open until this process ends


def free_port():
    """A port that nobody listens on, and that stays this process's: neither another test nor a connection of
    the system takes it while a broker is away."""
    folder = f"/tmp/wr-test-ports-{os.getuid()}"
    os.makedirs(folder, exist_ok=True)
    for _ in range(1000):
        port = random.randrange(*_own_ports())
        lock = open(os.path.join(folder, str(port)), "w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as who will listen there does it
                s.bind((HOST, port))
        except OSError:
            lock.close()
            continue
        _port_locks.append(lock)
        return port
    raise Failed("found no free port")


def can_connect(port, host=HOST):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


# ---- processes

_processes = []


LOGFMT = re.compile(r'([A-Za-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]*)(?: |$)')


def log_fields(line):
    """What a line in logfmt says, {key: text}; Failed when it is none."""
    at, fields = 0, {}
    while at < len(line):
        m = LOGFMT.match(line, at)
        if not m or m[1] in fields:
            raise Failed(f"no logfmt at byte {at}: {line!r}")
        fields[m[1]] = json.loads(m[2]) if m[2].startswith('"') else m[2]
        at = m.end()
    return fields


class Output:
    """What comes through a pipe, in lines. Whoever looks sees all that was written before he did."""

    def __init__(self, stream):
        self._stream, self._fd = stream, stream.fileno()  # only the descriptor is read
        self._lines, self._taken, self._ended = [], 0, False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        decoder, rest, poller = codecs.getincrementaldecoder("utf-8")("replace"), "", select.poll()
        poller.register(self._fd, select.POLLIN)
        while not self._ended:
            poller.poll()
            with self._changed:
                data = os.read(self._fd, 1 << 16)
                text = rest + decoder.decode(data, final=not data)
                held = "\r" if text.endswith("\r") and data else ""  # perhaps half of a line's end
                *whole, rest = text[:len(text) - len(held)].replace("\r\n", "\n").replace("\r", "\n").split("\n")
                rest += held
                self._lines += whole + ([rest] if rest and not data else [])
                self._taken += len(data)
                self._ended = not data
                self._changed.notify_all()

    @property
    def lines(self):
        with self._changed:
            if not self._ended:
                waits = struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, b"\0" * 4))[0]
                want = self._taken + waits
                self._changed.wait_for(lambda: self._ended or self._taken >= want, 5)
        return self._lines

    def join(self, seconds):
        self._thread.join(seconds)


class Process:
    """A child in its own process group, with its output collected line by line."""

    def __init__(self, args, name=None, cwd=None, env=None, stdin=False):
        self.args = [str(a) for a in args]
        self.name = name or os.path.basename(self.args[0])
        full = dict(os.environ)
        full.update(env or {})
        self.popen = subprocess.Popen(
            self.args, cwd=cwd, env=full, start_new_session=True,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace", bufsize=1)
        self.pid = self.popen.pid
        self._out, self._err = Output(self.popen.stdout), Output(self.popen.stderr)
        _processes.append(self)

    @property
    def lines(self):
        """Its stdout so far."""
        return self._out.lines

    @property
    def err_lines(self):
        """Its stderr so far."""
        return self._err.lines

    @property
    def stdout(self):
        return "\n".join(self.lines)

    @property
    def stderr(self):
        return "\n".join(self.err_lines)

    def say(self, line):
        """A line to its standard input."""
        try:
            self.popen.stdin.write(line + "\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{self.name} ended ({self.popen.wait()}):\n" + self.stderr[-2000:]) from None

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout=None):
        """The exit status, after all output was read."""
        try:
            code = self.popen.wait(TIMEOUT if timeout is None else timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not end") from None
        for output in (self._out, self._err):
            output.join(5)
        return code

    def wait_line(self, text, where="err", timeout=None, start=0):
        """The first line (from index `start` on) that holds `text`."""
        output = self._err if where == "err" else self._out

        def found():
            for line in output.lines[start:]:
                if text in line:
                    return line
            if not self.alive():
                output.join(1)
                for line in output.lines[start:]:
                    if text in line:
                        return line
                raise Failed(f"{self.name} ended ({self.popen.returncode}) before it said '{text}':\n"
                             + self.stderr[-2000:])
            return None
        return wait_for(found, lambda: f"'{text}' from {self.name}; it said:\n" + self.stderr[-2000:],
                        timeout)

    def stop(self, timeout=10):
        """SIGTERM, then SIGKILL; the exit status."""
        self.signal(signal.SIGTERM)
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.wait()

    def kill(self):
        """SIGKILL, to the whole group it leads."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def children_of(pid):
    """The processes whose parent is `pid`; from /proc, since a bare machine has no ps."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = read_file(f"/proc/{name}/stat")
            if stat and stat.rsplit(")", 1)[1].split()[1] == str(pid):
                found.append(int(name))
    return found


def run(args, cwd=None, env=None, stdin=None, timeout=None):
    """Run to its end: (exit status, stdout, stderr)."""
    full = dict(os.environ)
    full.update(env or {})
    try:
        done = subprocess.run([str(a) for a in args], cwd=cwd, env=full, input=stdin, text=True,
                              encoding="utf-8", errors="replace", capture_output=True,
                              timeout=TIMEOUT if timeout is None else timeout, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{args[0]} did not end in time") from None
    return done.returncode, done.stdout, done.stderr


def show_logs(test, limit=40, width=600):
    """The tail of what the processes of a failed test said, and what it leaves in its folders."""
    kept = os.path.join(KEEP, f"{os.path.basename(sys.argv[0])[:-3]}-{test}-{os.getpid()}") if KEEP else None
    if kept:
        os.makedirs(kept, exist_ok=True)
    for i, p in enumerate(_processes):
        tap.note(f"--- {p.name} {p.pid} ({'alive' if p.alive() else p.popen.returncode})")
        lines = [x for x in p.err_lines if "room=status" not in x]  # answers to the test's questions
        for line in lines[-limit:]:
            tap.note("    " + line[:width])
        if kept:
            write_file(os.path.join(kept, f"{i}-{p.name}.stdout"), p.stdout + "\n")
            write_file(os.path.join(kept, f"{i}-{p.name}.stderr"), p.stderr + "\n")
    if kept:
        keep_folders(kept)


def keep_folders(kept):
    """Copies of the test's folders, as far as KEEP_BYTES go; a list of them as diagnostics."""
    left, names, total = KEEP_BYTES, 0, 0
    for folder in _folders:
        for at, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(at, name)
                try:
                    size = os.path.getsize(path)
                    total, names = total + size, names + 1
                    if names <= 40:
                        tap.note(f"    {size:9} {os.path.relpath(path, os.path.dirname(folder))}")
                    if size <= left and not os.path.islink(path) and os.path.isfile(path):
                        left -= size
                        to = os.path.join(kept, os.path.relpath(path, os.path.dirname(folder)))
                        os.makedirs(os.path.dirname(to), exist_ok=True)
                        shutil.copyfile(path, to)
                except OSError:  # gone meanwhile, or not to be read
                    pass
    tap.note(f"--- {names} files, {total} bytes; logs and files are kept in {kept}")


def end_all():
    """End what a test left behind and delete its folders. Latest first."""
    while _processes:
        p = _processes.pop()
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        p.popen.wait()
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


atexit.register(end_all)


# ---- mosquitto

def find_mosquitto():
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/local/sbin"]:
        path = os.path.join(folder, "mosquitto")
        if os.access(path, os.X_OK):
            return path
    raise Skip("mosquitto is not installed")


class Broker:
    """mosquitto on a free loopback port, in a folder of its own.

    config: more lines for its configuration; anonymous: whether clients need no name;
    listener: lines of the listener (TLS); persistence: keep sessions over restart()."""

    def __init__(self, config="", anonymous=True, listener="", persistence=True, port=None,
                 start=True, queued=0):
        self.dir = temp_dir("wr-broker-")
        self.extra, self.listener = config, listener
        self.anonymous, self.persistence, self.queued = anonymous, persistence, queued
        self.port = port
        self.process = None
        self._subscribers = 0
        self.client_options = []  # for mosquitto_pub: user, TLS
        if start:
            self.start()

    def _write_config(self, port):
        lines = [f"listener {port} {HOST}", self.listener,
                 f"allow_anonymous {'true' if self.anonymous else 'false'}",
                 f"max_queued_messages {self.queued}", "log_type all", "log_dest stderr"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it drops to a user who cannot write here
        if self.persistence:
            lines += ["persistence true", f"persistence_location {self.dir}/"]
        lines.append(self.extra)
        return write_file(os.path.join(self.dir, "mosquitto.conf"), "\n".join(lines) + "\n")

    def start(self):
        """Start, or start again on the same port."""
        for _ in range(10):
            port = self.port or free_port()
            process = Process([find_mosquitto(), "-c", self._write_config(port)], name="mosquitto")

            def up():
                return not process.alive() or can_connect(port)
            wait_for(up, "mosquitto to listen")
            if process.alive():
                self.port, self.process = port, process
                return self
            process.wait()
            if "Address already in use" not in process.stderr:
                raise Failed("mosquitto did not start:\n" + process.stderr[-2000:])
            if self.port:
                time.sleep(0.1)  # its predecessor's port is not free yet
        raise Failed("found no port for mosquitto")

    @property
    def url(self):
        return f"mqtt://{HOST}:{self.port}"

    @property
    def log(self):
        return self.process.stderr

    def stop(self):
        """SIGTERM: it saves its sessions."""
        if self.process:
            self.process.stop()

    def kill(self):
        if self.process:
            self.process.kill()

    def restart(self):
        self.stop()
        return self.start()

    def publish(self, topic, payload, qos=1, retain=False, version=5, properties=(), options=()):
        """One message. properties: rows for mosquitto_pub -D PUBLISH, like ("user-property", "k", "v")."""
        args = ["mosquitto_pub", "-h", HOST, "-p", self.port, "-t", topic, "-q", qos, "-s" if payload else "-n"]
        args += ["-V", "5" if version == 5 else "311"] + (["-r"] if retain else [])
        for row in properties:
            args += ["-D", "PUBLISH", *row]
        data = payload if isinstance(payload, bytes) else payload.encode()
        done = subprocess.run([str(a) for a in [*args, *self.client_options, *options]], input=data,
                              capture_output=True, timeout=TIMEOUT, check=False)
        if done.returncode != 0:
            raise Failed("mosquitto_pub: " + done.stderr.decode(errors="replace"))

    def publish_lines(self, topic, lines, qos=1):
        """One message for each line, over one connection. At most 60,000 (dependencies.md 1.9)."""
        lines = list(lines)
        assert len(lines) <= 60000
        args = ["mosquitto_pub", "-h", HOST, "-p", str(self.port), "-t", topic, "-q", str(qos), "-l",
                "-V", "5", *self.client_options]
        done = subprocess.run(args, input="".join(x + "\n" for x in lines).encode(),
                              capture_output=True, timeout=max(TIMEOUT, 120), check=False)
        if done.returncode != 0:
            raise Failed("mosquitto_pub: " + done.stderr.decode(errors="replace"))

    def subscriber(self, *filters, version=5, options=("-F", "%j")):
        """mosquitto_sub as a Process, subscribed by the broker's log; its lines are JSON objects by default."""
        topics = [x for f in filters for x in ("-t", f)]
        self._subscribers += 1
        name = f"test-sub-{self._subscribers}"
        process = Process(["stdbuf", "-oL", "mosquitto_sub", "-h", HOST, "-p", self.port, "-q", "1",
                           "-i", name, "-V", "5" if version == 5 else "311", *topics, *options,
                           *self.client_options], name="mosquitto_sub")
        self.process.wait_line(f"Sending SUBACK to {name}")
        return process

    @staticmethod
    def messages(process):
        """What a subscriber() with its default format has seen so far."""
        return [json.loads(x) for x in list(process.lines) if x.startswith("{")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# ---- certificates

def _openssl(*args):
    code, _, err = run(["openssl", *args])
    if code != 0:
        raise Failed("openssl: " + err)


def make_ca(folder, name="ca"):
    """A certificate authority: (certificate, key)."""
    cert, key = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
             "2", "-subj", f"/CN=test {name}", "-keyout", key, "-out", cert)
    return cert, key


def make_certificate(folder, name, ca, names="IP:127.0.0.1,DNS:localhost"):
    """A certificate signed by `ca` (as make_ca gives it): (certificate, key)."""
    base = os.path.join(folder, name)
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
             f"/CN={name}", "-keyout", base + ".key", "-out", base + ".csr")
    write_file(base + ".ext", f"subjectAltName={names}\n")
    _openssl("x509", "-req", "-in", base + ".csr", "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial",
             "-days", "2", "-extfile", base + ".ext", "-out", base + ".crt")
    return base + ".crt", base + ".key"
