// Machines by their names, an exec each.
#include "sinks/step_functions/machines.h"

#include <stdlib.h>

#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

struct wr_machine {
    char *name;
    struct wr_exec *exec;
    size_t executions_max;
};

struct wr_machines {
    struct wr_machine *at;
    size_t count, open;
    void (*closed)(void *user);
    void *closed_user;
};

static const char *setting(const struct wr_settings *s, const char *name, const char *what)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b, "machines.%s.%s", name, what);
    const char *text = wr_settings_get(s, wr_buf_terminated(&b));
    wr_buf_release(&b);
    return text;
}

static int64_t number(const struct wr_settings *s, const char *name, const char *what)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b, "machines.%s.%s", name, what);
    int64_t n = wr_settings_int(s, wr_buf_terminated(&b));
    wr_buf_release(&b);
    return n;
}

static wr_err open_machine(struct wr_machine *m, uv_loop_t *loop, const struct wr_settings *s,
                           const char *name, struct wr_fault *fault)
{
    if (strlen(name) > 80 || !wr_shape_only(wr_str_of(name), "_-")) {
        return wr_fault_set(fault, WR_ERR_SYNTAX,
                            "machines.%s: a state machine's name has 1 to 80 letters, digits, _ "
                            "and -",
                            name);
    }
    struct wr_buf prefix = {0};
    wr_buf_addf(&prefix, "machines.%s", name);
    const struct wr_launch_variable own[] = {{"STATE_MACHINE_NAME", name}};
    wr_err err = wr_exec_open(loop,
                              &(struct wr_launch_options){
                                  .setting = wr_buf_terminated(&prefix),
                                  .command = setting(s, name, "command"),
                                  .cwd = setting(s, name, "cwd"),
                                  .env = setting(s, name, "env"),
                                  .own = own,
                                  .own_count = WR_COUNT(own),
                              },
                              number(s, name, "timeout"), (size_t)number(s, name, "concurrency"),
                              &m->exec, fault);
    wr_buf_release(&prefix);
    if (!err) {
        m->name = wr_strdup(wr_str_of(name));
        m->executions_max = (size_t)number(s, name, "executions");
    }
    return err;
}

static void on_nothing(void *user)
{
}

wr_err wr_machines_open(uv_loop_t *loop, const struct wr_settings *settings,
                        struct wr_machines **out, struct wr_fault *fault)
{
    struct wr_machines *m = wr_zalloc(sizeof *m);
    size_t count = wr_settings_count(settings, "machines");
    wr_err err = WR_OK;
    m->at = wr_zalloc((count + 1) * sizeof *m->at);
    for (; m->count < count && !err; m->count += !err) {
        err = open_machine(&m->at[m->count], loop, settings,
                           wr_settings_name(settings, "machines", m->count), fault);
    }
    if (err) {
        wr_machines_close(m, on_nothing, NULL);
        return err;
    }
    *out = m;
    return WR_OK;
}

struct wr_machine *wr_machine_find(const struct wr_machines *m, wr_str name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (wr_str_eq(wr_str_of(m->at[i].name), name)) {
            return &m->at[i];
        }
    }
    return NULL;
}

// A text's end is no part of what a program says.
static wr_str trim(wr_str s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

static void on_done(struct wr_exec_job *job)
{
    struct wr_machine_run *run = (struct wr_machine_run *)job;
    struct wr_buf cause = {0};
    bool failed = true;
    run->took_ms = job->took_ms;
    switch (job->end) {
    case WR_EXEC_OK:
        run->output = trim(job->output);
        failed = run->output.len > WR_MACHINE_OUTPUT_MAX;
        run->status = failed ? "FAILED" : "SUCCEEDED";
        run->error = failed ? "States.DataLimitExceeded" : NULL;
        if (failed) {
            wr_buf_addf(&cause, "The output has %zu bytes, at most %d", run->output.len,
                        WR_MACHINE_OUTPUT_MAX);
        }
        break;
    case WR_EXEC_FAILED:
        run->status = "FAILED";
        run->error = "States.TaskFailed";
        break;
    case WR_EXEC_TIMEOUT:
        run->status = "TIMED_OUT";
        run->error = "States.Timeout";
        break;
    case WR_EXEC_STOPPED:
        run->status = NULL;
        break;
    }
    if (failed && cause.len == 0) {
        wr_str errors = trim(job->errors);
        wr_buf_add(&cause, wr_str_of(job->why));
        wr_buf_add(&cause, errors.len ? WR_STR(": ") : WR_STR(""));
        wr_buf_add(&cause, errors);
    }
    if (failed) {
        run->output = wr_buf_str(&cause);
    }
    run->ended(run);
    wr_buf_release(&cause);
}

bool wr_machine_run(struct wr_machine *machine, struct wr_machine_run *run)
{
    if (wr_exec_held(machine->exec) >= machine->executions_max) {
        return false;
    }
    run->job =
        (struct wr_exec_job){.input = run->input, .variable = run->variable, .done = on_done};
    wr_exec_run(machine->exec, &run->job);
    return true;
}

static void on_exec_closed(void *user)
{
    struct wr_machines *m = user;
    if (--m->open > 0) {
        return;
    }
    void (*closed)(void *) = m->closed;
    void *closed_user = m->closed_user;
    for (size_t i = 0; i < m->count; i++) {
        free(m->at[i].name);
    }
    free(m->at);
    free(m);
    closed(closed_user);
}

void wr_machines_close(struct wr_machines *m, void (*closed)(void *user), void *user)
{
    m->closed = closed;
    m->closed_user = user;
    m->open = m->count + 1;
    for (size_t i = 0; i < m->count; i++) {
        wr_exec_close(m->at[i].exec, on_exec_closed, m);
    }
    on_exec_closed(m);
}
