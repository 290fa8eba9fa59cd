// The status table that is in force at the broker: reads the file again when it has been replaced,
// keeps the last good one for a while when the new one is damaged.
// Thread: the broker's only one.
#ifndef WR_ENGINE_PLUGIN_TABLE_H
#define WR_ENGINE_PLUGIN_TABLE_H

#include "engine/registry/status.h"

#define WR_TABLE_GRACE_MAX_S 60 // control-plane.md 7.3: then nobody new gets in

struct wr_table {
    const char *path; // lent
    int64_t grace_us;
    bool have;               // `status` is a good table, perhaps an old one
    struct wr_status status; // lends from bytes_
    bool missing;            // there is no file now
    bool damaged;            // the file that is there now is not the table in force
    char why[WR_FAULT_TEXT_MAX];
    int64_t damaged_us; // of wr_mono: since when
    int64_t tried_us;
    struct wr_buf bytes_;
    struct wr_status_file file_; // what `status`, or the damage, is about
    bool seen_;
};

enum wr_table_change {
    WR_TABLE_SAME,
    WR_TABLE_NEW,    // another table is in force: look at every session again
    WR_TABLE_FAILED, // just now: `why`
};

void wr_table_init(struct wr_table *t, const char *path, int64_t grace_s);
void wr_table_release(struct wr_table *t);

// Look whether the file has been replaced; one system call when it has not.
enum wr_table_change wr_table_refresh(struct wr_table *t, int64_t now_us);

// Whether somebody new may get in by this table; if not, `*why`.
bool wr_table_is_fresh(const struct wr_table *t, int64_t now_us, const char **why);

#endif
