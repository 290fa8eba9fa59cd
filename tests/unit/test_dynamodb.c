// The local form of DynamoDB: numbers, AttributeValue JSON, keys, the three writes, both actions.
#include "sinks/dynamodb/item.h"
#include "sinks/dynamodb/number.h"
#include "sinks/dynamodb/store.h"
#include "sinks/lib/local_dynamodb.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <sqlite3.h>

#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_dynamodb;
extern const struct wr_sink_impl wr_sink_dynamodb_v2;

static const struct wr_test_setting no_settings[] = {{0}};

// ---- numbers

static const struct {
    const char *text, *want; // NULL: refused
} numbers[] = {
    {"0", "0"},
    {"-0", "0"},
    {"0.000", "0"},
    {"0e999999999999", "0"},
    {"1", "1"},
    {"+1", "1"},
    {"1.0", "1"},
    {"1e0", "1"},
    {"10e-1", "1"},
    {"000100.5000", "100.5"},
    {"-12.50", "-12.5"},
    {".5", "0.5"},
    {"5.", "5"},
    {"1E2", "100"},
    {"1.5E-7", "0.00000015"},
    {"123456789012345678901234567890.12345678", "123456789012345678901234567890.12345678"},
    {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
    {"999999999999999999999999999999999999990000", "999999999999999999999999999999999999990000"},
    {"100000000000000000000000000000000000001", NULL},
    {"1E126", NULL},
    {"1E-131", NULL},
    {"1E-999999999999", NULL},
    {"", NULL},
    {"-", NULL},
    {".", NULL},
    {"e5", NULL},
    {"1e", NULL},
    {"1e+", NULL},
    {"1 ", NULL},
    {" 1", NULL},
    {"1.2.3", NULL},
    {"abc", NULL},
    {"NaN", NULL},
    {"0x10", NULL},
};

static void test_numbers(void **state)
{
    for (size_t i = 0; i < WR_COUNT(numbers); i++) {
        struct wr_dynamodb_number n;
        const char *wrong = wr_dynamodb_number_parse(Z(numbers[i].text), &n);
        CHECK_INT(numbers[i].text, wrong == NULL, numbers[i].want != NULL);
        if (!wrong) {
            struct wr_buf b = {0};
            wr_dynamodb_number_write(&b, &n);
            CHECK_STR(numbers[i].text, wr_buf_str(&b), Z(numbers[i].want));
            wr_buf_release(&b);
        }
    }
    struct wr_dynamodb_number n;
    assert_null(wr_dynamodb_number_parse(S("1E125"), &n));
    assert_null(wr_dynamodb_number_parse(S("1E-130"), &n));
}

static void test_number_order(void **state)
{
    static const char *const ordered[] = {
        "-9.9E125", "-1000", "-999", "-100",  "-15",     "-1.5",    "-1.05",  "-1",
        "-0.5",     "-0.15", "-0.1", "-0.01", "-1E-130", "0",       "1E-130", "0.01",
        "0.1",      "0.15",  "0.5",  "1",     "1.05",    "1.5",     "9",      "10",
        "15",       "99.9",  "100",  "999",   "1000",    "9.9E125",
    };
    char before[WR_DYNAMODB_NUMBER_KEY_MAX], key[WR_DYNAMODB_NUMBER_KEY_MAX];
    size_t before_len = 0;
    for (size_t i = 0; i < WR_COUNT(ordered); i++) {
        struct wr_dynamodb_number n;
        assert_null(wr_dynamodb_number_parse(Z(ordered[i]), &n));
        size_t len = wr_dynamodb_number_key(key, &n);
        CHECK(ordered[i],
              i == 0 || wr_str_cmp((wr_str){before, before_len}, (wr_str){key, len}) < 0);
        memcpy(before, key, len);
        before_len = len;
    }
}

// ---- AttributeValue JSON

static const struct item_case {
    const char *name, *json, *want;
    enum wr_dialect dialect;
} items[] = {
    {"all types",
     "{\"s\":\"x\",\"n\":20.5,\"t\":true,\"f\":false,\"z\":null,\"m\":{\"a\":1},\"l\":[1,\"2\",[]]"
     "}",
     "{\"s\":{\"S\":\"x\"},\"n\":{\"N\":\"20.5\"},\"t\":{\"BOOL\":true},\"f\":{\"BOOL\":false},"
     "\"z\":{\"NULL\":true},\"m\":{\"M\":{\"a\":{\"N\":\"1\"}}},"
     "\"l\":{\"L\":[{\"N\":\"1\"},{\"S\":\"2\"},{\"L\":[]}]}}",
     WR_SQL_2016},
    {"escapes", "{\"a\\\"\\u00fc\":\"\\u0041\\n\\\"\\ud83d\\ude00\"}",
     "{\"a\\\"\xc3\xbc\":{\"S\":\"A\\n\\\"\xf0\x9f\x98\x80\"}}", WR_SQL_2016},
    {"numbers of the source",
     "{\"a\":0.1,\"b\":9007199254740993,\"c\":1e3,\"d\":1.50,"
     "\"e\":12345678901234567890123456789012345678,\"f\":-0.0}",
     "{\"a\":{\"N\":\"0.1\"},\"b\":{\"N\":\"9007199254740993\"},\"c\":{\"N\":\"1000\"},"
     "\"d\":{\"N\":\"1.5\"},\"e\":{\"N\":\"12345678901234567890123456789012345678\"},"
     "\"f\":{\"N\":\"0\"}}",
     WR_SQL_2016},
    {"more digits than a number of the language has",
     "{\"a\":1234567890123456789012345678901234567890}",
     "{\"a\":{\"N\":\"1234567890123456789012345678901235000000\"}}", WR_SQL_2016},
    {"old dialect", "{\"a\":20.0,\"b\":[1.5]}",
     "{\"a\":{\"N\":\"20\"},\"b\":{\"L\":[{\"N\":\"1.5\"}]}}", WR_SQL_2015},
    {"empty", "{}", "{}", WR_SQL_2016},
    {"empty string", "{\"a\":\"\"}", "{\"a\":{\"S\":\"\"}}", WR_SQL_2016},
    {"too large a number", "{\"a\":1E130}", NULL, WR_SQL_2016},
    {"empty name", "{\"\":1}", NULL, WR_SQL_2016},
};

static const char *build(struct wr_arena *arena, wr_str json, enum wr_dialect dialect,
                         struct wr_dynamodb_item *out)
{
    wr_value v;
    struct wr_dynamodb_builder b;
    assert_int_equal(wr_json_parse(json, arena, dialect, &v, NULL), WR_OK);
    wr_dynamodb_builder_init(&b, arena, dialect, v.len);
    for (uint32_t i = 0; i < v.len; i++) {
        wr_dynamodb_builder_add(&b, v.as.members[i].key, &v.as.members[i].value);
    }
    return wr_dynamodb_builder_done(&b, out);
}

static void test_items(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < WR_COUNT(items); i++) {
        const struct item_case *c = &items[i];
        struct wr_dynamodb_item item;
        const char *wrong = build(&arena, Z(c->json), c->dialect, &item);
        CHECK_INT(c->name, wrong == NULL, c->want != NULL);
        if (!wrong) {
            CHECK_STR(c->name, item.json, Z(c->want));
            // What is counted while writing is what is counted when it is read back.
            wr_value back;
            assert_int_equal(wr_json_parse(item.json, &arena, WR_SQL_2016, &back, NULL), WR_OK);
            CHECK_INT(c->name, wr_dynamodb_item_size(&back, &arena), item.size);
        }
        wr_arena_reset(&arena);
    }
    wr_arena_release(&arena);
}

static void test_item_limits(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 24);
    for (int over = 0; over < 2; over++) {
        struct wr_buf json = {0};
        struct wr_dynamodb_item item;
        wr_buf_add(&json, S("{\"abc\":\""));
        for (int i = 0; i < WR_DYNAMODB_ITEM_MAX - 3 + over; i++) {
            wr_buf_add_char(&json, 'x');
        }
        wr_buf_add(&json, S("\"}"));
        const char *wrong = build(&arena, wr_buf_str(&json), WR_SQL_2016, &item);
        CHECK_STR("400 KB", Z(wrong ? wrong : ""),
                  over ? S("Item size has exceeded the maximum allowed size") : S(""));
        wr_buf_release(&json);
        wr_arena_reset(&arena);
    }
    for (int over = 0; over < 2; over++) {
        struct wr_buf json = {0};
        struct wr_dynamodb_item item;
        wr_buf_add(&json, S("{\"a\":"));
        for (int i = 1; i < WR_DYNAMODB_DEPTH_MAX + over; i++) {
            wr_buf_add_char(&json, '[');
        }
        wr_buf_add_char(&json, '1');
        for (int i = 1; i < WR_DYNAMODB_DEPTH_MAX + over; i++) {
            wr_buf_add_char(&json, ']');
        }
        wr_buf_add_char(&json, '}');
        const char *wrong = build(&arena, wr_buf_str(&json), WR_SQL_2016, &item);
        CHECK_INT("nesting", wrong != NULL, over);
        wr_buf_release(&json);
        wr_arena_reset(&arena);
    }
    wr_arena_release(&arena);
}

// ---- through the sinks

struct rows {
    char text[8192];
    int64_t last;
};

static bool add_row(void *user, int64_t seq, wr_str item)
{
    struct rows *rows = user;
    size_t len = strlen(rows->text);
    snprintf(rows->text + len, sizeof rows->text - len, "%.*s\n", WR_STR_ARG(item));
    rows->last = seq;
    return true;
}

static void check_rows(struct fake *f, const char *name, const char *table, const char *want)
{
    struct rows rows = {0};
    struct wr_fault fault = {0};
    if (wr_local_dynamodb_items(f->dir, Z(table), WR_LOCAL_DYNAMODB_BY_KEY, 0, add_row, &rows,
                                &fault)) {
        snprintf(rows.text, sizeof rows.text, "(%s)", fault.text);
    }
    CHECK_STR(name, Z(rows.text), Z(want));
}

static void check_verdict(const char *name, struct fake_record *r, const char *refused)
{
    CHECK_INT(name, r->settled, 1);
    if (!refused && r->verdict != WR_DELIVERED) {
        CASE_FAIL(name, "not delivered: %s", r->message);
    }
    if (refused) {
        CHECK_INT(name, r->verdict, WR_REFUSED);
        if (!strstr(r->message, refused)) {
            CASE_FAIL(name, "message is: %s", r->message);
        }
        CHECK(name,
              strstr(r->message, "Failed to write to DynamoDB table. The error received was "));
    }
}

static const struct wr_test_setting declared[] = {
    {"tables.readings.hash_key", "id"},
    {"tables.events.hash_key", "device"},
    {"tables.events.hash_type", "S"},
    {"tables.events.range_key", "at"},
    {"tables.events.range_type", "N"},
    {"tables.Readings.hash_key", "ID"},
    {"tables.Readings.hash_type", "N"},
    {"tables.sqlite_x.hash_key", "id"},
    {"tables.bytes.hash_key", "id"},
    {"tables.bytes.hash_type", "B"},
    {0},
};

static const struct {
    const char *name, *table, *body, *refused;
} v2_cases[] = {
    {"insert", "readings", "{\"id\":\"a\",\"v\":1}", NULL},
    {"another", "readings", "{\"v\":2,\"id\":\"b\"}", NULL},
    {"replaced whole", "readings", "{\"id\":\"a\",\"w\":[true]}", NULL},
    {"name in other case is another table", "Readings", "{\"ID\":1.0}", NULL},
    {"the same number", "Readings", "{\"ID\":1e0,\"x\":1}", NULL},
    {"again", "Readings", "{\"ID\":1,\"x\":2}", NULL},
    {"ten sorts behind nine", "Readings", "{\"ID\":10}", NULL},
    {"nine", "Readings", "{\"ID\":9}", NULL},
    {"negative", "Readings", "{\"ID\":-1.5}", NULL},
    {"a name that SQLite keeps", "sqlite_x", "{\"id\":\"a\"}", NULL},
    {"key with NUL", "readings", "{\"id\":\"a\\u0000b\"}", NULL},
    {"both keys", "events", "{\"device\":\"d\",\"at\":2}", NULL},
    {"other sort key", "events", "{\"device\":\"d\",\"at\":10}", NULL},
    {"same keys", "events", "{\"device\":\"d\",\"at\":2.0,\"x\":{}}", NULL},
    {"missing key", "readings", "{\"v\":1}",
     "One or more parameter values were invalid: Missing the key id in the item (Service: "
     "AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: local)."},
    {"missing sort key", "events", "{\"device\":\"d\"}", "Missing the key at in the item"},
    {"number for string", "readings", "{\"id\":1}",
     "Type mismatch for key id expected: S actual: N"},
    {"string for number", "Readings", "{\"ID\":\"1\"}",
     "Type mismatch for key ID expected: N actual: S"},
    {"null key", "readings", "{\"id\":null}", "Type mismatch for key id expected: S actual: NULL"},
    {"binary key", "bytes", "{\"id\":\"eA==\"}", "Type mismatch for key id expected: B actual: S"},
    {"empty key", "readings", "{\"id\":\"\"}", "cannot contain an empty string value. Key: id"},
    {"undeclared table", "nowhere", "{\"id\":\"a\"}",
     "Requested resource not found: Table: nowhere not found; declare its key in weir.yaml as "
     "sinks.dynamoDBv2.tables.nowhere.hash_key (Service: AmazonDynamoDBv2; Status Code: 400; Error "
     "Code: ResourceNotFoundException"},
    {"empty table name", "", "{\"id\":\"a\"}", "TableName must be"},
    {"table name with a quote", "a\"; DROP TABLE readings; --", "{\"id\":\"a\"}", "TableName must"},
    {"the catalog", "~tables", "{\"name\":\"a\"}", "TableName must"},
    {"array", "readings", "[{\"id\":\"a\"}]", "The result is no JSON object"},
    {"scalar", "readings", "1", "The result is no JSON object"},
    {"raw", "readings", "not JSON", "The result is no JSON object"},
    {"empty result", "readings", "", "The result is no JSON object"},
};

static void test_v2(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb_v2);
    assert_int_equal(fake_open(&f, declared), WR_OK);
    struct fake_record *records[WR_COUNT(v2_cases)];
    for (size_t i = 0; i < WR_COUNT(v2_cases); i++) { // most of them in one transaction
        records[i] = fake_record(&f, Z(v2_cases[i].body));
        fake_set(records[i], "putItem.tableName", Z(v2_cases[i].table));
        fake_submit(&f, records[i]);
    }
    fake_run(&f);
    for (size_t i = 0; i < WR_COUNT(v2_cases); i++) {
        check_verdict(v2_cases[i].name, records[i], v2_cases[i].refused);
        if (v2_cases[i].refused) {
            CHECK_STR(v2_cases[i].name, Z(records[i]->resource), Z(v2_cases[i].table));
        }
        free(records[i]);
    }
    check_rows(&f, "readings", "readings",
               "{\"id\":{\"S\":\"a\"},\"w\":{\"L\":[{\"BOOL\":true}]}}\n"
               "{\"id\":{\"S\":\"a\\u0000b\"}}\n"
               "{\"v\":{\"N\":\"2\"},\"id\":{\"S\":\"b\"}}\n");
    check_rows(&f, "Readings", "Readings",
               "{\"ID\":{\"N\":\"-1.5\"}}\n{\"ID\":{\"N\":\"1\"},\"x\":{\"N\":\"2\"}}\n"
               "{\"ID\":{\"N\":\"9\"}}\n{\"ID\":{\"N\":\"10\"}}\n");
    check_rows(&f, "events", "events",
               "{\"device\":{\"S\":\"d\"},\"at\":{\"N\":\"2\"},\"x\":{\"M\":{}}}\n"
               "{\"device\":{\"S\":\"d\"},\"at\":{\"N\":\"10\"}}\n");
    check_rows(&f, "sqlite_x", "sqlite_x", "{\"id\":{\"S\":\"a\"}}\n");
    check_rows(&f, "nowhere", "nowhere",
               "(Requested resource not found: Table: nowhere not found)");
    fake_close(&f);

    // All of it is there after a restart, and new writes are the latest.
    assert_int_equal(fake_open(&f, declared), WR_OK);
    struct rows before = {0}, after = {0};
    assert_int_equal(wr_local_dynamodb_items(f.dir, S("readings"), WR_LOCAL_DYNAMODB_BY_WRITE, 0,
                                             add_row, &before, &f.fault),
                     WR_OK);
    struct fake_record *r = fake_record(&f, S("{\"id\":\"b\"}"));
    fake_set(r, "putItem.tableName", S("readings"));
    fake_submit(&f, r);
    fake_close(&f); // settles what is held
    check_verdict("restart", r, NULL);
    free(r);
    assert_int_equal(wr_local_dynamodb_items(f.dir, S("readings"), WR_LOCAL_DYNAMODB_BY_WRITE,
                                             before.last, add_row, &after, &f.fault),
                     WR_OK);
    CHECK_STR("restart", Z(after.text), S("{\"id\":{\"S\":\"b\"}}\n"));
    fake_release(&f);
}

static const struct v1_case {
    const char *name, *table, *hash[3], *range[3]; // field, value, type
    const char *operation, *field, *body, *refused;
} v1_cases[] = {
    {"insert makes the table",
     "t_1",
     {"id", "a", "STRING"},
     {0},
     "INSERT",
     "payload",
     "{\"x\":1}",
     NULL},
    {"array", "t_1", {"id", "b", "STRING"}, {0}, "INSERT", "payload", "[1,\"x\",null]", NULL},
    {"scalar", "t_1", {"id", "c", "STRING"}, {0}, "INSERT", "payload", "12.50", NULL},
    {"bytes", "t_1", {"id", "d", "STRING"}, {0}, "INSERT", "payload", "\xff\x01", NULL},
    {"other field", "t_1", {"id", "a", "STRING"}, {0}, "INSERT", "other", "{}", NULL},
    {"update keeps the rest",
     "t_1",
     {"id", "a", "STRING"},
     {0},
     "UPDATE",
     "payload",
     "{\"y\":\"\\u0041\"}",
     NULL},
    {"update again", "t_1", {"id", "a", "STRING"}, {0}, "UPDATE", "pay\"\\load", "true", NULL},
    {"update makes the item", "t_1", {"id", "e", "STRING"}, {0}, "UPDATE", "payload", "1", NULL},
    {"delete", "t_1", {"id", "b", "STRING"}, {0}, "DELETE", "payload", "{}", NULL},
    {"delete nothing", "t_1", {"id", "zzz", "STRING"}, {0}, "DELETE", "payload", "{}", NULL},
    {"number keys",
     "t_2",
     {"id", "1", "NUMBER"},
     {"at", "10", "NUMBER"},
     "INSERT",
     "payload",
     "{\"v\":1}",
     NULL},
    {"the same keys",
     "t_2",
     {"id", "1.0", "NUMBER"},
     {"at", "1e1", "NUMBER"},
     "INSERT",
     "payload",
     "{\"v\":2}",
     NULL},
    {"the same keys in an update",
     "t_2",
     {"id", "1e0", "NUMBER"},
     {"at", "10.00", "NUMBER"},
     "UPDATE",
     "payload",
     "{\"v\":3}",
     NULL},
    {"no number",
     "t_2",
     {"id", "abc", "NUMBER"},
     {"at", "1", "NUMBER"},
     "INSERT",
     "payload",
     "{}",
     "The parameter cannot be converted to a numeric value (Service: AmazonDynamoDBv2"},
    {"Undefined as number",
     "t_2",
     {"id", "", "NUMBER"},
     {"at", "1", "NUMBER"},
     "INSERT",
     "payload",
     "{}",
     "cannot be converted to a numeric value"},
    {"empty string key",
     "t_1",
     {"id", "", "STRING"},
     {0},
     "INSERT",
     "payload",
     "{}",
     "cannot contain an empty string value. Key: id"},
    {"type of the table",
     "t_1",
     {"id", "1", "NUMBER"},
     {0},
     "INSERT",
     "payload",
     "{}",
     "Type mismatch for key id expected: S actual: N"},
    {"name of the table's key",
     "t_1",
     {"key", "a", "STRING"},
     {0},
     "INSERT",
     "payload",
     "{}",
     "Missing the key id in the item"},
    {"update with another key",
     "t_1",
     {"key", "a", "STRING"},
     {0},
     "UPDATE",
     "payload",
     "{}",
     "The provided key element does not match the schema"},
    {"delete with too many keys",
     "t_1",
     {"id", "a", "STRING"},
     {"at", "1", "NUMBER"},
     "DELETE",
     "payload",
     "{}",
     "The provided key element does not match the schema"},
    {"update without the sort key",
     "t_2",
     {"id", "1", "NUMBER"},
     {0},
     "UPDATE",
     "payload",
     "{}",
     "The provided key element does not match the schema"},
    {"update of a key",
     "t_1",
     {"id", "a", "STRING"},
     {0},
     "UPDATE",
     "id",
     "1",
     "Two attributes have one name"},
    {"unknown operation",
     "t_1",
     {"id", "a", "STRING"},
     {0},
     "insert",
     "payload",
     "{}",
     "The operation is none of INSERT, UPDATE and DELETE"},
    {"unknown type",
     "t_1",
     {"id", "a", "S"},
     {0},
     "INSERT",
     "payload",
     "{}",
     "A key type is neither STRING nor NUMBER"},
    {"no name of the key",
     "t_1",
     {"", "a", "STRING"},
     {0},
     "INSERT",
     "payload",
     "{}",
     "The name of a key attribute"},
    {"bad table", "a/b", {"id", "a", "STRING"}, {0}, "INSERT", "payload", "{}", "TableName must"},
};

static void submit_v1(struct fake *f, struct fake_record *r, const struct v1_case *c)
{
    static const char *const hash[] = {"hashKeyField", "hashKeyValue", "hashKeyType"};
    static const char *const range[] = {"rangeKeyField", "rangeKeyValue", "rangeKeyType"};
    fake_set(r, "tableName", Z(c->table));
    for (int i = 0; i < 3; i++) {
        fake_set(r, hash[i], Z(c->hash[i]));
        fake_set(r, range[i], Z(c->range[i]));
    }
    fake_set(r, "operation", Z(c->operation));
    fake_set(r, "payloadField", Z(c->field));
    fake_submit(f, r);
}

static bool describe(void *user, const struct wr_local_dynamodb_table *table)
{
    char *text = user;
    size_t len = strlen(text);
    snprintf(text + len, 512 - len, "%.*s(%.*s %c %.*s %c) %d; ", WR_STR_ARG(table->name),
             WR_STR_ARG(table->hash_key), table->hash_type, WR_STR_ARG(table->range_key),
             table->range_type ? table->range_type : '-', (int)table->items);
    return true;
}

static void test_v1(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    struct fake_record *records[WR_COUNT(v1_cases)];
    for (size_t i = 0; i < WR_COUNT(v1_cases); i++) {
        records[i] = fake_record(&f, Z(v1_cases[i].body));
        submit_v1(&f, records[i], &v1_cases[i]);
    }
    fake_run(&f);
    for (size_t i = 0; i < WR_COUNT(v1_cases); i++) {
        check_verdict(v1_cases[i].name, records[i], v1_cases[i].refused);
        free(records[i]);
    }
    check_rows(
        &f, "t_1", "t_1",
        "{\"id\":{\"S\":\"a\"},\"other\":{\"M\":{}},\"payload\":{\"M\":{\"y\":{\"S\":\"A\"}}},"
        "\"pay\\\"\\\\load\":{\"BOOL\":true}}\n"
        "{\"id\":{\"S\":\"c\"},\"payload\":{\"N\":\"12.5\"}}\n"
        "{\"id\":{\"S\":\"d\"},\"payload\":{\"B\":\"/wE=\"}}\n"
        "{\"id\":{\"S\":\"e\"},\"payload\":{\"N\":\"1\"}}\n");
    check_rows(
        &f, "t_2", "t_2",
        "{\"id\":{\"N\":\"1\"},\"at\":{\"N\":\"10\"},\"payload\":{\"M\":{\"v\":{\"N\":\"3\"}}}}"
        "\n");
    char text[512] = "";
    assert_int_equal(wr_local_dynamodb_tables(f.dir, describe, text, &f.fault), WR_OK);
    CHECK_STR("tables", Z(text), S("t_1(id S  -) 4; t_2(id N at N) 1; "));
    fake_close(&f);
    fake_release(&f);
}

// An item that an UPDATE would make larger than 400 KB stays as it was.
static void test_update_too_large(void **state)
{
    static char body[250001];
    memset(body, 'x', sizeof body - 1);
    body[0] = body[sizeof body - 2] = '"';
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    static const char *const fields[] = {"one", "two", "one"};
    for (size_t i = 0; i < WR_COUNT(fields); i++) {
        const struct v1_case c = {.table = "t_1",
                                  .hash = {"id", "a", "STRING"},
                                  .operation = "UPDATE",
                                  .field = fields[i]};
        struct fake_record *r = fake_record(&f, Z(body));
        submit_v1(&f, r, &c);
        fake_run(&f);
        check_verdict("too large", r,
                      i == 1 ? "Item size to update has exceeded the maximum allowed size" : NULL);
        free(r);
    }
    fake_close(&f);
    fake_release(&f);
}

static void test_checks(void **state)
{
    static const struct {
        const char *name, *option, *text;
        bool constant, good;
        const char *hash_type; // NULL: STRING
    } cases[] = {
        {"nothing special", "payloadField", "p", true, true},
        {"sort key without value", "rangeKeyField", "at", true, false},
        {"value without sort key", "rangeKeyValue", "1", true, false},
        {"payload is the key", "payloadField", "id", true, false},
        {"bad table", "tableName", "a b", true, false},
        {"table from a template", "tableName", "${topic(1)}", false, true},
        {"empty payload field", "payloadField", "", true, false},
        {"key", "hashKeyValue", "12", true, true},
        {"empty key", "hashKeyValue", "", true, false},
        {"numeric key", "hashKeyValue", "1.5E3", true, true, "NUMBER"},
        {"numeric key that is none", "hashKeyValue", "12a", true, false, "NUMBER"},
        {"numeric key from a template", "hashKeyValue", "${a}", false, true, "NUMBER"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_param params[FAKE_PARAMS_MAX] = {0};
        bool constant[FAKE_PARAMS_MAX];
        memset(constant, true, sizeof constant);
        const struct wr_option *o = wr_sink_dynamodb.options;
        params[wr_option_find(o, S("tableName"))] = (struct wr_param){true, .text = S("t_1")};
        params[wr_option_find(o, S("hashKeyField"))] = (struct wr_param){true, .text = S("id")};
        params[wr_option_find(o, S("hashKeyType"))] = (struct wr_param){
            true, .text = cases[i].hash_type ? Z(cases[i].hash_type) : S("STRING")};
        int at = wr_option_find(o, Z(cases[i].option));
        params[at] = (struct wr_param){true, .text = Z(cases[i].text)};
        constant[at] = cases[i].constant;
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name, wr_sink_dynamodb.check(params, constant, &fault) == WR_OK,
                  cases[i].good);
    }
}

// ---- declarations

static void test_declarations(void **state)
{
    static const struct wr_test_setting first[] = {{"tables.t_1.hash_key", "id"}, {0}};
    static const struct wr_test_setting other[] = {{"tables.t_1.hash_key", "key"}, {0}};
    static const struct wr_test_setting nameless[] = {{"tables.t_1.hash_type", "S"}, {0}};
    static const struct wr_test_setting twice[] = {
        {"tables.t_1.hash_key", "id"}, {"tables.t_1.range_key", "id"}, {0}};
    static const struct wr_test_setting bad[] = {{"tables.t.hash_key", "id"}, {0}};
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb_v2);
    CHECK_INT("no key", fake_open(&f, nameless), WR_ERR_MISSING);
    CHECK_INT("one name for both", fake_open(&f, twice), WR_ERR_EXISTS);
    CHECK_INT("table name", fake_open(&f, bad), WR_ERR_RANGE);
    assert_int_equal(fake_open(&f, other), WR_OK);
    fake_close(&f);
    CHECK_INT("an empty table takes another key", fake_open(&f, first), WR_OK);
    struct fake_record *r = fake_record(&f, S("{\"id\":\"a\"}"));
    fake_set(r, "putItem.tableName", S("t_1"));
    fake_submit(&f, r);
    fake_close(&f);
    check_verdict("new key", r, NULL);
    free(r);
    CHECK_INT("a table with items does not", fake_open(&f, other), WR_ERR_STATE);
    CHECK("a table with items does not",
          strstr(f.fault.text, "tables.t_1: found items under the key id (S)"));
    CHECK_INT("the same again", fake_open(&f, first), WR_OK);
    fake_close(&f);
    fake_release(&f);
}

// A table that a v1 rule made can be written by v2, while both are open.
static void test_shared_file(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    struct fake f2;
    fake_init(&f2, &wr_sink_dynamodb_v2);
    f2.host.state_dir = f.dir;
    assert_int_equal(fake_open(&f2, no_settings), WR_OK);
    for (int i = 0; i < 2; i++) {
        struct fake_record *r2 = fake_record(&f2, S("{\"id\":\"b\",\"v\":1}"));
        fake_set(r2, "putItem.tableName", S("t_1"));
        fake_submit(&f2, r2);
        fake_run(&f2);
        check_verdict("v2", r2, i == 0 ? "ResourceNotFoundException" : NULL);
        free(r2);
        const struct v1_case c = {.table = "t_1",
                                  .hash = {"id", "a", "STRING"},
                                  .operation = "INSERT",
                                  .field = "payload"};
        struct fake_record *r = fake_record(&f, S("{}"));
        submit_v1(&f, r, &c);
        fake_run(&f);
        check_verdict("v1", r, NULL);
        free(r);
    }
    check_rows(&f, "both", "t_1",
               "{\"id\":{\"S\":\"a\"},\"payload\":{\"M\":{}}}\n"
               "{\"id\":{\"S\":\"b\"},\"v\":{\"N\":\"1\"}}\n");
    fake_close(&f);
    fake_close(&f2);
    fake_release(&f);
    fake_release(&f2);
}

// ---- GetItem

static const struct {
    const char *name, *table, *pk, *value;
    char type;
    const char *sk, *sk_value; // NULL: none
    char sk_type;
    const char *want; // item, "none" or a part of the fault after "!"
} get_cases[] = {
    {"the item as plain JSON", "readings", "id", "a", 'S', NULL, NULL, 0,
     "{\"id\":\"a\",\"n\":12345678901234567890123456789012345678,\"d\":-0.5,\"t\":\"x\\\"y\","
     "\"b\":true,\"z\":null,\"l\":[1,\"two\",[]],\"m\":{\"k\":{\"deep\":1.5}}}"},
    {"no such item", "readings", "id", "b", 'S', NULL, NULL, 0, "none"},
    {"no such table", "nowhere", "id", "a", 'S', NULL, NULL, 0, "!Table: nowhere not found"},
    {"another key's name", "readings", "key", "a", 'S', NULL, NULL, 0,
     "!found the key key, the table's is id"},
    {"a Number for a String", "readings", "id", "1", 'N', NULL, NULL, 0,
     "!Type mismatch for key id expected: S actual: N"},
    {"both parts", "events", "device", "d", 'S', "at", "1.50", 'N',
     "{\"device\":\"d\",\"at\":1.5}"},
    {"an exponent", "events", "device", "d", 'S', "at", "15E-1", 'N',
     "{\"device\":\"d\",\"at\":1.5}"},
    {"no sort key", "events", "device", "d", 'S', NULL, NULL, 0,
     "!the table has a sort key, which is not given"},
    {"one too many", "readings", "id", "a", 'S', "at", "1", 'N', "!the table has no sort key"},
    {"a key that is no number", "events", "device", "d", 'S', "at", "1e999", 'N',
     "!Number overflow"},
    {"more than is allowed", "readings", "id", "large", 'S', NULL, NULL, 0,
     "!at most 8192 may be looked up"},
};

static void put_v2(struct fake *f, const char *table, wr_str json)
{
    struct fake_record *r = fake_record(f, json);
    fake_set(r, "putItem.tableName", wr_str_of(table));
    fake_submit(f, r);
    fake_run(f);
    check_verdict(table, r, NULL);
    free(r);
}

static void test_get(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb_v2);
    assert_int_equal(fake_open(&f, declared), WR_OK);
    struct wr_local_dynamodb *d = wr_local_dynamodb_new(f.dir);
    put_v2(&f, "readings",
           S("{\"id\":\"a\",\"n\":12345678901234567890123456789012345678,\"d\":-0.50,\"t\":"
             "\"x\\\"y\",\"b\":true,\"z\":null,\"l\":[1,\"two\",[]],\"m\":{\"k\":{\"deep\":"
             "1.5}}}"));
    put_v2(&f, "events", S("{\"device\":\"d\",\"at\":1.5}"));
    struct wr_buf large = {0};
    wr_buf_addf(&large, "{\"id\":\"large\",\"text\":\"%08190d\"}", 0);
    put_v2(&f, "readings", wr_buf_str(&large));
    wr_buf_release(&large);
    for (size_t i = 0; i < WR_COUNT(get_cases); i++) {
        const struct wr_local_dynamodb_key hash = {
            wr_str_of(get_cases[i].pk), wr_str_of(get_cases[i].value), get_cases[i].type};
        struct wr_local_dynamodb_key range = {0};
        if (get_cases[i].sk) {
            range = (struct wr_local_dynamodb_key){
                wr_str_of(get_cases[i].sk), wr_str_of(get_cases[i].sk_value), get_cases[i].sk_type};
        }
        struct wr_buf out = {0};
        bool found = false;
        struct wr_fault fault = {0};
        wr_err err =
            wr_local_dynamodb_get(d, wr_str_of(get_cases[i].table), &hash,
                                  get_cases[i].sk ? &range : NULL, 8192, &out, &found, &fault);
        if (get_cases[i].want[0] == '!') {
            CHECK(get_cases[i].name, err);
            if (!strstr(fault.text, get_cases[i].want + 1)) {
                CASE_FAIL(get_cases[i].name, "fault is: %s", fault.text);
            }
        } else {
            CHECK_INT(get_cases[i].name, err, WR_OK);
            CHECK_STR(get_cases[i].name, found ? wr_buf_str(&out) : S("none"),
                      Z(get_cases[i].want));
        }
        wr_buf_release(&out);
    }
    wr_local_dynamodb_free(d);
    fake_close(&f);
    fake_release(&f);
}

// Its file comes after the reader, and another one in its place later.
static void test_get_from_another_file(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb_v2);
    struct wr_local_dynamodb *d = wr_local_dynamodb_new(f.dir);
    const struct wr_local_dynamodb_key key = {S("id"), S("a"), 'S'};
    struct wr_fault fault = {0};
    struct wr_buf out = {0};
    bool found = false;
    CHECK_INT("no file",
              wr_local_dynamodb_get(d, S("readings"), &key, NULL, 100, &out, &found, &fault),
              WR_ERR_UNKNOWN);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake_open(&f, declared), WR_OK);
        CHECK_INT("empty",
                  wr_local_dynamodb_get(d, S("readings"), &key, NULL, 100, &out, &found, &fault),
                  WR_OK);
        CHECK("empty", !found);
        put_v2(&f, "readings", S("{\"id\":\"a\"}"));
        CHECK_INT("written",
                  wr_local_dynamodb_get(d, S("readings"), &key, NULL, 100, &out, &found, &fault),
                  WR_OK);
        CHECK("written", found);
        fake_close(&f);
        static const char *const names[] = {"dynamodb.db", "dynamodb.db-wal", "dynamodb.db-shm"};
        for (size_t k = 0; k < WR_COUNT(names); k++) {
            char path[200];
            snprintf(path, sizeof path, "%s/local/%s", f.dir, names[k]);
            remove(path);
        }
    }
    wr_buf_release(&out);
    wr_local_dynamodb_free(d);
    fake_release(&f);
}

// ---- the world

static void test_locked_and_full(void **state)
{
    static const struct wr_test_setting settings[] = {
        {"tables.t_1.hash_key", "id"}, {"busy_timeout", "30"}, {0}};
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb_v2);
    assert_int_equal(fake_open(&f, settings), WR_OK);
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f.dir, WR_LOCAL_DYNAMODB_FILE);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct fake_record *r = fake_record(&f, S("{\"id\":\"a\"}"));
    fake_set(r, "putItem.tableName", S("t_1"));
    struct fake_record *bad = fake_record(&f, S("{\"v\":1}"));
    fake_set(bad, "putItem.tableName", S("t_1"));
    fake_submit(&f, r);
    fake_submit(&f, bad);
    fake_run(&f);
    CHECK_INT("locked", r->verdict, WR_RETRY);
    CHECK_STR("locked", Z(r->message),
              S("Failed to write to DynamoDB table. The error received was database is locked "
                "(Service: AmazonDynamoDBv2; Status Code: 500; Error Code: InternalServerError; "
                "Request ID: local)."));
    CHECK_INT("locked", bad->verdict, WR_RETRY);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);

    struct rlimit old;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    struct rlimit small = {100, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    r->settled = 0;
    fake_submit(&f, r);
    fake_run(&f);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_INT("disk full", r->verdict, WR_RETRY);
    check_rows(&f, "disk full", "t_1", "");

    r->settled = bad->settled = 0;
    fake_submit(&f, r);
    fake_submit(&f, bad);
    fake_run(&f);
    check_verdict("after it", r, NULL);
    check_verdict("after it", bad, "Missing the key id in the item");
    check_rows(&f, "after it", "t_1", "{\"id\":{\"S\":\"a\"}}\n");
    free(r);
    free(bad);
    fake_close(&f);
    fake_release(&f);
}

static void test_looking_at_nothing(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_dynamodb);
    char text[512] = "";
    CHECK_INT("no file", wr_local_dynamodb_tables(f.dir, describe, text, &f.fault), WR_OK);
    CHECK_STR("no file", Z(text), S(""));
    check_rows(&f, "no file", "t_1", "(Requested resource not found: Table: t_1 not found)");
    fake_release(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_numbers),
        T(test_number_order),
        T(test_items),
        T(test_item_limits),
        T(test_v2),
        T(test_v1),
        T(test_update_too_large),
        T(test_checks),
        T(test_declarations),
        T(test_shared_file),
        T(test_get),
        T(test_get_from_another_file),
        T(test_locked_and_full),
        T(test_looking_at_nothing),
    };
    return TEST_MAIN(tests);
}
