// The services around a rule as a case describes them (sql.md 11.6, 11.7).
#include "engine/cli/case_host.h"

#include "engine/cli/message_line.h"
#include "engine/rules/zones.h"
#include "sql/base/buf.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static void fail(struct wr_lookup *l, const char *text)
{
    l->failed = true;
    wr_fault_set(&l->fault, WR_ERR_FAILED, "%s", text);
}

static wr_value member(const wr_value *object, wr_str name, struct wr_arena *arena)
{
    const wr_value *found = object->type == WR_OBJECT ? wr_object_get(object, name) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena, WR_SQL_2016);
    return v;
}

static wr_str text(const struct wr_lookup *l, size_t i)
{
    return l->args[i].type == WR_STRING ? wr_value_text(&l->args[i]) : (wr_str){"", 0};
}

static void lambda(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value functions = wr_line_member(h->context, "lambda", h->arena);
    wr_value answer = member(&functions, text(l, 0), h->arena);
    if (answer.type != WR_OBJECT) {
        fail(l, "the Lambda function failed or is not known");
        return;
    }
    l->result = wr_line_member(&answer, "output", h->arena);
}

static bool key_matches(struct wr_case_host *h, const wr_value *item, const wr_value *name,
                        const wr_value *wanted)
{
    wr_value v = member(item, wr_value_text(name), h->arena);
    return v.type != WR_UNDEFINED && wr_value_equal(&v, wanted, h->arena, WR_SQL_2016);
}

static void dynamodb(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value tables = wr_line_member(h->context, "dynamodb", h->arena);
    wr_value items = member(&tables, text(l, 0), h->arena);
    if (items.type != WR_ARRAY) {
        fail(l, "the DynamoDB table is not known");
        return;
    }
    for (uint32_t i = 0; i < items.len; i++) {
        wr_value item = items.as.items[i];
        wr_value_force(&item, h->arena, WR_SQL_2016);
        if (key_matches(h, &item, &l->args[1], &l->args[2]) &&
            (l->arg_count < 6 || key_matches(h, &item, &l->args[3], &l->args[4]))) {
            l->result = item;
            return;
        }
    }
}

static void shadow(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value shadows = wr_line_member(h->context, "shadows", h->arena);
    struct wr_buf name;
    wr_buf_init_arena(&name, h->arena);
    wr_buf_add(&name, text(l, 0));
    if (l->arg_count == 3) {
        wr_buf_add_char(&name, '/');
        wr_buf_add(&name, text(l, 1));
    }
    l->result = member(&shadows, wr_buf_str(&name), h->arena);
    if (l->result.type == WR_UNDEFINED) {
        fail(l, "the thing has no such shadow");
    }
}

static void secret(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value secrets = wr_line_member(h->context, "secrets", h->arena);
    wr_value found = member(&secrets, text(l, 0), h->arena);
    bool keyed = l->arg_count == 4;
    if (wr_str_eq(text(l, 1), WR_STR("SecretBinary"))) {
        l->result = wr_line_member(&found, "SecretBinary", h->arena);
        if (keyed) {
            fail(l, "a SecretBinary has no keys");
            return;
        }
    } else if (wr_str_eq(text(l, 1), WR_STR("SecretString"))) {
        l->result = wr_line_member(&found, "SecretString", h->arena);
        wr_value parsed;
        if (l->result.type == WR_STRING &&
            !wr_json_parse(wr_value_text(&l->result), h->arena, WR_SQL_2016, &parsed, NULL) &&
            parsed.type == WR_OBJECT) {
            l->result = keyed ? member(&parsed, text(l, 2), h->arena) : parsed;
            return;
        }
        if (keyed && l->result.type != WR_UNDEFINED) {
            fail(l, "the secret is no JSON object, so it has no keys");
            return;
        }
    }
    if (l->result.type == WR_UNDEFINED) {
        fail(l, "the secret is not known, or not of that type");
    }
}

static void registry(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value apis = wr_line_member(h->context, "registry", h->arena);
    wr_value things = member(&apis, text(l, 0), h->arena);
    l->result = member(&things, text(l, 1), h->arena);
    if (l->result.type == WR_UNDEFINED) {
        fail(l, "the registry does not know the thing");
    }
}

static void machine_learning(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value models = wr_line_member(h->context, "ml", h->arena);
    l->result = member(&models, text(l, 0), h->arena);
    if (l->result.type == WR_UNDEFINED) {
        fail(l, "the model is not known");
    }
}

static void answer(void *user, struct wr_lookup *l)
{
    struct wr_case_host *h = user;
    l->result = wr_undefined();
    switch (l->kind) {
    case WR_LOOKUP_LAMBDA:
        lambda(h, l);
        break;
    case WR_LOOKUP_DYNAMODB:
        dynamodb(h, l);
        break;
    case WR_LOOKUP_SHADOW:
        shadow(h, l);
        break;
    case WR_LOOKUP_SECRET:
        secret(h, l);
        break;
    case WR_LOOKUP_REGISTRY:
        registry(h, l);
        break;
    case WR_LOOKUP_ML:
        machine_learning(h, l);
        break;
    }
    l->answered = true;
}

// Objects stand in the context as base64.
static bool object(void *user, wr_str bucket, wr_str key, wr_str *bytes)
{
    struct wr_case_host *h = user;
    wr_value buckets = wr_line_member(h->context, "s3", h->arena);
    wr_value keys = member(&buckets, bucket, h->arena);
    wr_value found = member(&keys, key, h->arena);
    struct wr_buf b;
    wr_buf_init_arena(&b, h->arena);
    if (found.type != WR_STRING || !wr_buf_add_unbase64(&b, wr_value_text(&found))) {
        return false;
    }
    *bytes = wr_buf_str(&b);
    return true;
}

void wr_case_host_init(struct wr_case_host *h, const wr_value *context, struct wr_arena *arena)
{
    *h = (struct wr_case_host){.context = context, .arena = arena};
    h->host =
        (struct wr_sql_host){.user = h, .lookup = answer, .zone = wr_zones_find, .object = object};
    h->host.account_id = wr_line_text(context, "accountId", arena);
    if (!h->host.account_id.at) {
        h->host.account_id = WR_STR("123456789012");
    }
}
