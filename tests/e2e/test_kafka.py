"""The kafka action in the real process, on a mock cluster: what arrives, brokers that go and come back, what is
refused, the spool over a kill, and the local form without a broker.

    test_kafka.py WEIR KAFKA_MOCK [test_NAME]...
"""
import base64
import collections
import json
import os
import signal

import kafka
import support
from support import Broker, tap, wait_for
from weir import Weir, rule, s3

DESTINATION = "arn:aws:iot:us-east-1:123456789012:ruledestination/vpc/1"
PLAIN = {"bootstrap.servers": "127.0.0.1:9092", "security.protocol": "PLAINTEXT", "acks": "all"}


def action(topic, properties=None, **members):
    return {"kafka": {"destinationArn": DESTINATION, "topic": topic,
                      "clientProperties": properties or PLAIN, **members}}


def config(cluster, **more):
    return {"sinks": {"kafka": {"bootstrap": cluster.bootstrap}}, "retry": {"attempts": 100, "budget": "1m"},
            **more}


def test_records_arrive():
    """kafka: topic, key, partition and headers from templates; values byte for byte; kcat reads them"""
    rules = {"out": rule("SELECT temp, topic(2) AS device FROM 'site/+/reading'",
                         action("readings-${topic(2)}", key="${topic(2)}", partition="${p}",
                                headers=[{"key": "device", "value": "${topic(2)}"},
                                         {"key": "${h}", "value": "grüße ${temp}"}])),
             "raw": rule("SELECT * FROM 'raw/#'", action("raw"))}
    with kafka.Cluster() as cluster, Broker() as broker, Weir(broker, rules, config(cluster)) as weir:
        broker.publish("site/kiln/reading", '{"temp": 41.50, "p": 2, "h": "x"}')
        broker.publish("raw/1", "not JSON")
        weir.wait_settled(2)
        tap.equal(cluster.read("readings-kiln"),
                  [kafka.Message(2, 0, "kiln", "device=kiln,x=grüße 41.5", '{"temp":41.5,"device":"kiln"}')],
                  "the record")
        tap.equal([m.value for m in cluster.read("raw")], ["not JSON"], "bytes")
        counters = weir.counters("out")["actions"]["kafka"]
        tap.equal((counters["success"], counters["failure"]), (1, 0), "counters")


def test_order_and_number():
    """kafka: 20,000 records with keys: each once, each key's in order, on one partition"""
    count, devices = 20000, 16
    rules = {"out": rule("SELECT n FROM 'd/+'", action("numbers", key="${topic(2)}"))}
    with kafka.Cluster(3) as cluster, Broker() as broker, Weir(broker, rules, config(cluster)) as weir:
        for d in range(devices):
            broker.publish_lines(f"d/{d}", (json.dumps({"n": n}) for n in range(count // devices)))
        weir.wait_settled(count)
        seen, partitions = collections.defaultdict(list), collections.defaultdict(set)
        for m in sorted(cluster.read("numbers"), key=lambda m: (m.partition, m.offset)):
            seen[m.key].append(json.loads(m.value)["n"])
            partitions[m.key].add(m.partition)
        tap.equal(sorted(seen), sorted(str(d) for d in range(devices)), "keys")
        for key, numbers in seen.items():
            tap.equal(numbers, list(range(count // devices)), f"numbers of {key}")
            tap.equal(len(partitions[key]), 1, f"partitions of {key}")


def test_broker_down_and_back():
    """kafka: while the cluster is away records wait in the spool; all of them arrive when it is back"""
    rules = {"out": rule("SELECT n FROM 'd'", action("t", partition="0"))}
    more = {"retry": {"attempts": 1000, "budget": "5m", "cap": "200ms", "throttled_base": "200ms"}}
    with kafka.Cluster() as cluster, Broker() as broker:
        settings = config(cluster, **more)
        settings["sinks"]["kafka"]["timeout"] = "1s"
        with Weir(broker, rules, settings) as weir:
            broker.publish("d", '{"n": 0}')
            weir.wait_settled(1)
            cluster.down()
            broker.publish_lines("d", (json.dumps({"n": n}) for n in range(1, 500)))
            weir.process.wait_line("kafka: no broker can be reached")
            wait_for(lambda: weir.counters("out")["actions"]["kafka"]["retries"] > 0, "a retry")
            cluster.up()
            weir.wait_settled(500)
            got = collections.Counter(json.loads(m.value)["n"] for m in cluster.read("t"))
            tap.equal(sorted(got), list(range(500)), "every record")
            # One that timed out on its way may be there twice, and says so nowhere: at least once.
            tap.note(f"{sum(got.values()) - 500} duplicates")


def test_refused_runs_the_error_action():
    """kafka: what the broker refuses goes to the error action with AWS's words and the place"""
    rules = {"out": rule("SELECT n FROM 'd'", action("t${n}"), error=s3("errors", "${n}"))}
    with kafka.Cluster() as cluster, Broker() as broker, Weir(broker, rules, config(cluster)) as weir:
        cluster.fail(kafka.PRODUCE, 29)  # TOPIC_AUTHORIZATION_FAILED
        broker.publish("d", '{"n": 1}')
        weir.wait_settled(1)
        broker.publish("d", '{"n": "/"}')
        weir.wait_settled(2)
        errors = {k: json.loads(v)["failures"][0] for k, v in weir.objects("errors").items()}
        tap.equal(errors["1"]["failedAction"], "KafkaAction", "the action")
        tap.equal(errors["1"]["failedResource"], "t1", "the resource")
        tap.check(errors["1"]["errorMessage"].startswith(
            "Failed to send to Kafka topic. The error received was Broker: Topic authorization failed "
            "(Service: Kafka; Error Code: TOPIC_AUTHORIZATION_FAILED). Message arrived on: d, Action: kafka"),
            errors["1"]["errorMessage"])
        bad = [f for f in errors.values() if "no Kafka topic" in f["errorMessage"]]
        tap.equal(len(bad), 1, f"the bad topic among {errors}")


def test_kill():
    """kafka: killed under load and started again, no acknowledged message is lost"""
    count = 5000
    rules = {"out": rule("SELECT n FROM 'd'", action("t"))}
    with kafka.Cluster() as cluster, Broker() as broker, Weir(broker, rules, config(cluster)) as weir:
        for begin in range(0, count, 1000):
            broker.publish_lines("d", (json.dumps({"n": n}) for n in range(begin, begin + 1000)))
            weir.kill()
            weir.start()
        wait_for(lambda: len({m.value for m in cluster.read("t")}) == count, "every record", every=0.5)
        got = collections.Counter(m.value for m in cluster.read("t"))
        tap.note(f"{sum(got.values()) - count} duplicates after {count // 1000} kills")


def test_without_a_broker():
    """kafka: without sinks.kafka.bootstrap nothing is connected to; records are lines of files"""
    rules = {"out": rule("SELECT n FROM 'd'", action("readings", {**PLAIN, "bootstrap.servers": "192.0.2.1:9092"},
                                                      partition="1", headers=[{"key": "a", "value": "b"}]))}
    with Broker() as broker, Weir(broker, rules) as weir:
        broker.publish_lines("d", (json.dumps({"n": n}) for n in range(3)))
        weir.wait_settled(3)
        path = os.path.join(weir.state_dir, "local", "kafka", "readings", "1.ndjson")
        lines = [json.loads(x) for x in support.read_file(path).splitlines()]
        tap.equal([(x["value"], x["headers"]) for x in lines],
                  [({"n": n}, [{"key": "a", "value": "b"}]) for n in range(3)], "lines")
        listed = json.loads(weir.local("ls", "kafka", "--json"))
        tap.equal((listed["topic"], listed["partition"]), ("readings", "1"), "weir local ls kafka")
        tap.equal(weir.local("cat", "kafka", "readings", "1"), support.read_file(path), "weir local cat kafka")


def test_mode_aws():
    """kafka: mode aws takes the brokers of the rule; two rules with other properties are two connections"""
    with kafka.Cluster() as cluster, Broker() as broker:
        own = {**PLAIN, "bootstrap.servers": cluster.bootstrap}
        rules = {"a": rule("SELECT n FROM 'd'", action("a", own)),
                 "b": rule("SELECT n FROM 'd'", action("b", {**own, "acks": "1", "compression.type": "zstd"}))}
        with Weir(broker, rules, {"sinks": {"kafka": {"mode": "aws"}}}) as weir:
            broker.publish("d", '{"n": 1}')
            weir.wait_settled(1)
            tap.equal([[m.value for m in cluster.read(t)] for t in "ab"], [['{"n":1}']] * 2, "records")
            threads = [support.read_file(f"/proc/{weir.process.pid}/task/{t}/comm").strip()
                       for t in os.listdir(f"/proc/{weir.process.pid}/task")]
            tap.equal(threads.count("rdk:main"), 2, f"clients, by their threads {threads}")


def test_record():
    """kafka: mode record keeps what would have been sent, without secrets, and connects to nobody"""
    properties = {"bootstrap.servers": "b:9092", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
                  "sasl.plain.username": "u", "sasl.plain.password": "hunter2"}
    rules = {"a": rule("SELECT n FROM 'd'", action("t", properties, key="k", partition="7",
                                                    headers=[{"key": "a", "value": "${n}"}]))}
    with Broker() as broker, Weir(broker, rules, {"mode": "record"}) as weir:
        broker.publish("d", '{"n": 1}')
        weir.wait_settled(1)
        text = support.read_file(os.path.join(weir.state_dir, "local", "record", "kafka.ndjson"))
        line = json.loads(text)
        line.pop("timeMs")
        tap.equal(line, {"method": "PRODUCE", "topic": "t", "partition": 7, "key": "k", "headers": [["a", "1"]],
                         "clientProperties": {"bootstrap.servers": "b:9092", "security.protocol": "SASL_SSL",
                                              "sasl.mechanism": "PLAIN"}, "body": '{"n":1}'}, "the record")


def test_secrets_are_not_shown():
    """kafka: a password that get_secret() gave is in no log, status, error document or `weir dead show`"""
    secret = "correct horse battery staple"
    properties = {"bootstrap.servers": "127.0.0.1:1", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
                  "sasl.plain.username": "u",
                  "sasl.plain.password": "${get_secret('kafka', 'SecretString', 'arn:aws:iam::123456789012:role/r')}"}
    rules = {"a": rule("SELECT n FROM 'd'", action("t", properties)),
             "b": rule("SELECT n FROM 'd'", action("t", {**properties, "sasl.plain.username": "u2"}),
                       error=s3("errors", "e"))}
    settings = {"mode": "aws", "log": {"level": "debug"}, "retry": {"attempts": 1}}
    settings["sinks"] = {"kafka": {"timeout": "500ms"}, "s3": {"mode": "local"}}
    with Broker() as broker, Weir(broker, rules, settings, start=False) as weir:
        support.write_file(os.path.join(weir.state_dir, "lookups", "secrets", "kafka.json"),
                           json.dumps({"SecretString": secret}), 0o600)
        weir.start()
        broker.publish("d", '{"n": 1}')
        wait_for(lambda: weir.totals().get("deadLetters", {}).get("entries"), "a dead letter")
        weir.wait_settled(1)
        code, shown, err = weir.run("dead", "list", "--json")
        tap.equal(code, 0, err)
        letter = json.loads(shown.splitlines()[0])["id"]
        code, shown, err = weir.run("dead", "show", letter)
        code, more, err = weir.run("dead", "show", letter, "--json")
        tap.equal(code, 0, err)
        tap.check("(not shown)" in shown and "sasl.plain.password" in shown, shown)
        for where, text in {"log": weir.log, "show": shown, "show --json": more,
                            "status": support.read_file(weir.status_file),
                            "error document": json.dumps({k: v.decode() for k, v in weir.objects("errors").items()})}.items():
            tap.check(secret not in text, f"the secret is in the {where}: {text}")
        tap.check("errorMessage" in weir.objects("errors")["e"].decode(), "there is an error document")


def test_secrets_are_not_kept():
    """kafka: passwords, literal or asked for, are not in the spool; after a kill they are the rule's again, and the order is kept"""
    literal, asked = "literal-Swordfish-1", "asked-Swordfish-2"
    folder = support.temp_dir()
    ca, server, _ = stores(folder)
    tls, trust = ("--cert", server[0], "--key", server[1]), base64.b64encode(read_bytes(ca[0])).decode()
    with kafka.Cluster() as cluster, Broker() as broker:
        proxies = [kafka.Proxy(cluster, *tls, "--plain", f"weir:{p}") for p in (literal, asked)]

        def properties(proxy, password):
            return {"bootstrap.servers": proxy.bootstrap, "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
                    "sasl.plain.username": "weir", "sasl.plain.password": password, "ssl.truststore": trust}
        rules = {"literal": rule("SELECT n FROM 'd'", action("literal", properties(proxies[0], literal), key="${n % 1}")),
                 "asked": rule("SELECT n FROM 'd'", action("asked", properties(
                     proxies[1], "${get_secret('kafka', 'SecretString', 'arn:aws:iam::123456789012:role/r')}"), key="${n % 1}"))}
        settings = {"retry": {"attempts": 500, "budget": "120s", "cap": "1s"}, "sinks": {"kafka": {"mode": "aws", "timeout": "1s"}}}
        with Weir(broker, rules, settings, start=False) as weir:
            support.write_file(os.path.join(weir.state_dir, "lookups", "secrets", "kafka.json"), json.dumps({"SecretString": asked}), 0o600)
            weir.start()
            cluster.down()
            count = 300
            broker.publish_lines("d", (json.dumps({"n": n}) for n in range(count)))
            wait_for(lambda: weir.totals()["mqtt"]["acknowledged"] == count, lambda: f"all to be kept: {weir.totals()['spool']}")
            tap.equal(weir.totals()["spool"]["entries"], 2 * count, "kept")
            weir.kill()
            for path, _, names in os.walk(os.path.join(weir.state_dir, "spool")):
                for name in names:
                    text = read_bytes(os.path.join(path, name))
                    tap.check(literal.encode() not in text and asked.encode() not in text, f"{name} holds a password")
                    tap.check(b'"n"' in text or not name.endswith(".seg"), f"{name} holds the records")
            cluster.up()
            weir.start()
            for topic in ("literal", "asked"):
                wait_for(lambda t=topic: len(cluster.read(t)) >= count, lambda t=topic: f"{t}: {len(cluster.read(t))}", every=0.5)
                tap.equal([json.loads(m.value)["n"] for m in cluster.read(topic)], list(range(count)), f"{topic}: each once, in order")
            tap.check(literal not in weir.log and asked not in weir.log, "in the log")


def stores(folder):
    """A server's certificate, and a client's in a PKCS#12 store with the password "changeit"."""
    ca = support.make_ca(folder)
    server, client = support.make_certificate(folder, "server", ca), support.make_certificate(folder, "kiln", ca)
    store = os.path.join(folder, "kiln.p12")
    code, _, err = support.run(["openssl", "pkcs12", "-export", "-in", client[0], "-inkey", client[1], "-certfile", ca[0],
                                "-out", store, "-passout", "pass:changeit"])
    tap.equal(code, 0, err)
    return ca, server, store


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def test_mutual_tls():
    """kafka: SSL with key store and trust store from secrets; a store that nobody trusts is refused by the broker"""
    role = "arn:aws:iam::123456789012:role/r"
    folder = support.temp_dir()
    ca, server, store = stores(folder)
    other = stores(support.temp_dir())[2]
    with kafka.Cluster() as cluster, Broker() as broker:
        proxy = kafka.Proxy(cluster, "--cert", server[0], "--key", server[1], "--client-ca", ca[0])
        ssl = {"bootstrap.servers": proxy.bootstrap, "security.protocol": "SSL",
               "ssl.keystore": f"${{get_secret('keystore', 'SecretBinary', '{role}')}}",
               "ssl.keystore.password": f"${{get_secret('password', 'SecretString', '{role}')}}",
               "ssl.truststore": f"${{get_secret('truststore', 'SecretString', '{role}')}}"}
        stranger = {**ssl, "ssl.keystore": base64.b64encode(read_bytes(other)).decode(), "ssl.keystore.password": "changeit"}
        rules = {"good": rule("SELECT n FROM 'd'", action("good", ssl)),
                 "bad": rule("SELECT n FROM 'd'", action("bad", stranger), error=s3("errors", "bad")),
                 "locked": rule("SELECT n FROM 'd'", action("t", {**stranger, "ssl.keystore.password": "wrong"}),
                                error=s3("errors", "locked"))}
        settings = {"retry": {"attempts": 1}, "sinks": {"kafka": {"mode": "aws", "timeout": "8s"}}}
        with Weir(broker, rules, settings, start=False) as weir:
            for name, secret in {"keystore": {"SecretBinary": base64.b64encode(read_bytes(store)).decode()},
                                 "password": {"SecretString": "changeit"},
                                 "truststore": {"SecretString": support.read_file(ca[0])}}.items():
                support.write_file(os.path.join(weir.state_dir, "lookups", "secrets", name + ".json"),
                                   json.dumps(secret), 0o600)
            weir.start()
            broker.publish("d", '{"n": 1}')
            weir.wait_settled(1)
            tap.equal([m.value for m in cluster.read("good")], ['{"n":1}'], "the record of the client that is trusted")
            tap.check("in kiln" in proxy.lines, proxy.lines)
            tap.check(any(line.startswith("refused") for line in proxy.lines), proxy.lines)
            errors = {k: json.loads(v)["failures"][0]["errorMessage"] for k, v in weir.objects("errors").items()}
            tap.check("Error Code: _MSG_TIMED_OUT" in errors["bad"], errors["bad"])
            tap.check("clientProperties.ssl.keystore: the PKCS#12 store cannot be unlocked, is the password right?"
                      in errors["locked"], errors["locked"])


def test_sasl():
    """kafka: SASL_SSL with PLAIN and SCRAM-SHA-512; a wrong password is an error that says so"""
    folder = support.temp_dir()
    ca, server, _ = stores(folder)
    tls = ("--cert", server[0], "--key", server[1])
    trust = base64.b64encode(read_bytes(ca[0])).decode()
    with kafka.Cluster() as cluster, Broker() as broker:
        plain = kafka.Proxy(cluster, *tls, "--plain", "weir:s3cret")
        scram = kafka.Proxy(cluster, *tls, "--scram", "weir:s3cret")

        def properties(proxy, kind, mechanism, password):
            return {"bootstrap.servers": proxy.bootstrap, "security.protocol": "SASL_SSL", "sasl.mechanism": mechanism,
                    f"sasl.{kind}.username": "weir", f"sasl.{kind}.password": password, "ssl.truststore": trust}
        rules = {"plain": rule("SELECT n FROM 'd'", action("plain", properties(plain, "plain", "PLAIN", "s3cret"))),
                 "scram": rule("SELECT n FROM 'd'", action("scram", properties(scram, "scram", "SCRAM-SHA-512", "s3cret"))),
                 "wrong": rule("SELECT n FROM 'd'", action("wrong", properties(scram, "scram", "SCRAM-SHA-512", "wr0ng")),
                               error=s3("errors", "wrong"))}
        settings = {"retry": {"attempts": 1}, "sinks": {"kafka": {"mode": "aws", "timeout": "8s"}}}
        with Weir(broker, rules, settings) as weir:
            broker.publish("d", '{"n": 1}')
            weir.wait_settled(1)
            tap.equal([[m.value for m in cluster.read(t)] for t in ("plain", "scram")], [['{"n":1}']] * 2, "records")
            tap.check("in weir" in plain.lines and "in weir" in scram.lines, (plain.lines, scram.lines))
            tap.check("refused SCRAM: a wrong password" in scram.lines, scram.lines)
            error = json.loads(weir.objects("errors")["wrong"])["failures"][0]["errorMessage"]
            tap.check("_MSG_TIMED_OUT" in error, error)
            for secret in ("s3cret", "wr0ng"):
                tap.check(secret not in weir.log, f"{secret} in the log")


def test_stop_while_the_cluster_is_away():
    """kafka: SIGTERM ends in time with records under way, and the next start delivers them"""
    rules = {"out": rule("SELECT n FROM 'd'", action("t"))}
    with kafka.Cluster() as cluster, Broker() as broker:
        settings = config(cluster, drain="500ms")
        settings["sinks"]["kafka"]["flush"] = "500ms"
        with Weir(broker, rules, settings) as weir:
            broker.publish("d", '{"n": 0}')
            weir.wait_settled(1)
            cluster.down()
            broker.publish_lines("d", (json.dumps({"n": n}) for n in range(1, 100)))
            wait_for(lambda: weir.totals()["records"] == 100, "the records to be submitted")
            weir.process.signal(signal.SIGTERM)
            tap.equal(weir.process.wait(), 0, "exit status")
            cluster.up()
            weir.start()
            wait_for(lambda: len({m.value for m in cluster.read("t")}) == 100, "every record", every=0.3)


if __name__ == "__main__":
    kafka.mock_binary()
    support.main(globals())
