// Any bytes as statement and payload: "statement NUL payload". Compiles in both versions, runs,
// writes the result; also takes the statement for a template, and looks at both for findings. Must
// not crash, leak, or go past its limits.
#include "sql/lint.h"
#include "sql/sql.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define FUEL         200000
#define MEMORY_BYTES (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void refuse(void *user, struct wr_lookup *l)
{
    l->failed = l->answered = true;
    wr_fault_set(&l->fault, WR_ERR_FAILED, "no look-ups here");
}

static void fixed_random(void *user, void *at, size_t len)
{
    memset(at, 0x5a, len);
}

static void run(struct wr_program *p, wr_str payload, bool with_template, uint32_t id)
{
    static const struct wr_sql_host host = {
        .account_id = WR_STR_INIT("123456789012"), .random = fixed_random, .lookup = refuse};
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)&p, 1);
    struct wr_sql_message m = {
        .topic = WR_STR("a/b/c"), .payload = payload, .format_indicator = -1};
    struct wr_eval e = {0};
    wr_str bytes;
    bool json;
    if (!wr_sql_message_read(&m, plan, &arena)) {
        wr_eval_start(&e, &m, 0, &host);
        if (wr_eval_run(&e) == WR_EVAL_MATCHED && wr_eval_output(&e, &bytes, &json)) {
            wr_assert(arena.over);
        }
        if (with_template) {
            wr_eval_template(&e, id);
            if (wr_eval_run(&e) == WR_EVAL_MATCHED) {
                wr_assert(!wr_eval_text(&e, &bytes, NULL));
            }
        }
    }
    wr_plan_free(plan);
    wr_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *nul = size ? memchr(at, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - at) : size;
    wr_str text = {at, len};
    wr_str payload = nul ? (wr_str){nul + 1, size - len - 1} : WR_STR("{\"a\":1}");
    static const char *const versions[] = {"2015-10-08", "2016-03-23"};
    for (size_t i = 0; i < WR_COUNT(versions); i++) {
        struct wr_program_options options = {.sql_version = wr_str_of(versions[i]), .fuel = FUEL};
        struct wr_fault fault = {0};
        struct wr_program *p;
        uint32_t id = 0;
        if (!wr_program_new(text, &options, &p, &fault)) {
            wr_assert(!wr_program_seal(p, &fault));
            run(p, payload, false, 0);
            wr_lint_free(wr_lint_statement(p, NULL));
            wr_program_free(p);
        } else {
            wr_assert(fault.code && fault.text[0]);
        }
        if (!wr_program_new(WR_STR("SET @a = a SELECT @a FROM 'a/#'"), &options, &p, &fault)) {
            bool ok = !wr_program_add_template(p, text, &id, &fault);
            wr_assert(!wr_program_seal(p, &fault));
            run(p, payload, ok, id);
            wr_lint_free(wr_lint_template(p, text, NULL));
            wr_program_free(p);
        }
    }
    return 0;
}
