// Any bytes as lines of cases: as `weir eval --cases` reads and answers them, and as message lines.
// Must not crash or leak; a refusal has a text.
#include "engine/cli/cases.h"
#include "engine/cli/message_line.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define SIZE_MAX_FUZZED 4096 // statements may take all of their fuel: few of them
#define MEMORY_BYTES    (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_message(wr_str text)
{
    static const wr_value none = {.type = WR_UNDEFINED};
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_line line;
    struct wr_sql_message m = {0};
    struct wr_fault fault = {0};
    wr_err err = wr_line_read(text, &arena, &line, &fault);
    if (!err) {
        wr_value context = wr_line_member(&line.object, "context", &arena);
        err = wr_line_message(&line, context.type == WR_OBJECT ? &context : &none, &arena, &m,
                              &fault);
    }
    wr_assert(!err || (fault.code && fault.text[0]));
    wr_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    if (size == 0 || size > SIZE_MAX_FUZZED) {
        return 0;
    }
    wr_hash_seed_init();
    as_message((wr_str){(const char *)data, size});
    nowhere = nowhere ? nowhere : fopen("/dev/null", "we");
    char *copy = wr_alloc(size);
    memcpy(copy, data, size);
    FILE *in = fmemopen(copy, size, "r");
    struct wr_fault fault = {0};
    wr_assert(nowhere && in);
    wr_err err = wr_cases_answer(in, nowhere, &fault);
    wr_assert(!err || (fault.code && fault.text[0]));
    fclose(in);
    free(copy);
    return 0;
}
