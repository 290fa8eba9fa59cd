// Tags of resources (control-plane.md 5): rules, policies, thing types, groups, CA certificates and
// more, by their ARN. Operations that take tags when they create something call these.
// Thread: the registry's.
#ifndef WR_ENGINE_ADMIN_API_TAGS_H
#define WR_ENGINE_ADMIN_API_TAGS_H

#include "engine/admin/api.h"

#define WR_TAGS_MAX 50 // of one resource

// Give `arn` the tags of `tags`, a list of {"Key": …, "Value": …} as calls have it (NULL: none);
// values of keys that it has are replaced. False: the call has failed.
bool wr_api_set_tags(struct wr_api_call *call, struct wr_db *db, const char *arn, json_t *tags);
// Likewise from a header like x-amz-tagging: "a=b&c=d", percent-encoded.
bool wr_api_set_tags_text(struct wr_api_call *call, struct wr_db *db, const char *arn, wr_str text);
// The resource is gone.
void wr_api_drop_tags(struct wr_api_call *call, struct wr_db *db, const char *arn);

#endif
