// AWS IoT policies (control-plane.md 7): a document (JSON) is compiled once to a run of bytes that
// can lie in a file, and asked there: may this action be done with that resource? The broker's
// plugin asks the same code, so it needs nothing but sql/base.
// Thread: any.
//
//   document ── wr_policy_compile ──> bytes ── wr_policy_open ──> view ── wr_policy_evaluate ──>
//   verdict
//
// A certificate has several policies: ask each, a DENY of one decides, else an ALLOW of one, else
// the answer is no (wr_policy_join).
#ifndef WR_ENGINE_REGISTRY_POLICY_H
#define WR_ENGINE_REGISTRY_POLICY_H

#include <stdint.h>

#include "sql/base/buf.h"
#include "sql/base/err.h"

#define WR_POLICY_DOCUMENT_MAX 65536 // bytes; the API's limit is 2048 without white space
#define WR_POLICY_PARTS_MAX    512   // texts, wildcards and variables of one pattern: on the stack
#define WR_POLICY_NOTES_MAX    16    // more is only counted
// One decision's work, about a nanosecond a step: a policy that wants more denies (and says so).
// Made for patterns that somebody wrote to keep the broker busy; honest ones take less than 1,000.
#define WR_POLICY_STEPS        2000000
#define WR_POLICY_RESOURCE_MAX 4096 // bytes of a resource without the ARN's head; longer: denied
#define WR_POLICY_INDEX_MAX    64   // values of one certificate attribute that .List goes through

// ---- compiling

// What a document says that will not do what its author may think.
struct wr_policy_note {
    uint32_t statement; // 0 the first; UINT32_MAX: the document
    bool malformed;     // AWS would refuse the document; else weir does not support it
    char text[160];
};
struct wr_policy_notes {
    uint32_t count; // also beyond WR_POLICY_NOTES_MAX
    uint32_t malformed;
    struct wr_policy_note list[WR_POLICY_NOTES_MAX];
};

// Append the compiled form to `out`: equal documents give equal bytes. WR_ERR_SYNTAX (not JSON,
// with the place), WR_ERR_TYPE (no object), WR_ERR_LIMIT. Everything else is taken and noted: what
// is not understood never allows; a Deny whose Condition, NotAction, NotResource or member of
// unknown name is not supported denies without it.
wr_err wr_policy_compile(wr_str document, struct wr_buf *out, struct wr_policy_notes *notes,
                         struct wr_fault *fault) WR_MUST_CHECK;

// ---- evaluating

// Verified bytes; lent while the view is used. No alignment is needed.
struct wr_policy {
    const char *at_;
    size_t len_;
};
// Any bytes: WR_ERR_CORRUPT unless all of them hold together, and then nothing below reads outside.
wr_err wr_policy_open(wr_str bytes, struct wr_policy *out) WR_MUST_CHECK;
uint32_t wr_policy_statements(const struct wr_policy *p);

// What policy variables stand for. {NULL, 0}: not known here; a pattern with that variable then
// matches nothing.
struct wr_policy_context {
    wr_str client_id;   // iot:ClientId
    wr_str source_ip;   // aws:SourceIp
    wr_str domain_name; // iot:DomainName
    wr_str thing_name;  // iot:Connection.Thing.…, with the next two
    wr_str thing_type;
    wr_str is_attached; // "true", "false"
    // The value of attribute `name` of the thing. May be NULL.
    bool (*attribute)(void *user, wr_str name, wr_str *value);
    // Value `index` (0 the first) of the certificate's "Subject.CommonName", "SerialNumber", … as
    // policies write it after "iot:Certificate."; false when there is none. May be NULL.
    bool (*certificate)(void *user, wr_str name, uint32_t index, wr_str *value);
    void *user;
};

struct wr_policy_request {
    wr_str action;          // "iot:Publish"
    wr_str region, account; // of the resource
    wr_str resource;        // "client/c1", "topic/a/b", "topicfilter/a/+", or "*"
    const struct wr_policy_context *context;
};

enum wr_policy_verdict {
    WR_POLICY_NOTHING, // no statement is about it
    WR_POLICY_ALLOW,
    WR_POLICY_DENY,
};

// `*steps` (WR_POLICY_STEPS at the start of a decision) pays for the work; at its end the answer is
// DENY and *steps is 0. `*statement` (may be NULL) is the one that decided; UINT32_MAX without.
// No allocation.
enum wr_policy_verdict wr_policy_evaluate(const struct wr_policy *p,
                                          const struct wr_policy_request *request,
                                          uint32_t *statement, uint64_t *steps);

// The verdict of several policies.
static inline enum wr_policy_verdict wr_policy_join(enum wr_policy_verdict a,
                                                    enum wr_policy_verdict b)
{
    return a > b ? a : b;
}

// Names that follow "iot:Certificate.": number `at`, or {NULL, 0} behind the last.
wr_str wr_policy_certificate_name(size_t at);

#endif
