// Who published a message, as the broker's plugin tells weir: one MQTT 5 user property with a MAC
// (control-plane.md 7.6). The plugin takes every weir-… property out of what a client publishes and
// adds its own; a Will does not pass the plugin, so that what it carries may be forged: weir
// believes only a property whose MAC is right for this very topic and payload, and not old.
// Thread: any; a key may be used by several at once.
//
//   weir-origin: 1 <ms since 1970> <MAC, hex> <principal> <address> <client id>
#ifndef WR_ENGINE_REGISTRY_ORIGIN_H
#define WR_ENGINE_REGISTRY_ORIGIN_H

#include <stdint.h>

#include "sql/base/buf.h"
#include "sql/base/err.h"

#define WR_ORIGIN_PREFIX     "weir-" // user properties of this name are the broker's and weir's own
#define WR_ORIGIN_PROPERTY   "weir-origin"
#define WR_ORIGIN_KEY_MIN    32    // bytes: as long as the MAC
#define WR_ORIGIN_KEY_MAX    1024  // a file of another kind was meant
#define WR_ORIGIN_AHEAD_MS   60000 // clocks of two machines
#define WR_ORIGIN_CLIENT_MAX 65535 // MQTT's limit

// Opaque: states of SHA-256 with the key taken in.
struct wr_origin_key {
    uint64_t inner_[16], outer_[16];
};

// The whole file is the key (`openssl rand -out FILE 32`). One that everybody may read is refused:
// WR_ERR_DENIED; WR_ERR_RANGE, WR_ERR_IO.
wr_err wr_origin_key_load(const char *path, struct wr_origin_key *out,
                          struct wr_fault *fault) WR_MUST_CHECK;
void wr_origin_key_set(struct wr_origin_key *key, wr_str bytes);

struct wr_origin {
    wr_str principal; // "acme/<certificate id>", or a name without "/": an account of the broker
    wr_str address;   // no blanks in these two
    wr_str client_id;
    int64_t at_ms;
};

// Append the property's value.
void wr_origin_write(const struct wr_origin_key *key, const struct wr_origin *origin, wr_str topic,
                     wr_str payload, struct wr_buf *out);

enum wr_origin_verdict {
    WR_ORIGIN_GOOD,
    WR_ORIGIN_FORGED, // no property of ours, or a MAC that is not right
    WR_ORIGIN_STALE,  // right, and too old or from the future
};
// `out` borrows from `value` and is set only with GOOD. No allocation; time does not tell how much
// of the MAC was right.
enum wr_origin_verdict wr_origin_read(const struct wr_origin_key *key, wr_str value, wr_str topic,
                                      wr_str payload, int64_t now_ms, int64_t max_age_ms,
                                      struct wr_origin *out);

#endif
