// Inside of the regular expression translator: the scan's state, escapes that stand for characters,
// and character classes. Included by the regex_*.c files only. Thread: any.
#ifndef WR_SQL_FUNC_REGEX_CLASS_H
#define WR_SQL_FUNC_REGEX_CLASS_H

#include "sql/base/utf8.h"
#include "sql/func/regex_translate.h"

// Java's flags.
#define WR_RE_CASELESS   1u   // i: ASCII letters only, unless u
#define WR_RE_UNIX_LINES 2u   // d: only LF ends a line
#define WR_RE_MULTILINE  4u   // m
#define WR_RE_DOTALL     8u   // s
#define WR_RE_UNICODE    16u  // u
#define WR_RE_COMMENTS   32u  // x
#define WR_RE_BEHIND     64u  // not a flag of Java's: inside a look-behind
#define WR_RE_LOOK       128u // likewise, in `stack` only: the group is a look-around

struct wr_regex_scan {
    wr_str p; // the Java pattern
    size_t i; // the next byte
    struct wr_buf *out;
    struct wr_regex_groups *groups;
    struct wr_fault *fault;
    uint32_t total_groups; // of the whole pattern; UINT32_MAX in the first pass
    unsigned flags;
    unsigned depth;
    unsigned class_depth;
    bool plain;                         // the class just read is a bracket of characters and ranges
    unsigned stack[WR_REGEX_DEPTH_MAX]; // flags outside each open group
    bool has_atom;                      // what a quantifier would repeat
    bool looked;                        // a look-around ended here
};

// One escape: a character, or a set of them.
struct wr_regex_item {
    bool set;     // `text` stands for it, inside a bracket
    bool flipped; // a set that PCRE2 keeps as what it is not, among ASCII
    bool nothing; // half a surrogate pair: no text holds it
    uint32_t ch;
    char text[80];
};

wr_err wr_regex_fail(struct wr_regex_scan *s, wr_err code, const char *format, ...) WR_PRINTF(3, 4);

// Pass blanks and comments when the flag x is set.
void wr_regex_skip(struct wr_regex_scan *s);

static inline bool wr_regex_ascii_caseless(const struct wr_regex_scan *s)
{
    return (s->flags & WR_RE_CASELESS) && !(s->flags & WR_RE_UNICODE);
}

// Java's (?iu) holds i, I, dotted I (U+0130) and dotless i (U+0131) for one; PCRE2 the first two.
static inline bool wr_regex_dotless(const struct wr_regex_scan *s, uint32_t ch)
{
    unsigned fold = WR_RE_CASELESS | WR_RE_UNICODE;
    return (s->flags & fold) == fold && (ch == 'i' || ch == 'I' || ch == 0x130 || ch == 0x131);
}

// A literal character, escaped for inside and outside brackets alike.
void wr_regex_put(struct wr_regex_scan *s, uint32_t ch);

// The escape whose letter is at s->i (the backslash is passed): \t \x41 \d \p{…} and the like.
wr_err wr_regex_escape(struct wr_regex_scan *s, struct wr_regex_item *item) WR_MUST_CHECK;

// A set escape outside brackets.
void wr_regex_item_alone(struct wr_regex_scan *s, const struct wr_regex_item *item);

// The class whose '[' is at s->i.
wr_err wr_regex_class(struct wr_regex_scan *s) WR_MUST_CHECK;

#endif
