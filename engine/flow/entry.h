// What the spool and the dead-letter store keep of one rule on one message: the message, the
// result, and the parameters of each action, so that it can be delivered by another process than
// the one that evaluated it, and under other rules.
//
// The bytes begin with a version. A reader takes what it knows of a version that is not newer than
// its own; options are kept by name, so that their order may change.
// Thread: any.
#ifndef WR_ENGINE_FLOW_ENTRY_H
#define WR_ENGINE_FLOW_ENTRY_H

#include "sinks/sink.h"
#include "sql/sql.h"

#define WR_ENTRY_VERSION     2  // 2: parameters without their values
#define WR_ENTRY_ACTIONS_MAX 10 // of a rule; what is read may be damaged
#define WR_DELIVERY_ID_LEN   16

// Names one rule on one message, for ever: kept over retries, crashes and redrives. An action's
// records add their number to it.
struct wr_delivery_id {
    uint8_t at[WR_DELIVERY_ID_LEN];
};

enum wr_entry_state {
    WR_ENTRY_OPEN,      // to be delivered
    WR_ENTRY_DELIVERED, // of a dead letter: nothing to do when it is redriven
    WR_ENTRY_FAILED,    // of a dead letter: `resource` and `message` say why
};

struct wr_entry_action {
    wr_str kind; // "s3"
    enum wr_entry_state state;
    size_t param_count;
    const wr_str *names; // as read: of the parameters, all of which are set
    const struct wr_param *params;
    const struct wr_option *options; // to be written: the table of the parameters instead of names;
                                     // those that are not set are left out
    uint64_t secret; // a bit for each of `params`: of these only the names are kept, and those of
                     // their pairs. Who restores the action takes them from its rule
    wr_str resource, message;
};

struct wr_entry {
    struct wr_delivery_id id;
    wr_str rule;
    struct wr_sql_message message; // the caller's part
    uint8_t qos;
    bool retain;
    unsigned hops;
    uint16_t mid;         // packet identifier, 0 without: tells a second delivery (twice.h)
    uint64_t received_ms; // wall clock, for ages
    enum wr_dialect dialect;
    wr_str body;
    bool body_json;
    size_t action_count;
    const struct wr_entry_action *actions;
    bool has_error_action; // DEAD: the error action that did not take it
    struct wr_entry_action error_action;
    int64_t dead_ms; // of a dead letter: when; else 0
    wr_str reason;   // of a dead letter: one word, see enum wr_dead_reason
};

// Append the bytes of `e`.
void wr_entry_write(struct wr_buf *out, const struct wr_entry *e);

// Read them; what `out` points to lies in `bytes` and in `arena`. WR_ERR_UNSUPPORTED: a newer
// version. WR_ERR_CORRUPT: not an entry. WR_ERR_LIMIT: the arena is full.
wr_err wr_entry_read(wr_str bytes, struct wr_arena *arena, struct wr_entry *out,
                     struct wr_fault *fault) WR_MUST_CHECK;

// What a dead letter becomes in the spool when it is redriven: what failed is open again, except
// what never had parameters; what was delivered stays so. Lent until `dead` goes.
void wr_entry_redrive(const struct wr_entry *dead, struct wr_entry *out,
                      struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX]);

#endif
