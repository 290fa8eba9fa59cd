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

#define MERGE_LONGEST_MS 50 // a change waits no longer for others to be merged with
#define MERGE_PART       3  // of the time at most, when changes come all the time

// Beyond so many pairs of a republish and a rule, loops are looked for only when changes have
// ended.
#define LOOPS_AT_ONCE  200000
#define LOOPS_LATER_MS 500

static uint64_t hash_of(int64_t tenant, const char *region, wr_str name)
{
    return wr_hash_bytes(&tenant, sizeof tenant, wr_hash_str(name)) ^
           wr_hash_str(wr_str_of(region));
}

static size_t index_of(const struct wr_rule_book *b, int64_t tenant, const char *region,
                       wr_str name)
{
    uint64_t hash = hash_of(tenant, region, name);
    for (size_t i = 0; i < b->count; i++) {
        const struct wr_book_rule *r = &b->rules[i];
        if (r->hash_ == hash && r->tenant == tenant && !strcmp(r->region, region) &&
            wr_str_eq(wr_str_of(r->name), name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

const struct wr_book_rule *wr_rule_book_find(const struct wr_rule_book *b, int64_t tenant,
                                             const char *region, wr_str name)
{
    size_t i = index_of(b, tenant, region, name);
    return i == SIZE_MAX ? NULL : &b->rules[i];
}

const struct wr_book_rule *wr_rule_book_next(const struct wr_rule_book *b, int64_t tenant,
                                             const char *region, int64_t after)
{
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->rules[middle].id <= after) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < b->count; low++) {
        if (b->rules[low].tenant == tenant && !strcmp(b->rules[low].region, region)) {
            return &b->rules[low];
        }
    }
    return NULL;
}

static void release(struct wr_book_rule *r)
{
    free(r->name);
    free(r->why);
    json_decref(r->payload);
    wr_rule_unlock(r->rule);
}

// ---- merging

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
    for (size_t i = 0; r->enabled && i < r->action_count; i++) {
        count += !strcmp(r->actions[i].impl->name, "republish");
    }
    return count +
           (r->enabled && r->error_action && !strcmp(r->error_action->impl->name, "republish"));
}

// Why a rule of the API that is compiled does not run now; false: it runs.
static bool rests(const struct wr_rule_book *b, const struct wr_book_rule *r)
{
    return !r->rule || !wr_tenants_enabled(b->options.tenants, r->tenant);
}

static struct wr_rule_set *merge(struct wr_rule_book *b, size_t *republish)
{
    static struct wr_log_limit limit;
    const struct wr_tenant *own = wr_tenants_default(b->options.tenants);
    bool files = own && wr_tenants_enabled(b->options.tenants, own->id);
    struct wr_rule_set *from = files ? wr_folder_rules(b->folder) : NULL;
    size_t file_count = from ? wr_rule_set_count(from) : 0, count = 0;
    struct wr_rule **rules = wr_alloc((file_count + b->count + 1) * sizeof(struct wr_rule *));
    struct wr_quota *quota =
        own ? wr_quotas_find(wr_tenants_quotas(b->options.tenants), own->id) : NULL;
    for (size_t i = 0; i < file_count; i++) {
        rules[count] = wr_rule_set_at(from, i);
        rules[count++]->quota = quota;
    }
    for (size_t i = 0; i < b->count; i++) {
        struct wr_book_rule *r = &b->rules[i];
        // A file may have come while the call that made this one was under way.
        bool taken = from && r->rule && wr_rule_set_find(from, r->rule->name);
        if (taken) {
            wr_log_limited(&limit, WR_LOG_ERROR, "rules",
                           "the rule %s of the API does not run: a file has its name since",
                           r->name);
        } else if (!rests(b, r)) {
            rules[count++] = r->rule;
        }
    }
    *republish = 0;
    for (size_t i = 0; i < count; i++) {
        *republish += count_republish(rules[i]);
    }
    struct wr_rule_set *set = wr_rule_set_new(rules, count);
    free(rules);
    return set;
}

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

static void publish(struct wr_rule_book *b, bool files)
{
    wr_mono began = wr_mono_now();
    uv_timer_stop(&b->merge);
    size_t republish;
    struct wr_rule_set *set = merge(b, &republish), *before = b->set;
    b->set = set;
    if (republish * wr_rule_set_count(set) <= LOOPS_AT_ONCE) {
        look_for_loops(b);
    } else {
        uv_timer_start(&b->loops_timer, on_loops_timer, LOOPS_LATER_MS, 0);
    }
    b->options.changed(b->options.user, set, files);
    wr_rule_set_unlock(before);
    b->merge_us = wr_mono_since_us(began, wr_mono_now());
    answer_waiting(b);
}

void wr_rule_book_merge(struct wr_rule_book *b)
{
    if (b->folder) {
        publish(b, false);
    } else {
        answer_waiting(b);
    }
}

static void on_merge(uv_timer_t *timer)
{
    wr_rule_book_merge(timer->data);
}

void wr_rule_book_change(struct wr_rule_book *b)
{
    if (!uv_is_active((uv_handle_t *)&b->merge)) {
        int64_t wait = b->merge_us * MERGE_PART / 1000;
        uint64_t ms = wait > MERGE_LONGEST_MS ? MERGE_LONGEST_MS : (uint64_t)wait;
        uv_timer_start(&b->merge, on_merge, ms, 0);
    }
}

void wr_rule_book_wait(struct wr_rule_book *b, struct wr_api_call *call)
{
    call->later = true;
    b->waiting = wr_realloc(b->waiting, (b->waiting_count + 1) * sizeof(struct wr_api_call *));
    b->waiting[b->waiting_count++] = call;
    wr_rule_book_change(b);
}

// ---- changes

struct wr_book_rule *wr_rule_book_append(struct wr_rule_book *b, const struct wr_book_rule *r)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->rules = wr_realloc(b->rules, b->cap * sizeof *b->rules);
    }
    struct wr_book_rule *new = &b->rules[b->count++];
    wr_assert(b->count == 1 || new[-1].id < r->id); // they come in the order of their commits
    *new = *r;
    new->hash_ = hash_of(r->tenant, r->region, wr_str_of(r->name));
    return new;
}

void wr_rule_book_put(struct wr_rule_book *b, const struct wr_book_rule *r)
{
    size_t i = index_of(b, r->tenant, r->region, wr_str_of(r->name));
    if (i != SIZE_MAX) {
        uint64_t hash = b->rules[i].hash_;
        release(&b->rules[i]);
        b->rules[i] = *r;
        b->rules[i].hash_ = hash;
    } else {
        wr_rule_book_append(b, r);
    }
    if (r->rule) {
        wr_rule_count(r->rule, b->options.metrics);
    }
    wr_rule_book_change(b);
}

static void take_out(struct wr_rule_book *b, size_t i)
{
    release(&b->rules[i]);
    memmove(&b->rules[i], &b->rules[i + 1], (b->count - i - 1) * sizeof *b->rules);
    b->count--;
}

void wr_rule_book_remove(struct wr_rule_book *b, int64_t tenant, const char *region, wr_str name)
{
    size_t i = index_of(b, tenant, region, name);
    if (i != SIZE_MAX) {
        take_out(b, i);
        wr_rule_book_change(b);
        b->options.freed(b->options.user);
    }
}

// The tenant's registry is empty now.
static void on_emptied(void *book, int64_t tenant)
{
    struct wr_rule_book *b = book;
    for (size_t i = b->count; i-- > 0;) {
        if (b->rules[i].tenant == tenant) {
            take_out(b, i);
        }
    }
    wr_rule_book_change(b);
    b->options.freed(b->options.user);
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
    for (size_t i = 0; is_of_files(b, tenant, region) && wr_folder_rule_at(b->folder, i, out);
         i++) {
        if (wr_str_eq(out->rule->plain, name)) {
            return true;
        }
    }
    return false;
}

bool wr_rule_book_next_file(const struct wr_rule_book *b, int64_t tenant, const char *region,
                            int64_t after, struct wr_folder_rule *out)
{
    bool found = false;
    struct wr_folder_rule one;
    for (size_t i = 0; is_of_files(b, tenant, region) && wr_folder_rule_at(b->folder, i, &one);
         i++) {
        if (one.number > after && (!found || one.number < out->number)) {
            *out = one;
            found = true;
        }
    }
    return found;
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
    uv_timer_init(options->loop, &b->merge);
    uv_timer_init(options->loop, &b->loops_timer);
    b->merge.data = b->loops_timer.data = b;
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
        release(&b->rules[i]);
    }
    free(b->rules);
    free(b->loops);
    free(b->waiting);
    wr_rule_set_unlock(b->set);
    free(b);
    done(user);
}

static void on_loops_closed(uv_handle_t *handle)
{
    book_free(handle->data);
}

static void on_merge_closed(uv_handle_t *handle)
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
    uv_close((uv_handle_t *)&b->merge, on_merge_closed);
}
