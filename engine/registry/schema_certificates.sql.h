// Certificates: the step of schema.c, as one text.
// Thread: start.
#ifndef WR_ENGINE_REGISTRY_SCHEMA_CERTIFICATES_SQL_H
#define WR_ENGINE_REGISTRY_SCHEMA_CERTIFICATES_SQL_H

// Times end in _ms or _s, both since 1970. Ids of certificates are the SHA-256 of their DER, lower
// hex, and unique over all tenants: the broker sees no tenant, only a certificate. `pem` is the
// text that was given, or that weir made.
//
// authorities: the CAs that weir made for a tenant; one is active, older ones stay as long as there
// are certificates of theirs. `key` is sealed with STATE/secrets.key ("ca-key/<cert_id>").
//
// certificates: `authority` issued it, or `ca` (a cert_id, whether registered or not any more)
// signed it, or neither is known. A transfer that is pending has `target`, the realm that may
// accept it; the rest of the transfer is history.
//
// escrow: a device's private key, sealed with the operator's key, until it is FETCHED or EXPIRED or
// its certificate REVOKED or given away (MOVED); then `key` is NULL. While it is there: KEPT.
#define WR_SCHEMA_CERTIFICATES                                                                    \
    "CREATE TABLE authorities("                                                                   \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL REFERENCES tenants(id),"      \
    " cert_id TEXT NOT NULL UNIQUE, subject BLOB NOT NULL, pem TEXT NOT NULL, key BLOB NOT NULL," \
    " not_after_s INTEGER NOT NULL, created_ms INTEGER NOT NULL, active INTEGER NOT NULL);"       \
    "CREATE INDEX authorities_tenant ON authorities(tenant, active);"                             \
    "CREATE TABLE ca_certificates("                                                               \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"        \
    " cert_id TEXT NOT NULL, subject BLOB NOT NULL, pem TEXT NOT NULL, status TEXT NOT NULL,"     \
    " mode TEXT NOT NULL, auto_registration TEXT NOT NULL, registration_config TEXT,"             \
    " not_before_s INTEGER NOT NULL, not_after_s INTEGER NOT NULL, created_ms INTEGER NOT NULL,"  \
    " modified_ms INTEGER NOT NULL, version INTEGER NOT NULL, generation TEXT NOT NULL,"          \
    " UNIQUE(realm, cert_id));"                                                                   \
    "CREATE INDEX ca_certificates_subject ON ca_certificates(realm, subject);"                    \
    "CREATE INDEX ca_certificates_id ON ca_certificates(cert_id);"                                \
    "CREATE TABLE certificates("                                                                  \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"        \
    " cert_id TEXT NOT NULL UNIQUE, pem TEXT NOT NULL, status TEXT NOT NULL, mode TEXT NOT NULL," \
    " authority INTEGER REFERENCES authorities(id), ca TEXT, not_before_s INTEGER NOT NULL,"      \
    " not_after_s INTEGER NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL,"   \
    " version INTEGER NOT NULL, generation TEXT NOT NULL, previous_account TEXT,"                 \
    " target INTEGER REFERENCES realms(id), target_account TEXT, transfer_message TEXT,"          \
    " transfer_ms INTEGER, accept_ms INTEGER, reject_ms INTEGER, reject_reason TEXT);"            \
    "CREATE INDEX certificates_realm ON certificates(realm, id);"                                 \
    "CREATE INDEX certificates_target ON certificates(target, id) WHERE target IS NOT NULL;"      \
    "CREATE INDEX certificates_ca ON certificates(realm, ca, id) WHERE ca IS NOT NULL;"           \
    "CREATE INDEX certificates_authority ON certificates(authority) WHERE authority IS NOT NULL;" \
    "CREATE TABLE registration_codes("                                                            \
    " realm INTEGER PRIMARY KEY REFERENCES realms(id), code TEXT NOT NULL);"                      \
    "CREATE TABLE escrow("                                                                        \
    " certificate INTEGER PRIMARY KEY REFERENCES certificates(id) ON DELETE CASCADE,"             \
    " state TEXT NOT NULL, key BLOB, expires_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL);"  \
    "CREATE INDEX escrow_expires ON escrow(expires_ms) WHERE key IS NOT NULL;"

#endif
