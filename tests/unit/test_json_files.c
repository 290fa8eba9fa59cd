// JSON texts in files, in the manner of the public test suites: tests/fuzz/seeds/json, which is the
// program's argument. y_ is JSON, n_ is not, i_ is for an implementation to decide; jansson is
// asked too. Other names are seeds of the fuzzer only.
#include "sql/base/json.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "sql/base/hash.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARENA_LIMIT (64u << 20)

static const char *folder = ".";

// What i_ files are to us and to jansson. Ours: 34 digits and more are read (sql.md 4), 512 levels.
static const struct {
    const char *name;
    enum wr_json_kind kind;
    bool jansson;
    const char *text; // canonical; NULL: not compared
} decided[] = {
    {"i_deep_100000.json", WR_JSON_TOO_DEEP, false, NULL},
    {"i_deep_2049.json", WR_JSON_TOO_DEEP, false, NULL},
    {"i_deep_513.json", WR_JSON_TOO_DEEP, true, NULL},
    {"i_deep_objects_513.json", WR_JSON_TOO_DEEP, true, NULL},
    {"i_deep_scalar_512.json", WR_JSON_VALID, true, NULL},
    {"i_key_nul.json", WR_JSON_VALID, false, "{\"a\\u0000b\":1}"},
    {"i_number_100_digits.json", WR_JSON_VALID, false, "[1.111111111111111111111111111111111E+99]"},
    {"i_number_1e1000.json", WR_JSON_VALID, false, "[]"},
    {"i_number_1e400.json", WR_JSON_VALID, false, "[1E+400]"},
    {"i_number_1e999.json", WR_JSON_VALID, false, "[9.999E+999]"},
    {"i_number_20_digits.json", WR_JSON_VALID, false, "[12345678901234567890]"},
    {"i_number_exp_many_zeros.json", WR_JSON_VALID, true, "[10]"},
    {"i_number_huge_exp.json", WR_JSON_VALID, false, "[]"},
    {"i_number_int64_over.json", WR_JSON_VALID, false, "[9223372036854775808]"},
    {"i_number_long_fraction.json", WR_JSON_VALID, true, "[0.3333333333333333333333333333333333]"},
    {"i_number_long_zeros.json", WR_JSON_VALID, false, "[1E+400]"},
    {"i_number_minus_1e400.json", WR_JSON_VALID, false, "[-1E+400]"},
    {"i_number_minus_20_digits.json", WR_JSON_VALID, false, "[-12345678901234567890]"},
    {"i_number_tiny_exp.json", WR_JSON_VALID, true, "[0]"},
};

static void read_file(const char *name, struct wr_buf *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rbe");
    CHECK(path, f != NULL);
    size_t n = 0;
    do {
        char *to = wr_buf_reserve(out, 65536);
        n = to ? fread(to, 1, 65536, f) : 0;
        out->len += n;
    } while (n);
    fclose(f);
}

static bool jansson_takes(wr_str text)
{
    json_t *j = json_loadb(text.at, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_decref(j);
    return j;
}

static void check_file(const char *name, wr_str text, const struct wr_paths *paths)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    wr_value whole, tree;
    size_t error_at = SIZE_MAX;
    struct wr_fault fault = {0};
    enum wr_json_kind kind = wr_json_read(paths, text, &whole, &error_at);
    bool tree_made = !wr_json_parse(text, &arena, WR_SQL_2016, &tree, &fault);
    bool good = kind == WR_JSON_VALID || kind == WR_JSON_SCALAR;
    CHECK_INT(name, tree_made, good);
    CHECK_INT(name, fault.text[0] == 0, good);
    if (!good) {
        CHECK(name, error_at <= text.len && fault.offset <= text.len);
        CHECK_INT(name, whole.type, WR_UNDEFINED);
    }
    if (name[0] == 'i') {
        size_t k = 0;
        while (k < WR_COUNT(decided) && strcmp(decided[k].name, name) != 0) {
            k++;
        }
        CHECK(name, k < WR_COUNT(decided));
        CHECK_INT(name, kind, decided[k].kind);
        CHECK_INT(name, jansson_takes(text), decided[k].jansson);
        if (decided[k].text) {
            struct wr_buf b = {0};
            wr_json_write(&b, &tree, &arena, WR_SQL_2016);
            CHECK_STR(name, wr_buf_str(&b), Z(decided[k].text));
            wr_buf_release(&b);
        }
    } else {
        CHECK_INT(name, good, name[0] == 'y');
        // jansson 2.14 passes over a NUL behind a number or a word.
        bool nul = name[0] == 'n' && text.len && memchr(text.at, 0, text.len);
        CHECK_INT(name, jansson_takes(text) && !nul, name[0] == 'y');
    }
    wr_arena_release(&arena);
}

static int named(const struct dirent *e)
{
    return (e->d_name[0] == 'y' || e->d_name[0] == 'n' || e->d_name[0] == 'i') &&
           e->d_name[1] == '_';
}

static void files(void **state)
{
    wr_hash_seed_init();
    struct dirent **names;
    int count = scandir(folder, &names, named, alphasort);
    CHECK("the folder of the seeds", count > 400);
    const struct wr_path root = {NULL, 0};
    uint32_t slot;
    struct wr_paths *paths = wr_paths_new(&root, 1, &slot);
    size_t of_kind[3] = {0};
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        struct wr_buf bytes = {0};
        read_file(name, &bytes);
        char *exact = wr_alloc(bytes.len); // so that ASan sees a read behind the end
        memcpy(exact, bytes.at, bytes.len);
        check_file(name, (wr_str){exact, bytes.len}, paths);
        of_kind[name[0] == 'y' ? 0 : name[0] == 'n' ? 1 : 2]++;
        free(exact);
        wr_buf_release(&bytes);
        free(names[i]);
    }
    free(names);
    wr_paths_free(paths);
    CHECK("accepted", of_kind[0] >= 90);
    CHECK("refused", of_kind[1] >= 300);
    CHECK_INT("decided", of_kind[2], WR_COUNT(decided));
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {T(files)};
    folder = argc > 1 ? argv[1] : folder;
    return TEST_MAIN(tests);
}
