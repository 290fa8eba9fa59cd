// engine/observe/log.c: what arrives on stderr, byte for byte but for the time.
#include "engine/observe/log_line.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define TIME "2024-05-01T12:00:00.000Z"
#define WALL 1714564800000

static struct wr_log_line made;

static wr_str make(struct wr_log_entry e)
{
    e.room = e.room ? e.room : "mqtt";
    e.wall_ms = WALL;
    wr_log_line_make(&made, &e);
    return (wr_str){made.at, made.len};
}

#define PLAIN(text)  "2024-05-01T12:00:00.000Z info  mqtt: " text "\n"
#define LOGFMT(text) "time=2024-05-01T12:00:00.000Z level=info room=mqtt msg=\"" text "\"\n"
#define JSON(text)                                                                                \
    "{\"time\":\"2024-05-01T12:00:00.000Z\",\"level\":\"info\",\"room\":\"mqtt\",\"msg\":\"" text \
    "\"}\n"

// One message in the three forms.
static const struct {
    const char *name, *text, *plain, *logfmt, *json;
} texts[] = {
    {"plain", "hello", PLAIN("hello"), LOGFMT("hello"), JSON("hello")},
    {"empty", "", PLAIN(""), LOGFMT(""), JSON("")},
    {"line feed, escape, DEL", "a\nb\033[31mc\x7f", PLAIN("a\\x0ab\\x1b[31mc\\x7f"),
     LOGFMT("a\\u000ab\\u001b[31mc\\u007f"), JSON("a\\u000ab\\u001b[31mc\\u007f")},
    {"quotes, backslash, equals", "say \"a\\b\" c=d", PLAIN("say \"a\\b\" c=d"),
     LOGFMT("say \\\"a\\\\b\\\" c=d"), JSON("say \\\"a\\\\b\\\" c=d")},
    {"C1 control, next line", "a\xc2\x9b\xc2\x85", PLAIN("a\\x9b\\x85"), LOGFMT("a\\u009b\\u0085"),
     JSON("a\\u009b\\u0085")},
    {"line and paragraph separators", "a\xe2\x80\xa8\xe2\x80\xa9", PLAIN("a\\u{2028}\\u{2029}"),
     LOGFMT("a\\u2028\\u2029"), JSON("a\\u2028\\u2029")},
    {"right to left override, zero width, BOM", "\xe2\x80\xae\xe2\x80\x8b\xef\xbb\xbf",
     PLAIN("\\u{202e}\\u{200b}\\u{feff}"), LOGFMT("\\u202e\\u200b\\ufeff"),
     JSON("\\u202e\\u200b\\ufeff")},
    {"letters stay", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
     PLAIN("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), LOGFMT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
     JSON("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80")},
    {"no UTF-8", "a\xff\xc3", PLAIN("a\\xff\\xc3"), LOGFMT("a\\ufffd\\ufffd"),
     JSON("a\\ufffd\\ufffd")},
    {"a surrogate, an overlong form", "\xed\xa0\x80\xc0\xaf", PLAIN("\\xed\\xa0\\x80\\xc0\\xaf"),
     LOGFMT("\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"), JSON("\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd")},
};

static void test_forms(void **state)
{
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        struct wr_log_entry e = {.level = WR_LOG_INFO, .message = Z(texts[i].text)};
        CHECK_STR(texts[i].name, make(e), Z(texts[i].plain));
        e.form = WR_LOG_LOGFMT;
        CHECK_STR(texts[i].name, make(e), Z(texts[i].logfmt));
        e.form = WR_LOG_JSON;
        CHECK_STR(texts[i].name, make(e), Z(texts[i].json));
    }
}

static void test_levels(void **state)
{
    static const struct {
        enum wr_log_level level;
        const char *plain, *coloured, *journal;
    } levels[] = {
        {WR_LOG_ERROR, TIME " error mqtt: x\n", TIME " \033[31merror\033[0m mqtt: x\n",
         "<3>time=" TIME " level=error room=mqtt msg=\"x\"\n"},
        {WR_LOG_WARN, TIME " warn  mqtt: x\n", TIME " \033[33mwarn \033[0m mqtt: x\n",
         "<4>time=" TIME " level=warn room=mqtt msg=\"x\"\n"},
        {WR_LOG_INFO, TIME " info  mqtt: x\n", TIME " \033[32minfo \033[0m mqtt: x\n",
         "<6>time=" TIME " level=info room=mqtt msg=\"x\"\n"},
        {WR_LOG_DEBUG, TIME " debug mqtt: x\n", TIME " \033[2mdebug\033[0m mqtt: x\n",
         "<7>time=" TIME " level=debug room=mqtt msg=\"x\"\n"},
    };
    for (size_t i = 0; i < WR_COUNT(levels); i++) {
        struct wr_log_entry e = {.level = levels[i].level, .message = S("x")};
        CHECK_STR("plain", make(e), Z(levels[i].plain));
        e.colour = true;
        CHECK_STR("colour", make(e), Z(levels[i].coloured));
        e.colour = false;
        e.journal = true;
        e.form = WR_LOG_LOGFMT;
        CHECK_STR("journal", make(e), Z(levels[i].journal));
    }
}

static const struct {
    const char *name;
    struct wr_log_field field;
    const char *logfmt, *json; // behind the message
} fields[] = {
    {"bare", WR_LOG_TEXT("topic", WR_STR_INIT("a/b")), " topic=a/b", ",\"topic\":\"a/b\""},
    {"empty", WR_LOG_TEXT("topic", WR_STR_INIT("")), " topic=\"\"", ",\"topic\":\"\""},
    {"absent", {"topic", WR_LOG_FIELD_TEXT, {NULL, 0}, 0}, "", ""},
    {"blank", WR_LOG_TEXT("topic", WR_STR_INIT("a b")), " topic=\"a b\"", ",\"topic\":\"a b\""},
    {"equals", WR_LOG_TEXT("topic", WR_STR_INIT("a=b")), " topic=\"a=b\"", ",\"topic\":\"a=b\""},
    {"a line more", WR_LOG_TEXT("topic", WR_STR_INIT("a\nlevel=error \"x\"")),
     " topic=\"a\\u000alevel=error \\\"x\\\"\"", ",\"topic\":\"a\\u000alevel=error \\\"x\\\"\""},
    {"NUL", WR_LOG_TEXT("topic", WR_STR_INIT("a\0b")), " topic=\"a\\u0000b\"",
     ",\"topic\":\"a\\u0000b\""},
    {"number", WR_LOG_NUMBER("n", -5), " n=-5", ",\"n\":-5"},
    {"document", WR_LOG_DOCUMENT("d", WR_STR_INIT("{\"a\":[1]}")), " d=\"{\\\"a\\\":[1]}\"",
     ",\"d\":{\"a\":[1]}"},
    {"payload, not asked for", WR_LOG_PAYLOAD(WR_STR_INIT("secret")), "", ""},
};

static void test_fields(void **state)
{
    for (size_t i = 0; i < WR_COUNT(fields); i++) {
        struct wr_log_entry e = {.level = WR_LOG_INFO,
                                 .message = S("m"),
                                 .fields = &fields[i].field,
                                 .count = 1,
                                 .form = WR_LOG_LOGFMT};
        char want[512];
        snprintf(want, sizeof want, "time=" TIME " level=info room=mqtt msg=\"m\"%s\n",
                 fields[i].logfmt);
        CHECK_STR(fields[i].name, make(e), Z(want));
        e.form = WR_LOG_JSON;
        snprintf(want, sizeof want,
                 "{\"time\":\"" TIME "\",\"level\":\"info\",\"room\":\"mqtt\",\"msg\":\"m\"%s}\n",
                 fields[i].json);
        CHECK_STR(fields[i].name, make(e), Z(want));
    }
}

static void test_payloads_are_cut(void **state)
{
    char bytes[4096];
    memset(bytes, 'p', sizeof bytes);
    bytes[0] = '\n';
    const struct wr_log_field field = WR_LOG_PAYLOAD(((wr_str){bytes, sizeof bytes}));
    struct wr_log_entry e = {.level = WR_LOG_INFO, .fields = &field, .count = 1, .payloads = true};
    for (e.form = WR_LOG_PLAIN; e.form <= WR_LOG_LOGFMT; e.form++) {
        wr_str line = make(e);
        const char *begin = "\"\\u000appp",
                   *end = e.form == WR_LOG_JSON ? "ppp...\"}\n" : "ppp...\"\n";
        CHECK("begin", wr_str_find(line, Z(begin)) > 0);
        CHECK("end", wr_str_ends(line, Z(end)));
        size_t letters = 0;
        for (size_t i = (size_t)wr_str_find(line, S("\\u000a")); i < line.len; i++) {
            letters += line.at[i] == 'p';
        }
        CHECK("length", letters == WR_LOG_PAYLOAD_MAX - 1);
    }
}

static void test_long_lines_are_cut(void **state)
{
    char text[8192];
    struct wr_log_entry e = {.level = WR_LOG_INFO, .form = WR_LOG_JSON};
    for (size_t shift = 0; shift < 3; shift++) {
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = i < shift ? 'x' : "\xe2\x82\xac"[(i - shift) % 3];
        }
        e.message = (wr_str){text, sizeof text};
        wr_str line = make(e);
        CHECK("cut", line.len < 2200 && wr_str_ends(line, S("\xe2\x82\xac...\"}\n")));
    }
    memset(text, 1, sizeof text);
    CHECK("escapes", wr_str_ends(make(e), S("\\u0001...\"}\n")));
    // More fields than a line takes: it still ends as it should.
    struct wr_log_field many[64];
    for (size_t i = 0; i < WR_COUNT(many); i++) {
        many[i] = (struct wr_log_field)WR_LOG_TEXT("field", ((wr_str){text, sizeof text}));
    }
    e.fields = many;
    e.count = WR_COUNT(many);
    wr_str line = make(e);
    CHECK("fields", wr_str_ends(line, S("...\"}\n")) && line.len < sizeof made.at);
    char document[WR_LOG_LINE_MAX];
    memset(document, '1', sizeof document);
    many[0] = (struct wr_log_field)WR_LOG_DOCUMENT("d", ((wr_str){document, sizeof document}));
    e.count = 1;
    CHECK("document", wr_str_ends(make(e), S(",\"d\":null}\n")));
}

// ---- what is written

struct capture {
    int saved, read_end;
    char at[65536];
};

static void begin(struct capture *c)
{
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    c->saved = dup(STDERR_FILENO);
    dup2(pipes[1], STDERR_FILENO);
    close(pipes[1]);
    c->read_end = pipes[0];
}

static wr_str end(struct capture *c)
{
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    ssize_t n = read(c->read_end, c->at, sizeof c->at);
    close(c->read_end);
    assert_true(n >= 0);
    return (wr_str){c->at, (size_t)n};
}

static void test_setup(void **state)
{
    struct capture c;
    begin(&c);
    wr_log_setup(WR_LOG_INFO, WR_LOG_AUTO);
    wr_log(WR_LOG_DEBUG, "test", "not enabled");
    wr_log(WR_LOG_INFO, "test", "one %d", 1);
    wr_log_setup(WR_LOG_DEBUG, WR_LOG_JSON);
    wr_log_event(WR_LOG_DEBUG, "test", WR_LOG_FIELDS(WR_LOG_NUMBER("n", 7)), "two");
    wr_str lines = end(&c);
    CHECK("logfmt without a terminal",
          wr_str_find(lines, S(" level=info room=test msg=\"one 1\"\n{\"time\":\"")) == 29);
    CHECK("JSON", wr_str_ends(lines, S("\"room\":\"test\",\"msg\":\"two\",\"n\":7}\n")));
    CHECK("not enabled", wr_str_find(lines, S("not enabled")) < 0);
}

static void test_journal(void **state)
{
    struct capture c;
    struct stat st;
    char stream[64];
    begin(&c);
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    wr_log_setup(WR_LOG_INFO, WR_LOG_AUTO);
    wr_log(WR_LOG_WARN, "test", "mine");
    // The variable is inherited by those whose stderr is something else.
    setenv("JOURNAL_STREAM", "8:1", 1);
    wr_log_setup(WR_LOG_INFO, WR_LOG_AUTO);
    wr_log(WR_LOG_WARN, "test", "another");
    setenv("JOURNAL_STREAM", "nonsense", 1);
    wr_log_setup(WR_LOG_INFO, WR_LOG_AUTO);
    wr_log(WR_LOG_WARN, "test", "a third");
    unsetenv("JOURNAL_STREAM");
    wr_str lines = end(&c);
    CHECK("first", wr_str_starts(lines, S("<4>time=")));
    CHECK("others", wr_str_find(lines, S("mine\"\ntime=")) > 0 &&
                        wr_str_find(lines, S("another\"\ntime=")) > 0);
}

static void test_limit(void **state)
{
    static struct wr_log_limit limit, other;
    struct capture c;
    begin(&c);
    wr_log_setup(WR_LOG_ERROR, WR_LOG_LOGFMT);
    wr_log_limited(&limit, WR_LOG_INFO, "mqtt", "not enabled");
    assert_int_equal(limit.next_ms_, 0);
    for (int i = 0; i < 6; i++) {
        wr_log_limited(&limit, WR_LOG_ERROR, "test", "line %d", i);
    }
    wr_log_limited(&other, WR_LOG_ERROR, "test", "another");
    assert_int_equal(limit.held_, 5);
    wr_log_flush(false); // it is not time yet
    limit.next_ms_ = 1;
    wr_log_flush(false);
    wr_log_flush(false); // nothing is left to say
    limit.next_ms_ = 1;
    wr_log_limited(&limit, WR_LOG_ERROR, "test", "line 6");
    wr_log_limited(&limit, WR_LOG_ERROR, "test", "line 7");
    wr_log_limited(&limit, WR_LOG_ERROR, "test", "line 8");
    limit.next_ms_ = 1;
    wr_log_limited(&limit, WR_LOG_ERROR, "test", "line 9");
    wr_log_limited(&limit, WR_LOG_ERROR, "test", "line 10");
    wr_log_flush(true);
    wr_str lines = end(&c);
    char want[2048], got[2048];
    size_t len = 0;
    for (size_t i = 0; i < lines.len; i++) { // without the times
        if (wr_str_starts(wr_str_cut(lines, i, lines.len), S("time="))) {
            i += strlen("time=" TIME " ");
        }
        assert_true(len < sizeof got);
        got[len++] = lines.at[i];
    }
#define LINE(rest) "level=error room=test msg=" rest "\n"
    snprintf(want, sizeof want, "%s",
             LINE("\"line 0\"") LINE("\"another\"")
                 LINE("\"held back: 5 more like \\\"line 0\\\"\" held_back=5") LINE("\"line 6\"")
                     LINE("\"line 9\" held_back=2")
                         LINE("\"held back: 1 more like \\\"line 9\\\"\" held_back=1"));
    CHECK_STR("lines", ((wr_str){got, len}), Z(want));
}

// ---- threads

#define THREADS 4
#define EACH    5000

static struct wr_log_limit shared;

static void *flood(void *unused)
{
    for (int i = 0; i < EACH; i++) {
        wr_log_limited(&shared, WR_LOG_ERROR, "test", "from a thread");
        if (i % 100 == 0) {
            wr_log_flush(true);
        }
    }
    return unused;
}

// Every line is written or counted, whichever thread it came from.
static void test_threads(void **state)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    wr_log_setup(WR_LOG_INFO, WR_LOG_LOGFMT);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, flood, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    wr_log_flush(true);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    char line[4096];
    unsigned long long told = 0;
    while (fgets(line, sizeof line, file)) {
        const char *held = strstr(line, " held_back=");
        told += strstr(line, "msg=\"from a thread") != NULL;
        told += held ? strtoull(held + strlen(" held_back="), NULL, 10) : 0;
        CHECK(line, line[strlen(line) - 1] == '\n' && strncmp(line, "time=", 5) == 0);
    }
    fclose(file);
    assert_int_equal(told, THREADS * EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_forms),
                                       T(test_levels),
                                       T(test_fields),
                                       T(test_payloads_are_cut),
                                       T(test_long_lines_are_cut),
                                       T(test_setup),
                                       T(test_journal),
                                       T(test_limit),
                                       T(test_threads)};
    return TEST_MAIN(tests);
}
