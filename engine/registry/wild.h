// Texts with wildcards, compared in bounded time: SQLite's own LIKE tries every way to share a text
// among several stars, which takes for ever on "*a*a*a*a*b". Here only the latest star moves: at
// most the text's length times the pattern's.
// Thread: any.
#ifndef WR_ENGINE_REGISTRY_WILD_H
#define WR_ENGINE_REGISTRY_WILD_H

#include <sqlite3.h>

#include "sql/base/str.h"

// The pattern is one of LIKE's, with \ as its escape: % any run, _ one character of UTF-8, \ takes
// the next byte as it is. ASCII letters are compared without case, as NOCASE does.
bool wr_wild_match(wr_str text, wr_str pattern);

// Make it a function of the connection: wild(TEXT, PATTERN), NULL when either is.
void wr_wild_register(sqlite3 *db);

#endif
