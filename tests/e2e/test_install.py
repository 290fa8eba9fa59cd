"""What `meson install` puts where, and that it works from there: binary, completions, man pages, unit, examples."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time

import support
from support import Skip, tap
from weir import binary

BUILD = os.path.dirname(binary())
ENV = {"LANG": "C.UTF-8", "SYSTEMD_COLORS": "0", "MANPATH": ""}
installed = {}


def need(program, package):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/bin")
    if not path:
        raise Skip(f"there is no {program} (package {package})")
    return path


def root():
    """The tree below DESTDIR, and the prefix within it. Installed anew for each test, whose folders are deleted."""
    destination = support.temp_dir("wr-install-")
    code, out, err = support.run([need("meson", "meson"), "install", "-C", BUILD, "--no-rebuild", "--quiet"],
                                 env={"DESTDIR": destination}, timeout=120)
    tap.equal(code, 0, f"meson install: {out} {err}")
    found = [d for d, _, names in os.walk(destination) if d.endswith("/bin") and "weir" in names]
    tap.equal(len(found), 1, f"one bin folder: {found}")
    return destination, os.path.dirname(found[0])


def weir(prefix, *args, cwd=None):
    return support.run([os.path.join(prefix, "bin", "weir"), *args], cwd=cwd or support.temp_dir(), timeout=120)


def test_files():
    """every file is where it belongs, executable or not"""
    _, prefix = root()
    for path, mode in (("bin/weir", 0o755), ("lib/weir/weir-mosquitto.so", 0o755), ("lib/systemd/system/weir.service", 0o644), ("lib/sysusers.d/weir.conf", 0o644),
                       ("lib/tmpfiles.d/weir.conf", 0o644), ("share/bash-completion/completions/weir", 0o644),
                       ("share/zsh/site-functions/_weir", 0o644), ("share/man/man1/weir.1", 0o644),
                       ("share/man/man5/weir.yaml.5", 0o644), ("share/doc/weir/operations.md", 0o644),
                       ("share/doc/weir/sql/select.md", 0o644), ("share/weir/examples/weir.yaml", 0o644),
                       ("share/weir/examples/rules/hot_readings.json", 0o644)):
        st = os.stat(os.path.join(prefix, path))
        tap.equal(oct(st.st_mode & 0o777), oct(mode), path)
        tap.check(st.st_size > 0, f"{path} is empty")
    unit = support.read_file(os.path.join(prefix, "lib/systemd/system/weir.service"))
    start = re.search("^ExecStart=(.*)$", unit, re.M)[1]
    tap.check(re.match(r"/\S*/bin/weir run -c /etc/weir/weir.yaml$", start), start)
    tap.check("@" not in re.sub("SystemCallFilter=.*", "", unit), "nothing is left to fill in")


def test_binary():
    """the installed binary says which it is, checks and tests the installed examples, evaluates"""
    _, prefix = root()
    code, out, err = weir(prefix, "--version")
    tap.equal((code, err), (0, ""), "--version")
    tap.check(re.match(r"weir \d+\.\d+\.\d+( \([0-9a-z.-]+\))?\n", out), out)
    for library in ("libuv", "libmosquitto", "jansson", "PCRE2", "libcurl", "OpenSSL", "SQLite"):
        tap.check(re.search(rf"^  {library} +\d+\.\d+", out, re.M), f"{library} in {out}")
    code, text, _ = weir(prefix, "version", "--json")
    told = json.loads(text)
    tap.equal({f"  {n} {v}" for n, v in told["libraries"].items()},
              {" ".join(["  " + x.split()[0], x.split()[1]]) for x in out.splitlines()[1:]}, "the same in JSON")
    examples = os.path.join(prefix, "share", "weir", "examples")
    code, out, err = weir(prefix, "check", os.path.join(examples, "rules"))
    tap.equal(code, 0, f"weir check: {out} {err}")
    code, out, err = weir(prefix, "test", os.path.join(examples, "tests"))
    tap.equal(code, 0, f"weir test: {out} {err}")
    code, out, err = weir(prefix, "run", "--check", "-c", os.path.join(examples, "weir.yaml"))
    tap.equal((code, "documents refused: 0" in out), (0, True), f"weir run --check: {out} {err}")
    tap.equal(weir(prefix, "eval", "SELECT a + 1 AS b FROM 't'", "-p", '{"a":1}')[:2], (0, '{"b":2}\n'), "weir eval")


def test_demo():
    """weir demo finds the installed examples"""
    _, prefix = root()
    support.find_mosquitto()
    code, out, err = weir(prefix, "demo", "--for", "8")
    tap.equal(code, 0, f"{out[-500:]} {err}")
    tap.check(os.path.realpath(os.path.join(prefix, "share/weir/examples/rules")) in out, out[:500])


def complete(script, *words):
    """What bash is offered for the last of these words."""
    line = " ".join(f"'{w}'" for w in words)
    code, out, err = support.run(["bash", "--norc", "-c", f"source {script}\nCOMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
                                  "$(complete -p weir | sed 's/.*-F \\([^ ]*\\).*/\\1/')\nprintf '%s\\n' \"${COMPREPLY[@]}\""])
    tap.equal((code, err), (0, ""), f"bash: {words}")
    return out.split()


def test_bash_completion():
    """bash completes commands, options, their values, words of commands"""
    _, prefix = root()
    script = os.path.join(prefix, "share/bash-completion/completions/weir")
    tap.equal(complete(script, "weir", "d"), ["demo", "dead", "destinations"], "commands")
    tap.equal(complete(script, "weir", "run", "--mqtt-c"),
              ["--mqtt-client-id", "--mqtt-ca-file", "--mqtt-cert-file", "--mqtt-connect-timeout"], "options")
    tap.equal(complete(script, "weir", "run", "--log-level", ""), ["error", "warn", "info", "debug"], "values")
    tap.equal(complete(script, "weir", "dead", "re"), ["redrive"], "words of a command")
    tap.equal(complete(script, "weir", "help", "opt"), ["options"], "topics of the help")
    tap.equal(complete(script, "weir", "test", "--cov"), ["--coverage", "--coverage-html", "--coverage-json"], "own options")
    every = complete(script, "weir", "")
    code, out, _ = weir(prefix, "help")
    tap.equal(code, 0, "help")
    tap.equal(set(re.findall(r"^  (\S+) ", out, re.M)) | {"--help", "--version"}, set(every), "every command")
    options = json.loads(weir(prefix, "help", "options", "--json")[1])
    offered = set(complete(script, "weir", "run", "--"))
    # Those with a name of the user's in them, such as brokers.NAME.url, cannot be completed.
    missing = [o["name"] for o in options if "*" not in o["name"] and ".NAME." not in o["name"]
               and "--" + re.sub("[._]", "-", o["name"]) not in offered]
    tap.equal(missing, [], "options that are not offered")


def test_bash_for_real():
    """in a bash at a terminal, a tab completes"""
    _, prefix = root()
    script = os.path.join(prefix, "share/bash-completion/completions/weir")
    try:
        pid, terminal = pty.fork()
    except OSError as e:
        raise Skip(f"no pseudo terminal: {e}") from None
    if pid == 0:
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**os.environ, "PS1": "$ ", "TERM": "dumb", "HISTFILE": "/dev/null"})
    text = b""

    def until(words):
        nonlocal text
        end = time.monotonic() + 10
        while not re.search(words, text):
            tap.check(time.monotonic() < end, f"waited for {words}; the terminal shows {text!r}")
            if select.select([terminal], [], [], 0.2)[0]:
                text += os.read(terminal, 4096)
    try:
        os.write(terminal, f"source {script}; echo sour''ced\n".encode())
        until(b"\nsourced")
        text = b""
        os.write(terminal, b"echo $(true) weir dea")
        os.write(terminal, b"\x15weir dea\t")
        until(b"weir dead ")
        text = b""
        os.write(terminal, b"red\t")
        until(b"redrive ")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_zsh_completion():
    """zsh reads its completion"""
    zsh = need("zsh", "zsh")
    _, prefix = root()
    code, _, err = support.run([zsh, "-n", os.path.join(prefix, "share/zsh/site-functions/_weir")])
    tap.equal((code, err), (0, ""), "zsh -n")


def test_man_pages():
    """the man pages have no warnings, and every command and option"""
    groff = need("groff", "groff-base")
    _, prefix = root()
    texts = {}
    for page in ("man1/weir.1", "man5/weir.yaml.5"):
        path = os.path.join(prefix, "share/man", page)
        code, out, err = support.run([groff, "-man", "-ww", "-Tutf8", "-rLL=100n", "-P-cbou", path])
        tap.equal((code, err), (0, ""), f"groff -ww {page}")
        texts[page] = out
        if shutil.which("man"):
            done = subprocess.run(["man", "--warnings", "-l", path], capture_output=True, check=False,
                                  env={**os.environ, "MAN_KEEP_STDERR": "1", "LANG": "C.UTF-8"})
            tap.equal((done.returncode, done.stderr), (0, b""), f"man --warnings {page}")
        if shutil.which("mandoc"):
            code, out, err = support.run(["mandoc", "-Tlint", "-Werror", path])
            tap.equal((code, err), (0, ""), f"mandoc {page}: {out}")
    for name in re.findall(r"^  (\S+) ", weir(prefix, "help")[1], re.M):
        tap.check(f"weir {name}" in texts["man1/weir.1"], f"weir {name}")
    missing = [o["name"] for o in json.loads(weir(prefix, "help", "options", "--json")[1])
               if not re.search(rf"^ +{re.escape(o['name'])} \({o['type']}", texts["man5/weir.yaml.5"], re.M)]
    tap.equal(missing, [], "options that are missing")


def test_users_and_folders():
    """systemd-sysusers and systemd-tmpfiles make the user, the group and the folders with their modes"""
    sysusers, tmpfiles = need("systemd-sysusers", "systemd"), need("systemd-tmpfiles", "systemd")
    if os.geteuid() != 0:
        raise Skip("not root")
    _, prefix = root()
    system = support.temp_dir()
    os.makedirs(os.path.join(system, "etc"))
    for command, folder in ((sysusers, "sysusers.d"), ([tmpfiles, "--create"], "tmpfiles.d")):
        file = support.write_file(os.path.join(system, "usr/lib", folder, "weir.conf"),
                                  support.read_file(os.path.join(prefix, "lib", folder, "weir.conf")))
        words = [command] if isinstance(command, str) else command
        code, out, err = support.run([*words, f"--root={system}", "weir.conf"], env=ENV)
        tap.equal(code, 0, f"{words} {file}: {out} {err}")
    user = re.search("^weir:[^:]*:(\\d+):(\\d+):[^:]*:([^:]*):(.*)$", support.read_file(os.path.join(system, "etc/passwd")), re.M)
    tap.check(user and user[3] == "/var/lib/weir" and user[4].endswith("nologin"), f"{user}")
    tap.check(re.search("^weir-admin:[^:]*:\\d+:weir$", support.read_file(os.path.join(system, "etc/group")), re.M), "weir-admin")
    state, config = (os.stat(os.path.join(system, d)) for d in ("var/lib/weir", "etc/weir"))
    tap.equal((oct(state.st_mode & 0o777), state.st_uid, state.st_gid), ("0o750", int(user[1]), int(user[2])), "state")
    tap.equal((oct(config.st_mode & 0o777), config.st_uid, config.st_gid), ("0o750", 0, int(user[2])), "configuration")


def test_unit_is_valid():
    """systemd-analyze verify has nothing to say about the installed unit"""
    analyze = need("systemd-analyze", "systemd")
    _, prefix = root()
    text = support.read_file(os.path.join(prefix, "lib/systemd/system/weir.service"))
    # verify wants the program to be there.
    text = re.sub("ExecStart=[^ ]+", "ExecStart=" + os.path.join(prefix, "bin/weir"), text)
    unit = support.write_file(os.path.join(support.temp_dir(), "weir.service"), text)
    code, out, err = support.run([analyze, "verify", "--man=no", unit], env=ENV)
    mine = [x for x in (out + err).splitlines() if "weir.service" in x]
    tap.equal(mine, [], f"{code}: complaints")


if __name__ == "__main__":
    support.main(globals())
