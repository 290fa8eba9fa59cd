// Evaluation on threads of its own (performance-design 7): one loop, N workers. Without workers
// there is none of this, and the loop evaluates. Private to engine/flow. Thread: loop.
//
//   loop    message ─ group ─► give: hash(topic) ─► batch ─┐           ┌─► take up: counters,
//   lanes,
//                                                          ▼ inbox     │   look-ups, spool, sinks
//   worker                   read ─ index ─ programs ─ templates ─► outbox
//
// A worker computes, and changes nothing but the message: it reads the payload, evaluates, writes
// the results and makes the parameters of their records, all in the message's arena. Everything
// else (counters, locks, what sinks, spool and log get) is the loop's, when the message is back.
//
// Order. All messages of a topic go to one worker, batches come back in the order in which that
// worker got them, and the loop takes them up one by one: so the results of one rule on one topic
// are in the order of their messages, as without workers. Messages that the loop has to evaluate
// (`here`) travel along, so that they pass nobody: those whose rules are traced or have their terms
// counted, those of tenants with quotas, second deliveries, and any that met the memory limit or
// whose template failed; what the worker made of them is forgotten then.
//
// Look-ups. A worker asks nobody: the evaluation comes back suspended, the loop asks, and goes on
// with it as with any other.
//
// Rules. What a message meets is settled on the loop before it is given; it holds its rule set and
// group until it is back. So a change takes effect between two messages.
//
// What a worker has of a group is a view: a plan and an index of its own, made by it the first time
// it sees the group, ended when the group ends. Of a process it has the thread-local caches of
// sql/.
//
// Bounds. A worker has WR_WORKER_BATCHES batches of WR_WORKER_BATCH messages at most. Where there
// is no more room the loop waits for it, and reads nothing meanwhile: that holds the broker back.
#ifndef WR_ENGINE_FLOW_WORKERS_H
#define WR_ENGINE_FLOW_WORKERS_H

#include "engine/flow/run.h"

#define WR_WORKER_BATCH   64 // messages: one wake-up for them
#define WR_WORKER_BATCHES (WR_FLOW_WORKER_MESSAGES / WR_WORKER_BATCH)

struct wr_workers;

// Give: wr_workers_stop(), then wr_workers_close() it. `count` is at least 1 and at most
// WR_FLOW_WORKERS_MAX.
struct wr_workers *wr_workers_new(struct wr_flow *f, size_t count);

// Locks message, set and group, and holds the acknowledgement, until the message is back and
// wr_flow_take_up() has seen it. `here`: it only keeps its place in the order. `timed`: look at the
// clock. False: its memory is used up. May call wr_flow_take_up() for others.
bool wr_workers_give(struct wr_workers *w, struct wr_message *m, struct wr_rule_set *set,
                     struct wr_rule_group *group, bool here, bool timed) WR_MUST_CHECK;
// That was the batch: hand over what was given, take up what is back.
void wr_workers_send(struct wr_workers *w);
// Wait until everything is back and taken up.
void wr_workers_drain(struct wr_workers *w);
// The threads end. What was given and is not taken up is forgotten: wr_flow_forget(). May be called
// again.
void wr_workers_stop(struct wr_workers *w);
// After wr_workers_stop(); frees.
void wr_workers_close(struct wr_workers *w, void (*closed)(void *user), void *user);

size_t wr_workers_count(const struct wr_workers *w);
// Messages that are given and not taken up.
size_t wr_workers_out(const struct wr_workers *w);

#endif
