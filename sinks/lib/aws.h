// AWS services for sinks: one call that finds the endpoint, takes the credentials, signs, sends,
// and says what the answer means. Waits for credentials; renews them once when AWS refuses them;
// goes to the right region once when S3 says so; corrects its clock by AWS's. Everything else that
// wants another try is the engine's. Thread: loop. In steady state (credentials there, connections
// open) nothing is allocated here.
#ifndef WR_SINKS_LIB_AWS_H
#define WR_SINKS_LIB_AWS_H

#include "sinks/lib/aws_answer.h"
#include "sinks/lib/aws_credentials.h"
#include "sinks/lib/aws_service.h"
#include "sinks/sink.h"

#define WR_AWS_HEADERS_MAX 48  // of a call; signing adds up to four, this client two
#define WR_AWS_SETS_MAX    256 // sets of credentials: one for each role or profile in use

struct wr_aws;

// What a rule's roleArn means (actions.md 9.4); the first that fits decides, none: passthrough.
enum wr_aws_role_use { WR_AWS_ROLE_PASSTHROUGH, WR_AWS_ROLE_ASSUME, WR_AWS_ROLE_PROFILE };
struct wr_aws_role_rule {
    const char *pattern; // of the ARN; * stands for any text, ? for one character
    enum wr_aws_role_use use;
    const char *profile; // ROLE_PROFILE
};

// NULL, "" and zero: not set, the default. Strings are lent until close; the arrays are copied.
struct wr_aws_options {
    const char *region;  // beats AWS_REGION; last resort "us-east-1"
    const char *profile; // beats AWS_PROFILE, and the environment's keys
    const char *access_key_id, *secret_access_key, *session_token;
    const char *iot_endpoint, *iot_role_alias, *iot_thing;
    const char *iot_cert_file, *iot_key_file, *iot_ca_file;
    const char *endpoint;         // of every service
    const char *const *endpoints; // by enum wr_aws_service
    const char *ca_file;          // beats AWS_CA_BUNDLE and the profile's ca_bundle
    const struct wr_aws_role_rule *roles;
    size_t role_count;
    uint32_t connect_timeout_ms, timeout_ms; // see http.h
    unsigned per_host_max, connections_max;
    uint32_t poll_ms; // [5 s] how often the credentials' files are looked at
    // Mode "record": calls are kept there, unsigned, and answered at once as OK with `recorded` set
    // and no body. No credentials are wanted. Lent until closed.
    struct wr_recorder *recorder;
    void (*log)(void *user, enum wr_aws_level level, const char *line); // one line, no secrets
    void *log_user;
};

// Reads the profiles (blocks: at the start). Faults: a file that cannot be read, an endpoint that
// is none. No credentials are fetched before the first call. Give: wr_aws_close().
wr_err wr_aws_open(uv_loop_t *loop, const struct wr_aws_options *options, struct wr_aws **out,
                   struct wr_fault *fault) WR_MUST_CHECK;
// Calls under way are answered (RETRY), then `closed` (may be NULL) is called.
void wr_aws_close(struct wr_aws *a, void (*closed)(void *user), void *user);

// A request. Everything is lent until `done`, which is called once, from the loop, never from
// inside wr_aws_send().
struct wr_aws_call {
    enum wr_aws_service service;
    const char *method; // "POST"
    wr_str bucket;      // S3: put into the host or the path, as the endpoint wants it
    wr_str path;        // percent-encoded, starts with "/"; empty is "/"
    wr_str query;       // percent-encoded, without "?"
    wr_str target;      // X-Amz-Target; empty: none
    wr_str content_type;
    const struct wr_http_header *headers; // more, WR_AWS_HEADERS_MAX
    size_t header_count;
    wr_str body;           // `at` NULL: none
    wr_str region;         // of an ARN or a URL; empty: the client's
    wr_str endpoint;       // of this call: beats all others; empty: none
    wr_str signing_name;   // another one than the service's; empty: the service's
    wr_str role_arn;       // the rule's; empty: none
    uint32_t timeout_ms;   // of each try, once there are credentials; 0: the client's
    size_t response_max;   // 0: the client's
    bool unsigned_payload; // S3 over https only
    bool secret;           // this client's copies of the answer are wiped (http.h)
    // `answer` is borrowed until it returns.
    void (*done)(struct wr_aws_call *call, const struct wr_aws_answer *answer);
    void *user;
    struct wr_aws_transfer *transfer_;
};

// Not after wr_aws_close(), not even from the `done` of another call.
void wr_aws_send(struct wr_aws *a, struct wr_aws_call *call);
// `done` is called soon (RETRY), unless it has been.
void wr_aws_cancel(struct wr_aws *a, struct wr_aws_call *call);

// Calls without an answer.
size_t wr_aws_pending(const struct wr_aws *a);

// Is the service somewhere else than at AWS, for calls that name no endpoint? Its URL is appended.
bool wr_aws_own_endpoint(struct wr_aws *a, enum wr_aws_service service, struct wr_buf *url);

// The region of calls that name none.
wr_str wr_aws_default_region(const struct wr_aws *a);

// An answer as a sink settles with it. `text` (cleared first) holds why->message, "<what>. The
// error received was <AWS's words>."; `resource` is borrowed. NULL fields of `why` are set.
enum wr_verdict wr_aws_verdict(const struct wr_aws_answer *answer, enum wr_aws_service service,
                               wr_str what, wr_str resource, struct wr_buf *text,
                               struct wr_why *why);

// The sets of credentials in use, for metrics and `weir top`: 0 .. count-1.
size_t wr_aws_state_count(const struct wr_aws *a);
void wr_aws_state(const struct wr_aws *a, size_t index, struct wr_aws_state *out);

// Does `text` fit a pattern of * and ?
bool wr_aws_glob(const char *pattern, wr_str text);

#endif
