"""What the tests of the control plane share: clients of a running weir, made with Debian's boto3, which weir's
developers did not write."""
import json
import os
import subprocess

import boto3
import botocore.config
import botocore.exceptions

from http_client import ask, get
import support
from support import tap
from weir import Weir

REGION = "eu-west-1"


def sock(weir):
    return os.path.join(weir.state_dir, "admin.sock")


def port(weir):
    return get(sock(weir), "/weir/v1/status").json["apiPort"]


def own(weir, method, target, body=None, headers=None):
    """One of weir's own calls, over the socket; text or JSON."""
    return ask(sock(weir), method, target, body=None if body is None else json.dumps(body), headers=headers)


def access_key(weir, tenant="default", role="admin", **more):
    answer = own(weir, "POST", f"/weir/v1/tenants/{tenant}/access-keys", {"role": role, **more})
    tap.equal(answer.status, 200, "an access key: " + answer.text)
    return answer.json["accessKeyId"], answer.json["secretAccessKey"]


def client(weir, key=None, region=REGION, prefix="", service="iot", tls=None):
    """A boto3 client; `key` is (id, secret), made for an admin of the default tenant without it. `tls` has the `ca`
    that is to be trusted."""
    key = key or access_key(weir)
    return boto3.client(service, region_name=region, endpoint_url=f"http{'s' if tls else ''}://127.0.0.1:{port(weir)}{prefix}",
                        verify=tls.ca[0] if tls else None,
                        aws_access_key_id=key[0], aws_secret_access_key=key[1],
                        config=botocore.config.Config(retries={"max_attempts": 1}, parameter_validation=False,
                                                      connect_timeout=support.TIMEOUT, read_timeout=support.TIMEOUT))


def refused(code, status, call, /, **arguments):
    """The call must fail with this code and status; returns the parsed error."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        tap.equal((error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]),
                  (code, status), f"{error.operation_name}: {error.response['Error'].get('Message')}")
        return error.response
    tap.check(False, f"{code} was expected, and it succeeded")
    return None


def pages(call, key, token="nextToken", **arguments):
    """All items of a listing, page by page; and how many pages there were."""
    items, count = [], 0
    out_token = {"nextToken": "nextToken", "marker": "nextMarker"}[token]
    while True:
        answer = call(**arguments)
        items += answer[key]
        count += 1
        if out_token not in answer:
            return items, count
        arguments[token] = answer[out_token]


def alone(config=None, **more):
    """A weir whose broker is away: the control plane needs none."""
    return Running({"mqtt": {"url": "mqtt://127.0.0.1:1"}, **(config or {})}, **more)


class Running(Weir):
    def __init__(self, config, **more):
        super().__init__(None, config=config, start=False, **more)
        self.start(wait=False)
        self.process.wait_line("started: pid")


AWS = "/usr/bin/aws"  # Debian's: another may come first in PATH


def awscli(weir, key, *arguments, region=REGION, fails=None):
    """`aws iot …`: what it prints, parsed; with `fails` the code of the error that it must end with."""
    if not os.path.exists(AWS):
        raise support.Skip("no awscli here")
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1],
           "AWS_DEFAULT_REGION": region, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""}
    done = subprocess.run([AWS, "iot", *arguments, "--endpoint-url", f"http://127.0.0.1:{port(weir)}", "--output", "json"],
                          capture_output=True, text=True, env=env, timeout=support.TIMEOUT)
    if fails:
        tap.check(done.returncode != 0 and f"({fails})" in done.stderr, f"{fails}: {done.stdout}{done.stderr}")
        return None
    tap.equal(done.returncode, 0, f"aws iot {' '.join(arguments)[:200]}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else {}
