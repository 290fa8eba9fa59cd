// Advice in error texts: how AWS IoT SQL says what was probably meant.
#include "sql/hint.h"

#include "sql/base/compiler.h"

#include "sql/base/banned.h"

#define BEHIND (WR_HINT_OPERATOR | WR_HINT_ITEM | WR_HINT_GROUP | WR_HINT_WHERE | WR_HINT_TEMPLATE)

static const char one_message[] =
    "a rule sees one message at a time: no grouping, ordering or joins";
static const char chain[] = "comparisons do not chain, join two of them with AND";
static const char reserved[] =
    "keywords are reserved, a field of that name is read with get(*, 'name')";
static const char trailing[] = "a comma stands between two things, not behind the last";
static const char query[] = "a nested query stands in parentheses";
static const char typographic[] = "typographic quotes do not delimit strings, use '";

// The first row that fits. Empty `found` or `before` fits every token.
static const struct {
    unsigned places;
    wr_str found, before;
    const char *hint;
} hints[] = {
    {BEHIND,
     WR_STR_INIT("LIKE"),
     {0},
     "there is no LIKE, use startswith(), endswith(), indexof() or regexp_matches()"},
    {BEHIND, WR_STR_INIT("ILIKE"), {0}, "there is no ILIKE, use regexp_matches()"},
    {BEHIND, WR_STR_INIT("RLIKE"), {0}, "there is no RLIKE, use regexp_matches()"},
    {BEHIND, WR_STR_INIT("REGEXP"), {0}, "there is no REGEXP, use regexp_matches()"},
    {BEHIND, WR_STR_INIT("BETWEEN"), {0}, "there is no BETWEEN, write x >= 1 AND x <= 2"},
    {BEHIND,
     WR_STR_INIT("IS"),
     {0},
     "there is no IS NULL, use isNull(x) for null and isUndefined(x) for a missing field"},
    {BEHIND, WR_STR_INIT("NOT"), {0}, "NOT stands before the comparison: NOT (x IN y)"},
    {BEHIND, WR_STR_INIT("MOD"), {0}, "write x % y or mod(x, y)"},
    {BEHIND, WR_STR_INIT("DIV"), {0}, "write x / y: two Ints give an Int"},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("GROUP"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("ORDER"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("HAVING"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("LIMIT"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("OFFSET"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("UNION"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("JOIN"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("INNER"), {0}, one_message},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("LEFT"), {0}, one_message},
    {BEHIND, WR_STR_INIT("="), {0}, chain},
    {BEHIND, WR_STR_INIT("<>"), {0}, chain},
    {BEHIND, WR_STR_INIT("!="), {0}, chain},
    {BEHIND, WR_STR_INIT("<"), {0}, chain},
    {BEHIND, WR_STR_INIT("<="), {0}, chain},
    {BEHIND, WR_STR_INIT(">"), {0}, chain},
    {BEHIND, WR_STR_INIT(">="), {0}, chain},
    {BEHIND, WR_STR_INIT("IN"), {0}, chain},
    {WR_HINT_GROUP, WR_STR_INIT(","), {0}, "a list is written in brackets: [1, 2]"},
    {WR_HINT_ITEM, {0}, WR_STR_INIT("FROM"), "FROM was taken as a name, look at what is before it"},
    {BEHIND, {0}, WR_STR_INIT("DISTINCT"), "there is no DISTINCT"},
    {BEHIND | WR_HINT_TAIL, WR_STR_INIT("SET"), {0}, "SET stands once, before SELECT"},
    {WR_HINT_WHERE, WR_STR_INIT("FROM"), {0}, "FROM stands before WHERE, once"},
    {BEHIND | WR_HINT_TAIL,
     WR_STR_INIT("WHERE"),
     {0},
     "there is one WHERE, join conditions with AND"},
    {BEHIND, WR_STR_INIT(":"), WR_STR_INIT("iot"),
     "policy variables such as ${iot:ThingName} are not part of rules, use clientid() or topic()"},

    {WR_HINT_OPERAND, WR_STR_INIT("="), WR_STR_INIT("="), "equality is a single ="},
    {WR_HINT_OPERAND, WR_STR_INIT(">"), WR_STR_INIT("="), "write >="},
    {WR_HINT_OPERAND, WR_STR_INIT("<"), WR_STR_INIT("="), "write <="},
    {WR_HINT_OPERAND, WR_STR_INIT("WHEN"), WR_STR_INIT("CASE"),
     "CASE compares one value: CASE x WHEN 1 THEN 'one' ELSE 'many' END"},
    {WR_HINT_OPERAND, WR_STR_INIT("FROM"), WR_STR_INIT("SELECT"), "SELECT * takes everything"},
    {WR_HINT_OPERAND, WR_STR_INIT("FROM"), WR_STR_INIT(","), trailing},
    {WR_HINT_OPERAND, WR_STR_INIT(")"), WR_STR_INIT(","), trailing},
    {WR_HINT_OPERAND, WR_STR_INIT("]"), WR_STR_INIT(","), trailing},
    {WR_HINT_OPERAND, WR_STR_INIT("."), {0}, "a number begins with a digit, a path with a name"},
    {WR_HINT_OPERAND, WR_STR_INIT("NOT"), {0}, "put NOT and what it negates in parentheses"},
    {WR_HINT_OPERAND, WR_STR_INIT("+"), {0}, "numbers have no plus sign"},
    {WR_HINT_OPERAND, WR_STR_INIT("SELECT"), {0}, query},
    {WR_HINT_OPERAND, WR_STR_INIT("SET"), WR_STR_INIT("SELECT"), "SET stands once, before SELECT"},
    {WR_HINT_OPERAND, WR_STR_INIT("WHERE"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("AS"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("IN"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("SET"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("WHEN"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("END"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("THEN"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("ELSE"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("OR"), {0}, reserved},
    {WR_HINT_OPERAND, WR_STR_INIT("AND"), {0}, reserved},

    {WR_HINT_TAIL, WR_STR_INIT(","), {0}, "a rule has one topic filter, + and # make it wider"},
    {WR_HINT_TAIL,
     WR_STR_INIT("."),
     {0},
     "the topic filter takes no path, write it in the list of items"},
    {WR_HINT_TAIL, WR_STR_INIT("AS"), {0}, "the topic filter takes no alias"},
    {WR_HINT_TAIL, WR_STR_INIT("AND"), {0}, "a condition begins with WHERE"},
    {WR_HINT_FILTER, {0}, {0}, "the topic filter stands in single quotes: FROM 'a/b'"},
    {WR_HINT_ALIAS, {0}, {0}, "an alias is a bare word, or several joined by points"},
    {WR_HINT_KEY, {0}, {0}, "keys are quoted: {'a': 1}"},
    {WR_HINT_TEMPLATE, WR_STR_INIT("AS"), {0}, "a template takes an expression without an alias"},
    {WR_HINT_WORD,
     {0},
     {0},
     "an alias needs AS; a field with a blank in its name is read with get(*, 'my field')"},
};

static bool fits(wr_str pattern, wr_str token)
{
    return pattern.len == 0 || wr_str_eq_nocase(pattern, token);
}

static bool begins_with_typographic_quote(wr_str s)
{
    return wr_str_starts(s, WR_STR("\u2018")) || wr_str_starts(s, WR_STR("\u2019")) ||
           wr_str_starts(s, WR_STR("\u201c")) || wr_str_starts(s, WR_STR("\u201d"));
}

const char *wr_hint_find(enum wr_hint_place place, wr_str found, wr_str before)
{
    if (begins_with_typographic_quote(found)) {
        return typographic;
    }
    if (wr_str_starts(found, WR_STR("\ufeff"))) {
        return "the text begins with a byte order mark";
    }
    for (size_t i = 0; i < WR_COUNT(hints); i++) {
        if ((hints[i].places & (unsigned)place) && fits(hints[i].found, found) &&
            fits(hints[i].before, before)) {
            return hints[i].hint;
        }
    }
    return NULL;
}
