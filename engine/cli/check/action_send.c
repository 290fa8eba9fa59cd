// Traps of actions that pass on: functions, queues, topics, streams, endpoints.
#include "engine/cli/check/action.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define TOPIC_LEVELS_MAX 8      // actions.md 4.5: AWS's broker
#define TOPIC_BYTES_MAX  256    // the same
#define TYPE_BYTES_MAX   256    // content type
#define EXPIRY_MAX_S     604800 // message expiry
#define PROPERTIES_MAX   8192   // bytes of user properties together

void wr_check_lambda(const struct wr_check_action *a)
{
    bool constant;
    const struct wr_param *arn = wr_action_param(a, "functionArn", &constant);
    if (arn && constant && !wr_str_starts(arn->text, WR_STR("arn:"))) {
        wr_action_find(a, WR_CODE_WEIR_ONLY, "functionArn",
                       "a function's name alone is weir's; AWS takes its ARN");
    }
    if (a->passthrough) {
        wr_action_want_object(a, true);
    } else if (!a->is_error && a->r->outline.value && a->shape == WR_OUTLINE_ANY) {
        wr_action_find(a, WR_CODE_LAMBDA_JSON, "",
                       "SELECT VALUE of something that may be missing makes an empty payload");
    }
}

// ---- republish

// Below $aws/things/NAME/: topics of Jobs and Device Defender. Those without a template are refused
// by the sink's own check.
static bool is_reserved(wr_str topic)
{
    wr_str prefix = WR_STR("$$aws/things/");
    if (!wr_str_starts(topic, prefix)) {
        return false;
    }
    wr_str rest = wr_str_cut(topic, prefix.len, topic.len);
    ptrdiff_t slash = wr_str_find(rest, WR_STR("}/")); // behind a template for the thing
    size_t from = slash >= 0 ? (size_t)slash + 1 : 0;
    while (from < rest.len && rest.at[from] != '/') {
        from++;
    }
    rest = wr_str_cut(rest, from, rest.len);
    return wr_str_starts(rest, WR_STR("/jobs/")) || wr_str_starts(rest, WR_STR("/defender/"));
}

static void check_topic(const struct wr_check_action *a)
{
    bool constant;
    const struct wr_param *p = wr_action_param(a, "topic", &constant);
    if (!p) {
        return;
    }
    if (!constant && is_reserved(p->text)) {
        wr_action_find(a, WR_CODE_RESERVED_TARGET, "topic",
                       "topics of Jobs and of Device Defender take no messages of rules");
    }
    if (!constant) {
        return;
    }
    size_t levels = 1;
    for (size_t i = 0; i < p->text.len; i++) {
        levels += p->text.at[i] == '/';
    }
    if (levels > TOPIC_LEVELS_MAX && !wr_str_starts(p->text, WR_STR("$$"))) {
        wr_action_find(a, WR_CODE_PUBLISH_LIMIT, "topic", "the topic has %zu levels, at most %d",
                       levels, TOPIC_LEVELS_MAX);
    }
    if (p->text.len > TOPIC_BYTES_MAX) {
        wr_action_find(a, WR_CODE_PUBLISH_LIMIT, "topic", "the topic has %zu bytes, at most %d",
                       p->text.len, TOPIC_BYTES_MAX);
    }
}

static void check_headers(const struct wr_check_action *a)
{
    bool constant;
    const struct wr_param *p = wr_action_param(a, "headers.contentType", &constant);
    if (p && constant && p->text.len > TYPE_BYTES_MAX) {
        wr_action_find(a, WR_CODE_PUBLISH_LIMIT, "headers.contentType",
                       "the content type has %zu bytes, at most %d", p->text.len, TYPE_BYTES_MAX);
    }
    p = wr_action_param(a, "headers.messageExpiry", &constant);
    if (p && constant && strtoull(p->text.at, NULL, 10) > EXPIRY_MAX_S) {
        wr_action_find(a, WR_CODE_PUBLISH_LIMIT, "headers.messageExpiry",
                       "%.*s seconds, at most %d", WR_STR_ARG(p->text), EXPIRY_MAX_S);
    }
    p = wr_action_param(a, "headers.userProperties", &constant);
    size_t bytes = 0;
    for (size_t i = 0; p && constant && i < p->count; i++) {
        bytes += p->keys[i].len + p->values[i].len;
    }
    if (bytes > PROPERTIES_MAX) {
        wr_action_find(a, WR_CODE_PUBLISH_LIMIT, "headers.userProperties",
                       "they have %zu bytes together, at most %d", bytes, PROPERTIES_MAX);
    }
}

void wr_check_republish(const struct wr_check_action *a)
{
    check_topic(a);
    check_headers(a);
    bool whole;
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s.qos", a->a->path);
    (void)wr_tree_find(a->r->payload, wr_buf_terminated(&path), &whole);
    wr_buf_release(&path);
    if (!whole) { // 0 that is written is meant
        wr_action_find(a, WR_CODE_QOS_0, "", "qos is missing, so 0");
    }
}

// ---- kafka

static wr_str property(const struct wr_check_action *a, const char *name)
{
    const struct wr_param *p = wr_action_param(a, "clientProperties", NULL);
    char member[100];
    snprintf(member, sizeof member, "%s.clientProperties.%s", a->a->path, name);
    for (size_t i = 0; p && i < p->count; i++) {
        if (wr_str_eq(p->keys[i], wr_str_of(name)) && !wr_check_unknown(a->r, member)) {
            return p->values[i];
        }
    }
    return (wr_str){0};
}

// The ports of "h1:p1,h2:p2" that are not from..to.
static void check_ports(const struct wr_check_action *a, const char *name, long from, long to)
{
    wr_str servers = property(a, name);
    for (size_t at = 0; at < servers.len;) {
        size_t end = at;
        while (end < servers.len && servers.at[end] != ',') {
            end++;
        }
        size_t colon = end;
        while (colon > at && servers.at[colon - 1] != ':') {
            colon--;
        }
        char digits[8];
        snprintf(digits, sizeof digits, "%.*s", (int)(end - colon), servers.at + colon);
        char *stop;
        long port = colon > at ? strtol(digits, &stop, 10) : from;
        if (port < from || port > to) {
            char member[100];
            snprintf(member, sizeof member, "clientProperties.%s", name);
            wr_action_find(a, WR_CODE_KAFKA_PORT, member,
                           from == to ? "port %ld, AWS reaches only %ld"
                                      : "port %ld, AWS reaches only %ld to %ld",
                           port, from, to);
            return;
        }
        at = end + 1;
    }
}

void wr_check_kafka(const struct wr_check_action *a)
{
    wr_str protocol = property(a, "security.protocol");
    if (wr_str_ends(protocol, WR_STR("PLAINTEXT"))) {
        wr_action_find(
            a, WR_CODE_WEIR_ONLY, "clientProperties.security.protocol",
            "%.*s is weir's, for brokers on the same machine; AWS takes SSL and SASL_SSL",
            WR_STR_ARG(protocol));
    } else {
        check_ports(a, "bootstrap.servers", 9000, 9100);
        check_ports(a, "sasl.kerberos.krb5.kdc", 88, 88);
    }
    if (wr_str_eq(property(a, "acks"), WR_STR("0"))) {
        wr_action_find(a, WR_CODE_KAFKA_ACKS, "clientProperties.acks",
                       "nobody says whether the record arrived");
    }
}

// ---- sqs, sns, cloudwatchLogs: text

static void want_text(const struct wr_check_action *a)
{
    if (a->passthrough) {
        wr_action_find(a, WR_CODE_SQS_BINARY, "",
                       "%s takes text, and SELECT * passes on whatever was published",
                       a->a->impl->name);
    }
}

void wr_check_sqs(const struct wr_check_action *a)
{
    if (!wr_action_is(a, "useBase64", "true")) {
        want_text(a);
    }
}

void wr_check_sns(const struct wr_check_action *a)
{
    want_text(a);
    if (!wr_action_is(a, "messageFormat", "JSON")) {
        return;
    }
    wr_action_want_object(a, false);
    if (!wr_action_result_has(a, WR_STR("default"))) {
        wr_action_find(a, WR_CODE_SNS_DEFAULT, "messageFormat",
                       "%s has no member \"default\": every publish fails",
                       a->is_error ? "the error document" : "the result");
    }
}

// batchMode divides an array.
static void want_array(const struct wr_check_action *a)
{
    if (wr_action_is(a, "batchMode", "true") &&
        (a->shape == WR_OUTLINE_OBJECT || a->shape == WR_OUTLINE_SCALAR)) {
        wr_action_find(a, WR_CODE_BATCH_ARRAY, "batchMode", "%s is %s, no array",
                       a->is_error ? "the error document" : "the result",
                       a->shape == WR_OUTLINE_OBJECT ? "an object" : "a scalar");
    }
}

void wr_check_logs(const struct wr_check_action *a)
{
    want_text(a);
    want_array(a);
}

// iotEvents, iotAnalytics, stepFunctions: an object, or an array in batches.
void wr_check_batch(const struct wr_check_action *a)
{
    bool batch = wr_action_is(a, "batchMode", "true");
    wr_action_want_object(a, batch);
    want_array(a);
}

// ---- streams

void wr_check_kinesis(const struct wr_check_action *a)
{
    if (!wr_action_param(a, "partitionKey", NULL)) {
        wr_action_find(a, WR_CODE_NO_PARTITION_KEY, "", "partitionKey is missing");
    } else if (wr_action_reads(a, "partitionKey") == 0) {
        wr_action_find(a, WR_CODE_PARTITION_KEY, "partitionKey",
                       "the key is the same for every message");
    }
}

void wr_check_firehose(const struct wr_check_action *a)
{
    if (!wr_action_param(a, "separator", NULL)) {
        wr_action_find(a, WR_CODE_FIREHOSE_SEPARATOR, "", "separator is missing");
    }
    want_array(a);
}

// ---- http

// The text behind "scheme://" up to the path.
static wr_str authority(wr_str url)
{
    ptrdiff_t at = wr_str_find(url, WR_STR("://"));
    if (at < 0) {
        return (wr_str){0};
    }
    wr_str rest = wr_str_cut(url, (size_t)at + 3, url.len);
    size_t end = 0;
    while (end < rest.len && !strchr("/?#$", rest.at[end])) { // $: a template begins
        end++;
    }
    return wr_str_cut(rest, 0, end);
}

static void check_batch_config(const struct wr_check_action *a)
{
    bool whole;
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s.batchConfig", a->a->path);
    (void)wr_tree_find(a->r->payload, wr_buf_terminated(&path), &whole);
    wr_buf_release(&path);
    if (whole && a->is_error) {
        wr_action_find(a, WR_CODE_BATCH_CONFIG, "batchConfig",
                       "an error action is batched as its action was");
    } else if (whole && !wr_action_is(a, "enableBatching", "true")) {
        wr_action_find(a, WR_CODE_BATCH_CONFIG, "batchConfig", "enableBatching is not true");
    }
}

void wr_check_http(const struct wr_check_action *a)
{
    check_batch_config(a);
    bool constant = false, known = false;
    const struct wr_param *url = wr_action_param(a, "url", &constant);
    const struct wr_param *confirmation = wr_action_param(a, "confirmationUrl", &known);
    if (!url) {
        return;
    }
    if (wr_action_reads(a, "url") & ~WR_READS_LOOKUP &&
        (!confirmation || !confirmation->text.len)) {
        wr_action_find(a, WR_CODE_HTTP_CONFIRMATION, "url",
                       "the URL has templates, and confirmationUrl is missing");
    }
    if (!constant) {
        return;
    }
    if (wr_str_starts(url->text, WR_STR("http://"))) {
        wr_action_find(a, WR_CODE_WEIR_ONLY, "url",
                       "http to this machine is weir's, for tests; AWS takes https only");
        return;
    }
    wr_str host = authority(url->text);
    size_t colon = host.len;
    while (colon > 0 && host.at[colon - 1] != ':' && host.at[colon - 1] != ']') {
        colon--;
    }
    if (host.len && host.at[0] == '[') {
        wr_action_find(a, WR_CODE_HTTP_PORT, "url", "AWS takes no IPv6 address");
    } else if (colon > 0 && host.at[colon - 1] == ':') {
        wr_str port = wr_str_cut(host, colon, host.len);
        if (!wr_str_eq(port, WR_STR("443")) && !wr_str_eq(port, WR_STR("8443"))) {
            wr_action_find(a, WR_CODE_HTTP_PORT, "url", "port %.*s, AWS posts to 443 and 8443 only",
                           WR_STR_ARG(port));
        }
    }
}
