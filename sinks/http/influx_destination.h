// Where InfluxDB is, by the names of sinks.influxDB.destinations, and what its token is.
// Thread: loop.
#ifndef WR_SINKS_HTTP_INFLUX_DESTINATION_H
#define WR_SINKS_HTTP_INFLUX_DESTINATION_H

#include "sinks/http/poster.h"

#define WR_INFLUX_DESTINATION_SETTINGS                                                          \
    {"destinations.*.endpoint", WR_OPT_STRING, WR_OPT_REQUIRED, .unit = "URL",                  \
     .help =                                                                                    \
         "Where InfluxDB is: https://HOST:8086. The name is the last part of destinationArn."}, \
        {"destinations.*.version",                                                              \
         WR_OPT_CHOICE,                                                                         \
         0,                                                                                     \
         "2",                                                                                   \
         .choices = "2|3",                                                                      \
         .help = "Version of InfluxDB: what a token is called, and what a name may be."},       \
        {"destinations.*.token_file",                                                           \
         WR_OPT_STRING,                                                                         \
         0,                                                                                     \
         "",                                                                                    \
         .unit = "path",                                                                        \
         .help = "File with the token; read again when the server does not take it."},          \
        {"destinations.*.secret",                                                               \
         WR_OPT_STRING,                                                                         \
         0,                                                                                     \
         "",                                                                                    \
         .unit = "name or ARN",                                                                 \
         .help = "Secret with the token, in place of token_file; read as get_secret() does."},  \
    {                                                                                           \
        "destinations.*.secret_key", WR_OPT_STRING, 0, "",                                      \
            .help = "Where the secret is a JSON object: the member that is the token."          \
    }

struct wr_influx_destination {
    const char *name;
    char *endpoint; // without a slash at its end
    bool v3;
    const char *token_file;          // "": none
    const char *secret, *secret_key; // "": none
    struct wr_buf bearer;            // of token_file: "Token …"; empty: none
    char *made;                      // made over the API: its texts; NULL: of the settings
    struct wr_influx_destination *next;
};

// All that the settings name; lent strings of `s` are kept. Give: wr_influx_destinations_free(),
// also after a fault. Blocks for small files.
wr_err wr_influx_destinations_read(const struct wr_settings *s, const struct wr_poster *poster,
                                   struct wr_influx_destination **out,
                                   struct wr_fault *fault) WR_MUST_CHECK;
void wr_influx_destinations_free(struct wr_influx_destination *first);

// By the last part of …:ruledestination/influxdb/NAME; NULL.
struct wr_influx_destination *wr_influx_destination_find(struct wr_influx_destination *first,
                                                         wr_str arn);

// One that was made over the API, behind the others. Its texts are copied.
struct wr_influx_destination *wr_influx_destination_add(struct wr_influx_destination **first,
                                                        wr_str arn,
                                                        const struct wr_sink_destination *from);

// Read the token of token_file, again. Blocks for a small file.
wr_err wr_influx_token_read(struct wr_influx_destination *d, struct wr_fault *fault) WR_MUST_CHECK;

// What the server is told of the token in `text`: its first word. False: there is none, or too
// long.
bool wr_influx_bearer(const struct wr_influx_destination *d, wr_str text,
                      struct wr_buf *out) WR_MUST_CHECK;

#endif
