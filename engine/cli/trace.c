// `weir trace`: what a rule of a running weir does with messages, live.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "engine/cli/admin_client.h"
#include "engine/cli/arguments.h"
#include "engine/cli/cli.h"
#include "engine/cli/local.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define LINE_MAX_BYTES (1u << 20) // of a line that a weir sends; theirs have some kilobytes
#define NUMBER_MAX     1000000000u

struct asked {
    const char *config_file, *socket, *rule, *topic, *sample, *count;
    bool why, payload, json;
};

struct view {
    const struct asked *asked;
    struct wr_buf line; // its begin
    bool colour, failed;
    uint64_t dropped;
};

// ---- one line for people

#define RESET "\033[0m"

static const char *colour_of(const char *outcome)
{
    static const struct {
        const char *outcome, *colour;
    } table[] = {
        {"matched", "\033[32m"},     {"delivered", "\033[32m"}, {"noMatch", "\033[2m"},
        {"retry", "\033[33m"},       {"dropped", "\033[31m"},   {"failed", "\033[31m"},
        {"undelivered", "\033[31m"}, {"dead", "\033[31m"},
    };
    for (size_t i = 0; i < WR_COUNT(table); i++) {
        if (strcmp(table[i].outcome, outcome) == 0) {
            return table[i].colour;
        }
    }
    return "";
}

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

static void print_time(int64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm = {0};
    localtime_r(&s, &tm);
    printf("%02d:%02d:%02d.%03d  ", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

// ": TEXT"
static void print_more(const char *text)
{
    if (*text) {
        fputs(": ", stdout);
        wr_local_print(wr_str_of(text));
    }
}

// Bytes that stand as NAME, NAMEText or NAMEBase64.
static void print_bytes(const json_t *line, const char *name, const char *label)
{
    char key[32];
    const char *const kinds[] = {"", "Text", "Base64"};
    for (size_t i = 0; i < WR_COUNT(kinds); i++) {
        snprintf(key, sizeof key, "%s%s", name, kinds[i]);
        const json_t *value = json_object_get(line, key);
        if (!value) {
            continue;
        }
        char *text = i ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        printf("  %s", label);
        wr_local_print(wr_str_of(text ? text : json_string_value(value)));
        free(text);
        snprintf(key, sizeof key, "%sCut", name);
        fputs(json_is_true(json_object_get(line, key)) ? "..." : "", stdout);
        fputs(i == 2 ? " (base64)" : "", stdout);
    }
}

static void print_outcome(const struct view *v, const json_t *line, const char *outcome)
{
    const char *shown = strcmp(outcome, "noMatch") == 0 ? "no match" : outcome;
    printf("%s%-11s%s  ", v->colour ? colour_of(outcome) : "", shown, v->colour ? RESET : "");
    wr_local_print(wr_str_of(text_of(line, "topic")));
}

static void print_action(const json_t *line)
{
    const char *action = text_of(line, "action"), *resource = text_of(line, "resource");
    json_int_t attempt = json_integer_value(json_object_get(line, "attempt"));
    if (*action) {
        printf("  %s%s", json_is_true(json_object_get(line, "errorAction")) ? "error action " : "",
               action);
        if (attempt > 1) {
            printf(", try %lld", (long long)attempt);
        }
        if (*resource) {
            fputs(", ", stdout);
            wr_local_print(wr_str_of(resource));
        }
    }
}

static void print_line(const struct view *v, const json_t *line)
{
    const json_t *dropped = json_object_get(line, "dropped");
    const char *outcome = text_of(line, "outcome");
    if (dropped) {
        fflush(stdout);
        fprintf(stderr, "weir trace: %lld lines left out, they come too fast; try --sample\n",
                (long long)json_integer_value(dropped));
        return;
    }
    print_time(json_integer_value(json_object_get(line, "time")));
    print_outcome(v, line, outcome);
    print_action(line);
    if (*text_of(line, "reason")) {
        printf("  %s", text_of(line, "reason"));
    }
    print_more(text_of(line, "term"));
    print_more(text_of(line, "message"));
    print_bytes(line, "result", "");
    print_bytes(line, "payload", "payload ");
    putchar('\n');
}

// ---- the stream

static bool take_line(struct view *v)
{
    bool ok = true;
    if (v->asked->json) {
        wr_buf_add_char(&v->line, '\n');
        ok = fwrite(v->line.at, 1, v->line.len, stdout) == v->line.len;
    } else {
        json_t *line = json_loadb(v->line.at ? v->line.at : "", v->line.len, 0, NULL);
        if (!json_is_object(line)) {
            fputs("weir trace: what came is no line of a trace\n", stderr);
            v->failed = true;
            ok = false;
        } else {
            print_line(v, line);
        }
        json_decref(line);
    }
    wr_buf_clear(&v->line);
    return ok;
}

// False, which ends it, also when the output takes no more.
static bool on_piece(void *user, wr_str bytes)
{
    struct view *v = user;
    for (size_t i = 0, start = 0; i <= bytes.len; i++) {
        if (i < bytes.len && bytes.at[i] != '\n') {
            continue;
        }
        wr_buf_add(&v->line, wr_str_cut(bytes, start, i));
        if (v->line.len > LINE_MAX_BYTES) {
            fputs("weir trace: what came is no line of a trace\n", stderr);
            v->failed = true;
            return false;
        }
        if (i < bytes.len && !take_line(v)) {
            return false;
        }
        start = i + 1;
    }
    return fflush(stdout) == 0;
}

// ---- the question

static void add_escaped(struct wr_buf *b, const char *name, const char *text)
{
    wr_buf_addf(b, "&%s=", name);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                     (*p >= 'A' && *p <= 'Z') || *p == '_' || *p == '-' || *p == '.';
        if (plain) {
            wr_buf_add_char(b, (char)*p);
        } else {
            wr_buf_addf(b, "%%%02X", *p);
        }
    }
}

static void write_target(const struct asked *a, struct wr_buf *b)
{
    wr_buf_addf(b, "/weir/v1/trace?v=1%s%s", a->why ? "&why" : "", a->payload ? "&payload" : "");
    add_escaped(b, "rule", a->rule);
    if (a->topic) {
        add_escaped(b, "topic", a->topic);
    }
    if (a->sample) {
        add_escaped(b, "sample", a->sample);
    }
    if (a->count) {
        add_escaped(b, "count", a->count);
    }
}

static int follow(const struct asked *a, struct wr_admin_client *client)
{
    struct view v = {.asked = a, .colour = wr_cli_colour(STDOUT_FILENO)};
    struct wr_buf target = {0}, answer = {0}, why = {0};
    struct wr_fault fault;
    int status = 0, code = WR_EXIT_OK;
    write_target(a, &target);
    const struct wr_admin_ask ask = {.method = "GET",
                                     .target = wr_buf_str(&target),
                                     .piece = on_piece,
                                     .user = &v,
                                     .answer = &answer};
    if (wr_admin_client_ask(client, &ask, &status, &fault)) {
        fprintf(stderr, "weir trace: %s\n", fault.text);
        code = WR_EXIT_NO;
    } else if (status >= 300) {
        wr_admin_client_complaint(&answer, status, &why);
        fprintf(stderr, "weir trace: %s\n", wr_buf_terminated(&why));
        code = status == 400 ? WR_EXIT_USAGE : WR_EXIT_NO;
    }
    wr_buf_release(&target);
    wr_buf_release(&answer);
    wr_buf_release(&why);
    wr_buf_release(&v.line);
    return v.failed ? WR_EXIT_NO : code;
}

static int run(const struct asked *a, const struct wr_config *config)
{
    struct wr_admin_client *client;
    struct wr_buf path = {0};
    struct wr_fault fault;
    wr_admin_client_path(config, a->socket, &path);
    wr_err err = wr_admin_client_open(wr_buf_terminated(&path), &client, &fault);
    wr_buf_release(&path);
    if (err) {
        fprintf(stderr, "weir trace: %s\n", fault.text);
        return WR_EXIT_NO;
    }
    int code = follow(a, client);
    wr_admin_client_close(client);
    return code;
}

static int check(const struct asked *a, size_t names, const char *first)
{
    uint64_t n;
    if (names) {
        return wr_cli_wrong("trace", "unexpected argument ", first);
    }
    if (!a->rule || !*a->rule) {
        return wr_cli_wrong("trace", "expected --rule NAME", NULL);
    }
    if (a->sample && !wr_argument_count(a->sample, NUMBER_MAX, &n)) {
        return wr_cli_wrong("trace", "--sample: expected a number from 1 on, found ", a->sample);
    }
    if (a->count && !wr_argument_count(a->count, NUMBER_MAX, &n)) {
        return wr_cli_wrong("trace", "--count: expected a number from 1 on, found ", a->count);
    }
    return WR_EXIT_OK;
}

int wr_cli_trace(int argc, char **argv)
{
    struct asked a = {0};
    struct wr_argument_list names = {0};
    const struct wr_argument table[] = {
        {"-c", .value = &a.config_file},
        {"--config", .value = &a.config_file},
        {"--socket", .value = &a.socket},
        {"--rule", .value = &a.rule},
        {"--topic", .value = &a.topic},
        {"--why", .flag = &a.why},
        {"--payload", .flag = &a.payload},
        {"--sample", .value = &a.sample},
        {"--count", .value = &a.count},
        {"--json", .flag = &a.json},
        {0},
    };
    int count = argc > 0 ? argc - 1 : 0, status;
    const char *wrong = NULL;
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    wr_log_setup(WR_LOG_WARN, WR_LOG_PLAIN);
    if (!wr_arguments_take(table, &count, argv + 1, &names, &wrong)) {
        status = wr_cli_wrong("trace", "expected a value after ", wrong);
    } else if (wr_config_load(a.config_file, &count, argv + 1, &config, &fault)) {
        fprintf(stderr, "weir trace: %s\n", fault.text);
        status = WR_EXIT_USAGE;
    } else if (!wr_arguments_names(count, argv + 1, &names, &wrong)) {
        status = wr_cli_wrong("trace", "unknown option ", wrong);
    } else {
        status = check(&a, names.count, names.count ? names.at[0] : NULL);
    }
    if (status == WR_EXIT_OK) {
        status = run(&a, config);
    }
    wr_config_free(config);
    free(names.at);
    return status;
}
