// The open sinks of this instance: one of a kind, opened when the first rule needs it. And the
// clients that they share: AWS (the section aws of weir.yaml) and HTTP, opened when the first sink
// asks; in mode record each sink has its own, which sends nothing.
// Thread: loop.
#ifndef WR_ENGINE_FLOW_SINKS_H
#define WR_ENGINE_FLOW_SINKS_H

#include "engine/config.h"
#include "engine/flow/retry.h"
#include "sinks/sink.h"

struct wr_sinks;

struct wr_sinks_options {
    uv_loop_t *loop;
    const struct wr_config *config;          // NULL in tests: sinks see no settings, no clients
    const struct wr_sink_impl *const *kinds; // NULL-terminated
    const char *state_dir;
    // NULL where there is no broker.
    void (*publish)(void *user, const struct wr_publish *p);
    void *publish_user;
    bool (*confirmed)(void *user, wr_str rule,
                      wr_str url); // sink.h; the user of publish. NULL: all
    bool (*destination)(void *user, wr_str rule, wr_str arn,
                        struct wr_sink_destination *out); // likewise. NULL: none
    // Which broker gets what a rule publishes: 0 the source's, i + 1 brokers[i]. NULL:
    // wr_config_route().
    size_t (*route)(void *user, wr_str rule, bool error_action);
    bool hops_lost, reads_kafka, aws_limits; // as in struct wr_sink_host
};

// Give: wr_sinks_free() it once all are closed.
struct wr_sinks *wr_sinks_new(const struct wr_sinks_options *options);
void wr_sinks_free(struct wr_sinks *s);

// Who reads secrets for them, before the first is opened. NULL, as at first: nobody.
void wr_sinks_set_secrets(struct wr_sinks *s, void (*read)(void *user, struct wr_secret_ask *ask),
                          void *user);

// The list it was made with.
const struct wr_sink_impl *const *wr_sinks_kinds(const struct wr_sinks *s);

size_t wr_sinks_count(const struct wr_sinks *s); // its length, at most 64

// Open the sink of kind number `kind` unless it is open already. What the configuration has wrong
// is a fault. A disk, a lock or a permission that is in the way is not: it is said, the sink
// answers RETRY, and is opened when a later record finds that it can be.
wr_err wr_sinks_require(struct wr_sinks *s, size_t kind, struct wr_fault *fault) WR_MUST_CHECK;
// The open sink; NULL when it was never required.
struct wr_sink *wr_sinks_at(const struct wr_sinks *s, size_t kind);
// The same, and it could be opened; else NULL. For who uses it otherwise than by its records.
struct wr_sink *wr_sinks_opened(const struct wr_sinks *s, size_t kind);

// How records of this kind are tried: what weir.yaml says of it (sinks.<kind>.retry.*), else as
// `general` does. The kind is open.
struct wr_retry_policy wr_sinks_retry(const struct wr_sinks *s, size_t kind,
                                      const struct wr_retry_policy *general);
// How many records of this kind, and how many bytes of entries they belong to, may be in memory
// while others wait in the spool (sinks.<kind>.in_flight, .memory).
// The same of a share (below).
size_t wr_sinks_in_flight(const struct wr_sinks *s, size_t share);
size_t wr_sinks_memory(const struct wr_sinks *s, size_t share);
// queue_full: fail (actions.md 4.0): the newest records fail then, instead of waiting in the spool.
bool wr_sinks_fails_when_full(const struct wr_sinks *s, size_t share);

// What fails and fills up together has a share of its own: a kind of sink (its number), and behind
// them each broker of brokers.*, which takes no room from the kind. At most 64 in all.
size_t wr_sinks_shares(const struct wr_sinks *s);
size_t wr_sinks_share(const struct wr_sinks *s, size_t kind, wr_str rule, bool error_action);
// By the name of the kind, as the spool has it; 0 for one that is not known.
size_t wr_sinks_share_named(const struct wr_sinks *s, wr_str kind, wr_str rule);
// The broker whose share it is, in brokers.*; NULL: the share is a kind's.
const struct wr_config_broker *wr_sinks_broker(const struct wr_sinks *s, size_t share);

// The shared AWS client, for look-ups; NULL with a fault. Good until wr_sinks_close().
struct wr_aws *wr_sinks_aws(struct wr_sinks *s, struct wr_fault *fault);
// What can be known of the section aws without asking anybody: files, endpoints, roles.
wr_err wr_sinks_check_aws(const struct wr_config *c, struct wr_fault *fault) WR_MUST_CHECK;
// The client if it is open; NULL.
const struct wr_aws *wr_sinks_aws_opened(const struct wr_sinks *s);
// `,"aws":[{…}]`: the state of each set of credentials; nothing without a client.
void wr_sinks_write_aws(const struct wr_sinks *s, struct wr_buf *out);

// weir is stopping: sinks shall not wait for more records (sink.h).
void wr_sinks_drain(struct wr_sinks *s);

// Close all sinks, then the clients; then `done`, once, also when none is open.
void wr_sinks_close(struct wr_sinks *s, void (*done)(void *user), void *user);

#endif
