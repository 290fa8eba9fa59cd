// Records as lines.
#include "sinks/kafka/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "sinks/kafka/verdict.h"
#include "sinks/lib/append.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

struct wr_kafka_files {
    const struct wr_sink_host *host;
    struct wr_append *append;
    int32_t partitions;
    void (*closed)(void *user);
    void *user;
};

// A record's line, in its arena.
struct job {
    struct wr_append_line line; // first
    struct wr_record *rec;
    wr_str topic;
    char partition[12];
};

static void on_written(void *user, struct wr_append_line *lines)
{
    const struct wr_kafka_files *f = user;
    while (lines) {
        struct job *job = (struct job *)lines;
        int error = lines->error;
        lines = lines->next;
        if (!error) {
            wr_record_settle(job->rec, WR_DELIVERED, NULL);
            continue;
        }
        char cause[640];
        snprintf(cause, sizeof cause, "%.400s/local/kafka: %s", f->host->state_dir,
                 strerror(error < 0 ? -error : error));
        wr_kafka_fail(job->rec, job->topic, WR_RETRY, "LOCAL_FILE", cause);
    }
}

wr_err wr_kafka_files_open(const struct wr_sink_host *host, int32_t partitions,
                           struct wr_kafka_files **out, struct wr_fault *fault)
{
    struct wr_kafka_files *f = wr_zalloc(sizeof *f);
    struct wr_buf folder = {0};
    wr_buf_addf(&folder, "%s/local/kafka", host->state_dir);
    f->host = host;
    f->partitions = partitions;
    const struct wr_append_options options = {
        .folder = wr_buf_terminated(&folder), .sync = true, .done = on_written, .user = f};
    wr_err err = wr_append_open(host->loop, &options, &f->append, fault);
    wr_buf_release(&folder);
    if (err) {
        free(f);
        return err;
    }
    *out = f;
    return WR_OK;
}

// A JSON text may stand on several lines; between its tokens a blank means the same.
static void add_json(struct wr_buf *b, wr_str json)
{
    size_t from = b->len;
    wr_buf_add(b, json);
    for (size_t i = from; i < b->len; i++) {
        if (b->at[i] == '\n' || b->at[i] == '\r') {
            b->at[i] = ' ';
        }
    }
}

static void add_text(struct wr_buf *b, const char *name, const char *name_base64, wr_str bytes)
{
    if (wr_utf8_valid(bytes)) {
        wr_buf_add(b, wr_str_of(name));
        wr_json_write_string(b, bytes);
    } else {
        wr_buf_add(b, wr_str_of(name_base64));
        wr_buf_add_char(b, '"');
        wr_buf_add_base64(b, bytes);
        wr_buf_add_char(b, '"');
    }
}

static void add_line(struct wr_buf *b, const struct wr_record *rec,
                     const struct wr_kafka_send *send)
{
    wr_buf_add(b, WR_STR("{\"timestamp\":"));
    wr_buf_add_i64(b, wr_wall_ms());
    if (send->key.at) {
        add_text(b, ",\"key\":", ",\"keyBase64\":", send->key);
    }
    for (size_t i = 0; i < send->header_count; i++) {
        wr_buf_add(b, i ? WR_STR(",{\"key\":") : WR_STR(",\"headers\":[{\"key\":"));
        wr_json_write_string(b, send->header_keys[i]);
        wr_buf_add(b, WR_STR(",\"value\":"));
        wr_json_write_string(b, send->header_values[i]);
        wr_buf_add(b, i + 1 < send->header_count ? WR_STR("}") : WR_STR("}]"));
    }
    if (rec->body_json && rec->body.len) {
        wr_buf_add(b, WR_STR(",\"value\":"));
        add_json(b, rec->body);
    } else {
        add_text(b, ",\"valueText\":", ",\"valueBase64\":", rec->body);
    }
    wr_buf_add(b, WR_STR("}\n"));
}

void wr_kafka_files_submit(struct wr_kafka_files *f, struct wr_record *rec,
                           const struct wr_kafka_send *send)
{
    int32_t partition = send->partition;
    if (partition >= f->partitions) {
        wr_kafka_settle(rec, send->topic, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, NULL, false);
        return;
    }
    if (partition < 0) {
        partition = send->key.at ? rd_kafka_msg_partitioner_murmur2(
                                       NULL, send->key.at, send->key.len, f->partitions, NULL, NULL)
                                 : 0;
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, rec->arena);
    struct job *job = wr_arena_alloc(rec->arena, sizeof *job);
    add_line(&b, rec, send);
    if (!job || b.over) {
        wr_kafka_fail(rec, send->topic, WR_REFUSED, "MEMORY", "No memory is left for this message");
        return;
    }
    *job = (struct job){.rec = rec, .topic = send->topic};
    int len = snprintf(job->partition, sizeof job->partition, "%d", (int)partition);
    job->line.names[0] = send->topic;
    job->line.names[1] = (wr_str){job->partition, (size_t)len};
    job->line.text = wr_buf_str(&b);
    wr_append_add(f->append, &job->line);
}

static void on_append_closed(void *user)
{
    struct wr_kafka_files *f = user;
    void (*closed)(void *) = f->closed;
    void *of = f->user;
    free(f);
    closed(of);
}

void wr_kafka_files_close(struct wr_kafka_files *f, void (*closed)(void *user), void *user)
{
    f->closed = closed;
    f->user = user;
    wr_append_close(f->append, on_append_closed, f);
}
