// A look-up under way, for the providers. Private to engine/lookup.
// Thread: loop.
//
//   begin ─► wr_pending_new ─► … ─► result or failure in p->lookup ─► wr_pending_answer ─►
//   wr_pending_free
//                                └─ time-out, stop: p->lookup is NULL, `cancel`
#ifndef WR_ENGINE_LOOKUP_PENDING_H
#define WR_ENGINE_LOOKUP_PENDING_H

#include "engine/flow/retry.h"
#include "engine/lookup/answer.h"
#include "engine/lookup/lookup.h"

struct wr_item_reads;
struct wr_docs;

struct wr_pending {
    struct wr_lookups *all;
    struct wr_lookup *lookup; // NULL: answered, or nobody waits any more
    struct wr_flow *flow;     // NULL: a sink's secret
    // May be NULL. Nobody waits any more; may call wr_pending_free().
    void (*cancel)(struct wr_pending *p);
    enum wr_lookup_kind kind;
    bool ready, freed;         // answered, or freed, while another look-up was begun: done by `due`
    struct wr_retry_entry due; // the time-out
    struct wr_pending *next, *before;
};

struct wr_lookups {
    struct wr_lookups_options options;
    struct wr_flow_host host;
    struct wr_retry timeouts;
    struct wr_pending *first;    // all that are not freed
    size_t waiting;              // those with a lookup
    enum wr_pace pace;           // last told
    struct wr_lookup *beginning; // its begin() is on the stack
    struct wr_flow *flow;        // of it
    bool begun;                  // it has a wr_pending
    int lambda_kind;             // in options.kinds; -1: there is none
    char *shadows_dir, *secrets_dir, *registry_dir;
    struct wr_docs *shadows, *secrets, *registry;
    struct wr_item_reads *items;
    struct wr_aws_lookups *aws; // of the functions that options.aws names
    int open_parts;             // while it is freed
    bool stopped;
    void (*done)(void *user);
    void *done_user;
};

// `size` zeroed bytes that begin with a wr_pending, for the look-up that is begun now.
void *wr_pending_new(struct wr_lookups *all, struct wr_lookup *l, size_t size);
// The answer is in p->lookup, which is not to be touched afterwards. Without effect when nobody
// waits.
void wr_pending_answer(struct wr_pending *p);
// The provider is done with it.
void wr_pending_free(struct wr_pending *p);

// `l` has failed at once and is answered later all the same. Flow NULL: wr_lookup_secret_done().
void wr_pending_later(struct wr_lookups *all, struct wr_lookup *l);
// A look-up of secret.c has its answer; it is freed.
void wr_lookup_secret_done(struct wr_lookup *l);

// ---- providers: begin a look-up. Either it is failed or answered at once (all but `answered` is
// set), or there is a wr_pending for it.

void wr_lookup_begin_lambda(struct wr_lookups *all, struct wr_lookup *l);
void wr_lookup_begin_ml(struct wr_lookups *all, struct wr_lookup *l);
void wr_lookup_begin_dynamodb(struct wr_lookups *all, struct wr_lookup *l);
void wr_lookup_begin_shadow(struct wr_lookups *all, struct wr_lookup *l);
void wr_lookup_begin_secret(struct wr_lookups *all, struct wr_lookup *l);
void wr_lookup_begin_registry(struct wr_lookups *all, struct wr_lookup *l);

struct wr_item_reads *wr_item_reads_new(uv_loop_t *loop, const char *state_dir);
// Nothing is under way.
void wr_item_reads_free(struct wr_item_reads *g);

#endif
