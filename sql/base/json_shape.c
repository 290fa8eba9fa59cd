// Learning shapes from payloads, and reading payloads by them.
//
//   ops  literal before a hole, then the hole; … END; those of elements of arrays, each with an END
#include "sql/base/json_shape.h"

#include <stdlib.h>

#include "sql/base/compiler.h"
#include "sql/base/err.h"
#include "sql/base/json_paths.h"
#include "sql/base/json_scan.h"
#include "sql/base/json_text.h"

#include "sql/base/banned.h"

#define SHAPES_MAX 8    // tried one after the other, the latest hit first
#define OPS_MAX    4096 // a payload with more holes is not worth it
#define KEYS_MAX   1024 // of one object: each is compared with all before it

// Where shapes do not help, their cost is bounded: learning backs off while what is learned is not
// used, and after a window with few hits they are left alone for a while.
#define BACKOFF_MAX 128 // less than a window: each one tries again
#define HITS_USEFUL 16
#define WINDOW      256
#define WINDOW_HITS 32
#define PAUSE       8192

enum op_kind {
    OP_STRING, // holes by what they held when the shape was learned; each takes any scalar
    OP_NUMBER,
    OP_WORD,
    OP_SKIP_STRING, // nobody wants them, nor what they are part of
    OP_SKIP_NUMBER,
    OP_ARRAY,
    OP_TEXT,  // no hole: more of the literal follows
    OP_OPEN,  // an object that is wanted as a whole begins
    OP_CLOSE, // and ends
    OP_END,   // of the payload, or of an array's element
};

#define LITERAL 16 // bytes of one op's literal: a load
#define LEVELS  8  // arrays of objects within each other; deeper ones are read without ops

struct op {
    uint8_t kind;
    uint8_t len;      // of the literal
    uint16_t mask;    // a bit for each of its bytes
    uint16_t depth;   // containers around the hole
    uint32_t slot;    // or WR_PATHS_NO_SLOT
    uint32_t element; // ARRAY: the ops of an element that is an object; 0: none
    char literal[LITERAL];
};

struct shape {
    struct op *ops;
    uint32_t op_count, op_cap;
    bool tidy; // the literals: no blanks
    uint64_t hits;
};

struct wr_shapes {
    const struct wr_paths *paths;
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
#define UNTIDY 0x10000u // adds up, as the small ones do: too many of those are untidy too

struct reading {
    const struct shape *s;
    const char *end;
    const char *limit; // bytes before it may be read; at or behind `end`
    wr_value *values;
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

// Behind the string at p if it is plain ASCII, else NULL; 16 bytes at p may be read. `v` may be
// NULL.
static WR_ALWAYS_INLINE const char *plain_string(const char *p, const char *limit, wr_value *v)
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
    if (v) {
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

static WR_ALWAYS_INLINE const char *read_hole(struct reading *r, enum op_kind kind, const char *p,
                                              wr_value *v)
{
#ifdef __SSE2__
    if (WR_LIKELY(r->limit - p >= 16)) {
        const char *next = NULL;
        if (kind == OP_STRING) {
            next = plain_string(p, r->limit, v);
        } else if (kind == OP_NUMBER) {
            next = wr_json_scan_number(p, v);
            r->odd += next && !(v->flags & WR_V_CANON);
        } else {
            next = read_word(p, v);
        }
        if (WR_LIKELY(next)) {
            return next;
        }
    }
#endif
    return read_scalar(r, p, v);
}

static WR_ALWAYS_INLINE const char *skip_hole(struct reading *r, enum op_kind kind, const char *p)
{
#ifdef __SSE2__
    if (WR_LIKELY(r->limit - p >= 16)) {
        const char *next =
            kind == OP_STRING ? plain_string(p, r->limit, NULL) : wr_json_scan_number(p, NULL);
        if (WR_LIKELY(next)) {
            return next;
        }
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

// The elements from p on, whatever they are, and the closing bracket; NULL when they are malformed.
static const char *read_elements(struct reading *r, const struct op *array, const char *p)
{
    for (;;) {
        p = space(r, p);
        if (p >= r->end) {
            return NULL;
        }
        if (*p == '{' || *p == '[') {
            r->odd += UNTIDY; // its keys are not looked at
            p = wr_json_skip_value(p, r->end, array->depth + 1u);
        } else {
            wr_value v;
            p = read_hole(r, *p == '"' ? OP_STRING : OP_NUMBER, p, &v);
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

// ---- the pass

// Whether the literal of `o` stands at p.
static WR_ALWAYS_INLINE bool match(const struct reading *r, const struct op *o, const char *p)
{
#ifdef __SSE2__
    if (WR_LIKELY(r->limit - p >= LITERAL)) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)o->literal);
        return (~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) & o->mask) == 0;
    }
#endif
    return r->end - p >= o->len && memcmp(p, o->literal, o->len) == 0;
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
    unsigned odd;
};

// What follows the element that ends at p: true when it is another one for the ops, at *p; else *p
// is behind the array, or NULL.
static inline bool next_element(struct reading *r, struct level *level, const char **p)
{
    if (WR_LIKELY(r->end - *p >= 2)) {
        if (WR_LIKELY((*p)[0] == ',' && (*p)[1] == '{')) {
            level->element = ++*p;
            return true;
        }
        if (WR_LIKELY(**p == ']')) {
            ++*p;
            return false;
        }
    }
    const char *q = space(r, *p);
    *p = q >= r->end ? NULL
         : *q == ']' ? q + 1
         : *q == ',' ? read_elements(r, level->array, q + 1)
                     : NULL;
    return false;
}

// The whole text; NULL when it does not fit.
static const char *run(struct reading *r, const char *p)
{
    const struct op *o = r->s->ops;
    struct level levels[LEVELS], *level = NULL; // NULL: in no array
    wr_value v;
    for (;; o++) {
        if (WR_UNLIKELY(!match(r, o, p))) {
            goto misfit;
        }
        p += o->len;
        switch ((enum op_kind)o->kind) {
        case OP_STRING:
            p = read_hole(r, OP_STRING, p, &v);
            break;
        case OP_NUMBER:
            p = read_hole(r, OP_NUMBER, p, &v);
            break;
        case OP_WORD:
            p = read_hole(r, OP_WORD, p, &v);
            break;
        case OP_SKIP_STRING:
            p = skip_hole(r, OP_STRING, p);
            if (WR_UNLIKELY(!p)) {
                goto misfit;
            }
            continue;
        case OP_SKIP_NUMBER:
            p = skip_hole(r, OP_NUMBER, p);
            if (WR_UNLIKELY(!p)) {
                goto misfit;
            }
            continue;
        case OP_ARRAY: {
            unsigned odd = r->odd;
            const char *start = p;
            if (o->element && level != &levels[LEVELS - 1] && r->end - p >= 2 && p[0] == '[' &&
                p[1] == '{') {
                level = level ? level + 1 : levels;
                *level = (struct level){o, start, p + 1, odd};
                p++;
                o = &r->s->ops[o->element] - 1;
                continue;
            }
            p = read_array(r, o, p);
            v = container(r, WR_ARRAY, start, p ? p : start, odd);
            break;
        }
        case OP_TEXT:
            continue;
        case OP_OPEN: // what CLOSE needs is kept where it puts its value
            r->values[o->slot].as.text = p;
            r->values[o->slot].len = r->odd;
            continue;
        case OP_CLOSE: {
            const wr_value *open = &r->values[o->slot];
            r->values[o->slot] = container(r, WR_OBJECT, open->as.text, p, open->len);
            continue;
        }
        case OP_END:
            if (!level) {
                return p;
            }
            if (next_element(r, level, &p)) {
                o = &r->s->ops[level->array->element] - 1;
                continue;
            }
            o = level->array;
            v = container(r, WR_ARRAY, level->start, p ? p : level->start, level->odd);
            level = level == levels ? NULL : level - 1;
            break;
        }
        if (WR_UNLIKELY(!p)) {
            goto misfit;
        }
        if (o->slot != WR_PATHS_NO_SLOT) {
            r->values[o->slot] = v;
        }
        continue;
    misfit: // an element may be another object than the first; everything else ends the attempt
        if (!level) {
            return NULL;
        }
        r->odd += UNTIDY;
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
        if (o->slot != WR_PATHS_NO_SLOT) {
            r->values[o->slot] = container(r, WR_ARRAY, level->start, p, level->odd);
        }
        level = level == levels ? NULL : level - 1;
    }
}

static bool fits(const struct shape *s, wr_str text, size_t padding, wr_value *values)
{
    const char *end = text.at + text.len;
    struct reading r = {.s = s, .end = end, .limit = end + padding, .values = values};
    return run(&r, text.at) == end;
}

// ---- learning

struct element {
    uint32_t op; // the array's
    const char *at;
    unsigned depth, wanted;
};

struct learner {
    const struct wr_paths *paths;
    struct shape *s;
    const char *end;
    char literal[LITERAL]; // under construction
    unsigned len;
    unsigned wanted; // containers around that are wanted as a whole
    bool failed;
    struct element *elements; // still to be learned
    size_t element_count, element_cap;
};

static void emit(struct learner *l, enum op_kind kind, uint32_t slot, unsigned depth)
{
    struct shape *s = l->s;
    if (l->failed || s->op_count == OPS_MAX) {
        l->failed = true;
        return;
    }
    if (s->op_count == s->op_cap) {
        s->op_cap = s->op_cap ? 2 * s->op_cap : 32;
        s->ops = wr_realloc(s->ops, s->op_cap * sizeof *s->ops);
    }
    struct op *o = &s->ops[s->op_count++];
    *o = (struct op){.kind = (uint8_t)kind,
                     .len = (uint8_t)l->len,
                     .mask = (uint16_t)((1u << l->len) - 1),
                     .depth = (uint16_t)depth,
                     .slot = slot};
    memcpy(o->literal, l->literal, l->len);
    l->len = 0;
}

static void add_literal(struct learner *l, const char *from, const char *to)
{
    while (from < to && !l->failed) {
        if (l->len == LITERAL) {
            emit(l, OP_TEXT, WR_PATHS_NO_SLOT, 0);
        }
        l->literal[l->len++] = *from++;
    }
}

static const char *learn_space(struct learner *l, const char *p)
{
    const char *next = wr_json_skip_space(p, l->end);
    if (next > p) {
        l->s->tidy = false;
        add_literal(l, p, next);
    }
    return next;
}

static void push_element(struct learner *l, const char *at, unsigned depth, unsigned wanted)
{
    if (l->element_count == l->element_cap) {
        l->element_cap = l->element_cap ? 2 * l->element_cap : 8;
        l->elements = wr_realloc(l->elements, l->element_cap * sizeof *l->elements);
    }
    l->elements[l->element_count++] = (struct element){l->s->op_count - 1, at, depth, wanted};
}

static const char *learn_object(struct learner *l, const char *p, const struct wr_path_node *node,
                                unsigned depth);

// The value at p, which is valid; `node` is its place among the wanted paths, or NULL.
static const char *learn_value(struct learner *l, const char *p, const struct wr_path_node *node,
                               unsigned depth)
{
    uint32_t slot = node ? node->slot : WR_PATHS_NO_SLOT;
    wr_value v;
    if (*p == '{') {
        bool whole = slot != WR_PATHS_NO_SLOT;
        if (whole) {
            emit(l, OP_OPEN, slot, depth);
        }
        l->wanted += whole;
        p = learn_object(l, p, node, depth);
        l->wanted -= whole;
        if (whole) {
            emit(l, OP_CLOSE, slot, depth);
        }
        return p;
    }
    if (*p == '[') {
        emit(l, OP_ARRAY, slot, depth);
        const char *first = wr_json_skip_space(p + 1, l->end);
        if (*first == '{' && !l->failed) {
            push_element(l, first, depth + 1, l->wanted + (slot != WR_PATHS_NO_SLOT));
        }
        return wr_json_skip_value(p, l->end, depth);
    }
    bool skip = slot == WR_PATHS_NO_SLOT && !l->wanted;
    emit(l,
         *p == '"'   ? (skip ? OP_SKIP_STRING : OP_STRING)
         : *p <= '9' ? (skip ? OP_SKIP_NUMBER : OP_NUMBER)
                     : OP_WORD,
         slot, depth);
    return wr_json_scan_scalar(p, l->end, &v);
}

// Escapes in keys are left to the reader that knows nothing; so are repeated keys.
static bool new_key(struct learner *l, wr_str *keys, size_t count, wr_str key, bool escaped)
{
    if (escaped || count == KEYS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (wr_str_eq(keys[i], key)) {
            return false;
        }
    }
    keys[count] = key;
    return true;
}

static const char *learn_object(struct learner *l, const char *p, const struct wr_path_node *node,
                                unsigned depth)
{
    wr_str *keys = wr_alloc(KEYS_MAX * sizeof *keys);
    size_t count = 0;
    add_literal(l, p, p + 1);
    p = learn_space(l, p + 1);
    while (!l->failed && *p != '}') {
        bool escaped;
        wr_str key = wr_json_string_at(p + 1, l->end, &escaped);
        if (!new_key(l, keys, count++, key, escaped)) {
            l->failed = true;
            break;
        }
        const char *behind = key.at + key.len + 1;
        add_literal(l, p, behind);
        p = learn_space(l, behind);
        add_literal(l, p, p + 1); // the colon
        p = learn_space(l, p + 1);
        const struct wr_path_node *child =
            node && node->count ? wr_paths_child(l->paths, node, key) : NULL;
        p = learn_value(l, p, child, depth + 1);
        if (l->failed) {
            break;
        }
        p = learn_space(l, p);
        if (*p == ',') {
            add_literal(l, p, p + 1);
            p = learn_space(l, p + 1);
        }
    }
    free(keys);
    if (!l->failed) {
        add_literal(l, p, p + 1);
        p++;
    }
    return p;
}

static void learn_elements(struct learner *l)
{
    for (size_t i = 0; i < l->element_count && !l->failed; i++) {
        struct element e = l->elements[i];
        l->s->ops[e.op].element = l->s->op_count;
        l->wanted = e.wanted;
        learn_object(l, e.at, NULL, e.depth);
        emit(l, OP_END, WR_PATHS_NO_SLOT, e.depth);
    }
}

// `text` is valid. False: it makes no shape, and `s` is not usable.
static bool learn(const struct wr_paths *paths, struct shape *s, wr_str text)
{
    struct learner l = {.paths = paths, .s = s, .end = text.at + text.len};
    s->op_count = 0;
    s->tidy = true;
    s->hits = 0;
    const char *p = learn_space(&l, text.at);
    s->tidy = true; // blanks around the whole belong to no value
    p = learn_value(&l, p, paths->count ? &paths->nodes[0] : NULL, 0);
    bool tidy = s->tidy;
    if (!l.failed) {
        learn_space(&l, p);
        emit(&l, OP_END, WR_PATHS_NO_SLOT, 0);
    }
    s->tidy = tidy;
    learn_elements(&l);
    free(l.elements);
    return !l.failed;
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
    bool learned = learn(s->paths, mine, text);
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

static bool try_shapes(struct wr_shapes *s, wr_str text, size_t padding, wr_value *values)
{
    for (unsigned i = 0; i < s->count; i++) {
        // A payload that fits sets every slot, but for those below what is no object there.
        memset(values, 0, s->paths->count * sizeof *values);
        if (fits(s->at[i], text, padding, values)) {
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

enum wr_json_kind wr_shapes_read(struct wr_shapes *s, wr_str text, size_t padding, wr_value *values,
                                 size_t *error_at)
{
    if (WR_UNLIKELY(s->pause)) {
        s->pause--;
        s->stats.misses++;
        return wr_json_read(s->paths, text, values, error_at);
    }
    if (s->count && text.len <= UINT32_MAX && try_shapes(s, text, padding, values)) {
        s->stats.hits++;
        window(s, true);
        return WR_JSON_VALID;
    }
    enum wr_json_kind kind = wr_json_read(s->paths, text, values, error_at);
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
