// What a rule can say of a function.
#include "sinks/lambda/action.h"

#include "sql/base/banned.h"

const struct wr_option wr_lambda_options[] = {
    [WR_LAMBDA_FUNCTION] = {"functionArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                            .min = 1, .max = 2048, .unit = "bytes",
                            .help = "The function: an ARN, or its bare name; :QUALIFIER behind it "
                                    "chooses a version or an alias."},
    {0},
};

bool wr_lambda_is_name(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return s.len > 0 && s.len <= WR_LAMBDA_NAME_MAX;
}

bool wr_lambda_name(wr_str arn, wr_str *name)
{
    wr_str parts[8] = {{NULL, 0}};
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= arn.len; i++) {
        if (i == arn.len || arn.at[i] == ':') {
            if (count == WR_COUNT(parts)) {
                return false;
            }
            parts[count++] = wr_str_cut(arn, from, i);
            from = i + 1;
        }
    }
    if (wr_str_eq(parts[0], WR_STR("arn"))) {
        *name = parts[6];
        return count >= 7 && wr_str_eq(parts[2], WR_STR("lambda")) && parts[3].len > 0 &&
               parts[4].len == 12 && wr_str_eq(parts[5], WR_STR("function")) &&
               wr_lambda_is_name(*name);
    }
    *name = parts[0];
    return count <= 2 && wr_lambda_is_name(*name);
}

wr_err wr_lambda_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_str arn = params[WR_LAMBDA_FUNCTION].text, name;
    if (constant[WR_LAMBDA_FUNCTION] && !wr_lambda_name(arn, &name)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "functionArn: '%.*s' is neither a function's ARN "
                            "(arn:aws:lambda:REGION:ACCOUNT:function:NAME) nor a name",
                            WR_STR_ARG(arn));
    }
    return WR_OK;
}
