// `weir local …` of the services whose local forms are files of lines (sinks/lib/append.h): topics,
// shards of streams, log groups, executions, documents, messages, positions.
#include "engine/cli/local.h"

#include <errno.h>
#include <stdlib.h>

#include "sinks/lib/append.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

// What one service calls its files.
struct kind {
    const char *folder;
    int depth;
    const char *name, *second; // members of --json
    const char *what;
    const char *ending; // NULL: .ndjson
};

static const struct kind topics = {"local/sns", 1, "topic", NULL, "topic", NULL};
static const struct kind shards = {"local/kinesis", 2, "stream", "shard", "stream", NULL};

struct visit {
    const struct wr_local_asked *asked;
    const struct kind *kind;
    bool found;
    struct tail *tail; // NULL: copy the files
};

static wr_err visit_files(const struct wr_local_asked *a, const struct kind *kind,
                          bool (*one)(void *user, const struct wr_append_file *file),
                          struct visit *v, struct wr_fault *fault)
{
    struct wr_buf folder = {0};
    wr_buf_addf(&folder, "%s/%s", a->state_dir, kind->folder);
    v->asked = a;
    v->kind = kind;
    wr_err err =
        wr_append_list(wr_buf_terminated(&folder), kind->depth, kind->ending, one, v, fault);
    wr_buf_release(&folder);
    return err;
}

// The files that were asked for: a name, and maybe a second one or its number.
static bool wanted(const struct visit *v, const struct wr_append_file *file)
{
    const char *key = v->asked->key;
    if (v->asked->name && !wr_str_eq(file->names[0], wr_str_of(v->asked->name))) {
        return false;
    }
    wr_str second = file->names[1];
    if (!key || wr_str_eq(second, wr_str_of(key))) {
        return true;
    }
    char *end;
    unsigned long number = strtoul(key, &end, 10);
    char shard[32];
    snprintf(shard, sizeof shard, "shardId-%012lu", number);
    return *key >= '0' && *key <= '9' && !*end && wr_str_eq(second, wr_str_of(shard));
}

// ---- ls

static bool list_one(void *user, const struct wr_append_file *file)
{
    const struct visit *v = user;
    struct wr_buf b = {0};
    if (v->asked->json) {
        wr_buf_addf(&b, "{\"%s\":", v->kind->name);
        wr_json_write_string(&b, file->names[0]);
        if (v->kind->second) {
            wr_buf_addf(&b, ",\"%s\":", v->kind->second);
            wr_json_write_string(&b, file->names[1]);
        }
        wr_buf_addf(&b, ",\"size\":%llu,\"lastModified\":\"", (unsigned long long)file->size);
        wr_local_time(&b, file->modified_ms);
        wr_buf_add(&b, WR_STR("\"}"));
    } else {
        wr_local_time(&b, file->modified_ms);
        printf("%s %10llu ", wr_buf_terminated(&b), (unsigned long long)file->size);
        wr_local_print(file->names[0]);
        if (v->kind->second) {
            putchar(' ');
            wr_local_print(file->names[1]);
        }
        wr_buf_clear(&b);
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

// ---- cat

static bool copy_one(void *user, const struct wr_append_file *file)
{
    struct visit *v = user;
    if (!wanted(v, file)) {
        return true;
    }
    v->found = true;
    struct wr_buf path = {0};
    for (int n = WR_APPEND_KEEP_MAX; n >= 0; n--) { // put aside: the highest is the oldest
        wr_buf_clear(&path);
        wr_buf_add(&path, wr_str_of(file->path));
        if (n > 0) {
            wr_buf_addf(&path, ".%d", n);
        }
        int trouble = wr_local_copy(wr_buf_terminated(&path));
        if (trouble && trouble != ENOENT) {
            fprintf(stderr, "weir local: %s: %s\n", wr_buf_terminated(&path), strerror(trouble));
        }
    }
    wr_buf_release(&path);
    return !ferror(stdout);
}

static wr_err cat(const struct wr_local_asked *a, const struct kind *kind, struct wr_fault *fault)
{
    struct visit v = {0};
    wr_err err = visit_files(a, kind, copy_one, &v, fault);
    if (!err && !v.found) {
        err = wr_fault_set(fault, WR_ERR_UNKNOWN, "%s %s%s%s: nothing has been sent to it",
                           kind->what, a->name, a->key ? " " : "", a->key ? a->key : "");
    }
    return err;
}

// ---- tail

struct followed {
    char *path;
    struct wr_local_follow follow;
};

struct tail {
    struct followed *files;
    size_t count;
    bool begun;
};

static bool look_at(void *user, const struct wr_append_file *file)
{
    struct visit *v = user;
    struct tail *t = v->tail;
    size_t i = 0;
    if (!wanted(v, file)) {
        return true;
    }
    while (i < t->count && strcmp(t->files[i].path, file->path) != 0) {
        i++;
    }
    if (i == t->count) {
        t->files = wr_realloc(t->files, (t->count + 1) * sizeof *t->files);
        t->files[t->count++] = (struct followed){
            .path = wr_strdup(wr_str_of(file->path)),
            .follow.first = !t->begun, // a file that comes later is shown whole
        };
    }
    wr_local_look(&t->files[i].follow, file->path);
    return !ferror(stdout);
}

static wr_err tail(const struct wr_local_asked *a, const struct kind *kind, struct wr_fault *fault)
{
    struct tail t = {0};
    struct visit v = {.tail = &t};
    wr_err err;
    do {
        err = visit_files(a, kind, look_at, &v, fault);
        t.begun = true;
    } while (!err && !ferror(stdout) && wr_local_wait(a));
    for (size_t i = 0; i < t.count; i++) {
        free(t.files[i].path);
    }
    free(t.files);
    return err;
}

// ---- the services

static wr_err ls_topics(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct visit v = {0};
    return visit_files(a, &topics, list_one, &v, fault);
}

static wr_err cat_topic(const struct wr_local_asked *a, struct wr_fault *fault)
{
    return cat(a, &topics, fault);
}

static wr_err tail_topic(const struct wr_local_asked *a, struct wr_fault *fault)
{
    return tail(a, &topics, fault);
}

static wr_err ls_shards(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct visit v = {0};
    return visit_files(a, &shards, list_one, &v, fault);
}

static wr_err cat_shards(const struct wr_local_asked *a, struct wr_fault *fault)
{
    return cat(a, &shards, fault);
}

static wr_err tail_shards(const struct wr_local_asked *a, struct wr_fault *fault)
{
    return tail(a, &shards, fault);
}

const struct wr_local_service wr_local_topics = {
    .name = "sns",
    .ls = ls_topics,
    .cat = cat_topic,
    .tail = tail_topic,
};

const struct wr_local_service wr_local_shards = {
    .name = "kinesis",
    .ls = ls_shards,
    .cat = cat_shards,
    .tail = tail_shards,
    .may_key = true,
};

// SERVICE(id, variable, word, folder, depth, members of --json, what a fault calls it, ending)
#define SERVICE(id, variable, word, folder_, depth_, first_, second_, what_, ending_) \
    static const struct kind id = {folder_, depth_, first_, second_, what_, ending_}; \
    static wr_err ls_##id(const struct wr_local_asked *a, struct wr_fault *fault)     \
    {                                                                                 \
        struct visit v = {0};                                                         \
        return visit_files(a, &id, list_one, &v, fault);                              \
    }                                                                                 \
    static wr_err cat_##id(const struct wr_local_asked *a, struct wr_fault *fault)    \
    {                                                                                 \
        return cat(a, &id, fault);                                                    \
    }                                                                                 \
    static wr_err tail_##id(const struct wr_local_asked *a, struct wr_fault *fault)   \
    {                                                                                 \
        return tail(a, &id, fault);                                                   \
    }                                                                                 \
    const struct wr_local_service variable = {                                        \
        .name = word,                                                                 \
        .ls = ls_##id,                                                                \
        .cat = cat_##id,                                                              \
        .tail = tail_##id,                                                            \
        .may_key = (depth_) == 2,                                                     \
    };

SERVICE(groups, wr_local_groups, "logs", "local/logs", 2, "group", "stream", "log group", NULL)
SERVICE(executions, wr_local_executions, "stepfunctions", "local/stepfunctions", 1, "stateMachine",
        NULL, "state machine", NULL)
SERVICE(indexes, wr_local_indexes, "opensearch", "local/opensearch", 1, "index", NULL, "index",
        NULL)
SERVICE(old_indexes, wr_local_old_indexes, "elasticsearch", "local/elasticsearch", 1, "index", NULL,
        "index", NULL)
SERVICE(inputs, wr_local_inputs, "iotevents", "local/iotevents", 1, "input", NULL, "input", NULL)
SERVICE(channels, wr_local_channels, "iotanalytics", "local/iotanalytics", 1, "channel", NULL,
        "channel", NULL)
SERVICE(entries, wr_local_entries, "iotsitewise", "local/iotsitewise", 1, "file", NULL, "file",
        NULL)
SERVICE(trackers, wr_local_trackers, "location", "local/location", 1, "tracker", NULL, "tracker",
        NULL)
SERVICE(partitions, wr_local_partitions, "kafka", "local/kafka", 2, "topic", "partition", "topic",
        NULL)
SERVICE(databases, wr_local_databases, "influxdb", "local/influx", 1, "database", NULL, "database",
        ".lp")
