"""`weir check`: what it finds, where it says it is, in every form of file; its reports and exit codes.

    test_check.py WEIR [test_…]
"""
import json
import os
import sys

import support
from check_cases import CASES, CFN_ACTIONS, LAMBDA, ROLE, S3, SILENT, plan, republish, rule, stack
from support import tap
from weir import binary

ESCAPE = "\x1b"


def weir(*args, cwd=None, env=None):
    return support.run([binary(), "check", *args], cwd=cwd, env=env)


def unmark(files):
    """The files without the mark, and where it was: (file, line, column) or None."""
    place, clean = None, {}
    for name, text in files.items():
        before, mark, after = text.partition("§")
        if mark:
            line = before.count("\n") + 1
            place = (name, line, len(before) - (before.rfind("\n") + 1) + 1)
        clean[name] = before + after
    return clean, place


def folder(files):
    path = support.temp_dir()
    for name, text in files.items():
        target = os.path.join(path, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
    return path


def findings(files, *args):
    """The findings of these files, each named, as `--json` gives them."""
    code, out, err = weir(*sorted(files), "--json", *args, cwd=folder(files))
    tap.check(code in (0, 1) and not err, f"exit {code}: {err}")
    return json.loads(out)


def show(found):
    return [(x["code"], x["file"], x.get("line"), x.get("column"), x.get("path"), x["message"]) for x in found]


def numbers(found):
    return [int(x["code"][1:]) for x in found]


def known_codes():
    code, out, err = weir("--codes")
    tap.equal((code, err), (0, ""), "--codes")
    return {int(line.split()[0][1:]): line.split()[0] for line in out.splitlines()}


def test_every_code_at_its_place():
    """Each case has its finding where the mark is, and no other error."""
    wrong = []
    for number, files, *args in CASES:
        clean, place = unmark(files)
        found = findings(clean, *(args[0] if args else []))
        places = [(x["file"], x.get("line"), x.get("column")) for x in found if int(x["code"][1:]) == number]
        if place not in places:
            wrong.append(f"{number} {clean}:\n  want {place}\n  found {show(found)}")
        if {n for n in numbers(found) if n < 200 and n != number}:
            wrong.append(f"{number} {clean}: errors besides: {show(found)}")
    tap.check(not wrong, "\n".join(wrong))


def test_every_code_has_a_case():
    cases = {case[0] for case in CASES}
    missing = [code for number, code in known_codes().items() if number < 300 and number not in cases]
    tap.equal(missing, [], "codes without a case")


def test_silent():
    """What is right is not complained about."""
    for number, files, *args in SILENT:
        found = findings(files, *(args[0] if args else []))
        tap.check(number not in numbers(found), f"{number} {files}: {show(found)}")
        tap.check(all(n >= 200 for n in numbers(found)), f"{number} {files}: {show(found)}")


def test_linter():
    """What is found in statements and templates has its place in the file too; a/# is fine next to a rule for a."""
    found = findings({"r.json": rule(S3, sql="SELECT temp * 2 AS double FROM 'a/#' WHERE double > 3")})
    tap.equal([(x["code"], x["line"], x["column"], x["within"]) for x in found if x["code"] in ("W301", "N371")],
              [("N371", 1, 41, {"line": 1, "column": 32}), ("W301", 1, 53, {"line": 1, "column": 44})], "statement")
    action = '{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${newuuid()}/${double}"}}'
    found = findings({"r.json": rule(action, sql="SELECT temp * 2 AS double FROM 'a/b'")})
    tap.equal([(x["code"], x["path"], x["within"]) for x in found if x["code"] == "W302"],
              [("W302", "actions[0].s3.key", {"line": 1, "column": 16})], "template")


def test_explain_every_code():
    for code in known_codes().values():
        status, out, err = weir("--explain", code)
        tap.equal((status, err), (0, ""), code)
        tap.check(out.startswith(code + " ") and "What to do:" in out and "Example:" in out, out)
    for spelling in ("w227", "227", "s3-overwrites"):
        tap.check(weir("--explain", spelling)[1].startswith("W227 s3-overwrites"), spelling)


def test_all_findings_of_a_document():
    """Not the first one only: all of them, sorted by place."""
    found = findings({"r.json": '{"sqll": 1,\n "sql": "SELECT a FROM \'a/b\'",\n "actions": [{"s3": {"bucket": "x"}},\n {"lamda": {}}],\n'
                                ' "errorAction": []}'}, "--ignore", "W201")
    errors = [(x["code"], x["line"], x["path"]) for x in found if x["severity"] == "error"]
    tap.equal([x["line"] for x in found], sorted(x["line"] for x in found), "in the order of the file")
    tap.equal(sorted(errors), sorted([
        ("E110", 1, "sqll"), ("E110", 3, "actions[0].s3.bucket"), ("E110", 4, "actions[1].lamda"),
        ("E111", 3, "actions[0].s3.bucketName"), ("E111", 3, "actions[0].s3.key"),
        ("E112", 5, "errorAction")]), "the errors")


FULL_TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  Env: {Type: String, Default: prod}
  Regions: {Type: CommaDelimitedList, Default: 'one, two'}
Mappings:
  Topics: {prod: {first: site}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  Both: !And [!Condition IsProd, !Not [!Equals [a, b]]]
Resources:
  Role: {Type: 'AWS::IAM::Role'}
  Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: the-bucket}}
  Hot:
    Type: AWS::IoT::TopicRule
    Properties:
      RuleName: !Sub 'hot_${Env}'
      Tags: [{Key: a, Value: b}]
      TopicRulePayload:
        Sql: !Sub
          - "SELECT temp, '${Second}' AS s FROM '${First}/+/reading'"
          - {First: !FindInMap [Topics, !Ref Env, first], Second: !Select [1, !Ref Regions]}
        AwsIotSqlVersion: '2016-03-23'
        RuleDisabled: 'false'
        Actions:
          - S3:
              RoleArn: !GetAtt Role.Arn
              BucketName: !Ref Bucket
              Key: !Join ['/', [!Ref Env, '${newuuid()}']]
          - !If
            - Both
            - Republish: {RoleArn: !GetAtt [Role, Arn], Topic: !Sub '${Env}/${!topic(2)}', Qos: '1'}
            - !Ref AWS::NoValue
          - !If [IsProd, !Ref 'AWS::NoValue', {Lambda: {}}]
        ErrorAction:
          Sqs: {RoleArn: !GetAtt Role.Arn, QueueUrl: !Sub 'https://sqs.${AWS::Region}.amazonaws.com/${AWS::AccountId}/q', UseBase64: 'true'}
"""


def test_cloudformation_resolves():
    """Every function that can be resolved is; what comes out is a rule without a finding."""
    found = findings({"t.yaml": FULL_TEMPLATE})
    tap.equal(show(found), [], "the whole template")
    # that it was really resolved shows in what a wrong value brings about
    found = findings({"t.yaml": FULL_TEMPLATE}, "--param", "Env=x+y")
    tap.check(any(x["code"] == "E105" for x in found), show(found))  # Mappings has no such key
    broken = FULL_TEMPLATE.replace("first: site}", "first: 'a/#/b'}")
    found = findings({"t.yaml": broken})
    tap.equal([(x["code"], x["line"]) for x in found if x["severity"] == "error"], [("E121", 21)], "FROM of a mapping")


def test_cloudformation_json_and_sam():
    document = {"Resources": {
        "Role": {"Type": "AWS::IAM::Role"},
        "R": {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": {
            "Sql": {"Fn::Join": ["", ["SELECT temp FROM '", {"Ref": "Topic"}, "'"]]}, "AwsIotSqlVersion": "2016-03-23",
            "Actions": [{"Republish": {"RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "Topic": "x", "Qos": 2}}]}}},
        "F": {"Type": "AWS::Serverless::Function", "Properties": {"Events": {
            "E": {"Type": "IoTRule", "Properties": {"Sql": "SELECT temp FRM 'a'", "AwsIotSqlVersion": "2016-03-23"}}}}},
    }, "Parameters": {"Topic": {"Type": "String", "Default": "a/b"}}}
    found = findings({"t.json": json.dumps(document, indent=1)})
    errors = [(x["code"], x["rule"], x["path"]) for x in found if x["severity"] == "error"]
    tap.equal(errors, [("E113", "R", "actions[0].republish.qos"), ("E121", "F.E", "sql")], "errors")
    found = findings({"t.json": json.dumps(document, indent=1)}, "--param", "Topic=a/#/b")
    tap.check(("E121", "R", "sql") in [(x["code"], x["rule"], x["path"]) for x in found], show(found))


def test_unknown_values():
    """A part that is not known is said, and is no false error; given with --param it is checked."""
    text = stack("""        Sql: !Sub "SELECT temp FROM '${Topic}/x'"
        AwsIotSqlVersion: 2016-03-23
        Actions: [{S3: {RoleArn: !GetAtt Bucket.Arn, BucketName: !GetAtt Bucket.Name, Key: '${newuuid()}'}}]
""", "Parameters:\n  Topic: {Type: String}\n")
    found = findings({"t.yaml": text}, "--ignore", "W205")
    tap.equal([(x["code"], x["message"]) for x in found],
              [("N213", "not checked: sql (Topic), actions[0].s3.bucketName (Bucket.Name)")], "unknown")
    found = findings({"t.yaml": text}, "--ignore", "W205", "--param", "Topic=a", "--param", "Bucket.Name=A_B")
    tap.equal([(x["code"], x["path"]) for x in found], [("E123", "actions[0].s3.bucketName")], "given")


def test_names_known_in_part():
    text = stack("        Sql: SELECT temp FROM 'a/b'\n" + CFN_ACTIONS, "Parameters:\n  Env: {Type: String}\n")
    named = text.replace("      TopicRulePayload", "      RuleName: !Sub '${Env}-hot'\n      TopicRulePayload")
    tap.equal([(x["code"], x["line"], x["column"]) for x in findings({"t.yaml": named}) if x["severity"] == "error"],
              [("E117", 8, 22)], "a hyphen that the template has")
    tap.equal([x for x in findings({"t.yaml": named.replace("-hot", "_hot")}) if x["severity"] == "error"], [], "no hyphen")


def test_terraform():
    values = {"name": "hot_readings", "enabled": True, "sql": "SELECT temp FROM 'site/+/reading'", "sql_version": "2016-03-23",
              "description": None, "tags": None,
              "s3": [{"bucket_name": "readings", "canned_acl": "private", "key": "hot/${topic(2)}/${timestamp()}.json", "role_arn": "arn:aws:iam::1:role/r"}],
              "dynamodbv2": [{"put_item": [{"table_name": "readings"}], "role_arn": "arn:aws:iam::1:role/r"}],
              "republish": [{"qos": 1, "role_arn": "arn:aws:iam::1:role/r", "topic": "alerts/${topic(2)}"}],
              "timestream": [{"role_arn": "arn:aws:iam::1:role/r", "database_name": "d", "table_name": "t",
                              "dimension": [{"name": "n", "value": "v"}], "timestamp": [{"value": "1", "unit": "SECONDS"}]}],
              "kafka": [{"destination_arn": "arn:x", "topic": "t", "header": [{"key": "k", "value": "v"}], "key": "", "partition": None,
                         "client_properties": {"bootstrap.servers": "b:9092", "ssl.keystore": "x", "ssl.keystore.password": "y"}}],
              "http": [{"url": "https://e/", "confirmation_url": "", "http_header": [{"key": "k", "value": "v"}]}],
              "sqs": [], "error_action": [{"sqs": [{"queue_url": "https://q", "role_arn": "arn:aws:iam::1:role/r", "use_base64": False}], "s3": []}]}
    found = findings({"plan.json": plan(json.dumps(values))}, "--ignore", "W230")
    tap.equal(show(found), [], "a plan without fault")
    values["s3"][0]["canned_acl"] = "privat"
    values["kafka"][0]["client_properties"]["acks"] = "7"
    values["error_action"][0]["sqs"][0]["queue_url"] = "https://q.fifo"
    text = plan(json.dumps(values, indent=1))
    found = [x for x in findings({"plan.json": text}) if x["severity"] == "error"]
    lines = text.splitlines()
    tap.equal(sorted((x["code"], lines[x["line"] - 1].split(":")[0].strip()) for x in found),
              [("E113", '"acks"'), ("E113", '"canned_acl"'), ("E123", '"queue_url"')], "errors")
    state = text.replace('"planned_values"', '"values"')
    tap.equal(len([x for x in findings({"state.json": state}) if x["severity"] == "error"]), 3, "a state")


def test_terraform_unknown():
    """What is known after apply is said with its address; --param gives it."""
    values = '{"name": "r", "enabled": true, "sql": "SELECT temp FROM \'a\'", "sql_version": "2016-03-23", "s3": [{"key": "${newuuid()}"}]}'
    after = '{"s3": [{"bucket_name": true, "role_arn": true}]}'
    text = plan(values, after, "module.a.aws_iot_topic_rule.hot[0]")
    found = findings({"plan.json": text}, "--ignore", "W205")
    tap.equal([(x["code"], x["message"]) for x in found],
              [("N213", "not checked: actions[0].s3.bucketName (module.a.aws_iot_topic_rule.hot[0].s3[0].bucket_name)")], "unknown")
    found = findings({"plan.json": text}, "--param", "module.a.aws_iot_topic_rule.hot[0].s3[0].bucket_name=A_B", "--ignore", "W205")
    tap.equal([x["code"] for x in found], ["E123"], "given")
    # a .tf file is fine next to the plan that covers it
    files = {"plan.json": text, "main.tf": 'resource "aws_iot_topic_rule" "hot" {\n  count = 1\n}\n'}
    tap.check(103 not in numbers(findings(files)), "the plan covers the block")
    files["main.tf"] += 'resource "aws_iot_topic_rule" "cold" {}\n# resource "aws_iot_topic_rule" "c" {}\n'
    tap.equal([(x["line"], x["rule"]) for x in findings(files) if x["code"] == "E103"], [(4, "aws_iot_topic_rule.cold")], "the other")


def test_folders():
    """In a folder what is not ours is passed over; what is ours and broken is not."""
    path = folder({"a/r.json": rule(S3), "package.json": "{}", "tsconfig.json": "{ // comment\n}", "chart.yaml": "{{ x }}",
                   "b/broken.json": '{"sql": "SELECT 1", "actions": [}', ".hidden/r.json": "{", "node_modules/r.json": '{"topicRulePayload": '})
    code, out, err = weir(path, "--json")
    found = json.loads(out)
    tap.equal([(x["code"], os.path.relpath(x["file"], path)) for x in found], [("E101", "b/broken.json")], "findings")
    tap.equal((code, err), (1, ""), "exit")
    code, out, err = weir(folder({"package.json": "{}"}))
    tap.check(code == 2 and "no file in it holds a rule" in err, err)


def test_exit_codes():
    good, bad, warns = {"r.json": rule(S3)}, {"r.json": rule("{}")}, {"r.json": rule(S3, error="")}
    tap.equal(weir("r.json", cwd=folder(good))[0], 0, "nothing found")
    tap.equal(weir("r.json", cwd=folder(bad))[0], 1, "an error")
    tap.equal(weir("r.json", cwd=folder(warns))[0], 0, "a warning")
    tap.equal(weir("r.json", "--strict", cwd=folder(warns))[0], 1, "a warning, --strict")
    for args in ([], ["--nonsense", "x"], ["--explain", "E999"], ["--ignore", "x", "r.json"], ["--param", "x", "r.json"],
                 ["none.json"], ["--markdown", "r.json"], ["--explain"], ["r.json", "--json", "--sarif", "-"]):
        code, out, err = weir(*args, cwd=folder(good))
        tap.check(code == 2 and err.startswith("weir check: "), f"{args}: {code} {out} {err}")
    tap.equal(weir("r.json", "--sarif", "/nonexistent/x", cwd=folder(good))[0], 2, "SARIF that cannot be written")


def test_ignore_and_lenient():
    text = rule(S3, error="", head='"description": "weir-check: ignore W205, E110", "extra": 1, ')
    tap.equal(show(findings({"r.json": text})), [], "in the description")
    text = rule(S3, head='"extra": 1, ')
    tap.equal([x["code"] for x in findings({"r.json": text}, "--lenient")], ["W110"], "--lenient")
    tap.equal([x["code"] for x in findings({"r.json": text}, "--ignore", "unknown-member")], [], "--ignore")


def test_text_report():
    """file:line:column, the line with a caret below it, the remedy, a sum; no colour in a pipe."""
    path = folder({"r.json": rule(S3, sql="SELECT temp FROM 'a/b' WHERE name LIKE 'k%'")})
    code, out, err = weir("r.json", cwd=path)
    lines = out.splitlines()
    tap.equal((code, err), (1, ""), "exit")
    tap.check(lines[0].startswith("r.json:1:44: error E121: r sql: found 'LIKE', expected "), lines[0])
    tap.check(lines[0].endswith("(line 1, column 35 of it)"), lines[0])
    tap.equal(lines[1][lines[2].index("^"):][:4], "LIKE", "the caret")
    tap.check(lines[3].startswith("  = "), lines[3])
    tap.equal(lines[-1], "1 rule in 1 file: 1 error, 0 warnings, 0 notes", "the sum")
    tap.check(ESCAPE not in out, "colour in a pipe")


def test_excerpt_of_a_long_line():
    """A plan is one line: a window of it is shown, and the caret points into it."""
    pad = "x" * 5000
    text = '{"description": "' + pad + '", "sql": "SELECT a FROM \'a\' WHERE b LIKE 1", "actions": [], "awsIotSqlVersion": "2016-03-23", "ruleDisabled": false}'
    code, out, err = weir("r.json", cwd=folder({"r.json": text}))
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if "E121" in line)
    tap.check(len(lines[at + 1]) < 250, "a window")
    tap.equal(lines[at + 1][lines[at + 2].index("^"):][:4], "LIKE", "the caret")


def test_sarif():
    """SARIF 2.1.0: the members that the standard and code hosts demand."""
    path = folder({"ru les/ä.json": rule(S3, error="", sql="SELECT temp FROM 'a/b' WHERE x LIKE 1"), "ru les/r.json": rule(S3, error="")})
    code, out, err = weir("ru les", "--sarif", "out.sarif", cwd=path)
    tap.equal((code, err), (1, ""), "exit")
    with open(os.path.join(path, "out.sarif"), encoding="utf-8") as f:
        log = json.load(f)
    tap.equal(log["version"], "2.1.0", "version")
    tap.check(log["$schema"].endswith("sarif-2.1.0.json"), "schema")
    tap.equal(len(log["runs"]), 1, "runs")
    run = log["runs"][0]
    driver = run["tool"]["driver"]
    tap.equal(driver["name"], "weir check", "driver")
    tap.equal(run["columnKind"], "unicodeCodePoints", "columns")
    ids = [r["id"] for r in driver["rules"]]
    tap.equal(len(ids), len(set(ids)), "rules are unique")
    for r in driver["rules"]:
        for member in ("shortDescription", "fullDescription", "help"):
            tap.check(r[member]["text"], member)
        tap.check(r["defaultConfiguration"]["level"] in ("error", "warning", "note"), "level")
    tap.check(run["results"], "results")
    for r in run["results"]:
        tap.equal(ids[r["ruleIndex"]], r["ruleId"], "ruleIndex")
        tap.check(r["level"] in ("error", "warning", "note") and r["message"]["text"], "result")
        physical = r["locations"][0]["physicalLocation"]
        uri = physical["artifactLocation"]["uri"]
        tap.check(uri in ("ru%20les/%C3%A4.json", "ru%20les/r.json"), uri)
        region = physical["region"]
        tap.check(region["startLine"] >= 1 and region["startColumn"] >= 1, "region")
    sql = next(r for r in run["results"] if r["ruleId"] == "E121")
    tap.equal(sql["locations"][0]["physicalLocation"]["region"], {"startLine": 1, "startColumn": 41}, "place of the SQL")
    tap.equal(sql["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "ä.sql", "rule and member")
    code, out, err = weir("ru les", "--sarif", "-", cwd=path)
    tap.equal(json.loads(out), log, "on standard output")
    code, out, err = weir(os.path.join(path, "ru les", "r.json"), "--sarif", "-", cwd=path)
    tap.equal(json.loads(out)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
              "ru%20les/r.json", "an absolute path is made relative")


def test_hostile_input():
    """Any bytes: a finding or an exit code of 2, in bounded time; no crash."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12))
    files = {
        "bomb.yaml": bomb + "Resources: *k\n", "self.yaml": "a: &a [*a]\n", "deep.json": "[" * 100000, "deep.yaml": "[" * 100000,
        "deep2.json": '{"sql":' * 300 + "1" + "}" * 300, "empty.json": "", "empty.yaml": "", "null.json": "null", "list.json": "[]",
        "bytes.json": b"\xff\xfe{\x00", "bytes.yaml": b"sql: \xff\n", "nul.json": '{"sql": "a\\u0000", "actions": []}',
        "surrogate.json": '{"sql": "\\ud800", "actions": []}', "bom.json": "\ufeff{}", "two.yaml": "a: 1\n---\nb: 2\n",
        "number.json": '{"sql": 1' + "0" * 400 + ', "actions": 1e999}', "circle.yaml": stack(
            "        Sql: !If [A, 'SELECT 1', 'SELECT 2']\n" + CFN_ACTIONS, "Conditions:\n  A: !Not [!Condition A]\n"),
        "types.json": '{"ruleName": [], "topicRulePayload": {"sql": {}, "actions": {"a": 1}, "errorAction": 3, "description": [1]}}',
        "cfn.json": '{"Resources": {"R": {"Type": "AWS::IoT::TopicRule", "Properties": {"Fn::Sub": [[]]}}}}',
        "cfn2.json": '{"Resources": {"R": {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": {"Ref": {}}}}}}',
        "cfn3.json": '{"Resources": {"R": {"Type": "AWS::IoT::TopicRule"}}}',
        "cfn4.yaml": "Resources:\n  R:\n    Type: AWS::IoT::TopicRule\n    Properties: {TopicRulePayload: {Sql: !Sub [x], Actions: !Ref 'AWS::NoValue'}}\n",
        "tf.json": '{"format_version": [], "values": {"root_module": {"resources": [1, {"mode": "managed", "type": "aws_iot_topic_rule", "address": 1, "values": []}]}}}',
        "doubling.yaml": stack("        Sql: " + "!Sub ['${a}${a}', {a: " * 40 + "xxxxxxxx" + "}]" * 40 + "\n" + CFN_ACTIONS),
    }
    path = folder(files)
    for name in sorted(files):
        code, out, err = weir(name, "--json", cwd=path)
        tap.check(code in (0, 1), f"{name}: {code} {err}")
        tap.check(json.loads(out), f"{name}: nothing is said")
    tap.equal(weir(".", cwd=path)[0], 1, "all of them")


if __name__ == "__main__":
    support.main(globals(), sys.argv[2:])
