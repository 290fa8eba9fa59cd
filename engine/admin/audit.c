// The writing half of the audit log.
#include "engine/admin/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/admin/audit_files.h"
#include "engine/loop/mailbox.h"
#include "engine/observe/log.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define COUNTED_MS 10000 // how long refused calls are counted before a line says so

struct note {
    struct wr_letter letter; // first
    struct wr_buf text;      // the line without seq and previous: an object
    bool refused, written;
    void (*done)(void *user, bool written);
    void *user;
};

struct wr_audit {
    struct wr_mailbox inbox, back;
    uv_thread_t thread;
    struct wr_letter end;
    atomic_uint_fast64_t lines, failures, counted;
    atomic_bool failing;
    void (*closed)(void *user);
    void *user;

    // The thread's.
    struct wr_audit_limits limits;
    int fd;
    char *path;
    char **removing; // files that go when the lines about them are on disk
    size_t removing_count;
    struct wr_audit_end at;
    struct wr_buf out;
    bool dirty;
    int64_t dirty_ms, refill_ms, counting_ms;
    double tokens;
    uint64_t refused_left_out;
};

// ---- lines

static void set(json_t *o, const char *name, const char *value)
{
    if (value && *value) {
        json_object_set_new(o, name, json_string(value));
    }
}

static void set_time(json_t *o, int64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[32], all[40];
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(all, sizeof all, "%s.%03dZ", text, (int)(ms % 1000));
    set(o, "time", all);
}

static void make_text(const struct wr_audit_entry *e, struct wr_buf *out)
{
    json_t *o = json_object();
    set_time(o, e->time_ms);
    set(o, "tenant", e->tenant);
    set(o, "region", e->region);
    set(o, "actor", e->actor);
    set(o, "from", e->from);
    set(o, "request", e->request);
    set(o, "operation", e->operation);
    set(o, "subject", e->subject);
    if (e->arns) {
        json_object_set_new(o, "arns", json_deep_copy(e->arns));
    }
    set(o, "outcome", e->outcome);
    if (e->changes) {
        json_object_set_new(o, "changes", json_deep_copy(e->changes));
    }
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(13));
    wr_assert(text);
    if (strlen(text) > WR_AUDIT_LINE_MAX) {
        free(text);
        json_object_set_new(o, "changes", json_string("left out: too long"));
        json_object_del(o, "arns");
        text = json_dumps(o, JSON_COMPACT);
    }
    wr_buf_add(out, wr_str_of(text));
    free(text);
    json_decref(o);
}

// ---- the thread

// Append the line of `text` to a->out, and go on in the chain.
static void chain(struct wr_audit *a, wr_str text)
{
    size_t start = a->out.len;
    wr_buf_addf(&a->out, "{\"seq\":%llu,%.*s,\"previous\":\"%s\"}", (unsigned long long)++a->at.seq,
                (int)text.len - 2, text.at + 1, a->at.sum);
    wr_audit_line_sum(wr_str_cut(wr_buf_str(&a->out), start, a->out.len), a->at.sum);
    wr_buf_add_char(&a->out, '\n');
}

// Takes `changes`.
static void chain_changes(struct wr_audit *a, const char *operation, json_t *changes)
{
    struct wr_buf text = {0};
    make_text(&(struct wr_audit_entry){.time_ms = wr_wall_ms(),
                                       .actor = "weir",
                                       .operation = operation,
                                       .outcome = "OK",
                                       .changes = changes},
              &text);
    chain(a, wr_buf_str(&text));
    json_decref(changes);
    wr_buf_release(&text);
}

static void chain_own(struct wr_audit *a, const char *operation, const char *member, uint64_t count)
{
    chain_changes(a, operation, json_pack("{s:I}", member, (json_int_t)count));
}

static bool may_write_refused(struct wr_audit *a, int64_t now_ms)
{
    double more = (double)(now_ms - a->refill_ms) / 1000.0 * WR_AUDIT_REFUSED_RATE;
    a->refill_ms = now_ms;
    a->tokens += more > 0 ? more : 0;
    a->tokens = a->tokens > WR_AUDIT_REFUSED_BURST ? WR_AUDIT_REFUSED_BURST : a->tokens;
    if (a->tokens < 1) {
        a->counting_ms = a->refused_left_out++ ? a->counting_ms : now_ms;
        atomic_fetch_add(&a->counted, 1);
        return false;
    }
    a->tokens -= 1;
    return true;
}

// False: nothing of it is in the file.
static bool write_out(struct wr_audit *a)
{
    wr_str left = wr_buf_str(&a->out);
    while (left.len) {
        ssize_t n = pwrite(a->fd, left.at, left.len, a->at.end + (off_t)(a->out.len - left.len));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            int code = n < 0 ? errno : ENOSPC;
            // What is there of it would be a half line to the next weir, and in the way of ours.
            if (ftruncate(a->fd, a->at.end) != 0) {
                code = errno;
            }
            errno = code;
            return false;
        }
        left = wr_str_cut(left, (size_t)n, left.len);
    }
    a->at.end += (int64_t)a->out.len;
    return true;
}

static bool sync_out(struct wr_audit *a)
{
    a->dirty = fdatasync(a->fd) != 0; // tried again in a moment
    return !a->dirty;
}

static void complain(struct wr_audit *a)
{
    static struct wr_log_limit limit;
    int code = errno;
    atomic_fetch_add(&a->failures, 1);
    wr_log_limited(&limit, WR_LOG_ERROR, "admin", "%s cannot be written: %s", a->path,
                   strerror(code));
}

static void give_back(struct wr_audit *a, struct wr_letter *letters, bool written)
{
    while (letters && letters != &a->end) {
        struct wr_letter *next = letters->next;
        struct note *n = (struct note *)letters;
        n->written = written;
        wr_buf_release(&n->text);
        if (n->done) {
            wr_mailbox_send(&a->back, letters);
        } else {
            free(n);
        }
        letters = next;
    }
}

static void say_counted(struct wr_audit *a, int64_t now_ms, bool now)
{
    if (a->refused_left_out && (now || now_ms - a->counting_ms >= COUNTED_MS)) {
        chain_own(a, "RefusedCallsCounted", "refused", a->refused_left_out);
        a->refused_left_out = 0;
    }
}

// ---- files

// A line for the oldest files, beyond as many as are kept: they go once it is on disk.
static void chain_removed(struct wr_audit *a)
{
    struct wr_audit_files files;
    struct wr_fault fault = {0};
    if (wr_audit_files_open(a->path, &files, &fault)) {
        wr_log(WR_LOG_ERROR, "admin", "old files of the audit log stay: %s", fault.text);
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < files.count; i++) {
        kept += files.at[i].last > 0;
    }
    for (size_t i = 0; kept - i > a->limits.files && i < kept; i++) {
        struct wr_audit_end end;
        if (wr_audit_find_end(files.at[i].fd, &end, &fault)) {
            break;
        }
        chain_changes(a, WR_AUDIT_REMOVED,
                      json_pack("{s:I, s:s}", "last", (json_int_t)end.seq, "sum", end.sum));
        a->removing = wr_realloc(a->removing, (a->removing_count + 1) * sizeof *a->removing);
        a->removing[a->removing_count++] = wr_strdup(wr_str_of(files.at[i].path));
    }
    wr_audit_files_close(&files);
}

static void remove_files(struct wr_audit *a, bool written)
{
    for (size_t i = 0; i < a->removing_count; i++) {
        if (written) {
            unlink(a->removing[i]);
        }
        free(a->removing[i]); // else it is looked at again when the next file is full
    }
    free(a->removing);
    a->removing = NULL;
    a->removing_count = 0;
}

// The file is full: the next lines are in a new one. If there cannot be one, they are in this.
static void begin_file(struct wr_audit *a)
{
    static struct wr_log_limit limit;
    struct wr_fault fault = {0};
    int fd;
    wr_err err = fdatasync(a->fd) == 0 ? wr_audit_files_begin(a->path, a->at.seq, &fd, &fault)
                                       : wr_fault_set(&fault, WR_ERR_IO, "%s", strerror(errno));
    if (err) {
        wr_log_limited(&limit, WR_LOG_ERROR, "admin", "%s is full and stays so: %s", a->path,
                       fault.text);
        return;
    }
    close(a->fd);
    a->fd = fd;
    a->at.end = 0;
    a->dirty = false;
    chain_removed(a);
}

// What arrived; true: `end` was among it.
static bool take(struct wr_audit *a, struct wr_letter *letters)
{
    wr_buf_clear(&a->out);
    if (a->at.end >= (int64_t)a->limits.file_bytes) {
        begin_file(a);
    }
    struct wr_audit_end before = a->at;
    uint64_t counted = a->refused_left_out;
    int64_t now_ms = wr_wall_ms();
    bool sync = a->removing_count > 0, ended = false;
    uint64_t lines = 0;
    for (struct wr_letter *l = letters; l; l = l->next) {
        if (l == &a->end) {
            ended = true;
            break;
        }
        const struct note *n = (const struct note *)l;
        if (!n->refused || may_write_refused(a, now_ms)) {
            chain(a, wr_buf_str(&n->text));
            sync = sync || n->done;
            lines++;
        }
    }
    say_counted(a, now_ms, ended);
    bool good = write_out(a);
    if (good && a->out.len && !a->dirty) {
        a->dirty = true;
        a->dirty_ms = now_ms;
    }
    if (good && a->dirty && (sync || ended || now_ms - a->dirty_ms >= WR_AUDIT_SYNC_MS)) {
        good = sync_out(a);
    }
    if (!good) {
        complain(a);
        // A sync that failed leaves it open what is on disk: the lines stay, nobody is told of
        // them.
        if (a->at.end == before.end) {
            a->at = before;
            a->refused_left_out = counted > a->refused_left_out ? counted : a->refused_left_out;
        }
    }
    remove_files(a, good);
    atomic_fetch_add(&a->lines, good ? lines : 0);
    atomic_store(&a->failing, !good);
    give_back(a, letters, good);
    return ended;
}

static void run(void *arg)
{
    struct wr_audit *a = arg;
    bool ended = false;
    while (!ended) {
        bool waits = a->dirty || a->refused_left_out;
        ended = take(a, wr_mailbox_wait(&a->inbox, waits ? WR_AUDIT_SYNC_MS * 250 : UINT64_MAX));
    }
    wr_mailbox_send(&a->back, &a->end);
}

// ---- the loop

static void on_back_closed(void *user)
{
    struct wr_audit *a = user;
    void (*closed)(void *user) = a->closed;
    void *closed_user = a->user;
    wr_mailbox_release(&a->inbox);
    wr_buf_release(&a->out);
    close(a->fd);
    free(a->path);
    free(a);
    closed(closed_user);
}

static void on_back(void *user, struct wr_letter *letters)
{
    struct wr_audit *a = user;
    bool ended = false;
    while (letters) {
        struct wr_letter *next = letters->next;
        if (letters == &a->end) {
            ended = true;
        } else {
            struct note *n = (struct note *)letters;
            n->done(n->user, n->written);
            free(n);
        }
        letters = next;
    }
    if (ended) {
        uv_thread_join(&a->thread);
        wr_mailbox_close(&a->back, on_back_closed);
    }
}

// The end of the newest file that is kept, when nothing is in the one that is written.
static wr_err take_up_kept(struct wr_audit *a, struct wr_fault *fault)
{
    struct wr_audit_files files;
    wr_err err = wr_audit_files_open(a->path, &files, fault);
    if (!err && files.count > 1) {
        err = wr_audit_find_end(files.at[files.count - 2].fd, &a->at, fault);
        a->at.end = 0;
        a->at.torn = a->at.damaged = 0; // verify tells
    }
    wr_audit_files_close(&files);
    return err;
}

// What is at the end of the file from before.
static wr_err take_up(struct wr_audit *a, struct wr_fault *fault)
{
    wr_err err = wr_audit_find_end(a->fd, &a->at, fault);
    if (!err && a->at.end == 0) {
        uint64_t torn = a->at.torn;
        err = take_up_kept(a, fault);
        a->at.torn = torn;
    }
    if (err) {
        return err;
    }
    if (a->at.torn) {
        wr_log(WR_LOG_WARN, "admin",
               "%s ended in the middle of a line, which was cut off: %llu bytes, of no call that "
               "was answered",
               a->path, (unsigned long long)a->at.torn);
        if (ftruncate(a->fd, a->at.end) != 0) {
            return wr_fault_set(fault, WR_ERR_IO, "%s", strerror(errno));
        }
        chain_own(a, "AuditLogTorn", "bytes", a->at.torn);
    }
    if (a->at.damaged) {
        wr_log(WR_LOG_ERROR, "admin", "%s: %llu damaged lines at the end; weir audit verify",
               a->path, (unsigned long long)a->at.damaged);
        chain_own(a, "AuditLogDamaged", "lines", a->at.damaged);
    }
    if (!write_out(a) || !sync_out(a)) {
        return wr_fault_set(fault, WR_ERR_IO, "%s", strerror(errno));
    }
    return WR_OK;
}

wr_err wr_audit_open(uv_loop_t *loop, const char *state_dir, const struct wr_audit_limits *limits,
                     struct wr_audit **out, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/audit.log", state_dir);
    struct wr_audit *a = wr_zalloc(sizeof *a);
    a->path = wr_strdup(wr_buf_str(&path));
    wr_buf_release(&path);
    a->tokens = WR_AUDIT_REFUSED_BURST;
    a->refill_ms = wr_wall_ms();
    a->limits = *limits;
    a->fd = wr_audit_files_log(a->path);
    wr_err err = a->fd < 0 ? wr_fault_set(fault, WR_ERR_IO, "%s", strerror(errno)) : WR_OK;
    if (!err) {
        err = take_up(a, fault);
    }
    if (err) {
        wr_fault_prefix(fault, "%s", a->path);
        if (a->fd >= 0) {
            close(a->fd);
        }
        wr_buf_release(&a->out);
        free(a->path);
        free(a);
        return err;
    }
    wr_mailbox_init(&a->inbox);
    wr_mailbox_open(&a->back, loop, on_back, a);
    wr_assert(uv_thread_create(&a->thread, run, a) == 0);
    *out = a;
    return WR_OK;
}

void wr_audit_write(struct wr_audit *a, const struct wr_audit_entry *entry,
                    void (*done)(void *user, bool written), void *user)
{
    struct note *n = wr_zalloc(sizeof *n);
    n->refused = entry->refused;
    n->done = entry->refused ? NULL : done;
    n->user = user;
    make_text(entry, &n->text);
    wr_mailbox_send(&a->inbox, &n->letter);
}

void wr_audit_stats(const struct wr_audit *a, struct wr_audit_stats *out)
{
    *out = (struct wr_audit_stats){.lines = atomic_load(&a->lines),
                                   .failures = atomic_load(&a->failures),
                                   .counted = atomic_load(&a->counted),
                                   .failing = atomic_load(&a->failing)};
}

void wr_audit_close(struct wr_audit *a, void (*closed)(void *user), void *user)
{
    if (!a) {
        closed(user);
        return;
    }
    a->closed = closed;
    a->user = user;
    wr_mailbox_send(&a->inbox, &a->end);
}
