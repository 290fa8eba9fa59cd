// What a program needs of a payload before it may match, read off its own instructions: the
// conditions that stand before everything that could fail, suspend or be seen from outside. For
// index.c only. performance-design.md 4; sql/explain/atoms.h says the same of the tree, for people.
// Thread: start.
#ifndef WR_SQL_INDEX_TERMS_H
#define WR_SQL_INDEX_TERMS_H

#include "sql/program.h"

#define WR_TERM_VALUES_MAX 64 // of one equality; a longer IN is no use to an index

enum wr_term_kind {
    WR_TERM_ALL,   // nothing is known
    WR_TERM_NEVER, // it cannot hold
    WR_TERM_EQ,    // the value at `path` equals one of `values`, scalars
    WR_TERM_RANGE, // it is a number, or a text that converts to one, and `low` <= it <= `high`
};

// One condition that must hold. Bounds are doubles, rounded outward.
struct wr_term {
    enum wr_term_kind kind;
    uint16_t path; // of the program
    uint16_t value_count;
    const wr_value *values; // the program's constants, or in `arena`
    double low, high;
};

// All of `*terms` (in `arena`) must hold. Returns how many.
size_t wr_index_terms(const struct wr_program *p, struct wr_arena *arena,
                      const struct wr_term **terms);

// The doubles around a forced number: *low <= it <= *high.
void wr_index_bounds(const wr_value *number, double *low, double *high);

#endif
