// The AWS form of kinesis: PutRecords, or PutRecord for one record (actions.md 4.9). Records of one
// partition key go out one after the other.
#include "sinks/kinesis/kinesis.h"
#include "sinks/lib/aws_batch.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    WR_AWS_BATCH_CALLS("4"),
    WR_AWS_BATCH_BATCH,
    {0},
};

struct item {
    struct wr_aws_item aws; // first
    wr_str key;
};

static struct wr_refusal prepare(struct wr_aws_batch *f, struct wr_record *rec, wr_str *order)
{
    struct item *item = rec->sink_data;
    struct wr_refusal refusal = wr_kinesis_key(rec, &item->key);
    item->aws.batch.bytes = rec->body.len + item->key.len;
    *order = item->key;
    return refusal;
}

static void add_entry(struct wr_buf *b, const struct wr_record *rec)
{
    const struct item *item = rec->sink_data;
    wr_buf_add(b, WR_STR("\"Data\":\""));
    wr_buf_add_base64(b, rec->body);
    wr_buf_add(b, WR_STR("\",\"PartitionKey\":"));
    wr_json_write_string(b, item->key);
}

static void write_call(struct wr_aws_batch *f, struct wr_batch_call *batch,
                       struct wr_aws_call *call)
{
    struct wr_buf *b = &batch->body;
    wr_buf_add(b, WR_STR("{\"StreamName\":"));
    wr_json_write_string(b, batch->records->params[WR_KINESIS_STREAM].text);
    call->content_type = WR_STR("application/x-amz-json-1.1");
    if (batch->entries == 1) {
        call->target = WR_STR("Kinesis_20131202.PutRecord");
        wr_buf_add_char(b, ',');
        add_entry(b, batch->records);
        wr_buf_add_char(b, '}');
        return;
    }
    call->target = WR_STR("Kinesis_20131202.PutRecords");
    wr_buf_add(b, WR_STR(",\"Records\":["));
    for (const struct wr_record *rec = batch->records; rec; rec = rec->sink_next) {
        wr_buf_add(b, rec == batch->records ? WR_STR("{") : WR_STR(",{"));
        add_entry(b, rec);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add(b, WR_STR("]}"));
}

static void read_answer(struct wr_aws_batch *f, const struct wr_batch_call *batch,
                        const struct wr_aws_answer *answer)
{
    if (batch->entries == 1) {
        wr_aws_batch_read_one(f, answer, "SequenceNumber");
        return;
    }
    wr_aws_batch_read_records(f, batch, answer, "Records");
}

static const struct wr_aws_batch_kind kind = {
    .service = WR_AWS_KINESIS,
    .text = &wr_kinesis_texts,
    .role_option = WR_KINESIS_ROLE,
    .count_max = 500,
    .bytes_max = 5 << 20,
    .item_size = sizeof(struct item),
    .prepare = prepare,
    .write = write_call,
    .read = read_answer,
    .failed_count = "FailedRecordCount",
};

static wr_err open_kinesis(struct wr_sink *self, const struct wr_settings *settings,
                           struct wr_fault *fault)
{
    return wr_aws_batch_open(self, &kind, settings, NULL, fault);
}

const struct wr_sink_impl wr_sink_kinesis_aws = {
    WR_KINESIS_ACTION,
    .form = "PutRecords for what waits, PutRecord for one; records of one key keep their order.",
    .settings = settings_table,
    .open = open_kinesis,
    .submit = wr_aws_batch_submit,
    .close = wr_aws_batch_close,
};
