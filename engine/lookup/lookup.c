// Look-ups from begin to answer: time-outs, counters, the pace of the source. Who answers what is
// in the providers' files.
#include "engine/lookup/lookup.h"

#include <stdlib.h>

#include "engine/lookup/aws.h"
#include "engine/lookup/docs.h"
#include "engine/lookup/pending.h"

#include "sql/base/banned.h"

static struct wr_lookup_counters *counters(struct wr_lookups *all, enum wr_lookup_kind kind)
{
    return &all->options.metrics->lookups[kind];
}

// Told to stop at the limit, the source goes on at three quarters of it, so that it reads in
// batches.
static void tell_pace(struct wr_lookups *all)
{
    size_t max = all->options.waiting_max;
    size_t again = all->pace == WR_PACE_STOP ? max - max / 4 : max;
    enum wr_pace pace = all->waiting == 0       ? WR_PACE_SETTLE
                        : all->waiting >= again ? WR_PACE_STOP
                                                : WR_PACE_ON;
    if (pace != all->pace) {
        all->pace = pace;
        if (all->options.pace) {
            all->options.pace(all->options.user, pace);
        }
    }
}

// ---- pending

void *wr_pending_new(struct wr_lookups *all, struct wr_lookup *l, size_t size)
{
    wr_assert(all->beginning == l);
    struct wr_pending *p = wr_zalloc(size);
    p->all = all;
    p->lookup = l;
    p->flow = all->flow;
    p->kind = l->kind;
    p->next = all->first;
    if (p->next) {
        p->next->before = p;
    }
    all->first = p;
    all->begun = true;
    all->waiting++;
    counters(all, p->kind)->waiting++;
    wr_retry_add(&all->timeouts, &p->due,
                 l->kind == WR_LOOKUP_LAMBDA ? all->options.lambda_timeout_ms
                                             : all->options.timeout_ms);
    return p;
}

// Nobody waits from here on.
static struct wr_lookup *detach(struct wr_pending *p)
{
    struct wr_lookup *l = p->lookup;
    p->lookup = NULL;
    wr_retry_remove(&p->all->timeouts, &p->due);
    p->all->waiting--;
    counters(p->all, p->kind)->waiting--;
    return l;
}

static void give(struct wr_lookups *all, struct wr_flow *flow, struct wr_lookup *l)
{
    l->answered = true;
    tell_pace(all);
    if (flow) {
        wr_flow_answered(flow, l);
    } else {
        wr_lookup_secret_done(l);
    }
}

void wr_pending_answer(struct wr_pending *p)
{
    struct wr_lookups *all = p->all;
    if (!p->lookup || p->ready) {
        return;
    }
    if (p->lookup == all->beginning) { // its evaluation is on the stack and sees it there
        detach(p)->answered = true;
    } else if (all->beginning) { // not into an evaluation that is on the stack
        p->ready = true;
        wr_retry_remove(&all->timeouts, &p->due);
        wr_retry_add(&all->timeouts, &p->due, 0);
    } else {
        struct wr_flow *flow = p->flow;
        struct wr_lookup *l = detach(p);
        counters(all, p->kind)->failed += l->failed;
        give(all, flow, l);
    }
}

void wr_pending_later(struct wr_lookups *all, struct wr_lookup *l)
{
    struct wr_lookup *outer = all->beginning;
    struct wr_flow *outer_flow = all->flow;
    l->answered = false;
    all->beginning = l;
    all->flow = NULL;
    struct wr_pending *p = wr_pending_new(all, l, sizeof *p);
    all->beginning = outer;
    all->flow = outer_flow;
    p->ready = p->freed = true;
    counters(all, p->kind)->failed--; // counted again when it is due
    wr_retry_remove(&all->timeouts, &p->due);
    wr_retry_add(&all->timeouts, &p->due, 0);
}

static void time_out(struct wr_pending *p)
{
    struct wr_lookups *all = p->all;
    struct wr_flow *flow = p->flow;
    bool lambda = p->kind == WR_LOOKUP_LAMBDA;
    struct wr_lookup *l = detach(p);
    wr_lookup_fail(l, "no answer within %lld ms (lookups.%s)",
                   (long long)(lambda ? all->options.lambda_timeout_ms : all->options.timeout_ms),
                   lambda ? "lambda_timeout" : "timeout");
    counters(all, p->kind)->timed_out++;
    if (p->cancel) {
        p->cancel(p); // it may be gone
    }
    give(all, flow, l);
}

static void on_due(struct wr_retry *timeouts, struct wr_retry_entry *entry)
{
    struct wr_pending *p = WR_CONTAINER(entry, struct wr_pending, due);
    if (!p->ready) {
        time_out(p);
        return;
    }
    p->ready = false;
    bool freed = p->freed;
    struct wr_lookups *all = p->all;
    struct wr_flow *flow = p->flow;
    struct wr_lookup *l = detach(p);
    counters(all, p->kind)->failed += l->failed;
    if (freed) {
        wr_pending_free(p);
    }
    give(all, flow, l);
}

static void part_closed(struct wr_lookups *all);

void wr_pending_free(struct wr_pending *p)
{
    struct wr_lookups *all = p->all;
    if (p->ready && p->lookup) {
        p->freed = true;
        return;
    }
    wr_assert(!p->lookup);
    *(p->before ? &p->before->next : &all->first) = p->next;
    if (p->next) {
        p->next->before = p->before;
    }
    free(p);
    if (all->open_parts) {
        part_closed(all);
    }
}

// ---- the host

static void begin(struct wr_lookups *all, struct wr_lookup *l)
{
    if (all->options.aws[l->kind]) {
        wr_aws_lookup_begin(all, l);
        return;
    }
    switch (l->kind) {
    case WR_LOOKUP_LAMBDA:
        wr_lookup_begin_lambda(all, l);
        return;
    case WR_LOOKUP_DYNAMODB:
        wr_lookup_begin_dynamodb(all, l);
        return;
    case WR_LOOKUP_SHADOW:
        wr_lookup_begin_shadow(all, l);
        return;
    case WR_LOOKUP_SECRET:
        wr_lookup_begin_secret(all, l);
        return;
    case WR_LOOKUP_REGISTRY:
        wr_lookup_begin_registry(all, l);
        return;
    case WR_LOOKUP_ML:
        wr_lookup_begin_ml(all, l);
        return;
    }
}

static void host_lookup(void *user, struct wr_flow *flow, struct wr_lookup *l)
{
    struct wr_lookups *all = user;
    struct wr_lookup_counters *c = counters(all, l->kind);
    struct wr_lookup *outer = all->beginning; // answering one may begin another
    struct wr_flow *outer_flow = all->flow;
    bool outer_begun = all->begun;
    c->made++;
    if (all->stopped) {
        wr_lookup_fail(l, "weir is stopping");
        l->answered = true;
        c->failed++;
        return;
    }
    all->beginning = l;
    all->flow = flow;
    all->begun = false;
    begin(all, l);
    l->answered = l->answered || !all->begun; // without a wr_pending: at once
    all->beginning = outer;
    all->flow = outer_flow;
    all->begun = outer_begun;
    if (l->answered) {
        c->failed += l->failed;
    }
    tell_pace(all);
}

// ---- life

static char *folder(const char *given, const char *state_dir, const char *below)
{
    struct wr_buf path = {0};
    if (*given) {
        wr_buf_add(&path, wr_str_of(given));
    } else {
        wr_buf_addf(&path, "%s/%s", state_dir, below);
    }
    char *out = wr_strdup(wr_buf_str(&path));
    wr_buf_release(&path);
    return out;
}

// The local form: another cannot run a function here.
static int find_lambda(const struct wr_sink_impl *const *kinds)
{
    const struct wr_sink_kind *known = wr_sink_kind_find(WR_STR("lambda"));
    int kind = 0;
    while (kinds[kind] && strcmp(kinds[kind]->name, "lambda") != 0) {
        kind++;
    }
    return kinds[kind] && (!known->aws || kinds[kind]->open == known->local->open) ? kind : -1;
}

struct wr_lookups *wr_lookups_new(const struct wr_lookups_options *options)
{
    struct wr_lookups *all = wr_zalloc(sizeof *all);
    all->options = *options;
    all->host = (struct wr_flow_host){.user = all, .lookup = host_lookup};
    wr_retry_init(&all->timeouts, options->loop, on_due);
    all->lambda_kind = find_lambda(options->kinds);
    all->shadows_dir = folder(options->shadows_dir, options->state_dir, WR_LOOKUPS_SHADOWS);
    all->secrets_dir = folder(options->secrets_dir, options->state_dir, WR_LOOKUPS_SECRETS);
    all->registry_dir = folder(options->registry_dir, options->state_dir, WR_LOOKUPS_REGISTRY);
    all->shadows =
        wr_docs_new(&(struct wr_docs_options){.loop = options->loop, .dir = all->shadows_dir});
    all->registry =
        wr_docs_new(&(struct wr_docs_options){.loop = options->loop, .dir = all->registry_dir});
    all->secrets = wr_docs_new(&(struct wr_docs_options){.loop = options->loop,
                                                         .dir = all->secrets_dir,
                                                         .secret = true,
                                                         .fresh_ms = options->secret_cache_ms});
    all->items = wr_item_reads_new(options->loop, options->state_dir);
    all->aws = wr_aws_lookups_new(options->loop, options->aws_max, options->secret_cache_ms);
    return all;
}

void wr_lookups_tune(struct wr_lookups *all, const struct wr_lookups_options *options)
{
    all->options.lambda_timeout_ms = options->lambda_timeout_ms;
    all->options.timeout_ms = options->timeout_ms;
    all->options.waiting_max = options->waiting_max;
    wr_docs_set_fresh(all->secrets, options->secret_cache_ms);
    wr_aws_lookups_set_cache(all->aws, options->secret_cache_ms);
    tell_pace(all);
}

const struct wr_flow_host *wr_lookups_host(const struct wr_lookups *all)
{
    return &all->host;
}

wr_err wr_lookups_require(struct wr_lookups *all, const struct wr_program *program,
                          struct wr_fault *fault)
{
    unsigned kinds = wr_program_lookups(program);
    bool lambda = false;
    for (unsigned i = 0; i < WR_LOOKUP_KINDS; i++) {
        if (!(kinds & 1u << i)) {
            continue;
        }
        if (all->options.aws[i]) {
            struct wr_aws *aws = wr_sinks_aws(all->options.sinks, fault);
            if (!aws) {
                return WR_ERR_STATE;
            }
            wr_aws_lookups_use(all->aws, aws);
        } else {
            lambda = lambda || i == WR_LOOKUP_LAMBDA || i == WR_LOOKUP_ML;
        }
    }
    if (lambda && all->lambda_kind < 0) {
        return wr_fault_set(fault, WR_ERR_STATE,
                            "aws_lambda() is answered locally, but sinks.lambda.mode is not local: "
                            "set that, or lookups.lambda_mode: aws");
    }
    return lambda ? wr_sinks_require(all->options.sinks, (size_t)all->lambda_kind, fault) : WR_OK;
}

size_t wr_lookups_waiting(const struct wr_lookups *all)
{
    return all->waiting;
}

void wr_lookups_stop(struct wr_lookups *all)
{
    all->stopped = true;
    for (struct wr_pending *p = all->first, *next; p; p = next) {
        next = p->next;
        if (!p->lookup) {
            continue;
        }
        bool ready = p->ready;
        struct wr_lookup *of_sink = p->flow ? NULL : p->lookup;
        p->ready = false;
        detach(p);
        if (p->freed) {
            wr_pending_free(p);
        } else if (!ready && p->cancel) {
            p->cancel(p);
        }
        if (of_sink) { // a flow forgets what it waits for, a sink does not
            wr_lookup_fail(of_sink, "weir is stopping");
            wr_lookup_secret_done(of_sink);
        }
    }
}

static void part_closed(struct wr_lookups *all)
{
    if (--all->open_parts > 0) {
        return;
    }
    void (*done)(void *user) = all->done;
    void *user = all->done_user;
    wr_docs_free(all->shadows);
    wr_docs_free(all->secrets);
    wr_docs_free(all->registry);
    wr_item_reads_free(all->items);
    wr_aws_lookups_free(all->aws);
    free(all->shadows_dir);
    free(all->secrets_dir);
    free(all->registry_dir);
    free(all);
    done(user);
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct wr_retry *timeouts = timer->data;
    part_closed(WR_CONTAINER(timeouts, struct wr_lookups, timeouts));
}

void wr_lookups_free(struct wr_lookups *all, void (*done)(void *user), void *user)
{
    wr_assert(all->stopped && all->waiting == 0);
    all->done = done;
    all->done_user = user;
    all->open_parts = 1;
    for (struct wr_pending *p = all->first; p; p = p->next) {
        all->open_parts++;
    }
    wr_retry_close(&all->timeouts, on_timer_closed);
}
