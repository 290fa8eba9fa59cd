"""Threads that evaluate (workers): the order of a topic, the stop, kills, what is said about them. Other tests run with
some too: meson.build sets WEIR_WORKERS.

    test_workers.py WEIR [test_NAME]...
"""
import json
import os
import threading

import support
from http_client import get
from prometheus import Page
from support import Broker, tap, wait_for
from weir import Weir, binary, republish, rule, s3

EACH = {"each": rule("SELECT n FROM 'in/#' WHERE regexp_matches(upper(kind), '^[A-K]+$')", s3("box", "${n}/${newuuid()}"))}


def lines(count, start=0):
    return [json.dumps({"n": n, "kind": "kiln"[:1 + n % 4].replace("l", "b").replace("n", "c")})
            for n in range(start, start + count)]


def sending(broker, topic, rows):
    thread = threading.Thread(target=broker.publish_lines, args=(topic, rows), daemon=True)
    thread.start()
    return thread


def test_order():
    """topics that flow at once: each one's results come in the order of its messages"""
    count, topics = 600, ["a", "b", "c", "d"]
    rules = {"all": rule("SELECT n FROM 'in/+'", republish("out/${topic(2)}", qos=1)),
             "long": rule("SELECT n FROM 'in/+' WHERE regexp_matches(rpad('a', n % 200), '(a|b)*c') = FALSE",
                          republish("late/${topic(2)}", qos=1))}
    with Broker(config="max_queued_messages 20000") as broker, Weir(broker, rules, {"workers": 3}) as weir:
        seen = broker.subscriber("out/#", "late/#")
        threads = [sending(broker, f"in/{topic}", lines(count)) for topic in topics]
        for thread in threads:
            thread.join()
        weir.wait_settled(count * len(topics))
        wait_for(lambda: len(Broker.messages(seen)) == 2 * count * len(topics), "all results")
        got = {}
        for m in Broker.messages(seen):
            got.setdefault(m["topic"], []).append(json.loads(m["payload"])["n"])
        for topic in topics:
            tap.equal(got[f"out/{topic}"], list(range(count)), f"topic {topic}")
            tap.equal(got[f"late/{topic}"], list(range(count)), f"topic {topic}, the other rule")


def test_stop():
    """SIGTERM under load, ack: settled: what was acknowledged is delivered, the rest comes to the next process, once"""
    count = 800
    config = {"workers": 2, "ack": "settled", "drain": "60s"}
    with Broker(config="max_inflight_messages 100") as broker, Weir(broker, EACH, config) as weir:
        thread = sending(broker, "in/a", lines(count))
        wait_for(lambda: weir.totals()["messages"] > 100, "the first messages", every=0.01)
        weir.stop()
        first = len(weir.folders("box"))
        thread.join()
        weir.start()
        wait_for(lambda: len(weir.folders("box")) == count, "all messages", 120, every=0.2)
        weir.wait_settled(0)
        tap.note(f"{first} before, {count - first} after")
        tap.equal(set(weir.folders("box").values()), {1}, "each once")


def test_kills():
    """kill -9 under load with the spool: nothing that was acknowledged is lost"""
    count, kills = 800, 2
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, EACH, {"workers": 2}) as weir:
        thread = sending(broker, "in/a", lines(count))
        for _ in range(kills):
            wait_for(lambda: weir.totals()["messages"] > 100 or not thread.is_alive(), "messages", every=0.01)
            weir.kill()
            weir.start(wait=False)
            weir.process.wait_line("started: pid")
        thread.join()
        wait_for(lambda: len(weir.folders("box")) == count, lambda: f"all, {len(weir.folders('box'))}", 120, every=0.2)
        weir.wait_settled(0)


def test_said():
    """status and /metrics say how many there are and what they have; two processors or fewer have none unless asked"""
    with Broker() as broker, Weir(broker, EACH, {"workers": 2}) as weir:
        broker.publish("in/a", '{"n": 1, "kind": "k"}')
        totals = weir.wait_settled(1)
        tap.equal((totals["workers"], totals["inWorkers"], totals["evaluated"]), (2, 0, 1), "status")
        page = Page(get(os.path.join(weir.state_dir, "admin.sock"), "/metrics").text)
        tap.equal((page("weir_workers"), page("weir_messages_in_workers")), (2, 0), "/metrics")
        weir.stop()
        weir.configure({})
        weir.start()
        processors = len(os.sched_getaffinity(0))
        want = min(processors - 1, 16) if processors > 2 else 0
        tap.equal(weir.totals()["workers"], want, f"auto, {processors} processors")


def test_limit():
    """more than 16, or no number, is refused and says what may stand there"""
    for value in ("17", "-1", "many"):
        code, out, err = support.run([binary(), "run", "--workers", value])
        tap.equal((code, out), (2, ""), f"--workers {value}")
        tap.check(f'--workers: found "{value}", expected one of auto|0|1|' in err, err)
        code, out, err = support.run([binary(), "bench", "--workers", value])
        tap.equal((code, out), (2, ""), f"bench --workers {value}")
        tap.check(f"--workers: expected 0 to 16, found {value}" in err, err)


def test_bench():
    """weir bench --workers: the same matches, nothing allocated for a message"""
    want = None
    for workers in ("0", "1", "2"):
        code, out, err = support.run([binary(), "bench", "--generate", "functions", "--rounds", "2", "--count", "30000",
                                      "--workers", workers, "--json"], timeout=120)
        tap.equal((code, err), (0, ""), f"--workers {workers}")
        r = json.loads(out)
        want = want or r["matches"]
        tap.equal((r["messages"], r["matches"], r["workers"]), (60000, want, int(workers)), f"{workers} workers")
        tap.check(r["allocations_per_message"] < 0.5, f"allocations: {r['allocations_per_message']}")


if __name__ == "__main__":
    binary()
    support.main(globals())
