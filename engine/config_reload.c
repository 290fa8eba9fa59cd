// What another reading of the configuration changes, and which of it a running weir takes over.
#include "engine/config_options.h"
#include "engine/config_parts.h"

#include "sql/base/banned.h"

static bool text_differs(const char *a, const char *b)
{
    return strcmp(a, b) != 0;
}

static bool number_differs(int64_t a, int64_t b)
{
    return a != b;
}

#define DIFFERS(a, b) \
    _Generic((a), const char *: text_differs, bool: number_differs, int64_t: number_differs)(a, b)

#define IS_LIVE    true
#define IS_RESTART false

void wr_config_changes(const struct wr_config *now, const struct wr_config *next,
                       void (*changed)(void *user, const char *name, bool live), void *user)
{
#define X(member, name, type, when, fallback, range, unit, help) \
    if (DIFFERS(now->member, next->member)) {                    \
        changed(user, name, IS_##when);                          \
    }
    WR_CONFIG_OPTIONS(X)
#undef X
    wr_config_sinks_changes(now->sinks_, next->sinks_, changed, user);
}

void wr_config_adopt(struct wr_config *now, struct wr_config *next)
{
#define X(member, name, type, when, fallback, range, unit, help) \
    if (IS_##when) {                                             \
        now->member = next->member;                              \
    }
    WR_CONFIG_OPTIONS(X)
#undef X
    wr_config_free(now->adopted_);
    now->adopted_ = next;
}
