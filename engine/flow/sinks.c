// Opens, hosts and closes sinks.
#include "engine/flow/sinks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

// What weir.yaml says of a kind; -1: nothing.
struct limits {
    int64_t attempts, budget_ms, base_ms, throttled_base_ms, cap_ms, circuit, in_flight, memory;
};

struct wr_sinks {
    struct wr_sinks_options options;
    struct wr_sink_host host;
    struct wr_sink *sinks; // by kind
    bool *open;
    struct limits *limits;
    size_t count;
    size_t closing; // the kind that is closed now
    void (*done)(void *user);
    void *done_user;
};

static void host_log(const struct wr_sink_host *host, enum wr_log_level level, const char *format,
                     ...) WR_PRINTF(3, 4);

static void host_log(const struct wr_sink_host *host, enum wr_log_level level, const char *format,
                     ...)
{
    if (!wr_log_enabled(level)) {
        return;
    }
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    wr_log(level, "sinks", "%s", line);
}

static void host_publish(const struct wr_sink_host *host, const struct wr_publish *publish)
{
    struct wr_sinks *s = host->user;
    s->options.publish(s->options.publish_user, publish);
}

struct wr_sinks *wr_sinks_new(const struct wr_sinks_options *options)
{
    struct wr_sinks *s = wr_zalloc(sizeof *s);
    s->options = *options;
    while (options->kinds[s->count]) {
        s->count++;
    }
    wr_assert(s->count <= 64); // sets of kinds have a bit each
    s->sinks = wr_zalloc((s->count + 1) * sizeof *s->sinks);
    s->open = wr_zalloc((s->count + 1) * sizeof *s->open);
    s->limits = wr_zalloc((s->count + 1) * sizeof *s->limits);
    s->host = (struct wr_sink_host){.loop = options->loop,
                                    .state_dir = options->state_dir,
                                    .log = host_log,
                                    .publish = options->publish ? host_publish : NULL,
                                    .user = s};
    return s;
}

void wr_sinks_free(struct wr_sinks *s)
{
    if (s) {
        free(s->sinks);
        free(s->open);
        free(s->limits);
        free(s);
    }
}

const struct wr_sink_impl *const *wr_sinks_kinds(const struct wr_sinks *s)
{
    return s->options.kinds;
}

static int64_t limit(const struct wr_settings *settings, const char *name)
{
    const char *text = settings ? wr_settings_get(settings, name) : "";
    return *text ? wr_settings_int(settings, name) : -1;
}

static struct limits read_limits(const struct wr_settings *s)
{
    return (struct limits){
        .attempts = limit(s, "retry.attempts"),
        .budget_ms = limit(s, "retry.budget"),
        .base_ms = limit(s, "retry.base"),
        .throttled_base_ms = limit(s, "retry.throttled_base"),
        .cap_ms = limit(s, "retry.cap"),
        .circuit = limit(s, "retry.circuit"),
        .in_flight = limit(s, "in_flight"),
        .memory = limit(s, "memory"),
    };
}

struct wr_retry_policy wr_sinks_retry(const struct wr_sinks *s, size_t kind,
                                      const struct wr_retry_policy *general)
{
    const struct limits *l = &s->limits[kind];
    struct wr_retry_policy p = *general;
    p.attempts = l->attempts >= 0 ? (unsigned)l->attempts : p.attempts;
    p.budget_ms = l->budget_ms >= 0 ? l->budget_ms : p.budget_ms;
    p.base_ms = l->base_ms >= 0 ? l->base_ms : p.base_ms;
    p.throttled_base_ms = l->throttled_base_ms >= 0 ? l->throttled_base_ms : p.throttled_base_ms;
    p.cap_ms = l->cap_ms >= 0 ? l->cap_ms : p.cap_ms;
    p.circuit = l->circuit >= 0 ? (unsigned)l->circuit : p.circuit;
    return p;
}

size_t wr_sinks_in_flight(const struct wr_sinks *s, size_t kind)
{
    int64_t n = s->limits[kind].in_flight;
    return n >= 0 ? (size_t)n : SIZE_MAX;
}

size_t wr_sinks_memory(const struct wr_sinks *s, size_t kind)
{
    int64_t n = s->limits[kind].memory;
    return n >= 0 ? (size_t)n : SIZE_MAX;
}

size_t wr_sinks_count(const struct wr_sinks *s)
{
    return s->count;
}

wr_err wr_sinks_require(struct wr_sinks *s, size_t kind, struct wr_fault *fault)
{
    if (s->open[kind]) {
        return WR_OK;
    }
    struct wr_sink *sink = &s->sinks[kind];
    *sink = (struct wr_sink){.impl = s->options.kinds[kind], .host = &s->host, .user = s};
    const struct wr_settings *settings =
        s->options.config ? wr_config_sink(s->options.config, sink->impl) : NULL;
    wr_err err = sink->impl->open(sink, settings, fault);
    if (err) {
        wr_fault_prefix(fault, "sink %s", sink->impl->name);
        return err;
    }
    s->limits[kind] = read_limits(settings);
    s->open[kind] = true;
    return WR_OK;
}

struct wr_sink *wr_sinks_at(const struct wr_sinks *s, size_t kind)
{
    return s->open[kind] ? &s->sinks[kind] : NULL;
}

static void close_next(struct wr_sinks *s);

static void on_closed(struct wr_sink *sink)
{
    struct wr_sinks *s = sink->user;
    s->open[s->closing++] = false;
    close_next(s);
}

static void close_next(struct wr_sinks *s)
{
    while (s->closing < s->count && !s->open[s->closing]) {
        s->closing++;
    }
    if (s->closing < s->count) {
        struct wr_sink *sink = &s->sinks[s->closing];
        sink->impl->close(sink, on_closed);
    } else {
        s->done(s->done_user);
    }
}

void wr_sinks_close(struct wr_sinks *s, void (*done)(void *user), void *user)
{
    s->done = done;
    s->done_user = user;
    s->closing = 0;
    close_next(s);
}
