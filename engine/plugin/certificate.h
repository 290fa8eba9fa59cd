// What policy variables say about a certificate: iot:Certificate.Subject.CommonName and kin.
// Thread: any.
#ifndef WR_ENGINE_PLUGIN_CERTIFICATE_H
#define WR_ENGINE_PLUGIN_CERTIFICATE_H

#include <openssl/x509.h>

#include "sql/base/buf.h"
#include "sql/base/str.h"

#include <stdint.h>

// SHA-256 of the DER. False: OpenSSL failed.
bool wr_certificate_sha256(const X509 *certificate, uint8_t out[32]);

// Append the DER. False: OpenSSL failed, or there is no room.
bool wr_certificate_der(const X509 *certificate, struct wr_buf *out);

struct wr_certificate_values;

// Give. Everything that wr_policy_certificate_name() knows and the certificate has.
struct wr_certificate_values *wr_certificate_values_new(const X509 *certificate);
void wr_certificate_values_free(struct wr_certificate_values *v); // NULL is accepted

// As wr_policy_context.certificate wants it.
bool wr_certificate_value(const struct wr_certificate_values *v, wr_str name, uint32_t index,
                          wr_str *value);

#endif
