// What `weir check` found: codes, places, and the list of findings.
// Thread: start.
#ifndef WR_ENGINE_CLI_CHECK_FINDING_H
#define WR_ENGINE_CLI_CHECK_FINDING_H

#include "engine/cli/check/tree.h"

enum wr_severity { WR_SEVERITY_ERROR, WR_SEVERITY_WARNING, WR_SEVERITY_NOTE };

// By name, for those who report: WR_CODE_SYNTAX is 101. Numbers of 300 and above are the linter's.
enum wr_check_number {
#define CODE(number, name, ...) WR_CODE_##name = (number),
#include "engine/cli/check/codes.h"
};

struct wr_check_code {
    int number;
    enum wr_severity severity;
    const char *slug, *title, *why, *remedy;
    const char *example;
};

// 0 .. count-1 by number. NULL: there is none.
size_t wr_check_code_count(void);
const struct wr_check_code *wr_check_code_at(size_t index);
const struct wr_check_code *wr_check_code_find(int number);
// "E110", "w205", "205" or a slug; NULL: no such code.
const struct wr_check_code *wr_check_code_parse(const char *text);

const char *wr_severity_name(enum wr_severity severity); // "error"
// "E110": the letter is the severity's. 8 bytes are enough.
void wr_check_code_text(int number, enum wr_severity severity, char out[8]);

#define WR_EXCERPT_MAX 200 // bytes of a line that are kept to be shown

struct wr_finding {
    const struct wr_check_code *code;
    enum wr_severity severity; // the code's, but for --lenient
    const char *file;          // as given
    size_t file_index;         // in the order of reading
    uint32_t line, column;     // 0: the file as a whole
    const char *rule;          // name, logical id or address; NULL: of no rule
    const char *path;          // of the member, as in the API: "actions[0].s3.key"; ""
    const char *message;
    const char *remedy;            // NULL: the code's
    uint32_t sql_line, sql_column; // within the statement or template; 0: it is not about one
    const char *excerpt;           // the line, or a part of it; NULL: none
    size_t excerpt_column;         // 0-based, in characters: what the caret points to
};

#define WR_FINDINGS_MAX 10000 // more is noise, and bounds the memory

struct wr_findings {
    struct wr_arena arena;
    struct wr_finding *items;
    size_t count, cap, left_out;
    uint64_t ignored_[8]; // a bit a number up to 511
    bool lenient;         // unknown members are warnings
};

void wr_findings_init(struct wr_findings *f);
void wr_findings_release(struct wr_findings *f);
void wr_findings_ignore(struct wr_findings *f, int number);
bool wr_findings_ignored(const struct wr_findings *f, int number);

// Add a copy of `finding`, whose texts are borrowed; code and severity are filled from `number`,
// the excerpt from the line of byte `at` of `text`, the file (SIZE_MAX: none).
void wr_findings_add(struct wr_findings *f, int number, wr_str text, size_t at,
                     const struct wr_finding *finding);

// By file, line, column, code.
void wr_findings_sort(struct wr_findings *f);
size_t wr_findings_of(const struct wr_findings *f, enum wr_severity severity);

#endif
