// Starting a process that gets nothing of ours: libraries open descriptors without close-on-exec
// (libmosquitto its sockets), and uv_spawn() hands on what it finds. A program that holds the
// broker's connection could read it; and it would keep it open after we closed it, so that epoll
// goes on to tell of the old connection under the number that the next one gets.
// Thread: the loop's.
#ifndef WR_SINKS_LIB_SPAWN_H
#define WR_SINKS_LIB_SPAWN_H

#include <uv.h>

// As uv_spawn(); the child has the descriptors of `options->stdio`, and no other.
int wr_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options);

#endif
