// Option tables: finding an entry. Checking a rule's values against a table is the engine's.
#include "sinks/sink.h"

#include "sql/base/banned.h"

int wr_option_find(const struct wr_option *options, wr_str name)
{
    for (int i = 0; options && options[i].name; i++) {
        if (wr_str_eq(wr_str_of(options[i].name), name)) {
            return i;
        }
    }
    return -1;
}
