// How far partitions were when they were taken: if the next thing that the group says gives one
// back, reading goes on there, although the broker may have refused to commit it (the eager
// protocol takes all partitions and gives most of them back). Thread: loop.
#ifndef WR_ENGINE_KAFKA_MEMORY_H
#define WR_ENGINE_KAFKA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct wr_kafka_place;

// Embedded by value, zeroed.
struct wr_kafka_memory {
    struct wr_kafka_place *first_;
};

// `topic` is copied.
void wr_kafka_remember(struct wr_kafka_memory *m, const char *topic, int32_t id, int64_t offset);
// 0: nothing is known of it.
int64_t wr_kafka_recall(const struct wr_kafka_memory *m, const char *topic, int32_t id);
// The group has taken a commit of so far: there it goes on by itself.
void wr_kafka_committed(struct wr_kafka_memory *m, const char *topic, int32_t id, int64_t offset);
// Another may have read on meanwhile.
void wr_kafka_forget(struct wr_kafka_memory *m);

#endif
