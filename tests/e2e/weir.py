"""The weir under test: its folder, its process, and what it left there.

    import support
    from weir import Weir, lambda_arn, rule, s3

    with support.Broker() as broker:
        rules = {"keep": rule("SELECT * FROM 'a/+'", s3("objects", "${topic(2)}"))}
        with Weir(broker, rules) as weir:
            broker.publish("a/b", "{}")
            weir.wait_settled(1)
            tap.equal(weir.objects("objects"), {"b": b"{}"}, "the object")

The binary is the program's first argument, or WEIR in the environment.
"""
import json
import os
import re
import signal
import sys

import support
from support import Failed, Process, tap, wait_for

ROLE = "arn:aws:iam::123456789012:role/weir"
EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
CLIENT_ID = "weir-test"


def binary():
    given = [a for a in sys.argv[1:] if not a.startswith(("test_", "-"))]
    path = os.environ.get("WEIR") or (given[0] if given else "")
    if not os.access(path, os.X_OK):
        sys.exit(f"usage: {sys.argv[0]} BUILD/weir [test_NAME]...")
    return os.path.abspath(path)


# ---- rule documents

def rule(sql, *actions, error=None, version="2016-03-23", **members):
    """A topicRulePayload."""
    payload = {"sql": sql, "awsIotSqlVersion": version, "actions": list(actions), **members}
    if error:
        payload["errorAction"] = error
    return payload


def s3(bucket, key, **members):
    return {"s3": {"roleArn": ROLE, "bucketName": bucket, "key": key, **members}}


def republish(topic, **members):
    return {"republish": {"roleArn": ROLE, "topic": topic, **members}}


def dynamodb(table, **members):
    return {"dynamoDB": {"roleArn": ROLE, "tableName": table, **members}}


def dynamodb_v2(table):
    return {"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": table}}}


def lambda_arn(function):
    return f"arn:aws:lambda:us-east-1:123456789012:function:{function}"


def function(name):
    return {"lambda": {"functionArn": lambda_arn(name)}}


# ---- the process

class Weir:
    """`weir run` on rules in a folder of its own.

    rules: {name: topicRulePayload}, written to rules/NAME.json. A text is written as it is.
    config: more of weir.yaml, as nested dicts; `mqtt`, `rules` and the state folder are set here.
    options: more words on the command line."""

    def __init__(self, broker, rules=None, config=None, options=(), env=None, start=True):
        self.broker = broker
        self.dir = support.temp_dir("wr-weir-")
        self.rules_dir = os.path.join(self.dir, "rules")
        self.state_dir = os.path.join(self.dir, "state")
        self.status_file = os.path.join(self.dir, "status.json")
        self.config_file = os.path.join(self.dir, "weir.yaml")
        self.options, self.env = list(options), env
        self.process = None
        os.mkdir(self.rules_dir)
        for name, payload in (rules or {}).items():
            self.write_rule(name, payload)
        self.configure(config or {})
        if start:
            self.start()

    def configure(self, more):
        """Write weir.yaml; for the next start()."""
        config = {"rules": {"dir": "rules"}, "state_dir": self.state_dir, "source": support.SOURCE,
                  "mqtt": {"client_id": CLIENT_ID, "reconnect_max": "500ms"},
                  "metrics": {"listen": "127.0.0.1:0"}, "admin": {"listen": "127.0.0.1:0"}}
        if self.broker:
            config["mqtt"]["url"] = self.broker.url
        self.client_id = more.get("mqtt", {}).get("client_id", CLIENT_ID)
        for key, value in more.items():
            if value is None:
                del config[key]  # its default
            elif isinstance(value, dict):
                config.setdefault(key, {}).update(value)
            else:
                config[key] = value
        support.write_file(self.config_file, json.dumps(config, indent=2) + "\n")  # JSON is YAML

    def write_rule(self, name, payload):
        """As a deployment does it: the whole document appears at once."""
        path = os.path.join(self.rules_dir, name + ".json")
        text = payload if isinstance(payload, str) else json.dumps(
            {"ruleName": name, "topicRulePayload": payload}, indent=2)
        support.write_file(path + ".new", text)
        os.rename(path + ".new", path)
        return path

    def remove_rule(self, name):
        os.unlink(os.path.join(self.rules_dir, name + ".json"))

    def start(self, wait=True):
        """Start (again) and wait until it is connected and subscribed."""
        if os.path.exists(self.status_file):
            os.unlink(self.status_file)
        self.process = Process([binary(), "run", "-c", self.config_file, "--status-file",
                                self.status_file, *self.options], name="weir", cwd=self.dir,
                               env=self.env)
        if wait:
            self.process.wait_line("started: pid")
            self.process.wait_line("publisher: connected")
            wait_for(lambda: self.totals()["mqtt"]["subscribed"], "weir to subscribe", every=0.05)
        return self

    def stop(self, want=0):
        """SIGTERM; its exit status must be `want`."""
        if self.process and self.process.alive():
            tap.equal(self.process.stop(timeout=support.TIMEOUT), want,
                      "exit status after SIGTERM; it said:\n" + self.log[-2000:])
            tap.check("the counters do not add up" not in self.log, "the funnel's sums: " + "\n".join(
                x for x in self.log.splitlines() if "do not add up" in x))

    def kill(self):
        """SIGKILL, to weir alone: its functions must notice by themselves."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.popen.wait(support.TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()

    @property
    def log(self):
        """What it said, with quotes inside of messages as they were; said() reads lines exactly."""
        return self.process.stderr.replace('\\"', '"')

    def said(self, start=0):
        """The lines of the log so far as dicts; a line that is no logfmt fails the test."""
        return [support.log_fields(x) for x in self.process.err_lines[start:]]

    # -- status

    def totals(self):
        """The totals of this moment (SIGUSR1), without the rules."""
        seen = len(self.process.err_lines)
        self.process.signal(signal.SIGUSR1)
        line = self.process.wait_line('room=status msg="counters" ', start=seen)
        return json.loads(support.log_fields(line)["counters"])

    def status(self):
        """The status file, at most about a second old; {} before the first."""
        text = support.read_file(self.status_file)
        return json.loads(text) if text else {}

    def fresh_status(self):
        """The first status file that was begun after this call, with the rules."""
        uptime = self.totals()["uptimeMs"]
        return wait_for(lambda: (s := self.status()).get("uptimeMs", -1) >= uptime and s,
                        "a new status file")

    def counters(self, name):
        """One rule's counters, fresh."""
        return self.fresh_status()["rules"][name]

    def wait_settled(self, count, timeout=None):
        """Until `count` messages came in since the start and none is under way or in the spool; the totals."""
        last = {}

        def settled():
            last.update(self.totals())
            waiting = last.get("spool", {}).get("entries", 0)
            return last["messages"] >= count and last["live"] == 0 and waiting == 0
        wait_for(settled, lambda: f"{count} settled messages, last {last}", timeout, every=0.05)
        return last

    # -- rules

    def reload(self):
        """SIGHUP."""
        self.process.signal(signal.SIGHUP)

    def wait_rules(self, loaded, refused=0, reloads=None):
        """Until so many rules run and so many documents are refused (and it was reloaded so often)."""
        def now():
            t = self.totals()
            return t["rulesLoaded"], t["refusedDocuments"], t["reloads"] if reloads else None
        wait_for(lambda: now() == (loaded, refused, reloads),
                 lambda: f"{loaded} rules, {refused} refused; now {now()}", every=0.05)

    def wait_filter(self, topic_filter, start=0):
        """Until the broker has acknowledged a subscription to `topic_filter`; `start`: from this
        line of the broker's log on."""
        asked = re.compile(r"\t(\$share/[^/]+/)?" + re.escape(topic_filter) + r" \(QoS")

        def granted():
            lines = list(self.broker.process.err_lines[start:])
            at = next((i for i, x in enumerate(lines) if asked.search(x)), None)
            return at is not None and any(f"SUBACK to {self.client_id}" in x for x in lines[at:])
        wait_for(granted, f"a subscription to {topic_filter}")

    # -- what the local forms hold

    def run(self, *args, timeout=None):
        """Another weir command with this configuration: (exit status, stdout, stderr)."""
        return support.run([binary(), args[0], "-c", self.config_file, *args[1:]], cwd=self.dir,
                           timeout=timeout)

    def local(self, *args):
        """`weir local …`, which must succeed: its output."""
        code, out, err = self.run("local", *args)
        tap.equal((code, err), (0, ""), f"weir local {' '.join(args)}")
        return out

    def objects(self, bucket):
        """{path below the bucket's folder: bytes}: the layout that `weir local` describes."""
        return dict(self._files(os.path.join(self.state_dir, "local", "s3", bucket)))

    def files(self, folder):
        """The same of any folder below the state folder."""
        return dict(self._files(os.path.join(self.state_dir, folder)))

    def keys(self, bucket):
        """The keys in order, by `weir local ls`; [] without the bucket."""
        code, out, _ = self.run("local", "ls", "s3", bucket, "--json")
        return [json.loads(x)["key"] for x in out.splitlines()] if code == 0 else []

    def meta(self, bucket, path):
        """What is kept beside an object."""
        return json.loads(support.read_file(
            os.path.join(self.state_dir, "local", "s3-meta", bucket, path)))

    @staticmethod
    def _files(root):
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    yield os.path.relpath(path, root), f.read()

    def folders(self, bucket):
        """{first folder of the key: objects in it}: for many objects with keys FOLDER/NAME."""
        root = os.path.join(self.state_dir, "local", "s3", bucket)
        names = os.listdir(root) if os.path.isdir(root) else []
        return {name: len(os.listdir(os.path.join(root, name))) for name in names}

    def items(self, table):
        """The table's items as DynamoDB's typed JSON, by key; [] without the table."""
        code, out, err = self.run("local", "cat", "dynamodb", table, "--json")
        if code == 2:
            raise Failed(err)
        return [json.loads(x) for x in out.splitlines()]

    def results(self, name):
        """What a function answered, one row an event; [] without any."""
        code, out, err = self.run("local", "cat", "lambda", name)
        if code == 2:
            raise Failed(err)
        return [json.loads(x) for x in out.splitlines()]
