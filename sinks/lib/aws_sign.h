// Signature Version 4: signs requests, in headers or in the query. OpenSSL's HMAC and SHA-256 with
// contexts that are kept, and derived keys that are kept for their day.
// Thread: the signer's owner. In steady state nothing is allocated here; OpenSSL 3.0 allocates
// small contexts inside, eight times a signature (own HMAC and kept contexts measured the same).
#ifndef WR_SINKS_LIB_AWS_SIGN_H
#define WR_SINKS_LIB_AWS_SIGN_H

#include "sinks/lib/aws_canonical.h"
#include "sql/base/err.h"

#define WR_AWS_HASH_LEN 64 // SHA-256 in hexadecimal
#define WR_AWS_KEYS_MAX 32 // derived keys kept: a few services and regions, a few roles

struct wr_aws_signer;

// Give: wr_aws_signer_free(), which wipes the keys it kept. NULL is accepted there.
struct wr_aws_signer *wr_aws_signer_new(void);
void wr_aws_signer_free(struct wr_aws_signer *s);

struct wr_aws_keys {
    wr_str id, secret;
    wr_str token; // empty: none
};

struct wr_aws_scope {
    wr_str region, service; // the signing name: "monitoring", not "cloudwatch"
    int64_t time_ms;        // since 1970, by AWS's clock
};

// What to send besides the request's own headers. Values borrow from it, from the keys, and from
// the buffer that wr_aws_sign() was given.
struct wr_aws_signature {
    struct wr_http_header headers[4];
    size_t count;
    char date[WR_AWS_DATE_LEN + 1];
    char hash[WR_AWS_HASH_LEN + 1]; // of the body, or UNSIGNED-PAYLOAD
    char text[WR_AWS_HASH_LEN + 1]; // the signature alone
};

// Sign with an Authorization header. Every header of the request is signed but those of
// wr_aws_never_signed(). `text` (cleared first) holds the header's value and must live, unchanged,
// as long as `out` is used. WR_ERR_LIMIT: too many headers or parameters; WR_ERR_RANGE: a time
// outside the years 1970 to 9999.
wr_err wr_aws_sign(struct wr_aws_signer *s, const struct wr_aws_keys *keys,
                   const struct wr_aws_scope *scope, const struct wr_aws_request *req,
                   struct wr_buf *text, struct wr_aws_signature *out) WR_MUST_CHECK;

// Sign in the query, good for `expires_s` seconds (1 to 604800): `query` is cleared and holds the
// whole query to send. The body of an S3 request is not signed. The request's own headers are, and
// have to be sent.
wr_err wr_aws_presign(struct wr_aws_signer *s, const struct wr_aws_keys *keys,
                      const struct wr_aws_scope *scope, const struct wr_aws_request *req,
                      uint32_t expires_s, struct wr_buf *query) WR_MUST_CHECK;

// For tests and debugging: what the last signature was made from; until the next.
wr_str wr_aws_signer_canonical(const struct wr_aws_signer *s);
wr_str wr_aws_signer_to_sign(const struct wr_aws_signer *s);

// ---- parts, for aws_verify.c

// The hash of `bytes` in lower-case hexadecimal, terminated.
void wr_aws_hash(struct wr_aws_signer *s, wr_str bytes, char out[WR_AWS_HASH_LEN + 1]);

// The 32 bytes of the key for a day ("20260102"), kept for the next time.
const unsigned char *wr_aws_derive(struct wr_aws_signer *s, wr_str secret, wr_str day,
                                   wr_str region, wr_str service);

// The signature over these parts, all as they stand in the canonical request; `query` is made
// canonical here, without the parameter `without`. False: too many parameters.
struct wr_aws_parts {
    const struct wr_aws_request *req;
    const struct wr_aws_fields *fields;
    wr_str query, without;
    wr_str secret, date, region, service, payload_hash;
};
bool wr_aws_signature_of(struct wr_aws_signer *s, const struct wr_aws_parts *parts,
                         char out[WR_AWS_HASH_LEN + 1]) WR_MUST_CHECK;

#endif
