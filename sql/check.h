// What is well formed but may not run: names, versions, limits (sql.md 3, 8.1, 8.3, 11.3, 12). The
// parser asks as soon as it knows enough, so that the first error in the text is the one reported.
// Thread: the arena's owner.
#ifndef WR_SQL_CHECK_H
#define WR_SQL_CHECK_H

#include "sql/ast.h"
#include "sql/base/err.h"

#define WR_CHECK_PROTO_MAX    2 // decode(…, 'proto', …) in one expression (documented)
#define WR_CHECK_REGISTRY_MAX 1 // get_registry_data() in a statement and its templates (documented)

struct wr_check {
    wr_str text; // what offsets count in
    enum wr_dialect dialect;
    const struct wr_statement *scope; // whose variables are declared so far; NULL: there are none
    bool in_template;
    unsigned proto_calls;    // in the expression under way; set to 0 where one begins
    unsigned registry_calls; // in this text
    struct wr_fault *fault;
};

// `what` (at byte `at`) is missing in 2015-10-08: refused there.
wr_err wr_check_since16(const struct wr_check *c, const char *what, size_t at) WR_MUST_CHECK;

// The function `name`, if the version has it. The fault of an unknown name suggests another.
wr_err wr_check_function(const struct wr_check *c, wr_str name, size_t at,
                         const struct wr_function **out) WR_MUST_CHECK;

// A whole call: arguments that may not be variables, look-ups that may not be defaults, Protobuf.
// The number of arguments is no error (sql.md 3).
wr_err wr_check_call(struct wr_check *c, const struct wr_node *call) WR_MUST_CHECK;

wr_err wr_check_cast_type(const struct wr_check *c, wr_str name, size_t at,
                          enum wr_cast_type *out) WR_MUST_CHECK;

// A variable that is read: `*index` is its number. `name` without @.
wr_err wr_check_variable(const struct wr_check *c, wr_str name, size_t at,
                         uint32_t *index) WR_MUST_CHECK;

// A variable about to be declared: it must be new, and there must be room.
wr_err wr_check_assign(const struct wr_check *c, wr_str name, size_t at) WR_MUST_CHECK;

// The topic filter of FROM, whose string token begins at `at`.
wr_err wr_check_filter(const struct wr_check *c, wr_str filter, size_t at) WR_MUST_CHECK;

#endif
