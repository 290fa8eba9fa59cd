// A fetch under way, shared by aws_fetch.c, aws_ask.c and aws_process.c; not for others.
// Thread: loop, but for what the worker of `work` touches.
#ifndef WR_SINKS_LIB_AWS_FETCH_PARTS_H
#define WR_SINKS_LIB_AWS_FETCH_PARTS_H

#include "sinks/lib/aws_credentials.h"
#include "sinks/lib/aws_fetch.h"

#define WR_AWS_ARENA_MAX  (1u << 20)   // a plan, URLs, one parsed answer at a time
#define WR_AWS_ANSWER_MAX (256u << 10) // bytes of an answer with credentials
#define WR_AWS_TOKEN_MAX  (64u << 10)  // bytes of a token's file

struct wr_aws_fetch {
    struct wr_aws_tools *tools;
    const struct wr_aws_source *source;
    struct wr_aws_credentials *base;
    wr_aws_fetched done;
    void *user;

    struct wr_arena arena;
    struct wr_aws_profiles *profiles;
    struct wr_aws_plan plan;
    struct wr_aws_found found; // so far
    size_t role;               // the next to assume
    bool cancelled;
    struct wr_fault fault;

    // Work of the thread pool: the profiles, or one small file.
    uv_work_t work;
    wr_str path; // empty: the profiles
    struct wr_buf file;
    wr_err work_err;
    void (*after_work)(struct wr_aws_fetch *f);

    struct wr_http_request req;
    struct wr_http *asked;    // the client that req is sent with
    wr_str asked_role;        // STS: for texts
    struct wr_http *own_http; // IOT: with the device's certificate
    struct wr_buf url, text, body;
    struct wr_http_header headers[8];
    void (*after_answer)(struct wr_aws_fetch *f, const struct wr_http_response *response);
    unsigned attempts; // of the question that is asked now
    uv_timer_t timer;  // between them
    struct wr_buf imds_token, imds_role;

    struct wr_aws_waiter waiter; // BASE
    struct wr_aws_process *process;
};

// Each leads to wr_aws_fetch_next() or to wr_aws_fetch_fail(), now or later.
void wr_aws_ask_container(struct wr_aws_fetch *f);
void wr_aws_ask_imds(struct wr_aws_fetch *f);
void wr_aws_ask_iot(struct wr_aws_fetch *f);
void wr_aws_ask_web_identity(struct wr_aws_fetch *f);
void wr_aws_ask_role(struct wr_aws_fetch *f, const struct wr_aws_role *role);
void wr_aws_run_process(struct wr_aws_fetch *f);
void wr_aws_process_cancel(struct wr_aws_fetch *f);

// f->found has keys: assume the next role, or be done.
void wr_aws_fetch_next(struct wr_aws_fetch *f);
void wr_aws_fetch_fail(struct wr_aws_fetch *f, const char *format, ...) WR_PRINTF(2, 3);
// Read f->path on the thread pool into f->file, then call `after`.
void wr_aws_fetch_read(struct wr_aws_fetch *f, wr_str path, void (*after)(struct wr_aws_fetch *f));

// The names of the members in an answer; each service has its own.
struct wr_aws_key_names {
    const char *wrapper; // NULL: the members stand at the top
    const char *id, *secret, *token, *expires;
};
// Into f->found. False: `f` has failed.
bool wr_aws_fetch_json(struct wr_aws_fetch *f, wr_str json, const struct wr_aws_key_names *names,
                       const char *who);
bool wr_aws_fetch_take(struct wr_aws_fetch *f, wr_str id, wr_str secret, wr_str token,
                       wr_str expires, const char *who);

#endif
