// `weir dead`: its parts. Thread: start; the loop runs inside of the calls.
#ifndef WR_ENGINE_CLI_DEAD_H
#define WR_ENGINE_CLI_DEAD_H

#include "engine/config.h"
#include "engine/flow/dead.h"

#define WR_DEAD_IDS_MAX 1000 // of one command

// Which letters: those that fit the filter and begin with one of the ids, if there are any.
struct wr_dead_asked {
    struct wr_dead_filter filter;
    const wr_str *ids; // hexadecimal, lower case
    bool *met;         // by id: whether a letter began with it
    size_t id_count;
    uint64_t limit; // 0: none
    bool json;
};

// The hexadecimal begin of an id, in lower case. False: it is none.
bool wr_dead_id_take(wr_str word, char out[2 * WR_DELIVERY_ID_LEN + 1]);
// The letter begins with one of the ids; these are met.
bool wr_dead_is_asked(const struct wr_dead_asked *asked, const struct wr_entry *e);

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

// ---- dead_live.c

struct wr_admin_client;

// The same by the weir that runs. `words` are the filter's as they were given: rule, reason, older,
// newer; NULL: none. `look`: only count.
struct wr_dead_words {
    const char *rule, *reason, *older, *newer;
};
wr_err wr_dead_ask(struct wr_admin_client *client, const char *verb, bool look,
                   const struct wr_dead_words *words, const struct wr_dead_asked *asked,
                   struct wr_dead_sums *sums, struct wr_fault *fault) WR_MUST_CHECK;

#endif
