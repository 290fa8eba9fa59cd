// Counters: plain numbers of one loop, by rule and kind of action (actions.md 5), kept by name, so
// that they survive a reload. Nothing here is on the message path but the increments. Thread: loop.
#ifndef WR_ENGINE_OBSERVE_METRICS_H
#define WR_ENGINE_OBSERVE_METRICS_H

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"
#include "sql/sql.h"

#include <stdint.h>

// DROP(name, text): why a message was not evaluated.
#define WR_DROP_MAP(DROP)                        \
    DROP(PAYLOAD_TOO_LARGE, "payload_too_large") \
    DROP(TOPIC_TOO_LONG, "topic_too_long")       \
    DROP(TOPIC_TOO_DEEP, "topic_too_deep")       \
    DROP(MEMORY, "message_memory")               \
    DROP(OVERLOAD, "overload")

enum wr_drop {
#define DROP(name, text) WR_DROP_##name,
    WR_DROP_MAP(DROP)
#undef DROP
        WR_DROP_COUNT
};
const char *wr_drop_text(enum wr_drop reason);

// One rule, one kind of action.
struct wr_action_counters {
    const char *kind; // "s3"
    uint64_t success, failure, retries;
    uint64_t error_success, error_failure; // as the rule's error action
    struct wr_action_counters *next;
};

// Look-ups of one kind. Every one that was made ends as answered, failed or timed out.
struct wr_lookup_counters {
    uint64_t made, failed, timed_out;
    uint64_t waiting; // now
};

struct wr_rule_counters {
    const char *name;
    uint64_t topic_match; // the rule was tried on a message
    uint64_t matched;     // WHERE was true: RulesExecuted
    uint64_t no_match;
    uint64_t not_json;             // the payload was not JSON: ParseError
    uint64_t failed[WR_WHY_COUNT]; // evaluations, of templates too, by their reason
    uint64_t regex_limits;         // matches of regular expressions that ended at a limit
    uint64_t dead;                 // to the dead-letter store
    bool may_loop;                 // its republish may feed it, by the rules that there are now
    uint64_t damaged;              // entries of the spool that could not be read again
    uint64_t waiting;              // entries in the spool, not in memory; now
    uint64_t samples, sampled_ns;  // evaluations that were timed, and how long they took together
    void *backlog;                 // the flow's
    struct wr_action_counters *actions;
    struct wr_rule_counters *next;
};

struct wr_metrics {
    uint64_t messages;       // handed over by sources
    uint64_t no_rule;        // no enabled rule has the topic
    uint64_t rule_not_found; // Basic Ingest to an unknown or disabled rule
    uint64_t evaluated;      // read for at least one rule
    uint64_t settled;
    uint64_t records;                  // submitted to sinks, repeats not counted
    uint64_t suspended;                // evaluations that waited for a look-up
    uint64_t recognised;               // runs of messages that the spool had already (twice.h)
    uint64_t spool_unreadable;         // entries found at the start that are none
    uint64_t cache_hits, cache_misses; // topic cache
    uint64_t samples, sampled_ns;      // messages that were timed, reading and all rules
    uint64_t reloads, refused_documents;
    uint64_t dropped[WR_DROP_COUNT];
    struct wr_lookup_counters lookups[WR_LOOKUP_KINDS];
    struct wr_rule_counters *rules;
};

struct wr_metrics *wr_metrics_new(void);
void wr_metrics_free(struct wr_metrics *m);

// The counters of a rule and of one of its kinds of action, made when they are new; live as long as
// `m`.
struct wr_rule_counters *wr_metrics_rule(struct wr_metrics *m, wr_str name);
struct wr_action_counters *wr_metrics_action(struct wr_rule_counters *r, const char *kind);

// Appends the totals as one JSON object without its closing brace, so that the caller can add
// members.
void wr_metrics_write(const struct wr_metrics *m, struct wr_buf *out);
// Appends one rule as `"name":{…}`.
void wr_metrics_write_rule(const struct wr_rule_counters *r, struct wr_buf *out);
// Appends `,"rules":{…}`.
void wr_metrics_write_rules(const struct wr_metrics *m, struct wr_buf *out);

#endif
