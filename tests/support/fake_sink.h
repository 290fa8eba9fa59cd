// A sink for tests: says "fake" (or "other", "republish") in rule documents, notes every record as
// a line of text, and answers as its script says. Include it in exactly one file of the executable.
#ifndef WR_TESTS_SUPPORT_FAKE_SINK_H
#define WR_TESTS_SUPPORT_FAKE_SINK_H

#include "sinks/sink.h"
#include "sql/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#define FAKE_HELD_MAX 64

// Answers, one a submit: d delivered, r retry, t retry (throttled), x refused, h held until
// fake_release(). The last one stays in force.
struct fake_state {
    const char *script;
    struct wr_buf notes; // "kind name=… body topic attempt\n" a submit
    struct wr_record *held[FAKE_HELD_MAX];
    size_t held_count;
    size_t submits;
    void (*submitted)(void); // at each submit, or NULL
    bool quiet;              // no notes: for counting allocations
    bool closed;
    bool refuse_open;
};

static struct fake_state fake;

static const struct wr_option fake_options[] = {
    {"name", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1, .max = 64},
    {"qos", WR_OPT_INT, WR_OPT_TEMPLATE, .fallback = "0", .min = 0, .max = 1},
    {"flag", WR_OPT_BOOL, 0, .fallback = "false"},
    {"color", WR_OPT_CHOICE, WR_OPT_NOCASE | WR_OPT_TEMPLATE, .choices = "red|green"},
    {"nested.inner", WR_OPT_STRING, 0},
    {"headers", WR_OPT_PAIRS, WR_OPT_TEMPLATE, .min = 0, .max = 3},
    {"labels", WR_OPT_PAIRS, WR_OPT_MAP | WR_OPT_TEMPLATE},
    {"roleArn", WR_OPT_STRING, WR_OPT_IGNORED},
    {0},
};

static inline wr_err fake_open(struct wr_sink *self, const struct wr_settings *settings,
                               struct wr_fault *fault)
{
    if (fake.refuse_open) {
        return wr_fault_set(fault, WR_ERR_IO, "the fake does not open");
    }
    self->state = &fake;
    return WR_OK;
}

static inline void fake_note(const struct wr_record *rec)
{
    wr_buf_addf(&fake.notes, "%s%s %.*s", rec->is_error_action ? "error " : "",
                rec->sink->impl->name, WR_STR_ARG(rec->params[0].text));
    int headers = wr_option_find(rec->sink->impl->options, WR_STR("headers"));
    for (size_t i = 0; headers >= 0 && i < rec->params[headers].count; i++) {
        wr_buf_addf(&fake.notes, " %.*s=%.*s", WR_STR_ARG(rec->params[headers].keys[i]),
                    WR_STR_ARG(rec->params[headers].values[i]));
    }
    wr_buf_addf(&fake.notes, " %.*s %u\n", WR_STR_ARG(rec->body), rec->attempt);
}

static inline void fake_submit(struct wr_sink *self, struct wr_record *rec)
{
    const struct wr_why why = {.resource = rec->params[0].text,
                               .message = WR_STR("Failed to fake. The error received was scripted"),
                               .throttled = *fake.script == 't'};
    fake.submits++;
    if (fake.submitted) {
        fake.submitted();
    }
    if (!fake.quiet) {
        fake_note(rec);
    }
    char answer = *fake.script;
    if (fake.script[1]) {
        fake.script++;
    }
    switch (answer) {
    case 'd':
        wr_record_settle(rec, WR_DELIVERED, NULL);
        return;
    case 'r':
    case 't':
        wr_record_settle(rec, WR_RETRY, &why);
        return;
    case 'x':
        wr_record_settle(rec, WR_REFUSED, &why);
        return;
    default:
        fake.held[fake.held_count++] = rec;
    }
}

// Settle the held records, the oldest first.
static inline void fake_release(enum wr_verdict verdict)
{
    const struct wr_why why = {.resource = WR_STR("held"), .message = WR_STR("Held back.")};
    size_t count = fake.held_count;
    fake.held_count = 0;
    for (size_t i = 0; i < count; i++) {
        wr_record_settle(fake.held[i], verdict, &why);
    }
}

static inline void fake_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    fake_release(WR_RETRY);
    fake.closed = true;
    done(self);
}

static const struct wr_sink_impl fake_sink = {.name = "fake",
                                              .failed_action = "FakeAction",
                                              .options = fake_options,
                                              .resource_option = 0,
                                              .open = fake_open,
                                              .submit = fake_submit,
                                              .close = fake_close};
static const struct wr_sink_impl fake_other = {.name = "other",
                                               .failed_action = "OtherAction",
                                               .options = fake_options,
                                               .resource_option = 0,
                                               .open = fake_open,
                                               .submit = fake_submit,
                                               .close = fake_close};

// Enough of s3 and republish for names and for loops.
static const struct wr_option fake_s3_options[] = {
    {"bucketName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE},
    {"key", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE},
    {"cannedAcl", WR_OPT_CHOICE, WR_OPT_NOCASE, .choices = "private|public-read"},
    {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED},
    {0},
};
static const struct wr_sink_impl fake_s3 = {.name = "s3",
                                            .failed_action = "S3Action",
                                            .options = fake_s3_options,
                                            .resource_option = 0,
                                            .open = fake_open,
                                            .submit = fake_submit,
                                            .close = fake_close};
static const struct wr_option fake_republish_options[] = {
    {"topic", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE},
    {0},
};
static const struct wr_sink_impl fake_republish = {.name = "republish",
                                                   .failed_action = "RepublishAction",
                                                   .options = fake_republish_options,
                                                   .resource_option = 0,
                                                   .open = fake_open,
                                                   .submit = fake_submit,
                                                   .close = fake_close};

static const struct wr_sink_impl *const fake_kinds[] = {&fake_sink, &fake_other, &fake_s3,
                                                        &fake_republish, NULL};

#endif
