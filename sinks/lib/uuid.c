// UUIDs out of a record's delivery id.
#include "sinks/lib/uuid.h"

#include "sql/base/banned.h"

void wr_uuid_of_record(char out[WR_UUID_LEN + 1], const struct wr_record *rec, uint32_t index)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t id[16] = {0};
    if (rec->delivery_id) {
        memcpy(id, rec->delivery_id, sizeof id);
    }
    // The last four bytes count: actions by 2^20, a record's own ids (fewer than that) by one.
    uint32_t tail =
        (uint32_t)id[12] << 24 | (uint32_t)id[13] << 16 | (uint32_t)id[14] << 8 | id[15];
    tail += (uint32_t)rec->action_number << 20;
    tail += index;
    for (int i = 0; i < 4; i++) {
        id[12 + i] = (uint8_t)(tail >> (24 - 8 * i));
    }
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++) {
        *out++ = hex[id[i] >> 4];
        *out++ = hex[id[i] & 15];
        if (i == 3 || i == 5 || i == 7 || i == 9) {
            *out++ = '-';
        }
    }
    *out = 0;
}
