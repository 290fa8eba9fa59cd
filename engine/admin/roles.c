// Users and groups to roles.
#include "engine/admin/roles.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define NAME_LEN 256 // of a user, group or role

static bool is_number(const char *text, uint32_t *out)
{
    uint64_t n = 0;
    for (const char *at = text; *at; at++) {
        n = n * 10 + (uint64_t)(*at - '0');
        if (*at < '0' || *at > '9' || n >= UINT32_MAX) { // the highest is "none"
            return false;
        }
    }
    *out = (uint32_t)n;
    return *text != '\0';
}

static bool find_id(const char *name, bool group, uint32_t *id)
{
    if (is_number(name, id)) {
        return true;
    }
    if (group) {
        const struct group *g = getgrnam(name);
        *id = g ? g->gr_gid : 0;
        return g != NULL;
    }
    const struct passwd *p = getpwnam(name);
    *id = p ? p->pw_uid : 0;
    return p != NULL;
}

static wr_str trim(wr_str s)
{
    while (s.len && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s = wr_str_cut(s, 1, s.len);
    }
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static bool terminate(wr_str s, char text[NAME_LEN])
{
    if (!s.len || s.len >= NAME_LEN) {
        return false;
    }
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    return true;
}

static bool role_of(wr_str text, enum wr_role *out)
{
    for (int i = WR_ROLE_READER; i <= WR_ROLE_ADMIN; i++) {
        if (wr_str_eq(text, wr_str_of(wr_role_text((enum wr_role)i)))) {
            *out = (enum wr_role)i;
            return true;
        }
    }
    return false;
}

static wr_err add_one(struct wr_roles *roles, wr_str entry, bool group, struct wr_fault *fault)
{
    const char *what = group ? "group" : "user";
    ptrdiff_t equals = wr_str_find(entry, WR_STR("="));
    char name[NAME_LEN];
    struct wr_role_entry e = {.group = group};
    if (equals < 0 || !terminate(trim(wr_str_cut(entry, 0, (size_t)equals)), name)) {
        return wr_fault_set(fault, WR_ERR_SYNTAX, "found \"%.*s\", expected %s=ROLE",
                            WR_STR_ARG(entry), what);
    }
    wr_str role = trim(wr_str_cut(entry, (size_t)equals + 1, entry.len));
    if (!role_of(role, &e.role)) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN,
                            "%s: found the role \"%.*s\", expected admin, operator or reader", name,
                            WR_STR_ARG(role));
    }
    if (!find_id(name, group, &e.id)) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "this system has no %s \"%s\"", what, name);
    }
    if (roles->count == WR_ROLES_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "more than %d users and groups", WR_ROLES_MAX);
    }
    roles->entries[roles->count++] = e;
    return WR_OK;
}

wr_err wr_roles_add(struct wr_roles *roles, wr_str text, bool groups, struct wr_fault *fault)
{
    wr_err err = WR_OK;
    text = trim(text);
    while (!err && text.len) {
        ptrdiff_t comma = wr_str_find(text, WR_STR(","));
        wr_str entry = comma < 0 ? text : wr_str_cut(text, 0, (size_t)comma);
        text = comma < 0 ? (wr_str){0} : wr_str_cut(text, (size_t)comma + 1, text.len);
        err = add_one(roles, trim(entry), groups, fault);
    }
    return err;
}

enum wr_role wr_roles_of(const struct wr_roles *roles, const struct wr_httpd_request *req)
{
    struct wr_httpd_peer peer;
    if (!wr_httpd_peer(req, &peer)) {
        return WR_ROLE_NONE;
    }
    if (peer.uid == 0 || peer.uid == geteuid()) {
        return WR_ROLE_ADMIN;
    }
    enum wr_role best = WR_ROLE_NONE;
    for (size_t i = 0; i < roles->count; i++) {
        const struct wr_role_entry *e = &roles->entries[i];
        if (e->role > best && (e->group ? wr_httpd_peer_in_group(req, e->id) : e->id == peer.uid)) {
            best = e->role;
        }
    }
    return best;
}

wr_err wr_group_find(wr_str name, uint32_t *gid, struct wr_fault *fault)
{
    char text[NAME_LEN];
    if (terminate(name, text) && find_id(text, true, gid)) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN, "this system has no group \"%.*s\"",
                        WR_STR_ARG(name));
}
