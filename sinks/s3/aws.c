// The AWS form of s3: PutObject, one for each record; or aggregated objects (aggregate.h), in
// buckets for which weir.yaml wants them.
#include "sinks/s3/s3.h"

#include <stdlib.h>

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/aws_form.h"
#include "sinks/lib/local_s3.h"
#include "sinks/s3/aggregate.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    WR_S3_CONTENT_TYPE,
    WR_S3_CHECKSUM,
    WR_S3_AGGREGATE,
    {0},
};

struct own {
    char *content_type; // "" unless set
    bool checksum;
    struct wr_s3_aggregate *aggregate;  // NULL: no bucket is aggregated
    void (*done)(struct wr_sink *self); // while closing
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
    struct wr_s3_headers *headers = wr_arena_alloc(rec->arena, sizeof *headers);
    if (!headers) {
        return WR_STR("The message is over its limit of memory");
    }
    call->headers = headers->at;
    call->header_count = wr_s3_headers(headers, p, call->body, own->checksum);
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
    own->checksum = strcmp(wr_settings_get(settings, "checksum"), "crc32") == 0;
    wr_err err = wr_aws_form_open(self, &kind, own, fault);
    if (err) {
        return err;
    }
    struct wr_aws_form *f = self->state;
    err = wr_s3_aggregate_open(self, f->aws, &kind, settings, &own->aggregate, fault);
    if (err) {
        wr_aws_form_abort(self);
    }
    return err;
}

static struct own *own_of(struct wr_sink *self)
{
    struct wr_aws_form *f = self->state;
    return f->own;
}

static void submit_s3(struct wr_sink *self, struct wr_record *rec)
{
    struct own *own = own_of(self);
    if (!own->aggregate || !wr_s3_aggregate_add(own->aggregate, rec)) {
        wr_aws_form_submit(self, rec);
    }
}

static void drain_s3(struct wr_sink *self)
{
    struct own *own = own_of(self);
    if (own->aggregate) {
        wr_s3_aggregate_drain(own->aggregate);
    }
}

static void on_aggregate_closed(void *user)
{
    struct wr_sink *self = user;
    wr_aws_form_close(self, own_of(self)->done);
}

static void close_s3(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct own *own = own_of(self);
    own->done = done;
    if (own->aggregate) {
        wr_s3_aggregate_close(own->aggregate, on_aggregate_closed, self);
    } else {
        wr_aws_form_close(self, done);
    }
}

const struct wr_sink_impl wr_sink_s3_aws = {
    WR_S3_ACTION,
    .form = "PutObject, one for each record, of one key in their order; or collected in objects of "
            "JSON Lines (aggregate).",
    .settings = settings_table,
    .open = open_s3,
    .submit = submit_s3,
    .drain = drain_s3,
    .close = close_s3,
};
