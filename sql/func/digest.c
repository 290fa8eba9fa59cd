// Hashes of text: sql.md 11.2. libcrypto's block functions for all but MD2: EVP in OpenSSL 3.0
// allocates a context for each message (measured: one malloc a digest, also when contexts are
// reused), these do not.
#define OPENSSL_SUPPRESS_DEPRECATED // the functions are deprecated for applications that need
                                    // providers
#include "sql/func/bodies.h"

#include "sql/func/md2.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "sql/base/banned.h"

#define DIGEST_MAX SHA512_DIGEST_LENGTH

static void md2(wr_str s, unsigned char *out)
{
    wr_md2(s, out);
}

#define DIGEST_FUNCTION(name, context, prefix)     \
    static void name(wr_str s, unsigned char *out) \
    {                                              \
        context c;                                 \
        prefix##_Init(&c);                         \
        prefix##_Update(&c, s.at, s.len);          \
        prefix##_Final(out, &c);                   \
    }
DIGEST_FUNCTION(md5, MD5_CTX, MD5)
DIGEST_FUNCTION(sha1, SHA_CTX, SHA1)
DIGEST_FUNCTION(sha224, SHA256_CTX, SHA224)
DIGEST_FUNCTION(sha256, SHA256_CTX, SHA256)
DIGEST_FUNCTION(sha384, SHA512_CTX, SHA384)
DIGEST_FUNCTION(sha512, SHA512_CTX, SHA512)

// `work`: steps a byte of text takes.
static wr_value digest(struct wr_call *c, wr_value *arg, void (*f)(wr_str, unsigned char *),
                       size_t len, unsigned work)
{
    wr_str s;
    if (!wr_call_text(c, arg, &s)) {
        return wr_undefined();
    }
    s = s.len ? s : WR_STR("");
    unsigned char out[DIGEST_MAX];
    f(s, out);
    c->steps += 200 + (uint64_t)s.len * work;
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    if (!wr_buf_reserve(&b, 2 * len)) {
        return wr_undefined();
    }
    wr_buf_add_hex(&b, out, len);
    return wr_call_built(&b);
}

#define DIGEST_BODY(name, len, work)                                             \
    wr_value wr_digest_##name(struct wr_call *c, wr_value *args, uint32_t count, \
                              uint32_t payload_args)                             \
    {                                                                            \
        return digest(c, &args[0], name, len, work);                             \
    }
DIGEST_BODY(md2, WR_MD2_LEN, 60) // 18 rounds over 48 bytes for 16 bytes of text
DIGEST_BODY(md5, MD5_DIGEST_LENGTH, 2)
DIGEST_BODY(sha1, SHA_DIGEST_LENGTH, 2)
DIGEST_BODY(sha224, SHA224_DIGEST_LENGTH, 2)
DIGEST_BODY(sha256, SHA256_DIGEST_LENGTH, 2)
DIGEST_BODY(sha384, SHA384_DIGEST_LENGTH, 2)
DIGEST_BODY(sha512, SHA512_DIGEST_LENGTH, 2)
