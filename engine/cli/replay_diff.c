// `weir replay --diff`: the same messages through two versions of the rules, and what differs.
#include "engine/cli/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/cli.h"
#include "engine/cli/replay_side.h"
#include "engine/cli/suite_diff.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define COMPARE_BYTES (1u << 30) // two results as trees
#define SHOWN_MAX     300        // bytes of a result in an example

// CHANGE(name, JSON member, text): what may become of a message. Several may hold for one.
#define CHANGE_MAP(CHANGE)                                                    \
    CHANGE(NOW_MATCHES, "nowMatches", "now matches")                          \
    CHANGE(NO_MATCH, "noLongerMatches", "no longer matches")                  \
    CHANGE(NOW_FAILS, "nowFails", "now fails")                                \
    CHANGE(NO_FAILURE, "noLongerFails", "no longer fails")                    \
    CHANGE(RESULT, "resultChanged", "result changed")                         \
    CHANGE(RESPELT, "resultRespelt", "result spelt differently (equal JSON)") \
    CHANGE(ACTIONS, "actionsChanged", "actions changed")

enum change {
#define CHANGE(name, member, text) CHANGE_##name,
    CHANGE_MAP(CHANGE)
#undef CHANGE
        CHANGE_COUNT
};
static const char *const members[] = {
#define CHANGE(name, member, text) member,
    CHANGE_MAP(CHANGE)
#undef CHANGE
};
static const char *const texts[] = {
#define CHANGE(name, member, text) text,
    CHANGE_MAP(CHANGE)
#undef CHANGE
};

struct pair {
    wr_str name;
    const struct wr_rule *rules[2]; // NULL: not in that version
    const char *status;             // "same", "changed", "added", "removed"
    bool error_action;              // the error action differs: no replay shows that
    uint64_t counts[CHANGE_COUNT], changed;
    uint64_t shown;
    struct wr_buf examples, json; // as lines; as items of a JSON list
};

struct comparison {
    const struct wr_replay_options *options;
    struct wr_side sides[2];
    struct wr_replay_input in;
    struct wr_progress progress;
    struct pair *pairs; // by name
    size_t pair_count;
    struct wr_arena arena;
    struct wr_buf lines; // of the message at hand
    struct wr_diff diff;
    uint64_t evaluated, stored, changed;
    bool interrupted;
};

// ---- the rules

static bool same_params(const struct wr_param *a, const struct wr_param *b)
{
    if (a->set != b->set || a->count != b->count || !wr_str_eq(a->text, b->text)) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!wr_str_eq(a->keys[i], b->keys[i]) || !wr_str_eq(a->values[i], b->values[i])) {
            return false;
        }
    }
    return true;
}

static bool same_action(const struct wr_rule_action *a, const struct wr_rule_action *b)
{
    if (!a || !b || a->impl != b->impl) {
        return a == b;
    }
    for (size_t i = 0; i < a->param_count; i++) {
        if (!same_params(&a->params[i], &b->params[i])) {
            return false;
        }
    }
    return true;
}

static bool same_rule(const struct wr_rule *a, const struct wr_rule *b)
{
    bool same = wr_str_eq(a->document->sql, b->document->sql) &&
                wr_str_eq(a->document->sql_version, b->document->sql_version) &&
                a->enabled == b->enabled && a->action_count == b->action_count &&
                same_action(a->error_action, b->error_action);
    for (size_t i = 0; same && i < a->action_count; i++) {
        same = same_action(&a->actions[i], &b->actions[i]);
    }
    return same;
}

// Both sets are sorted by name.
static void pair_up(struct comparison *c)
{
    const struct wr_rule_set *a = c->sides[0].rules, *b = c->sides[1].rules;
    size_t counts[] = {wr_rule_set_count(a), wr_rule_set_count(b)}, at[] = {0, 0};
    c->pairs = wr_zalloc((counts[0] + counts[1]) * sizeof *c->pairs);
    while (at[0] < counts[0] || at[1] < counts[1]) {
        const struct wr_rule *x = at[0] < counts[0] ? wr_rule_set_at(a, at[0]) : NULL;
        const struct wr_rule *y = at[1] < counts[1] ? wr_rule_set_at(b, at[1]) : NULL;
        int order = !x ? 1 : !y ? -1 : wr_str_cmp(x->name, y->name);
        struct pair *p = &c->pairs[c->pair_count++];
        x = order <= 0 ? x : NULL;
        y = order >= 0 ? y : NULL;
        *p = (struct pair){.name = x ? x->name : y->name, .rules = {x, y}};
        p->status = !x ? "added" : !y ? "removed" : same_rule(x, y) ? "same" : "changed";
        p->error_action = x && y && !same_action(x->error_action, y->error_action);
        at[0] += x != NULL;
        at[1] += y != NULL;
    }
}

static struct pair *pair_of(struct comparison *c, wr_str name)
{
    size_t low = 0, high = c->pair_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = wr_str_cmp(c->pairs[middle].name, name);
        if (order == 0) {
            return &c->pairs[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

// ---- one rule on one message

static void show_result(struct comparison *c, const char *what, const struct wr_outcome *o)
{
    struct wr_buf text = {0};
    wr_message_text_payload(o->result, false, &text);
    size_t colon = 0;
    while (text.at[colon] != ':') {
        colon++;
    }
    wr_str shown = {text.at + colon + 1, text.len - colon - 1};
    const char *kind = text.at[sizeof "\"payload" - 1] == 'B' ? " base64" : "";
    if (shown.len > SHOWN_MAX) {
        size_t cut = SHOWN_MAX;
        while (((unsigned char)shown.at[cut] & 0xc0) == 0x80) {
            cut--;
        }
        wr_diff_line(&c->diff, "%s%s: %.*s… (%zu bytes)", what, kind, (int)cut, shown.at,
                     shown.len);
    } else {
        wr_diff_line(&c->diff, "%s%s: %.*s", what, kind, WR_STR_ARG(shown));
    }
    wr_buf_release(&text);
}

static void compare_results(struct comparison *c, const struct wr_outcome *a,
                            const struct wr_outcome *b, bool *is)
{
    if (wr_str_eq(a->result, b->result)) {
        return;
    }
    wr_value x, y;
    is[CHANGE_RESULT] = true;
    if (a->json && b->json && !wr_json_parse(a->result, &c->arena, WR_SQL_2016, &x, NULL) &&
        !wr_json_parse(b->result, &c->arena, WR_SQL_2016, &y, NULL)) {
        size_t before = c->diff.count;
        static const struct wr_diff_mode exact = {0};
        wr_err err = wr_diff_json(&c->diff, "$", &x, &y, &exact, NULL);
        wr_assert(err == WR_OK); // there are no patterns
        if (c->diff.count != before) {
            return;
        }
        is[CHANGE_RESULT] = false;
        is[CHANGE_RESPELT] = true;
    }
    wr_diff_bytes(&c->diff, "result", a->result, b->result);
}

// A parameter, or "nothing".
static void add_param(const struct wr_option *option, const struct wr_param *p, struct wr_buf *out)
{
    if (p->set) {
        wr_diff_write_param(out, option, p);
    } else {
        wr_buf_add(out, WR_STR("nothing"));
    }
}

static void compare_params(struct comparison *c, const struct wr_outcome_action *a,
                           const struct wr_outcome_action *b, bool *differ)
{
    const struct wr_option *options = a->action->impl->options;
    for (size_t i = 0; i < a->action->param_count; i++) {
        if (same_params(&a->params[i], &b->params[i])) {
            continue;
        }
        struct wr_buf path = {0}, was = {0}, now = {0};
        add_param(&options[i], &a->params[i], &was);
        add_param(&options[i], &b->params[i], &now);
        wr_buf_addf(&path, "%s.%s", a->action->path, options[i].name);
        wr_diff_pair(&c->diff, wr_buf_terminated(&path), wr_buf_str(&was), wr_buf_str(&now));
        wr_buf_release(&path);
        wr_buf_release(&was);
        wr_buf_release(&now);
        *differ = true;
    }
}

static void compare_actions(struct comparison *c, const struct wr_outcome *a,
                            const struct wr_outcome *b, bool *is)
{
    size_t most = a->action_count > b->action_count ? a->action_count : b->action_count;
    bool *differ = &is[CHANGE_ACTIONS];
    for (size_t i = 0; i < most; i++) {
        const struct wr_outcome_action *x = i < a->action_count ? &a->actions[i] : NULL;
        const struct wr_outcome_action *y = i < b->action_count ? &b->actions[i] : NULL;
        if (!x || !y) {
            wr_diff_line(&c->diff, "%s: %s", x ? x->action->path : y->action->path,
                         x ? "is gone" : "is new");
            *differ = true;
        } else if (x->action->impl != y->action->impl) {
            wr_diff_line(&c->diff, "actions[%zu]: was %s, now %s", i, x->action->impl->name,
                         y->action->impl->name);
            *differ = true;
        } else if (!x->params != !y->params) {
            const struct wr_outcome_action *fails = x->params ? y : x;
            wr_diff_line(&c->diff, "%s: %s: %.*s", x->action->path,
                         x->params ? "now fails" : "no longer fails", WR_STR_ARG(fails->why));
            *differ = true;
        } else if (x->params) {
            compare_params(c, x, y, differ);
        }
    }
}

static void compare(struct comparison *c, const struct wr_outcome *a, const struct wr_outcome *b,
                    bool *is)
{
    if (b->state == WR_OUTCOME_FAILED && a->state != WR_OUTCOME_FAILED) {
        is[CHANGE_NOW_FAILS] = true;
        wr_diff_line(&c->diff, "error: %.*s", WR_STR_ARG(b->why));
    } else if (a->state == WR_OUTCOME_FAILED && b->state != WR_OUTCOME_FAILED) {
        is[CHANGE_NO_FAILURE] = true;
        wr_diff_line(&c->diff, "error was: %.*s", WR_STR_ARG(a->why));
    }
    if (a->state == WR_OUTCOME_MATCHED && b->state == WR_OUTCOME_MATCHED) {
        compare_results(c, a, b, is);
        compare_actions(c, a, b, is);
    } else if (b->state == WR_OUTCOME_MATCHED) {
        is[CHANGE_NOW_MATCHES] = a->state == WR_OUTCOME_NO_MATCH;
        show_result(c, "result", b);
    } else if (a->state == WR_OUTCOME_MATCHED) {
        is[CHANGE_NO_MATCH] = b->state == WR_OUTCOME_NO_MATCH;
        show_result(c, "result was", a);
    }
}

// ---- examples

static void add_json_lines(struct wr_buf *out, wr_str lines)
{
    size_t at = 0;
    while (at < lines.len) {
        const char *end = memchr(lines.at + at, '\n', lines.len - at);
        size_t stop = end ? (size_t)(end - lines.at) : lines.len;
        wr_buf_add(out, at ? WR_STR(",") : WR_STR(""));
        wr_json_write_string(out, wr_str_cut(lines, at, stop));
        at = stop + 1;
    }
}

static void add_example(struct comparison *c, struct pair *p, const struct wr_file_message *m,
                        const bool *is)
{
    const char *file = wr_message_file_name(c->in.file);
    size_t line = wr_message_file_line(c->in.file), found = 0;
    if (c->diff.count > WR_DIFF_LINES_MAX) {
        wr_buf_addf(&c->lines, "… and %zu more\n", c->diff.count - WR_DIFF_LINES_MAX);
    }
    wr_buf_addf(&p->examples, "  %s:%zu  %.*s:", file, line, WR_STR_ARG(m->sql.topic));
    wr_buf_add(&p->json, p->shown ? WR_STR(",{\"file\":") : WR_STR("{\"file\":"));
    wr_json_write_string(&p->json, wr_str_of(file));
    wr_buf_addf(&p->json, ",\"line\":%zu,\"topic\":", line);
    wr_json_write_string(&p->json, m->sql.topic);
    wr_buf_add(&p->json, WR_STR(",\"changes\":["));
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        if (is[i]) {
            wr_buf_addf(&p->examples, "%s %s", found ? "," : "", texts[i]);
            wr_buf_addf(&p->json, "%s\"%s\"", found ? "," : "", members[i]);
            found++;
        }
    }
    wr_buf_add_char(&p->examples, '\n');
    struct wr_buf plain = {0};
    wr_diff_plain(&plain, wr_buf_str(&c->lines));
    wr_str lines = wr_buf_str(&plain);
    for (size_t at = 0; at < lines.len;) {
        const char *end = memchr(lines.at + at, '\n', lines.len - at);
        size_t stop = (size_t)(end - lines.at) + 1;
        wr_buf_add(&p->examples, WR_STR("      "));
        wr_buf_add(&p->examples, wr_str_cut(lines, at, stop));
        at = stop;
    }
    wr_buf_add(&p->json, WR_STR("],\"differences\":["));
    add_json_lines(&p->json, lines);
    wr_buf_add(&p->json, WR_STR("]}"));
    wr_buf_release(&plain);
    p->shown++;
}

// True when anything differs.
static bool take_rule(struct comparison *c, const struct wr_file_message *m,
                      const struct wr_outcome *a, const struct wr_outcome *b)
{
    static const struct wr_outcome none = {.state = WR_OUTCOME_NO_MATCH};
    bool is[CHANGE_COUNT] = {0}, any = false;
    struct pair *p = pair_of(c, (a ? a : b)->rule->name);
    wr_buf_clear(&c->lines);
    wr_arena_reset(&c->arena);
    c->diff.count = 0;
    compare(c, a ? a : &none, b ? b : &none, is);
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        p->counts[i] += is[i];
        any = any || is[i];
    }
    p->changed += any;
    if (any && p->shown < c->options->examples) {
        add_example(c, p, m, is);
    }
    return any;
}

static void take_message(struct comparison *c, const struct wr_file_message *m)
{
    size_t counts[2], at[2] = {0, 0};
    const struct wr_outcome *outcomes[2];
    bool any = false;
    for (int i = 0; i < 2; i++) {
        outcomes[i] = wr_side_evaluate(&c->sides[i], m, c->in.taken, &counts[i]);
    }
    while (at[0] < counts[0] || at[1] < counts[1]) {
        const struct wr_outcome *a = at[0] < counts[0] ? &outcomes[0][at[0]] : NULL;
        const struct wr_outcome *b = at[1] < counts[1] ? &outcomes[1][at[1]] : NULL;
        int order = !a ? 1 : !b ? -1 : wr_str_cmp(a->rule->name, b->rule->name);
        a = order <= 0 ? a : NULL;
        b = order >= 0 ? b : NULL;
        any = take_rule(c, m, a, b) || any;
        at[0] += a != NULL;
        at[1] += b != NULL;
    }
    c->changed += any;
}

static wr_err step_through(struct comparison *c, struct wr_fault *fault)
{
    struct wr_file_message m;
    bool end = false;
    wr_err err = WR_OK;
    while (!c->interrupted && !(err = wr_replay_input_next(&c->in, &m, &end, fault)) && !end) {
        if (wr_progress_due(&c->progress)) {
            wr_replay_input_progress(&c->in, &c->progress, "");
        }
        c->interrupted = wr_replay_interrupted();
        c->stored += m.stored;
        if (!m.stored) {
            c->evaluated++;
            take_message(c, &m);
        }
    }
    return err;
}

// ---- the report

static void print_text(const struct comparison *c)
{
    char count[32], all[32];
    printf("%s of %s messages come out differently\n", wr_progress_count(c->changed, count),
           wr_progress_count(c->evaluated, all));
    if (c->stored) {
        printf("left out: %s that the broker had kept from before\n",
               wr_progress_count(c->stored, count));
    }
    for (size_t i = 0; i < c->pair_count; i++) {
        const struct pair *p = &c->pairs[i];
        if (!p->changed && strcmp(p->status, "same") == 0) {
            continue;
        }
        printf("\nrule %.*s (%s)%s\n", WR_STR_ARG(p->name), p->status,
               p->changed ? "" : ": no message comes out differently");
        if (p->error_action) {
            printf("  the error action differs: a replay does not show what it does\n");
        }
        for (size_t k = 0; k < CHANGE_COUNT; k++) {
            if (p->counts[k]) {
                printf("  %-38s %12s\n", texts[k], wr_progress_count(p->counts[k], count));
            }
        }
        printf("%.*s", WR_STR_ARG(wr_buf_str(&p->examples)));
        if (p->shown && p->changed > p->shown) {
            printf("  … and %s more\n", wr_progress_count(p->changed - p->shown, count));
        }
    }
}

static void add_rule_json(struct wr_buf *b, const struct pair *p)
{
    wr_json_write_string(b, p->name);
    wr_buf_addf(b, ":{\"status\":\"%s\",\"errorActionChanged\":%s,\"changed\":%" PRIu64, p->status,
                p->error_action ? "true" : "false", p->changed);
    for (int i = 0; i < 2; i++) {
        wr_buf_addf(b, ",\"%s\":%" PRIu64, i ? "matchedNew" : "matchedOld",
                    p->rules[i] ? p->rules[i]->counters->matched : 0);
    }
    for (size_t k = 0; k < CHANGE_COUNT; k++) {
        wr_buf_addf(b, ",\"%s\":%" PRIu64, members[k], p->counts[k]);
    }
    wr_buf_add(b, WR_STR(",\"examples\":["));
    wr_buf_add(b, wr_buf_str(&p->json));
    wr_buf_add(b, WR_STR("]}"));
}

static void print_json(const struct comparison *c)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b,
                "{\"messages\":%" PRIu64 ",\"storedLeftOut\":%" PRIu64 ",\"changed\":%" PRIu64
                ",\"rules\":{",
                c->evaluated, c->stored, c->changed);
    for (size_t i = 0; i < c->pair_count; i++) {
        wr_buf_add(&b, i ? WR_STR(",") : WR_STR(""));
        add_rule_json(&b, &c->pairs[i]);
    }
    wr_buf_add(&b, WR_STR("}}\n"));
    fwrite(b.at, 1, b.len, stdout);
    wr_buf_release(&b);
}

static void release(struct comparison *c)
{
    for (size_t i = 0; i < c->pair_count; i++) {
        wr_buf_release(&c->pairs[i].examples);
        wr_buf_release(&c->pairs[i].json);
    }
    free(c->pairs);
    wr_diff_release(&c->diff);
    wr_buf_release(&c->lines);
    wr_arena_release(&c->arena);
    wr_side_close(&c->sides[0]);
    wr_side_close(&c->sides[1]);
    wr_replay_input_release(&c->in);
}

int wr_replay_diff(const struct wr_replay_options *options)
{
    struct comparison c = {.options = options};
    struct wr_fault fault = {0};
    c.diff = (struct wr_diff){.out = &c.lines, .arena = &c.arena, .words = {"was", "now"}};
    wr_replay_catch_signals();
    wr_arena_init(&c.arena, COMPARE_BYTES);
    wr_replay_input_init(&c.in, options);
    wr_err err = WR_OK;
    for (int i = 0; !err && i < 2; i++) {
        err = wr_side_open(&c.sides[i], options->rules[i], true, &fault);
    }
    bool ready = !err;
    if (ready) {
        pair_up(&c);
        wr_progress_init(&c.progress);
        err = step_through(&c, &fault);
        wr_progress_clear(&c.progress);
        if (options->json) {
            print_json(&c);
        } else {
            print_text(&c);
        }
        fflush(stdout);
    }
    if (err) {
        fprintf(stderr, "weir replay: %s%s\n", fault.text,
                ready ? " (what came before is compared)" : "");
    } else if (c.interrupted) {
        fprintf(stderr, "weir replay: stopped before the end\n");
    } else {
        wr_replay_input_note_none(&c.in);
    }
    int status = err ? WR_EXIT_USAGE : c.changed || c.interrupted ? WR_EXIT_NO : WR_EXIT_OK;
    release(&c);
    return status;
}
