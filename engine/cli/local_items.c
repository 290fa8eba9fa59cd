// `weir local … dynamodb`: tables and items of local/dynamodb.db (sinks/lib/local_dynamodb.h).
#include "engine/cli/local.h"

#include <stdlib.h>

#include <jansson.h>

#include "sinks/lib/local_dynamodb.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define CELL_MAX 60 // characters; more does not fit a terminal, --json has all

// ---- ls

static const char *type_name(char type)
{
    return type == 'S' ? "S" : type == 'N' ? "N" : "B";
}

static bool list_table(void *user, const struct wr_local_dynamodb_table *t)
{
    const struct wr_local_asked *a = user;
    struct wr_buf b = {0};
    if (a->json) {
        wr_buf_add(&b, WR_STR("{\"table\":"));
        wr_json_write_string(&b, t->name);
        wr_buf_addf(&b, ",\"items\":%llu,\"hashKey\":", (unsigned long long)t->items);
        wr_json_write_string(&b, t->hash_key);
        wr_buf_addf(&b, ",\"hashType\":\"%s\"", type_name(t->hash_type));
        if (t->range_key.len) {
            wr_buf_add(&b, WR_STR(",\"rangeKey\":"));
            wr_json_write_string(&b, t->range_key);
            wr_buf_addf(&b, ",\"rangeType\":\"%s\"", type_name(t->range_type));
        }
        wr_buf_add_char(&b, '}');
    } else {
        printf("%10llu items  ", (unsigned long long)t->items);
        wr_local_print(t->name);
        printf("  (");
        wr_local_print(t->hash_key);
        printf(" %s", type_name(t->hash_type));
        if (t->range_key.len) {
            printf(", ");
            wr_local_print(t->range_key);
            printf(" %s", type_name(t->range_type));
        }
        putchar(')');
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static wr_err ls(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_local_asked copy = *a;
    return wr_local_dynamodb_tables(a->state_dir, list_table, &copy, fault);
}

// ---- cat as a table

struct sheet {
    json_t *items; // parsed, in order
    wr_str hash_key, range_key;
    char keys[2][1024];
    const char **columns;
    size_t *widths;
    size_t column_count;
    bool damaged;
};

// One attribute value as a cell: strings and numbers bare, the rest as compact JSON.
static void add_cell(struct wr_buf *b, const json_t *value)
{
    const char *type = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value));
    const json_t *inner = type ? json_object_get(value, type) : NULL;
    size_t start = b->len;
    if (inner && json_is_string(inner)) {
        wr_buf_add(b, (wr_str){json_string_value(inner), json_string_length(inner)});
    } else if (inner && type && strcmp(type, "BOOL") == 0) {
        wr_buf_add(b, json_is_true(inner) ? WR_STR("true") : WR_STR("false"));
    } else if (type && strcmp(type, "NULL") == 0) {
        wr_buf_add(b, WR_STR("null"));
    } else if (inner) {
        char *text = json_dumps(inner, JSON_COMPACT | JSON_ENCODE_ANY);
        wr_buf_add(b, wr_str_of(text));
        free(text);
    }
    for (size_t i = start; i < b->len; i++) {
        unsigned char c = (unsigned char)b->at[i];
        if (c < 0x20 || c == 0x7f) {
            b->at[i] = '.'; // control characters have no width; --json shows them
        }
    }
    wr_str cell = wr_str_cut(wr_buf_str(b), start, b->len);
    if (wr_utf8_count(cell) > CELL_MAX) {
        b->len = start + wr_utf8_offset(cell, CELL_MAX - 3);
        wr_buf_add(b, WR_STR("..."));
    }
}

static bool keep_item(void *user, int64_t seq, wr_str item)
{
    struct sheet *s = user;
    json_t *parsed = json_loadb(item.at, item.len, JSON_ALLOW_NUL, NULL);
    if (!parsed || !json_is_object(parsed)) {
        json_decref(parsed);
        s->damaged = true;
        return false;
    }
    json_array_append_new(s->items, parsed);
    return true;
}

static bool find_keys(void *user, const struct wr_local_dynamodb_table *t)
{
    // user[0] is the sheet, user[1] the table's name.
    void **both = user;
    struct sheet *s = both[0];
    if (!wr_str_eq(t->name, wr_str_of(both[1]))) {
        return true;
    }
    snprintf(s->keys[0], sizeof s->keys[0], "%.*s", WR_STR_ARG(t->hash_key));
    snprintf(s->keys[1], sizeof s->keys[1], "%.*s", WR_STR_ARG(t->range_key));
    return false;
}

// `name` is lent by the items.
static void add_column(struct sheet *s, const char *name)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (strcmp(s->columns[i], name) == 0) {
            return;
        }
    }
    s->columns = wr_realloc(s->columns, (s->column_count + 1) * sizeof *s->columns);
    s->widths = wr_realloc(s->widths, (s->column_count + 1) * sizeof *s->widths);
    s->widths[s->column_count] = wr_utf8_count(wr_str_of(name));
    s->columns[s->column_count++] = name;
}

static void measure(struct sheet *s)
{
    size_t i;
    json_t *item;
    struct wr_buf cell = {0};
    for (size_t k = 0; k < 2; k++) {
        if (s->keys[k][0]) {
            add_column(s, s->keys[k]);
        }
    }
    json_array_foreach(s->items, i, item)
    {
        const char *name;
        json_t *value;
        json_object_foreach(item, name, value)
        {
            add_column(s, name);
        }
        for (size_t c = 0; c < s->column_count; c++) {
            wr_buf_clear(&cell);
            add_cell(&cell, json_object_get(item, s->columns[c]));
            size_t width = wr_utf8_count(wr_buf_str(&cell));
            s->widths[c] = width > s->widths[c] ? width : s->widths[c];
        }
    }
    wr_buf_release(&cell);
}

static void add_padded(struct wr_buf *line, wr_str cell, size_t width, bool last)
{
    wr_buf_add(line, cell);
    for (size_t n = wr_utf8_count(cell); !last && n < width + 2; n++) {
        wr_buf_add_char(line, ' ');
    }
}

static void print_sheet(const struct sheet *s)
{
    struct wr_buf line = {0}, cell = {0};
    for (size_t c = 0; c < s->column_count; c++) {
        add_padded(&line, wr_str_of(s->columns[c]), s->widths[c], c + 1 == s->column_count);
    }
    bool ok = s->column_count == 0 || wr_local_line(&line);
    size_t i;
    json_t *item;
    json_array_foreach(s->items, i, item)
    {
        for (size_t c = 0; ok && c < s->column_count; c++) {
            wr_buf_clear(&cell);
            add_cell(&cell, json_object_get(item, s->columns[c]));
            add_padded(&line, wr_buf_str(&cell), s->widths[c], c + 1 == s->column_count);
        }
        ok = ok && wr_local_line(&line);
    }
    wr_buf_release(&line);
    wr_buf_release(&cell);
}

static wr_err cat_table(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct sheet s = {.items = json_array()};
    char *name = wr_strdup(wr_str_of(a->name));
    void *both[] = {&s, name};
    wr_err err = wr_local_dynamodb_tables(a->state_dir, find_keys, both, fault);
    if (!err) {
        err = wr_local_dynamodb_items(a->state_dir, wr_str_of(a->name), WR_LOCAL_DYNAMODB_BY_KEY, 0,
                                      keep_item, &s, fault);
    }
    if (!err && s.damaged) {
        err = wr_fault_set(fault, WR_ERR_CORRUPT, "table %s: an item is not JSON", a->name);
    }
    if (!err) {
        measure(&s);
        print_sheet(&s);
    }
    json_decref(s.items);
    free(s.columns);
    free(s.widths);
    free(name);
    return err;
}

// ---- cat --json and tail

struct stream {
    int64_t last;
    bool silent;
};

static bool print_item(void *user, int64_t seq, wr_str item)
{
    struct stream *s = user;
    s->last = seq > s->last ? seq : s->last;
    if (s->silent) {
        return true;
    }
    struct wr_buf b = {0};
    wr_buf_add(&b, item);
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static wr_err cat(const struct wr_local_asked *a, struct wr_fault *fault)
{
    if (!a->json) {
        return cat_table(a, fault);
    }
    struct stream s = {0};
    return wr_local_dynamodb_items(a->state_dir, wr_str_of(a->name), WR_LOCAL_DYNAMODB_BY_KEY, 0,
                                   print_item, &s, fault);
}

static wr_err tail(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct stream s = {.silent = true};
    wr_err err;
    do {
        err = wr_local_dynamodb_items(a->state_dir, wr_str_of(a->name), WR_LOCAL_DYNAMODB_BY_WRITE,
                                      s.last, print_item, &s, fault);
        s.silent = false;
        // A table that does not exist yet may come.
    } while ((!err || err == WR_ERR_UNKNOWN) && !ferror(stdout) && wr_local_wait(a));
    return err == WR_ERR_UNKNOWN ? WR_OK : err;
}

const struct wr_local_service wr_local_items = {
    .name = "dynamodb",
    .ls = ls,
    .cat = cat,
    .tail = tail,
};
