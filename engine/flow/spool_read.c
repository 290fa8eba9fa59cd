// The spool's thread that reads: entries that come back. Entries that are asked for together mostly
// lie one behind the other, and are then read in one piece.
#include "engine/flow/spool_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define PIECE_MAX   (256u << 10) // bytes that are read at once; larger entries are read alone
#define GAP_MAX     (16u << 10)  // between two entries, that is read and thrown away
#define FETCH_GUESS 4096         // of an entry whose size is not known for sure

// Bytes of a file. Those of one lot of letters only: later the descriptor may be another file's.
struct piece {
    struct wr_buf bytes;
    int fd; // -1: none
    uint64_t from;
};

static wr_err read_at(int fd, struct wr_buf *to, size_t len, uint64_t offset)
{
    char *at = wr_buf_reserve(to, len);
    wr_assert(at);
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, at + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return WR_ERR_IO;
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    to->len += got;
    return WR_OK;
}

static void say_unreadable(const struct wr_spool *s, struct wr_spool_fetch *f)
{
    wr_fault_set(&f->fault, WR_ERR_IO, "spool %s: entry %" PRIu64 " cannot be read: %s", s->dir,
                 f->seq, strerror(errno));
}

static void say_damaged(const struct wr_spool *s, struct wr_spool_fetch *f, wr_str found)
{
    char name[WR_SPOOL_NAME_MAX];
    snprintf(name, sizeof name, "entry-%016" PRIx64, f->seq);
    bool kept = !s->options.read_only &&
                wr_spool_set_aside(s, name, found.len ? found.at : "", found.len, NULL);
    wr_fault_set(&f->fault, WR_ERR_CORRUPT,
                 "spool %s: entry %" PRIu64 " was changed on disk since it was written%s%s", s->dir,
                 f->seq, kept ? "; what is there now is kept in " WR_SPOOL_DAMAGED "/" : "",
                 kept ? name : "");
}

// Bytes of the entry at the head of `at` with its header, 0: it says more than there can be.
static size_t whole_len(wr_str at, uint64_t max)
{
    struct wr_spool_entry_header h;
    if (at.len < sizeof h) {
        return 0;
    }
    memcpy(&h, at.at, sizeof h);
    return h.len <= max - sizeof h ? sizeof h + h.len : 0;
}

static bool is_whole(wr_str entry)
{
    struct wr_spool_entry_header h;
    memcpy(&h, entry.at, sizeof h);
    return wr_crc32c(0, entry.at + sizeof h, entry.len - sizeof h) == h.crc;
}

static void fetch_alone(const struct wr_spool *s, const struct wr_spool_command *c)
{
    struct wr_spool_fetch *f = c->fetch;
    struct wr_buf *b = &f->bytes;
    if (read_at(c->fd, b, FETCH_GUESS, c->offset)) {
        say_unreadable(s, f);
        return;
    }
    size_t whole = whole_len(wr_buf_str(b), c->size);
    if (whole > b->len && read_at(c->fd, b, whole - b->len, c->offset + b->len)) {
        say_unreadable(s, f);
        return;
    }
    if (whole == 0 || b->len < whole || !is_whole((wr_str){b->at, whole})) {
        say_damaged(s, f, wr_buf_str(b));
        return;
    }
    b->len = whole - sizeof(struct wr_spool_entry_header);
    memmove(b->at, b->at + sizeof(struct wr_spool_entry_header), b->len);
}

// Where a piece that begins with `c` ends: it takes the entries asked for next, as long as they
// come one behind the other.
static uint64_t reach(const struct wr_spool_command *c)
{
    uint64_t end = c->offset + c->size;
    for (const struct wr_letter *l = c->letter.next; l; l = l->next) {
        const struct wr_spool_command *next = (const struct wr_spool_command *)l;
        if (next->kind != WR_SPOOL_FETCH || next->fd != c->fd || next->offset < end ||
            next->offset > end + GAP_MAX || next->offset + next->size > c->offset + PIECE_MAX) {
            break;
        }
        end = next->offset + next->size;
    }
    return end;
}

static void fetch(const struct wr_spool *s, const struct wr_spool_command *c, struct piece *p)
{
    struct wr_spool_fetch *f = c->fetch;
    f->fault.code = WR_OK;
    if (c->size > PIECE_MAX) {
        fetch_alone(s, c);
        return;
    }
    if (p->fd != c->fd || c->offset < p->from || c->offset + c->size > p->from + p->bytes.len) {
        wr_buf_clear(&p->bytes);
        p->fd = -1;
        if (read_at(c->fd, &p->bytes, (size_t)(reach(c) - c->offset), c->offset)) {
            say_unreadable(s, f);
            return;
        }
        p->fd = c->fd;
        p->from = c->offset;
    }
    size_t skip = (size_t)(c->offset - p->from), header = sizeof(struct wr_spool_entry_header);
    wr_str found = {p->bytes.at + skip, p->bytes.len - skip};
    found.len = found.len < c->size ? found.len : (size_t)c->size;
    size_t whole = whole_len(found, c->size);
    if (whole == 0 || found.len < whole || !is_whole((wr_str){found.at, whole})) {
        say_damaged(s, f, found);
        return;
    }
    wr_buf_add(&f->bytes, (wr_str){found.at + header, whole - header});
}

void wr_spool_reader(void *spool)
{
    struct wr_spool *s = spool;
    struct piece piece = {.fd = -1};
    for (bool stopping = false; !stopping;) {
        struct wr_letter *letters = wr_mailbox_wait(&s->reads, UINT64_MAX);
        piece.fd = -1;
        while (letters) {
            struct wr_spool_command *c = (struct wr_spool_command *)letters;
            if (c->kind == WR_SPOOL_FETCH) {
                fetch(s, c, &piece);
            }
            stopping |= c->kind == WR_SPOOL_STOP;
            letters = letters->next;
            wr_mailbox_send(&s->answers, &c->letter);
        }
    }
    wr_buf_release(&piece.bytes);
}
