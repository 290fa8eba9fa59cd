"""Kafka as a source: topics and properties of messages, weirs that share a group, kills, rebalances, back-pressure,
stops. What arrives is read from a topic that the rules write to, on the same mock cluster.

    test_kafka_source.py WEIR KAFKA_MOCK [test_NAME]...
"""
import collections
import json
import re
import signal

import kafka
import support
from support import Broker, tap, wait_for
from weir import Weir, republish, rule, s3

DESTINATION = "arn:aws:iot:us-east-1:123456789012:ruledestination/vpc/1"
PLAIN = {"bootstrap.servers": "127.0.0.1:9092", "security.protocol": "PLAINTEXT", "acks": "all"}
OUT = {"kafka": {"destinationArn": DESTINATION, "topic": "out", "clientProperties": PLAIN}}
PASS = {"pass": rule("SELECT n FROM 'in'", OUT)}


class Reader(Weir):
    """A weir that reads from `cluster`."""

    def __init__(self, cluster, rules, config=None, assigned=1, broker=None, **more):
        self.assigned, self.outs = assigned, config or {}
        settings = {"source": "kafka", "retry": {"attempts": 100, "budget": "1m"},
                    "kafka": {"bootstrap": cluster.bootstrap, "topics": "in", "session_timeout": "6s", "commit_interval": "100ms"},
                    "sinks": {"kafka": {"bootstrap": cluster.bootstrap}}}
        for key, value in (config or {}).items():
            settings[key] = {**settings.get(key, {}), **value} if isinstance(value, dict) else value
        super().__init__(broker, rules, settings, **more)

    def start(self, wait=True):
        super().start(wait=False)
        if wait:
            self.process.wait_line("started: pid")
            wait_for(lambda: self.kafka()["assigned"] >= self.assigned, "partitions", every=0.1)
        return self

    def join(self):
        """Start, and not wait for partitions."""
        self.start(wait=False)
        self.process.wait_line("started: pid")  # before that a question would end it

    def kafka(self):
        return self.totals()["kafka"]


def numbers(first, count):
    return [json.dumps({"n": n}) for n in range(first, first + count)]


def counted(cluster, topic="out"):
    return collections.Counter(json.loads(m.value)["n"] for m in cluster.read(topic))


def wait_all(cluster, count, timeout=support.TIMEOUT):
    wait_for(lambda: len(counted(cluster)) >= count, lambda: f"{count} messages, there are {len(counted(cluster))}",
             timeout, every=0.5)
    got = counted(cluster)
    tap.equal(sorted(got), list(range(count)), "messages")
    return got


def test_topics_and_properties():
    """source kafka: the MQTT topic from a header or the map; headers, key, offset as user properties"""
    rules = {"all": rule("SELECT *, topic() AS topic, get_user_properties('kafka.key') AS key, "
                         "get_user_properties('kafka.topic') AS kt, get_user_properties('kafka.partition') AS kp, "
                         "get_user_properties('kafka.offset') AS ko, get_user_properties('unit') AS unit, "
                         "get_user_properties('kafka.timestamp') AS kt2, clientid() AS client FROM '#'",
                         s3("seen", "${n}"))}
    config = {"kafka": {"topics": "^site\\..*,plain", "topic_map": "k/{levels}/{key}/{partition}", "topic_header": "t"}}
    with kafka.Cluster(topics=[("site.kiln", 2), ("plain", 1)]) as cluster:
        cluster.produce("site.kiln", ['{"n": 1}'], key="a", partition=1, headers={"unit": "C"})
        cluster.produce("plain", ['{"n": 2}'], headers={"t": "from/header", "unit": "K"})
        cluster.produce("plain", ['{"n": 3}'], key="+")   # makes a topic with a wildcard
        cluster.produce("plain", ['{"n": 4}'])            # k/plain//0
        with Reader(cluster, rules, config, assigned=3) as weir:
            wait_for(lambda: len(weir.keys("seen")) == 3, "three messages")
            seen = {k: json.loads(v) for k, v in weir.objects("seen").items()}
            times = [one.pop("kt2")[0] for one in seen.values()]
            tap.check(all(1700000000000 < int(t) < 4000000000000 for t in times), times)
            tap.equal(seen["1"], {"n": 1, "topic": "k/site/kiln/a/1", "key": ["a"], "kt": ["site.kiln"], "kp": ["1"],
                                  "ko": ["0"], "unit": ["C"], "client": "n/a"}, "by the map")
            tap.equal((seen["2"]["topic"], seen["2"]["unit"]), ("from/header", ["K"]), "by the header")
            tap.equal(seen["4"]["topic"], "k/plain//0", "without a key")
            tap.check("key" not in seen["4"], seen["4"])
            wait_for(lambda: weir.kafka()["dropped"] == 1, "the drop to be counted")
            weir.process.wait_line("k/plain/+/0")


def test_offsets_survive_a_stop():
    """source kafka: SIGTERM commits what is done; the next start goes on behind it, no message twice"""
    with kafka.Cluster(topics=[("in", 4), ("out", 1)]) as cluster, Reader(cluster, PASS, assigned=4) as weir:
        for part in range(3):
            cluster.produce("in", numbers(1000 * part, 1000))
            wait_all(cluster, 1000 * (part + 1))
            weir.stop()
            weir.start()
        got = wait_all(cluster, 3000)
        tap.equal(sum(got.values()), 3000, "messages, each once")


def note_twice(cluster, got):
    """Where what came twice had been: partition: from offset to offset."""
    where = {}
    for m in cluster.read("in"):
        if got[json.loads(m.value)["n"]] > 1:
            where.setdefault(m.partition, []).append(m.offset)
    tap.note("twice: " + ", ".join(f"{p}: {min(o)} to {max(o)}, {len(o)}" for p, o in sorted(where.items())))


def share(cluster, more=None):
    """Two weirs in turn: the second joins under load, the first leaves under load. The counts."""
    count, part = 9000, 1500
    with Reader(cluster, PASS, more, assigned=8) as one, Reader(cluster, PASS, more, start=False) as two:
        cluster.produce("in", numbers(0, part))
        two.join()
        for first in range(part, count - part, part):
            cluster.produce("in", numbers(first, part))
        wait_for(lambda: (one.kafka()["assigned"], two.kafka()["assigned"]) == (4, 4), "four partitions each",
                 timeout=support.TIMEOUT, every=0.2)
        one.process.signal(signal.SIGTERM)
        cluster.produce("in", numbers(count - part, part))
        tap.equal(one.process.wait(), 0, "exit status of the first")
        wait_for(lambda: two.kafka()["assigned"] == 8, "all partitions for the second", every=0.2)
        got = wait_all(cluster, count)
        tap.note(f"the second acknowledged {two.kafka()['acknowledged']}")
        tap.check(two.kafka()["acknowledged"] > 0, "the second had work")
        note_twice(cluster, got)
        refused = [w for w in (one, two) if "did not take the last commit" in w.log]
        return sum(got.values()) - count, refused


def test_two_share_a_group():
    """source kafka: a weir joins and another leaves under load: every message once (cooperative)"""
    with kafka.Cluster(topics=[("in", 8), ("out", 1)]) as cluster:
        twice, refused = share(cluster)
        # The mock refuses commits as soon as another member joins again, which a broker does not: when that falls
        # between the news that partitions go and their last commit, weir says so, and they come twice.
        tap.note(f"{twice} came twice, {len(refused)} last commits were refused")
        tap.check(twice < 6000 if refused else twice == 0, f"{twice} came twice")


def test_two_share_a_group_eagerly():
    """source kafka: the assignor range takes all partitions first: every message once"""
    # The mock refuses commits from the moment on that a weir joins, which a broker does not; so nothing is
    # under way then.
    more = {"kafka": {"assignor": "range"}}
    with kafka.Cluster(topics=[("in", 8), ("out", 1)]) as cluster, Reader(cluster, PASS, more, assigned=8) as one, \
            Reader(cluster, PASS, more, start=False) as two:
        for part, step in enumerate((two.join, one.stop, lambda: None)):
            cluster.produce("in", numbers(1000 * part, 1000))
            wait_all(cluster, 1000 * (part + 1))
            members = ((one,), (one, two), (two,))[part]
            wait_for(lambda m=members: all(w.kafka()["uncommitted"] == 0 for w in m),
                     lambda m=members, p=part: f"commits of part {p}: {[w.kafka() for w in m]}", every=0.1)
            step()
            if part == 0:
                wait_for(lambda: (one.kafka()["assigned"], two.kafka()["assigned"]) == (4, 4),
                         "four partitions each", every=0.2)
            else:
                wait_for(lambda: two.kafka()["assigned"] == 8, "all for the second", every=0.2)
        tap.equal(sum(counted(cluster).values()), 3000, "messages, each once")


def test_eagerly_under_load():
    """source kafka: range, with load, at a cluster that takes no commits once a weir joins or leaves: few come twice"""
    with kafka.Cluster(topics=[("in", 8), ("out", 1)]) as cluster:
        twice, _ = share(cluster, {"kafka": {"assignor": "range"}})
        tap.note(f"{twice} of 9000 came twice")
        # What is done between the last commit that was taken and the first that was refused, twice. Reading on
        # until the rebalance made 12,000 to 16,000.
        tap.check(twice < 6000, f"{twice} came twice")


def kill(cluster, ack, restart):
    count, part = 6000, 1000
    more = {"ack": ack}
    with Reader(cluster, PASS, more, assigned=8) as one, Reader(cluster, PASS, more, start=False) as two:
        cluster.produce("in", numbers(0, part))
        two.start()
        for first in range(part, count, part):
            cluster.produce("in", numbers(first, part))
            if first == 3 * part:
                one.kill()
        if restart:
            one.start(wait=False)
        got = wait_all(cluster, count)
        tap.note(f"{sum(got.values()) - count} duplicates of {count}")


def test_kill_settled():
    """source kafka: one of two is killed for ever with ack: settled: the other loses nothing"""
    with kafka.Cluster(topics=[("in", 8), ("out", 1)]) as cluster:
        kill(cluster, "settled", restart=False)


def test_kill_durable():
    """source kafka: one of two is killed and started again with ack: durable: nothing is lost"""
    with kafka.Cluster(topics=[("in", 8), ("out", 1)]) as cluster:
        kill(cluster, "durable", restart=True)


def test_back_pressure():
    """source kafka: a destination that is away stops the reading, not the membership; then all arrives, once"""
    more = {"ack": "settled", "kafka": {"in_flight": 50}, "sinks": {}}
    with kafka.Cluster(topics=[("in", 4)]) as cluster, kafka.Cluster(topics=[("out", 1)]) as far:
        more["sinks"] = {"kafka": {"bootstrap": far.bootstrap, "timeout": "1m"}}
        more["retry"] = {"attempts": 100, "budget": "5m"}
        far.down()
        with Reader(cluster, PASS, more, assigned=4) as weir:
            cluster.produce("in", numbers(0, 2000))
            wait_for(lambda: weir.kafka()["pauses"] > 0, "a pause", every=0.2)
            tap.equal(weir.kafka()["received"], 50, "messages taken")
            tap.equal(weir.kafka()["acknowledged"], 0, "acknowledged")
            wait_for(lambda: weir.totals()["uptimeMs"] > 9000, "longer than the session", every=0.2)
            far.up()
            got = wait_all(far, 2000)
            tap.equal(sum(got.values()), 2000, "messages, each once")
            tap.equal(weir.kafka()["rebalances"], 1, "rebalances: it stayed in the group")


def test_cluster_away():
    """source kafka: brokers that go and come back; nothing is lost"""
    with kafka.Cluster(topics=[("in", 2), ("out", 1)]) as cluster, Reader(cluster, PASS, assigned=2) as weir:
        cluster.produce("in", numbers(0, 500))
        wait_all(cluster, 500)
        cluster.down()
        weir.process.wait_line("Disconnected")
        cluster.up()
        cluster.produce("in", numbers(500, 500))
        got = wait_all(cluster, 1000)
        tap.note(f"{sum(got.values()) - 1000} duplicates")


def test_both_sources():
    """source both: messages of MQTT and Kafka through the same rules"""
    rules = {"keep": rule("SELECT n, topic() AS t FROM 'in'", s3("seen", "${n}"))}
    with kafka.Cluster(topics=[("in", 1)]) as cluster, Broker() as broker, \
            Reader(cluster, rules, {"source": "both"}, broker=broker) as weir:
        wait_for(lambda: weir.totals()["mqtt"]["subscribed"], "the subscription", every=0.05)
        cluster.produce("in", ['{"n": 1}'])
        broker.publish("in", '{"n": 2}')
        wait_for(lambda: weir.keys("seen") == ["1", "2"], "both")


def test_republish_from_kafka():
    """source kafka: republish opens its connection to the broker when it is needed"""
    rules = {"r": rule("SELECT n FROM 'in'", republish("out/${n}", qos=1))}
    with kafka.Cluster(topics=[("in", 1)]) as cluster, Broker() as broker, broker.subscriber("out/#") as out, \
            Reader(cluster, rules, broker=broker) as weir:
        tap.check("publisher: connected" not in weir.log, "no connection before")
        cluster.produce("in", ['{"n": 7}'])
        wait_for(lambda: [m["topic"] for m in Broker.messages(out)] == ["out/7"], "the message")


def test_loop():
    """rules that feed the topics that weir reads: each message is sent max_hops times, then the error action has it"""
    def to(topic):
        return {"kafka": {**OUT["kafka"], "topic": topic}}
    rules = {
        "itself": rule("SELECT n FROM 'in'", to("in"), error=s3("loops", "itself-${n}")),
        "ping": rule("SELECT n FROM 'ping'", to("pong"), error=s3("loops", "ping-${n}")),
        "pong": rule("SELECT n FROM 'pong'", to("ping"), error=s3("loops", "pong-${n}")),
    }
    topics = ("in", "ping", "pong")
    with kafka.Cluster(topics=[(t, 1) for t in topics]) as cluster:
        with Reader(cluster, rules, {"kafka": {"topics": "in,ping,pong"}, "sinks": {"kafka": {"bootstrap": cluster.bootstrap, "max_hops": 5}}}, assigned=3) as weir:
            cluster.produce("in", numbers(0, 3), headers={"weir-hops": "no number"})  # what others say of it is no number of ours
            cluster.produce("ping", numbers(0, 1))
            wait_for(lambda: len(weir.objects("loops")) == 4, lambda: f"the ends of all loops: {list(weir.objects('loops'))}")
            weir.wait_settled(3 * 6 + 6)
            read = {t: [(json.loads(m.value)["n"], re.findall("weir-hops=([^,]*)", m.headers)[-1:]) for m in cluster.read(t)] for t in topics}
            tap.equal(sorted(h for n, h in read["in"] if n == 1), [["1"], ["2"], ["3"], ["4"], ["5"], ["no number"]], "one that comes back to its rule")
            tap.equal((read["ping"], read["pong"]), ([(0, []), (0, ["2"]), (0, ["4"])], [(0, ["1"]), (0, ["3"]), (0, ["5"])]), "two rules")
            failures = {k: json.loads(v)["failures"][0] for k, v in weir.objects("loops").items()}
            tap.equal(sorted(failures), ["itself-0", "itself-1", "itself-2", "pong-0"], "who was stopped")
            tap.check("A loop: weir sent this message 5 times already (sinks.kafka.max_hops is 5)" in failures["pong-0"]["errorMessage"] and
                      "Error Code: LOOP" in failures["pong-0"]["errorMessage"], failures["pong-0"])
            c = weir.counters("itself")["actions"]["kafka"]
            tap.equal((c["success"], c["failure"]), (15, 3), "counters")
    # Without a source that reads Kafka a record is as AWS sends it.
    with kafka.Cluster(topics=[("in", 1)]) as cluster, Broker() as broker:
        with Weir(broker, {"out": rule("SELECT n FROM 'in'", to("in"))}, {"sinks": {"kafka": {"bootstrap": cluster.bootstrap}}}) as weir:
            broker.publish("in", '{"n": 1}')
            weir.wait_settled(1)
            tap.equal([m.headers for m in cluster.read("in")], [""], "headers")


def test_large_and_odd_messages():
    """source kafka: 900,000 bytes, tombstones, bytes and empty messages pass unchanged"""
    rules = {"raw": rule("SELECT * FROM 'in'", s3("raw", "${get(get_user_properties('name'), 0)}"))}
    big = "x" * 900000
    with kafka.Cluster(topics=[("in", 1)]) as cluster, Reader(cluster, rules, {"message_memory": "256k"}) as weir:
        cluster.produce("in", [big], headers={"name": "big"})
        cluster.produce("in", ["not JSON"], headers={"name": "text"})
        wait_for(lambda: weir.keys("raw") == ["big", "text"], lambda: f"objects, there are {weir.keys('raw')}")
        tap.equal(weir.objects("raw"), {"big": big.encode(), "text": b"not JSON"}, "objects")


def test_security():
    """source kafka: SASL_SSL with a certificate authority and a password of files"""
    folder = support.temp_dir()
    ca = support.make_ca(folder)
    server = support.make_certificate(folder, "server", ca)
    password = support.write_file(folder + "/password", "s3cret\n", 0o600)
    rules = {"keep": rule("SELECT n FROM 'in'", s3("seen", "${n}"))}
    with kafka.Cluster(topics=[("in", 1)]) as cluster:
        proxy = kafka.Proxy(cluster, "--cert", server[0], "--key", server[1], "--plain", "weir:s3cret")
        cluster.produce("in", numbers(0, 3))
        more = {"kafka": {"bootstrap": proxy.bootstrap, "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN",
                          "username": "weir", "password_file": password, "ca_file": ca[0]}}
        with Reader(cluster, rules, more) as weir:
            wait_for(lambda: weir.keys("seen") == ["0", "1", "2"], "three messages")
            tap.check("in weir" in proxy.lines, proxy.lines)


def test_bad_configuration():
    """source kafka: what cannot work ends with 2, the place and the remedy"""
    cases = [
        ({"source": "kafka", "kafka": {"bootstrap": ""}}, "kafka.bootstrap: missing, required with source: kafka"),
        ({"kafka": {"topics": ""}}, "kafka.topics: missing, required with source: kafka"),
        ({"kafka": {"topics": "a/b"}}, 'kafka.topics: "a/b" is no Kafka topic'),
        ({"kafka": {"topics": "^(a"}}, 'kafka.topics: "^(a":'),
        ({"kafka": {"topic_map": "x/{nope}"}}, "kafka.topic_map: found '{' at character 3"),
        ({"kafka": {"security_protocol": "SASL_SSL"}}, "found without kafka.username and kafka.password_file"),
        ({"kafka": {"password_file": "/nonexistent", "security_protocol": "SASL_PLAINTEXT", "username": "u"}},
         "kafka.password_file: /nonexistent: No such file"),
        ({"kafka": {"ca_file": "/nonexistent", "security_protocol": "SSL"}}, "kafka.ca_file: /nonexistent: No such file"),
        ({"kafka": {"commit_interval": "1m"}}, "kafka.commit_interval is more than kafka.session_timeout"),
    ]
    with kafka.Cluster() as cluster:
        for more, text in cases:
            weir = Reader(cluster, PASS, more, start=False)
            weir.start(wait=False)
            tap.equal(weir.process.wait(), 2, f"exit status of {more}: {weir.log}")
            tap.check(text in weir.log, f"{text!r} in {weir.log!r}")


if __name__ == "__main__":
    kafka.mock_binary()
    support.main(globals())
