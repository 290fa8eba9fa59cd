// The status table: what the broker's plugin must know about every certificate, in one file
// (control-plane.md 7). weir builds and replaces it whole; the plugin reads it and looks up.
//
//   registry ── wr_status_builder ── wr_status_write (temporary, fsync, rename) ──> FILE
//   FILE ── wr_status_load ── wr_status_open: all of it verified ──> wr_status_find, …
//
// The file is read into memory, not mapped: what was verified cannot change or be cut off under the
// reader, whatever is done to the file.
// Thread: any; a builder has one owner.
#ifndef WR_ENGINE_REGISTRY_STATUS_H
#define WR_ENGINE_REGISTRY_STATUS_H

#include <stdint.h>
#include <sys/types.h>

#include "engine/registry/policy.h"

#define WR_STATUS_VERSION 1
#define WR_STATUS_SHA256  32
// Places in the file are 32-bit numbers; a million certificates are about 200 MB.
#define WR_STATUS_FILE_MAX ((size_t)1 << 30)

// STATUS(name): control-plane.md 6. Only ACTIVE may connect.
#define WR_CERTIFICATE_STATUSES(STATUS) \
    STATUS(INACTIVE)                    \
    STATUS(ACTIVE)                      \
    STATUS(REVOKED)                     \
    STATUS(PENDING_TRANSFER)            \
    STATUS(PENDING_ACTIVATION)          \
    STATUS(REGISTER_INACTIVE)
enum wr_certificate_status {
#define STATUS(name) WR_CERTIFICATE_##name,
    WR_CERTIFICATE_STATUSES(STATUS)
#undef STATUS
};

struct wr_status_tenant {
    wr_str name, account; // "acme", "123456789012"
    wr_str prefix;        // every topic of the tenant is this or below it; "": all topics
    bool enabled;         // else its devices do not connect
};
struct wr_status_attribute {
    wr_str name, value;
};
struct wr_status_thing {
    wr_str name, type; // type "": none
    bool exclusive;    // the certificate belongs to this thing alone
    const struct wr_status_attribute *attributes;
    uint32_t attribute_count;
};
struct wr_status_certificate {
    uint8_t sha256[WR_STATUS_SHA256]; // of the DER
    uint32_t tenant;                  // what wr_status_add_tenant() gave
    wr_str region;                    // of its registry, "eu-west-1": for the ARNs of policies
    enum wr_certificate_status status;
    int64_t not_after_s; // UNIX seconds: the certificate's own end
    uint32_t set;        // what wr_status_add_set() gave
    const struct wr_status_thing *things;
    uint32_t thing_count;
};

// ---- building. Everything is copied.

struct wr_status_builder;

// Give. `generation` is larger than that of every table before.
struct wr_status_builder *wr_status_builder_new(uint64_t generation);
void wr_status_builder_free(struct wr_status_builder *b);
uint32_t wr_status_add_tenant(struct wr_status_builder *b, const struct wr_status_tenant *tenant);
// A compiled policy (wr_policy_compile). Equal ones share a number.
uint32_t wr_status_add_policy(struct wr_status_builder *b, wr_str compiled);
// The policies of a certificate, its own and those of its things' groups. Equal lists share a
// number; no policy is a set too (nothing is allowed then).
uint32_t wr_status_add_set(struct wr_status_builder *b, const uint32_t *policies, uint32_t count);
void wr_status_add_certificate(struct wr_status_builder *b,
                               const struct wr_status_certificate *certificate);
// Append the file's bytes to `out`. A certificate that was added twice counts as it was added first
// (`*twice` of them; NULL is allowed): the registry does not let that happen. WR_ERR_LIMIT.
wr_err wr_status_finish(struct wr_status_builder *b, struct wr_buf *out, uint32_t *twice,
                        struct wr_fault *fault) WR_MUST_CHECK;

// Replace the file at `path`: readers see the old one or the new one, a crash leaves one of the
// two. Blocks for two fsyncs. Mode 0640, group as the folder says. WR_ERR_IO.
wr_err wr_status_write(const char *path, wr_str bytes, struct wr_fault *fault) WR_MUST_CHECK;

// ---- reading

struct wr_status {
    const char *at_;
    uint32_t tenants, certificates, policies;
    uint64_t generation;
    size_t tenants_, certificates_, things_, attributes_, sets_, items_, policies_, texts_;
};

// Which file it was, to see whether it has been replaced.
struct wr_status_file {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t changed_ns;
};
// Fill `bytes` with the whole file. WR_ERR_MISSING, WR_ERR_IO, WR_ERR_LIMIT.
wr_err wr_status_load(const char *path, struct wr_buf *bytes, struct wr_status_file *file,
                      struct wr_fault *fault) WR_MUST_CHECK;
// What is at `path` now: false when nothing is.
bool wr_status_look(const char *path, struct wr_status_file *file);
static inline bool wr_status_same(const struct wr_status_file *a, const struct wr_status_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_ns == b->changed_ns;
}

// Lend `bytes` while the table is used. WR_ERR_CORRUPT (sum, size, any number or order that does
// not hold), WR_ERR_UNSUPPORTED (another version): the file is then refused whole.
wr_err wr_status_open(wr_str bytes, struct wr_status *out, struct wr_fault *fault) WR_MUST_CHECK;

struct wr_status_record {
    uint32_t tenant;
    enum wr_certificate_status status;
    int64_t not_after_s;
    wr_str region;
    uint32_t set;
    uint32_t thing_, things_;
};
bool wr_status_find(const struct wr_status *s, const uint8_t sha256[WR_STATUS_SHA256],
                    struct wr_status_record *out);
// Record number `at`, in the order of the SHA-256 sums.
void wr_status_record(const struct wr_status *s, uint32_t at, struct wr_status_record *out,
                      uint8_t sha256[WR_STATUS_SHA256]);
struct wr_status_tenant wr_status_tenant(const struct wr_status *s, uint32_t tenant);

// The thing that speaks: the one the certificate belongs to alone, whatever the client id, else the
// attached one of that name. False: none. `attributes` of it is NULL: ask for them by name.
struct wr_status_found {
    wr_str name, type;
    uint32_t attribute_, attributes_;
};
bool wr_status_thing(const struct wr_status *s, const struct wr_status_record *record,
                     wr_str client_id, struct wr_status_found *out);
bool wr_status_attribute(const struct wr_status *s, const struct wr_status_found *thing,
                         wr_str name, wr_str *value);

// The policies of a set, for wr_policy_evaluate().
uint32_t wr_status_set_len(const struct wr_status *s, uint32_t set);
struct wr_policy wr_status_policy(const struct wr_status *s, uint32_t set, uint32_t at);

// All of a set's policies: DENY, ALLOW or NOTHING.
enum wr_policy_verdict wr_status_decide(const struct wr_status *s, uint32_t set,
                                        const struct wr_policy_request *request);

#endif
