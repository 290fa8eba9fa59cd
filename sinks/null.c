// null: takes every record and does nothing. weir's own action, not one of AWS's: it measures a
// rule without its destination, tries error actions, and is the tutorial for sinks. README.md
// follows it.
#include "sinks/sink.h"

#include <stdlib.h>

#include "sinks/lib/later.h"

#include "sql/base/banned.h"

// What a rule can say: {"null": {"name": "nowhere-${topic(2)}"}}. The order is that of rec->params.
static const struct wr_option options[] = {
    {"name", WR_OPT_STRING, WR_OPT_TEMPLATE, "null", .help = "What error documents call it."},
    {0},
};

// What weir.yaml can say: sinks: {"null": {verdict: refused}}
static const struct wr_option settings_table[] = {
    {"verdict", WR_OPT_CHOICE, 0, "delivered", .choices = "delivered|retry|refused",
     .help = "The answer to every record; the other two try retries and error actions."},
    {0},
};

struct null_state {
    enum wr_verdict verdict;
};

static wr_err null_open(struct wr_sink *self, const struct wr_settings *settings,
                        struct wr_fault *fault)
{
    wr_str verdict = wr_str_of(wr_settings_get(settings, "verdict"));
    struct null_state *state = wr_zalloc(sizeof *state);
    state->verdict = wr_str_eq(verdict, WR_STR("retry"))     ? WR_RETRY
                     : wr_str_eq(verdict, WR_STR("refused")) ? WR_REFUSED
                                                             : WR_DELIVERED;
    self->state = state;
    return WR_OK;
}

// A sink with a real destination starts the work here, keeps `rec`, and settles it in a callback.
static void null_submit(struct wr_sink *self, struct wr_record *rec)
{
    const struct null_state *state = self->state;
    const struct wr_why why = {
        .resource = rec->params[0].text,
        .message = WR_STR("Failed to forget the record. The error received was the setting "
                          "sinks.null.verdict."),
    };
    wr_record_settle(rec, state->verdict, state->verdict == WR_DELIVERED ? NULL : &why);
}

// Nothing is held here. A sink that keeps records settles them first.
static void null_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    free(self->state);
    wr_later_done(self, done);
}

const struct wr_sink_impl wr_sink_null = {
    .name = "null",
    .failed_action = "NullAction",
    .help = "Takes every record and does nothing (weir's own; AWS has no such action).",
    .options = options,
    .form = "One form for every mode: its setting says the verdict.",
    .settings = settings_table,
    .resource_option = 0,
    .open = null_open,
    .submit = null_submit,
    .close = null_close,
};
