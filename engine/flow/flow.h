// From a batch of messages to settled records: topic, rules, evaluation, templates, actions,
// retries, error action, acknowledgement. Knows no MQTT and no particular sink. Thread: loop.
//
// Order: the records of one rule on one topic are submitted in the order of their messages,
// look-ups that wait included; a record that is retried may be overtaken.
#ifndef WR_ENGINE_FLOW_FLOW_H
#define WR_ENGINE_FLOW_FLOW_H

#include "engine/flow/circuit.h"
#include "engine/flow/dead.h"
#include "engine/flow/ring.h"
#include "engine/flow/sinks.h"
#include "engine/flow/source.h"
#include "engine/flow/twice.h"
#include "engine/rules/rule_set.h"

#include <uv.h>

// Messages alive at once, beyond which those of QoS 0 are dropped (and counted: "overload"):
// nothing else holds a sender of QoS 0 back. At 8 KiB and more a message this is 128 MiB.
#define WR_FLOW_LIVE_MAX 16384

// One loop has no work for more of them, and what they have stays well below WR_FLOW_LIVE_MAX.
#define WR_FLOW_WORKERS_MAX     16
#define WR_FLOW_WORKER_MESSAGES 512 // that one has at once

struct wr_flow;

// Who answers look-ups (sql.md 11.6). It sets lookup->answered inside `lookup`, or later and then
// calls wr_flow_answered(). After wr_flow_stop() it must not touch a look-up again.
struct wr_flow_host {
    void *user;
    void (*lookup)(void *user, struct wr_flow *flow, struct wr_lookup *lookup);
};

struct wr_flow_options {
    uv_loop_t *loop;
    struct wr_metrics *metrics;
    struct wr_sinks *sinks;
    const struct wr_sql_host
        *sql; // account, random, zones, objects; its `lookup` is not used. NULL: the defaults
    const struct wr_flow_host *host; // NULL: look-ups fail, "not available"
    size_t payload_max;
    bool aws_limits;              // topics too (sql.md 14)
    bool undefined_fails;         // templates.undefined: fail
    struct wr_retry_policy retry; // of kinds that weir.yaml does not tell another (sinks.h)
    // `ack: durable`: what actions get is kept here first. The spool's `durable` event calls
    // wr_flow_durable(). NULL: kept in memory only, and acknowledged when it is settled.
    struct wr_spool *spool;
    uint64_t spool_max;           // bytes, of which brokers have shares
    bool spool_is_old;            // it only gives what is in it: new messages do not go through it
    struct wr_message_pool *pool; // with spool: for what comes back from it
    size_t in_flight_max;         // with spool: durable runs of one rule in memory
    uint32_t sample_every; // every so many messages one is timed (metrics.h, sampled_ns); 0: none
    struct wr_ring *ring;  // gets a copy of every message; NULL: none (ring.h)
    struct wr_dead *dead;  // for what no action took; NULL: it is said, counted and gone
    // Threads that evaluate (workers.h), at most WR_FLOW_WORKERS_MAX; 0: the loop does. With any,
    // `random`, `zone` and `object` of `sql` are called from them too.
    size_t workers;
};

// Give: wr_flow_free() it, after wr_flow_stop(). Options are copied, what they point to is lent
// until then.
struct wr_flow *wr_flow_new(const struct wr_flow_options *options);

// From the next message on: payload_max, aws_limits, undefined_fails, retry and in_flight_max of
// these options; the others stay.
void wr_flow_tune(struct wr_flow *f, const struct wr_flow_options *options);

// Use these rules from the next message on; messages under way keep theirs. Locks `set`.
// Again with the same set after edits: there may be many more filters.
void wr_flow_set_rules(struct wr_flow *f, struct wr_rule_set *set);
// A rule that is about to come into that set by an edit.
void wr_flow_adopt(struct wr_flow *f, struct wr_rule *rule);
struct wr_rule_set *wr_flow_rules(const struct wr_flow *f); // borrowed; NULL before the first

// wr_source_events.batch, with the flow as `user`.
void wr_flow_batch(void *flow, struct wr_source *source, struct wr_message *messages,
                   size_t count) WR_HOT;

// Wait until workers have evaluated everything that came in, and what came of it is under way.
void wr_flow_drain(struct wr_flow *f);

// The look-up's answer is there: goes on with the evaluation that waits for it.
void wr_flow_answered(struct wr_flow *f, struct wr_lookup *lookup);

// wr_spool_events.durable, with the flow as `user`.
void wr_flow_durable(void *flow, uint64_t seq);

// Messages of the source that has this session may be second deliveries of what the spool has. Lent
// until wr_flow_stop(); before wr_flow_recover().
void wr_flow_set_twice(struct wr_flow *f, struct wr_twice *twice);

// With a spool: take up what a former process left there. `done` (once, from the loop) when every
// entry is under way or in the backlog of its rule; a source should start after it, so that what is
// new comes behind. The rules must be set.
void wr_flow_recover(struct wr_flow *f, void (*done)(void *user), void *user);

// A dead letter is to be delivered again, under its old delivery id: what was delivered then is
// left out. With a spool. `e` is borrowed. `kept`, once, when it is durable in the spool: then the
// letter is done. Not if the flow is stopped before.
void wr_flow_redrive(struct wr_flow *f, const struct wr_entry *e, void (*kept)(void *user),
                     void *user);

// Bring `now` of the metrics up to date: a look at everything under way. Outside of a message.
void wr_flow_take_stock(const struct wr_flow *f);
// That, and wr_metrics_audit().
wr_err wr_flow_audit(const struct wr_flow *f, struct wr_fault *fault) WR_MUST_CHECK;

// Count from now on, from 0, which term of the rule's WHERE decided (wr_rule_counters.terms), or no
// more. False: there is no such rule. Costs a look at the program for each message without a match.
bool wr_flow_count_terms(struct wr_flow *f, wr_str rule, bool on);

// Bytes in the spool that wait for broker number `broker` of brokers.*.
uint64_t wr_flow_spooled(const struct wr_flow *f, size_t broker);

// The destinations that failed, with the state of each: as wr_circuits_next().
bool wr_flow_circuits(const struct wr_flow *f, size_t *at, struct wr_circuit_state *out);
size_t wr_flow_circuits_open(const struct wr_flow *f); // not closed

// The last entry in the spool that belongs to a message whose source was told that it may
// acknowledge it; 0: none yet.
uint64_t wr_flow_acknowledged(const struct wr_flow *f);

size_t wr_flow_workers(const struct wr_flow *f); // threads that evaluate

// Messages that are not settled yet.
size_t wr_flow_live(const struct wr_flow *f);

// Forget what is under way: evaluations and retries that wait end at once, records that sinks still
// hold end when they are settled, with no error action. The source must have ended, so that none of
// these messages is acknowledged: the broker delivers them again.
void wr_flow_stop(struct wr_flow *f);
// After every sink, the dead-letter store and then the spool are closed. `done` when the flow's
// timer is closed; the flow is freed by then.
void wr_flow_free(struct wr_flow *f, void (*done)(void *user), void *user);

#endif
