// The audit log, STATE/audit.log (control-plane.md 10): who changed what, who was handed a secret,
// who was refused. JSON lines, only ever appended to, chained by SHA-256, so that a line that was
// changed or taken out later is seen:
//
//   {"seq":7,"time":"2026-11-27T08:00:00.123Z","tenant":"acme","region":"eu-west-1",
//    "actor":"key AKIA…","from":"tcp 192.0.2.7:40001","request":"…","operation":"UpdateThing",
//    "arns":["arn:…"],"outcome":"OK","changes":{"version":{"old":1,"new":2}},
//    "previous":"<SHA-256 of line 6, without its line feed>"}
//
// A file that is full (admin.audit_file) is kept as audit.log.N, N being the number of its last
// line, and the next one goes on in the chain. Of those kept there are so many (admin.audit_files);
// the oldest goes when a line of weir's own, AuditLogFileRemoved, has its last number and sum,
// which is what the chain then begins from.
//
// A thread of its own writes. What must be on disk before somebody is told is synced before that,
// several lines with one fsync; the rest within a second.
//
// The end of the chain is not protected by it: who wants to see that lines were cut off notes the
// sum of the last one elsewhere, now and then (`weir audit verify` prints it).
// Thread: loop, but for the reading half.
#ifndef WR_ENGINE_ADMIN_AUDIT_H
#define WR_ENGINE_ADMIN_AUDIT_H

#include <jansson.h>
#include <uv.h>

#include "sql/base/buf.h"
#include "sql/base/err.h"

#define WR_AUDIT_LINE_MAX (256u << 10) // longer: the line is written without its changes
#define WR_AUDIT_SYNC_MS  1000
#define WR_AUDIT_SUM_LEN  64 // hex digits
// Refused calls that are written one by one: so many at once, and so many a second. The others are
// counted, and a line says how many they were.
#define WR_AUDIT_REFUSED_BURST 100
#define WR_AUDIT_REFUSED_RATE  10

struct wr_audit;

#define WR_AUDIT_REMOVED "AuditLogFileRemoved"

struct wr_audit_limits {
    uint64_t file_bytes; // of a file: what fills it is the last in it
    size_t files;        // that are kept besides the one that is written
};

struct wr_audit_entry {
    int64_t time_ms;
    const char *tenant, *region, *actor, *from, *request, *operation; // "" or NULL: left out
    const char *subject;          // the tenant that a call about tenants is about; NULL: none
    const char *outcome;          // "OK", or the error's code
    const json_t *arns, *changes; // NULL: none
    bool refused;                 // one of many, maybe
};

// Open or make the file in `state_dir`. A last line that was written in half is cut off, one that
// is damaged stays; both are said in the log and in a line. WR_ERR_IO. Give: wr_audit_close().
wr_err wr_audit_open(uv_loop_t *loop, const char *state_dir, const struct wr_audit_limits *limits,
                     struct wr_audit **out, struct wr_fault *fault) WR_MUST_CHECK;

// Write a line. With `done`: call it when the line is on disk (`written`), or cannot be; never from
// inside this call. It is not called for a refused call.
void wr_audit_write(struct wr_audit *a, const struct wr_audit_entry *entry,
                    void (*done)(void *user, bool written), void *user);

struct wr_audit_stats {
    uint64_t lines, failures, counted; // counted: refused calls without a line of their own
    bool failing;                      // the last attempt to write failed
};
void wr_audit_stats(const struct wr_audit *a, struct wr_audit_stats *out);

// What was given is written first. NULL: `closed` is called at once.
void wr_audit_close(struct wr_audit *a, void (*closed)(void *user), void *user);

// ---- reading (audit_read.c). Thread: any; may block

// The whole chain, through the files kept beside `path`. What is wrong first, with its place, as a
// fault (WR_ERR_CORRUPT); WR_ERR_MISSING, WR_ERR_IO. A half line at the end is `torn`, which a
// running weir may be about to complete.
struct wr_audit_sum {
    uint64_t lines, last_seq, first_seq;
    size_t files;
    char last_sum[WR_AUDIT_SUM_LEN + 1]; // of the last line; "" without one
    bool torn;
};
wr_err wr_audit_verify(const char *path, struct wr_audit_sum *out,
                       struct wr_fault *fault) WR_MUST_CHECK;

// The lines of `path` and the files kept beside it with a sequence number above `after`, of a
// tenant (its own and those about it; NULL: all), in their order, until `each` says false.
wr_err wr_audit_read(const char *path, uint64_t after, const char *tenant,
                     bool (*each)(void *user, uint64_t seq, wr_str line), void *user,
                     struct wr_fault *fault) WR_MUST_CHECK;

// What a weir that starts must know of the end of an open file.
struct wr_audit_end {
    uint64_t seq; // of the last line that has one, and one more for each damaged line behind it
    char sum[WR_AUDIT_SUM_LEN + 1]; // of the last line
    int64_t end;                    // byte behind it
    uint64_t torn, damaged;         // bytes of a half line; damaged lines at the end
};
wr_err wr_audit_find_end(int fd, struct wr_audit_end *out, struct wr_fault *fault) WR_MUST_CHECK;
void wr_audit_line_sum(wr_str line, char out[WR_AUDIT_SUM_LEN + 1]);

#endif
