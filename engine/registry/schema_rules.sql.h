// The tables of topic rules. For schema.c.
#ifndef WR_ENGINE_REGISTRY_SCHEMA_RULES_SQL_H
#define WR_ENGINE_REGISTRY_SCHEMA_RULES_SQL_H

// `payload` is the call's, as JSON; `disabled` counts, not what that says. Every change adds one to
// `version`.
#define WR_SCHEMA_RULES                                                                    \
    "CREATE TABLE rules("                                                                  \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id)," \
    " name TEXT NOT NULL, payload TEXT NOT NULL, disabled INTEGER NOT NULL,"               \
    " version INTEGER NOT NULL, created INTEGER NOT NULL, UNIQUE(realm, name));"

// Topic rule destinations. `url` is that of http ones; `token` waits for its confirmation since
// `asked`; `reason` says why it has not come.
#define WR_SCHEMA_DESTINATIONS                                                             \
    "CREATE TABLE destinations("                                                           \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id)," \
    " uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, settings TEXT NOT NULL, url TEXT,"    \
    " status TEXT NOT NULL, reason TEXT, token TEXT UNIQUE, asked INTEGER NOT NULL,"       \
    " created INTEGER NOT NULL, changed INTEGER NOT NULL, UNIQUE(realm, url));"

#endif
