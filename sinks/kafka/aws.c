// The real form of kafka: the brokers of the rule, with all its client properties. In mode record
// what would have been sent, as a line.
#include <stdlib.h>

#include "sinks/kafka/action.h"
#include "sinks/kafka/kerberos.h"
#include "sinks/kafka/verdict.h"
#include "sinks/lib/later.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    WR_KAFKA_SETTINGS,
    {0},
};

struct real {
    struct wr_sink *sink;
    struct wr_kafka_clients *clients; // NULL: record
    unsigned max_hops;
    void (*done)(struct wr_sink *self); // set while closing
};

static wr_err real_open(struct wr_sink *self, const struct wr_settings *settings,
                        struct wr_fault *fault)
{
    struct wr_kafka_options o;
    wr_err err = wr_kafka_settings_read(settings, self->host, &o, fault);
    if (err) {
        return err;
    }
    if (self->host->endpoint && *self->host->endpoint) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "endpoint: a rule names its brokers itself (bootstrap.servers); with "
                            "mode: local, sinks.kafka.bootstrap names others");
    }
    struct real *state = wr_zalloc(sizeof *state);
    state->sink = self;
    state->max_hops = (unsigned)wr_settings_int(settings, "max_hops");
    if (!self->host->record) {
        wr_kerberos_prepare(self->host->state_dir);
        state->clients = wr_kafka_clients_new(&o);
    }
    self->state = state;
    return WR_OK;
}

// ---- record

static void add_bytes(struct wr_buf *b, const char *name, wr_str bytes)
{
    if (wr_utf8_valid(bytes)) {
        wr_buf_addf(b, ",\"%s\":", name);
        wr_json_write_string(b, bytes);
    } else {
        wr_buf_addf(b, ",\"%sBase64\":\"", name);
        wr_buf_add_base64(b, bytes);
        wr_buf_add_char(b, '"');
    }
}

// No secrets: of the properties only these.
static void add_properties(struct wr_buf *b, const struct wr_param *p)
{
    static const char *const shown[] = {"bootstrap.servers", "security.protocol", "sasl.mechanism",
                                        "acks", "compression.type"};
    bool first = true;
    wr_buf_add(b, WR_STR(",\"clientProperties\":{"));
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; k < WR_COUNT(shown); k++) {
            if (wr_str_eq(p->keys[i], wr_str_of(shown[k]))) {
                wr_buf_addf(b, "%s\"%s\":", first ? "" : ",", shown[k]);
                wr_json_write_string(b, p->values[i]);
                first = false;
            }
        }
    }
    wr_buf_add_char(b, '}');
}

static void record(const struct wr_sink_host *host, struct wr_record *rec,
                   const struct wr_kafka_send *send)
{
    struct wr_buf b = {0};
    wr_buf_add(&b, WR_STR("\"method\":\"PRODUCE\",\"topic\":"));
    wr_json_write_string(&b, send->topic);
    if (send->partition >= 0) {
        wr_buf_addf(&b, ",\"partition\":%d", (int)send->partition);
    }
    if (send->key.at) {
        add_bytes(&b, "key", send->key);
    }
    wr_buf_add(&b, WR_STR(",\"headers\":["));
    for (size_t i = 0; i < send->header_count; i++) {
        wr_buf_add(&b, i ? WR_STR(",[") : WR_STR("["));
        wr_json_write_string(&b, send->header_keys[i]);
        wr_buf_add_char(&b, ',');
        wr_json_write_string(&b, send->header_values[i]);
        wr_buf_add_char(&b, ']');
    }
    if (send->hops) {
        wr_buf_addf(&b, "%s[\"" WR_HOPS_PROPERTY "\",\"%u\"]", send->header_count ? "," : "",
                    send->hops);
    }
    wr_buf_add_char(&b, ']');
    add_properties(&b, send->properties);
    add_bytes(&b, "body", rec->body);
    const char *why = host->record(host, wr_buf_str(&b));
    wr_buf_release(&b);
    if (why) {
        wr_kafka_fail(rec, send->topic, WR_RETRY, "LOCAL_FILE", why);
    } else {
        wr_record_settle(rec, WR_DELIVERED, NULL);
    }
}

// ---- the interface

static void real_submit(struct wr_sink *self, struct wr_record *rec)
{
    const struct real *state = self->state;
    struct wr_kafka_send *send = wr_kafka_send_of(rec, self->host, state->max_hops);
    if (send && state->clients) {
        wr_kafka_clients_submit(state->clients, rec, send);
    } else if (send) {
        record(self->host, rec, send);
    }
}

static void on_closed(void *user)
{
    struct real *state = user;
    struct wr_sink *sink = state->sink;
    void (*done)(struct wr_sink *) = state->done;
    free(state);
    sink->state = NULL;
    done(sink);
}

static void real_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct real *state = self->state;
    state->done = done;
    if (state->clients) {
        wr_kafka_clients_close(state->clients, on_closed, state);
        return;
    }
    free(state);
    self->state = NULL;
    wr_later_done(self, done);
}

const struct wr_sink_impl wr_sink_kafka_aws = {
    WR_KAFKA_ACTION,
    .form = "The brokers of the rule, with its client properties; one connection for each "
            "distinct set of them.",
    .settings = settings_table,
    .open = real_open,
    .submit = real_submit,
    .close = real_close,
};
