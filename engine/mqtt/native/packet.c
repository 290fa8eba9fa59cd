// Reads and writes packets. Everything is looked at before it is believed: lengths against the
// bytes that are there, texts for UTF-8, properties against their table.
#include "engine/mqtt/native/packet.h"

#include "sql/base/err.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

const char *wr_packet_name(unsigned type)
{
    static const char *const names[16] = {
#define PACKET(name, number, flags) [number] = #name,
        WR_PACKET_MAP(PACKET)
#undef PACKET
    };
    return type < 16 && names[type] ? names[type] : "?";
}

// ---- a cursor that never passes the end

struct cursor {
    const unsigned char *begin, *at, *end;
    struct wr_packet_fault *fault;
};

static struct cursor cursor_of(wr_str bytes, struct wr_packet_fault *fault)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    return (struct cursor){at, at, at + bytes.len, fault};
}

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

WR_COLD static bool fail_at(struct wr_packet_fault *fault, enum wr_packet_reason reason,
                            size_t offset, const char *what)
{
    *fault = (struct wr_packet_fault){reason, offset, what};
    return false;
}

WR_COLD static bool fail(const struct cursor *c, enum wr_packet_reason reason, const char *what)
{
    return fail_at(c->fault, reason, (size_t)(c->at - c->begin), what);
}

static bool read_byte(struct cursor *c, uint32_t *out)
{
    if (left(c) < 1) {
        return fail(c, WR_REASON_MALFORMED, "ends where a byte was expected");
    }
    *out = *c->at++;
    return true;
}

static bool read_two(struct cursor *c, uint32_t *out)
{
    if (left(c) < 2) {
        return fail(c, WR_REASON_MALFORMED, "ends where a number of two bytes was expected");
    }
    *out = (uint32_t)c->at[0] << 8 | c->at[1];
    c->at += 2;
    return true;
}

static bool read_four(struct cursor *c, uint32_t *out)
{
    if (left(c) < 4) {
        return fail(c, WR_REASON_MALFORMED, "ends where a number of four bytes was expected");
    }
    *out = (uint32_t)c->at[0] << 24 | (uint32_t)c->at[1] << 16 | (uint32_t)c->at[2] << 8 | c->at[3];
    c->at += 4;
    return true;
}

static bool read_varint(struct cursor *c, uint32_t *out)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (left(c) < 1) {
            return fail(c, WR_REASON_MALFORMED, "ends inside of a variable byte integer");
        }
        unsigned char byte = *c->at++;
        n |= (uint32_t)(byte & 127) << (7 * i);
        if (byte < 128) {
            if (byte == 0 && i > 0) {
                return fail(c, WR_REASON_MALFORMED,
                            "a variable byte integer is longer than it needs to be");
            }
            *out = n;
            return true;
        }
    }
    return fail(c, WR_REASON_MALFORMED, "a variable byte integer has more than four bytes");
}

static bool read_binary(struct cursor *c, wr_str *out)
{
    uint32_t len = 0;
    if (!read_two(c, &len)) {
        return false;
    }
    if (left(c) < len) {
        return fail(c, WR_REASON_MALFORMED, "a text or binary value is longer than what holds it");
    }
    *out = (wr_str){(const char *)c->at, len};
    c->at += len;
    return true;
}

static bool has_nul(wr_str s)
{
    return s.len && memchr(s.at, '\0', s.len);
}

static bool read_text(struct cursor *c, wr_str *out)
{
    if (!read_binary(c, out)) {
        return false;
    }
    if (WR_UNLIKELY(!wr_utf8_valid(*out) || has_nul(*out))) {
        c->at -= out->len;
        return fail(c, WR_REASON_MALFORMED, "a text is not UTF-8, or holds a NUL");
    }
    return true;
}

static bool read_mid(struct cursor *c, uint16_t *out)
{
    uint32_t mid = 0;
    if (!read_two(c, &mid)) {
        return false;
    }
    if (mid == 0) {
        return fail(c, WR_REASON_PROTOCOL, "packet identifier 0");
    }
    *out = (uint16_t)mid;
    return true;
}

static bool at_end(const struct cursor *c)
{
    return c->at == c->end || fail(c, WR_REASON_MALFORMED, "bytes behind the end of the packet");
}

// ---- the head

// Whether a broker may send this. We publish with QoS 1 at most.
static bool check_first(unsigned char first, bool v5, struct wr_packet_fault *fault)
{
    static const uint8_t flags[16] = {
#define PACKET(name, number, flag_bits) [number] = (flag_bits),
        WR_PACKET_MAP(PACKET)
#undef PACKET
    };
    unsigned type = first >> 4;
    switch (type) {
    case WR_PACKET_CONNACK:
    case WR_PACKET_PUBLISH:
    case WR_PACKET_PUBACK:
    case WR_PACKET_PUBREL:
    case WR_PACKET_SUBACK:
    case WR_PACKET_UNSUBACK:
    case WR_PACKET_PINGRESP:
        break;
    case WR_PACKET_DISCONNECT:
        if (v5) {
            break;
        }
        return fail_at(fault, WR_REASON_PROTOCOL, 0,
                       "a DISCONNECT, which MQTT 3.1.1 lets only "
                       "clients send");
    case 0:
        return fail_at(fault, WR_REASON_MALFORMED, 0, "packet type 0, which does not exist");
    case WR_PACKET_AUTH:
        return v5 ? fail_at(fault, WR_REASON_PROTOCOL, 0, "an AUTH that was not asked for")
                  : fail_at(fault, WR_REASON_MALFORMED, 0,
                            "packet type 15, which MQTT 3.1.1 does not have");
    default:
        return fail_at(fault, WR_REASON_PROTOCOL, 0, "a packet that a broker does not send");
    }
    if (type != WR_PACKET_PUBLISH && (first & 15) != flags[type]) {
        return fail_at(fault, WR_REASON_MALFORMED, 0, "reserved flags in the first byte");
    }
    return true;
}

enum wr_scan wr_packet_scan_slow_(const unsigned char *at, size_t len, bool v5,
                                  struct wr_packet *out, struct wr_packet_fault *fault)
{
    *out = (struct wr_packet){0};
    if (len == 0) {
        return WR_SCAN_MORE;
    }
    if (!check_first(at[0], v5, fault)) {
        return WR_SCAN_BAD;
    }
    size_t body = 0, i = 1;
    for (;; i++) {
        if (i == WR_PACKET_HEAD_MAX) {
            fail_at(fault, WR_REASON_MALFORMED, i - 1,
                    "a packet's length has more than four bytes");
            return WR_SCAN_BAD;
        }
        if (i >= len) {
            return WR_SCAN_MORE;
        }
        body |= (size_t)(at[i] & 127) << (7 * (i - 1));
        if (at[i] < 128) {
            break;
        }
    }
    if (at[i] == 0 && i > 1) {
        fail_at(fault, WR_REASON_MALFORMED, i, "a packet's length is longer than it needs to be");
        return WR_SCAN_BAD;
    }
    out->type = at[0] >> 4;
    out->flags = at[0] & 15;
    out->size = i + 1 + body;
    if (out->type == WR_PACKET_PINGRESP && body > 0) {
        fail_at(fault, WR_REASON_MALFORMED, i, "a PINGRESP with a body");
        return WR_SCAN_BAD;
    }
    if (out->type != WR_PACKET_PUBLISH && body > WR_PACKET_CONTROL_MAX) {
        fail_at(fault, WR_REASON_TOO_LARGE, i, "a packet without a payload of more than 1 MiB");
        return WR_SCAN_BAD;
    }
    if (len < out->size) {
        return WR_SCAN_MORE;
    }
    out->body = (wr_str){(const char *)at + i + 1, body};
    return WR_SCAN_WHOLE;
}

// ---- properties

enum value_type { BYTE, TWO, FOUR, VARINT, TEXT, BINARY, PAIR };

static const struct property_info {
    uint8_t known, type, packets;
    uint32_t smallest, largest;
    enum wr_property index;
} properties[256] = {
#define PROPERTY(name, id, type, packets, smallest, largest) \
    [id] = {1, type, packets, smallest, largest, WR_PROPERTY_##name},
    WR_PROPERTY_MAP(PROPERTY)
#undef PROPERTY
};

static bool read_number(struct cursor *c, const struct property_info *info, uint32_t *out)
{
    bool ok = info->type == BYTE   ? read_byte(c, out)
              : info->type == TWO  ? read_two(c, out)
              : info->type == FOUR ? read_four(c, out)
                                   : read_varint(c, out);
    if (ok && (*out < info->smallest || *out > info->largest)) {
        return fail(c, info->index == WR_PROPERTY_ALIAS ? WR_REASON_ALIAS : WR_REASON_PROTOCOL,
                    "the number of a property is out of its range");
    }
    return ok;
}

static bool read_property(struct cursor *c, unsigned packet, struct wr_properties *out)
{
    uint32_t id = 0, number = 0;
    const unsigned char *start = c->at;
    if (!read_varint(c, &id)) {
        return false;
    }
    const struct property_info *info = id < WR_COUNT(properties) ? &properties[id] : NULL;
    if (!info || !info->known || !(info->packets & packet)) {
        c->at = start;
        return fail(c, WR_REASON_MALFORMED, "a property that this packet cannot have");
    }
    bool again = wr_properties_has(out, info->index);
    if (again && info->index != WR_PROPERTY_USER && info->index != WR_PROPERTY_SUBSCRIPTION_ID) {
        c->at = start;
        return fail(c, WR_REASON_PROTOCOL, "a property twice");
    }
    out->seen |= UINT32_C(1) << info->index;
    wr_str key, value;
    switch (info->type) {
    case TEXT:
        return read_text(c, &out->value[info->index].text);
    case BINARY:
        return read_binary(c, &out->value[info->index].text);
    case PAIR:
        out->user_count++;
        return read_text(c, &key) && read_text(c, &value);
    default:
        if (!read_number(c, info, &number)) {
            return false;
        }
        if (info->index == WR_PROPERTY_SUBSCRIPTION_ID) {
            if (out->id_count < WR_PACKET_IDS_MAX) {
                out->ids[out->id_count++] = number;
            }
        } else {
            out->value[info->index].number = number;
        }
        return true;
    }
}

static bool read_properties(struct cursor *c, unsigned packet, struct wr_properties *out)
{
    uint32_t len = 0;
    if (!read_varint(c, &len)) {
        return false;
    }
    if (len > left(c)) {
        return fail(c, WR_REASON_MALFORMED, "the properties are longer than the packet");
    }
    out->raw = (wr_str){(const char *)c->at, len};
    struct cursor inner = *c;
    inner.end = inner.at + len;
    while (inner.at < inner.end) {
        if (!read_property(&inner, packet, out)) {
            return false;
        }
    }
    c->at = inner.end;
    return true;
}

static void no_properties(struct wr_properties *p)
{
    p->seen = 0;
    p->user_count = p->id_count = 0;
    p->raw = (wr_str){NULL, 0};
}

bool wr_properties_user(const struct wr_properties *p, size_t *at, wr_str *key, wr_str *value)
{
    struct wr_packet_fault unused;
    struct cursor c = cursor_of(p->raw, &unused);
    c.at += *at;
    while (c.at < c.end) {
        uint32_t id = 0, number = 0;
        wr_str skipped;
        if (!read_varint(&c, &id)) {
            return false;
        }
        bool ok;
        switch (properties[id & 255].type) {
        case PAIR:
            ok = read_binary(&c, key) && read_binary(&c, value);
            *at = (size_t)(c.at - c.begin);
            return ok;
        case TEXT:
        case BINARY:
            ok = read_binary(&c, &skipped);
            break;
        default:
            ok = read_number(&c, &properties[id & 255], &number);
        }
        if (!ok) {
            return false;
        }
    }
    *at = (size_t)(c.at - c.begin);
    return false;
}

// ---- what a broker sends

#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

// Some byte of the eight is 0.
static uint64_t zero_byte(uint64_t n)
{
    return (n - EVERY(1)) & ~n & EVERY(0x80);
}

// Eight bytes that are neither NUL nor wildcards nor outside of ASCII.
static bool plain_eight(const char *at)
{
    uint64_t n;
    memcpy(&n, at, sizeof n);
    return !((n & EVERY(0x80)) | zero_byte(n) | zero_byte(n ^ EVERY('#')) |
             zero_byte(n ^ EVERY('+')));
}

static bool check_topic_slow(const struct cursor *c, wr_str topic)
{
    if (!wr_utf8_valid(topic)) {
        return fail(c, WR_REASON_MALFORMED, "a topic that is not UTF-8");
    }
    for (size_t i = 0; i < topic.len; i++) {
        if (topic.at[i] == '#' || topic.at[i] == '+') {
            return fail(c, WR_REASON_TOPIC, "a topic with a wildcard");
        }
        if (topic.at[i] == 0) {
            return fail(c, WR_REASON_MALFORMED, "a topic with a NUL");
        }
    }
    return true;
}

static bool check_topic(const struct cursor *c, wr_str topic)
{
    if (topic.len < 8) {
        return check_topic_slow(c, topic);
    }
    bool plain = plain_eight(topic.at + topic.len - 8); // overlaps what comes before
    for (size_t i = 0; plain && i + 8 <= topic.len; i += 8) {
        plain = plain_eight(topic.at + i);
    }
    return plain || check_topic_slow(c, topic);
}

// An alias may stand for the topic.
static bool check_empty_topic(const struct cursor *c, const struct wr_publication *out)
{
    return out->topic.len > 0 || wr_properties_has(&out->properties, WR_PROPERTY_ALIAS) ||
           fail(c, WR_REASON_PROTOCOL, "a PUBLISH without a topic or an alias");
}

bool wr_packet_read_publish(const struct wr_packet *p, bool v5, struct wr_publication *out,
                            struct wr_packet_fault *fault)
{
    struct cursor c = cursor_of(p->body, fault);
    out->qos = p->flags >> 1 & 3;
    out->dup = p->flags & 8;
    out->retain = p->flags & 1;
    out->mid = 0;
    out->plain = true;
    no_properties(&out->properties);
    if (WR_UNLIKELY(out->qos == 3)) {
        return fail_at(fault, WR_REASON_MALFORMED, 0, "quality of service 3, which does not exist");
    }
    if (WR_UNLIKELY(out->dup && out->qos == 0)) {
        return fail_at(fault, WR_REASON_MALFORMED, 0, "DUP with quality of service 0");
    }
    if (!read_binary(&c, &out->topic) || !check_topic(&c, out->topic) ||
        (out->qos && !read_mid(&c, &out->mid))) {
        return false;
    }
    if (v5) {
        if (WR_LIKELY(c.at < c.end && *c.at == 0)) {
            c.at++;
        } else {
            out->plain = false;
            if (!read_properties(&c, WR_IN_PUBLISH, &out->properties)) {
                return false;
            }
        }
    }
    if (WR_UNLIKELY(out->topic.len == 0) && !check_empty_topic(&c, out)) {
        return false;
    }
    out->payload = (wr_str){(const char *)c.at, left(&c)};
    return true;
}

bool wr_packet_read_connack(const struct wr_packet *p, bool v5, struct wr_connack *out,
                            struct wr_packet_fault *fault)
{
    struct cursor c = cursor_of(p->body, fault);
    uint32_t flags = 0, code = 0;
    no_properties(&out->properties);
    if (!read_byte(&c, &flags)) {
        return false;
    }
    if (flags > 1) {
        return fail(&c, WR_REASON_MALFORMED, "reserved flags in a CONNACK");
    }
    if (!read_byte(&c, &code)) {
        return false;
    }
    if (flags && code) {
        return fail(&c, WR_REASON_PROTOCOL, "a refused connection with a session");
    }
    out->present = flags;
    out->code = (uint8_t)code;
    // An old broker refuses MQTT 5 in its own way: two bytes.
    if (v5 && (left(&c) || !code) && !read_properties(&c, WR_IN_CONNACK, &out->properties)) {
        return false;
    }
    return at_end(&c);
}

// A SUBACK's codes: what is neither a grant nor a refusal does not exist.
static bool check_code(const struct cursor *c, unsigned type, bool v5, uint32_t code)
{
    if (type == WR_PACKET_SUBACK && (code > 2 && (v5 ? code < 0x80 : code != 0x80))) {
        return fail(c, WR_REASON_MALFORMED, "a reason code that a SUBACK cannot have");
    }
    if (type == WR_PACKET_UNSUBACK && code != 0 && code != 0x11 && code < 0x80) {
        return fail(c, WR_REASON_MALFORMED, "a reason code that an UNSUBACK cannot have");
    }
    return true;
}

bool wr_packet_read_ack(const struct wr_packet *p, bool v5, struct wr_packet_ack *out,
                        struct wr_packet_fault *fault)
{
    struct cursor c = cursor_of(p->body, fault);
    uint32_t code = 0;
    out->code = 0;
    no_properties(&out->properties);
    if (!read_mid(&c, &out->mid)) {
        return false;
    }
    if (p->type == WR_PACKET_PUBREL ||
        p->type == WR_PACKET_PUBACK) { // code and properties may both be left out
        if (v5 && left(&c) && !read_byte(&c, &code)) {
            return false;
        }
        if (v5 && left(&c) && !read_properties(&c, WR_IN_ACK, &out->properties)) {
            return false;
        }
        out->code = (uint8_t)code;
        return at_end(&c);
    }
    if (v5 && !read_properties(&c, WR_IN_ACK, &out->properties)) {
        return false;
    }
    if (p->type == WR_PACKET_UNSUBACK && !v5) {
        return at_end(&c);
    }
    if (!read_byte(&c, &code) || !check_code(&c, p->type, v5, code)) {
        return false;
    }
    out->code = (uint8_t)code;
    if (left(&c)) {
        return fail(&c, WR_REASON_PROTOCOL, "more reason codes than filters were sent");
    }
    return true;
}

bool wr_packet_read_disconnect(const struct wr_packet *p, bool v5, struct wr_goodbye *out,
                               struct wr_packet_fault *fault)
{
    struct cursor c = cursor_of(p->body, fault);
    uint32_t code = 0;
    no_properties(&out->properties);
    if (left(&c) && !read_byte(&c, &code)) {
        return false;
    }
    if (left(&c) && !read_properties(&c, WR_IN_DISCONNECT, &out->properties)) {
        return false;
    }
    out->code = (uint8_t)code;
    return at_end(&c);
}

// ---- what we send

static void put_two(struct wr_buf *out, size_t n)
{
    wr_buf_add_char(out, (char)(n >> 8 & 255));
    wr_buf_add_char(out, (char)(n & 255));
}

static void put_four(struct wr_buf *out, uint32_t n)
{
    put_two(out, n >> 16);
    put_two(out, n & 0xffff);
}

static size_t varint_size(size_t n)
{
    return n < 128 ? 1 : n < 16384 ? 2 : n < 2097152 ? 3 : 4;
}

static void put_varint(struct wr_buf *out, size_t n)
{
    for (; n >= 128; n >>= 7) {
        wr_buf_add_char(out, (char)(n & 127) | (char)0x80);
    }
    wr_buf_add_char(out, (char)n);
}

static void put_text(struct wr_buf *out, wr_str text)
{
    wr_assert(text.len <= UINT16_MAX);
    put_two(out, text.len);
    wr_buf_add(out, text);
}

static void put_head(struct wr_buf *out, enum wr_packet_type type, unsigned flags, size_t body)
{
    wr_assert(body <= WR_PACKET_BODY_MAX);
    wr_buf_add_char(out, (char)((unsigned)type << 4 | flags));
    put_varint(out, body);
}

void wr_packet_write_connect(const struct wr_packet_connect *c, struct wr_buf *out)
{
    size_t props = 5 + (c->receive_maximum ? 3 : 0) + (c->alias_maximum ? 3 : 0);
    size_t body = 10 + (c->v5 ? 1 + props : 0) + 2 + c->client_id.len +
                  (c->username.at ? 2 + c->username.len : 0) +
                  (c->password.at ? 2 + c->password.len : 0);
    put_head(out, WR_PACKET_CONNECT, 0, body);
    put_text(out, WR_STR("MQTT"));
    wr_buf_add_char(out, c->v5 ? 5 : 4);
    wr_buf_add_char(out, (char)((c->clean ? 2 : 0) | (c->username.at ? 0x80 : 0) |
                                (c->password.at ? 0x40 : 0)));
    put_two(out, c->keepalive_s);
    if (c->v5) {
        put_varint(out, props);
        wr_buf_add_char(out, 0x11);
        put_four(out, c->session_expiry_s);
        if (c->receive_maximum) {
            wr_buf_add_char(out, 0x21);
            put_two(out, c->receive_maximum);
        }
        if (c->alias_maximum) {
            wr_buf_add_char(out, 0x22);
            put_two(out, c->alias_maximum);
        }
    }
    put_text(out, c->client_id);
    if (c->username.at) {
        put_text(out, c->username);
    }
    if (c->password.at) {
        put_text(out, c->password);
    }
}

#define RETAIN_NEVER 0x20 // MQTT 5, 3.8.3.1: "Retain Handling" 2

void wr_packet_write_subscribe(bool v5, uint16_t mid, wr_str filter, uint8_t qos, uint32_t id,
                               struct wr_buf *out)
{
    size_t props = v5 && id ? 1 + varint_size(id) : 0;
    put_head(out, WR_PACKET_SUBSCRIBE, 2, 2 + (v5 ? 1 + props : 0) + 2 + filter.len + 1);
    put_two(out, mid);
    if (v5) {
        put_varint(out, props);
    }
    if (props) {
        wr_buf_add_char(out, 0x0b);
        put_varint(out, id);
    }
    put_text(out, filter);
    wr_buf_add_char(out, (char)(qos | (v5 ? RETAIN_NEVER : 0)));
}

void wr_packet_write_unsubscribe(bool v5, uint16_t mid, wr_str filter, struct wr_buf *out)
{
    put_head(out, WR_PACKET_UNSUBSCRIBE, 2, 2 + (v5 ? 1 : 0) + 2 + filter.len);
    put_two(out, mid);
    if (v5) {
        wr_buf_add_char(out, 0);
    }
    put_text(out, filter);
}

void wr_packet_write_ping(struct wr_buf *out)
{
    put_head(out, WR_PACKET_PINGREQ, 0, 0);
}

void wr_packet_write_disconnect(bool v5, enum wr_packet_reason reason, struct wr_buf *out)
{
    if (reason == WR_REASON_NORMAL) {
        put_head(out, WR_PACKET_DISCONNECT, 0, 0);
    } else if (v5) {
        put_head(out, WR_PACKET_DISCONNECT, 0, 1);
        wr_buf_add_char(out, (char)reason);
    }
}

// ---- publications

static size_t publish_body(const struct wr_packet_publish *p)
{
    return 2 + p->topic.len + (p->qos ? 2 : 0) +
           (p->v5 ? varint_size(p->properties.len) + p->properties.len : 0) + p->payload.len;
}

size_t wr_packet_publish_size(const struct wr_packet_publish *p)
{
    size_t body = publish_body(p);
    return 1 + varint_size(body) + body;
}

void wr_packet_write_publish(const struct wr_packet_publish *p, struct wr_buf *out)
{
    put_head(out, WR_PACKET_PUBLISH, (unsigned)p->qos << 1 | p->retain, publish_body(p));
    put_text(out, p->topic);
    if (p->qos) {
        put_two(out, p->mid);
    }
    if (p->v5) {
        put_varint(out, p->properties.len);
        wr_buf_add(out, p->properties);
    }
    wr_buf_add(out, p->payload);
}

static const uint8_t identifiers[WR_PROPERTY_COUNT] = {
#define PROPERTY(name, id, type, packets, smallest, largest) [WR_PROPERTY_##name] = (id),
    WR_PROPERTY_MAP(PROPERTY)
#undef PROPERTY
};

void wr_packet_add_number(struct wr_buf *out, enum wr_property which, uint32_t number)
{
    wr_buf_add_char(out, (char)identifiers[which]);
    switch (properties[identifiers[which]].type) {
    case BYTE:
        wr_buf_add_char(out, (char)number);
        break;
    case TWO:
        put_two(out, number);
        break;
    case FOUR:
        put_four(out, number);
        break;
    default:
        put_varint(out, number);
    }
}

void wr_packet_add_text(struct wr_buf *out, enum wr_property which, wr_str text)
{
    wr_buf_add_char(out, (char)identifiers[which]);
    put_text(out, text);
}

void wr_packet_add_user(struct wr_buf *out, wr_str key, wr_str value)
{
    wr_packet_add_text(out, WR_PROPERTY_USER, key);
    put_text(out, value);
}
