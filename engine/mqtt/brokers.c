// The brokers that republish publishes to: a publisher each, found by rule.
#include "engine/mqtt/mqtt.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/observe/log.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

// Handed to libmosquitto at once for the source's broker; further ones wait with us, uncopied.
#define SOURCE_WINDOW 1000

struct wr_brokers {
    uv_loop_t *loop;
    char *client_id;
    const struct wr_config *config;
    struct wr_publisher **publishers; // [0] is the source's, NULL until it is wanted
    struct wr_buf *names;             // "broker cloud"
    size_t count;
    bool closed_for_more;
    size_t closing;
    void (*done)(void *user);
    void *done_user;
};

static wr_err open_source(struct wr_brokers *b, struct wr_fault *fault)
{
    struct wr_buf id = {0};
    wr_buf_addf(&id, "%s-pub", b->client_id);
    const struct wr_publisher_options options = {.name = "publisher",
                                                 .client_id = wr_buf_terminated(&id),
                                                 .keep = true,
                                                 .window = SOURCE_WINDOW};
    wr_err err = wr_publisher_open(b->loop, b->config, &options, &b->publishers[0], fault);
    wr_buf_release(&id);
    return err;
}

static wr_err open_named(struct wr_brokers *b, size_t i, struct wr_fault *fault)
{
    const struct wr_config_broker *broker = &b->config->brokers[i - 1];
    struct wr_buf id = {0};
    wr_buf_addf(&b->names[i], "broker %s", broker->name);
    wr_buf_addf(&id, "%s-%s", b->client_id, broker->name);
    bool own = *broker->mqtt->mqtt_client_id;
    const struct wr_publisher_options options = {
        .name = wr_buf_terminated(&b->names[i]),
        .client_id = own ? broker->mqtt->mqtt_client_id : wr_buf_terminated(&id),
        .keep = true,
        .aws_limits = broker->aws_limits,
        .window = (size_t)broker->window,
        .rate = (unsigned)broker->rate,
    };
    wr_err err = wr_publisher_open(b->loop, broker->mqtt, &options, &b->publishers[i], fault);
    wr_buf_release(&id);
    return err;
}

static void ignore(void *user)
{
}

static void free_all(struct wr_brokers *b)
{
    for (size_t i = 0; i < b->count; i++) {
        wr_buf_release(&b->names[i]);
    }
    free(b->names);
    free(b->publishers);
    free(b->client_id);
    free(b);
}

wr_err wr_brokers_open(uv_loop_t *loop, const struct wr_config *config, const char *client_id,
                       bool source_now, struct wr_brokers **out, struct wr_fault *fault)
{
    struct wr_brokers *b = wr_zalloc(sizeof *b);
    b->loop = loop;
    b->config = config;
    b->client_id = wr_strdup(wr_str_of(client_id));
    b->count = config->broker_count + 1;
    b->publishers = wr_zalloc(b->count * sizeof(struct wr_publisher *));
    b->names = wr_zalloc(b->count * sizeof *b->names);
    wr_err err = source_now ? open_source(b, fault) : WR_OK;
    for (size_t i = 1; !err && i < b->count; i++) {
        err = open_named(b, i, fault);
    }
    if (err) {
        wr_brokers_close(b, ignore, NULL);
    } else {
        *out = b;
    }
    return err;
}

void wr_brokers_publish(struct wr_brokers *b, size_t at, const struct wr_publish *p)
{
    static struct wr_log_limit limit;
    struct wr_fault fault;
    if (!b->publishers[at] && (b->closed_for_more || open_source(b, &fault))) {
        if (!b->closed_for_more) {
            wr_log_limited(&limit, WR_LOG_ERROR, "mqtt", "%s", fault.text);
        }
        p->done(p->user, WR_ERR_BUSY, "the publishing connection is not open");
        return;
    }
    wr_publisher_publish(b->publishers[at], p);
}

void wr_brokers_give_back(struct wr_brokers *b)
{
    b->closed_for_more = true;
    for (size_t i = 0; i < b->count; i++) {
        if (b->publishers[i]) {
            wr_publisher_give_back(b->publishers[i]);
        }
    }
}

void wr_brokers_write(const struct wr_brokers *b, uint64_t (*spooled)(void *user, size_t broker),
                      void *user, struct wr_buf *out)
{
    wr_buf_add(out, WR_STR(",\"brokers\":{"));
    for (size_t i = 0; i < b->count; i++) {
        struct wr_publisher_stats s = {0};
        if (b->publishers[i]) {
            wr_publisher_stats(b->publishers[i], &s);
        }
        wr_buf_addf(out,
                    "%s\"%s\":{\"connected\":%s,\"connects\":%" PRIu64
                    ",\"underWay\":%zu,\"waiting\":%zu,\"published\":%" PRIu64
                    ",\"repeated\":%" PRIu64 ",\"throttled\":%" PRIu64 ",\"refused\":%" PRIu64,
                    i ? "," : "", i ? b->config->brokers[i - 1].name : WR_BROKER_SOURCE,
                    s.up ? "true" : "false", s.connects, s.under_way, s.waiting, s.published,
                    s.repeated, s.throttled, s.refused);
        if (i) {
            wr_buf_addf(out, ",\"spooledBytes\":%" PRIu64, spooled(user, i - 1));
        }
        if (*s.why) {
            wr_buf_add(out, WR_STR(",\"why\":"));
            wr_json_write_string(out, wr_str_of(s.why));
        }
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, '}');
}

static void on_closed(void *user)
{
    struct wr_brokers *b = user;
    if (--b->closing > 0) {
        return;
    }
    void (*done)(void *) = b->done;
    void *done_user = b->done_user;
    free_all(b);
    done(done_user);
}

void wr_brokers_close(struct wr_brokers *b, void (*done)(void *user), void *user)
{
    b->done = done;
    b->done_user = user;
    b->closing = 1;
    for (size_t i = 0; i < b->count; i++) {
        b->closing += b->publishers[i] != NULL;
    }
    for (size_t i = 0; i < b->count; i++) { // they close later, each by its callback
        if (b->publishers[i]) {
            wr_publisher_close(b->publishers[i], on_closed, b);
        }
    }
    on_closed(b); // ours: none may be open
}
