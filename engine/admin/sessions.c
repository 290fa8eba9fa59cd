#include "engine/admin/sessions.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "engine/registry/secret.h"

#include "sql/base/banned.h"

#define IDLE_MS   (3600 * 1000ll)
#define LIFE_MS   (12 * 3600 * 1000ll)
#define LINK_MS   (300 * 1000ll)
#define LINKS_MAX 16
#define HASH_LEN  32

// Words are kept as their SHA-256: what is compared says nothing about what was right.
struct kept {
    bool used;
    unsigned char hash[HASH_LEN];
    int64_t begun_ms, seen_ms;
    struct wr_session session;
};

struct wr_sessions {
    struct kept sessions[WR_SESSIONS_MAX];
    struct kept links[LINKS_MAX];
};

struct wr_sessions *wr_sessions_new(void)
{
    return wr_zalloc(sizeof(struct wr_sessions));
}

void wr_sessions_free(struct wr_sessions *s)
{
    if (s) {
        wr_secret_wipe(s, sizeof *s);
        free(s);
    }
}

static void make_word(char word[WR_SESSION_WORD_LEN + 1])
{
    wr_secret_random_text(
        word, WR_SESSION_WORD_LEN,
        WR_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"));
    word[WR_SESSION_WORD_LEN] = '\0';
}

static void hash_of(wr_str word, unsigned char out[HASH_LEN])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    wr_assert(EVP_Digest(word.at, word.len, hash, NULL, EVP_sha256(), NULL) == 1);
    memcpy(out, hash, HASH_LEN);
}

// A free place, or that of the one seen least lately.
static struct kept *place(struct kept *list, size_t count)
{
    struct kept *oldest = list;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].used) {
            return &list[i];
        }
        if (list[i].seen_ms < oldest->seen_ms) {
            oldest = &list[i];
        }
    }
    return oldest;
}

static struct kept *find(struct kept *list, size_t count, wr_str word)
{
    unsigned char hash[HASH_LEN];
    hash_of(word, hash);
    for (size_t i = 0; i < count; i++) {
        if (list[i].used && !memcmp(list[i].hash, hash, HASH_LEN)) {
            return &list[i];
        }
    }
    return NULL;
}

static void keep(struct kept *at, const struct wr_session *as, int64_t now_ms,
                 char word[WR_SESSION_WORD_LEN + 1])
{
    make_word(word);
    *at = (struct kept){.used = true, .begun_ms = now_ms, .seen_ms = now_ms, .session = *as};
    make_word(at->session.csrf);
    hash_of(wr_str_of(word), at->hash);
}

void wr_sessions_begin(struct wr_sessions *s, const struct wr_session *as, int64_t now_ms,
                       char cookie[WR_SESSION_WORD_LEN + 1])
{
    keep(place(s->sessions, WR_SESSIONS_MAX), as, now_ms, cookie);
}

// The value of our cookie in "a=b; weir_session=…".
static wr_str cookie_of(const struct wr_http1_head *head)
{
    wr_str rest = wr_http1_header(head, WR_STR("Cookie"));
    while (rest.len) {
        ptrdiff_t end = wr_str_find(rest, WR_STR(";"));
        wr_str one = end < 0 ? rest : wr_str_cut(rest, 0, (size_t)end);
        rest = end < 0 ? (wr_str){0} : wr_str_cut(rest, (size_t)end + 1, rest.len);
        while (one.len && one.at[0] == ' ') {
            one = wr_str_cut(one, 1, one.len);
        }
        if (wr_str_starts(one, WR_STR(WR_SESSION_COOKIE "="))) {
            return wr_str_cut(one, sizeof WR_SESSION_COOKIE, one.len);
        }
    }
    return (wr_str){0};
}

const struct wr_session *wr_sessions_find(struct wr_sessions *s, const struct wr_http1_head *head,
                                          int64_t now_ms)
{
    wr_str word = cookie_of(head);
    struct kept *k = word.len ? find(s->sessions, WR_SESSIONS_MAX, word) : NULL;
    if (!k) {
        return NULL;
    }
    // A clock that jumps back ends nothing; one that jumps forward ends sessions early.
    if (now_ms - k->seen_ms > IDLE_MS || now_ms - k->begun_ms > LIFE_MS) {
        wr_secret_wipe(k, sizeof *k);
        return NULL;
    }
    k->seen_ms = now_ms;
    return &k->session;
}

void wr_sessions_end(struct wr_sessions *s, const struct wr_session *session)
{
    for (size_t i = 0; i < WR_SESSIONS_MAX; i++) {
        if (&s->sessions[i].session == session) {
            wr_secret_wipe(&s->sessions[i], sizeof s->sessions[i]);
        }
    }
}

void wr_sessions_link(struct wr_sessions *s, const struct wr_session *as, int64_t now_ms,
                      char word[WR_SESSION_WORD_LEN + 1])
{
    keep(place(s->links, LINKS_MAX), as, now_ms, word);
}

bool wr_sessions_take_link(struct wr_sessions *s, wr_str word, int64_t now_ms,
                           struct wr_session *out)
{
    struct kept *k = find(s->links, LINKS_MAX, word);
    bool good = k && now_ms - k->begun_ms <= LINK_MS;
    if (good) {
        *out = k->session;
    }
    if (k) {
        wr_secret_wipe(k, sizeof *k);
    }
    return good;
}
