#include "engine/registry/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/registry/db.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

static wr_err make_empty(const char *path, struct wr_fault *fault)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return wr_fault_set(fault, errno == EEXIST ? WR_ERR_EXISTS : WR_ERR_IO, "%s: %s", path,
                            strerror(errno));
    }
    close(fd);
    return WR_OK;
}

// All pages in one step: nothing can be written between two of them.
static wr_err copy_pages(struct wr_db *from, const char *path, struct wr_fault *fault)
{
    sqlite3 *to = NULL;
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK) {
        sqlite3_backup *b = sqlite3_backup_init(to, "main", wr_db_handle(from), "main");
        code = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to);
        if (b) {
            int end = sqlite3_backup_finish(b);
            code = code == SQLITE_DONE ? end : code;
        }
    }
    // The copy needs no log beside it.
    if (code == SQLITE_OK) {
        code = sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    }
    wr_err err = code == SQLITE_OK
                     ? WR_OK
                     : wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errstr(code));
    sqlite3_close(to);
    return err;
}

static wr_err check_copy(const char *path, struct wr_backup *out, struct wr_fault *fault)
{
    struct wr_db *db = NULL;
    wr_err err = wr_db_open(path, true, &db, fault);
    if (err) {
        return err;
    }
    struct wr_rows rows = wr_db_query(db, "PRAGMA integrity_check(1)", "");
    if (!wr_db_next(&rows) || !wr_str_eq(wr_db_str(&rows, 0), WR_STR("ok"))) {
        err = wr_fault_set(fault, WR_ERR_CORRUPT, "the copy is damaged: %s",
                           wr_db_failure(db) ? wr_db_failure(db) : "integrity_check");
    }
    wr_db_end(&rows);
    out->tenants = wr_db_one(db, 0, "SELECT count(*) FROM tenants WHERE deleted IS NULL", "");
    out->things = wr_db_one(db, 0, "SELECT count(*) FROM things", "");
    if (!err && wr_db_failure(db)) {
        err = wr_fault_set(fault, WR_ERR_CORRUPT, "the copy cannot be read: %s", wr_db_failure(db));
    }
    wr_db_close(db);
    return err;
}

// The file and the folder's entry of it are on disk.
static wr_err sync_copy(const char *path, struct wr_backup *out, struct wr_fault *fault)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0 && fstat(fd, &st) == 0;
    int code = errno;
    if (fd >= 0) {
        close(fd);
    }
    struct wr_buf folder = {0};
    const char *slash = strrchr(path, '/');
    wr_buf_add(&folder, slash ? (wr_str){path, (size_t)(slash - path) + 1} : WR_STR("."));
    fd = good ? open(wr_buf_terminated(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    wr_buf_release(&folder);
    if (fd >= 0) {
        (void)fsync(fd); // not every file system does that for folders
        close(fd);
    }
    out->bytes = good ? (uint64_t)st.st_size : 0;
    return good ? WR_OK : wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(code));
}

wr_err wr_registry_backup(const char *state_dir, const char *path, struct wr_backup *out,
                          struct wr_fault *fault)
{
    struct wr_buf from = {0};
    struct wr_db *db = NULL;
    *out = (struct wr_backup){0};
    wr_buf_addf(&from, "%s/registry.db", state_dir);
    wr_err err = access(wr_buf_terminated(&from), F_OK) == 0
                     ? wr_db_open(wr_buf_terminated(&from), true, &db, fault)
                     : wr_fault_set(fault, WR_ERR_MISSING, "%s: %s", wr_buf_terminated(&from),
                                    strerror(errno));
    wr_buf_release(&from);
    if (err) {
        return err;
    }
    err = make_empty(path, fault);
    if (!err) {
        err = copy_pages(db, path, fault);
        if (!err) {
            err = check_copy(path, out, fault);
        }
        if (!err) {
            err = sync_copy(path, out, fault);
        }
        if (err) {
            unlink(path);
        }
    }
    wr_db_close(db);
    return err;
}
