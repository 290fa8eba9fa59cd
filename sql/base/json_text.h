// What the json files and value.c share, not for others: JSON text that wr_json_read() has
// accepted. Thread: any.
#ifndef WR_BASE_JSON_TEXT_H
#define WR_BASE_JSON_TEXT_H

#include "sql/base/arena.h"
#include "sql/base/value.h"

static inline const char *wr_json_skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

// First byte at or behind `p` that is '"', '\\' or a control character, or `end`. Sets *high to
// something else than 0 when a byte before it is not ASCII.
const char *wr_json_scan_plain(const char *p, const char *end, unsigned *high);

// The string that starts behind its opening quote at `p`, in accepted text: its bytes between the
// quotes. The next token starts at most behind result.at + result.len + 1.
wr_str wr_json_string_at(const char *p, const char *end, bool *escaped);

// Behind the number that starts at `p`, in accepted text.
const char *wr_json_number_end(const char *p, const char *end);

// Length of the escape that starts at `p`: 2, 6, or 12 for a pair of surrogates.
static inline size_t wr_json_escape_len(const char *p)
{
    if (p[1] != 'u') {
        return 2;
    }
    bool high = (p[2] | 0x20) == 'd' &&
                (p[3] == '8' || p[3] == '9' || (p[3] | 0x20) == 'a' || (p[3] | 0x20) == 'b');
    return high ? 12 : 6;
}

// Decode the escapes of `raw` into `out`, which has room for raw.len bytes; returns the length.
size_t wr_json_unescape(char *out, wr_str raw);

// The value that starts at *at, forced to all depths but for its leaves; *at moves behind it.
// On the arena's limit Undefined, and arena->over is set. `tidy`: the text is (WR_V_TIDY).
wr_value wr_json_build(const char **at, const char *end, bool tidy, struct wr_arena *arena);

#endif
