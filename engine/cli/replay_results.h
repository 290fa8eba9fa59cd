// Outcomes as JSON: `weir replay --results`. Thread: start.
#ifndef WR_ENGINE_CLI_REPLAY_RESULTS_H
#define WR_ENGINE_CLI_REPLAY_RESULTS_H

#include "engine/cli/replay.h"
#include "engine/cli/replay_side.h"

// Append a line: file, line, topic and rule; for a match the result (as message files have a
// payload) and its actions, {KIND: members as in the rule document} or {KIND: {"error": why}};
// for a failure `error`.
void wr_results_write(struct wr_buf *out, const struct wr_replay_input *in,
                      const struct wr_file_message *m, const struct wr_outcome *o);

#endif
