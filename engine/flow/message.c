// Messages and their pool: a message that ends gives its arena's memory to the next one.
#include "engine/flow/message.h"

#include <stdlib.h>

#include "engine/flow/source.h"
#include "sql/base/compiler.h"
#include "sql/base/err.h"

#include "sql/base/banned.h"

// A message that needed more gives its memory back to the system instead of to the pool: one large
// payload must not make `keep` messages large for ever.
#define KEEP_BYTES (256 * 1024)

struct wr_message_pool {
    struct wr_message *free; // linked by `next`, arenas empty
    size_t free_count, keep;
    size_t live; // handed out
    size_t limit;
    bool closed; // wr_message_pool_free() came while messages were alive
};

struct wr_message_pool *wr_message_pool_new(size_t limit, size_t keep)
{
    struct wr_message_pool *pool = wr_zalloc(sizeof *pool);
    pool->limit = limit;
    pool->keep = keep;
    return pool;
}

static void delete_message(struct wr_message *m)
{
    wr_arena_release(&m->arena);
    free(m);
}

void wr_message_pool_free(struct wr_message_pool *pool)
{
    if (!pool) {
        return;
    }
    while (pool->free) {
        struct wr_message *m = pool->free;
        pool->free = m->next;
        delete_message(m);
    }
    pool->free_count = pool->keep = 0;
    pool->closed = true;
    if (pool->live == 0) {
        free(pool);
    }
}

struct wr_message *wr_message_new(struct wr_message_pool *pool)
{
    struct wr_message *m = pool->free;
    if (m) {
        pool->free = m->next;
        pool->free_count--;
    } else {
        m = wr_zalloc(sizeof *m);
        wr_arena_init(&m->arena, pool->limit);
        m->pool = pool;
    }
    pool->live++;
    wr_zero_small(&m->sql, sizeof m->sql);
    m->sql.format_indicator = -1;
    m->qos = 0;
    m->retain = m->dup = false;
    m->mid = 0;
    m->hops = 0;
    m->locks = 1;
    m->ack_holds = 1;
    m->kept = 0;
    m->source = NULL;
    m->token = 0;
    m->next = NULL;
    m->rule_set = NULL;
    return m;
}

unsigned wr_message_hops(wr_str text)
{
    unsigned hops = 0;
    for (size_t i = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9' && hops < WR_HOPS_MAX;
         i++) {
        hops = hops * 10 + (unsigned)(text.at[i] - '0');
    }
    return hops < WR_HOPS_MAX ? hops : WR_HOPS_MAX;
}

void wr_message_lock(struct wr_message *m)
{
    wr_assert(m->locks > 0);
    m->locks++;
}

void wr_message_unhold(struct wr_message *m)
{
    wr_assert(m->ack_holds > 0);
    if (--m->ack_holds == 0 && m->source && m->source->impl->acknowledge) {
        m->source->impl->acknowledge(m->source, m);
    }
}

void wr_message_unlock(struct wr_message *m)
{
    wr_assert(m->locks > 0);
    if (--m->locks > 0) {
        return;
    }
    struct wr_message_pool *pool = m->pool;
    if (m->source) { // while the content is still there
        m->source->impl->settled(m->source, m);
    }
    pool->live--;
    if (pool->free_count >= pool->keep) {
        delete_message(m);
        if (pool->closed && pool->live == 0) {
            free(pool);
        }
        return;
    }
    if (wr_arena_used(&m->arena) > KEEP_BYTES) {
        wr_arena_release(&m->arena);
        wr_arena_init(&m->arena, pool->limit);
    } else {
        wr_arena_reset(&m->arena);
    }
    m->next = pool->free;
    pool->free = m;
    pool->free_count++;
}

size_t wr_message_pool_live(const struct wr_message_pool *pool)
{
    return pool->live;
}
