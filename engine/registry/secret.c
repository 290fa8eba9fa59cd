// Random bytes and forgetting them, by OpenSSL.
#include "engine/registry/secret.h"

#include "sql/base/err.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "sql/base/banned.h"

void wr_secret_random(void *to, size_t len)
{
    wr_assert(len <= INT32_MAX && RAND_bytes(to, (int)len) == 1);
}

void wr_secret_random_text(char *to, size_t len, wr_str alphabet)
{
    wr_assert(alphabet.len >= 2 && alphabet.len <= 256);
    // Bytes from here on would make the first letters of the alphabet more likely.
    unsigned fair = 256 - 256 % (unsigned)alphabet.len;
    for (size_t i = 0; i < len;) {
        uint8_t byte;
        wr_secret_random(&byte, 1);
        if (byte < fair) {
            to[i++] = alphabet.at[byte % alphabet.len];
        }
    }
}

void wr_secret_wipe(void *at, size_t len)
{
    if (len) {
        OPENSSL_cleanse(at, len);
    }
}

void wr_secret_release(struct wr_buf *b)
{
    wr_secret_wipe(b->at, b->cap_);
    wr_buf_release(b);
}

bool wr_secret_eq(wr_str a, wr_str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}
