#!/usr/bin/python3
"""A stand-in for AWS that checks signatures (with Debian's botocore), answers like the services, fails when told
to, and remembers every request. For tests; loopback only.

In a test:
    stub = aws_stub.Stub().start()              # or Stub(tls=(cert, key), client_ca=path)
    stub.keys["AKID"] = ("secret", None)        # known at the start: aws_stub.KEY_ID, aws_stub.SECRET
    stub.fail("throttle", service="s3", times=2)
    stub.requests                               # what came, as dictionaries (Stub.record)
    stub.stop()

By hand:  aws_stub.py [--port N] [--cert FILE --key FILE [--client-ca FILE]]   prints "listening PORT"; then
    curl 127.0.0.1:PORT/_stub/requests          what came
    curl -d '{"kind":"throttle","service":"s3","times":2}' 127.0.0.1:PORT/_stub/fail
    curl -d '{"AKID":["secret",null]}' 127.0.0.1:PORT/_stub/keys
    curl -d '{}' 127.0.0.1:PORT/_stub/reset     forgets requests, failures, objects

Kinds of failure (fail(kind, ...), first that fits, `times` each): error (status, code, message), throttle, status
(status, without a body), hang (seconds), hold (until release(), 30 s at most), reset (no answer, RST), cut (half of the body), slow (seconds in all),
partial (indexes of entries of a batch that fail, code), redirect (location), damage (wrong x-amz-crc32).
`service` and `operation` choose; headers: more headers of the answer.

What a service answers stands below, or in a file aws_NAME.py beside this one: its ANSWERS, THROTTLES and ERRORS are
taken when a stub is made.
"""
import argparse
import base64
import datetime
import hashlib
import http.server
import importlib
import json
import pathlib
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
import uuid
import zlib
from xml.sax.saxutils import escape

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET = "AKIDSTUB000000000001", "stub/Secret+0123456789abcdefghijklmnopqr"
SKEW = {"s3": 900}  # seconds; others 300
XML_SERVICES = {"s3", "sns", "sts"}
REST_SERVICES = {"lambda", "iotdata", "iotsitewise", "geo", "ioteventsdata", "iotanalytics", "es", "aoss",
                 "execute-api", "iot"}
THROTTLES = {"s3": (503, "SlowDown"), "sqs": (403, "RequestThrottled"), "lambda": (429, "TooManyRequestsException"),
             "kinesis": (400, "ProvisionedThroughputExceededException"), "sns": (400, "Throttling"),
             "dynamodb": (400, "ProvisionedThroughputExceededException"), "sts": (400, "Throttling"),
             "firehose": (503, "ServiceUnavailableException")}


def iso(seconds):
    return datetime.datetime.utcfromtimestamp(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


class Request:
    """One request: what came, and what its signature says."""

    def __init__(self, method, target, headers, body, tls):
        self.method, self.target, self.headers, self.body, self.tls = method, target, headers, body, tls
        self.path, _, self.query = target.partition("?")
        self.names = {k.lower(): v for k, v in headers}
        self.form = {}
        if self.names.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            self.form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        self.key_id = self.region = self.service = ""
        self.signed, self.signature, self.signed_names, self.why = False, "", [], ""
        self.read_authorization()
        self.operation = self.find_operation()

    def read_authorization(self):
        given = self.names.get("authorization", "")
        if given.startswith("AWS4-HMAC-SHA256 "):
            parts = dict(p.strip().split("=", 1) for p in given[17:].split(","))
            self.key_id, _, self.region, self.service, _ = parts["Credential"].split("/")
            self.signed_names = parts["SignedHeaders"].split(";")
            self.signature, self.signed = parts["Signature"], True
        elif self.form.get("Action") == "AssumeRoleWithWebIdentity":
            self.service = "sts"

    def find_operation(self):
        target = self.names.get("x-amz-target", "")
        if target:
            return target.rpartition(".")[2]
        if "Action" in self.form:
            return self.form["Action"]
        if self.service == "s3":
            return {"PUT": "PutObject", "GET": "GetObject", "DELETE": "DeleteObject", "HEAD": "HeadObject",
                    "POST": "PostObject"}.get(self.method, self.method)
        if self.service == "lambda" and self.path.endswith("/invocations"):
            return "Invoke"
        if self.service == "iotdata":
            return "Publish" if self.path.startswith("/topics/") else "Shadow"
        if self.service in ("iotsitewise", "geo", "ioteventsdata", "iotanalytics"):
            return {"iotsitewise": "BatchPutAssetPropertyValue", "geo": "BatchUpdateDevicePosition"}.get(
                self.service, "BatchPutMessage")
        return self.method

    def json(self):
        return json.loads(self.body or b"{}")

    def verify(self, keys, now):
        """The error code and text, or None."""
        if not self.signed:
            return "MissingAuthenticationToken", "Request is missing Authentication Token"
        if self.key_id not in keys:
            return ("InvalidAccessKeyId" if self.service == "s3" else "InvalidClientTokenId"
                    if self.service in XML_SERVICES else "UnrecognizedClientException"), \
                "The security token included in the request is invalid."
        secret, token, expires = (list(keys[self.key_id]) + [None])[:3]
        if (token or "") != self.names.get("x-amz-security-token", ""):
            return "UnrecognizedClientException", "The security token included in the request is invalid."
        if expires and expires < now:
            return ("ExpiredToken" if self.service in XML_SERVICES else "ExpiredTokenException"), \
                "The security token included in the request is expired"
        date = datetime.datetime.strptime(self.names["x-amz-date"], "%Y%m%dT%H%M%SZ")
        behind = now - date.replace(tzinfo=datetime.timezone.utc).timestamp()
        if abs(behind) > SKEW.get(self.service, 300):
            if self.service == "s3":
                return "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
            return "InvalidSignatureException", "Signature expired: it is too old" if behind > 0 else \
                "Signature not yet current: it is too new"
        wrong = self.compare(secret, token)
        if wrong:
            self.why = wrong
            return ("SignatureDoesNotMatch" if self.service in XML_SERVICES else "InvalidSignatureException"), \
                "The request signature we calculated does not match the signature you provided. Check your AWS " \
                "Secret Access Key and signing method."
        return None

    def compare(self, secret, token):
        """What is wrong with the signature, or None. botocore makes it again."""
        for name in self.names:
            if name.startswith(("x-amz-", "x-amzn-")) and name != "x-amzn-trace-id" and name not in self.signed_names:
                return f"{name} is not signed"
        for name in ("host", "x-amz-date"):
            if name not in self.signed_names:
                return f"{name} is not signed"
        said = self.names.get("x-amz-content-sha256")
        if self.service == "s3" and not said:
            return "x-amz-content-sha256 is missing"
        if said and said != "UNSIGNED-PAYLOAD" and said != hashlib.sha256(self.body).hexdigest():
            return "x-amz-content-sha256 is not that of the body"
        request = AWSRequest(method=self.method, data=self.body,
                             url=("https://" if self.tls else "http://") + self.names["host"] + self.target)
        for name, value in self.headers:
            if name.lower() in self.signed_names:
                request.headers[name] = value
        request.context["timestamp"] = self.names["x-amz-date"]
        signer = (auth.S3SigV4Auth if self.service == "s3" else auth.SigV4Auth)(
            Credentials(self.key_id, secret, token), self.service, self.region)
        canonical = signer.canonical_request(request)
        want = signer.signature(signer.string_to_sign(request, canonical), request)
        return None if want == self.signature else "another signature is right, from " + repr(canonical)


class Answer:
    def __init__(self, status=200, body=b"", headers=()):
        self.status, self.headers = status, list(headers)
        self.body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else \
            json.dumps(body, separators=(",", ":")).encode()


class Stub:
    """The server. Everything public may be read and set by the test, under `lock` where threads matter."""

    def __init__(self, port=0, tls=None, client_ca=None):
        self.lock = threading.RLock()
        self.keys = {KEY_ID: (SECRET, None)}  # id: (secret, token[, expiry in seconds])
        self.requests = []
        self.failures = []
        self.gate = threading.Event()
        self.objects = {}         # (bucket, key): (body, headers)
        self.items = {}           # table: [item]
        self.bucket_regions = {}  # buckets that are elsewhere
        self.lambdas = {}         # function: a callable of the payload, or the answer's bytes
        self.secrets = {}
        self.function_errors = {}  # function: the error document it answers with
        self.shadows = {}         # (thing, shadow or ""): document
        self.things = {}          # "DescribeThing/THING", "ListThingGroupsForThing/THING": document
        self.log_streams = None   # None: all exist; or a set of (group, stream)
        self.log_groups = None    # None: all exist; or a set
        self.bad_names = set()    # metrics that PutMetricData refuses
        self.executions = {}      # ARN: input
        self.documents = {}       # path: body
        self.clock = 0.0          # seconds ahead of ours
        self.session_seconds = 3600  # of keys that STS and the others give
        self.imds_v2 = self.imds_v1 = True
        self.imds_role = "stub-role"
        self.imds_region = "eu-north-1"
        self.auth_token = None    # that the container endpoint wants
        self.given = 0
        self.tls, self.client_ca = tls, client_ca
        load_plugins()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_):
                pass

            def any(self):
                stub.handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                pass  # a client that hangs up is none of our business

            def get_request(self):
                sock, address = super().get_request()
                if stub.context:
                    sock.settimeout(10)
                    sock = stub.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                return sock, address

            def finish_request(self, request, client_address):
                if stub.context:
                    request.do_handshake()
                    request.settimeout(None)
                super().finish_request(request, client_address)

        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
            if client_ca:
                self.context.load_verify_locations(client_ca)
                self.context.verify_mode = ssl.CERT_REQUIRED
        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def now(self):
        return time.time() + self.clock

    def fail(self, kind, service=None, operation=None, times=1, **more):
        with self.lock:
            self.failures.append({"kind": kind, "service": service, "operation": operation, "times": times, "gate": self.gate, **more})

    def release(self):
        """What is held goes on; what is held from now on waits for the next call."""
        with self.lock:
            self.gate.set()
            self.gate = threading.Event()

    def reset(self):
        with self.lock:
            self.requests, self.failures, self.objects, self.items = [], [], {}, {}
            self.executions, self.documents = {}, {}

    def seen(self, service=None, operation=None):
        with self.lock:
            return [r for r in self.requests if (service is None or r["service"] == service)
                    and (operation is None or r["operation"] == operation)]

    # ---- one request

    def handle(self, h):
        try:
            body = self.read_body(h)
            if h.path.startswith("/_stub/"):
                self.send(h, self.control(h.path[7:], body))
                return
            r = Request(h.command, h.path, list(h.headers.items()), body, bool(self.tls))
            r.peer = h.connection.getpeercert() if self.tls else None
            answer, failure = self.answer(r)
            with self.lock:
                self.requests.append(self.record(r, answer, failure))
            self.deliver(h, answer, failure)
        except (ConnectionError, ssl.SSLError, TimeoutError, ValueError):
            h.close_connection = True

    @staticmethod
    def read_body(h):
        if h.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while True:
                size = int(h.rfile.readline().split(b";")[0], 16)
                body += h.rfile.read(size)
                h.rfile.readline()
                if size == 0:
                    return body
        return h.rfile.read(int(h.headers.get("Content-Length") or 0))

    def record(self, r, answer, failure):
        try:
            text = r.body.decode()
        except UnicodeDecodeError:
            text = None
        return {"method": r.method, "path": r.path, "query": r.query, "headers": dict(r.names), "body": text,
                "body_base64": base64.b64encode(r.body).decode(), "service": r.service, "operation": r.operation,
                "region": r.region, "key_id": r.key_id, "signed": r.signed, "why": r.why,
                "status": answer.status, "failure": failure and failure["kind"]}

    def next_failure(self, r):
        with self.lock:
            for f in self.failures:
                if f["times"] != 0 and f["service"] in (None, r.service) and f["operation"] in (None, r.operation):
                    f["times"] -= 1
                    return f
        return None

    def answer(self, r):
        failure = self.next_failure(r)
        if not failure or failure["kind"] in ("partial", "cut", "slow", "damage", "hang", "hold"):
            given = self.unsigned(r)
            if given:
                return given, failure
            wrong = r.verify(self.keys, self.now())
            if wrong:
                return self.error(r, 403, *wrong), failure
            if r.service == "s3":
                moved = self.moved(r)
                if moved:
                    return moved, failure
            handler = ANSWERS.get((r.service, r.operation)) or ANSWERS.get((r.service, None)) or (lambda *_: Answer(200, {}))
            return handler(self, r, failure if failure and failure["kind"] == "partial" else None), failure
        return self.failed(r, failure), failure

    def failed(self, r, f):
        kind = f["kind"]
        if kind == "throttle":
            status, code = THROTTLES.get(r.service, (400, "ThrottlingException"))
            return self.error(r, status, code, "Rate exceeded", f.get("headers", ()))
        if kind == "redirect":
            return Answer(f.get("status", 301), b"", [("Location", f["location"])])
        if kind == "error":
            return self.error(r, f.get("status", 400), f["code"], f.get("message", "told to fail"), f.get("headers", ()))
        return Answer(f.get("status", 500), f.get("body", b""), f.get("headers", ()))

    def error(self, r, status, code, message, headers=()):
        if r.service in ERRORS:
            return ERRORS[r.service](status, code, message)
        identity = str(uuid.uuid4())
        headers = [("x-amzn-RequestId", identity), *headers]
        if r.service == "s3":
            text = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{escape(code)}</Code><Message>{escape(message)}'
                    f"</Message><RequestId>{identity}</RequestId></Error>")
            return Answer(status, b"" if r.method == "HEAD" else text,
                          [("x-amz-request-id", identity), ("Content-Type", "application/xml"), *headers[1:]])
        if r.service in XML_SERVICES or r.form:
            text = (f'<ErrorResponse xmlns="http://{r.service}.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
                    f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
                    f"<RequestId>{identity}</RequestId></ErrorResponse>")
            return Answer(status, text, [("Content-Type", "text/xml"), *headers])
        if r.service in REST_SERVICES:
            return Answer(status, {"message": message},
                          [("x-amzn-ErrorType", code + ":http://internal.amazon.com/coral/"),
                           ("Content-Type", "application/json"), *headers])
        if r.service == "sqs" and r.names.get("x-amzn-query-mode") == "true":
            headers.append(("x-amzn-query-error", f"AWS.SimpleQueueService.{code};Sender"))
        return Answer(status, {"__type": f"com.amazonaws.{r.service}#{code}", "message": message},
                      [("Content-Type", "application/x-amz-json-1.0"), *headers])

    def moved(self, r):
        bucket, _ = s3_name(r)
        region = self.bucket_regions.get(bucket)
        if not region or region == r.region:
            return None
        answer = self.error(r, 301, "PermanentRedirect", "The bucket you are attempting to access must be addressed "
                            "using the specified endpoint.", [("x-amz-bucket-region", region)])
        answer.headers.append(("Location", f"{self.url}/elsewhere"))
        return answer

    # ---- providers of credentials, which nobody signs for

    def give_keys(self):
        with self.lock:
            self.given += 1
            key, secret, token = (f"ASIASTUB{self.given:012d}", "given/" + uuid.uuid4().hex, "token+/" + uuid.uuid4().hex)
            expires = self.now() + self.session_seconds
            self.keys[key] = (secret, token, expires)
            return key, secret, token, iso(expires)

    def unsigned(self, r):
        if r.signed:
            return None
        if r.path.startswith("/latest/"):
            return self.imds(r)
        if r.path.startswith("/creds"):
            if self.auth_token and r.names.get("authorization") != self.auth_token:
                return Answer(403, {"code": "Unauthorized", "message": "no"})
            return self.keys_answer()
        if r.path.startswith("/role-aliases/"):
            key, secret, token, expires = self.give_keys()
            return Answer(200, {"credentials": {"accessKeyId": key, "secretAccessKey": secret, "sessionToken": token,
                                                "expiration": expires}})
        if r.form.get("Action") == "AssumeRoleWithWebIdentity":
            if r.form.get("WebIdentityToken") != "web-identity-token":
                return self.error(r, 400, "InvalidIdentityToken", "The web identity token is invalid")
            return assume_role(self, r, None)
        return None

    def keys_answer(self):
        key, secret, token, expires = self.give_keys()
        return Answer(200, {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": secret,
                            "Token": token, "Expiration": expires})

    def imds(self, r):
        if r.path == "/latest/api/token":
            if not self.imds_v2:
                return Answer(404)
            if r.method != "PUT" or r.names.get("x-aws-ec2-metadata-token-ttl-seconds") != "21600":
                return Answer(400)
            return Answer(200, "imds-token==")
        with_token = r.names.get("x-aws-ec2-metadata-token") == "imds-token=="
        if not (with_token if self.imds_v2 else self.imds_v1):
            return Answer(401)
        roles = "/latest/meta-data/iam/security-credentials/"
        if r.path == roles:
            return Answer(200, self.imds_role) if self.imds_role else Answer(404)
        if r.path == roles + str(self.imds_role):
            return self.keys_answer()
        if r.path == "/latest/meta-data/placement/region":
            return Answer(200, self.imds_region)
        return Answer(404)

    # ---- sending

    def send(self, h, answer, body=None):
        body = answer.body if body is None else body
        h.send_response(answer.status)
        for name, value in answer.headers:
            h.send_header(name, value)
        h.send_header("Content-Length", str(len(answer.body)))
        h.end_headers()
        if h.command != "HEAD":
            h.wfile.write(body)
        h.wfile.flush()

    def deliver(self, h, answer, failure):
        h.date_time_string = lambda timestamp=None: time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(self.now()))
        kind = failure["kind"] if failure else None
        if kind == "hang":
            time.sleep(failure.get("seconds", 5))
        if kind == "hold":
            failure["gate"].wait(30)
        if kind == "reset":
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            h.close_connection = True
            h.connection.close()
            return
        if kind == "cut":
            answer.body = answer.body or b"0123456789"
            self.send(h, answer, answer.body[:len(answer.body) // 2])
            h.close_connection = True
            return
        if kind == "slow":
            answer.body = answer.body or b"0123456789"
            self.send(h, answer, b"")
            for i in range(len(answer.body)):
                h.wfile.write(answer.body[i:i + 1])
                h.wfile.flush()
                time.sleep(failure.get("seconds", 5) / len(answer.body))
            return
        if kind == "damage":
            answer.headers = [x for x in answer.headers if x[0] != "x-amz-crc32"] + [("x-amz-crc32", "1")]
        self.send(h, answer)

    def control(self, what, body):
        if what == "requests":
            with self.lock:
                return Answer(200, self.requests)
        told = json.loads(body or b"{}")
        if what == "fail":
            self.fail(told.pop("kind"), **told)
        elif what == "keys":
            self.keys.update({k: tuple(v) for k, v in told.items()})
        elif what == "reset":
            self.reset()
        elif what == "set":  # public members: {"clock": 3600, "bucket_regions": {"b": "eu-west-1"}}
            for name, value in told.items():
                setattr(self, name, value)
        else:
            return Answer(404, "fail, keys, requests, reset or set\n")
        return Answer(200, {})


# ---- what the services answer: (service, operation; None: any): handler(stub, request, partial failure)

def s3_name(r):
    path = urllib.parse.unquote(r.path)[1:]
    host = r.names.get("host", "")
    bucket = host.split(".s3.")[0] if ".s3." in host else None
    if bucket:
        return bucket, path
    bucket, _, key = path.partition("/")
    return bucket, key


def s3_put(stub, r, _):
    tag = '"' + hashlib.md5(r.body).hexdigest() + '"'
    with stub.lock:
        stub.objects[s3_name(r)] = (r.body, dict(r.names))
    return Answer(200, b"", [("ETag", tag), ("x-amz-request-id", "S3STUB")])


def s3_get(stub, r, _):
    found = stub.objects.get(s3_name(r))
    return Answer(200, found[0], [("Content-Type", found[1].get("content-type", "binary/octet-stream"))]) if found \
        else stub.error(r, 404, "NoSuchKey", "The specified key does not exist.")


def s3_delete(stub, r, _):
    stub.objects.pop(s3_name(r), None)
    return Answer(204)


def dynamodb(answer):
    def handle(stub, r, partial):
        body = json.dumps(answer(stub, r.json(), partial), separators=(",", ":")).encode()
        return Answer(200, body, [("x-amz-crc32", str(zlib.crc32(body))), ("Content-Type", "application/x-amz-json-1.0"),
                                  ("x-amzn-RequestId", str(uuid.uuid4()))])
    return handle


def put_item(stub, b, _):
    with stub.lock:
        stub.items.setdefault(b["TableName"], []).append(b["Item"])
    return {}


def get_item(stub, b, _):
    found = [i for i in stub.items.get(b["TableName"], []) if all(i.get(k) == v for k, v in b["Key"].items())]
    return {"Item": found[-1]} if found else {}


def batch_write(stub, b, partial):
    failed = set(partial.get("indexes", [])) if partial else set()
    left, at = {}, 0
    for table, puts in b["RequestItems"].items():
        for put in puts:
            if at in failed:
                left.setdefault(table, []).append(put)
            elif "PutRequest" in put:
                put_item(stub, {"TableName": table, "Item": put["PutRequest"]["Item"]}, None)
            at += 1
    return {"UnprocessedItems": left}


def failed_at(partial, index):
    return partial and index in partial.get("indexes", [])


def sqs_send(stub, r, _):
    text = r.form.get("MessageBody") if r.form else r.json()["MessageBody"]
    sum_ = hashlib.md5(text.encode()).hexdigest()
    if r.form:
        return query_answer("SendMessage", f"<MessageId>{uuid.uuid4()}</MessageId><MD5OfMessageBody>{sum_}</MD5OfMessageBody>")
    return Answer(200, {"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": sum_})


def sqs_batch(stub, r, partial):
    good, bad = [], []
    for i, e in enumerate(r.json()["Entries"]):
        if failed_at(partial, i):
            bad.append({"Id": e["Id"], "SenderFault": partial.get("sender", False), "Code": partial.get("code", "InternalError")})
        else:
            good.append({"Id": e["Id"], "MessageId": str(uuid.uuid4()),
                         "MD5OfMessageBody": hashlib.md5(e["MessageBody"].encode()).hexdigest()})
    return Answer(200, {"Successful": good, "Failed": bad} if bad else {"Successful": good})


def query_answer(operation, inner):
    return Answer(200, f"<{operation}Response><{operation}Result>{inner}</{operation}Result><ResponseMetadata><RequestId>"
                  f"{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>", [("Content-Type", "text/xml")])


def sns_batch(stub, r, partial):
    good, bad, i = "", "", 0
    while f"PublishBatchRequestEntries.member.{i + 1}.Id" in r.form:
        identity = escape(r.form[f"PublishBatchRequestEntries.member.{i + 1}.Id"])
        if failed_at(partial, i):
            bad += (f"<member><Id>{identity}</Id><Code>{partial.get('code', 'InternalError')}</Code><SenderFault>"
                    f"{str(partial.get('sender', False)).lower()}</SenderFault></member>")
        else:
            good += f"<member><Id>{identity}</Id><MessageId>{uuid.uuid4()}</MessageId></member>"
        i += 1
    return query_answer("PublishBatch", f"<Successful>{good}</Successful><Failed>{bad}</Failed>")


def records(list_name, answer_name, count_name, good):
    """PutRecords and PutRecordBatch."""
    def handle(stub, r, partial):
        out = []
        for i, _ in enumerate(r.json()[list_name]):
            out.append({"ErrorCode": partial.get("code", "InternalFailure"), "ErrorMessage": "told to fail"}
                       if failed_at(partial, i) else good(i))
        return Answer(200, {count_name: sum("ErrorCode" in o for o in out), answer_name: out})
    return handle


def invoke(stub, r, _):
    name = urllib.parse.unquote(r.path.split("/")[3])
    if r.names.get("x-amz-invocation-type") == "Event":
        return Answer(202)
    if name in stub.function_errors:
        return Answer(200, stub.function_errors[name], [("X-Amz-Function-Error", "Unhandled")])
    given = stub.lambdas.get(name, b"null")
    return Answer(200, given(r.body) if callable(given) else given, [("Content-Type", "application/json")])


def assume_role(stub, r, _):
    key, secret, token, expires = stub.give_keys()
    arn = escape(r.form.get("RoleArn", ""))
    return query_answer(r.operation, f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}"
                        f"</SecretAccessKey><SessionToken>{escape(token)}</SessionToken><Expiration>{expires}</Expiration>"
                        f"</Credentials><AssumedRoleUser><Arn>{arn}/{escape(r.form.get('RoleSessionName', ''))}</Arn>"
                        "<AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>")


def shadow(stub, r, _):
    name = dict(urllib.parse.parse_qsl(r.query)).get("name", "")
    found = stub.shadows.get((urllib.parse.unquote(r.path.split("/")[2]), name))
    return Answer(200, found) if found else stub.error(r, 404, "ResourceNotFoundException", "No shadow exists with that name")


def registry(stub, r, _):
    parts = r.path.split("/")
    if len(parts) < 3 or parts[1] != "things":
        return Answer(200, {})
    operation = "ListThingGroupsForThing" if parts[-1] == "thing-groups" else "DescribeThing"
    found = stub.things.get(f"{operation}/{urllib.parse.unquote(parts[2])}")
    return Answer(200, found) if found else stub.error(r, 404, "ResourceNotFoundException", "Thing cannot be found.")


def get_secret(stub, r, _):
    name = r.json()["SecretId"]
    if name not in stub.secrets:
        return stub.error(r, 400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    return Answer(200, {"Name": name, "SecretString": stub.secrets[name], "ARN": name, "VersionId": "1"})


ANSWERS = {
    ("s3", "PutObject"): s3_put, ("s3", "GetObject"): s3_get, ("s3", "HeadObject"): s3_get, ("s3", "DeleteObject"): s3_delete,
    ("dynamodb", "PutItem"): dynamodb(put_item), ("dynamodb", "GetItem"): dynamodb(get_item),
    ("dynamodb", "UpdateItem"): dynamodb(lambda *_: {}), ("dynamodb", "DeleteItem"): dynamodb(lambda *_: {}),
    ("dynamodb", "BatchWriteItem"): dynamodb(batch_write),
    ("sqs", "SendMessage"): sqs_send, ("sqs", "SendMessageBatch"): sqs_batch,
    ("sns", "Publish"): lambda *_: query_answer("Publish", f"<MessageId>{uuid.uuid4()}</MessageId>"),
    ("sns", "PublishBatch"): sns_batch,
    ("kinesis", "PutRecord"): lambda *_: Answer(200, {"ShardId": "shardId-000000000000", "SequenceNumber": "1"}),
    ("kinesis", "PutRecords"): records("Records", "Records", "FailedRecordCount",
                                       lambda i: {"ShardId": "shardId-000000000000", "SequenceNumber": str(i + 1)}),
    ("firehose", "PutRecord"): lambda *_: Answer(200, {"RecordId": "1"}),
    ("firehose", "PutRecordBatch"): records("Records", "RequestResponses", "FailedPutCount", lambda i: {"RecordId": str(i + 1)}),
    ("lambda", "Invoke"): invoke,
    ("sts", "AssumeRole"): assume_role,
    ("sts", "GetCallerIdentity"): lambda s, r, p: query_answer(
        "GetCallerIdentity", f"<Arn>arn:aws:iam::123456789012:user/{r.key_id}</Arn><Account>123456789012</Account>"),
    ("secretsmanager", "GetSecretValue"): get_secret,
    ("iotdata", "Shadow"): shadow, ("execute-api", "GET"): registry,
}
ERRORS = {}  # service: what its errors look like, as a function of status, code and message


def load_plugins():
    """What stands in the files aws_NAME.py beside this one: ANSWERS, THROTTLES, ERRORS of more services."""
    here = pathlib.Path(__file__).resolve().parent
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    for path in sorted(here.glob("aws_*.py")):
        if path.stem != "aws_stub":
            plugin = importlib.import_module(path.stem)
            ANSWERS.update(plugin.ANSWERS)
            THROTTLES.update(getattr(plugin, "THROTTLES", {}))
            ERRORS.update(getattr(plugin, "ERRORS", {}))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--client-ca")
    a = p.parse_args()
    stub = Stub(a.port, (a.cert, a.key) if a.cert else None, a.client_ca)
    print(f"listening {stub.port}", flush=True)
    try:
        stub.server.serve_forever()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
