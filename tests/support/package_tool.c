// Makes a device package from name=value arguments and writes the zip to stdout: thing, tenant,
// region, id, endpoint, port, prefix, passphrase, no_key as they are; cert, chain, root, key as
// files. Status 2 with the fault on stderr.
#include "engine/admin/device_package.h"

#include "engine/registry/secret.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

static struct wr_buf file(const char *path)
{
    struct wr_buf b = {0};
    FILE *f = path ? fopen(path, "rbe") : NULL;
    char *to = f ? wr_buf_reserve(&b, 100000) : NULL;
    b.len = to ? fread(to, 1, 100000, f) : 0;
    if (f) {
        fclose(f);
    }
    return b;
}

static const char *value(int argc, char **argv, const char *name)
{
    size_t len = strlen(name);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
            return argv[i] + len + 1;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
#define VALUE(name) wr_str_of(value(argc, argv, name))
    struct wr_buf cert = file(value(argc, argv, "cert")), root = file(value(argc, argv, "root"));
    struct wr_buf chain = file(value(argc, argv, "chain")), pem = file(value(argc, argv, "key"));
    struct wr_pki_key *key = NULL;
    struct wr_fault fault = {0};
    struct wr_buf zip = {0};
    const char *port = value(argc, argv, "port");
    wr_err err = pem.len ? wr_pki_key_read(wr_buf_str(&pem), &key, &fault) : WR_OK;
    struct wr_device_package p = {.thing = VALUE("thing"),
                                  .tenant = VALUE("tenant"),
                                  .region = VALUE("region"),
                                  .certificate_id = VALUE("id"),
                                  .certificate_pem = wr_buf_str(&cert),
                                  .chain_pem = wr_buf_str(&chain),
                                  .root_pem = wr_buf_str(&root),
                                  .key = key,
                                  .passphrase = VALUE("passphrase"),
                                  .no_key = VALUE("no_key"),
                                  .endpoint = VALUE("endpoint"),
                                  .port = (uint16_t)(port ? strtoul(port, NULL, 10) : 0),
                                  .topic_prefix = VALUE("prefix")};
    err = err ? err : wr_device_package_make(&p, &zip, &fault);
    if (err) {
        fprintf(stderr, "%s\n", fault.text);
    } else {
        fwrite(zip.at, 1, zip.len, stdout);
    }
    struct wr_buf *const all[] = {&cert, &root, &chain, &pem, &zip};
    for (size_t i = 0; i < WR_COUNT(all); i++) {
        wr_secret_release(all[i]);
    }
    wr_pki_key_free(key);
    return err ? 2 : 0;
}
