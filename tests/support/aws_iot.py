"""Answers of SiteWise, Location, IoT Events and IoT Analytics, for aws_stub.py. A partial failure names entries by
their place in the request (indexes), with a code and a message."""
from aws_stub import Answer, failed_at, iso

THROTTLES = {"iotsitewise": (429, "ThrottlingException"), "geo": (429, "ThrottlingException"),
             "ioteventsdata": (429, "ThrottlingException"), "iotanalytics": (429, "ThrottlingException")}


def entries(list_name, most, answer_name, failed):
    def handle(stub, r, p):
        given = r.json().get(list_name, [])
        if not 1 <= len(given) <= most:
            return stub.error(r, 400, "InvalidRequestException", f"1 to {most} entries")
        def code(i):
            codes = p.get("codes")  # one for each of `indexes`
            return codes[p["indexes"].index(i)] if codes else p.get("code", "InternalFailureException")
        return Answer(200, {answer_name: [failed(stub, e, code(i), p.get("message", "told to fail"))
                                          for i, e in enumerate(given) if failed_at(p, i)]})
    return handle


def site_wise(stub, entry, code, message):
    return {"entryId": entry["entryId"], "errors": [{"errorCode": code, "errorMessage": message, "timestamps": []}]}


def location(stub, update, code, message):
    return {"DeviceId": update["DeviceId"], "SampleTime": iso(stub.now()), "Error": {"Code": code, "Message": message}}


def message(stub, one, code, text):
    return {"messageId": one["messageId"], "errorCode": code, "errorMessage": text}


ANSWERS = {
    ("iotsitewise", None): entries("entries", 10, "errorEntries", site_wise),
    ("geo", None): entries("Updates", 10, "Errors", location),
    ("ioteventsdata", None): entries("messages", 10, "BatchPutMessageErrorEntries", message),
    ("iotanalytics", None): entries("messages", 100, "batchPutMessageErrorEntries", message),
}
