// Circuits: what the engine knows of destinations that do not answer. A destination is a kind of
// action and its resource ("s3", "readings"), or the kind alone where all resources fail together
// (wr_sink_impl.one_destination).
//
//   closed ─ so many failures in a row (retry.circuit) ─► open ─ back-off ─► half-open: one try
//      ▲                                                   ▲                    │       │
//      └────────────── delivered or refused ───────────────┼────────────────────┘       │
//                                                          └── failed, longer back-off ─┘
//
// While it is not closed, one record at a time is tried, and the others wait, which costs them no
// attempt: many records survive an outage shorter than the retry budget of the kind. A few, too few
// to open it, have their attempts only, and so has one that is tried again and again. What has
// waited for its budget fails, and once the destination has been away for a whole budget,
// everything fails at once but the one that is tried: the error action gets it at full speed, and
// nothing piles up.
//
// Failures are verdicts of WR_RETRY, throttling included; records that went out before it opened
// may close it too. A record that its sink never settles keeps a circuit half-open: time-outs are
// the sink's.
//
// Thread: loop.
#ifndef WR_ENGINE_FLOW_CIRCUIT_H
#define WR_ENGINE_FLOW_CIRCUIT_H

#include "engine/flow/retry.h"
#include "engine/loop/backoff.h"
#include "sinks/sink.h"

#define WR_CIRCUITS_MAX         1024 // destinations that devices choose must not take all memory
#define WR_CIRCUIT_RESOURCE_MAX 256  // bytes kept of a resource's name, for people
#define WR_CIRCUIT_WHY_MAX      512  // bytes kept of the last failure
#define WR_CIRCUIT_BUCKETS      256

// ---- for metrics

enum wr_circuit_phase { WR_CIRCUIT_CLOSED, WR_CIRCUIT_OPEN, WR_CIRCUIT_HALF_OPEN };

// One destination at this moment. Texts are borrowed until the loop turns.
struct wr_circuit_state {
    const char *kind; // "s3"
    wr_str resource;  // "" for the kind as a whole; cut to WR_CIRCUIT_RESOURCE_MAX
    enum wr_circuit_phase phase;
    uint64_t failures; // in a row
    uint64_t opened;   // how often, since weir started or the destination was forgotten
    size_t waiting;    // records
    int64_t away_ms;   // since it opened; 0: closed
    wr_str why;        // the last failure
};

const char *wr_circuit_phase_name(enum wr_circuit_phase phase); // "half-open"

// ---- for the flow

struct wr_circuit;

// Embedded in what waits. Zeroed memory does not wait.
struct wr_circuit_waiter {
    struct wr_circuit *circuit;
    struct wr_circuit_waiter *next, *before;
    int64_t until_ms; // of uv_now(): its budget ends
};

struct wr_circuits {
    struct wr_retry looks; // circuits, by when something is to be done
    struct wr_jitter *jitter;
    size_t count;
    size_t troubled;    // that are not closed, or failed last: while 0, nothing has to be asked
    size_t open;        // that are not closed
    uint64_t untracked; // failures of destinations for which there was no room
    struct wr_circuit *buckets[WR_CIRCUIT_BUCKETS];
    // The destination answers: submit `w` soon. `probe`: submit it now; it is the one that is
    // tried.
    void (*go)(struct wr_circuit_waiter *w, bool probe);
    // Its budget is over.
    void (*expired)(struct wr_circuit_waiter *w, const struct wr_circuit_state *state);
};

enum wr_circuit_way {
    WR_CIRCUIT_GO,
    WR_CIRCUIT_PROBE, // go, and say so with the answer
    WR_CIRCUIT_WAIT,  // `w` waits
    WR_CIRCUIT_FAIL,  // its budget or the destination's is over; `state` is filled
};

struct wr_destination {
    const char *kind; // lives as long as the circuits
    wr_str resource;
};

// `go` and `expired` are to be set. `jitter` is lent until the close.
void wr_circuits_init(struct wr_circuits *c, uv_loop_t *loop, struct wr_jitter *jitter);
// May a record be submitted? `first_ms`: of uv_now(), when it was first to be.
enum wr_circuit_way wr_circuits_enter(struct wr_circuits *c, struct wr_destination to,
                                      const struct wr_retry_policy *policy, int64_t first_ms,
                                      struct wr_circuit_waiter *w, struct wr_circuit_state *state);
// WR_RETRY was answered. `why` may be NULL.
void wr_circuits_failed(struct wr_circuits *c, struct wr_destination to,
                        const struct wr_retry_policy *policy, bool probe, const struct wr_why *why);
// Delivered or refused: the destination is there.
void wr_circuits_answered(struct wr_circuits *c, struct wr_destination to);
// It does not wait any more, if it did.
void wr_circuits_leave(struct wr_circuit_waiter *w);
// Walk: `*at` is 0 at first; false at the end. In no order.
bool wr_circuits_next(const struct wr_circuits *c, size_t *at, struct wr_circuit_state *out);
// Nothing waits any more. Frees all but the memory of `c`; `closed` gets the timer, whose data is
// `&c->looks`.
void wr_circuits_close(struct wr_circuits *c, uv_close_cb closed);

#endif
