"""ack: settled: nothing that was acknowledged is lost, and nothing is acknowledged early: broker and weir end
in the middle, politely and not. test_spool.py is the same for ack: durable.

    test_durability.py WEIR [test_NAME]...
"""
import json
import threading
import time

import support
from support import Broker, tap, wait_for
from weir import Weir, binary, rule, s3


def lines(count, start=0):
    return (json.dumps({"n": n}) for n in range(start, start + count))


def each(weir):
    """{n: how often}, of objects whose keys are N/UUID. A folder is made before its object is in it."""
    return {int(n): count for n, count in weir.folders("box").items() if count}


def check_all(seen, count, duplicates=True):
    """Every one of `count` messages has a result; the number of those that have more."""
    missing = sorted(set(range(count)) - set(seen))
    tap.check(not missing, f"{len(missing)} of {count} messages are lost: {missing[:20]}")
    tap.equal(len(seen), count, "messages nobody sent")
    more = sum(seen.values()) - count
    tap.note(f"{count} messages, {more} results twice")
    tap.check(duplicates or more == 0, f"{more} messages were handled twice")
    return more


SETTLED = {"ack": "settled", "drain": "60s"}  # a busy disk must not cut the draining short
EACH = {"each": rule("SELECT n FROM 'in/#'", s3("box", "${n}/${newuuid()}"))}


def sending(broker, topic, rows):
    thread = threading.Thread(target=broker.publish_lines, args=(topic, list(rows)), daemon=True)
    thread.start()
    return thread


def test_broker_restart():
    """the broker restarts: what came meanwhile is handled"""
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, EACH, SETTLED) as weir:
        broker.publish_lines("in/a", lines(1000))
        broker.restart()  # weir has some of them
        broker.publish_lines("in/b", lines(1000, 1000))
        wait_for(lambda: len(each(weir)) == 2000, lambda: f"all messages; {weir.totals()}", every=0.2)
        wait_for(lambda: weir.totals()["live"] == 0, "the last ones to settle")
        check_all(each(weir), 2000)
        totals = weir.totals()
        tap.equal((totals["mqtt"]["connects"], totals["mqtt"]["connected"]), (2, True), "connections")


def test_broker_away_long():
    """the broker is away for a while: weir waits, and its own results wait with it"""
    rules = {**EACH, "tell": rule("SELECT n FROM 'in/#'",
                                  {"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": "out",
                                                 "qos": 1}})}
    with Broker() as broker, Weir(broker, rules, SETTLED) as weir:
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
        wait_for(lambda: weir.totals()["live"] == 0, "the message to settle")
        check_all(each(weir), 2, duplicates=False)


def test_sigterm():
    """SIGTERM with messages on the way: what is under way is finished, the rest waits in the session"""
    count = 4000
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, EACH, SETTLED) as weir:
        thread = sending(broker, "in/a", lines(count))
        wait_for(lambda: weir.totals()["messages"] > 300, "the first messages", every=0.01)
        weir.stop()
        tap.check(thread.is_alive() or len(each(weir)) < count, "it stopped in the middle")
        first = len(each(weir))
        thread.join()
        weir.start()
        wait_for(lambda: len(each(weir)) == count, "all messages", 120, every=0.2)
        wait_for(lambda: weir.totals()["live"] == 0, "the last ones to settle")
        tap.note(f"{first} before, {count - first} after")
        check_all(each(weir), count, duplicates=False)


def test_sigkill():
    """SIGKILL in the middle of 10,000 messages: every result is there after a restart"""
    count = 10000
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, EACH, SETTLED) as weir:
        thread = sending(broker, "in/a", lines(count))
        for _ in range(2):
            wait_for(lambda: weir.totals()["messages"] > 1000, "messages", every=0.01)
            weir.kill()
            tap.check(len(each(weir)) < count, "it ended in the middle")
            weir.start(wait=False)
            weir.process.wait_line("started: pid")
        thread.join()
        wait_for(lambda: len(each(weir)) == count, "all messages", 120, every=0.3)  # a busy disk syncs some hundred a second
        wait_for(lambda: weir.totals()["live"] == 0, "the last ones to settle")
        check_all(each(weir), count)


if __name__ == "__main__":
    binary()
    support.main(globals())
