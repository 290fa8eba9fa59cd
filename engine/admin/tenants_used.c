// When keys and tokens were used last: written beside the call, which does not wait for it.
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/tenants.h"
#include "engine/registry/registry.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

struct use {
    struct wr_registry_job job; // first
    char key[129];              // "": the token
    int64_t token, now_ms;
};

// Thread: the registry's.
static void on_run(struct wr_registry_job *job, struct wr_db *db)
{
    struct use *u = (struct use *)job;
    if (u->key[0]) {
        wr_db_run(db, "UPDATE access_keys SET used=? WHERE key_id=?", "iz", u->now_ms, u->key);
    } else {
        wr_db_run(db, "UPDATE tokens SET used=? WHERE id=?", "ii", u->now_ms, u->token);
    }
}

static void on_done(struct wr_registry_job *job)
{
    free(job); // a time that could not be written is written at the next use after a minute
}

void wr_tenants_used(struct wr_tenants *t, struct wr_registry *registry, const char *key,
                     int64_t token)
{
    int64_t now_ms = wr_wall_ms();
    if (!wr_tenants_note_use(t, key, token, now_ms)) {
        return;
    }
    struct use *u = wr_zalloc(sizeof *u);
    *u = (struct use){
        .job = {.write = true, .run = on_run, .done = on_done}, .token = token, .now_ms = now_ms};
    snprintf(u->key, sizeof u->key, "%s", key ? key : "");
    wr_registry_submit(registry, &u->job);
}
