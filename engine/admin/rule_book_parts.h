// What the files of the rule book share: rule_book.c keeps and merges, rule_book_place.c says whose
// rules may do what and compiles. For these two only. Thread: loop.
#ifndef WR_ENGINE_ADMIN_RULE_BOOK_PARTS_H
#define WR_ENGINE_ADMIN_RULE_BOOK_PARTS_H

#include "engine/admin/rule_book.h"

struct wr_rule_book {
    struct wr_rule_book_options options;
    struct wr_tenants_watch watch;
    struct wr_book_rule *rules; // by id, ascending
    size_t count, cap;
    const struct wr_folder *folder; // NULL: before the start, and after the end
    struct wr_rule_set *set;        // as merged last
    struct wr_api_call **waiting;
    size_t waiting_count;
    uv_timer_t merge, loops_timer;
    int64_t merge_us;               // how long the last one took
    uint64_t places, states;        // of the tenants, as hashes
    uint64_t *loops, *loops_before; // hashes of the loops found, now and the time before
    size_t loop_count, loops_before_count;
    void (*done)(void *user);
    void *done_user;
};

// Merge soon, or at once.
void wr_rule_book_change(struct wr_rule_book *b);
void wr_rule_book_merge(struct wr_rule_book *b);
// A row with a higher id than all others.
struct wr_book_rule *wr_rule_book_append(struct wr_rule_book *b, const struct wr_book_rule *r);
// wr_tenants_watch.changed.
void wr_rule_book_on_tenants(void *book);

#endif
