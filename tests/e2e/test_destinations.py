#!/usr/bin/env python3
"""Topic rule destinations: made, confirmed, enabled; what rules may post to. By Debian's boto3.

usage: test_destinations.py BUILD/weir [test_NAME]...
"""
import json

from control import alone, client, pages, port, refused, sock
from http_client import ask, get
from http_server import Server
import support
from support import Broker, tap, wait_for
from test_control_cli import cli
from test_http import put_secret
from weir import ROLE, Weir, rule, s3

HERE = {"region": "eu-west-1"}
CONFIRM = {**HERE, "sinks": {"http": {"require_confirmation": True}}}
UNKNOWN = "arn:aws:iot:eu-west-1:123456789012:ruledestination/http/11111111-2222-4333-8444-555555555555"


def http(url):
    return {"httpUrlConfiguration": {"confirmationUrl": url}}


def make(iot, url):
    return iot.create_topic_rule_destination(destinationConfiguration=http(url))["topicRuleDestination"]


def status(iot, arn):
    return iot.get_topic_rule_destination(arn=arn)["topicRuleDestination"]["status"]


def asked(server, path, count=1):
    """The confirmation requests that came to `path`, when there are so many."""
    wait_for(lambda: len([r for r in server.requests if r.path.startswith(path)]) >= count, f"{count} requests to {path}")
    return [r for r in server.requests if r.path.startswith(path)]


def test_handshake():
    """IN_PROGRESS, a request with the token, confirmed without a signature: DISABLED; then ENABLED and back"""
    with Server() as server, alone(CONFIRM) as weir:
        iot = client(weir)
        made = make(iot, server.url + "/hook")
        tap.equal((made["status"], made["httpUrlProperties"]), ("IN_PROGRESS", {"confirmationUrl": server.url + "/hook"}),
                  "made")
        tap.check(made["arn"].startswith("arn:aws:iot:eu-west-1:123456789012:ruledestination/http/"), made["arn"])
        request = asked(server, "/hook")[0]
        body = json.loads(request.body)
        token = body["confirmationToken"]
        tap.equal(request.path, f"/hook/?confirmationToken={token}", "path")
        tap.equal((body["arn"], body["messageType"]), (made["arn"], "DestinationConfirmation"), "body")
        tap.equal((request.method, request.headers["Content-Type"], request.headers["x-amz-rules-engine-message-type"],
                   request.headers["x-amz-rules-engine-destination-arn"]),
                  ("POST", "application/json", "DestinationConfirmation", made["arn"]), "headers")
        tap.equal(body["enableUrl"], f"http://127.0.0.1:{port(weir)}/confirmdestination/{token}", "enableUrl")
        refused("InvalidRequestException", 400, iot.update_topic_rule_destination, arn=made["arn"], status="ENABLED")
        refused("InvalidRequestException", 400, iot.update_topic_rule_destination, arn=made["arn"], status="DISABLED")
        tap.equal(get(port(weir), "/confirmdestination/" + token[:-1] + "_").status, 400, "another token")
        tap.equal(status(iot, made["arn"]), "IN_PROGRESS", "still")
        tap.equal(get(port(weir), "/confirmdestination/" + token).json, {}, "confirmed, unsigned")
        tap.equal(status(iot, made["arn"]), "DISABLED", "confirmed")
        tap.equal(get(port(weir), "/confirmdestination/" + token).status, 400, "a token is good once")
        for wanted in ("ENABLED", "ENABLED", "DISABLED", "DISABLED", "ENABLED"):
            iot.update_topic_rule_destination(arn=made["arn"], status=wanted)
            tap.equal(status(iot, made["arn"]), wanted, wanted)
        for wanted in ("ERROR", "DELETING", "PAINTED"):
            refused("InvalidRequestException", 400, iot.update_topic_rule_destination, arn=made["arn"], status=wanted)
        iot.update_topic_rule_destination(arn=made["arn"], status="IN_PROGRESS")
        other = json.loads(asked(server, "/hook", 2)[1].body)["confirmationToken"]
        tap.check(other != token, "another token")
        weir.kill()
        weir.start(wait=False)
        weir.process.wait_line("started: pid")
        iot = client(weir)
        tap.equal(status(iot, made["arn"]), "IN_PROGRESS", "after kill -9")
        iot.confirm_topic_rule_destination(confirmationToken=other)
        iot.update_topic_rule_destination(arn=made["arn"], status="ENABLED")
        tap.equal(status(iot, made["arn"]), "ENABLED", "enabled")


def test_errors():
    """What is refused; what an endpoint that does not answer comes to; listings, limits, deletion"""
    with Server() as server, alone(CONFIRM) as weir:
        iot = client(weir)
        server.say("/no/", 503)
        made = make(iot, server.url + "/no")
        refused("ResourceAlreadyExistsException", 409, iot.create_topic_rule_destination,
                destinationConfiguration=http(server.url + "/no"))
        wait_for(lambda: "status 503" in iot.get_topic_rule_destination(arn=made["arn"])["topicRuleDestination"].get(
            "statusReason", ""), "the reason")
        dead = make(iot, f"http://127.0.0.1:{support.free_port()}/x")
        wait_for(lambda: "failed" in iot.get_topic_rule_destination(arn=dead["arn"])["topicRuleDestination"].get(
            "statusReason", ""), "the reason")
        for bad in ({}, http("ftp://a/b"), http("http://example.com/"), http("https://a/?q"), http("https://a b"), http(""),
                    {**http("https://a/"), "vpcConfiguration": {}}, {"httpUrlConfiguration": {}},
                    {"vpcConfiguration": {"vpcId": "v"}}):
            refused("InvalidRequestException", 400, iot.create_topic_rule_destination, destinationConfiguration=bad)
        for call, more in ((iot.get_topic_rule_destination, {}), (iot.delete_topic_rule_destination, {}),
                           (iot.update_topic_rule_destination, {"status": "ENABLED"})):
            refused("ResourceNotFoundException", 404, call, arn=UNKNOWN, **more)
            refused("ResourceNotFoundException", 404, call, arn="nothing", **more)
        refused("InvalidRequestException", 400, iot.confirm_topic_rule_destination, confirmationToken="nothing")
        vpcs = []
        for i in range(5):
            vpc = iot.create_topic_rule_destination(destinationConfiguration={"vpcConfiguration": {
                "vpcId": f"vpc-{i}", "subnetIds": ["s1", "s2"], "roleArn": ROLE}})["topicRuleDestination"]
            tap.equal((vpc["status"], vpc["vpcProperties"]["vpcId"]), ("IN_PROGRESS", f"vpc-{i}"), "made")
            tap.equal(status(iot, vpc["arn"]), "ENABLED", "and there at once")
            tap.check(":ruledestination/vpc/" in vpc["arn"], vpc["arn"])
            vpcs.append(vpc["arn"])
        refused("LimitExceededException", 410, iot.create_topic_rule_destination, destinationConfiguration={
            "vpcConfiguration": {"vpcId": "v", "subnetIds": ["s"], "roleArn": ROLE}})
        items, count = pages(iot.list_topic_rule_destinations, "destinationSummaries", maxResults=3)
        tap.equal(([x["arn"] for x in items], count), ([made["arn"], dead["arn"], *vpcs], 3), "listed")
        tap.equal(items[0]["httpUrlSummary"], {"confirmationUrl": server.url + "/no"}, "an item")
        tap.equal(items[2]["vpcDestinationSummary"]["subnetIds"], ["s1", "s2"], "a VPC")
        iot.delete_topic_rule_destination(arn=dead["arn"])
        refused("ResourceNotFoundException", 404, iot.get_topic_rule_destination, arn=dead["arn"])
        there = client(weir, region="us-east-1")
        tap.equal(there.list_topic_rule_destinations()["destinationSummaries"], [], "another region")
        refused("ResourceNotFoundException", 404, there.get_topic_rule_destination, arn=made["arn"])


def test_rules():
    """Rules post only where an ENABLED destination covers the URL; a rule makes the destinations that it needs"""
    with Server() as server, Broker() as broker:
        def post(url, **members):
            return rule("SELECT * FROM 'a/+'", {"http": {"url": url, **members}}, error=s3("late", "${topic(2)}"))
        with Weir(broker, {"filed": rule("SELECT * FROM 'f/+'", {"http": {"url": server.url + "/filed"}},
                                         error=s3("late", "f-${topic(2)}"))}, CONFIRM) as weir:
            iot = client(weir)
            refused("InvalidRequestException", 400, iot.create_topic_rule, ruleName="r",
                    topicRulePayload=post(server.url + "/to/${topic(2)}"))
            iot.create_topic_rule(ruleName="r", topicRulePayload=post(server.url + "/to/${topic(2)}",
                                                                      confirmationUrl=server.url + "/to"))
            token = json.loads(asked(server, "/to")[0].body)["confirmationToken"]
            arn, = [x["arn"] for x in iot.list_topic_rule_destinations()["destinationSummaries"]]
            broker.publish("a/1", "{}")
            failure = json.loads(wait_for(lambda: weir.objects("late").get("1"), "the error action"))["failures"][0]
            tap.check("destination" in failure["errorMessage"], failure["errorMessage"])
            iot.confirm_topic_rule_destination(confirmationToken=token)
            broker.publish("a/2", "{}")
            wait_for(lambda: "2" in weir.objects("late"), "still refused: it is DISABLED")
            iot.update_topic_rule_destination(arn=arn, status="ENABLED")
            broker.publish("a/3", "{}")
            wait_for(lambda: server.seen("/to/3"), "the request")
            weir.kill()
            weir.start()
            broker.publish("a/4", "{}")
            wait_for(lambda: server.seen("/to/4"), "the request after kill -9")
            broker.publish("f/1", "{}")
            wait_for(lambda: "f-1" in weir.objects("late"), "the file's rule has no destination")
            cli(weir, "destinations", "create", server.url + "/filed")
            token = json.loads(asked(server, "/filed")[0].body)["confirmationToken"]
            cli(weir, "destinations", "confirm", token)
            rows = [x.split() for x in cli(weir, "destinations", "list").splitlines()]
            tap.equal([(r[1], r[2]) for r in rows], [("STATUS", "URL"), ("ENABLED", server.url + "/to"),
                                                     ("DISABLED", server.url + "/filed")], "the table")
            cli(weir, "destinations", "enable", rows[2][0])
            broker.publish("f/2", "{}")
            wait_for(lambda: server.seen("/filed"), "the request of the file's rule")
            iot = client(weir)
            iot.replace_topic_rule(ruleName="r", topicRulePayload=post(server.url + "/fresh"))
            asked(server, "/fresh")
            tap.equal(len(iot.list_topic_rule_destinations()["destinationSummaries"]), 3, "made by the replacement")
            iot.delete_topic_rule_destination(arn=arn)
            there = client(weir, region="us-east-1")
            there.create_topic_rule(ruleName="r", topicRulePayload=post(server.url + "/filed/x"))
            broker.publish("a/5", "{}")
            wait_for(lambda: "5" in weir.objects("late"), "another region's destination covers nothing here")
            tap.equal(server.seen("/filed/x"), [], "nothing was posted")


def test_without():
    """Without sinks.http.require_confirmation a destination is ENABLED at once, and rules need none"""
    with Server() as server, Broker() as broker, Weir(broker, config=HERE) as weir:
        iot = client(weir)
        made = make(iot, server.url + "/hook")
        tap.equal((made["status"], status(iot, made["arn"])), ("ENABLED", "ENABLED"), "at once")
        iot.create_topic_rule(ruleName="r", topicRulePayload=rule("SELECT * FROM 'a'", {"http": {"url": server.url + "/to"}}))
        broker.publish("a", "{}")
        wait_for(lambda: server.seen("/to"), "the request")
        tap.equal(server.seen("/hook/"), [], "nobody was asked")
        tap.equal(len(iot.list_topic_rule_destinations()["destinationSummaries"]), 1, "none was made")


def test_influx():
    """influxDB: checked with its token; ENABLED or ERROR; rules of its tenant and region write there, no others"""
    config = {**HERE, "sinks": {"influxDB": {"mode": "aws"}}}
    with Server() as server, Broker() as broker, Weir(broker, config=config) as weir:
        put_secret(weir, "token", json.dumps({"influx": "hush-1"}))

        def create(endpoint=server.url, **more):
            return ask(sock(weir), "POST", "/destinations", body=json.dumps({"destinationConfiguration": {
                "influxDBConfiguration": {"endpoint": endpoint, "influxDBVersion": "V2", "secretId": "token",
                                          "secretKey": "influx", **more}}}))

        def shown(arn):
            return ask(sock(weir), "GET", "/destinations/" + arn).json["topicRuleDestination"]

        made = create().json["topicRuleDestination"]
        tap.equal((made["status"], made["influxDBProperties"]["endpoint"]), ("IN_PROGRESS", server.url), "made")
        tap.check(":ruledestination/influxdb/" in made["arn"], made["arn"])
        wait_for(lambda: shown(made["arn"])["status"] == "ENABLED", "the check")
        request = server.seen("/api/v2/me")[0]
        tap.equal((request.method, request.headers["Authorization"]), ("GET", "Token hush-1"), "version 2")
        three = create(influxDBVersion="V3").json["topicRuleDestination"]
        wait_for(lambda: shown(three["arn"])["status"] == "ENABLED", "the check")
        tap.equal(server.seen("/api/v3/configure/database")[0].headers["Authorization"], "Bearer hush-1", "version 3")

        def write(arn):
            return rule("SELECT * FROM 'a/+'", {"influxDB": {"destinationArn": arn, "roleArn": ROLE, "databaseName": "db",
                                                             "tableName": "t", "organization": "o"}},
                        error=s3("late", "${topic(2)}"))
        here, there = (client(weir, region=r) for r in ("eu-west-1", "us-east-1"))
        for region in ("eu-west-1", "us-east-1"):
            answer = ask(sock(weir), "POST", "/rules/w", body=json.dumps(write(made["arn"])),
                         headers={"X-Weir-Region": region})
            tap.equal(answer.status, 200, answer.text)
        broker.publish("a/1", '{"timestamp": 7, "n": 1.5}')
        wait_for(lambda: server.seen("/api/v2/write"), "the points")
        points = server.seen("/api/v2/write")
        tap.equal((points[0].body, points[0].headers["Authorization"]), (b"t n=1.5 7\n", "Token hush-1"), "written")
        failure = json.loads(wait_for(lambda: weir.objects("late").get("1"), "the other region's failure"))
        tap.check("destination" in failure["failures"][0]["errorMessage"], failure["failures"][0]["errorMessage"])
        here.update_topic_rule_destination(arn=made["arn"], status="DISABLED")
        there.delete_topic_rule(ruleName="w")
        broker.publish("a/2", '{"timestamp": 8, "n": 1.5}')
        wait_for(lambda: "2" in weir.objects("late"), "a disabled one takes nothing")
        tap.equal(len(server.seen("/api/v2/write")), 1, "nothing was written")
        server.say("/api/v2/me", 401)
        here.update_topic_rule_destination(arn=made["arn"], status="IN_PROGRESS")
        wait_for(lambda: shown(made["arn"])["status"] == "ERROR", "the check")
        tap.check("status 401" in shown(made["arn"])["statusReason"], "the reason")
        lost = create(secretId="nosuch").json["topicRuleDestination"]
        wait_for(lambda: "token is not known" in shown(lost["arn"]).get("statusReason", ""), "the reason")
        for more in ({"endpoint": "http://example.com"}, {"influxDBVersion": "V4"}, {"secretId": ""},
                     {"secretType": "SecretBinary"}):
            tap.equal(create(**more).status, 400, more)
        tap.check("hush" not in weir.log, "the token in the log")


if __name__ == "__main__":
    support.main(globals())
