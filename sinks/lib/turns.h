// Work off the loop in turns: what waits goes to one worker of libuv's pool as a list, and comes
// back from the loop when it is done; meanwhile the next turn gathers. So that what costs the same
// for one as for many (a transaction, an fsync) is paid once a turn.
// At most one worker is at work for each, so what the work needs wants no lock.
// Thread: loop; `work` and `tick` on a worker.
#ifndef WR_SINKS_LIB_TURNS_H
#define WR_SINKS_LIB_TURNS_H

#include <uv.h>

// Begins what waits. Lent from wr_turns_add() to `done`.
struct wr_turn_item {
    struct wr_turn_item *next;
};

struct wr_turns_options {
    uv_loop_t *loop;
    unsigned items_max; // of a turn
    // Both get items in the order they were added, linked by `next`. `done` may add and close.
    void (*work)(void *user, struct wr_turn_item *items);
    void (*done)(void *user, struct wr_turn_item *items);
    // About every tick_ms, never beside `work`, for what time does; NULL: nothing. Does not keep
    // the loop alive.
    void (*tick)(void *user);
    uint64_t tick_ms;
    void *user;
};

struct wr_turns;

// Copies `options`. Give: wr_turns_close() it.
struct wr_turns *wr_turns_new(const struct wr_turns_options *options);
void wr_turns_add(struct wr_turns *t, struct wr_turn_item *item);
// What waits is still done; then `closed`, once, from the loop. Nothing may be added any more.
void wr_turns_close(struct wr_turns *t, void (*closed)(void *user), void *user);

#endif
