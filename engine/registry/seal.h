// Small secrets at rest: AES-256-GCM under a key from a file.
//
// Two keys are used so. The instance key, STATE/secrets.key, weir makes itself: it seals what the
// database must be able to give back (secrets of access keys, keys of tenants' CAs), so that a copy
// of the database alone betrays nothing. The escrow key comes from outside the state folder, from
// the operator: it seals device keys, and without it nothing is kept (control-plane.md 8).
//
// A sealed secret is bytes:
//
//     'W' 'S' 1 0 | key's id (4) | nonce (12) | ciphertext (as long as the secret) | tag (16)
//
// The first 20 bytes and the associated data are authenticated. The nonce is random: 2^32 secrets
// under one key stay far from a collision.
// Thread: any; a key does not change while it lives.
#ifndef WR_REGISTRY_SEAL_H
#define WR_REGISTRY_SEAL_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <stdint.h>

#define WR_SEAL_KEY_BYTES  32
#define WR_SEAL_EXTRA      36         // bytes that a sealed secret is longer than the secret
#define WR_SEAL_SECRET_MAX (64 << 10) // a private key has 3 KiB; more is not a small secret

// In memory of its own: locked if the system allows, left out of core dumps, wiped when freed.
struct wr_seal_key;

// The key of file `path`: 32 bytes as they are, or as 64 hex digits or base64 with blanks around.
// Nobody but the owner may have access to it (an ACL that lets this process read it, as systemd
// gives credentials, is fine), and the owner is this process's user or root. Give.
// WR_ERR_MISSING: there is no such file; WR_ERR_DENIED: others may read it, or this process must
// not; WR_ERR_CORRUPT: it holds no key; WR_ERR_IO. The fault says what to do.
wr_err wr_seal_key_read(const char *path, struct wr_seal_key **key,
                        struct wr_fault *fault) WR_MUST_CHECK;

// The same from a file descriptor, which is read to its end and stays open. Of one that is not a
// file (a pipe) there is no mode to check. `name` is what faults call it.
wr_err wr_seal_key_read_fd(int fd, const char *name, struct wr_seal_key **key,
                           struct wr_fault *fault) WR_MUST_CHECK;

// A new random key in file `path` (0600, on disk when this returns). Never overwrites:
// WR_ERR_EXISTS. Give.
wr_err wr_seal_key_make(const char *path, struct wr_seal_key **key,
                        struct wr_fault *fault) WR_MUST_CHECK;

// The key of the file, which is made when there is none. `made` (may be NULL) says which. Of
// several processes that come here at once all get the same key.
wr_err wr_seal_key_open(const char *path, struct wr_seal_key **key, bool *made,
                        struct wr_fault *fault) WR_MUST_CHECK;

void wr_seal_key_free(struct wr_seal_key *key);

// A number that tells keys apart and says nothing about them: for "sealed with another key".
uint32_t wr_seal_key_id(const struct wr_seal_key *key);

// Append `secret`, sealed, to `out`. `about` says what it is the secret of ("access-key/AKIA…"):
// opening wants the same, so that sealed secrets cannot be exchanged for each other.
// WR_ERR_LIMIT: longer than WR_SEAL_SECRET_MAX.
wr_err wr_seal(const struct wr_seal_key *key, wr_str secret, wr_str about, struct wr_buf *out,
               struct wr_fault *fault) WR_MUST_CHECK;

// Append the secret to `out`, which wr_secret_release() must wipe. On failure nothing is appended.
// WR_ERR_STATE: sealed with another key; WR_ERR_CORRUPT: not a sealed secret, damaged, or about
// something else.
wr_err wr_seal_open(const struct wr_seal_key *key, wr_str sealed, wr_str about, struct wr_buf *out,
                    struct wr_fault *fault) WR_MUST_CHECK;

#endif
