#!/usr/bin/python3
"""Runs a Python function under the Lambda Runtime API, with the standard library alone.

Write `def handler(event, context)` in FILE.py and start this with _HANDLER=FILE.handler, in the folder
of FILE.py. In weir.yaml:

    sinks:
      lambda:
        functions:
          alarm:
            command: /usr/bin/python3 python_runtime.py
            cwd: examples/functions
            handler: alarm.handler

What the function returns becomes the result, what it raises the error. It ends when weir does.
"""

import http.client
import importlib
import json
import os
import sys
import time
import traceback

API = "/2018-06-01/runtime"


class Context:
    """What AWS hands to a function beside the event: the members that make sense here."""

    def __init__(self, headers):
        self.aws_request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.deadline_ms = int(headers.get("Lambda-Runtime-Deadline-Ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(0, self.deadline_ms - int(time.time() * 1000))


def error_document(error):
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": frames}


def call(api, method, path, document=None, headers=None):
    """One request; the body is read in full, so that the connection can be used again."""
    body = None if document is None else json.dumps(document).encode()
    api.request(method, API + path, body, headers or {})
    response = api.getresponse()
    return response, response.read()


def post_error(api, path, error):
    document = error_document(error)
    call(api, "POST", path, document, {"Lambda-Runtime-Function-Error-Type": document["errorType"]})


def load_handler(name):
    module, _, function = name.rpartition(".")
    if not module:
        raise ValueError(f"_HANDLER is {name!r}; it must be FILE.FUNCTION")
    sys.path.insert(0, os.getcwd())
    return getattr(importlib.import_module(module.replace("/", ".")), function)


def serve_one(api, handler):
    response, body = call(api, "GET", "/invocation/next")
    if response.status != 200:
        raise OSError(f"invocation/next: status {response.status}")
    context = Context(response.headers)
    os.environ["_X_AMZN_TRACE_ID"] = response.headers.get("Lambda-Runtime-Trace-Id", "")
    path = f"/invocation/{context.aws_request_id}"
    try:
        result = handler(json.loads(body), context)
        json.dumps(result)
    except Exception as error:  # the function's, whatever it is
        traceback.print_exc()
        post_error(api, path + "/error", error)
        return
    response, _ = call(api, "POST", path + "/response", result)
    if response.status == 413:
        post_error(api, path + "/error", ValueError("the result is too large"))


def main():
    sys.stdout.reconfigure(line_buffering=True)  # what a crash interrupts is in the log
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ.get("_HANDLER", ""))
    except Exception as error:
        traceback.print_exc()
        post_error(api, "/init/error", error)
        return 1
    try:
        while True:
            serve_one(api, handler)
    except (OSError, http.client.HTTPException):
        return 0  # weir has gone; so do we


if __name__ == "__main__":
    sys.exit(main())
