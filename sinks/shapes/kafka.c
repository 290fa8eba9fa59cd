// Members of kafka (actions.md 4.6), and what its client properties need together.
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

#define HEADER_BYTES_MAX 16384 // API model, of a header's key and value

enum { DESTINATION, TOPIC, KEY, PARTITION, HEADERS, PROPERTIES };

static const struct wr_option options[] = {
    [DESTINATION] = {"destinationArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                     .unit = "ARN", .help = "The rule destination in a VPC; checked and kept."},
    [TOPIC] = {"topic", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
               .help = "Kafka topic to produce to."},
    [KEY] = {"key", WR_OPT_STRING, WR_OPT_TEMPLATE, .help = "Key of the record."},
    [PARTITION] = {"partition", WR_OPT_STRING, WR_OPT_TEMPLATE,
                   .help = "Partition, a whole number of 0 or more; without it the key decides."},
    [HEADERS] = {"headers", WR_OPT_PAIRS, WR_OPT_TEMPLATE | WR_OPT_KEYS, .min = 1, .max = 100,
                 .help = "Headers of the record."},
    [PROPERTIES] = {"clientProperties", WR_OPT_PAIRS,
                    WR_OPT_REQUIRED | WR_OPT_MAP | WR_OPT_TEMPLATE,
                    .help =
                        "Properties of the Java producer. Templates only in ssl.truststore, "
                        "ssl.keystore, their passwords, sasl user names, passwords and keytab."},
    {0},
};

// A client property: what a constant may be ("a|b", NULL: anything), and whether a template may
// stand there (D lists the stores, keystore passwords and keytab; secrets go into the others).
static const struct property {
    const char *name, *choices;
    bool template;
} properties[] = {
    {"acks", "-1|0|1|all", false},
    {"bootstrap.servers", NULL, false},
    {"compression.type", "none|gzip|snappy|lz4|zstd", false},
    // the last two are weir's, for brokers on the same machine
    {"security.protocol", "SSL|SASL_SSL|PLAINTEXT|SASL_PLAINTEXT", false},
    {"key.serializer", NULL, false},
    {"value.serializer", NULL, false},
    {"ssl.truststore", NULL, true},
    {"ssl.truststore.password", NULL, true},
    {"ssl.keystore", NULL, true},
    {"ssl.keystore.password", NULL, true},
    {"ssl.key.password", NULL, true},
    {"sasl.mechanism", "PLAIN|SCRAM-SHA-512|GSSAPI", false},
    {"sasl.plain.username", NULL, true},
    {"sasl.plain.password", NULL, true},
    {"sasl.scram.username", NULL, true},
    {"sasl.scram.password", NULL, true},
    {"sasl.kerberos.keytab", NULL, true},
    {"sasl.kerberos.service.name", NULL, false},
    {"sasl.kerberos.krb5.kdc", NULL, false},
    {"sasl.kerberos.krb5.realm", NULL, false},
    {"sasl.kerberos.principal", NULL, false},
};

// Property `name` of the rule, or text at NULL.
static wr_str get(const struct wr_param *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++) {
        if (wr_str_eq(p->keys[i], wr_str_of(name))) {
            return (wr_str){p->values[i].at ? p->values[i].at : "", p->values[i].len};
        }
    }
    return (wr_str){0};
}

static bool is_one_of(wr_str text, const char *choices)
{
    for (const char *at = choices; at;) {
        const char *bar = strchr(at, '|');
        size_t len = bar ? (size_t)(bar - at) : strlen(at);
        if (wr_str_eq(text, (wr_str){at, len})) {
            return true;
        }
        at = bar ? bar + 1 : NULL;
    }
    return false;
}

static wr_err check_property(wr_str key, wr_str value, struct wr_fault *fault)
{
    for (size_t i = 0; i < WR_COUNT(properties); i++) {
        const struct property *p = &properties[i];
        if (!wr_str_eq(key, wr_str_of(p->name))) {
            continue;
        }
        if (wr_shape_has_template(value)) {
            return p->template ? WR_OK
                               : wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                                              "clientProperties.%s: substitution templates are not "
                                              "accepted here",
                                              p->name);
        }
        if (p->choices && !is_one_of(value, p->choices)) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "clientProperties.%s: expected one of %s, found \"%.*s\"", p->name,
                                p->choices, WR_STR_ARG(value));
        }
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN,
                        "clientProperties.%.*s: there is no such property that AWS takes",
                        WR_STR_ARG(key));
}

// Each of `names` (NULL-terminated) must be there, `why`.
static wr_err need(const struct wr_param *p, const char *const *names, const char *why,
                   struct wr_fault *fault)
{
    char missing[256] = "";
    size_t len = 0;
    for (size_t i = 0; names[i]; i++) {
        if (get(p, names[i]).len == 0) {
            size_t more = strlen(names[i]) + (len ? 2 : 0);
            if (len + more < sizeof missing) {
                memcpy(missing + len, len ? ", " : "", len ? 2 : 0);
                memcpy(missing + len + (len ? 2 : 0), names[i], strlen(names[i]) + 1);
                len += more;
            }
        }
    }
    if (len == 0) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_MISSING, "clientProperties: missing %s, which %s needs",
                        missing, why);
}

static wr_err check_sasl(const struct wr_param *p, struct wr_fault *fault)
{
    static const char *const sasl[] = {"sasl.mechanism", NULL};
    static const char *const plain[] = {"sasl.plain.username", "sasl.plain.password", NULL};
    static const char *const scram[] = {"sasl.scram.username", "sasl.scram.password", NULL};
    static const char *const kerberos[] = {"sasl.kerberos.keytab",    "sasl.kerberos.service.name",
                                           "sasl.kerberos.krb5.kdc",  "sasl.kerberos.krb5.realm",
                                           "sasl.kerberos.principal", NULL};
    wr_str mechanism = get(p, "sasl.mechanism");
    wr_err err = need(p, sasl, "security.protocol SASL_SSL", fault);
    if (!err && wr_str_eq(mechanism, WR_STR("PLAIN"))) {
        err = need(p, plain, "sasl.mechanism PLAIN", fault);
    } else if (!err && wr_str_eq(mechanism, WR_STR("SCRAM-SHA-512"))) {
        err = need(p, scram, "sasl.mechanism SCRAM-SHA-512", fault);
    } else if (!err && wr_str_eq(mechanism, WR_STR("GSSAPI"))) {
        err = need(p, kerberos, "sasl.mechanism GSSAPI", fault);
    }
    return err;
}

// actions.md 4.6, "required together".
static wr_err check_together(const struct wr_param *p, struct wr_fault *fault)
{
    static const char *const always[] = {"bootstrap.servers", NULL};
    static const char *const ssl[] = {"ssl.keystore", "ssl.keystore.password", NULL};
    wr_str protocol = get(p, "security.protocol");
    wr_err err = need(p, always, "every Kafka action", fault);
    if (!err && (!protocol.at || wr_str_eq(protocol, WR_STR("SSL")))) {
        err = need(p, ssl, "security.protocol SSL", fault);
    } else if (!err && wr_str_eq(protocol, WR_STR("SASL_SSL"))) {
        err = check_sasl(p, fault);
    }
    return err;
}

static wr_err check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    const struct wr_param *p = &params[PROPERTIES], *headers = &params[HEADERS];
    for (size_t i = 0; i < p->count; i++) {
        wr_err err = check_property(p->keys[i], p->values[i], fault);
        if (err) {
            return err;
        }
    }
    for (size_t i = 0; i < headers->count; i++) {
        if (headers->keys[i].len > HEADER_BYTES_MAX || headers->values[i].len > HEADER_BYTES_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "headers[%zu]: more than %d bytes", i,
                                HEADER_BYTES_MAX);
        }
    }
    if (params[PARTITION].set && constant[PARTITION] &&
        !wr_shape_whole(params[PARTITION].text, INT32_MAX)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "partition: expected a whole number of 0 or more, found \"%.*s\"",
                            WR_STR_ARG(params[PARTITION].text));
    }
    wr_str topic = params[TOPIC].text;
    if (constant[TOPIC] && (topic.len > 249 || !wr_shape_only(topic, "._-"))) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "topic: \"%.*s\" is no Kafka topic: 1 to 249 letters, digits and ._-",
                            WR_STR_ARG(topic));
    }
    return check_together(p, fault);
}

const struct wr_sink_impl wr_shape_kafka = {
    .name = "kafka",
    .failed_action = "KafkaAction",
    .help = "Produces the result to a Kafka topic.",
    .options = options,
    .resource_option = TOPIC,
    .check = check,
};
