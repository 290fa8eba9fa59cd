#!/usr/bin/python3
"""Look-ups that the real services answer: requests, results, failures, the cache of secrets, who passes meanwhile.

    test_aws_lookups.py WEIR [test_NAME]...
"""
import json
import threading
import time

import aws
import support
from aws import all_signed, said_everywhere
from support import Broker, tap, wait_for
from weir import ROLE, Weir, lambda_arn, rule, s3

LOCAL = {"mode": "local", "lookups": {"mode": "aws", "timeout": "30s", "lambda_timeout": "30s"}}  # results as files: s3 stays local


def results(weir, bucket="out"):
    return {key: json.loads(body) for key, body in weir.objects(bucket).items()}


def out(key="${topic(2)}"):
    return s3("out", key)


def test_each():
    """each function: the request, its result, the region of an ARN, roles"""
    arn = "arn:aws:lambda:eu-west-3:123456789012:function:f"
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
    statements = {
        "lambda": f"SELECT aws_lambda('{arn}', {{'n': n}}) AS r FROM 'a/+'",
        "item": f"SELECT get_dynamodb('t', 'id', id, 'at', n, '{ROLE}') AS r FROM 'a/+'",
        "none": f"SELECT get_dynamodb('t', 'id', 'nobody', '{ROLE}') AS r, 1 AS one FROM 'a/+'",
        "shadow": f"SELECT get_thing_shadow(id, '{ROLE}').state.t AS r FROM 'a/+'",
        "named": f"SELECT get_thing_shadow(id, 'door x', '{ROLE}') AS r FROM 'a/+'",
        "secret": f"SELECT get_secret('{secret}', 'SecretString', 'user', '{ROLE}') AS r FROM 'a/+'",
        "thing": f"SELECT get_registry_data('DescribeThing', id, '{ROLE}').thingTypeName AS r FROM 'a/+'",
        "groups": f"SELECT get_registry_data('ListThingGroupsForThing', id, '{ROLE}').thingGroups AS r FROM 'a/+'",
    }
    rules = {name: rule(sql, out(name)) for name, sql in statements.items()}
    with Broker() as broker, aws.Stub() as stub:
        stub.lambdas[arn] = lambda body: json.dumps({"twice": 2 * json.loads(body)["n"]}).encode()
        stub.items["t"] = [{"id": {"S": "k:1"}, "at": {"N": "7"}, "m": {"M": {"l": {"L": [{"N": "1.50"}, {"NULL": True}]}}},
                            "b": {"B": "AAE="}, "s": {"SS": ["x", "y"]}, "t": {"BOOL": True}}]
        stub.shadows[("k:1", "")] = {"state": {"t": 4.5}}
        stub.shadows[("k:1", "door x")] = {"v": 1}
        stub.secrets[secret] = '{"user":"weir","password":"of this test/only"}'
        stub.things = {"DescribeThing/k:1": {"thingTypeName": "kiln"}, "ListThingGroupsForThing/k:1": {"thingGroups": []}}
        with aws.weir(broker, stub, rules, LOCAL) as weir:
            broker.publish("a/b", '{"id":"k:1","n":7}')
            weir.wait_settled(1)
            tap.equal(results(weir), {
                "lambda": {"r": {"twice": 14}}, "none": {"one": 1}, "shadow": {"r": 4.5}, "named": {"r": {"v": 1}},
                "item": {"r": {"id": "k:1", "at": 7, "m": {"l": [1.50, None]}, "b": "AAE=", "s": ["x", "y"], "t": True}},
                "secret": {"r": "weir"}, "thing": {"r": "kiln"}, "groups": {"r": []}}, "results")
            got = {(r["service"], r["operation"], r["path"], r["query"], r["region"]) for r in stub.requests}
            path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-3%3A123456789012%3Afunction%3Af/invocations"
            tap.equal(got, {("lambda", "Invoke", path, "", "eu-west-3"), ("dynamodb", "GetItem", "/", "", "us-east-1"),
                            ("iotdata", "Shadow", "/things/k%3A1/shadow", "", "us-east-1"),
                            ("iotdata", "Shadow", "/things/k%3A1/shadow", "name=door%20x", "us-east-1"),
                            ("secretsmanager", "GetSecretValue", "/", "", "eu-west-1"),
                            ("execute-api", "GET", "/things/k%3A1", "", "us-east-1"),
                            ("execute-api", "GET", "/things/k%3A1/thing-groups", "", "us-east-1")}, "requests")
            bodies = sorted(r["body"] for r in stub.seen("dynamodb"))
            tap.equal(bodies, ['{"TableName":"t","Key":{"id":{"S":"k:1"},"at":{"N":"7"}}}',
                               '{"TableName":"t","Key":{"id":{"S":"nobody"}}}'], "keys")
            tap.equal([r["headers"]["x-amz-invocation-type"] for r in stub.seen("lambda")], ["RequestResponse"], "synchronous")
            all_signed(stub)
            tap.check(b"of this test/only" not in said_everywhere(weir), "the secret was told")


def test_failures():
    """refused, throttled, too slow, a function that fails: the rule fails, others go on; counted"""
    rules = {"f": rule(f"SELECT aws_lambda('{lambda_arn('f')}', *) AS r FROM 'a/f'", out("f")),
             "slow": rule("SELECT 1 AS r FROM 'a/slow'", out(f"x-${{aws_lambda('{lambda_arn('slow')}', *)}}"), error=out("slow")),
             "default": rule(f"SELECT get_or_default(get_thing_shadow('nobody', '{ROLE}'), 'none') AS r FROM 'a/d'", out("d")),
             "throttled": rule("SELECT 1 AS r FROM 'a/t'", out(f"x-${{get_dynamodb('t', 'id', 'x', '{ROLE}').k}}"), error=out("t")),
             "plain": rule("SELECT 1 AS r FROM 'a/+'", out("plain-${topic(2)}"))}
    with Broker() as broker, aws.Stub() as stub:
        stub.function_errors[lambda_arn("f")] = b'{"errorType":"ValueError","errorMessage":"no such bin"}'
        with aws.weir(broker, stub, rules, {"mode": "local", "lookups": {"mode": "aws", "lambda_timeout": "300ms"}}) as weir:
            stub.fail("hang", service="lambda", times=1, seconds=3)
            broker.publish("a/slow", "{}")
            wait_for(lambda: stub.failures[0]["times"] == 0, "the call")
            for topic in ("a/f", "a/d"):
                broker.publish(topic, "{}")
            stub.fail("throttle", service="dynamodb")
            broker.publish("a/t", "{}")
            weir.wait_settled(4)
            got = results(weir)
            errors = {k: got.pop(k)["failures"][0]["errorMessage"] for k in ("slow", "t")}
            tap.equal(got, {"d": {"r": "none"}, **{f"plain-{k}": {"r": 1} for k in ("f", "slow", "d", "t")}}, "results")
            wait_for(lambda: f"aws_lambda(): function {lambda_arn('f')} failed: ValueError: no such bin" in weir.log, "the log")
            tap.check("aws_lambda(): no answer within 300 ms (lookups.lambda_timeout)" in errors["slow"], str(errors))
            tap.check("get_dynamodb(): " in errors["t"] and "Error Code: ProvisionedThroughputExceededException" in errors["t"],
                      str(errors))
            looked = weir.totals()["lookups"]
            tap.equal((looked["aws_lambda"]["made"], looked["aws_lambda"]["failed"], looked["aws_lambda"]["timedOut"],
                       looked["aws_lambda"]["waiting"]), (2, 1, 1, 0), f"counted: {looked}")


def test_secrets_are_kept():
    """a secret is asked for once, however many want it at the same time; again when it is too old; each role its own"""
    rules = {"s": rule(f"SELECT get_secret('pin', 'SecretString', '{ROLE}') AS r FROM 'a/+'", out("${n}"))}
    with Broker() as broker, aws.Stub() as stub:
        stub.secrets["pin"] = "12345678"
        config = {"mode": "local", "lookups": {"mode": "aws", "secret_cache": "5s", "timeout": "30s"}}
        with aws.weir(broker, stub, rules, config) as weir:
            stub.fail("slow", service="secretsmanager", times=1, seconds=1)
            broker.publish_lines("a/b", [json.dumps({"n": n}) for n in range(20)])
            weir.wait_settled(20)
            tap.equal(len(stub.seen("secretsmanager")), 1, "asked once")
            tap.equal(set(r["r"] for r in results(weir).values()), {"12345678"}, "everybody has it")
            stub.secrets["pin"] = "87654321"
            wait_for(lambda: broker.publish("a/b", '{"n": "late"}') or results(weir).get("late") == {"r": "87654321"},
                     "the new one", every=0.3)
            tap.equal(len(stub.seen("secretsmanager")), 2, "asked again")


def test_concurrency():
    """at most lookups.aws_max calls at once; other rules' messages pass; all are answered"""
    rules = {"f": rule(f"SELECT aws_lambda('{lambda_arn('f')}', *) AS r FROM 'a/+'", out("f-${topic(2)}")),
             "plain": rule("SELECT 1 AS r FROM 'b/+'", out("plain"))}
    state = {"now": 0, "most": 0}
    lock, gate = threading.Lock(), threading.Event()

    def answer(body):
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        gate.wait(20)
        with lock:
            state["now"] -= 1
        return body
    with Broker() as broker, aws.Stub() as stub:
        stub.lambdas[lambda_arn("f")] = answer
        config = {"mode": "local", "lookups": {"mode": "aws", "aws_max": 3, "lambda_timeout": "20s"}}
        with aws.weir(broker, stub, rules, config) as weir:
            for n in range(12):
                broker.publish(f"a/{n}", json.dumps({"n": n}))
            wait_for(lambda: state["now"] == 3, "three calls")
            broker.publish("b/x", "{}")
            wait_for(lambda: "plain" in results(weir), "another rule's message")
            gate.set()
            weir.wait_settled(13)
            tap.equal(state["most"], 3, "never more")
            tap.equal({k: v["r"]["n"] for k, v in results(weir).items() if k != "plain"}, {f"f-{n}": n for n in range(12)}, "answers")


def test_who_answers():
    """modes: lookups.mode, one function's, mode: aws; a local function wants a local lambda sink"""
    sql = f"SELECT get_thing_shadow('k', '{ROLE}').v AS r, get_secret('s', 'SecretString', '{ROLE}') AS s FROM 'a/+'"
    with Broker() as broker, aws.Stub() as stub:
        stub.shadows[("k", "")] = {"v": "aws"}
        stub.secrets["s"] = "of-aws"
        config = {"mode": "aws", "lookups": {"secret_mode": "local"}}
        with aws.weir(broker, stub, {"r": rule(sql, out())}, config, start=False) as weir:
            import os
            os.makedirs(os.path.join(weir.state_dir, "lookups", "secrets"))
            support.write_file(os.path.join(weir.state_dir, "lookups", "secrets", "s.json"), '{"SecretString":"of-a-file"}', 0o600)
            weir.start()
            broker.publish("a/b", "{}")
            weir.wait_settled(1)
            tap.equal(json.loads(stub.objects[("out", "b")][0]), {"r": "aws", "s": "of-a-file"}, "both")
    rules = {"f": rule(f"SELECT aws_lambda('{lambda_arn('f')}', *) AS r FROM 'a/+'", out())}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"lambda": {"mode": "blackhole"}}}) as weir:
        wait_for(lambda: "aws_lambda() is answered locally, but sinks.lambda.mode is not local" in weir.log, "the refusal")
        tap.equal(weir.totals()["rulesLoaded"], 0, "refused")


if __name__ == "__main__":
    support.main(globals())
