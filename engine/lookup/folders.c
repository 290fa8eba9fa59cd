// Look-ups that are a document in a folder:
//
//   get_thing_shadow   SHADOWS/<thing>.json, SHADOWS/<thing>/<shadow>.json
//   get_registry_data  REGISTRY/DescribeThing/<thing>.json,
//   REGISTRY/ListThingGroupsForThing/<thing>.json get_secret         SECRETS/<id>.json:
//   {"SecretString": "…"} or {"SecretBinary": "<base64>"}; in the
//                      id every byte but A-Z a-z 0-9 _ + = @ - and . is written %XX, and so is a
//                      dot at its beginning: one id, one name, and none leaves the folder
#include "engine/lookup/pending.h"

#include <stdlib.h>

#include "engine/lookup/docs.h"

#include "sql/base/banned.h"

#define THING_MAX     128 // API model of AWS IoT
#define SHADOW_MAX    64
#define FILE_NAME_MAX 255 // of file systems

struct document {
    struct wr_pending p; // first
    struct wr_doc_read read;
};

// ---- names

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

// [a-zA-Z0-9:_-]+ of at most `max` bytes; false when the look-up has failed.
static bool add_name(struct wr_lookup *l, struct wr_buf *path, const char *what, wr_str name,
                     size_t max)
{
    bool good = name.len > 0 && name.len <= max;
    for (size_t i = 0; good && i < name.len; i++) {
        good = is_word(name.at[i]) || name.at[i] == ':';
    }
    if (!good) {
        wr_lookup_fail(l, "the %s is '%.*s', expected 1 to %zu characters of a-z A-Z 0-9 : _ -",
                       what, WR_STR_ARG(wr_str_cut(name, 0, name.len < 200 ? name.len : 200)), max);
        return false;
    }
    wr_buf_add(path, name);
    return true;
}

static bool add_secret_id(struct wr_lookup *l, struct wr_buf *path, wr_str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        if (is_word(c) || c == '+' || c == '=' || c == '@' || (c == '.' && i > 0)) {
            wr_buf_add_char(path, c);
        } else {
            static const char digits[] = "0123456789ABCDEF";
            wr_buf_add_char(path, '%');
            wr_buf_add_char(path, digits[(unsigned char)c >> 4]);
            wr_buf_add_char(path, digits[c & 15]);
        }
    }
    if (id.len == 0 || path->len > FILE_NAME_MAX - strlen(".json")) {
        wr_lookup_fail(l,
                       "the id has %zu bytes, expected 1 to as many as fit into a file's name (%d, "
                       "other characters than a-z A-Z 0-9 _ + = @ - . count three)",
                       id.len, FILE_NAME_MAX - (int)strlen(".json"));
        return false;
    }
    return true;
}

// ---- answers

static void on_read(struct wr_doc_read *r, wr_err err, wr_str bytes, const struct wr_fault *fault)
{
    struct document *d = WR_CONTAINER(r, struct document, read);
    struct wr_lookup *l = d->p.lookup;
    if (l && err) {
        wr_lookup_fail(l, "%s", fault->text);
    } else if (l) {
        wr_lookup_json(l, bytes);
        if (!l->failed && l->kind == WR_LOOKUP_SECRET) {
            wr_value secret = l->result;
            wr_lookup_secret(l, &secret);
        } else if (!l->failed && l->result.type != WR_OBJECT) {
            wr_lookup_fail(l, "%s holds no JSON object", r->path_);
        }
    }
    wr_pending_answer(&d->p);
    wr_pending_free(&d->p);
}

// Takes `path`; on false only frees it.
static void begin(struct wr_lookups *all, struct wr_lookup *l, struct wr_docs *documents,
                  struct wr_buf *path, bool good)
{
    if (good) {
        wr_buf_add(path, WR_STR(".json"));
        struct document *d = wr_pending_new(all, l, sizeof *d);
        d->read.done = on_read;
        wr_docs_read(documents, &d->read, wr_buf_str(path));
    }
    wr_buf_release(path);
}

void wr_lookup_begin_shadow(struct wr_lookups *all, struct wr_lookup *l)
{
    struct wr_buf path = {0};
    wr_str shadow = wr_lookup_shadow_name(l);
    bool good = add_name(l, &path, "thing", wr_lookup_text(l, 0), THING_MAX);
    if (good && shadow.at) {
        wr_buf_add_char(&path, '/');
        good = add_name(l, &path, "shadow", shadow, SHADOW_MAX);
    }
    begin(all, l, all->shadows, &path, good);
}

void wr_lookup_begin_registry(struct wr_lookups *all, struct wr_lookup *l)
{
    struct wr_buf path = {0};
    wr_buf_add(&path, wr_lookup_text(l, 0)); // one of two: the compiler has seen to that
    wr_buf_add_char(&path, '/');
    bool good = add_name(l, &path, "thing", wr_lookup_text(l, 1), THING_MAX);
    begin(all, l, all->registry, &path, good);
}

void wr_lookup_begin_secret(struct wr_lookups *all, struct wr_lookup *l)
{
    struct wr_buf path = {0};
    bool good = add_secret_id(l, &path, wr_lookup_text(l, 0));
    begin(all, l, all->secrets, &path, good);
}
