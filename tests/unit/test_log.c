// engine/observe/log.c: what arrives on stderr, byte for byte but for the time.
#include "engine/observe/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define TIME_LEN 24 // 2024-05-01T12:00:00.000Z

// Log one message and read it back. `at` gets the line.
static wr_str logged(char at[16384], enum wr_log_level level, const char *room, const char *text)
{
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    int saved = dup(STDERR_FILENO);
    dup2(pipes[1], STDERR_FILENO);
    close(pipes[1]);
    wr_log(level, room, "%s", text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = read(pipes[0], at, 16384);
    close(pipes[0]);
    assert_true(n >= 0);
    return (wr_str){at, (size_t)n};
}

static const struct {
    const char *name;
    enum wr_log_level level;
    bool json;
    const char *text, *line; // the line without its time
} cases[] = {
    {"plain", WR_LOG_INFO, false, "hello", " info  mqtt: hello\n"},
    {"error", WR_LOG_ERROR, false, "x", " error mqtt: x\n"},
    {"not enabled", WR_LOG_DEBUG, false, "x", ""},
    {"line feed, escape, DEL", WR_LOG_WARN, false, "a\nb\033[31mc\x7f",
     " warn  mqtt: a\\x0ab\\x1b[31mc\\x7f\n"},
    {"C1 control", WR_LOG_INFO, false, "a\xc2\x9b", " info  mqtt: a\\x9b\n"},
    {"letters stay", WR_LOG_INFO, false, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
     " info  mqtt: gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\n"},
    {"no UTF-8", WR_LOG_INFO, false, "a\xff\xc3", " info  mqtt: a\\xff\\xc3\n"},
    {"JSON", WR_LOG_INFO, true, "say \"a\\b\"\n\xff",
     "\",\"level\":\"info\",\"room\":\"mqtt\",\"message\":\"say \\\"a\\\\b\\\"\\u000a\\ufffd\"}\n"},
};

static void test_lines(void **state)
{
    char at[16384];
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_log_setup(WR_LOG_INFO, cases[i].json);
        wr_str line = logged(at, cases[i].level, "mqtt", cases[i].text);
        size_t skip = line.len == 0 ? 0 : TIME_LEN + (cases[i].json ? strlen("{\"time\":\"") : 0);
        CHECK_STR(cases[i].name, wr_str_cut(line, skip, line.len), Z(cases[i].line));
        CHECK(cases[i].name, line.len == 0 || at[skip - 1] == 'Z');
    }
}

static void test_long_lines_are_cut(void **state)
{
    char text[8192], at[16384];
    for (size_t shift = 0; shift < 3; shift++) {
        for (size_t i = 0; i + 1 < sizeof text; i++) {
            text[i] = i < shift ? 'x' : "\xe2\x82\xac"[(i - shift) % 3];
        }
        text[sizeof text - 1] = 0;
        wr_log_setup(WR_LOG_INFO, false);
        wr_str line = logged(at, WR_LOG_INFO, "mqtt", text);
        CHECK("cut", line.len < 2200 && wr_str_ends(line, S("\xe2\x82\xac...\n")));
    }
    memset(text, 1, sizeof text - 1);
    wr_log_setup(WR_LOG_INFO, true);
    wr_str line = logged(at, WR_LOG_INFO, "mqtt", text);
    CHECK("escapes", wr_str_ends(line, S("\\u0001...\"}\n")));
}

static void test_limit(void **state)
{
    struct wr_log_limit limit = {0};
    wr_log_setup(WR_LOG_ERROR, false);
    wr_log_limited(&limit, WR_LOG_INFO, "mqtt", "not enabled");
    assert_int_equal(limit.next_ms_, 0);
    wr_log_limited(&limit, WR_LOG_ERROR, "test", "this line is expected");
    for (int i = 0; i < 5; i++) {
        wr_log_limited(&limit, WR_LOG_ERROR, "test", "this line is not");
    }
    assert_int_equal(limit.skipped_, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_lines), T(test_long_lines_are_cut), T(test_limit)};
    return TEST_MAIN(tests);
}
