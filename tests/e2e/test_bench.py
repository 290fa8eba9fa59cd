"""weir bench: rules from folders, messages from files, generators, what it counts, wrong usage.

    test_bench.py WEIR [test_…]
"""
import json
import os
import re
import signal
import subprocess
import time

import support
from support import tap, wait_for
from weir import binary

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GENERATORS = ["small", "passthrough", "wide", "functions", "arrays", "fan-in", "many"]


def bench(*args):
    return support.run([binary(), "bench", *args], cwd=ROOT)


def as_json(*args):
    code, out, err = bench(*args, "--json")
    tap.equal((code, err), (0, ""), f"status and stderr of {args}")
    return json.loads(out)


def folder(rules, messages):
    path = support.temp_dir()
    os.mkdir(os.path.join(path, "rules"))
    for name, document in rules.items():
        support.write_file(os.path.join(path, "rules", name + ".json"), json.dumps(document))
    support.write_file(os.path.join(path, "m.jsonl"), "".join(json.dumps(m) + "\n" for m in messages))
    return os.path.join(path, "rules"), os.path.join(path, "m.jsonl")


def test_counts_what_rules_do():
    """rules of a folder on messages of a file, cycled: matches, evaluations, no rule, records"""
    rules, messages = folder(
        {"hot": {"sql": "SELECT v FROM 'a/+' WHERE v > 2", "actions": [{"s3": {
            "roleArn": "arn:aws:iam::123456789012:role/r", "bucketName": "bucket", "key": "${topic()}"}}]},
         "all": {"sql": "SELECT * FROM 'a/#'", "actions": []}},
        [{"topic": "a/1", "payload": {"v": 1}}, {"topic": "a/2", "payload": {"v": 3}},
         {"topic": "elsewhere", "payload": {}}, {"topic": "a/b/c", "payloadText": "no JSON"}])
    r = as_json("--rules", rules, "--messages", messages, "--rounds", "1", "--count", "10", "--sink", "count")
    # 10 of a cycle of 4: a/1 and a/2 three times, elsewhere and a/b/c twice
    tap.equal((r["messages"], r["rounds"], r["messages_per_round"]), (10, 1, 10), "messages")
    tap.equal(r["matches"], 3 + 3 + 3 + 2, "hot on a/2, all on a/1, a/2 and a/b/c")
    tap.equal(r["evaluations"], 6 + 8, "hot on a/+, all on a/#")
    tap.equal(r["no_rule"], 2, "elsewhere")
    tap.equal((r["records"], r["record_bytes"]), (3, 3 * len('{"v":3}')), "only the s3 action makes records")
    tap.equal(r["failures"], 0, "failures")
    tap.check(r["ns_per_message"] > 0 and r["messages_per_second"] > 0, "times")
    tap.equal((r["rules"], r["distinct_messages"]), (2, 4), "what was loaded")


def test_through_a_broker():
    """--mqtt: the same messages come through a broker, each once; what goes wrong is said"""
    with support.Broker() as broker:
        for qos in "10":
            r = as_json("--generate", "small", "--rounds", "2", "--count", "3000", "--mqtt", broker.url, "--qos", qos)
            tap.equal((r["messages"], r["source"]), (6000, "mqtt"), "messages, and where they came from")
            whole = as_json("--generate", "small", "--rounds", "1", "--count", "1000")
            tap.equal(r["matches"], 6 * whole["matches"], "matches: the set of 1,000 six times")
            tap.check(r["ns_per_message"] > 0, "a time")
        rules, messages = folder({"a": {"sql": "SELECT get_user_properties('k') AS k FROM '#' WHERE get(get_user_properties('k'), 0) = 'v'", "awsIotSqlVersion": "2016-03-23", "actions": []}},
                                 [{"topic": "a", "payload": {}, "userProperties": [["k", "v"]]}])
        r = as_json("--rules", rules, "--messages", messages, "--rounds", "1", "--count", "50", "--mqtt", broker.url)
        tap.equal((r["messages"], r["matches"], r["failures"]), (50, 50, 0), "messages with properties")
    code, _, err = bench("--mqtt", f"mqtt://127.0.0.1:{support.free_port()}")
    tap.equal(code, 2, "exit status")
    tap.check("Connection refused" in err, err)
    for args, text in ((("--qos", "1"), "--qos is for --mqtt"), (("--mqtt", "mqtt://h", "--qos", "2"), "expected 0 or 1"),
                       (("--mqtt", "http://h"), "mqtt://host")):
        code, _, err = bench(*args)
        tap.equal(code, 2, f"exit status of {args}")
        tap.check(text in err, f"{text} in {err}")


def test_rounds_are_measured_apart():
    """several rounds: sums over all, the median between the fastest and the slowest"""
    r = as_json("--generate", "small", "--rounds", "5", "--count", "2000")
    tap.equal((r["messages"], r["rounds"]), (10000, 5), "messages of all rounds")
    tap.check(r["ns_per_message_min"] <= r["ns_per_message"] <= r["ns_per_message_max"], "the median")
    tap.equal(r["allocations_per_message"], 0, "allocations after the warm-up")
    tap.equal([x["rule"] for x in r["dearest_rules"]], ["small_0"], "the rule's cost")
    tap.check(r["dearest_rules"][0]["ns_per_evaluation"] >= 0, "sampled")
    tap.check(0 < r["matches"] < r["messages"], "one in ten matches")


def test_every_generator():
    """every generator: same seed, same counts; another seed, other ones"""
    for name in GENERATORS:
        few = ["--generate", name, "--rounds", "1", "--count", "500", "--generate-messages", "500"]
        if name in ("fan-in", "many"):
            few += ["--generate-rules", "50"]
        a, b, c = as_json(*few), as_json(*few), as_json(*few, "--seed", "7")
        tap.equal((a["matches"], a["bytes_per_message"]), (b["matches"], b["bytes_per_message"]), f"{name}: seed")
        tap.check((a["matches"], a["bytes_per_message"]) != (c["matches"], c["bytes_per_message"]),
                  f"{name}: another seed gives {c['matches']}, {c['bytes_per_message']} too")
        tap.equal((a["failures"], a["no_rule"]), (0, 0), f"{name}: failures, messages without a rule")
        tap.check(a["matches"] > 0, f"{name}: nothing matches")


def test_matches_do_not_depend_on_the_count_of_rules():
    """many: the messages meet about as many rules of 10 as of 1,000"""
    one = ["--generate", "many", "--rounds", "1", "--count", "2000", "--generate-messages", "2000"]
    few, more = as_json(*one, "--generate-rules", "10"), as_json(*one, "--generate-rules", "1000")
    tap.check(abs(few["matches"] - more["matches"]) < 200, f"matches {few['matches']} and {more['matches']}")


def test_the_page_for_people():
    """text: the figures by name, the dearest rules, nothing on stderr in a pipe"""
    code, out, err = bench("--rules", "examples/rules", "--messages", "examples/messages/morning.jsonl", "--rounds", "2",
                           "--count", "100", "--top", "2")
    tap.equal(code, 0, f"status; stderr {err!r}")
    for text in ("CPU time (median)", "messages/s", "matches", "allocations", "topic cache", "dearest rules", "and "):
        tap.check(text in out, f"{text!r} in {out!r}")


def test_a_generator_for_one_side():
    """rules of a folder on generated messages, and generated rules on messages of a file"""
    rules, messages = folder({"r": {"sql": "SELECT temp FROM 'plant/+/sensor'", "actions": []}},
                             [{"topic": "plant/1/sensor", "payload": {"temp": 99}}])
    r = as_json("--rules", rules, "--generate", "small", "--rounds", "1", "--count", "100")
    tap.equal(r["matches"], 100, "own rule, generated messages")
    r = as_json("--messages", messages, "--generate", "small", "--rounds", "1", "--count", "100")
    tap.equal(r["matches"], 100, "generated rule, own message")


def test_wrong_usage():
    """wrong options, missing folders, refused rules: 2, the reason, nothing on stdout"""
    rules, messages = folder({"bad": {"sql": "SELECT FROM", "actions": []}}, [])
    for args, words in (
            (["--generate", "huge"], "unknown generator huge"),
            (["--rounds", "0"], "--rounds: expected 1 to 1000, found 0"),
            (["--count", "-1"], "--count"),
            (["--rules", rules], "--rules wants messages too"),
            (["--messages", messages], "--messages wants rules too"),
            (["--sink", "s3"], "expected null or count, found s3"),
            (["extra"], "unknown argument extra"),
            (["--rules", "/nowhere", "--generate", "small"], "/nowhere"),
            (["--messages", messages, "--generate", "small"], "m.jsonl"),
            (["--rules", rules, "--generate", "small"], "documents refused: 1"),
            (["--rules", rules, "--messages", messages, "--generate", "small"], "nothing is left to generate")):
        code, out, err = bench(*args)
        tap.equal((code, out), (2, ""), f"status and stdout of {args}")
        tap.check(words in err, f"{args}: expected {words!r} in {err!r}")


def test_an_interrupt_ends_it():
    """Ctrl-C within a round: it stops, says so, status 1"""
    p = subprocess.Popen([binary(), "bench", "--rounds", "1", "--count", "1000000000"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: (m := re.search(r"SigCgt:\s*(\S+)", support.read_file(f"/proc/{p.pid}/status")))
                 and int(m[1], 16) >> (signal.SIGINT - 1) & 1, "it to catch signals")
        time.sleep(0.3)  # any moment from then on does: loading is not interrupted, rounds are
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=support.TIMEOUT)
    finally:
        p.kill()
    tap.equal((p.returncode, out), (1, ""), f"status and stdout; stderr {err!r}")
    tap.check("stopped before the end" in err, f"stderr {err!r}")


if __name__ == "__main__":
    support.main(globals())
