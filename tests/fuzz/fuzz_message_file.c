// Any bytes as a line of a message file: what is read, written, and read again is the same; and any
// bytes as a payload come back.
#include "engine/cli/message_text.h"

#include "sql/base/err.h"

#include "sql/base/banned.h"

#define MEMORY_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void written_and_read(const struct wr_file_message *m, struct wr_arena *arena)
{
    struct wr_fault fault = {0};
    for (int raw = 0; raw < 2; raw++) {
        struct wr_buf first = {0}, second = {0};
        struct wr_file_message back;
        wr_assert(!wr_message_text_write(m, raw, &first, &fault));
        wr_str line = {first.at, first.len - 1};
        wr_assert(!memchr(line.at, '\n', line.len));
        wr_err err = wr_message_text_read(line, arena, &back, &fault);
        wr_assert(!err || err == WR_ERR_LIMIT);
        if (!err) {
            wr_assert(wr_str_eq(back.sql.payload, m->sql.payload));
            wr_assert(!wr_message_text_write(&back, raw, &second, &fault));
            wr_assert(wr_str_eq(wr_buf_str(&first), wr_buf_str(&second)));
        }
        wr_buf_release(&first);
        wr_buf_release(&second);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wr_str text = {(const char *)data, size};
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_file_message m;
    struct wr_fault fault = {0};
    if (!wr_message_text_read(text, &arena, &m, &fault)) {
        written_and_read(&m, &arena);
    } else {
        wr_assert(fault.text[0] && fault.column >= 1);
    }
    m = (struct wr_file_message){
        .sql = {.topic = WR_STR("t"), .payload = text, .format_indicator = -1}, .expiry_s = -1};
    written_and_read(&m, &arena);
    wr_arena_release(&arena);
    return 0;
}
