// Between seal.c and seal_file.c.
// Thread: any.
#ifndef WR_REGISTRY_SEAL_PARTS_H
#define WR_REGISTRY_SEAL_PARTS_H

#include "engine/registry/seal.h"

// A key with a copy of `bytes`; give.
struct wr_seal_key *wr_seal_key_of(const uint8_t bytes[WR_SEAL_KEY_BYTES]) WR_MUST_CHECK;

#endif
