#!/usr/bin/env python3
"""The funnel: every message is accounted for, rule by rule. Mixed traffic is counted here as well, by a model in
Python, and each counter of weir must be exactly that; the sums hold at every look, also over kill -9.

usage: test_funnel.py BUILD/weir [test_NAME]...
"""
import json
import os
import signal
import threading
import time

import support
from http_client import ask, get
from support import Broker, tap, wait_for
from weir import Weir, republish, rule, s3

BAD_BUCKET = s3("Not_A_Bucket_${n}", "x")  # as a constant it is refused when the rule is loaded
FUEL = 20000
PAYLOAD_MAX = 64 << 10


def null(name):
    return {"null": {"name": name}}


# What null gets is tried three times and expires; a bad bucket is refused at once.
CONFIG = {"sinks": {"null": {"verdict": "retry"}}, "retry": {"attempts": 3, "base": "1ms", "cap": "2ms",
                                                            "throttled_base": "1ms"},
          "fuel": FUEL, "payload_max": PAYLOAD_MAX, "templates": {"undefined": "fail"}}

RULES = {
    "all": rule("SELECT * FROM 'in/#'", s3("all", "${topic(2)}-${newuuid()}")),
    "hot": rule("SELECT n FROM 'in/#' WHERE temp > 30 AND room = 'kiln'", republish("out/${n}")),
    "chain": rule("SELECT n FROM 'out/+'", s3("chain", "${n}")),
    "handled": rule("SELECT n FROM 'in/#' WHERE bad", BAD_BUCKET, s3("good", "${n}"),
                    error=s3("handled", "${newuuid()}")),
    "dead": rule("SELECT n FROM 'in/#' WHERE bad", null("x"), s3("good2", "${n}")),
    "errdead": rule("SELECT n FROM 'in/#' WHERE bad", null("x"), error=BAD_BUCKET),
    "template": rule("SELECT n FROM 'in/#' WHERE NOT isUndefined(n)", s3("out", "${nosuch}/${n}"),
                     error=s3("failed", "${newuuid()}")),
    "fuel": rule("SELECT (SELECT x FROM rows WHERE x > 1) AS r FROM 'in/#' WHERE NOT isUndefined(rows)",
                 s3("rows", "${newuuid()}")),
    "lookup": rule("SELECT aws_lambda('arn:aws:lambda:us-east-1:123456789012:function:nosuch', *) AS r FROM 'in/#' "
                   "WHERE asks = true", s3("asked", "x")),
    "unheard": rule("SELECT * FROM 'other'", s3("unheard", "x")),
}


def traffic():
    """(topic, payload): all kinds, with a known number of each."""
    out = []
    for n in range(120):
        message = {"n": n}
        if n % 2 == 0:
            message["temp"] = n
        if n % 3 == 0:
            message["room"] = "kiln" if n % 6 == 0 else "yard"
        if n % 5 == 0:
            message["bad"] = n % 10 == 0
        if n % 20 == 7:
            message["rows"] = [{"x": k} for k in range(3)]
        if n % 40 == 9:
            message["rows"] = [{"x": k} for k in range(4000)]  # more steps than FUEL
        if n % 30 == 11:
            message["asks"] = True
        out.append((f"in/{n % 4}", json.dumps(message)))
    out += [("in/x", "not json"), ("in/y", "{broken")]
    out += [("in/big", json.dumps({"n": 1000, "fill": "a" * PAYLOAD_MAX}))] * 3
    out += [("$aws/rules/nobody/x", "{}")] * 2
    out += [("$aws/rules/hot/in/direct", json.dumps({"n": 500, "temp": 31, "room": "kiln"}))]
    return out


class Model:
    """What each rule must have counted of traffic()."""

    def __init__(self, messages):
        self.parsed = []
        for topic, payload in messages:
            try:
                value = json.loads(payload)
            except ValueError:
                value = None
            self.parsed.append((topic, value, len(payload)))
        self.in_ = [v for t, v, size in self.parsed if t.startswith("in/") and size <= PAYLOAD_MAX]
        self.json = [v for v in self.in_ if v is not None]

    def where(self, name):
        """(true, false, Undefined) of each rule's WHERE over what came to in/#."""
        got = [self.truth(name, v) for v in self.in_]
        return got.count(True), got.count(False), got.count(None)

    @staticmethod
    def truth(name, v):
        v = v or {}  # no JSON: every path is Undefined
        if name == "hot":
            first = v["temp"] > 30 if "temp" in v else None
            return first if first is not True else (v["room"] == "kiln" if "room" in v else None)
        if name in ("handled", "dead", "errdead"):
            return v.get("bad")
        if name == "template":
            return "n" in v
        if name == "fuel":
            return "rows" in v
        if name == "lookup":
            return v["asks"] if "asks" in v else None
        return True


def sums_of(status):
    """The identities of docs/metrics.md, worked out anew from a status; a list of what does not hold."""
    wrong = []

    def same(name, left, right):
        if left != right:
            wrong.append(f"{name}: {left} and {right}")
    s = status
    same("intake", s["messages"], s["noRule"] + s["ruleNotFound"] + sum(s["dropped"].values()) + s["evaluated"] +
         s["inWorkers"])
    same("settled", s["messages"] + s["restored"], s["settled"] + s["live"])
    for name, r in s["rules"].items():
        flight = sum(r["inFlight"].values())
        same(f"matching of {name}", r["topicMatch"],
             r["matched"] + r["noMatch"] + sum(r["failed"].values()) + r["unfinished"] + r["evaluating"])
        same(f"results of {name}", r["matched"] + r["recovered"] + r["redriven"],
             r["delivered"] + r["handled"] + r["dead"] + r["unkept"] + r["damaged"] + r["givenBack"] + flight +
             r["waiting"] + r["fetching"])
        same(f"failing of {name}", r["broken"], r["handled"] + r["dead"] + r["unkept"] + r["brokenBack"] +
             r["inFlight"]["error_action"] + r["inFlight"]["burying"])
        for kind, a in r["actions"].items():
            same(f"records of {name}, {kind}", a["records"],
                 a["success"] + a["failure"] + a["returned"] + a["inFlight"])
            same(f"failures of {name}, {kind}", a["failure"], sum(a["failures"].values()))
            same(f"errors of {name}, {kind}", a["errorRecords"],
                 a["errorActionSuccess"] + a["errorActionFailure"] + a["errorReturned"] + a["errorInFlight"])
    if s["sums"] != "match":
        wrong.append(s["sums"])
    return wrong


class Watch:
    """Looks all the time; what it found wrong."""

    def __init__(self, weir):
        self.path = os.path.join(weir.state_dir, "admin.sock")
        self.looks, self.wrong, self.last, self.busy = 0, [], {}, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._end.is_set():
            try:
                status = get(self.path, "/weir/v1/status").json
            except (OSError, ValueError):
                time.sleep(0.01)  # killed
                continue
            self.looks += 1
            self.last = status
            self.busy += status["live"] > 0
            self.wrong += sums_of(status)
            time.sleep(0.002)

    def end(self):
        self._end.set()
        self._thread.join()
        tap.equal(self.wrong[:5], [], f"sums over {self.looks} looks")
        tap.check(self.looks > 10, f"looked {self.looks} times")
        tap.note(f"{self.looks} looks, {self.busy} with messages under way")


def publish(broker, messages):
    for topic, payload in messages:
        broker.publish(topic, payload)


def flat(row):
    """The counters that a rule has counted, without what is 0."""
    keys = ("topicMatch", "matched", "noMatch", "undefined", "parseError", "recovered", "delivered", "broken",
            "handled", "dead", "givenBack", "damaged")
    return {k: row[k] for k in keys if row[k]}


def test_mixed_traffic():
    """Every counter is exactly what was sent, and the sums hold at every look"""
    messages = traffic()
    model = Model(messages)
    with Broker() as broker, Weir(broker, RULES, CONFIG) as weir:
        watch = Watch(weir)
        publish(broker, messages)
        hot = model.where("hot")[0] + 1  # and the one by Basic Ingest
        weir.wait_settled(len(messages) + hot)
        status = weir.fresh_status()
        watch.end()
        tap.equal(sums_of(status), [], "sums at the end")
        tap.equal({k: status[k] for k in ("messages", "noRule", "ruleNotFound", "evaluated", "live", "settled")},
                  {"messages": len(messages) + hot, "noRule": 0, "ruleNotFound": 2, "live": 0,
                   "evaluated": len(model.in_) + 1 + hot, "settled": len(messages) + hot}, "messages")
        tap.equal({k: v for k, v in status["dropped"].items() if v}, {"payload_too_large": 3}, "dropped")
        rows = status["rules"]
        tried = len(model.in_)
        no_json = {"parseError": 2}

        def matching(name):
            yes, no, undefined = model.where(name)
            return {"topicMatch": tried, "matched": yes, "noMatch": no + undefined, "undefined": undefined,
                    **no_json}
        bad = model.where("handled")[0]
        with_n = model.where("template")[0]
        want = {
            "all": {"topicMatch": tried, "matched": tried, **no_json, "delivered": tried},
            "hot": {**matching("hot"), "topicMatch": tried + 1, "matched": hot, "delivered": hot},
            "chain": {"topicMatch": hot, "matched": hot, "delivered": hot},
            "handled": {**matching("handled"), "broken": bad, "handled": bad},
            "dead": {**matching("dead"), "broken": bad, "dead": bad},
            "errdead": {**matching("errdead"), "broken": bad, "dead": bad},
            "template": {**matching("template"), "broken": with_n, "handled": with_n},
            "unheard": {},
        }
        for name, counters in want.items():
            tap.equal(flat(rows[name]), {k: v for k, v in counters.items() if v}, name)
        many = sum(len(v.get("rows", ())) > 100 for v in model.json)
        few = sum(0 < len(v.get("rows", ())) < 100 for v in model.json)
        tap.equal((rows["fuel"]["failed"]["fuel"], rows["fuel"]["delivered"], rows["fuel"]["noMatch"]),
                  (many, few, tried - many - few), "evaluations that took too long")
        asks = model.where("lookup")[0]
        tap.equal((rows["lookup"]["failed"]["lookup"], rows["lookup"]["matched"], rows["lookup"]["noMatch"],
                   rows["lookup"]["undefined"]), (asks, 0, tried - asks, tried - asks), "look-ups that failed")
        tap.check(min(many, few, asks, bad) > 2, "there was something of each")

        # Records: one a result and action; and what there really is.
        def action(name, kind, *keys):
            return tuple(rows[name]["actions"][kind][k] for k in keys)
        outcome = ("records", "success", "failure", "retries")
        tap.equal(action("handled", "s3", *outcome), (2 * bad, bad, bad, 0), "one action fails, the other does not")
        tap.equal(action("handled", "s3", "errorRecords", "errorActionSuccess"), (bad, bad), "its error action")
        tap.equal(action("dead", "null", *outcome), (bad, 0, bad, 2 * bad), "tries that end")
        tap.equal(rows["dead"]["actions"]["null"]["failures"]["expired"], bad, "expired")
        tap.equal(action("dead", "s3", *outcome), (bad, bad, 0, 0), "beside it")
        tap.equal(action("errdead", "s3", "errorRecords", "errorActionFailure"), (bad, bad), "its error action")
        tap.equal(rows["template"]["actions"]["s3"]["failures"]["template"], with_n, "templates")
        tap.equal(len(weir.objects("all")), tried, "objects of all")
        tap.equal(len(weir.objects("chain")), hot, "objects of chain")
        tap.equal((len(weir.objects("good")), len(weir.objects("good2"))), (bad, bad), "objects of the other actions")
        tap.equal((len(weir.objects("handled")), len(weir.objects("failed"))), (bad, with_n), "error documents")
        code, out, _ = weir.run("dead", "list", "--json")
        letters = [json.loads(x) for x in out.splitlines()]
        reasons = [(x["rule"], x["reason"]) for x in letters]
        tap.equal((reasons.count(("dead", "expired")), reasons.count(("errdead", "error-refused")), len(reasons)),
                  (bad, bad, 2 * bad), "letters")


def test_where_term_by_term():
    """On request: which term of WHERE decided, counted from then on, until it is told to stop"""
    with Broker() as broker, Weir(broker, RULES, CONFIG) as weir:
        sock = os.path.join(weir.state_dir, "admin.sock")
        path = "/weir/v1/rules/hot/terms"
        hot = [{"temp": 10}, {"temp": 40}, {"temp": 40, "room": "yard"}, {}, {"temp": 40, "room": "kiln", "n": 7}, "text"]

        def send(count):
            for message in hot:
                broker.publish("in/a", json.dumps(message))
            weir.wait_settled(count)
        send(len(hot) + 1)
        tap.equal(get(sock, path).json, {"rule": "hot", "terms": None}, "nobody has asked")
        tap.equal(weir.counters("hot")["undefined"], 3, "counted anyway")
        tap.equal(ask(sock, "PUT", path).json["terms"],
                  [{"term": "temp > 30", "false": 0, "undefined": 0}, {"term": "room = 'kiln'", "false": 0,
                                                                       "undefined": 0}], "from 0")
        send(2 * (len(hot) + 1))
        want = [{"term": "temp > 30", "false": 1, "undefined": 2}, {"term": "room = 'kiln'", "false": 1,
                                                                    "undefined": 1}]
        tap.equal(get(sock, path).json["terms"], want, "counted")
        tap.equal(weir.counters("hot")["terms"], want, "in the status too")
        # Another WHERE: other terms.
        weir.write_rule("hot", rule("SELECT n FROM 'in/#' WHERE temp > 30 AND room = 'kiln' AND n = 1", null("x")))
        weir.wait_rules(len(RULES), reloads=1)
        for message in hot:
            broker.publish("in/a", json.dumps(message))
        wait_for(lambda: len(get(sock, path).json["terms"]) == 3, "the new terms")
        wait_for(lambda: weir.counters("hot")["topicMatch"] == 3 * len(hot), "all")
        tap.equal([(t["false"], t["undefined"]) for t in get(sock, path).json["terms"]], [(1, 2), (1, 1), (1, 0)],
                  "counted anew")
        tap.equal(ask(sock, "DELETE", path).json["terms"], None, "no more")
        tap.equal(get(sock, "/weir/v1/rules/nosuch/terms").status, 404, "no such rule")


def test_restart_with_a_spool():
    """kill -9 with all results under way: the next process recovers exactly these and delivers them"""
    count = 3000
    rules = {"stuck": rule("SELECT n FROM 'in/#'", null("x"), s3("out", "${n}")),
             "some": rule("SELECT n FROM 'in/#' WHERE n < 1000", s3("some", "${n}"))}
    patient = {"sinks": {"null": {"verdict": "retry"}}, "spool": {"in_flight": 500},
               "retry": {"attempts": 1000, "base": "1h", "cap": "1h", "budget": "1d"}}
    with Broker() as broker, Weir(broker, rules, patient) as weir:
        watch = Watch(weir)
        broker.publish_lines("in/a", [json.dumps({"n": n}) for n in range(count)])
        wait_for(lambda: watch.last.get("mqtt", {}).get("acknowledged") == count
                 and watch.last["rules"]["some"]["delivered"] == 1000, "all to be acknowledged")
        row = watch.last["rules"]["stuck"]
        tap.equal((row["matched"], row["delivered"], row["waiting"] + row["fetching"] + sum(row["inFlight"].values())),
                  (count, 0, count), "all under way")
        tap.check(row["waiting"] > 2000, f"most wait on disk: {row['waiting']}")
        time.sleep(2)  # the marks of what is done are written within 200 ms
        weir.kill()
        weir.configure({"sinks": {"null": {"verdict": "delivered"}}})
        weir.start()
        weir.wait_settled(0)
        status = weir.fresh_status()
        watch.end()
        tap.equal(sums_of(status), [], "sums")
        tap.equal((status["messages"], status["restored"], status["settled"]), (0, count, count), "messages")
        tap.equal(flat(status["rules"]["stuck"]), {"recovered": count, "delivered": count}, "the rule")
        tap.equal(flat(status["rules"]["some"]), {}, "what was done is not done again")
        tap.equal(len(weir.objects("out")), count, "objects")


def test_kills_under_load():
    """kill -9 at any moment while messages flow: the sums hold in every process, and nothing is missing"""
    count, kills = 6000, 4
    rules = {"all": rule("SELECT n FROM 'in/#'", s3("all", "${n}")),
             "even": rule("SELECT n FROM 'in/#' WHERE n % 2 = 0", s3("even", "${n}"), null("x"))}
    with Broker() as broker, Weir(broker, rules, {"spool": {"in_flight": 50}}) as weir:
        watch = Watch(weir)
        lines = [json.dumps({"n": n}) for n in range(count)]
        done = threading.Thread(target=broker.publish_lines, args=("in/a", lines))
        done.start()
        before = []  # what each process that was killed had counted when it was last asked
        for _ in range(kills):
            seen = watch.looks
            wait_for(lambda: watch.looks > seen + 10 and watch.last["messages"] > 0 or not done.is_alive(), "traffic")
            weir.kill()
            before.append(watch.last)
            weir.start()
        done.join()
        wait_for(lambda: len(weir.objects("all")) == count and len(weir.objects("even")) == count // 2,
                 lambda: f"all results, {len(weir.objects('all'))}", timeout=120, every=0.2)
        weir.wait_settled(0)
        status = weir.fresh_status()
        watch.end()
        tap.equal(sums_of(status), [], "sums")
        for name in rules:
            row = status["rules"][name]
            tap.equal(row["matched"] + row["recovered"], row["delivered"], f"{name}: all of this process's results")
        tap.check(sum(b["messages"] for b in before) + status["messages"] >= count - kills * 2000, "messages")
        tap.note("messages by process: " + ", ".join(str(b["messages"]) for b in [*before, status]))


def test_stop_gives_back():
    """SIGTERM with records under way: what is given back is counted, in the last status too"""
    rules = {"stuck": rule("SELECT n FROM 'in/#'", null("x"), s3("out", "${n}"))}
    config = {"sinks": {"null": {"verdict": "retry"}}, "drain": "100ms", "spool": {"in_flight": 10},
              "retry": {"attempts": 1000, "base": "1h", "cap": "1h", "budget": "1d"}}
    with Broker() as broker:
        weir = Weir(broker, rules, config)
        broker.publish_lines("in/a", [json.dumps({"n": n}) for n in range(50)])
        wait_for(lambda: weir.totals()["mqtt"]["acknowledged"] == 50, "acknowledgements")
        weir.stop()
        last = weir.status()
        tap.equal(sums_of(last), [], "sums of the last status")
        row = last["rules"]["stuck"]
        tap.equal((row["matched"], row["delivered"], row["givenBack"] + row["waiting"]), (50, 0, 50), "given back")
        tap.equal((row["givenBack"], row["actions"]["null"]["returned"]), (10, 10), "of these in memory")


if __name__ == "__main__":
    support.main(globals())
