// Any bytes as what AWS's clients and servers read from outside: profiles, error documents, and
// requests that claim a signature. The first byte chooses.
#include "sinks/lib/aws_answer.h"
#include "sinks/lib/aws_plan.h"
#include "sinks/lib/aws_verify.h"
#include "sinks/lib/aws_xml.h"

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void profiles(wr_str text, struct wr_arena *arena)
{
    struct wr_aws_profiles *p = NULL;
    struct wr_fault fault = {0};
    struct wr_aws_plan plan;
    struct wr_aws_source source = {.profile = WR_STR("p")};
    size_t half = text.len / 2;
    wr_err err = wr_aws_profiles_parse(wr_str_cut(text, 0, half), wr_str_cut(text, half, text.len),
                                       &p, &fault);
    wr_assert(err ? fault.text[0] && !p : p != NULL);
    if (!err && wr_aws_plan_make(&source, p, arena, &plan, &fault)) {
        wr_assert(fault.text[0]);
    }
    wr_aws_profiles_free(p);
}

static void on_start(void *user, wr_str name)
{
    ++*(size_t *)user;
}

static void on_end(void *user, wr_str name, wr_str text)
{
    wr_assert(*(size_t *)user > 0 && (text.at || text.len == 0));
    --*(size_t *)user;
}

// "headers\n\nbody", as JSON or XML by its first byte.
static void answers(wr_str text, struct wr_arena *arena)
{
    ptrdiff_t end = wr_str_find(text, WR_STR("\n\n"));
    size_t at = end < 0 ? 0 : (size_t)end;
    struct wr_http_response r = {.outcome = WR_HTTP_ANSWERED,
                                 .status = 400,
                                 .headers = wr_str_cut(text, 0, at),
                                 .body = wr_str_cut(text, end < 0 ? 0 : at + 2, text.len)};
    struct wr_aws_answer a;
    struct wr_buf b = {0};
    wr_aws_answer_read(WR_AWS_S3, &r, arena, &a);
    wr_assert(a.class != WR_AWS_OK);
    wr_aws_answer_text(&a, WR_AWS_S3, &b);
    wr_assert(b.len > 0);
    wr_buf_release(&b);
    size_t depth = 0;
    wr_assert(!wr_aws_xml_walk(r.body, on_start, on_end, &depth, arena) || depth == 0);
}

// Lines "name: value"; the first is the path with its query.
static void claims(wr_str text, struct wr_arena *arena)
{
    static struct wr_aws_signer *signer;
    struct wr_http_header headers[WR_HTTP_HEADERS_MAX];
    struct wr_aws_request req = {.method = WR_STR("POST"), .host = WR_STR("h"), .headers = headers};
    struct wr_aws_claim claim;
    struct wr_fault fault = {0};
    signer = signer ? signer : wr_aws_signer_new();
    for (bool first = true; text.len > 0; first = false) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;
        wr_str line = wr_str_cut(text, 0, len);
        text = wr_str_cut(text, end ? len + 1 : len, text.len);
        const char *cut = line.len ? memchr(line.at, first ? '?' : ':', line.len) : NULL;
        size_t at = cut ? (size_t)(cut - line.at) : line.len;
        wr_str rest = wr_str_cut(line, cut ? at + 1 : at, line.len);
        if (first) {
            req.path = wr_str_cut(line, 0, at);
            req.query = rest;
        } else if (req.header_count < WR_HTTP_HEADERS_MAX) {
            headers[req.header_count++] = (struct wr_http_header){wr_str_cut(line, 0, at), rest};
        }
    }
    if (wr_aws_claim_read(&req, arena, &claim, &fault) == WR_AWS_CHECK_VERIFIED) {
        struct wr_aws_expected expected = {.now_ms = claim.time_ms};
        enum wr_aws_check check =
            wr_aws_verify(signer, &req, &claim, WR_STR("secret"), &expected, &fault);
        wr_assert(check != WR_AWS_CHECK_VERIFIED); // nobody guesses a signature
    }
    wr_assert(fault.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_arena arena;
    if (size == 0) {
        return 0;
    }
    wr_str text = {(const char *)data + 1, size - 1};
    wr_arena_init(&arena, 4u << 20);
    switch (data[0] % 3) {
    case 0:
        profiles(text, &arena);
        break;
    case 1:
        answers(text, &arena);
        break;
    default:
        claims(text, &arena);
    }
    wr_arena_release(&arena);
    return 0;
}
