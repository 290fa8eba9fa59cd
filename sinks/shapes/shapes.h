// Shapes: the members of the AWS actions that weir cannot perform yet, as option tables (actions.md
// 2.1 and 4). A sink that is written takes its table, and its check, along; the entry in shapes.c
// then names the sink.
// The helpers below are for `check` functions: what a table cannot say about constants.
// Thread: any.
#ifndef WR_SINKS_SHAPES_SHAPES_H
#define WR_SINKS_SHAPES_SHAPES_H

#include "sinks/sink.h"

#define WR_SHAPE_ROLE                                                           \
    {                                                                           \
        "roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,             \
            .help = "Role that AWS assumes; here aws.roles says what it means." \
    }

#define WR_SHAPE_TIME_UNITS "SECONDS|MILLISECONDS|MICROSECONDS|NANOSECONDS"

// The text holds a substitution template, as far as it can be told without the SQL lexer.
bool wr_shape_has_template(wr_str text);

// The text is made of ASCII letters, digits and the characters in `others`.
bool wr_shape_only(wr_str text, const char *others);

// A constant ARN of `service` ("arn:PARTITION:SERVICE:REGION:ACCOUNT:…"), or a fault that begins
// with `name`.
wr_err wr_shape_check_arn(const char *name, wr_str text, const char *service,
                          struct wr_fault *fault);

// A rule keeps no order, so AWS refuses FIFO queues and topics (actions.md 4.7, 4.8).
wr_err wr_shape_refuse_fifo(const char *name, wr_str text, struct wr_fault *fault);

// The name of a stream: 1 to `max` letters, digits and _.-
bool wr_shape_is_stream(wr_str text, size_t max);
wr_err wr_shape_check_stream(const char *name, wr_str text, size_t max, struct wr_fault *fault);

// A whole number of 0 or more, not over `max`.
bool wr_shape_whole(wr_str text, uint64_t max);

#endif
