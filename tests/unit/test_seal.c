// Sealed secrets, and the files of the keys: formats, modes, ACLs, damage.
#include "engine/registry/seal.h"

#include "engine/registry/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static char folder[] = "/tmp/weir-seal-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, wr_str content, mode_t mode)
{
    unlink(path_of(name));
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.at, content.len), (ssize_t)content.len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static struct wr_seal_key *a_key(const char *name)
{
    struct wr_seal_key *key = NULL;
    struct wr_fault fault = {0};
    CHECK_INT(fault.text, wr_seal_key_make(path_of(name), &key, &fault), WR_OK);
    return key;
}

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void test_key_files(void **state)
{
    static const struct {
        const char *name;
        wr_str content;
        mode_t mode;
        wr_err want;
        const char *says;
    } cases[] = {
        {"32 bytes",
         WR_STR_INIT("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26"
                     "\27\30\31\32\33\34\35\36\37"),
         0600, WR_OK, ""},
        {"hex digits", WR_STR_INIT(HEX), 0400, WR_OK, ""},
        {"hex digits and blanks", WR_STR_INIT("  " HEX "\r\n\n"), 0600, WR_OK, ""},
        {"base64", WR_STR_INIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0600, WR_OK, ""},
        {"empty", WR_STR_INIT(""), 0600, WR_ERR_CORRUPT, "0 bytes that are no key"},
        {"31 bytes", WR_STR_INIT("0123456789012345678901234567890"), 0600, WR_ERR_CORRUPT,
         "31 bytes that are no key"},
        {"63 digits",
         WR_STR_INIT("00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), 0600,
         WR_ERR_CORRUPT, "63 bytes"},
        {"a letter that is no digit",
         WR_STR_INIT("g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), 0600,
         WR_ERR_CORRUPT, "64 bytes that are no key"},
        {"base64 of 31 bytes", WR_STR_INIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n"), 0600,
         WR_ERR_CORRUPT, "openssl rand -hex 32"},
        {"one byte 32 times", WR_STR_INIT("00000000000000000000000000000000"), 0600, WR_ERR_CORRUPT,
         "the same byte"},
        {"group may read", WR_STR_INIT(HEX), 0640, WR_ERR_DENIED, "mode 0640 lets others"},
        {"all may read", WR_STR_INIT(HEX), 0604, WR_ERR_DENIED, "chmod go="},
        {"group may write", WR_STR_INIT(HEX), 0620, WR_ERR_DENIED, "mode 0620"},
    };
    uint32_t id = 0;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_seal_key *key = NULL;
        struct wr_fault fault = {0};
        put("key", cases[i].content, cases[i].mode);
        CHECK_INT(cases[i].name, wr_seal_key_read(path_of("key"), &key, &fault), cases[i].want);
        CHECK(cases[i].name, wr_str_find(Z(fault.text), Z(cases[i].says)) >= 0);
        CHECK(cases[i].name, !key == (cases[i].want != WR_OK));
        CHECK(cases[i].name, !fault.code == !cases[i].want);
        if (key) { // every form of the same key is the same key
            CHECK(cases[i].name, i == 0 || wr_seal_key_id(key) == id);
            id = wr_seal_key_id(key);
        }
        wr_seal_key_free(key);
    }
}

static void test_too_long(void **state)
{
    struct wr_buf b = {0};
    for (int i = 0; i < 5000; i++) {
        wr_buf_addf(&b, "%02x", (unsigned)i & 0xff);
    }
    put("long", wr_buf_str(&b), 0600);
    struct wr_seal_key *key = NULL;
    struct wr_fault fault = {0};
    assert_int_equal(wr_seal_key_read(path_of("long"), &key, &fault), WR_ERR_CORRUPT);
    CHECK("long", strstr(fault.text, "more than 256 bytes"));
    assert_int_equal(wr_seal_key_read(folder, &key, &fault), WR_ERR_CORRUPT);
    CHECK("folder", strstr(fault.text, "is a folder"));
    assert_int_equal(wr_seal_key_read(path_of("none"), &key, &fault), WR_ERR_MISSING);
    wr_buf_release(&b);
}

// An ACL in the kernel's bytes: what systemd gives a service's user.
static bool set_acl(const char *name, uint32_t user, uint8_t group_perm)
{
    uint8_t acl[4 + 5 * 8] = {2};
    static const uint8_t tags[] = {0x01, 0x02, 0x04, 0x10, 0x20};
    uint8_t perms[] = {4, 4, group_perm, 4, 0};
    for (int i = 0; i < 5; i++) {
        uint8_t *at = acl + 4 + 8 * i;
        uint32_t id = tags[i] == 0x02 ? user : UINT32_MAX;
        at[0] = tags[i];
        at[2] = perms[i];
        memcpy(at + 4, &id, 4); // the machines that Debian's weir runs on are little-endian
    }
    return setxattr(path_of(name), "system.posix_acl_access", acl, sizeof acl, 0) == 0;
}

static void test_acl(void **state)
{
    put("acl", S(HEX), 0400);
    if (!set_acl("acl", geteuid(), 0)) {
        print_message("no ACLs here: %s\n", strerror(errno));
        skip();
    }
    struct stat st;
    assert_int_equal(stat(path_of("acl"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0440); // the mask shows as the group's bits
    struct wr_seal_key *key = NULL;
    struct wr_fault fault = {0};
    CHECK_INT(fault.text, wr_seal_key_read(path_of("acl"), &key, &fault), WR_OK);
    wr_seal_key_free(key);
    assert_true(set_acl("acl", geteuid() + 1, 0));
    assert_int_equal(wr_seal_key_read(path_of("acl"), &key, &fault), WR_ERR_DENIED);
    assert_true(set_acl("acl", geteuid(), 4));
    assert_int_equal(wr_seal_key_read(path_of("acl"), &key, &fault), WR_ERR_DENIED);
}

static void test_made(void **state)
{
    struct wr_seal_key *key = NULL, *again = NULL;
    struct wr_fault fault = {0};
    bool made = false;
    unlink(path_of("made"));
    CHECK_INT(fault.text, wr_seal_key_open(path_of("made"), &key, &made, &fault), WR_OK);
    CHECK("made", made && !fault.code);
    struct stat st;
    assert_int_equal(stat(path_of("made"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(st.st_nlink, 1); // the name that it was made under is gone
    assert_int_equal(wr_seal_key_open(path_of("made"), &again, &made, &fault), WR_OK);
    CHECK("made before", !made);
    CHECK_HEX("id", wr_seal_key_id(again), wr_seal_key_id(key));
    wr_seal_key_free(again);
    again = NULL;
    assert_int_equal(wr_seal_key_make(path_of("made"), &again, &fault), WR_ERR_EXISTS);
    assert_null(again);
    assert_int_equal(wr_seal_key_make("/proc/none/key", &again, &fault), WR_ERR_IO);
    wr_seal_key_free(key);
}

static void test_fd(void **state)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], HEX "\n", 65), 65);
    close(ends[1]);
    struct wr_seal_key *key = NULL;
    struct wr_fault fault = {0};
    CHECK_INT(fault.text, wr_seal_key_read_fd(ends[0], "descriptor 3", &key, &fault), WR_OK);
    close(ends[0]);
    wr_seal_key_free(key);
    key = NULL;
    assert_int_equal(wr_seal_key_read_fd(-1, "descriptor -1", &key, &fault), WR_ERR_IO);
    CHECK("name", strstr(fault.text, "descriptor -1"));
}

static void test_round_trip(void **state)
{
    struct wr_seal_key *key = a_key("round");
    char big[WR_SEAL_SECRET_MAX + 1];
    memset(big, 'x', sizeof big);
    const wr_str secrets[] = {S(""), S("a"), S("with\0NUL"), {big, WR_SEAL_SECRET_MAX}};
    for (size_t i = 0; i < WR_COUNT(secrets); i++) {
        struct wr_buf sealed = {0}, open = {0}, second = {0};
        struct wr_fault fault = {0};
        wr_buf_add(&sealed, S("before"));
        assert_int_equal(wr_seal(key, secrets[i], S("key/1"), &sealed, &fault), WR_OK);
        assert_int_equal(sealed.len, 6 + WR_SEAL_EXTRA + secrets[i].len);
        wr_str s = wr_str_cut(wr_buf_str(&sealed), 6, sealed.len);
        CHECK("clear", secrets[i].len < 4 || wr_str_find(s, secrets[i]) < 0);
        wr_buf_add(&open, S("before"));
        CHECK_INT(fault.text, wr_seal_open(key, s, S("key/1"), &open, &fault), WR_OK);
        CHECK_STR("back", wr_str_cut(wr_buf_str(&open), 6, open.len), secrets[i]);
        assert_int_equal(wr_seal(key, secrets[i], S("key/1"), &second, &fault), WR_OK);
        CHECK("nonce", !wr_str_eq(wr_buf_str(&second), s));
        assert_int_equal(wr_seal_open(key, s, S("key/2"), &open, &fault), WR_ERR_CORRUPT);
        assert_int_equal(wr_seal_open(key, s, S(""), &open, &fault), WR_ERR_CORRUPT);
        CHECK_INT("nothing appended", open.len, 6 + secrets[i].len);
        wr_buf_release(&sealed);
        wr_buf_release(&second);
        wr_secret_release(&open);
    }
    struct wr_buf sealed = {0};
    assert_int_equal(wr_seal(key, (wr_str){big, sizeof big}, S(""), &sealed, NULL), WR_ERR_LIMIT);
    wr_seal_key_free(key);
}

// Every bit of a sealed secret matters, and every length.
static void test_damage(void **state)
{
    struct wr_seal_key *key = a_key("damage"), *other = a_key("other");
    struct wr_buf sealed = {0}, open = {0};
    struct wr_fault fault = {0};
    assert_int_equal(wr_seal(key, S("a secret"), S("about"), &sealed, &fault), WR_OK);
    for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
        sealed.at[bit / 8] = (char)(sealed.at[bit / 8] ^ (1 << bit % 8));
        wr_err err = wr_seal_open(key, wr_buf_str(&sealed), S("about"), &open, &fault);
        bool is_id = bit / 8 >= 4 && bit / 8 < 8;
        CHECK_INT("bit", err, is_id ? WR_ERR_STATE : WR_ERR_CORRUPT);
        sealed.at[bit / 8] = (char)(sealed.at[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t len = 0; len < sealed.len; len++) {
        CHECK_INT("cut", wr_seal_open(key, (wr_str){sealed.at, len}, S("about"), &open, &fault),
                  WR_ERR_CORRUPT);
    }
    assert_int_equal(wr_seal_open(other, wr_buf_str(&sealed), S("about"), &open, &fault),
                     WR_ERR_STATE);
    CHECK("says so", strstr(fault.text, "put the file with the former key back"));
    CHECK_INT("nothing came out", open.len, 0);
    assert_int_equal(wr_seal_open(key, wr_buf_str(&sealed), S("about"), &open, &fault), WR_OK);
    CHECK_STR("undamaged", wr_buf_str(&open), S("a secret"));
    wr_buf_release(&sealed);
    wr_secret_release(&open);
    wr_seal_key_free(key);
    wr_seal_key_free(other);
}

static void test_random_text(void **state)
{
    char text[20000];
    unsigned seen[256] = {0};
    wr_secret_random_text(text, sizeof text, S("abcdefghijklmnopqrstuvwxyz234567_"));
    for (size_t i = 0; i < sizeof text; i++) {
        seen[(unsigned char)text[i]]++;
    }
    unsigned total = 0;
    for (const char *c = "abcdefghijklmnopqrstuvwxyz234567_"; *c; c++) {
        // 606 expected, standard deviation 24: eight of them on either side.
        CHECK("each as likely", seen[(unsigned char)*c] > 400 && seen[(unsigned char)*c] < 810);
        total += seen[(unsigned char)*c];
    }
    CHECK_INT("only of the alphabet", total, sizeof text);
    CHECK("same", wr_secret_eq(S("abc"), S("abc")) && wr_secret_eq(S(""), S("")));
    CHECK("other", !wr_secret_eq(S("abc"), S("abd")) && !wr_secret_eq(S("abc"), S("ab")));
}

int main(void)
{
    if (!mkdtemp(folder)) {
        return 1;
    }
    static const struct CMUnitTest tests[] = {
        T(test_key_files), T(test_too_long),   T(test_acl),    T(test_made),
        T(test_fd),        T(test_round_trip), T(test_damage), T(test_random_text),
    };
    int failed = TEST_MAIN(tests);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
