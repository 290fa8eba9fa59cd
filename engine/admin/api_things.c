// Things (control-plane.md 5).
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "engine/admin/families.h"
#include "engine/registry/secret.h"

#include "sql/base/banned.h"

#define ATTRIBUTES_UNTYPED 3 // control-plane.md 3
#define PAGE               50

// ---- attributes

static bool check_attributes(struct wr_api_call *c, json_t *attributes, size_t max)
{
    const char *name;
    json_t *value;
    if (attributes && !json_is_object(attributes)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "attributePayload.attributes must be an object");
        return false;
    }
    json_object_foreach(attributes, name, value)
    {
        json_t *key = json_string(name);
        bool good = wr_api_check_text(c, "attributePayload.attributes (name)", key,
                                      WR_API_ATTRIBUTE_NAME_PATTERN, 1, 128) &&
                    wr_api_check_text(c, "attributePayload.attributes", value,
                                      WR_API_ATTRIBUTE_VALUE_PATTERN, 0, 800);
        json_decref(key);
        if (!good) {
            return false;
        }
    }
    if (json_object_size(attributes) > max) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "a thing without a type has at most %zu attributes; these are %zu", max,
                    json_object_size(attributes));
        return false;
    }
    return true;
}

static void answer_ids(struct wr_api_call *c, const char *name, const char *thing_id)
{
    char arn[512];
    json_object_set_new(c->out, "thingName", json_string(name));
    json_object_set_new(c->out, "thingArn", json_string(wr_api_arn(c, arn, "thing/%s", name)));
    json_object_set_new(c->out, "thingId", json_string(thing_id));
}

static void create_thing(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingName");
    json_t *given = json_object_get(wr_api_json(c, "attributePayload"), "attributes");
    if (!check_attributes(c, given, ATTRIBUTES_UNTYPED)) {
        return;
    }
    json_t *attributes = given ? json_incref(given) : json_object();
    struct wr_rows rows =
        wr_db_query(db, "SELECT thing_id, attributes FROM things WHERE realm=? AND name=?", "iz",
                    c->realm, name);
    if (wr_db_next(&rows)) {
        json_t *same = wr_db_json(&rows, 1);
        char id[37], arn[512];
        snprintf(id, sizeof id, "%.*s", WR_STR_ARG(wr_db_str(&rows, 0)));
        if (json_equal(same, attributes)) {
            answer_ids(c, name, id);
        } else {
            wr_api_fail_for(c, WR_API_EXISTS, id, wr_api_arn(c, arn, "thing/%s", name),
                            "Thing %s already exists in account with different attributes", name);
        }
        json_decref(same);
        wr_db_end(&rows);
        json_decref(attributes);
        return;
    }
    wr_db_end(&rows);
    char id[37];
    wr_api_make_id(id);
    wr_db_run(db,
              "INSERT INTO things(realm, name, thing_id, attributes, version, created) "
              "VALUES(?,?,?,?,1,?)",
              "izzji", c->realm, name, id, attributes, c->now_ms);
    json_decref(attributes);
    answer_ids(c, name, id);
}

static void describe_thing(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingName");
    struct wr_rows rows =
        wr_db_query(db, "SELECT thing_id, attributes, version FROM things WHERE realm=? AND name=?",
                    "iz", c->realm, name);
    if (wr_db_next(&rows)) {
        char id[37];
        snprintf(id, sizeof id, "%.*s", WR_STR_ARG(wr_db_str(&rows, 0)));
        answer_ids(c, name, id);
        json_object_set_new(c->out, "defaultClientId", json_string(name));
        json_object_set_new(c->out, "attributes", wr_db_json(&rows, 1));
        json_object_set_new(c->out, "version", json_integer(wr_db_int(&rows, 2)));
    } else {
        wr_api_fail(c, WR_API_NOT_FOUND, "Thing %s not found", name);
    }
    wr_db_end(&rows);
}

static void list_things(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *things = json_array();
    json_object_set_new(c->out, "things", things);
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT id, name, attributes, version FROM things WHERE "
                                      "realm=? AND id>? ORDER BY id",
                                      "ii", c->realm, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_t *one = json_object();
        char arn[512];
        json_object_set_new(one, "thingName", wr_db_json_str(&rows, 1));
        json_object_set_new(
            one, "thingArn",
            json_string(wr_api_arn(c, arn, "thing/%.*s", WR_STR_ARG(wr_db_str(&rows, 1)))));
        json_object_set_new(one, "attributes", wr_db_json(&rows, 2));
        json_object_set_new(one, "version", json_integer(wr_db_int(&rows, 3)));
        json_array_append_new(things, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static const struct wr_api_member create_in[] = {
    WR_API_PATH("thingName", THING),
    WR_API_BODY("thingTypeName", STRING, .pattern = WR_API_THING_PATTERN, .min = 1, .max = 128),
    WR_API_BODY("attributePayload", OBJECT),
    WR_API_BODY("billingGroupName", STRING, .pattern = WR_API_THING_PATTERN, .min = 1, .max = 128),
    {0},
};
static const struct wr_api_member thing_in[] = {WR_API_PATH("thingName", THING), {0}};
static const struct wr_api_member list_in[] = {WR_API_PAGED, {0}};

static const struct wr_api_operation operations[] = {
    {.name = "CreateThing",
     .method = "POST",
     .path = "/things/{thingName}",
     .in = create_in,
     .write = true,
     .run = create_thing},
    {.name = "DescribeThing",
     .method = "GET",
     .path = "/things/{thingName}",
     .in = thing_in,
     .run = describe_thing},
    {.name = "ListThings", .method = "GET", .path = "/things", .in = list_in, .run = list_things},
};

void wr_api_add_things(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
