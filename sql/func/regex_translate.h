// java.util.regex patterns to PCRE2 patterns: AWS's dialect is Java's, and the two differ in ways
// that give wrong answers silently. What cannot be translated is refused, never passed through.
// Thread: any.
#ifndef WR_SQL_FUNC_REGEX_TRANSLATE_H
#define WR_SQL_FUNC_REGEX_TRANSLATE_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#define WR_REGEX_PATTERN_MAX (64 * 1024) // bytes; PCRE2's compiled form uses 16-bit links
#define WR_REGEX_DEPTH_MAX   250         // nested groups: PCRE2's own limit
#define WR_REGEX_NAMES_MAX   64          // named groups of one pattern

struct wr_regex_name {
    wr_str name; // borrowed from the Java pattern
    uint32_t group;
};

// Callouts that the translation puts into the pattern, so that the work of a match can be counted:
// wherever matching goes on after it may have gone back. Between two of them it does not go further
// than the way between their two places in the subject, plus `weight`.
#define WR_REGEX_CALLOUT_STEP  1
#define WR_REGEX_CALLOUT_GROUP 2 // in front of a back reference, which reads as far as its group

// What a pattern declares, for replacement texts and for the limits.
struct wr_regex_groups {
    uint32_t count;  // capturing groups, without group 0
    uint32_t weight; // characters that are looked at between two callouts at most
    uint32_t name_count;
    struct wr_regex_name names[WR_REGEX_NAMES_MAX];
};

// Appends to `out` a pattern for PCRE2_UTF without PCRE2_UCP, with newline LF and no other option,
// that matches what Java 17 matches. Named groups become numbered ones. `java` is valid UTF-8.
// WR_ERR_SYNTAX: Java refuses it as well. WR_ERR_UNSUPPORTED: Java takes it, weir does not.
// WR_ERR_LIMIT: too long, too deep, too many names. Fault places are offsets in `java`.
// On failure the content of `out` and `groups` is undefined.
wr_err wr_regex_translate(wr_str java, struct wr_buf *out, struct wr_regex_groups *groups,
                          struct wr_fault *fault) WR_MUST_CHECK;

#endif
