// Any bytes as descriptor file and message: two bytes of the descriptor's length (little end
// first), the descriptor, the message. Decodes it as every message type that the descriptor has.
// Must not crash, leak, or go past its limits.
#include "sql/func/proto.h"

#include "sql/base/json.h"

#include "sql/base/banned.h"

#define MEMORY_BYTES (16u << 20)
#define TYPES_MAX    16 // of one descriptor

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const struct wr_proto_schema *s, const struct wr_proto_type *t, wr_str bytes)
{
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_call c = {.num = {&arena, WR_SQL_2016}};
    wr_value v = wr_proto_decode(&c, s, t, bytes);
    if (c.failed) {
        wr_assert(v.type == WR_UNDEFINED && c.fault.text[0]);
    } else if (!arena.over) {
        wr_assert(v.type != WR_UNDEFINED);
        struct wr_buf out;
        wr_buf_init_arena(&out, &arena);
        wr_json_write(&out, &v, &arena, WR_SQL_2016);
        wr_value again;
        wr_assert(arena.over || out.over ||
                  !wr_json_parse(wr_buf_str(&out), &arena, WR_SQL_2016, &again, NULL) ||
                  arena.over);
    }
    wr_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t len = data[0] | (size_t)data[1] << 8;
    len = len < size - 2 ? len : size - 2;
    wr_str file = {(const char *)data + 2, len},
           bytes = {(const char *)data + 2 + len, size - 2 - len};
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_fault fault = {0};
    struct wr_proto_schema *s;
    if (wr_proto_schema_read(file, &arena, &s, &fault)) {
        wr_assert(fault.text[0]);
    } else {
        const struct wr_proto_type *t;
        for (size_t i = 0; i < TYPES_MAX && (t = wr_proto_schema_at(s, i)); i++) {
            decode(s, t, bytes);
        }
    }
    wr_arena_release(&arena);
    return 0;
}
