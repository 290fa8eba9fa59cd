#include "engine/plugin/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

static size_t client_slot(const struct wr_sessions *s, const struct mosquitto *client)
{
    return wr_hash_bytes(&client, sizeof client, wr_hash_seed) & (s->room_ - 1);
}

static size_t id_slot(const struct wr_sessions *s, const char *id)
{
    return wr_hash_str(wr_str_of(id)) & (s->room_ - 1);
}

static void link_in(struct wr_sessions *s, struct wr_session *session)
{
    struct wr_session **c = &s->clients_[client_slot(s, session->client)];
    struct wr_session **i = &s->ids_[id_slot(s, session->client_id)];
    session->next_client_ = *c;
    session->next_id_ = *i;
    *c = session;
    *i = session;
}

static void grow(struct wr_sessions *s)
{
    struct wr_sessions old = *s;
    s->room_ = old.room_ ? old.room_ * 2 : 64;
    s->clients_ = wr_zalloc(s->room_ * sizeof *s->clients_);
    s->ids_ = wr_zalloc(s->room_ * sizeof *s->ids_);
    for (size_t i = 0; i < old.room_; i++) {
        for (struct wr_session *at = old.clients_[i], *next; at; at = next) {
            next = at->next_client_;
            link_in(s, at);
        }
    }
    free(old.clients_);
    free(old.ids_);
}

struct wr_session *wr_sessions_find(const struct wr_sessions *s, const struct mosquitto *client)
{
    struct wr_session *at = s->room_ ? s->clients_[client_slot(s, client)] : NULL;
    while (at && at->client != client) {
        at = at->next_client_;
    }
    return at;
}

struct wr_session *wr_sessions_by_id(const struct wr_sessions *s, const char *client_id)
{
    struct wr_session *at = s->room_ ? s->ids_[id_slot(s, client_id)] : NULL;
    while (at && strcmp(at->client_id, client_id) != 0) {
        at = at->next_id_;
    }
    return at;
}

void wr_sessions_remove(struct wr_sessions *s, struct wr_session *session)
{
    struct wr_session **c = &s->clients_[client_slot(s, session->client)];
    while (*c != session) {
        c = &(*c)->next_client_;
    }
    *c = session->next_client_;
    struct wr_session **i = &s->ids_[id_slot(s, session->client_id)];
    while (*i != session) {
        i = &(*i)->next_id_;
    }
    *i = session->next_id_;
    s->count--;
}

void wr_session_free(struct wr_session *session)
{
    if (!session) {
        return;
    }
    free(session->client_id);
    free(session->address);
    free(session->username);
    wr_certificate_values_free(session->values);
    free(session);
}

struct wr_session *wr_sessions_add(struct wr_sessions *s, const struct mosquitto *client,
                                   const char *client_id, const char *address,
                                   const uint8_t sha256[WR_STATUS_SHA256], wr_str tenant)
{
    struct wr_session *old = wr_sessions_find(s, client);
    if (old) {
        wr_sessions_remove(s, old);
        wr_session_free(old);
    }
    if (s->count >= s->room_) {
        grow(s);
    }
    struct wr_session *session = wr_zalloc(sizeof *session);
    struct wr_buf name = {0}, hex = {0};
    session->client = client;
    memcpy(session->sha256, sha256, sizeof session->sha256);
    wr_buf_add_hex(&hex, sha256, WR_STATUS_SHA256);
    memcpy(session->hex, wr_buf_terminated(&hex), sizeof session->hex);
    wr_buf_add(&name, tenant);
    wr_buf_add_char(&name, '/');
    wr_buf_add(&name, wr_buf_str(&hex));
    session->username = wr_strdup(wr_buf_str(&name));
    session->tenant_len = tenant.len;
    session->client_id = wr_strdup(wr_str_of(client_id));
    session->address = wr_strdup(wr_str_of(address ? address : "-"));
    for (char *c = session->address; *c; c++) {
        *c = *c == ' ' ? '_' : *c; // a field of the origin property
    }
    wr_buf_release(&name);
    wr_buf_release(&hex);
    s->count++;
    link_in(s, session);
    return session;
}

void wr_sessions_each(const struct wr_sessions *s, void (*visit)(void *, struct wr_session *),
                      void *user)
{
    for (size_t i = 0; i < s->room_; i++) {
        for (struct wr_session *at = s->clients_[i]; at; at = at->next_client_) {
            visit(user, at);
        }
    }
}

void wr_sessions_release(struct wr_sessions *s)
{
    for (size_t i = 0; i < s->room_; i++) {
        for (struct wr_session *at = s->clients_[i], *next; at; at = next) {
            next = at->next_client_;
            wr_session_free(at);
        }
    }
    free(s->clients_);
    free(s->ids_);
    *s = (struct wr_sessions){0};
}
