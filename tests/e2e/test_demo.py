"""weir demo: everything embedded, ended in every way, with nothing left behind."""
import os
import signal

import support
from support import Process, run, tap, wait_for
from weir import EXAMPLES, binary

RULES = [name[:-5] for name in sorted(os.listdir(os.path.join(EXAMPLES, "rules")))]


def demo(*args):
    return [binary(), "demo", "--examples", EXAMPLES, *args]


def leftovers(folder):
    """What the demo left in its TMPDIR, and processes that name it."""
    found = os.listdir(folder)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        words = support.read_file(f"/proc/{pid}/cmdline").replace("\0", " ")
        if folder in words:
            found.append(words)
    return found


def test_for_seconds():
    """--for ends by itself, with status 0 since every example rule delivered"""
    folder = support.temp_dir()
    args = demo("--for", "2")
    code, out, err = run(args, env={"TMPDIR": folder}, timeout=support.TIMEOUT)
    tap.equal(code, 0, "status; " + err + out[-1500:])
    tap.check("Every example rule delivered." in out, "the last line")
    for name in RULES:
        tap.check(f"\n{name} " in out, f"rule {name} in the summary")
    for kind in ("s3", "dynamodb", "lambda", "republish"):
        tap.check(f"s  {kind}" in out, f"a live line of {kind}")
    tap.check('"failedAction":"LambdaAction"' in out, "the error action's document")
    tap.equal(leftovers(folder), [], "what is left")


def test_interrupt():
    """Ctrl-C ends it cleanly, with its summary"""
    folder = support.temp_dir()
    args = demo()
    process = Process(args, env={"TMPDIR": folder})
    process.wait_line("s  lambda", where="out")
    process.signal(signal.SIGINT)
    tap.equal(process.wait(), 0, "status; " + process.stderr)
    tap.check("Every example rule delivered." in process.stdout, "the summary")
    tap.equal(leftovers(folder), [], "what is left")


def test_killed():
    """kill -9 of the demo leaves no process"""
    folder = support.temp_dir()
    args = demo("--keep")
    process = Process(args, env={"TMPDIR": folder})
    process.wait_line("s  lambda", where="out")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: len(leftovers(folder)) == 1, lambda: f"its processes to end: {leftovers(folder)}")


def test_keep():
    """--keep keeps the results, and says where"""
    folder = support.temp_dir()
    args = demo("--for", "1", "--keep")
    code, out, _ = run(args, env={"TMPDIR": folder}, timeout=support.TIMEOUT)
    tap.equal(code, 0, "status")
    kept = os.path.join(folder, os.listdir(folder)[0])
    tap.check(f"kept: {kept}" in out, "the line that names it")
    tap.check(os.path.isdir(os.path.join(kept, "state", "local", "s3", "frames")), "its objects")


def test_bad_input():
    """wrong options, no examples, a folder that cannot be written: one line each"""
    bad = [(["--for", "0"], {}, 2, "--for takes 1 to 86400"),
           (["--nonsense"], {}, 2, "--nonsense"),
           (["--examples", "/nonexistent"], {}, 1, "--examples FOLDER"),
           (["--examples", EXAMPLES], {"TMPDIR": "/proc/nowhere"}, 1, "set TMPDIR")]
    for args, env, status, text in bad:
        code, _, err = run([binary(), "demo", *args], env=env)
        tap.equal(code, status, f"status of {args}")
        tap.check(text in err and err.count("\n") == 1, f"one line with '{text}': {err!r}")


if __name__ == "__main__":
    support.main(globals())
