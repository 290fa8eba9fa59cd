// What is attached to what, for the families that ask each other. Thread: the registry's.
#ifndef WR_ENGINE_ADMIN_POLICIES_H
#define WR_ENGINE_ADMIN_POLICIES_H

#include "engine/admin/api.h"

// A target of policies, as an ARN of this realm: a certificate or a thing group that exists, or an
// identity of Amazon Cognito, which is taken as it is. False: the call has failed (NotFound naming
// it, or InvalidRequest).
bool wr_policy_target_exists(struct wr_api_call *call, struct wr_db *db, wr_str target);

// How many policies are attached to it.
int64_t wr_policy_count_of(struct wr_api_call *call, struct wr_db *db, const char *target);
// Detach all (DeleteCertificate with forceDelete, a certificate that leaves the tenant).
void wr_policy_detach_all(struct wr_api_call *call, struct wr_db *db, const char *target);

#endif
