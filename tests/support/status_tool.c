// Writes a status table for tests. usage: status_tool FILE < JSON
//
// {"generation": 1, "tenants": [{"name", "account", "prefix", "enabled"}], "certificates":
// [{"sha256": hex, "tenant": name, "region", "status": "ACTIVE", "notAfter": seconds, "policies":
// [document, …], "things": [{"name", "type", "exclusive", "attributes": {}}]}]}
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "engine/registry/status.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define LIST_MAX 64

static wr_str text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? (wr_str){json_string_value(v), json_string_length(v)} : WR_STR("");
}

static enum wr_certificate_status status_of(wr_str name)
{
#define STATUS(status)                      \
    if (wr_str_eq(name, WR_STR(#status))) { \
        return WR_CERTIFICATE_##status;     \
    }
    WR_CERTIFICATE_STATUSES(STATUS)
#undef STATUS
    fprintf(stderr, "unknown status\n");
    exit(2);
}

static uint32_t set_of(struct wr_status_builder *b, const json_t *documents)
{
    uint32_t list[LIST_MAX];
    size_t i;
    const json_t *d;
    json_array_foreach(documents, i, d)
    {
        struct wr_buf bytes = {0};
        struct wr_fault fault = {0};
        wr_assert(i < LIST_MAX);
        if (wr_policy_compile((wr_str){json_string_value(d), json_string_length(d)}, &bytes, NULL,
                              &fault) != WR_OK) {
            fprintf(stderr, "%s\n", fault.text);
            exit(2);
        }
        list[i] = wr_status_add_policy(b, wr_buf_str(&bytes));
        wr_buf_release(&bytes);
    }
    return wr_status_add_set(b, list, (uint32_t)json_array_size(documents));
}

static void read_thing(const json_t *from, struct wr_status_thing *thing,
                       struct wr_status_attribute *attributes)
{
    const char *name;
    json_t *value;
    *thing = (struct wr_status_thing){.name = text(from, "name"),
                                      .type = text(from, "type"),
                                      .exclusive = json_is_true(json_object_get(from, "exclusive")),
                                      .attributes = attributes};
    json_object_foreach(json_object_get(from, "attributes"), name, value)
    {
        wr_assert(thing->attribute_count < LIST_MAX);
        attributes[thing->attribute_count++] = (struct wr_status_attribute){
            wr_str_of(name), {json_string_value(value), json_string_length(value)}};
    }
}

static void add_certificate(struct wr_status_builder *b, const json_t *from, uint32_t tenant)
{
    static struct wr_status_thing things[LIST_MAX];
    static struct wr_status_attribute attributes[LIST_MAX][LIST_MAX];
    struct wr_status_certificate c = {
        .tenant = tenant,
        .region = text(from, "region"),
        .status = status_of(text(from, "status")),
        .not_after_s = json_integer_value(json_object_get(from, "notAfter")),
        .set = set_of(b, json_object_get(from, "policies")),
        .things = things,
    };
    const char *hex = json_string_value(json_object_get(from, "sha256"));
    for (size_t i = 0; i < WR_STATUS_SHA256; i++) {
        unsigned byte;
        wr_assert(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        c.sha256[i] = (uint8_t)byte;
    }
    size_t i;
    const json_t *t;
    json_array_foreach(json_object_get(from, "things"), i, t)
    {
        wr_assert(c.thing_count < LIST_MAX);
        read_thing(t, &things[i], attributes[i]);
        c.thing_count++;
    }
    wr_status_add_certificate(b, &c);
}

int main(int argc, char **argv)
{
    wr_hash_seed_init();
    json_t *all = json_loadf(stdin, 0, NULL);
    wr_assert(argc == 2 && all);
    struct wr_status_builder *b =
        wr_status_builder_new((uint64_t)json_integer_value(json_object_get(all, "generation")));
    const json_t *tenants = json_object_get(all, "tenants"), *t, *c;
    size_t i, k;
    json_array_foreach(tenants, i, t)
    {
        uint32_t number = wr_status_add_tenant(
            b, &(struct wr_status_tenant){text(t, "name"), text(t, "account"), text(t, "prefix"),
                                          !json_is_false(json_object_get(t, "enabled"))});
        json_array_foreach(json_object_get(all, "certificates"), k, c)
        {
            if (wr_str_eq(text(c, "tenant"), text(t, "name"))) {
                add_certificate(b, c, number);
            }
        }
    }
    struct wr_buf bytes = {0};
    struct wr_fault fault = {0};
    wr_err err = wr_status_finish(b, &bytes, NULL, &fault);
    err = err ? err : wr_status_write(argv[1], wr_buf_str(&bytes), &fault);
    if (err) {
        fprintf(stderr, "%s\n", fault.text);
    }
    wr_buf_release(&bytes);
    wr_status_builder_free(b);
    json_decref(all);
    return err ? 1 : 0;
}
