// A message as a JSON object: the members shared by conformance cases and message files
// (tests/corpus/FORMAT.md): topic, payload | payloadText | payloadBase64, and the message's
// context. Thread: the arena's owner.
#ifndef WR_ENGINE_CLI_MESSAGE_LINE_H
#define WR_ENGINE_CLI_MESSAGE_LINE_H

#include "sql/sql.h"

// A JSON object read once: `object` as a value, `text` as it was written.
struct wr_line {
    wr_str text;
    wr_value object;
};

// Parse one line. Fault: what is no JSON object, with its offset.
wr_err wr_line_read(wr_str text, struct wr_arena *arena, struct wr_line *out,
                    struct wr_fault *fault) WR_MUST_CHECK;

// Member `name` of an OBJECT, forced in the arena; Undefined without.
wr_value wr_line_member(const wr_value *object, const char *name, struct wr_arena *arena);
// A STRING member's text, or {NULL, 0}.
wr_str wr_line_text(const wr_value *object, const char *name, struct wr_arena *arena);

// Valid JSON without the blanks between its tokens.
wr_str wr_line_minified(wr_str json, struct wr_arena *arena);
// Member `name` as it is written in the line, without the blanks between its tokens; {NULL, 0}
// without. Texts keep their quotes and escapes.
wr_str wr_line_spelt(const struct wr_line *line, const char *name, struct wr_arena *arena);

// Fill the caller's part of `m` from the line's members and from `context` (an OBJECT, or
// Undefined). The payload is handed on as it is spelt, without the blanks between its tokens.
wr_err wr_line_message(const struct wr_line *line, const wr_value *context, struct wr_arena *arena,
                       struct wr_sql_message *m, struct wr_fault *fault) WR_MUST_CHECK;

// The same from `context` alone; topic and payload are the caller's.
wr_err wr_line_context(const wr_value *context, struct wr_arena *arena, struct wr_sql_message *m,
                       struct wr_fault *fault) WR_MUST_CHECK;

#endif
