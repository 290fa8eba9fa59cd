// What `weir run` keeps on disk for its messages: the spool and the dead letters, in the state
// folder. Thread: loop.
#ifndef WR_ENGINE_CLI_STORES_H
#define WR_ENGINE_CLI_STORES_H

#include "engine/config.h"
#include "engine/flow/dead.h"
#include "engine/flow/spool.h"

struct wr_stores_events {
    void (*durable)(void *user, uint64_t seq);                // wr_spool_events.durable
    void (*room)(void *user);                                 // wr_stores_busy() may have changed
    void (*broken)(void *user, const struct wr_fault *fault); // end without acknowledging
    void *user;
};

// Embedded by value, zeroed.
struct wr_stores {
    bool keeps;             // `ack: durable`: new messages go through the spool
    struct wr_spool *spool; // NULL when it has nothing to do
    struct wr_dead *dead;
    struct wr_stores_events events;
    bool dead_full;
    char *spool_dir, *dead_dir;
    void (*closed)(void *user);
    void *closed_user;
};

// Open both below `state_dir`, reading what a former process left. `*s` stays where it is.
wr_err wr_stores_open(struct wr_stores *s, uv_loop_t *loop, const struct wr_config *config,
                      const char *state_dir, const struct wr_stores_events *events,
                      struct wr_fault *fault) WR_MUST_CHECK;
// The limits that the configuration has now.
void wr_stores_tune(struct wr_stores *s, const struct wr_config *config);
// Nothing more should be taken from the broker for now.
bool wr_stores_busy(const struct wr_stores *s);
// Append `,"spool":{…},"deadLetters":{…}`.
void wr_stores_write(const struct wr_stores *s, struct wr_buf *out);
// Once the sinks are closed. Fine when nothing is open: then `closed` is called at once.
void wr_stores_close(struct wr_stores *s, void (*closed)(void *user), void *user);

#endif
