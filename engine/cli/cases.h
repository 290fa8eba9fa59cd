// Conformance cases from a stream, answers to a stream: `weir eval --cases`.
// Thread: start.
#ifndef WR_ENGINE_CLI_CASES_H
#define WR_ENGINE_CLI_CASES_H

#include "sql/base/err.h"

#include <stdio.h>

// Reads one case a line (tests/corpus/FORMAT.md) and writes one answer a line, in the same order:
// {"id", "outcome", "payloadBase64" | "text" | "at" and "message"}. Fault: the first line that is
// no case.
wr_err wr_cases_answer(FILE *in, FILE *out, struct wr_fault *fault) WR_MUST_CHECK;

#endif
