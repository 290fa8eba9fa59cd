// The file, whole each time: realms are few.
#include "sinks/kafka/kerberos.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/buf.h"

#include "sql/base/banned.h"

static struct {
    char *name, *kdc;
} realms[WR_KERBEROS_REALMS_MAX];
static size_t count;

void wr_kerberos_prepare(const char *state_dir)
{
    if (getenv("KRB5_CONFIG")) {
        return;
    }
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/kafka/krb5.conf:/etc/krb5.conf", state_dir);
    setenv("KRB5_CONFIG", wr_buf_terminated(&path), 0);
    wr_buf_release(&path);
}

// False: there is no room.
static bool remember(wr_str realm, wr_str kdc, bool *known)
{
    for (size_t i = 0; i < count; i++) {
        if (wr_str_eq(wr_str_of(realms[i].name), realm) &&
            wr_str_eq(wr_str_of(realms[i].kdc), kdc)) {
            *known = true;
            return true;
        }
    }
    *known = false;
    if (count == WR_KERBEROS_REALMS_MAX) {
        return false;
    }
    realms[count].name = wr_strdup(realm);
    realms[count++].kdc = wr_strdup(kdc);
    return true;
}

static int write_file(const char *path, const char *draft, wr_str text)
{
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    ssize_t n = write(fd, text.at, text.len);
    int error = n == (ssize_t)text.len ? 0 : n < 0 ? errno : ENOSPC;
    close(fd);
    return error ? error : rename(draft, path) ? errno : 0;
}

wr_err wr_kerberos_add(const char *state_dir, wr_str realm, wr_str kdc, struct wr_fault *fault)
{
    bool known;
    if (!remember(realm, kdc, &known)) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "more than %d realms of Kerberos",
                            WR_KERBEROS_REALMS_MAX);
    }
    if (known) {
        return WR_OK;
    }
    struct wr_buf text = {0}, path = {0}, draft = {0};
    wr_buf_add(&text, WR_STR("# made by weir from the client properties of Kafka actions\n"
                             "[realms]\n"));
    for (size_t i = 0; i < count; i++) {
        wr_buf_addf(&text, "    %s = {\n        kdc = %s\n    }\n", realms[i].name, realms[i].kdc);
    }
    wr_buf_addf(&draft, "%s/kafka", state_dir);
    mkdir(wr_buf_terminated(&draft), 0700);
    wr_buf_addf(&path, "%s/kafka/krb5.conf", state_dir);
    wr_buf_add(&draft, WR_STR("/krb5.conf.new"));
    int error = write_file(wr_buf_terminated(&path), wr_buf_terminated(&draft), wr_buf_str(&text));
    if (error) {
        count--; // the next one tries again
        free(realms[count].name);
        free(realms[count].kdc);
    }
    wr_err err =
        error ? wr_fault_set(fault, WR_ERR_IO, "%s: %s", wr_buf_terminated(&path), strerror(error))
              : WR_OK;
    wr_buf_release(&text);
    wr_buf_release(&path);
    wr_buf_release(&draft);
    return err;
}
