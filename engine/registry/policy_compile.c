// From a policy document to its compiled form; policy.c asks that.
#include "engine/registry/policy.h"
#include "engine/registry/policy_parts.h"

#include <stdarg.h>
#include <stdio.h>

#include "sql/base/json.h"

#include "sql/base/banned.h"

#define ARENA_MAX (4u << 20) // a document of 64 KB as a tree

struct compiling {
    struct wr_buf statements, patterns, parts, conditions, texts;
    uint32_t statement; // at work on
    bool variables;     // the document's version has them
    bool too_long;      // a pattern has too many parts
    struct wr_arena *arena;
    struct wr_policy_notes *notes;
};

// A string of the document, its escapes decoded; {NULL, 0} for anything else.
static wr_str text_of(struct compiling *c, const wr_value *v)
{
    wr_value copy = *v;
    if (copy.type == WR_STRING) {
        wr_value_force(&copy, c->arena, WR_SQL_2016);
    }
    return copy.type == WR_STRING ? wr_value_text(&copy) : (wr_str){NULL, 0};
}

static void note(struct compiling *c, bool malformed, const char *format, ...) WR_PRINTF(3, 4);
static void note(struct compiling *c, bool malformed, const char *format, ...)
{
    struct wr_policy_notes *n = c->notes;
    n->malformed += malformed;
    if (n->count < WR_POLICY_NOTES_MAX) {
        struct wr_policy_note *to = &n->list[n->count];
        to->statement = c->statement;
        to->malformed = malformed;
        va_list args;
        va_start(args, format);
        vsnprintf(to->text, sizeof to->text, format, args);
        va_end(args);
        // It quotes the document, and goes into logs and a header of HTTP.
        for (char *p = to->text; *p; p++) {
            *p = *p >= ' ' && *p <= '~' ? *p : '?';
        }
    }
    n->count++;
}

static uint32_t count_of(const struct wr_buf *b, size_t size)
{
    return (uint32_t)(b->len / size);
}

static void add(struct wr_buf *b, const void *record, size_t size)
{
    wr_buf_add(b, (wr_str){record, size});
}

// ---- variables

static const struct {
    wr_str text;
} variables[] = {
#define VAR(name, text) {WR_STR_INIT(text)},
    POLICY_VARIABLES(VAR)
#undef VAR
};

// "Subject.Country", "Subject.Country.1", "Subject.Country.List": the bare name and the index.
static bool certificate_variable(wr_str text, wr_str *name, uint16_t *index)
{
    wr_str known;
    for (size_t i = 0; (known = wr_policy_certificate_name(i)).at; i++) {
        if (text.len < known.len || !wr_str_eq_nocase(wr_str_cut(text, 0, known.len), known)) {
            continue;
        }
        wr_str rest = wr_str_cut(text, known.len, text.len);
        *name = known;
        *index = wr_str_eq(known, WR_STR("AvailableKeys")) ? INDEX_LIST : 0;
        if (rest.len == 0) {
            return true;
        }
        if (wr_str_eq_nocase(rest, WR_STR(".List"))) {
            *index = INDEX_LIST;
            return true;
        }
        unsigned n = 0;
        size_t at = 1;
        for (; at < rest.len && at < 5 && rest.at[at] >= '0' && rest.at[at] <= '9'; at++) {
            n = n * 10 + (unsigned)(rest.at[at] - '0');
        }
        if (rest.at[0] == '.' && at > 1 && at == rest.len) {
            *index = (uint16_t)n;
            return true;
        }
    }
    return false;
}

// What stands between "${" and "}", or a condition's key, as a variable. `name` is in the text or
// static.
static bool find_variable(wr_str text, uint8_t *variable, wr_str *name, uint16_t *index)
{
    *name = WR_STR("");
    *index = 0;
    for (size_t i = 0; i < WR_COUNT(variables); i++) {
        wr_str known = variables[i].text;
        *variable = (uint8_t)i;
        if (i == VARIABLE_ATTRIBUTE) {
            if (text.len > known.len + 1 && text.at[text.len - 1] == ']' &&
                wr_str_eq_nocase(wr_str_cut(text, 0, known.len), known)) {
                *name = wr_str_cut(text, known.len, text.len - 1);
                return true;
            }
        } else if (i == VARIABLE_CERTIFICATE) {
            if (text.len > known.len && wr_str_eq_nocase(wr_str_cut(text, 0, known.len), known)) {
                return certificate_variable(wr_str_cut(text, known.len, text.len), name, index);
            }
        } else if (wr_str_eq_nocase(text, known)) {
            return true;
        }
    }
    return false;
}

// ---- patterns

#define WITH_WILDCARDS 1u
#define WITH_VARIABLES 2u
#define IN_LOWER_CASE  4u

static uint32_t add_text(struct compiling *c, wr_str text)
{
    uint32_t at = (uint32_t)c->texts.len;
    wr_buf_add(&c->texts, text);
    return at;
}

static struct policy_part *last_part(struct compiling *c, uint32_t first, enum part_kind kind)
{
    uint32_t count = count_of(&c->parts, sizeof(struct policy_part));
    if (count == first) {
        return NULL;
    }
    struct policy_part *part = (void *)(c->parts.at + (count - 1) * sizeof *part);
    return part->kind == kind ? part : NULL;
}

static void add_bytes(struct compiling *c, uint32_t first, wr_str bytes, unsigned with)
{
    struct policy_part *last = last_part(c, first, PART_TEXT);
    uint32_t at = add_text(c, bytes);
    for (size_t i = at; (with & IN_LOWER_CASE) && i < c->texts.len; i++) {
        char b = c->texts.at[i];
        c->texts.at[i] = b >= 'A' && b <= 'Z' ? (char)(b - 'A' + 'a') : b;
    }
    if (last && last->at + last->len == at) {
        last->len += (uint32_t)bytes.len;
        return;
    }
    struct policy_part part = {.kind = PART_TEXT, .at = at, .len = (uint32_t)bytes.len};
    add(&c->parts, &part, sizeof part);
}

// At "${": the variable, or false when it is none that is known. `*at` moves behind the "}".
static bool add_variable(struct compiling *c, uint32_t first, wr_str text, size_t *at)
{
    const char *close = memchr(text.at + *at, '}', text.len - *at);
    if (!close) {
        note(c, true, "'${' without '}' in '%.*s'", WR_STR_ARG(text));
        *at = text.len;
        return false;
    }
    wr_str inner = wr_str_cut(text, *at + 2, (size_t)(close - text.at));
    *at = (size_t)(close - text.at) + 1;
    if (inner.len == 1 && strchr("*?$", inner.at[0]) && inner.at[0]) {
        add_bytes(c, first, inner, 0);
        return true;
    }
    wr_str name;
    struct policy_part part = {.kind = PART_VARIABLE};
    if (!find_variable(inner, &part.variable, &name, &part.index)) {
        note(c, false, "'${%.*s}' is no policy variable that weir knows: this never matches",
             WR_STR_ARG(inner));
        return false;
    }
    part.at = add_text(c, name);
    part.len = (uint32_t)name.len;
    add(&c->parts, &part, sizeof part);
    return true;
}

// The parts of `text` at the end of the list; false: it never matches.
static bool add_parts(struct compiling *c, wr_str text, unsigned with, uint32_t *first,
                      uint32_t *count)
{
    bool good = true;
    *first = count_of(&c->parts, sizeof(struct policy_part));
    for (size_t at = 0; at < text.len;) {
        char b = text.at[at];
        if ((with & WITH_WILDCARDS) && b == '*') {
            if (!last_part(c, *first, PART_STAR)) {
                struct policy_part part = {.kind = PART_STAR};
                add(&c->parts, &part, sizeof part);
            }
            at++;
        } else if ((with & WITH_WILDCARDS) && b == '?') {
            struct policy_part *last = last_part(c, *first, PART_ANY);
            if (last) {
                last->len++;
            } else {
                struct policy_part part = {.kind = PART_ANY, .len = 1};
                add(&c->parts, &part, sizeof part);
            }
            at++;
        } else if ((with & WITH_VARIABLES) && b == '$' && at + 1 < text.len &&
                   text.at[at + 1] == '{') {
            good = add_variable(c, *first, text, &at) && good;
        } else {
            add_bytes(c, *first, wr_str_cut(text, at, at + 1), with);
            at++;
        }
    }
    *count = count_of(&c->parts, sizeof(struct policy_part)) - *first;
    c->too_long = c->too_long || *count > WR_POLICY_PARTS_MAX;
    return good;
}

static void add_action(struct compiling *c, wr_str text)
{
    struct policy_pattern p = {0};
    add_parts(c, text, WITH_WILDCARDS | IN_LOWER_CASE, &p.part, &p.parts);
    if (memchr(text.at, ' ', text.len)) {
        note(c, true, "action '%.*s' has a blank and matches nothing", WR_STR_ARG(text));
    } else if (!memchr(text.at, ':', text.len) && !wr_str_eq(text, WR_STR("*"))) {
        note(c, true, "action '%.*s' names no service, as iot:Connect does", WR_STR_ARG(text));
    }
    add(&c->patterns, &p, sizeof p);
}

// The part of an ARN from *at to the next colon; `*at` moves behind it. False: it was the last.
static bool segment(wr_str arn, size_t *at, wr_str *out)
{
    const char *colon = *at < arn.len ? memchr(arn.at + *at, ':', arn.len - *at) : NULL;
    size_t end = colon ? (size_t)(colon - arn.at) : arn.len;
    *out = wr_str_cut(arn, *at, end);
    *at = end + (colon != NULL);
    return colon != NULL;
}

static bool one_of_ours(wr_str part, bool service)
{
    static const wr_str partitions[] = {WR_STR_INIT("aws"), WR_STR_INIT("aws-cn"),
                                        WR_STR_INIT("aws-us-gov"), WR_STR_INIT("*")};
    if (service) {
        return wr_str_eq(part, WR_STR("iot")) || wr_str_eq(part, WR_STR("*"));
    }
    for (size_t i = 0; i < WR_COUNT(partitions); i++) {
        if (wr_str_eq(part, partitions[i])) {
            return true;
        }
    }
    return false;
}

static bool all_stars(wr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '*') {
            return false;
        }
    }
    return text.len > 0;
}

static void add_resource(struct compiling *c, wr_str text)
{
    struct policy_pattern p = {0};
    wr_str head[5] = {{NULL, 0}}; // arn, partition, service, region, account
    size_t at = 0, segments = 0;
    bool more = true, good = true;
    while (more && segments < 5) {
        more = segment(text, &at, &head[segments++]);
    }
    wr_str rest = wr_str_cut(text, at, text.len);
    if (all_stars(text)) {
        p.flags = PATTERN_ALL;
    } else if (!more && segments > 1 && all_stars(head[segments - 1])) {
        // "arn:aws:iot:*": the star is for all that would follow too.
        for (; segments < 5; segments++) {
            head[segments] = WR_STR("*");
        }
        rest = WR_STR("*");
        more = true;
    }
    if (!(p.flags & PATTERN_ALL)) {
        if (!more || !wr_str_eq(head[0], WR_STR("arn"))) {
            note(c, true,
                 "resource '%.*s' is neither * nor an ARN of six parts, "
                 "arn:aws:iot:REGION:ACCOUNT:RESOURCE: it matches nothing",
                 WR_STR_ARG(text));
            good = false;
        } else if (!one_of_ours(head[1], false) || !one_of_ours(head[2], true)) {
            note(c, false, "resource '%.*s' is none of AWS IoT: it matches nothing here",
                 WR_STR_ARG(text));
            good = false;
        }
        good = add_parts(c, head[3], WITH_WILDCARDS, &p.region, &p.regions) && good;
        good = add_parts(c, head[4], WITH_WILDCARDS, &p.account, &p.accounts) && good;
        good = add_parts(c, rest, WITH_WILDCARDS | (c->variables ? WITH_VARIABLES : 0), &p.part,
                         &p.parts) &&
               good;
        p.flags |= good ? 0 : PATTERN_NEVER;
    }
    add(&c->patterns, &p, sizeof p);
}

// A string or an array of strings, each to `take`; false (noted) for anything else.
static bool each_text(struct compiling *c, const wr_value *v, const char *member,
                      void (*take)(struct compiling *, wr_str))
{
    if (v->type == WR_STRING) {
        take(c, text_of(c, v));
        return true;
    }
    if (v->type != WR_ARRAY || v->len == 0) {
        note(c, true, "%s is neither a string nor an array of strings", member);
        return false;
    }
    for (uint32_t i = 0; i < v->len; i++) {
        if (v->as.items[i].type != WR_STRING) {
            note(c, true, "%s has an item that is no string", member);
            return false;
        }
        take(c, text_of(c, &v->as.items[i]));
    }
    return true;
}

// ---- conditions

static const struct {
    wr_str text;
} operators[] = {
#define OPERATOR(name, text, negated) {WR_STR_INIT(text)},
    POLICY_OPERATORS(OPERATOR)
#undef OPERATOR
};

static bool find_operator(wr_str text, struct policy_condition *out)
{
    for (size_t i = 0; i < WR_COUNT(operators); i++) {
        wr_str known = operators[i].text, rest;
        if (!wr_str_starts(text, known)) {
            continue;
        }
        rest = wr_str_cut(text, known.len, text.len);
        bool if_exists = wr_str_eq(rest, WR_STR("IfExists")) && i != OPERATOR_IS_NULL;
        if (rest.len == 0 || if_exists) {
            out->op = (uint8_t)i;
            out->if_exists = if_exists;
            return true;
        }
    }
    return false;
}

static bool add_condition_value(struct compiling *c, const struct policy_condition *to,
                                const wr_value *v)
{
    bool like = to->op == OPERATOR_STRING_LIKE || to->op == OPERATOR_STRING_NOT_LIKE;
    wr_str text;
    if (v->type == WR_STRING) {
        text = text_of(c, v);
    } else if (v->type == WR_BOOLEAN) {
        text = v->as.truth ? WR_STR("true") : WR_STR("false");
    } else {
        return false;
    }
    struct policy_pattern p = {0};
    bool good =
        add_parts(c, text, (like ? WITH_WILDCARDS : 0) | (c->variables ? WITH_VARIABLES : 0),
                  &p.part, &p.parts);
    p.flags = good ? 0 : PATTERN_NEVER;
    add(&c->patterns, &p, sizeof p);
    return good;
}

// One key with its values. False, noted: not supported.
static bool add_condition(struct compiling *c, struct policy_condition *to,
                          const struct wr_member *m)
{
    wr_str name;
    if (!find_variable(m->key, &to->variable, &name, &to->index)) {
        note(c, false, "the condition key '%.*s' is not supported", WR_STR_ARG(m->key));
        return false;
    }
    const wr_value *v = &m->value;
    uint32_t count = v->type == WR_ARRAY ? v->len : 1;
    to->value = count_of(&c->patterns, sizeof(struct policy_pattern));
    to->values = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!add_condition_value(c, to, v->type == WR_ARRAY ? &v->as.items[i] : v)) {
            note(c, false, "a value of the condition key '%.*s' is not supported",
                 WR_STR_ARG(m->key));
            return false;
        }
    }
    to->at = add_text(c, name);
    to->len = (uint32_t)name.len;
    add(&c->conditions, to, sizeof *to);
    return true;
}

// All of a Condition block; false when something in it is not supported.
static bool add_conditions(struct compiling *c, const wr_value *block)
{
    bool good = true;
    if (block->type != WR_OBJECT) {
        note(c, true, "Condition is no object");
        return false;
    }
    for (uint32_t i = 0; i < block->len; i++) {
        const struct wr_member *m = &block->as.members[i];
        struct policy_condition to = {0};
        if (!find_operator(m->key, &to) || m->value.type != WR_OBJECT) {
            note(c, false, "the condition operator '%.*s' is not supported", WR_STR_ARG(m->key));
            good = false;
            continue;
        }
        for (uint32_t k = 0; k < m->value.len; k++) {
            good = add_condition(c, &to, &m->value.as.members[k]) && good;
        }
    }
    return good;
}

// ---- statements

static uint32_t effect_of(struct compiling *c, const wr_value *statement)
{
    const wr_value *effect = wr_object_get(statement, WR_STR("Effect"));
    wr_str text = effect ? text_of(c, effect) : WR_STR("");
    if (wr_str_eq(text, WR_STR("Allow"))) {
        return POLICY_ALLOWS;
    }
    if (wr_str_eq(text, WR_STR("Deny"))) {
        return POLICY_DENIES;
    }
    note(c, true, "Effect is neither Allow nor Deny: the statement does nothing");
    return 0;
}

// Members that would narrow the statement in a way that is not supported.
static bool narrowed(struct compiling *c, const wr_value *statement)
{
    static const wr_str known[] = {WR_STR_INIT("Sid"), WR_STR_INIT("Effect"), WR_STR_INIT("Action"),
                                   WR_STR_INIT("Resource"), WR_STR_INIT("Condition")};
    bool found = false;
    for (uint32_t i = 0; i < statement->len; i++) {
        wr_str key = statement->as.members[i].key;
        bool is_known = false;
        for (size_t k = 0; k < WR_COUNT(known); k++) {
            is_known = is_known || wr_str_eq(key, known[k]);
        }
        if (!is_known) {
            note(c, false, "'%.*s' is not supported: the statement never allows", WR_STR_ARG(key));
            found = true;
        }
    }
    return found;
}

// The patterns of Action or Resource. A Deny that has its Not… form instead is about everything.
static bool add_targets(struct compiling *c, const wr_value *statement, wr_str member,
                        wr_str not_member, void (*take)(struct compiling *, wr_str),
                        uint32_t *first, uint32_t *count)
{
    const wr_value *v = wr_object_get(statement, member);
    bool good = true;
    *first = count_of(&c->patterns, sizeof(struct policy_pattern));
    if (v) {
        good = each_text(c, v, member.at, take);
    } else if (wr_object_get(statement, not_member)) {
        take(c, WR_STR("*"));
    } else {
        note(c, true, "there is no %s: the statement does nothing", member.at);
        good = false;
    }
    *count = count_of(&c->patterns, sizeof(struct policy_pattern)) - *first;
    return good;
}

static void add_statement(struct compiling *c, const wr_value *v)
{
    struct policy_statement s = {0};
    if (v->type != WR_OBJECT) {
        note(c, true, "a statement is an object, this is %s", wr_value_type_name(v));
        add(&c->statements, &s, sizeof s);
        return;
    }
    s.effect = effect_of(c, v);
    bool whole = !narrowed(c, v);
    bool good =
        add_targets(c, v, WR_STR("Action"), WR_STR("NotAction"), add_action, &s.action, &s.actions);
    good = add_targets(c, v, WR_STR("Resource"), WR_STR("NotResource"), add_resource, &s.resource,
                       &s.resources) &&
           good;
    const wr_value *block = wr_object_get(v, WR_STR("Condition"));
    if (block) {
        s.condition = count_of(&c->conditions, sizeof(struct policy_condition));
        whole = add_conditions(c, block) && whole;
        s.conditions = count_of(&c->conditions, sizeof(struct policy_condition)) - s.condition;
    }
    if (!good || (!whole && s.effect == POLICY_ALLOWS)) {
        s.effect = 0;
    } else if (!whole) {
        s.conditions = 0; // a Deny denies without what is not understood
    }
    add(&c->statements, &s, sizeof s);
}

static void add_document(struct compiling *c, const wr_value *document)
{
    const wr_value *version = wr_object_get(document, WR_STR("Version"));
    c->statement = UINT32_MAX;
    c->variables = version && wr_str_eq(text_of(c, version), WR_STR("2012-10-17"));
    if (!c->variables) {
        note(c, true, "Version is not \"2012-10-17\": policy variables are plain text");
    }
    for (uint32_t i = 0; i < document->len; i++) {
        wr_str key = document->as.members[i].key;
        if (!wr_str_eq(key, WR_STR("Version")) && !wr_str_eq(key, WR_STR("Statement")) &&
            !wr_str_eq(key, WR_STR("Id"))) {
            note(c, true, "'%.*s' is no member of a policy and is not looked at", WR_STR_ARG(key));
        }
    }
    const wr_value *list = wr_object_get(document, WR_STR("Statement"));
    if (!list || (list->type == WR_ARRAY && list->len == 0)) {
        note(c, true, "there is no Statement: the policy allows nothing");
        return;
    }
    uint32_t count = list->type == WR_ARRAY ? list->len : 1;
    for (uint32_t i = 0; i < count; i++) {
        c->statement = i;
        add_statement(c, list->type == WR_ARRAY ? &list->as.items[i] : list);
    }
}

static void put_together(struct compiling *c, struct wr_buf *out)
{
    struct policy_head head = {
        .magic = POLICY_MAGIC,
        .statements = count_of(&c->statements, sizeof(struct policy_statement)),
        .patterns = count_of(&c->patterns, sizeof(struct policy_pattern)),
        .parts = count_of(&c->parts, sizeof(struct policy_part)),
        .conditions = count_of(&c->conditions, sizeof(struct policy_condition)),
        .text_len = (uint32_t)c->texts.len,
    };
    add(out, &head, sizeof head);
    const struct wr_buf *sections[] = {&c->statements, &c->patterns, &c->parts, &c->conditions,
                                       &c->texts};
    for (size_t i = 0; i < WR_COUNT(sections); i++) {
        wr_buf_add(out, wr_buf_str(sections[i]));
    }
}

wr_err wr_policy_compile(wr_str document, struct wr_buf *out, struct wr_policy_notes *notes,
                         struct wr_fault *fault)
{
    if (document.len > WR_POLICY_DOCUMENT_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT,
                            "the policy document has %zu bytes, at most %d are read", document.len,
                            WR_POLICY_DOCUMENT_MAX);
    }
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_MAX);
    arena.fuel = UINT64_MAX;
    wr_value v;
    wr_err err = wr_json_parse(document, &arena, WR_SQL_2016, &v, fault);
    if (!err) {
        err = v.type == WR_OBJECT ? WR_OK
                                  : wr_fault_set(fault, WR_ERR_TYPE,
                                                 "a policy document is a JSON object, this is %s",
                                                 wr_value_type_name(&v));
    }
    if (!err) {
        struct wr_policy_notes unheard = {0};
        struct compiling c = {.arena = &arena, .notes = notes ? notes : &unheard};
        *c.notes = (struct wr_policy_notes){0};
        add_document(&c, &v);
        if (arena.over) {
            err = wr_fault_set(fault, WR_ERR_LIMIT, "the policy document is too large");
        } else if (c.too_long) {
            err = wr_fault_set(fault, WR_ERR_LIMIT,
                               "a pattern of the policy has more than %d wildcards, variables and "
                               "texts between them",
                               WR_POLICY_PARTS_MAX);
        } else {
            put_together(&c, out);
        }
        wr_buf_release(&c.statements);
        wr_buf_release(&c.patterns);
        wr_buf_release(&c.parts);
        wr_buf_release(&c.conditions);
        wr_buf_release(&c.texts);
    }
    wr_arena_release(&arena);
    return err;
}
