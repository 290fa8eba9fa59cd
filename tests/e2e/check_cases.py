"""One case for every code of `weir check` below 300: files, and where the finding must stand. The mark § is not part
of a file: it stands in front of the character that the finding points to. Data for test_check.py.

Each case: code, {file: text}, and optionally
  args     further arguments
  without  the same with what is wrong put right: the code must not appear
"""

ROLE = '"roleArn": "arn:aws:iam::123456789012:role/r"'
SQS = '{"sqs": {' + ROLE + ', "queueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q", "useBase64": true}}'
S3 = '{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${newuuid()}"}}'
LAMBDA = '{"lambda": {"functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f"}}'
SQL = "SELECT temp FROM 'site/+/reading'"


def rule(*actions, sql=SQL, version='"awsIotSqlVersion": "2016-03-23", ', error='"errorAction": ' + SQS, head=""):
    """A rule document as text, a member a line."""
    lines = [head + '"sql": "' + sql + '",', version + '"actions": [' + ", ".join(actions) + "]" + ("," if error else "")]
    return "{" + "\n ".join(lines + ([error] if error else [])) + "}\n"


def republish(members):
    return '{"republish": {' + ROLE + ', "topic": "out/x", ' + members + "}}"


def kafka(properties, rest=""):
    return ('{"kafka": {"destinationArn": "arn:aws:iot:us-east-1:1:ruledestination/vpc/x", "topic": "t", '
            + rest + '"clientProperties": {' + properties + "}}}")


KAFKA_SSL = '"bootstrap.servers": "b:9092", "ssl.keystore": "x", "ssl.keystore.password": "y"'


def http(members):
    return '{"http": {' + members + "}}"


def action(kind, members):
    return '{"' + kind + '": {' + ROLE + ", " + members + "}}"


METRIC = '"metricNamespace": "n", "metricName": "m", "metricValue": "1", "metricUnit": "Count"'
SEARCH = '"endpoint": "https://e", "index": "i"'
TABLES = '"databaseName": "d", "tableName": "t", "dimensions": [{"name": "n", "value": "${topic(2)}"}]'


def stack(properties, top="", type_="AWS::IoT::TopicRule"):
    """A CloudFormation template in YAML; `properties` are those of the payload, indented by eight."""
    return f"""{top}Resources:
  Bucket: {{Type: 'AWS::S3::Bucket'}}
  Hot:
    Type: {type_}
    Properties:
      TopicRulePayload:
{properties}"""


def plan(values, after="{}", address="aws_iot_topic_rule.hot"):
    return ('{"format_version": "1.2", "planned_values": {"root_module": {"resources": [\n'
            f'{{"address": "{address}", "mode": "managed", "type": "aws_iot_topic_rule", "name": "hot", "values": {values}}}'
            ']}}, "resource_changes": [{"address": "' + address + '", "change": {"after_unknown": ' + after + "}}]}\n")


CFN_ACTIONS = """        AwsIotSqlVersion: 2016-03-23
        Actions: []
        ErrorAction: {S3: {RoleArn: 'arn:aws:iam::1:role/r', BucketName: errors, Key: '${newuuid()}'}}
"""

CASES = [
    # ---- files and forms
    (101, {"r.json": '{"sql": "SELECT 1",§}'}),
    (101, {"r.yaml": "sql: 'SELECT 1'\nactions: [§]]\n".replace("§]]", "]§]")}),
    (101, {"r.json": '{"sql": "a",\n "actions": [],\n §"sql": "b"}'}),
    (102, {"package.json": '§{"name": "x"}'}),
    (103, {"main.tf": '# a rule\n§resource "aws_iot_topic_rule" "hot" {\n}\n'}),
    (103, {"main.tf.json": '{"resource": {"aws_iot_topic_rule": {§"hot": {}}}}'}),
    (104, {"t.yaml": stack("        Sql: !Ref §Statement\n" + CFN_ACTIONS, "Parameters:\n  Statement: {Type: String}\n")}),
    (104, {"plan.json": plan('{"name": "hot", "enabled": true, "sql_version": "2016-03-23"}', '{"sql": true}').replace('"values": ', '"values": §')}),
    (105, {"t.yaml": stack("        Sql: !Sub \"SELECT * FROM 'a/§${topic(2)}'\"\n" + CFN_ACTIONS)}),
    (105, {"t.json": '{"Resources": {"R": {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": {'
                     '"Sql": §{"Fn::Join": ["", "x"]}, "AwsIotSqlVersion": "2016-03-23", "Actions": []}}}}}'}),
    (106, {"t.yaml": stack("        Sql: !Sub \"SELECT * FROM 'a/§${device}'\"\n" + CFN_ACTIONS)}),
    # ---- the document
    (110, {"r.json": rule('{"s3": {' + ROLE + ', §"bucket": "b", "bucketName": "bbb", "key": "${newuuid()}"}}')}),
    (110, {"r.json": rule(S3, head='§"descripton": "x", ')}),
    (110, {"t.yaml": stack("        §sql: SELECT 1\n" + CFN_ACTIONS)}),
    (111, {"r.json": rule('{§"s3": {' + ROLE + ', "key": "${newuuid()}"}}')}),
    (111, {"r.json": '§{"sql": "SELECT 1", "awsIotSqlVersion": "2016-03-23", "errorAction": ' + SQS + "}"}),
    (111, {"r.json": rule(kafka('"bootstrap.servers": "b:9092"').replace('"clientProperties"', '§"clientProperties"'))}),
    (112, {"r.json": rule(republish('"qos": §[1]').replace("§[1]", "[1]").replace('"qos"', '§"qos"'))}),
    (113, {"r.json": rule(republish('§"qos": 2'.replace('§"qos": ', '"qos": §')))}),
    (113, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${newuuid()}", "cannedAcl": §"privat"}}')}),
    (114, {"r.json": rule(http('"url": §"https://e/' + "x" * 2000 + '"'))}),
    (114, {"r.json": rule('{"timestream": {' + ROLE + ', "databaseName": "d", "tableName": "t", §"dimensions": []}}')}),
    (115, {"r.json": rule('§{"s3": {}, "lambda": {}}')}),
    (115, {"r.json": rule("§{}")}),
    (116, {"r.json": rule(republish('"qos": §"${qos}"'))}),
    (116, {"r.json": rule(http('"url": "https://e/", "headers": [{"key": §"${k}", "value": "v"}]'))}),
    (117, {"r.json": '{"ruleName": §"hot-readings",\n "topicRulePayload": ' + rule(S3) + "}"}),
    (118, {"r.json": "§" + rule(S3, head='"description": "' + "x" * 131072 + '", ')}),
    (119, {"r.json": rule(*[S3] * 11).replace('"actions"', '§"actions"')}),
    (120, {"r.json": rule(S3, version='"awsIotSqlVersion": §"2016-03-24", ')}),
    (121, {"r.json": rule(S3, sql="SELECT temp FROM 'a/b' WHERE name §LIKE 'k%'")}),
    (121, {"r.yaml": "sql: |\n  SELECT temp\n  FROM 'a/b' WHERE 'ä' §LIKE 'k%'\nawsIotSqlVersion: '2016-03-23'\nactions: []\n"}),
    (121, {"r.json": rule(S3, sql="SELECT \\u00e4\\n FROM 'a' WHERE \\\"x\\\" §LIKE 1")}),
    (121, {"t.yaml": stack("        Sql: >-\n          SELECT temp\n          FROM 'a/b'\n          WHERE x §LIKE 1\n" + CFN_ACTIONS)}),
    (121, {"t.yaml": stack("        Sql: !Sub \"SELECT ${!x} FROM 'a'\"\n".replace("${!x}", "x §LIKE 1") + CFN_ACTIONS)}),
    (122, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "a/${topic(2§}"}}')}),
    (122, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${newuuid()}/${§!topic(2)}"}}')}),
    (122, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${newuuid()}${§decode(a, \'proto\', \'b\', \'k\', \'p\', \'m\')}"}}')}),
    (123, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": §"My_Bucket", "key": "${newuuid()}"}}')}),
    (123, {"r.json": rule('{"sqs": {' + ROLE + ', "queueUrl": §"https://sqs.us-east-1.amazonaws.com/1/q.fifo", "useBase64": true}}')}),
    (123, {"r.json": rule('{"sns": {' + ROLE + ', "targetArn": §"arn:aws:sns:us-east-1:1:t.fifo"}}')}),
    (124, {"r.json": rule(S3, sql="SELECT temp FROM §'a/b/c/d/e/f/g/h/i'")}),
    (124, {"r.json": rule(S3, sql="SELECT temp FROM §'" + "x" * 257 + "'")}),
    (125, {"r.json": rule(S3, sql="SELECT temp FROM §'$aws/rules/other/#'")}),
    (126, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${newuuid()}/§@{device}"}}')}),
    (127, {"r.json": rule('{"republish": {' + ROLE + ', "topic": §"$$aws/things/x/jobs/start-next", "qos": 1}}')}),
    (127, {"r.json": rule('{"republish": {' + ROLE + ', "topic": §"$$aws/things/${topic(2)}/defender/metrics/json", "qos": 1}}')}),
    (128, {"r.json": rule('{§"null": {}}')}),
    (128, {"r.json": rule(http('"url": §"http://127.0.0.1:8080/"'))}),
    (128, {"r.json": rule(kafka('"bootstrap.servers": "b:9092", "security.protocol": §"PLAINTEXT"'))}),
    # ---- the rule as a whole
    (201, {"r.json": "§" + rule(S3, version="")}),
    (202, {"r.json": rule(S3, sql="SELECT * FROM 'a/b'", version='"awsIotSqlVersion": §"2015-10-08", ')}),
    (203, {"a.json": '{"ruleName": "r",\n "topicRulePayload": ' + rule(S3) + "}",
           "b.json": '{"ruleName": §"r",\n "topicRulePayload": ' + rule(S3) + "}"}),
    (204, {"r.json": rule().replace('"actions"', '§"actions"')}),
    (205, {"r.json": "§" + rule(S3, error="")}),
    (206, {"r.json": rule(S3, error='"errorAction": {"s3": {' + ROLE + ', "bucketName": "errors", "key": "${newuuid()}/${§ruleName}"}}')}),
    (207, {"r.json": rule('{"republish": {' + ROLE + ', "topic": §"a/out", "qos": 1}}', sql="SELECT temp FROM 'a/+'")}),
    (207, {"r.json": rule('{"republish": {' + ROLE + ', "topic": §"b/x", "qos": 1}}', sql="SELECT temp FROM 'a/+'"),
           "s.json": rule('{"republish": {' + ROLE + ', "topic": "a/${topic(2)}", "qos": 1}}', sql="SELECT temp FROM 'b/+'")}),
    (208, {"r.json": rule('{§"iotAnalytics": {' + ROLE + ', "channelName": "c"}}')}),
    (209, {"r.json": rule('{"s3": {"roleArn": §"iot-sink", "bucketName": "readings", "key": "${newuuid()}"}}')}),
    (210, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${newuuid()}", §"cannedacl": "private"}}')}),
    (211, {"r.json": rule(LAMBDA, LAMBDA.replace("us-east-1", "eu-west-1").replace('"arn', '§"arn'))}),
    (212, {"r.json": rule(S3, sql="SELECT temp").replace('"SELECT', '§"SELECT')}),
    (213, {"t.yaml": stack("""        Sql: SELECT temp FROM 'a/b'
        AwsIotSqlVersion: 2016-03-23
        Actions: [{S3: {RoleArn: !GetAtt Hot.Arn, BucketName: !ImportValue b, Key: '${newuuid()}'}}]
""").replace("TopicRulePayload", "§TopicRulePayload")}),
    (214, {"t.yaml": stack("""        Sql: SELECT temp FROM 'a/b'
        AwsIotSqlVersion: 2016-03-23
        Actions:
          - DynamoDB: {RoleArn: 'arn:aws:iam::1:role/r', TableName: table, HashKeyField: h, HashKeyValue: '${topic(2)}',
                       §Operation: INSERT}
""")}),
    (215, {"t.yaml": "Resources:\n  §Fn::ForEach::Rules: [x, [a], {'R${x}': {Type: 'AWS::IoT::TopicRule'}}]\n"}),
    (216, {"hot-readings.json": "§" + rule(S3)}),
    (217, {"r.json": rule(republish('"qos": 1, "headers": {"userProperties": [§{"key": "weir-hops", "value": "1"}]}'))}),
    # ---- what an action makes of the result
    (221, {"r.json": rule('{§"dynamoDBv2": {' + ROLE + ', "putItem": {"tableName": "table"}}}', sql="SELECT VALUE temp + 1 FROM 'a/b'")}),
    (222, {"r.json": rule("{§" + LAMBDA[1:], sql="SELECT VALUE state.reported FROM 'a/b'")}),
    (223, {"r.json": rule("{§" + LAMBDA[1:], sql="SELECT * FROM 'a/b'")}),
    (224, {"r.json": rule('{§"dynamoDBv2": {' + ROLE + ', "putItem": {"tableName": "table"}}}')}, ["--table", "table=device"]),
    (224, {"r.json": rule('{"dynamoDB": {' + ROLE + ', "tableName": "table", "hashKeyField": "device", "hashKeyValue": "${topic(2)}"}}'),
           "s.json": rule('{§"dynamoDBv2": {' + ROLE + ', "putItem": {"tableName": "table"}}}')}),
    (225, {"r.json": rule('{"dynamoDB": {' + ROLE + ', "tableName": "table", "hashKeyField": "id", "hashKeyValue": §"latest"}}')}),
    (227, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": §"readings.json"}}')}),
    (228, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": §"${topic(2)}.json"}}')}),
    (229, {"r.json": rule(action("openSearch", SEARCH + ', "type": "_doc", "id": §"1"'))}),
    (230, {"r.json": rule(action("timestream", TABLES), sql="SELECT §temp FROM 'a/b'")}),
    (231, {"r.json": rule('{§"firehose": {' + ROLE + ', "deliveryStreamName": "s"}}')}),
    (232, {"r.json": rule(http('"url": §"https://example.com/${topic(2)}"'))}),
    (233, {"r.json": rule(http('"url": §"https://example.com:9443/"'))}),
    (234, {"r.json": rule('{§"sqs": {' + ROLE + ', "queueUrl": "https://sqs.us-east-1.amazonaws.com/1/q"}}', sql="SELECT * FROM 'a/b'")}),
    (235, {"r.json": rule('{"sns": {' + ROLE + ', "targetArn": "arn:aws:sns:us-east-1:1:t", "messageFormat": §"JSON"}}')}),
    (236, {"r.json": rule(action("firehose", '"deliveryStreamName": "s", "separator": "\\n", "batchMode": §true'))}),
    (237, {"r.json": rule('{§"influxDB": {' + ROLE + ', "destinationArn": "arn:d", "databaseName": "d", "tableName": "t"}}')}),
    (238, {"r.json": rule(action("cloudwatchMetric", METRIC + ', "metricTimestamp": §"${ timestamp() }"'))}),
    (238, {"r.json": rule(action("timestream", TABLES + ', "timestamp": {"value": "${timestamp()}", "unit": §"SECONDS"}'))}),
    (238, {"r.json": rule(action("iotSiteWise", '"putAssetPropertyValueEntries": [{"propertyAlias": "a", "propertyValues": [{"value": '
                                                '{"doubleValue": "${t}"}, "timestamp": {"timeInSeconds": §"${timestamp()}"}}]}]'))}),
    (239, {"r.json": rule('{§"cloudwatchMetric": {' + ROLE + ", " + METRIC + "}}", sql="SELECT temp * 1.8 AS f FROM 'a/b'")}),
    (240, {"r.json": rule(action("kinesis", '"streamName": "s", "partitionKey": §"k"'))}),
    (241, {"r.json": rule('{§"kinesis": {' + ROLE + ', "streamName": "s"}}')}),
    (242, {"r.json": rule(kafka(KAFKA_SSL.replace('"b:9092"', '§"b:9092,c:19092"')))}),
    (243, {"r.json": rule(kafka(KAFKA_SSL + ', "acks": §"0"'))}),
    (244, {"r.json": rule('{"republish": {' + ROLE + ', "topic": §"out/b/c/d/e/f/g/h/i", "qos": 1}}')}),
    (245, {"r.json": rule('{§"republish": {' + ROLE + ', "topic": "out/x"}}')}),
    (246, {"r.json": rule(action("openSearch", SEARCH + ', "id": "${newuuid()}", "type": §"reading"'))}),
    (247, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": §"/a/${newuuid()}"}}')}),
    (248, {"r.json": rule(http('"url": "https://e/", §"batchConfig": {"maxBatchSize": 5}'))}),
    (248, {"r.json": rule(S3, error='"errorAction": ' + http('"url": "https://e/", "enableBatching": true, §"batchConfig": {"maxBatchSize": 5}'))}),
    (249, {"r.json": rule('{"dynamoDBv2": {' + ROLE + ', "putItem": {"tableName": §"${table}"}}}')}),
    (250, {"r.json": rule('{§"s3": {"bucketName": "readings", "key": "${newuuid()}"}}')}),
]

# What must not be found: code, files, arguments.
SILENT = [
    (102, {"r.yaml": "sql: SELECT temp FROM 'a/b'\nawsIotSqlVersion: 2016-03-23\nactions: []\n"}),
    (371, {"r.json": rule(S3, sql="SELECT temp FROM 'a/#'"), "s.json": rule(S3, sql="SELECT temp FROM 'a'")}),
    (375, {"r.json": rule(S3, sql="SELECT temp FROM 'a/b'")}),
    (201, {"r.json": rule(S3)}),
    (202, {"r.json": rule(S3, version='"awsIotSqlVersion": "2015-10-08", ')}),
    (205, {"r.json": rule(S3)}),
    (207, {"r.json": rule('{"republish": {' + ROLE + ', "topic": "b/out", "qos": 1}}', sql="SELECT temp FROM 'a/+'")}),
    (222, {"r.json": rule(LAMBDA)}),
    (224, {"r.json": rule('{"dynamoDBv2": {' + ROLE + ', "putItem": {"tableName": "table"}}}', sql="SELECT *, topic(2) AS device FROM 'a/+'")},
     ["--table", "table=device"]),
    (224, {"r.json": rule('{"dynamoDBv2": {' + ROLE + ', "putItem": {"tableName": "table"}}}', sql="SELECT topic(2) AS device FROM 'a/+'")},
     ["--table", "table=device"]),
    (227, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${topic(2)}.json"}}')}),
    (228, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${topic(2)}/${timestamp()}"}}')}),
    (228, {"r.json": rule('{"s3": {' + ROLE + ', "bucketName": "readings", "key": "${topic(2)}/${@id}"}}', sql="SET @id = newuuid() SELECT temp FROM 'a/+'")}),
    (230, {"r.json": rule(action("timestream", TABLES), version='"awsIotSqlVersion": "2015-10-08", ')}),
    (230, {"r.json": rule(action("timestream", TABLES), sql="SELECT cast(temp AS String) AS t, topic(2) AS device FROM 'a/+'")}),
    (235, {"r.json": rule('{"sns": {' + ROLE + ', "targetArn": "arn:aws:sns:us-east-1:1:t", "messageFormat": "JSON"}}', sql="SELECT temp AS default FROM 'a/b'")}),
    (237, {"r.json": rule('{"influxDB": {' + ROLE + ', "destinationArn": "arn:d", "databaseName": "d", "tableName": "@{device}"}}',
                          sql="SELECT temp, timestamp() AS timestamp FROM 'a/b'")}),
    (238, {"r.json": rule(action("cloudwatchMetric", METRIC + ', "metricTimestamp": "${floor(timestamp() / 1E3)}"'))}),
]
