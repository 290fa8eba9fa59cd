// The lambda sink's local form, with real processes: python functions under the runtime that ships
// in examples, the bash example, and /bin/sh where a process only has to end.

#include "sinks/lambda/lambda.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sinks/lambda/function.h"
#include "sinks/lambda/journal.h"
#include "sql/base/hash.h"
#include "tests/support/settings.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define WAIT_MS 60000
#define PYTHON  "/usr/bin/python3 -B ../../../examples/functions/python_runtime.py"

static char root[4096];
static uv_loop_t *loop;

// ---- the host, and records as the engine makes them

struct fixture {
    struct wr_sink_host host;
    struct wr_sink sink;
    char folder[64];
    char functions[4200], shell[4200], log[8192];
    bool closed;
};

struct record {
    struct wr_record rec;
    struct wr_arena arena;
    struct wr_param param;
    int settled;
    enum wr_verdict verdict;
    bool throttled;
    char resource[200], message[1000];
};

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    struct record *r = WR_CONTAINER(rec, struct record, rec);
    wr_assert(verdict == WR_DELIVERED ? !why : !!why);
    r->settled++;
    r->verdict = verdict;
    if (why) {
        r->throttled = why->throttled;
        snprintf(r->resource, sizeof r->resource, "%.*s", WR_STR_ARG(why->resource));
        snprintf(r->message, sizeof r->message, "%.*s", WR_STR_ARG(why->message));
    }
    wr_arena_reset(&r->arena); // ASan finds what is used later
}

WR_PRINTF(3, 4)
static void host_log(const struct wr_sink_host *host, enum wr_log_level level, const char *format,
                     ...)
{
    struct fixture *x = host->user;
    size_t len = strlen(x->log);
    va_list args;
    va_start(args, format);
    vsnprintf(x->log + len, sizeof x->log - len, format, args);
    va_end(args);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fixture_new(struct fixture *x)
{
    *x = (struct fixture){0};
    memcpy(x->folder, "/tmp/weir-test-XXXXXX", sizeof "/tmp/weir-test-XXXXXX");
    assert_non_null(mkdtemp(x->folder));
    snprintf(x->functions, sizeof x->functions, "%s/tests/support/functions", root);
    snprintf(x->shell, sizeof x->shell, "%s/examples/functions/shell", root);
    x->host =
        (struct wr_sink_host){.loop = loop, .state_dir = x->folder, .log = host_log, .user = x};
    x->sink = (struct wr_sink){.impl = &wr_sink_lambda, .host = &x->host};
}

static wr_err try_open(struct fixture *x, const struct wr_test_setting *pairs,
                       struct wr_fault *fault)
{
    struct wr_settings settings = {.table = wr_sink_lambda.settings, .pairs = pairs};
    return wr_sink_lambda.open(&x->sink, &settings, fault);
}

static void fixture_open(struct fixture *x, const struct wr_test_setting *pairs)
{
    struct wr_fault fault = {0};
    fixture_new(x);
    if (try_open(x, pairs, &fault) != WR_OK) {
        CASE_FAIL("open", "%s", fault.text);
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void fixture_release(struct fixture *x)
{
    nftw(x->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void on_closed(struct wr_sink *sink)
{
    struct fixture *x = WR_CONTAINER(sink, struct fixture, sink);
    x->closed = true;
}

static void wait_true(const char *name, const bool *condition)
{
    for (int64_t start = now_ms(); !*condition && now_ms() - start < WAIT_MS;) {
        uv_run(loop, UV_RUN_NOWAIT);
        usleep(500);
    }
    CHECK(name, *condition);
}

// Close; afterwards no child process may be there.
static void fixture_close(struct fixture *x)
{
    wr_sink_lambda.close(&x->sink, on_closed);
    assert_false(x->closed); // never from inside
    wait_true("closed", &x->closed);
    assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void submit(struct fixture *x, struct record *r, const char *function, wr_str body)
{
    *r = (struct record){0};
    wr_arena_init(&r->arena, 1u << 20);
    r->param = (struct wr_param){.set = true, .text = Z(function)};
    r->rec = (struct wr_record){
        .sink = &x->sink,
        .params = &r->param,
        .body = body,
        .body_json = true,
        .trace_id = S("0b0fcf3d-3e1c-4d5c-a3c0-5a0b3a6b6a0e"),
        .arena = &r->arena,
        .attempt = 1,
    };
    wr_sink_lambda.submit(&x->sink, &r->rec);
}

static void wait_settled(const char *name, struct record *r)
{
    for (int64_t start = now_ms(); !r->settled && now_ms() - start < WAIT_MS;) {
        uv_run(loop, UV_RUN_NOWAIT);
        usleep(500);
    }
    CHECK_INT(name, r->settled, 1);
    wr_arena_release(&r->arena);
}

// A file's content below local/lambda; until the next call.
static wr_str read_back(struct fixture *x, const char *name)
{
    static char text[1 << 20];
    char path[200];
    snprintf(path, sizeof path, "%s/local/lambda/%s", x->folder, name);
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    text[len] = 0;
    return (wr_str){text, len};
}

static void want_in(const char *name, wr_str text, const char *what)
{
    if (wr_str_find(text, Z(what)) < 0) {
        CASE_FAIL(name, "no '%s' in '%.*s'", what, WR_STR_ARG(text));
    }
}

static size_t lines(wr_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += text.at[i] == '\n';
    }
    return n;
}

// Settings of function "f": cases.py, plus `more`. Static: until the next call.
static const struct wr_test_setting *settings_of(struct fixture *x, const char *more[][2])
{
    static struct wr_test_setting pairs[16];
    size_t n = 0;
    pairs[n++] = (struct wr_test_setting){"functions.f.command", PYTHON};
    pairs[n++] = (struct wr_test_setting){"functions.f.cwd", x->functions};
    pairs[n++] = (struct wr_test_setting){"functions.f.handler", "cases.handler"};
    pairs[n++] = (struct wr_test_setting){"functions.f.retry_delay", "10"};
    for (; more && (*more)[0]; more++) {
        size_t at = 0;
        while (at < n && strcmp(pairs[at].name, (*more)[0]) != 0) {
            at++;
        }
        pairs[at] = (struct wr_test_setting){(*more)[0], (*more)[1]};
        n += at == n;
    }
    pairs[n] = (struct wr_test_setting){0};
    return pairs;
}

static void open_python(struct fixture *x, const char *more[][2])
{
    struct wr_fault fault = {0};
    fixture_new(x);
    if (try_open(x, settings_of(x, more), &fault) != WR_OK) {
        CASE_FAIL("open", "%s", fault.text);
    }
}

#define ARN "arn:aws:lambda:eu-central-1:123456789012:function:f"

// ---- tests

static void test_served(void **state)
{
    struct fixture x;
    struct record r;
    open_python(&x, (const char *[][2]){{"functions.f.env", "COLOUR='dark blue' N=1"},
                                        {"functions.f.timeout", "5500"},
                                        {0}});
    submit(
        &x, &r, ARN ":live",
        S("{\"do\":\"echo\",\"env\":[\"COLOUR\",\"AWS_LAMBDA_FUNCTION_NAME\",\"_HANDLER\",\"N\","
          "\"AWS_REGION\",\"AWS_LAMBDA_FUNCTION_VERSION\",\"AWS_LAMBDA_FUNCTION_MEMORY_SIZE\"]}"));
    assert_int_equal(r.settled, 0);
    wait_settled("first", &r);
    assert_int_equal(r.verdict, WR_DELIVERED);
    wr_str text = read_back(&x, "f/results.ndjson"); // written before it is settled
    static const char *const want[] = {
        "\"attempt\":1,\"status\":\"ok\"",
        "\"event\":{\"do\":\"echo\",",
        "\"served\": 1",
        "\"arn\": \"" ARN ":live\"",
        "\"COLOUR\": \"dark blue\"",
        "\"N\": \"1\"",
        "\"AWS_LAMBDA_FUNCTION_NAME\": \"f\"",
        "\"_HANDLER\": \"cases.handler\"",
        "\"AWS_REGION\": \"us-east-1\"",
        "\"AWS_LAMBDA_FUNCTION_VERSION\": \"$LATEST\"",
        "\"AWS_LAMBDA_FUNCTION_MEMORY_SIZE\": \"128\"",
        "\"left\": 5",
        "Z\",\"attempt\"",
    };
    for (size_t i = 0; i < WR_COUNT(want); i++) {
        want_in("result", text, want[i]);
    }
    // The id in the line is the one that the function saw.
    char id[60];
    snprintf(id, sizeof id, "\"id\": \"%.36s\"", text.at + strlen("{\"requestId\":\""));
    want_in("id", text, id);
    assert_int_equal(lines(text), 1);

    // The same process serves on; by its bare name too.
    submit(&x, &r, "f", S("{\n\"do\":\r\n\"pretty\"}"));
    wait_settled("second", &r);
    submit(&x, &r, ARN, S("{}"));
    wait_settled("third", &r);
    text = read_back(&x, "f/results.ndjson");
    assert_int_equal(lines(text), 3);
    want_in("one line", text, "\"event\":{ \"do\":  \"pretty\"},\"result\":{\"a\": \"x\\ny\"}}\n");
    want_in("warm", text, "\"served\": 3");
    fixture_close(&x);
    text = read_back(&x, "f/log.txt");
    want_in("log", text, " started\n");
    want_in("log", text, "Runtime exited with error: signal: Terminated\n");
    assert_int_equal(lines(text), 2);
    fixture_release(&x);
}

struct failure {
    const char *name, *event;
    const char *message; // the why
    const char *result;  // in results.ndjson
};

static const struct failure failures[] = {
    {"error", "{\"do\":\"raise\"}", "It failed 2 times, at last with ValueError: no such \"bin\"",
     "\"attempt\":2,\"status\":\"error\""},
    {"timeout", "{\"do\":\"sleep\",\"seconds\":30}", "Error: Task timed out after 0.60 seconds",
     "\"attempt\":2,\"status\":\"timeout\""},
    {"exit", "{\"do\":\"exit\",\"status\":7}",
     "at last with Runtime.ExitError: RequestId: ", "\"attempt\":2,\"status\":\"crash\""},
    {"exit status", "{\"do\":\"exit\",\"status\":7}", "Runtime exited with error: exit status 7",
     "exit status 7\"}}\n"},
    {"exit 0", "{\"do\":\"exit\",\"status\":0}", "Runtime exited without providing a reason",
     "\"status\":\"crash\""},
    {"killed", "{\"do\":\"kill\"}", "Runtime exited with error: signal: Killed",
     "\"status\":\"crash\""},
};

static void test_failures(void **state)
{
    for (size_t i = 0; i < WR_COUNT(failures); i++) {
        struct fixture x;
        struct record r;
        bool hangs = strcmp(failures[i].name, "timeout") == 0;
        open_python(&x, (const char *[][2]){{"functions.f.timeout", hangs ? "600" : "30000"},
                                            {"functions.f.retries", "1"},
                                            {0}});
        submit(&x, &r, ARN, Z(failures[i].event));
        wait_settled(failures[i].name, &r);
        CHECK_INT(failures[i].name, r.verdict, WR_REFUSED);
        CHECK_STR(failures[i].name, Z(r.resource), S(ARN));
        want_in(failures[i].name, Z(r.message), "Failed to invoke Lambda function. ");
        want_in(failures[i].name, Z(r.message), failures[i].message);
        wr_str text = read_back(&x, "f/results.ndjson");
        want_in(failures[i].name, text, failures[i].result);
        CHECK_INT(failures[i].name, lines(text), 2);
        // The function serves again.
        submit(&x, &r, ARN, S("{}"));
        wait_settled(failures[i].name, &r);
        CHECK_INT(failures[i].name, r.verdict, WR_DELIVERED);
        fixture_close(&x);
        fixture_release(&x);
    }
}

static void test_second_try_succeeds(void **state)
{
    struct fixture x;
    struct record r;
    char event[200];
    open_python(&x, (const char *[][2]){{"functions.f.retry_delay", "200"}, {0}});
    snprintf(event, sizeof event, "{\"do\":\"once\",\"mark\":\"%s/mark\"}", x.folder);
    int64_t start = now_ms();
    submit(&x, &r, ARN, Z(event));
    wait_settled("once", &r);
    assert_int_equal(r.verdict, WR_DELIVERED);
    assert_true(now_ms() - start >= 200);
    wr_str text = read_back(&x, "f/results.ndjson");
    assert_int_equal(lines(text), 2);
    want_in("first", text, "\"attempt\":1,\"status\":\"error\"");
    want_in("second", text, "\"attempt\":2,\"status\":\"ok\"");
    fixture_close(&x);
    fixture_release(&x);
}

static const struct {
    const char *name, *setting, *value, *message;
} bad_starts[] = {
    {"raises while loading", "functions.f.env", "INIT=raise", "RuntimeError: not today"},
    {"hangs while loading", "functions.f.env", "INIT=sleep",
     "Initialization timed out after 0.50 s"},
    {"ends while loading", "functions.f.env", "INIT=exit", "exit status 3"},
    {"no such handler", "functions.f.handler", "cases.nothing", "has no attribute 'nothing'"},
    {"no handler", "functions.f.handler", "", "it must be FILE.FUNCTION"},
    {"no such program", "functions.f.command", "/nonexistent/program", "exit status 127"},
    {"never speaks", "functions.f.command", "/bin/sh -c 'exit 0'", "without providing a reason"},
};

// Every event that waits sees a bounded number of starts, and then fails.
static void test_crash_loop(void **state)
{
    for (size_t i = 0; i < WR_COUNT(bad_starts); i++) {
        struct fixture x;
        struct record r[3];
        // Only what hangs may run out of time, on a busy machine too.
        bool hangs = strcmp(bad_starts[i].value, "INIT=sleep") == 0;
        open_python(&x, (const char *[][2]){{"functions.f.init_timeout", hangs ? "500" : "30000"},
                                            {"functions.f.retries", "1"},
                                            {bad_starts[i].setting, bad_starts[i].value},
                                            {0}});
        for (size_t n = 0; n < WR_COUNT(r); n++) {
            submit(&x, &r[n], ARN, S("{}"));
        }
        for (size_t n = 0; n < WR_COUNT(r); n++) {
            wait_settled(bad_starts[i].name, &r[n]);
            CHECK_INT(bad_starts[i].name, r[n].verdict, WR_REFUSED);
            want_in(bad_starts[i].name, Z(r[n].message), bad_starts[i].message);
        }
        fixture_close(&x);
        wr_str log = read_back(&x, "f/log.txt");
        CHECK(bad_starts[i].name, lines(log) < 100);
        fixture_release(&x);
    }
}

static void test_concurrency(void **state)
{
    struct fixture x;
    struct record r[4];
    open_python(&x, (const char *[][2]){{"functions.f.concurrency", "2"}, {0}});
    for (size_t i = 0; i < WR_COUNT(r); i++) {
        submit(&x, &r[i], ARN, S("{\"do\":\"sleep\",\"seconds\":0.5}"));
    }
    for (size_t i = 0; i < WR_COUNT(r); i++) {
        wait_settled("concurrency", &r[i]);
        assert_int_equal(r[i].verdict, WR_DELIVERED);
    }
    fixture_close(&x);
    wr_str log = read_back(&x, "f/log.txt");
    want_in("log", log, "started");
    size_t started = 0;
    for (ptrdiff_t at; (at = wr_str_find(log, S(" started\n"))) >= 0; started++) {
        log = wr_str_cut(log, (size_t)at + 1, log.len);
    }
    assert_int_equal(started, 2); // never more, never fewer
    fixture_release(&x);
}

static void test_queue_full(void **state)
{
    struct fixture x;
    struct record r[3];
    open_python(&x, (const char *[][2]){{"functions.f.queue", "2"}, {0}});
    for (size_t i = 0; i < WR_COUNT(r); i++) {
        submit(&x, &r[i], ARN, S("{}"));
    }
    assert_int_equal(r[2].settled, 1);
    assert_int_equal(r[2].verdict, WR_RETRY);
    assert_true(r[2].throttled);
    want_in("full", Z(r[2].message), "Status Code: 429; Error Code: TooManyRequestsException");
    for (size_t i = 0; i < 2; i++) {
        wait_settled("queued", &r[i]);
        assert_int_equal(r[i].verdict, WR_DELIVERED);
    }
    wr_arena_release(&r[2].arena);
    submit(&x, &r[0], ARN, S("{}")); // there is room again
    wait_settled("room", &r[0]);
    assert_int_equal(r[0].verdict, WR_DELIVERED);
    fixture_close(&x);
    fixture_release(&x);
}

static const struct {
    const char *name, *function;
    wr_str body;
    bool raw;
    const char *message;
} refusals[] = {
    {"not JSON", ARN, WR_STR_INIT("\x01\x02"), true, "Error Code: InvalidRequestContentException"},
    {"empty", ARN, WR_STR_INIT(""), false, "Error Code: InvalidRequestContentException"},
    {"unknown", "arn:aws:lambda:eu-central-1:123456789012:function:g", WR_STR_INIT("{}"), false,
     "Failed to invoke Lambda function. The error received was Function not found: "
     "arn:aws:lambda:eu-central-1:123456789012:function:g (Service: AWSLambda; Status Code: 404; "
     "Error Code: ResourceNotFoundException; Request ID: 0b0fcf3d-3e1c-4d5c-a3c0-5a0b3a6b6a0e)"},
    {"unknown by name", "g", WR_STR_INIT("{}"), false,
     "Function not found: arn:aws:lambda:us-east-1:123456789012:function:g "},
    {"another service", "arn:aws:s3:::f", WR_STR_INIT("{}"), false,
     "Not a function: arn:aws:s3:::f"},
    {"empty name", "", WR_STR_INIT("{}"), false, "Not a function:"},
    {"too large", ARN, WR_STR_INIT("\"0123456789012345678901234567890123456789\""), false,
     "Status Code: 413; Error Code: RequestTooLargeException"},
};

static void test_refused(void **state)
{
    struct fixture x;
    open_python(&x, (const char *[][2]){{"event_max", "40"}, {0}});
    for (size_t i = 0; i < WR_COUNT(refusals); i++) {
        struct record r = {0};
        wr_arena_init(&r.arena, 1u << 20);
        r.param = (struct wr_param){.set = true, .text = Z(refusals[i].function)};
        r.rec = (struct wr_record){.sink = &x.sink,
                                   .params = &r.param,
                                   .body = refusals[i].body,
                                   .body_json = !refusals[i].raw,
                                   .trace_id = S("0b0fcf3d-3e1c-4d5c-a3c0-5a0b3a6b6a0e"),
                                   .arena = &r.arena};
        wr_sink_lambda.submit(&x.sink, &r.rec);
        CHECK_INT(refusals[i].name, r.settled, 1);
        CHECK_INT(refusals[i].name, r.verdict, WR_REFUSED);
        CHECK_STR(refusals[i].name, Z(r.resource), Z(refusals[i].function));
        want_in(refusals[i].name, Z(r.message), refusals[i].message);
        wr_arena_release(&r.arena);
    }
    fixture_close(&x);
    fixture_release(&x);
}

static void test_output_is_kept(void **state)
{
    struct fixture x;
    struct record r;
    open_python(&x, NULL);
    submit(&x, &r, ARN, S("{\"do\":\"print\"}"));
    wait_settled("print", &r);
    fixture_close(&x);
    want_in("log", read_back(&x, "f/log.txt"), "a line\nan error line\nno end\n");
    fixture_release(&x);
}

static bool alive(int pid)
{
    return kill(pid, 0) == 0;
}

// Processes of group `pgid` that are more than a zombie: an init that does not reap leaves those.
static int group_size(int pgid)
{
    int size = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[280], line[512] = "", state = 'Z';
        int group = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = strspn(entry->d_name, "0123456789") ? fopen(path, "r") : NULL;
        if (file) {
            const char *behind = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
            if (behind && sscanf(behind, ") %c %*d %d", &state, &group) == 2) {
                size += group == pgid && state != 'Z';
            }
            fclose(file);
        }
    }
    closedir(proc);
    return size;
}

static bool has_log(const struct fixture *x)
{
    char path[200];
    snprintf(path, sizeof path, "%s/local/lambda/f/log.txt", x->folder);
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0;
}

// The pid behind "process " in the log, once it is there and its group has so many processes.
static int logged_pid(struct fixture *x, int processes)
{
    ptrdiff_t at = -1;
    wr_str log = {0};
    for (int64_t start = now_ms(); at < 0 && now_ms() - start < WAIT_MS;) {
        uv_run(loop, UV_RUN_NOWAIT);
        usleep(500);
        log = has_log(x) ? read_back(x, "f/log.txt") : (wr_str){0};
        at = wr_str_find(log, S("process "));
    }
    assert_true(at >= 0);
    int pid = (int)strtol(log.at + at + strlen("process "), NULL, 10);
    for (int64_t start = now_ms(); group_size(pid) != processes && now_ms() - start < WAIT_MS;) {
        uv_run(loop, UV_RUN_NOWAIT);
        usleep(500);
    }
    assert_int_equal(group_size(pid), processes);
    return pid;
}
static void test_close_with_work_in_flight(void **state)
{
    struct fixture x;
    struct record r[5];
    bool never = false;
    open_python(&x, (const char *[][2]){{"functions.f.timeout", "30000"},
                                        {"functions.f.retry_delay", "60000"},
                                        {0}});
    submit(&x, &r[0], ARN, S("{\"do\":\"raise\"}")); // then it waits for its second try
    submit(&x, &r[1], ARN, S("{\"do\":\"child\"}"));
    submit(&x, &r[2], ARN, S("{\"do\":\"sleep\",\"seconds\":30}"));
    submit(&x, &r[3], ARN, S("{}"));
    wait_settled("child", &r[1]);
    for (int64_t start = now_ms(); !never && now_ms() - start < 50;) {
        uv_run(loop, UV_RUN_NOWAIT);
    }
    int pid = logged_pid(&x, 2);
    wr_sink_lambda.close(&x.sink, on_closed);
    submit(&x, &r[4], ARN, S("{}"));
    static const size_t held[] = {0, 2, 3, 4};
    for (size_t i = 0; i < WR_COUNT(held); i++) {
        CHECK_INT("held", r[held[i]].settled, 1);
        CHECK_INT("held", r[held[i]].verdict, WR_RETRY);
        want_in("held", Z(r[held[i]].message), "weir is stopping");
        wr_arena_release(&r[held[i]].arena);
    }
    wait_true("closed", &x.closed);
    assert_false(alive(pid));
    assert_int_equal(group_size(pid), 0); // nor what it had started
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
    fixture_release(&x);
}

// Events do not wait for a process that has hung up.
static void test_hangs_up(void **state)
{
    struct fixture x;
    struct record r;
    open_python(&x, (const char *[][2]){{"functions.f.command", "/usr/bin/python3 leaver.py"},
                                        {"functions.f.timeout", "3000"},
                                        {"functions.f.retries", "0"},
                                        {0}});
    for (int i = 0; i < 2; i++) {
        submit(&x, &r, ARN, S("{}"));
        wait_settled("leaver", &r);
        assert_int_equal(r.verdict, WR_DELIVERED);
        for (int64_t start = now_ms(); now_ms() - start < 1000;) {
            uv_run(loop, UV_RUN_NOWAIT);
            usleep(500);
        }
    }
    fixture_close(&x);
    want_in("log", read_back(&x, "f/log.txt"), "killed: it did not ask for the next event in time");
    fixture_release(&x);
}

static void test_deaf_to_sigterm(void **state)
{
    struct fixture x;
    struct record r;
    open_python(
        &x, (const char *[][2]){
                {"functions.f.command", "/bin/sh -c 'trap \"\" TERM; sleep 60; sleep 60'"}, {0}});
    submit(&x, &r, ARN, S("{}"));
    int pid = logged_pid(&x, 2);
    fixture_close(&x);
    assert_int_equal(r.verdict, WR_RETRY);
    assert_int_equal(group_size(pid), 0);
    wr_arena_release(&r.arena);
    fixture_release(&x);
}

static void test_shell_example(void **state)
{
    struct fixture x;
    struct record r;
    char shell[4300];
    fixture_new(&x);
    snprintf(shell, sizeof shell, "%s", x.shell);
    const struct wr_test_setting pairs[] = {{"functions.sh.command", "./bootstrap"},
                                            {"functions.sh.cwd", shell},
                                            {"functions.sh.retries", "0"},
                                            {"functions.sh.timeout", "5000"},
                                            {0}};
    struct wr_fault fault = {0};
    assert_int_equal(try_open(&x, pairs, &fault), WR_OK);
    for (int i = 0; i < 3; i++) {
        submit(&x, &r, "sh", S("{\"caf\xc3\xa9\":\"\\\\ %s\"}"));
        wait_settled("shell", &r);
        assert_int_equal(r.verdict, WR_DELIVERED);
    }
    want_in("result", read_back(&x, "sh/results.ndjson"),
            "\"result\":{\"function\":\"sh\",\"event\":{\"caf\xc3\xa9\":\"\\\\ %s\"}}}\n");
    submit(&x, &r, "sh", S("\"fail\""));
    wait_settled("shell", &r);
    assert_int_equal(r.verdict, WR_REFUSED);
    want_in("error", Z(r.message),
            "It failed 1 time, with ShellError: handle failed with status 1");
    fixture_close(&x);
    want_in("log", read_back(&x, "sh/log.txt"), "bytes for sh\n");
    fixture_release(&x);
}

// An unmodified handler under npm's aws-lambda-ric; runs only where WR_TEST_RIC names that
// package's folder, because the package takes minutes to build.
static void test_node_runtime_interface_client(void **state)
{
    const char *ric = getenv("WR_TEST_RIC");
    struct fixture x;
    struct record r;
    char command[4300];
    snprintf(command, sizeof command, "node '%s/bin/index.mjs' cases.handler", ric);
    open_python(&x, (const char *[][2]){
                        {"functions.f.command", command}, {"functions.f.retries", "0"}, {0}});
    for (int i = 0; i < 3; i++) {
        submit(&x, &r, ARN, S("{\"do\":\"echo\"}"));
        wait_settled("node", &r);
        assert_int_equal(r.verdict, WR_DELIVERED);
    }
    want_in("node", read_back(&x, "f/results.ndjson"), "\"served\":3");
    submit(&x, &r, ARN, S("{\"do\":\"throw\"}"));
    wait_settled("node", &r);
    assert_int_equal(r.verdict, WR_REFUSED);
    want_in("node", Z(r.message), "with RangeError: no such bin");
    submit(&x, &r, ARN, S("{\"do\":\"exit\"}"));
    wait_settled("node", &r);
    want_in("node", Z(r.message), "exit status 5");
    submit(&x, &r, ARN, S("{\"do\":\"hang\"}"));
    wait_settled("node", &r);
    want_in("node", Z(r.message), "Task timed out after 3.00 seconds");
    fixture_close(&x);
    want_in("node", read_back(&x, "f/log.txt"), "a line from node");
    fixture_release(&x);
}

// A process that is busy and speaks to nobody ends with a weir that had no time to say so.
static void test_weir_is_killed(void **state)
{
    if (access("/usr/bin/setpriv", X_OK) != 0) {
        print_message("no setpriv here, and so no such promise\n");
        return;
    }
    struct fixture x;
    struct record r;
    int pids[2], pid = 0;
    fixture_new(&x);
    assert_int_equal(pipe(pids), 0);
    pid_t weir = fork();
    if (weir == 0) {
        loop = uv_loop_new();
        x.host.loop = loop;
        struct wr_fault fault;
        if (try_open(
                &x,
                settings_of(&x, (const char *[][2]){{"functions.f.command", "/bin/sleep 60"}, {0}}),
                &fault) == WR_OK) {
            submit(&x, &r, ARN, S("{}"));
            pid = logged_pid(&x, 1);
        }
        if (write(pids[1], &pid, sizeof pid) > 0) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    close(pids[1]);
    assert_int_equal(read(pids[0], &pid, sizeof pid), sizeof pid);
    close(pids[0]);
    assert_true(pid > 1);
    waitpid(weir, NULL, 0);
    for (int64_t start = now_ms(); group_size(pid) > 0 && now_ms() - start < WAIT_MS;) {
        usleep(1000);
    }
    assert_int_equal(group_size(pid), 0);
    fixture_release(&x);
}

static void test_open_faults(void **state)
{
    static const struct {
        const char *name, *setting, *value, *fault;
        wr_err want;
    } cases[] = {
        {"empty command", "functions.f.command", " ", "functions.f.command: there is none",
         WR_ERR_MISSING},
        {"open quote", "functions.f.command", "a 'b",
         "functions.f.command: the quote ' is not closed", WR_ERR_SYNTAX},
        {"backslash", "functions.f.command", "a\\", "behind the last backslash", WR_ERR_SYNTAX},
        {"no folder", "functions.f.cwd", "/nonexistent", "/nonexistent is not a folder",
         WR_ERR_MISSING},
        {"env", "functions.f.env", "A=1 B", "'B' is not NAME=value", WR_ERR_SYNTAX},
        {"name", "functions.a/b.command", "true", "letters, digits", WR_ERR_SYNTAX},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fixture x;
        struct wr_fault fault = {0};
        fixture_new(&x);
        const char *more[][2] = {{cases[i].setting, cases[i].value}, {0}};
        CHECK_INT(cases[i].name, try_open(&x, settings_of(&x, more), &fault), cases[i].want);
        want_in(cases[i].name, Z(fault.text), cases[i].fault);
        for (int n = 0; n < 200 && uv_run(loop, UV_RUN_NOWAIT); n++) {
            usleep(500);
        }
        CHECK_INT(cases[i].name, uv_run(loop, UV_RUN_NOWAIT), 0);
        fixture_release(&x);
    }
    struct fixture x; // no function at all
    fixture_open(&x, NULL);
    fixture_close(&x);
    fixture_release(&x);
}

static void test_check(void **state)
{
    static const struct {
        const char *arn;
        bool constant;
        wr_err want;
    } cases[] = {
        {ARN, true, WR_OK},
        {ARN ":prod", true, WR_OK},
        {"my-function_1", true, WR_OK},
        {"${topic(2)}", false, WR_OK},
        {"arn:aws:lambda:eu-central-1:1:function:f", true, WR_ERR_FAILED},
        {"arn:aws:lambda:eu-central-1:123456789012:layer:f", true, WR_ERR_FAILED},
        {"arn:aws:sns:eu-central-1:123456789012:f", true, WR_ERR_FAILED},
        {"a b", true, WR_ERR_FAILED},
        {"../f", true, WR_ERR_FAILED},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_param param = {.set = true, .text = Z(cases[i].arn)};
        struct wr_fault fault;
        CHECK_INT(cases[i].arn, wr_sink_lambda.check(&param, &cases[i].constant, &fault),
                  cases[i].want);
    }
}

static void test_words(void **state)
{
    static const struct {
        const char *line;
        const char *want; // words in brackets
    } cases[] = {
        {"", ""},
        {"  a\tb  ", "[a][b]"},
        {"a'b c'd", "[ab cd]"},
        {"'' \"\"", "[][]"},
        {"\"a 'b' \\\" \\\\ \\n\"", "[a 'b' \" \\ \\n]"},
        {"'a\\'b", "[a\\b]"},
        {"a\\ b \\'", "[a b][']"},
        {"$HOME *", "[$HOME][*]"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_words words;
        struct wr_fault fault;
        struct wr_buf got = {0};
        CHECK_INT(cases[i].line, wr_words_split(&words, Z(cases[i].line), &fault), WR_OK);
        for (size_t n = 0; n < words.count; n++) {
            wr_buf_addf(&got, "[%s]", words.at[n]);
        }
        CHECK_STR(cases[i].line, wr_buf_str(&got), Z(cases[i].want));
        wr_words_free(&words);
        wr_buf_release(&got);
    }
    char many[2 * WR_PROCESS_WORDS + 3];
    memset(many, ' ', sizeof many);
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 'w';
    }
    struct wr_words words;
    struct wr_fault fault;
    wr_str line = {many, 2 * WR_PROCESS_WORDS};
    assert_int_equal(wr_words_split(&words, line, &fault), WR_OK);
    wr_words_free(&words);
    line.len = sizeof many;
    assert_int_equal(wr_words_split(&words, line, &fault), WR_ERR_LIMIT);
}

struct look_up {
    struct wr_invocation inv;
    bool done;
    enum wr_outcome outcome;
    char answer[4000];
};

static void look_up_answered(struct wr_invocation *inv, enum wr_outcome outcome, wr_str answer)
{
    struct look_up *l = WR_CONTAINER(inv, struct look_up, inv);
    l->outcome = outcome;
    snprintf(l->answer, sizeof l->answer, "%.*s", WR_STR_ARG(answer));
}

static void look_up_done(struct wr_invocation *inv, enum wr_outcome outcome)
{
    WR_CONTAINER(inv, struct look_up, inv)->done = true;
}

static void test_invoke_for_sql(void **state)
{
    struct fixture x;
    struct wr_fault fault = {0};
    open_python(&x, (const char *[][2]){{"functions.f.timeout", "30000"},
                                        {"functions.f.init_timeout", "30000"},
                                        {0}});
    struct look_up l = {.inv = {.event = S("{\"do\":\"pretty\"}"),
                                .arn = S(ARN),
                                .answered = look_up_answered,
                                .done = look_up_done}};
    assert_int_equal(wr_lambda_invoke(&x.sink, &l.inv, &fault), WR_OK);
    wait_true("pretty", &l.done);
    assert_int_equal(l.outcome, WR_OUTCOME_OK);
    assert_string_equal(l.answer, "{\"a\": \"x\\ny\"}");
    l.done = false;
    l.inv.event = S("{\"do\":\"raise\"}"); // no retry unless asked for
    assert_int_equal(wr_lambda_invoke(&x.sink, &l.inv, &fault), WR_OK);
    wait_true("raise", &l.done);
    assert_int_equal(l.outcome, WR_OUTCOME_ERROR);
    assert_int_equal(lines(read_back(&x, "f/results.ndjson")), 2);
    struct wr_buf text = {0};
    wr_lambda_error_text(&x.sink, &text, wr_str_of(l.answer));
    CHECK_STR("its error", wr_buf_str(&text), S("ValueError: no such \"bin\""));
    wr_buf_release(&text);
    l.inv.arn = S("nobody");
    assert_int_equal(wr_lambda_invoke(&x.sink, &l.inv, &fault), WR_ERR_UNKNOWN);
    fixture_close(&x);
    fixture_release(&x);
}

static void test_cancel_for_sql(void **state)
{
    struct fixture x;
    struct wr_fault fault = {0};
    open_python(&x, NULL);
    struct look_up l[3] = {{.inv.event = S("{\"do\":\"sleep\",\"seconds\":0.2}")},
                           {.inv.event = S("{\"do\":\"pretty\"}")},
                           {.inv.event = S("{\"do\":\"pretty\"}")}};
    for (size_t i = 0; i < WR_COUNT(l); i++) {
        l[i].inv.arn = S("f");
        l[i].inv.answered = look_up_answered;
        l[i].inv.done = look_up_done;
        assert_int_equal(wr_lambda_invoke(&x.sink, &l[i].inv, &fault), WR_OK);
    }
    // All wait for the process to start.
    assert_true(wr_lambda_cancel(&l[2].inv)); // the last of the queue
    assert_true(wr_lambda_cancel(&l[0].inv)); // the first
    wait_true("the second", &l[1].done);
    // Once the process has asked for more it gets the event at once, and it is too late.
    assert_int_equal(wr_lambda_invoke(&x.sink, &l[0].inv, &fault), WR_OK);
    for (int64_t start = now_ms(); wr_lambda_cancel(&l[0].inv) && now_ms() - start < WAIT_MS;) {
        uv_run(loop, UV_RUN_NOWAIT);
        usleep(500);
        assert_int_equal(wr_lambda_invoke(&x.sink, &l[0].inv, &fault), WR_OK);
    }
    wait_true("the first", &l[0].done);
    assert_false(l[2].done);
    assert_int_equal(lines(read_back(&x, "f/results.ndjson")), 2);
    fixture_close(&x);
    fixture_release(&x);
}

static void on_journal_closed(void *user)
{
    *(bool *)user = true;
}

static void test_journal(void **state)
{
    struct fixture x;
    char path[100];
    bool closed = false;
    fixture_new(&x);
    snprintf(path, sizeof path, "%s/j", x.folder);
    struct wr_journal *j = wr_journal_new(
        loop, &(struct wr_journal_options){.path = path, .size_max = 1000, .pending_max = 5000});
    for (int i = 0; i < 2000; i++) {
        wr_buf_add(wr_journal_begin(j), S("123456789\n"));
        assert_int_equal(wr_journal_commit(j), i + 1);
    }
    wr_journal_close(j, on_journal_closed, &closed);
    wait_true("journal", &closed);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    FILE *file = fopen(path, "r");
    char text[8000];
    wr_str all = {text, fread(text, 1, sizeof text, file)};
    fclose(file);
    want_in("left out", all, "123456789\nweir: 1");
    want_in("left out", all, " pieces of output were left out here\n");
    fixture_release(&x);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_words),
        T(test_check),
        T(test_journal),
        T(test_open_faults),
        T(test_refused),
        T(test_served),
        T(test_failures),
        T(test_second_try_succeeds),
        T(test_crash_loop),
        T(test_concurrency),
        T(test_queue_full),
        T(test_output_is_kept),
        T(test_close_with_work_in_flight),
        T(test_hangs_up),
        T(test_deaf_to_sigterm),
        T(test_shell_example),
        T(test_weir_is_killed),
        T(test_invoke_for_sql),
        T(test_cancel_for_sql),
        T(test_node_runtime_interface_client), // last: see below
    };
    // The tree's root, from this file's name as it was given to the compiler in the build folder.
    char *file = realpath(__FILE__, NULL);
    if (!file) {
        fprintf(stderr, "run this in the build folder\n");
        return 1;
    }
    snprintf(root, sizeof root, "%.*s", (int)(strlen(file) - strlen("/tests/unit/test_lambda.c")),
             file);
    free(file);
    wr_hash_seed_init();
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    size_t count = WR_COUNT(tests) - (getenv("WR_TEST_RIC") ? 0 : 1);
    int failed = _cmocka_run_group_tests("lambda", tests, count, NULL, NULL);
    uv_loop_close(loop);
    return failed;
}
