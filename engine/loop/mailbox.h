// Mailboxes: how threads tell each other something, and the only way (style.md 7). Any thread
// sends; one receives, either a loop (by callback) or a thread of its own (by waiting).
//
// Protocol: a list of letters behind one mutex. Letters are embedded in what they carry, belong to
// the mailbox from wr_mailbox_send() until they are received, and then to the receiver. They arrive
// in the order in which they were sent. What happened before the send is visible after the receipt.
#ifndef WR_ENGINE_LOOP_MAILBOX_H
#define WR_ENGINE_LOOP_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct wr_letter {
    struct wr_letter *next;
};

struct wr_mailbox {
    uv_mutex_t lock_;
    uv_cond_t arrived_;
    struct wr_letter *first_, *last_;
    bool loop_;    // received by a loop
    bool waiting_; // its thread waits nevertheless
    uv_async_t wake_;
    void (*receive_)(void *user, struct wr_letter *letters);
    void (*closed_)(void *user);
    void *user_;
};

// For a loop: `receive` gets all that arrived, linked by `next`, on the loop's thread. Ends with
// wr_mailbox_close().
void wr_mailbox_open(struct wr_mailbox *m, uv_loop_t *loop,
                     void (*receive)(void *user, struct wr_letter *letters), void *user);
// Thread: the loop's. Nobody sends any more; what has arrived is received before `closed`.
void wr_mailbox_close(struct wr_mailbox *m, void (*closed)(void *user));

// For a thread that waits. Ends with wr_mailbox_release(), when no wr_mailbox_send() is under way
// in another thread, also none whose letter has been received.
void wr_mailbox_init(struct wr_mailbox *m);
void wr_mailbox_release(struct wr_mailbox *m);
// All that arrived, waiting for the first. NULL only when `timeout_us` has passed (0: does not
// wait; UINT64_MAX: waits for ever). A loop's thread may call it too: what it gets so is not
// received by callback.
struct wr_letter *wr_mailbox_wait(struct wr_mailbox *m, uint64_t timeout_us);

// Take `letter`. Thread: any.
void wr_mailbox_send(struct wr_mailbox *m, struct wr_letter *letter);

#endif
