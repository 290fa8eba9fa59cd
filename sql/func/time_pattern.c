// java.time's DateTimeFormatter patterns (JDK 11): the letters y u M d D H h a m s S E V z X x Z,
// quotes, and optional sections in [ ]. A list of elements is made before anything is read, because
// how far a number reaches depends on the numbers after it (yyyyMMdd).
#include "sql/func/time_pattern.h"

#include "sql/base/banned.h"

#define DEPTH_MAX 8 // nested optional sections

static struct element *append(struct pattern *p, enum kind kind)
{
    if (p->len == ELEMENTS_MAX) {
        return NULL;
    }
    p->at[p->len] = (struct element){.kind = kind};
    p->open_number = -1;
    return &p->at[p->len++];
}

// Numbers side by side: the first takes only what the fixed-width ones after it leave over.
static bool append_number(struct pattern *p, struct element number)
{
    int open = p->open_number;
    struct element *e = append(p, number.kind);
    if (!e) {
        return false;
    }
    *e = number;
    if (open >= 0 && number.min == number.max && number.sign == NO_SIGN) {
        p->at[open].subsequent += number.max;
        p->open_number = open;
    } else {
        if (open >= 0) {
            p->at[open].subsequent = 0;
        }
        p->open_number = p->len - 1;
    }
    return true;
}

static bool add_number(struct pattern *p, enum field field, int min, int max, enum sign sign)
{
    return append_number(
        p, (struct element){.kind = NUMBER, .field = field, .min = min, .max = max, .sign = sign});
}

static bool add_year(struct pattern *p, enum field field, int count)
{
    if (count == 2) {
        return append_number(
            p, (struct element){.kind = REDUCED_YEAR, .field = field, .min = 2, .max = 2});
    }
    return count <= DIGITS_MAX &&
           add_number(p, field, count, DIGITS_MAX, count < 4 ? MINUS : EXCEEDS_PAD);
}

// d, H and the like: one letter is any width, two are two digits.
static bool add_short(struct pattern *p, enum field field, int count)
{
    return count == 1   ? add_number(p, field, 1, DIGITS_MAX, MINUS)
           : count == 2 ? add_number(p, field, 2, 2, NO_SIGN)
                        : false;
}

static bool add_counted(struct pattern *p, enum kind kind, char letter, int count)
{
    struct element *e = append(p, kind);
    if (e) {
        e->letter = letter;
        e->count = count;
    }
    return e;
}

static bool add_letter(struct pattern *p, char letter, int count)
{
    switch (letter) {
    case 'y':
        return add_year(p, YEAR_OF_ERA, count);
    case 'u':
        return add_year(p, YEAR, count);
    case 'M':
        return count <= 2 ? add_short(p, MONTH, count)
                          : count <= 4 && add_counted(p, MONTH_NAME, letter, count);
    case 'd':
        return add_short(p, DAY_OF_MONTH, count);
    case 'D':
        return count == 1 ? add_number(p, DAY_OF_YEAR, 1, DIGITS_MAX, MINUS)
                          : count <= 3 && add_number(p, DAY_OF_YEAR, count, 3, NO_SIGN);
    case 'H':
        return add_short(p, HOUR, count);
    case 'h':
        return add_short(p, HOUR_OF_HALF, count);
    case 'm':
        return add_short(p, MINUTE, count);
    case 's':
        return add_short(p, SECOND, count);
    case 'S':
        return count <= 9 &&
               append_number(p, (struct element){
                                    .kind = FRACTION, .field = NANO, .min = count, .max = count});
    case 'a':
        return count == 1 && add_counted(p, HALF_NAME, letter, count);
    case 'E':
        return count <= 4 && add_counted(p, DAY_NAME, letter, count);
    case 'V':
        return count == 2 && add_counted(p, ZONE_ID, letter, count);
    case 'z':
        return count <= 3 && add_counted(p, ZONE_NAME, letter, count);
    case 'X':
    case 'x':
        return count <= 5 && add_counted(p, ZONE_OFFSET, letter, count);
    case 'Z':
        return count <= 5 && count != 4 && add_counted(p, ZONE_OFFSET, letter, count);
    default:
        return false;
    }
}

static bool add_literal(struct pattern *p, uint32_t ch)
{
    struct element *e = append(p, LITERAL);
    if (e) {
        e->ch = ch;
    }
    return e;
}

// Text in quotes, s.at[*i] is the opening one. Two quotes are one quote, inside and outside of
// quotes.
static bool add_quoted(struct pattern *p, wr_str s, size_t *i)
{
    size_t at = *i + 1;
    if (at < s.len && s.at[at] == '\'') {
        *i = at + 1;
        return add_literal(p, '\'');
    }
    while (at < s.len) {
        uint32_t ch = (unsigned char)s.at[at++];
        if (ch == '\'') {
            if (at >= s.len || s.at[at] != '\'') {
                *i = at;
                return true;
            }
            at++;
        }
        if (!add_literal(p, ch)) {
            return false;
        }
    }
    return false; // java.time refuses a quote that does not end
}

static bool add_section(struct pattern *p, char ch, int *open, int *depth)
{
    struct element *e = append(p, ch == '[' ? OPTION_BEGIN : OPTION_END);
    if (!e) {
        return false;
    }
    if (ch == '[') {
        if (*depth == DEPTH_MAX) {
            return false;
        }
        open[(*depth)++] = p->len - 1;
        return true;
    }
    if (*depth == 0) {
        return false;
    }
    p->at[open[--*depth]].end = p->len - 1;
    return true;
}

bool wr_time_pattern_read(struct pattern *p, wr_str s)
{
    int open[DEPTH_MAX], depth = 0;
    p->len = 0;
    p->open_number = -1;
    for (size_t i = 0; i < s.len;) {
        char ch = s.at[i], lower = (char)(ch | 0x20);
        bool good = true;
        if (lower >= 'a' && lower <= 'z') {
            size_t from = i;
            while (i < s.len && s.at[i] == ch) {
                i++;
            }
            good = i - from <= DIGITS_MAX && add_letter(p, ch, (int)(i - from));
        } else if (ch == '\'') {
            good = add_quoted(p, s, &i);
        } else if (ch == '[' || ch == ']') {
            good = add_section(p, ch, open, &depth);
            i++;
        } else {
            good = ch != '{' && ch != '}' && ch != '#' && add_literal(p, (unsigned char)ch);
            i++;
        }
        if (!good) {
            return false;
        }
    }
    while (depth > 0) { // the end of the pattern closes what is open
        if (!add_section(p, ']', open, &depth)) {
            return false;
        }
    }
    return true;
}
