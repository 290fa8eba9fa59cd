// `weir demo`: a private broker, weir with the example rules, devices that publish, and what
// arrived.
#include "engine/cli/cli.h"
#include "engine/cli/demo_console.h"
#include "engine/cli/demo_process.h"
#include "engine/cli/demo_watch.h"
#include "engine/cli/message_line.h"
#include "engine/mqtt/device.h"
#include "engine/mqtt/mqtt.h"
#include "sinks/lib/local_s3.h"
#include "sql/base/clock.h"
#include "sql/base/hash.h"
#include "sql/base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define PATH_BYTES   4096
#define TICK_MS      100
#define CONNECT_MS   10000 // until a device is connected
#define READY_MS     20000 // until weir has connected and loaded its rules
#define SETTLE_MS    20000 // after the last message: functions are tried three times
#define STATUS_BYTES (1u << 20)
#define NOTE_BYTES   1024 // a republished message in the pipe: below PIPE_BUF, so written whole

struct demo {
    const char *self; // the weir binary
    char folder[PATH_BYTES], state[PATH_BYTES], status[PATH_BYTES], examples[PATH_BYTES];
    char log[PATH_BYTES];
    long seconds; // 0: until Ctrl-C
    bool keep;
    pid_t broker, weir;
    int port;
    int notes[2]; // pipe: republished messages, from the dashboard's thread
    struct wr_device *thermometer, *door, *vehicle, *camera, *dashboard;
    struct wr_demo_watch *watch;
    uint64_t published, republished;
    struct wr_arena arena; // of the last status
    wr_value seen;         // the status, or Undefined
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    interrupted = number;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L}, NULL);
}

// ---- where things are

static bool is_examples(const char *path)
{
    char file[PATH_BYTES + 16];
    snprintf(file, sizeof file, "%s/weir.yaml", path);
    return access(file, R_OK) == 0;
}

// ./examples, or beside the folder of the binary, or where an installation puts it.
static wr_err find_examples(struct demo *d, const char *asked, struct wr_fault *fault)
{
    char beside[PATH_BYTES];
    const char *slash = strrchr(d->self, '/');
    snprintf(beside, sizeof beside, "%.*s/../examples", slash ? (int)(slash - d->self) : 1,
             slash ? d->self : ".");
    char installed[PATH_BYTES];
    snprintf(installed, sizeof installed, "%.*s/../share/weir/examples",
             slash ? (int)(slash - d->self) : 1, slash ? d->self : ".");
    const char *const places[] = {asked ? asked : "examples", beside, installed};
    for (size_t i = 0; i < (asked ? 1 : WR_COUNT(places)); i++) {
        if (is_examples(places[i])) {
            char *whole = realpath(places[i], NULL);
            snprintf(d->examples, sizeof d->examples, "%s", whole ? whole : places[i]);
            free(whole);
            return WR_OK;
        }
    }
    return wr_fault_set(fault, WR_ERR_MISSING,
                        "no example rules (weir.yaml) in %s: say where with --examples FOLDER",
                        asked ? asked : "./examples");
}

static wr_err make_folder(struct demo *d, struct wr_fault *fault)
{
    const char *base = getenv("TMPDIR");
    snprintf(d->folder, sizeof d->folder, "%.3000s/weir-demo-XXXXXX",
             base && *base ? base : "/tmp");
    if (!mkdtemp(d->folder)) {
        wr_err err = wr_fault_set(fault, WR_ERR_IO, "%s: %s: set TMPDIR to a folder to write in",
                                  d->folder, strerror(errno));
        d->folder[0] = '\0';
        return err;
    }
    snprintf(d->state, sizeof d->state, "%.4000s/state", d->folder);
    snprintf(d->status, sizeof d->status, "%.4000s/status.json", d->folder);
    snprintf(d->log, sizeof d->log, "%.4000s/weir.log", d->folder);
    return WR_OK;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

// ---- weir

static void read_status(struct demo *d)
{
    wr_arena_reset(&d->arena);
    d->seen = wr_undefined();
    char *bytes = wr_arena_alloc(&d->arena, STATUS_BYTES);
    int fd = open(d->status, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 || !bytes ? 0 : read(fd, bytes, STATUS_BYTES);
    struct wr_line line;
    if (n > 0 && !wr_line_read((wr_str){bytes, (size_t)n}, &d->arena, &line, NULL)) {
        d->seen = line.object;
    }
    if (fd >= 0) {
        close(fd);
    }
}

static wr_value member(struct demo *d, const wr_value *object, const char *name)
{
    return wr_line_member(object, name, &d->arena);
}

static int64_t count_of(struct demo *d, const wr_value *object, const char *name)
{
    wr_value v = member(d, object, name);
    int64_t n;
    return v.type == WR_NUMBER && wr_num_to_i64(&v, &n) ? n : 0;
}

static wr_err weir_ended(struct demo *d, struct wr_fault *fault)
{
    char why[300];
    wr_demo_last_line(d->log, why, sizeof why);
    d->weir = 0;
    return wr_fault_set(fault, WR_ERR_FAILED, "weir run ended: %s", why);
}

static wr_err start_weir(struct demo *d, struct wr_fault *fault)
{
    char url[64], config[PATH_BYTES + 16], state[PATH_BYTES + 16];
    char self[PATH_BYTES];
    snprintf(url, sizeof url, "--mqtt-url=mqtt://127.0.0.1:%d", d->port);
    snprintf(config, sizeof config, "%s/weir.yaml", d->examples);
    snprintf(state, sizeof state, "--state-dir=%s", d->state);
    snprintf(self, sizeof self, "%s", d->self);
    // Default ports may be another weir's.
    char no_metrics[] = "--metrics-listen=", any_port[] = "--admin-listen=127.0.0.1:0";
    char *argv[] = {self,  (char[]){"run"},           (char[]){"-c"}, config,     url,
                    state, (char[]){"--status-file"}, d->status,      no_metrics, any_port,
                    NULL};
    wr_err err = wr_demo_start(argv, d->log, &d->weir, fault);
    for (int waited = 0; !err && waited < READY_MS; waited += 50) {
        int status;
        if (!wr_demo_alive(d->weir, &status)) {
            return weir_ended(d, fault);
        }
        read_status(d);
        wr_value mqtt = member(d, &d->seen, "mqtt");
        wr_value ready = member(d, &mqtt, "subscribed");
        if (ready.type == WR_BOOLEAN && ready.as.truth) {
            return WR_OK;
        }
        if (interrupted) {
            return wr_fault_set(fault, WR_ERR_FAILED, "interrupted");
        }
        pause_ms(50);
    }
    return err ? err
               : wr_fault_set(fault, WR_ERR_FAILED, "weir run is not connected after %d s; see %s",
                              READY_MS / 1000, d->log);
}

// ---- devices

static void on_republished(void *user, wr_str topic, wr_str payload)
{
    struct demo *d = user;
    char note[NOTE_BYTES];
    int n = snprintf(note, sizeof note, "%.*s\t%.*s\n", WR_STR_ARG(topic),
                     (int)(payload.len < 300 ? payload.len : 300), payload.at);
    if (n > 0 && n < NOTE_BYTES && write(d->notes[1], note, (size_t)n) < 0) {
        return; // the pipe is full: the line is not shown
    }
}

static wr_err open_device(struct demo *d, const char *id, const char *filter,
                          struct wr_device **out, struct wr_fault *fault)
{
    struct wr_device_options options = {.host = "127.0.0.1",
                                        .client_id = id,
                                        .port = d->port,
                                        .filter = filter,
                                        .arrived = filter ? on_republished : NULL,
                                        .user = d};
    return wr_device_open(&options, CONNECT_MS, out, fault);
}

static wr_err open_devices(struct demo *d, struct wr_fault *fault)
{
    wr_err err = open_device(d, "dashboard", "alerts/#", &d->dashboard, fault);
    err = err ? err : open_device(d, "thermometer-kiln", NULL, &d->thermometer, fault);
    err = err ? err : open_device(d, "door-front", NULL, &d->door, fault);
    err = err ? err : open_device(d, "vehicle-van-7", NULL, &d->vehicle, fault);
    return err ? err : open_device(d, "camera-gate", NULL, &d->camera, fault);
}

static void send_text(struct demo *d, struct wr_device *device, const char *topic, wr_str payload)
{
    d->published += wr_device_publish(device, topic, payload) == WR_OK;
}

// What the devices say at tick `n` of 100 ms.
static void publish_tick(struct demo *d, unsigned n)
{
    static const char *const rooms[] = {"kiln", "oven", "dryer"};
    char topic[64], text[160];
    if (n % 3 == 0) { // temperature: every third reading of a room is hot
        unsigned room = n / 3 % 3;
        double temp = 18 + 4 * room + (n / 9 % 3 == 0 ? 22.5 : 0) + n % 7 * 0.25;
        snprintf(topic, sizeof topic, "site/%s/reading", rooms[room]);
        snprintf(text, sizeof text, "{\"temp\":%.2f,\"humidity\":%u}", temp, 30 + n % 20);
        send_text(d, d->thermometer, topic, wr_str_of(text));
    }
    if (n % 8 == 4) {
        snprintf(topic, sizeof topic, "doors/%s/state", n % 16 == 4 ? "front" : "dock");
        snprintf(text, sizeof text, "{\"state\":\"%s\",\"battery\":0.%u}",
                 n / 16 % 2 ? "closed" : "open", 97 - n / 16 % 60);
        send_text(d, d->door, topic, wr_str_of(text));
    }
    if (n % 7 == 2) {
        double turn = n * 0.05;
        snprintf(text, sizeof text, "{\"fix\":{\"lat\":%.5f,\"lon\":%.5f},\"speed\":%.2f}",
                 52.52 + 0.01 * sin(turn), 13.405 + 0.01 * cos(turn), 9.5 + n % 11);
        send_text(d, d->vehicle, "vehicles/van-7/gps", wr_str_of(text));
    }
    if (n % 30 == 9) { // a device with a broken writer
        send_text(d, d->thermometer, "site/kiln/reading",
                  WR_STR("{\"temp\": 41.7, \"humidity\": "));
    }
    if (n % 25 == 3) { // bytes, NULs included
        send_text(d, d->camera, "camera/gate/frame",
                  WR_STR("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\xff\xd9"));
    }
}

// ---- showing

static void show_republished(struct demo *d)
{
    char bytes[8 * NOTE_BYTES];
    ssize_t n = read(d->notes[0], bytes, sizeof bytes);
    for (char *line = bytes; n > 0 && line < bytes + n;) {
        char *end = memchr(line, '\n', (size_t)(bytes + n - line));
        char *tab = memchr(line, '\t', (size_t)(bytes + n - line));
        if (!end || !tab || tab > end) {
            return;
        }
        d->republished++;
        wr_demo_watch_line(d->watch, "republish", (wr_str){line, (size_t)(tab - line)},
                           (wr_str){tab + 1, (size_t)(end - tab - 1)});
        line = end + 1;
    }
}

// Print a `weir local` command and run it, so that people learn how to look for themselves.
static void look(struct demo *d, const char *what, const char *name, const char *key)
{
    printf("\n$ weir local %s%s%s%s%s\n", what, *name ? " " : "", name, key ? " " : "",
           key ? key : "");
    fflush(stdout);
    char self[PATH_BYTES], state[PATH_BYTES + 16], verb[16], service[32], first[512], second[1100];
    snprintf(self, sizeof self, "%s", d->self);
    snprintf(state, sizeof state, "--state-dir=%s", d->state);
    const char *space = strchr(what, ' ');
    snprintf(verb, sizeof verb, "%.*s", (int)(space - what), what);
    snprintf(service, sizeof service, "%s", space + 1);
    snprintf(first, sizeof first, "%s", name);
    snprintf(second, sizeof second, "%s", key ? key : "");
    char *argv[8] = {self, (char[]){"local"}, state, verb, service};
    int n = 5;
    if (*name) {
        argv[n++] = first;
    }
    if (key) {
        argv[n++] = second;
    }
    pid_t pid = fork();
    if (pid == 0) {
        execv(self, argv);
        _exit(127);
    }
    int status;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (strcmp(what, "cat s3") == 0) {
        putchar('\n'); // an object's bytes end where they end
    }
}

static void show_rules(struct demo *d, unsigned *silent)
{
    wr_value rules = member(d, &d->seen, "rules");
    printf("\n%-20s %9s %9s %9s   actions (delivered, failed)\n", "rule", "tried", "matched",
           "delivered");
    *silent = 0;
    for (uint32_t i = 0; rules.type == WR_OBJECT && i < rules.len; i++) {
        wr_value rule = rules.as.members[i].value;
        wr_value_force(&rule, &d->arena, WR_SQL_2016);
        wr_value actions = member(d, &rule, "actions");
        struct wr_buf text = {0};
        int64_t delivered = 0;
        for (uint32_t k = 0; actions.type == WR_OBJECT && k < actions.len; k++) {
            wr_value a = actions.as.members[k].value;
            wr_value_force(&a, &d->arena, WR_SQL_2016);
            int64_t ok = count_of(d, &a, "success"), bad = count_of(d, &a, "failure");
            int64_t errors = count_of(d, &a, "errorActionSuccess");
            wr_str kind = actions.as.members[k].key;
            if (ok || bad) {
                wr_buf_addf(&text, "  %.*s %lld, %lld", WR_STR_ARG(kind), (long long)ok,
                            (long long)bad);
            }
            if (errors) {
                wr_buf_addf(&text, "  error action %.*s %lld", WR_STR_ARG(kind), (long long)errors);
            }
            delivered += ok;
        }
        *silent += delivered == 0;
        printf("%-20.*s %9lld %9lld %9lld %.*s\n", WR_STR_ARG(rules.as.members[i].key),
               (long long)count_of(d, &rule, "topicMatch"),
               (long long)count_of(d, &rule, "matched"), (long long)delivered,
               WR_STR_ARG(wr_buf_str(&text)));
        wr_buf_release(&text);
    }
    if (rules.type != WR_OBJECT || rules.len == 0) {
        *silent = 1;
    }
}

struct found {
    char *out;
    size_t size;
};

static bool keep_key(void *user, const struct wr_local_s3_object *object)
{
    struct found *f = user;
    snprintf(f->out, f->size, "%.*s", WR_STR_ARG(object->key));
    return false;
}

// The first key below bucket/prefix.
static bool some_key(struct demo *d, const char *bucket, const char *prefix, char *out, size_t size)
{
    out[0] = '\0';
    struct found f = {out, size};
    wr_err err =
        wr_local_s3_list(d->state, wr_str_of(bucket), wr_str_of(prefix), keep_key, &f, NULL);
    return !err && out[0];
}

static int summary(struct demo *d)
{
    unsigned silent;
    char key[1100];
    printf("\n--- what arrived -------------------------------------------------------------\n");
    printf(
        "%llu messages published by the devices, %llu republished by weir, %lld handled by weir\n",
        (unsigned long long)d->published, (unsigned long long)d->republished,
        (long long)count_of(d, &d->seen, "messages"));
    show_rules(d, &silent);
    look(d, "ls s3", "readings", NULL);
    if (some_key(d, "readings", "hot/", key, sizeof key)) {
        look(d, "cat s3", "readings", key);
    }
    look(d, "cat dynamodb", "doors", NULL);
    look(d, "ls lambda", "", NULL);
    if (some_key(d, "failed", "readings/", key, sizeof key)) {
        printf("\nA malformed reading, as the error action kept it:\n");
        look(d, "cat s3", "failed", key);
    }
    if (silent) {
        printf("\nNOT everything arrived: %u of the example rules delivered nothing. Log: %s\n",
               silent, d->log);
    } else {
        printf("\nEvery example rule delivered.\n");
    }
    return silent ? 1 : 0;
}

// ---- the run

static bool quiet(struct demo *d)
{
    read_status(d);
    return d->seen.type == WR_OBJECT && count_of(d, &d->seen, "live") == 0 &&
           count_of(d, &d->seen, "messages") >= (int64_t)(d->published + d->republished);
}

static wr_err publish_and_show(struct demo *d, struct wr_fault *fault)
{
    wr_mono begin = wr_mono_now();
    for (unsigned n = 0; !interrupted; n++) {
        int status;
        if (!wr_demo_alive(d->weir, &status)) {
            return weir_ended(d, fault);
        }
        if (!wr_demo_alive(d->broker, &status)) {
            d->broker = 0;
            return wr_fault_set(fault, WR_ERR_FAILED, "the broker ended; see %s", d->folder);
        }
        if (d->seconds && wr_mono_since_us(begin, wr_mono_now()) >= d->seconds * 1000000L) {
            break;
        }
        publish_tick(d, n);
        pause_ms(TICK_MS);
        show_republished(d);
        if (n % 5 == 4) {
            wr_demo_watch_look(d->watch);
        }
    }
    printf("\nThe devices are silent; waiting until everything is settled.\n");
    fflush(stdout);
    interrupted = 0;
    for (int waited = 0; waited < SETTLE_MS && !interrupted && !quiet(d); waited += 250) {
        pause_ms(250);
        show_republished(d);
        wr_demo_watch_look(d->watch);
    }
    return WR_OK;
}

static void close_devices(struct demo *d)
{
    struct wr_device **all[] = {&d->thermometer, &d->door, &d->vehicle, &d->camera, &d->dashboard};
    for (size_t i = 0; i < WR_COUNT(all); i++) {
        wr_device_close(*all[i]);
        *all[i] = NULL;
    }
}

// Ends weir the way it is meant to be ended: it drains, and writes its counters for the last time.
static void stop_weir(struct demo *d)
{
    if (d->weir > 0) {
        wr_demo_stop(d->weir, 15000);
        d->weir = 0;
    }
}

static void stop_all(struct demo *d)
{
    close_devices(d);
    stop_weir(d);
    if (d->broker > 0) {
        wr_demo_stop(d->broker, 3000);
    }
    for (int i = 0; i < 2; i++) {
        if (d->notes[i] > 0) {
            close(d->notes[i]);
        }
    }
    wr_demo_watch_free(d->watch);
}

static void print_console(const struct demo *d)
{
    struct wr_buf link = {0};
    struct wr_fault fault = {0};
    if (wr_demo_console(d->state, &link, &fault)) {
        printf("console  none: %s\n\n", fault.text);
    } else {
        printf("console  %s\n         (works once; another link: weir console --no-open "
               "--state-dir %s)\n\n",
               wr_buf_terminated(&link), d->state);
    }
    fflush(stdout);
    wr_buf_release(&link);
}

static wr_err start_all(struct demo *d, const char *examples, struct wr_fault *fault)
{
    wr_err err = find_examples(d, examples, fault);
    err = err ? err : make_folder(d, fault);
    err = err ? err : wr_demo_broker(d->folder, &d->broker, &d->port, fault);
    if (err) {
        return err;
    }
    printf("broker   mosquitto, 127.0.0.1:%d (private; ends with the demo)\n", d->port);
    printf("rules    %s/rules\n", d->examples);
    printf("results  %s/local\n", d->state);
    printf("try      mosquitto_pub -p %d -q 1 -t site/lab/reading -m '{\"temp\": 99, \"humidity\": "
           "5}'\n\n",
           d->port);
    fflush(stdout);
    err = start_weir(d, fault);
    if (!err) {
        print_console(d);
    }
    if (!err && pipe2(d->notes, O_CLOEXEC | O_NONBLOCK)) {
        err = wr_fault_set(fault, WR_ERR_IO, "pipe: %s", strerror(errno));
    }
    return err ? err : open_devices(d, fault);
}

static int run(struct demo *d, const char *examples)
{
    struct wr_fault fault = {0};
    struct sigaction on = {.sa_handler = on_interrupt}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    wr_hash_seed_init();
    wr_mqtt_init();
    wr_arena_init(&d->arena, 16u << 20);
    int status = 1;
    wr_err err = start_all(d, examples, &fault);
    if (!err) {
        d->watch = wr_demo_watch_new(d->state);
        err = publish_and_show(d, &fault);
    }
    if (err) {
        fprintf(stderr, "weir demo: %s\n", fault.text);
    } else {
        close_devices(d);
        stop_weir(d);
        show_republished(d);
        wr_demo_watch_look(d->watch);
        read_status(d);
        status = summary(d);
    }
    stop_all(d);
    wr_arena_release(&d->arena);
    wr_mqtt_cleanup();
    if (d->folder[0] && !d->keep && (status == 0 || d->watch == NULL)) {
        nftw(d->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    } else if (d->folder[0]) {
        printf("kept: %s\n", d->folder);
    }
    return status;
}

int wr_cli_demo(int argc, char **argv)
{
    static struct demo d;
    char self[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    d.self = self;
    const char *examples = NULL;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--for") == 0 && more) {
            char *end;
            d.seconds = strtol(argv[++i], &end, 10);
            if (*end || d.seconds < 1 || d.seconds > 86400) {
                fprintf(stderr, "weir demo: --for takes 1 to 86400 seconds, not '%s'\n", argv[i]);
                return 2;
            }
        } else if (strcmp(argv[i], "--examples") == 0 && more) {
            examples = argv[++i];
        } else if (strcmp(argv[i], "--keep") == 0) {
            d.keep = true;
        } else {
            fprintf(stderr, "weir demo: unknown or incomplete option '%s'; see 'weir help demo'\n",
                    argv[i]);
            return 2;
        }
    }
    return run(&d, examples);
}
