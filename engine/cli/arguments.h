// Taking a command's own options out of its words, before the options of weir.yaml are.
// Thread: start.
#ifndef WR_ENGINE_CLI_ARGUMENTS_H
#define WR_ENGINE_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One option: exactly one of flag, value, list is set. A table ends with a zeroed entry.
struct wr_argument {
    const char *name;
    bool *flag;
    const char **value; // a second one replaces the first
    struct wr_argument_list *list;
};
struct wr_argument_list {
    const char **at; // room for as many as there are words; free() it
    size_t count;
};

// Takes the options of `table` out of words 0 .. *count-1, as "--name value" or "--name=value"; the
// rest move up. A word "--" ends the options: it goes, what is behind it is appended to `names`.
// True: fine. False: an option lacks its value; *wrong is its name.
bool wr_arguments_take(const struct wr_argument *table, int *count, char **words,
                       struct wr_argument_list *names, const char **wrong);
// What wr_config_load() has left: words that do not begin with '-' (or are "-") are appended to
// `names`. False: *wrong is one that does.
bool wr_arguments_names(int count, char **words, struct wr_argument_list *names,
                        const char **wrong);

// 1 .. max. False: it is something else.
bool wr_argument_count(const char *text, uint64_t max, uint64_t *out);
// More than 0, at most `max`; digits with at most one point.
bool wr_argument_decimal(const char *text, double max, double *out);
// Milliseconds since 1970: digits alone, or 2026-11-27T08:00:00[.5](Z|+01:00), or a date alone
// (UTC). False: it is something else.
bool wr_argument_time(const char *text, int64_t *out_ms);

#endif
