// The layer over SQLite: arguments by letters, columns, statements that are kept, failures.
#include "engine/registry/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static char path[] = "/tmp/weir-db-XXXXXX";

static struct wr_db *open_db(bool read_only)
{
    struct wr_db *db = NULL;
    struct wr_fault fault = {0};
    CHECK_INT(fault.text, wr_db_open(path, read_only, &db, &fault), WR_OK);
    return db;
}

static void test_types(void **state)
{
    struct wr_db *db = open_db(false);
    assert_true(wr_db_script(db, "CREATE TABLE a(i INTEGER, s TEXT, z TEXT, b BLOB, j TEXT, n)"));
    json_t *json = json_pack("{s:[i,n]}", "k", 5);
    const wr_str nul = {"a\0b", 3};
    CHECK_INT("one row",
              wr_db_run(db, "INSERT INTO a VALUES(?,?,?,?,?,?)", "iszbjn", INT64_MIN, S("sä"), "z",
                        nul, json),
              1);
    CHECK_INT("nulls",
              wr_db_run(db, "INSERT INTO a VALUES(?,?,?,?,?,?)", "nszbjn", ((wr_str){NULL, 0}),
                        NULL, ((wr_str){NULL, 0}), NULL),
              1);
    CHECK_INT("empty",
              wr_db_run(db, "INSERT INTO a VALUES(?,?,?,?,?,?)", "isznnn", (int64_t)0, S(""), ""),
              1);
    CHECK_INT("its id", wr_db_last_id(db), 3);
    struct wr_rows rows = wr_db_query(db, "SELECT i, s, z, b, j, n FROM a ORDER BY rowid", "");
    assert_true(wr_db_next(&rows));
    CHECK_INT("i", wr_db_int(&rows, 0), INT64_MIN);
    CHECK_STR("s", wr_db_str(&rows, 1), S("sä"));
    CHECK_STR("z", wr_db_str(&rows, 2), S("z"));
    CHECK_STR("b", wr_db_str(&rows, 3), nul);
    json_t *back = wr_db_json(&rows, 4), *text = wr_db_json_str(&rows, 1);
    CHECK("j", json_equal(back, json));
    CHECK_STR("json_str", Z(json_string_value(text)), S("sä"));
    CHECK("n", wr_db_null(&rows, 5) && !wr_db_null(&rows, 0));
    json_decref(text);
    json_decref(back);
    assert_true(wr_db_next(&rows));
    for (int i = 0; i < 6; i++) {
        CHECK("all null", wr_db_null(&rows, i) && !wr_db_str(&rows, i).at && !wr_db_int(&rows, i) &&
                              !wr_db_json(&rows, i) && !wr_db_json_str(&rows, i));
    }
    assert_true(wr_db_next(&rows));
    CHECK("empty is not null", wr_db_str(&rows, 1).at && !wr_db_str(&rows, 1).len &&
                                   wr_db_str(&rows, 2).at && !wr_db_null(&rows, 2));
    CHECK("no more", !wr_db_next(&rows));
    wr_db_end(&rows);
    wr_db_end(&rows); // once more does nothing
    CHECK_INT("one", wr_db_one(db, -1, "SELECT count(*) FROM a WHERE i=?", "i", (int64_t)0), 1);
    CHECK_INT("none", wr_db_one(db, -1, "SELECT i FROM a WHERE i=7", ""), -1);
    CHECK_INT("changed", wr_db_run(db, "UPDATE a SET n=1", ""), 3);
    CHECK("no failure", !wr_db_failure(db));
    json_decref(json);
    wr_db_close(db);
}

// The same text inside itself, made texts, and more texts than are kept.
static void test_statements(void **state)
{
    static const char same[] = "SELECT i FROM n WHERE i<=? ORDER BY i";
    struct wr_db *db = open_db(false);
    assert_true(wr_db_script(db, "CREATE TABLE n(i INTEGER PRIMARY KEY);"
                                 "INSERT INTO n VALUES(1),(2),(3),(4)"));
    int64_t sum = 0;
    struct wr_rows outer = wr_db_query(db, same, "i", (int64_t)4);
    while (wr_db_next(&outer)) {
        int64_t top = wr_db_int(&outer, 0);
        struct wr_rows inner = wr_db_query(db, same, "i", top);
        while (wr_db_next(&inner)) {
            sum += top * wr_db_int(&inner, 0);
        }
        wr_db_end(&inner);
    }
    wr_db_end(&outer);
    CHECK_INT("1·1 + 2·(1+2) + 3·(1+2+3) + 4·(1+2+3+4)", sum, 65);
    char made[64];
    for (int i = 0; i < 5; i++) {
        snprintf(made, sizeof made, "SELECT %d+?", i);
        struct wr_rows rows = wr_db_query_made(db, made, "i", (int64_t)10);
        assert_true(wr_db_next(&rows));
        CHECK_INT(made, wr_db_int(&rows, 0), 10 + i);
        wr_db_end(&rows);
    }
    enum { MANY = 1500 };
    static char texts[MANY][40];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(texts[i], sizeof texts[i], "SELECT %d*?", i);
            CHECK_INT(texts[i], wr_db_one(db, -1, texts[i], "i", (int64_t)3), 3 * i);
        }
    }
    CHECK("no failure", !wr_db_failure(db));
    wr_db_close(db);
}

// After a failure nothing happens until it is forgiven.
static void test_failure(void **state)
{
    struct wr_db *db = open_db(false);
    assert_true(wr_db_script(db, "CREATE TABLE u(i INTEGER UNIQUE); INSERT INTO u VALUES(1)"));
    CHECK_INT("twice", wr_db_run(db, "INSERT INTO u VALUES(?)", "i", (int64_t)1), 0);
    CHECK("said", wr_db_failure(db) && strstr(wr_db_failure(db), "UNIQUE constraint failed: u.i"));
    CHECK_INT("nothing is done", wr_db_run(db, "INSERT INTO u VALUES(?)", "i", (int64_t)2), 0);
    CHECK_INT("nothing is found", wr_db_one(db, -1, "SELECT 1 FROM u", ""), -1);
    CHECK("no script", !wr_db_script(db, "DELETE FROM u"));
    CHECK("the first one stays", strstr(wr_db_failure(db), "UNIQUE"));
    wr_db_forgive(db);
    CHECK_INT("as before", wr_db_one(db, -1, "SELECT sum(i) FROM u", ""), 1);
    CHECK_INT("again", wr_db_run(db, "INSERT INTO u VALUES(?)", "i", (int64_t)2), 1);
    CHECK_INT("no such table", wr_db_one(db, -1, "SELECT 1 FROM absent", ""), -1);
    CHECK(wr_db_failure(db), strstr(wr_db_failure(db), "no such table"));
    wr_db_forgive(db);
    wr_db_close(db);
}

static void test_read_only(void **state)
{
    struct wr_db *writer = open_db(false);
    assert_true(wr_db_script(writer, "CREATE TABLE r(i); INSERT INTO r VALUES(7)"));
    struct wr_db *reader = open_db(true);
    CHECK_INT("reads", wr_db_one(reader, 0, "SELECT i FROM r", ""), 7);
    CHECK_INT("does not write", wr_db_run(reader, "UPDATE r SET i=8", ""), 0);
    CHECK("said", strstr(wr_db_failure(reader), "readonly"));
    wr_db_close(reader);
    CHECK("transaction", !wr_db_in_transaction(writer) && wr_db_script(writer, "BEGIN") &&
                             wr_db_in_transaction(writer) && wr_db_script(writer, "ROLLBACK"));
    wr_db_close(writer);
    wr_db_close(NULL);
    struct wr_db *none = NULL;
    struct wr_fault fault = {0};
    CHECK_INT("no such folder", wr_db_open("/nowhere/at/all.db", false, &none, &fault), WR_ERR_IO);
    CHECK("named", strstr(fault.text, "/nowhere/at/all.db") && !none);
}

// A statement ends when it has had its time, between rows; and only while there is a limit.
static void test_limit(void **state)
{
    static const char long_one[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?) SELECT max(i) "
        "FROM n";
    struct wr_db *db = open_db(false);
    wr_db_limit(db, 50);
    CHECK_INT("fails", wr_db_one(db, -1, long_one, "i", (int64_t)1000000000000), -1);
    CHECK("said", strstr(wr_db_failure(db), "interrupted") && wr_db_over_limit(db));
    wr_db_forgive(db);
    CHECK("forgiven", !wr_db_failure(db) && !wr_db_over_limit(db));
    wr_db_limit(db, 0);
    CHECK_INT("goes on", wr_db_one(db, -1, long_one, "i", (int64_t)100000), 100000);
    CHECK_INT("another failure", wr_db_one(db, -1, "SELECT 1 FROM absent", ""), -1);
    CHECK("is another one", wr_db_failure(db) && !wr_db_over_limit(db));
    wr_db_forgive(db);
    wr_db_close(db);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0) {
        return 1;
    }
    close(fd);
    static const struct CMUnitTest tests[] = {T(test_types), T(test_statements), T(test_failure),
                                              T(test_read_only), T(test_limit)};
    int failed = TEST_MAIN(tests);
    char command[128];
    snprintf(command, sizeof command, "rm -f %s %s-wal %s-shm", path, path, path);
    return system(command) == 0 ? failed : 1;
}
