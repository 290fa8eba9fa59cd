// `weir thing`: the things of a tenant.
#include "engine/cli/control_client.h"
#include "engine/cli/control_verbs.h"

#include <stdlib.h>

#include "sql/base/banned.h"

struct own {
    const char *type;
    struct wr_argument_list attributes;
};

static int verb_list(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {
        {"NAME", "thingName"}, {"TYPE", "thingTypeName"}, {"ATTRIBUTES", "attributes"}, {NULL}};
    const struct own *own = user;
    if (own->attributes.count > 1) {
        return wr_cli_wrong(c->command, "expected one --attribute after list", NULL);
    }
    json_t *pairs = wr_control_pairs(c, &own->attributes);
    if (!pairs) {
        return WR_EXIT_USAGE;
    }
    void *first = json_object_iter(pairs);
    struct wr_buf query = {0};
    wr_control_query(&query, "thingTypeName", own->type);
    wr_control_query(&query, "attributeName", first ? json_object_iter_key(first) : NULL);
    wr_control_query(&query, "attributeValue",
                     first ? json_string_value(json_object_iter_value(first)) : NULL);
    int code = wr_control_pages_of(c, "things", "/things", &query);
    wr_buf_release(&query);
    json_decref(pairs);
    return code ? code : wr_control_table(c, "things", columns, "thing");
}

static int verb_show(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"name", "thingName"},
                                                       {"ARN", "thingArn"},
                                                       {"id", "thingId"},
                                                       {"type", "thingTypeName"},
                                                       {"group", "billingGroupName"},
                                                       {"attributes", "attributes"},
                                                       {"version", "version"},
                                                       {NULL}};
    int code = wr_control_call(c, "GET", NULL, "/things/%s", c->words[0]);
    return code ? code : wr_control_show(c, c->answer, columns);
}

static int verb_create(struct wr_control *c, void *user)
{
    const struct own *own = user;
    json_t *attributes = wr_control_pairs(c, &own->attributes);
    if (!attributes) {
        return WR_EXIT_USAGE;
    }
    json_t *body = json_pack("{s:s*,s:{s:o}}", "thingTypeName", own->type, "attributePayload",
                             "attributes", attributes);
    int code = wr_control_call(c, "POST", body, "/things/%s", c->words[0]);
    return code ? code : wr_control_say(c, "%s", wr_control_text(c->answer, "thingArn"));
}

int wr_cli_thing(int argc, char **argv)
{
    static const struct wr_control_verb verbs[] = {WR_THING_VERBS(WR_CONTROL_VERB){0}};
    struct own own = {0};
    const struct wr_argument options[] = {{.name = "--type", .value = &own.type},
                                          {.name = "--attribute", .list = &own.attributes},
                                          {0}};
    int code = wr_control_main("thing", verbs, options, &own, argc, argv);
    free(own.attributes.at);
    return code;
}
