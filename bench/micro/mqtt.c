// What does a message cost between the socket and the flow, and what comes through with rules and
// with the spool? weir's own client and libmosquitto in turns, on a blaster (blaster.h) over the
// loopback. Floor, in the same run: a bare reader of 64 KiB pieces that finds the packets' ends and
// acknowledges in batches. CPU is of this thread, the system's part included.
//
//   bench_mqtt [--messages N] [--rounds N] [--only TEXT] [--dir FOLDER] [--segment MIB]
//
// TEXT: the rows whose name has it. The folder is for the spool, whose segments have so many MiB.
#include "engine/mqtt/mqtt.h"
#include "bench/micro/blaster.h"
#include "engine/cli/bench.h"
#include "engine/flow/spool.h"
#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "sql/base/banned.h"

#define ROUNDS_MAX 31

static struct {
    size_t count, rounds; // messages of a round
    const char *dir, *only;
    uint64_t segment; // MiB
} o = {.count = 400000, .rounds = 5, .dir = "/var/tmp", .only = "", .segment = 16};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_mqtt: %s: %s\n", what, why);
    exit(2);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// ---- one run

enum what { ALONE, RULE, DURABLE, PUBLISHER };

static struct {
    uv_loop_t loop;
    struct wr_bench_set set;
    struct blaster blaster;
    struct wr_message_pool *pool;
    struct wr_metrics *metrics;
    struct wr_sinks *sinks;
    struct wr_flow *flow;
    struct wr_spool *spool;
    struct wr_source *source;
    struct wr_rule_set *all; // keeps every message, for DURABLE
    size_t came;
    size_t measured_from;
    double cpu_from;
    uint64_t calls_from;
    bool closed;
} w;

static void note(size_t count)
{
    w.came += count;
    if (w.cpu_from == 0 && w.came >= o.count / 10) { // warm
        w.measured_from = w.came;
        w.calls_from = wr_alloc_calls();
        w.cpu_from = cpu_s();
    }
}

static void settle_at_once(void *user, struct wr_source *source, struct wr_message *m, size_t count)
{
    while (m) {
        struct wr_message *next = m->next;
        wr_message_unhold(m);
        wr_message_unlock(m);
        m = next;
    }
    note(count);
}

static void on_batch(void *user, struct wr_source *source, struct wr_message *m, size_t count)
{
    wr_flow_batch(w.flow, source, m, count);
    note(count);
}

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
    if (d) {
        closedir(d);
        (void)rmdir(dir);
    }
}

// The spool's system calls, with a clock on the syncs: the floor of what is acknowledged after
// them. Filled by the spool's thread, read when that has ended.
#define SYNCS_MAX 65536

static struct {
    double ms[SYNCS_MAX];
    size_t count;
} syncs;

static int timed_fdatasync(int fd)
{
    wr_mono from = wr_mono_now();
    int rc = fdatasync(fd);
    if (syncs.count < SYNCS_MAX) {
        syncs.ms[syncs.count++] = (double)wr_mono_since_us(from, wr_mono_now()) / 1e3;
    }
    return rc;
}

static int plain_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int plain_fallocate(int fd, off_t size)
{
    return fallocate(fd, 0, 0, size);
}

static const struct wr_spool_io timed_io = {.open = plain_open,
                                            .pwrite = pwrite,
                                            .fdatasync = timed_fdatasync,
                                            .fallocate = plain_fallocate,
                                            .unlink = unlink};

static int by_size(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void open_flow(const char *dir, bool durable)
{
    struct wr_fault fault = {0};
    char spool_dir[700];
    const struct wr_sinks_options sinks = {
        .loop = &w.loop, .kinds = wr_bench_kinds(), .state_dir = dir};
    w.sinks = wr_sinks_new(&sinks);
    for (size_t k = 0; wr_bench_kinds()[k]; k++) {
        if (wr_sinks_require(w.sinks, k, &fault)) {
            die("sinks", fault.text);
        }
    }
    snprintf(spool_dir, sizeof spool_dir, "%s/spool", dir);
    const struct wr_spool_options spool = {
        .loop = &w.loop,
        .dir = spool_dir,
        .max_bytes = UINT64_C(1) << 30,
        .segment_bytes = o.segment << 20,
        .io = &timed_io,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken},
    };
    if (durable && wr_spool_open(&spool, &w.spool, &fault)) {
        die("the spool", fault.text);
    }
    const struct wr_flow_options flow = {.loop = &w.loop,
                                         .metrics = w.set.metrics,
                                         .sinks = w.sinks,
                                         .payload_max = 1u << 20,
                                         .spool = w.spool,
                                         .pool = w.pool,
                                         .in_flight_max = 100000,
                                         .retry = {.attempts = 1}};
    w.flow = wr_flow_new(&flow);
    wr_flow_set_rules(w.flow, durable ? w.all : w.set.rule_set);
}

static void on_closed(void *user)
{
    w.closed = true;
}

static void on_spool_closed(void *user)
{
    wr_flow_free(w.flow, on_closed, NULL);
}

static void on_sinks_closed(void *user)
{
    if (w.spool) {
        wr_spool_close(w.spool, on_spool_closed, NULL);
    } else {
        on_spool_closed(NULL);
    }
}

static void wait_closed(void)
{
    while (!w.closed) {
        uv_run(&w.loop, UV_RUN_ONCE);
    }
    w.closed = false;
}

static void close_all(void)
{
    w.source->impl->close(w.source, 1000, on_closed, NULL);
    wait_closed();
    if (w.flow) {
        wr_flow_stop(w.flow);
        wr_sinks_close(w.sinks, on_sinks_closed, NULL);
        wait_closed();
        wr_sinks_free(w.sinks);
    }
    uv_run(&w.loop, UV_RUN_DEFAULT);
    w.flow = NULL;
    w.spool = NULL;
}

struct figures {
    double cpu_us, wall_s, p50_ms, p99_ms;
    double sync_ms, sync_p99_ms; // a group's fdatasync in this run
    size_t syncs;
    double allocations; // a message
};

static struct wr_config *configure(const char *source, uint32_t window, const char *dir)
{
    static char texts[6][700];
    char *args[7];
    struct wr_fault fault = {0};
    struct wr_config *config;
    int count = 0;
    snprintf(texts[count++], 700, "--source=%s", source);
    snprintf(texts[count++], 700, "--mqtt-url=mqtt://127.0.0.1:%d", w.blaster.port);
    snprintf(texts[count++], 700, "--mqtt-receive-maximum=%u", window);
    snprintf(texts[count++], 700, "--state-dir=%s", dir);
    snprintf(texts[count++], 700, "--mqtt-basic-ingest=false");
    for (int i = 0; i < count; i++) {
        args[i] = texts[i];
    }
    if (wr_config_load(NULL, &count, args, &config, &fault)) {
        die("configuration", fault.text);
    }
    return config;
}

static struct figures run(const char *source, enum what what, int qos, uint32_t window,
                          size_t count)
{
    char dir[600];
    struct wr_fault fault = {0};
    snprintf(dir, sizeof dir, "%s/bench-mqtt-XXXXXX", o.dir);
    if (!mkdtemp(dir)) {
        die(o.dir, strerror(errno));
    }
    struct wr_config *config = configure(source, window, dir);
    w.came = w.measured_from = 0;
    w.cpu_from = 0;
    syncs.count = 0;
    w.pool = wr_message_pool_new((size_t)config->message_memory, window + 4096);
    if (what != ALONE) {
        open_flow(dir, what == DURABLE);
    }
    const struct wr_source_events events = {.batch = what == ALONE ? settle_at_once : on_batch};
    if (wr_mqtt_source_open(&w.loop, config, w.pool, &events, &w.source, &fault)) {
        die(source, fault.text);
    }
    blaster_ask(&w.blaster, qos, (uint32_t)count, window);
    wr_str filter = WR_STR("#");
    w.source->impl->want(w.source, &filter, 1);
    struct blaster_report report;
    while (w.came < count) {
        uv_run(&w.loop, UV_RUN_ONCE);
    }
    for (size_t turns = 0; qos && !blaster_answer(&w.blaster, &report, false); turns++) {
        uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    double cpu = cpu_s() - w.cpu_from;
    struct figures f = {.cpu_us = cpu / (double)(count - w.measured_from) * 1e6,
                        .allocations = (double)(wr_alloc_calls() - w.calls_from) /
                                       (double)(count - w.measured_from)};
    if (!qos && !blaster_answer(&w.blaster, &report, true)) {
        die("the blaster", "no report");
    }
    if (report.wall_s == 0 || (qos && report.acknowledged != count)) {
        die(source, "not every message came through");
    }
    f.wall_s = report.wall_s;
    f.p50_ms = report.p50_ms;
    f.p99_ms = report.p99_ms;
    close_all();
    if (syncs.count) {
        qsort(syncs.ms, syncs.count, sizeof *syncs.ms, by_size);
        f.syncs = syncs.count;
        f.sync_ms = syncs.ms[syncs.count / 2];
        f.sync_p99_ms = syncs.ms[syncs.count * 99 / 100];
    }
    wr_message_pool_free(w.pool);
    wr_config_free(config);
    remove_folder(dir);
    return f;
}

// ---- the publisher alone, as republish uses it

static struct {
    struct wr_publisher *publisher;
    size_t done, handed, failed;
} pub;

#define PUBLISH_WINDOW 5000 // handed over and not answered

static void on_published(void *user, wr_err err, const char *why)
{
    pub.done++;
    pub.failed += err != WR_OK;
}

static void hand_over(int qos, size_t count)
{
    while (pub.handed < count && pub.handed - pub.done < PUBLISH_WINDOW) {
        const struct wr_sql_message *m = &w.set.messages[pub.handed++ % w.set.count];
        const struct wr_publish p = {.topic = m->topic,
                                     .payload = m->payload,
                                     .qos = qos,
                                     .format_indicator = -1,
                                     .message_expiry_s = -1,
                                     .hops = 1,
                                     .done = on_published};
        wr_publisher_publish(pub.publisher, &p);
    }
}

static struct figures run_publisher(const char *source, int qos, size_t count)
{
    struct wr_fault fault = {0};
    struct wr_config *config = configure(source, 1000, o.dir);
    const struct wr_publisher_options options = {
        .name = "publisher", .client_id = "bench", .keep = true, .window = PUBLISH_WINDOW};
    memset(&pub, 0, sizeof pub);
    blaster_ask(&w.blaster, qos, (uint32_t)count, 0);
    if (wr_publisher_open(&w.loop, config, &options, &pub.publisher, &fault)) {
        die(source, fault.text);
    }
    w.cpu_from = 0;
    while (pub.done < count) {
        hand_over(qos, count);
        uv_run(&w.loop, UV_RUN_ONCE);
        if (w.cpu_from == 0 && pub.done >= count / 10) {
            w.measured_from = pub.done;
            w.calls_from = wr_alloc_calls();
            w.cpu_from = cpu_s();
        }
    }
    double measured = (double)(count - w.measured_from);
    struct figures f = {.cpu_us = (cpu_s() - w.cpu_from) / measured * 1e6,
                        .allocations = (double)(wr_alloc_calls() - w.calls_from) / measured};
    struct blaster_report report;
    if (pub.failed || !blaster_answer(&w.blaster, &report, true) || report.wall_s == 0) {
        die(source, "not everything was published");
    }
    f.wall_s = report.wall_s;
    wr_publisher_close(pub.publisher, on_closed, NULL);
    wait_closed();
    uv_run(&w.loop, UV_RUN_DEFAULT);
    wr_config_free(config);
    return f;
}

// ---- the floor

static struct figures run_bare(int qos, uint32_t window, size_t count)
{
    static char in[65536 + 65536], out[65536];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)w.blaster.port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    blaster_ask(&w.blaster, qos, (uint32_t)count, window);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) {
        die("the bare reader", strerror(errno));
    }
    struct wr_buf hello = {0};
    const struct wr_packet_connect c = {.v5 = true, .client_id = WR_STR("bare"), .keepalive_s = 60};
    wr_packet_write_connect(&c, &hello);
    wr_packet_write_subscribe(true, 1, WR_STR("#"), 1, 0, &hello);
    if (write(fd, hello.at, hello.len) != (ssize_t)hello.len) {
        die("the bare reader", strerror(errno));
    }
    wr_buf_release(&hello);
    size_t len = 0, came = 0;
    double from = 0;
    while (came < count) {
        ssize_t n = read(fd, in + len, 65536);
        if (n <= 0) {
            die("the bare reader", "the connection ended");
        }
        from = from == 0 ? cpu_s() : from;
        len += (size_t)n;
        size_t at = 0, acks = 0;
        struct wr_packet p;
        struct wr_packet_fault fault;
        while (wr_packet_scan(in + at, len - at, true, &p, &fault) == WR_SCAN_WHOLE) {
            if (p.type == WR_PACKET_PUBLISH) {
                came++;
                if (qos) {
                    size_t topic =
                        (size_t)(unsigned char)p.body.at[0] << 8 | (unsigned char)p.body.at[1];
                    const unsigned char *mid = (const unsigned char *)p.body.at + 2 + topic;
                    wr_packet_put_ack(out + acks, WR_PACKET_PUBACK,
                                      (uint16_t)(mid[0] << 8 | mid[1]));
                    acks += WR_PACKET_ACK_SIZE;
                }
            }
            at += p.size;
        }
        memmove(in, in + at, len - at);
        len -= at;
        if (acks && write(fd, out, acks) != (ssize_t)acks) {
            die("the bare reader", strerror(errno));
        }
    }
    struct figures f = {.cpu_us = (cpu_s() - from) / (double)count * 1e6};
    struct blaster_report report;
    if (!blaster_answer(&w.blaster, &report, true)) {
        die("the blaster", "no report");
    }
    f.wall_s = report.wall_s;
    close(fd);
    return f;
}

// ---- the figures

static int order(const void *a, const void *b)
{
    double x = ((const struct figures *)a)->cpu_us, y = ((const struct figures *)b)->cpu_us;
    return (x > y) - (x < y);
}

struct row {
    const char *name, *source; // source NULL: the floor
    enum what what;
    int qos;
    uint32_t window;
    unsigned part; // of the messages: 1/part
    struct figures got[ROUNDS_MAX];
};

static bool chosen(const struct row *r)
{
    return strstr(r->name, o.only) != NULL;
}

static void print(struct row *r)
{
    qsort(r->got, o.rounds, sizeof *r->got, order);
    const struct figures *f = &r->got[o.rounds / 2];
    double count = (double)(o.count / r->part);
    printf("%-44s %6.3f us CPU (%.3f..%.3f)  %9.0f msg/s of one core  %9.0f msg/s", r->name,
           f->cpu_us, r->got[0].cpu_us, r->got[o.rounds - 1].cpu_us, 1e6 / f->cpu_us,
           count / f->wall_s);
    if (r->source) {
        printf("  %.4f allocations", f->allocations);
    }
    if (f->p99_ms > 0) {
        printf("  PUBACK after %.2f ms, p99 %.2f", f->p50_ms, f->p99_ms);
    }
    if (f->syncs) {
        printf(" (%.1f fdatasync of %.2f, p99 %.2f; %zu)", f->p99_ms / f->sync_ms, f->sync_ms,
               f->sync_p99_ms, f->syncs);
    }
    putchar('\n');
}

static void read_arguments(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--messages") == 0) {
            o.count = (size_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--rounds") == 0) {
            o.rounds = (size_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--dir") == 0) {
            o.dir = argv[i + 1];
        } else if (strcmp(argv[i], "--only") == 0) {
            o.only = argv[i + 1];
        } else if (strcmp(argv[i], "--segment") == 0) {
            o.segment = strtoul(argv[i + 1], NULL, 10);
        } else {
            die(argv[i], "unknown");
        }
    }
    if (o.count < 1000 || o.rounds < 1 || o.rounds > ROUNDS_MAX || o.segment < 1 ||
        o.segment > 1024 || argc % 2 == 0) {
        die("arguments", "--messages of 1000 and more, --rounds 1..31, --only TEXT, --dir FOLDER, "
                         "--segment 1..1024");
    }
}

static struct wr_rule_set *make_all(void)
{
    static const char text[] =
        "{\"ruleName\": \"all\", \"topicRulePayload\": {\"awsIotSqlVersion\": \"2016-03-23\", "
        "\"sql\": \"SELECT * FROM '#'\", \"actions\": [{\"s3\": {\"roleArn\": "
        "\"arn:aws:iam::123456789012:role/weir\", \"bucketName\": \"bucket\", \"key\": "
        "\"${topic()}\"}}]}}";
    const struct wr_rule_options options = {.kinds = wr_bench_kinds(), .metrics = w.set.metrics};
    struct wr_fault fault = {0};
    struct wr_rule *rule;
    if (wr_rule_new(wr_str_of(text), "all.json", &options, &rule, &fault)) {
        die("the rule", fault.text);
    }
    return wr_rule_set_new(&rule, 1);
}

int main(int argc, char **argv)
{
    static struct row rows[] = {
        {"floor: bare reader, QoS 0", NULL, ALONE, 0, 1000, 1, {{0}}},
        {"floor: bare reader, QoS 1", NULL, ALONE, 1, 20000, 1, {{0}}},
        {"native alone, QoS 0", "native", ALONE, 0, 1000, 1, {{0}}},
        {"native alone, QoS 1", "native", ALONE, 1, 20000, 1, {{0}}},
        {"libmosquitto alone, QoS 0", "libmosquitto", ALONE, 0, 1000, 4, {{0}}},
        {"libmosquitto alone, QoS 1", "libmosquitto", ALONE, 1, 20000, 8, {{0}}},
        {"native, 200-byte rule, QoS 0", "native", RULE, 0, 1000, 1, {{0}}},
        {"native, 200-byte rule, QoS 1, ack: settled", "native", RULE, 1, 20000, 1, {{0}}},
        {"libmosquitto, 200-byte rule, QoS 1", "libmosquitto", RULE, 1, 20000, 8, {{0}}},
        {"native, all kept, ack: durable, window 100", "native", DURABLE, 1, 100, 4, {{0}}},
        {"native, all kept, ack: durable, window 1000", "native", DURABLE, 1, 1000, 2, {{0}}},
        {"native, all kept, ack: durable, window 10000", "native", DURABLE, 1, 10000, 2, {{0}}},
        {"publisher, native, QoS 0", "native", PUBLISHER, 0, 0, 1, {{0}}},
        {"publisher, native, QoS 1", "native", PUBLISHER, 1, 0, 1, {{0}}},
        {"publisher, libmosquitto, QoS 0", "libmosquitto", PUBLISHER, 0, 0, 4, {{0}}},
        {"publisher, libmosquitto, QoS 1", "libmosquitto", PUBLISHER, 1, 0, 8, {{0}}},
    };
    read_arguments(argc, argv);
    wr_hash_seed_init();
    wr_log_setup(WR_LOG_WARN, WR_LOG_PLAIN);
    const struct wr_bench_options set = {.gen = wr_bench_generators, .seed = 1};
    struct wr_fault fault = {0};
    if (wr_bench_set_open(&w.set, &set, &fault)) {
        die("the generator", fault.text);
    }
    w.blaster = blaster_start(w.set.messages, w.set.count); // before there are threads
    wr_mqtt_init();
    uv_loop_init(&w.loop);
    w.all = make_all();
    for (size_t round = 0; round < o.rounds; round++) {
        for (size_t i = 0; i < WR_COUNT(rows); i++) {
            struct row *r = &rows[i];
            if (!chosen(r)) {
                continue;
            }
            size_t count = o.count / r->part;
            r->got[round] = !r->source ? run_bare(r->qos, r->window, count)
                            : r->what == PUBLISHER
                                ? run_publisher(r->source, r->qos, count)
                                : run(r->source, r->what, r->qos, r->window, count);
        }
    }
    printf("%zu messages of %.0f bytes a round, %zu rounds: medians by CPU\n", o.count,
           (double)w.set.bytes / (double)w.set.count, o.rounds);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        if (chosen(&rows[i])) {
            print(&rows[i]);
        }
    }
    close(w.blaster.orders);
    wr_rule_set_unlock(w.all);
    wr_bench_set_close(&w.set);
    uv_loop_close(&w.loop);
    wr_mqtt_cleanup();
    return 0;
}
