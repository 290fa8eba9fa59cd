// The local form of sqs: queues in a SQLite file (lib/local_sqs.h). Knows no AWS.
#include "sinks/sqs/sqs.h"

#include <stdlib.h>

#include "sinks/lib/local_sqs.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    {"retention", WR_OPT_INT, 0, "345600000", .min = 60000, .max = 14LL * 86400000, .unit = "ms",
     .help = "Messages this old are removed from the local queues, as SQS does."},
    {0},
};

struct sqs {
    struct wr_sink *sink;
    struct wr_local_sqs *queues;
    void (*done)(struct wr_sink *self);
};

static void on_done(void *user, struct wr_local_sqs_message *messages)
{
    while (messages) {
        struct wr_record *rec = messages->user;
        const char *trouble = messages->trouble;
        messages = (struct wr_local_sqs_message *)messages->item.next; // dies with its record
        if (trouble) {
            wr_refusal_settle(rec, WR_RETRY, &wr_sqs_texts,
                              &(struct wr_refusal){trouble, "InternalError"});
        } else {
            wr_record_settle(rec, WR_DELIVERED, NULL);
        }
    }
}

static void sqs_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct sqs *s = self->state;
    struct wr_local_sqs_message *m = wr_arena_alloc(rec->arena, sizeof *m);
    struct wr_refusal refusal = {"The message is over its limit of memory", "LimitExceeded"};
    if (m) {
        *m = (struct wr_local_sqs_message){.url = rec->params[WR_SQS_URL].text, .user = rec};
        if (wr_local_sqs_name(m->url, &m->queue, &refusal.message)) {
            refusal = wr_sqs_body(rec, &m->body);
        } else {
            refusal.code = "InvalidAddress";
        }
    }
    if (refusal.message) {
        wr_refusal_settle(rec, WR_REFUSED, &wr_sqs_texts, &refusal);
        return;
    }
    wr_local_sqs_send(s->queues, m);
}

static wr_err sqs_open(struct wr_sink *self, const struct wr_settings *settings,
                       struct wr_fault *fault)
{
    struct sqs *s = wr_zalloc(sizeof *s);
    s->sink = self;
    wr_err err = wr_local_sqs_open(
        &(struct wr_local_sqs_options){.loop = self->host->loop,
                                       .state_dir = self->host->state_dir,
                                       .retention_ms = wr_settings_int(settings, "retention"),
                                       .done = on_done,
                                       .user = s},
        &s->queues, fault);
    if (err) {
        free(s);
        return err;
    }
    self->state = s;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct sqs *s = user;
    struct wr_sink *sink = s->sink;
    void (*done)(struct wr_sink *) = s->done;
    free(s);
    sink->state = NULL;
    done(sink);
}

static void sqs_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct sqs *s = self->state;
    s->done = done;
    wr_local_sqs_close(s->queues, on_closed, s);
}

const struct wr_sink_impl wr_sink_sqs = {
    WR_SQS_ACTION,
    .form = "A queue of the SQLite file local/sqs.db, from which any program can receive.",
    .settings = settings_table,
    .open = sqs_open,
    .submit = sqs_submit,
    .close = sqs_close,
};
