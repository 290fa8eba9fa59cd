// One value of the configuration as people write it: numbers with units, booleans, choices.
#include "engine/config_parts.h"

#include "sql/base/banned.h"

const char *wr_config_type_text(enum wr_config_type type)
{
    switch (type) {
    case WR_CONFIG_STRING:
        return "a text";
    case WR_CONFIG_PATH:
        return "a path";
    case WR_CONFIG_BOOL:
        return "true or false";
    case WR_CONFIG_INT:
        return "a whole number";
    case WR_CONFIG_DURATION:
        return "a duration such as 200ms, 10s, 5m, 1h or 7d";
    case WR_CONFIG_SIZE:
        return "a size such as 4096, 128k, 1M or 2G";
    case WR_CONFIG_CHOICE:
        return "one of a list";
    }
    return "a value";
}

struct suffix {
    const char *text;
    int64_t factor;
};

static const struct suffix durations_ms[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct suffix sizes[] = {
    {"k", 1024}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}, {NULL, 0},
};

static const struct suffix *find_suffix(const struct suffix *list, wr_str text)
{
    for (; list->text; list++) {
        if (wr_str_eq(wr_str_of(list->text), text)) {
            return list;
        }
    }
    return NULL;
}

static wr_err not_a(enum wr_config_type type, wr_str text, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_TYPE, "found \"%.*s\", expected %s", WR_STR_ARG(text),
                        wr_config_type_text(type));
}

// Digits with an optional sign; `*end` is behind them. False: none, or over int64.
static bool read_digits(wr_str text, int64_t *out, size_t *end)
{
    size_t i = text.len > 0 && text.at[0] == '-';
    bool negative = i > 0;
    size_t first = i;
    int64_t n = 0;
    for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text.at[i] - '0', &n)) {
            return false;
        }
    }
    *out = negative ? -n : n;
    *end = i;
    return i > first;
}

wr_err wr_config_number(wr_str text, enum wr_config_type type, const char *unit, bool bare,
                        int64_t *out, struct wr_fault *fault)
{
    int64_t n;
    size_t end;
    if (!read_digits(text, &n, &end)) {
        return not_a(type, text, fault);
    }
    wr_str rest = wr_str_cut(text, end, text.len);
    if (rest.len == 0) {
        // "drain: 10" is likely meant as seconds; a millisecond option does not guess.
        if (type == WR_CONFIG_DURATION && !bare && n != 0 && strcmp(unit, "s") != 0) {
            return wr_fault_set(fault, WR_ERR_TYPE,
                                "found \"%.*s\", a duration without its unit: expected for example "
                                "\"%.*ss\" or \"%.*sms\"",
                                WR_STR_ARG(text), WR_STR_ARG(text), WR_STR_ARG(text));
        }
        *out = n;
        return WR_OK;
    }
    if (type == WR_CONFIG_INT) {
        return not_a(type, text, fault);
    }
    const struct suffix *suffix = find_suffix(type == WR_CONFIG_SIZE ? sizes : durations_ms, rest);
    if (!suffix) {
        return not_a(type, text, fault);
    }
    if (__builtin_mul_overflow(n, suffix->factor, &n)) {
        return wr_fault_set(fault, WR_ERR_RANGE, "found \"%.*s\", which is too large",
                            WR_STR_ARG(text));
    }
    if (type == WR_CONFIG_DURATION && strcmp(unit, "s") == 0) {
        if (n % 1000) {
            return wr_fault_set(fault, WR_ERR_RANGE, "found \"%.*s\", expected whole seconds",
                                WR_STR_ARG(text));
        }
        n /= 1000;
    }
    *out = n;
    return WR_OK;
}

wr_err wr_config_duration(wr_str text, int64_t *ms, struct wr_fault *fault)
{
    return wr_config_number(text, WR_CONFIG_DURATION, "ms", false, ms, fault);
}

wr_err wr_config_bool(wr_str text, bool *out, struct wr_fault *fault)
{
    if (wr_config_is_choice(text, "true|yes|on", true)) {
        *out = true;
        return WR_OK;
    }
    if (wr_config_is_choice(text, "false|no|off", true)) {
        *out = false;
        return WR_OK;
    }
    return not_a(WR_CONFIG_BOOL, text, fault);
}

bool wr_config_is_choice(wr_str text, const char *choices, bool nocase)
{
    for (const char *at = choices;; at++) {
        wr_str one = {at, strcspn(at, "|")};
        if (nocase ? wr_str_eq_nocase(one, text) : wr_str_eq(one, text)) {
            return true;
        }
        at += one.len;
        if (!*at) {
            return false;
        }
    }
}
