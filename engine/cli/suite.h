// Test suites for `weir test`: files of cases (tests/corpus/FORMAT.md), found below paths, read
// whole and checked before the first case runs, so that a misspelt member is an error and not an
// expectation that holds by itself. Thread: start.
#ifndef WR_ENGINE_CLI_SUITE_H
#define WR_ENGINE_CLI_SUITE_H

#include "engine/cli/message_line.h"

#define WR_SUITE_FILE_MAX   (256u << 20) // bytes of one suite
#define WR_SUITE_FILES_MAX  10000        // suites of one run
#define WR_SUITE_FOLDER_MAX 32           // folders within folders
#define WR_SUITE_CASE_BYTES (256u << 20) // a case with the largest payload and all made from it

struct wr_suite_file {
    char *name; // the path as given, or the folder's with the file's name
    char *text;
    size_t len;
};

struct wr_suite_case {
    size_t file;   // index into files
    size_t number; // the line, 1-based
    wr_str line;   // borrowed from the file's text, without line end
    char *id;
};

// Zeroed memory is empty.
struct wr_suite {
    struct wr_suite_file *files;
    size_t file_count;
    struct wr_suite_case *cases;
    size_t count, cap_;
};

// Read a file, or every *.jsonl below a folder (hidden ones not), in the order of their names.
// Fault: begins with FILE:LINE.
wr_err wr_suite_add(struct wr_suite *s, const char *path, struct wr_fault *fault) WR_MUST_CHECK;
// After the last wr_suite_add(): no id stands twice.
wr_err wr_suite_check_ids(const struct wr_suite *s, struct wr_fault *fault) WR_MUST_CHECK;
void wr_suite_release(struct wr_suite *s);

// The whole file. Give: free(*text), which is terminated.
wr_err wr_suite_read_file(const char *path, size_t max, char **text, size_t *len,
                          struct wr_fault *fault) WR_MUST_CHECK;

// Member `name` of the line as it is written there, {NULL, 0} without; an Object or Array.
wr_str wr_suite_span(wr_str line, const char *name);

// "expected one of …" when `object` has a member that is not in `known` (NULL-terminated).
// `where` names the object.
wr_err wr_suite_check_members(const wr_value *object, const char *where, const char *const *known,
                              struct wr_fault *fault) WR_MUST_CHECK;

#endif
