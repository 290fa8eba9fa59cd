"""ack: settled and a function that hangs: nothing is acknowledged before its end, nothing is lost, nothing done twice.

    test_hanging.py WEIR [test_NAME]...
"""
import json
import os
import re
import time

import support
from support import Broker, tap, wait_for
from weir import EXAMPLES, Weir, binary, function, rule, s3

HANG = """
import os, time
def handler(event, context):
    time.sleep(event.get("hang", 0) if os.environ.get("MAY_HANG") else 0)
    return event
"""


def hanging(**settings):
    """weir.yaml with a function that answers after event.hang seconds."""
    folder = support.temp_dir("wr-function-")
    support.write_file(folder + "/hang.py", HANG)
    runtime = support.read_file(os.path.join(EXAMPLES, "functions", "python_runtime.py"))
    support.write_file(folder + "/python_runtime.py", runtime)
    return {"ack": "settled", "mqtt": {"hold_max": "300ms", "reconnect_min": "50ms"}, "drain": "500ms", "sinks": {"lambda": {"functions": {
        "hang": {"command": "/usr/bin/python3 python_runtime.py", "cwd": folder, "handler": "hang.handler",
                 "env": "MAY_HANG=1", "timeout": "60s", "retries": 0, **settings}}}}}


SLOW = {"slow": rule("SELECT * FROM 'slow/+'", function("hang"), error=s3("failed", "${n}")),
        "quick": rule("SELECT n FROM 'quick/+'", s3("quick", "${n}/${newuuid()}"))}


def acks(broker, client):
    return len(re.findall(f"Received PUBACK from {client}", broker.log))


def test_sink_hangs():
    """a function hangs for 30 s: no acknowledgement before its answer, nothing lost, nothing twice"""
    with Broker() as broker, Weir(broker, SLOW, hanging()) as weir:
        broker.publish("slow/a", '{"n": 0, "hang": 30}')
        wait_for(lambda: weir.totals()["live"] == 1, "the message")
        broker.publish_lines("quick/a", (json.dumps({"n": n}) for n in range(50)))
        began = time.monotonic()
        if support.is_native():
            wait_for(lambda: len(weir.folders("quick")) == 50, "the other messages, which need not wait")
        else:
            wait_for(lambda: weir.totals()["mqtt"]["holdsBroken"] == 1, "the connection to be given up")

        def still():
            t = weir.totals()
            return t["mqtt"]["acknowledged"] == 0 and t["live"] >= 1 and acks(broker, weir.client_id) == 0
        support.stays(still, "no acknowledgement", seconds=25, every=0.5)
        tap.equal(weir.results("hang"), [], "it hangs still")
        wait_for(lambda: weir.results("hang"), "the answer")
        tap.check(time.monotonic() - began > 27, "it hung")
        wait_for(lambda: len(weir.folders("quick")) == 50, "the other messages")
        wait_for(lambda: acks(broker, weir.client_id) == 51, "all acknowledgements")
        tap.equal(weir.folders("quick"), {str(n): 1 for n in range(50)}, "results of the others")
        tap.equal(len(weir.results("hang")), 1, "calls of the function")
        totals = weir.totals()["mqtt"]
        if support.is_native():
            tap.equal((totals["duplicatesDropped"], totals["connects"]), (0, 1), "the connection stays")
        else:
            tap.check(totals["duplicatesDropped"] >= 1 and totals["connects"] >= 2, f"redelivery is recognised: {totals}")
        tap.check("exceeded timeout" not in broker.log, "no client fell silent")


def test_sink_never_answers():
    """a function that never answers is ended by its timeout: error action, then the acknowledgement"""
    with Broker() as broker, Weir(broker, SLOW, hanging(timeout="3s")) as weir:
        broker.publish("slow/a", '{"n": 7, "hang": 1000}')
        wait_for(lambda: weir.totals()["live"] == 1, "the message")
        support.stays(lambda: acks(broker, weir.client_id) == 0 and not weir.objects("failed"),
                      "no acknowledgement", seconds=2, every=0.1)
        wait_for(lambda: weir.objects("failed"), "the error action")
        wait_for(lambda: acks(broker, weir.client_id) == 1, "the acknowledgement")
        failure, = json.loads(weir.objects("failed")["7"])["failures"]
        tap.check("Task timed out after 3.00 seconds" in failure["errorMessage"], failure["errorMessage"])
        broker.publish("slow/a", '{"n": 8, "hang": 0}')
        wait_for(lambda: len(weir.results("hang")) == 2, "a fresh process for the next event")
        tap.equal(weir.results("hang")[1]["status"], "ok", "its answer")


def test_end_while_hanging():
    """weir ends while a function hangs, by SIGTERM and by SIGKILL: the message comes again after a restart"""
    for end in (Weir.stop, Weir.kill):
        config = hanging()
        with Broker() as broker, Weir(broker, SLOW, config) as weir:
            broker.publish("slow/a", '{"n": 1, "hang": 50}')
            broker.publish("slow/b", '{"n": 2, "hang": 50}')
            wait_for(lambda: weir.totals()["live"] >= 1, "the message")
            end(weir)
            tap.equal(acks(broker, weir.client_id), 0, "acknowledgements before the end")
            config["sinks"]["lambda"]["functions"]["hang"]["env"] = ""
            weir.configure(config)
            weir.start()
            wait_for(lambda: sorted(r["event"]["n"] for r in weir.results("hang") if r["status"] == "ok") == [1, 2],
                     lambda: f"both answers: {weir.results('hang')}")
            wait_for(lambda: acks(broker, weir.client_id) == 2, "the acknowledgements")
            tap.equal(weir.objects("failed"), {}, "no error action: nothing had failed")


if __name__ == "__main__":
    binary()
    support.main(globals())
