// Records in, calls out, verdicts back.
#include "sinks/lib/aws_form.h"

#include <stdlib.h>

#include "sinks/lib/later.h"

#include "sql/base/banned.h"

struct wr_aws_form_job {
    struct wr_aws_call call;
    struct wr_aws_form *form;
    struct wr_record *rec;
    struct wr_aws_form_lane *lane; // NULL: none
    struct wr_aws_form_job *next, *before;
};

void wr_aws_form_abort(struct wr_sink *self)
{
    struct wr_aws_form *f = self->state;
    self->state = NULL;
    if (f->kind->free_own) {
        f->kind->free_own(f->own);
    }
    free(f->lanes_);
    free(f);
}

static void end_if_idle(struct wr_aws_form *f)
{
    if (!f->done_ || f->held_ > 0) {
        return;
    }
    struct wr_sink *sink = f->sink;
    void (*done)(struct wr_sink *) = f->done_;
    wr_aws_form_abort(sink);
    wr_later_done(sink, done);
}

// Not touched afterwards: settling may submit the next, or close.
static void settle(struct wr_aws_form *f, struct wr_record *rec, const struct wr_aws_answer *answer)
{
    struct wr_buf text;
    struct wr_why why;
    wr_buf_init_arena(&text, rec->arena);
    enum wr_verdict verdict =
        wr_aws_verdict(answer, f->kind->service, wr_str_of(f->kind->what),
                       rec->params[f->sink->impl->resource_option].text, &text, &why);
    wr_record_settle(rec, verdict, verdict == WR_DELIVERED ? NULL : &why);
    f->held_--;
}

static void unlink_job(struct wr_aws_form *f, struct wr_aws_form_job *j)
{
    if (j->before) {
        j->before->next = j->next;
    } else {
        f->active_ = j->next;
    }
    if (j->next) {
        j->next->before = j->before;
    }
}

static void on_answer(struct wr_aws_call *call, const struct wr_aws_answer *answer);

// True: under way. False: settled.
static bool start(struct wr_aws_form *f, struct wr_record *rec, struct wr_aws_form_lane *lane)
{
    struct wr_aws_form_job *j = wr_arena_alloc(rec->arena, sizeof *j);
    wr_str trouble = WR_STR("the message is over its limit of memory");
    if (j) {
        *j = (struct wr_aws_form_job){.form = f, .rec = rec, .lane = lane, .next = f->active_};
        wr_aws_form_call(f->sink, f->kind, rec, &j->call);
        j->call.done = on_answer;
        j->call.user = j;
        bool over = rec->arena->over;
        rec->arena->over = false;
        wr_str wrong = f->kind->build(f, rec, &j->call);
        if (wrong.at || !rec->arena->over) {
            trouble = wrong;
        }
        rec->arena->over |= over;
    }
    if (trouble.at) {
        settle(f, rec, &(struct wr_aws_answer){.class = WR_AWS_PERMANENT, .message = trouble});
        return false;
    }
    if (f->active_) {
        f->active_->before = j;
    }
    f->active_ = j;
    wr_aws_send(f->aws, &j->call);
    return true;
}

static void run_lane(struct wr_aws_form *f, struct wr_aws_form_lane *lane)
{
    while (!lane->busy && lane->first) {
        struct wr_record *rec = lane->first;
        lane->first = rec->sink_next;
        if (f->closing_) {
            settle(f, rec,
                   &(struct wr_aws_answer){.class = WR_AWS_RETRY,
                                           .message = WR_STR("weir is stopping")});
            continue;
        }
        lane->busy = true; // settling may submit more to this lane
        lane->busy = start(f, rec, lane);
    }
}

static void on_answer(struct wr_aws_call *call, const struct wr_aws_answer *given)
{
    struct wr_aws_form_job *j = call->user;
    struct wr_aws_form *f = j->form;
    struct wr_aws_form_lane *lane = j->lane;
    struct wr_aws_answer answer = *given;
    unlink_job(f, j);
    if (f->kind->judge && answer.class == WR_AWS_OK && !answer.recorded) {
        f->kind->judge(f, j->rec, &answer);
    }
    settle(f, j->rec, &answer);
    if (lane) {
        lane->busy = false;
        run_lane(f, lane);
    }
    end_if_idle(f);
}

void wr_aws_form_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct wr_aws_form *f = self->state;
    uint64_t order = f->kind->order ? f->kind->order(rec) : 0;
    f->held_++;
    if (order == 0) {
        if (!start(f, rec, NULL)) {
            end_if_idle(f);
        }
        return;
    }
    struct wr_aws_form_lane *lane = &f->lanes_[order % WR_AWS_FORM_LANES];
    rec->sink_next = NULL;
    if (lane->first) {
        lane->last->sink_next = rec;
    } else {
        lane->first = rec;
    }
    lane->last = rec;
    run_lane(f, lane);
    end_if_idle(f);
}

void wr_aws_form_call(const struct wr_sink *sink, const struct wr_aws_form_kind *kind,
                      const struct wr_record *rec, struct wr_aws_call *call)
{
    *call = (struct wr_aws_call){
        .service = kind->service,
        .method = "POST",
        .endpoint = wr_str_of(sink->host->endpoint),
        .role_arn = kind->role_option >= 0 ? rec->params[kind->role_option].text : (wr_str){0},
    };
}

wr_err wr_aws_form_open(struct wr_sink *self, const struct wr_aws_form_kind *kind, void *own,
                        struct wr_fault *fault)
{
    struct wr_aws *aws = self->host->aws ? self->host->aws(self->host, fault) : NULL;
    if (!aws) {
        if (kind->free_own) {
            kind->free_own(own);
        }
        return self->host->aws
                   ? WR_ERR_FAILED
                   : wr_fault_set(fault, WR_ERR_UNSUPPORTED, "there is no AWS client here");
    }
    struct wr_aws_form *f = wr_zalloc(sizeof *f);
    *f = (struct wr_aws_form){.sink = self, .kind = kind, .aws = aws, .own = own};
    if (kind->order) {
        f->lanes_ = wr_zalloc(WR_AWS_FORM_LANES * sizeof *f->lanes_);
    }
    self->state = f;
    return WR_OK;
}

void wr_aws_form_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct wr_aws_form *f = self->state;
    f->closing_ = true;
    for (struct wr_aws_form_job *j = f->active_; j; j = j->next) {
        wr_aws_cancel(f->aws, &j->call);
    }
    for (size_t i = 0; f->lanes_ && i < WR_AWS_FORM_LANES; i++) {
        if (!f->lanes_[i].busy) {
            run_lane(f, &f->lanes_[i]); // of busy ones the answer goes on
        }
    }
    f->done_ = done;
    end_if_idle(f);
}
