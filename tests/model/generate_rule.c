// Whole statements, what a mutation makes of them, templates, rules, messages.
#include "tests/model/generate.h"

#include <string.h>

// A topic, or with wildcards a filter: often they fit each other.
static void levels(struct gen *g, bool filter)
{
    static const char *const plain[] = {"a", "a", "b", "c", "", "$aws", "\xc3\xa9", "A", "aa"};
    static const char *const wild[] = {"+", "+", "+", "#", "a+", "##"};
    for (size_t i = 0, count = 1 + gen_below(g, 4); i < count; i++) {
        gen_put(g, i ? "/" : "");
        gen_put(g, filter && gen_chance(g, 35) ? wild[gen_below(g, gen_chance(g, 95) ? 4 : 6)]
                                               : GEN_PICK(g, plain));
    }
    gen_put(g, filter && gen_chance(g, 20) ? "/#" : "");
}

static void statement(struct gen *g)
{
    int depth = (int)gen_below(g, 4) + 1;
    g->vars = 0;
    g->alias = (struct model_text){0};
    g->budget = 60;
    if (gen_chance(g, 15)) {
        size_t count = 1 + gen_below(g, gen_chance(g, 95) ? 3 : 12);
        gen_word(g, "SET");
        for (size_t i = 0; i < count; i++) {
            model_addf(g->out, "%s @v%zu = ", i ? "," : "", gen_chance(g, 99) ? i : 0);
            gen_any(g, depth - 1);
            g->vars++;
        }
        gen_gap(g);
    }
    gen_select(g, depth);
    if (gen_chance(g, 95)) {
        gen_spaced(g, "FROM");
        const char *quote = gen_chance(g, 90) ? "'" : "\"";
        gen_put(g, quote);
        gen_chance(g, 75) ? gen_put(g, "#") : levels(g, true);
        gen_put(g, quote);
    }
    if (gen_chance(g, 25)) {
        gen_spaced(g, "WHERE");
        gen_expr(g, 'b', depth);
    }
}

// Swaps, drops, repeats and inserts tokens, and now and then a byte.
static void mutate(struct gen *g, struct model_text t)
{
    static const char *const parts[] = {"SELECT", "FROM", "WHERE",  "AS",       "VALUE",
                                        "SET",    "@v0",  "@x",     "@",        "(",
                                        ")",      "[",    "]",      "{",        "}",
                                        ",",      ".",    ":",      "*",        "=",
                                        "==",     "<",    "<>",     "!",        "!=",
                                        "+",      "-",    "/",      "%",        "5",
                                        "1.",     "1e",   "5a",     "'x'",      "'",
                                        "\"",     ";",    "#",      "--",       "NOT",
                                        "AND",    "IN",   "EXISTS", "CASE",     "WHEN",
                                        "END",    "NULL", "foo",    "foo(",     "abs(",
                                        "cast(",  "\\",   "$",      "\xc2\xa0", "\xe2\x82\xac",
                                        "\x01",   "`",    "LIKE",   "1.5.2",    ".5"};
    struct model_token *k = model_lex(g->m, t, 0);
    size_t count = 0;
    while (k[count].kind != TOKEN_END && k[count].kind != TOKEN_ERROR) {
        count++;
    }
    size_t at = gen_below(g, count + 1), other = gen_below(g, count + 1), how = gen_below(g, 4);
    const char *part = GEN_PICK(g, parts);
    for (size_t i = 0; i <= count; i++) {
        const struct model_token *use = &k[how == 1 && i == at      ? other
                                           : how == 1 && i == other ? at
                                                                    : i];
        size_t from = i ? k[i - 1].end : 0;
        if (how == 0 && i == at) {
            continue;
        }
        if (i == at && how >= 2) {
            gen_put(g, gen_chance(g, 80) ? " " : "");
            model_add(g->out, how == 2 ? model_text_of(part)
                                       : model_text_part(t, k[other].at, k[other].end));
        }
        model_add(g->out, model_text_part(t, from, k[i].at)); // the blanks
        model_add(g->out, model_text_part(t, use->at, use->end));
    }
    model_add(g->out, model_text_part(t, k[count].at, t.len)); // after an error token
}

static void rule(struct gen *g, struct gen_rule *out)
{
    struct model_buf sql = {.m = g->m}, mutated = {.m = g->m};
    size_t version = gen_below(g, 100);
    out->version = version < 55   ? TEXT("2016-03-23")
                   : version < 80 ? TEXT("2015-10-08")
                   : version < 92 ? TEXT("beta")
                   : version < 99 ? TEXT("")
                                  : TEXT("2017-01-01");
    g->is16 = out->version.len != 0 && !model_text_is(out->version, "2015-10-08");
    g->out = &sql;
    statement(g);
    out->sql = model_buf_text(&sql);
    int vars = g->vars;
    if (gen_chance(g, 10)) {
        g->out = &mutated;
        mutate(g, out->sql);
        out->sql = model_buf_text(&mutated);
    }
    out->template_count = gen_chance(g, 40) ? 1 + gen_below(g, GEN_TEMPLATES) : 0;
    for (size_t i = 0; i < out->template_count; i++) {
        static const char *const plain[] = {"", "a/", "{x} $ ", "$${", "\xc3\xa9", "}", "/$"};
        struct model_buf text = {.m = g->m};
        g->out = &text;
        g->budget = 30;
        g->vars = vars;
        for (size_t k = 0, parts = 1 + gen_below(g, 3); k < parts; k++) {
            gen_put(g, gen_chance(g, 97) ? plain[gen_below(g, 3)] : GEN_PICK(g, plain));
            gen_put(g, gen_chance(g, 99) ? "${" : "${}");
            gen_any(g, 2);
            gen_put(g, gen_chance(g, 99) ? "}" : "");
        }
        gen_put(g, GEN_PICK(g, plain));
        out->templates[i] = model_buf_text(&text);
        if (gen_chance(g, 5)) {
            struct model_buf changed = {.m = g->m};
            g->out = &changed;
            mutate(g, out->templates[i]);
            out->templates[i] = model_buf_text(&changed);
        }
    }
}

void gen_make(struct model *m, uint64_t seed, uint64_t number, struct gen_case *out)
{
    static const struct model_property properties[] = {
        {TEXT("env"), TEXT("prod")}, {TEXT("k"), TEXT("")}, {TEXT("env"), TEXT("\xc3\xa9")}};
    struct gen g = {.m = m, .state = seed * 0x2545f4914f6cdd1du ^ number};
    gen_next(&g);
    *out =
        (struct gen_case){.rule_count = gen_chance(&g, 60) ? 1 : 2 + gen_below(&g, GEN_RULES - 1)};
    for (size_t i = 0; i < out->rule_count; i++) {
        rule(&g, &out->rules[i]);
    }
    bool known = gen_chance(&g, 60);
    out->message = (struct model_message){
        .payload = gen_payload(&g),
        .client_id = known ? TEXT("dev-9") : (struct model_text){0},
        .principal = known ? TEXT("abc:def") : (struct model_text){0},
        .source_ip = known ? TEXT("192.0.2.1") : (struct model_text){0},
        .trace_id = known ? TEXT("t-1") : (struct model_text){0},
        .account_id = TEXT("123456789012"),
        .content_type = known ? TEXT("text/plain") : (struct model_text){0},
        .response_topic = known ? TEXT("r/t") : (struct model_text){0},
        .correlation_data = known ? TEXT("\xff\0cid") : (struct model_text){0},
        .format_indicator = (int)gen_below(&g, 3) - 1,
        .properties = properties,
        .property_count = gen_below(&g, 4),
        .timestamp_ms = (int64_t)(gen_next(&g) >> (20 + gen_below(&g, 30))),
        .basic_ingest = gen_chance(&g, 8),
        .not_over_mqtt = gen_chance(&g, 8),
    };
    struct model_buf topic = {.m = m};
    g.out = &topic;
    gen_put(&g, out->message.basic_ingest ? "$aws/rules/r/" : "");
    gen_chance(&g, 40) ? gen_put(&g, "a/b/c") : levels(&g, false);
    out->message.topic = model_buf_text(&topic);
}
