// `weir replay --url`: publishes messages as they were, at the pace they had.
//
//   input ─ due? ─► window (at most WINDOW_MAX messages, WINDOW_BYTES) ─► publisher ─ answered ─►
//   gone
//                        ▲                                                  │
//                        └──────────── again, in order ◄── connection lost ─┘
#include "engine/cli/replay.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

#include "engine/cli/cli.h"
#include "engine/loop/backoff.h"
#include "engine/mqtt/mqtt.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define WINDOW_MAX    1000 // publications not answered; mosquitto takes 20 of QoS 1 at a time
#define WINDOW_BYTES  (64u << 20) // the same in bytes of their lines; one larger message goes alone
#define BURST         256         // published in one turn of the loop
#define PAUSE_MS      200         // after the broker said "not now"
#define STOP_MS       3000        // how long Ctrl-C waits for answers
#define PROGRESS_MS   200
#define REASONS_MAX   10      // refusals told in full
#define LATE_US       1000000 // worth telling
#define MESSAGE_BYTES (2 * (size_t)WR_MESSAGE_LINE_MAX)

struct player;

// A message that is not yet at the broker.
struct entry {
    struct entry *next;
    struct player *player;
    uint64_t number; // order of publishing
    size_t line, len;
    const char *file; // of the options
    int qos;
    char text[];
};

struct player {
    const struct wr_replay_options *options;
    uv_loop_t loop;
    uv_timer_t due, progress_timer, stop_timer;
    uv_signal_t signals[2];
    struct wr_publisher *publisher;
    struct wr_replay_input in;
    struct wr_file_message next; // read and not yet published
    bool has_next;
    struct wr_progress progress;
    struct entry *again; // in order
    struct wr_arena arena;
    size_t under_way, bytes;
    uint64_t number, published, acknowledged, refused, repeated, lost, properties_dropped;
    int64_t base_ms, last_ms, base_us, due_us, pause_us, late_us; // the pace; late_us: the most
    bool timed, v5;
    bool up, was_up, ended, stopping, pumping, closing, failed, bad_input;
    wr_mono down_since, started;
};

static void say(struct player *p, const char *format, ...) WR_PRINTF(2, 3);
static void say(struct player *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    wr_progress_clear(&p->progress);
    fputs("weir replay: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static void pump(struct player *p);

// ---- the end

static void on_handle_closed(uv_handle_t *handle)
{
}

static void close_handles(void *user)
{
    struct player *p = user;
    p->publisher = NULL;
    uv_close((uv_handle_t *)&p->due, on_handle_closed);
    uv_close((uv_handle_t *)&p->progress_timer, on_handle_closed);
    uv_close((uv_handle_t *)&p->stop_timer, on_handle_closed);
    uv_close((uv_handle_t *)&p->signals[0], on_handle_closed);
    uv_close((uv_handle_t *)&p->signals[1], on_handle_closed);
}

static void on_stop_timer(uv_timer_t *timer)
{
    struct player *p = timer->data;
    if (!p->closing) {
        p->closing = true;
        wr_publisher_close(p->publisher, close_handles, p);
    }
}

// Publish no more; end when what is under way is answered, or after STOP_MS.
static void stop(struct player *p)
{
    p->stopping = true;
    uv_timer_start(&p->stop_timer, on_stop_timer, p->under_way ? STOP_MS : 0, 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct player *p = handle->data;
    p->failed = true;
    stop(p);
}

// ---- publishing

static void keep_for_later(struct player *p, struct entry *e)
{
    struct entry **at = &p->again;
    while (*at && (*at)->number < e->number) {
        at = &(*at)->next;
    }
    e->next = *at;
    *at = e;
}

static void on_done(void *user, wr_err err, const char *why)
{
    struct entry *e = user;
    struct player *p = e->player;
    p->under_way--;
    p->bytes -= e->len;
    if (err == WR_ERR_BUSY) {
        keep_for_later(p, e);
        if (p->up) { // the broker's answer: not a reason to ask again at once
            p->pause_us = wr_mono_now().us + PAUSE_MS * 1000;
        }
    } else if (err) {
        if (++p->refused <= REASONS_MAX) {
            say(p, "%s:%zu: not published: %s", e->file, e->line, why);
        }
        free(e);
    } else {
        p->published++;
        p->acknowledged += e->qos > 0;
        free(e);
    }
    if (p->stopping && p->under_way == 0) {
        uv_timer_start(&p->stop_timer, on_stop_timer, 0, 0);
    }
    pump(p);
}

static bool has_properties(const struct wr_file_message *m)
{
    const struct wr_sql_message *s = &m->sql;
    return s->user_property_count || s->content_type.at || s->response_topic.at ||
           s->correlation_data.at || s->format_indicator >= 0 || m->expiry_s >= 0;
}

static void publish(struct player *p, const struct wr_file_message *m, struct entry *e,
                    struct wr_arena *arena)
{
    const struct wr_sql_message *s = &m->sql;
    size_t count = s->user_property_count;
    wr_str *texts = wr_arena_alloc(arena, (2 * count + 1) * sizeof *texts);
    for (size_t i = 0; texts && i < count; i++) {
        texts[i] = s->user_properties[i].key;
        texts[count + i] = s->user_properties[i].value;
    }
    e->qos = p->options->qos >= 0 ? p->options->qos : m->qos;
    const struct wr_publish pub = {.topic = s->topic,
                                   .payload = s->payload,
                                   .qos = e->qos,
                                   .retain = m->retain,
                                   .format_indicator = s->format_indicator,
                                   .content_type = s->content_type,
                                   .response_topic = s->response_topic,
                                   .correlation_data = s->correlation_data,
                                   .message_expiry_s = m->expiry_s,
                                   .user_keys = texts,
                                   .user_values = texts + count,
                                   .user_count = texts ? count : 0,
                                   .done = on_done,
                                   .user = e};
    p->under_way++;
    p->bytes += e->len;
    p->properties_dropped += !p->v5 && has_properties(m);
    if (texts) {
        wr_publisher_publish(p->publisher, &pub);
    } else {
        on_done(e, WR_ERR_LIMIT, "its properties do not fit into memory");
    }
}

static void publish_next(struct player *p)
{
    wr_str line = wr_message_file_text(p->in.file);
    struct entry *e = wr_alloc(sizeof *e + line.len);
    *e = (struct entry){.player = p,
                        .number = p->number++,
                        .line = wr_message_file_line(p->in.file),
                        .len = line.len,
                        .file = p->options->files.at[p->in.files - 1]};
    memcpy(e->text, line.at, line.len);
    p->has_next = false;
    publish(p, &p->next, e, &p->in.arena);
}

static void publish_again(struct player *p)
{
    struct entry *e = p->again;
    struct wr_file_message m;
    struct wr_fault fault = {0};
    p->again = e->next;
    p->repeated++;
    wr_arena_reset(&p->arena);
    wr_err err =
        wr_replay_input_again(p->options, (wr_str){e->text, e->len}, &p->arena, &m, &fault);
    wr_assert(err == WR_OK); // it was read before
    publish(p, &m, e, &p->arena);
}

// When the message is due. Times that go back within a file are due at once; a file whose times
// begin earlier than the one before ended begins where that ended.
static void schedule(struct player *p)
{
    double speed = p->options->speed;
    if (speed == 0 || !p->next.timed) {
        return; // due_us stays
    }
    int64_t ms = p->next.sql.timestamp_ms, now = wr_mono_now().us;
    if (!p->timed || (p->in.new_file && ms < p->last_ms)) {
        p->base_us = p->timed && p->due_us > now ? p->due_us : now;
        p->base_ms = ms;
        p->timed = true;
    }
    double after = (double)(ms - p->base_ms) * 1000 / speed;
    p->due_us = p->base_us + (int64_t)(after > 0 && after < 9e15 ? after : after > 0 ? 9e15 : 0);
    p->last_ms = ms;
}

static void read_next(struct player *p)
{
    struct wr_fault fault = {0};
    if (wr_replay_input_next(&p->in, &p->next, &p->ended, &fault)) {
        say(p, "%s", fault.text);
        p->ended = p->bad_input = true;
    } else if (p->ended) {
        wr_replay_input_note_none(&p->in);
    } else {
        p->has_next = true;
        schedule(p);
    }
}

static void on_due(uv_timer_t *timer)
{
    pump(timer->data);
}

// False: not before the timer.
static bool is_due(struct player *p)
{
    int64_t now = wr_mono_now().us, due = p->again ? 0 : p->due_us;
    int64_t late = now - (due > p->pause_us ? due : p->pause_us);
    if (late >= 0) {
        bool paced = p->options->speed > 0 && p->timed && !p->again;
        p->late_us = paced && late > p->late_us ? late : p->late_us;
        return true;
    }
    uv_update_time(&p->loop);
    uv_timer_start(&p->due, on_due, (uint64_t)((-late + 999) / 1000), 0);
    return false;
}

static void pump(struct player *p)
{
    if (p->pumping || !p->up || p->stopping) {
        return;
    }
    p->pumping = true;
    for (int n = 0; p->up && !p->stopping; n++) {
        if (p->under_way >= WINDOW_MAX || (p->bytes >= WINDOW_BYTES && p->under_way)) {
            break; // the next answer goes on
        }
        if (!p->again && !p->has_next && !p->ended) {
            read_next(p);
        }
        if (!p->again && !p->has_next) {
            break;
        }
        if (!is_due(p)) {
            break;
        }
        if (n == BURST) {
            uv_timer_start(&p->due, on_due, 0, 0);
            break;
        }
        if (p->again) {
            publish_again(p);
        } else {
            publish_next(p);
        }
    }
    p->pumping = false;
    if (p->ended && !p->has_next && !p->again && p->under_way == 0 && !p->stopping) {
        stop(p);
    }
}

// ---- the connection

static void on_up(void *user)
{
    struct player *p = user;
    if (p->was_up) {
        int64_t away = wr_mono_since_us(p->down_since, wr_mono_now());
        p->base_us += away; // the pace goes on where it was
        p->due_us += away;
        say(p, "connected again after %.1f s", (double)away / 1e6);
    }
    p->up = p->was_up = true;
    uv_timer_start(&p->due, on_due, 0, 0);
}

static void on_down(void *user, const char *why)
{
    struct player *p = user;
    p->up = false;
    p->lost++;
    p->down_since = wr_mono_now();
    if (!p->stopping) {
        say(p, "%s: what is not acknowledged is published again", why);
    }
}

static void on_failed(void *user, const char *why)
{
    struct player *p = user;
    if (!p->was_up && !p->stopping) {
        say(p, "%s", why);
        p->failed = true;
        stop(p);
    }
}

static void on_progress(uv_timer_t *timer)
{
    struct player *p = timer->data;
    if (wr_progress_due(&p->progress)) {
        wr_replay_input_progress(&p->in, &p->progress, p->up ? "" : "  not connected");
    }
}

// ---- all of it

static void open_handles(struct player *p)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    uv_timer_init(&p->loop, &p->due);
    uv_timer_init(&p->loop, &p->progress_timer);
    uv_timer_init(&p->loop, &p->stop_timer);
    p->due.data = p->progress_timer.data = p->stop_timer.data = p;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&p->loop, &p->signals[i]);
        p->signals[i].data = p;
        uv_signal_start(&p->signals[i], on_signal, numbers[i]);
    }
    if (p->progress.on) {
        uv_timer_start(&p->progress_timer, on_progress, PROGRESS_MS, PROGRESS_MS);
    }
}

static void report(struct player *p, uint64_t missing)
{
    double seconds = (double)wr_mono_since_us(p->started, wr_mono_now()) / 1e6;
    char count[32], other[32];
    wr_progress_clear(&p->progress);
    if (p->options->json) {
        printf("{\"messages\":%" PRIu64 ",\"published\":%" PRIu64 ",\"acknowledged\":%" PRIu64
               ",\"refused\":%" PRIu64 ",\"notPublished\":%" PRIu64 ",\"publishedAgain\":%" PRIu64
               ",\"connectionsLost\":%" PRIu64 ",\"propertiesDropped\":%" PRIu64
               ",\"latestMs\":%" PRId64 ",\"seconds\":%.3f}\n",
               p->in.taken, p->published, p->acknowledged, p->refused, missing, p->repeated,
               p->lost, p->properties_dropped, p->late_us / 1000, seconds);
        return;
    }
    printf("%s messages published, %s of them acknowledged (QoS 1 and 2), in %.1f s\n",
           wr_progress_count(p->published, count), wr_progress_count(p->acknowledged, other),
           seconds);
    if (p->refused) {
        printf("%s messages refused\n", wr_progress_count(p->refused, count));
    }
    if (missing) {
        printf("%s messages were read and not published, or their acknowledgement is missing\n",
               wr_progress_count(missing, count));
    }
    if (p->repeated) {
        printf("%s messages published again after a lost connection: they may be there twice\n",
               wr_progress_count(p->repeated, count));
    }
    if (p->properties_dropped) {
        printf("%s messages lost their properties: MQTT 3.1.1 has none\n",
               wr_progress_count(p->properties_dropped, count));
    }
    if (p->late_us > LATE_US) {
        printf("the pace could not be kept: up to %.1f s late\n", (double)p->late_us / 1e6);
    }
}

int wr_replay_into_broker(const struct wr_replay_options *options, const struct wr_config *config)
{
    struct player p = {
        .options = options, .v5 = strcmp(config->mqtt_version, "5") == 0, .started = wr_mono_now()};
    struct wr_fault fault = {0};
    struct wr_jitter chance;
    struct wr_buf id = {0};
    wr_jitter_init(&chance);
    if (options->client_id) {
        wr_buf_add(&id, wr_str_of(options->client_id));
    } else {
        wr_buf_addf(&id, "weir-replay-%08" PRIx32, (uint32_t)wr_jitter_next(&chance));
    }
    wr_replay_input_init(&p.in, options);
    wr_arena_init(&p.arena, MESSAGE_BYTES);
    wr_progress_init(&p.progress);
    uv_loop_init(&p.loop);
    wr_mqtt_init();
    open_handles(&p);
    const struct wr_publisher_options publisher = {.name = "publisher",
                                                   .client_id = wr_buf_terminated(&id)};
    wr_err err = wr_publisher_open(&p.loop, config, &publisher, &p.publisher, &fault);
    if (err) {
        close_handles(&p);
    } else {
        const struct wr_publisher_watch watch = {
            .up = on_up, .down = on_down, .failed = on_failed, .user = &p};
        wr_publisher_watch(p.publisher, &watch);
    }
    uv_run(&p.loop, UV_RUN_DEFAULT);
    wr_mqtt_cleanup();
    uv_loop_close(&p.loop);
    uint64_t missing = p.has_next;
    while (p.again) {
        struct entry *e = p.again;
        p.again = e->next;
        free(e);
        missing++;
    }
    if (err) {
        fprintf(stderr, "weir replay: %s\n", fault.text);
    } else {
        report(&p, missing);
    }
    wr_replay_input_release(&p.in);
    wr_arena_release(&p.arena);
    wr_buf_release(&id);
    return err || p.bad_input                 ? WR_EXIT_USAGE
           : p.failed || p.refused || missing ? WR_EXIT_NO
                                              : WR_EXIT_OK;
}
