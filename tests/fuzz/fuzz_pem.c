// Any bytes as a certificate, a signing request and a private key, as PEM and (certificates) as
// DER. Must not crash or leak; what is read is described, and written so that it is read again.
#include "engine/registry/pki.h"

#include "engine/registry/pem.h"
#include "engine/registry/secret.h"

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct wr_pki_cert *c)
{
    struct wr_fault fault = {0};
    wr_assert(strlen(c->id) == WR_PKI_ID_LEN && wr_pki_kind_text(c->kind)[0]);
    wr_assert(wr_utf8_valid(c->common_name));
    wr_assert(!wr_pki_cert_check_device(c, &fault) == !fault.code);
    fault = (struct wr_fault){0};
    wr_assert(!wr_pki_cert_check_authority(c, &fault) == !fault.code);
    wr_assert(!c->self_signed || wr_pki_cert_signed_by(c, c));
    struct wr_buf pem = {0};
    struct wr_pki_cert again = {.id = ""};
    wr_pki_cert_pem(c, &pem);
    if (pem.len <= WR_PKI_CERT_MAX) {
        wr_assert(!wr_pki_cert_read(wr_buf_str(&pem), &again, NULL));
        wr_assert(wr_str_eq(wr_str_of(again.id), wr_str_of(c->id)));
        wr_assert(wr_str_eq(wr_buf_str(&again.der), wr_buf_str(&c->der)));
    }
    wr_pki_cert_release(&again);
    wr_buf_release(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wr_str text = {size ? (const char *)data : "", size};
    struct wr_pki_cert cert = {.id = ""};
    struct wr_fault fault = {0};
    wr_err err = wr_pki_cert_read(text, &cert, &fault);
    wr_assert(!err == !fault.code && (!err || (fault.text[0] && !cert.x509_)));
    if (!err) {
        look(&cert);
    }
    wr_pki_cert_release(&cert);
    if (!wr_pki_cert_read_der(text, &cert, NULL)) {
        look(&cert);
    }
    wr_pki_cert_release(&cert);

    struct wr_pki_request request = {.req_ = NULL};
    fault = (struct wr_fault){0};
    err = wr_pki_request_read(text, &request, &fault);
    wr_assert(!err == !fault.code && (!err || (fault.text[0] && !request.req_)));
    wr_pki_request_release(&request);

    struct wr_pki_key *key = NULL;
    fault = (struct wr_fault){0};
    err = wr_pki_key_read(text, &key, &fault);
    wr_assert(!err == !fault.code && !err == !!key);
    wr_pki_key_free(key);
    return 0;
}
