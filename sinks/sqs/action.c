// sqs: members, checks, the text of a message.
#include "sinks/sqs/sqs.h"

#include "sinks/shapes/shapes.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

const struct wr_option wr_sqs_options[] = {
    [WR_SQS_ROLE] = WR_SHAPE_ROLE,
    [WR_SQS_URL] = {"queueUrl", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .unit = "URL",
                    .help = "URL of a standard queue."},
    [WR_SQS_BASE64] = {"useBase64", WR_OPT_BOOL, 0, "false",
                       .help = "Send the result as base64, for bytes that are no text."},
    {0},
};

const struct wr_refusal_text wr_sqs_texts = {"Failed to send SQS message", "AmazonSQS"};

wr_err wr_sqs_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_str url = params[WR_SQS_URL].text;
    wr_err err = wr_shape_refuse_fifo("queueUrl", url, fault);
    if (!err && constant[WR_SQS_URL] && !wr_str_starts(url, WR_STR("https://")) &&
        !wr_str_starts(url, WR_STR("http://"))) {
        err = wr_fault_set(fault, WR_ERR_FAILED,
                           "queueUrl: \"%.*s\" is no URL: "
                           "https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
                           WR_STR_ARG(url));
    }
    return err;
}

// UTF-8 of the characters that XML 1.0 knows.
static bool is_xml_text(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
        // U+FFFE and U+FFFF
        if (c == 0xef && i + 2 < s.len && (unsigned char)s.at[i + 1] == 0xbf &&
            (unsigned char)s.at[i + 2] >= 0xbe) {
            return false;
        }
    }
    return wr_utf8_valid(s);
}

struct wr_refusal wr_sqs_body(const struct wr_record *rec, wr_str *body)
{
    wr_str text = rec->body;
    if (text.len == 0) {
        return (struct wr_refusal){"The request must contain the parameter MessageBody",
                                   "MissingParameter"};
    }
    if (wr_str_eq(rec->params[WR_SQS_BASE64].text, WR_STR("true"))) {
        struct wr_buf b;
        wr_buf_init_arena(&b, rec->arena);
        wr_buf_add_base64(&b, text);
        if (b.over) {
            return (struct wr_refusal){"The message is over its limit of memory", "LimitExceeded"};
        }
        text = wr_buf_str(&b);
    } else if (!is_xml_text(text)) {
        return (struct wr_refusal){"Invalid characters found. Valid unicode characters are #x9 | "
                                   "#xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to "
                                   "#x10FFFF; useBase64 sends any bytes",
                                   "InvalidMessageContents"};
    }
    if (text.len > WR_SQS_BODY_MAX) {
        return (struct wr_refusal){"One or more parameters are invalid. Reason: Message must be "
                                   "shorter than 1048576 bytes",
                                   "InvalidParameterValue"};
    }
    *body = text;
    return (struct wr_refusal){0};
}
