"""Answers of CloudWatch (metrics, alarms) and CloudWatch Logs, for aws_stub.py."""
from aws_stub import Answer, query_answer

THROTTLES = {"logs": (400, "ThrottlingException"), "monitoring": (400, "Throttling")}


def put_log_events(stub, r, partial):
    b = r.json()
    if stub.log_groups is not None and b["logGroupName"] not in stub.log_groups:
        return stub.error(r, 400, "ResourceNotFoundException", "The specified log group does not exist.")
    if stub.log_streams is not None and (b["logGroupName"], b["logStreamName"]) not in stub.log_streams:
        return stub.error(r, 400, "ResourceNotFoundException", "The specified log stream does not exist.")
    times = [e["timestamp"] for e in b["logEvents"]]
    if times != sorted(times):
        return stub.error(r, 400, "InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > 24 * 3600 * 1000:
        return stub.error(r, 400, "InvalidParameterException", "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    if len(times) > 10000 or sum(len(e["message"].encode()) + 26 for e in b["logEvents"]) > 1048576:
        return stub.error(r, 400, "InvalidParameterException", "Upload too large")
    answer = {"nextSequenceToken": "1"}
    if partial:
        answer["rejectedLogEventsInfo"] = partial["info"]
    return Answer(200, answer)


def create_log_stream(stub, r, _):
    b = r.json()
    if stub.log_groups is not None and b["logGroupName"] not in stub.log_groups:
        return stub.error(r, 400, "ResourceNotFoundException", "The specified log group does not exist.")
    if stub.log_streams is not None:
        if (b["logGroupName"], b["logStreamName"]) in stub.log_streams:
            return stub.error(r, 400, "ResourceAlreadyExistsException", "The specified log stream already exists")
        stub.log_streams.add((b["logGroupName"], b["logStreamName"]))
    return Answer(200, b"")


def put_metric_data(stub, r, _):
    if r.form:
        return query_answer(r.operation, "")
    for value in r.json()["MetricData"]:
        if value["MetricName"] in stub.bad_names:
            return stub.error(r, 400, "InvalidParameterValue", f"The metric {value['MetricName']} is not welcome.")
    return Answer(200, {})


ANSWERS = {
    ("logs", "PutLogEvents"): put_log_events, ("logs", "CreateLogStream"): create_log_stream,
    ("monitoring", "PutMetricData"): put_metric_data,
    ("monitoring", "SetAlarmState"): lambda s, r, p: query_answer(r.operation, "") if r.form else Answer(200, {}),
}
