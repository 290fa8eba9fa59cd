// What may have been meant by a path that is Undefined: other case, another spelling, another level
// of nesting. Thread: the arena's owner. Not for the message path.
#ifndef WR_SQL_EXPLAIN_NEAR_H
#define WR_SQL_EXPLAIN_NEAR_H

#include "sql/base/buf.h"
#include "sql/base/json.h"

#define WR_NEAR_VISITS_MAX 20000 // values looked at: a payload may hold a million
#define WR_NEAR_SHOWN_MAX  3     // suggestions

// Where the path was looked for, and what it was looked for in.
struct wr_near {
    const wr_value *root; // forced: the payload, or the row of a nested query
    const char *where;    // "the payload", "the row"
    struct wr_arena *arena;
    enum wr_dialect dialect;
};

// Append why keys[0..count) is Undefined in n->root, on one line: "not in the payload; did you mean
// temperature?", "door is a String, which has no members". `*telling` (may be NULL): it
// says more than that the path is not there. False, and nothing added, when the path leads to a
// value.
bool wr_near_explain(const struct wr_near *n, const wr_str *keys, size_t count, struct wr_buf *out,
                     bool *telling);

// The path as an expression of a statement: `a.b`, `get(a, 'b c').d`, `*` for no keys.
void wr_near_spell(const wr_str *keys, size_t count, struct wr_buf *out);

#endif
