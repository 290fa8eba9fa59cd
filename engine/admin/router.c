// The table of rows, the search in it, and what is common to replies.
#include "engine/admin/router.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/json.h"

#include "sql/base/banned.h"

struct family {
    const struct wr_admin_route *routes;
    size_t count;
    void *user;
};

struct wr_router {
    struct family *families;
    size_t count;
};

const char *wr_role_text(enum wr_role role)
{
    static const char *const texts[] = {[WR_ROLE_NONE] = "none",
                                        [WR_ROLE_READER] = "reader",
                                        [WR_ROLE_OPERATOR] = "operator",
                                        [WR_ROLE_ADMIN] = "admin"};
    return texts[role];
}

// ---- percent escapes

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// False: a broken escape, or the arena is full.
static bool decode(struct wr_arena *arena, wr_str from, bool plus, wr_str *out)
{
    char *to = wr_arena_alloc(arena, from.len + 1);
    size_t len = 0;
    if (!to) {
        return false;
    }
    for (size_t i = 0; i < from.len; i++) {
        char c = from.at[i];
        if (c == '%') {
            int high = from.len - i > 2 ? hex_of(from.at[i + 1]) : -1;
            int low = high >= 0 ? hex_of(from.at[i + 2]) : -1;
            if (low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        to[len++] = c;
    }
    *out = (wr_str){to, len};
    return true;
}

bool wr_admin_query(const struct wr_admin_call *call, wr_str name, wr_str *value)
{
    wr_str rest = call->req->head->query;
    while (rest.len) {
        ptrdiff_t end = wr_str_find(rest, WR_STR("&"));
        wr_str pair = end < 0 ? rest : wr_str_cut(rest, 0, (size_t)end);
        rest = end < 0 ? (wr_str){0} : wr_str_cut(rest, (size_t)end + 1, rest.len);
        ptrdiff_t equals = wr_str_find(pair, WR_STR("="));
        wr_str key = equals < 0 ? pair : wr_str_cut(pair, 0, (size_t)equals);
        wr_str coded = equals < 0 ? WR_STR("") : wr_str_cut(pair, (size_t)equals + 1, pair.len);
        if (decode(call->arena, key, true, &key) && wr_str_eq(key, name)) {
            return decode(call->arena, coded, true, value);
        }
    }
    return false;
}

// ---- replies

const struct wr_http1_header *wr_admin_headers(size_t *count)
{
    static const struct wr_http1_header headers[] = {
        {WR_STR_INIT("Server"), WR_STR_INIT("weir/" WR_VERSION)},
        {WR_STR_INIT("Cache-Control"), WR_STR_INIT("no-store")},
        {WR_STR_INIT("X-Content-Type-Options"), WR_STR_INIT("nosniff")},
    };
    *count = WR_COUNT(headers);
    return headers;
}

static void reply(struct wr_admin_call *call, int status, wr_str json,
                  const struct wr_http1_header *more)
{
    size_t count;
    const struct wr_http1_header *common = wr_admin_headers(&count);
    struct wr_http1_header headers[8];
    wr_assert(count < WR_COUNT(headers));
    memcpy(headers, common, count * sizeof *common);
    if (more) {
        headers[count++] = *more;
    }
    wr_httpd_reply(call->req, &(struct wr_httpd_reply){.status = status,
                                                       .type = WR_STR("application/json"),
                                                       .headers = headers,
                                                       .header_count = count,
                                                       .body = json});
}

void wr_admin_reply_json(struct wr_admin_call *call, int status, wr_str json)
{
    reply(call, status, json, NULL);
}

static void message_json(struct wr_buf *out, const char *text)
{
    wr_buf_add(out, WR_STR("{\"message\":"));
    wr_json_write_string(out, wr_str_of(text));
    wr_buf_add(out, WR_STR("}\n"));
}

void wr_admin_reply_error(struct wr_admin_call *call, int status, const char *format, ...)
{
    char text[512]; // a longer one is cut
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct wr_buf json = {0};
    message_json(&json, text);
    // SDKs make an exception of it; the code of AWS's control plane for what it does not know.
    const struct wr_http1_header type = {WR_STR("x-amzn-ErrorType"),
                                         status == 404 || status == 405
                                             ? WR_STR("UnknownOperationException")
                                         : status == 403 ? WR_STR("AccessDeniedException")
                                                         : WR_STR("InvalidRequestException")};
    reply(call, status, wr_buf_str(&json), call->listener == WR_ON_METRICS ? NULL : &type);
    wr_buf_release(&json);
}

// ---- the search

struct wr_router *wr_router_new(void)
{
    return wr_zalloc(sizeof(struct wr_router));
}

void wr_router_free(struct wr_router *r)
{
    if (r) {
        free(r->families);
        free(r);
    }
}

void wr_router_add(struct wr_router *r, const struct wr_admin_route *routes, size_t count,
                   void *user)
{
    r->families = wr_realloc(r->families, (r->count + 1) * sizeof *r->families);
    r->families[r->count++] = (struct family){routes, count, user};
}

enum segment { SEGMENT_REST, SEGMENT_LABEL, SEGMENT_LITERAL };

// Cut the first segment from *rest, which begins with a slash or is empty.
static wr_str next_segment(wr_str *rest)
{
    size_t end = 1;
    while (end < rest->len && rest->at[end] != '/') {
        end++;
    }
    wr_str segment = wr_str_cut(*rest, 1, end);
    *rest = wr_str_cut(*rest, end, rest->len);
    return segment;
}

static enum segment kind_of(wr_str pattern_segment)
{
    if (pattern_segment.len < 2 || pattern_segment.at[0] != '{') {
        return SEGMENT_LITERAL;
    }
    return pattern_segment.at[pattern_segment.len - 2] == '+' ? SEGMENT_REST : SEGMENT_LABEL;
}

// Labels are set as they are spelt in the path.
static bool fits(const char *pattern, wr_str path, wr_str labels[WR_ADMIN_LABELS_MAX])
{
    wr_str left = wr_str_of(pattern);
    size_t count = 0;
    while (left.len && path.len) {
        wr_str whole = path;
        wr_str want = next_segment(&left), found = next_segment(&path);
        switch (kind_of(want)) {
        case SEGMENT_LITERAL:
            if (!wr_str_eq(want, found)) {
                return false;
            }
            break;
        case SEGMENT_LABEL:
            if (!found.len) {
                return false;
            }
            wr_assert(count < WR_ADMIN_LABELS_MAX);
            labels[count++] = found;
            break;
        case SEGMENT_REST:
            wr_assert(count < WR_ADMIN_LABELS_MAX);
            labels[count++] = wr_str_cut(whole, 1, whole.len);
            return whole.len > 1;
        }
    }
    return !left.len && !path.len;
}

// More literal than the other, from the left.
static bool is_better(const char *pattern, const char *other)
{
    wr_str a = wr_str_of(pattern), b = wr_str_of(other);
    while (a.len && b.len) {
        enum segment kind_a = kind_of(next_segment(&a)), kind_b = kind_of(next_segment(&b));
        if (kind_a != kind_b) {
            return kind_a > kind_b;
        }
    }
    return a.len > b.len;
}

static bool method_fits(const struct wr_admin_route *route, wr_str method)
{
    wr_str row = wr_str_of(route->method);
    return wr_str_eq(row, method) ||
           (wr_str_eq(row, WR_STR("GET")) && wr_str_eq(method, WR_STR("HEAD")));
}

// The best row, in `call` with its labels; false: none. `allow` gets the methods of the rows that
// fit but for that.
static bool find(const struct wr_router *r, struct wr_admin_call *call, struct wr_buf *allow)
{
    const struct wr_http1_head *head = call->req->head;
    wr_str path = call->path.at ? call->path : head->path;
    for (size_t f = 0; f < r->count; f++) {
        for (size_t i = 0; i < r->families[f].count; i++) {
            const struct wr_admin_route *route = &r->families[f].routes[i];
            wr_str labels[WR_ADMIN_LABELS_MAX] = {0};
            if (!(route->listeners & call->listener) || !fits(route->pattern, path, labels)) {
                continue;
            }
            if (!method_fits(route, head->method)) {
                wr_buf_add(allow, allow->len ? WR_STR(", ") : WR_STR(""));
                wr_buf_add(allow, wr_str_of(route->method));
            } else if (!call->route || is_better(route->pattern, call->route->pattern)) {
                call->route = route;
                call->user = r->families[f].user;
                memcpy(call->labels, labels, sizeof labels);
            }
        }
    }
    return call->route != NULL;
}

static bool decode_labels(struct wr_admin_call *call)
{
    for (size_t i = 0; i < WR_ADMIN_LABELS_MAX && call->labels[i].at; i++) {
        if (!decode(call->arena, call->labels[i], false, &call->labels[i])) {
            return false;
        }
    }
    return true;
}

static void refuse_method(struct wr_admin_call *call, const struct wr_buf *allow)
{
    struct wr_buf json = {0};
    message_json(&json, "this method is not for this path; see Allow");
    const struct wr_http1_header header = {WR_STR("Allow"), wr_buf_str(allow)};
    reply(call, 405, wr_buf_str(&json), &header);
    wr_buf_release(&json);
}

int wr_router_match(const struct wr_router *r, struct wr_admin_call *call, struct wr_buf *allow)
{
    call->route = NULL;
    if (!find(r, call, allow)) {
        return allow->len ? 405 : 404;
    }
    bool inside = call->route->least > WR_ROLE_NONE && (call->listener & WR_ON_CONSOLE) &&
                  !(call->route->listeners & WR_ON_API);
    if (call->role < call->route->least || (inside && !call->all_tenants)) {
        return 403;
    }
    return decode_labels(call) ? 0 : 400;
}

void wr_router_dispatch(const struct wr_router *r, struct wr_admin_call *call)
{
    struct wr_buf allow = {0};
    int status = wr_router_match(r, call, &allow);
    if (call->authorize && call->route && call->route->least > WR_ROLE_NONE) {
        if (!call->authorize(call)) {
            wr_buf_release(&allow);
            return;
        }
        status = wr_router_match(r, call, &allow); // the role is known now
    }
    switch (status) {
    case 0:
        if (call->note && !call->route->notes && strcmp(call->route->method, "GET") != 0) {
            call->note(call, "BEGUN");
        }
        call->route->handle(call);
        break;
    case 400:
        wr_admin_reply_error(call, 400, "the path has a broken %% escape");
        break;
    case 403:
        if (call->note) {
            call->note(call, "AccessDeniedException");
        }
        wr_admin_reply_error(call, 403, "this needs the role %s; yours is %s (%s)",
                             wr_role_text(call->route->least), wr_role_text(call->role),
                             call->listener == WR_ON_SOCKET ? "admin.users, admin.groups"
                                                            : "of the access key or token");
        break;
    case 405:
        if (call->listener & WR_ON_API) { // AWS knows operations, not resources with methods
            wr_admin_reply_error(call, 404, "there is no operation %.*s %.*s",
                                 WR_STR_ARG(call->req->head->method),
                                 WR_STR_ARG(call->req->head->path));
        } else {
            refuse_method(call, &allow);
        }
        break;
    default:
        wr_admin_reply_error(call, 404, "nothing is at %.*s", WR_STR_ARG(call->req->head->path));
        break;
    }
    wr_buf_release(&allow);
}
