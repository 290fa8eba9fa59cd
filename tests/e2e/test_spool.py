"""ack: durable, the default: what was acknowledged is in the spool, through kills, hanging sinks and full spools.

    test_spool.py WEIR [test_NAME]...

WR_SPOOL_MESSAGES and WR_SPOOL_KILLS make test_kills longer: tests/soak/spool.
"""
import json
import os
import random
import re
import signal
import struct
import threading
import time

import support
from support import Broker, tap, wait_for
from weir import EXAMPLES, Weir, binary, dynamodb_v2, function, lambda_arn, republish, rule, s3

MESSAGES = int(os.environ.get("WR_SPOOL_MESSAGES", "10000"))
KILLS = int(os.environ.get("WR_SPOOL_KILLS", "10"))

GATE = """
import os, time
def handler(event, context):
    while event.get("hang") and not os.path.exists(os.environ["GATE"]):
        time.sleep(0.05)
    return event.get("n")
"""


class Gate:
    """A function that hangs on events with `hang` until the gate is opened."""

    def __init__(self, **settings):
        self.folder = support.temp_dir("wr-function-")
        self.file = os.path.join(self.folder, "open")
        support.write_file(self.folder + "/gate.py", GATE)
        support.write_file(self.folder + "/python_runtime.py",
                           support.read_file(os.path.join(EXAMPLES, "functions", "python_runtime.py")))
        self.settings = {"command": "/usr/bin/python3 python_runtime.py", "cwd": self.folder, "handler": "gate.handler",
                         "env": "GATE=" + self.file, "timeout": "600s", "retries": 0, **settings}

    def config(self, **more):
        return {"sinks": {"lambda": {"functions": {"gate": self.settings}}}, "drain": "300ms", **more}

    def open(self):
        support.write_file(self.file, "")

    @staticmethod
    def answered(weir):
        """{n: how often}."""
        seen = {}
        for row in weir.results("gate"):
            if row["status"] == "ok":
                seen[row["event"]["n"]] = seen.get(row["event"]["n"], 0) + 1
        return seen


def acks(broker, client):
    return len(re.findall(f"Received PUBACK from {client}", broker.log))


def spool_of(weir):
    return weir.totals()["spool"]


def wait_empty(weir, timeout=None):
    """Until nothing is in the spool and nothing under way; the totals."""
    last = {}

    def empty():
        last.update(weir.totals())
        return last["spool"]["entries"] == 0 and last["live"] == 0
    wait_for(empty, lambda: f"an empty spool: {last}", timeout, every=0.1)
    return last


def sending(broker, topic, rows, qos=1):
    thread = threading.Thread(target=broker.publish_lines, args=(topic, list(rows), qos), daemon=True)
    thread.start()
    return thread


# ---- kills

TWO = {"objects": rule("SELECT n FROM 'in/#'", s3("box", "${n}/${newuuid()}")),
       "rows": rule("SELECT n, newuuid() AS id FROM 'in/#'", dynamodb_v2("rows"))}
TABLES = {"sinks": {"dynamoDBv2": {"tables": {"rows": {"hash_key": "id"}}}}}


def in_table(weir):
    """{n: how often}, of rows with a fresh id each."""
    seen = {}
    for item in weir.items("rows"):
        n = int(item["n"]["N"])
        seen[n] = seen.get(n, 0) + 1
    return seen


def in_box(weir):
    return {int(n): count for n, count in weir.folders("box").items() if count}


def test_kills():
    """SIGKILL at random moments while messages flow through two rules: what was acknowledged has its results"""
    seed = int(os.environ.get("WR_TEST_SEED", "0")) or random.randrange(1, 1 << 30)
    chance = random.Random(seed)
    tap.note(f"WR_TEST_SEED={seed}")
    per_kill = MESSAGES // KILLS
    in_the_middle = recognised = 0
    took = 0.3  # until the messages of one kill are done; a running mean
    root = None
    with Broker(config="max_inflight_messages 500") as broker, Weir(broker, TWO, TABLES) as weir:
        root = os.path.join(weir.state_dir, "local", "s3", "box")

        def arrived():
            return len(os.listdir(root)) if os.path.isdir(root) else 0
        for kill in range(KILLS):
            first = kill * per_kill
            rows = [json.dumps({"n": n}) for n in range(first, first + per_kill)]
            if kill > 0:
                weir.start(wait=False)
                if chance.random() < 0.8:  # the others in the middle of its start
                    weir.process.wait_line("source: connected")
            began = time.monotonic()
            thread = sending(broker, f"in/{kill % 3}", rows)
            end = began + chance.uniform(0.02, took)
            while time.monotonic() < end and arrived() < first + per_kill:
                time.sleep(0.002)
            if arrived() < first + per_kill:
                in_the_middle += 1
                took = min(1.2, took * 1.1)
            else:
                took = max(0.1, 0.8 * (time.monotonic() - began))
            weir.kill()
            thread.join()  # each is acknowledged by the broker
        weir.start()
        count = per_kill * KILLS
        wait_for(lambda: arrived() == count, lambda: f"all objects: {weir.totals()}", 120, every=0.3)
        totals = wait_empty(weir, 120)
        recognised = totals["recognised"]
        box, table = in_box(weir), in_table(weir)
        for name, seen in (("objects", box), ("rows", table)):
            missing = sorted(set(range(count)) - set(seen))
            tap.check(not missing, f"{len(missing)} of {count} {name} are lost: {missing[:20]}")
            tap.equal(len(seen), count, f"{name} of messages that nobody sent")
        more = sum(box.values()) - count, sum(table.values()) - count
        tap.note(f"{count} messages, {KILLS} kills, {in_the_middle} in the middle of messages; 0 lost; delivered twice: "
                 f"{more[0]} objects, {more[1]} rows; recognised by the last process: {recognised}")
        tap.check(in_the_middle >= KILLS / 2, f"only {in_the_middle} of {KILLS} kills met messages under way")
        # A kill costs at most what was on its way to the broker as an acknowledgement, or done and not yet noted.
        tap.check(max(more) <= KILLS * 250, f"too many twice: {more}")
        weir.stop()


def test_recognised():
    """killed between the disk and the acknowledgement: the broker delivers again, and nothing is evaluated twice"""
    rules = {"slow": rule("SELECT n, hang, newuuid() AS id FROM 'slow/+'", function("gate")),
             "mixed": rule("SELECT n, aws_lambda('" + lambda_arn("gate") + "', {'hang': n = 30}) AS x FROM 'slow/+' WHERE n = 30",
                           s3("never", "x"))}
    gate = Gate()
    config = gate.config(lookups={"lambda_timeout": "30s"})
    with Broker(config="max_inflight_messages 100") as broker, Weir(broker, rules, config) as weir:
        # The look-up of one message holds the acknowledgements of its batch, and the entries of the others are on disk.
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(31)))
        def written():  # a kill leaves these; entries are counted before
            text = b"".join(x for name, x in weir.files("spool").items() if name.endswith(".seg"))
            return sum(b'{"n": %d, "hang": 1}' % n in text for n in range(31))
        wait_for(lambda: written() >= 20, "entries on disk")
        acked = acks(broker, weir.client_id)
        held = written() - acked
        tap.check(held > 0, f"entries whose acknowledgement is held: {acked} acknowledged, {spool_of(weir)}")
        weir.kill()
        weir.remove_rule("mixed")
        gate.open()
        weir.start()
        wait_for(lambda: acks(broker, weir.client_id) >= 31, "acknowledgements")
        totals = wait_empty(weir)
        tap.check(totals["recognised"] >= held, f"recognised: {totals['recognised']} of {held} that were held")
        tap.equal(gate.answered(weir), {n: 1 for n in range(31)}, "answers, each once")
        tap.note(f"{acked} acknowledged before the kill, {totals['messages']} delivered again, {totals['recognised']} recognised")


# ---- a sink that hangs

HANGING = {"slow": rule("SELECT * FROM 'slow/+'", function("gate")),
           "quick": rule("SELECT n FROM 'quick/+'", s3("quick", "${n}/${newuuid()}"))}


def test_hanging_sink():
    """a function that hangs longer than mqtt.hold_max: acknowledgements go on, the other rule too, then SIGKILL"""
    gate = Gate()
    config = gate.config(mqtt={"hold_max": "500ms", "reconnect_min": "50ms"})
    with Broker() as broker, Weir(broker, HANGING, config) as weir:
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(20)))
        wait_for(lambda: acks(broker, weir.client_id) == 20, "acknowledgements of what hangs")
        began = time.monotonic()
        for round_ in range(10):
            broker.publish_lines("quick/a", (json.dumps({"n": n}) for n in range(round_ * 50, round_ * 50 + 50)))
            wait_for(lambda: len(weir.folders("quick")) == round_ * 50 + 50, "the other rule")
            time.sleep(0.15)
        wait_for(lambda: acks(broker, weir.client_id) == 520, "all acknowledgements")
        tap.check(time.monotonic() - began > 1.5, "it hung for three times mqtt.hold_max")
        totals = weir.totals()
        tap.equal((totals["mqtt"]["holdsBroken"], totals["mqtt"]["connects"]), (0, 1), "the connection")
        tap.equal(totals["spool"]["entries"], 20, "entries of what hangs")
        tap.equal(weir.results("gate"), [], "it hangs still")
        weir.kill()
        gate.open()
        weir.start()
        found = int(re.search(r"the spool has (\d+) entries from before", weir.log)[1])
        tap.check(20 <= found < 200, f"it says what it found, with what was not yet noted as done: {found}")
        wait_empty(weir)
        tap.equal(gate.answered(weir), {n: 1 for n in range(20)}, "answers, of another process than took the messages")
        tap.equal(weir.totals()["messages"], 0, "messages that the broker sent again")
        tap.equal(weir.folders("quick"), {str(n): 1 for n in range(500)}, "results of the other rule")


def test_backlog():
    """spool.in_flight 1: a rule's messages wait in the spool, and come in their order, over a restart too"""
    rules = {"slow": rule("SELECT * FROM 'slow/+'", function("gate")),
             "order": rule("SELECT * FROM 'slow/+'", republish("out", qos=1))}
    gate = Gate()
    with Broker() as broker, Weir(broker, rules, gate.config(spool={"in_flight": 1})) as weir:
        seen = broker.subscriber("out")
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(300)))
        wait_for(lambda: acks(broker, weir.client_id) == 300, "acknowledgements")
        wait_for(lambda: len(Broker.messages(seen)) == 300, "the other rule")
        tap.equal([m["payload"]["n"] if isinstance(m["payload"], dict) else json.loads(m["payload"])["n"]
                   for m in Broker.messages(seen)], list(range(300)), "the order of the other rule")
        counters = weir.counters("slow")
        tap.equal(counters["waiting"], 299, "waiting")
        weir.kill()
        weir.start()
        tap.equal(weir.counters("slow")["waiting"], 299, "waiting after the restart")
        gate.open()
        wait_empty(weir)
        tap.equal([row["event"]["n"] for row in weir.results("gate")], list(range(300)), "answers in order, each once")


def test_sink_limits():
    """sinks.lambda.in_flight and .memory: twenty rules on a function that hangs hold no more, the others go on"""
    rules = {f"slow{i}": rule(f"SELECT * FROM 'slow/{i}'", function("gate")) for i in range(20)}
    rules["quick"] = HANGING["quick"]
    gate = Gate()
    for limits, payload in (({"in_flight": 30}, {}), ({"memory": "1M"}, {"pad": "x" * 60000})):
        config = gate.config()
        config["sinks"]["lambda"].update(limits)
        with Broker() as broker, Weir(broker, rules, config) as weir:
            for i in range(20):
                broker.publish_lines(f"slow/{i}", (json.dumps({"n": 100 * i + n, "hang": 1, **payload}) for n in range(20)))
            wait_for(lambda: acks(broker, weir.client_id) == 400, "acknowledgements of what hangs")
            broker.publish_lines("quick/a", (json.dumps({"n": n}) for n in range(300)))
            wait_for(lambda: weir.counters("quick")["delivered"] == 300, "the other rule, while the first hang")
            wait_for(lambda: weir.totals()["spool"]["entries"] == 400, "the other rule's to be done")
            # What came last may be on its way out of the memory still.
            wait_for(lambda: weir.totals()["live"] <= 49, lambda: f"{limits}: {weir.totals()['live']} in memory")
            totals = weir.totals()
            # Each rule may have one: 30 + 19, or 1 MiB of at least 60 kB and its last one + 19.
            tap.check(20 <= totals["live"] <= 49, f"{limits}: {totals['live']} in memory of {totals['spool']['entries']}")
            tap.equal(totals["spool"]["entries"], 400, "in the spool")
            gate.open()
            wait_empty(weir)
            tap.equal(gate.answered(weir), {100 * i + n: 1 for i in range(20) for n in range(20)}, "answers")
        os.unlink(gate.file)


def test_queue_full_fails():
    """queue_full: fail: the newest records of a function that hangs go to the error action, the others are delivered"""
    rules = {"slow": rule("SELECT * FROM 'slow/#'", function("gate"), error=s3("full", "${n}"))}
    gate = Gate()
    config = gate.config()
    config["sinks"]["lambda"].update({"in_flight": 10, "queue_full": "fail"})
    with Broker() as broker, Weir(broker, rules, config) as weir:
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(10)))
        wait_for(lambda: acks(broker, weir.client_id) == 10, "acknowledgements of what hangs")
        wait_for(lambda: weir.totals()["live"] == 10, "ten under way")
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(10, 30)))
        wait_for(lambda: len(weir.objects("full")) == 20, "error documents of the others")
        said = json.loads(weir.objects("full")["29"])["failures"][0]
        tap.check("SinkQueueFull: 10 records of lambda are under way" in said["errorMessage"], f"{said}")
        gate.open()
        wait_empty(weir)
        tap.equal(gate.answered(weir), {n: 1 for n in range(10)}, "answers")
        counters = weir.counters("slow")
        tap.equal((counters["delivered"], counters["handled"], counters["dead"]), (10, 20, 0), "what became of them")


def test_outage():
    """a destination away for a while costs nothing that its budget covers: nothing fails, nothing is lost, and it is seen"""
    rules = {"away": rule("SELECT n FROM 'in/#'", s3("away", "${n}"), error=s3("failed", "${n}")),
             "here": rule("SELECT n FROM 'in/#'", s3("here", "${n}"))}
    # Many attempts: while few have come, on a slow disk, the first could use up three before the circuit opens.
    with Broker() as broker, Weir(broker, rules, {"sinks": {"s3": {"retry": {"cap": "200ms", "attempts": 100}}}}) as weir:
        folder = os.path.join(weir.state_dir, "local", "s3")
        os.makedirs(folder, exist_ok=True)
        support.write_file(os.path.join(folder, "away"), "a file, so that there is no such folder")
        broker.publish_lines("in/a", (json.dumps({"n": n}) for n in range(200)))
        wait_for(lambda: len(weir.objects("here")) == 200, "the other rule")
        circuit = wait_for(lambda: next((c for c in weir.fresh_status()["circuits"] if c["state"] != "closed" and c["waiting"] >= 190), None),
                           lambda: f"an open circuit, behind which they wait: {weir.fresh_status()['circuits']}")
        tap.equal((circuit["kind"], circuit["resource"], circuit["opened"]), ("s3", "away", 1), "the circuit")
        tap.check(circuit["waiting"] >= 190 and circuit["failures"] >= 10 and circuit["why"], str(circuit))
        tries = circuit["failures"]
        support.stays(lambda: weir.fresh_status()["circuits"][0]["failures"] - tries < 60, "one at a time is tried", 1.5, every=0.3)
        os.unlink(os.path.join(folder, "away"))
        wait_for(lambda: len(weir.objects("away")) == 200, lambda: f"all objects; {weir.fresh_status()['circuits']}")
        wait_empty(weir)
        tap.equal(weir.objects("failed"), {}, "failed")
        status = weir.fresh_status()
        tap.equal([c["state"] for c in status["circuits"]], ["closed"], "the circuit")
        tap.equal(status["circuitsOpen"], 0, "circuitsOpen")
        tap.check("records for it wait" in weir.log and "answers again" in weir.log, "it says so")


# ---- stopping

def test_sigterm():
    """SIGTERM with a slow sink leaves the rest in the spool; the next start delivers it, and only it"""
    gate = Gate()
    with Broker() as broker, Weir(broker, HANGING, gate.config()) as weir:
        broker.publish_lines("quick/a", (json.dumps({"n": n}) for n in range(200)))
        broker.publish_lines("slow/a", (json.dumps({"n": n}) for n in range(30)))
        wait_for(lambda: len(gate.answered(weir)) == 30, "answers")
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(30, 60)))
        wait_for(lambda: acks(broker, weir.client_id) == 260, "acknowledgements")
        weir.stop()
        tap.check("the spool keeps them" in weir.log, "it says what it left")
        tap.check("stopped" in weir.process.err_lines[-1], weir.process.err_lines[-1])
        last = [json.loads(x["counters"]) for x in weir.said() if x.get("rule") == "slow"][-1]
        did = last["slow"]["actions"]["lambda"]
        tap.equal((did["success"], did["failure"]), (30, 0), f"what it gave up has not failed: {last}")
        gate.open()
        weir.start()
        wait_empty(weir)
        tap.equal(gate.answered(weir), {n: 1 for n in range(60)}, "answers")
        tap.equal(weir.folders("quick"), {str(n): 1 for n in range(200)}, "results of the other rule")
        tap.equal(weir.totals()["messages"], 0, "messages that the broker sent again")


def test_second_sigterm():
    """a second SIGTERM ends at once, and nothing is lost"""
    gate = Gate()
    with Broker() as broker, Weir(broker, HANGING, gate.config(drain="60s")) as weir:
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(10)))
        wait_for(lambda: acks(broker, weir.client_id) == 10, "acknowledgements")
        thread = sending(broker, "quick/a", [json.dumps({"n": n}) for n in range(600)])
        wait_for(lambda: weir.folders("quick"), "the first of them")
        weir.process.signal(signal.SIGTERM)
        weir.process.wait_line("stopping:")
        began = time.monotonic()
        weir.process.signal(signal.SIGTERM)
        tap.equal(weir.process.wait(), 1, "exit status")
        tap.check(time.monotonic() - began < 40, "it did not drain")
        tap.check("second signal" in weir.log, "it says so")
        thread.join()
        gate.open()
        weir.start()
        wait_for(lambda: len(weir.folders("quick")) == 600, "results of the other rule")
        wait_empty(weir)
        tap.equal(gate.answered(weir), {n: 1 for n in range(10)}, "answers")
        tap.note(f"{sum(weir.folders('quick').values()) - 600} of 600 evaluated twice")

# ---- the spool's limit

def test_full():
    """the spool at its limit: weir reads no more (libmosquitto: leaves the broker on purpose) until there is room, loses nothing"""
    count = 100
    gate = Gate()
    config = gate.config(spool={"max": "64M"}, mqtt={"hold_max": "500ms", "reconnect_min": "50ms"})
    rules = {"slow": rule("SELECT n, hang FROM 'slow/+'", function("gate"))}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        rows = [json.dumps({"n": n, "hang": 1, "x": "x" * 1000000}) for n in range(count)]
        thread = sending(broker, "slow/a", rows)
        weir.process.wait_line("nothing more is taken from the broker until there is room")
        if not support.is_native():
            # A slow disk makes it leave before that too: then it comes back only if what it waited for had room.
            weir.process.wait_line("after 500 ms (mqtt.hold_max)")

            def gone():
                before = weir.totals()["mqtt"]
                time.sleep(1.5)  # longer than it is away when there is room, and than it stays when there is none
                after = weir.totals()["mqtt"]
                return not before["connected"] and not after["connected"] and before["holdsBroken"] == after["holdsBroken"]

            wait_for(gone, lambda: f"weir to have left the broker; {weir.totals()['mqtt']}", 90)
        thread.join()
        full = weir.totals()
        tap.check(full["spool"]["full"], f"it is full: {full['spool']}")
        tap.check(full["spool"]["bytes"] <= 64 << 20, f"no more than spool.max: {full['spool']}")
        received = full["mqtt"]["received"]
        support.stays(lambda: weir.totals()["mqtt"]["connected"] == support.is_native() and
                      weir.totals()["mqtt"]["received"] == received, "nothing more is read while there is no room", every=0.1)
        tap.check(acks(broker, weir.client_id) <= 66, "it acknowledged no more than what is in the spool")
        weir.kill()
        tap.equal(weir.results("gate"), [], "nothing was delivered")
        weir.start(wait=False)  # full from its start on
        weir.process.wait_line("started: pid")
        gate.open()
        wait_for(lambda: len(gate.answered(weir)) == count, lambda: f"all answers; {weir.totals()}", 90, every=0.3)
        totals = wait_empty(weir)
        tap.check(not totals["spool"]["full"] and totals["mqtt"]["connected"], f"it is back: {totals}")
        tap.note(f"{count} messages, {sum(gate.answered(weir).values()) - count} evaluated twice")
        tap.check("exceeded timeout" not in broker.log, "no client fell silent")


# ---- damage

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def segments(weir):
    folder = os.path.join(weir.state_dir, "spool")
    return sorted(os.path.join(folder, x) for x in os.listdir(folder) if x.endswith(".seg"))


def test_damage():
    """bits flip in a segment: said, kept in damaged/, and the others are delivered"""
    gate = Gate()
    with Broker() as broker, Weir(broker, HANGING, gate.config()) as weir:
        for n in range(6):  # a group each
            broker.publish("slow/a", json.dumps({"n": n, "hang": 1, "mark": f"mark-{n}"}))
            wait_for(lambda: acks(broker, weir.client_id) == n + 1, "the acknowledgement")
        weir.kill()
        gate.open()
        segment, = segments(weir)
        with open(segment, "r+b") as f:
            data = f.read()
            for n in (1, 4):
                at = data.index(b"mark-%d" % n)
                f.seek(at)
                f.write(bytes([data[at] ^ 0x10]))
        weir.start()
        wait_empty(weir)
        tap.equal(gate.answered(weir), {n: 1 for n in (0, 2, 3, 5)}, "answers")
        folder = os.path.join(weir.state_dir, "spool", "damaged")
        kept = [open(os.path.join(folder, x), "rb").read() for x in sorted(os.listdir(folder))]
        tap.equal([b"}ark-1" in x or b"ark-1" in x for x in kept], [True, False], "the first damaged batch")
        tap.equal(len(kept), 2, "files in damaged/")
        tap.check(b"ark-4" in kept[1], "the second damaged batch")
        said = [x for x in weir.log.splitlines() if "are damaged, and the entries in them lost" in x]
        tap.check(len(said) == 2 and all("set aside as damaged/" in x for x in said), f"it says so: {said}")
        tap.equal(weir.totals()["spool"]["damagedBatches"], 2, "damagedBatches")
        broker.publish("slow/a", '{"n": 99}')
        wait_for(lambda: 99 in gate.answered(weir), "it goes on")


def test_newer_format():
    """a segment of a newer format: weir does not start, names it, and leaves everything as it is"""
    gate = Gate()
    with Broker() as broker, Weir(broker, HANGING, gate.config()) as weir:
        broker.publish("slow/a", '{"n": 1, "hang": 1}')
        wait_for(lambda: acks(broker, weir.client_id) == 1, "the acknowledgement")
        weir.kill()
        segment, = segments(weir)
        with open(segment, "r+b") as f:
            before = f.read()
            header = before[:8] + struct.pack("<I", 7) + before[12:60]
            f.seek(0)
            f.write(header + struct.pack("<I", crc32c(header)))
        weir.start(wait=False)
        tap.equal(weir.process.wait(), 2, "exit status")
        tap.check(segment in weir.log and "in format 7, this weir reads up to 1" in weir.log, weir.log[-1000:])
        tap.equal(segments(weir), [segment], "segments")
        with open(segment, "r+b") as f:
            f.write(before[:64])
        gate.open()
        weir.start()
        wait_empty(weir)
        tap.equal(gate.answered(weir), {1: 1}, "the answer, when the format is ours again")


def test_sync_fails():
    """the disk fails a sync: weir ends at once with a clear error, acknowledges nothing more, and goes on at the next start"""
    library = os.environ.get("WR_BREAK_SYNC")
    if not library or not os.path.exists(library):
        raise support.Skip("no library that breaks fdatasync() (WR_BREAK_SYNC)")
    broken = os.path.join(support.temp_dir("wr-sync-"), "broken")
    rules = {"box": rule("SELECT n FROM 'in/#'", s3("box", "${n}/${newuuid()}"))}
    with Broker() as broker, Weir(broker, rules, env={"LD_PRELOAD": library, "BREAK_SYNC": broken}) as weir:
        broker.publish_lines("in/a", (json.dumps({"n": n}) for n in range(20)))
        wait_for(lambda: len(weir.folders("box")) == 20 and acks(broker, weir.client_id) == 20, "the first")
        support.write_file(broken, "")
        broker.publish_lines("in/a", (json.dumps({"n": n}) for n in range(20, 40)))
        tap.equal(weir.process.wait(), 1, "exit status")
        tap.check("syncing failed: Input/output error" in weir.log and "weir ends at once" in weir.log, weir.log[-1500:])
        tap.equal(acks(broker, weir.client_id), 20, "acknowledgements")
        tap.equal(len(weir.folders("box")), 20, "nothing that is not safe was delivered")
        weir.start(wait=False)  # still broken
        tap.check(weir.process.wait() != 0, "it does not start on a broken disk that it has to trust")
        os.unlink(broken)
        weir.start()
        wait_for(lambda: len(weir.folders("box")) == 40, lambda: f"all objects; {weir.totals()}")
        totals = wait_empty(weir)
        tap.equal(totals["recognised"], 0, "what may never have reached the disk is evaluated again")


# ---- what changes between two starts

def test_rules_change():
    """rules are removed and renamed between two starts: what was kept for them is delivered as it was kept"""
    rules = {**HANGING, "fail": rule("SELECT * FROM 'slow/+' WHERE n < 3", function("gate"), s3("${nosuch}", "k"),
                                     error=s3("failed", "${n}"))}
    gate = Gate()
    with Broker() as broker, Weir(broker, rules, gate.config(spool={"in_flight": 2})) as weir:
        broker.publish_lines("slow/a", (json.dumps({"n": n, "hang": 1}) for n in range(10)))
        wait_for(lambda: acks(broker, weir.client_id) == 10, "acknowledgements")
        weir.kill()
        weir.remove_rule("slow")
        weir.remove_rule("fail")
        weir.write_rule("renamed", rule("SELECT n FROM 'slow/+'", s3("renamed", "${n}")))
        gate.open()
        weir.start()
        wait_empty(weir)
        tap.equal(gate.answered(weir), {n: 2 if n < 3 else 1 for n in range(10)}, "answers, of both rules")
        tap.equal(weir.objects("renamed"), {}, "what was kept is not evaluated again")
        tap.equal(weir.objects("failed"), {}, "the error action went with its rule")
        tap.equal(weir.totals()["deadLetters"]["entries"], 3, "dead letters instead")
        tap.equal(weir.counters("fail")["dead"], 3, "counted for the rule")
        broker.publish("slow/a", '{"n": 11}')
        wait_for(lambda: weir.objects("renamed") == {"11": b'{"n":11}'}, "the new rule")


def test_shapes():
    """no payload, raw bytes, more than a segment, QoS 0, Basic Ingest: through the spool and a SIGKILL unchanged"""
    rules = {"mixed": rule("SELECT * FROM 'x/#'", s3("box", "${topic(2)}")),
             "own": rule("SELECT *, topic(2) AS t FROM 'x/#' WHERE big = 1", s3("own", "${topic(2)}"),
                         {"null": {"name": "gate"}})}
    config = {"spool": {"segment": "1M", "in_flight": 1, "max": "64M"}, "payload_max": "8M", "drain": "300ms",
              "sinks": {"null": {"verdict": "retry"}}, "retry": {"attempts": 1000, "base": "1h", "cap": "1h", "budget": "1d"}}
    big = json.dumps({"big": 1, "text": "y" * 2500000}, separators=(",", ":"))
    payloads = {"none": b"", "raw": b"\x00\xff\xfe{" + os.urandom(3000000), "big": big.encode(), "small": b"{}"}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        for _ in range(2):  # the second one waits behind the first
            broker.publish("x/big", big)
        for name, payload in payloads.items():
            broker.publish("x/" + name, payload)
        broker.publish("x/qos0", "[1]", qos=0)
        broker.publish("$aws/rules/own/x/basic", big)
        broker.publish("$aws/rules/mixed/x/ingest", "true")
        wait_for(lambda: weir.totals()["messages"] == 9 and acks(broker, weir.client_id) == 8, "acknowledgements")
        tap.equal(weir.counters("own")["waiting"], 3, "waiting")
        tap.check(len(segments(weir)) >= 3, f"segments: {segments(weir)}")
        weir.kill()
        weir.configure({**config, "sinks": {}})
        weir.start()
        wait_empty(weir)
        tap.equal(weir.objects("box"), {**payloads, "qos0": b"[1]", "ingest": b"true"}, "objects")
        own = weir.objects("own")
        tap.equal(sorted(own), ["basic", "big"], "objects of the other rule")
        tap.equal(own["basic"], big[:-1].encode() + b',"t":"basic"}', "the result of Basic Ingest")
        tap.equal(weir.counters("own")["actions"]["null"]["success"], 4, "deliveries")
        tap.equal(weir.totals()["deadLetters"]["entries"], 0, "dead letters")


def test_larger_than_memory():
    """payloads larger than message_memory come back from the spool as they went into it"""
    rules = {"raw": rule("SELECT * FROM 'x/#'", s3("box", "${topic(2)}"), {"null": {"name": "gate"}})}
    config = {"message_memory": "1M", "payload_max": "8M", "drain": "300ms", "sinks": {"null": {"verdict": "retry"}},
              "retry": {"attempts": 1000, "base": "1h", "cap": "1h", "budget": "1d"}}
    payloads = {str(n): b"\x00" + os.urandom(3000000) for n in range(3)}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        for name, payload in payloads.items():
            broker.publish("x/" + name, payload)
        wait_for(lambda: acks(broker, weir.client_id) == 3, "acknowledgements")
        weir.kill()
        weir.configure({**config, "sinks": {}})
        weir.start()
        wait_empty(weir)
        tap.equal(weir.objects("box"), payloads, "objects")
        tap.equal(weir.counters("raw")["actions"]["null"]["success"], 3, "deliveries")


def test_broker_restart():
    """the broker restarts: nothing is lost, few are handled twice"""
    config = {**TABLES, "mqtt": {"receive_maximum": 500}}
    with Broker() as broker, Weir(broker, TWO, config) as weir:
        broker.publish_lines("in/a", (json.dumps({"n": n}) for n in range(1000)))
        broker.restart()  # weir has some of them
        broker.publish_lines("in/b", (json.dumps({"n": n}) for n in range(1000, 2000)))
        wait_for(lambda: len(in_box(weir)) == 2000, lambda: f"all objects; {weir.totals()}", 90, every=0.3)
        totals = wait_empty(weir, 90)
        tap.equal(sorted(in_table(weir)), list(range(2000)), "rows")
        more = sum(in_box(weir).values()) - 2000
        tap.note(f"2000 messages, {more} evaluated twice, {totals['mqtt']['duplicatesDropped']} recognised")
        tap.check(more <= 500, "at most those that were on their way")


def test_function_over_a_broker_restart():
    """a function's process has none of weir's descriptors, and so cannot keep a lost connection open: one new connection"""
    folder = support.temp_dir("wr-function-")
    support.write_file(folder + "/pid.py", "import os\n\n\ndef handler(event, context):\n    return os.getpid()\n")
    support.write_file(folder + "/python_runtime.py",
                       support.read_file(os.path.join(EXAMPLES, "functions", "python_runtime.py")))
    pid = {"command": "/usr/bin/python3 python_runtime.py", "cwd": folder, "handler": "pid.handler"}
    rules = {"f": rule("SELECT n FROM 'in/f'", function("pid")), "box": rule("SELECT n FROM 'in/+'", s3("box", "${n}/${newuuid()}"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"lambda": {"functions": {"pid": pid}}}}) as weir:
        def of(process):
            return {os.readlink(f"/proc/{process}/fd/{x}") for x in os.listdir(f"/proc/{process}/fd")}
        broker.publish("in/f", '{"n": 0}')
        child = wait_for(lambda: weir.results("pid"), "an answer")[0]["result"]
        shared = {x for x in of(weir.process.pid) & of(child) if not x.startswith("/dev/")}
        tap.check(not any(x.startswith("socket:") for x in of(weir.process.pid) & of(child)), f"sockets of both: {shared}")
        broker.restart()
        broker.publish_lines("in/a", (json.dumps({"n": n}) for n in range(1, 500)))
        wait_for(lambda: len(weir.folders("box")) == 500, "all objects")
        support.stays(lambda: weir.totals()["mqtt"]["connects"] == 2, "one new connection", 2, every=0.2)
        tap.equal(set(weir.folders("box").values()), {1}, "each evaluated once")


def test_clock():
    """the clock jumps an hour back and two forward: nothing is stuck, nothing is lost"""
    library = next((x for x in ("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
                                "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1") if os.path.exists(x)), None)
    if not library:
        raise support.Skip("libfaketime is not installed")
    gate = Gate(env="")
    stamp = os.path.join(support.temp_dir("wr-clock-"), "offset")
    support.write_file(stamp, "+0\n")
    env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": stamp, "FAKETIME_NO_CACHE": "1",
           "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    rules = {"stamp": rule("SELECT n, timestamp() AS ts FROM 'in/#'", s3("box", "${n}")),
             "retry": rule("SELECT n FROM 'in/#'", {"null": {"name": "x"}}, error=s3("failed", "${n}"))}
    config = {"sinks": {"null": {"verdict": "retry"}}, "retry": {"attempts": 3, "base": "100ms", "budget": "2s"}}
    with Broker() as broker, Weir(broker, rules, config, env=env) as weir:
        times = []
        for round_, offset in enumerate(("+0", "-3600", "+3600")):
            os.rename(support.write_file(stamp + ".new", offset + "\n"), stamp)
            broker.publish_lines("in/a", (json.dumps({"n": round_ * 50 + n}) for n in range(50)))
            wait_for(lambda: len(weir.objects("box")) == round_ * 50 + 50, "objects")
            wait_for(lambda: len(weir.objects("failed")) == round_ * 50 + 50, "retries end, and error actions")
            times.append(json.loads(weir.objects("box")[str(round_ * 50)])["ts"] / 1000 - time.time())
        tap.check(abs(times[0]) < 60 and abs(times[1] + 3600) < 60 and abs(times[2] - 3600) < 60, f"it jumped: {times}")
        weir.kill()
        os.rename(support.write_file(stamp + ".new", "-3600\n"), stamp)
        weir.start()
        wait_empty(weir)
        broker.publish("in/a", '{"n": 500}')
        wait_for(lambda: "500" in weir.objects("failed"), "it goes on")


if __name__ == "__main__":
    binary()
    support.main(globals())
