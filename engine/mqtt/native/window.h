// Messages of one connection that are to be acknowledged, in the order in which they came. They are
// done in any order; acknowledgements leave in theirs (MQTT 3.1.1 and 5, 4.6). Pure logic.
// Thread: loop.
//
//        first                        next
//   ──────┬─────┬─────┬─────┬─────┬─────
//         │ 41  │ 42✓ │ 43✓ │ 44  │          done(41) lets 41, 42 and 43 leave
//   ──────┴─────┴─────┴─────┴─────┴─────
#ifndef WR_ENGINE_MQTT_NATIVE_WINDOW_H
#define WR_ENGINE_MQTT_NATIVE_WINDOW_H

#include "engine/mqtt/known.h"
#include "engine/mqtt/native/packet.h"

struct wr_window_entry {
    uint64_t content; // wr_known_hash(), if it had to wait after it was done
    uint16_t mid;
    uint8_t answer; // WR_PACKET_PUBACK or WR_PACKET_PUBREC
    bool done, known;
};

// Zeroed: empty.
struct wr_window {
    struct wr_window_entry *at; // a ring
    size_t mask_;               // of its capacity, a power of two
    uint64_t first, next;       // numbers; they are never used again
};
void wr_window_release(struct wr_window *w);

static inline size_t wr_window_count(const struct wr_window *w)
{
    return (size_t)(w->next - w->first);
}

void wr_window_grow_(struct wr_window *w);

// One more; its number.
static inline uint64_t wr_window_add(struct wr_window *w, uint16_t mid, enum wr_packet_type answer)
{
    if (WR_UNLIKELY(!w->at || wr_window_count(w) > w->mask_)) {
        wr_window_grow_(w);
    }
    w->at[w->next & w->mask_] = (struct wr_window_entry){.mid = mid, .answer = (uint8_t)answer};
    return w->next++;
}

// Whether the number is of this connection and waits still.
static inline bool wr_window_has(const struct wr_window *w, uint64_t number)
{
    return number >= w->first && number < w->next;
}
// It is the first: once it is done it leaves.
static inline bool wr_window_is_first(const struct wr_window *w, uint64_t number)
{
    return number == w->first;
}
static inline void wr_window_done(struct wr_window *w, uint64_t number)
{
    w->at[number & w->mask_].done = true;
}
// It is done, and must wait: when the connection ends before it leaves, it is a known message.
static inline void wr_window_done_known(struct wr_window *w, uint64_t number, uint64_t content)
{
    struct wr_window_entry *e = &w->at[number & w->mask_];
    e->done = e->known = true;
    e->content = content;
}

// The first one if it is done; it leaves. False: none.
static inline bool wr_window_pop(struct wr_window *w, struct wr_window_entry *out)
{
    if (w->first == w->next || !w->at[w->first & w->mask_].done) {
        return false;
    }
    *out = w->at[w->first++ & w->mask_];
    return true;
}

// The connection is gone. What was done and could not leave is added to `known`.
void wr_window_end(struct wr_window *w, struct wr_known_list *known);

#endif
