// Counters: plain numbers of one loop, by rule and kind of action (actions.md 5), kept by name, so
// that they survive a reload. Nothing here is on the message path but the increments. Thread: loop.
//
// The funnel. What comes in is somewhere, and what becomes of it is counted once. These sums hold
// whenever the loop is outside of a message; wr_metrics_audit() checks them, each by the name it
// has here. `now` is no counter but what a look at all that is under way finds
// (wr_flow_take_stock).
//
//   intake    messages = no_rule + rule_not_found + Σ dropped + evaluated + now.in_workers
//   settled   messages + restored = settled + now.live
//   matching  of a rule: topic_match = matched + no_match + Σ failed + unfinished + now.evaluating
//             (no_match: `undefined` of them Undefined, `left_out` either, the others false)
//   results   of a rule: matched + recovered + redriven = delivered + handled + dead + unkept
//                        + damaged + given_back + Σ now.stages + now.waiting + now.fetching
//   failing   of a rule: broken = handled + dead + unkept + broken_back + now.error + now.burying
//   records   of a rule's kind of action: records = success + Σ failures + returned + now.records
//   errors    the same as error action: error_records = error_success + error_failure
//                        + error_returned + now.error_records
//   spool     entries that are not done = Σ of all rules (now.in_spool + now.waiting +
//             now.fetching) + redriving + unread + spool_left
//
// A restart begins all at 0. What the process before left in the spool comes in as `recovered`, and
// what of it an action had taken already does not become a record again; so the sums hold over
// kills, and a message that was acknowledged is in one of the last terms of `results` of some
// process.
#ifndef WR_ENGINE_OBSERVE_METRICS_H
#define WR_ENGINE_OBSERVE_METRICS_H

#include "engine/observe/histogram.h"
#include "sinks/sink.h"
#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"
#include "sql/sql.h"

#include <stdint.h>

// DROP(name, text): why a message was not evaluated.
#define WR_DROP_MAP(DROP)                                                    \
    DROP(PAYLOAD_TOO_LARGE, "payload_too_large")                             \
    DROP(TOPIC_TOO_LONG, "topic_too_long")                                   \
    DROP(TOPIC_TOO_DEEP, "topic_too_deep")                                   \
    DROP(MEMORY, "message_memory")                                           \
    DROP(OVERLOAD, "overload")                                               \
    DROP(THROTTLED, "throttled") /* every rule's tenant is over its quota */ \
    DROP(STOPPING, "stopping")

enum wr_drop {
#define DROP(name, text) WR_DROP_##name,
    WR_DROP_MAP(DROP)
#undef DROP
        WR_DROP_COUNT
};
const char *wr_drop_text(enum wr_drop reason);

// FAILURE(name, text): why a record failed finally.
#define WR_FAILURE_MAP(FAILURE)                                                                \
    FAILURE(REFUSED, "refused")       /* the sink: never */                                    \
    FAILURE(EXPIRED, "expired")       /* the tries came to their end */                        \
    FAILURE(TEMPLATE, "template")     /* a parameter could not be made */                      \
    FAILURE(NO_SINK, "no_sink")       /* this weir does not know or has not opened the sink */ \
    FAILURE(QUEUE_FULL, "queue_full") /* its sink, or its broker's share of the spool, was full */

enum wr_failed_of {
#define FAILURE(name, text) WR_FAILURE_##name,
    WR_FAILURE_MAP(FAILURE)
#undef FAILURE
        WR_FAILURE_COUNT
};
const char *wr_http_met_text(enum wr_http_met met);
const char *wr_failure_text(enum wr_failed_of why);

// One rule, one kind of action. A record is one result for one action; it is counted when it is
// first handed to its sink, or has failed before.
struct wr_action_counters {
    const char *kind; // "s3"
    uint64_t records; // of results of this rule
    uint64_t success;
    uint64_t failures[WR_FAILURE_COUNT];
    uint64_t returned; // given back at the stop: the next process delivers them
    uint64_t retries;
    uint64_t met[WR_HTTP_MET_COUNT]; // tries of it that came to that, error actions included
    // As the rule's error action: one record for each result of which an action failed.
    uint64_t error_records, error_success, error_failure, error_returned;
    struct {
        uint64_t records, error_records; // handed to the sink, or waiting for another try
    } now;
    struct wr_action_counters *next;
};

// Look-ups of one kind. Every one that was made ends as answered, failed or timed out.
struct wr_lookup_counters {
    uint64_t made, failed, timed_out;
    uint64_t waiting; // now
};

// Where a result is on its way. STAGE(name, text)
#define WR_STAGE_MAP(STAGE)                                                               \
    STAGE(TEMPLATES, "templates")   /* parameters are made; or behind others in a lane */ \
    STAGE(SPOOLING, "spooling")     /* given to the spool, not durable yet */             \
    STAGE(DELIVERING, "delivering") /* the actions have it */                             \
    STAGE(ERROR, "error_action")    /* the error action has it */                         \
    STAGE(BURYING, "burying")       /* given to the dead letters, not durable yet */

enum wr_stage {
#define STAGE(name, text) WR_STAGE_##name,
    WR_STAGE_MAP(STAGE)
#undef STAGE
        WR_STAGE_COUNT
};
const char *wr_stage_text(enum wr_stage stage);

// Which term of WHERE decided, for one rule while somebody wants to know (wr_flow_count_terms).
struct wr_term_counters {
    void *rule; // whose terms they are: the flow's
    size_t count;
    struct {
        char *text; // as written
        uint64_t no, undefined;
    } at[];
};

struct wr_rule_counters {
    // Matching: of messages. What each evaluation looks at comes first.
    uint64_t topic_match;           // the rule was tried on a message
    uint64_t not_json;              // of those tried, whatever came of it: ParseError
    uint64_t matched;               // WHERE was true, and there is a result: RulesExecuted
    uint64_t no_match;              // WHERE was not true
    uint64_t undefined;             // of these: Undefined
    uint64_t regex_limits;          // matches of regular expressions that ended at a limit
    struct wr_term_counters *terms; // NULL: nobody wants to know
    uint8_t traces; // how many want to see what it does with messages (flow/trace.h)
    bool may_loop;  // its republish may feed it, by the rules that there are now
    const char *name;
    uint64_t left_out;             // of no_match: the index knew, so nobody looked for `undefined`
    uint64_t failed[WR_WHY_COUNT]; // evaluations of the statement
    uint64_t unfinished;           // waited for a look-up at the stop: the broker keeps them
    uint64_t templates_failed[WR_WHY_COUNT]; // the record fails then
    // Results: one rule on one message.
    uint64_t recovered;   // found in the spool at the start
    uint64_t redriven;    // dead letters that came back
    uint64_t delivered;   // every action has taken it
    uint64_t broken;      // every action is settled, and some failed finally
    uint64_t handled;     // broken, and the error action has taken it
    uint64_t dead;        // broken, and durable in the dead-letter store
    uint64_t unkept;      // broken, and there is no such store
    uint64_t damaged;     // in the spool, and could not be read again
    uint64_t given_back;  // at the stop: the spool or the broker keeps it
    uint64_t broken_back; // of these: broken
    uint64_t waiting;     // in the spool, not in memory; always up to date
    struct {
        uint64_t evaluating;
        uint32_t stages[WR_STAGE_COUNT];
        uint32_t fetching; // on their way from the spool
        uint32_t in_spool; // of stages: those with an entry
    } now;
    uint64_t samples, sampled_ns; // evaluations that were timed, and how long they took together
    void *backlog;                // the flow's
    struct wr_action_counters *actions;
    struct wr_rule_counters *next;
    struct wr_rule_counters *same_bucket_;
};

// From the receipt of a message until a result of it … LATENCY(name, text)
#define WR_LATENCY_MAP(LATENCY)                                        \
    LATENCY(EVALUATED, "evaluated") /* is there, its parameters too */ \
    LATENCY(DURABLE, "durable")     /* is in the spool, on disk */     \
    LATENCY(SETTLED, "settled")     /* is delivered, or a dead letter */

enum wr_latency {
#define LATENCY(name, text) WR_LATENCY_##name,
    WR_LATENCY_MAP(LATENCY)
#undef LATENCY
        WR_LATENCY_COUNT
};
const char *wr_latency_text(enum wr_latency what);

struct wr_metrics {
    struct wr_histogram latency[WR_LATENCY_COUNT];
    uint64_t messages;       // handed over by sources
    uint64_t no_rule;        // no enabled rule has the topic
    uint64_t rule_not_found; // Basic Ingest to an unknown or disabled rule
    uint64_t evaluated;      // read for at least one rule
    uint64_t dropped[WR_DROP_COUNT];
    uint64_t restored; // made again from the spool
    uint64_t settled;
    uint64_t records;                  // submitted to sinks, repeats not counted
    uint64_t suspended;                // evaluations that waited for a look-up
    uint64_t recognised;               // runs of messages that the spool had already (twice.h)
    uint64_t spool_unreadable;         // entries found at the start that are none
    uint64_t spool_left;               // entries that could not be read and stay for the next start
    uint64_t cache_hits, cache_misses; // topic cache
    uint64_t samples, sampled_ns;      // messages that were timed, reading and all rules
    uint64_t reloads, refused_documents;
    struct {
        uint64_t live;              // messages
        uint64_t in_workers;        // of these: not evaluated yet, or not taken up
        uint64_t workers;           // threads
        uint64_t redriving, unread; // entries: see `spool` above
        bool has_spool;
        uint64_t pending; // what the spool itself says
    } now;
    struct wr_lookup_counters lookups[WR_LOOKUP_KINDS];
    struct wr_rule_counters *rules;
    struct wr_rule_counters *last_rule_, **buckets_; // by name; a power of two
    size_t rule_count_, bucket_count_;
};

struct wr_metrics *wr_metrics_new(void);
void wr_metrics_free(struct wr_metrics *m);

// The counters of a rule and of one of its kinds of action, made when they are new; live as long as
// `m`.
struct wr_rule_counters *wr_metrics_rule(struct wr_metrics *m, wr_str name);
struct wr_action_counters *wr_metrics_action(struct wr_rule_counters *r, const char *kind);

// Counts no terms any more.
void wr_metrics_forget_terms(struct wr_rule_counters *r);

// All failures of an action; all evaluations of a rule that failed.
uint64_t wr_action_failures(const struct wr_action_counters *a);
uint64_t wr_rule_failures(const struct wr_rule_counters *r);

// Do all sums of the funnel hold? `now` is fresh. WR_ERR_STATE: a bug; the fault names the sum, the
// rule and both sides.
wr_err wr_metrics_audit(const struct wr_metrics *m, struct wr_fault *fault) WR_MUST_CHECK;

// Appends the totals as one JSON object without its closing brace, so that the caller can add
// members.
void wr_metrics_write(const struct wr_metrics *m, struct wr_buf *out);
// Appends one rule as `"name":{…}`, with a comma before it unless it is the first in its object.
// Brief: for the log, whose lines have a limit: what is 0 is left out.
void wr_metrics_write_rule(const struct wr_rule_counters *r, bool brief, struct wr_buf *out);
// Appends `,"terms":[…]`; null when none are counted.
void wr_metrics_write_terms(const struct wr_rule_counters *r, struct wr_buf *out);
// Appends `,"rules":{…}`.
void wr_metrics_write_rules(const struct wr_metrics *m, struct wr_buf *out);

#endif
