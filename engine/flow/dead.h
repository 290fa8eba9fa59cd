// The dead-letter store: what neither an action nor the rule's error action took, kept until its
// owner redrives or purges it. A spool of its own (spool.h) in the state folder's `dead/`, with
// entries (entry.h) that say why.
// Thread: loop.
#ifndef WR_ENGINE_FLOW_DEAD_H
#define WR_ENGINE_FLOW_DEAD_H

#include "engine/flow/entry.h"
#include "engine/flow/spool.h"

// DEAD(NAME, word, help). The word is what `weir dead list --reason` takes.
#define WR_DEAD_REASONS(DEAD)                                                                    \
    DEAD(REFUSED, "refused", "an action was refused, and the rule has no error action")          \
    DEAD(EXPIRED, "expired", "the tries of an action came to their end; no error action")        \
    DEAD(TEMPLATE, "template", "a parameter could not be made; no error action")                 \
    DEAD(ERROR_REFUSED, "error-refused", "the error action was refused too")                     \
    DEAD(ERROR_EXPIRED, "error-expired", "the tries of the error action came to their end")      \
    DEAD(ERROR_TEMPLATE, "error-template", "a parameter of the error action could not be made")  \
    DEAD(ERROR_DOCUMENT, "error-document", "the error document did not fit into message_memory") \
    DEAD(NO_SINK, "no-sink", "found in the spool, and this weir cannot perform its actions")     \
    DEAD(QUEUE_FULL, "queue-full",                                                               \
         "its sink, or its broker's share of the spool, was full; no error action")

enum wr_dead_reason {
#define DEAD(name, word, help) WR_DEAD_##name,
    WR_DEAD_REASONS(DEAD)
#undef DEAD
        WR_DEAD_REASON_COUNT,
};

// "refused"; never NULL.
const char *wr_dead_word(enum wr_dead_reason reason);
// False: no such word.
bool wr_dead_reason_of(wr_str word, enum wr_dead_reason *out);

struct wr_dead;

struct wr_dead_options {
    uv_loop_t *loop;
    const char *dir;
    uint64_t max_bytes;
    bool read_only; // as in wr_spool_options: walks that keep every letter
    // As in wr_spool_events; full: letters wait, and what they come from stays in its spool.
    void (*full)(void *user, bool full, const char *why);
    void (*broken)(void *user, const struct wr_fault *fault);
    void *user;
};

// Give: wr_dead_close() it.
wr_err wr_dead_open(const struct wr_dead_options *options, struct wr_dead **out,
                    struct wr_fault *fault) WR_MUST_CHECK;

// Keep `e` (borrowed). `kept` is called once, from the loop, when it is durable; not if the store
// breaks or closes before.
void wr_dead_put(struct wr_dead *d, const struct wr_entry *e, void (*kept)(void *user), void *user);

// What becomes of a letter that a walk has shown.
enum wr_dead_fate {
    WR_DEAD_KEEP,
    WR_DEAD_PURGE,
    WR_DEAD_LEAVE, // its fate comes later, by wr_dead_done(); the next walk sees it until then
    WR_DEAD_STOP,  // keep, and end the walk
};

// Which letters. Zeroed: all.
struct wr_dead_filter {
    wr_str rule; // exactly; empty: any
    bool has_reason;
    enum wr_dead_reason reason;
    int64_t older_ms; // > 0: at least so old
    int64_t newer_ms; // > 0: at most so old
    wr_str id;        // hexadecimal begin of the delivery id; empty: any
};

// Bad letters are reported with `fault` set and `e` NULL.
struct wr_dead_walk {
    struct wr_dead_filter filter;
    uint64_t from, upto; // numbers of letters; 0: from the first, up to the last there is now
    enum wr_dead_fate (*letter)(struct wr_dead_walk *walk, uint64_t seq, const struct wr_entry *e,
                                const struct wr_fault *fault);
    void (*done)(struct wr_dead_walk *walk);
    void *user;
    // the store's
    struct wr_dead *dead_;
    struct wr_spool_fetch fetch_;
    struct wr_arena arena_;
    uint64_t next_;
    int64_t now_ms_;
};

// Show each letter that there is now and is durable, oldest first, one after the other from the
// loop. `walk` is lent until `done`, which may come from inside the call when there is none.
void wr_dead_walk(struct wr_dead *d, struct wr_dead_walk *walk);
// Show no more; `done` comes from the loop.
void wr_dead_walk_end(struct wr_dead_walk *walk);
// The last letter that a walk would show now; 0: none.
uint64_t wr_dead_last(const struct wr_dead *d);
// A letter that a walk left is delivered, or is somewhere else now.
void wr_dead_done(struct wr_dead *d, uint64_t seq);

uint64_t wr_dead_count(const struct wr_dead *d);
void wr_dead_stats(const struct wr_dead *d, struct wr_spool_stats *stats);
// As wr_spool_set_max().
void wr_dead_set_max(struct wr_dead *d, uint64_t max_bytes);

// A walk that is under way was told to end.
void wr_dead_close(struct wr_dead *d, void (*closed)(void *user), void *user);

// The delivery id in hexadecimal, 32 letters and a NUL.
void wr_delivery_id_text(const struct wr_delivery_id *id, char text[2 * WR_DELIVERY_ID_LEN + 1]);

#endif
