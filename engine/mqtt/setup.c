// Settings of libmosquitto; nothing here touches the network.
#include "engine/mqtt/setup.h"

#include <errno.h>
#include <limits.h>
#include <mqtt_protocol.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "sql/base/banned.h"

#define PASSWORD_MAX 65535 // MQTT: two bytes of length

static bool is_set(const char *option)
{
    return option && option[0];
}

static const char *or_null(const char *option)
{
    return is_set(option) ? option : NULL;
}

const char *wr_mqtt_source_name(const struct wr_config *config)
{
    return strcmp(config->mqtt_section, "mqtt") ? config->mqtt_section : "source";
}

bool wr_mqtt_is_v5(const struct wr_config *config)
{
    return wr_str_eq(wr_str_of(config->mqtt_version), WR_STR("5"));
}

static wr_err check_readable(const struct wr_config *config, const char *option, const char *path,
                             struct wr_fault *fault)
{
    if (!is_set(path)) {
        return WR_OK;
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return wr_fault_set(fault, WR_ERR_IO, "%s.%s: cannot read '%s': %s", config->mqtt_section,
                            option, path, strerror(errno));
    }
    fclose(file);
    return WR_OK;
}

wr_err wr_mqtt_read_password(const struct wr_config *config, struct wr_buf *out,
                             struct wr_fault *fault)
{
    const char *path = config->mqtt_password_file;
    if (!is_set(path)) {
        wr_buf_add(out, wr_str_of(config->mqtt_password));
        return WR_OK;
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return wr_fault_set(fault, WR_ERR_IO, "%s.password_file: cannot read '%s': %s",
                            config->mqtt_section, path, strerror(errno));
    }
    wr_err err = WR_OK;
    for (int c; (c = getc(file)) != EOF && c != '\n';) {
        if (out->len == PASSWORD_MAX || c == '\0') {
            err = wr_fault_set(fault, WR_ERR_LIMIT,
                               "%s.password_file: the first line of '%s' is no password: it holds "
                               "a NUL or more than %d bytes",
                               config->mqtt_section, path, PASSWORD_MAX);
            break;
        }
        wr_buf_add_char(out, (char)c);
    }
    if (!err && ferror(file)) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s.password_file: cannot read '%s': %s",
                           config->mqtt_section, path, strerror(errno));
    }
    fclose(file);
    if (!err && out->len && out->at[out->len - 1] == '\r') {
        out->len--;
    }
    return err;
}

static wr_err check_tls(const struct wr_config *config, const struct wr_mqtt_url *url,
                        struct wr_fault *fault)
{
    bool cert = is_set(config->mqtt_cert_file), key = is_set(config->mqtt_key_file);
    if (cert != key) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "%s.%s is set without %s.%s: a client certificate needs both",
                            config->mqtt_section, cert ? "cert_file" : "key_file",
                            config->mqtt_section, cert ? "key_file" : "cert_file");
    }
    if (!url->tls && (cert || is_set(config->mqtt_ca_file))) {
        return wr_fault_set(
            fault, WR_ERR_STATE, "%s.%s is set, but %s.url is without TLS: write mqtts://",
            config->mqtt_section, cert ? "cert_file" : "ca_file", config->mqtt_section);
    }
    wr_err err = check_readable(config, "ca_file", config->mqtt_ca_file, fault);
    if (!err) {
        err = check_readable(config, "cert_file", config->mqtt_cert_file, fault);
    }
    return err ? err : check_readable(config, "key_file", config->mqtt_key_file, fault);
}

wr_err wr_mqtt_setup_check(const struct wr_config *config, struct wr_mqtt_url *url,
                           struct wr_fault *fault)
{
    wr_err err = wr_mqtt_url_parse(wr_str_of(config->mqtt_url), url, fault);
    if (err) {
        wr_fault_prefix(fault, "%s.url", config->mqtt_section);
        return err;
    }
    err = check_tls(config, url, fault);
    if (err) {
        return err;
    }
    bool password = is_set(config->mqtt_password) || is_set(config->mqtt_password_file);
    if (password && !is_set(config->mqtt_username) && !wr_mqtt_is_v5(config)) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "a password is set without %s.username, which MQTT 3.1.1 wants",
                            config->mqtt_section);
    }
    struct wr_buf scratch = {0};
    err = wr_mqtt_read_password(config, &scratch, fault);
    wr_buf_release(&scratch);
    return err;
}

// OpenSSL would ask on the terminal.
static int no_passphrase(char *at, int size, int writing, void *user)
{
    return 0;
}

static int set_tls(struct mosquitto *m, const struct wr_config *config)
{
    const char *ca = or_null(config->mqtt_ca_file);
    int rc = mosquitto_tls_set(m, ca, ca ? NULL : X509_get_default_cert_dir(),
                               or_null(config->mqtt_cert_file), or_null(config->mqtt_key_file),
                               no_passphrase);
    if (!rc && !ca) {
        rc = mosquitto_int_option(m, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    }
    if (!rc) {
        rc = mosquitto_tls_opts_set(m, config->mqtt_verify ? 1 : 0, NULL, NULL);
    }
    if (!rc && is_set(config->mqtt_alpn)) {
        rc = mosquitto_string_option(m, MOSQ_OPT_TLS_ALPN, config->mqtt_alpn);
    }
    return rc ? rc : mosquitto_tls_insecure_set(m, !config->mqtt_verify);
}

static int set_options(struct mosquitto *m, const struct wr_config *config,
                       const struct wr_mqtt_url *url, const char *password, int window)
{
    bool v5 = wr_mqtt_is_v5(config);
    int rc = mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION,
                                  v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (!rc && v5) {
        rc = mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, (int)config->mqtt_receive_maximum);
    }
    if (!rc && window > 0) { // libmosquitto's own limit is 20, and the broker's counts too
        rc = mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, window);
    }
    if (!rc) {
        rc = mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
    }
    if (!rc) {
        // What is sent waits for loop_write: acknowledgements leave when we say so.
        rc = mosquitto_threaded_set(m, true);
    }
    if (!rc && (is_set(config->mqtt_username) || is_set(password))) {
        rc = mosquitto_username_pw_set(m, or_null(config->mqtt_username), or_null(password));
    }
    return !rc && url->tls ? set_tls(m, config) : rc;
}

wr_err wr_mqtt_setup(const struct wr_config *config, const struct wr_mqtt_url *url,
                     const char *client_id, bool clean, int window, void *user,
                     struct mosquitto **out, struct wr_fault *fault)
{
    struct wr_buf password = {0};
    wr_err err = wr_mqtt_read_password(config, &password, fault);
    if (!err) {
        err = check_tls(config, url, fault);
    }
    struct mosquitto *m = NULL;
    int rc = 0;
    if (!err) {
        m = mosquitto_new(client_id, clean, user);
        rc = m ? set_options(m, config, url, wr_buf_terminated(&password), window) : MOSQ_ERR_ERRNO;
    }
    if (password.len) {
        explicit_bzero(password.at, password.len);
    }
    wr_buf_release(&password);
    if (!err && rc) {
        err = wr_fault_set(fault, WR_ERR_FAILED, "libmosquitto does not take the settings: %s",
                           rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
    }
    if (err) {
        mosquitto_destroy(m);
        return err;
    }
    *out = m;
    return WR_OK;
}
