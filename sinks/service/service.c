// Making asks out of records, and the words with which they are refused.
#include "sinks/service/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

bool wr_service_refuse(struct wr_service_no *no, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    no->code = code;
    vsnprintf(no->text, sizeof no->text, format, args);
    va_end(args);
    return false;
}

void wr_service_settle_no(struct wr_record *rec, const struct wr_service *service,
                          enum wr_verdict verdict, int status, const char *code, wr_str text)
{
    char message[1024];
    int len =
        snprintf(message, sizeof message,
                 "%s. The error received was %.*s (Service: %.*s; Status Code: %d; Error "
                 "Code: %s; Request ID: local).",
                 service->what, (int)(text.len < 600 ? text.len : 600), text.at ? text.at : "",
                 WR_STR_ARG(wr_aws_services[service->aws].text), status, code);
    struct wr_why why = {
        .resource = rec->params[rec->sink->impl->resource_option].text,
        .message = {message, (size_t)len < sizeof message ? (size_t)len : sizeof message - 1},
    };
    wr_record_settle(rec, verdict, &why);
}

struct wr_service_entry *wr_service_entries(struct wr_service_ask *ask, size_t count)
{
    struct wr_service_entry *at = wr_arena_alloc(ask->rec->arena, count * sizeof *at);
    if (!at) {
        return NULL;
    }
    memset(at, 0, count * sizeof *at);
    for (size_t i = 0; i < count; i++) {
        at[i].ask = ask;
    }
    ask->entries = at;
    ask->count = (uint32_t)count;
    return at;
}

wr_str wr_service_keep(struct wr_service_ask *ask, const struct wr_buf *b)
{
    if (b->over) {
        ask->rec->arena->over = true;
        return (wr_str){0};
    }
    return wr_buf_str(b);
}

wr_value wr_service_body(const struct wr_aws_answer *answer, struct wr_arena *arena)
{
    wr_value v;
    if (answer->body.len == 0 ||
        wr_json_parse(answer->body, arena, WR_SQL_2016, &v, NULL) != WR_OK) {
        return wr_undefined();
    }
    return v;
}

wr_value wr_service_member(const wr_value *object, const char *name, struct wr_arena *arena)
{
    const wr_value *found =
        object->type == WR_OBJECT ? wr_object_get(object, wr_str_of(name)) : NULL;
    if (!found) {
        return wr_undefined();
    }
    wr_value v = *found;
    wr_value_force(&v, arena, WR_SQL_2016);
    return v;
}

wr_str wr_service_member_text(const wr_value *object, const char *name, struct wr_arena *arena)
{
    wr_value v = wr_service_member(object, name, arena);
    return v.type == WR_STRING ? wr_value_text(&v) : (wr_str){0};
}

bool wr_service_refuse_length(struct wr_service_no *no, const char *code, const char *member,
                              wr_str value, const char *constraint)
{
    return wr_service_refuse(
        no, code,
        "1 validation error detected: Value '%.*s%s' at '%s' failed to satisfy "
        "constraint: %s",
        (int)(value.len < 80 ? value.len : 80), value.at ? value.at : "",
        value.len < 80 ? "" : "...", member, constraint);
}

bool wr_service_text_body(const struct wr_record *rec, const char *member, struct wr_service_no *no)
{
    if (rec->body.len == 0) {
        return wr_service_refuse_length(no, "InvalidParameterException", member, rec->body,
                                        "Member must have length greater than or equal to 1");
    }
    return rec->body_json || wr_utf8_valid(rec->body)
               ? true
               : wr_service_refuse(no, "InvalidParameterException",
                                   "The result is binary: expected text, which is valid UTF-8; "
                                   "encode(*, 'base64') makes text of it");
}

bool wr_service_json_body(const struct wr_record *rec, struct wr_service_no *no)
{
    return rec->body_json && rec->body.len > 0
               ? true
               : wr_service_refuse(no, "InvalidRequestException", "The result is %s: expected JSON",
                                   rec->body.len ? "binary, or text that is no JSON" : "empty");
}

void wr_service_add_json(struct wr_buf *b, wr_str json)
{
    size_t from = b->len;
    wr_buf_add(b, json);
    for (size_t i = from; i < b->len; i++) {
        b->at[i] = b->at[i] == '\n' || b->at[i] == '\r' ? ' ' : b->at[i];
    }
}

wr_value wr_service_result(const struct wr_record *rec)
{
    wr_value v = rec->result ? *rec->result : wr_undefined();
    wr_value_force(&v, rec->arena, rec->dialect);
    return v;
}

struct wr_service_ask *wr_service_ask_of(const struct wr_service *service, const void *state,
                                         struct wr_record *rec)
{
    struct wr_service_ask *ask = rec->sink_data;
    if (ask && rec->attempt > 1 && ask->service == service && ask->rec == rec) {
        ask->state = state;
        return ask; // what is there stays there
    }
    struct wr_service_no no = {.code = "InvalidRequest"};
    rec->arena->over = false;
    ask = wr_arena_alloc(rec->arena, sizeof *ask);
    bool made = false;
    if (ask) {
        *ask = (struct wr_service_ask){.service = service, .rec = rec, .state = state};
        ask->role = rec->params[service->role_option].text;
        made = service->make(rec, ask, &no);
    }
    if (rec->arena->over) {
        made = wr_service_refuse(&no, "RequestEntityTooLarge",
                                 "The message is over its limit of memory");
    }
    if (!made) {
        rec->sink_data = NULL;
        wr_service_settle_no(rec, service, WR_REFUSED, 400, no.code, wr_str_of(no.text));
        return NULL;
    }
    ask->item.entries = ask->count;
    for (uint32_t i = 0; i < ask->count; i++) {
        ask->item.bytes += ask->entries[i].weight;
    }
    rec->sink_data = ask;
    return ask;
}

void *wr_service_state_new(const struct wr_service *service, const struct wr_sink *sink,
                           const struct wr_settings *settings)
{
    void *state = wr_zalloc(service->state_size ? service->state_size : 1);
    if (service->open) {
        service->open(state, sink, settings);
    }
    return state;
}

void wr_service_state_free(const struct wr_service *service, void *state)
{
    if (state && service->close) {
        service->close(state);
    }
    free(state);
}
