// `weir replay`: what its three forms share. replay.c reads the options and steps through the
// messages, replay_broker.c publishes them, replay_rules.c and replay_diff.c evaluate them.
// Thread: start.
#ifndef WR_ENGINE_CLI_REPLAY_H
#define WR_ENGINE_CLI_REPLAY_H

#include "engine/cli/arguments.h"
#include "engine/cli/message_file.h"
#include "engine/cli/progress.h"
#include "engine/config.h"

struct wr_replay_options {
    struct wr_argument_list files;
    const char *results, *prefix, *client_id; // NULL: not given
    const char *rules[2];                     // --rules: the first; --diff: both
    int64_t from_ms, to_ms;                   // INT64_MIN, INT64_MAX: no limit
    uint64_t count;                           // 0: no limit
    uint64_t examples;
    double speed; // 0: without pauses
    int qos;      // -1: each message's own
    bool json;
};

// ---- the messages, one after the other

struct wr_replay_input {
    const struct wr_replay_options *options;
    struct wr_message_file *file; // that of the message read last
    size_t files;                 // opened so far
    bool new_file;                // the message is the first one of its file
    struct wr_arena arena;        // of the message read last
    uint64_t taken;
    uint64_t done, total; // bytes: of files that are finished; of all, 0 unknown
};

void wr_replay_input_init(struct wr_replay_input *in, const struct wr_replay_options *options);
void wr_replay_input_release(struct wr_replay_input *in);
// The next message that the options want, its topic with the prefix; valid until the next call.
wr_err wr_replay_input_next(struct wr_replay_input *in, struct wr_file_message *out, bool *end,
                            struct wr_fault *fault) WR_MUST_CHECK;
// The same from a line that was read before (wr_message_file_text()).
wr_err wr_replay_input_again(const struct wr_replay_options *options, wr_str line,
                             struct wr_arena *arena, struct wr_file_message *out,
                             struct wr_fault *fault) WR_MUST_CHECK;
// Says so when the files are through and nothing was taken.
void wr_replay_input_note_none(const struct wr_replay_input *in);
uint64_t wr_replay_input_done(const struct wr_replay_input *in); // bytes, of in->total
void wr_replay_input_progress(const struct wr_replay_input *in, struct wr_progress *p,
                              const char *note);

// SIGINT or SIGTERM came, for the forms without a loop.
bool wr_replay_interrupted(void);
void wr_replay_catch_signals(void);

// ---- the forms: exit statuses

int wr_replay_into_broker(const struct wr_replay_options *options, const struct wr_config *config);
int wr_replay_into_rules(const struct wr_replay_options *options);
int wr_replay_diff(const struct wr_replay_options *options);

#endif
