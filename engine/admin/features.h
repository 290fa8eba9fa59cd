// What can be set for a tenant (control-plane.md 9), as a table: names, kinds, checks.
// Thread: any; wr_feature_check() the registry's.
#ifndef WR_ENGINE_ADMIN_FEATURES_H
#define WR_ENGINE_ADMIN_FEATURES_H

#include <jansson.h>

#include "engine/registry/db.h"

#define WR_FEATURE_PREFIX_MAX 128       // bytes: devices write it in every topic
#define WR_FEATURE_COUNT_MAX  100000000 // of a quota

// FEATURE(id, name, kind, help)
#define WR_FEATURES(FEATURE)                                                                     \
    FEATURE(ENABLED, "iot.enabled", FLAG,                                                        \
            "AWS IoT for the tenant; off: its calls are refused "                                \
            "and its devices do not connect")                                                    \
    FEATURE(TOPIC_PREFIX, "iot.topic_prefix", TOPIC,                                             \
            "what every topic of the tenant begins "                                             \
            "with, to a slash")                                                                  \
    FEATURE(THING_PREFIX, "iot.thing_prefix", THING, "what names of things begin with")          \
    FEATURE(RULE_PREFIX, "iot.rule_prefix", RULE, "what names of rules begin with")              \
    FEATURE(ENFORCE_PREFIX, "iot.enforce_prefix", FLAG,                                          \
            "names without their prefix are refused "                                            \
            "over the AWS API too")                                                              \
    FEATURE(DEFAULT_THING_TYPE, "iot.default_thing_type", THING, "made when IoT is enabled")     \
    FEATURE(DEFAULT_POLICY, "iot.default_policy", POLICY,                                        \
            "made when IoT is enabled: the "                                                     \
            "tenant's topics, nothing else")                                                     \
    FEATURE(KEY_ESCROW, "iot.key_escrow", ESCROW, "keys of devices: off, once or keep")          \
    FEATURE(BROKER, "iot.broker", NAME, "a broker of its own, by its name in the configuration") \
    FEATURE(TENANT_ATTRIBUTE, "iot.tenant_attribute", ATTRIBUTE,                                 \
            "attribute that the console adds to each "                                           \
            "thing: the tenant's name")                                                          \
    FEATURE(AWS_ACCOUNT, "iot.aws_account", ACCOUNT,                                             \
            "the tenant's account at AWS: the console "                                          \
            "links to the pages there")                                                          \
    FEATURE(QUOTA_THINGS, "iot.quota.things", COUNT, "things, all regions together")             \
    FEATURE(QUOTA_CERTIFICATES, "iot.quota.certificates", COUNT, "certificates, all regions")    \
    FEATURE(QUOTA_RULES, "iot.quota.rules", COUNT, "rules, all regions")                         \
    FEATURE(QUOTA_MESSAGES, "iot.quota.messages_per_second", COUNT,                              \
            "messages a second that its "                                                        \
            "rules get; further ones are counted, and not tried on them")                        \
    FEATURE(QUOTA_RULE_CPU, "iot.quota.rule_cpu", PERCENT,                                       \
            "percent of one processor that its rules may take; likewise")

enum wr_feature {
#define FEATURE(id, name, kind, help) WR_FEATURE_##id,
    WR_FEATURES(FEATURE)
#undef FEATURE
        WR_FEATURES_COUNT_,
};

const char *wr_feature_name(enum wr_feature feature);
const char *wr_feature_help(enum wr_feature feature);
// False: there is no such feature.
bool wr_feature_of(wr_str name, enum wr_feature *out);

// Whether `value` is one for the feature; a topic prefix may also not overlap with that of another
// tenant than `tenant`, for one would see the other's messages. The fault says what is expected.
wr_err wr_feature_check(struct wr_db *db, int64_t tenant, enum wr_feature feature,
                        const json_t *value, struct wr_fault *fault) WR_MUST_CHECK;

#endif
