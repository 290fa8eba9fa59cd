// MD2 (RFC 1319, with its erratum on the checksum). Debian's OpenSSL is built without it.
// Not for anything that must be secure: rules only use it to imitate AWS's md2().
// Thread: any.
#ifndef WR_SQL_FUNC_MD2_H
#define WR_SQL_FUNC_MD2_H

#include "sql/base/str.h"

#define WR_MD2_LEN 16

void wr_md2(wr_str s, unsigned char out[WR_MD2_LEN]);

#endif
