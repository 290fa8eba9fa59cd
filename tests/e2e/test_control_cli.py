#!/usr/bin/env python3
"""The control plane from the shell: weir thing and its kin ask a running weir over its admin socket.

usage: test_control_cli.py BUILD/weir [test_NAME]...
"""
import json
import subprocess

from control import alone, client
import support
from support import tap
import weir as weir_module


def cli(weir, *args, want=0):
    """A command that must end with this status: its output; its complaints when it must fail."""
    code, out, err = weir.run(*args)
    tap.equal(code, want, f"weir {' '.join(args)}: {out}{err}")
    return out if want == 0 else err


def test_thing():
    """weir thing: create, show, list; over pages; with names that need encoding"""
    with alone({"region": "eu-west-1"}) as weir:
        arn = cli(weir, "thing", "create", "lamp:1", "--attribute", "room=hall", "--attribute", "floor=2").strip()
        tap.equal(arn, "arn:aws:iot:eu-west-1:123456789012:thing/lamp:1", "the ARN")
        seen = client(weir).describe_thing(thingName="lamp:1")
        tap.equal(seen["attributes"], {"room": "hall", "floor": "2"}, "as boto3 sees it")
        shown = cli(weir, "thing", "show", "lamp:1")
        tap.check(f"ARN         {arn}\n" in shown and 'attributes  {"room":"hall","floor":"2"}' in shown, shown)
        tap.equal(json.loads(cli(weir, "thing", "show", "lamp:1", "--json"))["thingName"], "lamp:1", "as JSON")
        iot = client(weir)
        for i in range(120):
            iot.create_thing(thingName=f"t{i}")
        code, out, err = weir.run("thing", "list")
        lines = out.splitlines()
        tap.equal((code, len(lines), lines[0].split(), err), (0, 122, ["NAME", "TYPE", "ATTRIBUTES"], "121 things\n"),
                  "the table, of all pages")
        tap.equal(lines[-1].split(), ["t119", "{}"], "the last line")
        items = json.loads(cli(weir, "thing", "list", "--json"))["things"]
        tap.equal([x["thingName"] for x in items], ["lamp:1"] + [f"t{i}" for i in range(120)], "as JSON")
        tap.equal(cli(weir, "thing", "list", "--region", "us-east-1"), "", "another region")


def test_rule():
    """weir rule: made of a file or of options, shown, edited, disabled, enabled, deleted"""
    with alone({"region": "eu-west-1"}) as weir:
        action = '{"republish": {"topic": "hot", "roleArn": "arn:aws:iam::123456789012:role/r"}}'
        cli(weir, "rule", "create", "hot", "--sql", "SELECT * FROM 'a/+' WHERE t > 30", "--action", action,
            "--description", "hot ones")
        iot = client(weir)
        made = iot.get_topic_rule(ruleName="hot")["rule"]
        del made["createdAt"]
        tap.equal(made, {"ruleName": "hot", "sql": "SELECT * FROM 'a/+' WHERE t > 30", "actions": [json.loads(action)],
                         "description": "hot ones", "awsIotSqlVersion": "2016-03-23", "ruleDisabled": False}, "made")
        shown = cli(weir, "rule", "show", "hot")
        tap.check("SELECT * FROM 'a/+' WHERE t > 30\n" in shown and "hot ones" in shown, shown)
        cli(weir, "rule", "edit", "hot", "--description", "warm ones", "--error-action", action, "--disabled")
        seen = json.loads(cli(weir, "rule", "show", "hot", "--json"))["rule"]
        tap.equal((seen["description"], seen["errorAction"], seen["ruleDisabled"], seen["sql"]),
                  ("warm ones", json.loads(action), True, made["sql"]), "edited, the rest as it was")
        cli(weir, "rule", "enable", "hot")
        cli(weir, "rule", "disable", "hot")
        document = weir.dir + "/doc.json"
        support.write_file(document, json.dumps({"ruleName": "x", "topicRulePayload": {"sql": "SELECT a FROM 'b/#'",
                                                                                     "actions": []}}))
        cli(weir, "rule", "create", "filed", "--file", document)
        weir.write_rule("own", {"sql": "SELECT * FROM 'c'", "actions": []})
        weir.wait_rules(3)
        rows = [x.split() for x in cli(weir, "rule", "list").splitlines()]
        tap.equal([r[:3] for r in rows], [["NAME", "DISABLED", "TOPIC"], ["own", "no", "c"], ["hot", "yes", "a/+"],
                                          ["filed", "no", "b/#"]], "the table")
        tap.equal([x["ruleName"] for x in json.loads(cli(weir, "rule", "list", "--topic", "b/1", "--json"))["rules"]],
                  ["filed"], "whose FROM matches")
        cli(weir, "rule", "replace", "filed", "--file", document, "--sql", "SELECT b FROM 'b/#'")
        tap.equal(iot.get_topic_rule(ruleName="filed")["rule"]["sql"], "SELECT b FROM 'b/#'", "the option wins")
        tap.check("sql:1:" in (text := cli(weir, "rule", "create", "bad", "--sql", "SELECT FROM 'a'", want=2)), text)
        tap.check("--action" in (text := cli(weir, "rule", "create", "bad", "--sql", "SELECT * FROM 'a'", "--action", "{",
                                             want=2)), text)
        tap.check("--sql STATEMENT" in cli(weir, "rule", "create", "bad", want=2), "nothing to make it of")
        tap.check("read-only" in (text := cli(weir, "rule", "disable", "own", want=2)), text)
        cli(weir, "rule", "show", "none", want=1)
        cli(weir, "rule", "delete", "hot", "--yes")
        cli(weir, "rule", "show", "hot", want=1)


def test_refusals():
    """Wrong words end with 2, refusals of weir with 1, and say why; without a weir it says that"""
    with alone() as weir:
        tap.check("expected " in cli(weir, "thing", "paint", want=2), "verb")
        tap.check("expected show NAME" in cli(weir, "thing", "show", want=2), "words")
        tap.check("expected NAME=VALUE, found 'x'" in cli(weir, "thing", "create", "a", "--attribute", "x", want=2),
                  "a pair")
        tap.check("does not exist" in (text := cli(weir, "thing", "show", "none", want=1))
                  or "(ResourceNotFoundException)" in text, text)
        tap.check("InvalidRequestException" in cli(weir, "thing", "create", "a b", want=2), "bad input")
        tap.check("there is no tenant nobody" in cli(weir, "thing", "list", "--tenant", "nobody", want=1), "tenant")
        weir.stop()
        tap.check("no weir runs here" in cli(weir, "thing", "list", want=1), "no weir")


def test_completion():
    """The completions know the verbs, the man page and the help their words"""
    def out(*args):
        return subprocess.run([weir_module.binary(), *args], capture_output=True, text=True, check=True).stdout
    for shell in ("bash", "zsh"):
        line = next(x for x in out("help", "completion", shell).splitlines() if x.startswith("    thing) "))
        for word in (" list", " show", " create", "--attribute", "--tenant", "--json"):
            tap.check(word in line, f"{shell}: {word}: {line}")
    tap.check("  create NAME [--type TYPE] [--attribute NAME=VALUE]...\n" in out("help", "thing"), "help")
    tap.check("weir thing" in out("help", "man"), "man page")


if __name__ == "__main__":
    support.main(globals())
