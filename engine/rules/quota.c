#include "engine/rules/quota.h"

#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define SECOND_US 1000000
#define MESSAGE   1000000 // tokens
#define PERCENT   10      // of one processor: ns a µs

const char *wr_throttle_text(enum wr_throttle why)
{
    static const char *const texts[] = {
#define THROTTLE(name, text) [WR_THROTTLE_##name] = text,
        WR_THROTTLE_MAP(THROTTLE)
#undef THROTTLE
    };
    return texts[why];
}

// What a bucket holds: a second's worth, and a message at least.
static int64_t tokens_max(const struct wr_quota *q)
{
    return q->messages_per_s * MESSAGE;
}

static int64_t time_max(const struct wr_quota *q)
{
    return q->cpu_percent * PERCENT * SECOND_US;
}

static uint64_t epoch; // of the loop's thread

uint64_t wr_quota_epoch(void)
{
    return epoch;
}

void wr_quota_set(struct wr_quota *q, int64_t messages_per_s, int64_t cpu_percent)
{
    if (!q->counts && (messages_per_s != WR_QUOTA_NONE || cpu_percent != WR_QUOTA_NONE)) {
        q->counts = true;
        epoch++;
    }
    if (messages_per_s != q->messages_per_s) {
        q->messages_per_s = messages_per_s;
        q->tokens_ = tokens_max(q);
    }
    if (cpu_percent != q->cpu_percent) {
        q->cpu_percent = cpu_percent;
        q->time_ns_ = time_max(q);
    }
}

static void add(int64_t *bucket, int64_t more, int64_t max)
{
    *bucket = *bucket + more < max ? *bucket + more : max;
}

static void fill(struct wr_quota *q, int64_t now_us)
{
    int64_t passed = now_us - q->filled_us_;
    // Longer fills either bucket; but what is owed of the processor's time is paid in full.
    int64_t most = (int64_t)3600 * SECOND_US;
    passed = passed < 0 ? 0 : passed > most ? most : passed;
    q->filled_us_ = now_us;
    if (q->messages_per_s >= 0) {
        int64_t second = passed > SECOND_US ? SECOND_US : passed;
        add(&q->tokens_, second * q->messages_per_s, tokens_max(q));
    }
    if (q->cpu_percent >= 0) {
        add(&q->time_ns_, passed * q->cpu_percent * PERCENT, time_max(q));
    }
}

static bool refuse(struct wr_quota *q, enum wr_throttle why)
{
    static struct wr_log_limit limit; // of all tenants: the log holds on to it
    q->throttled[why]++;
    wr_log_limited(&limit, WR_LOG_WARN, "flow",
                   "the tenant %s is over its quota (iot.quota.%s): messages are not tried on its "
                   "rules, and are counted (weir_tenant_throttled_total)",
                   q->tenant, why == WR_THROTTLE_CPU ? "rule_cpu" : "messages_per_second");
    return false;
}

static bool decide(struct wr_quota *q, int64_t now_us)
{
    fill(q, now_us);
    q->messages++;
    if (q->cpu_percent >= 0 && q->time_ns_ <= 0) {
        return refuse(q, WR_THROTTLE_CPU);
    }
    if (q->messages_per_s >= 0 && q->tokens_ < MESSAGE) {
        return refuse(q, WR_THROTTLE_MESSAGES);
    }
    q->tokens_ -= q->messages_per_s >= 0 ? MESSAGE : 0;
    return true;
}

bool wr_quota_ask(struct wr_quota *q, uint64_t turn, int64_t now_us)
{
    if (q->turn_ != turn) {
        q->turn_ = turn;
        q->admitted_ = !q->counts || decide(q, now_us);
    }
    return q->admitted_;
}

void wr_quota_charge(struct wr_quota *q, int64_t ns)
{
    if (ns > 0) {
        q->cpu_ns += (uint64_t)ns;
        q->time_ns_ -= q->cpu_percent >= 0 ? ns : 0;
    }
}
