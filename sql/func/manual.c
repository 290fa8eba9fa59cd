// The manual's table, found by the index of the function it is about.
#include "sql/func/manual.h"

#include "sql/base/banned.h"

enum {
#define FN(name, ...)     AT_##name,
#define LOOKUP(name, ...) AT_##name,
#include "sql/func/functions.h"
    FUNCTION_COUNT,
};

// A name that functions.h lacks does not compile; one that is missing here stops the first reader.
static const struct wr_manual manuals[FUNCTION_COUNT] = {
#define MANUAL(name, family, result, notes, ...) \
    [AT_##name] = {#name, WR_FAMILY_##family, result, notes, {__VA_ARGS__}},
#include "sql/func/manual_entries.h"
};

static const struct {
    const char *name, *title;
} families[WR_FAMILY_COUNT] = {
#define X(id, name, title) {name, title},
    WR_FAMILY_MAP(X)
#undef X
};

const char *wr_family_name(enum wr_family family)
{
    wr_assert(family < WR_FAMILY_COUNT);
    return families[family].name;
}

const char *wr_family_title(enum wr_family family)
{
    wr_assert(family < WR_FAMILY_COUNT);
    return families[family].title;
}

const struct wr_manual *wr_manual_at(size_t index)
{
    wr_assert(index < FUNCTION_COUNT && manuals[index].name);
    return &manuals[index];
}
