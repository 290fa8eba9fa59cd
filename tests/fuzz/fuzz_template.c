// Any bytes as "template NUL payload": found in parts, compiled after a statement in both versions,
// expanded. Must not crash, leak, or go past its limits; the parts are the text; what needs no
// evaluation stays as it is.
#include "sql/template.h"

#include "sql/sql.h"

#include "sql/base/utf8.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define FUEL         200000
#define MEMORY_BYTES (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Whether the text has parts; they follow each other without a gap but for `${` and `}`.
static bool scan(wr_str text)
{
    struct wr_template_part part;
    struct wr_fault fault = {0};
    size_t at = 0, end = 0;
    bool expression = false;
    while (wr_template_next(text, &at, &part, &fault)) {
        size_t start = part.offset - (part.expression ? 2 : 0);
        wr_assert(start == end && part.text.at == text.at + part.offset);
        end = part.offset + part.text.len + part.expression;
        wr_assert(end <= text.len && at == end);
        expression = expression || part.expression;
    }
    wr_assert(fault.code ? fault.text[0] && fault.offset <= text.len : end == text.len);
    wr_assert(fault.code || expression == wr_template_has_expression(text));
    return !fault.code;
}

static void expand(struct wr_program *p, uint32_t id, wr_str payload)
{
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)&p, 1);
    struct wr_sql_message m = {
        .topic = WR_STR("a/b/c"), .payload = payload, .format_indicator = -1};
    struct wr_eval e = {0};
    wr_str text;
    bool undefined;
    if (!wr_sql_message_read(&m, plan, &arena)) {
        wr_eval_start(&e, &m, 0, NULL);
        wr_eval_run(&e);
        wr_eval_template(&e, id);
        if (wr_eval_run(&e) == WR_EVAL_MATCHED) {
            wr_assert(!wr_eval_text(&e, &text, &undefined));
            wr_assert(wr_utf8_valid(text));
        } else {
            wr_assert(e.state == WR_EVAL_FAILED && e.fault.text[0]);
        }
    }
    wr_plan_free(plan);
    wr_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = size ? (const char *)data : "";
    const char *nul = memchr(at, 0, size);
    size_t len = nul ? (size_t)(nul - at) : size;
    wr_str text = {at, len};
    wr_str payload = nul ? (wr_str){nul + 1, size - len - 1} : WR_STR("{\"a\":1}");
    bool scanned = scan(text);
    static const char *const versions[] = {"2015-10-08", "2016-03-23"};
    for (size_t i = 0; i < WR_COUNT(versions); i++) {
        struct wr_program_options options = {.sql_version = wr_str_of(versions[i]), .fuel = FUEL};
        struct wr_fault fault = {0};
        struct wr_program *p;
        uint32_t id;
        wr_str constant;
        wr_assert(!wr_program_new(WR_STR("SET @v = a SELECT @v FROM 'a/#'"), &options, &p, NULL));
        if (wr_program_add_template(p, text, &id, &fault)) {
            wr_assert(fault.code && fault.text[0] && fault.offset <= text.len);
        } else {
            wr_assert(scanned);
            wr_assert(!wr_program_seal(p, &fault));
            if (wr_program_template_constant(p, id, &constant)) {
                wr_assert(wr_str_eq(constant, text));
            } else if (wr_utf8_valid(text)) {
                expand(p, id, payload);
            }
        }
        wr_program_free(p);
    }
    return 0;
}
