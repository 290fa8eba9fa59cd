// `weir dead list|show|redrive|purge`: what neither an action nor the error action took.
#include "engine/cli/dead.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cli/admin_client.h"
#include "engine/cli/arguments.h"
#include "engine/cli/cli.h"
#include "engine/cli/state_dir.h"
#include "engine/observe/log.h"
#include "engine/rules/document.h"

#include "sql/base/banned.h"

struct words {
    const char *verb;
    const char *config_file, *socket, *rule, *reason, *older, *newer, *limit;
    struct wr_argument_list names, id_options; // the verb and ids; --id
    bool yes;
    char id_texts[WR_DEAD_IDS_MAX][2 * WR_DELIVERY_ID_LEN + 1];
    wr_str ids[WR_DEAD_IDS_MAX];
    bool met[WR_DEAD_IDS_MAX];
    struct wr_dead_asked asked;
};

// ---- words

static int wrong_reason(const char *word)
{
    static const char *const words[] = {
#define DEAD(name, word, help) word,
        WR_DEAD_REASONS(DEAD)
#undef DEAD
            NULL,
    };
    const char *near = wr_name_nearest(wr_str_of(word), words);
    fprintf(stderr, "weir dead: unknown reason '%s', ", word);
    if (near) {
        fprintf(stderr, "did you mean '%s'?\n", near);
        return WR_EXIT_USAGE;
    }
    fputs("expected one of", stderr);
    for (size_t i = 0; words[i]; i++) {
        fprintf(stderr, "%s %s", i ? "," : "", words[i]);
    }
    fputc('\n', stderr);
    return WR_EXIT_USAGE;
}

static int read_age(const char *option, const char *word, int64_t *out)
{
    struct wr_fault fault;
    if (wr_config_duration(wr_str_of(word), out, &fault)) {
        fprintf(stderr, "weir dead: %s: %s\n", option, fault.text);
        return WR_EXIT_USAGE;
    }
    if (*out <= 0) {
        return wr_cli_wrong("dead", "expected a duration of more than nothing after ", option);
    }
    return WR_EXIT_OK;
}

static int read_id(struct words *w, const char *word)
{
    size_t n = w->asked.id_count;
    if (n == WR_DEAD_IDS_MAX) {
        return wr_cli_wrong("dead", "too many ids, from ", word);
    }
    if (!wr_dead_id_take(wr_str_of(word), w->id_texts[n])) {
        return wr_cli_wrong("dead", "expected the hexadecimal begin of an id, found ", word);
    }
    w->ids[n] = wr_str_of(w->id_texts[n]);
    w->asked.id_count++;
    return WR_EXIT_OK;
}

static int read_filter(struct words *w)
{
    struct wr_dead_asked *a = &w->asked;
    a->ids = w->ids;
    a->met = w->met;
    a->filter.rule = w->rule ? wr_str_of(w->rule) : (wr_str){0};
    a->filter.has_reason = w->reason != NULL;
    if (w->reason && !wr_dead_reason_of(wr_str_of(w->reason), &a->filter.reason)) {
        return wrong_reason(w->reason);
    }
    if (w->limit && !wr_argument_count(w->limit, UINT32_MAX, &a->limit)) {
        return wr_cli_wrong("dead", "expected a number of letters after --limit, found ", w->limit);
    }
    int status = w->older ? read_age("--older", w->older, &a->filter.older_ms) : WR_EXIT_OK;
    if (status == WR_EXIT_OK && w->newer) {
        status = read_age("--newer", w->newer, &a->filter.newer_ms);
    }
    for (size_t i = 1; status == WR_EXIT_OK && i < w->names.count; i++) {
        status = read_id(w, w->names.at[i]);
    }
    for (size_t i = 0; status == WR_EXIT_OK && i < w->id_options.count; i++) {
        status = read_id(w, w->id_options.at[i]);
    }
    return status;
}

static int read_verb(struct words *w)
{
    static const char *const verbs[] = {"list", "show", "redrive", "purge"};
    if (w->names.count == 0) {
        return wr_cli_wrong("dead", "expected list, show, redrive or purge", NULL);
    }
    for (size_t i = 0; i < WR_COUNT(verbs); i++) {
        if (strcmp(w->names.at[0], verbs[i]) == 0) {
            w->verb = verbs[i];
            return WR_EXIT_OK;
        }
    }
    return wr_cli_wrong("dead", "expected list, show, redrive or purge, found ", w->names.at[0]);
}

// ---- verbs

static int complain(const struct wr_fault *fault)
{
    fflush(stdout);
    fprintf(stderr, "weir dead: %s\n", fault->text);
    return WR_EXIT_USAGE;
}

// Ids that no letter has.
static int check_ids(const struct words *w)
{
    int status = WR_EXIT_OK;
    for (size_t i = 0; i < w->asked.id_count; i++) {
        if (!w->met[i]) {
            fprintf(stderr, "weir dead: no letter has an id that begins with %.*s%s\n",
                    WR_STR_ARG(w->ids[i]), w->asked.limit ? ", up to the limit" : "");
            status = WR_EXIT_NO;
        }
    }
    return status;
}

static int look(struct words *w, const char *state_dir, bool all)
{
    struct wr_dead_sums sums;
    struct wr_fault fault;
    if (all && w->asked.id_count == 0) {
        return wr_cli_wrong("dead", "expected an id after show", NULL);
    }
    wr_err err = wr_dead_look(state_dir, &w->asked,
                              w->asked.json ? wr_dead_print_json
                                            : (all ? wr_dead_print_all : wr_dead_print_row),
                              &sums, &fault);
    if (err) {
        return complain(&fault);
    }
    int status = check_ids(w);
    if (!w->asked.json && !all) {
        fflush(stdout);
        fprintf(stderr, "%llu dead letter%s%s\n", (unsigned long long)sums.letters,
                sums.letters == 1 ? "" : "s", sums.more ? ", and more than --limit" : "");
    }
    return sums.unreadable ? WR_EXIT_NO : status;
}

// 0: go on.
static int ask(const struct words *w, uint64_t count)
{
    if (w->yes) {
        return WR_EXIT_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "weir dead: %s %llu dead letters: say --yes, or use a terminal\n", w->verb,
                (unsigned long long)count);
        return WR_EXIT_USAGE;
    }
    char answer[16];
    fprintf(stderr, "%s %llu dead letter%s? [y/N] ", w->verb, (unsigned long long)count,
            count == 1 ? "" : "s");
    if (!fgets(answer, sizeof answer, stdin) || (answer[0] != 'y' && answer[0] != 'Y')) {
        fputs("nothing was done\n", stderr);
        return WR_EXIT_NO;
    }
    return WR_EXIT_OK;
}

// What is done, by whichever of the two: here or by the weir that runs.
static int report(struct words *w, const struct wr_dead_sums *sums, wr_err err,
                  const struct wr_fault *fault, const char *redriven)
{
    bool purge = strcmp(w->verb, "purge") == 0;
    if (w->asked.json) {
        printf("{\"%s\": %llu}\n", purge ? "purged" : "redriven",
               (unsigned long long)sums->letters);
    } else {
        printf("%llu dead letter%s %s\n", (unsigned long long)sums->letters,
               sums->letters == 1 ? "" : "s", purge ? "purged" : redriven);
    }
    if (err) {
        complain(fault);
        return WR_EXIT_NO;
    }
    return sums->unreadable ? WR_EXIT_NO : WR_EXIT_OK;
}

// 0: there are some, and the user wants it.
static int agree(struct words *w, const struct wr_dead_sums *sums, int *unmet)
{
    *unmet = check_ids(w);
    if (sums->letters == 0) {
        fprintf(stderr, "weir dead: no letter fits\n");
        return WR_EXIT_NO;
    }
    return ask(w, sums->letters);
}

static int change_locked(struct words *w, const struct wr_config *config)
{
    struct wr_dead_sums sums;
    struct wr_fault fault;
    int unmet;
    if (wr_dead_look(config->state_dir, &w->asked, NULL, &sums, &fault)) {
        return complain(&fault);
    }
    int status = agree(w, &sums, &unmet);
    if (status == WR_EXIT_OK) {
        wr_err err = strcmp(w->verb, "purge") == 0
                         ? wr_dead_purge(config, &w->asked, &sums, &fault)
                         : wr_dead_redrive(config, &w->asked, &sums, &fault);
        status = report(w, &sums, err, &fault, "put into the spool: the next weir run delivers");
    }
    return status == WR_EXIT_OK ? unmet : status;
}

// By the weir that runs.
static int change_live(struct words *w, struct wr_admin_client *client)
{
    const struct wr_dead_words words = {w->rule, w->reason, w->older, w->newer};
    struct wr_dead_sums sums = {0};
    struct wr_fault fault;
    int unmet;
    if (wr_dead_ask(client, w->verb, true, &words, &w->asked, &sums, &fault)) {
        complain(&fault);
        return WR_EXIT_NO;
    }
    int status = agree(w, &sums, &unmet);
    if (status == WR_EXIT_OK) {
        w->asked.limit = sums.letters; // no more than was said: others may come meanwhile
        wr_err err = wr_dead_ask(client, w->verb, false, &words, &w->asked, &sums, &fault);
        status = report(w, &sums, err, &fault, "given back to the weir that runs");
    }
    return status == WR_EXIT_OK ? unmet : status;
}

static int change(struct words *w, const struct wr_config *config)
{
    struct wr_state_dir lock;
    struct wr_fault fault, no_weir;
    struct wr_buf path = {0};
    struct wr_admin_client *client = NULL;
    wr_err err = w->socket ? WR_ERR_BUSY : wr_state_dir_open(config->state_dir, &lock, &fault);
    if (err == WR_OK) {
        int status = change_locked(w, config);
        wr_state_dir_close(&lock);
        return status;
    }
    wr_admin_client_path(config, w->socket, &path);
    if (wr_admin_client_open(wr_buf_terminated(&path), &client, &no_weir)) {
        wr_buf_release(&path);
        if (w->socket) {
            return complain(&no_weir);
        }
        if (err == WR_ERR_BUSY) {
            fprintf(stderr, "weir dead: %s, which cannot be asked: %s\n", fault.text, no_weir.text);
            return WR_EXIT_USAGE;
        }
        return complain(&fault);
    }
    wr_buf_release(&path);
    int status = change_live(w, client);
    wr_admin_client_close(client);
    return status;
}

static int perform(struct words *w, const struct wr_config *config)
{
    struct stat st;
    if (!w->socket && stat(config->state_dir, &st) != 0) {
        fprintf(stderr, "weir dead: state_dir: %s: %s\n", config->state_dir, strerror(errno));
        return WR_EXIT_USAGE;
    }
    bool list = strcmp(w->verb, "list") == 0;
    if (list || strcmp(w->verb, "show") == 0) {
        return look(w, config->state_dir, !list);
    }
    return change(w, config);
}

static int read_and_perform(struct words *w, int count, char **rest)
{
    const struct wr_argument table[] = {
        {.name = "-c", .value = &w->config_file},   {.name = "--config", .value = &w->config_file},
        {.name = "--socket", .value = &w->socket},  {.name = "--rule", .value = &w->rule},
        {.name = "--reason", .value = &w->reason},  {.name = "--older", .value = &w->older},
        {.name = "--newer", .value = &w->newer},    {.name = "--limit", .value = &w->limit},
        {.name = "--id", .list = &w->id_options},   {.name = "--yes", .flag = &w->yes},
        {.name = "--json", .flag = &w->asked.json}, {0},
    };
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    const char *wrong;
    if (!wr_arguments_take(table, &count, rest, &w->names, &wrong)) {
        return wr_cli_wrong("dead", "expected a value after ", wrong);
    }
    if (wr_config_load(w->config_file, &count, rest, &config, &fault)) {
        return complain(&fault);
    }
    int status = WR_EXIT_OK;
    if (!wr_arguments_names(count, rest, &w->names, &wrong)) {
        status = wr_cli_wrong("dead", "unknown option ", wrong);
    }
    if (status == WR_EXIT_OK) {
        status = read_verb(w);
    }
    if (status == WR_EXIT_OK) {
        status = read_filter(w);
    }
    if (status == WR_EXIT_OK) {
        status = perform(w, config);
    }
    wr_config_free(config);
    return status;
}

int wr_cli_dead(int argc, char **argv)
{
    struct words *w = wr_zalloc(sizeof *w);
    wr_log_setup(WR_LOG_WARN, WR_LOG_PLAIN);
    int status = read_and_perform(w, argc - 1, argv + 1);
    free(w->names.at);
    free(w->id_options.at);
    free(w);
    return status;
}
