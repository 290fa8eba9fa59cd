// The bytes of a status table. For status.c and status_build.c only.
//
//   head | tenants | certificates | things | attributes | sets | items | policies | texts
//
// Sections without gaps; their places follow from the head's counts. Numbers are of this machine: a
// file of another byte order has another `order`.
#ifndef WR_ENGINE_REGISTRY_STATUS_PARTS_H
#define WR_ENGINE_REGISTRY_STATUS_PARTS_H

#include <stdint.h>

#define STATUS_MAGIC "WEIRSTAT"
#define STATUS_ORDER UINT32_C(0x01020304)

struct status_head {
    char magic[8];
    uint32_t order, version;
    uint64_t generation;
    uint64_t size; // of the whole file
    uint32_t tenants, certificates, things, attributes, sets, items, policies, text_len;
    uint32_t crc; // CRC-32C of the whole file with this field 0
    uint32_t zero;
};

struct status_text {
    uint32_t at, len; // in the texts
};
struct status_tenant {
    struct status_text name, account, prefix;
    uint32_t enabled;
};
struct status_certificate {
    uint8_t sha256[32]; // strictly rising
    int64_t not_after_s;
    uint32_t tenant, status;
    struct status_text region;
    uint32_t set;
    uint32_t thing, things; // rising by name
    uint32_t number;        // builder only; 0 in the file
};
struct status_thing {
    struct status_text name, type;
    uint32_t attribute, attributes;
    uint32_t exclusive;
};
struct status_attribute {
    struct status_text name, value;
};
struct status_set {
    uint32_t item, items; // an item is the number of a policy
};

#endif
