// Runs a fuzz target on every file of a folder, without libFuzzer: one TAP line a seed.
#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **names;
    int count = argc > 1 ? scandir(argv[1], &names, visible, alphasort) : -1;
    if (count < 1) {
        printf("Bail out! no seeds in %s\n", argc > 1 ? argv[1] : "(no folder given)");
        return 1;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
        FILE *f = fopen(path, "rbe");
        struct wr_buf bytes = {0};
        char *to;
        size_t n = 0;
        do {
            to = f ? wr_buf_reserve(&bytes, 65536) : NULL;
            n = to ? fread(to, 1, 65536, f) : 0;
            bytes.len += n;
        } while (n);
        printf("# %s\n", names[i]->d_name);
        fflush(stdout); // so that a crash shows whose it is
        // A copy of the exact size, so that ASan sees a read behind the end.
        uint8_t *exact = wr_alloc(bytes.len);
        memcpy(exact, bytes.len ? bytes.at : "", bytes.len);
        LLVMFuzzerTestOneInput(exact, bytes.len);
        printf("%s %d - %s\n", f ? "ok" : "not ok", i + 1, names[i]->d_name);
        free(exact);
        wr_buf_release(&bytes);
        if (f) {
            fclose(f);
        }
        free(names[i]);
    }
    free(names);
    return 0;
}
