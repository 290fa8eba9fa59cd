// Random cases for differential.c: statements, templates and messages, mostly meaningful, often
// hostile. The same seed and number give the same case on every machine.
// Thread: one.
#ifndef WR_MODEL_GENERATE_H
#define WR_MODEL_GENERATE_H

#include "tests/model/model.h"

#define GEN_RULES     3
#define GEN_TEMPLATES 2

// A rule: one program. Several read one message by one plan, so that they share its slots.
struct gen_rule {
    struct model_text sql, version;
    struct model_text templates[GEN_TEMPLATES];
    size_t template_count;
};

struct gen_case {
    struct gen_rule rules[GEN_RULES];
    size_t rule_count;
    struct model_message message;
};

// Everything is made in `m`, which must be cleared by the caller.
void gen_make(struct model *m, uint64_t seed, uint64_t number, struct gen_case *out);

// ---- between generate*.c

struct gen {
    struct model *m;
    uint64_t state;
    struct model_buf *out;
    bool is16;               // what the statement may use; sometimes it lies
    int vars;                // variables declared so far
    int queries;             // subqueries around
    struct model_text alias; // of the innermost subquery
    size_t budget;           // nodes left
};

uint64_t gen_next(struct gen *g);
size_t gen_below(struct gen *g, size_t n);
bool gen_chance(struct gen *g, int percent);
void gen_put(struct gen *g, const char *text);
#define GEN_PICK(g, list) ((list)[gen_below((g), sizeof(list) / sizeof((list)[0]))])

// generate_text.c: material for statements and payloads
const char *gen_name(struct gen *g);         // of a member
void gen_number(struct gen *g, bool json);   // unsigned; as JSON allows it, or SQL
struct model_text gen_string(struct gen *g); // its characters
void gen_json_string(struct gen *g, struct model_text t);
void gen_sql_string(struct gen *g, struct model_text t);
struct model_text gen_pattern(struct gen *g); // a regular expression of the subset
struct model_text gen_base64(struct gen *g);  // of a text or JSON, now and then damaged
struct model_text gen_time_pattern(struct gen *g);
struct model_text gen_payload(struct gen *g);

// generate.c: expressions. Types: n number, s String, b Boolean, a Array, l Array of Objects, o
// Object, p a path, x any, k a small number; further letters are kinds of literals.
void gen_word(struct gen *g, const char *keyword);
void gen_gap(struct gen *g);
void gen_spaced(struct gen *g, const char *keyword);
void gen_any(struct gen *g, int depth);
void gen_expr(struct gen *g, char type, int depth);
void gen_select(struct gen *g, int depth); // SELECT and its items

#endif
