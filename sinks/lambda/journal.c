// An append-only file, written in batches on uv's thread pool.

#include "sinks/lambda/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

// `pending` grows on the loop; `writing` is the worker's from queue_write() to on_written().
struct wr_journal {
    uv_loop_t *loop;
    struct wr_journal_options o;
    char *path, *old_path;
    struct wr_buf pending, writing;
    size_t begun_at;      // where the line under construction starts
    uint64_t seq;         // lines committed
    uint64_t writing_seq; // the last line in `writing`
    uint64_t left_out;
    bool busy, closing;
    void (*done)(void *user);
    void *done_user;
    uv_work_t work;
    uv_idle_t end; // makes `done` come from the loop
    // The worker's.
    int fd;
    int64_t size;
    int error; // of the last batch; 0: none
};

static int open_file(struct wr_journal *j)
{
    j->fd = open(j->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    struct stat st;
    if (j->fd < 0 || fstat(j->fd, &st) != 0) {
        return errno;
    }
    j->size = st.st_size;
    return 0;
}

static int make_room(struct wr_journal *j)
{
    if (j->fd >= 0 && j->o.size_max > 0 && j->size >= j->o.size_max) {
        close(j->fd);
        j->fd = -1;
        if (rename(j->path, j->old_path) != 0) {
            return errno;
        }
    }
    return j->fd < 0 ? open_file(j) : 0;
}

static void write_batch(uv_work_t *work)
{
    struct wr_journal *j = work->data;
    j->error = make_room(j);
    for (size_t at = 0; at < j->writing.len && j->error == 0;) {
        ssize_t n = write(j->fd, j->writing.at + at, j->writing.len - at);
        if (n > 0) {
            at += (size_t)n;
            j->size += n;
        } else if (n < 0 && errno != EINTR) {
            j->error = errno;
        }
    }
}

static void on_end_closed(uv_handle_t *handle)
{
    struct wr_journal *j = handle->data;
    void (*done)(void *user) = j->done;
    void *user = j->done_user;
    if (j->fd >= 0) {
        close(j->fd);
    }
    wr_buf_release(&j->pending);
    wr_buf_release(&j->writing);
    free(j->path);
    free(j->old_path);
    free(j);
    done(user);
}

static void queue_write(struct wr_journal *j);

static void on_written(uv_work_t *work, int status)
{
    struct wr_journal *j = work->data;
    j->busy = false;
    wr_buf_clear(&j->writing);
    if (j->o.written) {
        j->o.written(j->o.user, j->writing_seq, j->error ? strerror(j->error) : NULL);
    }
    queue_write(j);
}

static void queue_write(struct wr_journal *j)
{
    if (j->busy) {
        return;
    }
    if (j->left_out > 0) {
        wr_buf_addf(&j->pending, "weir: %llu pieces of output were left out here\n",
                    (unsigned long long)j->left_out);
        j->left_out = 0;
    }
    if (j->pending.len == 0) {
        if (j->closing && !uv_is_closing((uv_handle_t *)&j->end)) {
            uv_close((uv_handle_t *)&j->end, on_end_closed);
        }
        return;
    }
    struct wr_buf swap = j->writing;
    j->writing = j->pending;
    j->pending = swap;
    j->writing_seq = j->seq;
    j->busy = true;
    int code = uv_queue_work(j->loop, &j->work, write_batch, on_written);
    wr_assert(code == 0); // it can only refuse a missing callback
}

struct wr_journal *wr_journal_new(uv_loop_t *loop, const struct wr_journal_options *options)
{
    struct wr_journal *j = wr_zalloc(sizeof *j);
    struct wr_buf old = {0};
    j->loop = loop;
    j->o = *options;
    j->path = wr_strdup(wr_str_of(options->path));
    wr_buf_add(&old, wr_str_of(options->path));
    wr_buf_add(&old, WR_STR(".1"));
    j->old_path = wr_strdup(wr_buf_str(&old));
    wr_buf_release(&old);
    j->o.path = NULL;
    j->fd = -1;
    j->work.data = j;
    uv_idle_init(loop, &j->end);
    j->end.data = j;
    return j;
}

struct wr_buf *wr_journal_begin(struct wr_journal *j)
{
    j->begun_at = j->pending.len;
    return &j->pending;
}

uint64_t wr_journal_commit(struct wr_journal *j)
{
    wr_assert(!j->closing);
    if (j->o.pending_max > 0 && j->pending.len > j->o.pending_max && j->begun_at > 0) {
        j->pending.len = j->begun_at;
        j->left_out++;
    }
    j->seq++;
    queue_write(j);
    return j->seq;
}

void wr_journal_close(struct wr_journal *j, void (*done)(void *user), void *user)
{
    wr_assert(!j->closing);
    j->closing = true;
    j->done = done;
    j->done_user = user;
    queue_write(j);
}
