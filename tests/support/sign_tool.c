// Signs for tests/unit/sign_differential.py: each line of stdin is a JSON object with the members
// of a request, base64 where bytes may be anything; the answer is a JSON object of what was added.
#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/aws_sign.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define LINE_MAX_LEN (1 << 20)
#define MEMORY       (64u << 20)

static char line[LINE_MAX_LEN];
static struct wr_arena arena;

static wr_str text_of(const wr_value *v)
{
    wr_value copy = v ? *v : wr_undefined();
    wr_value_force(&copy, &arena, WR_SQL_2016);
    return copy.type == WR_STRING ? wr_value_text(&copy) : (wr_str){0};
}

static wr_str member(const wr_value *o, const char *name)
{
    return text_of(wr_object_get(o, wr_str_of(name)));
}

static bool truth(const wr_value *o, const char *name)
{
    const wr_value *v = wr_object_get(o, wr_str_of(name));
    return v && v->type == WR_BOOLEAN && v->as.truth;
}

static size_t read_headers(const wr_value *list, struct wr_http_header *headers)
{
    size_t count = 0;
    for (uint32_t i = 0; list && i < list->len && count < WR_HTTP_HEADERS_MAX; i++) {
        const wr_value *pair = &list->as.items[i];
        headers[count++] =
            (struct wr_http_header){text_of(&pair->as.items[0]), text_of(&pair->as.items[1])};
    }
    return count;
}

static void say(struct wr_buf *out, const char *name, wr_str value)
{
    wr_buf_add(out, out->len > 1 ? WR_STR(",") : WR_STR(""));
    wr_json_write_string(out, wr_str_of(name));
    wr_buf_add_char(out, ':');
    wr_json_write_string(out, value);
}

static bool answer(struct wr_aws_signer *signer, const wr_value *o)
{
    struct wr_http_header headers[WR_HTTP_HEADERS_MAX];
    struct wr_buf body, text, out;
    int64_t time_ms = 0;
    wr_buf_init_arena(&body, &arena);
    wr_buf_init_arena(&text, &arena);
    wr_buf_init_arena(&out, &arena);
    if (!wr_buf_add_unbase64(&body, member(o, "body")) ||
        !wr_aws_date_read(member(o, "date"), &time_ms)) {
        return false;
    }
    struct wr_aws_request req = {
        .method = member(o, "method"),
        .host = member(o, "host"),
        .path = member(o, "path"),
        .query = member(o, "query"),
        .headers = headers,
        .header_count = read_headers(wr_object_get(o, WR_STR("headers")), headers),
        .body = wr_buf_str(&body),
        .unsigned_payload = truth(o, "unsigned"),
    };
    struct wr_aws_keys keys = {member(o, "id"), member(o, "secret"), member(o, "token")};
    struct wr_aws_scope scope = {member(o, "region"), member(o, "service"), time_ms};
    wr_buf_add_char(&out, '{');
    if (truth(o, "presign")) {
        if (wr_aws_presign(signer, &keys, &scope, &req, 600, &text)) {
            return false;
        }
        say(&out, "query", wr_buf_str(&text));
    } else {
        struct wr_aws_signature sig;
        if (wr_aws_sign(signer, &keys, &scope, &req, &text, &sig)) {
            return false;
        }
        for (size_t i = 0; i < sig.count; i++) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", WR_STR_ARG(sig.headers[i].name));
            say(&out, name, sig.headers[i].value);
        }
    }
    say(&out, "canonical", wr_aws_signer_canonical(signer));
    wr_buf_add_char(&out, '}');
    printf("%.*s\n", WR_STR_ARG(wr_buf_str(&out)));
    return true;
}

int main(void)
{
    struct wr_aws_signer *signer = wr_aws_signer_new();
    int status = 0;
    wr_arena_init(&arena, MEMORY);
    while (status == 0 && fgets(line, sizeof line, stdin)) {
        struct wr_fault fault = {0};
        wr_value v;
        wr_arena_reset(&arena);
        if (wr_json_parse(wr_str_of(line), &arena, WR_SQL_2016, &v, &fault) ||
            v.type != WR_OBJECT || !answer(signer, &v)) {
            fprintf(stderr, "sign_tool: %s\n", fault.text[0] ? fault.text : "cannot be signed");
            status = 2;
        }
    }
    wr_arena_release(&arena);
    wr_aws_signer_free(signer);
    return status;
}
