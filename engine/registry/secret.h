// Bytes that must not be seen: random ones, and how they are forgotten.
// Thread: any.
#ifndef WR_REGISTRY_SECRET_H
#define WR_REGISTRY_SECRET_H

#include "sql/base/buf.h"

#include <stdint.h>

// `len` bytes of the system's random generator. Its failure ends the process: going on without
// would give keys that can be guessed.
void wr_secret_random(void *to, size_t len);

// `len` characters of `alphabet` (2 to 256 different ones), each equally likely; not terminated.
void wr_secret_random_text(char *to, size_t len, wr_str alphabet);

// Overwritten, in a way that the compiler does not leave out. `at` may be NULL with `len` 0.
void wr_secret_wipe(void *at, size_t len);

// The content and the room behind it are overwritten, then released. A secret's buffer gets its
// room with one wr_buf_reserve() before the first byte: growing leaves copies behind.
void wr_secret_release(struct wr_buf *b);

// Whether both are the same, in a time that depends on their lengths only.
bool wr_secret_eq(wr_str a, wr_str b);

#endif
