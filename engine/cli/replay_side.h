// A folder of rules that is evaluated on messages of a file, with no effect outside: no sink is
// opened, look-ups are answered from a case's context or fail. Thread: start.
#ifndef WR_ENGINE_CLI_REPLAY_SIDE_H
#define WR_ENGINE_CLI_REPLAY_SIDE_H

#include "engine/cli/case_host.h"
#include "engine/cli/message_text.h"
#include "engine/rules/rule_set.h"

enum wr_outcome_state {
    WR_OUTCOME_NO_MATCH, // also: the rule is disabled, or another topic's
    WR_OUTCOME_MATCHED,
    WR_OUTCOME_FAILED,
};

// One action as it would be sent.
struct wr_outcome_action {
    const struct wr_rule_action *action;
    const struct wr_param *params; // NULL: its templates failed
    wr_str why;                    // then
};

// What a rule made of a message.
struct wr_outcome {
    const struct wr_rule *rule;
    enum wr_outcome_state state;
    wr_str why;    // FAILED
    wr_str result; // MATCHED: the outgoing payload
    bool json;     // it is JSON text
    size_t action_count;
    struct wr_outcome_action *actions;
};

struct wr_side {
    struct wr_metrics *metrics;
    struct wr_folder *folder;
    struct wr_rule_set *rules;
    struct wr_arena arena;
    struct wr_eval eval;
    struct wr_case_host host;
    uint64_t chance, drawn; // of this message
    bool same_chance;       // every draw gives the same
    struct wr_outcome *outcomes;
    size_t outcome_cap;
    char trace_id[36];
};

// Load `dir`. A folder that cannot be read, holds no document, or one that is refused is a fault;
// lines on stderr say which, after "weir replay: ". `same_chance`: rand() and newuuid() give the
// same wherever and however often they are called for one message, so that two sides differ only in
// their rules; else they follow one another. Both depend on nothing but the message's number.
wr_err wr_side_open(struct wr_side *s, const char *dir, bool same_chance,
                    struct wr_fault *fault) WR_MUST_CHECK;
void wr_side_close(struct wr_side *s); // zeroed memory is accepted

// Evaluate every enabled rule that has the message's topic, in the order of their names. What is
// returned lives until the next call. `number` is the message's. Counts into the rules' counters,
// actions that would be sent as successes.
const struct wr_outcome *wr_side_evaluate(struct wr_side *s, const struct wr_file_message *m,
                                          uint64_t number, size_t *count);

#endif
