// Strict JSON (sql.md 10) and base64, read plainly.
#include "tests/model/model.h"

#include <string.h>

#define DEPTH_MAX 512 // sql.md 14: deeper payloads are Raw

struct reader {
    struct model *m;
    struct model_text text;
    size_t at;
    int depth;
};

static int peek(const struct reader *r)
{
    return r->at < r->text.len ? (unsigned char)r->text.at[r->at] : -1;
}

static bool take(struct reader *r, int c)
{
    bool there = peek(r) == c;
    r->at += there;
    return there;
}

static void blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r') {
        r->at++;
    }
}

static bool digit(const struct reader *r)
{
    return peek(r) >= '0' && peek(r) <= '9';
}

static bool hex4(struct reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(r);
        int n = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (n < 0) {
            return false;
        }
        *out = *out << 4 | (uint32_t)n;
        r->at++;
    }
    return true;
}

static bool read_escape(struct reader *r, struct model_buf *b)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    r->at++;
    if (c == 'u') {
        uint32_t point, low;
        if (!hex4(r, &point)) {
            return false;
        }
        if (point >= 0xd800 && point <= 0xdbff) { // only a pair is a character
            if (!take(r, '\\') || !take(r, 'u') || !hex4(r, &low) || low < 0xdc00 || low > 0xdfff) {
                return false;
            }
            point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        } else if (point >= 0xdc00 && point <= 0xdfff) {
            return false;
        }
        model_utf8_add(b, point);
        return true;
    }
    const char *found = c > 0 ? strchr(names, c) : NULL;
    if (!found) {
        return false;
    }
    model_add_char(b, values[found - names]);
    return true;
}

static bool read_string(struct reader *r, struct model_text *out)
{
    struct model_buf b = {.m = r->m};
    if (!take(r, '"')) {
        return false;
    }
    while (!take(r, '"')) {
        int c = peek(r);
        if (c < 0x20) { // the end, too
            return false;
        }
        r->at++;
        if (c != '\\') {
            model_add_char(&b, (char)c);
        } else if (!read_escape(r, &b)) {
            return false;
        }
    }
    *out = model_buf_text(&b);
    return true;
}

static bool read_number(struct reader *r, mval *out)
{
    size_t start = r->at;
    take(r, '-');
    if (!take(r, '0')) {
        if (!digit(r)) {
            return false;
        }
        while (digit(r)) {
            r->at++;
        }
    }
    if (take(r, '.')) {
        if (!digit(r)) {
            return false;
        }
        while (digit(r)) {
            r->at++;
        }
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        if (!take(r, '+')) {
            take(r, '-');
        }
        if (!digit(r)) {
            return false;
        }
        while (digit(r)) {
            r->at++;
        }
    }
    *out = model_parse_number(r->m, model_text_part(r->text, start, r->at));
    return true;
}

static bool read_word(struct reader *r, const char *word, mval value, mval *out)
{
    size_t len = strlen(word);
    if (r->text.len - r->at < len || memcmp(r->text.at + r->at, word, len) != 0) {
        return false;
    }
    r->at += len;
    *out = value;
    return true;
}

static bool read_value(struct reader *r, mval *out);

static bool read_members(struct reader *r, struct model_value *v, char close)
{
    blanks(r);
    if (take(r, close)) {
        return true;
    }
    do {
        struct model_text key = {0};
        mval item;
        blanks(r);
        if (close == '}') {
            if (!read_string(r, &key)) {
                return false;
            }
            blanks(r);
            if (!take(r, ':')) {
                return false;
            }
            blanks(r);
        }
        if (!read_value(r, &item)) {
            return false;
        }
        if (close == '}') {
            model_put(r->m, v, key, item);
        } else {
            model_append(r->m, v, item);
        }
        blanks(r);
    } while (take(r, ','));
    return take(r, close);
}

static bool read_value(struct reader *r, mval *out)
{
    size_t start = r->at;
    int c = peek(r);
    if (c == '{' || c == '[') {
        if (++r->depth > DEPTH_MAX) {
            return false;
        }
        r->at++;
        struct model_value *v = model_new(r->m, c == '{' ? MODEL_OBJECT : MODEL_ARRAY);
        if (!read_members(r, v, c == '{' ? '}' : ']')) {
            return false;
        }
        r->depth--;
        v->from = model_text_part(r->text, start, r->at);
        *out = v;
        return true;
    }
    if (c == '"') {
        struct model_text text;
        bool read = read_string(r, &text);
        *out = read ? model_string(r->m, text) : &model_undefined;
        return read;
    }
    return c == 't'   ? read_word(r, "true", &model_true, out)
           : c == 'f' ? read_word(r, "false", &model_false, out)
           : c == 'n' ? read_word(r, "null", &model_null, out)
                      : read_number(r, out);
}

bool model_json_read(struct model *m, struct model_text text, mval *out)
{
    struct reader r = {.m = m, .text = text};
    if (!model_utf8_valid(text)) {
        return false;
    }
    blanks(&r);
    if (!read_value(&r, out)) {
        return false;
    }
    blanks(&r);
    return r.at == text.len;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void model_base64_write(struct model_buf *b, struct model_text bytes)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        uint32_t group = 0;
        size_t left = bytes.len - at < 3 ? bytes.len - at : 3;
        for (size_t i = 0; i < 3; i++) {
            group = group << 8 | (i < left ? (unsigned char)bytes.at[at + i] : 0);
        }
        for (size_t i = 0; i < 4; i++) {
            model_add_char(b, i <= left ? alphabet[group >> (18 - 6 * i) & 63] : '=');
        }
    }
}

// Strict: groups of four, padded, no bits set beyond the last byte.
bool model_base64_read(struct model *m, struct model_text text, struct model_text *bytes)
{
    struct model_buf b = {.m = m};
    if (text.len % 4 != 0) {
        return false;
    }
    for (size_t at = 0; at < text.len; at += 4) {
        uint32_t group = 0;
        size_t pad = 0;
        for (size_t i = 0; i < 4; i++) {
            char c = text.at[at + i];
            const char *found = c ? strchr(alphabet, c) : NULL;
            if (c == '=' && i >= 2 && at + 4 == text.len) {
                pad++;
            } else if (!found || pad) {
                return false;
            }
            group = group << 6 | (found ? (uint32_t)(found - alphabet) : 0);
        }
        if ((pad == 1 && group & 0xff) || (pad == 2 && group & 0xffff)) {
            return false;
        }
        for (size_t i = 0; i < 3 - pad; i++) {
            model_add_char(&b, (char)(group >> (16 - 8 * i) & 0xff));
        }
    }
    *bytes = model_buf_text(&b);
    return true;
}
