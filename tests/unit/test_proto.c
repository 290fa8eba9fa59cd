// sql/func/proto*.c: the fixtures of tests/unit/proto (made by tests/support/make_proto.py), and
// decode() as statements use it. The folder is the program's argument.
#include "sql/func/proto.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/json.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARENA_LIMIT (16u << 20)

static const char *folder = ".";
static struct wr_buf descriptor;

static void read_file(const char *name, struct wr_buf *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rbe");
    CHECK(path, f != NULL);
    size_t n = 0;
    do {
        char *to = wr_buf_reserve(out, 65536);
        n = to ? fread(to, 1, 65536, f) : 0;
        out->len += n;
    } while (n);
    fclose(f);
}

static int load(void **state)
{
    read_file("rich.desc", &descriptor);
    return 0;
}

static int unload(void **state)
{
    wr_buf_release(&descriptor);
    wr_proto_thread_release();
    return 0;
}

static void decode(struct wr_call *c, wr_str proto, wr_str type, wr_str bytes, struct wr_buf *out)
{
    struct wr_proto_schema *s;
    const struct wr_proto_type *t;
    if (wr_proto_schema_read(wr_buf_str(&descriptor), c->num.arena, &s, &c->fault) ||
        wr_proto_schema_find(s, proto, type, &t, &c->fault)) {
        c->failed = true;
        return;
    }
    wr_value v = wr_proto_decode(c, s, t, bytes);
    if (!c->failed && !c->num.arena->over) {
        wr_json_write(out, &v, c->num.arena, WR_SQL_2016);
    }
}

static wr_str part(wr_str *line, char end)
{
    const char *to = memchr(line->at, end, line->len);
    size_t len = to ? (size_t)(to - line->at) : line->len;
    wr_str got = wr_str_cut(*line, 0, len);
    *line = wr_str_cut(*line, len + (to != NULL), line->len);
    return got;
}

static bool json_equal(struct wr_arena *arena, wr_str a, wr_str b)
{
    wr_value x, y;
    return !wr_json_parse(a, arena, WR_SQL_2016, &x, NULL) &&
           !wr_json_parse(b, arena, WR_SQL_2016, &y, NULL) &&
           wr_value_equal(&x, &y, arena, WR_SQL_2016);
}

static void fixtures(void **state)
{
    struct wr_buf cases = {0}, out = {0}, bytes = {0};
    read_file("cases.txt", &cases);
    wr_str rest = wr_buf_str(&cases);
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    size_t count = 0;
    for (; rest.len; count++) {
        wr_str line = part(&rest, '\n');
        char *name = wr_strdup(part(&line, '\t'));
        wr_str proto = part(&line, '\t'), type = part(&line, '\t'), text = part(&line, '\t');
        struct wr_call c = {.num = {&arena, WR_SQL_2016}};
        wr_arena_reset(&arena);
        wr_buf_clear(&out);
        wr_buf_clear(&bytes);
        CHECK(name, wr_str_eq(text, S("-")) || wr_buf_add_unbase64(&bytes, text));
        decode(&c, proto, type, wr_buf_str(&bytes), &out);
        if (wr_str_starts(line, S("! "))) {
            CHECK_INT(name, c.failed, true);
            if (wr_str_find(Z(c.fault.text), wr_str_cut(line, 2, line.len)) < 0) {
                CASE_FAIL(name, "got '%s', not '%.*s'", c.fault.text, WR_STR_ARG(line));
            }
        } else if (c.failed) {
            CASE_FAIL(name, "failed: %s", c.fault.text);
        } else if (!json_equal(&arena, wr_buf_str(&out), line)) {
            CHECK_STR(name, wr_buf_str(&out), line);
        }
        free(name);
    }
    CHECK("fixtures", count > 50);
    wr_arena_release(&arena);
    wr_buf_release(&cases);
    wr_buf_release(&out);
    wr_buf_release(&bytes);
}

// Whatever part of a descriptor file is there, reading it ends.
static void cut_descriptors(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    wr_str whole = wr_buf_str(&descriptor);
    for (size_t len = 1; len < whole.len; len += 7) {
        struct wr_fault fault = {0};
        struct wr_proto_schema *s;
        wr_arena_reset(&arena);
        CHECK("cut", wr_proto_schema_read(wr_str_cut(whole, 0, len), &arena, &s, &fault) == WR_OK ||
                         fault.text[0]);
    }
    wr_arena_release(&arena);
}

static void every_allocation_may_fail(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    // riches {"a": {inner: {}}}, strings, a bytes field, int64s, at, any of a Person
    static const char bytes[] = "\xb2\x03\x08\x0a\x01"
                                "a\x12\x03\x8a\x01\x00\x92\x02\x02hi\x7a\x02xy\xc2\x01\x02\x01\x02"
                                "\xe2\x03\x02\x08\x01\x92\x04\x1b\x0a\x15x/weir.three.Person"
                                "xx\x12\x02\x10\x07";
    struct wr_proto_schema *s;
    const struct wr_proto_type *t;
    struct wr_arena tables;
    wr_arena_init(&tables, ARENA_LIMIT);
    CHECK_INT("schema", wr_proto_schema_read(wr_buf_str(&descriptor), &tables, &s, NULL), WR_OK);
    CHECK_INT("type", wr_proto_schema_find(s, S("rich3"), S("Rich"), &t, NULL), WR_OK);
    for (uint64_t n = 1;; n++) {
        wr_arena_reset(&arena);
        arena.fail_at = n;
        struct wr_call c = {.num = {&arena, WR_SQL_2016}};
        wr_value v = wr_proto_decode(&c, s, t, (wr_str){bytes, sizeof bytes - 9});
        if (!arena.over) {
            arena.fail_at = 0;
            CHECK("ends", n > 5 && (c.failed || v.type == WR_OBJECT));
            break;
        }
        CHECK_INT("over", v.type, WR_UNDEFINED);
        CHECK_INT("over is no failure", c.failed, false);
    }
    wr_arena_release(&arena);
    wr_arena_release(&tables);
}

// ---- decode() in statements

static bool object(void *user, wr_str bucket, wr_str key, wr_str *bytes)
{
    ++*(int *)user;
    if (wr_str_eq(key, S("long.desc"))) {
        *bytes = (wr_str){NULL, WR_SQL_OBJECT_MAX + 1};
        return true;
    }
    *bytes = wr_str_eq(key, S("bad.desc")) ? S("\x0a\x7f") : wr_buf_str(&descriptor);
    return wr_str_eq(bucket, S("b")) && wr_str_ends(key, S(".desc"));
}

static const struct {
    const char *name, *sql;
    wr_str payload;
    const char *want; // with "! " before a failure's text
} statements[] = {
    {"the payload", "SELECT VALUE decode(*, 'proto', 'b', 'k.desc', 'rich3', 'Person') FROM 'a'",
     WR_STR_INIT("\x0a\x03"
                 "Ann\x10\x07"),
     "{\"name\":\"Ann\",\"id\":7}"},
    {"base64 text",
     "SELECT decode(a.b, 'proto', 'b', 'k.desc', 'rich3', 'Person').id AS i FROM 'a'",
     WR_STR_INIT("{\"a\":{\"b\":\"EAc=\"}}"), "{\"i\":7}"},
    {"a variable",
     "SET @p = decode(*, 'proto', 'b', 'k.desc', 'rich3', 'Person') SELECT @p.id AS i FROM 'a' "
     "WHERE @p.id > 3",
     WR_STR_INIT("\x10\x07"), "{\"i\":7}"},
    {"an empty payload",
     "SELECT decode(*, 'proto', 'b', 'k.desc', 'rich3', 'Person') AS p FROM 'a'", WR_STR_INIT(""),
     "{\"p\":{}}"},
    {"a missing field", "SELECT decode(x, 'proto', 'b', 'k.desc', 'rich3', 'Person') AS p FROM 'a'",
     WR_STR_INIT("{}"), "{}"},
    {"not base64", "SELECT decode(x, 'proto', 'b', 'k.desc', 'rich3', 'Person') AS p FROM 'a'",
     WR_STR_INIT("{\"x\":\"%%\"}"), "! decode: the text is not base64"},
    {"a number", "SELECT decode(x, 'proto', 'b', 'k.desc', 'rich3', 'Person') AS p FROM 'a'",
     WR_STR_INIT("{\"x\":1}"), "! decode: a Protobuf message is the payload (*) or base64 text"},
    {"a number as key", "SELECT decode(*, 'proto', 'b', 1, 'rich3', 'Person') AS p FROM 'a'",
     WR_STR_INIT("\x10\x07"),
     "! decode: bucket, key, proto name and message type have to be Strings"},
    {"no object", "SELECT decode(*, 'proto', 'b', 'none', 'rich3', 'Person') AS p FROM 'a'",
     WR_STR_INIT("\x10\x07"), "! decode: the bucket 'b' has no object 'none'"},
    {"too long", "SELECT decode(*, 'proto', 'b', 'long.desc', 'rich3', 'Person') AS p FROM 'a'",
     WR_STR_INIT("\x10\x07"),
     "! decode: the descriptor file 'long.desc' has more than 32768 bytes, the limit"},
    {"damaged descriptor", "SELECT decode(*, 'proto', 'b', 'bad.desc', 'p', 'T') AS p FROM 'a'",
     WR_STR_INIT("\x10\x07"),
     "! decode: the descriptor file is damaged: a length beyond the end at byte 1"},
    {"damaged message", "SELECT decode(*, 'proto', 'b', 'k.desc', 'rich3', 'Person') AS p FROM 'a'",
     WR_STR_INIT("\x10"),
     "! decode: the Protobuf message is damaged: a varint that ends early in weir.three.Person at "
     "byte 1"},
    {"with a default",
     "SELECT get_or_default(decode(*, 'proto', 'b', 'k.desc', 'rich3', 'Person'), 1) AS p FROM 'a'",
     WR_STR_INIT("\x10"), "{\"p\":1}"},
};

static void in_statements(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    for (size_t i = 0; i < WR_COUNT(statements); i++) {
        const char *name = statements[i].name;
        const struct wr_program_options options = {.sql_version = S("2016-03-23")};
        struct wr_program *p;
        CHECK_INT(name, wr_program_new(Z(statements[i].sql), &options, &p, NULL), WR_OK);
        CHECK_INT(name, wr_program_seal(p, NULL), WR_OK);
        struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)&p, 1);
        int asked = 0;
        const struct wr_sql_host host = {.user = &asked, .object = object};
        for (int with_host = 1; with_host >= 0; with_host--) {
            struct wr_sql_message m = {.topic = S("a"), .payload = statements[i].payload};
            struct wr_eval e = {0};
            wr_str bytes;
            bool json;
            wr_arena_reset(&arena);
            CHECK_INT(name, wr_sql_message_read(&m, plan, &arena), WR_OK);
            wr_eval_start(&e, &m, 0, with_host ? &host : NULL);
            enum wr_eval_state got = wr_eval_run(&e);
            if (!with_host) { // fails or is Undefined, and does not crash
                CHECK(name, got == WR_EVAL_FAILED || got == WR_EVAL_MATCHED);
            } else if (statements[i].want[0] == '!') {
                CHECK_INT(name, got, WR_EVAL_FAILED);
                CHECK_STR(name, Z(e.fault.text), Z(statements[i].want + 2));
            } else {
                CHECK_INT(name, got, WR_EVAL_MATCHED);
                CHECK_INT(name, wr_eval_output(&e, &bytes, &json), WR_OK);
                CHECK_STR(name, bytes, Z(statements[i].want));
            }
        }
        wr_plan_free(plan);
        wr_program_free(p);
    }
    wr_arena_release(&arena);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        T(fixtures),
        T(cut_descriptors),
        T(every_allocation_may_fail),
        T(in_statements),
    };
    folder = argc > 1 ? argv[1] : folder;
    return cmocka_run_group_tests(tests, load, unload);
}
