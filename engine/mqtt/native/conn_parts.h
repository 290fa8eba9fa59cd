// Private to conn.c, conn_packets.c and connect.c. Thread: loop.
#ifndef WR_ENGINE_MQTT_NATIVE_CONN_PARTS_H
#define WR_ENGINE_MQTT_NATIVE_CONN_PARTS_H

#include "engine/loop/backoff.h"
#include "engine/mqtt/native/conn.h"
#include "engine/mqtt/native/stream.h"
#include "engine/mqtt/outage.h"
#include "engine/mqtt/setup.h"
#include "engine/observe/log.h"
#include "sql/base/clock.h"

// Topics that the broker may give a number: a table of at most 16 MiB, if it makes them as long as
// it can.
#define WR_CONN_ALIASES 256

// One attempt to connect, and the connection if it succeeds. Outlives its owner while the pool
// still looks for an address.
struct wr_link {
    uv_loop_t *loop;
    uv_getaddrinfo_t lookup;
    uv_poll_t poll;
    struct addrinfo *addresses, *next; // next: to be tried
    struct wr_stream stream;           // fd -1: none
    bool looking, polling, ended;
    int error;         // of the last address
    int refused;       // CONNACK's code, 0 none
    int server_reason; // of the broker's DISCONNECT, 0 none
    void (*connected)(void *user);
    void (*failed)(void *user, bool host_unknown, int error);
    void *user;
    void (*done)(void *user); // of the end
    void *done_user;
};

// Looks up the name and tries its addresses one after the other. `connected`: stream.fd is there,
// and `poll`, which watches nothing yet. One of the two is called, from the loop, unless it is
// ended before.
struct wr_link *wr_link_new(uv_loop_t *loop, const struct wr_mqtt_url *url,
                            void (*connected)(void *user),
                            void (*failed)(void *user, bool host_unknown, int error), void *user);
// Closes what there is. True: `done` follows, once, from the loop. False: that was all; an address
// that is still looked for is forgotten when it comes.
bool wr_link_end(struct wr_link *l, void (*done)(void *user), void *user);

struct wr_conn {
    uv_loop_t *loop;
    const struct wr_config *config;
    const struct wr_conn_events *events;
    void *user;
    const char *name;
    char *client_id;
    struct wr_mqtt_url url;
    struct wr_segments *segments;

    struct wr_link *link; // NULL: not connected
    bool waiting;         // no link, for may_connect() or the back-off
    bool greeting;        // CONNECT is sent, or about to be
    bool up, v5, paused, closing;
    bool pumping;   // on the stack: what waits is written when it returns
    bool acks_wait; // acknowledgements are in `out`
    bool pinged;    // and not answered
    int watched;    // events of poll
    int troubles;   // of poll in a row, without a byte read

    struct wr_segment *segment; // being read into; NULL: none yet
    size_t begin;               // of what is not taken apart
    bool left_over;             // whole packets may be there: they wait for the end of a pause
    size_t expected;            // size of the packet there, 0: not known
    struct wr_buf out;          // to be written
    size_t written;             // of it
    uint64_t last_in_ms, last_out_ms, pinged_ms; // of uv_now()

    unsigned keepalive_s, window;
    size_t send_maximum;
    bool clean, takes_qos1, takes_retain;       // as a CONNACK says
    uint32_t maximum_packet;                    // that the broker takes
    uint64_t mids[1024];                        // a bit each: SUBSCRIBE and UNSUBSCRIBE under way
    uint16_t last_mid;                          //
    struct wr_buf properties;                   // of what is being published
    struct wr_buf aliases[WR_CONN_ALIASES + 1]; // topics, by number
    struct wr_conn_message message;             // being told

    uv_timer_t tick, delay; // delay: back-off or deadline
    uv_idle_t again;        // more to read, or something to write, at the next turn
    unsigned attempt;
    struct wr_jitter jitter;
    wr_mono up_since;
    struct wr_outage_log outages;
    uint64_t connects;
    int open_handles;
    void (*done)(void *user);
    void *done_user;
};

// ---- conn.c

bool wr_conn_flush(struct wr_conn *w);
void wr_conn_flush_soon(struct wr_conn *w);
void wr_conn_say_goodbye(struct wr_conn *w, enum wr_packet_reason reason);
// The connection is over: `down` or `failed` is told.
void wr_conn_lose(struct wr_conn *w, const char *why);
void wr_conn_fail(struct wr_conn *w, enum wr_outage_kind kind, int error, const char *cause);

// ---- conn_packets.c

// One packet. False: the link is gone.
bool wr_conn_take(struct wr_conn *w, const struct wr_packet *p);
// The broker sent what MQTT does not allow: say so, and end. False.
bool wr_conn_refuse(struct wr_conn *w, const struct wr_packet *p,
                    const struct wr_packet_fault *fault);
// A packet identifier that no answer is awaited for.
uint16_t wr_conn_take_mid(struct wr_conn *w);
void wr_conn_give_mid(struct wr_conn *w, uint16_t mid);
bool wr_conn_mid_is_taken(const struct wr_conn *w, uint16_t mid);
// Our CONNECT. False: it could not be made, and the link is gone.
bool wr_conn_write_connect(struct wr_conn *w);

#endif
