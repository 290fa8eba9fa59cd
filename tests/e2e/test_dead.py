"""Dead letters: what neither an action nor the error action took, listed, shown, redriven and purged.

    test_dead.py WEIR [test_NAME]...
"""
import json
import os
import re
import subprocess

import http_client
import support
from support import Broker, Process, tap, wait_for
from weir import EXAMPLES, Weir, binary, function, republish, rule, s3

NO_BUCKET = s3("${nosuch}", "k")
# The null sink is what fails or delivers, by the configuration.
FAILING = {"sinks": {"null": {"verdict": "refused"}}}


def null(name):
    return {"null": {"name": name}}


RULES = {"one": rule("SELECT *, topic() AS t FROM 'in/one'", s3("done", "${n}"), null("far-${n}")),
         "two": rule("SELECT * FROM 'in/two'", null("x"), error=NO_BUCKET),
         "raw": rule("SELECT * FROM 'in/raw'", null("y"))}


def letters(weir, *filters):
    code, out, err = weir.run("dead", "list", "--json", *filters)
    tap.equal((code, err), (0, ""), "weir dead list")
    return [json.loads(x) for x in out.splitlines()]


def on_disk(weir):
    """How many letters there are; None while a message is under way, which may become one that is counted before it is written."""
    totals = weir.totals()
    return totals["deadLetters"]["entries"] if totals["live"] == 0 else None


def filled(broker, config=None, count=4):
    """A weir whose rules have failed: `count` letters of one, one each of two and raw."""
    weir = Weir(broker, RULES, config or FAILING)
    for n in range(count):  # one after the other: letters are in the order of their failures
        broker.publish("in/one", json.dumps({"n": n}, separators=(",", ":")))
        wait_for(lambda: on_disk(weir) == n + 1, "the letter")
    broker.publish("in/two", '{ "text": "\\u00e4" }')
    wait_for(lambda: on_disk(weir) == count + 1, "the letter")
    broker.publish("in/raw", b"\xff\x00\xfe")
    weir.wait_settled(count + 2)
    wait_for(lambda: on_disk(weir) == count + 2, "the letters")
    return weir


def test_list_and_show():
    """list and show beside a weir that runs: filters, members, what is no letter"""
    with Broker() as broker, filled(broker) as weir:
        files = {x: os.stat(os.path.join(weir.state_dir, "dead", x)).st_mtime_ns
                 for x in os.listdir(os.path.join(weir.state_dir, "dead"))}
        all_ = letters(weir)
        tap.equal([x["rule"] for x in all_], ["one"] * 4 + ["two", "raw"], "rules, oldest first")
        first = all_[0]
        tap.equal({k: first[k] for k in ("rule", "reason", "topic", "qos", "payload", "result", "actions")},
                  {"rule": "one", "reason": "refused", "topic": "in/one", "qos": 1, "payload": {"n": 0},
                   "result": {"n": 0, "t": "in/one"},
                   "actions": [{"kind": "s3", "state": "delivered",
                                "parameters": {"roleArn": "arn:aws:iam::123456789012:role/weir", "bucketName": "done",
                                               "key": "0"}},
                               {"kind": "null", "state": "failed", "failedResource": "far-0",
                                "errorMessage": first["actions"][1]["errorMessage"],
                                "parameters": {"name": "far-0"}}]}, "members")
        tap.check(re.fullmatch("[0-9a-f]{32}", first["id"]) and re.fullmatch(r"\d{4}-.*Z", first["time"]), "id and time")
        tap.equal(all_[4]["payloadText"], '{ "text": "\\u00e4" }', "a payload that is not spelt as JSON would be again")
        tap.equal((all_[4]["reason"], all_[4]["errorAction"]["kind"]), ("error-refused", "s3"), "the error action's")
        tap.equal((all_[5]["payloadBase64"], all_[5]["resultBase64"]), ("/wD+", "/wD+"), "binary")
        for filters, want in ((("--rule", "two"), 1), (("--reason", "refused"), 5), (("--reason", "expired"), 0),
                              (("--older", "1h"), 0), (("--newer", "1h"), 6), (("--limit", "2"), 2),
                              (("--id", first["id"].upper()), 1), ((first["id"][:10], all_[5]["id"][:10]), 2)):
            tap.equal(len(letters(weir, *filters)), want, f"letters {filters}")
        code, out, err = weir.run("dead", "list", "--limit", "3")
        tap.equal((code, len(out.splitlines()), err), (0, 3, "3 dead letters, and more than --limit\n"), "list")
        tap.check(out.startswith(first["id"][:12]) and "  one  refused  in/one  null: " in out, out)
        code, out, err = weir.run("dead", "show", first["id"][:8])
        tap.equal((code, err), (0, ""), "show")
        for want in (first["id"], "refused: an action was refused, and the rule has no error action", '{"n":0}',
                     '{"n":0,"t":"in/one"}', "s3, delivered", "null, failed: ", '"name":"far-0"', '"key":"0"'):
            tap.check(want in out, f"{want} in:\n{out}")
        code, out, err = weir.run("dead", "show", "0123456789abcdef")
        tap.equal((code, out), (1, ""), "no such letter")
        tap.check("no letter has an id that begins with 0123456789abcdef" in err, err)
        tap.equal({x: os.stat(os.path.join(weir.state_dir, "dead", x)).st_mtime_ns
                   for x in os.listdir(os.path.join(weir.state_dir, "dead"))}, files, "nothing was written")


def test_redrive():
    """redrive: delivered once, under the same id, only what had failed, in order; then no letter is left"""
    rules = {"one": rule("SELECT * FROM 'in/one'", s3("done", "${n}"), null("far"), republish("out/${n}", qos=1))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"null": {"verdict": "refused"}}}) as weir:
        seen = broker.subscriber("out/#")
        for n in range(5):
            broker.publish("in/one", json.dumps({"n": n}))
        weir.wait_settled(5)
        wait_for(lambda: on_disk(weir) == 5 and len(Broker.messages(seen)) == 5, "letters")
        spool = os.path.join(weir.state_dir, "spool")
        done, = [os.path.join(spool, x) for x in os.listdir(spool) if x.endswith(".done")]
        wait_for(lambda: os.path.getsize(done) == 5 * 8, "the spool's notes of what is done: else it comes again")
        weir.kill()
        ids = [x["id"] for x in letters(weir)]
        before = weir.objects("done")
        code, out, err = weir.run("dead", "redrive", "--yes", ids[1], ids[3])
        tap.equal((code, out, err), (0, "2 dead letters put into the spool: the next weir run delivers\n", ""), "redrive")
        tap.equal([x["id"] for x in letters(weir)], [ids[0], ids[2], ids[4]], "what is left")
        weir.start()  # it fails again
        wait_for(lambda: on_disk(weir) == 5, "letters again")
        weir.stop()
        tap.equal(sorted(x["id"] for x in letters(weir)), sorted(ids), "ids of the second failure")
        tap.equal(weir.run("dead", "redrive", "--yes", "--json")[:2], (0, '{"redriven": 5}\n'), "all")
        weir.configure({"sinks": {"null": {"verdict": "delivered"}}})
        weir.start()
        wait_for(lambda: weir.counters("one")["actions"]["null"]["success"] == 5, "deliveries")
        weir.wait_settled(0)
        tap.equal(weir.counters("one")["actions"]["s3"]["success"], 0, "what was delivered is not delivered again")
        tap.equal((len(Broker.messages(seen)), weir.objects("done")), (5, before), "results")
        tap.equal(letters(weir), [], "letters")
        weir.stop()
        tap.equal(weir.run("dead", "redrive", "--yes")[::2], (1, "weir dead: no letter fits\n"), "nothing left")


def test_request_ids():
    """a function sees one request id for one event, over retries, a kill and a redrive; another for another event"""
    folder = support.temp_dir("wr-function-")
    support.write_file(folder + "/fail.py", "import os\n\n\ndef handler(event, context):\n"
                       "    if not os.path.exists(os.environ['GATE']):\n        raise ValueError('not yet')\n    return event['n']\n")
    support.write_file(folder + "/python_runtime.py", support.read_file(os.path.join(EXAMPLES, "functions", "python_runtime.py")))
    fail = {"command": "/usr/bin/python3 python_runtime.py", "cwd": folder, "handler": "fail.handler", "timeout": "30s", "retries": 1,
            "retry_delay": "10ms", "env": "GATE=" + folder + "/open"}
    rules = {"f": rule("SELECT n FROM 'in'", function("fail"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"lambda": {"functions": {"fail": fail}}}}) as weir:
        broker.publish_lines("in", ['{"n": 1}', '{"n": 2}'])
        wait_for(lambda: on_disk(weir) == 2, lambda: f"letters {weir.totals()}")
        weir.kill()
        tap.equal(weir.run("dead", "redrive", "--yes")[0], 0, "redrive")
        support.write_file(folder + "/open", "")
        weir.start()
        wait_for(lambda: sum(x["status"] == "ok" for x in weir.results("fail")) >= 2, "answers")
        rows = weir.results("fail")
        ids = {n: {x["requestId"] for x in rows if x["event"]["n"] == n} for n in (1, 2)}
        tap.equal([len(x) for x in ids.values()], [1, 1], f"request ids {ids}")
        tap.check(ids[1] != ids[2], "two events, two ids")
        tap.check(len(rows) >= 4, f"{len(rows)} rows")


def test_redrive_for_settled():
    """what is in the spool is delivered with ack: settled and received too"""
    for ack in ("settled", "received"):
        with Broker() as broker, filled(broker) as weir:
            weir.stop()
            tap.equal(weir.run("dead", "redrive", "--rule", "one", "--yes")[0], 0, "redrive")
            weir.configure({"ack": ack})
            weir.start()
            wait_for(lambda: weir.counters("one")["actions"]["null"]["success"] == 4, f"deliveries, {weir.totals()}")
            broker.publish("in/one", '{"n": 9}')
            wait_for(lambda: weir.counters("one")["actions"]["null"]["success"] == 5, "a new message")
            tap.equal(weir.totals()["spool"]["written"], 0, "written to the spool")
            weir.stop()
            tap.equal([x["rule"] for x in letters(weir)], ["two", "raw"], "letters")


def test_purge():
    """purge says how many, asks on a terminal, and never goes without a word"""
    with Broker() as broker, filled(broker) as weir:
        weir.stop()
        code, out, err = weir.run("dead", "purge", "--rule", "one")
        tap.equal((code, out, err), (2, "", "weir dead: purge 4 dead letters: say --yes, or use a terminal\n"), "no terminal")
        for answer, want in ((b"n\n", 6), (b"y\n", 2)):
            main, other = support.terminal()
            os.write(main, answer)
            done = subprocess.run([binary(), "dead", "purge", "--rule", "one", "-c", weir.config_file], stdin=other,
                                  capture_output=True, text=True, timeout=support.TIMEOUT, check=False)
            os.close(main), os.close(other)
            tap.check("purge 4 dead letters? [y/N]" in done.stderr, done.stderr)
            tap.equal((done.returncode, done.stdout), (1, "") if want == 6 else (0, "4 dead letters purged\n"), "answer")
            tap.equal(len(letters(weir)), want, "letters")
        tap.equal(weir.run("dead", "purge", "--limit", "1", "--yes")[:2], (0, "1 dead letter purged\n"), "one more")
        tap.equal([x["rule"] for x in letters(weir)], ["raw"], "what is left")
        weir.start()
        tap.equal(weir.totals()["deadLetters"]["entries"], 1, "for the next weir too")


def test_live_redrive():
    """redrive beside a weir that runs: delivered at once, once, under the same id; a failure is a letter again"""
    rules = {"one": rule("SELECT * FROM 'in/one'", s3("done", "${n}"), null("far"), republish("out/${n}", qos=1)),
             "two": rule("SELECT * FROM 'in/two'", s3("${nosuch}", "k"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"null": {"verdict": "refused"}}}) as weir:
        seen = broker.subscriber("out/#")
        for n in range(5):
            broker.publish("in/one", json.dumps({"n": n}))
        broker.publish("in/two", "{}")
        wait_for(lambda: on_disk(weir) == 6 and len(Broker.messages(seen)) == 5, "letters")
        one = letters(weir, "--rule", "one")
        ids = [x["id"] for x in one]
        tap.equal(weir.run("dead", "redrive", "--rule", "one"),
                  (2, "", "weir dead: redrive 5 dead letters: say --yes, or use a terminal\n"), "no terminal, no --yes")
        tap.equal(weir.run("dead", "redrive", "--yes", ids[1].upper(), ids[3][:20]),
                  (0, "2 dead letters given back to the weir that runs\n", ""), "by ids")
        wait_for(lambda: weir.counters("one")["redriven"] == 2 and on_disk(weir) == 6,
                 "letters again")
        wait_for(lambda: sorted(x["id"] for x in letters(weir, "--rule", "one")) == sorted(ids), "the ids, each once")
        wait_for(lambda: weir.totals()["spool"]["entries"] == 0, "the spool")
        code, out, err = weir.run("dead", "redrive", "--yes", "--json", "0123456789abcdef", ids[0])
        tap.equal((code, out), (1, '{"redriven": 1}\n'), "one of two ids")
        tap.equal(err, "weir dead: no letter has an id that begins with 0123456789abcdef\n", "the other")
        wait_for(lambda: weir.counters("one")["redriven"] == 3 and on_disk(weir) == 6, "again")
        weir.configure({"sinks": {"null": {"verdict": "delivered"}}})
        weir.stop()
        weir.start()
        tap.equal(len(letters(weir)), 6, "letters after a restart")
        tap.equal(weir.run("dead", "redrive", "--yes", "--rule", "one", "--newer", "1h", "--reason", "refused", "--limit",
                           "3")[:2], (0, "3 dead letters given back to the weir that runs\n"), "by filters")
        wait_for(lambda: weir.counters("one")["actions"]["null"]["success"] == 3, "deliveries")
        tap.equal(weir.run("dead", "redrive", "--yes", "--rule", "one", "--older", "1h")[::2],
                  (1, "weir dead: no letter fits\n"), "none so old")
        tap.equal(weir.run("dead", "redrive", "--yes", "--rule", "one")[0], 0, "the rest of them")
        wait_for(lambda: weir.counters("one")["actions"]["null"]["success"] == 5, "deliveries")
        tap.equal((weir.counters("one")["actions"]["s3"]["success"], len(Broker.messages(seen))), (0, 5),
                  "what was delivered is not delivered again")
        totals = weir.wait_settled(0)
        tap.equal((totals["sums"], totals["deadLetters"]["entries"]), ("match", 1), "sums, letters")
        wait_for(lambda: [x["rule"] for x in letters(weir)] == ["two"], "what is left, on disk")


def test_live_many():
    """600 letters redriven beside messages that arrive: each is delivered once, and none comes twice"""
    rules = {"one": rule("SELECT * FROM 'in/#'", null("far"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"null": {"verdict": "refused"}}}) as weir:
        broker.publish_lines("in/a", [json.dumps({"n": n}) for n in range(600)])
        wait_for(lambda: on_disk(weir) == 600, "letters")
        broker.publish_lines("in/b", ["{}"] * 50)
        code, out, err = weir.run("dead", "redrive", "--yes", "--limit", "600")
        tap.equal((code, out, err), (0, "600 dead letters given back to the weir that runs\n", ""), "all of the first")
        wait_for(lambda: weir.counters("one")["redriven"] == 600 and on_disk(weir) == 650,
                 "all are letters again")
        totals = weir.wait_settled(650)
        tap.equal(totals["sums"], "match", "sums")
        wait_for(lambda: len(all_ := letters(weir)) == len({x["id"] for x in all_}) == 650, "ids, each once")
        tap.equal(weir.run("dead", "purge", "--yes")[:2], (0, "650 dead letters purged\n"), "purge")
        tap.equal(weir.totals()["deadLetters"]["entries"], 0, "nothing is left")
        wait_for(lambda: letters(weir) == [], "the notes on disk of what is done")
    tap.equal(letters(weir), [], "on disk too")


def test_live_interrupted():
    """the weir is told to stop, or the client is killed, while letters are redriven: none is lost, none is there twice"""
    rules = {"one": rule("SELECT * FROM 'in/#'", null("far"))}
    with Broker() as broker, Weir(broker, rules, {"sinks": {"null": {"verdict": "refused"}}}) as weir:
        broker.publish_lines("in/a", [json.dumps({"n": n}) for n in range(2000)])
        wait_for(lambda: on_disk(weir) == 2000, "letters")
        want = {x["id"] for x in letters(weir)}
        words = [binary(), "dead", "redrive", "--yes", "-c", weir.config_file]
        with Process(words, name="redrive") as client:
            wait_for(lambda: not client.alive() or weir.totals()["spool"]["written"] > 2000, "it to begin", every=0.001)
            client.kill()
        wait_for(lambda: weir.totals()["live"] == 0 and weir.totals()["spool"]["entries"] == 0, "what was under way")
        wait_for(lambda: len(all_ := letters(weir)) == 2000 and {x["id"] for x in all_} == want, "the letters")
        with Process(words, name="redrive") as client:
            written = weir.totals()["spool"]["written"]
            wait_for(lambda: not client.alive() or weir.totals()["spool"]["written"] > written, "it to begin", every=0.001)
            weir.stop()
            client.wait()
        weir.start()
        weir.wait_settled(0)
        wait_for(lambda: {x["id"] for x in letters(weir)} == want, "the letters after a restart")
        tap.equal(weir.totals()["deadLetters"]["entries"], 2000, "each once")


def test_live_purge_and_roles():
    """purge beside a weir that runs; who may; what is no question"""
    config = {**FAILING, "admin": {"group": str(os.getegid()), "users": "1234=operator, 1235=reader"}}
    with Broker() as broker, filled(broker, config) as weir:
        sock = os.path.join(weir.state_dir, "admin.sock")
        tap.equal(weir.run("dead", "purge", "--rule", "one", "--limit", "3", "--yes")[:2],
                  (0, "3 dead letters purged\n"), "purge")
        wait_for(lambda: [x["rule"] for x in letters(weir)] == ["one", "two", "raw"], "what is left, on disk")
        tap.equal(support.run([binary(), "dead", "purge", "--socket", sock, "--rule", "one", "--yes", "--json"])[:2],
                  (0, '{"purged": 1}\n'), "by the socket's name")

        def post(verb, body):
            answer = http_client.ask(sock, "POST", f"/weir/v1/dead/{verb}", body=body)
            return answer.status, answer.json
        for body, want in (("[]", "the body is no JSON object"), ("{", "the body is no JSON object"),
                           ('{"id": []}', 'unknown member "id"'), ('{"ids": "a"}', "ids: expected a list"),
                           ('{"ids": ["xyz"]}', "ids: expected the hexadecimal begin"), ('{"limit": 0}', "limit: expected"),
                           ('{"older": 5}', "older: expected a string"), ('{"newer": "5"}', "newer: expected a duration"),
                           ('{"reason": "bad"}', 'there is no reason "bad"')):
            status, json_ = post("purge", body)
            tap.check(status == 400 and want in json_["message"], f"{body}: {status} {json_}")
        tap.equal(post("purge", '{"dryRun": true, "ids": ["0123456789abcdef"]}'),
                  (200, {"letters": 0, "unreadable": 0, "more": False, "met": [False]}), "a dry run")
        wait_for(lambda: len(letters(weir)) == 2, "what is left, on disk")
        if os.geteuid() == 0:
            for path in (weir.dir, weir.state_dir):
                os.chmod(path, 0o755)
            for uid, verb, want in ((1235, "redrive", "operator; yours is reader"), (1234, "purge", "admin; yours is operator"),
                                    (1236, "redrive", "operator; yours is none")):
                code, out, err = support.run(["setpriv", "--reuid", str(uid), "--regid", str(os.getegid()),
                                              "--clear-groups", "--", binary(), "dead", verb, "--yes", "--socket", sock])
                tap.equal((code, out), (1, ""), f"{uid} {verb}: {err}")
                tap.check("needs the role " + want in err, err)
        tap.equal((len(letters(weir)), weir.totals()["deadLetters"]["entries"]), (2, 2), "still there")


def test_live_without_spool():
    """a weir without a spool says what to do; purge works; without a socket it says why"""
    with Broker() as broker:
        weir = Weir(broker, {"two": RULES["two"]}, {"ack": "settled", **FAILING})
        broker.publish("in/two", "{}")
        wait_for(lambda: on_disk(weir) == 1, "the letter")
        code, out, err = weir.run("dead", "redrive", "--yes")
        tap.equal((code, out), (1, ""), "redrive")
        tap.check("a weir with ack: settled has no spool to deliver from: stop it" in err, err)
        code, out, err = weir.run("dead", "purge", "--yes", "--config", weir.config_file)
        tap.equal((code, out), (0, "1 dead letter purged\n"), f"purge: {err}")
        os.unlink(os.path.join(weir.state_dir, "admin.sock"))
        code, out, err = weir.run("dead", "purge", "--yes")
        tap.equal((code, out), (2, ""), "no socket")
        tap.check(f"in use by pid {weir.process.pid}, which cannot be asked: no weir runs here" in err, err)
        weir.stop()


def test_wrong_usage():
    """wrong words: one line with what was expected; exit status 2"""
    folder = support.temp_dir()
    for words, want in ((["list", "--reason", "refusd"], "unknown reason 'refusd', did you mean 'refused'?"),
                        (["list", "--reason", "zzzzzzzz"], "expected one of refused, expired"),
                        (["list", "--older", "3"], "--older: found \"3\", a duration without its unit"),
                        (["list", "--limit", "0"], "a number of letters after --limit"),
                        (["list", "xyz"], "expected the hexadecimal begin of an id, found xyz"),
                        (["show"], "expected an id after show"), ([], "expected list, show, redrive or purge"),
                        (["lst"], "found lst"), (["list", "--rule"], "expected a value after --rule"),
                        (["list", "--all"], "unknown option --all"),
                        (["list", "--state-dir", folder + "/none"], "none: No such file or directory")):
        where = [] if "--state-dir" in words else ["--state-dir", folder]
        code, out, err = support.run([binary(), "dead", *where, *words])
        tap.equal((code, out), (2, ""), f"status of {words}")
        tap.check(want in err and len(err.splitlines()) == 1, f"{words}: {err}")
    code, out, err = support.run([binary(), "dead", "list", "--state-dir", folder])
    tap.equal((code, out, err), (0, "", "0 dead letters\n"), "a folder without letters")
    tap.equal(os.listdir(folder), [], "nothing was made")


if __name__ == "__main__":
    binary()
    support.main(globals())
