// Message files: JSON Lines, one message a line (message_text.h), gzip when the name ends in ".gz",
// "-" for standard input and output. Blocks for the disk. Thread: the owner's.
#ifndef WR_ENGINE_CLI_MESSAGE_FILE_H
#define WR_ENGINE_CLI_MESSAGE_FILE_H

#include "engine/cli/message_text.h"

// ---- reading

struct wr_message_file;

// Give: wr_message_file_close() it. Fault: begins with the name.
wr_err wr_message_file_open(const char *name, struct wr_message_file **out,
                            struct wr_fault *fault) WR_MUST_CHECK;
void wr_message_file_close(struct wr_message_file *f); // NULL is accepted

// The next message; *end at the end of the file, and then nothing is set. Texts borrow from the
// file until the next call, and from `arena`. Lines of blanks are skipped. Faults begin with
// "NAME:LINE:COLUMN: ". Also faults, told instead of the end: no message at all, gzip data that
// ends early, a file that changed while it was read. After a fault only close.
wr_err wr_message_file_next(struct wr_message_file *f, struct wr_arena *arena,
                            struct wr_file_message *out, bool *end,
                            struct wr_fault *fault) WR_MUST_CHECK;

const char *wr_message_file_name(const struct wr_message_file *f);
// Of the message read last: its line as it stands in the file, and the number of that, from 1.
wr_str wr_message_file_text(const struct wr_message_file *f);
size_t wr_message_file_line(const struct wr_message_file *f);
// Bytes read from the disk so far, and in all; *total 0 when that is not known (a pipe).
uint64_t wr_message_file_done(const struct wr_message_file *f, uint64_t *total);

// ---- writing

struct wr_message_writer;

// Make `name`, or with `append` go on with it if it is there. A file that is there and is not to be
// appended to is refused (WR_ERR_EXISTS), and one to append to that ends within a line or within
// gzip data. Give: wr_message_writer_close() it.
wr_err wr_message_writer_open(const char *name, bool append, struct wr_message_writer **out,
                              struct wr_fault *fault) WR_MUST_CHECK;

// Where to append lines, each with its line end (wr_message_text_write()).
struct wr_buf *wr_message_writer_lines(struct wr_message_writer *w);
// Hand the lines so far to the system if they are many (256 KiB), or `now`. On a fault (disk full)
// the file is cut behind the last line that is wholly there, what did not fit is dropped, and only
// close is left. A gzip file gets a member of its own each time, so that it is whole at any moment.
wr_err wr_message_writer_flush(struct wr_message_writer *w, bool now,
                               struct wr_fault *fault) WR_MUST_CHECK;
uint64_t wr_message_writer_bytes(const struct wr_message_writer *w); // handed to the system
// Flush, sync, close, free; a file that was made and got nothing is removed. After a fault of flush
// no other is told.
wr_err wr_message_writer_close(struct wr_message_writer *w, struct wr_fault *fault) WR_MUST_CHECK;

#endif
