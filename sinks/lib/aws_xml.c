// libexpat, with the text of the wanted elements gathered on the way.
#include "sinks/lib/aws_xml.h"

#include <expat.h>

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include "sql/base/banned.h"

struct reader {
    XML_Parser parser;
    struct wr_aws_xml_field *fields, *now; // now: the one whose text is being read
    size_t count;
    unsigned depth, depth_of_now;
    struct wr_buf text;
    struct wr_arena *arena;
    bool full;
};

static wr_str local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return wr_str_of(colon ? colon + 1 : name);
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *r = user;
    if (++r->depth > WR_AWS_XML_DEPTH_MAX) {
        XML_StopParser(r->parser, XML_FALSE);
        return;
    }
    for (size_t i = 0; i < r->count && !r->now; i++) {
        struct wr_aws_xml_field *f = &r->fields[i];
        if (!f->text.at && wr_str_eq(f->name, local_name(name))) {
            r->now = f;
            r->depth_of_now = r->depth;
            wr_buf_init_arena(&r->text, r->arena);
        }
    }
}

static void XMLCALL on_text(void *user, const XML_Char *at, int len)
{
    struct reader *r = user;
    if (r->now && r->depth == r->depth_of_now) {
        wr_buf_add(&r->text, (wr_str){at, (size_t)len});
        r->full |= r->text.over;
    }
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct reader *r = user;
    if (r->now && r->depth == r->depth_of_now) {
        wr_str s = r->text.len ? wr_buf_str(&r->text) : WR_STR("");
        while (s.len > 0 && strchr(" \t\r\n", s.at[0])) {
            s = wr_str_cut(s, 1, s.len);
        }
        while (s.len > 0 && strchr(" \t\r\n", s.at[s.len - 1])) {
            s.len--;
        }
        r->now->text = s;
        r->now = NULL;
    }
    r->depth--;
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int internal)
{
    struct reader *r = user;
    XML_StopParser(r->parser, XML_FALSE);
}

bool wr_aws_xml_read(wr_str document, struct wr_aws_xml_field *fields, size_t count,
                     struct wr_arena *arena)
{
    if (document.len == 0 || document.len > WR_AWS_XML_MAX) {
        return false;
    }
    struct reader r = {.fields = fields, .count = count, .arena = arena};
    r.parser = XML_ParserCreate(NULL);
    if (!r.parser) {
        wr_out_of_memory(document.len);
    }
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    enum XML_Status status = XML_Parse(r.parser, document.at, (int)document.len, XML_TRUE);
    XML_ParserFree(r.parser);
    return status == XML_STATUS_OK && !r.full;
}

// ---- walking

struct walker {
    XML_Parser parser;
    void (*start)(void *user, wr_str name);
    void (*end)(void *user, wr_str name, wr_str text);
    void *user;
    unsigned depth;
    struct wr_buf texts[WR_AWS_XML_DEPTH_MAX + 2]; // by depth; expat may still end one too deep
    struct wr_arena *arena;
    bool full;
};

static void XMLCALL on_walk_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct walker *w = user;
    if (++w->depth > WR_AWS_XML_DEPTH_MAX) {
        XML_StopParser(w->parser, XML_FALSE);
        return;
    }
    wr_buf_init_arena(&w->texts[w->depth], w->arena);
    w->start(w->user, local_name(name));
}

static void XMLCALL on_walk_text(void *user, const XML_Char *at, int len)
{
    struct walker *w = user;
    wr_buf_add(&w->texts[w->depth], (wr_str){at, (size_t)len});
    w->full |= w->texts[w->depth].over;
}

static void XMLCALL on_walk_end(void *user, const XML_Char *name)
{
    struct walker *w = user;
    w->end(w->user, local_name(name), wr_buf_str(&w->texts[w->depth]));
    w->depth--;
}

static void XMLCALL on_walk_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                                    const XML_Char *public_id, int internal)
{
    XML_StopParser(((struct walker *)user)->parser, XML_FALSE);
}

bool wr_aws_xml_walk(wr_str document, void (*start)(void *user, wr_str name),
                     void (*end)(void *user, wr_str name, wr_str text), void *user,
                     struct wr_arena *arena)
{
    if (document.len == 0 || document.len > WR_AWS_XML_MAX) {
        return false;
    }
    struct walker w = {.start = start, .end = end, .user = user, .arena = arena};
    w.parser = XML_ParserCreate(NULL);
    if (!w.parser) {
        wr_out_of_memory(document.len);
    }
    XML_SetUserData(w.parser, &w);
    XML_SetElementHandler(w.parser, on_walk_start, on_walk_end);
    XML_SetCharacterDataHandler(w.parser, on_walk_text);
    XML_SetStartDoctypeDeclHandler(w.parser, on_walk_doctype);
    enum XML_Status status = XML_Parse(w.parser, document.at, (int)document.len, XML_TRUE);
    XML_ParserFree(w.parser);
    return status == XML_STATUS_OK && !w.full;
}
