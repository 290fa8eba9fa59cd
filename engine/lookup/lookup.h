// Answers the look-ups of sql.md 11.6 in `weir run`: from local Lambda functions, the local
// DynamoDB tables, and folders of documents; or from AWS's services. Nothing is read on the loop;
// each look-up has a time-out; how many wait decides how fast the source reads. Thread: loop.
//
//   flow ─ host->lookup ─► lookup.c ─┬─ lambda.c    the lambda sink's functions
//                                    ├─ dynamodb.c  uv's thread pool, one connection
//                                    ├─ folders.c ─ docs.c     uv's thread pool, cache
//                                    └─ aws.c       the AWS client of the sinks
//   flow ◄─ wr_flow_answered() ◄─────┘ or the time-out, whichever comes first
#ifndef WR_ENGINE_LOOKUP_LOOKUP_H
#define WR_ENGINE_LOOKUP_LOOKUP_H

#include "engine/flow/flow.h"
#include "engine/flow/source.h"
#include "engine/observe/metrics.h"

// Folders below the state folder, where weir.yaml names no others.
#define WR_LOOKUPS_SHADOWS  "lookups/shadows"
#define WR_LOOKUPS_SECRETS  "lookups/secrets"
#define WR_LOOKUPS_REGISTRY "lookups/registry"

struct wr_lookups;

struct wr_lookups_options {
    uv_loop_t *loop;
    struct wr_metrics *metrics;
    struct wr_sinks *sinks;                  // its lambda sink runs the functions
    const struct wr_sink_impl *const *kinds; // of these sinks: wr_config_kinds()
    bool aws[WR_LOOKUP_KINDS]; // the functions that AWS's services answer, not the local forms
    size_t aws_max;            // calls of one function there at once
    const char *state_dir;
    const char *shadows_dir, *secrets_dir, *registry_dir; // "": the default below state_dir
    int64_t lambda_timeout_ms, timeout_ms;
    int64_t secret_cache_ms; // 0: a secret is read each time
    size_t waiting_max;      // from so many on the source shall stop
    // May be NULL. Called when the pace changes; may be called from inside wr_flow_batch().
    void (*pace)(void *user, enum wr_pace pace);
    void *user;
};

// Give: wr_lookups_stop(), then wr_lookups_free(). Options are copied, what they point to is lent
// until then.
struct wr_lookups *wr_lookups_new(const struct wr_lookups_options *options);

// From the next look-up on: the time-outs, waiting_max and secret_cache_ms of these options.
void wr_lookups_tune(struct wr_lookups *l, const struct wr_lookups_options *options);

// For wr_flow_options.host; as long as `l`.
const struct wr_flow_host *wr_lookups_host(const struct wr_lookups *l);

// What the look-ups of a rule need is made ready: the lambda sink, the AWS client. Before the rule
// is used.
wr_err wr_lookups_require(struct wr_lookups *l, const struct wr_program *program,
                          struct wr_fault *fault) WR_MUST_CHECK;

// A sink's secret, answered as get_secret() answers a rule (sinks/sink.h). For
// wr_sinks_set_secrets().
void wr_lookups_secret(struct wr_lookups *l, struct wr_secret_ask *ask);

size_t wr_lookups_waiting(const struct wr_lookups *l);

// Forget the look-ups under way: none is answered any more; what sinks wait for fails. Before
// wr_flow_stop().
void wr_lookups_stop(struct wr_lookups *l);
// After the sinks are closed. `done`, from the loop, once nothing of it is under way.
void wr_lookups_free(struct wr_lookups *l, void (*done)(void *user), void *user);

#endif
