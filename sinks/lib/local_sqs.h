// The local form of SQS: one SQLite file, `state_dir`/local/sqs.db (actions.md 10). Writing to its
// queues, from the sinks sqs and sns; looking at them; receiving and deleting as a consumer does.
//
//   queues    name, url, created_ms                                   one row a queue
//   messages  seq, queue, id, body, sent_ms, visible_ms, received, receipt     one row a message
//
// A queue is made by its first message. `seq` grows with every message, so that rows after the last
// one seen are what is new. A message is received by whoever moves its `visible_ms` (wall clock)
// into the future; he has that long to delete it, then it comes back: any program that speaks
// SQLite can be a consumer, with the two statements of wr_local_sqs_receive_sql and _delete_sql.
#ifndef WR_SINKS_LIB_LOCAL_SQS_H
#define WR_SINKS_LIB_LOCAL_SQS_H

#include "sinks/lib/turns.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#define WR_LOCAL_SQS_FILE     "local/sqs.db"
#define WR_LOCAL_SQS_ID_LEN   36      // of a message id
#define WR_LOCAL_SQS_BODY_MAX 1048576 // bytes, as in SQS
#define WR_LOCAL_SQS_NAME_MAX 80      // characters of a queue's name, as in SQS
#define WR_LOCAL_SQS_BUSY_MS  5000    // how long another writer is waited for

// ?1 queue, ?2 the wall clock in ms, ?3 visibility timeout in ms, ?4 a new receipt, ?5 how many
extern const char wr_local_sqs_receive_sql[];
// ?1 receipt
extern const char wr_local_sqs_delete_sql[];

// ---- writing. Thread: loop; the file is written on a worker, one transaction for all that wait

struct wr_local_sqs;

// Lent until `done`.
struct wr_local_sqs_message {
    struct wr_turn_item item; // first
    wr_str queue;             // its name
    wr_str url;               // as the rule says it
    wr_str body;              // UTF-8
    char id[WR_LOCAL_SQS_ID_LEN + 1];
    const char *trouble; // in `done`: NULL, or why it is not in the queue (constant text)
    void *user;
};

struct wr_local_sqs_options {
    uv_loop_t *loop;
    const char *state_dir; // absolute
    int64_t retention_ms;  // messages this old are removed, as SQS does; 0: none is
    // Messages in the order they were sent, linked by item.next.
    void (*done)(void *user, struct wr_local_sqs_message *messages);
    void *user;
};

// Makes the file; blocks. Give: wr_local_sqs_close() it.
wr_err wr_local_sqs_open(const struct wr_local_sqs_options *options, struct wr_local_sqs **out,
                         struct wr_fault *fault) WR_MUST_CHECK;
// Gives it an id. What is done without trouble is in the file and synced.
void wr_local_sqs_send(struct wr_local_sqs *q, struct wr_local_sqs_message *message);
// What waits is still written; then `closed`, from the loop.
void wr_local_sqs_close(struct wr_local_sqs *q, void (*closed)(void *user), void *user);

// The queue's name in its URL: what stands behind the last slash. False, with SQS's words for it:
// it is no name of a standard queue.
bool wr_local_sqs_name(wr_str url, wr_str *name, const char **trouble) WR_MUST_CHECK;

// ---- looking. Thread: any; calls block. Texts are lent until the visit ends

struct wr_local_sqs_queue {
    wr_str name, url;
    uint64_t messages, in_flight; // of `messages` so many are with a consumer
};
// In the order of their names, until `visit` returns false. No file is no queue.
wr_err wr_local_sqs_queues(const char *state_dir,
                           bool (*visit)(void *user, const struct wr_local_sqs_queue *queue),
                           void *user, struct wr_fault *fault) WR_MUST_CHECK;

struct wr_local_sqs_row {
    int64_t seq;
    wr_str id, body, receipt;
    int64_t sent_ms, visible_ms;
    int64_t received; // how often
};
// The queue's messages after `after` (0: all), oldest first. WR_ERR_UNKNOWN: no such queue.
wr_err wr_local_sqs_messages(const char *state_dir, wr_str queue, int64_t after,
                             bool (*visit)(void *user, const struct wr_local_sqs_row *row),
                             void *user, struct wr_fault *fault) WR_MUST_CHECK;

// ---- consuming. Thread: any; calls block

// Up to `max` visible messages, oldest first, invisible to others for visibility_ms. Their
// `receipt` deletes them.
wr_err wr_local_sqs_receive(const char *state_dir, wr_str queue, unsigned max,
                            int64_t visibility_ms,
                            bool (*visit)(void *user, const struct wr_local_sqs_row *row),
                            void *user, struct wr_fault *fault) WR_MUST_CHECK;
// WR_ERR_UNKNOWN: it has come back meanwhile, or is gone.
wr_err wr_local_sqs_delete(const char *state_dir, wr_str receipt,
                           struct wr_fault *fault) WR_MUST_CHECK;

#endif
