// The native source on a broker that sends as fast as it can: what it hands out is what was sent,
// until it is settled; and warm it allocates nothing.
#include "bench/micro/blaster.h"

#include "engine/mqtt/mqtt.h"
#include "engine/observe/log.h"
#include "sql/base/hash.h"
#include "tests/support/test.h"

#include "tests/support/allocations.h"

#include "sql/base/banned.h"

#define MESSAGES 40000
#define WARM     20000
#define DISTINCT 500
#define HELD     400 // messages that wait while others come

static struct wr_sql_message sent[DISTINCT];
static struct {
    uv_loop_t loop;
    struct wr_message_pool *pool;
    struct wr_source *source;
    struct wr_message *held[HELD];
    size_t number[HELD]; // when it came
    size_t came, wrong;
    uint64_t calls;
    size_t hold_every; // 0: none waits
    bool closed;
} t;

static bool is_wrong(const struct wr_message *m, size_t number)
{
    const struct wr_sql_message *want = &sent[number % DISTINCT];
    return !wr_str_eq(m->sql.topic, want->topic) || !wr_str_eq(m->sql.payload, want->payload);
}

static void settle(struct wr_message *m, size_t number)
{
    t.wrong += is_wrong(m, number);
    wr_message_unhold(m);
    wr_message_unlock(m);
}

static void on_batch(void *user, struct wr_source *source, struct wr_message *m, size_t count)
{
    while (m) {
        struct wr_message *next = m->next;
        if (t.came == WARM) {
            t.calls = allocation_calls;
        }
        if (t.hold_every && t.came % t.hold_every == 0) { // waits for HELD others that wait
            size_t place = t.came / t.hold_every % HELD;
            if (t.held[place]) {
                settle(t.held[place], t.number[place]);
            }
            t.held[place] = m;
            t.number[place] = t.came;
        } else {
            settle(m, t.came);
        }
        t.came++;
        m = next;
    }
}

static void on_closed(void *user)
{
    t.closed = true;
}

static void make_messages(void)
{
    for (size_t i = 0; i < DISTINCT; i++) {
        struct wr_buf topic = {0}, payload = {0};
        wr_buf_addf(&topic, "site/%zu/reading", i);
        for (size_t k = 0; k < 3 + 5 * i; k++) {
            wr_buf_addf(&payload, "%zx", i * k);
        }
        sent[i].topic = wr_buf_str(&topic);
        sent[i].payload = wr_buf_str(&payload);
    }
}

static struct wr_config *configure(int port, const char *dir)
{
    char url[64], state[300];
    struct wr_fault fault = {0};
    struct wr_config *config = NULL;
    snprintf(url, sizeof url, "--mqtt-url=mqtt://127.0.0.1:%d", port);
    snprintf(state, sizeof state, "--state-dir=%s", dir);
    char source[] = "--source=native", ingest[] = "--mqtt-basic-ingest=false";
    char *args[] = {url, state, source, ingest, NULL};
    int count = 4;
    if (wr_config_load(NULL, &count, args, &config, &fault)) {
        CASE_FAIL("configuration", "%s", fault.text);
    }
    return config;
}

static void run(const char *name, const struct blaster *b, int qos, size_t hold_every,
                uint64_t most)
{
    char dir[] = "/tmp/test-native-XXXXXX";
    CHECK(name, mkdtemp(dir));
    struct wr_config *config = configure(b->port, dir);
    struct wr_fault fault = {0};
    struct wr_source_events events = {.batch = on_batch};
    t.came = t.wrong = 0;
    t.hold_every = hold_every;
    t.closed = false;
    t.pool = wr_message_pool_new((size_t)config->message_memory, 4096);
    CHECK_INT(name, wr_mqtt_source_open(&t.loop, config, t.pool, &events, &t.source, &fault), 0);
    blaster_ask(b, qos, MESSAGES, 1000);
    wr_str filter = WR_STR("#");
    t.source->impl->want(t.source, &filter, 1);
    while (t.came < MESSAGES) {
        uv_run(&t.loop, UV_RUN_ONCE);
    }
    uint64_t calls = allocation_calls - t.calls;
    for (size_t i = 0; i < HELD; i++) {
        if (t.held[i]) {
            settle(t.held[i], t.number[i]);
            t.held[i] = NULL;
        }
    }
    struct blaster_report report;
    while (!blaster_answer(b, &report, false)) {
        uv_run(&t.loop, UV_RUN_NOWAIT);
    }
    CHECK_INT(name, report.acknowledged, qos ? MESSAGES : 0);
    CHECK_INT(name, t.wrong, 0);
#ifdef COUNTED
    CHECK(name, calls <= most);
#else
    (void)calls;
#endif
    t.source->impl->close(t.source, 1000, on_closed, NULL);
    while (!t.closed) {
        uv_run(&t.loop, UV_RUN_ONCE);
    }
    uv_run(&t.loop, UV_RUN_DEFAULT);
    CHECK_INT(name, wr_message_pool_live(t.pool), 0);
    wr_message_pool_free(t.pool);
    wr_config_free(config);
    for (const char *const *file = (const char *const[]){"source.json", "source.lock", NULL}; *file;
         file++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", dir, *file);
        (void)unlink(path);
    }
    CHECK_INT(name, rmdir(dir), 0);
}

static void hands_out_what_was_sent(void **state)
{
    struct blaster b = blaster_start(sent, DISTINCT); // before there are threads
    wr_mqtt_init();
    uv_loop_init(&t.loop);
    run("QoS 0", &b, 0, 0, 0);
    run("QoS 1", &b, 1, 0, 0);
    // How many segments are in use at once is a matter of how reads fall: a few more after half, or
    // on a busy machine some dozens. One a message would be 20,000.
    run("QoS 1, each waits for others", &b, 1, 1, 500);
    // The waiting ones lie so far apart that they would keep more segments than they may: copies,
    // and segments beyond those that are kept.
    run("QoS 0, few wait long", &b, 0, 100, MESSAGES);
    CHECK_INT("loop", uv_loop_close(&t.loop), 0);
    wr_mqtt_cleanup();
    close(b.orders);
}

int main(void)
{
    wr_hash_seed_init();
    wr_log_setup(WR_LOG_WARN, WR_LOG_PLAIN);
    make_messages();
    const struct CMUnitTest tests[] = {T(hands_out_what_was_sent)};
    return TEST_MAIN(tests);
}
