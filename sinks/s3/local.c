// The local form of s3: files below the state folder (lib/local_s3.h has the layout). Knows no AWS.
// Files are written on uv's thread pool in several lanes. Records of one key always take the same
// lane and so keep their order. What a lane's worker needs is prepared on the loop in the record's
// arena.
#include "sinks/s3/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "sinks/lib/later.h"
#include "sinks/lib/local_s3.h"
#include "sql/base/hash.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define LANES_MAX 16
#define BATCH_MAX 64 // records a worker writes before their verdicts go out

static const struct wr_option settings_table[] = {
    WR_S3_CONTENT_TYPE,
    {"lanes", WR_OPT_INT, 0, "4", .min = 1, .max = LANES_MAX,
     .help = "How many objects are written at the same time."},
    {"fsync", WR_OPT_BOOL, 0, "false",
     .help = "Flush each object to the disk before it counts as delivered, against power loss."},
    {0},
};

// What the worker of a lane needs of one record; in the record's arena.
struct job {
    wr_str bucket, path; // path is terminated
    wr_str meta;         // JSON with room for etag and time
    char *etag, *time;   // 32 and 24 bytes in meta, filled by the worker
    int error;           // errno, set by the worker
};

struct lane {
    uv_work_t work;
    struct s3 *state;
    bool busy;
    struct wr_record *queue, **queue_end; // loop only
    struct wr_record *batch;              // the worker's while busy
    EVP_MD_CTX *digest;                   // the worker's while busy, as is tmp
    char tmp[PATH_MAX];
};

struct s3 {
    struct wr_sink *sink;
    char *objects, *metas; // folders of all buckets
    char *content_type;    // "" unless set
    bool sync;
    EVP_MD *md5;
    size_t held;                        // records not settled
    void (*done)(struct wr_sink *self); // set while closing
    size_t lane_count;
    struct lane lanes[LANES_MAX];
};

// ---- the worker's side

static int write_all(int fd, wr_str bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.at, bytes.len);
        if (put < 0 && errno != EINTR) {
            return errno;
        }
        if (put > 0) {
            bytes = wr_str_cut(bytes, (size_t)put, bytes.len);
        }
    }
    return 0;
}

// `bytes` as the file `path` in the bucket's folder below `tree`.
static int write_file(struct lane *lane, const char *tree, const struct job *job, wr_str bytes)
{
    char folder[PATH_MAX];
    int len = snprintf(folder, sizeof folder, "%s/%.*s", tree, WR_STR_ARG(job->bucket));
    if (len < 0 || (size_t)len >= sizeof folder) {
        return ENAMETOOLONG;
    }
    int fd = open(lane->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        return errno;
    }
    int error = write_all(fd, bytes);
    if (!error && lane->state->sync && fdatasync(fd) != 0) {
        error = errno;
    }
    if (close(fd) != 0 && !error) {
        error = errno;
    }
    if (!error) {
        error = wr_local_s3_place(lane->tmp, folder, job->path.at);
    }
    if (error) {
        unlink(lane->tmp);
    }
    return error;
}

// 24 bytes, as in 2023-11-14T22:13:20.000Z.
static void put_time(char *out)
{
    int64_t ms = wr_wall_ms(), year;
    unsigned month, day;
    wr_date_from_days(ms / 86400000, &year, &month, &day);
    int64_t rest = ms % 86400000;
    char text[40];
    snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", (int)year % 10000, month,
             day, (int)(rest / 3600000), (int)(rest / 60000 % 60), (int)(rest / 1000 % 60),
             (int)(rest % 1000));
    memcpy(out, text, 24);
}

static void put_etag(struct lane *lane, char *out, wr_str body)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    wr_assert(EVP_DigestInit_ex2(lane->digest, NULL, NULL) &&
              EVP_DigestUpdate(lane->digest, body.at, body.len) &&
              EVP_DigestFinal_ex(lane->digest, digest, &len) && len == 16);
    for (unsigned i = 0; i < len; i++) {
        *out++ = hex[digest[i] >> 4];
        *out++ = hex[digest[i] & 15];
    }
}

static void work(uv_work_t *request)
{
    struct lane *lane = request->data;
    for (struct wr_record *rec = lane->batch; rec; rec = rec->sink_next) {
        struct job *job = rec->sink_data;
        put_etag(lane, job->etag, rec->body);
        put_time(job->time);
        job->error = write_file(lane, lane->state->objects, job, rec->body);
        if (!job->error) {
            job->error = write_file(lane, lane->state->metas, job, job->meta);
        }
    }
}

// ---- verdicts

static void fail(struct wr_record *rec, enum wr_verdict verdict, const char *message, int status,
                 const char *code)
{
    char text[640];
    int len = snprintf(text, sizeof text,
                       "Failed to put S3 object. The error received was %s (Service: Amazon S3; "
                       "Status Code: %d; Error Code: %s; Request ID: local).",
                       message, status, code);
    struct wr_why why = {
        .resource = rec->params[WR_S3_BUCKET].text,
        .message = {text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1},
    };
    wr_record_settle(rec, verdict, &why);
}

static void settle(const struct s3 *state, struct wr_record *rec)
{
    const struct job *job = rec->sink_data;
    if (!job->error) {
        wr_record_settle(rec, WR_DELIVERED, NULL);
        return;
    }
    char message[512]; // a long state folder is cut
    snprintf(message, sizeof message, "%.400s/%.*s: %s", state->objects,
             WR_STR_ARG(rec->params[WR_S3_BUCKET].text), uv_strerror(-job->error));
    if (job->error == ENAMETOOLONG || job->error == EILSEQ || job->error == EINVAL) {
        // A file system with rules of its own about names; no later try will change them.
        fail(rec, WR_REFUSED, message, 400, "InvalidRequest");
    } else {
        fail(rec, WR_RETRY, message, 500, "InternalError");
    }
}

// ---- lanes, on the loop

static void state_free(struct s3 *state)
{
    for (size_t i = 0; i < state->lane_count; i++) {
        EVP_MD_CTX_free(state->lanes[i].digest);
    }
    EVP_MD_free(state->md5);
    free(state->objects);
    free(state->metas);
    free(state->content_type);
    free(state);
}

static void end_if_idle(struct s3 *state)
{
    if (state->done && state->held == 0) {
        struct wr_sink *sink = state->sink;
        void (*done)(struct wr_sink *) = state->done;
        sink->state = NULL;
        state_free(state);
        wr_later_done(sink, done);
    }
}

static void after_work(uv_work_t *request, int status);

static void start(struct lane *lane)
{
    if (lane->busy || !lane->queue) {
        return;
    }
    lane->batch = lane->queue;
    struct wr_record **last = &lane->batch;
    for (int i = 0; i < BATCH_MAX && *last; i++) {
        last = &(*last)->sink_next;
    }
    lane->queue = *last;
    *last = NULL;
    if (!lane->queue) {
        lane->queue_end = &lane->queue;
    }
    lane->busy = true;
    wr_assert(uv_queue_work(lane->state->sink->host->loop, &lane->work, work, after_work) == 0);
}

static void after_work(uv_work_t *request, int status)
{
    struct lane *lane = request->data;
    struct s3 *state = lane->state;
    struct wr_record *rec = lane->batch;
    lane->batch = NULL;
    lane->busy = false;
    start(lane);
    while (rec) {
        struct wr_record *next = rec->sink_next;
        settle(state, rec);
        state->held--; // not before: settling may call close()
        rec = next;
    }
    end_if_idle(state);
}

// ---- preparing a record

static void write_meta(struct wr_buf *b, const struct s3 *state, const struct wr_record *rec,
                       size_t *etag, size_t *time)
{
    wr_str type = wr_s3_content_type(rec, state->content_type);
    const struct wr_param *acl = &rec->params[WR_S3_ACL];
    wr_buf_add(b, WR_STR("{\"key\":"));
    wr_json_write_string(b, rec->params[WR_S3_KEY].text);
    wr_buf_add(b, WR_STR(",\"size\":"));
    wr_buf_add_u64(b, rec->body.len);
    wr_buf_add(b, WR_STR(",\"etag\":\""));
    *etag = b->len;
    wr_buf_add(b, WR_STR("00000000000000000000000000000000\",\"contentType\":"));
    wr_json_write_string(b, type);
    wr_buf_add(b, WR_STR(",\"acl\":"));
    wr_json_write_string(b, acl->set ? acl->text : WR_STR("private"));
    wr_buf_add(b, WR_STR(",\"lastModified\":\""));
    *time = b->len;
    wr_buf_add(b, WR_STR("2000-01-01T00:00:00.000Z\"}\n"));
}

// False when the message's arena is full.
static bool prepare(const struct s3 *state, struct wr_record *rec)
{
    char path[WR_LOCAL_S3_PATH_MAX];
    struct job *job = wr_arena_alloc(rec->arena, sizeof *job);
    if (!job) {
        return false;
    }
    size_t len = wr_local_s3_escape(path, rec->params[WR_S3_KEY].text);
    struct wr_buf meta;
    size_t etag = 0, time = 0;
    wr_buf_init_arena(&meta, rec->arena);
    write_meta(&meta, state, rec, &etag, &time);
    *job = (struct job){
        .bucket = rec->params[WR_S3_BUCKET].text,
        .path = wr_str_dup(rec->arena, (wr_str){path, len}),
        .meta = wr_buf_str(&meta),
    };
    if (meta.over || !job->path.at) {
        return false;
    }
    job->etag = meta.at + etag;
    job->time = meta.at + time;
    rec->sink_data = job;
    return true;
}

static void s3_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct s3 *state = self->state;
    wr_str bucket = rec->params[WR_S3_BUCKET].text, key = rec->params[WR_S3_KEY].text;
    const char *trouble = wr_local_s3_bucket_trouble(bucket);
    if (trouble) {
        fail(rec, WR_REFUSED, trouble, 400, "InvalidBucketName");
        return;
    }
    trouble = wr_local_s3_key_trouble(key);
    if (trouble) {
        fail(rec, WR_REFUSED, trouble, 400,
             key.len > WR_LOCAL_S3_KEY_MAX ? "KeyTooLongError" : "InvalidURI");
        return;
    }
    if (!prepare(state, rec)) {
        fail(rec, WR_REFUSED, "The message is over its limit of memory", 400, "EntityTooLarge");
        return;
    }
    uint64_t hash = wr_hash_bytes(key.at, key.len, wr_hash_str(bucket));
    struct lane *lane = &state->lanes[hash % state->lane_count];
    rec->sink_next = NULL;
    *lane->queue_end = rec;
    lane->queue_end = &rec->sink_next;
    state->held++;
    start(lane);
}

// ---- open and close

// The folder `name` of the local forms, made if missing; NULL with a fault. Give.
static char *make_tree(const char *state_dir, const char *name, struct wr_fault *fault)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", state_dir);
    bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
    snprintf(path, sizeof path, "%s/local", state_dir);
    made = made && (mkdir(path, 0777) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/local/%s", state_dir, name);
    made = made && (mkdir(path, 0777) == 0 || errno == EEXIST);
    struct stat st;
    if (!made || stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        int error = made ? ENOTDIR : errno;
        wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, uv_strerror(-error));
        return NULL;
    }
    return wr_strdup(wr_str_of(path));
}

// Names for files being written that no other process and no other loop uses.
static bool name_tmp_files(struct s3 *state, const char *tmps)
{
    uint64_t random;
    if (uv_random(NULL, NULL, &random, sizeof random, 0, NULL) != 0) {
        return false;
    }
    for (size_t i = 0; i < state->lane_count; i++) {
        snprintf(state->lanes[i].tmp, sizeof state->lanes[i].tmp, "%s/%016llx-%zu", tmps,
                 (unsigned long long)random, i);
    }
    return true;
}

// What a crash left. Younger files may be another weir's, at work in the same folder.
static void remove_leftovers(const char *tmps)
{
    uv_fs_t scan;
    uv_dirent_t entry;
    if (uv_fs_scandir(NULL, &scan, tmps, 0, NULL) >= 0) {
        while (uv_fs_scandir_next(&scan, &entry) != UV_EOF) {
            char path[PATH_MAX];
            struct stat st;
            int len = snprintf(path, sizeof path, "%s/%s", tmps, entry.name);
            if (len > 0 && (size_t)len < sizeof path && lstat(path, &st) == 0 &&
                st.st_mtime < time(NULL) - 3600) {
                unlink(path);
            }
        }
    }
    uv_fs_req_cleanup(&scan);
}

static wr_err s3_open(struct wr_sink *self, const struct wr_settings *settings,
                      struct wr_fault *fault)
{
    const char *state_dir = self->host->state_dir;
    if (strlen(state_dir) > WR_LOCAL_S3_STATE_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: found %zu bytes, at most %d",
                            strlen(state_dir), WR_LOCAL_S3_STATE_MAX);
    }
    struct s3 *state = wr_zalloc(sizeof *state);
    state->sink = self;
    state->sync = wr_settings_bool(settings, "fsync");
    state->content_type = wr_strdup(wr_str_of(wr_settings_get(settings, "content_type")));
    state->lane_count = (size_t)wr_settings_int(settings, "lanes");
    state->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    bool has_md5 = state->md5 != NULL;
    for (size_t i = 0; i < state->lane_count; i++) {
        struct lane *lane = &state->lanes[i];
        lane->state = state;
        lane->work.data = lane;
        lane->queue_end = &lane->queue;
        lane->digest = EVP_MD_CTX_new();
        has_md5 = has_md5 && lane->digest && EVP_DigestInit_ex2(lane->digest, state->md5, NULL);
    }
    wr_err err = WR_OK;
    state->objects = make_tree(state_dir, "s3", fault);
    state->metas = state->objects ? make_tree(state_dir, "s3-meta", fault) : NULL;
    char *tmps = state->metas ? make_tree(state_dir, "s3-tmp", fault) : NULL;
    if (!tmps) {
        err = WR_ERR_IO;
    } else if (!has_md5) {
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED, "OpenSSL has no MD5 here, for the ETag");
    } else if (!name_tmp_files(state, tmps)) {
        err = wr_fault_set(fault, WR_ERR_IO, "no random numbers");
    } else {
        remove_leftovers(tmps);
    }
    free(tmps);
    if (err) {
        state_free(state);
        return err;
    }
    self->state = state;
    return WR_OK;
}

static void s3_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct s3 *state = self->state;
    state->done = done;
    end_if_idle(state);
}

const struct wr_sink_impl wr_sink_s3 = {
    WR_S3_ACTION,
    .form = "A file for each object below local/s3 of the state folder.",
    .settings = settings_table,
    .open = s3_open,
    .submit = s3_submit,
    .close = s3_close,
};
