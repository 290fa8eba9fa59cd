// MQTT packets as bytes: what is read and written, split at every offset, and everything that is
// malformed.
#include "engine/mqtt/native/packet.h"

#include <stdlib.h>

#include "sql/base/err.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

// ---- whole packets

static struct wr_packet scan(const char *name, wr_str bytes, bool v5)
{
    struct wr_packet p;
    struct wr_packet_fault fault = {0};
    enum wr_scan got = wr_packet_scan(bytes.at, bytes.len, v5, &p, &fault);
    if (got != WR_SCAN_WHOLE) {
        CASE_FAIL(name, "no whole packet: %d, %s", got,
                  fault.what ? fault.what : "more is expected");
    }
    CHECK_INT(name, p.size, bytes.len);
    return p;
}

static void reads_publications(void **state)
{
    struct {
        const char *name;
        bool v5;
        wr_str bytes, topic, payload;
        int mid, qos;
        bool dup, retain, plain;
    } cases[] = {
        {"QoS 0", false, S("\x30\x06\0\3a/bx"), S("a/b"), S("x"), 0, 0, false, false, true},
        {"QoS 0, 5", true, S("\x30\x07\0\3a/b\0x"), S("a/b"), S("x"), 0, 0, false, false, true},
        {"QoS 1", false, S("\x32\x08\0\3a/b\x12\x34x"), S("a/b"), S("x"), 0x1234, 1, false, false,
         true},
        {"QoS 1, DUP", true, S("\x3a\x08\0\3a/b\1\2\0"), S("a/b"), S(""), 258, 1, true, false,
         true},
        {"QoS 2, retain", true, S("\x35\x08\0\3a/b\1\2\0"), S("a/b"), S(""), 258, 2, false, true,
         true},
        {"no payload", false, S("\x30\x03\0\1a"), S("a"), S(""), 0, 0, false, false, true},
        {"NULs in the payload", false, S("\x30\x06\0\1a\0\0\0"), S("a"), S("\0\0\0"), 0, 0, false,
         false, true},
        {"a topic of eight", false,
         S("\x30\x0a\0\x08"
           "abcdefgh"),
         S("abcdefgh"), S(""), 0, 0, false, false, true},
        {"UTF-8", false,
         S("\x30\x0e\0\x0c"
           "topic/\xc3\xbc/\xe2\x82\xac"),
         S("topic/\xc3\xbc/\xe2\x82\xac"), S(""), 0, 0, false, false, true},
        {"alias", true, S("\x30\x06\0\0\3\x23\0\5"), S(""), S(""), 0, 0, false, false, false},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_packet p = scan(cases[i].name, cases[i].bytes, cases[i].v5);
        struct wr_publication m;
        struct wr_packet_fault fault = {0};
        if (!wr_packet_read_publish(&p, cases[i].v5, &m, &fault)) {
            CASE_FAIL(cases[i].name, "refused: %s", fault.what);
        }
        CHECK_STR(cases[i].name, m.topic, cases[i].topic);
        CHECK_STR(cases[i].name, m.payload, cases[i].payload);
        CHECK(cases[i].name, m.payload.at);
        CHECK_INT(cases[i].name, m.mid, cases[i].mid);
        CHECK_INT(cases[i].name, m.qos, cases[i].qos);
        CHECK_INT(cases[i].name, m.dup, cases[i].dup);
        CHECK_INT(cases[i].name, m.retain, cases[i].retain);
        CHECK_INT(cases[i].name, m.plain, cases[i].plain);
    }
}

#define ALL_PROPERTIES                                               \
    "\1\1"       /* format */                                        \
    "\2\0\0\1\2" /* expiry */                                        \
    "\x26\0\1a\0\1"                                                  \
    "1"                    /* user */                                \
    "\3\0\6text/x"         /* content type */                        \
    "\x08\0\1r"            /* response topic */                      \
    "\x09\0\3\0c\xff"      /* correlation data, any bytes */         \
    "\x26\0\1b\0\0"        /* user, without a value */               \
    "\x0b\xff\xff\xff\x7f" /* the largest subscription identifier */ \
    "\x0b\1"                                                         \
    "\x26\0\1a\0\1"                                                  \
    "2"                                                              \
    "\x23\0\7" /* alias */

static void reads_properties(void **state)
{
    struct wr_buf bytes = {0};
    wr_str props = S(ALL_PROPERTIES);
    wr_buf_add_char(&bytes, 0x30);
    wr_buf_add_char(&bytes, (char)(3 + 1 + props.len + 1));
    wr_buf_add(&bytes, S("\0\1t"));
    wr_buf_add_char(&bytes, (char)props.len);
    wr_buf_add(&bytes, props);
    wr_buf_add_char(&bytes, 'p');
    struct wr_packet p = scan("all", wr_buf_str(&bytes), true);
    struct wr_publication m;
    struct wr_packet_fault fault = {0};
    CHECK("all", wr_packet_read_publish(&p, true, &m, &fault));
    CHECK_STR("all", m.payload, S("p"));
    CHECK("all", !m.plain);
    const struct wr_properties *q = &m.properties;
    CHECK_INT("format", wr_properties_number(q, WR_PROPERTY_FORMAT, 9), 1);
    CHECK_INT("expiry", wr_properties_number(q, WR_PROPERTY_EXPIRY, 9), 258);
    CHECK_INT("alias", wr_properties_number(q, WR_PROPERTY_ALIAS, 9), 7);
    CHECK_STR("content type", wr_properties_text(q, WR_PROPERTY_CONTENT_TYPE), S("text/x"));
    CHECK_STR("response", wr_properties_text(q, WR_PROPERTY_RESPONSE_TOPIC), S("r"));
    CHECK_STR("correlation", wr_properties_text(q, WR_PROPERTY_CORRELATION_DATA), S("\0c\xff"));
    CHECK_INT("ids", q->id_count, 2);
    CHECK_INT("ids", q->ids[0], WR_PACKET_BODY_MAX);
    CHECK_INT("ids", q->ids[1], 1);
    CHECK_INT("users", q->user_count, 3);
    wr_str want[][2] = {{S("a"), S("1")}, {S("b"), S("")}, {S("a"), S("2")}};
    wr_str key, value;
    size_t at = 0, n = 0;
    while (wr_properties_user(q, &at, &key, &value)) {
        CHECK("users", n < 3);
        CHECK_STR("key", key, want[n][0]);
        CHECK_STR("value", value, want[n][1]);
        n++;
    }
    CHECK_INT("users", n, 3);
    // Others are absent.
    CHECK("absent", !wr_properties_text(q, WR_PROPERTY_REASON).at);
    CHECK_INT("absent", wr_properties_number(q, WR_PROPERTY_MAXIMUM_QOS, 9), 9);
    wr_buf_release(&bytes);
}

static void reads_connack(void **state)
{
    struct wr_connack a;
    struct wr_packet_fault fault = {0};
    struct wr_packet p = scan("3.1.1", S("\x20\2\1\0"), false);
    CHECK("3.1.1", wr_packet_read_connack(&p, false, &a, &fault) && a.present && a.code == 0);
    p = scan("refused", S("\x20\2\0\5"), false);
    CHECK("refused", wr_packet_read_connack(&p, false, &a, &fault) && !a.present && a.code == 5);
    p = scan("old broker", S("\x20\2\0\1"), true);
    CHECK("old broker", wr_packet_read_connack(&p, true, &a, &fault) && a.code == 1);
    wr_str all =
        S("\x20\x25\0\0\x22"
          "\x11\0\0\0\x3c\x21\0\x14\x24\1\x25\1\x27\0\1\0\0\x22\0\xa\x28\1\x29\0\x2a\1\x13\0\x1e"
          "\x1f\0\2ok");
    p = scan("5", all, true);
    CHECK("5", wr_packet_read_connack(&p, true, &a, &fault));
    CHECK_INT("5", wr_properties_number(&a.properties, WR_PROPERTY_KEEPALIVE, 0), 30);
    CHECK_INT("5", wr_properties_number(&a.properties, WR_PROPERTY_SUBSCRIPTION_IDS, 1), 0);
    CHECK_INT("5", wr_properties_number(&a.properties, WR_PROPERTY_MAXIMUM_PACKET, 0), 65536);
    CHECK_STR("5", wr_properties_text(&a.properties, WR_PROPERTY_REASON), S("ok"));
}

static void reads_acks(void **state)
{
    struct {
        const char *name;
        bool v5;
        wr_str bytes;
        int mid, code;
    } cases[] = {
        {"SUBACK", false, S("\x90\3\0\7\1"), 7, 1},
        {"SUBACK refused", false, S("\x90\3\0\7\x80"), 7, 0x80},
        {"SUBACK 5", true, S("\x90\4\xff\xff\0\x87"), 65535, 0x87},
        {"SUBACK 5, reason", true, S("\x90\x09\0\1\5\x1f\0\2no\x8f"), 1, 0x8f},
        {"UNSUBACK", false, S("\xb0\2\0\7"), 7, 0},
        {"UNSUBACK 5", true, S("\xb0\4\0\7\0\x11"), 7, 0x11},
        {"PUBACK", false, S("\x40\2\0\7"), 7, 0},
        {"PUBACK 5, code", true, S("\x40\3\0\7\x10"), 7, 0x10},
        {"PUBREL", false, S("\x62\2\0\7"), 7, 0},
        {"PUBREL 5", true, S("\x62\2\0\7"), 7, 0},
        {"PUBREL 5, code", true, S("\x62\3\0\7\x92"), 7, 0x92},
        {"PUBREL 5, properties", true, S("\x62\4\0\7\x92\0"), 7, 0x92},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_packet p = scan(cases[i].name, cases[i].bytes, cases[i].v5);
        struct wr_packet_ack a;
        struct wr_packet_fault fault = {0};
        if (!wr_packet_read_ack(&p, cases[i].v5, &a, &fault)) {
            CASE_FAIL(cases[i].name, "refused: %s", fault.what);
        }
        CHECK_INT(cases[i].name, a.mid, cases[i].mid);
        CHECK_INT(cases[i].name, a.code, cases[i].code);
    }
    struct wr_goodbye g;
    struct wr_packet_fault fault = {0};
    struct wr_packet p = scan("DISCONNECT", S("\xe0\0"), true);
    CHECK("DISCONNECT", wr_packet_read_disconnect(&p, true, &g, &fault) && g.code == 0);
    p = scan("DISCONNECT, why", S("\xe0\7\x8e\5\x1f\0\2it"), true);
    CHECK("DISCONNECT, why", wr_packet_read_disconnect(&p, true, &g, &fault) && g.code == 0x8e);
    CHECK_STR("DISCONNECT, why", wr_properties_text(&g.properties, WR_PROPERTY_REASON), S("it"));
}

// ---- what is wrong

static bool read_any(const struct wr_packet *p, bool v5, struct wr_packet_fault *fault)
{
    union {
        struct wr_publication m;
        struct wr_connack c;
        struct wr_packet_ack a;
        struct wr_goodbye g;
    } u;
    switch (p->type) {
    case WR_PACKET_PUBLISH:
        return wr_packet_read_publish(p, v5, &u.m, fault);
    case WR_PACKET_CONNACK:
        return wr_packet_read_connack(p, v5, &u.c, fault);
    case WR_PACKET_DISCONNECT:
        return wr_packet_read_disconnect(p, v5, &u.g, fault);
    case WR_PACKET_PINGRESP:
        return true;
    default:
        return wr_packet_read_ack(p, v5, &u.a, fault);
    }
}

#define MAL WR_REASON_MALFORMED
#define PRO WR_REASON_PROTOCOL

static const struct bad {
    const char *name;
    int v5; // 0, 1, or 2: both
    wr_str bytes;
    enum wr_packet_reason reason;
    const char *what;
} bad[] = {
    // heads
    {"type 0", 2, WR_STR_INIT("\0\0"), MAL, "type 0"},
    {"CONNECT", 2, WR_STR_INIT("\x10\0"), PRO, "does not send"},
    {"PUBACK of 0", 2, WR_STR_INIT("\x40\2\0\0"), PRO, "identifier 0"},
    {"PUBACK, empty", 2, WR_STR_INIT("\x40\0"), MAL, "two bytes"},
    {"PUBREC", 2, WR_STR_INIT("\x50\2\0\1"), PRO, "does not send"},
    {"PUBCOMP", 2, WR_STR_INIT("\x70\2\0\1"), PRO, "does not send"},
    {"SUBSCRIBE", 2, WR_STR_INIT("\x82\0"), PRO, "does not send"},
    {"UNSUBSCRIBE", 2, WR_STR_INIT("\xa2\0"), PRO, "does not send"},
    {"PINGREQ", 2, WR_STR_INIT("\xc0\0"), PRO, "does not send"},
    {"DISCONNECT, 3.1.1", 0, WR_STR_INIT("\xe0\0"), PRO, "only clients"},
    {"AUTH", 1, WR_STR_INIT("\xf0\0"), PRO, "not asked for"},
    {"type 15", 0, WR_STR_INIT("\xf0\0"), MAL, "type 15"},
    {"flags of CONNACK", 2, WR_STR_INIT("\x21\2\0\0"), MAL, "flags"},
    {"flags of PUBREL", 2, WR_STR_INIT("\x60\2\0\1"), MAL, "flags"},
    {"flags of SUBACK", 2, WR_STR_INIT("\x98\3\0\1\0"), MAL, "flags"},
    {"flags of UNSUBACK", 2, WR_STR_INIT("\xb2\2\0\1"), MAL, "flags"},
    {"flags of PINGRESP", 2, WR_STR_INIT("\xd1\0"), MAL, "flags"},
    {"flags of DISCONNECT", 1, WR_STR_INIT("\xe4\0"), MAL, "flags"},
    {"five bytes of length", 2, WR_STR_INIT("\x30\x80\x80\x80\x80\1"), MAL, "more than four"},
    {"four bytes that go on", 2, WR_STR_INIT("\x30\xff\xff\xff\xff"), MAL, "more than four"},
    {"longer than need be", 2, WR_STR_INIT("\x30\x83\0\0\1a"), MAL, "than it needs"},
    {"longer, four bytes", 2, WR_STR_INIT("\x30\x83\x80\x80\0\0\1a"), MAL, "than it needs"},
    {"PINGRESP with a body", 2, WR_STR_INIT("\xd0\1x"), MAL, "body"},
    {"a huge SUBACK", 2, WR_STR_INIT("\x90\xff\xff\xff\x7f"), WR_REASON_TOO_LARGE, "1 MiB"},
    // PUBLISH
    {"QoS 3", 2, WR_STR_INIT("\x36\6\0\1a\0\1\0"), MAL, "3"},
    {"DUP with QoS 0", 2, WR_STR_INIT("\x38\4\0\1a\0"), MAL, "DUP"},
    {"no topic length", 2, WR_STR_INIT("\x30\1\0"), MAL, "two bytes"},
    {"empty", 2, WR_STR_INIT("\x30\0"), MAL, "two bytes"},
    {"a topic too long", 2, WR_STR_INIT("\x30\4\0\3ab"), MAL, "longer"},
    {"no identifier", 2, WR_STR_INIT("\x32\4\0\1a\0"), MAL, "two bytes"},
    {"identifier 0", 2, WR_STR_INIT("\x32\6\0\1a\0\0\0"), PRO, "identifier 0"},
    {"topic with #", 2, WR_STR_INIT("\x30\6\0\3a/#\0"), WR_REASON_TOPIC, "wildcard"},
    {"long topic with +", 2,
     WR_STR_INIT("\x30\xd\0\xa"
                 "abcdefgh/+\0"),
     WR_REASON_TOPIC, "wildcard"},
    {"long topic, + first", 2,
     WR_STR_INIT("\x30\xd\0\xa"
                 "+/abcdefgh\0"),
     WR_REASON_TOPIC, "wildcard"},
    {"topic with NUL", 2, WR_STR_INIT("\x30\6\0\3a\0b\0"), MAL, "NUL"},
    {"long topic with NUL", 2,
     WR_STR_INIT("\x30\xd\0\xa"
                 "abcd\0fghij\0"),
     MAL, "NUL"},
    {"topic not UTF-8", 2,
     WR_STR_INIT("\x30\6\0\3a\xff"
                 "b\0"),
     MAL, "UTF-8"},
    {"a surrogate", 2, WR_STR_INIT("\x30\6\0\3\xed\xa0\x80\0"), MAL, "UTF-8"},
    {"an empty topic", 2, WR_STR_INIT("\x30\3\0\0\0"), PRO, "without a topic"},
    {"no properties", 1, WR_STR_INIT("\x30\3\0\1a"), MAL, "variable byte"},
    {"properties too long", 1, WR_STR_INIT("\x30\5\0\1a\2\1"), MAL, "longer than the packet"},
    {"an unknown property", 1, WR_STR_INIT("\x30\6\0\1a\2\x7f\1"), MAL, "cannot have"},
    {"a property of two bytes", 1, WR_STR_INIT("\x30\7\0\1a\3\x81\1\0"), MAL, "cannot have"},
    {"a property of CONNACK", 1, WR_STR_INIT("\x30\7\0\1a\3\x21\0\1"), MAL, "cannot have"},
    {"a property cut off", 1, WR_STR_INIT("\x30\6\0\1a\2\x02\0"), MAL, "four bytes"},
    {"a property without value", 1, WR_STR_INIT("\x30\5\0\1a\1\1"), MAL, "a byte"},
    {"format 2", 1, WR_STR_INIT("\x30\6\0\1a\2\1\2"), PRO, "range"},
    {"format twice", 1, WR_STR_INIT("\x30\x08\0\1a\4\1\1\1\1"), PRO, "twice"},
    {"alias 0", 1, WR_STR_INIT("\x30\7\0\1a\3\x23\0\0"), WR_REASON_ALIAS, "range"},
    {"alias twice", 1, WR_STR_INIT("\x30\xa\0\1a\6\x23\0\1\x23\0\1"), PRO, "twice"},
    {"subscription 0", 1, WR_STR_INIT("\x30\6\0\1a\2\x0b\0"), PRO, "range"},
    {"subscription of five bytes", 1, WR_STR_INIT("\x30\xa\0\1a\6\x0b\xff\xff\xff\xff\1"), MAL,
     "more than four"},
    {"subscription longer than need be", 1, WR_STR_INIT("\x30\7\0\1a\3\x0b\x81\0"), MAL,
     "than it needs"},
    {"content type not UTF-8", 1, WR_STR_INIT("\x30\x08\0\1a\4\3\0\1\xff"), MAL, "UTF-8"},
    {"content type with NUL", 1, WR_STR_INIT("\x30\x08\0\1a\4\3\0\1\0"), MAL, "NUL"},
    {"text longer than the properties", 1, WR_STR_INIT("\x30\xa\0\1a\4\3\0\3x\0\0"), MAL, "longer"},
    {"user property without value", 1, WR_STR_INIT("\x30\x08\0\1a\4\x26\0\1k"), MAL, "two bytes"},
    {"user key not UTF-8", 1, WR_STR_INIT("\x30\xb\0\1a\7\x26\0\1\xc0\0\1v"), MAL, "UTF-8"},
    {"user value not UTF-8", 1, WR_STR_INIT("\x30\xb\0\1a\7\x26\0\1k\0\1\xc0"), MAL, "UTF-8"},
    // CONNACK
    {"CONNACK, empty", 2, WR_STR_INIT("\x20\0"), MAL, "a byte"},
    {"CONNACK, one byte", 2, WR_STR_INIT("\x20\1\0"), MAL, "a byte"},
    {"CONNACK, flags", 2, WR_STR_INIT("\x20\3\2\0\0"), MAL, "flags"},
    {"refused with a session", 2, WR_STR_INIT("\x20\3\1\x85\0"), PRO, "session"},
    {"CONNACK, more", 0, WR_STR_INIT("\x20\3\0\0\0"), MAL, "behind"},
    {"CONNACK, more, 5", 1, WR_STR_INIT("\x20\4\0\0\0\0"), MAL, "behind"},
    {"CONNACK, no properties", 1, WR_STR_INIT("\x20\2\0\0"), MAL, "variable byte"},
    {"receive maximum 0", 1, WR_STR_INIT("\x20\6\0\0\3\x21\0\0"), PRO, "range"},
    {"maximum packet 0", 1, WR_STR_INIT("\x20\x08\0\0\5\x27\0\0\0\0"), PRO, "range"},
    {"maximum QoS 2", 1, WR_STR_INIT("\x20\5\0\0\2\x24\2"), PRO, "range"},
    {"shared 2", 1, WR_STR_INIT("\x20\5\0\0\2\x2a\2"), PRO, "range"},
    {"an alias in a CONNACK", 1, WR_STR_INIT("\x20\6\0\0\3\x23\0\1"), MAL, "cannot have"},
    // acknowledgements
    {"SUBACK, empty", 2, WR_STR_INIT("\x90\0"), MAL, "two bytes"},
    {"SUBACK of 0", 2, WR_STR_INIT("\x90\4\0\0\0\0"), PRO, "identifier 0"},
    {"SUBACK without code", 0, WR_STR_INIT("\x90\2\0\1"), MAL, "a byte"},
    {"SUBACK without code, 5", 1, WR_STR_INIT("\x90\3\0\1\0"), MAL, "a byte"},
    {"SUBACK, two codes", 0, WR_STR_INIT("\x90\4\0\1\1\1"), PRO, "than filters"},
    {"SUBACK, two codes, 5", 1, WR_STR_INIT("\x90\5\0\1\0\1\1"), PRO, "than filters"},
    {"SUBACK, code 3", 0, WR_STR_INIT("\x90\3\0\1\3"), MAL, "cannot have"},
    {"SUBACK, code 0x87 of 3.1.1", 0, WR_STR_INIT("\x90\3\0\1\x87"), MAL, "cannot have"},
    {"SUBACK, code 3, 5", 1, WR_STR_INIT("\x90\4\0\1\0\3"), MAL, "cannot have"},
    {"UNSUBACK, more", 0, WR_STR_INIT("\xb0\3\0\1\0"), MAL, "behind"},
    {"UNSUBACK, code 1", 1, WR_STR_INIT("\xb0\4\0\1\0\1"), MAL, "cannot have"},
    {"UNSUBACK, no code", 1, WR_STR_INIT("\xb0\3\0\1\0"), MAL, "a byte"},
    {"PUBREL of 0", 2, WR_STR_INIT("\x62\2\0\0"), PRO, "identifier 0"},
    {"PUBREL, more", 0, WR_STR_INIT("\x62\3\0\1\0"), MAL, "behind"},
    {"PUBREL, more, 5", 1, WR_STR_INIT("\x62\5\0\1\0\0\0"), MAL, "behind"},
    {"DISCONNECT, more", 1, WR_STR_INIT("\xe0\3\0\0\0"), MAL, "behind"},
    {"DISCONNECT, session expiry", 1, WR_STR_INIT("\xe0\7\0\5\x11\0\0\0\1"), MAL, "cannot have"},
};

static void refuses(void **state)
{
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        for (int v5 = 0; v5 < 2; v5++) {
            if (bad[i].v5 != 2 && bad[i].v5 != v5) {
                continue;
            }
            struct wr_packet p;
            struct wr_packet_fault fault = {0};
            // Of the exact size, so that a read behind the end is seen.
            char *exact = wr_alloc(bad[i].bytes.len);
            memcpy(exact, bad[i].bytes.at, bad[i].bytes.len);
            enum wr_scan got = wr_packet_scan(exact, bad[i].bytes.len, v5, &p, &fault);
            bool taken = got == WR_SCAN_WHOLE ? read_any(&p, v5, &fault) : got == WR_SCAN_MORE;
            if (taken) {
                CASE_FAIL(bad[i].name, "was taken (MQTT %s)", v5 ? "5" : "3.1.1");
            }
            CHECK_HEX(bad[i].name, fault.reason, bad[i].reason);
            if (!strstr(fault.what, bad[i].what)) {
                CASE_FAIL(bad[i].name, "says '%s', not '%s'", fault.what, bad[i].what);
            }
            CHECK(bad[i].name, fault.offset <= bad[i].bytes.len);
            free(exact);
        }
    }
}

// ---- bit by bit

// Every head that is cut off asks for more, and says how much as soon as it can.
static void asks_for_more(void **state)
{
    size_t bodies[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152, WR_PACKET_BODY_MAX};
    for (size_t i = 0; i < WR_COUNT(bodies); i++) {
        unsigned char head[5] = {0x30};
        size_t len = 1, n = bodies[i];
        do {
            head[len++] = (unsigned char)((n & 127) | (n > 127 ? 128 : 0));
            n >>= 7;
        } while (n);
        for (size_t cut = 0; cut <= len; cut++) {
            struct wr_packet p;
            struct wr_packet_fault fault;
            enum wr_scan got = wr_packet_scan((const char *)head, cut, true, &p, &fault);
            bool whole = cut == len && bodies[i] == 0;
            CHECK_INT("head", got, whole ? WR_SCAN_WHOLE : WR_SCAN_MORE);
            CHECK_INT("size", p.size, cut == len ? len + bodies[i] : 0);
        }
    }
}

// A stream of all packets, in pieces of every size from every offset, gives the same packets.
static void splits_anywhere(void **state)
{
    struct wr_buf stream = {0};
    wr_buf_add(&stream,
               S("\x20\3\0\0\0\x90\4\0\1\0\1\x30\6\0\1t\0xy\x32\7\0\1t\0\1\0z\xd0\0\xb0\4\0\2\0\0"
                 "\x62\2\0\3\x30\xac\2\0\4"
                 "long\0"));
    for (int i = 0; i < 300 - 7; i++) {
        wr_buf_add_char(&stream, (char)i);
    }
    wr_buf_add(&stream, S("\xe0\1\x8b"));
    int want[] = {2, 9, 3, 3, 13, 11, 6, 3, 14};
    for (size_t piece = 1; piece <= stream.len; piece++) {
        size_t begin = 0, n = 0;
        for (size_t have = piece < stream.len ? piece : stream.len;; have += piece) {
            have = have < stream.len ? have : stream.len;
            struct wr_packet p;
            struct wr_packet_fault fault = {0};
            enum wr_scan got;
            // What is there, in memory of its own.
            char *exact = wr_alloc(have - begin + 1);
            memcpy(exact, stream.at + begin, have - begin);
            size_t at = 0;
            while ((got = wr_packet_scan(exact + at, have - begin - at, true, &p, &fault)) ==
                   WR_SCAN_WHOLE) {
                CHECK("stream", n < WR_COUNT(want));
                CHECK_INT("type", p.type, want[n]);
                CHECK("body", read_any(&p, true, &fault));
                n++;
                at += p.size;
            }
            free(exact);
            CHECK_INT("stream", got, WR_SCAN_MORE);
            begin += at;
            if (have == stream.len) {
                break;
            }
        }
        CHECK_INT("packets", n, WR_COUNT(want));
        CHECK_INT("rest", begin, stream.len);
    }
    wr_buf_release(&stream);
}

// A packet whose body is cut at every place never passes as another one that reads behind it.
static void cut_bodies(void **state)
{
    wr_str props = S(ALL_PROPERTIES);
    for (size_t cut = 0; cut < 4 + props.len; cut++) {
        struct wr_buf body = {0};
        wr_buf_add(&body, S("\0\1t"));
        wr_buf_add_char(&body, (char)props.len);
        wr_buf_add(&body, props);
        char *exact = wr_alloc(cut + 1);
        memcpy(exact, body.at, cut);
        struct wr_packet p = {.type = WR_PACKET_PUBLISH, .body = {exact, cut}};
        struct wr_publication m;
        struct wr_packet_fault fault = {0};
        CHECK("cut", !wr_packet_read_publish(&p, true, &m, &fault));
        CHECK_HEX("cut", fault.reason, WR_REASON_MALFORMED);
        free(exact);
        wr_buf_release(&body);
    }
}

// ---- what we send

static void check_bytes(const char *name, struct wr_buf *out, wr_str want)
{
    CHECK_STR(name, wr_buf_str(out), want);
    wr_buf_clear(out);
}

static void writes(void **state)
{
    struct wr_buf out = {0};
    struct wr_packet_connect c = {.client_id = S("id"), .keepalive_s = 60};
    wr_packet_write_connect(&c, &out);
    check_bytes("3.1.1", &out, S("\x10\x0e\0\4MQTT\4\0\0\x3c\0\2id"));
    c = (struct wr_packet_connect){.v5 = true,
                                   .clean = true,
                                   .client_id = S(""),
                                   .username = S("u"),
                                   .password = S("p\0w"),
                                   .keepalive_s = 1,
                                   .session_expiry_s = 0x01020304,
                                   .receive_maximum = 1000,
                                   .alias_maximum = 16};
    wr_packet_write_connect(&c, &out);
    check_bytes(
        "5", &out,
        S("\x10\x20\0\4MQTT\5\xc2\0\1\x0b\x11\1\2\3\4\x21\3\xe8\x22\0\x10\0\0\0\1u\0\3p\0w"));
    wr_packet_write_subscribe(false, 258, S("a/#"), 1, 7, &out);
    check_bytes("SUBSCRIBE", &out, S("\x82\x08\1\2\0\3a/#\1"));
    wr_packet_write_subscribe(true, 258, S("a/#"), 1, 0, &out);
    check_bytes("SUBSCRIBE 5", &out, S("\x82\x09\1\2\0\0\3a/#\x21"));
    wr_packet_write_subscribe(true, 258, S("a/#"), 1, 300, &out);
    check_bytes("SUBSCRIBE 5, identifier", &out, S("\x82\x0c\1\2\3\x0b\xac\2\0\3a/#\x21"));
    wr_packet_write_unsubscribe(false, 1, S("a"), &out);
    check_bytes("UNSUBSCRIBE", &out, S("\xa2\5\0\1\0\1a"));
    wr_packet_write_unsubscribe(true, 1, S("a"), &out);
    check_bytes("UNSUBSCRIBE 5", &out, S("\xa2\6\0\1\0\0\1a"));
    struct wr_packet_publish p = {.topic = S("t"), .payload = S("x\0y"), .retain = true};
    wr_packet_write_publish(&p, &out);
    CHECK_INT("PUBLISH", wr_packet_publish_size(&p), out.len);
    check_bytes("PUBLISH", &out, S("\x31\6\0\1tx\0y"));
    struct wr_buf props = {0};
    wr_packet_add_number(&props, WR_PROPERTY_FORMAT, 1);
    wr_packet_add_number(&props, WR_PROPERTY_EXPIRY, 258);
    wr_packet_add_text(&props, WR_PROPERTY_CONTENT_TYPE, S("c"));
    wr_packet_add_user(&props, S("k"), S(""));
    p = (struct wr_packet_publish){.topic = S("t"),
                                   .payload = S("x"),
                                   .properties = wr_buf_str(&props),
                                   .mid = 258,
                                   .qos = 1,
                                   .v5 = true};
    wr_packet_write_publish(&p, &out);
    CHECK_INT("PUBLISH 5", wr_packet_publish_size(&p), out.len);
    check_bytes("PUBLISH 5", &out, S("\x32\x18\0\1t\1\2\x11\1\1\2\0\0\1\2\3\0\1c\x26\0\1k\0\0x"));
    wr_buf_release(&props);
    wr_packet_write_ping(&out);
    check_bytes("PINGREQ", &out, S("\xc0\0"));
    wr_packet_write_disconnect(true, WR_REASON_NORMAL, &out);
    check_bytes("DISCONNECT", &out, S("\xe0\0"));
    wr_packet_write_disconnect(true, WR_REASON_PROTOCOL, &out);
    check_bytes("DISCONNECT, why", &out, S("\xe0\1\x82"));
    wr_packet_write_disconnect(false, WR_REASON_PROTOCOL, &out);
    check_bytes("DISCONNECT, why, 3.1.1", &out, S(""));
    char ack[WR_PACKET_ACK_SIZE];
    wr_packet_put_ack(ack, WR_PACKET_PUBACK, 0xfffe);
    CHECK_STR("PUBACK", ((wr_str){ack, sizeof ack}), S("\x40\2\xff\xfe"));
    wr_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(reads_publications), T(reads_properties), T(reads_connack), T(reads_acks), T(refuses),
        T(asks_for_more),      T(splits_anywhere),  T(cut_bodies),    T(writes),
    };
    return TEST_MAIN(tests);
}
