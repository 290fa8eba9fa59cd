"""The local forms of sqs, sns, kinesis and firehose: what is there afterwards, what `weir local` shows, what a kill
leaves.

    test_queues.py WEIR [test_NAME]...
"""
import base64
import hashlib
import json
import os
import re
import sqlite3

import support
from support import Broker, Process, tap, wait_for
from weir import ROLE, Weir, binary, republish, rule

QUEUES = "https://sqs.us-east-1.amazonaws.com/123456789012/"
TOPICS = "arn:aws:sns:us-east-1:123456789012:"


def sqs(queue, **members):
    return {"sqs": {"roleArn": ROLE, "queueUrl": QUEUES + queue, **members}}


def sns(topic, **members):
    return {"sns": {"roleArn": ROLE, "targetArn": TOPICS + topic, **members}}


def kinesis(stream, **members):
    return {"kinesis": {"roleArn": ROLE, "streamName": stream, **members}}


def firehose(stream, **members):
    return {"firehose": {"roleArn": ROLE, "deliveryStreamName": stream, **members}}


def lines(text):
    return [json.loads(x) for x in text.splitlines()]


def test_sqs():
    """sqs: text and base64, queue by template, looked at with weir local; a refused one is an error action's"""
    rules = {"text": rule("SELECT n FROM 'a/+'", sqs("q-${topic(2)}"), error=republish("errors")),
             "bytes": rule("SELECT * FROM 'raw'", sqs("bytes", useBase64=True)),
             "refused": rule("SELECT * FROM 'bad'", sqs("bytes"), error=republish("errors"))}
    with Broker() as broker, broker.subscriber("errors") as errors, Weir(broker, rules) as weir:
        for n in range(5):
            broker.publish("a/one", json.dumps({"n": n}))
        broker.publish("a/two", '{"n":"ü"}')
        broker.publish("raw", b"\xff\0")
        weir.wait_settled(7)
        tap.equal(weir.local("ls", "sqs"), "         1 messages  bytes\n         5 messages  q-one\n         1 messages  q-two\n", "ls")
        tap.equal(lines(weir.local("ls", "sqs", "--json"))[1],
                  {"queue": "q-one", "queueUrl": QUEUES + "q-one", "messages": 5, "inFlight": 0}, "ls --json")
        tap.equal(weir.local("cat", "sqs", "q-one"), "".join('{"n":%d}\n' % n for n in range(5)), "cat, in order")
        tap.equal(weir.local("cat", "sqs", "bytes"), base64.b64encode(b"\xff\0").decode() + "\n", "base64")
        message = lines(weir.local("cat", "sqs", "q-two", "--json"))[0]
        tap.equal((message["body"], message["received"], len(message["messageId"])), ('{"n":"ü"}', 0, 36), "cat --json")
        code, out, err = weir.run("local", "cat", "sqs", "nosuch")
        tap.equal((code, out, err), (1, "", "weir local: The specified queue does not exist: nosuch\n"), "no such queue")
        broker.publish("bad", b"\xff\0")
        weir.wait_settled(8)
        wait_for(lambda: Broker.messages(errors), "the error document")
        said = str(Broker.messages(errors)[0]["payload"])
        for words in ("SqsAction", QUEUES + "bytes", "Failed to send SQS message. The error received was Invalid characters found",
                      "Error Code: InvalidMessageContents"):
            tap.check(words in said, f"{words} in {said}")


def test_sqs_consumer():
    """a consumer with SQLite beside a weir that writes: each message once"""
    receive = ("UPDATE messages SET visible_ms = ?2 + 30000, received = received + 1, receipt = ?3 || '-' || seq WHERE seq IN "
               "(SELECT seq FROM messages WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY seq LIMIT 10) RETURNING body, receipt")
    with Broker() as broker, Weir(broker, {"r": rule("SELECT n FROM 'a'", sqs("q"))}) as weir:
        count = 500
        broker.publish_lines("a", [json.dumps({"n": n}) for n in range(count)])
        wait_for(lambda: os.path.exists(os.path.join(weir.state_dir, "local", "sqs.db")), "the file")
        db = sqlite3.connect(os.path.join(weir.state_dir, "local", "sqs.db"), isolation_level=None, timeout=support.TIMEOUT)
        got = []

        def consume():
            for body, receipt in db.execute(receive, ("q", 1 << 50, str(len(got)))).fetchall():
                got.append(json.loads(body)["n"])
                db.execute("DELETE FROM messages WHERE receipt = ?", (receipt,))
            return len(got) >= count
        wait_for(consume, lambda: f"{count} messages, got {len(got)}", timeout=120, every=0.02)
        weir.wait_settled(count)
        tap.equal(sorted(got), list(range(count)), "each once")
        db.close()


def test_sns():
    """sns: a line a publication, copies to queues that are subscribed"""
    rules = {"raw": rule("SELECT t FROM 'a/+'", sns("${topic(2)}")),
             "json": rule("SELECT text AS default, 'for queues' AS sqs FROM 'j'", sns("alarms", messageFormat="JSON"))}
    config = {"sinks": {"sns": {"subscriptions": {"one": {"topic": "alarms", "queue": "inbox"},
                                                  "two": {"topic": "alarms", "queue": "audit", "raw": True}}}}}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish("a/alarms", '{"t": 41}')
        weir.wait_settled(1)
        broker.publish("j", '{"text": "hot"}')
        weir.wait_settled(2)
        broker.publish("a/other", '{"t": 1}')
        weir.wait_settled(3)
        got = lines(weir.local("cat", "sns", "alarms"))
        tap.equal([(g["message"], g.get("protocols"), g["topicArn"]) for g in got],
                  [('{"t":41}', None, TOPICS + "alarms"), ("hot", {"default": "hot", "sqs": "for queues"}, TOPICS + "alarms")], "lines")
        tap.equal([x.split()[-1] for x in weir.local("ls", "sns").splitlines()], ["alarms", "other"], "ls")
        tap.equal(weir.local("cat", "sqs", "audit"), '{"t":41}\nfor queues\n', "raw copies")
        envelopes = lines(weir.local("cat", "sqs", "inbox"))
        tap.equal([(e["Type"], e["Message"], e["TopicArn"]) for e in envelopes],
                  [("Notification", '{"t":41}', TOPICS + "alarms"), ("Notification", "for queues", TOPICS + "alarms")], "envelopes")
        code, _, err = weir.run("local", "cat", "sns", "nosuch")
        tap.equal((code, err), (1, "weir local: topic nosuch: nothing has been sent to it\n"), "no such topic")


def test_kinesis():
    """kinesis: shards by key, order and numbers of each, tail"""
    rules = {"r": rule("SELECT n FROM 'a/+'", kinesis("readings", partitionKey="${topic(2)}"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"kinesis": {"streams": {"readings": {"shards": 4}}}}}) as weir:
        tail = Process([binary(), "local", "-c", weir.config_file, "tail", "kinesis", "readings", "--for", "60"], name="tail", cwd=weir.dir)
        probes = [0]

        def looks():
            broker.publish("a/probe", '{"n":-1}')
            probes[0] += 1
            return tail.lines
        wait_for(looks, "the tail to look", every=0.3)
        for n in range(40):
            broker.publish(f"a/{n % 8}", json.dumps({"n": n}))
        weir.wait_settled(40 + probes[0])
        seen = {}
        for line in weir.local("ls", "kinesis", "--json").splitlines():
            shard = json.loads(line)["shard"]
            records = lines(weir.local("cat", "kinesis", "readings", shard))
            numbers = [int(r["sequenceNumber"]) for r in records]
            tap.equal(numbers, sorted(set(numbers)), f"numbers of {shard}")
            for r in records:
                seen.setdefault(r["partitionKey"], []).append((shard, json.loads(r["data"])["n"]))
        tap.equal(len(seen.pop("probe")), probes[0], "probes")
        tap.equal({k: [n for _, n in v] for k, v in seen.items()},
                  {str(k): list(range(k, 40, 8)) for k in range(8)}, "all, each key in its order")
        for key, got in seen.items():
            want = int(hashlib.md5(key.encode()).hexdigest(), 16) * 4 >> 128
            tap.equal({shard for shard, _ in got}, {f"shardId-{want:012}"}, f"shard of {key}")
        tap.equal(len(weir.local("cat", "kinesis", "readings").splitlines()), 40 + probes[0], "all shards")
        tap.equal(weir.local("cat", "kinesis", "readings", "3"), weir.local("cat", "kinesis", "readings", "shardId-000000000003"),
                  "a shard by its number")

        def tailed():
            return sorted(json.loads(json.loads(x)["data"])["n"] for x in list(tail.lines) if '"probe"' not in x)
        wait_for(lambda: tailed() == list(range(40)), lambda: f"what tail shows: {tailed()}")
        tail.stop()


def test_firehose():
    """firehose: separators, arrays, files that end by size and time; weir local"""
    rules = {"one": rule("SELECT n FROM 'a'", firehose("readings", separator="\n")),
             "many": rule("SELECT VALUE list FROM 'b'", firehose("lists", separator=",", batchMode=True))}
    config = {"sinks": {"firehose": {"buffer_size": "100", "buffer_interval": "2s"}}}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        for n in range(30):
            broker.publish("a", json.dumps({"n": n}))
        broker.publish("b", '{"list": [1, {"a": "ü"}, "x"]}')
        weir.wait_settled(31)
        tap.equal(weir.local("ls", "firehose"), "lists\nreadings\n", "streams")
        tap.equal(weir.local("cat", "firehose", "readings"), "".join('{"n":%d}\n' % n for n in range(30)), "records in order")
        tap.equal(weir.local("cat", "firehose", "lists"), '1,{"a":"ü"},"x",', "elements")
        files = lines(weir.local("ls", "firehose", "readings", "--json"))
        tap.check(len(files) >= 3 and all(f["size"] <= 100 for f in files), f"files by size: {files}")
        for f in files:
            tap.check(re.match(r"\d{4}/\d\d/\d\d/\d\d/readings-1-\d{4}(-\d\d){5}-[0-9a-f-]{36}$", f["file"]), f["file"])
        tap.equal(weir.local("cat", "firehose", "readings", files[0]["file"]).splitlines()[0], '{"n":0}', "one file")
        wait_for(lambda: all(f["complete"] for f in lines(weir.local("ls", "firehose", "readings", "--json"))), "files by time",
                 every=0.2)


def test_kill():
    """kill -9 under load with ack: settled: nothing that was acknowledged is missing, nothing is torn"""
    rules = {"r": rule("SELECT n FROM 'a/+'", sqs("q"), sns("t"), kinesis("k", partitionKey="${topic(2)}"),
                       firehose("f", separator="\n"))}
    config = {"ack": "settled", "sinks": {"firehose": {"buffer_size": "2000"}}}
    total = 300
    with Broker() as broker:
        weir = Weir(broker, rules, config)
        for n in range(total):
            broker.publish(f"a/{n % 3}", json.dumps({"n": n}), qos=1)
            if n in (100, 200):
                weir.kill()
                weir.start()

        def held(*args):
            return weir.run("local", "cat", *args)[1].splitlines()

        def all_there():
            got = [{json.loads(x)["n"] for x in held("sqs", "q")},
                   {json.loads(json.loads(x)["message"])["n"] for x in held("sns", "t")},
                   {json.loads(json.loads(x)["data"])["n"] for x in held("kinesis", "k")},
                   {json.loads(x)["n"] for x in held("firehose", "f")}]
            return all(g == set(range(total)) for g in got)
        wait_for(all_there, "every message in every form", every=0.3)
        weir.stop()


if __name__ == "__main__":
    support.main(globals())
