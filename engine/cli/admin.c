// `weir admin`: one call to the admin socket of a running weir, and its answer.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/cli/admin_client.h"
#include "engine/cli/arguments.h"
#include "engine/cli/cli.h"
#include "engine/registry/backup.h"

#include "sql/base/banned.h"

#define TIMEOUT_MS 30000

static bool print_piece(void *user, wr_str bytes)
{
    return fwrite(bytes.at, 1, bytes.len, stdout) == bytes.len && fflush(stdout) == 0;
}

static int complain(const struct wr_fault *fault, int code)
{
    fprintf(stderr, "weir admin: %s\n", fault->text);
    return code;
}

static int call(const char *path, const struct wr_admin_ask *ask)
{
    struct wr_admin_client *client;
    struct wr_fault fault = {0};
    int status = 0;
    if (wr_admin_client_open(path, &client, &fault)) {
        return complain(&fault, WR_EXIT_NO);
    }
    wr_err err = wr_admin_client_ask(client, ask, &status, &fault);
    wr_admin_client_close(client);
    if (err) {
        return complain(&fault, WR_EXIT_NO);
    }
    if (status < 300) {
        return WR_EXIT_OK;
    }
    struct wr_buf text = {0};
    wr_admin_client_complaint(ask->answer, status, &text);
    fprintf(stderr, "weir admin: %d: %s\n", status, wr_buf_terminated(&text));
    wr_buf_release(&text);
    return WR_EXIT_NO;
}

// `weir admin backup FILE` reads the file beside a weir that runs: that one is not asked.
static int backup(const struct wr_config *config, const struct wr_argument_list *words)
{
    struct wr_backup done;
    struct wr_fault fault = {0};
    if (words->count != 2) {
        return wr_cli_wrong("admin", "expected backup FILE", NULL);
    }
    if (wr_registry_backup(config->state_dir, words->at[1], &done, &fault)) {
        return complain(&fault, WR_EXIT_NO);
    }
    printf("%s: %llu bytes, %lld tenants, %lld things; checked\n", words->at[1],
           (unsigned long long)done.bytes, (long long)done.tenants, (long long)done.things);
    fflush(stdout);
    fprintf(stderr,
            "weir admin: what is sealed in it wants %s/secrets.key too: keep a copy of that "
            "elsewhere\n",
            config->state_dir);
    return WR_EXIT_OK;
}

// METHOD before the path may be left out: GET, or POST with a body.
static int run(const struct wr_config *config, const char *socket,
               const struct wr_argument_list *words, int64_t timeout_ms)
{
    if (words->count > 0 && strcmp(words->at[0], "backup") == 0) {
        return backup(config, words);
    }
    size_t at = words->count > 0 && words->at[0][0] != '/';
    if (words->count < at + 1 || words->count > at + 2 || words->at[at][0] != '/') {
        return wr_cli_wrong("admin", "expected [METHOD] /PATH [BODY], or backup FILE", NULL);
    }
    const char *body = words->count > at + 1 ? words->at[at + 1] : NULL;
    struct wr_buf answer = {0}, path = {0};
    const struct wr_admin_ask ask = {
        .method = at ? words->at[0] : (body ? "POST" : "GET"),
        .target = wr_str_of(words->at[at]),
        .body = body ? wr_str_of(body) : (wr_str){0},
        .timeout_ms = timeout_ms,
        .piece = print_piece,
        .answer = &answer,
    };
    wr_admin_client_path(config, socket, &path);
    int code = call(wr_buf_terminated(&path), &ask);
    wr_buf_release(&path);
    wr_buf_release(&answer);
    return code;
}

int wr_cli_admin(int argc, char **argv)
{
    const char *config_file = NULL, *socket = NULL, *wrong = NULL;
    bool follow = false;
    struct wr_argument_list words = {0};
    const struct wr_argument table[] = {
        {.name = "-c", .value = &config_file},
        {.name = "--config", .value = &config_file},
        {.name = "--socket", .value = &socket},
        {.name = "--follow", .flag = &follow},
        {0},
    };
    int count = argc > 0 ? argc - 1 : 0;
    char **rest = argv + (argc > 0);
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    int code;
    if (!wr_arguments_take(table, &count, rest, &words, &wrong)) {
        code = wr_cli_wrong("admin", "a value is missing after ", wrong);
    } else if (wr_config_load(config_file, &count, rest, &config, &fault)) {
        code = complain(&fault, WR_EXIT_USAGE);
    } else if (!wr_arguments_names(count, rest, &words, &wrong)) {
        code = wr_cli_wrong("admin", "unknown option ", wrong);
    } else {
        code = run(config, socket, &words, follow ? 0 : TIMEOUT_MS);
    }
    wr_config_free(config);
    free(words.at);
    return code;
}
