// Tables, one after the other, and who waits for them.
#include "engine/admin/broker.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "engine/admin/broker_parts.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "engine/registry/broker_events.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define RETRY_MS 1000 // a table that could not be written: perhaps the disk has room by now
// A broker that did not confirm once is waited for so long only, until it is heard of again: else
// every change would take all of broker.confirm_timeout while the broker is down.
#define AWAY_MS 100

// One broker's folder; the first holds the others.
struct wr_broker {
    struct wr_broker *next, *first;
    const char *name; // "": the shared one
    struct wr_broker_clients *clients;
    const struct wr_config *config;
    const struct wr_seal_key *seal;
    char database[PATH_MAX], dir[PATH_MAX], socket[PATH_MAX];
    uv_work_t work;
    uv_timer_t timer;
    uv_poll_t poll;
    int fd;
    bool making, wanted, away, failing, closing;
    struct wr_broker_table table;
    uint64_t retry_ms; // of uv_now(): 0: no
    struct wr_broker_wait *waiting;
    struct wr_broker_stats stats;
    int open_handles;
    int open_brokers;                                         // of the first
    void (*tell)(void *user, const char *broker, wr_str der); // likewise
    void *tell_user;
    void (*closed)(void *user);
    void *closed_user;
};

#define BROKERS(one, b) for (struct wr_broker *one = (b); one; one = one->next)

// ---- who waits

static void settle(struct wr_broker *b, struct wr_broker_wait **at, bool confirmed)
{
    struct wr_broker_wait *w = *at;
    *at = w->next_;
    *(confirmed ? &b->stats.confirmed : &b->stats.unconfirmed) += 1;
    w->done(w, confirmed);
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct wr_broker *b)
{
    uint64_t now = uv_now(b->timer.loop), next = b->retry_ms;
    for (const struct wr_broker_wait *w = b->waiting; w; w = w->next_) {
        if (w->until_ms_ && (!next || w->until_ms_ < next)) {
            next = w->until_ms_;
        }
    }
    if (next && !b->closing) {
        uv_timer_start(&b->timer, on_timer, next > now ? next - now : 0, 0);
    } else {
        uv_timer_stop(&b->timer);
    }
}

static void confirm(struct wr_broker *b, uint64_t generation)
{
    for (struct wr_broker_wait **at = &b->waiting; *at;) {
        if ((*at)->generation_ && (*at)->generation_ <= generation) {
            settle(b, at, true);
        } else {
            at = &(*at)->next_;
        }
    }
    set_timer(b);
}

// ---- tables

static void begin(struct wr_broker *b);

static void on_work(uv_work_t *work)
{
    struct wr_broker *b = work->data;
    wr_broker_table_make(&b->table);
}

static void on_written(struct wr_broker *b)
{
    uint64_t until = uv_now(b->timer.loop) +
                     (uint64_t)(b->away ? AWAY_MS : b->config->broker_confirm_timeout_ms);
    b->failing = false;
    b->stats.tables++;
    b->stats.generation = b->table.generation;
    b->stats.certificates = b->table.certificates;
    b->stats.bytes = b->table.bytes;
    b->stats.took_ms = b->table.took_ms;
    for (struct wr_broker_wait *w = b->waiting; w; w = w->next_) {
        if (w->generation_ == b->table.generation) {
            w->until_ms_ = until;
        }
    }
    confirm(b, b->stats.in_force); // the plugin may have been faster than this callback
}

static void on_failed(struct wr_broker *b)
{
    b->stats.failures++;
    if (!b->failing) {
        wr_log(WR_LOG_ERROR, "broker",
               "the status table is not written, the broker does not know "
               "the latest changes: %s; tries again every second",
               b->table.fault.text);
    }
    b->failing = true;
    b->retry_ms = uv_now(b->timer.loop) + RETRY_MS;
    for (struct wr_broker_wait **at = &b->waiting; *at;) {
        if ((*at)->generation_ == b->table.generation) {
            settle(b, at, false);
        } else {
            at = &(*at)->next_;
        }
    }
    set_timer(b);
}

static void close_handles(struct wr_broker *b);

static void on_worked(uv_work_t *work, int status)
{
    struct wr_broker *b = work->data;
    b->making = false;
    if (b->closing) {
        close_handles(b);
    } else if (b->table.err) {
        on_failed(b);
    } else {
        on_written(b);
    }
    if (!b->closing && b->wanted) {
        begin(b);
    }
}

static void begin(struct wr_broker *b)
{
    if (b->making || b->closing) {
        b->wanted = true;
        return;
    }
    // Wall time at the start, so that a weir that is started again goes on rising.
    uint64_t now = (uint64_t)wr_wall_ms(), last = b->table.generation;
    b->wanted = false;
    b->making = true;
    b->retry_ms = 0;
    b->table = (struct wr_broker_table){.database = b->database,
                                        .dir = b->dir,
                                        .broker = b->name,
                                        .crl = b->config->broker_crl,
                                        .seal = b->seal,
                                        .generation = now > last ? now : last + 1};
    for (struct wr_broker_wait *w = b->waiting; w; w = w->next_) {
        if (!w->generation_) {
            w->generation_ = b->table.generation;
        }
    }
    wr_assert(uv_queue_work(b->timer.loop, &b->work, on_work, on_worked) == 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct wr_broker *b = timer->data;
    uint64_t now = uv_now(timer->loop);
    for (struct wr_broker_wait **at = &b->waiting; *at;) {
        if ((*at)->until_ms_ && (*at)->until_ms_ <= now) {
            if (!b->away) {
                wr_log(WR_LOG_WARN, "broker",
                       "no broker has confirmed the status table of %s: is mosquitto running with "
                       "weir-mosquitto.so and this folder?",
                       b->dir);
            }
            b->away = true;
            settle(b, at, false);
        } else {
            at = &(*at)->next_;
        }
    }
    if (b->retry_ms && b->retry_ms <= now) {
        begin(b);
    }
    set_timer(b);
}

static void wait_at(struct wr_broker *b, struct wr_broker_wait *wait)
{
    wait->generation_ = wait->until_ms_ = 0;
    wait->next_ = b->waiting;
    b->waiting = wait;
}

// Of somebody who waits for several brokers: one of the waits.
struct part {
    struct wr_broker_wait wait;
    struct wr_broker_wait *whole;
};

static void on_part(struct wr_broker_wait *wait, bool confirmed)
{
    struct part *p = WR_CONTAINER(wait, struct part, wait);
    struct wr_broker_wait *whole = p->whole;
    free(p);
    whole->failed_ = whole->failed_ || !confirmed;
    if (--whole->left_ == 0) {
        whole->done(whole, !whole->failed_);
    }
}

static struct wr_broker *named(const struct wr_broker *b, const char *name)
{
    for (const struct wr_broker *one = b; one; one = one->next) {
        if (!strcmp(one->name, name)) {
            return (struct wr_broker *)(uintptr_t)one;
        }
    }
    return (struct wr_broker *)(uintptr_t)b;
}

void wr_broker_wait(struct wr_broker *b, const char *name, struct wr_broker_wait *wait)
{
    wait->left_ = 0;
    wait->failed_ = false;
    if (name || !b->next) {
        wait_at(name ? named(b, name) : b, wait);
    } else {
        BROKERS(one, b)
        {
            struct part *p = wr_zalloc(sizeof *p);
            *p = (struct part){.wait.done = on_part, .whole = wait};
            wait->left_++;
            wait_at(one, &p->wait);
        }
    }
    BROKERS(one, b)
    {
        begin(one);
    }
}

// ---- what the plugin tells

static void on_unregistered(const struct wr_broker *b, const json_t *event)
{
    const json_t *text = json_object_get(event, "der");
    struct wr_buf der = {0};
    if (b->first->tell && json_is_string(text) &&
        wr_buf_add_unbase64(&der, (wr_str){json_string_value(text), json_string_length(text)})) {
        b->first->tell(b->first->tell_user, b->name, wr_buf_str(&der));
    }
    wr_buf_release(&der);
}

void wr_broker_on_unregistered(struct wr_broker *b,
                               void (*tell)(void *user, const char *broker, wr_str der), void *user)
{
    if (b) {
        b->tell = tell;
        b->tell_user = user;
    }
}

static void on_event(struct wr_broker *b, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "event"));
    uint64_t *const counts[] = {&b->stats.connects, &b->stats.disconnects, &b->stats.refused};
    static const char *const names[] = {"connect", "disconnect", "refused"};
    if (!name) {
        return;
    }
    b->stats.events++;
    b->stats.lost += (uint64_t)json_integer_value(json_object_get(event, "lost"));
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        *counts[i] += strcmp(name, names[i]) == 0;
    }
    b->stats.dropped += json_is_true(json_object_get(event, "dropped"));
    wr_broker_clients_event(b->clients, event);
    if (b->away) {
        wr_log(WR_LOG_INFO, "broker", "the broker's plugin is heard of again");
    }
    b->away = false;
    if (strcmp(name, "unregistered") == 0) {
        on_unregistered(b, event);
    }
    if (strcmp(name, "table") == 0) {
        b->stats.in_force = (uint64_t)json_integer_value(json_object_get(event, "generation"));
        confirm(b, b->stats.in_force);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct wr_broker *b = poll->data;
    char text[WR_BROKER_EVENT_MAX + 1];
    for (int i = 0; i < 64; i++) { // others are to have their turn
        ssize_t n = recv(b->fd, text, sizeof text, MSG_DONTWAIT);
        if (n < 0) {
            return;
        }
        json_t *event = json_loadb(text, (size_t)n, 0, NULL);
        if (event) {
            on_event(b, event);
        }
        json_decref(event);
    }
}

static wr_err bind_socket(struct wr_broker *b, struct wr_fault *fault)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(b->socket) >= sizeof to.sun_path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: a socket's path has at most %zu bytes",
                            b->socket, sizeof to.sun_path - 1);
    }
    memcpy(to.sun_path, b->socket, strlen(b->socket) + 1);
    unlink(b->socket);
    b->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // 0660 like the table: the broker is of the folder's group.
    if (b->fd < 0 || bind(b->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
        chmod(b->socket, 0660) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", b->socket, strerror(errno));
    }
    return WR_OK;
}

// ---- open and close

static wr_err make_folder(const char *path, struct wr_fault *fault)
{
    // Not left to the umask; what was there is somebody's decision. The group's bit is not to be
    // had with RestrictSUIDSGID of systemd, where weir's group is the right one anyway.
    bool made = mkdir(path, 0750) == 0;
    if ((made && chmod(path, 02750) != 0 && chmod(path, 0750) != 0) || (!made && errno != EEXIST)) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    return WR_OK;
}

static wr_err prepare(struct wr_broker *b, struct wr_fault *fault)
{
    char ca[PATH_MAX];
    if (snprintf(ca, sizeof ca, "%s/ca", b->dir) >= (int)sizeof ca) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: the path is too long", b->dir);
    }
    wr_err err = make_folder(b->dir, fault);
    err = err ? err : make_folder(ca, fault);
    return err ? err : bind_socket(b, fault);
}

static void release(struct wr_broker *b)
{
    if (b->fd >= 0) {
        close(b->fd);
        unlink(b->socket);
    }
    wr_broker_clients_free(b->clients);
    free(b);
}

// Behind the last of `*first`, which stays as it is after a failure.
static wr_err add(struct wr_broker **first, const struct wr_config *config, const char *state_dir,
                  const struct wr_seal_key *seal, const char *name, const char *dir,
                  struct wr_fault *fault)
{
    if (!dir || !*dir) {
        return WR_OK;
    }
    struct wr_broker *b = wr_zalloc(sizeof *b), **end = first;
    b->config = config;
    b->seal = seal;
    b->name = name;
    b->clients = wr_broker_clients_new();
    b->fd = -1;
    snprintf(b->database, sizeof b->database, "%s/registry.db", state_dir);
    snprintf(b->dir, sizeof b->dir, "%s", dir);
    wr_err err =
        snprintf(b->socket, sizeof b->socket, "%s/events.sock", b->dir) < (int)sizeof b->socket
            ? prepare(b, fault)
            : wr_fault_set(fault, WR_ERR_LIMIT, "%s: the path is too long", b->dir);
    for (; *end && !err; end = &(*end)->next) {
        if (!strcmp((*end)->dir, b->dir)) {
            err = wr_fault_set(fault, WR_ERR_EXISTS, "%s is another broker's: each wants its own",
                               dir);
        }
    }
    if (err) {
        wr_fault_prefix(fault, *name ? "brokers.%s.dir" : "broker.dir%s", name);
        release(b);
        return err;
    }
    *end = b;
    b->first = *first;
    (*first)->open_brokers++;
    return WR_OK;
}

static void start(struct wr_broker *b, uv_loop_t *loop)
{
    uv_timer_init(loop, &b->timer);
    wr_assert(uv_poll_init(loop, &b->poll, b->fd) == 0);
    uv_poll_start(&b->poll, UV_READABLE, on_readable);
    b->timer.data = b->poll.data = b->work.data = b;
    b->open_handles = 2;
    begin(b);
}

wr_err wr_broker_open(uv_loop_t *loop, const struct wr_config *config, const char *state_dir,
                      const struct wr_seal_key *seal, struct wr_broker **out,
                      struct wr_fault *fault)
{
    struct wr_broker *first = NULL;
    wr_err err = add(&first, config, state_dir, seal, "", config->broker_dir, fault);
    for (size_t i = 0; i < config->broker_count && !err; i++) {
        const struct wr_config_broker *own = &config->brokers[i];
        err = add(&first, config, state_dir, seal, own->name, own->dir, fault);
    }
    *out = err ? NULL : first;
    for (struct wr_broker *b = first, *next; b; b = next) {
        next = b->next;
        if (err) {
            release(b);
        } else {
            start(b, loop);
        }
    }
    return err;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct wr_broker *b = handle->data, *first = b->first;
    if (--b->open_handles > 0 || --first->open_brokers > 0) {
        return;
    }
    void (*closed)(void *user) = first->closed;
    void *user = first->closed_user;
    for (struct wr_broker *next; first; first = next) {
        next = first->next;
        release(first);
    }
    closed(user);
}

static void close_handles(struct wr_broker *b)
{
    uv_close((uv_handle_t *)&b->timer, on_handle_closed);
    uv_close((uv_handle_t *)&b->poll, on_handle_closed);
}

void wr_broker_close(struct wr_broker *b, void (*closed)(void *user), void *user)
{
    if (!b) {
        closed(user);
        return;
    }
    b->closed = closed;
    b->closed_user = user;
    BROKERS(one, b)
    {
        one->closing = true;
        while (one->waiting) {
            settle(one, &one->waiting, false);
        }
        if (!one->making) {
            close_handles(one);
        }
    }
}

const struct wr_broker_clients *wr_broker_clients(const struct wr_broker *b, const char *name)
{
    return named(b, name)->clients;
}

void wr_broker_stats(const struct wr_broker *b, struct wr_broker_stats *out)
{
    *out = b->stats;
    for (const struct wr_broker *one = b->next; one; one = one->next) {
        const struct wr_broker_stats *s = &one->stats;
        out->tables += s->tables;
        out->failures += s->failures;
        out->confirmed += s->confirmed;
        out->unconfirmed += s->unconfirmed;
        out->events += s->events;
        out->lost += s->lost;
        out->connects += s->connects;
        out->disconnects += s->disconnects;
        out->dropped += s->dropped;
        out->refused += s->refused;
        out->certificates += s->certificates;
        out->bytes += s->bytes;
    }
}

// ---- changes

// WATCH(table, event, when). A row that is no part of the table is no change.
static const struct {
    const char *table, *event, *when;
} watched[] = {
    {"tenants", "INSERT", ""},
    {"tenants", "DELETE", ""},
    {"tenants", "UPDATE OF name, state, features", ""},
    {"certificates", "INSERT", "WHEN NEW.status='ACTIVE'"},
    {"certificates", "DELETE", ""},
    {"certificates", "UPDATE OF status, realm", ""},
    {"authorities", "INSERT", ""},
    {"authorities", "DELETE", ""},
    {"ca_certificates", "INSERT", ""},
    {"ca_certificates", "DELETE", ""},
    {"ca_certificates", "UPDATE OF status, pem", ""},
    {"policies", "UPDATE OF default_version", ""},
    {"policy_targets", "INSERT", ""},
    {"policy_targets", "DELETE", ""},
    {"thing_principals", "INSERT", ""},
    {"thing_principals", "DELETE", ""},
    {"thing_principals", "UPDATE", ""},
    {"thing_group_members", "INSERT", ""},
    {"thing_group_members", "DELETE", ""},
    {"things", "UPDATE OF name, type, attributes",
     "WHEN EXISTS (SELECT 1 FROM main.thing_principals WHERE thing=NEW.id)"},
};

void wr_broker_watch(struct wr_db *db)
{
    (void)wr_db_script(db, "CREATE TEMP TABLE broker_changes(n INTEGER NOT NULL);"
                           "INSERT INTO broker_changes VALUES(0);");
    bool principals =
        wr_db_one(db, 0, "SELECT 1 FROM main.sqlite_schema WHERE name='thing_principals'", "") != 0;
    for (size_t i = 0; i < WR_COUNT(watched); i++) {
        bool there =
            wr_db_one(db, 0, "SELECT 1 FROM main.sqlite_schema WHERE type='table' AND name=?", "z",
                      watched[i].table) != 0;
        if (!there || (strstr(watched[i].when, "principals") && !principals)) {
            continue;
        }
        char sql[400];
        snprintf(sql, sizeof sql,
                 "CREATE TEMP TRIGGER broker_%zu AFTER %s ON main.%s %s BEGIN UPDATE "
                 "broker_changes SET n=n+1; END",
                 i, watched[i].event, watched[i].table, watched[i].when);
        (void)wr_db_script(db, sql);
    }
}

int64_t wr_broker_changes(struct wr_db *db)
{
    return wr_db_one(db, -1, "SELECT n FROM temp.broker_changes", "");
}
