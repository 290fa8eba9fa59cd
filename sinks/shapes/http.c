// Members of http (actions.md 4.11).
#include "sinks/shapes/shapes.h"

#include <inttypes.h>

#include "sql/base/banned.h"

#define URL_MAX    2000 // API model
#define HEADER_MAX 256  // API model, bytes of a header's key

enum {
    URL,
    CONFIRMATION,
    HEADERS,
    AUTH_REGION,
    AUTH_SERVICE,
    AUTH_ROLE,
    BATCHING,
    BATCH_OPEN,
    BATCH_SIZE,
    BATCH_BYTES,
    BATCH_TOPICS,
};

static const struct wr_option options[] = {
    [URL] = {"url", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1, .max = URL_MAX,
             .unit = "bytes", .help = "Where the result is posted to; https."},
    [CONFIRMATION] = {"confirmationUrl", WR_OPT_STRING, WR_OPT_TEMPLATE, .min = 0, .max = URL_MAX,
                      .unit = "bytes",
                      .help = "Prefix of the URL that has confirmed that it wants messages."},
    [HEADERS] = {"headers", WR_OPT_PAIRS, WR_OPT_TEMPLATE, .min = 0, .max = 100,
                 .help = "Headers of the request."},
    [AUTH_REGION] = {"auth.sigv4.signingRegion", WR_OPT_STRING, WR_OPT_NESTED,
                     .help = "Region that the request is signed for."},
    [AUTH_SERVICE] = {"auth.sigv4.serviceName", WR_OPT_STRING, WR_OPT_NESTED,
                      .help = "Service that the request is signed for."},
    [AUTH_ROLE] = {"auth.sigv4.roleArn", WR_OPT_STRING, WR_OPT_NESTED,
                   .help = "Role whose credentials sign."},
    [BATCHING] = {"enableBatching", WR_OPT_BOOL, 0, "false",
                  .help = "Post several results as one JSON array."},
    [BATCH_OPEN] = {"batchConfig.maxBatchOpenMs", WR_OPT_INT, 0, .min = 5, .max = 200, .unit = "ms",
                    .help = "How long a batch stays open."},
    [BATCH_SIZE] = {"batchConfig.maxBatchSize", WR_OPT_INT, 0, .min = 2, .max = 10,
                    .unit = "messages", .help = "How many results a batch takes."},
    [BATCH_BYTES] = {"batchConfig.maxBatchSizeBytes", WR_OPT_INT, 0, .min = 100, .max = 131072,
                     .unit = "bytes", .help = "How many bytes a batch takes."},
    [BATCH_TOPICS] = {"batchConfig.batchAcrossTopics", WR_OPT_BOOL, 0, "false",
                      .help = "Results of different topics may share a batch."},
    {0},
};

// The host of "scheme://host:port/…" without its port.
static wr_str host_of(wr_str url)
{
    ptrdiff_t scheme = wr_str_find(url, WR_STR("://"));
    wr_str rest = scheme >= 0 ? wr_str_cut(url, (size_t)scheme + 3, url.len) : url;
    size_t end = 0;
    if (rest.len && rest.at[0] == '[') {
        while (end < rest.len && rest.at[end] != ']') {
            end++;
        }
        return wr_str_cut(rest, 0, end < rest.len ? end + 1 : end);
    }
    while (end < rest.len && !strchr("/:?#", rest.at[end])) {
        end++;
    }
    return wr_str_cut(rest, 0, end);
}

static bool is_loopback(wr_str host)
{
    return wr_str_eq(host, WR_STR("localhost")) || wr_str_eq(host, WR_STR("[::1]")) ||
           wr_str_starts(host, WR_STR("127."));
}

// AWS takes https only; http to this machine is weir's, for tests.
static wr_err check_url(const char *name, wr_str url, struct wr_fault *fault)
{
    wr_str host = host_of(url);
    bool fits = wr_str_starts(url, WR_STR("https://")) ||
                (wr_str_starts(url, WR_STR("http://")) && is_loopback(host));
    if (!fits) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "%s: \"%.*s\" does not begin with https:// (AWS counts it as "
                            "HttpInvalidUrl)",
                            name, WR_STR_ARG(url));
    }
    if (host.len == 0) {
        return wr_fault_set(fault, WR_ERR_FAILED, "%s: \"%.*s\" has no host", name,
                            WR_STR_ARG(url));
    }
    return WR_OK;
}

static wr_err check_headers(const struct wr_param *headers, struct wr_fault *fault)
{
    static const char *const own[] = {"host", "content-length", "transfer-encoding", "connection"};
    for (size_t i = 0; i < headers->count; i++) {
        wr_str key = headers->keys[i];
        if (key.len == 0 || key.len > HEADER_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT,
                                "headers[%zu].key: expected 1 to %d bytes, found %zu", i,
                                HEADER_MAX, key.len);
        }
        if (!wr_shape_only(key, "!#$%&'*+-.^_`|~")) {
            return wr_fault_set(fault, WR_ERR_FAILED,
                                "headers[%zu].key: \"%.*s\" is no name of a header", i,
                                WR_STR_ARG(key));
        }
        for (size_t k = 0; k < WR_COUNT(own); k++) {
            if (wr_str_eq_nocase(key, wr_str_of(own[k]))) {
                return wr_fault_set(fault, WR_ERR_FAILED,
                                    "headers[%zu].key: \"%.*s\" belongs to the connection and "
                                    "cannot be set",
                                    i, WR_STR_ARG(key));
            }
        }
        for (size_t k = 0; k < headers->values[i].len; k++) {
            char c = headers->values[i].at[k];
            if (c == '\r' || c == '\n' || c == '\0') {
                return wr_fault_set(fault, WR_ERR_FAILED,
                                    "headers[%zu].value: a line break cannot be in a header", i);
            }
        }
    }
    return WR_OK;
}

static wr_err check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_err err = constant[URL] ? check_url("url", params[URL].text, fault) : WR_OK;
    if (!err && params[CONFIRMATION].text.len && constant[CONFIRMATION]) {
        err = check_url("confirmationUrl", params[CONFIRMATION].text, fault);
    }
    if (!err && constant[URL] && params[CONFIRMATION].text.len && constant[CONFIRMATION] &&
        !wr_str_starts(params[URL].text, params[CONFIRMATION].text)) {
        err = wr_fault_set(fault, WR_ERR_FAILED,
                           "confirmationUrl: url does not begin with it, so it confirms nothing");
    }
    return err ? err : check_headers(&params[HEADERS], fault);
}

const struct wr_sink_impl wr_shape_http = {
    .name = "http",
    .failed_action = "HttpAction",
    .help = "Posts the result to an HTTPS endpoint.",
    .options = options,
    .resource_option = URL,
    .check = check,
};
