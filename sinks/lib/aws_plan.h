// Where credentials come from: the order of actions.md 9.1, decided from the environment, the
// profiles and weir's own settings. Decides only; aws_fetch.h goes and gets them.
// Thread: any.
#ifndef WR_SINKS_LIB_AWS_PLAN_H
#define WR_SINKS_LIB_AWS_PLAN_H

#include "sinks/lib/aws_profile.h"
#include "sql/base/arena.h"
#include "sql/base/err.h"

#define WR_AWS_ROLES_MAX \
    8 // roles assumed one after the other; AWS itself ends a session chain early

// PROVIDER(name, as people read it)
#define WR_AWS_PROVIDER_MAP(PROVIDER)              \
    PROVIDER(NONE, "none")                         \
    PROVIDER(SETTINGS, "weir.yaml")                \
    PROVIDER(ENVIRONMENT, "environment")           \
    PROVIDER(CREDENTIALS_FILE, "credentials file") \
    PROVIDER(CONFIG_FILE, "config file")           \
    PROVIDER(WEB_IDENTITY, "web identity")         \
    PROVIDER(PROCESS, "credential_process")        \
    PROVIDER(CONTAINER, "container endpoint")      \
    PROVIDER(IMDS, "instance metadata")            \
    PROVIDER(IOT, "IoT credentials provider")      \
    PROVIDER(BASE, "another role's credentials")

enum wr_aws_provider {
#define PROVIDER(name, text) WR_AWS_PROVIDER_##name,
    WR_AWS_PROVIDER_MAP(PROVIDER)
#undef PROVIDER
};
const char *wr_aws_provider_name(enum wr_aws_provider provider);

// What one is told to use. Empty strings: not said. Borrowed.
struct wr_aws_source {
    wr_str profile; // chosen by weir's own settings: the environment's keys do not count then
    wr_str key_id, secret, token; // static, by weir's own settings
    // The IoT credentials provider: "https://prefix.credentials.iot.region.amazonaws.com"
    wr_str iot_endpoint, iot_role_alias, iot_thing;
    const char *iot_cert_file, *iot_key_file, *iot_ca_file;
    // Assume this role with the credentials of another source (BASE).
    wr_str role_arn;
};

struct wr_aws_role {
    wr_str arn, external_id, session_name; // session_name empty: one is made
    uint32_t duration_s;                   // 0: AWS's default, an hour
};

// Borrows from the source, the profiles, the environment, and the arena.
struct wr_aws_plan {
    enum wr_aws_provider provider;
    wr_str key_id, secret, token;               // static ones
    int64_t expires_ms;                         // ENVIRONMENT; 0: never
    wr_str command;                             // PROCESS
    wr_str token_file;                          // WEB_IDENTITY
    struct wr_aws_role web;                     // WEB_IDENTITY
    wr_str url;                                 // CONTAINER, IMDS (without slash at its end), IOT
    wr_str auth_token, auth_token_file;         // CONTAINER
    struct wr_aws_role roles[WR_AWS_ROLES_MAX]; // assumed in this order
    size_t role_count;
    wr_str region; // of the profile or the environment; empty: not said
    wr_str profile;
    uint32_t imds_timeout_ms, imds_attempts;
    bool imds_v1_disabled;
};

// Decide. WR_ERR_MISSING: there are no credentials anywhere; others: what is there cannot be used.
// The fault says which variable, profile or key is wrong, never what it holds.
wr_err wr_aws_plan_make(const struct wr_aws_source *source, const struct wr_aws_profiles *profiles,
                        struct wr_arena *arena, struct wr_aws_plan *out,
                        struct wr_fault *fault) WR_MUST_CHECK;

// The profile that is used: the source's, AWS_PROFILE, AWS_DEFAULT_PROFILE, or "default".
wr_str wr_aws_profile_name(const struct wr_aws_source *source);

// The region that the environment or the profile says; empty: neither.
wr_str wr_aws_region(const struct wr_aws_source *source, const struct wr_aws_profiles *profiles);

// Where the container's agent listens: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI behind 169.254.170.2,
// or AWS_CONTAINER_CREDENTIALS_FULL_URI if it is https, on a loopback address, or one of the
// agents' own. WR_ERR_MISSING: neither is set.
wr_err wr_aws_container_url(struct wr_arena *arena, wr_str *url,
                            struct wr_fault *fault) WR_MUST_CHECK;

// "2018-01-18T09:18:06Z", with a fraction or an offset of hours too. False when it is not.
bool wr_aws_time_read(wr_str text, int64_t *time_ms) WR_MUST_CHECK;

#endif
