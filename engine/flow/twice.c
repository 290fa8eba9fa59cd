// What a broker delivers twice: the file of what may be acknowledged, and a table by packet
// identifier.
#include "engine/flow/twice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "sql/base/buf.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define MAGIC       "weirack1"
#define BOOT_LEN    36
#define SESSION_MAX 4096 // bytes of a URL and a client id; a longer one is cut, and its end ignored
#define IDS         65536

// The file: this, the session, and a CRC-32C of both.
struct mark {
    char magic[8];
    uint64_t seq;
    char boot[BOOT_LEN];
    uint32_t session_len;
};

struct item {
    uint64_t content, rule; // hashes
    uint32_t next;          // index + 1
};

struct wr_twice {
    char *path;
    int fd;              // -1: there is no file
    struct wr_buf bytes; // of the file, as it is written next
    uint64_t known_to;   // entries behind it may be recognised
    uint32_t *first;     // [IDS], index + 1; NULL: none
    struct item *items;
    size_t item_count, item_cap, count;
};

// ---- the file

static void read_boot(const char *given, char boot[BOOT_LEN])
{
    memset(boot, 0, BOOT_LEN);
    if (given) {
        wr_str s = wr_str_of(given);
        memcpy(boot, s.at, s.len < BOOT_LEN ? s.len : BOOT_LEN);
        return;
    }
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, boot, BOOT_LEN) != BOOT_LEN) {
        memset(boot, 0, BOOT_LEN);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void set_seq(struct wr_twice *t, uint64_t seq)
{
    size_t len = t->bytes.len - sizeof(uint32_t);
    memcpy(t->bytes.at + offsetof(struct mark, seq), &seq, sizeof seq);
    uint32_t crc = wr_crc32c(0, t->bytes.at, len);
    memcpy(t->bytes.at + len, &crc, sizeof crc);
}

// The number in the file, if it is of this boot and this session; else what recognises nothing.
static uint64_t read_mark(struct wr_twice *t)
{
    uint64_t seq = UINT64_MAX;
    struct wr_buf b = {0};
    int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    char *to = wr_buf_reserve(&b, t->bytes.len + 1);
    wr_assert(to);
    if (fd >= 0 && read(fd, to, t->bytes.len + 1) == (ssize_t)t->bytes.len) {
        memcpy(&seq, to + offsetof(struct mark, seq), sizeof seq);
        set_seq(t, seq); // the only bytes in which they may differ
        if (memcmp(to, t->bytes.at, t->bytes.len) != 0 ||
            !t->bytes.at[offsetof(struct mark, boot)]) {
            seq = UINT64_MAX;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    wr_buf_release(&b);
    return seq;
}

// Without the file nothing is recognised, which is safe; an old one would not be.
static wr_err remove_file(struct wr_twice *t, int error, struct wr_fault *fault)
{
    static struct wr_log_limit limit;
    if (t->fd >= 0) {
        close(t->fd);
        t->fd = -1;
    }
    if (unlink(t->path) && errno != ENOENT) {
        return wr_fault_set(fault, WR_ERR_IO, "%s can neither be written (%s) nor removed (%s)",
                            t->path, strerror(error), strerror(errno));
    }
    wr_log_limited(&limit, WR_LOG_WARN, "spool",
                   "%s cannot be written: %s; after a kill, more messages come twice", t->path,
                   strerror(error));
    return WR_OK;
}

wr_err wr_twice_acknowledging(struct wr_twice *t, uint64_t seq, struct wr_fault *fault)
{
    set_seq(t, seq);
    if (t->fd < 0) {
        t->fd = open(t->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    }
    errno = ENOSPC; // what a short write means
    if (t->fd < 0 || pwrite(t->fd, t->bytes.at, t->bytes.len, 0) != (ssize_t)t->bytes.len) {
        return remove_file(t, errno, fault);
    }
    return WR_OK;
}

wr_err wr_twice_open(const char *dir, wr_str session, const char *boot, struct wr_twice **out,
                     struct wr_fault *fault)
{
    struct wr_twice *t = wr_zalloc(sizeof *t);
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/acknowledged", dir);
    t->path = wr_strdup(wr_buf_str(&path));
    wr_buf_release(&path);
    t->fd = -1;
    session.len = session.len < SESSION_MAX ? session.len : SESSION_MAX;
    struct mark m = {.magic = MAGIC, .session_len = (uint32_t)session.len};
    read_boot(boot, m.boot);
    wr_buf_add(&t->bytes, (wr_str){(const char *)&m, sizeof m});
    wr_buf_add(&t->bytes, session);
    wr_buf_add(&t->bytes, (wr_str){"\0\0\0\0", sizeof(uint32_t)});
    t->known_to = read_mark(t);
    struct stat st;
    if (stat(t->path, &st) == 0 && st.st_size != (off_t)t->bytes.len) {
        wr_err err = truncate(t->path, 0) == 0 ? WR_OK : remove_file(t, errno, fault);
        if (err) {
            wr_twice_free(t);
            return err;
        }
    }
    *out = t;
    return WR_OK;
}

void wr_twice_free(struct wr_twice *t)
{
    if (!t) {
        return;
    }
    wr_twice_forget(t);
    if (t->fd >= 0) {
        close(t->fd);
    }
    wr_buf_release(&t->bytes);
    free(t->path);
    free(t);
}

// ---- what may come again

static uint64_t content_of(wr_str topic, wr_str payload)
{
    return wr_hash_bytes(payload.at, payload.len, wr_hash_str(topic) ^ payload.len);
}

void wr_twice_add(struct wr_twice *t, uint64_t seq, uint16_t mid, wr_str topic, wr_str payload,
                  wr_str rule)
{
    if (mid == 0 || t->known_to == UINT64_MAX || seq <= t->known_to ||
        t->item_count == WR_TWICE_MAX) {
        return;
    }
    if (!t->first) {
        t->first = wr_zalloc(IDS * sizeof *t->first);
    }
    if (t->item_count == t->item_cap) {
        t->item_cap = t->item_cap ? 2 * t->item_cap : 1024;
        t->items = wr_realloc(t->items, t->item_cap * sizeof *t->items);
    }
    t->items[t->item_count++] =
        (struct item){content_of(topic, payload), wr_hash_str(rule), t->first[mid]};
    t->first[mid] = (uint32_t)t->item_count;
    t->count++;
}

bool wr_twice_take(struct wr_twice *t, const struct wr_message *m, wr_str rule)
{
    if (!t->first || !m->dup || m->mid == 0) {
        return false;
    }
    uint64_t content = content_of(m->sql.topic, m->sql.payload), by = wr_hash_str(rule);
    for (uint32_t *at = &t->first[m->mid]; *at;) {
        struct item *item = &t->items[*at - 1];
        if (item->content == content && item->rule == by) {
            *at = item->next;
            if (--t->count == 0) {
                wr_twice_forget(t);
            }
            return true;
        }
        at = &item->next;
    }
    return false;
}

void wr_twice_seen(struct wr_twice *t, const struct wr_message *m)
{
    if (!t->first || m->dup || m->mid == 0) {
        return;
    }
    for (uint32_t at = t->first[m->mid]; at; at = t->items[at - 1].next) {
        t->count--;
    }
    t->first[m->mid] = 0;
    if (t->count == 0) {
        wr_twice_forget(t);
    }
}

void wr_twice_forget(struct wr_twice *t)
{
    free(t->first);
    free(t->items);
    t->first = NULL;
    t->items = NULL;
    t->item_count = t->item_cap = t->count = 0;
    t->known_to = UINT64_MAX;
}

size_t wr_twice_count(const struct wr_twice *t)
{
    return t->count;
}
