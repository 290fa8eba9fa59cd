#!/usr/bin/env python3
"""The seed flows with AWS's SDK for JavaScript (npm), which knows the operations that Debian's botocore does not.

usage: test_sdk.py BUILD/weir [test_NAME]...
"""
import os
import shutil

from control import access_key, alone, port
import support
from support import tap

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(HERE, "..", "node_modules")


def test_seed_flows():
    """Types, things, certificates, policies, rules: made, read, changed, attached, refused, deleted"""
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        raise support.Skip("node is not installed")
    if not os.path.exists(os.path.join(MODULES, "@aws-sdk", "client-iot")):
        raise support.Skip("tests/node_modules has no @aws-sdk/client-iot: ./dev test installs it")
    with alone() as weir:
        code, out, err = support.run(
            [node, "--no-warnings", os.path.join(HERE, "..", "support", "sdk_flow.mjs"), f"http://127.0.0.1:{port(weir)}",
             *access_key(weir)], env={"WR_NODE_MODULES": os.path.abspath(MODULES)}, timeout=support.TIMEOUT)
        tap.equal((code, out), (0, '{"things":[]}\n'), err)


if __name__ == "__main__":
    support.main(globals())
