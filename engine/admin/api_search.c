// SearchIndex and the settings of indexing (control-plane.md 5, tier 3). There is no index besides
// the tables' own: it is always on and never behind.
#include <stdio.h>

#include "engine/admin/api_parts.h"
#include "engine/admin/families.h"
#include "engine/admin/search_query.h"

#include "sql/base/banned.h"

#define THINGS  "AWS_Things"
#define GROUPS  "AWS_ThingGroups"
#define PAGE    100
#define CPU_MS  1000 // of a query: a hundred times what one takes that looks at 100,000 things
#define VERSION "2017-09-30"

// ?1 is the realm. The plus: a type is on many things, so its index would lead to more rows than
// the other terms of a query.
static const struct wr_search_field thing_fields[] = {
    {"thingName", "(", "t.name", ")", "SELECT t.id FROM things t WHERE t.realm=?1 AND "},
    {"thingId", "(", "t.thing_id", ")", NULL},
    {"thingTypeName", "+t.type IN (SELECT y.id FROM thing_types y WHERE y.realm=?1 AND ", "y.name",
     ")", "SELECT t.id FROM thing_types y JOIN things t ON t.type=y.id WHERE y.realm=?1 AND "},
    {"thingGroupNames",
     "t.id IN (SELECT m.thing FROM thing_groups g JOIN thing_group_members m ON m.grp=g.id WHERE "
     "g.realm=?1 AND ",
     "g.name", ")",
     "SELECT m.thing FROM thing_groups g JOIN thing_group_members m ON m.grp=g.id WHERE "
     "g.realm=?1 AND "},
    {"billingGroupName", "t.billing IN (SELECT b.id FROM billing_groups b WHERE b.realm=?1 AND ",
     "b.name", ")", NULL},
    {"attributes.",
     "t.id IN (SELECT a.thing FROM thing_attributes a WHERE a.realm=?1 AND a.name=?A AND ",
     "a.value", ")", "SELECT a.thing FROM thing_attributes a WHERE a.realm=?1 AND "},
};
static const struct wr_search_field group_fields[] = {
    {"thingGroupName", "(", "t.name", ")", "SELECT t.id FROM thing_groups t WHERE t.realm=?1 AND "},
    {"thingGroupId", "(", "t.group_id", ")", NULL},
    {"thingGroupDescription", "(", "t.description", ")",
     "SELECT t.id FROM thing_groups t WHERE t.realm=?1 AND "},
    {"parentGroupNames", "t.parent IN (SELECT p.id FROM thing_groups p WHERE p.realm=?1 AND ",
     "p.name", ")",
     "SELECT t.id FROM thing_groups p JOIN thing_groups t ON t.parent=p.id WHERE p.realm=?1 AND "},
    {"attributes.", "EXISTS (SELECT 1 FROM json_each(t.attributes) a WHERE a.key=?A AND ",
     "a.value", ")",
     "SELECT t.id FROM thing_groups t, json_each(t.attributes) a WHERE t.realm=?1 AND "},
};

// ---- what is found

static json_t *group_names(struct wr_db *db, int64_t thing)
{
    json_t *names = json_array();
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT g.name FROM thing_group_members m JOIN thing_groups "
                                      "g ON g.id=m.grp WHERE m.thing=? ORDER BY g.id",
                                      "i", thing);
    while (wr_db_next(&rows)) {
        json_array_append_new(names, wr_db_json_str(&rows, 0));
    }
    wr_db_end(&rows);
    return names;
}

static void set(json_t *to, const char *member, json_t *value)
{
    if (value) {
        json_object_set_new(to, member, value);
    }
}

// The likelihood: SQLite takes a realm for ten rows, and would not ask the other indexes.
#define THING_ROWS                                                                      \
    "SELECT t.id, t.name, t.thing_id, (SELECT name FROM thing_types WHERE id=t.type), " \
    "t.attributes FROM things t WHERE likelihood(t.realm=?1, 0.05) AND t.id>?2 AND "
#define GROUP_ROWS                                                                     \
    "SELECT t.id, t.name, t.group_id, t.description, t.attributes, (SELECT name FROM " \
    "thing_groups WHERE id=t.parent) FROM thing_groups t WHERE t.realm=?1 AND t.id>?2 AND "

static json_t *thing_of(struct wr_db *db, const struct wr_rows *rows)
{
    json_t *o = json_object();
    set(o, "thingName", wr_db_json_str(rows, 1));
    set(o, "thingId", wr_db_json_str(rows, 2));
    set(o, "thingTypeName", wr_db_json_str(rows, 3));
    set(o, "thingGroupNames", group_names(db, wr_db_int(rows, 0)));
    set(o, "attributes", wr_db_json(rows, 4));
    return o;
}

static json_t *group_of(const struct wr_rows *rows)
{
    json_t *o = json_object();
    set(o, "thingGroupName", wr_db_json_str(rows, 1));
    set(o, "thingGroupId", wr_db_json_str(rows, 2));
    set(o, "thingGroupDescription", wr_db_json_str(rows, 3));
    set(o, "attributes", wr_db_json(rows, 4));
    json_t *parent = wr_db_json_str(rows, 5);
    if (parent) {
        json_object_set_new(o, "parentGroupNames", json_pack("[o]", parent));
    }
    return o;
}

static void run_query(struct wr_api_call *c, struct wr_db *db, bool things, struct wr_buf *sql,
                      json_t *values)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    wr_buf_add(sql, WR_STR(" AND ?9 IS NOT NULL ORDER BY t.id"));
    json_t *found = json_array();
    json_object_set_new(c->out, things ? "things" : "thingGroups", found);
    struct wr_rows rows =
        wr_db_query_made(db, wr_buf_terminated(sql), "iinnnnnnj", c->realm, page.after, values);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(found, things ? thing_of(db, &rows) : group_of(&rows));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// An end for queries that look at everything for too long.
static void run_limited(struct wr_api_call *c, struct wr_db *db, bool things, struct wr_buf *sql,
                        json_t *values)
{
    wr_db_limit(db, CPU_MS);
    run_query(c, db, things, sql, values);
    if (wr_db_over_limit(db)) {
        wr_db_forgive(db);
        wr_api_fail(c, WR_API_INVALID_QUERY,
                    "The query takes too long: begin values with letters instead of * or ?, or add "
                    "a term that few things have");
    }
    wr_db_limit(db, 0);
}

static bool check_index(struct wr_api_call *c, const char *index)
{
    if (strcmp(index, THINGS) != 0 && strcmp(index, GROUPS) != 0) {
        wr_api_fail(c, WR_API_NOT_FOUND, "There is no index %s; there are " THINGS " and " GROUPS,
                    index);
    }
    return !c->error;
}

static void search(struct wr_api_call *c, struct wr_db *db)
{
    const char *index = wr_api_text(c, "indexName");
    index = index ? index : THINGS;
    if (!check_index(c, index)) {
        return;
    }
    bool things = !strcmp(index, THINGS);
    struct wr_fault fault = {0};
    struct wr_buf sql = {0};
    json_t *values = json_array();
    wr_buf_add(&sql, things ? WR_STR(THING_ROWS) : WR_STR(GROUP_ROWS));
    if (wr_search_compile(wr_api_str(c, "queryString"), things ? thing_fields : group_fields,
                          things ? WR_COUNT(thing_fields) : WR_COUNT(group_fields), &sql, values,
                          &fault)) {
        wr_api_fail(c, WR_API_INVALID_QUERY, "Invalid query string: character %u: %s", fault.column,
                    fault.text);
    } else {
        run_limited(c, db, things, &sql, values);
    }
    wr_buf_release(&sql);
    json_decref(values);
}

// ---- settings: kept and answered

static void describe_index(struct wr_api_call *c)
{
    const char *index = wr_api_text(c, "indexName");
    if (check_index(c, index)) {
        json_object_set_new(c->out, "indexName", json_string(index));
        json_object_set_new(c->out, "indexStatus", json_string("ACTIVE"));
        json_object_set_new(c->out, "schema", json_string("REGISTRY"));
    }
}

static void get_configuration(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_rows rows =
        wr_db_query(db, "SELECT things, groups FROM indexing WHERE realm=?", "i", c->realm);
    json_t *things = NULL, *groups = NULL;
    if (wr_db_next(&rows)) {
        things = wr_db_json(&rows, 0);
        groups = wr_db_json(&rows, 1);
    }
    wr_db_end(&rows);
    json_object_set_new(c->out, "thingIndexingConfiguration",
                        things ? things
                               : json_pack("{s:s, s:s}", "thingIndexingMode", "OFF",
                                           "thingConnectivityIndexingMode", "OFF"));
    json_object_set_new(c->out, "thingGroupIndexingConfiguration",
                        groups ? groups : json_pack("{s:s}", "thingGroupIndexingMode", "OFF"));
}

static bool check_mode(struct wr_api_call *c, const json_t *of, const char *member, bool required,
                       const char *const modes[3])
{
    const json_t *mode = json_object_get(of, member);
    if (!mode && !required) {
        return true;
    }
    for (size_t i = 0; i < 3 && modes[i]; i++) {
        if (json_is_string(mode) && !strcmp(json_string_value(mode), modes[i])) {
            return true;
        }
    }
    wr_api_fail(c, WR_API_INVALID_REQUEST, "%s must be one of %s, %s%s%s", member, modes[0],
                modes[1], modes[2] ? ", " : "", modes[2] ? modes[2] : "");
    return false;
}

static void update_configuration(struct wr_api_call *c, struct wr_db *db)
{
    static const char *const registry[] = {"OFF", "REGISTRY", "REGISTRY_AND_SHADOW"};
    static const char *const status[3] = {"OFF", "STATUS"};
    static const char *const on[3] = {"OFF", "ON"};
    json_t *things = wr_api_json(c, "thingIndexingConfiguration"),
           *groups = wr_api_json(c, "thingGroupIndexingConfiguration");
    if ((things && (!check_mode(c, things, "thingIndexingMode", true, registry) ||
                    !check_mode(c, things, "thingConnectivityIndexingMode", false, status))) ||
        (groups && !check_mode(c, groups, "thingGroupIndexingMode", true, on))) {
        return;
    }
    wr_db_run(db,
              "INSERT INTO indexing(realm, things, groups) VALUES(?1,?2,?3) ON CONFLICT(realm) DO "
              "UPDATE SET things=coalesce(?2,things), groups=coalesce(?3,groups)",
              "ijj", c->realm, things, groups);
    wr_api_warn(c, "searches answer in every mode, and know the registry only");
}

// ---- the table

static const struct wr_api_member search_in[] = {
    WR_API_NAME("indexName"),
    WR_API_BODY("queryString", STRING, .required = true, .min = 1),
    WR_API_BODY("nextToken", STRING, .min = 1, .max = 1024),
    WR_API_BODY("maxResults", INT, .min = 1, .max = 500),
    WR_API_BODY("queryVersion", STRING, .one_of = VERSION),
    {0},
};
static const struct wr_api_member index_in[] = {WR_API_PATH("indexName", THING), {0}};
static const struct wr_api_member update_in[] = {
    WR_API_BODY("thingIndexingConfiguration", OBJECT, .min = 0),
    WR_API_BODY("thingGroupIndexingConfiguration", OBJECT, .min = 0),
    {0},
};

static const struct wr_api_operation operations[] = {
    {.name = "SearchIndex",
     .method = "POST",
     .path = "/indices/search",
     .in = search_in,
     .slow = true,
     .least = WR_ROLE_READER,
     .run = search},
    {.name = "DescribeIndex",
     .method = "GET",
     .path = "/indices/{indexName}",
     .in = index_in,
     .after = describe_index},
    {.name = "GetIndexingConfiguration",
     .method = "GET",
     .path = "/indexing/config",
     .run = get_configuration},
    {.name = "UpdateIndexingConfiguration",
     .method = "POST",
     .path = "/indexing/config",
     .in = update_in,
     .write = true,
     .run = update_configuration},
};

void wr_api_add_search(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
