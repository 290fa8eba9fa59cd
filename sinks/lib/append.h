// Lines appended to files, many files below one folder: the local form of a queue, a log group, a
// stream, a topic. Crash-safe: a line that was answered without an error is whole, in its file, and
// synced (unless the options say otherwise); what a crash cut off is removed before the next line
// is written. All lines that wait are written in one turn on uv's thread pool, each file synced
// once.
//
//   FOLDER/{name}.ndjson             one name
//   FOLDER/{name}/{second}.ndjson    two
//   ….ndjson.1  ….ndjson.2           put aside when the file was full; the highest is the oldest
//
// (.ndjson, or the ending that the options name.)
//
// A name is a file's name, except (so that none leaves its folder, and each can be read back):
// control characters, % and / are %XX, so is a dot in front; the empty name is %0; after every 240
// bytes of a longer one a folder ends, with %+.
// Thread: loop, for what takes a struct wr_append; the rest any, and it blocks.
#ifndef WR_SINKS_LIB_APPEND_H
#define WR_SINKS_LIB_APPEND_H

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#include <uv.h>

#define WR_APPEND_NAME_MAX   512  // bytes: AWS's longest, a log group
#define WR_APPEND_PATH_MAX   3200 // two names escaped, three bytes for one, their splits, the ending
#define WR_APPEND_KEEP_MAX   99   // files put aside: the number has two digits
#define WR_APPEND_ENDING_MAX 7    // bytes: ".ndjson"
#define WR_APPEND_OPEN_MAX   64 // descriptors that stay open; with more files the oldest is closed

struct wr_append;

// What goes to one file in one piece. Lent until `done` is called with it.
struct wr_append_line {
    wr_str names[2]; // names[1].at NULL: only one
    wr_str text;     // whole lines, each with its line feed
    void *user;
    int error; // when it is done: 0, or an errno; then nothing of it is in the file. ENAMETOOLONG:
               // a name is over WR_APPEND_NAME_MAX
    struct wr_append_line *next;
    uint64_t hash_; // of the names
    struct wr_append_line *same_;
    bool taken_;
};

struct wr_append_options {
    const char *folder; // absolute; made, with what is missing above it
    int64_t size_max;   // a file this large is put aside before the next line; 0: never
    unsigned keep;      // how many of them; 0: the full file is removed
    bool sync;          // fdatasync() before a line is answered, against power loss
    unsigned open_max;  // descriptors; 0: WR_APPEND_OPEN_MAX
    const char *ending; // of files' names, lent until closed; NULL: ".ndjson"
    // Lines in the order they came, linked by `next`. From the loop.
    void (*done)(void *user, struct wr_append_line *lines);
    void *user;
};

// Blocks. Fault: WR_ERR_IO. Options are copied. Give: wr_append_close().
wr_err wr_append_open(uv_loop_t *loop, const struct wr_append_options *options,
                      struct wr_append **out, struct wr_fault *fault) WR_MUST_CHECK;

void wr_append_add(struct wr_append *a, struct wr_append_line *line);

// Write what waits (its `done` is called), then call `closed` from the loop and free.
void wr_append_close(struct wr_append *a, void (*closed)(void *user), void *user);

// ---- files' names

// "{name}.ndjson" or "{name}/{second}.ndjson", terminated. False: a name is too long. `ending`:
// NULL is ".ndjson".
bool wr_append_path(char out[WR_APPEND_PATH_MAX], const wr_str names[2],
                    const char *ending) WR_MUST_CHECK;

// Visit the files of `folder` in the order of their paths until `visit` returns false; no folder is
// no file. Only whole files' names count; what was put aside is not visited. `depth`: 1 or 2 names.
struct wr_append_file {
    wr_str names[2]; // lent until the visit ends
    const char *path;
    uint64_t size;
    int64_t modified_ms;
};
wr_err wr_append_list(const char *folder, int depth, const char *ending,
                      bool (*visit)(void *user, const struct wr_append_file *file), void *user,
                      struct wr_fault *fault) WR_MUST_CHECK;

#endif
