// What goes into the audit log of a call, and the log over the API.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/admin/audit.h"
#include "engine/admin/families.h"
#include "engine/config.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define PAGE      100
#define PAGE_MAX  1000
#define BYTES_MAX (4u << 20) // of a page: the answer is built in memory

// ---- which things it is about: what the operation has named itself, else by its members

static const struct {
    const char *member, *type;
} resources[] = {
    {"thingName", "thing"},           {"thingTypeName", "thingtype"},
    {"thingGroupName", "thinggroup"}, {"billingGroupName", "billinggroup"},
    {"certificateId", "cert"},        {"caCertificateId", "cacert"},
    {"policyName", "policy"},         {"ruleName", "rule"},
    {"roleAlias", "rolealias"},       {"domainConfigurationName", "domainconfiguration"},
};

static bool holds(const json_t *list, const char *text)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        if (!strcmp(json_string_value(one), text)) {
            return true;
        }
    }
    return false;
}

static void add_arn(json_t *to, const char *arn)
{
    if (arn && !holds(to, arn)) {
        json_array_append_new(to, json_string(arn));
    }
}

// Give; NULL: none.
static json_t *arns_of(const struct wr_api_call *c)
{
    json_t *arns = json_array();
    json_array_extend(arns, json_object_get(c->audit, "arns"));
    char arn[512];
    for (size_t i = 0; i < WR_COUNT(resources); i++) {
        const char *name = wr_api_text(c, resources[i].member);
        if (name) {
            add_arn(arns, wr_api_arn(c, arn, "%s/%s", resources[i].type, name));
        }
    }
    const json_t *from[] = {c->in, c->error ? NULL : c->out};
    for (size_t i = 0; i < WR_COUNT(from); i++) {
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)from[i], name, value)
        {
            const char *text = json_string_value(value);
            // A pass phrase may be any text.
            if (text && !strncmp(text, "arn:", 4) && strcmp(name, "passphrase") != 0) {
                add_arn(arns, text);
            }
        }
    }
    if (!json_array_size(arns)) {
        json_decref(arns);
        arns = NULL;
    }
    return arns;
}

// ---- the line

static bool is_refusal(enum wr_api_error e)
{
    return e == WR_API_ACCESS_DENIED || e == WR_API_UNAUTHORIZED;
}

bool wr_api_audit(struct wr_api_call *c, void (*done)(void *call, bool written))
{
    struct wr_audit *audit = wr_api_options(c->api)->audit;
    bool changes = c->op->write || c->op->secret || c->audit;
    bool all = c->op->path && !strcmp(wr_api_config(c->api)->audit, "all");
    if (!audit || !(changes || all || is_refusal(c->error))) {
        return false;
    }
    json_t *arns = arns_of(c);
    bool wait = !c->error && (c->op->secret || c->op->synced);
    wr_audit_write(audit,
                   &(struct wr_audit_entry){
                       .time_ms = c->now_ms,
                       .tenant = c->caller.tenant_name,
                       .region = c->caller.region,
                       .actor = c->caller.actor[0] ? c->caller.actor : "nobody",
                       .from = c->caller.from,
                       .request = c->op->path ? c->request_id : NULL,
                       .operation = c->op->name,
                       .subject = wr_api_text(c, "tenant"),
                       .outcome = wr_api_error_code(c->error),
                       .arns = arns,
                       .changes = c->error ? NULL : json_object_get(c->audit, "changes"),
                       .refused = c->error != WR_API_OK,
                   },
                   wait ? done : NULL, c);
    json_decref(arns);
    return wait;
}

void wr_api_audit_refused(const struct wr_admin_call *call, const char *code,
                          const char *request_id)
{
    if (!call->audit) {
        return;
    }
    const struct wr_api_caller *caller = call->caller;
    char from[WR_HTTPD_ADDRESS_MAX + 8], operation[160], actor[64], address[WR_HTTPD_ADDRESS_MAX];
    wr_httpd_address(call->req, address);
    snprintf(from, sizeof from, "%s%s", call->listener == WR_ON_SOCKET ? "socket" : "tcp ",
             call->listener == WR_ON_SOCKET ? "" : address);
    snprintf(operation, sizeof operation, "%s %s", call->route ? call->route->method : "",
             call->route ? call->route->pattern : "");
    snprintf(actor, sizeof actor, "%s", call->claimed);
    if (call->has_peer) {
        snprintf(actor, sizeof actor, "uid %u pid %lld", call->peer.uid, (long long)call->peer.pid);
    }
    wr_audit_write(call->audit,
                   &(struct wr_audit_entry){
                       .time_ms = wr_wall_ms(),
                       .tenant = caller ? caller->tenant_name : NULL,
                       .region = caller ? caller->region : NULL,
                       .actor = caller     ? caller->actor
                                : actor[0] ? actor
                                           : "nobody",
                       .from = from,
                       .request = request_id,
                       .operation = call->operation ? call->operation : operation,
                       .outcome = code,
                       .refused = strcmp(code, "BEGUN") != 0,
                   },
                   NULL, NULL);
}

// ---- GET /weir/v1/audit[?tenant=T][&after=SEQ][&maxResults=N]: lines from the begin, or after
// one;
//      {"lines":[…],"after":SEQ}, `after` when there are more
//      GET /weir/v1/audit?last=N[&before=SEQ]: the newest, or the newest before one, in their
//      order; {"lines":[…],"before":SEQ}, `before` when there may be older ones

struct page {
    struct wr_buf text; // {"lines":[…
    uint64_t last;
    int64_t count, limit;
    bool more;
};

static bool add_line(void *user, uint64_t seq, wr_str line)
{
    struct page *p = user;
    if (p->count == p->limit || p->text.len > BYTES_MAX) {
        p->more = true;
        return false;
    }
    wr_buf_addf(&p->text, "%s", p->count ? "," : "");
    wr_buf_add(&p->text, line);
    p->count++;
    p->last = seq;
    return true;
}

// The newest lines before one: a window at the end of the log is widened until they are in it, then
// it is read without the lines in front of them.
struct newest {
    struct page *page; // NULL: only counts
    uint64_t end;      // the last line that is meant
    int64_t count, skip;
    uint64_t first;
};

static bool add_newest(void *user, uint64_t seq, wr_str line)
{
    struct newest *n = user;
    if (seq > n->end) {
        return false;
    }
    n->count++;
    if (!n->page || n->count <= n->skip) {
        return true;
    }
    n->first = n->first ? n->first : seq;
    return add_line(n->page, seq, line);
}

static wr_err last_line(const char *path, uint64_t *seq, struct wr_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    struct wr_audit_end end;
    wr_err err = wr_audit_find_end(fd, &end, fault);
    *seq = err ? 0 : end.seq;
    close(fd);
    return err;
}

// `first`: of the lines that were read; 0: there are none before them.
static wr_err read_newest(const char *path, uint64_t before, const char *tenant, struct page *p,
                          uint64_t *first, struct wr_fault *fault)
{
    struct newest n = {.end = before - 1};
    wr_err err = before ? WR_OK : last_line(path, &n.end, fault);
    uint64_t span = (uint64_t)p->limit, after = 0;
    for (bool wider = true; wider && !err; span *= 8) {
        after = n.end > span ? n.end - span : 0;
        n.count = 0;
        err = wr_audit_read(path, after, tenant, add_newest, &n, fault);
        wider = after > 0 && n.count < p->limit;
    }
    int64_t found = n.count;
    size_t empty = p->text.len;
    for (bool full = true; full && !err;) {
        n = (struct newest){.page = p, .end = n.end};
        n.skip = found > p->limit ? found - p->limit : 0;
        p->text.len = empty;
        p->count = 0;
        p->more = false;
        err = wr_audit_read(path, after, tenant, add_newest, &n, fault);
        full = p->more; // too many bytes: fewer lines
        p->limit /= full ? 2 : 1;
    }
    *first = n.skip || after ? n.first : 0;
    return err;
}

// Thread: the pool's.
static void read_log(struct wr_api_call *c)
{
    int64_t newest = wr_api_int(c, "last", 0);
    struct page p = {.limit = newest ? newest : wr_api_int(c, "maxResults", PAGE)};
    struct wr_buf path = {0};
    struct wr_fault fault = {0};
    const char *asked = wr_api_text(c, "tenant");
    const char *tenant = c->caller.all_tenants ? asked : c->caller.tenant_name;
    wr_buf_addf(&path, "%s/audit.log", wr_api_options(c->api)->state_dir);
    wr_buf_add(&p.text, WR_STR("{\"lines\":["));
    uint64_t first = 0;
    wr_err err = newest
                     ? read_newest(wr_buf_terminated(&path), (uint64_t)wr_api_int(c, "before", 0),
                                   tenant, &p, &first, &fault)
                     : wr_audit_read(wr_buf_terminated(&path), (uint64_t)wr_api_int(c, "after", 0),
                                     tenant, add_line, &p, &fault);
    wr_buf_addf(&p.text, "]");
    if (first) {
        wr_buf_addf(&p.text, ",\"before\":%llu", (unsigned long long)first);
    } else if (!newest && p.more) {
        wr_buf_addf(&p.text, ",\"after\":%llu", (unsigned long long)p.last);
    }
    wr_buf_add_char(&p.text, '}');
    if (err) {
        wr_api_fail(c, WR_API_INTERNAL_FAILURE, "%s", fault.text);
    } else {
        c->raw_type = "application/json";
        c->raw = wr_strdup(wr_buf_str(&p.text));
        c->raw_len = p.text.len;
    }
    wr_buf_release(&p.text);
    wr_buf_release(&path);
}

static void check_whose(struct wr_api_call *c)
{
    wr_str tenant = wr_api_str(c, "tenant");
    if (!c->caller.all_tenants && tenant.at &&
        !wr_str_eq(tenant, wr_str_of(c->caller.tenant_name))) {
        wr_api_fail(c, WR_API_ACCESS_DENIED, "that is another tenant");
    }
}

static const struct wr_api_member list_in[] = {
    WR_API_QUERY("tenant", STRING, .pattern = WR_API_TENANT_PATTERN, .min = 1, .max = 39),
    WR_API_QUERY("after", INT, .min = 0),
    WR_API_QUERY("maxResults", INT, .min = 1, .max = PAGE_MAX),
    WR_API_QUERY("last", INT, .min = 1, .max = PAGE_MAX),
    WR_API_QUERY("before", INT, .min = 1),
    {0}};

static const struct wr_api_operation operations[] = {
    {.name = "ListAuditLines",
     .method = "GET",
     .path = "/weir/v1/audit",
     .in = list_in,
     .own_only = true,
     .any_tenant = true,
     .least = WR_ROLE_ADMIN,
     .prepare = check_whose,
     .work = read_log},
};

void wr_api_add_audit(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
