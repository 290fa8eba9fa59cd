#!/usr/bin/env python3
"""docs/control-plane.md, line by line: its sh and python blocks run in one shell against a fresh state folder.

usage: test_walk.py BUILD/weir [test_NAME]...
"""
import os
import re
import shutil
import subprocess
import zipfile

from control import alone, own, port
import support
from support import tap
import weir as weir_module

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "control-plane.md")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.M | re.S)
NEVER = "WEIR-WALK-LINE"  # marks where a failing line stands


def script(text):
    """One shell script of all blocks, which says the line of the page where it stops."""
    parts = ["set -Eeuo pipefail", f"trap 'echo {NEVER} $at: $BASH_COMMAND >&2' ERR"]
    for match in BLOCK.finditer(text):
        line = text[:match.start(2)].count("\n") + 1
        parts.append(f"at={line}")
        if match[1] == "python":
            parts.append(f"/usr/bin/python3 - <<'PYTHON-END'\n{match[2]}PYTHON-END")
        else:
            parts.append(match[2].rstrip("\n"))
    return "\n".join(parts) + "\n"


def test_page():
    """Every block of the page works as it is written, and leaves what it says"""
    text = support.read_file(PAGE)
    tap.check(len(BLOCK.findall(text)) > 10, "blocks")
    keys = support.temp_dir()
    support.write_file(keys + "/escrow.key", os.urandom(32).hex(), 0o400)
    with alone({"region": "eu-west-1",
                "admin": {"escrow_key": keys + "/escrow.key", "broker_ca": support.make_ca(keys)[0]}}) as weir:
        folder = support.temp_dir()
        os.symlink(os.path.abspath(weir_module.binary()), os.path.join(folder, "weir"))
        env = {**os.environ, "PATH": folder + ":" + os.environ["PATH"], "HOME": folder}
        for name in [x for x in env if x.startswith("AWS_")]:
            del env[name]
        page = text.replace("127.0.0.1:8081", f"127.0.0.1:{port(weir)}")
        if not shutil.which("aws"):
            print("# no aws command here: its lines are left out")
            page = re.sub(r"^aws .*\n", "", page, flags=re.M)
        ran = subprocess.run(["bash", "-c", script(page)], cwd=weir.dir, env=env, capture_output=True, text=True,
                             timeout=support.TIMEOUT * 3, stdin=subprocess.DEVNULL)
        place = [x for x in ran.stderr.splitlines() if x.startswith(NEVER)]
        tap.equal((ran.returncode, place), (0, []), f"docs/control-plane.md, block at line: {ran.stderr[-1500:]}")
        for said in ("acme is ENABLED", '{"room":"hall","floor":"2"}', "version 2 is the default", "weir_",
                     "the chain holds", "checked", "acme is deleted", "{'room': 'attic'}"):
            tap.check(said in ran.stdout, f"{said!r} is in what it printed: {ran.stdout[-3000:]}")
        with zipfile.ZipFile(os.path.join(weir.dir, "lamp1.zip")) as z:
            tap.check("acme-lamp1.private.key" in z.namelist(), z.namelist())
        tap.equal([x["name"] for x in own(weir, "GET", "/weir/v1/tenants?deleted=true").json["tenants"]], ["acme"], "deleted")
        tap.equal([x["thingName"] for x in own(weir, "GET", "/things").json["things"]], ["lamp2"], "boto3's thing")


if __name__ == "__main__":
    support.main(globals())
