// The kinds of action that weir performs, a line each, for list.c. No guard: it is included several
// times, with BOTH, SAME, AWS and LOCAL defined anew.
//
//   BOTH(local form, AWS form)   SAME(the one form of every mode)
//   AWS(a form that has no local one yet)   LOCAL(the reverse)

// clang-format off
BOTH(wr_sink_cloudwatch_alarm, wr_sink_cloudwatch_alarm_aws)
BOTH(wr_sink_cloudwatch_logs, wr_sink_cloudwatch_logs_aws)
BOTH(wr_sink_cloudwatch_metric, wr_sink_cloudwatch_metric_aws)
BOTH(wr_sink_dynamodb, wr_sink_dynamodb_aws)
BOTH(wr_sink_dynamodb_v2, wr_sink_dynamodb_v2_aws)
BOTH(wr_sink_elasticsearch, wr_sink_elasticsearch_aws)
BOTH(wr_sink_firehose, wr_sink_firehose_aws)
BOTH(wr_sink_iot_analytics, wr_sink_iot_analytics_aws)
BOTH(wr_sink_iot_events, wr_sink_iot_events_aws)
BOTH(wr_sink_iot_site_wise, wr_sink_iot_site_wise_aws)
BOTH(wr_sink_kafka, wr_sink_kafka_aws)
BOTH(wr_sink_kinesis, wr_sink_kinesis_aws)
BOTH(wr_sink_lambda, wr_sink_lambda_aws)
BOTH(wr_sink_location, wr_sink_location_aws)
SAME(wr_sink_null)
BOTH(wr_sink_open_search, wr_sink_open_search_aws)
SAME(wr_sink_republish)
BOTH(wr_sink_s3, wr_sink_s3_aws)
BOTH(wr_sink_sns, wr_sink_sns_aws)
BOTH(wr_sink_sqs, wr_sink_sqs_aws)
BOTH(wr_sink_step_functions, wr_sink_step_functions_aws)
BOTH(wr_sink_timestream, wr_sink_timestream_aws)
