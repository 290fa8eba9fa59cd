// Records in, calls of several entries out, verdicts back.
#include "sinks/lib/aws_batch.h"

#include <stdlib.h>

#include "sinks/lib/later.h"
#include "sql/base/hash.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define ARENA_MAX (64u << 20) // an answer of 4 MiB as values
#define KEEP_BODY (8u << 20)  // bytes of a call's buffer that are kept for the next
#define AGE_MS    10          // order "none": how long a record waits for company under load

// A request and the batch's call that it carries; lives as long as that.
struct carrier {
    struct wr_aws_call call;
    struct wr_aws_batch *form;
    struct wr_batch_call *batch;
};

static struct wr_aws_item *item_of(const struct wr_record *rec)
{
    return rec->sink_data;
}

// ---- answers

// What the service says of a whole call when one of its entries is wrong.
static bool may_be_one(const struct wr_aws_batch *f, const struct wr_aws_answer *answer)
{
    static const char *const usual[] = {"ValidationException",
                                        "ValidationError",
                                        "SerializationException",
                                        "InvalidArgumentException",
                                        "RequestEntityTooLargeException",
                                        NULL};
    const char *const *lists[] = {usual, f->kind->divided};
    for (size_t l = 0; l < WR_COUNT(lists); l++) {
        for (const char *const *code = lists[l]; code && *code; code++) {
            if (wr_str_eq(answer->code, wr_str_of(*code)) ||
                wr_str_eq(answer->old_code, wr_str_of(*code))) {
                return true;
            }
        }
    }
    return answer->status == 413;
}

static wr_str resource_of(const struct wr_aws_batch *f, const struct wr_record *rec)
{
    return rec->params[f->sink->impl->resource_option].text;
}

// All records of the call have the same fate.
static void settle_all(struct wr_aws_batch *f, struct wr_batch_call *batch,
                       const struct wr_aws_answer *answer)
{
    struct wr_record *rec;
    while ((rec = wr_batch_pop(batch))) {
        struct wr_why why;
        enum wr_verdict verdict =
            wr_aws_verdict(answer, f->kind->service, wr_str_of(f->kind->text->what),
                           resource_of(f, rec), &f->text_, &why);
        wr_record_settle(rec, verdict, verdict == WR_DELIVERED ? NULL : &why);
    }
}

// The entry that decides over a record: one that is refused, else one that has to be tried again.
static const struct wr_aws_entry *worst(const struct wr_aws_batch *f,
                                        const struct wr_aws_item *item)
{
    const struct wr_aws_entry *found = NULL;
    for (uint32_t i = 0; i < item->batch.entries; i++) {
        const struct wr_aws_entry *e = &f->entries[item->first + i];
        if (e->known && e->class == WR_AWS_PERMANENT) {
            return e;
        }
        if (!e->known || e->class != WR_AWS_OK) {
            found = found ? found : e;
        }
    }
    return found;
}

static void settle_each(struct wr_aws_batch *f, struct wr_batch_call *batch,
                        const struct wr_aws_answer *answer)
{
    struct wr_record *rec;
    while ((rec = wr_batch_pop(batch))) {
        const struct wr_aws_entry *e = worst(f, item_of(rec));
        if (!e) {
            wr_record_settle(rec, WR_DELIVERED, NULL);
            continue;
        }
        struct wr_aws_answer own = *answer;
        struct wr_why why;
        own.class = e->known ? e->class : WR_AWS_RETRY;
        own.code = e->known ? e->code : WR_STR("InternalFailure");
        own.message = e->known ? e->message : WR_STR("the answer does not tell what became of it");
        enum wr_verdict verdict =
            wr_aws_verdict(&own, f->kind->service, wr_str_of(f->kind->text->what),
                           resource_of(f, rec), &f->text_, &why);
        if (verdict == WR_RETRY && f->kind->keep) {
            f->kind->keep(f, rec);
        }
        wr_record_settle(rec, verdict, &why);
    }
}

static void on_answer(struct wr_aws_call *call, const struct wr_aws_answer *answer)
{
    struct carrier *c = call->user;
    struct wr_aws_batch *f = c->form;
    struct wr_batch_call *batch = c->batch;
    if (answer->class == WR_AWS_PERMANENT && may_be_one(f, answer) && wr_batch_again(batch)) {
        // Divided.
    } else if (answer->class != WR_AWS_OK || answer->recorded) {
        settle_all(f, batch, answer);
    } else {
        memset(f->entries, 0, batch->entries * sizeof f->entries[0]);
        f->kind->read(f, batch, answer);
        settle_each(f, batch, answer);
        wr_arena_reset(&f->arena);
    }
    if (batch->body.cap_ > KEEP_BODY) {
        wr_buf_release(&batch->body);
        batch->body = (struct wr_buf){0};
    }
    wr_batch_done(batch); // may end with closing everything
}

// ---- calls

static void send_call(void *user, struct wr_batch_call *batch)
{
    struct wr_aws_batch *f = user;
    struct carrier *c = batch->user;
    if (!c) {
        c = wr_zalloc(sizeof *c);
        c->form = f;
        c->batch = batch;
        batch->user = c;
    }
    uint32_t first = 0;
    for (struct wr_record *rec = batch->records; rec; rec = rec->sink_next) {
        item_of(rec)->first = first;
        first += item_of(rec)->batch.entries;
    }
    c->call = (struct wr_aws_call){
        .service = f->kind->service,
        .method = "POST",
        .endpoint = wr_str_of(f->sink->host->endpoint),
        .role_arn = batch->records->params[f->kind->role_option].text,
        .done = on_answer,
        .user = c,
    };
    f->kind->write(f, batch, &c->call);
    c->call.body = wr_buf_str(&batch->body);
    wr_aws_send(f->aws, &c->call);
}

static void cancel(void *user, struct wr_batch_call *batch)
{
    struct wr_aws_batch *f = user;
    wr_aws_cancel(f->aws, &((struct carrier *)batch->user)->call);
}

static void abandon(void *user, struct wr_record *rec)
{
    const struct wr_aws_batch *f = user;
    wr_refusal_settle(rec, WR_RETRY, f->kind->text,
                      &(struct wr_refusal){"weir is stopping", "Stopped"});
}

static void forget(void *user, struct wr_batch_call *batch)
{
    free(batch->user);
}

void wr_aws_batch_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct wr_aws_batch *f = self->state;
    struct wr_aws_item *item = rec->attempt > 1 ? rec->sink_data : NULL;
    if (!item) {
        item = wr_arena_alloc(rec->arena, f->kind->item_size);
        if (!item) {
            wr_refusal_settle(
                rec, WR_REFUSED, f->kind->text,
                &(struct wr_refusal){"The message is over its limit of memory", "LimitExceeded"});
            return;
        }
        memset(item, 0, f->kind->item_size);
        item->batch.entries = 1;
        rec->sink_data = item;
    }
    wr_str order = rec->topic;
    struct wr_refusal refusal = f->kind->prepare(f, rec, &order);
    if (refusal.message) {
        rec->sink_data = NULL;
        wr_refusal_settle(rec, WR_REFUSED, f->kind->text, &refusal);
        return;
    }
    // Who asks is part of where it goes: another role has other credentials.
    wr_buf_clear(&f->key_);
    wr_buf_add(&f->key_, resource_of(f, rec));
    wr_buf_add_char(&f->key_, '\0');
    wr_buf_add(&f->key_, rec->params[f->kind->role_option].text);
    uint32_t lane = f->lanes_ > 1 ? (uint32_t)(wr_hash_str(order) % f->lanes_) : 0;
    wr_batch_add(f->batch_, wr_buf_str(&f->key_), lane, rec);
}

// ---- open and close

wr_err wr_aws_batch_open(struct wr_sink *self, const struct wr_aws_batch_kind *kind,
                         const struct wr_settings *settings, void *own, struct wr_fault *fault)
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
    unsigned calls = (unsigned)wr_settings_int(settings, "calls");
    bool ordered = wr_option_find(self->impl->settings, WR_STR("order")) < 0 ||
                   wr_str_eq(wr_str_of(wr_settings_get(settings, "order")), WR_STR("topic"));
    struct wr_aws_batch *f = wr_zalloc(sizeof *f);
    *f = (struct wr_aws_batch){.sink = self, .kind = kind, .aws = aws, .own = own};
    f->lanes_ = ordered ? calls : 1;
    f->entries = wr_zalloc(kind->count_max * sizeof f->entries[0]);
    wr_arena_init(&f->arena, ARENA_MAX);
    if (kind->failed_count) {
        const wr_str name = wr_str_of(kind->failed_count);
        uint32_t slot;
        f->paths_ = wr_paths_new(&(struct wr_path){&name, 1}, 1, &slot);
    }
    f->batch_ = wr_batch_new(&(struct wr_batch_options){
        .loop = self->host->loop,
        .count_max = wr_settings_bool(settings, "batch") ? kind->count_max : 1,
        .bytes_max = kind->bytes_max,
        .age_ms = ordered ? 0 : AGE_MS,
        .in_flight_max = ordered ? 1 : calls,
        .send = send_call,
        .cancel = cancel,
        .abandon = abandon,
        .forget = forget,
        .user = f,
    });
    self->state = f;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct wr_aws_batch *f = user;
    struct wr_sink *sink = f->sink;
    void (*done)(struct wr_sink *) = f->done_;
    if (f->kind->free_own) {
        f->kind->free_own(f->own);
    }
    wr_paths_free(f->paths_);
    wr_arena_release(&f->arena);
    wr_buf_release(&f->scratch);
    wr_buf_release(&f->key_);
    wr_buf_release(&f->text_);
    free(f->entries);
    free(f);
    sink->state = NULL;
    done(sink);
}

void wr_aws_batch_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct wr_aws_batch *f = self->state;
    f->done_ = done;
    wr_batch_close(f->batch_, on_closed, f);
}

// ---- reading

wr_value wr_aws_batch_json(struct wr_aws_batch *f, const struct wr_aws_answer *answer)
{
    wr_value v;
    if (wr_json_parse(answer->body, &f->arena, WR_SQL_2016, &v, NULL) != WR_OK) {
        return wr_undefined();
    }
    return v;
}

wr_str wr_aws_batch_text(const wr_value *object, const char *name)
{
    const wr_value *v = object->type == WR_OBJECT ? wr_object_get(object, wr_str_of(name)) : NULL;
    // What services say of failures is plain; a text that is escaped is shown as it is spelt.
    return v && v->type == WR_STRING ? wr_value_text(v) : (wr_str){0};
}

void wr_aws_batch_all(struct wr_aws_batch *f, const struct wr_batch_call *batch)
{
    for (size_t i = 0; i < batch->entries; i++) {
        f->entries[i] = (struct wr_aws_entry){.known = true, .class = WR_AWS_OK};
    }
}

void wr_aws_batch_failed(struct wr_aws_batch *f, size_t index, wr_str code, wr_str message,
                         enum wr_aws_class fallback)
{
    f->entries[index] = (struct wr_aws_entry){
        .known = true,
        .class = wr_aws_class_of(f->kind->service, code, fallback),
        .code = code,
        .message = message.len ? message : code,
    };
}

void wr_aws_batch_read_one(struct wr_aws_batch *f, const struct wr_aws_answer *answer,
                           const char *member)
{
    wr_value v = wr_aws_batch_json(f, answer);
    if (wr_aws_batch_text(&v, member).len > 0) {
        f->entries[0] = (struct wr_aws_entry){.known = true, .class = WR_AWS_OK};
    }
}

// Whether the answer is sure to say that nothing has failed, without a look at its list.
static bool none_failed(struct wr_aws_batch *f, const struct wr_aws_answer *answer)
{
    wr_value failed[1];
    wr_assert(wr_paths_count(f->paths_) == 1);
    if (wr_json_read(f->paths_, answer->body, failed, NULL) != WR_JSON_VALID) {
        return false;
    }
    wr_value_force(&failed[0], &f->arena, WR_SQL_2016);
    return failed[0].type == WR_NUMBER && !(failed[0].flags & WR_V_BIG) && failed[0].as.coef == 0;
}

void wr_aws_batch_read_records(struct wr_aws_batch *f, const struct wr_batch_call *batch,
                               const struct wr_aws_answer *answer, const char *list)
{
    if (none_failed(f, answer)) {
        wr_aws_batch_all(f, batch);
        return;
    }
    wr_value v = wr_aws_batch_json(f, answer);
    const wr_value *found = v.type == WR_OBJECT ? wr_object_get(&v, wr_str_of(list)) : NULL;
    if (!found || found->type != WR_ARRAY || found->len != batch->entries) {
        return; // nothing is known of any
    }
    for (uint32_t i = 0; i < found->len; i++) {
        const wr_value *entry = &found->as.items[i];
        wr_str code = wr_aws_batch_text(entry, "ErrorCode");
        if (code.len > 0) {
            wr_aws_batch_failed(f, i, code, wr_aws_batch_text(entry, "ErrorMessage"), WR_AWS_RETRY);
        } else if (entry->type == WR_OBJECT) {
            f->entries[i] = (struct wr_aws_entry){.known = true, .class = WR_AWS_OK};
        }
    }
}

size_t wr_aws_batch_index(wr_str id, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < id.len; i++) {
        if (id.at[i] < '0' || id.at[i] > '9' || n >= count) {
            return SIZE_MAX;
        }
        n = n * 10 + (size_t)(id.at[i] - '0');
    }
    return id.len > 0 && n < count ? n : SIZE_MAX;
}
