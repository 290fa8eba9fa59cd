// Sessions of the console: a cookie in place of a signature (control-plane.md 11). A session begins
// with an access key's secret or with a link that was used once, and has its caller's rights until
// it ends: after an hour without a call, after half a day, or when weir does.
//
// The cookie is HttpOnly and SameSite=Strict; a call that changes something must also show the
// session's word in the header X-Weir-Csrf, which a page of another origin cannot read.
// Thread: loop. Kept in memory only.
#ifndef WR_ENGINE_ADMIN_SESSIONS_H
#define WR_ENGINE_ADMIN_SESSIONS_H

#include "engine/admin/api.h"

#define WR_SESSION_WORD_LEN 43 // 256 bits in base64url
#define WR_SESSIONS_MAX     256
#define WR_SESSION_COOKIE   "weir_session"

struct wr_session {
    char csrf[WR_SESSION_WORD_LEN + 1];
    int64_t tenant; // of the credentials
    bool all;       // an administrator of weir as a whole: any tenant
    enum wr_role role;
    bool may_package;
    char actor[64];
    char key_id[129]; // the access key behind it; "": a link
};

struct wr_sessions;
struct wr_sessions *wr_sessions_new(void);
void wr_sessions_free(struct wr_sessions *s);

// Begin: `cookie` gets the word that finds it again. The oldest ends when there are too many.
void wr_sessions_begin(struct wr_sessions *s, const struct wr_session *as, int64_t now_ms,
                       char cookie[WR_SESSION_WORD_LEN + 1]);
// By the request's Cookie header; NULL: none, or over. Borrowed until the next call of this header.
const struct wr_session *wr_sessions_find(struct wr_sessions *s, const struct wr_http1_head *head,
                                          int64_t now_ms);
void wr_sessions_end(struct wr_sessions *s, const struct wr_session *session);

// A word that begins a session once, within five minutes.
void wr_sessions_link(struct wr_sessions *s, const struct wr_session *as, int64_t now_ms,
                      char word[WR_SESSION_WORD_LEN + 1]);
// Use it. False: there is none, or no more.
bool wr_sessions_take_link(struct wr_sessions *s, wr_str word, int64_t now_ms,
                           struct wr_session *out);

#endif
