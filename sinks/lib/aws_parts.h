// The client's inside, shared by aws.c (calls) and aws_open.c (credentials, life); not for others.
// Thread: loop.
#ifndef WR_SINKS_LIB_AWS_PARTS_H
#define WR_SINKS_LIB_AWS_PARTS_H

#include "sinks/lib/aws.h"

#define WR_AWS_BUCKETS_MAX 64 // whose region is remembered

struct wr_aws_transfer {
    struct wr_aws *aws;
    struct wr_aws_call *call;
    struct wr_aws_credentials *credentials;
    struct wr_aws_waiter waiter;
    struct wr_http_request req;
    struct wr_arena arena;
    struct wr_buf region; // where it goes
    uint64_t version;     // of the keys it was signed with
    bool renewed;         // has had its second try with other keys or another clock
    bool moved;           // has had its second try in another region
    bool waiting;         // for credentials
    bool cancelled;
    const char *broken; // cannot be sent, ever
    struct wr_aws_transfer *next, *before;
};

// A set of credentials and what it was made for.
struct set {
    struct wr_aws_source source;
    char *role_arn, *profile;
    struct wr_aws_credentials *credentials;
};

struct bucket {
    struct wr_buf name, region;
};

struct wr_aws {
    struct wr_aws_tools tools;
    struct wr_aws_options options; // its arrays are these:
    const char *endpoints[WR_AWS_SERVICE_COUNT];
    struct wr_aws_role_rule *roles;
    struct wr_aws_profiles *profiles; // as they were at the start: region, endpoints
    struct wr_aws_source source;
    wr_str profile;
    struct wr_buf region;
    const char *ca_file;
    struct wr_buf ca_path;
    struct set *sets; // sets[0]: the chain; WR_AWS_SETS_MAX of them
    size_t set_count;
    struct bucket buckets[WR_AWS_BUCKETS_MAX];
    size_t bucket_next;
    uv_fs_poll_t polls[2];
    uv_timer_t soon;
    struct wr_aws_transfer *active, *failing, *free;
    size_t pending, free_count;
    struct wr_buf url, auth, text; // of the request that is being made
    struct wr_http_header headers[WR_HTTP_HEADERS_MAX];
    bool closing;
    int parts; // that are being closed
    void (*closed)(void *user);
    void *closed_user;
};

// aws_open.c: whose credentials a rule's role means; NULL: too many sets are in use.
struct wr_aws_credentials *wr_aws_credentials_for(struct wr_aws *a, wr_str role_arn);
// Goes on with closing when nothing is under way any more.
void wr_aws_end_if_closed(struct wr_aws *a);

// aws.c
void wr_aws_transfer_free(struct wr_aws_transfer *t);
void wr_aws_on_soon(uv_timer_t *timer);

#endif
