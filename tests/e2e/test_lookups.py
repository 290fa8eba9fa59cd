"""Look-ups in `weir run`: each kind on its local form, order, time-outs, back-pressure, kills.

    test_lookups.py WEIR [test_NAME]...
"""
import json
import os
import sys

import support
from support import Broker, tap, wait_for
from weir import EXAMPLES, ROLE, Weir, dynamodb_v2, lambda_arn, republish, rule, s3

FUNCTION = r'''
import os, time

def handler(event, context):
    open(os.environ["TRACE"], "a").write("%s\n" % event.get("id"))
    time.sleep(event.get("sleep", 0))
    if event.get("gate"):  # waits until the file is there
        while not os.path.exists(event["gate"]):
            time.sleep(0.01)
    if event.get("fail"):
        raise ValueError("no such \"bin\"")
    if "MLModelId" in event:
        return {"predictedLabel": event["Record"], "model": event["MLModelId"]}
    return {"id": event.get("id"), "twice": 2 * event.get("n", 0)}
'''


class Functions:
    """Python functions for look-ups: the configuration, and what was invoked."""

    def __init__(self, *names, concurrency=4):
        self.dir = support.temp_dir("wr-functions-")
        self.trace = os.path.join(self.dir, "trace")
        support.write_file(os.path.join(self.dir, "look.py"), FUNCTION)
        runtime = os.path.join(EXAMPLES, "functions", "python_runtime.py")
        self.config = {name: {"command": f"/usr/bin/python3 -B {runtime}", "handler": "look.handler",
                              "cwd": self.dir, "concurrency": concurrency, "timeout": "60s", "retries": 0,
                              "env": f"TRACE={self.trace}"} for name in names}

    def started(self):
        """The ids of the events that a function has begun with."""
        text = support.read_file(self.trace)
        return text.split() if text else []

    def gate(self, name):
        return os.path.join(self.dir, name)

    @staticmethod
    def open(path):
        support.write_file(path, "")


def config_of(functions, tables=None, **lookups):
    sinks = {"lambda": {"functions": functions.config}} if functions else {}
    if tables:
        sinks["dynamoDBv2"] = {"tables": tables}
    return {"sinks": sinks, "lookups": {"lambda_timeout": "20s", "timeout": "20s", **lookups}}


def put(weir, name, document, mode=0o600):
    path = os.path.join(weir.state_dir, "lookups", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    support.write_file(path, document if isinstance(document, str) else json.dumps(document))
    os.chmod(path, mode)


def result(weir, key):
    return json.loads(weir.objects("out")[key])


def test_each_kind():
    """every look-up function, from its local form"""
    functions = Functions("double", "forest")
    rules = {
        "lambda": rule(f"SELECT aws_lambda('{lambda_arn('double')}', {{'id': 'x', 'n': n}}) AS r FROM 'in'",
                       s3("out", "lambda")),
        "bare": rule("SELECT aws_lambda('double', *).twice AS r FROM 'in'", s3("out", "bare")),
        "item": rule(f"SELECT get_dynamodb('places', 'id', id, '{ROLE}') AS r FROM 'in'", s3("out", "item")),
        "shadow": rule(f"SELECT get_thing_shadow('kiln', '{ROLE}').state.reported.t AS r, "
                       f"get_thing_shadow('kiln', 'door', '{ROLE}').open AS s FROM 'in'", s3("out", "shadow")),
        "secret": rule(f"SELECT get_secret('prod/api', 'SecretString', 'key', '{ROLE}') AS r FROM 'in'",
                       s3("out", "secret")),
        "registry": rule(f"SELECT get_registry_data('DescribeThing', 'kiln', '{ROLE}').attributes.model AS r "
                         "FROM 'in'", s3("out", "registry")),
        "ml": rule(f"SELECT machinelearning_predict('forest', '{ROLE}', {{'a': 1, 'b': {{'c': 2}}}}) AS r FROM 'in'",
                   s3("out", "ml")),
        "where": rule(f"SELECT 1 AS a FROM 'in' WHERE get_thing_shadow('kiln', '{ROLE}').state.reported.t > 20",
                      s3("out", "where")),
        "template": rule("SELECT 1 AS a FROM 'in'",
                         s3("out", f"template/${{get_registry_data('DescribeThing', 'kiln', '{ROLE}').thingName}}")),
        "fill": rule("SELECT * FROM 'fill'", dynamodb_v2("places")),
    }
    config = config_of(functions, {"places": {"hash_key": "id"}})
    with Broker() as broker, Weir(broker, rules, config) as weir:
        put(weir, "shadows/kiln.json", {"state": {"reported": {"t": 21.5}}})
        put(weir, "shadows/kiln/door.json", {"open": True})
        put(weir, "registry/DescribeThing/kiln.json", {"thingName": "kiln", "attributes": {"model": "M1"}})
        put(weir, "secrets/prod%2Fapi.json", {"SecretString": json.dumps({"key": "hush-hush"})}, 0o644)
        code, out, err = weir.run("run", "--check")
        tap.equal((code, out.strip()), (0, "rules accepted: 10, documents refused: 0"), err)
        broker.publish("fill", '{"id": "p1", "at": {"lat": 52.50, "tags": ["x", null]}, "n": 12345678901234567890}')
        weir.wait_settled(1)
        broker.publish("in", '{"id": "p1", "n": 21}')
        weir.wait_settled(2)
        tap.equal(result(weir, "lambda"), {"r": {"id": "x", "twice": 42}}, "aws_lambda with an ARN")
        tap.equal(result(weir, "bare"), {"r": 42}, "aws_lambda with a name, on the payload")
        tap.equal(weir.objects("out")["item"], b'{"r":{"id":"p1","at":{"lat":52.5,"tags":["x",null]},'
                  b'"n":12345678901234567890}}', "get_dynamodb, to the digit")
        tap.equal(result(weir, "shadow"), {"r": 21.5, "s": True}, "get_thing_shadow")
        tap.equal(result(weir, "secret"), {"r": "hush-hush"}, "get_secret")
        tap.equal(result(weir, "registry"), {"r": "M1"}, "get_registry_data")
        tap.equal(result(weir, "ml"), {"r": {"predictedLabel": {"a": 1, "b": '{"c":2}'}, "model": "forest"}},
                  "machinelearning_predict")
        tap.equal(result(weir, "where"), {"a": 1}, "in WHERE")
        tap.equal(result(weir, "template/kiln"), {"a": 1}, "in a template")
        lookups = weir.totals()["lookups"]
        tap.equal({k: (v["made"], v["failed"], v["timedOut"], v["waiting"]) for k, v in lookups.items()},
                  {"aws_lambda": (2, 0, 0, 0), "get_dynamodb": (1, 0, 0, 0), "get_thing_shadow": (3, 0, 0, 0),
                   "get_secret": (1, 0, 0, 0), "get_registry_data": (2, 0, 0, 0),
                   "machinelearning_predict": (1, 0, 0, 0)}, "counters by kind")
        tap.check("prod%2Fapi.json can be read by everybody" in weir.log, "a warning of the file's mode")
        tap.check("hush-hush" not in weir.log, "the secret is nowhere in the log")
        # A file that changes is seen, a secret is kept.
        put(weir, "shadows/kiln/door.json", {"open": False})
        put(weir, "secrets/prod%2Fapi.json", {"SecretString": json.dumps({"key": "other"})})
        broker.publish("in", '{"id": "p1", "n": 21}')
        weir.wait_settled(3)
        tap.equal(result(weir, "shadow"), {"r": 21.5, "s": False}, "the new shadow")
        tap.equal(result(weir, "secret"), {"r": "hush-hush"}, "the kept secret")


def test_failures():
    """a look-up that fails ends the rule: no action, no error action; get_or_default() catches it"""
    functions = Functions("f")
    functions.config["text"] = {"command": "bash -c 'exit 3'", "retries": 0}
    cases = {
        "error": ("aws_lambda('f', {'fail': true})", 'function f failed: ValueError: no such "bin"'),
        "nofunction": ("aws_lambda('nobody', 1)", "Function not found: nobody"),
        "crash": ("aws_lambda('text', 1)", "function text failed: Runtime.ExitError"),
        "notable": (f"get_dynamodb('nowhere', 'id', 'a', '{ROLE}')", "Table: nowhere not found"),
        "noshadow": (f"get_thing_shadow('nobody', '{ROLE}')", "shadows/nobody.json: no such file"),
        "badname": (f"get_thing_shadow('../../rules/error', '{ROLE}')", "the thing is '../../rules/error'"),
        "nosecret": (f"get_secret('../x', 'SecretString', '{ROLE}')", "secrets/%2E.%2Fx.json: no such file"),
        "noregistry": (f"get_registry_data('DescribeThing', 'nobody', '{ROLE}')", "nobody.json: no such file"),
    }
    rules = {name: rule(f"SELECT {call} AS r FROM 'in'", s3("out", name), error=s3("failed", name))
             for name, (call, _) in cases.items()}
    rules["caught"] = rule("SELECT get_or_default(aws_lambda('f', {'fail': true}), 'none') AS r FROM 'in'",
                           s3("out", "caught"))
    rules["template"] = rule("SELECT 1 AS a FROM 'in'", s3("out", "${aws_lambda('f', {'fail': true})}"),
                             error=s3("failed", "${get_or_default(aws_lambda('f', {'fail': true}), 'by-default')}"))
    with Broker() as broker, Weir(broker, rules, config_of(functions)) as weir:
        broker.publish("in", "{}")
        totals = weir.wait_settled(1)
        tap.equal(set(weir.objects("out")), {"caught"}, "actions")
        tap.equal(result(weir, "caught"), {"r": "none"}, "the default")
        tap.equal(set(weir.objects("failed")), {"by-default"}, "error actions: of the template alone")
        document = json.loads(weir.objects("failed")["by-default"])
        tap.check('aws_lambda(): function f failed: ValueError: no such "bin"' in
                  document["failures"][0]["errorMessage"], document["failures"][0]["errorMessage"])
        rows = weir.fresh_status()["rules"]
        tap.equal({n: rows[n]["failed"]["lookup"] for n in rules},
                  {**{n: 1 for n in cases}, "caught": 0, "template": 0}, "failed by look-up")
        tap.equal({n: rows[n]["templatesFailed"]["lookup"] for n in rules},
                  {**{n: 0 for n in cases}, "caught": 0, "template": 1}, "templates that failed by look-up")
        tap.equal(sum(v["failed"] for v in totals["lookups"].values()), len(cases) + 3, "look-ups failed")
    # Lines of the log are rate limited: each in a weir of its own.
    for name in ("nofunction", "badname", "error", "notable"):
        with Broker() as broker, Weir(broker, {name: rules[name]}, config_of(functions)) as weir:
            broker.publish("in", "{}")
            weir.wait_settled(1)
            tap.check(any(cases[name][1] in x["msg"] for x in weir.said()), f"{name}: {weir.log[-500:]}")


def test_order_and_passing():
    """one topic waits for a slow function in order; others pass, at QoS 0 and at QoS 1"""
    functions = Functions("slow")
    gate = functions.gate("gate")
    rules = {"slow": rule(f"SELECT aws_lambda('slow', {{'id': id, 'gate': gate}}).id AS r FROM 'slow/+'",
                          republish("out/${topic(2)}", qos=1)),
             "fast": rule("SELECT id AS r FROM 'fast'", republish("out/fast", qos=1))}
    with Broker() as broker, Weir(broker, rules, config_of(functions)) as weir:
        seen = broker.subscriber("out/#")
        for qos in (0, 1):
            gate = functions.gate(f"gate{qos}")
            start = len(Broker.messages(seen))
            broker.publish("slow/a", json.dumps({"id": f"a1-{qos}", "gate": gate}), qos=qos)
            wait_for(lambda: f"a1-{qos}" in functions.started(), "the slow one to begin")
            broker.publish("slow/a", json.dumps({"id": f"a2-{qos}"}), qos=qos)
            wait_for(lambda: f"a2-{qos}" in functions.started(), "the next of its topic to be looked up")
            broker.publish("slow/b", json.dumps({"id": f"b-{qos}"}), qos=qos)
            broker.publish("fast", json.dumps({"id": f"fast-{qos}"}), qos=qos)

            def results():
                return [json.loads(m["payload"])["r"] for m in Broker.messages(seen)[start:]]
            wait_for(lambda: len(results()) == 2, lambda: f"the others to pass at QoS {qos}: {results()}")
            tap.equal(set(results()), {f"b-{qos}", f"fast-{qos}"}, "another topic and another rule passed")
            waiting = weir.totals()["lookups"]["aws_lambda"]["waiting"]
            tap.equal(waiting, 1, "one waits")
            functions.open(gate)
            wait_for(lambda: len(results()) == 4, "the slow ones")
            tap.equal(results()[2:], [f"a1-{qos}", f"a2-{qos}"], "in the order of their messages")
        totals = weir.wait_settled(8)
        tap.equal((totals["mqtt"]["acknowledged"], totals["mqtt"]["holdsBroken"]), (4, 0), "acknowledged")


def test_timeouts():
    """a look-up that takes too long fails the rule and is counted; what comes later is ignored"""
    functions = Functions("slow")
    gate = functions.gate("gate")
    rules = {"plain": rule("SELECT aws_lambda('slow', *) AS r FROM 'in'", s3("out", "plain"), error=s3("failed", "x")),
             "caught": rule("SELECT get_or_default(aws_lambda('slow', *), 'late') AS r FROM 'in'", s3("out", "caught"))}
    config = config_of(functions, lambda_timeout="3s")  # a function has begun by then
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("in", json.dumps({"id": "x", "gate": gate}))
        totals = weir.wait_settled(1)
        tap.equal(totals["lookups"]["aws_lambda"], {"made": 2, "failed": 0, "timedOut": 2, "waiting": 0}, "counters")
        tap.equal(weir.objects("out"), {"caught": b'{"r":"late"}'}, "the default")
        tap.equal(weir.objects("failed"), {}, "no error action")
        tap.check("aws_lambda(): no answer within 3000 ms (lookups.lambda_timeout)" in weir.log, weir.log[-500:])
        tap.equal(weir.counters("plain")["failed"]["lookup"], 1, "the rule failed")
        functions.open(gate)
        wait_for(lambda: len(weir.results("slow")) == len(functions.started()), "the late answers")
        tap.equal(weir.totals()["settled"], 1, "settled once")


def test_default_timeout():
    """without an option aws_lambda() has 2000 ms"""
    functions = Functions("slow")
    gate = functions.gate("gate")
    rules = {"plain": rule("SELECT aws_lambda('slow', *) AS r FROM 'in'", s3("out", "plain"))}
    config = config_of(functions)
    del config["lookups"]
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("in", json.dumps({"id": "x", "gate": gate}))
        weir.wait_settled(1)
        tap.check("no answer within 2000 ms (lookups.lambda_timeout)" in weir.log, weir.log[-500:])
        functions.open(gate)


def test_back_pressure():
    """at lookups.max the source waits; nothing is lost, and all comes in order"""
    functions = Functions("slow", concurrency=2)
    gate = functions.gate("gate")
    rules = {"slow": rule("SELECT aws_lambda('slow', *).id AS r FROM 'in'", republish("out", qos=1))}
    config = config_of(functions, max=5)
    config["mqtt"] = {"batch": 4}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        seen = broker.subscriber("out")
        broker.publish_lines("in", [json.dumps({"id": n, "gate": gate}) for n in range(100)])
        wait_for(lambda: weir.totals()["lookups"]["aws_lambda"]["waiting"] >= 5, "the limit")
        for _ in range(3):  # whatever was under way has come by then
            waiting = weir.totals()["lookups"]["aws_lambda"]["waiting"]
        if "WEIR_WORKERS" not in os.environ:  # else what they have waits too, up to 512 messages each
            tap.check(5 <= waiting < 5 + 4, f"{waiting} wait, at most the limit and the rest of a batch")
            tap.equal(weir.totals()["messages"], waiting, "no more messages are read")
        functions.open(gate)
        weir.wait_settled(100)
        wait_for(lambda: len(Broker.messages(seen)) == 100, "all results")
        tap.equal([json.loads(m["payload"])["r"] for m in Broker.messages(seen)], list(range(100)), "in order")


def test_killed_while_suspended():
    """kill -9 while a look-up is under way: the message is delivered again"""
    functions = Functions("slow")
    gate = functions.gate("gate")
    rules = {"slow": rule("SELECT aws_lambda('slow', *).id AS r FROM 'in'", s3("out", "k"))}
    with Broker() as broker, Weir(broker, rules, config_of(functions)) as weir:
        broker.publish("in", json.dumps({"id": "x", "gate": gate}), qos=1)
        wait_for(lambda: functions.started() == ["x"], "the look-up to begin")
        weir.kill()
        tap.equal(weir.objects("out"), {}, "nothing was delivered")
        functions.open(gate)
        weir.start()
        wait_for(lambda: weir.objects("out") == {"k": b'{"r":"x"}'}, "the message again")
        totals = weir.wait_settled(1)
        tap.equal((totals["messages"], totals["mqtt"]["acknowledged"]), (1, 1), "once more, and acknowledged")


def test_stopped_while_suspended():
    """SIGTERM lets look-ups end; those that take longer than `drain` are given up and come again"""
    functions = Functions("slow")
    rules = {"slow": rule("SELECT aws_lambda('slow', *).id AS r FROM 'in'", s3("out", "${id}"))}
    config = config_of(functions)
    config["drain"] = "1s"
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("in", json.dumps({"id": "soon", "sleep": 0.3}), qos=1)
        wait_for(lambda: "soon" in functions.started(), "the look-up to begin")
        weir.stop()
        tap.equal(weir.objects("out"), {"soon": b'{"r":"soon"}'}, "it was waited for")
        weir.start()
        broker.publish("in", json.dumps({"id": "never", "gate": functions.gate("gate")}), qos=1)
        wait_for(lambda: "never" in functions.started(), "the look-up to begin")
        weir.stop()
        tap.check("1 messages are not settled" in weir.log, "it says so")
        functions.open(functions.gate("gate"))
        weir.start()
        wait_for(lambda: weir.objects("out").get("never") == b'{"r":"never"}', "the message again")
        weir.wait_settled(1)


def test_reload_while_suspended():
    """rules that change while a message waits: it ends with the rule it met, the next meets the new one"""
    functions = Functions("slow")
    gate = functions.gate("gate")
    old = rule("SELECT aws_lambda('slow', *).id AS r FROM 'in'", republish("out/old", qos=1))
    new = rule("SELECT id AS r FROM 'in'", republish("out/new", qos=1))
    with Broker() as broker, Weir(broker, {"r": old}, config_of(functions)) as weir:
        seen = broker.subscriber("out/#")
        broker.publish("in", json.dumps({"id": 1, "gate": gate}))
        wait_for(lambda: functions.started(), "the look-up to begin")
        weir.write_rule("r", new)
        weir.reload()
        wait_for(lambda: weir.totals()["reloads"] >= 1, "the reload")
        broker.publish("in", json.dumps({"id": 2}))
        wait_for(lambda: weir.totals()["messages"] == 2, "the second message")
        tap.equal(Broker.messages(seen), [], "nothing overtakes the first")
        functions.open(gate)
        wait_for(lambda: len(Broker.messages(seen)) == 2, "both")
        tap.equal([(m["topic"], json.loads(m["payload"])["r"]) for m in Broker.messages(seen)],
                  [("out/old", 1), ("out/new", 2)], "in order")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
