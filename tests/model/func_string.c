// Functions of texts and digests: sql.md 11.2.
#include <locale.h>
#include <string.h>
#include <wctype.h>

#include <openssl/evp.h>

#include "tests/model/model.h"

#define PAD_MAX 1000

// All arguments as texts; false when one has none.
static bool texts(struct model_run *r, const mval *args, size_t count, struct model_text *out)
{
    for (size_t i = 0; i < count; i++) {
        mval v = model_to_string(r->m, args[i]);
        if (v->type != MODEL_STRING) {
            return false;
        }
        out[i] = v->text;
    }
    return true;
}

static bool starts(struct model_text t, size_t at, struct model_text with)
{
    return t.len - at >= with.len && (with.len == 0 || memcmp(t.at + at, with.at, with.len) == 0);
}

static MODEL_BODY(concat)
{
    bool arrays = false, strings = count == 1;
    for (size_t i = 0; i < count; i++) {
        arrays = arrays || args[i]->type == MODEL_ARRAY;
        strings = strings || args[i]->type == MODEL_STRING;
    }
    if (arrays) {
        struct model_value *out = model_new(r->m, MODEL_ARRAY);
        for (size_t i = 0; i < count; i++) {
            mval v = args[i];
            for (size_t k = 0; v->type == MODEL_ARRAY && k < v->list.count; k++) {
                if (v->list.at[k].value->type != MODEL_UNDEFINED) {
                    model_append(r->m, out, v->list.at[k].value);
                }
            }
            if (v->type != MODEL_ARRAY && v->type != MODEL_UNDEFINED) {
                model_append(r->m, out, v);
            }
        }
        return out;
    }
    struct model_buf b = {.m = r->m};
    for (size_t i = 0; i < count; i++) {
        mval v = model_to_string(r->m, args[i]);
        if (v->type != MODEL_STRING) {
            return &model_undefined;
        }
        model_add(&b, v->text);
    }
    return strings ? model_string(r->m, model_buf_text(&b)) : &model_undefined;
}

static MODEL_BODY(length)
{
    struct model_text t;
    return texts(r, args, 1, &t) ? model_int(r->m, (int64_t)model_utf8_count(t)) : &model_undefined;
}

static MODEL_BODY(numbytes)
{
    struct model_text t;
    return texts(r, args, 1, &t) ? model_int(r->m, (int64_t)t.len) : &model_undefined;
}

static MODEL_BODY(indexof)
{
    struct model_text t[2];
    if (!texts(r, args, 2, t)) {
        return &model_undefined;
    }
    for (size_t at = 0; at + t[1].len <= t[0].len; at++) {
        if (starts(t[0], at, t[1])) {
            return model_int(r->m, (int64_t)model_utf8_count(model_text_part(t[0], 0, at)));
        }
    }
    return model_int(r->m, -1);
}

static mval map_case(struct model_run *r, mval arg, wint_t (*map)(wint_t, locale_t))
{
    static locale_t unicode;
    struct model_text t;
    struct model_buf b = {.m = r->m};
    if (!texts(r, &arg, 1, &t)) {
        return &model_undefined;
    }
    if (!unicode) {
        unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    }
    if (!unicode) {
        r->m->unsupported = "case mapping without a UTF-8 locale";
        return &model_undefined;
    }
    uint32_t point = 0;
    for (size_t at = 0; at < t.len; at += model_utf8(t, at, &point)) {
        model_utf8(t, at, &point);
        model_utf8_add(&b, (uint32_t)map((wint_t)point, unicode));
    }
    return model_string(r->m, model_buf_text(&b));
}

static MODEL_BODY(lower)
{
    return map_case(r, args[0], towlower_l);
}

static MODEL_BODY(upper)
{
    return map_case(r, args[0], towupper_l);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static mval cut_blanks(struct model_run *r, mval arg, bool left, bool right)
{
    struct model_text t;
    if (!texts(r, &arg, 1, &t)) {
        return &model_undefined;
    }
    while (left && t.len && blank(t.at[0])) {
        t = model_text_part(t, 1, t.len);
    }
    while (right && t.len && blank(t.at[t.len - 1])) {
        t.len--;
    }
    return model_string(r->m, t);
}

static MODEL_BODY(ltrim)
{
    return cut_blanks(r, args[0], true, false);
}

static MODEL_BODY(rtrim)
{
    return cut_blanks(r, args[0], false, true);
}

static MODEL_BODY(trim)
{
    return cut_blanks(r, args[0], true, true);
}

static mval pad(struct model_run *r, const mval *args, bool left)
{
    struct model_text t;
    mval n = model_to_decimal(r->m, args[1]);
    if (!texts(r, args, 1, &t) || !model_is_number(n)) {
        return &model_undefined;
    }
    int64_t spaces = model_clamped(n); // beyond 34 digits too
    struct model_buf b = {.m = r->m};
    if (!left) {
        model_add(&b, t);
    }
    for (int64_t i = 0; i < spaces && i < PAD_MAX; i++) {
        model_add_char(&b, ' ');
    }
    if (left) {
        model_add(&b, t);
    }
    return model_string(r->m, model_buf_text(&b));
}

static MODEL_BODY(lpad)
{
    return pad(r, args, true);
}

static MODEL_BODY(rpad)
{
    return pad(r, args, false);
}

static MODEL_BODY(startswith)
{
    struct model_text t[2];
    return texts(r, args, 2, t) ? model_bool(starts(t[0], 0, t[1])) : &model_undefined;
}

static MODEL_BODY(endswith)
{
    struct model_text t[2];
    if (!texts(r, args, 2, t)) {
        return &model_undefined;
    }
    return model_bool(t[0].len >= t[1].len && starts(t[0], t[0].len - t[1].len, t[1]));
}

static MODEL_BODY(replace)
{
    struct model_text t[3];
    struct model_buf b = {.m = r->m};
    if (!texts(r, args, 3, t)) {
        return &model_undefined;
    }
    if (t[1].len == 0) { // it occurs before each character and at the end
        for (size_t at = 0, step; at < t[0].len; at += step) {
            step = model_utf8(t[0], at, NULL);
            model_add(&b, t[2]);
            model_add(&b, model_text_part(t[0], at, at + step));
        }
        model_add(&b, t[2]);
        return model_string(r->m, model_buf_text(&b));
    }
    for (size_t at = 0; at < t[0].len;) {
        if (starts(t[0], at, t[1])) {
            model_add(&b, t[2]);
            at += t[1].len;
        } else {
            model_add_char(&b, t[0].at[at++]);
        }
    }
    return model_string(r->m, model_buf_text(&b));
}

static MODEL_BODY(substring)
{
    struct model_text t;
    int64_t bound[2] = {0, INT64_MAX};
    if (!texts(r, args, 1, &t)) {
        return &model_undefined;
    }
    for (size_t i = 1; i < count; i++) {
        mval n = model_to_decimal(r->m, args[i]);
        if (!model_is_number(n)) {
            return &model_undefined;
        }
        bound[i - 1] = model_clamped(n);
    }
    int64_t len = (int64_t)model_utf8_count(t);
    for (int i = 0; i < 2; i++) {
        bound[i] = bound[i] < 0 ? 0 : bound[i] > len ? len : bound[i];
    }
    if (bound[0] >= bound[1]) {
        return model_string(r->m, TEXT(""));
    }
    return model_string(r->m, model_text_part(t, model_utf8_offset(t, (size_t)bound[0]),
                                              model_utf8_offset(t, (size_t)bound[1])));
}

static MODEL_BODY(chr)
{
    mval n = model_to_int(r->m, args[0]);
    int64_t c = n->type == MODEL_INT ? model_clamped(n) : -1;
    struct model_buf b = {.m = r->m};
    if (c < 0 || c > 127) {
        return &model_undefined;
    }
    model_add_char(&b, (char)c);
    return model_string(r->m, model_buf_text(&b));
}

const struct model_function model_strings[] = {
    {"concat", 0, SIZE_MAX, false, model_fn_concat},
    {"length", 1, 1, true, model_fn_length},
    {"numbytes", 1, 1, true, model_fn_numbytes},
    {"indexof", 2, 2, true, model_fn_indexof},
    {"lower", 1, 1, false, model_fn_lower},
    {"upper", 1, 1, false, model_fn_upper},
    {"ltrim", 1, 1, false, model_fn_ltrim},
    {"rtrim", 1, 1, false, model_fn_rtrim},
    {"trim", 1, 1, false, model_fn_trim},
    {"lpad", 2, 2, false, model_fn_lpad},
    {"rpad", 2, 2, false, model_fn_rpad},
    {"startswith", 2, 2, false, model_fn_startswith},
    {"endswith", 2, 2, false, model_fn_endswith},
    {"replace", 3, 3, false, model_fn_replace},
    {"substring", 2, 3, false, model_fn_substring},
    {"chr", 1, 1, false, model_fn_chr},
    {0},
};

// ---- digests

static mval hex(struct model_run *r, const unsigned char *bytes, size_t len)
{
    struct model_buf b = {.m = r->m};
    for (size_t i = 0; i < len; i++) {
        model_addf(&b, "%02x", bytes[i]);
    }
    return model_string(r->m, model_buf_text(&b));
}

static mval digest(struct model_run *r, mval arg, const EVP_MD *how)
{
    struct model_text t;
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!texts(r, &arg, 1, &t) || !EVP_Digest(t.at, t.len, bytes, &len, how, NULL)) {
        return &model_undefined;
    }
    return hex(r, bytes, len);
}

// RFC 1319. Its table is made from the digits of pi by its own rule (a Fisher-Yates shuffle).
static void md2_table(unsigned char *table)
{
    static const char pi[] =
        "31415926535897932384626433832795028841971693993751058209749445923078164062862089986280348"
        "25342117067982148086513282306647093844609550582231725359408128481117450284102701938521105"
        "55964462294895493038196442881097566593344612847564823378678316527120190914564856692346034"
        "86104543266482133936072602491412737245870066063155881748815209209628292540917153643678925"
        "90360011330530548820466521384146951941511609433057270365759591953092186117381932611793105"
        "11854807446237996274956735188575272489122793818301194912983367336244065664308602139494639"
        "52247371907021798609437027705392171762931767523846748184676694051320005681271452635608277"
        "85771342757789609173637178721468440901224953430146549585371050792279689258923542019956112"
        "12902196086403441815981362977477130996051870721134999999837297804995105973173281609631859";
    size_t next = 0;
    for (int i = 0; i < 256; i++) {
        table[i] = (unsigned char)i;
    }
    for (unsigned n = 2; n <= 256; n++) { // a random number below n from the digits
        unsigned x, y;
        do {
            x = (unsigned)(pi[next++] - '0');
            y = 10;
            if (n > 10) {
                x = x * 10 + (unsigned)(pi[next++] - '0');
                y = 100;
            }
            if (n > 100) {
                x = x * 10 + (unsigned)(pi[next++] - '0');
                y = 1000;
            }
        } while (x >= n * (y / n));
        x %= n;
        unsigned char keep = table[x];
        table[x] = table[n - 1];
        table[n - 1] = keep;
    }
}

static MODEL_BODY(md2)
{
    struct model_text t;
    unsigned char table[256], state[48] = {0}, checksum[16] = {0};
    if (!texts(r, args, 1, &t)) {
        return &model_undefined;
    }
    md2_table(table);
    size_t padding = 16 - t.len % 16, total = t.len + padding;
    unsigned char *bytes = model_alloc(r->m, total + 16), last = 0;
    memcpy(bytes, t.at, t.len);
    memset(bytes + t.len, (int)padding, padding);
    for (size_t i = 0; i < total; i++) {
        checksum[i % 16] ^= table[bytes[i] ^ last];
        last = checksum[i % 16];
    }
    memcpy(bytes + total, checksum, 16);
    for (size_t block = 0; block < total + 16; block += 16) {
        for (size_t i = 0; i < 16; i++) {
            state[16 + i] = bytes[block + i];
            state[32 + i] = state[i] ^ state[16 + i];
        }
        unsigned carry = 0;
        for (unsigned round = 0; round < 18; round++) {
            for (size_t i = 0; i < 48; i++) {
                carry = state[i] ^= table[carry];
            }
            carry = (carry + round) % 256;
        }
    }
    return hex(r, state, 16);
}

#define DIGEST(name)                             \
    static MODEL_BODY(name)                      \
    {                                            \
        return digest(r, args[0], EVP_##name()); \
    }
DIGEST(md5)
DIGEST(sha1)
DIGEST(sha224)
DIGEST(sha256)
DIGEST(sha384)
DIGEST(sha512)

const struct model_function model_digests[] = {
    {"md2", 1, 1, false, model_fn_md2},       {"md5", 1, 1, false, model_fn_md5},
    {"sha1", 1, 1, false, model_fn_sha1},     {"sha224", 1, 1, false, model_fn_sha224},
    {"sha256", 1, 1, false, model_fn_sha256}, {"sha384", 1, 1, false, model_fn_sha384},
    {"sha512", 1, 1, false, model_fn_sha512}, {0},
};
