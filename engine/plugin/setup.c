#include "engine/plugin/setup.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include "engine/plugin/table.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

// ---- our own options

static wr_err add_accounts(struct wr_setup *s, const char *list, bool remote,
                           struct wr_fault *fault)
{
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ",");
        wr_str name = {at, len};
        at += len + (at[len] == ',');
        while (name.len && name.at[0] == ' ') {
            name = wr_str_cut(name, 1, name.len);
        }
        while (name.len && name.at[name.len - 1] == ' ') {
            name.len--;
        }
        // A "/" would look like a device, a blank ends a field of the origin property.
        if (!name.len || memchr(name.at, '/', name.len) || memchr(name.at, ' ', name.len)) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "plugin_opt_allow_%suser: '%.*s' is no name without '/' and blanks",
                                remote ? "remote_" : "", WR_STR_ARG(name));
        }
        if (s->account_count == WR_SETUP_ACCOUNTS_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "more than %d accounts are allowed",
                                WR_SETUP_ACCOUNTS_MAX);
        }
        s->accounts[s->account_count].name = wr_strdup(name);
        s->accounts[s->account_count++].remote = remote;
    }
    return WR_OK;
}

static char **member_of(struct wr_setup *s, const char *key)
{
#define OPTION(member, name)      \
    if (strcmp(key, name) == 0) { \
        return &s->member;        \
    }
    WR_SETUP_OPTIONS(OPTION)
#undef OPTION
    return NULL;
}

static wr_err check(struct wr_setup *s, struct wr_fault *fault)
{
    s->grace_s = WR_TABLE_GRACE_MAX_S;
    if (s->damaged_grace) {
        char *end;
        long n = strtol(s->damaged_grace, &end, 10);
        if (*end || end == s->damaged_grace || n < 0 || n > WR_TABLE_GRACE_MAX_S) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "plugin_opt_damaged_grace: found '%s', expected 0 to %d (seconds)",
                                s->damaged_grace, WR_TABLE_GRACE_MAX_S);
        }
        s->grace_s = n;
    }
    if (!s->status_file) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "plugin_opt_status_file is missing: the status table that weir writes");
    }
    return WR_OK;
}

wr_err wr_setup_read(struct wr_setup *s, const struct mosquitto_opt *options, int count,
                     struct wr_fault *fault)
{
    for (int i = 0; i < count; i++) {
        const char *key = options[i].key, *value = options[i].value;
        bool remote = strcmp(key, "allow_remote_user") == 0;
        char **member = member_of(s, key);
        wr_err err = WR_OK;
        if (remote || strcmp(key, "allow_user") == 0) {
            err = add_accounts(s, value, remote, fault);
        } else if (!member) {
            err = wr_fault_set(fault, WR_ERR_UNKNOWN,
                               "plugin_opt_%s is no option of weir-mosquitto: status_file, "
                               "events_socket, mac_key_file, damaged_grace, allow_user, "
                               "allow_remote_user",
                               key);
        } else if (*member) {
            err = wr_fault_set(fault, WR_ERR_EXISTS, "plugin_opt_%s stands twice", key);
        } else {
            *member = wr_strdup(wr_str_of(value));
        }
        if (err) {
            return err;
        }
    }
    return check(s, fault);
}

void wr_setup_release(struct wr_setup *s)
{
#define OPTION(member, name) free(s->member);
    WR_SETUP_OPTIONS(OPTION)
#undef OPTION
    for (size_t i = 0; i < s->account_count; i++) {
        free(s->accounts[i].name);
    }
    *s = (struct wr_setup){0};
}

static bool is_here(const char *address)
{
    return address && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
                       strncmp(address, "::ffff:127.", 11) == 0);
}

bool wr_setup_is_account(const struct wr_setup *s, const char *username, const char *address)
{
    for (size_t i = 0; username && i < s->account_count; i++) {
        if (strcmp(s->accounts[i].name, username) == 0) {
            return s->accounts[i].remote || is_here(address);
        }
    }
    return false;
}

// ---- the broker's options

// What makes the broker pass by the plugin (mosquitto 2.0.11).
static const struct {
    const char *option, *why;
} around[] = {
    {"use_identity_as_username",
     "with it the broker never asks the plugin about clients with a certificate; set it to false"},
    {"use_subject_as_username",
     "with it the broker never asks the plugin about clients with a certificate; set it to false"},
    {"per_listener_settings",
     "with it the broker gives the plugin no ticks, so that barred devices would stay; set it to "
     "false"},
};

static wr_err check_line(char *line, const char *path, unsigned number, struct wr_fault *fault)
{
    char *save, *option = strtok_r(line, " \t\r\n", &save);
    char *value = option ? strtok_r(NULL, " \t\r\n", &save) : NULL;
    for (size_t i = 0; value && i < WR_COUNT(around); i++) {
        if (strcmp(option, around[i].option) == 0 &&
            (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)) {
            return wr_fault_set(fault, WR_ERR_STATE, "%s:%u: %s %s: %s", path, number, option,
                                value, around[i].why);
        }
    }
    return WR_OK;
}

static wr_err check_file(const char *path, char **include, struct wr_fault *fault)
{
    struct stat st;
    // What is no file (a pipe) was read by the broker, once.
    FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
    char *line = NULL;
    size_t room = 0;
    wr_err err = WR_OK;
    for (unsigned number = 1; f && !err && getline(&line, &room, f) > 0; number++) {
        const char *at = line + strspn(line, " \t");
        if (include && strncmp(at, "include_dir", 11) == 0 && (at[11] == ' ' || at[11] == '\t')) {
            const char *folder = at + 11 + strspn(at + 11, " \t");
            free(*include);
            *include = wr_strdup((wr_str){folder, strcspn(folder, "\r\n")});
        } else {
            err = check_line(line, path, number, fault);
        }
    }
    free(line);
    if (f) {
        fclose(f);
    }
    return err;
}

static wr_err check_folder(const char *folder, struct wr_fault *fault)
{
    DIR *dir = opendir(folder);
    wr_err err = WR_OK;
    const struct dirent *entry;
    while (dir && !err && (entry = readdir(dir))) {
        char path[4096];
        if (wr_str_ends(wr_str_of(entry->d_name), WR_STR(".conf")) &&
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path) {
            err = check_file(path, NULL, fault);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return err;
}

wr_err wr_setup_check_broker(struct wr_fault *fault)
{
    char arguments[8192];
    FILE *f = fopen("/proc/self/cmdline", "re");
    size_t len = f ? fread(arguments, 1, sizeof arguments - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    arguments[len] = 0;
    const char *path = NULL;
    for (size_t at = 0; at < len; at += strlen(arguments + at) + 1) {
        bool named =
            strcmp(arguments + at, "-c") == 0 || strcmp(arguments + at, "--config-file") == 0;
        size_t next = at + strlen(arguments + at) + 1;
        if (named && next < len) {
            path = arguments + next;
        }
    }
    char *include = NULL;
    wr_err err = path ? check_file(path, &include, fault) : WR_OK;
    if (!err && include) {
        err = check_folder(include, fault);
    }
    free(include);
    return err;
}
