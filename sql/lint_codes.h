// Every finding of lint.h, one entry each. Included many times: with LINT and LINT_TEMPLATE defined
// as what the includer wants of an entry; both are undefined at the end. Tests and the manual are
// made from the examples. Codes are stable: a new finding takes a free number, an old number never
// changes its meaning.
//
// LINT(code, NAME, severity, slug, title, why, remedy, version, fires, silent)
//   severity: WARNING, or NOTE for what is worth knowing and often meant
//   title:    one line;  why: why it bites;  remedy: what to write instead
//   version:  awsIotSqlVersion of both examples
//   fires:    a statement in which it is found;  silent: one like it in which it is not
// LINT_TEMPLATE(…, fires, fires_template, silent, silent_template): the finding is one of
//   wr_lint_template(), on a template of the statement.

// clang-format off

// ---- names
LINT(301, ALIAS_IN_WHERE, WARNING, "alias-in-where", "WHERE reads an alias of SELECT",
     "WHERE sees the payload, not the result: aliases are not visible there. Unless the payload has "
     "a member of that name the condition is Undefined and the rule never fires.",
     "Repeat the expression in WHERE, or give it a variable: SET @x = expression SELECT @x AS name … WHERE @x …",
     "2016-03-23",
     "SELECT temp * 1.8 + 32 AS fahrenheit FROM 'a/b' WHERE fahrenheit > 90",
     "SET @f = temp * 1.8 + 32 SELECT @f AS fahrenheit FROM 'a/b' WHERE @f > 90")
LINT_TEMPLATE(302, ALIAS_IN_TEMPLATE, WARNING, "alias-in-template", "a template reads an alias of SELECT",
     "Templates are evaluated on the original payload: aliases are not visible there. Unless the payload "
     "has a member of that name nothing is inserted.",
     "Repeat the expression in the template, or give it a variable with SET: variables are visible in templates.",
     "2016-03-23",
     "SELECT topic(2) AS device FROM 'a/+'", "out/${device}",
     "SET @device = topic(2) SELECT @device AS device FROM 'a/+'", "out/${@device}")
LINT(303, OUTER_NAME, WARNING, "outer-name-in-query", "a nested query reads a name that the statement reads outside",
     "Names in a nested query are members of its row; members of the payload are not visible. The name is "
     "Undefined unless every row has a member of that name too.",
     "Put the outer value into a variable: SET @limit = limit … (SELECT … WHERE value > @limit).",
     "2016-03-23",
     "SELECT limit, (SELECT * FROM readings WHERE value > limit) AS high FROM 'a/b'",
     "SET @limit = limit SELECT limit, (SELECT * FROM readings WHERE value > @limit) AS high FROM 'a/b'")
LINT(304, UNUSED_VARIABLE, WARNING, "unused-variable", "a variable is never read",
     "Neither the statement nor a template of the rule reads it: it costs time on every message, and may be a "
     "name that was written differently where it was meant.",
     "Read it, or take it out.",
     "2016-03-23",
     "SET @a = temp * 2 SELECT temp FROM 'a/b'",
     "SET @a = temp * 2 SELECT @a AS double FROM 'a/b'")
LINT(305, DUPLICATE_NAME, WARNING, "duplicate-name", "two items of SELECT have the same name",
     "The later item replaces the earlier one; what the earlier computes is lost.",
     "Give one of them an alias of its own.",
     "2016-03-23",
     "SELECT inside.temp, outside.temp FROM 'a/b'",
     "SELECT inside.temp AS inside, outside.temp AS outside FROM 'a/b'")
LINT(306, STAR_OVERRIDES, WARNING, "star-overrides", "* after an item may replace it",
     "* merges the payload's members at its place, so a member of the same name replaces the item before it.",
     "Write * first: SELECT *, 'b' AS color.",
     "2016-03-23",
     "SELECT 'b' AS color, * FROM 'a/b'",
     "SELECT *, 'b' AS color FROM 'a/b'")
LINT(307, DERIVED_NAME, NOTE, "derived-name", "an expression without alias",
     "The documentation does not say what such an item is called. weir takes the text of the expression, "
     "which then is the key in the result; AWS may take another name.",
     "Add AS and a name.",
     "2016-03-23",
     "SELECT temp * 2 FROM 'a/b'",
     "SELECT temp * 2 AS double FROM 'a/b'")
LINT(308, QUOTED_NAME, WARNING, "quoted-name", "a name in double quotes is text",
     "Double quotes make a String, as single quotes do; in other SQL they make a name. Compared with a "
     "constant it gives the same answer for every message.",
     "Write the name without quotes; for names with blanks or hyphens get(*, 'my name').",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE \"status\" = 'on'",
     "SELECT * FROM 'a/b' WHERE status = \"on\"")
LINT(309, FUNCTION_NAME, NOTE, "function-name", "the name of a function without parentheses",
     "Without ( ) it is a member of the payload, not the function.",
     "Write the parentheses if the function is meant.",
     "2016-03-23",
     "SELECT temp, newuuid AS id FROM 'a/b'",
     "SELECT temp, newuuid() AS id FROM 'a/b'")
LINT(310, VALUE_KEYWORD, WARNING, "value-keyword", "VALUE is the keyword here, not a field",
     "Right after SELECT the word VALUE is the keyword, unless a comma, FROM, AS or the like follows: "
     "SELECT value - 1 gives -1, and SELECT value[0] gives [0].",
     "Write a field of that name in parentheses: SELECT (value) - 1.",
     "2016-03-23",
     "SELECT value - 1 FROM 'a/b'",
     "SELECT (value) - 1 AS v FROM 'a/b'")

// ---- comparisons
LINT(311, TEXT_ORDER, WARNING, "text-order", "text has no order",
     "< <= > >= compare numbers only. A String that is not a number makes the comparison Undefined, so it "
     "never holds: 'abc' < 'abd' is Undefined.",
     "Compare with =, use startswith or regexp_matches, or turn times into numbers with time_to_epoch.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE version >= 'v2'",
     "SELECT * FROM 'a/b' WHERE version >= '2'")
LINT(312, NEVER_EQUAL, WARNING, "never-equal", "two types that are never equal",
     "= does not convert: values of different types are different. The comparison gives the same answer for "
     "every message, whatever the values are.",
     "Compare with a constant of the same type, or convert with cast().",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE isNull(x) = 'true'",
     "SELECT * FROM 'a/b' WHERE isNull(x) = true")
LINT(313, NUMBER_AND_TEXT, WARNING, "number-and-text", "a number is compared with numeric text",
     "= does not convert: 5 = '5' is false, although 5 < '6' is true. < always converts, = never does.",
     "Write the number without quotes, or convert: cast(x AS Decimal) = 5.",
     "2016-03-23",
     "SELECT * FROM 'a/+' WHERE topic(2) = 5",
     "SELECT * FROM 'a/+' WHERE topic(2) = '5'")
LINT(314, TEXT_CONSTANT, NOTE, "text-constant", "a field is compared with a number or Boolean in quotes",
     "= does not convert: with the number 25 in the payload, x = '25' is false; with true, x = 'true' is false.",
     "Leave the quotes off if devices send a number or a Boolean; for both forms compare cast(x AS String) = '25'.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE level = '25'",
     "SELECT * FROM 'a/b' WHERE level = 25")
LINT(315, LETTER_CASE, WARNING, "letter-case", "the constant has letters that lower() or upper() removes",
     "= compares exactly, so a text in lower case never equals one with capitals.",
     "Write the constant in the same case.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE lower(state) = 'ON'",
     "SELECT * FROM 'a/b' WHERE lower(state) = 'on'")
LINT(316, NULL_TEST, WARNING, "null-test", "= NULL does not find missing fields",
     "A missing field is Undefined, not Null; x = NULL is true only for a null in the JSON, and Undefined when x is missing.",
     "isUndefined(x) for a missing field, isNull(x) for a null; x <> NULL holds only for a field that is there and not null.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE error = NULL",
     "SELECT * FROM 'a/b' WHERE isUndefined(error)")
LINT(317, UNGUARDED_OR, WARNING, "unguarded-or", "one missing field makes the whole OR Undefined",
     "There is no short cut: with one side Undefined, OR is Undefined even if the other side is true, and the rule does not fire.",
     "Give each field that may be missing a default: get_or_default(x, 0) > 1 OR get_or_default(y, 0) > 2; in 2015-10-08 nanvl(x, 0).",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE temp > 50 OR smoke > 3",
     "SELECT * FROM 'a/b' WHERE get_or_default(temp, 0) > 50 OR get_or_default(smoke, 0) > 3")
LINT(318, UNEQUAL_MISSING, NOTE, "unequal-missing", "<> does not hold for a missing field",
     "Compared with a missing field, <> is Undefined, so the rule does not fire; a null does fire it.",
     "If messages without the field should count as different: get_or_default(x, '') <> 'ok'; in 2015-10-08 nanvl(x, '').",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE state <> 'ok'",
     "SELECT * FROM 'a/b' WHERE get_or_default(state, '') <> 'ok'")
LINT(319, NOT_MISSING, NOTE, "not-missing", "NOT of a missing field is Undefined",
     "NOT turns neither Undefined nor Null into true: with the field missing the rule does not fire.",
     "If messages without the field should count: NOT get_or_default(x, false); in 2015-10-08 NOT nanvl(x, false).",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE NOT alarm",
     "SELECT * FROM 'a/b' WHERE NOT get_or_default(alarm, false)")
LINT(320, CONDITION_NEVER, WARNING, "condition-never", "a condition that is never true",
     "No message can fulfil it: if it is the whole WHERE, the rule never fires.",
     "Correct the parts that the message names.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE temp > 5 AND temp < 3",
     "SELECT * FROM 'a/b' WHERE temp > 3 AND temp < 5")
LINT(321, CONDITION_ALWAYS, NOTE, "condition-always", "a condition that is always true",
     "It holds for every message, so it does not select anything.",
     "Take it out, or correct it.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE 1 = 1",
     "SELECT * FROM 'a/b' WHERE a = 1")
LINT(322, LOOKUP_IN_WHERE, NOTE, "lookup-in-where", "WHERE asks a service",
     "The call is made for every message that fits the topic filter, before it is known whether the rule "
     "fires; it costs time and money, and a failure ends the rule.",
     "Filter by payload and topic as far as possible with AND before it, or look up in SELECT.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE aws_lambda('arn:aws:lambda:eu-west-1:123456789012:function:f', *).ok = true",
     "SELECT aws_lambda('arn:aws:lambda:eu-west-1:123456789012:function:f', *) AS r FROM 'a/b'")
LINT(323, USELESS_GUARD, WARNING, "useless-guard", "isUndefined in OR does not guard",
     "There is no short cut: with x missing isUndefined(x) is true, but the other side is Undefined and so is the OR.",
     "Give the field a default instead: get_or_default(x, '') <> 'v2'; in 2015-10-08 nanvl(x, '').",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE isUndefined(x) = true OR x <> 'v2'",
     "SELECT * FROM 'a/b' WHERE get_or_default(x, '') <> 'v2'")
LINT(324, UNEQUAL_OR, WARNING, "unequal-or", "x <> a OR x <> b holds for every x",
     "A value differs from at least one of two constants, so the condition is true for every message that has the field.",
     "AND is meant: x <> a AND x <> b; or NOT x IN [a, b].",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE state <> 'on' OR state <> 'off'",
     "SELECT * FROM 'a/b' WHERE state <> 'on' AND state <> 'off'")

// ---- always Undefined
LINT(331, ARGUMENT_COUNT, WARNING, "argument-count", "a wrong number of arguments",
     "It is no error: the call compiles and is Undefined for every message.",
     "See the signature in the message.",
     "2016-03-23",
     "SELECT abs(a, b) AS v FROM 'a/b'",
     "SELECT abs(a) AS v FROM 'a/b'")
LINT(332, ARGUMENT_TYPE, WARNING, "argument-type", "an argument or operand of a type that has no conversion",
     "What has no conversion to the type that is wanted makes the expression Undefined for every message.",
     "Use a value of the type that is wanted, or cast().",
     "2016-03-23",
     "SELECT abs('high') AS v FROM 'a/b'",
     "SELECT abs('-5') AS v FROM 'a/b'")
LINT(333, UNKNOWN_CHOICE, WARNING, "unknown-choice", "a mode, scheme or property that does not exist",
     "It is no error: the call compiles and is Undefined for every message.",
     "Use one of the words in the message.",
     "2016-03-23",
     "SELECT encode(*, 'hex') AS v FROM 'a/b'",
     "SELECT encode(*, 'base64') AS v FROM 'a/b'")
LINT(334, OBJECT_BY_NUMBER, WARNING, "object-by-number", "a member of an Object is asked for by number",
     "Keys are texts and get() does not convert: get(o, 1) is Undefined even if o has a member \"1\".",
     "Write the key in quotes: get(o, '1').",
     "2016-03-23",
     "SELECT get({'1': a}, 1) AS v FROM 'a/b'",
     "SELECT get({'1': a}, '1') AS v FROM 'a/b'")
LINT(335, NO_MEMBERS, WARNING, "no-members", "a member of something that is not an Object",
     "`.` looks into Objects only; on a text, a number or an Array it is Undefined: there is no length, and no "
     "mapping over Arrays.",
     "length(x) for text; get(x, 0) or a nested query for Arrays.",
     "2016-03-23",
     "SELECT topic().length AS v FROM 'a/b'",
     "SELECT length(topic()) AS v FROM 'a/b'")
LINT(336, BAD_REGEX, WARNING, "bad-regex", "a regular expression that is not valid",
     "It is no error: the call compiles and is Undefined for every message.",
     "Correct it; the dialect is Java's.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE regexp_matches(a, '(x')",
     "SELECT * FROM 'a/b' WHERE regexp_matches(a, '(x)')")
LINT(337, BAD_TIME_PATTERN, WARNING, "bad-time-pattern", "a time pattern that is not valid",
     "It is no error: the call compiles and is Undefined for every message.",
     "parse_time takes Joda-Time letters, time_to_epoch those of Java's DateTimeFormatter; other letters go into single quotes.",
     "2016-03-23",
     "SELECT parse_time('yyyy-MM-ddTHH', timestamp()) AS v FROM 'a/b'",
     "SELECT parse_time(\"yyyy-MM-dd'T'HH\", timestamp()) AS v FROM 'a/b'")
LINT(338, UNKNOWN_ZONE, WARNING, "unknown-zone", "a time zone that is not known",
     "It is no error: the call compiles and is Undefined for every message.",
     "Use a name of the tz database such as 'Europe/Berlin'.",
     "2016-03-23",
     "SELECT parse_time('HH:mm', timestamp(), 'Europe/Nowhere') AS v FROM 'a/b'",
     "SELECT parse_time('HH:mm', timestamp(), 'UTC') AS v FROM 'a/b'")
LINT(339, DIVISION_BY_ZERO, WARNING, "division-by-zero", "the divisor is always zero",
     "A division or remainder by zero is Undefined.",
     "Correct the divisor.",
     "2016-03-23",
     "SELECT a / 0 AS v FROM 'a/b'",
     "SELECT a / 10 AS v FROM 'a/b'")
LINT(340, ALWAYS_UNDEFINED, WARNING, "always-undefined", "an expression that is Undefined for every message",
     "An Undefined item is left out of the result, an Undefined condition does not hold.",
     "Correct it; the message says why it has no value.",
     "2016-03-23",
     "SELECT a FROM 'a/b' WHERE a IN 'abc'",
     "SELECT a FROM 'a/b' WHERE a IN ['abc']")
LINT(341, VALUE_ARRAY_2015, NOTE, "value-array-2015", "SELECT VALUE of what may be an Array, in 2015-10-08",
     "SQL version 2015-10-08 has no Array at top level: the payload is empty when the value is one.",
     "Say awsIotSqlVersion 2016-03-23.",
     "2015-10-08",
     "SELECT VALUE readings FROM 'a/b'",
     "SELECT VALUE temp * 2 FROM 'a/b'")
LINT(342, TOPIC_LEVEL_MISSING, WARNING, "topic-level-missing", "a topic level that the filter does not have",
     "Every topic that fits the filter has fewer levels, so topic(n) is Undefined.",
     "Levels count from 1; see the filter.",
     "2016-03-23",
     "SELECT topic(4) AS device FROM 'site/+/temp'",
     "SELECT topic(2) AS device FROM 'site/+/temp'")
LINT(343, TOPIC_LEVEL_FIXED, NOTE, "topic-level-fixed", "a topic level that the filter fixes",
     "topic(n) is the same text for every message that fits the filter; levels count from 1, so another may have been meant.",
     "Take the number of a level with + in it, or write the text itself.",
     "2016-03-23",
     "SELECT topic(1) AS device FROM 'site/+/temp'",
     "SELECT topic(2) AS device FROM 'site/+/temp'")
LINT(344, ARGUMENT_RANGE, WARNING, "argument-range", "a constant argument that is out of range",
     "The function has no value there, so the call is Undefined for every message.",
     "See the range in the message.",
     "2016-03-23",
     "SELECT chr(200) AS v FROM 'a/b'",
     "SELECT chr(65) AS v FROM 'a/b'")

// ---- other than meant
LINT(351, INTEGER_DIVISION, WARNING, "integer-division", "a division that loses its fraction",
     "Int / Int is an Int: 7 / 2 is 3. In 2016-03-23 a whole number is an Int however it is written, so 7 / 2.0 is 3 too.",
     "Make one side text to select decimal division: x / '2'; or multiply: x * 0.5. If the cut is meant: floor(x / '2').",
     "2016-03-23",
     "SELECT 7 / 2 AS v FROM 'a/b'",
     "SELECT 7 / 2.5 AS v FROM 'a/b'")
LINT(352, TEXT_PLUS_NUMBER, WARNING, "text-plus-number", "+ joins text although a number was likely meant",
     "With a String on either side + concatenates: '1' + 2 is '12', while '5' - 3 is 2.",
     "cast('1' AS Decimal) + 2; or concat() if texts should be joined.",
     "2016-03-23",
     "SELECT '1' + 2 AS v FROM 'a/b'",
     "SELECT 'nr ' + 2 AS v FROM 'a/b'")
LINT(353, PAD_WIDTH, NOTE, "pad-width", "lpad and rpad do not pad to a width",
     "They add that many spaces, whatever the length of the text: lpad('7', 3) is '   7'.",
     "If a width is meant, cut afterwards: substring(concat('000', x), length(concat('000', x)) - 3).",
     "2016-03-23",
     "SELECT lpad(name, 10) AS v FROM 'a/b'",
     "SELECT lpad(name, 1) AS v FROM 'a/b'")
LINT(354, DECODE_NULL, WARNING, "decode-null", "isUndefined does not see that decode failed",
     "decode(x, 'base64') of something that is not base64 or not UTF-8 is Null, not Undefined.",
     "isNull(decode(x, 'base64')), or get_or_default(decode(x, 'base64'), …), which replaces both.",
     "2016-03-23",
     "SELECT a FROM 'a/b' WHERE isUndefined(decode(a, 'base64')) = false",
     "SELECT a FROM 'a/b' WHERE isNull(decode(a, 'base64')) = false")
LINT(355, WHOLE_DECIMAL, NOTE, "whole-decimal", "a whole number is an Int however it is written",
     "In 2016-03-23 5.0 comes out as 5; only 2015-10-08 keeps 5.0.",
     "Write 5, or '5.0' if the reader needs the text.",
     "2016-03-23",
     "SELECT 5.0 AS v FROM 'a/b'",
     "SELECT 5.5 AS v FROM 'a/b'")
LINT(356, ARRAY_SHIFTS, NOTE, "array-shifts", "a missing item moves the items after it",
     "Undefined vanishes from an array: [a, b] with a missing is [b], so b is then at index 0.",
     "Give the item a default, get_or_default(a, NULL), or make an Object: {'a': a, 'b': b}.",
     "2016-03-23",
     "SELECT [x, y] AS point FROM 'a/b'",
     "SELECT [get_or_default(x, 0), y] AS point FROM 'a/b'")
LINT(357, RAW_PAYLOAD, NOTE, "raw-payload", "* as a value is base64 when the payload is not an Object or Array",
     "A payload such as 80 or plain text is not JSON here: it becomes base64 inside the result.",
     "For text and numbers: decode(encode(*, 'base64'), 'base64').",
     "2016-03-23",
     "SELECT * AS reading FROM 'a/b'",
     "SELECT decode(encode(*, 'base64'), 'base64') AS reading FROM 'a/b'")
LINT(358, CASE_ELSE, NOTE, "case-else", "ELSE is not taken when the operand is missing",
     "CASE with an Undefined operand is Undefined; ELSE is only for values that no WHEN equals.",
     "Give the operand a default: CASE get_or_default(x, '') WHEN …; in 2015-10-08 nanvl(x, '').",
     "2016-03-23",
     "SELECT CASE state WHEN 'on' THEN 1 ELSE 0 END AS v FROM 'a/b'",
     "SELECT CASE get_or_default(state, '') WHEN 'on' THEN 1 ELSE 0 END AS v FROM 'a/b'")
LINT(359, CASE_UNREACHABLE, WARNING, "case-unreachable", "a WHEN that is never taken",
     "An earlier WHEN has the same value, or the operand is never equal to it.",
     "Take it out or correct it.",
     "2016-03-23",
     "SELECT CASE a WHEN 1 THEN 'x' WHEN 1 THEN 'y' END AS v FROM 'a/b'",
     "SELECT CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END AS v FROM 'a/b'")
LINT(360, MIXED_LIST, NOTE, "mixed-list", "IN with a list of different types",
     "IN compares as = does, without conversion: 5 IN ['5'] is false.",
     "Write all items in the type that devices send.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE code IN [1, '2', 3]",
     "SELECT * FROM 'a/b' WHERE code IN [1, 2, 3]")
LINT(361, TIMESTAMP_UNIT, WARNING, "timestamp-unit", "timestamp() is in milliseconds",
     "It counts milliseconds since 1970; a constant of this size reads as seconds and lies in January 1970.",
     "Multiply the constant by 1000.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE timestamp() > 1700000000",
     "SELECT * FROM 'a/b' WHERE timestamp() > 1700000000000")
LINT(362, REGEX_COST, NOTE, "regex-cost", "a repetition inside a repetition",
     "Such an expression can take exponential time on a text that almost matches; the match limit then makes the call Undefined.",
     "Write it so that a text can match in one way only: (a+)+ is a+.",
     "2016-03-23",
     "SELECT * FROM 'a/b' WHERE regexp_matches(a, '^(x+)+$')",
     "SELECT * FROM 'a/b' WHERE regexp_matches(a, '^x+$')")
LINT(363, FIELD_DIVISION, NOTE, "field-division", "a division that loses its fraction when the field is whole",
     "Int / Int is an Int: with 235 in the payload temp / 10 is 23, with 235.5 it is 23.55.",
     "temp * 0.1, or a divisor that is text: temp / '10'. If the cut is meant, say so: floor(temp / '10').",
     "2016-03-23",
     "SELECT temp / 10 AS v FROM 'a/b'",
     "SELECT temp * 0.1 AS v FROM 'a/b'")

// ---- the topic filter
LINT(371, FILTER_PARENT, NOTE, "filter-parent", "a/# does not match a",
     "Other than for a subscriber in plain MQTT, # stands for at least one level: the topic in front of /# is not matched.",
     "If messages on the parent topic are wanted, a second rule for it.",
     "2016-03-23",
     "SELECT * FROM 'sensor/#'",
     "SELECT * FROM 'sensor/+'")
LINT(372, FILTER_EMPTY_LEVEL, WARNING, "filter-empty-level", "the filter has an empty level",
     "A / at the beginning or end, or two in a row, make a level that is empty: '/a' and 'a/' are other topics than 'a'.",
     "Take it out, unless devices really publish so.",
     "2016-03-23",
     "SELECT * FROM '/sensor/+'",
     "SELECT * FROM 'sensor/+'")
LINT(373, FILTER_DOLLAR, NOTE, "filter-dollar", "a filter that begins with a wildcard does not match $ topics",
     "Topics such as $aws/things/… are matched only by a filter that begins with $.",
     "A rule of its own for those topics.",
     "2016-03-23",
     "SELECT * FROM '#'",
     "SELECT * FROM 'sensor/+'")
LINT(374, FILTER_QUOTES, WARNING, "filter-quotes", "the filter is in double quotes",
     "The documentation demands single quotes for FROM; whether AWS takes double ones is not documented.",
     "Write FROM 'a/b'.",
     "2016-03-23",
     "SELECT * FROM \"a/b\"",
     "SELECT * FROM 'a/b'")
LINT(375, FILTER_BASIC_INGEST, WARNING, "filter-basic-ingest", "FROM does not select Basic Ingest topics",
     "A message on $aws/rules/NAME/… goes to the rule NAME, and no filter is asked; no filter matches it.",
     "Leave FROM out, or write the filter of ordinary topics, and let devices publish to $aws/rules/NAME/….",
     "2016-03-23",
     "SELECT * FROM '$aws/rules/fire/+'",
     "SELECT * FROM '$aws/events/presence/connected/+'")

// clang-format on

#undef LINT
#undef LINT_TEMPLATE
