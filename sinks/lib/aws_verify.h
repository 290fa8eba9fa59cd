// Signature Version 4, the server's side: was this request signed with that secret
// (control-plane.md 10)? Two steps, since the secret is looked up by the key id that the request
// claims. Thread: the signer's owner. Input is an outsider's: everything is checked.
#ifndef WR_SINKS_LIB_AWS_VERIFY_H
#define WR_SINKS_LIB_AWS_VERIFY_H

#include "sinks/lib/aws_sign.h"
#include "sql/base/err.h"

#define WR_AWS_SKEW_MS (15 * 60 * 1000) // a client's clock may be this far off

// CHECK(name, error code of AWS to answer with, what it means)
#define WR_AWS_CHECK_MAP(CHECK)                                                                  \
    CHECK(VERIFIED, "", "signed with the secret")                                                \
    CHECK(UNSIGNED, "MissingAuthenticationTokenException", "there is no signature")              \
    CHECK(MALFORMED, "IncompleteSignatureException", "the signature cannot be read")             \
    CHECK(UNKNOWN_KEY, "UnrecognizedClientException", "no such access key")                      \
    CHECK(OTHER_SCOPE, "InvalidSignatureException", "signed for another day, region or service") \
    CHECK(OUT_OF_TIME, "InvalidSignatureException", "signed too long ago, or in the future")     \
    CHECK(NOT_COVERED, "InvalidSignatureException", "a header that must be signed is not")       \
    CHECK(OTHER_BODY, "InvalidSignatureException", "the body is not the one that was hashed")    \
    CHECK(MISMATCH, "InvalidSignatureException",                                                 \
          "the signature is not the one made with the secret")

enum wr_aws_check {
#define CHECK(name, code, text) WR_AWS_CHECK_##name,
    WR_AWS_CHECK_MAP(CHECK)
#undef CHECK
};
const char *wr_aws_check_code(enum wr_aws_check check);
const char *wr_aws_check_text(enum wr_aws_check check);

// What a request says of its signature; borrowed from the request, but for what was decoded, which
// lives in `arena` of wr_aws_claim_read().
struct wr_aws_claim {
    wr_str key_id, day, region, service;
    wr_str signed_names; // "host;x-amz-date"
    wr_str signature;
    wr_str date;
    wr_str token; // empty: none
    int64_t time_ms;
    int64_t expires_s; // in_query
    bool in_query;
};

// VERIFIED: `claim` is filled and well formed, nothing more. Otherwise UNSIGNED or MALFORMED with a
// fault. `host` of the request must be set from its Host header.
enum wr_aws_check wr_aws_claim_read(const struct wr_aws_request *req, struct wr_arena *arena,
                                    struct wr_aws_claim *claim,
                                    struct wr_fault *fault) WR_MUST_CHECK;

struct wr_aws_expected {
    wr_str region;          // empty: any
    const wr_str *services; // signing names that are right; NULL: any
    size_t service_count;
    int64_t now_ms;
    bool unsigned_payload; // bodies may go unsigned (UNSIGNED-PAYLOAD)
};

// `secret` of the claimed key; {NULL, 0}: there is no such key, which takes as long to find out.
// Signatures are compared in constant time. The fault (may be NULL) never holds a signature or a
// secret: it may be shown to the client.
enum wr_aws_check wr_aws_verify(struct wr_aws_signer *s, const struct wr_aws_request *req,
                                const struct wr_aws_claim *claim, wr_str secret,
                                const struct wr_aws_expected *expected,
                                struct wr_fault *fault) WR_MUST_CHECK;

#endif
