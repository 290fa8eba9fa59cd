// `weir local … metrics|alarms|timestream`: rows of SQLite files (sinks/lib/local_rows.h).
#include "engine/cli/local.h"

#include "sinks/lib/local_rows.h"

#include "sql/base/banned.h"

// What one service has: a query for ls, and one for cat and tail.
struct kind {
    enum wr_local_rows_query ls, cat;
    const char *what;
};

static const struct kind metrics = {WR_LOCAL_NAMESPACES, WR_LOCAL_METRICS, "namespace"};
static const struct kind alarms = {WR_LOCAL_ALARMS, WR_LOCAL_CHANGES, "alarm"};
static const struct kind tables = {WR_LOCAL_TABLES, WR_LOCAL_RECORDS, "database"};

struct visit {
    const struct wr_local_asked *asked;
    int64_t last;
    bool found, quiet;
};

static bool show(wr_str text, bool plain)
{
    struct wr_buf b = {0};
    if (plain) {
        wr_local_print(text);
    } else {
        wr_buf_add(&b, text);
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static bool list_one(void *user, const struct wr_local_row *row)
{
    const struct visit *v = user;
    return v->asked->json ? show(row->json, false) : show(row->line, true);
}

static bool print_one(void *user, const struct wr_local_row *row)
{
    struct visit *v = user;
    v->found = true;
    v->last = row->seq > v->last ? row->seq : v->last;
    return v->quiet || show(row->json, false);
}

static wr_err ls(const struct wr_local_asked *a, const struct kind *kind, struct wr_fault *fault)
{
    struct visit v = {.asked = a};
    return wr_local_rows(a->state_dir, kind->ls, (wr_str){0}, (wr_str){0}, 0, list_one, &v, fault);
}

static wr_err look(const struct kind *kind, struct visit *v, struct wr_fault *fault)
{
    const struct wr_local_asked *a = v->asked;
    return wr_local_rows(a->state_dir, kind->cat, wr_str_of(a->name), wr_str_of(a->key), v->last,
                         print_one, v, fault);
}

static wr_err cat(const struct wr_local_asked *a, const struct kind *kind, struct wr_fault *fault)
{
    struct visit v = {.asked = a};
    wr_err err = look(kind, &v, fault);
    return err || v.found
               ? err
               : wr_fault_set(fault, WR_ERR_UNKNOWN, "%s %s%s%s: nothing is there", kind->what,
                              a->name, a->key ? " " : "", a->key ? a->key : "");
}

static wr_err tail(const struct wr_local_asked *a, const struct kind *kind, struct wr_fault *fault)
{
    struct visit v = {.asked = a, .quiet = true}; // what is there at the start is not shown
    wr_err err;
    do {
        err = look(kind, &v, fault);
        v.quiet = false;
    } while (!err && !ferror(stdout) && wr_local_wait(a));
    return err;
}

// SERVICE(kind, variable, name)
#define SERVICE(kind, variable, word)                                                 \
    static wr_err ls_##kind(const struct wr_local_asked *a, struct wr_fault *fault)   \
    {                                                                                 \
        return ls(a, &kind, fault);                                                   \
    }                                                                                 \
    static wr_err cat_##kind(const struct wr_local_asked *a, struct wr_fault *fault)  \
    {                                                                                 \
        return cat(a, &kind, fault);                                                  \
    }                                                                                 \
    static wr_err tail_##kind(const struct wr_local_asked *a, struct wr_fault *fault) \
    {                                                                                 \
        return tail(a, &kind, fault);                                                 \
    }                                                                                 \
    const struct wr_local_service variable = {                                        \
        .name = word,                                                                 \
        .ls = ls_##kind,                                                              \
        .cat = cat_##kind,                                                            \
        .tail = tail_##kind,                                                          \
        .may_key = true,                                                              \
    };

SERVICE(metrics, wr_local_metric_rows, "metrics")
SERVICE(alarms, wr_local_alarm_rows, "alarms")
SERVICE(tables, wr_local_timestream_rows, "timestream")
