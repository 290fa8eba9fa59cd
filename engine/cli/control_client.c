// Words, options and calls of the commands of the control plane. What they print is in
// control_print.c.
#include "engine/cli/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cli/admin_client.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "sinks/lib/aws_canonical.h"

#include "sql/base/banned.h"

#define TIMEOUT_MS 60000 // making an RSA key on a busy machine takes seconds

struct wr_control_state {
    struct wr_admin_client *client;
    struct wr_buf warning, type; // of the answer under way
    const char *expected;
};

int wr_control_complain(const struct wr_control *c, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fprintf(stderr, "weir %s: ", c->command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

// ---- calls

static void on_header(void *user, wr_str name, wr_str value)
{
    struct wr_control_state *s = user;
    struct wr_buf *to = wr_str_eq_nocase(name, WR_STR("x-weir-warning"))     ? &s->warning
                        : wr_str_eq_nocase(name, WR_STR("x-amzn-ErrorType")) ? &s->type
                                                                             : NULL;
    if (to) {
        wr_buf_clear(to);
        wr_buf_add(to, value);
    }
}

// Every %s of `format` as a segment of a path.
static void make_path(struct wr_buf *out, const char *format, va_list args)
{
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            wr_buf_add_char(out, *p);
        } else if (*++p == '%') {
            wr_buf_add_char(out, '%');
        } else {
            wr_assert(*p == 's');
            wr_aws_encode(out, wr_str_of(va_arg(args, const char *)), false);
        }
    }
}

static int refused(struct wr_control *c, int status, const struct wr_buf *answer)
{
    struct wr_control_state *s = c->state_;
    if (s->expected && wr_str_eq(wr_buf_str(&s->type), wr_str_of(s->expected))) {
        return WR_EXIT_NO;
    }
    struct wr_buf text = {0};
    wr_admin_client_complaint(answer, status, &text);
    if (s->type.len) {
        wr_buf_addf(&text, " (%.*s)", WR_STR_ARG(wr_buf_str(&s->type)));
    }
    int code = wr_control_complain(c, status == 400 ? WR_EXIT_USAGE : WR_EXIT_NO, "%s",
                                   wr_buf_terminated(&text));
    wr_buf_release(&text);
    return code;
}

// `target` and `body` are as they are sent. 0: `answer` has the body.
static int ask(struct wr_control *c, const char *method, wr_str body, struct wr_buf *target,
               struct wr_buf *answer)
{
    struct wr_control_state *s = c->state_;
    struct wr_buf tenant = {0}, region = {0};
    const char *headers[4] = {NULL};
    size_t count = 0;
    if (c->tenant) {
        wr_buf_addf(&tenant, "X-Weir-Tenant: %s", c->tenant);
        headers[count++] = wr_buf_terminated(&tenant);
    }
    if (c->region) {
        wr_buf_addf(&region, "X-Weir-Region: %s", c->region);
        headers[count++] = wr_buf_terminated(&region);
    }
    headers[count] = c->header;
    c->header = NULL;
    wr_buf_clear(&s->warning);
    wr_buf_clear(&s->type);
    struct wr_fault fault = {0};
    int status = 0;
    wr_err err = wr_admin_client_ask(s->client,
                                     &(struct wr_admin_ask){.method = method,
                                                            .target = wr_buf_str(target),
                                                            .body = body,
                                                            .timeout_ms = TIMEOUT_MS,
                                                            .headers = headers,
                                                            .header = on_header,
                                                            .user = s,
                                                            .answer = answer},
                                     &status, &fault);
    wr_buf_release(&tenant);
    wr_buf_release(&region);
    if (err) {
        return wr_control_complain(c, WR_EXIT_NO, "%s", fault.text);
    }
    if (s->warning.len) {
        fprintf(stderr, "weir %s: warning: %s\n", c->command, wr_buf_terminated(&s->warning));
    }
    return status < 300 ? WR_EXIT_OK : refused(c, status, answer);
}

static int fetch(struct wr_control *c, const char *method, json_t *body, struct wr_buf *out,
                 const char *path, va_list args)
{
    struct wr_buf target = {0};
    make_path(&target, path, args);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    int code = ask(c, method, text ? wr_str_of(text) : (wr_str){0}, &target, out);
    free(text);
    json_decref(body);
    wr_buf_release(&target);
    return code;
}

int wr_control_fetch(struct wr_control *c, const char *method, json_t *body, struct wr_buf *out,
                     const char *path, ...)
{
    va_list args;
    va_start(args, path);
    int code = fetch(c, method, body, out, path, args);
    va_end(args);
    return code;
}

// Release `answer` into c->answer.
static int take_answer(struct wr_control *c, struct wr_buf *answer, int code)
{
    json_decref(c->answer);
    c->answer = NULL;
    if (code == WR_EXIT_OK) {
        c->answer = json_loadb(answer->at ? answer->at : "", answer->len, 0, NULL);
        if (!json_is_object(c->answer)) {
            code = wr_control_complain(c, WR_EXIT_NO, "the answer is not a JSON object");
        }
    }
    wr_buf_release(answer);
    return code;
}

static int call(struct wr_control *c, const char *method, json_t *body, const char *path,
                va_list args)
{
    struct wr_buf answer = {0};
    int code = fetch(c, method, body, &answer, path, args);
    return take_answer(c, &answer, code);
}

int wr_control_call(struct wr_control *c, const char *method, json_t *body, const char *path, ...)
{
    va_list args;
    va_start(args, path);
    int code = call(c, method, body, path, args);
    va_end(args);
    return code;
}

int wr_control_call_of(struct wr_control *c, const char *method, json_t *body, const char *path,
                       const struct wr_buf *query)
{
    struct wr_buf answer = {0}, target = {0};
    wr_buf_addf(&target, "%s%.*s", path, WR_STR_ARG(wr_buf_str(query)));
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    int code = ask(c, method, text ? wr_str_of(text) : (wr_str){0}, &target, &answer);
    free(text);
    json_decref(body);
    wr_buf_release(&target);
    return take_answer(c, &answer, code);
}

static int pages(struct wr_control *c, const char *key, struct wr_buf *base)
{
    struct wr_buf target = {0};
    const char *header = c->header;
    json_t *all = json_array();
    wr_buf_add(&target, wr_buf_str(base));
    int code = WR_EXIT_OK;
    for (bool more = true; more && code == WR_EXIT_OK;) {
        struct wr_buf answer = {0};
        c->header = header;
        code = ask(c, "GET", (wr_str){0}, &target, &answer);
        json_t *page = json_loadb(answer.at ? answer.at : "", answer.len, 0, NULL);
        wr_buf_release(&answer);
        json_array_extend(all, json_object_get(page, key));
        const char *token = "nextToken";
        const char *next = json_string_value(json_object_get(page, token));
        if (!next) {
            token = "marker";
            next = json_string_value(json_object_get(page, "nextMarker"));
        }
        more = next != NULL;
        wr_buf_clear(&target);
        if (more) {
            wr_buf_addf(&target, "%s%c%s=", wr_buf_terminated(base),
                        wr_str_find(wr_buf_str(base), WR_STR("?")) < 0 ? '?' : '&', token);
            wr_aws_encode(&target, wr_str_of(next), false);
        }
        json_decref(page);
    }
    json_decref(c->answer);
    c->answer = json_object();
    json_object_set_new(c->answer, key, all);
    wr_buf_release(&target);
    return code;
}

int wr_control_pages(struct wr_control *c, const char *key, const char *path, ...)
{
    va_list args;
    struct wr_buf base = {0};
    va_start(args, path);
    make_path(&base, path, args);
    va_end(args);
    int code = pages(c, key, &base);
    wr_buf_release(&base);
    return code;
}

void wr_control_query(struct wr_buf *query, const char *name, const char *value)
{
    if (value) {
        wr_buf_addf(query, "%c%s=", query->len ? '&' : '?', name);
        wr_aws_encode(query, wr_str_of(value), false);
    }
}

int wr_control_pages_of(struct wr_control *c, const char *key, const char *path,
                        const struct wr_buf *query)
{
    struct wr_buf base = {0};
    wr_buf_add(&base, wr_str_of(path));
    wr_buf_add(&base, wr_buf_str(query));
    int code = pages(c, key, &base);
    wr_buf_release(&base);
    return code;
}

bool wr_control_failed_with(const struct wr_control *c, const char *code)
{
    return wr_str_eq(wr_buf_str(&c->state_->type), wr_str_of(code));
}

void wr_control_expect(struct wr_control *c, const char *code)
{
    c->state_->expected = code;
}

// ---- words

// "NAME [TARGET] [--type T]": how many at least and at most.
static void count_words(const char *words, size_t *least, size_t *most)
{
    *least = *most = 0;
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, " ");
        if (strncmp(p, "--", 2) == 0 || strncmp(p, "[--", 3) == 0) {
            return;
        }
        *least += *p != '[';
        *most += 1;
        if (len > 3 && (strncmp(p + len - 3, "...", 3) == 0)) {
            *most = SIZE_MAX;
            return;
        }
        p += len + strspn(p + len, " ");
    }
}

static void list_verbs(const struct wr_control_verb *verbs, struct wr_buf *out)
{
    for (size_t i = 0; verbs[i].name; i++) {
        wr_buf_addf(out, "%s%s", i == 0 ? "" : verbs[i + 1].name ? ", " : " or ", verbs[i].name);
    }
}

static const struct wr_control_verb *find_verb(struct wr_control *c,
                                               const struct wr_control_verb *verbs)
{
    for (size_t i = 0; c->word_count && verbs[i].name; i++) {
        if (strcmp(verbs[i].name, c->words[0]) == 0) {
            return &verbs[i];
        }
    }
    struct wr_buf text = {0};
    wr_buf_add(&text, WR_STR("expected "));
    list_verbs(verbs, &text);
    if (c->word_count) {
        wr_buf_add(&text, WR_STR(", found "));
    }
    wr_cli_wrong(c->command, wr_buf_terminated(&text), c->word_count ? c->words[0] : NULL);
    wr_buf_release(&text);
    return NULL;
}

static int check_words(struct wr_control *c, const struct wr_control_verb *verb)
{
    size_t least, most;
    count_words(verb->words, &least, &most);
    c->words++; // behind the verb
    c->word_count--;
    if (c->word_count >= least && c->word_count <= most) {
        return WR_EXIT_OK;
    }
    struct wr_buf text = {0};
    wr_buf_addf(&text, "expected %s %s", verb->name, verb->words);
    int code = wr_cli_wrong(c->command, wr_buf_terminated(&text), NULL);
    wr_buf_release(&text);
    return code;
}

static int connect_and_run(struct wr_control *c, const struct wr_control_verb *verb, void *own,
                           const struct wr_config *config, const char *socket)
{
    struct wr_control_state state = {0};
    struct wr_fault fault = {0};
    struct wr_buf path = {0};
    wr_admin_client_path(config, socket, &path);
    wr_err err = wr_admin_client_open(wr_buf_terminated(&path), &state.client, &fault);
    wr_buf_release(&path);
    if (err) {
        return wr_control_complain(c, WR_EXIT_NO, "%s", fault.text);
    }
    c->state_ = &state;
    int code = verb->run(c, own);
    wr_admin_client_close(state.client);
    wr_buf_release(&state.warning);
    wr_buf_release(&state.type);
    json_decref(c->answer);
    return code;
}

// The common options and the command's own, as one table. Give.
static struct wr_argument *join_options(const struct wr_argument *common,
                                        const struct wr_argument *own)
{
    size_t a = 0, b = 0;
    while (common[a].name) {
        a++;
    }
    while (own && own[b].name) {
        b++;
    }
    struct wr_argument *all = wr_zalloc((a + b + 1) * sizeof *all);
    memcpy(all, common, a * sizeof *all);
    if (b) {
        memcpy(all + a, own, b * sizeof *all);
    }
    return all;
}

static int read_and_run(struct wr_control *c, const struct wr_control_verb *verbs,
                        const struct wr_argument *options, void *own, int count, char **rest,
                        struct wr_argument_list *words)
{
    const char *config_file = NULL, *socket = NULL, *wrong = NULL;
    const struct wr_argument common[] = {
        {.name = "-c", .value = &config_file},     {.name = "--config", .value = &config_file},
        {.name = "--socket", .value = &socket},    {.name = "--tenant", .value = &c->tenant},
        {.name = "--region", .value = &c->region}, {.name = "--json", .flag = &c->json},
        {.name = "--yes", .flag = &c->yes},        {0}};
    struct wr_argument *all = join_options(common, options);
    bool taken = wr_arguments_take(all, &count, rest, words, &wrong);
    free(all);
    if (!taken) {
        return wr_cli_wrong(c->command, "expected a value after ", wrong);
    }
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    if (wr_config_load(config_file, &count, rest, &config, &fault)) {
        return wr_control_complain(c, WR_EXIT_USAGE, "%s", fault.text);
    }
    int code = WR_EXIT_OK;
    if (!wr_arguments_names(count, rest, words, &wrong)) {
        code = wr_cli_wrong(c->command, "unknown option ", wrong);
    }
    c->words = words->at;
    c->word_count = words->count;
    const struct wr_control_verb *verb = code ? NULL : find_verb(c, verbs);
    code = verb ? check_words(c, verb) : WR_EXIT_USAGE;
    if (code == WR_EXIT_OK) {
        code = connect_and_run(c, verb, own, config, socket);
    }
    wr_config_free(config);
    return code;
}

int wr_control_main(const char *command, const struct wr_control_verb *verbs,
                    const struct wr_argument *options, void *own, int argc, char **argv)
{
    struct wr_control c = {.command = command};
    struct wr_argument_list words = {0};
    wr_log_setup(WR_LOG_WARN, WR_LOG_PLAIN);
    int code = read_and_run(&c, verbs, options, own, argc - 1, argv + 1, &words);
    free(words.at);
    return code;
}

// ---- what verbs take and leave

json_t *wr_control_pairs(const struct wr_control *c, const struct wr_argument_list *pairs)
{
    json_t *o = json_object();
    for (size_t i = 0; i < pairs->count; i++) {
        const char *equals = strchr(pairs->at[i], '=');
        if (!equals || equals == pairs->at[i]) {
            wr_control_complain(c, WR_EXIT_USAGE, "expected NAME=VALUE, found '%s'", pairs->at[i]);
            json_decref(o);
            return NULL;
        }
        size_t len = (size_t)(equals - pairs->at[i]);
        if (json_object_setn_new(o, pairs->at[i], len, json_string(equals + 1))) {
            wr_control_complain(c, WR_EXIT_USAGE, "%s is not UTF-8", pairs->at[i]);
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

int wr_control_read_file(const struct wr_control *c, const char *path, size_t max,
                         struct wr_buf *out)
{
    bool in = strcmp(path, "-") == 0;
    FILE *f = in ? stdin : fopen(path, "re");
    if (!f) {
        return wr_control_complain(c, WR_EXIT_USAGE, "%s: %s", path, strerror(errno));
    }
    char piece[4096];
    size_t len;
    while (out->len <= max && (len = fread(piece, 1, sizeof piece, f)) > 0) {
        wr_buf_add(out, (wr_str){piece, len});
    }
    int failed = ferror(f) ? errno : 0;
    if (!in) {
        fclose(f);
    }
    if (failed) {
        return wr_control_complain(c, WR_EXIT_USAGE, "%s: %s", path, strerror(failed));
    }
    if (out->len > max) {
        return wr_control_complain(c, WR_EXIT_USAGE, "%s has more than %zu bytes", path, max);
    }
    return WR_EXIT_OK;
}

int wr_control_write_file(const struct wr_control *c, const char *path, wr_str bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return wr_control_complain(c, WR_EXIT_NO, "%s: %s", path, strerror(errno));
    }
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t n = write(fd, bytes.at + done, bytes.len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    int failed = done < bytes.len || fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && !failed) {
        failed = errno;
    }
    if (failed) {
        unlink(path);
        return wr_control_complain(c, WR_EXIT_NO, "%s: %s", path, strerror(failed));
    }
    return WR_EXIT_OK;
}
