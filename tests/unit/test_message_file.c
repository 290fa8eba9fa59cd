// Message files: every payload comes back byte for byte, in the form it should have; what is wrong
// is told with its place.
#include "engine/cli/message_file.h"

#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/json.h"

#include "sql/base/banned.h"

#define ARENA_BYTES (64u << 20)

static struct wr_arena arena;

static int start(void **state)
{
    wr_arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int end(void **state)
{
    wr_arena_release(&arena);
    return 0;
}

static struct wr_file_message message(wr_str topic, wr_str payload)
{
    return (struct wr_file_message){
        .sql = {.topic = topic, .payload = payload, .over_mqtt = true, .format_indicator = -1},
        .expiry_s = -1};
}

// ---- payloads

static void round_trip(const char *name, wr_str payload, bool raw, const char *form)
{
    struct wr_buf line = {0};
    struct wr_fault fault = {0};
    struct wr_file_message m = message(S("a/b"), payload), back;
    CHECK_INT(name, wr_message_text_write(&m, raw, &line, &fault), WR_OK);
    wr_str text = wr_buf_str(&line);
    CHECK_INT(name, text.at[text.len - 1], '\n');
    CHECK(name, !memchr(text.at, '\n', text.len - 1));
    char member[40];
    snprintf(member, sizeof member, ",\"%s\":", form);
    if (wr_str_find(text, wr_str_of(member)) < 0) {
        CASE_FAIL(name, "not in the form %s: %.*s", form, WR_STR_ARG(text));
    }
    text.len--;
    if (wr_message_text_read(text, &arena, &back, &fault)) {
        CASE_FAIL(name, "%s: %.*s", fault.text, WR_STR_ARG(text));
    }
    CHECK_STR(name, back.sql.payload, payload);
    CHECK_STR(name, back.sql.topic, S("a/b"));
    wr_buf_release(&line);
    wr_arena_reset(&arena);
}

static void test_payloads(void **state)
{
    static const struct {
        const char *name;
        wr_str payload;
        const char *form;
    } cases[] = {
        {"object", WR_STR_INIT("{\"a\":1}"), "payload"},
        {"spelling of numbers", WR_STR_INIT("[1.0,1E2,-0,0.10,1e+07,9223372036854775808]"),
         "payload"},
        {"out of range", WR_STR_INIT("{\"a\":1e400,\"b\":-1e-9999}"), "payload"},
        {"a number alone", WR_STR_INIT("1e400"), "payload"},
        {"repeated keys", WR_STR_INIT("{\"a\":1,\"a\":2,\"b\":{\"c\":1,\"c\":[]}}"), "payload"},
        {"escapes", WR_STR_INIT("{\"\\u0041\\/\":\"\\ud83d\\ude00 \\u0000 \\\"\"}"), "payload"},
        {"a string alone", WR_STR_INIT("\"a b\\n\""), "payload"},
        {"true", WR_STR_INIT("true"), "payload"},
        {"null", WR_STR_INIT("null"), "payload"},
        {"blanks", WR_STR_INIT("{ \"a\": 1 }"), "payloadText"},
        {"a blank behind", WR_STR_INIT("1 "), "payloadText"},
        {"lines", WR_STR_INIT("[\n  1,\r\n\t2\n]\n"), "payloadText"},
        {"blanks in strings only", WR_STR_INIT("{\"a b\":\" { \"}"), "payload"},
        {"broken JSON", WR_STR_INIT("{\"a\":1"), "payloadText"},
        {"text",
         WR_STR_INIT("temperature 21 \xc2\xb0"
                     "C"),
         "payloadText"},
        {"line separators",
         WR_STR_INIT("a\xe2\x80\xa8"
                     "b\xe2\x80\xa9"),
         "payloadText"},
        {"empty", WR_STR_INIT(""), "payloadText"},
        {"NUL", WR_STR_INIT("a\0b"), "payloadBase64"},
        {"control characters", WR_STR_INIT("\x1b[1mhot\x1b[0m"), "payloadBase64"},
        {"quotes: shorter as base64", WR_STR_INIT("\"\"\"\"\"\"\"\""), "payloadBase64"},
        {"no UTF-8", WR_STR_INIT("\xff\xfe"), "payloadBase64"},
        {"JSON with bad UTF-8", WR_STR_INIT("{\"a\":\"\xc3\"}"), "payloadBase64"},
        {"overlong", WR_STR_INIT("\xc0\xaf"), "payloadBase64"},
        {"surrogate", WR_STR_INIT("\xed\xa0\x80"), "payloadBase64"},
        {"byte order mark", WR_STR_INIT("\xef\xbb\xbf{}"), "payloadText"},
        {"gzip", WR_STR_INIT("\x1f\x8b\x08\0\0\0\0\0"), "payloadBase64"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        round_trip(cases[i].name, cases[i].payload, false, cases[i].form);
        round_trip(cases[i].name, cases[i].payload, true, "payloadBase64");
    }
}

static void test_every_byte(void **state)
{
    char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (char)i;
        struct wr_buf line = {0};
        struct wr_file_message m = message(S("t"), (wr_str){&all[i], 1}), back;
        struct wr_fault fault = {0};
        CHECK_INT("one", wr_message_text_write(&m, false, &line, &fault), WR_OK);
        wr_str text = {line.at, line.len - 1};
        CHECK_INT("one", wr_message_text_read(text, &arena, &back, &fault), WR_OK);
        CHECK_STR("one", back.sql.payload, m.sql.payload);
        wr_buf_release(&line);
    }
    round_trip("all", (wr_str){all, sizeof all}, false, "payloadBase64");
    round_trip("ASCII", (wr_str){all + 32, 95}, false, "payloadText");
}

// A payload may be as deep as the reader takes, and the line is one deeper.
static void test_depth(void **state)
{
    static char deep[2 * WR_JSON_DEPTH_MAX];
    for (int n = WR_JSON_DEPTH_MAX - 2; n <= WR_JSON_DEPTH_MAX; n++) {
        memset(deep, '[', (size_t)n);
        memset(deep + n, ']', (size_t)n);
        round_trip("depth", (wr_str){deep, 2 * (size_t)n}, false,
                   n < WR_JSON_DEPTH_MAX ? "payload" : "payloadText");
    }
}

static void test_members(void **state)
{
    static const struct wr_user_property properties[] = {{WR_STR_INIT("k"), WR_STR_INIT("v\n\"")},
                                                         {WR_STR_INIT("k"), WR_STR_INIT("")}};
    struct wr_file_message m = message(S("site/\xc3\xbc/\"q\""), S("{}")), back;
    m.timed = m.retain = m.stored = true;
    m.sql.timestamp_ms = 1795493796976;
    m.qos = 1;
    m.expiry_s = 4294967295;
    m.sql.content_type = S("application/json");
    m.sql.response_topic = S("answers/1");
    m.sql.correlation_data = S("\0\xff");
    m.sql.format_indicator = 1;
    m.sql.user_properties = properties;
    m.sql.user_property_count = 2;
    m.sql.client_id = S("kiln");
    m.sql.principal = S("p");
    m.sql.source_ip = S("::1");
    m.sql.trace_id = S("x");
    struct wr_buf line = {0}, again = {0};
    struct wr_fault fault = {0};
    CHECK_INT("write", wr_message_text_write(&m, false, &line, &fault), WR_OK);
    CHECK_STR("line", wr_buf_str(&line),
              S("{\"timestamp\":1795493796976,\"topic\":\"site/\xc3\xbc/\\\"q\\\"\",\"qos\":1,"
                "\"retain\":true,\"stored\":true,\"clientId\":\"kiln\",\"principal\":\"p\","
                "\"sourceIp\":\"::1\",\"traceId\":\"x\","
                "\"userProperties\":[[\"k\",\"v\\n\\\"\"],[\"k\",\"\"]],"
                "\"mqttProperties\":{\"contentType\":\"application/json\","
                "\"payloadFormatIndicator\":\"UTF8_DATA\",\"responseTopic\":\"answers/1\","
                "\"correlationData\":\"AP8=\",\"messageExpiryInterval\":4294967295},"
                "\"payload\":{}}\n"));
    wr_str text = {line.at, line.len - 1};
    CHECK_INT("read", wr_message_text_read(text, &arena, &back, &fault), WR_OK);
    CHECK_INT("write again", wr_message_text_write(&back, false, &again, &fault), WR_OK);
    CHECK_STR("the same", wr_buf_str(&again), wr_buf_str(&line));
    CHECK("over MQTT", back.sql.over_mqtt);
    wr_buf_release(&line);
    wr_buf_release(&again);
}

// What is not given, blanks, a case with its context.
static void test_reading(void **state)
{
    struct wr_file_message m;
    struct wr_fault fault = {0};
    wr_str plain = S(" { \"payload\" : { \"a\" : [ 1.0 , \" x \" ] } , \"topic\" : \"\\u0074\" } ");
    CHECK_INT("plain", wr_message_text_read(plain, &arena, &m, &fault), WR_OK);
    CHECK_STR("topic", m.sql.topic, S("t"));
    CHECK_STR("blanks go", m.sql.payload, S("{\"a\":[1.0,\" x \"]}"));
    CHECK("no time", !m.timed && m.sql.timestamp_ms == 0);
    CHECK_INT("qos", m.qos, 0);
    CHECK_INT("expiry", m.expiry_s, -1);
    CHECK_INT("format", m.sql.format_indicator, -1);
    CHECK_INT("context", m.context.type, WR_UNDEFINED);
    wr_str a_case = S("{\"id\":\"x\",\"sql\":\"SELECT * FROM 't'\",\"topic\":\"t\","
                      "\"payloadText\":\"\",\"expect\":{\"json\":{}},"
                      "\"context\":{\"timestamp\":5,\"clientId\":\"c\",\"mqtt\":false}}");
    CHECK_INT("case", wr_message_text_read(a_case, &arena, &m, &fault), WR_OK);
    CHECK_STR("its client", m.sql.client_id, S("c"));
    CHECK_INT("its time", m.sql.timestamp_ms, 5);
    CHECK("not over MQTT", m.timed && !m.sql.over_mqtt);
    CHECK("an empty payload is one", m.sql.payload.at && m.sql.payload.len == 0);
}

#define HEAD "{\"topic\":\"t\",\"payload\":{},"

static void test_refused(void **state)
{
    static const struct {
        const char *line;
        unsigned column;
        const char *text; // how the fault begins
    } cases[] = {
        {"{\"topic\":\"t\" \"payload\":1}", 14, "malformed JSON, expected one message a line"},
        {"{\"topic\":\"t\",\"payload\":{}", 26, "the line ends within"},
        {"[]", 1, "found JSON that is no Object"},
        {"7", 1, "found JSON that is no Object"},
        {"{}", 3, "found no topic"},
        {"{\"topic\":\"t\"}", 14, "found no payload"},
        {"{\"topic\":1,\"payload\":1}", 10, "topic: found 1, expected a string"},
        {"{\"topic\":\"a/#\",\"payload\":1}", 10, ""},
        {"{\"topic\":\"\",\"payload\":1}", 10, ""},
        {"{\"topic\":\"t\",\"payload\":1,\"payloadText\":\"\"}", 40,
         "found payloadText besides payload"},
        {"{\"topic\":\"t\",\"payloadBase64\":\"AA\"}", 30, "payloadBase64: found no base64"},
        {HEAD "\"topic\":\"u\"}", 27, "found 'topic' a second time"},
        {HEAD "\"payloadTxt\":\"u\"}", 27,
         "a message has no member 'payloadTxt', did you mean 'payloadText'?"},
        {HEAD "\"timestamp\":\"now\"}", 39, "timestamp: found \"now\", expected a whole number"},
        {HEAD "\"timestamp\":1.5}", 1, "timestamp: expected a whole number from 0"},
        {HEAD "\"timestamp\":-1}", 1, "timestamp: expected a whole number from 0"},
        {HEAD "\"qos\":3}", 1, "qos: expected a whole number from 0 to 2"},
        {HEAD "\"retain\":1}", 36, "retain: found 1, expected true or false"},
        {HEAD "\"userProperties\":{}}", 44, "userProperties: found {}, expected a list"},
        {HEAD "\"userProperties\":[[1,2]]}", 1, "userProperties: expected a list"},
        {HEAD "\"userProperties\":[[\"k\"]]}", 1, "userProperties: expected a list"},
        {HEAD "\"mqttProperties\":{\"contenttype\":\"x\"}}", 1,
         "mqttProperties has no member 'contenttype', did you mean 'contentType'?"},
        {HEAD "\"mqttProperties\":{\"contentType\":1}}", 1, "mqttProperties.contentType: expected"},
        {HEAD "\"mqttProperties\":{\"correlationData\":\"!\"}}", 1,
         "correlationData is not base64"},
        {HEAD "\"mqttProperties\":{\"payloadFormatIndicator\":\"utf8\"}}", 1,
         "mqttProperties.payloadFormatIndicator: found \"utf8\""},
        {HEAD "\"mqttProperties\":{\"messageExpiryInterval\":4294967296}}", 1,
         "mqttProperties.messageExpiryInterval: expected"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_file_message m;
        struct wr_fault fault = {0};
        CHECK(cases[i].line, wr_message_text_read(Z(cases[i].line), &arena, &m, &fault) != WR_OK);
        CHECK_INT(cases[i].line, fault.column, cases[i].column);
        if (!wr_str_starts(Z(fault.text), Z(cases[i].text))) {
            CASE_FAIL(cases[i].line, "says: %s", fault.text);
        }
        wr_arena_reset(&arena);
    }
}

static void test_not_written(void **state)
{
    struct wr_buf line = {0};
    struct wr_fault fault = {0};
    struct wr_file_message m = message(S("t\xff"), S("{}"));
    CHECK_INT("topic", wr_message_text_write(&m, false, &line, &fault), WR_ERR_SYNTAX);
    m = message(S("t"), S("{}"));
    wr_buf_init(&line, 10);
    CHECK_INT("no room", wr_message_text_write(&m, false, &line, &fault), WR_ERR_LIMIT);
    CHECK_INT("nothing is left of it", (intmax_t)line.len, 0);
    wr_buf_release(&line);
}

// ---- files

struct folder {
    char dir[32];
    char path[64];
};

static void folder_make(struct folder *f, const char *name)
{
    *f = (struct folder){.dir = "/tmp/weir-messages-XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
}

static void folder_remove(struct folder *f)
{
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0);
}

static void put(const char *path, wr_str bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.at, bytes.len), (ssize_t)bytes.len);
    close(fd);
}

static size_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

// `count` messages with numbers from `first` on, through a writer that flushes after each third.
static void write_some(const char *path, bool append, int first, int count)
{
    struct wr_message_writer *w;
    struct wr_fault fault = {0};
    if (wr_message_writer_open(path, append, &w, &fault)) {
        CASE_FAIL(path, "%s", fault.text);
    }
    for (int i = first; i < first + count; i++) {
        char payload[32];
        snprintf(payload, sizeof payload, "{\"n\":%d}", i);
        struct wr_file_message m = message(S("t"), Z(payload));
        CHECK_INT(path, wr_message_text_write(&m, false, wr_message_writer_lines(w), &fault),
                  WR_OK);
        CHECK_INT(path, wr_message_writer_flush(w, i % 3 == 2, &fault), WR_OK);
    }
    CHECK_INT(path, wr_message_writer_close(w, &fault), WR_OK);
}

// How many messages come, all in order from 0 on; `fault` says how it ended.
static int read_all(const char *path, struct wr_fault *fault)
{
    struct wr_message_file *f;
    struct wr_file_message m;
    bool at_end = false;
    int n = 0;
    *fault = (struct wr_fault){0};
    if (wr_message_file_open(path, &f, fault)) {
        return -1;
    }
    while (!wr_message_file_next(f, &arena, &m, &at_end, fault) && !at_end) {
        char payload[32];
        snprintf(payload, sizeof payload, "{\"n\":%d}", n++);
        CHECK_STR(path, m.sql.payload, Z(payload));
        CHECK_INT(path, (intmax_t)wr_message_file_line(f), n);
        wr_arena_reset(&arena);
    }
    wr_message_file_close(f);
    return n;
}

static void test_files(void **state)
{
    static const char *const names[] = {"m.jsonl", "m.jsonl.gz"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        struct folder f;
        struct wr_fault fault = {0};
        struct wr_message_writer *w;
        folder_make(&f, names[i]);
        write_some(f.path, false, 0, 20000);
        CHECK_INT(names[i], read_all(f.path, &fault), 20000);
        CHECK_STR(names[i], Z(fault.text), S(""));
        CHECK_INT(names[i], wr_message_writer_open(f.path, false, &w, &fault), WR_ERR_EXISTS);
        write_some(f.path, true, 20000, 5);
        CHECK_INT(names[i], read_all(f.path, &fault), 20005);
        CHECK_STR(names[i], Z(fault.text), S(""));
        folder_remove(&f);
    }
}

static void test_gzip_is_whole_at_any_flush(void **state)
{
    struct folder f;
    struct wr_message_writer *w;
    struct wr_fault fault = {0};
    folder_make(&f, "m.gz");
    CHECK_INT("open", wr_message_writer_open(f.path, false, &w, &fault), WR_OK);
    for (int i = 0; i < 3; i++) {
        char payload[32];
        snprintf(payload, sizeof payload, "{\"n\":%d}", i);
        struct wr_file_message m = message(S("t"), Z(payload));
        CHECK_INT("text", wr_message_text_write(&m, false, wr_message_writer_lines(w), &fault), 0);
        CHECK_INT("flush", wr_message_writer_flush(w, true, &fault), WR_OK);
        CHECK_INT("so far", read_all(f.path, &fault), i + 1);
        CHECK_STR("so far", Z(fault.text), S(""));
    }
    CHECK_INT("close", wr_message_writer_close(w, &fault), WR_OK);
    folder_remove(&f);
}

static void ends_with(const char *name, const struct wr_fault *fault, const char *text)
{
    if (wr_str_find(Z(fault->text), Z(text)) < 0) {
        CASE_FAIL(name, "says '%s', not '%s'", fault->text, text);
    }
}

static void test_damaged_gzip(void **state)
{
    struct folder f;
    struct wr_fault fault = {0};
    struct wr_message_writer *w;
    folder_make(&f, "m.gz");
    write_some(f.path, false, 0, 3); // flushed behind the third: one member
    size_t first = size_of(f.path);
    write_some(f.path, true, 3, 3);
    size_t both = size_of(f.path);
    for (size_t cut = both - 1; cut > first; cut--) {
        assert_int_equal(truncate(f.path, (off_t)cut), 0);
        int n = read_all(f.path, &fault);
        CHECK("messages before the cut", n >= 3 && n <= 6);
        ends_with("cut", &fault, "the gzip data ends early: the file was cut off");
        CHECK_INT("no append", wr_message_writer_open(f.path, true, &w, &fault), WR_ERR_CORRUPT);
    }
    assert_int_equal(truncate(f.path, (off_t)first), 0);
    CHECK_INT("cut between members", read_all(f.path, &fault), 3);
    CHECK_STR("is no damage", Z(fault.text), S(""));
    int fd = open(f.path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "{}\n", 3), 3);
    close(fd);
    CHECK_INT("garbage behind", read_all(f.path, &fault), 3);
    ends_with("garbage behind", &fault, "damaged near byte");
    put(f.path, S("{\"topic\":\"t\"}\n"));
    CHECK_INT("no gzip", read_all(f.path, &fault), 0);
    ends_with("no gzip", &fault, "found no gzip data");
    folder_remove(&f);
}

static void test_wrong_files(void **state)
{
#define LINE(n) "{\"topic\":\"t\",\"payload\":{\"n\":" n "}}"
    static const struct {
        const char *name;
        wr_str bytes;
        int messages;
        const char *text; // "": it is right
    } cases[] = {
        {"no line end at the end", WR_STR_INIT(LINE("0")), 1, ""},
        {"CRLF and empty lines", WR_STR_INIT(LINE("0") "\r\n"), 1, ""},
        {"empty", WR_STR_INIT(""), 0, "holds no message"},
        {"blank", WR_STR_INIT("\n \n"), 0, "holds no message"},
        {"cut off", WR_STR_INIT(LINE("0") "\n{\"topic\":\"t\",\"pay"), 1,
         ":2:18: the line ends within a JSON text (the file ends within this line: was it cut"},
        {"NUL", WR_STR_INIT(LINE("0") "\n\0\0\0\0\n"), 1, ":2:1: malformed JSON"},
        {"gzip without its name", WR_STR_INIT("\x1f\x8b\x08"), 0, "is gzip data"},
        {"place in characters", WR_STR_INIT("{\"topic\":\"\xc3\xbc\",x}\n"), 0, ":1:14: malformed"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct folder f;
        struct wr_fault fault = {0};
        folder_make(&f, "m.jsonl");
        put(f.path, cases[i].bytes);
        CHECK_INT(cases[i].name, read_all(f.path, &fault), cases[i].messages);
        ends_with(cases[i].name, &fault, cases[i].text);
        CHECK(cases[i].name, !*cases[i].text == !*fault.text);
        CHECK(cases[i].name, !*fault.text || wr_str_starts(Z(fault.text), Z(f.path)));
        folder_remove(&f);
    }
    struct wr_fault fault = {0};
    CHECK_INT("missing", read_all("/nonexistent/m.jsonl", &fault), -1);
    ends_with("missing", &fault, "/nonexistent/m.jsonl: cannot be opened: No such file");
    CHECK_INT("folder", read_all("/tmp", &fault), -1);
    ends_with("folder", &fault, "is a folder");
    struct wr_message_writer *w;
    CHECK_INT("no folder", wr_message_writer_open("/nonexistent/x", false, &w, &fault), WR_ERR_IO);
}

static void test_append_needs_a_line_end(void **state)
{
    struct folder f;
    struct wr_fault fault = {0};
    struct wr_message_writer *w;
    folder_make(&f, "m.jsonl");
    put(f.path, S(LINE("0") "\n{\"topic"));
    CHECK_INT("append", wr_message_writer_open(f.path, true, &w, &fault), WR_ERR_CORRUPT);
    ends_with("append", &fault, "its last line has no end");
    folder_remove(&f);
}

static void test_changes_while_read(void **state)
{
    struct folder f;
    struct wr_fault fault = {0};
    struct wr_message_file *file;
    struct wr_file_message m;
    bool at_end;
    folder_make(&f, "m.jsonl");
    put(f.path, S(LINE("0") "\n"));
    CHECK_INT("open", wr_message_file_open(f.path, &file, &fault), WR_OK);
    int fd = open(f.path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, LINE("1") "\n", sizeof LINE("1")), sizeof LINE("1"));
    close(fd);
    CHECK_INT("first", wr_message_file_next(file, &arena, &m, &at_end, &fault), WR_OK);
    CHECK_INT("then", wr_message_file_next(file, &arena, &m, &at_end, &fault), WR_ERR_BUSY);
    ends_with("then", &fault, "changed while it was read");
    wr_message_file_close(file);
    folder_remove(&f);
}

static void test_disk_full(void **state)
{
    struct wr_message_writer *w;
    struct wr_fault fault = {0};
    struct wr_file_message m = message(S("t"), S("{}"));
    CHECK_INT("open", wr_message_writer_open("/dev/full", true, &w, &fault), WR_OK);
    CHECK_INT("text", wr_message_text_write(&m, false, wr_message_writer_lines(w), &fault), WR_OK);
    CHECK_INT("flush", wr_message_writer_flush(w, true, &fault), WR_ERR_IO);
    CHECK_STR("flush", Z(fault.text), S("/dev/full: cannot be written: No space left on device"));
    CHECK_INT("close tells no other", wr_message_writer_close(w, &fault), WR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_payloads),
        T(test_every_byte),
        T(test_depth),
        T(test_members),
        T(test_reading),
        T(test_refused),
        T(test_not_written),
        T(test_files),
        T(test_gzip_is_whole_at_any_flush),
        T(test_damaged_gzip),
        T(test_wrong_files),
        T(test_append_needs_a_line_end),
        T(test_changes_while_read),
        T(test_disk_full),
    };
    return cmocka_run_group_tests(tests, start, end);
}
