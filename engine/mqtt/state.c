// Reads and writes source.json. A reader that finds anything it does not know refuses the file: a
// wrong identifier would make weir leave out messages.
#include "engine/mqtt/state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/buf.h"
#include "sql/base/json.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define VERSION 1

static char *join(const char *folder, const char *name, const char *end)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b, "%s/%s.%s", folder, name, end);
    char *path = wr_strdup(wr_buf_str(&b));
    wr_buf_release(&b);
    return path;
}

static wr_err lock_folder(const char *state_dir, const char *name, int *out, struct wr_fault *fault)
{
    char *path = join(state_dir, name, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    wr_err err = WR_OK;
    if (fd < 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "cannot write in the state folder: '%s': %s", path,
                           strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = wr_fault_set(fault, WR_ERR_BUSY,
                           "another weir uses the state folder '%s': give each its own state_dir",
                           state_dir);
        close(fd);
    } else {
        *out = fd;
    }
    free(path);
    return err;
}

static wr_err damaged(const char *path, const char *what, struct wr_fault *fault)
{
    return wr_fault_set(
        fault, WR_ERR_CORRUPT,
        "'%s' is damaged: %s. Delete it to start with a new session: messages that the "
        "broker has queued for the old one are then not seen",
        path, what);
}

static wr_err read_subscription(const char *path, const json_t *item, uint32_t next_id,
                                struct wr_subs *subs, struct wr_fault *fault)
{
    const json_t *filter = json_object_get(item, "filter"), *id = json_object_get(item, "id");
    const json_t *granted = json_object_get(item, "granted");
    const json_t *leaving = json_object_get(item, "leaving");
    if (!json_is_string(filter) || !json_is_integer(id) || !json_is_boolean(granted) ||
        !json_is_boolean(leaving)) {
        return damaged(path, "a filter without its members", fault);
    }
    wr_str text = {json_string_value(filter), json_string_length(filter)};
    if (wr_topic_filter_check(text, NULL) != WR_OK) {
        return damaged(path, "a topic filter is not valid", fault);
    }
    json_int_t number = json_integer_value(id);
    if (number < 0 || number >= next_id) {
        return damaged(path, "an identifier is out of range", fault);
    }
    for (size_t i = 0; i < subs->count; i++) {
        if (number != 0 && subs->at[i].id == (uint32_t)number) {
            return damaged(path, "an identifier occurs twice", fault);
        }
    }
    wr_subs_add_saved(subs, text, (uint32_t)number, json_is_true(granted), json_is_true(leaving));
    return WR_OK;
}

static wr_err read_document(struct wr_source_state *state, const json_t *root, struct wr_subs *subs,
                            struct wr_fault *fault)
{
    const json_t *version = json_object_get(root, "version");
    const json_t *client_id = json_object_get(root, "clientId");
    const json_t *broker = json_object_get(root, "broker");
    const json_t *next = json_object_get(root, "nextId");
    const json_t *filters = json_object_get(root, "filters");
    if (!json_is_integer(version) || json_integer_value(version) != VERSION) {
        return damaged(state->path, "it was not written by this version of weir", fault);
    }
    if (!json_is_string(client_id) || json_string_length(client_id) == 0 ||
        !json_is_string(broker) || !json_is_integer(next) || !json_is_array(filters)) {
        return damaged(state->path, "a member is missing", fault);
    }
    json_int_t next_id = json_integer_value(next);
    if (next_id < 1 || next_id > WR_SUB_ID_MAX) {
        return damaged(state->path, "nextId is out of range", fault);
    }
    subs->next_id = (uint32_t)next_id;
    for (size_t i = 0; i < json_array_size(filters); i++) {
        wr_err err =
            read_subscription(state->path, json_array_get(filters, i), subs->next_id, subs, fault);
        if (err) {
            return err;
        }
    }
    state->client_id = wr_strdup(wr_str_of(json_string_value(client_id)));
    state->broker = wr_strdup(wr_str_of(json_string_value(broker)));
    return WR_OK;
}

static wr_err read_file(struct wr_source_state *state, struct wr_subs *subs, struct wr_fault *fault)
{
    int fd = open(state->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? WR_OK
                               : wr_fault_set(fault, WR_ERR_IO, "cannot read '%s': %s", state->path,
                                              strerror(errno));
    }
    struct stat info;
    wr_err err = WR_OK;
    if (fstat(fd, &info) != 0 || info.st_size > WR_SOURCE_STATE_MAX) {
        err = damaged(state->path, "it is too large", fault);
    } else {
        json_error_t where;
        json_t *root = json_loadfd(fd, JSON_REJECT_DUPLICATES, &where);
        err = root ? read_document(state, root, subs, fault)
                   : damaged(state->path, where.text, fault);
        json_decref(root);
    }
    close(fd);
    return err;
}

wr_err wr_source_state_open(const char *state_dir, const char *name, struct wr_source_state *state,
                            struct wr_subs *subs, struct wr_fault *fault)
{
    struct wr_source_state s = {.lock = -1};
    wr_err err = lock_folder(state_dir, name, &s.lock, fault);
    if (err) {
        return err;
    }
    s.path = join(state_dir, name, "json");
    err = read_file(&s, subs, fault);
    if (err) {
        wr_source_state_close(&s);
        return err;
    }
    wr_subs_lost(subs);
    *state = s;
    return WR_OK;
}

void wr_source_state_close(struct wr_source_state *state)
{
    if (state->lock >= 0) {
        close(state->lock);
    }
    free(state->path);
    free(state->broker);
    free(state->client_id);
    *state = (struct wr_source_state){.lock = -1};
}

// By hand: there may be ten thousand, and the loop waits meanwhile.
static void to_json(const struct wr_source_state *state, const struct wr_subs *subs,
                    struct wr_buf *out)
{
    wr_buf_addf(out, "{\n \"version\": %d,\n \"clientId\": ", VERSION);
    wr_json_write_string(out, wr_str_of(state->client_id));
    wr_buf_add(out, WR_STR(",\n \"broker\": "));
    wr_json_write_string(out, wr_str_of(state->broker));
    wr_buf_add(out, WR_STR(",\n \"nextId\": "));
    wr_buf_add_u64(out, subs->next_id);
    wr_buf_add(out, WR_STR(",\n \"filters\": ["));
    for (size_t i = 0; i < subs->count; i++) {
        const struct wr_sub *sub = &subs->at[i];
        wr_buf_add(out, i ? WR_STR(",\n  {\"filter\": ") : WR_STR("\n  {\"filter\": "));
        wr_json_write_string(out, sub->filter);
        wr_buf_add(out, WR_STR(", \"id\": "));
        wr_buf_add_u64(out, sub->id);
        wr_buf_add(out, WR_STR(", \"granted\": "));
        wr_buf_add(out, sub->granted ? WR_STR("true") : WR_STR("false"));
        wr_buf_add(out, WR_STR(", \"leaving\": "));
        wr_buf_add(out, sub->leaving ? WR_STR("true}") : WR_STR("false}"));
    }
    wr_buf_add(out, WR_STR("\n ]\n}\n"));
}

static bool write_all(int fd, wr_str text)
{
    size_t at = 0;
    while (at < text.len) {
        ssize_t n = write(fd, text.at + at, text.len - at);
        if (n < 0 && errno != EINTR) {
            break;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return at == text.len;
}

static int sync_folder(const char *path)
{
    char *copy = wr_strdup(wr_str_of(path));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0) {
        return -1;
    }
    int rc = fsync(fd);
    close(fd);
    return rc;
}

wr_err wr_source_state_save(const struct wr_source_state *state, struct wr_subs *subs,
                            struct wr_fault *fault)
{
    struct wr_buf temp = {0}, text = {0};
    to_json(state, subs, &text);
    wr_buf_addf(&temp, "%s.new", state->path);
    const char *temp_path = wr_buf_terminated(&temp);
    int fd = open(temp_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_all(fd, wr_buf_str(&text)) && fsync(fd) == 0;
    if (fd >= 0) {
        ok = close(fd) == 0 && ok;
    }
    ok = ok && rename(temp_path, state->path) == 0 && sync_folder(state->path) == 0;
    wr_err err =
        ok ? WR_OK
           : wr_fault_set(fault, WR_ERR_IO, "cannot write '%s': %s", state->path, strerror(errno));
    wr_buf_release(&temp);
    wr_buf_release(&text);
    if (ok) {
        subs->dirty = subs->late = false;
    }
    return err;
}
