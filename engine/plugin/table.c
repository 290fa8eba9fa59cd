#include "engine/plugin/table.h"

#include <stdio.h>

#include "sql/base/banned.h"

#define TRY_AGAIN_US 1000000 // a file that could not be read: perhaps now

void wr_table_init(struct wr_table *t, const char *path, int64_t grace_s)
{
    *t = (struct wr_table){.path = path, .grace_us = grace_s * 1000000, .missing = true};
    snprintf(t->why, sizeof t->why, "%s has not been there yet", path);
}

void wr_table_release(struct wr_table *t)
{
    wr_buf_release(&t->bytes_);
    *t = (struct wr_table){0};
}

static enum wr_table_change fail(struct wr_table *t, const char *why, int64_t now_us)
{
    bool first = !t->damaged;
    if (first) {
        t->damaged_us = now_us;
    }
    t->damaged = true;
    snprintf(t->why, sizeof t->why, "%s", why);
    return WR_TABLE_FAILED;
}

// What has been read replaces the table in force, if it is one.
static enum wr_table_change take(struct wr_table *t, struct wr_buf *bytes, int64_t now_us)
{
    struct wr_status status;
    struct wr_fault fault = {0};
    if (wr_status_open(wr_buf_str(bytes), &status, &fault) != WR_OK) {
        wr_buf_release(bytes);
        return fail(t, fault.text, now_us);
    }
    wr_buf_release(&t->bytes_);
    t->bytes_ = *bytes;
    t->status = status;
    t->have = true;
    t->damaged = false;
    return WR_TABLE_NEW;
}

enum wr_table_change wr_table_refresh(struct wr_table *t, int64_t now_us)
{
    struct wr_status_file now;
    if (!wr_status_look(t->path, &now)) {
        bool was = t->missing;
        t->missing = true;
        t->seen_ = false;
        snprintf(t->why, sizeof t->why, "%s is not there", t->path);
        return was ? WR_TABLE_SAME : WR_TABLE_FAILED;
    }
    t->missing = false;
    if (t->seen_ && wr_status_same(&now, &t->file_) &&
        (!t->damaged || now_us < t->tried_us + TRY_AGAIN_US)) {
        return WR_TABLE_SAME;
    }
    bool same = t->seen_ && wr_status_same(&now, &t->file_);
    struct wr_buf bytes = {0};
    struct wr_fault fault = {0};
    t->tried_us = now_us;
    t->seen_ = true;
    t->file_ = now;
    enum wr_table_change change;
    if (wr_status_load(t->path, &bytes, &t->file_, &fault) != WR_OK) {
        wr_buf_release(&bytes);
        change = fail(t, fault.text, now_us);
    } else {
        change = take(t, &bytes, now_us);
    }
    // Said once for a file, not at every try.
    return change == WR_TABLE_FAILED && same ? WR_TABLE_SAME : change;
}

bool wr_table_is_fresh(const struct wr_table *t, int64_t now_us, const char **why)
{
    if (t->missing || !t->have || (t->damaged && now_us - t->damaged_us >= t->grace_us)) {
        *why = t->why;
        return false;
    }
    return true;
}
