// The subscriptions of the source's session: what is to be asked of the broker, what it has
// granted, and which copies of a message are taken. Pure logic; state.[hc] keeps it over restarts.
// Thread: loop.
//
// The order that loses nothing (dependencies.md 1.10):
//
//   plan ─► save ─► SUBSCRIBE the new ones ─► all granted ─► save ─► UNSUBSCRIBE the others ─► save
//           new, with ascending identifiers                  `leaving` forgotten
//
// From `leaving` on a filter counts as not present: copies that carry its identifier are taken.
#ifndef WR_ENGINE_MQTT_SUBS_H
#define WR_ENGINE_MQTT_SUBS_H

#include "engine/mqtt/filters.h"

enum wr_sub_phase {
    WR_SUB_ASK,      // SUBSCRIBE is to be sent on this connection
    WR_SUB_ASKED,    // SUBACK is awaited
    WR_SUB_ON,       // granted on this connection
    WR_SUB_UNWANTED, // still present; to be left when all others are on
    WR_SUB_LEAVE,    // UNSUBSCRIBE is to be sent
    WR_SUB_LEFT,     // UNSUBACK is awaited
};

struct wr_sub {
    wr_str filter; // as the broker knows it, `$share/…/` included
    uint32_t id;   // 0: without an identifier
    bool granted;  // the broker has said yes, on this connection or an earlier one
    bool leaving;
    enum wr_sub_phase phase;
    int mid;
};

struct wr_subs {
    struct wr_sub *at;
    size_t count, cap_;
    uint32_t next_id; // never used before
    struct wr_copies copies;
    bool dirty; // differs from what was saved: save before anything is sent
    bool late;  // the same, but only in what was granted or left: save when nothing is under way
    bool plan_again; // plan once more when nothing is asked for any longer
    wr_str *refused; // filters the broker refused, not asked for again until wr_subs_forgive()
    size_t refused_count;
};

#define WR_SUB_ID_MAX 268435455 // MQTT: a variable byte integer of four bytes

void wr_subs_init(struct wr_subs *s);
void wr_subs_release(struct wr_subs *s);
// One of the saved subscriptions. Copies the filter. wr_subs_lost() after the last.
void wr_subs_add_saved(struct wr_subs *s, wr_str filter, uint32_t id, bool granted, bool leaving);

// There is no connection. A filter that was asked for and not granted may or may not be at the
// broker: if it counted as present, a copy under a higher identifier could be left out in vain. So
// it counts as leaving from now on, before the first copies of the next connection come, and gets a
// new identifier.
void wr_subs_lost(struct wr_subs *s);

// A connection is up: everything is to be asked for again, or, when the broker has lost the
// session, forgotten if it was leaving. Plan afterwards.
void wr_subs_connected(struct wr_subs *s, bool session_present);
// Forget all: another broker or client id.
void wr_subs_clear(struct wr_subs *s);

// From now on `filters` are wanted, with identifiers or without. What is new gets the phase ASK,
// what is no longer wanted UNWANTED.
void wr_subs_plan(struct wr_subs *s, const struct wr_filters *filters, bool ids);

// The next one in `phase`, or NULL. Starts after `after` (NULL: at the first). Identifiers ascend.
struct wr_sub *wr_subs_next(struct wr_subs *s, enum wr_sub_phase phase, const struct wr_sub *after);
size_t wr_subs_count(const struct wr_subs *s, enum wr_sub_phase phase);

// SUBACK: false when `mid` is unknown. Refused: *filter is given (free() its bytes) and the
// subscription is forgotten; plan again.
bool wr_subs_granted(struct wr_subs *s, int mid, bool granted, wr_str *refused);
// The broker does not take this filter: forget it, and do not ask for it again until forgiven.
void wr_subs_refuse(struct wr_subs *s, wr_str filter);
// Mark everything UNWANTED as leaving; true when there was any. Save before sending.
bool wr_subs_leave(struct wr_subs *s);
// An UNSUBSCRIBE would be wrong: the same filter is wanted again under another identifier.
bool wr_subs_replaced(const struct wr_subs *s, const struct wr_sub *sub);
void wr_subs_remove(struct wr_subs *s, struct wr_sub *sub);
bool wr_subs_left(struct wr_subs *s, int mid); // UNSUBACK

bool wr_subs_is_refused(const struct wr_subs *s, wr_str filter);
void wr_subs_forgive(struct wr_subs *s);

#endif
