// Memory that the socket is read into and that messages lie in until they are settled: counted by
// segment, not copied by message. Thread: loop.
//
// Whoever holds a segment has one of its references; the last one that goes gives it back. A
// segment of the usual size goes to a short list for the next one, so that nothing is allocated
// once that is filled; one that was made larger for a large packet goes back to the system.
#ifndef WR_ENGINE_MQTT_NATIVE_SEGMENT_H
#define WR_ENGINE_MQTT_NATIVE_SEGMENT_H

#include "sql/base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define WR_SEGMENT_SIZE (256u << 10)
// Segments kept for later: 8 MiB. What is under way beyond that pays for memory of the system.
#define WR_SEGMENT_KEEP 32

struct wr_segments;

struct wr_segment {
    struct wr_segments *home;
    struct wr_segment *next; // in the list of home
    size_t refs, cap, len;   // len: bytes that are read
    char bytes[];
};

// Where they come from. Zeroed: none. It must outlive its segments.
struct wr_segments {
    struct wr_segment *spare;
    size_t spare_count;
    size_t used; // bytes of those that are held
};
// Give back the spare ones. None may be held.
void wr_segments_release(struct wr_segments *s);

// With one reference, empty, for `size` bytes at least; `size` is at least WR_SEGMENT_SIZE.
struct wr_segment *wr_segment_new(struct wr_segments *s, size_t size);
void wr_segment_end_(struct wr_segment *g);

static inline void wr_segment_lock(struct wr_segment *g)
{
    g->refs++;
}

static inline void wr_segment_unlock(struct wr_segment *g)
{
    if (--g->refs == 0) {
        wr_segment_end_(g);
    }
}

#endif
