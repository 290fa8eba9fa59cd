// Any bytes as a rule document: read, and compiled for every sink. Must not crash or leak; a
// refusal has a text, and what is taken has what a rule needs.
#include "engine/rules/rule.h"

#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define FILE_NAME "rules/seed_1.json"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct wr_rule *r)
{
    wr_assert(r->name.len && !wr_rule_name_check(r->name, NULL));
    wr_assert(r->action_count <= WR_RULE_ACTIONS_MAX && r->program);
    for (size_t i = 0; i < r->action_count; i++) {
        const struct wr_rule_action *a = &r->actions[i];
        wr_assert(a->impl && a->path && a->counters);
        for (size_t k = 0; k < a->template_count; k++) {
            wr_assert(a->templates[k].param < a->param_count);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wr_hash_seed_init();
    wr_str text = {(const char *)data, size};
    struct wr_fault fault = {0};
    struct wr_document *d;
    bool good = !wr_document_parse(text, FILE_NAME, wr_sink_list, &d, &fault);
    wr_assert(good || (fault.code && fault.text[0]));
    struct wr_metrics *metrics = wr_metrics_new();
    const struct wr_rule_options options = {.kinds = wr_sink_list, .metrics = metrics};
    struct wr_rule *r;
    struct wr_fault why = {0};
    if (wr_rule_new(text, FILE_NAME, &options, &r, &why)) {
        wr_assert(why.code && why.text[0]);
    } else {
        wr_assert(good && wr_str_eq(r->name, d->name));
        check(r);
        wr_rule_unlock(r);
    }
    wr_metrics_free(metrics);
    if (good) {
        wr_document_free(d);
    }
    return 0;
}
