// Reads a status table; status_build.c makes it.
#include "engine/registry/status.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/registry/status_parts.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

// ---- the file

static struct wr_status_file file_of(const struct stat *st)
{
    return (struct wr_status_file){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = st->st_size,
        .changed_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
    };
}

bool wr_status_look(const char *path, struct wr_status_file *file)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return false;
    }
    *file = file_of(&st);
    return true;
}

static wr_err read_all(int fd, const char *path, struct wr_buf *bytes, struct wr_fault *fault)
{
    for (;;) {
        char *to = wr_buf_reserve(bytes, 1 << 20);
        if (!to) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "%s is larger than %zu bytes", path,
                                WR_STATUS_FILE_MAX);
        }
        ssize_t n = read(fd, to, 1 << 20);
        if (n < 0 && errno != EINTR) {
            return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
        }
        if (n == 0) {
            return WR_OK;
        }
        bytes->len += n > 0 ? (size_t)n : 0;
    }
}

wr_err wr_status_load(const char *path, struct wr_buf *bytes, struct wr_status_file *file,
                      struct wr_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // not to wait at a pipe
    if (fd < 0) {
        return wr_fault_set(fault, errno == ENOENT ? WR_ERR_MISSING : WR_ERR_IO, "%s: %s", path,
                            strerror(errno));
    }
    struct stat st;
    wr_err err = WR_OK;
    if (fstat(fd, &st) != 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s is no regular file", path);
    } else {
        *file = file_of(&st);
        wr_buf_clear(bytes);
        wr_buf_limit(bytes, WR_STATUS_FILE_MAX);
        err = read_all(fd, path, bytes, fault);
    }
    close(fd);
    return err;
}

// ---- rows

static void row(const struct wr_status *s, size_t section, uint32_t at, void *out, size_t size)
{
    memcpy(out, s->at_ + section + at * size, size);
}

static struct status_certificate certificate_at(const struct wr_status *s, uint32_t at)
{
    struct status_certificate c;
    row(s, s->certificates_, at, &c, sizeof c);
    return c;
}

static struct status_thing thing_at(const struct wr_status *s, uint32_t at)
{
    struct status_thing t;
    row(s, s->things_, at, &t, sizeof t);
    return t;
}

static struct status_attribute attribute_at(const struct wr_status *s, uint32_t at)
{
    struct status_attribute a;
    row(s, s->attributes_, at, &a, sizeof a);
    return a;
}

static wr_str text(const struct wr_status *s, struct status_text t)
{
    return (wr_str){s->at_ + s->texts_ + t.at, t.len};
}

// ---- verifying

static bool inside(uint32_t first, uint32_t count, uint32_t of)
{
    return first <= of && count <= of - first;
}

static bool text_fits(const struct status_head *h, struct status_text t)
{
    return inside(t.at, t.len, h->text_len);
}

static bool tenants_fit(const struct wr_status *s, const struct status_head *h)
{
    for (uint32_t i = 0; i < h->tenants; i++) {
        struct status_tenant t;
        row(s, s->tenants_, i, &t, sizeof t);
        if (!text_fits(h, t.name) || !text_fits(h, t.account) || !text_fits(h, t.prefix) ||
            t.enabled > 1) {
            return false;
        }
    }
    return true;
}

static bool certificates_fit(const struct wr_status *s, const struct status_head *h)
{
    uint8_t before[WR_STATUS_SHA256] = {0};
    uint32_t things = 0; // one certificate's behind the other's: reading all of them is linear
    for (uint32_t i = 0; i < h->certificates; i++) {
        struct status_certificate c = certificate_at(s, i);
        if (c.tenant >= h->tenants || c.status > WR_CERTIFICATE_REGISTER_INACTIVE ||
            !text_fits(h, c.region) || c.set >= h->sets || c.thing != things ||
            !inside(c.thing, c.things, h->things) ||
            (i > 0 && memcmp(before, c.sha256, sizeof before) >= 0)) {
            return false;
        }
        memcpy(before, c.sha256, sizeof before);
        things += c.things;
    }
    return true;
}

static bool things_fit(const struct wr_status *s, const struct status_head *h)
{
    for (uint32_t i = 0; i < h->things; i++) {
        struct status_thing t = thing_at(s, i);
        if (!text_fits(h, t.name) || !text_fits(h, t.type) || t.exclusive > 1 ||
            !inside(t.attribute, t.attributes, h->attributes)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < h->attributes; i++) {
        struct status_attribute a = attribute_at(s, i);
        if (!text_fits(h, a.name) || !text_fits(h, a.value)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < h->certificates; i++) {
        struct status_certificate c = certificate_at(s, i);
        for (uint32_t k = 1; k < c.things; k++) {
            if (wr_str_cmp(text(s, thing_at(s, c.thing + k - 1).name),
                           text(s, thing_at(s, c.thing + k).name)) >= 0) {
                return false;
            }
        }
    }
    return true;
}

static bool policies_fit(const struct wr_status *s, const struct status_head *h)
{
    for (uint32_t i = 0; i < h->sets; i++) {
        struct status_set set;
        row(s, s->sets_, i, &set, sizeof set);
        if (!inside(set.item, set.items, h->items)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < h->items; i++) {
        uint32_t policy;
        row(s, s->items_, i, &policy, sizeof policy);
        if (policy >= h->policies) {
            return false;
        }
    }
    for (uint32_t i = 0; i < h->policies; i++) {
        struct status_text t;
        struct wr_policy p;
        row(s, s->policies_, i, &t, sizeof t);
        if (!text_fits(h, t) || wr_policy_open(text(s, t), &p) != WR_OK) {
            return false;
        }
    }
    return true;
}

// Places of the sections; false when they do not fill the file exactly.
static bool place(struct wr_status *s, const struct status_head *h, size_t len)
{
    struct {
        size_t *place;
        uint64_t bytes;
    } sections[] = {
        {&s->tenants_, (uint64_t)h->tenants * sizeof(struct status_tenant)},
        {&s->certificates_, (uint64_t)h->certificates * sizeof(struct status_certificate)},
        {&s->things_, (uint64_t)h->things * sizeof(struct status_thing)},
        {&s->attributes_, (uint64_t)h->attributes * sizeof(struct status_attribute)},
        {&s->sets_, (uint64_t)h->sets * sizeof(struct status_set)},
        {&s->items_, (uint64_t)h->items * sizeof(uint32_t)},
        {&s->policies_, (uint64_t)h->policies * sizeof(struct status_text)},
        {&s->texts_, h->text_len},
    };
    uint64_t at = sizeof *h; // eight sums of at most 2^32 * 72: no overflow
    for (size_t i = 0; i < WR_COUNT(sections); i++) {
        *sections[i].place = (size_t)at;
        at += sections[i].bytes;
    }
    return at == len;
}

wr_err wr_status_open(wr_str bytes, struct wr_status *out, struct wr_fault *fault)
{
    struct status_head h;
    if (bytes.len < sizeof h || memcmp(bytes.at, STATUS_MAGIC, sizeof h.magic) != 0) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "this is no status table of weir");
    }
    memcpy(&h, bytes.at, sizeof h);
    if (h.order != STATUS_ORDER || h.version != WR_STATUS_VERSION) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "the status table has version %u, this weir reads version %d of this "
                            "machine's byte order",
                            h.version, WR_STATUS_VERSION);
    }
    if (h.size != bytes.len) {
        return wr_fault_set(fault, WR_ERR_CORRUPT,
                            "the status table has %zu bytes, its head says %llu", bytes.len,
                            (unsigned long long)h.size);
    }
    struct status_head bare = h;
    bare.crc = 0;
    if (wr_crc32c(wr_crc32c(0, &bare, sizeof bare), bytes.at + sizeof h, bytes.len - sizeof h) !=
        h.crc) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "the status table's checksum is wrong");
    }
    struct wr_status s = {.at_ = bytes.at,
                          .tenants = h.tenants,
                          .certificates = h.certificates,
                          .policies = h.policies,
                          .generation = h.generation};
    if (!place(&s, &h, bytes.len) || !tenants_fit(&s, &h) || !certificates_fit(&s, &h) ||
        !things_fit(&s, &h) || !policies_fit(&s, &h)) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "the status table does not hold together");
    }
    *out = s;
    return WR_OK;
}

// ---- looking up

static void to_record(const struct wr_status *s, const struct status_certificate *c,
                      struct wr_status_record *out)
{
    *out = (struct wr_status_record){
        .tenant = c->tenant,
        .status = (enum wr_certificate_status)c->status,
        .not_after_s = c->not_after_s,
        .region = text(s, c->region),
        .set = c->set,
        .thing_ = c->thing,
        .things_ = c->things,
    };
}

void wr_status_record(const struct wr_status *s, uint32_t at, struct wr_status_record *out,
                      uint8_t sha256[WR_STATUS_SHA256])
{
    struct status_certificate c = certificate_at(s, at);
    memcpy(sha256, c.sha256, sizeof c.sha256);
    to_record(s, &c, out);
}

bool wr_status_find(const struct wr_status *s, const uint8_t sha256[WR_STATUS_SHA256],
                    struct wr_status_record *out)
{
    uint32_t low = 0, high = s->certificates;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct status_certificate c = certificate_at(s, middle);
        int order = memcmp(sha256, c.sha256, sizeof c.sha256);
        if (order == 0) {
            to_record(s, &c, out);
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

struct wr_status_tenant wr_status_tenant(const struct wr_status *s, uint32_t tenant)
{
    struct status_tenant t;
    row(s, s->tenants_, tenant, &t, sizeof t);
    return (struct wr_status_tenant){.name = text(s, t.name),
                                     .account = text(s, t.account),
                                     .prefix = text(s, t.prefix),
                                     .enabled = t.enabled};
}

static void to_found(const struct wr_status *s, const struct status_thing *t,
                     struct wr_status_found *out)
{
    *out = (struct wr_status_found){.name = text(s, t->name),
                                    .type = text(s, t->type),
                                    .attribute_ = t->attribute,
                                    .attributes_ = t->attributes};
}

bool wr_status_thing(const struct wr_status *s, const struct wr_status_record *record,
                     wr_str client_id, struct wr_status_found *out)
{
    if (record->things_ == 1) { // an exclusive thing is alone
        struct status_thing t = thing_at(s, record->thing_);
        if (t.exclusive) {
            to_found(s, &t, out);
            return true;
        }
    }
    uint32_t low = 0, high = record->things_;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct status_thing t = thing_at(s, record->thing_ + middle);
        int order = wr_str_cmp(client_id, text(s, t.name));
        if (order == 0) {
            to_found(s, &t, out);
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

bool wr_status_attribute(const struct wr_status *s, const struct wr_status_found *thing,
                         wr_str name, wr_str *value)
{
    for (uint32_t i = 0; i < thing->attributes_; i++) {
        struct status_attribute a = attribute_at(s, thing->attribute_ + i);
        if (wr_str_eq(text(s, a.name), name)) {
            *value = text(s, a.value);
            return true;
        }
    }
    return false;
}

static struct status_set set_at(const struct wr_status *s, uint32_t set)
{
    struct status_set row_;
    row(s, s->sets_, set, &row_, sizeof row_);
    return row_;
}

uint32_t wr_status_set_len(const struct wr_status *s, uint32_t set)
{
    return set_at(s, set).items;
}

struct wr_policy wr_status_policy(const struct wr_status *s, uint32_t set, uint32_t at)
{
    uint32_t number;
    struct status_text t;
    row(s, s->items_, set_at(s, set).item + at, &number, sizeof number);
    row(s, s->policies_, number, &t, sizeof t);
    wr_str bytes = text(s, t);
    return (struct wr_policy){bytes.at, bytes.len}; // verified with the table
}

enum wr_policy_verdict wr_status_decide(const struct wr_status *s, uint32_t set,
                                        const struct wr_policy_request *request)
{
    enum wr_policy_verdict verdict = WR_POLICY_NOTHING;
    uint64_t steps = WR_POLICY_STEPS;
    uint32_t count = wr_status_set_len(s, set);
    for (uint32_t i = 0; i < count && verdict != WR_POLICY_DENY; i++) {
        struct wr_policy p = wr_status_policy(s, set, i);
        verdict = wr_policy_join(verdict, wr_policy_evaluate(&p, request, NULL, &steps));
    }
    return verdict;
}
