// The services around a rule as a case describes them (sql.md 11.6, 11.7).
#include "engine/cli/case_host.h"

#include "engine/cli/message_line.h"
#include "engine/lookup/answer.h"
#include "engine/rules/zones.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

// What the context's member `what` holds under the look-up's argument `i`.
static wr_value known(struct wr_case_host *h, const struct wr_lookup *l, const char *what, size_t i)
{
    wr_value all = wr_line_member(h->context, what, h->arena);
    return wr_lookup_member(l, &all, wr_lookup_text(l, i));
}

static void lambda(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value answer = known(h, l, "lambda", 0);
    if (answer.type != WR_OBJECT) {
        wr_lookup_fail(l, "the function failed or is not known");
        return;
    }
    l->result = wr_line_member(&answer, "output", h->arena);
}

static void dynamodb(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value items = known(h, l, "dynamodb", 0);
    if (items.type != WR_ARRAY) {
        wr_lookup_fail(l, "table %.*s is not known", WR_STR_ARG(wr_lookup_text(l, 0)));
        return;
    }
    for (uint32_t i = 0; i < items.len; i++) {
        wr_value item = items.as.items[i];
        wr_value_force(&item, h->arena, WR_SQL_2016);
        if (wr_lookup_item_fits(l, &item)) {
            wr_lookup_item(l, &item);
            return;
        }
    }
}

static void shadow(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value shadows = wr_line_member(h->context, "shadows", h->arena);
    wr_str shadow_name = wr_lookup_shadow_name(l);
    struct wr_buf name;
    wr_buf_init_arena(&name, h->arena);
    wr_buf_add(&name, wr_lookup_text(l, 0));
    if (shadow_name.at) {
        wr_buf_add_char(&name, '/');
        wr_buf_add(&name, shadow_name);
    }
    l->result = wr_lookup_member(l, &shadows, wr_buf_str(&name));
    if (l->result.type == WR_UNDEFINED) {
        wr_lookup_fail(l, "there is no shadow %.*s", WR_STR_ARG(wr_buf_str(&name)));
    }
}

static void secret(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value found = known(h, l, "secrets", 0);
    wr_lookup_secret(l, &found);
}

static void registry(struct wr_case_host *h, struct wr_lookup *l)
{
    wr_value things = known(h, l, "registry", 0);
    l->result = wr_lookup_member(l, &things, wr_lookup_text(l, 1));
    if (l->result.type == WR_UNDEFINED) {
        wr_lookup_fail(l, "the registry does not know the thing");
    }
}

static void machine_learning(struct wr_case_host *h, struct wr_lookup *l)
{
    l->result = known(h, l, "ml", 0);
    if (l->result.type == WR_UNDEFINED) {
        wr_lookup_fail(l, "the model is not known");
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

static wr_value member(const wr_value *object, wr_str name, struct wr_arena *arena)
{
    const wr_value *found = object->type == WR_OBJECT ? wr_object_get(object, name) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena, WR_SQL_2016);
    return v;
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
