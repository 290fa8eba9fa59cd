// Nodes: making, finding, and what becomes of them in jansson. Reading is tree_json.c and
// tree_yaml.c, places of bytes are tree_place.c.
#include "engine/cli/check/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

static wr_err read_all(int fd, struct wr_buf *out, struct wr_fault *fault)
{
    for (;;) {
        char *to = wr_buf_reserve(out, 65536);
        if (!to) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "the file has more than %d bytes",
                                WR_TREE_FILE_MAX);
        }
        ssize_t n = read(fd, to, 65536);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return wr_fault_set(fault, WR_ERR_IO, "%s", strerror(errno));
        }
        if (n == 0) {
            return WR_OK;
        }
        out->len += (size_t)n;
    }
}

wr_err wr_source_read(struct wr_source *s, const char *name, struct wr_fault *fault)
{
    *s = (struct wr_source){.name = name};
    wr_arena_init(&s->arena, WR_TREE_MEMORY_MAX);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        const char *why = fd >= 0 && errno == 0 ? "no regular file" : strerror(errno);
        if (fd >= 0) {
            why = "no regular file";
            close(fd);
        }
        return wr_fault_set(fault, WR_ERR_IO, "%s", why);
    }
    struct wr_buf text;
    wr_buf_init(&text, WR_TREE_FILE_MAX + 65536);
    wr_err err = read_all(fd, &text, fault);
    close(fd);
    if (!err && text.len > WR_TREE_FILE_MAX) {
        err =
            wr_fault_set(fault, WR_ERR_LIMIT, "the file has more than %d bytes", WR_TREE_FILE_MAX);
    }
    s->text_ = text.at; // ours now
    s->text = (wr_str){text.at ? text.at : "", text.len};
    return err;
}

void wr_source_of(struct wr_source *s, const char *name, wr_str text)
{
    *s = (struct wr_source){.name = name, .text_ = wr_strdup(text)};
    s->text = (wr_str){s->text_, text.len};
    wr_arena_init(&s->arena, WR_TREE_MEMORY_MAX);
}

void wr_source_release(struct wr_source *s)
{
    wr_arena_release(&s->arena);
    free(s->text_);
    *s = (struct wr_source){0};
}

struct wr_tree *wr_tree_new(struct wr_source *s, enum wr_tree_kind kind)
{
    if (s->node_count >= WR_TREE_NODES_MAX) {
        return NULL;
    }
    struct wr_tree *t = wr_arena_alloc(&s->arena, sizeof *t);
    if (t) {
        *t = (struct wr_tree){.kind = kind};
        s->node_count++;
    }
    return t;
}

void wr_tree_add(struct wr_tree *parent, struct wr_tree *child)
{
    child->next = NULL;
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->count++;
}

static int by_key(const void *a, const void *b)
{
    const struct wr_tree *x = *(const struct wr_tree *const *)a;
    const struct wr_tree *y = *(const struct wr_tree *const *)b;
    size_t from = x->key_at.offset, to = y->key_at.offset;
    int order = wr_str_cmp(x->key, y->key);
    return order ? order : (from > to) - (from < to);
}

const struct wr_tree *wr_tree_repeated(const struct wr_tree *map, const struct wr_tree **first)
{
    const struct wr_tree **all = wr_alloc((map->count + 1) * sizeof(struct wr_tree *));
    size_t n = 0;
    for (const struct wr_tree *m = map->first; m; m = m->next) {
        all[n++] = m;
    }
    qsort(all, n, sizeof(struct wr_tree *), by_key);
    const struct wr_tree *found = NULL;
    for (size_t i = 1; !found && i < n; i++) {
        if (wr_str_eq(all[i - 1]->key, all[i]->key)) {
            *first = all[i - 1];
            found = all[i];
        }
    }
    free(all);
    return found;
}

static struct wr_tree *get(const struct wr_tree *t, wr_str key, bool nocase)
{
    if (!t || t->kind != WR_TREE_MAP) {
        return NULL;
    }
    for (struct wr_tree *m = t->first; m; m = m->next) {
        if (nocase ? wr_str_eq_nocase(m->key, key) : wr_str_eq(m->key, key)) {
            return m;
        }
    }
    return NULL;
}

struct wr_tree *wr_tree_get(const struct wr_tree *t, const char *key)
{
    return get(t, wr_str_of(key), false);
}

struct wr_tree *wr_tree_item(const struct wr_tree *t, size_t index)
{
    struct wr_tree *item = t && t->kind == WR_TREE_LIST ? t->first : NULL;
    for (; item && index > 0; index--) {
        item = item->next;
    }
    return item;
}

bool wr_tree_is(const struct wr_tree *t, const char *text)
{
    return t && t->kind == WR_TREE_TEXT && wr_str_eq(t->text, wr_str_of(text));
}

// The member whose name is the longest beginning of `path`, up to a dot, a bracket or the end.
static const struct wr_tree *step(const struct wr_tree *t, wr_str path, size_t *len)
{
    for (size_t end = path.len; end > 0; end--) {
        if (end < path.len && path.at[end] != '.' && path.at[end] != '[') {
            continue;
        }
        const struct wr_tree *m = get(t, wr_str_cut(path, 0, end), false);
        if (!m) { // AWS's misprints that are accepted differ in case
            m = get(t, wr_str_cut(path, 0, end), true);
        }
        if (m) {
            *len = end;
            return m;
        }
    }
    return NULL;
}

const struct wr_tree *wr_tree_find(const struct wr_tree *t, const char *path, bool *whole)
{
    wr_str rest = wr_str_of(path);
    while (rest.len) {
        const struct wr_tree *next = NULL;
        size_t len = 0;
        if (rest.at[0] == '[') {
            size_t index = 0;
            for (len = 1; len < rest.len && rest.at[len] >= '0' && rest.at[len] <= '9'; len++) {
                index = index * 10 + (size_t)(rest.at[len] - '0');
            }
            len += len < rest.len; // the closing bracket
            next = wr_tree_item(t, index);
        } else {
            next = step(t, rest, &len);
        }
        if (!next) {
            break;
        }
        t = next;
        rest = wr_str_cut(rest, len, rest.len);
        if (rest.len && rest.at[0] == '.') {
            rest = wr_str_cut(rest, 1, rest.len);
        }
    }
    *whole = rest.len == 0;
    return t;
}

struct wr_place wr_source_place(const struct wr_source *s, size_t offset)
{
    struct wr_place p = {.offset = (uint32_t)offset, .line = 1, .column = 1};
    size_t line_at = 0;
    for (size_t i = 0; i < offset && i < s->text.len; i++) {
        if (s->text.at[i] == '\n') {
            p.line++;
            line_at = i + 1;
        }
    }
    for (size_t i = line_at; i < offset && i < s->text.len; i++) {
        p.column += ((unsigned char)s->text.at[i] & 0xc0) != 0x80;
    }
    return p;
}

static json_t *number_json(wr_str text)
{
    const char *stop = text.at;
    for (size_t i = 0; i < text.len; i++) {
        stop = strchr(".eE", text.at[i]) && text.at[i] ? NULL : stop;
    }
    errno = 0;
    long long n = strtoll(text.at, NULL, 10);
    if (stop && errno == 0) {
        return json_integer(n);
    }
    json_t *real = json_real(strtod(text.at, NULL));
    return real ? real : json_real(0); // jansson has no infinity
}

// Depth is bounded by WR_TREE_DEPTH_MAX.
json_t *wr_tree_json(const struct wr_tree *t)
{
    json_t *v = NULL;
    switch (t->kind) {
    case WR_TREE_NULL:
        return json_null();
    case WR_TREE_BOOL:
        return json_boolean(wr_str_eq(t->text, WR_STR("true")));
    case WR_TREE_NUMBER:
        return number_json(t->text);
    case WR_TREE_TEXT:
        return json_stringn(t->text.at, t->text.len);
    case WR_TREE_LIST:
        v = json_array();
        for (const struct wr_tree *item = t->first; item; item = item->next) {
            json_array_append_new(v, wr_tree_json(item));
        }
        return v;
    case WR_TREE_MAP:
        v = json_object();
        for (const struct wr_tree *m = t->first; m; m = m->next) {
            json_object_set_new(v, m->key.at, wr_tree_json(m));
        }
        return v;
    }
    return v;
}

const char *wr_tree_kind_name(const struct wr_tree *t)
{
    switch (t->kind) {
    case WR_TREE_NULL:
        return "null";
    case WR_TREE_BOOL:
        return t->text.len == strlen("true") ? "true" : "false";
    case WR_TREE_NUMBER:
        return "a number";
    case WR_TREE_TEXT:
        return "a string";
    case WR_TREE_LIST:
        return "a list";
    case WR_TREE_MAP:
        return "an object";
    }
    return "something else";
}
