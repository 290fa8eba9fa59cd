"""The function of test_lambda.c, under examples/functions/python_runtime.py: does what its event says."""

import os
import signal
import subprocess
import sys
import time

if os.environ.get("INIT") == "raise":
    raise RuntimeError("not today")
if os.environ.get("INIT") == "sleep":
    time.sleep(60)
if os.environ.get("INIT") == "exit":
    sys.exit(3)

served = 0


def handler(event, context):
    global served
    served += 1
    do = event.get("do")
    if do == "raise":
        raise ValueError('no such "bin"')
    if do == "once":  # fails until its mark is there
        if not os.path.exists(event["mark"]):
            open(event["mark"], "w").close()
            raise ValueError("first time")
    if do == "sleep":
        time.sleep(event["seconds"])
    if do == "exit":
        os._exit(event["status"])
    if do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "child":
        subprocess.Popen(["sleep", "60"])
    if do == "print":
        print("a line", flush=True)
        print("an error line", file=sys.stderr, flush=True)
        print("no end", end="", flush=True)
    if do == "pretty":
        return {"a": "x\ny"}
    return {"event": event, "pid": os.getpid(), "served": served, "id": context.aws_request_id,
            "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis(),
            "env": {name: os.environ.get(name) for name in event.get("env", [])}}
