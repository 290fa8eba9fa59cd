"""`weir trace`: what a rule of a running weir does with each message, over the admin socket.

    test_trace.py WEIR [test_NAME]...
"""
import json
import os
import signal
import socket
import time

import http_client
import support
from support import Broker, Process, Skip, tap, wait_for
from weir import Weir, binary, republish, rule, s3

HOT = "SELECT topic(2) AS t, temp FROM 'in/+' WHERE temp > 50 AND site = 'a'"
RULES = {"hot": rule(HOT, republish("out/${topic(2)}", qos=1)),
         "other": rule("SELECT * FROM 'in/#'", s3("all", "${newuuid()}"))}


def sock(weir):
    return os.path.join(weir.state_dir, "admin.sock")


class Trace(Process):
    """`weir trace` of a weir, under way."""

    def __init__(self, weir, *words):
        super().__init__([binary(), "trace", "-c", weir.config_file, *words], name="trace", cwd=weir.dir)

    @property
    def events(self):
        return [json.loads(x) for x in list(self.lines)]


def started(weir, trace, body):
    """Publish until the trace shows something: it is on then. What it showed."""
    def shown():
        weir.broker.publish("in/first", body)
        return len(trace.lines) > 0
    wait_for(shown, "the trace to begin", every=0.1)


def marked(weir, trace, body):
    """Publish one more and wait until a trace of all messages shows it: those before have been shown."""
    weir.broker.publish("in/mark", body)
    wait_for(lambda: any(x["topic"] == "in/mark" for x in trace.events), "the mark")


def test_outcomes():
    """matched with its result, no match with the term, failures, and what became of the records"""
    with Broker() as broker, Weir(broker, RULES) as weir:
        with Trace(weir, "--rule", "hot", "--why", "--payload", "--json") as trace:
            started(weir, trace, '{"temp": 1, "site": "a"}')
            first = trace.events[0]
            tap.equal({k: first[k] for k in first if k not in ("time", "traceId")},
                      {"topic": "in/first", "outcome": "noMatch", "reason": "false", "term": "temp > 50",
                       "payloadText": '{"temp": 1, "site": "a"}'}, "no match")
            tap.check(abs(first["time"] / 1000 - time.time()) < 60 and len(first["traceId"]) == 36, "time and id")
            marked(weir, trace, '{"temp": 1, "site": "a"}')
            start = len(trace.lines)
            for topic, body in (("in/u", '{"site":"a"}'), ("in/b", '{"temp":60,"site":"b"}'), ("in/x/y", "{}"),
                                ("in/ok", '{"temp":61,"site":"a"}')):
                broker.publish(topic, body)
            wait_for(lambda: any(x["outcome"] == "delivered" for x in trace.events), "the delivery")
            lines = trace.events[start:]
            tap.equal([(x["topic"], x["outcome"], x.get("reason"), x.get("term")) for x in lines],
                      [("in/u", "noMatch", "undefined", "temp > 50"), ("in/b", "noMatch", "false", "site = 'a'"),
                       ("in/ok", "matched", None, None), ("in/ok", "delivered", None, None)], "lines")
            tap.equal((lines[2]["result"], lines[2]["resultBytes"], lines[2]["payload"]),
                      ({"t": "ok", "temp": 61}, len('{"t":"ok","temp":61}'), {"temp": 61, "site": "a"}), "bytes")
            tap.equal((lines[3]["action"], lines[3]["attempt"], lines[3]["traceId"]),
                      ("republish", 1, lines[2]["traceId"]), "the record")
        trace.wait()
        # the end of the client ends the trace
        broker.publish("in/ok", '{"temp":61,"site":"a"}')
        wait_for(lambda: weir.counters("hot")["delivered"] == 2, "weir goes on")


def test_failures():
    """retries, refusals, the error action, dead letters, a statement that fails"""
    rules = {"bad": rule("SELECT * FROM 'in/+'", {"null": {"name": "x"}}, s3("${nosuch}", "k"),
                         error={"null": {"name": "e"}}),
             "fuel": rule("SELECT regexp_replace(x, 'a', x) AS f FROM 'in/+'", republish("out"))}
    config = {"sinks": {"null": {"verdict": "retry"}}, "message_memory": "1M", "retry": {"attempts": 2, "base": "10ms", "throttled_base": "10ms", "cap": "20ms"}}
    with Broker() as broker, Weir(broker, rules, config) as weir:
        with Trace(weir, "--rule", "bad", "--json", "--count", "1") as trace:
            started(weir, trace, "{}")
            tap.equal(trace.wait(), 0, "it ends by itself")
            got = [(x["outcome"], x.get("action"), x.get("errorAction"), x.get("attempt"), x.get("reason"))
                   for x in trace.events]
            tap.equal(got[0], ("matched", None, None, None, None), "first")
            tap.equal(sorted(got[1:4], key=str), sorted([("undelivered", "s3", None, 1, "refused"),
                                                         ("retry", "null", None, 1, None),
                                                         ("undelivered", "null", None, 2, "expired")], key=str), "actions")
            tap.equal(got[4:], [("retry", "null", True, 1, None), ("undelivered", "null", True, 2, "expired"),
                                ("dead", None, None, None, "error-expired")], "the error action")
        with Trace(weir, "--rule", "fuel", "--json", "--count", "1") as failing:
            started(weir, failing, json.dumps({"x": "a" * 3000}))
            tap.equal(failing.wait(), 0, "it ends by itself")
            tap.equal(failing.events[0]["outcome"], "failed", f"a statement, {failing.events}")
            tap.check(failing.events[0]["message"], "why")
            tap.check("Failed to put S3 object" in [x for x in trace.events if x.get("action") == "s3"][0]["message"],
                      f"why, {trace.events}")


def test_people():
    """one line a message for people; colours on a terminal only, and not with NO_COLOR"""
    with Broker() as broker, Weir(broker, RULES) as weir:
        with Trace(weir, "--rule", "hot", "--why", "--count", "1") as trace:
            started(weir, trace, '{"temp": 1, "site": "\\u001b[31m"}')
            trace.wait()
            line = trace.lines[0].rstrip("\n")
            tap.equal(line[12:], "  no match     in/first  false: temp > 50", "the line")
            tap.equal((line[2], line[5], line[8]), (":", ":", "."), "the time")
        for env, want in (({}, True), ({"NO_COLOR": "1"}, False)):
            main, other = support.terminal()
            pid = os.fork()
            if pid == 0:
                os.dup2(other, 1)
                os.environ.pop("NO_COLOR", None)
                os.environ.update(env)
                os.execv(binary(), [binary(), "trace", "-c", weir.config_file, "--rule", "hot", "--count", "1"])
            os.close(other)
            done = []
            for _ in range(600):
                broker.publish("in/a", '{"temp":61,"site":"a"}')
                if os.waitpid(pid, os.WNOHANG)[0]:
                    done.append(True)
                    break
                time.sleep(0.1)
            tap.equal(done, [True], "it ended")
            text = os.read(main, 65536).decode()
            os.close(main)
            tap.equal("\x1b[32mmatched" in text, want, f"colours, {text}")
            tap.check('in/a' in text and '{"t":"a","temp":61}' in text and "republish" in text, text)


def test_sample_topic_and_index():
    """one of N; a topic filter; messages that the rules' index would keep from the rule are shown"""
    rules = {f"r{n}": rule(f"SELECT * FROM 'in/+' WHERE n = {n}", republish("out")) for n in range(300)}
    with Broker() as broker, Weir(broker, rules) as weir:
        with Trace(weir, "--rule", "r7", "--json", "--why") as all_, \
                Trace(weir, "--rule", "r7", "--json", "--sample", "10") as some, \
                Trace(weir, "--rule", "r7", "--json", "--topic", "in/b") as of_b:
            started(weir, all_, '{"n":1}')
            wait_for(lambda: some.lines, "the second")
            marked(weir, all_, '{"n":1}')
            time.sleep(0.3)  # what the others show of those before
            marks = len(all_.lines), len(some.lines), len(of_b.lines)
            broker.publish_lines("in/a", ['{"n":7}'] * 5 + ['{"n":8}'] * 35)
            broker.publish_lines("in/b", ['{"n":9}'] * 10)
            wait_for(lambda: sum(x["outcome"] in ("matched", "noMatch") for x in all_.events[marks[0]:]) == 50, "50 messages")
            wait_for(lambda: len(of_b.lines) == 10, "those of in/b")
            lines = all_.events[marks[0]:]
            tap.equal(sum(x["outcome"] == "matched" for x in lines), 5, "matched")
            tap.equal({x["term"] for x in lines if x["outcome"] == "noMatch"}, {"n = 7"}, "the term")
            tap.equal({x["topic"] for x in of_b.events}, {"in/b"}, "topics")
            wait_for(lambda: sum(x["outcome"] in ("matched", "noMatch") for x in some.events[marks[1]:]) >= 5, "one of ten")
            tap.equal(sum(x["outcome"] in ("matched", "noMatch") for x in some.events[marks[1]:]), 5, "one of ten")
        weir.wait_settled(50)


def test_bounds():
    """a client that reads nothing: weir goes on, what is left out is counted; at most 8 traces"""
    with Broker() as broker, Weir(broker, RULES) as weir:
        def idle(accept):
            s = socket.socket(socket.AF_UNIX)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(sock(weir))
            s.sendall(f"GET /weir/v1/trace?rule=other&payload HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
            tap.check(s.recv(12) == b"HTTP/1.1 200", "it began")
            s.settimeout(20)
            return s

        slow = [idle("*/*"), idle("text/event-stream")]
        body = json.dumps({"x": "a" * 900})
        for _ in range(6):
            broker.publish_lines("in/a", [body] * 500)
        totals = weir.wait_settled(3000)
        tap.equal(totals["sums"], "match", "sums")
        for s, start in zip(slow, (b'\n{"dropped":', b'\ndata: {"dropped":')):
            got = b""
            while start not in got or not got.endswith(b"\n"):
                broker.publish("in/a", "{}")
                got += s.recv(1 << 16)
            dropped = int(got.split(start)[1].split(b"}")[0])
            tap.check(0 < dropped < 6000, f"lines left out: {dropped}")
            s.close()
        others = []
        for n in range(9):
            s = socket.socket(socket.AF_UNIX)
            s.connect(sock(weir))
            s.settimeout(10)
            s.sendall(b"GET /weir/v1/trace?rule=hot HTTP/1.1\r\nHost: x\r\n\r\n")
            others.append((s, s.recv(12)))
        codes = [x[1] for x in others]
        tap.check(codes[:7] == [b"HTTP/1.1 200"] * 7 and codes[8] == b"HTTP/1.1 429", f"a limit: {codes}")
        code, out, err = weir.run("trace", "--rule", "hot")
        tap.equal((code, out, err), (1, "", "weir trace: 8 traces are under way, which is the limit; end one\n"), "said")
        for s, _ in others:
            s.close()
        wait_for(lambda: http_client.get(sock(weir), "/weir/v1/trace?rule=none").status == 404, "room again")


def test_stop_and_reload():
    """a trace lives through a reload of its rule and ends with the weir; kill of the client is no trouble"""
    with Broker() as broker, Weir(broker, RULES) as weir:
        with Trace(weir, "--rule", "hot", "--json", "--why") as trace, Trace(weir, "--rule", "hot") as other:
            started(weir, trace, "{}")
            other.signal(signal.SIGKILL)
            weir.write_rule("hot", rule("SELECT * FROM 'in/+' WHERE NOT isUndefined(temp)", republish("out")))
            weir.reload()

            def new_term():
                broker.publish("in/a", "{}")
                return trace.events[-1].get("term") == "NOT isUndefined(temp)"
            wait_for(new_term, "the new rule's term", every=0.1)
            weir.stop()
            tap.equal(trace.wait(), 1, "the weir ended it, and that is said")
            tap.check(sock(weir) in trace.stderr, trace.stderr)
        weir.start()


def test_roles():
    """operators trace without results and payloads; readers do not"""
    if os.geteuid() != 0:
        raise Skip("only root may be somebody else")
    config = {"admin": {"group": str(os.getegid()), "users": "1234=operator, 1235=reader"}}
    with Broker() as broker, Weir(broker, RULES, config) as weir:
        for path in (weir.dir, weir.state_dir):
            os.chmod(path, 0o755)

        def words(uid, *more):
            return ["setpriv", "--reuid", str(uid), "--regid", str(os.getegid()), "--clear-groups", "--", binary(),
                    "trace", "--socket", sock(weir), "--rule", "hot", "--json", *more]
        for uid, more, want in ((1235, (), "this needs the role operator; yours is reader"),
                                (1234, ("--payload",), "payloads need the role admin; yours is operator")):
            code, out, err = support.run(words(uid, *more))
            tap.equal((code, out), (1, ""), f"{uid}: {err}")
            tap.check(want in err, err)
        with Process(words(1234, "--count", "1"), name="trace") as trace:
            started(weir, trace, '{"temp":61,"site":"a"}')
            tap.equal(trace.wait(), 0, "status")
            line = json.loads(trace.lines[0])
            tap.equal((line["outcome"], line["resultBytes"]), ("matched", 23), "matched")
            tap.check("result" not in line and "payload" not in line, f"no bytes: {line}")


def test_wrong_usage():
    """wrong words: one line with what was expected"""
    for words, want, status in (([], "expected --rule NAME", 2), (["--rule", "r", "x"], "unexpected argument x", 2),
                                (["--rule", "r", "--sample", "0"], "--sample: expected a number from 1 on, found 0", 2),
                                (["--rule", "r", "--count", "x"], "--count: expected a number from 1 on, found x", 2),
                                (["--rule", "r", "--nope"], "unknown option --nope", 2), (["--rule"], "a value after --rule", 2),
                                (["--rule", "r", "--state-dir", "/nonexistent"], "no weir runs here", 1)):
        code, out, err = support.run([binary(), "trace", *words])
        tap.equal((code, out), (status, ""), f"{words}: {err}")
        tap.check(want in err and len(err.splitlines()) == 1, f"{words}: {err}")
    with Broker() as broker, Weir(broker, RULES) as weir:
        for words, want, status in ((["--rule", "none"], "there is no rule none", 1),
                                    (["--rule", "hot", "--topic", "a/#/b"], "topic: ", 2)):
            code, out, err = weir.run("trace", *words)
            tap.equal((code, out), (status, ""), f"{words}: {err}")
            tap.check(want in err, err)


if __name__ == "__main__":
    binary()
    support.main(globals())
