// The query language of SearchIndex (control-plane.md 5, tier 3), turned into a condition of SQL.
//
//   word  field:value  field:(a OR b)  "some words"  pre*  *x*  a?c
//   field<5  field>=5  field:[75 TO 80]  field:{75 TO 80]  ["a" TO "c"]
//   AND OR NOT -  ( )      two terms side by side are AND; \ before a character takes it as it is
//
// Names of fields see the case, values do not. A word without a field is looked for in all fields.
// Numbers compare as numbers when both sides are some. A value is one word up to a blank or a
// closing parenthesis.
// Thread: any.
#ifndef WR_ENGINE_ADMIN_SEARCH_QUERY_H
#define WR_ENGINE_ADMIN_SEARCH_QUERY_H

#include <jansson.h>

#include "sql/base/buf.h"
#include "sql/base/err.h"

#define WR_SEARCH_TERMS_MAX 12   // as at AWS
#define WR_SEARCH_TEXT_MAX  1000 // likewise; in characters
#define WR_SEARCH_DEPTH_MAX 16   // of parentheses and NOTs: the parser recurses

// One field of an index. Its condition is `open`, a comparison of `column`, `close`.
struct wr_search_field {
    // "thingName". With a dot at its end ("attributes."): what follows in the query is a name, and
    // stands for ?A in `open`.
    const char *name;
    const char *open;   // "(", or "t.id IN (SELECT … WHERE … AND "
    const char *column; // "t.name"
    const char *close;
    // For words without a field, which are looked for in it: a SELECT of t.id's, up to the
    // comparison of `column`. NULL: they are not.
    const char *all;
};

// Append a condition for `text` to `sql`. Values stand in `values`, an array, and in the condition
// as json_extract(?9,'$[N]'), so that whoever asks binds the array as parameter 9; the connection
// has wild() (registry/wild.h). WR_ERR_SYNTAX, WR_ERR_LIMIT: the fault says where (byte) and what.
wr_err wr_search_compile(wr_str text, const struct wr_search_field *fields, size_t field_count,
                         struct wr_buf *sql, json_t *values, struct wr_fault *fault) WR_MUST_CHECK;

#endif
