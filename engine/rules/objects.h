// Objects of the local S3 that statements read: struct wr_sql_host.object. Read once and kept.
//
// Thread: any, but for making and freeing it. What was read is in a list that only grows, at its
// front: it is published whole and read without a lock; whoever reads an object holds one.
#ifndef WR_ENGINE_RULES_OBJECTS_H
#define WR_ENGINE_RULES_OBJECTS_H

#include "sql/base/str.h"

#define WR_OBJECTS_MAX 256 // kept at once; a further one is as good as missing

struct wr_objects;

// Give. `state_dir` is kept, not copied.
struct wr_objects *wr_objects_new(const char *state_dir);
void wr_objects_free(struct wr_objects *o);

// `user` is the wr_objects. Blocks when the object is read, the first time. One that is missing is
// looked for again each time, so that it may be put there later; a later version of one that was
// read is not seen. An object over WR_SQL_OBJECT_MAX has `*bytes` of one byte more, at NULL.
bool wr_objects_find(void *user, wr_str bucket, wr_str key, wr_str *bytes);

#endif
