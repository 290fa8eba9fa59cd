// Every finding of `weir check` but those of statements, which are in sql/lint_codes.h: one entry
// each. `--explain`, `--codes`, the manual and SARIF are made from it. Codes are stable: a new
// finding takes a free number, an old number never changes its meaning.
//
// CODE(number, NAME, SEVERITY, slug, title, why, remedy, example)
//   1xx: what AWS or weir refuses; 2xx: what is taken and likely not meant
//   title: one line;  why: why it bites;  remedy: what to do;  example: where it is found

// clang-format off

// ---- files and forms
CODE(101, SYNTAX, ERROR, "syntax", "the file is not JSON or YAML",
     "A document that cannot be read makes no rule.",
     "Mend the file at the place that is named.",
     "{\"sql\": \"SELECT * FROM 'a/b'\", }")
CODE(102, NO_RULE, ERROR, "no-rule", "the file holds no rule",
     "Neither a rule document, nor a CloudFormation template with an AWS::IoT::TopicRule, nor a Terraform plan or "
     "state with an aws_iot_topic_rule was found in a file that was named.",
     "Name files that hold rules, or a folder: in a folder other files are passed over.",
     "{\"name\": \"package\"}")
CODE(103, HCL, ERROR, "hcl", "Terraform's own language is not read",
     "What an aws_iot_topic_rule says in a .tf file depends on variables, modules and functions that only Terraform "
     "evaluates.",
     "Make a plan and check that: terraform plan -out plan.bin && terraform show -json plan.bin > plan.json && weir check plan.json",
     "resource \"aws_iot_topic_rule\" \"hot\" { … }")
CODE(104, UNRESOLVED, ERROR, "unresolved", "a value that is needed is not known",
     "It is a reference whose value is known only once the stack is deployed, and without it the rule cannot be "
     "compiled, so nothing can be said about it.",
     "Give the value: --param NAME=VALUE (CloudFormation), --param ADDRESS.ATTRIBUTE=VALUE (Terraform).",
     "Sql: !Sub \"SELECT * FROM '${Topic}'\"   with a parameter Topic that has no Default")
CODE(105, INTRINSIC, ERROR, "intrinsic", "an intrinsic function that CloudFormation refuses",
     "The template cannot be deployed. Inside Fn::Sub ${…} belongs to CloudFormation.",
     "Mend the function. Inside Fn::Sub write a rule's template with an exclamation mark: ${!topic(2)}.",
     "Key: !Sub \"${topic(2)}/${Environment}\"")
CODE(106, UNKNOWN_REFERENCE, ERROR, "unknown-reference", "a reference to nothing",
     "The template has no parameter and no resource of that name: CloudFormation refuses it. In Fn::Sub an attribute of "
     "the payload was perhaps meant.",
     "Mend the name; inside Fn::Sub write a rule's template with an exclamation mark: ${!device}.",
     "BucketName: !Ref Bukcet")

// ---- the document
CODE(110, UNKNOWN_MEMBER, ERROR, "unknown-member", "a member that does not exist",
     "AWS's tools refuse it. AWS's own pages print some names that its API does not have.",
     "Use the name that is suggested; --lenient makes this a warning, for members newer than this weir.",
     "{\"s3\": {\"bucket\": \"readings\", …}}")
CODE(111, MISSING_MEMBER, ERROR, "missing-member", "a required member is missing",
     "AWS refuses the rule.",
     "Add the member.",
     "{\"s3\": {\"bucketName\": \"readings\", \"key\": \"a\"}}   without roleArn")
CODE(112, WRONG_TYPE, ERROR, "wrong-type", "a value of the wrong type",
     "AWS refuses the rule.",
     "Write the value in the type that is expected.",
     "{\"republish\": {\"topic\": [\"a/b\"], …}}")
CODE(113, BAD_VALUE, ERROR, "bad-value", "a value outside of what is allowed",
     "AWS refuses the rule.",
     "Use one of the values that are named.",
     "{\"republish\": {\"qos\": 2, …}}")
CODE(114, OVER_LIMIT, ERROR, "over-limit", "too long, or too many",
     "AWS refuses the rule.",
     "Shorten it, or take entries out.",
     "{\"http\": {\"url\": \"https://…\" with 2001 bytes}}")
CODE(115, ACTION_SHAPE, ERROR, "action-shape", "an action with no or several members",
     "An action names exactly one kind; which of several would be done is not defined.",
     "Make an action of each.",
     "{\"s3\": {…}, \"lambda\": {…}}")
CODE(116, NO_TEMPLATE_HERE, ERROR, "no-template-here", "a template where none is accepted",
     "The text would be taken as it stands or be refused; it is never expanded.",
     "Write a constant; if the value must vary, make a rule for each.",
     "{\"republish\": {\"qos\": \"${qos}\", …}}")
CODE(117, RULE_NAME, ERROR, "rule-name", "a name that no rule can have",
     "A rule's name has 1 to 128 letters, digits and underscores. A hyphen is refused by AWS, not by its SDKs.",
     "Rename the rule.",
     "{\"ruleName\": \"hot-readings\", …}")
CODE(118, RULE_SIZE, ERROR, "rule-size", "the rule is too large",
     "SQL, actions, error action, SQL version and description as JSON have at most 128 KB.",
     "Shorten the statement, or divide the rule.",
     "a rule with 131073 bytes")
CODE(119, TOO_MANY_ACTIONS, ERROR, "too-many-actions", "more than 10 actions",
     "AWS refuses the rule; the limit cannot be raised.",
     "Divide the rule into several with the same statement.",
     "{\"actions\": [11 of them]}")
CODE(120, SQL_VERSION, ERROR, "sql-version", "an unknown SQL version",
     "AWS refuses the rule.",
     "Write 2016-03-23.",
     "{\"awsIotSqlVersion\": \"2016-03-24\", …}")
CODE(121, SQL, ERROR, "sql", "a statement that is not valid",
     "AWS refuses the rule with SqlParseException.",
     "Mend the statement at the place that is named; weir eval tries one.",
     "SELECT temp FROM 'a/b' WHERE name LIKE 'k%'")
CODE(122, TEMPLATE, ERROR, "template", "a template that is not valid",
     "AWS refuses the rule. Protobuf decoding is not supported in templates.",
     "Mend the expression at the place that is named.",
     "{\"s3\": {\"key\": \"${topic(2}\", …}}")
CODE(123, ALWAYS_FAILS, ERROR, "always-fails", "a constant that the destination refuses",
     "AWS takes such a rule, and then the action fails for every message: no bucket, queue, topic, URL, number "
     "or unit of that form can exist. weir refuses the rule when it is loaded.",
     "Correct the value.",
     "{\"s3\": {\"bucketName\": \"My_Bucket\", …}}")
CODE(124, FILTER_LIMIT, ERROR, "filter-limit", "a topic filter beyond AWS's limits",
     "A topic has at most 8 levels (7 slashes) and 256 bytes on AWS, so no topic fits this filter.",
     "Shorten the topics.",
     "FROM 'a/b/c/d/e/f/g/h/i'")
CODE(125, FILTER_BASIC_INGEST, ERROR, "filter-basic-ingest", "FROM selects Basic Ingest topics",
     "Messages on $aws/rules/NAME/… go to the rule NAME only; nobody can subscribe to them, so this rule never fires.",
     "Select the topic without the prefix, or leave FROM out and publish to $aws/rules/ and the rule's name.",
     "FROM '$aws/rules/other/#'")
CODE(126, ELEMENT_TEMPLATE, ERROR, "element-template", "@{…} where it has no meaning",
     "It names a field of each element of the result, for tableName and tag values of influxDB and nowhere else.",
     "Use ${…}.",
     "{\"s3\": {\"key\": \"@{device}\", …}}")
CODE(127, RESERVED_TARGET, ERROR, "reserved-target", "republish to a topic that takes none",
     "Topics of Jobs and of Device Defender cannot be targets of republish.",
     "Use the API of the service, from a Lambda function.",
     "{\"republish\": {\"topic\": \"$$aws/things/x/jobs/start-next\", …}}")
CODE(128, WEIR_ONLY, ERROR, "weir-only", "an extension of weir, which AWS refuses",
     "weir runs it, for tests on one machine; AWS does not have it.",
     "Keep it out of what is deployed to AWS; --ignore E128 while you test.",
     "{\"null\": {}}")

// ---- the rule as a whole
CODE(201, NO_SQL_VERSION, WARNING, "no-sql-version", "awsIotSqlVersion is missing",
     "Without it the API takes 2015-10-08, not the newest: no nested queries, no array and object literals, "
     "fewer functions, and nested payloads are damaged (arrays come out empty, objects are flattened). The "
     "console writes 2016-03-23, so a rule made there behaves in another way.",
     "Write \"awsIotSqlVersion\": \"2016-03-23\".",
     "{\"sql\": \"SELECT * FROM 'a/b'\", \"actions\": […]}")
CODE(202, NESTED_IN_2015, WARNING, "nested-in-2015", "nested data in SQL version 2015-10-08",
     "The real service damages nested payloads in this version: an array comes out as [], arrays in objects "
     "disappear, objects are flattened into their parent. weir does not reproduce that.",
     "Use 2016-03-23, unless timestream needs Decimals to stay Decimals.",
     "{\"sql\": \"SELECT * FROM 'a/b'\", \"awsIotSqlVersion\": \"2015-10-08\", …}")
CODE(203, SAME_NAME, WARNING, "same-name", "two rules with one name",
     "In one account and Region there is one rule of a name: the second is refused, or replaces the first.",
     "Rename one of them, unless they go to different accounts or Regions.",
     "a.json and b.json, both with \"ruleName\": \"r\"")
CODE(204, NO_ACTION, WARNING, "no-action", "a rule without actions",
     "It is evaluated, paid for, and does nothing.",
     "Add an action, or disable the rule.",
     "{\"sql\": \"SELECT * FROM 'a/b'\", \"actions\": []}")
CODE(205, NO_ERROR_ACTION, WARNING, "no-error-action", "no error action",
     "When an action fails for good the message is lost; all that is left is a line in a log, if logging is on.",
     "Add an errorAction that keeps the message: sqs, s3, or republish to a topic that somebody reads.",
     "{\"sql\": …, \"actions\": [{\"lambda\": …}]}")
CODE(206, ERROR_DOCUMENT, WARNING, "error-document", "a template that reads the error document",
     "The error action's payload is the error document, yet its templates see the message as it was published: "
     "ruleName, failures, base64OriginalPayload and the like are not there, and nothing is inserted.",
     "Use functions (topic(), timestamp(), newuuid()) or attributes of the message.",
     "\"errorAction\": {\"s3\": {\"key\": \"errors/${ruleName}\", …}}")
CODE(207, REPUBLISH_LOOP, WARNING, "republish-loop", "rules that may feed themselves",
     "A rule republishes to a topic that leads back to it. On AWS it goes round for ever and is paid for each time; weir ends it "
     "after some hops. Templates are taken to become any text, so the check may see a loop where the values make none.",
     "Republish to topics that no rule on the way selects, for example below another first level.",
     "SELECT * FROM 'a/#'   with republish to 'a/out'")
CODE(208, SERVICE_GONE, WARNING, "service-gone", "an action whose service is no more",
     "AWS has ended the service or takes no new rules for it.",
     "Replace the action: openSearch for elasticsearch; http, lambda or kinesis for the others.",
     "{\"iotAnalytics\": {…}}")
CODE(209, ROLE, WARNING, "role", "roleArn is no ARN of a role",
     "AWS checks that it can assume the role when the rule is made.",
     "Write arn:aws:iam::ACCOUNT:role/NAME.",
     "{\"roleArn\": \"iot-sink\"}")
CODE(210, MISPRINT, WARNING, "misprint", "a name as AWS's pages misprint it",
     "weir takes it for the right one; AWS's API does not know it.",
     "Write the name as the API has it.",
     "{\"s3\": {\"cannedacl\": \"private\", …}}")
CODE(211, TWO_REGIONS, WARNING, "two-regions", "targets in two Regions",
     "AWS wants rule and target in one Region, queues of SQS excepted.",
     "Move the target, or forward through SQS or HTTP.",
     "functions arn:aws:lambda:us-east-1:… and arn:aws:lambda:eu-west-1:… in one rule")
CODE(212, BASIC_INGEST_ONLY, NOTE, "basic-ingest-only", "a rule without FROM",
     "It is reached only by messages published to $aws/rules/ and its name.",
     "Add FROM if topics were meant to lead to it.",
     "SELECT temp")
CODE(213, UNKNOWN_VALUE, NOTE, "unknown-value", "a value that was not checked",
     "It is known only once the stack is deployed.",
     "Give it with --param if it should be checked.",
     "BucketName: !ImportValue readings-bucket")
CODE(214, NOT_IN_CLOUDFORMATION, WARNING, "not-in-cloudformation", "a member that CloudFormation lacks",
     "The API has it; the resource's schema, as far as weir knows it, does not.",
     "Make this rule through the API, or look whether the schema has it by now.",
     "DynamoDB: {Operation: INSERT, …}")
CODE(215, NOT_EXPANDED, WARNING, "not-expanded", "a part of the template that is not expanded",
     "Rules in it are not checked.",
     "Check the template that the transform makes: aws cloudformation get-template --template-stage Processed.",
     "Fn::ForEach::Rules: […]")

CODE(216, FILE_NAME, WARNING, "file-name", "a file whose name is no rule name",
     "The document has no ruleName, so weir run names the rule after its file, and refuses this one. AWS does not care: "
     "there the name is told apart from the document.",
     "Rename the file to letters, digits and underscores, or wrap the document: {\"ruleName\": …, \"topicRulePayload\": …}.",
     "hot-readings.json")
CODE(217, WEIR_NAME, WARNING, "weir-name", "a name that weir keeps for itself",
     "AWS takes it; weir run refuses the rule, since it marks its own messages with this name.",
     "Use another name.",
     "{\"republish\": {\"headers\": {\"userProperties\": [{\"key\": \"weir-hops\", …}]}}}")

// ---- what an action makes of the result
CODE(221, OBJECT_ONLY, WARNING, "object-only", "an action that needs a JSON object gets something else",
     "The action fails for every message: it takes an object, and SELECT VALUE gives an array or a scalar.",
     "Select items, or SELECT VALUE an object.",
     "SELECT VALUE temp FROM 'a/b'   with dynamoDBv2")
CODE(222, LAMBDA_JSON, WARNING, "lambda-json", "a Lambda payload that may not be JSON",
     "Lambda takes JSON only. A value that is Undefined makes an empty payload, and the action fails for that message.",
     "Select items, so that the payload is an object; give a default with get_or_default().",
     "SELECT VALUE state.reported FROM 'a/b'   with lambda")
CODE(223, LAMBDA_RAW, NOTE, "lambda-raw", "SELECT * passes on whatever was published",
     "A payload that is not JSON (text, binary, a bare number) goes on as it is, and the action fails for it: lambda takes JSON, dynamoDBv2, "
     "timestream and the like take an object.",
     "For such payloads: SELECT encode(*, 'base64') AS data.",
     "SELECT * FROM 'a/b'   with lambda")
CODE(224, DYNAMODB_KEYS, WARNING, "dynamodb-keys", "the item lacks a key of the table",
     "dynamoDBv2 puts the result as the item; without the table's keys in it every put fails with ValidationException.",
     "Select the key: SELECT *, topic(2) AS device.",
     "SELECT temp FROM 'a/b'   with dynamoDBv2 to a table keyed by device")
CODE(225, DYNAMODB_CONSTANT_KEY, WARNING, "dynamodb-constant-key", "every message writes the same item",
     "The key is the same for every message, so each replaces the one before.",
     "Put something of the message into the key: ${topic(2)}, ${timestamp()}, an attribute.",
     "{\"dynamoDB\": {\"hashKeyField\": \"id\", \"hashKeyValue\": \"latest\", …}}")
CODE(227, S3_OVERWRITES, WARNING, "s3-overwrites", "every message writes the same object",
     "One object is written a message, and an object with the same key is replaced: all but the last are lost.",
     "Put something into the key that differs for every message: ${timestamp()}, ${newuuid()}.",
     "{\"s3\": {\"key\": \"readings.json\", …}}")
CODE(228, S3_NOT_UNIQUE, WARNING, "s3-not-unique", "objects may be overwritten",
     "The key has no part that is new for every message (timestamp(), newuuid(), traceid(), rand()): two messages "
     "with the same values write one object.",
     "Add ${newuuid()} or ${timestamp()} to the key, unless the latest is all that is wanted.",
     "{\"s3\": {\"key\": \"${topic(2)}.json\", …}}")
CODE(229, DOCUMENT_OVERWRITES, WARNING, "document-overwrites", "every message writes the same document",
     "The id is the same for every message, so each document replaces the one before.",
     "Put ${newuuid()} or something of the message into id.",
     "{\"openSearch\": {\"id\": \"1\", …}}")
CODE(230, TIMESTREAM_TYPE, WARNING, "timestream-type", "a type that flips between BIGINT and DOUBLE",
     "In SQL version 2016-03-23 a whole number is an integer however it is written: 10.0 becomes BIGINT, 10.5 DOUBLE, and Timestream "
     "rejects the one that came second. A cast to Decimal does not help.",
     "Run the rule with \"awsIotSqlVersion\": \"2015-10-08\", or make the value a text with cast(x AS String).",
     "SELECT temp FROM 'a/b'   with timestream and 2016-03-23")
CODE(231, FIREHOSE_SEPARATOR, WARNING, "firehose-separator", "records without a separator",
     "Firehose joins records as they come; without a separator the objects in S3 are JSON texts in one line, which most readers do not take apart.",
     "Add \"separator\": \"\\n\".",
     "{\"firehose\": {\"deliveryStreamName\": \"s\", \"roleArn\": …}}")
CODE(232, HTTP_CONFIRMATION, WARNING, "http-confirmation", "a URL with templates and no confirmationUrl",
     "AWS delivers only below a URL that was confirmed; for a URL with templates it cannot tell which that is.",
     "Add confirmationUrl, the constant beginning of the URL.",
     "{\"http\": {\"url\": \"https://example.com/${topic(2)}\"}}")
CODE(233, HTTP_PORT, WARNING, "http-port", "a host or port that AWS does not reach",
     "AWS posts to ports 443 and 8443 only, and to no IPv6 address.",
     "Serve the endpoint on 443 or 8443.",
     "{\"http\": {\"url\": \"https://example.com:9443/\"}}")
CODE(234, SQS_BINARY, NOTE, "sqs-binary", "text queues and payloads that are not text",
     "SELECT * passes on whatever was published. SQS, SNS and log events are text: bytes that are no UTF-8, or control characters, make "
     "the action fail.",
     "sqs: \"useBase64\": true; else SELECT encode(*, 'base64') AS data.",
     "SELECT * FROM 'a/b'   with sqs and without useBase64")
CODE(235, SNS_DEFAULT, WARNING, "sns-default", "messageFormat JSON without a member \"default\"",
     "SNS takes a JSON message only with a text for every protocol, or at least \"default\"; else every publish fails.",
     "SELECT … AS default, or messageFormat RAW.",
     "SELECT temp FROM 'a/b'   with sns and messageFormat JSON")
CODE(236, BATCH_ARRAY, WARNING, "batch-array", "batchMode and a result that is no array",
     "batchMode divides an array; this statement gives an object. cloudwatchLogs then fails, the others send one record.",
     "SELECT VALUE an array (2016-03-23), or leave batchMode out.",
     "SELECT temp FROM 'a/b'   with firehose and batchMode")
CODE(237, INFLUX_TIMESTAMP, WARNING, "influx-timestamp", "the result lacks \"timestamp\"",
     "Every object must have an integer member with exactly this name, or the whole write fails.",
     "SELECT …, timestamp() AS timestamp.",
     "SELECT temp FROM 'a/b'   with influxDB")
CODE(238, TIME_UNIT, WARNING, "time-unit", "milliseconds where another unit is wanted",
     "timestamp() counts milliseconds since 1970. Taken for seconds it lies some 50,000 years ahead, and the service refuses it; for micro- or nanoseconds it lies in 1970.",
     "Set the unit to MILLISECONDS, or convert: ${floor(timestamp() / 1E3)}.",
     "{\"cloudwatchMetric\": {\"metricTimestamp\": \"${timestamp()}\", …}}")
CODE(239, RESULT_UNUSED, NOTE, "result-unused", "an action that does not use the result",
     "cloudwatchMetric, cloudwatchAlarm, iotSiteWise and location send what their members say, and templates in them read the message as published: what SELECT computes "
     "is not used, aliases are not visible.",
     "Compute in the templates, or with SET, whose variables templates see.",
     "SELECT temp * 1.8 + 32 AS f FROM 'a/b'   with cloudwatchMetric")
CODE(240, PARTITION_KEY, WARNING, "partition-key", "all records go to one shard",
     "A constant partition key sends everything to one shard, which takes 1 MB or 1,000 records a second.",
     "Use something that varies, such as ${topic(2)} or ${newuuid()}.",
     "{\"kinesis\": {\"partitionKey\": \"k\", …}}")
CODE(241, NO_PARTITION_KEY, NOTE, "no-partition-key", "no partition key",
     "AWS does not say what it takes then; weir takes a random one, so records of one device lose their order.",
     "Add partitionKey, for example ${topic(2)}.",
     "{\"kinesis\": {\"streamName\": \"s\", …}}")
CODE(242, KAFKA_PORT, WARNING, "kafka-port", "a port that AWS does not reach",
     "AWS connects to ports 9000 to 9100 of brokers, and to port 88 of a KDC.",
     "Let the brokers listen on one of these.",
     "\"bootstrap.servers\": \"b1:19092\"")
CODE(243, KAFKA_ACKS, NOTE, "kafka-acks", "acks 0 loses records",
     "The producer does not wait for the broker: nothing is tried again and no failure is seen.",
     "Use 1 (AWS's default) or all.",
     "\"acks\": \"0\"")
CODE(244, PUBLISH_LIMIT, WARNING, "publish-limit", "a publication that AWS's broker refuses",
     "Limits of what is published: topic 256 bytes and 8 levels, content type 256 bytes, message expiry 604800 s, correlation data and user properties 8 KB.",
     "Shorten it.",
     "{\"republish\": {\"topic\": \"a/b/c/d/e/f/g/h/i\", …}}")
CODE(245, QOS_0, NOTE, "qos-0", "republish at QoS 0",
     "It is the default. The broker may lose the message on the way to a subscriber, even one who subscribed at QoS 1.",
     "Write \"qos\": 1 if it matters.",
     "{\"republish\": {\"topic\": \"a/b\", \"roleArn\": …}}")
CODE(246, SEARCH_TYPE, WARNING, "search-type", "a type that OpenSearch no longer takes",
     "OpenSearch later than 1.0 accepts only the type _doc.",
     "Write \"type\": \"_doc\".",
     "{\"openSearch\": {\"type\": \"reading\", …}}")
CODE(247, KEY_SHAPE, NOTE, "key-shape", "a key with an empty part",
     "S3 keeps slashes as they are: a key that begins with / or has // makes folders without a name in most tools.",
     "Leave the extra slash out.",
     "{\"s3\": {\"key\": \"/readings/${timestamp()}\", …}}")
CODE(248, BATCH_CONFIG, WARNING, "batch-config", "batchConfig without effect",
     "It is used only with enableBatching, and an http error action is batched as its action was: one of its own is not allowed.",
     "Add \"enableBatching\": true, or leave batchConfig out.",
     "{\"http\": {\"url\": \"https://…\", \"batchConfig\": {\"maxBatchSize\": 5}}}")
CODE(249, DEVICE_TARGET, NOTE, "device-target", "a device chooses where its messages go",
     "The target is a text from the payload: who can publish can name any table, bucket, queue, function or host that the role reaches.",
     "Choose from constants with CASE, take a level of the topic that a policy guards, or narrow the role.",
     "{\"dynamoDBv2\": {\"putItem\": {\"tableName\": \"${table}\"}, …}}")
CODE(250, NO_ROLE, NOTE, "no-role", "roleArn is missing",
     "AWS refuses the rule. weir takes it: it has no IAM, and credentials are what the section aws of weir.yaml says.",
     "Add \"roleArn\", for AWS; aws.roles says what it means here.",
     "{\"s3\": {\"bucketName\": \"readings\", …}}   without roleArn")

#undef CODE
// clang-format on
