// `weir check`: rules in files of every form, against AWS's limits and traps.
#include "engine/cli/check/check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/rules/zones.h"

#include "sql/base/banned.h"

struct asked {
    struct wr_check_options options;
    struct wr_check_pair *params, *tables;
    char **paths;
    size_t path_count;
    int *ignored;
    size_t ignored_count;
    const char *sarif, *explain;
    bool json, codes, markdown, strict;
};

// ---- arguments

static int wrong(const char *text, const char *value)
{
    return wr_cli_wrong("check", text, value);
}

// NAME=VALUE; the value may hold more of them.
static bool add_pair(struct wr_check_pair *pairs, size_t *count, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        return false;
    }
    *equals = '\0';
    pairs[(*count)++] = (struct wr_check_pair){text, equals + 1};
    return true;
}

// One option and its value, which may be NULL. Returns 0, or the exit status.
static int take_option(struct asked *a, const char *name, char *value, bool *used)
{
    *used = value != NULL;
    if (!value) {
        return wrong("expected a value after ", name);
    }
    if (strcmp(name, "--param") == 0) {
        return add_pair(a->params, &a->options.param_count, value)
                   ? 0
                   : wrong("--param: expected NAME=VALUE, found ", value);
    }
    if (strcmp(name, "--table") == 0) {
        return add_pair(a->tables, &a->options.table_count, value)
                   ? 0
                   : wrong("--table: expected TABLE=HASH or TABLE=HASH,RANGE, found ", value);
    }
    if (strcmp(name, "--ignore") == 0) {
        const struct wr_check_code *code = wr_check_code_parse(value);
        if (!code) {
            return wrong("--ignore: no such code (weir check --codes lists them): ", value);
        }
        a->ignored[a->ignored_count++] = code->number;
        return 0;
    }
    if (strcmp(name, "--explain") == 0) {
        a->explain = value;
        return 0;
    }
    a->sarif = value;
    return 0;
}

static bool *flag_of(struct asked *a, const char *name)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--json", &a->json},         {"--codes", &a->codes},
        {"--strict", &a->strict},     {"--lenient", &a->options.lenient},
        {"--markdown", &a->markdown},
    };
    for (size_t i = 0; i < WR_COUNT(flags); i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return flags[i].flag;
        }
    }
    return NULL;
}

static bool takes_value(const char *name)
{
    static const char *const names[] = {"--param", "--table", "--ignore", "--explain", "--sarif"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

// "--name=value" too. Returns 0, or the exit status.
static int read_arguments(struct asked *a, int argc, char **argv)
{
    bool only_paths = false;
    for (int i = 1; i < argc; i++) {
        char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
        char name[32];
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - argv[i]) : (int)strlen(argv[i]),
                 argv[i]);
        bool *flag = equals ? NULL : flag_of(a, name), used;
        if (only_paths || argv[i][0] != '-') {
            a->paths[a->path_count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_paths = true;
        } else if (flag) {
            *flag = true;
        } else if (takes_value(name)) {
            int status = take_option(a, name, equals ? equals + 1 : argv[i + 1], &used);
            if (status) {
                return status;
            }
            i += !equals && used;
        } else {
            return wrong("unknown option ", argv[i]);
        }
    }
    if (a->markdown && !a->codes) {
        return wrong("--markdown goes with --codes", NULL);
    }
    if (a->json && a->sarif && strcmp(a->sarif, "-") == 0) {
        return wrong("--json and --sarif - both write to standard output", NULL);
    }
    if (!a->codes && !a->explain && a->path_count == 0) {
        return wrong("expected the path of a file or a folder", NULL);
    }
    return 0;
}

// ---- the run

static bool write_sarif(const struct wr_check *c, const char *path)
{
    FILE *out = fopen(path, "we");
    bool done = out != NULL;
    if (out) {
        wr_report_sarif(c, out);
        done = fflush(out) == 0 && !ferror(out);
        done = fclose(out) == 0 && done;
    }
    if (!done) {
        fprintf(stderr, "weir check: %s: %s\n", path, strerror(errno));
    }
    return done;
}

static int report(const struct asked *a, const struct wr_check *c)
{
    bool sarif_out = a->sarif && strcmp(a->sarif, "-") == 0, written = true;
    if (sarif_out) {
        wr_report_sarif(c, stdout);
    } else if (a->sarif) {
        written = write_sarif(c, a->sarif);
    }
    if (a->json) {
        wr_report_json(c, stdout);
    } else if (!sarif_out) {
        wr_report_text(c, wr_cli_colour(STDOUT_FILENO), stdout);
    }
    if (c->unreadable || !written) {
        return WR_EXIT_USAGE;
    }
    size_t errors = wr_findings_of(&c->findings, WR_SEVERITY_ERROR);
    size_t warnings = wr_findings_of(&c->findings, WR_SEVERITY_WARNING);
    return errors || (a->strict && warnings) || c->findings.left_out ? WR_EXIT_NO : WR_EXIT_OK;
}

static int check(const struct asked *a)
{
    struct wr_check c;
    wr_check_init(&c, &a->options);
    for (size_t i = 0; i < a->ignored_count; i++) {
        wr_findings_ignore(&c.findings, a->ignored[i]);
    }
    for (size_t i = 0; i < a->path_count; i++) {
        wr_check_add_path(&c, a->paths[i]);
    }
    wr_check_run(&c);
    int status = report(a, &c);
    wr_check_release(&c);
    wr_zones_release();
    return status;
}

static int explain(const char *text)
{
    const struct wr_check_code *code = wr_check_code_parse(text);
    if (!code) {
        return wrong("--explain: no such code (weir check --codes lists them): ", text);
    }
    wr_report_explain(code, stdout);
    return WR_EXIT_OK;
}

int wr_cli_check(int argc, char **argv)
{
    struct asked a = {0};
    size_t count = (size_t)argc;
    a.params = wr_alloc(count * sizeof *a.params);
    a.tables = wr_alloc(count * sizeof *a.tables);
    a.paths = wr_alloc(count * sizeof *a.paths);
    a.ignored = wr_alloc(count * sizeof *a.ignored);
    a.options.params = a.params;
    a.options.tables = a.tables;
    int status = read_arguments(&a, argc, argv);
    if (status == 0 && a.explain) {
        status = explain(a.explain);
    } else if (status == 0 && a.codes) {
        wr_report_codes(a.markdown, stdout);
    } else if (status == 0) {
        status = check(&a);
    }
    free(a.params);
    free(a.tables);
    free(a.paths);
    free(a.ignored);
    return status;
}
