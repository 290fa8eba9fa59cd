// The folder of rules: loading, refusals that keep the previous version, following changes.
#include "engine/rules/folder.h"

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/hash.h"
#include "tests/support/fake_sink.h"

#include "sql/base/banned.h"

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    fail(); // nothing is submitted here
}

#define RULE(topic)        "{\"sql\": \"SELECT * FROM '" topic "'\", \"actions\": []}"
#define NAMED(name, topic) "{\"ruleName\": \"" name "\", \"topicRulePayload\": " RULE(topic) "}"

struct bed {
    char dir[32];
    struct wr_metrics *metrics;
    struct wr_folder *folder;
    struct wr_buf reports; // "E …\n", "W …\n", the folder's name as DIR
    size_t changes;
    bool accepts;
};

static void on_report(void *user, enum wr_log_level level, const char *line)
{
    struct bed *b = user;
    wr_buf_addf(&b->reports, "%c DIR%s\n", level == WR_LOG_ERROR ? 'E' : 'W',
                line + strlen(b->dir));
}

static void on_change(void *user, struct wr_rule_set *set)
{
    struct bed *b = user;
    b->changes++;
}

static wr_err on_accept(void *user, const struct wr_rule *rule, struct wr_fault *fault)
{
    struct bed *b = user;
    return b->accepts ? WR_OK : wr_fault_set(fault, WR_ERR_IO, "sink fake: not now");
}

static void bed_open(struct bed *b, uv_loop_t *loop)
{
    *b = (struct bed){.dir = "/tmp/weir-folder-XXXXXX", .accepts = true};
    assert_non_null(mkdtemp(b->dir));
    b->metrics = wr_metrics_new();
    const struct wr_folder_options options = {
        .loop = loop,
        .dir = b->dir,
        .watch = loop != NULL,
        .rule = {.kinds = fake_kinds, .metrics = b->metrics},
        .accept = on_accept,
        .changed = on_change,
        .report = on_report,
        .user = b,
    };
    b->folder = wr_folder_open(&options);
}

static void bed_path(const struct bed *b, const char *file, char out[128])
{
    snprintf(out, 128, "%s/%s", b->dir, file);
}

static void bed_write(struct bed *b, const char *file, const char *text)
{
    char path[128];
    bed_path(b, file, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void bed_remove(struct bed *b, const char *file)
{
    char path[128];
    bed_path(b, file, path);
    assert_int_equal(unlink(path), 0);
}

static size_t bed_load(struct bed *b, bool again)
{
    struct wr_fault fault = {0};
    size_t refused = 0;
    wr_buf_clear(&b->reports);
    if (wr_folder_load(b->folder, again, &refused, &fault)) {
        CASE_FAIL("load", "%s", fault.text);
    }
    return refused;
}

// "name:filter name:filter", in order of name.
static const char *bed_rules(const struct bed *b)
{
    static char text[256];
    const struct wr_rule_set *set = wr_folder_rules(b->folder);
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < wr_rule_set_count(set); i++) {
        const struct wr_rule *r = wr_rule_set_at(set, i);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s:%.*s", i ? " " : "",
                                WR_STR_ARG(r->name), WR_STR_ARG(r->filter));
    }
    return text;
}

// Files are removed by the tests; what is left is removed here.
static void bed_close(struct bed *b, const char *const *left)
{
    wr_folder_close(b->folder, NULL, NULL);
    for (size_t i = 0; left[i]; i++) {
        bed_remove(b, left[i]);
    }
    assert_int_equal(rmdir(b->dir), 0);
    wr_metrics_free(b->metrics);
    wr_buf_release(&b->reports);
}

static void loads_and_reloads(void **state)
{
    struct bed b;
    bed_open(&b, NULL);
    CHECK_INT("empty", bed_load(&b, false), 0);
    CHECK_INT("an empty set is a set", b.changes, 1);
    bed_write(&b, "b.json", RULE("x"));
    bed_write(&b, "a.json", NAMED("Zed", "y"));
    bed_write(&b, "notes.txt", "no rule");
    bed_write(&b, ".hidden.json", "no rule");
    CHECK_INT("two", bed_load(&b, false), 0);
    CHECK_STR("two", Z(bed_rules(&b)), S("Zed:y b:x"));
    CHECK_INT("changed", b.changes, 2);
    struct wr_rule *zed = wr_rule_set_find(wr_folder_rules(b.folder), S("Zed"));
    CHECK_INT("nothing new", bed_load(&b, true), 0);
    CHECK_INT("no change", b.changes, 2);
    bed_write(&b, "b.json", RULE("x/2"));
    CHECK_INT("one new", bed_load(&b, false), 0);
    CHECK_STR("one new", Z(bed_rules(&b)), S("Zed:y b:x/2"));
    CHECK("the other is the same", wr_rule_set_find(wr_folder_rules(b.folder), S("Zed")) == zed);
    bed_remove(&b, "a.json");
    CHECK_INT("one gone", bed_load(&b, false), 0);
    CHECK_STR("one gone", Z(bed_rules(&b)), S("b:x/2"));
    bed_close(&b, (const char *const[]){"b.json", "notes.txt", ".hidden.json", NULL});
}

static void keeps_the_previous_version(void **state)
{
    struct bed b;
    bed_open(&b, NULL);
    bed_write(&b, "a.json", RULE("x"));
    bed_load(&b, false);
    bed_write(&b, "a.json", "{\n \"sql\": }");
    CHECK_INT("refused", bed_load(&b, false), 1);
    CHECK_STR("kept", Z(bed_rules(&b)), S("a:x"));
    CHECK_INT("no change", b.changes, 1);
    CHECK("file, line, column", wr_str_starts(wr_buf_str(&b.reports), S("E DIR/a.json:2:9: ")));
    CHECK("and that it runs on",
          wr_str_ends(wr_buf_str(&b.reports), S(" (the previous version keeps running)\n")));
    CHECK_INT("still refused", bed_load(&b, false), 1);
    CHECK_STR("said once", wr_buf_str(&b.reports), S(""));
    CHECK_INT("and still", bed_load(&b, true), 1);
    CHECK("said again when asked", b.reports.len > 0);
    bed_write(&b, "a.json", "{\"sql\": \"SELECT * FROM x\", \"actions\": []}");
    CHECK_INT("SQL", bed_load(&b, false), 1);
    CHECK("place within the statement",
          wr_str_starts(wr_buf_str(&b.reports), S("E DIR/a.json: sql:1:15: ")));
    bed_write(&b, "a.json", RULE("y"));
    CHECK_INT("mended", bed_load(&b, false), 0);
    CHECK_STR("mended", Z(bed_rules(&b)), S("a:y"));
    bed_close(&b, (const char *const[]){"a.json", NULL});
}

static void refuses_a_name_twice(void **state)
{
    struct bed b;
    bed_open(&b, NULL);
    bed_write(&b, "b.json", NAMED("same", "x"));
    bed_load(&b, false);
    bed_write(&b, "a.json", NAMED("same", "y"));
    CHECK_INT("refused", bed_load(&b, false), 1);
    CHECK_STR("the one that was there stays", Z(bed_rules(&b)), S("same:x"));
    CHECK_STR("said", wr_buf_str(&b.reports),
              S("E DIR/a.json: ruleName: \"same\" is the rule of b.json already\n"));
    bed_remove(&b, "b.json");
    CHECK_INT("the name is free", bed_load(&b, false), 0);
    CHECK_STR("the other takes it", Z(bed_rules(&b)), S("same:y"));
    bed_close(&b, (const char *const[]){"a.json", NULL});
}

static void lets_the_owner_refuse(void **state)
{
    struct bed b;
    bed_open(&b, NULL);
    b.accepts = false;
    bed_write(&b, "a.json", RULE("x"));
    CHECK_INT("refused", bed_load(&b, false), 1);
    CHECK_STR("said", wr_buf_str(&b.reports), S("E DIR/a.json: sink fake: not now\n"));
    b.accepts = true;
    CHECK_INT("tried again", bed_load(&b, false), 0);
    CHECK_STR("taken", Z(bed_rules(&b)), S("a:x"));
    bed_close(&b, (const char *const[]){"a.json", NULL});
}

static void keeps_rules_when_the_folder_goes(void **state)
{
    struct bed b;
    struct wr_fault fault = {0};
    bed_open(&b, NULL);
    bed_write(&b, "a.json", RULE("x"));
    bed_load(&b, false);
    bed_remove(&b, "a.json");
    assert_int_equal(rmdir(b.dir), 0);
    CHECK_INT("fault", wr_folder_load(b.folder, false, NULL, &fault), WR_ERR_IO);
    CHECK_STR("rules stay", Z(bed_rules(&b)), S("a:x"));
    assert_int_equal(mkdir(b.dir, 0700), 0);
    bed_close(&b, (const char *const[]){NULL});
}

static void refuses_what_is_no_document(void **state)
{
    char path[128];
    struct bed b;
    bed_open(&b, NULL);
    bed_path(&b, "dir.json", path);
    assert_int_equal(mkdir(path, 0700), 0);
    bed_path(&b, "pipe.json", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    CHECK_INT("refused", bed_load(&b, false), 2);
    CHECK_STR("said", wr_buf_str(&b.reports),
              S("E DIR/dir.json: not a file\nE DIR/pipe.json: not a file\n"));
    bed_path(&b, "dir.json", path);
    assert_int_equal(rmdir(path), 0);
    bed_close(&b, (const char *const[]){"pipe.json", NULL});
}

static void turn_until(uv_loop_t *loop, const struct bed *b, size_t changes)
{
    uint64_t end = uv_hrtime() + UINT64_C(9000000000); // less than the slow look at the folder
    while (b->changes < changes && uv_hrtime() < end) {
        uv_run(loop, UV_RUN_ONCE);
    }
}

static void follows_changes(void **state)
{
    uv_loop_t loop;
    struct bed b;
    uv_loop_init(&loop);
    bed_open(&b, &loop);
    bed_load(&b, false);
    bed_write(&b, "a.json", RULE("x"));
    turn_until(&loop, &b, 2);
    CHECK_STR("a new file", Z(bed_rules(&b)), S("a:x"));
    bed_write(&b, "draft", RULE("y"));
    char draft[128], path[128];
    bed_path(&b, "draft", draft);
    bed_path(&b, "a.json", path);
    assert_int_equal(rename(draft, path), 0);
    turn_until(&loop, &b, 3);
    CHECK_STR("renamed over", Z(bed_rules(&b)), S("a:y"));
    bed_remove(&b, "a.json");
    turn_until(&loop, &b, 4);
    CHECK_STR("removed", Z(bed_rules(&b)), S(""));
    bed_close(&b, (const char *const[]){NULL});
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_INT("all handles are closed", uv_loop_close(&loop), 0);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(loads_and_reloads),
        T(keeps_the_previous_version),
        T(refuses_a_name_twice),
        T(lets_the_owner_refuse),
        T(keeps_rules_when_the_folder_goes),
        T(refuses_what_is_no_document),
        T(follows_changes),
    };
    return TEST_MAIN(tests);
}
