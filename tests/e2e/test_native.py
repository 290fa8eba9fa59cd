"""weir's own MQTT client against a broker that says what each test wants, byte for byte.

    test_native.py SOURCE_TOOL [test_name...]"""
import os
import socket
import struct
import sys
import threading
import time

import support
from support import tap, wait_for

TOOL = sys.argv[1] if len(sys.argv) > 1 else ""


# ---- packets

def varint(n):
    out = b""
    while True:
        n, byte = n >> 7, n & 127
        out += bytes([byte | (128 if n else 0)])
        if not n:
            return out


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack(">H", len(s)) + s


def packet(first, body=b""):
    return bytes([first]) + varint(len(body)) + body


def publish(topic, payload, qos=0, mid=0, dup=False, retain=False, props=b"", v5=True):
    payload = payload.encode() if isinstance(payload, str) else payload
    body = text(topic) + (struct.pack(">H", mid) if qos else b"")
    if v5:
        body += varint(len(props)) + props
    return packet(0x30 | (8 if dup else 0) | qos << 1 | retain, body + payload)


def puback(mid):
    return struct.pack(">BBH", 0x40, 2, mid)


class Peer:
    """A broker for one client after the other: answers CONNECT, SUBSCRIBE and PINGREQ, keeps what it got."""

    def __init__(self, connack=None, v5=True, suback=1, present=False, answers=True):
        self.v5, self.suback, self.answers = v5, suback, answers
        self.connack = connack or (packet(0x20, bytes([present, 0, 0])) if v5 else
                                   packet(0x20, bytes([present, 0])))
        self.got = []  # (first byte, body) of every packet, all connections
        self.connections = 0
        self.socket = None
        self.listener = socket.create_server((support.HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"mqtt://{support.HOST}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.socket = peer
            self.connections += 1
            threading.Thread(target=self._read, args=(peer,), daemon=True).start()

    def _read(self, peer):
        data = b""
        try:
            while piece := peer.recv(65536):
                data += piece
                while (taken := self._take(data, peer)):
                    data = data[taken:]
        except OSError:
            pass
        self.got.append((0, b""))  # the end of a connection

    def _take(self, data, peer):
        at, n, shift = 1, 0, 0
        while True:
            if at >= len(data):
                return 0
            n |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                break
        if len(data) < at + n:
            return 0
        first, body = data[0], data[at:at + n]
        self.got.append((first, body))
        if self.answers:
            if first == 0x10:
                peer.sendall(self.connack)
            elif first == 0x82:
                peer.sendall(packet(0x90, body[:2] + (b"\0" if self.v5 else b"") + bytes([self.suback])))
            elif first == 0xa2:
                peer.sendall(packet(0xb0, body[:2] + (b"\0\0" if self.v5 else b"")))
            elif first == 0xc0:
                peer.sendall(b"\xd0\0")
        return at + n

    def send(self, data):
        self.socket.sendall(data)

    def of(self, *firsts):
        return [(f, b) for f, b in self.got if f in firsts]

    def close(self):
        self.listener.close()
        if self.socket:
            self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Source:
    """source_tool on such a broker."""

    def __init__(self, peer, *options, filters=("t/#",), up=True):
        self.state = support.temp_dir("wr-native-")
        version = () if peer.v5 else ("--mqtt-version", "3.1.1")
        self.process = support.Process(
            [TOOL, "--source", "native", "--mqtt-url", peer.url, "--state-dir", self.state, "--mqtt-basic-ingest",
             "false", "--mqtt-reconnect-min", "50ms", "--mqtt-reconnect-max", "100ms", *version, *options, *filters],
            name="source_tool", stdin=True, cwd=self.state)
        if up:
            self.process.wait_line('"subscribed"', where="out")

    def rows(self, kind):
        import json
        return [json.loads(x)[kind] for x in list(self.process.lines) if x.startswith('{"' + kind)]

    def messages(self):
        return self.rows("message")

    def payloads(self):
        return [m.get("payload") for m in self.messages()]

    def say(self, line):
        self.process.say(line)

    def stats(self):
        seen = len(self.rows("stats"))
        self.say("stats")
        wait_for(lambda: len(self.rows("stats")) > seen, "stats")
        return self.rows("stats")[-1]

    def quit(self):
        self.say("quit")
        tap.equal(self.process.wait(), 0, "exit status\n" + self.process.stderr[-1500:])


# ---- what is asked

def test_connect():
    """CONNECT: a kept session, its expiry, the window, the alias maximum; name and password"""
    with Peer() as peer:
        source = Source(peer, "--mqtt-client-id", "me", "--mqtt-username", "u", "--mqtt-password", "p",
                        "--mqtt-session-expiry", "1h", "--mqtt-receive-maximum", "77", "--mqtt-keepalive", "90s")
        first, body = peer.got[0]
        props = b"\x11" + struct.pack(">I", 3600) + b"\x21" + struct.pack(">H", 77) + b"\x22" + struct.pack(">H", 256)
        want = text("MQTT") + bytes([5, 0xc0]) + struct.pack(">H", 90) + varint(len(props)) + props
        tap.equal((first, body), (0x10, want + text("me") + text("u") + text("p")), "the CONNECT")
        tap.equal(peer.of(0x82)[0][1][2:], b"\2\x0b\1" + text("t/#") + b"\x21", "the SUBSCRIBE")
        source.quit()
        wait_for(lambda: peer.of(0xe0), "a DISCONNECT")
        tap.equal(peer.of(0xe0), [(0xe0, b"")], "the DISCONNECT")
    with Peer(v5=False) as peer:
        source = Source(peer, "--mqtt-client-id", "me")
        tap.equal(peer.got[0], (0x10, text("MQTT") + bytes([4, 0]) + struct.pack(">H", 60) + text("me")), "3.1.1")
        tap.equal(peer.of(0x82)[0][1][2:], text("t/#") + b"\1", "the SUBSCRIBE of 3.1.1")
        source.quit()


# ---- what comes

def every_split(v5):
    """A stream of packets, cut at every offset: the pieces are read one by one."""
    stream = (publish("t/a", "one", v5=v5) + publish("t/b", "two", qos=1, mid=7, v5=v5) + b"\xd0\0" +
              publish("t/c", "x" * 300, qos=1, mid=258, v5=v5))
    with Peer(v5=v5) as peer:
        source = Source(peer)
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(stream)):
            peer.send(stream[:cut])
            time.sleep(0.002)  # so that the two do not meet in one read; if they do, no harm
            peer.send(stream[cut:])
        count = len(stream) - 1
        wait_for(lambda: len(source.messages()) == 3 * count, lambda: f"{3 * count}, got {len(source.messages())}")
        tap.equal(source.payloads(), ["one", "two", "x" * 300] * count, "payloads")
        wait_for(lambda: len(peer.of(0x40)) == 2 * count, "all PUBACKs")
        tap.equal([b for _, b in peer.of(0x40)], [b"\0\7", b"\1\2"] * count, "PUBACKs")
        source.quit()


def test_split_mqtt5():
    """packets cut at every offset are read whole (MQTT 5)"""
    every_split(True)


def test_split_mqtt3():
    """packets cut at every offset are read whole (MQTT 3.1.1)"""
    every_split(False)


def test_sizes():
    """payloads around every limit of the buffers come whole, among small ones"""
    sizes = [0, 1, 127, 128, 16383, 16384, 65535, 65536, 262143, 262144, 262145, 300_000, 524_288, 3_000_000, 5]
    with Peer() as peer:
        source = Source(peer, "--message-memory", "1M")
        for _ in range(3):
            for i, size in enumerate(sizes):
                peer.send(publish("t/x", bytes([65 + i]) * size, qos=1, mid=i + 1) + publish("t/y", "small"))
        wait_for(lambda: len(source.messages()) == 6 * len(sizes), "all messages")
        tap.equal([m["bytes"] for m in source.messages()], [n for s in sizes for n in (s, 5)] * 3, "sizes")
        wait_for(lambda: len(peer.of(0x40)) == 3 * len(sizes), "all PUBACKs")
        source.quit()


def test_content_survives():
    """messages that wait while the buffers go round keep their bytes"""
    with Peer() as peer:
        source = Source(peer, "--manual", "--mqtt-receive-maximum", "5000")
        want = [f"{i}:" + chr(97 + i % 26) * (i * 37 % 900) for i in range(3000)]
        path = os.path.join(source.state, "x")
        for i, payload in enumerate(want):
            peer.send(publish(f"t/{i}", payload, qos=1, mid=i + 1))
        wait_for(lambda: len(source.messages()) == len(want), lambda: f"{len(source.messages())} of 3000")
        tap.equal(source.payloads(), want, "payloads")
        tap.equal([m["topic"] for m in source.messages()], [f"t/{i}" for i in range(3000)], "topics")
        source.say("settle")
        wait_for(lambda: len(peer.of(0x40)) == 3000, "all PUBACKs")
        tap.equal(os.path.exists(path), False, "no file")
        source.quit()


def test_many_wait():
    """more bytes wait than may be lent: they are copied, and are the same; then reading stops at a limit, and goes on"""
    def body(i):
        return (f"{i}:" + chr(97 + i % 26) * 99990).encode()
    with Peer() as peer:
        # Each is printed when it comes, in the order of arrival, with the sum of its bytes.
        source = Source(peer, "--manual", "--mqtt-receive-maximum", "1000", "--message-memory", "1M")
        props = b"\x26" + text("key") + text("value") + b"\x03" + text("text/x")
        for i in range(800):  # 80 MB; 32 MiB may be lent
            peer.send(publish(f"t/{i}", body(i), qos=1, mid=i + 1, props=props))
        wait_for(lambda: len(source.messages()) == 800, lambda: f"{len(source.messages())} of 800")
        for i, m in enumerate(source.messages()):
            if (m["topic"], m["sum"], m["user"], m["contentType"]) != (f"t/{i}", sum(body(i)), [["key", "value"]], "text/x"):
                raise support.Failed(f"message {i}: {m}")
        source.say("settle")
        wait_for(lambda: len(peer.of(0x40)) == 800, "800 PUBACKs")
        large = b"x" * 30_000_000
        for i in range(8):  # of 360 MB; over 256 MiB no more is read
            peer.send(publish("large", large, qos=1, mid=i + 1))
        rest = threading.Thread(target=lambda: [peer.send(publish("large", large, qos=1, mid=i + 1)) for i in range(8, 12)])
        rest.start()
        wait_for(lambda: len(source.messages()) >= 808, lambda: f"{len(source.messages())} of 808 and more")
        support.stays(lambda: len(source.messages()) < 811, "reading stops", seconds=0.5)
        source.say("settle")
        rest.join()
        wait_for(lambda: len(source.messages()) == 812, "all")
        source.say("settle")
        wait_for(lambda: len(peer.of(0x40)) == 812, "all PUBACKs")
        source.quit()


def test_aliases():
    """a topic's number stands for it, is given anew, and is forgotten with the connection"""
    def alias(n):
        return b"\x23" + struct.pack(">H", n)
    with Peer() as peer:
        source = Source(peer, "--manual")
        peer.send(publish("t/one", "1", props=alias(1)) + publish("", "2", props=alias(1)) +
                  publish("t/256", "3", props=alias(256)) + publish("t/two", "4", props=alias(1)) +
                  publish("", "5", props=alias(1)) + publish("", "6", props=alias(256)))
        wait_for(lambda: len(source.messages()) == 6, "six messages")
        tap.equal([m["topic"] for m in source.messages()],
                  ["t/one", "t/one", "t/256", "t/two", "t/two", "t/256"], "topics")
        peer.socket.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: peer.connections == 2 and len(peer.of(0x82)) == 2, "connected again")
        peer.send(publish("", "7", props=alias(1)))
        line = source.process.wait_line("alias that was not given")
        tap.check("PUBLISH" in line, line)
        wait_for(lambda: (0xe0, b"\x82") in peer.got, "a DISCONNECT with the reason")
        source.quit()


def test_qos2():
    """a session that has QoS 2 from another program: PUBREC once it is settled, PUBCOMP for PUBREL"""
    with Peer() as peer:
        source = Source(peer, "--manual")
        peer.send(publish("t", "two", qos=2, mid=5))
        wait_for(source.messages, "the message")
        tap.equal(source.messages()[0]["qos"], 2, "its QoS")
        support.stays(lambda: not peer.of(0x50), "no PUBREC before it is settled", seconds=0.2)
        source.say("settle")
        wait_for(lambda: peer.of(0x50) == [(0x50, b"\0\5")], "the PUBREC")
        peer.send(packet(0x62, b"\0\5"))
        wait_for(lambda: peer.of(0x70) == [(0x70, b"\0\5")], "the PUBCOMP")
        source.quit()


def test_keepalive():
    """the broker's keepalive counts; pings go on while messages are unsettled and while nothing is read"""
    connack = packet(0x20, b"\0\0\3\x13\0\1")  # one second
    with Peer(connack=connack) as peer:
        source = Source(peer, "--manual")
        peer.send(publish("t", "unsettled", qos=1, mid=1))
        wait_for(source.messages, "the message")
        before = len(peer.of(0xc0))
        wait_for(lambda: len(peer.of(0xc0)) >= before + 2, "two pings")
        source.say("pace stop")
        before = len(peer.of(0xc0))
        wait_for(lambda: len(peer.of(0xc0)) >= before + 3, "pings while nothing is read")
        peer.send(publish("t", "later"))
        tap.equal(len(source.messages()), 1, "messages while nothing is read")
        tap.equal(peer.connections, 1, "connections")
        source.say("pace settle")
        wait_for(lambda: len(source.messages()) == 2, "the other message")
        tap.equal(peer.of(0x40), [], "PUBACKs")
        source.say("settle")
        wait_for(lambda: peer.of(0x40) == [(0x40, b"\0\1")], "the PUBACK")
        source.quit()


def test_silent_broker():
    """a broker that does not answer pings is given up"""
    connack = packet(0x20, b"\0\0\3\x13\0\1")
    with Peer(connack=connack) as peer:
        source = Source(peer)
        peer.answers = False
        source.process.wait_line("did not answer a ping")
        peer.answers = True
        wait_for(lambda: peer.connections >= 2, "another connection")
        source.quit()


def test_reset():
    """a connection that is reset is noticed at once, what came before it is taken"""
    with Peer() as peer:
        source = Source(peer)
        for i in range(5):
            wait_for(lambda: len(peer.of(0x82)) == i + 1, "a subscription")
            peer.send(publish("t", str(i)))
            wait_for(lambda: len(source.messages()) == i + 1, "the message")
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.socket.shutdown(socket.SHUT_RD)
            peer.socket.close()
            wait_for(lambda: peer.connections == i + 2, "another connection")
        source.quit()


def test_window_mqtt3():
    """MQTT 3.1.1 has no window: weir reads no further than mqtt.receive_maximum allows"""
    with Peer(v5=False) as peer:
        source = Source(peer, "--manual", "--mqtt-receive-maximum", "10")
        for i in range(10):
            peer.send(publish("t", str(i), qos=1, mid=i + 1, v5=False))
        wait_for(lambda: len(source.messages()) == 10, "ten messages")
        peer.send(publish("t", "more", qos=1, mid=11, v5=False))
        support.stays(lambda: len(source.messages()) == 10, "no more are read", seconds=0.3)
        source.say("settle")
        wait_for(lambda: len(source.messages()) == 11, "the next")
        wait_for(lambda: len(peer.of(0x40)) == 10, "ten PUBACKs")
        source.quit()


def test_one_write_for_many():
    """all PUBACKs of what was read together leave together"""
    with Peer() as peer:
        source = Source(peer)
        peer.send(b"".join(publish("t", str(i), qos=1, mid=i + 1) for i in range(500)))
        wait_for(lambda: len(peer.of(0x40)) == 500, "500 PUBACKs")
        tap.equal([b for _, b in peer.of(0x40)], [struct.pack(">H", i + 1) for i in range(500)], "in order")
        source.quit()


# ---- what is published

def publications(peer):
    return [(f, b) for f, b in peer.got if f & 0xf0 == 0x30]


def test_publish():
    """a publication, byte for byte; those of one turn leave together"""
    with Peer() as peer:
        source = Source(peer, "--keep")
        source.say("publish out early")  # opens the connection, and waits for it
        wait_for(lambda: publications(peer), "the publication that waited")
        peer.send(puback(1))
        wait_for(lambda: source.rows("published") == [1], "its answer")
        connect = [b for f, b in peer.got if f == 0x10][1]
        tap.equal(connect[7], 2, "a clean session")
        source.say("publish out/x text 3")
        wait_for(lambda: len(publications(peer)) == 2, "the PUBLISH")
        props = (b"\1\1" + b"\2\0\0\0\x3c" + b"\3" + text("text/x") + b"\x26" + text("k") + text("v") +
                 b"\x26" + text("weir-hops") + text("3"))
        tap.equal(publications(peer)[1:], [(0x32, text("out/x") + b"\0\2" + varint(len(props)) + props + b"text")], "it")
        tap.equal(len(source.rows("published")), 1, "answers before the PUBACK: that of the first")
        peer.send(puback(2))
        wait_for(lambda: source.rows("published") == [1, 1], "its answer")
        source.say("publish out/0 text 0 0")
        wait_for(lambda: source.rows("published") == [1, 1, 1], "QoS 0 is done once it is written")
        source.quit()


def test_publish_window():
    """the broker's Receive Maximum: no more are under way; its reasons are told"""
    connack = packet(0x20, b"\0\0\3\x21\0\2")
    with Peer(connack=connack) as peer:
        source = Source(peer, "--keep")
        for i in range(5):
            source.say(f"publish out/{i} text")
        source.process.wait_line("publisher: connected")
        wait_for(lambda: len(publications(peer)) == 2, lambda: f"two publications: {peer.got} {source.process.stdout}")
        source.say("publish zero text 0 0")  # keeps its place behind the others
        support.stays(lambda: len(publications(peer)) == 2, "no more without a PUBACK", seconds=0.3)
        for mid in (1, 2):
            peer.send(puback(mid))
        wait_for(lambda: len(publications(peer)) == 4, "two more")
        peer.send(packet(0x40, b"\0\3\x87"))  # not authorised
        peer.send(puback(4))
        wait_for(lambda: len(publications(peer)) == 6, "the last two")
        peer.send(puback(5))
        wait_for(lambda: len(source.rows("published")) == 6, "all answers")
        tap.equal(sorted(source.rows("published")), [0, 1, 1, 1, 1, 1], "answers")
        tap.check("not authorised" in source.process.stdout, source.process.stdout)
        tap.equal([b[2:7] for _, b in publications(peer)],
                  [b"out/0", b"out/1", b"out/2", b"out/3", b"out/4", b"zero\x17"], "their order")
        source.say("publish out/6 text")
        wait_for(lambda: len(publications(peer)) == 7, "one more")
        peer.socket.shutdown(socket.SHUT_RDWR)  # it is sent again
        wait_for(lambda: len(publications(peer)) == 8, "the same on the next connection")
        tap.equal(publications(peer)[7][1][2:7], b"out/6", "what is sent again")
        peer.send(packet(0x40, publications(peer)[7][1][7:9]))
        wait_for(lambda: len(source.rows("published")) == 7, "its answer")
        source.quit()


def test_publish_limits():
    """what the broker says that it does not take is not sent"""
    connack = packet(0x20, b"\0\0\7\x27\0\0\0\x80\x24\0")  # packets of 128 bytes, QoS 0
    with Peer(connack=connack, suback=0) as peer:
        source = Source(peer, "--keep")
        source.say("publish out text")
        source.process.wait_line("quality of service 0 only", where="out")
        source.say("publish out " + "x" * 100 + " 0 0")
        source.process.wait_line("larger than the broker takes", where="out")
        source.say("publish a/+ text 0 0")
        source.process.wait_line("a topic with a wildcard", where="out")
        source.say("publish out text 0 0")
        wait_for(lambda: len(publications(peer)) == 1, "the one that it takes")
        source.quit()


# ---- what is wrong

def test_malformed():
    """what MQTT does not allow ends the connection with its reason; what came before it is taken"""
    cases = [
        (b"\0\0", 0x81, "type 0"),
        (b"\x30\x80\x80\x80\x80\1", 0x81, "more than four bytes"),
        (b"\x36\6\0\1t\0\1\0", 0x81, "quality of service 3"),
        (b"\x30\6\0\3t/#\0", 0x90, "wildcard"),
        (b"\x30\6\0\3t\xff/\0", 0x81, "UTF-8"),
        (b"\x32\6\0\1t\0\0\0", 0x82, "identifier 0"),
        (b"\x30\6\0\1t\2\x7f\1", 0x81, "property"),
        (publish("t", "x", props=b"\x23\1\1"), 0x94, "alias"),
        (publish("", "x"), 0x82, "without a topic"),
        (b"\x20\3\0\0\0", 0x82, "second CONNACK"),
        (b"\x90\4\0\x63\0\1", 0x82, "not asked"),
        (b"\x40\2\0\1", 0x82, "not asked"),
        (b"\x50\2\0\1", 0x82, "does not send"),
        (b"\xf0\0", 0x82, "AUTH"),
        (b"\x90\xff\xff\xff\x7f", 0x95, "1 MiB"),
        (b"\xd0\1x", 0x81, "PINGRESP"),
    ]
    with Peer() as peer:
        source = Source(peer)
        for i, (data, reason, words) in enumerate(cases):
            wait_for(lambda: len(peer.of(0x82)) == i + 1, "a subscription")
            start = len(source.process.err_lines)
            peer.send(publish("t", f"before {i}", qos=1, mid=i + 1) + data)
            line = source.process.wait_line("is not MQTT 5", start=start)
            tap.check(words in line, f"'{words}' in {line}")
            wait_for(lambda: (0xe0, bytes([reason])) in peer.got, f"DISCONNECT 0x{reason:x} for {words}")
            tap.equal(peer.of(0x40)[-1][1], struct.pack(">H", i + 1), f"the PUBACK before {words}")
            wait_for(lambda: peer.connections == i + 2, "another connection")
            peer.got = [x for x in peer.got if x[0] != 0xe0]
        tap.equal(source.payloads(), [f"before {i}" for i in range(len(cases))], "messages")
        source.quit()


def test_malformed_mqtt3():
    """MQTT 3.1.1 has no reasons: the connection ends, and the log has the words"""
    with Peer(v5=False) as peer:
        source = Source(peer)
        peer.send(b"\xe0\0")
        source.process.wait_line("lets only clients send")
        wait_for(lambda: peer.connections == 2, "another connection")
        tap.equal(peer.of(0xe0), [], "DISCONNECT")
        source.quit()


def test_bad_greeting():
    """what is no CONNACK, a refusal, and a refusal of an old broker are told apart"""
    cases = [(publish("t", "x"), "before the CONNACK"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not MQTT 5"),
             (packet(0x20, b"\0\x87\0"), "not authorised"), (packet(0x20, b"\0\x88\0"), "unavailable"),
             (packet(0x20, b"\0\1"), "set mqtt.version"), (packet(0x20, b"\1\x87\0"), "with a session"),
             (b"\x20\3\2\0\0", "reserved flags")]
    for connack, words in cases:
        with Peer(connack=connack) as peer:
            source = Source(peer, up=False)
            source.process.wait_line(words)
            wait_for(lambda: peer.connections >= 2, "another try")
            source.quit()


def test_goodbye():
    """the broker's DISCONNECT: its code and its words are in the log"""
    with Peer() as peer:
        source = Source(peer)
        peer.send(packet(0xe0, b"\x98\x0b\x1f" + text("by hand!")))
        source.process.wait_line("the broker says why: by hand!")
        source.process.wait_line("an administrator ended the connection")
        source.quit()


def test_refused_subscription():
    """a SUBACK that refuses is an error with its reason; QoS 0 is a warning"""
    with Peer(suback=0x97) as peer:
        source = Source(peer, up=False)
        line = source.process.wait_line("refuses the subscription")
        tap.check("quota" in line, line)
        source.quit()
    with Peer(suback=0) as peer:
        source = Source(peer)
        source.process.wait_line("quality of service 0 only")
        source.quit()


def test_small_maximum_packet():
    """a filter that makes a larger packet than the broker takes is said; the others are asked for"""
    connack = packet(0x20, b"\0\0\5\x27\0\0\0\x20")  # 32 bytes
    with Peer(connack=connack) as peer:
        source = Source(peer, filters=("t", "z" * 100), up=False)
        source.process.wait_line("the broker takes packets of 32 bytes")
        wait_for(lambda: any(text("t") in b for _, b in peer.of(0x82)), "the other SUBSCRIBE")
        tap.check(not any(b"zzz" in b for _, b in peer.of(0x82)), "the large one was not sent")
        source.quit()


def test_noise():
    """random changes of what a broker says: each connection ends in words, none ends weir"""
    import random
    chance = random.Random(7)
    stream = (publish("t/a", "one", props=b"\x26" + text("k") + text("v") + b"\x23\0\1") + publish("", "2", props=b"\x23\0\1") +
              publish("t/b", "two", qos=1, mid=7) + b"\xd0\0" + publish("t/c", "x" * 300, qos=1, mid=258))
    with Peer() as peer:
        source = Source(peer)
        for _ in range(150):
            seen, greeted = peer.connections, len(peer.of(0x82))
            wait_for(lambda: len(peer.of(0x82)) >= 1, "a subscription")
            noise = bytearray(stream * chance.randint(1, 3))
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(len(noise))
                if chance.random() < 0.3:
                    del noise[at:at + chance.randint(1, 9)]
                else:
                    noise[at] = chance.randrange(256)
            try:
                for part in (noise[:len(noise) // 2], noise[len(noise) // 2:]):
                    peer.send(bytes(part))
                peer.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended the connection already
            wait_for(lambda: peer.connections > seen and len(peer.of(0x82)) > greeted, "another connection")
        before = len(source.messages())
        peer.send(publish("t", "after the noise"))
        wait_for(lambda: len(source.messages()) == before + 1, "a message")
        tap.equal(source.payloads()[-1], "after the noise", "its payload")
        source.quit()


def test_close_at_any_time():
    """stopping while connecting, while greeting, and while much is on its way"""
    with socket.create_server((support.HOST, 0)) as silent:
        class Nobody:
            url, v5 = f"mqtt://{support.HOST}:{silent.getsockname()[1]}", True
        Source(Nobody, up=False).quit()
        source = Source(Nobody, up=False)
        silent.accept()[0].recv(100)
        source.quit()
    with Peer() as peer:
        source = Source(peer, "--manual")
        peer.send(b"".join(publish("t", "x" * 1000, qos=1, mid=i + 1) for i in range(900)))
        wait_for(source.messages, "some messages")
        source.quit()
        tap.equal(peer.of(0x40), [], "PUBACKs of what is unsettled")


if __name__ == "__main__":
    TOOL = os.path.abspath(TOOL)
    support.main(globals(), sys.argv[2:])
