#include "engine/mqtt/marks.h"

#include "engine/observe/log.h"

#include "sql/base/banned.h"

// Say it, a few times: somebody forges, or the key or a clock is wrong.
static void complain(const struct wr_message *m, wr_str property, enum wr_origin_verdict verdict)
{
    static struct wr_log_limit limit;
    wr_log_limited(&limit, WR_LOG_WARN, "mqtt",
                   "source: a message on '%.*s' has a property %.*s %s: taken out",
                   WR_STR_ARG(m->sql.topic), WR_STR_ARG(property),
                   verdict == WR_ORIGIN_STALE
                       ? "that is older than mqtt.mac_max_age, or of a clock "
                         "that is ahead"
                       : "without a good MAC (a forged Will? another "
                         "mqtt.mac_key_file than the broker's?)");
}

static void believe(struct wr_message *m, const struct wr_origin *origin)
{
    wr_str p = origin->principal;
    const char *slash = p.len ? memchr(p.at, '/', p.len) : NULL;
    m->sql.client_id = origin->client_id;
    m->sql.source_ip = origin->address;
    m->sql.principal = slash ? wr_str_cut(p, (size_t)(slash - p.at) + 1, p.len) : p;
}

void wr_marks_take(struct wr_message *m, const struct wr_origin_key *key, int64_t now_ms,
                   int64_t max_age_ms, struct wr_marks_stats *stats)
{
    struct wr_sql_message *s = &m->sql;
    // The list is the message's own, made a moment ago.
    struct wr_user_property *list = (struct wr_user_property *)(uintptr_t)s->user_properties;
    size_t kept = 0;
    bool good = false, account = false;
    for (size_t i = 0; i < s->user_property_count; i++) {
        wr_str name = list[i].key;
        if (!wr_str_starts(name, WR_STR(WR_ORIGIN_PREFIX))) {
            list[kept++] = list[i];
            continue;
        }
        struct wr_origin origin;
        enum wr_origin_verdict verdict = WR_ORIGIN_FORGED;
        if (wr_str_eq(name, WR_STR(WR_ORIGIN_PROPERTY))) {
            verdict = wr_origin_read(key, list[i].value, s->topic, s->payload, now_ms, max_age_ms,
                                     &origin);
        }
        if (verdict == WR_ORIGIN_GOOD) {
            believe(m, &origin);
            good = true;
            account = account || !memchr(origin.principal.at, '/', origin.principal.len);
        } else {
            stats->stripped++;
            stats->stale += verdict == WR_ORIGIN_STALE;
            complain(m, name, verdict);
        }
    }
    s->user_property_count = kept;
    stats->vouched += good;
    if (m->hops > 0 && !account) {
        m->hops = 0;
        stats->stripped++;
        complain(m, WR_STR(WR_HOPS_PROPERTY), WR_ORIGIN_FORGED);
    }
}
