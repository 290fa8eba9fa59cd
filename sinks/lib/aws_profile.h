// ~/.aws/config and ~/.aws/credentials: what they say, without judging it (aws_plan.h does).
// Thread: any; made by one, then read-only.
#ifndef WR_SINKS_LIB_AWS_PROFILE_H
#define WR_SINKS_LIB_AWS_PROFILE_H

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#define WR_AWS_PROFILE_FILE_MAX (1u << 20) // bytes; people write these by hand

struct wr_aws_profiles;

enum wr_aws_section {
    WR_AWS_SECTION_PROFILE,  // [default], [profile NAME]; of the config file
    WR_AWS_SECTION_KEYS,     // [NAME] of the credentials file
    WR_AWS_SECTION_SERVICES, // [services NAME]
    WR_AWS_SECTION_SSO,      // [sso-session NAME]
    WR_AWS_SECTION_OTHER,    // anything else: ignored, as AWS's own tools do
};

// Read both files: AWS_CONFIG_FILE or ~/.aws/config, AWS_SHARED_CREDENTIALS_FILE or
// ~/.aws/credentials. A file that does not exist is empty. May block: start, or a thread of the
// pool. Faults name the file and the line, never what stands there: it may be a secret. Give:
// wr_aws_profiles_free(), which wipes what was read; NULL is accepted there.
wr_err wr_aws_profiles_load(struct wr_aws_profiles **out, struct wr_fault *fault) WR_MUST_CHECK;
// The same from texts, which are copied.
wr_err wr_aws_profiles_parse(wr_str config, wr_str credentials, struct wr_aws_profiles **out,
                             struct wr_fault *fault) WR_MUST_CHECK;
void wr_aws_profiles_free(struct wr_aws_profiles *p);

// The path of a file as load() finds it; `credentials` chooses. Empty without a home.
void wr_aws_profiles_path(bool credentials, struct wr_buf *path);

// All of a small file, appended. Faults: WR_ERR_MISSING (no such file), WR_ERR_IO, WR_ERR_LIMIT
// (more than `max` bytes); each with the path. May block.
wr_err wr_aws_file_read(const char *path, size_t max, struct wr_buf *b,
                        struct wr_fault *fault) WR_MUST_CHECK;

// All borrowed from `p`; empty when it is not there.
bool wr_aws_profile_exists(const struct wr_aws_profiles *p, wr_str profile);
// A key of a profile, from the credentials file if it is there, else from the config file.
wr_str wr_aws_profile_get(const struct wr_aws_profiles *p, wr_str profile, const char *key);
wr_str wr_aws_profile_key(const struct wr_aws_profiles *p, enum wr_aws_section kind, wr_str section,
                          const char *key);
// A key indented below another one: "endpoint_url" below "s3".
wr_str wr_aws_profile_nested(const struct wr_aws_profiles *p, enum wr_aws_section kind,
                             wr_str section, const char *parent, const char *key);

#endif
