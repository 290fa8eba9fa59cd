// Zone files are small (a few KiB) and few are used: a list is enough. Misses are remembered too,
// since names may come from payloads; their number is bounded.
#include "engine/rules/zones.h"

#include "sql/base/err.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define ZONE_FOLDER    "/usr/share/zoneinfo/"
#define ZONE_BYTES_MAX 65536 // the largest file of tzdata has 4 KiB
#define ZONE_MISSES    256   // beyond it unknown names are looked up each time
#define ZONE_NAME_MAX  64

struct zone {
    struct zone *next;
    char name[ZONE_NAME_MAX + 1];
    char *bytes; // NULL: no such zone
    size_t len;
};

static struct zone *_Atomic zones; // grows at its front, under the lock; read without it
static size_t misses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool plain(wr_str name)
{
    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.at[0] == '/') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '+' || c == '-' || c == '/';
        if (!ok) {
            return false;
        }
    }
    return true;
}

static struct zone *load(wr_str name)
{
    struct zone *z = wr_zalloc(sizeof *z);
    memcpy(z->name, name.at, name.len);
    char path[sizeof ZONE_FOLDER + ZONE_NAME_MAX + 1];
    snprintf(path, sizeof path, "%s%s", ZONE_FOLDER, z->name);
    FILE *f = fopen(path, "rbe");
    if (f) {
        char *bytes = wr_alloc(ZONE_BYTES_MAX);
        size_t n = fread(bytes, 1, ZONE_BYTES_MAX, f);
        if (n > 4 && memcmp(bytes, "TZif", 4) == 0) {
            z->bytes = wr_realloc(bytes, n);
            z->len = n;
        } else {
            free(bytes);
        }
        fclose(f);
    }
    return z;
}

static struct zone *look(wr_str name)
{
    struct zone *z = atomic_load_explicit(&zones, memory_order_acquire);
    while (z && !wr_str_eq(wr_str_of(z->name), name)) {
        z = z->next;
    }
    return z;
}

// Another thread may have read it meanwhile. NULL: it is none, and not remembered.
static struct zone *add(wr_str name)
{
    pthread_mutex_lock(&lock);
    struct zone *z = look(name);
    if (!z) {
        z = load(name);
        if (!z->bytes && misses >= ZONE_MISSES) {
            free(z);
            z = NULL;
        } else {
            misses += !z->bytes;
            z->next = atomic_load_explicit(&zones, memory_order_relaxed);
            atomic_store_explicit(&zones, z, memory_order_release);
        }
    }
    pthread_mutex_unlock(&lock);
    return z;
}

bool wr_zones_find(void *user, wr_str name, wr_str *tzif)
{
    if (!plain(name)) {
        return false;
    }
    struct zone *z = look(name);
    z = z ? z : add(name);
    *tzif = z ? (wr_str){z->bytes, z->len} : (wr_str){0};
    return tzif->at;
}

void wr_zones_release(void)
{
    struct zone *z = atomic_load_explicit(&zones, memory_order_relaxed);
    while (z) {
        struct zone *next = z->next;
        free(z->bytes);
        free(z);
        z = next;
    }
    atomic_store_explicit(&zones, NULL, memory_order_relaxed);
    misses = 0;
}
