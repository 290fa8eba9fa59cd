// A device's files: made as texts, summed, packed with libarchive.
#include "engine/admin/device_package.h"

#include "engine/admin/device_texts.h"
#include "engine/registry/secret.h"

#include "sql/base/utf8.h"

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sql/base/banned.h"

// File(member of wr_device_files, mode), in the order of the zip; the manifest comes last.
#define FILES(FILE)         \
    FILE(certificate, 0644) \
    FILE(private_key, 0600) \
    FILE(root, 0644)        \
    FILE(config, 0644)      \
    FILE(connect, 0755)     \
    FILE(readme, 0644)

// Bytes of the zip that are not a file's content: headers twice, names, extra fields.
#define ZIP_OVERHEAD 4096

static wr_err check_text(wr_str text, const char *what, struct wr_fault *fault)
{
    bool ok = text.len <= WR_DEVICE_TEXT_MAX && wr_utf8_valid(text);
    for (size_t i = 0; ok && i < text.len; i++) {
        ok = (unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7f;
    }
    return ok ? WR_OK
              : wr_fault_set(fault, WR_ERR_RANGE,
                             "the %s has %zu bytes, expected at most %d of UTF-8 without control "
                             "characters",
                             what, text.len, WR_DEVICE_TEXT_MAX);
}

static wr_err check(const struct wr_device_package *p, struct wr_fault *fault)
{
    const struct {
        wr_str text;
        const char *what;
    } texts[] = {{p->thing, "thing's name"},
                 {p->tenant, "tenant's name"},
                 {p->region, "region"},
                 {p->certificate_id, "certificate's id"},
                 {p->no_key, "reason"},
                 {p->endpoint, "endpoint"},
                 {p->topic_prefix, "topic prefix"}};
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        wr_err err = check_text(texts[i].text, texts[i].what, fault);
        if (err) {
            return err;
        }
    }
    if (!p->thing.len || !p->certificate_pem.len || !p->endpoint.len || !p->port ||
        !p->root_pem.len) {
        return wr_fault_set(fault, WR_ERR_MISSING, "a device package needs %s",
                            !p->thing.len             ? "a thing"
                            : !p->certificate_pem.len ? "a certificate"
                            : !p->root_pem.len        ? "the CA of the broker's certificate"
                                                      : "the broker's name and port");
    }
    return WR_OK;
}

void wr_device_package_name(wr_str thing, struct wr_buf *out)
{
    for (size_t i = 0; i < thing.len; i++) {
        char c = thing.at[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '_' || (i && (c == '.' || c == '-'));
        wr_buf_add_char(out, plain ? c : '_');
    }
}

static void set(json_t *object, const char *name, wr_str text)
{
    wr_assert(json_object_set_new(object, name, json_stringn(text.at ? text.at : "", text.len)) ==
              0);
}

static void write_config(const struct wr_device_package *p, struct wr_device_files *f)
{
    json_t *c = json_object();
    set(c, "endpoint", p->endpoint);
    json_object_set_new(c, "port", json_integer(p->port));
    set(c, "clientId", p->thing);
    set(c, "thingName", p->thing);
    set(c, "certificateId", p->certificate_id);
    set(c, "tenant", p->tenant);
    set(c, "topicPrefix", p->topic_prefix);
    set(c, "region", p->region);
    set(c, "certificate", wr_buf_str(&f->certificate.name));
    if (p->key) {
        set(c, "privateKey", wr_buf_str(&f->private_key.name));
    } else {
        json_object_set_new(c, "privateKey", json_null());
    }
    set(c, "rootCA", wr_buf_str(&f->root.name));
    char *text = json_dumps(c, JSON_INDENT(2));
    wr_assert(text);
    wr_buf_add(&f->config.content, wr_str_of(text));
    wr_buf_add_char(&f->config.content, '\n');
    free(text);
    json_decref(c);
}

static void name_files(const struct wr_device_package *p, struct wr_device_files *f)
{
    wr_device_package_name(p->thing, &f->certificate.name);
    wr_buf_add(&f->certificate.name, WR_STR(".cert.pem"));
    wr_device_package_name(p->thing, &f->private_key.name);
    wr_buf_add(&f->private_key.name, WR_STR(".private.key"));
    wr_buf_add(&f->root.name, WR_STR("root-CA.crt"));
    wr_buf_add(&f->config.name, WR_STR("config.json"));
    wr_buf_add(&f->connect.name, WR_STR("connect.sh"));
    wr_buf_add(&f->readme.name, WR_STR("README.txt"));
    wr_buf_add(&f->manifest.name, WR_STR("MANIFEST.sha256"));
}

// PEM blocks stand on lines of their own, also when the last one came without its line break.
static void add_pem(struct wr_buf *to, wr_str pem)
{
    wr_buf_add(to, pem);
    if (pem.len && pem.at[pem.len - 1] != '\n') {
        wr_buf_add_char(to, '\n');
    }
}

static wr_err fill_files(const struct wr_device_package *p, struct wr_device_files *f,
                         struct wr_fault *fault)
{
    wr_err err = WR_OK;
    name_files(p, f);
    add_pem(&f->certificate.content, p->certificate_pem);
    add_pem(&f->certificate.content, p->chain_pem);
    add_pem(&f->root.content, p->root_pem);
    if (p->key && p->passphrase.len) {
        err = wr_pki_key_private_encrypted(p->key, p->passphrase, &f->private_key.content, fault);
    } else if (p->key) {
        wr_pki_key_private(p->key, WR_PKI_PKCS8, &f->private_key.content);
    }
    write_config(p, f);
    wr_device_texts_connect(p, f);
    wr_device_texts_readme(p, f);
    return err;
}

static void add_sum(const struct wr_device_file *file, struct wr_buf *manifest)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (file->content.len) {
        wr_assert(
            EVP_Digest(file->content.at, file->content.len, digest, &len, EVP_sha256(), NULL) == 1);
        wr_buf_add_hex(manifest, digest, len);
        wr_buf_add(manifest, WR_STR("  "));
        wr_buf_add(manifest, wr_buf_str(&file->name));
        wr_buf_add_char(manifest, '\n');
    }
}

static bool pack(struct archive *a, struct wr_device_file *file, unsigned mode, time_t now)
{
    if (!file->content.len) {
        return true;
    }
    struct archive_entry *e = archive_entry_new();
    wr_assert(e);
    archive_entry_set_pathname(e, wr_buf_terminated(&file->name));
    archive_entry_set_size(e, (int64_t)file->content.len);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, mode);
    archive_entry_set_mtime(e, now, 0);
    bool ok =
        archive_write_header(a, e) == ARCHIVE_OK &&
        archive_write_data(a, file->content.at, file->content.len) == (la_ssize_t)file->content.len;
    archive_entry_free(e);
    return ok;
}

static wr_err write_zip(struct wr_device_files *f, struct wr_buf *zip, struct wr_fault *fault)
{
    size_t room = ZIP_OVERHEAD + f->manifest.content.len, used = 0;
#define FILE(member, mode) room += f->member.content.len;
    FILES(FILE)
#undef FILE
    char *to = wr_buf_reserve(zip, room);
    struct archive *a = archive_write_new();
    time_t now = time(NULL);
    wr_assert(a);
    bool ok = to && archive_write_set_format_zip(a) == ARCHIVE_OK &&
              archive_write_open_memory(a, to, room, &used) == ARCHIVE_OK;
#define FILE(member, mode) ok = ok && pack(a, &f->member, mode, now);
    FILES(FILE)
#undef FILE
    ok = ok && pack(a, &f->manifest, 0644, now) && archive_write_close(a) == ARCHIVE_OK;
    wr_err err = WR_OK;
    if (ok) {
        zip->len += used;
    } else {
        const char *why = archive_error_string(a);
        err = wr_fault_set(fault, WR_ERR_FAILED, "the zip could not be written: %s",
                           why ? why : "no room");
    }
    archive_write_free(a);
    return err;
}

wr_err wr_device_package_make(const struct wr_device_package *what, struct wr_buf *zip,
                              struct wr_fault *fault)
{
    wr_err err = check(what, fault);
    if (err) {
        return err;
    }
    struct wr_device_files f = {.readme = {.content = {0}}};
    err = fill_files(what, &f, fault);
    if (!err) {
#define FILE(member, mode) add_sum(&f.member, &f.manifest.content);
        FILES(FILE)
#undef FILE
        err = write_zip(&f, zip, fault);
    }
#define FILE(member, mode)          \
    wr_buf_release(&f.member.name); \
    wr_secret_release(&f.member.content);
    FILES(FILE)
    FILE(manifest, 0)
#undef FILE
    return err;
}
