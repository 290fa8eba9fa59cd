// Two samples to rates: as a table, as JSON.
#include "engine/cli/top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/progress.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define NAME_MIN   12 // columns of a rule's name
#define NAME_MAX   40
#define REST_WIDTH 82 // of the other columns

// A rule as it is shown: rates are per second.
struct row {
    const struct wr_top_rule *rule;
    double tried, matched, delivered, errors, failures, retries;
    double cost_ns; // < 0: not known
};

struct sums {
    double seconds;
    double messages, matched, delivered, failed;
    double cpu;     // percent; < 0: not known
    double lag_ms;  // mean; < 0: not known
    double cost_ns; // of a message; < 0: not known
    uint64_t in_flight, waiting;
};

bool wr_top_same(const struct wr_top_sample *before, const struct wr_top_sample *now)
{
    return before->pid == now->pid && before->monotonic_us < now->monotonic_us &&
           before->uptime_ms <= now->uptime_ms && before->messages <= now->messages;
}

// ---- rates

static double rate(uint64_t before, uint64_t now, double seconds)
{
    return now > before ? (double)(now - before) / seconds : 0;
}

static double mean(uint64_t sum0, uint64_t sum, uint64_t count0, uint64_t count)
{
    if (count > count0 && sum >= sum0) { // what is new
        return (double)(sum - sum0) / (double)(count - count0);
    }
    return count ? (double)sum / (double)count : -1; // since the start
}

static const struct wr_top_rule *find(const struct wr_top_sample *s, const char *name, size_t at)
{
    static const struct wr_top_rule none;
    if (at < s->rule_count && strcmp(s->rules[at].name, name) == 0) {
        return &s->rules[at]; // rules keep their order
    }
    for (size_t i = 0; i < s->rule_count; i++) {
        if (strcmp(s->rules[i].name, name) == 0) {
            return &s->rules[i];
        }
    }
    return &none;
}

static double seconds_between(const struct wr_top_view *v)
{
    return (double)(v->now->monotonic_us - v->before->monotonic_us) / 1e6;
}

static struct row row_of(const struct wr_top_view *v, size_t at)
{
    const struct wr_top_rule *n = &v->now->rules[at], *b = find(v->before, n->name, at);
    double s = seconds_between(v);
    return (struct row){
        .rule = n,
        .tried = rate(b->tried, n->tried, s),
        .matched = rate(b->matched, n->matched, s),
        .delivered = rate(b->delivered, n->delivered, s),
        .errors = rate(b->errors, n->errors, s),
        .failures = rate(b->failures, n->failures, s),
        .retries = rate(b->retries, n->retries, s),
        .cost_ns = mean(b->sampled_ns, n->sampled_ns, b->samples, n->samples),
    };
}

static struct sums sums_of(const struct wr_top_view *v, const struct row *rows)
{
    const struct wr_top_sample *b = v->before, *n = v->now;
    double s = seconds_between(v);
    struct sums t = {
        .seconds = s,
        .messages = rate(b->messages, n->messages, s),
        .cpu = n->cpu_us ? rate(b->cpu_us, n->cpu_us, s) / 1e4 : -1,
        .lag_ms = mean(b->lag_us, n->lag_us, b->lags, n->lags) / 1e3,
        .cost_ns = mean(b->sampled_ns, n->sampled_ns, b->samples, n->samples),
    };
    for (size_t i = 0; i < n->rule_count; i++) {
        t.matched += rows[i].matched;
        t.delivered += rows[i].delivered;
        t.failed += rows[i].errors + rows[i].failures;
        t.in_flight += rows[i].rule->in_flight;
        t.waiting += rows[i].rule->waiting;
    }
    return t;
}

static int by_name(const struct row *a, const struct row *b)
{
    return strcmp(a->rule->name, b->rule->name);
}

static int compare(double a, double b, const struct row *x, const struct row *y)
{
    return a > b ? -1 : (a < b ? 1 : by_name(x, y));
}

static int by_messages(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return compare(x->tried, y->tried, x, y);
}

static int by_cost(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return compare(x->cost_ns, y->cost_ns, x, y);
}

static int by_failures(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return compare(x->errors + x->failures, y->errors + y->failures, x, y);
}

// Give: free() them.
static struct row *make_rows(const struct wr_top_view *v)
{
    static int (*const orders[])(const void *, const void *) = {
        [WR_TOP_MESSAGES] = by_messages, [WR_TOP_COST] = by_cost, [WR_TOP_FAILURES] = by_failures};
    struct row *rows = wr_alloc((v->now->rule_count + 1) * sizeof *rows);
    for (size_t i = 0; i < v->now->rule_count; i++) {
        rows[i] = row_of(v, i);
    }
    if (v->now->rule_count) {
        qsort(rows, v->now->rule_count, sizeof *rows, orders[v->sort]);
    }
    return rows;
}

// ---- numbers for people

typedef struct {
    char text[24];
} shown;

static shown show_number(double n)
{
    static const char units[] = "kMGT";
    shown s;
    if (n < 100 && n != (double)(int)n) {
        snprintf(s.text, sizeof s.text, "%.1f", n);
        return s;
    }
    int unit = -1;
    while (n >= 10000 && unit < 3) {
        n /= 1000;
        unit++;
    }
    snprintf(s.text, sizeof s.text, unit < 0 ? "%.0f" : "%.1f%c", n, unit < 0 ? ' ' : units[unit]);
    return s;
}

static shown show_cost(double ns)
{
    shown s;
    if (ns < 0) {
        snprintf(s.text, sizeof s.text, "-");
    } else if (ns < 1000) {
        snprintf(s.text, sizeof s.text, "%.0f ns", ns);
    } else if (ns < 1e6) {
        snprintf(s.text, sizeof s.text, "%.1f us", ns / 1e3);
    } else {
        snprintf(s.text, sizeof s.text, "%.1f ms", ns / 1e6);
    }
    return s;
}

// ---- the table

// One line, cut at the screen's width. All is ASCII: names of rules are, others become '?'.
static void add_line(const struct wr_top_view *v, struct wr_buf *out, const char *colour,
                     const char *text)
{
    size_t len = strlen(text);
    if (v->width && len > v->width) {
        len = v->width;
    }
    wr_buf_add(out, wr_str_of(v->colour ? colour : ""));
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        wr_buf_add_char(out, c < 0x20 || c > 0x7e ? '?' : (char)c);
    }
    wr_buf_add(out, wr_str_of(v->colour && *colour ? "\033[0m\n" : "\n"));
}

static void add_head(const struct wr_top_view *v, const struct sums *t, struct wr_buf *out)
{
    const struct wr_top_sample *n = v->now;
    char line[256], size[32], room[32];
    int64_t up = n->uptime_ms / 1000;
    snprintf(line, sizeof line,
             "weir %s  pid %" PRId64 "  up %" PRId64 ":%02d:%02d  broker %s  %zu rules%s%s",
             n->version, n->pid, up / 3600, (int)(up / 60 % 60), (int)(up % 60),
             n->connected ? "connected" : "NOT CONNECTED", n->rule_count, v->trouble ? "  " : "",
             v->trouble ? v->trouble : "");
    add_line(v, out, v->trouble || !n->connected ? "\033[31m" : "\033[1m", line);
    snprintf(line, sizeof line, "messages/s %s  matched/s %s  delivered/s %s  failed/s %s",
             show_number(t->messages).text, show_number(t->matched).text,
             show_number(t->delivered).text, show_number(t->failed).text);
    add_line(v, out, "", line);
    snprintf(line, sizeof line,
             "in flight %" PRIu64 "  waiting %" PRIu64 "  spool %" PRIu64
             " (%s)  dead letters %" PRIu64 "  circuits open %" PRIu64,
             t->in_flight, t->waiting, n->spool_entries, wr_progress_size(n->spool_bytes, room),
             n->dead, n->circuits);
    add_line(v, out, n->dead || n->circuits ? "\033[33m" : "", line);
    snprintf(line, sizeof line, "CPU %.1f %%  memory %s  loop late by %.2f ms  a message takes %s",
             t->cpu < 0 ? 0 : t->cpu, wr_progress_size(n->resident, size),
             t->lag_ms < 0 ? 0 : t->lag_ms, show_cost(t->cost_ns).text);
    add_line(v, out, "", line);
}

static void add_kinds(const struct wr_top_view *v, struct wr_buf *out)
{
    double s = seconds_between(v);
    char line[256];
    static const struct wr_top_kind none;
    for (size_t i = 0; i < v->now->kind_count; i++) {
        const struct wr_top_kind *n = &v->now->kinds[i], *b = &none;
        for (size_t k = 0; k < v->before->kind_count; k++) {
            b = strcmp(v->before->kinds[k].name, n->name) == 0 ? &v->before->kinds[k] : b;
        }
        snprintf(line, sizeof line, "%-24s %9" PRIu64 " %11s %11s %11s", n->name, n->in_flight,
                 show_number(rate(b->delivered, n->delivered, s)).text,
                 show_number(rate(b->failures, n->failures, s)).text,
                 show_number(rate(b->retries, n->retries, s)).text);
        add_line(v, out, "", line);
    }
}

static int name_width(const struct wr_top_view *v)
{
    size_t width = NAME_MIN;
    for (size_t i = 0; i < v->now->rule_count; i++) {
        size_t len = strlen(v->now->rules[i].name);
        width = len > width ? len : width;
    }
    width = width > NAME_MAX ? NAME_MAX : width;
    if (v->width && width + REST_WIDTH > v->width) {
        width = v->width > REST_WIDTH + NAME_MIN ? v->width - REST_WIDTH : NAME_MIN;
    }
    return (int)width;
}

static void add_row(const struct wr_top_view *v, const struct row *r, int width, struct wr_buf *out)
{
    char line[256];
    double failed = r->errors + r->failures;
    snprintf(line, sizeof line, "%-*.*s %9s %9s %11s %9s %9s %9" PRIu64 " %9" PRIu64 " %9s", width,
             width, r->rule->name, show_number(r->tried).text, show_number(r->matched).text,
             show_number(r->delivered).text, show_number(failed).text, show_number(r->retries).text,
             r->rule->waiting, r->rule->in_flight, show_cost(r->cost_ns).text);
    add_line(v, out, failed > 0 ? "\033[31m" : (r->retries > 0 ? "\033[33m" : ""), line);
}

void wr_top_table(const struct wr_top_view *v, struct wr_buf *out)
{
    struct row *rows = make_rows(v);
    struct sums t = sums_of(v, rows);
    char line[256];
    int width = name_width(v);
    add_head(v, &t, out);
    snprintf(line, sizeof line, "%-24s %9s %11s %11s %11s", "action", "in flight", "delivered/s",
             "failed/s", "retries/s");
    add_line(v, out, "\033[7m", line);
    add_kinds(v, out);
    snprintf(line, sizeof line, "%-*s %9s %9s %11s %9s %9s %9s %9s %9s", width, "rule", "tried/s",
             "matched/s", "delivered/s", "failed/s", "retries/s", "waiting", "in flight", "cost");
    add_line(v, out, "\033[7m", line);
    size_t used = 6 + v->now->kind_count, count = v->now->rule_count;
    if (v->height && used + count > v->height) {
        count = v->height > used ? v->height - used : 0;
    }
    for (size_t i = 0; i < count; i++) {
        add_row(v, &rows[i], width, out);
    }
    free(rows);
}

// ---- JSON

static void add_double(struct wr_buf *out, const char *name, double n)
{
    if (n < 0) {
        wr_buf_addf(out, ",\"%s\":null", name);
    } else {
        wr_buf_addf(out, ",\"%s\":%.3f", name, n);
    }
}

static void add_json_row(const struct row *r, struct wr_buf *out)
{
    wr_buf_add(out, WR_STR("{\"rule\":"));
    wr_json_write_string(out, wr_str_of(r->rule->name));
    add_double(out, "triedPerS", r->tried);
    add_double(out, "matchedPerS", r->matched);
    add_double(out, "deliveredPerS", r->delivered);
    add_double(out, "errorsPerS", r->errors);
    add_double(out, "failuresPerS", r->failures);
    add_double(out, "retriesPerS", r->retries);
    add_double(out, "costNs", r->cost_ns);
    wr_buf_addf(out,
                ",\"tried\":%" PRIu64 ",\"matched\":%" PRIu64 ",\"delivered\":%" PRIu64
                ",\"errors\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"retries\":%" PRIu64
                ",\"dead\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"inFlight\":%" PRIu64 "}",
                r->rule->tried, r->rule->matched, r->rule->delivered, r->rule->errors,
                r->rule->failures, r->rule->retries, r->rule->dead, r->rule->waiting,
                r->rule->in_flight);
}

static void add_json_kinds(const struct wr_top_view *v, struct wr_buf *out)
{
    for (size_t i = 0; i < v->now->kind_count; i++) {
        const struct wr_top_kind *k = &v->now->kinds[i];
        wr_buf_addf(out,
                    "%s{\"kind\":\"%s\",\"inFlight\":%" PRIu64 ",\"delivered\":%" PRIu64
                    ",\"failures\":%" PRIu64 ",\"retries\":%" PRIu64 "}",
                    i ? "," : "", k->name, k->in_flight, k->delivered, k->failures, k->retries);
    }
}

void wr_top_json(const struct wr_top_view *v, struct wr_buf *out)
{
    const struct wr_top_sample *n = v->now;
    struct row *rows = make_rows(v);
    struct sums t = sums_of(v, rows);
    wr_buf_addf(out,
                "{\"version\":\"%s\",\"pid\":%" PRId64 ",\"uptimeMs\":%" PRId64 ",\"connected\":%s",
                n->version, n->pid, n->uptime_ms, n->connected ? "true" : "false");
    add_double(out, "seconds", t.seconds);
    add_double(out, "messagesPerS", t.messages);
    add_double(out, "matchedPerS", t.matched);
    add_double(out, "deliveredPerS", t.delivered);
    add_double(out, "failedPerS", t.failed);
    add_double(out, "cpuPercent", t.cpu);
    add_double(out, "loopLagMs", t.lag_ms);
    add_double(out, "messageCostNs", t.cost_ns);
    wr_buf_addf(out,
                ",\"messages\":%" PRIu64 ",\"inFlight\":%" PRIu64 ",\"waiting\":%" PRIu64
                ",\"spoolEntries\":%" PRIu64 ",\"spoolBytes\":%" PRIu64 ",\"deadLetters\":%" PRIu64
                ",\"circuitsOpen\":%" PRIu64 ",\"residentBytes\":%" PRIu64 ",\"kinds\":[",
                n->messages, t.in_flight, t.waiting, n->spool_entries, n->spool_bytes, n->dead,
                n->circuits, n->resident);
    add_json_kinds(v, out);
    wr_buf_add(out, WR_STR("],\"rules\":["));
    for (size_t i = 0; i < n->rule_count; i++) {
        wr_buf_add(out, i ? WR_STR(",") : WR_STR(""));
        add_json_row(&rows[i], out);
    }
    wr_buf_add(out, WR_STR("]}\n"));
    free(rows);
}
