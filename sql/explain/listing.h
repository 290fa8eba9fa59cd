// A program as text, for `weir explain`: its instructions in plain words, and what can be known of
// it without a message. Everything is made in the caller's arena and lives as long as it and the
// program. Thread: the arena's owner.
#ifndef WR_SQL_EXPLAIN_LISTING_H
#define WR_SQL_EXPLAIN_LISTING_H

#include "sql/base/arena.h"
#include "sql/sql.h"

#define WR_LISTING_CONSTANTS_MAX 100 // folded expressions that are listed

// A piece of the statement, or of a template.
struct wr_listing_place {
    wr_str source;         // as written; at NULL: none
    uint32_t line, column; // of its text; 0: none
    uint32_t clause;       // see wr_listing_clause()
};

struct wr_listing_line {
    const char *opcode;
    wr_str operands;               // registers r0, paths, constants, names
    wr_str words;                  // what it does
    struct wr_listing_place place; // the expression it comes from
};

struct wr_listing {
    const struct wr_program *p;
    struct wr_arena *arena;
    uint32_t *clauses_; // of each instruction
};

// WR_ERR_LIMIT when the arena is full.
wr_err wr_listing_init(struct wr_listing *l, const struct wr_program *p,
                       struct wr_arena *arena) WR_MUST_CHECK;

size_t wr_listing_count(const struct wr_listing *l);
void wr_listing_line(const struct wr_listing *l, size_t at, struct wr_listing_line *out);
// "SET @a", "WHERE", "SELECT", "template 0". Lines of one clause stand together.
wr_str wr_listing_clause(const struct wr_listing *l, uint32_t clause);
// The text of template `id` when the clause is one; false for clauses of the statement.
bool wr_listing_template(const struct wr_listing *l, uint32_t clause, uint32_t *id);

// What the program reads from the payload. `*` is all of it.
struct wr_listing_path {
    wr_str text; // as an expression
    bool whole;
    wr_str clauses; // that read it: "WHERE, SELECT"
};
size_t wr_listing_paths(const struct wr_listing *l, const struct wr_listing_path **out);

// Expressions that the compiler has evaluated, at most WR_LISTING_CONSTANTS_MAX.
struct wr_listing_constant {
    struct wr_listing_place place;
    wr_str value; // with its type
};
size_t wr_listing_constants(const struct wr_listing *l, const struct wr_listing_constant **out);

// Calls that the host must answer.
struct wr_listing_lookup {
    const char *function;
    struct wr_listing_place place;
};
size_t wr_listing_lookups(const struct wr_listing *l, const struct wr_listing_lookup **out);

// A failure in instructions [begin, end) goes on at `handler`.
struct wr_listing_guard {
    uint32_t begin, end, handler;
};
size_t wr_listing_guard_count(const struct wr_listing *l);
struct wr_listing_guard wr_listing_guard_at(const struct wr_listing *l, size_t index);

// Sizes against their limits.
struct wr_listing_sizes {
    size_t statement_len, instructions, registers, constants, variables;
    uint64_t fuel;
};
struct wr_listing_sizes wr_listing_sizes(const struct wr_listing *l);
wr_str wr_listing_statement(const struct wr_listing *l); // as written

#endif
