// What a source file says, as a tree in which every value knows its place: JSON and YAML read into
// the same nodes, which the forms (form.h) then turn into rule documents. jansson and libyaml alone
// do not do: the one gives no places, the other is not JSON.
// Thread: start. Everything lives in the source's arena.
#ifndef WR_ENGINE_CLI_CHECK_TREE_H
#define WR_ENGINE_CLI_CHECK_TREE_H

#include "sql/base/arena.h"
#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <jansson.h>

#define WR_TREE_FILE_MAX (32 * 1024 * 1024) // plans of large Terraform projects have some megabytes
#define WR_TREE_NODES_MAX \
    2000000 // what 32 MiB of a plan has, and an end to aliases of aliases in YAML
#define WR_TREE_DEPTH_MAX  128 // templates nest 10 to 20 levels; reading and resolving recurse
#define WR_TREE_MEMORY_MAX ((size_t)1024 * 1024 * 1024)

enum wr_tree_kind {
    WR_TREE_NULL,
    WR_TREE_BOOL,
    WR_TREE_NUMBER,
    WR_TREE_TEXT,
    WR_TREE_LIST,
    WR_TREE_MAP
};

// How a scalar is written, for finding a byte of it in the file.
enum wr_tree_style {
    WR_TREE_NO_STYLE, // not a scalar, or made and not read
    WR_TREE_JSON,
    WR_TREE_PLAIN,  // YAML: abc
    WR_TREE_SINGLE, // 'abc'
    WR_TREE_DOUBLE, // "abc"
    WR_TREE_BLOCK,  // | or >
};

// 1-based, columns in characters; offset in bytes. line 0: nowhere.
struct wr_place {
    uint32_t offset, line, column;
};

struct wr_tree;

// A run of a text that was put together (Fn::Sub, Fn::Join): bytes from `at` on come from byte
// `from_at` of `from`. `from` NULL: they stand nowhere in the file.
struct wr_tree_piece {
    uint32_t at, from_at;
    const struct wr_tree *from;
};

struct wr_tree {
    enum wr_tree_kind kind;
    enum wr_tree_style style;
    wr_str key;  // in a map, else at NULL
    wr_str tag;  // YAML: "Sub" for !Sub, else at NULL
    wr_str text; // TEXT: decoded, terminated. NUMBER: as written. BOOL: true or false
    struct wr_place at, key_at;
    uint32_t end; // of the value, in bytes of the file
    size_t count; // LIST, MAP
    struct wr_tree *first, *next;
    struct wr_tree *last; // of what wr_tree_add() made
    // What resolving adds:
    const char
        *unknown; // not known before it is deployed, and what it hangs on; `text` is a stand-in
    const struct wr_tree_piece *pieces;
    size_t piece_count;
};

struct wr_source {
    const char *name; // as given, for people
    wr_str text;      // the file
    struct wr_arena arena;
    struct wr_tree *root;
    size_t node_count;
    char *text_;
};

// Read all of `name` into source->text; not NULL-terminated input is fine. Faults say what is
// wrong, without the file's name. The source is wr_source_release()d also after a failure.
wr_err wr_source_read(struct wr_source *s, const char *name, struct wr_fault *fault) WR_MUST_CHECK;
// The same from text that the caller has; copied.
void wr_source_of(struct wr_source *s, const char *name, wr_str text);
void wr_source_release(struct wr_source *s);

// text to root. Strict JSON (RFC 8259, no duplicate keys); YAML 1.1 as libyaml takes it, one
// document, aliases copied. A fault has line and column, 0 when it is about the whole file.
wr_err wr_tree_read_json(struct wr_source *s, struct wr_fault *fault) WR_MUST_CHECK;
wr_err wr_tree_read_yaml(struct wr_source *s, struct wr_fault *fault) WR_MUST_CHECK;

// A node, counted against WR_TREE_NODES_MAX; NULL: too many, or too much memory.
struct wr_tree *wr_tree_new(struct wr_source *s, enum wr_tree_kind kind) WR_MUST_CHECK;
void wr_tree_add(struct wr_tree *parent, struct wr_tree *child); // at the end

// A member whose key stands before it in the map already, *first where; NULL: there is none.
const struct wr_tree *wr_tree_repeated(const struct wr_tree *map, const struct wr_tree **first);

// Member of a map; NULL: there is none, or `t` (may be NULL) is no map.
struct wr_tree *wr_tree_get(const struct wr_tree *t, const char *key);
// Entry of a list; NULL likewise.
struct wr_tree *wr_tree_item(const struct wr_tree *t, size_t index);
// The value is a text (or not there: false) equal to `text`.
bool wr_tree_is(const struct wr_tree *t, const char *text);

// The node at a path such as "actions[0].s3.key" (names may hold dots), or the nearest on the way
// to it; *whole tells which.
const struct wr_tree *wr_tree_find(const struct wr_tree *t, const char *path, bool *whole);

// Where byte `at` of a text stands in the file. False: it cannot be told; *out is then the place of
// the value.
bool wr_tree_place(const struct wr_source *s, const struct wr_tree *t, size_t at,
                   struct wr_place *out);

// The place of byte `offset` of the file.
struct wr_place wr_source_place(const struct wr_source *s, size_t offset);

// Give: the same as jansson's value. Numbers beyond 64 bits become reals.
json_t *wr_tree_json(const struct wr_tree *t);

// "a string", "a list", …: as wr_json_kind_name().
const char *wr_tree_kind_name(const struct wr_tree *t);

#endif
