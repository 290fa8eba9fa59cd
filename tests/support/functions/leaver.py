"""A process for test_lambda.c that serves one event, asks for the next, hangs up and stays."""

import http.client
import os
import time

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
response = api.getresponse()
response.read()
request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", "null")
api.getresponse().read()
api.request("GET", "/2018-06-01/runtime/invocation/next")
time.sleep(0.1)
api.close()
time.sleep(60)
