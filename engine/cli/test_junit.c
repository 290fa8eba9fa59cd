// Results as JUnit XML, the form that CI servers read: a <testsuite> a file.
#include "engine/cli/test_report.h"

#include "engine/cli/test_file.h"

#include "sql/base/banned.h"

static void add_seconds(struct wr_buf *b, int64_t us)
{
    wr_buf_addf(b, " time=\"%lld.%06lld\"", (long long)(us / 1000000), (long long)(us % 1000000));
}

static void add_attribute(struct wr_buf *b, const char *name, const char *value)
{
    wr_buf_addf(b, " %s=\"", name);
    wr_test_add_xml(b, wr_str_of(value));
    wr_buf_add_char(b, '"');
}

void wr_test_junit_case(struct wr_test_junit *j, const char *file, const struct wr_suite_case *c,
                        const struct wr_suite_result *result)
{
    struct wr_buf *b = &j->file;
    wr_buf_add(b, WR_STR("    <testcase"));
    add_attribute(b, "classname", file);
    add_attribute(b, "name", c->id);
    add_attribute(b, "file", file);
    wr_buf_addf(b, " line=\"%zu\"", c->number);
    add_seconds(b, result->took_us);
    j->cases++;
    j->us += result->took_us;
    if (result->state == WR_SUITE_PASSED) {
        wr_buf_add(b, WR_STR("/>\n"));
        return;
    }
    bool failed = result->state == WR_SUITE_FAILED;
    j->failed += failed;
    j->broken += !failed;
    struct wr_buf plain = {0};
    wr_diff_plain(&plain, wr_buf_str(&result->why));
    wr_str why = wr_buf_str(&plain);
    const char *end = why.len ? memchr(why.at, '\n', why.len) : NULL;
    const char *element = failed ? "failure" : "error";
    wr_buf_addf(b, ">\n      <%s message=\"", element);
    wr_test_add_xml(b, (wr_str){why.at, end ? (size_t)(end - why.at) : why.len});
    wr_buf_add(b, WR_STR("\">"));
    wr_test_add_xml(b, why);
    wr_buf_addf(b, "</%s>\n    </testcase>\n", element);
    wr_buf_release(&plain);
}

void wr_test_junit_file(struct wr_test_junit *j, const char *file)
{
    struct wr_buf *b = &j->suites;
    wr_buf_add(b, WR_STR("  <testsuite"));
    add_attribute(b, "name", file);
    wr_buf_addf(b, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\"", j->cases,
                j->failed, j->broken);
    add_seconds(b, j->us);
    wr_buf_add(b, WR_STR(">\n"));
    wr_buf_add(b, wr_buf_str(&j->file));
    wr_buf_add(b, WR_STR("  </testsuite>\n"));
    wr_buf_clear(&j->file);
    j->cases = j->failed = j->broken = 0;
    j->us = 0;
}

wr_err wr_test_junit_write(struct wr_test_junit *j, const struct wr_test_report *totals,
                           const char *path, struct wr_fault *fault)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"weir test\" "
                "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"",
                totals->done, totals->failed, totals->broken);
    add_seconds(&b, totals->took_us);
    wr_buf_add(&b, WR_STR(">\n"));
    wr_buf_add(&b, wr_buf_str(&j->suites));
    wr_buf_add(&b, WR_STR("</testsuites>\n"));
    wr_err err = wr_test_write_file(path, wr_buf_str(&b), fault);
    wr_buf_release(&b);
    return err;
}

void wr_test_junit_release(struct wr_test_junit *j)
{
    wr_buf_release(&j->suites);
    wr_buf_release(&j->file);
}
