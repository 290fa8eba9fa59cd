// The digests and the keys of Signature Version 4, over the text that aws_canonical.c makes.
#include "sinks/lib/aws_sign.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "sql/base/banned.h"

#define KEY_LEN     32
#define TIME_MAX_MS 253402300799999 // the end of the year 9999

// One derived key and what it was derived from: secret, day, region, service with NULs between.
struct derived {
    struct wr_buf from;
    unsigned char key[KEY_LEN];
    uint64_t used; // 0: free
};

struct wr_aws_signer {
    EVP_MD *sha256;
    EVP_MD_CTX *digest;
    EVP_MAC *mac;
    EVP_MAC_CTX *hmac;
    struct derived derived[WR_AWS_KEYS_MAX];
    uint64_t uses;
    struct wr_buf from, seed;         // of a key that is looked for
    struct wr_buf canonical, to_sign; // of the last signature
};

struct wr_aws_signer *wr_aws_signer_new(void)
{
    struct wr_aws_signer *s = wr_zalloc(sizeof *s);
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    s->sha256 = EVP_MD_fetch(NULL, name, NULL);
    s->digest = EVP_MD_CTX_new();
    s->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    s->hmac = s->mac ? EVP_MAC_CTX_new(s->mac) : NULL;
    // Not there: an OpenSSL without its own default provider. Nothing works then.
    wr_assert(s->sha256 && s->digest && s->hmac && EVP_MAC_CTX_set_params(s->hmac, params));
    return s;
}

static void wipe(struct wr_buf *b)
{
    if (b->at) {
        OPENSSL_cleanse(b->at, b->cap_);
    }
    wr_buf_release(b);
}

void wr_aws_signer_free(struct wr_aws_signer *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < WR_AWS_KEYS_MAX; i++) {
        wipe(&s->derived[i].from);
    }
    wipe(&s->from);
    wipe(&s->seed);
    wr_buf_release(&s->canonical);
    wr_buf_release(&s->to_sign);
    EVP_MAC_CTX_free(s->hmac);
    EVP_MAC_free(s->mac);
    EVP_MD_CTX_free(s->digest);
    EVP_MD_free(s->sha256);
    OPENSSL_cleanse(s, sizeof *s);
    free(s);
}

// ---- digests

static void to_hex(const unsigned char *bytes, char out[WR_AWS_HASH_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < KEY_LEN; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[WR_AWS_HASH_LEN] = '\0';
}

void wr_aws_hash(struct wr_aws_signer *s, wr_str bytes, char out[WR_AWS_HASH_LEN + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    wr_assert(EVP_DigestInit_ex2(s->digest, s->sha256, NULL) &&
              EVP_DigestUpdate(s->digest, bytes.len ? bytes.at : "", bytes.len) &&
              EVP_DigestFinal_ex(s->digest, sum, NULL));
    to_hex(sum, out);
}

static void hmac(struct wr_aws_signer *s, const void *key, size_t key_len, wr_str text,
                 unsigned char out[KEY_LEN])
{
    size_t len = 0;
    wr_assert(EVP_MAC_init(s->hmac, key, key_len, NULL) &&
              EVP_MAC_update(s->hmac, (const unsigned char *)(text.len ? text.at : ""), text.len) &&
              EVP_MAC_final(s->hmac, out, &len, KEY_LEN) && len == KEY_LEN);
}

static struct derived *oldest(struct wr_aws_signer *s)
{
    struct derived *found = &s->derived[0];
    for (size_t i = 1; i < WR_AWS_KEYS_MAX; i++) {
        if (s->derived[i].used < found->used) {
            found = &s->derived[i];
        }
    }
    return found;
}

// The four steps from the secret.
static void derive(struct wr_aws_signer *s, struct derived *d, wr_str secret, wr_str day,
                   wr_str region, wr_str service)
{
    wr_buf_clear(&s->seed);
    wr_buf_add(&s->seed, WR_STR("AWS4"));
    wr_buf_add(&s->seed, secret);
    hmac(s, s->seed.at, s->seed.len, day, d->key);
    hmac(s, d->key, KEY_LEN, region, d->key);
    hmac(s, d->key, KEY_LEN, service, d->key);
    hmac(s, d->key, KEY_LEN, WR_STR("aws4_request"), d->key);
    OPENSSL_cleanse(s->seed.at, s->seed.len);
}

const unsigned char *wr_aws_derive(struct wr_aws_signer *s, wr_str secret, wr_str day,
                                   wr_str region, wr_str service)
{
    const wr_str parts[] = {secret, day, region, service};
    wr_buf_clear(&s->from);
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        wr_buf_add(&s->from, parts[i]);
        wr_buf_add_char(&s->from, '\0');
    }
    s->uses++;
    for (size_t i = 0; i < WR_AWS_KEYS_MAX; i++) {
        struct derived *d = &s->derived[i];
        if (d->used && wr_str_eq(wr_buf_str(&d->from), wr_buf_str(&s->from))) {
            d->used = s->uses;
            return d->key;
        }
    }
    struct derived *d = oldest(s);
    if (d->from.at) {
        OPENSSL_cleanse(d->from.at, d->from.len);
    }
    wr_buf_clear(&d->from);
    wr_buf_add(&d->from, wr_buf_str(&s->from));
    d->used = s->uses;
    derive(s, d, secret, day, region, service);
    return d->key;
}

// ---- signing

static void add_scope(struct wr_buf *b, const struct wr_aws_parts *p)
{
    wr_buf_add(b, wr_str_cut(p->date, 0, 8));
    wr_buf_add_char(b, '/');
    wr_buf_add(b, p->region);
    wr_buf_add_char(b, '/');
    wr_buf_add(b, p->service);
    wr_buf_add(b, WR_STR("/aws4_request"));
}

bool wr_aws_signature_of(struct wr_aws_signer *s, const struct wr_aws_parts *p,
                         char out[WR_AWS_HASH_LEN + 1])
{
    struct wr_buf *b = &s->canonical;
    wr_buf_clear(b);
    wr_buf_add(b, p->req->method);
    wr_buf_add_char(b, '\n');
    wr_aws_canonical_path(b, p->req->path, wr_aws_plain_path(p->service));
    wr_buf_add_char(b, '\n');
    if (!wr_aws_canonical_query(b, p->query, p->without)) {
        return false;
    }
    wr_buf_add_char(b, '\n');
    wr_aws_canonical_fields(b, p->fields);
    wr_buf_add_char(b, '\n');
    wr_aws_signed_names(b, p->fields);
    wr_buf_add_char(b, '\n');
    wr_buf_add(b, p->payload_hash);

    char hash[WR_AWS_HASH_LEN + 1];
    unsigned char sum[KEY_LEN];
    wr_aws_hash(s, wr_buf_str(b), hash);
    b = &s->to_sign;
    wr_buf_clear(b);
    wr_buf_add(b, WR_STR("AWS4-HMAC-SHA256\n"));
    wr_buf_add(b, p->date);
    wr_buf_add_char(b, '\n');
    add_scope(b, p);
    wr_buf_add_char(b, '\n');
    wr_buf_add(b, (wr_str){hash, WR_AWS_HASH_LEN});
    hmac(s, wr_aws_derive(s, p->secret, wr_str_cut(p->date, 0, 8), p->region, p->service), KEY_LEN,
         wr_buf_str(b), sum);
    to_hex(sum, out);
    return true;
}

// Host and the request's own headers.
static bool add_request(struct wr_aws_fields *f, const struct wr_aws_request *req)
{
    bool fits = wr_aws_fields_add(f, WR_STR("host"), req->host);
    for (size_t i = 0; i < req->header_count; i++) {
        wr_str name = req->headers[i].name;
        if (!wr_aws_never_signed(name) && !wr_str_eq_nocase(name, WR_STR("host"))) {
            fits = fits && wr_aws_fields_add(f, name, req->headers[i].value);
        }
    }
    return fits;
}

static bool add_header(struct wr_aws_fields *f, struct wr_aws_signature *out, wr_str name,
                       wr_str value)
{
    out->headers[out->count++] = (struct wr_http_header){name, value};
    return wr_aws_fields_add(f, name, value);
}

static void hash_body(struct wr_aws_signer *s, const struct wr_aws_request *req, bool without,
                      char out[WR_AWS_HASH_LEN + 1])
{
    static const char unsigned_payload[] = "UNSIGNED-PAYLOAD";
    if (without) {
        memcpy(out, unsigned_payload, sizeof unsigned_payload);
    } else {
        wr_aws_hash(s, req->body, out);
    }
}

wr_err wr_aws_sign(struct wr_aws_signer *s, const struct wr_aws_keys *keys,
                   const struct wr_aws_scope *scope, const struct wr_aws_request *req,
                   struct wr_buf *text, struct wr_aws_signature *out)
{
    if (scope->time_ms < 0 || scope->time_ms > TIME_MAX_MS) {
        return WR_ERR_RANGE;
    }
    struct wr_aws_fields fields = {.count = 0};
    out->count = 0;
    wr_aws_date(out->date, scope->time_ms);
    hash_body(s, req, req->unsigned_payload, out->hash);
    bool fits = add_request(&fields, req);
    fits = add_header(&fields, out, WR_STR("X-Amz-Date"), wr_str_of(out->date)) && fits;
    if (keys->token.len > 0) {
        fits = add_header(&fields, out, WR_STR("X-Amz-Security-Token"), keys->token) && fits;
    }
    if (req->unsigned_payload || wr_aws_wants_hash(scope->service)) {
        fits =
            add_header(&fields, out, WR_STR("X-Amz-Content-SHA256"), wr_str_of(out->hash)) && fits;
    }
    struct wr_aws_parts parts = {
        .req = req,
        .fields = &fields,
        .query = req->query,
        .secret = keys->secret,
        .date = wr_str_of(out->date),
        .region = scope->region,
        .service = scope->service,
        .payload_hash = wr_str_of(out->hash),
    };
    if (!fits || !wr_aws_signature_of(s, &parts, out->text)) {
        return WR_ERR_LIMIT;
    }
    wr_buf_clear(text);
    wr_buf_add(text, WR_STR("AWS4-HMAC-SHA256 Credential="));
    wr_buf_add(text, keys->id);
    wr_buf_add_char(text, '/');
    add_scope(text, &parts);
    wr_buf_add(text, WR_STR(", SignedHeaders="));
    wr_aws_signed_names(text, &fields);
    wr_buf_add(text, WR_STR(", Signature="));
    wr_buf_add(text, (wr_str){out->text, WR_AWS_HASH_LEN});
    out->headers[out->count++] = (struct wr_http_header){WR_STR("Authorization"), wr_buf_str(text)};
    return WR_OK;
}

wr_err wr_aws_presign(struct wr_aws_signer *s, const struct wr_aws_keys *keys,
                      const struct wr_aws_scope *scope, const struct wr_aws_request *req,
                      uint32_t expires_s, struct wr_buf *query)
{
    if (scope->time_ms < 0 || scope->time_ms > TIME_MAX_MS || expires_s < 1 || expires_s > 604800) {
        return WR_ERR_RANGE;
    }
    struct wr_aws_fields fields = {.count = 0};
    char date[WR_AWS_DATE_LEN + 1], hash[WR_AWS_HASH_LEN + 1], text[WR_AWS_HASH_LEN + 1];
    wr_aws_date(date, scope->time_ms);
    hash_body(s, req, req->unsigned_payload || wr_aws_plain_path(scope->service), hash);
    if (!add_request(&fields, req)) {
        return WR_ERR_LIMIT;
    }
    struct wr_aws_parts parts = {
        .req = req,
        .fields = &fields,
        .secret = keys->secret,
        .date = wr_str_of(date),
        .region = scope->region,
        .service = scope->service,
        .payload_hash = wr_str_of(hash),
    };
    struct wr_buf *b = query;
    wr_buf_clear(b);
    wr_buf_add(b, req->query);
    wr_buf_add(b, req->query.len ? WR_STR("&") : WR_STR(""));
    wr_buf_add(b, WR_STR("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="));
    wr_buf_clear(&s->to_sign); // as room for what is encoded
    wr_buf_add(&s->to_sign, keys->id);
    wr_buf_add_char(&s->to_sign, '/');
    add_scope(&s->to_sign, &parts);
    wr_aws_encode(b, wr_buf_str(&s->to_sign), false);
    wr_buf_add(b, WR_STR("&X-Amz-Date="));
    wr_buf_add(b, parts.date);
    wr_buf_add(b, WR_STR("&X-Amz-Expires="));
    wr_buf_add_u64(b, expires_s);
    wr_buf_clear(&s->to_sign);
    wr_aws_signed_names(&s->to_sign, &fields);
    wr_buf_add(b, WR_STR("&X-Amz-SignedHeaders="));
    wr_aws_encode(b, wr_buf_str(&s->to_sign), false);
    if (keys->token.len > 0) {
        wr_buf_add(b, WR_STR("&X-Amz-Security-Token="));
        wr_aws_encode(b, keys->token, false);
    }
    parts.query = wr_buf_str(b);
    if (!wr_aws_signature_of(s, &parts, text)) {
        return WR_ERR_LIMIT;
    }
    wr_buf_add(b, WR_STR("&X-Amz-Signature="));
    wr_buf_add(b, (wr_str){text, WR_AWS_HASH_LEN});
    return WR_OK;
}

wr_str wr_aws_signer_canonical(const struct wr_aws_signer *s)
{
    return wr_buf_str(&s->canonical);
}

wr_str wr_aws_signer_to_sign(const struct wr_aws_signer *s)
{
    return wr_buf_str(&s->to_sign);
}
