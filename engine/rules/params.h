// The members of one action in a rule document, against the option table of its sink.
// Thread: loop. For document.c and the flow's check of expanded values.
#ifndef WR_ENGINE_RULES_PARAMS_H
#define WR_ENGINE_RULES_PARAMS_H

#include "engine/rules/document.h"

#include <jansson.h>
#include <stdint.h>

// jansson's iterators want objects that may be changed, also for reading.
#define WR_JSON_MUTABLE(v) ((json_t *)(uintptr_t)(v))

// "a string", "a list", …
const char *wr_json_kind_name(const json_t *v);

// Where faults of a document go: the first one ends the reading, or each is reported.
struct wr_faults {
    const struct wr_document_options *options;
    struct wr_fault *first;
    size_t count;
};

// A fault at `path` ("" for none). Returns `code` with *first filled, its text beginning with the
// path; or WR_OK once it is reported: the caller goes on without what was bad.
wr_err wr_faults_add(struct wr_faults *f, wr_err code, const char *path, const char *format, ...)
    WR_PRINTF(4, 5) WR_MUST_CHECK;

// Read `members` into action->params and ->constant (made in `arena`), for action->impl;
// action->path goes before the member in faults. Every name, type, range and choice is checked,
// then impl->check.
wr_err wr_params_read(struct wr_arena *arena, const json_t *members,
                      struct wr_document_action *action, struct wr_faults *faults) WR_MUST_CHECK;

// Whether `text` fits the option (INT: sets *number; CHOICE; BOOL as 0 and 1). For constants and,
// on the message path, for expanded templates: no allocation unless it fails.
wr_err wr_param_check(const struct wr_option *option, wr_str text, int64_t *number,
                      struct wr_fault *fault) WR_MUST_CHECK;

#endif
