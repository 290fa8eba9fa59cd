// Options by their names here and there, as a table.
#include "engine/kafka/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define PASSWORD_MAX 4096
#define TOPIC_MAX    249

struct setting {
    const char *name, *value; // librdkafka's; a value of "" is left out
    const char *option;       // ours
};

static wr_err set(rd_kafka_conf_t *conf, const struct setting *s, struct wr_fault *fault)
{
    char why[256];
    if (!*s->value || rd_kafka_conf_set(conf, s->name, s->value, why, sizeof why) == 0) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_RANGE, "%s: %s", s->option, why);
}

static wr_err set_number(rd_kafka_conf_t *conf, const char *name, int64_t n, const char *option,
                         struct wr_fault *fault)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    return set(conf, &(struct setting){name, text, option}, fault);
}

// The first line of kafka.password_file.
static wr_err set_password(rd_kafka_conf_t *conf, const char *file, struct wr_fault *fault)
{
    if (!*file) {
        return WR_OK;
    }
    char text[PASSWORD_MAX];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (len < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "kafka.password_file: %s: %s", file, strerror(error));
    }
    text[len] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    wr_err err = set(conf, &(struct setting){"sasl.password", text, "kafka.password_file"}, fault);
    memset(text, 0, sizeof text);
    return err;
}

static wr_err set_all(rd_kafka_conf_t *conf, const struct wr_config *c, struct wr_fault *fault)
{
    bool sasl = strncmp(c->kafka_security_protocol, "SASL_", 5) == 0;
    const struct setting settings[] = {
        {"bootstrap.servers", c->kafka_bootstrap, "kafka.bootstrap"},
        {"group.id", c->kafka_group, "kafka.group"},
        {"auto.offset.reset", c->kafka_start, "kafka.start"},
        {"partition.assignment.strategy", c->kafka_assignor, "kafka.assignor"},
        {"security.protocol", c->kafka_security_protocol, "kafka.security_protocol"},
        {"sasl.mechanism", sasl ? c->kafka_sasl_mechanism : "", "kafka.sasl_mechanism"},
        {"sasl.username", c->kafka_username, "kafka.username"},
        {"ssl.ca.location", c->kafka_ca_file, "kafka.ca_file"},
        {"ssl.certificate.location", c->kafka_cert_file, "kafka.cert_file"},
        {"ssl.key.location", c->kafka_key_file, "kafka.key_file"},
        {"client.id", "weir", "kafka"},
        {"enable.auto.offset.store", "false", "kafka"}, // only what is acknowledged
        {"enable.auto.commit", "true", "kafka"},
        {"allow.auto.create.topics", "false", "kafka"},
        {"fetch.wait.max.ms", "100", "kafka"},
        {"reconnect.backoff.max.ms", "2000", "kafka"},
        // Fetched ahead, besides what is in flight.
        {"queued.min.messages", "10000", "kafka"},
        {"queued.max.messages.kbytes", "16384", "kafka"},
    };
    wr_err err = WR_OK;
    for (size_t i = 0; !err && i < WR_COUNT(settings); i++) {
        err = set(conf, &settings[i], fault);
    }
    if (!err) {
        err = set_number(conf, "session.timeout.ms", c->kafka_session_timeout_ms,
                         "kafka.session_timeout", fault);
    }
    if (!err) {
        err = set_number(conf, "auto.commit.interval.ms", c->kafka_commit_interval_ms,
                         "kafka.commit_interval", fault);
    }
    int64_t heartbeat = c->kafka_session_timeout_ms / 4;
    if (!err) {
        err = set_number(conf, "heartbeat.interval.ms", heartbeat < 3000 ? heartbeat : 3000,
                         "kafka.session_timeout", fault);
    }
    return err ? err : set_password(conf, c->kafka_password_file, fault);
}

wr_err wr_kafka_setup_consumer(const struct wr_kafka_setup *setup, rd_kafka_t **out,
                               struct wr_fault *fault)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    wr_err err = set_all(conf, setup->config, fault);
    if (err) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    rd_kafka_conf_set_opaque(conf, setup->user);
    rd_kafka_conf_set_rebalance_cb(conf, setup->rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, setup->committed);
    rd_kafka_conf_set_error_cb(conf, setup->error);
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return wr_fault_set(fault, WR_ERR_FAILED, "kafka: %s", why);
    }
    rd_kafka_poll_set_consumer(rk);
    *out = rk;
    return WR_OK;
}

// The next name of a list with commas: without blanks around it, not empty. False: no more.
static bool next_name(wr_str *list, wr_str *name)
{
    while (list->len > 0) {
        const char *comma = memchr(list->at, ',', list->len);
        size_t len = comma ? (size_t)(comma - list->at) : list->len, from = 0, to = len;
        while (from < to && list->at[from] == ' ') {
            from++;
        }
        while (to > from && list->at[to - 1] == ' ') {
            to--;
        }
        *name = wr_str_cut(*list, from, to);
        *list = wr_str_cut(*list, len + (comma != NULL), list->len);
        if (name->len > 0) {
            return true;
        }
    }
    return false;
}

static wr_err check_topic(const char *name, struct wr_fault *fault)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (*name != '^') {
        return strspn(name, allowed) == strlen(name) && strlen(name) <= TOPIC_MAX
                   ? WR_OK
                   : wr_fault_set(fault, WR_ERR_RANGE,
                                  "kafka.topics: \"%s\" is no Kafka topic (1 to %d letters, digits "
                                  "and ._-); a regular expression begins with ^",
                                  name, TOPIC_MAX);
    }
    regex_t regex;
    char why[128];
    int error = regcomp(&regex, name, REG_EXTENDED | REG_NOSUB);
    if (error) {
        regerror(error, &regex, why, sizeof why);
        return wr_fault_set(fault, WR_ERR_SYNTAX, "kafka.topics: \"%s\": %s", name, why);
    }
    regfree(&regex);
    return WR_OK;
}

// librdkafka's own words do not name the file.
static wr_err check_files(const struct wr_config *c, struct wr_fault *fault)
{
    const struct setting files[] = {
        {NULL, c->kafka_ca_file, "kafka.ca_file"},
        {NULL, c->kafka_cert_file, "kafka.cert_file"},
        {NULL, c->kafka_key_file, "kafka.key_file"},
        {NULL, c->kafka_password_file, "kafka.password_file"},
    };
    for (size_t i = 0; i < WR_COUNT(files); i++) {
        if (*files[i].value && access(files[i].value, R_OK) != 0) {
            return wr_fault_set(fault, WR_ERR_IO, "%s: %s: %s", files[i].option, files[i].value,
                                strerror(errno));
        }
    }
    return WR_OK;
}

wr_err wr_kafka_setup_check(const struct wr_config *config, struct wr_fault *fault)
{
    wr_str list = wr_str_of(config->kafka_topics), name;
    size_t count = 0;
    wr_err err = WR_OK;
    while (!err && next_name(&list, &name)) {
        char *text = wr_strdup(name);
        err = check_topic(text, fault);
        free(text);
        count++;
    }
    if (!err && count == 0) {
        err = wr_fault_set(fault, WR_ERR_MISSING, "kafka.topics: found no topic");
    }
    return err ? err : check_files(config, fault);
}

void wr_kafka_setup_subscribe(rd_kafka_t *rk, const struct wr_config *config)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(4);
    wr_str list = wr_str_of(config->kafka_topics), name;
    while (next_name(&list, &name)) {
        char *text = wr_strdup(name);
        rd_kafka_topic_partition_list_add(topics, text, RD_KAFKA_PARTITION_UA);
        free(text);
    }
    rd_kafka_resp_err_t err = rd_kafka_subscribe(rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (err) {
        wr_log(WR_LOG_ERROR, "kafka", "source: kafka.topics (%s): %s", config->kafka_topics,
               rd_kafka_err2str(err));
    }
}
