// Opens, hosts and closes sinks.
#include "engine/flow/sinks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

struct wr_sinks {
    struct wr_sinks_options options;
    struct wr_sink_host host;
    struct wr_sink *sinks; // by kind
    bool *open;
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
    s->sinks = wr_zalloc((s->count + 1) * sizeof *s->sinks);
    s->open = wr_zalloc((s->count + 1) * sizeof *s->open);
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
        free(s);
    }
}

const struct wr_sink_impl *const *wr_sinks_kinds(const struct wr_sinks *s)
{
    return s->options.kinds;
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
