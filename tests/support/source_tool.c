// The MQTT source by itself, for tests/e2e/test_source.py: prints what it delivers, settles when
// told.
//
//   source_tool [--hold MS] [--manual] [--keep] [--file PATH] [config options] FILTER...
//
// stdout: {"message": {...}}, {"state": ...}, {"stats": {...}}. stdin, a line each: `want
// FILTER...`, `settle` (all that is unsettled, with --manual), `settle last` (the latest of them),
// `pace on|settle|stop`, `stats`, `publish TOPIC TEXT [HOPS]`, `quit`.
// --keep: publications wait for a connection and for room. --hold settles each message after MS;
// --file appends every payload to PATH, with one write, before the message is settled, so that a
// killed process has lost nothing it settled.
#include "engine/mqtt/mqtt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "sql/base/hash.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define WORDS_MAX 256

struct held {
    struct wr_message *m;
    uint64_t due;
};

struct tool {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_pipe_t in;
    struct wr_config *config;
    struct wr_message_pool *pool;
    struct wr_source *source;
    struct wr_publisher *publisher;
    int64_t hold_ms;
    bool manual, quitting, keep;
    int file;
    struct held *held;
    size_t held_count, held_cap;
    struct wr_buf line, out;
    int closing;
};

static struct tool tool;

static void flush_out(void)
{
    wr_buf_add_char(&tool.out, '\n');
    for (size_t done = 0; done < tool.out.len;) {
        ssize_t n = write(STDOUT_FILENO, tool.out.at + done, tool.out.len - done);
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    wr_buf_clear(&tool.out);
}

static void add_text(const char *name, wr_str value)
{
    if (value.at) {
        wr_buf_addf(&tool.out, ", \"%s\": ", name);
        wr_json_write_string(&tool.out, value);
    }
}

static unsigned sum_of(wr_str bytes)
{
    unsigned sum = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        sum += (unsigned char)bytes.at[i];
    }
    return sum;
}

static void print_message(const struct wr_message *m)
{
    wr_buf_addf(&tool.out,
                "{\"message\": {\"qos\": %u, \"retain\": %d, \"hops\": %u, \"bytes\": %zu", m->qos,
                m->retain, m->hops, m->sql.payload.len);
    add_text("topic", m->sql.topic);
    if (m->sql.payload.len <= 4096) {
        add_text("payload", m->sql.payload);
    } else {
        wr_buf_addf(&tool.out, ", \"sum\": %u", sum_of(m->sql.payload));
    }
    add_text("contentType", m->sql.content_type);
    add_text("responseTopic", m->sql.response_topic);
    add_text("correlationData", m->sql.correlation_data);
    wr_buf_addf(&tool.out, ", \"format\": %d, \"user\": [", m->sql.format_indicator);
    for (size_t i = 0; i < m->sql.user_property_count; i++) {
        wr_buf_add(&tool.out, i ? WR_STR(", [") : WR_STR("["));
        wr_json_write_string(&tool.out, m->sql.user_properties[i].key);
        wr_buf_add(&tool.out, WR_STR(", "));
        wr_json_write_string(&tool.out, m->sql.user_properties[i].value);
        wr_buf_add_char(&tool.out, ']');
    }
    wr_buf_add(&tool.out, WR_STR("]}}"));
    flush_out();
}

static void settle(struct wr_message *m)
{
    wr_message_unhold(m); // it may be acknowledged
    wr_message_unlock(m);
}

static void settle_due(uint64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < tool.held_count; i++) {
        if (tool.held[i].due <= now) {
            settle(tool.held[i].m);
        } else {
            tool.held[kept++] = tool.held[i];
        }
    }
    tool.held_count = kept;
}

static void on_timer(uv_timer_t *timer)
{
    settle_due(uv_now(&tool.loop));
}

static void settle_last(void)
{
    if (tool.held_count > 0) {
        settle(tool.held[--tool.held_count].m);
    }
}

static void set_pace(wr_str name)
{
    enum wr_pace pace = wr_str_eq(name, WR_STR("stop")) ? WR_PACE_STOP
                        : wr_str_eq(name, WR_STR("on")) ? WR_PACE_ON
                                                        : WR_PACE_SETTLE;
    tool.source->impl->pace(tool.source, pace);
}

static void hold(struct wr_message *m)
{
    if (tool.held_count == tool.held_cap) {
        tool.held_cap = tool.held_cap ? 2 * tool.held_cap : 64;
        tool.held = wr_realloc(tool.held, tool.held_cap * sizeof *tool.held);
    }
    uint64_t due = tool.manual ? UINT64_MAX : uv_now(&tool.loop) + (uint64_t)tool.hold_ms;
    tool.held[tool.held_count++] = (struct held){m, due};
}

static void on_batch(void *user, struct wr_source *source, struct wr_message *m, size_t count)
{
    struct wr_buf lines = {0};
    for (struct wr_message *i = m; i && tool.file >= 0; i = i->next) {
        wr_buf_add(&lines, i->sql.payload);
        wr_buf_add_char(&lines, '\n');
    }
    if (lines.len && write(tool.file, lines.at, lines.len) != (ssize_t)lines.len) {
        exit(1);
    }
    wr_buf_release(&lines);
    while (m) {
        struct wr_message *next = m->next;
        if (tool.file < 0) {
            print_message(m);
        }
        if (tool.manual || tool.hold_ms > 0) {
            hold(m);
        } else {
            settle(m);
        }
        m = next;
    }
}

static void on_state(void *user, struct wr_source *source, bool up, const char *why)
{
    wr_buf_addf(&tool.out, "{\"state\": \"%s\"", up ? "up" : "down");
    add_text("why", wr_str_of(why));
    wr_buf_add_char(&tool.out, '}');
    flush_out();
}

static void print_stats(void)
{
    struct wr_mqtt_stats s;
    wr_mqtt_source_stats(tool.source, &s);
    wr_buf_addf(&tool.out,
                "{\"stats\": {\"received\": %llu, \"duplicates\": %llu, \"acknowledged\": %llu, "
                "\"connects\": %llu, \"holdsBroken\": %llu, \"live\": %zu}}",
                (unsigned long long)s.received, (unsigned long long)s.duplicates_dropped,
                (unsigned long long)s.acknowledged, (unsigned long long)s.connects,
                (unsigned long long)s.holds_broken, wr_message_pool_live(tool.pool));
    flush_out();
}

// What a publication points to, until it is answered.
struct published {
    char *topic, *text;
};

static void on_published(void *user, wr_err err, const char *why)
{
    struct published *p = user;
    free(p->topic);
    free(p->text);
    free(p);
    wr_buf_addf(&tool.out, "{\"published\": %d", err == WR_OK);
    add_text("why", wr_str_of(why));
    wr_buf_add_char(&tool.out, '}');
    flush_out();
}

static void on_closed(void *user)
{
    if (--tool.closing > 0) {
        return;
    }
    uv_close((uv_handle_t *)&tool.timer, NULL);
    uv_close((uv_handle_t *)&tool.in, NULL);
}

static void quit(void)
{
    if (tool.quitting) {
        return;
    }
    tool.quitting = true;
    tool.closing = tool.publisher ? 2 : 1;
    tool.source->impl->close(tool.source, 3000, on_closed, NULL);
    if (tool.publisher) {
        wr_publisher_close(tool.publisher, on_closed, NULL);
    }
}

// Splits at blanks, in place.
static size_t split(char *line, char **words)
{
    size_t count = 0;
    for (char *at = line; *at && count < WORDS_MAX;) {
        words[count++] = at;
        at += strcspn(at, " ");
        while (*at == ' ') {
            *at++ = '\0';
        }
    }
    return count;
}

static void want(char **words, size_t count)
{
    wr_str filters[WORDS_MAX];
    for (size_t i = 0; i < count; i++) {
        filters[i] = wr_str_of(words[i]);
    }
    tool.source->impl->want(tool.source, filters, count);
}

static void publish(char **words, size_t count)
{
    static const wr_str key = WR_STR_INIT("k"), value = WR_STR_INIT("v");
    struct wr_fault fault;
    char id[256];
    snprintf(id, sizeof id, "%s-pub", wr_mqtt_source_client_id(tool.source));
    const struct wr_publisher_options options = {
        .name = "publisher", .client_id = id, .keep = tool.keep};
    if (!tool.publisher &&
        wr_publisher_open(&tool.loop, tool.config, &options, &tool.publisher, &fault) != WR_OK) {
        fprintf(stderr, "%s\n", fault.text);
        exit(2);
    }
    struct published *lent = wr_alloc(sizeof *lent);
    *lent = (struct published){wr_strdup(wr_str_of(words[0])), wr_strdup(wr_str_of(words[1]))};
    struct wr_publish p = {.topic = wr_str_of(lent->topic),
                           .payload = wr_str_of(lent->text),
                           .qos = count > 3 && words[3][0] == '0' ? 0 : 1,
                           .format_indicator = 1,
                           .content_type = WR_STR("text/x"),
                           .message_expiry_s = 60,
                           .user_keys = &key,
                           .user_values = &value,
                           .user_count = 1,
                           .hops = count > 2 ? (unsigned)strtoul(words[2], NULL, 10) : 0,
                           .done = on_published,
                           .user = lent};
    wr_publisher_publish(tool.publisher, &p);
}

static void run_line(char *line)
{
    char *words[WORDS_MAX];
    size_t count = split(line, words);
    wr_str verb = count ? wr_str_of(words[0]) : (wr_str){NULL, 0};
    if (tool.quitting) {
        return;
    }
    if (wr_str_eq(verb, WR_STR("want"))) {
        want(words + 1, count - 1);
    } else if (wr_str_eq(verb, WR_STR("settle")) && count > 1) {
        settle_last();
    } else if (wr_str_eq(verb, WR_STR("settle"))) {
        settle_due(UINT64_MAX);
    } else if (wr_str_eq(verb, WR_STR("pace")) && count > 1) {
        set_pace(wr_str_of(words[1]));
    } else if (wr_str_eq(verb, WR_STR("stats"))) {
        print_stats();
    } else if (wr_str_eq(verb, WR_STR("publish")) && count >= 3) {
        publish(words + 1, count - 1);
    } else if (wr_str_eq(verb, WR_STR("quit"))) {
        quit();
    }
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char space[4096];
    *buf = uv_buf_init(space, sizeof space);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    for (ssize_t i = 0; i < n; i++) {
        if (buf->base[i] != '\n') {
            wr_buf_add_char(&tool.line, buf->base[i]);
            continue;
        }
        char *line = wr_strdup(wr_buf_str(&tool.line));
        wr_buf_clear(&tool.line);
        run_line(line);
        free(line);
    }
    if (n < 0) {
        uv_read_stop(stream);
        quit();
    }
}

// Our own options are taken out of the list.
static int read_options(int count, char **args)
{
    int kept = 0;
    tool.file = -1;
    for (int i = 0; i < count; i++) {
        wr_str arg = wr_str_of(args[i]);
        if (wr_str_eq(arg, WR_STR("--manual"))) {
            tool.manual = true;
        } else if (wr_str_eq(arg, WR_STR("--keep"))) {
            tool.keep = true;
        } else if (wr_str_eq(arg, WR_STR("--hold")) && i + 1 < count) {
            tool.hold_ms = strtoll(args[++i], NULL, 10);
        } else if (wr_str_eq(arg, WR_STR("--file")) && i + 1 < count) {
            tool.file = open(args[++i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        } else {
            args[kept++] = args[i];
        }
    }
    return kept;
}

int main(int count, char **args)
{
    struct wr_fault fault = {0};
    char **rest = args + 1;
    int left = read_options(count - 1, rest);
    wr_hash_seed_init();
    wr_log_setup(WR_LOG_DEBUG, WR_LOG_PLAIN);
    wr_mqtt_init();
    uv_loop_init(&tool.loop);
    struct wr_source_events events = {.batch = on_batch, .state = on_state};
    wr_err err = wr_config_load(NULL, &left, rest, &tool.config, &fault);
    if (!err) {
        tool.pool = wr_message_pool_new((size_t)tool.config->message_memory, 1024);
        err =
            wr_mqtt_source_open(&tool.loop, tool.config, tool.pool, &events, &tool.source, &fault);
    }
    if (err) {
        fprintf(stderr, "source_tool: %s\n", fault.text);
        wr_message_pool_free(tool.pool);
        wr_config_free(tool.config);
        return 2;
    }
    want(rest, (size_t)left);
    uv_timer_init(&tool.loop, &tool.timer);
    if (tool.hold_ms > 0) {
        uv_timer_start(&tool.timer, on_timer, 10, 10);
    }
    uv_pipe_init(&tool.loop, &tool.in, 0);
    uv_pipe_open(&tool.in, STDIN_FILENO);
    uv_read_start((uv_stream_t *)&tool.in, on_alloc, on_read);
    uv_run(&tool.loop, UV_RUN_DEFAULT);

    settle_due(UINT64_MAX); // what was unsettled at the end: the source has gone
    wr_message_pool_free(tool.pool);
    wr_config_free(tool.config);
    wr_buf_release(&tool.line);
    wr_buf_release(&tool.out);
    free(tool.held);
    int rc = uv_loop_close(&tool.loop);
    wr_mqtt_cleanup();
    return rc ? 3 : 0;
}
