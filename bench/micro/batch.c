// How many records a second leave for Kinesis with `ack: durable`, fed in process, and what does
// one cost? The flow as `weir run` has it: statement, spool on the disk, batches, signatures,
// libcurl, answers. The server is another process and only counts. Floor, in the same run and turn
// by turn: a bare libcurl multi loop that posts bodies of the same size, ready made.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "engine/flow/flow.h"
#include "engine/rules/folder.h"
#include "sinks/lib/httpd.h"
#include "tests/support/allocations.h"

#include "sql/base/banned.h"

#define RECORDS  100000 // of a round
#define ROUNDS   5
#define DISTINCT 1000 // messages
#define LIVE_MAX 8192 // messages that are not settled, as a source's window bounds them
#define BATCH    64
#define CALLS    4 // on their way at once, ours and the floor's

static uv_loop_t loop;

// ---- the server, which shares its counters

static struct {
    uint64_t requests, entries, bytes;
    uint16_t port;
} * served;

static void on_request(void *user, struct wr_httpd_request *req)
{
    static struct wr_buf answer;
    uint64_t entries = 0;
    static const char mark[] = "\"PartitionKey\"";
    for (const char *at = req->body.at, *end = at + req->body.len;
         (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)); at += sizeof mark) {
        entries++;
    }
    wr_buf_clear(&answer);
    wr_buf_add(&answer, WR_STR("{\"SequenceNumber\":\"1\",\"FailedRecordCount\":0,\"Records\":["));
    for (uint64_t i = 0; i < entries; i++) {
        wr_buf_add(&answer, i ? WR_STR(",") : WR_STR(""));
        wr_buf_add(&answer, WR_STR("{\"SequenceNumber\":\"4959033827149025660855969253836157109592"
                                   "1575989136588898\",\"ShardId\":\"shardId-000000000000\"}"));
    }
    wr_buf_add(&answer, WR_STR("]}"));
    served->requests++;
    served->entries += entries;
    served->bytes += req->body.len;
    wr_httpd_reply(req, &(struct wr_httpd_reply){.status = 200,
                                                 .type = WR_STR("application/x-amz-json-1.1"),
                                                 .body = wr_buf_str(&answer)});
}

static void serve(void)
{
    struct wr_fault fault;
    struct wr_httpd *h;
    uv_loop_init(&loop);
    if (wr_httpd_open(&loop,
                      &(struct wr_httpd_options){
                          .host = "127.0.0.1", .body_max = 16 << 20, .request = on_request},
                      &h, &fault)) {
        fprintf(stderr, "%s\n", fault.text);
        _exit(2);
    }
    served->port = wr_httpd_port(h);
    uv_run(&loop, UV_RUN_DEFAULT);
}

// ---- ours

static struct {
    struct wr_config *config;
    struct wr_metrics *metrics;
    struct wr_message_pool *pool;
    struct wr_sinks *sinks;
    struct wr_spool *spool;
    struct wr_flow *flow;
    struct wr_folder *folder;
    struct wr_source source;
    struct wr_sql_message messages[DISTINCT];
    uint64_t settled;
    bool closed;
    char dir[200];
} w;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static void on_acknowledge(struct wr_source *self, struct wr_message *m)
{
}

static void on_settled(struct wr_source *self, struct wr_message *m)
{
    w.settled++;
}

static const struct wr_source_impl source_impl = {
    .name = "table", .acknowledge = on_acknowledge, .settled = on_settled};

static void on_durable(void *user, uint64_t seq)
{
    wr_flow_durable(w.flow, seq);
}

static void on_full(void *user, bool full, const char *why)
{
    if (full) {
        die("spool", why);
    }
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    die("spool", fault->text);
}

static wr_err open_sinks_of(void *user, const struct wr_rule *rule, struct wr_fault *fault)
{
    return wr_sinks_require(w.sinks, rule->actions[0].kind, fault);
}

static void on_rules(void *user, struct wr_rule_set *set)
{
    wr_flow_set_rules(w.flow, set);
}

static void make_messages(void)
{
    static char topics[DISTINCT][40], payloads[DISTINCT][256];
    for (unsigned i = 0; i < DISTINCT; i++) {
        snprintf(topics[i], sizeof topics[i], "site/room-%u/reading", i % 97);
        int len = snprintf(payloads[i], sizeof payloads[i],
                           "{\"device\":\"sensor-%04u\",\"temp\":%u.%u,\"humidity\":%u,\"battery\":"
                           "0.%u,\"ok\":true,\"where\":{\"floor\":%u,\"room\":\"north-%u\"},"
                           "\"note\":\"calibrated in the spring, checked by hand\"}",
                           i, 15 + i % 20, i % 10, 30 + i % 50, 10 + i % 89, i % 9, i % 31);
        w.messages[i] = (struct wr_sql_message){
            .topic = wr_str_of(topics[i]),
            .payload = {payloads[i], (size_t)len},
            .timestamp_ms = 1764243335000 + i,
            .format_indicator = -1,
            .padded = true,
        };
    }
}

static void write_rule(const char *dir)
{
    char path[300];
    snprintf(path, sizeof path, "%s/kinesis.json", dir);
    FILE *f = fopen(path, "w");
    if (!f) {
        die(path, strerror(errno));
    }
    fputs("{\"sql\":\"SELECT * FROM 'site/+/reading'\",\"awsIotSqlVersion\":\"2016-03-23\","
          "\"actions\":[{\"kinesis\":{\"roleArn\":\"arn:aws:iam::123456789012:role/weir\","
          "\"streamName\":\"readings\",\"partitionKey\":\"${topic(2)}\"}}]}",
          f);
    fclose(f);
}

static void open_ours(void)
{
    struct wr_fault fault = {0};
    static char endpoint[100], rules[220], spool_dir[220];
    snprintf(endpoint, sizeof endpoint, "--aws-endpoint=http://127.0.0.1:%u", served->port);
    snprintf(rules, sizeof rules, "%s/rules", w.dir);
    snprintf(spool_dir, sizeof spool_dir, "%s/spool", w.dir);
    mkdir(rules, 0777);
    write_rule(rules);
    char mode[] = "--mode=aws", region[] = "--aws-region=eu-central-1",
         key[] = "--aws-access-key-id=AKIDBENCH", secret[] = "--aws-secret-access-key=bench";
    char *args[] = {mode, region, key, secret, endpoint, NULL};
    int count = 5;
    if (wr_config_load(NULL, &count, args, &w.config, &fault)) {
        die("configuration", fault.text);
    }
    const struct wr_sinks_options sinks = {
        .loop = &loop, .config = w.config, .kinds = wr_config_kinds(w.config), .state_dir = w.dir};
    const struct wr_spool_options spool = {
        .loop = &loop,
        .dir = spool_dir,
        .max_bytes = UINT64_C(4) << 30,
        .segment_bytes = 64u << 20,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken},
    };
    w.metrics = wr_metrics_new();
    w.pool = wr_message_pool_new((size_t)w.config->message_memory, 2 * LIVE_MAX);
    w.sinks = wr_sinks_new(&sinks);
    if (wr_spool_open(&spool, &w.spool, &fault)) {
        die("spool", fault.text);
    }
    const struct wr_flow_options flow = {
        .loop = &loop,
        .metrics = w.metrics,
        .sinks = w.sinks,
        .payload_max = 1 << 20,
        .spool = w.spool,
        .pool = w.pool,
        .in_flight_max = (size_t)w.config->spool_in_flight,
        .retry = {.attempts = 3,
                  .budget_ms = 30000,
                  .base_ms = 50,
                  .throttled_base_ms = 1000,
                  .cap_ms = 20000},
    };
    w.flow = wr_flow_new(&flow);
    w.source = (struct wr_source){.impl = &source_impl, .pool = w.pool};
    w.folder = wr_folder_open(&(struct wr_folder_options){
        .dir = rules,
        .rule = {.kinds = wr_config_kinds(w.config), .metrics = w.metrics},
        .accept = open_sinks_of,
        .changed = on_rules,
    });
    size_t refused = 0;
    if (wr_folder_load(w.folder, true, &refused, &fault) || refused) {
        die("rules", refused ? "the rule is refused" : fault.text);
    }
    make_messages();
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); // the spool's thread too
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void feed(uint64_t from)
{
    struct wr_message *first = NULL, **end = &first;
    for (size_t i = 0; i < BATCH; i++) {
        struct wr_message *m = wr_message_new(w.pool);
        m->sql = w.messages[(from + i) % DISTINCT];
        m->qos = 1;
        m->source = &w.source;
        *end = m;
        end = &m->next;
    }
    wr_flow_batch(w.flow, &w.source, first, BATCH);
    wr_spool_flush(w.spool);
}

struct round {
    double cpu, wall; // µs a record
    double entries;   // of a request
    double calls;     // of the allocator, a request
};

static struct round run_ours(void)
{
    uint64_t calls = allocation_calls;
    uint64_t fed = 0, before = w.settled, requests = served->requests, entries = served->entries;
    double cpu = cpu_us();
    wr_mono from = wr_mono_now();
    while (w.settled - before < RECORDS || wr_flow_live(w.flow) > 0 ||
           wr_spool_pending(w.spool, 1)) {
        for (int n = 0; n < 8 && fed < RECORDS && fed - (w.settled - before) < LIVE_MAX &&
                        !wr_spool_busy(w.spool);
             n++) {
            feed(fed);
            fed += BATCH;
        }
        uv_run(&loop, fed < RECORDS ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    }
    struct round r = {
        .cpu = (cpu_us() - cpu) / (double)fed,
        .wall = (double)wr_mono_since_us(from, wr_mono_now()) / (double)fed,
        .entries = (double)(served->entries - entries) / (double)(served->requests - requests),
        .calls = (double)(allocation_calls - calls) / (double)(served->requests - requests),
    };
    if (served->entries - entries != fed) {
        die("the server", "not every record came once");
    }
    return r;
}

// ---- bare

static CURLM *multi;
static CURL *easies[CALLS];
static double bare_calls; // of the allocator, a request
static char url[100];
static struct wr_buf body;

static size_t drop(char *at, size_t size, size_t count, void *user)
{
    return size * count;
}

static void bare_open(void)
{
    multi = curl_multi_init();
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", served->port);
    struct curl_slist *headers =
        curl_slist_append(NULL, "Content-Type: application/x-amz-json-1.1");
    headers = curl_slist_append(headers, "X-Amz-Target: Kinesis_20131202.PutRecords");
    headers = curl_slist_append(headers, "Expect:");
    for (int i = 0; i < CALLS; i++) {
        CURL *e = easies[i] = curl_easy_init();
        curl_easy_setopt(e, CURLOPT_URL, url);
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    }
}

// Requests of `entries` entries, in bodies as large as ours were, until RECORDS have gone.
static double run_bare(size_t entries, size_t bytes)
{
    wr_buf_clear(&body);
    for (size_t i = 0; i < entries; i++) {
        wr_buf_add(&body, WR_STR("\"PartitionKey\":"));
        while (body.len < (i + 1) * bytes / entries) {
            wr_buf_add_char(&body, 'x');
        }
    }
    size_t requests = RECORDS / entries, started = 0, finished = 0;
    uint64_t calls = allocation_calls;
    double cpu = cpu_us();
    int running;
    for (; started < CALLS && started < requests; started++) {
        curl_easy_setopt(easies[started], CURLOPT_POSTFIELDSIZE, (long)body.len);
        curl_easy_setopt(easies[started], CURLOPT_POSTFIELDS, body.at);
        curl_multi_add_handle(multi, easies[started]);
    }
    while (finished < requests) {
        int left;
        const CURLMsg *m;
        curl_multi_perform(multi, &running);
        while ((m = curl_multi_info_read(multi, &left))) {
            CURL *e = m->easy_handle;
            if (m->data.result != CURLE_OK) {
                die("libcurl", curl_easy_strerror(m->data.result));
            }
            curl_multi_remove_handle(multi, e);
            finished++;
            if (started < requests) {
                started++;
                curl_multi_add_handle(multi, e);
            }
        }
        if (finished < requests) {
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
    }
    bare_calls = (double)(allocation_calls - calls) / (double)requests;
    return (cpu_us() - cpu) / (double)(requests * entries);
}

// ---- the end

static void on_closed(void *user)
{
    w.closed = true;
}

static void on_freed(void *user)
{
    wr_spool_close(w.spool, on_closed, NULL);
}

static void on_sinks_closed(void *user)
{
    wr_flow_free(w.flow, on_freed, NULL);
}

static void close_ours(void)
{
    char command[300];
    wr_flow_stop(w.flow);
    wr_folder_close(w.folder, NULL, NULL);
    wr_sinks_close(w.sinks, on_sinks_closed, NULL);
    while (!w.closed || uv_loop_alive(&loop)) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    wr_sinks_free(w.sinks);
    wr_message_pool_free(w.pool);
    wr_metrics_free(w.metrics);
    wr_config_free(w.config);
    snprintf(command, sizeof command, "rm -rf '%s'", w.dir);
    (void)!system(command);
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    const char *base = getenv("WR_BENCH_DIR");
    snprintf(w.dir, sizeof w.dir, "%s/weir-bench-XXXXXX", base ? base : ".");
    if (!mkdtemp(w.dir)) {
        perror(w.dir);
        return 2;
    }
    char whole[PATH_MAX];
    snprintf(w.dir, sizeof w.dir, "%.190s", realpath(w.dir, whole));
    served = mmap(NULL, sizeof *served, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve();
        _exit(0);
    }
    while (!*(volatile uint16_t *)&served->port) {
        usleep(1000);
    }
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&loop);
    open_ours();
    bare_open();
    double cpu[ROUNDS], wall[ROUNDS], bare[ROUNDS], entries = 0, calls = 0;
    run_ours();
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t bytes = served->bytes, requests = served->requests;
        struct round one = run_ours();
        cpu[r] = one.cpu;
        wall[r] = one.wall;
        entries = one.entries;
        calls = one.calls;
        bare[r] = run_bare((size_t)entries > 0 ? (size_t)entries : 1,
                           (size_t)((served->bytes - bytes) / (served->requests - requests)));
    }
    qsort(cpu, ROUNDS, sizeof *cpu, order);
    qsort(wall, ROUNDS, sizeof *wall, order);
    qsort(bare, ROUNDS, sizeof *bare, order);
    double c = cpu[ROUNDS / 2], f = bare[ROUNDS / 2];
    printf("kinesis with ack: durable, payloads of %zu bytes, medians of %d rounds of %d, %.0f "
           "records a request\n",
           w.messages[0].payload.len, ROUNDS, RECORDS, entries);
    printf("whole weir    %6.2f us of CPU a record: %7.0f records/s a core; %7.0f records/s here\n"
           "bare libcurl  %6.2f us of CPU a record in requests of the same size\n"
           "weir's own    %6.2f us of CPU a record; calls of the allocator a request: %.0f, of "
           "bare libcurl %.0f\n",
           c, 1e6 / c, 1e6 / wall[ROUNDS / 2], f, c - f, calls, bare_calls);
    fflush(stdout);
    close_ours();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
