// Time zone files of the system's tz database, read once and kept: struct wr_sql_host.zone.
//
// Thread: any, but for wr_zones_release(). What was read is in a list that only grows, at its
// front: it is published whole and read without a lock; whoever reads a file holds one.
#ifndef WR_ENGINE_RULES_ZONES_H
#define WR_ENGINE_RULES_ZONES_H

#include "sql/base/str.h"

// `user` is ignored: the files are the process's. False for a name that is no zone; names that
// could leave the folder are none.
bool wr_zones_find(void *user, wr_str name, wr_str *tzif);
// Give everything back; at the end of the process, when no other thread evaluates.
void wr_zones_release(void);

#endif
