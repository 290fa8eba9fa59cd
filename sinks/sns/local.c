// The local form of sns: a file of lines for each topic, in local/sns of the state folder
// (lib/append.h), and copies to the local queues that weir.yaml subscribes. Knows no AWS.
//
//   sns/{topic}.ndjson
//   {"time":"2026-01-02T03:04:05.678Z","topicArn":"…","message":"…"}
//   with messageFormat JSON "message" is the default text, and "protocols" holds the whole result
//
// A record is delivered when its line and its copies are on the disk; what fails in between is done
// again as a whole.
#include "sinks/sns/sns.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/append.h"
#include "sinks/lib/aws_service.h"
#include "sinks/lib/local_sqs.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define SUBSCRIPTIONS_MAX 64

static const struct wr_option settings_table[] = {
    {"subscriptions.*.topic", WR_OPT_STRING, WR_OPT_REQUIRED,
     .help = "Name of a topic whose local publications are copied."},
    {"subscriptions.*.queue", WR_OPT_STRING, WR_OPT_REQUIRED,
     .help = "Name of the local queue that gets them ('weir local cat sqs NAME')."},
    {"subscriptions.*.raw", WR_OPT_BOOL, 0, "false",
     .help = "Raw message delivery: the message alone, without SNS's envelope."},
    {"file_max", WR_OPT_INT, 0, "67108864", .min = 1, .max = 1LL << 40, .unit = "bytes",
     .help = "A local topic's file this large is put aside."},
    {"keep", WR_OPT_INT, 0, "4", .min = 0, .max = WR_APPEND_KEEP_MAX,
     .help = "How many files put aside are kept of a local topic; older ones are removed."},
    {"retention", WR_OPT_INT, 0, "345600000", .min = 60000, .max = 14LL * 86400000, .unit = "ms",
     .help = "Copies this old are removed from the local queues."},
    {0},
};

struct subscription {
    wr_str topic, queue; // lent by the settings
    bool raw;
};

struct sns {
    struct wr_sink *sink;
    struct wr_append *files;
    struct wr_local_sqs *queues; // NULL: nothing is subscribed
    struct subscription subscriptions[SUBSCRIPTIONS_MAX];
    size_t subscription_count;
    void (*done)(struct wr_sink *self);
};

// A record and what it becomes, in its arena.
struct publication {
    struct wr_append_line line;
    struct wr_record *rec;
    size_t copy_count, outstanding;
    const char *trouble;
    struct wr_local_sqs_message copies[];
};

static void fail(struct wr_record *rec, enum wr_verdict verdict, const char *message,
                 const char *code)
{
    wr_refusal_settle(rec, verdict, &wr_sns_texts, &(struct wr_refusal){message, code});
}

static void on_copied(void *user, struct wr_local_sqs_message *messages)
{
    while (messages) {
        struct publication *p = messages->user;
        p->trouble = messages->trouble ? messages->trouble : p->trouble;
        messages = (struct wr_local_sqs_message *)messages->item.next; // may die with its record
        if (--p->outstanding == 0) {
            if (p->trouble) {
                fail(p->rec, WR_RETRY, p->trouble, "InternalError");
            } else {
                wr_record_settle(p->rec, WR_DELIVERED, NULL);
            }
        }
    }
}

static void on_written(void *user, struct wr_append_line *lines)
{
    struct sns *s = user;
    while (lines) {
        struct publication *p = lines->user;
        int error = lines->error;
        lines = lines->next; // dies with its record
        if (error) {
            fail(p->rec, error == ENAMETOOLONG ? WR_REFUSED : WR_RETRY, uv_strerror(-error),
                 "InternalError");
            continue;
        }
        size_t count = p->copy_count;
        if (count == 0) {
            wr_record_settle(p->rec, WR_DELIVERED, NULL);
        }
        p->outstanding = count;
        for (size_t i = 0; i < count; i++) {
            wr_local_sqs_send(s->queues, &p->copies[i]);
        }
    }
}

// ---- texts

static void add_time(struct wr_buf *b, int64_t wall_ms)
{
    int64_t days = wall_ms / 86400000, of_day = wall_ms % 86400000, year;
    unsigned month, day;
    char text[48];
    wr_date_from_days(days, &year, &month, &day);
    snprintf(text, sizeof text, "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)year, month,
             day, (unsigned)(of_day / 3600000), (unsigned)(of_day / 60000 % 60),
             (unsigned)(of_day / 1000 % 60), (unsigned)(of_day % 1000));
    wr_buf_add(b, wr_str_of(text));
}

static void write_line(struct wr_buf *b, const struct wr_record *rec, wr_str text)
{
    wr_buf_add(b, WR_STR("{\"time\":\""));
    add_time(b, wr_wall_ms());
    wr_buf_add(b, WR_STR("\",\"topicArn\":"));
    wr_json_write_string(b, rec->params[WR_SNS_TARGET].text);
    wr_buf_add(b, WR_STR(",\"message\":"));
    wr_json_write_string(b, text);
    if (wr_sns_is_json(rec)) {
        wr_buf_add(b, WR_STR(",\"protocols\":"));
        wr_buf_add(b, rec->body);
    }
    wr_buf_add(b, WR_STR("}\n"));
}

// As SNS delivers to SQS, without a signature.
static void write_envelope(struct wr_buf *b, const struct wr_record *rec, wr_str text)
{
    wr_buf_add(b, WR_STR("{\"Type\":\"Notification\",\"MessageId\":"));
    wr_json_write_string(b, rec->trace_id);
    wr_buf_add(b, WR_STR(",\"TopicArn\":"));
    wr_json_write_string(b, rec->params[WR_SNS_TARGET].text);
    wr_buf_add(b, WR_STR(",\"Message\":"));
    wr_json_write_string(b, text);
    wr_buf_add(b, WR_STR(",\"Timestamp\":\""));
    add_time(b, wr_wall_ms());
    wr_buf_add(b, WR_STR("\"}"));
}

// What a queue gets: the text of its protocol, or the default.
static wr_str text_for_queue(const struct wr_record *rec, wr_str text)
{
    if (wr_sns_is_json(rec)) {
        wr_value v = *rec->result;
        wr_value_force(&v, rec->arena, rec->dialect);
        const wr_value *found = v.type == WR_OBJECT ? wr_object_get(&v, WR_STR("sqs")) : NULL;
        wr_value own = found ? *found : wr_undefined();
        wr_value_force(&own, rec->arena, rec->dialect);
        return own.type == WR_STRING ? wr_value_text(&own) : text;
    }
    return text;
}

// ---- a record

static size_t count_copies(const struct sns *s, wr_str topic)
{
    size_t count = 0;
    for (size_t i = 0; i < s->subscription_count; i++) {
        count += wr_str_eq(s->subscriptions[i].topic, topic);
    }
    return count;
}

// False: the message's memory is full.
static bool add_copies(const struct sns *s, struct publication *p, wr_str topic, wr_str text)
{
    wr_str own = text_for_queue(p->rec, text);
    for (size_t i = 0; i < s->subscription_count; i++) {
        const struct subscription *sub = &s->subscriptions[i];
        if (!wr_str_eq(sub->topic, topic)) {
            continue;
        }
        struct wr_buf b;
        wr_buf_init_arena(&b, p->rec->arena);
        if (!sub->raw) {
            write_envelope(&b, p->rec, own);
        }
        if (b.over) {
            return false;
        }
        p->copies[p->copy_count++] = (struct wr_local_sqs_message){
            .queue = sub->queue,
            .url = sub->queue,
            .body = sub->raw ? own : wr_buf_str(&b),
            .user = p,
        };
    }
    return true;
}

static void sns_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct sns *s = self->state;
    wr_str text = {0};
    struct wr_aws_arn arn;
    struct wr_refusal refusal = wr_sns_message(rec, &text);
    if (refusal.message || !wr_aws_arn_read(rec->params[WR_SNS_TARGET].text, &arn)) {
        wr_refusal_settle(rec, WR_REFUSED, &wr_sns_texts, &refusal);
        return;
    }
    size_t copies = count_copies(s, arn.resource);
    struct publication *p = wr_arena_alloc(rec->arena, sizeof *p + copies * sizeof p->copies[0]);
    struct wr_buf line;
    wr_buf_init_arena(&line, rec->arena);
    write_line(&line, rec, text);
    if (p) {
        *p = (struct publication){
            .line = {.names = {arn.resource}, .text = wr_buf_str(&line), .user = p},
            .rec = rec,
        };
    }
    if (!p || line.over || !add_copies(s, p, arn.resource, text)) {
        fail(rec, WR_REFUSED, "The message is over its limit of memory", "LimitExceeded");
        return;
    }
    wr_append_add(s->files, &p->line);
}

// ---- open and close

static wr_err read_subscriptions(struct sns *s, const struct wr_settings *settings,
                                 struct wr_fault *fault)
{
    s->subscription_count = wr_settings_count(settings, "subscriptions");
    if (s->subscription_count > SUBSCRIPTIONS_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "subscriptions: found %zu, at most %d",
                            s->subscription_count, SUBSCRIPTIONS_MAX);
    }
    for (size_t i = 0; i < s->subscription_count; i++) {
        struct subscription *sub = &s->subscriptions[i];
        char name[512], url[512];
        const char *trouble;
        const char *own = wr_settings_name(settings, "subscriptions", i);
        snprintf(name, sizeof name, "subscriptions.%s.topic", own);
        sub->topic = wr_str_of(wr_settings_get(settings, name));
        snprintf(name, sizeof name, "subscriptions.%s.raw", own);
        sub->raw = wr_settings_bool(settings, name);
        snprintf(name, sizeof name, "subscriptions.%s.queue", own);
        sub->queue = wr_str_of(wr_settings_get(settings, name));
        wr_str ignored;
        snprintf(url, sizeof url, "http://local/%.*s", WR_STR_ARG(sub->queue));
        if (!wr_local_sqs_name(wr_str_of(url), &ignored, &trouble) ||
            !wr_str_eq(ignored, sub->queue)) {
            return wr_fault_set(fault, WR_ERR_RANGE, "%s: \"%.*s\": %s", name,
                                WR_STR_ARG(sub->queue), trouble);
        }
    }
    return WR_OK;
}

static wr_err open_queues(struct sns *s, const struct wr_settings *settings, struct wr_fault *fault)
{
    const struct wr_local_sqs_options options = {
        .loop = s->sink->host->loop,
        .state_dir = s->sink->host->state_dir,
        .retention_ms = wr_settings_int(settings, "retention"),
        .done = on_copied,
        .user = s,
    };
    return s->subscription_count > 0 ? wr_local_sqs_open(&options, &s->queues, fault) : WR_OK;
}

static void on_nothing(void *user)
{
    free(user);
}

static wr_err sns_open(struct wr_sink *self, const struct wr_settings *settings,
                       struct wr_fault *fault)
{
    char folder[PATH_MAX];
    int len = snprintf(folder, sizeof folder, "%s/local/sns", self->host->state_dir);
    if (len < 0 || (size_t)len + WR_APPEND_PATH_MAX >= sizeof folder) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: too long");
    }
    struct sns *s = wr_zalloc(sizeof *s);
    s->sink = self;
    wr_err err = read_subscriptions(s, settings, fault);
    err = err ? err : open_queues(s, settings, fault);
    if (!err) {
        err = wr_append_open(
            self->host->loop,
            &(struct wr_append_options){.folder = folder,
                                        .size_max = wr_settings_int(settings, "file_max"),
                                        .keep = (unsigned)wr_settings_int(settings, "keep"),
                                        .sync = true,
                                        .done = on_written,
                                        .user = s},
            &s->files, fault);
    }
    if (err && s->queues) {
        wr_local_sqs_close(s->queues, on_nothing, s);
        return err;
    }
    if (err) {
        free(s);
        return err;
    }
    self->state = s;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct sns *s = user;
    struct wr_sink *sink = s->sink;
    void (*done)(struct wr_sink *) = s->done;
    free(s);
    sink->state = NULL;
    done(sink);
}

// The lines are written and what follows from them has been sent to the queues.
static void on_files_closed(void *user)
{
    struct sns *s = user;
    if (s->queues) {
        wr_local_sqs_close(s->queues, on_closed, s);
    } else {
        on_closed(s);
    }
}

static void sns_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct sns *s = self->state;
    s->done = done;
    wr_append_close(s->files, on_files_closed, s);
}

const struct wr_sink_impl wr_sink_sns = {
    WR_SNS_ACTION,
    .form = "A line of local/sns/TOPIC.ndjson for each publication, and copies to local queues.",
    .settings = settings_table,
    .open = sns_open,
    .submit = sns_submit,
    .close = sns_close,
};
