// `weir local … sqs`: queues and messages of local/sqs.db (sinks/lib/local_sqs.h). Looking is not
// receiving: no message becomes invisible by it.
#include "engine/cli/local.h"

#include "sinks/lib/local_sqs.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static bool list_queue(void *user, const struct wr_local_sqs_queue *q)
{
    const struct wr_local_asked *a = user;
    struct wr_buf b = {0};
    if (a->json) {
        wr_buf_add(&b, WR_STR("{\"queue\":"));
        wr_json_write_string(&b, q->name);
        wr_buf_add(&b, WR_STR(",\"queueUrl\":"));
        wr_json_write_string(&b, q->url);
        wr_buf_addf(&b, ",\"messages\":%llu,\"inFlight\":%llu}", (unsigned long long)q->messages,
                    (unsigned long long)q->in_flight);
    } else {
        printf("%10llu messages  ", (unsigned long long)q->messages);
        wr_local_print(q->name);
        if (q->in_flight > 0) {
            printf("  (%llu in flight)", (unsigned long long)q->in_flight);
        }
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static wr_err ls(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_local_asked copy = *a;
    return wr_local_sqs_queues(a->state_dir, list_queue, &copy, fault);
}

struct stream {
    const struct wr_local_asked *asked;
    int64_t last;
    bool silent;
};

static bool print_message(void *user, const struct wr_local_sqs_row *row)
{
    struct stream *s = user;
    s->last = row->seq;
    if (s->silent) {
        return true;
    }
    struct wr_buf b = {0};
    if (s->asked->json) {
        wr_buf_add(&b, WR_STR("{\"messageId\":"));
        wr_json_write_string(&b, row->id);
        wr_buf_add(&b, WR_STR(",\"sent\":\""));
        wr_local_time(&b, row->sent_ms);
        wr_buf_addf(&b, "\",\"received\":%lld,\"body\":", (long long)row->received);
        wr_json_write_string(&b, row->body);
        wr_buf_add_char(&b, '}');
    } else {
        wr_local_print(row->body);
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static wr_err cat(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct stream s = {.asked = a};
    return wr_local_sqs_messages(a->state_dir, wr_str_of(a->name), 0, print_message, &s, fault);
}

static wr_err tail(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct stream s = {.asked = a, .silent = true};
    wr_err err;
    do {
        err = wr_local_sqs_messages(a->state_dir, wr_str_of(a->name), s.last, print_message, &s,
                                    fault);
        s.silent = false;
        // A queue that does not exist yet may come.
    } while ((!err || err == WR_ERR_UNKNOWN) && !ferror(stdout) && wr_local_wait(a));
    return err == WR_ERR_UNKNOWN ? WR_OK : err;
}

const struct wr_local_service wr_local_queues = {
    .name = "sqs",
    .ls = ls,
    .cat = cat,
    .tail = tail,
};
