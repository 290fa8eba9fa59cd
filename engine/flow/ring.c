// One block, filled round and round. Positions only grow; a position's place is its remainder. A
// record lies in one piece: where it does not fit before the end of the block, a gap is left.
#include "engine/flow/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/base/banned.h"

#define ALIGN    8u // records and gaps
#define HOPS_LEN 12 // of a number, and a NUL

enum text { TOPIC, PAYLOAD, CLIENT, PRINCIPAL, SOURCE_IP, TYPE, RESPONSE, CORRELATION, TEXTS };
#define ABSENT UINT32_MAX // as a length: no such text

struct head {
    uint32_t size; // of the record, this included; a multiple of ALIGN
    uint32_t properties, hops;
    int64_t timestamp_ms;
    uint32_t lens[TEXTS];
    uint8_t qos;
    int8_t format_indicator;
    bool retain, gap, over_mqtt;
    // Then the texts, then of each property two lengths and two texts.
};

struct wr_ring {
    char *at;
    size_t size;
    uint64_t first, end; // positions: of the oldest record, behind the newest
    uint64_t messages, too_large;
};

struct wr_ring *wr_ring_new(size_t bytes)
{
    struct wr_ring *r = wr_zalloc(sizeof *r);
    r->size = bytes / ALIGN * ALIGN;
    r->at = wr_alloc(r->size + ALIGN); // untouched until it is filled: no memory of the system's
    return r;
}

void wr_ring_free(struct wr_ring *r)
{
    if (r) {
        free(r->at);
        free(r);
    }
}

struct wr_ring *wr_ring_copy(const struct wr_ring *r)
{
    struct wr_ring *copy = wr_zalloc(sizeof *copy);
    *copy = *r;
    copy->at = wr_alloc(r->size + ALIGN);
    size_t used = r->end < r->size ? (size_t)r->end : r->size; // the rest was never written
    memcpy(copy->at, r->at, used);
    return copy;
}

// ---- adding

static void texts_of(const struct wr_sql_message *m, const wr_str *texts[TEXTS])
{
    texts[TOPIC] = &m->topic;
    texts[PAYLOAD] = &m->payload;
    texts[CLIENT] = &m->client_id;
    texts[PRINCIPAL] = &m->principal;
    texts[SOURCE_IP] = &m->source_ip;
    texts[TYPE] = &m->content_type;
    texts[RESPONSE] = &m->response_topic;
    texts[CORRELATION] = &m->correlation_data;
}

static size_t size_of(const struct wr_sql_message *m, const wr_str *texts[TEXTS])
{
    size_t size = sizeof(struct head);
    for (int i = 0; i < TEXTS; i++) {
        size += texts[i]->len;
    }
    for (size_t i = 0; i < m->user_property_count; i++) {
        const struct wr_user_property *p = &m->user_properties[i];
        size += 2 * sizeof(uint32_t) + p->key.len + p->value.len;
    }
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

static uint32_t size_at(const struct wr_ring *r, uint64_t at, bool *gap)
{
    struct head h;
    size_t place = (size_t)(at % r->size);
    if (r->size - place < sizeof h) { // no head fits there: a gap without one
        *gap = true;
        return (uint32_t)(r->size - place);
    }
    memcpy(&h, r->at + place, sizeof h);
    *gap = h.gap;
    return h.size;
}

// The oldest go until `size` bytes behind the end are free.
static void make_room(struct wr_ring *r, size_t size)
{
    while (r->end + size - r->first > r->size) {
        bool gap;
        r->first += size_at(r, r->first, &gap);
        r->messages -= !gap;
    }
}

// To the begin of the block.
static void leave_gap(struct wr_ring *r, size_t left)
{
    make_room(r, left);
    if (left >= sizeof(struct head)) {
        struct head h = {.size = (uint32_t)left, .gap = true};
        memcpy(r->at + r->end % r->size, &h, sizeof h);
    }
    r->end += left;
}

static char *put(char *to, wr_str text)
{
    if (text.len) {
        memcpy(to, text.at, text.len);
    }
    return to + text.len;
}

static void write_record(char *to, const struct head *h, const struct wr_sql_message *m,
                         const wr_str *texts[TEXTS])
{
    memcpy(to, h, sizeof *h);
    to += sizeof *h;
    for (int i = 0; i < TEXTS; i++) {
        to = put(to, *texts[i]);
    }
    for (size_t i = 0; i < m->user_property_count; i++) {
        const struct wr_user_property *p = &m->user_properties[i];
        uint32_t lens[2] = {(uint32_t)p->key.len, (uint32_t)p->value.len};
        memcpy(to, lens, sizeof lens);
        to = put(put(to + sizeof lens, p->key), p->value);
    }
}

void wr_ring_add(struct wr_ring *r, const struct wr_message *message)
{
    const struct wr_sql_message *m = &message->sql;
    const wr_str *texts[TEXTS];
    texts_of(m, texts);
    size_t size = size_of(m, texts);
    if (WR_UNLIKELY(size > r->size / WR_RING_SHARE)) {
        r->too_large++;
        return;
    }
    size_t left = r->size - (size_t)(r->end % r->size);
    if (WR_UNLIKELY(left < size)) {
        leave_gap(r, left);
    }
    make_room(r, size);
    struct head h = {.size = (uint32_t)size,
                     .properties = (uint32_t)m->user_property_count,
                     .hops = message->hops,
                     .timestamp_ms = m->timestamp_ms,
                     .qos = message->qos,
                     .format_indicator = m->format_indicator,
                     .retain = message->retain,
                     .over_mqtt = m->over_mqtt};
    for (int i = 0; i < TEXTS; i++) {
        h.lens[i] = texts[i]->at ? (uint32_t)texts[i]->len : ABSENT;
    }
    write_record(r->at + r->end % r->size, &h, m, texts);
    r->end += size;
    r->messages++;
}

// ---- reading

static const char *take(const char *from, uint32_t len, wr_str *out)
{
    if (len == ABSENT) {
        *out = (wr_str){0};
        return from;
    }
    *out = (wr_str){from, len};
    return from + len;
}

// Properties that the arena has no room for are left out. The hops were a property too, as it came.
static void read_properties(const char *from, const struct head *h, struct wr_arena *arena,
                            struct wr_sql_message *m)
{
    struct wr_user_property *list =
        wr_arena_alloc(arena, ((size_t)h->properties + 1) * sizeof *list);
    char *hops = wr_arena_alloc(arena, HOPS_LEN);
    if (!list || !hops) {
        return;
    }
    for (uint32_t i = 0; i < h->properties; i++) {
        uint32_t lens[2];
        memcpy(lens, from, sizeof lens);
        from = take(from + sizeof lens, lens[0], &list[i].key);
        from = take(from, lens[1], &list[i].value);
    }
    if (h->hops) {
        snprintf(hops, HOPS_LEN, "%u", h->hops);
        list[h->properties] = (struct wr_user_property){WR_STR(WR_HOPS_PROPERTY), wr_str_of(hops)};
    }
    m->user_properties = list;
    m->user_property_count = (size_t)h->properties + (h->hops > 0);
}

static void read_record(const char *from, struct wr_arena *arena, struct wr_ring_message *out)
{
    struct head h;
    struct wr_sql_message *m = &out->sql;
    wr_str *const texts[TEXTS] = {
        [TOPIC] = &m->topic,
        [PAYLOAD] = &m->payload,
        [CLIENT] = &m->client_id,
        [PRINCIPAL] = &m->principal,
        [SOURCE_IP] = &m->source_ip,
        [TYPE] = &m->content_type,
        [RESPONSE] = &m->response_topic,
        [CORRELATION] = &m->correlation_data,
    };
    memcpy(&h, from, sizeof h);
    *out = (struct wr_ring_message){.qos = h.qos, .retain = h.retain};
    m->timestamp_ms = h.timestamp_ms;
    m->format_indicator = h.format_indicator;
    m->over_mqtt = h.over_mqtt;
    from += sizeof h;
    for (int i = 0; i < TEXTS; i++) {
        from = take(from, h.lens[i], texts[i]);
    }
    if (h.properties || h.hops) {
        read_properties(from, &h, arena, m);
    }
}

bool wr_ring_next(const struct wr_ring *r, uint64_t *at, struct wr_arena *arena,
                  struct wr_ring_message *out)
{
    uint64_t here = *at > r->first ? *at : r->first;
    while (here < r->end) {
        bool gap;
        uint32_t size = size_at(r, here, &gap);
        if (!gap) {
            read_record(r->at + here % r->size, arena, out);
            *at = here + size;
            return true;
        }
        here += size;
    }
    *at = here;
    return false;
}

void wr_ring_stats(const struct wr_ring *r, struct wr_ring_stats *out)
{
    *out = (struct wr_ring_stats){
        .messages = r->messages, .bytes = r->end - r->first, .too_large = r->too_large};
}
