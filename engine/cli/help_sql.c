// `weir help sql`: the grammar on one screen. Text only: the parser is what decides.
#include "engine/cli/help.h"

#include <stdio.h>

#include "engine/cli/cli.h"

#include "sql/base/banned.h"

static const char grammar[] =
    "statement = [SET assign, ...] select\n"
    "assign    = @name = expr\n"
    "select    = SELECT VALUE item [FROM 'filter'] [WHERE expr]\n"
    "          | SELECT item, ... [FROM 'filter'] [WHERE expr]\n"
    "item      = expr [AS name.name...] | path.* [AS name]\n"
    "expr      = and OR and ...\n"
    "and       = not AND not ...\n"
    "not       = NOT not | compare\n"
    "compare   = sum [= | <> | != | < | <= | > | >= | IN  sum]\n"
    "sum       = product + | - product ...\n"
    "product   = unary * | / | % unary ...\n"
    "unary     = - unary | postfix\n"
    "postfix   = primary [.name | [expr]] ...\n"
    "primary   = 1.5e3 | 'text' | \"text\" | NULL | TRUE | FALSE | * | @name | name\n"
    "          | function(arg, ...) | CAST(expr AS type) | (expr) | (query) | EXISTS (query)\n"
    "          | CASE expr WHEN expr THEN expr ... [ELSE expr] END\n"
    "          | [expr, ...] | {'key': expr, ...}\n"
    "arg       = expr | query\n"
    "query     = SELECT [VALUE] item, ... FROM path | @name | function(...) | literal | (query) | "
    "*\n"
    "            [AS name] [WHERE expr]\n";

int wr_help_sql(int argc, char **argv)
{
    bool pages = argc > 1 && strcmp(argv[1], "--markdown") == 0;
    if (argc > 1 + pages) {
        return wr_cli_wrong("help", "unexpected argument ", argv[1 + pages]);
    }
    printf(pages ? "```text\n%s```\n" : "%s\n", grammar);
    if (!pages) {
        printf("Keywords and function names in any case, names of attributes as in the payload.\n"
               "'weir help functions' lists the functions; docs/sql/ is the reference.\n");
    }
    return WR_EXIT_OK;
}
