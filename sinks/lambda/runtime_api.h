// The Lambda Runtime API (2018-06-01) for one process: a listener of its own on loopback, so that
// processes are told apart by the port they speak to. Knows no queue and no process.
// Thread: loop.
//
// A streamed response is taken whole; the trailers in which AWS's runtimes report an error that
// came after its start are not read.
//
//   process: GET  /2018-06-01/runtime/invocation/next           asked … wr_runtime_api_send()
//            POST /2018-06-01/runtime/invocation/{id}/response  answered, ok
//            POST /2018-06-01/runtime/invocation/{id}/error     answered, not ok
//            POST /2018-06-01/runtime/init/error                init_failed
#ifndef WR_SINKS_LAMBDA_RUNTIME_API_H
#define WR_SINKS_LAMBDA_RUNTIME_API_H

#include "sql/base/err.h"
#include "sql/base/str.h"

#include <uv.h>

#define WR_RUNTIME_ANSWER_MAX (6u << 20) // AWS: 6 MB for a response; more is refused with 413

struct wr_runtime_api;

struct wr_runtime_events {
    // The process waits for an event. Asked again only after an answer.
    void (*asked)(void *user);
    // It waited, and its connection broke: it has to ask again.
    void (*left)(void *user);
    // The answer to the event that was sent last. `type` is the error's type, when it gives one.
    void (*answered)(void *user, bool ok, wr_str body, wr_str type);
    // The process could not get ready; `body` is an error document.
    void (*init_failed)(void *user, wr_str body, wr_str type);
    void *user;
};

// An event on its way to the process; all borrowed.
struct wr_runtime_event {
    wr_str id; // lent until the answer or wr_runtime_api_reset()
    wr_str arn, trace_id, body;
    int64_t deadline_ms; // wall clock
};

// `events` is copied. Fault as wr_httpd_open(). Give: wr_runtime_api_close().
wr_err wr_runtime_api_open(uv_loop_t *loop, const struct wr_runtime_events *events,
                           struct wr_runtime_api **out, struct wr_fault *fault) WR_MUST_CHECK;

// "127.0.0.1:PORT", for AWS_LAMBDA_RUNTIME_API.
const char *wr_runtime_api_address(const struct wr_runtime_api *api);

// Whether the process waits for an event now. A process that waits and goes away does not.
bool wr_runtime_api_waits(const struct wr_runtime_api *api);

// Hand over an event; only while the process waits.
void wr_runtime_api_send(struct wr_runtime_api *api, const struct wr_runtime_event *event);

// The process has ended: forget its connections' requests and the event it had.
void wr_runtime_api_reset(struct wr_runtime_api *api);

// `done` is called from the loop; nothing else is afterwards.
void wr_runtime_api_close(struct wr_runtime_api *api, void (*done)(void *user), void *user);

#endif
