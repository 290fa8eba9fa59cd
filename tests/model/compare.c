// Compares answer by answer. Results of double precision are compared exactly too: both sides call
// the same libm with the same double, so there is nothing to tolerate but the way to and from it.
#include "tests/model/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool bytes_agree(const struct model_case *c, const struct model_answer *a,
                        const struct vm_result *v)
{
    // `*` alone may hand on the message's own bytes (sql.md 9).
    return model_text_same(a->bytes, v->bytes) ||
           (a->whole && model_text_same(c->message.payload, v->bytes));
}

static bool agree(const struct model_case *c, const struct model_answer *a,
                  const struct vm_result *v)
{
    if (a->outcome != v->outcome) {
        return false;
    }
    if (a->outcome == MODEL_INVALID) { // sql.md gives places in statements only
        return c->template.at || (a->line == v->line && a->column == v->column);
    }
    return a->outcome != MODEL_OUTPUT || bytes_agree(c, a, v);
}

static void count_reason(struct counts *n, const char *why)
{
    size_t i = 0;
    while (i < n->reason_count && strcmp(n->reasons[i].why, why)) {
        i++;
    }
    if (i < sizeof n->reasons / sizeof n->reasons[0]) {
        n->reason_count += i == n->reason_count;
        n->reasons[i].why = why;
        n->reasons[i].count++;
    }
}

static void count_limit(struct counts *n, const char *message)
{
    char why[sizeof n->limit_reasons[0].why];
    snprintf(why, sizeof why, "%.60s", message);
    n->limits++;
    for (size_t i = 0; i < sizeof n->limit_reasons / sizeof n->limit_reasons[0]; i++) {
        if (n->limit_reasons[i].count == 0) {
            memcpy(n->limit_reasons[i].why, why, sizeof why);
        }
        if (strcmp(n->limit_reasons[i].why, why) == 0) {
            n->limit_reasons[i].count++;
            return;
        }
    }
}

static bool compare_one(struct model *m, const struct model_case *c, const struct vm_result *v,
                        struct counts *n)
{
    struct model_answer a;
    m->unsupported = NULL;
    model_answer(m, c, &a);
    if (v->limit && a.outcome != MODEL_INVALID) { // the model knows the limit on variables only
        count_limit(n, v->message);
        return false;
    }
    if (a.outcome == MODEL_UNSUPPORTED) {
        count_reason(n, a.why);
        return false;
    }
    if (a.chance) {
        count_reason(n, "rand() and newuuid()");
        return false;
    }
    n->answers++;
    n->outcome[a.outcome]++;
    n->meaningful += a.outcome == MODEL_OUTPUT && a.bytes.len > 2; // more than {}
    return !agree(c, &a, v);
}

static struct model_case statement_case(const struct gen_case *c, const struct gen_rule *rule)
{
    return (struct model_case){.sql = rule->sql, .version = rule->version, .message = c->message};
}

bool compare_case(struct model *m, const struct gen_case *c, struct counts *n)
{
    struct vm_rule results[GEN_RULES];
    vm_run(c, results);
    bool differs = false;
    n->cases++;
    for (size_t i = 0; i < c->rule_count; i++) {
        const struct gen_rule *rule = &c->rules[i];
        struct model_case one = statement_case(c, rule);
        differs = compare_one(m, &one, &results[i].statement, n) || differs;
        for (size_t k = 0;
             k < rule->template_count && results[i].statement.outcome != MODEL_INVALID; k++) {
            one.template = rule->templates[k];
            differs = compare_one(m, &one, &results[i].templates[k], n) || differs;
        }
    }
    return differs;
}

// ---- printing

static void print_text(const char *label, struct model_text t)
{
    printf("# %s", label);
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c == '\n') {
            fputs("\\n", stdout);
        } else if (c < 0x20 || c == 0x7f) {
            printf("\\x%02x", c);
        } else {
            putchar(c);
        }
    }
    putchar('\n');
}

static const char *name_of(enum model_outcome outcome)
{
    static const char *const names[] = {"output", "no match", "invalid", "error", "unsupported"};
    return names[outcome];
}

static void print_answers(struct model *m, const struct model_case *c, const struct vm_result *v)
{
    struct model_answer a;
    m->unsupported = NULL;
    model_answer(m, c, &a);
    bool differs = (!v->limit || a.outcome == MODEL_INVALID) && a.outcome != MODEL_UNSUPPORTED &&
                   !agree(c, &a, v);
    printf("#   %s: model %s", differs ? "DIFFERS" : "agrees", name_of(a.outcome));
    if (a.outcome == MODEL_INVALID) {
        printf(" at %u:%u", a.line, a.column);
    }
    printf("%s%s, VM %s", a.why ? ": " : "", a.why ? a.why : "", name_of(v->outcome));
    if (v->outcome == MODEL_INVALID) {
        printf(" at %u:%u", v->line, v->column);
    }
    printf(" %s\n", v->message);
    print_text("    model: ", a.bytes);
    print_text("    VM:    ", v->bytes);
}

void compare_print(const struct gen_case *c)
{
    struct model m = {0};
    struct vm_rule results[GEN_RULES];
    struct model_buf base64 = {.m = &m};
    vm_run(c, results);
    model_base64_write(&base64, c->message.payload);
    print_text("topic: ", c->message.topic);
    print_text("payload: ", c->message.payload);
    print_text("payload, base64: ", model_buf_text(&base64));
    printf("# timestamp %lld%s%s\n", (long long)c->message.timestamp_ms,
           c->message.basic_ingest ? ", basic ingest" : "",
           c->message.not_over_mqtt ? ", not over MQTT" : "");
    for (size_t i = 0; i < c->rule_count; i++) {
        const struct gen_rule *rule = &c->rules[i];
        struct model_case one = statement_case(c, rule);
        print_text("version: ", rule->version);
        print_text("statement: ", rule->sql);
        print_answers(&m, &one, &results[i].statement);
        bool valid = results[i].statement.outcome != MODEL_INVALID;
        for (size_t k = 0; k < rule->template_count && valid; k++) {
            one.template = rule->templates[k];
            print_text("template: ", rule->templates[k]);
            print_answers(&m, &one, &results[i].templates[k]);
        }
    }
    fflush(stdout);
    model_clear(&m);
}

// ---- shrinking

#define TRIES_MAX 4000

struct shrinker {
    struct gen_case *c;
    int tries;
};

static bool still_differs(struct shrinker *s)
{
    struct model m = {0};
    struct counts n = {0};
    bool differs = s->tries++ < TRIES_MAX && compare_case(&m, s->c, &n);
    model_clear(&m);
    return differs;
}

static void shrink_rules(struct shrinker *s)
{
    for (size_t i = 0; i < s->c->rule_count && s->c->rule_count > 1;) {
        struct gen_case keep = *s->c;
        memmove(&s->c->rules[i], &s->c->rules[i + 1],
                (s->c->rule_count - i - 1) * sizeof s->c->rules[0]);
        s->c->rule_count--;
        if (!still_differs(s)) {
            *s->c = keep;
            i++;
        }
    }
    for (size_t i = 0; i < s->c->rule_count; i++) {
        struct gen_rule *rule = &s->c->rules[i];
        for (size_t k = 0; k < rule->template_count;) {
            struct gen_rule keep = *rule;
            memmove(&rule->templates[k], &rule->templates[k + 1],
                    (rule->template_count - k - 1) * sizeof rule->templates[0]);
            rule->template_count--;
            if (!still_differs(s)) {
                *rule = keep;
                k++;
            }
        }
    }
}

// Without bytes `from` to `to`; what is left is leaked until the program's end, which is near.
static struct model_text without(struct model_text t, size_t from, size_t to)
{
    char *bytes = malloc(t.len + 1);
    if (!bytes) {
        abort();
    }
    if (from) {
        memcpy(bytes, t.at, from);
    }
    memcpy(bytes + from, t.at + to, t.len - to);
    return (struct model_text){bytes, t.len - (to - from)};
}

static void shrink_text(struct shrinker *s, struct model_text *t)
{
    for (size_t chunk = t->len / 2; chunk > 0; chunk /= 2) {
        for (size_t at = 0; at + chunk <= t->len;) {
            struct model_text keep = *t;
            *t = without(keep, at, at + chunk);
            if (still_differs(s)) {
                continue;
            }
            *t = keep;
            at += chunk > 8 ? chunk / 2 : 1;
        }
    }
}

void compare_shrink(struct gen_case *c)
{
    struct shrinker s = {c, 0};
    shrink_rules(&s);
    for (size_t i = 0; i < c->rule_count; i++) {
        for (size_t k = 0; k < c->rules[i].template_count; k++) {
            shrink_text(&s, &c->rules[i].templates[k]);
        }
        shrink_text(&s, &c->rules[i].sql);
    }
    shrink_text(&s, &c->message.payload);
    for (size_t i = 0; i < c->rule_count; i++) {
        shrink_text(&s, &c->rules[i].sql);
    }
}
