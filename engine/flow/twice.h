// Messages that a broker delivers a second time to the process after the one that kept them: a kill
// after the entry was on disk and before the acknowledgement left. They are recognised, so that the
// entry delivers, once and under its delivery id, and nothing is evaluated again.
//
// Which entries: those whose acknowledgement was certainly not written. Only then is their packet
// identifier still theirs; afterwards the broker may give it to another message, perhaps with the
// same bytes. So before acknowledgements are written, and before anything is read on a new
// connection, the number of the last entry goes into a small file:
//
//   entry 41, 42 ─ durable ─ file: 42 ─ PUBACK …        kill: none of them is recognised
//   entry 43, 44 ─ durable ─ kill                       the next process recognises 43 and 44
//
// The file is written, not synced: what a process wrote, the next one reads, whatever killed it.
// When the machine itself went down it may be old; it names the boot it was written in, and that of
// another boot recognises nothing. Nor does that of another session (broker, client id).
//
// Which messages: marked by the broker as a second delivery (DUP), with the identifier, the topic
// and the payload of the entry, on the first connection after the start, in a session that the
// broker kept. An identifier that comes without the mark, or the end of the connection, ends it:
// from then on it may be another message's. Messages with an expiry are not recognised: the broker
// may have dropped them, and given their identifier away. All else is a new message, evaluated as
// such: what is recognised wrongly would be lost, what is not costs a duplicate.
// Thread: loop.
#ifndef WR_ENGINE_FLOW_TWICE_H
#define WR_ENGINE_FLOW_TWICE_H

#include "engine/flow/message.h"
#include "sql/base/err.h"

struct wr_twice;

#define WR_TWICE_MAX (1u << 18) // entries that are remembered, about 10 MiB; the rest come twice

// `dir` is the spool's. `session` names the session at the broker. Read the file of the process
// before; from now on it says that nothing may be recognised by the next one, until entries are
// newer. WR_ERR_IO: there is a file, and it can neither be written nor removed. Give: free it.
// The file is not opened for another `boot` (NULL: this machine's; for tests).
wr_err wr_twice_open(const char *dir, wr_str session, const char *boot, struct wr_twice **out,
                     struct wr_fault *fault) WR_MUST_CHECK;
void wr_twice_free(struct wr_twice *t); // also NULL; the file stays

// An entry that was found in the spool at the start: of a rule, made of a message with the packet
// identifier `mid`. Those that are not to be recognised are left out.
void wr_twice_add(struct wr_twice *t, uint64_t seq, uint16_t mid, wr_str topic, wr_str payload,
                  wr_str rule);
// The message is a second delivery, and the spool has what `rule` made of it: true, once for each
// entry.
bool wr_twice_take(struct wr_twice *t, const struct wr_message *m, wr_str rule);
// A message came: if it is not marked, its identifier belongs to it from now on.
void wr_twice_seen(struct wr_twice *t, const struct wr_message *m);
// The connection has ended, or the broker kept no session.
void wr_twice_forget(struct wr_twice *t);
// How many may still be recognised.
size_t wr_twice_count(const struct wr_twice *t);

// Acknowledgements of entries up to `seq` are about to be written. WR_ERR_IO: they must not be.
wr_err wr_twice_acknowledging(struct wr_twice *t, uint64_t seq,
                              struct wr_fault *fault) WR_MUST_CHECK;

#endif
