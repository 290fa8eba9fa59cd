// Whose rules may do what (control-plane.md 9), and compiling them for their owner.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/quotas.h"
#include "engine/admin/rule_book_parts.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

// ---- tenants

const struct wr_tenant *wr_rule_book_owner(const struct wr_rule_book *b, wr_str rule)
{
    ptrdiff_t slash = wr_str_find(rule, WR_STR("/"));
    return slash < 0 ? wr_tenants_default(b->options.tenants)
                     : wr_tenants_find(b->options.tenants, wr_str_cut(rule, 0, (size_t)slash));
}

bool wr_rule_book_space(const struct wr_rule_book *b, const struct wr_tenant *tenant,
                        uint32_t *space, struct wr_fault *fault)
{
    const struct wr_config *c = b->options.config;
    wr_str name = wr_tenant_text(tenant, "iot.broker");
    *space = 0;
    if (!name.len) {
        return true;
    }
    size_t at = 0;
    while (at < c->broker_count && !wr_str_eq(wr_str_of(c->brokers[at].name), name)) {
        at++;
    }
    if (at == c->broker_count) {
        (void)wr_fault_set(fault, WR_ERR_UNKNOWN,
                           "the tenant's broker is %.*s (feature iot.broker), but weir.yaml has no "
                           "brokers.%.*s",
                           WR_STR_ARG(name), WR_STR_ARG(name));
        return false;
    }
    const struct wr_tenant *other;
    for (size_t i = 0; (other = wr_tenants_at(b->options.tenants, i)) != NULL; i++) {
        if (other->id < tenant->id && wr_str_eq(wr_tenant_text(other, "iot.broker"), name)) {
            (void)wr_fault_set(fault, WR_ERR_EXISTS,
                               "the broker %.*s is the tenant %s's: a broker belongs to one tenant",
                               WR_STR_ARG(name), other->name);
            return false;
        }
    }
    *space = (uint32_t)at + 1;
    return true;
}

// Topics and filters alike: on a shared broker below the prefix, letter by letter; what begins with
// $ belongs to the broker's owner.
static bool may_use(const struct wr_rule_book *b, const struct wr_tenant *tenant, const char *what,
                    wr_str topic, struct wr_fault *fault)
{
    uint32_t space;
    if (!wr_rule_book_space(b, tenant, &space, fault)) {
        return false;
    }
    if (topic.len && topic.at[0] == '$') {
        if (space == 0 && !tenant->is_default) {
            (void)wr_fault_set(fault, WR_ERR_DENIED,
                               "%s '%.*s': topics that begin with $ are for tenants with a broker "
                               "of their own; %s shares one",
                               what, WR_STR_ARG(topic), tenant->name);
            return false;
        }
        return true;
    }
    wr_str prefix = space ? (wr_str){0} : wr_tenant_text(tenant, "iot.topic_prefix");
    while (prefix.len && prefix.at[prefix.len - 1] == '/') {
        prefix.len--;
    }
    if (prefix.len && (!wr_str_starts(topic, prefix) || topic.len < prefix.len + 2 ||
                       topic.at[prefix.len] != '/')) {
        (void)wr_fault_set(fault, WR_ERR_DENIED,
                           "%s '%.*s': all topics of the tenant %s lie below '%.*s/' "
                           "(feature iot.topic_prefix), and wildcards only behind that",
                           what, WR_STR_ARG(topic), tenant->name, WR_STR_ARG(prefix));
        return false;
    }
    return true;
}

bool wr_rule_book_may_publish(const struct wr_rule_book *b, wr_str rule, wr_str topic,
                              struct wr_fault *fault)
{
    const struct wr_tenant *tenant = wr_rule_book_owner(b, rule);
    if (!tenant) {
        (void)wr_fault_set(fault, WR_ERR_DENIED, "the rule's tenant is gone");
        return false;
    }
    return may_use(b, tenant, "topic", topic, fault);
}

static wr_err check_filter(const struct wr_rule_book *b, const struct wr_tenant *tenant,
                           const struct wr_rule *rule, struct wr_fault *fault)
{
    // Without a FROM it is reached by its name only.
    return !rule->filter.len || may_use(b, tenant, "FROM", rule->filter, fault) ? WR_OK
                                                                                : fault->code;
}

wr_err wr_rule_book_accept_file(struct wr_rule_book *b, const struct wr_rule *rule,
                                struct wr_fault *fault)
{
    const struct wr_tenant *own = wr_tenants_default(b->options.tenants);
    if (wr_rule_book_find(b, own->id, b->options.config->region, rule->plain)) {
        return wr_fault_set(fault, WR_ERR_EXISTS,
                            "ruleName: \"%.*s\" is a rule made through the API already; delete it "
                            "there, or name this one otherwise",
                            WR_STR_ARG(rule->plain));
    }
    return check_filter(b, own, rule, fault);
}

// ---- compiling

static char *document_of(const char *name, const json_t *payload)
{
    json_t *document =
        json_pack("{s:s, s:O}", "ruleName", name, "topicRulePayload", (json_t *)(uintptr_t)payload);
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    return text;
}

wr_err wr_rule_book_compile(struct wr_rule_book *b, const struct wr_tenant *t, const char *region,
                            const char *name, const json_t *payload, bool enabled,
                            struct wr_rule **out, struct wr_fault *fault)
{
    const struct wr_config *c = b->options.config;
    struct wr_rule_owner owner = {0};
    if (!wr_rule_book_space(b, t, &owner.space, fault)) {
        return fault->code;
    }
    struct wr_buf label = {0};
    if (!t->is_default || strcmp(region, c->region) != 0) {
        wr_buf_addf(&label, "%s/%s/", t->name, region);
    }
    owner.label = wr_buf_str(&label);
    owner.account = t->is_default ? (wr_str){0} : wr_str_of(t->account);
    const struct wr_rule_options options = {.kinds = wr_config_kinds(c),
                                            .fuel = (uint64_t)c->fuel,
                                            .owner = &owner,
                                            .turn = true,
                                            .enabled = enabled};
    char *text = document_of(name, payload);
    struct wr_rule *rule = NULL;
    wr_err err = text ? wr_rule_new(wr_str_of(text), "", &options, &rule, fault)
                      : wr_fault_set(fault, WR_ERR_SYNTAX, "the rule is not valid JSON");
    free(text);
    wr_buf_release(&label);
    if (!err) {
        err = check_filter(b, t, rule, fault);
    }
    if (!err && enabled) {
        err = b->options.accept(b->options.user, rule, fault);
    }
    if (err) {
        wr_rule_unlock(rule);
        return err;
    }
    rule->quota = wr_quotas_find(wr_tenants_quotas(b->options.tenants), t->id);
    *out = rule;
    return WR_OK;
}

// Compile an entry again: it is new here, or what its tenant may do has changed.
static void compile_entry(struct wr_rule_book *b, struct wr_book_rule *r)
{
    struct wr_fault fault = {0};
    struct wr_rule *rule = NULL;
    const struct wr_tenant *t = wr_tenants_by_id(b->options.tenants, r->tenant);
    json_t *payload = json_loads(r->payload, 0, NULL);
    wr_err err =
        t ? wr_rule_book_compile(b, t, r->region, r->name, payload, !r->disabled, &rule, &fault)
          : wr_fault_set(&fault, WR_ERR_MISSING, "the tenant is gone");
    json_decref(payload);
    if (err) {
        if (!r->why || strcmp(r->why, fault.text) != 0) {
            wr_log(WR_LOG_ERROR, "rules", "the rule %s of the API (tenant %s, %s) does not run: %s",
                   r->name, t ? t->name : "?", r->region, fault.text);
        }
    } else {
        wr_rule_count(rule, b->options.metrics);
        wr_rule_slim(rule, b->programs);
    }
    free(r->why);
    r->why = err ? wr_strdup(wr_str_of(fault.text)) : NULL;
    wr_rule_unlock(r->rule);
    r->rule = rule;
}

// What matters of the tenants, as hashes: keys and tokens come and go without a change.
static void look_at_tenants(const struct wr_rule_book *b, uint64_t *places, uint64_t *states)
{
    *places = *states = 0;
    const struct wr_tenant *t;
    for (size_t i = 0; (t = wr_tenants_at(b->options.tenants, i)) != NULL; i++) {
        wr_str broker = wr_tenant_text(t, "iot.broker");
        wr_str prefix = wr_tenant_text(t, "iot.topic_prefix");
        *states = wr_hash_bytes(&t->id, sizeof t->id, *states ^ wr_hash_str(wr_str_of(t->state)));
        if (broker.len || prefix.len) {
            *places = wr_hash_bytes(&t->id, sizeof t->id, *places ^ wr_hash_str(broker));
            *places ^= wr_hash_str(prefix);
        }
    }
}

void wr_rule_book_on_tenants(void *book)
{
    struct wr_rule_book *b = book;
    uint64_t places, states;
    look_at_tenants(b, &places, &states);
    if (!b->folder || (places == b->places && states == b->states)) {
        return;
    }
    for (size_t i = 0; places != b->places && i < b->count; i++) {
        compile_entry(b, b->rules[i]);
    }
    b->places = places;
    b->states = states;
    wr_rule_book_merge(b);
}

// ---- start

void wr_rule_book_read(struct wr_rule_book *b, struct wr_db *db)
{
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT r.id, m.tenant, m.region, r.name, r.payload, r.disabled, r.created, "
                    "r.version FROM rules r JOIN realms m ON m.id=r.realm JOIN tenants t ON "
                    "t.id=m.tenant WHERE t.deleted IS NULL ORDER BY r.id",
                    "");
    while (wr_db_next(&rows)) {
        struct wr_book_rule r = {.id = wr_db_int(&rows, 0),
                                 .tenant = wr_db_int(&rows, 1),
                                 .name = wr_strdup(wr_db_str(&rows, 3)),
                                 .payload = wr_strdup(wr_db_str(&rows, 4)),
                                 .disabled = wr_db_int(&rows, 5) != 0,
                                 .created_ms = wr_db_int(&rows, 6),
                                 .version = wr_db_int(&rows, 7)};
        snprintf(r.region, sizeof r.region, "%.*s", WR_STR_ARG(wr_db_str(&rows, 2)));
        wr_rule_book_append(b, &r);
    }
    wr_db_end(&rows);
}

size_t wr_rule_book_start(struct wr_rule_book *b)
{
    look_at_tenants(b, &b->places, &b->states);
    for (size_t i = 0; i < b->count; i++) {
        compile_entry(b, b->rules[i]);
    }
    return b->count;
}
