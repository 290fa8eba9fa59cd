// Results of test cases for people, for TAP readers and for CI servers.
#include "engine/cli/test_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/clock.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define PROGRESS_AFTER_US 1000000  // shorter runs need none
#define PROGRESS_EVERY_US 200000   // on a terminal
#define PROGRESS_LINES_US 10000000 // in a log

void wr_test_report_begin(struct wr_test_report *r)
{
    r->start_ = wr_mono_now();
    if (r->tap) {
        printf("1..%zu\n", r->total);
    }
}

// ---- progress

static void wipe(struct wr_test_report *r)
{
    if (r->line_) {
        fputs("\r\033[K", stderr);
        r->line_ = false;
    }
}

static void progress(struct wr_test_report *r)
{
    int64_t now = wr_mono_since_us(r->start_, wr_mono_now());
    bool terminal = isatty(STDERR_FILENO);
    int64_t every = terminal ? PROGRESS_EVERY_US : PROGRESS_LINES_US;
    if (now < PROGRESS_AFTER_US || now - r->shown_us_ < every || r->done == r->total) {
        return;
    }
    r->shown_us_ = now;
    fprintf(stderr, terminal ? "\r%zu of %zu cases, %zu failed" : "%zu of %zu cases, %zu failed\n",
            r->done, r->total, r->failed + r->broken);
    r->line_ = terminal;
}

// ---- lines

// Every line of `text` behind `before`. What would move a terminal's cursor becomes a question
// mark.
static void print_lines(const char *before, wr_str text)
{
    size_t at = 0;
    while (at < text.len) {
        fputs(before, stdout);
        for (; at < text.len && text.at[at] != '\n'; at++) {
            unsigned char c = (unsigned char)text.at[at];
            putchar((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c);
        }
        putchar('\n');
        at++;
    }
}

static const char *word(enum wr_suite_state state)
{
    switch (state) {
    case WR_SUITE_PASSED:
        return "passed";
    case WR_SUITE_FAILED:
        return "failed";
    case WR_SUITE_BROKEN:
        break;
    }
    return "bad case";
}

// A TAP description: `#` would begin a directive.
static void print_tap(const struct wr_test_report *r, const struct wr_suite_case *c,
                      const struct wr_suite_result *result)
{
    printf("%sok %zu - ", result->state == WR_SUITE_PASSED ? "" : "not ", r->done);
    for (const char *at = c->id; *at; at++) {
        if (*at == '#' || *at == '\\') {
            putchar('\\');
        }
        putchar((unsigned char)*at < 0x20 ? '?' : *at);
    }
    putchar('\n');
}

// ---- XML

void wr_test_add_xml(struct wr_buf *b, wr_str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t valid = wr_utf8_valid_len(wr_str_cut(s, i, s.len));
        if (valid == 0) {
            wr_buf_add(b, WR_STR("\xef\xbf\xbd"));
            i++;
        }
        for (size_t end = i + valid; i < end; i++) {
            unsigned char c = (unsigned char)s.at[i];
            if (c == '<') {
                wr_buf_add(b, WR_STR("&lt;"));
            } else if (c == '>') {
                wr_buf_add(b, WR_STR("&gt;"));
            } else if (c == '&') {
                wr_buf_add(b, WR_STR("&amp;"));
            } else if (c == '"') {
                wr_buf_add(b, WR_STR("&quot;"));
            } else if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f)) {
                wr_buf_add_char(b, (char)c);
            } else {
                wr_buf_add(b, WR_STR("\xef\xbf\xbd"));
            }
        }
    }
}

static void add_seconds(struct wr_buf *b, int64_t us)
{
    wr_buf_addf(b, " time=\"%lld.%06lld\"", (long long)(us / 1000000), (long long)(us % 1000000));
}

static void add_testcase(struct wr_test_report *r, const char *file, const struct wr_suite_case *c,
                         const struct wr_suite_result *result)
{
    struct wr_buf *b = &r->file_;
    wr_buf_add(b, WR_STR("    <testcase classname=\""));
    wr_test_add_xml(b, wr_str_of(file));
    wr_buf_add(b, WR_STR("\" name=\""));
    wr_test_add_xml(b, wr_str_of(c->id));
    wr_buf_add(b, WR_STR("\" file=\""));
    wr_test_add_xml(b, wr_str_of(file));
    wr_buf_addf(b, "\" line=\"%zu\"", c->number);
    add_seconds(b, result->took_us);
    r->file_cases_++;
    r->file_us_ += result->took_us;
    if (result->state == WR_SUITE_PASSED) {
        wr_buf_add(b, WR_STR("/>\n"));
        return;
    }
    bool failed = result->state == WR_SUITE_FAILED;
    r->file_failed_ += failed;
    r->file_broken_ += !failed;
    wr_str why = wr_buf_str(&result->why);
    const char *end = why.len ? memchr(why.at, '\n', why.len) : NULL;
    const char *element = failed ? "failure" : "error";
    wr_buf_addf(b, ">\n      <%s message=\"", element);
    wr_test_add_xml(b, (wr_str){why.at, end ? (size_t)(end - why.at) : why.len});
    wr_buf_add(b, WR_STR("\">"));
    wr_test_add_xml(b, why);
    wr_buf_addf(b, "</%s>\n    </testcase>\n", element);
}

// ---- the report

void wr_test_report_case(struct wr_test_report *r, const struct wr_suite *s,
                         const struct wr_suite_case *c, const struct wr_suite_result *result)
{
    const char *file = s->files[c->file].name;
    r->done++;
    r->passed += result->state == WR_SUITE_PASSED;
    r->failed += result->state == WR_SUITE_FAILED;
    r->broken += result->state == WR_SUITE_BROKEN;
    if (r->want_junit) {
        add_testcase(r, file, c, result);
    }
    bool bad = result->state != WR_SUITE_PASSED;
    if (bad || r->tap) {
        wipe(r);
    }
    if (r->tap) {
        print_tap(r, c, result);
    }
    if (bad) {
        printf("%s%s: %s (%s:%zu)\n", r->tap ? "# " : "", word(result->state), c->id, file,
               c->number);
        print_lines(r->tap ? "#   " : "    ", wr_buf_str(&result->why));
    }
    progress(r);
}

void wr_test_report_file(struct wr_test_report *r, const char *name)
{
    if (!r->want_junit) {
        return;
    }
    struct wr_buf *b = &r->junit_;
    wr_buf_add(b, WR_STR("  <testsuite name=\""));
    wr_test_add_xml(b, wr_str_of(name));
    wr_buf_addf(b, "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\"", r->file_cases_,
                r->file_failed_, r->file_broken_);
    add_seconds(b, r->file_us_);
    wr_buf_add(b, WR_STR(">\n"));
    wr_buf_add(b, wr_buf_str(&r->file_));
    wr_buf_add(b, WR_STR("  </testsuite>\n"));
    wr_buf_clear(&r->file_);
    r->all_us_ += r->file_us_;
    r->file_cases_ = r->file_failed_ = r->file_broken_ = 0;
    r->file_us_ = 0;
}

void wr_test_report_end(struct wr_test_report *r)
{
    wipe(r);
    printf("%s%zu passed, %zu failed", r->tap ? "# " : "", r->passed, r->failed);
    if (r->broken) {
        printf(", %zu bad", r->broken);
    }
    putchar('\n');
}

wr_err wr_test_write_file(const char *path, wr_str text, struct wr_fault *fault)
{
    struct wr_buf name = {0};
    wr_buf_addf(&name, "%s.new", path);
    const char *fresh = wr_buf_terminated(&name);
    struct stat old;
    mode_t mode = stat(path, &old) == 0 ? old.st_mode & 0777 : 0644;
    wr_err err = WR_OK;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    bool ok = f && (text.len == 0 || fwrite(text.at, 1, text.len, f) == text.len);
    ok = f && fclose(f) == 0 && ok;
    if (!ok || rename(fresh, path) != 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
        if (f) {
            unlink(fresh);
        }
    }
    wr_buf_release(&name);
    return err;
}

wr_err wr_test_report_junit(struct wr_test_report *r, const char *path, struct wr_fault *fault)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"weir test\" "
                "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"",
                r->done, r->failed, r->broken);
    add_seconds(&b, r->all_us_);
    wr_buf_add(&b, WR_STR(">\n"));
    wr_buf_add(&b, wr_buf_str(&r->junit_));
    wr_buf_add(&b, WR_STR("</testsuites>\n"));
    wr_err err = wr_test_write_file(path, wr_buf_str(&b), fault);
    wr_buf_release(&b);
    return err;
}

void wr_test_report_release(struct wr_test_report *r)
{
    wr_buf_release(&r->junit_);
    wr_buf_release(&r->file_);
}
