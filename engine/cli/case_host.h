// Look-ups answered from a case's context (tests/corpus/FORMAT.md): lambda, dynamodb, secrets,
// shadows, registry, ml; objects from s3. For `weir eval --cases`. Thread: the arena's owner.
#ifndef WR_ENGINE_CLI_CASE_HOST_H
#define WR_ENGINE_CLI_CASE_HOST_H

#include "sql/sql.h"

struct wr_case_host {
    struct wr_sql_host host; // pass this; host.user is the struct itself
    const wr_value *context; // an OBJECT, or Undefined
    struct wr_arena *arena;
};

// `context` and `arena` must outlive the host.
void wr_case_host_init(struct wr_case_host *h, const wr_value *context, struct wr_arena *arena);

#endif
