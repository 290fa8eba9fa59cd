// Layout of the spool's files, little-endian, every part aligned to 8 bytes. For spool*.c only.
//
//   segment: [header 64][batch][batch] … zeros up to the preallocated size
//   batch:   [header 32][entry] … [entry]     unit of checksum, write and recovery
//   entry:   [len u32][crc32c u32][bytes, padded with zeros to 8]
//   done:    [index u32][~index u32] …        of entries in the segment; a torn pair is no pair
#ifndef WR_ENGINE_FLOW_SPOOL_FORMAT_H
#define WR_ENGINE_FLOW_SPOOL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_SPOOL_VERSION      1
#define WR_SPOOL_SEGMENT_MARK "weirspl\n"
#define WR_SPOOL_BATCH_MARK   UINT32_C(0x62726977) // "wirb"
#define WR_SPOOL_ALIGN        8

struct wr_spool_segment_header {
    char mark[8];
    uint32_t version;
    uint32_t header_size;
    uint64_t base_seq;
    int64_t created_ms;
    uint32_t salt; // chance; the manifest has it too
    uint8_t unused[24];
    uint32_t crc; // of all before it
};

struct wr_spool_batch_header {
    uint32_t mark;
    uint32_t crc; // of all behind it in the header, begun with the segment's salt: a payload that
                  // looks like a batch is none
    uint64_t base_seq;
    uint32_t body_len;
    uint32_t count;
    uint32_t body_crc;
    uint32_t unused;
};

struct wr_spool_entry_header {
    uint32_t len;
    uint32_t crc;
};

_Static_assert(sizeof(struct wr_spool_segment_header) == 64, "the header of a segment");
_Static_assert(sizeof(struct wr_spool_batch_header) == 32, "the header of a batch");
_Static_assert(sizeof(struct wr_spool_entry_header) == 8, "the header of an entry");
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#    error "the spool's files are little-endian and written as they lie in memory"
#endif

static inline size_t wr_spool_padded(size_t len)
{
    return (len + WR_SPOOL_ALIGN - 1) & ~(size_t)(WR_SPOOL_ALIGN - 1);
}

#endif
