// Finds and reads suites; refuses what no case may hold.
#include "engine/cli/suite.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/rules/document.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static const char *const case_members[] = {"id",      "area",    "source",      "basis",
                                           "sql",     "rule",    "template",    "sqlVersion",
                                           "topic",   "payload", "payloadText", "payloadBase64",
                                           "context", "expect",  "note",        NULL};
static const char *const expect_members[] = {"outcome",     "json",    "tolerance", "text",
                                             "base64",      "matches", "at",        "actions",
                                             "errorAction", NULL};
static const char *const context_members[] = {
    "mqtt",           "clientId",  "principal",   "sourceIp",
    "traceId",        "accountId", "timestamp",   "qos",
    "retain",         "ruleName",  "basicIngest", "userProperties",
    "mqttProperties", "lambda",    "dynamodb",    "secrets",
    "shadows",        "registry",  "ml",          NULL};
static const char *const outcomes[] = {"output", "nomatch", "invalid", "error", NULL};

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

wr_str wr_suite_span(wr_str line, const char *name)
{
    wr_str key = wr_str_of(name);
    struct wr_path path = {&key, 1};
    uint32_t slot;
    wr_value v = wr_undefined();
    struct wr_paths *paths = wr_paths_new(&path, 1, &slot);
    wr_json_read(paths, line, &v, NULL);
    wr_paths_free(paths);
    bool span = v.type == WR_OBJECT || v.type == WR_ARRAY;
    return span ? (wr_str){v.as.text, v.len} : (wr_str){NULL, 0};
}

wr_err wr_suite_check_members(const wr_value *object, const char *where, const char *const *known,
                              struct wr_fault *fault)
{
    for (uint32_t i = 0; i < object->len; i++) {
        wr_str key = object->as.members[i].key;
        size_t k = 0;
        while (known[k] && !wr_str_eq(wr_str_of(known[k]), key)) {
            k++;
        }
        if (known[k]) {
            continue;
        }
        const char *near = wr_name_nearest(key, known);
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "%s has an unknown member '%.*s'%s%s%s", where,
                            WR_STR_ARG(key), near ? ", did you mean '" : "", near ? near : "",
                            near ? "'?" : "");
    }
    return WR_OK;
}

// ---- one line

static bool has(const wr_value *object, const char *name)
{
    return wr_object_get(object, wr_str_of(name)) != NULL;
}

static wr_err check_expect(const wr_value *object, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_value expect = wr_line_member(object, "expect", arena);
    if (expect.type != WR_OBJECT) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expected a member expect, an object");
    }
    wr_err err = wr_suite_check_members(&expect, "expect", expect_members, fault);
    if (err) {
        return err;
    }
    wr_str outcome = wr_line_text(&expect, "outcome", arena);
    size_t i = 0;
    while (outcomes[i] && !wr_str_eq(wr_str_of(outcomes[i]), outcome)) {
        i++;
    }
    if (has(&expect, "outcome") && !outcomes[i]) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN,
                            "expect.outcome: expected output, nomatch, invalid or error");
    }
    if (expect.len == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expect expects nothing");
    }
    static const char *const texts[] = {"text", "base64", "matches", "at"};
    for (i = 0; i < WR_COUNT(texts); i++) {
        if (has(&expect, texts[i]) && !wr_line_text(&expect, texts[i], arena).at) {
            return wr_fault_set(fault, WR_ERR_TYPE, "expect.%s: expected a string", texts[i]);
        }
    }
    if (has(&expect, "tolerance") &&
        wr_line_member(&expect, "tolerance", arena).type != WR_NUMBER) {
        return wr_fault_set(fault, WR_ERR_TYPE, "expect.tolerance: expected a number");
    }
    if (!has(object, "rule") && (has(&expect, "actions") || has(&expect, "errorAction"))) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "expect.actions and expect.errorAction need a member rule");
    }
    return WR_OK;
}

static wr_err check_case(const wr_value *object, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_err err = wr_suite_check_members(object, "the case", case_members, fault);
    if (err) {
        return err;
    }
    if (wr_line_text(object, "id", arena).len == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expected a member id, a string");
    }
    static const char *const texts[] = {"sql",   "template",    "sqlVersion",
                                        "topic", "payloadText", "payloadBase64"};
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        if (has(object, texts[i]) && !wr_line_text(object, texts[i], arena).at) {
            return wr_fault_set(fault, WR_ERR_TYPE, "%s: expected a string", texts[i]);
        }
    }
    bool rule = has(object, "rule"), other = has(object, "sql") || has(object, "template");
    if (rule == other) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            rule ? "rule stands alone: without sql and template"
                                 : "expected one of rule, sql, template");
    }
    if (rule && has(object, "sqlVersion")) {
        return wr_fault_set(fault, WR_ERR_EXISTS, "a rule's version is its awsIotSqlVersion");
    }
    wr_value v = wr_line_member(object, "rule", arena);
    if (rule && v.type != WR_STRING && v.type != WR_OBJECT) {
        return wr_fault_set(fault, WR_ERR_TYPE,
                            "rule: expected the path of a document, or the document");
    }
    v = wr_line_member(object, "context", arena);
    if (v.type != WR_UNDEFINED && v.type != WR_OBJECT) {
        return wr_fault_set(fault, WR_ERR_TYPE, "context: expected an object");
    }
    if (v.type == WR_OBJECT) {
        err = wr_suite_check_members(&v, "context", context_members, fault);
    }
    return err ? err : check_expect(object, arena, fault);
}

static wr_err add_case(struct wr_suite *s, size_t file, size_t number, wr_str text,
                       struct wr_arena *arena, struct wr_fault *fault)
{
    struct wr_line line;
    wr_err err = wr_line_read(text, arena, &line, fault);
    if (!err) {
        err = check_case(&line.object, arena, fault);
    }
    if (err) {
        return err;
    }
    if (s->count == s->cap_) {
        s->cap_ = s->cap_ ? 2 * s->cap_ : 64;
        s->cases = wr_realloc(s->cases, s->cap_ * sizeof *s->cases);
    }
    s->cases[s->count++] =
        (struct wr_suite_case){.file = file,
                               .number = number,
                               .line = text,
                               .id = wr_strdup(wr_line_text(&line.object, "id", arena))};
    return WR_OK;
}

// ---- files and folders

static wr_err add_file(struct wr_suite *s, const char *path, struct wr_fault *fault)
{
    if (s->file_count == WR_SUITE_FILES_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: more than %d suites", path,
                            WR_SUITE_FILES_MAX);
    }
    struct wr_suite_file file = {0};
    wr_err err = wr_suite_read_file(path, WR_SUITE_FILE_MAX, &file.text, &file.len, fault);
    if (err) {
        return err;
    }
    file.name = wr_strdup(wr_str_of(path));
    s->files = wr_realloc(s->files, (s->file_count + 1) * sizeof *s->files);
    s->files[s->file_count++] = file;
    struct wr_arena arena;
    wr_arena_init(&arena, WR_SUITE_CASE_BYTES);
    size_t number = 0;
    for (size_t at = 0; !err && at < file.len;) {
        const char *end = memchr(file.text + at, '\n', file.len - at);
        size_t next = end ? (size_t)(end - file.text) + 1 : file.len;
        wr_str text = {file.text + at, next - at};
        while (text.len && strchr(" \t\r\n", text.at[text.len - 1])) {
            text.len--;
        }
        number++;
        at = next;
        if (text.len) {
            err = add_case(s, s->file_count - 1, number, text, &arena, fault);
            wr_arena_reset(&arena);
        }
    }
    wr_arena_release(&arena);
    if (err) {
        wr_fault_prefix(fault, "%s:%zu", path, number);
    }
    return err;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static wr_err add(struct wr_suite *s, const char *path, unsigned depth, struct wr_fault *fault)
{
    struct stat is;
    if (stat(path, &is) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(is.st_mode)) {
        bool wanted = depth == 0 || wr_str_ends(wr_str_of(path), WR_STR(".jsonl"));
        return wanted ? add_file(s, path, fault) : WR_OK;
    }
    if (depth > WR_SUITE_FOLDER_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: more than %d folders deep", path,
                            WR_SUITE_FOLDER_MAX);
    }
    struct dirent **list = NULL;
    int count = scandir(path, &list, visible, alphasort);
    if (count < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    wr_err err = WR_OK;
    for (int i = 0; i < count; i++) {
        struct wr_buf name = {0};
        bool slash = wr_str_ends(wr_str_of(path), WR_STR("/"));
        wr_buf_addf(&name, "%s%s%s", path, slash ? "" : "/", list[i]->d_name);
        if (!err) {
            err = add(s, wr_buf_terminated(&name), depth + 1, fault);
        }
        wr_buf_release(&name);
        free(list[i]);
    }
    free(list);
    return err;
}

wr_err wr_suite_add(struct wr_suite *s, const char *path, struct wr_fault *fault)
{
    size_t before = s->count;
    wr_err err = add(s, path, 0, fault);
    if (!err && s->count == before) {
        err = wr_fault_set(fault, WR_ERR_MISSING, "%s: no cases (suites are files *.jsonl)", path);
    }
    return err;
}

static int by_id(const void *a, const void *b)
{
    const struct wr_suite_case *const *x = a, *const *y = b;
    int order = strcmp((*x)->id, (*y)->id);
    return order ? order : (*x > *y) - (*x < *y);
}

wr_err wr_suite_check_ids(const struct wr_suite *s, struct wr_fault *fault)
{
    const struct wr_suite_case **sorted = wr_alloc((s->count + 1) * sizeof *sorted);
    for (size_t i = 0; i < s->count; i++) {
        sorted[i] = &s->cases[i];
    }
    qsort(sorted, s->count, sizeof *sorted, by_id);
    wr_err err = WR_OK;
    for (size_t i = 1; !err && i < s->count; i++) {
        const struct wr_suite_case *a = sorted[i - 1], *b = sorted[i];
        if (strcmp(a->id, b->id) == 0) {
            err = wr_fault_set(fault, WR_ERR_EXISTS, "%s:%zu: the id '%s' stands also at %s:%zu",
                               s->files[b->file].name, b->number, b->id, s->files[a->file].name,
                               a->number);
        }
    }
    free(sorted);
    return err;
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
    *s = (struct wr_suite){0};
}
