// Covering sets, disjoint sets, and the choice among copies; runs when rules change. Filters meet
// only where the literal beginning of one is a beginning of the other's, by levels: those are found
// in a sorted list. (Disjoint sets, for brokers without subscription identifiers, compare all
// pairs.)
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

// A filter with its literal.
struct headed {
    wr_str filter, literal;
    size_t number; // in the caller's list
};

static int compare_headed(const void *a, const void *b)
{
    const struct headed *x = a, *y = b;
    int order = wr_str_cmp(x->literal, y->literal);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

// Walks the filters of a sorted list whose literal is `of` or the beginning of it, at the end of a
// level: a literal never ends inside of one.
struct heads {
    const struct headed *sorted;
    size_t count;
    wr_str of;
    size_t len; // of the beginning that is looked at
    size_t at;
    bool begun;
};

static size_t find_literal(const struct heads *h, wr_str literal)
{
    size_t low = 0, high = h->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (wr_str_cmp(h->sorted[middle].literal, literal) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct headed *next_head(struct heads *h)
{
    for (;;) {
        wr_str beginning = wr_str_cut(h->of, 0, h->len);
        if (!h->begun) {
            h->at = find_literal(h, beginning);
            h->begun = true;
        }
        if (h->at < h->count && wr_str_eq(h->sorted[h->at].literal, beginning)) {
            return &h->sorted[h->at++];
        }
        if (h->len >= h->of.len) {
            return NULL;
        }
        const char *from = h->of.at + h->len + 1; // behind the slash that ends this one
        const char *end = h->of.at + h->of.len;
        const char *slash = from < end ? memchr(from, '/', (size_t)(end - from)) : NULL;
        h->len = slash ? (size_t)(slash - h->of.at) : h->of.len;
        h->begun = false;
    }
}

// Whether a filter is covered by another one, whose literal is then a beginning of its own. Of two
// that cover each other (`#` and `+/#`) the first stays.
static bool is_covered(const struct headed *wild, size_t wild_count, const struct headed *this)
{
    struct heads heads = {.sorted = wild, .count = wild_count, .of = this->literal};
    for (const struct headed *other; (other = next_head(&heads)) != NULL;) {
        if (other->number != this->number && wr_topic_covers(other->filter, this->filter) &&
            (other->number < this->number || !wr_topic_covers(this->filter, other->filter))) {
            return true;
        }
    }
    return false;
}

void wr_filters_cover(const wr_str *wanted, size_t count, struct wr_filters *out)
{
    wr_str *names = sorted(wanted, &count);
    struct headed *wild = wr_alloc((count ? count : 1) * sizeof *wild);
    size_t wild_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_wildcard(names[i])) {
            wild[wild_count++] = (struct headed){names[i], literal(names[i]), i};
        }
    }
    if (wild_count) {
        qsort(wild, wild_count, sizeof *wild, compare_headed);
    }
    for (size_t i = 0; i < count; i++) {
        const struct headed this = {names[i], literal(names[i]), i};
        if (!is_covered(wild, wild_count, &this)) {
            add(out, names[i]);
        }
    }
    free(wild);
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

// The two overlap: the one with the higher id notes the other.
static void add_lower(struct wr_copies *c, size_t a, size_t b)
{
    struct wr_copy_filter *high = &c->at[a > b ? a : b];
    size_t count = high->lower_count;
    if ((count & (count - 1)) == 0) { // grows at powers of two
        high->lower = wr_realloc(high->lower, (count ? 2 * count : 1) * sizeof *high->lower);
    }
    high->lower[high->lower_count++] = (uint32_t)(a > b ? b : a);
}

void wr_copies_init(struct wr_copies *c, const wr_str *filters, const uint32_t *ids, size_t count)
{
    *c = (struct wr_copies){.count = count};
    c->at = wr_zalloc((count ? count : 1) * sizeof *c->at);
    for (size_t i = 0; i < count; i++) {
        c->at[i] = (struct wr_copy_filter){.id = ids[i], .filter = filters[i]};
    }
    struct headed *sorted_list = wr_alloc((count ? count : 1) * sizeof *sorted_list);
    if (count) {
        qsort(c->at, count, sizeof *c->at, compare_ids);
    }
    for (size_t i = 0; i < count; i++) {
        sorted_list[i] = (struct headed){c->at[i].filter, literal(c->at[i].filter), i};
    }
    if (count) {
        qsort(sorted_list, count, sizeof *sorted_list, compare_headed);
    }
    for (size_t i = 0; i < count; i++) {
        const struct headed *this = &sorted_list[i];
        struct heads heads = {.sorted = sorted_list, .count = count, .of = this->literal};
        for (const struct headed *other; (other = next_head(&heads)) != NULL;) {
            bool once = other->literal.len < this->literal.len || other->number < this->number;
            // Two without a wildcard overlap only when they are equal, which they are not.
            bool wild =
                this->literal.len < this->filter.len || other->literal.len < other->filter.len;
            if (once && wild && wr_topic_overlap(other->filter, this->filter)) {
                add_lower(c, this->number, other->number);
            }
        }
    }
    free(sorted_list);
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
