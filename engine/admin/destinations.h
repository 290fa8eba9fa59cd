// Topic rule destinations (actions.md 4.11): URLs that have confirmed that they want what rules
// post. The registry holds them; this is what the loop knows of them, and who asks for the
// confirmation:
//
//   create ── POST confirmationUrl?confirmationToken=… ──> IN_PROGRESS ── token comes back ──>
//   DISABLED <── update ──> ENABLED
//
// With sinks.http.require_confirmation rules post only below the URL of one that is ENABLED.
// Without it they post anywhere, and a new destination is ENABLED at once.
// Thread: loop, but for the functions that have a database.
#ifndef WR_ENGINE_ADMIN_DESTINATIONS_H
#define WR_ENGINE_ADMIN_DESTINATIONS_H

#include <uv.h>

#include "engine/admin/tenants.h"
#include "engine/registry/registry.h"
#include "engine/rules/rule.h"

struct wr_admin;
struct wr_config;
struct wr_destinations;
struct wr_destinations_copy;

#define WR_DESTINATION_TOKEN_LEN 64
#define WR_DESTINATION_HTTP_MAX  1000 // per account (actions.md 1.2)
#define WR_DESTINATION_VPC_MAX   5    // per account and region
#define WR_DESTINATION_URL_MAX   2000 // API model

// The config is lent until close.
struct wr_destinations *wr_destinations_new(uv_loop_t *loop, const struct wr_config *config,
                                            struct wr_tenants *tenants);
// `done` when nobody is being asked any more; before the registry is closed. NULL: at once.
void wr_destinations_close(struct wr_destinations *d, void (*done)(void *user), void *user);
void wr_destinations_free(struct wr_destinations *d); // after that; before the tenants are

// sinks.http.require_confirmation.
bool wr_destinations_confirm(const struct wr_destinations *d);

// A rule of this name (with its label) may post to `url`: a destination of its tenant and region
// that is ENABLED covers it, or none has to.
bool wr_destinations_cover(const struct wr_destinations *d, wr_str rule, wr_str url);

// The InfluxDB of this ARN, if a rule of this name may write there: wr_sinks_options.destination.
bool wr_destinations_influx(const struct wr_destinations *d, wr_str rule, wr_str arn,
                            struct wr_sink_destination *out);

// Who reads secrets; lent until close. NULL is accepted for `d`.
void wr_destinations_set_secrets(struct wr_destinations *d,
                                 void (*read)(void *user, struct wr_secret_ask *ask), void *user);

// Whoever changes the table reads it anew in the same transaction, and has it taken after the
// commit. Give; NULL after a failure of the database. Thread: the registry's.
struct wr_destinations_copy *wr_destinations_read(struct wr_db *db);
void wr_destinations_copy_free(void *copy);
void wr_destinations_take(struct wr_destinations *d, struct wr_destinations_copy *copy);

// A new one. Writes its id and, when it is http and has to be confirmed, its token; else that is
// "". False: there is one for this URL already. Thread: the registry's.
struct wr_destination_new {
    char id[37];
    char token[WR_DESTINATION_TOKEN_LEN + 1];
};
bool wr_destinations_insert(struct wr_db *db, int64_t realm, const char *kind,
                            const json_t *settings, const char *url, bool confirm, int64_t now_ms,
                            struct wr_destination_new *out);
void wr_destinations_make_token(char token[WR_DESTINATION_TOKEN_LEN + 1]);

// Ask `url` for its confirmation. What becomes of it is noted in the registry (statusReason).
void wr_destinations_ask(struct wr_destinations *d, struct wr_registry *registry,
                         const struct wr_admin *admin, const char *arn, const char *id,
                         const char *url, const char *token);

// Ask an InfluxDB whether it takes the token; `settings` are those of its row. It is ENABLED or in
// ERROR then (actions.md 4.22).
void wr_destinations_check(struct wr_destinations *d, struct wr_registry *registry, const char *id,
                           const json_t *settings);

// What a rule's http actions need confirmed: each URL once, in `urls` (room for
// WR_RULE_ACTIONS_MAX + 1), borrowed from the rule. SIZE_MAX with a fault: a URL with templates and
// no confirmationUrl.
size_t wr_destinations_of_rule(const struct wr_rule *rule, wr_str *urls, struct wr_fault *fault);

#endif
