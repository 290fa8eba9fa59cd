#include "engine/admin/broker_clients.h"

#include <stdlib.h>

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include "sql/base/banned.h"

struct wr_broker_clients {
    json_t *all; // "TENANT/CLIENT" to what is known; a tenant's name has no slash
};

struct wr_broker_clients *wr_broker_clients_new(void)
{
    struct wr_broker_clients *c = wr_zalloc(sizeof *c);
    c->all = json_object();
    return c;
}

void wr_broker_clients_free(struct wr_broker_clients *c)
{
    if (c) {
        json_decref(c->all);
        free(c);
    }
}

// Room for one more: those that are gone are forgotten, all at once, so that this is rare.
static bool make_room(struct wr_broker_clients *c)
{
    if (json_object_size(c->all) < WR_BROKER_CLIENTS_MAX) {
        return true;
    }
    const char *key;
    json_t *one;
    void *next;
    json_object_foreach_safe(c->all, next, key, one)
    {
        if (json_is_false(json_object_get(one, "connected"))) {
            json_object_del(c->all, key);
        }
    }
    return json_object_size(c->all) < WR_BROKER_CLIENTS_MAX;
}

void wr_broker_clients_event(struct wr_broker_clients *c, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "event"));
    const char *tenant = json_string_value(json_object_get(event, "tenant"));
    const char *client = json_string_value(json_object_get(event, "client"));
    bool connects = name && !strcmp(name, "connect");
    if (!tenant || !client || !(connects || (name && !strcmp(name, "disconnect")))) {
        return;
    }
    struct wr_buf key = {0};
    wr_buf_addf(&key, "%s/%s", tenant, client);
    const char *at = wr_buf_terminated(&key);
    if (json_object_get(c->all, at) || make_room(c)) {
        json_t *one = json_object();
        static const char *const kept[] = {"client", "at", "address", "certificate", "dropped"};
        for (size_t i = 0; i < WR_COUNT(kept); i++) {
            json_t *value = json_object_get(event, kept[i]);
            if (value) {
                json_object_set(one, kept[i], value);
            }
        }
        json_object_set_new(one, "connected", json_boolean(connects));
        json_object_set_new(c->all, at, one);
    }
    wr_buf_release(&key);
}

const json_t *wr_broker_clients_find(const struct wr_broker_clients *c, const char *tenant,
                                     const char *client)
{
    struct wr_buf key = {0};
    wr_buf_addf(&key, "%s/%s", tenant, client);
    const json_t *found = json_object_get(c->all, wr_buf_terminated(&key));
    wr_buf_release(&key);
    return found;
}

json_t *wr_broker_clients_of(const struct wr_broker_clients *c, const char *tenant, size_t max)
{
    struct wr_buf prefix = {0};
    wr_buf_addf(&prefix, "%s/", tenant);
    json_t *list = json_array();
    const char *key;
    json_t *one;
    json_object_foreach(c->all, key, one)
    {
        if (json_array_size(list) < max && json_is_true(json_object_get(one, "connected")) &&
            wr_str_starts(wr_str_of(key), wr_buf_str(&prefix))) {
            json_array_append(list, one);
        }
    }
    wr_buf_release(&prefix);
    return list;
}
