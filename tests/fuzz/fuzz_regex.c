// Any bytes as "pattern NUL text NUL replacement": translated, compiled, matched, replaced. Must
// not crash, leak, or work longer than the limits allow; the three functions agree with each other.
#include "sql/func/function.h"
#include "sql/func/regex.h"
#include "sql/func/regex_translate.h"

#include "sql/base/hash.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define MEMORY_BYTES (8u << 20)
#define PATTERN_MAX  2000
// What one call may add to the fuel: its work, the limit of the last match, compiling.
#define STEPS_MAX 5000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static wr_str part(wr_str *rest)
{
    const char *nul = rest->len ? memchr(rest->at, 0, rest->len) : NULL;
    size_t len = nul ? (size_t)(nul - rest->at) : rest->len;
    wr_str got = wr_str_cut(*rest, 0, len);
    *rest = wr_str_cut(*rest, len + (nul != NULL), rest->len);
    return got;
}

static wr_value call(struct wr_arena *arena, const char *name, wr_str a, wr_str b, wr_str c)
{
    struct wr_call now = {.num = {arena, WR_SQL_2016}};
    wr_value args[3] = {wr_string(a), wr_string(b), wr_string(c)};
    const struct wr_function *f = wr_function_find(wr_str_of(name));
    wr_value v = f->body(&now, args, f->max_args, 0);
    wr_assert(!now.failed && now.steps < STEPS_MAX);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wr_str rest = {(const char *)data, size};
    wr_str pattern = part(&rest), text = part(&rest), with = part(&rest);
    if (pattern.len > PATTERN_MAX || !wr_utf8_valid(pattern) || !wr_utf8_valid(text) ||
        !wr_utf8_valid(with)) {
        return 0; // the functions get Strings only
    }
    wr_hash_seed_init();
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_fault fault = {0};
    bool bad = wr_regex_check(pattern, &fault) != WR_OK;
    wr_assert(bad == (fault.text[0] != 0));
    wr_assert(!bad || fault.offset <= pattern.len || fault.offset == SIZE_MAX);
    uint64_t hits = wr_regex_limit_hits();
    wr_value found = call(&arena, "regexp_matches", text, pattern, with);
    wr_value cut = call(&arena, "regexp_substr", text, pattern, with);
    wr_value all = call(&arena, "regexp_replace", text, pattern, with);
    bool limit = wr_regex_limit_hits() > hits;
    if (bad) {
        wr_assert(found.type == WR_UNDEFINED && cut.type == WR_UNDEFINED &&
                  all.type == WR_UNDEFINED && !limit);
    } else if (!limit) {
        wr_assert(found.type == WR_BOOLEAN && found.as.truth == (cut.type == WR_STRING));
        wr_assert(found.as.truth || arena.over ||
                  (all.type == WR_STRING && wr_str_eq(wr_value_text(&all), text)));
    }
    wr_assert(all.type != WR_STRING || wr_utf8_valid(wr_value_text(&all)));
    wr_assert(cut.type != WR_STRING || wr_utf8_valid(wr_value_text(&cut)));
    wr_arena_release(&arena);
    return 0;
}
