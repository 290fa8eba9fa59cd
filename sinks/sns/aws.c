// The AWS form of sns: PublishBatch, or Publish for one record and for what is no topic
// (actions.md 4.8).
#include "sinks/lib/aws_batch.h"
#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/aws_xml.h"
#include "sinks/sns/sns.h"

#include "sql/base/banned.h"

#define ENTRIES_MAX 10

static const struct wr_option settings_table[] = {
    WR_AWS_BATCH_CALLS("4"),
    WR_AWS_BATCH_BATCH,
    WR_AWS_BATCH_ORDER,
    {0},
};

struct item {
    struct wr_aws_item aws; // first
    wr_str region;
    bool topic; // else an endpoint of a platform, which takes no batches
};

static struct wr_refusal prepare(struct wr_aws_batch *f, struct wr_record *rec, wr_str *order)
{
    struct item *item = rec->sink_data;
    wr_str text;
    struct wr_aws_arn arn;
    struct wr_refusal refusal = wr_sns_message(rec, &text);
    if (!refusal.message && wr_aws_arn_read(rec->params[WR_SNS_TARGET].text, &arn)) {
        item->region = arn.region;
        item->topic = wr_str_find(arn.resource, WR_STR("/")) < 0;
        item->aws.batch.bytes = rec->body.len;
        // As large as a call may be: it goes alone.
        item->aws.batch.bytes += item->topic ? 0 : WR_SNS_MESSAGE_MAX;
    }
    return refusal;
}

static void add_field(struct wr_buf *b, uint32_t member, const char *name, wr_str value)
{
    if (member > 0) {
        wr_buf_add(b, WR_STR("&PublishBatchRequestEntries.member."));
        wr_buf_add_u64(b, member);
        wr_buf_add_char(b, '.');
    } else {
        wr_buf_add_char(b, '&');
    }
    wr_buf_add(b, wr_str_of(name));
    wr_buf_add_char(b, '=');
    wr_aws_encode(b, value, false);
}

static void write_call(struct wr_aws_batch *f, struct wr_batch_call *batch,
                       struct wr_aws_call *call)
{
    struct wr_buf *b = &batch->body;
    const struct item *first = batch->records->sink_data;
    wr_str target = batch->records->params[WR_SNS_TARGET].text;
    bool one = batch->entries == 1;
    call->region = first->region;
    call->content_type = WR_STR("application/x-www-form-urlencoded; charset=utf-8");
    wr_buf_add(b, one ? WR_STR("Action=Publish&Version=2010-03-31")
                      : WR_STR("Action=PublishBatch&Version=2010-03-31"));
    add_field(b, 0, one ? "TargetArn" : "TopicArn", target);
    for (const struct wr_record *rec = batch->records; rec; rec = rec->sink_next) {
        const struct item *item = rec->sink_data;
        uint32_t member = one ? 0 : item->aws.first + 1;
        if (!one) {
            char id[2] = {(char)('0' + item->aws.first), 0};
            add_field(b, member, "Id", wr_str_of(id));
        }
        add_field(b, member, "Message", rec->body);
        if (wr_sns_is_json(rec)) {
            add_field(b, member, "MessageStructure", WR_STR("json"));
        }
    }
}

// ---- <Successful><member><Id>0</Id>…</member></Successful><Failed><member><Id>…<Code>…

struct reading {
    struct wr_aws_batch *f;
    size_t count;
    bool failed; // inside of <Failed>
    wr_str id, code, message, sender;
};

static void on_start(void *user, wr_str name)
{
    struct reading *r = user;
    if (wr_str_eq(name, WR_STR("Failed"))) {
        r->failed = true;
    } else if (wr_str_eq(name, WR_STR("member"))) {
        r->id = r->code = r->message = r->sender = (wr_str){0};
    }
}

static void on_end(void *user, wr_str name, wr_str text)
{
    struct reading *r = user;
    if (wr_str_eq(name, WR_STR("Failed"))) {
        r->failed = false;
    } else if (wr_str_eq(name, WR_STR("Id"))) {
        r->id = text;
    } else if (wr_str_eq(name, WR_STR("Code"))) {
        r->code = text;
    } else if (wr_str_eq(name, WR_STR("Message"))) {
        r->message = text;
    } else if (wr_str_eq(name, WR_STR("SenderFault"))) {
        r->sender = text;
    } else if (wr_str_eq(name, WR_STR("member"))) {
        size_t at = wr_aws_batch_index(r->id, r->count);
        if (at != SIZE_MAX && r->failed) {
            wr_aws_batch_failed(r->f, at, r->code, r->message,
                                wr_str_eq(r->sender, WR_STR("true")) ? WR_AWS_PERMANENT
                                                                     : WR_AWS_RETRY);
        } else if (at != SIZE_MAX) {
            r->f->entries[at] = (struct wr_aws_entry){.known = true, .class = WR_AWS_OK};
        }
    }
}

static void read_answer(struct wr_aws_batch *f, const struct wr_batch_call *batch,
                        const struct wr_aws_answer *answer)
{
    if (batch->entries == 1) {
        struct wr_aws_xml_field id = {.name = WR_STR("MessageId")};
        if (wr_aws_xml_read(answer->body, &id, 1, &f->arena) && id.text.len > 0) {
            wr_aws_batch_all(f, batch);
        }
        return;
    }
    struct reading r = {.f = f, .count = batch->entries};
    if (!wr_aws_xml_walk(answer->body, on_start, on_end, &r, &f->arena)) {
        memset(f->entries, 0, batch->entries * sizeof f->entries[0]); // nothing is known of any
    }
}

static const char *const divided[] = {"BatchRequestTooLong", "InvalidParameter",
                                      "InvalidParameterValue", NULL};

static const struct wr_aws_batch_kind kind = {
    .service = WR_AWS_SNS,
    .text = &wr_sns_texts,
    .role_option = WR_SNS_ROLE,
    .count_max = ENTRIES_MAX,
    .bytes_max = WR_SNS_MESSAGE_MAX,
    .item_size = sizeof(struct item),
    .prepare = prepare,
    .write = write_call,
    .read = read_answer,
    .divided = divided,
};

static wr_err open_sns(struct wr_sink *self, const struct wr_settings *settings,
                       struct wr_fault *fault)
{
    return wr_aws_batch_open(self, &kind, settings, NULL, fault);
}

const struct wr_sink_impl wr_sink_sns_aws = {
    WR_SNS_ACTION,
    .form = "PublishBatch for what waits, Publish for one record.",
    .settings = settings_table,
    .open = open_sns,
    .submit = wr_aws_batch_submit,
    .close = wr_aws_batch_close,
};
