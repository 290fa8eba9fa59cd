// Who may do what on admin.sock: the peer's uid and groups, as the kernel tells them, to a role.
// root and weir's own user are admin; others have what admin.users and admin.groups give, the most
// of what fits; nobody else has any, whoever may connect.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_ROLES_H
#define WR_ENGINE_ADMIN_ROLES_H

#include "engine/admin/router.h"

#define WR_ROLES_MAX 64 // entries of both options; each call looks at all of them

struct wr_role_entry {
    bool group;
    uint32_t id; // uid or gid
    enum wr_role role;
};
struct wr_roles {
    struct wr_role_entry entries[WR_ROLES_MAX];
    size_t count;
};

// Add "NAME=ROLE, NAME=ROLE": names or numbers of users (or groups). Faults: no such user, no such
// role, too many.
wr_err wr_roles_add(struct wr_roles *roles, wr_str text, bool groups,
                    struct wr_fault *fault) WR_MUST_CHECK;

// The role of a request's peer. WR_ROLE_NONE also when it is not known.
enum wr_role wr_roles_of(const struct wr_roles *roles, const struct wr_httpd_request *req);

// The gid of a group by its name or number.
wr_err wr_group_find(wr_str name, uint32_t *gid, struct wr_fault *fault) WR_MUST_CHECK;

#endif
