// The topic trie: which filters match a topic, by AWS's rules (sql.md 8.1). Filters come and go one
// by one. Thread: loop. It uses scratch memory of the trie, so that matching never allocates.
#ifndef WR_ENGINE_RULES_TRIE_H
#define WR_ENGINE_RULES_TRIE_H

#include "sql/base/compiler.h"
#include "sql/base/str.h"

#include <stdint.h>

struct wr_trie;

// Give: an empty trie; wr_trie_free() it. NULL is accepted there.
struct wr_trie *wr_trie_new(void);
void wr_trie_free(struct wr_trie *t);

// Store `value` under `filter`, which passed wr_topic_filter_check(). The bytes are copied. The
// same pair may be added twice. True: nothing was under this filter. The time is that of the
// filter's levels, and of the list of what is under it.
bool wr_trie_add(struct wr_trie *t, wr_str filter, uint32_t value);
// Take out the pair, which must be there; one of it, when it was added twice. True: nothing is
// under this filter any more.
bool wr_trie_remove(struct wr_trie *t, wr_str filter, uint32_t value);

// What is under this very filter, ascending; `*values` is valid until the next change.
size_t wr_trie_find(struct wr_trie *t, wr_str filter, const uint32_t **values);
size_t wr_trie_filters(const struct wr_trie *t); // how many filters there are

// The values whose filters match `topic`: ascending, each once; `*values` is valid until the next
// call. Its time is bounded by the trie's nodes that lie on the topic's ways, not by the count of
// filters.
size_t wr_trie_match(struct wr_trie *t, wr_str topic, const uint32_t **values) WR_HOT;

#endif
