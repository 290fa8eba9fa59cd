// weir.yaml as a stream of libyaml's events: dotted paths and values with their places. Knows no
// option. What YAML offers beyond mappings and scalars is refused with its line, not guessed at.
#include "engine/config_parts.h"

#include <stdlib.h>

#include <yaml.h>

#include "sql/base/banned.h"

struct reader {
    yaml_parser_t parser;
    const char *name;
    wr_str text;
    const struct wr_config_file_events *events;
    struct wr_fault *fault;
    char path[WR_CONFIG_PATH_MAX];
    size_t path_len;
    struct {
        size_t path_len; // of the mapping's own path
    } levels[WR_CONFIG_DEPTH_MAX];
    size_t depth; // open mappings
    struct wr_arena seen_texts;
    struct {
        wr_str path;
        uint32_t line;
    } seen[WR_CONFIG_KEYS_MAX];
    size_t seen_count;
};

// ---- faults with a place

static void place(struct reader *r, uint32_t line, uint32_t column)
{
    if (r->fault) {
        wr_fault_prefix(r->fault, "%s:%u:%u", r->name, (unsigned)line, (unsigned)column);
        r->fault->line = line;
        r->fault->column = column;
    }
}

static void place_mark(struct reader *r, yaml_mark_t mark)
{
    place(r, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1);
}

static wr_err fail(struct reader *r, yaml_mark_t mark, wr_err code, const char *text)
{
    wr_fault_set(r->fault, code, "%s", text);
    place_mark(r, mark);
    return code;
}

static wr_err parser_failed(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR) {
        // The reader knows bytes, not lines.
        struct wr_fault where = {0};
        (void)wr_fault_at(&where, WR_ERR_SYNTAX, r->text, p->problem_offset, "-");
        (void)wr_fault_set(r->fault, WR_ERR_SYNTAX, "%s", problem);
        place(r, where.line, where.column);
        return WR_ERR_SYNTAX;
    }
    if (p->context) {
        (void)wr_fault_set(r->fault, WR_ERR_SYNTAX, "%s, %s", problem, p->context);
    } else {
        (void)wr_fault_set(r->fault, WR_ERR_SYNTAX, "%s", problem);
    }
    place_mark(r, p->problem_mark);
    return WR_ERR_SYNTAX;
}

// ---- events

static wr_err next(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) ? WR_OK : parser_failed(r);
}

// Anchors, aliases and tags make a file mean something else than it looks like.
static wr_err check_plain(struct reader *r, const yaml_event_t *e)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_ALIAS_EVENT) {
        return fail(r, e->start_mark, WR_ERR_UNSUPPORTED, "found an alias (*name): not supported");
    }
    if (anchor) {
        return fail(r, e->start_mark, WR_ERR_UNSUPPORTED, "found an anchor (&name): not supported");
    }
    if (tag) {
        return fail(r, e->start_mark, WR_ERR_UNSUPPORTED, "found a tag (!name): not supported");
    }
    return WR_OK;
}

static wr_str scalar(const yaml_event_t *e)
{
    return (wr_str){(const char *)e->data.scalar.value, e->data.scalar.length};
}

static bool is_null(const yaml_event_t *e)
{
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (e->data.scalar.length == 0 ||
            wr_config_is_choice(scalar(e), "~|null|Null|NULL", false));
}

// Make r->path the path of `key` in the innermost mapping.
static wr_err enter_key(struct reader *r, const yaml_event_t *e)
{
    wr_str key = scalar(e);
    size_t base = r->levels[r->depth - 1].path_len;
    if (key.len == 0) {
        return fail(r, e->start_mark, WR_ERR_SYNTAX, "found an empty key");
    }
    if (memchr(key.at, 0, key.len)) {
        return fail(r, e->start_mark, WR_ERR_SYNTAX, "found a NUL in a key");
    }
    if (base + 1 + key.len >= sizeof r->path) {
        return fail(r, e->start_mark, WR_ERR_LIMIT, "found a key that is too long");
    }
    if (base > 0) {
        r->path[base++] = '.';
    }
    memcpy(r->path + base, key.at, key.len);
    r->path_len = base + key.len;
    return WR_OK;
}

static wr_err check_repeated(struct reader *r, const yaml_event_t *e)
{
    wr_str path = {r->path, r->path_len};
    for (size_t i = 0; i < r->seen_count; i++) {
        if (wr_str_eq(r->seen[i].path, path)) {
            (void)wr_fault_set(r->fault, WR_ERR_EXISTS, "%.*s: found again, first in line %u",
                               WR_STR_ARG(path), (unsigned)r->seen[i].line);
            place_mark(r, e->start_mark);
            return WR_ERR_EXISTS;
        }
    }
    if (r->seen_count == WR_CONFIG_KEYS_MAX) {
        return fail(r, e->start_mark, WR_ERR_LIMIT,
                    "found more keys than a configuration may have");
    }
    r->seen[r->seen_count].path = wr_str_dup(&r->seen_texts, path);
    r->seen[r->seen_count++].line = (uint32_t)e->start_mark.line + 1;
    return WR_OK;
}

static wr_err on_key(struct reader *r, const yaml_event_t *e, enum wr_config_kind *kind)
{
    if (e->type != YAML_SCALAR_EVENT) {
        return fail(r, e->start_mark, WR_ERR_TYPE, "found a mapping or list as a key");
    }
    wr_err err = enter_key(r, e);
    if (err) {
        return err;
    }
    wr_str path = {r->path, r->path_len};
    *kind = r->events->kind(r->events->user, path, r->path_len - scalar(e).len);
    if (*kind == WR_CONFIG_UNKNOWN) {
        err = r->events->unknown(r->events->user, path, r->fault);
        place_mark(r, e->start_mark);
        return err;
    }
    return check_repeated(r, e);
}

static wr_err on_scalar(struct reader *r, const yaml_event_t *e, enum wr_config_kind kind)
{
    wr_str path = {r->path, r->path_len}, value = scalar(e);
    wr_err err = WR_OK;
    if (kind == WR_CONFIG_SECTION) {
        // `mqtt:` with every line below it commented out is common, and means nothing.
        if (!is_null(e)) {
            err = wr_fault_set(r->fault, WR_ERR_TYPE,
                               "%.*s: found \"%.*s\", expected a mapping (keys below it)",
                               WR_STR_ARG(path), WR_STR_ARG(value));
        }
    } else if (is_null(e)) {
        err = wr_fault_set(r->fault, WR_ERR_MISSING,
                           "%.*s: found nothing, expected a value (an empty text is \"\")",
                           WR_STR_ARG(path));
    } else if (value.len > WR_CONFIG_VALUE_MAX) {
        err = wr_fault_set(r->fault, WR_ERR_LIMIT, "%.*s: found %zu bytes, at most %d",
                           WR_STR_ARG(path), value.len, WR_CONFIG_VALUE_MAX);
    } else if (memchr(value.at, 0, value.len)) {
        err = wr_fault_set(r->fault, WR_ERR_SYNTAX, "%.*s: found a NUL in the value",
                           WR_STR_ARG(path));
    } else {
        err = r->events->value(r->events->user, path, value, (uint32_t)e->start_mark.line + 1,
                               (uint32_t)e->start_mark.column + 1, r->fault);
    }
    if (err) {
        place_mark(r, e->start_mark);
    }
    return err;
}

static wr_err open_mapping(struct reader *r, const yaml_event_t *e)
{
    if (r->depth == WR_CONFIG_DEPTH_MAX) {
        return fail(r, e->start_mark, WR_ERR_LIMIT, "found too many levels of nesting");
    }
    r->levels[r->depth++].path_len = r->path_len;
    return WR_OK;
}

// What follows a key.
static wr_err on_value(struct reader *r, const yaml_event_t *e, enum wr_config_kind kind)
{
    wr_str path = {r->path, r->path_len};
    if (e->type == YAML_SCALAR_EVENT) {
        return on_scalar(r, e, kind);
    }
    if (e->type == YAML_MAPPING_START_EVENT && kind == WR_CONFIG_SECTION) {
        return open_mapping(r, e);
    }
    (void)wr_fault_set(r->fault, WR_ERR_TYPE, "%.*s: found a %s, expected %s", WR_STR_ARG(path),
                       e->type == YAML_MAPPING_START_EVENT ? "mapping" : "list",
                       kind == WR_CONFIG_SECTION ? "a mapping (keys below it)" : "a value");
    place_mark(r, e->start_mark);
    return WR_ERR_TYPE;
}

// The document's mapping, whose start is `e`'s place, up to its end.
static wr_err read_mapping(struct reader *r)
{
    enum wr_config_kind kind = WR_CONFIG_UNKNOWN;
    bool want_value = false;
    wr_err err = WR_OK;
    while (!err && r->depth > 0) {
        yaml_event_t e;
        err = next(r, &e);
        if (err) {
            return err;
        }
        err = check_plain(r, &e);
        if (err) {
            // nothing more
        } else if (want_value) {
            err = on_value(r, &e, kind);
            want_value = false;
        } else if (e.type == YAML_MAPPING_END_EVENT) {
            r->depth--;
        } else {
            err = on_key(r, &e, &kind);
            want_value = true;
        }
        yaml_event_delete(&e);
    }
    return err;
}

static wr_err on_root(struct reader *r, const yaml_event_t *e)
{
    wr_err err = check_plain(r, e);
    if (err) {
        return err;
    }
    if (e->type == YAML_SCALAR_EVENT && is_null(e)) {
        return WR_OK;
    }
    if (e->type != YAML_MAPPING_START_EVENT) {
        return fail(r, e->start_mark, WR_ERR_TYPE,
                    e->type == YAML_SCALAR_EVENT
                        ? "found a bare value, expected \"key: value\" lines"
                        : "found a list, expected \"key: value\" lines");
    }
    err = open_mapping(r, e);
    return err ? err : read_mapping(r);
}

static wr_err read_stream(struct reader *r)
{
    size_t documents = 0;
    for (;;) {
        yaml_event_t e;
        wr_err err = next(r, &e);
        if (err) {
            return err;
        }
        bool end = e.type == YAML_STREAM_END_EVENT;
        if (e.type == YAML_DOCUMENT_START_EVENT) {
            if (documents++ > 0) {
                err = fail(r, e.start_mark, WR_ERR_UNSUPPORTED,
                           "found a second document (---), expected one");
            }
        } else if (!end && e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_END_EVENT) {
            err = on_root(r, &e);
        }
        yaml_event_delete(&e);
        if (err || end) {
            return err;
        }
    }
}

wr_err wr_config_file_read(const char *name, wr_str text,
                           const struct wr_config_file_events *events, struct wr_fault *fault)
{
    struct reader *r = wr_zalloc(sizeof *r);
    r->name = name;
    r->text = text;
    r->events = events;
    r->fault = fault;
    wr_arena_init(&r->seen_texts, (size_t)WR_CONFIG_KEYS_MAX * 2 * WR_CONFIG_PATH_MAX);
    if (!yaml_parser_initialize(&r->parser)) {
        wr_out_of_memory(sizeof r->parser);
    }
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.at ? text.at : ""),
                                 text.len);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    wr_err err = read_stream(r);
    yaml_parser_delete(&r->parser);
    wr_arena_release(&r->seen_texts);
    free(r);
    return err;
}
