// JSON text: validating reader that keeps only what is asked for, tree maker, canonical writer.
// Strict RFC 8259 and valid UTF-8 (sql.md 10); no number is converted here.
// Thread: any.
#ifndef WR_BASE_JSON_H
#define WR_BASE_JSON_H

#include "sql/base/arena.h"
#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/value.h"

#define WR_JSON_DEPTH_MAX 512 // sql.md 14: deeper payloads are Raw

// ---- which paths to keep

// A trie of the paths wanted from a payload; immutable once built. Every path has a slot.
struct wr_paths;

// A path is a list of object keys; the empty path is the whole document. `slots[i]` is given the
// slot of path i; equal paths share one. Slots are 0 .. wr_paths_count()-1. Copies the keys.
struct wr_path {
    const wr_str *keys;
    size_t len;
};
struct wr_paths *wr_paths_new(const struct wr_path *paths, size_t count, uint32_t *slots);
void wr_paths_free(struct wr_paths *p);
size_t wr_paths_count(const struct wr_paths *p);
// The slot of a path that it was made with.
uint32_t wr_paths_slot(const struct wr_paths *p, const struct wr_path *path);

// ---- reading

enum wr_json_kind {
    WR_JSON_VALID,     // an Object or Array at top level
    WR_JSON_SCALAR,    // valid, but a bare scalar: Raw to SQL
    WR_JSON_MALFORMED, // or invalid UTF-8
    WR_JSON_TOO_DEEP,
};

// One pass over `text`: validates all of it and sets values[slot] for every path, lazily (value.h),
// WR_UNDEFINED where the path is missing. Values borrow from `text`. Repeated keys: the last wins,
// for the whole subtree. Unless the answer is WR_JSON_VALID (or WR_JSON_SCALAR, which sets the slot
// of the empty path), all values are Undefined. `*error_at` (may be NULL) is the byte offset of the
// first error. No allocation. Never reads past text.len.
enum wr_json_kind wr_json_read(const struct wr_paths *paths, wr_str text, wr_value *values,
                               size_t *error_at) WR_HOT;

// A whole text as one value, forced (leaves may be lazy), scalars too. Fault places are offsets.
wr_err wr_json_parse(wr_str text, struct wr_arena *arena, enum wr_dialect dialect, wr_value *out,
                     struct wr_fault *fault) WR_MUST_CHECK;

// ---- writing (sql.md section 9)

// Canonical compact JSON; Undefined members and items are left out, RAW becomes a base64 string, an
// Undefined itself writes nothing. `scratch` serves lazy parts, and its fuel pays: at its end `b`
// is over and scratch->spent is set.
void wr_json_write(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                   enum wr_dialect dialect);

// Give a lazy OBJECT or ARRAY its canonical text (WR_V_CANON), in `arena`, if that can be had
// without a tree; false, and `v` is as it was, if not (a key that is repeated, a number out of
// range).
bool wr_json_squeeze(wr_value *v, struct wr_arena *arena, enum wr_dialect dialect) WR_MUST_CHECK;
// Whether a canonical OBJECT's text may have the member `key`, which needs no escape; true also
// where a member further down, or a text, has this name.
bool wr_json_has_key(wr_str text, wr_str key);
// Append members to a canonical OBJECT, none of which it has, or Undefined: in its text, in
// `arena`. False, and `v` is as it was, when a limit was met.
bool wr_json_extend(wr_value *v, const struct wr_member *members, uint32_t count,
                    struct wr_arena *arena, enum wr_dialect dialect) WR_MUST_CHECK;

// No compact JSON of `v` is longer. Stops counting soon after `max`. Cheap: spares the writer for
// all but large values.
size_t wr_json_bound(const wr_value *v, size_t max);
// A JSON string with quotes and escapes.
void wr_json_write_string(struct wr_buf *b, wr_str s);

#endif
