// Runs made again from what the spool kept of them: after a restart, when a busy rule comes back to
// them, and when a dead letter is redriven. Nothing is evaluated again but what the error action
// needs.
#include "engine/flow/durable.h"

#include <stdlib.h>

#include "engine/flow/source.h"
#include "engine/observe/log.h"
#include "sql/base/clock.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define LEND_FROM (64u << 10) // bytes of an entry; copying less costs nothing

// An action that this weir does not know: its records fail.
static const struct wr_sink_impl unknown_sink = {
    .name = "unknown", .failed_action = "UnknownAction", .resource_option = -1};

static const struct wr_sink_impl *find_kind(const struct wr_flow *f, wr_str name, size_t *kind)
{
    const struct wr_sink_impl *const *kinds = wr_sinks_kinds(f->options.sinks);
    for (*kind = 0; kinds[*kind]; ++*kind) {
        if (wr_str_eq(wr_str_of(kinds[*kind]->name), name)) {
            return kinds[*kind];
        }
    }
    return NULL;
}

// The parameters by the table that there is now. NULL: the arena is full.
static struct wr_param *restore_params(struct wr_arena *arena, const struct wr_sink_impl *impl,
                                       const struct wr_entry_action *a, size_t *count,
                                       uint64_t *missing)
{
    *count = 0;
    *missing = 0;
    while (impl->options && impl->options[*count].name) {
        ++*count;
    }
    struct wr_param *params = wr_arena_alloc(arena, (*count + 1) * sizeof *params);
    if (!params) {
        return NULL;
    }
    memset(params, 0, (*count + 1) * sizeof *params);
    for (size_t i = 0; i < a->param_count; i++) {
        int at = wr_option_find(impl->options, a->names[i]);
        if (at >= 0) {
            params[at] = a->params[i];
            *missing |= i < WR_OPTIONS_MAX && (a->secret >> i & 1) ? UINT64_C(1) << at : 0;
        }
    }
    return params;
}

// An action and its record. False: the arena is full.
static bool restore_action(struct wr_run *r, const struct wr_entry *e, size_t i,
                           struct wr_rule_action *to)
{
    struct wr_flow *f = r->flow;
    struct wr_arena *arena = &r->message->arena;
    const struct wr_entry_action *a = &e->actions[i];
    struct wr_engine_record *er = &r->records[i];
    struct wr_fault fault = {0};
    size_t kind;
    const struct wr_sink_impl *impl = find_kind(f, a->kind, &kind);
    bool known = impl != NULL;
    impl = known ? impl : &unknown_sink;
    size_t count;
    uint64_t missing;
    struct wr_param *params = restore_params(arena, impl, a, &count, &missing);
    if (!params) {
        return false;
    }
    *to = (struct wr_rule_action){
        .impl = impl,
        .kind = kind,
        .param_count = count,
        .params = params,
        .counters = wr_metrics_action(r->rule->counters, impl->name),
        .path = impl->name,
        .secret = missing,
    };
    if (known && wr_sinks_require(f->options.sinks, kind, &fault)) {
        static struct wr_log_limit limit; // a spool full of them is one trouble
        wr_log_limited(&limit, WR_LOG_ERROR, "flow", "rule %.*s, found in the spool: %s",
                       WR_STR_ARG(e->rule), fault.text);
    }
    wr_engine_record_init(er, r, to);
    er->rec.dialect = e->dialect;
    er->params = params;
    er->rec.params = params;
    er->missing = missing;
    er->delivered = a->state == WR_ENTRY_DELIVERED;
    if (a->state == WR_ENTRY_FAILED) { // before it was kept: a template that did not resolve
        wr_engine_record_fail(er, a->resource, a->message);
        er->reason = WR_DEAD_TEMPLATE;
    } else if (!known) {
        struct wr_buf text;
        wr_buf_init_arena(&text, arena);
        wr_buf_addf(&text, "This weir does not perform the action that was kept: %.*s",
                    WR_STR_ARG(a->kind));
        wr_engine_record_fail(er, a->kind, wr_buf_str(&text));
        er->reason = WR_DEAD_NO_SINK;
    }
    return true;
}

// A rule of its own for the run: the actions are those that were kept, the error action is that of
// the rule as it is now.
static bool restore_rule(struct wr_run *r, const struct wr_entry *e)
{
    struct wr_flow *f = r->flow;
    struct wr_arena *arena = &r->message->arena;
    struct wr_rule_set *set = f->rules;
    struct wr_rule *now = set ? wr_rule_set_find(set, e->rule) : NULL;
    struct wr_rule *rule = wr_arena_alloc(arena, sizeof *rule);
    size_t count = e->action_count;
    struct wr_rule_action *actions = wr_arena_alloc(arena, (count + 1) * sizeof *actions);
    r->records = wr_arena_alloc(arena, (count + 1) * sizeof *r->records);
    if (!rule || !actions || !r->records) {
        return false;
    }
    *rule = (struct wr_rule){
        .name = e->rule,
        .plain = wr_rule_plain_name(e->rule),
        .host = now ? now->host : NULL,
        .program = now ? now->program : NULL,
        .action_count = count,
        .actions = actions,
        .error_action = now ? now->error_action : NULL,
        .error_action_dynamic = now && now->error_action_dynamic,
        .counters = wr_metrics_rule(f->options.metrics, e->rule),
    };
    r->rule = rule;
    if (now) {
        r->rule_set = set;
        r->now = now;
        r->group = wr_rule_set_basic_ingest(set, e->rule); // NULL when it is disabled now
    }
    if (!r->group) {
        rule->error_action_dynamic = false;
        if (now && now->error_action_dynamic) {
            rule->error_action = NULL; // its templates need the program, which is not run
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!restore_action(r, e, i, &actions[i])) {
            return false;
        }
        bool same = now && i < now->action_count && now->action_count == count &&
                    strcmp(now->actions[i].impl->name, actions[i].impl->name) == 0;
        r->records[i].rec.written = same ? now->actions[i].params : NULL;
        r->records[i].source = same ? &now->actions[i] : NULL;
        actions[i].secret |= same ? now->actions[i].secret : 0;
    }
    r->stage = wr_secrets_restore(r, now) ? WR_RUN_SECRETS_STATEMENT : WR_RUN_READY;
    return true;
}

static bool restore_result(struct wr_run *r, const struct wr_entry *e)
{
    r->body = e->body;
    r->body_json = e->body_json;
    if (!e->body.len) {
        r->result = wr_undefined();
        return true;
    }
    if (!e->body_json) {
        r->result = wr_raw(e->body);
        return true;
    }
    return wr_json_parse(e->body, &r->message->arena, e->dialect, &r->result, NULL) == WR_OK;
}

// The message as it was received, in its own arena.
static struct wr_run *make(struct wr_flow *f, struct wr_message *m, const struct wr_entry *e)
{
    m->sql = e->message;
    m->qos = e->qos;
    m->retain = e->retain;
    m->hops = e->hops;
    int64_t age_ms = wr_wall_ms() - (int64_t)e->received_ms; // the wall clock may have jumped
    m->received_us = wr_mono_now().us - (age_ms > 0 ? age_ms * 1000 : 0);
    struct wr_run *r = wr_arena_alloc(&m->arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    memset(r, 0, sizeof *r);
    r->flow = f;
    r->message = m;
    r->restored = true;
    r->id = e->id;
    r->has_id = true;
    if (!restore_result(r, e) || !restore_rule(r, e)) {
        return NULL;
    }
    return r;
}

// Large entries keep the buffer that they were read into, since message_memory is for what is made
// of a message and payload_max may be more.
static void free_lent(struct wr_source *self, struct wr_message *m)
{
    free((void *)(uintptr_t)m->token);
}

static const struct wr_source_impl lender = {.name = "spool", .settled = free_lent};
static struct wr_source lent = {.impl = &lender};

static bool hold_bytes(struct wr_message *m, struct wr_buf *bytes, wr_str *out)
{
    *out = wr_buf_str(bytes);
    if (bytes->len > LEND_FROM) {
        m->source = &lent;
        m->token = (uintptr_t)bytes->at;
        *bytes = (struct wr_buf){0};
        return true;
    }
    char *copy = wr_arena_alloc(&m->arena, bytes->len + 1);
    if (copy && bytes->len) {
        memcpy(copy, bytes->at, bytes->len);
    }
    out->at = copy;
    return copy != NULL;
}

wr_err wr_run_restore(struct wr_flow *f, struct wr_backlog *b, uint64_t seq, struct wr_buf *bytes,
                      struct wr_fault *fault)
{
    struct wr_message *m = wr_message_new(f->options.pool);
    size_t len = bytes->len;
    struct wr_entry e;
    struct wr_run *r = NULL;
    wr_str at;
    wr_err err = hold_bytes(m, bytes, &at) ? wr_entry_read(at, &m->arena, &e, fault) : WR_ERR_LIMIT;
    f->live_messages++;
    f->options.metrics->restored++;
    m->ack_holds = 2; // nobody waits for an acknowledgement
    if (!err) {
        r = make(f, m, &e);
        err = r ? WR_OK : WR_ERR_LIMIT;
    }
    if (err == WR_ERR_LIMIT) {
        wr_fault_set(fault, err, "it does not fit into message_memory");
    }
    if (err) {
        wr_flow_release(f, m);
        return err;
    }
    r->seq = seq;
    r->entry_bytes = len;
    r->spool_share = wr_run_spool_share(r);
    r->backlog = b;
    wr_run_retain(r);
    if (r->stage == WR_RUN_SECRETS_STATEMENT) {
        b->restoring++;
        if (f->lanes.count) {
            (void)wr_lane_join(&f->lanes, r);
        }
        wr_run_advance(r);
    } else {
        wr_run_submit(r);
    }
    wr_flow_release(f, m);
    return WR_OK;
}
