// Inside of a program: shared by compiler, verifier, VM and disassembler; nobody else includes it.
// Thread: start while it is made; any once sealed.
//
//   code:  [ main … RESULT ][ template 0 … TEXT_RESULT ][ template 1 … ] …
//   guards: regions of code whose failure goes on elsewhere (get_or_default); inner ones first
#ifndef WR_SQL_PROGRAM_H
#define WR_SQL_PROGRAM_H

#include "sql/ast.h"
#include "sql/base/json.h"
#include "sql/base/json_shape.h"
#include "sql/sql.h"

enum wr_opcode {
#define OP(name, a, b, c) WR_OPC_##name,
#include "sql/opcodes.h"
#undef OP
    WR_OPC_COUNT,
};

struct wr_ins {
    uint16_t op, a, b, c;
};

struct wr_guard {
    uint32_t begin, end; // instructions [begin, end)
    uint32_t handler;
};

struct wr_template_code {
    bool constant;
    wr_str text;    // as written
    uint32_t entry; // not constant: the first instruction
    uint32_t len;   // instructions
};

// A list that grows in the program's arena while it is compiled.
#define WR_LIST(type)      \
    struct {               \
        type *at;          \
        uint32_t len, cap; \
    }

// A slim program (slim.c) ends behind statement.assign_count.
struct wr_program {
    // What every evaluation looks at comes first.
    uint64_t fuel;
    enum wr_dialect dialect;
    uint32_t reg_count;
    uint32_t body_len;  // instructions of the statement; templates lie behind
    uint16_t var_count; // of a sealed one: statement.assign_count
    bool sealed;
    WR_LIST(struct wr_ins) code;
    WR_LIST(wr_value) consts;
    struct wr_program_part *part; // of a pool, where code, guards and paths of a slim one are; the
                                  // rest of it lies behind this. NULL: it is not slim
    wr_str version;
    WR_LIST(struct wr_path) paths;
    WR_LIST(struct wr_guard) guards;
    WR_LIST(struct wr_template_code) templates;
    struct wr_statement statement;
    struct wr_arena arena;                   // statement, tree, constants
    uint64_t fold_steps;                     // spent while constants were folded
    WR_LIST(uint32_t) places;                // byte of the source each instruction comes from
    WR_LIST(const struct wr_node *) sources; // the expression it comes from; NULL: the clause
    WR_LIST(struct wr_fault) warnings;
};

// What a slim one has of the struct, and where its constants begin.
#define WR_PROGRAM_SLIM ((offsetof(struct wr_program, statement.assigns) + 15) & ~(size_t)15)

void wr_program_part_drop(struct wr_program_part *part);

struct wr_reader; // plan.c

struct wr_plan {
    struct wr_reader *reader;
    const struct wr_program **programs;
    uint32_t **maps; // program path -> slot; neighbours may have one in common
    size_t program_count;
    size_t path_count; // slots that the reader fills
    size_t slot_count; // twice that when both dialects read: numbers are remembered decoded
    bool mixed;
    int root_slot; // of the whole payload, or -1
};

// What an operand means (opcodes.h).
enum wr_operand_kind {
    WR_OPERAND_NONE,
    WR_OPERAND_REG,
    WR_OPERAND_CONST,
    WR_OPERAND_PATH,
    WR_OPERAND_VAR,
    WR_OPERAND_FUNC,
    WR_OPERAND_JUMP,
    WR_OPERAND_NUM,
    WR_OPERAND_ARGS,
};

// The instruction set by opcode.
struct wr_op_info {
    const char *name;
    enum wr_operand_kind kinds[3]; // of a, b, c
};
extern const struct wr_op_info wr_op_table[WR_OPC_COUNT];

// Whether the instructions behind instruction `next` are the condition that NEXT_WHERE knows: a
// member of the row compared with a number, and the way back to `next` unless that is true.
#define WR_ROW_TEST_LEN 4
bool wr_program_row_test(const struct wr_program *p, uint32_t next);

// `SELECT value - 1`, `SELECT value[0]`: written like the use of a field, but VALUE is the keyword.
bool wr_program_value_like_field(const struct wr_statement *s);

// compile.c: the statement's code, then a template's. Fill p; faults as in sql.h.
wr_err wr_compile_statement(struct wr_program *p, struct wr_fault *fault) WR_MUST_CHECK;
wr_err wr_compile_template(struct wr_program *p, wr_str text, struct wr_template_code *out,
                           struct wr_fault *fault) WR_MUST_CHECK;

// One expression of the statement that `p` shares with another program, or its SET clause when `n`
// is NULL; for part.c. Register 0 is the row when `n` stands in the nested query `row_of`.
wr_err wr_compile_part(struct wr_program *p, const struct wr_node *n, const struct wr_query *row_of,
                       struct wr_fault *fault) WR_MUST_CHECK;

// vm.c: wr_eval_start() for a program that is not the plan's; `map` leads from its paths to slots.
void wr_eval_begin(struct wr_eval *e, const struct wr_program *program, const uint32_t *map,
                   struct wr_sql_message *m, const struct wr_sql_host *host);

#endif
