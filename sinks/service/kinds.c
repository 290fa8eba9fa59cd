// The kinds of action whose records become entries of a service, by their names.
#include "sinks/service/service.h"

#include "sql/base/banned.h"

// KIND(name in rules, variable)
#define KINDS(KIND)                                        \
    KIND("cloudwatchLogs", wr_service_cloudwatch_logs)     \
    KIND("cloudwatchMetric", wr_service_cloudwatch_metric) \
    KIND("cloudwatchAlarm", wr_service_cloudwatch_alarm)   \
    KIND("timestream", wr_service_timestream)              \
    KIND("stepFunctions", wr_service_step_functions)       \
    KIND("elasticsearch", wr_service_elasticsearch)        \
    KIND("openSearch", wr_service_open_search)             \
    KIND("iotEvents", wr_service_iot_events)               \
    KIND("iotAnalytics", wr_service_iot_analytics)         \
    KIND("iotSiteWise", wr_service_iot_site_wise)          \
    KIND("location", wr_service_location)

#define KIND(name, service) extern const struct wr_service service;
KINDS(KIND)
#undef KIND

static const struct {
    const char *name;
    const struct wr_service *service;
} kinds[] = {
#define KIND(name, service) {name, &service},
    KINDS(KIND)
#undef KIND
};

const struct wr_service *wr_service_of(const struct wr_sink_impl *impl)
{
    for (size_t i = 0; i < WR_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, impl->name) == 0) {
            return kinds[i].service;
        }
    }
    wr_assert(!"a kind that kinds.c does not know");
    return NULL;
}
