// Reading payloads by shapes, and which shapes. How they are learned: json_shape_learn.c.
#include "sql/base/json_shape.h"

#include <stdlib.h>

#include "sql/base/compiler.h"
#include "sql/base/err.h"
#include "sql/base/json_scan.h"
#include "sql/base/json_shape_parts.h"
#include "sql/base/json_text.h"

#include "sql/base/banned.h"

#define SHAPES_MAX 8 // tried one after the other, the latest hit first
#define LEVELS     8 // arrays of objects within each other; deeper ones are read without ops
#define TREE_MAX   (256u << 10) // bytes of the rows of one array

// Where shapes do not help, their cost is bounded: learning backs off while what is learned is not
// used, and after a window with few hits they are left alone for a while.
#define BACKOFF_MAX 128 // less than a window: each one tries again
#define HITS_USEFUL 16
#define WINDOW      256
#define WINDOW_HITS 32
#define PAUSE       8192

struct wr_shapes {
    const struct wr_paths *paths;
    bool *trees;                  // by slot: wanted; NULL: none is
    struct shape *at[SHAPES_MAX]; // in the order in which they are tried
    unsigned count;
    struct shape *spare;        // memory for the next one, or NULL
    uint32_t learn_in, backoff; // misses until the next one is learned
    uint32_t pause;             // payloads to be read without shapes
    uint32_t window, window_hits;
    struct wr_shapes_stats stats;
};

// ---- reading

// A payload that ends early is found out at its last op at the latest: `p` passes `end` then, since
// nothing moves it back. What was read until then is thrown away.
#define ROOM   (LITERAL + 16) // what an op looks at: its literal, and the begin of the hole
#define UNTIDY 0x10000u       // adds up, as the small ones do: too many of those are untidy too

struct reading {
    const struct shape *s;
    const char *end;
    const char *limit; // bytes before it may be read; at or behind `end`
    uintptr_t whole;   // up to this address ROOM bytes may be read
    wr_value *values;
    const bool *wanted;     // trees, by slot
    wr_value *trees;        // by slot; NULL: none
    struct wr_arena *arena; // for them
    unsigned odd; // values so far that are not spelt canonically; UNTIDY: blanks, unknown keys
};

// A scalar at p, whatever it is. NULL: none, or malformed.
static WR_NOINLINE const char *read_scalar(struct reading *r, const char *p, wr_value *v)
{
    if (p >= r->end || *p == '{' || *p == '[') {
        return NULL;
    }
    const char *next = wr_json_scan_scalar(p, r->end, v);
    if (next && v->type == WR_NUMBER) {
        bool canonical = wr_json_is_canonical_number((wr_str){p, (size_t)(next - p)});
        r->odd += !canonical;
        v->flags |= canonical ? WR_V_CANON : 0;
    } else if (next && v->type == WR_STRING) {
        r->odd += v->flags & WR_V_LAZY;
        v->flags |= v->flags & WR_V_LAZY ? 0 : WR_V_CANON;
    }
    return next;
}

#ifdef __SSE2__
struct marks {
    unsigned quotes, other; // `other`: what ends the plain part of a string, but quotes
};

static inline struct marks marks_at(const char *p)
{
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(text, _mm_set1_epi8('"'));
    // Signed: bytes above 0x7f are below a blank too.
    __m128i low = _mm_cmplt_epi8(text, _mm_set1_epi8(' '));
    __m128i slash = _mm_cmpeq_epi8(text, _mm_set1_epi8('\\'));
    return (struct marks){(unsigned)_mm_movemask_epi8(quote),
                          (unsigned)_mm_movemask_epi8(_mm_or_si128(low, slash))};
}

// Behind the string at p if it is plain ASCII, else NULL; 16 bytes at p may be read. `v` is filled
// if it is wanted.
static WR_ALWAYS_INLINE const char *plain_string(const char *p, const char *limit, bool wanted,
                                                 wr_value *v)
{
    struct marks m = marks_at(p);
    const char *chunk = p;
    if (WR_UNLIKELY(!(m.quotes & 1))) {
        return NULL;
    }
    m.quotes &= m.quotes - 1;
    while (WR_UNLIKELY(!m.quotes)) {
        chunk += 16;
        if (m.other || limit - chunk < 16) {
            return NULL;
        }
        m = marks_at(chunk);
    }
    if (WR_UNLIKELY(m.other & (m.quotes ^ (m.quotes - 1)))) {
        return NULL;
    }
    const char *closing = chunk + __builtin_ctz(m.quotes);
    if (wanted) {
        *v = (wr_value){.type = WR_STRING,
                        .flags = WR_V_CANON,
                        .len = (uint32_t)(closing - p - 1),
                        .as.text = p + 1};
    }
    return closing + 1;
}
#endif

// The word at p, or NULL; 5 bytes may be read.
static inline const char *read_word(const char *p, wr_value *v)
{
    if (memcmp(p, "true", 4) == 0) {
        *v = wr_boolean(true);
        return p + 4;
    }
    if (memcmp(p, "fals", 4) == 0 && p[4] == 'e') {
        *v = wr_boolean(false);
        return p + 5;
    }
    *v = wr_null();
    return memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
}

// The scalar at p, where 16 bytes may be read.
static WR_ALWAYS_INLINE const char *read_hole(struct reading *r, enum op_kind kind, const char *p,
                                              wr_value *v)
{
#ifdef __SSE2__
    const char *next = NULL;
    if (kind == OP_STRING) {
        next = plain_string(p, r->limit, true, v);
    } else if (kind == OP_NUMBER) {
        next = wr_json_scan_number(p, v, &r->odd);
    } else {
        next = read_word(p, v);
    }
    if (WR_LIKELY(next)) {
        return next;
    }
#endif
    return read_scalar(r, p, v);
}

static WR_ALWAYS_INLINE const char *skip_hole(struct reading *r, enum op_kind kind, const char *p)
{
#ifdef __SSE2__
    const char *next = kind == OP_STRING ? plain_string(p, r->limit, false, NULL)
                                         : wr_json_scan_number(p, NULL, NULL);
    if (WR_LIKELY(next)) {
        return next;
    }
#endif
    wr_value v;
    return read_scalar(r, p, &v);
}

// ---- arrays

static inline const char *space(struct reading *r, const char *p)
{
    if (WR_UNLIKELY(p < r->end && (unsigned char)*p <= ' ')) {
        r->odd += UNTIDY;
        return wr_json_skip_space(p, r->end);
    }
    return p;
}

// Behind the element at p and the comma or bracket that follows at once; NULL: anything else.
static WR_ALWAYS_INLINE const char *quick_element(struct reading *r, const char *p)
{
#ifdef __SSE2__
    if (WR_LIKELY((uintptr_t)p <= r->whole)) {
        unsigned odd = 0;
        wr_value v;
        const char *next =
            *p == '"' ? plain_string(p, r->limit, false, NULL) : wr_json_scan_number(p, &v, &odd);
        if (WR_LIKELY(next) && next < r->end && (*next == ',' || *next == ']')) {
            r->odd += odd;
            return next + 1;
        }
    }
#endif
    return NULL;
}

// The elements from p on, whatever they are, and the closing bracket; NULL when they are malformed.
static const char *read_elements(struct reading *r, const struct op *array, const char *p)
{
    for (;;) {
        const char *next = quick_element(r, p);
        if (WR_LIKELY(next)) {
            if (next[-1] == ']') {
                return next;
            }
            p = next;
            continue;
        }
        p = space(r, p);
        if (p >= r->end) {
            return NULL;
        }
        if (*p == '{' || *p == '[') {
            r->odd += UNTIDY; // its keys are not looked at
            p = wr_json_skip_value(p, r->end, array->depth + 1u);
        } else {
            wr_value v;
            p = read_scalar(r, p, &v);
        }
        if (!p) {
            return NULL;
        }
        p = space(r, p);
        if (p >= r->end || (*p != ',' && *p != ']')) {
            return NULL;
        }
        if (*p++ == ']') {
            return p;
        }
    }
}

// The array at p; NULL when it is none or malformed.
static const char *read_array(struct reading *r, const struct op *array, const char *p)
{
    if (p >= r->end || *p != '[') {
        return NULL;
    }
    p = space(r, p + 1);
    return p < r->end && *p == ']' ? p + 1 : read_elements(r, array, p);
}

// The same for an array that nobody wants, in line while its elements are plain ones.
static WR_ALWAYS_INLINE const char *skip_array(struct reading *r, const struct op *array,
                                               const char *p)
{
    if (WR_UNLIKELY(p >= r->end || *p != '[')) {
        return NULL;
    }
    const char *first = p + 1, *next = first;
    do {
        p = next;
        next = quick_element(r, p);
    } while (next && next[-1] == ',');
    if (WR_LIKELY(next)) {
        return next;
    }
    return p == first ? read_array(r, array, p - 1) : read_elements(r, array, p);
}

// ---- the pass

static inline wr_value *place(char *base, const struct op *o)
{
    return (wr_value *)(void *)(base + o->at);
}

// Whether ROOM bytes may be read at p.
static WR_ALWAYS_INLINE bool roomy(const struct reading *r, const char *p)
{
#ifdef __SSE2__
    return WR_LIKELY((uintptr_t)p <= r->whole);
#else
    return false;
#endif
}

// Whether the literal of `o` stands at p.
static WR_ALWAYS_INLINE bool match(const struct op *o, const char *p)
{
#ifdef __SSE2__
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)o->literal);
    return (~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) & o->mask) == 0;
#else
    return false;
#endif
}

// The number that ends before p has an exponent, which the quick scanner does not look for: the op
// behind it has not met its literal at p. All of it once more, after the colon; what is behind it,
// or NULL.
static WR_NOINLINE const char *read_exponent(struct reading *r, const char *p, wr_value *v)
{
    if (p >= r->end || (*p | 0x20) != 'e') {
        return NULL;
    }
    while ((unsigned char)(p[-1] - '0') < 10 || p[-1] == '.' || p[-1] == '-') {
        p--;
    }
    return p[-1] == ':' || (unsigned char)p[-1] <= ' ' ? read_scalar(r, p, v) : NULL;
}

static inline wr_value container(const struct reading *r, enum wr_type type, const char *start,
                                 const char *end, unsigned odd_before)
{
    unsigned odd = r->odd - odd_before;
    bool tidy = r->s->tidy && odd < UNTIDY;
    unsigned flags = !tidy ? WR_V_LAZY
                     : odd ? WR_V_LAZY | WR_V_TIDY
                           : WR_V_LAZY | WR_V_TIDY | WR_V_CANON;
    return (wr_value){.type = (uint8_t)type,
                      .flags = (uint8_t)flags,
                      .len = (uint32_t)(end - start),
                      .as.text = start};
}

// An array whose elements are read by ops, now.
struct level {
    const struct op *array;
    const char *start, *element;
    struct wr_member *rows, *row; // the tree's, if it is made; the element's
    uint32_t columns, count;      // members of a row; rows that are complete
    size_t size;                  // bytes of room for rows
    unsigned odd;
};

// Room for the rows of as many elements as there may be before `end`. Without it there is no tree.
static WR_NOINLINE void begin_tree(const struct reading *r, struct level *level, const char *p)
{
    const struct shape *s = r->s;
    const struct op *head = &s->ops[level->array->element - 1];
    size_t most = (size_t)(r->end - p) / head->depth + 1;
    size_t size = most * head->element * sizeof *level->rows;
    if (size > TREE_MAX) {
        return;
    }
    bool was_over = r->arena->over;
    const struct range *keys = &s->keys[head->at], *last = &keys[head->element - 1];
    uint32_t key_bytes = last->begin + last->len - keys->begin;
    char *text = wr_arena_alloc(r->arena, key_bytes + 1); // the shape may be forgotten earlier
    struct wr_member *rows = text ? wr_arena_alloc(r->arena, size) : NULL;
    r->arena->over = was_over; // the tree was not asked for
    if (!rows) {
        return;
    }
    memcpy(text, s->key_text.at + keys->begin, key_bytes);
    for (uint32_t i = 0; i < head->element; i++) {
        rows[i].key = (wr_str){text + (keys[i].begin - keys->begin), keys[i].len};
    }
    level->rows = level->row = rows;
    level->columns = head->element;
    level->size = size;
}

static inline void next_row(struct level *level)
{
    struct wr_member *from = level->row, *to = from + level->columns, *end = to;
    level->row = to;
    for (; end - from >= 2; from += 2, to += 2) {
        to[0].key = from[0].key;
        to[1].key = from[1].key;
    }
    if (from < end) {
        to->key = from->key;
    }
    level->count++;
}

// The array has ended, and all its elements are in rows.
static WR_NOINLINE void end_tree(const struct reading *r, struct level *level)
{
    bool was_over = r->arena->over;
    size_t size = (size_t)level->count * level->columns * sizeof *level->rows;
    struct wr_member *rows = wr_arena_grow(r->arena, level->rows, level->size, size);
    wr_value *items = rows ? wr_arena_alloc(r->arena, level->count * sizeof *items) : NULL;
    r->arena->over = was_over;
    if (!items) {
        return;
    }
    for (uint32_t i = 0; i < level->count; i++, rows += level->columns) {
        items[i] = (wr_value){.type = WR_OBJECT, .len = level->columns, .as.members = rows};
    }
    r->trees[level->array->at / sizeof *items] =
        (wr_value){.type = WR_ARRAY, .len = level->count, .as.items = items};
}

static inline bool tree_wanted(const struct reading *r, const struct op *array)
{
    return r->trees && r->wanted[array->at / sizeof(wr_value)] &&
           r->s->ops[array->element - 1].element;
}

// What follows the element that ends at p: true when it is another one for the ops, at *p; else *p
// is behind the array, or NULL.
static inline bool next_element(struct reading *r, struct level *level, const char **p)
{
    if (WR_LIKELY(r->end - *p >= 2)) {
        if (WR_LIKELY((*p)[0] == ',' && (*p)[1] == '{')) {
            level->element = ++*p;
            if (level->rows) {
                next_row(level);
            }
            return true;
        }
        if (WR_LIKELY(**p == ']')) {
            level->count++;
            ++*p;
            return false;
        }
    }
    const char *q = space(r, *p);
    level->rows = NULL;
    *p = q >= r->end ? NULL
         : *q == ']' ? q + 1
         : *q == ',' ? read_elements(r, level->array, q + 1)
                     : NULL;
    return false;
}

// Computed goto, as in the VM: a switch costs more than what most ops do.
#ifdef WR_VM_SWITCH
#    define SWITCH(kind) switch ((enum op_kind)(kind))
#    define CASE(name)   case name
#else
#    define SWITCH(kind) goto *labels[kind];
#    define CASE(name)   on_##name
#endif

// The whole text; NULL when it does not fit.
static const char *run(struct reading *r, const char *p)
{
#ifndef WR_VM_SWITCH
    static const void *const labels[] = {
#    define OP(name) [name] = &&on_##name,
        OP_KINDS(OP)
#    undef OP
    };
#endif
    const struct op *o = r->s->ops;
    struct level levels[LEVELS], *level = NULL; // NULL: in no array
    struct wr_member nobodys[COLUMNS_MAX];      // values of elements that are no rows
    char *base = (char *)r->values;             // of what a hole's place is counted from
    wr_value v;
    for (;; o++) {
        if (roomy(r, p)) {
            if (WR_UNLIKELY(!match(o, p))) {
                goto mismatch;
            }
            p += o->len;
        } else {
            if (r->end - p < o->len || memcmp(p, o->literal, o->len) != 0) {
                goto misfit;
            }
            p += o->len;
            if (o->kind <= OP_SKIP_NUMBER) {
                p = read_scalar(r, p, o->kind < OP_SKIP_STRING ? place(base, o) : &v);
                if (WR_UNLIKELY(!p)) {
                    goto misfit;
                }
                continue;
            }
        }
        SWITCH(o->kind)
        {
            CASE(OP_STRING) : p = read_hole(r, OP_STRING, p, place(base, o));
            if (WR_LIKELY(p)) {
                continue;
            }
            goto misfit;
            CASE(OP_NUMBER) : p = read_hole(r, OP_NUMBER, p, place(base, o));
            if (WR_LIKELY(p)) {
                continue;
            }
            goto misfit;
            CASE(OP_WORD) : p = read_hole(r, OP_WORD, p, place(base, o));
            if (WR_UNLIKELY(!p)) {
                goto misfit;
            }
            continue;
            CASE(OP_SKIP_STRING) : p = skip_hole(r, OP_STRING, p);
            if (WR_UNLIKELY(!p)) {
                goto misfit;
            }
            continue;
            CASE(OP_SKIP_NUMBER) : p = skip_hole(r, OP_NUMBER, p);
            if (WR_UNLIKELY(!p)) {
                goto misfit;
            }
            continue;
            CASE(OP_ARRAY) :
            {
                unsigned odd = r->odd;
                const char *start = p;
                if (o->element && level != &levels[LEVELS - 1] && r->end - p >= 2 && p[0] == '[' &&
                    p[1] == '{') {
                    bool tree = !level && tree_wanted(r, o);
                    level = level ? level + 1 : levels;
                    *level =
                        (struct level){.array = o, .start = start, .element = p + 1, .odd = odd};
                    p++;
                    if (tree) {
                        begin_tree(r, level, p);
                    }
                    base = (char *)(level->rows ? level->row : nobodys);
                    o = &r->s->ops[o->element] - 1;
                    continue;
                }
                p = read_array(r, o, p);
                v = container(r, WR_ARRAY, start, p ? p : start, odd);
                goto filled;
            }
            CASE(OP_SKIP_ARRAY) : p = skip_array(r, o, p);
            if (WR_UNLIKELY(!p)) {
                goto misfit;
            }
            continue;
            CASE(OP_TEXT) : continue;
            CASE(OP_OPEN) :
            { // what CLOSE needs is kept where it puts its value
                wr_value *open = place(base, o);
                open->as.text = p;
                open->len = r->odd;
                continue;
            }
            CASE(OP_CLOSE) :
            {
                wr_value *open = place(base, o);
                *open = container(r, WR_OBJECT, open->as.text, p, open->len);
                continue;
            }
            CASE(OP_HEAD) : return NULL;
            CASE(OP_END) : if (!level)
            {
                return p;
            }
            if (next_element(r, level, &p)) {
                base = (char *)(level->rows ? level->row : nobodys);
                o = &r->s->ops[level->array->element] - 1;
                continue;
            }
            o = level->array;
            v = container(r, WR_ARRAY, level->start, p ? p : level->start, level->odd);
            if (level->rows) {
                end_tree(r, level);
            }
            level = level == levels ? NULL : level - 1;
            base = level ? (char *)nobodys : (char *)r->values; // an element with arrays is no row
            goto filled;
        }
    filled:
        if (WR_UNLIKELY(!p)) {
            goto misfit;
        }
        *place(base, o) = v;
        continue;
    mismatch: // of the literal
        if (o != r->s->ops && o->len && (o[-1].kind == OP_NUMBER || o[-1].kind == OP_SKIP_NUMBER)) {
            const struct op *number = o - 1;
            p = read_exponent(r, p, number->kind == OP_NUMBER ? place(base, number) : &v);
            if (p) {
                o = number; // and on to this one again
                continue;
            }
        }
    misfit: // an element may be another object than the first; everything else ends the attempt
        if (!level) {
            return NULL;
        }
        r->odd += UNTIDY;
        level->rows = NULL;
        base = (char *)nobodys;
        p = wr_json_skip_value(level->element, r->end, level->array->depth + 1u);
        if (!p) {
            return NULL;
        }
        if (next_element(r, level, &p)) {
            o = &r->s->ops[level->array->element] - 1;
            continue;
        }
        if (!p) {
            return NULL;
        }
        o = level->array;
        v = container(r, WR_ARRAY, level->start, p, level->odd);
        level = level == levels ? NULL : level - 1;
        base = level ? (char *)nobodys : (char *)r->values;
        *place(base, o) = v;
    }
}

static bool fits(const struct wr_shapes *s, const struct shape *shape, wr_str text, size_t padding,
                 wr_value *values, const struct wr_shapes_trees *trees)
{
    const char *end = text.at + text.len;
    struct reading r;
    r.s = shape;
    r.end = end;
    r.limit = end + padding;
    r.values = values;
    r.trees = NULL;
    r.odd = 0;
    r.whole = text.len + padding < ROOM ? 0 : (uintptr_t)r.limit - ROOM;
    if (trees && s->trees) {
        r.wanted = s->trees;
        r.trees = trees->at;
        r.arena = trees->arena;
    }
    return run(&r, text.at) == end;
}

// ---- which shapes

struct wr_shapes *wr_shapes_new(const struct wr_paths *paths)
{
    struct wr_shapes *s = wr_zalloc(sizeof *s);
    s->paths = paths;
    s->backoff = 1;
    return s;
}

static void shape_free(struct shape *s)
{
    if (s) {
        free(s->ops);
        free(s->keys);
        wr_buf_release(&s->key_text);
        free(s);
    }
}

void wr_shapes_free(struct wr_shapes *s)
{
    if (s) {
        for (unsigned i = 0; i < s->count; i++) {
            shape_free(s->at[i]);
        }
        shape_free(s->spare);
        free(s->trees);
        free(s);
    }
}

// The newest takes the first place, the last one makes room.
WR_COLD static void learn_new(struct wr_shapes *s, wr_str text)
{
    bool full = s->count == SHAPES_MAX;
    bool wasted = full && s->at[SHAPES_MAX - 1]->hits < HITS_USEFUL;
    struct shape *mine = s->spare ? s->spare : wr_zalloc(sizeof *mine);
    s->spare = mine;
    bool learned = wr_shape_learn(s->paths, mine, text);
    if (wasted || !learned) {
        s->backoff = s->backoff < BACKOFF_MAX ? s->backoff * 2 : BACKOFF_MAX;
    } else {
        s->backoff = 1;
    }
    s->learn_in = s->backoff;
    if (!learned) {
        return;
    }
    s->spare = full ? s->at[SHAPES_MAX - 1] : NULL;
    s->count += !full;
    memmove(&s->at[1], &s->at[0], (s->count - 1) * sizeof s->at[0]);
    s->at[0] = mine;
    s->stats.learned++;
}

static void window(struct wr_shapes *s, bool hit)
{
    s->window_hits += hit;
    if (++s->window < WINDOW) {
        return;
    }
    if (s->window_hits < WINDOW_HITS) {
        s->pause = PAUSE;
    }
    s->window = s->window_hits = 0;
}

static bool try_shapes(struct wr_shapes *s, wr_str text, size_t padding, wr_value *values,
                       const struct wr_shapes_trees *trees)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (WR_UNLIKELY(!s->at[i]->full)) {
            memset(values, 0, s->paths->count * sizeof *values);
        }
        if (trees) {
            memset(trees->at, 0, s->paths->count * sizeof *values);
        }
        if (fits(s, s->at[i], text, padding, values, trees)) {
            struct shape *hit = s->at[i];
            hit->hits++;
            if (i > 0) {
                s->at[i] = s->at[i - 1];
                s->at[i - 1] = hit;
            }
            return true;
        }
    }
    return false;
}

void wr_shapes_want_tree(struct wr_shapes *s, uint32_t slot)
{
    s->trees = s->trees ? s->trees : wr_zalloc((s->paths->count + 1) * sizeof *s->trees);
    s->trees[slot] = true;
}

bool wr_shapes_wants_trees(const struct wr_shapes *s)
{
    return s->trees;
}

// By the reader that knows nothing; it makes no trees.
static enum wr_json_kind read_plainly(const struct wr_shapes *s, wr_str text, wr_value *values,
                                      const struct wr_shapes_trees *trees, size_t *error_at)
{
    if (trees) {
        memset(trees->at, 0, s->paths->count * sizeof *trees->at);
    }
    return wr_json_read(s->paths, text, values, error_at);
}

enum wr_json_kind wr_shapes_read(struct wr_shapes *s, wr_str text, size_t padding, wr_value *values,
                                 const struct wr_shapes_trees *trees, size_t *error_at)
{
    if (WR_UNLIKELY(s->pause)) {
        s->pause--;
        s->stats.misses++;
        return read_plainly(s, text, values, trees, error_at);
    }
    if (s->count && text.len <= UINT32_MAX && try_shapes(s, text, padding, values, trees)) {
        s->stats.hits++;
        window(s, true);
        return WR_JSON_VALID;
    }
    enum wr_json_kind kind = read_plainly(s, text, values, trees, error_at);
    s->stats.misses++;
    if (kind == WR_JSON_VALID) {
        if (s->learn_in) {
            s->learn_in--;
        } else {
            learn_new(s, text);
        }
    }
    window(s, false);
    return kind;
}

struct wr_shapes_stats wr_shapes_stats(const struct wr_shapes *s)
{
    return s->stats;
}
