// Shared by httpd.c and httpd_listen.c, nobody else: what a server and a connection are made of.
#ifndef WR_SINKS_LIB_HTTPD_PARTS_H
#define WR_SINKS_LIB_HTTPD_PARTS_H

#include "sinks/lib/httpd.h"
#include "sinks/lib/httpd_tls.h"

#include <time.h>

#define WR_HTTPD_SCRATCH   16384u // a record of TLS has at most a little more
#define WR_HTTPD_READ_ROOM 4096u  // behind the longest head: for the body and what follows it

enum wr_httpd_state {
    WR_HTTPD_READ_HEAD, // nothing, or a part of a head
    WR_HTTPD_READ_BODY,
    WR_HTTPD_HANDLING, // the handler has the request
    WR_HTTPD_WRITING,  // the reply is complete, the socket has not taken all of it
    WR_HTTPD_LINGER,   // our side is shut down
    WR_HTTPD_CLOSED,   // the handles are closing, or closed and the handler still has the request
};

// in:  | head of the request | not parsed yet        | room |
//      0                  head_len ≤ at          in_len    in_cap
struct wr_httpd_conn {
    struct wr_httpd_request req;
    struct wr_http1_head head;
    struct wr_http1_scan scan;
    struct wr_http1_chunks chunks;
    struct wr_httpd *server;
    struct wr_httpd_conn *prev, *next;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    enum wr_httpd_state state;
    size_t head_len, at, in_len, in_cap;
    uint64_t idle_since; // of uv_now(), in READ_HEAD
    size_t waited_for;   // bytes that waited for the client when the timer was set
    size_t lingered;
    struct wr_httpd_tls *tls; // NULL: none
    struct wr_buf body;
    struct wr_buf text; // the head of a reply, made here
    struct wr_buf out;  // being written
    struct wr_buf more; // to be written after `out`
    int open_handles;
    bool reading;
    bool greeted;       // TLS: the handshake is done
    bool pumping;       // TLS: pump() is on the stack
    bool running;       // conn_run() is on the stack
    bool held;          // the handler has the request
    bool writing;       // `write` is under way
    bool streaming;     // a streamed reply has begun
    bool chunked;       // and is chunked
    bool body_left_out; // reply to HEAD
    bool keep;          // the connection stays open after this reply
    bool late;          // a request has begun: the timer is its limit
    bool kick;          // the timer stands for "look at what is in `in`"
    char in[];
};

struct wr_httpd {
    struct wr_httpd_options o;
    uv_loop_t *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
    uint16_t port;
    unsigned count;
    struct wr_httpd_conn *conns;
    bool closing, listener_closed;
    void (*done)(void *user);
    void *done_user;
    char *scratch; // TLS: what the socket gives, before it is decrypted
    time_t date_s; // the second that `date` says
    char date[40];
};

// Take the connection that waits at the listener.
void wr_httpd_conn_accept(struct wr_httpd *h);

void wr_httpd_conn_close(struct wr_httpd_conn *c);

// Close the connection that has had no request for the longest time. False: there is none.
bool wr_httpd_conn_evict(struct wr_httpd *h);

// After the last handle of a server has closed: free it and call `done`. Else no effect.
void wr_httpd_end(struct wr_httpd *h);

#endif
