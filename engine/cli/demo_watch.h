// What arrives in the local forms while the demo runs, a line each.
// Thread: start.
#ifndef WR_ENGINE_CLI_DEMO_WATCH_H
#define WR_ENGINE_CLI_DEMO_WATCH_H

#include "sql/base/str.h"

#include <stdint.h>

struct wr_demo_watch;

// Watch `state_dir`/local; borrowed until freed.
struct wr_demo_watch *wr_demo_watch_new(const char *state_dir);
void wr_demo_watch_free(struct wr_demo_watch *w);
// Print what is new since the last time.
void wr_demo_watch_look(struct wr_demo_watch *w);
// One line: seconds since the start, what kind, where, and a text that is cut to the line.
void wr_demo_watch_line(struct wr_demo_watch *w, const char *kind, wr_str where, wr_str text);
// Objects, rows and function results seen so far.
uint64_t wr_demo_watch_count(const struct wr_demo_watch *w);

#endif
