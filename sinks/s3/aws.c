// The AWS form of s3: PutObject, one for each record.
#include "sinks/s3/s3.h"

#include <stdlib.h>

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/aws_form.h"
#include "sinks/lib/local_s3.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    WR_S3_CONTENT_TYPE,
    {0},
};

struct own {
    char *content_type; // "" unless set
};

static wr_str build(const struct wr_aws_form *f, struct wr_record *rec, struct wr_aws_call *call)
{
    const struct own *own = f->own;
    const struct wr_param *p = rec->params;
    wr_str bucket = p[WR_S3_BUCKET].text, key = p[WR_S3_KEY].text;
    const char *trouble = wr_local_s3_bucket_trouble(bucket);
    trouble = trouble ? trouble : wr_local_s3_key_trouble(key);
    if (trouble) {
        return wr_str_of(trouble);
    }
    struct wr_buf path;
    wr_buf_init_arena(&path, rec->arena);
    wr_buf_add_char(&path, '/');
    wr_aws_encode(&path, key, true);
    call->method = "PUT";
    call->bucket = bucket;
    call->path = wr_buf_str(&path);
    call->content_type = wr_s3_content_type(rec, own->content_type);
    call->body = rec->body.at ? rec->body : WR_STR(""); // an object of no bytes is one
    if (p[WR_S3_ACL].set) {
        struct wr_http_header *acl = wr_arena_alloc(rec->arena, sizeof *acl);
        if (acl) {
            *acl = (struct wr_http_header){WR_STR("x-amz-acl"), p[WR_S3_ACL].text};
            call->headers = acl;
            call->header_count = 1;
        }
    }
    return (wr_str){0};
}

// The last of two objects of one key must stay.
static uint64_t order(const struct wr_record *rec)
{
    wr_str key = rec->params[WR_S3_KEY].text;
    return wr_hash_bytes(key.at, key.len, wr_hash_str(rec->params[WR_S3_BUCKET].text)) | 1;
}

static void free_own(void *own)
{
    free(((struct own *)own)->content_type);
    free(own);
}

static const struct wr_aws_form_kind kind = {
    .service = WR_AWS_S3,
    .what = "Failed to put S3 object",
    .role_option = WR_S3_ROLE,
    .build = build,
    .order = order,
    .free_own = free_own,
};

static wr_err open_s3(struct wr_sink *self, const struct wr_settings *settings,
                      struct wr_fault *fault)
{
    struct own *own = wr_zalloc(sizeof *own);
    own->content_type = wr_strdup(wr_str_of(wr_settings_get(settings, "content_type")));
    return wr_aws_form_open(self, &kind, own, fault);
}

const struct wr_sink_impl wr_sink_s3_aws = {
    WR_S3_ACTION,
    .form = "PutObject, one for each record; records of one key go out in their order.",
    .settings = settings_table,
    .open = open_s3,
    .submit = wr_aws_form_submit,
    .close = wr_aws_form_close,
};
