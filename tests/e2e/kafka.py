"""Kafka for tests: librdkafka's mock cluster in a process of its own (support/kafka_mock.c), and kcat as a
client that is not weir. Volumes stay under 80,000 x 200 bytes a partition: older messages are cut off.

    import kafka
    with kafka.Cluster() as cluster:
        cluster.produce("readings", ['{"n": 1}'], key="a", headers={"h": "v"})
        cluster.read("readings", 1)   # [Message(partition, offset, key, headers, value)]
"""
import collections
import os
import shutil
import subprocess
import sys

import support
from support import Failed, Process, Skip, wait_for

Message = collections.namedtuple("Message", "partition offset key headers value")

PRODUCE, FETCH, OFFSET_COMMIT = 0, 1, 8  # kinds of request, for fail()
FORMAT = "%p\t%o\t%k\t%h\t%s\n"


def mock_binary():
    given = [a for a in sys.argv[1:] if os.path.basename(a) == "kafka_mock"]
    if not given or not os.access(given[0], os.X_OK):
        sys.exit(f"usage: {sys.argv[0]} BUILD/weir BUILD/tests/e2e/kafka_mock [test_NAME]...")
    return given[0]


def kcat(args, data=None, timeout=None):
    if not shutil.which("kcat"):
        raise Skip("kcat is not installed")
    done = subprocess.run(["kcat", *[str(a) for a in args]], input=data, capture_output=True,
                          timeout=timeout or support.TIMEOUT, check=False)
    if done.returncode != 0:
        raise Failed("kcat: " + done.stderr.decode(errors="replace")[-500:])
    return done.stdout.decode(errors="replace")


class Cluster:
    """A mock cluster on loopback; `bootstrap` is its address."""

    def __init__(self, brokers=1, topics=()):
        self.process = Process([mock_binary(), str(brokers)], name="kafka_mock", stdin=True)
        self.bootstrap = wait_for(lambda: self.process.lines and self.process.lines[0], "the cluster")
        for name, partitions in topics:
            self.do("topic", name, partitions)

    def do(self, *words):
        before = len(self.process.lines)
        self.process.say(" ".join(str(w) for w in words))
        answer = wait_for(lambda: self.process.lines[before:], f"the cluster to {words}")[0]
        support.tap.equal(answer, "ok", f"the cluster's answer to {words}")

    def down(self, broker=1):
        self.do("down", broker)

    def up(self, broker=1):
        self.do("up", broker)

    def fail(self, request, code, count=1):
        """The next `count` requests of a kind are answered with an error code of Kafka's."""
        self.do("error", request, code, count)

    def produce(self, topic, values, key=None, partition=None, headers=None):
        """Texts without line feeds, in order."""
        args = ["-b", self.bootstrap, "-P", "-t", topic, "-X", "acks=all", "-X", "topic.partitioner=murmur2_random"]
        args += [] if key is None else ["-k", key]
        args += [] if partition is None else ["-p", partition]
        for name, value in (headers or {}).items():
            args += ["-H", f"{name}={value}"]
        kcat(args, "".join(v + "\n" for v in values).encode())

    def read(self, topic, count=None, timeout=None):
        """Messages from the beginning: the first `count`, or all until the ends of the partitions."""
        args = ["-b", self.bootstrap, "-C", "-t", topic, "-o", "beginning", "-q", "-e", "-f", FORMAT,
                "-X", "fetch.wait.max.ms=50"]
        args += ["-c", count] if count else []
        rows = [line.split("\t") for line in kcat(args, timeout=timeout).splitlines()]
        return [Message(int(p), int(o), k, h, v) for p, o, k, h, v in rows]

    def stop(self):
        self.process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Proxy:
    """TLS and SASL in front of a cluster of one broker (support/kafka_proxy.py); `lines`: who came."""

    def __init__(self, cluster, *options):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "kafka_proxy.py")
        self.process = Process(["/usr/bin/python3", script, cluster.bootstrap.rsplit(":", 1)[1], *options],
                               name="kafka_proxy")
        wait_for(lambda: self.process.lines, "the proxy's port")
        self.bootstrap = f"127.0.0.1:{self.process.lines[0]}"

    @property
    def lines(self):
        return self.process.lines[1:]
