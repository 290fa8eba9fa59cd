#!/usr/bin/env python3
"""Local forms that run a command for each event: state machines (stepFunctions) and functions (lambda, runtime exec)."""
import json
import os
import sys

import support
from support import Broker, tap, wait_for
from weir import ROLE, Weir, function, lambda_arn, rule, s3

MACHINE = {"stepFunctions": {"roleArn": ROLE, "stateMachineName": "${topic(2)}", "executionNamePrefix": "run-"}}
DOUBLE = [sys.executable, "-c", "import json, sys; e = json.load(sys.stdin); print(json.dumps({'twice': 2 * e['n']}))"]


def words(command):
    return " ".join("'" + w.replace("'", "\"") + "'" for w in command)


def executions(weir, machine):
    text = weir.run("local", "cat", "stepfunctions", machine)[1]
    return [json.loads(line) for line in text.splitlines()]


def test_machines():
    """stepFunctions: a machine's command gets the input, its output is kept; failures are the execution's; others are recorded"""
    machines = {
        "double": {"command": words(DOUBLE)},
        "words": {"command": "sh -c 'echo $KIND of $STATE_MACHINE_NAME as ${EXECUTION_ARN##*:}'", "env": "KIND=output"},
        "broken": {"command": "sh -c 'echo first >&2; echo no such bin >&2; exit 3'"},
        "slow": {"command": "sleep 60", "timeout": "300ms"},
        "absent": {"command": "/nowhere/at/all"},
    }
    rules = {"start": rule("SELECT * FROM 'a/+'", MACHINE, error=s3("errors", "${topic(2)}"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"stepFunctions": {"machines": machines}}}) as weir:
        for n, name in enumerate((*machines, "other")):
            broker.publish(f"a/{name}", json.dumps({"n": n}))
        weir.wait_settled(len(machines) + 1)
        found = {}
        for name in (*machines, "other"):
            found[name], = executions(weir, name)
        arn = "arn:aws:states:local:123456789012:"
        for n, (name, e) in enumerate(found.items()):
            tap.equal((e["stateMachineArn"], e["input"]), (f"{arn}stateMachine:{name}", {"n": n}), name)
            tap.check(e["name"].startswith("run-") and len(e["name"]) == 40, e["name"])
            tap.equal(e["executionArn"], f"{arn}execution:{name}:{e['name']}", name)
            tap.check("stopDate" not in e or e["startDate"] <= e["stopDate"], f"{name}: {e}")
        tap.equal((found["double"]["status"], found["double"]["output"]), ("SUCCEEDED", {"twice": 0}), "JSON")
        tap.equal((found["words"]["status"], found["words"]["output"]), ("SUCCEEDED", f"output of words as {found['words']['name']}"), "text")
        broken = {k: found["broken"][k] for k in ("status", "error", "cause")}
        tap.equal(broken, {"status": "FAILED", "error": "States.TaskFailed", "cause": "exit status 3: first\nno such bin"}, "an exit status")
        slow = {k: found["slow"][k] for k in ("status", "error", "cause")}
        tap.equal(slow, {"status": "TIMED_OUT", "error": "States.Timeout", "cause": "it ran for more than 300 ms"}, "a time-out")
        tap.check(found["slow"]["stopDate"] - found["slow"]["startDate"] >= 290, str(found["slow"]))
        tap.check(found["absent"]["status"] == "FAILED" and "/nowhere/at/all" in found["absent"]["cause"], str(found["absent"]))
        tap.equal((found["other"]["status"], "output" in found["other"]), ("RECORDED", False), "no command")
        c = weir.counters("start")["actions"]["stepFunctions"]
        tap.equal((c["success"], c["failure"], weir.objects("errors")), (len(machines) + 1, 0, {}), "as on AWS: what starts is delivered")


def test_machine_limit():
    """stepFunctions: more executions than may be are tried later, and none is lost"""
    machines = {"m": {"command": "sh -c 'sleep 0.05; cat'", "concurrency": 2, "executions": 3}}
    config = {"sinks": {"stepFunctions": {"machines": machines, "retry": {"attempts": 50, "base": "20ms"}}}}
    with Broker() as broker, Weir(broker, {"start": rule("SELECT * FROM 'a/+'", MACHINE)}, config) as weir:
        for n in range(20):
            broker.publish("a/m", json.dumps({"n": n}))
        weir.wait_settled(20)
        done = executions(weir, "m")
        tap.equal(sorted(e["output"]["n"] for e in done), list(range(20)), "outputs")
        tap.equal({e["status"] for e in done}, {"SUCCEEDED"}, "status")


def test_machine_killed():
    """stepFunctions: a kill while an execution runs ends its process; the next weir runs it again, under the same name"""
    with Broker() as broker:
        pids = os.path.join(support.temp_dir("wr-exec-"), "pids")
        machines = {"m": {"command": f"sh -c 'echo $$ $EXECUTION_ARN >>{pids}; while ! [ -e {pids}.go ]; do sleep 0.05; done; cat'"}}
        with Weir(broker, {"start": rule("SELECT * FROM 'a/+'", MACHINE)}, {"sinks": {"stepFunctions": {"machines": machines}}}) as weir:
            broker.publish("a/m", '{"n": 1}', qos=1)
            wait_for(lambda: os.path.exists(pids) and open(pids).read().endswith("\n"), "the execution to begin")
            weir.kill()
            pid = int(open(pids).read().split()[0])
            if os.path.exists("/usr/bin/setpriv"):
                wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its process to end")
            weir.start()
            wait_for(lambda: len(open(pids).readlines()) == 2, "the execution to begin again")
            support.write_file(pids + ".go", "")
            wait_for(lambda: executions(weir, "m"), "its end")
            first, second = (line.split()[1] for line in open(pids))
            tap.equal(first, second, "names")
            tap.equal([(e["status"], e["output"], e["executionArn"]) for e in executions(weir, "m")], [("SUCCEEDED", {"n": 1}, first)], "once")


def test_lambda_exec():
    """lambda, runtime exec: the event on stdin, tries, time-outs, what it printed, the error action"""
    functions = {
        "double": {"command": words(DOUBLE), "runtime": "exec", "concurrency": 2},
        "broken": {"command": "sh -c 'echo no such bin >&2; exit 3'", "runtime": "exec", "retries": 1, "retry_delay": "10ms"},
        "slow": {"command": "sleep 60", "runtime": "exec", "timeout": "300ms", "retries": 0},
    }
    rules = {name: rule(f"SELECT * FROM '{name}/+'", function(name), error=s3("errors", name)) for name in functions}
    rules["ask"] = rule(f"SELECT aws_lambda('{lambda_arn('double')}', *) AS answer FROM 'ask/+'", s3("answers", "${topic(2)}"))
    with Broker() as broker, Weir(broker, rules, {"sinks": {"lambda": {"functions": functions}}}) as weir:
        for n, name in enumerate((*functions, "ask")):
            broker.publish(f"{name}/x", json.dumps({"n": n + 1}))
        weir.wait_settled(4)

        def results(name):
            return [json.loads(line) for line in weir.run("local", "cat", "lambda", name)[1].splitlines()]

        tap.equal(sorted((r["status"], r["event"]["n"], r["result"]["twice"]) for r in results("double")), [("ok", 1, 2), ("ok", 4, 8)], "answers")
        tap.equal({k: json.loads(v) for k, v in weir.objects("answers").items()},
                  {"x": {"answer": {"twice": 8}}}, "the look-up")
        tap.equal([(r["attempt"], r["status"]) for r in results("broken")], [(1, "crash"), (2, "crash")], "tries")
        tap.equal([(r["attempt"], r["status"]) for r in results("slow")], [(1, "timeout")], "a time-out")
        errors = {k: json.loads(v)["failures"][0] for k, v in weir.objects("errors").items()}
        tap.equal(sorted(errors), ["broken", "slow"], "error actions")
        tap.check("It failed 2 times, at last with Runtime.ExitError: " in errors["broken"]["errorMessage"] and
                  "exit status 3" in errors["broken"]["errorMessage"], errors["broken"]["errorMessage"])
        tap.check("Task timed out after 0.30 seconds" in errors["slow"]["errorMessage"], errors["slow"]["errorMessage"])
        log = support.read_file(os.path.join(weir.state_dir, "local", "lambda", "broken", "log.txt"))
        tap.equal(log, "no such bin\n" * 2, "the log")


if __name__ == "__main__":
    support.main(globals())
