// Loading and following a folder of rule documents.
#include "engine/rules/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "engine/rules/loops.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define SETTLE_MS 200   // after a change: editors and deployments write several files
#define POLL_MS   10000 // notifications are lost on network mounts and when the folder is replaced

// One file. What it says now may be refused while an earlier version runs.
struct entry {
    char *file; // name within the folder
    bool seen;  // in this load
    bool changed;
    char *text; // content of this load, NULL when unchanged
    size_t len;
    char *running; // the content that `rule` was made of, with options.merged
    size_t running_len;
    int64_t time_ms, running_ms; // of the file: as it is now, and when `running` was read
    int64_t number;
    uint64_t hash;        // of the content that `rule` or the refusal is about
    struct wr_rule *rule; // running; NULL: none
    uint64_t name_hash;   // of its name: names are compared with those of all files
    char *refusal;        // line about the current content; NULL: accepted
};

struct wr_folder {
    struct wr_folder_options options;
    struct wr_program_pool *programs;
    char *dir;
    struct entry *entries; // sorted by file
    size_t count, cap;
    int64_t numbers; // given out
    struct wr_rule_set *rules;
    uint32_t *by_number; // entries with a rule
    size_t numbered;
    uint64_t signature; // of names, sizes and times, at the last load
    uv_fs_event_t event;
    uv_timer_t settle, poll;
    int open_handles;
    void (*done)(void *user);
    void *done_user;
};

static void say(struct wr_folder *f, enum wr_log_level level, const char *line)
{
    if (f->options.report) {
        f->options.report(f->options.user, level, line);
    } else {
        wr_log(level, "rules", "%s", line);
    }
}

static char *join(const char *dir, const char *file)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/%s", dir, file);
    char *copy = wr_strdup(wr_buf_str(&path));
    wr_buf_release(&path);
    return copy;
}

// ---- the list of files

static bool is_document(const char *name)
{
    return name[0] != '.' && wr_str_ends(wr_str_of(name), WR_STR(".json"));
}

static struct entry *entry_of(struct wr_folder *f, const char *file)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(f->entries[middle].file, file);
        if (order == 0) {
            return &f->entries[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 16;
        f->entries = wr_realloc(f->entries, f->cap * sizeof *f->entries);
    }
    memmove(&f->entries[low + 1], &f->entries[low], (f->count - low) * sizeof *f->entries);
    f->count++;
    f->entries[low] = (struct entry){.file = wr_strdup(wr_str_of(file)), .number = ++f->numbers};
    return &f->entries[low];
}

static void entry_release(struct entry *e)
{
    free(e->file);
    free(e->text);
    free(e->running);
    free(e->refusal);
    wr_rule_unlock(e->rule);
}

static wr_err read_text(const char *path, char **text, size_t *len, int64_t *time_ms,
                        struct wr_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        wr_err err = wr_fault_set(fault, WR_ERR_IO, "cannot be opened: %s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    wr_err err = WR_OK;
    if (!S_ISREG(st.st_mode)) {
        err = wr_fault_set(fault, WR_ERR_TYPE, "not a file");
    } else if (st.st_size > WR_DOCUMENT_FILE_MAX) {
        err = wr_fault_set(fault, WR_ERR_LIMIT, "has %" PRId64 " bytes, at most %d are read",
                           (int64_t)st.st_size, WR_DOCUMENT_FILE_MAX);
    }
    size_t cap = err ? 0 : WR_DOCUMENT_FILE_MAX + 1, got = 0;
    char *buf = wr_alloc(cap);
    while (!err && got < cap) {
        ssize_t n = read(fd, buf + got, cap - got);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            err = wr_fault_set(fault, WR_ERR_IO, "cannot be read: %s", strerror(errno));
        }
        got += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (err) {
        free(buf);
        return err;
    }
    *text = wr_realloc(buf, got + 1);
    *len = got;
    *time_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return WR_OK;
}

// ---- refusing and taking

static void refuse(struct wr_folder *f, struct entry *e, const struct wr_fault *fault, bool again)
{
    struct wr_buf line = {0};
    wr_buf_addf(&line, "%s/%s:", f->dir, e->file);
    // Line and column are those of a JSON syntax fault; places within SQL are in the text.
    if (fault->line) {
        wr_buf_addf(&line, "%" PRIu32 ":%" PRIu32 ":", fault->line, fault->column);
    }
    wr_buf_addf(&line, " %s%s", fault->text,
                e->rule ? " (the previous version keeps running)" : "");
    const char *text = wr_buf_terminated(&line);
    if (again || !e->refusal || strcmp(e->refusal, text) != 0) {
        say(f, WR_LOG_ERROR, text);
    }
    free(e->refusal);
    e->refusal = wr_strdup(wr_str_of(text));
    wr_buf_release(&line);
}

static void warn_about(struct wr_folder *f, const struct entry *e, const struct wr_rule *r)
{
    char line[WR_FAULT_TEXT_MAX + 512];
    for (size_t i = 0; i < wr_program_warning_count(r->program); i++) {
        const struct wr_fault *w = wr_program_warning(r->program, i);
        snprintf(line, sizeof line, "%s/%s: sql:%" PRIu32 ":%" PRIu32 ": %s", f->dir, e->file,
                 w->line, w->column, w->text);
        say(f, WR_LOG_WARN, line);
    }
    if (wr_str_starts(r->filter, WR_STR("$aws/rules/"))) {
        snprintf(
            line, sizeof line,
            "%s/%s: FROM '%.*s': Basic Ingest topics reach the rule they name, not this filter",
            f->dir, e->file, WR_STR_ARG(r->filter));
        say(f, WR_LOG_WARN, line);
    }
}

// Another file whose running rule has this name; files that are gone do not count.
static const struct entry *owner_of(const struct wr_folder *f, wr_str name,
                                    const struct entry *except)
{
    uint64_t hash = wr_hash_str(name);
    for (size_t i = 0; i < f->count; i++) {
        const struct entry *e = &f->entries[i];
        if (e->name_hash == hash && e != except && e->seen && e->rule &&
            wr_str_eq(e->rule->name, name)) {
            return e;
        }
    }
    return NULL;
}

// True when the entry's running rule was replaced.
static bool compile(struct wr_folder *f, struct entry *e, bool again)
{
    struct wr_fault fault = {0};
    struct wr_rule *rule = NULL;
    wr_err err = wr_rule_new((wr_str){e->text, e->len}, e->file, &f->options.rule, &rule, &fault);
    const struct entry *owner = err ? NULL : owner_of(f, rule->name, e);
    if (owner) {
        err = wr_fault_set(&fault, WR_ERR_EXISTS, "ruleName: \"%.*s\" is the rule of %s already",
                           WR_STR_ARG(rule->name), owner->file);
    }
    if (!err && f->options.accept) {
        err = f->options.accept(f->options.user, rule, &fault);
    }
    if (err) {
        refuse(f, e, &fault, again);
        wr_rule_unlock(rule);
        return false;
    }
    free(e->refusal);
    e->refusal = NULL;
    warn_about(f, e, rule);
    if (f->options.slim) {
        wr_rule_slim(rule, f->programs);
    }
    wr_rule_unlock(e->rule);
    e->rule = rule;
    e->name_hash = wr_hash_str(rule->name);
    if (f->options.merged) {
        free(e->running);
        e->running = e->text;
        e->running_len = e->len;
        e->running_ms = e->time_ms;
        e->text = NULL;
    }
    return true;
}

// ---- loading

// Names, sizes and times of the documents, folded so that order does not matter.
static uint64_t fold(uint64_t signature, const char *name, const struct stat *st)
{
    struct {
        int64_t size, seconds, nanoseconds;
        uint64_t inode;
    } key = {st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ino};
    return signature + wr_hash_bytes(&key, sizeof key, wr_hash_str(wr_str_of(name)));
}

// Goes through the folder; with `mark`, makes an entry for each document.
static wr_err scan(struct wr_folder *f, bool mark, uint64_t *signature, struct wr_fault *fault)
{
    DIR *dir = opendir(f->dir);
    if (!dir) {
        return wr_fault_set(fault, WR_ERR_IO,
                            "the rules folder %s cannot be opened: %s: check rules.dir", f->dir,
                            strerror(errno));
    }
    wr_err err = WR_OK;
    size_t count = 0;
    *signature = 0;
    for (struct dirent *d; !err && (d = readdir(dir));) {
        struct stat st;
        if (!is_document(d->d_name) || fstatat(dirfd(dir), d->d_name, &st, 0) != 0) {
            continue;
        }
        if (++count > WR_FOLDER_FILES_MAX) {
            err = wr_fault_set(fault, WR_ERR_LIMIT, "%s holds more than %d documents", f->dir,
                               WR_FOLDER_FILES_MAX);
            break;
        }
        *signature = fold(*signature, d->d_name, &st);
        if (mark) {
            entry_of(f, d->d_name)->seen = true;
        }
    }
    closedir(dir);
    return err;
}

// Reads the content; e->changed tells whether it has to be compiled.
static void refresh(struct wr_folder *f, struct entry *e, bool again)
{
    struct wr_fault fault = {0};
    char *path = join(f->dir, e->file);
    char *text = NULL;
    size_t len = 0;
    wr_err err = read_text(path, &text, &len, &e->time_ms, &fault);
    free(path);
    e->changed = false;
    if (err) {
        refuse(f, e, &fault, again);
        e->hash = 0;
        return;
    }
    uint64_t hash = wr_hash_bytes(text, len, wr_hash_seed) | 1;
    // Refused content is compiled again: its reason may have gone with another file.
    e->changed = hash != e->hash || e->refusal;
    e->hash = hash;
    e->text = text;
    e->len = len;
}

static bool remove_gone(struct wr_folder *f)
{
    bool changed = false;
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (f->entries[i].seen) {
            f->entries[kept++] = f->entries[i];
            continue;
        }
        changed |= f->entries[i].rule != NULL;
        entry_release(&f->entries[i]);
    }
    f->count = kept;
    return changed;
}

static bool is_elsewhere(void *user, wr_str rule, bool error_action)
{
    const struct wr_folder *f = user;
    return f->options.elsewhere && f->options.elsewhere(f->options.user, rule, error_action);
}

static void on_loop_found(void *user, const char *path)
{
    struct wr_folder *f = user;
    char line[1024];
    snprintf(line, sizeof line,
             "rules may feed themselves through republish: %s; messages stop after "
             "sinks.republish.max_hops",
             path);
    say(f, WR_LOG_WARN, line);
}

static int number_order(const void *a, const void *b, void *folder)
{
    const struct wr_folder *f = folder;
    int64_t x = f->entries[*(const uint32_t *)a].number;
    int64_t y = f->entries[*(const uint32_t *)b].number;
    return (x > y) - (x < y);
}

static void sort_numbers(struct wr_folder *f)
{
    f->by_number = wr_realloc(f->by_number, (f->count + 1) * sizeof *f->by_number);
    f->numbered = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->entries[i].rule) {
            f->by_number[f->numbered++] = i;
        }
    }
    qsort_r(f->by_number, f->numbered, sizeof *f->by_number, number_order, f);
}

static void publish(struct wr_folder *f)
{
    struct wr_rule **rules = wr_alloc((f->count + 1) * sizeof(struct wr_rule *));
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (f->entries[i].rule) {
            rules[count++] = f->entries[i].rule;
        }
    }
    struct wr_rule_set *set =
        f->options.merged ? wr_rule_set_names(rules, count) : wr_rule_set_new(rules, count);
    free(rules);
    wr_rule_set_unlock(f->rules);
    f->rules = set;
    if (!f->options.merged) {
        wr_loops_check(set, is_elsewhere, on_loop_found, f);
    }
    if (f->options.changed) {
        f->options.changed(f->options.user, set);
    }
}

wr_err wr_folder_load(struct wr_folder *f, bool again, size_t *refused, struct wr_fault *fault)
{
    for (size_t i = 0; i < f->count; i++) {
        f->entries[i].seen = false;
    }
    uint64_t signature;
    wr_err err = scan(f, true, &signature, fault);
    if (err) {
        return err;
    }
    f->signature = signature;
    bool changed = remove_gone(f) || !f->rules;
    for (size_t i = 0; i < f->count; i++) {
        refresh(f, &f->entries[i], again);
    }
    size_t refusals = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct entry *e = &f->entries[i];
        if (e->changed) {
            changed |= compile(f, e, again);
        }
        free(e->text);
        e->text = NULL;
        refusals += e->refusal != NULL;
    }
    f->options.rule.metrics->refused_documents = refusals;
    if (refused) {
        *refused = refusals;
    }
    sort_numbers(f);
    if (changed) {
        publish(f);
    }
    return WR_OK;
}

struct wr_rule_set *wr_folder_rules(const struct wr_folder *f)
{
    return f->rules;
}

static void show(const struct entry *e, struct wr_folder_rule *out)
{
    *out = (struct wr_folder_rule){.rule = e->rule,
                                   .file = e->file,
                                   .text = {e->running, e->running_len},
                                   .time_ms = e->running_ms,
                                   .number = e->number};
}

bool wr_folder_rule_find(const struct wr_folder *f, wr_str name, struct wr_folder_rule *out)
{
    const struct wr_rule *rule = f->rules ? wr_rule_set_find(f->rules, name) : NULL;
    for (size_t i = 0; rule && i < f->count; i++) {
        if (f->entries[i].rule == rule) {
            show(&f->entries[i], out);
            return true;
        }
    }
    return false;
}

bool wr_folder_rule_next(const struct wr_folder *f, int64_t after, struct wr_folder_rule *out)
{
    size_t low = 0, high = f->numbered;
    while (low < high) { // the first beyond
        size_t middle = low + (high - low) / 2;
        if (f->entries[f->by_number[middle]].number <= after) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < f->numbered) {
        show(&f->entries[f->by_number[low]], out);
    }
    return low < f->numbered;
}

const char *wr_folder_dir(const struct wr_folder *f)
{
    return f->dir;
}

// ---- watching

static void load_and_log(struct wr_folder *f)
{
    struct wr_fault fault = {0};
    if (wr_folder_load(f, false, NULL, &fault)) {
        char line[WR_FAULT_TEXT_MAX + 64];
        snprintf(line, sizeof line, "%s; the rules stay as they are", fault.text);
        say(f, WR_LOG_ERROR, line);
    }
}

static void on_settled(uv_timer_t *timer)
{
    load_and_log(timer->data);
}

static void on_event(uv_fs_event_t *event, const char *file, int events, int status)
{
    struct wr_folder *f = event->data;
    if (status == 0 && (!file || is_document(file))) {
        uv_timer_start(&f->settle, on_settled, SETTLE_MS, 0);
    }
}

static void on_poll(uv_timer_t *timer)
{
    struct wr_folder *f = timer->data;
    uint64_t signature;
    struct wr_fault fault = {0};
    wr_err err = scan(f, false, &signature, &fault);
    if (err ? f->signature != 0 : signature != f->signature) {
        f->signature = 0; // complain about a missing folder once
        load_and_log(f);
    }
}

static void watch(struct wr_folder *f)
{
    uv_fs_event_init(f->options.loop, &f->event);
    uv_timer_init(f->options.loop, &f->settle);
    uv_timer_init(f->options.loop, &f->poll);
    f->event.data = f->settle.data = f->poll.data = f;
    f->open_handles = 3;
    int err = uv_fs_event_start(&f->event, on_event, f->dir, 0);
    if (err && err != UV_ENOENT) { // a missing folder is the load's to complain about
        wr_log(WR_LOG_WARN, "rules", "%s cannot be watched (%s); it is looked at every %d s",
               f->dir, uv_strerror(err), POLL_MS / 1000);
    }
    uv_timer_start(&f->poll, on_poll, POLL_MS, POLL_MS);
}

struct wr_folder *wr_folder_open(const struct wr_folder_options *options)
{
    struct wr_folder *f = wr_zalloc(sizeof *f);
    f->options = *options;
    f->dir = wr_strdup(wr_str_of(options->dir));
    f->programs = options->slim ? wr_program_pool_new() : NULL;
    if (options->loop && options->watch) {
        watch(f);
    }
    return f;
}

static void folder_free(struct wr_folder *f)
{
    void (*done)(void *user) = f->done;
    void *user = f->done_user;
    for (size_t i = 0; i < f->count; i++) {
        entry_release(&f->entries[i]);
    }
    free(f->entries);
    free(f->by_number);
    wr_rule_set_unlock(f->rules);
    wr_program_pool_free(f->programs);
    free(f->dir);
    free(f);
    if (done) {
        done(user);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct wr_folder *f = handle->data;
    if (--f->open_handles == 0) {
        folder_free(f);
    }
}

void wr_folder_close(struct wr_folder *f, void (*done)(void *user), void *user)
{
    f->done = done;
    f->done_user = user;
    if (f->open_handles == 0) {
        folder_free(f);
        return;
    }
    uv_close((uv_handle_t *)&f->event, on_handle_closed);
    uv_close((uv_handle_t *)&f->settle, on_handle_closed);
    uv_close((uv_handle_t *)&f->poll, on_handle_closed);
}
