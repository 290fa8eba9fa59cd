// Signals and timers of `weir run`: what they do, and when they are there.
#include "engine/cli/run_parts.h"

#include <signal.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define STATUS_MS 1000
#define TICK_MS   1000 // as often as a limited line of the log may come

static void on_status_timer(uv_timer_t *timer)
{
    wr_daemon_save_status(timer->data);
}

static void on_tick_timer(uv_timer_t *timer)
{
    wr_log_flush(false);
    wr_daemon_notify_tick(timer->data);
    wr_daemon_history_tick(timer->data);
}

static void on_loop_handle_closed(uv_handle_t *handle)
{
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct wr_daemon *d = handle->data;
    switch (number) {
    case SIGHUP:
        if (!d->stopping) {
            wr_daemon_notify_reloading(d);
            wr_daemon_reload(d);
            wr_daemon_notify_ready(d);
        }
        return;
    case SIGUSR1:
        wr_daemon_log_status(d);
        return;
    default:
        break;
    }
    if (d->stopping) {
        wr_log(WR_LOG_WARN, "run", "second signal: ended at once, %zu messages are not settled",
               wr_flow_live(d->flow));
        d->forced = true;
        uv_stop(&d->loop);
        return;
    }
    wr_log(WR_LOG_INFO, "run", "stopping: %zu messages to settle, at most %lld ms",
           wr_flow_live(d->flow), (long long)d->config->drain_ms);
    wr_daemon_notify_stopping(d);
    wr_daemon_stop(d);
}

static const int numbers[WR_DAEMON_SIGNALS] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};

void wr_daemon_open_handles(struct wr_daemon *d)
{
    for (int i = 0; i < WR_DAEMON_SIGNALS; i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&d->loop, &d->status_timer);
    uv_timer_init(&d->loop, &d->drain_timer);
    uv_timer_init(&d->loop, &d->tick_timer);
    d->tick_timer.data = d;
    uv_timer_start(&d->tick_timer, on_tick_timer, TICK_MS, TICK_MS);
    d->status_timer.data = d->drain_timer.data = d;
    if (d->arguments->status_file) {
        uv_timer_start(&d->status_timer, on_status_timer, STATUS_MS, STATUS_MS);
    }
    wr_daemon_notify_open(d);
    d->handles_open = true;
}

void wr_daemon_close_handles(struct wr_daemon *d)
{
    if (!d->handles_open) {
        return;
    }
    d->handles_open = false;
    for (int i = 0; i < WR_DAEMON_SIGNALS; i++) {
        uv_close((uv_handle_t *)&d->signals[i], on_loop_handle_closed);
        // All is done and safe: who is impatient now must not make a failure of the exit status.
        signal(numbers[i], SIG_IGN);
    }
    uv_close((uv_handle_t *)&d->status_timer, on_loop_handle_closed);
    uv_close((uv_handle_t *)&d->drain_timer, on_loop_handle_closed);
    uv_close((uv_handle_t *)&d->tick_timer, on_loop_handle_closed);
    uv_close((uv_handle_t *)&d->watchdog_timer, on_loop_handle_closed);
}
