// krb5.conf for client properties that name a realm and its KDC: librdkafka, the Kerberos library
// in this process and kinit read it through KRB5_CONFIG. Thread: loop.
#ifndef WR_SINKS_KAFKA_KERBEROS_H
#define WR_SINKS_KAFKA_KERBEROS_H

#include "sql/base/err.h"

#define WR_KERBEROS_REALMS_MAX 16 // as many as there are clients

// Unless the environment has a KRB5_CONFIG of its own: let it be STATE_DIR/kafka/krb5.conf, before
// the system's. The file need not be there. Call it early: it changes the environment.
void wr_kerberos_prepare(const char *state_dir);

// Put the realm and its KDC into the file. Blocks for a small write.
wr_err wr_kerberos_add(const char *state_dir, wr_str realm, wr_str kdc,
                       struct wr_fault *fault) WR_MUST_CHECK;

#endif
