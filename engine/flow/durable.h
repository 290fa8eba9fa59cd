// Durability: runs are kept in the spool before they are submitted, wait there when their rule has
// too many under way, come back after a crash, and end in the dead-letter store when nothing took
// them. Private to engine/flow. Thread: loop.
//
//   READY ─► KEPT ─ durable ─► SUBMITTED ─► … ─► done with the spool
//              │ acknowledge        ▲
//              └─ rule is busy ─► backlog (numbers only) ─ fetch ─► restored run
//                                   ▲
//   start of the process ─ recovery ┘                 failed for good ─► BURIED ─► done
//
// A rule's backlog is in the order of its entries, and nothing passes it: what is new queues
// behind. So the records of one rule on one topic are submitted in the order of their messages over
// restarts too.
#ifndef WR_ENGINE_FLOW_DURABLE_H
#define WR_ENGINE_FLOW_DURABLE_H

#include "engine/flow/dead.h"
#include "engine/flow/run.h"

// Entries of one rule, known by its counters. Made when the first is kept, lives as long as the
// flow.
struct wr_backlog {
    struct wr_flow *flow;
    struct wr_rule_counters *counters;
    size_t live;      // durable runs of the rule in memory
    uint64_t shares;  // that its actions take from, a bit each, as of the last run
    size_t fetching;  // entries that are being read
    size_t restoring; // runs that wait for what the spool does not keep of them
    uint64_t *seqs;   // a ring
    size_t first, count, cap;
    struct wr_backlog *next; // of the flow
};

// ---- keep.c

// Give it a delivery id, unless it has one.
void wr_run_identify(struct wr_run *r);
// The run is READY: put it into the spool, submit it when it is durable.
void wr_run_keep(struct wr_run *r);
// What the spool keeps of the run. Parameters as they were expanded; failed records with their
// texts.
void wr_run_entry(const struct wr_run *r, struct wr_entry *e, struct wr_entry_action *actions);
// The broker's share that an entry takes from while its open records are not delivered; 0: none.
size_t wr_run_spool_share(const struct wr_run *r);
size_t wr_entry_spool_share(const struct wr_flow *f, const struct wr_entry *e);
// No more for this broker: its share of the spool is full. `er` fails then, SinkQueueFull.
bool wr_spool_share_full(const struct wr_flow *f, size_t share);
// As many records of the share are under way as may be, or as many bytes.
bool wr_share_full(const struct wr_flow *f, size_t share);
void wr_engine_record_refuse_room(struct wr_engine_record *er);
// wr_spool_events.durable
void wr_keep_durable(struct wr_flow *f, uint64_t seq);
// The run is finished, one way or another: its entry is done, the next of its rule may come.
void wr_run_complete(struct wr_run *r);

// ---- backlog.c

struct wr_backlog *wr_backlog_of(struct wr_flow *f, struct wr_rule_counters *counters);
// Room for one more run, whose entry has so many bytes; it is counted then. False: it must wait.
// `no_sink`: all its actions have failed already, so that it waits for no sink's room, and behind
// nothing that does.
bool wr_backlog_admit(struct wr_backlog *b, size_t bytes, bool no_sink);
// Nothing waits before it, and there is room.
bool wr_backlog_idle(const struct wr_backlog *b);
void wr_backlog_push(struct wr_backlog *b, uint64_t seq);
// An entry that was read: restored and submitted, or what is wrong with it is said and counted. May
// take its bytes.
void wr_backlog_take(struct wr_backlog *b, struct wr_spool_fetch *fetched);
void wr_backlog_left(struct wr_backlog *b, size_t bytes); // a run of it has ended
void wr_backlog_restored(struct wr_backlog *b);           // one of `restoring` goes on
// A record of a run that a backlog counts is submitted, or has come to its end: how much each kind
// of sink has. So a slow sink holds up the rules that need it, and no more memory than its share.
void wr_backlog_load(struct wr_engine_record *er);
void wr_backlog_unload(struct wr_engine_record *er);
void wr_backlogs_free(struct wr_flow *f);

// ---- restore.c

// A run from an entry that was fetched; it is submitted at once. May take the bytes. The backlog
// counts it already. WR_ERR_CORRUPT: it is no entry. WR_ERR_LIMIT: it does not fit into
// message_memory.
wr_err wr_run_restore(struct wr_flow *f, struct wr_backlog *b, uint64_t seq, struct wr_buf *bytes,
                      struct wr_fault *fault) WR_MUST_CHECK;

// ---- recover.c

// Letters that are redriven and durable in the spool.
void wr_redriven_durable(struct wr_flow *f, uint64_t seq);
void wr_redriven_free(struct wr_flow *f);
size_t wr_redriven_count(const struct wr_flow *f);

// ---- bury.c

// Nothing took the run's failed records: to the dead-letter store, then complete.
void wr_run_bury(struct wr_run *r);

#endif
