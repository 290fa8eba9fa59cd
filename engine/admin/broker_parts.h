// What the pool does for broker.c.
#ifndef WR_ENGINE_ADMIN_BROKER_PARTS_H
#define WR_ENGINE_ADMIN_BROKER_PARTS_H

#include <stdint.h>

#include "engine/registry/db.h"
#include "engine/registry/seal.h"

// One table. Thread: one of the pool's.
struct wr_broker_table {
    const char *database, *dir; // lent
    const char *broker;         // "": the shared one; else the tenant's that has it. Lent
    uint64_t generation;
    bool crl;                       // write crl.pem too
    const struct wr_seal_key *seal; // of the CAs' keys; lent
    // The answer.
    wr_err err;
    struct wr_fault fault;
    uint64_t certificates, bytes, took_ms;
};
// Read the registry in one snapshot, write the table and the CA files. broker_table.c
void wr_broker_table_make(struct wr_broker_table *t);

// Make the files of `folder` those of `pems`: names by OpenSSL's hash of the subject, "1a2b3c4d.0",
// as `openssl rehash` and mosquitto's capath have them. What is no longer there goes, other names
// stay. `pems` are terminated. broker_ca.c
wr_err wr_broker_ca_write(const char *folder, char *const *pems, size_t count,
                          struct wr_fault *fault) WR_MUST_CHECK;

// Replace crl.pem by lists of every tenant's CA. broker_crl.c
wr_err wr_broker_crl_write(const struct wr_broker_table *t, struct wr_db *db,
                           struct wr_fault *fault) WR_MUST_CHECK;

#endif
