// `weir bench --mqtt`: the same messages through a broker. A process of its own publishes them, so
// that its work is not counted; at most AHEAD are on their way, so that the broker drops none.
//
//   child: publisher ─► broker ─► source ─► flow                 (this process)
//          ▲                                │
//          └──────── so many may follow ────┘                    (a socket)
#include "engine/cli/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/mqtt/mqtt.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define AHEAD      500 // mosquitto keeps 1,000 of QoS 1 for a client that is behind
#define PATIENCE_S 10  // without a message, the round is given up
#define LOOK_MS    100 // for Ctrl-C
#define DIR_MAX    64

struct wr_bench_broker {
    struct wr_bench_engine *engine;
    struct wr_config *config;
    struct wr_source *source;
    uv_timer_t look;
    pid_t child;
    int orders; // to the child: how many more it may publish, as uint32_t
    bool subscribed, closed;
    uint64_t came, given; // given: told to the child
    unsigned quiet;       // looks without a message
    const volatile sig_atomic_t *interrupted;
    char dir[DIR_MAX];
    char why[512];
};

// ---- the child

struct child {
    uv_loop_t loop;
    uv_pipe_t orders;
    const struct wr_bench_set *set;
    struct wr_publisher *publisher;
    int qos;
    uint64_t published;
    wr_str **users; // of each message: keys, then values; NULL: it has none
    char in[sizeof(uint32_t)];
    size_t in_len;
    char buffer[4096];
};

static void on_published(void *user, wr_err err, const char *why)
{
    if (err) {
        fprintf(stderr, "weir bench: the broker does not take a message: %s\n", why);
        _exit(1);
    }
}

static void prepare_users(struct child *c)
{
    c->users = wr_zalloc(c->set->count * sizeof *c->users);
    for (size_t i = 0; i < c->set->count; i++) {
        const struct wr_sql_message *m = &c->set->messages[i];
        size_t count = m->user_property_count;
        c->users[i] = count ? wr_alloc(2 * count * sizeof(wr_str)) : NULL;
        for (size_t k = 0; k < count; k++) {
            c->users[i][k] = m->user_properties[k].key;
            c->users[i][count + k] = m->user_properties[k].value;
        }
    }
}

static void publish(struct child *c, uint32_t count)
{
    for (; count > 0; count--) {
        size_t i = (size_t)(c->published++ % c->set->count);
        const struct wr_sql_message *m = &c->set->messages[i];
        const struct wr_publish p = {.topic = m->topic,
                                     .payload = m->payload,
                                     .qos = c->qos,
                                     .format_indicator = m->format_indicator,
                                     .content_type = m->content_type,
                                     .response_topic = m->response_topic,
                                     .correlation_data = m->correlation_data,
                                     .message_expiry_s = -1,
                                     .user_keys = c->users[i],
                                     .user_values = c->users[i] + m->user_property_count,
                                     .user_count = m->user_property_count,
                                     .done = on_published};
        wr_publisher_publish(c->publisher, &p);
    }
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct child *c = handle->data;
    *buf = uv_buf_init(c->buffer, sizeof c->buffer);
}

static void on_orders(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    if (n < 0) {
        _exit(0); // the bench is over
    }
    for (ssize_t i = 0; i < n; i++) {
        c->in[c->in_len++] = buf->base[i];
        if (c->in_len == sizeof c->in) {
            uint32_t count;
            memcpy(&count, c->in, sizeof count);
            c->in_len = 0;
            publish(c, count);
        }
    }
}

static void run_child(const struct wr_bench_set *set, const struct wr_config *config, int qos,
                      int orders)
{
    static struct child c;
    char id[64];
    struct wr_fault fault = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); // the bench says when it is over
    c.set = set;
    c.qos = qos;
    prepare_users(&c);
    uv_loop_init(&c.loop);
    wr_mqtt_init();
    snprintf(id, sizeof id, "weir-bench-%ld-pub", (long)getpid());
    const struct wr_publisher_options options = {
        .name = "publisher", .client_id = id, .keep = true};
    if (wr_publisher_open(&c.loop, config, &options, &c.publisher, &fault)) {
        _exit(1); // the bench has found the same
    }
    uv_pipe_init(&c.loop, &c.orders, 0);
    c.orders.data = &c;
    uv_pipe_open(&c.orders, orders);
    uv_read_start((uv_stream_t *)&c.orders, on_alloc, on_orders);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    _exit(0);
}

// ---- this process

static bool send_orders(struct wr_bench_broker *b, uint32_t count)
{
    b->given += count;
    if (send(b->orders, &count, sizeof count, MSG_NOSIGNAL) != (ssize_t)sizeof count) {
        snprintf(b->why, sizeof b->why, "the process that publishes has ended");
        return false;
    }
    return true;
}

static void on_batch(void *user, struct wr_source *source, struct wr_message *m, size_t count)
{
    struct wr_bench_broker *b = user;
    wr_flow_batch(b->engine->flow, source, m, count);
    b->came += count;
    b->quiet = 0;
}

static void on_state(void *user, struct wr_source *source, bool up, const char *why)
{
    struct wr_bench_broker *b = user;
    b->subscribed = b->subscribed || (up && strcmp(why, "subscribed") == 0);
    if (!up) {
        snprintf(b->why, sizeof b->why, "%s", why);
    }
}

static void on_look(uv_timer_t *timer)
{
    struct wr_bench_broker *b = timer->data;
    b->quiet++;
}

static bool gave_up(struct wr_bench_broker *b, const char *what)
{
    if (*b->interrupted || b->why[0]) {
        return true;
    }
    if (b->quiet * LOOK_MS >= PATIENCE_S * 1000) {
        snprintf(b->why, sizeof b->why, "%s for %d s", what, PATIENCE_S);
        return true;
    }
    return false;
}

bool wr_bench_broker_feed(struct wr_bench_broker *b, uint64_t count)
{
    uint64_t target = b->came + count;
    b->quiet = 0;
    b->given = b->came; // nothing is on its way between two rounds
    while (b->came < target && !gave_up(b, "no message has come")) {
        uint64_t ahead = b->given > b->came ? b->given - b->came : 0;
        uint64_t rest = b->given < target ? target - b->given : 0;
        uint64_t more = ahead < AHEAD ? AHEAD - ahead : 0;
        more = more < rest ? more : rest;
        if ((more >= AHEAD / 4 || more == rest) && more > 0 && !send_orders(b, (uint32_t)more)) {
            break;
        }
        uv_run(&b->engine->loop, UV_RUN_ONCE);
    }
    return b->came >= target;
}

const char *wr_bench_broker_why(const struct wr_bench_broker *b)
{
    return b->why;
}

// '#' does not stand for topics that begin with '$'.
static wr_err check_topics(const struct wr_bench_set *set, struct wr_fault *fault)
{
    for (size_t i = 0; i < set->count; i++) {
        wr_str topic = set->messages[i].topic;
        if (topic.len && topic.at[0] == '$' && !wr_str_starts(topic, WR_STR("$aws/rules/"))) {
            return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                                "message %zu is on '%.*s': a broker does not pass on topics that "
                                "begin with $, but for $aws/rules/…",
                                i + 1, WR_STR_ARG(topic));
        }
    }
    return WR_OK;
}

static wr_err configure(struct wr_bench_broker *b, const char *url, struct wr_fault *fault)
{
    struct wr_buf u = {0}, d = {0};
    wr_buf_addf(&u, "--mqtt-url=%s", url);
    wr_buf_addf(&d, "--state-dir=%s", b->dir);
    char *u_text = wr_strdup(wr_buf_str(&u)), *d_text = wr_strdup(wr_buf_str(&d));
    char settled[] = "--ack=settled";
    char *args[] = {u_text, d_text, settled, NULL};
    int count = 3;
    wr_err err = wr_config_load(NULL, &count, args, &b->config, fault);
    free(u_text);
    free(d_text);
    wr_buf_release(&u);
    wr_buf_release(&d);
    return err;
}

static wr_err start_child(struct wr_bench_broker *b, int qos, struct wr_fault *fault)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        return wr_fault_set(fault, WR_ERR_IO, "no socket for the process that publishes: %s",
                            strerror(errno));
    }
    b->child = fork();
    if (b->child == 0) {
        close(pair[0]);
        run_child(b->engine->set, b->config, qos, pair[1]);
    }
    close(pair[1]);
    b->orders = pair[0];
    return b->child > 0
               ? WR_OK
               : wr_fault_set(fault, WR_ERR_IO, "no process that publishes: %s", strerror(errno));
}

static wr_err connect_source(struct wr_bench_broker *b, struct wr_fault *fault)
{
    const struct wr_source_events events = {.batch = on_batch, .state = on_state, .user = b};
    wr_err err = wr_mqtt_source_open(&b->engine->loop, b->config, b->engine->pool, &events,
                                     &b->source, fault);
    if (err) {
        return err;
    }
    wr_str all = WR_STR("#");
    b->source->impl->want(b->source, &all, 1);
    while (!b->subscribed && !gave_up(b, "the broker has not granted the subscription")) {
        uv_run(&b->engine->loop, UV_RUN_ONCE);
    }
    return b->subscribed ? WR_OK : wr_fault_set(fault, WR_ERR_IO, "%s", b->why);
}

wr_err wr_bench_broker_open(struct wr_bench_engine *engine, const char *url, int qos,
                            const volatile sig_atomic_t *interrupted, struct wr_bench_broker **out,
                            struct wr_fault *fault)
{
    struct wr_bench_broker *b = wr_zalloc(sizeof *b);
    b->engine = engine;
    b->orders = -1;
    b->interrupted = interrupted;
    snprintf(b->dir, sizeof b->dir, "/tmp/weir-bench-XXXXXX");
    *out = b;
    wr_log_setup(WR_LOG_ERROR,
                 WR_LOG_PLAIN); // results are for stdout, and reasons are ours to tell
    wr_err err = check_topics(engine->set, fault);
    if (!err && !mkdtemp(b->dir)) {
        err = wr_fault_set(fault, WR_ERR_IO, "no folder in /tmp: %s", strerror(errno));
    }
    if (!err) {
        err = configure(b, url, fault);
    }
    if (!err) { // before there are threads: uv looks for addresses with one
        err = start_child(b, qos, fault);
    }
    wr_mqtt_init();
    uv_timer_init(&engine->loop, &b->look);
    b->look.data = b;
    uv_timer_start(&b->look, on_look, LOOK_MS, LOOK_MS);
    return err ? err : connect_source(b, fault);
}

static void on_closed(void *user)
{
    struct wr_bench_broker *b = user;
    b->closed = true;
}

void wr_bench_broker_close(struct wr_bench_broker *b)
{
    if (!b) {
        return;
    }
    if (b->orders >= 0) {
        close(b->orders); // the child ends with it
    }
    if (b->child > 0) {
        (void)waitpid(b->child, NULL, 0);
    }
    if (b->source) {
        b->source->impl->close(b->source, 1000, on_closed, b);
        while (!b->closed) {
            uv_run(&b->engine->loop, UV_RUN_ONCE);
        }
    }
    uv_close((uv_handle_t *)&b->look, NULL);
    uv_run(&b->engine->loop, UV_RUN_NOWAIT);
    char path[DIR_MAX + 16];
    static const char *const files[] = {"source.json", "source.lock"};
    for (size_t i = 0; i < WR_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", b->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(b->dir);
    wr_config_free(b->config);
    wr_mqtt_cleanup();
    free(b);
}
