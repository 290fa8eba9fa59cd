#include "engine/admin/api_tags.h"

#include <stdlib.h>

#include "engine/admin/families.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define KEY_MAX   128 // characters
#define VALUE_MAX 256
#define PAGE      50

// Letters of any script, digits, blanks and these; never "aws:" in front.
static bool text_is_good(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char b = (unsigned char)s.at[i];
        bool control = b == 0xC2 && i + 1 < s.len && (unsigned char)s.at[i + 1] < 0xA0; // C1
        bool good = (b >= 0x80 && !control) || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
                    (b >= '0' && b <= '9') || (b && strchr(" _.:/=+-@", b));
        if (!good) {
            return false;
        }
    }
    return true;
}

static bool check_tag(struct wr_api_call *c, const json_t *key, const json_t *value)
{
    if (!wr_api_check_text(c, "tags.Key", key, WR_API_ANY_PATTERN, 1, KEY_MAX) ||
        (value && !wr_api_check_text(c, "tags.Value", value, WR_API_ANY_PATTERN, 0, VALUE_MAX))) {
        return false;
    }
    wr_str k = {json_string_value(key), json_string_length(key)};
    wr_str v = {json_string_value(value), json_string_length(value)};
    if (!text_is_good(k) || !text_is_good(v)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "tags: keys and values are letters, digits, blanks and _.:/=+-@");
    } else if (k.len >= 4 && wr_str_eq_nocase(wr_str_cut(k, 0, 4), WR_STR("aws:"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "tags: keys that begin with aws: are AWS's own");
    }
    return !c->error;
}

static bool set_one(struct wr_api_call *c, struct wr_db *db, const char *arn, const json_t *key,
                    const json_t *value)
{
    if (!check_tag(c, key, value)) {
        return false;
    }
    const char *text = json_string_value(value);
    wr_db_run(
        db,
        "INSERT INTO tags(realm, arn, key, value) VALUES(?1,?2,?3,?4) ON CONFLICT(realm, arn, "
        "key) DO UPDATE SET value=?4",
        "izzz", c->realm, arn, json_string_value(key), text ? text : "");
    return true;
}

static bool count_is_good(struct wr_api_call *c, struct wr_db *db, const char *arn)
{
    int64_t count =
        wr_db_one(db, 0, "SELECT count(*) FROM tags WHERE realm=? AND arn=?", "iz", c->realm, arn);
    if (count > WR_TAGS_MAX) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED, "a resource has at most %d tags; %s would have %lld",
                    WR_TAGS_MAX, arn, (long long)count);
    }
    return !c->error;
}

bool wr_api_set_tags(struct wr_api_call *c, struct wr_db *db, const char *arn, json_t *tags)
{
    size_t i;
    json_t *tag, *seen = json_object();
    json_array_foreach(tags, i, tag)
    {
        const json_t *key = json_object_get(tag, "Key");
        if (!json_is_object(tag)) {
            wr_api_fail(c, WR_API_INVALID_REQUEST, "tags: a tag is an object with Key and Value");
        } else if (set_one(c, db, arn, key, json_object_get(tag, "Value"))) {
            if (json_object_get(seen, json_string_value(key))) {
                wr_api_fail(c, WR_API_INVALID_REQUEST, "tags: the key %s is there twice",
                            json_string_value(key));
            }
            json_object_set_new(seen, json_string_value(key), json_true());
        }
        if (c->error) {
            break;
        }
    }
    json_decref(seen);
    return !c->error && count_is_good(c, db, arn);
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// NULL: a broken escape, or no UTF-8.
static json_t *unescape(wr_str s)
{
    struct wr_buf b = {0};
    bool good = true;
    for (size_t i = 0; i < s.len && good; i++) {
        if (s.at[i] == '%') {
            int high = s.len - i > 2 ? hex_of(s.at[i + 1]) : -1;
            int low = s.len - i > 2 ? hex_of(s.at[i + 2]) : -1;
            good = high >= 0 && low >= 0;
            wr_buf_add_char(&b, (char)(high * 16 + low));
            i += 2;
        } else {
            wr_buf_add_char(&b, s.at[i] == '+' ? ' ' : s.at[i]);
        }
    }
    json_t *text = good ? json_stringn(b.len ? b.at : "", b.len) : NULL;
    wr_buf_release(&b);
    return text;
}

bool wr_api_set_tags_text(struct wr_api_call *c, struct wr_db *db, const char *arn, wr_str rest)
{
    while (rest.len && !c->error) {
        ptrdiff_t end = wr_str_find(rest, WR_STR("&"));
        wr_str pair = end < 0 ? rest : wr_str_cut(rest, 0, (size_t)end);
        rest = end < 0 ? (wr_str){0} : wr_str_cut(rest, (size_t)end + 1, rest.len);
        ptrdiff_t equals = wr_str_find(pair, WR_STR("="));
        size_t len = equals < 0 ? pair.len : (size_t)equals;
        json_t *key = unescape(wr_str_cut(pair, 0, len));
        json_t *value = unescape(wr_str_cut(pair, equals < 0 ? len : len + 1, pair.len));
        if (!key || !value) {
            wr_api_fail(c, WR_API_INVALID_REQUEST, "x-amz-tagging: want KEY=VALUE&…, URL-encoded");
        } else {
            set_one(c, db, arn, key, value);
        }
        json_decref(key);
        json_decref(value);
    }
    return !c->error && count_is_good(c, db, arn);
}

void wr_api_drop_tags(struct wr_api_call *c, struct wr_db *db, const char *arn)
{
    wr_db_run(db, "DELETE FROM tags WHERE realm=? AND arn=?", "iz", c->realm, arn);
}

// ---- the operations

// Kinds of resources with tags, by the word in their ARN, and where their names are.
static const struct {
    const char *word, *find;
} kinds[] = {
    {"thingtype", "SELECT 1 FROM thing_types WHERE realm=? AND name=?"},
    {"thinggroup", "SELECT 1 FROM thing_groups WHERE realm=? AND name=?"},
    {"billinggroup", "SELECT 1 FROM billing_groups WHERE realm=? AND name=?"},
    {"cacert", "SELECT 1 FROM ca_certificates WHERE realm=? AND cert_id=?"},
    {"rule", "SELECT 1 FROM rules WHERE realm=? AND name=?"},
    {"policy", "SELECT 1 FROM policies WHERE realm=? AND name=?"},
    {"rolealias", "SELECT 1 FROM role_aliases WHERE realm=? AND name=?"},
    {"domainconfiguration",
     "SELECT 1 FROM domain_configurations WHERE realm=? AND name||'/'||suffix=?"},
};

static bool resource_exists(struct wr_api_call *c, struct wr_db *db)
{
    wr_str arn = wr_api_str(c, "resourceArn");
    for (size_t i = 0; i < WR_COUNT(kinds); i++) {
        wr_str name = wr_api_arn_rest(c, arn, kinds[i].word);
        if (!name.at) {
            continue;
        }
        if (wr_db_one(db, 0, kinds[i].find, "is", c->realm, name)) {
            return true;
        }
        if (!wr_db_failure(db)) {
            wr_api_fail(c, WR_API_NOT_FOUND, "Resource %s not found", arn.at);
        }
        return false;
    }
    bool iot = wr_str_starts(arn, WR_STR("arn:aws:iot:"));
    wr_api_fail(c, iot ? WR_API_NOT_FOUND : WR_API_INVALID_REQUEST,
                "%s is not the ARN of a resource of this account that has tags", arn.at);
    return false;
}

static void tag_resource(struct wr_api_call *c, struct wr_db *db)
{
    const char *arn = wr_api_text(c, "resourceArn");
    if (resource_exists(c, db) && wr_api_set_tags(c, db, arn, wr_api_json(c, "tags"))) {
        wr_api_audit_arn(c, arn);
    }
}

static void untag_resource(struct wr_api_call *c, struct wr_db *db)
{
    const char *arn = wr_api_text(c, "resourceArn");
    size_t i;
    json_t *key;
    if (!resource_exists(c, db)) {
        return;
    }
    json_array_foreach(wr_api_json(c, "tagKeys"), i, key)
    {
        if (!wr_api_check_text(c, "tagKeys", key, WR_API_ANY_PATTERN, 1, KEY_MAX)) {
            return;
        }
        wr_db_run(db, "DELETE FROM tags WHERE realm=? AND arn=? AND key=?", "izz", c->realm, arn,
                  json_string_value(key));
    }
    wr_api_audit_arn(c, arn);
}

static void list_tags(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!resource_exists(c, db) || !wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *tags = json_array();
    json_object_set_new(c->out, "tags", tags);
    struct wr_rows rows = wr_db_query(
        db, "SELECT id, key, value FROM tags WHERE realm=? AND arn=? AND id>? ORDER BY id", "izi",
        c->realm, wr_api_text(c, "resourceArn"), page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_t *one = json_object();
        json_object_set_new(one, "Key", wr_db_json_str(&rows, 1));
        json_object_set_new(one, "Value", wr_db_json_str(&rows, 2));
        json_array_append_new(tags, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static const struct wr_api_member tag_in[] = {
    WR_API_BODY("resourceArn", STRING, .required = true, .min = 1),
    WR_API_BODY("tags", LIST, .required = true),
    {0},
};
static const struct wr_api_member untag_in[] = {
    WR_API_BODY("resourceArn", STRING, .required = true, .min = 1),
    WR_API_BODY("tagKeys", LIST, .required = true),
    {0},
};
static const struct wr_api_member list_in[] = {
    WR_API_QUERY("resourceArn", STRING, .required = true, .min = 1),
    WR_API_QUERY("nextToken", STRING, .min = 1, .max = 1024),
    {0},
};

static const struct wr_api_operation operations[] = {
    {.name = "TagResource",
     .method = "POST",
     .path = "/tags",
     .in = tag_in,
     .write = true,
     .run = tag_resource},
    {.name = "UntagResource",
     .method = "POST",
     .path = "/untag",
     .in = untag_in,
     .write = true,
     .run = untag_resource},
    {.name = "ListTagsForResource",
     .method = "GET",
     .path = "/tags",
     .in = list_in,
     .run = list_tags},
};

void wr_api_add_tags(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
