// The oracle: a slow, obvious evaluator of the language, written from sql.md alone (README.md). It
// shares no code with sql/: what both get wrong in the same way, both got wrong on their own.
// Everything a case needs lives in a pool and dies with it. Trees are walked, lists are linear,
// numbers are Intel's decimal128 always.
// Thread: one.
#ifndef WR_MODEL_H
#define WR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sql/base/bid.h"

struct model_text {
    const char *at; // NULL: absent
    size_t len;
};

enum model_type {
    MODEL_UNDEFINED,
    MODEL_NULL,
    MODEL_BOOL,
    MODEL_INT,
    MODEL_DECIMAL,
    MODEL_STRING,
    MODEL_ARRAY,
    MODEL_OBJECT,
    MODEL_RAW, // the payload of a message that is not JSON
};

struct model_value;
typedef const struct model_value *mval; // values never change once they are made

struct model_member {
    struct model_text key; // of an Object's member
    mval value;            // may be Undefined (a number of the payload beyond the range)
};

struct model_list {
    struct model_member *at;
    size_t count, cap;
};

struct model_value {
    enum model_type type;
    bool truth;             // BOOL
    BID_UINT128 number;     // INT, DECIMAL: never -0, NaN or infinite
    struct model_text text; // STRING, RAW
    struct model_list list; // ARRAY, OBJECT
    struct model_text from; // where json.c read it
};

// ---- pool.c: memory of one case, texts, UTF-8

struct model_pool {
    struct model_chunk *chunks;
};

struct model {
    struct model_pool pool;
    bool is16;                 // 2016-03-23 and beta
    const char *unsupported;   // what the case needs that the model does not do; NULL: nothing
    bool chance;               // rand() or newuuid() was asked
    struct model_tally *tally; // counts calls when not NULL: MODEL_TALLY of them
};

#define MODEL_TALLY 128
struct model_tally {
    const char *function;   // NULL: no more
    uint64_t calls, values; // values: neither Undefined nor Null came back
};

void *model_alloc(struct model *m, size_t size); // zeroed
void model_clear(struct model *m);               // ready for the next case

#define TEXT(literal) ((struct model_text){"" literal, sizeof(literal) - 1})
struct model_text model_text_of(const char *terminated);
bool model_text_is(struct model_text t, const char *word); // exactly
bool model_text_same(struct model_text a, struct model_text b);
bool model_text_is_nocase(struct model_text t, const char *word); // ASCII letters in any case
struct model_text model_text_part(struct model_text t, size_t from, size_t to);

struct model_buf {
    struct model *m;
    char *at;
    size_t len, cap;
};
void model_add(struct model_buf *b, struct model_text t);
void model_add_char(struct model_buf *b, char c);
void model_addf(struct model_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct model_text model_buf_text(const struct model_buf *b);

// Length of the UTF-8 character at `at`, 0 when it is not valid; *point may be NULL.
size_t model_utf8(struct model_text t, size_t at, uint32_t *point);
bool model_utf8_valid(struct model_text t);
size_t model_utf8_count(struct model_text t);
size_t model_utf8_offset(struct model_text t, size_t index); // of character `index`, clamped
void model_utf8_add(struct model_buf *b, uint32_t point);

// ---- value.c

extern const struct model_value model_undefined, model_null, model_true, model_false;
mval model_bool(bool truth);
mval model_string(struct model *m, struct model_text text);
mval model_raw(struct model *m, struct model_text bytes);
struct model_value *model_new(struct model *m, enum model_type type); // to be filled
void model_append(struct model *m, struct model_value *array, mval item);
void model_put(struct model *m, struct model_value *object, struct model_text key, mval value);
mval model_member_of(mval object, struct model_text key); // Undefined: none, or not an Object
bool model_is_number(mval v);
bool model_equal(mval a, mval b); // sql.md 6, `=` of two values that are not Undefined

// ---- number.c: sql.md 4, 9

struct model_digits { // value = 0.d0d1d2... * 10^point, without zeros at either end; none: zero
    bool negative;
    char digit[80]; // '0'..'9'
    int count, point;
};
struct model_digits model_digits_of(BID_UINT128 x);
mval model_number(struct model *m, BID_UINT128 x, bool is_int); // applies the range; is_int: as
                                                                // kept by 2015-10-08
mval model_number_of(struct model *m, const struct model_digits *d, bool is_int);
mval model_int(struct model *m, int64_t n);
mval model_double(struct model *m, double d); // not finite: Undefined
// `[-+]digits[.digits][(e|E)[+-]digits]`, already checked by the caller.
mval model_parse_number(struct model *m, struct model_text text);
void model_write_number(struct model_buf *b, mval number);
double model_to_double(mval number);
int64_t model_clamped(mval number); // floor, within +-10^15
mval model_floor(struct model *m, mval number);
mval model_truncate(struct model *m, mval number, int places);
mval model_bits(struct model *m, char op, mval a, mval b); // & | ^ of two Ints
BID_UINT128 model_zero(void);
int model_compare(mval a, mval b);

// ---- convert.c: sql.md 5; Undefined when there is no conversion

mval model_to_string(struct model *m, mval v);
mval model_to_decimal(struct model *m, mval v); // an Int stays one
mval model_to_int(struct model *m, mval v);     // Undefined beyond 34 digits too
mval model_to_bool(mval v);
mval model_cast(struct model *m, mval v, struct model_text type);
bool model_cast_known(struct model_text type, bool is16);

// ---- json.c, write.c: sql.md 9, 10

// False: not JSON, or deeper than 512. Scalars are taken too.
bool model_json_read(struct model *m, struct model_text text, mval *out);
void model_json_write(struct model_buf *b, mval v);
void model_base64_write(struct model_buf *b, struct model_text bytes);
bool model_base64_read(struct model *m, struct model_text text, struct model_text *bytes);

// ---- lex.c: sql.md 2

enum model_token_kind {
    TOKEN_END,
    TOKEN_ERROR, // nothing can continue here
    TOKEN_WORD,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_VARIABLE, // text without @
    TOKEN_SIGN,
};

struct model_token {
    enum model_token_kind kind;
    struct model_text text; // a string's is decoded
    size_t at, end;         // bytes of the statement
};

// The tokens of `text` from byte `at` on, up to and including the END or the first ERROR.
struct model_token *model_lex(struct model *m, struct model_text text, size_t at);
bool model_reserved(struct model_text word); // keywords that are no attribute names

// ---- parse.c: sql.md 3

enum model_kind {
    NODE_VALUE,    // value
    NODE_STAR,     //
    NODE_VARIABLE, // text
    NODE_NAME,     // text
    NODE_MEMBER,   // kids[0] . text
    NODE_INDEX,    // kids[0] [ kids[1] ]
    NODE_CALL,     // text ( kids )
    NODE_CAST,     // text ( kids[0] AS type )
    NODE_QUERY,    // query
    NODE_EXISTS,   // query
    NODE_CASE,     // kids: operand, (when, then)..., [else]; has_else
    NODE_ARRAY,    // kids
    NODE_OBJECT,   // keys, kids
    NODE_UNARY,    // text: NOT -
    NODE_BINARY,   // text: AND OR = <> ... IN + - * / %
};

struct model_node {
    enum model_kind kind;
    struct model_text text, type;
    mval value;
    struct model_node **kids;
    struct model_text *keys;
    size_t count, cap;
    bool has_else;
    struct model_query *query;
};

struct model_item {
    struct model_node *expr;
    bool spread;             // path.*
    struct model_text *path; // the alias, or the name it has without one
    size_t path_len;
    bool has_alias;
};

struct model_query {
    bool value;
    struct model_item *items;
    size_t count;
    bool has_from;
    struct model_text filter;  // of a statement
    struct model_node *source; // of a subquery
    struct model_text as;
    struct model_node *where; // NULL: none
};

#define MODEL_VARS 10

struct model_statement {
    struct model_text vars[MODEL_VARS];
    struct model_node *sets[MODEL_VARS];
    size_t var_count;
    struct model_query query;
};

// False: invalid, and *at is the byte where it cannot continue.
bool model_parse(struct model *m, struct model_text sql, struct model_statement *out, size_t *at);
// One expression of a template, from byte `from`; *end is the byte after its `}`.
bool model_parse_template(struct model *m, struct model_text text, size_t from,
                          const struct model_statement *vars, struct model_node **out, size_t *end,
                          size_t *at);

// ---- eval.c, operator.c: sql.md 6, 7, 8

struct model_property {
    struct model_text key, value;
};

struct model_message {
    struct model_text topic, payload;
    struct model_text client_id, principal, source_ip, trace_id, account_id;
    struct model_text content_type, response_topic, correlation_data; // the last: the bytes
    int format_indicator;                                             // -1: absent, 0, 1: UTF-8
    const struct model_property *properties;
    size_t property_count;
    int64_t timestamp_ms;
    bool basic_ingest, not_over_mqtt;
};

struct model_row {
    mval item;
    struct model_text as;
};

struct model_run {
    struct model *m;
    const struct model_message *message;
    struct model_text version;
    mval payload; // Raw when it is not JSON
    const struct model_statement *statement;
    mval vars[MODEL_VARS];
    const struct model_row *row; // NULL: not within a nested query
};

mval model_eval(struct model_run *r, const struct model_node *n);
mval model_binary(struct model *m, struct model_text op, mval a, mval b);
mval model_unary(struct model *m, struct model_text op, mval a);

// ---- func.c: sql.md 11

struct model_function {
    const char *name;
    size_t min, max;
    bool since16;
    mval (*body)(struct model_run *r, const mval *args, size_t count);
};
const struct model_function *model_function(struct model_text name);
// A row for each function. `tally` has MODEL_TALLY of them.
void model_tally_init(struct model_tally *tally);
mval model_get(struct model *m, mval a, mval i);
mval model_encode(struct model_run *r, mval bytes_or_value, mval scheme, bool payload);

// func_math.c, func_string.c, func_time.c, func_regex.c, func_message.c: the bodies
#define MODEL_BODY(name) mval model_fn_##name(struct model_run *r, const mval *args, size_t count)
extern const struct model_function model_math[], model_strings[], model_structure[], model_times[],
    model_regexes[], model_digests[], model_messages[]; // each ends with a NULL name

// ---- case.c

enum model_outcome {
    MODEL_OUTPUT,
    MODEL_NOMATCH,
    MODEL_INVALID,
    MODEL_ERROR,
    MODEL_UNSUPPORTED, // never compared, always counted
};

struct model_case {
    struct model_text sql;      // absent: SELECT *
    struct model_text template; // absent: the statement's result is asked for
    struct model_text version;  // absent: 2015-10-08
    struct model_message message;
};

struct model_answer {
    enum model_outcome outcome;
    struct model_text bytes; // OUTPUT: the payload or the text
    bool whole;              // it is `*` alone: the bytes of the message would do as well
    size_t at;               // INVALID: the byte of the statement or template
    unsigned line, column;   // likewise
    const char *why;         // UNSUPPORTED
    bool chance;             // another run would give another answer
};

void model_answer(struct model *m, const struct model_case *c, struct model_answer *a);

#endif
