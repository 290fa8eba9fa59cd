// The local form of DynamoDB: one SQLite file, `state_dir`/local/dynamodb.db (actions.md 10);
// reading it. Thread: any; calls block.
//
//   "~tables"   name, sql_name, hash_key, hash_type, range_key, range_type     one row a table
//   <sql_name>  seq, hash, range, item                                         one row an item
//
// `sql_name` is the table's name, with ~1, ~2 … behind it where SQLite would take it for another
// one's (it does not tell `Orders` from `orders`). `hash` and `range` hold the key: S and B as they
// are, N as text that sorts like the numbers; `range` is '' without a range key. `item` is
// AttributeValue JSON. `seq` grows with every write, so that rows after the last seq seen are what
// is new.
#ifndef WR_SINKS_LIB_LOCAL_DYNAMODB_H
#define WR_SINKS_LIB_LOCAL_DYNAMODB_H

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"
#include "sql/base/value.h"

#define WR_LOCAL_DYNAMODB_FILE "local/dynamodb.db"

// All lent until the visit ends. Types are 'S', 'N' or 'B'; range_key is empty and its type 0
// without.
struct wr_local_dynamodb_table {
    wr_str name, hash_key, range_key;
    char hash_type, range_type;
    uint64_t items;
};

// Visit the tables in the order of their names until `visit` returns false. No file is no table.
wr_err wr_local_dynamodb_tables(const char *state_dir,
                                bool (*visit)(void *user,
                                              const struct wr_local_dynamodb_table *table),
                                void *user, struct wr_fault *fault) WR_MUST_CHECK;

enum wr_local_dynamodb_order {
    WR_LOCAL_DYNAMODB_BY_KEY,
    WR_LOCAL_DYNAMODB_BY_WRITE, // oldest first
};

// Visit the items of a table written after `after` (0: all). `item` is AttributeValue JSON, lent.
// WR_ERR_UNKNOWN when there is no such table.
wr_err wr_local_dynamodb_items(const char *state_dir, wr_str table,
                               enum wr_local_dynamodb_order order, int64_t after,
                               bool (*visit)(void *user, int64_t seq, wr_str item), void *user,
                               struct wr_fault *fault) WR_MUST_CHECK;

// ---- GetItem (local_dynamodb_get.c)

// A connection for reading single items, opened at the first call and again when the file was
// replaced. Thread: any, one at a time.
struct wr_local_dynamodb;
struct wr_local_dynamodb *wr_local_dynamodb_new(const char *state_dir);
void wr_local_dynamodb_free(struct wr_local_dynamodb *d);

// One part of a primary key. Binary keys cannot be looked up.
struct wr_local_dynamodb_key {
    wr_str name, value; // N: digits
    char type;          // 'S' or 'N'
};

// The item with this key as plain JSON, added to `out`: numbers as they are stored, B as base64,
// sets as arrays. `range` is NULL without a sort key. *found tells whether there is one. Faults, in
// DynamoDB's words: WR_ERR_UNKNOWN no such table, WR_ERR_TYPE and WR_ERR_RANGE a key that does not
// fit the schema, WR_ERR_LIMIT more than `size_max` bytes as DynamoDB counts them; WR_ERR_IO.
wr_err wr_local_dynamodb_get(struct wr_local_dynamodb *d, wr_str table,
                             const struct wr_local_dynamodb_key *hash,
                             const struct wr_local_dynamodb_key *range, size_t size_max,
                             struct wr_buf *out, bool *found, struct wr_fault *fault) WR_MUST_CHECK;

// An item of AttributeValue JSON (an object) as plain JSON, as wr_local_dynamodb_get() gives it.
// What is no AttributeValue becomes null.
void wr_local_dynamodb_plain(struct wr_buf *out, const wr_value *item, struct wr_arena *scratch);

#endif
