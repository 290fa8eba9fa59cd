// What people read about each function, in the order of functions.h, which has signature and
// summary. Included with MANUAL defined as what the includer wants of an entry; it is undefined at
// the end.
//
// MANUAL(name, family, result, notes, examples...): the members of struct wr_manual; an example is
// {expression, payload, context, gives}. Two examples at least, one of them of the unusual.

MANUAL(abs, NUMBERS, "Int for an Int, else Decimal", "", {"abs(-5)", "", "", "5"},
       {"abs('-2.50')", "", "", "2.5"}, {"abs(true)", "", "", "Undefined"})
MANUAL(ceil, NUMBERS, "Int", "", {"ceil(1.2)", "", "", "2"}, {"ceil(-1.2)", "", "", "-1"},
       {"ceil('x')", "", "", "Undefined"})
MANUAL(floor, NUMBERS, "Int", "", {"floor(1.8)", "", "", "1"}, {"floor(-1.2)", "", "", "-2"})
MANUAL(round, NUMBERS, "Int", "", {"round(2.5)", "", "", "3"}, {"round(-1.5)", "", "", "-2"},
       {"round(0.49999999999999999999)", "", "", "0"})
MANUAL(sign, NUMBERS, "Int", "", {"sign(-7.2)", "", "", "-1"}, {"sign('0')", "", "", "0"},
       {"sign(null)", "", "", "Undefined"})
MANUAL(trunc, NUMBERS, "Int for an Int, else Decimal",
       "places is an Int or Decimal, never a String; it is rounded down and kept within 0 to 34.",
       {"trunc(2.347, 2)", "", "", "2.34"}, {"trunc(-2.347, 1.9)", "", "", "-2.3"},
       {"trunc(2.347, '1')", "", "", "Undefined"}, {"trunc(15.5, -3)", "", "", "15"})
MANUAL(mod, NUMBERS, "as x % y", "", {"mod(8, 3)", "", "", "2"}, {"mod(-8, 3)", "", "", "-2"},
       {"mod(8.5, '3')", "", "", "2.5"}, {"mod(8, 0)", "", "", "Undefined"})
MANUAL(remainder, NUMBERS, "as x % y", "", {"remainder(8, 3)", "", "", "2"},
       {"remainder(5.5, -2)", "", "", "1.5"})
MANUAL(power, NUMBERS, "Decimal, double precision",
       "A result that is not real or too large: Undefined.", {"power(2, 5)", "", "", "32"},
       {"power(2, 0.5)", "", "", "1.4142135623730951"}, {"power(-8, 0.5)", "", "", "Undefined"},
       {"power(10, 400)", "", "", "Undefined"})
MANUAL(sqrt, NUMBERS, "Decimal, double precision", "", {"sqrt(16)", "", "", "4"},
       {"sqrt('2')", "", "", "1.4142135623730951"}, {"sqrt(-1)", "", "", "Undefined"})
MANUAL(exp, NUMBERS, "Decimal, double precision", "", {"exp(0)", "", "", "1"},
       {"exp(1)", "", "", "2.718281828459045"}, {"exp(1000)", "", "", "Undefined"})
MANUAL(ln, NUMBERS, "Decimal, double precision", "", {"ln(1)", "", "", "0"},
       {"ln(0)", "", "", "Undefined"})
MANUAL(log, NUMBERS, "Decimal, double precision", "", {"log(100)", "", "", "2"},
       {"log(-1)", "", "", "Undefined"})
MANUAL(sin, NUMBERS, "Decimal, double precision", "", {"sin(0)", "", "", "0"},
       {"sin(1)", "", "", "0.8414709848078965"})
MANUAL(cos, NUMBERS, "Decimal, double precision", "", {"cos(0)", "", "", "1"},
       {"cos('x')", "", "", "Undefined"})
MANUAL(tan, NUMBERS, "Decimal, double precision", "", {"tan(0)", "", "", "0"},
       {"tan([1])", "", "", "Undefined"})
MANUAL(asin, NUMBERS, "Decimal, double precision", "", {"asin(1)", "", "", "1.5707963267948966"},
       {"asin(2)", "", "", "Undefined"})
MANUAL(acos, NUMBERS, "Decimal, double precision", "", {"acos(1)", "", "", "0"},
       {"acos(-1.5)", "", "", "Undefined"})
MANUAL(atan, NUMBERS, "Decimal, double precision", "", {"atan(1)", "", "", "0.7853981633974483"},
       {"atan(missing)", "", "", "Undefined"})
MANUAL(atan2, NUMBERS, "Decimal, double precision", "",
       {"atan2(1, 0)", "", "", "1.5707963267948966"}, {"atan2(0, -1)", "", "", "3.141592653589793"})
MANUAL(sinh, NUMBERS, "Decimal, double precision", "", {"sinh(0)", "", "", "0"},
       {"sinh(1000)", "", "", "Undefined"})
MANUAL(cosh, NUMBERS, "Decimal, double precision", "", {"cosh(0)", "", "", "1"},
       {"cosh(-1000)", "", "", "Undefined"})
MANUAL(tanh, NUMBERS, "Decimal, double precision", "", {"tanh(0)", "", "", "0"},
       {"tanh(1000)", "", "", "1"})
MANUAL(bitand, NUMBERS, "Int", "Two's complement of unlimited width.",
       {"bitand(13, 5)", "", "", "5"}, {"bitand(13.9, '7')", "", "", "5"})
MANUAL(bitor, NUMBERS, "Int", "Two's complement of unlimited width.", {"bitor(8, 5)", "", "", "13"},
       {"bitor(-1, 8)", "", "", "-1"})
MANUAL(bitxor, NUMBERS, "Int", "Two's complement of unlimited width.",
       {"bitxor(13, 5)", "", "", "8"}, {"bitxor(13, 'x')", "", "", "Undefined"})
MANUAL(bitnot, NUMBERS, "Int", "Two's complement of unlimited width.",
       {"bitnot(13)", "", "", "-14"}, {"bitnot(-1.5)", "", "", "1"})
MANUAL(nanvl, NUMBERS, "one of its arguments", "", {"nanvl(t, 0)", "", "", "0"},
       {"nanvl(t, 0)", "{\"t\":null}", "", "0"},
       {"nanvl(t, 0)", "{\"t\":\"cold\"}", "", "\"cold\""})
MANUAL(rand, NUMBERS, "Decimal, double precision", "",
       {"rand()", "", "", "matches ^0$|^0\\.[0-9]+$|E-[0-9]+$"}, {"rand() < 1", "", "", "true"},
       {"rand(1)", "", "", "Undefined"})
MANUAL(concat, STRINGS, "Array when an argument is an Array, else String",
       "Arrays are spliced in, one level deep, and Undefined is skipped. Without an Array one "
       "argument has to be a String, unless there is only one; and each has to convert to one.",
       {"concat('a', 1, true)", "", "", "\"a1true\""},
       {"concat([1], [2, 3], 'x')", "", "", "[1,2,3,\"x\"]"}, {"concat(1, 2)", "", "", "Undefined"},
       {"concat(1)", "", "", "\"1\""}, {"concat('a', missing)", "", "", "Undefined"},
       {"concat()", "", "", "Undefined"})
MANUAL(length, STRINGS, "Int", "Code points, not what a reader takes for a character.",
       {"length('hello')", "", "", "5"}, {"length(name)", "{\"name\":\"Zoë\"}", "", "3"},
       {"length(12.50)", "", "", "4"})
MANUAL(numbytes, STRINGS, "Int", "", {"numbytes('hello')", "", "", "5"},
       {"numbytes(name)", "{\"name\":\"Zoë\"}", "", "4"})
MANUAL(indexof, STRINGS, "Int", "", {"indexof('abcd', 'bc')", "", "", "1"},
       {"indexof('abcd', 'x')", "", "", "-1"}, {"indexof('abc', '')", "", "", "0"})
MANUAL(lower, STRINGS, "String", "One character for one: ß stays ß.",
       {"lower('HeLLo')", "", "", "\"hello\""}, {"lower(5)", "", "", "\"5\""})
MANUAL(upper, STRINGS, "String", "One character for one: ß stays ß.",
       {"upper('hello')", "", "", "\"HELLO\""}, {"upper('straße')", "", "", "\"STRAßE\""})
MANUAL(ltrim, STRINGS, "String", "Blanks are space, tab, CR and LF.",
       {"ltrim('  a ')", "", "", "\"a \""}, {"ltrim('')", "", "", "\"\""})
MANUAL(rtrim, STRINGS, "String", "Blanks are space, tab, CR and LF.",
       {"rtrim(' a  ')", "", "", "\" a\""}, {"rtrim(null)", "", "", "Undefined"})
MANUAL(trim, STRINGS, "String", "Blanks are space, tab, CR and LF.",
       {"trim('  a b  ')", "", "", "\"a b\""},
       {"trim(t)", "{\"t\":\"\\t\\r\\na\\u00a0\"}", "", "\"a \""})
MANUAL(lpad, STRINGS, "String", "spaces is kept within 0 to 1000.",
       {"lpad('7', 3)", "", "", "\"   7\""}, {"lpad('7', -1)", "", "", "\"7\""},
       {"lpad('7', 'x')", "", "", "Undefined"})
MANUAL(rpad, STRINGS, "String", "spaces is kept within 0 to 1000.",
       {"rpad('7', 3)", "", "", "\"7   \""}, {"length(rpad('7', 5000))", "", "", "1001"})
MANUAL(startswith, STRINGS, "Boolean", "", {"startswith('ranger', 'ran')", "", "", "true"},
       {"startswith('ranger', 'R')", "", "", "false"}, {"startswith('ranger', '')", "", "", "true"})
MANUAL(endswith, STRINGS, "Boolean", "", {"endswith('cat', 'at')", "", "", "true"},
       {"endswith(12, 2)", "", "", "true"})
MANUAL(replace, STRINGS, "String", "", {"replace('a.b.c', '.', '-')", "", "", "\"a-b-c\""},
       {"replace('aaa', 'aa', 'b')", "", "", "\"ba\""},
       {"replace('ab', '', '-')", "", "", "\"-a-b-\""})
MANUAL(substring, STRINGS, "String",
       "Indexes are kept within the text; a start at or behind the end gives the empty String.",
       {"substring('012345', 2)", "", "", "\"2345\""},
       {"substring('012345', 1, 4)", "", "", "\"123\""},
       {"substring('012345', 2.745)", "", "", "\"2345\""},
       {"substring('012345', -5, 99)", "", "", "\"012345\""},
       {"substring('012345', 4, 2)", "", "", "\"\""})
MANUAL(chr, STRINGS, "String", "0 to 127; other numbers: Undefined.", {"chr(65)", "", "", "\"A\""},
       {"chr(10)", "", "", "\"\\n\""}, {"chr(128)", "", "", "Undefined"})
MANUAL(regexp_matches, REGEX, "Boolean", "Finds anywhere: ^ and $ bind it to the ends.",
       {"regexp_matches('aaaa', 'a{2,}')", "", "", "true"},
       {"regexp_matches('aaaa', '^a$')", "", "", "false"},
       {"regexp_matches('a', '(')", "", "", "Undefined"})
MANUAL(regexp_substr, REGEX, "String", "No match: Undefined.",
       {"regexp_substr('hihihello', '(hi)*')", "", "", "\"hihi\""},
       {"regexp_substr('abc', '\\d+')", "", "", "Undefined"})
MANUAL(regexp_replace, REGEX, "String",
       "$1 to $9 are groups, $0 the match, a backslash takes the next character as it is. A group "
       "that does not exist: Undefined.",
       {"regexp_replace('abcd', '(bc)', 'X')", "", "", "\"aXd\""},
       {"regexp_replace('abcd', 'b(.*)d', '$1$1')", "", "", "\"acc\""},
       {"regexp_replace('abc', 'x*', '-')", "", "", "\"-a-b-c-\""},
       {"regexp_replace('abcd', '(b)', '$2')", "", "", "Undefined"})
MANUAL(md2, HASHES, "String", "", {"md2('hello')", "", "", "\"a9046c73e00331af68917d3804f70655\""},
       {"md2('')", "", "", "\"8350e5a3e24c153df2275c9f80692773\""})
MANUAL(md5, HASHES, "String", "", {"md5('hello')", "", "", "\"5d41402abc4b2a76b9719d911017c592\""},
       {"md5('')", "", "", "\"d41d8cd98f00b204e9800998ecf8427e\""})
MANUAL(sha1, HASHES, "String", "",
       {"sha1('hello')", "", "", "\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\""},
       {"sha1('')", "", "", "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\""})
MANUAL(sha224, HASHES, "String", "",
       {"substring(sha224('hello'), 0, 16)", "", "", "\"ea09ae9cc6768c50\""},
       {"length(sha224(''))", "", "", "56"})
MANUAL(sha256, HASHES, "String", "",
       {"substring(sha256('hello'), 0, 16)", "", "", "\"2cf24dba5fb0a30e\""},
       {"length(sha256(''))", "", "", "64"})
MANUAL(sha384, HASHES, "String", "",
       {"substring(sha384('hello'), 0, 16)", "", "", "\"59e1748777448c69\""},
       {"length(sha384(''))", "", "", "96"})
MANUAL(sha512, HASHES, "String", "",
       {"substring(sha512('hello'), 0, 16)", "", "", "\"9b71d224bd62f378\""},
       {"length(sha512(''))", "", "", "128"})
MANUAL(get, STRUCTURE,
       "the item, a String of one character, or the member; Undefined when there is none",
       "The index converts to Int; a key and the first argument do not convert. a[i] is the same.",
       {"get(a, 1)", "{\"a\":[10,20]}", "", "20"}, {"get('abc', 1)", "", "", "\"b\""},
       {"get(*, 'my key')", "{\"my key\":1}", "", "1"},
       {"get(o, 1)", "{\"o\":{\"1\":\"one\"}}", "", "Undefined"},
       {"get(a, '1.9')", "{\"a\":[10,20]}", "", "20"},
       {"get(a, -1)", "{\"a\":[10,20]}", "", "Undefined"})
MANUAL(isNull, STRUCTURE, "Boolean", "false for Undefined.",
       {"isNull(a)", "{\"a\":null}", "", "true"}, {"isNull(a)", "{}", "", "false"})
MANUAL(isUndefined, STRUCTURE, "Boolean", "false for Null.", {"isUndefined(a)", "{}", "", "true"},
       {"isUndefined(a)", "{\"a\":null}", "", "false"}, {"isUndefined('5' - 'x')", "", "", "true"})
MANUAL(get_or_default, STRUCTURE, "one of its arguments",
       "Takes failures of look-ups and of Protobuf decoding too. Without a second argument: "
       "Undefined.",
       {"get_or_default(a, 0)", "{}", "", "0"}, {"get_or_default(a, 0)", "{\"a\":null}", "", "0"},
       {"get_or_default(a)", "{\"a\":null}", "", "Undefined"},
       {"get_or_default(aws_lambda('arn:none', 1), 'none')", "", "", "\"none\""})
MANUAL(transform, STRUCTURE, "Array",
       "On a clash of names the Object's member wins. Other modes or types, or a result over 128 "
       "KiB: Undefined. An Array of one around the Object or the Array, as a nested query gives "
       "it, is taken off.",
       {"transform('enrichArray', o, a)",
        "{\"o\":{\"site\":\"x\"},\"a\":[{\"n\":1},{\"n\":2,\"site\":\"y\"}]}", "",
        "[{\"n\":1,\"site\":\"x\"},{\"n\":2,\"site\":\"x\"}]"},
       {"transform('enrichArray', o, a)", "{\"o\":{\"site\":\"x\"},\"a\":[1]}", "", "Undefined"},
       {"transform('other', o, a)", "{\"o\":{},\"a\":[]}", "", "Undefined"})
MANUAL(encode, STRUCTURE, "String",
       "For * it takes the payload's bytes as published. Other schemes: Undefined.",
       {"encode('hello', 'base64')", "", "", "\"aGVsbG8=\""},
       {"encode(*, 'base64')", "{\"a\": 1}", "", "\"eyJhIjogMX0=\""},
       {"encode([1, 2], 'base64')", "", "", "\"WzEsMl0=\""},
       {"encode('a', 'hex')", "", "", "Undefined"})
MANUAL(decode, STRUCTURE, "any value, or Null",
       "Bytes that are JSON give its value, other UTF-8 text a String; text that is not base64, or "
       "bytes that are not UTF-8, give Null, not Undefined. With 'proto' it reads Protobuf: "
       "functions-protobuf.md.",
       {"decode('aGVsbG8=', 'base64')", "", "", "\"hello\""},
       {"decode('WzEsMl0=', 'base64')", "", "", "[1,2]"},
       {"decode('not base64', 'base64')", "", "", "null"},
       {"decode(missing, 'base64')", "", "", "Undefined"},
       {"decode('gA==', 'base64')", "", "", "null"})
MANUAL(timestamp, TIME, "Int", "The same value all through one message.",
       {"timestamp()", "", "{\"timestamp\":1795493796976}", "1795493796976"},
       {"timestamp() / 1000", "", "{\"timestamp\":1795493796976}", "1795493796"})
MANUAL(parse_time, TIME, "String", "A pattern or zone that is not valid: Undefined.",
       {"parse_time(\"yyyy-MM-dd'T'HH:mm:ss.SSSZZ\", t)", "{\"t\":1795493796976}", "",
        "\"2026-11-24T04:16:36.976+00:00\""},
       {"parse_time('EEE d MMM yyyy HH:mm z', t, 'Europe/Berlin')", "{\"t\":1795493796976}", "",
        "\"Tue 24 Nov 2026 05:16 CET\""},
       {"parse_time('yyyy', 0, 'Mars/Olympus')", "", "", "Undefined"},
       {"parse_time('yyyy', 'soon')", "", "", "Undefined"})
MANUAL(time_to_epoch, TIME, "Int",
       "A time that is missing is midnight, a zone that is missing UTC; text that does not fit the "
       "pattern: Undefined.",
       {"time_to_epoch('2026-11-24 04:16:36 +01:00', 'yyyy-MM-dd HH:mm:ss z')", "", "",
        "1795490196000"},
       {"time_to_epoch('24/11/2026', 'dd/MM/yyyy')", "", "", "1795478400000"},
       {"time_to_epoch('soon', 'yyyy')", "", "", "Undefined"})
MANUAL(topic, MESSAGE, "String",
       "Levels count from 1; empty ones count; a level that is not there: Undefined. Of Basic "
       "Ingest the first three levels are not seen.",
       {"topic()", "", "", "\"a/b\""}, {"topic(2)", "", "", "\"b\""},
       {"topic(0)", "", "", "Undefined"}, {"topic('1.9')", "", "", "\"a\""})
MANUAL(clientid, MESSAGE, "String", "n/a also when the broker does not tell.",
       {"clientid()", "", "{\"clientId\":\"kiln-1\"}", "\"kiln-1\""},
       {"clientid()", "", "{\"mqtt\":false}", "\"n/a\""})
MANUAL(principal, MESSAGE, "String; Undefined when the broker does not tell", "",
       {"principal()", "", "{\"principal\":\"abc123\"}", "\"abc123\""},
       {"principal()", "", "", "Undefined"})
MANUAL(traceid, MESSAGE, "String; Undefined when the message did not come over MQTT", "",
       {"traceid()", "", "{\"traceId\":\"3ff7a1c0-0000-4000-8000-000000000000\"}",
        "\"3ff7a1c0-0000-4000-8000-000000000000\""},
       {"traceid()", "", "{\"mqtt\":false}", "Undefined"})
MANUAL(sourceip, MESSAGE, "String; Undefined when the broker does not tell", "IPv4 or IPv6 text.",
       {"sourceip()", "", "{\"sourceIp\":\"192.0.2.1\"}", "\"192.0.2.1\""},
       {"sourceip()", "", "", "Undefined"})
MANUAL(accountid, MESSAGE, "String", "Option account_id of weir.yaml.",
       {"accountid()", "", "", "\"123456789012\""}, {"accountid(1)", "", "", "Undefined"})
MANUAL(sql_version, MESSAGE, "String", "", {"sql_version()", "", "", "\"2016-03-23\""},
       {"sql_version('x')", "", "", "Undefined"})
MANUAL(newuuid, MESSAGE, "String", "",
       {"newuuid()", "", "",
        "matches ^\"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\"$"},
       {"newuuid() = newuuid()", "", "", "false"})
MANUAL(get_mqtt_property, MESSAGE, "String; Undefined when it is absent",
       "correlation_data comes as base64. format_indicator is UTF8_DATA, or UNSPECIFIED_BYTES also "
       "when absent. Other names: Undefined.",
       {"get_mqtt_property('content_type')", "",
        "{\"mqttProperties\":{\"contentType\":\"text/csv\"}}", "\"text/csv\""},
       {"get_mqtt_property('format_indicator')", "", "", "\"UNSPECIFIED_BYTES\""},
       {"get_mqtt_property('contentType')", "",
        "{\"mqttProperties\":{\"contentType\":\"text/csv\"}}", "Undefined"})
MANUAL(get_user_properties, MESSAGE, "Array",
       "With a key its values, Undefined when there is none; without a key all, in order.",
       {"get_user_properties('k')", "",
        "{\"userProperties\":[[\"k\",\"1\"],[\"other\",\"2\"],[\"k\",\"3\"]]}", "[\"1\",\"3\"]"},
       {"get_user_properties()", "",
        "{\"userProperties\":[[\"k\",\"1\"],[\"other\",\"2\"],[\"k\",\"3\"]]}",
        "[{\"k\":\"1\"},{\"other\":\"2\"},{\"k\":\"3\"}]"},
       {"get_user_properties('K')", "",
        "{\"userProperties\":[[\"k\",\"1\"],[\"other\",\"2\"],[\"k\",\"3\"]]}", "Undefined"})
MANUAL(aws_lambda, LOOKUPS, "any value",
       "2 seconds. In 2015-10-08 the second argument is no literal and no nested query.",
       {"aws_lambda('arn:aws:lambda:us-east-1:123456789012:function:twice', n)", "{\"n\":2}",
        "{\"lambda\":{\"arn:aws:lambda:us-east-1:123456789012:function:twice\":{\"output\":{"
        "\"twice\":4}}}}",
        "{\"twice\":4}"},
       {"aws_lambda('arn:none', n)", "{\"n\":2}", "", "error"})
MANUAL(get_dynamodb, LOOKUPS, "Object; Undefined when there is no such item",
       "One call a statement: a second makes the rule fail.",
       {"get_dynamodb('Devices', 'id', device, 'arn:aws:iam::123456789012:role/r').room",
        "{\"device\":\"kiln\"}",
        "{\"dynamodb\":{\"Devices\":[{\"id\":\"kiln\",\"room\":\"cellar\",\"n\":1}]}}",
        "\"cellar\""},
       {"get_dynamodb('Devices', 'id', device, 'arn:aws:iam::123456789012:role/r')",
        "{\"device\":\"oven\"}",
        "{\"dynamodb\":{\"Devices\":[{\"id\":\"kiln\",\"room\":\"cellar\",\"n\":1}]}}",
        "Undefined"},
       {"get_dynamodb('None', 'id', device, 'arn:aws:iam::123456789012:role/r')",
        "{\"device\":\"kiln\"}",
        "{\"dynamodb\":{\"Devices\":[{\"id\":\"kiln\",\"room\":\"cellar\",\"n\":1}]}}", "error"})
MANUAL(get_thing_shadow, LOOKUPS, "Object", "Without a name of a shadow the unnamed one.",
       {"get_thing_shadow('kiln', 'arn:aws:iam::123456789012:role/r').state.desired.t", "",
        "{\"shadows\":{\"kiln\":{\"state\":{\"desired\":{\"t\":900}}},\"kiln/"
        "config\":{\"state\":{\"reported\":{\"v\":3}}}}}",
        "900"},
       {"get_thing_shadow('kiln', 'config', 'arn:aws:iam::123456789012:role/r').state.reported.v",
        "",
        "{\"shadows\":{\"kiln\":{\"state\":{\"desired\":{\"t\":900}}},\"kiln/"
        "config\":{\"state\":{\"reported\":{\"v\":3}}}}}",
        "3"},
       {"get_thing_shadow('oven', 'arn:aws:iam::123456789012:role/r')", "",
        "{\"shadows\":{\"kiln\":{\"state\":{\"desired\":{\"t\":900}}},\"kiln/"
        "config\":{\"state\":{\"reported\":{\"v\":3}}}}}",
        "error"})
MANUAL(get_secret, LOOKUPS, "String, or the Object that the text is",
       "type is SecretString, or SecretBinary for base64 text. With member one member of an "
       "Object: the rule fails when there is no Object.",
       {"get_secret('db', 'SecretString', 'user', 'arn:aws:iam::123456789012:role/r')", "",
        "{\"secrets\":{\"db\":{\"SecretString\":\"{\\\"user\\\":\\\"weir\\\"}\"},\"pin\":{"
        "\"SecretString\":\"1234\"}}}",
        "\"weir\""},
       {"get_secret('pin', 'SecretString', 'arn:aws:iam::123456789012:role/r')", "",
        "{\"secrets\":{\"db\":{\"SecretString\":\"{\\\"user\\\":\\\"weir\\\"}\"},\"pin\":{"
        "\"SecretString\":\"1234\"}}}",
        "\"1234\""},
       {"get_secret('pin', 'SecretString', 'user', 'arn:aws:iam::123456789012:role/r')", "",
        "{\"secrets\":{\"db\":{\"SecretString\":\"{\\\"user\\\":\\\"weir\\\"}\"},\"pin\":{"
        "\"SecretString\":\"1234\"}}}",
        "error"})
MANUAL(
    get_registry_data, LOOKUPS, "Object",
    "api is the constant 'DescribeThing' or 'ListThingGroupsForThing'.",
    {"get_registry_data('DescribeThing', 'kiln', 'arn:aws:iam::123456789012:role/r').thingTypeName",
     "", "{\"registry\":{\"DescribeThing\":{\"kiln\":{\"thingTypeName\":\"oven\"}}}}", "\"oven\""},
    {"get_registry_data('DescribeThing', 'none', 'arn:aws:iam::123456789012:role/r')", "",
     "{\"registry\":{\"DescribeThing\":{\"kiln\":{\"thingTypeName\":\"oven\"}}}}", "error"})
MANUAL(machinelearning_predict, LOOKUPS, "Object", "",
       {"machinelearning_predict('ml-1', 'arn:aws:iam::123456789012:role/r', "
        "*).Prediction.predictedLabel",
        "{\"t\":1}", "{\"ml\":{\"ml-1\":{\"Prediction\":{\"predictedLabel\":\"1\"}}}}", "\"1\""},
       {"machinelearning_predict('ml-2', 'arn:aws:iam::123456789012:role/r', *)", "{\"t\":1}", "",
        "error"})

#undef MANUAL
