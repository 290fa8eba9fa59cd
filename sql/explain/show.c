// Short forms for people. The exact form of a value is the JSON writer's.
#include "sql/explain/show.h"

#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define RAW_SHOWN 32 // bytes of a Raw value

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

#define NO_CHARACTER UINT32_MAX

// The character at byte `*at`, which moves behind it; NO_CHARACTER for a byte that begins none: the
// text of a template may be anything.
static uint32_t next(wr_str s, size_t *at)
{
    size_t end = s.len - *at > 4 ? *at + 4 : s.len;
    if (wr_utf8_valid_len(wr_str_cut(s, *at, end)) == 0) {
        ++*at;
        return NO_CHARACTER;
    }
    return wr_utf8_next(s, at);
}

void wr_show_string(struct wr_buf *out, wr_str s)
{
    wr_buf_add_char(out, '"');
    for (size_t at = 0; at < s.len;) {
        size_t begin = at;
        uint32_t c = next(s, &at);
        if (c == NO_CHARACTER) {
            wr_buf_addf(out, "\\x%02x", (unsigned char)s.at[begin]);
        } else if (c == '"' || c == '\\') {
            wr_buf_addf(out, "\\%c", (int)c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            wr_buf_addf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else if (is_control(c)) {
            wr_buf_addf(out, "\\u%04x", (unsigned)c);
        } else {
            wr_buf_add(out, wr_str_cut(s, begin, at));
        }
    }
    wr_buf_add_char(out, '"');
}

// At most `max` bytes of valid UTF-8, whole characters.
static wr_str cut_at(wr_str s, size_t max)
{
    if (s.len <= max) {
        return s;
    }
    while (max > 0 && ((unsigned char)s.at[max] & 0xc0) == 0x80) {
        max--;
    }
    return wr_str_cut(s, 0, max);
}

static void show_string(struct wr_buf *out, wr_str s)
{
    wr_str cut = cut_at(s, WR_SHOW_STRING_MAX);
    wr_show_string(out, cut);
    if (cut.len < s.len) {
        out->len--; // the quote
        wr_buf_addf(out, "…\" (%zu bytes)", s.len);
    }
}

static void show_raw(struct wr_buf *out, wr_str s)
{
    wr_str cut = wr_str_cut(s, 0, s.len < RAW_SHOWN ? s.len : RAW_SHOWN);
    cut.len = wr_utf8_valid_len(cut) > 0 ? wr_utf8_valid_len(cut) : cut.len;
    if (s.len == 0) {
        wr_buf_add(out, WR_STR("empty"));
    } else if (wr_utf8_valid(cut)) {
        wr_show_string(out, cut);
    } else {
        wr_buf_add(out, WR_STR("hex "));
        wr_buf_add_hex(out, cut.at, cut.len);
    }
    wr_buf_add(out, cut.len < s.len ? WR_STR("…") : WR_STR(""));
}

static void show(struct wr_buf *out, const wr_value *v, struct wr_arena *arena,
                 enum wr_dialect dialect, int depth);

static void show_container(struct wr_buf *out, const wr_value *v, struct wr_arena *arena,
                           enum wr_dialect dialect, int depth)
{
    bool object = v->type == WR_OBJECT;
    wr_buf_add_char(out, object ? '{' : '[');
    uint32_t shown = v->len < WR_SHOW_ITEMS_MAX ? v->len : WR_SHOW_ITEMS_MAX;
    shown = depth < WR_SHOW_DEPTH_MAX ? shown : 0;
    for (uint32_t i = 0; i < shown; i++) {
        wr_buf_add(out, i ? WR_STR(",") : WR_STR(""));
        if (object) {
            show_string(out, v->as.members[i].key);
            wr_buf_add_char(out, ':');
        }
        show(out, object ? &v->as.members[i].value : &v->as.items[i], arena, dialect, depth + 1);
    }
    if (shown < v->len) {
        wr_buf_addf(out, "%s… %u%s", shown ? "," : "", v->len - shown, shown ? " more" : "");
    }
    wr_buf_add_char(out, object ? '}' : ']');
}

static void show(struct wr_buf *out, const wr_value *v, struct wr_arena *arena,
                 enum wr_dialect dialect, int depth)
{
    wr_value copy = *v;
    wr_value_force(&copy, arena, dialect);
    switch ((enum wr_type)copy.type) {
    case WR_UNDEFINED:
        wr_buf_add(out, WR_STR("Undefined"));
        return;
    case WR_NULL:
    case WR_BOOLEAN:
    case WR_NUMBER:
        wr_json_write(out, &copy, arena, dialect);
        return;
    case WR_STRING:
        show_string(out, wr_value_text(&copy));
        return;
    case WR_RAW:
        show_raw(out, wr_value_text(&copy));
        return;
    case WR_ARRAY:
    case WR_OBJECT:
        show_container(out, &copy, arena, dialect, depth);
        return;
    }
}

void wr_show_text(struct wr_buf *out, const wr_value *v, struct wr_arena *arena,
                  enum wr_dialect dialect)
{
    show(out, v, arena, dialect, 0);
}

void wr_show_value(struct wr_buf *out, const wr_value *v, struct wr_arena *arena,
                   enum wr_dialect dialect)
{
    wr_value copy = *v;
    wr_value_force(&copy, arena, dialect);
    switch ((enum wr_type)copy.type) {
    case WR_UNDEFINED:
    case WR_NULL:
        wr_buf_add(out, wr_str_of(wr_value_type_name(&copy)));
        return;
    case WR_BOOLEAN:
        break;
    case WR_NUMBER:
    case WR_STRING:
        wr_buf_addf(out, "%s ", wr_value_type_name(&copy));
        break;
    case WR_RAW:
        wr_buf_addf(out, "Raw of %u byte%s: ", copy.len, copy.len == 1 ? "" : "s");
        break;
    case WR_ARRAY:
    case WR_OBJECT:
        wr_buf_addf(out, "%s of %u ", wr_value_type_name(&copy), copy.len);
        break;
    }
    show(out, &copy, arena, dialect, 0);
}

void wr_show_source(struct wr_buf *out, wr_str source)
{
    size_t count = 0, number = 0;
    for (size_t at = 0; at < source.len; count++) {
        next(source, &at);
    }
    bool blank = false, cut = count > WR_SHOW_SOURCE_MAX;
    size_t head = WR_SHOW_SOURCE_MAX * 2 / 3, tail = WR_SHOW_SOURCE_MAX - head - 1;
    for (size_t at = 0; at < source.len; number++) {
        size_t begin = at;
        uint32_t c = next(source, &at);
        if (cut && number >= head && number < count - tail) {
            wr_buf_add(out, number == head ? WR_STR("…") : WR_STR(""));
            continue;
        }
        bool space = c == ' ' || is_control(c);
        if (c == NO_CHARACTER) {
            wr_buf_add_char(out, '?');
        } else if (space && !blank) {
            wr_buf_add_char(out, ' ');
        } else if (!space) {
            wr_buf_add(out, wr_str_cut(source, begin, at));
        }
        blank = space;
    }
}

void wr_show_bytes(struct wr_buf *out, wr_str bytes)
{
    bool text = wr_utf8_valid(bytes);
    wr_str cut = text ? cut_at(bytes, WR_SHOW_MESSAGE_MAX) : bytes;
    if (!text) {
        cut.len = cut.len < WR_SHOW_MESSAGE_MAX / 2 ? cut.len : WR_SHOW_MESSAGE_MAX / 2;
        wr_buf_add(out, WR_STR("base64 "));
        wr_buf_add_base64(out, cut);
    }
    for (size_t at = 0; text && at < cut.len;) {
        size_t begin = at;
        uint32_t c = wr_utf8_next(cut, &at);
        if (is_control(c) && c != '\n' && c != '\t') {
            wr_buf_addf(out, "\\u%04x", (unsigned)c);
        } else {
            wr_buf_add(out, wr_str_cut(cut, begin, at));
        }
    }
    if (cut.len < bytes.len) {
        wr_buf_addf(out, "… (%zu bytes in all)", bytes.len);
    }
}
