"""Answers of Timestream (writes) and Step Functions, for aws_stub.py."""
import uuid

from aws_stub import Answer


def write_records(stub, r, partial):
    records = r.json()["Records"]
    if not 1 <= len(records) <= 100:
        return stub.error(r, 400, "ValidationException", "1 to 100 records")
    if partial:
        rejected = [{"RecordIndex": i, "Reason": partial.get("message", "told to fail")} for i in partial["indexes"] if i < len(records)]
        if rejected:
            answer = stub.error(r, 419, "RejectedRecordsException", "One or more records have been rejected. See RejectedRecords for details.")
            return Answer(419, {"__type": "com.amazonaws.timestream.v20181101#RejectedRecordsException",
                                "Message": "One or more records have been rejected. See RejectedRecords for details.",
                                "RejectedRecords": rejected}, answer.headers)
    return Answer(200, {"RecordsIngested": {"Total": len(records), "MemoryStore": len(records), "MagneticStore": 0}})


def start_execution(stub, r, _):
    b = r.json()
    name = b.get("name") or str(uuid.uuid4())
    arn = b["stateMachineArn"].replace(":stateMachine:", ":execution:") + ":" + name
    with stub.lock:
        if arn in stub.executions:
            return stub.error(r, 400, "ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        stub.executions[arn] = b.get("input", "{}")
    return Answer(200, {"executionArn": arn, "startDate": 1})


ANSWERS = {
    ("timestream", "WriteRecords"): write_records,
    ("timestream", "DescribeEndpoints"): lambda s, r, p: Answer(
        200, {"Endpoints": [{"Address": f"127.0.0.1:{s.port}", "CachePeriodInMinutes": 1440}]}),
    ("states", "StartExecution"): start_execution,
}
