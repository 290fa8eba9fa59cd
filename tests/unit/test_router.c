// Which row of the admin router a request means, and what its labels and its query hold.
#include "engine/admin/roles.h"
#include "engine/admin/router.h"

#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static void nothing(struct wr_admin_call *call)
{
}

#define ROW(method, pattern)                                   \
    {                                                          \
        method, pattern, WR_ROLE_READER, WR_ON_SOCKET, nothing \
    }

// The special cases of control-plane.md 2: static before label, greedy labels.
static const struct wr_admin_route first[] = {
    ROW("PUT", "/thing-groups/{name}"),
    ROW("PUT", "/thing-groups/updateThingGroupsForThing"),
    ROW("GET", "/thing-groups/{name}"),
    ROW("GET", "/destinations/{arn+}"),
    ROW("POST", "/policies/{name}/version"),
    ROW("GET", "/policies/{name}/version"),
    ROW("GET", "/policies/{name}/version/{id}"),
};
static const struct wr_admin_route second[] = {
    ROW("GET", "/destinations/own"),
    {"DELETE", "/things/{name}", WR_ROLE_ADMIN, WR_ON_SOCKET, nothing},
    {"GET", "/metrics", WR_ROLE_NONE, WR_ON_SOCKET | WR_ON_METRICS, nothing},
};

static const struct {
    const char *name, *method, *path;
    enum wr_role role;
    unsigned listener;
    int status;
    const char *pattern; // status 0
    const char *labels;  // joined by "|"
    const char *allow;
} cases[] = {
    {"a label", "GET", "/thing-groups/a", WR_ROLE_READER, WR_ON_SOCKET, 0, "/thing-groups/{name}",
     "a|", ""},
    {"static before label", "PUT", "/thing-groups/updateThingGroupsForThing", WR_ROLE_READER,
     WR_ON_SOCKET, 0, "/thing-groups/updateThingGroupsForThing", "", ""},
    {"escapes", "GET", "/thing-groups/a%3Ab%2f%C3%BC", WR_ROLE_READER, WR_ON_SOCKET, 0,
     "/thing-groups/{name}", "a:b/\xc3\xbc|", ""},
    {"plus is plus", "GET", "/thing-groups/a+b", WR_ROLE_READER, WR_ON_SOCKET, 0,
     "/thing-groups/{name}", "a+b|", ""},
    {"a broken escape", "GET", "/thing-groups/a%3", WR_ROLE_READER, WR_ON_SOCKET, 400, NULL, NULL,
     NULL},
    {"another one", "GET", "/thing-groups/%zz", WR_ROLE_READER, WR_ON_SOCKET, 400, NULL, NULL,
     NULL},
    {"no label", "GET", "/thing-groups/", WR_ROLE_READER, WR_ON_SOCKET, 404, NULL, NULL, ""},
    {"a slash too many", "GET", "/thing-groups/a/", WR_ROLE_READER, WR_ON_SOCKET, 404, NULL, NULL,
     ""},
    {"greedy", "GET", "/destinations/arn%3Aaws%3Aiot/x/y", WR_ROLE_READER, WR_ON_SOCKET, 0,
     "/destinations/{arn+}", "arn:aws:iot/x/y|", ""},
    {"greedy and static, of two families", "GET", "/destinations/own", WR_ROLE_READER, WR_ON_SOCKET,
     0, "/destinations/own", "", ""},
    {"greedy wants something", "GET", "/destinations/", WR_ROLE_READER, WR_ON_SOCKET, 404, NULL,
     NULL, ""},
    {"two labels", "GET", "/policies/p/version/3", WR_ROLE_READER, WR_ON_SOCKET, 0,
     "/policies/{name}/version/{id}", "p|3|", ""},
    {"HEAD is GET", "HEAD", "/policies/p/version", WR_ROLE_READER, WR_ON_SOCKET, 0,
     "/policies/{name}/version", "p|", ""},
    {"another method", "DELETE", "/policies/p/version", WR_ROLE_READER, WR_ON_SOCKET, 405, NULL,
     NULL, "POST, GET"},
    {"a lesser role", "DELETE", "/things/t", WR_ROLE_OPERATOR, WR_ON_SOCKET, 403, NULL, NULL, ""},
    {"the role", "DELETE", "/things/t", WR_ROLE_ADMIN, WR_ON_SOCKET, 0, "/things/{name}", "t|", ""},
    {"another listener", "GET", "/thing-groups/a", WR_ROLE_ADMIN, WR_ON_METRICS, 404, NULL, NULL,
     ""},
    {"for nobody in particular", "GET", "/metrics", WR_ROLE_NONE, WR_ON_METRICS, 0, "/metrics", "",
     ""},
    {"nothing there", "GET", "/", WR_ROLE_ADMIN, WR_ON_SOCKET, 404, NULL, NULL, ""},
};

static void test_match(void **state)
{
    struct wr_router *r = wr_router_new();
    int users[2];
    wr_router_add(r, first, WR_COUNT(first), &users[0]);
    wr_router_add(r, second, WR_COUNT(second), &users[1]);
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        const char *name = cases[i].name;
        struct wr_http1_head head = {.method = Z(cases[i].method), .path = Z(cases[i].path)};
        struct wr_httpd_request req = {.head = &head};
        struct wr_admin_call call = {
            .req = &req, .role = cases[i].role, .listener = cases[i].listener, .arena = &arena};
        struct wr_buf allow = {0}, labels = {0};
        CHECK_INT(name, wr_router_match(r, &call, &allow), cases[i].status);
        if (cases[i].status == 0) {
            CHECK_STR(name, wr_str_of(call.route->pattern), Z(cases[i].pattern));
            bool from_first = call.route >= first && call.route < first + WR_COUNT(first);
            CHECK(name, call.user == &users[from_first ? 0 : 1]);
            for (size_t k = 0; k < WR_ADMIN_LABELS_MAX && call.labels[k].at; k++) {
                wr_buf_add(&labels, call.labels[k]);
                wr_buf_add_char(&labels, '|');
            }
            CHECK_STR(name, wr_buf_str(&labels), Z(cases[i].labels));
        }
        if (cases[i].status >= 404) {
            CHECK_STR(name, wr_buf_str(&allow), Z(cases[i].allow));
        }
        wr_buf_release(&allow);
        wr_buf_release(&labels);
        wr_arena_reset(&arena);
    }
    wr_arena_release(&arena);
    wr_router_free(r);
}

static void test_query(void **state)
{
    static const struct {
        const char *query, *name, *value; // NULL: not there
    } queries[] = {
        {"a=1&b=2", "b", "2"}, {"a=1", "b", NULL},    {"", "a", NULL},
        {"a", "a", ""},        {"a=", "a", ""},       {"a=x%20y+z%3D", "a", "x y z="},
        {"%61=1", "a", "1"},   {"a=1&a=2", "a", "1"}, {"aa=1&a=2", "a", "2"},
        {"a=%4", "a", NULL},   {"&&a=1", "a", "1"},   {"a=b=c", "a", "b=c"},
    };
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < WR_COUNT(queries); i++) {
        struct wr_http1_head head = {.query = Z(queries[i].query)};
        struct wr_httpd_request req = {.head = &head};
        const struct wr_admin_call call = {.req = &req, .arena = &arena};
        wr_str value;
        bool there = wr_admin_query(&call, Z(queries[i].name), &value);
        CHECK_INT(queries[i].query, there, queries[i].value != NULL);
        if (there && queries[i].value) {
            CHECK_STR(queries[i].query, value, Z(queries[i].value));
        }
    }
    wr_arena_release(&arena);
}

static void test_roles(void **state)
{
    static const struct {
        const char *text;
        wr_err want;
        size_t count;
        const char *fault;
    } texts[] = {
        {"", WR_OK, 0, NULL},
        {" 12=admin , root=reader", WR_OK, 2, NULL},
        {"12=king", WR_ERR_UNKNOWN, 0,
         "12: found the role \"king\", expected admin, operator or reader"},
        {"12=none", WR_ERR_UNKNOWN, 0,
         "12: found the role \"none\", expected admin, operator or reader"},
        {"=admin", WR_ERR_SYNTAX, 0, "found \"=admin\", expected user=ROLE"},
        {"4294967295=admin", WR_ERR_UNKNOWN, 0, "this system has no user \"4294967295\""},
        {"-1=admin", WR_ERR_UNKNOWN, 0, "this system has no user \"-1\""},
        {"1=admin,,2=admin", WR_ERR_SYNTAX, 1, "found \"\", expected user=ROLE"},
    };
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        struct wr_roles roles = {0};
        struct wr_fault fault = {0};
        CHECK_INT(texts[i].text, wr_roles_add(&roles, Z(texts[i].text), false, &fault),
                  texts[i].want);
        CHECK_INT(texts[i].text, roles.count, texts[i].count);
        if (texts[i].fault) {
            CHECK_STR(texts[i].text, wr_str_of(fault.text), Z(texts[i].fault));
        }
    }
    struct wr_roles roles = {0};
    struct wr_buf many = {0};
    for (int i = 0; i <= WR_ROLES_MAX; i++) {
        wr_buf_addf(&many, "%s%d=reader", i ? "," : "", i + 1);
    }
    CHECK_INT("too many", wr_roles_add(&roles, wr_buf_str(&many), true, NULL), WR_ERR_LIMIT);
    CHECK_INT("too many", roles.count, WR_ROLES_MAX);
    wr_buf_release(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_match), T(test_query), T(test_roles)};
    return TEST_MAIN(tests);
}
