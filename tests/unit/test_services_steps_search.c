// stepFunctions, openSearch and elasticsearch: the requests byte for byte, what is refused and with
// which words, the local forms.
#include "tests/support/service_bed.h"

#include "sql/base/banned.h"

#define DOCUMENT(index, id)                                        \
    {"endpoint", "https://e"}, {"index", index}, {"type", "_doc"}, \
    {                                                              \
        "id", id                                                   \
    }

static const struct request_case request_cases[] = {
    {"steps with a name",
     &wr_sink_step_functions_aws,
     WR_STR_INIT("{\"a\":1}"),
     {{"stateMachineName", "machine"}, {"executionNamePrefix", "run-"}},
     NULL,
     NULL,
     "POST",
     "https://states.eu-west-1.amazonaws.com/",
     "AWSStepFunctions.StartExecution",
     JSON10,
     "{\"stateMachineArn\":\"arn:aws:states:eu-west-1:123456789012:stateMachine:machine\","
     "\"name\":\"run-" UUID0 "\",\"input\":\"{\\\"a\\\":1}\"}"},
    {"steps without",
     &wr_sink_step_functions_aws,
     WR_STR_INIT("[1]"),
     {{"stateMachineName", "machine"}},
     NULL,
     NULL,
     "POST",
     "https://states.eu-west-1.amazonaws.com/",
     "AWSStepFunctions.StartExecution",
     JSON10,
     "{\"stateMachineArn\":\"arn:aws:states:eu-west-1:123456789012:stateMachine:machine\","
     "\"input\":\"[1]\"}"},
    {"search",
     &wr_sink_open_search_aws,
     WR_STR_INIT("{\"a\":1}"),
     {{"endpoint", "https://search-d.eu-north-1.es.amazonaws.com"},
      {"index", "read-1"},
      {"type", "_doc"},
      {"id", "a/b c+\xc3\xbc"}},
     NULL,
     NULL,
     "PUT",
     "https://search-d.eu-north-1.es.amazonaws.com/read-1/_doc/a%2Fb%20c%2B%C3%BC",
     NULL,
     JSON,
     "{\"a\":1}"},
};

static void test_requests(void **state)
{
    run_requests(request_cases, WR_COUNT(request_cases));
}

static const struct refusal_case refusal_cases[] = {
    {"steps: raw",
     &wr_sink_step_functions,
     WR_STR_INIT("\xff"),
     {{"stateMachineName", "m"}},
     NULL,
     NULL,
     "The result is binary, or text that is no JSON: expected JSON"},
    {"steps: machine",
     &wr_sink_step_functions,
     WR_STR_INIT("{}"),
     {{"stateMachineName", "../m"}},
     NULL,
     NULL,
     "Invalid Arn: 'stateMachine:../m'"},
    {"steps: name",
     &wr_sink_step_functions,
     WR_STR_INIT("{}"),
     {{"stateMachineName", "m"}, {"executionNamePrefix", "a b"}},
     NULL,
     NULL,
     "Invalid Name: 'a b" UUID0 "'"},
    {"steps: long name",
     &wr_sink_step_functions,
     WR_STR_INIT("{}"),
     {{"stateMachineName", "m"},
      {"executionNamePrefix", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
     NULL,
     NULL,
     "Error Code: InvalidName"},
    {"search: index",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("Big", "1")},
     NULL,
     NULL,
     "Invalid index name [Big]: must be lowercase"},
    {"search: index that leads up",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("..", "1")},
     NULL,
     NULL,
     "Error Code: invalid_index_name_exception"},
    {"search: all indexes",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("_all", "1")},
     NULL,
     NULL,
     "Error Code: invalid_index_name_exception"},
    {"search: id",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("i", "")},
     NULL,
     NULL,
     "id [] is of 0 bytes"},
    {"search: an array",
     &wr_sink_open_search,
     WR_STR_INIT("[1]"),
     {DOCUMENT("i", "1")},
     NULL,
     NULL,
     "The result is no JSON object, as a document must be: found Array"},
    {"search: endpoint",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {{"endpoint", "ftp://x"}, {"index", "i"}, {"type", "_doc"}, {"id", "1"}},
     NULL,
     NULL,
     "endpoint: \"ftp://x\" is no URL"},
};

static void test_refusals(void **state)
{
    run_refusals(refusal_cases, WR_COUNT(refusal_cases));
}

static const struct local_case local_cases[] = {
    {"steps",
     &wr_sink_step_functions,
     WR_STR_INIT("{\"a\":\n1}"),
     {{"stateMachineName", "m"}},
     NULL,
     NULL,
     "stepfunctions/m.ndjson",
     "{\"executionArn\":\"arn:aws:states:local:123456789012:execution:m:" UUID0
     "\",\"stateMachineArn\":\"arn:aws:states:local:123456789012:stateMachine:m\",\"name\":"
     "\"" UUID0 "\",\"status\":\"RECORDED\",\"startDate\":1700000000123,\"input\":{\"a\": 1}}\n"},
    {"search",
     &wr_sink_open_search,
     WR_STR_INIT("{\"a\":1}"),
     {DOCUMENT("i", "1")},
     NULL,
     NULL,
     "opensearch/i.ndjson",
     "{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"a\":1}\n"},
    {"search with a type",
     &wr_sink_open_search,
     WR_STR_INIT("{\"a\":1}"),
     {{"endpoint", "https://e"}, {"index", "i"}, {"type", "t"}, {"id", "1"}},
     NULL,
     NULL,
     "opensearch/i.ndjson",
     "{\"index\":{\"_index\":\"i\",\"_type\":\"t\",\"_id\":\"1\"}}\n{\"a\":1}\n"},
};

static void test_local(void **state)
{
    run_local(local_cases, WR_COUNT(local_cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_requests),
        T(test_refusals),
        T(test_local),
    };
    return TEST_MAIN(tests);
}
