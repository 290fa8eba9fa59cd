// Quotas of a tenant's rules: a second's worth at once, then as it comes; what was taken too much
// is paid for.
#include "engine/rules/quota.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define SECOND 1000000

static uint64_t turn;

static struct wr_quota with(int64_t messages, int64_t cpu)
{
    struct wr_quota q = {
        .tenant = "acme", .messages_per_s = WR_QUOTA_NONE, .cpu_percent = WR_QUOTA_NONE};
    wr_quota_set(&q, messages, cpu);
    return q;
}

// How many of `count` messages at `now_us` are admitted.
static int ask(struct wr_quota *q, int count, int64_t now_us)
{
    int admitted = 0;
    for (int i = 0; i < count; i++) {
        admitted += wr_quota_ask(q, ++turn, now_us);
    }
    return admitted;
}

static void test_messages(void **state)
{
    struct wr_quota q = with(100, WR_QUOTA_NONE);
    int64_t now = 5000 * (int64_t)SECOND;
    CHECK_INT("a second's worth at once", ask(&q, 1000, now), 100);
    CHECK_INT("nothing more", ask(&q, 10, now + 5000), 0);
    CHECK_INT("as it comes", ask(&q, 10, now + 35000), 3);
    CHECK_INT("never more than that", ask(&q, 1000, now + 900 * (int64_t)SECOND), 100);
    CHECK_INT("asked", q.messages, 2020);
    CHECK_INT("throttled", q.throttled[WR_THROTTLE_MESSAGES], 2020 - 203);
    CHECK_INT("not by the other", q.throttled[WR_THROTTLE_CPU], 0);
    CHECK("asked again about a message", !wr_quota_ask(&q, turn, now) && !wr_quota_admitted(&q));
    CHECK_INT("it counts once", q.messages, 2020);
    CHECK_INT("a clock that goes back", ask(&q, 10, now), 0);
    wr_quota_set(&q, WR_QUOTA_NONE, WR_QUOTA_NONE);
    CHECK_INT("none", ask(&q, 1000, now), 1000);
    wr_quota_set(&q, 0, WR_QUOTA_NONE);
    CHECK_INT("0: not one", ask(&q, 10, now + SECOND), 0);
    wr_quota_set(&q, 100000000, WR_QUOTA_NONE);
    CHECK_INT("the most that can be said", ask(&q, 1000, now + 2 * (int64_t)SECOND), 1000);
}

static void test_cpu(void **state)
{
    struct wr_quota q = with(WR_QUOTA_NONE, 10);
    int64_t now = 5000 * (int64_t)SECOND;
    CHECK_INT("all while there is time left", ask(&q, 50, now), 50);
    wr_quota_charge(&q, 99999999);
    CHECK_INT("a nanosecond", ask(&q, 1, now), 1);
    wr_quota_charge(&q, 100000001); // 0.1 s more than there was
    CHECK_INT("over", ask(&q, 5, now), 0);
    CHECK_INT("half of it is paid", ask(&q, 5, now + SECOND / 2), 0);
    CHECK_INT("all of it, and a little", ask(&q, 5, now + SECOND + 10), 5);
    CHECK_INT("throttled", q.throttled[WR_THROTTLE_CPU], 10);
    CHECK_INT("taken", q.cpu_ns, 200000000);
    wr_quota_charge(&q, -5); // a clock that goes back
    CHECK_INT("taken", q.cpu_ns, 200000000);
    wr_quota_charge(&q, 30 * (int64_t)1000000000);
    CHECK_INT("a long one", ask(&q, 5, now + 299 * (int64_t)SECOND), 0);
    CHECK_INT("is paid in full", ask(&q, 5, now + 302 * (int64_t)SECOND), 5);
    CHECK_STR("names", Z(wr_throttle_text(WR_THROTTLE_CPU)), S("cpu"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(test_messages), T(test_cpu)};
    return TEST_MAIN(tests);
}
