// The canonical request of Signature Version 4 (actions.md 8), for those who sign and those who
// verify. Pure text: no keys, no digests.
// Thread: any.
#ifndef WR_SINKS_LIB_AWS_CANONICAL_H
#define WR_SINKS_LIB_AWS_CANONICAL_H

#include "sinks/lib/http.h"
#include "sql/base/buf.h"
#include "sql/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define WR_AWS_FIELDS_MAX (WR_HTTP_HEADERS_MAX + 5) // the request's, and those that signing adds
#define WR_AWS_QUERY_MAX  256                       // parameters; sorted by insertion

// A request as it goes, or came, over the wire. Everything is borrowed.
struct wr_aws_request {
    wr_str method;
    wr_str host;  // with its port when it is not the scheme's own
    wr_str path;  // percent-encoded once, as sent; empty is "/"
    wr_str query; // percent-encoded, as sent, without "?"; sent exactly like this, in any order
    const struct wr_http_header *headers; // "Host" among them is passed over: `host` says it
    size_t header_count;
    wr_str body;
    bool unsigned_payload; // "UNSIGNED-PAYLOAD": S3 over TLS only
};

// Header fields, sorted by their lower-case names; equal names in the order they were added.
struct wr_aws_fields {
    struct wr_http_header at[WR_AWS_FIELDS_MAX];
    size_t count;
};

// False when there is no room.
bool wr_aws_fields_add(struct wr_aws_fields *f, wr_str name, wr_str value) WR_MUST_CHECK;

// Is a header of that name left out of a signature because proxies and libraries change it?
bool wr_aws_never_signed(wr_str name);

// Every byte but A-Za-z0-9-._~ becomes %XX; "/" too unless `slash`.
void wr_aws_encode(struct wr_buf *b, wr_str s, bool slash);

// Services whose paths are neither normalised nor encoded again, and which want the hash of the
// body in x-amz-content-sha256: s3 and its kin. OpenSearch Serverless (aoss) wants the hash only.
bool wr_aws_plain_path(wr_str service);
bool wr_aws_wants_hash(wr_str service);

void wr_aws_canonical_path(struct wr_buf *b, wr_str path, bool plain);
// Sorted, "name=" for a name without value; the parameter `without` is left out (NULL: none).
// False when there are more than WR_AWS_QUERY_MAX.
bool wr_aws_canonical_query(struct wr_buf *b, wr_str query, wr_str without) WR_MUST_CHECK;
// "name:value\n" each; values trimmed, runs of blanks made one, values of equal names joined by
// ",".
void wr_aws_canonical_fields(struct wr_buf *b, const struct wr_aws_fields *f);
// "content-type;host;x-amz-date"
void wr_aws_signed_names(struct wr_buf *b, const struct wr_aws_fields *f);

#define WR_AWS_DATE_LEN 16 // "20260102T030405Z"
void wr_aws_date(char out[WR_AWS_DATE_LEN + 1], int64_t time_ms);
// False when it is no such date.
bool wr_aws_date_read(wr_str date, int64_t *time_ms) WR_MUST_CHECK;

#endif
