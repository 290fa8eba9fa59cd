// Looks at the local forms from outside, by the same functions as `weir local`.
#include "engine/cli/demo_watch.h"

#include "sinks/lib/local_dynamodb.h"
#include "sinks/lib/local_s3.h"
#include "sql/base/clock.h"
#include "sql/base/err.h"
#include "sql/base/hash.h"
#include "sql/base/utf8.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define TEXT_SHOWN   90 // bytes of a payload in a line
#define TABLES_MAX   64 // tables and functions that are followed
#define LINES_A_LOOK 12 // of one kind; the rest is only counted

struct followed {
    char name[256];
    int64_t position; // sequence number of a table, offset of a file
};

struct wr_demo_watch {
    const char *state_dir;
    wr_mono begin;
    uint64_t *seen; // hashes of objects, open addressing
    size_t seen_count, seen_cap;
    struct followed tables[TABLES_MAX], functions[TABLES_MAX];
    size_t table_count, function_count;
    uint64_t count;
    unsigned shown;  // in this look
    const char *now; // the bucket, table or function being looked at
    struct followed *table;
};

struct wr_demo_watch *wr_demo_watch_new(const char *state_dir)
{
    struct wr_demo_watch *w = wr_zalloc(sizeof *w);
    w->state_dir = state_dir;
    w->begin = wr_mono_now();
    w->seen_cap = 1024;
    w->seen = wr_zalloc(w->seen_cap * sizeof *w->seen);
    return w;
}

void wr_demo_watch_free(struct wr_demo_watch *w)
{
    if (w) {
        free(w->seen);
        free(w);
    }
}

void wr_demo_watch_line(struct wr_demo_watch *w, const char *kind, wr_str where, wr_str text)
{
    char shown[TEXT_SHOWN + 1];
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < TEXT_SHOWN; i++) {
        char c = text.at[i];
        shown[n++] =
            (unsigned char)c < ' ' || c == 127 || (!wr_utf8_valid(text) && c < 0) ? '.' : c;
    }
    while (n == TEXT_SHOWN && n > 0 && ((unsigned char)shown[n - 1] & 0x80)) {
        n--; // no half character at the cut
    }
    double seconds = (double)wr_mono_since_us(w->begin, wr_mono_now()) / 1e6;
    printf("%6.1fs  %-9s %-34.*s %.*s%s\n", seconds, kind, WR_STR_ARG(where), (int)n, shown,
           n < text.len ? " …" : "");
}

static void arrived(struct wr_demo_watch *w, const char *kind, wr_str where, wr_str text)
{
    w->count++;
    if (w->shown++ < LINES_A_LOOK) {
        wr_demo_watch_line(w, kind, where, text);
    }
}

static bool insert(uint64_t *table, size_t cap, uint64_t hash)
{
    size_t i = hash & (cap - 1);
    while (table[i] && table[i] != hash) {
        i = (i + 1) & (cap - 1);
    }
    bool fresh = table[i] == 0;
    table[i] = hash;
    return fresh;
}

static bool is_new(struct wr_demo_watch *w, uint64_t hash)
{
    if (w->seen_count * 2 > w->seen_cap) {
        uint64_t *wider = wr_zalloc(w->seen_cap * 2 * sizeof *wider);
        for (size_t i = 0; i < w->seen_cap; i++) {
            if (w->seen[i]) {
                insert(wider, w->seen_cap * 2, w->seen[i]);
            }
        }
        free(w->seen);
        w->seen = wider;
        w->seen_cap *= 2;
    }
    bool fresh = insert(w->seen, w->seen_cap, hash | 1);
    w->seen_count += fresh;
    return fresh;
}

static bool object(void *user, const struct wr_local_s3_object *o)
{
    struct wr_demo_watch *w = user;
    uint64_t hash = wr_hash_bytes(o->key.at, o->key.len, wr_hash_str(wr_str_of(w->now)));
    if (is_new(w, hash)) {
        struct wr_buf body = {0}, where = {0};
        if (!wr_local_s3_read(w->state_dir, wr_str_of(w->now), o->key, &body, NULL, NULL)) {
            wr_buf_addf(&where, "%s/%.*s", w->now, WR_STR_ARG(o->key));
            wr_str place = wr_buf_str(&where);
            arrived(w, "s3", wr_str_cut(place, 0, place.len < 34 ? place.len : 34),
                    wr_buf_str(&body));
        }
        wr_buf_release(&body);
        wr_buf_release(&where);
    }
    return true;
}

static bool bucket(void *user, wr_str name)
{
    struct wr_demo_watch *w = user;
    char *terminated = wr_strdup(name);
    w->now = terminated;
    w->shown = 0;
    wr_err err = wr_local_s3_list(w->state_dir, name, WR_STR(""), object, w, NULL);
    free(terminated);
    return err == WR_OK;
}

static struct followed *follow(struct followed *list, size_t *count, wr_str name)
{
    for (size_t i = 0; i < *count; i++) {
        if (wr_str_eq(wr_str_of(list[i].name), name)) {
            return &list[i];
        }
    }
    if (*count == TABLES_MAX || name.len >= sizeof list->name) {
        return NULL;
    }
    struct followed *f = &list[(*count)++];
    memcpy(f->name, name.at, name.len);
    return f;
}

static bool item(void *user, int64_t seq, wr_str text)
{
    struct wr_demo_watch *w = user;
    w->table->position = seq;
    arrived(w, "dynamodb", wr_str_of(w->table->name), text);
    return true;
}

static bool table(void *user, const struct wr_local_dynamodb_table *t)
{
    struct wr_demo_watch *w = user;
    follow(w->tables, &w->table_count, t->name);
    return true;
}

static void function(struct wr_demo_watch *w, struct followed *f)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/local/lambda/%s/results.ndjson", w->state_dir, f->name);
    FILE *in = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    w->shown = 0;
    if (in && fseek(in, f->position, SEEK_SET) == 0) {
        while ((len = getline(&line, &cap, in)) > 0 && line[len - 1] == '\n') {
            f->position += len;
            // Request id and time say nothing to a reader: the line begins at the status.
            const char *from = strstr(line, "\"status\"");
            from = from ? from : line;
            arrived(w, "lambda", wr_str_of(f->name),
                    (wr_str){from, (size_t)(line + len - 1 - from)});
        }
    }
    free(line);
    if (in) {
        fclose(in);
    }
}

void wr_demo_watch_look(struct wr_demo_watch *w)
{
    // What cannot be read now is looked at again next time.
    wr_err err = wr_local_s3_buckets(w->state_dir, bucket, w, NULL);
    err = wr_local_dynamodb_tables(w->state_dir, table, w, NULL);
    for (size_t i = 0; i < w->table_count; i++) {
        w->table = &w->tables[i];
        w->shown = 0;
        err =
            wr_local_dynamodb_items(w->state_dir, wr_str_of(w->table->name),
                                    WR_LOCAL_DYNAMODB_BY_WRITE, w->table->position, item, w, NULL);
    }
    (void)err;
    char path[4096];
    snprintf(path, sizeof path, "%s/local/lambda", w->state_dir);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            follow(w->functions, &w->function_count, wr_str_of(e->d_name));
        }
    }
    if (d) {
        closedir(d);
    }
    for (size_t i = 0; i < w->function_count; i++) {
        function(w, &w->functions[i]);
    }
    fflush(stdout);
}

uint64_t wr_demo_watch_count(const struct wr_demo_watch *w)
{
    return w->count;
}
