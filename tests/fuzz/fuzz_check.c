// Any bytes as a file that `weir check` reads. The first byte says what the file is called; the
// rest goes all the way: reader, form, document, statement, templates, linter, reports. Must not
// crash, leak, or go past its limits.
#include "engine/cli/check/check.h"

#include <stdlib.h>

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"r.json", "r.yaml", "main.tf", "main.tf.json"};
    static const struct wr_check_pair params[] = {{"Topic", "a/b"}};
    static const struct wr_check_pair tables[] = {{"t", "device,time"}};
    static const struct wr_check_options options = {
        .params = params, .param_count = 1, .tables = tables, .table_count = 1};
    if (size == 0 || size > 1 << 16) {
        return 0;
    }
    struct wr_check c;
    wr_check_init(&c, &options);
    wr_check_add_text(&c, names[data[0] % WR_COUNT(names)],
                      (wr_str){(const char *)data + 1, size - 1});
    wr_check_run(&c);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    wr_report_text(&c, true, out);
    wr_report_json(&c, out);
    wr_report_sarif(&c, out);
    fclose(out);
    wr_assert(len > 0);
    free(text);
    wr_check_release(&c);
    return 0;
}
