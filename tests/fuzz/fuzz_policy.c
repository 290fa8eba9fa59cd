// Any bytes as "resource NUL policy": as a document that is compiled, opened and asked, and as
// compiled bytes that are opened and asked. Must not crash, read outside or work without an end.
#include "engine/registry/policy.h"

#include <stdlib.h>

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool attribute(void *user, wr_str name, wr_str *value)
{
    *value = name;
    return name.len % 2 == 0;
}

static bool certificate(void *user, wr_str name, uint32_t index, wr_str *value)
{
    *value = wr_str_cut(name, index < name.len ? index : name.len, name.len);
    return index < 5;
}

static void ask(wr_str bytes, wr_str resource)
{
    const struct wr_policy_context context = {
        .client_id = WR_STR_INIT("c1"),
        .source_ip = WR_STR_INIT("::ffff:10.1.2.3"),
        .thing_name = WR_STR_INIT("+"),
        .is_attached = WR_STR_INIT("true"),
        .attribute = attribute,
        .certificate = certificate,
    };
    struct wr_policy p;
    if (wr_policy_open(bytes, &p) != WR_OK) {
        return;
    }
    static const wr_str actions[] = {WR_STR_INIT("iot:Connect"), WR_STR_INIT("iot:Publish")};
    for (size_t i = 0; i < WR_COUNT(actions); i++) {
        struct wr_policy_request r = {actions[i], WR_STR("eu-west-1"), WR_STR("123456789012"),
                                      resource, &context};
        uint32_t statement, again;
        uint64_t steps = WR_POLICY_STEPS, same = WR_POLICY_STEPS;
        enum wr_policy_verdict v = wr_policy_evaluate(&p, &r, &statement, &steps);
        wr_assert(steps <= WR_POLICY_STEPS);
        wr_assert(statement == UINT32_MAX || statement < wr_policy_statements(&p));
        wr_assert((statement == UINT32_MAX) == (v == WR_POLICY_NOTHING || steps == 0));
        wr_assert(v == wr_policy_evaluate(&p, &r, &again, &same) && again == statement);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wr_str all = {(const char *)data, size};
    const char *nul = size ? memchr(data, 0, size) : NULL;
    size_t at = nul ? (size_t)(nul - all.at) : size;
    wr_str resource = wr_str_cut(all, 0, at), policy = wr_str_cut(all, at + (nul != NULL), size);
    ask(policy, resource);
    struct wr_buf out = {0};
    struct wr_policy_notes notes;
    struct wr_fault fault = {0};
    if (wr_policy_compile(policy, &out, &notes, &fault) == WR_OK) {
        struct wr_policy p;
        wr_assert(wr_policy_open(wr_buf_str(&out), &p) == WR_OK);
        wr_assert(notes.malformed <= notes.count);
        // On the heap in its exact size, so that ASan sees every byte that is not ours.
        char *exact = wr_alloc(out.len);
        memcpy(exact, out.at, out.len);
        ask((wr_str){exact, out.len}, resource);
        free(exact);
    } else {
        wr_assert(fault.text[0] && out.len == 0);
    }
    wr_buf_release(&out);
    return 0;
}
