// Finds and reads suites. What a case may hold: suite_check.c.
#include "engine/cli/suite.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/banned.h"

static void add_fault(struct wr_suite *s, const char *format, ...) WR_PRINTF(2, 3);

static void add_fault(struct wr_suite *s, const char *format, ...)
{
    if (++s->fault_count > WR_SUITE_FAULTS_MAX) {
        return;
    }
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        wr_out_of_memory(0);
    }
    wr_buf_add(&s->faults, (wr_str){text, (size_t)len});
    wr_buf_add_char(&s->faults, '\n');
    free(text);
}

wr_err wr_suite_read_file(const char *path, size_t max, char **text, size_t *len,
                          struct wr_fault *fault)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    size_t cap = 65536, n = 0;
    char *at = wr_alloc(cap + 1);
    while (n <= max) {
        if (n == cap) {
            cap *= 2;
            at = wr_realloc(at, cap + 1);
        }
        size_t got = fread(at + n, 1, cap - n, f);
        if (got == 0) {
            break;
        }
        n += got;
    }
    bool failed = ferror(f) != 0;
    int reason = errno;
    fclose(f);
    if (failed || n > max) {
        free(at);
        return failed ? wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(reason))
                      : wr_fault_set(fault, WR_ERR_LIMIT, "%s: more than %zu bytes", path, max);
    }
    at[n] = '\0';
    *text = at;
    *len = n;
    return WR_OK;
}

wr_str wr_suite_spelt(wr_str line, const struct wr_path *path)
{
    uint32_t slot;
    wr_value v = wr_undefined();
    struct wr_paths *paths = wr_paths_new(path, 1, &slot);
    wr_json_read(paths, line, &v, NULL);
    wr_paths_free(paths);
    switch ((enum wr_type)v.type) {
    case WR_NULL:
        return WR_STR("null");
    case WR_BOOLEAN:
        return v.as.truth ? WR_STR("true") : WR_STR("false");
    case WR_STRING:
        return (wr_str){v.as.text - 1, v.len + 2u}; // the quotes stand around it
    case WR_NUMBER:
    case WR_ARRAY:
    case WR_OBJECT:
        return (wr_str){v.as.text, v.len};
    case WR_UNDEFINED:
    case WR_RAW:
        break;
    }
    return (wr_str){NULL, 0};
}

// ---- one line

static void add_case(struct wr_suite *s, size_t number, wr_str text, struct wr_arena *arena)
{
    const char *file = s->files[s->file_count - 1].name;
    struct wr_line line;
    struct wr_fault fault = {0};
    if (wr_line_read(text, arena, &line, &fault)) {
        add_fault(s, "%s:%zu:%u: %s; a suite has one case a line, a JSON object", file, number,
                  fault.column ? fault.column : 1, fault.text);
        return;
    }
    if (wr_suite_check_case(&line, arena, &fault)) {
        wr_str id = wr_line_text(&line.object, "id", arena);
        add_fault(s, "%s:%zu: %.*s%s%s", file, number, WR_STR_ARG(id), id.len ? ": " : "",
                  fault.text);
        return;
    }
    if (s->count == s->cap_) {
        s->cap_ = s->cap_ ? 2 * s->cap_ : 64;
        s->cases = wr_realloc(s->cases, s->cap_ * sizeof *s->cases);
    }
    s->cases[s->count++] =
        (struct wr_suite_case){.file = s->file_count - 1,
                               .number = number,
                               .line = text,
                               .id = wr_strdup(wr_line_text(&line.object, "id", arena))};
}

static void add_lines(struct wr_suite *s, wr_str file)
{
    struct wr_arena arena;
    wr_arena_init(&arena, WR_SUITE_CASE_BYTES);
    size_t number = 0;
    for (size_t at = 0; at < file.len;) {
        const char *end = memchr(file.at + at, '\n', file.len - at);
        size_t next = end ? (size_t)(end - file.at) + 1 : file.len;
        wr_str text = wr_str_cut(file, at, next);
        while (text.len && memchr(" \t\r\n", text.at[text.len - 1], 4)) {
            text.len--;
        }
        number++;
        at = next;
        if (text.len) {
            add_case(s, number, text, &arena);
            wr_arena_reset(&arena);
        }
    }
    wr_arena_release(&arena);
}

// ---- files and folders

// `file` is ours now.
static void take_file(struct wr_suite *s, const struct wr_suite_file *file)
{
    s->files = wr_realloc(s->files, (s->file_count + 1) * sizeof *s->files);
    s->files[s->file_count++] = *file;
    size_t cases = s->count, faults = s->fault_count;
    add_lines(s, (wr_str){file->text, file->len});
    if (s->count == cases && s->fault_count == faults) {
        add_fault(s, "%s: no case in it; a suite has one case a line, a JSON object", file->name);
    }
}

void wr_suite_add_text(struct wr_suite *s, const char *name, wr_str text)
{
    take_file(s, &(struct wr_suite_file){
                     .name = wr_strdup(wr_str_of(name)), .text = wr_strdup(text), .len = text.len});
}

static void add_file(struct wr_suite *s, const char *name, const char *path, const struct stat *is)
{
    for (size_t i = 0; i < s->file_count; i++) {
        if (s->files[i].device == is->st_dev && s->files[i].inode == is->st_ino) {
            return;
        }
    }
    if (s->file_count == WR_SUITE_FILES_MAX) {
        add_fault(s, "%s: more than %d suites in one run", name, WR_SUITE_FILES_MAX);
        return;
    }
    struct wr_suite_file file = {.device = is->st_dev, .inode = is->st_ino};
    struct wr_fault fault = {0};
    if (wr_suite_read_file(path, WR_SUITE_FILE_MAX, &file.text, &file.len, &fault)) {
        add_fault(s, "%s", fault.text);
        return;
    }
    file.name = wr_strdup(wr_str_of(name));
    take_file(s, &file);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void add(struct wr_suite *s, const char *path, unsigned depth, size_t *found)
{
    struct stat is, link;
    if (stat(path, &is) != 0 || lstat(path, &link) != 0) {
        add_fault(s, "%s: %s", path, strerror(errno));
        return;
    }
    if (!S_ISDIR(is.st_mode)) {
        bool wanted = S_ISREG(is.st_mode) && wr_str_ends(wr_str_of(path), WR_STR(".jsonl"));
        if (depth == 0 || wanted) {
            ++*found;
            add_file(s, path, path, &is);
        }
        return;
    }
    if (depth > 0 && S_ISLNK(link.st_mode)) {
        return;
    }
    if (depth > WR_SUITE_FOLDER_MAX) {
        add_fault(s, "%s: more than %d folders deep", path, WR_SUITE_FOLDER_MAX);
        return;
    }
    struct dirent **list = NULL;
    int count = scandir(path, &list, visible, alphasort);
    if (count < 0) {
        add_fault(s, "%s: %s", path, strerror(errno));
        return;
    }
    bool slash = wr_str_ends(wr_str_of(path), WR_STR("/"));
    for (int i = 0; i < count; i++) {
        struct wr_buf name = {0};
        wr_buf_addf(&name, "%s%s%s", path, slash ? "" : "/", list[i]->d_name);
        add(s, wr_buf_terminated(&name), depth + 1, found);
        wr_buf_release(&name);
        free(list[i]);
    }
    free(list);
}

void wr_suite_add(struct wr_suite *s, const char *path)
{
    size_t found = 0, faults = s->fault_count;
    struct stat is;
    if (strcmp(path, "-") == 0 && fstat(STDIN_FILENO, &is) == 0) {
        found = 1;
        add_file(s, "standard input", "/dev/stdin", &is);
    } else {
        add(s, path, 0, &found);
    }
    if (found == 0 && s->fault_count == faults) {
        add_fault(s, "%s: no suite in it; suites are files *.jsonl", path);
    }
}

static int by_id(const void *a, const void *b)
{
    const struct wr_suite_case *const *x = a, *const *y = b;
    int order = strcmp((*x)->id, (*y)->id);
    return order ? order : (*x > *y) - (*x < *y);
}

void wr_suite_check_ids(struct wr_suite *s)
{
    const struct wr_suite_case **sorted = wr_alloc((s->count + 1) * sizeof *sorted);
    for (size_t i = 0; i < s->count; i++) {
        sorted[i] = &s->cases[i];
    }
    qsort(sorted, s->count, sizeof *sorted, by_id);
    for (size_t i = 1; i < s->count; i++) {
        const struct wr_suite_case *a = sorted[i - 1], *b = sorted[i];
        if (strcmp(a->id, b->id) == 0) {
            add_fault(s, "%s:%zu: the id \"%s\" stands also at %s:%zu; each case has its own",
                      s->files[b->file].name, b->number, b->id, s->files[a->file].name, a->number);
        }
    }
    free(sorted);
}

void wr_suite_release(struct wr_suite *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->cases[i].id);
    }
    for (size_t i = 0; i < s->file_count; i++) {
        free(s->files[i].name);
        free(s->files[i].text);
    }
    free(s->cases);
    free(s->files);
    wr_buf_release(&s->faults);
    *s = (struct wr_suite){0};
}
