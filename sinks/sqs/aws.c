// The AWS form of sqs: SendMessageBatch, or SendMessage for one record, in the JSON protocol
// (actions.md 4.7). What SQS says it has taken is compared with what was sent.
#include "sinks/sqs/sqs.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "sinks/lib/aws_batch.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define CALL_MAX 262144 // bytes of a call of several: what older imitations take too

static const struct wr_option settings_table[] = {
    WR_AWS_BATCH_CALLS("8"),
    WR_AWS_BATCH_BATCH,
    WR_AWS_BATCH_ORDER,
    {0},
};

struct own {
    EVP_MD *md5;
    EVP_MD_CTX *digest;
    bool elsewhere; // an endpoint is configured: the host of a queue's URL does not count
};

struct item {
    struct wr_aws_item aws; // first
    wr_str body;
    wr_str region; // of the URL; empty: the client's
};

// ---- queues' URLs

// The host of a URL, without port; empty: it is none.
static wr_str host_of(wr_str url)
{
    ptrdiff_t scheme = wr_str_find(url, WR_STR("://"));
    if (scheme < 0) {
        return (wr_str){0};
    }
    wr_str rest = wr_str_cut(url, (size_t)scheme + 3, url.len);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != ':') {
        len++;
    }
    return wr_str_cut(rest, 0, len);
}

// "sqs.eu-west-1.amazonaws.com", "eu-west-1.queue.amazonaws.com", "queue.amazonaws.com".
static wr_str region_of(wr_str host)
{
    wr_str before = {0};
    for (size_t at = 0; at < host.len;) {
        size_t end = at;
        while (end < host.len && host.at[end] != '.') {
            end++;
        }
        wr_str label = wr_str_cut(host, at, end);
        if (wr_str_eq(before, WR_STR("sqs")) || wr_str_eq(before, WR_STR("sqs-fips"))) {
            return label;
        }
        if (wr_str_eq(label, WR_STR("queue"))) {
            return before.len ? before : WR_STR("us-east-1");
        }
        before = label;
        at = end + 1;
    }
    return (wr_str){0};
}

static bool is_aws(wr_str host)
{
    return wr_str_ends(host, WR_STR(".amazonaws.com")) ||
           wr_str_ends(host, WR_STR(".amazonaws.com.cn"));
}

static struct wr_refusal prepare(struct wr_aws_batch *f, struct wr_record *rec, wr_str *order)
{
    struct item *item = rec->sink_data;
    const struct own *own = f->own;
    wr_str url = rec->params[WR_SQS_URL].text, host = host_of(url);
    if (host.len == 0 ||
        !(wr_str_starts(url, WR_STR("https://")) || wr_str_starts(url, WR_STR("http://")))) {
        return (struct wr_refusal){"The address is not valid for this endpoint: expected "
                                   "https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
                                   "InvalidAddress"};
    }
    if (wr_str_ends(url, WR_STR(".fifo"))) {
        return (struct wr_refusal){"The queue is FIFO; rules deliver to standard queues only",
                                   "InvalidAddress"};
    }
    if (!own->elsewhere && !is_aws(host)) {
        // Templates are under the control of devices: they must not choose who gets requests.
        return (struct wr_refusal){"The address is not valid for this endpoint: its host is none "
                                   "of AWS; sinks.sqs.endpoint says where an imitation is",
                                   "InvalidAddress"};
    }
    item->region = is_aws(host) ? region_of(host) : (wr_str){0};
    struct wr_refusal refusal = {0};
    if (!item->body.at) {
        refusal = wr_sqs_body(rec, &item->body);
        item->aws.batch.bytes = item->body.len;
    }
    return refusal;
}

// ---- calls

// So that a refusal carries the code of the older protocol too, which people know.
static const struct wr_http_header query_mode = {WR_STR_INIT("x-amzn-query-mode"),
                                                 WR_STR_INIT("true")};

static void write_call(struct wr_aws_batch *f, struct wr_batch_call *batch,
                       struct wr_aws_call *call)
{
    struct wr_buf *b = &batch->body;
    const struct item *first = batch->records->sink_data;
    bool one = batch->entries == 1;
    call->region = first->region;
    call->headers = &query_mode;
    call->header_count = 1;
    call->content_type = WR_STR("application/x-amz-json-1.0");
    call->target = one ? WR_STR("AmazonSQS.SendMessage") : WR_STR("AmazonSQS.SendMessageBatch");
    wr_buf_add(b, WR_STR("{\"QueueUrl\":"));
    wr_json_write_string(b, batch->records->params[WR_SQS_URL].text);
    if (one) {
        wr_buf_add(b, WR_STR(",\"MessageBody\":"));
        wr_json_write_string(b, first->body);
        wr_buf_add_char(b, '}');
        return;
    }
    wr_buf_add(b, WR_STR(",\"Entries\":["));
    for (const struct wr_record *rec = batch->records; rec; rec = rec->sink_next) {
        const struct item *item = rec->sink_data;
        wr_buf_add(b, item->aws.first > 0 ? WR_STR(",{\"Id\":\"") : WR_STR("{\"Id\":\""));
        wr_buf_add_u64(b, item->aws.first);
        wr_buf_add(b, WR_STR("\",\"MessageBody\":"));
        wr_json_write_string(b, item->body);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add(b, WR_STR("]}"));
}

// SQS has taken another text than was sent.
static bool differs(const struct wr_aws_batch *f, wr_str body, wr_str md5)
{
    static const char hex[] = "0123456789abcdef";
    const struct own *own = f->own;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char text[32];
    wr_assert(EVP_DigestInit_ex2(own->digest, NULL, NULL) &&
              EVP_DigestUpdate(own->digest, body.at, body.len) &&
              EVP_DigestFinal_ex(own->digest, digest, &len) && len == 16);
    for (unsigned i = 0; i < len; i++) {
        text[2 * i] = hex[digest[i] >> 4];
        text[2 * i + 1] = hex[digest[i] & 15];
    }
    return !wr_str_eq((wr_str){text, sizeof text}, md5);
}

static void taken(struct wr_aws_batch *f, size_t index, const struct item *item,
                  const wr_value *entry)
{
    if (differs(f, item->body, wr_aws_batch_text(entry, "MD5OfMessageBody"))) {
        wr_aws_batch_failed(f, index, WR_STR("BadDigest"),
                            WR_STR("MD5OfMessageBody in the answer is not that of what was sent"),
                            WR_AWS_RETRY);
    } else {
        f->entries[index] = (struct wr_aws_entry){.known = true, .class = WR_AWS_OK};
    }
}

static const wr_value *list_of(const wr_value *answer, const char *name)
{
    static const wr_value none = {.type = WR_ARRAY};
    const wr_value *v = answer->type == WR_OBJECT ? wr_object_get(answer, wr_str_of(name)) : NULL;
    return v && v->type == WR_ARRAY ? v : &none;
}

static void read_answer(struct wr_aws_batch *f, const struct wr_batch_call *batch,
                        const struct wr_aws_answer *answer)
{
    wr_value v = wr_aws_batch_json(f, answer);
    if (batch->entries == 1) {
        taken(f, 0, batch->records->sink_data, &v);
        return;
    }
    const wr_value *good = list_of(&v, "Successful"), *bad = list_of(&v, "Failed");
    const struct item *items[10];
    size_t count = 0;
    for (const struct wr_record *rec = batch->records; rec; rec = rec->sink_next) {
        items[count++] = rec->sink_data;
    }
    for (uint32_t i = 0; i < good->len; i++) {
        size_t at = wr_aws_batch_index(wr_aws_batch_text(&good->as.items[i], "Id"), count);
        if (at != SIZE_MAX) {
            taken(f, at, items[at], &good->as.items[i]);
        }
    }
    for (uint32_t i = 0; i < bad->len; i++) {
        const wr_value *entry = &bad->as.items[i];
        size_t at = wr_aws_batch_index(wr_aws_batch_text(entry, "Id"), count);
        const wr_value *sender =
            entry->type == WR_OBJECT ? wr_object_get(entry, WR_STR("SenderFault")) : NULL;
        if (at != SIZE_MAX) {
            wr_aws_batch_failed(f, at, wr_aws_code(wr_aws_batch_text(entry, "Code")),
                                wr_aws_batch_text(entry, "Message"),
                                sender && sender->type == WR_BOOLEAN && sender->as.truth
                                    ? WR_AWS_PERMANENT
                                    : WR_AWS_RETRY);
        }
    }
}

// ---- open

static void free_own(void *user)
{
    struct own *own = user;
    EVP_MD_CTX_free(own->digest);
    EVP_MD_free(own->md5);
    free(own);
}

static const char *const divided[] = {"BatchRequestTooLong",
                                      "AWS.SimpleQueueService.BatchRequestTooLong",
                                      "InvalidMessageContents", "InvalidParameterValue", NULL};

static const struct wr_aws_batch_kind kind = {
    .service = WR_AWS_SQS,
    .text = &wr_sqs_texts,
    .role_option = WR_SQS_ROLE,
    .count_max = 10,
    .bytes_max = CALL_MAX,
    .item_size = sizeof(struct item),
    .prepare = prepare,
    .write = write_call,
    .read = read_answer,
    .divided = divided,
    .free_own = free_own,
};

static wr_err open_sqs(struct wr_sink *self, const struct wr_settings *settings,
                       struct wr_fault *fault)
{
    struct own *own = wr_zalloc(sizeof *own);
    own->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    own->digest = EVP_MD_CTX_new();
    if (!own->md5 || !own->digest || !EVP_DigestInit_ex2(own->digest, own->md5, NULL)) {
        free_own(own);
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "OpenSSL has no MD5 here, to compare what SQS has taken");
    }
    wr_err err = wr_aws_batch_open(self, &kind, settings, own, fault);
    if (!err) {
        const struct wr_aws_batch *f = self->state;
        const char *endpoint = self->host->endpoint;
        struct wr_buf url = {0};
        own->elsewhere = (endpoint && *endpoint) || wr_aws_own_endpoint(f->aws, WR_AWS_SQS, &url);
        wr_buf_release(&url);
    }
    return err;
}

const struct wr_sink_impl wr_sink_sqs_aws = {
    WR_SQS_ACTION,
    .form = "SendMessageBatch for what waits, SendMessage for one record.",
    .settings = settings_table,
    .open = open_sqs,
    .submit = wr_aws_batch_submit,
    .close = wr_aws_batch_close,
};
