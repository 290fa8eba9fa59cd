// What loop and worker tell each other about a message, and the worker's part of the work. For
// workers.c, work.c and flow.c only.
#ifndef WR_ENGINE_FLOW_WORK_H
#define WR_ENGINE_FLOW_WORK_H

#include "engine/flow/workers.h"
#include "engine/loop/mailbox.h"

struct wr_worker;

// What a worker gets. The batch comes back.
struct wr_worker_letter {
    struct wr_letter letter; // first
    enum { WR_WORKER_BATCH_OF, WR_WORKER_FORGET, WR_WORKER_QUIT } kind;
};

// A group as one worker sees it. Made empty by the loop; filled, used and freed by the worker.
struct wr_view {
    struct wr_worker_letter letter; // first: FORGET
    struct wr_worker *worker;
    struct wr_rule *const *rules; // of the group
    size_t count;
    struct wr_plan *plan; // NULL: not filled yet
    struct wr_index *index;
    const struct wr_sql_host **hosts; // by rule
    struct wr_rule_group *group;      // the loop's
    struct wr_view *next, *before;    // of the worker's; the loop's
};

// What became of one rule.
struct wr_outcome {
    uint32_t rule; // its number in the group
    uint32_t regex_limits;
    bool undefined;     // no match: as in wr_eval
    int64_t took_ns;    // if it was timed
    struct wr_run *run; // NULL: no match
};

// In the message's arena.
struct wr_work {
    struct wr_flow *flow; // for runs: no worker looks into it
    struct wr_rule_set *set;
    struct wr_rule_group *group;
    struct wr_view *view;
    struct wr_arena_mark mark; // behind it is what the worker made
    bool here;                 // the loop evaluates it
    bool timed;
    bool indexed; // the index nominated: rules that have no outcome were left out
    int64_t read_ns;
    size_t count;
    struct wr_outcome *outcomes; // in the order of the rules
};

// Of one worker: what it works with. Thread: its own.
struct wr_worker_tools {
    struct wr_sql_host sql;        // its look-ups are not made
    struct wr_account_host *hosts; // the same for rules of other accounts
    struct wr_readers *readers;
};

void wr_worker_tools_init(struct wr_worker_tools *t, const struct wr_sql_host *outer);
void wr_worker_tools_release(struct wr_worker_tools *t); // after the views

// Everything a worker does with a message.
void wr_work_on(struct wr_worker_tools *t, struct wr_message *m) WR_HOT;
void wr_view_free(struct wr_view *v);

// ---- flow.c

// What is to be written to the spool is, now.
void wr_flow_flush(struct wr_flow *f);
// The message is back.
void wr_flow_take_up(struct wr_flow *f, struct wr_message *m) WR_HOT;
// The flow is stopped: its source keeps it, or nobody does.
void wr_flow_forget(struct wr_flow *f, struct wr_message *m);

#endif
