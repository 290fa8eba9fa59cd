// The local form of kafka: any broker without TLS (sinks.kafka.bootstrap), or files.
#include <stdlib.h>

#include "sinks/kafka/action.h"
#include "sinks/kafka/files.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    {"bootstrap", WR_OPT_STRING, 0,
     .help = "Brokers, \"host:port,host:port\", that records go to instead of those of the rule, "
             "spoken to in the clear; without it records go to files."},
    {"partitions", WR_OPT_INT, 0, "4", .min = 1, .max = 1000,
     .help = "Partitions of every topic that is files."},
    WR_KAFKA_SETTINGS,
    {0},
};

struct local {
    struct wr_sink *sink;
    struct wr_kafka_clients *clients; // or
    struct wr_kafka_files *files;
    char *bootstrap;
    unsigned max_hops;
    void (*done)(struct wr_sink *self); // set while closing
};

static wr_err local_open(struct wr_sink *self, const struct wr_settings *settings,
                         struct wr_fault *fault)
{
    struct wr_kafka_options o;
    wr_err err = wr_kafka_settings_read(settings, self->host, &o, fault);
    if (err) {
        return err;
    }
    struct local *state = wr_zalloc(sizeof *state);
    state->sink = self;
    state->max_hops = (unsigned)wr_settings_int(settings, "max_hops");
    state->bootstrap = wr_strdup(wr_str_of(wr_settings_get(settings, "bootstrap")));
    o.bootstrap = state->bootstrap;
    if (*o.bootstrap) {
        state->clients = wr_kafka_clients_new(&o);
    } else {
        int32_t partitions = (int32_t)wr_settings_int(settings, "partitions");
        err = wr_kafka_files_open(self->host, partitions, &state->files, fault);
    }
    if (err) {
        free(state->bootstrap);
        free(state);
        return err;
    }
    self->state = state;
    return WR_OK;
}

static void local_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct local *state = self->state;
    struct wr_kafka_send *send = wr_kafka_send_of(rec, self->host, state->max_hops);
    if (send && state->files) {
        wr_kafka_files_submit(state->files, rec, send);
    } else if (send) {
        wr_kafka_clients_submit(state->clients, rec, send);
    }
}

static void on_closed(void *user)
{
    struct local *state = user;
    struct wr_sink *sink = state->sink;
    void (*done)(struct wr_sink *) = state->done;
    free(state->bootstrap);
    free(state);
    sink->state = NULL;
    done(sink);
}

static void local_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct local *state = self->state;
    state->done = done;
    if (state->files) {
        wr_kafka_files_close(state->files, on_closed, state);
    } else {
        wr_kafka_clients_close(state->clients, on_closed, state);
    }
}

const struct wr_sink_impl wr_sink_kafka = {
    WR_KAFKA_ACTION,
    .form = "Lines of local/kafka/TOPIC/PARTITION.ndjson of the state folder; with bootstrap, any "
            "broker that is spoken to in the clear.",
    .settings = settings_table,
    .open = local_open,
    .submit = local_submit,
    .close = local_close,
};
