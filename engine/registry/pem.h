// PEM as people send it: one block of base64 between two lines with a label. Read by our own code,
// because OpenSSL's reader takes what is around and behind the block without a word, and asks for
// pass phrases.
// Thread: any.
#ifndef WR_REGISTRY_PEM_H
#define WR_REGISTRY_PEM_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

// Append the bytes of the one block in `text` to `der` (nothing on failure). `label` gets its
// label ("CERTIFICATE"), which borrows from `text`. `what` is what faults call the thing that is
// expected ("a certificate"). Accepted: text before the block that does not look like a block
// (`openssl x509 -text` writes some), lines of any length, CRLF. Refused, with the place: no
// block, a second one, anything but blanks behind it, headers (`Proc-Type: 4,ENCRYPTED`), base64
// that is damaged.
wr_err wr_pem_read(wr_str text, const char *what, wr_str *label, struct wr_buf *der,
                   struct wr_fault *fault) WR_MUST_CHECK;

// Append a block: label, base64 in lines of 64, a line break at the end.
void wr_pem_write(struct wr_buf *out, const char *label, wr_str der);

#endif
