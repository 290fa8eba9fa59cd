// Certificates as words of a command line: an id, the begin of one, or an ARN.
#include "engine/cli/control_cert.h"

#include <strings.h>

#include "sql/base/banned.h"

#define SHORTEST 4 // hex digits: fewer are more likely a slip than a certificate

static bool is_hex(const char *word)
{
    return *word && word[strspn(word, "0123456789abcdefABCDEF")] == '\0';
}

// Of the begin of an id.
static int find_begin(struct wr_control *c, const char *word, struct wr_buf *id)
{
    int code = wr_control_pages(c, "certificates", "/certificates?pageSize=250");
    size_t i;
    const json_t *one;
    int found = 0;
    if (code) {
        return code;
    }
    json_array_foreach(json_object_get(c->answer, "certificates"), i, one)
    {
        const char *other = wr_control_text(one, "certificateId");
        if (strncasecmp(other, word, strlen(word)) == 0) {
            found++;
            wr_buf_clear(id);
            wr_buf_add(id, wr_str_of(other));
        }
    }
    if (found != 1) {
        return wr_control_complain(c, WR_EXIT_NO, "%s certificate%s an id that begins with %s",
                                   found ? "several" : "no", found ? "s have" : " has", word);
    }
    return WR_EXIT_OK;
}

int wr_control_cert_id(struct wr_control *c, const char *word, struct wr_buf *id)
{
    const char *slash = strncmp(word, "arn:", 4) == 0 ? strstr(word, ":cert/") : NULL;
    word = slash ? slash + 6 : word;
    if (!is_hex(word) || strlen(word) < SHORTEST || strlen(word) > 64) {
        return wr_control_complain(c, WR_EXIT_USAGE,
                                   "expected a certificate's id, at least the first %d of its 64 "
                                   "hex digits, or its ARN, found '%s'",
                                   SHORTEST, word);
    }
    if (strlen(word) < 64) {
        return find_begin(c, word, id);
    }
    wr_buf_add(id, wr_str_of(word));
    return WR_EXIT_OK;
}

int wr_control_cert_arn(struct wr_control *c, const char *word, struct wr_buf *arn)
{
    struct wr_buf id = {0};
    int code = wr_control_cert_id(c, word, &id);
    if (!code) {
        code = wr_control_call(c, "GET", NULL, "/certificates/%s", wr_buf_terminated(&id));
    }
    if (!code) {
        wr_buf_add(arn,
                   wr_str_of(wr_control_text(c->answer, "certificateDescription.certificateArn")));
    }
    wr_buf_release(&id);
    return code;
}

int wr_control_with_principal(struct wr_control *c, const char *arn, const char *method,
                              const char *path, const char *name)
{
    struct wr_buf header = {0};
    wr_buf_addf(&header, "x-amzn-principal: %s", arn);
    c->header = wr_buf_terminated(&header);
    int code = wr_control_call(c, method, NULL, path, name);
    wr_buf_release(&header);
    return code;
}
