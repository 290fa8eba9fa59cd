// What http, salesforce and influxDB do alike: check a URL, post to it, signed or not, and say what
// the answer means. Knows nothing of records. In mode local only this machine is asked; what would
// leave it is kept in local/record/KIND.ndjson instead and counts as answered with 200.
// Thread: loop.
#ifndef WR_SINKS_HTTP_POSTER_H
#define WR_SINKS_HTTP_POSTER_H

#include "sinks/lib/aws.h"
#include "sinks/lib/http.h"
#include "sinks/sink.h"

struct wr_poster;

struct wr_poster_options {
    bool stay_here;      // mode local
    bool allow_http;     // http:// to other hosts than this one
    bool retry_closed;   // try again also after a peer that closed the connection
    uint32_t timeout_ms; // of one try
    const char *ca_file; // "": the system's
    size_t response_max; // bytes of an answer, more is TOO_LARGE
};

// Give: wr_poster_close() it.
wr_err wr_poster_open(struct wr_sink *sink, const struct wr_poster_options *options,
                      struct wr_poster **out, struct wr_fault *fault) WR_MUST_CHECK;

// The same by the settings of WR_POSTER_SETTINGS (http.h). An endpoint with http:// allows that.
wr_err wr_poster_open_settings(struct wr_sink *sink, const struct wr_settings *settings,
                               bool stay_here, struct wr_poster **out,
                               struct wr_fault *fault) WR_MUST_CHECK;

// Why nothing may be posted to `url`, as after "The error received was", or NULL.
const char *wr_poster_url_trouble(const struct wr_poster *p, wr_str url);

// Whether there is an AWS client: before the first post that is to be signed.
bool wr_poster_can_sign(struct wr_poster *p, struct wr_fault *fault);

// Is it this machine: localhost, 127.0.0.0/8 or ::1, as a whole host and not as a part of one?
bool wr_url_is_loopback(wr_str url);
// The host of a URL, without its port, user and brackets; empty: it has none.
wr_str wr_url_host(wr_str url);

// What an answer means.
struct wr_post_answer {
    enum wr_verdict verdict;
    bool throttled;
    uint32_t retry_at_ms; // Retry-After; 0: not said
    int status;           // 0: there was none
    wr_str text;          // not DELIVERED: what happened, for "The error received was …"
    wr_str body;
    enum wr_http_met met;
    uint64_t batch; // set by who settles several by it: sink.h, wr_why
    bool batch_last;
};

// A request under way. All but `done` and `user` is lent until `done`, which is called once, from
// the loop, never from inside send().
struct wr_post {
    const char *method; // NULL: POST
    wr_str url;
    const struct wr_http_header *headers;
    size_t header_count;
    wr_str body;
    wr_str sign_region, sign_service, role_arn; // sign_service empty: not signed
    size_t secret_count; // so many of the last headers are secrets: copies are wiped, and what is
                         // kept instead of sent is kept without them
    void (*done)(struct wr_post *post, const struct wr_post_answer *answer);
    void *user;
    // The poster's:
    struct wr_poster *poster_;
    struct wr_http_request request_;
    struct wr_aws_call call_;
    struct wr_http *http_; // NULL: by `call_`
    struct wr_post *next_, *before_;
};

void wr_poster_send(struct wr_poster *p, struct wr_post *post);

// Settle `rec` by an answer: "<what>. The error received was <text>."
void wr_post_settle(struct wr_record *rec, const struct wr_post_answer *answer, const char *what,
                    wr_str resource);
// All that is under way is answered soon (RETRY).
void wr_poster_cancel(struct wr_poster *p);
size_t wr_poster_pending(const struct wr_poster *p);
// Nothing may be pending. `closed` is called later, once.
void wr_poster_close(struct wr_poster *p, void (*closed)(void *user), void *user);

#endif
