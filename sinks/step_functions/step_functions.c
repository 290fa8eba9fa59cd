// stepFunctions: an execution of a state machine for a record (actions.md 4.16). Its name is the
// same at every try, so that an execution whose answer was lost is not started twice.
#include "sinks/service/service.h"

#include <stdlib.h>

#include "sinks/lib/uuid.h"
#include "sinks/shapes/shapes.h"
#include "sinks/step_functions/machines.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define NAME_MAX_ 80     // characters of an execution's name, and of a machine's
#define INPUT_MAX 262144 // characters of an input

enum { STEP_ROLE, STEP_MACHINE, STEP_PREFIX };

static const struct wr_option step_options[] = {
    [STEP_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED,
                   .help = "Role that AWS assumes; the state machine is in its account."},
    [STEP_MACHINE] = {"stateMachineName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                      .help = "Name of the state machine, not its ARN."},
    [STEP_PREFIX] = {"executionNamePrefix", WR_OPT_STRING, WR_OPT_TEMPLATE,
                     .help = "What the name of an execution begins with; a UUID follows."},
    {0},
};

static wr_err step_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault)
{
    wr_str name = params[STEP_MACHINE].text, prefix = params[STEP_PREFIX].text;
    if (constant[STEP_MACHINE] && (name.len > 80 || !wr_shape_only(name, "_-"))) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "stateMachineName: \"%.*s\" is no name of a state machine: 1 to 80 "
                            "letters, digits and _-%s",
                            WR_STR_ARG(name),
                            wr_str_starts(name, WR_STR("arn:")) ? "; the name, not the ARN" : "");
    }
    if (params[STEP_PREFIX].set && constant[STEP_PREFIX] && prefix.len > 80 - 36) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "executionNamePrefix: with the UUID behind it the name has more than "
                            "80 characters; at most %d are left for the prefix",
                            80 - 36);
    }
    return WR_OK;
}

struct state {
    int64_t opened_ms; // wall clock: a message from before may have been tried before a restart
    const struct wr_sink *sink;
    // the local form's
    struct wr_machines *machines;
    struct wr_paths *no_paths;
    bool closing;
    void (*done)(struct wr_sink *self);
};

// What became of an execution that a command has run: wr_service_entry.more.
struct outcome {
    const char *status, *error;
    wr_str output; // JSON; of a failure the cause, a string of JSON
    int64_t start_ms, stop_ms;
};

static void step_open(void *at, const struct wr_sink *sink, const struct wr_settings *settings)
{
    struct state *state = at;
    state->opened_ms = wr_wall_ms();
    state->sink = sink;
}

// What a name of an execution may not hold, in Step Functions' own list.
static bool name_fits(wr_str name)
{
    static const char bad[] = " <>{}[]?*\"#%\\^|~`$&,;:/";
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c < 0x20 || c == 0x7f || strchr(bad, c)) {
            return false;
        }
    }
    return name.len > 0 && wr_utf8_count(name) <= NAME_MAX_;
}

static bool check_names(const struct wr_record *rec, const struct wr_aws_arn *role, wr_str name,
                        struct wr_service_no *no)
{
    wr_str machine = rec->params[STEP_MACHINE].text;
    if (machine.len == 0 || machine.len > NAME_MAX_ || !wr_shape_only(machine, "_-")) {
        return wr_service_refuse(no, "InvalidArn",
                                 "Invalid Arn: 'stateMachine:%.*s': expected a name of 1 to 80 "
                                 "letters, digits and _-",
                                 (int)(machine.len < 100 ? machine.len : 100), machine.at);
    }
    if (role->account.len == 0) {
        return wr_service_refuse(no, "InvalidArn",
                                 "roleArn: no ARN with an account, in which the state machine is");
    }
    if (name.len > 0 && !name_fits(name)) {
        return wr_service_refuse(no, "InvalidName", "Invalid Name: '%.*s'",
                                 (int)(name.len < 100 ? name.len : 100), name.at);
    }
    if (wr_utf8_count(rec->body) > INPUT_MAX) {
        return wr_service_refuse(
            no, "InvalidExecutionInput",
            "Invalid State Machine Execution Input: %zu characters, at most %d",
            wr_utf8_count(rec->body), INPUT_MAX);
    }
    return true;
}

static bool step_make(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    struct wr_aws_arn role = {0};
    char uuid[WR_UUID_LEN + 1];
    struct wr_buf name, b;
    wr_buf_init_arena(&name, rec->arena);
    wr_buf_init_arena(&b, rec->arena);
    wr_uuid_of_record(uuid, rec, 0);
    if (p[STEP_PREFIX].set && p[STEP_PREFIX].text.len > 0) {
        wr_buf_add(&name, p[STEP_PREFIX].text);
        wr_buf_add(&name, wr_str_of(uuid));
    }
    if (!wr_aws_arn_read(p[STEP_ROLE].text, &role)) {
        role = (struct wr_aws_arn){0};
    }
    if (!wr_service_json_body(rec, no) || !check_names(rec, &role, wr_buf_str(&name), no)) {
        return false;
    }
    struct wr_service_entry *e = wr_service_entries(ask, 1);
    if (name.len > 0) {
        wr_buf_add(&b, WR_STR(",\"name\":"));
        wr_json_write_string(&b, wr_buf_str(&name));
    }
    wr_buf_add(&b, WR_STR(",\"input\":"));
    wr_json_write_string(&b, rec->body);
    if (!e) {
        return false;
    }
    ask->names[0] = p[STEP_MACHINE].text;
    e->json = wr_service_keep(ask, &b); // what follows stateMachineArn
    e->id = wr_service_keep(ask, &name);
    e->weight = e->json.len;
    e->time_ms = rec->timestamp_ms;
    return true;
}

// arn:aws:states:eu-west-1:123456789012:stateMachine:name, or the execution's.
static void add_arn(struct wr_buf *b, const struct wr_service_ask *ask, wr_str region,
                    const char *kind)
{
    struct wr_aws_arn role;
    wr_assert(wr_aws_arn_read(ask->role, &role)); // `make` has looked
    wr_buf_add(b, WR_STR("arn:"));
    wr_buf_add(b, role.partition);
    wr_buf_add(b, WR_STR(":states:"));
    wr_buf_add(b, region);
    wr_buf_add_char(b, ':');
    wr_buf_add(b, role.account);
    wr_buf_add_char(b, ':');
    wr_buf_add(b, wr_str_of(kind));
    wr_buf_add_char(b, ':');
    wr_buf_add(b, ask->names[0]);
}

static void step_write(struct wr_service_call *call, struct wr_buf *b)
{
    call->aws.target = WR_STR("AWSStepFunctions.StartExecution");
    call->aws.content_type = WR_STR("application/x-amz-json-1.0");
    wr_buf_add(b, WR_STR("{\"stateMachineArn\":\""));
    add_arn(b, call->entries[0]->ask, wr_aws_default_region(wr_service_client(call)),
            "stateMachine");
    wr_buf_add_char(b, '"');
    wr_buf_add(b, call->entries[0]->json);
    wr_buf_add_char(b, '}');
}

static enum wr_service_next step_turn(struct wr_service_call *call,
                                      const struct wr_aws_answer *answer)
{
    const struct state *state = wr_service_call_state(call);
    const struct wr_service_ask *ask = call->entries[0]->ask;
    bool tried =
        ask->tries > 1 || ask->rec->attempt > 1 || ask->rec->timestamp_ms < state->opened_ms;
    return tried && wr_str_eq(answer->code, WR_STR("ExecutionAlreadyExists")) ? WR_SERVICE_DONE
                                                                              : WR_SERVICE_BY_CLASS;
}

// The execution's own name, or the one it gets when it has none.
static void add_execution_arn(struct wr_buf *b, const struct wr_service_entry *e, wr_str *name,
                              char uuid[WR_UUID_LEN + 1])
{
    wr_uuid_of_record(uuid, e->ask->rec, 0);
    *name = e->id.len ? e->id : wr_str_of(uuid);
    add_arn(b, e->ask, WR_STR("local"), "execution");
    wr_buf_add_char(b, ':');
    wr_buf_add(b, *name);
}

// {"executionArn":…,"stateMachineArn":…,"name":…,"status":"RECORDED","startDate":…,"input":{…}}, of
// one that has run also stopDate and output, or error and cause.
static void step_line(const struct wr_service_entry *e, struct wr_buf *b)
{
    const struct outcome *o = e->more;
    char uuid[WR_UUID_LEN + 1];
    wr_str name;
    wr_buf_add(b, WR_STR("{\"executionArn\":\""));
    add_execution_arn(b, e, &name, uuid);
    wr_buf_add(b, WR_STR("\",\"stateMachineArn\":\""));
    add_arn(b, e->ask, WR_STR("local"), "stateMachine");
    wr_buf_add(b, WR_STR("\",\"name\":"));
    wr_json_write_string(b, name);
    wr_buf_add(b, WR_STR(",\"status\":\""));
    wr_buf_add(b, wr_str_of(o ? o->status : "RECORDED"));
    wr_buf_add(b, WR_STR("\",\"startDate\":"));
    wr_buf_add_i64(b, o ? o->start_ms : e->time_ms);
    if (o) {
        wr_buf_add(b, WR_STR(",\"stopDate\":"));
        wr_buf_add_i64(b, o->stop_ms);
    }
    wr_buf_add(b, WR_STR(",\"input\":"));
    wr_service_add_json(b, e->ask->rec->body);
    if (o && o->error) {
        wr_buf_add(b, WR_STR(",\"error\":\""));
        wr_buf_add(b, wr_str_of(o->error));
        wr_buf_add(b, WR_STR("\",\"cause\":"));
        wr_buf_add(b, o->output);
    } else if (o) {
        wr_buf_add(b, WR_STR(",\"output\":"));
        wr_buf_add(b, o->output);
    }
    wr_buf_add(b, WR_STR("}\n"));
}

const struct wr_service wr_service_step_functions = {
    .aws = WR_AWS_STATES,
    .what = "Failed to start the Step Functions execution",
    .role_option = STEP_ROLE,
    .make = step_make,
    .entries_max = 1,
    .in_flight_max = 16, // executions run beside each other anyway
    .write = step_write,
    .turn = step_turn,
    .state_size = sizeof(struct state),
    .open = step_open,
    .folder = "stepfunctions",
    .depth = 1,
    .line = step_line,
};

// ---- the local form: a line, after the command when there is one

struct execution {
    struct wr_machine_run run; // first
    struct wr_sink *self;
    struct wr_service_ask *ask;
    int64_t start_ms;
};

// Its command is over: that is written, and then the record is delivered. A line that could not be
// written is written again; the command is not run again for it.
static void on_ended(struct wr_machine_run *run)
{
    struct execution *x = (struct execution *)run;
    struct wr_record *rec = x->ask->rec;
    struct state *state = wr_service_lines_kind(x->self);
    if (!run->status) {
        wr_service_settle_no(rec, &wr_service_step_functions, WR_RETRY, 500, "Stopped",
                             WR_STR("weir is stopping"));
        return;
    }
    struct outcome *o = wr_arena_alloc(rec->arena, sizeof *o);
    struct wr_buf b;
    wr_buf_init_arena(&b, rec->arena);
    if (run->error) {
        wr_json_write_string(&b, run->output);
    } else {
        wr_exec_add_answer(&b, state->no_paths, run->output);
    }
    if (!o || b.over) {
        wr_service_settle_no(rec, &wr_service_step_functions, WR_REFUSED, 400,
                             "States.DataLimitExceeded",
                             WR_STR("what the execution has written is over the message's limit "
                                    "of memory"));
        return;
    }
    *o = (struct outcome){.status = run->status,
                          .error = run->error,
                          .output = wr_buf_str(&b),
                          .start_ms = wr_wall_ms() - (int64_t)run->took_ms,
                          .stop_ms = wr_wall_ms()};
    x->ask->entries[0].more = o;
    wr_service_lines_write(x->self, x->ask);
}

static void local_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct state *state = wr_service_lines_kind(self);
    struct wr_service_ask *ask = wr_service_ask_of(&wr_service_step_functions, state, rec);
    struct wr_machine *machine = ask ? wr_machine_find(state->machines, ask->names[0]) : NULL;
    if (!ask) {
        return;
    }
    if (!machine || ask->entries[0].more) {
        wr_service_lines_write(self, ask);
        return;
    }
    struct execution *x = wr_arena_alloc(rec->arena, sizeof *x);
    struct wr_buf variable;
    char uuid[WR_UUID_LEN + 1];
    wr_str name;
    wr_buf_init_arena(&variable, rec->arena);
    wr_buf_add(&variable, WR_STR("EXECUTION_ARN="));
    add_execution_arn(&variable, &ask->entries[0], &name, uuid);
    wr_buf_add_char(&variable, '\0');
    if (!x || variable.over) {
        wr_service_settle_no(rec, &wr_service_step_functions, WR_REFUSED, 400,
                             "RequestEntityTooLarge",
                             WR_STR("The message is over its limit of memory"));
        return;
    }
    *x = (struct execution){
        .run = {.input = rec->body, .variable = variable.at, .ended = on_ended},
        .self = self,
        .ask = ask,
    };
    if (state->closing) {
        x->run.status = NULL;
        on_ended(&x->run);
    } else if (!wr_machine_run(machine, &x->run)) {
        wr_service_settle_no(rec, &wr_service_step_functions, WR_RETRY, 400,
                             "ExecutionLimitExceeded",
                             WR_STR("as many executions as machines.NAME.executions allows are "
                                    "under way"));
    }
}

static void on_forgotten(void *user)
{
}

static wr_err local_open(struct wr_sink *self, const struct wr_settings *settings,
                         struct wr_fault *fault)
{
    struct wr_machines *machines;
    wr_err err = wr_machines_open(self->host->loop, settings, &machines, fault);
    if (err) {
        return err;
    }
    err = wr_service_lines_open(self, settings, fault);
    if (err) {
        wr_machines_close(machines, on_forgotten, NULL);
        return err;
    }
    struct state *state = wr_service_lines_kind(self);
    state->machines = machines;
    state->no_paths = wr_paths_new(NULL, 0, NULL);
    return WR_OK;
}

static void on_machines_closed(void *user)
{
    struct wr_sink *self = user;
    struct state *state = wr_service_lines_kind(self);
    wr_paths_free(state->no_paths);
    wr_service_lines_close(self, state->done);
}

static void local_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct state *state = wr_service_lines_kind(self);
    state->closing = true;
    state->done = done;
    wr_machines_close(state->machines, on_machines_closed, self);
}

static const struct wr_option local_settings[] = {WR_SERVICE_FILES, WR_MACHINE_SETTINGS, {0}};

// ---- the sink

#define ACTION                                                                      \
    .name = "stepFunctions", .failed_action = "StepFunctionsAction",                \
    .help = "Starts an execution of a state machine with the result as its input.", \
    .options = step_options, .resource_option = STEP_MACHINE, .check = step_check

const struct wr_sink_impl wr_sink_step_functions = {
    ACTION,
    .form = "A line for each execution in local/stepfunctions/NAME.ndjson; what machines.NAME says "
            "is run for it.",
    .settings = local_settings,
    .open = local_open,
    .submit = local_submit,
    .close = local_close,
};

const struct wr_sink_impl wr_sink_step_functions_aws = {
    ACTION,
    .form = "StartExecution, one for each record.",
    WR_SERVICE_AWS,
};
