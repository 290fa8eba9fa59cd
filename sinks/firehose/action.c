// firehose: members, checks, one text or many.
#include "sinks/firehose/firehose.h"

#include "sinks/shapes/shapes.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

const struct wr_option wr_firehose_options[] = {
    [WR_FIREHOSE_ROLE] = WR_SHAPE_ROLE,
    [WR_FIREHOSE_STREAM] = {"deliveryStreamName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                            .help = "Delivery stream to put the record into."},
    [WR_FIREHOSE_SEPARATOR] = {"separator", WR_OPT_STRING, 0,
                               .help = "What follows each record: a line feed, a tab, carriage "
                                       "return and line feed, or a comma."},
    [WR_FIREHOSE_BATCH] = {"batchMode", WR_OPT_BOOL, 0, "false",
                           .help = "A result that is an array becomes a record an element."},
    {0},
};

const struct wr_refusal_text wr_firehose_texts = {"Failed to put Firehose record",
                                                  "AmazonKinesisFirehose"};

wr_err wr_firehose_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault)
{
    wr_str s = params[WR_FIREHOSE_SEPARATOR].text;
    if (params[WR_FIREHOSE_SEPARATOR].set && !wr_str_eq(s, WR_STR("\n")) &&
        !wr_str_eq(s, WR_STR("\t")) && !wr_str_eq(s, WR_STR("\r\n")) &&
        !wr_str_eq(s, WR_STR(","))) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "separator: expected one of \"\\n\", \"\\t\", \"\\r\\n\" and \",\"");
    }
    return constant[WR_FIREHOSE_STREAM]
               ? wr_shape_check_stream("deliveryStreamName", params[WR_FIREHOSE_STREAM].text,
                                       WR_FIREHOSE_NAME_MAX, fault)
               : WR_OK;
}

static const struct wr_refusal no_memory = {"The message is over its limit of memory",
                                            "LimitExceeded"};

// A text for each element.
static struct wr_refusal read_elements(const struct wr_record *rec, const wr_value *array,
                                       struct wr_firehose_texts *out)
{
    if (array->len > WR_FIREHOSE_ELEMENTS_MAX) {
        return (struct wr_refusal){"1 validation error detected: Value at 'records' failed to "
                                   "satisfy constraint: Member must have length less than or equal "
                                   "to 500",
                                   "ValidationException"};
    }
    wr_str *texts = wr_arena_alloc(rec->arena, (array->len + 1) * sizeof *texts);
    if (!texts) {
        return no_memory;
    }
    for (uint32_t i = 0; i < array->len; i++) {
        struct wr_buf b;
        wr_buf_init_arena(&b, rec->arena);
        wr_json_write(&b, &array->as.items[i], rec->arena, rec->dialect);
        if (b.over) {
            return no_memory;
        }
        if (b.len > 0) { // an Undefined element is none
            texts[out->count++] = wr_buf_str(&b);
        }
    }
    out->texts = texts;
    if (out->count == 0) {
        return (struct wr_refusal){"1 validation error detected: Value at 'records' failed to "
                                   "satisfy constraint: Member must have length greater than or "
                                   "equal to 1",
                                   "ValidationException"};
    }
    return (struct wr_refusal){0};
}

static struct wr_refusal read_one(const struct wr_record *rec, struct wr_firehose_texts *out)
{
    out->texts = &rec->body;
    out->count = 1;
    return (struct wr_refusal){0};
}

struct wr_refusal wr_firehose_read(const struct wr_record *rec, struct wr_firehose_texts *out)
{
    const struct wr_param *separator = &rec->params[WR_FIREHOSE_SEPARATOR];
    *out = (struct wr_firehose_texts){.separator = separator->set ? separator->text : WR_STR("")};
    if (!wr_shape_is_stream(rec->params[WR_FIREHOSE_STREAM].text, WR_FIREHOSE_NAME_MAX)) {
        return (struct wr_refusal){"1 validation error detected: Value at 'deliveryStreamName' "
                                   "failed to satisfy constraint: Member must satisfy regular "
                                   "expression pattern: [a-zA-Z0-9_.-]+, with 1 to 64 characters",
                                   "ValidationException"};
    }
    struct wr_refusal refusal;
    if (wr_str_eq(rec->params[WR_FIREHOSE_BATCH].text, WR_STR("true")) &&
        rec->result->type == WR_ARRAY) {
        wr_value array = *rec->result;
        wr_value_force(&array, rec->arena, rec->dialect);
        refusal = array.type == WR_ARRAY ? read_elements(rec, &array, out) : no_memory;
    } else {
        refusal = read_one(rec, out);
    }
    for (size_t i = 0; i < out->count && !refusal.message; i++) {
        size_t bytes = out->texts[i].len + out->separator.len;
        out->bytes += bytes;
        if (bytes > WR_FIREHOSE_RECORD_MAX) {
            refusal = (struct wr_refusal){"1 validation error detected: Value at 'record.data' "
                                          "failed to satisfy constraint: Member must have length "
                                          "less than or equal to 1024000",
                                          "ValidationException"};
        }
    }
    if (!refusal.message && out->bytes > WR_FIREHOSE_CALL_MAX) {
        refusal =
            (struct wr_refusal){"Records size exceeds 4 MB limit", "InvalidArgumentException"};
    }
    return refusal;
}
