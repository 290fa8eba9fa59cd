// The rules as they run: those of the folder and those that the API has made, in one rule set. The
// registry holds the API's (table `rules`); the book is its copy in memory, compiled. One rule that
// changes is an edit of the set; what changes many makes a list of all, and the set becomes that.
// What hangs on the rules (filters, loops, the log) is looked at a little later, for all edits that
// have come by then:
//
//   API: compile (prepare) ─ registry ─ book ─ edit ─┬──────────────────────────► its answer
//   folder, tenants ─ all rules ─ edits ─────────────┴─ soon ─► filters, loops ─► answers that wait
//
// A call is answered once its rule runs and the sources have been told of its filter. Which rules
// run, and where: a tenant whose state is not ENABLED has none that run; a tenant with a broker of
// its own sees that broker's messages (rule.h, space), all others those of the source, below their
// prefix (control-plane.md 9). Thread: loop, but for wr_rule_book_read().
#ifndef WR_ENGINE_ADMIN_RULE_BOOK_H
#define WR_ENGINE_ADMIN_RULE_BOOK_H

#include <jansson.h>
#include <uv.h>

#include "engine/admin/tenants.h"
#include "engine/registry/db.h"
#include "engine/rules/folder.h"

struct wr_api_call;
struct wr_config;
struct wr_rule_book;

struct wr_rule_book_options {
    uv_loop_t *loop;
    const struct wr_config *config;
    struct wr_tenants *tenants;
    struct wr_metrics *metrics;
    // The last word on a rule before it is taken (opening its sinks).
    wr_err (*accept)(void *user, const struct wr_rule *rule, struct wr_fault *fault);
    bool (*elsewhere)(void *user, wr_str rule, bool error_action); // see wr_loops_check()
    // A rule is about to run; it may be so already.
    void (*enters)(void *user, struct wr_rule *rule);
    // A set, or the same one after edits. Borrowed. `files`: the folder's part of it is another
    // one.
    void (*changed)(void *user, struct wr_rule_set *set, bool files);
    // Rules of the API are gone: a file that had such a name may be taken now.
    void (*freed)(void *user);
    void *user;
};

// One rule of the API.
struct wr_book_rule {
    int64_t id; // its row: ascends as rules are made
    int64_t tenant;
    char region[32];
    char *name;
    char *payload; // as it was given, JSON
    bool disabled; // as it is now
    int64_t created_ms, version;
    struct wr_rule *rule; // NULL: `why`
    char *why;            // it cannot run here; NULL: it can
    uint64_t hash_;
    struct wr_book_rule *same_; // in its bucket
};

struct wr_rule_book *wr_rule_book_new(const struct wr_rule_book_options *options);
// `done` once its timers are closed; nobody waits any more by then. Before the tenants are freed.
// NULL: at once.
void wr_rule_book_close(struct wr_rule_book *b, void (*done)(void *user), void *user);

// Take the rows of the registry; they are compiled by wr_rule_book_start(). Thread: start.
void wr_rule_book_read(struct wr_rule_book *b, struct wr_db *db);
// Compile what was read, which `accept` must be ready for; before the folder is read. How many
// there are.
size_t wr_rule_book_start(struct wr_rule_book *b);

// The folder's rules are others: merged at once. Lent until the next call; NULL: there is none any
// more, and no set is made after that.
void wr_rule_book_set_files(struct wr_rule_book *b, const struct wr_folder *folder);
// wr_folder_options.accept: no rule of the API has the name; the default tenant's prefix.
wr_err wr_rule_book_accept_file(struct wr_rule_book *b, const struct wr_rule *rule,
                                struct wr_fault *fault) WR_MUST_CHECK;
// The folder's rule of this name. The default tenant's, in the region of weir.yaml.
bool wr_rule_book_file(const struct wr_rule_book *b, int64_t tenant, const char *region,
                       wr_str name, struct wr_folder_rule *out);
// Rules of files, in the order of their numbers, ascending; one after the other.
bool wr_rule_book_next_file(const struct wr_rule_book *b, int64_t tenant, const char *region,
                            int64_t after, struct wr_folder_rule *out);
const char *wr_rule_book_dir(const struct wr_rule_book *b);

// Compile a payload for a tenant and region; sinks are opened when it is enabled. `enabled` is what
// counts, not ruleDisabled. Faults: of SQL begin with "sql:LINE:COLUMN: "; WR_ERR_DENIED: the
// tenant may not have this FROM. Give: one lock.
wr_err wr_rule_book_compile(struct wr_rule_book *b, const struct wr_tenant *tenant,
                            const char *region, const char *name, const json_t *payload,
                            bool enabled, struct wr_rule **out,
                            struct wr_fault *fault) WR_MUST_CHECK;

// Borrowed until the next change. NULL: none.
const struct wr_book_rule *wr_rule_book_find(const struct wr_rule_book *b, int64_t tenant,
                                             const char *region, wr_str name);
// The first with an id beyond `after`, of this tenant and region.
const struct wr_book_rule *wr_rule_book_next(const struct wr_rule_book *b, int64_t tenant,
                                             const char *region, int64_t after);

// The registry has it: a new rule, or another version of a known one. Takes `r->name`,
// `r->payload` and `r->rule`.
void wr_rule_book_put(struct wr_rule_book *b, const struct wr_book_rule *r);
void wr_rule_book_remove(struct wr_rule_book *b, int64_t tenant, const char *region, wr_str name);
// Answer the call (wr_api_finish) once the sources know of what was put and removed until now: at
// once, when that is no matter of theirs.
void wr_rule_book_wait(struct wr_rule_book *b, struct wr_api_call *call);

// Who a rule's name belongs to: "acme/eu-west-1/hot" the tenant acme, "hot" the default one. NULL:
// the tenant is gone.
const struct wr_tenant *wr_rule_book_owner(const struct wr_rule_book *b, wr_str rule);
// Where messages of a tenant come from and its republish goes to: 0 the source, i + 1 brokers[i] of
// the configuration. False with why: its feature iot.broker names none that it can have.
bool wr_rule_book_space(const struct wr_rule_book *b, const struct wr_tenant *tenant,
                        uint32_t *space, struct wr_fault *fault);
// Whether the tenant that a rule belongs to may publish to a topic. False with why.
bool wr_rule_book_may_publish(const struct wr_rule_book *b, wr_str rule, wr_str topic,
                              struct wr_fault *fault);

#endif
