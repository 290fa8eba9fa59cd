// How processes of one kind are started: command, folder and environment.

#include "sinks/lib/launch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/banned.h"

static void add_entry(struct wr_launch *l, const char *name, const char *value)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b, "%s=%s", name, value);
    l->environment_[l->environment_len_++] = wr_strdup(wr_buf_str(&b));
    wr_buf_release(&b);
}

// What a process sees. From our own environment only what says where it runs: the rest may hold
// secrets that are weir's.
static void make_environment(struct wr_launch *l, const struct wr_launch_options *o)
{
    static const char *const inherited[] = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER"};
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) {
        here[0] = 0;
    }
    // One for the folder, one for wr_launch_environment(), one for the NULL.
    size_t room = l->env_.count + WR_COUNT(inherited) + o->own_count + 3;
    l->environment_ = wr_zalloc(room * sizeof *l->environment_);
    // What the settings say comes first: getenv() takes the first of two.
    for (size_t i = 0; i < l->env_.count; i++) {
        l->environment_[l->environment_len_++] = wr_strdup(wr_str_of(l->env_.at[i]));
    }
    for (size_t i = 0; i < o->own_count; i++) {
        add_entry(l, o->own[i].name, o->own[i].value);
    }
    if (o->cwd_variable) {
        add_entry(l, o->cwd_variable, l->cwd ? l->cwd : here);
    }
    for (size_t i = 0; i < WR_COUNT(inherited); i++) {
        if (getenv(inherited[i])) {
            add_entry(l, inherited[i], getenv(inherited[i]));
        }
    }
}

static wr_err read_command(struct wr_launch *l, const struct wr_launch_options *o,
                           struct wr_fault *fault)
{
    wr_err err = wr_words_split(&l->command, wr_str_of(o->command), fault);
    if (err == WR_OK && l->command.count == 0) {
        err = wr_fault_set(fault, WR_ERR_MISSING, "there is none");
    }
    if (err != WR_OK) {
        wr_fault_prefix(fault, "%s.command", o->setting);
    }
    return err;
}

static wr_err read_env(struct wr_launch *l, const struct wr_launch_options *o,
                       struct wr_fault *fault)
{
    wr_err err = wr_words_split(&l->env_, wr_str_of(o->env), fault);
    for (size_t i = 0; err == WR_OK && i < l->env_.count; i++) {
        if (!strchr(l->env_.at[i], '=') || l->env_.at[i][0] == '=') {
            err = wr_fault_set(fault, WR_ERR_SYNTAX, "'%s' is not NAME=value", l->env_.at[i]);
        }
    }
    if (err != WR_OK) {
        wr_fault_prefix(fault, "%s.env", o->setting);
    }
    return err;
}

wr_err wr_launch_init(struct wr_launch *l, const struct wr_launch_options *o,
                      struct wr_fault *fault)
{
    struct stat st;
    *l = (struct wr_launch){0};
    wr_err err = read_command(l, o, fault);
    if (err == WR_OK) {
        err = read_env(l, o, fault);
    }
    if (err == WR_OK && *o->cwd) {
        // Absolute, because it is also told to the process, which starts in it.
        l->cwd = realpath(o->cwd, NULL);
        if (!l->cwd || stat(l->cwd, &st) != 0 || !S_ISDIR(st.st_mode)) {
            err = wr_fault_set(fault, WR_ERR_MISSING, "%s.cwd: %s is not a folder", o->setting,
                               o->cwd);
        }
    }
    if (err != WR_OK) {
        wr_launch_release(l);
        return err;
    }
    make_environment(l, o);
    return WR_OK;
}

void wr_launch_release(struct wr_launch *l)
{
    for (size_t i = 0; i < l->environment_len_; i++) {
        free(l->environment_[i]);
    }
    free(l->environment_);
    wr_words_free(&l->command);
    wr_words_free(&l->env_);
    free(l->cwd);
    *l = (struct wr_launch){0};
}

char *const *wr_launch_environment(struct wr_launch *l, char *entry)
{
    l->environment_[l->environment_len_] = entry;
    return l->environment_;
}
