// Plans subscriptions and sends them, a step whenever the broker has answered the last one.
#include "engine/mqtt/interest.h"

#include <stdlib.h>

#include "engine/loop/backoff.h"
#include "engine/mqtt/reason.h"
#include "engine/mqtt/setup.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define BASIC_INGEST_FILTER WR_STR("$aws/rules/#")
#define ASKED_MAX           100 // SUBSCRIBE and UNSUBSCRIBE packets under way
#define QUIET_MS            250 // no message for this long: what the broker had queued has come
#define QUIET_LONGEST_US    5000000
#define FORGIVE_S           60 // until a refused filter is asked for again; doubles each time
#define FORGIVE_LONGEST_S   3600
#define STRIKES             2 // connections that a SUBSCRIBE must have ended to be taken for refused

static void save(struct wr_interest *i, bool *ok)
{
    struct wr_fault fault;
    *ok = true;
    if (i->subs.dirty && wr_source_state_save(&i->state, &i->subs, &fault) != WR_OK) {
        *ok = false;
        wr_log(WR_LOG_ERROR, "mqtt",
               "%s: %s: subscriptions stay as they are until it can be "
               "written",
               wr_mqtt_source_name(i->config), fault.text);
    }
}

static bool told_apart(const struct wr_interest *i)
{
    return i->session.ids && !i->config->mqtt_share_group[0];
}

static wr_str shared_name(const struct wr_interest *i, wr_str filter, struct wr_buf *out)
{
    wr_buf_clear(out);
    wr_buf_add(out, WR_STR("$share/"));
    wr_buf_add(out, wr_str_of(i->config->mqtt_share_group));
    wr_buf_add_char(out, '/');
    wr_buf_add(out, filter);
    return wr_buf_str(out);
}

static bool is_in(const wr_str *list, size_t count, wr_str filter)
{
    for (size_t n = 0; n < count; n++) {
        if (wr_str_eq(list[n], filter)) {
            return true;
        }
    }
    return false;
}

static void say_widened(const struct wr_interest *i, const struct wr_filters *target,
                        const wr_str *wanted, size_t count)
{
    for (size_t n = 0; n < target->count; n++) {
        if (!is_in(wanted, count, target->at[n])) {
            wr_log(WR_LOG_INFO, "mqtt",
                   "%s: subscribes to '%.*s' in place of rules' filters that overlap, since their "
                   "copies of a message cannot be told apart here: more messages come in",
                   wr_mqtt_source_name(i->config), WR_STR_ARG(target->at[n]));
        }
    }
}

// Work out what to subscribe to from what the rules want and what this connection can do.
static void plan(struct wr_interest *i)
{
    bool shared = i->config->mqtt_share_group[0] != '\0', ids = told_apart(i);
    size_t count = 0;
    wr_str *wanted = wr_alloc((i->wanted.count + 1) * sizeof *wanted);
    for (size_t n = 0; n < i->wanted.count; n++) {
        if (!ids || !wr_subs_is_refused(&i->subs, i->wanted.at[n])) {
            wanted[count++] = i->wanted.at[n]; // a refused one must not stand for those it covers
        }
    }
    if (i->config->mqtt_basic_ingest &&
        (!ids || !wr_subs_is_refused(&i->subs, BASIC_INGEST_FILTER))) {
        wanted[count++] = BASIC_INGEST_FILTER;
    }
    struct wr_filters target = {0};
    if (ids) {
        wr_filters_cover(wanted, count, &target);
    } else {
        wr_filters_disjoint(wanted, count, &target);
        say_widened(i, &target, wanted, count);
    }
    if (shared) { // one prefix for all: the order stays
        struct wr_buf name = {0};
        for (size_t n = 0; n < target.count; n++) {
            wr_str full = shared_name(i, target.at[n], &name);
            free((void *)(uintptr_t)target.at[n].at);
            target.at[n] = (wr_str){wr_strdup(full), full.len};
        }
        wr_buf_release(&name);
    }
    wr_subs_plan(&i->subs, &target, ids);
    wr_filters_release(&target);
    free(wanted);
}

static size_t under_way(const struct wr_interest *i)
{
    return wr_subs_count(&i->subs, WR_SUB_ASKED) + wr_subs_count(&i->subs, WR_SUB_LEFT);
}

static void send_subscribes(struct wr_interest *i)
{
    size_t asked = under_way(i);
    struct wr_sub *sub = NULL;
    size_t most = i->one_by_one ? 1 : ASKED_MAX;
    while (asked < most && (sub = wr_subs_next(&i->subs, WR_SUB_ASK, sub))) {
        if (i->link.subscribe(i->link.user, sub->filter, sub->id, &sub->mid) != WR_ASKED_SENT) {
            return; // the tick tries again
        }
        sub->phase = WR_SUB_ASKED;
        asked++;
    }
}

static void send_unsubscribes(struct wr_interest *i)
{
    size_t asked = under_way(i);
    struct wr_sub *sub = NULL;
    while (asked < ASKED_MAX && (sub = wr_subs_next(&i->subs, WR_SUB_LEAVE, NULL))) {
        if (wr_subs_replaced(&i->subs, sub)) {
            wr_subs_remove(&i->subs, sub);
            continue;
        }
        if (i->link.unsubscribe(i->link.user, sub->filter, &sub->mid) != WR_ASKED_SENT) {
            return;
        }
        wr_log(WR_LOG_INFO, "mqtt", "%s: unsubscribes from '%.*s', which no rule wants",
               wr_mqtt_source_name(i->config), WR_STR_ARG(sub->filter));
        sub->phase = WR_SUB_LEFT;
        asked++;
    }
}

static void arrange(struct wr_interest *i);

static void on_quiet(uv_timer_t *timer)
{
    arrange(timer->data);
}

// Copies that the broker queued for a filter are told apart only as long as it counts as present;
// so wait until they have come, though not for ever.
static bool quiet_enough(struct wr_interest *i)
{
    wr_mono now = wr_mono_now();
    if (!told_apart(i) || wr_subs_next(&i->subs, WR_SUB_UNWANTED, NULL) == NULL) {
        return true;
    }
    if (i->unwanted_since.us == 0) {
        i->unwanted_since = now;
    }
    wr_mono since = i->last_message.us > i->unwanted_since.us ? i->last_message : i->unwanted_since;
    if (wr_mono_since_us(since, now) >= QUIET_MS * 1000 ||
        wr_mono_since_us(i->unwanted_since, now) >= QUIET_LONGEST_US) {
        i->unwanted_since.us = 0;
        return true;
    }
    uv_timer_start(&i->quiet, on_quiet, QUIET_MS, 0);
    return false;
}

// The next step of subs.h's order, as far as it can be gone now.
static void arrange(struct wr_interest *i)
{
    bool ok;
    if (!i->up || !i->link.usable(i->link.user)) {
        return;
    }
    if (i->subs.plan_again && under_way(i) == 0) {
        plan(i);
    }
    if (wr_subs_next(&i->subs, WR_SUB_ASK, NULL)) {
        save(i, &ok);
        if (ok) {
            send_subscribes(i);
        }
        i->link.flush(i->link.user);
        return;
    }
    if (wr_subs_next(&i->subs, WR_SUB_ASKED, NULL)) {
        return;
    }
    i->one_by_one = false;
    if (quiet_enough(i)) {
        wr_subs_leave(&i->subs);
        i->subs.dirty |= i->subs.late && under_way(i) == 0;
        save(i, &ok);
        if (ok) {
            send_unsubscribes(i);
        }
        i->link.flush(i->link.user);
    }
}

static void refused(struct wr_interest *i, wr_str filter, const char *why)
{
    i->forgive_s = i->forgive_s ? 2 * i->forgive_s : FORGIVE_S;
    if (i->forgive_s > FORGIVE_LONGEST_S) {
        i->forgive_s = FORGIVE_LONGEST_S;
    }
    i->ticks_to_forgive = i->forgive_s;
    wr_log(WR_LOG_ERROR, "mqtt",
           "%s: the broker refuses the subscription to '%.*s': %s. Rules get no messages "
           "through it; weir asks again in %u s",
           wr_mqtt_source_name(i->config), WR_STR_ARG(filter), why, i->forgive_s);
}

// Some brokers end the connection for a filter they do not like. One such filter must not keep the
// others from working: ask one by one, and leave out the one with which the connection ends again.
static void look_for_culprit(struct wr_interest *i, const char *why)
{
    const struct wr_sub *asked = wr_subs_next(&i->subs, WR_SUB_ASKED, NULL);
    if (!asked) {
        return;
    }
    i->one_by_one = true;
    if (wr_subs_next(&i->subs, WR_SUB_ASKED, asked)) {
        return;
    }
    if (!i->suspect || !wr_str_eq(wr_str_of(i->suspect), asked->filter)) {
        free(i->suspect);
        i->suspect = wr_strdup(asked->filter);
        i->strikes = 0;
    }
    if (++i->strikes >= STRIKES) {
        refused(i, asked->filter, why);
        wr_subs_refuse(&i->subs, wr_str_of(i->suspect));
        i->strikes = 0;
    }
}

bool wr_interest_subscribed(struct wr_interest *i, int mid, int granted)
{
    wr_str filter = {0};
    bool last = wr_subs_count(&i->subs, WR_SUB_ASKED) == 1;
    if (!wr_subs_granted(&i->subs, mid, granted < 128, &filter)) {
        return false;
    }
    if (filter.at) {
        refused(i, filter, wr_reason_ack(i->session.v5, granted));
        free((void *)(uintptr_t)filter.at);
    } else if (granted == 0) {
        wr_log(WR_LOG_WARN, "mqtt",
               "%s: the broker grants quality of service 0 only: messages may be lost",
               wr_mqtt_source_name(i->config));
    }
    bool all = last && !wr_subs_next(&i->subs, WR_SUB_ASK, NULL);
    arrange(i);
    return all;
}

void wr_interest_unsubscribed(struct wr_interest *i, int mid)
{
    if (wr_subs_left(&i->subs, mid)) {
        arrange(i); // sends more, and saves
    }
}

void wr_interest_want(struct wr_interest *i, const wr_str *filters, size_t count)
{
    wr_filters_release(&i->wanted);
    wr_filters_copy(filters, count, &i->wanted);
    i->forgive_s = 0;
    if (i->up) {
        plan(i);
        arrange(i);
    }
}

bool wr_interest_take(const struct wr_interest *i, wr_str topic, const uint32_t *ids, size_t count)
{
    // Also before the session is known: copies may come in one read with the CONNACK.
    return wr_copies_take(&i->subs.copies, topic, ids, count);
}

void wr_interest_heard(struct wr_interest *i)
{
    i->last_message = wr_mono_now();
}

// ---- the connection

void wr_interest_up(struct wr_interest *i, const struct wr_subscriber *link,
                    const struct wr_client_session *session)
{
    i->link = *link;
    i->up = true;
    i->session = *session;
    bool shared = i->config->mqtt_share_group[0] != '\0';
    if (shared && !session->shared) {
        wr_log(WR_LOG_ERROR, "mqtt",
               "%s: the broker does not support shared subscriptions: unset mqtt.share_group",
               wr_mqtt_source_name(i->config));
    } else if (shared && i->config->mqtt_basic_ingest) {
        wr_log(WR_LOG_WARN, "mqtt",
               "%s: some brokers (mosquitto 2.0) give a shared group no messages of topics that "
               "begin with '$': Basic Ingest may get none",
               wr_mqtt_source_name(i->config));
    }
    wr_subs_connected(&i->subs, session->present);
    plan(i);
    arrange(i);
}

void wr_interest_down(struct wr_interest *i, const char *why)
{
    uv_timer_stop(&i->quiet);
    look_for_culprit(i, why);
    wr_subs_lost(&i->subs);
    i->up = false;
}

void wr_interest_tick(struct wr_interest *i)
{
    if (i->ticks_to_forgive && --i->ticks_to_forgive == 0) {
        wr_subs_forgive(&i->subs);
        plan(i);
    }
    arrange(i);
}

// ---- open and close

// The client id and the broker this session belongs to; subscriptions of another one are no
// concern.
static void choose_session(struct wr_interest *i)
{
    struct wr_source_state *state = &i->state;
    const char *configured = i->config->mqtt_client_id;
    struct wr_buf id = {0};
    if (configured[0]) {
        wr_buf_add(&id, wr_str_of(configured));
    } else if (state->client_id) {
        wr_buf_add(&id, wr_str_of(state->client_id));
    } else {
        struct wr_jitter chance;
        wr_jitter_init(&chance);
        uint64_t random = wr_jitter_next(&chance);
        wr_buf_add(&id, WR_STR("weir-"));
        wr_buf_add_hex(&id, &random, sizeof random);
    }
    bool same = state->client_id && wr_str_eq(wr_str_of(state->client_id), wr_buf_str(&id)) &&
                state->broker &&
                wr_str_eq(wr_str_of(state->broker), wr_str_of(i->config->mqtt_url));
    if (!same) {
        wr_subs_clear(&i->subs);
        free(state->client_id);
        free(state->broker);
        state->client_id = wr_strdup(wr_buf_str(&id));
        state->broker = wr_strdup(wr_str_of(i->config->mqtt_url));
        i->subs.dirty = true;
    }
    wr_buf_release(&id);
}

static void release(struct wr_interest *i)
{
    wr_source_state_close(&i->state);
    wr_subs_release(&i->subs);
    wr_filters_release(&i->wanted);
    free(i->suspect);
    i->suspect = NULL;
}

wr_err wr_interest_open(struct wr_interest *i, uv_loop_t *loop, const struct wr_config *config,
                        struct wr_fault *fault)
{
    *i = (struct wr_interest){.config = config};
    wr_subs_init(&i->subs);
    i->state.lock = -1;
    wr_err err = wr_source_state_open(config->state_dir, wr_mqtt_source_name(config), &i->state,
                                      &i->subs, fault);
    if (!err) {
        choose_session(i);
        err = i->subs.dirty ? wr_source_state_save(&i->state, &i->subs, fault) : WR_OK;
    }
    if (err) {
        release(i);
        return err;
    }
    uv_timer_init(loop, &i->quiet);
    i->quiet.data = i;
    return WR_OK;
}

void wr_interest_close(struct wr_interest *i, uv_close_cb closed, void *data)
{
    bool ok;
    i->subs.dirty |= i->subs.late;
    save(i, &ok);
    release(i);
    i->up = false;
    i->quiet.data = data;
    uv_close((uv_handle_t *)&i->quiet, closed);
}
