#include "engine/admin/features.h"

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define ACCOUNT_DIGITS 12 // of an account id of AWS

enum kind { FLAG, TOPIC, THING, RULE, POLICY, ESCROW, NAME, ATTRIBUTE, ACCOUNT, COUNT, PERCENT };

static const struct {
    const char *name;
    enum kind kind;
    const char *help;
} features[] = {
#define FEATURE(id, name, kind, help) {name, kind, help},
    WR_FEATURES(FEATURE)
#undef FEATURE
};

const char *wr_feature_name(enum wr_feature feature)
{
    return features[feature].name;
}

const char *wr_feature_help(enum wr_feature feature)
{
    return features[feature].help;
}

bool wr_feature_of(wr_str name, enum wr_feature *out)
{
    for (size_t i = 0; i < WR_COUNT(features); i++) {
        if (wr_str_eq(name, wr_str_of(features[i].name))) {
            *out = (enum wr_feature)i;
            return true;
        }
    }
    return false;
}

// ---- checks

static bool all_of(wr_str s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && !(c && strchr(more, c))) {
            return false;
        }
    }
    return true;
}

static wr_err check_name(const char *name, wr_str s, const char *more, struct wr_fault *fault)
{
    return s.len > 0 && s.len <= WR_FEATURE_PREFIX_MAX && all_of(s, more)
               ? WR_OK
               : wr_fault_set(fault, WR_ERR_RANGE,
                              "%s: expected 1 to %d letters, digits and any of %s", name,
                              WR_FEATURE_PREFIX_MAX, more);
}

static wr_err check_overlap(struct wr_db *db, int64_t tenant, wr_str prefix, struct wr_fault *fault)
{
    struct wr_rows rows = wr_db_query(
        db, "SELECT name, features FROM tenants WHERE deleted IS NULL AND id<>?", "i", tenant);
    wr_err err = WR_OK;
    while (!err && wr_db_next(&rows)) {
        json_t *other = wr_db_json(&rows, 1);
        const json_t *value = json_object_get(other, features[WR_FEATURE_TOPIC_PREFIX].name);
        wr_str text = {json_string_value(value), json_string_length(value)};
        if (text.len && (wr_str_starts(text, prefix) || wr_str_starts(prefix, text))) {
            err = wr_fault_set(fault, WR_ERR_EXISTS,
                               "%s: %.*s overlaps with %.*s, which is the tenant %.*s's: one would "
                               "see the other's messages",
                               features[WR_FEATURE_TOPIC_PREFIX].name, WR_STR_ARG(prefix),
                               WR_STR_ARG(text), WR_STR_ARG(wr_db_str(&rows, 0)));
        }
        json_decref(other);
    }
    wr_db_end(&rows);
    return err;
}

static wr_err check_topic(struct wr_db *db, int64_t tenant, wr_str s, struct wr_fault *fault)
{
    bool good = s.len > 1 && s.len <= WR_FEATURE_PREFIX_MAX && s.at[s.len - 1] == '/' &&
                s.at[0] != '$' && s.at[0] != '/' && !memchr(s.at, '#', s.len) &&
                !memchr(s.at, '+', s.len) && !memchr(s.at, '"', s.len) &&
                !memchr(s.at, '\'', s.len) && wr_utf8_valid(s);
    for (size_t i = 0; i < s.len && good; i++) {
        good = (unsigned char)s.at[i] >= 0x20 && s.at[i] != 0x7f;
    }
    if (!good) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "iot.topic_prefix: expected the begin of a topic up to a slash, as "
                            "\"acme/\": 2 to %d bytes, no wildcards or quotes, not at the begin / "
                            "or $",
                            WR_FEATURE_PREFIX_MAX);
    }
    return check_overlap(db, tenant, s, fault);
}

static bool is_account(wr_str s)
{
    bool good = s.len == ACCOUNT_DIGITS;
    for (size_t i = 0; i < s.len && good; i++) {
        good = s.at[i] >= '0' && s.at[i] <= '9';
    }
    return good;
}

wr_err wr_feature_check(struct wr_db *db, int64_t tenant, enum wr_feature feature,
                        const json_t *value, struct wr_fault *fault)
{
    const char *name = features[feature].name;
    wr_str s = {json_string_value(value), json_string_length(value)};
    switch (features[feature].kind) {
    case FLAG:
        return json_is_boolean(value)
                   ? WR_OK
                   : wr_fault_set(fault, WR_ERR_RANGE, "%s: expected true or false", name);
    case COUNT:
        return json_is_integer(value) && json_integer_value(value) >= 0 &&
                       json_integer_value(value) <= WR_FEATURE_COUNT_MAX
                   ? WR_OK
                   : wr_fault_set(fault, WR_ERR_RANGE, "%s: expected a number from 0 to %d", name,
                                  WR_FEATURE_COUNT_MAX);
    case PERCENT:
        return json_is_integer(value) && json_integer_value(value) >= 0 &&
                       json_integer_value(value) <= 100
                   ? WR_OK
                   : wr_fault_set(fault, WR_ERR_RANGE, "%s: expected a percentage, from 0 to 100",
                                  name);
    case TOPIC:
        return check_topic(db, tenant, s, fault);
    case THING:
        return check_name(name, s, ":_-", fault);
    case RULE:
        return check_name(name, s, "_", fault);
    case POLICY:
        return check_name(name, s, "_+=,.@-", fault);
    case NAME:
        return check_name(name, s, "_.-", fault);
    case ATTRIBUTE:
        return check_name(name, s, "_.,@/:#-", fault);
    case ACCOUNT:
        return is_account(s) ? WR_OK
                             : wr_fault_set(fault, WR_ERR_RANGE, "%s: expected %d digits", name,
                                            ACCOUNT_DIGITS);
    case ESCROW:
        return wr_str_eq(s, WR_STR("off")) || wr_str_eq(s, WR_STR("once")) ||
                       wr_str_eq(s, WR_STR("keep"))
                   ? WR_OK
                   : wr_fault_set(fault, WR_ERR_RANGE, "%s: expected off, once or keep", name);
    }
    wr_assert(false);
    return WR_ERR_STATE;
}
