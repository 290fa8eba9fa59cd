// One attempt to get credentials: read the profiles, decide (aws_plan.h), ask, assume roles. All of
// it off the path of requests, none of it blocks the loop.
// Thread: loop.
#ifndef WR_SINKS_LIB_AWS_FETCH_H
#define WR_SINKS_LIB_AWS_FETCH_H

#include "sinks/lib/aws_plan.h"
#include "sinks/lib/aws_service.h"
#include "sinks/lib/aws_sign.h"
#include "sql/base/clock.h"

#include <uv.h>

enum wr_aws_level { WR_AWS_LOG_WARN, WR_AWS_LOG_INFO };

// What the parts of the client share. All of it is lent until the client is closed.
struct wr_aws_tools {
    uv_loop_t *loop;
    struct wr_http *http;     // with the CA and the proxies
    struct wr_http *metadata; // never through a proxy, short patience
    struct wr_aws_signer *signer;
    int64_t clock_offset_ms;      // AWS's clock less ours, once AWS has complained
    wr_str region;                // by weir's settings; empty: environment, profile
    const char *const *endpoints; // by enum wr_aws_service; NULL: not set. May be NULL
    const char *endpoint;         // of all services; NULL: not set
    void (*log)(void *user, enum wr_aws_level level, const char *line); // may be NULL
    void *log_user;
};

// Keys with memory of their own. Zeroed: none.
struct wr_aws_found {
    struct wr_buf id, secret, token;
    struct wr_buf region; // IMDS: where this machine is; empty: not said
    int64_t expires_ms;   // 0: never
};
void wr_aws_found_wipe(struct wr_aws_found *f); // and release

struct wr_aws_fetch;
struct wr_aws_credentials;

// `found` is taken over by moving it (NULL: failed, and `why` says in one line what happened, with
// no secret in it). Called once, never from inside start().
typedef void (*wr_aws_fetched)(void *user, struct wr_aws_found *found,
                               enum wr_aws_provider provider, const char *why);

// `base`: whose keys a source with role_arn assumes its role with; else NULL.
struct wr_aws_fetch *wr_aws_fetch_start(struct wr_aws_tools *tools,
                                        const struct wr_aws_source *source,
                                        struct wr_aws_credentials *base, wr_aws_fetched done,
                                        void *user);
// `done` is called soon, as failed, unless it has been called. Requests of tools->http and
// tools->metadata end when those are closed.
void wr_aws_fetch_cancel(struct wr_aws_fetch *f);

// The address of a service: the settings, the configured endpoint, or the region's default.
// WR_ERR_MISSING: no region tells where it is.
wr_err wr_aws_endpoint(const struct wr_aws_tools *tools, enum wr_aws_service service,
                       const struct wr_aws_profiles *profiles, wr_str profile, wr_str region,
                       struct wr_buf *url, bool *custom) WR_MUST_CHECK;

static inline int64_t wr_aws_now_ms(const struct wr_aws_tools *t)
{
    return wr_wall_ms() + t->clock_offset_ms;
}

#endif
