// The polite end of a TCP connection. close() with unread data in the socket makes the kernel send
// a reset, and the peer's kernel then throws away what the peer has not read yet: our last
// acknowledgements. Thread: loop.
#ifndef WR_ENGINE_MQTT_LINGER_H
#define WR_ENGINE_MQTT_LINGER_H

#include <uv.h>

// Takes `fd`, whose peer was asked to close: reads and forgets what comes until it does, or `ms`
// have passed; then closes it. `done` is called once, from the loop.
void wr_linger(uv_loop_t *loop, int fd, int ms, void (*done)(void *user), void *user);

#endif
