// Static analysis for tests/unit/lint_claims.py. Each line of stdin is
//
//   VERSION BASE64(statement) BASE64(topic) BASE64(payload)       ("-" for no bytes)
//
// Every claim about a sub-expression is held against its value for the message; the answer is a
// line: "ok CLAIMS NARROW" (NARROW: those that rule a type out), "invalid", or "wrong " and which
// claim does not hold. With the argument `findings` the answers are the findings instead, a line
// each, and an empty line.
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/json.h"
#include "sql/lint.h"
#include "sql/program.h"

#include "sql/base/banned.h"

#define LINE_MAX_LEN (1 << 20)

static char line[LINE_MAX_LEN], version[64], words[3][LINE_MAX_LEN];

struct claims {
    struct wr_lint_claim *at;
    size_t len, cap;
};

static void keep(void *user, const struct wr_lint_claim *claim)
{
    struct claims *c = user;
    if (c->len == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        c->at = wr_realloc(c->at, c->cap * sizeof *c->at);
    }
    c->at[c->len++] = *claim;
}

static struct wr_program *compile(wr_str sql)
{
    struct wr_program *p = NULL;
    struct wr_program_options options = {.sql_version = wr_str_of(version), .fuel = 2000000};
    if (wr_program_new(sql, &options, &p, NULL)) {
        return NULL;
    }
    if (wr_program_seal(p, NULL)) {
        wr_program_free(p);
        return NULL;
    }
    return p;
}

// The value of `p`'s result for the message, or of its member `v`. False: there is none, because
// WHERE is not true, the rule fails or the arena is full.
static bool value_of(struct wr_program *p, wr_str topic, wr_str payload, struct wr_arena *arena,
                     bool member, wr_value *out)
{
    static const struct wr_sql_host host = {.account_id = WR_STR_INIT("123456789012")};
    static const struct wr_user_property properties[] = {{WR_STR_INIT("k"), WR_STR_INIT("1")},
                                                         {WR_STR_INIT("k"), WR_STR_INIT("true")}};
    struct wr_sql_message m = {.topic = topic,
                               .payload = payload,
                               .timestamp_ms = 1700000000123,
                               .over_mqtt = true,
                               .client_id = WR_STR("client-1"),
                               .format_indicator = 1,
                               .user_properties = properties,
                               .user_property_count = WR_COUNT(properties)};
    const struct wr_program *programs[] = {p};
    struct wr_plan *plan = wr_plan_new(programs, 1);
    struct wr_eval e = {0};
    bool ok = !wr_sql_message_read(&m, plan, arena);
    if (ok) {
        wr_eval_start(&e, &m, 0, &host);
        ok = wr_eval_run(&e) == WR_EVAL_MATCHED && !arena->over;
    }
    if (ok) {
        *out = e.result;
        wr_value_force(out, arena, wr_program_dialect(p));
        if (member) {
            const wr_value *v = out->type == WR_OBJECT ? wr_object_get(out, WR_STR("v")) : NULL;
            *out = v ? *v : wr_undefined();
            wr_value_force(out, arena, wr_program_dialect(p));
        }
    }
    wr_plan_free(plan);
    return ok && !arena->over;
}

static void write_value(const wr_value *v, struct wr_arena *arena, enum wr_dialect dialect,
                        struct wr_buf *out)
{
    wr_buf_clear(out);
    if (v->type == WR_UNDEFINED) {
        wr_buf_add(out, WR_STR("Undefined"));
    } else {
        wr_json_write(out, v, arena, dialect);
    }
}

static bool holds(const wr_value *v)
{
    return (v->type == WR_BOOLEAN && v->as.truth) ||
           (v->type == WR_STRING && wr_str_eq_nocase(wr_value_text(v), WR_STR("true")));
}

// Prints and returns false when the claim does not hold for the message.
static bool check(const struct wr_program *p, const struct wr_lint_claim *c, wr_str topic,
                  wr_str payload)
{
    const struct wr_statement *s = &p->statement;
    struct wr_buf sql = {0}, value = {0}, again = {0};
    if (s->assign_count) {
        wr_buf_add(&sql, wr_str_cut(s->text, 0, s->select.begin));
    }
    wr_buf_add(&sql, WR_STR("SELECT ("));
    wr_buf_add(&sql, wr_str_cut(s->text, c->begin, c->end));
    wr_buf_add(&sql, WR_STR(") AS v"));
    struct wr_program *one = compile(wr_buf_str(&sql));
    struct wr_arena arena;
    wr_arena_init(&arena, 64u << 20);
    const char *wrong = NULL;
    wr_value v, other;
    if (one && value_of(one, topic, payload, &arena, true, &v)) {
        write_value(&v, &arena, p->dialect, &value);
        wrong = !(c->types & (1u << v.type))   ? "type"
                : c->never_true && holds(&v)   ? "never true"
                : c->always_true && !holds(&v) ? "always true"
                                               : NULL;
        if (!wrong && c->constant &&
            value_of(one, WR_STR("x"), WR_STR("80"), &arena, true, &other)) {
            write_value(&other, &arena, p->dialect, &again);
            wrong = wr_str_eq(wr_buf_str(&value), wr_buf_str(&again)) ? NULL : "constant";
        }
    }
    if (wrong) {
        printf("wrong %s: %.*s is %.*s, types %#x\n", wrong,
               WR_STR_ARG(wr_str_cut(s->text, c->begin, c->end)), WR_STR_ARG(wr_buf_str(&value)),
               c->types);
    }
    wr_program_free(one);
    wr_arena_release(&arena);
    wr_buf_release(&sql);
    wr_buf_release(&value);
    wr_buf_release(&again);
    return !wrong;
}

// The whole rule against what is claimed of its WHERE.
static bool check_where(struct wr_program *p, const struct claims *claims, wr_str topic,
                        wr_str payload)
{
    const struct wr_node *where = p->statement.select.where;
    struct wr_arena arena;
    wr_arena_init(&arena, 64u << 20);
    wr_value v;
    bool right = true;
    bool matched = where && value_of(p, topic, payload, &arena, false, &v);
    for (size_t i = 0; matched && i < claims->len && right; i++) {
        right = !(claims->at[i].never_true && claims->at[i].begin == where->begin &&
                  claims->at[i].end == where->end);
    }
    if (!right) {
        printf("wrong never true: WHERE was\n");
    }
    wr_arena_release(&arena);
    return right;
}

static void answer_claims(struct wr_program *p, wr_str topic, wr_str payload)
{
    struct claims claims = {0};
    wr_lint_claims(p, NULL, keep, &claims);
    bool right = check_where(p, &claims, topic, payload);
    for (size_t i = 0; i < claims.len && right; i++) {
        right = check(p, &claims.at[i], topic, payload);
    }
    if (right) {
        size_t narrow = 0;
        for (size_t i = 0; i < claims.len; i++) {
            narrow += (claims.at[i].types | 1u << WR_RAW) != WR_LINT_MAY_ALL;
        }
        printf("ok %zu %zu\n", claims.len, narrow);
    }
    free(claims.at);
}

static void answer_findings(const struct wr_program *p)
{
    struct wr_lint *l = wr_lint_statement(p, NULL);
    for (size_t i = 0; i < wr_lint_count(l); i++) {
        const struct wr_lint_finding *f = wr_lint_at(l, i);
        printf("W%d %u..%u %s: %.*s\n", f->rule->code, f->begin, f->end,
               f->rule->severity == WR_LINT_NOTE ? "note" : "warning", WR_STR_ARG(f->message));
    }
    wr_lint_free(l);
    printf("\n");
}

int main(int argc, char **argv)
{
    bool findings = argc > 1 && wr_str_eq(wr_str_of(argv[1]), WR_STR("findings"));
    while (fgets(line, sizeof line, stdin)) {
        struct wr_buf bytes[3] = {{0}};
        if (sscanf(line, "%63s %1048575s %1048575s %1048575s", version, words[0], words[1],
                   words[2]) != 4) {
            return 2;
        }
        for (size_t i = 0; i < 3; i++) {
            if (words[i][0] != '-' && !wr_buf_add_unbase64(&bytes[i], wr_str_of(words[i]))) {
                return 2;
            }
        }
        struct wr_program *p = compile(wr_buf_str(&bytes[0]));
        if (!p) {
            printf(findings ? "\n" : "invalid\n");
        } else if (findings) {
            answer_findings(p);
        } else {
            answer_claims(p, wr_buf_str(&bytes[1]), wr_buf_str(&bytes[2]));
        }
        fflush(stdout);
        wr_program_free(p);
        for (size_t i = 0; i < 3; i++) {
            wr_buf_release(&bytes[i]);
        }
    }
    return 0;
}
