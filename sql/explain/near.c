// Looks for the nearest keys in three rounds: in the Object where the path broke off, for the rest
// of the path anywhere else, and last for its end in another case.
#include "sql/explain/near.h"

#include "sql/base/utf8.h"
#include "sql/lexer.h"

#include "sql/base/banned.h"

#define STEPS_MAX      32 // keys and indexes from the root to a suggestion
#define ARRAY_ITEMS    3  // items of an Array that are looked into
#define PREFIX_MIN     3  // `temp` is near `temperature`, `t` is near nothing
#define CANDIDATES_MAX 16 // of the Object where the path broke off, before they are ranked

// One step on the way to a value: a key, or an index when `key.at` is NULL.
struct step {
    wr_str key;
    uint32_t index;
};

struct suggestions {
    struct wr_buf texts[WR_NEAR_SHOWN_MAX];
    size_t count;
};

struct search {
    const struct wr_near *n;
    const wr_str *keys; // what is to be found, from some Object on
    size_t count;
    bool nocase;
    size_t visits;
    const wr_str *asked; // the path itself, which is no suggestion
    size_t asked_count;
    struct step steps[STEPS_MAX];
    struct suggestions *found;
};

// ---- spelling

static bool is_word(wr_str key, bool first)
{
    struct wr_lexer l;
    if (key.len == 0 || key.len > UINT32_MAX) {
        return false;
    }
    wr_lexer_init(&l, key, 0, key.len);
    struct wr_token t = wr_lexer_next(&l);
    return t.begin == 0 && t.end == key.len &&
           (first ? wr_token_is_name(t.kind) : wr_token_is_word(t.kind));
}

static void quote(wr_str key, struct wr_buf *out)
{
    wr_buf_add_char(out, '\'');
    for (size_t i = 0; i < key.len; i++) {
        if (key.at[i] == '\'' || key.at[i] == '\\') {
            wr_buf_add_char(out, key.at[i]);
        }
        wr_buf_add_char(out, key.at[i]);
    }
    wr_buf_add_char(out, '\'');
}

static void spell(const struct step *steps, size_t count, struct wr_buf *out)
{
    size_t from = out->len; // of what is spelled so far
    bool empty = true;
    for (size_t i = 0; i < count; i++) {
        const struct step *s = &steps[i];
        if (s->key.at && is_word(s->key, empty)) {
            wr_buf_add(out, empty ? WR_STR("") : WR_STR("."));
            wr_buf_add(out, s->key);
        } else { // get(… so far, key)
            struct wr_buf inner = {0};
            wr_buf_add(&inner, empty ? WR_STR("*") : wr_str_cut(wr_buf_str(out), from, out->len));
            out->len = from;
            wr_buf_add(out, WR_STR("get("));
            wr_buf_add(out, wr_buf_str(&inner));
            wr_buf_add(out, WR_STR(", "));
            if (s->key.at) {
                quote(s->key, out);
            } else {
                wr_buf_add_u64(out, s->index);
            }
            wr_buf_add_char(out, ')');
            wr_buf_release(&inner);
        }
        empty = false;
    }
    wr_buf_add(out, empty ? WR_STR("*") : WR_STR(""));
}

void wr_near_spell(const wr_str *keys, size_t count, struct wr_buf *out)
{
    struct step steps[STEPS_MAX] = {0};
    size_t n = count < STEPS_MAX ? count : STEPS_MAX;
    for (size_t i = 0; i < n; i++) {
        steps[i] = (struct step){.key = {keys[i].at ? keys[i].at : "", keys[i].len}};
    }
    spell(steps, n, out);
    wr_buf_add(out, n < count ? WR_STR(".…") : WR_STR(""));
}

static void suggest(struct suggestions *s, const struct step *steps, size_t count)
{
    if (s->count == WR_NEAR_SHOWN_MAX) {
        return;
    }
    struct wr_buf *b = &s->texts[s->count];
    wr_buf_clear(b);
    spell(steps, count, b);
    for (size_t i = 0; i < s->count; i++) {
        if (wr_str_eq(wr_buf_str(&s->texts[i]), wr_buf_str(b))) {
            return;
        }
    }
    s->count++;
}

// ---- keys that are near

// Letters and digits only, lower case: `battery-level`, `batteryLevel` and `battery_level` are one.
static wr_str plain(wr_str key, char *room, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < key.len && n < cap; i++) {
        char c = key.at[i];
        if (c != '-' && c != '_' && c != ' ' && c != '.') {
            room[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
    }
    return (wr_str){room, n};
}

// How far apart two keys are: 0 but for case or separators, then by letters. SIZE_MAX: not near.
static size_t distance(wr_str asked, wr_str key)
{
    if (wr_str_eq_nocase(asked, key)) {
        return 0;
    }
    char a[WR_STR_DISTANCE_MAX], b[WR_STR_DISTANCE_MAX];
    if (asked.len > sizeof a || key.len > sizeof b) {
        return SIZE_MAX;
    }
    wr_str x = plain(asked, a, sizeof a), y = plain(key, b, sizeof b);
    if (x.len && wr_str_eq(x, y)) {
        return 1;
    }
    size_t most = asked.len <= 2 ? 0 : asked.len <= 4 ? 1 : asked.len <= 7 ? 2 : 3;
    size_t d = wr_str_distance(asked, key);
    if (d <= most) {
        return 1 + d;
    }
    bool prefix =
        x.len >= PREFIX_MIN && y.len >= PREFIX_MIN && (wr_str_starts(x, y) || wr_str_starts(y, x));
    return prefix ? 10 : SIZE_MAX;
}

static const wr_value *follow(const wr_value *v, const wr_str *keys, size_t count)
{
    for (size_t i = 0; v && i < count; i++) {
        v = v->type == WR_OBJECT ? wr_object_get(v, keys[i]) : NULL;
    }
    return v;
}

// Keys of `object` that are near keys[at], nearest first, with the rest of the path behind them
// when it leads somewhere.
static void near_here(const wr_value *object, const wr_str *keys, size_t at, size_t count,
                      struct suggestions *s)
{
    struct {
        size_t distance;
        uint32_t member;
    } near[CANDIDATES_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < object->len && i < WR_NEAR_VISITS_MAX; i++) {
        size_t d = distance(keys[at], object->as.members[i].key);
        size_t place = n < CANDIDATES_MAX ? n : CANDIDATES_MAX - 1;
        if (d == SIZE_MAX || (n == CANDIDATES_MAX && d >= near[place].distance)) {
            continue;
        }
        for (; place > 0 && near[place - 1].distance > d; place--) {
            near[place] = near[place - 1];
        }
        near[place].distance = d;
        near[place].member = i;
        n += n < CANDIDATES_MAX;
    }
    struct step steps[STEPS_MAX];
    for (size_t i = 0; i < n && count <= STEPS_MAX; i++) {
        const struct wr_member *m = &object->as.members[near[i].member];
        for (size_t k = 0; k < count; k++) {
            steps[k] = (struct step){.key = k == at ? m->key : keys[k]};
        }
        bool whole = follow(&m->value, keys + at + 1, count - at - 1) != NULL;
        suggest(s, steps, whole ? count : at + 1);
    }
}

// ---- elsewhere

static const wr_value *member_of(const struct search *x, const wr_value *object, wr_str *key)
{
    if (!x->nocase) {
        return wr_object_get(object, *key);
    }
    for (uint32_t i = 0; i < object->len; i++) {
        if (wr_str_eq_nocase(object->as.members[i].key, *key)) {
            *key = object->as.members[i].key;
            return &object->as.members[i].value;
        }
    }
    return NULL;
}

// `v` is `depth` steps below the root: does what is looked for begin here?
static void try_here(struct search *x, const wr_value *v, size_t depth)
{
    for (size_t i = 0; i < x->count; i++) {
        wr_str key = x->keys[i];
        v = v->type == WR_OBJECT && depth + i < STEPS_MAX ? member_of(x, v, &key) : NULL;
        if (!v) {
            return;
        }
        x->steps[depth + i] = (struct step){.key = key};
    }
    size_t len = depth + x->count, same = 0;
    while (len == x->asked_count && same < len && x->steps[same].key.at &&
           wr_str_eq(x->steps[same].key, x->asked[same])) {
        same++;
    }
    if (len != x->asked_count || same < len) {
        suggest(x->found, x->steps, len);
    }
}

static void look_below(struct search *x, const wr_value *v, size_t depth, size_t level);

static void look_into(struct search *x, const wr_value *v, size_t depth, size_t level)
{
    if (v->type != WR_OBJECT && v->type != WR_ARRAY) {
        return;
    }
    if (level == depth) {
        try_here(x, v, depth);
    } else {
        look_below(x, v, depth, level);
    }
}

static void look_below(struct search *x, const wr_value *v, size_t depth, size_t level)
{
    uint32_t count = v->type == WR_ARRAY && v->len > ARRAY_ITEMS ? ARRAY_ITEMS : v->len;
    for (uint32_t i = 0; i < count && x->visits < WR_NEAR_VISITS_MAX; i++) {
        x->visits++;
        bool object = v->type == WR_OBJECT;
        x->steps[depth] =
            object ? (struct step){.key = v->as.members[i].key} : (struct step){.index = i};
        look_into(x, object ? &v->as.members[i].value : &v->as.items[i], depth + 1, level);
    }
}

// The shallowest places first.
static void look_elsewhere(struct search *x)
{
    size_t before = x->found->count;
    x->visits = 0;
    for (size_t level = 0; level + x->count < STEPS_MAX && x->found->count == before; level++) {
        size_t visits = x->visits;
        look_into(x, x->n->root, 0, level);
        if (level > 0 && x->visits == visits) {
            return; // nothing is that deep
        }
    }
}

// ---- in words

static void broke_at(const wr_value *v, const struct wr_near *n, const wr_str *keys, size_t at,
                     size_t count, struct wr_buf *out, bool *telling)
{
    struct wr_buf name = {0};
    if (at) {
        wr_near_spell(keys, at, &name);
    } else {
        wr_buf_addf(&name, "%s", n->where);
    }
    wr_value copy = *v;
    wr_value_force(&copy, n->arena, n->dialect);
    const char *type = wr_value_type_name(&copy);
    bool raw = v->type == WR_RAW;
    if (raw) {
        wr_buf_addf(out, "%s is not JSON, so it has no attributes", n->where);
    } else if (v->type == WR_NULL) {
        wr_buf_addf(out, "%.*s is Null, which has no members", WR_STR_ARG(wr_buf_str(&name)));
    } else {
        wr_buf_addf(out, "%.*s is a%s %s, which has no %s", WR_STR_ARG(wr_buf_str(&name)),
                    strchr("AIO", type[0]) ? "n" : "", type, at ? "members" : "attributes");
    }
    if (v->type == WR_ARRAY && v->len && follow(&v->as.items[0], keys + at, count - at)) {
        struct step steps[STEPS_MAX];
        size_t len = 0;
        for (size_t i = 0; i <= count && len < STEPS_MAX; i++) {
            steps[len++] = i == at  ? (struct step){.index = 0}
                           : i < at ? (struct step){.key = keys[i]}
                                    : (struct step){.key = keys[i - 1]};
        }
        wr_buf_add(out, WR_STR("; did you mean "));
        spell(steps, len, out);
        wr_buf_add_char(out, '?');
    }
    *telling = !raw;
    wr_buf_release(&name);
}

static void write_suggestions(const struct suggestions *s, struct wr_buf *out)
{
    for (size_t i = 0; i < s->count; i++) {
        const char *joint = i == 0 ? "; did you mean " : i + 1 == s->count ? " or " : ", ";
        wr_buf_addf(out, "%s%.*s", joint, WR_STR_ARG(wr_buf_str(&s->texts[i])));
    }
    wr_buf_add(out, s->count ? WR_STR("?") : WR_STR(""));
}

static void missing(const struct wr_near *n, const wr_value *object, const wr_str *keys, size_t at,
                    size_t count, struct wr_buf *out, bool *telling)
{
    struct suggestions found = {0};
    near_here(object, keys, at, count, &found);
    struct search x = {.n = n, .asked = keys, .asked_count = count, .found = &found};
    for (int nocase = 0; nocase < 2 && found.count == 0; nocase++) {
        x.nocase = nocase;
        for (size_t from = 0; from < count && found.count == 0; from++) {
            x.keys = keys + from;
            x.count = count - from;
            look_elsewhere(&x);
        }
    }
    if (at == 0) {
        wr_buf_addf(out, "not in %s", n->where);
    } else {
        wr_near_spell(keys, at, out);
        wr_buf_add(out, WR_STR(" has no member "));
        quote(keys[at], out);
    }
    write_suggestions(&found, out);
    *telling = found.count > 0;
    for (size_t i = 0; i < WR_NEAR_SHOWN_MAX; i++) {
        wr_buf_release(&found.texts[i]);
    }
}

bool wr_near_explain(const struct wr_near *n, const wr_str *keys, size_t count, struct wr_buf *out,
                     bool *telling)
{
    bool ignored;
    telling = telling ? telling : &ignored;
    *telling = false;
    const wr_value *v = n->root;
    for (size_t i = 0; i < count; i++) {
        if (v->type != WR_OBJECT) {
            broke_at(v, n, keys, i, count, out, telling);
            return true;
        }
        const wr_value *next = wr_object_get(v, keys[i]);
        if (!next) {
            missing(n, v, keys, i, count, out, telling);
            return true;
        }
        v = next;
    }
    wr_value copy = *v;
    wr_value_force(&copy, n->arena, n->dialect);
    if (copy.type == WR_UNDEFINED) {
        wr_buf_add(out, WR_STR("its number is out of range: at most 9.999…E999"));
        *telling = true;
        return true;
    }
    return false;
}
