// A broker for one client, as fast as the loopback allows: a process of its own that answers
// CONNECT and SUBSCRIBE, sends prepared PUBLISH packets, keeps the client's window with QoS 1, and
// times each acknowledgement; or takes what the client publishes. For bench/micro/mqtt.c and
// tests/unit/test_native.c.
#ifndef WR_BENCH_MICRO_BLASTER_H
#define WR_BENCH_MICRO_BLASTER_H

#include "sql/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/mqtt/native/packet.h"
#include "sql/base/clock.h"
#include "sql/base/err.h"

#define BLASTER_CHUNK 256 // messages written at once
#define BLASTER_MIDS  65535

struct blaster_order {
    int qos;
    uint32_t count, window;
    bool takes; // the client publishes, and the blaster acknowledges
};
struct blaster_report {
    double wall_s;         // from the first PUBLISH to the last acknowledgement, or write
    double p50_ms, p99_ms; // from the write of a message to its acknowledgement
    uint32_t acknowledged;
};

struct blaster {
    pid_t pid;
    int port, orders; // orders: socket to the process
};

// ---- in the process

struct blaster_frames {
    char *at;
    size_t *begin; // of each, and the end
    size_t *mid;   // where its identifier stands
    size_t count;
};

static struct blaster_frames blaster_prepare(const struct wr_sql_message *m, size_t count, int qos)
{
    struct blaster_frames f = {.count = count};
    struct wr_buf b = {0};
    f.begin = wr_alloc((count + 1) * sizeof *f.begin);
    f.mid = wr_alloc(count * sizeof *f.mid);
    for (size_t i = 0; i < count; i++) {
        size_t body = 2 + m[i].topic.len + (qos ? 2 : 0) + 1 + m[i].payload.len;
        f.begin[i] = b.len;
        wr_buf_add_char(&b, (char)(0x30 | qos << 1));
        for (size_t n = body;; n >>= 7) {
            wr_buf_add_char(&b, (char)((n & 127) | (n > 127 ? 128 : 0)));
            if (n < 128) {
                break;
            }
        }
        wr_buf_add_char(&b, (char)(m[i].topic.len >> 8));
        wr_buf_add_char(&b, (char)(m[i].topic.len & 255));
        wr_buf_add(&b, m[i].topic);
        f.mid[i] = b.len;
        wr_buf_add(&b, qos ? WR_STR("\0\0\0") : WR_STR("\0")); // no properties
        wr_buf_add(&b, m[i].payload);
    }
    f.begin[count] = b.len;
    f.at = b.at;
    return f;
}

struct blaster_peer {
    int fd;
    struct blaster_order order;
    struct blaster_frames frames;
    unsigned char in[65536];
    size_t in_len;
    bool subscribed;
    uint32_t sent, acknowledged, came;
    char acks[65536]; // of what came
    size_t acks_len;
    size_t pending_at, pending_len; // of a chunk that the socket has not taken
    wr_mono *sent_at;               // by identifier
    uint32_t *latency_us;
};

static void blaster_say(struct blaster_peer *p, const void *bytes, size_t len)
{
    if (send(p->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
        _exit(3);
    }
}

// What the client sent, as far as it is whole.
static void blaster_take(struct blaster_peer *p, wr_mono now)
{
    size_t at = 0;
    while (p->in_len - at >= 2) {
        const unsigned char *q = p->in + at;
        size_t len = q[1], head = 2;
        if (q[1] > 127) {
            if (p->in_len - at < 3) {
                break;
            }
            len = (size_t)(q[1] & 127) | (size_t)q[2] << 7;
            head = 3;
        }
        if (p->in_len - at < head + len) {
            break;
        }
        if (q[0] >> 4 == WR_PACKET_PUBLISH) {
            p->came++;
            if (q[0] & 2) {
                size_t topic = (size_t)q[head] << 8 | q[head + 1];
                const unsigned char *mid = q + head + 2 + topic;
                wr_packet_put_ack(p->acks + p->acks_len, WR_PACKET_PUBACK,
                                  (uint16_t)(mid[0] << 8 | mid[1]));
                p->acks_len += WR_PACKET_ACK_SIZE;
            }
        } else if (q[0] == 0x40) {
            unsigned mid = (unsigned)q[2] << 8 | q[3];
            if (p->acknowledged < p->order.count) {
                p->latency_us[p->acknowledged++] = (uint32_t)wr_mono_since_us(p->sent_at[mid], now);
            }
        } else if (q[0] == 0x10) {
            blaster_say(p, "\x20\3\0\0\0", 5);
        } else if (q[0] == 0x82) {
            char suback[] = {(char)0x90, 4, (char)q[head], (char)q[head + 1], 0, 1};
            blaster_say(p, suback, sizeof suback);
            p->subscribed = true;
        } else if (q[0] == 0xc0) {
            blaster_say(p, "\xd0\0", 2);
        }
        at += head + len;
    }
    memmove(p->in, p->in + at, p->in_len - at);
    p->in_len -= at;
    if (p->acks_len) {
        blaster_say(p, p->acks, p->acks_len);
        p->acks_len = 0;
    }
}

static bool blaster_read(struct blaster_peer *p)
{
    ssize_t n = recv(p->fd, p->in + p->in_len, sizeof p->in - p->in_len, MSG_DONTWAIT);
    if (n <= 0) {
        return n < 0 && errno == EAGAIN;
    }
    p->in_len += (size_t)n;
    blaster_take(p, wr_mono_now());
    return true;
}

// A chunk of messages that the window lets pass.
static void blaster_choose(struct blaster_peer *p)
{
    uint32_t room = p->order.count - p->sent;
    if (p->order.qos) {
        uint32_t open = p->sent - p->acknowledged;
        uint32_t window = open < p->order.window ? p->order.window - open : 0;
        room = room < window ? room : window;
    }
    size_t first = p->sent % p->frames.count, n = p->frames.count - first;
    n = n < BLASTER_CHUNK ? n : BLASTER_CHUNK;
    n = n < room ? n : room;
    if (n == 0) {
        return;
    }
    wr_mono now = wr_mono_now();
    for (size_t i = 0; p->order.qos && i < n; i++) {
        unsigned mid = (p->sent + (unsigned)i) % BLASTER_MIDS + 1;
        char *at = p->frames.at + p->frames.mid[first + i];
        at[0] = (char)(mid >> 8);
        at[1] = (char)(mid & 255);
        p->sent_at[mid] = now;
    }
    p->sent += (uint32_t)n;
    p->pending_at = p->frames.begin[first];
    p->pending_len = p->frames.begin[first + n] - p->pending_at;
}

static bool blaster_write(struct blaster_peer *p)
{
    if (p->pending_len == 0) {
        blaster_choose(p);
    }
    if (p->pending_len == 0) {
        return true;
    }
    ssize_t n =
        send(p->fd, p->frames.at + p->pending_at, p->pending_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN;
    }
    p->pending_at += (size_t)n;
    p->pending_len -= (size_t)n;
    return true;
}

static int blaster_order_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool blaster_done(const struct blaster_peer *p)
{
    if (p->order.takes) {
        return p->came == p->order.count;
    }
    return p->sent == p->order.count && p->pending_len == 0 &&
           (!p->order.qos || p->acknowledged == p->order.count);
}

static struct blaster_report blaster_serve(struct blaster_peer *p)
{
    struct blaster_report report = {0};
    int on = 1;
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wr_mono began = {0};
    while (!blaster_done(p)) {
        bool can =
            p->subscribed && !p->order.takes &&
            (p->pending_len || (p->sent < p->order.count &&
                                (!p->order.qos || p->sent - p->acknowledged < p->order.window)));
        struct pollfd poller = {.fd = p->fd, .events = (short)(POLLIN | (can ? POLLOUT : 0))};
        if (poll(&poller, 1, 30000) <= 0 ||
            ((poller.revents & (POLLIN | POLLHUP)) && !blaster_read(p)) ||
            (can && (poller.revents & POLLOUT) && !blaster_write(p))) {
            return report;
        }
        if ((p->subscribed || p->came) && began.us == 0) {
            began = wr_mono_now();
        }
    }
    report.wall_s = (double)wr_mono_since_us(began, wr_mono_now()) / 1e6;
    report.acknowledged = p->acknowledged;
    if (p->acknowledged) {
        qsort(p->latency_us, p->acknowledged, sizeof *p->latency_us, blaster_order_u32);
        report.p50_ms = p->latency_us[p->acknowledged / 2] / 1e3;
        report.p99_ms = p->latency_us[(uint64_t)p->acknowledged * 99 / 100] / 1e3;
    }
    return report;
}

static void blaster_run(int listener, int orders, const struct wr_sql_message *m, size_t count)
{
    struct blaster_frames frames[] = {blaster_prepare(m, count, 0), blaster_prepare(m, count, 1)};
    static struct blaster_peer p;
    p.sent_at = wr_zalloc((BLASTER_MIDS + 1) * sizeof *p.sent_at);
    struct blaster_order order;
    while (read(orders, &order, sizeof order) == (ssize_t)sizeof order) {
        p.order = order;
        p.frames = frames[order.qos];
        p.in_len = p.pending_len = 0;
        p.sent = p.acknowledged = p.came = 0;
        p.subscribed = false;
        p.latency_us = wr_alloc(order.count * sizeof *p.latency_us);
        p.fd = accept(listener, NULL, NULL);
        struct blaster_report report = blaster_serve(&p);
        if (write(orders, &report, sizeof report) != (ssize_t)sizeof report) {
            _exit(1);
        }
        while (recv(p.fd, p.in, sizeof p.in, 0) > 0) { // until the client has closed it
        }
        close(p.fd);
        free(p.latency_us);
    }
    _exit(0);
}

// ---- its owner

// `messages` are sent in turn. It ends with its owner.
static struct blaster blaster_start(const struct wr_sql_message *messages, size_t count)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &len) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        perror("the blaster's socket");
        exit(2);
    }
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        blaster_run(listener, pair[1], messages, count);
    }
    close(pair[1]);
    close(listener);
    return (struct blaster){pid, ntohs(address.sin_port), pair[0]};
}

// `window` 0: it takes `count` publications instead.
static void blaster_ask(const struct blaster *b, int qos, uint32_t count, uint32_t window)
{
    const struct blaster_order order = {qos, count, window, window == 0};
    if (write(b->orders, &order, sizeof order) != (ssize_t)sizeof order) {
        perror("the blaster");
        exit(2);
    }
}

// True: the report is there. Without `wait` it is only looked for.
static bool blaster_answer(const struct blaster *b, struct blaster_report *report, bool wait)
{
    return recv(b->orders, report, sizeof *report, wait ? 0 : MSG_DONTWAIT) ==
           (ssize_t)sizeof *report;
}

#endif
