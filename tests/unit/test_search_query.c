// The query language of SearchIndex: what conditions it makes, and that none of them is ever
// anything but a condition.
#include "engine/admin/search_query.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/registry/wild.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static const struct wr_search_field fields[] = {
    {"name", "(", "t.name", ")", "SELECT t.id FROM things t WHERE "},
    {"size.", "t.id IN (SELECT s.id FROM sizes s WHERE s.key=?A AND ", "s.value", ")",
     "SELECT s.id FROM sizes s WHERE "},
    {"kind", "(", "t.kind", ")", NULL},
};

static const char setup[] = "CREATE TABLE things(id INTEGER PRIMARY KEY, name TEXT, kind TEXT);"
                            "CREATE TABLE sizes(id, key, value);"
                            "INSERT INTO things VALUES(1,'a b',NULL),(2,'a_b','k'),(3,'A%','k'),"
                            "(4,'it''s','x'),(5,'5','x');"
                            "INSERT INTO sizes VALUES(1,'w','7'),(2,'w','70'),(3,'w','-7.5'),"
                            "(4,'w','wide'),(5,'h','7'),(5,'a:b','1')";

static sqlite3 *open_db(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, setup, NULL, NULL, NULL), SQLITE_OK);
    wr_wild_register(db);
    return db;
}

// The ids that a condition finds, as text; it must be one that SQLite takes.
static void find(sqlite3 *db, const char *name, struct wr_buf *condition, json_t *values,
                 char out[64])
{
    struct wr_buf sql = {0};
    wr_buf_addf(&sql, "SELECT t.id FROM things t WHERE %s AND ?9 IS NOT NULL ORDER BY t.id",
                wr_buf_terminated(condition));
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, wr_buf_terminated(&sql), -1, &statement, NULL) != SQLITE_OK) {
        CASE_FAIL(name, "%s: %s", sqlite3_errmsg(db), wr_buf_terminated(&sql));
    }
    char *text = json_dumps(values, JSON_COMPACT);
    CHECK(name, text != NULL);
    sqlite3_bind_text(statement, 9, text, -1, SQLITE_TRANSIENT);
    size_t len = 0;
    int code;
    out[0] = '\0';
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        len += (size_t)snprintf(out + len, 64 - len, "%d", sqlite3_column_int(statement, 0));
    }
    CHECK_INT(name, code, SQLITE_DONE);
    sqlite3_finalize(statement);
    free(text);
    wr_buf_release(&sql);
}

static void test_found(void **state)
{
    static const struct {
        const char *query, *ids;
    } cases[] = {
        {"name:a_b", "2"},
        {"name:a?b", "12"},
        {"name:\"A B\"", "1"},
        {"name:a\\ b", "1"},
        {"name:a%", "3"},
        {"name:*", "12345"},
        {"name:a*", "123"},
        {"name:*'s", "4"},
        {"name:' OR 1=1", ""},
        {"name:\"') OR (1=1\"", ""},
        {"kind:*", "2345"},
        {"NOT kind:*", "1"},
        {"-kind:k", "145"},
        {"NOT NOT kind:k", "23"},
        {"NOT (kind:k AND name:a_b)", "1345"},
        {"kind:k OR kind:x name:5", "235"},
        {"(kind:k OR kind:x) name:5", "5"},
        {"kind:(k OR -x)", "123"},
        {"size.w:7", "1"},
        {"size.w>7", "2"},
        {"size.w>=7", "12"},
        {"size.w<0", "3"},
        {"size.w:[-10 TO 7]", "13"},
        {"size.w:{7 TO 100}", "2"},
        {"size.w:[\"w\" TO \"x\"]", "4"},
        {"size.a\\:b:1", "5"},
        {"7", "15"},
        {"7*", "125"},
        {"wide OR it's", "4"},
        {"  name :  5  ", "5"},
        {"ANDROID", ""},
        {"name:-5", ""},
    };
    sqlite3 *db = open_db();
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf sql = {0};
        struct wr_fault fault = {0};
        json_t *values = json_array();
        char ids[64];
        CHECK_INT(
            cases[i].query,
            wr_search_compile(Z(cases[i].query), fields, WR_COUNT(fields), &sql, values, &fault),
            WR_OK);
        find(db, cases[i].query, &sql, values, ids);
        CHECK_STR(cases[i].query, Z(ids), Z(cases[i].ids));
        wr_buf_release(&sql);
        json_decref(values);
    }
    sqlite3_close(db);
}

static void test_refused(void **state)
{
    static const struct {
        const char *query;
        wr_err err;
        const char *says;
        size_t offset;
    } cases[] = {
        {"", WR_ERR_SYNTAX, "a word is expected", 0},
        {"name:", WR_ERR_SYNTAX, "a word is expected", 5},
        {"name:a OR", WR_ERR_SYNTAX, "a word is expected", 9},
        {"a (b", WR_ERR_SYNTAX, "is not closed", 2},
        {"a) b", WR_ERR_SYNTAX, "nothing was opened", 1},
        {"name:\"a", WR_ERR_SYNTAX, "are not closed", 5},
        {"a\\", WR_ERR_SYNTAX, "after \\", 2},
        {"x colour:red", WR_ERR_UNKNOWN,
         "colour is not a field of this index (name, size.NAME, kind)", 2},
        {"size.:1", WR_ERR_UNKNOWN, "is not a field", 0},
        {"n*:1", WR_ERR_SYNTAX, "no wildcards", 0},
        {"size.w:[1 OR 2]", WR_ERR_SYNTAX, "TO is expected", 10},
        {"size.w:[1 TO 2", WR_ERR_SYNTAX, "] or } is expected", 14},
        {"size.w:[1* TO 2]", WR_ERR_SYNTAX, "no wildcards", 10},
        {"((((((((((((((((((a))))))))))))))))))", WR_ERR_LIMIT, "16 deep", 17},
        {"a a a a a a a a a a a a a", WR_ERR_LIMIT, "at most 12 terms", 25},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf sql = {0};
        struct wr_fault fault = {0};
        json_t *values = json_array();
        CHECK_INT(
            cases[i].query,
            wr_search_compile(Z(cases[i].query), fields, WR_COUNT(fields), &sql, values, &fault),
            cases[i].err);
        CHECK(fault.text, strstr(fault.text, cases[i].says));
        CHECK_INT(cases[i].query, fault.offset, cases[i].offset);
        wr_buf_release(&sql);
        json_decref(values);
    }
}

// As SQLite's LIKE decides it, for patterns that LIKE can bear.
static void test_wild(void **state)
{
    static const char *const pieces[] = {"a",   "B",   "b",    "%", "%",  "_",
                                         "\\%", "\\_", "\\\\", "ä", "ab", "5"};
    static const char *const texts[] = {"a", "A", "b", "%", "_", "\\", "ä", "ab", "5", "Ä"};
    sqlite3 *db = open_db();
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT ?1 LIKE ?2 ESCAPE '\\', wild(?1, ?2), "
                                        "wild(NULL, ?2), wild(?1, NULL)",
                                        -1, &s, NULL),
                     SQLITE_OK);
    unsigned seed = 7, matched = 0;
    for (int round = 0; round < 50000; round++) {
        struct wr_buf text = {0}, pattern = {0};
        for (int n = rand_r(&seed) % 9; n > 0; n--) {
            wr_buf_add(&text, Z(texts[(unsigned)rand_r(&seed) % WR_COUNT(texts)]));
        }
        for (int n = rand_r(&seed) % 7; n > 0; n--) {
            wr_buf_add(&pattern, Z(pieces[(unsigned)rand_r(&seed) % WR_COUNT(pieces)]));
        }
        sqlite3_bind_text(s, 1, wr_buf_terminated(&text), -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, wr_buf_terminated(&pattern), -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        CHECK_INT(wr_buf_terminated(&pattern), sqlite3_column_int(s, 1), sqlite3_column_int(s, 0));
        CHECK(wr_buf_terminated(&text),
              sqlite3_column_type(s, 2) == SQLITE_NULL && sqlite3_column_type(s, 3) == SQLITE_NULL);
        matched += (unsigned)sqlite3_column_int(s, 1);
        sqlite3_reset(s);
        wr_buf_release(&text);
        wr_buf_release(&pattern);
    }
    CHECK("enough of them match", matched > 2000);
    sqlite3_finalize(s);
    sqlite3_close(db);
    // LIKE would not come back from this one.
    char text[800], pattern[400];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = i % 2 ? 'a' : '%';
    }
    pattern[sizeof pattern - 1] = 'b';
    CHECK("no b", !wr_wild_match((wr_str){text, sizeof text}, (wr_str){pattern, sizeof pattern}));
}

// Whatever comes is refused, or a condition that SQLite takes.
static void test_random(void **state)
{
    static const char *const pieces[] = {
        "name",  "size.w", "kind", "size.", ":",   "<",  ">=", "(", ")", "[",     "]",
        "{",     "}",      " TO ", "\"",    "\\",  "*",  "?",  " ", " ", " AND ", " OR ",
        " NOT ", "-",      "a",    "7",     "'",   "--", "/*", ";", "%", "ä",     "?9",
        "$[",    "json",   "\t",   "5e3",   "nan", "=",  "|",  "a", "b"};
    sqlite3 *db = open_db();
    unsigned seed = 1, good = 0;
    for (int round = 0; round < 30000; round++) {
        struct wr_buf query = {0}, sql = {0};
        json_t *values = json_array();
        char ids[64];
        for (int n = 1 + rand_r(&seed) % 10; n > 0; n--) {
            wr_buf_add(&query, Z(pieces[(unsigned)rand_r(&seed) % WR_COUNT(pieces)]));
        }
        if (!wr_search_compile(wr_buf_str(&query), fields, WR_COUNT(fields), &sql, values, NULL)) {
            find(db, wr_buf_terminated(&query), &sql, values, ids);
            good++;
        }
        wr_buf_release(&query);
        wr_buf_release(&sql);
        json_decref(values);
    }
    CHECK("enough of them are queries", good > 2000);
    sqlite3_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(test_found), T(test_refused), T(test_wild),
                                              T(test_random)};
    return TEST_MAIN(tests);
}
