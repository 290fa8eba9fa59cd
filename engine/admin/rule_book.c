// The book: entries, and the merging of them with the folder's rules.
#include "engine/admin/rule_book.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/api.h"
#include "engine/admin/quotas.h"
#include "engine/admin/rule_book_parts.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "engine/rules/loops.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define SOON_LONGEST_MS 50 // what hangs on the rules waits no longer for further edits
#define SOON_PART       3  // of the time at most goes into it, when edits come all the time

// Beyond so many pairs of republish actions, loops are looked for only when changes have ended.
#define LOOPS_AT_ONCE  200000
#define LOOPS_LATER_MS 500

#define BUCKETS_FIRST 64

// ---- the entries

static uint64_t hash_of(int64_t tenant, const char *region, wr_str name)
{
    return wr_hash_bytes(&tenant, sizeof tenant, wr_hash_str(name)) ^
           wr_hash_str(wr_str_of(region));
}

static struct wr_book_rule **bucket_of(const struct wr_rule_book *b, uint64_t hash)
{
    return &b->buckets[hash & (b->bucket_count - 1)];
}

static struct wr_book_rule *find(const struct wr_rule_book *b, int64_t tenant, const char *region,
                                 wr_str name)
{
    if (!b->count) {
        return NULL;
    }
    uint64_t hash = hash_of(tenant, region, name);
    struct wr_book_rule *r = *bucket_of(b, hash);
    while (r && !(r->hash_ == hash && r->tenant == tenant && !strcmp(r->region, region) &&
                  wr_str_eq(wr_str_of(r->name), name))) {
        r = r->same_;
    }
    return r;
}

const struct wr_book_rule *wr_rule_book_find(const struct wr_rule_book *b, int64_t tenant,
                                             const char *region, wr_str name)
{
    return find(b, tenant, region, name);
}

// The first with an id beyond `after`.
static size_t place_of(const struct wr_rule_book *b, int64_t after)
{
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->rules[middle]->id <= after) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct wr_book_rule *wr_rule_book_next(const struct wr_rule_book *b, int64_t tenant,
                                             const char *region, int64_t after)
{
    for (size_t i = place_of(b, after); i < b->count; i++) {
        if (b->rules[i]->tenant == tenant && !strcmp(b->rules[i]->region, region)) {
            return b->rules[i];
        }
    }
    return NULL;
}

static void release(struct wr_book_rule *r)
{
    free(r->name);
    free(r->why);
    free(r->payload);
    wr_rule_unlock(r->rule);
}

static void grow(struct wr_rule_book *b)
{
    free(b->buckets);
    b->bucket_count = b->bucket_count ? 4 * b->bucket_count : BUCKETS_FIRST;
    b->buckets = wr_zalloc(b->bucket_count * sizeof(struct wr_book_rule *));
    for (size_t i = 0; i < b->count; i++) {
        struct wr_book_rule **bucket = bucket_of(b, b->rules[i]->hash_);
        b->rules[i]->same_ = *bucket;
        *bucket = b->rules[i];
    }
}

struct wr_book_rule *wr_rule_book_append(struct wr_rule_book *b, const struct wr_book_rule *r)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->rules = wr_realloc(b->rules, b->cap * sizeof(struct wr_book_rule *));
    }
    if (b->count >= b->bucket_count) {
        grow(b);
    }
    // They come in the order of their commits.
    wr_assert(b->count == 0 || b->rules[b->count - 1]->id < r->id);
    struct wr_book_rule *new = wr_alloc(sizeof *new);
    *new = *r;
    new->hash_ = hash_of(r->tenant, r->region, wr_str_of(r->name));
    struct wr_book_rule **bucket = bucket_of(b, new->hash_);
    new->same_ = *bucket;
    *bucket = new;
    b->rules[b->count++] = new;
    return new;
}

static void take_out(struct wr_rule_book *b, struct wr_book_rule *r)
{
    struct wr_book_rule **at = bucket_of(b, r->hash_);
    while (*at != r) {
        at = &(*at)->same_;
    }
    *at = r->same_;
    size_t place = place_of(b, r->id - 1);
    b->count--;
    memmove(&b->rules[place], &b->rules[place + 1],
            (b->count - place) * sizeof(struct wr_book_rule *));
    release(r);
    free(r);
}

// ---- loops

static bool is_elsewhere(void *user, wr_str rule, bool error_action)
{
    const struct wr_rule_book *b = user;
    const struct wr_rule *r = wr_rule_set_find(b->set, rule);
    return (!r || r->owner.space == 0) && b->options.elsewhere(b->options.user, rule, error_action);
}

static void on_loop_found(void *user, const char *path)
{
    struct wr_rule_book *b = user;
    uint64_t hash = wr_hash_str(wr_str_of(path));
    b->loops = wr_realloc(b->loops, (b->loop_count + 1) * sizeof *b->loops);
    b->loops[b->loop_count++] = hash;
    for (size_t i = 0; i < b->loops_before_count; i++) {
        if (b->loops_before[i] == hash) {
            return; // it was said
        }
    }
    wr_log(WR_LOG_WARN, "rules",
           "rules may feed themselves through republish: %s; messages stop after "
           "sinks.republish.max_hops",
           path);
}

static void look_for_loops(struct wr_rule_book *b)
{
    b->loops_before = b->loops;
    b->loops_before_count = b->loop_count;
    b->loops = NULL;
    b->loop_count = 0;
    wr_loops_check(b->set, is_elsewhere, on_loop_found, b);
    free(b->loops_before);
    b->loops_before = NULL;
}

static void on_loops_timer(uv_timer_t *timer)
{
    look_for_loops(timer->data);
}

static size_t count_republish(const struct wr_rule *r)
{
    size_t count = 0;
    for (size_t i = 0; r && r->enabled && i < r->action_count; i++) {
        count += !strcmp(r->actions[i].impl->name, "republish");
    }
    return count + (r && r->enabled && r->error_action &&
                    !strcmp(r->error_action->impl->name, "republish"));
}

static void look_for_loops_soon(struct wr_rule_book *b)
{
    b->loops_due = false;
    if (b->republish * b->republish <= LOOPS_AT_ONCE) {
        look_for_loops(b);
    } else {
        uv_timer_start(&b->loops_timer, on_loops_timer, LOOPS_LATER_MS, 0);
    }
}

// ---- what hangs on the rules

static void answer_waiting(struct wr_rule_book *b)
{
    struct wr_api_call **waiting = b->waiting;
    size_t count = b->waiting_count;
    b->waiting = NULL;
    b->waiting_count = 0;
    for (size_t i = 0; i < count; i++) {
        wr_api_finish(waiting[i]);
    }
    free(waiting);
}

static void tell(struct wr_rule_book *b, bool files)
{
    wr_mono began = wr_mono_now();
    uv_timer_stop(&b->soon);
    if (b->loops_due) {
        look_for_loops_soon(b);
    }
    b->told = wr_rule_set_filters_epoch(b->set);
    b->options.changed(b->options.user, b->set, files);
    b->soon_us = wr_mono_since_us(began, wr_mono_now());
    answer_waiting(b);
}

static void on_soon(uv_timer_t *timer)
{
    struct wr_rule_book *b = timer->data;
    if (b->folder) {
        tell(b, false);
    } else {
        answer_waiting(b);
    }
    if (b->freed) {
        b->freed = false;
        b->options.freed(b->options.user);
    }
}

static void tell_soon(struct wr_rule_book *b)
{
    if (!uv_is_active((uv_handle_t *)&b->soon)) {
        int64_t wait = (b->soon_us * SOON_PART + 900) / 1000;
        uint64_t ms = wait > SOON_LONGEST_MS ? SOON_LONGEST_MS : (uint64_t)wait;
        uv_timer_start(&b->soon, on_soon, ms, 0);
    }
}

void wr_rule_book_wait(struct wr_rule_book *b, struct wr_api_call *call)
{
    if (b->folder && !b->loops_due && b->told == wr_rule_set_filters_epoch(b->set)) {
        return; // whoever called this answers
    }
    call->later = true;
    b->waiting = wr_realloc(b->waiting, (b->waiting_count + 1) * sizeof(struct wr_api_call *));
    b->waiting[b->waiting_count++] = call;
    tell_soon(b);
}

// ---- all rules

// Why a rule of the API that is compiled does not run now; false: it runs.
static bool rests(const struct wr_rule_book *b, const struct wr_book_rule *r)
{
    return !r->rule || !wr_tenants_enabled(b->options.tenants, r->tenant);
}

static struct wr_rule_set *files_of(const struct wr_rule_book *b)
{
    const struct wr_tenant *own = wr_tenants_default(b->options.tenants);
    bool files = own && wr_tenants_enabled(b->options.tenants, own->id);
    return files ? wr_folder_rules(b->folder) : NULL;
}

// A file may have come while the call that made this one was under way.
static bool is_taken(const struct wr_rule_set *files, const struct wr_book_rule *r)
{
    static struct wr_log_limit limit;
    if (!files || !r->rule || !wr_rule_set_find(files, r->rule->name)) {
        return false;
    }
    wr_log_limited(&limit, WR_LOG_ERROR, "rules",
                   "the rule %s of the API does not run: a file has its name since", r->name);
    return true;
}

// Give: all that are to run.
static struct wr_rule **collect(const struct wr_rule_book *b, size_t *count)
{
    const struct wr_rule_set *files = files_of(b);
    size_t file_count = files ? wr_rule_set_count(files) : 0;
    struct wr_rule **rules = wr_alloc((file_count + b->count + 1) * sizeof(struct wr_rule *));
    const struct wr_tenant *own = wr_tenants_default(b->options.tenants);
    struct wr_quota *quota =
        own ? wr_quotas_find(wr_tenants_quotas(b->options.tenants), own->id) : NULL;
    *count = 0;
    for (size_t i = 0; i < file_count; i++) {
        rules[*count] = wr_rule_set_at(files, i);
        rules[(*count)++]->quota = quota;
    }
    for (size_t i = 0; i < b->count; i++) {
        if (!is_taken(files, b->rules[i]) && !rests(b, b->rules[i])) {
            rules[(*count)++] = b->rules[i]->rule;
        }
    }
    return rules;
}

static void publish(struct wr_rule_book *b, bool files)
{
    size_t count;
    struct wr_rule **rules = collect(b, &count);
    for (size_t i = 0; i < count; i++) {
        b->options.enters(b->options.user, rules[i]);
    }
    if (b->set) {
        (void)wr_rule_set_become(b->set, rules, count);
    } else {
        b->set = wr_rule_set_new(rules, count);
    }
    b->republish = 0;
    for (size_t i = 0; i < count; i++) {
        b->republish += count_republish(rules[i]);
    }
    free(rules);
    b->loops_due = true;
    tell(b, files);
}

void wr_rule_book_merge(struct wr_rule_book *b)
{
    if (b->folder) {
        publish(b, false);
    } else {
        answer_waiting(b);
    }
}

// ---- one rule

// What runs by the name of `r` becomes `r`, or nothing.
static void edit(struct wr_rule_book *b, struct wr_rule *r, bool runs)
{
    struct wr_rule *before = wr_rule_set_find(b->set, r->name);
    size_t republish_before = count_republish(before);
    size_t republish = runs ? count_republish(r) : 0;
    if (runs) {
        b->options.enters(b->options.user, r);
        wr_rule_set_put(b->set, r);
    } else if (before) {
        (void)wr_rule_set_remove(b->set, r->name);
    }
    b->republish += republish - republish_before;
    b->loops_due |= republish || republish_before;
    tell_soon(b);
}

void wr_rule_book_put(struct wr_rule_book *b, const struct wr_book_rule *r)
{
    struct wr_book_rule *known = find(b, r->tenant, r->region, wr_str_of(r->name));
    if (r->rule) {
        wr_rule_count(r->rule, b->options.metrics);
        wr_rule_slim(r->rule, b->programs);
    }
    if (known) {
        struct wr_book_rule old = *known;
        *known = *r;
        known->hash_ = old.hash_;
        known->same_ = old.same_;
        release(&old);
    } else {
        known = wr_rule_book_append(b, r);
    }
    if (b->folder && known->rule && !is_taken(files_of(b), known)) {
        edit(b, known->rule, !rests(b, known));
    }
}

void wr_rule_book_remove(struct wr_rule_book *b, int64_t tenant, const char *region, wr_str name)
{
    struct wr_book_rule *r = find(b, tenant, region, name);
    if (!r) {
        return;
    }
    if (b->folder && r->rule && !is_taken(files_of(b), r)) {
        edit(b, r->rule, false);
    }
    take_out(b, r);
    b->freed = true;
    tell_soon(b);
}

// The tenant's registry is empty now.
static void on_emptied(void *book, int64_t tenant)
{
    struct wr_rule_book *b = book;
    for (size_t i = b->count; i-- > 0;) {
        if (b->rules[i]->tenant == tenant) {
            take_out(b, b->rules[i]);
        }
    }
    b->freed = true;
    wr_rule_book_merge(b);
    tell_soon(b);
}

// ---- files

void wr_rule_book_set_files(struct wr_rule_book *b, const struct wr_folder *folder)
{
    b->folder = folder;
    if (folder) {
        publish(b, true);
    }
}

static bool is_of_files(const struct wr_rule_book *b, int64_t tenant, const char *region)
{
    const struct wr_tenant *own = wr_tenants_default(b->options.tenants);
    return b->folder && own && own->id == tenant && !strcmp(region, b->options.config->region);
}

bool wr_rule_book_file(const struct wr_rule_book *b, int64_t tenant, const char *region,
                       wr_str name, struct wr_folder_rule *out)
{
    return is_of_files(b, tenant, region) && wr_folder_rule_find(b->folder, name, out);
}

bool wr_rule_book_next_file(const struct wr_rule_book *b, int64_t tenant, const char *region,
                            int64_t after, struct wr_folder_rule *out)
{
    return is_of_files(b, tenant, region) && wr_folder_rule_next(b->folder, after, out);
}

const char *wr_rule_book_dir(const struct wr_rule_book *b)
{
    return b->folder ? wr_folder_dir(b->folder) : "";
}

// ---- life

struct wr_rule_book *wr_rule_book_new(const struct wr_rule_book_options *options)
{
    struct wr_rule_book *b = wr_zalloc(sizeof *b);
    b->options = *options;
    b->programs = wr_program_pool_new();
    uv_timer_init(options->loop, &b->soon);
    uv_timer_init(options->loop, &b->loops_timer);
    b->soon.data = b->loops_timer.data = b;
    b->watch = (struct wr_tenants_watch){
        .user = b, .changed = wr_rule_book_on_tenants, .emptied = on_emptied};
    wr_tenants_add_watch(options->tenants, &b->watch);
    return b;
}

static void book_free(struct wr_rule_book *b)
{
    void (*done)(void *user) = b->done;
    void *user = b->done_user;
    for (size_t i = 0; i < b->count; i++) {
        release(b->rules[i]);
        free(b->rules[i]);
    }
    free(b->rules);
    free(b->buckets);
    free(b->loops);
    free(b->waiting);
    wr_rule_set_unlock(b->set);
    wr_program_pool_free(b->programs);
    free(b);
    done(user);
}

static void on_loops_closed(uv_handle_t *handle)
{
    book_free(handle->data);
}

static void on_soon_closed(uv_handle_t *handle)
{
    struct wr_rule_book *b = handle->data;
    uv_close((uv_handle_t *)&b->loops_timer, on_loops_closed);
}

void wr_rule_book_close(struct wr_rule_book *b, void (*done)(void *user), void *user)
{
    if (!b) {
        done(user);
        return;
    }
    wr_assert(b->waiting_count == 0);
    b->done = done;
    b->done_user = user;
    uv_close((uv_handle_t *)&b->soon, on_soon_closed);
}
