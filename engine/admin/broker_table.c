// Reads the registry into a status table. One snapshot; every query goes through the certificates
// in the same order, so that each table is read once.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "engine/admin/broker.h"
#include "engine/admin/broker_parts.h"
#include "engine/registry/status.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define ITEMS_MAX 64 // policies or things of one certificate; AWS: 10 and, with groups, 30 more

struct number { // a row and what it is in the table
    int64_t row;
    uint32_t number;
};
struct numbers {
    struct number *at;
    size_t count, room;
};

struct making {
    struct wr_db *db;
    struct wr_status_builder *builder;
    struct numbers tenants, policies;
    bool things, groups; // their tables are there
    const char *broker;  // whose table it is
    int64_t owner;       // with a broker of its own: the tenant; 0: nobody yet
};

static void add_number(struct numbers *n, int64_t row, uint32_t number)
{
    if (n->count == n->room) {
        n->room = n->room ? 2 * n->room : 64;
        n->at = wr_realloc(n->at, n->room * sizeof *n->at);
    }
    n->at[n->count++] = (struct number){row, number};
}

// Rows came in rising order.
static bool find_number(const struct numbers *n, int64_t row, uint32_t *number)
{
    size_t low = 0, high = n->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (n->at[middle].row == row) {
            *number = n->at[middle].number;
            return true;
        }
        if (n->at[middle].row < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static void read_tenants(struct making *m)
{
    struct wr_rows rows = wr_db_query(
        m->db, "SELECT id, name, account, state, features, deleted FROM tenants ORDER BY id", "");
    while (wr_db_next(&rows)) {
        json_t *features = wr_db_json(&rows, 4);
        const char *prefix = json_string_value(json_object_get(features, "iot.topic_prefix"));
        const char *broker = json_string_value(json_object_get(features, "iot.broker"));
        bool elsewhere = strcmp(broker ? broker : "", m->broker) != 0;
        if (*m->broker) {
            // It belongs to the first tenant that names it, who has all topics there.
            if (elsewhere || m->owner || !wr_db_null(&rows, 5)) {
                json_decref(features);
                continue;
            }
            m->owner = wr_db_int(&rows, 0);
            prefix = "";
        }
        const struct wr_status_tenant t = {
            .name = wr_db_str(&rows, 1),
            .account = wr_db_str(&rows, 2),
            .prefix = wr_str_of(prefix ? prefix : ""),
            .enabled = !elsewhere && wr_str_eq(wr_db_str(&rows, 3), WR_STR("ENABLED")),
        };
        add_number(&m->tenants, wr_db_int(&rows, 0), wr_status_add_tenant(m->builder, &t));
        json_decref(features);
    }
    wr_db_end(&rows);
}

static void read_policies(struct making *m)
{
    struct wr_rows rows =
        wr_db_query(m->db,
                    "SELECT p.id, v.document FROM policies p JOIN policy_versions v ON "
                    "v.policy=p.id AND v.version=p.default_version ORDER BY p.id",
                    "");
    while (wr_db_next(&rows)) {
        struct wr_buf bytes = {0};
        // One that cannot be compiled allows nothing, as an empty document does; it could not have
        // been stored.
        if (wr_policy_compile(wr_db_str(&rows, 1), &bytes, NULL, NULL) == WR_OK ||
            wr_policy_compile(WR_STR("{}"), &bytes, NULL, NULL) == WR_OK) {
            add_number(&m->policies, wr_db_int(&rows, 0),
                       wr_status_add_policy(m->builder, wr_buf_str(&bytes)));
        }
        wr_buf_release(&bytes);
    }
    wr_db_end(&rows);
}

// ---- what belongs to certificates, in the order of their ids

// A query whose first column is a certificate's id, rising.
struct cursor {
    struct wr_rows rows;
    bool open, here;
};

static void begin(struct cursor *c, struct wr_rows rows)
{
    c->rows = rows;
    c->open = true;
    c->here = wr_db_next(&c->rows);
}

// A row of `id` is here. Rows before it are of certificates that are gone.
static bool at(struct cursor *c, wr_str id)
{
    while (c->open && c->here) {
        int order = wr_str_cmp(wr_db_str(&c->rows, 0), id);
        if (order >= 0) {
            return order == 0;
        }
        c->here = wr_db_next(&c->rows);
    }
    return false;
}

static void finish(struct cursor *c)
{
    if (c->open) {
        wr_db_end(&c->rows);
    }
}

static void add_policies(const struct making *m, struct cursor *c, wr_str id, uint32_t *list,
                         uint32_t *count)
{
    for (; at(c, id); c->here = wr_db_next(&c->rows)) {
        uint32_t number;
        bool known = !find_number(&m->policies, wr_db_int(&c->rows, 1), &number);
        for (uint32_t i = 0; i < *count && !known; i++) {
            known = list[i] == number;
        }
        if (!known && *count < ITEMS_MAX) {
            list[(*count)++] = number;
        }
    }
}

// Things of one certificate; their texts live in `texts`.
struct things {
    struct wr_arena texts;
    struct wr_status_thing list[ITEMS_MAX];
    uint32_t count;
};

static void add_attributes(struct things *t, struct wr_status_thing *thing, json_t *attributes)
{
    size_t count = json_object_size(attributes);
    struct wr_status_attribute *list = wr_arena_alloc(&t->texts, (count + 1) * sizeof *list);
    const char *name;
    json_t *value;
    if (!list) {
        return;
    }
    json_object_foreach(attributes, name, value)
    {
        wr_str text = {json_string_value(value), json_string_length(value)};
        list[thing->attribute_count++] = (struct wr_status_attribute){
            wr_str_dup(&t->texts, wr_str_of(name)), wr_str_dup(&t->texts, text)};
    }
    thing->attributes = list;
}

static void read_things(struct things *t, struct cursor *c, wr_str id)
{
    wr_arena_reset(&t->texts);
    t->count = 0;
    for (; at(c, id); c->here = wr_db_next(&c->rows)) {
        if (t->count == ITEMS_MAX) {
            continue; // a device whose thing is beyond has no thing: less is allowed, not more
        }
        struct wr_status_thing *thing = &t->list[t->count++];
        *thing = (struct wr_status_thing){
            .name = wr_str_dup(&t->texts, wr_db_str(&c->rows, 1)),
            .type = wr_str_dup(&t->texts, wr_db_str(&c->rows, 2)),
            .exclusive = wr_db_int(&c->rows, 3) != 0,
        };
        json_t *attributes = wr_db_json(&c->rows, 4);
        add_attributes(t, thing, attributes);
        json_decref(attributes);
    }
}

static enum wr_certificate_status status_of(wr_str name)
{
#define STATUS(status)                      \
    if (wr_str_eq(name, WR_STR(#status))) { \
        return WR_CERTIFICATE_##status;     \
    }
    WR_CERTIFICATE_STATUSES(STATUS)
#undef STATUS
    return WR_CERTIFICATE_INACTIVE;
}

static bool unhex(wr_str hex, uint8_t out[WR_STATUS_SHA256])
{
    if (hex.len != 2 * WR_STATUS_SHA256) {
        return false;
    }
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.at[i];
        int n = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (n < 0) {
            return false;
        }
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | n : n << 4);
    }
    return true;
}

static void add_certificate(struct making *m, const struct wr_rows *rows, const struct things *t,
                            const uint32_t *policies, uint32_t count)
{
    struct wr_status_certificate c = {
        .region = wr_db_str(rows, 2),
        .status = status_of(wr_db_str(rows, 3)),
        .not_after_s = wr_db_int(rows, 4),
        .things = t->list,
        .thing_count = t->count,
    };
    if (unhex(wr_db_str(rows, 0), c.sha256) &&
        find_number(&m->tenants, wr_db_int(rows, 1), &c.tenant)) {
        c.set = wr_status_add_set(m->builder, policies, count);
        wr_status_add_certificate(m->builder, &c);
    }
}

static uint64_t read_certificates(struct making *m)
{
    struct cursor own = {0}, groups = {0}, things = {0};
    begin(&own, wr_db_query(m->db,
                            "SELECT substr(target, -64), policy FROM policy_targets WHERE target "
                            "LIKE 'arn:aws:iot:%:cert/%' ORDER BY 1",
                            ""));
    if (m->things) {
        begin(&things,
              wr_db_query(m->db,
                          "SELECT p.cert_id, t.name, coalesce(y.name, ''), p.exclusive, "
                          "t.attributes FROM thing_principals p JOIN things t ON t.id=p.thing LEFT "
                          "JOIN thing_types y ON y.id=t.type ORDER BY p.cert_id",
                          ""));
    }
    if (m->groups) {
        begin(&groups,
              wr_db_query(
                  m->db,
                  "WITH RECURSIVE up(thing, grp) AS (SELECT thing, grp FROM thing_group_members "
                  "UNION SELECT up.thing, g.parent FROM up JOIN thing_groups g ON g.id=up.grp "
                  "WHERE g.parent IS NOT NULL) SELECT p.cert_id, t.policy FROM policy_targets t "
                  "JOIN realms r ON r.id=t.realm JOIN tenants n ON n.id=r.tenant JOIN thing_groups "
                  "g ON g.realm=t.realm AND t.target='arn:aws:iot:'||r.region||':'||n.account||"
                  "':thinggroup/'||g.name JOIN up ON up.grp=g.id JOIN thing_principals p ON "
                  "p.thing=up.thing WHERE t.target LIKE 'arn:aws:iot:%:thinggroup/%' ORDER BY 1",
                  ""));
    }
    struct things *t = wr_zalloc(sizeof *t);
    wr_arena_init(&t->texts, 16u << 20); // 64 things with 47 KB of attributes
    uint64_t count = 0;
    struct wr_rows rows =
        wr_db_query(m->db,
                    "SELECT c.cert_id, r.tenant, r.region, c.status, c.not_after_s FROM "
                    "certificates c JOIN realms r ON r.id=c.realm ORDER BY c.cert_id",
                    "");
    while (wr_db_next(&rows)) {
        wr_str id = wr_db_str(&rows, 0);
        uint32_t policies[ITEMS_MAX], policy_count = 0;
        add_policies(m, &own, id, policies, &policy_count);
        add_policies(m, &groups, id, policies, &policy_count);
        read_things(t, &things, id);
        add_certificate(m, &rows, t, policies, policy_count);
        count++;
    }
    wr_db_end(&rows);
    finish(&own);
    finish(&groups);
    finish(&things);
    wr_arena_release(&t->texts);
    free(t);
    return count;
}

// ---- CAs

static wr_err write_authorities(struct making *m, const char *dir, struct wr_fault *fault)
{
    struct wr_rows rows =
        wr_db_query(m->db,
                    "SELECT pem FROM authorities WHERE ?1 OR tenant=?2 UNION "
                    "SELECT pem FROM ca_certificates WHERE status='ACTIVE' AND "
                    "(?1 OR realm IN (SELECT id FROM realms WHERE tenant=?2)) "
                    "UNION SELECT pem FROM (SELECT pem FROM certificates WHERE "
                    "trusted<>0 AND status='ACTIVE' AND (?1 OR realm IN (SELECT id "
                    "FROM realms WHERE tenant=?2)) ORDER BY id LIMIT ?3) ORDER "
                    "BY pem",
                    "iii", (int64_t) !*m->broker, m->owner, (int64_t)WR_BROKER_TRUSTED_MAX);
    char **pems = NULL;
    size_t count = 0;
    while (wr_db_next(&rows)) {
        pems = wr_realloc(pems, (count + 1) * sizeof *pems);
        pems[count++] = wr_strdup(wr_db_str(&rows, 0));
    }
    wr_db_end(&rows);
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/ca", dir);
    wr_err err = wr_db_failure(m->db) ? WR_OK : wr_broker_ca_write(folder, pems, count, fault);
    for (size_t i = 0; i < count; i++) {
        free(pems[i]);
    }
    free(pems);
    return err;
}

static bool has_table(struct wr_db *db, const char *name)
{
    return wr_db_one(db, 0, "SELECT 1 FROM sqlite_schema WHERE type='table' AND name=?", "z",
                     name) != 0;
}

static wr_err make(struct wr_broker_table *t, struct making *m)
{
    m->things = has_table(m->db, "thing_principals");
    m->groups = m->things && has_table(m->db, "thing_group_members");
    read_tenants(m);
    read_policies(m);
    t->certificates = read_certificates(m);
    wr_err err = write_authorities(m, t->dir, &t->fault); // before whom they are to let in
    if (!err && t->crl) {
        err = wr_broker_crl_write(t, m->db, &t->fault);
    }
    if (!err && wr_db_failure(m->db)) {
        err = wr_fault_set(&t->fault, WR_ERR_IO, "%s: %s", t->database, wr_db_failure(m->db));
    }
    if (err) {
        return err;
    }
    char path[PATH_MAX];
    struct wr_buf bytes = {0};
    snprintf(path, sizeof path, "%s/status", t->dir);
    err = wr_status_finish(m->builder, &bytes, NULL, &t->fault);
    err = err ? err : wr_status_write(path, wr_buf_str(&bytes), &t->fault);
    t->bytes = bytes.len;
    wr_buf_release(&bytes);
    return err;
}

void wr_broker_table_make(struct wr_broker_table *t)
{
    struct making m = {.broker = t->broker};
    int64_t began = wr_mono_now().us;
    t->err = wr_db_open(t->database, true, &m.db, &t->fault);
    if (!t->err) {
        m.builder = wr_status_builder_new(t->generation);
        if (!wr_db_script(m.db, "BEGIN")) { // one snapshot
            t->err = wr_fault_set(&t->fault, WR_ERR_IO, "%s: %s", t->database, wr_db_failure(m.db));
        } else {
            t->err = make(t, &m);
        }
        wr_status_builder_free(m.builder);
        free(m.tenants.at);
        free(m.policies.at);
        wr_db_close(m.db);
    }
    t->took_ms = (uint64_t)(wr_mono_now().us - began) / 1000;
}
