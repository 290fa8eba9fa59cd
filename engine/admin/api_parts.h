// What the families of things, types and groups share: attributes, descriptions, versions, names
// that may also be given as ARNs.
// Thread: the registry's, in `run` of an operation.
#ifndef WR_ENGINE_ADMIN_API_PARTS_H
#define WR_ENGINE_ADMIN_API_PARTS_H

#include "engine/admin/api_tags.h"

#define WR_LIST_PAGE 50 // of a listing without maxResults (control-plane.md 13)
// control-plane.md 3
#define WR_ATTRIBUTES_UNTYPED 3
#define WR_ATTRIBUTES_MAX     50 // of a thing with a type, of a group
#define WR_ATTRIBUTES_BYTES   (47 * 1024)
#define WR_DESCRIPTION_MAX    2028

// A member that is a name of a thing, type or group, in the body or the query.
#define WR_API_NAME(name_) \
    WR_API_BODY(name_, STRING, .pattern = WR_API_THING_PATTERN, .min = 1, .max = 128)
#define WR_API_NAME_QUERY(name_) \
    WR_API_QUERY(name_, STRING, .pattern = WR_API_THING_PATTERN, .min = 1, .max = 128)

// What `payload` (an attributePayload, NULL: none was given) makes of `old` (NULL: no attributes):
// replaced, or merged when it says so; an empty value removes. `where` is its name in errors. Give;
// NULL: the call has failed.
json_t *wr_api_attributes(struct wr_api_call *call, const json_t *payload, const json_t *old,
                          const char *where);

// A description: at most 2028 printable characters. NULL is good. False: the call has failed.
bool wr_api_check_description(struct wr_api_call *call, const char *where, const json_t *text);

// The member expectedVersion, if given, must be `version`. False: the call has failed.
bool wr_api_check_version(struct wr_api_call *call, int64_t version);

// A string of the object `from`, or NULL; anything else than a string makes the call fail. The same
// for objects.
const json_t *wr_api_string_in(struct wr_api_call *call, const json_t *from, const char *name,
                               const char *where);
const json_t *wr_api_object_in(struct wr_api_call *call, const json_t *from, const char *name,
                               const char *where);

// The name that the call gives as member `name` or as ARN in member `arn` ("TYPE/NAME"), borrowed
// from call->in. {NULL, 0}: neither, or two different ones, or another account's; the call has
// failed.
wr_str wr_api_name_or_arn(struct wr_api_call *call, const char *name, const char *arn,
                          const char *type);

// Ids of rows; 0: the call has failed (NotFound), or the database.
int64_t wr_api_find_thing(struct wr_api_call *call, struct wr_db *db, wr_str name);
int64_t wr_api_find_group(struct wr_api_call *call, struct wr_db *db, wr_str name);
int64_t wr_api_find_billing(struct wr_api_call *call, struct wr_db *db, wr_str name);

// {NAME: …, ARN: "TYPE/…"}, as lists have them. Give.
json_t *wr_api_named(const struct wr_api_call *call, const char *name_member,
                     const char *arn_member, const char *type, wr_str name);
// The three that creating answers.
void wr_api_answer_ids(struct wr_api_call *call, const char *what, const char *type,
                       const char *name, wr_str id);

// The member "tags" of operations that create something (api_tags.h).
#define WR_API_TAGS WR_API_BODY("tags", LIST)

#endif
