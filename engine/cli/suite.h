// Test suites for `weir test`: files of cases (docs/testing.md), found below paths, read whole and
// checked before the first case runs, so that a misspelt member is an error and not an expectation
// that holds by itself. Thread: start.
#ifndef WR_ENGINE_CLI_SUITE_H
#define WR_ENGINE_CLI_SUITE_H

#include <sys/types.h>

#include "engine/cli/message_line.h"
#include "sql/base/json.h"

#define WR_SUITE_FILE_MAX   (256u << 20) // bytes of one suite: it is held in memory
#define WR_SUITE_FILES_MAX  10000        // suites of one run
#define WR_SUITE_FOLDER_MAX 32           // folders within folders
#define WR_SUITE_CASE_BYTES (80u << 20)  // message_memory as weir run has it, and the case itself
#define WR_SUITE_FAULTS_MAX 20           // faults shown; a wrong file has one in every line

struct wr_suite_file {
    char *name; // the path as given, or the folder's with the file's name
    char *text;
    size_t len;
    dev_t device; // with the inode: one file is read once, under whatever names
    ino_t inode;
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
    struct wr_buf faults; // "FILE:LINE:COLUMN: text", a line each
    size_t fault_count;   // also of those beyond the limit
};

// Read a file, or every *.jsonl below a folder (hidden ones not, folders behind symbolic links
// not), in the order of their names; "-" is standard input. What is wrong goes to s->faults, and
// reading goes on.
void wr_suite_add(struct wr_suite *s, const char *path);
// The same of a text, which is copied.
void wr_suite_add_text(struct wr_suite *s, const char *name, wr_str text);
// After the last wr_suite_add(): no id may stand twice.
void wr_suite_check_ids(struct wr_suite *s);
void wr_suite_release(struct wr_suite *s);

// The whole file. Give: free(*text), which is terminated.
wr_err wr_suite_read_file(const char *path, size_t max, char **text, size_t *len,
                          struct wr_fault *fault) WR_MUST_CHECK;

// The member at `path` in the line as it is written there, {NULL, 0} without.
wr_str wr_suite_spelt(wr_str line, const struct wr_path *path);

// ---- suite_check.c

// Whether a line is a case: its members, their types, and that they go together. Fault: what is
// wrong, with what is near a misspelt name.
wr_err wr_suite_check_case(const struct wr_line *line, struct wr_arena *arena,
                           struct wr_fault *fault) WR_MUST_CHECK;

#endif
