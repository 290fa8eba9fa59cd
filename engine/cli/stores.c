// Opens and closes the spool and the dead letters, and passes on what they say.
#include "engine/cli/stores.h"

#include <dirent.h>
#include <stdlib.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

static char *path_in(const char *dir, const char *name)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/%s", dir, name);
    char *copy = wr_strdup(wr_buf_str(&path));
    wr_buf_release(&path);
    return copy;
}

static void on_durable(void *user, uint64_t seq)
{
    struct wr_stores *s = user;
    s->events.durable(s->events.user, seq);
    s->events.room(s->events.user);
}

static void say_full(const char *dir, bool full, const char *why)
{
    wr_log(full ? WR_LOG_ERROR : WR_LOG_INFO, "spool", "%s: %s%s", dir, why,
           full ? "; nothing more is taken from the broker until there is room" : "");
}

static void on_full(void *user, bool full, const char *why)
{
    struct wr_stores *s = user;
    say_full(s->spool_dir, full, why);
    s->events.room(s->events.user);
}

static void on_dead_full(void *user, bool full, const char *why)
{
    struct wr_stores *s = user;
    s->dead_full = full;
    say_full(s->dead_dir, full, why);
    s->events.room(s->events.user);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    struct wr_stores *s = user;
    s->events.broken(s->events.user, fault);
}

// Segments of a weir that ran with `ack: durable`, or of `weir dead redrive`.
static bool has_segments(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool any = false;
    while (d && !any && (e = readdir(d))) {
        any = wr_str_ends(wr_str_of(e->d_name), WR_STR(".seg"));
    }
    if (d) {
        closedir(d);
    }
    return any;
}

wr_err wr_stores_open(struct wr_stores *s, uv_loop_t *loop, const struct wr_config *config,
                      const char *state_dir, const struct wr_stores_events *events,
                      struct wr_fault *fault)
{
    s->events = *events;
    s->spool_dir = path_in(state_dir, "spool");
    s->dead_dir = path_in(state_dir, "dead");
    const struct wr_dead_options dead = {.loop = loop,
                                         .dir = s->dead_dir,
                                         .max_bytes = (uint64_t)config->dead_max,
                                         .full = on_dead_full,
                                         .broken = on_broken,
                                         .user = s};
    wr_err err = wr_dead_open(&dead, &s->dead, fault);
    s->keeps = strcmp(config->ack, "durable") == 0;
    if (err || (!s->keeps && !has_segments(s->spool_dir))) {
        return err;
    }
    const struct wr_spool_options spool = {
        .loop = loop,
        .dir = s->spool_dir,
        .max_bytes = (uint64_t)config->spool_max,
        .max_name = "spool.max",
        .segment_bytes = (uint64_t)config->spool_segment,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken, .user = s},
    };
    return wr_spool_open(&spool, &s->spool, fault);
}

void wr_stores_tune(struct wr_stores *s, const struct wr_config *config)
{
    if (s->spool) {
        wr_spool_set_max(s->spool, (uint64_t)config->spool_max);
    }
    if (s->dead) {
        wr_dead_set_max(s->dead, (uint64_t)config->dead_max);
    }
}

bool wr_stores_busy(const struct wr_stores *s)
{
    return s->dead_full || (s->keeps && s->spool && wr_spool_busy(s->spool));
}

static void write_one(struct wr_buf *out, const char *name, const struct wr_spool_stats *stats)
{
    wr_buf_addf(out,
                ",\"%s\":{\"entries\":%llu,\"bytes\":%llu,\"segments\":%llu,\"written\":%llu,"
                "\"groups\":%llu,\"recovered\":%llu,\"damagedBatches\":%llu,"
                "\"missingSegments\":%llu,\"full\":%s}",
                name, (unsigned long long)stats->pending, (unsigned long long)stats->disk_bytes,
                (unsigned long long)stats->segments, (unsigned long long)stats->entries,
                (unsigned long long)stats->groups, (unsigned long long)stats->recovered,
                (unsigned long long)stats->damaged_batches,
                (unsigned long long)stats->missing_segments, stats->full ? "true" : "false");
}

void wr_stores_write(const struct wr_stores *s, struct wr_buf *out)
{
    struct wr_spool_stats stats;
    if (s->spool) {
        wr_spool_stats(s->spool, &stats);
        write_one(out, "spool", &stats);
    }
    if (s->dead) {
        wr_dead_stats(s->dead, &stats);
        write_one(out, "deadLetters", &stats);
    }
}

static void on_spool_closed(void *user)
{
    struct wr_stores *s = user;
    s->spool = NULL;
    free(s->spool_dir);
    free(s->dead_dir);
    s->spool_dir = s->dead_dir = NULL;
    s->closed(s->closed_user);
}

// The spool after the letters: what is kept there is done here.
static void on_dead_closed(void *user)
{
    struct wr_stores *s = user;
    s->dead = NULL;
    if (s->spool) {
        wr_spool_close(s->spool, on_spool_closed, s);
    } else {
        on_spool_closed(s);
    }
}

void wr_stores_close(struct wr_stores *s, void (*closed)(void *user), void *user)
{
    s->closed = closed;
    s->closed_user = user;
    if (s->dead) {
        wr_dead_close(s->dead, on_dead_closed, s);
    } else {
        on_dead_closed(s);
    }
}
