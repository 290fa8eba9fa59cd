// The quotas of tenants that rules are held to (rules/quota.h), as their features say.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_QUOTAS_H
#define WR_ENGINE_ADMIN_QUOTAS_H

#include <jansson.h>

#include "engine/rules/quota.h"
#include "sql/base/buf.h"

struct wr_quotas;

struct wr_quotas *wr_quotas_new(void);
// After the last message: rules point into it.
void wr_quotas_free(struct wr_quotas *quotas); // NULL is accepted

// A tenant's features are these now.
void wr_quotas_follow(struct wr_quotas *quotas, int64_t tenant, const char *name,
                      const json_t *features);
// The tenant's, for good; NULL: there is no such tenant.
struct wr_quota *wr_quotas_find(const struct wr_quotas *quotas, int64_t tenant);

// {"messages":…,"throttled":{"messages":…,"cpu":…},"ruleCpuSeconds":…}. Give.
json_t *wr_quota_use(const struct wr_quota *q);
// Their families of /metrics.
void wr_quotas_write(const struct wr_quotas *quotas, struct wr_buf *out);

#endif
