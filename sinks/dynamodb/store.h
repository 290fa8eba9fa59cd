// The local form of DynamoDB, writing: PutItem, UpdateItem and DeleteItem on one SQLite file
// (lib/local_dynamodb.h has its layout).
// Thread: one at a time; calls block. The sink opens it on the loop and runs jobs on uv's thread
// pool.
#ifndef WR_SINKS_DYNAMODB_STORE_H
#define WR_SINKS_DYNAMODB_STORE_H

#include "sinks/dynamodb/item.h"
#include "sinks/sink.h"

#define WR_DYNAMODB_TABLES_MAX 2500 // AWS's quota; templates must not make tables without end

// Key schema of a table. Types are 'S', 'N' or 'B'; no range key: empty name, type 0.
struct wr_dynamodb_schema {
    wr_str hash_name, range_name;
    char hash_type, range_type;
};

enum wr_dynamodb_op { WR_DYNAMODB_PUT, WR_DYNAMODB_UPDATE, WR_DYNAMODB_DELETE };

// One write. What it points to is only read and outlives wr_dynamodb_store_run().
struct wr_dynamodb_job {
    enum wr_dynamodb_op op;
    wr_str table;
    // PUT: all attributes. DELETE: the key's. UPDATE: the key's, then the one to set.
    struct wr_dynamodb_item item;
    // Key schema of the table that is made when there is none; NULL: then it is an error.
    const struct wr_dynamodb_schema *infer;
    struct wr_dynamodb_job *next;

    // The answer.
    enum wr_verdict verdict;
    const char *code; // "ValidationException"; NULL when delivered
    int status;       // as HTTP
    char *message;    // give: free()
};

struct wr_dynamodb_store;

// NULL when `table` can be a table's name, or what is wrong.
const char *wr_dynamodb_table_trouble(wr_str table);

// Open or make `state_dir`/local/dynamodb.db. Waits up to `busy_ms` for another writer, here and
// later.
wr_err wr_dynamodb_store_open(const char *state_dir, int busy_ms, struct wr_dynamodb_store **out,
                              struct wr_fault *fault) WR_MUST_CHECK;
void wr_dynamodb_store_close(struct wr_dynamodb_store *store);

// Make a table, or check that it has this schema. An empty table takes the new schema.
wr_err wr_dynamodb_store_declare(struct wr_dynamodb_store *store, wr_str table,
                                 const struct wr_dynamodb_schema *schema,
                                 struct wr_fault *fault) WR_MUST_CHECK;

// Run the jobs of a list in order, in one transaction, and fill in every answer.
void wr_dynamodb_store_run(struct wr_dynamodb_store *store, struct wr_dynamodb_job *jobs);

#endif
