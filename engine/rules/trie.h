// The topic trie: which filters match a topic, by AWS's rules (sql.md 8.1).
// Thread: loop. Matching uses scratch memory of the trie, so that it never allocates.
#ifndef WR_ENGINE_RULES_TRIE_H
#define WR_ENGINE_RULES_TRIE_H

#include "sql/base/compiler.h"
#include "sql/base/str.h"

#include <stdint.h>

struct wr_trie;

// Give: an empty trie; wr_trie_free() it. NULL is accepted there.
struct wr_trie *wr_trie_new(void);
void wr_trie_free(struct wr_trie *t);

// Store `value` under `filter`, which passed wr_topic_filter_check(). The bytes are copied. Before
// wr_trie_seal() only. The same pair may be added twice.
void wr_trie_add(struct wr_trie *t, wr_str filter, uint32_t value);

// No more filters. From here on the trie does not change.
void wr_trie_seal(struct wr_trie *t);

// The values whose filters match `topic`: ascending, each once; `*values` is valid until the next
// call. Its time is bounded by the trie's nodes that lie on the topic's ways, not by the count of
// filters.
size_t wr_trie_match(struct wr_trie *t, wr_str topic, const uint32_t **values) WR_HOT;

#endif
