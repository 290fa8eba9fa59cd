// DynamoDB's numbers: reading, canonical text, sortable keys.
#include "sinks/dynamodb/number.h"

#include "sql/base/banned.h"

#define EXPONENT_MAX 126    // of 0.d1d2…: 9.99E+125 is 0.999E+126
#define EXPONENT_MIN (-129) // 1E-130 is 0.1E-129
#define EXPONENT_FAR 100000 // exponents are clamped to this while reading; all beyond it overflow

static const char not_a_number[] = "The parameter cannot be converted to a numeric value";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// The exponent behind an `e`, clamped. False when it is none.
static bool parse_exponent(wr_str text, int *out)
{
    size_t i = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    bool negative = i > 0 && text.at[0] == '-';
    int n = 0;
    if (i == text.len) {
        return false;
    }
    for (; i < text.len; i++) {
        if (!is_digit(text.at[i])) {
            return false;
        }
        n = n < EXPONENT_FAR ? n * 10 + (text.at[i] - '0') : n;
    }
    *out = negative ? -n : n;
    return true;
}

const char *wr_dynamodb_number_parse(wr_str text, struct wr_dynamodb_number *out)
{
    struct wr_dynamodb_number n = {0};
    size_t i = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    n.negative = i > 0 && text.at[0] == '-';
    size_t seen = 0, significant = 0; // digits; significant ones up to the last that is not zero
    size_t whole = 0, read = 0; // digits from the first that is not zero: before the point, all
    long leading = 0;           // zeros between the point and the first other digit
    bool point = false;
    for (; i < text.len && (is_digit(text.at[i]) || (text.at[i] == '.' && !point)); i++) {
        if (text.at[i] == '.') {
            point = true;
            continue;
        }
        seen++;
        if (read == 0 && text.at[i] == '0') {
            leading += point;
            continue;
        }
        if (read < sizeof n.digits) {
            n.digits[read] = text.at[i];
        }
        read++;
        whole += !point;
        significant = text.at[i] != '0' ? read : significant;
    }
    int exponent = 0;
    if (seen == 0 || (i < text.len && text.at[i] != 'e' && text.at[i] != 'E') ||
        (i < text.len && !parse_exponent(wr_str_cut(text, i + 1, text.len), &exponent))) {
        return not_a_number;
    }
    if (significant == 0) {
        *out = (struct wr_dynamodb_number){0};
        return NULL;
    }
    if (significant > WR_DYNAMODB_DIGITS_MAX) {
        return "Attempting to store more than 38 significant digits in a Number";
    }
    int64_t first = exponent + (int64_t)whole - leading;
    if (first > EXPONENT_MAX) {
        return "Number overflow. Attempting to store a number with magnitude larger than supported "
               "range";
    }
    if (first < EXPONENT_MIN) {
        return "Number underflow. Attempting to store a number with magnitude smaller than "
               "supported range";
    }
    n.exponent = (int)first;
    n.len = significant;
    *out = n;
    return NULL;
}

static void add_zeros(struct wr_buf *b, int count)
{
    for (int i = 0; i < count; i++) {
        wr_buf_add_char(b, '0');
    }
}

void wr_dynamodb_number_write(struct wr_buf *b, const struct wr_dynamodb_number *n)
{
    if (n->len == 0) {
        wr_buf_add_char(b, '0');
        return;
    }
    if (n->negative) {
        wr_buf_add_char(b, '-');
    }
    int len = (int)n->len;
    if (n->exponent <= 0) {
        wr_buf_add(b, WR_STR("0."));
        add_zeros(b, -n->exponent);
        wr_buf_add(b, (wr_str){n->digits, n->len});
        return;
    }
    int whole = n->exponent < len ? n->exponent : len;
    wr_buf_add(b, (wr_str){n->digits, (size_t)whole});
    add_zeros(b, n->exponent - whole);
    if (whole < len) {
        wr_buf_add_char(b, '.');
        wr_buf_add(b, (wr_str){n->digits + whole, (size_t)(len - whole)});
    }
}

// 0: negative, 1: zero, 2: positive; three digits of exponent; the digits. Of negative numbers all
// digits are turned round, and a byte above the digits ends them, so that -15 sorts before -1.5 and
// -1.
size_t wr_dynamodb_number_key(char out[WR_DYNAMODB_NUMBER_KEY_MAX],
                              const struct wr_dynamodb_number *n)
{
    size_t at = 0;
    out[at++] = n->len == 0 ? '1' : n->negative ? '0' : '2';
    if (n->len == 0) {
        return at;
    }
    int exponent = n->negative ? 500 - n->exponent : 500 + n->exponent;
    out[at++] = (char)('0' + exponent / 100);
    out[at++] = (char)('0' + exponent / 10 % 10);
    out[at++] = (char)('0' + exponent % 10);
    for (size_t i = 0; i < n->len; i++) {
        out[at++] = n->negative ? (char)('9' - (n->digits[i] - '0')) : n->digits[i];
    }
    if (n->negative) {
        out[at++] = '~';
    }
    return at;
}

size_t wr_dynamodb_number_size(const struct wr_dynamodb_number *n)
{
    return n->len == 0 ? 1 : (n->len + 1) / 2 + 1 + n->negative;
}
