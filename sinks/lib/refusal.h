// Refusing a record that a service would refuse, before it is sent: in the service's own words.
// Thread: loop.
#ifndef WR_SINKS_LIB_REFUSAL_H
#define WR_SINKS_LIB_REFUSAL_H

#include "sinks/sink.h"

// What is wrong with a record. `message` NULL: nothing.
struct wr_refusal {
    const char *message; // without a full stop
    const char *code;    // "InvalidParameterValue"
};

// What a kind's error texts say.
struct wr_refusal_text {
    const char *what;    // "Failed to send SQS message"
    const char *service; // "AmazonSQS"
};

// Settle the record. `status` goes with the verdict: 400 with REFUSED, 500 with RETRY.
void wr_refusal_settle(struct wr_record *rec, enum wr_verdict verdict,
                       const struct wr_refusal_text *text, const struct wr_refusal *refusal);

#endif
