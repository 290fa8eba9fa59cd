// What traced rules do with messages, told to one tap as it happens. Costs nothing that can be
// measured while no rule is traced: a byte beside the counters that are written anyway.
// Thread: loop.
#ifndef WR_ENGINE_FLOW_TRACE_H
#define WR_ENGINE_FLOW_TRACE_H

#include "engine/flow/message.h"
#include "engine/observe/metrics.h"

struct wr_flow;

// TRACE(NAME, word)
#define WR_TRACE_MAP(TRACE)                                                              \
    TRACE(MATCHED, "matched")         /* WHERE was true, and there is a result */        \
    TRACE(NO_MATCH, "noMatch")        /* WHERE was false or Undefined */                 \
    TRACE(FAILED, "failed")           /* the statement failed */                         \
    TRACE(DROPPED, "dropped")         /* not evaluated: over a limit */                  \
    TRACE(DELIVERED, "delivered")     /* an action, or the error action, has taken it */ \
    TRACE(RETRY, "retry")             /* an action has not, and tries again */           \
    TRACE(UNDELIVERED, "undelivered") /* an action has not, for good */                  \
    TRACE(DEAD, "dead")               /* nothing has taken it: on its way to the dead letters */

enum wr_trace_what {
#define TRACE(name, word) WR_TRACE_##name,
    WR_TRACE_MAP(TRACE)
#undef TRACE
};
const char *wr_trace_word(enum wr_trace_what what);

#define WR_TRACES_MAX 8 // at once: a bit each in every run

// All is borrowed.
struct wr_trace_event {
    enum wr_trace_what what;
    const struct wr_rule_counters *rule;
    const struct wr_message *message;
    // A bit each, of those who follow the run. MATCHED, NO_MATCH, FAILED, DROPPED: 0, and what the
    // tap sets here is what later events of the run bring. No event comes for a run that nobody
    // follows, and none for one that waited in the spool.
    uint8_t who;
    bool undefined;    // NO_MATCH: Undefined rather than false
    bool error_action; // of records
    bool result_json;
    wr_str result; // MATCHED; empty: no bytes
    wr_str text;   // FAILED: why; records: what the sink said
    wr_str resource;
    const char *reason;   // UNDELIVERED, DEAD, DROPPED: a word
    const char *action;   // records: its kind
    unsigned attempt;     // records
    struct wr_eval *eval; // NO_MATCH: for wr_trace_term()
};

struct wr_flow_tap {
    void *user;
    void (*event)(void *user, struct wr_trace_event *e);
};

// Trace a rule for one more; the tap (lent) is the same for all. NULL: there is no such rule, or
// WR_TRACES_MAX trace it. The trace goes on when the rule is replaced.
const struct wr_rule_counters *wr_flow_trace(struct wr_flow *f, wr_str rule,
                                             const struct wr_flow_tap *tap);
// For one less: the one with this bit. `last`: no rule is traced any more.
void wr_flow_untrace(struct wr_flow *f, const struct wr_rule_counters *rule, uint8_t who,
                     bool last);
// Runs that the one with this bit follows are under way. Looks at all of them.
bool wr_flow_traced_live(const struct wr_flow *f, uint8_t who);

// NO_MATCH: the term of WHERE that decided. Looks at the program.
wr_str wr_trace_term(const struct wr_trace_event *e);

#endif
