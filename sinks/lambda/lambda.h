// The lambda action. Functions for other callers: sinks/lib/local_lambda.h.
// Thread: loop, the sink's.
#ifndef WR_SINKS_LAMBDA_LAMBDA_H
#define WR_SINKS_LAMBDA_LAMBDA_H

#include "sinks/lib/local_lambda.h"
#include "sinks/sink.h"

extern const struct wr_sink_impl wr_sink_lambda;

#endif
