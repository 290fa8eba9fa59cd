// The AWS form of firehose: PutRecordBatch, or PutRecord for one record (actions.md 4.10).
#include "sinks/firehose/firehose.h"
#include "sinks/lib/aws_batch.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    WR_AWS_BATCH_CALLS("4"),
    WR_AWS_BATCH_BATCH,
    WR_AWS_BATCH_ORDER,
    {0},
};

struct item {
    struct wr_aws_item aws; // first
    struct wr_firehose_texts texts;
    wr_str *left; // of an array: those that have not been taken yet; in the record's arena
};

static struct wr_refusal prepare(struct wr_aws_batch *f, struct wr_record *rec, wr_str *order)
{
    struct item *item = rec->sink_data;
    struct wr_refusal refusal = {0};
    if (!item->left) {
        refusal = wr_firehose_read(rec, &item->texts);
        item->aws.batch.bytes = item->texts.bytes;
        item->aws.batch.entries = (uint32_t)item->texts.count;
    }
    return refusal;
}

static void add_entry(struct wr_aws_batch *f, struct wr_buf *b, wr_str text, wr_str separator)
{
    wr_buf_add(b, WR_STR("{\"Data\":\""));
    if (separator.len > 0) {
        wr_buf_clear(&f->scratch);
        wr_buf_add(&f->scratch, text);
        wr_buf_add(&f->scratch, separator);
        text = wr_buf_str(&f->scratch);
    }
    wr_buf_add_base64(b, text);
    wr_buf_add(b, WR_STR("\"}"));
}

static void write_call(struct wr_aws_batch *f, struct wr_batch_call *batch,
                       struct wr_aws_call *call)
{
    struct wr_buf *b = &batch->body;
    bool one = batch->entries == 1, first = true;
    wr_buf_add(b, WR_STR("{\"DeliveryStreamName\":"));
    wr_json_write_string(b, batch->records->params[WR_FIREHOSE_STREAM].text);
    call->content_type = WR_STR("application/x-amz-json-1.1");
    call->target =
        one ? WR_STR("Firehose_20150804.PutRecord") : WR_STR("Firehose_20150804.PutRecordBatch");
    wr_buf_add(b, one ? WR_STR(",\"Record\":") : WR_STR(",\"Records\":["));
    for (const struct wr_record *rec = batch->records; rec; rec = rec->sink_next) {
        const struct item *item = rec->sink_data;
        const wr_str *texts = item->left ? item->left : item->texts.texts;
        for (uint32_t i = 0; i < item->aws.batch.entries; i++) {
            if (!first) {
                wr_buf_add_char(b, ',');
            }
            first = false;
            add_entry(f, b, texts[i], item->texts.separator);
        }
    }
    wr_buf_add(b, one ? WR_STR("}") : WR_STR("]}"));
}

static void read_answer(struct wr_aws_batch *f, const struct wr_batch_call *batch,
                        const struct wr_aws_answer *answer)
{
    if (batch->entries == 1) {
        wr_aws_batch_read_one(f, answer, "RecordId");
        return;
    }
    wr_aws_batch_read_records(f, batch, answer, "RequestResponses");
}

// Only the elements that were not taken go again.
static void keep(struct wr_aws_batch *f, struct wr_record *rec)
{
    struct item *item = rec->sink_data;
    uint32_t count = item->aws.batch.entries, left = 0;
    if (count == 1) {
        return;
    }
    if (!item->left) {
        item->left = wr_arena_alloc(rec->arena, count * sizeof *item->left);
        if (!item->left) {
            return; // then all go again
        }
        memcpy(item->left, item->texts.texts, count * sizeof *item->left);
    }
    item->aws.batch.bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct wr_aws_entry *e = &f->entries[item->aws.first + i];
        if (!e->known || e->class != WR_AWS_OK) {
            item->left[left++] = item->left[i];
            item->aws.batch.bytes += item->left[i].len + item->texts.separator.len;
        }
    }
    item->aws.batch.entries = left;
}

static const struct wr_aws_batch_kind kind = {
    .service = WR_AWS_FIREHOSE,
    .text = &wr_firehose_texts,
    .role_option = WR_FIREHOSE_ROLE,
    .count_max = WR_FIREHOSE_ELEMENTS_MAX,
    .bytes_max = WR_FIREHOSE_CALL_MAX,
    .item_size = sizeof(struct item),
    .prepare = prepare,
    .write = write_call,
    .read = read_answer,
    .keep = keep,
    .failed_count = "FailedPutCount",
};

static wr_err open_firehose(struct wr_sink *self, const struct wr_settings *settings,
                            struct wr_fault *fault)
{
    return wr_aws_batch_open(self, &kind, settings, NULL, fault);
}

const struct wr_sink_impl wr_sink_firehose_aws = {
    WR_FIREHOSE_ACTION,
    .form = "PutRecordBatch for what waits, PutRecord for one record.",
    .settings = settings_table,
    .open = open_firehose,
    .submit = wr_aws_batch_submit,
    .close = wr_aws_batch_close,
};
