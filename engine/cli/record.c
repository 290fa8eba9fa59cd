// `weir record`: what a broker publishes, into a message file.
//
//   listener (engine/mqtt) ─ message ─► lines of the writer ─ drained, each second ─► file
//
// The file is written from the loop, so that a slow disk slows the reading down: the broker then
// keeps what it may, and nothing piles up here.
#include "engine/cli/cli.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "engine/cli/arguments.h"
#include "engine/cli/message_file.h"
#include "engine/cli/progress.h"
#include "engine/cli/record.h"
#include "engine/config.h"
#include "engine/loop/backoff.h"
#include "engine/mqtt/listener.h"
#include "engine/mqtt/mqtt.h"
#include "engine/observe/log.h"
#include "sql/base/hash.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define FLUSH_MS    1000
#define SECONDS_MAX (366.0 * 86400)

struct asked {
    const char *config_file, *url, *out, *count_text, *for_text, *qos, *client_id;
    struct wr_argument_list filters;
    const char *socket, *last;
    bool append, raw, as_published, json, running;
    uint64_t count; // 0: no end
    double seconds; // 0: no end
};

struct recorder {
    const struct asked *asked;
    const struct wr_config *config;
    uv_loop_t loop;
    uv_timer_t flush, limit, stop;
    uv_signal_t signals[2];
    struct wr_listener *listener;
    struct wr_message_writer *writer;
    struct wr_progress progress;
    uint64_t messages, stored, skipped, lost;
    bool up, was_up, stopping, failed;
    wr_mono down_since;
};

static void say(struct recorder *r, const char *format, ...) WR_PRINTF(2, 3);
static void say(struct recorder *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    wr_progress_clear(&r->progress);
    fputs("weir record: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

// ---- the end

static void on_handle_closed(uv_handle_t *handle)
{
}

static void on_listener_closed(void *user)
{
    struct recorder *r = user;
    r->listener = NULL;
    uv_close((uv_handle_t *)&r->flush, on_handle_closed);
    uv_close((uv_handle_t *)&r->limit, on_handle_closed);
    uv_close((uv_handle_t *)&r->stop, on_handle_closed);
    uv_close((uv_handle_t *)&r->signals[0], on_handle_closed);
    uv_close((uv_handle_t *)&r->signals[1], on_handle_closed);
}

static void on_stop(uv_timer_t *timer)
{
    struct recorder *r = timer->data;
    wr_listener_close(r->listener, on_listener_closed, r);
}

// From callbacks of the listener too, which must not close it.
static void stop(struct recorder *r)
{
    if (!r->stopping) {
        r->stopping = true;
        uv_timer_start(&r->stop, on_stop, 0, 0);
    }
}

static void on_limit(uv_timer_t *timer)
{
    stop(timer->data);
}

static void on_signal(uv_signal_t *handle, int number)
{
    stop(handle->data);
}

static void give_up(struct recorder *r, const char *why)
{
    if (!r->stopping) {
        say(r, "%s", why);
        r->failed = true;
        stop(r);
    }
}

// ---- messages

static void flush(struct recorder *r, bool now)
{
    struct wr_fault fault = {0};
    if (wr_message_writer_flush(r->writer, now, &fault)) {
        give_up(r, fault.text);
    }
    if (wr_progress_due(&r->progress)) {
        wr_progress_show(&r->progress, wr_message_writer_bytes(r->writer), 0, r->messages,
                         r->up ? "" : "  not connected");
    }
}

static void on_message(void *user, const struct wr_heard *heard)
{
    struct recorder *r = user;
    if (r->stopping) {
        return;
    }
    struct wr_file_message m = {.sql = heard->sql,
                                .timed = true,
                                .qos = heard->qos,
                                .retain = heard->retain,
                                .stored = heard->retain && !r->asked->as_published,
                                .expiry_s = heard->expiry_s};
    m.sql.timestamp_ms = wr_wall_ms();
    struct wr_fault fault = {0};
    if (wr_message_text_write(&m, r->asked->raw, wr_message_writer_lines(r->writer), &fault)) {
        r->skipped++;
        say(r, "a message of topic '%.*s' cannot be recorded: %s", WR_STR_ARG(m.sql.topic),
            fault.text);
        return;
    }
    r->messages++;
    r->stored += m.stored;
    flush(r, false);
    if (r->messages == r->asked->count) {
        stop(r);
    }
}

static void on_drained(void *user)
{
}

static void on_flush(uv_timer_t *timer)
{
    flush(timer->data, true);
}

// ---- the connection

static void on_up(void *user, bool lowered)
{
    struct recorder *r = user;
    r->up = true;
    if (!r->was_up) {
        say(r, "recording from %s into %s; Ctrl-C ends it", r->config->mqtt_url, r->asked->out);
        if (r->asked->seconds > 0) {
            uv_timer_start(&r->limit, on_limit, (uint64_t)(r->asked->seconds * 1000), 0);
        }
    } else {
        say(r, "connected again; what was published in the %.1f s between is missing",
            (double)wr_mono_since_us(r->down_since, wr_mono_now()) / 1e6);
    }
    if (lowered) {
        say(r, "the broker grants quality of service 0 only: messages may be lost");
    }
    r->was_up = true;
}

static void on_down(void *user, const char *why)
{
    struct recorder *r = user;
    if (r->stopping) {
        return;
    }
    if (!r->was_up) {
        give_up(r, why);
        return;
    }
    if (r->up) {
        r->lost++;
        r->down_since = wr_mono_now();
    }
    r->up = false;
    say(r, "%s: messages are missing from here on, until it is connected again", why);
    flush(r, true);
}

static void on_failed(void *user, const char *why)
{
    struct recorder *r = user;
    if (!r->was_up) {
        give_up(r, why);
    }
}

static void on_refused(void *user, const char *why)
{
    give_up(user, why);
}

static const struct wr_listener_events events = {
    .message = on_message,
    .drained = on_drained,
    .up = on_up,
    .down = on_down,
    .failed = on_failed,
    .refused = on_refused,
};

// ---- start

static void open_handles(struct recorder *r)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    uv_timer_init(&r->loop, &r->flush);
    uv_timer_init(&r->loop, &r->limit);
    uv_timer_init(&r->loop, &r->stop);
    r->flush.data = r->limit.data = r->stop.data = r;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&r->loop, &r->signals[i]);
        r->signals[i].data = r;
        uv_signal_start(&r->signals[i], on_signal, numbers[i]);
    }
    uv_timer_start(&r->flush, on_flush, FLUSH_MS, FLUSH_MS);
}

static void report(struct recorder *r, uint64_t bytes)
{
    char count[32], size[32], stored[32];
    wr_progress_clear(&r->progress);
    if (r->asked->json) {
        struct wr_buf b = {0};
        wr_buf_add(&b, WR_STR("{\"file\":"));
        wr_json_write_string(&b, wr_str_of(r->asked->out));
        wr_buf_addf(&b,
                    ",\"messages\":%" PRIu64 ",\"stored\":%" PRIu64 ",\"notRecorded\":%" PRIu64
                    ",\"bytes\":%" PRIu64 ",\"connectionsLost\":%" PRIu64 "}\n",
                    r->messages, r->stored, r->skipped, bytes, r->lost);
        fwrite(b.at, 1, b.len, stdout);
        wr_buf_release(&b);
        return;
    }
    if (r->messages == 0) {
        if (r->was_up) {
            say(r, "no message came, nothing is written to %s", r->asked->out);
        }
        return;
    }
    say(r, "%s messages (%s) in %s%s%s%s", wr_progress_count(r->messages, count),
        wr_progress_size(bytes, size), r->asked->out, r->stored ? "; the broker had kept " : "",
        r->stored ? wr_progress_count(r->stored, stored) : "", r->stored ? " of them" : "");
    if (r->lost) {
        say(r, "the connection was lost %" PRIu64 " times: messages are missing", r->lost);
    }
}

static wr_err start(struct recorder *r, const char *client_id, struct wr_fault *fault)
{
    const struct asked *a = r->asked;
    static const wr_str everything = WR_STR_INIT("#");
    size_t count = a->filters.count ? a->filters.count : 1;
    wr_str *filters = wr_alloc(count * sizeof *filters);
    filters[0] = everything;
    for (size_t i = 0; i < a->filters.count; i++) {
        filters[i] = wr_str_of(a->filters.at[i]);
    }
    const struct wr_listener_options options = {.client_id = client_id,
                                                .filters = filters,
                                                .filter_count = count,
                                                .qos = a->qos && a->qos[0] == '0' ? 0 : 1,
                                                .as_published = a->as_published};
    wr_err err = wr_listener_open(&r->loop, r->config, &options, &events, r, &r->listener, fault);
    free(filters);
    if (!err) {
        err = wr_message_writer_open(a->out, a->append, &r->writer, fault);
    }
    return err;
}

static int record(const struct asked *a, const struct wr_config *config)
{
    struct recorder r = {.asked = a, .config = config};
    struct wr_fault fault = {0};
    struct wr_jitter chance;
    struct wr_buf id = {0};
    wr_jitter_init(&chance);
    if (a->client_id) {
        wr_buf_add(&id, wr_str_of(a->client_id));
    } else {
        wr_buf_addf(&id, "weir-record-%08" PRIx32, (uint32_t)wr_jitter_next(&chance));
    }
    uv_loop_init(&r.loop);
    wr_progress_init(&r.progress);
    wr_mqtt_init();
    open_handles(&r);
    wr_err err = start(&r, wr_buf_terminated(&id), &fault);
    if (err && r.listener) {
        r.stopping = true;
        wr_listener_close(r.listener, on_listener_closed, &r);
    } else if (err) {
        on_listener_closed(&r);
    }
    uv_run(&r.loop, UV_RUN_DEFAULT);
    wr_mqtt_cleanup();
    uv_loop_close(&r.loop);
    wr_buf_release(&id);
    if (err) {
        return wr_cli_wrong("record", fault.text, NULL);
    }
    struct wr_message_writer *w = r.writer;
    uint64_t bytes = wr_message_writer_bytes(w);
    if (wr_message_writer_flush(w, true, &fault)) {
        give_up(&r, fault.text);
    } else {
        bytes = wr_message_writer_bytes(w);
    }
    if (wr_message_writer_close(w, &fault)) {
        say(&r, "%s", fault.text);
        r.failed = true;
    }
    report(&r, bytes);
    return r.failed || r.lost || r.skipped ? WR_EXIT_NO : WR_EXIT_OK;
}

// Of the options, those that only one of the two ways has.
static int check_running(const struct asked *a)
{
    uint64_t n;
    if (!a->running) {
        return wr_cli_wrong("record", "--running is missing before ",
                            a->last ? "--last" : "--socket");
    }
    if (a->url || a->for_text || a->count_text || a->qos || a->client_id || a->as_published ||
        a->raw) {
        return wr_cli_wrong(
            "record", "with --running go -f, --last, -o, --append, --socket and --json only", NULL);
    }
    if (a->last && !wr_argument_count(a->last, UINT32_MAX, &n)) {
        return wr_cli_wrong("record", "--last: expected a number from 1 on, found ", a->last);
    }
    return WR_EXIT_OK;
}

static int check(struct asked *a, size_t names, const char *first)
{
    if (names) {
        return wr_cli_wrong("record", "unexpected argument ", first);
    }
    if (!a->out) {
        return wr_cli_wrong("record", "expected -o FILE", NULL);
    }
    if (a->json && strcmp(a->out, "-") == 0) {
        return wr_cli_wrong("record", "--json does not go with -o -: both are standard output",
                            NULL);
    }
    if (a->running || a->last || a->socket) {
        return check_running(a);
    }
    if (a->count_text && !wr_argument_count(a->count_text, UINT64_MAX, &a->count)) {
        return wr_cli_wrong("record", "--count: expected a number from 1 on, found ",
                            a->count_text);
    }
    if (a->for_text && !wr_argument_decimal(a->for_text, SECONDS_MAX, &a->seconds)) {
        return wr_cli_wrong("record",
                            "--for: expected seconds, more than 0 and at most a year, "
                            "found ",
                            a->for_text);
    }
    if (a->qos && strcmp(a->qos, "0") != 0 && strcmp(a->qos, "1") != 0) {
        return wr_cli_wrong("record", "--qos: expected 0 or 1, found ", a->qos);
    }
    return WR_EXIT_OK;
}

int wr_cli_record(int argc, char **argv)
{
    struct asked a = {0};
    struct wr_argument_list names = {0};
    const struct wr_argument table[] = {
        {"-c", .value = &a.config_file},
        {"--config", .value = &a.config_file},
        {"--url", .value = &a.url},
        {"-f", .list = &a.filters},
        {"--filter", .list = &a.filters},
        {"-o", .value = &a.out},
        {"--out", .value = &a.out},
        {"--count", .value = &a.count_text},
        {"--for", .value = &a.for_text},
        {"--append", .flag = &a.append},
        {"--raw", .flag = &a.raw},
        {"--qos", .value = &a.qos},
        {"--client-id", .value = &a.client_id},
        {"--retain-as-published", .flag = &a.as_published},
        {"--json", .flag = &a.json},
        {"--running", .flag = &a.running},
        {"--last", .value = &a.last},
        {"--socket", .value = &a.socket},
        {0},
    };
    int count = argc - 1, status;
    const char *wrong = NULL;
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    if (!wr_arguments_take(table, &count, argv + 1, &names, &wrong)) {
        status = wr_cli_wrong("record", "expected a value after ", wrong);
    } else if (wr_config_load(a.config_file, &count, argv + 1, &config, &fault)) {
        fprintf(stderr, "weir record: %s\n", fault.text);
        status = WR_EXIT_USAGE;
    } else if (!wr_arguments_names(count, argv + 1, &names, &wrong)) {
        status = wr_cli_wrong("record", "unknown option ", wrong);
    } else {
        status = check(&a, names.count, names.count ? names.at[0] : NULL);
    }
    if (status == WR_EXIT_OK) {
        wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN); // the connection's troubles are told here
        if (a.url) {
            config->mqtt_url = a.url;
        }
        const struct wr_record_running running = {a.out,      a.socket, a.last,
                                                  &a.filters, a.append, a.json};
        status = a.running ? wr_record_running(&running, config) : record(&a, config);
    }
    wr_config_free(config);
    free(a.filters.at);
    free(names.at);
    return status;
}
