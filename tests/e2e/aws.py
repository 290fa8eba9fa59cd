"""The AWS forms of actions against the stub that checks signatures (support/aws_stub.py).

    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, {"r": rule(…)}) as weir:
        broker.publish("a/b", "{}")
        weir.wait_settled(1)
        stub.seen("s3", "PutObject")
"""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import support
from support import tap
from weir import Weir

try:
    import aws_stub
    from aws_stub import Stub
except ImportError as e:
    print(f"1..1\nok 1 - AWS forms # SKIP python3-boto3 is not installed ({e})")
    sys.exit(0)

# What a machine may have set must not decide here.
for _variable in [k for k in os.environ if k.startswith("AWS_") or k.lower().endswith("_proxy")]:
    del os.environ[_variable]

# Quick back-off, so that three tries end within a test; a short time-out, so that a hanging server is noticed.
QUICK = {"retry": {"base": "20ms", "throttled_base": "50ms", "cap": "200ms"}, "aws": {"timeout": "2s"}}


def weir(broker, stub, rules, config=None, env=None, secret=None, **more):
    """Mode aws, the stub as the endpoint of everything, its keys in the environment."""
    whole = {"mode": "aws", **{k: dict(v) for k, v in QUICK.items()}}
    for key, value in (config or {}).items():
        if isinstance(value, dict):
            whole.setdefault(key, {}).update(value)
        else:
            whole[key] = value
    whole["aws"].setdefault("endpoint", stub.url)
    full = {"HOME": support.temp_dir("wr-home-"), "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": aws_stub.KEY_ID, "AWS_SECRET_ACCESS_KEY": secret or aws_stub.SECRET, **(env or {})}
    return Weir(broker, rules, whole, env=full, **more)


def all_signed(stub):
    """Every request that came was signed, and right."""
    for r in stub.requests:
        tap.check(r["signed"] and not r["why"], f"{r['method']} {r['path']}: signed {r['signed']}, {r['why']}")


def recorded(weir, kind):
    """What mode record has kept."""
    return [json.loads(line) for line in
            support.read_file(os.path.join(weir.state_dir, "local", "record", kind + ".ndjson")).splitlines()]


def said_everywhere(weir):
    """Every byte that a run has left: output, status, the whole state folder."""
    text = (weir.process.stdout + weir.process.stderr).encode()
    for root in (weir.state_dir, os.path.dirname(weir.status_file)):
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                if path != weir.config_file and os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        text += f.read()
    return text
