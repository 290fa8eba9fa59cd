// source.json in the state folder: the client id, made once, so that the persistent session is
// found again; and the filters subscribed to with their identifiers. dependencies.md 1.10. Thread:
// loop. Blocks for the disk; used when filters change, not on the message path.
#ifndef WR_ENGINE_MQTT_STATE_H
#define WR_ENGINE_MQTT_STATE_H

#include "engine/mqtt/subs.h"
#include "sql/base/err.h"

#define WR_SOURCE_STATE_MAX (64 * 1024 * 1024) // bytes of source.json that are read

struct wr_source_state {
    char *path;   // of source.json
    char *broker; // mqtt.url the subscriptions belong to; NULL: none yet
    char *client_id;
    int lock; // descriptor of source.lock: two of weir must not share a session
};

// Lock the folder and read the file into `state` and `subs` (initialised, empty). Without a file:
// client_id and broker NULL. WR_ERR_BUSY: another weir uses the folder. WR_ERR_CORRUPT: damaged;
// the fault says what to do. On failure nothing is held.
// `name`: wr_mqtt_source_name(); the file is NAME.json.
wr_err wr_source_state_open(const char *state_dir, const char *name, struct wr_source_state *state,
                            struct wr_subs *subs, struct wr_fault *fault) WR_MUST_CHECK;
// Write the file anew: another file, fsync, rename, fsync of the folder.
wr_err wr_source_state_save(const struct wr_source_state *state, struct wr_subs *subs,
                            struct wr_fault *fault) WR_MUST_CHECK;
void wr_source_state_close(struct wr_source_state *state);

#endif
