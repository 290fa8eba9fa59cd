// `weir dead`: its parts. Thread: start; the loop runs inside of the calls.
#ifndef WR_ENGINE_CLI_DEAD_H
#define WR_ENGINE_CLI_DEAD_H

#include "engine/config.h"
#include "engine/flow/dead.h"

// Which letters: those that fit the filter and begin with one of the ids, if there are any.
struct wr_dead_asked {
    struct wr_dead_filter filter;
    const wr_str *ids; // hexadecimal, lower case
    bool *met;         // by id: whether a letter began with it
    size_t id_count;
    uint64_t limit; // 0: none
    bool json;
};

// ---- dead_print.c

// One line for people.
void wr_dead_print_row(const struct wr_entry *e);
// All there is to know, for people.
void wr_dead_print_all(const struct wr_entry *e);
// One JSON object and a line feed.
void wr_dead_print_json(const struct wr_entry *e);

// ---- dead_store.c

// What a walk did. `unreadable` letters are said on stderr and stay.
struct wr_dead_sums {
    uint64_t letters, unreadable;
    bool more; // the limit was reached before the end
};

// Show each letter to `show` (NULL: count only), reading only.
wr_err wr_dead_look(const char *state_dir, const struct wr_dead_asked *asked,
                    void (*show)(const struct wr_entry *e), struct wr_dead_sums *sums,
                    struct wr_fault *fault) WR_MUST_CHECK;
// The caller holds the lock of the state folder.
wr_err wr_dead_purge(const struct wr_config *config, const struct wr_dead_asked *asked,
                     struct wr_dead_sums *sums, struct wr_fault *fault) WR_MUST_CHECK;
// The same. A letter is done when its entry is durable in the spool; after a failure those that are
// counted are.
wr_err wr_dead_redrive(const struct wr_config *config, const struct wr_dead_asked *asked,
                       struct wr_dead_sums *sums, struct wr_fault *fault) WR_MUST_CHECK;

#endif
