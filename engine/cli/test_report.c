// Results of test cases for people, for TAP readers and for programs.
#include "engine/cli/test_report.h"

#include <stdio.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "sql/base/clock.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define PROGRESS_AFTER_US 1000000  // shorter runs need none
#define PROGRESS_EVERY_US 200000   // on a terminal
#define PROGRESS_LINES_US 10000000 // in a log

#define GREEN "\033[32m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

void wr_test_report_begin(struct wr_test_report *r)
{
    r->start_ = wr_mono_now();
    r->colour_ = r->style == WR_TEST_TEXT && wr_cli_colour(STDOUT_FILENO);
    if (r->style == WR_TEST_TAP) {
        printf("1..%zu\n", r->total);
    } else if (r->style == WR_TEST_JSON) {
        printf("{\"cases\":[");
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
    fflush(stderr);
    r->line_ = terminal;
}

// ---- lines

static void print_mark(char mark, bool colour)
{
    if (colour) {
        fputs(mark == *WR_DIFF_EXPECTED ? GREEN : mark == *WR_DIFF_GOT ? RED : PLAIN, stdout);
    }
}

void wr_test_print(const char *before, wr_str text, bool colour)
{
    size_t at = 0;
    while (at < text.len) {
        fputs(before, stdout);
        for (; at < text.len && text.at[at] != '\n'; at++) {
            unsigned char c = (unsigned char)text.at[at];
            bool c1 = c == 0xc2 && at + 1 < text.len && (unsigned char)text.at[at + 1] < 0xa0;
            if (c >= 1 && c <= 3) {
                print_mark((char)c, colour);
            } else {
                at += c1; // U+0080 to U+009F
                putchar((c < 0x20 && c != '\t') || c == 0x7f || c1 ? '?' : c);
            }
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
    struct wr_buf line = {0};
    wr_buf_addf(&line, "%sok %zu - ", result->state == WR_SUITE_PASSED ? "" : "not ", r->done);
    for (const char *at = c->id; *at; at++) {
        if (*at == '#' || *at == '\\') {
            wr_buf_add_char(&line, '\\');
        }
        wr_buf_add_char(&line, *at);
    }
    wr_test_print("", wr_buf_str(&line), false);
    wr_buf_release(&line);
}

static void print_json(const struct wr_test_report *r, const char *file,
                       const struct wr_suite_case *c, const struct wr_suite_result *result)
{
    struct wr_buf line = {0}, plain = {0};
    wr_buf_add(&line, r->done > 1 ? WR_STR(",\n{\"id\":") : WR_STR("\n{\"id\":"));
    wr_json_write_string(&line, wr_str_of(c->id));
    wr_buf_add(&line, WR_STR(",\"file\":"));
    wr_json_write_string(&line, wr_str_of(file));
    wr_buf_addf(&line, ",\"line\":%zu,\"state\":\"%s\",\"seconds\":%.6f,\"differences\":[",
                c->number, result->state == WR_SUITE_BROKEN ? "bad" : word(result->state),
                (double)result->took_us / 1e6);
    wr_diff_plain(&plain, wr_buf_str(&result->why));
    wr_str why = wr_buf_str(&plain);
    for (size_t at = 0; at < why.len;) {
        const char *end = memchr(why.at + at, '\n', why.len - at);
        size_t stop = end ? (size_t)(end - why.at) : why.len;
        wr_buf_add(&line, at ? WR_STR(",") : WR_STR(""));
        wr_json_write_string(&line, wr_str_cut(why, at, stop));
        at = stop + 1;
    }
    wr_buf_add(&line, WR_STR("]}"));
    fwrite(line.at, 1, line.len, stdout);
    wr_buf_release(&line);
    wr_buf_release(&plain);
}

static void print_failure(const struct wr_test_report *r, const char *file,
                          const struct wr_suite_case *c, const struct wr_suite_result *result)
{
    bool tap = r->style == WR_TEST_TAP;
    struct wr_buf line = {0};
    wr_buf_addf(&line, WR_DIFF_GOT "%s:" WR_DIFF_END " %s (%s:%zu)", word(result->state), c->id,
                file, c->number);
    wr_test_print(tap ? "# " : "", wr_buf_str(&line), r->colour_);
    wr_test_print(tap ? "#   " : "    ", wr_buf_str(&result->why), r->colour_);
    wr_buf_release(&line);
}

// ---- the report

void wr_test_report_case(struct wr_test_report *r, const struct wr_suite *s,
                         const struct wr_suite_case *c, const struct wr_suite_result *result)
{
    const char *file = s->files[c->file].name;
    bool bad = result->state != WR_SUITE_PASSED;
    r->done++;
    r->passed += result->state == WR_SUITE_PASSED;
    r->failed += result->state == WR_SUITE_FAILED;
    r->broken += result->state == WR_SUITE_BROKEN;
    r->took_us += result->took_us;
    if (bad || r->style != WR_TEST_TEXT) {
        wipe(r);
    }
    if (r->style == WR_TEST_JSON) {
        print_json(r, file, c, result);
    } else {
        if (r->style == WR_TEST_TAP) {
            print_tap(r, c, result);
        }
        if (bad) {
            print_failure(r, file, c, result);
        }
    }
    progress(r);
}

void wr_test_report_end(struct wr_test_report *r)
{
    wipe(r);
    if (r->style == WR_TEST_JSON) {
        printf("\n],\"passed\":%zu,\"failed\":%zu,\"bad\":%zu,\"seconds\":%.6f", r->passed,
               r->failed, r->broken, (double)r->took_us / 1e6);
        return;
    }
    const char *colour = r->failed + r->broken ? RED : GREEN;
    printf("%s%s%zu passed, %zu failed", r->style == WR_TEST_TAP ? "# " : "",
           r->colour_ ? colour : "", r->passed, r->failed);
    if (r->broken) {
        printf(", %zu bad", r->broken);
    }
    if (r->done < r->total) {
        printf(", %zu not run", r->total - r->done);
    }
    printf("%s\n", r->colour_ ? PLAIN : "");
}
