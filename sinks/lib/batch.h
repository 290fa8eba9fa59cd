// Natural batching, shared by the sinks whose destination takes several entries in one call.
// Records wait in a queue for each destination (a queue's URL, a stream, a topic); a call leaves
//   - at once while nothing is on its way there: an idle destination costs no wait,
//   - when enough waits for a full call, or the oldest has waited for `age_ms`, while fewer than
//     `in_flight_max` calls are on their way,
//   - else when the call before it is answered: the slower the destination, the larger the calls.
// Knows no protocol: the sink writes the call, sends it and settles its records.
//
//   submit ─ wr_batch_add ─► destination's queue ─ soon ─► send(call) … answer
//                                 ▲                          │ wr_batch_pop() each, settle it
//                                 └── wr_batch_again() ◄─────┴─► wr_batch_done()
//
// Order: one destination's records enter calls in the order in which they were added, and leave
// wr_batch_pop() in it. With in_flight_max 1 a call begins after the one before is done, so the
// destination sees them in order; sinks that want both order and several calls spread one
// destination over `lanes` by what must keep its order (a partition key, a topic).
//
// In steady state nothing is allocated: records are linked by sink_next, calls and destinations are
// kept and used again. A destination without records is forgotten when there are too many.
// Thread: loop.
#ifndef WR_SINKS_LIB_BATCH_H
#define WR_SINKS_LIB_BATCH_H

#include "sinks/sink.h"
#include "sql/base/buf.h"

#define WR_BATCH_IDLE_MAX  256  // destinations remembered while nothing is there for them
#define WR_BATCH_CALLS_MAX 64   // on their way at once, over all destinations: each holds its bytes
#define WR_BATCH_GRACE_MS  3000 // what calls under way get when the sink closes

struct wr_batch;

// What a record is to a batch; in the record's arena, rec->sink_data points to it. A sink may put
// members of its own behind it.
struct wr_batch_item {
    size_t bytes;     // as the destination counts them for the limit of a call
    uint32_t entries; // of a call: 1, or more for a record that becomes several
    int64_t since_ms; // the batch's
};

// A call that is being made or on its way. Reused: `body` keeps its memory.
struct wr_batch_call {
    struct wr_batch *batch;
    struct wr_record *records; // linked by sink_next, at least one
    size_t record_count, entries, bytes;
    struct wr_buf body; // the sink's; cleared before `send`
    void *user;         // the sink's, lives as long as the call does: NULL at first
    struct wr_batch_destination *destination_;
    struct wr_record **end_;
    struct wr_batch_call *next_;
    size_t popped_;
    bool out_;
};

struct wr_batch_options {
    uv_loop_t *loop;
    size_t count_max;       // entries of a call
    size_t bytes_max;       // of a call; a single record that has more goes alone
    uint32_t age_ms;        // see above; 0: no record waits for company while a call may leave
    unsigned in_flight_max; // calls of one destination (and lane) at once
    // Write and send `call`. Its answer comes later, never from inside.
    void (*send)(void *user, struct wr_batch_call *call);
    // The sink is closing: make the answer come soon. NULL: calls end by themselves, and what waits
    // is still sent.
    void (*cancel)(void *user, struct wr_batch_call *call);
    // With `cancel`: settle a record that is not sent any more.
    void (*abandon)(void *user, struct wr_record *rec);
    // Free call->user; may be NULL.
    void (*forget)(void *user, struct wr_batch_call *call);
    void *user;
};

// Copies `options`. Give: wr_batch_close() it.
struct wr_batch *wr_batch_new(const struct wr_batch_options *options);

// Queue `rec`, which the sink holds. `key` names the destination (copied when it is new); records
// of different lanes of it are strangers to each other. `send` is called later, never from inside.
void wr_batch_add(struct wr_batch *b, wr_str key, uint32_t lane, struct wr_record *rec);

// ---- when the answer is there

// The call's first record, which is no longer the batch's: settle it. NULL: that was the last. What
// settling calls (submit, close) is welcome.
struct wr_record *wr_batch_pop(struct wr_batch_call *call);

// Instead: the destination refused the call as a whole, and one entry may be why. The records go
// back to the head of their queue and leave in calls of half the size, so that in the end only the
// guilty one is refused. False, and nothing is done, when the call had one record: pop and refuse
// it.
bool wr_batch_again(struct wr_batch_call *call) WR_MUST_CHECK;

// After wr_batch_pop() gave NULL, or after wr_batch_again(). `call` is the batch's again.
void wr_batch_done(struct wr_batch_call *call);

// ---- the end

// Records that wait or are on their way.
size_t wr_batch_held(const struct wr_batch *b);
// Destinations that are remembered although nothing is there for them.
size_t wr_batch_idle(const struct wr_batch *b);

// Settle what waits (or send it, see `cancel`), wait for what is on its way, at most
// WR_BATCH_GRACE_MS before it is cancelled; then free and call `closed`, once, from the loop.
void wr_batch_close(struct wr_batch *b, void (*closed)(void *user), void *user);

#endif
