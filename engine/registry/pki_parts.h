// Between the files of pki.
// Thread: any.
#ifndef WR_REGISTRY_PKI_PARTS_H
#define WR_REGISTRY_PKI_PARTS_H

#include "engine/registry/pki.h"

#include <openssl/types.h>

struct wr_pki_key {
    EVP_PKEY *pkey;
};

// "text: what OpenSSL said", and its queue of errors is empty again.
wr_err wr_pki_fault(struct wr_fault *fault, wr_err code, const char *text);

// What kind of key it is, and whether AWS takes it: RSA of 2048 bits or more, or a curve that is
// named (not spelt out) and one of three. `what` begins the fault: "the certificate".
enum wr_pki_kind wr_pki_kind_of(const EVP_PKEY *pkey);
wr_err wr_pki_kind_check(const EVP_PKEY *pkey, const char *what,
                         struct wr_fault *fault) WR_MUST_CHECK;

// A name as RFC 4514, UTF-8; {NULL, 0} when empty. Give, by free(at).
wr_str wr_pki_name_text(const X509_NAME *name) WR_MUST_CHECK;

#endif
