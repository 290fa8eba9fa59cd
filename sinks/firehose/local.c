// The local form of firehose: files below local/firehose of the state folder
// (lib/local_firehose.h). Knows no AWS.
#include "sinks/firehose/firehose.h"

#include <stdlib.h>

#include "sinks/lib/local_firehose.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    {"buffer_size", WR_OPT_INT, 0, "5242880", .min = 1, .max = 128 << 20, .unit = "bytes",
     .help = "A local file this large is ended and the next begun."},
    {"buffer_interval", WR_OPT_INT, 0, "300000", .min = 1000, .max = 86400000, .unit = "ms",
     .help = "A local file this old is ended."},
    {0},
};

struct firehose {
    struct wr_sink *sink;
    struct wr_local_firehose *files;
    void (*done)(struct wr_sink *self);
};

// In the record's arena.
struct piece {
    struct wr_local_firehose_piece piece; // first
    struct wr_firehose_texts texts;
};

static void on_done(void *user, struct wr_local_firehose_piece *pieces)
{
    while (pieces) {
        struct wr_record *rec = pieces->user;
        const char *trouble = pieces->trouble;
        pieces = (struct wr_local_firehose_piece *)pieces->item.next; // dies with its record
        if (trouble) {
            wr_refusal_settle(rec, WR_RETRY, &wr_firehose_texts,
                              &(struct wr_refusal){trouble, "InternalFailure"});
        } else {
            wr_record_settle(rec, WR_DELIVERED, NULL);
        }
    }
}

static void firehose_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct firehose *f = self->state;
    struct piece *p = wr_arena_alloc(rec->arena, sizeof *p);
    struct wr_refusal refusal = {"The message is over its limit of memory", "LimitExceeded"};
    if (p) {
        refusal = wr_firehose_read(rec, &p->texts);
    }
    if (refusal.message) {
        wr_refusal_settle(rec, WR_REFUSED, &wr_firehose_texts, &refusal);
        return;
    }
    p->piece = (struct wr_local_firehose_piece){
        .stream = rec->params[WR_FIREHOSE_STREAM].text,
        .texts = p->texts.texts,
        .count = p->texts.count,
        .separator = p->texts.separator,
        .user = rec,
    };
    wr_local_firehose_send(f->files, &p->piece);
}

static wr_err firehose_open(struct wr_sink *self, const struct wr_settings *settings,
                            struct wr_fault *fault)
{
    struct firehose *f = wr_zalloc(sizeof *f);
    f->sink = self;
    wr_err err = wr_local_firehose_open(
        &(struct wr_local_firehose_options){
            .loop = self->host->loop,
            .state_dir = self->host->state_dir,
            .size_max = (uint64_t)wr_settings_int(settings, "buffer_size"),
            .age_ms = wr_settings_int(settings, "buffer_interval"),
            .done = on_done,
            .user = f,
        },
        &f->files, fault);
    if (err) {
        free(f);
        return err;
    }
    self->state = f;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct firehose *f = user;
    struct wr_sink *sink = f->sink;
    void (*done)(struct wr_sink *) = f->done;
    free(f);
    sink->state = NULL;
    done(sink);
}

static void firehose_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct firehose *f = self->state;
    f->done = done;
    wr_local_firehose_close(f->files, on_closed, f);
}

const struct wr_sink_impl wr_sink_firehose = {
    WR_FIREHOSE_ACTION,
    .form = "Files by time and size below local/firehose/STREAM, as the service names objects.",
    .settings = settings_table,
    .open = firehose_open,
    .submit = firehose_submit,
    .close = firehose_close,
};
