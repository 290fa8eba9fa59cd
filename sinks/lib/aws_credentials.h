// Credentials that stay good: fetched once for all who wait, kept, renewed before they expire, and
// a state that people can see when there are none. Never a crash, never inside a request's path.
// Thread: loop.
#ifndef WR_SINKS_LIB_AWS_CREDENTIALS_H
#define WR_SINKS_LIB_AWS_CREDENTIALS_H

#include "sinks/lib/aws_fetch.h"

// actions.md 9.2: how long before the expiry they are renewed, at most half of their life.
#define WR_AWS_ADVISORY_MS  (15 * 60 * 1000)
#define WR_AWS_MANDATORY_MS (10 * 60 * 1000)

struct wr_aws_waiter {
    // Once, from the loop, never from inside wait(). NULL: there are none, `why` says why not, and
    // nobody is asked before wr_aws_credentials_retry_ms() is over. Keys are borrowed.
    void (*done)(struct wr_aws_waiter *w, const struct wr_aws_keys *keys, const char *why);
    void *user;
    struct wr_aws_waiter *next_;
};

// `name` is for logs and states: "default", a profile, a role's ARN. `source` and `base` are lent
// until free; names are copied.
struct wr_aws_credentials *wr_aws_credentials_new(struct wr_aws_tools *tools, wr_str name,
                                                  const struct wr_aws_source *source,
                                                  struct wr_aws_credentials *base);

// Those that are good now, or NULL: then wait. Borrowed until the loop turns. `version` (may be
// NULL) names them for refused() and worked().
const struct wr_aws_keys *wr_aws_credentials_now(struct wr_aws_credentials *c, uint64_t *version);
void wr_aws_credentials_wait(struct wr_aws_credentials *c, struct wr_aws_waiter *w);
// Wait no longer: `w` is not told. It must be waiting.
void wr_aws_credentials_forget(struct wr_aws_credentials *c, struct wr_aws_waiter *w);
// Not before this many ms from now will anybody be asked again; 0: at once.
uint32_t wr_aws_credentials_retry_ms(const struct wr_aws_credentials *c);

// AWS does not take them (ExpiredToken and its kin): they are not handed out again. No effect when
// they have been replaced since.
void wr_aws_credentials_refused(struct wr_aws_credentials *c, uint64_t version, wr_str code);
void wr_aws_credentials_worked(struct wr_aws_credentials *c, uint64_t version);

// What they were made from may have changed: fetch again, in the background.
void wr_aws_credentials_renew(struct wr_aws_credentials *c);

// Where instance metadata says this machine is; empty: it did not.
wr_str wr_aws_credentials_region(const struct wr_aws_credentials *c);

enum wr_aws_health {
    WR_AWS_UNASKED, // nobody has wanted them yet, or the first fetch is under way
    WR_AWS_GOOD,
    WR_AWS_FAILED,  // none could be fetched; old ones may still be good
    WR_AWS_REFUSED, // AWS does not take them
};
struct wr_aws_state {
    const char *name;
    enum wr_aws_health health;
    enum wr_aws_provider provider;
    const char *why;    // of FAILED and REFUSED; else ""
    int64_t since_ms;   // when this health began
    int64_t expires_ms; // 0: never, or there are none
    uint64_t fetched, failed, refused;
};
void wr_aws_credentials_state(const struct wr_aws_credentials *c, struct wr_aws_state *out);

// End what is under way; waiters are told. `closed` is called later, once, and `c` is freed.
void wr_aws_credentials_close(struct wr_aws_credentials *c, void (*closed)(void *user), void *user);

#endif
