// How a SQL function is written and registered. The table is functions.h; a file per family.
// Thread: the message's loop.
#ifndef WR_SQL_FUNC_FUNCTION_H
#define WR_SQL_FUNC_FUNCTION_H

#include "sql/base/num.h"
#include "sql/base/value.h"
#include "sql/sql.h"

// What a function may use while it runs. `num.arena` is the message's; `num.dialect` the program's.
struct wr_call {
    struct wr_num_context num;
    struct wr_eval *eval; // the message and the host; NULL while constants are folded
    bool failed;          // set together with `fault`: the rule fails (sql.md 11.7)
    struct wr_fault fault;
    uint64_t steps; // add inner work in units of about an instruction: it is taken from the fuel
};

// `args` are the call's own registers: a function may force and overwrite them. Wrong number of
// arguments never gets here (the compiler folds it to Undefined) for functions with max_args < 255.
// An argument that is the payload of a `*` expression is passed as the value of `*`: RAW, OBJECT or
// ARRAY; functions that want the payload's bytes carry WR_FN_PAYLOAD and look at c->eval->message
// when bit `i` of `payload_args` is set.
typedef wr_value (*wr_function_body)(struct wr_call *c, wr_value *args, uint32_t count,
                                     uint32_t payload_args);

#define WR_FN_SINCE16 1u  // the name is invalid in 2015-10-08
#define WR_FN_PURE    2u  // same arguments, same result: constants are folded at compile time
#define WR_FN_PAYLOAD 4u  // wants to know which arguments are a bare `*`
#define WR_FN_LOOKUP  8u  // answered by the host; body is NULL, `lookup` says which
#define WR_FN_MESSAGE 16u // reads the message: needs eval

struct wr_function {
    const char *name; // as documented; compared without case
    wr_function_body body;
    uint8_t min_args, max_args; // 255: any number
    uint8_t flags;
    uint8_t lookup;        // enum wr_lookup_kind
    const char *signature; // "substring(text String, start Int [, end Int])"; " | " between forms
    const char *help;      // one sentence
};

// By name without case, or NULL.
const struct wr_function *wr_function_find(wr_str name);
size_t wr_function_count(void);
const struct wr_function *wr_function_at(size_t index);

#endif
