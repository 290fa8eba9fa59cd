#include "engine/admin/tenant_parts.h"

#include "engine/admin/api.h"
#include "engine/registry/things.h"

#include "sql/base/banned.h"

// Whatever lies under the tenant's prefix, nothing else; and any client id.
static json_t *policy_document(const char *prefix)
{
    return json_pack("{s:s, s:[{s:s,s:s,s:s},{s:s,s:[sss],s:s+},{s:s,s:s,s:s+}]}", "Version",
                     "2012-10-17", "Statement", "Effect", "Allow", "Action", "iot:Connect",
                     "Resource", "arn:aws:iot:*:*:client/*", "Effect", "Allow", "Action",
                     "iot:Publish", "iot:Receive", "iot:RetainPublish", "Resource",
                     "arn:aws:iot:*:*:topic/", prefix, "Effect", "Allow", "Action", "iot:Subscribe",
                     "Resource", "arn:aws:iot:*:*:topicfilter/", prefix);
}

static void make_policy(struct wr_db *db, int64_t realm, const json_t *features, int64_t now_ms)
{
    const char *name = json_string_value(json_object_get(features, "iot.default_policy"));
    if (!name ||
        wr_db_one(db, 0, "SELECT 1 FROM policies WHERE realm=? AND name=?", "iz", realm, name)) {
        return;
    }
    const char *prefix = json_string_value(json_object_get(features, "iot.topic_prefix"));
    struct wr_buf all = {0};
    wr_buf_addf(&all, "%s*", prefix ? prefix : "");
    json_t *document = policy_document(wr_buf_terminated(&all));
    wr_db_run(db,
              "INSERT INTO policies(realm, name, default_version, next_version, created, modified) "
              "VALUES(?,?,1,2,?,?)",
              "izii", realm, name, now_ms, now_ms);
    wr_db_run(db, "INSERT INTO policy_versions(policy, version, document, created) VALUES(?,1,?,?)",
              "iji", wr_db_last_id(db), document, now_ms);
    json_decref(document);
    wr_buf_release(&all);
}

void wr_tenant_make_defaults(struct wr_db *db, int64_t realm, const json_t *features,
                             int64_t now_ms)
{
    const char *type = json_string_value(json_object_get(features, "iot.default_thing_type"));
    char id[37];
    make_policy(db, realm, features, now_ms);
    if (type) {
        wr_api_make_id(id);
        wr_thing_type_ensure(db, realm, type, id, now_ms);
    }
}

void wr_tenant_begin_realm(struct wr_db *db, int64_t tenant, int64_t realm, int64_t now_ms)
{
    struct wr_rows rows =
        wr_db_query(db, "SELECT features FROM tenants WHERE id=? AND state='ENABLED'", "i", tenant);
    json_t *features = wr_db_next(&rows) ? wr_db_json(&rows, 0) : NULL;
    wr_db_end(&rows);
    if (features) {
        wr_tenant_make_defaults(db, realm, features, now_ms);
    }
    json_decref(features);
}

// Every table that has a realm. Which they are the file itself knows.
void wr_tenant_empty(struct wr_db *db, int64_t tenant)
{
    // References between rows that go together are looked at when all are gone.
    (void)wr_db_script(db, "PRAGMA defer_foreign_keys=ON");
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info("
                                      "m.name) p WHERE m.type='table' AND p.name='realm'",
                                      "");
    while (wr_db_next(&rows)) {
        struct wr_buf sql = {0};
        wr_buf_addf(&sql,
                    "DELETE FROM \"%.*s\" WHERE realm IN (SELECT id FROM realms WHERE tenant=?)",
                    WR_STR_ARG(wr_db_str(&rows, 0)));
        struct wr_rows one = wr_db_query_made(db, wr_buf_terminated(&sql), "i", tenant);
        (void)wr_db_next(&one);
        wr_db_end(&one);
        wr_buf_release(&sql);
    }
    wr_db_end(&rows);
}
