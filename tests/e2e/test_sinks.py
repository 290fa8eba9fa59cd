"""Every action with its local form: what a rule says, what a device publishes, what is there afterwards.

    test_sinks.py WEIR [test_NAME]...
"""
import base64
import hashlib
import json
import os
import re

import support
from support import Broker, tap, wait_for
from weir import (EXAMPLES, Weir, binary, dynamodb, dynamodb_v2, function, republish, rule, s3)

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x80\xfe"


# ---- s3

def test_s3_objects():
    """s3: templates in bucket and key, bytes unchanged, metadata beside the object"""
    rules = {
        "json": rule("SELECT temp, topic(2) AS device FROM 'site/+/reading' WHERE temp > 30",
                     s3("readings-${topic(2)}", "${topic(3)}/${temp}-${nosuch}x.json",
                        cannedAcl="public-read")),
        "raw": rule("SELECT * FROM 'camera/+'", s3("frames", "${topic(2)}.jpg")),
    }
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("site/kiln/reading", '{"temp": 41.50, "extra": [1, 2]}')
        broker.publish("site/kiln/reading", '{"temp": 20}')
        broker.publish("camera/yard", JPEG)
        weir.wait_settled(3)
        body = b'{"temp":41.5,"device":"kiln"}'
        tap.equal(weir.objects("readings-kiln"), {"reading/41.5-x.json": body}, "the JSON object")
        tap.equal(weir.objects("frames"), {"yard.jpg": JPEG}, "the frame, byte for byte")
        meta = weir.meta("readings-kiln", "reading/41.5-x.json")
        tap.check(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", meta.pop("lastModified")),
                  "time of the object")
        tap.equal(meta, {"key": "reading/41.5-x.json", "size": len(body), "acl": "public-read",
                         "etag": hashlib.md5(body).hexdigest(),
                         "contentType": "application/json"}, "metadata")
        tap.equal(weir.meta("frames", "yard.jpg")["contentType"], "application/octet-stream",
                  "content type of bytes")


def test_s3_replaces():
    """s3: the last message of a constant key stays, in order"""
    with Broker() as broker, Weir(broker, {"last": rule("SELECT n FROM 'count'", s3("last", "value"))}) as weir:
        broker.publish_lines("count", (json.dumps({"n": n}) for n in range(500)))
        weir.wait_settled(500)
        tap.equal(weir.objects("last"), {"value": b'{"n":499}'}, "the last value")


def test_s3_hostile_keys():
    """s3: keys that would leave the bucket's folder, or collide, are stored and read back by their key"""
    keys = ["../../../escape", "..", ".", "a//b", "/rooted", "trailing/", "100%", "a", "a/b", "a/b/c",
            "sp ace & \"quotes\" \\ *", "grüße/日本", "x" * 300, "-rf", "a%", ".hidden"]
    with Broker() as broker, Weir(broker, {"put": rule("SELECT v FROM 'put'", s3("box", "${k}"))}) as weir:
        before = set(os.listdir(weir.dir)) | set(os.listdir(weir.state_dir))
        for key in keys:
            broker.publish("put", json.dumps({"k": key, "v": key}))
        weir.wait_settled(len(keys))
        tap.equal(weir.keys("box"), sorted(keys, key=str.encode), "the keys")
        for key in keys:
            out = weir.run("local", "cat", "s3", "box", "--", key)
            tap.equal((out[0], out[2]), (0, ""), f"cat of {key!r}")
            tap.equal(json.loads(out[1]), {"v": key}, f"the object {key!r}")
        tap.equal(set(os.listdir(weir.dir)) | set(os.listdir(weir.state_dir)) - {"source.json"},
                  before - {"source.json"} | {"status.json"}, "nothing beside the local forms")
        tap.equal(sorted(os.listdir(os.path.join(weir.state_dir, "local", "s3"))), ["box"], "one bucket")


def test_s3_refused():
    """s3: what is no bucket and no key fails the action and is counted"""
    rules = {"put": rule("SELECT * FROM 'put'", s3("${b}", "${k}"), error=s3("failed", "${n}"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        bad = [("../up", "k"), ("UPPER", "k"), ("", "k"), ("ok-bucket", ""), ("ok-bucket", "x" * 1025)]
        for n, (bucket, key) in enumerate(bad):
            broker.publish("put", json.dumps({"b": bucket, "k": key, "n": n}))
        weir.wait_settled(len(bad))
        documents = {int(k): json.loads(v) for k, v in weir.objects("failed").items()}
        codes = [re.search(r"Error Code: (\w+)", d["failures"][0]["errorMessage"]).group(1)
                 for _, d in sorted(documents.items())]
        tap.equal(len(codes), len(bad), "failed messages")
        tap.equal(codes[:3], ["InvalidBucketName"] * 3, "buckets")
        tap.equal(codes[4], "KeyTooLongError", "the long key")
        tap.equal(os.listdir(os.path.join(weir.state_dir, "local", "s3")), ["failed"], "no other bucket")
        want = {"success": 0, "failure": 5, "retries": 0, "errorActionSuccess": 5, "errorActionFailure": 0,
                "failures": {"refused": 5, "expired": 0, "template": 0, "no_sink": 0, "queue_full": 0}}
        counters = weir.counters("put")["actions"]["s3"]
        tap.equal({k: counters[k] for k in want}, want, "counters")


# ---- DynamoDB

def test_dynamodb_v1():
    """dynamoDB: INSERT, UPDATE and DELETE by template, NUMBER sort key, typed payload, binary payload"""
    keys = {"hashKeyField": "device", "hashKeyValue": "${topic(2)}", "rangeKeyField": "seq",
            "rangeKeyType": "NUMBER", "rangeKeyValue": "${n}"}
    rules = {
        "write": rule("SELECT * FROM 'write/+'", dynamodb("log", operation="${op}", payloadField="doc", **keys)),
        "raw": rule("SELECT * FROM 'raw/+'", dynamodb("blobs", hashKeyField="id", hashKeyValue="${topic(2)}")),
    }
    with Broker() as broker, Weir(broker, rules) as weir:
        count = 0

        def write(n, op, **members):
            nonlocal count
            count += 1
            broker.publish("write/kiln", json.dumps({"n": n, "op": op, **members}))
            weir.wait_settled(count)

        for n in (10, 9, 1, -2.5):
            write(n, "INSERT")
        tap.equal([(i["device"], i["seq"]) for i in weir.items("log")],
                  [({"S": "kiln"}, {"N": n}) for n in ("-2.5", "1", "9", "10")], "sorted as numbers")
        write(9, "UPDATE", mixed=[1.50, "x", True, None, {"big": 9007199254740993}])
        by_seq = {i["seq"]["N"]: i for i in weir.items("log")}
        tap.equal(by_seq["9"]["doc"]["M"]["mixed"],
                  {"L": [{"N": "1.5"}, {"S": "x"}, {"BOOL": True}, {"NULL": True},
                         {"M": {"big": {"N": "9007199254740993"}}}]}, "types of the payload")
        write(10, "DELETE")
        write(1, "REPLACE")  # no operation
        write("one", "INSERT")  # no NUMBER
        tap.equal([i["seq"]["N"] for i in weir.items("log")], ["-2.5", "1", "9"], "after DELETE")
        counters = weir.counters("write")["actions"]["dynamoDB"]
        tap.equal((counters["success"], counters["failure"]), (6, 2), "success and failure")
        broker.publish("raw/cam", JPEG)
        weir.wait_settled(count + 1)
        tap.equal(weir.items("blobs"), [{"id": {"S": "cam"}, "payload":
                                         {"B": base64.b64encode(JPEG).decode()}}], "the binary payload")


def test_dynamodb_v2():
    """dynamoDBv2: a column a member; results without the key or of another shape fail"""
    config = {"sinks": {"dynamoDBv2": {"tables": {"doors": {"hash_key": "door", "range_key": "seen",
                                                            "range_type": "N"}}}}}
    rules = {"doors": rule("SELECT *, topic(2) AS door FROM 'doors/+'", dynamodb_v2("doors")),
             "list": rule("SELECT VALUE [1, 2] FROM 'list'", dynamodb_v2("doors")),
             "unknown": rule("SELECT * FROM 'unknown'", dynamodb_v2("nowhere"))}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("doors/front", '{"seen": 2, "state": "open", "battery": 0.10, "tags": []}')
        broker.publish("doors/front", '{"seen": 10, "state": null}')
        broker.publish("doors/front", '{"seen": 10, "open": false}')  # replaces the item
        broker.publish("doors/front", '{"state": "no sort key"}')
        broker.publish("doors/front", '{"seen": "ten"}')
        broker.publish("list", "{}")
        broker.publish("unknown", '{"door": "x", "seen": 1}')
        weir.wait_settled(7)
        tap.equal(weir.items("doors"), [
            {"seen": {"N": "2"}, "state": {"S": "open"}, "battery": {"N": "0.1"}, "tags": {"L": []},
             "door": {"S": "front"}},
            {"seen": {"N": "10"}, "open": {"BOOL": False}, "door": {"S": "front"}}], "items")
        rows = weir.fresh_status()["rules"]
        tap.equal([rows[r]["actions"]["dynamoDBv2"]["failure"] for r in ("doors", "list", "unknown")],
                  [2, 1, 1], "failures")


# ---- lambda

def functions(**more):
    folder = os.path.join(EXAMPLES, "functions")
    return {"sinks": {"lambda": {"functions": {
        "alarm": {"command": "/usr/bin/python3 python_runtime.py", "cwd": folder,
                  "handler": "alarm.handler", "retries": 1, "retry_delay": "10ms"},
        "shell": {"command": "bash bootstrap", "cwd": os.path.join(folder, "shell"), "retries": 0},
        **more}}}}


def test_lambda_examples():
    """lambda: the Python and the bash example answer; errors are tried again, then fail the action"""
    rules = {"python": rule("SELECT * FROM 'py/+'", function("alarm")),
             "bash": rule("SELECT * FROM 'sh/+'", {"lambda": {"functionArn": "shell"}})}
    with Broker() as broker, Weir(broker, rules, functions()) as weir:
        broker.publish("py/1", '{"device": "kiln", "temp": 70.5}')
        broker.publish("py/2", '{"device": "kiln"}')  # raises
        broker.publish("py/3", JPEG)  # is no event
        broker.publish("sh/1", '{"text": "grüße"}')
        broker.publish("sh/2", '{"do": "fail"}')
        weir.wait_settled(5)
        python = [{k: r[k] for k in ("attempt", "event", "result")} for r in weir.results("alarm")]
        tap.equal(python[0], {"attempt": 1, "event": {"device": "kiln", "temp": 70.5},
                              "result": {"device": "kiln", "level": "alarm", "over": 10.5}}, "the answer")
        tap.equal([(r["attempt"], r["result"]["errorType"]) for r in python[1:]],
                  [(1, "ValueError"), (2, "ValueError")], "two tries")
        bash = [r["result"] for r in weir.results("shell")]
        tap.equal(bash[0], {"function": "shell", "event": {"text": "grüße"}}, "the answer in bash")
        tap.equal(bash[1]["errorType"], "ShellError", "the failure in bash")
        tap.equal(len(bash), 2, "answers in bash")
        rows = weir.fresh_status()["rules"]
        actions = [rows[r]["actions"]["lambda"] for r in ("python", "bash")]
        tap.equal([(a["success"], a["failure"]) for a in actions], [(1, 2), (1, 1)], "counters")
        log = support.read_file(os.path.join(weir.state_dir, "local", "lambda", "alarm", "log.txt"))
        tap.check("kiln: 70.5 is alarm" in log, f"the function's output in log.txt: {log}")


def test_lambda_processes_end():
    """lambda: no function's process stays behind"""
    def alive(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                return f.read().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    with Broker() as broker:
        weir = Weir(broker, {"python": rule("SELECT * FROM 'py'", function("alarm"))}, functions())
        broker.publish("py", '{"temp": 1}')
        weir.wait_settled(1)
        children = support.children_of(weir.process.pid)
        tap.check(children, "the function's process is warm")
        weir.stop()
        wait_for(lambda: not any(alive(c) for c in children), "the function's process to end")


# ---- republish

FORMAT = ("-F", "%t|%q|%r|%C|%D|%E|%F|%R|%P|%p", "--retain-as-published")


def test_republish():
    """republish: topic, QoS and bytes; `$$`; RETAIN is never set"""
    rules = {
        "one": rule("SELECT v FROM 'in/+'", republish("out/${topic(2)}", qos=1)),
        "zero": rule("SELECT * FROM 'raw'", republish("out/raw")),
        "reserved": rule("SELECT v FROM 'shadow/+'", republish("$$aws/things/${topic(2)}/shadow/update", qos=1)),
    }
    with Broker() as broker, Weir(broker, rules) as weir:
        seen = broker.subscriber("out/#", "$aws/#", options=("-F", "%t|%q|%r|%x", "--retain-as-published"))
        broker.publish("in/a", '{"v": 1.0, "w": 2}', retain=True)
        broker.publish("raw", JPEG, retain=True)
        broker.publish("shadow/lamp", '{"v": "on"}')
        wait_for(lambda: len(seen.lines) >= 3, lambda: f"three messages: {seen.lines}")
        weir.wait_settled(3)
        tap.equal(sorted(seen.lines), sorted([
            "out/a|1|0|" + b'{"v":1}'.hex(),
            "out/raw|0|0|" + JPEG.hex(),
            "$aws/things/lamp/shadow/update|1|0|" + b'{"v":"on"}'.hex()]), "messages")
        late = broker.subscriber("out/#", options=FORMAT)
        support.stays(lambda: not late.lines, "nothing is retained", seconds=0.3)


def test_republish_headers():
    """republish: MQTT 5 headers and user properties, with templates"""
    headers = {"payloadFormatIndicator": "UTF8_DATA", "contentType": "${type}",
               "responseTopic": "answers/${topic(2)}", "correlationData": base64.b64encode(b"ask-7").decode(),
               "messageExpiry": "${ttl}",
               "userProperties": [{"key": "device", "value": "${topic(2)}"}, {"key": "k-${type}", "value": "v"},
                                  {"key": "device", "value": "again"}]}
    rules = {"send": rule("SELECT v FROM 'in/+'", republish("out", qos=1, headers=headers),
                          error=s3("failed", "${ttl}"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        seen = broker.subscriber("out", options=FORMAT)
        broker.publish("in/a", '{"v": 1, "type": "json", "ttl": 600}')
        broker.publish("in/a", '{"v": 2, "type": "json", "ttl": "soon"}')
        weir.wait_settled(2)
        wait_for(lambda: seen.lines, "the message")
        topic, qos, retain, *rest, properties, payload = seen.lines[0].split("|")
        tap.equal((topic, qos, retain, payload), ("out", "1", "0", '{"v":1}'), "the message")
        tap.equal([x for x in rest if not x.isdigit()] + [rest[3]],
                  ["json", "ask-7", "answers/a", "1"], "headers")
        tap.check(595 <= int(rest[2]) <= 600, f"expiry: {rest[2]}")
        tap.equal([x for x in properties.split(" ") if not x.startswith("weir-hops")],
                  ["device:a", "k-json:v", "device:again"], "user properties")
        tap.equal(len(seen.lines), 1, "the other message is not sent")
        document = json.loads(weir.objects("failed")["soon"])
        tap.check("messageExpiry" in document["failures"][0]["errorMessage"], str(document))


def test_republish_loop():
    """republish: a rule that feeds itself ends after max_hops, with the error action"""
    rules = {"loop": rule("SELECT n + 1 AS n FROM 'loop'", republish("loop", qos=1), error=s3("ended", "loop"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"republish": {"max_hops": 3}}}) as weir:
        seen = broker.subscriber("loop", options=("-F", "%p"))
        broker.publish("loop", '{"n": 0}')
        wait_for(lambda: weir.objects("ended"), "the error action")
        weir.wait_settled(4)
        support.stays(lambda: len(seen.lines) <= 4, "the loop has ended", seconds=0.3)
        tap.equal(seen.lines, [json.dumps({"n": n}, separators=(",", ":")) if n else '{"n": 0}'
                               for n in range(4)], "three times round")
        failure = json.loads(weir.objects("ended")["loop"])["failures"][0]
        tap.equal((failure["failedAction"], failure["failedResource"]), ("RepublishAction", "loop"), "the failure")
        tap.check("a loop" in failure["errorMessage"], failure["errorMessage"])
        tap.check("rules may feed themselves" in weir.log, "a warning when the rule was loaded")


def test_republish_loop_without_hops():
    """republish over MQTT 3.1.1, which cannot count hops: a rule that feeds itself is stopped by its rate, others are not"""
    rules = {"loop": rule("SELECT n + 1 AS n FROM 'loop'", republish("loop", qos=1), error=s3("ended", "loop")),
             "line": rule("SELECT n FROM 'line'", republish("line/out", qos=1))}
    # Not durable: on a slow disk each turn would wait for it, and 20 take more than a second.
    config = {"ack": "settled", "mqtt": {"version": "3.1.1"}, "sinks": {"republish": {"fuse": 20}}}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        tap.check("loop -> loop" in weir.log, "a warning when the rules are loaded")
        broker.publish("loop", '{"n": 0}')
        wait_for(lambda: weir.objects("ended"), "the error action")
        failure = json.loads(weir.objects("ended")["loop"])["failures"][0]
        tap.check("may feed itself and published 20 results in a second (sinks.republish.fuse" in failure["errorMessage"],
                  failure["errorMessage"])
        count = weir.counters("loop")["matched"]
        tap.check(21 <= count < 400, f"evaluated {count} times")
        support.stays(lambda: weir.counters("loop")["matched"] == count, "the loop has ended", every=0.3)
        broker.publish_lines("line", (json.dumps({"n": n}) for n in range(200)))
        wait_for(lambda: weir.counters("line")["actions"]["republish"]["success"] == 200, "a rule that cannot feed itself")
        tap.equal(weir.counters("line")["actions"]["republish"]["failure"], 0, "refused")


def test_republish_chain():
    """republish: what one rule publishes another one takes, through the broker"""
    rules = {"first": rule("SELECT n + 1 AS n FROM 'a'", republish("b", qos=1)),
             "second": rule("SELECT n + 1 AS n FROM 'b'", s3("end", "n"))}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("a", '{"n": 1}')
        weir.wait_settled(2)
        tap.equal(weir.objects("end"), {"n": b'{"n":3}'}, "the result")


def test_republish_mqtt311():
    """republish: over MQTT 3.1.1 the headers are dropped, which is said once"""
    rules = {"send": rule("SELECT v FROM 'in'", republish("out", qos=1, headers={"contentType": "json"}))}
    with Broker() as broker, Weir(broker, rules, {"mqtt": {"version": "3.1.1"}}) as weir:
        seen = broker.subscriber("out", options=FORMAT)
        for n in range(3):
            broker.publish("in", json.dumps({"v": n}), version=311)
        weir.wait_settled(3)
        wait_for(lambda: len(seen.lines) == 3, "the messages")
        tap.equal([x.split("|")[3] for x in seen.lines], [""] * 3, "content types")
        said = [x for x in weir.process.err_lines if "3.1.1" in x and "level=warn" in x]
        tap.equal(len(said), 1, f"warnings about headers: {said}")


# ---- null, several actions, Basic Ingest

def test_null_and_many():
    """null: counted and nothing else; ten actions of one rule all run, whatever one of them does"""
    actions = [{"null": {"name": "nowhere-${topic(1)}"}}, s3("${nosuch}", "k")]
    actions += [s3("many", f"k{n}") for n in range(8)]
    with Broker() as broker, Weir(broker, {"many": rule("SELECT * FROM 'many'", *actions)}) as weir:
        broker.publish("many", '{"a":1}')
        weir.wait_settled(1)
        tap.equal(weir.objects("many"), {f"k{n}": b'{"a":1}' for n in range(8)}, "objects")
        counters = weir.counters("many")["actions"]
        tap.equal((counters["null"]["success"], counters["s3"]["success"], counters["s3"]["failure"]),
                  (1, 8, 1), "counters")


def test_basic_ingest():
    """Basic Ingest: only the named rule, its filter not consulted, topic() without the prefix"""
    rules = {"named": rule("SELECT topic() AS t, topic(2) AS second FROM 'other/#'", s3("basic", "${topic(1)}")),
             "asleep": rule("SELECT * FROM '#'", s3("basic", "asleep"), ruleDisabled=True)}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish("$aws/rules/named/dev/7", "{}")
        broker.publish("$aws/rules/asleep/dev", "{}")
        broker.publish("$aws/rules/nosuch/dev", "{}")
        totals = weir.wait_settled(3)
        tap.equal(weir.objects("basic"), {"dev": b'{"t":"dev/7","second":"7"}'}, "objects")
        tap.equal(totals["ruleNotFound"], 2, "RuleNotFound")


# ---- what can be looked at

def test_weir_sinks():
    """weir sinks: the list, one sink, JSON; an unknown one is an answer of its own"""
    code, out, err = support.run([binary(), "sinks"])
    pages = os.path.join(EXAMPLES, "..", "docs", "actions")  # which pages there are, lint/pages.py sees to
    names = sorted(name[:-3] for name in os.listdir(pages) if name != "README.md")
    tap.equal((code, err), (0, ""), "weir sinks")
    tap.equal(sorted(x.split()[0] for x in out.splitlines() if x and x.split()[0] in names), names, "the list")
    code, out, _ = support.run([binary(), "sinks", "--json"])
    table = {row["name"]: row for row in json.loads(out)}
    tap.equal((code, sorted(table)), (0, names), "weir sinks --json")
    tap.equal(table["dynamoDB"]["failedAction"], "DynamoAction", "the name in error documents")
    for name in names:
        code, out, _ = support.run([binary(), "sinks", name])
        tap.equal(code, 0, f"weir sinks {name}")
        for option in table[name]["options"]:
            tap.check(option["name"] in out and option["help"] in out, f"{option['name']} in: {out}")
    code, out, err = support.run([binary(), "sinks", "s4"])
    tap.check(code == 2 and out == "" and "s4" in err, f"weir sinks s4: {code} {err}")


def test_weir_local():
    """weir local: lists, contents, what is not there"""
    rules = {"put": rule("SELECT * FROM 'put/+'", s3("box", "k/${topic(2)}"),
                         dynamodb("rows", hashKeyField="id", hashKeyValue="${topic(2)}"), function("alarm"))}
    with Broker() as broker, Weir(broker, rules, functions()) as weir:
        tap.equal(weir.local("ls", "s3"), "", "no bucket yet")
        for name in ("one", "two"):
            broker.publish("put/" + name, '{"temp":1}')
        weir.wait_settled(2)
        tap.equal(weir.local("ls", "s3"), "box\n", "buckets")
        rows = weir.local("ls", "s3", "box").splitlines()
        tap.equal([r.split()[1:] for r in rows], [["10", "k/one"], ["10", "k/two"]], "objects")
        tap.equal(weir.local("ls", "s3", "box", "k/t", "--json").count("\n"), 1, "objects with a prefix")
        tap.equal(weir.local("cat", "s3", "box", "k/two"), '{"temp":1}', "an object")
        tap.equal(json.loads(weir.local("ls", "dynamodb", "--json")),
                  {"table": "rows", "items": 2, "hashKey": "id", "hashType": "S"}, "tables")
        tap.equal([x.split() for x in weir.local("cat", "dynamodb", "rows").splitlines()][0],
                  ["id", "payload"], "a table's columns")
        tap.check(weir.local("ls", "lambda").rstrip().endswith(" alarm"), "functions")
        tap.equal(len(weir.results("alarm")), 2, "results")
        for missing in (("cat", "s3", "box", "k"), ("cat", "s3", "nobox", "k"), ("cat", "dynamodb", "none"),
                        ("ls", "s3", "nobox"), ("cat", "lambda", "none")):
            code, out, err = weir.run("local", *missing)
            tap.check(code == 1 and out == "" and err.startswith("weir local: "), f"{missing}: {code} {err}")
        for wrong in (("ls", "s5"), ("cat", "s3"), ("cut", "s3", "x"), ("cat", "lambda", "../x")):
            tap.equal(weir.run("local", *wrong)[0], 2, f"exit status of weir local {wrong}")


def test_a_local_store_that_cannot_be_opened():
    """a file where a folder must be, at the start: said, the records wait, delivered once it is gone; dynamoDB likewise"""
    rules = {"keep": rule("SELECT n FROM 'in/a'", s3("objects", "k-${n}")),
             "rows": rule("SELECT n FROM 'in/b'", dynamodb("tab", hashKeyField="id", hashKeyValue="${n}"))}
    with support.Broker() as broker:
        weir = Weir(broker, rules, {"retry": {"base": "50ms", "throttled_base": "50ms", "cap": "200ms"}}, start=False)
        local = os.path.join(weir.state_dir, "local")
        os.makedirs(local)
        support.write_file(os.path.join(local, "s3"), "in the way")
        os.mkdir(os.path.join(local, "dynamodb.db"))
        weir.start()
        with weir:
            broker.publish_lines("in/a", [json.dumps({"n": n}) for n in range(5)])
            broker.publish_lines("in/b", [json.dumps({"n": n}) for n in range(5)])
            weir.process.wait_line("sink s3")
            wait_for(lambda: weir.counters("keep")["matched"] == 5 and weir.counters("rows")["matched"] == 5, "both match")
            tap.equal((weir.counters("keep")["delivered"], weir.counters("rows")["delivered"]), (0, 0), "nothing yet")
            os.remove(os.path.join(local, "s3"))
            os.rmdir(os.path.join(local, "dynamodb.db"))
            wait_for(lambda: weir.counters("keep")["delivered"] == 5 and weir.counters("rows")["delivered"] == 5,
                     lambda: f"delivered: {weir.totals()}")
            tap.equal(weir.objects("objects"), {f"k-{n}": f'{{"n":{n}}}'.encode() for n in range(5)}, "the objects")
            for name in rules:
                tap.equal((weir.counters(name)["broken"], weir.counters(name)["dead"]), (0, 0), f"{name}: nothing failed")


if __name__ == "__main__":
    support.main(globals())
