// What the AWS forms with a batch call do alike: records wait for company (batch.h), a call carries
// several entries, its answer is read entry by entry, and each record is settled by what became of
// its own. A kind says what its calls are. A call of one entry may be another operation.
//
//   submit ─► prepare ─► batch ─► write ─► wr_aws_send ─► answer ─► read ─► settle each
//
// A refusal of the whole call that one entry may have caused divides the call (wr_batch_again), so
// that in the end only the guilty one is refused. In steady state nothing is allocated here.
#ifndef WR_SINKS_LIB_AWS_BATCH_H
#define WR_SINKS_LIB_AWS_BATCH_H

#include "sinks/lib/aws.h"
#include "sinks/lib/batch.h"
#include "sinks/lib/refusal.h"
#include "sinks/sink.h"

// Settings that each of these forms has: `help` says what keeps its order.
#define WR_AWS_BATCH_CALLS(number)                                                       \
    {                                                                                    \
        "calls", WR_OPT_INT, 0, number,                                                  \
            .min = 1, .max = 64,                                                         \
            .help = "Requests on their way at once to one destination, which share its " \
                    "records by what keeps their order."                                 \
    }
#define WR_AWS_BATCH_BATCH                                                                   \
    {                                                                                        \
        "batch", WR_OPT_BOOL, 0, "true",                                                     \
            .help = "Several records in one request when they wait; false: one, for a role " \
                    "that allows no more."                                                   \
    }
#define WR_AWS_BATCH_ORDER                                                                \
    {                                                                                     \
        "order", WR_OPT_CHOICE, 0, "topic",                                               \
            .choices = "topic|none",                                                      \
            .help = "topic: records of one topic go out one after the other; none: any "  \
                    "request takes any record, which is faster where one topic has most." \
    }

// One entry's fate. Texts are borrowed from the answer, the batch's arena, or constant.
struct wr_aws_entry {
    bool known; // the answer speaks of it
    enum wr_aws_class class;
    wr_str code, message;
};

// A record in such a form: begins what `prepare` fills. Kept between tries (rec->sink_data).
struct wr_aws_item {
    struct wr_batch_item batch; // first
    uint32_t first;             // the number of its first entry in the call it is in
};

struct wr_aws_batch {
    struct wr_sink *sink;
    const struct wr_aws_batch_kind *kind;
    struct wr_aws *aws;
    void *own;                    // the kind's, between open and close
    struct wr_arena arena;        // of the answer that is being read
    struct wr_buf scratch;        // of the call that is being written
    struct wr_aws_entry *entries; // of the answer that is being read
    struct wr_paths *paths_;      // of what says at a glance that nothing has failed
    unsigned lanes_;              // that share a destination
    struct wr_batch *batch_;
    struct wr_buf key_, text_;
    void (*done_)(struct wr_sink *self);
};

// What differs. Const.
struct wr_aws_batch_kind {
    enum wr_aws_service service;
    const struct wr_refusal_text *text;
    int role_option;
    size_t count_max, bytes_max; // of a call
    size_t item_size;            // of what begins with wr_aws_item; zeroed, in the record's arena
    // Check the record and fill its item: bytes, entries (1 unless set), and what the kind wants.
    // `*order`: what keeps its order within the destination; the topic unless set.
    struct wr_refusal (*prepare)(struct wr_aws_batch *f, struct wr_record *rec, wr_str *order);
    // Fill the request: target, content type, region, and its body (batch->body). Service, POST,
    // endpoint and role stand there. Items know the number of their first entry.
    void (*write)(struct wr_aws_batch *f, struct wr_batch_call *batch, struct wr_aws_call *call);
    // The answer to it is OK: fill f->entries. What stays unknown is tried again.
    void (*read)(struct wr_aws_batch *f, const struct wr_batch_call *batch,
                 const struct wr_aws_answer *answer);
    // May be NULL: some entries of a record have failed and it is tried again: keep which.
    void (*keep)(struct wr_aws_batch *f, struct wr_record *rec);
    const char *failed_count; // member of the answer, or NULL: see wr_aws_batch_read_records()
    // May be NULL: codes of refusals of a whole call that one entry may have caused, beside the
    // usual.
    const char *const *divided;
    void (*free_own)(void *own); // may be NULL
};

// For open, submit and close of an impl. Settings: calls, batch, and if the kind has it order.
// `own` is taken, also when it fails.
wr_err wr_aws_batch_open(struct wr_sink *self, const struct wr_aws_batch_kind *kind,
                         const struct wr_settings *settings, void *own,
                         struct wr_fault *fault) WR_MUST_CHECK;
void wr_aws_batch_submit(struct wr_sink *self, struct wr_record *rec);
void wr_aws_batch_close(struct wr_sink *self, void (*done)(struct wr_sink *self));

// For `read`: a JSON answer as a value in f->arena; Undefined: it is none.
wr_value wr_aws_batch_json(struct wr_aws_batch *f, const struct wr_aws_answer *answer);
// A text member of an object; empty without.
wr_str wr_aws_batch_text(const wr_value *object, const char *name);
// The answer of PutRecords and its like: how many have failed, and a list with an ErrorCode for
// each entry that has.
void wr_aws_batch_read_records(struct wr_aws_batch *f, const struct wr_batch_call *batch,
                               const struct wr_aws_answer *answer, const char *list);
// The JSON answer to a call of one entry: it is delivered when the answer has this member.
void wr_aws_batch_read_one(struct wr_aws_batch *f, const struct wr_aws_answer *answer,
                           const char *member);
// All entries are delivered.
void wr_aws_batch_all(struct wr_aws_batch *f, const struct wr_batch_call *batch);
// Entry `index` has failed with a code; the class of one that is not in the table is `fallback`.
void wr_aws_batch_failed(struct wr_aws_batch *f, size_t index, wr_str code, wr_str message,
                         enum wr_aws_class fallback);
// "0", "1", …: an entry's id; SIZE_MAX when it is none below `count`.
size_t wr_aws_batch_index(wr_str id, size_t count);

#endif
