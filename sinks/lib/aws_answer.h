// What an answer of AWS means (actions.md 4.0): a class that the engine can act on, and AWS's own
// words for the people.
// Thread: any.
#ifndef WR_SINKS_LIB_AWS_ANSWER_H
#define WR_SINKS_LIB_AWS_ANSWER_H

#include "sinks/lib/aws_service.h"
#include "sinks/lib/http.h"
#include "sql/base/arena.h"

enum wr_aws_class {
    WR_AWS_OK,
    WR_AWS_RETRY,
    WR_AWS_THROTTLED, // retry, starting from the longer back-off
    WR_AWS_REFRESH,   // these credentials are no longer good, or not good yet
    WR_AWS_SKEWED,    // the clocks differ too much
    WR_AWS_PERMANENT, // no later try can change it
};
const char *wr_aws_class_name(enum wr_aws_class class);

// CODE(name, class, service or WR_AWS_SERVICE_COUNT for any). Other codes go by their status.
#define WR_AWS_CODE_MAP(CODE)                                                \
    CODE("Throttling", THROTTLED, SERVICE_COUNT)                             \
    CODE("ThrottlingException", THROTTLED, SERVICE_COUNT)                    \
    CODE("ThrottledException", THROTTLED, SERVICE_COUNT)                     \
    CODE("RequestThrottled", THROTTLED, SERVICE_COUNT)                       \
    CODE("RequestThrottledException", THROTTLED, SERVICE_COUNT)              \
    CODE("TooManyRequestsException", THROTTLED, SERVICE_COUNT)               \
    CODE("ProvisionedThroughputExceededException", THROTTLED, SERVICE_COUNT) \
    CODE("TransactionInProgressException", THROTTLED, SERVICE_COUNT)         \
    CODE("RequestLimitExceeded", THROTTLED, SERVICE_COUNT)                   \
    CODE("BandwidthLimitExceeded", THROTTLED, SERVICE_COUNT)                 \
    CODE("LimitExceededException", THROTTLED, SERVICE_COUNT)                 \
    CODE("SlowDown", THROTTLED, SERVICE_COUNT)                               \
    CODE("PriorRequestNotComplete", THROTTLED, SERVICE_COUNT)                \
    CODE("EC2ThrottledException", THROTTLED, SERVICE_COUNT)                  \
    CODE("RequestTimeout", RETRY, SERVICE_COUNT)                             \
    CODE("RequestTimeoutException", RETRY, SERVICE_COUNT)                    \
    CODE("InternalError", RETRY, SERVICE_COUNT)                              \
    CODE("InternalServerError", RETRY, SERVICE_COUNT)                        \
    CODE("InternalServerException", RETRY, SERVICE_COUNT)                    \
    CODE("InternalFailure", RETRY, SERVICE_COUNT)                            \
    CODE("InternalFailureException", RETRY, SERVICE_COUNT)                   \
    CODE("ServiceUnavailable", RETRY, SERVICE_COUNT)                         \
    CODE("ServiceUnavailableException", RETRY, SERVICE_COUNT)                \
    CODE("ReplicatedWriteConflictException", RETRY, DYNAMODB)                \
    CODE("TransactionConflictException", RETRY, DYNAMODB)                    \
    CODE("BadDigest", RETRY, S3)                                             \
    CODE("ServiceException", RETRY, LAMBDA)                                  \
    CODE("ResourceConflictException", RETRY, LAMBDA)                         \
    CODE("SnapStartNotReadyException", RETRY, LAMBDA)                        \
    CODE("KmsThrottled", THROTTLED, SQS)                                     \
    CODE("KMSThrottling", THROTTLED, SNS)                                    \
    CODE("KMSThrottlingException", THROTTLED, KINESIS)                       \
    CODE("ExecutionLimitExceeded", THROTTLED, STATES)                        \
    CODE("KmsThrottlingException", THROTTLED, STATES)                        \
    CODE("ConflictingOperationException", RETRY, SITEWISE)                   \
    CODE("es_rejected_execution_exception", THROTTLED, SERVICE_COUNT)        \
    CODE("IDPCommunicationError", RETRY, STS)                                \
    CODE("ExpiredToken", REFRESH, SERVICE_COUNT)                             \
    CODE("ExpiredTokenException", REFRESH, SERVICE_COUNT)                    \
    CODE("RequestExpired", REFRESH, SERVICE_COUNT)                           \
    CODE("InvalidClientTokenId", REFRESH, SERVICE_COUNT)                     \
    CODE("UnrecognizedClientException", REFRESH, SERVICE_COUNT)              \
    CODE("RequestTimeTooSkewed", SKEWED, SERVICE_COUNT)

// Everything is borrowed: from the response, from the arena, or constant.
struct wr_aws_answer {
    enum wr_aws_class class;
    int status;           // 0: there was no answer
    wr_str code;          // "ThrottlingException", without namespace; empty: none was given
    wr_str old_code;      // of the query protocol, for a service that has another one now (SQS)
    wr_str message;       // AWS's text, or what happened to the connection
    wr_str request_id;    // empty: none
    wr_str region;        // S3: where the bucket really is; empty: not said
    int64_t date_ms;      // of the Date header; 0: none
    uint32_t retry_at_ms; // x-amz-retry-after: not earlier than this from now
    wr_str body, headers;
    bool recorded; // mode "record": nothing was sent, nothing answered; class OK
    const struct wr_http_response *response; // NULL: never sent
};

// Read an answer. Texts are made in `arena`.
void wr_aws_answer_read(enum wr_aws_service service, const struct wr_http_response *response,
                        struct wr_arena *arena, struct wr_aws_answer *out);

// The class of one error code, for entries inside a 200; `fallback` when it is not in the table.
enum wr_aws_class wr_aws_class_of(enum wr_aws_service service, wr_str code,
                                  enum wr_aws_class fallback);

// "com.amazonaws.dynamodb#ThrottlingException:http://…" is "ThrottlingException".
wr_str wr_aws_code(wr_str code);

// "<message> (Service: AmazonS3; Status Code: 403; Error Code: AccessDenied; Request ID: ABC)", or
// the message alone where there was no answer. Appended.
void wr_aws_answer_text(const struct wr_aws_answer *a, enum wr_aws_service service,
                        struct wr_buf *text);

#endif
