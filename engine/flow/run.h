// One rule on one message: evaluation, templates, records, error action. Lives in the message's
// arena. Private to engine/flow. Thread: loop; up to READY a worker may have it (workers.h).
//
//   STATEMENT ─► TEMPLATES ─► READY ─► KEPT ─► SUBMITTED ─► ERROR_TEMPLATES ─► ERROR_SUBMITTED ─►
//   end
//       │ no match, failed      │ lane    │ in the    │ all delivered                 │ failed
//       ▼                       ▼         ▼ spool     ▼                               ▼
//      end               earlier first  durable.h    end                            BURIED ─► end
#ifndef WR_ENGINE_FLOW_RUN_H
#define WR_ENGINE_FLOW_RUN_H

#include "engine/flow/dead.h"
#include "engine/flow/entry.h"
#include "engine/flow/flow.h"
#include "engine/flow/lane.h"
#include "engine/flow/retry.h"
#include "engine/flow/trace.h"
#include "engine/flow/twice.h"
#include "engine/loop/backoff.h"
#include "engine/rules/topic_cache.h"

enum wr_run_stage {
    WR_RUN_STATEMENT,
    WR_RUN_TEMPLATES,
    WR_RUN_SECRETS_STATEMENT, // of a restored run: variables for templates that ask for secrets
    WR_RUN_SECRETS,           // of a restored run: those templates
    WR_RUN_READY,
    WR_RUN_KEPT, // given to the spool
    WR_RUN_SUBMITTED,
    WR_RUN_ERROR_STATEMENT, // of a restored run: variables for the error action's templates
    WR_RUN_ERROR_TEMPLATES,
    WR_RUN_ERROR_SUBMITTED,
    WR_RUN_ERROR_TOGETHER, // waits for its batch, or for the error action of its batch's first run
    WR_RUN_BURIED,         // given to the dead-letter store
    WR_RUN_ENDED,          // in a lane still, behind others
};

// What a sink gets, and what the engine needs to know of it.
struct wr_engine_record {
    struct wr_record rec; // first: the sink's pointer is ours
    struct wr_run *run;
    const struct wr_rule_action *action;
    struct wr_param *params;    // own copy when the action has templates
    bool lent;                  // the sink has it
    bool loaded;                // counted for its kind of sink
    bool failed;                // finally
    bool delivered;             // nothing is left to do
    enum wr_dead_reason reason; // failed: what the dead-letter store calls it
    wr_str resource, message;   // failed: for the error document
    int64_t first_try_ms;       // of uv_now()
    uint64_t batch;             // failed: wr_why.batch
    bool probe;                 // its answer decides about a circuit
    uint64_t
        missing; // restored: parameters that were not kept, a bit each, to be had from `source`
    const struct wr_rule_action *source; // the action as its rule has it now, or NULL
    struct wr_param *fresh;              // a table of it, while templates are evaluated
    struct wr_retry_entry retry;
    struct wr_circuit_waiter waiter;
};

struct wr_run {
    struct wr_eval eval; // first: a look-up's eval is the run
    struct wr_flow *flow;
    struct wr_message *message;
    struct wr_rule *rule;
    struct wr_rule_set *rule_set;
    struct wr_rule_group *group;
    struct wr_rule *now; // restored: its rule as it was when it was restored, or NULL
    enum wr_run_stage stage;
    bool retained;        // holds locks and is in the flow's list
    bool holds_ack;       // the message may not be acknowledged because of it
    bool restored;        // from the spool: not evaluated here
    bool abandoned;       // the flow was stopped before it was finished
    bool has_id;          // `id` is set
    bool document_failed; // the error document did not fit
    bool away;            // a worker has it (workers.h)
    uint8_t traced;       // who follows it: bits of wr_trace_event.who
    struct wr_delivery_id id;
    uint64_t seq;                 // of its entry in the spool; 0: none
    size_t entry_bytes;           // of it
    size_t spool_share;           // the broker's share that it takes from, 0: none
    struct wr_backlog *backlog;   // counted there; NULL: not
    bool expanding;               // the template at the cursor has been started
    uint32_t action, template_at; // cursor of TEMPLATES and ERROR_TEMPLATES
    uint32_t outstanding;         // records not settled, one more while they are submitted
    uint32_t failed;
    wr_str body;
    bool body_json;
    wr_value result;
    struct wr_engine_record *records;      // one an action
    struct wr_engine_record *error_record; // NULL until there is one
    struct wr_together *together;          // its batch failed, and is waited for
    struct wr_run *together_next;          // of it; of a leader: the others
    struct wr_run *leader;                 // whose error action is ours too; NULL
    struct wr_lane *lane;                  // NULL: none waits before us
    struct wr_run *lane_next;
    struct wr_run *live_next, *live_before; // of the flow
};

// What one share (sinks.h) has of durable runs.
struct wr_sink_load {
    size_t records;
    size_t bytes;     // of their entries
    uint64_t spooled; // bytes of entries in the spool, a broker's share only
};

struct wr_account_host {
    struct wr_account_host *next;
    struct wr_sql_host sql;
};

struct wr_flow {
    struct wr_flow_options options;
    struct wr_sql_host sql;        // what evaluations see: its user is the flow
    struct wr_account_host *hosts; // the same for rules of other accounts
    struct wr_sql_host outer;      // what the caller gave
    struct wr_rule_set *rules;
    struct wr_topic_cache *topics;
    size_t topic_sets;
    bool far;                      // so many rules that looking ahead pays
    bool counts_terms;             // of some rule (wr_flow_count_terms)
    const struct wr_flow_tap *tap; // NULL: no rule is traced
    struct wr_retry retry;
    struct wr_circuits circuits;
    struct wr_twice *twice; // or NULL
    struct wr_lanes lanes;
    struct wr_jitter jitter;
    uint64_t trace_seed[2];          // of the next message; of this process
    struct wr_run *live;             // runs that are retained
    struct wr_together *together;    // batches that failed and are waited for
    struct wr_run *kept, *kept_last; // by lane_next: waiting to be durable
    struct wr_backlog *backlogs;
    struct wr_recovery *recovery; // under way, or NULL
    struct redriven *redriven;    // recover.c's
    uint64_t unread;              // entries from before that were not looked at yet
    size_t fetching;              // entries that are being read
    size_t fetching_bytes;
    size_t durable_live;        // runs that backlogs count
    size_t durable_bytes;       // of their entries
    struct wr_sink_load *loads; // by share
    struct wr_workers *workers; // NULL: the loop evaluates
    size_t live_messages;
    uint64_t acknowledged; // the last entry of a message that its source may acknowledge
    // Latencies. What a batch comes to at once is counted, and timed together when the batch is
    // through: two looks at the clock for all of it.
    int64_t batch_us; // of wr_mono: the batch in hand; 0: none
    uint64_t batch_counts[WR_LATENCY_COUNT];
    int64_t clock_us;      // the clock for what is in hand; 0: it must be read
    uint64_t quota_turn;   // messages that quotas were asked about
    uint32_t until_sample; // messages, the one to be timed included; 0: none is
    bool stopped;
    void (*done)(void *user);
    void *done_user;
};

// ---- run.c

// Evaluate rule `index` of the group. `*spare` is a run of this message that can be used again, or
// NULL; on return likewise. The caller holds the message, the set and the group.
void wr_run_start(struct wr_flow *f, struct wr_message *m, struct wr_rule_set *set,
                  struct wr_rule_group *group, size_t index, struct wr_run **spare) WR_HOT;
// Its parts. A run with nothing of a rule in it; NULL: the message's memory is used up.
struct wr_run *wr_run_new(struct wr_flow *f, struct wr_message *m, struct wr_rule_set *set,
                          struct wr_rule_group *group) WR_MUST_CHECK;
// It is about this rule from now on. Its evaluation is not started.
void wr_run_begin(struct wr_run *r, struct wr_rule *rule);
// WHERE was true: the result, its bytes, and room for the records.
enum wr_run_made { WR_RUN_MADE, WR_RUN_NO_OUTPUT, WR_RUN_NO_RECORDS };
enum wr_run_made wr_run_make_result(struct wr_run *r) WR_MUST_CHECK;
// A worker has evaluated it: matched, failed, or suspended at a look-up that nobody was asked. Go
// on from there.
void wr_run_adopt(struct wr_run *r);
// Count what an evaluation that has ended met: limits of regular expressions, and why it failed, in
// `failed`.
void wr_run_count(struct wr_run *r, uint64_t failed[WR_WHY_COUNT]);
// Go on after a look-up was answered.
void wr_run_advance(struct wr_run *r);
// Take locks, unless it has them: it outlives the call that started it.
void wr_run_retain(struct wr_run *r);
// Give up locks; the run's memory may be gone afterwards. For a run that is finished see
// wr_run_complete() in durable.h.
void wr_run_end(struct wr_run *r);
// The same for a run that is not finished, at the stop: whoever keeps it delivers it again.
void wr_run_give_back(struct wr_run *r);
// The same while its error action was under way.
void wr_run_give_back_error(struct wr_run *r);
// The message may be acknowledged as far as this run is concerned.
void wr_run_release_ack(struct wr_run *r);
// A result of the message has come so far.
void wr_flow_reached(struct wr_flow *f, enum wr_latency what, const struct wr_message *m);
// Drops one holder of the message that the flow counts.
void wr_flow_release(struct wr_flow *f, struct wr_message *m);
// wr_message_unhold(), and a note of what may be acknowledged now.
void wr_flow_unhold(struct wr_flow *f, struct wr_message *m);

// ---- stock.c

// WHERE was not true, and somebody wants to know which term it was.
void wr_flow_count_term(struct wr_run *r);
void wr_flow_forget_terms(struct wr_flow *f);

// ---- trace.c: to the tap, for rules that are traced

// What the statement came to. `text`: why it failed.
void wr_trace_run(struct wr_run *r, enum wr_trace_what what, wr_str text);
// What became of a record. `text`: in the sink's words; `reason`: a word, or NULL.
void wr_trace_record(const struct wr_engine_record *er, enum wr_trace_what what, wr_str text,
                     const char *reason);
void wr_trace_buried(const struct wr_run *r, const char *reason);
void wr_trace_dropped(struct wr_flow *f, const struct wr_message *m,
                      const struct wr_rule_group *group, enum wr_drop why);
// A rule of the group is traced: the index must not hide messages from it.
bool wr_trace_has(const struct wr_flow *f, const struct wr_rule_group *group);

// ---- template expansion (expand.c)

// Fill record `er` from its action's parameters; false when a look-up is under way (call again). A
// template that fails sets er->failed. The cursor is run->template_at and ->expanding, 0 and false
// at the start.
bool wr_expand(struct wr_run *r, struct wr_engine_record *er) WR_MUST_CHECK;
// The same for a restored record: of the templates of er->source only those of er->missing, into
// `params`, a table of that action's.
bool wr_expand_missing(struct wr_run *r, struct wr_engine_record *er,
                       struct wr_param *params) WR_MUST_CHECK;

// ---- record.c

// A record of the run for `action`, without parameters.
void wr_engine_record_init(struct wr_engine_record *er, struct wr_run *r,
                           const struct wr_rule_action *action);
// The same in two steps, of which the first may be a worker's.
void wr_engine_record_fill(struct wr_engine_record *er, struct wr_run *r,
                           const struct wr_rule_action *action);
void wr_engine_record_place(struct wr_engine_record *er);
// Mark as failed with texts that live as long as the message.
void wr_engine_record_fail(struct wr_engine_record *er, wr_str resource, wr_str message);
// The share (sinks.h) that the record takes from.
size_t wr_engine_record_share(const struct wr_engine_record *er);
// Hand the record to its sink, again when it is retried.
void wr_engine_record_submit(struct wr_engine_record *er);
// The first submit; a record that failed before it is counted and finished instead.
void wr_engine_record_start(struct wr_engine_record *er);
// It waits for its next try, or for its destination: no more.
bool wr_engine_record_unwait(struct wr_engine_record *er);
// wr_circuits events
void wr_engine_record_go(struct wr_circuit_waiter *w, bool probe);
void wr_engine_record_expired(struct wr_circuit_waiter *w, const struct wr_circuit_state *state);
// Start every record of the run.
void wr_run_submit(struct wr_run *r);

// ---- together.c

// The record has failed with that batch. Before its run is told.
void wr_together_join(struct wr_engine_record *er, uint64_t batch);
// All actions of the run, which has joined, are settled. Its error action may begin inside.
void wr_together_settled(struct wr_run *r);
// That was the batch's last record.
void wr_together_close(struct wr_flow *f, const struct wr_sink_impl *impl, uint64_t batch);
// The document of all does not fit: all but the leader begin error actions of their own.
void wr_together_split(struct wr_run *leader);
// The leader's error action has ended: each of the others ends by `end`, which may free it, or
// forget its leader.
void wr_together_end(struct wr_run *leader, void (*end)(struct wr_run *r));
// weir is stopping. False: a sink has the error action's record, and the run ends with that.
bool wr_together_abandon(struct wr_run *r);
void wr_together_free(struct wr_flow *f);

// ---- secrets.c: what the spool does not keep of a restored run

// `now`: the rule as it is, or NULL. Constants are taken, records whose secrets are nowhere fail.
// True: templates are to be evaluated, by wr_secrets_advance() from WR_RUN_SECRETS_STATEMENT on.
bool wr_secrets_restore(struct wr_run *r, const struct wr_rule *now) WR_MUST_CHECK;
// False: a look-up is under way (call again).
bool wr_secrets_advance(struct wr_run *r) WR_MUST_CHECK;

// ---- error_action.c

// Evaluate the statement of a run that was not evaluated here, since templates may read its
// variables; whatever it comes to, the result is the one that was kept. r->expanding is false at
// the start. False: a look-up is under way (call again).
bool wr_run_statement_again(struct wr_run *r) WR_MUST_CHECK;

// All actions are settled and some failed: make the document and the record, from the rule's error
// action.
void wr_error_action_begin(struct wr_run *r);
// Go on with what it waited for: its statement, its templates; then submit it.
void wr_error_action_advance(struct wr_run *r);

#endif
