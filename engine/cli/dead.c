// `weir dead list|show|redrive|purge`: what neither an action nor the error action took.
#include "engine/cli/dead.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/state_dir.h"
#include "engine/observe/log.h"
#include "engine/rules/document.h"

#include "sql/base/banned.h"

#define IDS_MAX 1000 // of one command

struct words {
    const char *verb;
    bool yes;
    wr_str ids[IDS_MAX];
    bool met[IDS_MAX];
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

static int read_limit(const char *word, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(word, &end, 10);
    if (*end || end == word || word[0] == '-' || errno || *out == 0) {
        return wr_cli_wrong("dead", "expected a number of letters after --limit, found ", word);
    }
    return WR_EXIT_OK;
}

// In place: ids are printed in lower case.
static int read_id(struct words *w, char *word)
{
    size_t len = strlen(word);
    if (w->asked.id_count == IDS_MAX) {
        return wr_cli_wrong("dead", "too many ids, from ", word);
    }
    for (char *at = word; *at; at++) {
        if (*at >= 'A' && *at <= 'F') {
            *at = (char)(*at - 'A' + 'a');
        }
    }
    if (len == 0 || len > 2 * WR_DELIVERY_ID_LEN || word[strspn(word, "0123456789abcdef")]) {
        return wr_cli_wrong("dead", "expected the hexadecimal begin of an id, found ", word);
    }
    w->ids[w->asked.id_count++] = (wr_str){word, len};
    return WR_EXIT_OK;
}

static int read_option(struct words *w, const char *option, char *value)
{
    struct wr_dead_filter *f = &w->asked.filter;
    if (strcmp(option, "--rule") == 0) {
        f->rule = wr_str_of(value);
    } else if (strcmp(option, "--reason") == 0) {
        f->has_reason = true;
        return wr_dead_reason_of(wr_str_of(value), &f->reason) ? WR_EXIT_OK : wrong_reason(value);
    } else if (strcmp(option, "--older") == 0) {
        return read_age(option, value, &f->older_ms);
    } else if (strcmp(option, "--newer") == 0) {
        return read_age(option, value, &f->newer_ms);
    } else if (strcmp(option, "--limit") == 0) {
        return read_limit(value, &w->asked.limit);
    } else if (strcmp(option, "--id") == 0) {
        return read_id(w, value);
    }
    return WR_EXIT_OK; // -c: read before
}

static bool takes_value(const char *word)
{
    static const char *const all[] = {"-c",      "--config", "--rule",  "--reason",
                                      "--older", "--newer",  "--limit", "--id"};
    for (size_t i = 0; i < WR_COUNT(all); i++) {
        if (strcmp(word, all[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int read_words(int argc, char **argv, struct words *w)
{
    int status = WR_EXIT_OK;
    for (int i = 0; i < argc && status == WR_EXIT_OK; i++) {
        char *word = argv[i];
        if (takes_value(word)) {
            status = i + 1 == argc ? wr_cli_wrong("dead", "expected a value after ", word)
                                   : read_option(w, word, argv[i + 1]);
            i++;
        } else if (strcmp(word, "--json") == 0) {
            w->asked.json = true;
        } else if (strcmp(word, "--yes") == 0) {
            w->yes = true;
        } else if (word[0] == '-') {
            status = wr_cli_wrong("dead", "unknown option ", word);
        } else if (!w->verb) {
            w->verb = word;
        } else {
            status = read_id(w, word);
        }
    }
    w->asked.ids = w->ids;
    w->asked.met = w->met;
    return status;
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

static void show_row(const struct wr_entry *e, struct wr_arena *arena)
{
    wr_dead_print_row(e);
}

static int look(struct words *w, const char *state_dir, bool all)
{
    struct wr_dead_sums sums;
    struct wr_fault fault;
    if (all && w->asked.id_count == 0) {
        return wr_cli_wrong("dead", "expected an id after show", NULL);
    }
    wr_err err = wr_dead_look(
        state_dir, &w->asked,
        w->asked.json ? wr_dead_print_json : (all ? wr_dead_print_all : show_row), &sums, &fault);
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

static int change_locked(struct words *w, const struct wr_config *config, bool purge)
{
    struct wr_dead_sums sums;
    struct wr_fault fault;
    if (wr_dead_look(config->state_dir, &w->asked, NULL, &sums, &fault)) {
        return complain(&fault);
    }
    int status = check_ids(w);
    if (sums.letters == 0) {
        fprintf(stderr, "weir dead: no letter fits\n");
        return WR_EXIT_NO;
    }
    int answer = ask(w, sums.letters);
    if (answer != WR_EXIT_OK) {
        return answer;
    }
    wr_err err = purge ? wr_dead_purge(config, &w->asked, &sums, &fault)
                       : wr_dead_redrive(config, &w->asked, &sums, &fault);
    if (w->asked.json) {
        printf("{\"%s\": %llu}\n", purge ? "purged" : "redriven", (unsigned long long)sums.letters);
    } else {
        printf("%llu dead letter%s %s\n", (unsigned long long)sums.letters,
               sums.letters == 1 ? "" : "s",
               purge ? "purged" : "put into the spool: the next weir run delivers");
    }
    if (err) {
        complain(&fault);
        return WR_EXIT_NO;
    }
    return sums.unreadable ? WR_EXIT_NO : status;
}

static int change(struct words *w, const struct wr_config *config, bool purge)
{
    struct wr_state_dir lock;
    struct wr_fault fault;
    wr_err err = wr_state_dir_open(config->state_dir, &lock, &fault);
    if (err == WR_ERR_BUSY) {
        fprintf(stderr, "weir dead: %s: stop that weir first, since %s changes what it works on\n",
                fault.text, w->verb);
        return WR_EXIT_USAGE;
    }
    if (err) {
        return complain(&fault);
    }
    int status = change_locked(w, config, purge);
    wr_state_dir_close(&lock);
    return status;
}

static int perform(struct words *w, const struct wr_config *config)
{
    struct stat st;
    if (stat(config->state_dir, &st) != 0) {
        fprintf(stderr, "weir dead: state_dir: %s: %s\n", config->state_dir, strerror(errno));
        return WR_EXIT_USAGE;
    }
    bool list = strcmp(w->verb, "list") == 0;
    if (list || strcmp(w->verb, "show") == 0) {
        return look(w, config->state_dir, !list);
    }
    return change(w, config, strcmp(w->verb, "purge") == 0);
}

int wr_cli_dead(int argc, char **argv)
{
    static struct words w; // large
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    const char *file = NULL;
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0) {
            file = argv[i + 1];
        }
    }
    int count = argc - 1;
    if (wr_config_load(file, &count, argv + 1, &config, &fault)) {
        return complain(&fault);
    }
    wr_log_setup(WR_LOG_WARN, false);
    w = (struct words){0};
    int status = read_words(count, argv + 1, &w);
    if (status == WR_EXIT_OK && !w.verb) {
        status = wr_cli_wrong("dead", "expected list, show, redrive or purge", NULL);
    }
    static const char *const verbs[] = {"list", "show", "redrive", "purge"};
    bool known = false;
    for (size_t i = 0; w.verb && i < WR_COUNT(verbs); i++) {
        known |= strcmp(w.verb, verbs[i]) == 0;
    }
    if (status == WR_EXIT_OK && !known) {
        status = wr_cli_wrong("dead", "expected list, show, redrive or purge, found ", w.verb);
    }
    if (status == WR_EXIT_OK) {
        status = perform(&w, config);
    }
    wr_config_free(config);
    return status;
}
