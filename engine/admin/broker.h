// Keeps mosquitto's plugin (engine/plugin) up to date: the status table, the CA files, and who
// waits until a change is in force (control-plane.md 6, 7). All of it in the folder `broker.dir`:
//
//   status       the table (registry/status.h)      ca/   the CAs' certificates by hashed names
//   events.sock  where the plugin tells (registry/broker_events.h)
//   crl.pem      with broker.crl: revocation lists of the tenants' CAs, for other brokers
//
// A tenant with a broker of its own (feature iot.broker) has all that in brokers.NAME.dir, with
// itself and its devices only, and is switched off in the others' tables.
//
//   a call's commit ── wr_broker_wait ──> the next table, for all that wait: read from registry.db
//   in a snapshot, written, renamed (pool) ──> the plugin's event of its generation, or 2 s ──>
//   answer
//
// Thread: loop, but for wr_broker_watch() and wr_broker_changes().
#ifndef WR_ENGINE_ADMIN_BROKER_H
#define WR_ENGINE_ADMIN_BROKER_H

#include <uv.h>

#include "engine/admin/broker_clients.h"
#include "engine/registry/db.h"
#include "engine/registry/seal.h"

struct wr_config;
struct wr_broker;

// Open what `broker.dir` and brokers.*.dir ask for, bind the sockets, and write a table each at
// once.
// `*out` is NULL when none is set. `seal` opens the CAs' keys (broker.crl), and is lent until
// close. WR_ERR_IO.
wr_err wr_broker_open(uv_loop_t *loop, const struct wr_config *config, const char *state_dir,
                      const struct wr_seal_key *seal, struct wr_broker **out,
                      struct wr_fault *fault) WR_MUST_CHECK;
// Those who wait are told that nothing was confirmed. NULL: `closed` at once.
void wr_broker_close(struct wr_broker *b, void (*closed)(void *user), void *user);

// Certificates that are their own CA, in a broker's folder of CAs: each is read when a table is
// written, and a process of the broker looks through those of one name.
#define WR_BROKER_TRUSTED_MAX 1000

// Somebody who has committed a change and wants to know that it is in force. Taken until `done`.
struct wr_broker_wait {
    void (*done)(struct wr_broker_wait *wait, bool confirmed);
    struct wr_broker_wait *next_;
    uint64_t generation_; // of the table that has it; 0: not begun
    uint64_t until_ms_;
    unsigned left_; // brokers that have not confirmed
    bool failed_;
};
// At the broker with this name ("": the shared one; one without a folder: likewise), or at all of
// them (NULL). All tables are written anew.
void wr_broker_wait(struct wr_broker *b, const char *name, struct wr_broker_wait *wait);

// Who is connected to the broker with this name; borrowed.
const struct wr_broker_clients *wr_broker_clients(const struct wr_broker *b, const char *name);

// Who is told of a certificate that is not registered and that TLS let in nevertheless: the
// broker's name, its DER. Lent until close; `b` may be NULL.
void wr_broker_on_unregistered(struct wr_broker *b,
                               void (*tell)(void *user, const char *broker, wr_str der),
                               void *user);

struct wr_broker_stats {
    uint64_t tables, failures;       // written; not written
    uint64_t confirmed, unconfirmed; // changes
    uint64_t events, lost;           // of the plugin
    uint64_t connects, disconnects, dropped, refused;
    uint64_t generation, in_force; // written last; told by the plugin
    uint64_t certificates, bytes;  // of the last table
    uint64_t took_ms;              // to make and write it
};
// Of all brokers together; of the generations, those of the first.
void wr_broker_stats(const struct wr_broker *b, struct wr_broker_stats *out);

// ---- on the registry's writer. Thread: its.

// Count, from here on and on this connection, every change that the table or the CA files depend
// on. Inside the transaction of wr_registry_open()'s `first`.
void wr_broker_watch(struct wr_db *db);
// The count; it goes back with a savepoint that is rolled back. -1: not watched.
int64_t wr_broker_changes(struct wr_db *db);

#endif
