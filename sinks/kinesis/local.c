// The local form of kinesis: a file of lines for each shard of a stream, in local/kinesis of the
// state folder (lib/append.h). Knows no AWS.
//
//   kinesis/{stream}/shardId-000000000002.ndjson
//   {"sequenceNumber":"1764243335000123","partitionKey":"k","approximateArrivalTimestamp":
//    1764243335.000,"data":"…"}          "dataBase64" when the data is no UTF-8
//
// A key's shard is found as Kinesis finds it: the MD5 of the key is a number of 128 bits, and each
// of N shards has the N-th part of them. Sequence numbers grow, over all streams and restarts.
#include "sinks/kinesis/kinesis.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "sinks/kinesis/shard.h"
#include "sinks/lib/append.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define NAMED_MAX 64 // streams with shards of their own in weir.yaml

static const struct wr_option settings_table[] = {
    {"shards", WR_OPT_INT, 0, "1", .min = 1, .max = WR_KINESIS_SHARDS_MAX,
     .help = "Shards of a local stream."},
    {"streams.*.shards", WR_OPT_INT, 0, .min = 1, .max = WR_KINESIS_SHARDS_MAX,
     .help = "Shards of this local stream."},
    {"file_max", WR_OPT_INT, 0, "67108864", .min = 1, .max = 1LL << 40, .unit = "bytes",
     .help = "A local shard's file this large is put aside."},
    {"keep", WR_OPT_INT, 0, "4", .min = 0, .max = WR_APPEND_KEEP_MAX,
     .help = "How many files put aside are kept of a local shard; older ones are removed."},
    {0},
};

struct named {
    wr_str stream; // lent by the settings
    unsigned shards;
};

struct kinesis {
    struct wr_sink *sink;
    struct wr_append *files;
    EVP_MD *md5;
    EVP_MD_CTX *digest;
    uint64_t last; // sequence number
    unsigned shards;
    struct named named[NAMED_MAX];
    size_t named_count;
    void (*done)(struct wr_sink *self);
};

// A record's line, in its arena.
struct line {
    struct wr_append_line append;
    char shard[WR_KINESIS_SHARD_LEN + 1];
};

static unsigned shards_of(const struct kinesis *k, wr_str stream)
{
    for (size_t i = 0; i < k->named_count; i++) {
        if (wr_str_eq(k->named[i].stream, stream)) {
            return k->named[i].shards;
        }
    }
    return k->shards;
}

static void on_done(void *user, struct wr_append_line *lines)
{
    while (lines) {
        struct wr_record *rec = lines->user;
        int error = lines->error;
        lines = lines->next; // dies with its record
        if (error) {
            wr_refusal_settle(rec, error == ENAMETOOLONG ? WR_REFUSED : WR_RETRY, &wr_kinesis_texts,
                              &(struct wr_refusal){uv_strerror(-error), "InternalFailure"});
        } else {
            wr_record_settle(rec, WR_DELIVERED, NULL);
        }
    }
}

static void write_line(struct wr_buf *b, uint64_t number, wr_str key, const struct wr_record *rec)
{
    int64_t now = wr_wall_ms();
    wr_buf_add(b, WR_STR("{\"sequenceNumber\":\""));
    wr_buf_add_u64(b, number);
    wr_buf_add(b, WR_STR("\",\"partitionKey\":"));
    wr_json_write_string(b, key);
    wr_buf_add(b, WR_STR(",\"approximateArrivalTimestamp\":"));
    wr_buf_add_i64(b, now / 1000);
    char rest[] = ".000";
    for (int i = 3, ms = (int)(now % 1000); i > 0; i--, ms /= 10) {
        rest[i] = (char)('0' + ms % 10);
    }
    wr_buf_add(b, wr_str_of(rest));
    if (wr_utf8_valid(rec->body)) {
        wr_buf_add(b, WR_STR(",\"data\":"));
        wr_json_write_string(b, rec->body);
    } else {
        wr_buf_add(b, WR_STR(",\"dataBase64\":\""));
        wr_buf_add_base64(b, rec->body);
        wr_buf_add_char(b, '"');
    }
    wr_buf_add(b, WR_STR("}\n"));
}

static void kinesis_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct kinesis *k = self->state;
    wr_str key;
    struct wr_refusal refusal = wr_kinesis_key(rec, &key);
    struct line *line = refusal.message ? NULL : wr_arena_alloc(rec->arena, sizeof *line);
    if (line) {
        struct wr_buf text;
        wr_str stream = rec->params[WR_KINESIS_STREAM].text;
        wr_buf_init_arena(&text, rec->arena);
        write_line(&text, ++k->last, key, rec);
        wr_kinesis_shard_name(line->shard,
                              wr_kinesis_shard_of(k->digest, key, shards_of(k, stream)));
        line->append = (struct wr_append_line){
            .names = {stream, {line->shard, WR_KINESIS_SHARD_LEN}},
            .text = wr_buf_str(&text),
            .user = rec,
        };
        line = text.over ? NULL : line;
    }
    if (!line) {
        if (!refusal.message) {
            refusal =
                (struct wr_refusal){"The message is over its limit of memory", "LimitExceeded"};
        }
        wr_refusal_settle(rec, WR_REFUSED, &wr_kinesis_texts, &refusal);
        return;
    }
    wr_append_add(k->files, &line->append);
}

// ---- open and close

// The sequence number of a file's last line; 0 without one.
static uint64_t last_number(const char *path)
{
    static const char begin[] = "{\"sequenceNumber\":\"";
    char chunk[64 << 10], head[64];
    uint64_t number = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    // From the end back to a line that begins with a number; what has no line feed was never
    // settled.
    while (end > 0 && number == 0) {
        off_t from = end > (off_t)sizeof chunk ? end - (off_t)sizeof chunk : 0;
        ssize_t len = pread(fd, chunk, (size_t)(end - from), from);
        for (ssize_t at = len - 1; at >= 0 && number == 0; at--) {
            bool starts = (at == 0 && from == 0) || (at > 0 && chunk[at - 1] == '\n');
            ssize_t got = starts ? pread(fd, head, sizeof head - 1, from + at) : 0;
            if (got > (ssize_t)sizeof begin && memcmp(head, begin, sizeof begin - 1) == 0) {
                head[got] = 0;
                number = strtoull(head + sizeof begin - 1, NULL, 10);
            }
        }
        end = len <= 0 ? 0 : from > 0 ? from + 1 : 0; // a line may begin with the next chunk
    }
    if (fd >= 0) {
        close(fd);
    }
    return number;
}

static bool look(void *user, const struct wr_append_file *file)
{
    struct kinesis *k = user;
    char path[PATH_MAX];
    static const char *const endings[] = {"", ".1"};
    for (size_t i = 0; i < WR_COUNT(endings); i++) {
        snprintf(path, sizeof path, "%s%s", file->path, endings[i]);
        uint64_t number = last_number(path);
        k->last = number > k->last ? number : k->last;
    }
    return true;
}

static wr_err read_settings(struct kinesis *k, const struct wr_settings *settings,
                            struct wr_fault *fault)
{
    k->shards = (unsigned)wr_settings_int(settings, "shards");
    k->named_count = wr_settings_count(settings, "streams");
    if (k->named_count > NAMED_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "streams: found %zu, at most %d", k->named_count,
                            NAMED_MAX);
    }
    for (size_t i = 0; i < k->named_count; i++) {
        char name[256];
        const char *stream = wr_settings_name(settings, "streams", i);
        snprintf(name, sizeof name, "streams.%s.shards", stream);
        k->named[i].stream = wr_str_of(stream);
        k->named[i].shards = (unsigned)wr_settings_int(settings, name);
    }
    return WR_OK;
}

static void state_free(struct kinesis *k)
{
    EVP_MD_CTX_free(k->digest);
    EVP_MD_free(k->md5);
    free(k);
}

static wr_err kinesis_open(struct wr_sink *self, const struct wr_settings *settings,
                           struct wr_fault *fault)
{
    char folder[PATH_MAX];
    struct kinesis *k = wr_zalloc(sizeof *k);
    k->sink = self;
    k->last = (uint64_t)wr_wall_ms() * 1000;
    k->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    k->digest = EVP_MD_CTX_new();
    wr_err err = read_settings(k, settings, fault);
    int len = snprintf(folder, sizeof folder, "%s/local/kinesis", self->host->state_dir);
    if (!err && (len < 0 || (size_t)len + WR_APPEND_PATH_MAX >= sizeof folder)) {
        err = wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: too long");
    }
    if (!err && (!k->md5 || !k->digest || !EVP_DigestInit_ex2(k->digest, k->md5, NULL))) {
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED, "OpenSSL has no MD5 here, for the shards");
    }
    if (!err) {
        err = wr_append_list(folder, 2, NULL, look, k, fault);
    }
    if (!err) {
        err = wr_append_open(
            self->host->loop,
            &(struct wr_append_options){.folder = folder,
                                        .size_max = wr_settings_int(settings, "file_max"),
                                        .keep = (unsigned)wr_settings_int(settings, "keep"),
                                        .sync = true,
                                        .done = on_done,
                                        .user = k},
            &k->files, fault);
    }
    if (err) {
        state_free(k);
        return err;
    }
    self->state = k;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct kinesis *k = user;
    struct wr_sink *sink = k->sink;
    void (*done)(struct wr_sink *) = k->done;
    state_free(k);
    sink->state = NULL;
    done(sink);
}

static void kinesis_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct kinesis *k = self->state;
    k->done = done;
    wr_append_close(k->files, on_closed, k);
}

const struct wr_sink_impl wr_sink_kinesis = {
    WR_KINESIS_ACTION,
    .form = "A line of local/kinesis/STREAM/SHARD.ndjson for each record, in the shard of its key.",
    .settings = settings_table,
    .open = kinesis_open,
    .submit = kinesis_submit,
    .close = kinesis_close,
};
