// Error bodies in JSON and XML, codes, classes.
#include "sinks/lib/aws_answer.h"

#include <zlib.h>

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/aws_xml.h"
#include "sql/base/clock.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static const struct {
    wr_str name;
    enum wr_aws_class class;
    enum wr_aws_service service;
} codes[] = {
#define CODE(name, class, service) {WR_STR_INIT(name), WR_AWS_##class, WR_AWS_##service},
    WR_AWS_CODE_MAP(CODE)
#undef CODE
};

const char *wr_aws_class_name(enum wr_aws_class class)
{
    static const char *const names[] = {"ok",      "retry",  "throttled",
                                        "refresh", "skewed", "permanent"};
    return names[class];
}

enum wr_aws_class wr_aws_class_of(enum wr_aws_service service, wr_str code,
                                  enum wr_aws_class fallback)
{
    for (size_t i = 0; i < WR_COUNT(codes); i++) {
        if ((codes[i].service == WR_AWS_SERVICE_COUNT || codes[i].service == service) &&
            wr_str_eq(codes[i].name, code)) {
            return codes[i].class;
        }
    }
    return fallback;
}

wr_str wr_aws_code(wr_str code)
{
    const char *hash = code.at ? memrchr(code.at, '#', code.len) : NULL;
    const char *colon = code.at ? memchr(code.at, ':', code.len) : NULL;
    size_t to = colon ? (size_t)(colon - code.at) : code.len, from = 0;
    if (hash && (size_t)(hash - code.at) < to) {
        from = (size_t)(hash - code.at) + 1;
    }
    while (from < to && code.at[from] == ' ') {
        from++;
    }
    while (to > from && code.at[to - 1] == ' ') {
        to--;
    }
    return wr_str_cut(code, from, to);
}

// ---- headers

static uint64_t digits(wr_str s, uint64_t max)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned d = (unsigned)(unsigned char)s.at[i] - '0';
        if (d > 9) {
            return 0;
        }
        n = n * 10 + d;
        if (n > max) {
            return max;
        }
    }
    return n;
}

// "Fri, 02 Jan 2026 03:04:05 GMT"; 0 when it is not.
static int64_t http_date(wr_str s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (s.len != 29 || s.at[3] != ',' || s.at[7] != ' ' || s.at[11] != ' ' || s.at[16] != ' ' ||
        s.at[19] != ':' || s.at[22] != ':' || !wr_str_ends(s, WR_STR(" GMT"))) {
        return 0;
    }
    ptrdiff_t month = wr_str_find(wr_str_of(months), wr_str_cut(s, 8, 11));
    char form[WR_AWS_DATE_LEN];
    int64_t ms = 0;
    if (month < 0 || month % 3) {
        return 0;
    }
    unsigned m = (unsigned)month / 3 + 1;
    memcpy(form, s.at + 12, 4);
    form[4] = (char)('0' + m / 10);
    form[5] = (char)('0' + m % 10);
    memcpy(form + 6, s.at + 5, 2);
    form[8] = 'T';
    memcpy(form + 9, s.at + 17, 2);
    memcpy(form + 11, s.at + 20, 2);
    memcpy(form + 13, s.at + 23, 2);
    form[15] = 'Z';
    return wr_aws_date_read((wr_str){form, sizeof form}, &ms) ? ms : 0;
}

// ---- bodies

static wr_str string_member(const wr_value *o, const char *name, struct wr_arena *arena)
{
    const wr_value *found = wr_object_get(o, wr_str_of(name));
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena, WR_SQL_2016);
    return v.type == WR_STRING ? wr_value_text(&v) : (wr_str){0};
}

// A cluster's way: {"error": {"type": …, "reason": …}, "status": 400}, or {"error": "…"}.
static void read_search_error(struct wr_aws_answer *a, const wr_value *o, struct wr_arena *arena)
{
    const wr_value *found = wr_object_get(o, WR_STR("error"));
    wr_value error = found ? *found : wr_undefined();
    wr_value_force(&error, arena, WR_SQL_2016);
    if (error.type == WR_OBJECT) {
        a->code = a->code.len ? a->code : string_member(&error, "type", arena);
        a->message = string_member(&error, "reason", arena);
    } else if (error.type == WR_STRING) {
        a->message = wr_value_text(&error);
    }
}

static void read_json(struct wr_aws_answer *a, struct wr_arena *arena)
{
    wr_value o;
    if (wr_json_parse(a->body, arena, WR_SQL_2016, &o, NULL) || o.type != WR_OBJECT) {
        return;
    }
    static const char *const code_names[] = {"__type", "code", "Code", "Type"};
    static const char *const text_names[] = {"message", "Message", "errorMessage"};
    for (size_t i = 0; i < WR_COUNT(code_names) && a->code.len == 0; i++) {
        a->code = string_member(&o, code_names[i], arena);
        if (i == 3 &&
            (wr_str_eq(a->code, WR_STR("User")) || wr_str_eq(a->code, WR_STR("Service")))) {
            a->code = (wr_str){0}; // who is at fault, not what
        }
    }
    for (size_t i = 0; i < WR_COUNT(text_names) && a->message.len == 0; i++) {
        a->message = string_member(&o, text_names[i], arena);
    }
    if (a->message.len == 0) {
        read_search_error(a, &o, arena);
    }
}

static void read_xml(struct wr_aws_answer *a, struct wr_arena *arena)
{
    struct wr_aws_xml_field f[] = {{WR_STR("Code"), {0}},
                                   {WR_STR("Message"), {0}},
                                   {WR_STR("RequestId"), {0}},
                                   {WR_STR("Region"), {0}}};
    if (wr_aws_xml_read(a->body, f, WR_COUNT(f), arena)) {
        a->code = a->code.len ? a->code : f[0].text;
        a->message = f[1].text;
        a->request_id = a->request_id.len ? a->request_id : f[2].text;
        a->region = a->region.len ? a->region : f[3].text;
    }
}

static void read_headers(struct wr_aws_answer *a, const struct wr_http_response *r)
{
    static const char *const ids[] = {"x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"};
    for (size_t i = 0; i < WR_COUNT(ids) && a->request_id.len == 0; i++) {
        a->request_id = wr_http_response_header(r, wr_str_of(ids[i]));
    }
    a->code = wr_http_response_header(r, WR_STR("x-amzn-errortype"));
    wr_str query = wr_http_response_header(r, WR_STR("x-amzn-query-error"));
    const char *semicolon = query.len ? memchr(query.at, ';', query.len) : NULL;
    a->old_code = semicolon ? wr_str_cut(query, 0, (size_t)(semicolon - query.at)) : query;
    a->region = wr_http_response_header(r, WR_STR("x-amz-bucket-region"));
    a->date_ms = http_date(wr_http_response_header(r, WR_STR("date")));
    a->retry_at_ms =
        (uint32_t)digits(wr_http_response_header(r, WR_STR("x-amz-retry-after")), 3600000);
    wr_str seconds = wr_http_response_header(r, WR_STR("retry-after"));
    if (a->retry_at_ms == 0 && seconds.len > 0) {
        a->retry_at_ms = (uint32_t)digits(seconds, 3600) * 1000;
    }
}

// ---- the class

static enum wr_aws_class class_of_status(int status)
{
    switch (status) {
    case 429:
        return WR_AWS_THROTTLED;
    case 408:
    case 500:
    case 502:
    case 503:
    case 504:
    case 509:
        return WR_AWS_RETRY;
    default:
        return status >= 200 && status < 300 ? WR_AWS_OK : WR_AWS_PERMANENT;
    }
}

static enum wr_aws_class class_of_outcome(enum wr_http_outcome outcome)
{
    switch (outcome) {
    case WR_HTTP_ANSWERED:
        return WR_AWS_OK;
    case WR_HTTP_UNRESOLVED:
    case WR_HTTP_UNCONNECTED:
    case WR_HTTP_UNTRUSTED: // a certificate may be renewed, a clock set
    case WR_HTTP_TIMED_OUT:
    case WR_HTTP_CUT_OFF:
    case WR_HTTP_CANCELLED:
        return WR_AWS_RETRY;
    case WR_HTTP_TOO_LARGE:
    case WR_HTTP_BAD_REQUEST:
        return WR_AWS_PERMANENT;
    }
    return WR_AWS_PERMANENT;
}

static bool damaged(const struct wr_http_response *r)
{
    wr_str sum = wr_http_response_header(r, WR_STR("x-amz-crc32"));
    return sum.len > 0 &&
           digits(sum, UINT32_MAX) != crc32_z(0, (const Bytef *)r->body.at, r->body.len);
}

// The JSON services say so in words.
static bool is_about_time(const struct wr_aws_answer *a)
{
    return (wr_str_eq(a->code, WR_STR("InvalidSignatureException")) ||
            wr_str_eq(a->code, WR_STR("SignatureDoesNotMatch"))) &&
           (wr_str_starts(a->message, WR_STR("Signature expired")) ||
            wr_str_starts(a->message, WR_STR("Signature not yet current")));
}

void wr_aws_answer_read(enum wr_aws_service service, const struct wr_http_response *r,
                        struct wr_arena *arena, struct wr_aws_answer *out)
{
    struct wr_aws_answer *a = out;
    *a = (struct wr_aws_answer){
        .response = r, .recorded = r->recorded, .class = class_of_outcome(r->outcome)};
    if (r->outcome != WR_HTTP_ANSWERED) {
        a->message = wr_str_dup(arena, wr_str_of(r->why));
        return;
    }
    a->status = r->status;
    a->body = r->body;
    a->headers = r->headers;
    a->class = class_of_status(r->status);
    read_headers(a, r);
    if (damaged(r)) {
        a->class = WR_AWS_RETRY;
        a->message = WR_STR("the answer was damaged on its way: its checksum is wrong");
        return;
    }
    if (a->class == WR_AWS_OK) {
        a->code = (wr_str){0};
        return;
    }
    size_t i = 0;
    while (i < r->body.len && strchr(" \t\r\n", r->body.at[i])) {
        i++;
    }
    if (i < r->body.len && r->body.at[i] == '{') {
        read_json(a, arena);
    } else if (i < r->body.len && r->body.at[i] == '<') {
        read_xml(a, arena);
    }
    a->code = wr_aws_code(a->code);
    a->class = wr_aws_class_of(service, a->old_code, a->class);
    a->class = wr_aws_class_of(service, a->code, a->class);
    if (is_about_time(a)) {
        a->class = WR_AWS_SKEWED;
    }
}

void wr_aws_answer_text(const struct wr_aws_answer *a, enum wr_aws_service service,
                        struct wr_buf *text)
{
    if (a->status == 0) {
        wr_buf_add(text, a->message);
        return;
    }
    wr_buf_add(text, a->message.len ? a->message : WR_STR("null"));
    wr_buf_add(text, WR_STR(" (Service: "));
    wr_buf_add(text, wr_aws_services[service].text);
    wr_buf_add(text, WR_STR("; Status Code: "));
    wr_buf_add_u64(text, (uint64_t)a->status);
    wr_buf_add(text, WR_STR("; Error Code: "));
    wr_buf_add(text, a->code.len ? a->code : WR_STR("null"));
    wr_buf_add(text, WR_STR("; Request ID: "));
    wr_buf_add(text, a->request_id.len ? a->request_id : WR_STR("null"));
    wr_buf_add_char(text, ')');
}
