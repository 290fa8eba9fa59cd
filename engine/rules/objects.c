// Descriptor files are small and few: a list is enough. Bucket and key may come from payloads, so
// their number is bounded.
#include "engine/rules/objects.h"

#include "sinks/lib/local_s3.h"
#include "sql/sql.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define READ_MAX (128 * 1024) // more than an object may have: what is read in one piece

struct object {
    struct object *next;
    char *bucket, *key;
    size_t bucket_len, key_len;
    char *bytes; // NULL: too long, or empty
    size_t len;
};

struct wr_objects {
    const char *state_dir;
    struct object *_Atomic first; // grows here, under the lock; read without it
    size_t count;
    pthread_mutex_t lock;
};

struct wr_objects *wr_objects_new(const char *state_dir)
{
    struct wr_objects *o = wr_zalloc(sizeof *o);
    o->state_dir = state_dir;
    wr_assert(pthread_mutex_init(&o->lock, NULL) == 0);
    return o;
}

void wr_objects_free(struct wr_objects *o)
{
    if (!o) {
        return;
    }
    struct object *at = atomic_load_explicit(&o->first, memory_order_relaxed);
    while (at) {
        struct object *next = at->next;
        free(at->bucket);
        free(at->key);
        free(at->bytes);
        free(at);
        at = next;
    }
    pthread_mutex_destroy(&o->lock);
    free(o);
}

static struct object *load(struct wr_objects *o, wr_str bucket, wr_str key)
{
    struct wr_buf body;
    wr_buf_init(&body, READ_MAX);
    wr_err err = wr_local_s3_read(o->state_dir, bucket, key, &body, NULL, NULL);
    bool too_long = err == WR_ERR_LIMIT || body.len > WR_SQL_OBJECT_MAX;
    if (err && !too_long) {
        wr_buf_release(&body);
        return NULL;
    }
    struct object *made = wr_zalloc(sizeof *made);
    made->bucket = wr_strdup(bucket);
    made->bucket_len = bucket.len;
    made->key = wr_strdup(key);
    made->key_len = key.len;
    if (too_long) {
        made->len = WR_SQL_OBJECT_MAX + 1;
    } else if (body.len) {
        made->len = body.len;
        made->bytes = wr_alloc(body.len);
        memcpy(made->bytes, body.at, body.len);
    }
    wr_buf_release(&body);
    return made;
}

static struct object *look(struct wr_objects *o, wr_str bucket, wr_str key)
{
    struct object *found = atomic_load_explicit(&o->first, memory_order_acquire);
    while (found && !(wr_str_eq((wr_str){found->key, found->key_len}, key) &&
                      wr_str_eq((wr_str){found->bucket, found->bucket_len}, bucket))) {
        found = found->next;
    }
    return found;
}

// Another thread may have read it meanwhile.
static struct object *add(struct wr_objects *o, wr_str bucket, wr_str key)
{
    pthread_mutex_lock(&o->lock);
    struct object *found = look(o, bucket, key);
    if (!found && o->count < WR_OBJECTS_MAX) {
        found = load(o, bucket, key);
        if (found) {
            found->next = atomic_load_explicit(&o->first, memory_order_relaxed);
            atomic_store_explicit(&o->first, found, memory_order_release);
            o->count++;
        }
    }
    pthread_mutex_unlock(&o->lock);
    return found;
}

bool wr_objects_find(void *user, wr_str bucket, wr_str key, wr_str *bytes)
{
    struct wr_objects *o = user;
    struct object *found = look(o, bucket, key);
    found = found ? found : add(o, bucket, key);
    if (!found) {
        return false;
    }
    *bytes = (wr_str){found->bytes, found->len};
    return true;
}
