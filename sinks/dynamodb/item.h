// An item in AttributeValue JSON, made from values of the SQL language (actions.md 4.3).
// Thread: the arena's owner while making one; a finished item may be read by any.
#ifndef WR_SINKS_DYNAMODB_ITEM_H
#define WR_SINKS_DYNAMODB_ITEM_H

#include "sql/base/arena.h"
#include "sql/base/buf.h"
#include "sql/base/value.h"

#define WR_DYNAMODB_ITEM_MAX  (400 * 1024) // bytes as DynamoDB counts them: names and contents
#define WR_DYNAMODB_DEPTH_MAX 32           // levels of nested maps and lists

// One attribute of an item.
struct wr_dynamodb_attr {
    wr_str name;
    wr_str json;      // {"S":"…"}
    wr_str scalar;    // S: the text, N: the canonical digits; else empty
    const char *type; // "S", "N", "B", "BOOL", "NULL", "M", "L"
    size_t start_;    // of json, while the item is made
};

// Everything lives in the arena it was made in, or in what it was made of.
struct wr_dynamodb_item {
    wr_str json; // {"name":{"S":"…"},…}
    const struct wr_dynamodb_attr *attrs;
    size_t count;
    size_t size; // as DynamoDB counts
};

// An item under construction. Embedded by value; nothing to release.
struct wr_dynamodb_builder {
    struct wr_arena *arena;
    enum wr_dialect dialect;
    struct wr_buf json_;
    struct wr_dynamodb_attr *attrs_;
    size_t count_, cap_, size_;
    const char *trouble_; // the first one
};

// Room for `count` attributes.
void wr_dynamodb_builder_init(struct wr_dynamodb_builder *b, struct wr_arena *arena,
                              enum wr_dialect dialect, size_t count);
// Names and contents must outlive the item. Undefined adds nothing. Lazy parts are decoded on
// copies. Numbers keep the digits of the source up to 38.
void wr_dynamodb_builder_add(struct wr_dynamodb_builder *b, wr_str name, const wr_value *value);
// Text as a String (`type` 'S') or as a Number ('N').
void wr_dynamodb_builder_add_text(struct wr_dynamodb_builder *b, wr_str name, char type,
                                  wr_str text);
void wr_dynamodb_builder_add_binary(struct wr_dynamodb_builder *b, wr_str name, wr_str bytes);
// NULL and the item, or what is wrong with it in DynamoDB's words (over 400 KB, no number, …).
const char *wr_dynamodb_builder_done(struct wr_dynamodb_builder *b,
                                     struct wr_dynamodb_item *out) WR_MUST_CHECK;

// Size of an item read back: `item` is its JSON as a value.
size_t wr_dynamodb_item_size(const wr_value *item, struct wr_arena *arena);

#endif
