// HTTP/1.x requests as bytes: strict check of a head, http-parser's reading of it, chunked bodies.

#include "sinks/lib/http1.h"

#include <http_parser.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

// Chunk extensions and trailers that we read only to drop them.
#define OVERHEAD_MAX (8u << 10)

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_token(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)) {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_host(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || !strchr("-._~:[]%", c))) {
            return false;
        }
    }
    return s.len > 0;
}

static wr_str trimmed(wr_str s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s = wr_str_cut(s, 1, s.len);
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

size_t wr_http1_scan(struct wr_http1_scan *scan, wr_str bytes, int *status)
{
    size_t i = scan->at_;
    while (i < bytes.len) {
        unsigned char c = (unsigned char)bytes.at[i];
        if (c == '\r') {
            if (i + 1 == bytes.len) {
                break; // its LF may come with the next bytes
            }
            if (bytes.at[i + 1] != '\n' || i == 0) {
                *status = 400;
                return 0;
            }
            i += 2;
            if (!scan->line_) {
                scan->at_ = i;
                return i;
            }
            scan->line_ = false;
            continue;
        }
        // A line that starts with a blank would continue the one before it.
        if (is_control(c) || (!scan->line_ && (c == ' ' || c == '\t'))) {
            *status = 400;
            return 0;
        }
        scan->line_ = true;
        i++;
    }
    scan->at_ = i;
    return 0;
}

wr_str wr_http1_header(const struct wr_http1_head *head, wr_str name)
{
    for (unsigned i = 0; i < head->header_count; i++) {
        if (wr_str_eq_nocase(head->headers[i].name, name)) {
            return head->headers[i].value;
        }
    }
    return (wr_str){NULL, 0};
}

static unsigned header_times(const struct wr_http1_head *head, wr_str name)
{
    unsigned times = 0;
    for (unsigned i = 0; i < head->header_count; i++) {
        times += wr_str_eq_nocase(head->headers[i].name, name);
    }
    return times;
}

// ---- http-parser's callbacks. The head comes in one piece, so each is called once a header.

struct reading {
    struct wr_http1_head *head;
    wr_str target;
    bool too_many;
    bool complete;
};

static int on_url(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    r->target = (wr_str){at, len};
    return 0;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    if (r->head->header_count == WR_HTTP1_HEADERS_MAX) {
        r->too_many = true;
        return 1;
    }
    r->head->headers[r->head->header_count++] = (struct wr_http1_header){.name = {at, len}};
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    wr_assert(r->head->header_count > 0);
    r->head->headers[r->head->header_count - 1].value = trimmed((wr_str){at, len});
    return 0;
}

static int on_headers_complete(http_parser *p)
{
    struct reading *r = p->data;
    struct wr_http1_head *head = r->head;
    head->http11 = p->http_minor == 1;
    head->keep_alive = http_should_keep_alive(p);
    head->chunked = p->flags & F_CHUNKED;
    head->body_len = p->flags & F_CONTENTLENGTH ? p->content_length : 0;
    r->complete = true;
    return 0;
}

// The request line must be exactly METHOD SP TARGET SP HTTP/1.x; http-parser is more generous.
static bool check_line(const struct reading *r, wr_str bytes)
{
    wr_str method = r->head->method;
    wr_str line = wr_str_cut(bytes, 0, (size_t)wr_str_find(bytes, WR_STR("\r\n")));
    size_t version_at = method.len + 1 + r->target.len + 1;
    if (!wr_str_starts(line, method) || line.len != version_at + strlen("HTTP/1.1") ||
        line.at[method.len] != ' ' || r->target.at != line.at + method.len + 1 ||
        line.at[version_at - 1] != ' ') {
        return false;
    }
    for (size_t i = 0; i < r->target.len; i++) {
        if ((unsigned char)r->target.at[i] <= 0x20 || (unsigned char)r->target.at[i] >= 0x7f) {
            return false;
        }
    }
    // Only the origin form: we are nobody's proxy. A fragment is never sent.
    return r->target.at[0] == '/' && !memchr(r->target.at, '#', r->target.len);
}

static int check_headers(struct wr_http1_head *head)
{
    for (unsigned i = 0; i < head->header_count; i++) {
        if (!is_token(head->headers[i].name)) {
            return 400;
        }
    }
    unsigned encodings = header_times(head, WR_STR("Transfer-Encoding"));
    unsigned lengths = header_times(head, WR_STR("Content-Length"));
    unsigned hosts = header_times(head, WR_STR("Host"));
    if (encodings > 1 || lengths > 1 || encodings + lengths > 1 || hosts > 1 ||
        (encodings && !head->http11)) {
        return 400;
    }
    wr_str encoding = wr_http1_header(head, WR_STR("Transfer-Encoding"));
    if (encodings && !wr_str_eq_nocase(encoding, WR_STR("chunked"))) {
        return 501;
    }
    head->host = wr_http1_header(head, WR_STR("Host"));
    if (hosts ? !is_host(head->host) : head->http11) {
        return 400;
    }
    wr_str expect = wr_http1_header(head, WR_STR("Expect"));
    if (expect.len > 0 && head->http11) {
        if (!wr_str_eq_nocase(expect, WR_STR("100-continue"))) {
            return 417;
        }
        head->expect_continue = true;
    }
    return 0;
}

int wr_http1_parse(struct wr_http1_head *head, wr_str bytes)
{
    static const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_headers_complete,
    };
    head->header_count = 0;
    head->expect_continue = false;
    struct reading r = {.head = head};
    http_parser p;
    http_parser_init(&p, HTTP_REQUEST);
    p.data = &r;
    http_parser_execute(&p, &settings, bytes.at, bytes.len);
    if (r.too_many || HTTP_PARSER_ERRNO(&p) == HPE_HEADER_OVERFLOW) {
        return 431;
    }
    if (HTTP_PARSER_ERRNO(&p) == HPE_INVALID_VERSION ||
        (r.complete && (p.http_major != 1 || p.http_minor > 1))) {
        return 505;
    }
    if (!r.complete || HTTP_PARSER_ERRNO(&p) != HPE_OK) {
        return 400;
    }
    head->method = wr_str_of(http_method_str((enum http_method)p.method));
    if (p.upgrade || p.method == HTTP_CONNECT || header_times(head, WR_STR("Upgrade"))) {
        return 501;
    }
    if (!check_line(&r, bytes)) {
        return 400;
    }
    const char *mark = memchr(r.target.at, '?', r.target.len);
    size_t path_len = mark ? (size_t)(mark - r.target.at) : r.target.len;
    head->path = wr_str_cut(r.target, 0, path_len);
    head->query = mark ? wr_str_cut(r.target, path_len + 1, r.target.len) : (wr_str){NULL, 0};
    return check_headers(head);
}

// ---- chunked bodies
//
// Not http-parser's: it takes a bare LF in an extension and in trailers.

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START,
    TRAILER_LINE,
    TRAILER_LF,
    TRAILER_END_LF,
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// A byte that is not data. False: it may not stand here.
static bool chunk_framing(struct wr_http1_chunks *c, char byte)
{
    switch ((enum chunk_state)c->state_) {
    case CHUNK_SIZE: {
        int digit = hex_digit(byte);
        if (digit >= 0) {
            c->left_ = c->left_ << 4 | (unsigned)digit;
            return ++c->digits_ <= 15; // no wrap of 64 bits
        }
        c->state_ = byte == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
        return c->digits_ > 0 && (byte == '\r' || byte == ';');
    }
    case CHUNK_EXTENSION:
        c->state_ = byte == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
        return (byte == '\r' || !is_control((unsigned char)byte)) && ++c->overhead_ < OVERHEAD_MAX;
    case CHUNK_SIZE_LF:
        c->state_ = c->left_ > 0 ? CHUNK_DATA : TRAILER_START;
        return byte == '\n';
    case CHUNK_DATA:
        return false; // not framing: never here
    case CHUNK_DATA_CR:
        c->state_ = CHUNK_DATA_LF;
        return byte == '\r';
    case CHUNK_DATA_LF:
        c->state_ = CHUNK_SIZE;
        c->digits_ = 0;
        return byte == '\n';
    case TRAILER_START:
        c->state_ = byte == '\r' ? TRAILER_END_LF : TRAILER_LINE;
        return byte == '\r' || is_token((wr_str){&byte, 1});
    case TRAILER_LINE:
        c->state_ = byte == '\r' ? TRAILER_LF : TRAILER_LINE;
        return (byte == '\r' || !is_control((unsigned char)byte)) && ++c->overhead_ < OVERHEAD_MAX;
    case TRAILER_LF:
        c->state_ = TRAILER_START;
        return byte == '\n';
    case TRAILER_END_LF:
        c->done = true;
        return byte == '\n';
    }
    return false;
}

int wr_http1_chunks_feed(struct wr_http1_chunks *c, wr_str bytes, size_t *used, struct wr_buf *body,
                         size_t body_max)
{
    size_t i = 0;
    int status = 0;
    while (i < bytes.len && !c->done && status == 0) {
        if (c->state_ == CHUNK_DATA) {
            size_t n = bytes.len - i < c->left_ ? bytes.len - i : (size_t)c->left_;
            wr_buf_add(body, wr_str_cut(bytes, i, i + n));
            i += n;
            c->left_ -= n;
            c->state_ = c->left_ > 0 ? CHUNK_DATA : CHUNK_DATA_CR;
        } else if (!chunk_framing(c, bytes.at[i++])) {
            status = 400;
        } else if (c->state_ == CHUNK_DATA && c->left_ > body_max - body->len) {
            status = 413;
        }
    }
    *used = i;
    return status;
}
