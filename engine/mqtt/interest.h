// What the source is subscribed to: carries the rules' wishes to the broker step by step (subs.h)
// and keeps source.json. The source drives it with the events of its connection. Thread: loop.
#ifndef WR_ENGINE_MQTT_INTEREST_H
#define WR_ENGINE_MQTT_INTEREST_H

#include "engine/config.h"
#include "engine/mqtt/session.h"
#include "engine/mqtt/state.h"
#include "sql/base/clock.h"

#include <uv.h>

// Embedded by value. Fields are private but for `state.client_id`.
struct wr_interest {
    const struct wr_config *config;
    struct wr_subscriber link;
    bool up; // `link` may be used
    struct wr_source_state state;
    struct wr_subs subs;
    struct wr_filters wanted; // as told
    struct wr_client_session session;
    uv_timer_t quiet;
    wr_mono last_message, unwanted_since;
    unsigned forgive_s, ticks_to_forgive; // ticks 0: nothing to forgive
    bool one_by_one;  // a connection ended while SUBSCRIBEs were under way: find out which
    char *suspect;    // the filter that was asked for alone when one ended, or NULL
    unsigned strikes; // how often
};

// Lock the state folder, read or make the client id.
wr_err wr_interest_open(struct wr_interest *i, uv_loop_t *loop, const struct wr_config *config,
                        struct wr_fault *fault) WR_MUST_CHECK;
// Save, unlock, free; `closed` when the handle is closed. Only after open.
void wr_interest_close(struct wr_interest *i, uv_close_cb closed, void *data);

// Exactly these filters from now on.
void wr_interest_want(struct wr_interest *i, const wr_str *filters, size_t count);

// The connection. `link` is copied, and used until `down`.
void wr_interest_up(struct wr_interest *i, const struct wr_subscriber *link,
                    const struct wr_client_session *session);
void wr_interest_down(struct wr_interest *i, const char *why);
void wr_interest_tick(struct wr_interest *i); // each second
// SUBACK; true when everything that is wanted is now granted or refused.
bool wr_interest_subscribed(struct wr_interest *i, int mid, int granted);
void wr_interest_unsubscribed(struct wr_interest *i, int mid);

// Whether to handle a copy with these subscription identifiers (filters.h).
bool wr_interest_take(const struct wr_interest *i, wr_str topic, const uint32_t *ids, size_t count);
// Messages have come: queued copies may still be on their way.
void wr_interest_heard(struct wr_interest *i);

#endif
