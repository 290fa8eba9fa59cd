// Options of commands, and the values that several of them read.
#include "engine/cli/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sql/base/clock.h"
#include "sql/base/err.h"

#include "sql/base/banned.h"

static void add(struct wr_argument_list *list, int words, const char *word)
{
    if (!list->at) {
        list->at = wr_alloc(((size_t)words + 1) * sizeof *list->at);
    }
    list->at[list->count++] = word;
}

// The table's row that word `w` names; *value is what stands behind '=', or NULL.
static const struct wr_argument *find(const struct wr_argument *table, const char *w,
                                      const char **value)
{
    for (const struct wr_argument *a = table; a->name; a++) {
        size_t len = strlen(a->name);
        *value = NULL;
        if (strcmp(w, a->name) == 0) {
            return a;
        }
        if (!a->flag && strncmp(a->name, "--", 2) == 0 && strncmp(w, a->name, len) == 0 &&
            w[len] == '=') {
            *value = w + len + 1;
            return a;
        }
    }
    return NULL;
}

bool wr_arguments_take(const struct wr_argument *table, int *count, char **words,
                       struct wr_argument_list *names, const char **wrong)
{
    int kept = 0, all = *count;
    for (int i = 0; i < all; i++) {
        const char *value;
        if (strcmp(words[i], "--") == 0) {
            while (++i < all) {
                add(names, all, words[i]);
            }
            break;
        }
        const struct wr_argument *a = find(table, words[i], &value);
        if (!a) {
            words[kept++] = words[i];
            continue;
        }
        if (a->flag) {
            *a->flag = true;
            continue;
        }
        if (!value && i + 1 == all) {
            *wrong = words[i];
            return false;
        }
        value = value ? value : words[++i];
        if (a->value) {
            *a->value = value;
        } else {
            add(a->list, all, value);
        }
    }
    *count = kept;
    return true;
}

bool wr_arguments_names(int count, char **words, struct wr_argument_list *names, const char **wrong)
{
    size_t behind = names->count; // those behind "--" stay last
    const char **all = wr_alloc(((size_t)count + behind + 1) * sizeof *all);
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        if (words[i][0] == '-' && words[i][1]) {
            *wrong = words[i];
            free(all);
            return false;
        }
        all[n++] = words[i];
    }
    for (size_t i = 0; i < behind; i++) {
        all[n++] = names->at[i];
    }
    free(names->at);
    *names = (struct wr_argument_list){all, n};
    return true;
}

bool wr_argument_count(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || n < 1 || n > max) {
        return false;
    }
    *out = n;
    return true;
}

bool wr_argument_decimal(const char *text, double max, double *out)
{
    size_t len = strspn(text, "0123456789."), points = 0;
    for (size_t i = 0; i < len; i++) {
        points += text[i] == '.';
    }
    if (len == 0 || text[len] || points > 1 || len == points) {
        return false;
    }
    double n = strtod(text, NULL);
    if (!(n > 0 && n <= max)) {
        return false;
    }
    *out = n;
    return true;
}

// ---- times

// Exactly `digits` digits at *at, which moves behind them.
static bool number(const char **at, int digits, int64_t *out)
{
    int64_t n = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        n = n * 10 + (**at - '0');
    }
    *out = n;
    return true;
}

static bool literal(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool zone(const char **at, int64_t *offset_minutes)
{
    int64_t hours, minutes;
    char sign = **at;
    *offset_minutes = 0;
    if (literal(at, 'Z')) {
        return true;
    }
    if ((sign != '+' && sign != '-') || !(*at)++ || !number(at, 2, &hours) || !literal(at, ':') ||
        !number(at, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

static bool time_of_day(const char **at, int64_t *ms)
{
    int64_t hour, minute, second, offset, fraction = 0;
    if (!number(at, 2, &hour) || !literal(at, ':') || !number(at, 2, &minute) ||
        !literal(at, ':') || !number(at, 2, &second) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    if (literal(at, '.')) {
        int64_t digit, scale = 100;
        if (!number(at, 1, &digit)) {
            return false;
        }
        do { // finer than a millisecond is cut
            fraction += digit * scale;
            scale /= 10;
        } while (number(at, 1, &digit));
    }
    if (!zone(at, &offset)) {
        return false;
    }
    *ms = ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
    return true;
}

bool wr_argument_time(const char *text, int64_t *out_ms)
{
    int64_t year, month, day, ms = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits && !text[digits] && digits <= 18) {
        *out_ms = strtoll(text, NULL, 10);
        return true;
    }
    const char *at = text;
    if (!number(&at, 4, &year) || !literal(&at, '-') || !number(&at, 2, &month) ||
        !literal(&at, '-') || !number(&at, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > 31) {
        return false;
    }
    int64_t days = wr_days_from_date(year, (unsigned)month, (unsigned)day), y;
    unsigned m, d;
    wr_date_from_days(days, &y, &m, &d);
    if (m != (unsigned)month || (literal(&at, 'T') && !time_of_day(&at, &ms)) || *at) {
        return false;
    }
    *out_ms = days * 86400000 + ms;
    return true;
}
