// http: posts the result to an endpoint (actions.md 4.11). The action's members, for its forms.
#ifndef WR_SINKS_HTTP_HTTP_H
#define WR_SINKS_HTTP_HTTP_H

#include "sinks/sink.h"

enum {
    WR_HTTP_URL,
    WR_HTTP_CONFIRMATION,
    WR_HTTP_HEADERS,
    WR_HTTP_SIGN_REGION,
    WR_HTTP_SIGN_SERVICE,
    WR_HTTP_SIGN_ROLE,
    WR_HTTP_BATCHING,
    WR_HTTP_BATCH_OPEN,
    WR_HTTP_BATCH_SIZE,
    WR_HTTP_BATCH_BYTES,
    WR_HTTP_BATCH_TOPICS,
};
extern const struct wr_option wr_http_action_options[];
wr_err wr_http_action_check(const struct wr_param *params, const bool *constant,
                            struct wr_fault *fault);

// Settings of everything that posts (poster.h).
#define WR_POSTER_SETTINGS                                                                     \
    {"timeout",                                                                                \
     WR_OPT_INT,                                                                               \
     0,                                                                                        \
     "3000",                                                                                   \
     .min = 1,                                                                                 \
     .max = 600000,                                                                            \
     .unit = "ms",                                                                             \
     .help = "How long one try may take as a whole."},                                         \
        {"ca_file",                                                                            \
         WR_OPT_STRING,                                                                        \
         0,                                                                                    \
         NULL,                                                                                 \
         .unit = "path",                                                                       \
         .help = "Certificates (PEM) that may sign the endpoints'; without it the system's."}, \
        {"allow_http", WR_OPT_BOOL, 0, "false",                                                \
         .help = "Take http:// URLs of other hosts too; without it only this machine's."},     \
        {"retry_closed", WR_OPT_BOOL, 0, "false",                                              \
         .help = "Try again also when the peer has closed the connection; AWS does not."},     \
    {                                                                                          \
        "response_max", WR_OPT_INT, 0, "16384",                                                \
            .min = 0, .max = 67108864, .unit = "bytes",                                        \
            .help = "Largest answer that is read; after a larger one there is no other try."   \
    }

#endif
