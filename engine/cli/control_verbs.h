// The verbs of the commands of the control plane, as tables: VERB(name, words, help). The commands
// themselves and the help, the completions and the man page are made from them.
#ifndef WR_ENGINE_CLI_CONTROL_VERBS_H
#define WR_ENGINE_CLI_CONTROL_VERBS_H

#define WR_TENANT_VERBS(VERB)                                                                \
    VERB(list, "[--deleted]", "all tenants, oldest first; or those in the trash")            \
    VERB(show, "NAME", "a tenant with its features and its CA")                              \
    VERB(create, "NAME [--feature NAME=VALUE]... [--account ID] [--enable]", "a new tenant") \
    VERB(enable, "NAME", "switch AWS IoT on for it, and wait until it is")                   \
    VERB(disable, "NAME", "switch it off: its data stay, its devices do not connect")        \
    VERB(feature, "NAME [FEATURE] [VALUE] [--unset]", "all features, one, or set one")       \
    VERB(delete, "NAME", "delete a tenant that is switched off; its account stays taken")    \
    VERB(rotate, "NAME", "a new CA: it signs from then on, the one before stays known")      \
    VERB(purge, "ACCOUNT", "destroy what a deleted tenant had; its account stays taken")     \
    VERB(reset, "NAME", "test mode only: empty its registry")                                \
    VERB(key, "create|list|delete NAME [ID] [--role ROLE] [--ttl TIME]",                     \
         "access keys; a secret is shown once")                                              \
    VERB(token, "create|list|delete NAME [ID] [--role ROLE] [--ttl TIME] [--name TEXT]",     \
         "bearer tokens; one is shown once")

#define WR_THING_VERBS(VERB)                                                                    \
    VERB(list, "[--type TYPE] [--attribute NAME=VALUE]", "the things, oldest first")            \
    VERB(show, "NAME", "what is known of a thing, and its certificates")                        \
    VERB(create, "NAME [--type TYPE] [--attribute NAME=VALUE]... [--cert CERTIFICATE]",         \
         "a new thing, with the certificate attached or not at all")                            \
    VERB(update, "NAME [--type TYPE] [--untype] [--attribute NAME=VALUE]... [--replace]",       \
         "change attributes, an empty value removes one; --replace: all of them")               \
    VERB(delete, "NAME", "delete it; certificates that are attached are detached if you agree") \
    VERB(attach, "NAME CERTIFICATE [--exclusive]", "attach a certificate")                      \
    VERB(detach, "NAME CERTIFICATE", "detach it")                                               \
    VERB(package, "NAME [--cert CERTIFICATE] [--out FILE] [--passphrase-file FILE]",            \
         "fetch its device package (zip); a key that weir keeps can be fetched once")

#define WR_CERT_VERBS(VERB)                                                                    \
    VERB(list, "", "the certificates, newest first")                                           \
    VERB(show, "CERTIFICATE", "a certificate with its things and policies")                    \
    VERB(create, "[--csr FILE] [--active] [--escrow] [--key-type TYPE] [--out FOLDER]",        \
         "a new key and certificate into files, or a certificate for a request")               \
    VERB(activate, "CERTIFICATE", "ACTIVE: it may connect")                                    \
    VERB(deactivate, "CERTIFICATE", "INACTIVE: it may not, and is dropped if it is connected") \
    VERB(revoke, "CERTIFICATE", "REVOKED: for good")                                           \
    VERB(renew, "CERTIFICATE",                                                                 \
         "a new key and certificate in its place, kept for the device package")                \
    VERB(delete, "CERTIFICATE [--force]", "delete it; --force: although it has policies")

#define WR_POLICY_VERBS(VERB)                                                     \
    VERB(list, "", "the policies, oldest first")                                  \
    VERB(show, "NAME [VERSION]", "a policy's document")                           \
    VERB(create, "NAME FILE", "a new policy; - is standard input")                \
    VERB(update, "NAME FILE", "a new version, which is the default from then on") \
    VERB(versions, "NAME", "its versions")                                        \
    VERB(default, "NAME VERSION", "another version as the default")               \
    VERB(attach, "NAME TARGET", "to a certificate, or the ARN of a thing group")  \
    VERB(detach, "NAME TARGET", "from it")                                        \
    VERB(targets, "NAME", "what it is attached to")                               \
    VERB(delete, "NAME", "delete it, with its versions")

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
