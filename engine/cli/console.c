// `weir console`: a link for a browser, from the admin socket.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>
#include <sys/wait.h>

#include "engine/cli/admin_client.h"
#include "engine/cli/arguments.h"
#include "engine/cli/cli.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define TIMEOUT_MS 10000
#define OPENER     "/usr/bin/xdg-open"

static int complain(const char *text)
{
    fprintf(stderr, "weir console: %s\n", text);
    return WR_EXIT_NO;
}

// On a desktop, by what the user has chosen for links. Its own output would cover the link.
static void open_link(const char *url)
{
    bool desktop = getenv("DISPLAY") || getenv("WAYLAND_DISPLAY");
    if (!desktop || !isatty(STDOUT_FILENO) || access(OPENER, X_OK) != 0) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr)) {
            execl(OPENER, OPENER, url, (char *)NULL);
        }
        _exit(1);
    }
    int status;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0) {
        fprintf(stderr, "weir console: no browser could be opened; open the link by hand\n");
    }
}

static int print_link(const struct wr_buf *answer, bool open)
{
    json_t *o = json_loadb(answer->at ? answer->at : "", answer->len, 0, NULL);
    json_int_t port = json_integer_value(json_object_get(o, "port"));
    const char *path = json_string_value(json_object_get(o, "path"));
    int code = WR_EXIT_OK;
    if (!port || !path) {
        code = complain("the answer is not a link");
    } else {
        struct wr_buf url = {0};
        bool tls = json_is_true(json_object_get(o, "tls"));
        wr_buf_addf(&url, "%s://127.0.0.1:%lld%s", tls ? "https" : "http", (long long)port, path);
        printf("%s\n", wr_buf_terminated(&url));
        fflush(stdout);
        if (open) {
            open_link(wr_buf_terminated(&url));
        }
        wr_buf_release(&url);
    }
    json_decref(o);
    return code;
}

static int run(const struct wr_config *config, const char *socket, const char *tenant, bool open)
{
    struct wr_buf answer = {0}, path = {0}, target = {0};
    struct wr_admin_client *client;
    struct wr_fault fault = {0};
    int status = 0, code;
    if (tenant) {
        wr_buf_addf(&target, "/t/%s", tenant);
    }
    wr_buf_add(&target, WR_STR("/weir/v1/console-links"));
    const struct wr_admin_ask ask = {.method = "POST",
                                     .target = wr_buf_str(&target),
                                     .timeout_ms = TIMEOUT_MS,
                                     .answer = &answer};
    wr_admin_client_path(config, socket, &path);
    if (wr_admin_client_open(wr_buf_terminated(&path), &client, &fault)) {
        code = complain(fault.text);
    } else {
        wr_err err = wr_admin_client_ask(client, &ask, &status, &fault);
        wr_admin_client_close(client);
        if (err) {
            code = complain(fault.text);
        } else if (status >= 300) {
            struct wr_buf text = {0};
            wr_admin_client_complaint(&answer, status, &text);
            code = complain(wr_buf_terminated(&text));
            wr_buf_release(&text);
        } else {
            code = print_link(&answer, open);
        }
    }
    wr_buf_release(&answer);
    wr_buf_release(&path);
    wr_buf_release(&target);
    return code;
}

static bool is_name(const char *tenant)
{
    return *tenant && strspn(tenant, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(tenant);
}

int wr_cli_console(int argc, char **argv)
{
    const char *config_file = NULL, *socket = NULL, *tenant = NULL, *wrong = NULL;
    bool no_open = false;
    struct wr_argument_list words = {0};
    const struct wr_argument table[] = {
        {.name = "-c", .value = &config_file},   {.name = "--config", .value = &config_file},
        {.name = "--socket", .value = &socket},  {.name = "--tenant", .value = &tenant},
        {.name = "--no-open", .flag = &no_open}, {0},
    };
    int count = argc > 0 ? argc - 1 : 0;
    char **rest = argv + (argc > 0);
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    int code;
    if (!wr_arguments_take(table, &count, rest, &words, &wrong)) {
        code = wr_cli_wrong("console", "a value is missing after ", wrong);
    } else if (tenant && !is_name(tenant)) {
        code = wr_cli_wrong("console", "not the name of a tenant: ", tenant);
    } else if (wr_config_load(config_file, &count, rest, &config, &fault)) {
        fprintf(stderr, "weir console: %s\n", fault.text);
        code = WR_EXIT_USAGE;
    } else if (!wr_arguments_names(count, rest, &words, &wrong)) {
        code = wr_cli_wrong("console", "unknown option ", wrong);
    } else if (words.count) {
        code = wr_cli_wrong("console", "unknown argument ", words.at[0]);
    } else {
        code = run(config, socket, tenant, !no_open);
    }
    wr_config_free(config);
    free(words.at);
    return code;
}
