// Things, their types and groups: the step of schema.c, as one text.
// Thread: start.
#ifndef WR_ENGINE_REGISTRY_SCHEMA_THINGS_SQL_H
#define WR_ENGINE_REGISTRY_SCHEMA_THINGS_SQL_H

// Every table has its realm, so that one can be emptied; numbers that point are rows of the same
// realm. Lists go by `id`, so each column that filters has an index, which ends in `id` by itself.
//
// thing_types, billing_groups: `properties` is what is answered under that name.
//
// things: `attributes` is a JSON object of strings. thing_attributes has them once more, to be
// found by. Searching does not see the case of values, lists do: they compare twice.
//
// thing_groups: a group never gets another parent, so its root and depth (1: a root) stay.
// thing_group_members: the key is the rule that a thing is in one group of a hierarchy.
//
// thing_principals: `cert_id` is one of the realm's certificates.
//
// indexing: what UpdateIndexingConfiguration was given, JSON.
#define WR_SCHEMA_THINGS                                                                       \
    "CREATE TABLE thing_types("                                                                \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"     \
    " name TEXT NOT NULL, type_id TEXT NOT NULL, properties TEXT NOT NULL,"                    \
    " created INTEGER NOT NULL, deprecated INTEGER, UNIQUE(realm, name));"                     \
    "CREATE INDEX thing_types_realm ON thing_types(realm);"                                    \
    "CREATE TABLE billing_groups("                                                             \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"     \
    " name TEXT NOT NULL, group_id TEXT NOT NULL, properties TEXT NOT NULL,"                   \
    " version INTEGER NOT NULL, created INTEGER NOT NULL, UNIQUE(realm, name));"               \
    "CREATE INDEX billing_groups_realm ON billing_groups(realm);"                              \
    "CREATE TABLE things("                                                                     \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"     \
    " name TEXT NOT NULL, thing_id TEXT NOT NULL, type INTEGER REFERENCES thing_types(id),"    \
    " billing INTEGER REFERENCES billing_groups(id), attributes TEXT NOT NULL,"                \
    " version INTEGER NOT NULL, created INTEGER NOT NULL, UNIQUE(realm, name));"               \
    "CREATE INDEX things_realm ON things(realm);"                                              \
    "CREATE INDEX things_search ON things(realm, name COLLATE NOCASE);"                        \
    "CREATE INDEX things_type ON things(type) WHERE type IS NOT NULL;"                         \
    "CREATE INDEX things_billing ON things(billing) WHERE billing IS NOT NULL;"                \
    "CREATE TABLE thing_attributes("                                                           \
    " realm INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL COLLATE NOCASE,"         \
    " thing INTEGER NOT NULL, PRIMARY KEY(realm, name, value, thing)) WITHOUT ROWID;"          \
    "CREATE INDEX thing_attributes_name ON thing_attributes(realm, name, thing);"              \
    "CREATE INDEX thing_attributes_value ON thing_attributes(realm, value, thing);"            \
    "CREATE TABLE thing_groups("                                                               \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"     \
    " name TEXT NOT NULL, group_id TEXT NOT NULL, parent INTEGER REFERENCES thing_groups(id)," \
    " root INTEGER, depth INTEGER NOT NULL, description TEXT, attributes TEXT,"                \
    " version INTEGER NOT NULL, created INTEGER NOT NULL, UNIQUE(realm, name));"               \
    "CREATE INDEX thing_groups_realm ON thing_groups(realm);"                                  \
    "CREATE INDEX thing_groups_parent ON thing_groups(parent) WHERE parent IS NOT NULL;"       \
    "CREATE TABLE thing_group_members("                                                        \
    " root INTEGER NOT NULL, thing INTEGER NOT NULL REFERENCES things(id),"                    \
    " grp INTEGER NOT NULL REFERENCES thing_groups(id), realm INTEGER NOT NULL,"               \
    " PRIMARY KEY(root, thing)) WITHOUT ROWID;"                                                \
    "CREATE INDEX thing_group_members_thing ON thing_group_members(thing, grp);"               \
    "CREATE INDEX thing_group_members_grp ON thing_group_members(grp, thing);"                 \
    "CREATE TABLE thing_principals("                                                           \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL,"                           \
    " thing INTEGER NOT NULL REFERENCES things(id), cert_id TEXT NOT NULL,"                    \
    " exclusive INTEGER NOT NULL, UNIQUE(thing, cert_id));"                                    \
    "CREATE INDEX thing_principals_cert ON thing_principals(realm, cert_id);"                  \
    "CREATE INDEX thing_principals_thing ON thing_principals(thing);"                          \
    "CREATE TABLE indexing("                                                                   \
    " realm INTEGER PRIMARY KEY REFERENCES realms(id), things TEXT, groups TEXT);"

#endif
