// The services: how each is called in a signature, in a host name, in a variable, in an error text.
// And where each is found: actions.md 8 and 9.5.
// Thread: any.
#ifndef WR_SINKS_LIB_AWS_SERVICE_H
#define WR_SINKS_LIB_AWS_SERVICE_H

#include "sql/base/buf.h"
#include "sql/base/str.h"

#include <stdbool.h>

// SERVICE(name, in a signature, host before the region, in AWS_ENDPOINT_URL_… and, in lower case,
// in a [services] section, in AWS's error texts). "" for the host: only an endpoint says where it
// is.
#define WR_AWS_SERVICE_MAP(SERVICE)                                                               \
    SERVICE(S3, "s3", "s3", "S3", "AmazonS3")                                                     \
    SERVICE(DYNAMODB, "dynamodb", "dynamodb", "DYNAMODB", "AmazonDynamoDBv2")                     \
    SERVICE(LAMBDA, "lambda", "lambda", "LAMBDA", "AWSLambda")                                    \
    SERVICE(SQS, "sqs", "sqs", "SQS", "AmazonSQS")                                                \
    SERVICE(SNS, "sns", "sns", "SNS", "AmazonSNS")                                                \
    SERVICE(KINESIS, "kinesis", "kinesis", "KINESIS", "AmazonKinesis")                            \
    SERVICE(FIREHOSE, "firehose", "firehose", "FIREHOSE", "AmazonKinesisFirehose")                \
    SERVICE(CLOUDWATCH, "monitoring", "monitoring", "CLOUDWATCH", "AmazonCloudWatch")             \
    SERVICE(LOGS, "logs", "logs", "CLOUDWATCH_LOGS", "AWSLogs")                                   \
    SERVICE(STATES, "states", "states", "SFN", "AWSStepFunctions")                                \
    SERVICE(TIMESTREAM, "timestream", "ingest.timestream", "TIMESTREAM_WRITE",                    \
            "AmazonTimestreamWrite")                                                              \
    SERVICE(SITEWISE, "iotsitewise", "data.iotsitewise", "IOTSITEWISE", "AWSIoTSiteWise")         \
    SERVICE(LOCATION, "geo", "tracking.geo", "LOCATION", "AmazonLocation")                        \
    SERVICE(IOT_EVENTS, "ioteventsdata", "data.iotevents", "IOT_EVENTS_DATA", "AWSIoTEventsData") \
    SERVICE(IOT_ANALYTICS, "iotanalytics", "iotanalytics", "IOTANALYTICS", "AWSIoTAnalytics")     \
    SERVICE(IOT_DATA, "iotdata", "data-ats.iot", "IOT_DATA_PLANE", "AWSIotData")                  \
    SERVICE(IOT, "execute-api", "iot", "IOT", "AWSIot")                                           \
    SERVICE(OPENSEARCH, "es", "", "", "AWSElasticsearch")                                         \
    SERVICE(OPENSEARCH_SERVERLESS, "aoss", "", "", "AmazonOpenSearchServerless")                  \
    SERVICE(EXECUTE_API, "execute-api", "", "", "AmazonApiGateway")                               \
    SERVICE(STS, "sts", "sts", "STS", "AWSSecurityTokenService")                                  \
    SERVICE(SECRETS, "secretsmanager", "secretsmanager", "SECRETS_MANAGER", "AWSSecretsManager")

enum wr_aws_service {
#define SERVICE(name, signing, host, variable, text) WR_AWS_##name,
    WR_AWS_SERVICE_MAP(SERVICE)
#undef SERVICE
        WR_AWS_SERVICE_COUNT
};

struct wr_aws_service_info {
    wr_str signing, host, variable, text;
};
extern const struct wr_aws_service_info wr_aws_services[WR_AWS_SERVICE_COUNT];

struct wr_aws_profiles;

// Where the service is said to be found by AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the
// profile's [services] section or its endpoint_url, in this order; empty: nowhere, or
// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true. Borrowed from the environment or from `profiles`.
wr_str wr_aws_configured_endpoint(enum wr_aws_service service,
                                  const struct wr_aws_profiles *profiles, wr_str profile);

// "https://dynamodb.eu-west-1.amazonaws.com", with `prefix` before the host ("bucket."). False:
// this service has no host that the region tells.
bool wr_aws_default_endpoint(struct wr_buf *b, enum wr_aws_service service, wr_str prefix,
                             wr_str region) WR_MUST_CHECK;

// Can this be a region's name: 1 to 64 of a-z 0-9 and -? It becomes part of a host's name, and may
// come from an ARN that a device has chosen.
bool wr_aws_is_region(wr_str region);

// Parts of "http://host:port/path" ("https://…"); false when it is no such URL, or has a user, a
// query or a fragment. `path` has no slash at its end. `host` holds the port.
struct wr_aws_url {
    wr_str scheme, host, path;
};
bool wr_aws_url_read(wr_str url, struct wr_aws_url *out) WR_MUST_CHECK;

// Is the host (without port) a numeric address, or localhost? Then buckets stand in the path.
bool wr_aws_host_is_local(wr_str host);

// arn:partition:service:region:account:resource. False when it is none.
struct wr_aws_arn {
    wr_str partition, service, region, account, resource;
};
bool wr_aws_arn_read(wr_str arn, struct wr_aws_arn *out) WR_MUST_CHECK;

// An environment variable; empty: not set, or set to nothing. Read anew each time: setenv() of
// another thread is not allowed while weir runs.
wr_str wr_aws_env(const char *name);
bool wr_aws_env_true(const char *name); // "true" or "1", any case

#endif
