// A policy asked from outside, for policy_differential.py. Each line of stdin is a JSON object:
// {"document": text, "action", "resource", "region", "account", "variables": {name: text or
// array}}. Each line of stdout: "nothing", "allow N" or "deny N", or "error NAME".
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "engine/registry/policy.h"

#include "sql/base/banned.h"

static wr_str text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? (wr_str){json_string_value(v), json_string_length(v)}
                             : (wr_str){NULL, 0};
}

static bool find(void *user, const char *prefix, wr_str name, const char *end, uint32_t index,
                 wr_str *value)
{
    char key[256];
    snprintf(key, sizeof key, "%s%.*s%s", prefix, WR_STR_ARG(name), end);
    const json_t *v = json_object_get(user, key);
    v = json_is_array(v) ? json_array_get(v, index) : index == 0 ? v : NULL;
    if (!json_is_string(v)) {
        return false;
    }
    *value = (wr_str){json_string_value(v), json_string_length(v)};
    return true;
}

static bool attribute(void *user, wr_str name, wr_str *value)
{
    return find(user, "iot:Connection.Thing.Attributes[", name, "]", 0, value);
}

static bool certificate(void *user, wr_str name, uint32_t index, wr_str *value)
{
    return find(user, "iot:Certificate.", name, "", index, value);
}

static void answer(const json_t *ask)
{
    struct wr_buf bytes = {0};
    wr_err err = wr_policy_compile(text(ask, "document"), &bytes, NULL, NULL);
    if (err) {
        printf("error %s\n", wr_err_text(err));
        return;
    }
    struct wr_policy p;
    wr_assert(wr_policy_open(wr_buf_str(&bytes), &p) == WR_OK);
    json_t *v = json_object_get(ask, "variables");
    struct wr_policy_context c = {
        .client_id = text(v, "iot:ClientId"),
        .source_ip = text(v, "aws:SourceIp"),
        .domain_name = text(v, "iot:DomainName"),
        .thing_name = text(v, "iot:Connection.Thing.ThingName"),
        .thing_type = text(v, "iot:Connection.Thing.ThingTypeName"),
        .is_attached = text(v, "iot:Connection.Thing.IsAttached"),
        .attribute = attribute,
        .certificate = certificate,
        .user = v,
    };
    struct wr_policy_request r = {text(ask, "action"), text(ask, "region"), text(ask, "account"),
                                  text(ask, "resource"), &c};
    uint32_t statement;
    uint64_t steps = WR_POLICY_STEPS;
    switch (wr_policy_evaluate(&p, &r, &statement, &steps)) {
    case WR_POLICY_NOTHING:
        printf("nothing\n");
        break;
    case WR_POLICY_ALLOW:
        printf("allow %u\n", statement);
        break;
    case WR_POLICY_DENY:
        printf("deny %u\n", statement);
        break;
    }
    wr_buf_release(&bytes);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        json_t *ask = json_loads(line, 0, NULL);
        wr_assert(ask);
        answer(ask);
        fflush(stdout);
        json_decref(ask);
    }
    free(line);
    return 0;
}
