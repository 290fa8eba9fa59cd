// The verbs of the commands of the control plane, as tables: VERB(name, words, help). The commands
// themselves and the help, the completions and the man page are made from them.
#ifndef WR_ENGINE_CLI_CONTROL_VERBS_H
#define WR_ENGINE_CLI_CONTROL_VERBS_H

#define WR_THING_VERBS(VERB)                                                         \
    VERB(list, "[--type TYPE] [--attribute NAME=VALUE]", "the things, oldest first") \
    VERB(show, "NAME", "what is known of a thing")                                   \
    VERB(create, "NAME [--type TYPE] [--attribute NAME=VALUE]...", "a new thing")

#endif
