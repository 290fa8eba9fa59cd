// A message as one line of a message file: a JSON object with the members that conformance cases
// have (tests/corpus/FORMAT.md), flat. message_file.h has the files around it. Thread: the arena's
// owner.
//
//   topic                                  as published
//   payload | payloadText | payloadBase64  JSON as it is spelt, text, bytes
//   timestamp                              ms since 1970 when it was seen
//   qos, retain
//   stored                                 the broker kept it before the recording began: it was
//                                          told to a new subscription, not published
//   userProperties                         [[key, value], …]
//   mqttProperties                         contentType, payloadFormatIndicator, responseTopic,
//                                          correlationData (base64), messageExpiryInterval (s)
//   clientId, principal, sourceIp, traceId what the functions of that name give
//
// A conformance case is a message too: the members of its `context` are taken instead of the flat
// ones, and what only cases have (sql, expect, …) is left alone. Other members are refused.
#ifndef WR_ENGINE_CLI_MESSAGE_TEXT_H
#define WR_ENGINE_CLI_MESSAGE_TEXT_H

#include "sql/sql.h"

// Bytes of one line: the largest MQTT packet (268,435,455 bytes) in base64, and room for the rest.
#define WR_MESSAGE_LINE_MAX (384u << 20)

struct wr_file_message {
    struct wr_sql_message sql; // the caller's part; basic_ingest only if a case says so
    bool timed;                // has a timestamp
    uint8_t qos;
    bool retain, stored;
    int64_t expiry_s; // -1: none
    wr_value context; // a case's, an OBJECT; else Undefined
};

// Read a line, without its line end. Texts borrow from it and from `arena`. Faults have a column
// (and line 1), and say what was found and expected.
wr_err wr_message_text_read(wr_str line, struct wr_arena *arena, struct wr_file_message *out,
                            struct wr_fault *fault) WR_MUST_CHECK;

// Append `m` as a line, line end included, in a form that gives every byte back: `payload` for JSON
// without blanks between its tokens, `payloadText` for other text, else, or with `raw`,
// `payloadBase64`. Fault, and nothing is appended: a topic or property that is no UTF-8, or the
// line would be longer than WR_MESSAGE_LINE_MAX.
wr_err wr_message_text_write(const struct wr_file_message *m, bool raw, struct wr_buf *out,
                             struct wr_fault *fault) WR_MUST_CHECK;

// Append one of `"payload":…`, `"payloadText":…`, `"payloadBase64":…` by the same rule.
void wr_message_text_payload(wr_str payload, bool raw, struct wr_buf *out);
// The same of other bytes: `"NAME":…`, `"NAMEText":…`, `"NAMEBase64":…`.
void wr_message_text_member(const char *name, wr_str bytes, bool raw, struct wr_buf *out);

#endif
