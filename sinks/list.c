// The kinds of action that weir performs, one line each, and the form of each for a mode. A new
// sink is added here and in meson.build, nowhere else.
#include "sinks/lib/blackhole.h"
#include "sinks/sink.h"

#include "sql/base/banned.h"

// BOTH(local form, AWS form), SAME(the one form of every mode), AWS(a form that has no local one
// yet), LOCAL(the reverse).
#define KINDS(BOTH, SAME, AWS, LOCAL)                              \
    BOTH(wr_sink_cloudwatch_logs, wr_sink_cloudwatch_logs_aws)     \
    BOTH(wr_sink_cloudwatch_metric, wr_sink_cloudwatch_metric_aws) \
    BOTH(wr_sink_cloudwatch_alarm, wr_sink_cloudwatch_alarm_aws)   \
    BOTH(wr_sink_timestream, wr_sink_timestream_aws)               \
    BOTH(wr_sink_step_functions, wr_sink_step_functions_aws)       \
    BOTH(wr_sink_elasticsearch, wr_sink_elasticsearch_aws)         \
    BOTH(wr_sink_open_search, wr_sink_open_search_aws)             \
    BOTH(wr_sink_iot_events, wr_sink_iot_events_aws)               \
    BOTH(wr_sink_iot_analytics, wr_sink_iot_analytics_aws)         \
    BOTH(wr_sink_iot_site_wise, wr_sink_iot_site_wise_aws)         \
    BOTH(wr_sink_location, wr_sink_location_aws)                   \
    LOCAL(wr_sink_dynamodb)                                        \
    LOCAL(wr_sink_dynamodb_v2)                                     \
    LOCAL(wr_sink_lambda)                                          \
    SAME(wr_sink_null)                                             \
    SAME(wr_sink_republish)                                        \
    BOTH(wr_sink_s3, wr_sink_s3_aws)

#define BOTH(local, aws) extern const struct wr_sink_impl local, aws;
#define ONE(impl)        extern const struct wr_sink_impl impl;
KINDS(BOTH, ONE, ONE, ONE)
#undef BOTH
#undef ONE

#define BOTH(local, aws) {&local, &aws},
#define SAME(impl)       {&impl, &impl},
#define AWS(impl)        {NULL, &impl},
#define LOCAL(impl)      {&impl, NULL},
const struct wr_sink_kind wr_sink_kinds[] = {KINDS(BOTH, SAME, AWS, LOCAL){0}};
#undef BOTH

#define BOTH(local, aws) &local,
#define ONE(impl)        &impl,
const struct wr_sink_impl *const wr_sink_list[] = {KINDS(BOTH, ONE, ONE, ONE) NULL};

const struct wr_sink_impl *wr_sink_find(wr_str name)
{
    for (size_t i = 0; wr_sink_list[i]; i++) {
        if (wr_str_eq(wr_str_of(wr_sink_list[i]->name), name)) {
            return wr_sink_list[i];
        }
    }
    return NULL;
}

const struct wr_sink_kind *wr_sink_kind_find(wr_str name)
{
    for (size_t i = 0; wr_sink_list[i]; i++) {
        if (wr_str_eq(wr_str_of(wr_sink_list[i]->name), name)) {
            return &wr_sink_kinds[i];
        }
    }
    return NULL;
}

const struct wr_sink_impl *wr_sink_form(const struct wr_sink_kind *kind, enum wr_mode mode,
                                        struct wr_sink_impl *room)
{
    switch (mode) {
    case WR_MODE_LOCAL:
        return kind->local;
    case WR_MODE_AWS:
    case WR_MODE_RECORD:
        return kind->aws;
    case WR_MODE_BLACKHOLE:
        *room = kind->local ? *kind->local : *kind->aws;
        room->form = wr_mode_help(mode);
        room->open = wr_blackhole_open;
        room->submit = wr_blackhole_submit;
        room->close = wr_blackhole_close;
        return room;
    case WR_MODE_COUNT:
        break;
    }
    return NULL;
}

static const char *const names[] = {
#define MODE(name, text, help) text,
    WR_MODE_MAP(MODE)
#undef MODE
};

static const char *const helps[] = {
#define MODE(name, text, help) help,
    WR_MODE_MAP(MODE)
#undef MODE
};

const char *wr_mode_name(enum wr_mode mode)
{
    return names[mode];
}

const char *wr_mode_help(enum wr_mode mode)
{
    return helps[mode];
}
