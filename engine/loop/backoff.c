// Full jitter: waiting clients spread out instead of coming back together.
#include "engine/loop/backoff.h"

#include <sys/random.h>

#include "sql/base/clock.h"

#include "sql/base/banned.h"

void wr_jitter_init(struct wr_jitter *j)
{
    if (getrandom(&j->state, sizeof j->state, GRND_NONBLOCK) != (ssize_t)sizeof j->state) {
        j->state = (uint64_t)wr_mono_now().us; // early boot: spread is all that is needed
    }
}

// splitmix64
uint64_t wr_jitter_next(struct wr_jitter *j)
{
    uint64_t z = j->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t wr_backoff_ms(struct wr_jitter *j, int64_t base_ms, int64_t cap_ms, unsigned attempt)
{
    int64_t ceiling = base_ms;
    for (unsigned i = 1; i < attempt && ceiling < cap_ms; i++) {
        ceiling *= 2;
    }
    if (ceiling > cap_ms) {
        ceiling = cap_ms;
    }
    return ceiling <= 0 ? 0 : (int64_t)(wr_jitter_next(j) % ((uint64_t)ceiling + 1));
}
