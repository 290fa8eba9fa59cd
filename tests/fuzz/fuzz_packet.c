// Any bytes as what a broker sends: packets or a fault with a reason, never a read behind the end;
// and the same packets however the bytes are cut into pieces. The first byte: version, piece size.
#include "engine/mqtt/native/packet.h"

#include <stdlib.h>

#include "sql/base/err.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(wr_str outer, wr_str inner)
{
    return !inner.at || (inner.at >= outer.at && inner.at + inner.len <= outer.at + outer.len);
}

static uint64_t mix(uint64_t sum, wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        sum = sum * 31 + (unsigned char)s.at[i];
    }
    return sum * 31 + s.len;
}

static uint64_t look(const struct wr_packet *p, const struct wr_properties *q)
{
    uint64_t sum = q->seen + q->user_count + q->id_count;
    wr_str key, value;
    size_t at = 0, users = 0;
    while (wr_properties_user(q, &at, &key, &value)) {
        wr_assert(inside(p->body, key) && inside(p->body, value));
        wr_assert(wr_utf8_valid(key) && wr_utf8_valid(value));
        sum = mix(mix(sum, key), value);
        users++;
    }
    wr_assert(users == q->user_count && q->id_count <= WR_PACKET_IDS_MAX);
    wr_str type = wr_properties_text(q, WR_PROPERTY_CONTENT_TYPE);
    wr_str data = wr_properties_text(q, WR_PROPERTY_CORRELATION_DATA);
    wr_assert(inside(p->body, type) && inside(p->body, data) && wr_utf8_valid(type));
    return mix(mix(sum, type), data);
}

// A sum over all that was read; 0 and *fault when it cannot be.
static uint64_t read_packet(const struct wr_packet *p, bool v5, struct wr_packet_fault *fault)
{
    struct wr_publication m;
    struct wr_connack c;
    struct wr_packet_ack a;
    struct wr_goodbye g;
    bool ok = true;
    uint64_t sum = 1 + p->type;
    if (p->type == WR_PACKET_PUBLISH) {
        ok = wr_packet_read_publish(p, v5, &m, fault);
        if (ok) {
            wr_assert(inside(p->body, m.topic) && inside(p->body, m.payload) && m.payload.at);
            wr_assert(wr_utf8_valid(m.topic) && (m.qos == 0) == (m.mid == 0) && m.qos < 3);
            wr_assert(m.topic.len || wr_properties_has(&m.properties, WR_PROPERTY_ALIAS));
            sum = mix(mix(sum + m.mid + m.qos, m.topic), m.payload) + look(p, &m.properties);
        }
    } else if (p->type == WR_PACKET_CONNACK) {
        ok = wr_packet_read_connack(p, v5, &c, fault);
        sum += ok ? c.code + look(p, &c.properties) : 0;
    } else if (p->type == WR_PACKET_DISCONNECT) {
        ok = wr_packet_read_disconnect(p, v5, &g, fault);
        sum += ok ? g.code + look(p, &g.properties) : 0;
    } else if (p->type != WR_PACKET_PINGRESP) {
        ok = wr_packet_read_ack(p, v5, &a, fault);
        sum += ok ? a.mid + a.code + look(p, &a.properties) : 0;
        wr_assert(!ok || a.mid);
    }
    return ok ? sum : 0;
}

// The bytes in pieces: a sum over the packets, and how it ended.
static uint64_t read_stream(const uint8_t *data, size_t size, bool v5, size_t piece, int *reason)
{
    uint64_t sum = 0;
    size_t begin = 0;
    *reason = 0;
    for (size_t have = 0; have < size;) {
        have = size - have < piece ? size : have + piece;
        char *exact = wr_alloc(have - begin);
        memcpy(exact, data + begin, have - begin);
        struct wr_packet p;
        struct wr_packet_fault fault = {0};
        size_t at = 0;
        enum wr_scan got;
        while ((got = wr_packet_scan(exact + at, have - begin - at, v5, &p, &fault)) ==
               WR_SCAN_WHOLE) {
            wr_assert(p.size >= 2 && p.size <= have - begin - at);
            uint64_t one = read_packet(&p, v5, &fault);
            if (!one) {
                got = WR_SCAN_BAD;
                break;
            }
            sum = sum * 31 + one;
            at += p.size;
        }
        free(exact);
        begin += at;
        if (got == WR_SCAN_BAD) {
            wr_assert(fault.reason >= 0x81 && fault.what);
            *reason = (int)fault.reason;
            return sum;
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    bool v5 = data[0] & 1;
    size_t piece = 1 + (data[0] >> 1);
    int whole, pieces;
    uint64_t a = read_stream(data + 1, size - 1, v5, size, &whole);
    uint64_t b = read_stream(data + 1, size - 1, v5, piece, &pieces);
    wr_assert(a == b && whole == pieces);
    return 0;
}
