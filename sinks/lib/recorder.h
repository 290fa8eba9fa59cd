// Mode "record": requests that would have gone out, kept one JSON object a line, unsigned.
//
//   {"timeMs":1764243335000,"method":"PUT","url":"https://…","headers":[["Content-Type","…"]],
//    "body":"{…}"}        or "bodyBase64" for a body that is no UTF-8; neither without a body
// Thread: loop. Writing blocks for as long as an append takes: for tries and tests, not for speed.
#ifndef WR_SINKS_LIB_RECORDER_H
#define WR_SINKS_LIB_RECORDER_H

#include "sinks/lib/http.h"

struct wr_recorder;

// Append to STATE_DIR/local/record/KIND.ndjson, made with its folders, for its owner's eyes only.
// Give: wr_recorder_close().
wr_err wr_recorder_open(const char *state_dir, const char *kind, struct wr_recorder **out,
                        struct wr_fault *fault) WR_MUST_CHECK;
void wr_recorder_close(struct wr_recorder *r);

// NULL, or why it could not be written (borrowed until the next call).
const char *wr_recorder_keep(struct wr_recorder *r, const struct wr_http_request *req);
// The same for a line that is no HTTP request: `json` is the members without braces.
const char *wr_recorder_keep_members(struct wr_recorder *r, wr_str json);

#endif
