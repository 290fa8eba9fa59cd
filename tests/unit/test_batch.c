// Batches with a destination made of memory: what leaves when, in which order, with which limits;
// what comes back; the end.
#include "sinks/lib/batch.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/allocations.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

#define RECORDS_MAX 20000
#define OUT_MAX     WR_BATCH_CALLS_MAX

struct one {
    struct wr_record rec; // first
    struct wr_batch_item item;
    unsigned settled, place; // how often, and as the how-manieth
    enum wr_verdict verdict;
    unsigned number, destination;
    bool guilty;
};

struct bed {
    uv_loop_t loop;
    struct wr_batch *batch;
    struct wr_batch_options options;
    struct wr_batch_call *out[OUT_MAX]; // on their way, oldest first
    size_t out_count, calls, cancelled;
    size_t in_flight_most;
    struct one *ones;
    unsigned count, settled, closed;
    void (*after_settle)(struct bed *bed);
};

static struct bed *bed_now;

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    struct one *o = (struct one *)rec;
    o->settled++;
    o->verdict = verdict;
    o->place = ++bed_now->settled;
    if (bed_now->after_settle) {
        bed_now->after_settle(bed_now);
    }
}

static void on_send(void *user, struct wr_batch_call *call)
{
    struct bed *bed = user;
    wr_assert(bed->out_count < OUT_MAX && call->records && call->body.len == 0);
    wr_buf_add(&call->body, WR_STR("not empty"));
    bed->out[bed->out_count++] = call;
    bed->calls++;
    bed->in_flight_most =
        bed->out_count > bed->in_flight_most ? bed->out_count : bed->in_flight_most;
}

static void cancel(void *user, struct wr_batch_call *call)
{
    ((struct bed *)user)->cancelled++;
}

static void abandon(void *user, struct wr_record *rec)
{
    wr_record_settle(rec, WR_RETRY, NULL);
}

static void on_closed(void *user)
{
    ((struct bed *)user)->closed++;
}

static void bed_init(struct bed *bed, size_t count_max, size_t bytes_max, uint32_t age_ms,
                     unsigned in_flight_max)
{
    *bed = (struct bed){0};
    bed_now = bed;
    bed->ones = wr_zalloc(RECORDS_MAX * sizeof *bed->ones);
    wr_assert(uv_loop_init(&bed->loop) == 0);
    bed->options = (struct wr_batch_options){.loop = &bed->loop,
                                             .count_max = count_max,
                                             .bytes_max = bytes_max,
                                             .age_ms = age_ms,
                                             .in_flight_max = in_flight_max,
                                             .send = on_send,
                                             .user = bed};
    bed->batch = wr_batch_new(&bed->options);
}

static struct one *add(struct bed *bed, const char *key, uint32_t lane, size_t bytes)
{
    struct one *o = &bed->ones[bed->count];
    *o = (struct one){.item = {.bytes = bytes, .entries = 1}, .number = bed->count++};
    o->rec.sink_data = &o->item;
    wr_batch_add(bed->batch, wr_str_of(key), lane, &o->rec);
    return o;
}

static void turn(struct bed *bed)
{
    uv_run(&bed->loop, UV_RUN_NOWAIT);
}

static struct wr_batch_call *take(struct bed *bed, size_t index)
{
    wr_assert(index < bed->out_count);
    struct wr_batch_call *call = bed->out[index];
    memmove(&bed->out[index], &bed->out[index + 1],
            (--bed->out_count - index) * sizeof bed->out[0]);
    return call;
}

// The answer to a call: all of it delivered, but guilty ones.
static void answer(struct bed *bed, size_t index)
{
    struct wr_batch_call *call = take(bed, index);
    struct wr_record *rec;
    while ((rec = wr_batch_pop(call))) {
        wr_record_settle(rec, ((struct one *)rec)->guilty ? WR_REFUSED : WR_DELIVERED, NULL);
    }
    wr_batch_done(call);
}

static void answer_all(struct bed *bed)
{
    while (bed->out_count > 0 || wr_batch_held(bed->batch) > 0) {
        turn(bed);
        if (bed->out_count > 0) {
            answer(bed, 0);
        }
    }
}

static void bed_close(struct bed *bed)
{
    wr_batch_close(bed->batch, on_closed, bed);
    CHECK_INT("not from inside", bed->closed, 0);
    while (!bed->closed) {
        turn(bed);
        if (bed->out_count > 0) {
            answer(bed, 0);
        }
    }
    uv_run(&bed->loop, UV_RUN_DEFAULT);
    CHECK_INT("closed once", bed->closed, 1);
    CHECK_INT("no handle is left", uv_loop_close(&bed->loop), 0);
    for (unsigned i = 0; i < bed->count; i++) {
        CHECK_INT("settled once", bed->ones[i].settled, 1);
    }
    free(bed->ones);
}

static void test_idle_and_busy(void **state)
{
    struct bed bed;
    bed_init(&bed, 10, 1000, 0, 1);
    add(&bed, "q", 0, 1);
    CHECK_INT("not from inside", bed.out_count, 0);
    turn(&bed);
    CHECK_INT("an idle destination gets the first at once", bed.out_count, 1);
    CHECK_INT("alone", bed.out[0]->record_count, 1);
    for (int i = 0; i < 7; i++) {
        add(&bed, "q", 0, 1);
        turn(&bed);
    }
    CHECK_INT("the next wait for its answer", bed.out_count, 1);
    answer(&bed, 0);
    CHECK_INT("and leave together", bed.out_count, 1);
    CHECK_INT("and leave together", bed.out[0]->record_count, 7);
    CHECK_INT("entries", bed.out[0]->entries, 7);
    CHECK_INT("bytes", bed.out[0]->bytes, 7);
    answer(&bed, 0);
    for (unsigned i = 0; i < 8; i++) {
        CHECK_INT("order", bed.ones[i].place, i + 1);
    }
    // A burst in one turn of the loop is one call.
    for (int i = 0; i < 5; i++) {
        add(&bed, "q", 0, 1);
    }
    turn(&bed);
    CHECK_INT("a burst", bed.out_count, 1);
    CHECK_INT("a burst", bed.out[0]->record_count, 5);
    bed_close(&bed);
}

static void test_limits(void **state)
{
    struct bed bed;
    bed_init(&bed, 10, 1000, 0, 1);
    for (int i = 0; i < 25; i++) {
        add(&bed, "count", 0, 1);
    }
    for (int i = 0; i < 5; i++) {
        add(&bed, "bytes", 0, 400);
    }
    add(&bed, "large", 0, 1);
    add(&bed, "large", 0, 5000);
    add(&bed, "large", 0, 1);
    add(&bed, "several", 0, 1);
    turn(&bed);
    CHECK_INT("a call each", bed.out_count, 4);
    CHECK_INT("by count", bed.out[0]->record_count, 10);
    CHECK_INT("by bytes", bed.out[1]->record_count, 2);
    CHECK_INT("before a large one", bed.out[2]->record_count, 1);
    answer(&bed, 2);
    CHECK_INT("a large one goes alone", bed.out[3]->record_count, 1);
    CHECK_INT("a large one goes alone", bed.out[3]->bytes, 5000);
    answer(&bed, 0);
    CHECK_INT("by count again", bed.out[3]->record_count, 10);
    answer_all(&bed);
    CHECK_INT("calls", bed.calls, 3 + 3 + 3 + 1);
    bed_close(&bed);
}

// A record may be several entries of a call.
static void test_entries(void **state)
{
    static const uint32_t entries[] = {7, 3, 1, 9, 10, 25, 1};
    static const size_t records[] = {2, 2, 1, 1, 1};
    struct bed bed;
    bed_init(&bed, 10, 1000, 0, 1);
    for (size_t i = 0; i < WR_COUNT(entries); i++) {
        struct one *o = &bed.ones[bed.count];
        *o = (struct one){.item = {.bytes = 1, .entries = entries[i]}, .number = bed.count++};
        o->rec.sink_data = &o->item;
        wr_batch_add(bed.batch, S("q"), 0, &o->rec);
    }
    turn(&bed);
    for (size_t i = 0; i < WR_COUNT(records); i++) {
        CHECK_INT("records of a call", bed.out[0]->record_count, records[i]);
        answer(&bed, 0);
    }
    CHECK_INT("all", bed.settled, WR_COUNT(entries));
    bed_close(&bed);
}

static void test_several_in_flight(void **state)
{
    struct bed bed;
    bed_init(&bed, 10, 1000, 30, 3);
    add(&bed, "q", 0, 1);
    turn(&bed);
    CHECK_INT("the first", bed.out_count, 1);
    for (int i = 0; i < 9; i++) {
        add(&bed, "q", 0, 1);
        turn(&bed);
    }
    CHECK_INT("company is waited for", bed.out_count, 1);
    add(&bed, "q", 0, 1);
    turn(&bed);
    CHECK_INT("a full call leaves", bed.out_count, 2);
    CHECK_INT("a full call leaves", bed.out[1]->record_count, 10);
    add(&bed, "q", 0, 1);
    add(&bed, "q", 0, 1);
    int64_t from = (int64_t)uv_now(&bed.loop);
    while (bed.out_count < 3) {
        uv_run(&bed.loop, UV_RUN_ONCE);
    }
    CHECK("by age", (int64_t)uv_now(&bed.loop) - from >= 29);
    CHECK_INT("by age", bed.out[2]->record_count, 2);
    for (int i = 0; i < 40; i++) {
        add(&bed, "q", 0, 1);
    }
    turn(&bed);
    CHECK_INT("no more than three", bed.out_count, 3);
    answer(&bed, 1);
    CHECK_INT("the place is taken", bed.out_count, 3);
    answer_all(&bed);
    CHECK_INT("most", bed.in_flight_most, 3);
    bed_close(&bed);
}

static void test_destinations(void **state)
{
    struct bed bed;
    char key[32];
    bed_init(&bed, 10, 1000, 0, 1);
    add(&bed, "a", 0, 1);
    add(&bed, "a", 1, 1);
    add(&bed, "b", 0, 1);
    add(&bed, "", 0, 1);
    turn(&bed);
    CHECK_INT("lanes and destinations are strangers", bed.out_count, 4);
    answer_all(&bed);
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "busy-%d", i);
        add(&bed, key, 0, 1);
        add(&bed, key, 0, 1);
    }
    turn(&bed);
    CHECK_INT("calls in all", bed.out_count, WR_BATCH_CALLS_MAX);
    answer_all(&bed);
    CHECK_INT("all were served", bed.settled, 404);
    CHECK_INT("most", bed.in_flight_most, WR_BATCH_CALLS_MAX);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "device-%d", i);
        add(&bed, key, 0, 1);
        turn(&bed);
        answer_all(&bed);
        CHECK("bounded", wr_batch_idle(bed.batch) <= WR_BATCH_IDLE_MAX);
    }
    CHECK_INT("remembered", wr_batch_idle(bed.batch), WR_BATCH_IDLE_MAX);
    bed_close(&bed);
}

// One of many is guilty: it alone is refused, in few calls, and order is kept.
static void test_refused_as_a_whole(void **state)
{
    static const struct {
        const char *name;
        unsigned count, first, second; // which are guilty
        size_t calls_most;
    } cases[] = {
        {"the first", 500, 0, 0, 32},
        {"the last", 500, 499, 499, 32},
        {"one in the middle", 500, 250, 250, 40},
        {"two", 500, 17, 400, 60},
        {"of two", 2, 1, 1, 3},
        {"alone", 1, 0, 0, 1},
        {"all", 16, 0, 1000, 40},
    };
    for (size_t c = 0; c < WR_COUNT(cases); c++) {
        struct bed bed;
        bed_init(&bed, 500, 100000, 0, 1);
        for (unsigned i = 0; i < cases[c].count; i++) {
            struct one *o = add(&bed, "q", 0, 1);
            o->guilty = i == cases[c].first || i == cases[c].second || cases[c].second == 1000;
        }
        turn(&bed);
        while (bed.out_count > 0) {
            bool guilty = false;
            for (struct wr_record *r = bed.out[0]->records; r; r = r->sink_next) {
                guilty = guilty || ((struct one *)r)->guilty;
            }
            if (guilty && wr_batch_again(bed.out[0])) {
                wr_batch_done(take(&bed, 0));
            } else {
                answer(&bed, 0);
            }
        }
        for (unsigned i = 0; i < cases[c].count; i++) {
            CHECK_INT(cases[c].name, bed.ones[i].verdict,
                      bed.ones[i].guilty ? WR_REFUSED : WR_DELIVERED);
            CHECK_INT(cases[c].name, bed.ones[i].place, i + 1);
        }
        if (bed.calls > cases[c].calls_most) {
            CASE_FAIL(cases[c].name, "%zu calls, more than %zu", bed.calls, cases[c].calls_most);
        }
        // The care ends with those records.
        for (int i = 0; i < 500; i++) {
            add(&bed, "q", 0, 1);
        }
        turn(&bed);
        CHECK_INT(cases[c].name, bed.out[0]->record_count, 500);
        bed_close(&bed);
    }
}

static void test_close(void **state)
{
    struct bed bed;
    bed_init(&bed, 2, 1000, 0, 1);
    for (int i = 0; i < 9; i++) {
        add(&bed, "q", 0, 1);
    }
    turn(&bed);
    bed_close(&bed); // sends what waits
    CHECK_INT("drained", bed.calls, 5);

    bed_init(&bed, 2, 1000, 0, 1);
    wr_batch_close(bed.batch, on_closed, &bed);
    uv_run(&bed.loop, UV_RUN_DEFAULT);
    bed.options.cancel = cancel;
    bed.options.abandon = abandon;
    bed.closed = 0;
    bed.batch = wr_batch_new(&bed.options);
    for (int i = 0; i < 9; i++) {
        add(&bed, "q", 0, 1);
    }
    turn(&bed);
    wr_batch_close(bed.batch, on_closed, &bed);
    CHECK_INT("what waits is given back", bed.settled, 7);
    CHECK_INT("what waits is given back", bed.ones[8].verdict, WR_RETRY);
    add(&bed, "q", 0, 1);
    CHECK_INT("what comes now too", bed.ones[9].verdict, WR_RETRY);
    while (bed.cancelled == 0) {
        uv_run(&bed.loop, UV_RUN_ONCE);
    }
    CHECK_INT("cancelled after its grace", bed.cancelled, 1);
    CHECK_INT("not closed before its answer", bed.closed, 0);
    CHECK("nothing is divided now", wr_batch_again(bed.out[0]));
    wr_batch_done(take(&bed, 0));
    CHECK_INT("given back", bed.ones[1].verdict, WR_RETRY);
    uv_run(&bed.loop, UV_RUN_DEFAULT);
    CHECK_INT("closed", bed.closed, 1);
    CHECK_INT("no handle is left", uv_loop_close(&bed.loop), 0);
    for (unsigned i = 0; i < bed.count; i++) {
        CHECK_INT("settled once", bed.ones[i].settled, 1);
    }
    free(bed.ones);
}

static void close_it(struct bed *bed)
{
    bed->after_settle = NULL;
    wr_batch_close(bed->batch, on_closed, bed);
}

static void add_more(struct bed *bed)
{
    if (bed->count < 1000) {
        add(bed, "q", bed->count % 3, 1);
        add(bed, "r", 0, 1);
    }
}

static void test_from_inside(void **state)
{
    struct bed bed;
    bed_init(&bed, 10, 1000, 0, 1);
    add(&bed, "q", 0, 1);
    bed.after_settle = add_more;
    answer_all(&bed);
    CHECK_INT("added while settling", bed.settled, bed.count);
    CHECK("added while settling", bed.count >= 1000);
    bed.after_settle = NULL;
    for (int i = 0; i < 35; i++) {
        add(&bed, "q", 0, 1);
    }
    turn(&bed);
    bed.after_settle = close_it;
    while (!bed.closed) {
        if (bed.out_count > 0) {
            answer(&bed, 0);
        }
        turn(&bed);
    }
    CHECK_INT("closed while settling", bed.settled, bed.count);
    uv_run(&bed.loop, UV_RUN_DEFAULT);
    CHECK_INT("no handle is left", uv_loop_close(&bed.loop), 0);
    free(bed.ones);
}

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

// Whatever comes in whatever order: limits, order of each lane, each settled once.
static void test_at_random(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "queue-with-a-longer-name"};
    static unsigned last[WR_COUNT(keys) * 4];
    for (unsigned seed = 1; seed <= 60; seed++) {
        random_state = seed;
        struct bed bed;
        unsigned in_flight = 1 + random_below(3);
        bed_init(&bed, 1 + random_below(20), 1 + random_below(400), random_below(3), in_flight);
        memset(last, 0, sizeof last);
        while (bed.count < 3000 || wr_batch_held(bed.batch) > 0) {
            for (unsigned n = random_below(30); n > 0 && bed.count < 3000; n--) {
                unsigned key = random_below(WR_COUNT(keys)), lane = random_below(4);
                struct one *o = add(&bed, keys[key], lane, random_below(60));
                o->destination = key * 4 + lane;
            }
            turn(&bed);
            if (bed.out_count == 0) {
                continue;
            }
            size_t which = random_below((unsigned)bed.out_count);
            struct wr_batch_call *call = bed.out[which];
            CHECK("count", call->entries <= bed.options.count_max);
            CHECK("bytes", call->bytes <= bed.options.bytes_max || call->record_count == 1);
            if (random_below(4) == 0 && wr_batch_again(call)) {
                wr_batch_done(take(&bed, which));
                continue;
            }
            for (struct wr_record *r = call->records; r && in_flight == 1; r = r->sink_next) {
                struct one *o = (struct one *)r;
                CHECK("order", o->number + 1 > last[o->destination]);
                last[o->destination] = o->number + 1;
            }
            answer(&bed, which);
        }
        CHECK_INT("all", bed.settled, bed.count);
        bed_close(&bed);
    }
}

static void test_no_allocation(void **state)
{
    struct bed bed;
    bed_init(&bed, 10, 1000, 1, 2);
    uint64_t before = 0;
    for (int round = 0; round < 40; round++) {
        before = round == 20 ? allocation_calls : before;
        for (int i = 0; i < 300; i++) {
            add(&bed, i % 2 ? "one" : "other", (uint32_t)i % 3, 10);
        }
        answer_all(&bed);
    }
    CHECK_INT("allocations", allocation_calls - before, 0);
    bed_close(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_idle_and_busy), T(test_limits),
        T(test_entries),       T(test_several_in_flight),
        T(test_destinations),  T(test_refused_as_a_whole),
        T(test_close),         T(test_from_inside),
        T(test_at_random),     T(test_no_allocation),
    };
    return TEST_MAIN(tests);
}
