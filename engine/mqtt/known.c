// A short list, looked through from the front: redeliveries come in the order of the first time.
#include "engine/mqtt/known.h"

#include <stdlib.h>

#include "sql/base/err.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

uint64_t wr_known_hash(wr_str topic, wr_str payload)
{
    return wr_hash_bytes(payload.at, payload.len, wr_hash_str(topic));
}

void wr_known_release(struct wr_known_list *list)
{
    free(list->at);
    *list = (struct wr_known_list){0};
}

void wr_known_add(struct wr_known_list *list, uint16_t mid, uint64_t content)
{
    if (list->count == WR_KNOWN_MAX) {
        return;
    }
    if (list->count == list->cap_) {
        list->cap_ = list->cap_ ? 2 * list->cap_ : 256;
        list->at = wr_realloc(list->at, list->cap_ * sizeof *list->at);
    }
    list->at[list->count++] = (struct wr_known){content, mid};
}

bool wr_known_take(struct wr_known_list *list, uint16_t mid, uint64_t content)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i].mid == mid && list->at[i].content == content) {
            list->at[i] = list->at[--list->count];
            return true;
        }
    }
    return false;
}
