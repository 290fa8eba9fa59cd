// `weir replay`: options, and the way through the files.
#include "engine/cli/replay.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/cli/cli.h"
#include "engine/observe/log.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define MESSAGE_BYTES    (2 * (size_t)WR_MESSAGE_LINE_MAX) // memory of one message: a copy of it fits
#define EXAMPLES_DEFAULT 3
#define EXAMPLES_MAX     1000000
#define SPEED_MAX        1000000.0

// ---- the messages

void wr_replay_input_init(struct wr_replay_input *in, const struct wr_replay_options *options)
{
    *in = (struct wr_replay_input){.options = options};
    wr_arena_init(&in->arena, MESSAGE_BYTES);
    for (size_t i = 0; i < options->files.count; i++) {
        struct stat st;
        bool known = stat(options->files.at[i], &st) == 0 && S_ISREG(st.st_mode);
        in->total = known && (in->total || i == 0) ? in->total + (uint64_t)st.st_size : 0;
    }
}

void wr_replay_input_release(struct wr_replay_input *in)
{
    wr_message_file_close(in->file);
    wr_arena_release(&in->arena);
}

static wr_err add_prefix(const struct wr_replay_options *o, struct wr_arena *arena,
                         struct wr_file_message *m, struct wr_fault *fault)
{
    struct wr_buf topic;
    if (!o->prefix) {
        return WR_OK;
    }
    wr_buf_init_arena(&topic, arena);
    wr_buf_add(&topic, wr_str_of(o->prefix));
    wr_buf_add(&topic, m->sql.topic);
    m->sql.topic = wr_buf_str(&topic);
    wr_err err = wr_topic_name_check(m->sql.topic, fault);
    if (err) {
        wr_fault_prefix(fault, "topic '%.*s' with --topic-prefix", WR_STR_ARG(m->sql.topic));
    }
    return err;
}

static wr_err wanted(const struct wr_replay_options *o, const struct wr_file_message *m, bool *yes,
                     struct wr_fault *fault)
{
    bool all = o->from_ms == INT64_MIN && o->to_ms == INT64_MAX;
    if (!all && !m->timed) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "found no timestamp, which --from and --to need");
    }
    *yes = all || (m->sql.timestamp_ms >= o->from_ms && m->sql.timestamp_ms < o->to_ms);
    return WR_OK;
}

static wr_err open_next(struct wr_replay_input *in, struct wr_fault *fault)
{
    in->new_file = true;
    return wr_message_file_open(in->options->files.at[in->files++], &in->file, fault);
}

wr_err wr_replay_input_next(struct wr_replay_input *in, struct wr_file_message *out, bool *end,
                            struct wr_fault *fault)
{
    const struct wr_replay_options *o = in->options;
    bool take = false, file_end, first = false;
    wr_err err = WR_OK;
    *end = false;
    while (!err && !take) {
        if (o->count && in->taken == o->count) {
            *end = true;
            return WR_OK;
        }
        if (!in->file) {
            if (in->files == o->files.count) {
                *end = true;
                return WR_OK;
            }
            first = true;
            err = open_next(in, fault);
            continue;
        }
        wr_arena_reset(&in->arena);
        err = wr_message_file_next(in->file, &in->arena, out, &file_end, fault);
        if (!err && file_end) {
            uint64_t total;
            in->done += wr_message_file_done(in->file, &total);
            wr_message_file_close(in->file);
            in->file = NULL;
            continue;
        }
        if (!err) {
            err = wanted(o, out, &take, fault);
            err = err || !take ? err : add_prefix(o, &in->arena, out, fault);
            if (err) {
                wr_fault_prefix(fault, "%s:%zu:1", wr_message_file_name(in->file),
                                wr_message_file_line(in->file));
            }
        }
    }
    in->new_file = first;
    in->taken += take;
    return err;
}

wr_err wr_replay_input_again(const struct wr_replay_options *options, wr_str line,
                             struct wr_arena *arena, struct wr_file_message *out,
                             struct wr_fault *fault)
{
    wr_err err = wr_message_text_read(line, arena, out, fault);
    return err ? err : add_prefix(options, arena, out, fault);
}

void wr_replay_input_note_none(const struct wr_replay_input *in)
{
    if (in->taken == 0) {
        fprintf(stderr, "weir replay: note: no message lies between --from and --to\n");
    }
}

uint64_t wr_replay_input_done(const struct wr_replay_input *in)
{
    uint64_t total;
    return in->done + (in->file ? wr_message_file_done(in->file, &total) : 0);
}

void wr_replay_input_progress(const struct wr_replay_input *in, struct wr_progress *p,
                              const char *note)
{
    wr_progress_show(p, wr_replay_input_done(in), in->total, in->taken, note);
}

// ---- signals

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

bool wr_replay_interrupted(void)
{
    return interrupted;
}

void wr_replay_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

// ---- options

struct texts {
    const char *config, *url, *rules, *diff, *from, *to, *count, *speed, *qos, *examples;
};

static bool take_time(const char *text, int64_t *out)
{
    return !text || wr_argument_time(text, out);
}

// NULL, or what is wrong; *about is the text that is.
static const char *read_values(const struct texts *t, struct wr_replay_options *o,
                               const char **about)
{
    *about = t->from;
    if (!take_time(t->from, &o->from_ms)) {
        return "--from: expected a time as in 2026-11-27T08:00:00Z, or ms since 1970, found ";
    }
    *about = t->to;
    if (!take_time(t->to, &o->to_ms)) {
        return "--to: expected a time as in 2026-11-27T08:00:00Z, or ms since 1970, found ";
    }
    *about = t->count;
    if (t->count && !wr_argument_count(t->count, UINT64_MAX, &o->count)) {
        return "--count: expected a number from 1 on, found ";
    }
    *about = t->speed;
    if (t->speed && strcmp(t->speed, "max") == 0) {
        o->speed = 0;
    } else if (t->speed && !wr_argument_decimal(t->speed, SPEED_MAX, &o->speed)) {
        return "--speed: expected a factor (0.5, 1, 10) or max, found ";
    }
    *about = t->qos;
    if (t->qos && (t->qos[0] < '0' || t->qos[0] > '2' || t->qos[1])) {
        return "--qos: expected 0, 1 or 2, found ";
    }
    o->qos = t->qos ? t->qos[0] - '0' : -1;
    *about = t->examples;
    o->examples = t->examples ? 0 : EXAMPLES_DEFAULT;
    if (t->examples && strcmp(t->examples, "0") != 0 &&
        !wr_argument_count(t->examples, EXAMPLES_MAX, &o->examples)) {
        return "--examples: expected a number from 0 to 1000000, found ";
    }
    return NULL;
}

// Which options go with which form.
static const char *check_form(const struct texts *t, const struct wr_replay_options *o, bool mqtt)
{
    bool broker = t->url || t->config || mqtt;
    if (t->diff && !o->rules[1]) {
        return "--diff: expected two folders of rules, as two words";
    }
    if (broker + (t->rules != NULL) + (t->diff != NULL) != 1) {
        return "expected one of --url, --rules and --diff";
    }
    if (!broker && (t->speed || t->qos || o->client_id)) {
        return "--speed, --qos and --client-id go with --url only";
    }
    if (!t->rules && o->results) {
        return "--results goes with --rules only";
    }
    if (!t->diff && t->examples) {
        return "--examples goes with --diff only";
    }
    if (o->json && o->results && strcmp(o->results, "-") == 0) {
        return "--json does not go with --results -: both are standard output";
    }
    return o->files.count ? NULL : "expected a message file";
}

static int go(const struct texts *t, struct wr_replay_options *o, struct wr_config *config)
{
    wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN); // troubles are told here
    if (t->diff) {
        return wr_replay_diff(o);
    }
    if (t->rules) {
        return wr_replay_into_rules(o);
    }
    if (t->url) {
        config->mqtt_url = t->url;
    }
    return wr_replay_into_broker(o, config);
}

static bool has_mqtt_option(int count, char **words)
{
    for (int i = 0; i < count; i++) {
        if (strncmp(words[i], "--mqtt-", 7) == 0) {
            return true;
        }
    }
    return false;
}

// --diff takes two words: the second is taken out here. False: it is missing, or there are two of
// it.
static bool split_diff(int *count, char **words, const char **second)
{
    for (int i = 0; i < *count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--diff") != 0) {
            continue;
        }
        if (*second || i + 2 >= *count) {
            return false;
        }
        *second = words[i + 2];
        memmove(&words[i + 2], &words[i + 3], (size_t)(*count - i - 3) * sizeof *words);
        --*count;
    }
    return true;
}

int wr_cli_replay(int argc, char **argv)
{
    struct texts t = {0};
    struct wr_replay_options o = {.from_ms = INT64_MIN, .to_ms = INT64_MAX, .speed = 1};
    const struct wr_argument table[] = {
        {"-c", .value = &t.config},
        {"--config", .value = &t.config},
        {"--url", .value = &t.url},
        {"--rules", .value = &t.rules},
        {"--diff", .value = &t.diff},
        {"--from", .value = &t.from},
        {"--to", .value = &t.to},
        {"--count", .value = &t.count},
        {"--speed", .value = &t.speed},
        {"--qos", .value = &t.qos},
        {"--examples", .value = &t.examples},
        {"--results", .value = &o.results},
        {"--topic-prefix", .value = &o.prefix},
        {"--client-id", .value = &o.client_id},
        {"--json", .flag = &o.json},
        {0},
    };
    int count = argc - 1, status = WR_EXIT_OK;
    const char *wrong = NULL, *about = NULL;
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    if (!split_diff(&count, argv + 1, &o.rules[1])) {
        status = wr_cli_wrong("replay", "--diff: expected two folders of rules, once", NULL);
    } else if (!wr_arguments_take(table, &count, argv + 1, &o.files, &about)) {
        status = wr_cli_wrong("replay", "expected a value after ", about);
    }
    bool mqtt = has_mqtt_option(count, argv + 1);
    bool broker = mqtt || !(t.rules || t.diff); // the others want no weir.yaml
    if (status == WR_EXIT_OK && broker &&
        wr_config_load(t.config, &count, argv + 1, &config, &fault)) {
        fprintf(stderr, "weir replay: %s\n", fault.text);
        status = WR_EXIT_USAGE;
    } else if (status == WR_EXIT_OK && !wr_arguments_names(count, argv + 1, &o.files, &about)) {
        status = wr_cli_wrong("replay", "unknown option ", about);
    } else if (status == WR_EXIT_OK) {
        o.rules[0] = t.diff ? t.diff : t.rules;
        wrong = check_form(&t, &o, mqtt);
        about = NULL;
        wrong = wrong ? wrong : read_values(&t, &o, &about);
        status = wrong ? wr_cli_wrong("replay", wrong, about) : go(&t, &o, config);
    }
    wr_config_free(config);
    free(o.files.at);
    return status;
}
