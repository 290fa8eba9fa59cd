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
from support import tap, wait_for
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


# For together(): a busy machine may need longer than QUICK's time-out until all is there.
PATIENT = {"aws": {"timeout": "25s"}}


def together(stub, weir, records, send, times=1, **which):
    """`send()` while the next `times` requests that fit are held, until weir has submitted `records` in all since its
    start: what comes behind those goes together, however slow the machine is."""
    stub.fail("hold", times=times, **which)
    send()
    wait_for(lambda: weir.totals()["records"] >= records, lambda: f"{records} records, there are {weir.totals()['records']}", every=0.1)
    stub.release()
    with stub.lock:
        stub.failures = [f for f in stub.failures if f["kind"] != "hold"]  # what nobody was held by


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


# ---- what every action must stand

# (how the stub fails, more of it): not this time, but the next.
PASSING = (("throttle", {}), ("error", {"status": 500, "code": "InternalFailure"}), ("status", {"status": 503}), ("reset", {}),
           ("cut", {}), ("hang", {"seconds": 4}))


def failures(name, action, service, fits, refusal, what, failed, resource, config=None, payload=None, passing=PASSING, rules=None):
    """One action through every failure: each of `passing` once, until it is there (a second request of the same content);
    then `refusal` (status, code, message): once, and the error action gets AWS's words; then failures without end.

    fits(request) tells a request of the action from others; `what` begins the error text."""
    from support import Broker, wait_for
    from weir import republish, rule
    make = payload or (lambda n: json.dumps({"n": n}))
    all_rules = rules or {"keep": rule("SELECT * FROM 'a/#'", action, error=republish("errors"))}
    with Broker() as broker, Stub() as stub, broker.subscriber("errors") as errors, \
            weir(broker, stub, all_rules, config) as w:
        def requests():
            return [r for r in stub.seen(service) if fits(r)]

        def documents():
            return [m["payload"] if isinstance(m["payload"], dict) else json.loads(m["payload"]) for m in Broker.messages(errors)]
        for number, (kind, more) in enumerate(passing):
            before = len(requests())
            stub.fail(kind, service=service, times=1, **more)
            broker.publish("a/one", make(number))
            w.wait_settled(number + 1)
            tap.equal(len(requests()) - before, 2, f"{name}, {kind}: requests")
            tap.equal(requests()[-1]["body_base64"], requests()[-2]["body_base64"], f"{name}, {kind}: the same again")
            tap.equal(documents(), [], f"{name}, {kind}: no error action")
        count, before = len(passing), len(requests())
        status, code, message = refusal
        stub.fail("error", service=service, status=status, code=code, message=message)
        broker.publish("a/one", make(count))
        w.wait_settled(count + 1)
        wait_for(lambda: len(documents()) == 1, f"{name}: the error document")
        tap.equal(len(requests()) - before, 1, f"{name}: refused at once")
        failure = documents()[0]["failures"][0]
        tap.equal((failure["failedAction"], failure["failedResource"]), (failed, resource), f"{name}: what failed")
        for words in (f"{what}. The error received was {message}", f"Status Code: {status}; Error Code: {code}; Request ID: "):
            tap.check(words in failure["errorMessage"], f"{name}: {words}\nin\n{failure['errorMessage']}")
        before = len(requests())
        stub.fail("error", service=service, status=500, code="InternalFailure", message="told to fail", times=-1)
        broker.publish("a/one", make(count + 1))
        w.wait_settled(count + 2)
        wait_for(lambda: len(documents()) == 2, f"{name}: the second error document")
        tap.equal(len(requests()) - before, 3, f"{name}: three tries")
        tap.check("told to fail" in documents()[1]["failures"][0]["errorMessage"], f"{name}: {documents()[1]}")
        stub.failures.clear()
        all_signed(stub)
        tap.check(aws_stub.SECRET.encode() not in said_everywhere(w), f"{name}: the secret was told")


# ---- real counterparts from npm

class Counterpart:
    """A server of tests/node_modules/.bin on a port of its own: with Counterpart("dynalite", "--createTableMs", 0) as d: d.url"""

    def __init__(self, name, *options):
        import shutil
        tests = pathlib.Path(__file__).resolve().parent.parent
        script = tests / "node_modules" / ".bin" / name
        node = shutil.which("node") or shutil.which("nodejs")
        if not node or not script.exists():
            raise support.Skip(f"node or tests/node_modules/{name} is missing: ./dev test installs it")
        for _ in range(10):
            self.port = support.free_port()
            where = ["--port", self.port] if name == "dynalite" else ["--port", self.port, "--address", "127.0.0.1"]
            self.process = support.Process([node, script, *where, *options], name=name)
            support.wait_for(lambda: not self.process.alive() or support.can_connect(self.port), f"{name} to listen")
            if self.process.alive():
                break
        self.url = f"http://127.0.0.1:{self.port}"

    def client(self, service):
        import boto3
        from botocore.config import Config
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="S3RVER",
                            aws_secret_access_key="S3RVER", config=Config(proxies={}, s3={"addressing_style": "path"}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()
