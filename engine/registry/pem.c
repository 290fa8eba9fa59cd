// One block of PEM: found, checked, decoded; written.
#include "engine/registry/pem.h"

#include "engine/registry/secret.h"

#include "sql/base/banned.h"

#define BEGIN     WR_STR("-----BEGIN ")
#define END       WR_STR("-----END ")
#define DASHES    WR_STR("-----")
#define LABEL_MAX 64 // the longest in use has 21 letters
#define LINE      48 // bytes in a line of 64 digits

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static wr_str rest(wr_str text, size_t from)
{
    return wr_str_cut(text, from, text.len);
}

// The label that follows a BEGIN or END at `at`; false when the line does not end as it should.
static bool label_at(wr_str text, size_t at, wr_str *label)
{
    size_t end = at;
    while (end < text.len && text.at[end] != '-' && text.at[end] != '\n' && end - at <= LABEL_MAX) {
        end++;
    }
    *label = wr_str_cut(text, at, end);
    return label->len <= LABEL_MAX && wr_str_starts(rest(text, end), DASHES);
}

// The digits of the block without the blanks between them.
static wr_err digits(wr_str text, size_t from, size_t to, struct wr_buf *out,
                     struct wr_fault *fault)
{
    for (size_t i = from; i < to; i++) {
        char c = text.at[i];
        bool digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '+' || c == '/' || c == '=';
        if (digit) {
            out->at[out->len++] = c;
        } else if (c == ':' || wr_str_starts(wr_str_cut(text, i, to), WR_STR("-Type:"))) {
            return wr_fault_at(fault, WR_ERR_UNSUPPORTED, text, i,
                               "found a header in the PEM block (an encrypted one?), expected "
                               "base64 only");
        } else if (!blank(c)) {
            return wr_fault_at(fault, WR_ERR_SYNTAX, text, i,
                               "found byte 0x%02x in the PEM block, expected base64",
                               (unsigned)(unsigned char)c);
        }
    }
    return WR_OK;
}

static wr_err decode(wr_str text, size_t from, size_t to, struct wr_buf *der,
                     struct wr_fault *fault)
{
    struct wr_buf b = {0};
    wr_assert(wr_buf_reserve(&b, to - from + 1) && wr_buf_reserve(der, to - from + 1));
    wr_err err = digits(text, from, to, &b, fault);
    if (!err && (!b.len || !wr_buf_add_unbase64(der, wr_buf_str(&b)))) {
        err = wr_fault_at(fault, WR_ERR_SYNTAX, text, from,
                          b.len ? "the PEM block is not base64: cut off, or wrong padding"
                                : "the PEM block is empty");
    }
    wr_secret_release(&b); // it may have been a private key
    return err;
}

wr_err wr_pem_read(wr_str text, const char *what, wr_str *label, struct wr_buf *der,
                   struct wr_fault *fault)
{
    ptrdiff_t begin = wr_str_find(text, BEGIN);
    if (begin < 0) {
        return wr_fault_at(fault, WR_ERR_MISSING, text, 0,
                           "found no PEM block, expected %s between '-----BEGIN …-----' and "
                           "'-----END …-----'",
                           what);
    }
    size_t at = (size_t)begin;
    wr_str name, closing;
    if (!label_at(text, at + BEGIN.len, &name)) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, at,
                           "the line '-----BEGIN' does not end with '-----'");
    }
    size_t body = at + BEGIN.len + name.len + DASHES.len;
    ptrdiff_t stop = wr_str_find(rest(text, body), END);
    size_t end = body + (stop < 0 ? 0 : (size_t)stop);
    if (stop < 0) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, at,
                           "the PEM block has no end: expected '-----END %.*s-----'",
                           WR_STR_ARG(name));
    }
    if (!label_at(text, end + END.len, &closing) || !wr_str_eq(name, closing)) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, end, "expected '-----END %.*s-----'",
                           WR_STR_ARG(name));
    }
    size_t behind = end + END.len + closing.len + DASHES.len;
    while (behind < text.len && blank(text.at[behind])) {
        behind++;
    }
    if (behind < text.len) {
        bool second = wr_str_starts(rest(text, behind), BEGIN);
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, behind,
                           second ? "found a second PEM block, expected %s alone"
                                  : "found text behind the PEM block, expected %s alone",
                           what);
    }
    wr_err err = decode(text, body, end, der, fault);
    if (!err) {
        *label = name;
    }
    return err;
}

void wr_pem_write(struct wr_buf *out, const char *label, wr_str der)
{
    wr_buf_addf(out, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < der.len; at += LINE) {
        wr_buf_add_base64(out, wr_str_cut(der, at, at + LINE < der.len ? at + LINE : der.len));
        wr_buf_add_char(out, '\n');
    }
    wr_buf_addf(out, "-----END %s-----\n", label);
}
