// What a running weir takes from its configuration without being started again: the log's setup,
// and what a reload changes (the options that config_options.h calls LIVE).
#include "engine/cli/run_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

static enum wr_log_level log_level(const char *name)
{
    return strcmp(name, "error") == 0   ? WR_LOG_ERROR
           : strcmp(name, "warn") == 0  ? WR_LOG_WARN
           : strcmp(name, "debug") == 0 ? WR_LOG_DEBUG
                                        : WR_LOG_INFO;
}

static enum wr_log_form log_form(const char *name)
{
    return strcmp(name, "json") == 0     ? WR_LOG_JSON
           : strcmp(name, "logfmt") == 0 ? WR_LOG_LOGFMT
                                         : WR_LOG_AUTO;
}

void wr_daemon_setup_log(const struct wr_config *config)
{
    wr_log_setup(log_level(config->log_level), log_form(config->log_format));
    wr_log_show_payloads(config->log_payloads);
}

// ---- reload

static void note_live(void *user, const char *name, bool live)
{
    struct wr_buf *names = user;
    if (live) {
        wr_buf_addf(names, "%s%s", names->len ? ", " : "", name);
    }
}

static void warn_of_restart(void *user, const char *name, bool live)
{
    if (!live) {
        wr_log(WR_LOG_WARN, "run", "%s changed: takes effect after a restart", name);
    }
}

static wr_err read_again(const struct wr_daemon *d, struct wr_config **out, struct wr_fault *fault)
{
    const struct wr_daemon_arguments *a = d->arguments;
    int count = a->count; // each reading takes the options out
    char **options = wr_alloc(((size_t)count + 1) * sizeof *options);
    memcpy(options, a->options, (size_t)count * sizeof *options);
    wr_err err = wr_config_load(a->config_file, &count, options, out, fault);
    free(options);
    return err;
}

// True when the rules were read with it.
static wr_err take_rules_dir(struct wr_daemon *d, const struct wr_config *next, bool *read,
                             struct wr_fault *fault)
{
    *read = strcmp(next->rules_dir, d->config->rules_dir) != 0 ||
            next->rules_watch != d->config->rules_watch;
    return *read ? wr_daemon_open_rules(d, next->rules_dir, next->rules_watch, fault) : WR_OK;
}

static void reload_rules(struct wr_daemon *d)
{
    struct wr_fault fault = {0};
    if (wr_folder_load(d->folder, true, NULL, &fault)) {
        wr_log(WR_LOG_ERROR, "rules", "%s; the rules stay as they are", fault.text);
    }
}

void wr_daemon_reload(struct wr_daemon *d)
{
    struct wr_config *next = NULL;
    struct wr_fault fault = {0};
    bool read = false;
    wr_err err = read_again(d, &next, &fault);
    if (!err) {
        err = take_rules_dir(d, next, &read, &fault);
    }
    if (err) {
        wr_log(WR_LOG_ERROR, "run", "reload: %s; nothing has changed", fault.text);
        wr_config_free(next);
        return;
    }
    struct wr_buf names = {0};
    wr_config_changes(d->config, next, note_live, &names);
    if (names.len) {
        wr_log(WR_LOG_INFO, "run", "reload: %s changed", wr_buf_terminated(&names));
    } else {
        wr_log(WR_LOG_INFO, "run", "reload");
    }
    wr_buf_release(&names);
    wr_config_changes(d->config, next, warn_of_restart, NULL);
    wr_config_adopt(d->config, next);
    d->rules_dir = d->config->rules_dir;
    wr_daemon_setup_log(d->config);
    wr_daemon_tune(d);
    if (d->admin) {
        wr_admin_reload(d->admin, d->config);
    }
    if (!read) {
        reload_rules(d);
    }
}
