#!/usr/bin/python3
"""The bridge: republish to another broker than the one that messages come from. Two mosquittos, the
far one with client certificates; cut off in every way and brought back under load.

usage: test_bridge.py BUILD/weir [test_NAME]..."""
import base64
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import threading

import support
from support import Broker, HOST, tap, wait_for
from weir import Weir, binary, republish, rule, s3

TOPICS = 8  # of the load


# ---- the far side

class Far:
    """A broker that wants client certificates, and what it has heard, from its own log: what is
    there was acknowledged or was about to be, also when it is killed."""

    def __init__(self):
        self.dir = support.temp_dir("wr-far-")
        self.ca = support.make_ca(self.dir)
        server = support.make_certificate(self.dir, "server", self.ca)
        self.client = support.make_certificate(self.dir, "bridge", self.ca)
        self.processes = []
        self.broker = Broker(listener=f"cafile {self.ca[0]}\ncertfile {server[0]}\n"
                             f"keyfile {server[1]}\nrequire_certificate true")
        self.processes.append(self.broker.process)
        self.broker.client_options = self.options()

    def options(self):
        return ["--cafile", self.ca[0], "--cert", self.client[0], "--key", self.client[1]]

    def restart(self):
        self.broker.start()
        self.processes.append(self.broker.process)

    def config(self, port=None, **more):
        return {"url": f"mqtts://{HOST}:{port or self.broker.port}", "ca_file": self.ca[0],
                "cert_file": self.client[0], "key_file": self.client[1], "reconnect_min": "50ms",
                "reconnect_max": "300ms", **more}

    def heard(self):
        """Topics of all publications, in the order in which they came."""
        got = re.compile(r"Received PUBLISH from \S+ \(d\d, q\d, r\d, m\d+, '([^']+)'")
        return [m[1] for p in self.processes for x in list(p.err_lines) if (m := got.search(x))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.broker.stop()


class Proxy:
    """TCP to `port`, that can be cut: existing connections end, new ones are refused or hang."""

    def __init__(self, port):
        self.target, self.open, self.pairs, self.lock = port, True, set(), threading.Lock()
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((HOST, self.target), timeout=5) if self.open else None
            except OSError:
                far = None
            if not far:
                near.close()
                continue
            far.settimeout(None)
            with self.lock:
                self.pairs.add((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self, stay=False):
        """End every connection, in the middle of whatever is in it; `stay`: and take no new one."""
        self.open = not stay
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for s in pair:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def mend(self):
        self.open = True

    def close(self):
        self.listener.close()
        self.cut(stay=True)


def far_rules():
    return {"up": rule("SELECT n FROM 'load/+'", republish("far/${topic(2)}/${n}", qos=1))}


def far_config(broker, **more):
    return {"brokers": {"cloud": broker}, "sinks": {"republish": {"rules": {"up": "cloud"}}}, **more}


def load(broker, count, first=0):
    """Messages n = first.. to each topic, in order: one connection a topic, all at once."""
    threads = [threading.Thread(target=broker.publish_lines, args=(
        f"load/{t}", [json.dumps({"n": n}) for n in range(first, first + count)]))
        for t in range(TOPICS)]
    for t in threads:
        t.start()
    return threads


def check_heard(heard, count, first=0):
    """Every message of every topic, first copies in order; how many came again."""
    seen = {str(t): [] for t in range(TOPICS)}
    for topic in heard:
        _, t, n = topic.split("/")
        seen[t].append(int(n))
    again = 0
    for t, numbers in seen.items():
        firsts = list(dict.fromkeys(numbers))
        again += len(numbers) - len(firsts)
        missing = sorted(set(range(first, first + count)) - set(firsts))
        tap.equal(missing[:5], [], f"missing on topic {t}: {len(missing)}")
        tap.equal(firsts, list(range(first, first + count)), f"order on topic {t}")
    return again


def bridge(weir, name="cloud"):
    return weir.totals()["brokers"][name]


def wait_all(weir, count, timeout=support.TIMEOUT):
    """Until so many messages came in and nothing is left of them."""
    return weir.wait_settled(count, timeout=max(timeout, support.TIMEOUT))


# ---- what goes where

def test_choice():
    """the default, a rule's own broker, its error action's: each to its broker, once"""
    rules = {
        "plain": rule("SELECT * FROM 'in/plain'", republish("out/plain", qos=1)),
        "here": rule("SELECT * FROM 'in/here'", republish("out/here")),
        "other": rule("SELECT * FROM 'in/other'", republish("out/other", qos=1)),
        "bad": rule("SELECT * FROM 'in/bad'", republish("a/${topic(1)}/+"),
                    error=republish("errors/bad", qos=1)),
    }
    with Broker() as near, Far() as far, Broker() as third:
        config = {"brokers": {"cloud": far.config(), "third": {"url": third.url}},
                  "sinks": {"republish": {"broker": "cloud",
                                          "rules": {"here": "source", "other": "third"},
                                          "error_rules": {"bad": "third"}}}}
        with Weir(near, rules, config) as weir:
            subs = [b.subscriber("out/#", "errors/#") for b in (near, far.broker, third)]
            weir.process.wait_line("broker cloud: connected")
            weir.process.wait_line("broker third: connected")
            for name in rules:
                near.publish(f"in/{name}", json.dumps({"from": name}))
            weir.wait_settled(4)
            wait_for(lambda: [len(Broker.messages(s)) for s in subs] == [1, 1, 2],
                     lambda: f"the messages, got {[Broker.messages(s) for s in subs]}")
            got = [{m["topic"]: m["payload"] for m in Broker.messages(s)} for s in subs]
            tap.equal(json.loads(got[0]["out/here"]), {"from": "here"}, "at the source's broker")
            tap.equal(json.loads(got[1]["out/plain"]), {"from": "plain"}, "by default")
            tap.equal(json.loads(got[2]["out/other"]), {"from": "other"}, "the rule's own")
            document = json.loads(got[2]["errors/bad"])
            tap.equal(base64.b64decode(document["base64OriginalPayload"]), b'{"from": "bad"}',
                      "the error document's original")
            state = weir.totals()["brokers"]
            tap.equal([state[b]["published"] for b in ("source", "cloud", "third")], [1, 1, 2],
                      "published by broker")
            tap.check(all(s["connected"] and s["waiting"] == 0 for s in state.values()), state)
            tap.check("may feed themselves" not in weir.log, "no loop over another broker")


def test_rules_that_are_not_there():
    """a rule named in weir.yaml that does not exist is warned of; a broker that does not, is an error"""
    with Broker() as near:
        config = {"brokers": {"cloud": {"url": near.url}},
                  "sinks": {"republish": {"rules": {"upp": "cloud"}}}}
        with Weir(near, far_rules(), config) as weir:
            weir.process.wait_line("weir.yaml gives a broker to the rule upp")
            weir.configure({"sinks": {"republish": {"rules": {"up": "clout"}}}})
            code, _, err = weir.run("run", "--check")
            tap.equal(code, 2, err)
            tap.check('sinks.republish.rules.up: found "clout"' in err, err)


def test_example():
    """the example of a bridge to AWS IoT Core is accepted as it stands"""
    example = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/bridge/weir.yaml")
    code, out, err = support.run([binary(), "run", "-c", example, "--check"])
    tap.equal((code, out, err), (0, "rules accepted: 2, documents refused: 0\n", ""), "weir run --check")


def test_loop():
    """a loop over two brokers and two weirs ends: hops travel with the message"""
    with Broker() as a, Broker() as b:
        there = {"there": rule("SELECT * FROM 'ping'", republish("pong", qos=1),
                               error=s3("ends", "loop"))}
        back = {"back": rule("SELECT * FROM 'pong'", republish("ping", qos=1))}
        one = {"brokers": {"b": {"url": b.url}}, "sinks": {"republish": {"broker": "b"}}}
        two = {"brokers": {"a": {"url": a.url}}, "sinks": {"republish": {"broker": "a"}}}
        with Weir(a, there, one) as first, Weir(b, back, two) as second:
            first.process.wait_line("broker b: connected")
            second.process.wait_line("broker a: connected")
            a.publish("ping", "{}")
            wait_for(lambda: first.objects("ends"), "the loop to end")
            document = json.loads(first.objects("ends")["loop"])
            tap.check("a loop: weir republished this message" in
                      document["failures"][0]["errorMessage"], document)
            tap.equal((first.wait_settled(5)["messages"], second.wait_settled(4)["messages"]), (5, 4),
                      "messages at both: 8 hops")


# ---- cut off and brought back under load

def test_proxy_cuts():
    """connections cut in the middle, under load: nothing lost, order per topic kept"""
    count = 600
    with Broker() as near, Far() as far:
        proxy = Proxy(far.broker.port)
        with Weir(near, far_rules(), far_config(far.config(proxy.port))) as weir:
            weir.process.wait_line("broker cloud: connected")
            threads = load(near, count)
            for i in range(6):
                want = (i + 1) * count * TOPICS // 10
                wait_for(lambda: len(far.heard()) >= want and bridge(weir)["connected"],
                         f"{want} publications", every=0.05)
                proxy.cut(stay=i % 2 == 1)
                if i % 2:
                    wait_for(lambda: not bridge(weir)["connected"], "weir to notice", every=0.05)
                    proxy.mend()
            for t in threads:
                t.join()
            wait_all(weir, count * TOPICS)
            again = check_heard(far.heard(), count)
            state = bridge(weir)
            tap.check(state["connects"] >= 4 and state["published"] == count * TOPICS, state)
            tap.check(again <= state["repeated"], f"{again} came again, {state}")
            tap.note(f"{count * TOPICS} messages, {state['connects']} connections, {again} came again")
        proxy.close()


def test_broker_killed():
    """the far broker killed and started again under load: what it did not acknowledge comes again"""
    count = 500
    with Broker() as near, Far() as far:
        with Weir(near, far_rules(), far_config(far.config())) as weir:
            weir.process.wait_line("broker cloud: connected")
            threads = load(near, count)
            for i in range(3):
                want = (i + 1) * count * TOPICS // 5
                wait_for(lambda: len(far.heard()) >= want, f"{want} publications", every=0.05)
                far.broker.kill()
                wait_for(lambda: not bridge(weir)["connected"], "weir to notice", every=0.05)
                far.restart()
            for t in threads:
                t.join()
            wait_all(weir, count * TOPICS)
            again = check_heard(far.heard(), count)
            tap.note(f"{count * TOPICS} messages, {again} came again")


def test_broker_stopped():
    """the far broker stands still (SIGSTOP): found by the keepalive; others go on; then all arrives in order"""
    count = 300
    rules = {**far_rules(), "near": rule("SELECT n FROM 'near'", s3("near", "${n}"))}
    with Broker() as near, Far() as far:
        with Weir(near, rules, far_config(far.config(keepalive="5s"))) as weir:
            weir.process.wait_line("broker cloud: connected")
            for t in load(near, count // 2):
                t.join()
            far.broker.process.signal(signal.SIGSTOP)
            for t in load(near, count - count // 2, count // 2):
                t.join()
            for n in range(20):
                near.publish("near", json.dumps({"n": n}))
            wait_for(lambda: len(weir.objects("near")) == 20, "the other rule's objects")
            weir.process.wait_line("did not answer a ping within the keepalive")
            tap.check(bridge(weir)["waiting"] > 0, "publications wait")
            far.broker.process.signal(signal.SIGCONT)
            wait_all(weir, count * TOPICS + 20)
            again = check_heard(far.heard(), count)
            tap.note(f"{again} came again")


def test_weir_killed():
    """weir killed while the far broker is away, and while it drains to it: the spool has all of it, in order"""
    count = 400
    with Broker() as near, Far() as far:
        proxy = Proxy(far.broker.port)
        proxy.cut(stay=True)
        config = far_config(far.config(proxy.port), spool={"in_flight": 50})
        weir = Weir(near, far_rules(), config)
        for t in load(near, count):
            t.join()
        wait_for(lambda: weir.totals()["mqtt"]["acknowledged"] >= count * TOPICS,
                 "all messages to be acknowledged", every=0.05)
        weir.kill()
        proxy.mend()
        weir.start(wait=False)
        wait_for(lambda: len(far.heard()) >= count, "some of it", every=0.02)
        weir.kill()
        weir.start()
        wait_for(lambda: (s := weir.totals()["spool"])["entries"] == 0 and s, "an empty spool",
                 timeout=max(60, support.TIMEOUT), every=0.05)
        again = check_heard(far.heard(), count)
        tap.note(f"{count * TOPICS} messages, {again} came again")
        weir.stop()
        proxy.close()


def test_stop_while_away():
    """SIGTERM while the far broker is away: weir ends, and the next start delivers"""
    with Broker() as near, Far() as far:
        port = far.broker.port
        far.broker.stop()
        with Weir(near, far_rules(), far_config(far.config(port), drain="500ms")) as weir:
            for t in load(near, 20):
                t.join()
            wait_for(lambda: bridge(weir)["waiting"] == 20 * TOPICS, "all to wait", every=0.05)
            weir.stop()
            tap.check("republish failed" not in weir.log, "waiting is no failure")
            far.restart()
            weir.start()
            wait_for(lambda: weir.totals()["spool"]["entries"] == 0, "an empty spool", every=0.05)
            tap.equal(check_heard(far.heard(), 20), 0, "nothing came twice")


# ---- shares

def big(first, count):
    return [json.dumps({"n": n, "x": "y" * 20000}) for n in range(first, first + count)]


def test_spool_share():
    """a broker that is away takes its share of the spool and no more: the rest goes to error actions, others go on"""
    up = rule("SELECT n FROM 'load/+'", republish("far/${topic(2)}/${n}", qos=1), error=s3("late", "${n}"))
    rules = {"up": up, "near": rule("SELECT n FROM 'near'", s3("near", "${n}"))}
    with Broker() as near, Far() as far:
        port = far.broker.port
        far.broker.stop()
        config = far_config(far.config(port, spool_share=1), spool={"max": "64M"}, drain="100ms")
        with Weir(near, rules, config) as weir:
            near.publish_lines("load/0", big(0, 100))
            wait_for(lambda: len(weir.objects("late")) > 50, "error documents")
            state = {}

            def quiet():
                state.update(weir.totals())
                return state["messages"] == 100 and state["live"] == state["brokers"]["cloud"]["waiting"]
            wait_for(quiet, "all to be held or failed", every=0.05)
            held = state["brokers"]["cloud"]["waiting"]
            limit = 64 * 1024 * 1024 // 100
            tap.equal(held + len(weir.objects("late")), 100, "held and failed")
            tap.check(limit <= state["brokers"]["cloud"]["spooledBytes"] < limit + 30000, state["brokers"])
            document = json.loads(weir.objects("late")["99"])
            tap.check("SinkQueueFull" in document["failures"][0]["errorMessage"] and
                      "brokers.cloud.spool_share: 1" in document["failures"][0]["errorMessage"], document)
            near.publish_lines("near", [json.dumps({"n": n}) for n in range(50)])
            wait_for(lambda: len(weir.objects("near")) == 50, "the other rule's objects")
            weir.stop()
            weir.start()
            near.publish_lines("load/0", big(100, 3))
            wait_for(lambda: "102" in weir.objects("late"), "refused by the next process too")
            far.restart()
            wait_for(lambda: weir.totals()["spool"]["entries"] == 0, "an empty spool", every=0.05)
            tap.equal(far.heard(), [f"far/0/{n}" for n in range(held)], "what was held, in order")
            tap.equal(bridge(weir)["spooledBytes"], 0, "bytes in the spool")
            near.publish_lines("load/0", big(103, 3))
            wait_for(lambda: far.heard()[-1] == "far/0/105", "room again")


def test_memory_share():
    """a broker that is away holds up its own rules, not those of another broker"""
    rules = {**{f"up{i}": rule(f"SELECT n FROM 'load/{i}'", republish(f"far/{i}/${{n}}", qos=1))
                for i in range(3)},
             "other": rule("SELECT n FROM 'other'", republish("out/${n}", qos=1))}
    with Broker() as near, Far() as far, Broker() as third:
        proxy = Proxy(far.broker.port)
        proxy.cut(stay=True)
        config = {"brokers": {"cloud": far.config(proxy.port), "third": {"url": third.url}},
                  "sinks": {"republish": {"broker": "cloud", "rules": {"other": "third"}, "in_flight": 100}}}
        with Weir(near, rules, config) as weir:
            weir.process.wait_line("broker third: connected")
            for i in range(3):
                near.publish_lines(f"load/{i}", [json.dumps({"n": n}) for n in range(100)])
            wait_for(lambda: bridge(weir)["waiting"] >= 100, "publications to wait", every=0.05)
            near.publish_lines("other", [json.dumps({"n": n}) for n in range(500)])
            wait_for(lambda: bridge(weir, "third")["published"] == 500, "the other broker's", every=0.05)
            tap.check(bridge(weir)["waiting"] <= 102, f"in memory: {bridge(weir)}")
            proxy.mend()
            weir.wait_settled(800)
            seen = far.heard()
            for i in range(3):
                tap.equal([x for x in seen if x.startswith(f"far/{i}/")], [f"far/{i}/{n}" for n in range(100)],
                          f"rule {i}")
        proxy.close()


# ---- certificates, ALPN, AWS

def test_certificates():
    """a certificate that the broker does not accept: a clear line, the records stay; a good one is taken up"""
    with Broker() as near, Far() as far:
        wrong = support.make_ca(far.dir, "wrong")
        bad = support.make_certificate(far.dir, "bad", wrong)
        mine = [shutil.copy(path, os.path.join(far.dir, name))
                for path, name in zip(bad, ("mine.crt", "mine.key"))]
        config = far_config(far.config(cert_file=mine[0], key_file=mine[1]))
        with Weir(near, far_rules(), config) as weir:
            line = weir.process.wait_line("broker cloud: TLS")
            tap.check("does not accept our certificate: check brokers.cloud.cert_file and "
                      "brokers.cloud.key_file" in line, line)
            for t in load(near, 10):
                t.join()
            wait_for(lambda: bridge(weir)["waiting"] == 10 * TOPICS, "the records to wait", every=0.05)
            state = weir.totals()
            tap.equal(state["spool"]["entries"], 10 * TOPICS, "entries in the spool")
            tap.check("certificate" in state["brokers"]["cloud"]["why"], state["brokers"]["cloud"])
            for good, path in zip(far.client, mine):
                shutil.copy(good, path)
            wait_all(weir, 10 * TOPICS)
            tap.equal(check_heard(far.heard(), 10), 0, "nothing came twice")
        weir.configure(far_config(far.config(ca_file=wrong[0])))
        weir.start()
        line = weir.process.wait_line("broker cloud: TLS")
        tap.check("not signed by a known authority" in line and "brokers.cloud.ca_file" in line, line)
        weir.configure(far_config(far.config(key_file=os.path.join(far.dir, "none.key"))))
        weir.stop()
        weir.start(wait=False)
        tap.equal(weir.process.wait(), 2, "exit status")
        tap.check("brokers.cloud.key_file: cannot read" in weir.log, weir.log)


class TlsServer:
    """An MQTT 5 broker of a few lines behind TLS with client certificates and ALPN: what it was told."""

    def __init__(self, far, protocols):
        server = support.make_certificate(far.dir, "alpn", far.ca)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*server)
        self.context.load_verify_locations(far.ca[0])
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.set_alpn_protocols(protocols)
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.protocol, self.packets, self.error, self.quota, self.poison = None, [], None, 0, None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(raw, server_side=True) as s:
                    self.protocol = s.selected_alpn_protocol()
                    self._talk(s.makefile("rwb"))
            except OSError as error:
                self.error = error

    def _talk(self, f):
        while head := f.read(1):
            length = shift = 0
            while True:
                byte = f.read(1)[0]
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            body = f.read(length)
            self.packets.append((head[0], body))
            kind = head[0] >> 4
            if kind == 1:
                f.write(bytes([0x20, 3, 0, 0, 0]))
            elif kind == 3 and head[0] & 6:
                at = 2 + int.from_bytes(body[:2], "big")
                if body[2:at] == self.poison:
                    return
                if self.quota > 0:
                    self.quota -= 1
                    f.write(bytes([0x40, 4]) + body[at:at + 2] + bytes([0x97, 0]))
                else:
                    f.write(bytes([0x40, 2]) + body[at:at + 2])
            elif kind == 12:
                f.write(bytes([0xD0, 0]))
            f.flush()

    def topics(self):
        return [b[2:2 + int.from_bytes(b[:2], "big")].decode() for h, b in list(self.packets) if h >> 4 == 3]


def test_alpn():
    """TLS names the protocol that AWS IoT Core wants on port 443; without one, none"""
    with Broker() as near, Far() as far:
        for alpn, want in (("x-amzn-mqtt-ca", "x-amzn-mqtt-ca"), ("", None)):
            server = TlsServer(far, ["x-amzn-mqtt-ca", "http/1.1"])
            more = {"alpn": alpn} if alpn else {}
            with Weir(near, far_rules(), far_config(far.config(server.port, limits="aws", **more))) as weir:
                weir.process.wait_line("broker cloud: connected")
                near.publish("load/1", '{"n": 7}')
                weir.wait_settled(1)
                tap.equal(server.topics(), ["far/1/7"], "what arrived")
                tap.equal(server.protocol, want, "the protocol")
            server.listener.close()


def test_quota():
    """a broker that says "quota exceeded" gets a pause, then all of it: no record fails over it"""
    with Broker() as near, Far() as far:
        server = TlsServer(far, ["mqtt"])
        server.quota = 30
        with Weir(near, far_rules(), far_config(far.config(server.port, window=10))) as weir:
            weir.process.wait_line("broker cloud: connected")
            near.publish_lines("load/1", [json.dumps({"n": n}) for n in range(40)])
            weir.wait_settled(40)
            weir.process.wait_line("broker cloud: the broker says that a quota is exceeded")
            tap.equal(sorted(set(server.topics())), sorted(f"far/1/{n}" for n in range(40)), "arrived")
            state = bridge(weir)
            tap.equal((state["published"], state["throttled"]), (40, 30), "published, throttled")
            tap.equal(weir.counters("up")["actions"]["republish"]["retries"], 0, "retries of the engine")
        server.listener.close()


def test_poison():
    """a publication over which the broker ends the connection is given up in the end, the others arrive in order"""
    up = rule("SELECT n FROM 'load/+'", republish("far/${topic(2)}/${n}", qos=1), error=s3("late", "${n}"))
    with Broker() as near, Far() as far:
        server = TlsServer(far, ["mqtt"])
        server.poison = b"far/1/50"
        with Weir(near, {"up": up}, far_config(far.config(server.port))) as weir:
            weir.process.wait_line("broker cloud: connected")
            near.publish_lines("load/1", [json.dumps({"n": n}) for n in range(100)])
            weir.wait_settled(100)
            firsts = list(dict.fromkeys(server.topics()))
            tap.equal(firsts, [f"far/1/{n}" for n in range(100)], "arrived, the bad one too")
            document = json.loads(weir.objects("late")["50"])
            tap.check("the connection ended each time it was sent" in
                      document["failures"][0]["errorMessage"], document)
            tap.equal(list(weir.objects("late")), ["50"], "failed")
            tap.equal(bridge(weir)["published"], 99, "published")
        server.listener.close()


def test_rate():
    """rate: no more publications a second than that"""
    with Broker() as near, Broker() as far:
        with Weir(near, far_rules(), far_config({"url": far.url, "rate": 20})) as weir:
            weir.process.wait_line("broker cloud: connected")
            near.publish_lines("load/1", [json.dumps({"n": n}) for n in range(41)])
            before = weir.totals()["uptimeMs"]
            took = weir.wait_settled(41)["uptimeMs"] - before
            tap.check(took >= 1500, f"41 publications took {took} ms, at 20 a second")


def test_aws_limits():
    """what AWS IoT Core would end the connection over is refused here, with the reason"""
    rules = {
        "big": rule("SELECT * FROM 'in/big'", republish("out", qos=1), error=s3("errs", "big")),
        "deep": rule("SELECT * FROM 'in/deep'", republish("1/2/3/4/5/6/7/8/9"), error=s3("errs", "deep")),
        "dollar": rule("SELECT * FROM 'in/dollar'", republish("$$other/x"), error=s3("errs", "dollar")),
        "late": rule("SELECT * FROM 'in/late'", republish("out", headers={"messageExpiry": "604801"}),
                     error=s3("errs", "late")),
        "good": rule("SELECT * FROM 'in/good'", republish("1/2/3/4/5/6/7/8", qos=1)),
        "ingest": rule("SELECT * FROM 'in/ingest'", republish("$$aws/rules/x/1/2/3/4/5/6/7/8", qos=1)),
    }
    with Broker() as near, Broker() as far:
        config = {"brokers": {"cloud": {"url": far.url, "limits": "aws"}},
                  "sinks": {"republish": {"broker": "cloud"}}}
        with Weir(near, rules, config) as weir:
            weir.process.wait_line("broker cloud: connected")
            sub = far.subscriber("#", "$aws/#")
            for name in rules:
                near.publish(f"in/{name}", json.dumps({"x": "y" * (130 * 1024 if name == "big" else 1)}))
            weir.wait_settled(len(rules))
            words = {k: json.loads(v)["failures"][0]["errorMessage"] for k, v in weir.objects("errs").items()}
            for key, text in (("big", "a payload of more than 128 KB"), ("deep", "a topic of more than 8 levels"),
                              ("dollar", "takes only its own, below $aws/"), ("late", "more than 604800 seconds")):
                tap.check(text in words.get(key, ""), f"{key}: {words}")
            wait_for(lambda: len(Broker.messages(sub)) == 2, "what is left")
            tap.equal(sorted(m["topic"] for m in Broker.messages(sub)),
                      ["$aws/rules/x/1/2/3/4/5/6/7/8", "1/2/3/4/5/6/7/8"], "what went out")


if __name__ == "__main__":
    support.main(globals())
