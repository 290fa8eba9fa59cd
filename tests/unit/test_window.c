// Acknowledgements leave in the order of arrival, whatever the order in which messages are done.
#include "engine/mqtt/native/window.h"

#include <stdlib.h>

#include "engine/mqtt/native/segment.h"
#include "sql/base/err.h"
#include "sql/base/hash.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static void leaves_in_order(void **state)
{
    struct wr_window w = {0};
    struct wr_window_entry e = {0};
    uint64_t n[4];
    for (int i = 0; i < 4; i++) {
        n[i] = wr_window_add(&w, (uint16_t)(10 + i), i == 2 ? WR_PACKET_PUBREC : WR_PACKET_PUBACK);
    }
    CHECK("none is done", !wr_window_pop(&w, &e));
    wr_window_done(&w, n[1]);
    wr_window_done_known(&w, n[2], 99);
    CHECK("the first is not done", !wr_window_pop(&w, &e));
    CHECK("first", wr_window_is_first(&w, n[0]) && !wr_window_is_first(&w, n[1]));
    wr_window_done(&w, n[0]);
    for (int i = 0; i < 3; i++) {
        CHECK("three leave", wr_window_pop(&w, &e));
        CHECK_INT("in order", e.mid, 10 + i);
        CHECK_INT("answer", e.answer, i == 2 ? WR_PACKET_PUBREC : WR_PACKET_PUBACK);
    }
    CHECK("the last is not done", !wr_window_pop(&w, &e));
    CHECK_INT("count", wr_window_count(&w), 1);
    CHECK("gone", !wr_window_has(&w, n[2]) && wr_window_has(&w, n[3]));

    // The connection ends: what waits and is not done is nobody's any more.
    struct wr_known_list known = {0};
    wr_window_end(&w, &known);
    CHECK_INT("known", known.count, 0);
    CHECK("an old number", !wr_window_has(&w, n[3]));
    CHECK("numbers go on", wr_window_add(&w, 1, WR_PACKET_PUBACK) > n[3]);
    wr_window_release(&w);
}

static void known_at_the_end(void **state)
{
    struct wr_window w = {0};
    struct wr_known_list known = {0};
    uint64_t content = wr_known_hash(S("t"), S("2"));
    wr_window_add(&w, 1, WR_PACKET_PUBACK);
    wr_window_done_known(&w, wr_window_add(&w, 2, WR_PACKET_PUBACK), content);
    wr_window_done(&w, wr_window_add(&w, 3, WR_PACKET_PUBACK)); // expires: not to be known
    wr_window_end(&w, &known);
    CHECK_INT("one", known.count, 1);
    CHECK("another content", !wr_known_take(&known, 2, wr_known_hash(S("t"), S("3"))));
    CHECK("another identifier", !wr_known_take(&known, 1, content));
    CHECK("it", wr_known_take(&known, 2, content));
    CHECK("once", !wr_known_take(&known, 2, content));
    wr_known_release(&known);
    wr_window_release(&w);
}

// Against a list, with random ends of connections.
static void agrees_with_a_list(void **state)
{
    enum { MANY = 20000, OPEN = 3000 };
    struct wr_window w = {0};
    struct wr_window_entry e = {0};
    uint64_t open[OPEN], expected = 0, seed = 1;
    size_t count = 0;
    for (int i = 0; i < MANY; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if (count < OPEN && (seed >> 40) % 100 < 55) {
            open[count] = wr_window_add(&w, (uint16_t)(i & 0xffff), WR_PACKET_PUBACK);
            count++;
        } else if (count) {
            size_t k = (seed >> 33) % count;
            wr_window_done(&w, open[k]);
            open[k] = open[--count];
        }
        while (wr_window_pop(&w, &e)) {
            expected++;
        }
        CHECK("first", w.first == expected);
        for (size_t k = 0; k < count && i % 500 == 0; k++) {
            CHECK("what is open waits", wr_window_has(&w, open[k]));
        }
    }
    while (count) {
        wr_window_done(&w, open[--count]);
    }
    while (wr_window_pop(&w, &e)) {
    }
    CHECK_INT("all left", wr_window_count(&w), 0);
    wr_window_release(&w);
}

static void segments_come_back(void **state)
{
    struct wr_segments s = {0};
    struct wr_segment *a = wr_segment_new(&s, WR_SEGMENT_SIZE);
    wr_segment_lock(a);
    wr_segment_unlock(a);
    CHECK_INT("held", s.used, WR_SEGMENT_SIZE);
    wr_segment_unlock(a);
    CHECK_INT("spare", s.spare_count, 1);
    uint64_t before = wr_alloc_calls();
    for (int i = 0; i < 1000; i++) {
        struct wr_segment *g = wr_segment_new(&s, WR_SEGMENT_SIZE);
        CHECK("the same one", g == a && g->len == 0 && g->refs == 1);
        wr_segment_unlock(g);
    }
    CHECK_INT("allocations", wr_alloc_calls() - before, 0);
    struct wr_segment *large = wr_segment_new(&s, 5 * WR_SEGMENT_SIZE);
    CHECK_INT("large", large->cap, 5 * WR_SEGMENT_SIZE);
    wr_segment_unlock(large); // to the system
    CHECK_INT("spare", s.spare_count, 1);
    struct wr_segment *many[WR_SEGMENT_KEEP + 5];
    for (size_t i = 0; i < WR_COUNT(many); i++) {
        many[i] = wr_segment_new(&s, WR_SEGMENT_SIZE);
    }
    for (size_t i = 0; i < WR_COUNT(many); i++) {
        wr_segment_unlock(many[i]);
    }
    CHECK_INT("kept", s.spare_count, WR_SEGMENT_KEEP);
    CHECK_INT("used", s.used, 0);
    wr_segments_release(&s);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(leaves_in_order),
        T(known_at_the_end),
        T(agrees_with_a_list),
        T(segments_come_back),
    };
    return TEST_MAIN(tests);
}
