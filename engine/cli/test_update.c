// Writes what came out into the suites, when the user says so.
#include "engine/cli/test_update.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/test_file.h"
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

static void add_key(struct writer *w, const char *name)
{
    if (w->out->len && w->out->at[w->out->len - 1] != '{') {
        wr_buf_add_char(w->out, ',');
    }
    wr_buf_addf(w->out, "\"%s\":", name);
}

static void add_base64(struct wr_buf *out, wr_str s)
{
    wr_buf_add_char(out, '"');
    wr_buf_add_base64(out, s);
    wr_buf_add_char(out, '"');
}

// Whether `expected`, a text or a pattern, still fits.
static bool still_fits(const struct writer *w, const wr_value *expected, wr_str found)
{
    struct wr_buf ignored = {0};
    struct wr_diff d = {.out = &ignored, .arena = &w->r->arena};
    bool fits = !wr_diff_text(&d, "", expected, found, NULL) && d.count == 0;
    wr_diff_release(&d);
    wr_buf_release(&ignored);
    return fits;
}

// ---- the result

static wr_str result_of(const struct writer *w)
{
    const struct wr_case_answer *a = &w->r->result.answer;
    return a->has_text ? a->text : a->payload;
}

static bool result_is_json(const struct writer *w)
{
    return w->r->result.answer.json && !w->r->result.answer.has_text && result_of(w).len;
}

// The form that can hold the result.
static const char *form_of(const struct writer *w)
{
    return result_is_json(w) ? "json" : wr_utf8_valid(result_of(w)) ? "text" : "base64";
}

static void add_result(struct writer *w, const char *form)
{
    wr_str found = result_of(w);
    if (strcmp(form, "json") == 0) {
        wr_buf_add(w->out, wr_line_minified(found, &w->r->arena));
    } else if (strcmp(form, "text") == 0) {
        wr_json_write_string(w->out, found);
    } else {
        add_base64(w->out, found);
    }
}

// ---- actions

// The members that were expected, with what came out; `prefix` is the dotted name so far.
static void add_params(struct writer *w, const struct wr_suite_action *a, wr_str prefix,
                       const wr_value *expected)
{
    const struct wr_option *options = a->action->impl->options;
    bool first = true;
    for (uint32_t i = 0; i < expected->len; i++) {
        wr_str key = expected->as.members[i].key;
        wr_value v = expected->as.members[i].value;
        wr_value_force(&v, &w->r->arena, WR_SQL_2016);
        struct wr_buf name = {0};
        wr_buf_addf(&name, "%.*s%.*s", WR_STR_ARG(prefix), WR_STR_ARG(key));
        int option = options ? wr_option_find(options, wr_buf_str(&name)) : -1;
        bool own = prefix.len == 0 &&
                   (wr_str_starts(key, WR_STR("payload")) || wr_str_eq(key, WR_STR("fails"))) &&
                   option < 0;
        if (!own) {
            wr_buf_add(w->out, first ? WR_STR("") : WR_STR(","));
            wr_json_write_string(w->out, key);
            wr_buf_add_char(w->out, ':');
            first = false;
        }
        if (option < 0 && !own) { // judged before: an object of nested members
            wr_buf_add_char(&name, '.');
            wr_buf_add_char(w->out, '{');
            add_params(w, a, wr_buf_str(&name), &v);
            wr_buf_add_char(w->out, '}');
        } else if (!own && a->params[option].set && !a->params[option].count &&
                   still_fits(w, &v, a->params[option].text)) {
            wr_json_write(w->out, &v, &w->r->arena, WR_SQL_2016);
        } else if (!own) {
            wr_diff_write_param(w->out, &options[option], &a->params[option]);
        }
        wr_buf_release(&name);
    }
}

// Of the error document what was expected of it, with what came out.
static void add_subset(struct writer *w, const wr_value *expected, const wr_value *found)
{
    wr_value e = *expected, f = *found;
    wr_value_force(&e, &w->r->arena, WR_SQL_2016);
    wr_value_force(&f, &w->r->arena, WR_SQL_2016);
    bool pattern = e.type == WR_OBJECT && f.type == WR_STRING;
    if (pattern && still_fits(w, &e, wr_value_text(&f))) {
        wr_json_write(w->out, &e, &w->r->arena, WR_SQL_2016);
    } else if (e.type == WR_OBJECT && f.type == WR_OBJECT) {
        bool first = true;
        wr_buf_add_char(w->out, '{');
        for (uint32_t i = 0; i < e.len; i++) {
            const wr_value *inner = wr_object_get(&f, e.as.members[i].key);
            if (inner) {
                wr_buf_add(w->out, first ? WR_STR("") : WR_STR(","));
                wr_json_write_string(w->out, e.as.members[i].key);
                wr_buf_add_char(w->out, ':');
                add_subset(w, &e.as.members[i].value, inner);
                first = false;
            }
        }
        wr_buf_add_char(w->out, '}');
    } else if (e.type == WR_ARRAY && f.type == WR_ARRAY && e.len == f.len) {
        wr_buf_add_char(w->out, '[');
        for (uint32_t i = 0; i < e.len; i++) {
            wr_buf_add(w->out, i ? WR_STR(",") : WR_STR(""));
            add_subset(w, &e.as.items[i], &f.as.items[i]);
        }
        wr_buf_add_char(w->out, ']');
    } else {
        wr_json_write(w->out, &f, &w->r->arena, WR_SQL_2016);
    }
}

static void add_body(struct writer *w, const struct wr_suite_action *a, const wr_value *expected,
                     bool subset)
{
    const wr_value *payload = wr_object_get(expected, WR_STR("payload"));
    const wr_value *text = wr_object_get(expected, WR_STR("payloadText"));
    bool bytes = wr_object_get(expected, WR_STR("payloadBase64")) != NULL;
    wr_value found;
    if (payload && !wr_json_parse(a->body, &w->r->arena, WR_SQL_2016, &found, NULL)) {
        add_key(w, "payload");
        if (subset) {
            add_subset(w, payload, &found);
        } else {
            wr_buf_add(w->out, wr_line_minified(a->body, &w->r->arena));
        }
    } else if (payload || text) {
        bool valid = wr_utf8_valid(a->body);
        add_key(w, valid ? "payloadText" : "payloadBase64");
        if (text && valid && still_fits(w, text, a->body)) {
            wr_json_write(w->out, text, &w->r->arena, WR_SQL_2016);
        } else if (valid) {
            wr_json_write_string(w->out, a->body);
        } else {
            add_base64(w->out, a->body);
        }
        bytes &= valid;
    }
    if (bytes) {
        add_key(w, "payloadBase64");
        add_base64(w->out, a->body);
    }
}

// The members that templates made, for an action of which nothing was expected so far.
static void add_made(struct writer *w, const struct wr_suite_action *a)
{
    bool *wanted = wr_zalloc((a->action->param_count + 1) * sizeof *wanted);
    for (size_t i = 0; i < a->action->template_count; i++) {
        wanted[a->action->templates[i].param] = true;
    }
    wr_diff_write_params(w->out, a->action->impl, a->params, wanted);
    free(wanted);
}

static void add_action(struct writer *w, const struct wr_suite_action *a, const wr_value *expected,
                       bool subset)
{
    const struct wr_sink_impl *impl = a->action->impl;
    const wr_value *found =
        expected->type == WR_OBJECT ? wr_object_get(expected, wr_str_of(impl->name)) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, &w->r->arena, WR_SQL_2016);
    wr_buf_addf(w->out, "{\"%s\":{", impl->name);
    if (v.type != WR_OBJECT && a->params) {
        add_made(w, a);
    } else if (v.type == WR_OBJECT && a->params) {
        add_params(w, a, (wr_str){"", 0}, &v);
    }
    if (v.type == WR_OBJECT) {
        add_body(w, a, &v, subset);
    }
    wr_value fails = wr_line_member(&v, "fails", &w->r->arena);
    if (a->failed && (!a->planned || fails.type != WR_UNDEFINED)) {
        add_key(w, "fails");
        bool kept = fails.type == WR_OBJECT && still_fits(w, &fails, a->why);
        if (fails.type == WR_BOOLEAN) {
            wr_buf_add(w->out, WR_STR("true"));
        } else if (kept) {
            wr_json_write(w->out, &fails, &w->r->arena, WR_SQL_2016);
        } else {
            wr_json_write_string(w->out, a->why);
        }
    }
    wr_buf_add(w->out, WR_STR("}}"));
}

static void add_actions(struct writer *w)
{
    const struct wr_suite_result *result = &w->r->result;
    wr_value expected = member(w, "actions");
    wr_buf_add_char(w->out, '[');
    for (size_t i = 0; i < result->action_count; i++) {
        bool given = expected.type == WR_ARRAY && i < expected.len;
        wr_value one = given ? expected.as.items[i] : wr_undefined();
        wr_value_force(&one, &w->r->arena, WR_SQL_2016);
        wr_buf_add(w->out, i ? WR_STR(",") : WR_STR(""));
        add_action(w, &result->actions[i], &one, false);
    }
    wr_buf_add_char(w->out, ']');
}

static void add_error_action(struct writer *w)
{
    const struct wr_suite_result *result = &w->r->result;
    wr_value expected = member(w, "errorAction");
    if (result->has_error_action) {
        add_action(w, &result->error_action, &expected, true);
    } else {
        wr_buf_add(w->out, WR_STR("null"));
    }
}

// ---- expect

// The new value of a member; its name may change.
static const char *add_value(struct writer *w, const char *name)
{
    const struct wr_fault *fault = &w->r->result.answer.fault;
    if (strcmp(name, "at") == 0) {
        wr_buf_addf(w->out, "\"%" PRIu32 ":%" PRIu32 "\"", fault->line, fault->column);
    } else if (strcmp(name, "actions") == 0) {
        add_actions(w);
    } else if (strcmp(name, "errorAction") == 0) {
        add_error_action(w);
    } else {
        bool fits = strcmp(name, "base64") == 0 ||
                    (strcmp(name, "json") == 0 && result_is_json(w)) ||
                    (strcmp(name, "text") == 0 && wr_utf8_valid(result_of(w)));
        name = fits                                                          ? name
               : strcmp(name, "matches") == 0 && wr_utf8_valid(result_of(w)) ? "text"
                                                                             : form_of(w);
        add_result(w, name);
    }
    return name;
}

static bool fires(const struct writer *w)
{
    return strcmp(w->r->result.answer.outcome, "output") == 0;
}

// All of `expect` anew: another outcome, other forms, or an action that must be expected.
static void add_whole(struct writer *w)
{
    const struct wr_suite_result *result = &w->r->result;
    bool other = result->differs == UINT32_MAX;
    struct wr_buf value = {0};
    struct writer inner = {w->r, &value};
    wr_buf_add_char(w->out, '{');
    if (other || wr_object_get(&result->expect, WR_STR("outcome"))) {
        add_key(w, "outcome");
        wr_buf_addf(w->out, "\"%s\"", result->answer.outcome);
    }
    static const char *const names[] = {"json", "text", "base64", "matches"};
    bool done = false, json = false;
    for (size_t i = 0; fires(w) && i < WR_COUNT(names); i++) {
        if (done || !wr_object_get(&result->expect, wr_str_of(names[i]))) {
            continue;
        }
        wr_buf_clear(&value);
        const char *name = add_value(&inner, names[i]);
        add_key(w, name);
        wr_buf_add(w->out, wr_buf_str(&value));
        json = strcmp(name, "json") == 0;
        done = true;
    }
    if (fires(w) && other && !done) {
        add_key(w, form_of(w));
        add_result(w, form_of(w));
    }
    wr_value tolerance = member(w, "tolerance");
    if (json && tolerance.type == WR_NUMBER) {
        add_key(w, "tolerance");
        wr_json_write(w->out, &tolerance, &w->r->arena, WR_SQL_2016);
    }
    bool failed = result->has_error_action && result->error_action.failed;
    if (fires(w) &&
        (wr_object_get(&result->expect, WR_STR("actions")) || (result->differs == 0 && !failed))) {
        add_key(w, "actions");
        add_actions(w);
    }
    if (fires(w) && (wr_object_get(&result->expect, WR_STR("errorAction")) || failed)) {
        add_key(w, "errorAction");
        add_error_action(w);
    }
    wr_buf_add_char(w->out, '}');
    wr_buf_release(&value);
}

static void add_edit(struct wr_test_update *u, const struct wr_suite_case *c, wr_str old,
                     const struct wr_buf *text)
{
    if (u->count == u->cap_) {
        u->cap_ = u->cap_ ? 2 * u->cap_ : 64;
        u->edits = wr_realloc(u->edits, u->cap_ * sizeof *u->edits);
    }
    u->edits[u->count++] = (struct wr_test_edit){c, old, wr_strdup(wr_buf_str(text))};
}

static int by_place(const void *a, const void *b)
{
    const struct wr_test_edit *x = a, *y = b;
    return (x->old.at > y->old.at) - (x->old.at < y->old.at);
}

// Only the values that do not hold, where each can keep its name. False: they cannot, and there is
// no edit.
static bool edit_values(struct wr_test_update *u, struct writer *w, const struct wr_suite_case *c)
{
    const struct wr_suite_result *result = &w->r->result;
    size_t before = u->count;
    bool good = result->differs != 0 && result->differs != UINT32_MAX;
    for (uint32_t i = 0; good && i < result->expect.len; i++) {
        if (!(result->differs & 1u << i)) {
            continue;
        }
        wr_str keys[] = {WR_STR("expect"), result->expect.as.members[i].key};
        wr_str old = wr_suite_spelt(c->line, &(struct wr_path){keys, 2});
        char *name = wr_strdup(keys[1]);
        wr_buf_clear(w->out);
        good = old.at >= c->line.at && old.at < c->line.at + c->line.len &&
               strcmp(add_value(w, name), name) == 0;
        if (good) {
            add_edit(u, c, old, w->out);
        }
        free(name);
    }
    while (!good && u->count > before) {
        free(u->edits[--u->count].text);
    }
    if (good) {
        qsort(u->edits + before, u->count - before, sizeof *u->edits, by_place);
    }
    return good;
}

void wr_test_update_add(struct wr_test_update *u, struct wr_suite_runner *r,
                        const struct wr_suite_case *c)
{
    struct wr_buf out = {0};
    struct writer w = {r, &out};
    if (!edit_values(u, &w, c)) {
        wr_str key = WR_STR("expect");
        wr_buf_clear(&out);
        add_whole(&w);
        add_edit(u, c, wr_suite_spelt(c->line, &(struct wr_path){&key, 1}), &out);
    }
    u->cases++;
    wr_buf_release(&out);
}

// ---- asking and writing

static bool answered_yes(void)
{
    char line[16];
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static void show(const struct wr_test_update *u, const struct wr_suite *s)
{
    bool colour = wr_cli_colour(STDOUT_FILENO);
    struct wr_buf line = {0};
    for (size_t i = 0; i < u->count; i++) {
        const struct wr_test_edit *e = &u->edits[i];
        wr_buf_clear(&line);
        if (i == 0 || u->edits[i - 1].at != e->at) {
            wr_buf_addf(&line, "%s:%zu: %s\n", s->files[e->at->file].name, e->at->number,
                        e->at->id);
        }
        wr_buf_addf(&line, "  - " WR_DIFF_GOT "%.*s" WR_DIFF_END "\n  + " WR_DIFF_EXPECTED,
                    WR_STR_ARG(e->old));
        wr_buf_add(&line, wr_str_of(e->text));
        wr_buf_add(&line, WR_STR(WR_DIFF_END "\n"));
        wr_test_print("", wr_buf_str(&line), colour);
    }
    wr_buf_release(&line);
}

// The edits of one file, which stand in the order of its text.
static wr_err write_file(const struct wr_test_update *u, const struct wr_suite *s, size_t file,
                         struct wr_fault *fault)
{
    const struct wr_suite_file *f = &s->files[file];
    struct wr_buf text = {0};
    const char *from = f->text;
    for (size_t i = 0; i < u->count; i++) {
        const struct wr_test_edit *e = &u->edits[i];
        if (e->at->file == file) {
            wr_buf_add(&text, (wr_str){from, (size_t)(e->old.at - from)});
            wr_buf_add(&text, wr_str_of(e->text));
            from = e->old.at + e->old.len;
        }
    }
    wr_err err = WR_OK;
    char *now = NULL;
    size_t len;
    if (from != f->text) {
        wr_buf_add(&text, (wr_str){from, (size_t)(f->text + f->len - from)});
        err = wr_suite_read_file(f->name, WR_SUITE_FILE_MAX, &now, &len, fault);
    }
    if (!err && now && !wr_str_eq((wr_str){now, len}, (wr_str){f->text, f->len})) {
        err =
            wr_fault_set(fault, WR_ERR_STATE,
                         "%s: changed since it was read, so it is left alone; run again", f->name);
    }
    if (!err && now) {
        err = wr_test_write_file(f->name, wr_buf_str(&text), fault);
    }
    free(now);
    wr_buf_release(&text);
    return err;
}

wr_err wr_test_update_write(struct wr_test_update *u, const struct wr_suite *s, bool yes,
                            bool *written, struct wr_fault *fault)
{
    *written = false;
    if (u->count == 0) {
        printf("nothing to update\n");
        return WR_OK;
    }
    show(u, s);
    const char *plural = u->cases == 1 ? "" : "s";
    if (!yes) {
        printf("Take what came out as expected in %zu case%s? [y/N] ", u->cases, plural);
        if (!answered_yes()) {
            printf("nothing written\n");
            return WR_OK;
        }
    }
    wr_err err = WR_OK;
    for (size_t i = 0; !err && i < s->file_count; i++) {
        err = write_file(u, s, i, fault);
    }
    if (!err) {
        printf("%zu case%s updated\n", u->cases, plural);
        *written = true;
    }
    return err;
}

void wr_test_update_release(struct wr_test_update *u)
{
    for (size_t i = 0; i < u->count; i++) {
        free(u->edits[i].text);
    }
    free(u->edits);
    *u = (struct wr_test_update){0};
}
