// The local form of kinds whose entries are lines of files (lib/append).
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/append.h"
#include "sinks/service/service.h"

#include "sql/base/banned.h"

struct lines {
    struct wr_sink *sink;
    const struct wr_service *service;
    struct wr_append *append;
    void *kind;
    void (*done)(struct wr_sink *self);
};

// A record's lines, of one file or of several; in its arena.
struct job {
    struct wr_record *rec;
    size_t left; // lines not written yet
    int error;
    struct wr_append_line at[];
};

static void settle(struct lines *state, struct job *job)
{
    if (job->error == 0) {
        wr_record_settle(job->rec, WR_DELIVERED, NULL);
        return;
    }
    char text[512];
    int len = snprintf(text, sizeof text, "%.400s/local/%s: %s", state->sink->host->state_dir,
                       state->service->folder, uv_strerror(-job->error));
    bool never = job->error == ENAMETOOLONG || job->error == EILSEQ || job->error == EINVAL;
    wr_service_settle_no(job->rec, state->service, never ? WR_REFUSED : WR_RETRY, never ? 400 : 500,
                         never ? "InvalidRequest" : "InternalError",
                         (wr_str){text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1});
}

static void on_written(void *user, struct wr_append_line *lines)
{
    struct lines *state = user;
    while (lines) {
        struct wr_append_line *next = lines->next;
        struct wr_service_entry *e = lines->user;
        struct job *job = WR_CONTAINER(lines - (e - e->ask->entries), struct job, at[0]);
        if (lines->error) {
            job->error = job->error ? job->error : lines->error;
        } else {
            e->stand = WR_SERVICE_THERE;
        }
        if (--job->left == 0) {
            settle(state, job);
        }
        lines = next;
    }
}

// Lines of the entries that are not written yet; NULL when the arena is full.
static struct job *make_job(const struct wr_service *service, struct wr_service_ask *ask)
{
    struct wr_arena *arena = ask->rec->arena;
    struct job *job = wr_arena_alloc(arena, sizeof *job + ask->count * sizeof job->at[0]);
    if (!job) {
        return NULL;
    }
    *job = (struct job){.rec = ask->rec};
    for (uint32_t i = 0; i < ask->count; i++) {
        struct wr_service_entry *e = &ask->entries[i];
        struct wr_buf b;
        wr_buf_init_arena(&b, arena);
        service->line(e, &b);
        if (b.over) {
            return NULL;
        }
        job->at[i] = (struct wr_append_line){.text = wr_buf_str(&b), .user = e};
        job->at[i].names[0] = e->file.at ? e->file : ask->names[0];
        if (service->depth == 2) {
            job->at[i].names[1] = ask->names[1].at ? ask->names[1] : WR_STR("");
        }
        job->left += e->stand != WR_SERVICE_THERE;
    }
    return job;
}

void wr_service_lines_write(struct wr_sink *self, struct wr_service_ask *ask)
{
    struct lines *state = self->state;
    struct wr_record *rec = ask->rec;
    struct job *job = make_job(state->service, ask);
    if (!job) {
        wr_service_settle_no(rec, state->service, WR_REFUSED, 400, "RequestEntityTooLarge",
                             WR_STR("The message is over its limit of memory"));
        return;
    }
    for (uint32_t i = 0; i < ask->count; i++) {
        if (ask->entries[i].stand != WR_SERVICE_THERE) {
            wr_append_add(state->append, &job->at[i]);
        }
    }
}

void wr_service_lines_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct lines *state = self->state;
    struct wr_service_ask *ask = wr_service_ask_of(state->service, state->kind, rec);
    if (ask) {
        wr_service_lines_write(self, ask);
    }
}

void *wr_service_lines_kind(struct wr_sink *self)
{
    return ((struct lines *)self->state)->kind;
}

const struct wr_option wr_service_lines_settings[] = {WR_SERVICE_FILES, {0}};

wr_err wr_service_lines_open(struct wr_sink *self, const struct wr_settings *settings,
                             struct wr_fault *fault)
{
    const struct wr_service *service = wr_service_of(self->impl);
    char folder[PATH_MAX];
    int len =
        snprintf(folder, sizeof folder, "%s/local/%s", self->host->state_dir, service->folder);
    if (len < 0 || (size_t)len >= sizeof folder) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: the path is too long");
    }
    struct lines *state = wr_zalloc(sizeof *state);
    state->sink = self;
    state->service = service;
    struct wr_append_options o = {
        .folder = folder,
        .size_max = wr_settings_int(settings, "file_size"),
        .keep = (unsigned)wr_settings_int(settings, "files_kept"),
        .sync = wr_settings_bool(settings, "fsync"),
        .done = on_written,
        .user = state,
    };
    wr_err err = wr_append_open(self->host->loop, &o, &state->append, fault);
    if (err) {
        free(state);
        return err;
    }
    state->kind = wr_service_state_new(service, self, settings);
    self->state = state;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct lines *state = user;
    struct wr_sink *sink = state->sink;
    void (*done)(struct wr_sink *) = state->done;
    wr_service_state_free(state->service, state->kind);
    free(state);
    sink->state = NULL;
    done(sink);
}

void wr_service_lines_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct lines *state = self->state;
    state->done = done;
    wr_append_close(state->append, on_closed, state);
}
