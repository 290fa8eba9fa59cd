// What operations make of values: ARNs, times, pages, the audit log's part.
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/api.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define DIGEST_LEN 16 // of a token's listing: enough to tell them apart, not a secret

const char *wr_api_arn(const struct wr_api_call *c, char out[512], const char *format, ...)
{
    int len = snprintf(out, 512, "arn:aws:iot:%s:%s:", c->caller.region, c->caller.account);
    va_list args;
    va_start(args, format);
    vsnprintf(out + len, 512 - (size_t)len, format, args);
    va_end(args);
    return out;
}

wr_str wr_api_arn_rest(const struct wr_api_call *c, wr_str arn, const char *type)
{
    char prefix[512];
    wr_api_arn(c, prefix, "%s/", type);
    size_t len = strlen(prefix);
    return wr_str_starts(arn, wr_str_of(prefix)) && arn.len > len ? wr_str_cut(arn, len, arn.len)
                                                                  : (wr_str){0};
}

json_t *wr_api_time(int64_t ms)
{
    return json_real((double)ms / 1000.0);
}

void wr_api_audit_change(struct wr_api_call *c, const char *field, json_t *before, json_t *after)
{
    if (!c->audit) {
        c->audit = json_object();
    }
    json_t *changes = json_object_get(c->audit, "changes");
    if (!changes) {
        changes = json_object();
        json_object_set_new(c->audit, "changes", changes);
    }
    json_object_set_new(changes, field,
                        json_pack("{s:o, s:o}", "old", before ? before : json_null(), "new",
                                  after ? after : json_null()));
}

void wr_api_audit_arn(struct wr_api_call *c, const char *arn)
{
    if (!c->audit) {
        c->audit = json_object();
    }
    json_t *arns = json_object_get(c->audit, "arns");
    if (!arns) {
        arns = json_array();
        json_object_set_new(c->audit, "arns", arns);
    }
    json_array_append_new(arns, json_string(arn));
}

// ---- pages: base64 of the digest of what is listed, then the last id

static bool is_marked(const struct wr_api_call *c)
{
    for (const struct wr_api_member *m = c->op->in; m && m->name; m++) {
        if (!strcmp(m->name, "marker")) {
            return true;
        }
    }
    return false;
}

// Tenant, region, operation and all members but those of the page itself.
static void digest_of(const struct wr_api_call *c, unsigned char out[DIGEST_LEN])
{
    json_t *filters = json_copy(c->in);
    static const char *const own[] = {"nextToken", "maxResults", "marker", "pageSize"};
    for (size_t i = 0; i < WR_COUNT(own); i++) {
        json_object_del(filters, own[i]);
    }
    char *text = json_dumps(filters, JSON_COMPACT | JSON_SORT_KEYS);
    struct wr_buf b = {0};
    wr_buf_addf(&b, "%lld %s %s %s", (long long)c->caller.tenant, c->caller.region, c->op->name,
                text);
    unsigned char hash[EVP_MAX_MD_SIZE];
    wr_assert(EVP_Digest(b.at, b.len, hash, NULL, EVP_sha256(), NULL) == 1);
    memcpy(out, hash, DIGEST_LEN);
    wr_buf_release(&b);
    free(text);
    json_decref(filters);
}

static bool read_token(const struct wr_api_call *c, wr_str token, int64_t *after)
{
    struct wr_buf b = {0};
    unsigned char digest[DIGEST_LEN];
    digest_of(c, digest);
    bool good = wr_buf_add_unbase64(&b, token) && b.len == DIGEST_LEN + sizeof *after &&
                !memcmp(b.at, digest, DIGEST_LEN);
    if (good) {
        memcpy(after, b.at + DIGEST_LEN, sizeof *after);
    }
    wr_buf_release(&b);
    return good && *after > 0;
}

bool wr_api_page_begin(struct wr_api_call *c, struct wr_api_page *page, int64_t limit, bool down)
{
    bool marked = is_marked(c);
    *page = (struct wr_api_page){
        .limit = wr_api_int(c, marked ? "pageSize" : "maxResults", limit),
        .down = wr_api_json(c, "ascendingOrder") ? !wr_api_bool(c, "ascendingOrder", false) : down,
    };
    page->after = page->down ? INT64_MAX : 0;
    wr_str token = wr_api_str(c, marked ? "marker" : "nextToken");
    if (token.at && !read_token(c, token, &page->after)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "The %s is invalid: it is not one of this listing",
                    marked ? "marker" : "nextToken");
        return false;
    }
    return true;
}

bool wr_api_page_take(struct wr_api_page *page, int64_t id)
{
    if (page->count_ >= page->limit) {
        page->more_ = true;
        return false;
    }
    page->count_++;
    page->last_ = id;
    return true;
}

void wr_api_page_end(struct wr_api_call *c, const struct wr_api_page *page)
{
    if (!page->more_) {
        return;
    }
    unsigned char token[DIGEST_LEN + sizeof page->last_];
    digest_of(c, token);
    memcpy(token + DIGEST_LEN, &page->last_, sizeof page->last_);
    struct wr_buf b = {0};
    wr_buf_add_base64(&b, (wr_str){(const char *)token, sizeof token});
    json_object_set_new(c->out, is_marked(c) ? "nextMarker" : "nextToken",
                        json_stringn(b.at, b.len));
    wr_buf_release(&b);
}
