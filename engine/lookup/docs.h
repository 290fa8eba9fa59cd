// A folder of small JSON documents, read off the loop and kept: a file that has changed is seen,
// since every read looks at its time, size and number. Thread: loop. The reading itself runs in
// uv's thread pool.
#ifndef WR_ENGINE_LOOKUP_DOCS_H
#define WR_ENGINE_LOOKUP_DOCS_H

#include "sql/base/err.h"
#include "sql/base/str.h"

#include <uv.h>

#define WR_DOC_MAX   (1024 * 1024) // bytes of a file; AWS's documents are far smaller
#define WR_DOC_NAME  1024          // bytes of a path below the folder
#define WR_DOCS_KEPT 256           // documents kept at once

struct wr_docs;

struct wr_docs_options {
    uv_loop_t *loop;
    const char *dir; // lent until the end
    // The files are secrets: memory is wiped, one that all may read is warned of, and none is kept
    // but for `fresh_ms` after it was read, during which the file is not looked at.
    bool secret;
    int64_t fresh_ms;
};

// Give. Without a read under way: wr_docs_free().
struct wr_docs *wr_docs_new(const struct wr_docs_options *options);
void wr_docs_free(struct wr_docs *d);
// Another fresh_ms; also for what is kept.
void wr_docs_set_fresh(struct wr_docs *d, int64_t fresh_ms);

// Secrets: look at the file at the next read, also of one that is fresh.
void wr_docs_expire(struct wr_docs *d);

// One read. Embedded by the caller; lent until `done`.
struct wr_doc_read {
    // Once, from the loop, or from inside when it is fresh. `bytes` are lent until this returns.
    // Faults: WR_ERR_UNKNOWN no such file, WR_ERR_LIMIT too long, WR_ERR_IO.
    void (*done)(struct wr_doc_read *r, wr_err err, wr_str bytes, const struct wr_fault *fault);

    uv_work_t work_;
    struct wr_docs *documents_;
    char name_[WR_DOC_NAME], path_[4096];
    struct wr_doc *known_; // what was kept when the read began
    struct wr_doc *made_;  // what was read, when that differs
    wr_err err_;
    struct wr_fault fault_;
};

// `name` is a path below the folder, made of checked parts: nothing here keeps it inside.
void wr_docs_read(struct wr_docs *d, struct wr_doc_read *r, wr_str name);

// Tests: files whose content was read.
uint64_t wr_docs_reads(const struct wr_docs *d);

#endif
