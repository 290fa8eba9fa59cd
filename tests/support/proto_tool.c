// Decodes Protobuf for tests/unit/proto_differential.py: each line of stdin is "PROTO TYPE BASE64"
// ("-" for no bytes); the answer is a line, the JSON or "! " and the fault's text.
//
//   proto_tool DESCRIPTOR_FILE
#include <stdio.h>

#include "sql/base/json.h"
#include "sql/func/proto.h"

#include "sql/base/banned.h"

#define LINE_MAX_LEN (1 << 20)

static char line[LINE_MAX_LEN], proto[256], type[256], text[LINE_MAX_LEN];

static void answer(struct wr_call *c, wr_str file, wr_str bytes)
{
    struct wr_proto_schema *s;
    const struct wr_proto_type *t;
    wr_value v;
    if (wr_proto_schema_read(file, c->num.arena, &s, &c->fault) ||
        wr_proto_schema_find(s, wr_str_of(proto), wr_str_of(type), &t, &c->fault)) {
        c->failed = true;
    } else {
        v = wr_proto_decode(c, s, t, bytes);
    }
    if (c->failed) {
        printf("! %s\n", c->fault.text);
        return;
    }
    struct wr_buf out;
    wr_buf_init_arena(&out, c->num.arena);
    wr_json_write(&out, &v, c->num.arena, WR_SQL_2016);
    printf("%.*s\n", WR_STR_ARG(wr_buf_str(&out)));
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "rbe") : NULL;
    struct wr_buf file = {0};
    char *to = wr_buf_reserve(&file, 65536);
    if (!f || !to) {
        return 2;
    }
    file.len = fread(to, 1, 65536, f);
    fclose(f);
    struct wr_arena arena;
    wr_arena_init(&arena, 256u << 20);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%255s %255s %1048575s", proto, type, text) != 3) {
            return 2;
        }
        wr_arena_reset(&arena);
        struct wr_call c = {.num = {&arena, WR_SQL_2016}};
        struct wr_buf bytes;
        wr_buf_init_arena(&bytes, &arena);
        if (text[0] != '-' && !wr_buf_add_unbase64(&bytes, wr_str_of(text))) {
            return 2;
        }
        answer(&c, wr_buf_str(&file), wr_buf_str(&bytes));
    }
    wr_buf_release(&file);
    wr_arena_release(&arena);
    return 0;
}
