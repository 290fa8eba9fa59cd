// What `weir tenant`, thing, cert, policy, rule and destinations share: a command is a table of
// verbs, a verb is a few calls of the control plane over the admin socket and how their answer is
// shown. Blocks. Thread: start.
//
//   control_verbs.h: VERB(show, "NAME", "what is known of a thing")
//
//   static int verb_show(struct wr_control *c, void *own)
//   {
//       int code = wr_control_call(c, "GET", NULL, "/things/%s", c->words[0]);
//       return code ? code : wr_control_show(c, c->answer, fields);
//   }
//   static const struct wr_control_verb verbs[] = {WR_THING_VERBS(WR_CONTROL_VERB){0}};
//   int wr_cli_thing(int argc, char **argv)
//   {
//       return wr_control_main("thing", verbs, options, &own, argc, argv);
//   }
//
// The row in cli.c is made from the same table, so that help, completions and the man page say what
// the command takes: WR_CONTROL_USAGE(WR_THING_VERBS), WR_CONTROL_DETAILS(WR_THING_VERBS, "thing").
#ifndef WR_ENGINE_CLI_CONTROL_CLIENT_H
#define WR_ENGINE_CLI_CONTROL_CLIENT_H

#include <jansson.h>

#include "engine/cli/arguments.h"
#include "engine/cli/cli.h"
#include "sql/base/buf.h"

struct wr_control {
    const char *command;         // "thing"
    const char *tenant, *region; // as given; NULL: not
    bool json, yes;              // --json, --yes
    const char **words;          // behind the verb: as many as the verb asks for
    size_t word_count;
    const char *header;              // "x-amzn-principal: ARN", of the next call; NULL: none
    json_t *answer;                  // of the last call; the struct's
    struct wr_control_state *state_; // socket and the like
};

// The words that a verb takes, as its help shows them: "NAME", "NAME [TARGET]", "NAME...", and
// behind them options ("NAME [--type T]"), which are not counted.
struct wr_control_verb {
    const char *name, *words;
    int (*run)(struct wr_control *c, void *own);
};
#define WR_CONTROL_VERB(name_, words_, help_) {#name_, words_, verb_##name_},

// For the row in cli.c. The details want what is the command's own behind them.
#define WR_CONTROL_BAR_(name_, words_, help_) "|" #name_
#define WR_CONTROL_USAGE(verbs)               (verbs(WR_CONTROL_BAR_) " WORDS... [OPTION]...") + 1
#define WR_CONTROL_LINE_(name_, words_, help_) \
    "  " #name_ " " words_ "\n                       " help_ "\n"
#define WR_CONTROL_DETAILS(verbs) verbs(WR_CONTROL_LINE_) WR_CONTROL_COMMON_HELP
#define WR_CONTROL_COMMON_HELP                                                             \
    "\n"                                                                                   \
    "  --tenant NAME        whose; without it the default tenant's\n"                      \
    "  --region NAME        in which region; without it that of weir's configuration\n"    \
    "  --json               the answer as the control plane gives it, for programs\n"      \
    "  --yes                do not ask\n"                                                  \
    "  --socket FILE        the admin socket; without it admin.socket, or admin.sock in "  \
    "the state folder\n"                                                                   \
    "  -c, --config FILE    where to find the socket; without it ./weir.yaml if there is " \
    "one\n"                                                                                \
    "  --state-dir FOLDER   the state folder itself\n"                                     \
    "\n"                                                                                   \
    "Exit 0: done. 1: no weir runs here, or it refused. 2: wrong usage, or bad input.\n"

// Read words and options (those above and `options`, NULL: none), connect, run the verb. Returns
// the exit status.
int wr_control_main(const char *command, const struct wr_control_verb *verbs,
                    const struct wr_argument *options, void *own, int argc, char **argv);

// One call; 0, and c->answer is what came (an object); else it has said what is wrong and this is
// the exit status. `body` is taken; NULL: none. In `path` every %s is percent-encoded, %% is a
// percent sign, there is nothing else. Warnings of the answer are shown on stderr.
int wr_control_call(struct wr_control *c, const char *method, json_t *body, const char *path, ...);
// The same with a query.
int wr_control_call_of(struct wr_control *c, const char *method, json_t *body, const char *path,
                       const struct wr_buf *query);
// The same for an answer that is not JSON, appended to `out`.
int wr_control_fetch(struct wr_control *c, const char *method, json_t *body, struct wr_buf *out,
                     const char *path, ...);
// All pages of a listing, into one answer whose `key` has all items. The path may have a query.
int wr_control_pages(struct wr_control *c, const char *key, const char *path, ...);
// A query, "?a=b&c=d": another parameter, percent-encoded, unless `value` is NULL.
void wr_control_query(struct wr_buf *query, const char *name, const char *value);
// The same with a query.
int wr_control_pages_of(struct wr_control *c, const char *key, const char *path,
                        const struct wr_buf *query);

// The call that has just failed did so with this code ("ResourceNotFoundException").
bool wr_control_failed_with(const struct wr_control *c, const char *code);
// Say nothing of the next failure with this code: the verb does. NULL: all are said.
void wr_control_expect(struct wr_control *c, const char *code);

// A member of an answer, "a.b.c"; NULL: it is not there.
const json_t *wr_control_member(const json_t *of, const char *path);
const char *wr_control_text(const json_t *of, const char *path); // "" when it is no string

enum wr_control_form { WR_CONTROL_PLAIN, WR_CONTROL_TIME, WR_CONTROL_FLAG };
struct wr_control_column {
    const char *title;  // NULL ends the table
    const char *member; // "attributePayload.attributes"; "": the item itself
    enum wr_control_form form;
};
// With --json the answer; else the items of c->answer's `key` as a table, and on stderr how many:
// "3 things" (`noun` is the singular). Return WR_EXIT_OK.
int wr_control_table(struct wr_control *c, const char *key, const struct wr_control_column *columns,
                     const char *noun);
// One object: a line a column; those that are not there are left out. With --json the answer.
int wr_control_show(struct wr_control *c, const json_t *object,
                    const struct wr_control_column *columns);
// One object as a line: its values, with two blanks between them.
void wr_control_print_line(const json_t *object, const struct wr_control_column *columns);
// With --json the answer; else the line.
int wr_control_say(struct wr_control *c, const char *format, ...) WR_PRINTF(2, 3);

// Ask whether to go on: 0, or the exit status. --yes goes on; without a terminal nothing is done.
int wr_control_agree(struct wr_control *c, const char *format, ...) WR_PRINTF(2, 3);
// "weir thing: TEXT" on stderr; returns `code`.
int wr_control_complain(const struct wr_control *c, int code, const char *format, ...)
    WR_PRINTF(3, 4);

// "k=v" words into an object of strings; NULL: one is not of that form, and it was said. Give.
json_t *wr_control_pairs(const struct wr_control *c, const struct wr_argument_list *pairs);
// A file's bytes ("-": standard input), at most `max`. 0, or the exit status.
int wr_control_read_file(const struct wr_control *c, const char *path, size_t max,
                         struct wr_buf *out);
// Write a file that only its owner may read (mode 0600), never over one that is there.
int wr_control_write_file(const struct wr_control *c, const char *path, wr_str bytes);

#endif
