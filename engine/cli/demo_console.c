#include "engine/cli/demo_console.h"

#include <jansson.h>

#include "engine/cli/admin_client.h"

#include "sql/base/banned.h"

#define TIMEOUT_MS 10000

// In this order: types before their things.
static const struct {
    const char *method, *target, *body;
} calls[] = {
    {"POST", "/thing-types/Thermometer",
     "{\"thingTypeProperties\":{\"thingTypeDescription\":\"Measures a room\"}}"},
    {"POST", "/thing-types/Door", "{}"},
    {"POST", "/thing-types/Vehicle", "{}"},
    {"POST", "/things/thermometer-kiln",
     "{\"thingTypeName\":\"Thermometer\",\"attributePayload\":{\"attributes\":{\"site\":\"kiln\"}}"
     "}"},
    {"POST", "/things/door-front",
     "{\"thingTypeName\":\"Door\",\"attributePayload\":{\"attributes\":{\"side\":\"street\"}}}"},
    {"POST", "/things/vehicle-van-7",
     "{\"thingTypeName\":\"Vehicle\",\"attributePayload\":{\"attributes\":{\"plate\":\"B-WR-7\"}}"
     "}"},
    {"POST", "/things/camera-gate", "{}"},
};

static wr_err ask(struct wr_admin_client *c, const char *method, const char *target,
                  const char *body, struct wr_buf *answer, struct wr_fault *fault)
{
    int status = 0;
    const struct wr_admin_ask one = {.method = method,
                                     .target = wr_str_of(target),
                                     .body = wr_str_of(body),
                                     .timeout_ms = TIMEOUT_MS,
                                     .answer = answer};
    wr_buf_clear(answer);
    wr_err err = wr_admin_client_ask(c, &one, &status, fault);
    if (!err && status >= 300) {
        struct wr_buf why = {0};
        wr_admin_client_complaint(answer, status, &why);
        err = wr_fault_set(fault, WR_ERR_FAILED, "%s: %s", target, wr_buf_terminated(&why));
        wr_buf_release(&why);
    }
    return err;
}

static wr_err read_link(const struct wr_buf *answer, struct wr_buf *link, struct wr_fault *fault)
{
    json_t *o = json_loadb(answer->at ? answer->at : "", answer->len, 0, NULL);
    const char *path = json_string_value(json_object_get(o, "path"));
    wr_err err = WR_OK;
    if (path) {
        wr_buf_addf(link, "http://127.0.0.1:%lld%s",
                    (long long)json_integer_value(json_object_get(o, "port")), path);
    } else {
        err = wr_fault_set(fault, WR_ERR_FAILED, "the answer has no link");
    }
    json_decref(o);
    return err;
}

wr_err wr_demo_console(const char *state_dir, struct wr_buf *link, struct wr_fault *fault)
{
    struct wr_buf path = {0}, answer = {0};
    struct wr_admin_client *c;
    wr_buf_addf(&path, "%s/admin.sock", state_dir);
    wr_err err = wr_admin_client_open(wr_buf_terminated(&path), &c, fault);
    wr_buf_release(&path);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < WR_COUNT(calls) && !err; i++) {
        err = ask(c, calls[i].method, calls[i].target, calls[i].body, &answer, fault);
    }
    if (!err) {
        err = ask(c, "POST", "/weir/v1/console-links", NULL, &answer, fault);
    }
    if (!err) {
        err = read_link(&answer, link, fault);
    }
    wr_admin_client_close(c);
    wr_buf_release(&answer);
    return err;
}
