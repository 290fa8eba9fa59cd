#!/usr/bin/env python3
"""/metrics as Prometheus reads it: the format, strictly; the values, against what was sent; circuits, latencies, the
spool's age; and that the dashboard asks for what there is.

usage: test_metrics.py BUILD/weir [test_NAME]...
"""
import json
import os
import re
import time

import support
from http_client import ask, get
from prometheus import Bad, Page
from support import Broker, tap, wait_for
from weir import EXAMPLES, Weir, binary, republish, rule, s3

RULES = {"all": rule("SELECT n FROM 'in/#'", s3("all", "${n}"), republish("out/${n}")),
         "odd": rule("SELECT n FROM 'in/#' WHERE n % 2 = 1", {"null": {"name": "x"}}, error=s3("failed", "${newuuid()}"))}


def sock(weir):
    return os.path.join(weir.state_dir, "admin.sock")


def page(weir):
    return Page(get(sock(weir), "/metrics").text)


def test_reader_is_strict():
    """The reader of this test refuses what it should"""
    good = ('# HELP a_total Help.\n# TYPE a_total counter\na_total{x="1"} 1\n# HELP h H.\n# TYPE h histogram\n'
            'h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n')
    tap.equal(Page(good)("a_total", x="1"), 1, "a good page")
    for old, new in (("# TYPE a_total counter\n", ""), ("a_total{", "b_total{"), ('x="1"} 1\n', 'x="1"} 1\na_total{x="1"} 2\n'),
                     ('x="1"', 'x="1'), ("counter", "gauge"), ('le="1"} 1', 'le="1"} 3'), ("h_count 2", "h_count 3"),
                     ("h_sum 3\n", ""), ('le="+Inf"', 'le="2"'), ("# HELP h H.\n", ""), ("a_total", "a_ms_total"),
                     ('x="1"', 'x="\\q"'), ("h_sum 3\n", "h_sum 3\na_total 5\n"), (" 1\n# HELP h", " -1\n# HELP h")):
        try:
            Page(good.replace(old, new))
        except Bad:
            continue
        raise support.Failed(f"took {old!r} as {new!r}")


def test_page():
    """The page is what Prometheus wants, holds every metric of the table, and counts what was sent"""
    count = 40
    with Broker() as broker, Weir(broker, RULES, {"broker": {"dir": "broker"}}) as weir:  # all that a weir can have
        for n in range(count):
            broker.publish(f"in/{n}", json.dumps({"n": n}))
        broker.publish("in/x", "text")
        weir.wait_settled(count + 1)
        where = get(sock(weir), "/weir/v1/status").json["metricsPort"]
        wait_for(lambda: Page(get(where, "/metrics").text)("weir_loop_lag_seconds_count") > 0, "a beat of the loop")
        answer = get(where, "/metrics")
        tap.equal(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8", "type")
        p = Page(answer.text)
        code, out, _ = support.run([binary(), "help", "metrics"])
        table = re.findall(r"^(\w+)(?:\{.*\})?  (counter|gauge|histogram)$", out, re.M)
        tap.equal(code, 0, "weir help metrics")
        tap.equal([(n, p.families[n][0]) for n in p.order], table, "families in the order of the table")
        for name in p.families:
            tap.check(name.startswith(("weir_", "process_")), name)
        odd = count // 2
        for want, name, labels in (
                (count + 1, "weir_messages_received_total", {}), (count + 1, "weir_messages_settled_total", {}),
                (0, "weir_messages_in_memory", {}), (count + 1, "weir_rule_evaluated_total", {"rule": "odd"}),
                (odd, "weir_rule_matched_total", {"rule": "odd"}),
                (count - odd, "weir_rule_not_matched_total", {"rule": "odd", "reason": "false"}),
                (1, "weir_rule_not_matched_total", {"rule": "odd", "reason": "undefined"}),
                (1, "weir_rule_not_json_total", {"rule": "odd"}),
                (odd, "weir_action_delivered_total", {"rule": "odd", "action": "null"}),
                (count + 1, "weir_results_in_total", {"rule": "all", "origin": "matched"}),
                (2, "weir_rules", {}), (1, "weir_mqtt_connected", {}), (1, "weir_mqtt_subscribed", {}),
                (count + 1, "weir_mqtt_received_total", {}), (count + 1, "weir_mqtt_acknowledged_total", {}),
                (0, "weir_mqtt_unacknowledged", {}), (0, "weir_spool_entries", {}),
                (count + 1 + odd, "weir_spool_written_total", {}), (0, "weir_circuits_open", {})):
            tap.equal(p(name, **labels), want, f"{name}{labels}")
        tap.equal(p.sum("weir_results_total"), count + 1 + odd, "results")
        version, = [dict(labels)["version"] for name, labels in p.samples if name == "weir_build_info"]
        tap.check(version in support.run([binary(), "version"])[1], "version")
        # Every result has passed each of the three marks.
        for until in ("evaluated", "durable", "settled"):
            tap.equal(p("weir_latency_seconds_count", until=until), count + 1 + odd, until)
        sums = [p("weir_latency_seconds_sum", until=u) for u in ("evaluated", "durable", "settled")]
        tap.check(0 < sums[0] < sums[1] <= sums[2] < 60, f"in this order: {sums}")
        tap.check(p("weir_loop_lag_seconds_count") > 0, "beats")
        # What the system says, against /proc.
        pid = weir.process.pid
        tap.check(abs(p("process_start_time_seconds") - os.stat(f"/proc/{pid}").st_ctime) < 10, "start")
        tap.check(abs(p("process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))) <= 3, "files")
        rss = int(re.search(r"VmRSS:\s+(\d+)", support.read_file(f"/proc/{pid}/status"))[1]) * 1024
        tap.check(0.5 < p("process_resident_memory_bytes") / rss < 2, "memory")
        tap.check(p("process_cpu_seconds_total") > 0 and p("process_max_fds") > 100, "processor, limit")


def test_nothing_allocates():
    """weir_allocations_total stands still while messages flow"""
    rules = {"one": rule("SELECT n FROM 'in/#' WHERE n > 5", {"null": {"name": "x"}})}
    with Broker() as broker, Weir(broker, rules, {"ack": "settled"}) as weir:
        lines = [json.dumps({"n": n}) for n in range(2000)]
        broker.publish_lines("in/a", lines)
        weir.wait_settled(2000)
        page(weir)
        before = page(weir)("weir_allocations_total")
        own = page(weir)("weir_allocations_total") - before  # of asking itself
        broker.publish_lines("in/a", lines)
        wait_for(lambda: page(weir)("weir_messages_settled_total") == 4000, "messages", every=0.5)
        before = page(weir)("weir_allocations_total")
        broker.publish_lines("in/a", lines)
        pages = []

        def done():
            pages.append(page(weir))
            return pages[-1]("weir_messages_settled_total") == 6000
        wait_for(done, "messages", every=0.5)
        # Reading sockets may make a few, the more the busier the machine; 2,000 messages make none each.
        grown = pages[-1]("weir_allocations_total") - before
        tap.check(grown <= own * len(pages) + 500, f"{grown} allocations for 2,000 messages, {own} for one page of {len(pages)}")


def test_terms():
    """Terms of WHERE are there while they are counted"""
    with Broker() as broker, Weir(broker, RULES) as weir:
        family = "weir_rule_where_decided_total"
        tap.equal(page(weir).sum(family), 0, "none")
        ask(sock(weir), "PUT", "/weir/v1/rules/odd/terms")
        for n in range(6):
            broker.publish("in/a", json.dumps({"n": n}))
        broker.publish("in/a", "{}")
        weir.wait_settled(7)
        p = page(weir)
        tap.equal((p(family, rule="odd", term="1", reason="false"), p(family, rule="odd", term="1", reason="undefined")),
                  (3, 1), "counted")


def test_circuits_and_age():
    """A destination that is away: its circuit, what waits, and how old the oldest entry is; over a restart"""
    rules = {"far": rule("SELECT n FROM 'in/#'", {"null": {"name": 'q"\\x'}})}
    config = {"sinks": {"null": {"verdict": "retry", "retry": {"circuit": 3, "budget": "1h", "cap": "1h", "base": "10ms",
                                                              "attempts": 1000}}}}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        tap.equal(page(weir)("weir_spool_oldest_age_seconds"), 0, "nothing is in the spool")
        began = time.time()
        broker.publish_lines("in/a", [json.dumps({"n": n}) for n in range(20)])
        published = time.time()

        def aged():
            """The age on a page, between what the clock said before and after."""
            asked = time.time()
            age = page(weir)("weir_spool_oldest_age_seconds")
            tap.check(asked - published - 1 < age < time.time() - began + 1, f"age {age}, published {asked - published} ago")
            return age
        wait_for(lambda: page(weir)("weir_circuits_open") == 1, "the circuit")
        p = page(weir)
        to = {"action": "null", "destination": 'q"\\x'}  # a name that needs escapes
        tap.equal(p("weir_circuit_state", state="closed", **to), 0, "not closed")
        tap.equal(p("weir_circuit_state", state="open", **to) + p("weir_circuit_state", state="half-open", **to), 1, "open")
        tap.check(p("weir_circuit_failures", **to) >= 3 and p("weir_circuit_opened_total", **to) >= 1, "failures")
        wait_for(lambda: page(weir)("weir_spool_oldest_age_seconds") > 2, "age")
        p = page(weir)
        age = aged()
        tap.equal((p("weir_spool_entries"), p.sum("weir_results_in_flight", rule="far")), (20, 20), "entries")
        weir.kill()
        weir.start()
        wait_for(lambda: page(weir)("weir_spool_oldest_age_seconds") > age, "the age goes on")
        aged()
        tap.equal(page(weir)("weir_results_in_total", rule="far", origin="recovered"), 20, "recovered")
        weir.kill()
        weir.configure({})
        weir.start()
        weir.wait_settled(0)
        p = page(weir)
        tap.check(p("weir_latency_seconds_sum", until="settled") > 20 * age, "settled counts from the first receipt")
        wait_for(lambda: page(weir)("weir_spool_oldest_age_seconds") == 0, "nothing is in the spool")


def test_full_spool():
    """A spool without room: weir_spool_full, and /readyz says why"""
    rules = {"far": rule("SELECT * FROM 'in/#'", {"null": {"name": "x"}})}
    config = {"spool": {"max": "64M"}, "sinks": {"null": {"verdict": "retry", "retry": {"budget": "1h", "cap": "1h", "base": "1h",
                                                                                      "attempts": 1000}}}}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        wait_for(lambda: get(sock(weir), "/readyz").status == 200, "readiness")
        broker.publish_lines("in/a", [json.dumps({"n": n, "pad": "x" * 900000}) for n in range(80)])
        answer = wait_for(lambda: (a := get(sock(weir), "/readyz")).status == 503 and "spool" in a.text and a, "no room")
        tap.check("the spool takes nothing more: no room (spool.max, or the disk)\n" in answer.text, answer.text)
        p = page(weir)
        tap.equal((p("weir_spool_full"), p("weir_dead_letters_full")), (1, 0), "full")
        tap.check(p("weir_spool_bytes") <= 64 << 20, "no more than spool.max")
        weir.kill()
        weir.configure({"spool": {"max": "1G"}})
        weir.start()
        wait_for(lambda: page(weir)("weir_results_total", rule="far", outcome="delivered") >= 80, "deliveries")
        wait_for(lambda: get(sock(weir), "/readyz").status == 200, "readiness again")
        tap.equal(page(weir)("weir_spool_full"), 0, "room")


def queries(node):
    """Every text of the dashboard that Prometheus is asked."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "definition") or (key == "query" and isinstance(value, str)):
                yield value
            else:
                yield from queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value)


def test_dashboard():
    """Every query of the dashboard names metrics and labels that there are; Prometheus' example names the port"""
    away = {"sinks": {"null": {"verdict": "retry", "retry": {"attempts": 2, "base": "1ms", "budget": "200ms"}}}}
    with Broker() as broker, Weir(broker, RULES, away) as weir:
        ask(sock(weir), "PUT", "/weir/v1/rules/odd/terms")
        for n in range(30):  # so that circuits and failures have samples
            broker.publish("in/a", json.dumps({"n": n}))
        weir.wait_settled(30)
        p = page(weir)
    labels = {}
    for name, have in p.samples:
        labels.setdefault(name, set()).update(key for key, _ in have)
    with open(os.path.join(EXAMPLES, "grafana", "weir.json"), encoding="utf-8") as f:
        dashboard = json.load(f)
    texts = list(queries(dashboard))
    tap.check(len(texts) > 30, f"{len(texts)} queries")
    for text in texts:
        names = re.findall(r"\b(?:weir|process)_\w+", text)
        tap.check(names, f"asks for something: {text}")
        for name in names:
            tap.check(name in p.names(), f"no metric {name}: {text}")
            given = {"job", "instance"} | labels.get(name, set())
            for group in re.findall(re.escape(name) + r"\{([^}]*)\}", text):
                asked = set(re.findall(r"(\w+)\s*[=!]", group))
                tap.check(asked <= given, f"{name} has no {asked - given}: {text}")
    for expr, legend in [(t["expr"], t["legendFormat"]) for panel in dashboard["panels"] for t in panel.get("targets", ())]:
        by = re.search(r"by \(([^)]*)\)", expr)
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            tap.check(not by or label in re.split(r",\s*", by[1]), f"{{{{{label}}}}} is not in {expr}")
    ids = [panel["id"] for panel in dashboard["panels"]]
    tap.equal(len(set(ids)), len(ids), "ids of panels")
    example = support.read_file(os.path.join(EXAMPLES, "prometheus.yml"))
    tap.check('targets: ["127.0.0.1:9464"]' in example, "the default port")


if __name__ == "__main__":
    support.main(globals())
