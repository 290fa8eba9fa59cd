// `weir policy`: the policies of a tenant, which say what certificates may do.
#include "engine/cli/control_cert.h"
#include "engine/cli/control_verbs.h"

#include <stdio.h>

#include "sql/base/banned.h"

#define DOCUMENT_MAX 65536 // the API says what is too long

static int verb_list(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {
        {"NAME", "policyName"}, {"ARN", "policyArn"}, {NULL}};
    int code = wr_control_pages(c, "policies", "/policies?pageSize=250&isAscendingOrder=true");
    return code ? code : wr_control_table(c, "policies", columns, "policy");
}

static int verb_show(struct wr_control *c, void *user)
{
    int code = c->word_count > 1 ? wr_control_call(c, "GET", NULL, "/policies/%s/version/%s",
                                                   c->words[0], c->words[1])
                                 : wr_control_call(c, "GET", NULL, "/policies/%s", c->words[0]);
    return code ? code : wr_control_say(c, "%s", wr_control_text(c->answer, "policyDocument"));
}

// {"policyDocument": what the file holds}. Give; NULL: it was said.
static json_t *read_document(struct wr_control *c, const char *file, int *code)
{
    struct wr_buf text = {0};
    *code = wr_control_read_file(c, file, DOCUMENT_MAX, &text);
    json_t *body = NULL;
    if (!*code) {
        json_t *document = json_stringn(text.at ? text.at : "", text.len);
        body = document ? json_pack("{s:o}", "policyDocument", document) : NULL;
        if (!body) {
            *code = wr_control_complain(c, WR_EXIT_USAGE, "%s is not UTF-8", file);
        }
    }
    wr_buf_release(&text);
    return body;
}

static int verb_create(struct wr_control *c, void *user)
{
    int code;
    json_t *body = read_document(c, c->words[1], &code);
    if (!code) {
        code = wr_control_call(c, "POST", body, "/policies/%s", c->words[0]);
    }
    return code ? code : wr_control_say(c, "%s", wr_control_text(c->answer, "policyArn"));
}

static int verb_update(struct wr_control *c, void *user)
{
    int code;
    json_t *body = read_document(c, c->words[1], &code);
    if (!code) {
        code =
            wr_control_call(c, "POST", body, "/policies/%s/version?setAsDefault=true", c->words[0]);
    }
    return code ? code
                : wr_control_say(c, "version %s is the default",
                                 wr_control_text(c->answer, "policyVersionId"));
}

static int verb_versions(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {
        {"VERSION", "versionId"},
        {"DEFAULT", "isDefaultVersion", WR_CONTROL_FLAG},
        {"CREATED", "createDate", WR_CONTROL_TIME},
        {NULL}};
    int code = wr_control_call(c, "GET", NULL, "/policies/%s/version", c->words[0]);
    return code ? code : wr_control_table(c, "policyVersions", columns, "version");
}

static int verb_default(struct wr_control *c, void *user)
{
    int code =
        wr_control_call(c, "PATCH", NULL, "/policies/%s/version/%s", c->words[0], c->words[1]);
    return code ? code : wr_control_say(c, "version %s is the default", c->words[1]);
}

// ---- targets

static int with_target(struct wr_control *c, const char *method, const char *what)
{
    struct wr_buf target = {0};
    const char *word = c->words[1];
    bool whole = strchr(word, ':') && !strstr(word, ":cert/");
    int code = WR_EXIT_OK;
    if (whole) {
        wr_buf_add(&target, wr_str_of(word)); // a group, or an identity
    } else {
        code = wr_control_cert_arn(c, word, &target);
    }
    if (!code) {
        code = wr_control_call(c, method, json_pack("{s:s}", "target", wr_buf_terminated(&target)),
                               "/target-policies/%s", c->words[0]);
    }
    if (!code) {
        code = wr_control_say(c, "%s is %s %s", c->words[0], what, wr_buf_terminated(&target));
    }
    wr_buf_release(&target);
    return code;
}

static int verb_attach(struct wr_control *c, void *user)
{
    return with_target(c, "PUT", "attached to");
}

static int verb_detach(struct wr_control *c, void *user)
{
    return with_target(c, "POST", "detached from");
}

static int verb_targets(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"TARGET", ""}, {NULL}};
    int code = wr_control_call(c, "POST", NULL, "/policy-targets/%s?pageSize=250", c->words[0]);
    return code ? code : wr_control_table(c, "targets", columns, "target");
}

static int verb_delete(struct wr_control *c, void *user)
{
    int code = wr_control_call(c, "GET", NULL, "/policies/%s/version", c->words[0]);
    if (code) {
        return code;
    }
    json_t *versions = json_incref(json_object_get(c->answer, "policyVersions"));
    size_t i;
    const json_t *one;
    if (json_array_size(versions) > 1) {
        code = wr_control_agree(c, "delete %s with its %zu versions", c->words[0],
                                json_array_size(versions));
    }
    json_array_foreach(versions, i, one)
    {
        if (!code && !json_is_true(json_object_get(one, "isDefaultVersion"))) {
            code = wr_control_call(c, "DELETE", NULL, "/policies/%s/version/%s", c->words[0],
                                   wr_control_text(one, "versionId"));
        }
    }
    json_decref(versions);
    if (!code) {
        code = wr_control_call(c, "DELETE", NULL, "/policies/%s", c->words[0]);
    }
    return code ? code : wr_control_say(c, "%s is deleted", c->words[0]);
}

int wr_cli_policy(int argc, char **argv)
{
    static const struct wr_control_verb verbs[] = {WR_POLICY_VERBS(WR_CONTROL_VERB){0}};
    return wr_control_main("policy", verbs, NULL, NULL, argc, argv);
}
