// Producers: made, fed, heard, ended.
#include "sinks/kafka/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "sinks/kafka/kerberos.h"
#include "sinks/kafka/properties.h"
#include "sinks/kafka/verdict.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define ALL_MAX      (2 * WR_KAFKA_CLIENTS_MAX) // with those that are about to end
#define SLOTS        2048                       // of the table of topics: at most half are used
#define LAST_MAX     256                        // bytes kept of the library's last complaint
#define BROKEN_MS    10000 // properties that made no client are tried again after this long
#define RECONNECT_MS 2000  // longest pause: a record has timeout_ms, by default 30 s
#define IN_FLIGHT    5     // requests, as the Java client has

enum state {
    OPENING, // on the thread pool
    OPEN,
    BROKEN, // `fault` says why; there is no client
    ENDING,
};

struct topic {
    char *name;
    size_t len;
    rd_kafka_topic_t *handle;
};

struct client {
    struct client *next;
    struct wr_kafka_clients *set;
    struct wr_kafka_properties *properties;
    enum state state;
    bool worn;  // has seen too many topics: takes no more
    bool final; // acks 0: a failure is not tried again
    bool down;  // said, and nothing was delivered since
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct wr_kafka_secrets secrets;
    int pipe[2]; // the library writes, the loop reads; -1
    uv_poll_t wake;
    uv_work_t work;
    int pending; // parts of the end that are not done
    struct wr_record *waiting, **waiting_end;
    size_t in_flight;
    uint64_t used_ms;   // of uv_now(), last
    uint64_t broken_ms; // since when
    struct wr_fault fault;
    char last[LAST_MAX];
    struct topic *topics;
    size_t topic_count;
};

struct wr_kafka_clients {
    struct wr_kafka_options options;
    struct client *first;
    size_t all, live; // live: not ending
    uv_timer_t flush;
    bool closing;
    void (*closed)(void *user);
    void *user;
};

static uv_loop_t *loop_of(const struct wr_kafka_clients *c)
{
    return c->options.host->loop;
}

static bool idle(const struct client *k)
{
    return k->in_flight == 0 && !k->waiting;
}

// A client that waits for nothing does not keep the loop.
static void note_busy(struct client *k)
{
    if (k->state != OPEN) {
        return;
    }
    if (idle(k)) {
        uv_unref((uv_handle_t *)&k->wake);
    } else {
        uv_ref((uv_handle_t *)&k->wake);
    }
}

// ---- topics

static rd_kafka_topic_t *topic_of(struct client *k, wr_str name)
{
    if (!k->topics) {
        k->topics = wr_zalloc(SLOTS * sizeof *k->topics);
    }
    size_t at = wr_hash_str(name) % SLOTS;
    for (; k->topics[at].handle; at = (at + 1) % SLOTS) {
        const struct topic *t = &k->topics[at];
        if (wr_str_eq((wr_str){t->name, t->len}, name)) {
            return t->handle;
        }
    }
    char *own = wr_strdup(name);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(k->rk, own, NULL);
    if (!handle) {
        free(own);
        return NULL;
    }
    k->topics[at] = (struct topic){own, name.len, handle};
    k->worn = k->worn || ++k->topic_count >= WR_KAFKA_TOPICS_MAX;
    return handle;
}

static void free_topics(struct client *k)
{
    for (size_t i = 0; k->topics && i < SLOTS; i++) {
        if (k->topics[i].handle) {
            rd_kafka_topic_destroy(k->topics[i].handle);
            free(k->topics[i].name);
        }
    }
    free(k->topics);
    k->topics = NULL;
}

// ---- out

static rd_kafka_resp_err_t produce_with_headers(struct client *k, rd_kafka_topic_t *topic,
                                                struct wr_record *rec,
                                                const struct wr_kafka_send *send, void *body)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(send->header_count + 1);
    for (size_t i = 0; i < send->header_count; i++) {
        wr_str key = send->header_keys[i], value = send->header_values[i];
        (void)rd_kafka_header_add(headers, key.at, (ssize_t)key.len, value.at ? value.at : "",
                                  (ssize_t)value.len);
    }
    if (send->hops) {
        char hops[12];
        int len = snprintf(hops, sizeof hops, "%u", send->hops);
        (void)rd_kafka_header_add(headers, WR_HOPS_PROPERTY, -1, hops, len);
    }
    void *key = (void *)(uintptr_t)send->key.at;
    rd_kafka_resp_err_t err =
        rd_kafka_producev(k->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(send->partition),
                          RD_KAFKA_V_VALUE(body, rec->body.len), RD_KAFKA_V_KEY(key, send->key.len),
                          RD_KAFKA_V_OPAQUE(rec), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (err) {
        rd_kafka_headers_destroy(headers); // ours again
    }
    return err;
}

// The library has the record, or why not.
static rd_kafka_resp_err_t produce(struct client *k, struct wr_record *rec)
{
    const struct wr_kafka_send *send = rec->sink_data;
    rd_kafka_topic_t *topic = topic_of(k, send->topic);
    if (!topic) {
        return rd_kafka_last_error();
    }
    // Not NULL: that would be a tombstone.
    void *body = (void *)(uintptr_t)(rec->body.len ? rec->body.at : "");
    if (send->header_count || send->hops) {
        return produce_with_headers(k, topic, rec, send, body);
    }
    return rd_kafka_produce(topic, send->partition, 0, body, rec->body.len, send->key.at,
                            send->key.len, rec) == 0
               ? RD_KAFKA_RESP_ERR_NO_ERROR
               : rd_kafka_last_error();
}

static void settle(struct client *k, struct wr_record *rec, rd_kafka_resp_err_t err)
{
    const struct wr_kafka_send *send = rec->sink_data;
    wr_kafka_settle(rec, send->topic, err, k->last, k->final);
}

static void wait(struct client *k, struct wr_record *rec)
{
    rec->sink_next = NULL;
    *k->waiting_end = rec;
    k->waiting_end = &rec->sink_next;
}

static struct wr_record *take_waiting(struct client *k)
{
    struct wr_record *rec = k->waiting;
    k->waiting = rec->sink_next;
    if (!k->waiting) {
        k->waiting_end = &k->waiting;
    }
    return rec;
}

// What waits goes on, in its order, as far as there is room.
static void pump(struct client *k)
{
    while (k->state == OPEN && k->waiting) {
        rd_kafka_resp_err_t err = produce(k, k->waiting);
        // Room comes with the next report. Without one to come it never will.
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && k->in_flight > 0) {
            return;
        }
        struct wr_record *rec = take_waiting(k);
        if (err) {
            settle(k, rec, err);
        } else {
            k->in_flight++;
        }
    }
}

static void give_up_waiting(struct client *k, enum wr_verdict verdict, const char *code,
                            const char *cause)
{
    while (k->waiting) {
        struct wr_record *rec = take_waiting(k);
        const struct wr_kafka_send *send = rec->sink_data;
        wr_kafka_fail(rec, send->topic, verdict, code, cause);
    }
}

// ---- the end of a client

static void finish_set(struct wr_kafka_clients *c);

static void on_part_ended(struct client *k)
{
    if (--k->pending > 0) {
        return;
    }
    struct wr_kafka_clients *c = k->set;
    struct client **link = &c->first;
    while (*link != k) {
        link = &(*link)->next;
    }
    *link = k->next;
    c->all--;
    for (int i = 0; i < 2; i++) {
        if (k->pipe[i] >= 0) {
            close(k->pipe[i]);
        }
    }
    wr_kafka_secrets_release(&k->secrets);
    wr_kafka_properties_free(k->properties);
    free(k);
    finish_set(c);
}

static void on_wake_closed(uv_handle_t *handle)
{
    on_part_ended(handle->data);
}

// Joins the library's threads.
static void destroy(uv_work_t *work)
{
    struct client *k = work->data;
    rd_kafka_destroy(k->rk);
}

static void on_destroyed(uv_work_t *work, int status)
{
    on_part_ended(work->data);
}

static void end(struct client *k)
{
    wr_assert(idle(k) && k->state != OPENING && k->state != ENDING);
    bool open = k->state == OPEN;
    k->state = ENDING;
    k->set->live--;
    k->pending = 1;
    if (open) {
        rd_kafka_queue_io_event_enable(k->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(k->queue);
        free_topics(k);
        k->pending = 3;
        uv_ref((uv_handle_t *)&k->wake);
        uv_poll_stop(&k->wake);
        uv_close((uv_handle_t *)&k->wake, on_wake_closed);
        wr_assert(uv_queue_work(loop_of(k->set), &k->work, destroy, on_destroyed) == 0);
    }
    on_part_ended(k);
}

// After anything was settled: what is done with goes.
static void look(struct client *k)
{
    note_busy(k);
    bool goes = k->worn || k->set->closing;
    if (goes && idle(k) && (k->state == OPEN || k->state == BROKEN)) {
        end(k);
    }
}

// ---- in

static void on_error(struct client *k, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    const struct wr_sink_host *host = k->set->options.host;
    if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) { // that one says less than the one before it
        snprintf(k->last, sizeof k->last, "%s", rd_kafka_event_error_string(event));
        for (char *c = k->last; *c; c++) {
            *c = (unsigned char)*c < ' ' ? ' ' : *c;
        }
    } else if (!k->down) {
        k->down = true;
        host->log(host, WR_LOG_WARN, "kafka: no broker can be reached: %s", k->last);
    }
}

static void on_report(struct client *k, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    while ((m = rd_kafka_event_message_next(event))) {
        struct wr_record *rec = m->_private;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && k->last[0]) {
            const struct wr_sink_host *host = k->set->options.host;
            k->last[0] = '\0';
            if (k->down) {
                k->down = false;
                host->log(host, WR_LOG_INFO, "kafka: brokers are reached again");
            }
        }
        settle(k, rec, m->err);
        k->in_flight--; // not before: settling may submit and close
    }
}

static void take_events(struct client *k)
{
    for (rd_kafka_event_t *e; (e = rd_kafka_queue_poll(k->queue, 0));) {
        if (rd_kafka_event_type(e) == RD_KAFKA_EVENT_DR) {
            on_report(k, e);
        } else if (rd_kafka_event_type(e) == RD_KAFKA_EVENT_ERROR) {
            on_error(k, e);
        }
        rd_kafka_event_destroy(e);
    }
    pump(k);
    look(k);
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
    struct client *k = wake->data;
    char bytes[256];
    while (read(k->pipe[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
    take_events(k);
}

// ---- a new client

static wr_err set_number(rd_kafka_conf_t *conf, const char *name, int64_t n, struct wr_fault *fault)
{
    char text[32], why[256];
    snprintf(text, sizeof text, "%lld", (long long)n);
    return rd_kafka_conf_set(conf, name, text, why, sizeof why) == RD_KAFKA_CONF_OK
               ? WR_OK
               : wr_fault_set(fault, WR_ERR_RANGE, "%s", why);
}

static wr_err configure(struct client *k, rd_kafka_conf_t *conf, struct wr_fault *fault)
{
    const struct wr_kafka_options *o = &k->set->options;
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"message.timeout.ms", o->timeout_ms},
        {"linger.ms", o->linger_ms},
        {"queue.buffering.max.messages", o->queue_max},
        {"message.max.bytes", o->message_max},
        {"max.in.flight.requests.per.connection", IN_FLIGHT},
        {"reconnect.backoff.max.ms", RECONNECT_MS},
        {"retries", k->final ? 0 : INT32_MAX},
    };
    char why[256];
    wr_err err = wr_kafka_properties_apply(k->properties, o->bootstrap, conf, &k->secrets, fault);
    for (size_t i = 0; !err && i < WR_COUNT(numbers); i++) {
        err = set_number(conf, numbers[i].name, numbers[i].value, fault);
    }
    // Keys land where the Java client puts them.
    if (!err && (rd_kafka_conf_set(conf, "partitioner", "murmur2_random", why, sizeof why) ||
                 rd_kafka_conf_set(conf, "client.id", "weir", why, sizeof why))) {
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED, "%s", why);
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_log_cb(conf, NULL); // what matters comes as an event
    return err;
}

// On the thread pool: stores are unlocked, threads started.
static void make(uv_work_t *work)
{
    struct client *k = work->data;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];
    if (configure(k, conf, &k->fault)) {
        rd_kafka_conf_destroy(conf);
        return;
    }
    k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!k->rk) {
        rd_kafka_conf_destroy(conf);
        wr_fault_set(&k->fault, WR_ERR_FAILED, "%s", why);
    }
}

static void on_made(uv_work_t *work, int status)
{
    struct client *k = work->data;
    if (!k->rk) {
        const struct wr_sink_host *host = k->set->options.host;
        k->broken_ms = uv_now(loop_of(k->set));
        wr_kafka_secrets_release(&k->secrets);
        host->log(host, WR_LOG_ERROR, "kafka: no client for these properties: %s", k->fault.text);
        give_up_waiting(k, WR_REFUSED, "CLIENT_PROPERTIES", k->fault.text);
        k->state = BROKEN; // not before: settling may close the set
        look(k);
        return;
    }
    k->state = OPEN;
    k->queue = rd_kafka_queue_get_main(k->rk);
    rd_kafka_queue_io_event_enable(k->queue, k->pipe[1], "1", 1);
    uv_poll_init(loop_of(k->set), &k->wake, k->pipe[0]);
    k->wake.data = k;
    uv_poll_start(&k->wake, UV_READABLE, on_wake);
    take_events(k); // only what comes into an empty queue wakes: it must be empty once
}

static void start_making(struct client *k)
{
    struct wr_kafka_clients *c = k->set;
    k->state = OPENING;
    k->fault = (struct wr_fault){0};
    if (wr_str_eq(wr_kafka_properties_get(k->properties, "sasl.mechanism"), WR_STR("GSSAPI")) &&
        !*c->options.bootstrap) {
        wr_str realm = wr_kafka_properties_get(k->properties, "sasl.kerberos.krb5.realm");
        wr_str kdc = wr_kafka_properties_get(k->properties, "sasl.kerberos.krb5.kdc");
        struct wr_fault fault;
        if (wr_kerberos_add(c->options.host->state_dir, realm, kdc, &fault)) {
            c->options.host->log(c->options.host, WR_LOG_ERROR, "kafka: %s", fault.text);
        }
    }
    wr_assert(uv_queue_work(loop_of(c), &k->work, make, on_made) == 0);
}

static struct client *new_client(struct wr_kafka_clients *c, const struct wr_param *properties)
{
    struct client *k = wr_zalloc(sizeof *k);
    if (pipe2(k->pipe, O_NONBLOCK | O_CLOEXEC) != 0) {
        free(k);
        return NULL;
    }
    k->set = c;
    k->properties = wr_kafka_properties_new(properties);
    k->final = wr_str_eq(wr_kafka_properties_get(k->properties, "acks"), WR_STR("0"));
    k->secrets = (struct wr_kafka_secrets){-1, -1};
    k->waiting_end = &k->waiting;
    k->work.data = k;
    k->next = c->first;
    c->first = k;
    c->all++;
    c->live++;
    start_making(k);
    return k;
}

// ---- the set

struct wr_kafka_clients *wr_kafka_clients_new(const struct wr_kafka_options *options)
{
    struct wr_kafka_clients *c = wr_zalloc(sizeof *c);
    c->options = *options;
    uv_timer_init(loop_of(c), &c->flush);
    c->flush.data = c;
    return c;
}

size_t wr_kafka_clients_count(const struct wr_kafka_clients *c)
{
    return c->live;
}

// Room for one more: of those that wait for nothing, the one that was used longest ago goes.
static bool make_room(struct wr_kafka_clients *c)
{
    if (c->live < WR_KAFKA_CLIENTS_MAX) {
        return c->all < ALL_MAX;
    }
    struct client *oldest = NULL;
    for (struct client *k = c->first; k; k = k->next) {
        if ((k->state == OPEN || k->state == BROKEN) && idle(k) &&
            (!oldest || k->used_ms < oldest->used_ms)) {
            oldest = k;
        }
    }
    if (!oldest || c->all >= ALL_MAX) {
        return false;
    }
    end(oldest);
    return true;
}

static struct client *find(struct wr_kafka_clients *c, const struct wr_param *properties)
{
    for (struct client *k = c->first; k; k = k->next) {
        if (k->state != ENDING && !k->worn && wr_kafka_properties_same(k->properties, properties)) {
            return k;
        }
    }
    return make_room(c) ? new_client(c, properties) : NULL;
}

void wr_kafka_clients_submit(struct wr_kafka_clients *c, struct wr_record *rec,
                             struct wr_kafka_send *send)
{
    rec->sink_data = send;
    struct client *k = find(c, send->properties);
    if (!k) {
        wr_kafka_fail(
            rec, send->topic, WR_RETRY, "CLIENTS_IN_USE",
            "All clients are in use: more distinct clientProperties at once than weir has "
            "connections for");
        return;
    }
    k->used_ms = uv_now(loop_of(c));
    if (k->state == BROKEN) {
        if (k->used_ms - k->broken_ms < BROKEN_MS) {
            wr_kafka_fail(rec, send->topic, WR_REFUSED, "CLIENT_PROPERTIES", k->fault.text);
            return;
        }
        start_making(k);
    }
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (k->state == OPEN && !k->waiting) {
        err = produce(k, rec);
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        k->in_flight++;
    } else if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && (k->state == OPENING || !idle(k))) {
        wait(k, rec);
    } else {
        settle(k, rec, err); // as if it were reported
    }
    note_busy(k);
}

// ---- close

static void on_flush_closed(uv_handle_t *timer)
{
    struct wr_kafka_clients *c = timer->data;
    void (*closed)(void *user) = c->closed;
    void *user = c->user;
    free(c);
    closed(user);
}

static void finish_set(struct wr_kafka_clients *c)
{
    if (c->closing && c->all == 0 && !uv_is_closing((uv_handle_t *)&c->flush)) {
        uv_close((uv_handle_t *)&c->flush, on_flush_closed);
    }
}

// Time is over: what no broker has answered is given back, and reported as such.
static void on_flush_over(uv_timer_t *timer)
{
    struct wr_kafka_clients *c = timer->data;
    for (struct client *k = c->first, *next; k; k = next) {
        next = k->next;
        give_up_waiting(k, WR_RETRY, "CLOSED", "weir ends before the record could be sent");
        if (k->state == OPEN && k->in_flight > 0) {
            rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                      RD_KAFKA_PURGE_F_NON_BLOCKING);
        }
        look(k);
    }
}

void wr_kafka_clients_close(struct wr_kafka_clients *c, void (*closed)(void *user), void *user)
{
    c->closing = true;
    c->closed = closed;
    c->user = user;
    uv_timer_start(&c->flush, on_flush_over, (uint64_t)c->options.flush_ms, 0);
    for (struct client *k = c->first, *next; k; k = next) {
        next = k->next;
        look(k);
    }
    finish_set(c);
}
