// `weir local … s3`: buckets and objects below the state folder (sinks/lib/local_s3.h).
#include "engine/cli/local.h"

#include <stdlib.h>

#include "sinks/lib/local_s3.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static void add_object(struct wr_buf *b, const struct wr_local_s3_object *o)
{
    wr_buf_add(b, WR_STR("{\"key\":"));
    wr_json_write_string(b, o->key);
    wr_buf_addf(b, ",\"size\":%llu,\"lastModified\":\"", (unsigned long long)o->size);
    wr_local_time(b, o->modified_ms);
    wr_buf_add(b, WR_STR("\"}"));
}

static bool print_object(bool json, const struct wr_local_s3_object *o)
{
    struct wr_buf b = {0};
    if (json) {
        add_object(&b, o);
    } else {
        wr_local_time(&b, o->modified_ms);
        printf("%s %10llu ", wr_buf_terminated(&b), (unsigned long long)o->size);
        wr_local_print(o->key);
        wr_buf_clear(&b);
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static bool list_one(void *user, const struct wr_local_s3_object *o)
{
    const struct wr_local_asked *a = user;
    return print_object(a->json, o);
}

static bool list_bucket(void *user, wr_str bucket)
{
    const struct wr_local_asked *a = user;
    struct wr_buf b = {0};
    if (a->json) {
        wr_buf_add(&b, WR_STR("{\"bucket\":"));
        wr_json_write_string(&b, bucket);
        wr_buf_add_char(&b, '}');
    } else {
        wr_buf_add(&b, bucket);
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static wr_err ls(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_local_asked copy = *a;
    if (!a->name) {
        return wr_local_s3_buckets(a->state_dir, list_bucket, &copy, fault);
    }
    return wr_local_s3_list(a->state_dir, wr_str_of(a->name), wr_str_of(a->key), list_one, &copy,
                            fault);
}

static wr_err cat(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_buf body = {0};
    wr_err err =
        wr_local_s3_read(a->state_dir, wr_str_of(a->name), wr_str_of(a->key), &body, NULL, fault);
    if (!err) {
        fwrite(body.at ? body.at : "", 1, body.len, stdout);
    }
    wr_buf_release(&body);
    return err;
}

// ---- tail: two listings, both in the order of the keys, are compared

struct seen {
    char *key;
    size_t key_len;
    uint64_t size;
    int64_t modified_ms;
};

struct listing {
    struct seen *at;
    size_t count, cap;
};

static void forget(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->at[i].key);
    }
    free(l->at);
    *l = (struct listing){0};
}

struct watch {
    const struct wr_local_asked *asked;
    struct listing before, now;
    size_t next; // in `before`
    bool first;
};

static bool look_at(void *user, const struct wr_local_s3_object *o)
{
    struct watch *w = user;
    if (w->now.count == w->now.cap) {
        w->now.cap = w->now.cap ? w->now.cap * 2 : 64;
        w->now.at = wr_realloc(w->now.at, w->now.cap * sizeof *w->now.at);
    }
    w->now.at[w->now.count++] =
        (struct seen){wr_strdup(o->key), o->key.len, o->size, o->modified_ms};
    if (w->first) {
        return true;
    }
    int order = -1;
    const struct seen *old = NULL;
    for (; w->next < w->before.count; w->next++) {
        old = &w->before.at[w->next];
        order = wr_str_cmp((wr_str){old->key, old->key_len}, o->key);
        if (order >= 0) {
            break;
        }
    }
    bool same = old && order == 0 && old->size == o->size && old->modified_ms == o->modified_ms;
    return same || print_object(w->asked->json, o);
}

static wr_err tail(const struct wr_local_asked *a, struct wr_fault *fault)
{
    const char *trouble = wr_local_s3_bucket_trouble(wr_str_of(a->name));
    if (trouble) {
        return wr_fault_set(fault, WR_ERR_RANGE, "bucket '%s': %s", a->name, trouble);
    }
    struct watch w = {.asked = a, .first = true};
    wr_err err;
    do {
        w.next = 0;
        err = wr_local_s3_list(a->state_dir, wr_str_of(a->name), wr_str_of(a->key), look_at, &w,
                               fault);
        forget(&w.before);
        w.before = w.now;
        w.now = (struct listing){0};
        w.first = false;
        // A bucket that does not exist yet may come.
    } while ((!err || err == WR_ERR_UNKNOWN) && !ferror(stdout) && wr_local_wait(a));
    forget(&w.before);
    return err == WR_ERR_UNKNOWN ? WR_OK : err;
}

const struct wr_local_service wr_local_objects = {
    .name = "s3",
    .ls = ls,
    .cat = cat,
    .tail = tail,
    .cat_key = true,
    .ls_name = true,
};
