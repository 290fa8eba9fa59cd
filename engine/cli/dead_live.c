// Dead letters of a weir that runs, over its admin socket.
#include "engine/cli/dead.h"

#include <stdlib.h>

#include <jansson.h>

#include "engine/cli/admin_client.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static void add_text(struct wr_buf *b, const char *name, const char *text)
{
    if (text) {
        wr_buf_addf(b, ",\"%s\":", name);
        wr_json_write_string(b, wr_str_of(text));
    }
}

static void write_body(struct wr_buf *b, bool look, const struct wr_dead_words *words,
                       const struct wr_dead_asked *asked)
{
    wr_buf_addf(b, "{\"dryRun\":%s", look ? "true" : "false");
    add_text(b, "rule", words->rule);
    add_text(b, "reason", words->reason);
    add_text(b, "older", words->older);
    add_text(b, "newer", words->newer);
    if (asked->limit) {
        wr_buf_addf(b, ",\"limit\":%llu", (unsigned long long)asked->limit);
    }
    for (size_t i = 0; i < asked->id_count; i++) {
        wr_buf_addf(b, "%s\"%.*s\"", i ? "," : ",\"ids\":[", WR_STR_ARG(asked->ids[i]));
    }
    wr_buf_addf(b, "%s}", asked->id_count ? "]" : "");
}

static void read_answer(const json_t *answer, const struct wr_dead_asked *asked,
                        struct wr_dead_sums *sums)
{
    const json_t *met = json_object_get(answer, "met");
    sums->letters = (uint64_t)json_integer_value(json_object_get(answer, "letters"));
    sums->unreadable = (uint64_t)json_integer_value(json_object_get(answer, "unreadable"));
    sums->more = json_is_true(json_object_get(answer, "more"));
    for (size_t i = 0; i < asked->id_count && i < json_array_size(met); i++) {
        asked->met[i] = json_is_true(json_array_get(met, i));
    }
}

// Without a time limit: as long as it takes, and Ctrl-C ends it.
wr_err wr_dead_ask(struct wr_admin_client *client, const char *verb, bool look,
                   const struct wr_dead_words *words, const struct wr_dead_asked *asked,
                   struct wr_dead_sums *sums, struct wr_fault *fault)
{
    struct wr_buf body = {0}, answer = {0}, target = {0}, why = {0};
    int status = 0;
    *sums = (struct wr_dead_sums){0};
    write_body(&body, look, words, asked);
    wr_buf_addf(&target, "/weir/v1/dead/%s", verb);
    const struct wr_admin_ask ask = {.method = "POST",
                                     .target = wr_buf_str(&target),
                                     .body = wr_buf_str(&body),
                                     .answer = &answer};
    wr_err err = wr_admin_client_ask(client, &ask, &status, fault);
    if (!err) {
        json_t *json = json_loadb(answer.at ? answer.at : "", answer.len, 0, NULL);
        read_answer(json, asked, sums);
        json_decref(json);
        if (status >= 300) {
            wr_admin_client_complaint(&answer, status, &why);
            err = wr_fault_set(fault, WR_ERR_FAILED, "%s", wr_buf_terminated(&why));
        }
    }
    wr_buf_release(&body);
    wr_buf_release(&answer);
    wr_buf_release(&target);
    wr_buf_release(&why);
    return err;
}
