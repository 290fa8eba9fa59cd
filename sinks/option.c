// Option tables: finding an entry. Checking a rule's values against a table is the engine's.
#include "sinks/sink.h"

#include <strings.h>

#include "sql/base/banned.h"

// Numbers without a default here are those of the whole instance: retry.* of weir.yaml.
const struct wr_option wr_sink_common_settings[] = {
    {"mode", WR_OPT_CHOICE, 0, .choices = WR_MODE_CHOICES,
     .help = "Form of this action; default: mode."},
    {"endpoint", WR_OPT_STRING, 0, .unit = "URL",
     .help = "Where this action's service is; beats aws.endpoint. http is allowed where it says "
             "so."},
    {"retry.attempts", WR_OPT_INT, 0, .min = 1, .max = 1000,
     .help = "Tries of one action, the first included; default: retry.attempts."},
    {"retry.budget", WR_OPT_INT, 0, .min = 0, .max = 86400000, .unit = "ms",
     .help = "Longest time for all tries of one action together; default: retry.budget."},
    {"retry.base", WR_OPT_INT, 0, .min = 1, .max = 3600000, .unit = "ms",
     .help = "Pause before the second try, doubles; default: retry.base."},
    {"retry.throttled_base", WR_OPT_INT, 0, .min = 1, .max = 3600000, .unit = "ms",
     .help = "The same after an answer that asks to slow down; default: retry.throttled_base."},
    {"retry.cap", WR_OPT_INT, 0, .min = 1, .max = 3600000, .unit = "ms",
     .help = "Longest pause between tries; default: retry.cap."},
    {"retry.circuit", WR_OPT_INT, 0, .min = 0, .max = 1000000,
     .help = "Failures in a row after which one record at a time is tried; default: "
             "retry.circuit."},
    {"in_flight", WR_OPT_INT, 0, "4096", .min = 1, .max = 1000000,
     .help = "Records at once with ack: durable; more wait in the spool."},
    {"memory", WR_OPT_INT, 0, "64M", .min = 1048576, .max = 17179869184, .unit = "bytes",
     .help = "The same in bytes of what the spool keeps of them."},
    {"queue_full", WR_OPT_CHOICE, 0, "wait", .choices = "wait|fail",
     .help =
         "With both limits and ack: durable: more records wait in the spool, or the newest fail "
         "(SinkQueueFull, for the error action)."},
    {0},
};

bool wr_secret_name(wr_str name)
{
    static const char *const words[] = {
        "password", "secret",  "token",  "keystore", "keytab",     "passwd",    "authorization",
        "cookie",   "api-key", "apikey", "api_key",  "access-key", "credential"};
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        size_t len = strlen(words[i]);
        for (size_t at = 0; at + len <= name.len; at++) {
            if (strncasecmp(name.at + at, words[i], len) == 0) {
                return true;
            }
        }
    }
    return false;
}

int wr_option_find(const struct wr_option *options, wr_str name)
{
    for (int i = 0; options && options[i].name; i++) {
        if (wr_str_eq(wr_str_of(options[i].name), name)) {
            return i;
        }
    }
    return -1;
}
