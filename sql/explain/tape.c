// Random bytes are kept as they are drawn.
#include "sql/explain/tape.h"

#include <sys/random.h>

#include "sql/base/banned.h"

#define TAPE_MAX (64u << 20) // bytes kept; a nested query may draw for each of its rows

static void random_bytes(void *user, void *at, size_t len)
{
    struct wr_tape *t = user;
    if (t->at + len > t->drawn.len) {
        size_t missing = t->at + len - t->drawn.len;
        char fresh[256];
        wr_assert(missing <= sizeof fresh && t->at <= t->drawn.len);
        if (t->real && t->real->random) {
            t->real->random(t->real->user, fresh, missing);
        } else {
            wr_assert(getrandom(fresh, missing, 0) == (ssize_t)missing);
        }
        if (t->drawn.len + missing > TAPE_MAX) { // from here on it is played from the beginning
            t->at = 0;
        } else {
            wr_buf_add(&t->drawn, (wr_str){fresh, missing});
        }
    }
    memcpy(at, t->drawn.at + t->at, len);
    t->at += len;
}

static void lookup(void *user, struct wr_lookup *l)
{
    struct wr_tape *t = user;
    t->real->lookup(t->real->user, l);
}

static bool zone(void *user, wr_str name, wr_str *tzif)
{
    struct wr_tape *t = user;
    return t->real->zone(t->real->user, name, tzif);
}

static bool object(void *user, wr_str bucket, wr_str key, wr_str *bytes)
{
    struct wr_tape *t = user;
    return t->real->object(t->real->user, bucket, key, bytes);
}

void wr_tape_init(struct wr_tape *t, const struct wr_sql_host *real)
{
    *t = (struct wr_tape){.real = real};
    t->host = (struct wr_sql_host){.user = t, .random = random_bytes};
    if (real) {
        t->host.account_id = real->account_id;
        t->host.lookup = real->lookup ? lookup : NULL;
        t->host.zone = real->zone ? zone : NULL;
        t->host.object = real->object ? object : NULL;
    }
}

void wr_tape_release(struct wr_tape *t)
{
    wr_buf_release(&t->drawn);
}
