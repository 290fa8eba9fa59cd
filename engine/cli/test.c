// `weir test`: suites of cases for rules, and what they cover.
#include "engine/cli/cli.h"
#include "engine/cli/test_coverage.h"
#include "engine/cli/test_file.h"
#include "engine/cli/test_report.h"
#include "engine/cli/test_update.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/banned.h"

struct asked {
    const char *filter, *junit, *html, *coverage_json, *minimum_text;
    bool tap, json, update, yes, coverage, fail_fast;
    double minimum; // percent; meant when minimum_text is given
    struct wr_suite suite;
};

// What a run leaves behind.
struct outcome {
    struct wr_suite_runner runner;
    struct wr_test_report report;
    struct wr_test_junit junit;
    struct wr_test_update update;
};

static bool wanted(const struct asked *a, const struct wr_suite_case *c)
{
    if (!a->filter) {
        return true;
    }
    bool pattern = strpbrk(a->filter, "*?[") != NULL;
    return pattern ? fnmatch(a->filter, c->id, 0) == 0 : strstr(c->id, a->filter) != NULL;
}

static void run_cases(const struct asked *a, struct outcome *o)
{
    const struct wr_suite *s = &a->suite;
    size_t file = SIZE_MAX;
    bool stop = false;
    for (size_t i = 0; i < s->count && !stop; i++) {
        const struct wr_suite_case *c = &s->cases[i];
        if (!wanted(a, c)) {
            continue;
        }
        if (file != SIZE_MAX && file != c->file) {
            wr_test_junit_file(&o->junit, s->files[file].name);
        }
        file = c->file;
        const struct wr_suite_result *result = wr_suite_run_case(&o->runner, c);
        wr_test_report_case(&o->report, s, c, result);
        if (a->junit) {
            wr_test_junit_case(&o->junit, s->files[file].name, c, result);
        }
        if (a->update && result->state == WR_SUITE_FAILED) {
            wr_test_update_add(&o->update, &o->runner, c);
        }
        stop = a->fail_fast && result->state != WR_SUITE_PASSED;
    }
    if (file != SIZE_MAX) {
        wr_test_junit_file(&o->junit, s->files[file].name);
    }
}

// ---- coverage

static void print_coverage(const struct asked *a, const struct wr_suite_rules *rules)
{
    struct wr_test_coverage all = wr_test_coverage_all(rules);
    struct wr_buf text = {0};
    if (a->coverage) {
        wr_test_coverage_text(rules, &text);
    }
    wr_buf_add(&text, WR_STR("coverage: "));
    wr_test_coverage_add_percent(&text, &all);
    wr_buf_addf(&text, "%% (%zu of %zu)\n", all.covered, all.total);
    wr_test_print(a->tap ? "# " : "", wr_buf_str(&text), !a->tap && wr_cli_colour(STDOUT_FILENO));
    wr_buf_release(&text);
}

static bool enough(const struct asked *a, const struct wr_suite_rules *rules)
{
    struct wr_test_coverage all = wr_test_coverage_all(rules);
    if (!a->minimum_text || wr_test_coverage_percent(&all) >= a->minimum) {
        return true;
    }
    fflush(stdout);
    fprintf(stderr, "weir test: coverage is below the minimum of %s%%: %zu of %zu\n",
            a->minimum_text, all.covered, all.total);
    return false;
}

// The end of standard output.
static void conclude(const struct asked *a, struct outcome *o)
{
    wr_test_report_end(&o->report);
    bool covers = o->runner.rules.coverage;
    if (a->json) {
        struct wr_buf text = {0};
        if (covers) {
            wr_buf_add(&text, WR_STR(",\"coverage\":"));
            wr_test_coverage_json(&o->runner.rules, &text);
        }
        wr_buf_add(&text, WR_STR("}\n"));
        fwrite(text.at, 1, text.len, stdout);
        wr_buf_release(&text);
    } else if (covers) {
        print_coverage(a, &o->runner.rules);
    }
}

static wr_err write_files(const struct asked *a, struct outcome *o, struct wr_fault *fault)
{
    const struct {
        const char *path;
        void (*make)(const struct wr_suite_rules *r, struct wr_buf *out);
    } files[] = {
        {a->html, wr_test_coverage_html},
        {a->coverage_json, wr_test_coverage_json},
    };
    wr_err err = a->junit ? wr_test_junit_write(&o->junit, &o->report, a->junit, fault) : WR_OK;
    for (size_t i = 0; !err && i < WR_COUNT(files); i++) {
        if (files[i].path) {
            struct wr_buf text = {0};
            files[i].make(&o->runner.rules, &text);
            err = wr_test_write_file(files[i].path, wr_buf_str(&text), fault);
            wr_buf_release(&text);
        }
    }
    return err;
}

// ---- the run

static int run(const struct asked *a, size_t total)
{
    bool covers = a->coverage || a->html || a->coverage_json || a->minimum_text;
    struct outcome o = {
        .report = {.style = a->json  ? WR_TEST_JSON
                            : a->tap ? WR_TEST_TAP
                                     : WR_TEST_TEXT,
                   .total = total},
    };
    struct wr_fault fault = {0};
    bool updated = false;
    wr_suite_runner_init(&o.runner, &a->suite, covers);
    wr_test_report_begin(&o.report);
    run_cases(a, &o);
    conclude(a, &o);
    wr_err err = write_files(a, &o, &fault);
    if (!err && a->update) {
        err = wr_test_update_write(&o.update, &a->suite, a->yes, &updated, &fault);
    }
    int status = WR_EXIT_OK;
    bool covered = enough(a, &o.runner.rules);
    if (err) {
        fflush(stdout);
        fprintf(stderr, "weir test: %s\n", fault.text);
        status = WR_EXIT_USAGE;
    } else if (o.report.broken) {
        status = WR_EXIT_USAGE;
    } else if ((o.report.failed && !updated) || !covered) {
        status = WR_EXIT_NO;
    }
    wr_test_update_release(&o.update);
    wr_test_junit_release(&o.junit);
    wr_suite_runner_release(&o.runner);
    return status;
}

static int load_and_run(struct asked *a, char **paths, size_t count)
{
    struct wr_suite *s = &a->suite;
    for (size_t i = 0; i < count; i++) {
        wr_suite_add(s, paths[i]);
    }
    wr_suite_check_ids(s);
    if (s->fault_count) {
        wr_str text = wr_buf_str(&s->faults);
        for (size_t at = 0; at < text.len;) {
            size_t end = (size_t)((char *)memchr(text.at + at, '\n', text.len - at) - text.at);
            fprintf(stderr, "weir test: %.*s\n", WR_STR_ARG(wr_str_cut(text, at, end)));
            at = end + 1;
        }
        if (s->fault_count > WR_SUITE_FAULTS_MAX) {
            fprintf(stderr, "weir test: and %zu more\n", s->fault_count - WR_SUITE_FAULTS_MAX);
        }
        return WR_EXIT_USAGE;
    }
    size_t total = 0;
    for (size_t i = 0; i < s->count; i++) {
        total += wanted(a, &s->cases[i]);
    }
    if (total == 0) {
        fprintf(stderr, "weir test: none of %zu cases has an id that fits '%s'\n", s->count,
                a->filter);
        return WR_EXIT_USAGE;
    }
    return run(a, total);
}

// ---- arguments

// 0..100.
static bool read_minimum(struct asked *a)
{
    char *end;
    const char *text = a->minimum_text;
    a->minimum = strtod(text, &end);
    return strspn(text, "0123456789.") == strlen(text) && *text >= '0' && *text <= '9' &&
           *end == '\0' && a->minimum <= 100;
}

// What is wrong with the options together, or NULL.
static const char *conflict(const struct asked *a, char **paths, size_t path_count)
{
    for (size_t i = 0; i < path_count; i++) {
        if (a->update && strcmp(paths[i], "-") == 0) {
            return "--update writes suites, and standard input is none";
        }
    }

    if (a->json && a->tap) {
        return "--json and --tap are two forms of one output";
    }
    if (a->update && (a->tap || a->json)) {
        return "--update shows what it writes, for people: not with --tap or --json";
    }
    if (a->yes && !a->update) {
        return "--yes answers --update, which is not given";
    }
    if (a->update && !a->yes && !isatty(STDIN_FILENO)) {
        return "--update asks, and standard input is no terminal: --yes answers for it";
    }
    return NULL;
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
        {"--json", &a.json, NULL},
        {"--update", &a.update, NULL},
        {"--yes", &a.yes, NULL},
        {"--coverage", &a.coverage, NULL},
        {"--fail-fast", &a.fail_fast, NULL},
        {"--junit", NULL, &a.junit},
        {"--filter", NULL, &a.filter},
        {"--coverage-html", NULL, &a.html},
        {"--coverage-json", NULL, &a.coverage_json},
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
        if (only_paths || argv[i][0] != '-' || argv[i][1] == '\0') {
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
    } else if (!wrong) {
        wrong = conflict(&a, paths, path_count);
    }
    if (!wrong && path_count == 0) {
        wrong = "expected the path of a suite or a folder";
    }
    int status = wrong ? wr_cli_wrong("test", wrong, about) : load_and_run(&a, paths, path_count);
    wr_suite_release(&a.suite);
    free(paths);
    return status;
}
