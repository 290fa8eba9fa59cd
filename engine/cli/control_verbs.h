// The verbs of the commands of the control plane, as tables: VERB(name, words, help). The commands
// themselves and the help, the completions and the man page are made from them.
#ifndef WR_ENGINE_CLI_CONTROL_VERBS_H
#define WR_ENGINE_CLI_CONTROL_VERBS_H

#define WR_THING_VERBS(VERB)                                                         \
    VERB(list, "[--type TYPE] [--attribute NAME=VALUE]", "the things, oldest first") \
    VERB(show, "NAME", "what is known of a thing")                                   \
    VERB(create, "NAME [--type TYPE] [--attribute NAME=VALUE]...", "a new thing")

#define WR_RULE_VERBS(VERB)                                                                        \
    VERB(list, "[--topic TOPIC] [--disabled|--enabled]",                                           \
         "the rules, those of files first; --topic: whose FROM matches it")                        \
    VERB(show, "NAME", "a rule with its statement and actions")                                    \
    VERB(create, "NAME [--file FILE] [--sql STATEMENT] [MEMBER]...",                               \
         "a new rule, of a document, or of a statement and what is said below")                    \
    VERB(replace, "NAME [--file FILE] [--sql STATEMENT] [MEMBER]...", "another rule in its place") \
    VERB(edit, "NAME [--sql STATEMENT] [MEMBER]...", "change what is said and no more")            \
    VERB(enable, "NAME", "let it run")                                                             \
    VERB(disable, "NAME", "keep it and do not let it run")                                         \
    VERB(delete, "NAME [--yes]", "take it away")
#define WR_RULE_MEMBERS                                                                    \
    "\n"                                                                                   \
    "  --file FILE          the document, with or without a ruleName; - is the standard "  \
    "input\n"                                                                              \
    "  --sql STATEMENT      and the members of a rule, over those of the document:\n"      \
    "  --sql-version V      2016-03-23 without a document\n"                               \
    "  --description TEXT\n"                                                               \
    "  --action JSON        '{\"KIND\": {…}}', or @FILE with it; once for each action\n" \
    "  --error-action JSON  likewise\n"                                                    \
    "  --disabled, --enabled\n"

#define WR_DESTINATIONS_VERBS(VERB)                                                            \
    VERB(list, "", "where rules may post to, and what has confirmed it")                       \
    VERB(show, "ARN", "one of them")                                                           \
    VERB(create, "URL", "a new one for what is below the URL; it is asked for a confirmation") \
    VERB(confirm, "TOKEN", "what the endpoint was sent; then enable it")                       \
    VERB(ask, "ARN", "ask it for its confirmation again, with another token")                  \
    VERB(enable, "ARN", "let rules post there; once it has confirmed")                         \
    VERB(disable, "ARN", "let rules post there no more")                                       \
    VERB(delete, "ARN [--yes]", "take it away")

#endif
