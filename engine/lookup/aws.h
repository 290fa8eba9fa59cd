// Look-ups that the real services answer: Invoke, GetItem, GetThingShadow, GetSecretValue,
// DescribeThing and ListThingGroupsForThing, through the instance's AWS client. At most `max` calls
// of one function at once, more wait; each is asked once. Secrets are kept for a while, as AWS
// does, and asked for once however many wait. Private to engine/lookup.
// Thread: loop.
#ifndef WR_ENGINE_LOOKUP_AWS_H
#define WR_ENGINE_LOOKUP_AWS_H

#include "engine/lookup/pending.h"

#define WR_LOOKUP_SECRETS_KEPT 256 // in memory at once

struct wr_aws_lookups;

struct wr_aws_lookups *wr_aws_lookups_new(uv_loop_t *loop, size_t max, int64_t secret_cache_ms);
// How long a secret is kept from now on, also one that is kept already.
void wr_aws_lookups_set_cache(struct wr_aws_lookups *a, int64_t secret_cache_ms);
// Nothing is under way. Secrets are wiped.
void wr_aws_lookups_free(struct wr_aws_lookups *a);

// The client, once it is open.
void wr_aws_lookups_use(struct wr_aws_lookups *a, struct wr_aws *aws);

// The kept secret of that id and role is asked for again, unless it was read in this second: many
// may find at once that it is no good any more.
void wr_aws_lookups_forget(struct wr_aws_lookups *a, wr_str id, wr_str role_arn);

// As the other providers' begin (pending.h).
void wr_aws_lookup_begin(struct wr_lookups *all, struct wr_lookup *l);

#endif
