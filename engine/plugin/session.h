// The clients that are connected with a certificate: found by the broker's context and by client
// id. Thread: the broker's only one.
#ifndef WR_ENGINE_PLUGIN_SESSION_H
#define WR_ENGINE_PLUGIN_SESSION_H

#include "engine/plugin/certificate.h"
#include "engine/registry/status.h"

struct mosquitto;

struct wr_session {
    const struct mosquitto *client;
    uint8_t sha256[WR_STATUS_SHA256];
    char hex[2 * WR_STATUS_SHA256 + 1];
    char *client_id, *address;            // own
    char *username;                       // own: "<tenant>/<certificate id>"
    size_t tenant_len;                    // of username
    bool dropped;                         // by us
    struct wr_certificate_values *values; // of policy variables; NULL: not asked for yet
    // From the table in force.
    struct wr_status_record record;
    bool has_thing;
    struct wr_status_found thing;
    struct wr_session *next_client_, *next_id_; // in the chains
};

struct wr_sessions {
    struct wr_session **clients_, **ids_; // heads of chains
    size_t room_, count;
};

void wr_sessions_release(struct wr_sessions *s);
struct wr_session *wr_sessions_find(const struct wr_sessions *s, const struct mosquitto *client);
// The one connected with this client id, or NULL.
struct wr_session *wr_sessions_by_id(const struct wr_sessions *s, const char *client_id);
// Replaces one of the same client. The texts are copied, `address` may be NULL.
struct wr_session *wr_sessions_add(struct wr_sessions *s, const struct mosquitto *client,
                                   const char *client_id, const char *address,
                                   const uint8_t sha256[WR_STATUS_SHA256], wr_str tenant);
// Take it out; give: wr_session_free().
void wr_sessions_remove(struct wr_sessions *s, struct wr_session *session);
void wr_session_free(struct wr_session *session);
// All of them; `visit` must not add or remove.
void wr_sessions_each(const struct wr_sessions *s, void (*visit)(void *, struct wr_session *),
                      void *user);

#endif
