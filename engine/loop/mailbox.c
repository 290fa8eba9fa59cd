// A list, a mutex, and either uv_async or a condition to say that it is not empty.
#include "engine/loop/mailbox.h"

#include <stddef.h>

#include "sql/base/clock.h"
#include "sql/base/err.h"

#include "sql/base/banned.h"

static struct wr_letter *take_all(struct wr_mailbox *m)
{
    struct wr_letter *letters = m->first_;
    m->first_ = m->last_ = NULL;
    return letters;
}

static void init(struct wr_mailbox *m)
{
    *m = (struct wr_mailbox){0};
    wr_assert(uv_mutex_init(&m->lock_) == 0);
    wr_assert(uv_cond_init(&m->arrived_) == 0);
}

static void on_wake(uv_async_t *wake)
{
    struct wr_mailbox *m = wake->data;
    uv_mutex_lock(&m->lock_);
    struct wr_letter *letters = take_all(m);
    uv_mutex_unlock(&m->lock_);
    if (letters) {
        m->receive_(m->user_, letters);
    }
}

void wr_mailbox_open(struct wr_mailbox *m, uv_loop_t *loop,
                     void (*receive)(void *user, struct wr_letter *letters), void *user)
{
    init(m);
    m->loop_ = true;
    m->receive_ = receive;
    m->user_ = user;
    wr_assert(uv_async_init(loop, &m->wake_, on_wake) == 0);
    m->wake_.data = m;
}

static void on_closed(uv_handle_t *handle)
{
    struct wr_mailbox *m = handle->data;
    wr_mailbox_release(m);
    m->closed_(m->user_);
}

void wr_mailbox_close(struct wr_mailbox *m, void (*closed)(void *user))
{
    m->closed_ = closed;
    on_wake(&m->wake_); // libuv drops a wake-up that is still pending
    uv_close((uv_handle_t *)&m->wake_, on_closed);
}

void wr_mailbox_init(struct wr_mailbox *m)
{
    init(m);
}

void wr_mailbox_release(struct wr_mailbox *m)
{
    wr_assert(!m->first_); // a letter that nobody will read
    uv_cond_destroy(&m->arrived_);
    uv_mutex_destroy(&m->lock_);
}

struct wr_letter *wr_mailbox_wait(struct wr_mailbox *m, uint64_t timeout_us)
{
    wr_mono from = wr_mono_now();
    uv_mutex_lock(&m->lock_);
    m->waiting_ = true;
    while (!m->first_) {
        if (timeout_us == UINT64_MAX) {
            uv_cond_wait(&m->arrived_, &m->lock_);
            continue;
        }
        uint64_t spent = (uint64_t)wr_mono_since_us(from, wr_mono_now());
        if (spent >= timeout_us) {
            break;
        }
        uv_cond_timedwait(&m->arrived_, &m->lock_, (timeout_us - spent) * 1000);
    }
    m->waiting_ = false;
    struct wr_letter *letters = take_all(m);
    uv_mutex_unlock(&m->lock_);
    return letters;
}

void wr_mailbox_send(struct wr_mailbox *m, struct wr_letter *letter)
{
    letter->next = NULL;
    uv_mutex_lock(&m->lock_);
    bool was_empty = !m->first_;
    if (was_empty) {
        m->first_ = letter;
    } else {
        m->last_->next = letter;
    }
    m->last_ = letter;
    bool waiting = m->waiting_;
    uv_mutex_unlock(&m->lock_);
    // Not before: who is woken would find the lock taken and sleep once more.
    if (was_empty && waiting) {
        uv_cond_signal(&m->arrived_);
    } else if (was_empty && m->loop_) {
        uv_async_send(&m->wake_);
    }
}
