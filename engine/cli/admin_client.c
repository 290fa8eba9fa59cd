// HTTP over the unix socket of a running weir, by libcurl.
#include "engine/cli/admin_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>
#include <jansson.h>

#include "sql/base/banned.h"

#define CONNECT_MS 5000

struct wr_admin_client {
    CURL *curl;
    char *path;
    const struct wr_admin_ask *ask;
    bool is_weir; // the answer under way says so
    bool enough;  // the caller wants no more of it
};

void wr_admin_client_path(const struct wr_config *config, const char *given, struct wr_buf *out)
{
    if (given) {
        wr_buf_add(out, wr_str_of(given));
    } else if (*config->admin_socket) {
        wr_buf_add(out, wr_str_of(config->admin_socket));
    } else {
        wr_buf_addf(out, "%s/admin.sock", config->state_dir);
    }
}

// ---- open

static wr_err explain_connect(const char *path, int code, struct wr_fault *fault)
{
    struct stat st;
    switch (code) {
    case ENOENT:
        return wr_fault_set(fault, WR_ERR_MISSING, "no weir runs here: %s does not exist", path);
    case ECONNREFUSED:
        if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
            return wr_fault_set(fault, WR_ERR_MISSING, "%s is not a socket", path);
        }
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "no weir runs here: nobody listens at %s, which a weir that ended left",
                            path);
    case EACCES:
    case EPERM:
        return wr_fault_set(fault, WR_ERR_DENIED,
                            "%s: this user may not connect; weir's user, root and the socket's "
                            "group may",
                            path);
    default:
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(code));
    }
}

static wr_err try_connect(const char *path, struct wr_fault *fault)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof at.sun_path) {
        return wr_fault_set(fault, WR_ERR_RANGE, "%s: a socket's path has 1 to %zu bytes", path,
                            sizeof at.sun_path - 1);
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "socket: %s", strerror(errno));
    }
    int code = connect(fd, (struct sockaddr *)&at, sizeof at) == 0 ? 0 : errno;
    close(fd);
    return code ? explain_connect(path, code, fault) : WR_OK;
}

wr_err wr_admin_client_open(const char *path, struct wr_admin_client **out, struct wr_fault *fault)
{
    wr_err err = try_connect(path, fault);
    if (err) {
        return err;
    }
    curl_global_init(CURL_GLOBAL_NOTHING);
    struct wr_admin_client *c = wr_zalloc(sizeof *c);
    c->curl = curl_easy_init();
    if (!c->curl) {
        wr_out_of_memory(0);
    }
    c->path = wr_strdup(wr_str_of(path));
    *out = c;
    return WR_OK;
}

void wr_admin_client_close(struct wr_admin_client *c)
{
    if (c) {
        curl_easy_cleanup(c->curl);
        free(c->path);
        free(c);
        curl_global_cleanup();
    }
}

// ---- ask

static size_t on_header(char *at, size_t size, size_t count, void *user)
{
    struct wr_admin_client *c = user;
    wr_str mark = WR_STR("Server: weir/");
    wr_str line = {at, size * count};
    if (line.len >= mark.len && wr_str_eq_nocase(wr_str_cut(line, 0, mark.len), mark)) {
        c->is_weir = true;
    }
    ptrdiff_t colon = wr_str_find(line, WR_STR(":"));
    if (c->ask->header && colon > 0) {
        wr_str value = wr_str_cut(line, (size_t)colon + 1, line.len);
        while (value.len && strchr(" \t\r\n", value.at[value.len - 1])) {
            value.len--;
        }
        while (value.len && strchr(" \t", value.at[0])) {
            value = wr_str_cut(value, 1, value.len);
        }
        c->ask->header(c->ask->user, wr_str_cut(line, 0, (size_t)colon), value);
    }
    return line.len;
}

static size_t on_body(char *at, size_t size, size_t count, void *user)
{
    struct wr_admin_client *c = user;
    wr_str bytes = {at, size * count};
    long status = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!c->is_weir) {
        return 0;
    }
    if (!c->ask->piece || status >= 300) {
        if (c->ask->answer) {
            wr_buf_add(c->ask->answer, bytes);
        }
        return bytes.len;
    }
    c->enough = !c->ask->piece(c->ask->user, bytes);
    return c->enough ? 0 : bytes.len;
}

static struct curl_slist *set_up(struct wr_admin_client *c, const char *url)
{
    const struct wr_admin_ask *ask = c->ask;
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    curl_easy_reset(c->curl); // the connection stays
    curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->path);
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)ask->timeout_ms);
    curl_easy_setopt(c->curl, CURLOPT_PATH_AS_IS, 1L);
    if (ask->body.len) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, ask->body.at);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len);
    } else if (strcmp(ask->method, "POST") == 0 || strcmp(ask->method, "PUT") == 0) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, ""); // sends Content-Length: 0
    }
    for (size_t i = 0; ask->headers && ask->headers[i]; i++) {
        headers = curl_slist_append(headers, ask->headers[i]);
    }
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, ask->method);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    return headers;
}

wr_err wr_admin_client_ask(struct wr_admin_client *c, const struct wr_admin_ask *ask, int *status,
                           struct wr_fault *fault)
{
    char error[CURL_ERROR_SIZE] = "";
    struct wr_buf url = {0};
    wr_buf_addf(&url, "http://localhost%.*s", WR_STR_ARG(ask->target));
    c->ask = ask;
    c->is_weir = c->enough = false;
    struct curl_slist *headers = set_up(c, wr_buf_terminated(&url));
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, error);
    CURLcode code = curl_easy_perform(c->curl);
    long answered = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &answered);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    wr_buf_release(&url);
    if (c->enough) {
        code = CURLE_OK;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return wr_fault_set(fault, WR_ERR_BUSY, "%s: no answer within %lld ms", c->path,
                            (long long)(ask->timeout_ms ? ask->timeout_ms : CONNECT_MS));
    }
    if ((answered && !c->is_weir) || code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_WEIRD_SERVER_REPLY) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "%s: what answers there is not a weir", c->path);
    }
    if (code != CURLE_OK) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", c->path,
                            *error ? error : curl_easy_strerror(code));
    }
    *status = (int)answered;
    return WR_OK;
}

void wr_admin_client_complaint(const struct wr_buf *answer, int status, struct wr_buf *out)
{
    json_t *json = json_loadb(answer->at ? answer->at : "", answer->len, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    if (message) {
        wr_buf_add(out, wr_str_of(message));
    } else if (answer->len) {
        wr_str text = wr_buf_str(answer);
        while (text.len && text.at[text.len - 1] == '\n') {
            text.len--;
        }
        wr_buf_add(out, text);
    } else {
        wr_buf_addf(out, "status %d", status);
    }
    json_decref(json);
}
