#include "engine/admin/api_parts.h"

#include <stdio.h>

#include "sql/base/banned.h"

// ---- strings and objects of a body

const json_t *wr_api_string_in(struct wr_api_call *c, const json_t *from, const char *name,
                               const char *where)
{
    const json_t *value = json_object_get(from, name);
    if (!value || json_is_null(value)) {
        return NULL;
    }
    if (!json_is_string(value)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "%s.%s must be a string", where, name);
        return NULL;
    }
    return value;
}

const json_t *wr_api_object_in(struct wr_api_call *c, const json_t *from, const char *name,
                               const char *where)
{
    const json_t *value = json_object_get(from, name);
    if (!value || json_is_null(value)) {
        return NULL;
    }
    if (!json_is_object(value)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "%s.%s must be an object", where, name);
        return NULL;
    }
    return value;
}

bool wr_api_check_description(struct wr_api_call *c, const char *where, const json_t *text)
{
    if (!text) {
        return !c->error;
    }
    if (!wr_api_check_text(c, where, text, WR_API_ANY_PATTERN, 0, WR_DESCRIPTION_MAX)) {
        return false;
    }
    const char *at = json_string_value(text);
    for (size_t i = 0; i < json_string_length(text); i++) {
        if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f) {
            wr_api_fail(c, WR_API_INVALID_REQUEST,
                        "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                        "Member must satisfy regular expression pattern: [\\p{Graph}\\x20]* (byte "
                        "%zu is a control character)",
                        where, i);
            return false;
        }
    }
    return true;
}

bool wr_api_check_version(struct wr_api_call *c, int64_t version)
{
    int64_t expected = wr_api_int(c, "expectedVersion", version);
    if (expected != version) {
        wr_api_fail(c, WR_API_VERSION_CONFLICT,
                    "The expectedVersion %lld is not the current version %lld", (long long)expected,
                    (long long)version);
    }
    return !c->error;
}

// ---- attributes

static bool check_attribute(struct wr_api_call *c, const char *where, const char *name,
                            const json_t *value)
{
    char of_name[96], of_value[320];
    snprintf(of_name, sizeof of_name, "%s.attributes (name)", where);
    snprintf(of_value, sizeof of_value, "%s.attributes.%.128s", where, name);
    json_t *key = json_string(name);
    bool good = wr_api_check_text(c, of_name, key, WR_API_ATTRIBUTE_NAME_PATTERN, 1, 128) &&
                wr_api_check_text(c, of_value, value, WR_API_ATTRIBUTE_VALUE_PATTERN, 0, 800);
    json_decref(key);
    return good;
}

static bool check_bytes(struct wr_api_call *c, const char *where, json_t *attributes)
{
    size_t bytes = 0;
    const char *name;
    json_t *value;
    json_object_foreach(attributes, name, value)
    {
        bytes += strlen(name) + json_string_length(value);
    }
    if (bytes > WR_ATTRIBUTES_BYTES) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "%s.attributes: names and values have %zu bytes together; at most %d are kept",
                    where, bytes, WR_ATTRIBUTES_BYTES);
    }
    return !c->error;
}

json_t *wr_api_attributes(struct wr_api_call *c, const json_t *payload, const json_t *old,
                          const char *where)
{
    const json_t *given = wr_api_object_in(c, payload, "attributes", where);
    const json_t *merge = json_object_get(payload, "merge");
    if (merge && !json_is_boolean(merge) && !json_is_null(merge)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "%s.merge must be a boolean", where);
    }
    if (c->error) {
        return NULL;
    }
    // Nothing was said about them, or they are added to.
    bool keep = !given || json_is_true(merge);
    json_t *out = keep && old ? json_copy((json_t *)(uintptr_t)old) : json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        if (!check_attribute(c, where, name, value)) {
            json_decref(out);
            return NULL;
        }
        if (json_string_length(value)) {
            json_object_set(out, name, value);
        } else {
            json_object_del(out, name);
        }
    }
    if (!check_bytes(c, where, out)) {
        json_decref(out);
        return NULL;
    }
    return out;
}

// ---- names and ids

wr_str wr_api_name_or_arn(struct wr_api_call *c, const char *name, const char *arn,
                          const char *type)
{
    wr_str given = wr_api_str(c, name), full = wr_api_str(c, arn);
    if (!given.at && !full.at) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "one of %s and %s is needed", name, arn);
        return (wr_str){0};
    }
    if (!full.at) {
        return given;
    }
    if (!wr_str_starts(full, WR_STR("arn:"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "%s is not an ARN: %.160s", arn, full.at);
        return (wr_str){0};
    }
    wr_str rest = wr_api_arn_rest(c, full, type);
    if (!rest.at) {
        wr_api_fail(c, WR_API_NOT_FOUND, "%s is no %s of this account and region: %.160s", arn,
                    type, full.at);
    } else if (given.at && !wr_str_eq(given, rest)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "%s and %s name different ones", name, arn);
        rest = (wr_str){0};
    }
    return rest;
}

static int64_t find(struct wr_api_call *c, struct wr_db *db, const char *sql, const char *what,
                    wr_str name)
{
    int64_t id = name.at ? wr_db_one(db, 0, sql, "is", c->realm, name) : 0;
    if (!id && name.at) {
        wr_api_fail(c, WR_API_NOT_FOUND, "%s %.*s does not exist in your account", what,
                    WR_STR_ARG(name));
    }
    return id;
}

int64_t wr_api_find_thing(struct wr_api_call *c, struct wr_db *db, wr_str name)
{
    return find(c, db, "SELECT id FROM things WHERE realm=? AND name=?", "Thing", name);
}

int64_t wr_api_find_group(struct wr_api_call *c, struct wr_db *db, wr_str name)
{
    return find(c, db, "SELECT id FROM thing_groups WHERE realm=? AND name=?", "Thing group", name);
}

int64_t wr_api_find_billing(struct wr_api_call *c, struct wr_db *db, wr_str name)
{
    return find(c, db, "SELECT id FROM billing_groups WHERE realm=? AND name=?", "Billing group",
                name);
}

json_t *wr_api_named(const struct wr_api_call *c, const char *name_member, const char *arn_member,
                     const char *type, wr_str name)
{
    char arn[512];
    json_t *o = json_object();
    json_object_set_new(o, name_member, json_stringn(name.at, name.len));
    json_object_set_new(o, arn_member,
                        json_string(wr_api_arn(c, arn, "%s/%.*s", type, WR_STR_ARG(name))));
    return o;
}

void wr_api_answer_ids(struct wr_api_call *c, const char *what, const char *type, const char *name,
                       wr_str id)
{
    char member[40], arn[512];
    snprintf(member, sizeof member, "%sName", what);
    json_object_set_new(c->out, member, json_string(name));
    snprintf(member, sizeof member, "%sArn", what);
    json_object_set_new(c->out, member, json_string(wr_api_arn(c, arn, "%s/%s", type, name)));
    snprintf(member, sizeof member, "%sId", what);
    json_object_set_new(c->out, member, json_stringn(id.at, id.len));
}
