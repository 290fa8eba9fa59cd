// Builds a status table and writes its file; status.c reads it.
#include "engine/registry/status.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/registry/status_parts.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

// Texts, policies and sets that are equal are kept once: slots of an open table.
struct slot {
    uint64_t hash;
    uint32_t at, len; // len UINT32_MAX: free
    uint32_t number;
};
struct known {
    struct slot *slots;
    size_t room, count;
};

struct wr_status_builder {
    uint64_t generation;
    struct wr_buf tenants, certificates, things, attributes, sets, items, policies, texts;
    struct known known_texts, known_policies, known_sets;
};

static uint32_t count_of(const struct wr_buf *b, size_t size)
{
    return (uint32_t)(b->len / size);
}

static void add(struct wr_buf *b, const void *record, size_t size)
{
    wr_buf_add(b, (wr_str){record, size});
}

static void grow(struct known *k)
{
    struct known old = *k;
    k->room = old.room ? old.room * 2 : 256;
    k->slots = wr_alloc(k->room * sizeof *k->slots);
    for (size_t i = 0; i < k->room; i++) {
        k->slots[i].len = UINT32_MAX;
    }
    for (size_t i = 0; i < old.room; i++) {
        if (old.slots[i].len != UINT32_MAX) {
            size_t to = old.slots[i].hash & (k->room - 1);
            while (k->slots[to].len != UINT32_MAX) {
                to = (to + 1) & (k->room - 1);
            }
            k->slots[to] = old.slots[i];
        }
    }
    free(old.slots);
}

// The slot of `bytes`, which is kept in `in` or is new (its len is UINT32_MAX then).
static struct slot *find(struct known *k, const struct wr_buf *in, wr_str bytes, uint64_t *hash)
{
    if (k->count * 2 >= k->room) {
        grow(k);
    }
    *hash = wr_hash_bytes(bytes.at, bytes.len, wr_hash_seed);
    size_t at = *hash & (k->room - 1);
    for (;; at = (at + 1) & (k->room - 1)) {
        struct slot *s = &k->slots[at];
        if (s->len == UINT32_MAX ||
            (s->hash == *hash &&
             wr_str_eq(bytes, (wr_str){in->at ? in->at + s->at : NULL, s->len}))) {
            return s;
        }
    }
}

static struct status_text keep(struct wr_status_builder *b, wr_str bytes)
{
    uint64_t hash;
    struct slot *s = find(&b->known_texts, &b->texts, bytes, &hash);
    if (s->len == UINT32_MAX) {
        *s = (struct slot){.hash = hash, .at = (uint32_t)b->texts.len, .len = (uint32_t)bytes.len};
        b->known_texts.count++;
        wr_buf_add(&b->texts, bytes);
    }
    return (struct status_text){s->at, s->len};
}

struct wr_status_builder *wr_status_builder_new(uint64_t generation)
{
    struct wr_status_builder *b = wr_zalloc(sizeof *b);
    b->generation = generation;
    wr_buf_init(&b->texts, WR_STATUS_FILE_MAX); // over: found out at the end
    return b;
}

void wr_status_builder_free(struct wr_status_builder *b)
{
    if (!b) {
        return;
    }
    struct wr_buf *all[] = {&b->tenants, &b->certificates, &b->things,   &b->attributes,
                            &b->sets,    &b->items,        &b->policies, &b->texts};
    for (size_t i = 0; i < WR_COUNT(all); i++) {
        wr_buf_release(all[i]);
    }
    free(b->known_texts.slots);
    free(b->known_policies.slots);
    free(b->known_sets.slots);
    free(b);
}

uint32_t wr_status_add_tenant(struct wr_status_builder *b, const struct wr_status_tenant *tenant)
{
    struct status_tenant t = {
        .name = keep(b, tenant->name),
        .account = keep(b, tenant->account),
        .prefix = keep(b, tenant->prefix),
        .enabled = tenant->enabled,
    };
    add(&b->tenants, &t, sizeof t);
    return count_of(&b->tenants, sizeof t) - 1;
}

uint32_t wr_status_add_policy(struct wr_status_builder *b, wr_str compiled)
{
    struct wr_policy p;
    wr_assert(wr_policy_open(compiled, &p) == WR_OK);
    uint64_t hash;
    struct slot *s = find(&b->known_policies, &b->texts, compiled, &hash);
    if (s->len == UINT32_MAX) {
        struct status_text t = keep(b, compiled);
        *s = (struct slot){hash, t.at, t.len, count_of(&b->policies, sizeof t)};
        b->known_policies.count++;
        add(&b->policies, &t, sizeof t);
    }
    return s->number;
}

uint32_t wr_status_add_set(struct wr_status_builder *b, const uint32_t *policies, uint32_t count)
{
    wr_str bytes = {(const char *)policies, count * sizeof *policies};
    uint64_t hash;
    struct slot *s = find(&b->known_sets, &b->items, bytes, &hash);
    if (s->len == UINT32_MAX) {
        struct status_set set = {count_of(&b->items, sizeof *policies), count};
        for (uint32_t i = 0; i < count; i++) {
            wr_assert(policies[i] < count_of(&b->policies, sizeof(struct status_text)));
        }
        *s = (struct slot){hash, (uint32_t)b->items.len, (uint32_t)bytes.len,
                           count_of(&b->sets, sizeof set)};
        b->known_sets.count++;
        wr_buf_add(&b->items, bytes);
        add(&b->sets, &set, sizeof set);
    }
    return s->number;
}

static int by_name(const void *a, const void *b)
{
    const struct wr_status_thing *const *x = a, *const *y = b;
    return wr_str_cmp((*x)->name, (*y)->name);
}

static void add_thing(struct wr_status_builder *b, const struct wr_status_thing *thing)
{
    struct status_thing t = {
        .name = keep(b, thing->name),
        .type = keep(b, thing->type),
        .attribute = count_of(&b->attributes, sizeof(struct status_attribute)),
        .attributes = thing->attribute_count,
        .exclusive = thing->exclusive,
    };
    for (uint32_t i = 0; i < thing->attribute_count; i++) {
        struct status_attribute a = {keep(b, thing->attributes[i].name),
                                     keep(b, thing->attributes[i].value)};
        add(&b->attributes, &a, sizeof a);
    }
    add(&b->things, &t, sizeof t);
}

void wr_status_add_certificate(struct wr_status_builder *b,
                               const struct wr_status_certificate *certificate)
{
    struct status_certificate c = {
        .not_after_s = certificate->not_after_s,
        .tenant = certificate->tenant,
        .status = certificate->status,
        .region = keep(b, certificate->region),
        .set = certificate->set,
        .thing = count_of(&b->things, sizeof(struct status_thing)),
        .number = count_of(&b->certificates, sizeof c),
    };
    wr_assert(c.tenant < count_of(&b->tenants, sizeof(struct status_tenant)));
    wr_assert(c.set < count_of(&b->sets, sizeof(struct status_set)));
    memcpy(c.sha256, certificate->sha256, sizeof c.sha256);
    const struct wr_status_thing **things =
        wr_alloc((certificate->thing_count + 1) * sizeof *things);
    for (uint32_t i = 0; i < certificate->thing_count; i++) {
        things[i] = &certificate->things[i];
    }
    qsort(things, certificate->thing_count, sizeof *things, by_name);
    for (uint32_t i = 0; i < certificate->thing_count; i++) {
        if (i == 0 || !wr_str_eq(things[i]->name, things[i - 1]->name)) {
            add_thing(b, things[i]);
        }
    }
    free(things);
    c.things = count_of(&b->things, sizeof(struct status_thing)) - c.thing;
    add(&b->certificates, &c, sizeof c);
}

static int by_sum(const void *a, const void *b)
{
    const struct status_certificate *x = a, *y = b;
    int order = memcmp(x->sha256, y->sha256, sizeof x->sha256);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

// Certificates in the order of their sums, each once, and their things in that order too.
static uint32_t sort(struct wr_status_builder *b)
{
    uint32_t count = count_of(&b->certificates, sizeof(struct status_certificate)), kept = 0;
    struct status_certificate *list = (void *)b->certificates.at;
    if (count > 0) {
        qsort(list, count, sizeof *list, by_sum);
    }
    struct wr_buf things = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct status_certificate c = list[i];
        if (kept > 0 && memcmp(c.sha256, list[kept - 1].sha256, sizeof c.sha256) == 0) {
            continue;
        }
        size_t size = sizeof(struct status_thing), from = c.thing * size;
        c.thing = count_of(&things, size);
        c.number = 0;
        wr_buf_add(&things, wr_str_cut(wr_buf_str(&b->things), from, from + c.things * size));
        list[kept++] = c;
    }
    b->certificates.len = kept * sizeof *list;
    wr_buf_release(&b->things);
    b->things = things;
    return count - kept;
}

wr_err wr_status_finish(struct wr_status_builder *b, struct wr_buf *out, uint32_t *twice,
                        struct wr_fault *fault)
{
    uint32_t double_ones = sort(b);
    struct status_head h = {
        .order = STATUS_ORDER,
        .version = WR_STATUS_VERSION,
        .generation = b->generation,
        .tenants = count_of(&b->tenants, sizeof(struct status_tenant)),
        .certificates = count_of(&b->certificates, sizeof(struct status_certificate)),
        .things = count_of(&b->things, sizeof(struct status_thing)),
        .attributes = count_of(&b->attributes, sizeof(struct status_attribute)),
        .sets = count_of(&b->sets, sizeof(struct status_set)),
        .items = count_of(&b->items, sizeof(uint32_t)),
        .policies = count_of(&b->policies, sizeof(struct status_text)),
        .text_len = (uint32_t)b->texts.len,
    };
    memcpy(h.magic, STATUS_MAGIC, sizeof h.magic);
    const struct wr_buf *sections[] = {&b->tenants, &b->certificates, &b->things,   &b->attributes,
                                       &b->sets,    &b->items,        &b->policies, &b->texts};
    h.size = sizeof h;
    for (size_t i = 0; i < WR_COUNT(sections); i++) {
        h.size += sections[i]->len;
    }
    if (b->texts.over || h.size > WR_STATUS_FILE_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT,
                            "the status table of %u certificates is larger than %zu bytes",
                            h.certificates, WR_STATUS_FILE_MAX);
    }
    size_t head_at = out->len;
    add(out, &h, sizeof h);
    for (size_t i = 0; i < WR_COUNT(sections); i++) {
        wr_buf_add(out, wr_buf_str(sections[i]));
    }
    h.crc = wr_crc32c(0, out->at + head_at, out->len - head_at);
    memcpy(out->at + head_at, &h, sizeof h);
    if (twice) {
        *twice = double_ones;
    }
    return WR_OK;
}

// ---- the file

static bool write_all(int fd, wr_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes = wr_str_cut(bytes, (size_t)n, bytes.len);
    }
    return true;
}

static bool sync_folder(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return good;
}

wr_err wr_status_write(const char *path, wr_str bytes, struct wr_fault *fault)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: the path is too long", path);
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", temporary, strerror(errno));
    }
    // Not left to the umask: the broker is of the file's group, or it reads nothing.
    bool good = fchmod(fd, 0640) == 0 && write_all(fd, bytes) && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good && (rename(temporary, path) != 0 || !sync_folder(path))) {
        good = false;
        error = errno;
    }
    if (!good) {
        unlink(temporary);
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(error));
    }
    return WR_OK;
}
