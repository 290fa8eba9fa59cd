// A message from arrival to acknowledgement. Pooled; everything made for it lives in its arena.
// Thread: loop; arena and sql are its worker's while one has it (workers.h).
//
//   source ─ wr_message_new ─ fill sql.* ─ batch ─ flow: locks + records ─ last unlock ─► source
#ifndef WR_ENGINE_FLOW_MESSAGE_H
#define WR_ENGINE_FLOW_MESSAGE_H

#include "sinks/sink.h"
#include "sql/sql.h"

struct wr_message_pool;
struct wr_source;
struct wr_work;

struct wr_message {
    struct wr_arena arena;
    struct wr_sql_message
        sql;     // topic, payload, properties: bytes in the arena or lent by the source
    uint8_t qos; // as delivered to us
    bool retain;
    bool dup;                 // the broker says that it delivered it before
    uint16_t mid;             // packet identifier, if it tells a second delivery (twice.h); else 0
    unsigned hops;            // WR_HOPS_PROPERTY, 0 without
    uint32_t locks;           // holders; the last unlock ends the message
    uint64_t kept;            // number of its last entry in the spool; 0: none
    uint32_t ack_holds;       // what must be durable or settled before it may be acknowledged
    struct wr_source *source; // told when it may acknowledge and at the last unlock; may be NULL
    uint64_t token;           // the source's
    void *held[2];            // the source's; not set by wr_message_new()
    int64_t received_us;      // of wr_mono: when the flow got it, or its first process did
    struct wr_message_pool *pool;
    struct wr_message *next;      // in the pool, or in a batch
    struct wr_rule_set *rule_set; // locked while programs of it may run
    struct wr_work *work;         // with a worker: what it does (workers.h); not set otherwise
    char trace_room[WR_SQL_TRACE_LEN];
};

// `limit` bytes of arena for each message (memory limit of one evaluation). The pool keeps up to
// `keep`.
struct wr_message_pool *wr_message_pool_new(size_t limit, size_t keep);
void wr_message_pool_free(struct wr_message_pool *pool);
// With one lock, the caller's. sql zeroed, format_indicator -1.
struct wr_message *wr_message_new(struct wr_message_pool *pool);
// What a weir-hops property says; at most WR_HOPS_MAX.
#define WR_HOPS_MAX 1000000
unsigned wr_message_hops(wr_str text);
void wr_message_lock(struct wr_message *m);
// One reason less not to acknowledge it; the last one tells the source. A message is made with one,
// the caller's.
void wr_message_unhold(struct wr_message *m);
void wr_message_unlock(struct wr_message *m);
size_t wr_message_pool_live(const struct wr_message_pool *pool);

#endif
