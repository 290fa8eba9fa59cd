// Conformance cases (tests/corpus/FORMAT.md): one case evaluated on its program, for `weir test`;
// and from a stream of cases to a stream of answers, `weir eval --cases`.
// Thread: start.
#ifndef WR_ENGINE_CLI_CASES_H
#define WR_ENGINE_CLI_CASES_H

#include "engine/cli/case_host.h"
#include "engine/cli/message_line.h"

#include <stdio.h>

// What came out of a case. Texts live in the case's arena.
struct wr_case_answer {
    const char *outcome; // "output", "nomatch", "invalid", "error"
    wr_str payload;      // statement cases
    wr_str text;         // template cases
    bool has_payload, has_text;
    bool json;             // the payload is JSON text
    struct wr_fault fault; // invalid, error
};

// One program on the message of one case.
struct wr_case {
    struct wr_sql_message message;
    wr_value context;
    struct wr_case_host host;
    struct wr_plan *plan;
    struct wr_eval eval;
    bool read; // the message was: there was memory for it
};

// Read message and context of `line`; the eval is not yet started. `program` is sealed. Everything
// is made in `arena`. Fault: what the line lacks. wr_case_release() also after a fault.
wr_err wr_case_init(struct wr_case *c, const struct wr_program *program, const struct wr_line *line,
                    struct wr_arena *arena, struct wr_fault *fault) WR_MUST_CHECK;
// Run the statement; FROM is asked, but for Basic Ingest.
void wr_case_statement(struct wr_case *c, struct wr_case_answer *answer);
// The topic fits: FROM matches, or it is Basic Ingest.
bool wr_case_topic_fits(const struct wr_case *c);
// After wr_case_statement(): expand a template. `*undefined` as in wr_eval_text(). False: it
// failed, c->eval.fault says why.
bool wr_case_template(struct wr_case *c, uint32_t id, wr_str *text, bool *undefined);
void wr_case_release(struct wr_case *c);

// A case with `sql`, or `template`, or both (at NULL: absent): compiled in the line's sqlVersion,
// run, and forgotten but for the answer. Fault: what the line lacks.
wr_err wr_case_evaluate(wr_str sql, wr_str template, const struct wr_line *line,
                        struct wr_arena *arena, struct wr_case_answer *a,
                        struct wr_fault *fault) WR_MUST_CHECK;

// Reads one case a line (tests/corpus/FORMAT.md) and writes one answer a line, in the same order:
// {"id", "outcome", "payloadBase64" | "text" | "at" and "message"}. Fault: the first line that is
// no case.
wr_err wr_cases_answer(FILE *in, FILE *out, struct wr_fault *fault) WR_MUST_CHECK;

#endif
