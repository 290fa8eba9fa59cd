// Both evaluators on one case: are they of one mind, and what is the smallest case where not.
// Thread: one.
#ifndef WR_MODEL_COMPARE_H
#define WR_MODEL_COMPARE_H

#include "tests/model/vm_side.h"

struct counts {
    uint64_t cases, answers, meaningful, limits;
    uint64_t outcome[MODEL_UNSUPPORTED + 1];
    struct {
        const char *why;
        uint64_t count;
    } reasons[32];
    size_t reason_count;
    struct {
        char why[64]; // what the VM said, as far as it fits
        uint64_t count;
    } limit_reasons[8];
};

// True: an answer differs. Everything stays in `m` until the caller clears it.
bool compare_case(struct model *m, const struct gen_case *c, struct counts *n);

// Take rules, templates, bytes of statement and payload away while an answer still differs.
void compare_shrink(struct gen_case *c);

// Rules, message and both answers, as TAP comments.
void compare_print(const struct gen_case *c);

#endif
