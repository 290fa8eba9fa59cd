// What every sub-expression of a program came to on one message, as a tree. Each is compiled and
// run as a part of the program (part.h) with the program's variables, chance and count of look-ups,
// so that the tree agrees with the result. Thread: the owner's. Not for the message path: hundreds
// of small evaluations.
#ifndef WR_SQL_EXPLAIN_VALUES_H
#define WR_SQL_EXPLAIN_VALUES_H

#include "sql/sql.h"

#define WR_VALUES_SHOWN_MAX 400          // sub-expressions of a clause: more nobody reads
#define WR_VALUES_ROWS_MAX  3            // rows of a nested query that are looked into
#define WR_VALUES_BYTES_MAX (512u << 20) // memory of one tree with the evaluations behind it
#define WR_VALUES_FUEL      4            // times the fuel of one evaluation, for the tree's

enum wr_values_state {
    WR_VALUES_VALUE,
    WR_VALUES_FAILED,  // `note` says why
    WR_VALUES_SKIPPED, // not evaluated, in the rule neither, or beyond a limit: `note` says
};

struct wr_values_node {
    const char *role; // in what is above: "SET @a", "WHERE", "AS t", "WHEN", "row 1", …; or NULL
    wr_str source;    // as written in the statement or the template; at NULL: a row
    uint32_t begin;   // byte of that text
    enum wr_values_state state;
    wr_value value;                    // forced; its content may be lazy
    wr_str note;                       // why it is so, at NULL: nothing to say
    bool telling;                      // of a path: the note says more than that it is not there
    const struct wr_values_node *from; // of a variable: where SET gave it its value; else NULL
    bool blamed;                       // WHERE is not true because of this term
    struct wr_values_node *kids, *next;
    const void *node_; // struct wr_node; NULL: a row
};

struct wr_values_template {
    wr_str text; // as written
    bool constant;
    enum wr_eval_state state; // MATCHED: expanded
    wr_str expanded;
    bool undefined; // an expression of it was Undefined or Null
    struct wr_fault fault;
    struct wr_values_node *parts;
};

struct wr_values {
    struct wr_arena arena;
    struct wr_sql_message message; // read
    enum wr_eval_state state;      // of the statement; FAILED, SUSPENDED: `fault` says why
    struct wr_fault fault;
    wr_str output; // MATCHED
    bool json;
    struct wr_values_node *set, *where, *items; // NULL: the statement has none
    const struct wr_values_node *stopped_by;    // the first term of WHERE that is not true, or NULL
    struct wr_values_template *templates;
    size_t template_count;
    size_t shown, left_out; // sub-expressions
    wr_value root;          // the payload, RAW when it is not JSON
    struct wr_values_inside *inside_;
};

// Give: evaluate `p`, sealed, on the caller's part of `message`; wr_values_free() it, before the
// program and the message. With `where_only` the tree is that of WHERE. Whether the topic matches
// is not asked. Look-ups are made again for every part they stand in.
struct wr_values *wr_values_new(const struct wr_program *p, const struct wr_sql_message *message,
                                const struct wr_sql_host *host, bool where_only);
void wr_values_free(struct wr_values *v);

// Whether the node is an operator, CASE or row whose parts say more than its own value.
bool wr_values_is_operator(const struct wr_values_node *n);

// Why the payload is Raw: "line 1, column 5: malformed JSON", "a bare Number", "empty"; false when
// it is not.
bool wr_values_why_raw(const struct wr_sql_message *m, struct wr_buf *out);

#endif
