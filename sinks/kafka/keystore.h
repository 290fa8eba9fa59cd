// Java's key stores and trust stores for librdkafka, which reads PEM: PKCS#12 (what keytool makes
// since Java 9), JKS (what it made before), or PEM itself; as bytes or in base64.
// Thread: any. Unlocking a store takes milliseconds.
#ifndef WR_SINKS_KAFKA_KEYSTORE_H
#define WR_SINKS_KAFKA_KEYSTORE_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

// Append the certificates of a trust store as PEM. `password` may be empty: then a JKS store is
// taken without a look at its digest. Faults say what was found, without place.
wr_err wr_keystore_trusted(wr_str store, wr_str password, struct wr_buf *pem,
                           struct wr_fault *fault) WR_MUST_CHECK;

// Append the certificate with its chain, and the key, as PEM, of the store's one entry with a key.
// `key_password` empty: that of the store.
wr_err wr_keystore_identity(wr_str store, wr_str password, wr_str key_password,
                            struct wr_buf *chain_pem, struct wr_buf *key_pem,
                            struct wr_fault *fault) WR_MUST_CHECK;

#endif
