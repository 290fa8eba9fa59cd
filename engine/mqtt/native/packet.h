// MQTT 3.1.1 and 5 packets as bytes: those that a broker sends are taken apart where they lie,
// those of a client are written. Pure: no input or output, no memory, no state. The
// bytes come from outside: whatever they are, the answer is a packet or a fault with MQTT's reason
// code. Thread: any.
//
// What only its publisher can have done wrong, and the framing does not suffer from, is taken as it
// is (wildcards in a response topic, a payload that is not of the format it claims): otherwise one
// message would end every connection that it is delivered to, for as long as the broker has it.
#ifndef WR_ENGINE_MQTT_NATIVE_PACKET_H
#define WR_ENGINE_MQTT_NATIVE_PACKET_H

#include "sql/base/buf.h"
#include "sql/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define WR_PACKET_HEAD_MAX 5         // first byte, and four of length
#define WR_PACKET_BODY_MAX 268435455 // four bytes of seven bits
// Of anything but a PUBLISH: what a broker says about itself and a reason; more is an attack on
// memory.
#define WR_PACKET_CONTROL_MAX (1 << 20)
#define WR_PACKET_IDS_MAX     16 // subscription identifiers read of one copy

// PACKET(name, number, flags of its first byte). A broker sends no CONNECT, SUBSCRIBE, UNSUBSCRIBE
// or PINGREQ. PUBLISH has flags of its own.
#define WR_PACKET_MAP(PACKET)  \
    PACKET(CONNECT, 1, 0)      \
    PACKET(CONNACK, 2, 0)      \
    PACKET(PUBLISH, 3, 0)      \
    PACKET(PUBACK, 4, 0)       \
    PACKET(PUBREC, 5, 0)       \
    PACKET(PUBREL, 6, 2)       \
    PACKET(PUBCOMP, 7, 0)      \
    PACKET(SUBSCRIBE, 8, 2)    \
    PACKET(SUBACK, 9, 0)       \
    PACKET(UNSUBSCRIBE, 10, 2) \
    PACKET(UNSUBACK, 11, 0)    \
    PACKET(PINGREQ, 12, 0)     \
    PACKET(PINGRESP, 13, 0)    \
    PACKET(DISCONNECT, 14, 0)  \
    PACKET(AUTH, 15, 0)

enum wr_packet_type {
#define PACKET(name, number, flags) WR_PACKET_##name = (number),
    WR_PACKET_MAP(PACKET)
#undef PACKET
};

// "PUBLISH"; "?" for what is none.
const char *wr_packet_name(unsigned type);

// Reason codes of a DISCONNECT that we send.
enum wr_packet_reason {
    WR_REASON_NORMAL = 0,
    WR_REASON_MALFORMED = 0x81,
    WR_REASON_PROTOCOL = 0x82,
    WR_REASON_TOPIC = 0x90,
    WR_REASON_RECEIVE_MAXIMUM = 0x93,
    WR_REASON_ALIAS = 0x94,
    WR_REASON_TOO_LARGE = 0x95,
};

// What is wrong with a packet.
struct wr_packet_fault {
    enum wr_packet_reason reason;
    size_t offset;    // in the packet's body, or in the packet when its head is wrong
    const char *what; // static: what was found and what was expected
};

struct wr_packet {
    uint8_t type, flags;
    size_t size; // of the whole packet
    wr_str body; // borrowed
};

enum wr_scan {
    WR_SCAN_WHOLE,
    WR_SCAN_MORE, // `size` is what the whole packet has, or 0 while that cannot be told
    WR_SCAN_BAD,
};

enum wr_scan wr_packet_scan_slow_(const unsigned char *at, size_t len, bool v5,
                                  struct wr_packet *out, struct wr_packet_fault *fault);

// The packet at the front of `len` bytes. On BAD only `fault` is filled.
static inline enum wr_scan wr_packet_scan(const char *at, size_t len, bool v5,
                                          struct wr_packet *out, struct wr_packet_fault *fault)
{
    const unsigned char *p = (const unsigned char *)at;
    // A whole PUBLISH of 128 to 16383 bytes, or of fewer.
    if (WR_LIKELY(len >= 3 && p[0] >> 4 == WR_PACKET_PUBLISH)) {
        size_t head = p[1] < 128 ? 2 : 3;
        size_t body = p[1] < 128 ? p[1] : (size_t)(p[1] & 127) | (size_t)p[2] << 7;
        if (WR_LIKELY((head == 2 || (p[2] < 128 && p[2] > 0)) && len >= head + body)) {
            out->type = WR_PACKET_PUBLISH;
            out->flags = p[0] & 15;
            out->size = head + body;
            out->body = (wr_str){at + head, body};
            return WR_SCAN_WHOLE;
        }
    }
    return wr_packet_scan_slow_(p, len, v5, out, fault);
}

// ---- properties (MQTT 5, 2.2.2)

// Which packets a property may be in.
enum {
    WR_IN_PUBLISH = 1,
    WR_IN_CONNACK = 2,
    WR_IN_ACK = 4, // PUBREL, PUBACK, SUBACK, UNSUBACK
    WR_IN_DISCONNECT = 8,
};

// PROPERTY(name, identifier, type, packets, smallest, largest): only those that a broker may send.
// Numbers out of their range are protocol errors.
#define WR_PROPERTY_MAP(PROPERTY)                                                    \
    PROPERTY(FORMAT, 0x01, BYTE, WR_IN_PUBLISH, 0, 1)                                \
    PROPERTY(EXPIRY, 0x02, FOUR, WR_IN_PUBLISH, 0, UINT32_MAX)                       \
    PROPERTY(CONTENT_TYPE, 0x03, TEXT, WR_IN_PUBLISH, 0, 0)                          \
    PROPERTY(RESPONSE_TOPIC, 0x08, TEXT, WR_IN_PUBLISH, 0, 0)                        \
    PROPERTY(CORRELATION_DATA, 0x09, BINARY, WR_IN_PUBLISH, 0, 0)                    \
    PROPERTY(SUBSCRIPTION_ID, 0x0b, VARINT, WR_IN_PUBLISH, 1, WR_PACKET_BODY_MAX)    \
    PROPERTY(SESSION_EXPIRY, 0x11, FOUR, WR_IN_CONNACK, 0, UINT32_MAX)               \
    PROPERTY(ASSIGNED_ID, 0x12, TEXT, WR_IN_CONNACK, 0, 0)                           \
    PROPERTY(KEEPALIVE, 0x13, TWO, WR_IN_CONNACK, 0, UINT16_MAX)                     \
    PROPERTY(AUTH_METHOD, 0x15, TEXT, WR_IN_CONNACK, 0, 0)                           \
    PROPERTY(AUTH_DATA, 0x16, BINARY, WR_IN_CONNACK, 0, 0)                           \
    PROPERTY(RESPONSE_INFO, 0x1a, TEXT, WR_IN_CONNACK, 0, 0)                         \
    PROPERTY(SERVER, 0x1c, TEXT, WR_IN_CONNACK | WR_IN_DISCONNECT, 0, 0)             \
    PROPERTY(REASON, 0x1f, TEXT, WR_IN_CONNACK | WR_IN_ACK | WR_IN_DISCONNECT, 0, 0) \
    PROPERTY(RECEIVE_MAXIMUM, 0x21, TWO, WR_IN_CONNACK, 1, UINT16_MAX)               \
    PROPERTY(ALIAS_MAXIMUM, 0x22, TWO, WR_IN_CONNACK, 0, UINT16_MAX)                 \
    PROPERTY(ALIAS, 0x23, TWO, WR_IN_PUBLISH, 1, UINT16_MAX)                         \
    PROPERTY(MAXIMUM_QOS, 0x24, BYTE, WR_IN_CONNACK, 0, 1)                           \
    PROPERTY(RETAIN, 0x25, BYTE, WR_IN_CONNACK, 0, 1)                                \
    PROPERTY(USER, 0x26, PAIR, 15, 0, 0)                                             \
    PROPERTY(MAXIMUM_PACKET, 0x27, FOUR, WR_IN_CONNACK, 1, UINT32_MAX)               \
    PROPERTY(WILDCARDS, 0x28, BYTE, WR_IN_CONNACK, 0, 1)                             \
    PROPERTY(SUBSCRIPTION_IDS, 0x29, BYTE, WR_IN_CONNACK, 0, 1)                      \
    PROPERTY(SHARED, 0x2a, BYTE, WR_IN_CONNACK, 0, 1)

enum wr_property {
#define PROPERTY(name, id, type, packets, smallest, largest) WR_PROPERTY_##name,
    WR_PROPERTY_MAP(PROPERTY)
#undef PROPERTY
        WR_PROPERTY_COUNT
};

// All of a packet's properties. Slices borrow from the packet.
struct wr_properties {
    uint32_t seen; // a bit each; what is not seen is not filled
    wr_str raw;
    uint32_t user_count;
    uint32_t id_count; // of ids[]; a broker sends one, or few
    uint32_t ids[WR_PACKET_IDS_MAX];
    union {
        uint32_t number;
        wr_str text;
    } value[WR_PROPERTY_COUNT];
};

static inline bool wr_properties_has(const struct wr_properties *p, enum wr_property which)
{
    return p->seen >> which & 1;
}
// Its number, or `otherwise`.
static inline uint32_t wr_properties_number(const struct wr_properties *p, enum wr_property which,
                                            uint32_t otherwise)
{
    return wr_properties_has(p, which) ? p->value[which].number : otherwise;
}
// Its bytes, or an absent text.
static inline wr_str wr_properties_text(const struct wr_properties *p, enum wr_property which)
{
    return wr_properties_has(p, which) ? p->value[which].text : (wr_str){NULL, 0};
}
// The next user property from *at (0 at first; it moves on), in their order. `p` was read without a
// fault. False: no more.
bool wr_properties_user(const struct wr_properties *p, size_t *at, wr_str *key, wr_str *value);

// ---- what a broker sends

struct wr_publication {
    wr_str topic; // borrowed; empty only with an alias
    wr_str payload;
    uint16_t mid; // 0 with QoS 0
    uint8_t qos;
    bool dup, retain;
    bool plain; // no properties at all: `properties` is not filled but for `seen` and the counts
    struct wr_properties properties;
};
// `topic` is UTF-8 without wildcards and NUL.
bool wr_packet_read_publish(const struct wr_packet *p, bool v5, struct wr_publication *out,
                            struct wr_packet_fault *fault) WR_MUST_CHECK;

struct wr_connack {
    bool present; // the broker kept our session
    uint8_t code; // 0: connected
    struct wr_properties properties;
};
bool wr_packet_read_connack(const struct wr_packet *p, bool v5, struct wr_connack *out,
                            struct wr_packet_fault *fault) WR_MUST_CHECK;

// SUBACK and UNSUBACK of one filter each, PUBREL and PUBACK.
struct wr_packet_ack {
    uint16_t mid;
    uint8_t code; // 0 where a packet has none
    struct wr_properties properties;
};
bool wr_packet_read_ack(const struct wr_packet *p, bool v5, struct wr_packet_ack *out,
                        struct wr_packet_fault *fault) WR_MUST_CHECK;

struct wr_goodbye {
    uint8_t code;
    struct wr_properties properties;
};
// Only MQTT 5 knows a DISCONNECT from the broker.
bool wr_packet_read_disconnect(const struct wr_packet *p, bool v5, struct wr_goodbye *out,
                               struct wr_packet_fault *fault) WR_MUST_CHECK;

// ---- what we send: appended to `out`

struct wr_packet_connect {
    bool v5, clean;
    wr_str client_id, username, password; // absent (at is NULL): not sent
    uint16_t keepalive_s;
    uint32_t session_expiry_s;               // v5
    uint16_t receive_maximum, alias_maximum; // v5; 0: not sent
};
void wr_packet_write_connect(const struct wr_packet_connect *c, struct wr_buf *out);

// One filter, of at most 65,535 bytes. `id`: subscription identifier, 0: none. Over MQTT 5 what was
// retained before is not asked for.
void wr_packet_write_subscribe(bool v5, uint16_t mid, wr_str filter, uint8_t qos, uint32_t id,
                               struct wr_buf *out);
void wr_packet_write_unsubscribe(bool v5, uint16_t mid, wr_str filter, struct wr_buf *out);

struct wr_packet_publish {
    wr_str topic, payload;
    wr_str properties; // as the functions below made them; v5
    uint16_t mid;      // with QoS 1
    uint8_t qos;       // 0 or 1
    bool retain, v5;
};
// Of the whole packet.
size_t wr_packet_publish_size(const struct wr_packet_publish *p);
// Its parts fit: a topic of at most 65,535 bytes, a body of at most WR_PACKET_BODY_MAX.
void wr_packet_write_publish(const struct wr_packet_publish *p, struct wr_buf *out);
// A number, or a text of at most 65,535 bytes, as the property wants it.
void wr_packet_add_number(struct wr_buf *properties, enum wr_property which, uint32_t number);
void wr_packet_add_text(struct wr_buf *properties, enum wr_property which, wr_str text);
void wr_packet_add_user(struct wr_buf *properties, wr_str key, wr_str value);

void wr_packet_write_ping(struct wr_buf *out);
// MQTT 3.1.1 has no reasons: it gets a DISCONNECT only for WR_REASON_NORMAL, since any other end
// should look like a lost connection.
void wr_packet_write_disconnect(bool v5, enum wr_packet_reason reason, struct wr_buf *out);

#define WR_PACKET_ACK_SIZE 4
// PUBACK, PUBREC or PUBCOMP of success.
static inline void wr_packet_put_ack(char *to, enum wr_packet_type type, uint16_t mid)
{
    to[0] = (char)(type << 4);
    to[1] = 2;
    to[2] = (char)(mid >> 8);
    to[3] = (char)(mid & 255);
}

#endif
