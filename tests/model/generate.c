// Expressions from the grammar of sql.md 3, with a sense of types: an operand is mostly of the type
// that its operator wants, a path is mostly one that the payload has.
#include "tests/model/generate.h"

#include <string.h>

uint64_t gen_next(struct gen *g) // splitmix64
{
    uint64_t z = g->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

size_t gen_below(struct gen *g, size_t n)
{
    return n ? (size_t)(gen_next(g) % n) : 0;
}

bool gen_chance(struct gen *g, int percent)
{
    return gen_below(g, 100) < (size_t)percent;
}

void gen_put(struct gen *g, const char *text)
{
    model_add(g->out, model_text_of(text));
}

// A keyword, in capitals or not.
void gen_word(struct gen *g, const char *text)
{
    int how = gen_chance(g, 85) ? 0 : gen_chance(g, 50) ? 1 : 2;
    for (size_t i = 0; text[i]; i++) {
        bool small = how == 1 || (how == 2 && gen_chance(g, 50));
        bool letter = text[i] >= 'A' && text[i] <= 'Z';
        model_add_char(g->out, (char)(small && letter ? text[i] + 32 : text[i]));
    }
}

void gen_gap(struct gen *g)
{
    static const char *const gaps[] = {" ", " ", " ", " ", " ", " ", " ", "\n", "\r\n", "  \t"};
    gen_put(g, GEN_PICK(g, gaps));
}

void gen_spaced(struct gen *g, const char *text)
{
    gen_gap(g);
    gen_word(g, text);
    gen_gap(g);
}

// ---- functions: result and arguments by type, a letter each (gen_expr). `*`: the last repeated.

static const struct signature {
    const char *name, *args;
    char result;
    bool since16;
} functions[] = {
    {"abs", "n", 'n'},
    {"ceil", "n", 'n'},
    {"floor", "n", 'n'},
    {"round", "n", 'n'},
    {"sign", "n", 'n'},
    {"trunc", "nk", 'n'},
    {"mod", "nn", 'n'},
    {"remainder", "nn", 'n'},
    {"power", "nk", 'n'},
    {"sqrt", "n", 'n'},
    {"exp", "k", 'n'},
    {"ln", "n", 'n'},
    {"log", "n", 'n'},
    {"sin", "n", 'n'},
    {"cos", "n", 'n'},
    {"tan", "n", 'n'},
    {"asin", "k", 'n'},
    {"acos", "k", 'n'},
    {"atan", "n", 'n'},
    {"atan2", "nn", 'n'},
    {"sinh", "k", 'n'},
    {"cosh", "k", 'n'},
    {"tanh", "k", 'n'},
    {"bitand", "nn", 'n'},
    {"bitor", "nn", 'n'},
    {"bitxor", "nn", 'n'},
    {"bitnot", "n", 'n'},
    {"nanvl", "xx", 'x'},
    {"nanvl", "pn", 'n'},
    {"concat", "ss*", 's'},
    {"concat", "ax*", 'a'},
    {"length", "s", 'n', true},
    {"numbytes", "s", 'n', true},
    {"indexof", "ss", 'n', true},
    {"lower", "s", 's'},
    {"upper", "s", 's'},
    {"ltrim", "s", 's'},
    {"rtrim", "s", 's'},
    {"trim", "s", 's'},
    {"lpad", "sk", 's'},
    {"rpad", "sk", 's'},
    {"startswith", "ss", 'b'},
    {"endswith", "ss", 'b'},
    {"replace", "sss", 's'},
    {"substring", "sk", 's'},
    {"substring", "skk", 's'},
    {"chr", "k", 's'},
    {"regexp_matches", "sr", 'b'},
    {"regexp_substr", "sr", 's'},
    {"regexp_replace", "srR", 's'},
    {"md2", "s", 's'},
    {"md5", "s", 's'},
    {"sha1", "s", 's'},
    {"sha224", "s", 's'},
    {"sha256", "s", 's'},
    {"sha384", "s", 's'},
    {"sha512", "s", 's'},
    {"get", "ak", 'x'},
    {"get", "sk", 's'},
    {"get", "oK", 'x'},
    {"get", "lk", 'o'},
    {"isNull", "x", 'b'},
    {"isUndefined", "x", 'b', true},
    {"get_or_default", "xx", 'x', true},
    {"get_or_default", "pn", 'n', true},
    {"transform", "Tol", 'a', true},
    {"encode", "x6", 's', true},
    {"encode", "Y6", 's', true},
    {"decode", "e6", 'x', true},
    {"timestamp", "", 'n'},
    {"parse_time", "jh", 's', true},
    {"parse_time", "jhz", 's', true},
    {"time_to_epoch", "tt", 'n', true}, // made as a pair
    {"topic", "", 's'},
    {"topic", "k", 's'},
    {"clientid", "", 's'},
    {"principal", "", 's'},
    {"traceid", "", 's'},
    {"sourceip", "", 's', true},
    {"accountid", "", 's'},
    {"sql_version", "", 's'},
    {"get_mqtt_property", "m", 's', true},
    {"get_user_properties", "", 'a', true},
    {"get_user_properties", "m", 'a', true},
    {"rand", "n", 'n'}, // with an argument it has an answer: Undefined
    {"newuuid", "n", 's'},
};

static void call(struct gen *g, char result, int depth);

void gen_any(struct gen *g, int depth)
{
    if (depth > 0 && gen_chance(g, 15)) {
        call(g, 'x', depth); // what may give anything
        return;
    }
    static const char types[] = "nnsssbbaolpx";
    gen_expr(g, types[gen_below(g, 11)], depth);
}

static void epoch_arguments(struct gen *g)
{
    static const char *const pairs[][2] = {
        {"2020-04-03 09:45:18 +01:00", "yyyy-MM-dd HH:mm:ss XXX"},
        {"18 December 2015", "dd MMMM yyyy"},
        {"2020-01-01 01:30 PM", "yyyy-MM-dd hh:mm a"},
        {"2016-12-15T18:07:31Z", "yyyy-MM-dd'T'HH:mm:ssX"},
        {"05 Jan 2020", "dd MMM yyyy"},
        {"2019-2-29", "uuuu-M-d"},
        {"1969-12-31T23:59:59.999", "yyyy-MM-dd'T'HH:mm:ss.SSS"},
        {"0001-01-01", "yyyy-MM-dd"},
        {"24:00:00 31.12.1999", "HH:mm:ss dd.MM.yyyy"},
        {"2000-02-29T12:00+0530", "uuuu-MM-dd'T'HH:mmx"},
        {"2000-02-29T12:00-08", "uuuu-MM-dd'T'HH:mmX"},
        {"2000-02-29T12:00:01+05:30", "uuuu-MM-dd'T'HH:mm:ssxxx"},
        {"2000-02-29T12:00:01-0530", "uuuu-MM-dd'T'HH:mm:ssXX"},
    };
    const char *const *pair = GEN_PICK(g, pairs);
    size_t len = strlen(pair[0]);
    char *text = model_alloc(g->m, len + 1);
    memcpy(text, pair[0], len);
    for (size_t i = 0; i < len; i++) { // other digits, sometimes other text
        if (text[i] >= '0' && text[i] <= '9' && gen_chance(g, 15)) {
            text[i] = (char)('0' + gen_below(g, 10));
        }
    }
    gen_sql_string(g, (struct model_text){text, len - (gen_chance(g, 3) ? 1 : 0)});
    gen_put(g, ", ");
    gen_sql_string(g, model_text_of(gen_chance(g, 3) ? GEN_PICK(g, pairs)[1] : pair[1]));
}

static void function_name(struct gen *g, const char *name)
{
    bool odd = gen_chance(g, 10);
    for (; *name; name++) {
        bool letter = *name >= 'a' && *name <= 'z';
        model_add_char(g->out, (char)(odd && letter && gen_chance(g, 40) ? *name - 32 : *name));
    }
    gen_put(g, gen_chance(g, 2) ? " (" : "(");
}

static void subquery(struct gen *g, int depth);

static void call(struct gen *g, char result, int depth)
{
    const struct signature *f = &GEN_PICK(g, functions);
    for (int tries = 0; tries < 60; tries++) {
        if (f->result == result && (g->is16 || !f->since16 || gen_chance(g, 1))) {
            break;
        }
        f = &GEN_PICK(g, functions);
    }
    function_name(g, f->name);
    if (strcmp(f->args, "tt") == 0) {
        epoch_arguments(g);
    }
    size_t count = strcmp(f->args, "tt") == 0 ? 0 : strlen(f->args);
    bool list = count && f->args[count - 1] == '*';
    size_t total = list ? gen_below(g, 4) + 1 : count;
    total = gen_chance(g, 2) ? gen_below(g, 4) : total;
    for (size_t i = 0; i < total; i++) {
        char type = i < count - list ? f->args[i] : count ? f->args[count - 1 - list] : 'x';
        gen_put(g, i ? ", " : "");
        if (gen_chance(g, 6)) {
            gen_any(g, depth - 1);
        } else if (type == 'a' && g->is16 && depth > 1 && gen_chance(g, 10)) {
            subquery(g, depth - 1); // without parentheses of its own
        } else {
            gen_expr(g, type, depth - 1);
        }
    }
    gen_put(g, ")");
}

// ---- paths and literals

static void path(struct gen *g, char type)
{
    static const char *const numbers[] = {"i", "d", "q", "v", "i2"};
    static const char *const keys[] = {"k", "v", "x", "i", "s", "n", "o", "from", "end"};
    const char *name = type == 'n'   ? GEN_PICK(g, numbers)
                       : type == 's' ? (gen_chance(g, 80) ? "s" : "q")
                       : type == 'b' ? "t"
                       : type == 'a' ? (gen_chance(g, 60) ? "a" : "l")
                       : type == 'l' ? "l"
                       : type == 'o' ? "o"
                                     : gen_name(g);
    if (g->vars && gen_chance(g, 15)) {
        model_addf(g->out, "@v%zu", gen_below(g, (size_t)g->vars));
    } else if (g->alias.at && gen_chance(g, 30)) {
        model_add(g->out, g->alias);
        if (gen_chance(g, 60)) {
            return;
        }
        gen_put(g, ".");
        gen_put(g, name);
    } else if (gen_chance(g, 4)) {
        gen_put(g, gen_chance(g, 60) ? "*." : "*");
        if (g->out->at[g->out->len - 1] == '*') {
            return;
        }
        gen_put(g, name);
    } else if (gen_chance(g, 15)) {
        gen_put(g, "o.");
        gen_put(g, name);
    } else {
        gen_put(g, name);
    }
    for (size_t more = gen_chance(g, 12) ? 1 + gen_below(g, 2) : 0; more > 0; more--) {
        if (gen_chance(g, 70)) {
            gen_put(g, gen_chance(g, 3) ? " . " : ".");
            gen_put(g, GEN_PICK(g, keys));
        } else {
            model_addf(g->out, "[%zu]", gen_below(g, 4));
        }
    }
}

static void literal(struct gen *g, char type)
{
    static const char *const keys[] = {"'k'", "'v'", "'my key'", "''", "\"x\"", "'i'"};
    static const char *const patterns[] = {"yyyy-MM-dd HH:mm:ss",
                                           "yyyy.MM.dd G 'at' HH:mm:ss z",
                                           "xxxx-'W'ww-e",
                                           "yy M d D E EEEE a h K k",
                                           "MMM MMMM",
                                           "S SS SSS SSSSS",
                                           "Z ZZ ZZZ z zzzz",
                                           "C Y YY yyyyy x xx",
                                           "h 'o''clock'",
                                           "'open",
                                           "''",
                                           "",
                                           "jjj",
                                           "yyyyMMddHHmmssSSS",
                                           "ss.S'Z'",
                                           "[yyyy]{}#"};
    static const char *const properties[] = {"'content_type'",
                                             "'format_indicator'",
                                             "'response_topic'",
                                             "'correlation_data'",
                                             "'other'",
                                             "'env'",
                                             "'k'"};
    static const char *const replacements[] = {"'-'", "'$1'", "'$0$0'",   "'\\\\$1'", "'$2'",
                                               "'$'", "''",   "'a\\\\b'", "'$12'",    "'<$1>'"};
    static const char *const encoded[] = {
        "'aGVsbG8='", "'WzEsMl0='", "'e2E6MX0='",     "'bnVsbA=='",  "'//8='",
        "'NS4w'",     "'MWUxMDAw'", "'eyJrIjoxLjB9'", "'IA=='",      "'aGV='",
        "'IDEg'",     "'YQ'",       "'YR=='",         "'Yg==' + ''", "encode(*, 'base64')"};
    switch (type) {
    case 'n':
        gen_number(g, false);
        break;
    case 'k': // a small number: an index, a width, an argument of exp()
        model_addf(g->out, gen_chance(g, 20) ? "%zu.%zu" : "%zu", gen_below(g, 8),
                   gen_below(g, 100));
        break;
    case 's':
        gen_sql_string(g, gen_string(g));
        break;
    case 'b':
        gen_word(g, gen_chance(g, 50) ? "TRUE" : "FALSE");
        break;
    case 'r':
        gen_sql_string(g, gen_pattern(g));
        break;
    case 'R':
        gen_put(g, GEN_PICK(g, replacements));
        break;
    case 'K':
        gen_put(g, GEN_PICK(g, keys));
        break;
    case 'T':
        gen_put(g, gen_chance(g, 95) ? "'enrichArray'" : "'enricharray'");
        break;
    case '6':
        gen_put(g, gen_chance(g, 95) ? "'base64'" : "'hex'");
        break;
    case 'Y':
        gen_put(g, "*");
        break;
    case 'e':
        gen_chance(g, 50) ? gen_put(g, GEN_PICK(g, encoded)) : gen_sql_string(g, gen_base64(g));
        break;
    case 'j':
        gen_sql_string(g, gen_chance(g, 30) ? model_text_of(GEN_PICK(g, patterns))
                                            : gen_time_pattern(g));
        break;
    case 'h':
        model_addf(g->out, "%s%llu", gen_chance(g, 30) ? "-" : "",
                   (unsigned long long)(gen_next(g) >> (18 + gen_below(g, 40))));
        break;
    case 'z':
        gen_put(g, "'UTC'");
        break;
    case 'm':
        gen_put(g, GEN_PICK(g, properties));
        break;
    default:
        gen_word(g, "NULL");
    }
}

static void list(struct gen *g, char type, int depth)
{
    gen_put(g, "[");
    for (size_t i = 0, count = gen_below(g, 4); i < count; i++) {
        gen_put(g, i ? ", " : "");
        gen_expr(g, type == 'l' ? 'o' : gen_chance(g, 60) ? 'n' : 'x', depth - 1);
    }
    gen_put(g, "]");
}

static void object(struct gen *g, int depth)
{
    size_t count = gen_below(g, 4);
    gen_put(g, "{");
    for (size_t i = 0; i < count; i++) {
        gen_put(g, i ? ", " : "");
        gen_sql_string(g, gen_chance(g, 70) ? model_text_of(gen_name(g)) : gen_string(g));
        gen_put(g, ":");
        gen_any(g, depth - 1);
    }
    gen_put(g, count && gen_chance(g, 10) ? ",}" : "}");
}

// ---- operators

static void binary(struct gen *g, const char *op, char a, char b, int depth)
{
    gen_expr(g, gen_chance(g, 8) ? 'x' : a, depth - 1);
    gen_spaced(g, op);
    gen_expr(g, gen_chance(g, 8) ? 'x' : b, depth - 1);
}

static void in_parens(struct gen *g, bool parens, void (*what)(struct gen *, int), int depth)
{
    gen_put(g, parens ? "(" : "");
    what(g, depth);
    gen_put(g, parens ? ")" : "");
}

static void arithmetic(struct gen *g, int depth)
{
    static const char *const ops[] = {"+", "-", "*", "/", "%"};
    binary(g, GEN_PICK(g, ops), 'n', 'n', depth);
}

static void comparison(struct gen *g, int depth)
{
    static const char *const ops[] = {"=", "<>", "!=", "<", "<=", ">", ">=", "="};
    static const char types[] = "nnnsbaox";
    char a = types[gen_below(g, 8)];
    if (gen_chance(g, 15)) {
        binary(g, "IN", 'x', 'a', depth);
    } else {
        binary(g, GEN_PICK(g, ops), a, gen_chance(g, 80) ? a : 'x', depth);
    }
}

static void logic(struct gen *g, int depth)
{
    binary(g, gen_chance(g, 50) ? "AND" : "OR", 'b', 'b', depth);
}

static void concatenation(struct gen *g, int depth)
{
    binary(g, "+", 's', gen_chance(g, 50) ? 's' : 'x', depth);
}

static void negation(struct gen *g, int depth)
{
    gen_word(g, "NOT");
    gen_gap(g);
    gen_expr(g, 'b', depth - 1);
}

static void case_of(struct gen *g, char type, int depth)
{
    static const char operands[] = "nsbx";
    char operand = operands[gen_below(g, 4)];
    gen_word(g, "CASE");
    gen_gap(g);
    gen_expr(g, operand, depth - 1);
    for (size_t i = 0, count = 1 + gen_below(g, 3); i < count; i++) {
        gen_spaced(g, "WHEN");
        gen_expr(g, operand, depth - 1);
        gen_spaced(g, "THEN");
        gen_expr(g, type, depth - 1);
    }
    if (gen_chance(g, 60)) {
        gen_spaced(g, "ELSE");
        gen_expr(g, type, depth - 1);
    }
    gen_spaced(g, "END");
}

static void cast_to(struct gen *g, char type, int depth)
{
    static const char *const texts[] = {"String", "varchar", "nvarchar", "TEXT", "ntext"};
    static const char *const numbers[] = {"Int", "Integer", "Double", "double", "Decimal"};
    static const char *const truths[] = {"Bool", "Boolean"};
    gen_word(g, "CAST");
    gen_put(g, "(");
    gen_any(g, depth - 1);
    gen_spaced(g, "AS");
    gen_put(g, type == 's'   ? GEN_PICK(g, texts)
               : type == 'b' ? GEN_PICK(g, truths)
               : g->is16     ? GEN_PICK(g, numbers)
                             : numbers[gen_below(g, 4)]);
    gen_put(g, ")");
}

// ---- queries

static void alias(struct gen *g)
{
    static const char *const names[] = {"r",   "x", "o",      "s.x",   "s.y",
                                        "o.k", "i", "select", "a.b.c", "value"};
    gen_spaced(g, "AS");
    gen_put(g, GEN_PICK(g, names));
}

static void items(struct gen *g, int depth)
{
    size_t count = 1 + gen_below(g, 4);
    for (size_t i = 0; i < count; i++) {
        gen_put(g, i ? ", " : "");
        if (gen_chance(g, 10)) {
            gen_put(g, "*");
        } else if (gen_chance(g, 8)) {
            path(g, 'o');
            gen_put(g, ".*");
        } else {
            gen_any(g, depth);
        }
        if (gen_chance(g, 65)) {
            alias(g);
        }
    }
}

void gen_select(struct gen *g, int depth)
{
    gen_word(g, "SELECT");
    gen_gap(g);
    if (gen_chance(g, 8)) {
        gen_put(g, "*");
    } else if (gen_chance(g, 25)) {
        gen_word(g, "VALUE");
        gen_gap(g);
        gen_any(g, depth);
    } else {
        items(g, depth);
    }
}

static void subquery(struct gen *g, int depth)
{
    struct model_text outer = g->alias;
    struct model_buf select = {.m = g->m}, *out = g->out;
    bool named = gen_chance(g, 30);
    // What is selected sees the row and its alias; the source sees what is around.
    g->alias = named ? TEXT("w") : (struct model_text){0};
    g->queries++;
    g->out = &select;
    gen_select(g, depth - 1);
    g->out = out;
    model_add(out, model_buf_text(&select));
    g->alias = outer;
    g->queries--;
    gen_spaced(g, "FROM");
    if (gen_chance(g, 60)) {
        path(g, gen_chance(g, 70) ? 'l' : 'x');
    } else if (gen_chance(g, 20)) {
        gen_put(g, "*");
    } else {
        in_parens(g, false, gen_chance(g, 50) ? object : gen_any, depth > 1 ? 1 : depth);
    }
    g->alias = named ? TEXT("w") : (struct model_text){0};
    if (named) {
        gen_spaced(g, "AS");
        gen_put(g, "w");
    }
    if (gen_chance(g, 40)) {
        gen_spaced(g, "WHERE");
        gen_expr(g, 'b', depth - 1);
    }
    g->alias = outer;
}

static void query(struct gen *g, int depth)
{
    gen_put(g, "(");
    subquery(g, depth);
    gen_put(g, ")");
}

static void exists(struct gen *g, int depth)
{
    gen_word(g, "EXISTS");
    gen_put(g, gen_chance(g, 50) ? "(" : " (");
    subquery(g, depth);
    gen_put(g, ")");
}

// ---- expressions by type

static void number_expr(struct gen *g, int depth)
{
    switch (gen_below(g, 9)) {
    case 0:
    case 1:
    case 2:
        in_parens(g, gen_chance(g, 30), arithmetic, depth);
        break;
    case 3:
        gen_put(g, gen_chance(g, 90) ? "-" : "- - ");
        gen_expr(g, 'n', depth - 1);
        break;
    case 4:
        cast_to(g, 'n', depth);
        break;
    case 5:
        case_of(g, 'n', depth);
        break;
    default:
        call(g, 'n', depth);
    }
}

static void string_expr(struct gen *g, int depth)
{
    switch (gen_below(g, 9)) {
    case 0:
    case 1:
        in_parens(g, gen_chance(g, 30), concatenation, depth);
        break;
    case 2:
        cast_to(g, 's', depth);
        break;
    case 3:
        case_of(g, 's', depth);
        break;
    default:
        call(g, 's', depth);
    }
}

static void truth_expr(struct gen *g, int depth)
{
    switch (gen_below(g, 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        in_parens(g, gen_chance(g, 40), comparison, depth);
        break;
    case 4:
    case 5:
        in_parens(g, gen_chance(g, 50), logic, depth);
        break;
    case 6:
        in_parens(g, gen_chance(g, 30), negation, depth);
        break;
    case 7:
        if (!g->is16) {
            call(g, 'b', depth);
        } else if (gen_chance(g, 60)) {
            exists(g, depth);
        } else {
            cast_to(g, 'b', depth);
        }
        break;
    default:
        call(g, 'b', depth);
    }
}

void gen_expr(struct gen *g, char type, int depth)
{
    bool atom = depth <= 0 || g->budget == 0 || gen_chance(g, 25);
    g->budget -= g->budget > 0;
    if (type == 'x') {
        gen_any(g, depth - 1);
        return;
    }
    if (type == 'p' || (type != 'h' && strchr("nsbaol", type) && atom && gen_chance(g, 65))) {
        path(g, type);
    } else if (strchr("al", type) && (g->is16 || gen_chance(g, 1))) {
        if (atom || gen_chance(g, 40)) {
            list(g, type, depth);
        } else if (gen_chance(g, 60)) {
            query(g, depth);
        } else {
            call(g, 'a', depth);
        }
    } else if (type == 'o' && (g->is16 || gen_chance(g, 1)) && depth > 0) {
        gen_chance(g, 70) ? object(g, depth) : call(g, 'o', depth);
    } else if (strchr("alo", type)) {
        path(g, type);
    } else if (atom || !strchr("nsbk", type)) {
        literal(g, type == 'h' && gen_chance(g, 50) ? 'h' : type);
    } else if (type == 'n' || (type == 'k' && gen_chance(g, 20))) {
        number_expr(g, depth);
    } else if (type == 's') {
        string_expr(g, depth);
    } else if (type == 'b') {
        truth_expr(g, depth);
    } else {
        literal(g, type);
    }
}
