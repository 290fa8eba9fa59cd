// The CAs' certificates as files that mosquitto's capath finds.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "engine/admin/broker_parts.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define SAME_HASH_MAX 100 // CAs of one subject; AWS allows 10 a tenant

struct entry {
    char name[16]; // "1a2b3c4d.0"
    const char *pem;
};

static bool hash_of(const char *pem, unsigned long *hash)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (x) {
        *hash = X509_subject_name_hash(x);
    }
    X509_free(x);
    BIO_free(bio);
    return x != NULL;
}

static size_t name_all(char *const *pems, size_t count, struct entry *entries)
{
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned long hash;
        if (!hash_of(pems[i], &hash)) {
            continue; // the registry took it once; a table is not to fail over it
        }
        unsigned number = 0;
        for (size_t k = 0; k < made; k++) {
            number += strtoul(entries[k].name, NULL, 16) == hash;
        }
        if (number < SAME_HASH_MAX) {
            snprintf(entries[made].name, sizeof entries[made].name, "%08lx.%u", hash, number);
            entries[made++].pem = pems[i];
        }
    }
    return made;
}

static bool is_same(const char *path, const char *pem)
{
    FILE *f = fopen(path, "re");
    bool same = f != NULL;
    for (const char *at = pem; same; at++) {
        int c = getc(f);
        same = c == (*at ? (unsigned char)*at : EOF);
        if (!*at) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return same;
}

static wr_err write_one(const char *folder, const struct entry *e, struct wr_fault *fault)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, e->name) >= (int)sizeof path ||
        snprintf(temporary, sizeof temporary, "%s/.new", folder) >= (int)sizeof temporary) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: the path is too long", folder);
    }
    if (is_same(path, e->pem)) {
        return WR_OK;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    size_t len = strlen(e->pem);
    bool good = fd >= 0 && fchmod(fd, 0640) == 0 && write(fd, e->pem, len) == (ssize_t)len &&
                fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (good && rename(temporary, path) != 0) {
        good = false;
        error = errno;
    }
    return good ? WR_OK : wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(error));
}

static bool is_ours(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] &&
           strspn(name + 9, "0123456789") == strlen(name + 9);
}

static void remove_others(const char *folder, const struct entry *entries, size_t count)
{
    DIR *dir = opendir(folder);
    const struct dirent *d;
    while (dir && (d = readdir(dir))) {
        bool keep = !is_ours(d->d_name);
        for (size_t i = 0; i < count && !keep; i++) {
            keep = strcmp(entries[i].name, d->d_name) == 0;
        }
        if (!keep) {
            unlinkat(dirfd(dir), d->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

wr_err wr_broker_ca_write(const char *folder, char *const *pems, size_t count,
                          struct wr_fault *fault)
{
    struct entry *entries = wr_alloc((count + 1) * sizeof *entries);
    size_t made = name_all(pems, count, entries);
    wr_err err = WR_OK;
    for (size_t i = 0; i < made && !err; i++) {
        err = write_one(folder, &entries[i], fault);
    }
    if (!err) {
        remove_others(folder, entries, made);
    }
    free(entries);
    return err;
}
