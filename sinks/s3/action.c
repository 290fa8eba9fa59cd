// The members of the action s3.
#include "sinks/s3/s3.h"

#include "sinks/lib/local_s3.h"

#include "sql/base/banned.h"

const struct wr_option wr_s3_options[] = {
    [WR_S3_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                    .help = "Role that AWS assumes; here aws.roles says what it means."},
    [WR_S3_BUCKET] = {"bucketName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                      .help = "Bucket; locally made when it is first written to."},
    [WR_S3_KEY] = {"key", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                   .help = "Key of the object; an object with this key is replaced."},
    // No default: a bucket that takes no ACLs refuses even private.
    [WR_S3_ACL] = {"cannedAcl", WR_OPT_CHOICE, WR_OPT_NOCASE,
                   .choices = "private|public-read|public-read-write|aws-exec-read|"
                              "authenticated-read|bucket-owner-read|bucket-owner-full-control|"
                              "log-delivery-write",
                   .help = "Canned ACL of the object; without it none is sent, which is private."},
    {0},
};

wr_err wr_s3_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_str bucket = params[WR_S3_BUCKET].text, key = params[WR_S3_KEY].text;
    if (constant[WR_S3_BUCKET] && wr_local_s3_bucket_trouble(bucket)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "bucketName: \"%.*s\" is no bucket name: 3 to 63 lower-case letters, "
                            "digits, dots and hyphens",
                            WR_STR_ARG(bucket));
    }
    if (constant[WR_S3_KEY] && wr_local_s3_key_trouble(key)) {
        return wr_fault_set(fault, WR_ERR_FAILED, "key: %s (1 to %d bytes of UTF-8)",
                            wr_local_s3_key_trouble(key), WR_LOCAL_S3_KEY_MAX);
    }
    return WR_OK;
}

wr_str wr_s3_content_type(const struct wr_record *rec, const char *set)
{
    if (*set) {
        return wr_str_of(set);
    }
    return rec->body_json ? WR_STR("application/json") : WR_STR("application/octet-stream");
}
