// One line on a terminal that says how far a long command is; nothing where stderr is no terminal.
// Thread: the owner's.
#ifndef WR_ENGINE_CLI_PROGRESS_H
#define WR_ENGINE_CLI_PROGRESS_H

#include "sql/base/clock.h"

#include <stdbool.h>

// Zeroed but for `on`; wr_progress_init() looks whether there is a terminal.
struct wr_progress {
    bool on, shown;
    wr_mono start, next;
};

void wr_progress_init(struct wr_progress *p);
// True a few times a second: then it is time for wr_progress_show(). Cheap.
bool wr_progress_due(struct wr_progress *p);
// `done` of `total` bytes (total 0: not known, no bar), messages so far, and `note` behind it ("").
void wr_progress_show(struct wr_progress *p, uint64_t done, uint64_t total, uint64_t messages,
                      const char *note);
// Take the line away, before anything else is printed.
void wr_progress_clear(struct wr_progress *p);

// 1,234,567 into `out`, which is returned; 32 bytes are enough.
const char *wr_progress_count(uint64_t n, char out[32]);
// "1.2 MB" into `out`, which is returned.
const char *wr_progress_size(uint64_t bytes, char out[32]);

#endif
