// What every AWS form of a kind does alike: it holds records, makes a call of each, keeps the order
// of those that need it, turns answers into verdicts, and ends. A kind says what its request is.
//
//   submit ─► order ─► (lane: waits for the one before) ─► build ─► wr_aws_send ─► judge ─► settle
//
// A call lives in the record's arena: in steady state nothing is allocated. sinks/README.md has the
// recipe. Kinds that send several records in one call are batch.h's.
#ifndef WR_SINKS_LIB_AWS_FORM_H
#define WR_SINKS_LIB_AWS_FORM_H

#include "sinks/lib/aws.h"
#include "sinks/sink.h"

// Lanes that records of one order share: unrelated records seldom meet in one.
#define WR_AWS_FORM_LANES 4096

struct wr_aws_form_lane {
    bool busy;                      // a call of it is under way
    struct wr_record *first, *last; // wait for it
};

struct wr_aws_form {
    struct wr_sink *sink;
    const struct wr_aws_form_kind *kind;
    struct wr_aws *aws;
    void *own; // the kind's
    struct wr_aws_form_job *active_;
    struct wr_aws_form_lane *lanes_; // WR_AWS_FORM_LANES, where the kind has an order
    size_t held_;                    // records not settled
    bool closing_;
    void (*done_)(struct wr_sink *self);
};

// What differs. Const.
struct wr_aws_form_kind {
    enum wr_aws_service service;
    const char *what; // begins error texts: "Failed to put S3 object"
    int role_option;  // index of roleArn, or -1
    // Fill `call`; service, method (POST), endpoint and role stand in it already. Texts are made in
    // rec->arena: they must live until the record is settled. {NULL, 0}: send it. Else why this
    // record can never be sent, without full stop: it is refused.
    wr_str (*build)(const struct wr_aws_form *f, struct wr_record *rec, struct wr_aws_call *call);
    // May be NULL: look into an answer of class OK (never a recorded one) and change class, code
    // and message where its body says that it has failed.
    void (*judge)(const struct wr_aws_form *f, struct wr_record *rec, struct wr_aws_answer *answer);
    // May be NULL: records of one number go out one after the other, as they came. 0: no matter.
    uint64_t (*order)(const struct wr_record *rec);
    void (*free_own)(void *own); // may be NULL
};

// For open, submit and close of an impl. `own` is taken, also when it fails.
wr_err wr_aws_form_open(struct wr_sink *self, const struct wr_aws_form_kind *kind, void *own,
                        struct wr_fault *fault);
// Instead of close, where open fails after it: frees it, and `own`.
void wr_aws_form_abort(struct wr_sink *self);
void wr_aws_form_submit(struct wr_sink *self, struct wr_record *rec);
void wr_aws_form_close(struct wr_sink *self, void (*done)(struct wr_sink *self));

// `call` as every kind begins it: service, POST, the sink's endpoint, the role in params.
void wr_aws_form_call(const struct wr_sink *sink, const struct wr_aws_form_kind *kind,
                      const struct wr_record *rec, struct wr_aws_call *call);

#endif
