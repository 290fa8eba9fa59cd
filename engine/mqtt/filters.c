// Covering sets, disjoint sets, and the choice among copies. Quadratic in the number of filters
// with wildcards, guarded by a comparison of their literal beginnings; runs when rules change.
#include "engine/mqtt/filters.h"

#include <stdlib.h>

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

// The bytes that every topic of the filter begins with. `a/#` matches `a` as well, so the slash
// before a wildcard is left out.
static wr_str literal(wr_str filter)
{
    size_t i = 0;
    while (i < filter.len && filter.at[i] != '+' && filter.at[i] != '#') {
        i++;
    }
    return wr_str_cut(filter, 0, i == filter.len || i == 0 ? i : i - 1);
}

// False: no topic can match both, by their literals alone.
static bool may_overlap(wr_str literal_a, wr_str literal_b)
{
    size_t n = literal_a.len < literal_b.len ? literal_a.len : literal_b.len;
    return n == 0 || memcmp(literal_a.at, literal_b.at, n) == 0;
}

static bool has_wildcard(wr_str filter)
{
    return literal(filter).len < filter.len;
}

static int compare(const void *a, const void *b)
{
    const wr_str *x = a, *y = b;
    return wr_str_cmp(*x, *y);
}

static void add(struct wr_filters *f, wr_str filter)
{
    if (f->count == f->cap_) {
        f->cap_ = f->cap_ ? 2 * f->cap_ : 16;
        f->at = wr_realloc(f->at, f->cap_ * sizeof *f->at);
    }
    f->at[f->count++] = (wr_str){wr_strdup(filter), filter.len};
}

static void free_bytes(wr_str s)
{
    free((void *)(uintptr_t)s.at); // made by wr_strdup()
}

static void drop(struct wr_filters *f, size_t index)
{
    free_bytes(f->at[index]);
    f->at[index] = f->at[--f->count];
}

void wr_filters_release(struct wr_filters *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free_bytes(f->at[i]);
    }
    free(f->at);
    *f = (struct wr_filters){0};
}

// Give: a sorted copy of the list (not of its bytes) without repetition.
static wr_str *sorted(const wr_str *wanted, size_t *count)
{
    wr_str *list = wr_alloc((*count ? *count : 1) * sizeof *list);
    if (*count) {
        memcpy(list, wanted, *count * sizeof *list);
        qsort(list, *count, sizeof *list, compare);
    }
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (kept == 0 || !wr_str_eq(list[kept - 1], list[i])) {
            list[kept++] = list[i];
        }
    }
    *count = kept;
    return list;
}

void wr_filters_copy(const wr_str *list, size_t count, struct wr_filters *out)
{
    wr_str *names = sorted(list, &count);
    for (size_t i = 0; i < count; i++) {
        add(out, names[i]);
    }
    free(names);
}

// A filter with its literal, so that most pairs cost one comparison of bytes.
struct headed {
    wr_str filter, literal;
};

// Whether filter `index` is covered by another. Of two that cover each other (`#` and `+/#`) the
// first stays.
static bool is_covered(const struct headed *list, const size_t *wild, size_t wild_count,
                       size_t index)
{
    const struct headed *this = &list[index];
    for (size_t w = 0; w < wild_count; w++) {
        const struct headed *other = &list[wild[w]];
        if (other != this && may_overlap(other->literal, this->literal) &&
            wr_topic_covers(other->filter, this->filter) &&
            (other < this || !wr_topic_covers(this->filter, other->filter))) {
            return true;
        }
    }
    return false;
}

void wr_filters_cover(const wr_str *wanted, size_t count, struct wr_filters *out)
{
    wr_str *names = sorted(wanted, &count);
    struct headed *list = wr_alloc((count ? count : 1) * sizeof *list);
    size_t *wild = wr_alloc((count ? count : 1) * sizeof *wild), wild_count = 0;
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct headed){names[i], literal(names[i])};
        if (has_wildcard(names[i])) {
            wild[wild_count++] = i;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_covered(list, wild, wild_count, i)) {
            add(out, names[i]);
        }
    }
    free(wild);
    free(list);
    free(names);
}

static bool next_level(wr_str *rest, wr_str *level)
{
    if (!rest->at) {
        return false;
    }
    const char *slash = rest->len ? memchr(rest->at, '/', rest->len) : NULL;
    size_t len = slash ? (size_t)(slash - rest->at) : rest->len;
    *level = wr_str_cut(*rest, 0, len);
    *rest = slash ? wr_str_cut(*rest, len + 1, rest->len) : (wr_str){NULL, 0};
    return true;
}

// The narrowest filter that covers two overlapping ones: level by level, `+` where they differ, `#`
// from where one of them has it (or, by `a/#` matching `a`, ends).
static void join(wr_str a, wr_str b, struct wr_buf *out)
{
    wr_str level_a = {0}, level_b = {0};
    wr_buf_clear(out);
    for (bool first = true;; first = false) {
        bool more_a = next_level(&a, &level_a), more_b = next_level(&b, &level_b);
        if (!more_a && !more_b) {
            return;
        }
        if (!first) {
            wr_buf_add_char(out, '/');
        }
        if (!more_a || !more_b || wr_str_eq(level_a, WR_STR("#")) ||
            wr_str_eq(level_b, WR_STR("#"))) {
            wr_buf_add_char(out, '#');
            return;
        }
        wr_buf_add(out, wr_str_eq(level_a, level_b) ? level_a : WR_STR("+"));
    }
}

void wr_filters_disjoint(const wr_str *wanted, size_t count, struct wr_filters *out)
{
    wr_str *list = sorted(wanted, &count);
    struct wr_buf filter = {0}, joined = {0};
    for (size_t i = 0; i < count; i++) {
        wr_buf_clear(&filter);
        wr_buf_add(&filter, list[i]);
        for (size_t j = 0; j < out->count;) {
            wr_str have = out->at[j], this = wr_buf_str(&filter);
            if (!may_overlap(literal(have), literal(this)) || !wr_topic_overlap(have, this)) {
                j++;
                continue;
            }
            join(have, this, &joined);
            drop(out, j);
            wr_buf_clear(&filter);
            wr_buf_add(&filter, wr_buf_str(&joined));
            j = 0; // the wider one may meet those that were passed
        }
        add(out, wr_buf_str(&filter));
    }
    if (out->count) {
        qsort(out->at, out->count, sizeof *out->at, compare);
    }
    wr_buf_release(&filter);
    wr_buf_release(&joined);
    free(list);
}

// ---- copies

static int compare_ids(const void *a, const void *b)
{
    const struct wr_copy_filter *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

void wr_copies_init(struct wr_copies *c, const wr_str *filters, const uint32_t *ids, size_t count)
{
    *c = (struct wr_copies){.count = count};
    c->at = wr_zalloc((count ? count : 1) * sizeof *c->at);
    for (size_t i = 0; i < count; i++) {
        c->at[i] = (struct wr_copy_filter){.id = ids[i], .filter = filters[i]};
    }
    qsort(c->at, count, sizeof *c->at, compare_ids);
    wr_str *literals = wr_alloc((count ? count : 1) * sizeof *literals);
    uint32_t *found = wr_alloc((count ? count : 1) * sizeof *found);
    for (size_t i = 0; i < count; i++) {
        struct wr_copy_filter *f = &c->at[i];
        literals[i] = literal(f->filter);
        bool wild = literals[i].len < f->filter.len;
        for (size_t j = 0; j < i; j++) {
            // Two without a wildcard overlap only when they are equal, which they are not.
            if ((wild || literals[j].len < c->at[j].filter.len) &&
                may_overlap(literals[j], literals[i]) &&
                wr_topic_overlap(c->at[j].filter, f->filter)) {
                found[f->lower_count++] = (uint32_t)j;
            }
        }
        if (f->lower_count) {
            f->lower = wr_alloc(f->lower_count * sizeof *f->lower);
            memcpy(f->lower, found, f->lower_count * sizeof *f->lower);
        }
    }
    free(found);
    free(literals);
}

void wr_copies_release(struct wr_copies *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->at[i].lower);
    }
    free(c->at);
    *c = (struct wr_copies){0};
}

static bool is_lowest(const struct wr_copies *c, const struct wr_copy_filter *f, wr_str topic)
{
    for (size_t i = 0; i < f->lower_count; i++) {
        if (wr_topic_matches_mqtt(c->at[f->lower[i]].filter, topic)) {
            return false;
        }
    }
    return true;
}

bool wr_copies_take(const struct wr_copies *c, wr_str topic, const uint32_t *ids, size_t count)
{
    if (count == 0) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        struct wr_copy_filter key = {.id = ids[i]};
        const struct wr_copy_filter *f =
            c->count ? bsearch(&key, c->at, c->count, sizeof *c->at, compare_ids) : NULL;
        if (!f || is_lowest(c, f, topic)) {
            return true;
        }
    }
    return false;
}
