// Walks over the dead letters of a state folder, and what becomes of them. Redriving is done
// without a flow: the entry goes into the spool, and the next `weir run` delivers it.
#include "engine/cli/dead.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

enum work { LOOK, PURGE, REDRIVE };

// A letter on its way into the spool.
struct moving {
    uint64_t letter, entry;
};

struct job {
    uv_loop_t loop;
    enum work work;
    const struct wr_dead_asked *asked;
    struct wr_dead_sums *sums;
    void (*show)(const struct wr_entry *e);
    struct wr_dead *dead;
    struct wr_spool *spool; // REDRIVE
    struct moving *moving;  // in order
    size_t moving_first, moving_count, moving_cap;
    struct wr_fault fault; // why it ends
    bool walked, closing;
};

static void on_closed(void *user)
{
}

static void end(struct job *j)
{
    if (j->closing || !j->walked || (j->moving_first < j->moving_count && !j->fault.code)) {
        return;
    }
    j->closing = true;
    wr_dead_close(j->dead, on_closed, j);
    if (j->spool) {
        wr_spool_close(j->spool, on_closed, j);
    }
}

// ---- letters

bool wr_dead_id_take(wr_str word, char out[2 * WR_DELIVERY_ID_LEN + 1])
{
    if (word.len == 0 || word.len > 2 * WR_DELIVERY_ID_LEN) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) { // they are printed in lower case
        char c = word.at[i];
        c = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
        out[i] = c;
    }
    out[word.len] = '\0';
    return true;
}

bool wr_dead_is_asked(const struct wr_dead_asked *a, const struct wr_entry *e)
{
    char id[2 * WR_DELIVERY_ID_LEN + 1];
    wr_delivery_id_text(&e->id, id);
    bool any = a->id_count == 0;
    for (size_t i = 0; i < a->id_count; i++) {
        if (wr_str_starts(wr_str_of(id), a->ids[i])) {
            any = a->met[i] = true;
        }
    }
    return any;
}

static void move(struct job *j, uint64_t letter, const struct wr_entry *dead)
{
    struct wr_entry e;
    struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX];
    wr_entry_redrive(dead, &e, actions);
    wr_entry_write(wr_spool_begin(j->spool), &e);
    if (j->moving_count == j->moving_cap) {
        j->moving_cap = j->moving_cap ? 2 * j->moving_cap : 64;
        j->moving = wr_realloc(j->moving, j->moving_cap * sizeof *j->moving);
    }
    j->moving[j->moving_count++] = (struct moving){letter, wr_spool_end(j->spool)};
    wr_spool_flush(j->spool);
}

static enum wr_dead_fate on_letter(struct wr_dead_walk *walk, uint64_t seq,
                                   const struct wr_entry *e, const struct wr_fault *fault)
{
    struct job *j = walk->user;
    if (j->fault.code) {
        return WR_DEAD_STOP;
    }
    if (!e) {
        fprintf(stderr, "weir dead: a letter cannot be read: %s\n", fault->text);
        j->sums->unreadable++;
        return WR_DEAD_KEEP;
    }
    if (!wr_dead_is_asked(j->asked, e)) {
        return WR_DEAD_KEEP;
    }
    if (j->asked->limit && j->sums->letters == j->asked->limit) {
        j->sums->more = true;
        return WR_DEAD_STOP;
    }
    j->sums->letters++;
    switch (j->work) {
    case LOOK:
        if (j->show) {
            j->show(e);
        }
        return WR_DEAD_KEEP;
    case PURGE:
        return WR_DEAD_PURGE;
    case REDRIVE:
        move(j, seq, e);
        return WR_DEAD_LEAVE;
    }
    return WR_DEAD_STOP;
}

static void on_walked(struct wr_dead_walk *walk)
{
    struct job *j = walk->user;
    j->walked = true;
    end(j);
}

// ---- the stores

static void on_durable(void *user, uint64_t seq)
{
    struct job *j = user;
    while (j->moving_first < j->moving_count && j->moving[j->moving_first].entry <= seq) {
        wr_dead_done(j->dead, j->moving[j->moving_first++].letter);
    }
    end(j);
}

static void on_full(void *user, bool full, const char *why)
{
    struct job *j = user;
    if (full && !j->fault.code) {
        wr_fault_set(&j->fault, WR_ERR_LIMIT, "the spool takes no more: %s", why);
        end(j);
    }
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    struct job *j = user;
    if (!j->fault.code) {
        j->fault = *fault;
        end(j);
    }
}

static wr_err open_stores(struct job *j, const char *state_dir, const struct wr_config *config,
                          struct wr_fault *fault)
{
    struct wr_buf dead_dir = {0}, spool_dir = {0};
    wr_buf_addf(&dead_dir, "%s/dead", state_dir);
    wr_buf_addf(&spool_dir, "%s/spool", state_dir);
    const struct wr_dead_options dead = {.loop = &j->loop,
                                         .dir = wr_buf_terminated(&dead_dir),
                                         .max_bytes = config ? (uint64_t)config->dead_max : 0,
                                         .read_only = j->work == LOOK,
                                         .full = on_full,
                                         .broken = on_broken,
                                         .user = j};
    wr_err err = WR_OK;
    if (j->work == REDRIVE) {
        const struct wr_spool_options spool = {
            .loop = &j->loop,
            .dir = wr_buf_terminated(&spool_dir),
            .max_bytes = (uint64_t)config->spool_max,
            .max_name = "spool.max",
            .segment_bytes = (uint64_t)config->spool_segment,
            .events = {.durable = on_durable, .full = on_full, .broken = on_broken, .user = j},
        };
        err = wr_spool_open(&spool, &j->spool, fault);
    }
    if (!err) {
        err = wr_dead_open(&dead, &j->dead, fault);
        if (err && j->spool) {
            wr_spool_close(j->spool, on_closed, j);
        }
    }
    wr_buf_release(&dead_dir);
    wr_buf_release(&spool_dir);
    return err;
}

static wr_err perform(struct job *j, const char *state_dir, const struct wr_config *config,
                      struct wr_fault *fault)
{
    *j->sums = (struct wr_dead_sums){0};
    uv_loop_init(&j->loop);
    struct wr_dead_walk walk = {
        .filter = j->asked->filter, .letter = on_letter, .done = on_walked, .user = j};
    wr_err err = open_stores(j, state_dir, config, fault);
    if (!err) {
        wr_dead_walk(j->dead, &walk);
    }
    uv_run(&j->loop, UV_RUN_DEFAULT);
    uv_loop_close(&j->loop);
    if (!err && j->fault.code) {
        err = j->fault.code;
        *fault = j->fault;
        j->sums->letters -= j->moving_count - j->moving_first;
    }
    free(j->moving);
    return err;
}

wr_err wr_dead_look(const char *state_dir, const struct wr_dead_asked *asked,
                    void (*show)(const struct wr_entry *e), struct wr_dead_sums *sums,
                    struct wr_fault *fault)
{
    struct job j = {.work = LOOK, .asked = asked, .sums = sums, .show = show};
    return perform(&j, state_dir, NULL, fault);
}

wr_err wr_dead_purge(const struct wr_config *config, const struct wr_dead_asked *asked,
                     struct wr_dead_sums *sums, struct wr_fault *fault)
{
    struct job j = {.work = PURGE, .asked = asked, .sums = sums};
    return perform(&j, config->state_dir, config, fault);
}

wr_err wr_dead_redrive(const struct wr_config *config, const struct wr_dead_asked *asked,
                       struct wr_dead_sums *sums, struct wr_fault *fault)
{
    struct job j = {.work = REDRIVE, .asked = asked, .sums = sums};
    return perform(&j, config->state_dir, config, fault);
}
