// The admin socket from the shell: one HTTP request after the other to a running weir, for the
// commands that ask one (`weir admin`, top, trace, …). Blocks. Thread: start.
#ifndef WR_ENGINE_CLI_ADMIN_CLIENT_H
#define WR_ENGINE_CLI_ADMIN_CLIENT_H

#include "engine/config.h"
#include "sql/base/buf.h"

// Where the socket of the weir with this configuration is; `given` (--socket) if not NULL.
void wr_admin_client_path(const struct wr_config *config, const char *given, struct wr_buf *out);

struct wr_admin_client;

// See that a process listens at `path`. WR_ERR_MISSING: no weir runs here. WR_ERR_DENIED: this user
// may not connect. Give: wr_admin_client_close().
wr_err wr_admin_client_open(const char *path, struct wr_admin_client **out,
                            struct wr_fault *fault) WR_MUST_CHECK;
void wr_admin_client_close(struct wr_admin_client *c);

struct wr_admin_ask {
    const char *method;         // "GET"
    wr_str target;              // "/weir/v1/status"
    wr_str body;                // JSON; empty: none
    int64_t timeout_ms;         // for the whole answer; 0: none, as for a stream
    const char *const *headers; // "Name: value", NULL ends; NULL: none but the usual
    // The answer's headers, without blanks around. NULL: nobody looks.
    void (*header)(void *user, wr_str name, wr_str value);
    // The answer's body as it comes, of any status below 300; false: that is enough, which is no
    // failure. NULL: it is appended to `answer`.
    bool (*piece)(void *user, wr_str bytes);
    void *user;
    struct wr_buf *answer; // errors too: their body is small
};

// Ask. WR_OK: *status is the answer's, also 403 and 404. Faults: the connection ended
// (WR_ERR_IO), no answer in time (WR_ERR_BUSY), it is no weir that answers (WR_ERR_CORRUPT).
wr_err wr_admin_client_ask(struct wr_admin_client *c, const struct wr_admin_ask *ask, int *status,
                           struct wr_fault *fault) WR_MUST_CHECK;

// What is wrong, in the answer's words: its "message", or its text. For a status of 400 and more.
void wr_admin_client_complaint(const struct wr_buf *answer, int status, struct wr_buf *out);

#endif
