// The status table: what was put in comes out; a file that is damaged anywhere is refused whole; a
// hundred thousand certificates.
#include "engine/registry/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sql/base/hash.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static const char all[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":"
    "\"iot:*\",\"Resource\":\"*\"}}";
static const char own[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iot:Publish\","
    "\"Resource\":\"arn:aws:iot:eu-west-1:000000000001:topic/${iot:Connection.Thing.ThingName}\"}}";
static const char deny[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Action\":"
    "\"iot:Connect\",\"Resource\":\"*\"}}";

static uint32_t policy(struct wr_status_builder *b, const char *document)
{
    struct wr_buf bytes = {0};
    CHECK_INT(document, wr_policy_compile(wr_str_of(document), &bytes, NULL, NULL), WR_OK);
    uint32_t number = wr_status_add_policy(b, wr_buf_str(&bytes));
    wr_buf_release(&bytes);
    return number;
}

static void sum_of(uint32_t n, uint8_t sha[WR_STATUS_SHA256])
{
    for (uint32_t i = 0; i < WR_STATUS_SHA256; i += 8) {
        uint64_t h = wr_hash_bytes(&n, sizeof n, 77 + i);
        memcpy(sha + i, &h, sizeof h);
    }
}

// Two tenants, five certificates, things, sets.
static void build(struct wr_buf *out)
{
    struct wr_status_builder *b = wr_status_builder_new(42);
    uint32_t acme = wr_status_add_tenant(
        b, &(struct wr_status_tenant){S("acme"), S("000000000001"), S("acme/"), true});
    uint32_t zeta = wr_status_add_tenant(
        b, &(struct wr_status_tenant){S("zeta"), S("000000000002"), S(""), false});
    uint32_t p_all = policy(b, all), p_own = policy(b, own), p_deny = policy(b, deny);
    CHECK_INT("equal policies", policy(b, all), p_all);
    uint32_t none = wr_status_add_set(b, NULL, 0);
    uint32_t two[] = {p_own, p_deny}, one[] = {p_all};
    uint32_t set_two = wr_status_add_set(b, two, 2), set_one = wr_status_add_set(b, one, 1);
    CHECK_INT("equal sets", wr_status_add_set(b, one, 1), set_one);
    CHECK("other sets", none != set_one && set_one != set_two);
    const struct wr_status_attribute attributes[] = {{S("site"), S("hall-3")}, {S("empty"), S("")}};
    const struct wr_status_thing things[] = {
        {S("pump-2"), S("pump"), false, attributes, 2},
        {S("pump-1"), S(""), false, NULL, 0},
        {S("valve"), S("valve"), false, attributes, 1},
    };
    const struct wr_status_thing exclusive[] = {{S("press"), S("press"), true, NULL, 0}};
    const struct {
        uint32_t tenant, set;
        enum wr_certificate_status status;
        const struct wr_status_thing *things;
        uint32_t thing_count;
    } rows[] = {
        {acme, set_one, WR_CERTIFICATE_ACTIVE, things, 3},
        {acme, set_two, WR_CERTIFICATE_INACTIVE, exclusive, 1},
        {zeta, none, WR_CERTIFICATE_ACTIVE, NULL, 0},
        {zeta, set_one, WR_CERTIFICATE_REVOKED, NULL, 0},
        {acme, set_one, WR_CERTIFICATE_PENDING_TRANSFER, things, 2},
    };
    for (uint32_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_status_certificate c = {
            .tenant = rows[i].tenant,
            .region = i == 2 ? S("us-east-1") : S("eu-west-1"),
            .status = rows[i].status,
            .not_after_s = 1000 + i,
            .set = rows[i].set,
            .things = rows[i].things,
            .thing_count = rows[i].thing_count,
        };
        sum_of(i, c.sha256);
        wr_status_add_certificate(b, &c);
    }
    uint32_t twice = 9;
    CHECK_INT("finish", wr_status_finish(b, out, &twice, NULL), WR_OK);
    CHECK_INT("none twice", twice, 0);
    wr_status_builder_free(b);
}

static void test_look_up(void **state)
{
    struct wr_buf bytes = {0};
    build(&bytes);
    struct wr_status s;
    struct wr_fault fault = {0};
    CHECK_INT(fault.text, wr_status_open(wr_buf_str(&bytes), &s, &fault), WR_OK);
    CHECK_INT("generation", s.generation, 42);
    CHECK_INT("certificates", s.certificates, 5);
    CHECK_INT("policies", s.policies, 3);
    uint8_t sha[WR_STATUS_SHA256];
    struct wr_status_record r;
    for (uint32_t i = 0; i < 5; i++) {
        sum_of(i, sha);
        CHECK("there", wr_status_find(&s, sha, &r));
        CHECK_INT("its end", r.not_after_s, 1000 + i);
        CHECK_STR("its region", r.region, i == 2 ? S("us-east-1") : S("eu-west-1"));
    }
    for (uint32_t i = 5; i < 200; i++) {
        sum_of(i, sha);
        CHECK("not there", !wr_status_find(&s, sha, &r));
    }
    // The first: three things, by name.
    sum_of(0, sha);
    CHECK("the first", wr_status_find(&s, sha, &r));
    CHECK_INT("status", r.status, WR_CERTIFICATE_ACTIVE);
    struct wr_status_tenant t = wr_status_tenant(&s, r.tenant);
    CHECK_STR("tenant", t.name, S("acme"));
    CHECK_STR("account", t.account, S("000000000001"));
    CHECK_STR("prefix", t.prefix, S("acme/"));
    CHECK("enabled", t.enabled);
    struct wr_status_found thing;
    wr_str value = {NULL, 0};
    CHECK("pump-1", wr_status_thing(&s, &r, S("pump-1"), &thing));
    CHECK_STR("no type", thing.type, S(""));
    CHECK("no attribute", !wr_status_attribute(&s, &thing, S("site"), &value));
    CHECK("valve", wr_status_thing(&s, &r, S("valve"), &thing));
    CHECK("pump-2", wr_status_thing(&s, &r, S("pump-2"), &thing));
    CHECK_STR("type", thing.type, S("pump"));
    CHECK("attribute", wr_status_attribute(&s, &thing, S("site"), &value));
    CHECK_STR("attribute", value, S("hall-3"));
    CHECK("an empty one", wr_status_attribute(&s, &thing, S("empty"), &value) && value.len == 0);
    CHECK("none attached", !wr_status_thing(&s, &r, S("pump-3"), &thing));
    // The second: a thing of its own, whatever the client id.
    sum_of(1, sha);
    CHECK("the second", wr_status_find(&s, sha, &r));
    CHECK_INT("inactive", r.status, WR_CERTIFICATE_INACTIVE);
    CHECK("exclusive", wr_status_thing(&s, &r, S("anything"), &thing));
    CHECK_STR("its name", thing.name, S("press"));
    CHECK_INT("two policies", wr_status_set_len(&s, r.set), 2);
    struct wr_policy_context c = {.thing_name = S("press")};
    struct wr_policy_request ask = {S("iot:Publish"), S("eu-west-1"), S("000000000001"),
                                    S("topic/press"), &c};
    CHECK_INT("own topic", wr_status_decide(&s, r.set, &ask), WR_POLICY_ALLOW);
    ask.resource = S("topic/other");
    CHECK_INT("other topic", wr_status_decide(&s, r.set, &ask), WR_POLICY_NOTHING);
    ask.action = S("iot:Connect");
    CHECK_INT("a deny", wr_status_decide(&s, r.set, &ask), WR_POLICY_DENY);
    // The third: no policy.
    sum_of(2, sha);
    CHECK("the third", wr_status_find(&s, sha, &r));
    CHECK("disabled", !wr_status_tenant(&s, r.tenant).enabled);
    CHECK_INT("no policy", wr_status_decide(&s, r.set, &ask), WR_POLICY_NOTHING);
    wr_buf_release(&bytes);
}

// Every byte changed, every length: refused, each time.
static void test_damage(void **state)
{
    struct wr_buf bytes = {0};
    build(&bytes);
    struct wr_status s;
    for (size_t i = 0; i < bytes.len; i++) {
        char *exact = malloc(bytes.len);
        memcpy(exact, bytes.at, bytes.len);
        exact[i] ^= 0x40;
        struct wr_fault fault = {0};
        CHECK("a bit", wr_status_open((wr_str){exact, bytes.len}, &s, &fault) != WR_OK);
        CHECK("said", fault.text[0]);
        free(exact);
        exact = malloc(i ? i : 1);
        memcpy(exact, bytes.at, i);
        CHECK("cut", wr_status_open((wr_str){exact, i}, &s, &fault) == WR_ERR_CORRUPT);
        free(exact);
    }
    wr_buf_add_char(&bytes, 0);
    CHECK("longer", wr_status_open(wr_buf_str(&bytes), &s, NULL) == WR_ERR_CORRUPT);
    wr_buf_release(&bytes);
}

// The same with a sum that is right again: refused, or what is found lies inside (ASan).
static void test_forged(void **state)
{
    struct wr_buf bytes = {0};
    build(&bytes);
    const size_t crc_at = 64; // status_parts.h: the head's last but one number
    size_t opened = 0, refused = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        if (i >= crc_at && i < crc_at + 4) {
            continue;
        }
        static const uint8_t flips[] = {1, 0x80, 0xff};
        for (size_t f = 0; f < WR_COUNT(flips); f++) {
            char *exact = malloc(bytes.len);
            memcpy(exact, bytes.at, bytes.len);
            exact[i] = (char)(exact[i] ^ flips[f]);
            memset(exact + crc_at, 0, 4);
            uint32_t crc = wr_crc32c(0, exact, bytes.len);
            memcpy(exact + crc_at, &crc, sizeof crc);
            struct wr_status s;
            if (wr_status_open((wr_str){exact, bytes.len}, &s, NULL) != WR_OK) {
                refused++;
                free(exact);
                continue;
            }
            opened++;
            for (uint32_t k = 0; k < s.certificates; k++) {
                uint8_t sha[WR_STATUS_SHA256];
                struct wr_status_record r;
                struct wr_status_found thing;
                wr_status_record(&s, k, &r, sha);
                (void)wr_status_find(&s, sha, &r);
                struct wr_status_tenant t = wr_status_tenant(&s, r.tenant);
                struct wr_policy_context c = {.client_id = t.name};
                struct wr_policy_request ask = {S("iot:Publish"), r.region, t.account,
                                                S("topic/pump-1"), &c};
                if (wr_status_thing(&s, &r, S("pump-1"), &thing)) {
                    wr_str value;
                    (void)wr_status_attribute(&s, &thing, S("site"), &value);
                    c.thing_name = thing.name;
                }
                (void)wr_status_decide(&s, r.set, &ask);
            }
            free(exact);
        }
    }
    CHECK("both happen", opened > 100 && refused > 100);
    wr_buf_release(&bytes);
}

static void test_twice(void **state)
{
    struct wr_status_builder *b = wr_status_builder_new(1);
    uint32_t t = wr_status_add_tenant(b, &(struct wr_status_tenant){S("a"), S("1"), S(""), true});
    struct wr_status_certificate c = {
        .tenant = t, .region = S("r"), .set = wr_status_add_set(b, NULL, 0)};
    for (uint32_t i = 0; i < 6; i++) {
        sum_of(i % 3, c.sha256);
        c.not_after_s = i;
        wr_status_add_certificate(b, &c);
    }
    struct wr_buf bytes = {0};
    uint32_t twice;
    CHECK_INT("finish", wr_status_finish(b, &bytes, &twice, NULL), WR_OK);
    CHECK_INT("three of them", twice, 3);
    struct wr_status s;
    CHECK_INT("opens", wr_status_open(wr_buf_str(&bytes), &s, NULL), WR_OK);
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t sha[WR_STATUS_SHA256];
        struct wr_status_record r;
        sum_of(i, sha);
        CHECK("there", wr_status_find(&s, sha, &r));
        CHECK_INT("the first one", r.not_after_s, i);
    }
    wr_status_builder_free(b);
    wr_buf_release(&bytes);
}

static void test_file(void **state)
{
    char folder[] = "/tmp/weir-status-XXXXXX", path[200], gone[200];
    CHECK("folder", mkdtemp(folder));
    snprintf(path, sizeof path, "%s/status", folder);
    snprintf(gone, sizeof gone, "%s/none/status", folder);
    struct wr_buf bytes = {0}, read = {0};
    build(&bytes);
    struct wr_fault fault = {0};
    struct wr_status_file one, two;
    CHECK_INT("not there yet", wr_status_load(path, &read, &one, &fault), WR_ERR_MISSING);
    CHECK("nothing to see", !wr_status_look(path, &one));
    CHECK_INT("write", wr_status_write(path, wr_buf_str(&bytes), &fault), WR_OK);
    CHECK_INT("load", wr_status_load(path, &read, &one, &fault), WR_OK);
    CHECK_STR("the same", wr_buf_str(&read), wr_buf_str(&bytes));
    CHECK("unchanged", wr_status_look(path, &two) && wr_status_same(&one, &two));
    CHECK_INT("again", wr_status_write(path, wr_buf_str(&bytes), &fault), WR_OK);
    CHECK("another file", wr_status_look(path, &two) && !wr_status_same(&one, &two));
    struct stat st;
    CHECK("mode", stat(path, &st) == 0 && (st.st_mode & 0777) == 0640);
    CHECK_INT("no folder", wr_status_write(gone, wr_buf_str(&bytes), &fault), WR_ERR_IO);
    CHECK("named", strstr(fault.text, "none/status"));
    CHECK_INT("a folder", wr_status_load(folder, &read, &one, &fault), WR_ERR_IO);
    snprintf(gone, sizeof gone, "%s/status.new", folder);
    CHECK("nothing left", access(gone, F_OK) != 0);
    unlink(path);
    rmdir(folder);
    wr_buf_release(&bytes);
    wr_buf_release(&read);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void test_large(void **state)
{
    enum { COUNT = 100000 };
    double at = now_ms();
    struct wr_status_builder *b = wr_status_builder_new(7);
    uint32_t t = wr_status_add_tenant(
        b, &(struct wr_status_tenant){S("acme"), S("000000000001"), S("acme/"), true});
    uint32_t p = policy(b, own), set = wr_status_add_set(b, &p, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        char name[40], serial[40];
        snprintf(name, sizeof name, "thing-%u", i);
        snprintf(serial, sizeof serial, "sn-%08u", i);
        const struct wr_status_attribute attributes[] = {{S("serial"), Z(serial)},
                                                         {S("site"), S("hall-3")}};
        const struct wr_status_thing thing = {Z(name), S("pump"), false, attributes, 2};
        struct wr_status_certificate c = {.tenant = t,
                                          .region = S("eu-west-1"),
                                          .status = WR_CERTIFICATE_ACTIVE,
                                          .not_after_s = INT64_C(2524607999),
                                          .set = set,
                                          .things = &thing,
                                          .thing_count = 1};
        sum_of(i, c.sha256);
        wr_status_add_certificate(b, &c);
    }
    struct wr_buf bytes = {0};
    CHECK_INT("finish", wr_status_finish(b, &bytes, NULL, NULL), WR_OK);
    wr_status_builder_free(b);
    double built = now_ms();
    struct wr_status s;
    CHECK_INT("open", wr_status_open(wr_buf_str(&bytes), &s, NULL), WR_OK);
    double opened = now_ms();
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t sha[WR_STATUS_SHA256];
        struct wr_status_record r;
        struct wr_status_found thing;
        char name[40], resource[60];
        int len = snprintf(name, sizeof name, "thing-%u", i);
        int rlen = snprintf(resource, sizeof resource, "topic/thing-%u", i);
        sum_of(i, sha);
        CHECK("there", wr_status_find(&s, sha, &r));
        CHECK("its thing", wr_status_thing(&s, &r, (wr_str){name, (size_t)len}, &thing));
        struct wr_policy_context c = {.thing_name = thing.name};
        struct wr_policy_request ask = {
            S("iot:Publish"), r.region, S("000000000001"), {resource, (size_t)rlen}, &c};
        CHECK_INT("allowed", wr_status_decide(&s, r.set, &ask), WR_POLICY_ALLOW);
    }
    double asked = now_ms();
    print_message("# %d certificates: %zu bytes, built in %.0f ms, verified in %.1f ms, found and "
                  "decided in %.2f us each\n",
                  COUNT, bytes.len, built - at, opened - built, (asked - opened) * 1e3 / COUNT);
    CHECK("size", bytes.len < 30u << 20);
    wr_buf_release(&bytes);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(test_look_up), T(test_damage), T(test_forged), T(test_twice), T(test_file), T(test_large),
    };
    return TEST_MAIN(tests);
}
