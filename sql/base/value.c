// Forcing, comparing and building of values.
#include "sql/base/value.h"

#include "sql/base/compiler.h"
#include "sql/base/hash.h"
#include "sql/base/json_text.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

#define CAP_FIRST  4
#define INDEX_FROM 16 // fewer keys are found faster by looking at each

// Steps (wr_arena_spend) of what takes more than a few nanoseconds.
#define STEPS_NODE 2 // a value that is looked at
#define STEPS_KEY  4 // a key that is put in its place

const char *wr_value_type_name(const wr_value *v)
{
    switch ((enum wr_type)v->type) {
    case WR_UNDEFINED:
        return "Undefined";
    case WR_NULL:
        return "Null";
    case WR_BOOLEAN:
        return "Boolean";
    case WR_NUMBER:
        return v->flags & WR_V_DECIMAL ? "Decimal" : "Int";
    case WR_STRING:
        return "String";
    case WR_ARRAY:
        return "Array";
    case WR_OBJECT:
        return "Object";
    case WR_RAW:
        return "Raw";
    }
    return "Undefined";
}

static WR_NOINLINE void force_any(wr_value *v, struct wr_arena *arena, enum wr_dialect dialect)
{
    if (!wr_value_is_lazy(v)) {
        return;
    }
    wr_str token = {v->as.text, v->len};
    // Up to 18 digits take no more than an instruction does; a tree is made at about 3 ns a byte.
    if (!wr_arena_spend(arena, v->type == WR_NUMBER ? v->len - v->len / 4 : 1 + v->len)) {
        *v = wr_undefined();
        return;
    }
    if (v->type == WR_NUMBER) {
        struct wr_num_context c = {arena, dialect};
        *v = wr_num_parse(&c, token);
    } else if (v->type == WR_STRING) {
        char *text = wr_arena_alloc(arena, token.len);
        *v = text ? wr_string((wr_str){text, wr_json_unescape(text, token)}) : wr_undefined();
    } else {
        *v = wr_json_build(&token.at, token.at + token.len, v->flags & WR_V_TIDY, arena);
    }
}

void wr_value_force(wr_value *v, struct wr_arena *arena, enum wr_dialect dialect)
{
    if (!wr_value_force_small(v, arena)) {
        force_any(v, arena, dialect);
    }
}

const wr_value *wr_object_get(const wr_value *object, wr_str key)
{
    for (uint32_t i = 0; i < object->len; i++) {
        if (wr_str_eq(object->as.members[i].key, key)) {
            return &object->as.members[i].value;
        }
    }
    return NULL;
}

// ---- index over the keys of many members: open addressing, positions counted from 1

static uint32_t *index_place(uint32_t *index, uint32_t cap, const struct wr_member *members,
                             wr_str key)
{
    uint32_t at = (uint32_t)wr_hash_str(key) & (cap - 1);
    while (index[at] && !wr_str_eq(members[index[at] - 1].key, key)) {
        at = (at + 1) & (cap - 1);
    }
    return &index[at];
}

// Room for `len` keys and as many again. NULL on the arena's limit.
static uint32_t *index_new(struct wr_arena *arena, const struct wr_member *members, uint32_t len,
                           uint32_t *cap)
{
    uint32_t size = 4 * INDEX_FROM;
    while (size / 4 < len) {
        size *= 2;
    }
    uint32_t *index = wr_arena_spend(arena, (uint64_t)STEPS_KEY * len)
                          ? wr_arena_alloc(arena, size * sizeof *index)
                          : NULL;
    if (!index) {
        return NULL;
    }
    memset(index, 0, size * sizeof *index);
    for (uint32_t i = 0; i < len; i++) {
        *index_place(index, size, members, members[i].key) = i + 1;
    }
    *cap = size;
    return index;
}

// ---- equality

#define DIGITS_IN_RANGE 999 // so long a number without an exponent is always in range (sql.md 4)

bool wr_value_is_absent(const wr_value *v, struct wr_arena *arena, enum wr_dialect dialect)
{
    if (v->type != WR_NUMBER || !wr_value_is_lazy(v) || (v->flags & WR_V_CANON)) {
        return v->type == WR_UNDEFINED; // what is canonical is in range
    }
    if (v->len <= DIGITS_IN_RANGE && !memchr(v->as.text, 'e', v->len) &&
        !memchr(v->as.text, 'E', v->len)) {
        return false;
    }
    wr_value copy = *v;
    wr_value_force(&copy, arena, dialect);
    return copy.type == WR_UNDEFINED;
}

static uint32_t present(const wr_value *object, struct wr_arena *arena, enum wr_dialect dialect)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < object->len && wr_arena_spend(arena, 1); i++) {
        n += !wr_value_is_absent(&object->as.members[i].value, arena, dialect);
    }
    return n;
}

static bool values_equal(const wr_value *a, const wr_value *b, struct wr_arena *arena,
                         enum wr_dialect dialect, unsigned depth);

static bool arrays_equal(const wr_value *a, const wr_value *b, struct wr_arena *arena,
                         enum wr_dialect dialect, unsigned depth)
{
    uint32_t i = 0, k = 0;
    while ((i < a->len || k < b->len) && !arena->spent) {
        if (i < a->len && k < b->len &&
            values_equal(&a->as.items[i], &b->as.items[k], arena, dialect, depth + 1)) {
            i++;
            k++;
        } else if (i < a->len && wr_value_is_absent(&a->as.items[i], arena, dialect)) {
            i++;
        } else if (k < b->len && wr_value_is_absent(&b->as.items[k], arena, dialect)) {
            k++;
        } else {
            return false;
        }
    }
    return !arena->spent;
}

// The members of `b` may stand in another order. Keys are unique.
static bool objects_equal(const wr_value *a, const wr_value *b, struct wr_arena *arena,
                          enum wr_dialect dialect, unsigned depth)
{
    const struct wr_member *x = a->as.members, *y = b->as.members;
    uint32_t *index = NULL, cap = 0, found = 0;
    for (uint32_t i = 0; i < a->len && wr_arena_spend(arena, STEPS_KEY); i++) {
        const wr_value *other = NULL;
        if (i < b->len && wr_str_eq(x[i].key, y[i].key)) {
            other = &y[i].value;
        } else if (b->len <= INDEX_FROM) {
            other = wr_object_get(b, x[i].key);
        } else {
            index = index ? index : index_new(arena, y, b->len, &cap);
            uint32_t at = index ? *index_place(index, cap, y, x[i].key) : 0;
            other = at ? &y[at - 1].value : NULL;
        }
        if (other && values_equal(&x[i].value, other, arena, dialect, depth + 1)) {
            found++;
        } else if (!wr_value_is_absent(&x[i].value, arena, dialect)) {
            return false;
        }
    }
    return !arena->spent && (found == b->len || found == present(b, arena, dialect));
}

static bool values_equal(const wr_value *a, const wr_value *b, struct wr_arena *arena,
                         enum wr_dialect dialect, unsigned depth)
{
    if (depth > WR_VALUE_DEPTH_MAX) {
        arena->over = true;
        return false;
    }
    bool texts = a->type == WR_STRING && a->len == b->len;
    if (!wr_arena_spend(arena, STEPS_NODE + (texts ? a->len / 16 : 0)) || a->type != b->type) {
        return false;
    }
    wr_value x = *a, y = *b;
    wr_value_force(&x, arena, dialect);
    wr_value_force(&y, arena, dialect);
    if (x.type != y.type) {
        return false; // a number out of range has become Undefined
    }
    switch ((enum wr_type)x.type) {
    case WR_UNDEFINED:
        return false;
    case WR_NULL:
        return true;
    case WR_BOOLEAN:
        return x.as.truth == y.as.truth;
    case WR_NUMBER:
        return wr_num_cmp(&x, &y) == 0;
    case WR_STRING:
    case WR_RAW:
        return wr_str_eq(wr_value_text(&x), wr_value_text(&y));
    case WR_ARRAY:
        return arrays_equal(&x, &y, arena, dialect, depth);
    case WR_OBJECT:
        return objects_equal(&x, &y, arena, dialect, depth);
    }
    return false;
}

bool wr_value_equal(const wr_value *a, const wr_value *b, struct wr_arena *arena,
                    enum wr_dialect dialect)
{
    return values_equal(a, b, arena, dialect, 0);
}

// ---- builders

// Room for one more element of `size` bytes; false on the arena's limit.
static bool make_room(void **at, uint32_t len, uint32_t *cap, size_t size, struct wr_arena *arena)
{
    if (WR_LIKELY(len < *cap)) {
        return true;
    }
    uint32_t wanted = *cap ? *cap * 2 : CAP_FIRST;
    if (wanted < *cap) {
        arena->over = true; // 4 G elements
        return false;
    }
    void *grown = *cap ? wr_arena_grow(arena, *at, *cap * size, wanted * size)
                       : wr_arena_alloc(arena, wanted * size);
    if (!grown) {
        return false;
    }
    *at = grown;
    *cap = wanted;
    return true;
}

void wr_array_push(struct wr_array_builder *b, struct wr_arena *arena, wr_value item)
{
    void *items = b->items;
    if (make_room(&items, b->len, &b->cap_, sizeof item, arena)) {
        b->items = items;
        b->items[b->len++] = item;
    }
}

wr_value wr_array_done(const struct wr_array_builder *b)
{
    return (wr_value){.type = WR_ARRAY, .len = b->len, .as.items = b->items};
}

wr_value *wr_object_find(struct wr_object_builder *b, wr_str key)
{
    if (b->index_) {
        uint32_t at = *index_place(b->index_, b->index_cap_, b->members, key);
        return at ? &b->members[at - 1].value : NULL;
    }
    for (uint32_t i = 0; i < b->len; i++) {
        if (wr_str_eq(b->members[i].key, key)) {
            return &b->members[i].value;
        }
    }
    return NULL;
}

void wr_object_set(struct wr_object_builder *b, struct wr_arena *arena, wr_str key, wr_value value)
{
    if (!wr_arena_spend(arena, STEPS_KEY + key.len / 8)) {
        return;
    }
    wr_value *old = wr_object_find(b, key);
    if (old) {
        *old = value;
        return;
    }
    void *members = b->members;
    if (!make_room(&members, b->len, &b->cap_, sizeof *b->members, arena)) {
        return;
    }
    b->members = members;
    if (b->len >= INDEX_FROM && (!b->index_ || b->len >= b->index_cap_ / 2)) {
        uint32_t *index = index_new(arena, b->members, b->len, &b->index_cap_);
        if (!index) {
            return;
        }
        b->index_ = index;
    }
    b->members[b->len] = (struct wr_member){key, value};
    if (b->index_) {
        *index_place(b->index_, b->index_cap_, b->members, key) = b->len + 1;
    }
    b->len++;
}

wr_value wr_object_done(const struct wr_object_builder *b)
{
    return (wr_value){.type = WR_OBJECT, .len = b->len, .as.members = b->members};
}
