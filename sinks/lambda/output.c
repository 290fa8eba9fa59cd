// What a function leaves behind: results.ndjson and log.txt.

#include "sinks/lambda/output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "sinks/lambda/journal.h"
#include "sinks/lib/exec.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define LOG_PENDING_MAX (1u << 20) // of a function that prints faster than the disk takes it

struct wr_output {
    const struct wr_sink_host *host;
    struct wr_output_options o;
    struct wr_journal *results, *log;
    struct wr_paths *no_paths;
    int64_t time_s; // the second that `time_text` says
    char time_text[24];
    int open_parts; // while closing
    void (*done)(void *user);
    void *done_user;
};

static void add_time(struct wr_output *o, struct wr_buf *b)
{
    int64_t ms = wr_wall_ms();
    if (ms / 1000 != o->time_s) {
        time_t s = (time_t)(ms / 1000);
        struct tm tm;
        gmtime_r(&s, &tm);
        strftime(o->time_text, sizeof o->time_text, "%Y-%m-%dT%H:%M:%S.", &tm);
        o->time_s = ms / 1000;
    }
    wr_buf_add(b, wr_str_of(o->time_text));
    wr_buf_add_char(b, (char)('0' + ms % 1000 / 100));
    wr_buf_add_char(b, (char)('0' + ms % 100 / 10));
    wr_buf_add_char(b, (char)('0' + ms % 10));
    wr_buf_add_char(b, 'Z');
}

// JSON text on one line: a line feed in valid JSON is a blank between tokens.
static void add_one_line(struct wr_buf *b, wr_str json)
{
    size_t from = b->len;
    wr_buf_add(b, json);
    for (char *at = b->at + from, *end = b->at + b->len; at < end; at++) {
        *at = *at == '\n' || *at == '\r' ? ' ' : *at;
    }
}

uint64_t wr_output_result(struct wr_output *o, const struct wr_output_result *r)
{
    struct wr_buf *b = wr_journal_begin(o->results);
    wr_buf_add(b, WR_STR("{\"requestId\":\""));
    wr_buf_add(b, wr_str_of(r->id));
    wr_buf_add(b, WR_STR("\",\"time\":\""));
    add_time(o, b);
    wr_buf_add(b, WR_STR("\",\"attempt\":"));
    wr_buf_add_u64(b, r->attempt);
    wr_buf_add(b, WR_STR(",\"status\":\""));
    wr_buf_add(b, wr_str_of(r->status));
    wr_buf_add(b, WR_STR("\",\"durationMs\":"));
    wr_buf_add_u64(b, r->duration_ms);
    wr_buf_add(b, WR_STR(",\"event\":"));
    add_one_line(b, r->event);
    wr_buf_add(b, WR_STR(",\"result\":"));
    wr_exec_add_answer(b, o->no_paths, r->answer);
    wr_buf_add(b, WR_STR("}\n"));
    return wr_journal_commit(o->results);
}

void wr_output_text(struct wr_output *o, wr_str text)
{
    wr_buf_add(wr_journal_begin(o->log), text);
    wr_journal_commit(o->log);
}

void wr_output_note(struct wr_output *o, int pid, const char *what, const char *detail)
{
    struct wr_buf *b = wr_journal_begin(o->log);
    add_time(o, b);
    wr_buf_addf(b, " weir: process %d %s%s\n", pid, what, detail);
    wr_journal_commit(o->log);
}

// ---- open and close

static void on_results_written(void *user, uint64_t line, const char *why)
{
    struct wr_output *o = user;
    if (why) {
        o->host->log(o->host, WR_LOG_ERROR, "lambda %s: results.ndjson: %s", o->o.name, why);
    }
    o->o.written(o->o.user, line);
}

static void on_log_written(void *user, uint64_t line, const char *why)
{
    struct wr_output *o = user;
    if (why) {
        o->host->log(o->host, WR_LOG_ERROR, "lambda %s: log.txt: %s", o->o.name, why);
    }
}

static wr_err make_folders(char *path, struct wr_fault *fault)
{
    for (char *at = path; at;) {
        at = strchr(at + 1, '/');
        if (at) {
            *at = 0;
        }
        if (mkdir(path, 0750) != 0 && errno != EEXIST) {
            return wr_fault_set(fault, WR_ERR_IO, "cannot make the folder %s: %s", path,
                                strerror(errno));
        }
        if (at) {
            *at = '/';
        }
    }
    return WR_OK;
}

static struct wr_journal *open_journal(struct wr_output *o, struct wr_buf *path, const char *name,
                                       struct wr_journal_options options)
{
    size_t folder_len = path->len;
    wr_buf_add(path, wr_str_of(name));
    options.path = wr_buf_terminated(path);
    options.user = o;
    struct wr_journal *j = wr_journal_new(o->host->loop, &options);
    path->len = folder_len;
    return j;
}

wr_err wr_output_open(const struct wr_sink_host *host, const struct wr_output_options *options,
                      struct wr_output **out, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/local/lambda/%s", host->state_dir, options->name);
    wr_buf_add_char(&path, 0);
    wr_err err = make_folders(path.at, fault);
    path.len--;
    if (err == WR_OK) {
        struct wr_output *o = wr_zalloc(sizeof *o);
        o->host = host;
        o->o = *options;
        o->no_paths = wr_paths_new(NULL, 0, NULL);
        o->results = open_journal(o, &path, "/results.ndjson",
                                  (struct wr_journal_options){.size_max = options->results_max,
                                                              .written = on_results_written});
        o->log = open_journal(o, &path, "/log.txt",
                              (struct wr_journal_options){.size_max = options->log_max,
                                                          .pending_max = LOG_PENDING_MAX,
                                                          .written = on_log_written});
        *out = o;
    }
    wr_buf_release(&path);
    return err;
}

static void on_journal_closed(void *user)
{
    struct wr_output *o = user;
    if (--o->open_parts == 0) {
        void (*done)(void *user) = o->done;
        void *done_user = o->done_user;
        wr_paths_free(o->no_paths);
        free(o);
        done(done_user);
    }
}

void wr_output_close(struct wr_output *o, void (*done)(void *user), void *user)
{
    o->done = done;
    o->done_user = user;
    o->open_parts = 2;
    wr_journal_close(o->results, on_journal_closed, o);
    wr_journal_close(o->log, on_journal_closed, o);
}
