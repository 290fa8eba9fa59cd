// Records that wait for their next try: a heap by due time and one timer.
// Thread: loop.
#ifndef WR_ENGINE_FLOW_RETRY_H
#define WR_ENGINE_FLOW_RETRY_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

// How often and how long a record is tried (actions.md 4.0); of a kind of action.
struct wr_retry_policy {
    unsigned attempts; // the first try included
    int64_t budget_ms; // from the first try
    int64_t base_ms, throttled_base_ms, cap_ms;
    unsigned circuit; // failures in a row after which a destination is tried with one record at a
                      // time (circuit.h); 0: never
};

// Embedded in what waits. Zeroed memory is an entry that does not wait.
struct wr_retry_entry {
    int64_t due_ms;   // of uv_now()
    uint64_t number_; // order among equal times
    size_t place_;    // in the heap, 1-based; 0: not waiting
};

struct wr_retry {
    uv_timer_t timer;
    uv_loop_t *loop;
    struct wr_retry_entry **heap;
    size_t count, cap;
    uint64_t next_number;
    void (*due)(struct wr_retry *r, struct wr_retry_entry *e);
};

// `due` is called from the loop for each entry whose time has come, in order; the entry no longer
// waits then.
void wr_retry_init(struct wr_retry *r, uv_loop_t *loop,
                   void (*due)(struct wr_retry *r, struct wr_retry_entry *e));
void wr_retry_add(struct wr_retry *r, struct wr_retry_entry *e, int64_t delay_ms);
void wr_retry_remove(struct wr_retry *r, struct wr_retry_entry *e); // also when it does not wait
// Frees the heap and closes the timer; `closed` may be NULL.
void wr_retry_close(struct wr_retry *r, uv_close_cb closed);

#endif
