// timestamp(), parse_time() and time_to_epoch(): sql.md 11.4. Formats are in time_format.c and
// time_parse.c, zones in zone.c.
#include "sql/func/bodies.h"

#include "sql/func/time_format.h"
#include "sql/func/zone.h"

#include "sql/base/banned.h"

#define STEPS_ZONE  2000  // its file may have to be looked for
#define STEPS_ZONES 20000 // so may many, while it is tried how long the name is

static const struct wr_sql_host *host_of(const struct wr_call *c)
{
    return c->eval ? c->eval->host : NULL;
}

wr_value wr_time_timestamp(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return wr_num_int(&c->num, c->eval->message->timestamp_ms);
}

wr_value wr_time_parse_time(struct wr_call *c, wr_value *args, uint32_t count,
                            uint32_t payload_args)
{
    wr_str pattern, name = WR_STR("UTC");
    int64_t ms;
    if (!wr_call_text(c, &args[0], &pattern)) {
        return wr_undefined();
    }
    wr_value n = wr_convert_int(&c->num, &args[1]);
    if (n.type != WR_NUMBER || !wr_num_to_i64(&n, &ms)) {
        return wr_undefined();
    }
    struct wr_zone zone;
    c->steps += count == 3 ? STEPS_ZONE : 0;
    if ((count == 3 && !wr_call_text(c, &args[2], &name)) ||
        !wr_zone_find(&zone, name, host_of(c))) {
        return wr_undefined();
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    bool written = wr_time_write(&b, pattern, ms, &zone);
    c->steps += 50 + 8 * (pattern.len + b.len);
    return written ? wr_call_built(&b) : wr_undefined();
}

wr_value wr_time_to_epoch(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str text, pattern;
    int64_t ms;
    if (!wr_call_text(c, &args[0], &text) || !wr_call_text(c, &args[1], &pattern)) {
        return wr_undefined();
    }
    bool zones = pattern.len &&
                 (memchr(pattern.at, 'V', pattern.len) || memchr(pattern.at, 'z', pattern.len));
    c->steps += 100 + 8 * pattern.len + text.len + (zones ? STEPS_ZONES : 0);
    return wr_time_read(text, pattern, host_of(c), &ms) ? wr_num_int(&c->num, ms) : wr_undefined();
}
