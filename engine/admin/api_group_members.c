// Things in thing groups (control-plane.md 5).
#include <stdio.h>

#include "engine/admin/api_parts.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

#define GROUPS_MAX 10 // of a thing, control-plane.md 3

static void audit(struct wr_api_call *c, wr_str group, bool added)
{
    char field[160];
    snprintf(field, sizeof field, "thinggroup/%.*s", WR_STR_ARG(group));
    wr_api_audit_change(c, field, json_boolean(!added), json_boolean(added));
}

// False: the call has failed.
static bool add(struct wr_api_call *c, struct wr_db *db, int64_t thing, int64_t group, wr_str name)
{
    if (wr_db_one(db, 0, "SELECT 1 FROM thing_group_members WHERE thing=? AND grp=?", "ii", thing,
                  group)) {
        return true;
    }
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT g.name FROM thing_groups w JOIN thing_group_members m ON m.root=w.root "
                    "JOIN thing_groups g ON g.id=m.grp WHERE w.id=? AND m.thing=?",
                    "ii", group, thing);
    if (wr_db_next(&rows)) {
        wr_str other = wr_db_str(&rows, 0);
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "The thing is in the group %.*s of the same hierarchy as %.*s; it can be in "
                    "one group of a hierarchy",
                    WR_STR_ARG(other), WR_STR_ARG(name));
    }
    wr_db_end(&rows);
    if (!c->error && wr_db_one(db, 0, "SELECT count(*) FROM thing_group_members WHERE thing=?", "i",
                               thing) >= GROUPS_MAX) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "A thing is in at most %d groups, and this one is",
                    GROUPS_MAX);
    }
    if (!c->error) {
        wr_db_run(db,
                  "INSERT INTO thing_group_members(root, thing, grp, realm) SELECT root, ?, id, ? "
                  "FROM thing_groups WHERE id=?",
                  "iii", thing, c->realm, group);
        audit(c, name, true);
    }
    return !c->error;
}

static void take_out(struct wr_api_call *c, struct wr_db *db, int64_t thing, int64_t group,
                     wr_str name)
{
    if (wr_db_run(db, "DELETE FROM thing_group_members WHERE thing=? AND grp=?", "ii", thing,
                  group)) {
        audit(c, name, false);
    }
}

static void change(struct wr_api_call *c, struct wr_db *db, bool adding)
{
    wr_str group_name = wr_api_name_or_arn(c, "thingGroupName", "thingGroupArn", "thinggroup");
    wr_str thing_name =
        c->error ? (wr_str){0} : wr_api_name_or_arn(c, "thingName", "thingArn", "thing");
    int64_t group = c->error ? 0 : wr_api_find_group(c, db, group_name);
    int64_t thing = c->error ? 0 : wr_api_find_thing(c, db, thing_name);
    if (!thing) {
        return;
    }
    char arn[512];
    wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%.*s", WR_STR_ARG(thing_name)));
    if (adding) {
        (void)add(c, db, thing, group, group_name);
    } else {
        take_out(c, db, thing, group, group_name);
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

// ---- several at once: first out, then in, so that a thing can move within a hierarchy

static bool change_all(struct wr_api_call *c, struct wr_db *db, int64_t thing, const char *member,
                       bool adding)
{
    const json_t *names = wr_api_json(c, member);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *one = json_array_get(names, i);
        if (!wr_api_check_text(c, member, one, WR_API_THING_PATTERN, 1, 128)) {
            return false;
        }
        wr_str name = {json_string_value(one), json_string_length(one)};
        int64_t group = wr_api_find_group(c, db, name);
        if (!group) {
            return false;
        }
        if (!adding) {
            take_out(c, db, thing, group, name);
        } else if (!add(c, db, thing, group, name)) {
            return false;
        }
    }
    return true;
}

static void update_groups(struct wr_api_call *c, struct wr_db *db)
{
    char arn[512];
    if (!wr_api_json(c, "thingName")) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "thingName is needed");
        return;
    }
    int64_t thing = wr_api_find_thing(c, db, wr_api_str(c, "thingName"));
    if (thing && change_all(c, db, thing, "thingGroupsToRemove", false)) {
        (void)change_all(c, db, thing, "thingGroupsToAdd", true);
    }
    wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%s", wr_api_text(c, "thingName")));
}

// ---- lists

// A thing is in a group of its hierarchy once, so nothing comes twice; the root's own key gives the
// order of the things.
static struct wr_rows find_members(struct wr_api_call *c, struct wr_db *db, int64_t group,
                                   int64_t after)
{
    if (!wr_api_bool(c, "recursive", false)) {
        return wr_db_query(db,
                           "SELECT t.id, t.name FROM thing_group_members m CROSS JOIN things t ON "
                           "t.id=m.thing WHERE m.grp=? AND m.thing>? ORDER BY m.thing",
                           "ii", group, after);
    }
    return wr_db_query(
        db,
        "WITH RECURSIVE below(id) AS (SELECT ?1 UNION ALL SELECT g.id FROM below JOIN thing_groups "
        "g ON g.parent=below.id) SELECT t.id, t.name FROM thing_group_members m CROSS JOIN things "
        "t ON t.id=m.thing WHERE m.root=(SELECT root FROM thing_groups WHERE id=?1) AND m.thing>?2 "
        "AND m.grp IN below ORDER BY m.thing",
        "ii", group, after);
}

static void list_things(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    int64_t group = wr_api_find_group(c, db, wr_api_str(c, "thingGroupName"));
    if (!group) {
        return;
    }
    json_t *things = json_array();
    json_object_set_new(c->out, "things", things);
    struct wr_rows rows = find_members(c, db, group, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(things, wr_db_json_str(&rows, 1));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static void list_groups(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    int64_t thing = wr_api_find_thing(c, db, wr_api_str(c, "thingName"));
    if (!thing) {
        return;
    }
    json_t *groups = json_array();
    json_object_set_new(c->out, "thingGroups", groups);
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT g.id, g.name FROM thing_group_members m JOIN "
                                      "thing_groups g ON g.id=m.grp WHERE m.thing=? AND m.grp>? "
                                      "ORDER BY m.grp",
                                      "ii", thing, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(
            groups, wr_api_named(c, "groupName", "groupArn", "thinggroup", wr_db_str(&rows, 1)));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- the table

#define BY_NAME_OR_ARN                                                                             \
    WR_API_NAME("thingGroupName"), WR_API_BODY("thingGroupArn", STRING), WR_API_NAME("thingName"), \
        WR_API_BODY("thingArn", STRING)
// There are no dynamic groups that it could say anything about.
#define OVERRIDE WR_API_BODY("overrideDynamicGroups", BOOL)

static const struct wr_api_member add_in[] = {BY_NAME_OR_ARN, OVERRIDE, {0}};
static const struct wr_api_member remove_in[] = {BY_NAME_OR_ARN, {0}};
static const struct wr_api_member update_in[] = {
    WR_API_NAME("thingName"),
    WR_API_BODY("thingGroupsToAdd", LIST),
    WR_API_BODY("thingGroupsToRemove", LIST),
    OVERRIDE,
    {0},
};
static const struct wr_api_member list_things_in[] = {WR_API_PATH("thingGroupName", THING),
                                                      WR_API_PAGED,
                                                      WR_API_QUERY("recursive", BOOL, .min = 0),
                                                      {0}};
static const struct wr_api_member list_groups_in[] = {
    WR_API_PATH("thingName", THING), WR_API_PAGED, {0}};

#define ROW(name_, method_, path_, in_) .name = name_, .method = method_, .path = path_, .in = in_
static const struct wr_api_operation operations[] = {
    {ROW("AddThingToThingGroup", "PUT", "/thing-groups/addThingToThingGroup", add_in),
     .write = true, .run = add_thing},
    {ROW("RemoveThingFromThingGroup", "PUT", "/thing-groups/removeThingFromThingGroup", remove_in),
     .write = true, .run = remove_thing},
    {ROW("UpdateThingGroupsForThing", "PUT", "/thing-groups/updateThingGroupsForThing", update_in),
     .write = true, .run = update_groups},
    {ROW("ListThingsInThingGroup", "GET", "/thing-groups/{thingGroupName}/things", list_things_in),
     .run = list_things},
    {ROW("ListThingGroupsForThing", "GET", "/things/{thingName}/thing-groups", list_groups_in),
     .run = list_groups},
};

void wr_api_add_group_members(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
