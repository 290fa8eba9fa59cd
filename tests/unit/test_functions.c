// SQL functions called directly through the table, a table of cases for each family (sql.md 11).
#include "sql/base/hash.h"
#include "sql/base/json.h"
#include "sql/func/function.h"
#include "sql/func/regex.h"
#include "sql/func/zone.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARENA_LIMIT (4 * 1024 * 1024)

// `args` is a JSON array; the String "~" in it stands for Undefined. `want` is the result as
// compact JSON, NULL for Undefined.
struct call_case {
    const char *function, *args, *want;
    enum wr_dialect dialect;
};

static struct wr_arena arena;

static int setup(void **state)
{
    wr_hash_seed_init();
    wr_arena_init(&arena, ARENA_LIMIT);
    return 0;
}

static int teardown(void **state)
{
    wr_arena_release(&arena);
    wr_regex_thread_release();
    return 0;
}

// ---- host and message

static bool zone_file(void *user, wr_str name, wr_str *tzif)
{
    static char bytes[64 * 1024];
    char path[256];
    if (name.len > 64 || wr_str_find(name, S("..")) >= 0) {
        return false;
    }
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%.*s", WR_STR_ARG(name));
    FILE *f = fopen(path, "rb");
    if (!f) {
        return false;
    }
    *tzif = (wr_str){bytes, fread(bytes, 1, sizeof bytes, f)};
    fclose(f);
    return true;
}

static void fixed_random(void *user, void *at, size_t len)
{
    memset(at, *(const int *)user, len);
}

static int random_byte = 0xff;
static const struct wr_sql_host host = {.user = &random_byte,
                                        .account_id = WR_STR_INIT("123456789012"),
                                        .random = fixed_random,
                                        .zone = zone_file};
static const struct wr_user_property properties[] = {
    {WR_STR_INIT("a"), WR_STR_INIT("1")},
    {WR_STR_INIT("b"), WR_STR_INIT("2")},
    {WR_STR_INIT("a"), WR_STR_INIT("3")},
};
static struct wr_sql_message message;
static struct wr_eval eval;

static void message_init(void)
{
    message = (struct wr_sql_message){
        .topic = S("things/my/one"),
        .payload = S("{ \"a\" : 1 }"),
        .timestamp_ms = 1481825251155,
        .over_mqtt = true,
        .client_id = S("dev"),
        .principal = S("fp"),
        .source_ip = S("2001:db8::1"),
        .trace_id = S("t-1"),
        .content_type = S("text/plain"),
        .response_topic = S("r/t"),
        .correlation_data = S("cid"),
        .format_indicator = 1,
        .user_properties = properties,
        .user_property_count = WR_COUNT(properties),
    };
    eval = (struct wr_eval){.message = &message, .host = &host};
}

// ---- calling

#define ARGS_MAX 8

static uint32_t arguments(const char *name, const char *json, enum wr_dialect dialect,
                          wr_value *args)
{
    wr_value list;
    CHECK_INT(name, wr_json_parse(Z(json), &arena, dialect, &list, NULL), WR_OK);
    CHECK(name, list.type == WR_ARRAY && list.len <= ARGS_MAX);
    for (uint32_t i = 0; i < list.len; i++) {
        args[i] = list.as.items[i];
        if (args[i].type == WR_STRING && wr_str_eq(wr_value_text(&args[i]), S("~"))) {
            args[i] = wr_undefined();
        }
    }
    return list.len;
}

static wr_value call(struct wr_call *c, const char *function, wr_value *args, uint32_t count)
{
    const struct wr_function *f = wr_function_find(Z(function));
    CHECK(function, f != NULL && f->body != NULL);
    CHECK(function, count >= f->min_args && count <= f->max_args);
    return f->body(c, args, count, 0);
}

static void check_call(const struct call_case *k)
{
    char name[512];
    snprintf(name, sizeof name, "%s%s", k->function, k->args);
    wr_arena_reset(&arena);
    wr_value args[ARGS_MAX];
    struct wr_call c = {.num = {&arena, k->dialect}, .eval = &eval};
    wr_value v = call(&c, k->function, args, arguments(name, k->args, k->dialect, args));
    CHECK(name, !c.failed && !arena.over);
    CHECK(name, !wr_value_is_lazy(&v) || v.type != WR_STRING || v.as.text != NULL);
    struct wr_buf b = {0};
    wr_json_write(&b, &v, &arena, k->dialect);
    if (v.type == WR_UNDEFINED || !k->want) {
        CHECK_STR(name, v.type == WR_UNDEFINED ? S("Undefined") : wr_buf_str(&b),
                  k->want ? Z(k->want) : S("Undefined"));
    } else {
        CHECK_STR(name, wr_buf_str(&b), Z(k->want));
    }
    wr_buf_release(&b);
}

static void check_calls(const struct call_case *cases, size_t count)
{
    message_init();
    for (size_t i = 0; i < count; i++) {
        check_call(&cases[i]);
    }
}

#define F16(function, args, want)         \
    {                                     \
        function, args, want, WR_SQL_2016 \
    }
#define F15(function, args, want)         \
    {                                     \
        function, args, want, WR_SQL_2015 \
    }

static void math(void **state)
{
    static const struct call_case cases[] = {
        F16("abs", "[-7]", "7"),
        F16("abs", "[\"-5E-3\"]", "0.005"),
        F16("abs", "[\"+5\"]", NULL),
        F16("abs", "[true]", NULL),
        F16("abs", "[null]", NULL),
        F16("abs", "[-1.234567890123456789012345678901234]", "1.234567890123456789012345678901234"),
        F16("ceil", "[-2.5]", "-2"),
        F15("ceil", "[5.0]", "5"),
        F16("floor", "[-123456789012345678901234567890.5]", "-123456789012345678901234567891"),
        F15("floor", "[2.0]", "2"),
        F16("round", "[2.5]", "3"),
        F16("round", "[-0.5]", "-1"),
        F16("round", "[0.4999999999999999999999999999999999]", "0"),
        F16("sign", "[\"0.0\"]", "0"),
        F16("sign", "[-0.1]", "-1"),
        F16("trunc", "[2.789, 1.9]", "2.7"),
        F16("trunc", "[-2.789, 1]", "-2.7"),
        F16("trunc", "[2.789, -3]", "2"),
        F16("trunc", "[2.789, \"1\"]", NULL),
        F16("trunc", "[\"2.789\", 1]", "2.7"),
        F16("trunc", "[2.5, \"~\"]", NULL),
        F16("mod", "[7, -3]", "1"),
        F16("mod", "[\"17\", 5]", "2"),
        F16("remainder", "[17, \"5.5\"]", "0.5"),
        F16("mod", "[7.5, 0.0]", NULL),
        F16("power", "[2, 5]", "32"),
        F15("power", "[2, 5]", "32.0"),
        F16("power", "[-8, 0.5]", NULL),
        F16("power", "[10, 400]", NULL),
        F16("sqrt", "[16]", "4"),
        F15("sqrt", "[9]", "3.0"),
        F16("sqrt", "[2]", "1.4142135623730951"),
        F16("sqrt", "[-1]", NULL),
        F16("ln", "[0]", NULL),
        F16("log", "[\"1000\"]", "3"),
        F16("exp", "[0]", "1"),
        F16("sin", "[0]", "0"),
        F16("cos", "[0]", "1"),
        F16("tan", "[[]]", NULL),
        F16("asin", "[2]", NULL),
        F16("acos", "[1]", "0"),
        F16("atan", "[0]", "0"),
        F16("atan2", "[1, 0]", "1.5707963267948966"),
        F16("sinh", "[0]", "0"),
        F16("cosh", "[0]", "1"),
        F16("tanh", "[2.3]", "0.9800963962661914"),
        F16("bitand", "[-1.5, 255]", "254"),
        F16("bitand", "[18446744073709551616, 18446744073709551617]", "18446744073709551616"),
        F16("bitor", "[\"12.7\", \"10.2\"]", "14"),
        F16("bitxor", "[-12, 10]", "-2"),
        F16("bitnot", "[\"5.9\"]", "-6"),
        F16("bitnot", "[13]", "-14"),
        F16("bitnot", "[true]", NULL),
        F16("nanvl", "[null, 3]", "3"),
        F16("nanvl", "[\"~\", null]", "null"),
        F16("nanvl", "[1e1200, 3]", "3"),
        F16("nanvl", "[false, 3]", "false"),
        F16("rand", "[]", "0.9999999999999999"),
    };
    check_calls(cases, WR_COUNT(cases));
}

static void string(void **state)
{
    static const struct call_case cases[] = {
        F16("concat", "[]", NULL),
        F16("concat", "[1]", "\"1\""),
        F16("concat", "[1, 2]", NULL),
        F16("concat", "[\"t=\", true, 2.5, {\"k\": \"v\"}]", "\"t=true2.5{\\\"k\\\":\\\"v\\\"}\""),
        F16("concat", "[\"x\", \"~\"]", NULL),
        F16("concat", "[\"~\"]", NULL),
        F16("concat", "[\"\", \"\"]", "\"\""),
        F16("concat", "[[1], 2, [3, [4]], null, \"~\"]", "[1,2,3,[4],null]"),
        F16("concat", "[[]]", "[]"),
        F16("length", "[\"é€😀\"]", "3"),
        F16("length", "[\"a\\u0000b\"]", "3"),
        F16("numbytes", "[\"é€😀\"]", "9"),
        F16("numbytes", "[null]", NULL),
        F16("indexof", "[\"é😀b\", \"b\"]", "2"),
        F16("indexof", "[\"abc\", \"\"]", "0"),
        F16("indexof", "[12345, 99]", "-1"),
        F16("lower", "[\"HÉЖİ\"]", NULL), // replaced below: İ differs in length
        F16("upper", "[\"straße αβγ éà\"]", "\"STRAßE ΑΒΓ ÉÀ\""),
        F16("upper", "[\"\"]", "\"\""),
        F16("upper", "[{\"k\": 1}]", "\"{\\\"K\\\":1}\""),
        F16("lower", "[\"ABCDEFGHIJ\"]", "\"abcdefghij\""),
        F16("ltrim", "[\" \\t\\r\\n h i \"]", "\"h i \""),
        F16("rtrim", "[\" h i \\n\"]", "\" h i\""),
        F16("trim", "[\"   \"]", "\"\""),
        F16("trim", "[[1,2]]", "\"[1,2]\""),
        F16("lpad", "[\"x\", \"2.9\"]", "\"  x\""),
        F16("lpad", "[\"x\", -5]", "\"x\""),
        F16("rpad", "[true, 1]", "\"true \""),
        F16("rpad", "[\"x\", null]", NULL),
        F16("startswith", "[12512, 12]", "true"),
        F16("startswith", "[\"a\", \"aaa\"]", "false"),
        F16("endswith", "[\"abc\", \"bc\"]", "true"),
        F16("endswith", "[\"abc\", null]", NULL),
        F16("replace", "[\"a.c.\", \".\", \"xy\"]", "\"axycxy\""),
        F16("replace", "[\"aaa\", \"aa\", \"b\"]", "\"ba\""),
        F16("replace", "[\"a😀\", \"\", \"-\"]", "\"-a-😀-\""),
        F16("replace", "[\"abc\", \"x\", \"y\"]", "\"abc\""),
        F16("substring", "[\"012345\", 2.745]", "\"2345\""),
        F16("substring", "[\"aé😀b\", 1, 3]", "\"é😀\""),
        F16("substring", "[\"012345\", 3, 1]", "\"\""),
        F16("substring", "[\"012345\", 10]", "\"\""),
        F16("substring", "[\"012345\", -1, 99]", "\"012345\""),
        F16("substring", "[\"012345\", 1, \"x\"]", NULL),
        F16("substring", "[\"012345\", 1e30]", "\"\""),
        F16("chr", "[65.9]", "\"A\""),
        F16("chr", "[0]", "\"\\u0000\""),
        F16("chr", "[128]", NULL),
        F16("chr", "[-0.5]", NULL),
        F16("md2", "[\"\"]", "\"8350e5a3e24c153df2275c9f80692773\""),
        F16("md2", "[\"0123456789abcdef\"]", "\"12c8dfa285f14e1af8c5254e7092d0d3\""),
        F16("md5", "[\"abc\"]", "\"900150983cd24fb0d6963f7d28e17f72\""),
        F16("sha1", "[\"hello\"]", "\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\""),
        F16("sha224", "[\"\"]", "\"d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f\""),
        F16("sha256", "[true]",
            "\"b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b\""),
        F16("sha256", "[null]", NULL),
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        if (!(cases[i].want == NULL && strstr(cases[i].args, "İ"))) {
            check_calls(&cases[i], 1);
        }
    }
    static const struct call_case grows = F16("lower", "[\"HÉЖȺȺȺȺȺȺȺȺ\"]", "\"héжⱥⱥⱥⱥⱥⱥⱥⱥ\"");
    check_calls(&grows, 1);
}

static void structure(void **state)
{
    static const struct call_case cases[] = {
        F16("get", "[[\"a\", \"b\"], 1.7]", "\"b\""),
        F16("get", "[[1], -1]", NULL),
        F16("get", "[\"a😀b\", \"2\"]", "\"b\""),
        F16("get", "[{\"1\": 2}, 1]", NULL),
        F16("get", "[{\"1\": 2}, \"1\"]", "2"),
        F16("get", "[5, 0]", NULL),
        F16("isNull", "[null]", "true"),
        F16("isnull", "[\"~\"]", "false"),
        F16("isUndefined", "[\"~\"]", "true"),
        F16("isUndefined", "[null]", "false"),
        F16("isUndefined", "[1e1200]", "true"),
        F16("get_or_default", "[\"~\", 9]", "9"),
        F16("get_or_default", "[null]", NULL),
        F16("get_or_default", "[\"\", 9]", "\"\""),
        F16("transform", "[\"enrichArray\", {\"k\": 1}, [{\"k\": 2, \"z\": 3}, {}]]",
            "[{\"k\":1,\"z\":3},{\"k\":1}]"),
        F16("transform", "[\"enrichArray\", [{\"k\": 1}], [[{\"z\": 3}]]]", "[{\"z\":3,\"k\":1}]"),
        F16("transform", "[\"enrichArray\", {\"k\": 1}, []]", "[]"),
        F16("transform", "[\"enrichArray\", {\"k\": 1}, [1]]", NULL),
        F16("transform", "[\"enrichArray\", [{}, {}], []]", NULL),
        F16("transform", "[\"enricharray\", {}, []]", NULL),
        F16("encode", "[\"é€😀\", \"base64\"]", "\"w6nigqzwn5iA\""),
        F16("encode", "[\"\", \"base64\"]", "\"\""),
        F16("encode", "[{\"k\": \"v\"}, \"base64\"]", "\"eyJrIjoidiJ9\""),
        F16("encode", "[\"a\", \"hex\"]", NULL),
        F16("encode", "[null, \"base64\"]", NULL),
        F16("decode", "[\"WzEsMl0=\", \"base64\"]", "[1,2]"),
        F16("decode", "[\"***\", \"base64\"]", "null"),
        F16("decode", "[\"/w==\", \"base64\"]", "null"),
        F16("decode", "[\"YQ\", \"base64\"]", "null"),
        F16("decode", "[\"\", \"base64\"]", "\"\""),
        F16("decode", "[\"e2E6MX0=\", \"base64\"]", "\"{a:1}\""),
        F16("decode", "[\"InEi\", \"base64\"]", "\"q\""),
        F16("decode", "[null, \"base64\"]", NULL),
        F16("decode", "[\"YQ==\", \"proto\"]", NULL),
        F16("decode", "[\"YQ==\", \"proto\", \"b\", \"k\"]", NULL),
    };
    check_calls(cases, WR_COUNT(cases));
    wr_value args[6];
    for (int i = 0; i < 6; i++) {
        args[i] = wr_string(i == 1 ? S("proto") : S("x"));
    }
    struct wr_call c = {.num = {&arena, WR_SQL_2016}, .eval = &eval};
    call(&c, "decode", args, 6);
    CHECK_INT("decode proto", c.failed, true);
    CHECK_STR("decode proto", Z(c.fault.text), S("decode: the text is not base64"));
}

// A transform result of more than 128 KiB is Undefined, one of 128 KiB is not.
static void transform_limit(void **state)
{
    for (size_t extra = 0; extra < 2; extra++) {
        wr_arena_reset(&arena);
        size_t len = 128 * 1024 - sizeof "[{\"k\":\"\"}]" + 1 + extra;
        char *text = wr_arena_alloc(&arena, len);
        memset(text, 'x', len);
        struct wr_member member = {S("k"), wr_string((wr_str){text, len})};
        wr_value empty = {.type = WR_OBJECT};
        wr_value args[3] = {wr_string(S("enrichArray")),
                            {.type = WR_OBJECT, .len = 1, .as.members = &member},
                            {.type = WR_ARRAY, .len = 1, .as.items = &empty}};
        struct wr_call c = {.num = {&arena, WR_SQL_2016}};
        wr_value v = call(&c, "transform", args, 3);
        CHECK_INT("128 KiB", v.type, extra ? WR_UNDEFINED : WR_ARRAY);
    }
}

static void about_message(void **state)
{
    static const struct call_case cases[] = {
        F16("timestamp", "[]", "1481825251155"),
        F16("topic", "[]", "\"things/my/one\""),
        F16("topic", "[2.9]", "\"my\""),
        F16("topic", "[0]", NULL),
        F16("topic", "[4]", NULL),
        F16("topic", "[true]", NULL),
        F16("clientid", "[]", "\"dev\""),
        F16("principal", "[]", "\"fp\""),
        F16("traceid", "[]", "\"t-1\""),
        F16("sourceip", "[]", "\"2001:db8::1\""),
        F16("accountid", "[]", "\"123456789012\""),
        F16("newuuid", "[]", "\"ffffffff-ffff-4fff-bfff-ffffffffffff\""),
        F16("get_mqtt_property", "[\"content_type\"]", "\"text/plain\""),
        F16("get_mqtt_property", "[\"format_indicator\"]", "\"UTF8_DATA\""),
        F16("get_mqtt_property", "[\"response_topic\"]", "\"r/t\""),
        F16("get_mqtt_property", "[\"correlation_data\"]", "\"Y2lk\""),
        F16("get_mqtt_property", "[\"nope\"]", NULL),
        F16("get_user_properties", "[\"a\"]", "[\"1\",\"3\"]"),
        F16("get_user_properties", "[\"x\"]", NULL),
        F16("get_user_properties", "[null]", NULL),
        F16("get_user_properties", "[]", "[{\"a\":\"1\"},{\"b\":\"2\"},{\"a\":\"3\"}]"),
    };
    check_calls(cases, WR_COUNT(cases));
    static const struct call_case absent[] = {
        F16("clientid", "[]", "\"n/a\""),
        F16("principal", "[]", NULL),
        F16("traceid", "[]", NULL),
        F16("sourceip", "[]", NULL),
        F16("topic", "[]", "\"Buildings/5\""),
        F16("topic", "[1]", "\"Buildings\""),
        F16("get_mqtt_property", "[\"content_type\"]", NULL),
        F16("get_mqtt_property", "[\"format_indicator\"]", "\"UNSPECIFIED_BYTES\""),
        F16("get_mqtt_property", "[\"correlation_data\"]", NULL),
        F16("get_user_properties", "[]", "[]"),
    };
    message = (struct wr_sql_message){.topic = S("$aws/rules/r/Buildings/5"),
                                      .basic_ingest = true,
                                      .client_id = S("x"),
                                      .trace_id = S("y"),
                                      .format_indicator = -1};
    for (size_t i = 0; i < WR_COUNT(absent); i++) {
        check_call(&absent[i]);
    }
}

// Made when it is asked for, the same each time, and another one for each seed.
static void trace_id(void **state)
{
    char room[2][WR_SQL_TRACE_LEN];
    struct wr_sql_message a = {.trace_seed = {1, 7}, .trace_room = room[0]}, b = a;
    b.trace_room = room[1];
    wr_str first = wr_sql_trace_id(&a);
    CHECK_INT("length", first.len, 36);
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        CHECK("a UUID",
              dash ? first.at[i] == '-' : memchr("0123456789abcdef", first.at[i], 16) != NULL);
    }
    CHECK_INT("version", first.at[14], '4');
    CHECK("variant", memchr("89ab", first.at[19], 4) != NULL);
    CHECK_STR("the same seed", wr_sql_trace_id(&b), first);
    for (size_t i = 0; i < 2; i++) {
        b.trace_seed[i]++;
        wr_str other = wr_sql_trace_id(&b);
        size_t differ = 0;
        for (size_t at = 0; at < 36; at++) {
            differ += other.at[at] != first.at[at];
        }
        CHECK("another seed", differ > (i ? 20 : 10));
    }
    b.trace_id = S("given");
    CHECK_STR("its source's", wr_sql_trace_id(&b), S("given"));
    b = (struct wr_sql_message){.topic = S("t")};
    CHECK("none", !wr_sql_trace_id(&b).at);
}

static void payload(void **state)
{
    message_init();
    wr_arena_reset(&arena);
    struct wr_call c = {.num = {&arena, WR_SQL_2016}, .eval = &eval};
    wr_value args[2] = {{.type = WR_OBJECT}, wr_string(S("base64"))};
    wr_value v = wr_function_find(S("ENCODE"))->body(&c, args, 2, 1);
    CHECK_STR("encode(*)", wr_value_text(&v), S("eyAiYSIgOiAxIH0="));
    args[0] = wr_raw(S("\x00\xff"));
    v = wr_function_find(S("encode"))->body(&c, args, 2, 0);
    CHECK_STR("encode(raw)", wr_value_text(&v), S("AP8="));
}

static void system_random(void **state)
{
    struct wr_call c = {.num = {&arena, WR_SQL_2016}};
    wr_value a = call(&c, "newuuid", NULL, 0), b = call(&c, "newuuid", NULL, 0);
    CHECK_INT("newuuid", a.len, 36);
    CHECK("two differ", !wr_str_eq(wr_value_text(&a), wr_value_text(&b)));
    for (int i = 0; i < 100; i++) {
        wr_value r = call(&c, "rand", NULL, 0);
        double d = wr_num_to_double(&r);
        CHECK("rand", r.type == WR_NUMBER && d >= 0 && d < 1);
    }
}

static void time_writing(void **state)
{
    static const struct call_case cases[] = {
        F16("parse_time", "[\"yyyy.MM.dd G 'at' HH:mm:ss z\", 100000000, \"America/Belize\"]",
            "\"1970.01.01 AD at 21:46:40 CST\""),
        F16("parse_time", "[\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", 1481825251155]",
            "\"2016-12-15T18:07:31.155Z\""),
        F16("parse_time", "[\"yy y yyy yyyyy CC YY\", 1481825251155]",
            "\"16 2016 2016 02016 20 16\""),
        F16("parse_time", "[\"M MM MMM MMMM\", 0]", "\"1 01 Jan January\""),
        F16("parse_time", "[\"E EEEE e D DDD\", 1481825251155]", "\"Thu Thursday 4 350 350\""),
        F16("parse_time", "[\"xxxx-'W'ww-e\", 1451606400000]", "\"2015-W53-5\""),
        F16("parse_time", "[\"xxxx ww\", 1419984000000]", "\"2015 01\""),
        F16("parse_time", "[\"K h H k a\", 0]", "\"0 12 0 24 AM\""),
        F16("parse_time", "[\"K h H k a\", 43200000]", "\"0 12 12 12 PM\""),
        F16("parse_time", "[\"S SS SSS SSSSS\", 789]", "\"7 78 789 78900\""),
        F16("parse_time", "[\"SSS\", -1]", "\"999\""),
        F16("parse_time", "[\"h 'o''clock'\", 0]", "\"12 o'clock\""),
        F16("parse_time", "[\"yyyy 'rest of it\", 0]", "\"1970 rest of it\""),
        F16("parse_time", "[\"''yyyy''\", 0]", "\"'1970'\""),
        F16("parse_time", "[\"yyyy G\", -62135596800001]", "\"0000 BC\""),
        F16("parse_time", "[\"yyyy YYYY G\", -63000000000000]", "\"-0027 0028 BC\""),
        F16("parse_time", "[\"Z ZZ ZZZ z\", 0, \"Asia/Kolkata\"]",
            "\"+0530 +05:30 Asia/Kolkata IST\""),
        F16("parse_time", "[\"Z ZZ ZZZ z\", 0]", "\"+0000 +00:00 UTC UTC\""),
        F16("parse_time", "[\"HH Z ZZ ZZZ z\", 0, \"-03:30\"]",
            "\"20 -0330 -03:30 -03:30 -03:30\""),
        F16("parse_time", "[\"HH:mm z\", 1467324000000, \"America/New_York\"]", "\"18:00 EDT\""),
        F16("parse_time", "[\"HH:mm z\", 4102444800000, \"America/New_York\"]", "\"19:00 EST\""),
        F16("parse_time", "[\"HH:mm z\", 4118000000000, \"America/New_York\"]", "\"20:53 EDT\""),
        F16("parse_time", "[\"HH:mm Z\", 4102444800000, \"Australia/Sydney\"]", "\"11:00 +1100\""),
        F16("parse_time", "[\"HH:mm z\", 1700000000000, \"America/Sao_Paulo\"]",
            "\"19:13 -03:00\""),
        F16("parse_time", "[\"HH:mm Z\", -3000000000000, \"Europe/Berlin\"]", "\"19:33 +0053\""),
        F16("parse_time", "[\"yyyy\", 1e15]", "\"33658\""),
        F16("parse_time", "[\"yyyy\", 1e30]", NULL),
        F16("parse_time", "[\"yyyy\", \"abc\"]", NULL),
        F16("parse_time", "[\"\", 0]", NULL),
        F16("parse_time", "[\"jjj\", 0]", NULL),
        F16("parse_time", "[\"zzzz\", 0]", NULL),
        F16("parse_time", "[\"yyyy\", 0, \"Mars/Base\"]", NULL),
        F16("parse_time", "[\"yyyy\", 0, null]", NULL),
    };
    check_calls(cases, WR_COUNT(cases));
}

static void time_reading(void **state)
{
    static const struct call_case cases[] = {
        F16("time_to_epoch", "[\"2020-04-03 09:45:18 UTC+01:00\", \"yyyy-MM-dd HH:mm:ss VV\"]",
            "1585903518000"),
        F16("time_to_epoch", "[\"18 December 2015\", \"dd MMMM yyyy\"]", "1450396800000"),
        F16("time_to_epoch", "[\"1969-12-31\", \"yyyy-MM-dd\"]", "-86400000"),
        F16("time_to_epoch", "[\"2020-01-01 01:30 PM\", \"yyyy-MM-dd hh:mm a\"]", "1577885400000"),
        F16("time_to_epoch", "[\"2020-01-01 12:30 AM\", \"yyyy-MM-dd hh:mm a\"]", "1577838600000"),
        F16("time_to_epoch", "[\"2016-12-15T18:07:31Z\", \"yyyy-MM-dd'T'HH:mm:ssX\"]",
            "1481825251000"),
        F16("time_to_epoch", "[\"20161215180731155\", \"yyyyMMddHHmmssSSS\"]", "1481825251155"),
        F16("time_to_epoch", "[\"2016-12-15T18:07:31.155+0130\", \"yyyy-MM-dd'T'HH:mm:ss.SSSZ\"]",
            "1481819851155"),
        F16("time_to_epoch", "[\"2016-12-15 -05:00\", \"yyyy-MM-dd XXX\"]", "1481778000000"),
        F16("time_to_epoch", "[\"2016-12-15 -05\", \"yyyy-MM-dd x\"]", "1481778000000"),
        F16("time_to_epoch", "[\"2016-12-15 Z\", \"yyyy-MM-dd xxx\"]", NULL),
        F16("time_to_epoch", "[\"2016-12-15 +0030\", \"yyyy-MM-dd X\"]", "1481758200000"),
        F16("time_to_epoch", "[\"2016-12-15 +0030\", \"yyyy-MM-dd x\"]", NULL),
        F16("time_to_epoch", "[\"2016-12-15 00 PM\", \"yyyy-MM-dd hh a\"]", "1481803200000"),
        F16("time_to_epoch", "[\"2016-12-15 -0500\", \"yyyy-MM-dd XXX\"]", NULL),
        F16("time_to_epoch", "[\"160229\", \"yyMMdd\"]", "1456704000000"),
        F16("time_to_epoch", "[\"2016 350\", \"uuuu D\"]", "1481760000000"),
        F16("time_to_epoch", "[\"2016 12 15 350\", \"uuuu MM dd D\"]", "1481760000000"),
        F16("time_to_epoch", "[\"2016 12 15 351\", \"uuuu MM dd D\"]", NULL),
        F16("time_to_epoch", "[\"Thu 15 Dec 2016\", \"E d MMM yyyy\"]", "1481760000000"),
        F16("time_to_epoch", "[\"Fri 15 Dec 2016\", \"E d MMM yyyy\"]", NULL),
        F16("time_to_epoch", "[\"2021-02-31\", \"yyyy-MM-dd\"]", "1614470400000"),
        F16("time_to_epoch", "[\"2021-02-32\", \"yyyy-MM-dd\"]", NULL),
        F16("time_to_epoch", "[\"2020-01-01 24:00\", \"yyyy-MM-dd HH:mm\"]", "1577923200000"),
        F16("time_to_epoch", "[\"2020-01-01 24:01\", \"yyyy-MM-dd HH:mm\"]", NULL),
        F16("time_to_epoch", "[\"2020-01-01 07\", \"yyyy-MM-dd HH\"]", "1577862000000"),
        F16("time_to_epoch", "[\"2020-01-01\", \"yyyy-MM-dd[ HH:mm]\"]", "1577836800000"),
        F16("time_to_epoch", "[\"2020-01-01 01:00\", \"yyyy-MM-dd[ HH:mm]\"]", "1577840400000"),
        F16("time_to_epoch", "[\"2020-07-01 12:00 America/New_York\", \"yyyy-MM-dd HH:mm VV\"]",
            "1593619200000"),
        F16("time_to_epoch", "[\"2020-07-01 12:00 PST\", \"yyyy-MM-dd HH:mm z\"]", "1593630000000"),
        F16("time_to_epoch", "[\"2020-07-01 12:00 GMT\", \"yyyy-MM-dd HH:mm z\"]", "1593604800000"),
        // inside the gap and inside the overlap of a change of clocks
        F16("time_to_epoch", "[\"2021-03-28 02:30 Europe/Berlin\", \"yyyy-MM-dd HH:mm VV\"]",
            "1616895000000"),
        F16("time_to_epoch", "[\"2021-10-31 02:30 Europe/Berlin\", \"yyyy-MM-dd HH:mm VV\"]",
            "1635640200000"),
        F16("time_to_epoch", "[\"2020-01-01 09:30\", \"yyyy-MM-dd hh:mm\"]", NULL),
        F16("time_to_epoch", "[\"0000-01-01\", \"yyyy-MM-dd\"]", NULL),
        F16("time_to_epoch", "[\"0000-01-01\", \"uuuu-MM-dd\"]", "-62167219200000"),
        F16("time_to_epoch", "[\"12020-01-01\", \"yyyy-MM-dd\"]", NULL),
        F16("time_to_epoch", "[\"+12020-01-01\", \"yyyy-MM-dd\"]", "317147356800000"),
        F16("time_to_epoch", "[\"2020-01-01x\", \"yyyy-MM-dd\"]", NULL),
        F16("time_to_epoch", "[\"2020-13-01\", \"yyyy-MM-dd\"]", NULL),
        F16("time_to_epoch", "[\"2020-1-01\", \"yyyy-MM-dd\"]", NULL),
        F16("time_to_epoch", "[\"2020-1-1\", \"yyyy-M-d\"]", "1577836800000"),
        F16("time_to_epoch", "[\"2020\", \"yyyy\"]", NULL),
        F16("time_to_epoch", "[\"2020-01-01\", \"yyyy-MM-dd'\"]", NULL),
        F16("time_to_epoch", "[\"2020-01-01\", \"yyyy-MM-dd{\"]", NULL),
        F16("time_to_epoch", "[\"\", \"\"]", NULL),
        F16("time_to_epoch", "[null, \"yyyy\"]", NULL),
    };
    check_calls(cases, WR_COUNT(cases));
}

// Without a host only UTC and offsets are known, and damaged files are refused.
static void zones(void **state)
{
    static const struct {
        const char *name;
        bool known;
        int32_t offset;
    } cases[] = {
        {"UTC", true, 0},       {"GMT", true, 0},
        {"Z", true, 0},         {"UTC+01:00", true, 3600},
        {"GMT-2", true, -7200}, {"+0530", true, 19800},
        {"-9", true, -32400},   {"+18:00", true, 64800},
        {"+19:00", false, 0},   {"+1:2", false, 0},
        {"+01:60", false, 0},   {"utc", false, 0},
        {"", false, 0},         {"Europe/Berlin", false, 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_zone z;
        CHECK_INT(cases[i].name, wr_zone_find(&z, Z(cases[i].name), NULL), cases[i].known);
        if (cases[i].known) {
            CHECK_INT(cases[i].name, z.offset, cases[i].offset);
        }
    }
    wr_str file;
    CHECK("Berlin", zone_file(NULL, S("Europe/Berlin"), &file));
    for (size_t len = 0; len < file.len; len++) {
        char *copy = malloc(len + 1); // its own block, so that ASan sees a read past the end
        memcpy(copy, file.at, len);
        struct wr_zone z;
        CHECK_INT("cut file", wr_zone_from_tzif(&z, S("x"), (wr_str){copy, len}), false);
        free(copy);
    }
}

// ---- threads

static void *in_thread(void *arg)
{
    struct wr_arena own;
    wr_arena_init(&own, 65536);
    struct wr_call c = {.num = {&own, WR_SQL_2016}};
    wr_value args[2] = {wr_string(S("abc")), wr_string(S("b"))};
    bool good = wr_function_find(S("regexp_matches"))->body(&c, args, 2, 0).as.truth;
    wr_value v = wr_function_find(S("sha256"))->body(&c, args, 1, 0);
    good = good && v.type == WR_STRING;
    wr_arena_release(&own);
    return good ? arg : NULL;
}

static void threads(void **state)
{
    pthread_t t[2];
    for (int i = 0; i < 2; i++) {
        CHECK("thread", pthread_create(&t[i], NULL, in_thread, &arena) == 0);
    }
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(t[i], &result);
        CHECK("result", result == &arena);
    }
}

// ---- the table, and lack of memory

static void table(void **state)
{
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_function *f = wr_function_at(i);
        CHECK(f->name, wr_function_find(Z(f->name)) == f);
        CHECK_INT(f->name, f->body == NULL, (f->flags & WR_FN_LOOKUP) != 0);
        CHECK(f->name, f->min_args <= f->max_args && f->help[0] && f->signature[0]);
        CHECK(f->name, wr_str_starts(Z(f->signature), Z(f->name)));
        CHECK(f->name, !(f->flags & WR_FN_PURE) || !(f->flags & (WR_FN_LOOKUP | WR_FN_MESSAGE)));
    }
    CHECK("unknown", wr_function_find(S("nope")) == NULL && wr_function_find(S("")) == NULL);
    CHECK("cast is grammar", wr_function_find(S("cast")) == NULL);
    CHECK("case", wr_function_find(S("CLIENTID")) == wr_function_find(S("clientId")));
}

// The n-th allocation meets the limit, for every n until the call passes: never a crash, never a
// wrong result, and whoever asks finds arena.over.
static void memory(void **state)
{
    static const struct call_case cases[] = {
        F16("concat", "[\"a\", 12, {\"k\": [1, \"\\u0041\"]}]", NULL),
        F16("concat", "[[1, 2, 3], 4, [5, 6, 7, 8, 9]]", NULL),
        F16("upper", "[\"straße\"]", NULL),
        F16("replace", "[\"aaaa\", \"a\", \"bbbbbbbbbbbbbbbbbbbb\"]", NULL),
        F16("lpad", "[\"x\", 100]", NULL),
        F16("regexp_replace", "[\"aaaa\", \"a\", \"$0$0$0$0\"]", NULL),
        F16("sha512", "[[1, 2]]", NULL),
        F16("transform", "[\"enrichArray\", {\"k\": 1}, [{\"a\": 1}, {\"b\": [1]}]]", NULL),
        F16("encode", "[{\"a\": [1, 2, 3]}, \"base64\"]", NULL),
        F16("decode", "[\"eyJhIjpbMSwyLDNdfQ==\", \"base64\"]", NULL),
        F16("parse_time", "[\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", 1481825251155]", NULL),
        F16("get_user_properties", "[]", NULL),
        F16("get_user_properties", "[\"a\"]", NULL),
        F16("newuuid", "[]", NULL),
        F16("bitor", "[18446744073709551616, 18446744073709551617]", NULL),
        F16("abs", "[-1.234567890123456789012345678901234]", NULL),
    };
    message_init();
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        for (uint64_t n = 1;; n++) {
            CHECK(cases[i].function, n < 200);
            wr_arena_reset(&arena);
            wr_value args[ARGS_MAX];
            uint32_t count = arguments(cases[i].function, cases[i].args, cases[i].dialect, args);
            struct wr_call c = {.num = {&arena, cases[i].dialect}, .eval = &eval};
            arena.fail_at = n;
            wr_value v = call(&c, cases[i].function, args, count);
            bool untouched = arena.fail_at != 0;
            arena.fail_at = 0;
            if (untouched) {
                CHECK(cases[i].function, v.type != WR_UNDEFINED && !arena.over);
                break;
            }
            CHECK(cases[i].function, v.type == WR_UNDEFINED || arena.over);
            CHECK(cases[i].function, arena.over);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(table),         T(math),     T(string),  T(structure),     T(transform_limit),
        T(about_message), T(trace_id), T(payload), T(system_random), T(time_writing),
        T(time_reading),  T(zones),    T(threads), T(memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
