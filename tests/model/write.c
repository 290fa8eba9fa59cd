// Canonical JSON: sql.md 9.
#include "tests/model/model.h"

static void write_string(struct model_buf *b, struct model_text s)
{
    model_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        switch (c) {
        case '"':
            model_add(b, TEXT("\\\""));
            break;
        case '\\':
            model_add(b, TEXT("\\\\"));
            break;
        case '\b':
            model_add(b, TEXT("\\b"));
            break;
        case '\f':
            model_add(b, TEXT("\\f"));
            break;
        case '\n':
            model_add(b, TEXT("\\n"));
            break;
        case '\r':
            model_add(b, TEXT("\\r"));
            break;
        case '\t':
            model_add(b, TEXT("\\t"));
            break;
        default:
            if (c < 0x20) {
                model_addf(b, "\\u%04x", c);
            } else {
                model_add_char(b, (char)c);
            }
        }
    }
    model_add_char(b, '"');
}

static void write_list(struct model_buf *b, mval v, char open, char close)
{
    bool first = true;
    model_add_char(b, open);
    for (size_t i = 0; i < v->list.count; i++) {
        if (v->list.at[i].value->type == MODEL_UNDEFINED) {
            continue;
        }
        if (!first) {
            model_add_char(b, ',');
        }
        first = false;
        if (open == '{') {
            write_string(b, v->list.at[i].key);
            model_add_char(b, ':');
        }
        model_json_write(b, v->list.at[i].value);
    }
    model_add_char(b, close);
}

void model_json_write(struct model_buf *b, mval v)
{
    switch (v->type) {
    case MODEL_UNDEFINED:
        break;
    case MODEL_NULL:
        model_add(b, TEXT("null"));
        break;
    case MODEL_BOOL:
        model_add(b, v->truth ? TEXT("true") : TEXT("false"));
        break;
    case MODEL_INT:
    case MODEL_DECIMAL:
        model_write_number(b, v);
        break;
    case MODEL_STRING:
        write_string(b, v->text);
        break;
    case MODEL_ARRAY:
        write_list(b, v, '[', ']');
        break;
    case MODEL_OBJECT:
        write_list(b, v, '{', '}');
        break;
    case MODEL_RAW:
        model_add_char(b, '"');
        model_base64_write(b, v->text);
        model_add_char(b, '"');
        break;
    }
}
