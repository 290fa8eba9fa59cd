// Who gets which lines, in which form, and how often. A line is one write(2), so that lines of
// threads and processes do not mix. How it is spelt: log_line.c.
#include "engine/observe/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/observe/log_line.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define HOLD_MS 1000

static struct {
    _Atomic int level, form;
    _Atomic bool colour, journal, payloads;
} setup = {.level = WR_LOG_INFO};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct wr_log_limit *limits; // used ones

// ---- setup

// stderr is the socket that systemd made for the journal: it says which one, as device:inode.
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    char more;
    return stream && sscanf(stream, "%llu:%llu%c", &device, &inode, &more) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void wr_log_setup(enum wr_log_level level, enum wr_log_form form)
{
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(STDERR_FILENO);
    if (form == WR_LOG_AUTO) {
        form = terminal ? WR_LOG_PLAIN : WR_LOG_LOGFMT;
    }
    setup.level = (int)level;
    setup.form = (int)form;
    setup.colour = terminal && !(no_color && *no_color);
    setup.journal = is_journal();
}

void wr_log_show_payloads(bool on)
{
    setup.payloads = on;
}

bool wr_log_enabled(enum wr_log_level level)
{
    return (int)level <= atomic_load_explicit(&setup.level, memory_order_relaxed);
}

// ---- one line

static void write_line(const struct wr_log_line *l)
{
    int saved = errno;
    for (size_t at = 0; at < l->len;) {
        ssize_t n = write(STDERR_FILENO, l->at + at, l->len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break; // there is nowhere to complain to
        }
        at += (size_t)n;
    }
    errno = saved;
}

static void print(struct wr_log_entry *e)
{
    struct wr_log_line line;
    e->wall_ms = wr_wall_ms();
    e->form = (enum wr_log_form)setup.form;
    e->colour = setup.colour;
    e->journal = setup.journal;
    e->payloads = setup.payloads;
    wr_log_line_make(&line, e);
    write_line(&line);
}

// One byte more than a line shows, so that it is seen to be cut.
struct message {
    char at[WR_LOG_MESSAGE_MAX + 1];
};

static wr_str format_message(struct message *m, const char *format, va_list args) WR_PRINTF(2, 0);

static wr_str format_message(struct message *m, const char *format, va_list args)
{
    int n = vsnprintf(m->at, sizeof m->at, format, args);
    if (n < 0) {
        return WR_STR("(a message that cannot be formatted)");
    }
    return (wr_str){m->at, (size_t)n < sizeof m->at ? (size_t)n : sizeof m->at - 1};
}

void wr_log(enum wr_log_level level, const char *room, const char *format, ...)
{
    if (!wr_log_enabled(level)) {
        return;
    }
    struct message m;
    va_list args;
    va_start(args, format);
    wr_str text = format_message(&m, format, args);
    va_end(args);
    print(&(struct wr_log_entry){.level = level, .room = room, .message = text});
}

void wr_log_event(enum wr_log_level level, const char *room, const struct wr_log_field *fields,
                  size_t count, const char *format, ...)
{
    if (!wr_log_enabled(level)) {
        return;
    }
    struct message m;
    va_list args;
    va_start(args, format);
    wr_str text = format_message(&m, format, args);
    va_end(args);
    print(&(struct wr_log_entry){
        .level = level, .room = room, .message = text, .fields = fields, .count = count});
}

// ---- limits

static int64_t now_ms(void)
{
    return wr_mono_now().us / 1000;
}

// True when this line is to be written; the next one is not before HOLD_MS.
static bool may_print(struct wr_log_limit *limit)
{
    int64_t now = now_ms();
    int64_t next = atomic_load_explicit(&limit->next_ms_, memory_order_relaxed);
    if ((next == 0 || now >= next) &&
        atomic_compare_exchange_strong(&limit->next_ms_, &next, now + HOLD_MS)) {
        return true;
    }
    atomic_fetch_add_explicit(&limit->held_, 1, memory_order_relaxed);
    return false;
}

static void remember(struct wr_log_limit *limit, enum wr_log_level level, const char *room,
                     wr_str message)
{
    pthread_mutex_lock(&mutex);
    if (!limit->known_) {
        limit->known_ = true;
        limit->next_ = limits;
        limits = limit;
    }
    limit->level_ = level;
    limit->room_ = room;
    snprintf(limit->like_, sizeof limit->like_, "%.*s", WR_STR_ARG(message));
    pthread_mutex_unlock(&mutex);
}

static void print_limited(struct wr_log_limit *limit, struct wr_log_entry *e)
{
    remember(limit, e->level, e->room, e->message);
    e->held_back = atomic_exchange(&limit->held_, 0);
    print(e);
}

void wr_log_limited(struct wr_log_limit *limit, enum wr_log_level level, const char *room,
                    const char *format, ...)
{
    if (!wr_log_enabled(level) || !may_print(limit)) {
        return;
    }
    struct message m;
    va_list args;
    va_start(args, format);
    wr_str text = format_message(&m, format, args);
    va_end(args);
    print_limited(limit, &(struct wr_log_entry){.level = level, .room = room, .message = text});
}

void wr_log_event_limited(struct wr_log_limit *limit, enum wr_log_level level, const char *room,
                          const struct wr_log_field *fields, size_t count, const char *format, ...)
{
    if (!wr_log_enabled(level) || !may_print(limit)) {
        return;
    }
    struct message m;
    va_list args;
    va_start(args, format);
    wr_str text = format_message(&m, format, args);
    va_end(args);
    print_limited(
        limit,
        &(struct wr_log_entry){
            .level = level, .room = room, .message = text, .fields = fields, .count = count});
}

void wr_log_flush(bool all)
{
    pthread_mutex_lock(&mutex);
    for (struct wr_log_limit *l = limits; l; l = l->next_) {
        int64_t now = now_ms(), next = atomic_load_explicit(&l->next_ms_, memory_order_relaxed);
        if (atomic_load_explicit(&l->held_, memory_order_relaxed) == 0 || (now < next && !all) ||
            !atomic_compare_exchange_strong(&l->next_ms_, &next, now + HOLD_MS)) {
            continue;
        }
        uint64_t held = atomic_exchange(&l->held_, 0);
        if (held == 0 || !wr_log_enabled(l->level_)) {
            continue;
        }
        struct message m;
        int n = snprintf(m.at, sizeof m.at, "held back: %llu more like \"%s\"",
                         (unsigned long long)held, l->like_);
        print(&(struct wr_log_entry){
            .level = l->level_,
            .room = l->room_,
            .message = {m.at, (size_t)n},
            .fields = (const struct wr_log_field[]){WR_LOG_NUMBER("held_back", held)},
            .count = 1});
    }
    pthread_mutex_unlock(&mutex);
}
