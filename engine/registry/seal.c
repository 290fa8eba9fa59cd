// Sealing and opening; the files of keys are in seal_file.c.
#include "engine/registry/seal.h"

#include "engine/registry/seal_parts.h"
#include "engine/registry/secret.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define MAGIC       "WS\1"
#define ID_AT       4
#define NONCE_AT    8
#define NONCE_BYTES 12
#define HEAD        (NONCE_AT + NONCE_BYTES)
#define TAG_BYTES   16
_Static_assert(HEAD + TAG_BYTES == WR_SEAL_EXTRA, "the head and the tag are what a seal adds");

struct wr_seal_key {
    uint8_t bytes[WR_SEAL_KEY_BYTES];
    uint32_t id;
};

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

struct wr_seal_key *wr_seal_key_of(const uint8_t bytes[WR_SEAL_KEY_BYTES])
{
    struct wr_seal_key *k =
        mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (k == MAP_FAILED) {
        wr_out_of_memory(page_size());
    }
    // Both may be refused (RLIMIT_MEMLOCK, an old kernel): the key works all the same.
    (void)!mlock(k, page_size());
    (void)!madvise(k, page_size(), MADV_DONTDUMP);
    memcpy(k->bytes, bytes, WR_SEAL_KEY_BYTES);
    uint8_t digest[EVP_MAX_MD_SIZE], text[sizeof "weir key id" + WR_SEAL_KEY_BYTES] = "weir key id";
    memcpy(text + sizeof "weir key id", bytes, WR_SEAL_KEY_BYTES);
    wr_assert(EVP_Digest(text, sizeof text, digest, NULL, EVP_sha256(), NULL) == 1);
    k->id = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
            digest[3];
    wr_secret_wipe(text, sizeof text);
    wr_secret_wipe(digest, sizeof digest);
    return k;
}

void wr_seal_key_free(struct wr_seal_key *key)
{
    if (key) {
        wr_secret_wipe(key, sizeof *key);
        munmap(key, page_size());
    }
}

uint32_t wr_seal_key_id(const struct wr_seal_key *key)
{
    return key->id;
}

wr_err wr_seal(const struct wr_seal_key *key, wr_str secret, wr_str about, struct wr_buf *out,
               struct wr_fault *fault)
{
    if (secret.len > WR_SEAL_SECRET_MAX || about.len > WR_SEAL_SECRET_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "a secret of %zu bytes: at most %d are sealed",
                            secret.len, WR_SEAL_SECRET_MAX);
    }
    uint8_t *to = (uint8_t *)wr_buf_reserve(out, WR_SEAL_EXTRA + secret.len);
    if (!to) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "no room for a sealed secret of %zu bytes",
                            secret.len);
    }
    memcpy(to, MAGIC, ID_AT);
    for (int i = 0; i < 4; i++) {
        to[ID_AT + i] = (uint8_t)(key->id >> (24 - 8 * i));
    }
    wr_secret_random(to + NONCE_AT, NONCE_BYTES);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0;
    // A failure here is lack of memory: the key, the sizes and the cipher are ours.
    wr_assert(c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, to + NONCE_AT) == 1 &&
              EVP_EncryptUpdate(c, NULL, &len, to, HEAD) == 1 &&
              (!about.len ||
               EVP_EncryptUpdate(c, NULL, &len, (const uint8_t *)about.at, (int)about.len) == 1) &&
              (!secret.len || EVP_EncryptUpdate(c, to + HEAD, &len, (const uint8_t *)secret.at,
                                                (int)secret.len) == 1) &&
              EVP_EncryptFinal_ex(c, to + HEAD + secret.len, &len) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, to + HEAD + secret.len) == 1);
    EVP_CIPHER_CTX_free(c);
    out->len += WR_SEAL_EXTRA + secret.len;
    return WR_OK;
}

// What can be said before the key is tried.
static wr_err look(const struct wr_seal_key *key, wr_str sealed, struct wr_fault *fault)
{
    if (sealed.len < WR_SEAL_EXTRA || sealed.len - WR_SEAL_EXTRA > WR_SEAL_SECRET_MAX ||
        memcmp(sealed.at, MAGIC, ID_AT) != 0) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "%zu bytes that are not a sealed secret",
                            sealed.len);
    }
    const uint8_t *at = (const uint8_t *)sealed.at + ID_AT;
    uint32_t id = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (id != key->id) {
        return wr_fault_set(fault, WR_ERR_STATE,
                            "sealed with the key of id %08x, and this is the key of id %08x: put "
                            "the file with the former key back",
                            id, key->id);
    }
    return WR_OK;
}

wr_err wr_seal_open(const struct wr_seal_key *key, wr_str sealed, wr_str about, struct wr_buf *out,
                    struct wr_fault *fault)
{
    wr_err err = look(key, sealed, fault);
    if (err) {
        return err;
    }
    size_t secret_len = sealed.len - WR_SEAL_EXTRA;
    const uint8_t *at = (const uint8_t *)sealed.at;
    uint8_t tag[TAG_BYTES], none[1];
    memcpy(tag, at + HEAD + secret_len, TAG_BYTES);
    uint8_t *to = (uint8_t *)wr_buf_reserve(out, secret_len + 1);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0;
    wr_assert(c);
    bool ok = to && about.len <= WR_SEAL_SECRET_MAX &&
              EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, at + NONCE_AT) == 1 &&
              EVP_DecryptUpdate(c, NULL, &len, at, HEAD) == 1 &&
              (!about.len ||
               EVP_DecryptUpdate(c, NULL, &len, (const uint8_t *)about.at, (int)about.len) == 1) &&
              (!secret_len || EVP_DecryptUpdate(c, to, &len, at + HEAD, (int)secret_len) == 1) &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
              EVP_DecryptFinal_ex(c, none, &len) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!ok) {
        if (to) {
            wr_secret_wipe(to, secret_len);
        }
        return wr_fault_set(fault, WR_ERR_CORRUPT,
                            "a sealed secret that is damaged, or of something else than '%.*s'",
                            WR_STR_ARG(about));
    }
    out->len += secret_len;
    return WR_OK;
}
