#!/usr/bin/python3
"""sinks/lib/aws_sign.c against botocore: the same random requests, the same signatures.

sign_differential.py TOOL [COUNT [SEED]]: TOOL is tests/support/sign_tool. Skipped without python3-boto3.
"""
import base64
import datetime
import json
import random
import subprocess
import sys
import urllib.parse
from unittest import mock

try:
    import botocore
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    botocore = None

LETTERS = "abcXYZ019-._~"
RESERVED = "/:;?#[]@!$&'()*+,=% \"<>\\^`{|}"
UNICODE = "äßéñ€漢字🙂\u00a0"
SERVICES = ["s3", "dynamodb", "lambda", "sqs", "kinesis", "execute-api", "iotdata", "es"]
REGIONS = ["eu-central-1", "us-east-1", "cn-north-1"]


def word(r, alphabet, low=0, high=12):
    return "".join(r.choice(alphabet) for _ in range(r.randint(low, high)))


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def path(r, service):
    segments = [word(r, LETTERS + RESERVED + UNICODE, 1) for _ in range(r.randint(0, 5))]
    if service == "s3" and segments and r.random() < 0.2:
        segments[r.randrange(len(segments))] = r.choice(["", ".", ".."])
    elif r.random() < 0.1:
        segments.insert(0, r.choice(["", ".", ".."]))
    return "/" + "/".join(quote(s, r.choice(["", ":@"]) if service == "s3" else "") for s in segments) \
        + r.choice(["", "", "/"])


def query(r):
    names = [word(r, LETTERS + RESERVED + UNICODE, 1, 6) for _ in range(r.choice([0, 0, 1, 2, 5]))]
    if names and r.random() < 0.4:
        names.append(r.choice(names))  # a name twice
    pairs = [(n, r.choice(["", word(r, LETTERS + RESERVED + UNICODE)])) for n in names]
    return "&".join(quote(n) + ("=" + quote(v) if v or r.random() < 0.5 else "") for n, v in pairs)


def headers(r):
    pairs = []
    for _ in range(r.randint(0, 5)):
        name = r.choice(["X-Amz-Meta-", "x-amz-", "X-Custom-", "x-amz-meta-a", "Content-Type", "Accept"])
        name += word(r, "abcDEF-19", 1, 5) if name.endswith("-") else ""
        value = "".join(r.choice(["a", "B", "=", ",", ";", "/", '"', " ", "   ", "\t"]) for _ in range(r.randint(0, 12)))
        if name.lower() not in ("x-amz-date", "x-amz-security-token", "x-amz-content-sha256") \
                and name.lower() not in [n.lower() for n, _ in pairs]:
            pairs.append([name, value])
    return pairs


def make(r):
    service = r.choice(SERVICES)
    day = datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=r.randrange(10 * 365 * 86400))
    case = {
        "service": service, "region": r.choice(REGIONS), "method": r.choice(["GET", "PUT", "POST", "DELETE"]),
        "host": r.choice(["host.example", "127.0.0.1:9000", "b.s3.eu-central-1.amazonaws.com"]),
        "path": path(r, service), "query": query(r), "headers": headers(r),
        "body": base64.b64encode(r.randbytes(r.choice([0, 1, 200, 5000]))).decode(),
        "date": day.strftime("%Y%m%dT%H%M%SZ"), "id": "AKID" + word(r, "ABCDEF012", 4, 16),
        "secret": word(r, LETTERS + "/+", 1, 80), "token": r.choice(["", "", word(r, LETTERS + "/+=", 1, 400)]),
    }
    kind = r.random()
    case["presign"] = kind < 0.2
    case["unsigned"] = service == "s3" and kind > 0.8
    return case, day


def expected(case, day):
    """What botocore adds, in the tool's words."""
    url = "https://" + case["host"] + case["path"] + ("?" + case["query"] if case["query"] else "")
    request = AWSRequest(method=case["method"], url=url, data=base64.b64decode(case["body"]))
    for name, value in case["headers"]:
        request.headers[name] = value
    if case["unsigned"]:
        request.context["client_config"] = mock.Mock(s3={"payload_signing_enabled": False})
        request.context["has_streaming_input"] = True
    credentials = Credentials(case["id"], case["secret"], case["token"] or None)
    s3 = case["service"] == "s3"
    kind = (auth.S3SigV4QueryAuth if s3 else auth.SigV4QueryAuth) if case["presign"] else \
        (auth.S3SigV4Auth if s3 else auth.SigV4Auth)
    options = {"expires": 600} if case["presign"] else {}
    with mock.patch("botocore.auth.datetime") as clock:
        clock.datetime.utcnow.return_value = day
        kind(credentials, case["service"], case["region"], **options).add_auth(request)
    if case["presign"]:
        parts = urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query, keep_blank_values=True)
        return {"signature": dict(parts)["X-Amz-Signature"]}
    wanted = {"Authorization": request.headers["Authorization"]}
    for name in ("X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256"):
        if name in request.headers:
            wanted[name] = request.headers[name]
    return wanted


def main():
    tool, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    print("1..1")
    if not botocore:
        print("ok 1 - signatures are botocore's # SKIP python3-boto3 is not installed")
        return 0
    r = random.Random(seed)
    cases = [make(r) for _ in range(count)]
    # Query signers of botocore take the query apart into a dictionary: no name twice, none without a value.
    for case, _ in cases:
        if case["presign"]:
            pairs = dict(urllib.parse.parse_qsl(case["query"]))
            case["query"] = "&".join(f"{quote(k)}={quote(v)}" for k, v in pairs.items())
            case["body"] = ""
            case["headers"] = [[n, v] for n, v in case["headers"] if n.lower() not in ("content-type",)]
    done = subprocess.run([tool], input="".join(json.dumps(c) + "\n" for c, _ in cases).encode(),
                          capture_output=True, check=False, timeout=280)
    answers = done.stdout.decode().splitlines()
    if done.returncode != 0 or len(answers) != count:
        print(f"not ok 1 - signatures are botocore's\n# the tool ended with {done.returncode}: {done.stderr.decode()}")
        return 1
    wrong = 0
    for (case, day), line in zip(cases, answers):
        got, want = json.loads(line), expected(case, day)
        canonical = got.pop("canonical")
        if case["presign"]:
            got = {"signature": got["query"].rpartition("&X-Amz-Signature=")[2]}
        if got != want:
            wrong += 1
            if wrong <= 5:
                print(f"# {json.dumps(case)}\n#   got  {got}\n#   want {want}\n#   from {canonical!r}")
    print(f"{'not ' if wrong else ''}ok 1 - signatures are botocore's {botocore.__version__}: "
          f"{count} requests, {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
