"""Nothing that was acknowledged is lost, and nothing is acknowledged early: broker and weir end in the
middle, politely and not, and a function hangs.

    test_durability.py WEIR [test_NAME]...
"""
import json
import re
import threading
import time

import support
from support import Broker, tap, wait_for
from weir import Weir, binary, function, rule, s3

HANG = """
import json, os, sys, time
def handler(event, context):
    time.sleep(event.get("hang", 0) if os.environ.get("MAY_HANG") else 0)
    return event
"""


def lines(count, start=0, **members):
    return (json.dumps({"n": n, **members}) for n in range(start, start + count))


def each(weir, bucket="box"):
    """{n: how often}, of objects whose keys are N/UUID. A folder is made before its object is in it."""
    return {int(n): count for n, count in weir.folders(bucket).items() if count}


def check_all(seen, count, duplicates=True):
    """Every one of `count` messages has a result; the number of those that have more."""
    missing = sorted(set(range(count)) - set(seen))
    tap.check(not missing, f"{len(missing)} of {count} messages are lost: {missing[:20]}")
    tap.equal(len(seen), count, "messages nobody sent")
    more = sum(seen.values()) - count
    tap.note(f"{count} messages, {more} results twice")
    tap.check(duplicates or more == 0, f"{more} messages were handled twice")
    return more


EACH = {"each": rule("SELECT n FROM 'in/#'", s3("box", "${n}/${newuuid()}"))}


def sending(broker, topic, rows):
    thread = threading.Thread(target=broker.publish_lines, args=(topic, list(rows)), daemon=True)
    thread.start()
    return thread


def test_broker_restart():
    """the broker restarts: what came meanwhile is handled, and nothing twice"""
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, EACH) as weir:
        broker.publish_lines("in/a", lines(1000))
        broker.restart()  # weir has some of them
        broker.publish_lines("in/b", lines(1000, 1000))
        wait_for(lambda: len(each(weir)) == 2000, lambda: f"all messages; {weir.totals()}", every=0.2)
        wait_for(lambda: weir.totals()["live"] == 0, "the last ones to settle")
        check_all(each(weir), 2000)
        wait_for(lambda: "Received PUBACK" in broker.log, "acknowledgements")
        support.stays(lambda: weir.process.alive(), "weir runs", seconds=0.1)
        totals = weir.totals()
        tap.equal((totals["mqtt"]["connects"], totals["mqtt"]["connected"]), (2, True), "connections")


def test_broker_away_long():
    """the broker is away for a while: weir waits, and its own results wait with it"""
    rules = {**EACH, "tell": rule("SELECT n FROM 'in/#'",
                                  {"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": "out",
                                                 "qos": 1}})}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("in/a", '{"n": 0}')
        weir.wait_settled(1)
        broker.stop()
        wait_for(lambda: not weir.totals()["mqtt"]["connected"], "weir to notice")
        time.sleep(1.5)
        broker.start()
        seen = broker.subscriber("out")
        wait_for(lambda: weir.totals()["mqtt"]["connected"], "weir to come back")
        weir.process.wait_line("publisher: connected", start=next(
            i for i, x in enumerate(weir.process.err_lines) if "publisher: connection" in x))
        broker.publish("in/a", '{"n": 1}')
        wait_for(lambda: Broker.messages(seen), "the republished message")
        check_all(each(weir), 2, duplicates=False)


def test_sigterm():
    """SIGTERM with messages on the way: what is under way is finished, the rest waits in the session"""
    count = 6000
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, EACH) as weir:
        thread = sending(broker, "in/a", lines(count))
        wait_for(lambda: weir.totals()["messages"] > 300, "the first messages", every=0.01)
        weir.stop()
        tap.check(thread.is_alive() or len(each(weir)) < count, "it stopped in the middle")
        first = len(each(weir))
        thread.join()
        weir.start()
        wait_for(lambda: len(each(weir)) == count, "all messages", every=0.2)
        wait_for(lambda: weir.totals()["live"] == 0, "the last ones to settle")
        tap.note(f"{first} before, {count - first} after")
        check_all(each(weir), count, duplicates=False)


def test_sigkill():
    """SIGKILL in the middle of 10,000 messages: every result is there after a restart"""
    count = 10000
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, EACH) as weir:
        thread = sending(broker, "in/a", lines(count))
        for _ in range(2):
            wait_for(lambda: weir.totals()["messages"] > 1000, "messages", every=0.01)
            weir.kill()
            tap.check(len(each(weir)) < count, "it ended in the middle")
            weir.start(wait=False)
            weir.process.wait_line("started: pid")
        thread.join()
        wait_for(lambda: len(each(weir)) == count, "all messages", every=0.3)
        wait_for(lambda: weir.totals()["live"] == 0, "the last ones to settle")
        check_all(each(weir), count)


def hanging(**settings):
    """weir.yaml with a function that answers after event.hang seconds."""
    folder = support.temp_dir("wr-function-")
    support.write_file(folder + "/hang.py", HANG)
    runtime = support.read_file(__file__.rsplit("/", 1)[0] + "/../../examples/functions/python_runtime.py")
    support.write_file(folder + "/python_runtime.py", runtime)
    return {"mqtt": {"hold_max": "300ms", "reconnect_min": "50ms"}, "drain": "500ms", "sinks": {"lambda": {"functions": {
        "hang": {"command": "/usr/bin/python3 python_runtime.py", "cwd": folder, "handler": "hang.handler",
                 "env": "MAY_HANG=1", "timeout": "40s", "retries": 0, **settings}}}}}


SLOW = {"slow": rule("SELECT * FROM 'slow/+'", function("hang"), error=s3("failed", "${n}")),
        "quick": rule("SELECT n FROM 'quick/+'", s3("quick", "${n}/${newuuid()}"))}


def acks(broker, client):
    return len(re.findall(f"Received PUBACK from {client}", broker.log))


def test_sink_hangs():
    """a function hangs for 20 s: no acknowledgement before its answer, nothing lost, nothing twice"""
    with Broker() as broker, Weir(broker, SLOW, hanging()) as weir:
        broker.publish("slow/a", '{"n": 0, "hang": 20}')
        wait_for(lambda: weir.totals()["live"] == 1, "the message")
        broker.publish_lines("quick/a", lines(50))
        began = time.monotonic()
        wait_for(lambda: weir.totals()["mqtt"]["holdsBroken"] == 1, "the connection to be given up")

        def still():
            t = weir.totals()
            return t["mqtt"]["acknowledged"] == 0 and t["live"] >= 1 and acks(broker, weir.client_id) == 0
        support.stays(still, "no acknowledgement", seconds=15, every=0.5)
        tap.equal(weir.results("hang"), [], "it hangs still")
        wait_for(lambda: weir.results("hang"), "the answer")
        tap.check(time.monotonic() - began > 17, "it hung")
        wait_for(lambda: len(each(weir, "quick")) == 50, "the other messages")
        wait_for(lambda: acks(broker, weir.client_id) == 51, "all acknowledgements")
        check_all(each(weir, "quick"), 50)
        tap.equal(len(weir.results("hang")), 1, "calls of the function")
        totals = weir.totals()["mqtt"]
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
            broker.publish("slow/a", '{"n": 1, "hang": 30}')
            broker.publish("slow/b", '{"n": 2, "hang": 30}')
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
