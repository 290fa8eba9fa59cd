// Runs a generated case in the VM, as the engine would: all rules in one plan over one message.
// Thread: one.
#ifndef WR_MODEL_VM_SIDE_H
#define WR_MODEL_VM_SIDE_H

#include "sql/sql.h"

#include "tests/model/generate.h"

struct vm_result {
    enum model_outcome outcome;
    bool limit; // fuel, memory or size ran out: the model has no such limits
    struct model_text bytes;
    unsigned line, column;
    size_t offset;
    char message[WR_FAULT_TEXT_MAX];
};

struct vm_rule {
    struct vm_result statement;
    struct vm_result templates[GEN_TEMPLATES]; // not run when the statement is invalid
};

// Bytes of results live until vm_clear() or the next vm_run().
void vm_run(const struct gen_case *c, struct vm_rule results[GEN_RULES]);
void vm_clear(void);

#endif
