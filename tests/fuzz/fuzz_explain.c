// Any bytes as statement and payload, "statement NUL payload", explained: values, listing, atoms,
// the short form. Must not crash, leak, or say another outcome than the program. Seeds: those of
// fuzz_statement.
#include "sql/explain.h"
#include "sql/explain/atoms.h"
#include "sql/explain/listing.h"
#include "sql/explain/show.h"
#include "sql/explain/values.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define FUEL         20000
#define MEMORY_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fixed_random(void *user, void *at, size_t len)
{
    memset(at, 0x5a, len);
}

static const struct wr_sql_host host = {.account_id = WR_STR_INIT("123456789012"),
                                        .random = fixed_random};

static void show_all(const struct wr_values_node *n, struct wr_values *v, struct wr_buf *out)
{
    for (; n; n = n->next) {
        wr_buf_clear(out);
        wr_show_source(out, n->source);
        wr_show_value(out, &n->value, &v->arena, WR_SQL_2016);
        wr_assert(out->len < 64 * 1024);
        show_all(n->kids, v, out);
    }
}

static enum wr_eval_state outcome(const struct wr_program *p, struct wr_sql_message m)
{
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_plan *plan = wr_plan_new(&p, 1);
    struct wr_eval e = {.state = WR_EVAL_FAILED};
    if (!wr_sql_message_read(&m, plan, &arena)) {
        wr_eval_start(&e, &m, 0, &host);
        wr_eval_run(&e);
    }
    wr_plan_free(plan);
    wr_arena_release(&arena);
    return e.state;
}

static void explain_message(const struct wr_program *p, wr_str payload, struct wr_buf *out)
{
    struct wr_sql_message m = {
        .topic = WR_STR("a/b/c"), .payload = payload, .format_indicator = -1};
    struct wr_values *v = wr_values_new(p, &m, &host, false);
    wr_assert(v->state == outcome(p, m));
    show_all(v->set, v, out);
    show_all(v->where, v, out);
    show_all(v->items, v, out);
    for (size_t i = 0; i < v->template_count; i++) {
        show_all(v->templates[i].parts, v, out);
    }
    wr_buf_clear(out);
    wr_values_why_raw(&v->message, out);
    wr_show_bytes(out, v->output);
    wr_values_free(v);
    wr_buf_clear(out);
    wr_explain_where(p, &m, &host, out);
    wr_assert(out->len);
}

static void explain_program(const struct wr_program *p, struct wr_buf *out)
{
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY_BYTES);
    struct wr_listing l;
    struct wr_listing_line line;
    const struct wr_listing_path *paths;
    const struct wr_listing_constant *constants;
    const struct wr_listing_lookup *lookups;
    const struct wr_atoms_term *terms;
    if (!wr_listing_init(&l, p, &arena)) {
        for (size_t i = 0; i < wr_listing_count(&l); i++) {
            wr_listing_line(&l, i, &line);
            wr_assert(line.words.len || arena.over);
        }
        wr_listing_paths(&l, &paths);
        wr_listing_constants(&l, &constants);
        wr_listing_lookups(&l, &lookups);
    }
    size_t count = wr_atoms_terms(p, &arena, &terms);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < terms[i].atoms.count; k++) {
            wr_atom_write(&terms[i].atoms.at[k], out);
        }
    }
    wr_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *nul = size ? memchr(at, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - at) : size;
    wr_str text = {at, len};
    wr_str payload = nul ? (wr_str){nul + 1, size - len - 1} : WR_STR("{\"a\":1}");
    struct wr_program_options options = {.sql_version = WR_STR("2016-03-23"), .fuel = FUEL};
    struct wr_program *p;
    struct wr_buf out = {0};
    uint32_t id;
    if (!wr_program_new(text, &options, &p, NULL)) {
        wr_assert(!wr_program_seal(p, NULL));
        explain_program(p, &out);
        explain_message(p, payload, &out);
        wr_program_free(p);
    }
    if (!wr_program_new(WR_STR("SET @a = a SELECT @a FROM 'a/#'"), &options, &p, NULL)) {
        bool ok = !wr_program_add_template(p, text, &id, NULL);
        wr_assert(!wr_program_seal(p, NULL));
        if (ok) {
            explain_program(p, &out);
            explain_message(p, payload, &out);
        }
        wr_program_free(p);
    }
    wr_buf_release(&out);
    return 0;
}
