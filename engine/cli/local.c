// `weir local ls|cat|tail SERVICE …`: what the local forms of the actions hold. Reads files only; a
// weir that is running is not asked.
#include "engine/cli/local.h"

#include <poll.h>
#include <stdlib.h>

#include "engine/cli/cli.h"
#include "engine/config.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define LOOK_EVERY_MS 200
#define FOR_MAX_S     (366 * 86400)

static const struct wr_local_service *const services[] = {
    &wr_local_objects,    &wr_local_items,           &wr_local_results,     &wr_local_queues,
    &wr_local_topics,     &wr_local_shards,          &wr_local_streams,     &wr_local_groups,
    &wr_local_executions, &wr_local_indexes,         &wr_local_old_indexes, &wr_local_inputs,
    &wr_local_channels,   &wr_local_entries,         &wr_local_trackers,    &wr_local_metric_rows,
    &wr_local_alarm_rows, &wr_local_timestream_rows, &wr_local_partitions,  &wr_local_databases,
};

#define SERVICES                                                                                 \
    "s3, dynamodb, lambda, sqs, sns, kinesis, firehose, kafka, logs, metrics, alarms, "          \
    "timestream, "                                                                               \
    "stepfunctions, opensearch, elasticsearch, iotevents, iotanalytics, iotsitewise, location, " \
    "influxdb"

// ---- shared by the services

void wr_local_print(wr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c == 0x7f) {
            printf("\\x%02x", c);
        } else {
            putchar(c);
        }
    }
}

void wr_local_time(struct wr_buf *b, int64_t wall_ms)
{
    int64_t days = wall_ms / 86400000, of_day = wall_ms % 86400000, year;
    unsigned month, day;
    if (of_day < 0) {
        of_day += 86400000;
        days--;
    }
    wr_date_from_days(days, &year, &month, &day);
    wr_buf_addf(b, "%04lld-%02u-%02uT%02u:%02u:%02uZ", (long long)year, month, day,
                (unsigned)(of_day / 3600000), (unsigned)(of_day / 60000 % 60),
                (unsigned)(of_day / 1000 % 60));
}

bool wr_local_line(struct wr_buf *b)
{
    fwrite(b->at ? b->at : "", 1, b->len, stdout);
    putchar('\n');
    wr_buf_clear(b);
    return !ferror(stdout);
}

bool wr_local_wait(const struct wr_local_asked *a)
{
    if (fflush(stdout) != 0) {
        return false;
    }
    int64_t left = LOOK_EVERY_MS;
    if (a->until_ms) {
        left = a->until_ms - wr_mono_now().us / 1000;
        left = left > LOOK_EVERY_MS ? LOOK_EVERY_MS : left;
    }
    if (left > 0) {
        poll(NULL, 0, (int)left);
    }
    return left > 0;
}

// ---- the command

struct words {
    const char *verb, *service;
    const char *config_file;
    const char *seconds;
    struct wr_local_asked asked;
};

// Our own words; 0, or the exit status.
static int read_words(int argc, char **argv, struct words *w)
{
    const char **places[] = {&w->verb, &w->service, &w->asked.name, &w->asked.key};
    size_t place = 0;
    bool options = true;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        bool takes_file = strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0;
        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && strcmp(word, "--json") == 0) {
            w->asked.json = true;
        } else if (options && (takes_file || strcmp(word, "--for") == 0)) {
            if (++i == argc) {
                return wr_cli_wrong("local", "expected a value after ", word);
            }
            *(takes_file ? &w->config_file : &w->seconds) = argv[i];
        } else if (options && word[0] == '-') {
            return wr_cli_wrong("local", "unknown option ", word);
        } else if (place == WR_COUNT(places)) {
            return wr_cli_wrong("local", "unexpected argument ", word);
        } else {
            *places[place++] = word;
        }
    }
    return WR_EXIT_OK;
}

static int read_seconds(struct words *w)
{
    if (!w->seconds) {
        return WR_EXIT_OK;
    }
    char *end;
    long seconds = strtol(w->seconds, &end, 10);
    if (*end || end == w->seconds || seconds < 1 || seconds > FOR_MAX_S) {
        return wr_cli_wrong("local", "expected whole seconds after --for, found ", w->seconds);
    }
    if (strcmp(w->verb, "tail") != 0) {
        return wr_cli_wrong("local", "--for belongs to tail, not to ", w->verb);
    }
    w->asked.until_ms = wr_mono_now().us / 1000 + seconds * 1000;
    return WR_EXIT_OK;
}

static const struct wr_local_service *find_service(const char *name)
{
    for (size_t i = 0; i < WR_COUNT(services); i++) {
        if (wr_str_eq_nocase(wr_str_of(services[i]->name), wr_str_of(name))) {
            return services[i];
        }
    }
    return NULL;
}

static int perform(const struct words *w, const struct wr_local_service *service)
{
    bool ls = strcmp(w->verb, "ls") == 0, cat = strcmp(w->verb, "cat") == 0;
    if (!ls && !cat && strcmp(w->verb, "tail") != 0) {
        return wr_cli_wrong("local", "expected ls, cat or tail, found ", w->verb);
    }
    if (!ls && !w->asked.name) {
        return wr_cli_wrong("local", "expected a name after ", service->name);
    }
    if (cat && service->cat_key && !w->asked.key) {
        return wr_cli_wrong("local", "expected a key after ", w->asked.name);
    }
    if (ls && !service->ls_name && w->asked.name) {
        return wr_cli_wrong("local", "unexpected argument ", w->asked.name);
    }
    if (!service->cat_key && !(service->may_key && !ls) && w->asked.key) {
        return wr_cli_wrong("local", "unexpected argument ", w->asked.key);
    }
    struct wr_fault fault = {0};
    wr_err err = (ls ? service->ls : cat ? service->cat : service->tail)(&w->asked, &fault);
    if (err) {
        fflush(stdout);
        fprintf(stderr, "weir local: %s\n", fault.text);
        // A name that is not there is an answer, a file that cannot be read is not.
        return err == WR_ERR_UNKNOWN ? WR_EXIT_NO : WR_EXIT_USAGE;
    }
    return WR_EXIT_OK;
}

// The configuration's options (--state-dir) are taken out of the words first; the file is read
// last.
int wr_cli_local(int argc, char **argv)
{
    struct words w = {0};
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    const char *file = NULL;
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0) {
            file = argv[i + 1];
        }
    }
    int count = argc - 1;
    if (wr_config_load(file, &count, argv + 1, &config, &fault)) {
        fprintf(stderr, "weir local: %s\n", fault.text);
        return WR_EXIT_USAGE;
    }
    int status = read_words(count, argv + 1, &w);
    w.asked.state_dir = config->state_dir;
    if (status == WR_EXIT_OK && !w.service) {
        status = wr_cli_wrong("local", "expected ls|cat|tail and one of " SERVICES, NULL);
    }
    const struct wr_local_service *service = w.service ? find_service(w.service) : NULL;
    if (status == WR_EXIT_OK && !service) {
        status = wr_cli_wrong("local", "expected one of " SERVICES ", found ", w.service);
    }
    if (status == WR_EXIT_OK) {
        status = read_seconds(&w);
    }
    if (status == WR_EXIT_OK) {
        status = perform(&w, service);
    }
    wr_config_free(config);
    return status;
}
