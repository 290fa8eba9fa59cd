// The bytes of a compiled policy. For policy.c and policy_compile.c only.
//
//   head | statements | patterns | parts | conditions | texts
//
// Sections follow each other without gaps, so that the counts of the head give all places. Numbers
// are of this machine: a file of another byte order has another magic.
#ifndef WR_ENGINE_REGISTRY_POLICY_PARTS_H
#define WR_ENGINE_REGISTRY_POLICY_PARTS_H

#include <stdint.h>

#define POLICY_MAGIC UINT32_C(0x31505257) // "WRP1"

struct policy_head {
    uint32_t magic;
    uint32_t statements, patterns, parts, conditions; // how many
    uint32_t text_len;
};

#define POLICY_ALLOWS 1u
#define POLICY_DENIES 2u // neither: the statement is not understood

struct policy_statement {
    uint32_t effect;
    uint32_t action, actions; // first pattern, how many
    uint32_t resource, resources;
    uint32_t condition, conditions;
};

#define PATTERN_NEVER 1u // matches nothing: another service's ARN, an unknown variable
#define PATTERN_ALL   2u // a resource "*"

// A glob: its parts. Of a resource also those of the ARN's region and account.
struct policy_pattern {
    uint32_t flags;
    uint32_t part, parts;
    uint32_t region, regions;
    uint32_t account, accounts;
};

enum part_kind {
    PART_TEXT,
    PART_STAR,     // any run of characters
    PART_ANY,      // `len` characters
    PART_VARIABLE, // its value as plain text
    PART_KINDS,
};

// VAR(name, text). ATTRIBUTE and CERTIFICATE have a name of their own behind it.
#define POLICY_VARIABLES(VAR)                             \
    VAR(CLIENT_ID, "iot:ClientId")                        \
    VAR(SOURCE_IP, "aws:SourceIp")                        \
    VAR(DOMAIN_NAME, "iot:DomainName")                    \
    VAR(THING_NAME, "iot:Connection.Thing.ThingName")     \
    VAR(THING_TYPE, "iot:Connection.Thing.ThingTypeName") \
    VAR(IS_ATTACHED, "iot:Connection.Thing.IsAttached")   \
    VAR(ATTRIBUTE, "iot:Connection.Thing.Attributes[")    \
    VAR(CERTIFICATE, "iot:Certificate.")
enum policy_variable {
#define VAR(name, text) VARIABLE_##name,
    POLICY_VARIABLES(VAR)
#undef VAR
        POLICY_VARIABLE_COUNT,
};

#define INDEX_LIST 0xffffu // all values of a certificate's attribute: one that fits is enough

struct policy_part {
    uint8_t kind;
    uint8_t variable;
    uint16_t index;   // of a certificate's attribute
    uint32_t at, len; // TEXT: bytes of the texts; VARIABLE: its own name; ANY: len characters
};

// OPERATOR(name, text, negated). Each also with IfExists, but NULL.
#define POLICY_OPERATORS(OPERATOR)                                     \
    OPERATOR(STRING_EQUALS, "StringEquals", 0)                         \
    OPERATOR(STRING_NOT_EQUALS, "StringNotEquals", 1)                  \
    OPERATOR(STRING_EQUALS_NOCASE, "StringEqualsIgnoreCase", 0)        \
    OPERATOR(STRING_NOT_EQUALS_NOCASE, "StringNotEqualsIgnoreCase", 1) \
    OPERATOR(STRING_LIKE, "StringLike", 0)                             \
    OPERATOR(STRING_NOT_LIKE, "StringNotLike", 1)                      \
    OPERATOR(BOOL, "Bool", 0)                                          \
    OPERATOR(IP_ADDRESS, "IpAddress", 0)                               \
    OPERATOR(NOT_IP_ADDRESS, "NotIpAddress", 1)                        \
    OPERATOR(IS_NULL, "Null", 0)
enum policy_operator {
#define OPERATOR(name, text, negated) OPERATOR_##name,
    POLICY_OPERATORS(OPERATOR)
#undef OPERATOR
        POLICY_OPERATOR_COUNT,
};

struct policy_condition {
    uint8_t op;
    uint8_t if_exists;
    uint8_t variable;
    uint8_t zero;
    uint16_t index, zero2;
    uint32_t at, len;       // the variable's own name
    uint32_t value, values; // patterns
};

#endif
