// What a device needs to connect, as a zip in memory (control-plane.md 8).
// Thread: any. No database: the caller has found and opened everything.
#ifndef WR_ADMIN_DEVICE_PACKAGE_H
#define WR_ADMIN_DEVICE_PACKAGE_H

#include "engine/registry/pki.h"

#include "sql/base/buf.h"
#include "sql/base/err.h"

// A text of the package longer than this is a mistake: thing names have 128 characters, topics 256.
#define WR_DEVICE_TEXT_MAX 512

// Everything borrows.
struct wr_device_package {
    wr_str thing;
    wr_str tenant, region;
    wr_str certificate_id;
    wr_str certificate_pem;
    wr_str chain_pem;             // between the certificate and its root; empty: nothing
    wr_str root_pem;              // the CA that signed the broker's certificate
    const struct wr_pki_key *key; // NULL: the package has none, and says `no_key`
    wr_str passphrase;            // empty: the key is in clear in the zip
    wr_str no_key;                // a sentence: why there is no key
    wr_str endpoint;              // host of the broker
    uint16_t port;
    wr_str topic_prefix; // as the tenant's, "acme" or "acme/"; may be empty
};

// Append the zip to `zip`, which holds a secret: wr_secret_release(). Files, all at the top:
// <thing>.cert.pem, <thing>.private.key (mode 0600, PKCS#8, encrypted with a pass phrase),
// root-CA.crt, config.json, connect.sh (0755), README.txt, MANIFEST.sha256. With a pass phrase it
// takes a tenth of a second.
// WR_ERR_RANGE: a pass phrase that cannot be one, a text that is too long, not UTF-8 or has control
// characters; WR_ERR_MISSING: no endpoint or root.
wr_err wr_device_package_make(const struct wr_device_package *what, struct wr_buf *zip,
                              struct wr_fault *fault) WR_MUST_CHECK;

// Append `thing` as a file's name: other characters than A-Z a-z 0-9 _ . - become '_', so does a
// dot or a dash in front.
void wr_device_package_name(wr_str thing, struct wr_buf *out);

#endif
