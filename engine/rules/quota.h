// What the rules of one tenant may use: so many messages a second, and a share of one processor
// (control-plane.md 9). Two buckets that hold a second's worth. A message beyond them is not tried
// on the tenant's rules, as AWS throttles an account; other tenants' rules get it. It is counted.
// Thread: loop.
#ifndef WR_ENGINE_RULES_QUOTA_H
#define WR_ENGINE_RULES_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

// THROTTLE(name, text): which of the two a message met.
#define WR_THROTTLE_MAP(THROTTLE)  \
    THROTTLE(MESSAGES, "messages") \
    THROTTLE(CPU, "cpu")

enum wr_throttle {
#define THROTTLE(name, text) WR_THROTTLE_##name,
    WR_THROTTLE_MAP(THROTTLE)
#undef THROTTLE
        WR_THROTTLE_COUNT
};
const char *wr_throttle_text(enum wr_throttle why);

#define WR_QUOTA_NONE (-1)

// Shared by all rules of the tenant and all their versions, so that a reload fills no bucket.
struct wr_quota {
    const char *tenant;
    bool counts;                           // there is one, or was; else nothing is asked or counted
    int64_t messages_per_s;                // WR_QUOTA_NONE: any number
    int64_t cpu_percent;                   // likewise
    uint64_t messages;                     // that a rule of the tenant has the topic of
    uint64_t throttled[WR_THROTTLE_COUNT]; // of these
    uint64_t cpu_ns;                       // that its rules took; counted while it has a quota
    uint64_t turn_;                        // the message asked about last
    bool admitted_;
    int64_t filled_us_;
    int64_t tokens_;  // a million is a message
    int64_t time_ns_; // may be below 0: a message that took long is paid for by the next ones
};

// Another number after the first quota of each tenant, so that nobody looks for quotas at each
// message.
uint64_t wr_quota_epoch(void);

// Set both, from the next message on; a bucket that gets another size is full.
void wr_quota_set(struct wr_quota *q, int64_t messages_per_s, int64_t cpu_percent);

// May the tenant's rules have the message? `turn` is another number for each message: asked twice
// about one, it answers the same and counts once. `now_us` is of the monotonic clock.
bool wr_quota_ask(struct wr_quota *q, uint64_t turn, int64_t now_us);
// The answer of the latest turn.
static inline bool wr_quota_admitted(const struct wr_quota *q)
{
    return q->admitted_;
}
// A rule of it took so long.
void wr_quota_charge(struct wr_quota *q, int64_t ns);

#endif
