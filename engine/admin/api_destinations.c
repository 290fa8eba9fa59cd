// Topic rule destinations (control-plane.md 5, actions.md 4.11). States: destinations.h.
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/destinations.h"
#include "engine/admin/families.h"
#include "engine/config.h"

#include "sql/base/banned.h"

#define PAGE       1000
#define CONFIRM_MS (INT64_C(3) * 24 * 3600 * 1000) // a token's life; AWS says no number
#define ARN_ID_MAX 64

// What a call carries from the registry to the loop.
struct own {
    struct wr_destinations_copy *copy;
    char arn[512], id[37], token[WR_DESTINATION_TOKEN_LEN + 1];
    char *url;      // to be asked; NULL: nobody is
    json_t *influx; // settings of one to be checked; NULL
};

static void own_free(void *at)
{
    struct own *own = at;
    wr_destinations_copy_free(own->copy);
    free(own->url);
    json_decref(own->influx);
    free(own);
}

static struct own *own_of(struct wr_api_call *c)
{
    if (!c->own) {
        c->own = wr_zalloc(sizeof(struct own));
        c->own_free = own_free;
    }
    return c->own;
}

static struct wr_destinations *destinations_of(const struct wr_api_call *c)
{
    return ((const struct wr_api_rules *)wr_api_user(c))->destinations;
}

// ---- one of them, as JSON

struct row {
    char id[37], kind[16], status[16];
    json_t *settings;
    char *reason, *url;
    int64_t asked_ms, created_ms, changed_ms;
};

#define COLUMNS "uuid, kind, status, settings, reason, url, asked, created, changed"

static char *text_or_null(const struct wr_rows *rows, int column)
{
    return wr_db_null(rows, column) ? NULL : wr_strdup(wr_db_str(rows, column));
}

static void read_row(const struct wr_rows *rows, struct row *r, int64_t now_ms)
{
    *r = (struct row){.settings = wr_db_json(rows, 3),
                      .reason = text_or_null(rows, 4),
                      .url = text_or_null(rows, 5),
                      .asked_ms = wr_db_int(rows, 6),
                      .created_ms = wr_db_int(rows, 7),
                      .changed_ms = wr_db_int(rows, 8)};
    snprintf(r->id, sizeof r->id, "%.*s", WR_STR_ARG(wr_db_str(rows, 0)));
    snprintf(r->kind, sizeof r->kind, "%.*s", WR_STR_ARG(wr_db_str(rows, 1)));
    snprintf(r->status, sizeof r->status, "%.*s", WR_STR_ARG(wr_db_str(rows, 2)));
    if (!strcmp(r->status, "IN_PROGRESS") && now_ms - r->asked_ms > CONFIRM_MS) {
        snprintf(r->status, sizeof r->status, "ERROR");
        free(r->reason);
        r->reason = wr_strdup(WR_STR("nobody has confirmed it in time"));
    }
}

static void release_row(struct row *r)
{
    json_decref(r->settings);
    free(r->reason);
    free(r->url);
}

static const char *arn_of(const struct wr_api_call *c, char out[512], const struct row *r)
{
    return wr_api_arn(c, out, "ruledestination/%s/%s", r->kind, r->id);
}

// `summary`: as the items of a listing are.
static json_t *describe(const struct wr_api_call *c, const struct row *r, bool summary)
{
    char arn[512];
    bool http = !strcmp(r->kind, "http"), vpc = !strcmp(r->kind, "vpc");
    json_t *o = json_object();
    json_object_set_new(o, "arn", json_string(arn_of(c, arn, r)));
    json_object_set_new(o, "status", json_string(r->status));
    if (r->reason) {
        json_object_set_new(o, "statusReason", json_string(r->reason));
    }
    json_object_set_new(o, "createdAt", wr_api_time(r->created_ms));
    json_object_set_new(o, "lastUpdatedAt", wr_api_time(r->changed_ms));
    json_object_set(o,
                    http      ? summary ? "httpUrlSummary" : "httpUrlProperties"
                    : !vpc    ? summary ? "influxDBSummary" : "influxDBProperties"
                    : summary ? "vpcDestinationSummary"
                              : "vpcProperties",
                    r->settings);
    return o;
}

// ---- create

// https, or this machine; nothing that a query could be added behind wrongly.
static bool url_is_good(wr_str url)
{
    static const char *const local[] = {"http://127.", "http://localhost", "http://[::1]"};
    bool good = wr_str_starts(url, WR_STR("https://")) && url.len > strlen("https://");
    for (size_t i = 0; i < WR_COUNT(local); i++) {
        good |= wr_str_starts(url, wr_str_of(local[i]));
    }
    for (size_t i = 0; good && i < url.len; i++) {
        good = url.at[i] > ' ' && url.at[i] < 127 && !strchr("?#\"<>\\^`{|}", url.at[i]);
    }
    return good;
}

static void check_http(struct wr_api_call *c, const json_t *http)
{
    const json_t *url = json_object_get(http, "confirmationUrl");
    if (wr_api_check_text(c, "destinationConfiguration.httpUrlConfiguration.confirmationUrl", url,
                          WR_API_ANY_PATTERN, 1, WR_DESTINATION_URL_MAX) &&
        !url_is_good((wr_str){json_string_value(url), json_string_length(url)})) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "confirmationUrl: expected https://HOST… (or http:// on this machine), without "
                    "query and fragment");
    }
}

static void check_vpc(struct wr_api_call *c, const json_t *vpc)
{
    static const char *const texts[] = {"vpcId", "roleArn"};
    char where[96];
    for (size_t i = 0; i < WR_COUNT(texts) && !c->error; i++) {
        snprintf(where, sizeof where, "destinationConfiguration.vpcConfiguration.%s", texts[i]);
        (void)wr_api_check_text(c, where, json_object_get(vpc, texts[i]), WR_API_ANY_PATTERN, 1,
                                2048);
    }
    if (!c->error && !json_array_size(json_object_get(vpc, "subnetIds"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "destinationConfiguration.vpcConfiguration.subnetIds: expected a list of "
                    "subnets");
    }
}

static void check_influx(struct wr_api_call *c, const json_t *influx)
{
    static const char *const texts[] = {"endpoint", "influxDBVersion", "secretId"};
    char where[96];
    for (size_t i = 0; i < WR_COUNT(texts) && !c->error; i++) {
        snprintf(where, sizeof where, "destinationConfiguration.influxDBConfiguration.%s",
                 texts[i]);
        (void)wr_api_check_text(c, where, json_object_get(influx, texts[i]), WR_API_ANY_PATTERN, 1,
                                2048);
    }
    if (c->error) {
        return;
    }
    const char *version = json_string_value(json_object_get(influx, "influxDBVersion"));
    const json_t *type = json_object_get(influx, "secretType");
    const json_t *key = json_object_get(influx, "secretKey");
    if (!url_is_good(wr_str_of(json_string_value(json_object_get(influx, "endpoint"))))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "endpoint: expected https://HOST:PORT (or http:// on this machine)");
    } else if (strcmp(version, "V2") != 0 && strcmp(version, "V3") != 0) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "influxDBVersion: expected V2 or V3");
    } else if (type && (!json_is_string(type) || strcmp(json_string_value(type), "SecretString"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "secretType: weir reads SecretString only");
    } else if (key && !json_is_string(key)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "secretKey: expected a string");
    }
}

static void create_prepare(struct wr_api_call *c)
{
    const json_t *given = wr_api_json(c, "destinationConfiguration");
    const json_t *http = json_object_get(given, "httpUrlConfiguration");
    const json_t *vpc = json_object_get(given, "vpcConfiguration");
    const json_t *influx = json_object_get(given, "influxDBConfiguration");
    int members = json_is_object(http) + json_is_object(vpc) + json_is_object(influx);
    if (members != 1 || json_object_size(given) != 1) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "destinationConfiguration: expected exactly one member, httpUrlConfiguration, "
                    "vpcConfiguration or influxDBConfiguration");
    } else if (http) {
        check_http(c, http);
    } else if (influx) {
        check_influx(c, influx);
    } else {
        check_vpc(c, vpc);
    }
}

static bool has_room(struct wr_api_call *c, struct wr_db *db, bool vpc)
{
    int64_t count = !vpc ? wr_db_one(db, 0,
                                     "SELECT count(*) FROM destinations d JOIN realms m ON "
                                     "m.id=d.realm WHERE m.tenant=? AND d.kind<>'vpc'",
                                     "i", c->caller.tenant)
                         : wr_db_one(db, 0,
                                     "SELECT count(*) FROM destinations WHERE realm=? AND "
                                     "kind='vpc'",
                                     "i", c->realm);
    int64_t most = !vpc ? WR_DESTINATION_HTTP_MAX : WR_DESTINATION_VPC_MAX;
    if (count >= most) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED, "at most %lld destinations of this kind",
                    (long long)most);
    }
    return !c->error;
}

static bool find(struct wr_api_call *c, struct wr_db *db, const char *id, struct row *out)
{
    struct wr_rows rows = wr_db_query(
        db, "SELECT " COLUMNS " FROM destinations WHERE realm=? AND uuid=?", "iz", c->realm, id);
    bool found = wr_db_next(&rows);
    if (found) {
        read_row(&rows, out, c->now_ms);
    }
    wr_db_end(&rows);
    return found;
}

static void answer_with(struct wr_api_call *c, struct wr_db *db, const char *id, const char *status)
{
    struct row r;
    if (find(c, db, id, &r)) {
        if (status) {
            snprintf(r.status, sizeof r.status, "%s", status);
        }
        char arn[512];
        wr_api_audit_arn(c, arn_of(c, arn, &r));
        snprintf(own_of(c)->arn, sizeof own_of(c)->arn, "%s", arn);
        json_object_set_new(c->out, "topicRuleDestination", describe(c, &r, false));
        release_row(&r);
    }
}

static void read_again(struct wr_api_call *c, struct wr_db *db)
{
    if (!c->error) {
        own_of(c)->copy = wr_destinations_read(db);
    }
}

static void create_run(struct wr_api_call *c, struct wr_db *db)
{
    json_t *given = wr_api_json(c, "destinationConfiguration");
    json_t *http = json_object_get(given, "httpUrlConfiguration");
    json_t *vpc = json_object_get(given, "vpcConfiguration");
    const char *url = json_string_value(json_object_get(http, "confirmationUrl"));
    json_t *influx = json_object_get(given, "influxDBConfiguration");
    bool confirm = http && ((const struct wr_api_rules *)wr_api_user(c))->confirm;
    struct own *own = own_of(c);
    struct wr_destination_new made;
    if (!has_room(c, db, vpc != NULL)) {
        return;
    }
    if (!wr_destinations_insert(db, c->realm,
                                http  ? "http"
                                : vpc ? "vpc"
                                      : "influxdb",
                                http  ? http
                                : vpc ? vpc
                                      : influx,
                                url, confirm || influx, c->now_ms, &made)) {
        wr_api_fail(c, WR_API_EXISTS, "there is a destination for %s already", url);
        return;
    }
    // A VPC is there at once; who waits for it expects to see it on its way first.
    answer_with(c, db, made.id, vpc ? "IN_PROGRESS" : NULL);
    memcpy(own->id, made.id, sizeof own->id);
    memcpy(own->token, made.token, sizeof own->token);
    own->url = confirm ? wr_strdup(wr_str_of(url)) : NULL;
    own->influx = json_incref(influx);
    read_again(c, db);
}

static void after(struct wr_api_call *c)
{
    struct own *own = c->own;
    if (!own) {
        return;
    }
    wr_destinations_take(destinations_of(c), own->copy);
    own->copy = NULL;
    if (own->url) {
        wr_destinations_ask(destinations_of(c), wr_api_registry(c->api),
                            ((const struct wr_api_rules *)wr_api_user(c))->admin, own->arn, own->id,
                            own->url, own->token);
    }
    if (own->influx) {
        wr_destinations_check(destinations_of(c), wr_api_registry(c->api), own->id, own->influx);
    }
}

// ---- one that is there

// By its ARN. False: the call has failed.
static bool find_arn(struct wr_api_call *c, struct wr_db *db, struct row *out)
{
    wr_str arn = wr_api_str(c, "arn");
    wr_str rest = wr_api_arn_rest(c, arn, "ruledestination");
    ptrdiff_t slash = wr_str_find(rest, WR_STR("/"));
    char id[ARN_ID_MAX] = "";
    if (slash > 0 && rest.len - (size_t)slash - 1 < sizeof id) {
        snprintf(id, sizeof id, "%.*s", (int)(rest.len - (size_t)slash - 1), rest.at + slash + 1);
    }
    if (*id && find(c, db, id, out)) {
        char full[512];
        if (wr_str_eq(arn, wr_str_of(arn_of(c, full, out)))) {
            return true;
        }
        release_row(out);
    }
    if (!wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "there is no destination %s", wr_api_text(c, "arn"));
    }
    return false;
}

static void get_destination(struct wr_api_call *c, struct wr_db *db)
{
    struct row r;
    if (find_arn(c, db, &r)) {
        json_object_set_new(c->out, "topicRuleDestination", describe(c, &r, false));
        release_row(&r);
    }
}

static void list_destinations(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *list = json_array();
    json_object_set_new(c->out, "destinationSummaries", list);
    struct wr_rows rows = wr_db_query(
        db, "SELECT " COLUMNS ", id FROM destinations WHERE realm=? AND id>? ORDER BY id", "ii",
        c->realm, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 9))) {
        struct row r;
        read_row(&rows, &r, c->now_ms);
        json_array_append_new(list, describe(c, &r, true));
        release_row(&r);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static void delete_destination(struct wr_api_call *c, struct wr_db *db)
{
    struct row r;
    if (find_arn(c, db, &r)) {
        wr_db_run(db, "DELETE FROM destinations WHERE realm=? AND uuid=?", "iz", c->realm, r.id);
        wr_api_audit_arn(c, wr_api_text(c, "arn"));
        release_row(&r);
        read_again(c, db);
    }
}

// Another confirmation, with another token: the old one is worth nothing any more.
static void ask_again(struct wr_api_call *c, struct wr_db *db, const struct row *r)
{
    struct own *own = own_of(c);
    bool confirm =
        !strcmp(r->kind, "http") && ((const struct wr_api_rules *)wr_api_user(c))->confirm;
    bool influx = !strcmp(r->kind, "influxdb");
    if (confirm) {
        wr_destinations_make_token(own->token);
        own->url = wr_strdup(wr_str_of(r->url));
    } else if (influx) {
        own->influx = json_incref(r->settings);
    }
    memcpy(own->id, r->id, sizeof own->id);
    arn_of(c, own->arn, r);
    wr_db_run(db,
              "UPDATE destinations SET status=?, token=nullif(?,''), asked=?, changed=?, "
              "reason=NULL WHERE realm=? AND uuid=?",
              "zziiiz", confirm || influx ? "IN_PROGRESS" : "ENABLED", own->token, c->now_ms,
              c->now_ms, c->realm, r->id);
}

static void update_destination(struct wr_api_call *c, struct wr_db *db)
{
    const char *wanted = wr_api_text(c, "status");
    struct row r;
    if (!find_arn(c, db, &r)) {
        return;
    }
    bool on = !strcmp(wanted, "ENABLED"), off = !strcmp(wanted, "DISABLED");
    if (!strcmp(wanted, "IN_PROGRESS")) {
        ask_again(c, db, &r);
    } else if ((!on && !off) || (strcmp(r.status, "ENABLED") && strcmp(r.status, "DISABLED"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "a destination that is %s cannot become %s: ENABLED and DISABLED change into "
                    "each other, all into IN_PROGRESS",
                    r.status, wanted);
    } else {
        wr_db_run(db,
                  "UPDATE destinations SET status=?, changed=? WHERE realm=? AND uuid=? AND "
                  "status<>?",
                  "ziizz", wanted, c->now_ms, c->realm, r.id, wanted);
    }
    wr_api_audit_arn(c, wr_api_text(c, "arn"));
    wr_api_audit_change(c, "status", json_string(r.status), json_string(wanted));
    release_row(&r);
    read_again(c, db);
}

// Whoever has the token has been asked. It ends in DISABLED (actions.md 4.11).
static void confirm_destination(struct wr_api_call *c, struct wr_db *db)
{
    if (!wr_db_run(db,
                   "UPDATE destinations SET status='DISABLED', token=NULL, reason=NULL, changed=? "
                   "WHERE token=? AND status='IN_PROGRESS' AND asked>?",
                   "izi", c->now_ms, wr_api_text(c, "confirmationToken"), c->now_ms - CONFIRM_MS) &&
        !wr_db_failure(db)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "no destination waits for this token: it was used, replaced or is too old");
    }
}

// ---- the table

static const struct wr_api_member create_in[] = {
    WR_API_BODY("destinationConfiguration", OBJECT, .required = true), {0}};
static const struct wr_api_member arn_in[] = {
    {.name = "arn", .place = WR_API_IN_PATH, .required = true, .min = 1, .max = 2048}, {0}};
static const struct wr_api_member update_in[] = {
    WR_API_BODY("arn", STRING, .required = true, .min = 1, .max = 2048),
    WR_API_BODY("status", STRING, .required = true,
                .one_of = "ENABLED|IN_PROGRESS|DISABLED|ERROR|DELETING"),
    {0},
};
static const struct wr_api_member confirm_in[] = {
    {.name = "confirmationToken", .place = WR_API_IN_PATH, .required = true, .min = 1, .max = 2048},
    {0}};
static const struct wr_api_member list_in[] = {
    WR_API_QUERY("nextToken", STRING, .min = 1, .max = 1024),
    WR_API_QUERY("maxResults", INT, .min = 1, .max = 1000),
    {0},
};

#define OP(name_, method_, path_, in_) \
    .name = name_, .method = method_, .path = path_, .in = in_, .rules = true

static const struct wr_api_operation operations[] = {
    {OP("CreateTopicRuleDestination", "POST", "/destinations", create_in), .write = true,
     .prepare = create_prepare, .run = create_run, .after = after},
    {OP("GetTopicRuleDestination", "GET", "/destinations/{arn+}", arn_in), .run = get_destination},
    {OP("ListTopicRuleDestinations", "GET", "/destinations", list_in), .run = list_destinations},
    {OP("UpdateTopicRuleDestination", "PATCH", "/destinations", update_in), .write = true,
     .run = update_destination, .after = after},
    {OP("DeleteTopicRuleDestination", "DELETE", "/destinations/{arn+}", arn_in), .write = true,
     .run = delete_destination, .after = after},
    {OP("ConfirmTopicRuleDestination", "GET", "/confirmdestination/{confirmationToken+}",
        confirm_in),
     .write = true, .unsigned_ = true, .any_tenant = true, .run = confirm_destination},
};

void wr_api_add_destinations(struct wr_api *api, const struct wr_api_rules *with)
{
    wr_api_add(api, operations, WR_COUNT(operations), (void *)(uintptr_t)with);
}
