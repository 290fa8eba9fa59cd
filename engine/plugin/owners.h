// Whose session a client id is while its device is away: a device of another tenant must not take
// it over, for the messages that wait in it would be lost. For a day; the broker's sessions are not
// asked, for it has no call that tells of them.
// Thread: the broker's only one.
#ifndef WR_ENGINE_PLUGIN_OWNERS_H
#define WR_ENGINE_PLUGIN_OWNERS_H

#include "sql/base/str.h"

#include <stdint.h>

#define WR_OWNERS_MAX    100000                  // about 20 MB; the oldest give way
#define WR_OWNERS_KEEP_S (INT64_C(24) * 60 * 60) // or a client id would be gone with its first user

struct wr_owner;
struct wr_owners {
    struct wr_owner **slots_;
    size_t room_, count;
    struct wr_owner *oldest_, *newest_;
};

void wr_owners_release(struct wr_owners *o);
void wr_owners_set(struct wr_owners *o, const char *client_id, wr_str tenant, int64_t now_us);
void wr_owners_clear(struct wr_owners *o, const char *client_id);
// Whether the client id is a session of another tenant than `tenant`.
bool wr_owners_is_other(const struct wr_owners *o, const char *client_id, wr_str tenant,
                        int64_t now_us);

#endif
