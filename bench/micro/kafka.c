// How many records a second leave for Kafka with `ack: durable`, and what does one cost beside
// librdkafka's own? Messages are fed in process: statement, templates, spool, sink, delivery
// report. Floor, in the same run and turn by turn: a bare producer with the same settings, topic,
// keys and bodies. The cluster is librdkafka's mock in another process, so CPU time is weir's (or
// the floor's) with librdkafka's threads, and not the brokers'.
#include "engine/flow/flow.h"
#include "engine/flow/spool.h"
#include "sql/base/clock.h"
#include "sql/base/hash.h"
#include "tests/support/kafka_mock.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define RECORDS 200000
#define ROUNDS  5
#define WINDOW  4096 // messages not settled at once
#define BATCH   256
#define DEVICES 64

static const char rule_text[] =
    "{\"ruleName\": \"out\", \"topicRulePayload\": {\"awsIotSqlVersion\": \"2016-03-23\", "
    "\"sql\": \"SELECT * FROM 'site/+/reading' WHERE temp > 0\", \"actions\": [{\"kafka\": "
    "{\"destinationArn\": \"arn:aws:iot:us-east-1:123456789012:ruledestination/vpc/1\", \"topic\": "
    "\"readings\", \"key\": \"${topic(2)}\", \"clientProperties\": {\"bootstrap.servers\": "
    "\"b:9092\", \"security.protocol\": \"PLAINTEXT\", \"acks\": \"all\"}}}]}}";

static uv_loop_t loop;
static char topics[DEVICES][32], keys[DEVICES][16], bodies[DEVICES][200];
static int body_len[DEVICES];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static double cpu_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct cost {
    double wall_s, cpu_s, loop_s; // loop: of weir's thread alone
};

// ---- the cluster

static pid_t start_cluster(char *bootstrap, size_t size)
{
    int out[2];
    if (pipe(out) != 0) {
        die("pipe", "failed");
    }
    pid_t child = fork();
    if (child == 0) {
        struct kafka_mock m;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        kafka_mock_open(&m, 1);
        rd_kafka_mock_topic_create(m.cluster, "readings", 4, 1);
        if (write(out[1], m.bootstrap, strlen(m.bootstrap)) < 0) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    ssize_t len = read(out[0], bootstrap, size - 1);
    if (len <= 0) {
        die("the mock cluster", "did not start");
    }
    bootstrap[len] = '\0';
    return child;
}

// ---- weir

static struct {
    struct wr_metrics *metrics;
    struct wr_message_pool *pool;
    struct wr_sinks *sinks;
    struct wr_spool *spool;
    struct wr_flow *flow;
    struct wr_source source;
    size_t settled, acknowledged;
} w;

static void on_settled(struct wr_source *self, struct wr_message *m)
{
    w.settled++;
}

static void on_acknowledge(struct wr_source *self, struct wr_message *m)
{
    w.acknowledged++;
}

static const struct wr_source_impl source_impl = {
    .name = "bench", .acknowledge = on_acknowledge, .settled = on_settled};

static void on_durable(void *user, uint64_t seq)
{
    wr_flow_durable(w.flow, seq);
}

static void on_full(void *user, bool full, const char *why)
{
    die("the disk is full", why);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    die("the spool", fault->text);
}

static void open_weir(const char *dir, const char *bootstrap)
{
    struct wr_fault fault = {0};
    struct wr_config *config;
    char spool_dir[4200], option[400];
    snprintf(option, sizeof option, "--sinks-kafka-bootstrap=%s", bootstrap);
    char none[] = "-";
    char *args[] = {option, none};
    int count = 1;
    if (wr_config_load(NULL, &count, args, &config, &fault)) {
        die("configuration", fault.text);
    }
    w.metrics = wr_metrics_new();
    w.pool = wr_message_pool_new(64u << 20, WINDOW + BATCH);
    const struct wr_sinks_options sinks = {
        .loop = &loop, .config = config, .kinds = wr_config_kinds(config), .state_dir = dir};
    w.sinks = wr_sinks_new(&sinks);
    snprintf(spool_dir, sizeof spool_dir, "%s/spool", dir);
    const struct wr_spool_options spool = {
        .loop = &loop,
        .dir = spool_dir,
        .max_bytes = UINT64_C(1) << 30,
        .segment_bytes = 16u << 20,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken},
    };
    if (wr_spool_open(&spool, &w.spool, &fault)) {
        die("the spool", fault.text);
    }
    const struct wr_flow_options flow = {
        .loop = &loop,
        .metrics = w.metrics,
        .sinks = w.sinks,
        .payload_max = 1u << 20,
        .spool = w.spool,
        .pool = w.pool,
        .in_flight_max = 2 * WINDOW,
        .retry = {.attempts = 3,
                  .budget_ms = 30000,
                  .base_ms = 50,
                  .throttled_base_ms = 1000,
                  .cap_ms = 20000},
    };
    w.flow = wr_flow_new(&flow);
    w.source = (struct wr_source){.impl = &source_impl, .pool = w.pool};
    const struct wr_rule_options rules = {.kinds = wr_config_kinds(config), .metrics = w.metrics};
    struct wr_rule *rule;
    if (wr_rule_new(wr_str_of(rule_text), "out.json", &rules, &rule, &fault) ||
        wr_sinks_require(w.sinks, rule->actions[0].kind, &fault)) {
        die("the rule", fault.text);
    }
    struct wr_rule_set *set = wr_rule_set_new(&rule, 1);
    wr_flow_set_rules(w.flow, set);
    wr_rule_set_unlock(set);
}

static void feed(size_t from)
{
    struct wr_message *first = NULL, **last = &first;
    for (size_t i = from; i < from + BATCH; i++) {
        size_t d = i % DEVICES;
        struct wr_message *m = wr_message_new(w.pool);
        m->sql.topic = wr_str_of(topics[d]);
        m->sql.payload = (wr_str){bodies[d], (size_t)body_len[d]};
        m->sql.timestamp_ms = 1700000000000;
        m->sql.over_mqtt = true;
        m->qos = 1;
        m->source = &w.source;
        *last = m;
        last = &m->next;
    }
    wr_flow_batch(w.flow, &w.source, first, BATCH);
}

static struct cost run_weir(void)
{
    size_t target = w.settled + RECORDS, fed = w.settled;
    struct cost c = {cpu_s(CLOCK_MONOTONIC), cpu_s(CLOCK_PROCESS_CPUTIME_ID),
                     cpu_s(CLOCK_THREAD_CPUTIME_ID)};
    while (w.settled < target) {
        while (fed < target && fed - w.settled + BATCH <= WINDOW) {
            feed(fed);
            fed += BATCH;
        }
        target = fed > target ? fed : target;
        uv_run(&loop, UV_RUN_ONCE);
    }
    c = (struct cost){cpu_s(CLOCK_MONOTONIC) - c.wall_s, cpu_s(CLOCK_PROCESS_CPUTIME_ID) - c.cpu_s,
                      cpu_s(CLOCK_THREAD_CPUTIME_ID) - c.loop_s};
    const struct wr_rule *rule = wr_rule_set_find(wr_flow_rules(w.flow), WR_STR("out"));
    const struct wr_action_counters *a = wr_metrics_action(rule->counters, "kafka");
    if (a->success != w.settled || w.acknowledged != w.settled) {
        die("weir", "not every record was delivered");
    }
    return c;
}

// ---- the floor

static rd_kafka_t *bare;
static rd_kafka_queue_t *bare_queue;
static rd_kafka_topic_t *bare_topic;
static int bare_pipe[2];

static void open_bare(const char *bootstrap)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const settings[][2] = {
        {"bootstrap.servers", bootstrap},
        {"acks", "all"},
        {"linger.ms", "5"},
        {"partitioner", "murmur2_random"},
        {"message.timeout.ms", "30000"},
        {"max.in.flight.requests.per.connection", "5"},
    };
    for (size_t i = 0; i < WR_COUNT(settings); i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why)) {
            die("librdkafka", why);
        }
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    rd_kafka_conf_set_log_cb(conf, NULL);
    bare = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!bare || pipe2(bare_pipe, O_NONBLOCK) != 0) {
        die("librdkafka", why);
    }
    bare_topic = rd_kafka_topic_new(bare, "readings", NULL);
    bare_queue = rd_kafka_queue_get_main(bare);
    rd_kafka_queue_io_event_enable(bare_queue, bare_pipe[1], "1", 1);
}

static size_t take_reports(void)
{
    size_t count = 0;
    char bytes[64];
    while (read(bare_pipe[0], bytes, sizeof bytes) > 0) {
    }
    for (rd_kafka_event_t *e; (e = rd_kafka_queue_poll(bare_queue, 0));) {
        for (const rd_kafka_message_t *m; (m = rd_kafka_event_message_next(e));) {
            if (m->err) {
                die("librdkafka", rd_kafka_err2str(m->err));
            }
            count++;
        }
        rd_kafka_event_destroy(e);
    }
    return count;
}

static struct cost run_bare(void)
{
    size_t sent = 0, done = 0;
    struct cost c = {cpu_s(CLOCK_MONOTONIC), cpu_s(CLOCK_PROCESS_CPUTIME_ID),
                     cpu_s(CLOCK_THREAD_CPUTIME_ID)};
    while (done < RECORDS) {
        while (sent < RECORDS && sent - done < WINDOW) {
            size_t d = sent % DEVICES;
            if (rd_kafka_produce(bare_topic, -1, 0, bodies[d], (size_t)body_len[d], keys[d],
                                 strlen(keys[d]), NULL)) {
                die("produce", rd_kafka_err2str(rd_kafka_last_error()));
            }
            sent++;
        }
        struct pollfd fd = {.fd = bare_pipe[0], .events = POLLIN};
        (void)poll(&fd, 1, 1000);
        done += take_reports();
    }
    return (struct cost){cpu_s(CLOCK_MONOTONIC) - c.wall_s,
                         cpu_s(CLOCK_PROCESS_CPUTIME_ID) - c.cpu_s,
                         cpu_s(CLOCK_THREAD_CPUTIME_ID) - c.loop_s};
}

// ---- the figures

static int order(const void *a, const void *b)
{
    double x = ((const struct cost *)a)->cpu_s, y = ((const struct cost *)b)->cpu_s;
    return (x > y) - (x < y);
}

static void print(const char *name, struct cost *costs)
{
    qsort(costs, ROUNDS, sizeof *costs, order);
    struct cost c = costs[ROUNDS / 2];
    printf("%-22s %9.0f records/s  %9.0f records/s of one core  %6.2f us CPU a record (%.2f us in "
           "this thread)\n",
           name, RECORDS / c.wall_s, RECORDS / c.cpu_s, c.cpu_s / RECORDS * 1e6,
           c.loop_s / RECORDS * 1e6);
}

static void remove_folder(const char *dir)
{
    char path[600];
    DIR *d = opendir(dir);
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            if (unlink(path) != 0) {
                remove_folder(path);
            }
        }
    }
    closedir(d);
    rmdir(dir);
}

int main(void)
{
    const char *base = getenv("WR_BENCH_DIR");
    char dir[256], real[4096], bootstrap[128];
    snprintf(dir, sizeof dir, "%s/weir-bench-XXXXXX", base ? base : ".");
    if (!mkdtemp(dir) || !realpath(dir, real)) {
        die(dir, "cannot be made");
    }
    pid_t cluster = start_cluster(bootstrap, sizeof bootstrap); // before there are threads
    signal(SIGPIPE, SIG_IGN);
    wr_hash_seed_init();
    for (int d = 0; d < DEVICES; d++) {
        snprintf(topics[d], sizeof topics[d], "site/dev-%03d/reading", d);
        snprintf(keys[d], sizeof keys[d], "dev-%03d", d);
        body_len[d] =
            snprintf(bodies[d], sizeof bodies[d],
                     "{\"temp\":%d.5,\"humidity\":%d,\"device\":\"dev-%03d\",\"site\":\"north\","
                     "\"firmware\":"
                     "\"2.14.%d\",\"readings\":[%d,%d,%d,%d],\"status\":{\"ok\":true,\"code\":%d}}",
                     20 + d, 30 + d, d, d, d, d + 1, d + 2, d + 3, 100 + d);
    }
    uv_loop_init(&loop);
    open_weir(real, bootstrap);
    open_bare(bootstrap);
    struct cost ours[ROUNDS], floor[ROUNDS];
    run_weir();
    run_bare();
    for (int r = 0; r < ROUNDS; r++) {
        ours[r] = run_weir();
        floor[r] = run_bare();
    }
    printf("bodies of %d bytes, at most %d under way, medians by CPU of %d rounds of %d\n",
           body_len[10], WINDOW, ROUNDS, RECORDS);
    print("weir, ack: durable", ours);
    print("bare librdkafka", floor);
    printf("CPU a record, weir over librdkafka: %.2f\n",
           ours[ROUNDS / 2].cpu_s / floor[ROUNDS / 2].cpu_s);
    kill(cluster, SIGKILL);
    waitpid(cluster, NULL, 0);
    remove_folder(real);
    return 0;
}
