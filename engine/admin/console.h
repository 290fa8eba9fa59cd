// The console's server side: its files, which are inside the binary (engine/console/), and the
// beginning and end of sessions. What its pages show they ask of the API, like anybody.
//
//   GET  /console/               the page; to who shows a session's cookie with what GET
//                                /console/session says in it
//   GET  /console/FILE           its script and its icon; nothing secret is in them
//   POST /console/login          {"accessKeyId", "secretAccessKey"} or {"link"}: a cookie
//   GET  /console/session        who I am, and the word for X-Weir-Csrf
//   POST /console/logout
//   POST /weir/v1/console-links  on admin.sock: a link for a browser (`weir console`)
//
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_CONSOLE_H
#define WR_ENGINE_ADMIN_CONSOLE_H

#include "engine/admin/api.h"

struct wr_console;
struct wr_sessions;

struct wr_console_options {
    struct wr_admin *admin;
    const struct wr_config *config;
    struct wr_tenants *tenants;
    struct wr_sessions *sessions;
};
// Everything in it is lent until free.
struct wr_console *wr_console_new(const struct wr_console_options *options);
void wr_console_free(struct wr_console *c);

// JSON into an element of HTML: each "<" becomes an escape of JSON, so that no text in it can end
// the element or begin another, and what is read from it is the same.
void wr_console_add_inert(struct wr_buf *to, const char *json);

// What the build made of engine/console/ (embed.py; console_files.c).
struct wr_console_file {
    const char *name;    // "app.js"
    const char *type;    // "text/javascript; charset=utf-8"
    const char *version; // of its content: asked for as "app.js?v=VERSION" it never changes
    const char *etag;    // the same, quoted
    const char *bytes;
    size_t len;
};
extern const struct wr_console_file wr_console_files[];
extern const size_t wr_console_file_count;

// The page in two pieces: between them, in its head, is the place for the session.
struct wr_console_page {
    const char *style; // "'sha256-…'": of the style in it, for the Content-Security-Policy
    wr_str before, after;
};
extern const struct wr_console_page wr_console_page;

#endif
