// s3: one object per record (actions.md 4.1). What its forms share: the action's members, and what
// a bucket, a key and a content type are.
#ifndef WR_SINKS_S3_S3_H
#define WR_SINKS_S3_S3_H

#include "sinks/lib/http.h"
#include "sinks/sink.h"

enum { WR_S3_ROLE, WR_S3_BUCKET, WR_S3_KEY, WR_S3_ACL };
extern const struct wr_option wr_s3_options[];
wr_err wr_s3_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault);

#define WR_S3_ACTION                                                                      \
    .name = "s3", .failed_action = "S3Action", .help = "Writes the result as an object.", \
    .options = wr_s3_options, .resource_option = WR_S3_BUCKET, .check = wr_s3_check

#define WR_S3_CONTENT_TYPE                                                                     \
    {                                                                                          \
        "content_type", WR_OPT_STRING, 0, "",                                                  \
            .help = "Content type of every object; empty: application/json for JSON results, " \
                    "else application/octet-stream."                                           \
    }

#define WR_S3_CHECKSUM                                                              \
    {                                                                               \
        "checksum", WR_OPT_CHOICE, 0, "none",                                       \
            .choices = "none|crc32",                                                \
            .help = "crc32: send x-amz-checksum-crc32 too, as new SDKs do and old " \
                    "imitations refuse; x-amz-content-sha256 is always sent."       \
    }

// What an object is sent with besides its content type.
#define WR_S3_CRC32_LEN 8
struct wr_s3_headers {
    struct wr_http_header at[2];
    char crc32[WR_S3_CRC32_LEN];
};
// How many; `h` is lent until the request is sent.
size_t wr_s3_headers(struct wr_s3_headers *h, const struct wr_param *params, wr_str body,
                     bool checksum);

// `set` is the setting; "": not set.
wr_str wr_s3_content_type(const struct wr_record *rec, const char *set);

#endif
