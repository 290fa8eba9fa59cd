// Secrets that sinks need: get_secret() without a message, so that sinks and rules read the same
// secrets, by the same code, from the same cache.
#include "engine/lookup/pending.h"

#include <stdlib.h>

#include "engine/lookup/aws.h"
#include "engine/lookup/docs.h"

#include "sql/base/banned.h"

#define SECRET_ARENA \
    (512u << 10) // Secrets Manager's longest has 64 KiB; parsed, several times that
#define ARGS 4   // id, type, key, role

struct asked {
    struct wr_lookup l; // first
    wr_value args[ARGS];
    struct wr_eval eval;
    struct wr_sql_message message;
    struct wr_arena arena;
    struct wr_secret_ask *ask;
};

void wr_lookup_secret_done(struct wr_lookup *l)
{
    struct asked *a = (struct asked *)l;
    struct wr_secret_ask *ask = a->ask;
    wr_str secret = {0};
    if (!l->failed && l->result.type == WR_STRING) {
        secret = wr_value_text(&l->result);
    } else if (!l->failed) {
        wr_lookup_fail(l,
                       ask->key.len ? "the secret has no text at key \"%.*s\""
                                    : "the secret is an object: name a key of it%.*s",
                       WR_STR_ARG(ask->key));
    }
    ask->done(ask, secret, l->failed ? l->fault.text : NULL);
    wr_arena_wipe(&a->arena);
    free(a);
}

void wr_lookups_secret(struct wr_lookups *all, struct wr_secret_ask *ask)
{
    struct asked *a = wr_zalloc(sizeof *a);
    size_t n = 0;
    wr_arena_init(&a->arena, SECRET_ARENA);
    a->arena.fuel = UINT64_MAX;
    a->ask = ask;
    a->message.arena = &a->arena;
    a->eval.message = &a->message;
    a->args[n++] = wr_string(ask->id);
    a->args[n++] = wr_string(WR_STR("SecretString"));
    if (ask->key.len) {
        a->args[n++] = wr_string(ask->key);
    }
    a->args[n++] = wr_string(ask->role_arn);
    a->l = (struct wr_lookup){
        .kind = WR_LOOKUP_SECRET, .args = a->args, .arg_count = n, .eval = &a->eval};
    if (ask->anew && all->options.aws[WR_LOOKUP_SECRET]) {
        wr_aws_lookups_forget(all->aws, ask->id, ask->role_arn);
    } else if (ask->anew) {
        wr_docs_expire(all->secrets);
    }
    struct wr_fault fault;
    if (all->options.aws[WR_LOOKUP_SECRET] && !all->stopped) {
        struct wr_aws *aws = wr_sinks_aws(all->options.sinks, &fault);
        if (aws) {
            wr_aws_lookups_use(all->aws, aws);
        }
    }
    all->host.lookup(all, NULL, &a->l);
    if (a->l.answered && a->l.failed && !all->stopped) {
        wr_pending_later(all, &a->l);
    } else if (a->l.answered) {
        wr_lookup_secret_done(&a->l);
    }
}
