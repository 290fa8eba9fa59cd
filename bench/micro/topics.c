// What does finding the filters of a topic take, by how many filters there are, and what memory do
// they take? Beside it in the same run: hashing the topic's bytes (no look-up can do less), reading
// as much memory at random places, and comparing it with one filter after the other.
#include "engine/rules/trie.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/clock.h"
#include "sql/base/err.h"
#include "sql/base/hash.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define TOPICS (1 << 16) // distinct, in random order
#define ROUNDS 7         // medians
#define TEXT   64
#define LINEAR 1000 // filters that are compared one by one: their cost grows with the number

static char topics[TOPICS][TEXT];
static volatile uint64_t sink;

static uint64_t chance(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

// Fleets of a hundred devices; of ten filters seven name the device, two hold a `+`, one a `#`.
static wr_str filter(char *to, uint64_t i)
{
    static const char *const ends[] = {"state", "state", "state", "state", "state",
                                       "state", "state", "+",     "#",     "state"};
    char fleet[24];
    snprintf(fleet, sizeof fleet, "%llu", (unsigned long long)(i / 100));
    int n = snprintf(to, TEXT, "fleet/%s/dev-%llu/%s", i % 10 == 9 ? "+" : fleet,
                     (unsigned long long)i, ends[i % 10]);
    return (wr_str){to, (size_t)n};
}

static void make_topics(uint64_t filters)
{
    uint64_t seed = 42;
    for (int i = 0; i < TOPICS; i++) {
        unsigned long long k = chance(&seed) % filters;
        snprintf(topics[i], TEXT, "fleet/%llu/dev-%llu/state", k / 100, k);
    }
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static double hashing(void)
{
    double ns[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        int64_t began = wr_mono_ns();
        for (int i = 0; i < TOPICS; i++) {
            sink += wr_hash_str(wr_str_of(topics[i]));
        }
        ns[r] = (double)(wr_mono_ns() - began) / TOPICS;
    }
    return median(ns);
}

static double linear(void)
{
    static char texts[LINEAR][TEXT];
    wr_str filters[LINEAR];
    for (int i = 0; i < LINEAR; i++) {
        filters[i] = filter(texts[i], (uint64_t)i);
    }
    int64_t began = wr_mono_ns();
    for (int i = 0; i < TOPICS; i += 64) {
        for (int k = 0; k < LINEAR; k++) {
            sink += wr_topic_matches(filters[k], wr_str_of(topics[i]));
        }
    }
    return (double)(wr_mono_ns() - began) / (TOPICS / 64) / LINEAR;
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

// One read of `size` bytes of memory at a random place, each waiting for the one before.
static double reading(size_t size)
{
    size_t count = size / 64 + 1, steps = 200000, at = 0;
    struct {
        size_t next;
        char rest[56]; // a line of the cache
    } *lines = wr_alloc(count * sizeof *lines);
    uint64_t seed = 7;
    for (size_t i = 0; i < count; i++) {
        lines[i].next = i;
    }
    for (size_t i = count - 1; i > 0; i--) { // Sattolo's: one cycle through all
        size_t k = (size_t)(chance(&seed) % i), swap = lines[i].next;
        lines[i].next = lines[k].next;
        lines[k].next = swap;
    }
    int64_t began = wr_mono_ns();
    for (size_t i = 0; i < steps; i++) {
        at = lines[at].next;
    }
    double ns = (double)(wr_mono_ns() - began) / (double)steps;
    sink += at;
    free(lines);
    return ns;
}

static void measure(uint64_t count)
{
    char text[TEXT];
    size_t before = heap();
    int64_t began = wr_mono_ns();
    struct wr_trie *t = wr_trie_new();
    for (uint64_t i = 0; i < count; i++) {
        (void)wr_trie_add(t, filter(text, i), (uint32_t)i);
    }
    double made_ms = (double)(wr_mono_ns() - began) / 1e6;
    size_t bytes = heap() - before;
    make_topics(count);
    double ns[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        began = wr_mono_ns();
        for (int i = 0; i < TOPICS; i++) {
            const uint32_t *values;
            size_t found = wr_trie_match(t, wr_str_of(topics[i]), &values);
            wr_assert(found == 1); // of its own filter, whatever its form
            sink += values[0];
        }
        ns[r] = (double)(wr_mono_ns() - began) / TOPICS;
    }
    double read = reading(bytes);
    printf("%9llu filters  %7.0f ns a look-up (%4.1f reads of %5.1f ns)  %6.1f bytes a filter, "
           "%6.1f MiB  made in %5.0f ms\n",
           (unsigned long long)count, median(ns), median(ns) / read, read,
           (double)bytes / (double)count, (double)bytes / 1048576, made_ms);
    wr_trie_free(t);
}

int main(void)
{
    wr_hash_seed_init();
    static const uint64_t counts[] = {10, 100, 1000, 10000, 100000, 1000000};
    for (size_t i = 0; i < WR_COUNT(counts); i++) {
        measure(counts[i]);
    }
    printf(
        "floor: hashing the topic %.1f ns; comparing with a filter %.1f ns, and as often as there "
        "are filters\n",
        hashing(), linear());
    return 0;
}
