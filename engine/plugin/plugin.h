// weir-mosquitto.so: who may connect to mosquitto and do what, as weir's registry says
// (control-plane.md 7). What it cannot find out it refuses.
// Thread: the broker's only one; nothing here waits.
//
//   BASIC_AUTH  certificate → status table → iot:Connect → username "<tenant>/<certificate id>"
//   ACL_CHECK   tenant's prefix → iot:Publish, iot:RetainPublish, iot:Subscribe, iot:Receive
//   MESSAGE     weir-… user properties out, weir-origin in (registry/origin.h)
//   TICK        table replaced? → sessions that it bars are dropped
//   DISCONNECT  forget; each with an event to weir (registry/broker_events.h)
#ifndef WR_ENGINE_PLUGIN_PLUGIN_H
#define WR_ENGINE_PLUGIN_PLUGIN_H

#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
// After the two above, which declare what it would declare again.
#include <mosquitto.h>

#include "engine/plugin/events.h"
#include "engine/plugin/owners.h"
#include "engine/plugin/session.h"
#include "engine/plugin/setup.h"
#include "engine/plugin/table.h"
#include "engine/registry/origin.h"

struct wr_plugin {
    mosquitto_plugin_id_t *id;
    struct wr_setup setup;
    struct wr_table table;
    struct wr_sessions sessions;
    struct wr_owners owners; // of sessions whose device is away
    struct wr_events events;
    bool has_key;
    struct wr_origin_key key;
    bool ticking;               // the broker has ticked: it can drop sessions
    bool told_bypass;           // said once
    bool told_table;            // weir has been told of the table in force
    struct wr_session *leaving; // just gone: the broker sends its Will next
};

// auth.c
int wr_plugin_on_auth(int event, void *data, void *user);
int wr_plugin_on_acl(int event, void *data, void *user);
int wr_plugin_on_disconnect(int event, void *data, void *user);
// Read the table again if it was replaced, and drop whom it bars.
void wr_plugin_refresh(struct wr_plugin *p);

// mark.c
int wr_plugin_on_message(int event, void *data, void *user);

#endif
