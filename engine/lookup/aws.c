// Calls for look-ups, and what their answers come to.
#include "engine/lookup/aws.h"

#include <stdlib.h>

#include "sinks/lib/aws.h"
#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/aws_lambda.h"
#include "sinks/lib/local_dynamodb.h"
#include "sql/base/json.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

#define FRESH_MS  1000        // a secret this young is not asked for again
#define ASK_ARENA (16u << 20) // a call with its event: AWS takes 6 MiB

struct ask {
    struct wr_pending p; // first
    struct wr_aws_call call;
    struct wr_arena arena; // of the call's texts
    wr_str secret;         // get_secret: which one, and with whose role
    bool sent;
    struct ask *next; // waits, or is under way
};

struct lane { // of one function
    struct ask *first, **last;
    struct ask *running;
    size_t running_count;
};

struct secret {
    struct wr_buf name, body; // body: GetSecretValue's answer
    uint64_t read_ms;         // of uv_now()
};

struct wr_aws_lookups {
    uv_loop_t *loop;
    struct wr_aws *aws;
    size_t max;
    int64_t secret_cache_ms;
    struct lane lanes[WR_LOOKUP_KINDS];
    struct secret secrets[WR_LOOKUP_SECRETS_KEPT];
    size_t hand; // the next to go
};

struct wr_aws_lookups *wr_aws_lookups_new(uv_loop_t *loop, size_t max, int64_t secret_cache_ms)
{
    struct wr_aws_lookups *a = wr_zalloc(sizeof *a);
    a->loop = loop;
    a->max = max;
    a->secret_cache_ms = secret_cache_ms;
    for (size_t i = 0; i < WR_LOOKUP_KINDS; i++) {
        a->lanes[i].last = &a->lanes[i].first;
    }
    return a;
}

static void wipe(struct wr_buf *b)
{
    if (b->at) {
        explicit_bzero(b->at, b->len);
    }
    wr_buf_release(b);
}

void wr_aws_lookups_free(struct wr_aws_lookups *a)
{
    for (size_t i = 0; i < WR_LOOKUP_SECRETS_KEPT; i++) {
        wipe(&a->secrets[i].body);
        wr_buf_release(&a->secrets[i].name);
    }
    free(a);
}

void wr_aws_lookups_set_cache(struct wr_aws_lookups *a, int64_t secret_cache_ms)
{
    a->secret_cache_ms = secret_cache_ms;
    for (size_t i = 0; secret_cache_ms == 0 && i < WR_LOOKUP_SECRETS_KEPT; i++) {
        wipe(&a->secrets[i].body);
        wr_buf_release(&a->secrets[i].name);
        a->secrets[i] = (struct secret){0};
    }
}

void wr_aws_lookups_use(struct wr_aws_lookups *a, struct wr_aws *aws)
{
    a->aws = aws;
}

// ---- secrets

static struct secret *find_secret(struct wr_aws_lookups *a, wr_str name)
{
    for (size_t i = 0; i < WR_LOOKUP_SECRETS_KEPT; i++) {
        if (a->secrets[i].name.len > 0 && wr_str_eq(wr_buf_str(&a->secrets[i].name), name)) {
            return &a->secrets[i];
        }
    }
    return NULL;
}

// Whose it is, and which.
static void secret_name(struct wr_buf *name, wr_str id, wr_str role_arn)
{
    wr_buf_add(name, id);
    wr_buf_add_char(name, '\n');
    wr_buf_add(name, role_arn);
}

void wr_aws_lookups_forget(struct wr_aws_lookups *a, wr_str id, wr_str role_arn)
{
    struct wr_buf name = {0};
    secret_name(&name, id, role_arn);
    struct secret *s = find_secret(a, wr_buf_str(&name));
    if (s && uv_now(a->loop) - s->read_ms >= FRESH_MS) {
        wipe(&s->body);
        wr_buf_release(&s->name);
        *s = (struct secret){0};
    }
    wr_buf_release(&name);
}

static void keep_secret(struct wr_aws_lookups *a, wr_str name, wr_str body)
{
    struct secret *s = find_secret(a, name);
    if (a->secret_cache_ms == 0) {
        return;
    }
    if (!s) {
        s = &a->secrets[a->hand];
        a->hand = (a->hand + 1) % WR_LOOKUP_SECRETS_KEPT;
        wr_buf_clear(&s->name);
        wr_buf_add(&s->name, name);
    }
    wipe(&s->body); // at its size: growing would leave copies behind
    s->body = (struct wr_buf){0};
    wr_buf_add(&s->body, body);
    s->read_ms = uv_now(a->loop);
}

static void read_secret(struct wr_lookup *l, wr_str body)
{
    wr_lookup_json(l, body);
    if (!l->failed) {
        wr_value secret = l->result;
        wr_lookup_secret(l, &secret);
    }
}

// True: it was kept, and the look-up has its result.
static bool answer_kept(struct wr_aws_lookups *a, struct wr_lookup *l, wr_str name)
{
    const struct secret *s = find_secret(a, name);
    if (!s || uv_now(a->loop) - s->read_ms >= (uint64_t)a->secret_cache_ms) {
        return false;
    }
    read_secret(l, wr_buf_str(&s->body));
    return true;
}

// ---- answers

static struct wr_arena *arena_of(const struct wr_lookup *l)
{
    return l->eval->message->arena;
}

static void fail_with(struct wr_lookup *l, const struct wr_aws_answer *answer,
                      enum wr_aws_service service)
{
    struct wr_buf text = {0};
    wr_aws_answer_text(answer, service, &text);
    wr_lookup_fail(l, "%s", wr_buf_terminated(&text));
    wr_buf_release(&text);
}

static void read_item(struct wr_lookup *l, wr_str body)
{
    wr_lookup_json(l, body);
    if (l->failed) {
        return;
    }
    wr_value whole = l->result;
    wr_value item = wr_lookup_member(l, &whole, WR_STR("Item"));
    l->result = wr_undefined();
    if (item.type != WR_OBJECT) {
        return; // there is none
    }
    struct wr_buf text;
    wr_buf_init_arena(&text, arena_of(l));
    wr_local_dynamodb_plain(&text, &item, arena_of(l));
    wr_lookup_json(l, wr_buf_str(&text));
    if (!l->failed) {
        wr_value plain = l->result;
        wr_lookup_item(l, &plain);
    }
}

// The function itself has failed: {"errorMessage": …, "errorType": …}.
static void read_function_error(struct wr_lookup *l, wr_str body)
{
    wr_lookup_json(l, body);
    wr_value document = l->failed ? wr_undefined() : l->result;
    l->failed = false;
    wr_value type = wr_lookup_member(l, &document, WR_STR("errorType"));
    wr_value text = wr_lookup_member(l, &document, WR_STR("errorMessage"));
    wr_str words = text.type == WR_STRING ? wr_value_text(&text) : body;
    wr_lookup_fail(l, "function %.*s failed: %.*s%s%.*s", WR_STR_ARG(wr_lookup_text(l, 0)),
                   WR_STR_ARG(type.type == WR_STRING ? wr_value_text(&type) : WR_STR("")),
                   type.type == WR_STRING ? ": " : "",
                   WR_STR_ARG(wr_str_cut(words, 0, words.len < 400 ? words.len : 400)));
}

static void read_answer(struct wr_aws_lookups *a, struct ask *ask, struct wr_lookup *l,
                        const struct wr_aws_answer *answer)
{
    if (answer->class != WR_AWS_OK) {
        fail_with(l, answer, ask->call.service);
        return;
    }
    switch (l->kind) {
    case WR_LOOKUP_LAMBDA:
    case WR_LOOKUP_ML:
        if (wr_aws_lambda_failed(answer)) {
            read_function_error(l, answer->body);
        } else {
            wr_lookup_json(l, answer->body);
        }
        break;
    case WR_LOOKUP_DYNAMODB:
        read_item(l, answer->body);
        break;
    case WR_LOOKUP_SECRET:
        read_secret(l, answer->body);
        break;
    case WR_LOOKUP_SHADOW:
    case WR_LOOKUP_REGISTRY:
        wr_lookup_json(l, answer->body);
        if (!l->failed && l->result.type != WR_OBJECT) {
            wr_lookup_fail(l, "the answer is no JSON object");
        }
        break;
    }
}

// ---- calls

static void ask_free(struct ask *ask)
{
    if (ask->secret.at) { // nothing secret but whose it is
        ask->secret = (wr_str){0};
    }
    wr_arena_release(&ask->arena);
    wr_pending_free(&ask->p);
}

static bool is_running(const struct lane *lane, wr_str secret)
{
    for (const struct ask *r = lane->running; r; r = r->next) {
        if (wr_str_eq(r->secret, secret)) {
            return true;
        }
    }
    return false;
}

static void take_out(struct lane *lane, struct ask **at)
{
    struct ask *ask = *at;
    *at = ask->next;
    if (lane->last == &ask->next) {
        lane->last = at;
    }
    ask->next = NULL;
}

// Sends what may be sent; of one secret the others wait for the first.
static void pump(struct wr_aws_lookups *a, enum wr_lookup_kind kind)
{
    struct lane *lane = &a->lanes[kind];
    for (struct ask **at = &lane->first; *at && lane->running_count < a->max;) {
        struct ask *ask = *at;
        bool secret = kind == WR_LOOKUP_SECRET;
        if (secret && ask->p.lookup && answer_kept(a, ask->p.lookup, ask->secret)) {
            take_out(lane, at);
            wr_pending_answer(&ask->p); // may begin others: from the start again
            ask_free(ask);
            at = &lane->first;
        } else if (secret && is_running(lane, ask->secret)) {
            at = &ask->next;
        } else {
            take_out(lane, at);
            ask->next = lane->running;
            lane->running = ask;
            lane->running_count++;
            ask->sent = true;
            wr_aws_send(a->aws, &ask->call);
        }
    }
}

static void on_done(struct wr_aws_call *call, const struct wr_aws_answer *answer)
{
    struct ask *ask = WR_CONTAINER(call, struct ask, call);
    struct wr_aws_lookups *a = ask->p.all->aws;
    enum wr_lookup_kind kind = ask->p.kind;
    struct lane *lane = &a->lanes[kind];
    struct ask **at = &lane->running;
    while (*at != ask) {
        at = &(*at)->next;
    }
    *at = ask->next;
    lane->running_count--;
    if (kind == WR_LOOKUP_SECRET && answer->class == WR_AWS_OK) {
        keep_secret(a, ask->secret, answer->body);
    }
    if (ask->p.lookup) {
        read_answer(a, ask, ask->p.lookup, answer);
    }
    bool stopped = ask->p.all->stopped;
    wr_pending_answer(&ask->p);
    ask_free(ask); // `a` may go with the last
    if (!stopped) {
        pump(a, kind);
    }
}

// Nobody waits any more.
static void cancel(struct wr_pending *p)
{
    struct ask *ask = (struct ask *)p;
    struct wr_aws_lookups *a = p->all->aws;
    if (ask->sent) {
        wr_aws_cancel(a->aws, &ask->call); // on_done() comes
        return;
    }
    struct lane *lane = &a->lanes[p->kind];
    for (struct ask **at = &lane->first; *at; at = &(*at)->next) {
        if (*at == ask) {
            take_out(lane, at);
            break;
        }
    }
    ask_free(ask);
}

// ---- requests; false: there is no memory for it

static void json_member(struct wr_buf *b, const char *before, wr_str text)
{
    wr_buf_add(b, wr_str_of(before));
    wr_json_write_string(b, text);
}

static void make_target(struct wr_aws_call *c, enum wr_aws_service service, wr_str target,
                        wr_str type, struct wr_buf *body)
{
    c->service = service;
    c->target = target;
    c->content_type = type;
    c->body = wr_buf_str(body);
}

static bool make_get_item(struct wr_lookup *l, struct ask *ask)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, &ask->arena);
    json_member(&b, "{\"TableName\":", wr_lookup_text(l, 0));
    for (size_t i = 1; i <= (wr_lookup_has_sort_key(l) ? 3u : 1u); i += 2) {
        const wr_value *value = &l->args[i + 1];
        json_member(&b, i == 1 ? ",\"Key\":{" : ",", wr_lookup_text(l, i));
        if (value->type == WR_NUMBER) {
            wr_buf_add(&b, WR_STR(":{\"N\":\""));
            wr_num_write(&b, value, WR_SQL_2016);
            wr_buf_add(&b, WR_STR("\"}"));
        } else {
            json_member(&b, ":{\"S\":", wr_value_text(value));
            wr_buf_add_char(&b, '}');
        }
    }
    wr_buf_add(&b, WR_STR("}}"));
    make_target(&ask->call, WR_AWS_DYNAMODB, WR_STR("DynamoDB_20120810.GetItem"),
                WR_STR("application/x-amz-json-1.0"), &b);
    return !b.over;
}

static bool make_get_secret(struct wr_lookup *l, struct ask *ask)
{
    struct wr_buf b;
    struct wr_aws_arn arn;
    wr_str id = wr_str_dup(&ask->arena, wr_lookup_text(l, 0));
    wr_buf_init_arena(&b, &ask->arena);
    json_member(&b, "{\"SecretId\":", id);
    wr_buf_add_char(&b, '}');
    make_target(&ask->call, WR_AWS_SECRETS, WR_STR("secretsmanager.GetSecretValue"),
                WR_STR("application/x-amz-json-1.1"), &b);
    ask->call.region = wr_aws_arn_read(id, &arn) ? arn.region : (wr_str){0};
    ask->call.secret = true;
    return !b.over && id.at;
}

static bool make_get(struct ask *ask, enum wr_aws_service service, wr_str thing, wr_str rest)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, &ask->arena);
    wr_buf_add(&b, WR_STR("/things/"));
    wr_aws_encode(&b, thing, false);
    wr_buf_add(&b, rest);
    ask->call.service = service;
    ask->call.method = "GET";
    ask->call.path = wr_buf_str(&b);
    return !b.over;
}

static bool make_get_shadow(struct wr_lookup *l, struct ask *ask)
{
    struct wr_buf query;
    wr_str shadow = wr_lookup_shadow_name(l);
    wr_buf_init_arena(&query, &ask->arena);
    if (shadow.at) {
        wr_buf_add(&query, WR_STR("name="));
        wr_aws_encode(&query, shadow, false);
        ask->call.query = wr_buf_str(&query);
    }
    return make_get(ask, WR_AWS_IOT_DATA, wr_lookup_text(l, 0), WR_STR("/shadow")) && !query.over;
}

static bool make_get_registry(struct wr_lookup *l, struct ask *ask)
{
    bool groups = wr_str_eq(wr_lookup_text(l, 0), WR_STR("ListThingGroupsForThing"));
    return make_get(ask, WR_AWS_IOT, wr_lookup_text(l, 1),
                    groups ? WR_STR("/thing-groups") : WR_STR(""));
}

static bool make_invoke(struct wr_lookup *l, struct ask *ask)
{
    struct wr_buf event;
    wr_buf_init_arena(&event, &ask->arena);
    if (l->kind == WR_LOOKUP_ML) {
        json_member(&event, "{\"MLModelId\":", wr_lookup_text(l, 0));
        wr_buf_add(&event, WR_STR(",\"Record\":"));
        wr_lookup_record(l, &event);
        wr_buf_add_char(&event, '}');
    } else {
        wr_lookup_event(l, &event);
    }
    wr_str function = wr_str_dup(&ask->arena, wr_lookup_text(l, 0));
    return !event.over && function.at &&
           wr_aws_lambda_call(&ask->call, function, wr_buf_str(&event), true, &ask->arena);
}

static bool make(struct wr_lookup *l, struct ask *ask)
{
    switch (l->kind) {
    case WR_LOOKUP_LAMBDA:
    case WR_LOOKUP_ML:
        return make_invoke(l, ask);
    case WR_LOOKUP_DYNAMODB:
        return make_get_item(l, ask);
    case WR_LOOKUP_SECRET:
        return make_get_secret(l, ask);
    case WR_LOOKUP_SHADOW:
        return make_get_shadow(l, ask);
    case WR_LOOKUP_REGISTRY:
        return make_get_registry(l, ask);
    }
    return false;
}

// The argument that holds it is the last, or the second of machinelearning_predict().
static wr_str role_of(const struct wr_lookup *l)
{
    return l->kind == WR_LOOKUP_LAMBDA ? (wr_str){0}
           : l->kind == WR_LOOKUP_ML   ? wr_lookup_text(l, 1)
                                       : wr_lookup_text(l, l->arg_count - 1);
}

// False: a key that GetItem cannot have, and the look-up has failed.
static bool keys_are_right(struct wr_lookup *l)
{
    for (size_t i = 2; i <= (wr_lookup_has_sort_key(l) ? 4u : 2u); i += 2) {
        if (l->args[i].type != WR_STRING && l->args[i].type != WR_NUMBER) {
            wr_lookup_fail(l, "the value of key %.*s is of type %s, expected String or a number",
                           WR_STR_ARG(wr_lookup_text(l, i - 1)), wr_value_type_name(&l->args[i]));
            return false;
        }
    }
    return true;
}

void wr_aws_lookup_begin(struct wr_lookups *all, struct wr_lookup *l)
{
    struct wr_aws_lookups *a = all->aws;
    struct wr_buf name = {0};
    if (l->kind == WR_LOOKUP_DYNAMODB && !keys_are_right(l)) {
        return;
    }
    if (!a->aws) {
        wr_lookup_fail(l, "there is no AWS client");
        return;
    }
    if (l->kind == WR_LOOKUP_SECRET) {
        secret_name(&name, wr_lookup_text(l, 0), role_of(l));
        if (answer_kept(a, l, wr_buf_str(&name))) {
            wr_buf_release(&name);
            return;
        }
    }
    struct ask *ask = wr_pending_new(all, l, sizeof *ask);
    wr_arena_init(&ask->arena, ASK_ARENA);
    ask->p.cancel = cancel;
    ask->call = (struct wr_aws_call){.method = "POST", .done = on_done};
    ask->call.role_arn = wr_str_dup(&ask->arena, role_of(l));
    ask->secret = name.len ? wr_str_dup(&ask->arena, wr_buf_str(&name)) : (wr_str){0};
    wr_buf_release(&name);
    if (!make(l, ask) || ask->arena.over) {
        wr_lookup_fail(l, "the call has more than %u bytes", ASK_ARENA);
        wr_pending_answer(&ask->p);
        ask_free(ask);
        return;
    }
    struct lane *lane = &a->lanes[l->kind];
    *lane->last = ask;
    lane->last = &ask->next;
    pump(a, l->kind);
}
