// What the files of the rule book share: rule_book.c keeps and merges, rule_book_place.c says whose
// rules may do what and compiles. For these two only. Thread: loop.
#ifndef WR_ENGINE_ADMIN_RULE_BOOK_PARTS_H
#define WR_ENGINE_ADMIN_RULE_BOOK_PARTS_H

#include "engine/admin/rule_book.h"

struct wr_rule_book {
    struct wr_rule_book_options options;
    struct wr_tenants_watch watch;
    struct wr_program_pool *programs; // what the rules of the API have in common
    struct wr_book_rule **rules;      // by id, ascending
    size_t count, cap;
    struct wr_book_rule **buckets; // by tenant, region and name; a power of two
    size_t bucket_count;
    const struct wr_folder *folder; // NULL: before the start, and after the end
    struct wr_rule_set *set;        // what runs
    size_t republish;               // actions of that kind in it
    uint64_t told;                  // the filters that the sources know (filters epoch of the set)
    struct wr_api_call **waiting;
    size_t waiting_count;
    uv_timer_t soon, loops_timer;
    bool freed, loops_due;
    int64_t soon_us;                // how long the last look at what hangs on the rules took
    uint64_t places, states;        // of the tenants, as hashes
    uint64_t *loops, *loops_before; // hashes of the loops found, now and the time before
    size_t loop_count, loops_before_count;
    void (*done)(void *user);
    void *done_user;
};

// The set becomes all rules as they are.
void wr_rule_book_merge(struct wr_rule_book *b);
// A row with a higher id than all others.
struct wr_book_rule *wr_rule_book_append(struct wr_rule_book *b, const struct wr_book_rule *r);
// wr_tenants_watch.changed.
void wr_rule_book_on_tenants(void *book);

#endif
