// The table of SQL functions and how a name is found in it. Bodies are in a file per family.
#include "sql/func/function.h"

#include "sql/func/bodies.h"

#include "sql/base/banned.h"

static const struct wr_function functions[] = {
#define FN(name, body, min_args, max_args, flags, signature, help) \
    {#name, body, min_args, max_args, flags, 0, signature, help},
#define LOOKUP(name, kind, min_args, max_args, flags, signature, help) \
    {#name, NULL, min_args, max_args, (flags) | WR_FN_LOOKUP, kind, signature, help},
#include "sql/func/functions.h"
};

// Called while compiling only, so a scan is good enough.
const struct wr_function *wr_function_find(wr_str name)
{
    for (size_t i = 0; i < WR_COUNT(functions); i++) {
        if (wr_str_eq_nocase(wr_str_of(functions[i].name), name)) {
            return &functions[i];
        }
    }
    return NULL;
}

size_t wr_function_count(void)
{
    return WR_COUNT(functions);
}

const struct wr_function *wr_function_at(size_t index)
{
    wr_assert(index < WR_COUNT(functions));
    return &functions[index];
}

const char *wr_lookup_name(enum wr_lookup_kind kind)
{
    size_t i = 0;
    while (!(functions[i].flags & WR_FN_LOOKUP) || functions[i].lookup != kind) {
        i++;
    }
    return functions[i].name;
}
