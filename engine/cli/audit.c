// `weir audit verify|list`: the audit log of a state folder, or a copy of one. Needs no weir that
// runs.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/audit.h"
#include "engine/cli/arguments.h"
#include "engine/cli/cli.h"
#include "engine/cli/control_client.h"
#include "engine/config.h"

#include "sql/base/banned.h"

struct own {
    const char *config_file, *after, *tenant;
    bool json;
    struct wr_argument_list words;
    uint64_t after_number, lines;
};

static int complain(const struct wr_fault *fault, int code)
{
    fflush(stdout);
    fprintf(stderr, "weir audit: %s\n", fault->text);
    return code;
}

static int verify(const struct own *o, const char *path)
{
    struct wr_audit_sum sum = {0};
    struct wr_fault fault = {0};
    wr_err err = wr_audit_verify(path, &sum, &fault);
    if (err && err != WR_ERR_CORRUPT) {
        return complain(&fault, WR_EXIT_USAGE);
    }
    if (o->json) {
        json_t *out = json_pack("{s:b, s:I, s:I, s:I, s:I, s:s, s:b}", "good", !err, "files",
                                (json_int_t)sum.files, "lines", (json_int_t)sum.lines, "first",
                                (json_int_t)sum.first_seq, "last", (json_int_t)sum.last_seq, "sum",
                                sum.last_sum, "torn", sum.torn);
        if (err) {
            json_object_set_new(out, "reason", json_string(fault.text));
        }
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(out);
    } else if (!err) {
        printf("%llu line%s", (unsigned long long)sum.lines, sum.lines == 1 ? "" : "s");
        if (sum.files > 1 || sum.first_seq > 1) {
            printf(" from number %llu on in %zu file%s", (unsigned long long)sum.first_seq,
                   sum.files, sum.files == 1 ? "" : "s");
        }
        printf(", the chain holds; last: %llu, SHA-256 %s\n", (unsigned long long)sum.last_seq,
               *sum.last_sum ? sum.last_sum : "none");
    }
    if (!err && sum.torn) {
        fflush(stdout);
        fprintf(stderr, "weir audit: behind that is half a line: one that is being written, or "
                        "that a weir which was killed left\n");
    }
    return err ? complain(&fault, WR_EXIT_NO) : WR_EXIT_OK;
}

static void print_row(wr_str line)
{
    static const struct wr_control_column columns[] = {
        {"", "seq"},       {"", "time"},    {"", "tenant"}, {"", "actor"},
        {"", "operation"}, {"", "outcome"}, {"", "arns"},   {NULL}};
    json_t *o = json_loadb(line.at, line.len, 0, NULL);
    wr_control_print_line(o, columns);
    json_decref(o);
}

static bool print_one(void *user, uint64_t seq, wr_str line)
{
    struct own *o = user;
    o->lines++;
    if (o->json) {
        fwrite(line.at, 1, line.len, stdout);
        putchar('\n');
    } else {
        print_row(line);
    }
    return !ferror(stdout);
}

static int list(struct own *o, const char *path)
{
    struct wr_fault fault = {0};
    wr_err err = wr_audit_read(path, o->after_number, o->tenant, print_one, o, &fault);
    if (err) {
        return complain(&fault, err == WR_ERR_CORRUPT ? WR_EXIT_NO : WR_EXIT_USAGE);
    }
    if (!o->json) {
        fflush(stdout);
        fprintf(stderr, "%llu line%s\n", (unsigned long long)o->lines, o->lines == 1 ? "" : "s");
    }
    return WR_EXIT_OK;
}

static int perform(struct own *o, const struct wr_config *config)
{
    if (o->words.count < 1 || o->words.count > 2) {
        return wr_cli_wrong("audit", "expected verify or list, and at most one FILE", NULL);
    }
    const char *verb = o->words.at[0];
    bool lists = strcmp(verb, "list") == 0;
    if (!lists && strcmp(verb, "verify") != 0) {
        return wr_cli_wrong("audit", "expected verify or list, found ", verb);
    }
    if (!lists && (o->after || o->tenant)) {
        return wr_cli_wrong("audit", "--after and --tenant are for list", NULL);
    }
    if (o->after && strcmp(o->after, "0") != 0 &&
        !wr_argument_count(o->after, UINT64_MAX / 2, &o->after_number)) {
        return wr_cli_wrong("audit", "expected a number after --after, found ", o->after);
    }
    struct wr_buf path = {0};
    if (o->words.count > 1) {
        wr_buf_add(&path, wr_str_of(o->words.at[1]));
    } else {
        wr_buf_addf(&path, "%s/audit.log", config->state_dir);
    }
    int code = lists ? list(o, wr_buf_terminated(&path)) : verify(o, wr_buf_terminated(&path));
    wr_buf_release(&path);
    return code;
}

int wr_cli_audit(int argc, char **argv)
{
    struct own o = {0};
    const struct wr_argument table[] = {
        {.name = "-c", .value = &o.config_file}, {.name = "--config", .value = &o.config_file},
        {.name = "--after", .value = &o.after},  {.name = "--tenant", .value = &o.tenant},
        {.name = "--json", .flag = &o.json},     {0}};
    int count = argc - 1, code;
    const char *wrong = NULL;
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    if (!wr_arguments_take(table, &count, argv + 1, &o.words, &wrong)) {
        code = wr_cli_wrong("audit", "expected a value after ", wrong);
    } else if (wr_config_load(o.config_file, &count, argv + 1, &config, &fault)) {
        code = complain(&fault, WR_EXIT_USAGE);
    } else if (!wr_arguments_names(count, argv + 1, &o.words, &wrong)) {
        code = wr_cli_wrong("audit", "unknown option ", wrong);
    } else {
        code = perform(&o, config);
    }
    wr_config_free(config);
    free(o.words.at);
    return code;
}
