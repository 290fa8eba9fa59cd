// Answers conformance cases with the model: reads them from standard input, one a line, and prints
// what `weir eval --cases -` would (tests/corpus/FORMAT.md), with one outcome more: "unsupported".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/model.h"

static struct model_text text_member(mval o, const char *name)
{
    mval v = model_member_of(o, model_text_of(name));
    return v->type == MODEL_STRING ? v->text : (struct model_text){0};
}

static bool flag(mval o, const char *name, bool otherwise)
{
    mval v = model_member_of(o, model_text_of(name));
    return v->type == MODEL_BOOL ? v->truth : otherwise;
}

// The text of a JSON value without the blanks between its tokens.
static struct model_text compact(struct model *m, struct model_text t)
{
    struct model_buf b = {.m = m};
    bool quoted = false;
    for (size_t i = 0; i < t.len; i++) {
        if (!quoted && strchr(" \t\r\n", t.at[i])) {
            continue;
        }
        model_add_char(&b, t.at[i]);
        if (t.at[i] == '"') {
            quoted = !quoted;
        } else if (quoted && t.at[i] == '\\') {
            model_add_char(&b, t.at[++i]);
        }
    }
    return model_buf_text(&b);
}

static struct model_text payload_of(struct model *m, mval line)
{
    struct model_text text = text_member(line, "payloadText"), bytes;
    mval v = model_member_of(line, TEXT("payload"));
    if (text.at) {
        return text;
    }
    text = text_member(line, "payloadBase64");
    if (text.at && model_base64_read(m, text, &bytes)) {
        return bytes;
    }
    if (v->type == MODEL_OBJECT || v->type == MODEL_ARRAY) {
        return compact(m, v->from);
    }
    struct model_buf b = {.m = m};
    model_json_write(&b, v);
    return model_buf_text(&b);
}

static void read_properties(struct model *m, mval list, struct model_message *out)
{
    struct model_property *all = model_alloc(m, (list->list.count + 1) * sizeof *all);
    for (size_t i = 0; i < list->list.count; i++) {
        mval pair = list->list.at[i].value;
        all[i] =
            (struct model_property){pair->list.at[0].value->text, pair->list.at[1].value->text};
    }
    out->properties = all;
    out->property_count = list->list.count;
}

static void read_message(struct model *m, mval line, struct model_message *out)
{
    mval c = model_member_of(line, TEXT("context"));
    mval mqtt = model_member_of(c, TEXT("mqttProperties"));
    mval stamp = model_member_of(c, TEXT("timestamp"));
    struct model_text format = text_member(mqtt, "payloadFormatIndicator");
    struct model_text correlation = text_member(mqtt, "correlationData");
    struct model_text account = text_member(c, "accountId");
    *out = (struct model_message){
        .topic = text_member(line, "topic"),
        .payload = payload_of(m, line),
        .client_id = text_member(c, "clientId"),
        .principal = text_member(c, "principal"),
        .source_ip = text_member(c, "sourceIp"),
        .trace_id = text_member(c, "traceId"),
        .account_id = account.at ? account : TEXT("123456789012"),
        .content_type = text_member(mqtt, "contentType"),
        .response_topic = text_member(mqtt, "responseTopic"),
        .format_indicator = !format.at ? -1 : model_text_is(format, "UTF8_DATA"),
        .timestamp_ms = model_is_number(stamp) ? model_clamped(stamp) : 0,
        .basic_ingest = flag(c, "basicIngest", false),
        .not_over_mqtt = !flag(c, "mqtt", true),
    };
    if (correlation.at && !model_base64_read(m, correlation, &out->correlation_data)) {
        fputs("model: correlationData is not base64\n", stderr);
        exit(2);
    }
    read_properties(m, model_member_of(c, TEXT("userProperties")), out);
}

static void put(struct model *m, struct model_value *o, const char *name, struct model_text text)
{
    model_put(m, o, model_text_of(name), model_string(m, text));
}

static void print_answer(struct model *m, mval line, const struct model_case *c,
                         const struct model_answer *a)
{
    static const char *const outcomes[] = {"output", "nomatch", "invalid", "error", "unsupported"};
    struct model_value *o = model_new(m, MODEL_OBJECT);
    struct model_buf bytes = {.m = m}, at = {.m = m}, out = {.m = m};
    put(m, o, "id", text_member(line, "id"));
    put(m, o, "outcome", model_text_of(outcomes[a->outcome]));
    if (a->outcome == MODEL_OUTPUT && c->template.at) {
        put(m, o, "text", a->bytes);
    } else if (a->outcome == MODEL_OUTPUT) {
        model_base64_write(&bytes, a->bytes);
        put(m, o, "payloadBase64", model_buf_text(&bytes));
    }
    if (a->outcome == MODEL_INVALID && a->line) {
        model_addf(&at, "%u:%u", a->line, a->column);
        put(m, o, "at", model_buf_text(&at));
    }
    if (a->outcome == MODEL_INVALID) {
        put(m, o, "message", TEXT("invalid"));
    }
    if (a->outcome == MODEL_UNSUPPORTED) {
        put(m, o, "message", model_text_of(a->why));
    }
    model_json_write(&out, o);
    printf("%.*s\n", (int)out.len, out.at);
}

static int answer_line(struct model *m, struct model_text text)
{
    mval line;
    if (!model_json_read(m, text, &line) || line->type != MODEL_OBJECT) {
        fputs("model: a line is not a JSON object\n", stderr);
        return 2;
    }
    struct model_case c = {.sql = text_member(line, "sql"),
                           .template = text_member(line, "template"),
                           .version = text_member(line, "sqlVersion")};
    struct model_answer a;
    read_message(m, line, &c.message);
    model_answer(m, &c, &a);
    print_answer(m, line, &c, &a);
    return 0;
}

int main(int argc, char **argv)
{
    char *bytes = NULL;
    size_t cap = 0;
    ssize_t len;
    int status = 0;
    if (argc != 4 || strcmp(argv[1], "eval") || strcmp(argv[2], "--cases") ||
        strcmp(argv[3], "-")) {
        fputs("usage: model eval --cases - <CASES\n", stderr);
        return 2;
    }
    while (!status && (len = getline(&bytes, &cap, stdin)) >= 0) {
        struct model m = {0};
        len -= len > 0 && bytes[len - 1] == '\n';
        if (len > 0) {
            status = answer_line(&m, (struct model_text){bytes, (size_t)len});
        }
        model_clear(&m);
    }
    free(bytes);
    return status;
}
