// What mosquitto.conf tells the plugin, and whether the rest of it leaves the plugin in charge.
// Thread: the broker's only one.
#ifndef WR_ENGINE_PLUGIN_SETUP_H
#define WR_ENGINE_PLUGIN_SETUP_H

#include "sql/base/err.h"

struct mosquitto_opt;

#define WR_SETUP_ACCOUNTS_MAX 32 // local accounts; devices have certificates

// OPTION(member, name): plugin_opt_<name> in mosquitto.conf; each at most once.
#define WR_SETUP_OPTIONS(OPTION)           \
    OPTION(status_file, "status_file")     \
    OPTION(events_socket, "events_socket") \
    OPTION(mac_key_file, "mac_key_file")   \
    OPTION(damaged_grace, "damaged_grace")

struct wr_setup {
#define OPTION(member, name) char *member; // own; NULL: not given
    WR_SETUP_OPTIONS(OPTION)
#undef OPTION
    // plugin_opt_allow_user: accounts of the broker's password file that come without a
    // certificate, from this machine; plugin_opt_allow_remote_user: from anywhere. Names, commas
    // between them.
    struct {
        char *name; // own
        bool remote;
    } accounts[WR_SETUP_ACCOUNTS_MAX];
    size_t account_count;
    int64_t grace_s; // of damaged_grace
};

// Zeroed memory. WR_ERR_UNKNOWN, WR_ERR_MISSING, WR_ERR_RANGE with the option's name.
wr_err wr_setup_read(struct wr_setup *s, const struct mosquitto_opt *options, int count,
                     struct wr_fault *fault) WR_MUST_CHECK;
void wr_setup_release(struct wr_setup *s);

// Whether `username` is an account that may connect from `address` without a certificate.
bool wr_setup_is_account(const struct wr_setup *s, const char *username, const char *address);

// Look through the configuration that the broker was started with (-c of /proc/self/cmdline, and
// its include_dir) for what would go around the plugin: the broker has no call that tells.
// WR_ERR_STATE with file, line and remedy; WR_OK also when the file cannot be read any more.
wr_err wr_setup_check_broker(struct wr_fault *fault) WR_MUST_CHECK;

#endif
