// The property that says who published: what is written is read; anything that was changed is not
// believed; the MAC is HMAC-SHA256 as OpenSSL makes it.
#include "engine/registry/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define NOW   INT64_C(1795791917123)
#define HOUR  INT64_C(3600000)
#define TOPIC S("a/b")
#define TEXT  S("{\"t\":1}")

static struct wr_origin_key key_of(const char *text)
{
    struct wr_origin_key key;
    wr_origin_key_set(&key, wr_str_of(text));
    return key;
}

static const struct wr_origin someone = {WR_STR_INIT("acme/00ff"), WR_STR_INIT("10.0.0.1"),
                                         WR_STR_INIT("a client  id"), NOW};

static void test_read(void **state)
{
    struct wr_origin_key key = key_of("0123456789abcdef0123456789abcdef"), other = key_of("other");
    struct wr_buf b = {0};
    wr_origin_write(&key, &someone, TOPIC, TEXT, &b);
    wr_str value = wr_buf_str(&b);
    struct wr_origin got;
    CHECK_INT("good", wr_origin_read(&key, value, TOPIC, TEXT, NOW, HOUR, &got), WR_ORIGIN_GOOD);
    CHECK_STR("client", got.client_id, someone.client_id);
    CHECK_STR("principal", got.principal, someone.principal);
    CHECK_STR("address", got.address, someone.address);
    CHECK_INT("time", got.at_ms, NOW);
    const struct {
        const char *name;
        const struct wr_origin_key *key;
        wr_str topic, payload;
        int64_t now_ms;
        enum wr_origin_verdict want;
    } cases[] = {
        {"another key", &other, TOPIC, TEXT, NOW, WR_ORIGIN_FORGED},
        {"another topic", &key, S("a/c"), TEXT, NOW, WR_ORIGIN_FORGED},
        {"another payload", &key, TOPIC, S("{\"t\":2}"), NOW, WR_ORIGIN_FORGED},
        {"no payload", &key, TOPIC, S(""), NOW, WR_ORIGIN_FORGED},
        {"an hour later", &key, TOPIC, TEXT, NOW + HOUR, WR_ORIGIN_GOOD},
        {"more than an hour later", &key, TOPIC, TEXT, NOW + HOUR + 1, WR_ORIGIN_STALE},
        {"from the near future", &key, TOPIC, TEXT, NOW - WR_ORIGIN_AHEAD_MS, WR_ORIGIN_GOOD},
        {"from the future", &key, TOPIC, TEXT, NOW - WR_ORIGIN_AHEAD_MS - 1, WR_ORIGIN_STALE},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        CHECK_INT(cases[i].name,
                  wr_origin_read(cases[i].key, value, cases[i].topic, cases[i].payload,
                                 cases[i].now_ms, HOUR, &got),
                  cases[i].want);
    }
    // Each byte changed, and each length.
    for (size_t i = 0; i < value.len; i++) {
        char *exact = malloc(value.len);
        memcpy(exact, value.at, value.len);
        exact[i] ^= 1;
        CHECK("a bit", wr_origin_read(&key, (wr_str){exact, value.len}, TOPIC, TEXT, NOW, HOUR,
                                      &got) == WR_ORIGIN_FORGED);
        free(exact);
        exact = malloc(i ? i : 1);
        memcpy(exact, value.at, i);
        CHECK("cut", wr_origin_read(&key, (wr_str){exact, i}, TOPIC, TEXT, NOW, HOUR, &got) ==
                         WR_ORIGIN_FORGED);
        free(exact);
    }
    // Blanks moved between the fields are another list of fields.
    struct wr_origin moved = someone;
    moved.client_id = S("client  id");
    moved.address = S("10.0.0.1");
    struct wr_buf c = {0};
    wr_origin_write(&key, &moved, TOPIC, TEXT, &c);
    CHECK("another MAC", memcmp(c.at, b.at, 80) != 0);
    wr_buf_release(&b);
    wr_buf_release(&c);
}

// The MAC again, from OpenSSL's HMAC over the fields as origin.c lists them.
static void test_mac(void **state)
{
    static const char *const keys[] = {
        "0123456789abcdef0123456789abcdef",
        "a key that is longer than one block of SHA-256, which is sixty-four bytes, so it is "
        "hashed "
        "first",
    };
    for (size_t k = 0; k < WR_COUNT(keys); k++) {
        struct wr_origin_key key = key_of(keys[k]);
        struct wr_buf b = {0}, fields = {0}, want = {0};
        wr_origin_write(&key, &someone, TOPIC, TEXT, &b);
        unsigned char digest[32], mac[32], time[8];
        SHA256((const unsigned char *)TEXT.at, TEXT.len, digest);
        for (int i = 0; i < 8; i++) {
            time[i] = (unsigned char)((uint64_t)NOW >> (56 - 8 * i));
        }
        wr_str list[] = {S("weir-origin 1"),  {(char *)time, 8}, someone.principal,
                         someone.address,     someone.client_id, TOPIC,
                         {(char *)digest, 32}};
        for (size_t i = 0; i < WR_COUNT(list); i++) {
            char len[4] = {0, 0, 0, (char)list[i].len};
            wr_buf_add(&fields, (wr_str){len, 4});
            wr_buf_add(&fields, list[i]);
        }
        unsigned int n = 0;
        HMAC(EVP_sha256(), keys[k], (int)strlen(keys[k]), (unsigned char *)fields.at, fields.len,
             mac, &n);
        wr_buf_add_hex(&want, mac, n);
        CHECK_STR(keys[k], wr_str_cut(wr_buf_str(&b), 16, 80), wr_buf_str(&want));
        wr_buf_release(&b);
        wr_buf_release(&fields);
        wr_buf_release(&want);
    }
}

static void test_key(void **state)
{
    char folder[] = "/tmp/weir-origin-XXXXXX", path[100];
    CHECK("folder", mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    static const struct {
        const char *name;
        size_t len;
        mode_t mode;
        wr_err want;
    } cases[] = {
        {"none", SIZE_MAX, 0, WR_ERR_IO},
        {"short", 31, 0600, WR_ERR_RANGE},
        {"long", WR_ORIGIN_KEY_MAX + 1, 0600, WR_ERR_RANGE},
        {"everybody's", 32, 0604, WR_ERR_DENIED},
        {"good", 32, 0640, WR_OK},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_origin_key key;
        struct wr_fault fault = {0};
        if (cases[i].len != SIZE_MAX) {
            FILE *f = fopen(path, "we");
            for (size_t n = 0; n < cases[i].len; n++) {
                fputc('k', f);
            }
            fclose(f);
            CHECK("mode", chmod(path, cases[i].mode) == 0);
        }
        CHECK_INT(cases[i].name, wr_origin_key_load(path, &key, &fault), cases[i].want);
        CHECK(cases[i].name, cases[i].want == WR_OK || strstr(fault.text, path));
        unlink(path);
    }
    struct wr_origin_key key;
    CHECK_INT("a folder", wr_origin_key_load(folder, &key, NULL), WR_ERR_IO);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_read), T(test_mac), T(test_key)};
    return TEST_MAIN(tests);
}
