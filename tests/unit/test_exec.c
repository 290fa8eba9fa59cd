// Commands that are run for an event, real ones: what they read, what is known of their end, how
// many run at once, and that nothing of them is left.
#include "sinks/lib/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static uv_loop_t *loop;

struct job {
    struct wr_exec_job job; // first
    bool done;
    enum wr_exec_end end;
    struct wr_buf output, errors;
    char why[160];
    size_t order;
};

static size_t ended;

static void on_done(struct wr_exec_job *job)
{
    struct job *j = (struct job *)job;
    j->done = true;
    j->order = ++ended;
    j->end = job->end;
    wr_buf_add(&j->output, job->output);
    wr_buf_add(&j->errors, job->errors);
    snprintf(j->why, sizeof j->why, "%s", job->why);
}

static void job_release(struct job *j)
{
    wr_buf_release(&j->output);
    wr_buf_release(&j->errors);
}

static struct wr_exec *open_exec(const char *command, int64_t timeout_ms, size_t concurrency)
{
    struct wr_exec *x = NULL;
    struct wr_fault fault;
    static const struct wr_launch_variable own[] = {{"OWN", "by weir"}};
    wr_err err = wr_exec_open(loop,
                              &(struct wr_launch_options){.setting = "machines.m",
                                                          .command = command,
                                                          .cwd = "/tmp",
                                                          .env = "GIVEN='a b'",
                                                          .own = own,
                                                          .own_count = 1},
                              timeout_ms, concurrency, &x, &fault);
    if (err) {
        fail_msg("%s", fault.text);
    }
    return x;
}

static void run(struct wr_exec *x, struct job *j, wr_str input)
{
    *j = (struct job){.job = {.input = input, .done = on_done}};
    wr_exec_run(x, &j->job);
}

static void wait_for(struct job *j)
{
    while (!j->done) {
        uv_run(loop, UV_RUN_ONCE);
    }
}

static void on_closed(void *user)
{
    *(bool *)user = true;
}

static void close_exec(struct wr_exec *x)
{
    bool closed = false;
    wr_exec_close(x, on_closed, &closed);
    assert_false(closed);
    while (!closed) {
        uv_run(loop, UV_RUN_ONCE);
    }
    assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // no child, not even a dead one
    assert_int_equal(errno, ECHILD);
}

static void test_ends(void **state)
{
    static const struct {
        const char *name, *command, *input;
        enum wr_exec_end end;
        const char *output, *errors, *why;
    } cases[] = {
        {"echo", "cat", "{\"a\":1}", WR_EXEC_OK, "{\"a\":1}", "", ""},
        {"nothing read", "true", "{}", WR_EXEC_OK, "", "", ""},
        {"no input", "cat", "", WR_EXEC_OK, "", "", ""},
        {"both outputs", "sh -c 'echo out; echo err >&2'", "", WR_EXEC_OK, "out\n", "err\n", ""},
        {"environment", "sh -c 'echo $GIVEN, $OWN, $PWD, $SECRET'", "", WR_EXEC_OK,
         "a b, by weir, /tmp,\n", "", ""},
        {"status", "sh -c 'echo no >&2; exit 3'", "", WR_EXEC_FAILED, "", "no\n", "exit status 3"},
        {"signal", "sh -c 'kill -TERM $$'", "", WR_EXEC_FAILED, "", "", "signal: Terminated"},
        {"long", "sh -c 'sleep 60'", "", WR_EXEC_TIMEOUT, "", "", "it ran for more than 1000 ms"},
        {"deaf", "sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'", "", WR_EXEC_TIMEOUT, "", "",
         "it ran for more than 1000 ms"},
    };
    setenv("SECRET", "weir's own", 1);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_exec *x = open_exec(cases[i].command, 1000, 1);
        struct job j;
        run(x, &j, wr_str_of(cases[i].input));
        assert_false(j.done);
        wait_for(&j);
        CHECK_INT(cases[i].name, j.end, cases[i].end);
        CHECK_STR(cases[i].name, wr_buf_str(&j.output), wr_str_of(cases[i].output));
        CHECK_STR(cases[i].name, wr_buf_str(&j.errors), wr_str_of(cases[i].errors));
        CHECK_STR(cases[i].name, wr_str_of(j.why), wr_str_of(cases[i].why));
        job_release(&j);
        close_exec(x);
    }
}

static void test_no_such_command(void **state)
{
    struct wr_exec *x = open_exec("/nowhere/at/all", 5000, 1);
    struct job j;
    run(x, &j, WR_STR("{}"));
    wait_for(&j);
    assert_int_equal(j.end, WR_EXEC_FAILED);
    // By setpriv(1), where it is; else by us.
    assert_true(wr_str_find(wr_buf_str(&j.errors), WR_STR("/nowhere/at/all")) >= 0 ||
                strstr(j.why, "/nowhere/at/all"));
    job_release(&j);
    close_exec(x);
}

static void test_large(void **state)
{
    struct wr_buf input = {0};
    for (size_t i = 0; i < WR_EXEC_OUTPUT_MAX; i++) {
        wr_buf_add_char(&input, (char)('a' + i * i % 26));
    }
    struct wr_exec *x = open_exec("cat", 20000, 1);
    struct job j;
    run(x, &j, wr_buf_str(&input)); // more than the pipes take at once, both ways
    wait_for(&j);
    assert_int_equal(j.end, WR_EXEC_OK);
    CHECK_STR("all of it", wr_buf_str(&j.output), wr_buf_str(&input));
    job_release(&j);
    wr_buf_add_char(&input, 'x');
    run(x, &j, wr_buf_str(&input));
    wait_for(&j);
    assert_int_equal(j.end, WR_EXEC_FAILED);
    CHECK_STR("too much", wr_str_of(j.why), WR_STR("it wrote more than 1048576 bytes"));
    job_release(&j);
    close_exec(x);
    x = open_exec("sh -c 'exec <&-; yes >&2 & wait'", 400, 1);
    run(x, &j, wr_buf_str(&input));
    wait_for(&j);
    assert_int_equal(j.end, WR_EXEC_TIMEOUT);
    assert_int_equal(j.errors.len, WR_EXEC_ERRORS_MAX); // the last of endless ones
    job_release(&j);
    close_exec(x);
    wr_buf_release(&input);
}

// Each of four says who it is when it begins and when it ends, through a file that all share.
static void test_concurrency(void **state)
{
    char file[] = "/tmp/weir-exec-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    for (size_t at_once = 1; at_once <= 2; at_once++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        char command[200];
        snprintf(command, sizeof command, "sh -c 'echo + >>%s; sleep 0.1; echo - >>%s'", file,
                 file);
        struct wr_exec *x = open_exec(command, 20000, at_once);
        struct job jobs[4];
        ended = 0;
        for (size_t i = 0; i < WR_COUNT(jobs); i++) {
            run(x, &jobs[i], WR_STR(""));
        }
        assert_int_equal(wr_exec_held(x), WR_COUNT(jobs));
        for (size_t i = 0; i < WR_COUNT(jobs); i++) {
            wait_for(&jobs[i]);
            if (at_once == 1) {
                assert_int_equal(jobs[i].order, i + 1);
            }
            job_release(&jobs[i]);
        }
        assert_int_equal(wr_exec_held(x), 0);
        char text[64];
        ssize_t len = pread(fd, text, sizeof text, 0);
        size_t now = 0, most = 0;
        for (ssize_t i = 0; i < len; i++) {
            now += text[i] == '+' ? 1 : text[i] == '-' ? (size_t)-1 : 0;
            most = now > most ? now : most;
        }
        assert_int_equal(len, 16);
        assert_int_equal(most, at_once);
        close_exec(x);
    }
    close(fd);
    unlink(file);
}

static void test_cancel(void **state)
{
    struct wr_exec *x = open_exec("sleep 0.2", 20000, 1);
    struct job first, second, third;
    run(x, &first, WR_STR(""));
    run(x, &second, WR_STR(""));
    run(x, &third, WR_STR(""));
    uv_run(loop, UV_RUN_NOWAIT);
    uv_run(loop, UV_RUN_NOWAIT);
    assert_false(wr_exec_cancel(x, &first.job)); // it runs
    assert_true(wr_exec_cancel(x, &second.job));
    assert_int_equal(wr_exec_held(x), 2);
    wait_for(&third);
    assert_true(first.done);
    assert_false(second.done);
    assert_int_equal(third.end, WR_EXEC_OK);
    job_release(&first);
    job_release(&third);
    close_exec(x);
}

// What runs is told at once, with its input on its way; the process has a moment to end.
static void test_close(void **state)
{
    struct wr_buf input = {0};
    for (size_t i = 0; i < 500000; i++) {
        wr_buf_add_char(&input, 'x');
    }
    struct wr_exec *x = open_exec("sleep 60", 20000, 2);
    struct job jobs[3];
    for (size_t i = 0; i < WR_COUNT(jobs); i++) {
        run(x, &jobs[i], wr_buf_str(&input));
    }
    for (int i = 0; i < 20; i++) {
        uv_run(loop, UV_RUN_NOWAIT);
    }
    bool closed = false;
    wr_exec_close(x, on_closed, &closed);
    for (size_t i = 0; i < WR_COUNT(jobs); i++) {
        assert_true(jobs[i].done);
        assert_int_equal(jobs[i].end, WR_EXEC_STOPPED);
        job_release(&jobs[i]);
    }
    wr_buf_release(&input); // ASan sees whether it is still read
    while (!closed) {
        uv_run(loop, UV_RUN_ONCE);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_faults(void **state)
{
    static const struct {
        const char *command, *cwd, *env, *text;
    } cases[] = {
        {"", "", "", "machines.m.command: there is none"},
        {"a 'b", "", "", "machines.m.command: the quote ' is not closed"},
        {"a", "/nowhere", "", "machines.m.cwd: /nowhere is not a folder"},
        {"a", "", "X", "machines.m.env: 'X' is not NAME=value"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_exec *x = NULL;
        struct wr_fault fault;
        const struct wr_launch_options o = {.setting = "machines.m",
                                            .command = cases[i].command,
                                            .cwd = cases[i].cwd,
                                            .env = cases[i].env};
        CHECK(cases[i].text, wr_exec_open(loop, &o, 1000, 1, &x, &fault) != WR_OK);
        CHECK_STR("fault", wr_str_of(fault.text), wr_str_of(cases[i].text));
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"", "null"},
        {"{\"a\":\n1}", "{\"a\": 1}"},
        {"3", "3"},
        {"hello \"you\"", "\"hello \\\"you\\\"\""},
        {"\xff\xfe", "{\"base64\":\"//4=\"}"},
    };
    struct wr_paths *none = wr_paths_new(NULL, 0, NULL);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf b = {0};
        wr_exec_add_answer(&b, none, wr_str_of(cases[i].from));
        CHECK_STR(cases[i].from, wr_buf_str(&b), wr_str_of(cases[i].to));
        wr_buf_release(&b);
    }
    wr_paths_free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),   cmocka_unit_test(test_no_such_command),
        cmocka_unit_test(test_large),  cmocka_unit_test(test_concurrency),
        cmocka_unit_test(test_cancel), cmocka_unit_test(test_close),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_answers),
    };
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
