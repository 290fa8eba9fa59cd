// Things (control-plane.md 5).
#include <stdio.h>

#include "engine/admin/api_parts.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

// A thing as the tables have it.
struct thing {
    int64_t id, type, billing, version; // type, billing 0: none
    json_t *attributes;
    char thing_id[37];
};

static bool read_thing(struct wr_api_call *c, struct wr_db *db, const char *name, struct thing *t)
{
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT id, type, billing, version, attributes, thing_id "
                                      "FROM things WHERE realm=? AND name=?",
                                      "iz", c->realm, name);
    bool found = wr_db_next(&rows);
    if (found) {
        *t = (struct thing){.id = wr_db_int(&rows, 0),
                            .type = wr_db_int(&rows, 1),
                            .billing = wr_db_int(&rows, 2),
                            .version = wr_db_int(&rows, 3),
                            .attributes = wr_db_json(&rows, 4)};
        snprintf(t->thing_id, sizeof t->thing_id, "%.*s", WR_STR_ARG(wr_db_str(&rows, 5)));
    }
    wr_db_end(&rows);
    return found;
}

// What attributes are found by: those of `gone` that `come` does not have alike are taken away, and
// the reverse. Either may be NULL.
static void index_attributes(struct wr_api_call *c, struct wr_db *db, int64_t thing, json_t *gone,
                             json_t *come)
{
    const char *name;
    json_t *value;
    json_object_foreach(gone, name, value)
    {
        if (!json_equal(value, json_object_get(come, name))) {
            wr_db_run(db,
                      "DELETE FROM thing_attributes WHERE realm=? AND name=? AND value=? AND "
                      "thing=?",
                      "izzi", c->realm, name, json_string_value(value), thing);
        }
    }
    json_object_foreach(come, name, value)
    {
        if (!json_equal(value, json_object_get(gone, name))) {
            wr_db_run(db, "INSERT INTO thing_attributes(realm, name, value, thing) VALUES(?,?,?,?)",
                      "izzi", c->realm, name, json_string_value(value), thing);
        }
    }
}

// ---- what a thing may be

// The id of the type of this name, which takes new things. 0: the call has failed.
static int64_t usable_type(struct wr_api_call *c, struct wr_db *db, const char *name)
{
    struct wr_rows rows =
        wr_db_query(db, "SELECT id, deprecated FROM thing_types WHERE realm=? AND name=?", "iz",
                    c->realm, name);
    int64_t id = 0;
    if (!wr_db_next(&rows)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Thing type %s does not exist in your account", name);
    } else if (!wr_db_null(&rows, 1)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Can not create new thing with deprecated thing type: %s", name);
    } else {
        id = wr_db_int(&rows, 0);
    }
    wr_db_end(&rows);
    return id;
}

static bool check_count(struct wr_api_call *c, const json_t *attributes, bool typed)
{
    size_t count = json_object_size(attributes);
    size_t max = typed ? WR_ATTRIBUTES_MAX : WR_ATTRIBUTES_UNTYPED;
    if (count > max) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "a thing %s a thing type has at most %zu attributes; these are %zu",
                    typed ? "with" : "without", max, count);
    }
    return !c->error;
}

// iot.enforce_prefix and iot.quota.things of the tenant (control-plane.md 9).
static bool tenant_allows(struct wr_api_call *c, struct wr_db *db, wr_str name)
{
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT features->>'$.\"iot.enforce_prefix\"', features->>'$.\"iot.thing_prefix"
                    "\"', features->>'$.\"iot.quota.things\"' FROM tenants WHERE id=?",
                    "i", c->caller.tenant);
    bool found = wr_db_next(&rows);
    int64_t quota = found && !wr_db_null(&rows, 2) ? wr_db_int(&rows, 2) : INT64_MAX;
    if (found && wr_db_int(&rows, 0) && !wr_str_starts(name, wr_db_str(&rows, 1))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Names of things of the tenant %s begin with %.*s (iot.enforce_prefix is on); "
                    "this one is %.*s",
                    c->caller.tenant_name, WR_STR_ARG(wr_db_str(&rows, 1)), WR_STR_ARG(name));
    }
    wr_db_end(&rows);
    if (quota != INT64_MAX &&
        wr_db_one(db, 0,
                  "SELECT count(*) FROM (SELECT 1 FROM realms r CROSS JOIN things t ON t.realm=r.id"
                  " WHERE r.tenant=? LIMIT max(?,0))",
                  "ii", c->caller.tenant, quota) >= quota) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED,
                    "The tenant %s has %lld things, which is its quota (iot.quota.things)",
                    c->caller.tenant_name, (long long)quota);
    }
    return !c->error;
}

// ---- create

static void answer_same(struct wr_api_call *c, const struct thing *t, int64_t type, int64_t billing,
                        const json_t *attributes)
{
    const char *name = wr_api_text(c, "thingName");
    char arn[512];
    if (t->type == type && t->billing == billing && json_equal(t->attributes, attributes)) {
        wr_api_answer_ids(c, "thing", "thing", name, wr_str_of(t->thing_id));
        return;
    }
    wr_api_fail_for(c, WR_API_EXISTS, t->thing_id, wr_api_arn(c, arn, "thing/%s", name),
                    "Thing %s already exists in account with different attributes", name);
}

static void insert_thing(struct wr_api_call *c, struct wr_db *db, int64_t type, int64_t billing,
                         json_t *attributes)
{
    const char *name = wr_api_text(c, "thingName");
    char id[37], arn[512];
    wr_api_make_id(id);
    wr_db_run(db,
              "INSERT INTO things(realm, name, thing_id, type, billing, attributes, version, "
              "created) VALUES(?,?,?,nullif(?,0),nullif(?,0),?,1,?)",
              "izziiji", c->realm, name, id, type, billing, attributes, c->now_ms);
    index_attributes(c, db, wr_db_last_id(db), NULL, attributes);
    wr_api_answer_ids(c, "thing", "thing", name, wr_str_of(id));
    wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%s", name));
    wr_api_audit_change(c, "attributes", NULL, json_incref(attributes));
    if (type) {
        wr_api_audit_change(c, "thingTypeName", NULL, json_string(wr_api_text(c, "thingTypeName")));
    }
}

static void create_thing(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingName"), *type_name = wr_api_text(c, "thingTypeName");
    json_t *attributes =
        wr_api_attributes(c, wr_api_json(c, "attributePayload"), NULL, "attributePayload");
    struct thing old = {0};
    int64_t type = 0, billing = 0;
    if (attributes && wr_api_json(c, "billingGroupName")) {
        billing = wr_api_find_billing(c, db, wr_api_str(c, "billingGroupName"));
    }
    if (!c->error && read_thing(c, db, name, &old)) {
        if (type_name) { // one that was deprecated since then is still the same
            type = wr_db_one(db, -1, "SELECT id FROM thing_types WHERE realm=? AND name=?", "iz",
                             c->realm, type_name);
        }
        answer_same(c, &old, type, billing, attributes);
    } else if (!c->error) {
        type = type_name ? usable_type(c, db, type_name) : 0;
        if (!c->error && check_count(c, attributes, type != 0) &&
            tenant_allows(c, db, wr_str_of(name))) {
            insert_thing(c, db, type, billing, attributes);
        }
    }
    json_decref(old.attributes);
    json_decref(attributes);
}

// ---- describe

static void set_text(json_t *to, const char *member, json_t *text)
{
    if (text) {
        json_object_set_new(to, member, text);
    }
}

static void describe_thing(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingName");
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT t.thing_id, t.attributes, t.version, y.name, b.name FROM things t LEFT JOIN "
        "thing_types y ON y.id=t.type LEFT JOIN billing_groups b ON b.id=t.billing WHERE t.realm=? "
        "AND t.name=?",
        "iz", c->realm, name);
    if (wr_db_next(&rows)) {
        wr_api_answer_ids(c, "thing", "thing", name, wr_db_str(&rows, 0));
        json_object_set_new(c->out, "defaultClientId", json_string(name));
        json_object_set_new(c->out, "attributes", wr_db_json(&rows, 1));
        json_object_set_new(c->out, "version", json_integer(wr_db_int(&rows, 2)));
        set_text(c->out, "thingTypeName", wr_db_json_str(&rows, 3));
        set_text(c->out, "billingGroupName", wr_db_json_str(&rows, 4));
    } else {
        wr_api_fail(c, WR_API_NOT_FOUND, "Thing %s does not exist in your account", name);
    }
    wr_db_end(&rows);
}

// ---- update

static json_t *type_name_of(struct wr_db *db, int64_t type)
{
    struct wr_rows rows = wr_db_query(db, "SELECT name FROM thing_types WHERE id=?", "i", type);
    json_t *name = wr_db_next(&rows) ? wr_db_json_str(&rows, 0) : NULL;
    wr_db_end(&rows);
    return name;
}

// The type that the thing has from now on; -1: the call has failed.
static int64_t new_type(struct wr_api_call *c, struct wr_db *db, int64_t old)
{
    const char *name = wr_api_text(c, "thingTypeName");
    bool remove = wr_api_bool(c, "removeThingType", false);
    if (name && remove) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "thingTypeName and removeThingType exclude each other");
        return -1;
    }
    if (!name) {
        return remove ? 0 : old;
    }
    int64_t same = wr_db_one(db, 0, "SELECT id FROM thing_types WHERE realm=? AND name=?", "iz",
                             c->realm, name);
    if (same && same == old) {
        return old; // also when it takes no new things
    }
    int64_t type = usable_type(c, db, name);
    return c->error ? -1 : type;
}

static void update_thing(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingName");
    char arn[512];
    struct thing old = {0};
    if (!read_thing(c, db, name, &old)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Thing %s does not exist in your account", name);
        return;
    }
    int64_t type = wr_api_check_version(c, old.version) ? new_type(c, db, old.type) : -1;
    json_t *attributes = type < 0 ? NULL
                                  : wr_api_attributes(c, wr_api_json(c, "attributePayload"),
                                                      old.attributes, "attributePayload");
    if (attributes && check_count(c, attributes, type != 0)) {
        wr_db_run(db,
                  "UPDATE things SET type=nullif(?,0), attributes=?, version=version+1 WHERE id=?",
                  "iji", type, attributes, old.id);
        index_attributes(c, db, old.id, old.attributes, attributes);
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%s", name));
        if (!json_equal(old.attributes, attributes)) {
            wr_api_audit_change(c, "attributes", json_incref(old.attributes),
                                json_incref(attributes));
        }
        if (type != old.type) {
            wr_api_audit_change(c, "thingTypeName", type_name_of(db, old.type),
                                type_name_of(db, type));
        }
    }
    json_decref(attributes);
    json_decref(old.attributes);
}

// ---- delete

static void delete_thing(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingName");
    char arn[512];
    struct thing old = {0};
    if (!read_thing(c, db, name, &old)) {
        return; // it is not there, which is what was asked for
    }
    if (wr_api_check_version(c, old.version) &&
        wr_db_one(db, 0, "SELECT 1 FROM thing_principals WHERE thing=? LIMIT 1", "i", old.id)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Cannot delete. Thing %s is still attached to one or more principals", name);
    }
    if (!c->error) {
        index_attributes(c, db, old.id, old.attributes, NULL);
        wr_db_run(db, "DELETE FROM thing_group_members WHERE thing=?", "i", old.id);
        wr_db_run(db, "DELETE FROM things WHERE id=?", "i", old.id);
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%s", name));
        wr_api_audit_change(c, "attributes", json_incref(old.attributes), NULL);
    }
    json_decref(old.attributes);
}

// ---- list

#define ITEM          "t.id, t.name, t.attributes, t.version, (SELECT name FROM thing_types WHERE id=t.type)"
#define OF_TYPE(name) " t.type=(SELECT id FROM thing_types WHERE realm=?1 AND name=" name ")"

// What is asked for decides which index leads.
static struct wr_rows find_things(struct wr_api_call *c, struct wr_db *db, int64_t after)
{
    wr_str type = wr_api_str(c, "thingTypeName"), name = wr_api_str(c, "attributeName"),
           value = wr_api_str(c, "attributeValue");
    if (!name.at && type.at) {
        return wr_db_query(db,
                           "SELECT " ITEM " FROM things t WHERE" OF_TYPE("?2") " AND t.id>?3 ORDER "
                                                                               "BY t.id",
                           "isi", c->realm, type, after);
    }
    if (!name.at) {
        return wr_db_query(db,
                           "SELECT " ITEM " FROM things t WHERE t.realm=? AND t.id>? ORDER BY t.id",
                           "ii", c->realm, after);
    }
    if (value.at && !wr_api_bool(c, "usePrefixAttributeValue", false)) {
        return wr_db_query(
            db,
            "SELECT " ITEM " FROM thing_attributes a CROSS JOIN things t ON t.id="
            "a.thing WHERE a.realm=?1 AND a.name=?2 AND a.value=?3 AND a.thing>?4 "
            "AND a.value=?3 COLLATE BINARY AND (?5 IS NULL OR" OF_TYPE("?5") ") "
                                                                             "ORDER BY a.thing",
            "issis", c->realm, name, value, after, type);
    }
    return wr_db_query(db,
                       "SELECT " ITEM " FROM thing_attributes a INDEXED BY thing_attributes_name "
                       "CROSS JOIN things t ON t.id=a.thing WHERE a.realm=?1 AND a.name=?2 AND "
                       "a.thing>?4 AND substr(a.value,1,length(?3))=?3 COLLATE BINARY AND "
                       "(?5 IS NULL OR" OF_TYPE("?5") ") ORDER BY a.thing",
                       "issis", c->realm, name, value.at ? value : WR_STR(""), after, type);
}

static void list_things(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (wr_api_json(c, "attributeValue") && !wr_api_json(c, "attributeName")) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "attributeValue needs an attributeName");
        return;
    }
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    json_t *things = json_array();
    json_object_set_new(c->out, "things", things);
    struct wr_rows rows = find_things(c, db, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_t *one = wr_api_named(c, "thingName", "thingArn", "thing", wr_db_str(&rows, 1));
        set_text(one, "thingTypeName", wr_db_json_str(&rows, 4));
        json_object_set_new(one, "attributes", wr_db_json(&rows, 2));
        json_object_set_new(one, "version", json_integer(wr_db_int(&rows, 3)));
        json_array_append_new(things, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- the table

static const struct wr_api_member create_in[] = {
    WR_API_PATH("thingName", THING),
    WR_API_NAME("thingTypeName"),
    WR_API_BODY("attributePayload", OBJECT),
    WR_API_NAME("billingGroupName"),
    {0},
};
static const struct wr_api_member thing_in[] = {WR_API_PATH("thingName", THING), {0}};
static const struct wr_api_member update_in[] = {
    WR_API_PATH("thingName", THING),         WR_API_NAME("thingTypeName"),
    WR_API_BODY("attributePayload", OBJECT), WR_API_BODY("expectedVersion", INT),
    WR_API_BODY("removeThingType", BOOL),    {0},
};
static const struct wr_api_member delete_in[] = {
    WR_API_PATH("thingName", THING), WR_API_QUERY("expectedVersion", INT, .min = 0), {0}};
static const struct wr_api_member list_in[] = {
    WR_API_PAGED,
    WR_API_QUERY("attributeName", STRING, .pattern = WR_API_ATTRIBUTE_NAME_PATTERN, .min = 1,
                 .max = 128),
    WR_API_QUERY("attributeValue", STRING, .pattern = WR_API_ATTRIBUTE_VALUE_PATTERN, .max = 800),
    WR_API_NAME_QUERY("thingTypeName"),
    WR_API_QUERY("usePrefixAttributeValue", BOOL, .min = 0),
    {0},
};

#define THING(name_, method_, in_) \
    .name = name_, .method = method_, .path = "/things/{thingName}", .in = in_
static const struct wr_api_operation operations[] = {
    {THING("CreateThing", "POST", create_in), .write = true, .run = create_thing},
    {THING("DescribeThing", "GET", thing_in), .run = describe_thing},
    {THING("UpdateThing", "PATCH", update_in), .write = true, .run = update_thing},
    {THING("DeleteThing", "DELETE", delete_in), .write = true, .run = delete_thing},
    {.name = "ListThings", .method = "GET", .path = "/things", .in = list_in, .run = list_things},
};

void wr_api_add_things(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
