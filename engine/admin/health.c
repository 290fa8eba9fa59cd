// /healthz and /readyz, for service managers and load balancers.
#include "engine/admin/admin.h"

#include "sql/base/banned.h"

static void reply_text(struct wr_admin_call *call, int status, wr_str text)
{
    size_t count;
    const struct wr_http1_header *headers = wr_admin_headers(&count);
    wr_httpd_reply(call->req, &(struct wr_httpd_reply){.status = status,
                                                       .type = WR_STR("text/plain; charset=utf-8"),
                                                       .headers = headers,
                                                       .header_count = count,
                                                       .body = text});
}

// That it is answered at all is the news: the loop turns.
static void get_health(struct wr_admin_call *call)
{
    reply_text(call, 200, WR_STR("ok\n"));
}

static void get_ready(struct wr_admin_call *call)
{
    const struct wr_health_host *host = call->user;
    struct wr_buf reasons = {0};
    host->reasons(host->user, &reasons);
    if (reasons.len) {
        reply_text(call, 503, wr_buf_str(&reasons));
    } else {
        reply_text(call, 200, WR_STR("ready\n"));
    }
    wr_buf_release(&reasons);
}

static const struct wr_admin_route routes[] = {
    {"GET", "/healthz", WR_ROLE_NONE, WR_ON_SOCKET | WR_ON_METRICS, get_health},
    {"GET", "/readyz", WR_ROLE_NONE, WR_ON_SOCKET | WR_ON_METRICS, get_ready},
};

void wr_health_add(struct wr_admin *a, const struct wr_health_host *host)
{
    union {
        const struct wr_health_host *from;
        void *to; // only read
    } user = {.from = host};
    wr_admin_add(a, routes, WR_COUNT(routes), user.to);
}
