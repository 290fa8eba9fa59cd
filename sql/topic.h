// Topic names and filters: sql.md 8.1. One matcher for everybody; the trie is engine/rules/trie.
// Thread: any.
#ifndef WR_SQL_TOPIC_H
#define WR_SQL_TOPIC_H

#include "sql/base/err.h"
#include "sql/base/str.h"

#define WR_TOPIC_LEN_MAX 65535 // MQTT: two bytes of length

// A topic filter: not empty, no NUL, valid UTF-8, `+` and `#` alone in their level, `#` last.
wr_err wr_topic_filter_check(wr_str filter, struct wr_fault *fault);

// A topic to publish to: not empty, no wildcard, no NUL, valid UTF-8, at most WR_TOPIC_LEN_MAX
// bytes.
wr_err wr_topic_name_check(wr_str topic, struct wr_fault *fault);

// AWS's matching: `a/#` does not match `a` but does match `a/`; `+` matches an empty level; filters
// that begin with a wildcard do not match topics that begin with `$`.
bool wr_topic_matches(wr_str filter, wr_str topic);

// The broker's matching: as above, but `a/#` matches `a` too (MQTT 5, 4.7.1.2).
bool wr_topic_matches_mqtt(wr_str filter, wr_str topic);

// Whether every topic that `narrow` matches is matched by `wide` as well (by the broker's rules).
bool wr_topic_covers(wr_str wide, wr_str narrow);

// Whether some topic is matched by both filters (by the broker's rules).
bool wr_topic_overlap(wr_str a, wr_str b);

// Level `index` (0-based) of a topic; false when there are fewer.
bool wr_topic_level(wr_str topic, size_t index, wr_str *level);

// Splits `$aws/rules/<rule>/<rest>`: true when `topic` is a Basic Ingest topic. `rest` is empty for
// `$aws/rules/<rule>`.
bool wr_topic_basic_ingest(wr_str topic, wr_str *rule, wr_str *rest);

#endif
