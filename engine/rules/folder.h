// The folder of rule documents: loads rules/*.json, follows changes, hands over rule sets. A
// document that is refused leaves its previous version running. Thread: loop. Loading reads files
// and compiles; it blocks the loop for that long.
#ifndef WR_ENGINE_RULES_FOLDER_H
#define WR_ENGINE_RULES_FOLDER_H

#include "engine/rules/rule_set.h"

#include <uv.h>

#define WR_FOLDER_FILES_MAX 10000 // rules in one folder; AWS allows 1,000 in an account by default

struct wr_folder;

struct wr_folder_options {
    uv_loop_t *loop; // NULL: never watched
    const char *dir;
    bool watch;
    struct wr_rule_options rule;
    bool slim; // rules are for running only (wr_rule_slim)
    // May be NULL: the last word on a rule before it is taken (opening its sinks). An error refuses
    // it.
    wr_err (*accept)(void *user, const struct wr_rule *rule, struct wr_fault *fault);
    bool (*elsewhere)(void *user, wr_str rule, bool error_action); // see wr_loops_check(); or NULL
    // The owner runs them with other rules: it looks for loops itself, and asks
    // wr_folder_rule_find().
    bool merged;
    // A set that differs from the one before. Borrowed.
    void (*changed)(void *user, struct wr_rule_set *set);
    // May be NULL: a warning or a refusal, as one line with file and place. Else it is logged.
    void (*report)(void *user, enum wr_log_level level, const char *line);
    void *user;
};

// Give: wr_folder_close() it. Does not load yet.
struct wr_folder *wr_folder_open(const struct wr_folder_options *options);

// Read what changed and call `changed` if the rules did. `again`: report also what was refused
// before and has not changed since (SIGHUP). A folder that cannot be read is a fault, and the rules
// stay. `*refused` (may be NULL) is how many documents are refused now.
wr_err wr_folder_load(struct wr_folder *f, bool again, size_t *refused,
                      struct wr_fault *fault) WR_MUST_CHECK;

// The rules as loaded last; NULL before the first load. Borrowed. With `merged` by name only.
struct wr_rule_set *wr_folder_rules(const struct wr_folder *f);

// With `merged`: the rules that run, by file. False: there is none. What is in it is good until the
// next load.
struct wr_folder_rule {
    struct wr_rule *rule;
    const char *file; // its name within the folder
    wr_str text;      // the document
    int64_t time_ms;  // the file's
    int64_t number;   // ascends with the files that came; the same as long as the file is there
};
// The one of this name.
bool wr_folder_rule_find(const struct wr_folder *f, wr_str name, struct wr_folder_rule *out);
// The first whose number is beyond `after`.
bool wr_folder_rule_next(const struct wr_folder *f, int64_t after, struct wr_folder_rule *out);
const char *wr_folder_dir(const struct wr_folder *f);

// Stops watching; `done` (may be NULL without a loop) when all handles are closed and the folder is
// freed.
void wr_folder_close(struct wr_folder *f, void (*done)(void *user), void *user);

#endif
