// Material: names, numbers of all spellings, texts, patterns, payloads.
#include "tests/model/generate.h"

#include <string.h>

// The members that payloads have, by what they mostly hold; statements ask for them by type.
static const char *const names[] = {"i", "d", "s", "t", "n",     "a",         "o",
                                    "l", "q", "i", "d", "s",     "a",         "o",
                                    "l", "k", "v", "x", "value", "timestamp", "\xc3\xa9t\xc3\xa9",
                                    "A", "i2"};

const char *gen_name(struct gen *g)
{
    return GEN_PICK(g, names);
}

static void digits(struct gen *g, size_t count, bool leading)
{
    static const char *const runs[] = {"0", "9", "5", "00", "49", "50", "99"};
    if (count && !leading) {
        model_add_char(g->out, (char)('1' + gen_below(g, 9)));
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        if (gen_chance(g, 15)) {
            const char *run = GEN_PICK(g, runs);
            gen_put(g, run);
            i += strlen(run) - 1;
        } else {
            model_add_char(g->out, (char)('0' + gen_below(g, 10)));
        }
    }
}

void gen_number(struct gen *g, bool json)
{
    static const char *const special[] = {"0",
                                          "1",
                                          "2",
                                          "7",
                                          "10",
                                          "0.0",
                                          "0e5",
                                          "1e400",
                                          "9.999e999",
                                          "1e-999",
                                          "1E1000",
                                          "1e-1000",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "1e33",
                                          "1e34",
                                          "9999999999999999999999999999999999",
                                          "10000000000000000000000000000000000",
                                          "99999999999999999999999999999999995",
                                          "0.5",
                                          "1.5",
                                          "2.5",
                                          "0.1",
                                          "1e0",
                                          "100.00",
                                          "3.0",
                                          "1e-6",
                                          "1e-7",
                                          "0.0000015",
                                          "0.00000015",
                                          "4503599627370496.5",
                                          "1.7976931348623157e308",
                                          "5e-324",
                                          "2.2250738585072014e-308",
                                          "999999999999999999999999999999999.95",
                                          "1e99999999",
                                          "9.9999999999999999999999999999999995e999",
                                          "1481825251155",
                                          "86400000",
                                          "65",
                                          "127",
                                          "34"};
    if (gen_chance(g, 30)) {
        gen_put(g, GEN_PICK(g, special));
        return;
    }
    if (!json && gen_chance(g, 5)) {
        gen_put(g, "00");
    }
    if (gen_chance(g, 20)) {
        gen_put(g, "0");
    } else {
        digits(g, 1 + gen_below(g, gen_chance(g, 60) ? 4 : 40), false);
    }
    if (gen_chance(g, 40)) {
        gen_put(g, ".");
        digits(g, 1 + gen_below(g, gen_chance(g, 60) ? 4 : 40), true);
    }
    if (gen_chance(g, 20)) {
        static const char *const letters[] = {"e", "E", "e-", "E-", "e+", "E+"};
        gen_put(g, GEN_PICK(g, letters));
        model_addf(g->out, "%zu", gen_below(g, gen_chance(g, 70) ? 45 : 1200));
    }
}

static struct model_text decode_literal(struct gen *g, const char *text, size_t len)
{
    char *copy = model_alloc(g->m, len + 1);
    memcpy(copy, text, len);
    return (struct model_text){copy, len};
}

static struct model_text numeric_text(struct gen *g)
{
    struct model_buf b = {.m = g->m}, *keep = g->out;
    g->out = &b;
    if (gen_chance(g, 30)) {
        gen_put(g, "-");
    }
    gen_number(g, gen_chance(g, 80));
    if (gen_chance(g, 8)) {
        gen_put(g, " ");
    }
    g->out = keep;
    return model_buf_text(&b);
}

struct model_text gen_string(struct gen *g)
{
    static const char *const special[] = {"",
                                          "TRUE",
                                          "false",
                                          "tRuE",
                                          "true ",
                                          "5",
                                          "-1.25",
                                          "5E-1",
                                          "1e+3",
                                          "+5",
                                          " 5",
                                          "5 ",
                                          ".5",
                                          "5.",
                                          "0x10",
                                          "NaN",
                                          "-",
                                          "007",
                                          "-0",
                                          "1e2",
                                          "1e",
                                          "\xd9\xa3",
                                          "abc",
                                          "ABC",
                                          "aXbXc",
                                          "a.b",
                                          "a b\tc\n",
                                          "  pad\t\r\n ",
                                          "null",
                                          "[1,2.50,\"x\"]",
                                          "{\"k\":1.0}",
                                          "base64",
                                          "enrichArray",
                                          "\xc3\xa9\xc3\x80",
                                          "stra\xc3\x9f\x65",
                                          "\xe2\x86\x92\xf0\x9f\x98\x80",
                                          "\xc4\xb0i\xc4\xb1",
                                          "\xce\xa3\xcf\x82\xcf\x83",
                                          "\xd0\x96\xd1\x88",
                                          "\xe2\x80\xa8",
                                          "x\r\n",
                                          "a\va\f",
                                          "\r\nb\n",
                                          "\xc2\x85",
                                          "\xc7\x85",
                                          "a\"b\\c",
                                          "it's",
                                          "\\d+",
                                          "\\\\",
                                          "'",
                                          "\"",
                                          "${topic()}",
                                          "}",
                                          "{",
                                          "$1",
                                          "$0-$2",
                                          "\\$",
                                          "aGVsbG8=",
                                          "WzEsMl0=",
                                          "e2E6MX0=",
                                          "bnVsbA==",
                                          "//8=",
                                          "aGVsbG8",
                                          "aGV=",
                                          "NS4w",
                                          "MWUxMDAw",
                                          "2020-02-30",
                                          "2016-12-15T18:07:31Z",
                                          "2020-01-01 01:30 PM",
                                          "content_type",
                                          "env",
                                          "k",
                                          "x",
                                          "v",
                                          "my key",
                                          "a/b/c",
                                          "aaaa",
                                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                          "0",
                                          "1",
                                          "2"};
    if (gen_chance(g, 12)) {
        return numeric_text(g);
    }
    if (gen_chance(g, 1)) { // long
        struct model_buf b = {.m = g->m};
        const char *part = GEN_PICK(g, special);
        for (size_t count = gen_below(g, 200); count > 0; count--) {
            model_add(&b, model_text_of(part));
        }
        return model_buf_text(&b);
    }
    if (gen_chance(g, 4)) {
        static const char nul[] = "a\0b";
        return decode_literal(g, nul, 3);
    }
    if (gen_chance(g, 12)) {
        struct model_buf b = {.m = g->m};
        size_t count = gen_below(g, 8);
        for (size_t i = 0; i < count; i++) {
            static const uint32_t ranges[][2] = {
                {0x20, 0x7e},     {0, 0x1f},        {0x80, 0x17f},
                {0x370, 0x52f},   {0x1e00, 0x2bff}, {0x10400, 0x1044f},
                {0xff21, 0xff5a}, {0x10a0, 0x10ff}, {'a', 'd'}};
            const uint32_t *range = GEN_PICK(g, ranges);
            model_utf8_add(&b, range[0] + (uint32_t)gen_below(g, range[1] - range[0] + 1));
        }
        return model_buf_text(&b);
    }
    return model_text_of(GEN_PICK(g, special));
}

void gen_json_string(struct gen *g, struct model_text t)
{
    int escape = gen_chance(g, 15) ? 40 : 0;
    gen_put(g, "\"");
    for (size_t at = 0, step; at < t.len; at += step) {
        uint32_t point = 0;
        step = model_utf8(t, at, &point);
        if (point == '"' || point == '\\') {
            gen_put(g, "\\");
            model_add_char(g->out, (char)point);
        } else if (point == '/' && gen_chance(g, 20)) {
            gen_put(g, "\\/");
        } else if (point == '\n' || point == '\t') {
            gen_put(g, point == '\n' ? "\\n" : "\\t");
        } else if (point < 0x20 || gen_chance(g, escape)) {
            if (point >= 0x10000) {
                model_addf(g->out, "\\u%04X", 0xd800 + ((point - 0x10000) >> 10));
                point = 0xdc00 + ((point - 0x10000) & 0x3ff);
            }
            model_addf(g->out, gen_chance(g, 50) ? "\\u%04x" : "\\u%04X", point);
        } else {
            model_add(g->out, model_text_part(t, at, at + step));
        }
    }
    if (gen_chance(g, 1)) { // half a pair, or no such escape
        static const char *const bad[] = {"\\ud800", "\\udc00", "\\ud83dx", "\\x", "\\u12", "\xff"};
        gen_put(g, GEN_PICK(g, bad));
    }
    gen_put(g, "\"");
}

void gen_sql_string(struct gen *g, struct model_text t)
{
    char quote = gen_chance(g, 75) ? '\'' : '"';
    model_add_char(g->out, quote);
    for (size_t i = 0; i < t.len; i++) {
        char c = t.at[i];
        if (c == 0) { // a statement is text without it
            continue;
        }
        if (c == quote) {
            model_add_char(g->out, gen_chance(g, 70) ? quote : '\\');
        } else if (c == '\\') {
            model_add_char(g->out, '\\');
        }
        model_add_char(g->out, c);
    }
    model_add_char(g->out, quote);
}

static void pattern_atom(struct gen *g, int depth)
{
    static const char *const atoms[] = {"a",        "b",    "x",        ".",     "[a-c]", "[^a]",
                                        "\\d",      "\\w",  "\\s",      "[0-9]", "\\.",   "[\\d.]",
                                        "\xc3\xa9", "[^/]", "[a-zA-Z]", "X",     "\"",    "1",
                                        "[-+]",     "[]",   "\\r",      "\\n"};
    if (depth > 0 && gen_chance(g, 25)) {
        static const char *const opens[] = {"(", "(", "(?:", "(?="};
        gen_put(g, GEN_PICK(g, opens));
        for (size_t i = gen_below(g, 3); i < 3; i++) {
            pattern_atom(g, depth - 1);
        }
        if (gen_chance(g, 30)) {
            gen_put(g, "|");
            pattern_atom(g, depth - 1);
        }
        gen_put(g, ")");
    } else {
        gen_put(g, GEN_PICK(g, atoms));
    }
    if (gen_chance(g, 30)) {
        static const char *const repeats[] = {"*",    "+",  "?",  "{2}", "{1,3}",
                                              "{2,}", "*?", "+?", "??"};
        gen_put(g, GEN_PICK(g, repeats));
    }
}

struct model_text gen_pattern(struct gen *g)
{
    static const char *const special[] = {"",   "*",   "(",      ")",  "[",
                                          "a{", "a**", "x{2,1}", "^$", "x*"};
    struct model_buf b = {.m = g->m}, *keep = g->out;
    if (gen_chance(g, 8)) {
        return model_text_of(GEN_PICK(g, special));
    }
    g->out = &b;
    if (gen_chance(g, 5)) {
        gen_put(g, "(?i)");
    }
    if (gen_chance(g, 20)) {
        gen_put(g, "^");
    }
    for (size_t i = gen_below(g, 3); i < 4; i++) {
        pattern_atom(g, 2);
    }
    if (gen_chance(g, 10)) {
        gen_put(g, "|");
        pattern_atom(g, 2);
    }
    if (gen_chance(g, 20)) {
        gen_put(g, "$");
    }
    g->out = keep;
    return model_buf_text(&b);
}

// ---- payloads

static void blank(struct gen *g, int percent)
{
    static const char *const blanks[] = {" ", "\n", "\t", "\r\n", "  "};
    if (gen_chance(g, percent)) {
        gen_put(g, GEN_PICK(g, blanks));
    }
}

static void json_any(struct gen *g, int depth);

static void json_list(struct gen *g, int depth, char what)
{
    size_t count = gen_chance(g, 2) ? gen_below(g, 60) : gen_below(g, 5);
    gen_put(g, "[");
    for (size_t i = 0; i < count; i++) {
        gen_put(g, i ? "," : "");
        blank(g, 2);
        if (what == 'n') {
            gen_put(g, gen_chance(g, 20) ? "-" : "");
            gen_number(g, true);
        } else if (what == 'o') {
            static const char *const keys[] = {"k", "v", "x", "i", "s", "n"};
            gen_put(g, "{");
            for (size_t k = 0, members = gen_below(g, 4); k < members; k++) {
                gen_put(g, k ? ",\"" : "\"");
                gen_put(g, GEN_PICK(g, keys));
                gen_put(g, "\":");
                json_any(g, depth - 1);
            }
            gen_put(g, "}");
        } else {
            json_any(g, depth - 1);
        }
    }
    gen_put(g, "]");
}

static void json_of(struct gen *g, char type, int depth);

static void json_object(struct gen *g, int depth)
{
    size_t count = gen_below(g, depth >= 3 ? 12 : 5);
    bool wide = gen_chance(g, 2);
    count += wide ? gen_below(g, 150) : 0;
    gen_put(g, "{");
    for (size_t i = 0; i < count; i++) {
        const char *name = gen_name(g);
        if (wide && gen_chance(g, 90)) { // enough for an index of the keys, with some twice
            model_addf(g->out, "%s\"m%zu\":", i ? "," : "", gen_below(g, 120));
            json_any(g, 0);
            continue;
        }
        blank(g, 3);
        gen_put(g, i ? "," : "");
        blank(g, 3);
        if (gen_chance(g, 8)) {
            gen_json_string(g, gen_string(g));
            name = "?";
        } else {
            gen_json_string(g, model_text_of(name));
        }
        blank(g, 3);
        gen_put(g, ":");
        blank(g, 3);
        if (gen_chance(g, 12)) {
            json_any(g, depth - 1);
        } else {
            json_of(g, name[0], depth - 1);
        }
    }
    gen_put(g, "}");
}

static void json_of(struct gen *g, char type, int depth)
{
    switch (type) {
    case 'i':
        model_addf(g->out, "%s%zu", gen_chance(g, 20) ? "-" : "", gen_below(g, 200));
        break;
    case 'd':
        gen_put(g, gen_chance(g, 25) ? "-" : "");
        gen_number(g, true);
        break;
    case 's':
        gen_json_string(g, gen_string(g));
        break;
    case 'q':
        gen_json_string(g, numeric_text(g));
        break;
    case 't':
        gen_put(g, gen_chance(g, 50) ? "true" : "false");
        break;
    case 'n':
        gen_put(g, "null");
        break;
    case 'a':
    case 'l':
        json_list(g, depth, depth > 0 ? (type == 'a' ? 'n' : 'o') : 'n');
        break;
    case 'o':
        depth > 0 ? json_object(g, depth) : json_any(g, depth);
        break;
    default:
        json_any(g, depth);
    }
}

static void json_any(struct gen *g, int depth)
{
    static const char flat[] = "idsqtn", deep[] = "idsqtnaolx";
    char type = depth > 0 ? deep[gen_below(g, 10)] : flat[gen_below(g, 6)];
    if (type == 'x') {
        json_list(g, depth, 'x');
    } else {
        json_of(g, type, depth);
    }
}

static void nest(struct gen *g)
{
    size_t depth = gen_chance(g, 50) ? 505 + gen_below(g, 12) : gen_below(g, 300);
    gen_put(g, "{\"a\":");
    for (size_t i = 0; i < depth; i++) {
        gen_put(g, "[");
    }
    gen_put(g, "1");
    for (size_t i = 0; i < depth; i++) {
        gen_put(g, "]");
    }
    gen_put(g, ",\"i\":5}");
}

static void damage(struct gen *g, struct model_text t)
{
    static const char *const parts[] = {"\"",           "{",    "}",    "[", "]",    ",",  ":",
                                        "\\",           "\x01", "\xff", "0", "-",    "e",  ".",
                                        "\xef\xbb\xbf", "//",   "NaN",  "'", "\xc3", "tru"};
    size_t at = gen_below(g, t.len + 1), skip = gen_below(g, 3);
    model_add(g->out, model_text_part(t, 0, at));
    if (gen_chance(g, 60)) {
        gen_put(g, GEN_PICK(g, parts));
    }
    model_add(g->out, model_text_part(t, at + skip > t.len ? t.len : at + skip, t.len));
}

struct model_text gen_payload(struct gen *g)
{
    struct model_buf b = {.m = g->m};
    size_t kind = gen_below(g, 100);
    g->out = &b;
    if (kind < 2) {
        for (size_t i = gen_below(g, 20); i > 0; i--) {
            model_add_char(&b, (char)gen_below(g, 256));
        }
    } else if (kind < 5) {
        json_any(g, 0);
    } else if (kind < 7) {
        nest(g);
    } else if (kind < 10) {
        json_list(g, 3, 'x');
    } else if (kind < 13) {
        json_list(g, 3, 'o');
    } else {
        blank(g, 3);
        json_object(g, 4);
        blank(g, 3);
    }
    if (gen_chance(g, 4)) {
        struct model_buf damaged = {.m = g->m};
        g->out = &damaged;
        damage(g, model_buf_text(&b));
        return model_buf_text(&damaged);
    }
    return model_buf_text(&b);
}

struct model_text gen_base64(struct gen *g)
{
    struct model_buf b = {.m = g->m}, *keep = g->out;
    struct model_text bytes = gen_chance(g, 40) ? gen_payload(g) : gen_string(g);
    g->out = keep;
    model_base64_write(&b, bytes);
    if (b.len && gen_chance(g, 10)) {
        static const char parts[] = "A=-_ /+9\n";
        b.at[gen_below(g, b.len)] = parts[gen_below(g, sizeof parts - 1)];
    }
    b.len -= b.len && gen_chance(g, 3);
    return model_buf_text(&b);
}

struct model_text gen_time_pattern(struct gen *g)
{
    static const char letters[] = "GCYxwweEyyyDMMMddaKhHkmsSzZQbL";
    static const char *const plain[] = {"-", ":", " ", "'T'",      "''", "'o''clock'",
                                        ".", "/", "'", "\xc3\xa9", "5",  "'at '"};
    struct model_buf b = {.m = g->m}, *keep = g->out;
    g->out = &b;
    for (size_t i = gen_below(g, 6); i < 6; i++) {
        char letter =
            letters[gen_below(g, gen_chance(g, 97) ? sizeof letters - 4 : sizeof letters - 1)];
        for (size_t width = 1 + gen_below(g, gen_chance(g, 90) ? 4 : 12); width > 0; width--) {
            model_add_char(&b, letter);
        }
        if (gen_chance(g, 60)) {
            gen_put(g, GEN_PICK(g, plain));
        }
    }
    g->out = keep;
    return model_buf_text(&b);
}
