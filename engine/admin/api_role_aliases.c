// Role aliases (control-plane.md 5, tier 3): what devices name when they ask AWS for credentials.
// weir keeps them for those who manage them; its own credentials come from elsewhere.
#include "engine/admin/api_tags.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

#define PAGE             50
#define ALIASES_MAX      100 // control-plane.md 3
#define DURATION_DEFAULT 3600
#define DURATION_MIN     900
#define DURATION_MAX     43200

static void put_arn(struct wr_api_call *c, json_t *to, const char *name)
{
    char arn[512];
    json_object_set_new(to, "roleAlias", json_string(name));
    json_object_set_new(to, "roleAliasArn", json_string(wr_api_arn(c, arn, "rolealias/%s", name)));
}

static void not_found(struct wr_api_call *c, struct wr_db *db)
{
    if (!wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Role alias %s not found", wr_api_text(c, "roleAlias"));
    }
}

static void create(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "roleAlias");
    char arn[512];
    wr_api_arn(c, arn, "rolealias/%s", name);
    if (wr_db_one(db, 0, "SELECT 1 FROM role_aliases WHERE realm=? AND name=?", "iz", c->realm,
                  name)) {
        wr_api_fail_for(c, WR_API_EXISTS, name, arn, "Role alias %s already exists", name);
        return;
    }
    if (wr_db_one(db, 0, "SELECT count(*) FROM role_aliases WHERE realm=?", "i", c->realm) >=
        ALIASES_MAX) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED, "there are %d role aliases already", ALIASES_MAX);
        return;
    }
    wr_db_run(db,
              "INSERT INTO role_aliases(realm, name, role, duration, created, modified) "
              "VALUES(?,?,?,?,?,?)",
              "izziii", c->realm, name, wr_api_text(c, "roleArn"),
              wr_api_int(c, "credentialDurationSeconds", DURATION_DEFAULT), c->now_ms, c->now_ms);
    if (wr_api_set_tags(c, db, arn, wr_api_json(c, "tags"))) {
        put_arn(c, c->out, name);
        wr_api_audit_arn(c, arn);
    }
}

static void describe(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT role, duration, created, modified FROM role_aliases "
                                      "WHERE realm=? AND name=?",
                                      "is", c->realm, wr_api_str(c, "roleAlias"));
    if (wr_db_next(&rows)) {
        json_t *one = json_object();
        put_arn(c, one, wr_api_text(c, "roleAlias"));
        json_object_set_new(one, "roleArn", wr_db_json_str(&rows, 0));
        json_object_set_new(one, "owner", json_string(c->caller.account));
        json_object_set_new(one, "credentialDurationSeconds", json_integer(wr_db_int(&rows, 1)));
        json_object_set_new(one, "creationDate", wr_api_time(wr_db_int(&rows, 2)));
        json_object_set_new(one, "lastModifiedDate", wr_api_time(wr_db_int(&rows, 3)));
        json_object_set_new(c->out, "roleAliasDescription", one);
    } else {
        not_found(c, db);
    }
    wr_db_end(&rows);
}

static void update(struct wr_api_call *c, struct wr_db *db)
{
    char arn[512];
    const char *name = wr_api_text(c, "roleAlias");
    if (!wr_db_run(db,
                   "UPDATE role_aliases SET role=coalesce(?, role), "
                   "duration=coalesce(nullif(?,0), duration), modified=? WHERE realm=? AND name=?",
                   "ziiiz", wr_api_text(c, "roleArn"),
                   wr_api_int(c, "credentialDurationSeconds", 0), c->now_ms, c->realm, name)) {
        not_found(c, db);
        return;
    }
    put_arn(c, c->out, name);
    wr_api_audit_arn(c, wr_api_arn(c, arn, "rolealias/%s", name));
}

static void list(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *names = json_array();
    json_object_set_new(c->out, "roleAliases", names);
    struct wr_rows rows = wr_db_query(
        db,
        page.down ? "SELECT id, name FROM role_aliases WHERE realm=? AND id<? ORDER BY id DESC"
                  : "SELECT id, name FROM role_aliases WHERE realm=? AND id>? ORDER BY id",
        "ii", c->realm, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(names, wr_db_json_str(&rows, 1));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static void delete (struct wr_api_call *c, struct wr_db *db)
{
    char arn[512];
    const char *name = wr_api_text(c, "roleAlias");
    if (!wr_db_run(db, "DELETE FROM role_aliases WHERE realm=? AND name=?", "iz", c->realm, name)) {
        not_found(c, db);
        return;
    }
    wr_api_drop_tags(c, db, wr_api_arn(c, arn, "rolealias/%s", name));
    wr_api_audit_arn(c, arn);
}

#define DURATION \
    WR_API_BODY("credentialDurationSeconds", INT, .min = DURATION_MIN, .max = DURATION_MAX)

static const struct wr_api_member create_in[] = {
    WR_API_PATH("roleAlias", ROLE_ALIAS),
    WR_API_BODY("roleArn", STRING, .required = true, .min = 1, .max = 2048),
    DURATION,
    WR_API_BODY("tags", LIST),
    {0},
};
static const struct wr_api_member update_in[] = {
    WR_API_PATH("roleAlias", ROLE_ALIAS),
    WR_API_BODY("roleArn", STRING, .min = 1, .max = 2048),
    DURATION,
    {0},
};
static const struct wr_api_member name_in[] = {WR_API_PATH("roleAlias", ROLE_ALIAS), {0}};
static const struct wr_api_member list_in[] = {WR_API_MARKED, {0}};

#define PATH "/role-aliases/{roleAlias}"

static const struct wr_api_operation operations[] = {
    {.name = "CreateRoleAlias",
     .method = "POST",
     .path = PATH,
     .in = create_in,
     .write = true,
     .run = create},
    {.name = "DescribeRoleAlias", .method = "GET", .path = PATH, .in = name_in, .run = describe},
    {.name = "UpdateRoleAlias",
     .method = "PUT",
     .path = PATH,
     .in = update_in,
     .write = true,
     .run = update},
    {.name = "ListRoleAliases",
     .method = "GET",
     .path = "/role-aliases",
     .in = list_in,
     .run = list},
    {.name = "DeleteRoleAlias",
     .method = "DELETE",
     .path = PATH,
     .in = name_in,
     .write = true,
     .run = delete},
};

void wr_api_add_role_aliases(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
