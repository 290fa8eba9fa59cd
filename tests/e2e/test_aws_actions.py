#!/usr/bin/python3
"""s3, dynamoDB, dynamoDBv2 and lambda as AWS's services get them: the exact request, success, retry, refusal.

    test_aws_actions.py WEIR [test_NAME]...
"""
import base64
import json
import time
import zlib

import aws
import support
from aws import Counterpart, all_signed, aws_stub
from support import Broker, tap, wait_for
from weir import dynamodb, dynamodb_v2, function, lambda_arn, republish, rule, s3


# ---- lambda

def test_lambda():
    """lambda: Invoke of type Event, the region of the ARN, aliases, bare names; no JSON is refused"""
    arn = "arn:aws:lambda:eu-west-3:123456789012:function:f:live"
    rules = {"one": rule("SELECT n, topic(2) AS t FROM 'a/#'", {"lambda": {"functionArn": arn}}),
             "two": rule("SELECT VALUE n FROM 'a/#'", {"lambda": {"functionArn": "bare"}}),
             "raw": rule("SELECT * FROM 'raw'", {"lambda": {"functionArn": "bare"}}, error=s3("errors", "raw"))}
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules) as weir:
        broker.publish("a/b", '{"n":1}')
        broker.publish("raw", b"\xff\0")
        weir.wait_settled(2)
        got = sorted(stub.seen("lambda"), key=lambda r: r["path"])
        tap.equal([(r["method"], r["path"], r["region"], r["body"], r["status"]) for r in got],
                  [("POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-3%3A123456789012%3Afunction%3Af%3Alive/invocations",
                    "eu-west-3", '{"n":1,"t":"b"}', 202),
                   ("POST", "/2015-03-31/functions/bare/invocations", "us-east-1", "1", 202)], "requests")
        tap.equal([(r["headers"]["x-amz-invocation-type"], r["headers"]["content-type"]) for r in got],
                  [("Event", "application/json")] * 2, "headers")
        document = json.loads(stub.objects[("errors", "raw")][0])
        tap.check("the result is no JSON; encode(*, 'base64')" in document["failures"][0]["errorMessage"], str(document))
        all_signed(stub)


def test_lambda_failures():
    """lambda: through every failure"""
    aws.failures("lambda", function("f"), "lambda", lambda r: True, (404, "ResourceNotFoundException", "Function not found: f"),
                 "Failed to invoke Lambda function", "LambdaAction", lambda_arn("f"))


# ---- all of them

def test_stop():
    """SIGTERM while services hang: weir ends, the spool keeps what is not delivered, the next start delivers it"""
    rules = {"all": rule("SELECT *, topic(2) AS id FROM 'a/+'", s3("bucket", "${topic(2)}"), s3("lines", "x"), function("f"),
                         v1("tab", payloadField="doc"), dynamodb_v2("other"))}
    config = {"drain": "300ms", "aws": {"timeout": "30s"}, "sinks": {"s3": {"aggregate": {"lines": {"age": "100ms"}}}}}
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules, config) as weir:
        stub.fail("hang", times=-1, seconds=30)
        for n in range(20):
            broker.publish(f"a/{n % 5}", json.dumps({"n": n}))
        wait_for(lambda: len(stub.failures) == 1 and weir.totals()["messages"] == 20, "all messages", every=0.05)
        began = time.monotonic()
        weir.stop()
        tap.check(time.monotonic() - began < 25, f"stopped after {time.monotonic() - began} s")
        stub.failures.clear()
        stub.reset()
        weir.start()
        weir.wait_settled(0)
        wait_for(lambda: weir.totals()["spool"]["entries"] == 0, "an empty spool", every=0.05)
        tap.equal({k for b, k in stub.objects if b == "bucket"}, {str(n) for n in range(5)}, "objects")
        lines = [json.loads(x)["n"] for (b, _), (body, _) in stub.objects.items() if b == "lines" for x in body.splitlines()]
        tap.equal(set(lines), set(range(20)), "lines")
        tap.equal({json.loads(r["body"])["n"] for r in stub.seen("lambda")}, set(range(20)), "events")
        for table in ("tab", "other"):
            tap.equal({i["id"]["S"] for i in stub.items[table]}, {str(n) for n in range(5)}, table)


def test_no_role():
    """a rule without roleArn is taken, and goes out with the keys that there are; one that needs its account is not"""
    bare = {"s3": {"bucketName": "bucket", "key": "k"}}
    queue = {"sqs": {"queueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q"}}
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, {"r": rule("SELECT n FROM 'a'", bare, queue)}) as weir:
        broker.publish("a", '{"n":1}')
        weir.wait_settled(1)
        tap.equal((stub.objects[("bucket", "k")][0], json.loads(stub.seen("sqs")[0]["body"])["MessageBody"]), (b'{"n":1}', '{"n":1}'), "both")
        all_signed(stub)
        weir.write_rule("steps", rule("SELECT n FROM 'a'", {"stepFunctions": {"stateMachineName": "m"}}))
        code, out, err = weir.run("run", "--check")
        tap.check(code == 1 and "actions[0].stepFunctions.roleArn: missing" in out + err, f"{code}: {out}{err}")


# ---- s3

def test_s3_failures():
    """s3: through every failure"""
    aws.failures("s3", s3("bucket", "${topic(2)}/${n}"), "s3", lambda r: True, (403, "AccessDenied", "Access Denied"),
                 "Failed to put S3 object", "S3Action", "bucket")


def test_s3_checksum():
    """s3: checksum crc32 is sent, signed, of single and of collected objects; without it none is"""
    rules = {"all": rule("SELECT * FROM 'a/+'", s3("bucket", "${topic(2)}", cannedAcl="private"), s3("lines", "x")),
             "raw": rule("SELECT * FROM 'raw/+'", s3("bucket", "${topic(2)}"))}
    aggregate = {"aggregate": {"lines": {"age": "100ms"}}}
    for setting in (aggregate, {**aggregate, "checksum": "crc32"}):
        with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules, {"sinks": {"s3": setting}}) as weir:
            broker.publish("a/one", '{"n":1}')
            broker.publish("raw/bytes", bytes(range(256)))
            broker.publish("raw/empty", b"")
            weir.wait_settled(3)
            seen = stub.seen("s3")
            tap.equal(len(seen), 4, "objects")
            for r in seen:
                body = stub.objects[tuple(r["path"][1:].split("/", 1))][0]
                want = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode() if "checksum" in setting else None
                tap.equal(r["headers"].get("x-amz-checksum-crc32"), want, r["path"])
                tap.equal(r["headers"].get("x-amz-acl"), "private" if r["path"] == "/bucket/one" else None, r["path"])
            all_signed(stub)


def test_s3_keys():
    """s3 against s3rver: keys with blanks, umlauts, +%/= and dots; bodies of 0 bytes and 5 MiB; content types"""
    keys = ["plain", "a b/c", "ü/日本", "plus+percent%25=equals&and?question#hash", "trail/", "quote'\"\\back", "a.b/~t-_"]
    large = bytes(range(256)) * (5 * 4096)
    rules = {"json": rule("SELECT * FROM 'json'", s3("objects", "${key}")),
             "raw": rule("SELECT * FROM 'raw/#'", s3("objects", "${topic(2)}"))}
    folder = support.temp_dir("wr-s3rver-")
    with Broker() as broker, Counterpart("s3rver", "--directory", folder, "--configure-bucket", "objects", "--silent") as server:
        env = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}
        config = {"aws": {"endpoint": server.url, "timeout": "20s"}, "payload_max": "8M"}
        with aws.weir(broker, aws.Stub(), rules, config, env=env) as weir:
            for key in keys:
                broker.publish("json", json.dumps({"key": key}))
            broker.publish("raw/empty", b"")
            broker.publish("raw/large", large)
            weir.wait_settled(len(keys) + 2)
            client = server.client("s3")
            for key in keys:
                got = client.get_object(Bucket="objects", Key=key)
                tap.equal((json.loads(got["Body"].read()), got["ContentType"]), ({"key": key}, "application/json"), key)
            for key, body in (("empty", b""), ("large", large)):
                got = client.get_object(Bucket="objects", Key=key)
                tap.check(got["Body"].read() == body, f"{key}: {got['ContentLength']} bytes")
                tap.equal(got["ContentType"], "application/octet-stream", key)
            tap.equal(weir.counters("json")["actions"]["s3"]["failure"], 0, "failures")


def test_s3_order():
    """s3: objects of one key in the order of their messages, although the first is slow; another key passes"""
    rules = {"keep": rule("SELECT n FROM 'a/+'", s3("bucket", "${topic(2)}")),
             "dots": rule("SELECT 1 AS n FROM 'dots'", s3("bucket", "dir//double/./x/../y"))}  # s3rver takes none of these
    with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules) as weir:
        broker.publish("dots", "{}")
        wait_for(lambda: ("bucket", "dir//double/./x/../y") in stub.objects, "a key as it is")
        stub.fail("slow", service="s3", times=1, seconds=1)
        for n in range(20):
            broker.publish("a/same", json.dumps({"n": n}))
        broker.publish("a/other", '{"n":0}')
        wait_for(lambda: ("bucket", "other") in stub.objects, "another key")
        weir.wait_settled(22)
        all_signed(stub)
        tap.equal([json.loads(r["body"])["n"] for r in stub.seen("s3") if r["path"] == "/bucket/same"], list(range(20)), "in order")
        tap.equal(json.loads(stub.objects[("bucket", "same")][0]), {"n": 19}, "the last stays")


# ---- dynamoDB

class Dynalite(Counterpart):
    def __init__(self):
        super().__init__("dynalite", "--createTableMs", 0)
        self.dynamodb = self.client("dynamodb")

    def table(self, name, hash_type="S", range_type=None):
        keys = [("id", "HASH", hash_type)] + ([("at", "RANGE", range_type)] if range_type else [])
        self.dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                                   KeySchema=[{"AttributeName": n, "KeyType": k} for n, k, _ in keys],
                                   AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, _, t in keys])
        wait_for(lambda: self.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", f"table {name}")

    def items(self, name):
        return self.dynamodb.scan(TableName=name)["Items"]


def v1(table="tab", **members):
    return dynamodb(table, **{"hashKeyField": "id", "hashKeyValue": "${topic(2)}", **members})


def against_dynalite(broker, db, rules, config=None):
    return aws.weir(broker, aws.Stub(), rules, {"aws": {"endpoint": db.url}, **(config or {})})


def test_dynamodb_types():
    """dynamoDB against dynalite: typed keys, every JSON type, digits, binary; insert, update, delete"""
    deep = {"s": "ü", "n": 12345678901234567890123456789, "f": 0.1, "e": -1.5e-7, "t": True, "f2": False, "z": None,
            "l": [1, "x", [], {}], "o": {"a": {"b": "c"}}, "empty": ""}
    rules = {"put": rule("SELECT * FROM 'put/+/+'", v1("typed", rangeKeyField="at", rangeKeyValue="${topic(3)}", rangeKeyType="NUMBER",
                                                       payloadField="doc")),
             "scalar": rule("SELECT VALUE v FROM 'scalar/+/+'", v1("typed", rangeKeyField="at", rangeKeyValue="${topic(3)}",
                                                                   rangeKeyType="NUMBER", payloadField="doc")),
             "raw": rule("SELECT * FROM 'raw/+'", v1("plain")),
             "change": rule("SELECT v FROM 'change/+'", v1("plain", operation="${op}", payloadField="doc"))}
    with Broker() as broker, Dynalite() as db:
        db.table("typed", range_type="N")
        db.table("plain")
        db.dynamodb.put_item(TableName="plain", Item={"id": {"S": "k"}, "other": {"S": "stays"}, "doc": {"S": "old"}})
        db.dynamodb.put_item(TableName="plain", Item={"id": {"S": "gone"}})
        with against_dynalite(broker, db, rules) as weir:
            broker.publish("put/k/1.50", json.dumps(deep))
            broker.publish("put/k/2", "[1,2]")
            broker.publish("scalar/k/3", '{"v":"text"}')
            broker.publish("raw/bin", b"\xff\0\x01")
            broker.publish("change/k", '{"op":"UPDATE","v":{"x":1}}')
            broker.publish("change/gone", '{"op":"DELETE"}')
            weir.wait_settled(6)
            typed = {i["at"]["N"]: i["doc"] for i in db.items("typed")}
            tap.equal(typed["1.5"], {"M": {
                "s": {"S": "ü"}, "n": {"N": "12345678901234567890123456789"}, "f": {"N": "0.1"}, "e": {"N": "-0.00000015"},
                "t": {"BOOL": True}, "f2": {"BOOL": False}, "z": {"NULL": True},
                "l": {"L": [{"N": "1"}, {"S": "x"}, {"L": []}, {"M": {}}]}, "o": {"M": {"a": {"M": {"b": {"S": "c"}}}}},
                "empty": {"S": ""}}}, "every type")
            tap.equal((typed["2"], typed["3"]), ({"L": [{"N": "1"}, {"N": "2"}]}, {"S": "text"}), "a list, a scalar")
            plain = {i["id"]["S"]: i for i in db.items("plain")}
            tap.equal(plain["bin"]["payload"], {"B": b"\xff\0\x01"}, "bytes")
            tap.equal(plain["k"], {"id": {"S": "k"}, "other": {"S": "stays"}, "doc": {"M": {"v": {"M": {"x": {"N": "1"}}}}}},
                      "update leaves the others")
            tap.check("gone" not in plain, f"deleted: {list(plain)}")


def test_dynamodb_v2():
    """dynamoDBv2 against dynalite: a column a member; no object, no key, a wrong type, no table: the error action"""
    rules = {"one": rule("SELECT *, topic(2) AS id FROM 'put/+'", dynamodb_v2("tab")),
             **{name: rule(sql, dynamodb_v2(table), error=republish(f"errors/{name}")) for name, sql, table in (
                 ("array", "SELECT VALUE [1] FROM 'bad'", "tab"), ("nokey", "SELECT 1 AS x FROM 'bad'", "tab"),
                 ("type", "SELECT 1 AS id FROM 'bad'", "tab"), ("empty", "SELECT '' AS id FROM 'bad'", "tab"),
                 ("notable", "SELECT 'x' AS id FROM 'bad'", "none"))}}
    with Broker() as broker, Dynalite() as db, broker.subscriber("errors/#") as errors:
        db.table("tab")
        with against_dynalite(broker, db, rules) as weir:
            broker.publish("put/k", '{"a":1,"b":[true],"c":{"d":null}}')
            broker.publish("bad", "{}")
            weir.wait_settled(2)
            tap.equal(db.items("tab"), [{"id": {"S": "k"}, "a": {"N": "1"}, "b": {"L": [{"BOOL": True}]}, "c": {"M": {"d": {"NULL": True}}}}],
                      "the item")
            wait_for(lambda: len(Broker.messages(errors)) == 5, "five error documents")
            said = {m["topic"][7:]: (m["payload"] if isinstance(m["payload"], dict) else json.loads(m["payload"]))["failures"][0]
                    for m in Broker.messages(errors)}
            for name, words in (("array", "The result is no JSON object"), ("nokey", "Missing the key id in the item"),
                                ("type", "Error Code: ValidationException"), ("empty", "Error Code: ValidationException"),
                                ("notable", "Error Code: ResourceNotFoundException")):
                tap.check(words in said[name]["errorMessage"], f"{name}: {said[name]}")
                tap.equal((said[name]["failedAction"], said[name]["failedResource"]),
                          ("DynamoDBv2Action", "none" if name == "notable" else "tab"), name)


def test_dynamodb_batches():
    """dynamoDB: what waits together is one BatchWriteItem, of one key in its order; the last state is there"""
    rules = {"put": rule("SELECT n FROM 'in'", v1("tab", hashKeyValue="k${n % 40}")),
             "v2": rule("SELECT n, 'k' + n % 40 AS id FROM 'in'", dynamodb_v2("declared"), dynamodb_v2("unknown"))}
    config = {"sinks": {"dynamoDBv2": {"tables": {"declared": {"hash_key": "id"}}}}}
    with Broker() as broker, Dynalite() as db:
        for name in ("tab", "declared", "unknown"):
            db.table(name)
        with against_dynalite(broker, db, rules, config) as weir:
            broker.publish_lines("in", [json.dumps({"n": n}) for n in range(1000)])
            weir.wait_settled(1000)
            want = {f"k{n % 40}": n for n in range(1000)}
            tap.equal({i["id"]["S"]: int(i["payload"]["M"]["n"]["N"]) for i in db.items("tab")}, want, "the last of each key")
            for name in ("declared", "unknown"):
                tap.equal({i["id"]["S"]: int(i["n"]["N"]) for i in db.items(name)}, want, name)
            for name in ("put", "v2"):
                for kind, counters in weir.counters(name)["actions"].items():
                    tap.equal((counters["failure"], counters["retries"]), (0, 0), f"{name} {kind}")


def test_dynamodb_batch_requests():
    """BatchWriteItem: the exact request; unprocessed items alone go again; not allowed or not valid: one by one"""
    rules = {"put": rule("SELECT n FROM 'in'", v1("tab", hashKeyValue="k${n}", operation="${op}"), error=republish("errors"))}
    with Broker() as broker, aws.Stub() as stub, broker.subscriber("errors") as errors, \
            aws.weir(broker, stub, rules, aws.PATIENT) as weir:
        def seen(operation):
            return [json.loads(r["body"]) for r in stub.seen("dynamodb", operation)]

        def puts(request):
            return [p["PutRequest"]["Item"]["id"]["S"] for p in request["RequestItems"]["tab"]]

        # 32 lanes: behind the first request of its lane, which is held, the others wait together.
        sent = 0

        def burst(first, count=400):
            nonlocal sent
            sent += count
            aws.together(stub, weir, sent, lambda: broker.publish_lines(
                "in", [json.dumps({"n": n, "op": "INSERT"}) for n in range(first, first + count)]),
                times=32, service="dynamodb", operation="PutItem")
        burst(0)
        weir.wait_settled(400)
        batches = seen("BatchWriteItem")
        tap.check(batches, "no batch at all")
        tap.equal({len(b["RequestItems"]["tab"]) <= 25 for b in batches}, {True}, "at most 25")
        tap.equal(sorted(int(k[1:]) for b in batches for k in puts(b)) +
                  sorted(int(p["Item"]["id"]["S"][1:]) for p in seen("PutItem")),
                  sorted(set(range(400)) - {int(p["Item"]["id"]["S"][1:]) for p in seen("PutItem")}) +
                  sorted(int(p["Item"]["id"]["S"][1:]) for p in seen("PutItem")), "each once")
        one = batches[0]["RequestItems"]["tab"][0]["PutRequest"]["Item"]
        tap.equal(one, {"id": one["id"], "payload": {"M": {"n": {"N": one["id"]["S"][1:]}}}}, "an entry")
        stub.failures.clear()
        stub.reset()
        stub.fail("partial", service="dynamodb", operation="BatchWriteItem", times=1, indexes=[1])
        burst(1000)
        weir.wait_settled(800)
        again = puts(json.loads(next(r["body"] for r in stub.seen("dynamodb", "BatchWriteItem") if r["failure"] == "partial")))[1]
        counts = {}
        for k in [k for b in seen("BatchWriteItem") for k in puts(b)] + [p["Item"]["id"]["S"] for p in seen("PutItem")]:
            counts[k] = counts.get(k, 0) + 1
        tap.equal({k for k, n in counts.items() if n != 1}, {again}, "one item went again")
        tap.equal((counts[again], weir.counters("put")["actions"]["dynamoDB"]["retries"]), (2, 1), "once")
        stub.failures.clear()
        stub.reset()
        stub.fail("error", service="dynamodb", operation="BatchWriteItem", status=400, code="ValidationException",
                  message="one of them is wrong")
        burst(2000)
        weir.wait_settled(1200)
        tap.equal(len(stub.items["tab"]), 400, "all are there although one batch was refused")
        stub.failures.clear()
        stub.reset()
        stub.fail("error", service="dynamodb", operation="BatchWriteItem", status=400, code="AccessDeniedException", times=-1)
        burst(3000)
        weir.wait_settled(1600)
        tap.equal(len(stub.items["tab"]), 400, "all are there")
        wait_for(lambda: "BatchWriteItem is not allowed, items are written one by one" in weir.log, "the line")
        stub.failures.clear()
        stub.reset()
        broker.publish_lines("in", [json.dumps({"n": n, "op": "DELETE"}) for n in range(50)])
        broker.publish_lines("in", [json.dumps({"n": n, "op": "UPDATE"}) for n in range(50)])
        weir.wait_settled(1700)
        tap.equal((len(seen("DeleteItem")), len(seen("UpdateItem")), len(seen("BatchWriteItem"))), (50, 50, 0), "the others")
        update = next(u for u in seen("UpdateItem") if u["Key"] == {"id": {"S": "k7"}})
        tap.equal(update, {"TableName": "tab", "Key": {"id": {"S": "k7"}}, "UpdateExpression": "SET #p = :p",
                           "ExpressionAttributeNames": {"#p": "payload"},
                           "ExpressionAttributeValues": {":p": {"M": {"n": {"N": "7"}}}}}, "an update")
        tap.equal(Broker.messages(errors), [], "no error action")
        all_signed(stub)


def test_dynamodb_failures():
    """dynamoDB and dynamoDBv2: through every failure, a damaged answer too"""
    damaged = (*aws.PASSING, ("damage", {}))
    aws.failures("dynamoDB", v1("table", hashKeyValue="${n}"), "dynamodb", lambda r: True,
                 (400, "ResourceNotFoundException", "Requested resource not found"), "Failed to write to DynamoDB table",
                 "DynamoAction", "table", passing=damaged)
    aws.failures("dynamoDBv2", dynamodb_v2("table"), "dynamodb", lambda r: True,
                 (400, "ConditionalCheckFailedException", "The conditional request failed"), "Failed to write to DynamoDB table",
                 "DynamoDBv2Action", "table", {"sinks": {"dynamoDBv2": {"describe": False}}}, passing=damaged)


def test_dynamodb_v2_keys():
    """dynamoDBv2 asks once for a table's key, and writes together; not allowed: one by one, in the order of each topic"""
    rules = {"v2": rule("SELECT n, topic(2) AS id FROM 'a/+'", dynamodb_v2("tab"))}
    description = {"Table": {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
                             "AttributeDefinitions": [{"AttributeName": "n", "AttributeType": "N"},
                                                      {"AttributeName": "id", "AttributeType": "S"}]}}
    aws_stub.ANSWERS[("dynamodb", "DescribeTable")] = lambda *_: aws_stub.Answer(200, description)
    try:
        for allowed in (True, False):
            with Broker() as broker, aws.Stub() as stub, aws.weir(broker, stub, rules, aws.PATIENT) as weir:
                if not allowed:
                    stub.fail("error", service="dynamodb", operation="DescribeTable", times=-1, status=400, code="AccessDeniedException")
                count = 400 if allowed else 30
                aws.together(stub, weir, count, lambda: broker.publish_lines("a/k", [json.dumps({"n": n}) for n in range(count)]),
                             times=32, service="dynamodb", operation="PutItem")
                weir.wait_settled(400 if allowed else 30)
                tap.equal([json.loads(r["body"]) for r in stub.seen("dynamodb", "DescribeTable")], [{"TableName": "tab"}], "asked once")
                puts = [json.loads(r["body"])["Item"]["n"]["N"] for r in stub.seen("dynamodb", "PutItem")]
                tap.equal(bool(stub.seen("dynamodb", "BatchWriteItem")), allowed, "together")
                tap.equal(len(stub.items["tab"]), 400 if allowed else 30, "items")
                if not allowed:
                    tap.equal(puts, [str(n) for n in range(30)], "one by one, in order")
                all_signed(stub)
    finally:
        del aws_stub.ANSWERS[("dynamodb", "DescribeTable")]


if __name__ == "__main__":
    support.main(globals())
