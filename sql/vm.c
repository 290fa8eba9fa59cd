// Runs programs: the instruction loop, look-ups that suspend, guards, results. One register file of
// values; operators and functions are elsewhere, only their fast cases are here. Long, because what
// the loop calls most is in one file with it, to be put in line.
#include "sql/convert.h"
#include "sql/operator.h"
#include "sql/program.h"
#include "sql/rows.h"

#include "sql/base/banned.h"

// Fuel, in steps of about a nanosecond or two. Instructions are paid for when a section of the
// program is entered and by loops; what walks values pays for itself (wr_arena_spend).
#define STEPS_ROW    10
#define STEPS_CALL   10
#define OUTPUT_USUAL 250   // bytes of a result; most are shorter
#define REGS_STEP    4     // registers are made by so many
#define STEPS_LOOKUP 10000 // so that an evaluation makes a bounded number of them

// A register with this flag holds work in progress: to all instructions but those of its kind it is
// Undefined. Copies share the work, and when it is done all of them are plainly Undefined.
#define V_WORK 0x80u

enum work_kind { WORK_DONE, WORK_ARRAY, WORK_OBJECT, WORK_ROWS, WORK_TEXT };

struct work {
    enum work_kind kind;
    union {
        struct wr_array_builder array;
        struct {
            struct wr_object_builder members;
            wr_value base; // canonical text of an Object that `members` come behind, or Undefined
        } object;
        struct wr_buf text;
        struct {
            wr_value source;
            struct wr_row_cursor at;
        } rows;
    } as;
};

// Where a member stood last time. Rows that the reader made share the texts of their keys.
struct hint {
    const char *key; // in the object; NULL: nothing is known
    uint16_t name;   // constant
    uint16_t at;     // among its members
};
#define HINTS 4 // of a run, by the name; a power of two

// What the run loop keeps beside its registers.
struct run {
    struct wr_eval *e;
    const struct wr_program *p;
    struct wr_num_context num;
    uint32_t stars; // of STAR_ARGS
    struct hint hints[HINTS];
    enum wr_eval_state end;
};

static struct work *work_of(const wr_value *reg, enum work_kind kind)
{
    if (reg->type != WR_UNDEFINED || !(reg->flags & V_WORK)) {
        return NULL;
    }
    struct work *w;
    memcpy(&w, &reg->as, sizeof w);
    return w->kind == kind ? w : NULL;
}

static void work_new(struct run *r, wr_value *reg, enum work_kind kind)
{
    struct work *w = wr_arena_alloc(r->num.arena, sizeof *w);
    *reg = wr_undefined();
    if (w) {
        memset(w, 0, sizeof *w);
        w->kind = kind;
        reg->flags = V_WORK;
        memcpy(&reg->as, &w, sizeof w);
    }
}

static bool fail(struct run *r, enum wr_eval_why why, const char *text)
{
    wr_fault_set(&r->e->fault, WR_ERR_LIMIT, "%s", text);
    r->e->why = why;
    r->end = WR_EVAL_FAILED;
    return false;
}

static WR_NOINLINE bool no_fuel(struct run *r)
{
    return fail(r, WR_WHY_FUEL, "the evaluation took more steps than its limit (fuel)");
}

static inline bool spend(struct run *r, uint64_t steps)
{
    return WR_LIKELY(wr_arena_spend(r->num.arena, steps)) || no_fuel(r);
}

static WR_NOINLINE bool limit_met(struct run *r)
{
    if (r->num.arena->spent) {
        return spend(r, 1);
    }
    return fail(r, WR_WHY_MEMORY,
                "the evaluation took more memory than its limit (message_memory)");
}

// Whatever a limit cut short is Undefined somewhere: it must not decide anything.
static inline bool limits_ok(struct run *r)
{
    return WR_LIKELY(!(r->num.arena->spent | r->num.arena->over)) || limit_met(r);
}

static inline void force(struct run *r, wr_value *v)
{
    if (WR_UNLIKELY(v->flags & WR_V_LAZY)) {
        wr_value_force(v, r->num.arena, r->num.dialect);
    }
}

static bool is_true(struct run *r, wr_value *v)
{
    return v->type == WR_BOOLEAN ? v->as.truth : wr_operator_truth(v, &r->num) == 1;
}

static WR_NOINLINE int compare_any(struct run *r, enum wr_operator op, wr_value *a, wr_value *b)
{
    uint64_t steps = 0;
    wr_value v = wr_operator_binary(&r->num, op, a, b, &steps);
    if (!spend(r, steps)) {
        return 2;
    }
    return v.type == WR_BOOLEAN ? v.as.truth : 2;
}

// The comparison `op` as 0, 1 or 2 (Undefined).
static WR_ALWAYS_INLINE int compare(struct run *r, enum wr_operator op, wr_value *a, wr_value *b)
{
    int order;
    if (WR_LIKELY(a->type == WR_NUMBER && b->type == WR_NUMBER && wr_num_cmp_small(a, b, &order))) {
        return op == WR_OP_EQ   ? order == 0
               : op == WR_OP_NE ? order != 0
               : op == WR_OP_LT ? order < 0
               : op == WR_OP_LE ? order <= 0
               : op == WR_OP_GT ? order > 0
                                : order >= 0;
    }
    return compare_any(r, op, a, b);
}

static inline bool same_key(wr_str a, wr_str b)
{
    return a.len == b.len && *a.at == *b.at &&
           (a.len == 1 || memcmp(a.at + 1, b.at + 1, a.len - 1) == 0);
}

static WR_NOINLINE wr_value search_member(struct run *r, wr_value *v, uint16_t name)
{
    wr_str key = wr_value_text(&r->p->consts.at[name]);
    if (v->type != WR_OBJECT || (v->flags & WR_V_LAZY) || key.len == 0 || v->len > UINT16_MAX) {
        return wr_operator_member(&r->num, v, key);
    }
    if (!wr_arena_spend(r->num.arena, v->len)) {
        return wr_undefined();
    }
    struct hint *hint = &r->hints[name & (HINTS - 1)];
    const struct wr_member *m = v->as.members;
    uint32_t i =
        hint->name == name && hint->at < v->len && same_key(m[hint->at].key, key) ? hint->at : 0;
    while (i < v->len && !same_key(m[i].key, key)) {
        i++;
    }
    if (i == v->len) {
        return wr_undefined();
    }
    *hint = (struct hint){m[i].key.at, name, (uint16_t)i};
    return m[i].value;
}

// As wr_operator_member(), with the usual cases in line: rows of one query are alike.
static inline wr_value member(struct run *r, wr_value *v, uint16_t name)
{
    const struct hint *hint = &r->hints[name & (HINTS - 1)];
    if (WR_LIKELY(v->type == WR_OBJECT && !(v->flags & WR_V_LAZY) && hint->name == name &&
                  hint->at < v->len && v->as.members[hint->at].key.at == hint->key) &&
        WR_LIKELY(wr_arena_spend(r->num.arena, v->len))) {
        return v->as.members[hint->at].value;
    }
    return search_member(r, v, name);
}

static wr_value truth_value(int t)
{
    return t == 2 ? wr_undefined() : wr_boolean(t);
}

static bool binary(struct run *r, enum wr_operator op, wr_value *to, wr_value *a, wr_value *b)
{
    if (WR_LIKELY(a->type == WR_NUMBER && b->type == WR_NUMBER) &&
        WR_LIKELY(!((a->flags | b->flags) & (WR_V_LAZY | WR_V_BIG)))) { // as wr_operator_binary()
        if (op == WR_OP_ADD) {
            *to = wr_num_add(&r->num, a, b);
            return true;
        }
        if (op == WR_OP_MUL) {
            *to = wr_num_mul(&r->num, a, b);
            return true;
        }
    }
    uint64_t steps = 0;
    wr_value v = wr_operator_binary(&r->num, op, a, b, &steps);
    *to = v;
    return spend(r, steps);
}

// An Array or Object that is looked into is decoded once for all rules, and stays text for those
// that hand it on.
static WR_NOINLINE void load_tree(struct run *r, wr_value *to, uint32_t slot)
{
    const struct wr_sql_message *m = r->e->message;
    wr_value *tree = &m->trees[slot < m->plan->path_count ? slot : slot - m->plan->path_count];
    if (tree->type == WR_UNDEFINED) {
        wr_value_force(to, r->num.arena, r->num.dialect);
        if (WR_LIKELY(!r->num.arena->spent)) { // other rules may have more fuel
            *tree = *to;
        }
    } else {
        *to = *tree;
    }
}

static void load_path(struct run *r, wr_value *to, uint16_t path, bool all)
{
    uint32_t at = r->e->map_[path];
    wr_value *slot = &r->e->message->slots[at];
    *to = *slot;
    if (!(to->flags & WR_V_LAZY)) {
        return;
    }
    // A number that may be out of range is looked at here, so that it is Undefined in time.
    bool number = to->type == WR_NUMBER && !(to->flags & WR_V_CANON);
    if (!all && !number) {
        return;
    }
    if (to->type >= WR_ARRAY && r->e->message->trees) {
        load_tree(r, to, at);
        return;
    }
    if (wr_value_force_small(to, r->num.arena)) {
        *slot = *to;
        return;
    }
    wr_value_force(to, r->num.arena, r->num.dialect);
    if (WR_LIKELY(!r->num.arena->spent)) {
        *slot = *to;
    }
}

// ---- variables

// Bytes of `v` as minified JSON; counts no further than `limit`.
static bool fits(struct run *r, const wr_value *v, size_t limit, size_t *size)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, r->num.arena);
    wr_buf_limit(&b, limit + 1);
    wr_json_write(&b, v, r->num.arena, r->num.dialect);
    *size = b.len;
    return !b.over && b.len <= limit;
}

static bool store_var(struct run *r, uint16_t index, wr_value *v)
{
    wr_value *var = &r->e->vars_[index];
    if (v->type >= WR_RAW) {
        *var = wr_undefined(); // sql.md 8.3: a variable cannot hold a payload that is not JSON
        return true;
    }
    *var = *v;
    size_t bound = 0, total = 0, size;
    for (uint16_t i = 0; i <= index; i++) {
        bound += wr_json_bound(&r->e->vars_[i], WR_SQL_VAR_BYTES);
    }
    if (WR_LIKELY(bound <= WR_SQL_VAR_BYTES)) {
        return spend(r, bound / 16); // most are small, and need no count
    }
    for (uint16_t i = 0; i <= index; i++) {
        if (!fits(r, &r->e->vars_[i], WR_SQL_VAR_BYTES - total, &size)) {
            return limits_ok(r) &&
                   fail(r, WR_WHY_VARIABLES, "the SET variables hold more than 128 KiB as JSON");
        }
        total += size;
    }
    return true;
}

// ---- objects, arrays, rows

// What is not there replaces nothing and takes no place (sql.md 7).
static void add_member(struct run *r, struct wr_object_builder *o, const struct wr_member *m)
{
    if (!wr_value_is_absent(&m->value, r->num.arena, r->num.dialect)) {
        wr_object_set(o, r->num.arena, m->key, m->value);
    }
}

static void set_path(struct run *r, struct wr_object_builder *o, const wr_value *names, wr_value *v)
{
    struct wr_arena *arena = r->num.arena;
    wr_str first = wr_value_text(&names->as.items[0]);
    // Only the first name lies in the builder; deeper levels are rebuilt as Objects in the arena.
    wr_value inner = *v;
    wr_value *there = wr_object_find(o, first);
    struct wr_object_builder levels[WR_SQL_DEPTH_MAX];
    uint32_t n = names->len - 1;
    if (n > WR_SQL_DEPTH_MAX) {
        n = WR_SQL_DEPTH_MAX;
    }
    const wr_value *old = there;
    wr_value forced;
    for (uint32_t i = 0; i < n; i++) {
        memset(&levels[i], 0, sizeof levels[i]);
        if (old && old->type == WR_OBJECT) {
            forced = *old;
            force(r, &forced);
            for (uint32_t k = 0; forced.type == WR_OBJECT && k < forced.len; k++) {
                add_member(r, &levels[i], &forced.as.members[k]);
            }
            old = wr_object_find(&levels[i], wr_value_text(&names->as.items[i + 1]));
        } else {
            old = NULL;
        }
    }
    for (uint32_t i = n; i > 0; i--) {
        wr_object_set(&levels[i - 1], arena, wr_value_text(&names->as.items[i]), inner);
        inner = wr_object_done(&levels[i - 1]);
    }
    wr_object_set(o, arena, first, inner);
}

static bool merge_members(struct run *r, struct wr_object_builder *o, wr_value *v)
{
    if (v->type != WR_OBJECT) {
        return true;
    }
    force(r, v);
    for (uint32_t i = 0; v->type == WR_OBJECT && i < v->len; i++) {
        add_member(r, o, &v->as.members[i]);
    }
    return spend(r, v->len);
}

// `SELECT *, f() AS a`: the payload's text can stay text. Only when a member would be replaced, or
// is no plain value, the Object is made of members after all.
static WR_NOINLINE bool unfold(struct run *r, struct work *w)
{
    struct wr_object_builder later = w->as.object.members;
    wr_value base = w->as.object.base;
    w->as.object.base = wr_undefined();
    memset(&w->as.object.members, 0, sizeof later);
    bool good = merge_members(r, &w->as.object.members, &base);
    for (uint32_t i = 0; i < later.len; i++) {
        wr_object_set(&w->as.object.members, r->num.arena, later.members[i].key,
                      later.members[i].value);
    }
    return good;
}

static inline bool unfolded(struct run *r, struct work *w)
{
    return WR_LIKELY(w->as.object.base.type == WR_UNDEFINED) || unfold(r, w);
}

static bool merge(struct run *r, struct work *w, wr_value *v)
{
    if (v->type == WR_OBJECT && (v->flags & WR_V_LAZY) && w->as.object.members.len == 0 &&
        w->as.object.base.type == WR_UNDEFINED) {
        wr_value text = *v;
        if (wr_json_squeeze(&text, r->num.arena, r->num.dialect)) {
            w->as.object.base = text;
            return true;
        }
    }
    return unfolded(r, w) && merge_members(r, &w->as.object.members, v);
}

static bool set_member(struct run *r, struct work *w, wr_str key, const wr_value *v)
{
    const wr_value *base = &w->as.object.base;
    if (base->type != WR_UNDEFINED && wr_json_has_key((wr_str){base->as.text, base->len}, key) &&
        !unfold(r, w)) {
        return false;
    }
    wr_object_set(&w->as.object.members, r->num.arena, key, *v);
    return spend(r, base->type == WR_UNDEFINED ? 0 : base->len / 16);
}

static bool is_plain(const wr_value *v)
{
    return v->type <= WR_STRING || (v->flags & WR_V_CANON);
}

static bool object_done(struct run *r, struct work *w, wr_value *to)
{
    struct wr_object_builder *o = &w->as.object.members;
    *to = w->as.object.base;
    w->kind = WORK_DONE;
    if (WR_LIKELY(to->type == WR_UNDEFINED)) {
        *to = wr_object_done(o);
        return true;
    }
    bool plain = true;
    for (uint32_t i = 0; i < o->len; i++) {
        plain = plain && is_plain(&o->members[i].value) &&
                !wr_value_is_absent(&o->members[i].value, r->num.arena, r->num.dialect);
    }
    if (o->len == 0 ||
        (plain && wr_json_extend(to, o->members, o->len, r->num.arena, r->num.dialect))) {
        return spend(r, to->len / 16);
    }
    bool good = unfold(r, w);
    *to = wr_object_done(o);
    return good;
}

// Members known to be new need no search, unless the object already grew an index.
static void put(struct run *r, struct wr_object_builder *o, wr_str key, const wr_value *v)
{
    if (WR_LIKELY(o->len < o->cap_ && !o->index_)) {
        o->members[o->len++] = (struct wr_member){key, *v};
    } else {
        wr_object_set(o, r->num.arena, key, *v);
    }
}

static inline void push(struct run *r, struct wr_array_builder *a, const wr_value *v)
{
    if (WR_LIKELY(a->len < a->cap_)) {
        a->items[a->len++] = *v;
    } else {
        wr_array_push(a, r->num.arena, *v);
    }
}

static bool rows_new(struct run *r, wr_value *to, wr_value *from)
{
    wr_value source = *from;
    force(r, &source);
    if (source.type != WR_ARRAY && source.type != WR_OBJECT) {
        return false;
    }
    work_new(r, to, WORK_ROWS);
    struct work *w = work_of(to, WORK_ROWS);
    if (w) {
        w->as.rows.source = source;
    }
    return w;
}

static bool next_row(struct run *r, wr_value *to, wr_value *rows)
{
    struct work *w = work_of(rows, WORK_ROWS);
    if (!w) {
        return false;
    }
    const wr_value *source = &w->as.rows.source;
    if (source->type == WR_OBJECT) {
        *to = *source;
        return w->as.rows.at.next++ == 0;
    }
    if (w->as.rows.at.next >= source->len) {
        return false;
    }
    *to = source->as.items[w->as.rows.at.next++];
    force(r, to);
    return true;
}

// The next row that passes, or may: *pc is then where it is to be looked at.
static WR_NOINLINE bool next_where(struct run *r, const struct wr_ins *ins, wr_value *to,
                                   wr_value *rows, uint32_t *pc)
{
    static const uint8_t passes[] = {WR_ROW_EQ, WR_ROW_LT | WR_ROW_GT,
                                     WR_ROW_LT, WR_ROW_LT | WR_ROW_EQ,
                                     WR_ROW_GT, WR_ROW_GT | WR_ROW_EQ};
    struct work *w = work_of(rows, WORK_ROWS);
    if (!w || w->as.rows.source.type != WR_ARRAY) {
        return next_row(r, to, rows);
    }
    const struct wr_row_test test = {wr_value_text(&r->p->consts.at[ins[1].c]),
                                     passes[ins[3].op - WR_OPC_EQ], &r->p->consts.at[ins[2].b]};
    switch (wr_rows_next(&w->as.rows.source, &w->as.rows.at, &test, &r->num,
                         STEPS_ROW + WR_ROW_TEST_LEN + 1, to)) {
    case WR_ROW_NONE:
        return false;
    case WR_ROW_PASSES: // what it was tested by is often selected too
        r->hints[ins[1].c & (HINTS - 1)] =
            (struct hint){w->as.rows.at.key, ins[1].c, (uint16_t)w->as.rows.at.member};
        *pc += WR_ROW_TEST_LEN;
        return true;
    case WR_ROW_UNKNOWN:
        force(r, to);
        return true;
    }
    return false;
}

// ---- calls

// A failure goes on at the innermost guard around it, if there is one.
static bool guarded(struct run *r, uint32_t pc, uint32_t *handler)
{
    for (uint32_t i = 0; i < r->p->guards.len; i++) {
        const struct wr_guard *g = &r->p->guards.at[i];
        if (pc >= g->begin && pc < g->end) {
            *handler = g->handler;
            return true;
        }
    }
    return false;
}

enum called { CALLED, CAUGHT, ENDED };

static enum called failed_at(struct run *r, uint32_t pc, enum wr_eval_why why,
                             const struct wr_fault *fault, uint32_t *next)
{
    if (guarded(r, pc, next)) {
        return CAUGHT;
    }
    r->e->fault = *fault;
    r->e->why = why;
    r->end = WR_EVAL_FAILED;
    return ENDED;
}

static enum called call(struct run *r, const struct wr_ins *ins, wr_value *args, uint32_t pc,
                        uint32_t *next)
{
    const struct wr_function *f = wr_function_at(ins->b);
    struct wr_call c; // its fault is large, and set only together with `failed`
    c.num = r->num;
    c.eval = r->e;
    c.failed = false;
    c.steps = 0;
    wr_value v = f->body(&c, args, ins->c, r->stars);
    r->stars = 0;
    if (!spend(r, c.steps + STEPS_CALL) || !limits_ok(r)) {
        return ENDED;
    }
    if (WR_UNLIKELY(c.failed)) {
        return failed_at(r, pc, WR_WHY_FUNCTION, &c.fault, next);
    }
    *args = v;
    return CALLED;
}

static enum called answered(struct run *r, struct wr_lookup *l, wr_value *to, uint32_t pc,
                            uint32_t *next)
{
    r->e->lookup = NULL;
    if (l->failed) {
        return failed_at(r, pc, WR_WHY_LOOKUP, &l->fault, next);
    }
    *to = l->result;
    return limits_ok(r) ? CALLED : ENDED;
}

static enum called lookup(struct run *r, const struct wr_ins *ins, wr_value *args, uint32_t pc,
                          uint32_t *next)
{
    const struct wr_function *f = wr_function_at(ins->b);
    struct wr_lookup *l = wr_arena_alloc(r->num.arena, sizeof *l);
    wr_value *copies = wr_arena_alloc(r->num.arena, (ins->c + 1u) * sizeof *copies);
    if (!l || !copies || !spend(r, STEPS_LOOKUP)) {
        limits_ok(r);
        return ENDED;
    }
    memset(l, 0, sizeof *l);
    for (uint32_t i = 0; i < ins->c; i++) {
        copies[i] = args[i];
        bool any = (f->lookup == WR_LOOKUP_LAMBDA && i == 1) ||
                   (f->lookup == WR_LOOKUP_ML && i == 2) ||
                   (f->lookup == WR_LOOKUP_DYNAMODB && (i == 2 || (i == 4 && ins->c == 6)));
        if (any) {
            force(r, &copies[i]);
        } else {
            copies[i] = wr_convert_string(&r->num, &copies[i]);
        }
        if (copies[i].type == WR_UNDEFINED) { // sql.md 11: such an argument gives Undefined
            *args = wr_undefined();
            return limits_ok(r) ? CALLED : ENDED;
        }
    }
    *l = (struct wr_lookup){.kind = f->lookup, .args = copies, .arg_count = ins->c, .eval = r->e};
    if (f->lookup == WR_LOOKUP_DYNAMODB && r->e->dynamodb_calls_++ > 0) {
        wr_fault_set(&l->fault, WR_ERR_LIMIT, "get_dynamodb() may be called once in a statement");
        return failed_at(r, pc, WR_WHY_LOOKUP, &l->fault, next);
    }
    if (!r->e->host || !r->e->host->lookup) {
        wr_fault_set(&l->fault, WR_ERR_UNSUPPORTED, "%s() cannot be answered here", f->name);
        return failed_at(r, pc, WR_WHY_LOOKUP, &l->fault, next);
    }
    r->e->lookup = l;
    r->e->host->lookup(r->e->host->user, l);
    if (!l->answered) {
        r->e->pc_ = pc;
        r->end = WR_EVAL_SUSPENDED;
        return ENDED;
    }
    return answered(r, l, args, pc, next);
}

// ---- results

static void result(struct run *r, wr_value *v, bool no_array)
{
    if (no_array && v->type == WR_ARRAY) {
        *v = wr_undefined();
    }
    r->e->result = *v;
    r->end = limits_ok(r) ? WR_EVAL_MATCHED : WR_EVAL_FAILED;
}

static void text_result(struct run *r, wr_value *v)
{
    struct work *w = work_of(v, WORK_TEXT);
    if (w) {
        r->num.arena->over |= w->as.text.over;
        r->e->result = wr_string(wr_buf_str(&w->as.text));
        w->kind = WORK_DONE;
    }
    r->end = limits_ok(r) ? WR_EVAL_MATCHED : WR_EVAL_FAILED;
}

static void text_value(struct run *r, struct work *w, wr_value *v)
{
    if (w) {
        r->e->template_undefined_ |= v->type == WR_UNDEFINED || v->type == WR_NULL;
        wr_convert_template_text(&r->num, v, &w->as.text);
    }
}

// ---- the loop

// Dispatch by computed goto; -DWR_VM_SWITCH builds the twin, and tests run both.
#ifdef WR_VM_SWITCH
#    define DISPATCH() \
        for (;;)       \
            switch (ins = &code[pc++], ins->op)
#    define CASE(name) case WR_OPC_##name
#    define NEXT()     break
#else
#    define DISPATCH() goto *labels[(ins = &code[pc++])->op];
#    define CASE(name) on_##name
#    define NEXT()     goto *labels[(ins = &code[pc++])->op]
#endif

#define A (&regs[ins->a])
#define B (&regs[ins->b])
#define C (&regs[ins->c])
// A loop pays for the instructions of its round.
#define GOTO(target)                               \
    {                                              \
        uint32_t to = (target);                    \
        STOP_UNLESS(to >= pc || spend(r, pc - to)) \
        pc = to;                                   \
    }
#define STOP_UNLESS(ok)       \
    if (WR_UNLIKELY(!(ok))) { \
        return;               \
    }
#define COMPARE(op)                          \
    {                                        \
        int t = compare(r, op, B, C);        \
        *A = truth_value(t);                 \
        STOP_UNLESS(r->end == WR_EVAL_READY) \
        NEXT();                              \
    }
#define REQUIRE(op)                   \
    {                                 \
        int t = compare(r, op, B, C); \
        if (t != 1) {                 \
            r->e->undefined = t != 0; \
            goto no_match;            \
        }                             \
        NEXT();                       \
    }
#define BINARY(op)                          \
    {                                       \
        STOP_UNLESS(binary(r, op, A, B, C)) \
        NEXT();                             \
    }

WR_HOT static void run(struct run *r, uint32_t pc)
{
#ifndef WR_VM_SWITCH
    static const void *const labels[] = {
#    define OP(name, a, b, c) &&on_##name,
#    include "sql/opcodes.h"
#    undef OP
    };
#endif
    const struct wr_ins *code = r->p->code.at, *ins;
    const wr_value *consts = r->p->consts.at;
    wr_value *regs = r->e->regs_;

    DISPATCH()
    {
        CASE(LOAD_CONST) : *A = consts[ins->b];
        NEXT();
        CASE(LOAD_PATH) : load_path(r, A, ins->b, true);
        NEXT();
        CASE(LOAD_SOURCE) : load_path(r, A, ins->b, false);
        NEXT();
        CASE(LOAD_VAR) : *A = r->e->vars_[ins->b];
        force(r, A);
        NEXT();
        CASE(STORE_VAR) : STOP_UNLESS(store_var(r, ins->a, B)) NEXT();
        CASE(MOVE) : *A = *B;
        NEXT();
        CASE(MEMBER) : *A = member(r, B, ins->c);
        force(r, A);
        NEXT();
        CASE(MEMBER_SOURCE) : *A = member(r, B, ins->c);
        if (A->type == WR_NUMBER && !(A->flags & WR_V_CANON)) { // it may be out of range
            force(r, A);
        }
        NEXT();
        CASE(INDEX) : *A = wr_operator_index(&r->num, B, C);
        force(r, A);
        NEXT();
        CASE(AND)
            : BINARY(WR_OP_AND) CASE(OR)
            : BINARY(WR_OP_OR) CASE(NOT) : *A = wr_operator_not(B, &r->num);
        NEXT();
        CASE(EQ)
            : COMPARE(WR_OP_EQ) CASE(NE)
            : COMPARE(WR_OP_NE) CASE(LT)
            : COMPARE(WR_OP_LT) CASE(LE)
            : COMPARE(WR_OP_LE) CASE(GT)
            : COMPARE(WR_OP_GT) CASE(GE)
            : COMPARE(WR_OP_GE) CASE(IN)
            : BINARY(WR_OP_IN) CASE(ADD)
            : BINARY(WR_OP_ADD) CASE(SUB)
            : BINARY(WR_OP_SUB) CASE(MUL)
            : BINARY(WR_OP_MUL) CASE(DIV)
            : BINARY(WR_OP_DIV) CASE(MOD)
            : BINARY(WR_OP_MOD) CASE(NEG) : *A = wr_operator_neg(B, &r->num);
        NEXT();
        CASE(CAST) : *A = wr_convert_cast(&r->num, B, (enum wr_cast_type)ins->c);
        NEXT();
        CASE(STAR_ARGS) : r->stars = ins->b;
        NEXT();
        CASE(CALL) :
        {
            enum called how = call(r, ins, A, pc - 1, &pc);
            STOP_UNLESS(how != ENDED)
        }
        NEXT();
        CASE(LOOKUP) :
        {
            enum called how = r->e->lookup ? answered(r, r->e->lookup, A, pc - 1, &pc)
                                           : lookup(r, ins, A, pc - 1, &pc);
            STOP_UNLESS(how != ENDED)
        }
        NEXT();
        CASE(JUMP) : GOTO(ins->c) NEXT();
        CASE(JUMP_NOT_TRUE) : if (!is_true(r, A)){GOTO(ins->c)} NEXT();
        CASE(JUMP_UNDEFINED) : if (A->type == WR_UNDEFINED){GOTO(ins->c)} NEXT();
        CASE(JUMP_PRESENT)
            : if (A->type != WR_UNDEFINED && A->type != WR_NULL){GOTO(ins->c)} NEXT();
        CASE(REQUIRE) : if (!is_true(r, A))
        {
            r->e->undefined = wr_operator_truth(A, &r->num) != 0;
            goto no_match;
        }
        NEXT();
        CASE(REQUIRE_EQ)
            : REQUIRE(WR_OP_EQ) CASE(REQUIRE_NE)
            : REQUIRE(WR_OP_NE) CASE(REQUIRE_LT)
            : REQUIRE(WR_OP_LT) CASE(REQUIRE_LE)
            : REQUIRE(WR_OP_LE) CASE(REQUIRE_GT)
            : REQUIRE(WR_OP_GT) CASE(REQUIRE_GE)
            : REQUIRE(WR_OP_GE) CASE(ARRAY_NEW) : work_new(r, A, WORK_ARRAY);
        NEXT();
        CASE(ARRAY_PUSH) :
        {
            struct work *w = work_of(A, WORK_ARRAY);
            if (w && B->type != WR_UNDEFINED) {
                push(r, &w->as.array, B);
            }
        }
        NEXT();
        CASE(ARRAY_DONE) :
        {
            struct work *w = work_of(A, WORK_ARRAY);
            *A = wr_undefined();
            if (w) {
                *A = wr_array_done(&w->as.array);
                w->kind = WORK_DONE;
            }
        }
        NEXT();
        CASE(OBJECT_NEW) : work_new(r, A, WORK_OBJECT);
        NEXT();
        CASE(OBJECT_PUT) :
        {
            struct work *w = work_of(A, WORK_OBJECT);
            if (w && C->type != WR_UNDEFINED) {
                put(r, &w->as.object.members, wr_value_text(&consts[ins->b]), C);
            }
        }
        NEXT();
        CASE(OBJECT_SET) :
        {
            struct work *w = work_of(A, WORK_OBJECT);
            STOP_UNLESS(!w || C->type == WR_UNDEFINED ||
                        set_member(r, w, wr_value_text(&consts[ins->b]), C))
        }
        NEXT();
        CASE(OBJECT_SET_PATH) :
        {
            struct work *w = work_of(A, WORK_OBJECT);
            if (w && C->type != WR_UNDEFINED) {
                STOP_UNLESS(unfolded(r, w))
                set_path(r, &w->as.object.members, &consts[ins->b], C);
            }
        }
        NEXT();
        CASE(OBJECT_MERGE) :
        {
            struct work *w = work_of(A, WORK_OBJECT);
            STOP_UNLESS(!w || merge(r, w, B))
        }
        NEXT();
        CASE(OBJECT_DONE) :
        {
            struct work *w = work_of(A, WORK_OBJECT);
            *A = wr_undefined();
            STOP_UNLESS(!w || object_done(r, w, A))
        }
        NEXT();
        CASE(ROWS) : if (!rows_new(r, A, B)){GOTO(ins->c)} NEXT();
        CASE(NEXT)
            : STOP_UNLESS(spend(r, STEPS_ROW) &&
                          limits_ok(r)) if (!next_row(r, A, B)){GOTO(ins->c)} NEXT();
        CASE(NEXT_WHERE)
            : STOP_UNLESS(spend(r, STEPS_ROW) &&
                          limits_ok(r)) if (!next_where(r, ins, A, B, &pc)){GOTO(ins->c)} NEXT();
        CASE(EXISTS) : *A = wr_boolean(B->type == WR_ARRAY && B->len > 0);
        NEXT();
        CASE(RESULT) : result(r, A, ins->b);
        return;
        CASE(RESULT_PAYLOAD) : result(r, A, ins->b);
        r->e->passthrough_ = r->e->result.type != WR_UNDEFINED;
        return;
        CASE(TEXT_NEW) : work_new(r, A, WORK_TEXT);
        {
            struct work *w = work_of(A, WORK_TEXT);
            if (w) {
                wr_buf_init_arena(&w->as.text, r->num.arena);
            }
        }
        NEXT();
        CASE(TEXT_CONST) :
        {
            struct work *w = work_of(A, WORK_TEXT);
            if (w) {
                wr_buf_add(&w->as.text, wr_value_text(&consts[ins->b]));
            }
        }
        NEXT();
        CASE(TEXT_VALUE) : text_value(r, work_of(A, WORK_TEXT), B);
        NEXT();
        CASE(TEXT_RESULT) : text_result(r, A);
        return;
    }
no_match:
    r->e->pc_ = pc;
    if (r->end == WR_EVAL_READY) {
        r->end = limits_ok(r) ? WR_EVAL_NO_MATCH : WR_EVAL_FAILED;
    }
}

static void enter(struct wr_eval *e, uint32_t pc, uint32_t section)
{
    e->section_ = section;
    e->state = WR_EVAL_READY;
    e->lookup = NULL;
    e->pc_ = pc;
    e->result = wr_undefined();
    e->fuel_left = e->program->fuel;
}

void wr_eval_begin(struct wr_eval *e, const struct wr_program *program, const uint32_t *map,
                   struct wr_sql_message *m, const struct wr_sql_host *host)
{
    e->program = program;
    e->map_ = map;
    e->message = m;
    e->host = host;
    e->passthrough_ = e->in_template_ = e->template_undefined_ = false;
    e->dynamodb_calls_ = 0;
    e->regex_limits = 0;
    enter(e, 0, e->program->body_len);
    if (WR_UNLIKELY(program->var_count)) {
        memset(e->vars_, 0, program->var_count * sizeof e->vars_[0]);
    }
    uint32_t regs = (e->program->reg_count + (REGS_STEP - 1)) & ~(REGS_STEP - 1u);
    if (e->regs_cap_ < regs) {
        e->regs_ = wr_arena_alloc(m->arena, regs * sizeof *e->regs_);
        e->regs_cap_ = e->regs_ ? regs : 0;
    }
    if (e->regs_) {
        for (uint32_t i = 0; i < regs; i += REGS_STEP) { // most have few: no call
            memset(e->regs_ + i, 0, REGS_STEP * sizeof *e->regs_);
        }
    }
}

void wr_eval_start(struct wr_eval *e, struct wr_sql_message *m, size_t index,
                   const struct wr_sql_host *host)
{
    wr_eval_begin(e, m->plan->programs[index], m->plan->maps[index], m, host);
}

// The fuel is the arena's while its evaluation runs.
static void fuel_in(struct wr_eval *e)
{
    e->message->arena->fuel = e->fuel_left;
    e->message->arena->spent = false;
}

static void fuel_out(struct wr_eval *e)
{
    e->fuel_left = e->message->arena->fuel;
    e->message->arena->fuel = UINT64_MAX;
    e->message->arena->spent = false;
}

static inline void start(struct run *r, struct wr_eval *e)
{
    r->e = e;
    r->p = e->program;
    r->num = (struct wr_num_context){e->message->arena, e->program->dialect};
    r->stars = 0;
    r->end = WR_EVAL_READY;
    for (size_t i = 0; i < HINTS; i++) {
        r->hints[i].key = NULL;
        r->hints[i].name = r->hints[i].at = 0;
    }
}

enum wr_eval_state wr_eval_run(struct wr_eval *e)
{
    if (e->state != WR_EVAL_READY && e->state != WR_EVAL_SUSPENDED) {
        return e->state; // a template without expressions, or called once too often
    }
    if (e->state == WR_EVAL_SUSPENDED && !e->lookup->answered) {
        return e->state;
    }
    struct run r;
    start(&r, e);
    fuel_in(e);
    if (!e->regs_) {
        limits_ok(&r);
        fail(&r, WR_WHY_MEMORY, "the evaluation took more memory than its limit (message_memory)");
    } else if (e->state == WR_EVAL_SUSPENDED || spend(&r, e->section_)) {
        run(&r, e->pc_);
    }
    fuel_out(e);
    e->state = r.end;
    return r.end;
}

wr_err wr_eval_output(struct wr_eval *e, wr_str *bytes, bool *json)
{
    if (e->result.type == WR_RAW || e->passthrough_) {
        *bytes = e->message->payload;
        *json = e->result.type != WR_RAW;
        return WR_OK;
    }
    if ((e->result.flags & (WR_V_LAZY | WR_V_CANON)) == (WR_V_LAZY | WR_V_CANON)) {
        *bytes = (wr_str){e->result.as.text, e->result.len};
        *json = true;
        return WR_OK;
    }
    struct run r;
    start(&r, e);
    struct wr_buf b;
    wr_buf_init_arena(&b, e->message->arena);
    (void)!wr_buf_reserve(&b, OUTPUT_USUAL); // spares growing step by step; `over` tells if not
    fuel_in(e);
    wr_json_write(&b, &e->result, e->message->arena, e->program->dialect);
    r.num.arena->over |= b.over && !r.num.arena->spent;
    bool good = limits_ok(&r);
    fuel_out(e);
    if (!good) {
        e->state = WR_EVAL_FAILED;
        return WR_ERR_LIMIT;
    }
    *bytes = wr_buf_str(&b);
    *json = true;
    return WR_OK;
}

void wr_eval_template(struct wr_eval *e, uint32_t id)
{
    const struct wr_template_code *t = &e->program->templates.at[id];
    e->in_template_ = true;
    e->template_undefined_ = false;
    enter(e, t->entry, t->len);
    if (t->constant) {
        e->result = wr_string(t->text);
        e->state = WR_EVAL_MATCHED;
    }
}

wr_err wr_eval_text(struct wr_eval *e, wr_str *text, bool *undefined)
{
    if (e->result.type != WR_STRING) {
        return WR_ERR_LIMIT;
    }
    *text = wr_value_text(&e->result);
    if (undefined) {
        *undefined = e->template_undefined_;
    }
    return WR_OK;
}
