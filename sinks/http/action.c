// Members of http (actions.md 4.11), and what must hold of constants.
#include "sinks/http/http.h"

#include "sinks/http/poster.h"
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

#define URL_MAX    2000 // API model
#define HEADER_MAX 256  // API model, bytes of a header's key

const struct wr_option wr_http_action_options[] = {
    [WR_HTTP_URL] = {"url", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
                     .max = URL_MAX, .unit = "bytes",
                     .help = "Where the result is posted to; https."},
    [WR_HTTP_CONFIRMATION] = {"confirmationUrl", WR_OPT_STRING, WR_OPT_TEMPLATE, .min = 0,
                              .max = URL_MAX, .unit = "bytes",
                              .help =
                                  "Prefix of the URL that has confirmed that it wants messages."},
    [WR_HTTP_HEADERS] = {"headers", WR_OPT_PAIRS, WR_OPT_TEMPLATE | WR_OPT_SECRET, .min = 0,
                         .max = 100, .help = "Headers of the request."},
    [WR_HTTP_SIGN_REGION] = {"auth.sigv4.signingRegion", WR_OPT_STRING, WR_OPT_NESTED,
                             .help = "Region that the request is signed for."},
    [WR_HTTP_SIGN_SERVICE] = {"auth.sigv4.serviceName", WR_OPT_STRING, WR_OPT_NESTED,
                              .help = "Service that the request is signed for."},
    [WR_HTTP_SIGN_ROLE] = {"auth.sigv4.roleArn", WR_OPT_STRING, WR_OPT_NESTED,
                           .help = "Role whose credentials sign."},
    [WR_HTTP_BATCHING] = {"enableBatching", WR_OPT_BOOL, 0, "false",
                          .help = "Post several results as one JSON array."},
    [WR_HTTP_BATCH_OPEN] = {"batchConfig.maxBatchOpenMs", WR_OPT_INT, 0, .min = 5, .max = 200,
                            .unit = "ms", .help = "How long a batch stays open."},
    [WR_HTTP_BATCH_SIZE] = {"batchConfig.maxBatchSize", WR_OPT_INT, 0, .min = 2, .max = 10,
                            .unit = "messages", .help = "How many results a batch takes."},
    [WR_HTTP_BATCH_BYTES] = {"batchConfig.maxBatchSizeBytes", WR_OPT_INT, 0, .min = 100,
                             .max = 131072, .unit = "bytes",
                             .help = "How many bytes a batch takes."},
    [WR_HTTP_BATCH_TOPICS] = {"batchConfig.batchAcrossTopics", WR_OPT_BOOL, 0, "false",
                              .help = "Results of different topics may share a batch."},
    {0},
};

// AWS takes https only; http to this machine is weir's, for tests.
static wr_err check_url(const char *name, wr_str url, struct wr_fault *fault)
{
    wr_str host = wr_url_host(url);
    bool fits = wr_str_starts(url, WR_STR("https://")) ||
                (wr_str_starts(url, WR_STR("http://")) && wr_url_is_loopback(url));
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

wr_err wr_http_action_check(const struct wr_param *params, const bool *constant,
                            struct wr_fault *fault)
{
    wr_err err = constant[WR_HTTP_URL] ? check_url("url", params[WR_HTTP_URL].text, fault) : WR_OK;
    if (!err && params[WR_HTTP_CONFIRMATION].text.len && constant[WR_HTTP_CONFIRMATION]) {
        err = check_url("confirmationUrl", params[WR_HTTP_CONFIRMATION].text, fault);
    }
    if (!err && constant[WR_HTTP_URL] && params[WR_HTTP_CONFIRMATION].text.len &&
        constant[WR_HTTP_CONFIRMATION] &&
        !wr_str_starts(params[WR_HTTP_URL].text, params[WR_HTTP_CONFIRMATION].text)) {
        err = wr_fault_set(fault, WR_ERR_FAILED,
                           "confirmationUrl: url does not begin with it, so it confirms nothing");
    }
    return err ? err : check_headers(&params[WR_HTTP_HEADERS], fault);
}
