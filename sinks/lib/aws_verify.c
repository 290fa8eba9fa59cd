// Reads what a request claims, then makes its signature again.
#include "sinks/lib/aws_verify.h"

#include <inttypes.h>

#include <openssl/crypto.h>

#include "sql/base/banned.h"

static const struct {
    const char *code, *text;
} checks[] = {
#define CHECK(name, code, text) {code, text},
    WR_AWS_CHECK_MAP(CHECK)
#undef CHECK
};

const char *wr_aws_check_code(enum wr_aws_check check)
{
    return checks[check].code;
}

const char *wr_aws_check_text(enum wr_aws_check check)
{
    return checks[check].text;
}

#define MALFORMED(fault, ...) \
    (wr_fault_set(fault, WR_ERR_SYNTAX, __VA_ARGS__), WR_AWS_CHECK_MALFORMED)

static wr_str header(const struct wr_aws_request *req, wr_str name, unsigned *count)
{
    wr_str found = {0};
    *count = 0;
    for (size_t i = 0; i < req->header_count; i++) {
        if (wr_str_eq_nocase(req->headers[i].name, name) && (*count)++ == 0) {
            found = req->headers[i].value;
        }
    }
    return found;
}

static wr_str trim(wr_str s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s = wr_str_cut(s, 1, s.len);
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

// The text before the next `c`, or all; *left moves behind it.
static wr_str part(wr_str *left, char c)
{
    const char *end = left->len ? memchr(left->at, c, left->len) : NULL;
    size_t len = end ? (size_t)(end - left->at) : left->len;
    wr_str found = wr_str_cut(*left, 0, len);
    *left = wr_str_cut(*left, end ? len + 1 : len, left->len);
    return found;
}

// "KEY/20260102/eu-west-1/iot/aws4_request". The key id may hold slashes, the rest does not.
static bool read_credential(wr_str s, struct wr_aws_claim *claim)
{
    wr_str parts[4];
    for (size_t i = WR_COUNT(parts); i-- > 0;) {
        size_t at = s.len;
        while (at > 0 && s.at[at - 1] != '/') {
            at--;
        }
        if (at == 0) {
            return false;
        }
        parts[i] = wr_str_cut(s, at, s.len);
        s.len = at - 1;
    }
    claim->key_id = s;
    claim->day = parts[0];
    claim->region = parts[1];
    claim->service = parts[2];
    return s.len > 0 && wr_str_eq(parts[3], WR_STR("aws4_request"));
}

static bool is_hash(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!((s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'a' && s.at[i] <= 'f'))) {
            return false;
        }
    }
    return s.len == WR_AWS_HASH_LEN;
}

// Lower case, sorted, each once: so that there is one way to write a list.
static bool names_in_order(wr_str names)
{
    wr_str before = {0};
    if (wr_str_ends(names, WR_STR(";"))) {
        return false;
    }
    do {
        wr_str name = part(&names, ';');
        if (name.len == 0 || wr_str_cmp(before, name) >= 0) {
            return false;
        }
        for (size_t i = 0; i < name.len; i++) {
            if (name.at[i] >= 'A' && name.at[i] <= 'Z') {
                return false;
            }
        }
        before = name;
    } while (names.len > 0);
    return true;
}

static enum wr_aws_check check_claim(const struct wr_aws_claim *claim, struct wr_fault *fault)
{
    if (!is_hash(claim->signature)) {
        return MALFORMED(fault, "Signature: expected 64 lower-case hexadecimal digits");
    }
    if (!names_in_order(claim->signed_names)) {
        return MALFORMED(fault,
                         "SignedHeaders: expected lower-case names, sorted, with ';' between them");
    }
    if (!wr_aws_date_read(claim->date, &(int64_t){0})) {
        return MALFORMED(fault, "X-Amz-Date: expected a date like 20260102T030405Z");
    }
    return WR_AWS_CHECK_VERIFIED;
}

static enum wr_aws_check read_header(const struct wr_aws_request *req, wr_str value,
                                     struct wr_aws_claim *claim, struct wr_fault *fault)
{
    static const wr_str algorithm = WR_STR_INIT("AWS4-HMAC-SHA256");
    unsigned count;
    if (!wr_str_starts(value, algorithm) || value.len == algorithm.len ||
        value.at[algorithm.len] != ' ') {
        return MALFORMED(fault, "Authorization: expected AWS4-HMAC-SHA256 and its parameters");
    }
    value = wr_str_cut(value, algorithm.len, value.len);
    unsigned seen = 0;
    while (value.len > 0) {
        wr_str given = trim(part(&value, ','));
        wr_str name = part(&given, '=');
        unsigned bit = wr_str_eq(name, WR_STR("Credential"))      ? 1
                       : wr_str_eq(name, WR_STR("SignedHeaders")) ? 2
                       : wr_str_eq(name, WR_STR("Signature"))     ? 4
                                                                  : 0;
        if (bit == 0 || (seen & bit)) {
            return MALFORMED(
                fault,
                "Authorization: expected Credential, SignedHeaders and Signature, each once");
        }
        seen |= bit;
        if (bit == 1 && !read_credential(given, claim)) {
            return MALFORMED(fault,
                             "Credential: expected KEY/yyyymmdd/REGION/SERVICE/aws4_request");
        } else if (bit == 2) {
            claim->signed_names = given;
        } else if (bit == 4) {
            claim->signature = given;
        }
    }
    if (seen != 7) {
        return MALFORMED(fault, "Authorization: expected Credential, SignedHeaders and Signature");
    }
    claim->date = trim(header(req, WR_STR("x-amz-date"), &count));
    if (count != 1) {
        return MALFORMED(fault, "expected one X-Amz-Date header, found %u", count);
    }
    claim->token = trim(header(req, WR_STR("x-amz-security-token"), &count));
    return count > 1 ? MALFORMED(fault, "more than one X-Amz-Security-Token header")
                     : check_claim(claim, fault);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87 : -1;
}

static bool decode(struct wr_arena *arena, wr_str s, wr_str *out)
{
    char *to = wr_arena_alloc(arena, s.len + 1);
    size_t len = 0;
    if (!to) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] != '%') {
            to[len++] = s.at[i];
            continue;
        }
        int high = i + 2 < s.len ? digit(s.at[i + 1]) : -1,
            low = high < 0 ? -1 : digit(s.at[i + 2]);
        if (low < 0) {
            return false;
        }
        to[len++] = (char)(high * 16 + low);
        i += 2;
    }
    *out = (wr_str){to, len};
    return true;
}

// The parameter, decoded. False: more than once, or escapes that are none. Missing: {NULL, 0}.
static bool parameter(const struct wr_aws_request *req, struct wr_arena *arena, wr_str name,
                      wr_str *out)
{
    wr_str left = req->query;
    *out = (wr_str){0};
    while (left.len > 0) {
        wr_str value = part(&left, '&');
        if (wr_str_eq(part(&value, '='), name) && (out->at || !decode(arena, value, out))) {
            return false;
        }
    }
    return true;
}

static enum wr_aws_check read_query(const struct wr_aws_request *req, struct wr_arena *arena,
                                    struct wr_aws_claim *claim, struct wr_fault *fault)
{
    wr_str algorithm, credential, expires;
    bool good = parameter(req, arena, WR_STR("X-Amz-Algorithm"), &algorithm) &&
                parameter(req, arena, WR_STR("X-Amz-Credential"), &credential) &&
                parameter(req, arena, WR_STR("X-Amz-Date"), &claim->date) &&
                parameter(req, arena, WR_STR("X-Amz-Expires"), &expires) &&
                parameter(req, arena, WR_STR("X-Amz-SignedHeaders"), &claim->signed_names) &&
                parameter(req, arena, WR_STR("X-Amz-Security-Token"), &claim->token) &&
                parameter(req, arena, WR_STR("X-Amz-Signature"), &claim->signature);
    if (!good) {
        return MALFORMED(fault, "a signature's parameter twice, or with a wrong %%-escape");
    }
    if (!wr_str_eq(algorithm, WR_STR("AWS4-HMAC-SHA256"))) {
        return MALFORMED(fault, "X-Amz-Algorithm: expected AWS4-HMAC-SHA256");
    }
    if (!read_credential(credential, claim)) {
        return MALFORMED(fault,
                         "X-Amz-Credential: expected KEY/yyyymmdd/REGION/SERVICE/aws4_request");
    }
    claim->in_query = true;
    for (size_t i = 0; i < expires.len && i < 7; i++) {
        int64_t d = expires.at[i] - '0';
        claim->expires_s = d >= 0 && d <= 9 ? claim->expires_s * 10 + d : 1000000;
    }
    if (expires.len == 0 || expires.len > 6 || claim->expires_s < 1 || claim->expires_s > 604800) {
        return MALFORMED(fault, "X-Amz-Expires: expected 1 to 604800 seconds");
    }
    return check_claim(claim, fault);
}

enum wr_aws_check wr_aws_claim_read(const struct wr_aws_request *req, struct wr_arena *arena,
                                    struct wr_aws_claim *claim, struct wr_fault *fault)
{
    unsigned count;
    struct wr_aws_claim c = {.expires_s = 0};
    wr_str value = header(req, WR_STR("authorization"), &count), algorithm;
    enum wr_aws_check check;
    if (count == 1) {
        check = read_header(req, value, &c, fault);
    } else if (count > 1) {
        check = MALFORMED(fault, "expected one Authorization header, found %u", count);
    } else if (!parameter(req, arena, WR_STR("X-Amz-Signature"), &algorithm) || algorithm.at) {
        check = read_query(req, arena, &c, fault);
    } else {
        wr_fault_set(fault, WR_ERR_MISSING, "there is no Authorization header");
        return WR_AWS_CHECK_UNSIGNED;
    }
    if (check == WR_AWS_CHECK_VERIFIED && wr_aws_date_read(c.date, &c.time_ms)) {
        *claim = c;
    }
    return check;
}

// ---- verifying

static bool names_have(wr_str names, wr_str name)
{
    while (names.len > 0) {
        if (wr_str_eq_nocase(part(&names, ';'), name)) {
            return true;
        }
    }
    return false;
}

static bool starts_nocase(wr_str s, wr_str prefix)
{
    return s.len >= prefix.len && wr_str_eq_nocase(wr_str_cut(s, 0, prefix.len), prefix);
}

// The signed headers, and whether all are signed that have to be.
static enum wr_aws_check collect(const struct wr_aws_request *req, const struct wr_aws_claim *claim,
                                 struct wr_aws_fields *f, struct wr_fault *fault)
{
    if (!names_have(claim->signed_names, WR_STR("host"))) {
        wr_fault_set(fault, WR_ERR_MISSING, "the Host header must be signed");
        return WR_AWS_CHECK_NOT_COVERED;
    }
    bool fits = wr_aws_fields_add(f, WR_STR("host"), req->host);
    for (size_t i = 0; i < req->header_count; i++) {
        wr_str name = req->headers[i].name;
        if (wr_str_eq_nocase(name, WR_STR("host"))) {
            continue;
        }
        if (names_have(claim->signed_names, name)) {
            fits = fits && wr_aws_fields_add(f, name, req->headers[i].value);
        } else if ((starts_nocase(name, WR_STR("x-amz-")) ||
                    starts_nocase(name, WR_STR("x-amzn-"))) &&
                   !wr_aws_never_signed(name)) {
            wr_fault_set(fault, WR_ERR_MISSING, "the header %.*s must be signed", WR_STR_ARG(name));
            return WR_AWS_CHECK_NOT_COVERED;
        }
    }
    if (!fits) {
        return MALFORMED(fault, "more than %d headers are signed", WR_AWS_FIELDS_MAX);
    }
    for (wr_str left = claim->signed_names; left.len > 0;) {
        wr_str name = part(&left, ';');
        bool found = false;
        for (size_t i = 0; i < f->count && !found; i++) {
            found = wr_str_eq_nocase(f->at[i].name, name);
        }
        if (!found) {
            return MALFORMED(fault, "SignedHeaders names %.*s, which the request does not have",
                             WR_STR_ARG(name));
        }
    }
    return WR_AWS_CHECK_VERIFIED;
}

static enum wr_aws_check check_scope(const struct wr_aws_claim *claim,
                                     const struct wr_aws_expected *expected, struct wr_fault *fault)
{
    bool service = !expected->services;
    for (size_t i = 0; i < expected->service_count && !service; i++) {
        service = wr_str_eq(claim->service, expected->services[i]);
    }
    if (!wr_str_eq(claim->day, wr_str_cut(claim->date, 0, 8))) {
        wr_fault_set(fault, WR_ERR_RANGE, "the credential's day is %.*s, the date %.*s",
                     WR_STR_ARG(claim->day), WR_STR_ARG(claim->date));
    } else if (!service) {
        wr_fault_set(fault, WR_ERR_RANGE,
                     "the credential should be scoped to another service than %.*s",
                     WR_STR_ARG(claim->service));
    } else if (expected->region.len > 0 && !wr_str_eq(claim->region, expected->region)) {
        wr_fault_set(fault, WR_ERR_RANGE, "the credential should be scoped to %.*s, not %.*s",
                     WR_STR_ARG(expected->region), WR_STR_ARG(claim->region));
    } else {
        return WR_AWS_CHECK_VERIFIED;
    }
    return WR_AWS_CHECK_OTHER_SCOPE;
}

static enum wr_aws_check check_time(const struct wr_aws_claim *claim,
                                    const struct wr_aws_expected *expected, struct wr_fault *fault)
{
    int64_t late = expected->now_ms - claim->time_ms;
    int64_t late_max = claim->in_query ? claim->expires_s * 1000 : WR_AWS_SKEW_MS;
    if (late >= -WR_AWS_SKEW_MS && late <= late_max) {
        return WR_AWS_CHECK_VERIFIED;
    }
    wr_fault_set(fault, WR_ERR_RANGE,
                 late > 0 ? "Signature expired: signed %" PRId64 " s ago, by this clock"
                          : "Signature not yet current: signed %" PRId64
                            " s in the future, by this clock",
                 (late > 0 ? late : -late) / 1000);
    return WR_AWS_CHECK_OUT_OF_TIME;
}

// What stands in the canonical request for the body.
static enum wr_aws_check check_body(struct wr_aws_signer *s, const struct wr_aws_request *req,
                                    const struct wr_aws_claim *claim,
                                    const struct wr_aws_expected *expected,
                                    char hash[WR_AWS_HASH_LEN + 1], wr_str *said,
                                    struct wr_fault *fault)
{
    static const wr_str without = WR_STR_INIT("UNSIGNED-PAYLOAD");
    unsigned count;
    *said = trim(header(req, WR_STR("x-amz-content-sha256"), &count));
    if (count > 1) {
        return MALFORMED(fault, "more than one X-Amz-Content-SHA256 header");
    }
    if (count == 0 && claim->in_query && wr_aws_plain_path(claim->service)) {
        *said = without;
    }
    wr_aws_hash(s, req->body, hash);
    if (expected->unsigned_payload && wr_str_eq(*said, without)) {
        return WR_AWS_CHECK_VERIFIED;
    }
    if (said->len > 0 && !wr_str_eq(*said, wr_str_of(hash))) {
        wr_fault_set(fault, WR_ERR_RANGE,
                     "the X-Amz-Content-SHA256 header is not that of the body");
        return WR_AWS_CHECK_OTHER_BODY;
    }
    *said = wr_str_of(hash);
    return WR_AWS_CHECK_VERIFIED;
}

enum wr_aws_check wr_aws_verify(struct wr_aws_signer *s, const struct wr_aws_request *req,
                                const struct wr_aws_claim *claim, wr_str secret,
                                const struct wr_aws_expected *expected, struct wr_fault *fault)
{
    struct wr_aws_fields fields = {.count = 0};
    char hash[WR_AWS_HASH_LEN + 1], text[WR_AWS_HASH_LEN + 1];
    wr_str said;
    enum wr_aws_check check = check_scope(claim, expected, fault);
    check = check ? check : check_time(claim, expected, fault);
    check = check ? check : collect(req, claim, &fields, fault);
    check = check ? check : check_body(s, req, claim, expected, hash, &said, fault);
    if (check) {
        return check;
    }
    struct wr_aws_parts parts = {
        .req = req,
        .fields = &fields,
        .query = req->query,
        .without = claim->in_query ? WR_STR("X-Amz-Signature") : (wr_str){0},
        .secret = secret.at ? secret : WR_STR("no key has this secret: it is here for its time"),
        .date = claim->date,
        .region = claim->region,
        .service = claim->service,
        .payload_hash = said,
    };
    if (!wr_aws_signature_of(s, &parts, text)) {
        return MALFORMED(fault, "more than %d parameters in the query", WR_AWS_QUERY_MAX);
    }
    bool same = CRYPTO_memcmp(text, claim->signature.at, WR_AWS_HASH_LEN) == 0;
    if (!secret.at) {
        wr_fault_set(fault, WR_ERR_UNKNOWN,
                     "The security token included in the request is invalid.");
        return WR_AWS_CHECK_UNKNOWN_KEY;
    }
    if (!same) {
        wr_fault_set(fault, WR_ERR_DENIED,
                     "The request signature we calculated does not match the signature you "
                     "provided. Check your AWS Secret Access Key and signing method.");
        return WR_AWS_CHECK_MISMATCH;
    }
    return WR_AWS_CHECK_VERIFIED;
}
