// Members of salesforce (actions.md 4.21).
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

// ---- salesforce

enum { SALES_TOKEN, SALES_URL };

static const struct wr_option sales_options[] = {
    [SALES_TOKEN] = {"token", WR_OPT_STRING, WR_OPT_REQUIRED, .min = 40, .unit = "bytes",
                     .help = "Bearer token of the stream."},
    [SALES_URL] = {"url", WR_OPT_STRING, WR_OPT_REQUIRED, .min = 1, .max = 2000, .unit = "bytes",
                   .help = "URL of the stream's input."},
    {0},
};

// https://ingestion-NAME.NAME.sfdc-matrix.net/streams/NAME/NAME/event
static wr_err sales_check(const struct wr_param *params, const bool *constant,
                          struct wr_fault *fault)
{
    wr_str url = params[SALES_URL].text;
    bool fits = wr_str_starts(url, WR_STR("https://ingestion-")) &&
                (wr_str_find(url, WR_STR(".sfdc-matrix.net/streams/")) >= 0 ||
                 wr_str_find(url, WR_STR(".sfdcnow.com/streams/")) >= 0) &&
                wr_str_ends(url, WR_STR("/event"));
    return fits ? WR_OK
                : wr_fault_set(fault, WR_ERR_RANGE,
                               "url: \"%.*s\": expected "
                               "https://ingestion-….sfdcnow.com/streams/…/…/event",
                               WR_STR_ARG(url));
}

const struct wr_sink_impl wr_shape_salesforce = {
    .name = "salesforce",
    .failed_action = "SalesforceAction",
    .help = "Sends the result to a Salesforce input stream, a product that is no more.",
    .options = sales_options,
    .resource_option = SALES_URL,
    .check = sales_check,
};
