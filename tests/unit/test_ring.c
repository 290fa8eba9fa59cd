// The ring of the last messages against a plain list: what is in it is the end of what was added,
// byte for byte, whatever the sizes are.
#include "engine/flow/ring.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/test.h"

#define MODEL_MAX 4000

// What was added, to the seed it was made of.
struct made {
    uint64_t seeds[MODEL_MAX];
    size_t count;
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static char bytes_[1 << 16];

static wr_str text_of(uint64_t seed, int which, size_t max)
{
    uint64_t n = mix(seed + (uint64_t)which * 977);
    if (n % 5 == 0) {
        return (wr_str){0};
    }
    return (wr_str){bytes_ + n % 500, (size_t)(n >> 20) % max};
}

// The same seed gives the same message.
static void make(uint64_t seed, size_t max, struct wr_message *m, struct wr_user_property props[8])
{
    *m = (struct wr_message){.qos = (uint8_t)(seed % 3), .retain = seed % 7 == 0};
    struct wr_sql_message *s = &m->sql;
    s->topic = (wr_str){bytes_ + seed % 300, 1 + (size_t)(seed % 40)};
    s->payload = text_of(seed, 1, max);
    s->client_id = text_of(seed, 2, 20);
    s->principal = text_of(seed, 3, 20);
    s->source_ip = text_of(seed, 4, 20);
    s->content_type = text_of(seed, 5, 20);
    s->response_topic = text_of(seed, 6, 20);
    s->correlation_data = text_of(seed, 7, 20);
    s->timestamp_ms = (int64_t)mix(seed);
    s->format_indicator = (int8_t)(seed % 3) - 1;
    s->user_property_count = seed % 4 == 0 ? seed % 8 : 0;
    s->user_properties = props;
    for (size_t i = 0; i < s->user_property_count; i++) {
        props[i].key = (wr_str){bytes_ + i, 1 + i};
        props[i].value = (wr_str){bytes_ + seed % 100, (size_t)(seed % 30)};
    }
}

static bool same(wr_str a, wr_str b)
{
    return (a.at == NULL) == (b.at == NULL) && wr_str_eq(a, b);
}

static bool equal(const struct wr_message *want, const struct wr_ring_message *got)
{
    const struct wr_sql_message *a = &want->sql, *b = &got->sql;
    bool ok = same(a->topic, b->topic) && same(a->payload, b->payload) &&
              same(a->client_id, b->client_id) && same(a->principal, b->principal) &&
              same(a->source_ip, b->source_ip) && same(a->content_type, b->content_type) &&
              same(a->response_topic, b->response_topic) &&
              same(a->correlation_data, b->correlation_data) &&
              a->timestamp_ms == b->timestamp_ms && a->format_indicator == b->format_indicator &&
              a->user_property_count == b->user_property_count && want->qos == got->qos &&
              want->retain == got->retain;
    for (size_t i = 0; ok && i < a->user_property_count; i++) {
        ok = wr_str_eq(a->user_properties[i].key, b->user_properties[i].key) &&
             wr_str_eq(a->user_properties[i].value, b->user_properties[i].value);
    }
    return ok;
}

// All that is in it are the last that were added. How many; SIZE_MAX: it is wrong.
static size_t compare(const struct wr_ring *r, const struct made *made, size_t max)
{
    struct wr_ring_stats stats;
    struct wr_ring_message got;
    struct wr_message want;
    struct wr_user_property props[8];
    struct wr_arena arena;
    uint64_t at = 0;
    size_t count = 0;
    wr_ring_stats(r, &stats);
    wr_arena_init(&arena, 1 << 20);
    while (stats.messages <= made->count && wr_ring_next(r, &at, &arena, &got)) {
        make(made->seeds[made->count - stats.messages + count], max, &want, props);
        if (count == stats.messages || !equal(&want, &got)) {
            count = SIZE_MAX;
            break;
        }
        count++;
        wr_arena_reset(&arena);
    }
    wr_arena_release(&arena);
    return count == stats.messages ? count : SIZE_MAX;
}

static void run_one(size_t size, size_t max, uint64_t seed)
{
    static struct made made;
    struct wr_ring *r = wr_ring_new(size);
    struct wr_message m;
    struct wr_user_property props[8];
    struct wr_ring_stats stats;
    char label[80];
    size_t least = SIZE_MAX;
    made.count = 0;
    for (size_t i = 0; i < MODEL_MAX; i++) {
        uint64_t too_large;
        wr_ring_stats(r, &stats);
        too_large = stats.too_large;
        make(seed + i, max, &m, props);
        wr_ring_add(r, &m);
        wr_ring_stats(r, &stats);
        if (stats.too_large == too_large) {
            made.seeds[made.count++] = seed + i;
        }
        size_t count = i % 7 == 0 ? compare(r, &made, max) : 0;
        snprintf(label, sizeof label, "size %zu, up to %zu bytes, message %zu", size, max, i);
        if (count == SIZE_MAX || stats.bytes > size) {
            CHECK(label, false);
            break;
        }
        least = i > MODEL_MAX / 2 && i % 7 == 0 && count < least ? count : least;
    }
    snprintf(label, sizeof label, "size %zu, up to %zu bytes: some are kept", size, max);
    CHECK(label, least >= 1 || made.count == 0);
    // a copy stays as it is
    struct wr_ring *copy = wr_ring_copy(r);
    struct made before = made;
    for (size_t i = 0; i < 100; i++) {
        make(seed + MODEL_MAX + i, max, &m, props);
        wr_ring_add(r, &m);
    }
    CHECK("a copy", compare(copy, &before, max) != SIZE_MAX);
    wr_ring_free(copy);
    wr_ring_free(r);
}

static void keeps_the_last(void **state)
{
    static const size_t sizes[] = {1024, 1032, 4096, 10000, 65536, 1 << 20};
    static const size_t maxima[] = {1, 40, 300, 3000, 20000};
    for (size_t i = 0; i < sizeof bytes_; i++) {
        bytes_[i] = (char)mix(i);
    }
    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        for (size_t k = 0; k < WR_COUNT(maxima); k++) {
            run_one(sizes[i], maxima[k], 1000 * i + k);
        }
    }
}

static void holds_nothing_at_first(void **state)
{
    struct wr_ring *r = wr_ring_new(4096), *copy = wr_ring_copy(r);
    struct wr_ring_message got;
    struct wr_arena arena;
    uint64_t at = 0;
    wr_arena_init(&arena, 1 << 16);
    CHECK("empty", !wr_ring_next(r, &at, &arena, &got));
    CHECK("a copy of it", !wr_ring_next(copy, &at, &arena, &got));
    wr_arena_release(&arena);
    wr_ring_free(copy);
    wr_ring_free(r);
    wr_ring_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_last),
        cmocka_unit_test(holds_nothing_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
