// What must hold of a payload so that WHERE can be true: the atoms by which an index could nominate
// the rule (performance-design.md 4, nec(e, v)). An atom may hold without WHERE being true, never
// the other way round; the program decides.
// Thread: the arena's owner. Not for the message path.
#ifndef WR_SQL_EXPLAIN_ATOMS_H
#define WR_SQL_EXPLAIN_ATOMS_H

#include "sql/base/arena.h"
#include "sql/base/buf.h"
#include "sql/sql.h"

#define WR_ATOMS_MAX 256 // in one set; a longer IN is no use to an index

// From the cheapest to an index to the dearest.
enum wr_atom_kind {
    WR_ATOM_EQ,     // the value at `path` equals `constant`
    WR_ATOM_RANGE,  // it compares so with the number `constant`
    WR_ATOM_EXISTS, // there is a value at `path`
    WR_ATOM_ALL,    // nothing is known: every message is a candidate, because of `why`
};

struct wr_atom {
    enum wr_atom_kind kind;
    wr_str path;         // as an expression: state.reported.t
    const char *sign;    // RANGE: "<", "<=", ">", ">="
    wr_str constant;     // EQ, RANGE: as JSON
    wr_str why;          // ALL
    uint32_t begin, end; // the condition it comes from, bytes of the statement
};

// One of the atoms must hold. None: WHERE is never true.
struct wr_atoms {
    const struct wr_atom *at;
    size_t count;
};

// A condition that WHERE joins by AND, with what it alone would give.
struct wr_atoms_term {
    struct wr_atoms atoms;
    uint32_t begin, end;
    bool chosen; // what the whole WHERE gives is this term's
};

// Atoms of WHERE, made in `arena`. ALL without WHERE, and on the arena's limit.
struct wr_atoms wr_atoms_of(const struct wr_program *p, struct wr_arena *arena);
// The terms of WHERE. Returns how many; *terms in `arena`.
size_t wr_atoms_terms(const struct wr_program *p, struct wr_arena *arena,
                      const struct wr_atoms_term **terms);

// `temp > 30`, `temp is there`, "every message: a function call".
void wr_atom_write(const struct wr_atom *a, struct wr_buf *out);
const char *wr_atom_kind_name(enum wr_atom_kind kind); // "eq", "range", "exists", "ALL"

#endif
