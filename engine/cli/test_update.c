// Writes what came out into the suites, when the user says so.
#include "engine/cli/test_update.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/test_report.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

struct writer {
    struct wr_suite_runner *r;
    struct wr_buf *out;
};

static wr_value member(const struct writer *w, const char *name)
{
    return wr_line_member(&w->r->result.expect, name, &w->r->arena);
}

static void add_member(struct writer *w, const char *name)
{
    if (w->out->len > 1) {
        wr_buf_add_char(w->out, ',');
    }
    wr_buf_addf(w->out, "\"%s\":", name);
}

static void add_bytes(struct writer *w, const char *name, wr_str s)
{
    add_member(w, name);
    if (strcmp(name, "base64") == 0) {
        wr_buf_add_char(w->out, '"');
        wr_buf_add_base64(w->out, s);
        wr_buf_add_char(w->out, '"');
    } else {
        wr_json_write_string(w->out, s);
    }
}

static bool still_matches(const struct writer *w, wr_str pattern, wr_str found)
{
    struct wr_buf ignored = {0};
    struct wr_diff d = {.out = &ignored, .arena = &w->r->arena};
    bool matches = !wr_diff_matches(&d, "", pattern, found, NULL) && d.count == 0;
    wr_diff_release(&d);
    wr_buf_release(&ignored);
    return matches;
}

// The payload or the text, in the form that was expected where that can hold it.
static void add_output(struct writer *w)
{
    const struct wr_case_answer *a = &w->r->result.answer;
    wr_str found = a->has_text ? a->text : a->payload;
    wr_value matches = member(w, "matches");
    bool wants_text = member(w, "text").type != WR_UNDEFINED;
    bool wants_bytes = member(w, "base64").type != WR_UNDEFINED;
    bool wants_json = wr_object_get(&w->r->result.expect, WR_STR("json")) != NULL;
    bool same =
        member(w, "outcome").type == WR_UNDEFINED ||
        wr_str_eq(wr_line_text(&w->r->result.expect, "outcome", &w->r->arena), WR_STR("output"));
    if (matches.type == WR_STRING && still_matches(w, wr_value_text(&matches), found)) {
        add_bytes(w, "matches", wr_value_text(&matches));
    } else if (wants_bytes || !wr_utf8_valid(found)) {
        add_bytes(w, "base64", found);
    } else if (a->json && !a->has_text && !wants_text && (wants_json || !same)) {
        add_member(w, "json");
        wr_buf_add(w->out, found);
        wr_value tolerance = member(w, "tolerance");
        if (tolerance.type == WR_NUMBER) {
            add_member(w, "tolerance");
            wr_json_write(w->out, &tolerance, &w->r->arena, WR_SQL_2016);
        }
    } else if (wants_text || wants_json || matches.type == WR_STRING || !same) {
        add_bytes(w, "text", found);
    }
}

static void add_text(struct writer *w, const struct wr_option *option, const struct wr_param *p)
{
    if (!p->set) {
        wr_buf_add(w->out, WR_STR("null"));
    } else if (option->type == WR_OPT_PAIRS) {
        wr_buf_add_char(w->out, '[');
        for (size_t i = 0; i < p->count; i++) {
            wr_buf_add(w->out, i ? WR_STR(",{\"key\":") : WR_STR("{\"key\":"));
            wr_json_write_string(w->out, p->keys[i]);
            wr_buf_add(w->out, WR_STR(",\"value\":"));
            wr_json_write_string(w->out, p->values[i]);
            wr_buf_add_char(w->out, '}');
        }
        wr_buf_add_char(w->out, ']');
    } else if (option->type == WR_OPT_INT) {
        wr_buf_add_i64(w->out, p->number);
    } else {
        wr_json_write_string(w->out, p->text);
    }
}

// The members that were expected, with what came out; `prefix` is the dotted name so far.
static void add_expected(struct writer *w, const struct wr_suite_action *a, wr_str prefix,
                         const wr_value *expected)
{
    const struct wr_option *options = a->action->impl->options;
    wr_buf_add_char(w->out, '{');
    for (uint32_t i = 0; i < expected->len; i++) {
        wr_str key = expected->as.members[i].key;
        wr_value v = expected->as.members[i].value;
        wr_value_force(&v, &w->r->arena, WR_SQL_2016);
        struct wr_buf name = {0};
        wr_buf_add(&name, prefix);
        wr_buf_add(&name, key);
        int option = wr_option_find(options, wr_buf_str(&name));
        wr_buf_add(w->out, i ? WR_STR(",") : WR_STR(""));
        wr_json_write_string(w->out, key);
        wr_buf_add_char(w->out, ':');
        if (option < 0) { // judged before: an object of nested members
            wr_buf_add_char(&name, '.');
            add_expected(w, a, wr_buf_str(&name), &v);
        } else {
            wr_str pattern = wr_line_text(&v, "matches", &w->r->arena);
            bool keep = v.type == WR_OBJECT && pattern.at &&
                        still_matches(w, pattern, a->params[option].text);
            if (keep) {
                wr_json_write(w->out, &v, &w->r->arena, WR_SQL_2016);
            } else {
                add_text(w, &options[option], &a->params[option]);
            }
        }
        wr_buf_release(&name);
    }
    wr_buf_add_char(w->out, '}');
}

static void add_action(struct writer *w, const struct wr_suite_action *a, const wr_value *expected)
{
    const struct wr_sink_impl *impl = a->action->impl;
    const wr_value *found =
        expected->type == WR_OBJECT ? wr_object_get(expected, wr_str_of(impl->name)) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, &w->r->arena, WR_SQL_2016);
    wr_buf_addf(w->out, "{\"%s\":", impl->name);
    if (!a->params) {
        wr_buf_add(w->out, WR_STR("\"error\""));
    } else if (v.type == WR_OBJECT) {
        add_expected(w, a, WR_STR(""), &v);
    } else { // what templates made of it
        wr_buf_add_char(w->out, '{');
        for (size_t i = 0; i < a->action->template_count; i++) {
            uint32_t param = a->action->templates[i].param;
            if (i && param == a->action->templates[i - 1].param) {
                continue;
            }
            wr_buf_addf(w->out, "%s\"%s\":", i ? "," : "", impl->options[param].name);
            add_text(w, &impl->options[param], &a->params[param]);
        }
        wr_buf_add_char(w->out, '}');
    }
    wr_buf_add_char(w->out, '}');
}

static void add_actions(struct writer *w)
{
    const struct wr_suite_result *result = &w->r->result;
    wr_value expected = member(w, "actions");
    if (expected.type == WR_ARRAY) {
        add_member(w, "actions");
        wr_buf_add_char(w->out, '[');
        for (size_t i = 0; i < result->action_count; i++) {
            wr_value one = i < expected.len ? expected.as.items[i] : wr_undefined();
            wr_value_force(&one, &w->r->arena, WR_SQL_2016);
            wr_buf_add(w->out, i ? WR_STR(",") : WR_STR(""));
            add_action(w, &result->actions[i], &one);
        }
        wr_buf_add_char(w->out, ']');
    }
    if (wr_object_get(&result->expect, WR_STR("errorAction"))) {
        add_member(w, "errorAction");
        expected = member(w, "errorAction");
        if (result->has_error_action) {
            add_action(w, &result->error_action, &expected);
        } else {
            wr_buf_add(w->out, WR_STR("null"));
        }
    }
}

void wr_test_update_add(struct wr_test_update *u, struct wr_suite_runner *r,
                        const struct wr_suite_case *c)
{
    const struct wr_case_answer *a = &r->result.answer;
    struct wr_buf out = {0};
    struct writer w = {r, &out};
    wr_buf_add_char(&out, '{');
    bool fires = strcmp(a->outcome, "output") == 0;
    bool bare = fires && !a->has_payload; // template cases that expect {"text"}
    if (!bare || wr_object_get(&r->result.expect, WR_STR("outcome"))) {
        add_bytes(&w, "outcome", wr_str_of(a->outcome));
    }
    if (fires) {
        add_output(&w);
        add_actions(&w);
    } else if (a->fault.line && wr_object_get(&r->result.expect, WR_STR("at"))) {
        add_member(&w, "at");
        wr_buf_addf(&out, "\"%" PRIu32 ":%" PRIu32 "\"", a->fault.line, a->fault.column);
    }
    wr_buf_add_char(&out, '}');
    u->changes = wr_realloc(u->changes, (u->count + 1) * sizeof *u->changes);
    u->changes[u->count++] = (struct wr_test_change){c, wr_strdup(wr_buf_str(&out))};
    wr_buf_release(&out);
}

// ---- asking and writing

static bool answered_yes(void)
{
    char line[16];
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

// The changes of one file, which stand in the order of its lines.
static wr_err write_file(const struct wr_test_update *u, const struct wr_suite *s, size_t file,
                         struct wr_fault *fault)
{
    const struct wr_suite_file *f = &s->files[file];
    struct wr_buf text = {0};
    const char *from = f->text;
    for (size_t i = 0; i < u->count; i++) {
        const struct wr_test_change *change = &u->changes[i];
        if (change->at->file != file) {
            continue;
        }
        wr_str old = wr_suite_span(change->at->line, "expect");
        wr_buf_add(&text, (wr_str){from, (size_t)(old.at - from)});
        wr_buf_add(&text, wr_str_of(change->expect));
        from = old.at + old.len;
    }
    wr_err err = WR_OK;
    if (from != f->text) {
        wr_buf_add(&text, (wr_str){from, (size_t)(f->text + f->len - from)});
        err = wr_test_write_file(f->name, wr_buf_str(&text), fault);
    }
    wr_buf_release(&text);
    return err;
}

wr_err wr_test_update_ask(struct wr_test_update *u, const struct wr_suite *s,
                          struct wr_fault *fault)
{
    if (u->count == 0) {
        printf("nothing to update\n");
        return WR_OK;
    }
    for (size_t i = 0; i < u->count; i++) {
        const struct wr_test_change *change = &u->changes[i];
        wr_str old = wr_suite_span(change->at->line, "expect");
        printf("%s:%zu: %s\n  - %.*s\n  + %s\n", s->files[change->at->file].name,
               change->at->number, change->at->id, WR_STR_ARG(old), change->expect);
    }
    printf("Write what came out into %zu case%s? [y/N] ", u->count, u->count == 1 ? "" : "s");
    if (!answered_yes()) {
        printf("\nnothing written\n");
        return WR_OK;
    }
    wr_err err = WR_OK;
    for (size_t i = 0; !err && i < s->file_count; i++) {
        err = write_file(u, s, i, fault);
    }
    if (!err) {
        printf("\n%zu case%s updated\n", u->count, u->count == 1 ? "" : "s");
    }
    return err;
}

void wr_test_update_release(struct wr_test_update *u)
{
    for (size_t i = 0; i < u->count; i++) {
        free(u->changes[i].expect);
    }
    free(u->changes);
    *u = (struct wr_test_update){0};
}
