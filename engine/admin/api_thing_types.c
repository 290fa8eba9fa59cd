// Thing types (control-plane.md 5).
#include <stdio.h>

#include "engine/admin/api_parts.h"
#include "engine/admin/families.h"
#include "engine/config.h"

#include "sql/base/banned.h"

#define SEARCHABLE_MAX 3 // control-plane.md 3
#define PROPAGATED_MAX 20

// ---- properties: an object with the members that were given, checked

static bool check_searchable(struct wr_api_call *c, const json_t *list)
{
    if (!json_is_array(list)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "thingTypeProperties.searchableAttributes must be a list");
        return false;
    }
    if (json_array_size(list) > SEARCHABLE_MAX) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "a thing type has at most %d searchable attributes; these are %zu",
                    SEARCHABLE_MAX, json_array_size(list));
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!wr_api_check_text(c, "thingTypeProperties.searchableAttributes",
                               json_array_get(list, i), WR_API_ATTRIBUTE_NAME_PATTERN, 1, 128)) {
            return false;
        }
    }
    return true;
}

static bool check_propagated(struct wr_api_call *c, const json_t *one)
{
    static const char where[] = "thingTypeProperties.mqtt5Configuration.propagatingAttributes";
    const json_t *thing = json_object_get(one, "thingAttribute"),
                 *connection = json_object_get(one, "connectionAttribute");
    if (!wr_api_check_text(c, where, json_object_get(one, "userPropertyKey"), WR_API_ANY_PATTERN, 1,
                           128)) {
        return false;
    }
    if (!thing == !connection) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "%s: one of thingAttribute and connectionAttribute is needed", where);
    } else if (thing) {
        return wr_api_check_text(c, where, thing, WR_API_ATTRIBUTE_NAME_PATTERN, 1, 128);
    } else if (!json_is_string(connection) ||
               (strcmp(json_string_value(connection), "iot:ClientId") != 0 &&
                strcmp(json_string_value(connection), "iot:Thing.ThingName") != 0)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "%s.connectionAttribute must be iot:ClientId or iot:Thing.ThingName", where);
    }
    return !c->error;
}

static bool check_mqtt5(struct wr_api_call *c, const json_t *mqtt5)
{
    const json_t *list = json_object_get(mqtt5, "propagatingAttributes");
    if (list && (!json_is_array(list) || json_array_size(list) > PROPAGATED_MAX)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "thingTypeProperties.mqtt5Configuration.propagatingAttributes must be a list "
                    "of at most %d",
                    PROPAGATED_MAX);
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!check_propagated(c, json_array_get(list, i))) {
            return false;
        }
    }
    wr_api_warn(c, "mqtt5Configuration is kept, but the broker adds no user properties for it");
    return true;
}

// What of thingTypeProperties is known, on top of `old` (NULL: nothing). Give; NULL: the call has
// failed.
static json_t *read_properties(struct wr_api_call *c, const json_t *old)
{
    static const char where[] = "thingTypeProperties";
    json_t *given = wr_api_json(c, where);
    const json_t *text = wr_api_string_in(c, given, "thingTypeDescription", where);
    const json_t *mqtt5 = wr_api_object_in(c, given, "mqtt5Configuration", where);
    json_t *searchable = json_object_get(given, "searchableAttributes");
    if (json_is_null(searchable)) {
        searchable = NULL;
    }
    if (c->error ||
        !wr_api_check_description(c, "thingTypeProperties.thingTypeDescription", text) ||
        (searchable && !check_searchable(c, searchable)) || (mqtt5 && !check_mqtt5(c, mqtt5))) {
        return NULL;
    }
    json_t *out = old ? json_copy((json_t *)(uintptr_t)old) : json_object();
    static const char *const members[] = {"thingTypeDescription", "searchableAttributes",
                                          "mqtt5Configuration"};
    for (size_t i = 0; i < WR_COUNT(members); i++) {
        json_t *value = json_object_get(given, members[i]);
        if (value && !json_is_null(value)) {
            json_object_set(out, members[i], value);
        }
    }
    return out;
}

// ---- create, describe, list

static void create_type(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingTypeName");
    json_t *properties = read_properties(c, NULL);
    if (!properties) {
        return;
    }
    char arn[512];
    struct wr_rows rows =
        wr_db_query(db, "SELECT type_id, properties FROM thing_types WHERE realm=? AND name=?",
                    "iz", c->realm, name);
    bool there = wr_db_next(&rows);
    if (there) {
        json_t *same = wr_db_json(&rows, 1);
        wr_api_answer_ids(c, "thingType", "thingtype", name, wr_db_str(&rows, 0));
        if (!json_equal(same, properties)) {
            wr_api_fail_for(c, WR_API_EXISTS,
                            json_string_value(json_object_get(c->out, "thingTypeId")),
                            wr_api_arn(c, arn, "thingtype/%s", name),
                            "Thing Type %s already exists in current account with different "
                            "properties",
                            name);
        }
        json_decref(same);
    }
    wr_db_end(&rows);
    if (!there) {
        char id[37];
        wr_api_make_id(id);
        wr_db_run(db,
                  "INSERT INTO thing_types(realm, name, type_id, properties, created) "
                  "VALUES(?,?,?,?,?)",
                  "izzji", c->realm, name, id, properties, c->now_ms);
        (void)wr_api_set_tags(c, db, wr_api_arn(c, arn, "thingtype/%s", name),
                              wr_api_json(c, "tags"));
        wr_api_answer_ids(c, "thingType", "thingtype", name, wr_str_of(id));
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thingtype/%s", name));
        wr_api_audit_change(c, "thingTypeProperties", NULL, json_incref(properties));
    }
    json_decref(properties);
}

#define COLUMNS "id, name, properties, created, deprecated, type_id"

static void set_type(const struct wr_rows *rows, json_t *to)
{
    json_t *metadata = json_object();
    json_object_set_new(metadata, "deprecated", json_boolean(!wr_db_null(rows, 4)));
    if (!wr_db_null(rows, 4)) {
        json_object_set_new(metadata, "deprecationDate", wr_api_time(wr_db_int(rows, 4)));
    }
    json_object_set_new(metadata, "creationDate", wr_api_time(wr_db_int(rows, 3)));
    json_object_set_new(to, "thingTypeProperties", wr_db_json(rows, 2));
    json_object_set_new(to, "thingTypeMetadata", metadata);
}

static void not_found(struct wr_api_call *c, const char *name)
{
    wr_api_fail(c, WR_API_NOT_FOUND, "Thing type %s does not exist in your account", name);
}

static void describe_type(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingTypeName");
    struct wr_rows rows = wr_db_query(
        db, "SELECT " COLUMNS " FROM thing_types WHERE realm=? AND name=?", "iz", c->realm, name);
    if (wr_db_next(&rows)) {
        wr_api_answer_ids(c, "thingType", "thingtype", name, wr_db_str(&rows, 5));
        set_type(&rows, c->out);
    } else {
        not_found(c, name);
    }
    wr_db_end(&rows);
}

static void list_types(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    wr_str prefix = wr_api_str(c, "thingTypeName");
    json_t *types = json_array();
    json_object_set_new(c->out, "thingTypes", types);
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT " COLUMNS " FROM thing_types WHERE realm=?1 AND "
                                      "id>?2 AND substr(name,1,length(?3))=?3 ORDER BY id",
                                      "iis", c->realm, page.after, prefix.at ? prefix : WR_STR(""));
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_t *one =
            wr_api_named(c, "thingTypeName", "thingTypeArn", "thingtype", wr_db_str(&rows, 1));
        set_type(&rows, one);
        json_array_append_new(types, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- update, deprecate, delete

struct type {
    int64_t id;
    bool deprecated;
    int64_t deprecated_ms;
    json_t *properties;
};

// False: the call has failed, or the database.
static bool read_type(struct wr_api_call *c, struct wr_db *db, const char *name, struct type *t)
{
    struct wr_rows rows = wr_db_query(
        db, "SELECT " COLUMNS " FROM thing_types WHERE realm=? AND name=?", "iz", c->realm, name);
    bool found = wr_db_next(&rows);
    if (found) {
        *t = (struct type){.id = wr_db_int(&rows, 0),
                           .deprecated = !wr_db_null(&rows, 4),
                           .deprecated_ms = wr_db_int(&rows, 4),
                           .properties = wr_db_json(&rows, 2)};
    } else {
        not_found(c, name);
    }
    wr_db_end(&rows);
    return found;
}

static void update_type(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingTypeName");
    char arn[512];
    struct type t = {0};
    if (!read_type(c, db, name, &t)) {
        return;
    }
    json_t *properties = read_properties(c, t.properties);
    if (properties) {
        wr_db_run(db, "UPDATE thing_types SET properties=? WHERE id=?", "ji", properties, t.id);
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thingtype/%s", name));
        wr_api_audit_change(c, "thingTypeProperties", json_incref(t.properties), properties);
    }
    json_decref(t.properties);
}

static void deprecate_type(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingTypeName");
    char arn[512];
    struct type t = {0};
    if (!read_type(c, db, name, &t)) {
        return;
    }
    bool undo = wr_api_bool(c, "undoDeprecate", false);
    if (t.deprecated == undo) {
        wr_db_run(db, "UPDATE thing_types SET deprecated=nullif(?,0) WHERE id=?", "ii",
                  undo ? 0 : c->now_ms, t.id);
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thingtype/%s", name));
        wr_api_audit_change(c, "deprecated", json_boolean(t.deprecated), json_boolean(!undo));
    }
    json_decref(t.properties);
}

static void delete_type(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingTypeName");
    char arn[512];
    struct type t = {0};
    if (!read_type(c, db, name, &t)) {
        return;
    }
    int64_t wait_ms = wr_api_config(c->api)->admin_thing_type_delete_wait_ms;
    if (!t.deprecated) {
        wr_api_fail(
            c, WR_API_INVALID_REQUEST,
            "Cannot delete thing type : %s. Please deprecate the thing type before deletion", name);
    } else if (c->now_ms < t.deprecated_ms + wait_ms) {
        // Terraform looks for this text.
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Cannot delete thing type : %s. Please wait for 5 minutes after deprecation "
                    "and then retry",
                    name);
    } else if (wr_db_one(db, 0, "SELECT 1 FROM things WHERE type=? LIMIT 1", "i", t.id)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Cannot delete thing type : %s. Things of this type exist", name);
    } else {
        wr_db_run(db, "DELETE FROM thing_types WHERE id=?", "i", t.id);
        wr_api_drop_tags(c, db, wr_api_arn(c, arn, "thingtype/%s", name));
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thingtype/%s", name));
        wr_api_audit_change(c, "thingTypeProperties", json_incref(t.properties), NULL);
    }
    json_decref(t.properties);
}

// ---- the table

static const struct wr_api_member create_in[] = {
    WR_API_PATH("thingTypeName", THING),
    WR_API_BODY("thingTypeProperties", OBJECT),
    WR_API_TAGS,
    {0},
};
static const struct wr_api_member type_in[] = {WR_API_PATH("thingTypeName", THING), {0}};
static const struct wr_api_member update_in[] = {
    WR_API_PATH("thingTypeName", THING), WR_API_BODY("thingTypeProperties", OBJECT), {0}};
static const struct wr_api_member deprecate_in[] = {
    WR_API_PATH("thingTypeName", THING), WR_API_BODY("undoDeprecate", BOOL), {0}};
static const struct wr_api_member list_in[] = {
    WR_API_PAGED, WR_API_NAME_QUERY("thingTypeName"), {0}};

#define TYPE(name_, method_, more, in_) \
    .name = name_, .method = method_, .path = "/thing-types/{thingTypeName}" more, .in = in_
static const struct wr_api_operation operations[] = {
    {TYPE("CreateThingType", "POST", "", create_in), .write = true, .run = create_type},
    {TYPE("DescribeThingType", "GET", "", type_in), .run = describe_type},
    {TYPE("UpdateThingType", "PATCH", "", update_in), .write = true, .run = update_type},
    {TYPE("DeprecateThingType", "POST", "/deprecate", deprecate_in), .write = true,
     .run = deprecate_type},
    {TYPE("DeleteThingType", "DELETE", "", type_in), .write = true, .run = delete_type},
    {.name = "ListThingTypes",
     .method = "GET",
     .path = "/thing-types",
     .in = list_in,
     .run = list_types},
};

void wr_api_add_thing_types(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
