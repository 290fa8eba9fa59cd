// A value of the SQL language in 16 bytes: sql.md section 4. Copied freely; what it points to lives
// in an arena, in the message, or in a program's constants.
// Thread: any that owns what it points to.
//
//   type  flags  scale      len         as
//   u8    u8     i16        u32         8 bytes
//   NUMBER: coef * 10^-scale, or WR_V_BIG: as.big; WR_V_DECIMAL tells Decimal from Int
//   STRING: len bytes of UTF-8 at as.text      ARRAY: len items at as.items
//   RAW: len bytes at as.text                  OBJECT: len members at as.members, keys unique
//
// WR_V_LAZY (NUMBER, STRING, ARRAY, OBJECT): as.text and len are still the token of the JSON
// source, already validated (a STRING's without its quotes, and lazy only when it holds a
// backslash; an ARRAY's and OBJECT's with their brackets). The type can be asked at once; the
// content after wr_value_force().
#ifndef WR_BASE_VALUE_H
#define WR_BASE_VALUE_H

#include "sql/base/arena.h"
#include "sql/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum wr_type {
    WR_UNDEFINED, // must be 0: zeroed memory is Undefined
    WR_NULL,
    WR_BOOLEAN,
    WR_NUMBER,
    WR_STRING,
    WR_ARRAY,
    WR_OBJECT,
    WR_RAW, // the payload of a message that is not JSON
};

#define WR_V_LAZY    1u
#define WR_V_DECIMAL 2u // NUMBER: a Decimal; clear: an Int
#define WR_V_BIG     4u // NUMBER: as.big holds it
#define WR_V_CANON \
    8u                // the text is what wr_json_write() would write, under every dialect: that of
                      // a lazy NUMBER, ARRAY or OBJECT, or a STRING that needs no escape
#define WR_V_TIDY 16u // a lazy ARRAY or OBJECT: no blanks between tokens, no key stands twice

// Which SQL version's number rules hold (sql.md 4, "Whole Decimals").
enum wr_dialect {
    WR_SQL_2015, // 2015-10-08: a Decimal stays a Decimal even if whole
    WR_SQL_2016, // 2016-03-23 and beta: a whole number of at most 34 digits is an Int
};

// A number beyond the small form, in the arena: an IEEE 754 decimal128 in Intel's BID encoding.
struct wr_big {
    _Alignas(16) uint64_t w[2];
};

struct wr_member;

typedef struct wr_value {
    uint8_t type;  // enum wr_type
    uint8_t flags; // WR_V_…
    int16_t scale;
    uint32_t len;
    union {
        bool truth;
        int64_t coef;
        const char *text;
        const struct wr_big *big;
        const struct wr_value *items;
        const struct wr_member *members;
    } as;
} wr_value;

// Keys are decoded UTF-8, unique within an object, in order of first appearance.
struct wr_member {
    wr_str key;
    wr_value value;
};

static inline wr_value wr_undefined(void)
{
    return (wr_value){.type = WR_UNDEFINED};
}
static inline wr_value wr_null(void)
{
    return (wr_value){.type = WR_NULL};
}
static inline wr_value wr_boolean(bool truth)
{
    return (wr_value){.type = WR_BOOLEAN, .as.truth = truth};
}
// `s` is valid UTF-8, at most UINT32_MAX bytes, and outlives the value.
static inline wr_value wr_string(wr_str s)
{
    return (wr_value){.type = WR_STRING, .len = (uint32_t)s.len, .as.text = s.at};
}
static inline wr_value wr_raw(wr_str bytes)
{
    return (wr_value){.type = WR_RAW, .len = (uint32_t)bytes.len, .as.text = bytes.at};
}
// The bytes of a STRING or RAW that is not lazy.
static inline wr_str wr_value_text(const wr_value *v)
{
    return (wr_str){v->as.text, v->len};
}
static inline bool wr_value_is_lazy(const wr_value *v)
{
    return v->flags & WR_V_LAZY;
}

// "Undefined", "Null", "Boolean", "Int", "Decimal", "String", "Array", "Object", "Raw".
const char *wr_value_type_name(const wr_value *v);

// Decode a lazy value in place, everything made in `arena`; an ARRAY or OBJECT to all depths, with
// leaves that may themselves still be lazy. Duplicate keys: the last wins, in the place of the
// first. A number out of range (sql.md 4) becomes Undefined or zero. No effect on others.
// On the arena's limit the value becomes Undefined and arena->over is set; at the end of its fuel
// likewise with arena->spent.
void wr_value_force(wr_value *v, struct wr_arena *arena, enum wr_dialect dialect);

// The same, in line, for a number that is written canonically with few digits; false, and nothing
// was done, for all else.
static inline bool wr_value_force_small(wr_value *v, struct wr_arena *arena)
{
    const unsigned canonical = WR_V_LAZY | WR_V_CANON;
    if (WR_UNLIKELY(v->type != WR_NUMBER || (v->flags & canonical) != canonical) ||
        WR_UNLIKELY(v->len > 18 || v->len > arena->fuel)) { // 18 digits are a small number
        return false;
    }
    arena->fuel -= v->len - v->len / 4; // they take no more than an instruction does
    // Such a token says everything: digits without a zero that could be dropped, and a point only
    // in a Decimal.
    const char *p = v->as.text, *end = p + v->len;
    bool minus = *p == '-';
    int64_t coef = 0;
    int16_t scale = 0;
    uint8_t flags = 0;
    p += minus;
    do { // there is a digit before the point, and one behind it
        coef = coef * 10 + (*p++ - '0');
    } while (p < end && *p != '.');
    if (p < end) {
        scale = (int16_t)(end - p - 1);
        flags = WR_V_DECIMAL;
        p++;
        do {
            coef = coef * 10 + (*p++ - '0');
        } while (p < end);
    }
    *v = (wr_value){
        .type = WR_NUMBER, .flags = flags, .scale = scale, .as.coef = minus ? -coef : coef};
    return true;
}

// Whether `v` is Undefined, or a lazy number that proves to be out of range: such a member or item
// is not there (sql.md 4, 7). A number is looked at on a copy in `arena`, and only if it may be.
bool wr_value_is_absent(const wr_value *v, struct wr_arena *arena, enum wr_dialect dialect);

// The member `key` of a forced OBJECT, or NULL.
const wr_value *wr_object_get(const wr_value *object, wr_str key);

// Levels that writing and comparing follow; deeper sets arena->over. Statements make no value so
// deep (payloads nest 512 deep, expressions 256, each of 10 variables may hold the one before); a
// program that no compiler made could. Each level is two C frames.
#define WR_VALUE_DEPTH_MAX 4096

// `=` of sql.md section 6 for two values neither of which is Undefined: numbers by value, no
// conversion, arrays and objects deep. Lazy parts are forced on copies in `arena`. At the end of
// the arena's fuel the answer is false, and arena->spent is set.
bool wr_value_equal(const wr_value *a, const wr_value *b, struct wr_arena *arena,
                    enum wr_dialect dialect);

// Arrays and objects under construction, in an arena. Zeroed memory is empty.
struct wr_array_builder {
    wr_value *items;
    uint32_t len, cap_;
};
struct wr_object_builder {
    struct wr_member *members;
    uint32_t len, cap_;
    uint32_t *index_; // hash index, made when there are many members
    uint32_t index_cap_;
};
// Append, also Undefined. On the arena's limit nothing is added and arena->over is set.
void wr_array_push(struct wr_array_builder *b, struct wr_arena *arena, wr_value item);
wr_value wr_array_done(const struct wr_array_builder *b);
// Set member `key` (bytes must outlive the object); replaces an earlier one in its place.
void wr_object_set(struct wr_object_builder *b, struct wr_arena *arena, wr_str key, wr_value value);
// The value of `key` so that it can be changed, or NULL.
wr_value *wr_object_find(struct wr_object_builder *b, wr_str key);
wr_value wr_object_done(const struct wr_object_builder *b);

#endif
