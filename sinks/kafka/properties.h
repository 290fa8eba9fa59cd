// clientProperties of the kafka action: the Java client's names (actions.md 4.6), what they may be,
// what they need together, and what they become for librdkafka.
#ifndef WR_SINKS_KAFKA_PROPERTIES_H
#define WR_SINKS_KAFKA_PROPERTIES_H

#include "sinks/sink.h"

#include <librdkafka/rdkafka.h>

#define WR_KAFKA_PROPERTY_MAX 66560 // bytes of one value: AWS takes stores of 65 KB

// A copy of a rule's properties after templates were expanded: pairs in the rule's order.
struct wr_kafka_properties;
struct wr_kafka_properties *wr_kafka_properties_new(const struct wr_param *p);
// Overwrites them first: they may be secrets.
void wr_kafka_properties_free(struct wr_kafka_properties *s);
// The same names with the same values, in any order.
bool wr_kafka_properties_same(const struct wr_kafka_properties *s, const struct wr_param *p);
// The value of `name`; at NULL: it is not given.
wr_str wr_kafka_properties_get(const struct wr_kafka_properties *s, const char *name);

// At the load of a rule, `p` unexpanded. The fault begins with the member.
wr_err wr_kafka_properties_check(const struct wr_param *p, struct wr_fault *fault) WR_MUST_CHECK;

// What librdkafka and kinit read while the client lives, as files in memory; -1: none.
struct wr_kafka_secrets {
    int chain_fd, keytab_fd;
};
void wr_kafka_secrets_release(struct wr_kafka_secrets *s);

// Put the properties into `conf`. `bootstrap` not "": a broker of weir's own choice instead of the
// rule's, spoken to in the clear; then only acks and compression.type are the rule's. Faults name
// the property, never a value that may be secret; *secrets is to be released then too. Blocks:
// stores are unlocked. Thread: any, one at a time for a conf.
wr_err wr_kafka_properties_apply(const struct wr_kafka_properties *s, const char *bootstrap,
                                 rd_kafka_conf_t *conf, struct wr_kafka_secrets *secrets,
                                 struct wr_fault *fault) WR_MUST_CHECK;

#endif
