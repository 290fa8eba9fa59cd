// Signing and verifying against known answers: the vectors in aws/sigv4_vectors.json (two of AWS's
// own SDKs agree on them) and the tables below (botocore 1.29.27). sign_differential.py compares
// thousands of random requests.
#include "sinks/lib/aws_sign.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "sinks/lib/aws_verify.h"

#include "tests/support/test.h"

#include "tests/support/allocations.h"

#include "sql/base/banned.h"

static const char *folder;
static struct wr_aws_signer *signer;
static struct wr_buf text;

static const char *member(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "";
}

static int64_t time_of(wr_str date)
{
    int64_t ms = 0;
    CHECK("date", wr_aws_date_read(date, &ms));
    return ms;
}

// "scheme://host/path?query"
static void set_url(struct wr_aws_request *req, wr_str url)
{
    ptrdiff_t host = wr_str_find(url, S("://")) + 3;
    const char *path = memchr(url.at + host, '/', url.len - (size_t)host);
    size_t at = (size_t)(path - url.at);
    const char *query = memchr(path, '?', url.len - at);
    size_t end = query ? (size_t)(query - url.at) : url.len;
    req->host = wr_str_cut(url, (size_t)host, at);
    req->path = wr_str_cut(url, at, end);
    req->query = query ? wr_str_cut(url, end + 1, url.len) : (wr_str){0};
}

static wr_str header_of(const struct wr_aws_signature *sig, const char *name)
{
    for (size_t i = 0; i < sig->count; i++) {
        if (wr_str_eq_nocase(sig->headers[i].name, Z(name))) {
            return sig->headers[i].value;
        }
    }
    return (wr_str){0};
}

// The signed request comes in at a server.
static enum wr_aws_check receive(const struct wr_aws_request *req,
                                 const struct wr_aws_signature *sig, wr_str secret, int64_t now_ms,
                                 struct wr_aws_claim *claim, struct wr_fault *fault)
{
    struct wr_http_header headers[WR_AWS_FIELDS_MAX];
    struct wr_arena arena;
    struct wr_aws_request in = *req;
    in.headers = headers;
    in.header_count = 0;
    for (size_t i = 0; i < req->header_count; i++) {
        headers[in.header_count++] = req->headers[i];
    }
    for (size_t i = 0; i < sig->count; i++) {
        headers[in.header_count++] = sig->headers[i];
    }
    headers[in.header_count++] = (struct wr_http_header){S("User-Agent"), S("test")};
    headers[in.header_count++] = (struct wr_http_header){S("Host"), req->host};
    wr_arena_init(&arena, 1 << 16);
    enum wr_aws_check check = wr_aws_claim_read(&in, &arena, claim, fault);
    if (check == WR_AWS_CHECK_VERIFIED) {
        check = wr_aws_verify(signer, &in, claim, secret,
                              &(struct wr_aws_expected){.now_ms = now_ms}, fault);
    }
    wr_arena_release(&arena);
    return check;
}

// ---- the vectors

static json_t *read_vectors(void)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/sigv4_vectors.json", folder);
    json_t *root = json_load_file(path, 0, &error);
    if (!root) {
        CASE_FAIL(path, "%s", error.text);
    }
    return root;
}

static void check_vector(const json_t *v)
{
    const char *name = member(v, "name");
    const json_t *input = json_object_get(v, "input"), *value;
    json_t *given = json_object_get(input, "headers");
    const json_t *credentials = json_object_get(v, "credentials");
    struct wr_http_header headers[16];
    size_t count = 0;
    const char *key;
    json_object_foreach(given, key, value)
    {
        headers[count++] = (struct wr_http_header){Z(key), Z(json_string_value(value))};
    }
    struct wr_aws_request req = {.method = Z(member(input, "method")),
                                 .headers = headers,
                                 .header_count = count,
                                 .body = Z(member(input, "body_utf8"))};
    set_url(&req, Z(member(input, "url")));
    struct wr_aws_keys keys = {Z(member(credentials, "access_key_id")),
                               Z(member(credentials, "secret_access_key")),
                               Z(member(credentials, "session_token"))};
    struct wr_aws_scope scope = {Z(member(v, "region")), Z(member(v, "service")),
                                 time_of(Z(member(v, "amz_date")))};
    struct wr_aws_signature sig;
    CHECK_INT(name, wr_aws_sign(signer, &keys, &scope, &req, &text, &sig), WR_OK);
    CHECK_STR(name, Z(sig.hash), Z(member(v, "payload_sha256")));
    CHECK_STR(name, wr_aws_signer_canonical(signer), Z(member(v, "canonical_request")));
    CHECK_STR(name, wr_aws_signer_to_sign(signer), Z(member(v, "string_to_sign")));
    CHECK_STR(name, Z(sig.text), Z(member(v, "signature")));
    json_t *added = json_object_get(v, "headers_added");
    CHECK_INT(name, sig.count, json_object_size(added));
    json_object_foreach(added, key, value)
    {
        CHECK_STR(name, header_of(&sig, key), Z(json_string_value(value)));
    }
    struct wr_buf hex = {0};
    wr_buf_add_hex(&hex,
                   wr_aws_derive(signer, keys.secret, wr_str_cut(Z(sig.date), 0, 8), scope.region,
                                 scope.service),
                   32);
    CHECK_STR(name, wr_buf_str(&hex), Z(member(v, "signing_key_hex")));
    wr_buf_release(&hex);

    struct wr_aws_claim claim;
    struct wr_fault fault = {0};
    CHECK_INT(name, receive(&req, &sig, keys.secret, scope.time_ms + 1000, &claim, &fault),
              WR_AWS_CHECK_VERIFIED);
    CHECK_STR(name, claim.key_id, keys.id);
    CHECK_STR(name, claim.token, keys.token);
    CHECK_INT(name, receive(&req, &sig, S("another"), scope.time_ms, &claim, &fault),
              WR_AWS_CHECK_MISMATCH);
    CHECK_INT(name, receive(&req, &sig, (wr_str){0}, scope.time_ms, &claim, &fault),
              WR_AWS_CHECK_UNKNOWN_KEY);
}

static void test_vectors(void **state)
{
    json_t *root = read_vectors(), *v;
    const json_t *known = json_object_get(root, "known_answer");
    size_t i;
    struct wr_buf hex = {0};
    wr_buf_add_hex(&hex,
                   wr_aws_derive(signer, Z(member(known, "secret_access_key")),
                                 Z(member(known, "date")), Z(member(known, "region")),
                                 Z(member(known, "service"))),
                   32);
    CHECK_STR("known answer", wr_buf_str(&hex), Z(member(known, "signing_key_hex")));
    CHECK_INT("vectors", json_array_size(json_object_get(root, "vectors")), 10);
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        check_vector(v);
    }
    wr_buf_release(&hex);
    json_decref(root);
}

// ---- the tables: botocore 1.29.27, 20260102T030405Z

#define SECRET   "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SECRET_2 "weir-example-secret-0123456789ABCDEFGHIJ"
#define ARN      "arn%3Aaws%3Aiot%3Aeu-west-1%3A123456789012%3Acert%2Fab12"

static const struct row {
    const char *name, *secret, *region, *service, *host, *method, *path, *query;
    struct wr_http_header headers[2];
    const char *token, *body, *signed_names, *signature;
} rows[] = {
    {"s3 encoded key", SECRET, "eu-central-1", "s3", "host.example", "PUT",
     "/bucket/a%20b/%C3%BC%2B%25/%3D.json", "", .body = "{\"a\":1}",
     .signed_names = "host;x-amz-content-sha256;x-amz-date",
     .signature = "ebc705876b037539e271a38f458d1a68c4d987a1390e9fc3d53239c90d7c0b48"},
    {"s3 query", SECRET, "eu-central-1", "s3", "host.example", "GET", "/bucket",
     "acl=&list-type=2&prefix=a%2Fb%20c", .body = "",
     .signed_names = "host;x-amz-content-sha256;x-amz-date",
     .signature = "a617d8581841f3da3558fc1c4670e4d0ff32636e5fad92cf1d4186edbcd4cc13"},
    {"s3 query in another order", SECRET, "eu-central-1", "s3", "host.example", "GET", "/bucket",
     "prefix=a%2Fb%20c&list-type=2&acl", .body = "",
     .signed_names = "host;x-amz-content-sha256;x-amz-date",
     .signature = "a617d8581841f3da3558fc1c4670e4d0ff32636e5fad92cf1d4186edbcd4cc13"},
    {"s3 token", SECRET, "eu-central-1", "s3", "host.example", "PUT", "/bucket/empty", "",
     .token = "FwoGZXIvYXdzEXAMPLE==", .body = "",
     .signed_names = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
     .signature = "af4490d1500a2e20c6aa501a533e1205a3bd249181b8fea2bca9e7b794d8ed9a"},
    {"dynamodb",
     SECRET,
     "eu-central-1",
     "dynamodb",
     "host.example",
     "POST",
     "/",
     "",
     {{WR_STR_INIT("X-Amz-Target"), WR_STR_INIT("DynamoDB_20120810.PutItem")},
      {WR_STR_INIT("Content-Type"), WR_STR_INIT("application/x-amz-json-1.0")}},
     .body = "{\"TableName\":\"t\"}",
     .signed_names = "content-type;host;x-amz-date;x-amz-target",
     .signature = "f751039bf0e0729af57033ee6525fdd4be603875063590854b56c06700637408"},
    {"lambda", SECRET, "eu-central-1", "lambda", "host.example", "POST",
     "/2015-03-31/functions/"
     "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Af/invocations",
     "Qualifier=%24LATEST", .body = "{}", .signed_names = "host;x-amz-date",
     .signature = "e069544ff11ac332827618f04253b37b5c40eaee8592458a4160ae7bee82ab91"},
    {"iot list", SECRET_2, "eu-west-1", "iot", "127.0.0.1:8080", "GET", "/things",
     "attributeName=attr1&attributeValue=a%3Ab", .body = "", .signed_names = "host;x-amz-date",
     .signature = "4b5f0570b52c98658396bbdf250c55fb159aab587273b38bbbbd487e779b009c"},
    {"iot thing",
     SECRET_2,
     "eu-west-1",
     "iot",
     "127.0.0.1:8080",
     "POST",
     "/things/a%3Ab_1",
     "",
     {{WR_STR_INIT("Content-Type"), WR_STR_INIT("application/json")}},
     .body = "{\"attributePayload\": {\"attributes\": {\"k\": \"v\"}}}",
     .signed_names = "content-type;host;x-amz-date",
     .signature = "40e8408595c404ed51d9ed9b40cda511e2f1a2bf70a736dff1802e556f1bb586"},
    {"iot arn in path", SECRET_2, "eu-west-1", "iot", "127.0.0.1:8080", "POST",
     "/attached-policies/" ARN, "recursive=true&pageSize=3", .body = "",
     .signed_names = "host;x-amz-date",
     .signature = "5124e8f0225fa93ad26dc49e7e429894fd3121854b502f6785d89f4216d8bbc4"},
    {"iot header",
     SECRET_2,
     "eu-west-1",
     "execute-api",
     "127.0.0.1:8080",
     "PUT",
     "/things/x/principals",
     "",
     {{WR_STR_INIT("x-amzn-principal"),
       WR_STR_INIT("arn:aws:iot:eu-west-1:123456789012:cert/ab12")}},
     .body = "",
     .signed_names = "host;x-amz-date;x-amzn-principal",
     .signature = "7a0deb6436b0a0bf9be7a968dfea2e1ba202369a6423cf250a7c4ca101415b40"},
    {"iot prefix", SECRET_2, "eu-west-1", "execute-api", "127.0.0.1:8080", "POST",
     "/t/acme/keys-and-certificate", "setAsActive=true", .body = "",
     .signed_names = "host;x-amz-date",
     .signature = "b3f6861ea1de18dc049a873b666556011ee237bbb52db82f4d76b50efc8b1954"},
};

static void request_of(const struct row *r, struct wr_aws_request *req)
{
    *req = (struct wr_aws_request){.method = Z(r->method),
                                   .host = Z(r->host),
                                   .path = Z(r->path),
                                   .query = Z(r->query),
                                   .headers = r->headers,
                                   .body = Z(r->body)};
    while (req->header_count < 2 && r->headers[req->header_count].name.len > 0) {
        req->header_count++;
    }
}

static void test_tables(void **state)
{
    int64_t now = time_of(S("20260102T030405Z"));
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct row *r = &rows[i];
        struct wr_aws_request req;
        struct wr_aws_signature sig;
        struct wr_aws_keys keys = {S("AKIAWEIRTENANT000001"), Z(r->secret), Z(r->token)};
        request_of(r, &req);
        CHECK_INT(r->name,
                  wr_aws_sign(signer, &keys,
                              &(struct wr_aws_scope){Z(r->region), Z(r->service), now}, &req, &text,
                              &sig),
                  WR_OK);
        CHECK_STR(r->name, Z(sig.text), Z(r->signature));
        struct wr_aws_claim claim;
        struct wr_fault fault = {0};
        CHECK_INT(r->name, receive(&req, &sig, keys.secret, now, &claim, &fault),
                  WR_AWS_CHECK_VERIFIED);
        CHECK_STR(r->name, claim.signed_names, Z(r->signed_names));
    }
}

// In steady state only OpenSSL allocates: 2 digests and an HMAC, whose key it copies too.
#define OPENSSL_CALLS 14 // of malloc and its kin, a signature

static void test_no_allocations(void **state)
{
    int64_t now = time_of(S("20260102T030405Z"));
    struct wr_aws_signature sig;
    for (int turn = 0; turn < 1000; turn++) {
        uint64_t before = allocation_calls;
        for (size_t i = 0; i < WR_COUNT(rows); i++) {
            struct wr_aws_request req;
            struct wr_aws_keys keys = {S("AKIAWEIRTENANT000001"), Z(rows[i].secret),
                                       Z(rows[i].token)};
            struct wr_aws_scope scope = {Z(rows[i].region), Z(rows[i].service), now};
            request_of(&rows[i], &req);
            CHECK_INT(rows[i].name, wr_aws_sign(signer, &keys, &scope, &req, &text, &sig), WR_OK);
            CHECK_STR(rows[i].name, Z(sig.text), Z(rows[i].signature));
        }
        if (turn > 0 && COUNTED) {
            CHECK("calls of malloc and its kin",
                  allocation_calls - before <= OPENSSL_CALLS * WR_COUNT(rows));
        }
    }
}

// ---- canonical text

static void test_paths(void **state)
{
    static const struct {
        const char *path, *normal, *plain;
    } cases[] = {
        {"", "/", "/"},
        {"/", "/", "/"},
        {"/a//b/./c/../d", "/a/b/d", "/a//b/./c/../d"},
        {"/a/b/", "/a/b/", "/a/b/"},
        {"/../..", "/", "/../.."},
        {"/a/..", "/", "/a/.."},
        {"/a/../", "/", "/a/../"},
        {"/a%3Ab%20c", "/a%253Ab%2520c", "/a%3Ab%20c"},
        {"/~-._", "/~-._", "/~-._"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf b = {0};
        wr_aws_canonical_path(&b, Z(cases[i].path), false);
        CHECK_STR(cases[i].path, wr_buf_str(&b), Z(cases[i].normal));
        wr_buf_clear(&b);
        wr_aws_canonical_path(&b, Z(cases[i].path), true);
        CHECK_STR(cases[i].path, wr_buf_str(&b), Z(cases[i].plain));
        wr_buf_release(&b);
    }
}

static void test_queries(void **state)
{
    static const struct {
        const char *query, *canonical;
    } cases[] = {
        {"", ""},
        {"a", "a="},
        {"b=2&a=1", "a=1&b=2"},
        {"a=2&a=1&a", "a=&a=1&a=2"},
        {"a-b=1&a=2", "a=2&a-b=1"}, // by name first: '-' is less than '='
        {"&&a=1&", "a=1"},
        {"a=b=c", "a=b=c"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf b = {0};
        CHECK(cases[i].query, wr_aws_canonical_query(&b, Z(cases[i].query), (wr_str){0}));
        CHECK_STR(cases[i].query, wr_buf_str(&b), Z(cases[i].canonical));
        wr_buf_release(&b);
    }
}

static void test_limits(void **state)
{
    struct wr_http_header headers[WR_AWS_FIELDS_MAX];
    struct wr_buf query = {0}, b = {0};
    struct wr_aws_signature sig;
    struct wr_aws_keys keys = {S("id"), S("secret"), {0}};
    struct wr_aws_scope scope = {S("r"), S("s"), 0};
    struct wr_aws_request req = {.method = S("GET"), .host = S("h"), .headers = headers};
    for (size_t i = 0; i < WR_COUNT(headers); i++) {
        headers[i] = (struct wr_http_header){S("x-a"), S("")};
    }
    req.header_count = WR_AWS_FIELDS_MAX - 2;
    CHECK_INT("as many headers as fit", wr_aws_sign(signer, &keys, &scope, &req, &text, &sig),
              WR_OK);
    req.header_count++;
    CHECK_INT("one header more", wr_aws_sign(signer, &keys, &scope, &req, &text, &sig),
              WR_ERR_LIMIT);
    req.header_count = 0;
    for (int i = 0; i < WR_AWS_QUERY_MAX; i++) {
        wr_buf_add(&query, S("a&"));
    }
    CHECK("as many parameters as fit", wr_aws_canonical_query(&b, wr_buf_str(&query), (wr_str){0}));
    wr_buf_add(&query, S("a&"));
    CHECK("one parameter more", !wr_aws_canonical_query(&b, wr_buf_str(&query), (wr_str){0}));
    req.query = wr_buf_str(&query);
    CHECK_INT("and no signature", wr_aws_sign(signer, &keys, &scope, &req, &text, &sig),
              WR_ERR_LIMIT);
    req.query = (wr_str){0};
    scope.time_ms = -1;
    CHECK_INT("before 1970", wr_aws_sign(signer, &keys, &scope, &req, &text, &sig), WR_ERR_RANGE);
    scope.time_ms = 253402300800000;
    CHECK_INT("after 9999", wr_aws_sign(signer, &keys, &scope, &req, &text, &sig), WR_ERR_RANGE);
    wr_buf_release(&query);
    wr_buf_release(&b);
}

static void test_dates(void **state)
{
    static const struct {
        const char *date;
        int64_t ms; // -1: none
    } cases[] = {
        {"19700101T000000Z", 0},
        {"20260102T030405Z", 1767323045000},
        {"20240229T235959Z", 1709251199000},
        {"20230229T000000Z", -1},
        {"20230431T000000Z", -1},
        {"20231301T000000Z", -1},
        {"20230101T240000Z", -1},
        {"20230101T006000Z", -1},
        {"20230101t000000Z", -1},
        {"2023-101T000000Z", -1},
        {"20230101T000000", -1},
        {"", -1},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        int64_t ms = -1;
        CHECK_INT(cases[i].date, wr_aws_date_read(Z(cases[i].date), &ms), cases[i].ms >= 0);
        CHECK_INT(cases[i].date, ms, cases[i].ms);
        if (cases[i].ms >= 0) {
            char out[WR_AWS_DATE_LEN + 1];
            wr_aws_date(out, cases[i].ms + 999);
            CHECK_STR(cases[i].date, Z(out), Z(cases[i].date));
        }
    }
}

// More secrets than are kept: the right key every time.
static void test_keys_kept(void **state)
{
    struct wr_buf first[2 * WR_AWS_KEYS_MAX] = {0};
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < WR_COUNT(first); i++) {
            char secret[16];
            struct wr_buf hex = {0};
            snprintf(secret, sizeof secret, "secret-%zu", i);
            wr_buf_add_hex(&hex, wr_aws_derive(signer, Z(secret), S("20260102"), S("r"), S("s")),
                           32);
            if (turn == 0) {
                first[i] = hex;
                CHECK("differs from the one before",
                      i == 0 || !wr_str_eq(wr_buf_str(&hex), wr_buf_str(&first[i - 1])));
            } else {
                CHECK_STR(secret, wr_buf_str(&hex), wr_buf_str(&first[i]));
                wr_buf_release(&hex);
            }
        }
    }
    for (size_t i = 0; i < WR_COUNT(first); i++) {
        wr_buf_release(&first[i]);
    }
}

// ---- verifying

#define NOW "20260102T030405Z"
#define AUTH(names, signature)                                                                   \
    "AWS4-HMAC-SHA256 Credential=AKID/20260102/eu-west-1/iot/aws4_request, SignedHeaders=" names \
    ", Signature=" signature
#define HASH "4b5f0570b52c98658396bbdf250c55fb159aab587273b38bbbbd487e779b009c"

static void test_claims(void **state)
{
    static const struct {
        const char *authorization, *date, *query, *says; // NULL: well formed
    } cases[] = {
        {AUTH("host;x-amz-date", HASH), NOW, "", NULL},
        {"AWS4-HMAC-SHA256 Signature=" HASH ",SignedHeaders=host,Credential=a/b/20260102/r/s/"
         "aws4_request",
         NOW, "", NULL},
        {NULL, NOW, "", "there is no Authorization header"},
        {"", NOW, "", "Authorization: expected AWS4-HMAC-SHA256 and its parameters"},
        {"Bearer abc", NOW, "", "Authorization: expected AWS4-HMAC-SHA256 and its parameters"},
        {"AWS4-HMAC-SHA256", NOW, "",
         "Authorization: expected AWS4-HMAC-SHA256 and its parameters"},
        {"AWS4-HMAC-SHA256 Credential=AKID/20260102/r/s/aws4_request", NOW, "",
         "Authorization: expected Credential, SignedHeaders and Signature"},
        {AUTH("host", HASH) ", Signature=" HASH, NOW, "",
         "Authorization: expected Credential, SignedHeaders and Signature, each once"},
        {AUTH("host", HASH) ", Other=1", NOW, "",
         "Authorization: expected Credential, SignedHeaders and Signature, each once"},
        {AUTH("host", "ab"), NOW, "", "Signature: expected 64 lower-case hexadecimal digits"},
        {AUTH("x-amz-date;host", HASH), NOW, "",
         "SignedHeaders: expected lower-case names, sorted, with ';' between them"},
        {AUTH("host;host", HASH), NOW, "",
         "SignedHeaders: expected lower-case names, sorted, with ';' between them"},
        {AUTH("host;", HASH), NOW, "",
         "SignedHeaders: expected lower-case names, sorted, with ';' between them"},
        {AUTH("Host", HASH), NOW, "",
         "SignedHeaders: expected lower-case names, sorted, with ';' between them"},
        {AUTH("", HASH), NOW, "",
         "SignedHeaders: expected lower-case names, sorted, with ';' between them"},
        {AUTH("host", HASH), NULL, "", "expected one X-Amz-Date header, found 0"},
        {AUTH("host", HASH), "today", "", "X-Amz-Date: expected a date like 20260102T030405Z"},
        {"AWS4-HMAC-SHA256 Credential=AKID/20260102/r/aws4_request, SignedHeaders=host, "
         "Signature=" HASH,
         NOW, "", "Credential: expected KEY/yyyymmdd/REGION/SERVICE/aws4_request"},
        {"AWS4-HMAC-SHA256 Credential=AKID/20260102/r/s/aws5_request, SignedHeaders=host, "
         "Signature=" HASH,
         NOW, "", "Credential: expected KEY/yyyymmdd/REGION/SERVICE/aws4_request"},
        {NULL, NULL,
         "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260102%2Fr%2Fs%2Faws4_request&"
         "X-Amz-Date=" NOW "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" HASH,
         NULL},
        {NULL, NULL, "X-Amz-Signature=" HASH, "X-Amz-Algorithm: expected AWS4-HMAC-SHA256"},
        {NULL, NULL, "X-Amz-Signature=%4",
         "a signature's parameter twice, or with a wrong %-escape"},
        {NULL, NULL, "X-Amz-Signature=a&X-Amz-Signature=a",
         "a signature's parameter twice, or with a wrong %-escape"},
        {NULL, NULL,
         "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260102%2Fr%2Fs%2Faws4_request&"
         "X-Amz-Date=" NOW "&X-Amz-Expires=604801&X-Amz-SignedHeaders=host&X-Amz-Signature=" HASH,
         "X-Amz-Expires: expected 1 to 604800 seconds"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_http_header headers[2];
        struct wr_aws_request req = {.headers = headers, .query = Z(cases[i].query)};
        struct wr_fault fault = {0};
        struct wr_aws_claim claim;
        struct wr_arena arena;
        char name[32];
        if (cases[i].authorization) {
            headers[req.header_count++] =
                (struct wr_http_header){S("AUTHORIZATION"), Z(cases[i].authorization)};
        }
        if (cases[i].date) {
            headers[req.header_count++] =
                (struct wr_http_header){S("x-amz-date"), Z(cases[i].date)};
        }
        snprintf(name, sizeof name, "claim %zu", i);
        wr_arena_init(&arena, 1 << 16);
        enum wr_aws_check check = wr_aws_claim_read(&req, &arena, &claim, &fault);
        CHECK_STR(name, Z(fault.text), Z(cases[i].says));
        CHECK_INT(name, check == WR_AWS_CHECK_VERIFIED, cases[i].says == NULL);
        CHECK_INT(name, check == WR_AWS_CHECK_UNSIGNED,
                  !cases[i].authorization && cases[i].query[0] == '\0');
        wr_arena_release(&arena);
    }
}

// One good request; each case changes one thing on the way.
static void test_refusals(void **state)
{
    enum what { NOTHING, BODY, PATH, QUERY, VALUE, AMZ, PLAIN, REMOVED, HASH_SAID, HOST };
    static const struct {
        const char *name;
        enum what what;
        const char *region;
        int64_t later_ms;
        enum wr_aws_check want;
    } cases[] = {
        {"as signed", NOTHING, "eu-west-1", 0, WR_AWS_CHECK_VERIFIED},
        {"clock 15 min ahead", NOTHING, "", 15 * 60000, WR_AWS_CHECK_VERIFIED},
        {"clock 15 min behind", NOTHING, "", -15 * 60000, WR_AWS_CHECK_VERIFIED},
        {"too old", NOTHING, "", 15 * 60000 + 1, WR_AWS_CHECK_OUT_OF_TIME},
        {"too new", NOTHING, "", -15 * 60000 - 1, WR_AWS_CHECK_OUT_OF_TIME},
        {"another region", NOTHING, "eu-west-2", 0, WR_AWS_CHECK_OTHER_SCOPE},
        {"another body", BODY, "", 0, WR_AWS_CHECK_MISMATCH},
        {"another path", PATH, "", 0, WR_AWS_CHECK_MISMATCH},
        {"another query", QUERY, "", 0, WR_AWS_CHECK_MISMATCH},
        {"another value of a signed header", VALUE, "", 0, WR_AWS_CHECK_MISMATCH},
        {"another host", HOST, "", 0, WR_AWS_CHECK_MISMATCH},
        {"one more x-amz- header", AMZ, "", 0, WR_AWS_CHECK_NOT_COVERED},
        {"one more header", PLAIN, "", 0, WR_AWS_CHECK_VERIFIED},
        {"a signed header is gone", REMOVED, "", 0, WR_AWS_CHECK_MALFORMED},
        {"another hash", HASH_SAID, "", 0, WR_AWS_CHECK_NOT_COVERED},
    };
    static const wr_str services[] = {WR_STR_INIT("execute-api"), WR_STR_INIT("iot")};
    int64_t now = time_of(S(NOW));
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_http_header headers[8] = {{S("Content-Type"), S("application/json")}};
        struct wr_aws_request req = {.method = S("POST"),
                                     .host = S("127.0.0.1:8080"),
                                     .path = S("/things/a"),
                                     .query = S("a=1"),
                                     .headers = headers,
                                     .header_count = 1,
                                     .body = S("{}")};
        struct wr_aws_keys keys = {S("AKID"), S(SECRET_2), {0}};
        struct wr_aws_signature sig;
        CHECK_INT("sign",
                  wr_aws_sign(signer, &keys, &(struct wr_aws_scope){S("eu-west-1"), S("iot"), now},
                              &req, &text, &sig),
                  WR_OK);
        for (size_t j = 0; j < sig.count; j++) {
            headers[req.header_count++] = sig.headers[j];
        }
        switch (cases[i].what) {
        case NOTHING:
            break;
        case BODY:
            req.body = S("[]");
            break;
        case PATH:
            req.path = S("/things/b");
            break;
        case QUERY:
            req.query = S("a=2");
            break;
        case HOST:
            req.host = S("127.0.0.1:8081");
            break;
        case VALUE:
            headers[0].value = S("text/plain");
            break;
        case AMZ:
            headers[req.header_count++] = (struct wr_http_header){S("x-amzn-Thing"), S("1")};
            break;
        case PLAIN:
            headers[req.header_count++] = (struct wr_http_header){S("x-other"), S("1")};
            break;
        case REMOVED:
            headers[0].name = S("Content-Kind");
            break;
        case HASH_SAID:
            headers[req.header_count++] =
                (struct wr_http_header){S("x-amz-content-sha256"), S(HASH)};
            break;
        }
        struct wr_arena arena;
        struct wr_aws_claim claim;
        struct wr_fault fault = {0};
        struct wr_aws_expected expected = {.region = Z(cases[i].region),
                                           .services = services,
                                           .service_count = 2,
                                           .now_ms = now + cases[i].later_ms};
        wr_arena_init(&arena, 1 << 16);
        CHECK_INT(cases[i].name, wr_aws_claim_read(&req, &arena, &claim, &fault),
                  WR_AWS_CHECK_VERIFIED);
        CHECK_INT(cases[i].name,
                  wr_aws_verify(signer, &req, &claim, keys.secret, &expected, &fault),
                  cases[i].want);
        CHECK_INT(cases[i].name, fault.text[0] == '\0', cases[i].want == WR_AWS_CHECK_VERIFIED);
        CHECK(cases[i].name, wr_str_find(Z(fault.text), S(SECRET_2)) < 0 &&
                                 wr_str_find(Z(fault.text), Z(sig.text)) < 0);
        expected.services = services;
        expected.service_count = 1;
        expected.region = (wr_str){0};
        CHECK_INT("service", wr_aws_verify(signer, &req, &claim, keys.secret, &expected, &fault),
                  WR_AWS_CHECK_OTHER_SCOPE);
        wr_arena_release(&arena);
    }
}

// Signed in the query, and back.
static void test_presigned(void **state)
{
    static const char *const services[] = {"s3", "iot"};
    int64_t now = time_of(S(NOW));
    for (size_t i = 0; i < WR_COUNT(services); i++) {
        struct wr_aws_request req = {.method = S("GET"),
                                     .host = S("h.example"),
                                     .path = S("/a%20b"),
                                     .query = S("z=1&a=%C3%BC")};
        struct wr_aws_keys keys = {S("AKID"), S(SECRET_2), S("to/ken+==")};
        struct wr_buf query = {0};
        struct wr_arena arena;
        struct wr_aws_claim claim;
        struct wr_fault fault = {0};
        struct wr_aws_expected expected = {.now_ms = now + 59000, .unsigned_payload = true};
        wr_arena_init(&arena, 1 << 16);
        CHECK_INT(services[i],
                  wr_aws_presign(signer, &keys,
                                 &(struct wr_aws_scope){S("eu-west-1"), Z(services[i]), now}, &req,
                                 60, &query),
                  WR_OK);
        req.query = wr_buf_str(&query);
        CHECK_INT(services[i], wr_aws_claim_read(&req, &arena, &claim, &fault),
                  WR_AWS_CHECK_VERIFIED);
        CHECK_STR(services[i], claim.token, keys.token);
        CHECK_STR(services[i], claim.key_id, keys.id);
        CHECK_INT(services[i], wr_aws_verify(signer, &req, &claim, keys.secret, &expected, &fault),
                  WR_AWS_CHECK_VERIFIED);
        expected.now_ms = now + 61000;
        CHECK_INT(services[i], wr_aws_verify(signer, &req, &claim, keys.secret, &expected, &fault),
                  WR_AWS_CHECK_OUT_OF_TIME);
        expected.now_ms = now;
        query.at[2] = '2'; // z=2
        CHECK_INT(services[i], wr_aws_verify(signer, &req, &claim, keys.secret, &expected, &fault),
                  WR_AWS_CHECK_MISMATCH);
        wr_buf_release(&query);
        wr_arena_release(&arena);
    }
}

static void test_unsigned_payload(void **state)
{
    struct wr_aws_request req = {.method = S("PUT"),
                                 .host = S("h"),
                                 .path = S("/b/k"),
                                 .body = S("abc"),
                                 .unsigned_payload = true};
    struct wr_aws_keys keys = {S("AKID"), S(SECRET_2), {0}};
    struct wr_aws_signature sig;
    struct wr_aws_claim claim;
    struct wr_fault fault = {0};
    int64_t now = time_of(S(NOW));
    CHECK_INT("sign",
              wr_aws_sign(signer, &keys, &(struct wr_aws_scope){S("eu-west-1"), S("s3"), now}, &req,
                          &text, &sig),
              WR_OK);
    CHECK_STR("header", header_of(&sig, "x-amz-content-sha256"), S("UNSIGNED-PAYLOAD"));
    CHECK_INT("not where bodies must be signed",
              receive(&req, &sig, keys.secret, now, &claim, &fault), WR_AWS_CHECK_OTHER_BODY);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(test_vectors), T(test_tables),   T(test_no_allocations), T(test_paths),
        T(test_queries), T(test_limits),   T(test_dates),          T(test_keys_kept),
        T(test_claims),  T(test_refusals), T(test_presigned),      T(test_unsigned_payload)};
    folder = argc > 1 ? argv[1] : "tests/unit/aws";
    signer = wr_aws_signer_new();
    int status = TEST_MAIN(tests);
    wr_aws_signer_free(signer);
    wr_buf_release(&text);
    return status;
}
