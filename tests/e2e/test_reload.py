"""Rules that change while weir runs: by the folder and by SIGHUP, with messages on the way.

    test_reload.py WEIR [test_NAME]...
"""
import json
import os
import signal
import threading
import time

import support
from support import Broker, Process, tap, wait_for
from weir import Weir, binary, republish, rule, s3


class Stream:
    """Messages {"n": 0}, {"n": 1}, … at QoS 1 on one topic, some hundred a second, until stop()."""

    def __init__(self, broker, topic):
        self.count = 0
        self._stop = threading.Event()
        self._process = Process(["mosquitto_pub", "-h", support.HOST, "-p", broker.port, "-t", topic, "-q", "1",
                                 "-l", "-V", "5"], stdin=True)
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self):
        while not self._stop.is_set():
            for _ in range(5):
                self._process.say(json.dumps({"n": self.count}))
                self.count += 1
            time.sleep(0.01)

    @staticmethod
    def reach(weir, messages=30):
        """Until so many more have arrived."""
        goal = weir.totals()["messages"] + messages
        wait_for(lambda: weir.totals()["messages"] >= goal, "the stream to go on")

    def stop(self):
        """All are with the broker; how many."""
        self._stop.set()
        self._thread.join()
        self._process.popen.stdin.close()
        tap.equal(self._process.wait(), 0, "mosquitto_pub")
        return self.count


def numbers(objects, folder):
    return sorted(int(k.rsplit("/", 1)[1]) for k in objects if k.startswith(folder + "/"))


def change_while_streaming(reload, config):
    """Versions of one rule, and a second rule that comes and goes."""
    def version(n):
        return rule("SELECT n FROM 's/#'", s3("box", f"v{n}/" + "${n}"))

    with Broker() as broker, Weir(broker, {"main": version(0)}, config) as weir:
        stream = Stream(broker, "s/t")
        versions = 6
        for n in range(1, versions):
            stream.reach(weir)
            weir.write_rule("main", version(n))
            reload(weir)
            weir.wait_rules(1, reloads=n)
        stream.reach(weir)
        weir.write_rule("extra", rule("SELECT n FROM 's/+'", s3("box", "extra/${n}")))
        reload(weir)
        weir.wait_rules(2, reloads=versions)
        stream.reach(weir)
        weir.remove_rule("extra")
        reload(weir)
        weir.wait_rules(1, reloads=versions + 1)
        stream.reach(weir)
        count = stream.stop()
        weir.wait_settled(count)
        objects = weir.objects("box")
        parts = [numbers(objects, f"v{n}") for n in range(versions)]
        tap.check(all(parts), f"every version had messages: {[len(p) for p in parts]}")
        tap.equal([n for p in parts for n in p], list(range(count)),
                  "every message by one version, and never by an older one than its predecessor")
        extra = numbers(objects, "extra")
        tap.equal(extra, list(range(extra[0], extra[-1] + 1)), "the second rule from its coming to its going")
        tap.check(0 < extra[0] and extra[-1] < count - 1, f"a part of them: {extra[0]}..{extra[-1]} of {count}")
        rows = weir.fresh_status()["rules"]
        tap.equal(rows["main"]["actions"]["s3"]["success"], count, "once each, by the counters")
        tap.equal(rows["extra"]["actions"]["s3"]["success"], len(extra), "once each by the second rule")


def test_folder():
    """the folder changes under QoS 1 messages: each is handled once, by the old or the new rule"""
    change_while_streaming(lambda weir: None, {})


def test_sighup():
    """the same with SIGHUP and no watching"""
    change_while_streaming(lambda weir: weir.reload(), {"rules": {"dir": "rules", "watch": False}})


def test_no_watch():
    """rules.watch: false: changes wait for SIGHUP"""
    with Broker() as broker, Weir(broker, {"a": rule("SELECT * FROM 'a'", s3("box", "old"))},
                                  {"rules": {"dir": "rules", "watch": False}}) as weir:
        weir.write_rule("a", rule("SELECT * FROM 'a'", s3("box", "new")))
        time.sleep(0.5)
        broker.publish("a", "1")
        weir.wait_settled(1)
        tap.equal(list(weir.objects("box")), ["old"], "before SIGHUP")
        weir.reload()
        weir.wait_rules(1, reloads=1)
        broker.publish("a", "1")
        weir.wait_settled(2)
        tap.equal(sorted(weir.objects("box")), ["new", "old"], "after SIGHUP")


def test_filters():
    """subscriptions follow the rules: added, kept while somebody wants them, given up"""
    with Broker() as broker, Weir(broker, {"a": rule("SELECT * FROM 'a/#'", s3("box", "a/${topic(2)}"))}) as weir:
        weir.write_rule("b", rule("SELECT * FROM 'b/#'", s3("box", "b/${topic(2)}")))
        weir.write_rule("b2", rule("SELECT * FROM 'b/#'", s3("box", "b2/${topic(2)}")))
        weir.wait_filter("b/#")
        broker.publish("b/1", "{}")
        weir.wait_settled(1)
        weir.remove_rule("b")
        weir.wait_rules(2)
        broker.publish("b/2", "{}")
        weir.wait_settled(2)
        tap.equal(sorted(weir.objects("box")), ["b/1", "b2/1", "b2/2"], "the other rule keeps the subscription")
        weir.remove_rule("b2")
        broker.process.wait_line(f"Received UNSUBSCRIBE from {weir.client_id}")
        broker.publish("b/3", "{}")
        broker.publish("a/3", "{}")
        totals = weir.wait_settled(3)
        tap.equal((totals["messages"], totals["noRule"]), (3, 0), "messages")
        tap.equal(sorted(weir.objects("box")), ["a/3", "b/1", "b2/1", "b2/2"], "objects")


def test_while_away():
    """rules changed while weir was away: subscriptions nobody wants are given up at the start"""
    with Broker() as broker, Weir(broker, {"a": rule("SELECT * FROM 'a'", s3("box", "a")),
                                           "b": rule("SELECT * FROM 'b'", s3("box", "b"))}) as weir:
        weir.stop()
        weir.remove_rule("b")
        weir.write_rule("c", rule("SELECT * FROM 'c'", s3("box", "c")))
        broker.publish("a", "{}")  # kept by the session
        weir.start()
        weir.wait_settled(1)
        broker.publish("c", "{}")
        weir.wait_settled(2)
        tap.equal(sorted(weir.objects("box")), ["a", "c"], "objects")
        broker.process.wait_line(f"Received UNSUBSCRIBE from {weir.client_id}")


BAD = {  # name: (the document, what the report must hold)
    "syntax": ('{\n  "sql": "SELECT * FROM \'a\'",\n  "actions": [,]\n}\n', ["syntax.json:3:15:", "','"]),
    "sql": (json.dumps(rule("SELECT *\nFROM 'a'\nWHERE temp >", s3("box", "k"))), ["sql.json:", "sql:3:13:", "expected a value"]),
    "template": (json.dumps(rule("SELECT * FROM 'a'", s3("box", "k${"))), ["template.json:", "actions[0].s3.key"]),
    "action": (json.dumps(rule("SELECT * FROM 'a'", {"s4": {}})), ["action.json:", "actions[0]", "s4"]),
    "member": (json.dumps(rule("SELECT * FROM 'a'", {"s3": {"roleArn": "arn:aws:iam::123456789012:role/r",
                                                            "bucket": "b", "key": "k"}})),
               ["member.json:", "actions[0].s3", "bucketName"]),
    "twelve": (json.dumps(rule("SELECT * FROM 'a'", *[s3("box", f"k{n}") for n in range(11)])),
               ["twelve.json:", "actions", "10"]),
    "version": (json.dumps(rule("SELECT * FROM 'a'", s3("box", "k"), version="2020-01-01")),
                ["version.json:", "awsIotSqlVersion", "2020-01-01"]),
    "lookup": (json.dumps(rule("SELECT get_registry_data(api, 't', 'r') AS s FROM 'a'", s3("box", "k"))),
               ["lookup.json:", "get_registry_data", "DescribeThing"]),
    "bad-name": (json.dumps(rule("SELECT * FROM 'a'", s3("box", "k"))), ["bad-name.json:", "bad-name"]),
}


def test_check():
    """weir run --check: every refused document with file, place and reason; the status"""
    weir = Weir(None, {"good": rule("SELECT * FROM 'a'", s3("box", "k"))}, start=False)
    code, out, err = weir.run("run", "--check")
    tap.equal((code, err), (0, ""), "all is well")
    tap.check("rules accepted: 1, documents refused: 0" in out, out)
    for name, (document, _) in BAD.items():
        weir.write_rule(name, document)
    code, out, err = weir.run("run", "--check")
    tap.equal((code, err), (1, ""), "documents are refused")
    tap.check(f"rules accepted: 1, documents refused: {len(BAD)}" in out, out)
    for name, (_, texts) in BAD.items():
        line = next((x for x in out.splitlines() if f"/{name}.json:" in x), "")
        tap.check(line.startswith("error: ") and all(t in line for t in texts), f"{texts} in {line!r} of:\n{out}")
    os.rename(weir.rules_dir, weir.rules_dir + ".gone")
    code, out, err = weir.run("run", "--check")
    tap.check(code == 2 and "cannot be opened" in err, f"no folder: {code} {err}")


def test_loop_warning():
    """weir run --check warns of rules that feed themselves, and accepts them"""
    weir = Weir(None, {"one": rule("SELECT * FROM 'a/#'", republish("b/${topic(2)}")),
                       "two": rule("SELECT * FROM 'b/+'", republish("a/x/${topic(2)}"))}, start=False)
    code, out, _ = weir.run("run", "--check")
    tap.equal(code, 0, "exit status")
    tap.check(any(x.startswith("warning: ") and "one" in x and "two" in x for x in out.splitlines()), out)


def test_invalid_keeps_previous():
    """an invalid document leaves its previous version running, also while it stays invalid; the log says so"""
    with Broker() as broker, Weir(broker, {"a": rule("SELECT * FROM 'a'", s3("box", "v1"))}) as weir:
        weir.write_rule("a", rule("SELECT * FROM 'a' WHERE", s3("box", "v2")))
        weir.wait_rules(1, refused=1)
        line = weir.process.wait_line("a.json:")
        tap.check("level=error" in line and "sql:1:" in line and "previous version keeps running" in line, line)
        weir.reload()  # says it again
        wait_for(lambda: sum("keeps running" in x for x in weir.process.err_lines) == 2, "the second report")
        weir.write_rule("b", rule("SELECT * FROM 'a'", s3("box", "other")))
        weir.wait_rules(2, refused=1)
        broker.publish("a", "{}")
        weir.wait_settled(1)
        tap.equal(sorted(weir.objects("box")), ["other", "v1"], "the previous version")
        weir.write_rule("a", rule("SELECT * FROM 'a'", s3("box", "v3")))
        weir.wait_rules(2, refused=0)
        broker.publish("a", "{}")
        weir.wait_settled(2)
        tap.equal(sorted(weir.objects("box")), ["other", "v1", "v3"], "the next version")
        weir.write_rule("a", "{")
        weir.wait_rules(2, refused=1)
        weir.remove_rule("a")  # with the file goes the rule
        weir.wait_rules(1, refused=0)


def test_invalid_at_start():
    """a document that is invalid at the start: the others run, and it joins when it is valid"""
    with Broker() as broker, Weir(broker, {"bad": "{", "good": rule("SELECT * FROM 'a'", s3("box", "good"))}) as weir:
        weir.wait_rules(1, refused=1)
        weir.write_rule("bad", rule("SELECT * FROM 'a'", s3("box", "bad")))
        weir.wait_rules(2, refused=0)
        broker.publish("a", "{}")
        weir.wait_settled(1)
        tap.equal(sorted(weir.objects("box")), ["bad", "good"], "objects")


def test_disabled():
    """a disabled rule does not run, is not subscribed for, and runs when it is enabled"""
    def version(disabled):
        return rule("SELECT n FROM 'd'", s3("box", "${n}"), ruleDisabled=disabled)

    with Broker() as broker, Weir(broker, {"d": version(True), "e": rule("SELECT * FROM 'e'", s3("box", "e"))}) as weir:
        tap.check("\td (QoS" not in broker.log, "no subscription")
        for n, disabled in enumerate((True, False, True)):
            if n:
                weir.write_rule("d", version(disabled))
                wait_for(lambda: weir.totals()["reloads"] == n, "the reload")
            if not disabled:
                weir.wait_filter("d")
            broker.publish("d", json.dumps({"n": n}))
            broker.publish("e", "{}")
        wait_for(lambda: (t := weir.totals())["messages"] >= 4 and t["live"] == 0, "the messages")
        tap.equal(sorted(weir.objects("box")), ["1", "e"], "the message of the time when it was enabled")


def test_two_files_one_name():
    """a second document with the same rule name is refused and takes over when the first goes"""
    with Broker() as broker, Weir(broker, {"first": rule("SELECT * FROM 'a'", s3("box", "first"))}) as weir:
        weir.write_rule("second", json.dumps({"ruleName": "first", "topicRulePayload":
                                              rule("SELECT * FROM 'a'", s3("box", "second"))}))
        weir.wait_rules(1, refused=1)
        tap.check(any('"first" is the rule of first.json already' in x["msg"] for x in weir.said()), "the reason")
        weir.remove_rule("first")
        weir.wait_rules(1, refused=0)
        broker.publish("a", "{}")
        weir.wait_settled(1)
        tap.equal(list(weir.objects("box")), ["second"], "objects")


def test_folder_replaced():
    """the whole folder is replaced, as deployments do it: SIGHUP reads the new one"""
    with Broker() as broker, Weir(broker, {"a": rule("SELECT * FROM 'a'", s3("box", "old"))}) as weir:
        fresh = weir.rules_dir + ".fresh"
        support.write_file(os.path.join(fresh, "a.json"), json.dumps(rule("SELECT * FROM 'a'", s3("box", "new"))))
        os.rename(weir.rules_dir, weir.rules_dir + ".old")
        os.rename(fresh, weir.rules_dir)
        weir.process.signal(signal.SIGHUP)
        weir.wait_rules(1, reloads=1)
        broker.publish("a", "{}")
        weir.wait_settled(1)
        tap.equal(list(weir.objects("box")), ["new"], "objects")


if __name__ == "__main__":
    binary()
    support.main(globals())
