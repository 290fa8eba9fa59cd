// regexp_matches, regexp_substr and regexp_replace: the cache of compiled patterns, matching with
// limits, and Java's replacement texts. Translation from Java's dialect is in regex_translate.c.
#include "sql/func/regex.h"

#include "sql/base/hash.h"
#include "sql/base/utf8.h"
#include "sql/func/bodies.h"
#include "sql/func/regex_translate.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <pthread.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define MATCH_LIMIT   100000            // from one place: about 0.5 ms with JIT, 2 ms without
#define WORK_LIMIT    (64u << 20)       // of one call from all places: about 30 ms, 70 without JIT
#define WORK_STEP     16                // for a callout; a byte of the subject is 1
#define WORK_PER_STEP 16                // work in one step of the fuel
#define HEAP_LIMIT    (32 * 1024)       // KiB of backtracking memory without JIT
#define JIT_STACK_MIN (32 * 1024)       // bytes
#define JIT_STACK_MAX (1024 * 1024)     // bytes; beyond it the interpreter takes over
#define CACHE_ENTRIES 256               // patterns of a thread
#define CACHE_BUCKETS 512               // a power of two
#define CACHE_BYTES   (8 * 1024 * 1024) // patterns and code of a thread, machine code too
#define NONE          UINT16_MAX

// A pattern that was seen. One that does not compile is kept as well: it may come with every
// message.
struct entry {
    char *pattern;
    size_t len;
    uint64_t hash;
    size_t size;      // what it counts for in CACHE_BYTES
    pcre2_code *code; // NULL: not a regular expression
    bool jit;         // there is machine code
    struct wr_regex_groups *groups;
    uint16_t chain;        // the next of the same bucket
    uint16_t newer, older; // in order of use
};

// PCRE2's own limit holds for each place where a match may begin, and counts no characters: without
// this `(?=a*b)` takes minutes on a megabyte of `a`. Offsets are those of the subject.
struct work {
    size_t used, step;
    size_t start, at; // where this try began; the callout before this one
};

// Everything a thread keeps. The newest entry is tried first: rules with one pattern stay there.
struct thread {
    struct entry entries[CACHE_ENTRIES];
    uint16_t buckets[CACHE_BUCKETS];
    uint16_t newest, oldest, count;
    size_t bytes;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_match_data *data;
    uint32_t pairs; // of data
    pcre2_jit_stack *jit_stack;
    struct work work;
};

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static _Thread_local struct thread *self;
static _Thread_local uint64_t limit_hits, compiled;

// ---- what a thread keeps

static void entry_clear(struct entry *e)
{
    free(e->pattern);
    free(e->groups);
    pcre2_code_free(e->code);
    memset(e, 0, sizeof *e);
}

static void thread_free(void *at)
{
    struct thread *t = at;
    for (uint16_t i = 0; i < t->count; i++) {
        entry_clear(&t->entries[i]);
    }
    pcre2_match_data_free(t->data);
    pcre2_jit_stack_free(t->jit_stack);
    pcre2_match_context_free(t->match);
    pcre2_compile_context_free(t->compile);
    free(t);
}

static void thread_key_make(void)
{
    wr_assert(pthread_key_create(&thread_key, thread_free) == 0);
}

static void *must(void *made)
{
    if (!made) {
        wr_out_of_memory(0);
    }
    return made;
}

static int count_work(pcre2_callout_block *b, void *at)
{
    struct work *w = at;
    if (b->start_match != w->start) {
        w->start = w->at = b->start_match;
    }
    size_t here = b->current_position;
    w->used += w->step + (here > w->at ? here - w->at : w->at - here);
    w->at = here;
    if (b->callout_number == WR_REGEX_CALLOUT_GROUP) {
        size_t longest = 0;
        for (uint32_t i = 1; i < b->capture_top; i++) {
            const size_t *pair = &b->offset_vector[2 * i];
            size_t len = pair[0] == PCRE2_UNSET || pair[1] < pair[0] ? 0 : pair[1] - pair[0];
            longest = len > longest ? len : longest;
        }
        w->used += longest;
    }
    return w->used > WORK_LIMIT ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static struct thread *thread_new(void)
{
    struct thread *t = wr_zalloc(sizeof *t);
    memset(t->buckets, 0xff, sizeof t->buckets);
    t->newest = t->oldest = NONE;
    t->compile = must(pcre2_compile_context_create(NULL));
    // Written out in the pattern, since Java's line ends are none of PCRE2's sets; and with others
    // than LF a search steps over \r\n as one.
    pcre2_set_newline(t->compile, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(t->compile, PCRE2_BSR_UNICODE);
    t->match = must(pcre2_match_context_create(NULL));
    pcre2_set_match_limit(t->match, MATCH_LIMIT);
    pcre2_set_depth_limit(t->match, MATCH_LIMIT);
    pcre2_set_heap_limit(t->match, HEAP_LIMIT);
    pcre2_set_callout(t->match, count_work, &t->work);
    t->jit_stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (t->jit_stack) { // NULL where PCRE2 was built without JIT
        pcre2_jit_stack_assign(t->match, NULL, t->jit_stack);
    }
    pthread_once(&thread_once, thread_key_make);
    wr_assert(pthread_setspecific(thread_key, t) == 0);
    return t;
}

static struct thread *thread(void)
{
    if (WR_UNLIKELY(!self)) {
        self = thread_new();
    }
    return self;
}

void wr_regex_thread_release(void)
{
    if (self) {
        pthread_setspecific(thread_key, NULL);
        thread_free(self);
        self = NULL;
    }
}

uint64_t wr_regex_limit_hits(void)
{
    return limit_hits;
}

uint64_t wr_regex_compiled(void)
{
    return compiled;
}

// ---- compiling

// Debian's PCRE2 10.42 with JIT remembers where a repeat failed and does not try it there again,
// but two branches may reach it at different places: (?:a8|a)x*8 did not match "a8". The memory is
// one of the start optimisations; patterns with a branch go without. Those without one were
// compared with the interpreter (tests/model finds it again). A | that is quoted costs some speed,
// no more.
static uint32_t start_option(wr_str pattern)
{
    return memchr(pattern.at, '|', pattern.len) ? PCRE2_NO_START_OPTIMIZE : 0;
}

static wr_err compile(struct thread *t, wr_str java, pcre2_code **code,
                      struct wr_regex_groups *groups, struct wr_fault *fault)
{
    struct wr_buf pattern;
    wr_buf_init(&pattern, 0);
    wr_err err = wr_regex_translate(java, &pattern, groups, fault);
    if (!err) {
        int number;
        size_t offset;
        wr_str p = pattern.len ? wr_buf_str(&pattern) : WR_STR("");
        *code = pcre2_compile((PCRE2_SPTR)p.at, p.len,
                              PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C |
                                  start_option(p),
                              &number, &offset, t->compile);
        if (*code) {
            // Without JIT (refused by the system, or not built in) the interpreter does the work.
            pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE);
        } else {
            PCRE2_UCHAR text[128] = "";
            pcre2_get_error_message(number, text, sizeof text);
            err = wr_fault_set(fault, WR_ERR_UNSUPPORTED, "regular expression not supported: %s",
                               (const char *)text);
        }
    }
    wr_buf_release(&pattern);
    return err;
}

wr_err wr_regex_check(wr_str java, struct wr_fault *fault)
{
    struct wr_regex_groups *groups = wr_zalloc(sizeof *groups);
    pcre2_code *code = NULL;
    wr_err err = compile(thread(), java, &code, groups, fault);
    pcre2_code_free(code);
    free(groups);
    return err;
}

bool wr_regex_jit_works(void)
{
    int number;
    size_t offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) "a", 1, 0, &number, &offset, NULL);
    bool works = code && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    pcre2_code_free(code);
    return works;
}

// ---- the cache: a hash table over a fixed array, and a list in order of use

static void unlink_use(struct thread *t, uint16_t i)
{
    struct entry *e = &t->entries[i];
    *(e->newer == NONE ? &t->newest : &t->entries[e->newer].older) = e->older;
    *(e->older == NONE ? &t->oldest : &t->entries[e->older].newer) = e->newer;
}

static void link_newest(struct thread *t, uint16_t i)
{
    struct entry *e = &t->entries[i];
    e->newer = NONE;
    e->older = t->newest;
    *(t->newest == NONE ? &t->oldest : &t->entries[t->newest].newer) = i;
    t->newest = i;
}

// Forget the entry longest unused; its place is returned.
static uint16_t evict(struct thread *t)
{
    uint16_t i = t->oldest;
    struct entry *e = &t->entries[i];
    uint16_t *link = &t->buckets[e->hash & (CACHE_BUCKETS - 1)];
    while (*link != i) {
        link = &t->entries[*link].chain;
    }
    *link = e->chain;
    unlink_use(t, i);
    t->bytes -= e->size;
    entry_clear(e);
    return i;
}

static void fill(struct thread *t, struct entry *e, wr_str java, uint64_t hash)
{
    e->pattern = wr_strdup(java);
    e->len = java.len;
    e->hash = hash;
    e->groups = wr_zalloc(sizeof *e->groups);
    e->size = sizeof *e->groups + java.len;
    compiled++;
    if (compile(t, wr_str_cut((wr_str){e->pattern, e->len}, 0, e->len), &e->code, e->groups,
                NULL)) {
        e->code = NULL;
        return;
    }
    size_t size = 0, jit_size = 0;
    pcre2_pattern_info(e->code, PCRE2_INFO_SIZE, &size);
    pcre2_pattern_info(e->code, PCRE2_INFO_JITSIZE, &jit_size);
    e->size += size + jit_size;
    e->jit = jit_size > 0;
}

static struct entry *add(struct thread *t, wr_str java, uint64_t hash)
{
    uint16_t i = t->count < CACHE_ENTRIES ? t->count++ : evict(t);
    struct entry *e = &t->entries[i];
    fill(t, e, java, hash);
    t->bytes += e->size;
    uint16_t *bucket = &t->buckets[hash & (CACHE_BUCKETS - 1)];
    e->chain = *bucket;
    *bucket = i;
    link_newest(t, i);
    return e;
}

static bool is_pattern(const struct entry *e, wr_str java)
{
    return e->len == java.len && memcmp(e->pattern, java.at, java.len) == 0;
}

// The compiled pattern, or NULL when it is not a regular expression. Lent until the next call.
static const struct entry *lookup(struct wr_call *c, struct thread *t, wr_str java)
{
    if (java.len > WR_REGEX_PATTERN_MAX) {
        return NULL;
    }
    java = java.len ? java : WR_STR("");
    if (t->newest != NONE && is_pattern(&t->entries[t->newest], java)) {
        return t->entries[t->newest].code ? &t->entries[t->newest] : NULL;
    }
    uint64_t hash = wr_hash_str(java);
    for (uint16_t i = t->buckets[hash & (CACHE_BUCKETS - 1)]; i != NONE; i = t->entries[i].chain) {
        if (t->entries[i].hash == hash && is_pattern(&t->entries[i], java)) {
            unlink_use(t, i);
            link_newest(t, i);
            return t->entries[i].code ? &t->entries[i] : NULL;
        }
    }
    c->steps += 20000 + 64 * java.len; // compiling takes about 13 microseconds
    struct entry *e = add(t, java, hash);
    if (t->bytes > CACHE_BYTES && t->oldest != t->newest) {
        // Few and large patterns: start again rather than keep holes in the array.
        wr_regex_thread_release();
        return lookup(c, thread(), java);
    }
    return e->code ? e : NULL;
}

// The compiled pattern for one call of a function, whose work begins here; NULL as lookup().
static const struct entry *begin(struct wr_call *c, wr_str java)
{
    const struct entry *e = lookup(c, thread(), java);
    if (e) {
        self->work.used = 0;
        self->work.step = WORK_STEP + e->groups->weight / 8 + e->groups->count;
    }
    return e;
}

// ---- matching

enum outcome { MATCH, NO_MATCH, GAVE_UP };

static pcre2_match_data *match_data(struct thread *t, const struct entry *e)
{
    uint32_t pairs = e->groups->count + 1;
    if (WR_UNLIKELY(t->pairs < pairs)) {
        pcre2_match_data_free(t->data);
        t->pairs = pairs < 32 ? 32 : pairs;
        t->data = must(pcre2_match_data_create(t->pairs, NULL));
    }
    return t->data;
}

// `s` is valid UTF-8; *groups gets pairs of offsets, lent until the next match.
static enum outcome find(struct wr_call *c, struct thread *t, const struct entry *e, wr_str s,
                         size_t from, const size_t **groups)
{
    pcre2_match_data *data = match_data(t, e);
    PCRE2_SPTR text = (PCRE2_SPTR)(s.at ? s.at : "");
    size_t used = t->work.used;
    t->work.start = SIZE_MAX;
    int n = e->jit ? pcre2_jit_match(e->code, text, s.len, from, 0, data, t->match)
                   : pcre2_match(e->code, text, s.len, from, PCRE2_NO_UTF_CHECK, data, t->match);
    if (WR_UNLIKELY(n ==
                    PCRE2_ERROR_JIT_STACKLIMIT)) { // the interpreter has its own, larger, limit
        n = pcre2_match(e->code, text, s.len, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data,
                        t->match);
    }
    c->steps += (t->work.used - used) / WORK_PER_STEP;
    if (n >= 0) {
        *groups = pcre2_get_ovector_pointer(data);
        c->steps += 16 + ((*groups)[1] - from) / 4;
        return MATCH;
    }
    c->steps += (s.len - from) / 4;
    if (n == PCRE2_ERROR_NOMATCH) {
        return NO_MATCH;
    }
    limit_hits++;
    if (c->eval) {
        c->eval->regex_limits++;
    }
    c->steps += MATCH_LIMIT;
    return GAVE_UP;
}

wr_value wr_regex_matches(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str s, pattern;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_text(c, &args[1], &pattern)) {
        return wr_undefined();
    }
    const struct entry *e = begin(c, pattern);
    const size_t *groups;
    enum outcome found = e ? find(c, self, e, s, 0, &groups) : GAVE_UP;
    return found == GAVE_UP ? wr_undefined() : wr_boolean(found == MATCH);
}

wr_value wr_regex_substr(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str s, pattern;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_text(c, &args[1], &pattern)) {
        return wr_undefined();
    }
    const struct entry *e = begin(c, pattern);
    const size_t *groups;
    if (!e || find(c, self, e, s, 0, &groups) != MATCH) {
        return wr_undefined();
    }
    wr_str match = wr_str_cut(s, groups[0], groups[1]);
    return wr_string(match.len ? match : WR_STR(""));
}

// ---- replacement texts: Java's Matcher.appendReplacement

static bool name_byte(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
}

// What follows `$`: the group's number, or -1. *at moves behind it.
static int64_t group_reference(const struct wr_regex_groups *groups, wr_str with, size_t *at)
{
    size_t i = *at;
    if (i < with.len && with.at[i] == '{') {
        size_t from = ++i;
        while (i < with.len && name_byte(with.at[i])) {
            i++;
        }
        *at = i + 1;
        if (i >= with.len || with.at[i] != '}') {
            return -1;
        }
        for (uint32_t k = 0; k < groups->name_count; k++) {
            if (wr_str_eq(groups->names[k].name, wr_str_cut(with, from, i))) {
                return groups->names[k].group;
            }
        }
        return -1;
    }
    if (i >= with.len || with.at[i] < '0' || with.at[i] > '9') {
        return -1;
    }
    int64_t group = with.at[i++] - '0';
    while (i < with.len && with.at[i] >= '0' && with.at[i] <= '9') {
        int64_t longer = group * 10 + (with.at[i] - '0');
        if (longer > groups->count) {
            break; // the digit is text
        }
        group = longer;
        i++;
    }
    *at = i;
    return group > groups->count ? -1 : group;
}

// False when the text refers to a group that does not exist, or ends in a bare `$` or `\`.
static bool expand(struct wr_buf *b, const struct entry *e, wr_str s, wr_str with,
                   const size_t *groups)
{
    size_t i = 0, done = 0;
    while (i < with.len) {
        if (with.at[i] != '$' && with.at[i] != '\\') {
            i++;
            continue;
        }
        wr_buf_add(b, wr_str_cut(with, done, i));
        bool quote = with.at[i++] == '\\';
        done = i;
        if (quote) {
            if (i >= with.len) {
                return false;
            }
            i++; // the quoted byte goes with the text after it
            continue;
        }
        int64_t group = group_reference(e->groups, with, &i);
        if (group < 0) {
            return false;
        }
        if (groups[2 * group] != PCRE2_UNSET) {
            wr_buf_add(b, wr_str_cut(s, groups[2 * group], groups[2 * group + 1]));
        }
        done = i;
    }
    wr_buf_add(b, wr_str_cut(with, done, with.len));
    return true;
}

static wr_value replace_all(struct wr_call *c, const struct entry *e, wr_str s, wr_str with)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    const size_t *groups;
    size_t at = 0, done = 0;
    bool any = false;
    while (at <= s.len) {
        enum outcome found = find(c, self, e, s, at, &groups);
        if (found == NO_MATCH) {
            break;
        }
        if (found == GAVE_UP) {
            return wr_undefined();
        }
        any = true;
        wr_buf_add(&b, wr_str_cut(s, done, groups[0]));
        if (!expand(&b, e, s, with, groups) || b.over) {
            return wr_undefined();
        }
        done = at = groups[1];
        if (groups[0] == groups[1]) { // after an empty match go on one character further
            if (at == s.len) {
                break;
            }
            wr_utf8_next(s, &at);
        }
    }
    if (!any) {
        return wr_string(s.len ? s : WR_STR(""));
    }
    wr_buf_add(&b, wr_str_cut(s, done, s.len));
    c->steps += b.len / 8;
    return wr_call_built(&b);
}

wr_value wr_regex_replace(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str s, pattern, with;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_text(c, &args[1], &pattern) ||
        !wr_call_text(c, &args[2], &with)) {
        return wr_undefined();
    }
    const struct entry *e = begin(c, pattern);
    return e ? replace_all(c, e, s, with) : wr_undefined();
}
