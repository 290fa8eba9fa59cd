// Thing groups: the groups themselves (control-plane.md 5). Who is in them: api_group_members.c.
#include <stdio.h>

#include "engine/admin/api_parts.h"
#include "engine/admin/families.h"
#include "engine/admin/policies.h"

#include "sql/base/banned.h"

// control-plane.md 3
#define DEPTH_MAX    7
#define CHILDREN_MAX 100

// A group as the table has it. `description` and `attributes` NULL: none was given.
struct group {
    int64_t id, parent, root, depth, version;
    json_t *description, *attributes;
    char group_id[37];
};

static bool read_group(struct wr_api_call *c, struct wr_db *db, const char *name, struct group *g)
{
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT id, parent, root, depth, version, description, attributes, group_id "
                    "FROM thing_groups WHERE realm=? AND name=?",
                    "iz", c->realm, name);
    bool found = wr_db_next(&rows);
    if (found) {
        *g = (struct group){.id = wr_db_int(&rows, 0),
                            .parent = wr_db_int(&rows, 1),
                            .root = wr_db_int(&rows, 2),
                            .depth = wr_db_int(&rows, 3),
                            .version = wr_db_int(&rows, 4),
                            .description = wr_db_json_str(&rows, 5),
                            .attributes = wr_db_json(&rows, 6)};
        snprintf(g->group_id, sizeof g->group_id, "%.*s", WR_STR_ARG(wr_db_str(&rows, 7)));
    }
    wr_db_end(&rows);
    return found;
}

static void release_group(struct group *g)
{
    json_decref(g->description);
    json_decref(g->attributes);
}

static void not_found(struct wr_api_call *c, const char *name)
{
    wr_api_fail(c, WR_API_NOT_FOUND, "Thing group %s does not exist in your account", name);
}

// ---- properties

// thingGroupProperties on top of `old`: description and attributes of `out`, to be released; false:
// the call has failed.
static bool read_properties(struct wr_api_call *c, const struct group *old, struct group *out)
{
    static const char where[] = "thingGroupProperties";
    const json_t *given = wr_api_json(c, where);
    const json_t *text = wr_api_string_in(c, given, "thingGroupDescription", where);
    const json_t *payload = wr_api_object_in(c, given, "attributePayload", where);
    if (c->error ||
        !wr_api_check_description(c, "thingGroupProperties.thingGroupDescription", text)) {
        return false;
    }
    json_t *attributes = payload ? wr_api_attributes(c, payload, old->attributes,
                                                     "thingGroupProperties.attributePayload")
                                 : json_incref(old->attributes);
    if (json_object_size(attributes) > WR_ATTRIBUTES_MAX) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "a thing group has at most %d attributes; these are %zu", WR_ATTRIBUTES_MAX,
                    json_object_size(attributes));
    }
    if (c->error) {
        json_decref(attributes);
        return false;
    }
    out->attributes = attributes;
    out->description = text ? json_copy((json_t *)(uintptr_t)text) : json_incref(old->description);
    return true;
}

static json_t *properties_of(const struct group *g)
{
    json_t *o = json_object();
    if (g->description) {
        json_object_set(o, "thingGroupDescription", g->description);
    }
    if (g->attributes) {
        json_object_set_new(o, "attributePayload", json_pack("{s:O}", "attributes", g->attributes));
    }
    return o;
}

// ---- create

static void answer_same(struct wr_api_call *c, const struct group *old, int64_t parent,
                        const struct group *given)
{
    const char *name = wr_api_text(c, "thingGroupName");
    char arn[512];
    json_t *before = properties_of(old), *after = properties_of(given);
    if (old->parent == parent && json_equal(before, after)) {
        wr_api_answer_ids(c, "thingGroup", "thinggroup", name, wr_str_of(old->group_id));
    } else {
        wr_api_fail_for(c, WR_API_EXISTS, old->group_id, wr_api_arn(c, arn, "thinggroup/%s", name),
                        "Thing Group %s already exists in current account with different "
                        "properties",
                        name);
    }
    json_decref(before);
    json_decref(after);
}

static bool has_room(struct wr_api_call *c, struct wr_db *db, const char *name,
                     const struct group *parent)
{
    if (parent->depth >= DEPTH_MAX) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Thing groups are at most %d deep; the parent of %s is at that depth",
                    DEPTH_MAX, name);
    } else if (wr_db_one(db, 0, "SELECT count(*) FROM thing_groups WHERE parent=?", "i",
                         parent->id) >= CHILDREN_MAX) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "A thing group has at most %d direct child groups; the parent of %s has them",
                    CHILDREN_MAX, name);
    }
    return !c->error;
}

static void insert_group(struct wr_api_call *c, struct wr_db *db, const struct group *parent,
                         const struct group *given)
{
    const char *name = wr_api_text(c, "thingGroupName");
    char id[37], arn[512];
    wr_api_make_id(id);
    wr_db_run(db,
              "INSERT INTO thing_groups(realm, name, group_id, parent, depth, description, "
              "attributes, version, created) VALUES(?,?,?,nullif(?,0),?,?,?,1,?)",
              "izziizji", c->realm, name, id, parent->id, parent->depth + 1,
              json_string_value(given->description), given->attributes, c->now_ms);
    int64_t row = wr_db_last_id(db);
    wr_db_run(db, "UPDATE thing_groups SET root=? WHERE id=?", "ii",
              parent->id ? parent->root : row, row);
    (void)wr_api_set_tags(c, db, wr_api_arn(c, arn, "thinggroup/%s", name), wr_api_json(c, "tags"));
    wr_api_answer_ids(c, "thingGroup", "thinggroup", name, wr_str_of(id));
    wr_api_audit_arn(c, wr_api_arn(c, arn, "thinggroup/%s", name));
    wr_api_audit_change(c, "thingGroupProperties", NULL, properties_of(given));
}

static void create_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingGroupName"),
               *parent_name = wr_api_text(c, "parentGroupName");
    struct group old = {0}, given = {0}, parent = {0};
    if (parent_name && !read_group(c, db, parent_name, &parent)) {
        not_found(c, parent_name);
    } else if (read_properties(c, &(struct group){0}, &given)) {
        if (read_group(c, db, name, &old)) {
            answer_same(c, &old, parent.id, &given);
        } else if (has_room(c, db, name, &parent)) {
            insert_group(c, db, &parent, &given);
        }
    }
    release_group(&parent);
    release_group(&old);
    release_group(&given);
}

// ---- describe

static json_t *metadata_of(struct wr_api_call *c, struct wr_db *db, int64_t parent)
{
    json_t *o = json_object(), *above = json_array();
    struct wr_rows rows = wr_db_query(
        db,
        "WITH RECURSIVE up(id, name, parent, depth) AS (SELECT id, name, parent, depth FROM "
        "thing_groups WHERE id=? UNION ALL SELECT g.id, g.name, g.parent, g.depth FROM up JOIN "
        "thing_groups g ON g.id=up.parent) SELECT name FROM up ORDER BY depth",
        "i", parent);
    while (wr_db_next(&rows)) {
        wr_str name = wr_db_str(&rows, 0);
        json_array_append_new(above, wr_api_named(c, "groupName", "groupArn", "thinggroup", name));
        json_object_set_new(o, "parentGroupName", json_stringn(name.at, name.len));
    }
    wr_db_end(&rows);
    if (json_array_size(above)) {
        json_object_set(o, "rootToParentThingGroups", above);
    }
    json_decref(above);
    return o;
}

static void describe_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingGroupName");
    struct group g = {0};
    if (!read_group(c, db, name, &g)) {
        not_found(c, name);
        return;
    }
    wr_api_answer_ids(c, "thingGroup", "thinggroup", name, wr_str_of(g.group_id));
    json_object_set_new(c->out, "version", json_integer(g.version));
    json_object_set_new(c->out, "thingGroupProperties", properties_of(&g));
    json_t *metadata = metadata_of(c, db, g.parent);
    json_object_set_new(
        metadata, "creationDate",
        wr_api_time(wr_db_one(db, 0, "SELECT created FROM thing_groups WHERE id=?", "i", g.id)));
    json_object_set_new(c->out, "thingGroupMetadata", metadata);
    release_group(&g);
}

// ---- update, delete

static void update_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingGroupName");
    char arn[512];
    struct group old = {0}, new = {0};
    if (!read_group(c, db, name, &old)) {
        not_found(c, name);
        return;
    }
    if (wr_api_check_version(c, old.version) && read_properties(c, &old, &new)) {
        wr_db_run(db,
                  "UPDATE thing_groups SET description=?, attributes=?, version=version+1 WHERE "
                  "id=?",
                  "zji", json_string_value(new.description), new.attributes, old.id);
        json_object_set_new(c->out, "version", json_integer(old.version + 1));
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thinggroup/%s", name));
        wr_api_audit_change(c, "thingGroupProperties", properties_of(&old), properties_of(&new));
    }
    release_group(&old);
    release_group(&new);
}

static void delete_group(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "thingGroupName");
    char arn[512];
    struct group old = {0};
    if (!read_group(c, db, name, &old)) {
        return; // it is not there, which is what was asked for
    }
    if (wr_api_check_version(c, old.version) &&
        wr_db_one(db, 0, "SELECT 1 FROM thing_groups WHERE parent=? LIMIT 1", "i", old.id)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Cannot delete thing group : %s when there are still child groups attached to "
                    "it",
                    name);
    }
    if (!c->error) {
        wr_policy_detach_all(c, db, wr_api_arn(c, arn, "thinggroup/%s", name));
        wr_db_run(db, "DELETE FROM thing_group_members WHERE grp=?", "i", old.id);
        wr_db_run(db, "DELETE FROM thing_groups WHERE id=?", "i", old.id);
        wr_api_drop_tags(c, db, wr_api_arn(c, arn, "thinggroup/%s", name));
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thinggroup/%s", name));
        wr_api_audit_change(c, "thingGroupProperties", properties_of(&old), NULL);
    }
    release_group(&old);
}

// ---- list

#define NAMED " AND substr(name,1,length(?3))=?3 ORDER BY id"

// Without a parent all groups, or with recursive=false the roots; with one its children, or with
// recursive=true all below it.
static struct wr_rows find_groups(struct wr_api_call *c, struct wr_db *db, int64_t parent,
                                  int64_t after)
{
    wr_str prefix = wr_api_str(c, "namePrefixFilter");
    prefix = prefix.at ? prefix : WR_STR("");
    if (!parent && wr_api_bool(c, "recursive", true)) {
        return wr_db_query(db, "SELECT id, name FROM thing_groups WHERE realm=?1 AND id>?2" NAMED,
                           "iis", c->realm, after, prefix);
    }
    if (!parent) {
        return wr_db_query(
            db,
            "SELECT id, name FROM thing_groups WHERE realm=?1 AND id>?2 AND parent IS NULL" NAMED,
            "iis", c->realm, after, prefix);
    }
    if (!wr_api_bool(c, "recursive", false)) {
        return wr_db_query(db, "SELECT id, name FROM thing_groups WHERE parent=?1 AND id>?2" NAMED,
                           "iis", parent, after, prefix);
    }
    return wr_db_query(
        db,
        "WITH RECURSIVE below(id) AS (SELECT id FROM thing_groups WHERE parent=?1 UNION ALL SELECT "
        "g.id FROM below JOIN thing_groups g ON g.parent=below.id) SELECT id, name FROM "
        "thing_groups WHERE id IN below AND id>?2" NAMED,
        "iis", parent, after, prefix);
}

static void list_groups(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    wr_str parent_name = wr_api_str(c, "parentGroup");
    int64_t parent = parent_name.at ? wr_api_find_group(c, db, parent_name) : 0;
    if (c->error) {
        return;
    }
    json_t *groups = json_array();
    json_object_set_new(c->out, "thingGroups", groups);
    struct wr_rows rows = find_groups(c, db, parent, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(
            groups, wr_api_named(c, "groupName", "groupArn", "thinggroup", wr_db_str(&rows, 1)));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- the table

static const struct wr_api_member create_in[] = {
    WR_API_PATH("thingGroupName", THING),
    WR_API_NAME("parentGroupName"),
    WR_API_BODY("thingGroupProperties", OBJECT),
    WR_API_TAGS,
    {0},
};
static const struct wr_api_member group_in[] = {WR_API_PATH("thingGroupName", THING), {0}};
static const struct wr_api_member update_in[] = {
    WR_API_PATH("thingGroupName", THING),
    WR_API_BODY("thingGroupProperties", OBJECT, .required = true),
    WR_API_BODY("expectedVersion", INT),
    {0},
};
static const struct wr_api_member delete_in[] = {
    WR_API_PATH("thingGroupName", THING), WR_API_QUERY("expectedVersion", INT, .min = 0), {0}};
static const struct wr_api_member list_in[] = {
    WR_API_PAGED,
    WR_API_NAME_QUERY("parentGroup"),
    WR_API_NAME_QUERY("namePrefixFilter"),
    WR_API_QUERY("recursive", BOOL, .min = 0),
    {0},
};

#define GROUP(name_, method_, in_) \
    .name = name_, .method = method_, .path = "/thing-groups/{thingGroupName}", .in = in_
static const struct wr_api_operation operations[] = {
    {GROUP("CreateThingGroup", "POST", create_in), .write = true, .run = create_group},
    {GROUP("DescribeThingGroup", "GET", group_in), .run = describe_group},
    {GROUP("UpdateThingGroup", "PATCH", update_in), .write = true, .run = update_group},
    {GROUP("DeleteThingGroup", "DELETE", delete_in), .write = true, .run = delete_group},
    {.name = "ListThingGroups",
     .method = "GET",
     .path = "/thing-groups",
     .in = list_in,
     .run = list_groups},
};

void wr_api_add_groups(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
