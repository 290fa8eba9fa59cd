// Values and pieces of statements as people read them: short, on one line, safe on a terminal.
// Thread: the arena's owner.
#ifndef WR_SQL_EXPLAIN_SHOW_H
#define WR_SQL_EXPLAIN_SHOW_H

#include "sql/base/buf.h"
#include "sql/base/value.h"

#define WR_SHOW_STRING_MAX  120   // bytes of a String that are shown; then its length
#define WR_SHOW_ITEMS_MAX   8     // items of an Array, members of an Object
#define WR_SHOW_DEPTH_MAX   3     // containers within containers
#define WR_SHOW_SOURCE_MAX  100   // characters of a piece of a statement
#define WR_SHOW_MESSAGE_MAX 16384 // bytes of a payload or of an expanded template

// `v` as JSON, shortened: "…" and a count stand for what is left out. "Undefined", and Raw as its
// number of bytes with the beginning. Lazy parts are decoded in `arena`, on copies.
void wr_show_text(struct wr_buf *out, const wr_value *v, struct wr_arena *arena,
                  enum wr_dialect dialect);
// The same behind its type: `Int 35`, `String "a"`, `true`, `Array of 2 [1,2]`, `Undefined`.
void wr_show_value(struct wr_buf *out, const wr_value *v, struct wr_arena *arena,
                   enum wr_dialect dialect);

// A piece of a statement: line breaks and blanks in a row as one blank, cut in the middle with "…".
void wr_show_source(struct wr_buf *out, wr_str source);

// Bytes of an outgoing payload or a text: UTF-8 as it is but for control characters, other bytes as
// base64; cut at WR_SHOW_MESSAGE_MAX with a count.
void wr_show_bytes(struct wr_buf *out, wr_str bytes);

// A JSON string of `s`, control characters above U+007E escaped too: terminals obey them.
void wr_show_string(struct wr_buf *out, wr_str s);

#endif
