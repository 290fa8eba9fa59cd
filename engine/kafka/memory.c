// A list: a weir has some hundred partitions at most.
#include "engine/kafka/memory.h"

#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

struct wr_kafka_place {
    struct wr_kafka_place *next;
    int64_t offset;
    int32_t id;
    char topic[];
};

void wr_kafka_remember(struct wr_kafka_memory *m, const char *topic, int32_t id, int64_t offset)
{
    size_t len = strlen(topic) + 1;
    struct wr_kafka_place *p = wr_alloc(sizeof *p + len);
    *p = (struct wr_kafka_place){.next = m->first_, .offset = offset, .id = id};
    memcpy(p->topic, topic, len);
    m->first_ = p;
}

int64_t wr_kafka_recall(const struct wr_kafka_memory *m, const char *topic, int32_t id)
{
    for (const struct wr_kafka_place *p = m->first_; p; p = p->next) {
        if (p->id == id && strcmp(p->topic, topic) == 0) {
            return p->offset;
        }
    }
    return 0;
}

void wr_kafka_committed(struct wr_kafka_memory *m, const char *topic, int32_t id, int64_t offset)
{
    for (struct wr_kafka_place **at = &m->first_; *at;) {
        struct wr_kafka_place *p = *at;
        if (p->id == id && p->offset <= offset && strcmp(p->topic, topic) == 0) {
            *at = p->next;
            free(p);
        } else {
            at = &p->next;
        }
    }
}

void wr_kafka_forget(struct wr_kafka_memory *m)
{
    while (m->first_) {
        struct wr_kafka_place *next = m->first_->next;
        free(m->first_);
        m->first_ = next;
    }
}
