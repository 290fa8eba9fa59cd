// The built-in sinks, one line each. A new sink is added here and in meson.build, nowhere else.
#include "sinks/sink.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_dynamodb;
extern const struct wr_sink_impl wr_sink_dynamodb_v2;
extern const struct wr_sink_impl wr_sink_lambda;
extern const struct wr_sink_impl wr_sink_null;
extern const struct wr_sink_impl wr_sink_republish;
extern const struct wr_sink_impl wr_sink_s3;

const struct wr_sink_impl *const wr_sink_list[] = {
    &wr_sink_dynamodb,
    &wr_sink_dynamodb_v2,
    &wr_sink_lambda,
    &wr_sink_null,
    &wr_sink_republish,
    &wr_sink_s3,
    NULL,
};

const struct wr_sink_impl *wr_sink_find(wr_str name)
{
    for (size_t i = 0; wr_sink_list[i]; i++) {
        if (wr_str_eq(wr_str_of(wr_sink_list[i]->name), name)) {
            return wr_sink_list[i];
        }
    }
    return NULL;
}
