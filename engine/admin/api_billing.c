// Billing groups (control-plane.md 5).
#include <stdio.h>

#include "engine/admin/api_parts.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

#define GROUPS_MAX 20000 // of a tenant in a region, control-plane.md 3

struct group {
    int64_t id, version, created;
    json_t *properties; // billingGroupProperties as it is answered
    char group_id[37];
};

static bool read_group(struct wr_api_call *c, struct wr_db *db, const char *name, struct group *g)
{
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT id, version, created, properties, group_id FROM "
                                      "billing_groups WHERE realm=? AND name=?",
                                      "iz", c->realm, name);
    bool found = wr_db_next(&rows);
    if (found) {
        *g = (struct group){.id = wr_db_int(&rows, 0),
                            .version = wr_db_int(&rows, 1),
                            .created = wr_db_int(&rows, 2),
                            .properties = wr_db_json(&rows, 3)};
        snprintf(g->group_id, sizeof g->group_id, "%.*s", WR_STR_ARG(wr_db_str(&rows, 4)));
    }
    wr_db_end(&rows);
    return found;
}

static void not_found(struct wr_api_call *c, const char *name)
{
    wr_api_fail(c, WR_API_NOT_FOUND, "Billing group %s does not exist in your account", name);
}

// Give; NULL: the call has failed.
static json_t *read_properties(struct wr_api_call *c, const json_t *old)
{
    static const char where[] = "billingGroupProperties";
    const json_t *text =
        wr_api_string_in(c, wr_api_json(c, where), "billingGroupDescription", where);
    if (!wr_api_check_description(c, "billingGroupProperties.billingGroupDescription", text)) {
        return NULL;
    }
    json_t *out = old ? json_copy((json_t *)(uintptr_t)old) : json_object();
    if (text) {
        json_object_set(out, "billingGroupDescription", (json_t *)(uintptr_t)text);
    }
    return out;
}

static void audit(struct wr_api_call *c, json_t *before, json_t *after)
{
    char arn[512];
    wr_api_audit_arn(c, wr_api_arn(c, arn, "billinggroup/%s", wr_api_text(c, "billingGroupName")));
    wr_api_audit_change(c, "billingGroupProperties", before, after);
}

// ---- the groups

static void insert_group(struct wr_api_call *c, struct wr_db *db, json_t *properties)
{
    const char *name = wr_api_text(c, "billingGroupName");
    if (wr_db_one(db, 0, "SELECT count(*) FROM billing_groups WHERE realm=?", "i", c->realm) >=
        GROUPS_MAX) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "There are at most %d billing groups, and they are",
                    GROUPS_MAX);
        return;
    }
    char id[37], arn[512];
    wr_api_make_id(id);
    wr_db_run(db,
              "INSERT INTO billing_groups(realm, name, group_id, properties, version, created) "
              "VALUES(?,?,?,?,1,?)",
              "izzji", c->realm, name, id, properties, c->now_ms);
    (void)wr_api_set_tags(c, db, wr_api_arn(c, arn, "billinggroup/%s", name),
                          wr_api_json(c, "tags"));
    wr_api_answer_ids(c, "billingGroup", "billinggroup", name, wr_str_of(id));
    audit(c, NULL, json_incref(properties));
}

static void create_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "billingGroupName");
    char arn[512];
    json_t *properties = read_properties(c, NULL);
    struct group old = {0};
    if (!properties) {
        return;
    }
    if (!read_group(c, db, name, &old)) {
        insert_group(c, db, properties);
    } else if (json_equal(old.properties, properties)) {
        wr_api_answer_ids(c, "billingGroup", "billinggroup", name, wr_str_of(old.group_id));
    } else {
        wr_api_fail_for(c, WR_API_EXISTS, old.group_id, wr_api_arn(c, arn, "billinggroup/%s", name),
                        "Billing Group %s already exists in current account with different "
                        "properties",
                        name);
    }
    json_decref(old.properties);
    json_decref(properties);
}

static void describe_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "billingGroupName");
    struct group g = {0};
    if (!read_group(c, db, name, &g)) {
        not_found(c, name);
        return;
    }
    wr_api_answer_ids(c, "billingGroup", "billinggroup", name, wr_str_of(g.group_id));
    json_object_set_new(c->out, "version", json_integer(g.version));
    json_object_set_new(c->out, "billingGroupProperties", g.properties);
    json_object_set_new(c->out, "billingGroupMetadata",
                        json_pack("{s:o}", "creationDate", wr_api_time(g.created)));
}

static void update_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "billingGroupName");
    struct group old = {0};
    if (!read_group(c, db, name, &old)) {
        not_found(c, name);
        return;
    }
    json_t *properties =
        wr_api_check_version(c, old.version) ? read_properties(c, old.properties) : NULL;
    if (properties) {
        wr_db_run(db, "UPDATE billing_groups SET properties=?, version=version+1 WHERE id=?", "ji",
                  properties, old.id);
        json_object_set_new(c->out, "version", json_integer(old.version + 1));
        audit(c, json_incref(old.properties), properties);
    }
    json_decref(old.properties);
}

// Its things are in none afterwards.
static void delete_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "billingGroupName");
    char arn[512];
    struct group old = {0};
    if (!read_group(c, db, name, &old)) {
        return; // it is not there, which is what was asked for
    }
    if (wr_api_check_version(c, old.version)) {
        wr_db_run(db, "UPDATE things SET billing=NULL WHERE billing=?", "i", old.id);
        wr_db_run(db, "DELETE FROM billing_groups WHERE id=?", "i", old.id);
        wr_api_drop_tags(c, db, wr_api_arn(c, arn, "billinggroup/%s", name));
        audit(c, json_incref(old.properties), NULL);
    }
    json_decref(old.properties);
}

static void list_groups(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    wr_str prefix = wr_api_str(c, "namePrefixFilter");
    json_t *groups = json_array();
    json_object_set_new(c->out, "billingGroups", groups);
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT id, name FROM billing_groups WHERE realm=?1 AND "
                                      "id>?2 AND substr(name,1,length(?3))=?3 ORDER BY id",
                                      "iis", c->realm, page.after, prefix.at ? prefix : WR_STR(""));
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(
            groups, wr_api_named(c, "groupName", "groupArn", "billinggroup", wr_db_str(&rows, 1)));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- things in them: one group a thing, so another one replaces it

static void change(struct wr_api_call *c, struct wr_db *db, bool adding)
{
    wr_str group_name =
        wr_api_name_or_arn(c, "billingGroupName", "billingGroupArn", "billinggroup");
    wr_str thing_name =
        c->error ? (wr_str){0} : wr_api_name_or_arn(c, "thingName", "thingArn", "thing");
    int64_t group = c->error ? 0 : wr_api_find_billing(c, db, group_name);
    int64_t thing = c->error ? 0 : wr_api_find_thing(c, db, thing_name);
    if (!thing) {
        return;
    }
    char arn[512];
    json_t *name = json_stringn(group_name.at, group_name.len);
    wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%.*s", WR_STR_ARG(thing_name)));
    if (adding) {
        wr_db_run(db, "UPDATE things SET billing=? WHERE id=?", "ii", group, thing);
        wr_api_audit_change(c, "billingGroupName", NULL, name);
    } else {
        wr_db_run(db, "UPDATE things SET billing=NULL WHERE id=? AND billing=?", "ii", thing,
                  group);
        wr_api_audit_change(c, "billingGroupName", name, NULL);
    }
}

static void add_thing(struct wr_api_call *c, struct wr_db *db)
{
    change(c, db, true);
}

static void remove_thing(struct wr_api_call *c, struct wr_db *db)
{
    change(c, db, false);
}

static void list_things(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    int64_t group = wr_api_find_billing(c, db, wr_api_str(c, "billingGroupName"));
    if (!group) {
        return;
    }
    json_t *things = json_array();
    json_object_set_new(c->out, "things", things);
    struct wr_rows rows =
        wr_db_query(db, "SELECT id, name FROM things WHERE billing=? AND id>? ORDER BY id", "ii",
                    group, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(things, wr_db_json_str(&rows, 1));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- the table

static const struct wr_api_member create_in[] = {
    WR_API_PATH("billingGroupName", THING),
    WR_API_BODY("billingGroupProperties", OBJECT),
    WR_API_TAGS,
    {0},
};
static const struct wr_api_member group_in[] = {WR_API_PATH("billingGroupName", THING), {0}};
static const struct wr_api_member update_in[] = {
    WR_API_PATH("billingGroupName", THING),
    WR_API_BODY("billingGroupProperties", OBJECT, .required = true),
    WR_API_BODY("expectedVersion", INT),
    {0},
};
static const struct wr_api_member delete_in[] = {
    WR_API_PATH("billingGroupName", THING), WR_API_QUERY("expectedVersion", INT, .min = 0), {0}};
static const struct wr_api_member list_in[] = {
    WR_API_PAGED, WR_API_NAME_QUERY("namePrefixFilter"), {0}};
static const struct wr_api_member change_in[] = {
    WR_API_NAME("billingGroupName"),
    WR_API_BODY("billingGroupArn", STRING),
    WR_API_NAME("thingName"),
    WR_API_BODY("thingArn", STRING),
    {0},
};
static const struct wr_api_member list_things_in[] = {
    WR_API_PATH("billingGroupName", THING), WR_API_PAGED, {0}};

#define ROW(name_, method_, path_, in_) \
    .name = name_, .method = method_, .path = "/billing-groups" path_, .in = in_
static const struct wr_api_operation operations[] = {
    {ROW("CreateBillingGroup", "POST", "/{billingGroupName}", create_in), .write = true,
     .run = create_group},
    {ROW("DescribeBillingGroup", "GET", "/{billingGroupName}", group_in), .run = describe_group},
    {ROW("UpdateBillingGroup", "PATCH", "/{billingGroupName}", update_in), .write = true,
     .run = update_group},
    {ROW("DeleteBillingGroup", "DELETE", "/{billingGroupName}", delete_in), .write = true,
     .run = delete_group},
    {ROW("ListBillingGroups", "GET", "", list_in), .run = list_groups},
    {ROW("AddThingToBillingGroup", "PUT", "/addThingToBillingGroup", change_in), .write = true,
     .run = add_thing},
    {ROW("RemoveThingFromBillingGroup", "PUT", "/removeThingFromBillingGroup", change_in),
     .write = true, .run = remove_thing},
    {ROW("ListThingsInBillingGroup", "GET", "/{billingGroupName}/things", list_things_in),
     .run = list_things},
};

void wr_api_add_billing(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
