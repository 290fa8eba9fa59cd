// Dead letters for people and programs.
#include "engine/cli/dead.h"

#include <stdio.h>

#include "engine/cli/local.h"
#include "engine/cli/message_text.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define SHORT_ID 12 // letters of an id in a list: enough to be the only one

static const char *const states[] = {
    [WR_ENTRY_OPEN] = "open", [WR_ENTRY_DELIVERED] = "delivered", [WR_ENTRY_FAILED] = "failed"};

static const char *help_of(wr_str reason)
{
    static const char *const texts[] = {
#define DEAD(name, word, help) [WR_DEAD_##name] = help,
        WR_DEAD_REASONS(DEAD)
#undef DEAD
    };
    enum wr_dead_reason at;
    return wr_dead_reason_of(reason, &at) ? texts[at] : "written by another weir";
}

// The first failure, of the error action when there is one.
static const struct wr_entry_action *failure_of(const struct wr_entry *e)
{
    if (e->has_error_action) {
        return &e->error_action;
    }
    for (size_t i = 0; i < e->action_count; i++) {
        if (e->actions[i].state == WR_ENTRY_FAILED) {
            return &e->actions[i];
        }
    }
    return NULL;
}

void wr_dead_print_row(const struct wr_entry *e)
{
    struct wr_buf time = {0};
    char id[2 * WR_DELIVERY_ID_LEN + 1];
    wr_delivery_id_text(&e->id, id);
    wr_local_time(&time, e->dead_ms);
    printf("%.*s  %s  ", SHORT_ID, id, wr_buf_terminated(&time));
    wr_buf_release(&time);
    wr_local_print(e->rule);
    printf("  %.*s  ", WR_STR_ARG(e->reason));
    wr_local_print(e->message.topic);
    const struct wr_entry_action *a = failure_of(e);
    if (a) {
        printf("  %.*s: ", WR_STR_ARG(a->kind));
        wr_local_print(a->message);
    }
    putchar('\n');
}

// ---- JSON

static void add_name(struct wr_buf *b, const char *name, const char *more)
{
    if (b->len && b->at[b->len - 1] != '{') {
        wr_buf_add_char(b, ',');
    }
    wr_buf_addf(b, "\"%s%s\":", name, more);
}

static void add_base64(struct wr_buf *b, wr_str bytes)
{
    wr_buf_add_char(b, '"');
    wr_buf_add_base64(b, bytes);
    wr_buf_add_char(b, '"');
}

static void add_text(struct wr_buf *b, const char *name, wr_str text)
{
    if (text.at && wr_utf8_valid(text)) {
        add_name(b, name, "");
        wr_json_write_string(b, text);
    } else if (text.at) {
        add_name(b, name, "Base64");
        add_base64(b, text);
    }
}

static void add_time(struct wr_buf *b, const char *name, int64_t ms)
{
    add_name(b, name, "");
    wr_buf_add_char(b, '"');
    wr_local_time(b, ms);
    wr_buf_add_char(b, '"');
}

// What may be a secret: what is not kept at all, and what an older weir kept.
static const wr_str hidden = WR_STR_INIT("(not shown)");

static void add_pairs(struct wr_buf *b, const struct wr_param *p, bool secret)
{
    wr_buf_add_char(b, '[');
    for (size_t i = 0; i < p->count; i++) {
        wr_buf_add(b, i ? WR_STR(",{") : WR_STR("{"));
        add_text(b, "key", p->keys[i]);
        bool hide = !p->values[i].at || (secret && wr_secret_name(p->keys[i]));
        add_text(b, "value", hide ? hidden : p->values[i]);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
}

static void add_param(struct wr_buf *b, const struct wr_sink_impl *impl, wr_str name,
                      const struct wr_param *p)
{
    int at = impl && impl->options ? wr_option_find(impl->options, name) : -1;
    enum wr_option_type type = at >= 0 ? impl->options[at].type : WR_OPT_STRING;
    struct wr_buf key = {0};
    wr_buf_add(&key, name);
    const char *word = wr_buf_terminated(&key);
    if (p->count || type == WR_OPT_PAIRS || type == WR_OPT_LIST) {
        add_name(b, word, "");
        add_pairs(b, p, at >= 0 && (impl->options[at].flags & WR_OPT_SECRET));
    } else if (type == WR_OPT_BOOL) {
        add_name(b, word, "");
        wr_buf_add(b, p->number ? WR_STR("true") : WR_STR("false"));
    } else if (type == WR_OPT_INT) {
        add_name(b, word, "");
        wr_buf_add_i64(b, p->number);
    } else {
        bool secret = at >= 0 && (impl->options[at].flags & WR_OPT_SECRET);
        add_text(b, word, secret || !p->text.at ? hidden : p->text);
    }
    wr_buf_release(&key);
}

static void add_action(struct wr_buf *b, const struct wr_entry_action *a)
{
    const struct wr_sink_impl *impl = wr_sink_find(a->kind);
    wr_buf_add_char(b, '{');
    add_text(b, "kind", a->kind);
    add_text(b, "state", wr_str_of(states[a->state]));
    if (a->state == WR_ENTRY_FAILED) {
        add_text(b, "failedResource", a->resource);
        add_text(b, "errorMessage", a->message);
    }
    add_name(b, "parameters", "");
    wr_buf_add_char(b, '{');
    for (size_t i = 0; i < a->param_count; i++) {
        add_param(b, impl, a->names[i], &a->params[i]);
    }
    wr_buf_add(b, WR_STR("}}"));
}

// The members of the message as message files have them.
static void add_message(struct wr_buf *b, const struct wr_entry *e)
{
    const struct wr_file_message m = {
        .sql = e->message, .timed = true, .qos = e->qos, .retain = e->retain, .expiry_s = -1};
    struct wr_buf line = {0};
    struct wr_fault fault;
    if (wr_message_text_write(&m, false, &line, &fault)) {
        add_text(b, "messageError", wr_str_of(fault.text));
    } else {
        wr_buf_add_char(b, ',');
        wr_buf_add(b, wr_str_cut(wr_buf_str(&line), 1, line.len - 2)); // without "{" and "}\n"
    }
    wr_buf_release(&line);
}

// By the rule of message files for payloads.
static void add_result(struct wr_buf *b, wr_str result)
{
    struct wr_buf member = {0};
    wr_message_text_payload(result, false, &member);
    wr_buf_add(b, WR_STR(",\"result"));
    wr_buf_add(b, wr_str_cut(wr_buf_str(&member), strlen("\"payload"), member.len));
    wr_buf_release(&member);
}

void wr_dead_print_json(const struct wr_entry *e)
{
    struct wr_buf b = {0};
    char id[2 * WR_DELIVERY_ID_LEN + 1];
    wr_delivery_id_text(&e->id, id);
    wr_buf_add_char(&b, '{');
    add_text(&b, "id", wr_str_of(id));
    add_text(&b, "rule", e->rule);
    add_text(&b, "reason", e->reason);
    add_time(&b, "time", e->dead_ms);
    add_message(&b, e);
    if (e->body.at) {
        add_result(&b, e->body);
    }
    add_name(&b, "actions", "");
    wr_buf_add_char(&b, '[');
    for (size_t i = 0; i < e->action_count; i++) {
        if (i) {
            wr_buf_add_char(&b, ',');
        }
        add_action(&b, &e->actions[i]);
    }
    wr_buf_add_char(&b, ']');
    if (e->has_error_action) {
        add_name(&b, "errorAction", "");
        add_action(&b, &e->error_action);
    }
    wr_buf_add_char(&b, '}');
    wr_local_line(&b);
    wr_buf_release(&b);
}

// ---- for people

static void print_bytes(const char *name, wr_str bytes)
{
    printf("%-10s", name);
    if (wr_utf8_valid(bytes)) {
        wr_local_print(bytes);
    } else {
        struct wr_buf b = {0};
        add_base64(&b, bytes);
        printf("%zu bytes, in base64: %.*s", bytes.len, (int)b.len, b.at);
        wr_buf_release(&b);
    }
    putchar('\n');
}

static void print_action(const char *name, const struct wr_entry_action *a)
{
    const struct wr_sink_impl *impl = wr_sink_find(a->kind);
    printf("%-10s%.*s, %s", name, WR_STR_ARG(a->kind), states[a->state]);
    if (a->state == WR_ENTRY_FAILED) {
        fputs(": ", stdout);
        wr_local_print(a->message);
    }
    putchar('\n');
    for (size_t i = 0; i < a->param_count; i++) {
        struct wr_buf b = {0};
        add_param(&b, impl, a->names[i], &a->params[i]);
        printf("%-10s", "");
        wr_local_print(wr_buf_str(&b));
        putchar('\n');
        wr_buf_release(&b);
    }
}

void wr_dead_print_all(const struct wr_entry *e)
{
    struct wr_buf text = {0};
    char id[2 * WR_DELIVERY_ID_LEN + 1];
    wr_delivery_id_text(&e->id, id);
    wr_local_time(&text, e->dead_ms);
    printf("%-10s%s\n%-10s", "id", id, "rule");
    wr_local_print(e->rule);
    printf("\n%-10s%.*s: %s\n%-10s%s\n%-10s", "reason", WR_STR_ARG(e->reason), help_of(e->reason),
           "time", wr_buf_terminated(&text), "topic");
    wr_local_print(e->message.topic);
    putchar('\n');
    print_bytes("payload", e->message.payload);
    if (e->body.at) {
        print_bytes("result", e->body);
    }
    wr_buf_clear(&text);
    wr_buf_add_char(&text, '{');
    add_message(&text, e);
    printf("%-10s", "message");
    wr_local_print(wr_str_cut(wr_buf_str(&text), 2, text.len));
    putchar('\n');
    for (size_t i = 0; i < e->action_count; i++) {
        print_action("action", &e->actions[i]);
    }
    if (e->has_error_action) {
        print_action("error", &e->error_action);
    }
    putchar('\n');
    wr_buf_release(&text);
}
