"""Answers of OpenSearch, for aws_stub.py: documents are kept in stub.documents by their path."""
from aws_stub import Answer

THROTTLES = {"es": (429, "es_rejected_execution_exception"), "aoss": (429, "es_rejected_execution_exception")}


def put(stub, r, _):
    with stub.lock:
        known = r.path in stub.documents
        stub.documents[r.path] = r.body
    return Answer(200 if known else 201, {"result": "updated" if known else "created"}, [("Content-Type", "application/json")])


def error(status, code, message):
    """What a cluster says, which is not as AWS's services say it."""
    reason = {"type": code, "reason": message}
    return Answer(status, {"error": {"root_cause": [reason], **reason}, "status": status}, [("Content-Type", "application/json")])


ANSWERS = {("es", "PUT"): put, ("aoss", "PUT"): put,
           ("es", "POST"): lambda s, r, p: Answer(200, {"took": 1, "errors": bool(p), "items": []})}
ERRORS = {"es": error, "aoss": error}
