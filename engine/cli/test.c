// `weir test`: suites of cases for rules, and what they cover.
#include "engine/cli/cli.h"
#include "engine/cli/test_coverage.h"
#include "engine/cli/test_report.h"
#include "engine/cli/test_update.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

struct asked {
    const char *filter, *junit, *html;
    bool tap, update, coverage, has_minimum;
    double minimum;
    const char *minimum_text;
    struct wr_suite suite;
};

static bool wanted(const struct asked *a, const struct wr_suite_case *c)
{
    if (!a->filter) {
        return true;
    }
    bool pattern = strpbrk(a->filter, "*?[") != NULL;
    return pattern ? fnmatch(a->filter, c->id, 0) == 0 : strstr(c->id, a->filter) != NULL;
}

static void run_cases(const struct asked *a, struct wr_suite_runner *runner,
                      struct wr_test_report *report, struct wr_test_update *update)
{
    const struct wr_suite *s = &a->suite;
    size_t file = SIZE_MAX;
    for (size_t i = 0; i < s->count; i++) {
        const struct wr_suite_case *c = &s->cases[i];
        if (!wanted(a, c)) {
            continue;
        }
        if (file != SIZE_MAX && file != c->file) {
            wr_test_report_file(report, s->files[file].name);
        }
        file = c->file;
        const struct wr_suite_result *result = wr_suite_run_case(runner, c);
        wr_test_report_case(report, s, c, result);
        if (a->update && result->state == WR_SUITE_FAILED) {
            wr_test_update_add(update, runner, c);
        }
    }
    wr_test_report_file(report, s->files[file].name);
}

static void print_text(const struct asked *a, wr_str text)
{
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.at + at, '\n', text.len - at);
        size_t stop = end ? (size_t)(end - text.at) : text.len;
        printf("%s%.*s\n", a->tap ? "# " : "", WR_STR_ARG(wr_str_cut(text, at, stop)));
        at = stop + 1;
    }
}

// Percent with one decimal, cut and not rounded: what falls short of 100 never reads 100.0.
static double shown(double percent)
{
    return (double)(int64_t)(percent * 10) / 10;
}

// False: below the minimum.
static bool show_coverage(const struct asked *a, const struct wr_suite_runner *runner)
{
    struct wr_test_coverage all = wr_test_coverage_all(runner);
    double percent = wr_test_coverage_percent(&all);
    if (a->coverage) {
        struct wr_buf text = {0};
        wr_test_coverage_text(runner, &text);
        print_text(a, wr_buf_str(&text));
        wr_buf_release(&text);
    }
    printf("%scoverage: %.1f%% (%zu of %zu)\n", a->tap ? "# " : "", shown(percent), all.covered,
           all.total);
    bool enough = !a->has_minimum || percent >= a->minimum;
    if (!enough) {
        fflush(stdout);
        fprintf(stderr, "weir test: coverage is below the minimum of %s%%\n", a->minimum_text);
    }
    return enough;
}

static wr_err write_html(const char *path, const struct wr_suite_runner *runner,
                         struct wr_fault *fault)
{
    struct wr_buf page = {0};
    wr_test_coverage_html(runner, &page);
    wr_err err = wr_test_write_file(path, wr_buf_str(&page), fault);
    wr_buf_release(&page);
    return err;
}

static int run(const struct asked *a, size_t total)
{
    bool covers = a->coverage || a->html || a->has_minimum;
    struct wr_suite_runner runner;
    wr_suite_runner_init(&runner, &a->suite, covers);
    struct wr_test_report report = {.tap = a->tap, .want_junit = a->junit != NULL, .total = total};
    struct wr_test_update update = {0};
    struct wr_fault fault = {0};
    wr_test_report_begin(&report);
    run_cases(a, &runner, &report, &update);
    wr_test_report_end(&report);
    bool enough = !covers || show_coverage(a, &runner);
    wr_err err = a->junit ? wr_test_report_junit(&report, a->junit, &fault) : WR_OK;
    if (!err && a->html) {
        err = write_html(a->html, &runner, &fault);
    }
    if (!err && a->update) {
        err = wr_test_update_ask(&update, &a->suite, &fault);
    }
    int status = WR_EXIT_OK;
    if (err) {
        fflush(stdout);
        fprintf(stderr, "weir test: %s\n", fault.text);
        status = WR_EXIT_USAGE;
    } else if (report.broken) {
        status = WR_EXIT_USAGE;
    } else if (report.failed || !enough) {
        status = WR_EXIT_NO;
    }
    wr_test_update_release(&update);
    wr_test_report_release(&report);
    wr_suite_runner_release(&runner);
    return status;
}

static int load_and_run(struct asked *a, char **paths, size_t count)
{
    struct wr_fault fault = {0};
    wr_err err = WR_OK;
    for (size_t i = 0; !err && i < count; i++) {
        err = wr_suite_add(&a->suite, paths[i], &fault);
    }
    if (!err) {
        err = wr_suite_check_ids(&a->suite, &fault);
    }
    if (err) {
        fprintf(stderr, "weir test: %s\n", fault.text);
        return WR_EXIT_USAGE;
    }
    size_t total = 0;
    for (size_t i = 0; i < a->suite.count; i++) {
        total += wanted(a, &a->suite.cases[i]);
    }
    if (total == 0) {
        fprintf(stderr, "weir test: no case has an id that fits '%s'\n", a->filter);
        return WR_EXIT_USAGE;
    }
    return run(a, total);
}

// 0..100.
static bool read_minimum(struct asked *a)
{
    char *end;
    a->minimum = strtod(a->minimum_text, &end);
    a->has_minimum = true;
    return *a->minimum_text >= '0' && *a->minimum_text <= '9' && *end == '\0' && a->minimum <= 100;
}

int wr_cli_test(int argc, char **argv)
{
    struct asked a = {0};
    const struct {
        const char *name;
        bool *flag;
        const char **value;
    } options[] = {
        {"--tap", &a.tap, NULL},
        {"--update", &a.update, NULL},
        {"--coverage", &a.coverage, NULL},
        {"--junit", NULL, &a.junit},
        {"--filter", NULL, &a.filter},
        {"--coverage-html", NULL, &a.html},
        {"--min-coverage", NULL, &a.minimum_text},
    };
    char **paths = wr_alloc((size_t)argc * sizeof *paths);
    size_t path_count = 0;
    const char *wrong = NULL, *about = NULL;
    bool only_paths = false;
    for (int i = 1; i < argc && !wrong; i++) {
        size_t k = 0;
        while (k < WR_COUNT(options) && strcmp(argv[i], options[k].name) != 0) {
            k++;
        }
        if (only_paths || argv[i][0] != '-') {
            paths[path_count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_paths = true;
        } else if (k == WR_COUNT(options)) {
            wrong = "unknown option ";
            about = argv[i];
        } else if (options[k].flag) {
            *options[k].flag = true;
        } else if (i + 1 == argc) {
            wrong = "expected a value after ";
            about = argv[i];
        } else {
            *options[k].value = argv[++i];
        }
    }
    if (!wrong && a.minimum_text && !read_minimum(&a)) {
        wrong = "--min-coverage: expected a number from 0 to 100, found ";
        about = a.minimum_text;
    } else if (!wrong && a.update && a.tap) {
        wrong = "--update asks, so it does not go with --tap";
    } else if (!wrong && path_count == 0) {
        wrong = "expected the path of a suite or a folder";
    }
    int status = wrong ? wr_cli_wrong("test", wrong, about) : load_and_run(&a, paths, path_count);
    wr_suite_release(&a.suite);
    free(paths);
    return status;
}
