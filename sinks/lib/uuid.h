// Ids that a record's requests carry: the same at every try, also after a crash, so that a service
// that has seen one does not take it twice.
// Thread: any.
#ifndef WR_SINKS_LIB_UUID_H
#define WR_SINKS_LIB_UUID_H

#include "sinks/sink.h"

#define WR_UUID_LEN 36

// The `index`-th UUID (version 4 by its form) of the record, terminated.
void wr_uuid_of_record(char out[WR_UUID_LEN + 1], const struct wr_record *rec, uint32_t index);

#endif
