// The property that says who published.
#define OPENSSL_API_COMPAT 0x10100000L // SHA256_CTX: copied for each MAC, without an allocation

#include "engine/registry/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "sql/base/banned.h"

#define BLOCK 64 // bytes of SHA-256

_Static_assert(sizeof(SHA256_CTX) <= sizeof(((struct wr_origin_key *)0)->inner_),
               "a key holds two states of SHA-256");

void wr_origin_key_set(struct wr_origin_key *key, wr_str bytes)
{
    unsigned char block[BLOCK] = {0};
    SHA256_CTX inner, outer;
    if (bytes.len > BLOCK) {
        SHA256((const unsigned char *)bytes.at, bytes.len, block);
    } else {
        memcpy(block, bytes.at, bytes.len);
    }
    for (size_t i = 0; i < BLOCK; i++) {
        block[i] ^= 0x36;
    }
    SHA256_Init(&inner);
    SHA256_Update(&inner, block, BLOCK);
    for (size_t i = 0; i < BLOCK; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    SHA256_Init(&outer);
    SHA256_Update(&outer, block, BLOCK);
    memcpy(key->inner_, &inner, sizeof inner);
    memcpy(key->outer_, &outer, sizeof outer);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&inner, sizeof inner);
    OPENSSL_cleanse(&outer, sizeof outer);
}

static wr_err read_key(int fd, const char *path, struct wr_origin_key *out, struct wr_fault *fault)
{
    struct stat st;
    char bytes[WR_ORIGIN_KEY_MAX + 1];
    if (fstat(fd, &st) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return wr_fault_set(fault, WR_ERR_IO, "%s is no regular file", path);
    }
    if (st.st_mode & S_IRWXO) {
        return wr_fault_set(fault, WR_ERR_DENIED,
                            "%s has mode %04o: everybody may read the key; chmod o= %s", path,
                            st.st_mode & 07777, path);
    }
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    wr_err err = WR_OK;
    if (n < WR_ORIGIN_KEY_MIN || n > WR_ORIGIN_KEY_MAX) {
        err = wr_fault_set(fault, WR_ERR_RANGE,
                           "%s has %lld bytes, a key has %d to %d: openssl rand -out %s 32", path,
                           (long long)st.st_size, WR_ORIGIN_KEY_MIN, WR_ORIGIN_KEY_MAX, path);
    } else {
        wr_origin_key_set(out, (wr_str){bytes, (size_t)n});
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return err;
}

wr_err wr_origin_key_load(const char *path, struct wr_origin_key *out, struct wr_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    wr_err err = read_key(fd, path, out, fault);
    close(fd);
    return err;
}

// Each field with its length before it, so that no two lists of fields are the same bytes.
static void take(SHA256_CTX *to, wr_str field)
{
    uint32_t n = (uint32_t)field.len;
    unsigned char len[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
                            (unsigned char)(n >> 8), (unsigned char)n};
    SHA256_Update(to, len, sizeof len);
    SHA256_Update(to, field.at, field.len);
}

static void mac(const struct wr_origin_key *key, const struct wr_origin *o, wr_str topic,
                wr_str payload, unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX state;
    unsigned char digest[SHA256_DIGEST_LENGTH], time[8];
    for (int i = 0; i < 8; i++) {
        time[i] = (unsigned char)((uint64_t)o->at_ms >> (56 - 8 * i));
    }
    SHA256((const unsigned char *)payload.at, payload.len, digest);
    memcpy(&state, key->inner_, sizeof state);
    take(&state, WR_STR("weir-origin 1"));
    take(&state, (wr_str){(const char *)time, sizeof time});
    take(&state, o->principal);
    take(&state, o->address);
    take(&state, o->client_id);
    take(&state, topic);
    take(&state, (wr_str){(const char *)digest, sizeof digest});
    SHA256_Final(digest, &state);
    memcpy(&state, key->outer_, sizeof state);
    SHA256_Update(&state, digest, sizeof digest);
    SHA256_Final(out, &state);
}

void wr_origin_write(const struct wr_origin_key *key, const struct wr_origin *origin, wr_str topic,
                     wr_str payload, struct wr_buf *out)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    mac(key, origin, topic, payload, sum);
    wr_buf_add(out, WR_STR("1 "));
    wr_buf_add_i64(out, origin->at_ms);
    wr_buf_add_char(out, ' ');
    wr_buf_add_hex(out, sum, sizeof sum);
    wr_buf_add_char(out, ' ');
    wr_buf_add(out, origin->principal);
    wr_buf_add_char(out, ' ');
    wr_buf_add(out, origin->address);
    wr_buf_add_char(out, ' ');
    wr_buf_add(out, origin->client_id);
}

// The text up to the next blank, which is taken away too.
static bool word(wr_str *rest, wr_str *out)
{
    const char *blank = rest->len ? memchr(rest->at, ' ', rest->len) : NULL;
    if (!blank) {
        return false;
    }
    size_t len = (size_t)(blank - rest->at);
    *out = wr_str_cut(*rest, 0, len);
    *rest = wr_str_cut(*rest, len + 1, rest->len);
    return true;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(wr_str value, struct wr_origin *o, unsigned char sum[SHA256_DIGEST_LENGTH])
{
    wr_str version, time, hex;
    if (!word(&value, &version) || !wr_str_eq(version, WR_STR("1")) || !word(&value, &time) ||
        !word(&value, &hex) || !word(&value, &o->principal) || !word(&value, &o->address) ||
        time.len == 0 || time.len > 15 || hex.len != SHA256_DIGEST_LENGTH * 2) {
        return false;
    }
    o->client_id = value;
    o->at_ms = 0;
    for (size_t i = 0; i < time.len; i++) {
        if (time.at[i] < '0' || time.at[i] > '9') {
            return false;
        }
        o->at_ms = o->at_ms * 10 + (time.at[i] - '0');
    }
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        int high = nibble(hex.at[2 * i]), low = nibble(hex.at[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        sum[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

enum wr_origin_verdict wr_origin_read(const struct wr_origin_key *key, wr_str value, wr_str topic,
                                      wr_str payload, int64_t now_ms, int64_t max_age_ms,
                                      struct wr_origin *out)
{
    struct wr_origin o = {0};
    unsigned char said[SHA256_DIGEST_LENGTH], right[SHA256_DIGEST_LENGTH];
    if (!parse(value, &o, said)) {
        return WR_ORIGIN_FORGED;
    }
    mac(key, &o, topic, payload, right);
    if (CRYPTO_memcmp(said, right, sizeof right) != 0) {
        return WR_ORIGIN_FORGED;
    }
    if (o.at_ms > now_ms + WR_ORIGIN_AHEAD_MS || o.at_ms < now_ms - max_age_ms) {
        return WR_ORIGIN_STALE;
    }
    *out = o;
    return WR_ORIGIN_GOOD;
}
